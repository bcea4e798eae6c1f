/* SPDX-License-Identifier: MIT */
#include "wdf/queue.h"
#include "wdf/test_driver.h"

static VOID cancel_count(WDFREQUEST request)
{
    uint32_t *calls = (uint32_t *)WdfRequestWdmGetIrp(request)->Tail.Overlay.DriverContext[0];

    ++*calls;
}

static VOID cancel_and_complete(WDFREQUEST request)
{
    cancel_count(request);
    WdfRequestComplete(request, STATUS_CANCELLED);
}

/* A request whose cancel callbacks count in *calls. */
static WDFREQUEST counted(struct rig *r, struct outcome *outcome, uint32_t *calls)
{
    WDFREQUEST request = rig_request(r, outcome);

    *calls = 0;
    WdfRequestWdmGetIrp(request)->Tail.Overlay.DriverContext[0] = calls;
    return request;
}

/* REQ-01, REQ-02, REQ-10 */
MS_TEST(a_request_is_completed_once_with_its_information)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;

    rig_open(&r);
    WDFREQUEST request = rig_request(&r, &outcome);
    WdfRequestSetInformation(request, 17);
    assert_int_equal(WdfRequestGetInformation(request), 17);
    assert_status(WdfRequestGetStatus(request), STATUS_PENDING);
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_int_equal(outcome.times, 1);
    assert_status(outcome.status, STATUS_SUCCESS);
    assert_int_equal(outcome.information, 17);
    WdfRequestComplete(request, STATUS_UNSUCCESSFUL); /* fatal */
    assert_reported(&r.f, MS_RULE_WDF_HANDLE);
    assert_int_equal(outcome.times, 1);

    request = rig_request(&r, &outcome);
    WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, 33);
    assert_int_equal(outcome.information, 33);

    request = rig_request(&r, &outcome); /* more than its buffer holds */
    WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, 4097);
    assert_reported(&r.f, MS_RULE_WDF_INFORMATION);
    assert_int_equal(outcome.information, 4096);
    request = rig_request(&r, &outcome); /* of a failure it is not looked at */
    WdfRequestCompleteWithInformation(request, STATUS_UNSUCCESSFUL, 4097);
    assert_int_equal(outcome.information, 4097);
    rig_close_with(&r, 2);
}

/* REQ-02: under an extra reference the handle still answers. REQ-13 */
MS_TEST(a_completed_request_lives_while_it_is_referenced)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;

    rig_open(&r);
    WDFREQUEST request = rig_request(&r, &outcome);
    uint32_t before = ms_wdf_objects(r.f.wdf);
    WdfObjectReference(request);
    WdfRequestComplete(request, STATUS_IO_TIMEOUT);
    assert_int_equal(ms_wdf_objects(r.f.wdf), before);
    assert_status(WdfRequestGetStatus(request), STATUS_IO_TIMEOUT);
    WdfObjectDereference(request);
    assert_int_equal(ms_wdf_objects(r.f.wdf), before - 1);
    rig_close(&r);
}

/* OBJ-07 */
MS_TEST(a_request_of_a_queue_is_not_the_drivers_to_delete)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;

    rig_open(&r);
    WDFREQUEST request = rig_request(&r, &outcome);
    WdfObjectDelete(request);
    assert_reported(&r.f, MS_RULE_WDF_DELETE_FORBIDDEN);
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_int_equal(outcome.times, 1);
    rig_close_with(&r, 1);
}

/* REQ-04, REQ-06, REQ-07 */
MS_TEST(marking_and_unmarking_say_who_was_first)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    uint32_t calls;

    rig_open(&r);
    WDFREQUEST request = counted(&r, &outcome, &calls);
    assert_status(WdfRequestMarkCancelableEx(request, cancel_and_complete), STATUS_SUCCESS);
    assert_status(WdfRequestMarkCancelableEx(request, cancel_and_complete),
                  STATUS_INVALID_DEVICE_REQUEST); /* marked already */
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_SUCCESS);
    assert_true(ms_wdf_cancel(request)); /* the mark is gone: only noted */
    assert_int_equal(calls, 0);
    assert_true(WdfRequestIsCanceled(request));
    assert_status(WdfRequestMarkCancelableEx(request, cancel_and_complete), STATUS_CANCELLED);
    assert_int_equal(calls, 0);
    assert_int_equal(r.f.reports, 0);
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_INVALID_DEVICE_REQUEST);
    assert_reported(&r.f, MS_RULE_WDF_UNMARK); /* REQ-06: it was not marked */
    WdfRequestComplete(request, STATUS_CANCELLED);
    assert_int_equal(outcome.times, 1);
    rig_close_with(&r, 1);
}

