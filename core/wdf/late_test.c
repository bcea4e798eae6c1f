/* SPDX-License-Identifier: MIT */
/* Work items, DPCs, interrupts: what runs on another thread. */
#include "wdf/test_driver.h"

typedef struct count {
    ms_atomic_u32 calls;
    ms_atomic_u32 gate; /* 0: the callback waits */
    KIRQL irql;
    WDFOBJECT associated;
    BOOLEAN queued[2];
    bool flush_inside;
} COUNT;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(COUNT, CountOf)

static void count_call(WDFOBJECT object)
{
    COUNT *count = CountOf(object);

    count->irql = KeGetCurrentIrql();
    ms_fetch_add_release(&count->calls, 1);
    ms_wake(&count->calls, UINT32_MAX);
    while (ms_load_acquire(&count->gate) == 0)
        ms_wait(&count->gate, 0, UINT64_MAX);
}

static void gate_open(COUNT *count)
{
    ms_store_release(&count->gate, 1);
    ms_wake(&count->gate, UINT32_MAX);
}

static void wait_for(COUNT *count, uint32_t wanted)
{
    uint32_t seen;

    while ((seen = ms_load_acquire(&count->calls)) < wanted)
        ms_wait(&count->calls, seen, UINT64_MAX);
}

static VOID on_work(WDFWORKITEM work)
{
    if (CountOf(work)->flush_inside)
        WdfWorkItemFlush(work);
    count_call(work);
}

static VOID on_dpc(WDFDPC dpc)
{
    count_call(dpc);
}

static WDF_OBJECT_ATTRIBUTES counting(WDFOBJECT parent)
{
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, COUNT);
    attributes.ParentObject = parent;
    return attributes;
}

MS_TEST(a_work_item_runs_once_per_time_it_was_queued)
{
    struct rig r = {.queue = NULL};
    WDF_WORKITEM_CONFIG config;
    WDFWORKITEM work;

    rig_open(&r);
    WDF_OBJECT_ATTRIBUTES attributes = counting(r.device);
    WDF_WORKITEM_CONFIG_INIT(&config, on_work);
    assert_true(config.AutomaticSerialization);
    assert_status(WdfWorkItemCreate(&config, &attributes, &work), STATUS_SUCCESS);
    COUNT *count = CountOf(work);
    WdfWorkItemEnqueue(work);
    wait_for(count, 1); /* it is inside, and may be queued again: once */
    WdfWorkItemEnqueue(work);
    WdfWorkItemEnqueue(work);
    gate_open(count);
    WdfWorkItemFlush(work);
    assert_int_equal(ms_load_acquire(&count->calls), 2);
    assert_int_equal(count->irql, PASSIVE_LEVEL);
    assert_ptr_equal(WdfWorkItemGetParentObject(work), r.device);
    count->flush_inside = true;
    WdfWorkItemEnqueue(work);
    WdfWorkItemFlush(work);
    assert_reported(&r.f, MS_RULE_WDF_WAIT_INSIDE);
    count->flush_inside = false;
    WdfWorkItemEnqueue(work);
    WdfObjectDelete(work); /* while it is queued: it runs, and is gone after */
    rig_close_with(&r, 1);
}

MS_TEST(a_dpc_runs_at_dispatch_level_unless_it_is_taken_out)
{
    struct rig r = {.queue = NULL};
    WDF_DPC_CONFIG config;
    WDFDPC first, second;

    rig_open(&r);
    WDF_OBJECT_ATTRIBUTES attributes = counting(r.device);
    WDF_DPC_CONFIG_INIT(&config, on_dpc);
    assert_status(WdfDpcCreate(&config, &attributes, &first), STATUS_SUCCESS);
    assert_status(WdfDpcCreate(&config, &attributes, &second), STATUS_SUCCESS);
    assert_true(WdfDpcEnqueue(first));
    wait_for(CountOf(first), 1); /* the thread is busy: what is queued now waits */
    assert_true(WdfDpcEnqueue(second));
    assert_false(WdfDpcEnqueue(second));
    assert_true(WdfDpcCancel(second, FALSE));
    assert_false(WdfDpcCancel(second, FALSE));
    assert_true(WdfDpcEnqueue(second));
    gate_open(CountOf(second));
    WdfObjectDelete(second); /* taken out of the queue */
    gate_open(CountOf(first));
    assert_false(WdfDpcCancel(first, TRUE));
    assert_int_equal(CountOf(first)->irql, DISPATCH_LEVEL);
    assert_int_equal(ms_load_acquire(&CountOf(first)->calls), 1);
    assert_ptr_equal(WdfDpcGetParentObject(first), r.device);
    rig_close(&r);
}

