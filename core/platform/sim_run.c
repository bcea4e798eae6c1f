/* SPDX-License-Identifier: MIT */
/*
 * sim_run.c: an execution from start to verdict: steps, the operations behind the atomics, the end.
 *
 * Idea        a fiber announces what it is about to do and asks the schedule who goes first; the
 *             one chosen does its step. So a decision stands before each step, and one number, the
 *             count of steps done, names both.
 * Prologue    each actor runs up to its first step before the first decision: all have something
 *             pending then, which the searching schedulers need
 * Fibers      live as long as the process; one that has finished parks and starts the next
 *             execution. Ending early (abort protocol): who found the bug leaves its stack for
 * good; main then resumes every fiber that is still in its body once, with is_aborting set, and it
 * leaves as well. Parked fibers are not touched; those that left get a new stack. Ends        all
 * done; all done but the frozen; a bug; the step limit, which is inconclusive
 */
#include "platform/sim_state.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_ROUNDS_MAX = 200 /* old values may be read for a while */ };

struct sim_state sim;

/* --- fibers --------------------------------------------------------------------------------------
 */

_Noreturn static void leave(void)
{
    struct sim_fiber *me = sim.current;

    me->state = FIBER_NEW;
    sim.current = NULL;
    sim_context_leave(&me->context, &sim.main);
}

/* From a fiber or main to a fiber. Comes back when somebody switches here again. */
static void switch_to(struct sim_fiber *to)
{
    struct sim_fiber *me = sim.current;

    if (to->state == FIBER_NEW)
        sim_context_prepare(&to->context, to->index);
    to->state = FIBER_ACTIVE;
    sim.current = to;
    sim_context_switch(me ? &me->context : &sim.main, &to->context);
}

static void switch_to_main(void)
{
    struct sim_fiber *me = sim.current;

    sim.current = NULL;
    sim_context_switch(&me->context, &sim.main);
}

static void fiber_begin(struct sim_fiber *f, ms_thread_body *body, void *context, const char *name)
{
    f->body = body;
    f->body_context = context;
    f->name = name;
    f->used = true;
    f->done = f->frozen = f->timed_out = false;
    sim.able |= 1u << f->index;
    sim.spinning &= ~(1u << f->index);
    f->pending = (struct ms_sim_pending){0};
    f->blocked_on = NULL;
    f->wake_at = UINT64_MAX;
    f->steps = 0;
    f->local_value = NULL;
    f->local_at_exit = NULL;
    f->fault_countdown = UINT32_MAX;
    f->fault_fired = false;
    f->clock = (sim_clock){0};
    f->clock[f->index] = 1;
    f->visible = f->clock;
    f->acquire_pending = f->release_fence = (sim_clock){0};
    f->fence_sequence = 0;
}

/* --- who goes on ---------------------------------------------------------------------------------
 */

/* A spinning fiber waits for somebody's write. When all who could run spin, each other one gets a try
 * before the one that spun last: so a wait for several steps of several fibers ends. */
static uint32_t runnable_now(void)
{
    uint32_t runnable = sim.able & ~sim.spinning;
    uint32_t spinning = sim.able & sim.spinning;

    if (runnable)
        return runnable;
    if (spinning && ++sim.idle_rounds > IDLE_ROUNDS_MAX && sim.current)
        ms_sim_fail(sim.froze ? "O10 the others spin for a stopped thread" : "deadlock, all spin",
                    "nobody wrote anything in %d rounds", IDLE_ROUNDS_MAX);
    uint32_t last = sim.current ? spinning & 1u << sim.current->index : 0;
    if ((spinning & ~last) == 0)
        return spinning;
    sim.spinning &= last;
    return spinning & ~last;
}

/* Nobody can run: the earliest sleeper's time comes. */
static uint32_t time_passes(void)
{
    struct sim_fiber *first = NULL;

    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++) {
        struct sim_fiber *f = &sim.fiber[i];
        if (f->used && !f->done && !f->frozen && f->blocked_on && f->wake_at != UINT64_MAX &&
            (!first || f->wake_at < first->wake_at))
            first = f;
    }
    if (!first)
        return 0;
    sim.time = first->wake_at > sim.time ? first->wake_at : sim.time;
    first->timed_out = true;
    first->blocked_on = NULL;
    sim.able |= 1u << first->index;
    return 1u << first->index;
}

