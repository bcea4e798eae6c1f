/* SPDX-License-Identifier: MIT */
/*
 * framework_later.h: what of framework_fuzz.c runs later and is looked at more closely: a work item that threads
 * leave words for, work items and DPCs that are deleted while they are queued or run, timers whose moments count.
 *
 * Proves       a work item sees what was left before each call that queued it, also one that found it queued; who
 *              waits for it waits for what it queued itself; what runs is over before its object is cleaned up, which
 *              sees what it did (hb:late-busy); a timer never goes off before it is due, nor late, whoever started it
 *              last; its callback sees what was written before it was started (hb:timer), also one at PASSIVE_LEVEL
 *              (TMR-03 to TMR-07)
 */
#ifndef FUZZ_FRAMEWORK_LATER_H
#define FUZZ_FRAMEWORK_LATER_H

#include "framework_stage.h"

static const LONGLONG moments[8] = {0, -1, -2, -10, -100, -1000, -3, -20000};

/* --- a work item that all threads queue ---------------------------------------------------------------------- */

static VOID on_helper(WDFWORKITEM work)
{
    uint32_t run = f.helped++;

    (void)work;
    for (uint32_t i = 0; i < f.words; i++)
        if (!f.word[i].is_seen && ms_load_relaxed(&f.word[i].left)) {
            f.word[i].is_seen = true;
            f.word[i].run = run;
        }
    if (run < RUNS)
        ms_data_write(&f.help[run], sizeof f.help[run]);
}

static void helper_ask(uint32_t actor)
{
    if (f.words == WORDS)
        return;
    struct word *word = &f.word[f.words++];
    word->actor = actor;
    ms_store_relaxed(&word->left, 1); /* what hands it on is the work item */
    WdfWorkItemEnqueue(f.helper);
    word->is_asked = true;
}

/* Of one's own, or of all when nobody else is left. */
static void helper_wait(uint32_t actor, bool is_over)
{
    WdfWorkItemFlush(f.helper);
    for (uint32_t i = 0; i < f.words; i++) {
        const struct word *word = &f.word[i];
        if (!word->is_asked || (word->actor != actor && !is_over))
            continue;
        if (!word->is_seen)
            ms_sim_fail("O3 what was left for a work item is never seen", "word %u", i);
        if (word->run < RUNS)
            ms_data_read(&f.help[word->run], sizeof f.help[0]); /* hb:late-done */
    }
}

/* --- what is deleted while it is queued or runs -------------------------------------------------------------- */

static struct spare *spare_of(WDFOBJECT object)
{
    for (uint32_t i = 0; i < ACTORS; i++)
        if (f.spare[i].object == object)
            return &f.spare[i];
    ms_sim_fail("O1 a callback of what nobody made", "%p", (void *)object);
}

static void spare_run(WDFOBJECT object)
{
    struct spare *s = spare_of(object);

    s->begun++;
    ms_data_write(&s->left[s->made - 1], sizeof s->left[0]);
    ms_sim_here("callback");
    s->finished++;
}

static VOID on_spare_work(WDFWORKITEM work)
{
    spare_run(work);
}

static VOID on_spare_dpc(WDFDPC dpc)
{
    spare_run(dpc);
}

static VOID on_spare_cleanup(WDFOBJECT object)
{
    struct spare *s = spare_of(object);

    if (s->begun != s->finished || s->is_cleaned)
        ms_sim_fail("O3 what still runs is cleaned up, or twice", "%u begun, %u finished", s->begun,
                    s->finished);
    s->is_cleaned = true;
    if (s->begun > 0)
        ms_data_read(&s->left[s->made - 1], sizeof s->left[0]); /* hb:late-busy */
}

static VOID on_spare_destroy(WDFOBJECT object)
{
    spare_of(object)->is_destroyed = true;
}

static void spare_make(struct spare *s, bool is_dpc)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_WORKITEM_CONFIG work;
    WDF_DPC_CONFIG dpc;

    if (s->made == SPARES || (s->made > 0 && !s->is_destroyed))
        return;
    s->is_cleaned = s->is_destroyed = false;
    s->begun = s->finished = 0;
    s->made++;
    s->is_dpc = is_dpc;
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = f.device;
    attributes.EvtCleanupCallback = on_spare_cleanup;
    attributes.EvtDestroyCallback = on_spare_destroy;
    WDF_WORKITEM_CONFIG_INIT(&work, on_spare_work);
    work.AutomaticSerialization = FALSE;
    WDF_DPC_CONFIG_INIT(&dpc, on_spare_dpc);
    dpc.AutomaticSerialization = FALSE;
    NTSTATUS status = is_dpc ? WdfDpcCreate(&dpc, &attributes, (WDFDPC *)&s->object)
                             : WdfWorkItemCreate(&work, &attributes, (WDFWORKITEM *)&s->object);
    if (status != STATUS_SUCCESS)
        ms_sim_fail("O7 what runs later is made with another status", "%08x", (unsigned)status);
    s->is_alive = true;
}

