/* SPDX-License-Identifier: MIT */
/*
 * late: work items, DPCs and interrupts: what runs on another thread than the one that asked for it.
 *
 * Idea        the kernel floor's queues do the work; here a queued one holds its object, so that what
 *             runs finds it alive. Deleting waits for nobody: the disposal goes on where the last run
 *             ends.
 * Ordering    hb:late-line  queueing a work item and beginning to run it both release and acquire: a run
 *                           sees what was written before each call that led to it, and who queues it anew
 *                           the kernel's item as the run left it
 *             hb:late-done  a finished run is released; flushing acquires it
 *             hb:late-busy  what a run did is released before the disposal acquires it
 * Progress    that of the kernel's queues
 */
#include "mapstorm_wdf.h"
#include "wdf/device.h"

enum { DEVICE_IRQL = 5 };
#define LINE_BEGUN (UINT64_C(1) << 32)

/* --- what is queued or runs puts the disposal off --- */

struct ms_busy {
    ms_atomic_u32 word; /* hb:late-busy; 2 per one that is queued or runs, +1: being disposed */
};

static bool busy_enter(struct ms_busy *busy)
{
    uint32_t seen = ms_load_relaxed(&busy->word); /* a guess: the CAS decides */

    while ((seen & 1) == 0)
        if (ms_cas_relaxed(&busy->word, &seen, seen + 2)) /* orders nothing: the queue does */
            return true;
    return false;
}

/* One has run, or was taken out; the disposal goes on behind the last one. */
static void busy_leave(struct ms_busy *busy, struct ms_object *object)
{
    if (ms_fetch_sub_acq_rel(&busy->word, 2) == 3) /* hb:late-busy */
        ms_object_disposed(object);
}

/* True: nothing is queued or runs, and nothing will. */
static bool busy_close(struct ms_busy *busy)
{
    return ms_fetch_or_acq_rel(&busy->word, 1) == 0; /* hb:late-busy */
}

/* --- work items --- */

struct ms_workitem {
    struct ms_object object;
    WDF_WORKITEM_CONFIG config; /* const */
    PIO_WORKITEM item;          /* const */
    struct ms_busy busy;
    ms_atomic_u64
        line; /* hb:late-line; {begun:32, queued:32}; differ: it is in the kernel's queue */
    ms_atomic_u32 done;   /* hb:late-done; so many have run */
    ms_atomic_ptr runner; /* the CPU inside the callback; for that CPU alone */
};

static void workitem_destroy(struct ms_object *object)
{
    IoFreeWorkItem(((struct ms_workitem *)(void *)object)->item);
}

static bool workitem_dispose(struct ms_object *object)
{
    return busy_close(&((struct ms_workitem *)(void *)object)->busy);
}

static const struct ms_object_ops workitem_ops = {
    .kind = MS_OBJECT_WORKITEM,
    .driver_may_delete = true,
    .dispose = workitem_dispose,
    .destroy = workitem_destroy,
};

static NTSTATUS workitem_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_workitem *work = (struct ms_workitem *)(void *)object;
    struct ms_device *device = ms_device_of(parent);

    if (!device)
        return STATUS_INVALID_DEVICE_REQUEST;
    work->config = *(const WDF_WORKITEM_CONFIG *)context;
    ms_init(&work->busy.word, 0);
    ms_init(&work->line, 0);
    ms_init(&work->done, 0);
    ms_init(&work->runner, NULL);
    work->item = IoAllocateWorkItem(&device->fdo);
    return work->item ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS WdfWorkItemCreate(PWDF_WORKITEM_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes,
                           WDFWORKITEM *WorkItem)
{
    struct ms_object *object;
    NTSTATUS status;

    if (!Config || !WorkItem || !Config->EvtWorkItemFunc) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *WorkItem = NULL;
    if (Config->Size != sizeof *Config)
        return STATUS_INFO_LENGTH_MISMATCH;
    status = ms_object_make(&workitem_ops, sizeof(struct ms_workitem), Attributes,
                            MS_PARENT_REQUIRED, NULL, workitem_fill, Config, &object);
    if (NT_SUCCESS(status))
        *WorkItem = ms_object_made(object);
    return status;
}

static void workitem_run(PDEVICE_OBJECT device, PVOID context)
{
    struct ms_workitem *work = context;
    struct ms_scope *scope =
        work->config.AutomaticSerialization ? ms_scope_of(&work->object) : NULL;

    (void)device;
    /* hb:late-line: from here on it may be queued again, item and all; and what was written before it was
     * queued, also by who found it queued already, is seen. */
    ms_fetch_add_acq_rel(&work->line, LINE_BEGUN);
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, scope);
    ms_store_relaxed(&work->runner, ms_cpu_current()); /* only our own value means something */
    work->config.EvtWorkItemFunc(ms_object_handle(&work->object));
    ms_store_relaxed(&work->runner, NULL);
    ms_visit_end(&visit, work->object.handle);
    ms_fetch_add_release(&work->done, 1); /* hb:late-done */
    ms_wake(&work->done, UINT32_MAX);
    busy_leave(&work->busy, &work->object);
    ms_object_drop(&work->object);
}

