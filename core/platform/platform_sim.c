/* SPDX-License-Identifier: MIT */
/*
 * platform_sim.c: the platform as a simulator: threads are fibers, sleeping is a state, time is a
 * number.
 *
 * Inside an execution (ms_sim_run) everything goes by its schedule. A program that knows nothing of
 * the simulator works too: threads started outside of an execution are kept until the first join,
 * which runs them all under one fixed schedule; a bug found then stops the program.
 */
#include "platform/sim_state.h"

#include <stdio.h>
#include <stdlib.h>

/* What main owns where a fiber has it in struct sim_fiber. */
static struct {
    void *local_value;
    void (*local_at_exit)(void *value);
    uint32_t fault_countdown;
    bool fault_fired;
} outside = {.fault_countdown = UINT32_MAX};

#define HERE(text, kind) MS_SIM_SITE(text, kind, MS_SIM_SEQ_CST)

/* --- faults --------------------------------------------------------------------------------------
 */

void ms_fault_arm(uint32_t countdown)
{
    *(sim.current ? &sim.current->fault_countdown : &outside.fault_countdown) = countdown;
    *(sim.current ? &sim.current->fault_fired : &outside.fault_fired) = false;
}

bool ms_fault_here(void)
{
    uint32_t *countdown = sim.current ? &sim.current->fault_countdown : &outside.fault_countdown;

    if (MS_LIKELY(*countdown == UINT32_MAX))
        return false;
    if ((*countdown)-- > 0)
        return false;
    *(sim.current ? &sim.current->fault_fired : &outside.fault_fired) = true;
    return true;
}

bool ms_fault_fired(void)
{
    return sim.current ? sim.current->fault_fired : outside.fault_fired;
}

/* --- threads -------------------------------------------------------------------------------------
 */

struct ms_thread {
    ms_thread_body *body;
    void *context;
    uint32_t fiber; /* inside an execution */
    bool is_done;   /* outside */
};

static struct ms_thread *kept[MS_SIM_ACTORS_MAX];
static uint32_t kept_count;

struct ms_thread *ms_thread_start(ms_thread_body *body, void *context)
{
    struct ms_thread *thread = ms_alloc(sizeof *thread);

    if (!thread)
        return NULL;
    *thread = (struct ms_thread){.body = body, .context = context};
    if (ms_fault_here())
        goto undo_alloc;
    if (sim.current) {
        thread->fiber = sim_fiber_add(body, context, "thread");
        if (thread->fiber == MS_SIM_NOBODY)
            goto undo_alloc;
    } else {
        if (kept_count == MS_SIM_ACTORS_MAX)
            goto undo_alloc;
        kept[kept_count++] = thread;
    }
    return thread;

undo_alloc:
    ms_free(thread, sizeof *thread);
    return NULL;
}

/* Runs all threads that were started outside of an execution. */
static void run_kept(void)
{
    struct ms_sim_actor actors[MS_SIM_ACTORS_MAX];
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    for (uint32_t i = 0; i < kept_count; i++)
        actors[i] = (struct ms_sim_actor){"thread", kept[i]->body, kept[i]->context};
    config.actors = actors;
    config.actor_count = kept_count;
    config.steps_max = MS_SIM_STEPS_MAX;
    config.schedule.strategy = MS_SIM_WALK;
    config.schedule.seed = 1;
    ms_sim_run(&config, &result);
    if (result.verdict != MS_SIM_CLEAN) {
        fprintf(stderr, "simulator: %s: %s\n", result.bug, result.story);
        abort();
    }
    for (uint32_t i = 0; i < kept_count; i++)
        kept[i]->is_done = true;
    kept_count = 0;
}

