/* SPDX-License-Identifier: MIT */
#include "wdf/queue.h"
#include "wdf/test_driver.h"

/* What the driver of a test has in hand. */
typedef struct hand {
    WDFREQUEST got[32];
    uint32_t count;
    uint32_t depth, depth_max;
    bool complete; /* at once */
    KIRQL irql;
} HAND;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(HAND, HandOf)

static WDFQUEUE queue_make(struct rig *r, const WDF_IO_QUEUE_CONFIG *config,
                           WDF_SYNCHRONIZATION_SCOPE scope)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_IO_QUEUE_CONFIG copy = *config;
    WDFQUEUE queue;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, HAND);
    attributes.SynchronizationScope = scope;
    assert_status(WdfIoQueueCreate(r->device, &copy, &attributes, &queue), STATUS_SUCCESS);
    r->queue = queue;
    return queue;
}

static void take(WDFQUEUE queue, WDFREQUEST request)
{
    HAND *hand = HandOf(queue);

    hand->depth++;
    if (hand->depth > hand->depth_max)
        hand->depth_max = hand->depth;
    hand->irql = KeGetCurrentIrql();
    hand->got[hand->count++ % 32] = request;
    if (hand->complete)
        WdfRequestComplete(request, STATUS_SUCCESS);
    hand->depth--;
}

static VOID on_default(WDFQUEUE queue, WDFREQUEST request)
{
    take(queue, request);
}

static VOID on_read(WDFQUEUE queue, WDFREQUEST request, size_t length)
{
    assert_int_equal(length, 4096);
    take(queue, request);
}

static VOID on_write(WDFQUEUE queue, WDFREQUEST request, size_t length)
{
    assert_int_equal(length, 11);
    take(queue, request);
}

static VOID on_control(WDFQUEUE queue, WDFREQUEST request, size_t out, size_t in, ULONG code)
{
    assert_int_equal(out, 2);
    assert_int_equal(in, 3);
    assert_int_equal(code, 4);
    take(queue, request);
}

/* WQU-03 */
MS_TEST(a_queues_configuration_begins_unlimited_and_the_default_one_says_so)
{
    WDF_IO_QUEUE_CONFIG config;

    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchParallel);
    assert_int_equal(config.Size, sizeof config);
    assert_int_equal(config.PowerManaged, WdfUseDefault);
    assert_int_equal(config.Settings.Parallel.NumberOfPresentedRequests, (ULONG)-1);
    assert_false(config.DefaultQueue);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchSequential);
    assert_true(config.DefaultQueue);
    assert_int_equal(config.Settings.Parallel.NumberOfPresentedRequests, 0);
}

/* WQU-01 */
MS_TEST(a_sequential_queue_gives_the_next_when_the_last_is_completed)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG config;
    struct outcome outcome[4];

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchSequential);
    config.EvtIoDefault = on_default;
    HAND *hand = HandOf(queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent));
    for (uint32_t i = 0; i < 4; i++)
        rig_submit(&r, &outcome[i]);
    assert_int_equal(hand->count, 1);
    WdfRequestComplete(hand->got[0], STATUS_SUCCESS); /* delivered on the completion's stack */
    assert_int_equal(hand->count, 2);
    hand->complete = true;
    WdfRequestComplete(hand->got[1], STATUS_SUCCESS);
    assert_int_equal(hand->count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(outcome[i].times, 1);
    assert_int_equal(hand->depth_max, 1); /* nothing nests, however many wait */
    rig_close(&r);
}

/* WQU-01 */
MS_TEST(a_parallel_queue_gives_all_or_as_many_as_it_was_told)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG config;
    struct outcome outcome[5];

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchParallel);
    config.EvtIoDefault = on_default;
    config.Settings.Parallel.NumberOfPresentedRequests = 3;
    HAND *hand = HandOf(queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent));
    for (uint32_t i = 0; i < 5; i++)
        rig_submit(&r, &outcome[i]);
    assert_int_equal(hand->count, 3);
    for (uint32_t i = 0; i < 5; i++)
        WdfRequestComplete(hand->got[i], STATUS_SUCCESS);
    assert_int_equal(hand->count, 5);
    rig_close(&r);
}

