/* SPDX-License-Identifier: MIT */
/*
 * test_sim.h: for tests of a protocol under many schedules (`*_sim.c`), by seeds or all of a kind: who runs, and one run
 * of them.
 */
#ifndef MS_TEST_SIM_H
#define MS_TEST_SIM_H

#include "platform/sim.h"
#include "platform/test.h"

/* Actors of one world. `actors` stays with the config. */
static inline void sim_cast(struct ms_sim_config *config, struct ms_sim_actor *actors,
                            ms_thread_body *const *bodies, uint32_t count, void *world)
{
    ms_sim_config_init(config);
    config->actors = actors;
    config->actor_count = count;
    config->check_context = world;
    for (uint32_t i = 0; i < count; i++)
        actors[i] = (struct ms_sim_actor){"actor", bodies[i], world};
}

/* The run-th schedule: by chance, by random priorities of events, or of actors, about `steps` long; of 256 loads
 * that have a choice so many are old, in runs of even and of odd numbers. */
static inline void sim_play(struct ms_sim_config *config, uint32_t run, uint32_t steps,
                            uint32_t stale_even, uint32_t stale_odd)
{
    static const enum ms_sim_strategy strategies[] = {MS_SIM_WALK, MS_SIM_POS, MS_SIM_PCT};
    struct ms_sim_result result;

    config->schedule.strategy = strategies[run % 3];
    config->schedule.seed = run;
    config->schedule.depth = 2 + run % 3;
    config->schedule.steps_estimate = steps;
    config->schedule.stale_of_256 = run % 2 ? stale_odd : stale_even;
    ms_sim_run(config, &result);
    if (result.verdict != MS_SIM_CLEAN)
        fail_msg("seed %u: %s: %s", run, result.bug, result.story);
}

/* Two actors by turns: `first` up to step `a`, the other up to `b`, the first up to `c`, then the other. */
static inline struct ms_sim_result sim_turns(struct ms_sim_config *config, uint32_t first,
                                             uint32_t a, uint32_t b, uint32_t c)
{
    const struct ms_sim_preemption changes[] = {
        {0, first}, {a, 1 - first}, {b, first}, {c, 1 - first}};
    struct ms_sim_result result;

    config->schedule.strategy = MS_SIM_SPARSE;
    config->schedule.preemptions = changes;
    config->schedule.preemption_count = 4;
    ms_sim_run(config, &result);
    if (result.verdict != MS_SIM_CLEAN)
        fail_msg("changes at %u, %u, %u: %s: %s", a, b, c, result.bug, result.story);
    return result;
}

#endif
