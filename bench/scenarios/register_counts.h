/* SPDX-License-Identifier: MIT */
/*
 * register_counts.h: what a strategy wastes and touches, counted exactly on one thread; the same every time,
 * on every machine (memory accesses: with one compiler).
 */
#ifndef MS_BENCH_REGISTER_COUNTS_H
#define MS_BENCH_REGISTER_COUNTS_H

#include "scenario.h"

/* `count` of the scenario registers. */
bool ms_register_counts(const struct ms_catalog *catalog, const struct ms_cell_key *key,
                        uint64_t seed, struct ms_tally *tally, char *why);

#endif
