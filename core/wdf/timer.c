/* SPDX-License-Identifier: MIT */
/*
 * timer: timers of the framework.
 *
 * Idea        one word decides: start arms it and says when, stop disarms it, going off disarms it and
 *             counts a running callback. The kernel's timer below is only a bell: when it rings, the
 *             word says whether anything is to be done by now.
 * Invariants  I1 per start exactly one of {its callback, a stop that says TRUE, a start that replaces
 *                it}: each is one step of the word (TMR-06)
 *             I2 while armed, and not stepped, the bell is set to what the word says, or somebody is
 *                about to: who sets it looks at the word again behind that, and the bell's own lock
 *                orders the last who sets it behind all others. So a stop, an earlier start, the end
 *                are never overtaken by an older setting
 *             I3 the object lives until the bell is silent: deletion ends at PASSIVE_LEVEL, after the
 *                DPC thread has passed (TMR-08), and who sets it meanwhile takes that back (I2)
 * Ordering    hb:timer       every step releases and acquires, so what was written before a start is
 *                            seen by the callback
 *             hb:timer-back  a callback's return is released; waiting for it acquires
 * ABA         of the word: armed for the same moment it means the same, whoever started it
 * Progress    lock-free but for the bell, which is the kernel's queue; stopping with Wait waits
 */
#include "mapstorm_wdf.h"
#include "wdf/device.h"
#include "wdf/timer_state.h"

struct ms_timer {
    struct ms_object object;
    WDF_TIMER_CONFIG config; /* const */
    bool passive;            /* const: the callback runs at PASSIVE_LEVEL (TMR-07) */
    ms_atomic_u64 word;      /* hb:timer; union ms_timer_word */
    ms_atomic_u32 back;      /* hb:timer-back; +1 per return */
    ms_atomic_u32 rung;      /* the bell was ever set */
    ms_atomic_u32 passive_runs;
    ms_atomic_ptr runner; /* the CPU inside the callback; for that CPU alone */
    KTIMER bell;
    KDPC dpc;
    PIO_WORKITEM later; /* for what must happen at PASSIVE_LEVEL */
    PIO_WORKITEM call;  /* passive callbacks */
};

static uint64_t clock_now(void)
{
    return ms_clock_ns() / 100;
}

static union ms_timer_word timer_look(struct ms_timer *timer)
{
    return (union ms_timer_word){.raw = ms_load_acquire(&timer->word)}; /* hb:timer */
}

static bool timer_move(struct ms_timer *timer, ms_timer_step *step, uint64_t moment)
{
    uint64_t period = (uint64_t)timer->config.Period * 10000; /* milliseconds */
    union ms_timer_word seen = timer_look(timer);

    for (;;) {
        union ms_timer_word next = seen;
        bool answer = step(&next, moment, period);
        if (ms_cas_acq_rel(&timer->word, &seen.raw, next.raw)) /* hb:timer */
            return answer;
    }
}

static bool is_stepped(const struct ms_timer *timer)
{
    return timer->object.wdf->config.timers_stepped;
}

/* --- the end --- */

static void timer_bury(PDEVICE_OBJECT device, PVOID context)
{
    struct ms_timer *timer = context;

    (void)device;
    KeCancelTimer(&timer->bell);
    KeRemoveQueueDpc(&timer->dpc);
    KeFlushQueuedDpcs(); /* I3 */
    ms_object_disposed(&timer->object);
}

/* No callback is running, and none will. */
static void timer_silence(struct ms_timer *timer)
{
    /* Acquire: a start that set the bell came before the close, or was refused. */
    if (ms_load_acquire(&timer->rung) == 0)
        ms_object_disposed(&timer->object);
    else
        IoQueueWorkItem(timer->later, timer_bury, DelayedWorkQueue, timer);
}

static bool timer_dispose(struct ms_object *object)
{
    struct ms_timer *timer = (struct ms_timer *)(void *)object;

    if (timer_move(timer, timer_close, 0))
        timer_silence(timer);
    return false; /* timer_silence, or the callback's return, goes on */
}

static void timer_destroy(struct ms_object *object)
{
    struct ms_timer *timer = (struct ms_timer *)(void *)object;

    if (timer->call)
        IoFreeWorkItem(timer->call);
    IoFreeWorkItem(timer->later);
}