static BOOLEAN on_interrupt(WDFINTERRUPT interrupt, ULONG message)
{
    COUNT *count = CountOf(interrupt);

    assert_int_equal(message, 0);
    assert_true(KeGetCurrentIrql() > DISPATCH_LEVEL);
    count->queued[0] = WdfInterruptQueueDpcForIsr(interrupt);
    count->queued[1] = WdfInterruptQueueDpcForIsr(interrupt);
    return TRUE;
}

static VOID on_interrupt_dpc(WDFINTERRUPT interrupt, WDFOBJECT associated)
{
    CountOf(interrupt)->associated = associated;
    count_call(interrupt);
}

/* WQU-06 */
MS_TEST(an_interrupts_dpc_runs_once_per_successful_queueing)
{
    struct rig r = {.queue = NULL};
    WDF_INTERRUPT_CONFIG config;
    WDFINTERRUPT interrupt;

    rig_open(&r);
    WDF_OBJECT_ATTRIBUTES attributes = counting(NULL);
    WDF_INTERRUPT_CONFIG_INIT(&config, on_interrupt, on_interrupt_dpc);
    assert_status(WdfInterruptCreate(r.device, &config, &attributes, &interrupt), STATUS_SUCCESS);
    COUNT *count = CountOf(interrupt);
    WdfInterruptAcquireLock(interrupt);
    assert_true(KeGetCurrentIrql() > DISPATCH_LEVEL);
    WdfInterruptReleaseLock(interrupt);
    assert_true(ms_wdf_interrupt(interrupt));
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_true(count->queued[0]);
    wait_for(count, 1);
    bool both = count->queued[1]; /* it may have begun in between */
    gate_open(count);
    KeFlushQueuedDpcs();
    assert_int_equal(ms_load_acquire(&count->calls), both ? 2 : 1);
    assert_int_equal(count->irql, DISPATCH_LEVEL);
    assert_ptr_equal(count->associated, r.device);
    assert_ptr_equal(WdfInterruptGetDevice(interrupt), r.device);
    assert_false(ms_wdf_interrupt((WDFINTERRUPT)r.device));
    WdfObjectDelete(interrupt);
    assert_reported(&r.f, MS_RULE_WDF_DELETE_FORBIDDEN);
    rig_close_with(&r, 1);
}

/* FTL-02 */
MS_TEST(what_runs_late_is_refused_without_what_is_mandatory)
{
    struct rig r = {.queue = NULL};
    WDF_WORKITEM_CONFIG work;
    WDF_DPC_CONFIG dpc;
    WDF_INTERRUPT_CONFIG interrupt;
    WDFWORKITEM w;
    WDFDPC d;
    WDFINTERRUPT i;

    rig_open(&r);
    WDF_OBJECT_ATTRIBUTES attributes = counting(r.device);
    WDF_WORKITEM_CONFIG_INIT(&work, NULL);
    WDF_DPC_CONFIG_INIT(&dpc, NULL);
    WDF_INTERRUPT_CONFIG_INIT(&interrupt, NULL, NULL);
    assert_status(WdfWorkItemCreate(&work, &attributes, &w), STATUS_INVALID_PARAMETER);
    assert_status(WdfDpcCreate(&dpc, &attributes, &d), STATUS_INVALID_PARAMETER);
    assert_status(WdfInterruptCreate(r.device, &interrupt, NULL, &i), STATUS_INVALID_PARAMETER);
    work.EvtWorkItemFunc = on_work;
    dpc.EvtDpcFunc = on_dpc;
    interrupt.EvtInterruptIsr = on_interrupt;
    work.Size = dpc.Size = interrupt.Size = 1;
    assert_status(WdfWorkItemCreate(&work, &attributes, &w), STATUS_INFO_LENGTH_MISMATCH);
    assert_status(WdfDpcCreate(&dpc, &attributes, &d), STATUS_INFO_LENGTH_MISMATCH);
    assert_status(WdfInterruptCreate(r.device, &interrupt, NULL, &i), STATUS_INFO_LENGTH_MISMATCH);
    assert_status(WdfObjectCreate(NULL, &attributes.ParentObject), STATUS_SUCCESS);
    work.Size = sizeof work;
    dpc.Size = sizeof dpc;
    assert_status(WdfWorkItemCreate(&work, &attributes, &w), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(WdfDpcCreate(&dpc, &attributes, &d), STATUS_INVALID_DEVICE_REQUEST);
    assert_false(WdfDpcEnqueue(NULL));
    WdfWorkItemEnqueue(NULL);
    assert_int_equal(ms_wdf_objects(r.f.wdf), 5);
    rig_close_with(&r, 5);
}