/* WQU-03 */
MS_TEST(requests_come_to_the_callback_of_their_kind)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG config;
    struct outcome outcome;
    struct ms_io io = {.length = 4096,
                       .output_length = 2,
                       .input_length = 3,
                       .control_code = 4,
                       .done = outcome_note,
                       .context = &outcome};

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchParallel);
    config.EvtIoRead = on_read;
    config.EvtIoDeviceControl = on_control;
    config.EvtIoInternalDeviceControl = on_control;
    HAND *hand = HandOf(queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent));
    hand->complete = true;
    io.type = WdfRequestTypeRead;
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    io.type = WdfRequestTypeDeviceControl;
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    io.type = WdfRequestTypeDeviceControlInternal;
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    assert_int_equal(hand->count, 3);
    outcome.status = STATUS_SUCCESS;
    io.type = WdfRequestTypeWrite; /* it has no callback for this */
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    assert_status(outcome.status, STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(hand->count, 3);
    io.type = WdfRequestTypeCreate;
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    assert_status(outcome.status, STATUS_INVALID_DEVICE_REQUEST);

    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchParallel);
    config.EvtIoWrite = on_write;
    WDFQUEUE writes = queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent);
    assert_status(WdfDeviceConfigureRequestDispatching(r.device, writes, WdfRequestTypeWrite),
                  STATUS_SUCCESS);
    assert_status(WdfDeviceConfigureRequestDispatching(r.device, writes, WdfRequestTypeWrite),
                  STATUS_WDF_BUSY);
    assert_status(WdfDeviceConfigureRequestDispatching(r.device, writes, WdfRequestTypeClose),
                  STATUS_INVALID_PARAMETER);
    io.type = WdfRequestTypeWrite;
    io.length = 11;
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    assert_int_equal(HandOf(writes)->count, 1);
    WdfRequestComplete(HandOf(writes)->got[0], STATUS_SUCCESS);
    assert_ptr_not_equal(WdfDeviceGetDefaultQueue(r.device), writes);
    assert_ptr_equal(WdfIoQueueGetDevice(writes), r.device);
    rig_close(&r);
}

/* WQU-02 */
MS_TEST(an_empty_read_is_completed_by_the_framework_unless_allowed)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG config;
    struct outcome outcome = {.times = 0, .status = STATUS_PENDING};
    struct ms_io io = {.type = WdfRequestTypeRead, .done = outcome_note, .context = &outcome};

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchParallel);
    config.EvtIoDefault = on_default;
    HAND *hand = HandOf(queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent));
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    assert_status(outcome.status, STATUS_SUCCESS);
    assert_int_equal(hand->count, 0);
    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchParallel);
    config.EvtIoDefault = on_default;
    config.AllowZeroLengthRequests = TRUE;
    WDFQUEUE open = queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent);
    assert_status(WdfDeviceConfigureRequestDispatching(r.device, open, WdfRequestTypeRead),
                  STATUS_SUCCESS);
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_PENDING);
    assert_int_equal(HandOf(open)->count, 1);
    WdfRequestComplete(HandOf(open)->got[0], STATUS_SUCCESS);
    assert_int_equal(outcome.times, 2);
    rig_close(&r);
}

static VOID on_cancelled(WDFQUEUE queue, WDFREQUEST request)
{
    HandOf(queue)->got[31] = request;
}

/* WQU-04, REQ-16 */
MS_TEST(a_waiting_request_that_is_cancelled_never_reaches_its_handler)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG config;
    struct outcome outcome[3];

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchSequential);
    config.EvtIoDefault = on_default;
    HAND *hand = HandOf(queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent));
    rig_submit(&r, &outcome[0]);
    WDFREQUEST waiting = rig_submit(&r, &outcome[1]);
    assert_true(ms_wdf_cancel(waiting));
    assert_int_equal(outcome[1].times, 1);
    assert_status(outcome[1].status, STATUS_CANCELLED);
    assert_false(ms_wdf_cancel(waiting));
    WdfRequestComplete(hand->got[0], STATUS_SUCCESS);
    assert_int_equal(hand->count, 1);
    rig_close(&r);

    rig_open(&r);
    config.EvtIoCanceledOnQueue = on_cancelled;
    hand = HandOf(queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent));
    rig_submit(&r, &outcome[0]);
    waiting = rig_submit(&r, &outcome[1]);
    assert_true(ms_wdf_cancel(waiting));
    assert_ptr_equal(hand->got[31], waiting);
    assert_int_equal(outcome[1].times, 0); /* it is the driver's to complete */
    WdfRequestComplete(waiting, STATUS_CANCELLED);
    assert_int_equal(outcome[1].times, 1);
    WdfRequestComplete(hand->got[0], STATUS_SUCCESS);
    rig_close(&r);
}