/* REQ-06, REQ-08, REQ-09 */
MS_TEST(a_cancelled_request_is_its_callbacks_and_unmarking_says_so)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    uint32_t calls;

    rig_open(&r);
    WDFREQUEST request = counted(&r, &outcome, &calls);
    assert_status(WdfRequestMarkCancelableEx(request, cancel_count), STATUS_SUCCESS);
    assert_true(ms_wdf_cancel(request));
    assert_true(ms_wdf_cancel(request)); /* once more changes nothing */
    assert_int_equal(calls, 1);
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_CANCELLED); /* REQ-09: and again */
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_CANCELLED);
    WdfRequestComplete(request, STATUS_CANCELLED);
    assert_int_equal(outcome.times, 1);
    assert_false(ms_wdf_cancel(request));

    request = counted(&r, &outcome, &calls);
    assert_status(WdfRequestMarkCancelableEx(request, cancel_and_complete), STATUS_SUCCESS);
    assert_true(ms_wdf_cancel(request)); /* REQ-08: the callback may complete it */
    assert_int_equal(calls, 1);
    assert_int_equal(outcome.times, 1);
    rig_close(&r);
}

/* REQ-05 */
MS_TEST(marking_without_a_result_calls_the_callback_of_a_cancelled_request)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    uint32_t calls;

    rig_open(&r);
    WDFREQUEST request = counted(&r, &outcome, &calls);
    WdfRequestMarkCancelable(request, cancel_count);
    WdfRequestMarkCancelable(request, cancel_count);
    assert_reported(&r.f, MS_RULE_WDF_MARK_TWICE);
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_SUCCESS);
    assert_true(ms_wdf_cancel(request));
    assert_int_equal(calls, 0);
    WdfRequestMarkCancelable(request, cancel_count);
    assert_int_equal(calls, 1);
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_CANCELLED);
    WdfRequestComplete(request, STATUS_CANCELLED);
    assert_int_equal(outcome.times, 1);
    rig_close_with(&r, 1);
}

/* REQ-03, REQ-12, REQ-14, TRX-21 */
MS_TEST(a_request_that_is_marked_or_in_use_is_not_completed)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    uint32_t calls;

    rig_open(&r);
    WDFREQUEST request = counted(&r, &outcome, &calls);
    assert_status(WdfRequestMarkCancelableEx(request, cancel_count), STATUS_SUCCESS);
    assert_false(WdfRequestIsCanceled(request));
    assert_reported(&r.f, MS_RULE_WDF_IS_CANCELED); /* REQ-14 */
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_reported(&r.f, MS_RULE_WDF_COMPLETE_MARKED); /* REQ-03 */
    assert_status(WdfRequestUnmarkCancelable(request), STATUS_SUCCESS);

    struct ms_request *inside = ms_object_from(request, MS_OBJECT_REQUEST);
    assert_true(ms_request_io_take(inside));
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_reported(&r.f, MS_RULE_WDF_COMPLETE_BUSY); /* REQ-12 */
    assert_int_equal(outcome.times, 0);
    ms_request_io_give(inside);
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_int_equal(outcome.times, 1);
    rig_close_with(&r, 3);
}

/* REQ-09 */
MS_TEST(completing_waits_for_the_callback_that_unmarking_announced)
{
    union ms_request_word word = {.delivered = 1};

    assert_int_equal(request_mark(&word), REQUEST_DONE);
    assert_int_equal(request_cancel(&word), REQUEST_RUN_CANCEL);
    assert_int_equal(request_unmark(&word), REQUEST_CANCELLED);
    assert_int_equal(request_complete(&word), REQUEST_EARLY);
    request_enter(&word);
    assert_int_equal(request_complete(&word), REQUEST_DONE);
    assert_int_equal(request_complete(&word), REQUEST_REFUSED);
    assert_int_equal(request_use(&word), REQUEST_REFUSED);
}

