/* SPDX-License-Identifier: MIT */
/* waiting.h: how requests wait for registers, counted exactly on one thread. */
#ifndef MS_BENCH_WAITING_H
#define MS_BENCH_WAITING_H

#include "scenario.h"

/* Appends what was counted to the tally. */
bool ms_waiting_count(const struct ms_catalog *catalog, const char *strategy, const char *adapter,
                      uint64_t seed, struct ms_tally *tally, char *why);

#endif
