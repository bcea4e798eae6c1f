/* SPDX-License-Identifier: MIT */
#include "wdf/test_driver.h"
#include "wdf/timer_state.h"

enum { FAR_AWAY_MS = 3600 * 1000 };

/* What the timer of a test does and saw. */
typedef struct seen {
    ms_atomic_u32 calls;
    WDFOBJECT parent;
    KIRQL irql;
    bool delete_itself;
    bool wait_for_itself;
} SEEN;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(SEEN, SeenBy)

static VOID on_timer(WDFTIMER timer)
{
    SEEN *seen = SeenBy(timer);

    seen->parent = WdfTimerGetParentObject(timer);
    seen->irql = KeGetCurrentIrql();
    if (seen->wait_for_itself)
        WdfTimerStop(timer, TRUE);
    ms_fetch_add_release(&seen->calls, 1);
    ms_wake(&seen->calls, UINT32_MAX);
    if (seen->delete_itself)
        WdfObjectDelete(timer);
}

static NTSTATUS timer_make(WDFOBJECT parent, ULONG period, WDF_EXECUTION_LEVEL level,
                           WDFTIMER *timer)
{
    WDF_TIMER_CONFIG config;
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_TIMER_CONFIG_INIT_PERIODIC(&config, on_timer, (LONG)period);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, SEEN);
    attributes.ParentObject = parent;
    attributes.ExecutionLevel = level;
    return WdfTimerCreate(&config, &attributes, timer);
}

static WDFTIMER timer_on(WDFOBJECT parent)
{
    WDFTIMER timer;

    assert_status(timer_make(parent, 0, WdfExecutionLevelInheritFromParent, &timer),
                  STATUS_SUCCESS);
    return timer;
}

static uint32_t calls_of(WDFTIMER timer)
{
    return ms_load_acquire(&SeenBy(timer)->calls);
}

static void wait_for(ms_atomic_u32 *calls, uint32_t wanted)
{
    uint32_t seen;

    while ((seen = ms_load_acquire(calls)) < wanted)
        ms_wait(calls, seen, UINT64_MAX);
}

static void rig_open_by_the_clock(struct rig *r)
{
    struct ms_wdf_config config = {.objects = 64};

    rig_open_with(r, &config);
}

/* TMR-02 */
MS_TEST(a_timers_configuration_begins_serialized)
{
    WDF_TIMER_CONFIG config;

    WDF_TIMER_CONFIG_INIT(&config, on_timer);
    assert_int_equal(config.Size, sizeof config);
    assert_true(config.AutomaticSerialization);
    assert_int_equal(config.Period, 0);
    WDF_TIMER_CONFIG_INIT_PERIODIC(&config, on_timer, 7);
    assert_int_equal(config.Period, 7);
    assert_true(config.AutomaticSerialization);
    assert_int_equal(WDF_REL_TIMEOUT_IN_MS(5), -50000);
    assert_int_equal(WDF_REL_TIMEOUT_IN_US(5), -50);
    assert_int_equal(WDF_REL_TIMEOUT_IN_SEC(5), -50000000);
    assert_int_equal(WDF_ABS_TIMEOUT_IN_MS(5), 50000);
    assert_int_equal(WDF_ABS_TIMEOUT_IN_US(5), 50);
    assert_int_equal(WDF_ABS_TIMEOUT_IN_SEC(5), 50000000);
}

/* TMR-01 */
MS_TEST(a_timer_needs_a_parent_with_a_device)
{
    struct rig r = {.queue = NULL};
    WDF_TIMER_CONFIG config;
    WDF_OBJECT_ATTRIBUTES attributes;
    struct outcome outcome;
    WDFOBJECT alone;
    WDFTIMER timer;

    rig_open(&r);
    WDF_TIMER_CONFIG_INIT(&config, on_timer);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    assert_status(WdfTimerCreate(&config, &attributes, &timer), STATUS_WDF_PARENT_NOT_SPECIFIED);
    assert_null(timer);
    assert_status(WdfTimerCreate(&config, WDF_NO_OBJECT_ATTRIBUTES, &timer),
                  STATUS_WDF_PARENT_NOT_SPECIFIED);
    assert_status(WdfObjectCreate(NULL, &alone), STATUS_SUCCESS);
    attributes.ParentObject = alone;
    assert_status(WdfTimerCreate(&config, &attributes, &timer), STATUS_INVALID_DEVICE_REQUEST);
    attributes.ParentObject = r.device;
    config.Size--;
    assert_status(WdfTimerCreate(&config, &attributes, &timer), STATUS_INFO_LENGTH_MISMATCH);
    assert_status(timer_make(r.device, 5, WdfExecutionLevelPassive, &timer), STATUS_NOT_SUPPORTED);
    WDFREQUEST request = rig_request(&r, &outcome);
    timer = timer_on(request);
    assert_ptr_equal(WdfTimerGetParentObject(timer), request);
    WdfObjectDelete(timer);
    timer = timer_on(r.queue);
    assert_ptr_equal(WdfTimerGetParentObject(timer), r.queue);
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_status(WdfTimerCreate(NULL, &attributes, &timer), STATUS_INVALID_PARAMETER);
    rig_close_with(&r, 1);
}