/* REQ-11 */
MS_TEST(statuses_of_the_framework_are_translated_at_completion)
{
    static const struct {
        NTSTATUS given, told;
    } status[] = {
        {STATUS_WDF_BUSY, STATUS_DEVICE_BUSY},
        {STATUS_WDF_PAUSED, STATUS_DEVICE_BUSY},
        {STATUS_WDF_TOO_FRAGMENTED, STATUS_INVALID_DEVICE_REQUEST},
        {STATUS_WDF_TOO_MANY_TRANSFERS, STATUS_INVALID_DEVICE_REQUEST},
        {STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS, STATUS_INSUFFICIENT_RESOURCES},
        {STATUS_WDF_INTERNAL_ERROR, STATUS_INTERNAL_ERROR},
        {STATUS_WDF_PARENT_NOT_SPECIFIED, STATUS_INVALID_DEVICE_REQUEST},
        {STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_DATA_ERROR},
        {STATUS_SUCCESS, STATUS_SUCCESS},
    };
    struct rig r = {.queue = NULL};
    struct outcome outcome;

    rig_open(&r);
    for (uint32_t i = 0; i < sizeof status / sizeof *status; i++) {
        WdfRequestComplete(rig_request(&r, &outcome), status[i].given);
        assert_status(outcome.status, status[i].told);
    }
    rig_close(&r);
}

static uint8_t system_bytes[64];

static WDFREQUEST received(struct rig *r, const struct ms_io *io)
{
    WDFREQUEST request;

    if (!r->queue)
        rig_queue(r, WdfIoQueueDispatchManual, NULL);
    assert_status(ms_wdf_submit(r->device, io, NULL), STATUS_PENDING);
    assert_status(WdfIoQueueRetrieveNextRequest(r->queue, &request), STATUS_SUCCESS);
    return request;
}

