/* SPDX-License-Identifier: MIT */
/*
 * lock: the locks that drivers make (LCK-*). Blocking by their nature; the framework itself takes none
 * of them.
 */
#include "wdf/callback.h"
#include "wdf/device.h"
#include "wdf/queue.h"

struct ms_spinlock {
    struct ms_object object;
    KSPIN_LOCK lock;
    ms_atomic_ptr owner; /* the CPU that has it; for that CPU alone */
    KIRQL irql;          /* owner: to go back to (LCK-01) */
    uint32_t again;      /* owner: acquired once more, which is a mistake */
};

struct ms_waitlock {
    struct ms_object object;
    KEVENT event;
    ms_atomic_ptr owner; /* as above */
};

static bool is_mine(const ms_atomic_ptr *owner)
{
    return ms_load_relaxed(owner) == ms_cpu_current(); /* only our own value means something */
}

static bool owned_dispose(struct ms_object *object, const ms_atomic_ptr *owner)
{
    if (ms_load_relaxed(owner)) /* a report: nobody decides on it */
        ms_rule_break(MS_RULE_WDF_LOCK_DELETED, object->handle, 0); /* LCK-02 */
    return true;
}

static bool spinlock_dispose(struct ms_object *object)
{
    return owned_dispose(object, &((struct ms_spinlock *)(void *)object)->owner);
}

static bool waitlock_dispose(struct ms_object *object)
{
    return owned_dispose(object, &((struct ms_waitlock *)(void *)object)->owner);
}

static const struct ms_object_ops spinlock_ops = {
    .kind = MS_OBJECT_SPINLOCK,
    .driver_may_delete = true,
    .dispose = spinlock_dispose,
    .destroy = ms_object_destroy_nothing,
};

static const struct ms_object_ops waitlock_ops = {
    .kind = MS_OBJECT_WAITLOCK,
    .driver_may_delete = true,
    .dispose = waitlock_dispose,
    .destroy = ms_object_destroy_nothing,
};

static NTSTATUS spinlock_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_spinlock *lock = (struct ms_spinlock *)(void *)object;

    (void)parent, (void)context;
    KeInitializeSpinLock(&lock->lock);
    ms_init(&lock->owner, NULL);
    return STATUS_SUCCESS;
}

static NTSTATUS waitlock_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_waitlock *lock = (struct ms_waitlock *)(void *)object;

    (void)parent, (void)context;
    KeInitializeEvent(&lock->event, SynchronizationEvent, TRUE);
    ms_init(&lock->owner, NULL);
    return STATUS_SUCCESS;
}

NTSTATUS WdfSpinLockCreate(PWDF_OBJECT_ATTRIBUTES SpinLockAttributes, WDFSPINLOCK *SpinLock)
{
    struct ms_wdf *wdf = ms_wdf_here();
    struct ms_object *object;
    NTSTATUS status;

    if (!SpinLock || !wdf) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *SpinLock = NULL;
    status = ms_object_make(&spinlock_ops, sizeof(struct ms_spinlock), SpinLockAttributes,
                            MS_PARENT_OPTIONAL, wdf->root, spinlock_fill, NULL, &object);
    if (NT_SUCCESS(status))
        *SpinLock = ms_object_made(object);
    return status;
}

VOID WdfSpinLockAcquire(WDFSPINLOCK SpinLock)
{
    struct ms_spinlock *lock = ms_object_take(SpinLock, MS_OBJECT_SPINLOCK);

    if (!lock)
        return;                            /* FTL-02 */
    ms_irql_ask(DISPATCH_LEVEL, SpinLock); /* LVL-01 */
    if (is_mine(&lock->owner)) {
        ms_rule_break(MS_RULE_WDF_LOCK_RECURSION, lock->object.handle, 0);
        lock->again++; /* it would wait for itself for ever */
    } else {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock->lock); /* LCK-01 */
        lock->irql = irql;
        ms_store_relaxed(&lock->owner, ms_cpu_current());
    }
    ms_object_drop(&lock->object);
}

