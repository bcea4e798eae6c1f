/* SPDX-License-Identifier: MIT */
/*
 * sim_explore.h: all interleavings of a small scenario, and threads stopped at every step.
 */
#ifndef MS_SIM_EXPLORE_H
#define MS_SIM_EXPLORE_H

#include "platform/sim.h"

enum { MS_SIM_STATES_MAX = 4096 };

/* What is run again and again: config.schedule is the runner's own. */
struct ms_sim_scenario {
    struct ms_sim_config config;
    void (*reset)(void *context);      /* before each execution */
    uint64_t (*digest)(void *context); /* after a clean one: equal for equal final states */
    /* After each execution in which `actor` was stopped; NULL: nobody asks. */
    void (*stopped)(void *context, uint32_t actor, const struct ms_sim_result *result);
    void *context;
    uint32_t preemptions; /* MS_SIM_BOUNDED: at most so many */
};

enum ms_sim_search {
    MS_SIM_REDUCED, /* dynamic partial-order reduction with sleep sets */
    MS_SIM_PLAIN,   /* every interleaving of steps */
    MS_SIM_BOUNDED, /* those in which a thread that could go on is interrupted so often at most: for what is
                     * too large for the others. Few bugs need more than two. */
};

struct ms_sim_explored {
    uint64_t executions;    /* run to their end */
    uint64_t sleep_blocked; /* given up: an equivalent one had been run */
    bool is_complete;       /* all interleavings, none cut by a limit or a bug */
    uint32_t state_count;   /* different digests; more than MS_SIM_STATES_MAX are not kept apart */
    uint64_t states[MS_SIM_STATES_MAX]; /* ascending */
    uint32_t steps_max;                 /* longest execution */
    struct ms_sim_result bug;           /* verdict MS_SIM_BUG: the search stopped here */
};

/* Explores under sequential consistency until complete (within its bound), a bug, or `executions_max`. */
void ms_sim_explore(const struct ms_sim_scenario *scenario, enum ms_sim_search search,
                    uint64_t executions_max, struct ms_sim_explored *explored);

struct ms_sim_stopped {
    uint64_t executions;
    uint32_t points;       /* (actor, step) pairs an actor was stopped at, over all schedules */
    uint32_t steps_worst;  /* most steps all others together needed after a stop */
    uint32_t failures;     /* executions in which the others did not finish */
    uint32_t failed_actor; /* the first failure */
    uint32_t failed_step;
    const struct ms_sim_site *failed_site; /* what it was stopped before */
    struct ms_sim_result failed;
};

/* Stops one actor for ever before each of its steps, under `schedules` schedules (the first is
 * each-to-its-end), and demands that the others finish within `bound` steps. `only_actor`:
 * MS_SIM_NOBODY for all of them. */
void ms_sim_stop_each(const struct ms_sim_scenario *scenario, uint32_t only_actor,
                      uint32_t schedules, uint32_t bound, struct ms_sim_stopped *stopped);

#endif