static bool somebody_waits(void)
{
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
        if (sim.fiber[i].used && !sim.fiber[i].done && !sim.fiber[i].frozen)
            return true;
    return false;
}

/* The fiber that does the next step, or NULL when all are done (or frozen). */
static struct sim_fiber *choose(struct sim_fiber *current)
{
    uint32_t runnable = runnable_now();

    if (!runnable)
        runnable = time_passes();
    if (!runnable) {
        if (!somebody_waits())
            return NULL;
        ms_sim_fail(sim.froze ? "O10 the others wait for a stopped thread" : "deadlock",
                    "all threads wait");
    }
    uint32_t chosen = sim_schedule_pick(current, runnable);
    if (chosen == MS_SIM_NOBODY) {
        sim.result.verdict = MS_SIM_INCONCLUSIVE;
        sim.is_aborting = true;
        leave();
    }
    return &sim.fiber[chosen];
}

static void go_elsewhere(void)
{
    struct sim_fiber *me = sim.current;
    struct sim_fiber *next = sim.is_prologue ? NULL : choose(me);

    if (me->done)
        me->state = FIBER_PARKED;
    if (next && next != me)
        switch_to(next);
    else if (!next)
        switch_to_main();
    if (!me->done && sim.is_aborting)
        leave();
}

_Noreturn void sim_fiber_main(uint32_t index)
{
    struct sim_fiber *me = &sim.fiber[index];

    for (;;) {
        me->body(me->body_context);
        if (me->local_value && me->local_at_exit)
            me->local_at_exit(me->local_value);
        me->local_value = NULL;
        me->done = true;
        sim.able &= ~(1u << index);
        me->pending = (struct ms_sim_pending){0};
        sim_unblock(me, UINT32_MAX);
        sim_schedule_arrive(me);
        go_elsewhere();
    }
}

uint32_t sim_fiber_add(ms_thread_body *body, void *context, const char *name)
{
    static struct ms_sim_site start = {.file = "sim_run.c",
                                       .function = "sim_fiber_add",
                                       .expression = "thread",
                                       .kind = MS_SIM_START,
                                       .id = 1};

    for (uint32_t i = 0; i < MS_SIM_ACTORS_MAX; i++) {
        struct sim_fiber *f = &sim.fiber[i];
        if (f->used)
            continue;
        fiber_begin(f, body, context, name);
        sim.is_only = false;
        f->pending.site = &start;
        sim.current->clock
            [sim.current->index]++; /* what it did since its last step is before the thread */
        sim.current->visible[sim.current->index]++;
        f->clock = sim.current->clock;
        f->clock[i] = 1;
        f->visible = clock_join(f->visible, sim.current->visible);
        f->fence_sequence = sim.current->fence_sequence;
        return i;
    }
    return MS_SIM_NOBODY;
}

/* --- steps ---------------------------------------------------------------------------------------
 */

static void count_step(struct sim_fiber *me)
{
    sim.spinning &= ~(1u << me->index);
    me->steps++;
    sim.steps++;
    me->clock[me->index]++;
    me->visible[me->index]++;
    if (sim.froze && sim.steps - sim.frozen_since > sim.config.freeze_bound)
        ms_sim_fail("O10 the others do not finish beside a stopped thread",
                    "%u steps after the freeze, %s is still at work", sim.config.freeze_bound,
                    me->name);
    if (sim.steps >= sim.steps_max) {
        sim.result.verdict = MS_SIM_INCONCLUSIVE;
        snprintf(sim.result.story, sizeof sim.result.story, "the limit of %u steps", sim.steps_max);
        sim.is_aborting = true;
        leave();
    }
}