static const struct ms_object_ops timer_ops = {
    .kind = MS_OBJECT_TIMER,
    .driver_may_delete = true,
    .dispose = timer_dispose,
    .destroy = timer_destroy,
};

/* --- going off --- */

static void timer_call(struct ms_timer *timer)
{
    struct ms_scope *scope =
        timer->config.AutomaticSerialization ? ms_scope_of(&timer->object) : NULL;
    struct ms_visit visit =
        ms_visit_begin(timer->passive ? PASSIVE_LEVEL : DISPATCH_LEVEL, scope); /* TMR-07 */

    ms_store_relaxed(&timer->runner, ms_cpu_current()); /* only our own value means something */
    timer->config.EvtTimerFunc(ms_object_handle(&timer->object));
    ms_store_relaxed(&timer->runner, NULL);
    ms_visit_end(&visit, timer->object.handle);
    bool last = timer_move(timer, timer_return, 0);
    ms_fetch_add_release(&timer->back, 1); /* hb:timer-back */
    ms_wake(&timer->back, UINT32_MAX);
    if (last)
        timer_silence(timer);
}

static void timer_call_passive(PDEVICE_OBJECT device, PVOID context)
{
    struct ms_timer *timer = context;

    (void)device;
    do {
        timer_call(timer);
    } while (ms_fetch_sub_acq_rel(&timer->passive_runs, 1) > 1);
    ms_object_drop(&timer->object);
}

/* The word says that a callback is to run. */
static void timer_run(struct ms_timer *timer)
{
    ms_object_hold(&timer->object);
    if (!timer->passive || is_stepped(timer)) {
        timer_call(timer);
        ms_object_drop(&timer->object);
    } else if (ms_fetch_add_acq_rel(&timer->passive_runs, 1) == 0) {
        IoQueueWorkItem(timer->call, timer_call_passive, DelayedWorkQueue, timer);
    } else {
        ms_object_drop(&timer->object); /* the work item's loop does it, under its reference */
    }
}

static bool timer_go_off(struct ms_timer *timer, uint64_t now)
{
    if (!timer_move(timer, timer_fire, now))
        return false;
    timer_run(timer);
    return true;
}

/* Sets the bell to what the word says, if anything (I2). The caller keeps the timer. */
static void bell_set(struct ms_timer *timer)
{
    union ms_timer_word now = timer_look(timer), set;

    if (!now.armed)
        return;
    do {
        set = now;
        ms_store_release(&timer->rung, 1);
        if (set.armed)
            KeSetTimer(&timer->bell, (LARGE_INTEGER){.QuadPart = (LONGLONG)set.due}, &timer->dpc);
        else
            KeCancelTimer(&timer->bell); /* stopped or closed meanwhile */
        now = timer_look(timer);
    } while (now.armed != set.armed || (now.armed && now.due != set.due));
}

static VOID bell_rings(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct ms_timer *timer = context;
    union ms_timer_word now = timer_look(timer);

    (void)dpc, (void)argument1, (void)argument2;
    if (!now.armed)
        return;                     /* it was stopped */
    ms_object_hold(&timer->object); /* the callback may delete it */
    bool fired = timer_go_off(timer, clock_now());
    if (!fired || timer->config.Period != 0)
        bell_set(timer); /* it rang for an older start, or the next period comes */
    ms_object_drop(&timer->object);
}

bool ms_wdf_timer_fire(WDFTIMER timer)
{
    struct ms_timer *t = ms_object_try(timer, MS_OBJECT_TIMER); /* it may be gone: no misuse */
    bool fired;

    if (!t)
        return false;
    fired = timer_go_off(t, UINT64_MAX); /* whatever the clock says */
    ms_object_drop(&t->object);
    return fired;
}

/* --- what drivers call --- */

struct timer_fill {
    const WDF_TIMER_CONFIG *config;
    bool passive;
};