static void spare_delete(struct spare *s)
{
    s->is_alive = false;
    WdfObjectDelete(s->object);
}

static void do_spare(uint32_t actor, const struct fuzz_op *op)
{
    struct spare *s = &f.spare[actor];

    switch (op->operand[0] % 5) {
    case 0:
        helper_ask(actor);
        break;
    case 1:
        helper_wait(actor, false);
        break;
    case 2:
        spare_make(s, op->operand[1] & 1);
        break;
    case 3:
        if (s->is_alive && s->is_dpc)
            (void)WdfDpcEnqueue(s->object);
        else if (s->is_alive)
            WdfWorkItemEnqueue(s->object);
        break;
    default:
        if (s->is_alive)
            spare_delete(s);
        break;
    }
    expect_nothing("what runs later");
}

/* --- timers whose moments count ------------------------------------------------------------------------------ */

/* Each look at the clock moves it a little: by less than this, between two things that nobody waits between. */
enum { LOOKS_NS = 20000 };

/* Starts that overlap, and nothing else, leave a timer to one of them: to none that ended before another began, nor
 * to the one that found it idle when others found it armed. The latest moment at which its callback begins, for
 * virtual time stands still while anybody can go on; UINT64_MAX: it cannot be told. */
static uint64_t alarm_latest(uint32_t which, const struct alarm *a)
{
    bool has_replaced = false;
    uint64_t latest = 0;

    if (f.is_stepped || which == ALARM_PERIODIC || a->is_unsure || a->calls > 0)
        return UINT64_MAX;
    for (uint32_t i = a->group; i < a->starts; i++)
        has_replaced |= a->start[i].replaced;
    for (uint32_t i = a->group; i < a->starts; i++) {
        bool is_last = a->start[i].replaced || !has_replaced;
        for (uint32_t other = a->group; other < a->starts; other++)
            is_last &= a->start[other].began < a->start[i].ended;
        if (is_last && a->start[i].due_ns > latest)
            latest = a->start[i].due_ns;
    }
    latest = latest > a->group_ended_ns ? latest : a->group_ended_ns;
    return a->group < a->starts ? latest + LOOKS_NS : UINT64_MAX;
}

static VOID on_alarm(WDFTIMER timer)
{
    uint32_t which = timer == f.alarm[ALARM_ONCE]      ? ALARM_ONCE
                     : timer == f.alarm[ALARM_PASSIVE] ? ALARM_PASSIVE
                                                       : ALARM_PERIODIC;
    struct alarm *a = &f.alarms[which];
    uint64_t now = ms_clock_ns();
    uint32_t live = 0, due = 0, last = 0;

    if (KeGetCurrentIrql() != (which == ALARM_PASSIVE ? PASSIVE_LEVEL : DISPATCH_LEVEL))
        ms_sim_fail("O7 a callback at another IRQL", "%u", KeGetCurrentIrql());
    a->begun++;
    if (now > alarm_latest(which, a))
        ms_sim_fail("O8 a timer goes off late", "alarm %u", which);
    a->is_unsure = true;
    for (uint32_t i = 0; i < a->starts; i++) {
        live += a->start[i].may_come;
        if (a->start[i].may_come && a->start[i].due_ns <= now) {
            due++;
            last = i;
        }
    }
    if (!f.is_stepped && !a->is_mixed && due == 0)
        ms_sim_fail("O8 a timer goes off before it is due", "alarm %u, %u starts", which,
                    a->starts);
    if (!f.is_stepped && !a->is_mixed && live == 1 && due == 1) {       /* whose callback it is */
        ms_data_read(&a->start[last].left, sizeof a->start[last].left); /* hb:timer */
        a->start[last].may_come =
            which == ALARM_PERIODIC && last + 1 == a->starts && !a->is_stopped;
    }
    for (uint32_t i = 0; i < a->fired && f.is_stepped; i++)
        ms_data_read(&a->start[i].left, sizeof a->start[i].left);
    ms_sim_here("callback");
    a->finished++;
}

/* The last start will not come any more, but for a callback of a periodic one that was about to begin. */
static void alarm_over(uint32_t which, struct alarm *a, uint32_t starts)
{
    a->taken_back++;
    if (starts > 0 && which != ALARM_PERIODIC)
        a->start[starts - 1].may_come = false;
}

static bool alarm_start(uint32_t which, struct alarm *a, LONGLONG moment)
{
    uint32_t number = a->starts;

    if (number == STARTS)
        return false;
    a->starts++;
    a->is_stopped = false;
    ms_data_write(&a->start[number].left, sizeof a->start[number].left);
    a->start[number].due_ns = ms_clock_ns() + (uint64_t)-moment * 100;
    if (moment == 0)
        a->start[number].due_ns = 0;
    a->start[number].may_come = true;
    a->start[number].began = ++a->moments;
    bool was = WdfTimerStart(f.alarm[which], moment);
    a->start[number].replaced = was;
    a->start[number].ended = ++a->moments;
    if (was)
        alarm_over(which, a, number);
    a->returned++;
    if (a->calls > 1 && a->starts - a->group > 1) /* they race */
        ms_sim_state(20, which << 4 | (a->starts - a->group) << 1 | was);
    return was;
}