/* WQU-01 */
MS_TEST(a_request_goes_from_queue_to_queue)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG config;
    struct outcome outcome[2];
    WDFREQUEST request;

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchSequential);
    config.EvtIoDefault = on_default;
    WDFQUEUE first = queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent);
    HAND *hand = HandOf(first);
    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchManual);
    WDFQUEUE second = queue_make(&r, &config, WdfSynchronizationScopeInheritFromParent);
    assert_status(WdfIoQueueRetrieveNextRequest(second, &request), STATUS_NO_MORE_ENTRIES);
    rig_submit(&r, &outcome[0]);
    rig_submit(&r, &outcome[1]);
    assert_int_equal(hand->count, 1);
    assert_status(WdfRequestForwardToIoQueue(hand->got[0], first), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(WdfRequestForwardToIoQueue(hand->got[0], second), STATUS_SUCCESS);
    assert_int_equal(hand->count, 2); /* WQU-01: forwarded counts as gone */
    assert_status(WdfRequestForwardToIoQueue(hand->got[0], second), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(WdfIoQueueRetrieveNextRequest(second, &request), STATUS_SUCCESS);
    assert_ptr_equal(request, hand->got[0]);
    assert_ptr_equal(WdfRequestGetIoQueue(request), second);
    WdfRequestComplete(request, STATUS_SUCCESS);
    WdfRequestComplete(hand->got[1], STATUS_SUCCESS);
    assert_int_equal(outcome[0].times, 1);
    assert_int_equal(outcome[1].times, 1);
    rig_close(&r);
}

/* A default queue that presents to `hand`, and a manual one. */
static WDFQUEUE two_queues(struct rig *r, HAND **hand)
{
    WDF_IO_QUEUE_CONFIG config;

    rig_open(r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchSequential);
    config.EvtIoDefault = on_default;
    *hand = HandOf(queue_make(r, &config, WdfSynchronizationScopeInheritFromParent));
    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchManual);
    return queue_make(r, &config, WdfSynchronizationScopeInheritFromParent);
}

/* WQU-04 */
MS_TEST(a_request_that_was_cancelled_does_not_wait_in_the_next_queue)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    WDFREQUEST request;
    HAND *hand;
    WDFQUEUE second = two_queues(&r, &hand);

    assert_true(ms_wdf_cancel(rig_submit(&r, &outcome)));
    assert_int_equal(outcome.times, 0); /* its driver has it, and did not mark it */
    assert_status(WdfRequestForwardToIoQueue(hand->got[0], second), STATUS_SUCCESS);
    assert_int_equal(outcome.times, 1);
    assert_status(outcome.status, STATUS_CANCELLED);
    assert_status(WdfIoQueueRetrieveNextRequest(second, &request), STATUS_NO_MORE_ENTRIES);
    rig_close(&r);
}

/* OBJ-04, REQ-13: who was forwarded is in the one queue, and a child of the other */
MS_TEST(a_forwarded_request_ends_with_either_of_its_queues)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct rig r = {.queue = NULL};
        struct outcome outcome[2];
        WDFREQUEST request;
        HAND *hand;
        WDFQUEUE second = two_queues(&r, &hand), first;

        rig_submit(&r, &outcome[0]);
        rig_submit(&r, &outcome[1]);
        first = WdfRequestGetIoQueue(hand->got[0]);
        assert_status(WdfRequestForwardToIoQueue(hand->got[0], second), STATUS_SUCCESS);
        assert_status(WdfRequestForwardToIoQueue(hand->got[1], second), STATUS_SUCCESS);
        WdfObjectReference(second);
        WdfObjectDelete(i == 0 ? second : first);
        for (uint32_t k = 0; k < 2; k++) {
            assert_int_equal(outcome[k].times, 1);
            assert_status(outcome[k].status, STATUS_CANCELLED);
        }
        if (i == 1)
            assert_status(WdfIoQueueRetrieveNextRequest(second, &request), STATUS_NO_MORE_ENTRIES);
        WdfObjectDereference(second);
        rig_close(&r);
    }
}