/* False: it is queued already, and will see all the same what the caller wrote. */
static bool workitem_ask(struct ms_workitem *work)
{
    uint64_t seen = ms_load_relaxed(&work->line), next; /* a guess: the CAS decides */

    do {
        bool is_queued = (uint32_t)seen != (uint32_t)(seen >> 32);
        next = is_queued ? seen : (seen & ~(uint64_t)UINT32_MAX) | (uint32_t)(seen + 1);
    } while (!ms_cas_acq_rel(&work->line, &seen, next)); /* hb:late-line */
    return next != seen;
}

VOID WdfWorkItemEnqueue(WDFWORKITEM WorkItem)
{
    struct ms_workitem *work = ms_object_take(WorkItem, MS_OBJECT_WORKITEM);

    if (!work)
        return;                            /* FTL-02 */
    ms_irql_ask(DISPATCH_LEVEL, WorkItem); /* LVL-01 */
    if (!busy_enter(&work->busy))
        goto undo_take; /* it is being deleted */
    if (!workitem_ask(work))
        goto undo_busy;                                                /* it is queued already */
    IoQueueWorkItem(work->item, workitem_run, DelayedWorkQueue, work); /* with our reference */
    return;

undo_busy:
    busy_leave(&work->busy, &work->object);
undo_take:
    ms_object_drop(&work->object);
}

WDFOBJECT WdfWorkItemGetParentObject(WDFWORKITEM WorkItem)
{
    struct ms_workitem *work = ms_object_from(WorkItem, MS_OBJECT_WORKITEM);

    return work ? ms_object_handle(work->object.parent) : NULL;
}

VOID WdfWorkItemFlush(WDFWORKITEM WorkItem)
{
    struct ms_workitem *work = ms_object_take(WorkItem, MS_OBJECT_WORKITEM);
    uint32_t wanted, seen;

    if (!work)
        return; /* FTL-02 */
    ms_irql_ask(PASSIVE_LEVEL, WorkItem);
    /* Relaxed: what the caller queued, or knows to be queued, is in it. */
    wanted = (uint32_t)ms_load_relaxed(&work->line);
    if (ms_load_relaxed(&work->runner) == ms_cpu_current()) {
        ms_rule_break(MS_RULE_WDF_WAIT_INSIDE, work->object.handle, 0);
        wanted = ms_load_relaxed(&work->done); /* it would wait for itself */
    }
    while ((int32_t)(wanted - (seen = ms_load_acquire(&work->done))) > 0) /* hb:late-done */
        ms_wait(&work->done, seen, UINT64_MAX);
    ms_object_drop(&work->object);
}

/* --- DPCs --- */

struct ms_dpc {
    struct ms_object object;
    WDF_DPC_CONFIG config; /* const */
    struct ms_busy busy;
    KDPC dpc;
};

/* Puts it into the kernel's queue, which then has the caller's reference; else that is dropped. */
static BOOLEAN dpc_insert(KDPC *dpc, struct ms_busy *busy, struct ms_object *object)
{
    if (!busy_enter(busy))
        goto undo_take;
    if (!KeInsertQueueDpc(dpc, NULL, NULL))
        goto undo_busy; /* it is queued already */
    return TRUE;

undo_busy:
    busy_leave(busy, object);
undo_take:
    ms_object_drop(object);
    return FALSE;
}

/* Takes it out again, when it has not begun. The caller has a reference of its own. */
static BOOLEAN dpc_remove(KDPC *dpc, struct ms_busy *busy, struct ms_object *object)
{
    if (!KeRemoveQueueDpc(dpc))
        return FALSE;
    busy_leave(busy, object);
    ms_object_drop(object); /* the queue's reference */
    return TRUE;
}

static bool dpc_dispose(struct ms_object *object)
{
    struct ms_dpc *dpc = (struct ms_dpc *)(void *)object;

    dpc_remove(&dpc->dpc, &dpc->busy, object);
    return busy_close(&dpc->busy);
}

static const struct ms_object_ops dpc_ops = {
    .kind = MS_OBJECT_DPC,
    .driver_may_delete = true,
    .dispose = dpc_dispose,
    .destroy = ms_object_destroy_nothing,
};

