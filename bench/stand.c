/* SPDX-License-Identifier: MIT */
/*
 * stand.c: one sample: bind, meet, start the clock, work, stop the clock.
 *
 * The threads are Google Benchmark's, and are made anew for every sample; they meet at our own
 * barrier, because threads woken by the operating system one after the other would start so far
 * apart that contended code looks faster than it is.
 * Ordering   hb:stand-meet  an arriving thread adds itself with release; a leaving one has acquired
 *            the full count, so nobody starts before everything is set up.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "clock.h"
#include "gbench.h"
#include "latency.h"
#include "order.h"

enum { MEET_SPINS = 20000 };

/* One thread's part of a sample that times each operation. Owner: that thread. */
struct timing {
    struct ms_stand *stand;
    uint32_t thread;
    uint32_t gap_ns[MS_LATENCY_GAPS];
    struct ms_histogram latency;
    uint64_t backlog_ns;
};

struct ms_stand {
    const struct ms_catalog *catalog;
    const struct ms_topology *topology;
    const struct ms_scenario *scenario; /* of the stage */
    void *stage;
    struct ms_cell_key open_case; /* what the stage was opened for; strategy empty */
    uint32_t threads;
    ms_atomic_u32 arrived; /* hb:stand-meet */
    struct ms_lap lap[MS_BENCH_THREADS_MAX];
    struct timing *timing;    /* one a thread while each operation is timed, else NULL */
    struct ms_slices *slices; /* one a thread; NULL: the sample at hand is not cut */
    struct ms_slices *room;   /* for `room_threads` of them */
    uint32_t room_threads;
    double best_look[MS_BENCH_THREADS_MAX]; /* of the cores the threads are bound to; 0: none yet */
};

/* A slice of a thread's part. Owner: that thread. */
struct worker {
    struct ms_stand *stand;
    uint32_t thread;
};

double ms_laps_overlap(const struct ms_lap *laps, uint32_t count)
{
    uint64_t first_start = UINT64_MAX, last_start = 0;
    uint64_t first_end = UINT64_MAX, last_end = 0;
    uint64_t delay = 0;
    double wall;

    if (count < 2)
        return 1.0;
    for (uint32_t i = 0; i < count; i++) {
        const struct ms_lap *lap = &laps[i];
        first_start = lap->start_ns < first_start ? lap->start_ns : first_start;
        last_start = lap->start_ns > last_start ? lap->start_ns : last_start;
        first_end = lap->end_ns < first_end ? lap->end_ns : first_end;
        last_end = lap->end_ns > last_end ? lap->end_ns : last_end;
        delay = lap->delay_ns > delay ? lap->delay_ns : delay;
    }
    if (last_start >= first_end || last_end <= first_start)
        return 0.0;
    wall = (double)(last_end - first_start);
    if ((double)delay >= wall)
        return 0.0;
    return (double)(first_end - last_start) / wall * (1.0 - (double)delay / wall);
}

void ms_laps_read(const struct ms_lap *laps, uint32_t count, struct ms_reading *reading)
{
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;

    *reading = (struct ms_reading){.is_bound = true};
    for (uint32_t i = 0; i < count; i++) {
        first = laps[i].start_ns < first ? laps[i].start_ns : first;
        last = laps[i].end_ns > last ? laps[i].end_ns : last;
        reading->cpu_ns += laps[i].cpu_ns;
        reading->switches_forced += laps[i].switches_forced;
        if (laps[i].delay_ns > reading->delay_ns)
            reading->delay_ns = laps[i].delay_ns;
        reading->is_bound = reading->is_bound && laps[i].is_bound;
    }
    reading->wall_ns = last > first ? last - first : 0;
    reading->overlap = ms_laps_overlap(laps, count);
    if (reading->wall_ns > 0)
        reading->delay_share = (double)reading->delay_ns / (double)reading->wall_ns;
}

uint64_t ms_ops_worked(const struct ms_contender *contender, uint64_t ops)
{
    if (!contender || contender->part != MS_PART_DRAG)
        return ops;
    return ops + (ops * MS_DRAG_PERCENT + 50) / 100;
}

/* Waits until all threads of the sample are here. Spins first: a sleeper would start late. */
static void stand_meet(struct ms_stand *stand)
{
    uint32_t spins = 0;

    ms_fetch_add_release_u32(&stand->arrived, 1); /* hb:stand-meet */
    while (ms_load_acquire_u32(&stand->arrived) < stand->threads)
        if (++spins > MEET_SPINS)
            ms_thread_yield();
}