_Noreturn void sim_check_endless(void)
{
    sim.result.verdict = MS_SIM_INCONCLUSIVE;
    snprintf(sim.result.story, sizeof sim.result.story, "the final check does not end");
    sim.is_aborting = true;
    leave();
}

__attribute__((noinline)) void ms_sim_break(void)
{
    __asm__ volatile(""); /* so that the call stays */
}

void sim_step_last(void)
{
    count_step(sim.current);
}

void sim_step_begin(const struct ms_sim_site *site, const void *address, bool is_write)
{
    struct sim_fiber *me = sim.current;

    me->pending = (struct ms_sim_pending){site, address, is_write};
    sim_schedule_arrive(me);
    if (me->index == sim.config.freeze_actor && me->steps == sim.config.freeze_step && !sim.froze &&
        !sim.is_checking) {
        me->frozen = sim.froze = true;
        sim.able &= ~(1u << me->index);
        sim.frozen_since = sim.steps;
    }
    go_elsewhere();
    if (sim.last != me && sim.last)
        sim.may_switch_record = true;
    sim.last = me;
    count_step(me);
    if (sim.steps == sim.config.break_step)
        ms_sim_break();
}

void sim_block(void)
{
    struct sim_fiber *me = sim.current;

    me->pending = (struct ms_sim_pending){0};
    sim.able &= ~(1u << me->index);
    sim_schedule_arrive(me);
    go_elsewhere();
    count_step(me); /* so that no two decisions share a number */
}

uint32_t sim_unblock(const void *what, uint32_t count)
{
    uint32_t woken = 0;

    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX && woken < count; i++) {
        struct sim_fiber *f = &sim.fiber[i];
        if (f->used && f->blocked_on == what) {
            f->blocked_on = NULL;
            f->timed_out = false;
            sim.able |= f->frozen ? 0 : 1u << i;
            woken++;
        }
    }
    return woken;
}

void sim_wake_spinners(void)
{
    sim.idle_rounds = 0;
    sim.spinning = 0;
}

/* --- verdicts ------------------------------------------------------------------------------------
 */

_Noreturn void ms_sim_fail(const char *bug, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sim.result.story, sizeof sim.result.story, format, arguments);
    va_end(arguments);
    if (!sim.current) {
        fprintf(stderr, "simulator: outside of an execution: %s: %s\n", bug, sim.result.story);
        abort();
    }
    snprintf(sim.result.bug, sizeof sim.result.bug, "%s", bug);
    sim.result.verdict = MS_SIM_BUG;
    sim.is_aborting = true;
    leave();
}

/* On a stack of its own, for the fiber's may be what overflowed. It leaves the fiber for good, so the
 * handler never returns; SA_NODEFER lets the next one in. */
static void crash(int signal)
{
    static char bug[160];
    const struct ms_sim_event *last =
        sim.result.event_count ? &sim.events[sim.result.event_count - 1] : NULL;

    if (!sim.current) {
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        raise(signal);
        return;
    }
    snprintf(bug, sizeof bug, "crash, signal %d, after %s", signal,
             last ? last->site->function : "nothing");
    ms_sim_fail(bug, "in %s", sim.current->name);
}

void ms_sim_catch_crashes(void)
{
    static uint8_t stack[64 * 1024];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = crash, .sa_flags = SA_ONSTACK | SA_NODEFER};

    ms_require(sigaltstack(&alternate, NULL) == 0);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        ms_require(sigaction(signals[i], &action, NULL) == 0);
}

bool ms_sim_is_running(void)
{
    return sim.current != NULL;
}

uint32_t ms_sim_self(void)
{
    return sim.current ? sim.current->index : MS_SIM_NOBODY;
}

uint32_t ms_sim_step(void)
{
    return sim.steps;
}

bool ms_sim_somebody_is_stopped(void)
{
    return sim.current && sim.froze;
}

/* --- an execution --------------------------------------------------------------------------------
 */

void ms_sim_config_init(struct ms_sim_config *config)
{
    *config = (struct ms_sim_config){.freeze_actor = MS_SIM_NOBODY};
}