static VOID dpc_run(PKDPC kernel, PVOID context, PVOID argument1, PVOID argument2)
{
    struct ms_dpc *dpc = context;
    struct ms_scope *scope = dpc->config.AutomaticSerialization ? ms_scope_of(&dpc->object) : NULL;
    struct ms_visit visit = ms_visit_begin(DISPATCH_LEVEL, scope);

    (void)kernel, (void)argument1, (void)argument2;
    dpc->config.EvtDpcFunc(ms_object_handle(&dpc->object));
    ms_visit_end(&visit, dpc->object.handle);
    busy_leave(&dpc->busy, &dpc->object);
    ms_object_drop(&dpc->object);
}

static NTSTATUS dpc_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_dpc *dpc = (struct ms_dpc *)(void *)object;

    if (!ms_device_of(parent))
        return STATUS_INVALID_DEVICE_REQUEST;
    dpc->config = *(const WDF_DPC_CONFIG *)context;
    ms_init(&dpc->busy.word, 0);
    KeInitializeDpc(&dpc->dpc, dpc_run, dpc);
    return STATUS_SUCCESS;
}

NTSTATUS WdfDpcCreate(PWDF_DPC_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes, WDFDPC *Dpc)
{
    struct ms_object *object;
    NTSTATUS status;

    if (!Config || !Dpc || !Config->EvtDpcFunc) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *Dpc = NULL;
    if (Config->Size != sizeof *Config)
        return STATUS_INFO_LENGTH_MISMATCH;
    status = ms_object_make(&dpc_ops, sizeof(struct ms_dpc), Attributes, MS_PARENT_REQUIRED, NULL,
                            dpc_fill, Config, &object);
    if (NT_SUCCESS(status))
        *Dpc = ms_object_made(object);
    return status;
}

BOOLEAN WdfDpcEnqueue(WDFDPC Dpc)
{
    struct ms_dpc *dpc = ms_object_take(Dpc, MS_OBJECT_DPC);

    if (!dpc)
        return FALSE; /* FTL-02 */
    return dpc_insert(&dpc->dpc, &dpc->busy, &dpc->object);
}

BOOLEAN WdfDpcCancel(WDFDPC Dpc, BOOLEAN Wait)
{
    struct ms_dpc *dpc = ms_object_take(Dpc, MS_OBJECT_DPC);
    BOOLEAN was;

    if (!dpc)
        return FALSE; /* FTL-02 */
    was = dpc_remove(&dpc->dpc, &dpc->busy, &dpc->object);
    if (Wait) {
        ms_irql_ask(PASSIVE_LEVEL, Dpc);
        KeFlushQueuedDpcs();
    }
    ms_object_drop(&dpc->object);
    return was;
}

WDFOBJECT WdfDpcGetParentObject(WDFDPC Dpc)
{
    struct ms_dpc *dpc = ms_object_from(Dpc, MS_OBJECT_DPC);

    return dpc ? ms_object_handle(dpc->object.parent) : NULL;
}

/* --- interrupts (WQU-06) --- */

struct ms_interrupt {
    struct ms_object object;
    WDF_INTERRUPT_CONFIG config; /* const */
    struct ms_device *device;    /* const */
    KSPIN_LOCK lock;
    KIRQL irql; /* who holds the lock through WdfInterruptAcquireLock */
    struct ms_busy busy;
    KDPC dpc;
};

static bool interrupt_dispose(struct ms_object *object)
{
    struct ms_interrupt *interrupt = (struct ms_interrupt *)(void *)object;

    dpc_remove(&interrupt->dpc, &interrupt->busy, object);
    return busy_close(&interrupt->busy);
}

static const struct ms_object_ops interrupt_ops = {
    .kind = MS_OBJECT_INTERRUPT,
    .driver_may_delete = false,
    .dispose = interrupt_dispose,
    .destroy = ms_object_destroy_nothing,
};

static VOID interrupt_dpc(PKDPC kernel, PVOID context, PVOID argument1, PVOID argument2)
{
    struct ms_interrupt *interrupt = context;
    struct ms_scope *scope =
        interrupt->config.AutomaticSerialization ? ms_scope_of(&interrupt->object) : NULL;
    struct ms_visit visit = ms_visit_begin(DISPATCH_LEVEL, scope);

    (void)kernel, (void)argument1, (void)argument2;
    interrupt->config.EvtInterruptDpc(ms_object_handle(&interrupt->object),
                                      ms_object_handle(&interrupt->device->object));
    ms_visit_end(&visit, interrupt->object.handle);
    busy_leave(&interrupt->busy, &interrupt->object);
    ms_object_drop(&interrupt->object);
}

