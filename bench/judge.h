/* SPDX-License-Identifier: MIT */
/*
 * judge.h: from samples to statements: estimates, controls, pairs and rankings. Everything the
 * page says later is decided here, by the rules of stats.h, once.
 */
#ifndef MS_JUDGE_H
#define MS_JUDGE_H

#include "plan.h"
#include "result.h"

struct ms_judge_config {
    const char *program; /* as a person types it: "./mapstorm" */
    const char *files;   /* flags that name layouts and plug-ins, for commands; "" if none */
    bool may_rank;       /* guard rails allow a ranking at all */
};

/* Adds strategies, shapes, adapters, limits, cells, controls, pairs and rankings of a schedule
 * that was measured, wholly or in part. False when memory ran out. */
bool ms_judge(const struct ms_judge_config *config, const struct ms_catalog *catalog,
              const struct ms_schedule *schedule, struct ms_result *result);

#endif