static void timing_step(void *context)
{
    struct timing *timing = context;

    if (timing->stand->scenario->timed)
        timing->stand->scenario->timed(timing->stand->stage, timing->thread);
    else
        timing->stand->scenario->run(timing->stand->stage, timing->thread, 1);
}

static void timing_rest(void *context)
{
    struct timing *timing = context;

    timing->stand->scenario->untimed(timing->stand->stage, timing->thread);
}

static uint64_t timing_clock(void *context)
{
    (void)context;
    return ms_clock_ns();
}

static void slice_do(void *context, uint64_t ops)
{
    struct worker *worker = context;

    worker->stand->scenario->run(worker->stand->stage, worker->thread, ops);
}

static void work_do(struct ms_stand *stand, uint32_t thread, uint64_t ops)
{
    struct timing *timing = stand->timing ? &stand->timing[thread] : NULL;
    struct worker worker = {.stand = stand, .thread = thread};

    if (timing)
        timing->backlog_ns = ms_latency_run(timing->gap_ns, ops, timing_step,
                                            stand->scenario->untimed ? timing_rest : NULL,
                                            timing_clock, timing, &timing->latency);
    else if (stand->slices)
        ms_slices_run(&stand->slices[thread], ms_calm_look, slice_do, &worker, ops);
    else
        stand->scenario->run(stand->stage, thread, ops);
}

static void stand_thread(void *context, uint32_t thread, uint64_t ops)
{
    struct ms_stand *stand = context;
    struct ms_lap *lap = &stand->lap[thread];
    struct ms_usage before, after;

    lap->is_bound = ms_topology_bind(stand->topology, ms_topology_place(stand->topology, thread));
    ms_usage_read(&before);
    stand_meet(stand);
    lap->start_ns = ms_clock_ns();
    work_do(stand, thread, ops);
    lap->end_ns = ms_clock_ns();
    ms_usage_read(&after);
    ms_usage_subtract(&after, &before);
    lap->cpu_ns = after.cpu_ns;
    lap->delay_ns = after.delay_ns;
    lap->switches_own = after.switches_own;
    lap->switches_forced = after.switches_forced;
}

struct ms_stand *ms_stand_open(const struct ms_catalog *catalog, const struct ms_topology *topology)
{
    struct ms_stand *stand = calloc(1, sizeof *stand);

    if (stand) {
        stand->catalog = catalog;
        stand->topology = topology;
    }
    return stand;
}

static void stage_drop(struct ms_stand *stand)
{
    if (stand->stage)
        stand->scenario->close(stand->stage);
    stand->stage = NULL;
    stand->scenario = NULL;
}

void ms_stand_close(struct ms_stand *stand)
{
    if (!stand)
        return;
    stage_drop(stand);
    free(stand->room);
    free(stand);
}

/* Opens the stage of the key's case, unless it is the one that stands there already. */
static bool stage_fit(struct ms_stand *stand, const struct ms_cell_key *key, char *why)
{
    struct ms_cell_key wanted = *key;

    memset(wanted.strategy, 0, sizeof wanted.strategy);
    if (stand->stage && memcmp(&wanted, &stand->open_case, sizeof wanted) == 0)
        return true;
    stage_drop(stand);
    stand->scenario = ms_scenario_find(key->scenario);
    if (!stand->scenario) {
        snprintf(why, MS_WHY_BYTES, "no scenario is named %s", key->scenario);
        return false;
    }
    stand->stage = stand->scenario->open(stand->catalog, key, why);
    stand->open_case = wanted;
    return stand->stage != NULL;
}

/* Room for slices where a sample can be cut: not where threads share a processor by our own doing. */
static bool slices_fit(struct ms_stand *stand, const struct ms_cell_key *key, char *why)
{
    struct ms_slices *grown;

    stand->slices = NULL;
    if (stand->timing || key->threads > ms_topology_pus(stand->topology))
        return true;
    if (key->threads > stand->room_threads) {
        grown = realloc(stand->room, key->threads * sizeof *grown);
        if (!grown) {
            snprintf(why, MS_WHY_BYTES, "no memory for the slices of a sample");
            return false;
        }
        stand->room = grown;
        stand->room_threads = key->threads;
    }
    stand->slices = stand->room;
    return true;
}

