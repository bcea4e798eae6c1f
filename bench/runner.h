/* SPDX-License-Identifier: MIT */
/*
 * runner.h: takes the samples of a schedule: launch by launch, case by case, block by block, each
 * block all contenders back to back on one operation stream.
 */
#ifndef MS_RUNNER_H
#define MS_RUNNER_H

#include <stdio.h>

#include "plan.h"
#include "stand.h"

struct ms_runner_config {
    const char *program;          /* what launches are: this very program */
    const char *const *arguments; /* behind --serve, NULL-terminated */
    bool (*is_stopped)(void);     /* asked after every block: Ctrl-C */
    FILE *progress;               /* NULL: quiet */
    bool is_terminal;             /* one line that moves instead of one every 10 s */
};

struct ms_runner_outcome {
    double seconds; /* spent measuring */
    bool is_interrupted;
    bool is_incomplete;       /* a cell crashed or failed, or a launch could not be started */
    uint32_t disturbed;       /* samples kept although disturbed */
    uint32_t repeated;        /* blocks taken again */
    uint32_t blocks_left_out; /* of all cases, because the machine was too busy for the plan */
    double stolen_seconds;
};

/* Measures. False and a sentence when nothing can be measured at all (no launch starts). */
bool ms_runner_run(const struct ms_runner_config *config, struct ms_schedule *schedule,
                   struct ms_runner_outcome *outcome, char *why);

/* The time in which all of a reading's threads had a processor, about: one that waited for it did nothing
 * meanwhile, and a sample scaled from all of the time would be too short. Pure. */
double ms_reading_worked_ns(const struct ms_reading *r);

/* Is a reading disturbed, by outside evidence only? Pure; calm readings and oversubscribed cells never are. */
bool ms_reading_is_disturbed(const struct ms_reading *reading, uint32_t threads,
                             bool is_oversubscribed);

/* Operations of a sample so that the slowest takes about 5 ms, the fastest at least 2 ms and the
 * slowest at most 20 ms; where both cannot hold, the longer one wins. Pure. */
uint64_t ms_sample_ops(double fastest_ns, double slowest_ns, uint32_t threads);

#endif