/* REQ-15, TRX-18, TRX-19 */
MS_TEST(buffers_are_those_of_the_requests_kind_and_direction)
{
    static uint8_t data[2][64];
    MDL mdl[2];
    enum { DIRECT, SYSTEM, NONE };
    static const struct {
        const char *name;
        WDF_REQUEST_TYPE type;
        ULONG method;
        int in, out; /* buffers for reading it, for writing it */
        size_t in_length, out_length;
        int to_device, from_device; /* what a transaction moves */
        size_t to_length, from_length;
    } rows[] = {
        {"read", WdfRequestTypeRead, 0, NONE, DIRECT, 0, 40, NONE, DIRECT, 0, 40},
        {"write", WdfRequestTypeWrite, 0, DIRECT, NONE, 40, 0, DIRECT, NONE, 40, 0},
        {"buffered", WdfRequestTypeDeviceControl, METHOD_BUFFERED, SYSTEM, SYSTEM, 10, 20, SYSTEM,
         SYSTEM, 10, 20},
        {"in direct", WdfRequestTypeDeviceControl, METHOD_IN_DIRECT, SYSTEM, DIRECT, 10, 20, DIRECT,
         NONE, 20, 0},
        {"out direct", WdfRequestTypeDeviceControlInternal, METHOD_OUT_DIRECT, SYSTEM, DIRECT, 10,
         20, NONE, DIRECT, 0, 20},
        {"neither", WdfRequestTypeDeviceControl, METHOD_NEITHER, NONE, NONE, 0, 0, NONE, NONE, 0,
         0},
    };
    struct rig r = {.queue = NULL};

    rig_open(&r);
    for (uint32_t i = 0; i < 2; i++) {
        MmInitializeMdl(&mdl[i], data[i], 64);
        mdl[i].MdlFlags = MDL_MAPPED_TO_SYSTEM_VA;
        mdl[i].MappedSystemVa = i == SYSTEM ? system_bytes : data[i];
    }
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ms_io io = {.type = rows[i].type,
                           .mdl = &mdl[DIRECT],
                           .length = 40,
                           .control_code = CTL_CODE(FILE_DEVICE_UNKNOWN, 1, rows[i].method, 0),
                           .system_buffer = system_bytes,
                           .system_mdl = &mdl[SYSTEM],
                           .input_length = 10,
                           .output_length = 20};
        WDFREQUEST request = received(&r, &io);
        struct ms_request *inside = ms_object_from(request, MS_OBJECT_REQUEST);
        PMDL got = NULL;
        PVOID bytes = NULL;
        size_t length = 0;

        NTSTATUS status = WdfRequestRetrieveInputBuffer(request, 1, &bytes, &length);
        assert_status(status, rows[i].in == NONE ? STATUS_INVALID_DEVICE_REQUEST : STATUS_SUCCESS);
        if (rows[i].in != NONE) {
            assert_ptr_equal(bytes, mdl[rows[i].in].MappedSystemVa);
            assert_int_equal(length, rows[i].in_length);
            assert_status(WdfRequestRetrieveInputWdmMdl(request, &got), STATUS_SUCCESS);
            assert_ptr_equal(got, &mdl[rows[i].in]);
            assert_status(WdfRequestRetrieveInputBuffer(request, length + 1, &bytes, NULL),
                          STATUS_BUFFER_TOO_SMALL);
        }
        status = WdfRequestRetrieveOutputWdmMdl(request, &got);
        assert_status(status, rows[i].out == NONE ? STATUS_INVALID_DEVICE_REQUEST : STATUS_SUCCESS);
        if (rows[i].out != NONE) {
            assert_ptr_equal(got, &mdl[rows[i].out]);
            assert_status(WdfRequestRetrieveOutputBuffer(request, 1, &bytes, &length),
                          STATUS_SUCCESS);
            assert_ptr_equal(bytes, mdl[rows[i].out].MappedSystemVa);
            assert_int_equal(length, rows[i].out_length);
        }
        for (int write = 0; write < 2; write++) {
            int want = write ? rows[i].to_device : rows[i].from_device;
            status = ms_request_transfer(inside, (WDF_DMA_DIRECTION)write, &got, &length);
            assert_status(status, want == NONE ? STATUS_INVALID_DEVICE_REQUEST : STATUS_SUCCESS);
            if (want != NONE) {
                assert_ptr_equal(got, &mdl[want]);
                assert_int_equal(length, write ? rows[i].to_length : rows[i].from_length);
            }
        }
        WDF_REQUEST_PARAMETERS parameters;
        WDF_REQUEST_PARAMETERS_INIT(&parameters);
        WdfRequestGetParameters(request, &parameters);
        assert_int_equal(parameters.Type, rows[i].type);
        WdfRequestComplete(request, STATUS_SUCCESS);
    }
    /* Nothing in it: REQ-15, TRX-19. */
    struct ms_io io = {.type = WdfRequestTypeDeviceControl, .mdl = &mdl[DIRECT]};
    WDFREQUEST request = received(&r, &io);
    struct ms_request *inside = ms_object_from(request, MS_OBJECT_REQUEST);
    PVOID bytes;
    PMDL got;
    size_t length;
    assert_status(WdfRequestRetrieveInputBuffer(request, 0, &bytes, NULL), STATUS_BUFFER_TOO_SMALL);
    assert_status(ms_request_transfer(inside, WdfDmaDirectionWriteToDevice, &got, &length),
                  STATUS_INVALID_DEVICE_REQUEST);
    WdfRequestComplete(request, STATUS_SUCCESS);
    rig_close(&r);
}

/* REQ-16: and when its driver goes before it is completed, who sent it learns that. */
MS_TEST(a_request_ends_with_its_queue_at_the_latest)
{
    struct rig r = {.queue = NULL};
    struct outcome had, waiting;

    rig_open(&r);
    rig_request(&r, &had);
    rig_submit(&r, &waiting);
    rig_close(&r);
    assert_int_equal(had.times, 1);
    assert_status(had.status, STATUS_CANCELLED);
    assert_int_equal(waiting.times, 1);
    assert_status(waiting.status, STATUS_CANCELLED);
}

/* FTL-02 */
MS_TEST(requests_are_refused_without_what_is_mandatory)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    struct ms_io io = {.type = WdfRequestTypeRead, .length = 1};

    rig_open(&r);
    assert_status(ms_wdf_submit(r.device, &io, NULL), STATUS_INVALID_DEVICE_REQUEST); /* no queue */
    WDFREQUEST request = rig_request(&r, &outcome);
    assert_status(WdfRequestMarkCancelableEx(request, NULL), STATUS_INVALID_PARAMETER);
    WdfRequestMarkCancelable(request, NULL);
    assert_int_equal(r.f.report[0].info->rule, MS_RULE_WDF_NULL);
    assert_status(WdfRequestMarkCancelableEx((WDFREQUEST)r.queue, cancel_count),
                  STATUS_INVALID_PARAMETER);
    assert_status(WdfRequestUnmarkCancelable(NULL), STATUS_INVALID_PARAMETER);
    assert_null(WdfRequestWdmGetIrp(NULL));
    assert_ptr_equal(WdfRequestGetIoQueue(request), r.queue);
    WdfRequestComplete(request, STATUS_SUCCESS);
    rig_close_with(&r, 5);
}

