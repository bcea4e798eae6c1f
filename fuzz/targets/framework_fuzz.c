/* SPDX-License-Identifier: MIT */
/*
 * framework_fuzz.c: a driver of the framework without its DMA: requests through two queues, timers, DPCs, work
 * items, an interrupt, locks, objects with contexts; three threads, and the machine's own two. It keeps every rule.
 *
 * Proves       a request is presented to one handler, ended once, as its driver said (REQ-02, REQ-10, REQ-11); one
 *              that is cancelled while it waits leaves its queue, one that is marked gets its callback or is
 *              unmarked, never both (REQ-03 to REQ-09, WQU-04); a queue presents no more than it may (WQU-01);
 *              callbacks of a scope exclude each other (WQU-05); per start of a timer one of its callback, a stop
 *              that says TRUE, a later start (TMR-06); DPCs and work items run as often as they were queued; an
 *              interrupt's service is alone under its lock (WQU-06); locks have one holder (LCK-01); an object is
 *              cleaned up once and destroyed once, its children too (OBJ-04 to OBJ-06); a device comes and goes
 *              with its callbacks (WQU-07); no call is blamed (O7), nothing is left (O9)
 */
#include "framework_family.h"
#include "framework_later.h"
#include "framework_places.h"
#include "framework_requests.h"

/* --- what runs later ----------------------------------------------------------------------------------------- */

static void later_begin(struct later *l, struct inside *scope, KIRQL irql, const char *what)
{
    callback_begin(scope, irql);
    if (++l->begun > l->asked)
        ms_sim_fail("O3 something ran more often than it was asked for", "%s: %u of %u", what,
                    l->begun, l->asked);
    if (l->begun <= RUNS)
        ms_data_write(&l->run[l->begun - 1], sizeof l->run[0]);
}

/* All that had begun when a wait for them began are over when it ends. */
static void later_seen(const struct later *l, uint32_t begun)
{
    for (uint32_t i = 0; i < begun && i < RUNS; i++)
        ms_data_read(&l->run[i], sizeof l->run[i]), ms_data_read(&l->end[i], sizeof l->end[i]);
}

static void later_end(struct later *l, struct inside *scope)
{
    callback_end(scope);
    if (l->finished < RUNS)
        ms_data_write(&l->end[l->finished], sizeof l->end[0]);
    l->finished++;
}

static VOID on_timer(WDFTIMER timer)
{
    uint32_t which = timer == f.timer[1];

    /* A stepped machine calls it on the thread that lets it go off. */
    later_begin(&f.timers[which], which ? NULL : scope_of(NULL), DISPATCH_LEVEL, "timer");
    if (WdfTimerGetParentObject(timer) != f.device)
        ms_sim_fail("O7 a timer has another parent", "timer %u", which);
    later_end(&f.timers[which], which ? NULL : scope_of(NULL));
}

static VOID on_dpc(WDFDPC dpc)
{
    later_begin(&f.dpcs, scope_of(NULL), DISPATCH_LEVEL, "DPC");
    if (WdfDpcGetParentObject(dpc) != f.device)
        ms_sim_fail("O7 a DPC has another parent", "%p", (void *)dpc);
    later_end(&f.dpcs, scope_of(NULL));
}

static VOID on_work(WDFWORKITEM work)
{
    later_begin(&f.works, scope_of(NULL), PASSIVE_LEVEL, "work item");
    if (WdfWorkItemGetParentObject(work) != f.device)
        ms_sim_fail("O7 a work item has another parent", "%p", (void *)work);
    later_end(&f.works, scope_of(NULL));
}

static BOOLEAN on_interrupt(WDFINTERRUPT interrupt, ULONG message)
{
    enter(&f.interrupt_inside);
    if (message != 0 || KeGetCurrentIrql() <= DISPATCH_LEVEL ||
        WdfInterruptGetDevice(interrupt) != f.device)
        ms_sim_fail("O7 an interrupt at another IRQL, or of another device", "%u",
                    KeGetCurrentIrql());
    f.isrs++;
    f.interrupts.asked++;
    if (!WdfInterruptQueueDpcForIsr(interrupt))
        f.interrupts.taken_back++; /* it is queued already */
    leave(&f.interrupt_inside);
    return TRUE;
}

