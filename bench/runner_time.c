/* SPDX-License-Identifier: MIT */
/* runner_time.c: latencies of a case: each operation by itself, arriving by a schedule. */
#include <math.h>
#include <stdlib.h>

#include "latency.h"
#include "order.h"
#include "runner_parts.h"

enum {
    TIMED_NS = 30000000, /* how long one strategy is timed at one rate */
    CROWD_OPS = 40000,
    TIMED_OPS_MIN = 2000,
    TIMED_OPS_LIVE = 5000,         /* where another thread takes part each has a tail of its own */
    TIMED_OPS_LIVE_CLOSED = 10500, /* at one rate only, so that 100 lie beyond the 99th percent */
    TIMED_OPS_LEAST = 1000,
    TIMED_OPS_MAX = 1000000,
    TRIAL_OPS = 2000, /* of a pace that is tried before it is used */
};

/* How long a strategy is timed with more threads than processors: some hundred time slices. */
static const double CROWD_NS = 7e7, CROWD_NS_FULL = 5e8;
static const double TIMED_NS_LIVE = 4e8; /* at most, of one strategy at one rate */

/* Times one strategy once; false when it did not answer. It is not dropped for that: its samples
 * are there already. */
static bool timing_ask(struct runner *r, const struct ms_case *c, const char *strategy,
                       uint64_t seed, uint64_t ops, double mean_ns)
{
    struct ms_cell_key key = c->key;
    char name[MS_CELL_NAME_BYTES];

    snprintf(key.strategy, sizeof key.strategy, "%s", strategy);
    ms_key_print(&key, name, sizeof name);
    if (!r->child && !ms_runner_launch(r))
        return false;
    switch (ms_child_time_each(r->child, name, seed, ops, mean_ns, MS_ASK_SECONDS_MAX, &r->timing,
                               r->why)) {
    case MS_REPLY_READING:
        return true;
    case MS_REPLY_REFUSED:
        return false;
    case MS_REPLY_DEAD:
        break;
    }
    ms_child_stop(r->child);
    r->child = NULL;
    return false;
}

/* Adds a launch's latencies. Launches that others disturbed count only while there is no other:
 * one time slice given away would be the whole tail. */
static void timing_keep(struct runner *r, bool is_disturbed, struct ms_timed *timed)
{
    bool is_first = !timed->latency;

    if (is_first)
        timed->latency = calloc(1, sizeof *timed->latency);
    if (!timed->latency || (!is_first && is_disturbed && !timed->is_disturbed))
        return;
    if (!is_first && !is_disturbed && timed->is_disturbed) {
        ms_histogram_clear(timed->latency);
        timed->is_saturated = false;
        timed->wall_ns = 0;
    }
    ms_histogram_merge(timed->latency, &r->timing.latency);
    timed->wall_ns += r->timing.wall_ns;
    timed->is_disturbed = is_disturbed;
    timed->is_saturated = timed->is_saturated || r->timing.is_saturated;
}

/* Times a strategy at one rate; disturbed ones again, as with blocks. */
static void timed_run(struct runner *r, const struct ms_case *c, const char *strategy,
                      uint64_t seed, size_t load, struct ms_timed *timed)
{
    double mean_ns = c->shape->is_closed ? 0.0 : c->pace_ns / ms_loads[load];
    uint64_t ops = (uint64_t)((double)TIMED_NS * ms_loads[load] / c->pace_ns);

    uint64_t least = TIMED_OPS_MIN;
    bool is_disturbed = false;

    if (c->shape->is_live)
        least = c->shape->is_closed ? TIMED_OPS_LIVE_CLOSED : TIMED_OPS_LIVE;
    /* A machine that others use up would take seconds for it. */
    if (c->shape->is_live && (double)least * c->pace_ns > TIMED_NS_LIVE)
        least = (uint64_t)(TIMED_NS_LIVE / c->pace_ns);
    least = least < TIMED_OPS_LEAST ? TIMED_OPS_LEAST : least;
    ops = ops < least ? least : ops > TIMED_OPS_MAX ? TIMED_OPS_MAX : ops;
    for (uint32_t repeats = 0; repeats <= MS_REPEATS_MAX; repeats++) {
        struct ms_reading seen;

        if (!timing_ask(r, c, strategy, ms_seed_mix(seed, load), ops, mean_ns))
            return;
        seen =
            (struct ms_reading){.delay_share = r->timing.delay_share, .overlap = r->timing.overlap};
        is_disturbed = ms_reading_is_disturbed(&seen, c->key.threads, false);
        /* The pace was kept in a trial: where it is not now, the other thread was kept away. */
        is_disturbed = is_disturbed || (c->shape->is_live && r->timing.is_saturated);
        if (!is_disturbed || !ms_runner_has_time(r) || r->config->is_stopped())
            break;
    }
    timing_keep(r, is_disturbed, timed);
}