/* TMR-03, TMR-04, TMR-06, TMR-07, TMR-10 */
MS_TEST(each_start_is_replaced_stopped_or_called_once)
{
    struct rig r = {.queue = NULL};

    rig_open(&r);
    WDFTIMER timer = timer_on(r.device);
    assert_false(WdfTimerStop(timer, FALSE)); /* never started */
    assert_false(ms_wdf_timer_fire(timer));
    assert_false(WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1)));
    assert_true(WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(2))); /* replaced */
    assert_true(WdfTimerStop(timer, FALSE));
    assert_false(WdfTimerStop(timer, TRUE));
    assert_false(ms_wdf_timer_fire(timer));
    assert_int_equal(calls_of(timer), 0);
    assert_false(WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1)));
    assert_true(ms_wdf_timer_fire(timer));
    assert_int_equal(calls_of(timer), 1);
    assert_int_equal(SeenBy(timer)->irql, DISPATCH_LEVEL); /* TMR-07 */
    assert_ptr_equal(SeenBy(timer)->parent, r.device);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_false(WdfTimerStop(timer, FALSE)); /* it ran */
    assert_false(ms_wdf_timer_fire(timer));
    rig_close(&r);
}

/* TMR-08 */
MS_TEST(a_timer_may_be_deleted_by_its_own_callback)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;

    rig_open(&r);
    WDFREQUEST request = rig_request(&r, &outcome);
    WDFTIMER timer = timer_on(request);
    SeenBy(timer)->delete_itself = true;
    WdfTimerStart(timer, -1);
    uint32_t before = ms_wdf_objects(r.f.wdf);
    assert_true(ms_wdf_timer_fire(timer));
    assert_int_equal(ms_wdf_objects(r.f.wdf), before - 1);
    assert_false(ms_wdf_timer_fire(timer));
    WdfRequestComplete(request, STATUS_SUCCESS);
    rig_close(&r);
}

/* TMR-05 */
MS_TEST(a_callback_that_waits_for_itself_is_told_and_goes_on)
{
    struct rig r = {.queue = NULL};

    rig_open(&r);
    WDFTIMER timer = timer_on(r.device);
    SeenBy(timer)->wait_for_itself = true;
    WdfTimerStart(timer, -1);
    assert_true(ms_wdf_timer_fire(timer));
    assert_int_equal(r.f.report[0].info->rule, MS_RULE_WDF_IRQL); /* LVL-01 */
    assert_int_equal(r.f.report[1].info->rule, MS_RULE_WDF_WAIT_INSIDE);
    rig_close_with(&r, 2);
}

/* TMR-09: and the timer goes with its request (OBJ-04). */
MS_TEST(a_request_completed_at_dispatch_level_with_a_timer_is_reported)
{
    struct rig r = {.queue = NULL};
    struct outcome outcome;
    KIRQL irql;

    rig_open(&r);
    WDFREQUEST request = rig_request(&r, &outcome);
    WDFTIMER timer = timer_on(request);
    WdfTimerStart(timer, -1);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    WdfRequestComplete(request, STATUS_SUCCESS);
    KeLowerIrql(irql);
    assert_reported(&r.f, MS_RULE_WDF_TIMER_CHILD);
    assert_false(ms_wdf_timer_fire(timer));
    assert_int_equal(outcome.times, 1);
    rig_close_with(&r, 1);
}

/* TMR-07, TMR-10 */
MS_TEST(by_the_clock_a_timer_goes_off_on_the_dpc_thread)
{
    struct rig r = {.queue = NULL};
    WDFTIMER timer, passive;

    rig_open_by_the_clock(&r);
    timer = timer_on(r.device);
    WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(FAR_AWAY_MS));
    assert_true(WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1)));
    wait_for(&SeenBy(timer)->calls, 1);
    assert_false(WdfTimerStop(timer, TRUE)); /* TMR-05: it has returned */
    assert_int_equal(SeenBy(timer)->irql, DISPATCH_LEVEL);
    assert_status(timer_make(r.device, 0, WdfExecutionLevelPassive, &passive), STATUS_SUCCESS);
    WdfTimerStart(passive, WDF_REL_TIMEOUT_IN_MS(1));
    wait_for(&SeenBy(passive)->calls, 1);
    WdfTimerStop(passive, TRUE);
    assert_int_equal(SeenBy(passive)->irql, PASSIVE_LEVEL);
    WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(FAR_AWAY_MS)); /* it hangs when the device goes */
    rig_close(&r);
}

