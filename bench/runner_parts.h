/* SPDX-License-Identifier: MIT */
/* runner_parts.h: what runner.c and runner_time.c share while a schedule is measured. */
#ifndef MS_RUNNER_PARTS_H
#define MS_RUNNER_PARTS_H

#include "child.h"
#include "runner.h"

enum {
    MS_REPEATS_MAX =
        1, /* more would leave no time for other blocks, which are as likely to be calm */
    MS_ASK_SECONDS_MAX = 20, /* a sample lasts milliseconds: longer means it hangs */
};

/* How long the slowest sample of a case should last. */
static const double MS_SAMPLE_AIM_NS = 5e6;

struct runner {
    const struct ms_runner_config *config;
    struct ms_schedule *schedule;
    struct ms_runner_outcome *outcome;
    struct ms_child *child;
    uint64_t start_ns;
    uint64_t shown_ns; /* when progress was last shown */
    uint64_t blocks_done, blocks_all;
    uint32_t launch;
    uint32_t blocks;      /* of the case at hand, in this launch */
    size_t at;            /* the case at hand */
    uint32_t blocks_here; /* of it that are done */
    /* Of cases that no launch has seen before: how long they took, and were expected to take. */
    double took_seconds, expected_seconds;
    struct ms_reading reading[MS_ENTRANTS_MAX]; /* of the block at hand, by entrant */
    uint32_t position[MS_ENTRANTS_MAX];
    struct ms_timing timing; /* of the strategy at hand */
    char why[MS_WHY_BYTES];
};

/* Starts the program again, to be asked; false when it does not start, with the reason in `why`. */
bool ms_runner_launch(struct runner *r);

/* A repeat is allowed while there is time for all that is planned: repeats are the first to go. */
bool ms_runner_has_time(const struct runner *r);

/* The null strategy and the limits do so much less that they would stretch everybody's sample. */
bool ms_runner_is_paced(const struct ms_case *c, const struct ms_entrant *entrant);
/* Latencies of everyone who is ready, at each rate of the case. */
void ms_runner_time_case(struct runner *r, struct ms_case *c, uint64_t seed);

#endif