static VOID on_interrupt_dpc(WDFINTERRUPT interrupt, WDFOBJECT device)
{
    (void)interrupt;
    later_begin(&f.interrupts, scope_of(NULL), DISPATCH_LEVEL, "interrupt");
    if (device != f.device)
        ms_sim_fail("O7 an interrupt's DPC of another device", "%p", (void *)device);
    later_end(&f.interrupts, scope_of(NULL));
}

static void do_timer(const struct fuzz_op *op)
{
    uint32_t which = op->operand[0] % TIMERS;
    struct later *l = &f.timers[which];
    uint32_t begun = l->begun;

    switch (op->operand[1] % 4) {
    case 0:
        l->asked++;
        l->taken_back += WdfTimerStart(f.timer[which], moments[op->operand[1] >> 2 & 7]);
        break;
    case 1:
        l->taken_back += WdfTimerStop(f.timer[which], FALSE);
        break;
    case 2:
        l->taken_back += WdfTimerStop(f.timer[which], TRUE);
        later_seen(l, begun);
        break;
    default:
        if (ms_wdf_timer_fire(f.timer[which]) && l->asked == 0)
            ms_sim_fail("O3 a timer goes off that was never started", "timer %u", which);
        break;
    }
    expect_nothing("a timer");
}

static void do_later(uint8_t what)
{
    uint32_t dpcs = f.dpcs.begun, interrupts = f.interrupts.begun;

    switch (what % 7) {
    case 0:
        f.dpcs.asked++;
        f.dpcs.taken_back += !WdfDpcEnqueue(f.dpc);
        break;
    case 1:
        f.dpcs.taken_back += WdfDpcCancel(f.dpc, FALSE);
        break;
    case 2:
        f.dpcs.taken_back += WdfDpcCancel(f.dpc, TRUE);
        later_seen(&f.dpcs, dpcs);
        later_seen(&f.interrupts, interrupts);
        break;
    case 3:
        f.works.asked++;
        WdfWorkItemEnqueue(f.work);
        break;
    case 4:
        WdfWorkItemFlush(f.work);
        break;
    case 5:
        if (!ms_wdf_interrupt(f.interrupt))
            ms_sim_fail("O7 an interrupt is nobody's", "%u", f.isrs);
        break;
    default:
        if (ms_wdf_interrupt_of(f.device, 0) != f.interrupt || ms_wdf_interrupt_of(f.device, 1))
            ms_sim_fail("O7 a device has other interrupts", "%p", (void *)f.interrupt);
        break;
    }
    expect_nothing("what runs later");
}

/* --- locks ---------------------------------------------------------------------------------------------------- */

static void hold(struct inside *inside, KIRQL irql)
{
    enter(inside);
    if (KeGetCurrentIrql() != irql)
        ms_sim_fail("O7 a lock is held at another IRQL", "%u", KeGetCurrentIrql());
    ms_sim_here("holding");
    leave(inside);
}

static void do_lock(uint8_t which)
{
    LONGLONG timeout = moments[which >> 3 & 7];
    NTSTATUS status;

    switch (which % 6) {
    case 0:
        WdfSpinLockAcquire(f.spin);
        hold(&f.spin_inside, DISPATCH_LEVEL);
        WdfSpinLockRelease(f.spin);
        break;
    case 1:
        status = WdfWaitLockAcquire(f.wait, &timeout);
        if (status == STATUS_SUCCESS) {
            hold(&f.wait_inside, PASSIVE_LEVEL);
            WdfWaitLockRelease(f.wait);
        } else if (status != STATUS_TIMEOUT) {
            ms_sim_fail("O7 a wait lock with another status", "%08x", (unsigned)status);
        }
        break;
    case 2:
        if (WdfWaitLockAcquire(f.wait, NULL) != STATUS_SUCCESS)
            ms_sim_fail("O7 a wait for a lock ends without it", "%u", which);
        hold(&f.wait_inside, PASSIVE_LEVEL);
        WdfWaitLockRelease(f.wait);
        break;
    case 3:
        WdfObjectAcquireLock(f.device);
        hold(&f.device_inside, DISPATCH_LEVEL);
        WdfObjectReleaseLock(f.device);
        break;
    case 4:
        WdfObjectAcquireLock(f.queue);
        WdfObjectAcquireLock(f.queue); /* its holder may come in again */
        hold(&f.queue_inside, DISPATCH_LEVEL);
        WdfObjectReleaseLock(f.queue);
        WdfObjectReleaseLock(f.queue);
        break;
    default:
        WdfInterruptAcquireLock(f.interrupt);
        enter(&f.interrupt_inside);
        ms_sim_here("holding");
        leave(&f.interrupt_inside);
        WdfInterruptReleaseLock(f.interrupt);
        break;
    }
    if (KeGetCurrentIrql() != PASSIVE_LEVEL)
        ms_sim_fail("O7 a lock leaves another IRQL", "%u", KeGetCurrentIrql());
    expect_nothing("a lock");
}

