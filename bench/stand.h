/* SPDX-License-Identifier: MIT */
/*
 * stand.h: the test stand: puts a cell on it, runs one sample, and reads off time and the outside
 * evidence. One stand a process; single-threaded but for the sample itself.
 */
#ifndef MS_STAND_H
#define MS_STAND_H

#include "calm.h"
#include "histogram.h"
#include "scenario.h"
#include "topology.h"

struct ms_stand;

/* What one thread did in a sample. */
struct ms_lap {
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t cpu_ns;
    uint64_t delay_ns; /* runnable, but not running */
    uint64_t switches_own;
    uint64_t switches_forced;
    bool is_bound;
};

struct ms_reading {
    uint64_t ops; /* over all threads, as credited */
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t delay_ns; /* the largest of any thread */
    uint64_t switches_forced;
    double delay_share; /* the largest run-queue delay of a thread, of the wall time */
    double overlap;     /* effective; 1 for one thread */
    bool is_bound;      /* every thread was where it was put */
    /* What was done while nobody else used the cores, and how long that takes all threads together; 0
     * where the sample was not cut into slices, or too few of them were calm. */
    uint64_t calm_ops, calm_ns;
    double shared; /* of the slices, the share in which somebody did */
    struct ms_tally tally;
};

/* Did the threads run together: (last start to first end) / (first start to last end), less the
 * largest share a thread spent waiting for a processor. 1 for one thread; pure. */
double ms_laps_overlap(const struct ms_lap *laps, uint32_t count);

/* Sums laps up; pure. */
void ms_laps_read(const struct ms_lap *laps, uint32_t count, struct ms_reading *reading);

/* Takes over what was calm; `worked` operations are credited as `each`. Pure. */
void ms_calm_read(const struct ms_calm *calm, uint64_t each, uint64_t worked,
                  struct ms_reading *reading);

/* Operations a contender really does when it is credited with `ops`: drag does 5 % more. Pure. */
uint64_t ms_ops_worked(const struct ms_contender *contender, uint64_t ops);

struct ms_stand *ms_stand_open(const struct ms_catalog *catalog,
                               const struct ms_topology *topology);
void ms_stand_close(struct ms_stand *stand);

/* Takes one sample of a cell: `ops` operations, split evenly over its threads. The case's stage is
 * kept for the next sample of the same case. False and a sentence when the cell cannot be set up
 * or the sample left something behind that should not be. */
bool ms_stand_measure(struct ms_stand *stand, const struct ms_cell_key *key, uint64_t seed,
                      uint64_t ops, struct ms_reading *reading, char *why);

/* Counts what a strategy does in a case, exactly and without a clock; for scenarios that have `count`. */
bool ms_stand_count(struct ms_stand *stand, const struct ms_cell_key *key, uint64_t seed,
                    struct ms_tally *tally, char *why);

/* As ms_stand_measure, but operation by operation: arrivals every `mean_ns` on average over all
 * threads (0: closed loop). `latency` is filled with all threads' latencies. */
bool ms_stand_time_each(struct ms_stand *stand, const struct ms_cell_key *key, uint64_t seed,
                        uint64_t ops, double mean_ns, struct ms_reading *reading,
                        struct ms_histogram *latency, bool *is_saturated, char *why);

#endif