static NTSTATUS interrupt_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_interrupt *interrupt = (struct ms_interrupt *)(void *)object;

    interrupt->device = ms_device_of(parent);
    if (!interrupt->device)
        return STATUS_INVALID_DEVICE_REQUEST;
    interrupt->config = *(const WDF_INTERRUPT_CONFIG *)context;
    KeInitializeSpinLock(&interrupt->lock);
    ms_init(&interrupt->busy.word, 0);
    KeInitializeDpc(&interrupt->dpc, interrupt_dpc, interrupt);
    return STATUS_SUCCESS;
}

NTSTATUS WdfInterruptCreate(WDFDEVICE Device, PWDF_INTERRUPT_CONFIG Configuration,
                            PWDF_OBJECT_ATTRIBUTES Attributes, WDFINTERRUPT *Interrupt)
{
    struct ms_device *device;
    struct ms_object *object;
    NTSTATUS status;

    if (!Configuration || !Interrupt || !Configuration->EvtInterruptIsr) {
        ms_rule_break(MS_RULE_WDF_NULL, (uint64_t)(uintptr_t)Device, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *Interrupt = NULL;
    if (Configuration->Size != sizeof *Configuration)
        return STATUS_INFO_LENGTH_MISMATCH;
    device = ms_object_take(Device, MS_OBJECT_DEVICE);
    if (!device)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    status =
        ms_object_make(&interrupt_ops, sizeof(struct ms_interrupt), Attributes, MS_PARENT_OPTIONAL,
                       &device->object, interrupt_fill, Configuration, &object);
    if (NT_SUCCESS(status))
        *Interrupt = ms_object_made(object);
    ms_object_drop(&device->object);
    return status;
}

BOOLEAN WdfInterruptQueueDpcForIsr(WDFINTERRUPT Interrupt)
{
    struct ms_interrupt *interrupt = ms_object_take(Interrupt, MS_OBJECT_INTERRUPT);

    if (!interrupt)
        return FALSE; /* FTL-02 */
    if (interrupt->config.EvtInterruptDpc)
        return dpc_insert(&interrupt->dpc, &interrupt->busy, &interrupt->object);
    ms_object_drop(&interrupt->object);
    return FALSE;
}

static KIRQL interrupt_lock(struct ms_interrupt *interrupt)
{
    KIRQL before = KfRaiseIrql(DEVICE_IRQL);

    KeAcquireSpinLockAtDpcLevel(&interrupt->lock);
    return before;
}

VOID WdfInterruptAcquireLock(WDFINTERRUPT Interrupt)
{
    struct ms_interrupt *interrupt = ms_object_from(Interrupt, MS_OBJECT_INTERRUPT);

    if (!interrupt)
        return; /* FTL-02 */
    KIRQL before = interrupt_lock(interrupt);
    interrupt->irql = before;
}

VOID WdfInterruptReleaseLock(WDFINTERRUPT Interrupt)
{
    struct ms_interrupt *interrupt = ms_object_from(Interrupt, MS_OBJECT_INTERRUPT);

    if (!interrupt)
        return; /* FTL-02 */
    KeReleaseSpinLock(&interrupt->lock, interrupt->irql);
}

WDFDEVICE WdfInterruptGetDevice(WDFINTERRUPT Interrupt)
{
    struct ms_interrupt *interrupt = ms_object_from(Interrupt, MS_OBJECT_INTERRUPT);

    return interrupt ? ms_object_handle(&interrupt->device->object) : NULL;
}

BOOLEAN ms_wdf_interrupt(WDFINTERRUPT interrupt)
{
    struct ms_interrupt *i = ms_object_try(interrupt, MS_OBJECT_INTERRUPT);
    BOOLEAN mine;

    if (!i)
        return FALSE;
    KIRQL before = interrupt_lock(i);
    mine = i->config.EvtInterruptIsr(interrupt, 0);
    KeReleaseSpinLock(&i->lock, before);
    ms_object_drop(&i->object);
    return mine;
}

struct interrupt_search {
    uint32_t left; /* to pass by */
    WDFINTERRUPT found;
};

static void interrupt_look(struct ms_object *object, void *context)
{
    struct interrupt_search *search = context;

    if (!search->found && search->left-- == 0)
        search->found = ms_object_handle(object);
}

WDFINTERRUPT ms_wdf_interrupt_of(WDFDEVICE device, uint32_t index)
{
    struct ms_device *d = ms_object_try(device, MS_OBJECT_DEVICE);
    struct interrupt_search search = {.left = index};

    if (!d)
        return NULL;
    ms_object_visit(&d->object, MS_OBJECT_INTERRUPT, interrupt_look, &search);
    ms_object_drop(&d->object);
    return search.found;
}