/* --- the driver and its device --------------------------------------------------------------------------------- */

static NTSTATUS on_prepare(WDFDEVICE device, WDFCMRESLIST raw, WDFCMRESLIST translated)
{
    PCM_PARTIAL_RESOURCE_DESCRIPTOR item = WdfCmResourceListGetDescriptor(translated, 0);

    (void)device;
    if (WdfCmResourceListGetCount(raw) != 1 || !item || item->Type != CmResourceTypeDma ||
        WdfCmResourceListGetDescriptor(translated, 1))
        ms_sim_fail("O7 a device is prepared with other resources", "%p", (void *)item);
    f.starts++;
    return STATUS_SUCCESS;
}

static NTSTATUS on_release(WDFDEVICE device, WDFCMRESLIST translated)
{
    (void)device, (void)translated;
    f.stops++;
    return STATUS_SUCCESS;
}

static NTSTATUS on_power_up(WDFDEVICE device, WDF_POWER_DEVICE_STATE before)
{
    (void)device, (void)before;
    f.powers++;
    return STATUS_SUCCESS;
}

static NTSTATUS on_power_down(WDFDEVICE device, WDF_POWER_DEVICE_STATE after)
{
    (void)device, (void)after;
    f.powers--;
    return STATUS_SUCCESS;
}

static VOID on_unload(WDFDRIVER driver)
{
    if (!WdfDriverWdmGetDriverObject(driver))
        ms_sim_fail("O7 a driver without an object is unloaded", "%p", (void *)driver);
    f.unload++;
}

static NTSTATUS on_device_add(WDFDRIVER driver, PWDFDEVICE_INIT init)
{
    static const WDF_SYNCHRONIZATION_SCOPE scopes[SCOPES] = {
        WdfSynchronizationScopeNone, WdfSynchronizationScopeQueue, WdfSynchronizationScopeDevice};
    WDF_PNPPOWER_EVENT_CALLBACKS events;
    WDF_OBJECT_ATTRIBUTES attributes;

    (void)driver;
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&events);
    events.EvtDevicePrepareHardware = on_prepare;
    events.EvtDeviceReleaseHardware = on_release;
    events.EvtDeviceD0Entry = on_power_up;
    events.EvtDeviceD0Exit = on_power_down;
    WdfDeviceInitSetPnpPowerEventCallbacks(init, &events);
    WdfDeviceInitSetIoType(init, WdfDeviceIoDirect);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.SynchronizationScope = scopes[f.scope];
    return WdfDeviceCreate(&init, &attributes, f.adding);
}

static NTSTATUS on_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    WDF_DRIVER_CONFIG config;
    WDFDRIVER driver;

    WDF_DRIVER_CONFIG_INIT(&config, on_device_add);
    config.EvtDriverUnload = on_unload;
    return WdfDriverCreate(object, path, WDF_NO_OBJECT_ATTRIBUTES, &config, &driver);
}

static void make_queues(void)
{
    WDF_IO_QUEUE_CONFIG config;

    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config,
                                           f.dispatch == SEQUENTIAL ? WdfIoQueueDispatchSequential
                                           : f.dispatch == SOME     ? WdfIoQueueDispatchParallel
                                                                    : WdfIoQueueDispatchManual);
    if (f.dispatch == SOME) {
        config.Settings.Parallel.NumberOfPresentedRequests = PARALLEL;
        config.EvtIoCanceledOnQueue = on_canceled_on_queue;
    }
    config.EvtIoRead = config.EvtIoWrite = on_read;
    config.EvtIoDeviceControl = on_control;
    ms_require(NT_SUCCESS(WdfIoQueueCreate(f.device, &config, NULL, &f.queue)));
    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchManual);
    config.EvtIoCanceledOnQueue = on_canceled_on_queue;
    ms_require(NT_SUCCESS(WdfIoQueueCreate(f.device, &config, NULL, &f.second)));
    ms_require(WdfDeviceGetDefaultQueue(f.device) == f.queue);
}