void ms_thread_join(struct ms_thread *thread)
{
    if (sim.current) {
        struct sim_fiber *other = &sim.fiber[thread->fiber];
        sim_step_begin(HERE("join", MS_SIM_WAIT), NULL, false);
        struct ms_sim_event event = {.site = sim.current->pending.site};
        sim_step_end(&event);
        while (!other->done) {
            sim.current->blocked_on = other;
            sim_block();
        }
        other->clock[thread->fiber]++; /* what it did behind its last step */
        sim.current->clock = clock_join(sim.current->clock, other->clock);
        sim.current->visible = clock_join(sim.current->visible, other->visible);
        if (sim.current->fence_sequence < other->fence_sequence)
            sim.current->fence_sequence = other->fence_sequence;
    } else if (!thread->is_done) {
        run_kept();
    }
    ms_free(thread, sizeof *thread);
}

void ms_thread_yield(void)
{
    ms_sim_spin(HERE("yield", MS_SIM_SPIN));
}

void *ms_thread_local_get(void)
{
    return sim.current ? sim.current->local_value : outside.local_value;
}

void ms_thread_local_set(void *value, void (*at_exit)(void *value))
{
    *(sim.current ? &sim.current->local_value : &outside.local_value) = value;
    *(sim.current ? &sim.current->local_at_exit : &outside.local_at_exit) = at_exit;
}

/* --- sleeping ------------------------------------------------------------------------------------
 */

bool ms_wait(const ms_atomic_u32 *word, uint32_t seen, uint64_t nanoseconds)
{
    struct ms_sim_site *site = HERE("word", MS_SIM_WAIT);

    if (!sim.current || sim.is_checking) /* nobody could wake us */
        return word->value != seen || nanoseconds == UINT64_MAX;
    sim_step_begin(site, word, false);
    struct sim_fiber *me = sim.current;
    struct sim_seen found = sim_memory_newest(site, me, word, MS_SIM_U32, MS_SIM_RELAXED);
    struct ms_sim_event event = {.site = site,
                                 .address = word,
                                 .value = found.value,
                                 .location = (uint16_t)found.location,
                                 .failed = found.value != seen};
    sim_step_end(&event);
    if (found.value != seen)
        return true;
    me->timed_out = false;
    me->blocked_on = word;
    me->wake_at = nanoseconds == UINT64_MAX ? UINT64_MAX : sim.time + nanoseconds;
    sim_block();
    return !me->timed_out;
}

void ms_wake(const ms_atomic_u32 *word, uint32_t count)
{
    struct ms_sim_site *site = HERE("word", MS_SIM_WAKE);

    if (!sim.current || sim.is_checking)
        return;
    sim_step_begin(site, word, true);
    struct ms_sim_event event = {.site = site, .address = word};
    event.value = sim_unblock(word, count);
    sim_step_end(&event);
}

static bool host_has_no_fence;

void ms_sim_host_fence(bool has_one)
{
    host_has_no_fence = !has_one;
}

bool ms_has_asymmetric_fence(void)
{
    return !host_has_no_fence;
}

bool ms_fence_asymmetric_heavy(void)
{
    struct ms_sim_site *site = HERE("everybody", MS_SIM_FENCE_HEAVY);

    if (!sim.current || sim.is_checking)
        return true;
    sim_step_begin(site, NULL, true);
    struct ms_sim_event event = {.site = site};
    if (!(sim.config.mutant_site == site->id && sim.config.mutation == MS_SIM_MUTATE_RELAX))
        sim_memory_fence_all(sim.current);
    sim_step_end(&event);
    return true;
}

/* Each look at the clock moves it, so that a loop until some time ends. */
uint64_t ms_clock_ns(void)
{
    return ++sim.time;
}

/* --- broken invariants ---------------------------------------------------------------------------
 */

/* Takes check.c's place: inside an execution a broken invariant is a verdict like any other. */
_Noreturn void ms_check_failed(const char *expression, const char *file, int line,
                               const char *function)
{
    char bug[160];

    if (!sim.current) {
        fprintf(stderr, "simulator: broken invariant: %s\n  in %s, %s:%d\n", expression, function,
                file, line);
        fflush(stderr);
        abort();
    }
    snprintf(bug, sizeof bug, "assert %s: %s", function, expression);
    ms_sim_fail(bug, "%s in %s, %s:%d", expression, function, file, line);
}