static void run_begin(const struct ms_sim_config *config)
{
    ms_require(!sim.is_active);
    ms_require(config->actor_count >= 1 && config->actor_count <= MS_SIM_ACTORS_MAX);
    ms_sim_site_count(); /* gives the ids */
    sim.config = *config;
    sim.is_active = true;
    sim.is_aborting = sim.is_checking = sim.froze = sim.may_switch_record = false;
    sim.is_only = config->actor_count == 1 && config->mutation == MS_SIM_UNCHANGED &&
                  config->freeze_actor == MS_SIM_NOBODY;
    sim.current = sim.last = NULL;
    sim.able = sim.spinning = 0;
    sim.steps = sim.frozen_since = sim.check_steps = sim.idle_rounds = 0;
    sim.steps_max = config->steps_max ? config->steps_max : MS_SIM_STEPS_DEFAULT;
    ms_require(sim.steps_max <= MS_SIM_STEPS_MAX);
    sim.time = 0;
    sim.hash = 0x6D617073746F726Du;
    sim.result = (struct ms_sim_result){.verdict = MS_SIM_CLEAN};
    if (++sim.generation == 0)
        sim.generation = 1; /* 2^32 executions later a stale entry may look new: harmless noise */
    sim_memory_begin();
    sim_race_begin();
    sim_schedule_begin();
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++) {
        sim.fiber[i].index = i;
        sim.fiber[i].used = false;
    }
    for (uint32_t i = 0; i < config->actor_count; i++)
        fiber_begin(&sim.fiber[i], config->actors[i].body, config->actors[i].context,
                    config->actors[i].name);
}

static void run_actors(void)
{
    uint32_t runnable;

    sim.is_prologue = true;
    for (uint32_t i = sim.config.actor_count; i-- > 0 && !sim.is_aborting;)
        switch_to(&sim.fiber[i]);
    sim.is_prologue = false;
    if (sim.is_aborting)
        return;
    runnable = runnable_now();
    if (!runnable)
        return;
    uint32_t chosen = sim_schedule_pick(&sim.fiber[0], runnable);
    if (chosen == MS_SIM_NOBODY)
        sim.result.verdict = MS_SIM_INCONCLUSIVE;
    else
        switch_to(&sim.fiber[chosen]);
}

static void run_check(void)
{
    struct sim_fiber *f = &sim.fiber[MS_SIM_FIBERS_MAX - 1];

    if (sim.is_aborting || sim.result.verdict != MS_SIM_CLEAN || !sim.config.check)
        return;
    if (sim.froze && sim.config.no_check_when_frozen)
        return;
    fiber_begin(f, sim.config.check, sim.config.check_context, "check");
    f->clock = ~(sim_clock){0};
    f->visible = f->clock;
    sim.is_checking = true;
    switch_to(f);
}

/* Whoever is still in its body leaves it; see the head of the file. */
static void run_abort(void)
{
    sim.is_aborting = true;
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
        if (sim.fiber[i].state == FIBER_ACTIVE)
            switch_to(&sim.fiber[i]);
}

void ms_sim_run(const struct ms_sim_config *config, struct ms_sim_result *result)
{
    uint32_t actors_steps;

    run_begin(config);
    run_actors();
    actors_steps = sim.steps;
    run_check();
    run_abort();
    sim.is_active = false;
    sim.time = 0; /* what is prepared for the next one is not told how long this one took */

    sim.result.trace_hash = sim.hash;
    sim.result.steps = sim.steps;
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
        sim.result.fiber_steps[i] = sim.fiber[i].used ? sim.fiber[i].steps : 0;
    sim.result.froze = sim.froze;
    sim.result.frozen_steps = sim.froze ? actors_steps - sim.frozen_since : 0;
    sim.result.events = sim.events;
    sim.result.preemptions = sim.made;
    sim.result.preemption_count = sim.made_count;
    sim.result.reads = sim.reads;
    sim.result.read_bytes = sim.read_count;
    sim.result.record_is_whole = !sim.record_overflow;
    *result = sim.result;
}