void ms_calm_read(const struct ms_calm *calm, uint64_t each, uint64_t worked,
                  struct ms_reading *reading)
{
    reading->calm_ops = calm->ops;
    reading->calm_ns = calm->ns * worked / each;
    reading->shared = calm->shared;
    if (calm->ops > 0) /* they were looked for while all were at work, and nobody away */
        reading->overlap = 1.0;
}

/* What was calm. Threads that were not where they were put say nothing about a core. */
static void slices_read(struct ms_stand *stand, uint64_t each, uint64_t worked,
                        struct ms_reading *reading)
{
    struct ms_calm calm;

    if (!stand->slices || !reading->is_bound)
        return;
    for (uint32_t i = 0; i < stand->threads; i++)
        stand->best_look[i] = ms_slices_learn(&stand->slices[i], stand->best_look[i]);
    ms_slices_sum(stand->slices, stand->best_look, stand->threads, &calm);
    ms_calm_read(&calm, each, worked, reading);
}

bool ms_stand_measure(struct ms_stand *stand, const struct ms_cell_key *key, uint64_t seed,
                      uint64_t ops, struct ms_reading *reading, char *why)
{
    const struct ms_contender *contender = ms_catalog_find(stand->catalog, key->strategy);
    uint64_t each;
    uint64_t worked;

    if (key->threads == 0 || key->threads > MS_BENCH_THREADS_MAX) {
        snprintf(why, MS_WHY_BYTES, "a cell has 1 to %d threads", MS_BENCH_THREADS_MAX);
        return false;
    }
    if (!stage_fit(stand, key, why) || !stand->scenario->prepare(stand->stage, key, seed, why) ||
        !slices_fit(stand, key, why))
        return false;

    each = ops / key->threads > 0 ? ops / key->threads : 1;
    worked = ms_ops_worked(contender, each);
    stand->threads = key->threads;
    ms_store_release_u32(&stand->arrived, 0);
    memset(stand->lap, 0, sizeof stand->lap);
    if (!ms_gbench_run(key->scenario, key->threads, worked, stand_thread, stand)) {
        snprintf(why, MS_WHY_BYTES, "the benchmark engine did not run the cell");
        return false;
    }
    ms_laps_read(stand->lap, key->threads, reading);
    reading->ops = each * key->threads;
    slices_read(stand, each, worked, reading);
    return stand->scenario->finish(stand->stage, worked * key->threads, &reading->tally, why);
}

bool ms_stand_count(struct ms_stand *stand, const struct ms_cell_key *key, uint64_t seed,
                    struct ms_tally *tally, char *why)
{
    const struct ms_scenario *scenario = ms_scenario_find(key->scenario);

    if (scenario && scenario->count)
        return scenario->count(stand->catalog, key, seed, tally, why);
    snprintf(why, MS_WHY_BYTES, "the scenario %s counts in its samples", key->scenario);
    return false;
}

static bool timings_make(struct ms_stand *stand, uint32_t threads, uint64_t seed, double mean_ns)
{
    stand->timing = calloc(threads, sizeof *stand->timing);
    for (uint32_t i = 0; stand->timing && i < threads; i++) {
        struct ms_pace pace = {.mean_ns = mean_ns * threads, .seed = ms_seed_mix(seed, 1000 + i)};

        stand->timing[i].stand = stand;
        stand->timing[i].thread = i;
        ms_pace_draw(&pace, stand->timing[i].gap_ns);
    }
    return stand->timing != NULL;
}

bool ms_stand_time_each(struct ms_stand *stand, const struct ms_cell_key *key, uint64_t seed,
                        uint64_t ops, double mean_ns, struct ms_reading *reading,
                        struct ms_histogram *latency, bool *is_saturated, char *why)
{
    bool is_measured;

    if (key->threads == 0 || key->threads > MS_BENCH_THREADS_MAX ||
        !timings_make(stand, key->threads, seed, mean_ns)) {
        snprintf(why, MS_WHY_BYTES, "no memory for latencies, or too many threads");
        return false;
    }
    is_measured = ms_stand_measure(stand, key, seed, ops, reading, why);
    ms_histogram_clear(latency);
    *is_saturated = false;
    for (uint32_t i = 0; is_measured && i < key->threads; i++) {
        ms_histogram_merge(latency, &stand->timing[i].latency);
        *is_saturated = *is_saturated ||
                        ms_latency_is_saturated(mean_ns * key->threads, reading->ops / key->threads,
                                                stand->timing[i].backlog_ns);
    }
    free(stand->timing);
    stand->timing = NULL;
    return is_measured;
}