/* WQU-05, LVL-05 */
MS_TEST(callbacks_of_a_scope_run_under_its_lock)
{
    static const struct {
        WDF_SYNCHRONIZATION_SCOPE scope;
        KIRQL irql;
    } rows[] = {{WdfSynchronizationScopeInheritFromParent, PASSIVE_LEVEL},
                {WdfSynchronizationScopeNone, PASSIVE_LEVEL},
                {WdfSynchronizationScopeQueue, DISPATCH_LEVEL},
                {WdfSynchronizationScopeDevice, DISPATCH_LEVEL}};
    struct outcome outcome;

    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r = {.queue = NULL};
        WDF_IO_QUEUE_CONFIG config;

        rig_open(&r);
        WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchSequential);
        config.EvtIoDefault = on_default;
        HAND *hand = HandOf(queue_make(&r, &config, rows[i].scope));
        rig_submit(&r, &outcome);
        assert_int_equal(hand->irql, rows[i].irql);
        assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
        struct ms_object *object = ms_object_from(hand->got[0], MS_OBJECT_REQUEST);
        struct ms_queue *queue = ms_object_from(r.queue, MS_OBJECT_QUEUE);
        struct ms_scope *want = rows[i].scope == WdfSynchronizationScopeQueue ? &queue->scope
                                : rows[i].scope == WdfSynchronizationScopeDevice
                                    ? &queue->device->scope
                                    : NULL;
        assert_ptr_equal(ms_scope_of(object), want); /* its cancel callback's, too */
        WdfRequestComplete(hand->got[0], STATUS_SUCCESS);
        rig_close(&r);
    }
}

static VOID on_default_that_forgets(WDFQUEUE queue, WDFREQUEST request)
{
    static KSPIN_LOCK lock;

    (void)queue;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLockRaiseToDpc(&lock);
    WdfRequestComplete(request, STATUS_SUCCESS);
}

/* LVL-07 */
MS_TEST(a_callback_that_keeps_its_irql_or_a_lock_is_reported)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;

    rig_open(&r);
    rig_queue(&r, WdfIoQueueDispatchSequential, on_default_that_forgets);
    rig_submit(&r, &outcome);
    assert_int_equal(r.f.report[0].info->rule, MS_RULE_WDF_CALLBACK_IRQL);
    assert_int_equal(r.f.report[1].info->rule, MS_RULE_WDF_CALLBACK_LOCK);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL); /* and put right */
    rig_close_with(&r, 2);
}

/* FTL-02 */
MS_TEST(queues_that_could_never_work_are_refused)
{
    struct rig r = {.queue = NULL};
    WDF_IO_QUEUE_CONFIG good, c;
    WDFQUEUE queue;

    rig_open(&r);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&good, WdfIoQueueDispatchParallel);
    good.EvtIoDefault = on_default;
    c = good;
    c.Size++;
    assert_status(WdfIoQueueCreate(r.device, &c, NULL, &queue), STATUS_INFO_LENGTH_MISMATCH);
    c = good;
    c.DispatchType = WdfIoQueueDispatchMax;
    assert_status(WdfIoQueueCreate(r.device, &c, NULL, &queue), STATUS_INVALID_PARAMETER);
    c = good;
    c.EvtIoDefault = NULL;
    assert_status(WdfIoQueueCreate(r.device, &c, NULL, &queue), STATUS_INVALID_PARAMETER);
    c = good;
    c.Settings.Parallel.NumberOfPresentedRequests = 0;
    assert_status(WdfIoQueueCreate(r.device, &c, NULL, &queue), STATUS_INVALID_PARAMETER);
    assert_null(queue);
    assert_status(WdfIoQueueCreate(r.device, NULL, NULL, &queue), STATUS_INVALID_PARAMETER);
    assert_status(WdfIoQueueCreate(r.device, &good, NULL, NULL), STATUS_SUCCESS);
    assert_status(WdfIoQueueCreate(r.device, &good, NULL, &queue), STATUS_UNSUCCESSFUL);
    rig_close_with(&r, 1);
}