static void make_later(void)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_TIMER_CONFIG timer;
    WDF_DPC_CONFIG dpc;
    WDF_WORKITEM_CONFIG work;
    WDF_INTERRUPT_CONFIG interrupt;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = f.device;
    WDF_TIMER_CONFIG_INIT(&timer, on_timer);
    ms_require(NT_SUCCESS(WdfTimerCreate(&timer, &attributes, &f.timer[0])));
    WDF_TIMER_CONFIG_INIT_PERIODIC(&timer, on_timer, 1);
    timer.AutomaticSerialization = FALSE;
    ms_require(NT_SUCCESS(WdfTimerCreate(&timer, &attributes, &f.timer[1])));
    WDF_DPC_CONFIG_INIT(&dpc, on_dpc);
    ms_require(NT_SUCCESS(WdfDpcCreate(&dpc, &attributes, &f.dpc)));
    WDF_WORKITEM_CONFIG_INIT(&work, on_work);
    ms_require(NT_SUCCESS(WdfWorkItemCreate(&work, &attributes, &f.work)));
    WDF_INTERRUPT_CONFIG_INIT(&interrupt, on_interrupt, on_interrupt_dpc);
    interrupt.AutomaticSerialization = TRUE;
    ms_require(NT_SUCCESS(WdfInterruptCreate(f.device, &interrupt, NULL, &f.interrupt)));
    ms_require(NT_SUCCESS(WdfSpinLockCreate(&attributes, &f.spin)));
    ms_require(NT_SUCCESS(WdfWaitLockCreate(&attributes, &f.wait)));
}

static void make_machine(void)
{
    const struct ms_dma_config dma = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {1, 1},
        .grants = 2,
    };
    const struct ms_wdf_config config = {.objects = 128, .timers_stepped = f.is_stepped};
    const CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma};

    (void)stage_memory(&f.stage);
    stage_dma(&f.stage, &dma, ACTORS);
    PVOID buffer = ExAllocatePoolWithTag(NonPagedPoolNx, MS_PAGE_BYTES, 0);
    ms_require(buffer != NULL);
    f.mdl = IoAllocateMdl(buffer, MS_PAGE_BYTES, FALSE, FALSE, NULL);
    ms_require(f.mdl != NULL);
    MmBuildMdlForNonPagedPool(f.mdl);
    f.wdf = ms_wdf_create(&f.stage.kernel, &config);
    ms_require(f.wdf != NULL);
    ms_rules_watch(&f.stage.kernel, watch, NULL);
    ms_require(NT_SUCCESS(ms_wdf_driver_load(on_entry, &f.driver)));
    f.adding = &f.device;
    ms_require(NT_SUCCESS(ms_wdf_device_add(f.driver, &f.stage.pdo, &resource, 1, &f.device)));
    f.adding = &f.other;
    ms_require(NT_SUCCESS(ms_wdf_device_add(f.driver, &f.stage.pdo, &resource, 1, &f.other)));
    make_queues();
    make_later();
    family_make();
    later_objects_make();
    f.objects = ms_wdf_objects(f.wdf);
    stage_keep(&f.stage, f.note);
}

static void framework_reset(const uint8_t *setup)
{
    uint32_t number = setup[0] % DISPATCHES * 6u + setup[1] % SCOPES * 2u + (setup[2] & 1);

    if (!stage_ready(&f.stage, number)) {
        f.dispatch = setup[0] % DISPATCHES;
        f.scope = setup[1] % SCOPES;
        f.is_stepped = setup[2] & 1;
        f.starts = f.stops = f.powers = f.unload = 0;
        make_machine();
    }
    memset(f.note, 0, sizeof f - offsetof(__typeof__(f), note));
    f.goes = setup[3] & 1;
    family_reset();
    f.timers[1].asked = UINT32_MAX / 2; /* it goes off again and again */
    ms_init(&f.finished, 0);
}

enum kind { SEND, TAKE, END, CANCEL, TIMER, LATER, LOCK, OBJECT, FAMILY, SPARE, ALARM, PLACE };

