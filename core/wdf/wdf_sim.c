/* SPDX-License-Identifier: MIT */
/*
 * wdf_sim.c: the races of requests, timers and objects under seeded schedules and weak memory: unmark
 * against cancel, stop against going off, deletion against whatever else is going on.
 */
#include "mapstorm_wdf.h"
#include "platform/test_sim.h"
#include "wdf/bare_driver.h"
#include "wdf/device.h"

enum { RUNS = 3000, CHILDREN = 3 };

struct world {
    struct ms_kernel kernel;
    struct ms_wdf *wdf;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    WDFQUEUE queue, second;
    WDFREQUEST request;
    WDFTIMER timer;
    WDFOBJECT parent, child[CHILDREN];
    /* What happened; counters of the harness, each written through an atomic. */
    ms_atomic_u32 completions, cancels, unmarks, calls, starts, replaced, stopped;
    ms_atomic_u32 made, cleanups, destroys;
};

static struct world world;

static void bump(ms_atomic_u32 *counter)
{
    ms_fetch_add_relaxed(counter, 1);
}

static uint32_t got(const ms_atomic_u32 *counter)
{
    return ms_load_relaxed(counter);
}

/* --- a machine ----------------------------------------------------------------------------------- */

static void done(void *context, NTSTATUS status, ULONG_PTR information)
{
    (void)context, (void)status, (void)information;
    bump(&world.completions);
}

static VOID on_timer(WDFTIMER timer)
{
    (void)timer;
    bump(&world.calls);
}

static VOID on_cleanup(WDFOBJECT object)
{
    (void)object;
    bump(&world.cleanups);
}

static VOID on_destroy(WDFOBJECT object)
{
    (void)object;
    bump(&world.destroys);
}

static NTSTATUS object_under(WDFOBJECT parent, WDFOBJECT *object)
{
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = parent;
    attributes.EvtCleanupCallback = on_cleanup;
    attributes.EvtDestroyCallback = on_destroy;
    NTSTATUS status = WdfObjectCreate(&attributes, object);
    if (NT_SUCCESS(status))
        bump(&world.made);
    return status;
}

static void world_open(void)
{
    static DEVICE_OBJECT pdo;
    const struct ms_wdf_config config = {.objects = 64, .timers_stepped = true};
    struct ms_io io = {.type = WdfRequestTypeRead, .length = 1, .done = done};
    WDF_IO_QUEUE_CONFIG queue;
    WDF_TIMER_CONFIG timer;
    WDF_OBJECT_ATTRIBUTES attributes;

    memset(&world, 0, sizeof world);
    ms_kernel_init(&world.kernel, NULL, NULL);
    world.wdf = ms_wdf_create(&world.kernel, &config);
    assert_non_null(world.wdf);
    ms_cpu_enter(&world.kernel);
    assert_status(ms_wdf_driver_load(ms_bare_driver_entry, &world.driver), STATUS_SUCCESS);
    assert_status(ms_wdf_device_add(world.driver, &pdo, NULL, 0, &world.device), STATUS_SUCCESS);
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&queue, WdfIoQueueDispatchManual);
    assert_status(WdfIoQueueCreate(world.device, &queue, NULL, &world.queue), STATUS_SUCCESS);
    WDF_IO_QUEUE_CONFIG_INIT(&queue, WdfIoQueueDispatchManual);
    assert_status(WdfIoQueueCreate(world.device, &queue, NULL, &world.second), STATUS_SUCCESS);
    assert_status(ms_wdf_submit(world.device, &io, &world.request), STATUS_PENDING);
    WDF_TIMER_CONFIG_INIT(&timer, on_timer);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = world.device;
    attributes.EvtCleanupCallback = on_cleanup;
    assert_status(WdfTimerCreate(&timer, &attributes, &world.timer), STATUS_SUCCESS);
    assert_status(object_under(NULL, &world.parent), STATUS_SUCCESS);
    for (uint32_t i = 0; i < CHILDREN; i++)
        assert_status(object_under(world.parent, &world.child[i]), STATUS_SUCCESS);
    ms_cpu_leave();
}

