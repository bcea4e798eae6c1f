/* SPDX-License-Identifier: MIT */
#include "wdf/test_driver.h"

/* LCK-01 */
MS_TEST(a_spin_lock_raises_and_goes_back)
{
    struct rig r = {.queue = NULL};
    WDFSPINLOCK lock;
    KIRQL irql;

    rig_open(&r);
    assert_status(WdfSpinLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &lock), STATUS_SUCCESS);
    WdfSpinLockAcquire(lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    WdfSpinLockRelease(lock);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    WdfSpinLockAcquire(lock);
    WdfSpinLockRelease(lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(irql);
    rig_close(&r);
}

/* LCK-01, LVL-06 */
MS_TEST(acquiring_again_is_reported_and_does_not_hang)
{
    struct rig r = {.queue = NULL};
    WDFSPINLOCK lock;
    WDFWAITLOCK wait;
    LONGLONG no_time = 0;

    rig_open(&r);
    assert_status(WdfSpinLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &lock), STATUS_SUCCESS);
    WdfSpinLockAcquire(lock);
    WdfSpinLockAcquire(lock);
    assert_reported(&r.f, MS_RULE_WDF_LOCK_RECURSION);
    WdfSpinLockRelease(lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL); /* still held */
    WdfSpinLockRelease(lock);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_status(WdfWaitLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &wait), STATUS_SUCCESS);
    assert_status(WdfWaitLockAcquire(wait, NULL), STATUS_SUCCESS);
    assert_status(WdfWaitLockAcquire(wait, &no_time), STATUS_TIMEOUT);
    assert_reported(&r.f, MS_RULE_WDF_LOCK_RECURSION);
    WdfWaitLockRelease(wait);
    assert_status(WdfWaitLockAcquire(wait, &no_time), STATUS_SUCCESS);
    WdfWaitLockRelease(wait);
    rig_close_with(&r, 2);
}

/* LCK-02 */
MS_TEST(a_lock_goes_with_its_parent_and_not_while_it_is_held)
{
    struct rig r = {.queue = NULL};
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFSPINLOCK lock;
    WDFWAITLOCK wait;

    rig_open(&r);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    assert_status(WdfObjectCreate(NULL, &attributes.ParentObject), STATUS_SUCCESS);
    assert_status(WdfSpinLockCreate(&attributes, &lock), STATUS_SUCCESS);
    assert_status(WdfWaitLockCreate(&attributes, &wait), STATUS_SUCCESS);
    WdfObjectDelete(attributes.ParentObject);
    WdfSpinLockAcquire(lock);
    assert_reported(&r.f, MS_RULE_WDF_HANDLE);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_status(WdfSpinLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &lock), STATUS_SUCCESS);
    WdfSpinLockAcquire(lock);
    WdfObjectDelete(lock);
    assert_reported(&r.f, MS_RULE_WDF_LOCK_DELETED);
    ms_cpu_current()->locks = 0; /* what the test left behind */
    KeLowerIrql(PASSIVE_LEVEL);
    rig_close_with(&r, 2);
}

static void release_both(void *context)
{
    WDFOBJECT *lock = context;

    ms_cpu_enter(((struct rig *)lock[2])->f.kernel);
    WdfSpinLockRelease(lock[0]);
    WdfWaitLockRelease(lock[1]);
    ms_cpu_leave();
}

/* LCK-03 */
MS_TEST(a_lock_is_released_by_who_has_it)
{
    struct rig r = {.queue = NULL};
    WDFOBJECT lock[3] = {NULL, NULL, &r};

    rig_open(&r);
    assert_status(WdfSpinLockCreate(WDF_NO_OBJECT_ATTRIBUTES, (WDFSPINLOCK *)&lock[0]),
                  STATUS_SUCCESS);
    assert_status(WdfWaitLockCreate(WDF_NO_OBJECT_ATTRIBUTES, (WDFWAITLOCK *)&lock[1]),
                  STATUS_SUCCESS);
    WdfSpinLockAcquire(lock[0]);
    assert_status(WdfWaitLockAcquire(lock[1], &(LONGLONG){0}), STATUS_SUCCESS);
    ms_thread_join(ms_thread_start(release_both, lock));
    assert_int_equal(r.f.reports, 2);
    assert_reported(&r.f, MS_RULE_WDF_LOCK_OWNER);
    WdfWaitLockRelease(lock[1]);
    WdfSpinLockRelease(lock[0]);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    rig_close_with(&r, 2);
}

/* WQU-05 */
MS_TEST(a_device_has_a_lock_that_its_callbacks_share)
{
    struct rig r = {.queue = NULL};
    WDFSPINLOCK lock;

    rig_open(&r);
    WdfObjectAcquireLock(r.device);
    WdfObjectAcquireLock(r.device);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    WdfObjectReleaseLock(r.device);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    WdfObjectReleaseLock(r.device);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    WdfObjectReleaseLock(r.device);
    assert_reported(&r.f, MS_RULE_WDF_LOCK_OWNER);
    assert_status(WdfSpinLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &lock), STATUS_SUCCESS);
    WdfObjectAcquireLock(lock); /* it has none */
    assert_reported(&r.f, MS_RULE_WDF_HANDLE);
    rig_close_with(&r, 2);
}

/* LVL-01 */
MS_TEST(waiting_at_dispatch_level_is_reported)
{
    struct rig r = {.queue = NULL};
    WDFWAITLOCK wait;
    KIRQL irql;

    rig_open(&r);
    assert_status(WdfWaitLockCreate(WDF_NO_OBJECT_ATTRIBUTES, &wait), STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_status(WdfWaitLockAcquire(wait, NULL), STATUS_SUCCESS);
    KeLowerIrql(irql);
    assert_reported(&r.f, MS_RULE_WDF_IRQL);
    WdfWaitLockRelease(wait);
    assert_status(WdfSpinLockCreate(NULL, NULL), STATUS_INVALID_PARAMETER);
    assert_status(WdfWaitLockCreate(NULL, NULL), STATUS_INVALID_PARAMETER);
    rig_close_with(&r, 3);
}