static void framework_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&f.stage, actor);
    switch ((enum kind)op->kind) {
    case SEND:
        do_send(op);
        break;
    case TAKE:
        do_take(op->operand[0]);
        break;
    case END:
        (void)do_end(op->operand[0], op->operand[1]);
        break;
    case CANCEL:
        do_cancel(op->operand[0]);
        break;
    case TIMER:
        do_timer(op);
        break;
    case LATER:
        do_later(op->operand[0]);
        break;
    case LOCK:
        do_lock(op->operand[0]);
        break;
    case OBJECT:
        do_object(actor, op);
        break;
    case FAMILY:
        f.is_family = true;
        do_family(op);
        break;
    case SPARE:
        do_spare(actor, op);
        break;
    case ALARM:
        do_alarm(op);
        break;
    case PLACE:
        do_place(op);
        break;
    }
}

static void device_goes(void)
{
    ms_wdf_device_remove(f.device);
    ms_wdf_device_remove(f.other);
    if (f.starts != 2 || f.stops != 2 || f.powers != 0)
        ms_sim_fail("O3 a device is not stopped as it was started", "%u, %u, %u", f.starts, f.stops,
                    f.powers);
    ms_wdf_driver_unload(f.driver);
    if (f.unload != 1)
        ms_sim_fail("O3 a driver is unloaded without being told", "%u", f.unload);
    ms_wdf_close(f.wdf);
    expect_nothing("the end");
}

/* The last one ends what still goes on, or takes all down, as a machine's owner does. */
static void framework_finish(uint32_t actor)
{
    stage_cpu(&f.stage, actor);
    objects_end(actor);
    spare_end(actor);
    if (ms_fetch_add_acq_rel(&f.finished, 1) + 1 < ACTORS)
        return;
    while (do_end(0, 0))
        ;
    requests_served();
    for (uint32_t i = 0; i < TIMERS; i++)
        f.timers[i].taken_back += WdfTimerStop(f.timer[i], TRUE);
    WdfWorkItemFlush(f.work);
    KeFlushQueuedDpcs();
    later_finish(actor);
    if (f.is_family)
        family_end();
    f.is_over = true;
    if (f.goes) {
        device_goes();
        return;
    }
    for (uint32_t i = 0; i < f.notes; i++)
        do_cancel((uint8_t)i);
    ms_kernel_stop(&f.stage.kernel);
}

static void later_check(const struct later *l, const char *what)
{
    if (l->begun != l->asked - l->taken_back || l->finished != l->begun)
        ms_sim_fail("O3 something ran not as often as it was asked for",
                    "%s: %u, %u asked, %u back", what, l->begun, l->asked, l->taken_back);
}

static void framework_check(void *unused)
{
    (void)unused;
    requests_check();
    later_check(&f.timers[0], "timer");
    later_check(&f.dpcs, "DPC");
    later_check(&f.interrupts, "interrupt");
    if ((f.works.begun == 0) != (f.works.asked == 0) || f.works.finished != f.works.begun)
        ms_sim_fail("O3 a work item is lost", "%u of %u", f.works.begun, f.works.asked);
    if (f.made != f.cleaned || f.made != f.destroyed)
        ms_sim_fail("O9 an object is left", "%u made, %u cleaned up, %u destroyed", f.made,
                    f.cleaned, f.destroyed);
    if (f.is_family)
        family_check();
    spare_check();
    places_check();
    if (ms_wdf_objects(f.wdf) != (f.goes ? 0 : f.objects - f.is_family + f.places[0] + f.places[1]))
        ms_sim_fail("O9 an object of the framework is left", "%u", ms_wdf_objects(f.wdf));
}

static uint64_t framework_digest(void)
{
    uint64_t digest = f.notes;

    for (uint32_t i = 0; i < f.notes; i++)
        digest = digest * 31 + (uint32_t)f.note[i].status;
    return digest * 31 + f.timers[0].begun * 7u + f.dpcs.begun * 3u + f.works.begun;
}