static void world_close(void)
{
    ms_cpu_enter(&world.kernel);
    ms_wdf_device_remove(world.device);
    ms_wdf_driver_unload(world.driver);
    ms_wdf_close(world.wdf);
    assert_int_equal(ms_wdf_objects(world.wdf), 0);
    ms_cpu_leave();
    ms_wdf_destroy(world.wdf);
}

static void play(ms_thread_body *const *bodies, uint32_t count, ms_thread_body *check,
                 bool rules_may_break)
{
    struct ms_sim_actor actors[4];
    struct ms_sim_config config;

    sim_cast(&config, actors, bodies, count, NULL);
    config.check = check;
    for (uint32_t run = 0; run < RUNS; run++) {
        world_open();
        sim_play(&config, run, 60, 0, 100);
        if (!rules_may_break)
            assert_int_equal(ms_rules_broken(&world.kernel), 0);
        world_close();
    }
}

#define DEMAND(e)                                                                                  \
    do {                                                                                           \
        if (!(e))                                                                                  \
            ms_sim_fail(#e, "%s", #e);                                                             \
    } while (0)

/* --- unmark against cancel ------------------------------------------------------------------------ */

static VOID on_cancel(WDFREQUEST request)
{
    bump(&world.cancels);
    WdfRequestComplete(request, STATUS_CANCELLED);
}

/* Takes the request out of the queue, marks it, works on it, takes the mark off, completes it. */
static void handler(void *context)
{
    WDFREQUEST request;

    (void)context;
    ms_cpu_enter(&world.kernel);
    if (WdfIoQueueRetrieveNextRequest(world.queue, &request) != STATUS_SUCCESS)
        return; /* it was cancelled in the queue */
    if (WdfRequestMarkCancelableEx(request, on_cancel) == STATUS_CANCELLED) {
        WdfRequestComplete(request, STATUS_CANCELLED);
        return;
    }
    WdfObjectReference(request); /* the callback may complete it meanwhile */
    ms_sim_here("the handler works");
    NTSTATUS status = WdfRequestUnmarkCancelable(request);
    if (status == STATUS_SUCCESS) {
        bump(&world.unmarks);
        WdfRequestComplete(request, STATUS_SUCCESS);
    }
    WdfObjectDereference(request);
}

static void canceller(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    ms_wdf_cancel(world.request);
}

static void check_request(void *context)
{
    (void)context;
    DEMAND(got(&world.completions) == 1);                   /* REQ-02 */
    DEMAND(got(&world.cancels) + got(&world.unmarks) <= 1); /* REQ-07 */
}

/* REQ-04, REQ-06, REQ-07, REQ-08, WQU-04 */
MS_TEST(sim_a_request_is_unmarked_or_its_callback_is_called)
{
    static ms_thread_body *const two[] = {handler, canceller};
    static ms_thread_body *const three[] = {handler, canceller, canceller};

    /* Unmarking a request that its callback has completed reports a dead handle (REQ-09). */
    play(two, 2, check_request, true);
    play(three, 3, check_request, true);
}

static void forwarder(void *context)
{
    WDFREQUEST request;

    (void)context;
    ms_cpu_enter(&world.kernel);
    if (WdfIoQueueRetrieveNextRequest(world.queue, &request) == STATUS_SUCCESS)
        WdfRequestForwardToIoQueue(request, world.second);
}

static void check_cancelled(void *context)
{
    (void)context;
    DEMAND(got(&world.completions) == 1);
}

/* WQU-04 */
MS_TEST(sim_a_request_is_cancelled_wherever_it_is_on_its_way)
{
    static ms_thread_body *const two[] = {forwarder, canceller};
    static ms_thread_body *const three[] = {forwarder, canceller, canceller};

    play(two, 2, check_cancelled, false);
    play(three, 3, check_cancelled, false);
}

/* --- stop against going off ---------------------------------------------------------------------- */

static void starter(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    for (uint32_t i = 0; i < 2; i++) {
        bump(&world.starts);
        if (WdfTimerStart(world.timer, -1))
            bump(&world.replaced);
    }
}

static void stopper(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    if (WdfTimerStop(world.timer, FALSE))
        bump(&world.stopped);
}

static void patient(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    if (WdfTimerStop(world.timer, TRUE))
        bump(&world.stopped);
}

static void clock_comes(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    ms_wdf_timer_fire(world.timer);
}

static void check_timer(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    uint32_t armed = WdfTimerStop(world.timer, FALSE);
    DEMAND(got(&world.starts) ==
           got(&world.calls) + got(&world.stopped) + got(&world.replaced) + armed); /* TMR-06 */
}

/* TMR-04, TMR-05, TMR-06, TMR-10 */
MS_TEST(sim_each_start_ends_in_one_way)
{
    static ms_thread_body *const three[] = {starter, stopper, clock_comes};
    static ms_thread_body *const four[] = {starter, patient, clock_comes, clock_comes};

    play(three, 3, check_timer, false);
    play(four, 4, check_timer, false);
}

static void deleter(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    WdfObjectDelete(world.timer);
}

static void check_timer_gone(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    DEMAND(!ms_wdf_timer_fire(world.timer));
    DEMAND(got(&world.cleanups) == 1);
    DEMAND(got(&world.calls) <= got(&world.starts));
}

/* TMR-08, OBJ-04 */
MS_TEST(sim_a_timer_is_deleted_while_it_is_started_and_goes_off)
{
    static ms_thread_body *const three[] = {starter, deleter, clock_comes};

    play(three, 3, check_timer_gone, true); /* starting a dead one is reported */
}

/* --- deletion against births, deaths and references ------------------------------------------------ */

static void parent_deleter(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    WdfObjectDelete(world.parent);
}

static void child_deleter(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    WdfObjectDelete(world.child[0]);
    WdfObjectDelete(world.child[1]);
}

static void mother(void *context)
{
    WDFOBJECT born;

    (void)context;
    ms_cpu_enter(&world.kernel);
    for (uint32_t i = 0; i < 2; i++)
        if (NT_SUCCESS(object_under(world.parent, &born)))
            object_under(born, &born);
}

/* More than there is room for: the next room is made beside the deletion. */
static void mother_of_many(void *context)
{
    WDFOBJECT born;

    (void)context;
    ms_cpu_enter(&world.kernel);
    for (uint32_t i = 0; i < MS_BROOD_FIRST - CHILDREN + 2; i++)
        object_under(world.parent, &born);
}

static void borrower(void *context)
{
    (void)context;
    ms_cpu_enter(&world.kernel);
    struct ms_object *object = ms_object_try(world.child[2], MS_OBJECT_ANY);
    if (object) {
        ms_sim_here("the borrower looks around");
        DEMAND(object->ops->kind == MS_OBJECT_GENERAL);
        DEMAND(object->parent->ops->kind == MS_OBJECT_GENERAL);
        ms_object_drop(object);
    }
}

static void check_tree(void *context)
{
    (void)context;
    DEMAND(got(&world.cleanups) == got(&world.made)); /* OBJ-04 */
    DEMAND(got(&world.destroys) == got(&world.made));
    DEMAND(!ms_object_find(world.parent, MS_OBJECT_ANY));
}

/* OBJ-04, OBJ-05, OBJ-06 */
MS_TEST(sim_a_family_dies_whole_whoever_is_born_or_leaves_meanwhile)
{
    static ms_thread_body *const two[] = {parent_deleter, mother};
    static ms_thread_body *const three[] = {parent_deleter, child_deleter, borrower};
    static ms_thread_body *const four[] = {parent_deleter, child_deleter, mother, borrower};

    static ms_thread_body *const many[] = {parent_deleter, mother_of_many};

    play(two, 2, check_tree, true); /* being born under a dead parent is reported */
    play(many, 2, check_tree, true);
    play(three, 3, check_tree, true);
    play(four, 4, check_tree, true);
}