/* With more threads than processors: one operation after the other, for as long with every strategy. */
static void crowd_run(struct runner *r, const struct ms_case *c, const char *strategy,
                      uint64_t seed, struct ms_timed *timed)
{
    double wanted = r->schedule->size == MS_PLAN_FULL ? CROWD_NS_FULL : CROWD_NS;
    double ops;

    if (!timing_ask(r, c, strategy, seed, CROWD_OPS, 0.0) || r->timing.wall_ns == 0)
        return;
    ops = wanted * (double)r->timing.ops / (double)r->timing.wall_ns;
    if (timing_ask(r, c, strategy, seed, ops < CROWD_OPS ? CROWD_OPS : (uint64_t)ops, 0.0))
        timing_keep(r, false, timed);
}

static void crowd_time(struct runner *r, struct ms_case *c, uint64_t seed)
{
    uint32_t order[MS_ENTRANTS_MAX];

    ms_order_fill(ms_seed_mix(seed, 3), 0, order, c->entrants);
    for (uint32_t p = 0; p < c->entrants && !r->config->is_stopped(); p++) {
        struct ms_entrant *entrant = &c->entrant[order[p]];

        if (entrant->state == MS_STATE_READY && ms_runner_is_paced(c, entrant))
            crowd_run(r, c, entrant->who->name, seed, &entrant->timed[0]);
    }
    crowd_run(r, c, "null", seed, &c->floor[0]);
}

/* A moment of arrivals at one pace, for ms_pace_find. */
struct trial {
    struct runner *r;
    const struct ms_case *c;
    uint64_t seed;
};

/* One stall by others is no proof that a pace cannot be kept: it is tried twice. */
static bool trial_keeps(void *context, double mean_ns)
{
    const struct trial *t = context;
    bool is_kept = false;

    for (int i = 0; i < 2 && !is_kept; i++)
        is_kept = timing_ask(t->r, t->c, MS_BASELINE_NAME, t->seed, TRIAL_OPS, mean_ns) &&
                  !t->r->timing.is_saturated;
    return is_kept;
}

/* The pace is what the baseline keeps in a closed loop with the same two clock readings around
 * each operation: at its pace without them nobody could keep up. Where another thread takes part, the
 * quickest at which arrivals were kept up with in a trial. */
static bool pace_set(struct runner *r, struct ms_case *c, uint64_t seed)
{
    struct trial trial = {r, c, seed};
    double best = INFINITY;

    for (int i = 0; i < 3 && c->pace_ns <= 0.0; i++) {
        if (!timing_ask(r, c, MS_BASELINE_NAME, seed, c->shape->is_live ? TRIAL_OPS : 20000, 0.0) ||
            r->timing.ops == 0)
            return false;
        best = fmin(best, (double)r->timing.wall_ns / (double)r->timing.ops);
    }
    if (c->pace_ns <= 0.0)
        c->pace_ns = c->shape->is_live ? ms_pace_find(best, trial_keeps, &trial) : best;
    return c->pace_ns > 0.0;
}

void ms_runner_time_case(struct runner *r, struct ms_case *c, uint64_t seed)
{
    if (c->is_oversubscribed) {
        crowd_time(r, c, seed);
        return;
    }
    if (c->shape->is_closed && c->pace_ns <= 0.0)
        c->pace_ns =
            MS_SAMPLE_AIM_NS / (double)c->ops; /* only to know how many there is time for */
    if (!pace_set(r, c, seed))
        return;
    for (size_t load = 0; load < (c->shape->is_closed ? 1 : MS_LOADS); load++) {
        uint32_t order[MS_ENTRANTS_MAX];

        ms_order_fill(ms_seed_mix(seed, 3 + load), 0, order, c->entrants);
        for (uint32_t p = 0; p < c->entrants; p++) {
            struct ms_entrant *entrant = &c->entrant[order[p]];

            if (r->config->is_stopped())
                return;
            if (entrant->state == MS_STATE_READY && ms_runner_is_paced(c, entrant))
                timed_run(r, c, entrant->who->name, seed, load, &entrant->timed[load]);
        }
        timed_run(r, c, "null", seed, load, &c->floor[load]);
    }
}