/* TMR-02, TMR-06 */
MS_TEST(a_periodic_timer_goes_off_until_it_is_stopped)
{
    struct rig r = {.queue = NULL};
    WDFTIMER timer;

    rig_open_by_the_clock(&r);
    assert_status(timer_make(r.device, 1, WdfExecutionLevelInheritFromParent, &timer),
                  STATUS_SUCCESS);
    WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1));
    wait_for(&SeenBy(timer)->calls, 5);
    assert_true(WdfTimerStop(timer, TRUE));
    uint32_t calls = calls_of(timer);
    WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1));
    wait_for(&SeenBy(timer)->calls, calls + 3);
    assert_true(WdfTimerStop(timer, TRUE));
    uint32_t before = ms_wdf_objects(r.f.wdf);
    SeenBy(timer)->delete_itself = true; /* TMR-08, on the DPC thread */
    WdfTimerStart(timer, WDF_REL_TIMEOUT_IN_MS(1));
    /* Only when it is gone: a parent deleted meanwhile would be a second deletion, and reported. */
    while (ms_wdf_objects(r.f.wdf) == before)
        ms_thread_yield();
    rig_close(&r);
}

/* TMR-08: deleted while the clock holds it. */
MS_TEST(a_started_timer_is_deleted_at_any_level)
{
    struct rig r = {.queue = NULL};
    KIRQL irql;

    rig_open_by_the_clock(&r);
    for (uint32_t i = 0; i < 50; i++) {
        WDFTIMER timer = timer_on(r.device);
        WdfTimerStart(timer, i % 2 ? -1 : WDF_REL_TIMEOUT_IN_MS(FAR_AWAY_MS));
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        WdfObjectDelete(timer);
        KeLowerIrql(irql);
    }
    rig_close(&r);
}

/* TMR-06 */
MS_TEST(the_steps_of_a_timer_leave_nothing_to_chance)
{
    union ms_timer_word t = {.raw = 0};

    assert_false(timer_fire(&t, 100, 0));
    assert_false(timer_start(&t, 10, 0));
    assert_true(timer_fire(&t, 10, 0));
    assert_false(timer_stop(&t, 0, 0));
    assert_false(timer_start(&t, 20, 0)); /* while the callback runs */
    assert_true(timer_fire(&t, 23, 5));   /* a periodic one */
    assert_int_equal(t.running, 2);
    assert_int_equal(t.due, 25);
    assert_true(t.armed);
    assert_false(timer_return(&t, 0, 0));
    assert_false(timer_close(&t, 0, 0)); /* one is running */
    assert_false(timer_start(&t, 0, 0));
    assert_false(t.armed);
    assert_true(timer_return(&t, 0, 0)); /* it was the last */
}

/* TMR-03: a ring that was on its way when the timer was started anew */
MS_TEST(a_timer_never_goes_off_before_its_last_start_is_due)
{
    union ms_timer_word t = {.raw = 0};

    assert_false(timer_start(&t, 10, 0));
    assert_true(timer_start(&t, 1000, 0));
    assert_false(timer_fire(&t, 999, 0));
    assert_true(timer_fire(&t, 1000, 0));
    assert_false(timer_start(&t, UINT64_MAX, 0)); /* in more years than the word can count */
    assert_false(timer_fire(&t, TIMER_DUE_MAX - 1, 0));
    assert_int_equal(t.due, TIMER_DUE_MAX);
    t.running = TIMER_RUNNING_MAX; /* so many at a time: the next one waits */
    assert_false(timer_fire(&t, UINT64_MAX, 0));
    assert_true(t.armed);
}

MS_TEST(every_taking_of_a_timer_may_fail)
{
    struct rig r = {.queue = NULL};
    WDFTIMER timer;

    rig_open(&r);
    uint32_t before = ms_wdf_objects(r.f.wdf), countdown = 0;
    for (;; countdown++) {
        ms_fault_arm(countdown);
        NTSTATUS status = timer_make(r.device, 0, WdfExecutionLevelPassive, &timer);
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        if (!fired)
            break;
        assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(timer);
        assert_int_equal(ms_wdf_objects(r.f.wdf), before);
    }
    assert_int_equal(countdown, 5); /* the object, a cell, the context, two work items */
    rig_close(&r);
}