static const char *framework_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const plans[PLANS] = {"ended at once",
                                             "kept",
                                             "marked and kept",
                                             "marked in the old way and kept",
                                             "forwarded",
                                             "looked at and ended",
                                             "ended with information",
                                             "failed"};
    static const char *const timers[] = {"start", "stop", "stop, and wait for", "fire"};
    static const char *const laters[] = {"queue the DPC",           "cancel the DPC",
                                         "cancel the DPC and wait", "queue the work item",
                                         "wait for the work item",  "interrupt",
                                         "look for the interrupt"};
    static const char *const locks[] = {"the spin lock",    "the wait lock, for a while",
                                        "the wait lock",    "the device's lock",
                                        "the queue's lock", "the interrupt's lock"};
    static const char *const objects[] = {"make",      "make",        "delete",
                                          "reference", "dereference", "add a context to"};
    static const char *const families[] = {
        "bear a child",   "bear a child", "bear a child",          "bear a child",
        "visit children", "delete child", "give the head context", "delete the head"};
    static const char *const spares[] = {"leave a word and queue the helper", "wait for the helper",
                                         "make a spare", "queue the spare", "delete the spare"};
    static const char *const places[] = {
        "make the other device's default queue", "make the other device's queue for writes",
        "send the other device a read", "send the other device a write",
        "look for the other device's default queue"};
    static const char *const alarms[] = {"start", "stop", "stop, and wait for",
                                         "fire, or wait beside,"};
    unsigned first = op->operand[0], second = op->operand[1];

    switch ((enum kind)op->kind) {
    case SEND:
        snprintf(text, bytes, "send a request, to be %s", plans[second % PLANS]);
        break;
    case TAKE:
        return "take a request out of a manual queue";
    case END:
        return "end a request that was kept";
    case CANCEL:
        snprintf(text, bytes, "cancel request %u", first);
        break;
    case TIMER:
        snprintf(text, bytes, "%s timer %u", timers[second % 4], first % TIMERS);
        break;
    case LATER:
        return laters[first % 7];
    case LOCK:
        snprintf(text, bytes, "hold %s", locks[first % 6]);
        break;
    case OBJECT:
        snprintf(text, bytes, "%s object %u", objects[first / SLOTS % 6], first % SLOTS);
        break;
    case FAMILY:
        snprintf(text, bytes, "%s (%u)", families[first % 8], second);
        break;
    case SPARE:
        return spares[first % 5];
    case ALARM:
        snprintf(text, bytes, "%s alarm %u", alarms[second & 3], first % ALARMS);
        break;
    case PLACE:
        return places[first % 5];
    }
    return text;
}

static const char *const actor_names[] = {"one", "two", "three", "late", "later"};
static const struct fuzz_setting settings[] = {
    {"dispatch", DISPATCHES}, /* sequential, two at a time, manual */
    {"scope", SCOPES},        /* none, queue, device */
    {"stepped", 2},           /* timers */
    {"goes", 2}, /* 1: the device is removed, the driver unloaded, the framework closed */
};
static const struct fuzz_kind kinds[] = {
    [SEND] = {"send", 3, 7, "type; plan; empty, short, without memory"},
    [TAKE] = {"take", 1, 7, "out of a manual queue"},
    [END] = {"end", 2, 7, "which; status"},
    [CANCEL] = {"cancel", 1, 7, "which"},
    [TIMER] = {"timer", 2, 7, "which; start (again and again), stop, wait, fire; when"},
    [LATER] = {"later", 1, 7, "DPC, work item, interrupt"},
    [LOCK] = {"lock", 1, 7, "which; how long"},
    [OBJECT] = {"object", 2, 7, "which, what; parent, memory"},
    [FAMILY] = {"family", 2, 7,
                "born, looked through, deleted, a context, all deleted; which, memory"},
    [SPARE] = {"spare", 2, 7, "a word for the helper, wait; made, queued, deleted; DPC"},
    [ALARM] = {"alarm", 2, 7,
               "once, passive, again and again; start (again and again), stop, wait, fire; when"},
    [PLACE] = {"place", 1, 7, "of the other device: its queues made, a read, a write, a look"},
};

const struct fuzz_target fuzz_target_framework = {
    .name = "framework",
    .summary = "a driver's requests, queues, timers, DPCs, work items, interrupt, locks, objects",
    .actors = actor_names,
    .actor_count = ACTORS,
    .thread_count = 2,
    .settings = settings,
    .setting_count = sizeof settings / sizeof settings[0],
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 20000,
    .reset = framework_reset,
    .perform = framework_perform,
    .finish = framework_finish,
    .check = framework_check,
    .digest = framework_digest,
    .tell = framework_tell,
};