MS_TEST(every_taking_of_a_request_may_fail)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome = {.times = 0};
    struct ms_io io = {
        .type = WdfRequestTypeRead, .length = 1, .done = outcome_note, .context = &outcome};
    WDFREQUEST request;

    rig_open(&r);
    rig_queue(&r, WdfIoQueueDispatchManual, NULL);
    uint32_t before = ms_wdf_objects(r.f.wdf);
    for (uint32_t countdown = 0;; countdown++) {
        ms_fault_arm(countdown);
        NTSTATUS status = ms_wdf_submit(r.device, &io, &request);
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        if (!fired)
            break;
        assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(request);
        assert_int_equal(ms_wdf_objects(r.f.wdf), before);
        assert_true(countdown < 10);
    }
    assert_int_equal(outcome.times, 0);
    rig_close(&r);
    assert_int_equal(outcome.times, 1);
}

/* --- levels --- */

static void on_expiry(WDFTIMER timer)
{
    (void)timer;
}

static void on_work(WDFWORKITEM work)
{
    (void)work;
}

/* What is called as from an interrupt's service routine is told, and done all the same. */
#define FROM_ISR(r, call)                                                                          \
    do {                                                                                           \
        KIRQL before_ = KfRaiseIrql(5);                                                            \
        call;                                                                                      \
        KeLowerIrql(before_);                                                                      \
        assert_reported(&(r)->f, MS_RULE_WDF_IRQL);                                                \
        assert_int_equal((r)->f.reports, 1);                                                       \
        (r)->f.reports = 0;                                                                        \
    } while (0)

/* LVL-01, TMR-03, TMR-04, LCK-01: requests, timers, locks and work items are not for a service routine. */
MS_TEST(what_a_service_routine_may_not_call_tells_its_level)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome[2];
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_TIMER_CONFIG timer_config;
    WDF_WORKITEM_CONFIG work_config;
    WDFTIMER timer;
    WDFWORKITEM work;
    WDFSPINLOCK lock;
    WDFREQUEST request;

    rig_open(&r);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = r.device;
    WDF_TIMER_CONFIG_INIT(&timer_config, on_expiry);
    WDF_WORKITEM_CONFIG_INIT(&work_config, on_work);
    assert_status(WdfTimerCreate(&timer_config, &attributes, &timer), STATUS_SUCCESS);
    assert_status(WdfWorkItemCreate(&work_config, &attributes, &work), STATUS_SUCCESS);
    assert_status(WdfSpinLockCreate(&attributes, &lock), STATUS_SUCCESS);
    FROM_ISR(&r, WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1000)));
    FROM_ISR(&r, WdfTimerStop(timer, FALSE));
    FROM_ISR(&r, WdfSpinLockAcquire(lock));
    FROM_ISR(&r, WdfSpinLockRelease(lock));
    FROM_ISR(&r, WdfWorkItemEnqueue(work));
    WdfWorkItemFlush(work);
    request = rig_request(&r, &outcome[0]);
    FROM_ISR(&r, WdfRequestIsCanceled(request));
    FROM_ISR(&r, WdfRequestMarkCancelableEx(request, cancel_count));
    FROM_ISR(&r, WdfRequestUnmarkCancelable(request));
    FROM_ISR(&r, WdfRequestMarkCancelable(request, cancel_count));
    FROM_ISR(&r, WdfRequestUnmarkCancelable(request));
    FROM_ISR(&r, WdfRequestComplete(request, STATUS_SUCCESS));
    assert_int_equal(outcome[0].times, 1);
    request = rig_request(&r, &outcome[1]);
    FROM_ISR(&r, WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, 1));
    assert_int_equal(outcome[1].times, 1);
    FROM_ISR(&r, WdfObjectDelete(work));
    rig_close(&r);
}