static NTSTATUS timer_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_timer *timer = (struct ms_timer *)(void *)object;
    const struct timer_fill *fill = context;
    struct ms_device *device = ms_device_of(parent);

    if (!device)
        return STATUS_INVALID_DEVICE_REQUEST; /* TMR-01 */
    timer->config = *fill->config;
    timer->passive = fill->passive;
    ms_init(&timer->word, 0);
    ms_init(&timer->back, 0);
    ms_init(&timer->rung, 0);
    ms_init(&timer->passive_runs, 0);
    ms_init(&timer->runner, NULL);
    KeInitializeTimer(&timer->bell);
    KeInitializeDpc(&timer->dpc, bell_rings, timer);
    timer->later = IoAllocateWorkItem(&device->fdo);
    if (!timer->later)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!timer->passive)
        return STATUS_SUCCESS;
    timer->call = IoAllocateWorkItem(&device->fdo);
    if (!timer->call)
        goto undo_later;
    return STATUS_SUCCESS;

undo_later:
    IoFreeWorkItem(timer->later);
    return STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS WdfTimerCreate(PWDF_TIMER_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes,
                        WDFTIMER *Timer)
{
    struct timer_fill fill = {.config = Config};
    struct ms_object *object;
    NTSTATUS status;

    if (!Config || !Timer || !Config->EvtTimerFunc) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *Timer = NULL;
    if (Config->Size != sizeof *Config)
        return STATUS_INFO_LENGTH_MISMATCH; /* TMR-01 */
    fill.passive = Attributes && Attributes->ExecutionLevel == WdfExecutionLevelPassive;
    if (fill.passive && Config->Period != 0)
        return STATUS_NOT_SUPPORTED;
    status = ms_object_make(&timer_ops, sizeof(struct ms_timer), Attributes, MS_PARENT_REQUIRED,
                            NULL, timer_fill, &fill, &object);
    if (NT_SUCCESS(status))
        *Timer = ms_object_made(object);
    return status;
}

BOOLEAN WdfTimerStart(WDFTIMER Timer, LONGLONG DueTime)
{
    struct ms_timer *timer = ms_object_take(Timer, MS_OBJECT_TIMER);
    LARGE_INTEGER due = {.QuadPart = DueTime};
    bool was;

    if (!timer)
        return FALSE;                                                     /* FTL-02 */
    ms_irql_ask(DISPATCH_LEVEL, Timer);                                   /* LVL-01 */
    was = timer_move(timer, timer_start, (ms_moment_of(due) + 99) / 100); /* never early */
    if (!is_stepped(timer))
        bell_set(timer); /* I2 */
    ms_object_drop(&timer->object);
    return was;
}

/* TMR-05: until no callback runs. */
static void timer_wait(struct ms_timer *timer)
{
    union ms_timer_word now;
    uint32_t back;

    ms_irql_ask(PASSIVE_LEVEL, ms_object_handle(&timer->object));
    if (ms_load_relaxed(&timer->runner) == ms_cpu_current()) {
        ms_rule_break(MS_RULE_WDF_WAIT_INSIDE, timer->object.handle, 0);
        return; /* it would wait for itself */
    }
    for (;;) {
        back = ms_load_acquire(&timer->back); /* hb:timer-back */
        now = timer_look(timer);
        if (now.running == 0)
            return;
        ms_wait(&timer->back, back, UINT64_MAX);
    }
}

BOOLEAN WdfTimerStop(WDFTIMER Timer, BOOLEAN Wait)
{
    struct ms_timer *timer = ms_object_take(Timer, MS_OBJECT_TIMER);
    bool was;

    if (!timer)
        return FALSE; /* FTL-02 */
    if (!Wait)
        ms_irql_ask(DISPATCH_LEVEL, Timer); /* TMR-04 */
    was = timer_move(timer, timer_stop, 0);
    if (Wait)
        timer_wait(timer);
    ms_object_drop(&timer->object);
    return was;
}

WDFOBJECT WdfTimerGetParentObject(WDFTIMER Timer)
{
    /* Also in a callback that runs while the timer is being deleted. */
    struct ms_timer *timer = ms_object_take_dying(Timer, MS_OBJECT_TIMER);
    WDFOBJECT parent;

    if (!timer)
        return NULL; /* FTL-02 */
    parent = ms_object_handle(timer->object.parent);
    ms_object_drop(&timer->object);
    return parent;
}