static bool alarm_stop(uint32_t which, struct alarm *a, bool waits)
{
    uint32_t begun = a->begun, began = ++a->moments;

    a->is_stopped = true;
    a->is_unsure |= a->calls > 1;
    bool was = WdfTimerStop(f.alarm[which], waits);
    if (was)
        alarm_over(which, a, a->starts);
    if (waits && a->finished < begun)
        ms_sim_fail("O3 a wait for a timer ends before its callback", "alarm %u", which);
    a->is_unsure |= a->moments++ != began;
    return was;
}

static void do_alarm(const struct fuzz_op *op)
{
    uint32_t which = op->operand[0] % ALARMS, what = op->operand[1] & 3;
    struct alarm *a = &f.alarms[which];
    LONGLONG moment = moments[op->operand[1] >> 2 & 7];

    if (what == 3 && !f.is_stepped) {
        LARGE_INTEGER interval = {.QuadPart = moment};
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
        expect_nothing("a wait");
        return;
    }
    bool is_alone = a->calls == 0, was = false, is_late = ms_clock_ns() > alarm_latest(which, a);
    uint32_t seen = a->moments + 2; /* when this call alone has begun and ended */
    f.is_alarmed = true;
    a->is_mixed |= !is_alone;
    a->calls++;
    if (is_alone) {
        a->group = a->starts;
        a->is_unsure = false;
    }
    if (what == 0) {
        was = alarm_start(which, a, moment);
        for (uint32_t again = op->operand[1] >> 5; again > 0;
             again--) { /* each for another moment */
            (void)alarm_start(which, a, moments[((op->operand[1] >> 2) + 3 * again) & 7]);
            seen += 2;
        }
    } else if (what == 3) {
        a->fired = a->is_mixed ? 0 : a->returned;
        (void)ms_wdf_timer_fire(f.alarm[which]);
    } else {
        was = alarm_stop(which, a, what == 2);
    }
    a->group_ended_ns = ms_clock_ns();
    a->calls--;
    if (is_late && was && seen == a->moments)
        ms_sim_fail("O8 a timer that is due has not gone off", "alarm %u", which);
    expect_nothing("a timer");
}

/* --- the beginning and the end ------------------------------------------------------------------------------- */

static void later_objects_make(void)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_WORKITEM_CONFIG work;
    WDF_TIMER_CONFIG timer;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = f.device;
    WDF_WORKITEM_CONFIG_INIT(&work, on_helper);
    work.AutomaticSerialization = FALSE;
    ms_require(NT_SUCCESS(WdfWorkItemCreate(&work, &attributes, &f.helper)));
    for (uint32_t i = 0; i < ALARMS; i++) {
        WDF_TIMER_CONFIG_INIT_PERIODIC(&timer, on_alarm, i == ALARM_PERIODIC);
        timer.AutomaticSerialization = FALSE;
        attributes.ExecutionLevel =
            i == ALARM_PASSIVE ? WdfExecutionLevelPassive : WdfExecutionLevelInheritFromParent;
        ms_require(NT_SUCCESS(WdfTimerCreate(&timer, &attributes, &f.alarm[i])));
    }
}

/* Each thread's own, then by the last one what is shared. */
static void spare_end(uint32_t actor)
{
    if (f.spare[actor].is_alive)
        spare_delete(&f.spare[actor]);
}

static void later_finish(uint32_t actor)
{
    if (f.words > 0)
        helper_wait(actor, true);
    if (f.is_alarmed && !f.is_stepped) { /* until all that was started is due */
        LARGE_INTEGER longest = {.QuadPart = -30000};
        KeDelayExecutionThread(KernelMode, FALSE, &longest);
    }
    for (uint32_t i = 0; i < ALARMS && f.is_alarmed; i++) {
        bool was = WdfTimerStop(f.alarm[i], TRUE);
        f.alarms[i].taken_back += was;
        if (was && !f.is_stepped && i != ALARM_PERIODIC)
            ms_sim_fail("O8 a timer that is due has not gone off", "alarm %u, at the end", i);
    }
}

static void spare_check(void)
{
    for (uint32_t i = 0; i < ACTORS; i++)
        if (f.spare[i].made > 0 && !f.spare[i].is_destroyed)
            ms_sim_fail("O9 an object is left", "spare %u", i);
    for (uint32_t i = 0; i < ALARM_PERIODIC; i++)
        if (f.alarms[i].begun != f.alarms[i].starts - f.alarms[i].taken_back ||
            f.alarms[i].finished != f.alarms[i].begun)
            ms_sim_fail("O3 something ran not as often as it was asked for",
                        "alarm %u: %u, %u asked, %u back", i, f.alarms[i].begun, f.alarms[i].starts,
                        f.alarms[i].taken_back);
}

#endif