VOID WdfSpinLockRelease(WDFSPINLOCK SpinLock)
{
    struct ms_spinlock *lock = ms_object_take(SpinLock, MS_OBJECT_SPINLOCK);

    if (!lock)
        return;                            /* FTL-02 */
    ms_irql_ask(DISPATCH_LEVEL, SpinLock); /* LVL-01 */
    if (!is_mine(&lock->owner)) {
        ms_rule_break(MS_RULE_WDF_LOCK_OWNER, lock->object.handle, 0); /* LCK-03 */
    } else if (lock->again > 0) {
        lock->again--;
    } else {
        KIRQL irql = lock->irql;
        ms_store_relaxed(&lock->owner, NULL);
        KeReleaseSpinLock(&lock->lock, irql); /* LCK-01 */
    }
    ms_object_drop(&lock->object);
}

NTSTATUS WdfWaitLockCreate(PWDF_OBJECT_ATTRIBUTES LockAttributes, WDFWAITLOCK *Lock)
{
    struct ms_wdf *wdf = ms_wdf_here();
    struct ms_object *object;
    NTSTATUS status;

    if (!Lock || !wdf) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *Lock = NULL;
    status = ms_object_make(&waitlock_ops, sizeof(struct ms_waitlock), LockAttributes,
                            MS_PARENT_OPTIONAL, wdf->root, waitlock_fill, NULL, &object);
    if (NT_SUCCESS(status))
        *Lock = ms_object_made(object);
    return status;
}

NTSTATUS WdfWaitLockAcquire(WDFWAITLOCK Lock, PLONGLONG Timeout)
{
    struct ms_waitlock *lock = ms_object_take(Lock, MS_OBJECT_WAITLOCK);
    LARGE_INTEGER timeout = {.QuadPart = Timeout ? *Timeout : 0};
    NTSTATUS status = STATUS_TIMEOUT;

    if (!lock)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    if (!Timeout)
        ms_irql_ask(PASSIVE_LEVEL, Lock);
    if (is_mine(&lock->owner))
        ms_rule_break(MS_RULE_WDF_LOCK_RECURSION, lock->object.handle, 0); /* and no wait */
    else
        status = KeWaitForSingleObject(&lock->event, Executive, KernelMode, FALSE,
                                       Timeout ? &timeout : NULL);
    if (status == STATUS_SUCCESS)
        ms_store_relaxed(&lock->owner, ms_cpu_current());
    ms_object_drop(&lock->object);
    return status;
}

VOID WdfWaitLockRelease(WDFWAITLOCK Lock)
{
    struct ms_waitlock *lock = ms_object_take(Lock, MS_OBJECT_WAITLOCK);

    if (!lock)
        return; /* FTL-02 */
    if (!is_mine(&lock->owner)) {
        ms_rule_break(MS_RULE_WDF_LOCK_OWNER, lock->object.handle, 0); /* LCK-03 */
    } else {
        ms_store_relaxed(&lock->owner, NULL);
        KeSetEvent(&lock->event, IO_NO_INCREMENT, FALSE);
    }
    ms_object_drop(&lock->object);
}

/* --- the lock of a scope (WQU-05) --- */

/* A device's or queue's own lock, whether or not its callbacks take it. */
static struct ms_scope *scope_in(struct ms_object *object)
{
    if (object->ops->kind == MS_OBJECT_DEVICE)
        return &((struct ms_device *)(void *)object)->scope;
    if (object->ops->kind == MS_OBJECT_QUEUE)
        return &((struct ms_queue *)(void *)object)->scope;
    return NULL;
}

VOID WdfObjectAcquireLock(WDFOBJECT Object)
{
    struct ms_object *object = ms_object_take(Object, MS_OBJECT_ANY);
    struct ms_scope *scope = object ? scope_in(object) : NULL;

    if (scope) {
        KIRQL irql = ms_scope_enter(scope);
        if (scope->depth == 1)
            scope->irql = irql;
    } else if (object) {
        ms_rule_break(MS_RULE_WDF_HANDLE, object->handle, object->ops->kind);
    }
    if (object)
        ms_object_drop(object);
}

VOID WdfObjectReleaseLock(WDFOBJECT Object)
{
    struct ms_object *object = ms_object_take(Object, MS_OBJECT_ANY);
    struct ms_scope *scope = object ? scope_in(object) : NULL;

    if (object && (!scope || !ms_scope_is_mine(scope)))
        ms_rule_break(MS_RULE_WDF_LOCK_OWNER, object->handle, object->ops->kind); /* LCK-03 */
    else if (scope)
        ms_scope_leave(scope, scope->depth == 1 ? scope->irql : KeGetCurrentIrql());
    if (object)
        ms_object_drop(object);
}
