/* SPDX-License-Identifier: MIT */
/* runner.c: order, calibration, disturbed blocks, crashed launches, progress. */
#include "runner.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "clock.h"
#include "latency.h"
#include "order.h"

enum {
    REPEATS_MAX = 1, /* more would leave no time for other blocks, which are as likely to be calm */
    ASK_SECONDS_MAX = 20,    /* a sample lasts milliseconds: longer means it hangs */
    CALIBRATION_NS = 300000, /* a reading this long is good enough to scale from */
    CALIBRATION_OPS_MAX = 1 << 24,
    WAITED_MOST = 16, /* how many times its work a reading is believed to have waited */
    PROGRESS_LINE_NS = 100000000,
    COUNT_OPS = 20000,   /* of the pass that counts: the same in every run */
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
static const double SAMPLE_AIM_NS = 5e6;
static const double SAMPLE_SHORT_NS = 2e6;
static const double SAMPLE_LONG_NS = 20e6;
static const double DELAY_SHARE_MAX = 0.005;
static const double OVERLAP_MIN = 0.9;

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

bool ms_reading_is_disturbed(const struct ms_reading *r, uint32_t threads, bool is_oversubscribed)
{
    if (is_oversubscribed)
        return false;
    /* Calm slices are those of which all this is not true. */
    if (r->calm_ops > 0)
        return false;
    if (r->shared > 0.0) /* there were slices, and hardly one of them was calm */
        return true;
    return r->delay_share > DELAY_SHARE_MAX || (threads > 1 && r->overlap < OVERLAP_MIN);
}

uint64_t ms_sample_ops(double fastest_ns, double slowest_ns, uint32_t threads)
{
    double ops = SAMPLE_AIM_NS / slowest_ns;

    if (ops * fastest_ns < SAMPLE_SHORT_NS)
        ops = fmin(SAMPLE_SHORT_NS / fastest_ns, fmax(ops, SAMPLE_LONG_NS / slowest_ns));
    if (ops * fastest_ns < SAMPLE_SHORT_NS)
        ops = SAMPLE_SHORT_NS / fastest_ns;
    if (ops < 1.0)
        ops = 1.0;
    return ((uint64_t)ops + threads - 1) / threads * threads;
}

/* ---- progress ---------------------------------------------------------------------------------
 */

static double runner_seconds(const struct runner *r)
{
    return (double)(ms_clock_ns() - r->start_ns) / 1e9;
}

/* Seconds that the rest takes at the pace so far. */
static double runner_left(const struct runner *r)
{
    if (r->blocks_done == 0)
        return r->schedule->seconds;
    double left =
        runner_seconds(r) / (double)r->blocks_done * (double)(r->blocks_all - r->blocks_done);
    double limit = r->schedule->seconds_max - runner_seconds(r);

    return limit > 0.0 ? fmin(left, limit) : left;
}

/* ---- time: what there is of it for each case ------------------------------------------------------ */

/* How long the blocks of a case take, by the launches before or by what was expected and how wrong that was
 * so far. */
static double case_seconds(const struct runner *r, const struct ms_case *c, uint32_t blocks)
{
    double slowness = r->expected_seconds > 0.0 ? r->took_seconds / r->expected_seconds : 1.0;

    if (c->block_seconds > 0.0)
        return c->block_seconds * blocks + c->timed_seconds;
    return slowness * (ms_case_block_seconds(c) * blocks + ms_case_timed_seconds(c));
}

/* Until the launch should end, so that each launch gets its share: one alone proves nothing. */
static double launch_left(const struct runner *r)
{
    const struct ms_schedule *s = r->schedule;

    return s->seconds_max * (r->launch + 1) / s->launches - runner_seconds(r);
}

/* What the launch takes from here on with all its blocks. */
static double launch_wanted(const struct runner *r)
{
    const struct ms_schedule *s = r->schedule;
    double wanted = 0.0;

    for (size_t i = r->at; i < s->case_count; i++)
        wanted += case_seconds(r, &s->cases[i], s->blocks - (i == r->at ? r->blocks_here : 0));
    return wanted;
}

static void progress_show(struct runner *r, const struct ms_case *c, uint32_t block)
{
    FILE *out = r->config->progress;
    uint64_t now = ms_clock_ns();
    uint64_t pause = r->config->is_terminal ? PROGRESS_LINE_NS : UINT64_C(10000000000);
    char name[MS_CELL_NAME_BYTES];
    uint64_t percent = r->blocks_all ? r->blocks_done * 100 / r->blocks_all : 0;

    /* The first line comes as soon as something is measured: whoever waits sees that it goes on. */
    if (!out || (now - r->shown_ns < pause && (r->config->is_terminal || r->blocks_done != 1)))
        return;
    r->shown_ns = now;
    ms_key_print(&c->key, name, sizeof name);
    if (r->config->is_terminal) {
        char bar[21] = "....................";

        for (uint64_t i = 0; i < percent / 5 && i < 20; i++)
            bar[i] = '#';
        fprintf(out,
                "\r\033[K%s %3" PRIu64 " %%  launch %" PRIu32 "/%" PRIu32 " block %" PRIu32
                "/%" PRIu32 "  %.0f s left  %" PRIu32 " disturbed  %.60s",
                bar, percent, r->launch + 1, r->schedule->launches, block + 1, r->blocks,
                runner_left(r), r->outcome->disturbed, name);
    } else {
        fprintf(out,
                "progress  %3" PRIu64 " %%  launch %" PRIu32 "/%" PRIu32
                "  about %.0f s left  %" PRIu32 " disturbed  %s\n",
                percent, r->launch + 1, r->schedule->launches, runner_left(r),
                r->outcome->disturbed, name);
    }
    fflush(out);
}

static void progress_wipe(const struct runner *r)
{
    if (r->config->progress && r->config->is_terminal) {
        fputs("\r\033[K", r->config->progress);
        fflush(r->config->progress);
    }
}

/* ---- one question -----------------------------------------------------------------------------
 */

static bool launch_start(struct runner *r)
{
    r->child = ms_child_start(r->config->program, r->config->arguments, r->why);
    return r->child != NULL;
}

static void entrant_drop(struct runner *r, struct ms_entrant *entrant, enum ms_state state)
{
    entrant->state = state;
    snprintf(entrant->why_text, sizeof entrant->why_text, "%s", r->why);
    entrant->why = entrant->why_text;
    r->outcome->is_incomplete = true;
}

/* What a reply means to the entrant; false when it is out of the case. A dead launch is replaced. */
static bool reply_take(struct runner *r, struct ms_entrant *entrant, enum ms_reply reply)
{
    if (reply == MS_REPLY_READING)
        return true;
    entrant_drop(r, entrant, reply == MS_REPLY_DEAD ? MS_STATE_CRASHED : MS_STATE_FAILED);
    if (reply == MS_REPLY_DEAD) {
        ms_child_stop(r->child);
        r->child = NULL;
    }
    return false;
}

static bool is_launched(struct runner *r, struct ms_entrant *entrant)
{
    if (r->child || launch_start(r))
        return true;
    entrant_drop(r, entrant, MS_STATE_FAILED);
    return false;
}

/* Asks for one sample; false when the entrant is out of the case. */
static bool sample_ask(struct runner *r, const struct ms_case *c, struct ms_entrant *entrant,
                       uint64_t seed, uint64_t ops, struct ms_reading *reading)
{
    char name[MS_CELL_NAME_BYTES];

    ms_entrant_name(c, entrant, name, sizeof name);
    return is_launched(r, entrant) &&
           reply_take(r, entrant,
                      ms_child_ask(r->child, name, seed, ops, ASK_SECONDS_MAX, reading, r->why));
}

/* Asks for the exact counts; false when the entrant is out of the case. */
static bool count_ask(struct runner *r, const struct ms_case *c, struct ms_entrant *entrant,
                      uint64_t seed, struct ms_reading *reading)
{
    char name[MS_CELL_NAME_BYTES];

    ms_entrant_name(c, entrant, name, sizeof name);
    return is_launched(r, entrant) &&
           reply_take(r, entrant,
                      ms_child_count(r->child, name, seed, ASK_SECONDS_MAX, reading, r->why));
}

/* ---- calibration ------------------------------------------------------------------------------
 */

static void tally_keep(struct ms_entrant *entrant, const struct ms_tally *tally)
{
    entrant->tally = *tally;
    for (uint32_t i = 0; i < tally->counts; i++) {
        snprintf(entrant->count_name[i], sizeof entrant->count_name[i], "%s", tally->count[i].name);
        entrant->tally.count[i].name = entrant->count_name[i];
    }
}

double ms_reading_worked_ns(const struct ms_reading *r)
{
    uint64_t worked = r->wall_ns > r->delay_ns ? r->wall_ns - r->delay_ns : 0;

    /* The delay is that of a longer stretch than the wall time, and may even be more. */
    return fmax((double)worked, (double)r->wall_ns / WAITED_MOST);
}

/* Nanoseconds an operation takes, the better of two readings: an interruption can only make a
 * reading longer, and a sample scaled from it too short. False when the entrant dropped out. */
static bool pace_find(struct runner *r, const struct ms_case *c, struct ms_entrant *entrant,
                      uint64_t seed, double *ns)
{
    uint64_t ops = c->key.threads;
    struct ms_reading reading;

    for (;;) {
        if (!sample_ask(r, c, entrant, seed, ops, &reading))
            return false;
        if (ms_reading_worked_ns(&reading) >= CALIBRATION_NS || ops >= CALIBRATION_OPS_MAX)
            break;
        ops *= ms_reading_worked_ns(&reading) < CALIBRATION_NS / 16.0 ? 16 : 4;
    }
    *ns = ms_reading_worked_ns(&reading) / (double)reading.ops;
    if (!sample_ask(r, c, entrant, seed, ops, &reading))
        return false;
    *ns = fmin(*ns, ms_reading_worked_ns(&reading) / (double)reading.ops);
    if (entrant->who->part == MS_PART_LIMIT) /* not in the pass that counts: theirs never change */
        tally_keep(entrant, &reading.tally);
    return true;
}

/* The null strategy and the limits do so much less that they would stretch everybody's sample. */
static bool sets_pace(const struct ms_case *c, const struct ms_entrant *entrant)
{
    if (c->scenario->is_bare)
        return true;
    return entrant->who->part == MS_PART_STRATEGY || entrant->who->part == MS_PART_BASELINE;
}

static void case_calibrate(struct runner *r, struct ms_case *c, uint64_t seed)
{
    double fastest = INFINITY;
    double slowest = 0.0;

    for (uint32_t i = 0; i < c->entrants; i++) {
        struct ms_entrant *entrant = &c->entrant[i];
        double ns;

        if (entrant->state != MS_STATE_READY || !sets_pace(c, entrant) ||
            !pace_find(r, c, entrant, seed, &ns))
            continue;
        fastest = fmin(fastest, ns);
        slowest = fmax(slowest, ns);
    }
    /* Bare steps may lie a thousand apart; one that is short beside the others bounds nothing. */
    if (c->scenario->is_bare)
        fastest = slowest;
    if (slowest > 0.0)
        c->ops = ms_sample_ops(fastest, slowest, c->key.threads);
}

/* Counts are exact where one thread replays a stream of one length from one seed; only then do two
 * runs agree, so they are taken in a pass of their own. A scenario that counts by itself does so for
 * strategies, whatever the threads of the case; more of them than processors would say nothing new. */
static void case_count(struct runner *r, struct ms_case *c, uint64_t seed)
{
    bool counts_itself = c->scenario->count != NULL;

    for (uint32_t i = 0; i < c->entrants && !c->shape->is_live; i++) {
        struct ms_entrant *entrant = &c->entrant[i];
        struct ms_reading reading;
        bool is_counted = false;

        if (entrant->state != MS_STATE_READY || entrant->who->part == MS_PART_LIMIT)
            continue;
        if (!counts_itself)
            is_counted =
                c->key.threads == 1 && sample_ask(r, c, entrant, seed, COUNT_OPS, &reading);
        else if (entrant->who->part <= MS_PART_BASELINE && !c->is_oversubscribed)
            is_counted = count_ask(r, c, entrant, seed, &reading);
        if (is_counted)
            tally_keep(entrant, &reading.tally);
    }
}

/* ---- a block ----------------------------------------------------------------------------------
 */

/* Takes one sample of everyone; false when somebody dropped out and the block must be redone. */
static bool block_take(struct runner *r, struct ms_case *c, uint32_t block, uint64_t seed,
                       bool *is_disturbed)
{
    uint32_t order[MS_ENTRANTS_MAX];
    uint64_t stolen = ms_clock_stolen_ns();

    *is_disturbed = false;
    ms_order_fill(ms_seed_mix(seed, 1), block, order, c->entrants);
    for (uint32_t p = 0; p < c->entrants; p++) {
        uint32_t i = order[p];
        struct ms_entrant *entrant = &c->entrant[i];

        if (entrant->state != MS_STATE_READY)
            continue;
        if (!sample_ask(r, c, entrant, ms_seed_mix(seed, 2 + block), c->ops, &r->reading[i]))
            return false;
        r->position[i] = p;
        *is_disturbed = *is_disturbed || ms_reading_is_disturbed(&r->reading[i], c->key.threads,
                                                                 c->is_oversubscribed);
    }
    stolen = ms_clock_stolen_ns() - stolen;
    r->outcome->stolen_seconds += (double)stolen / 1e9;
    *is_disturbed = *is_disturbed || (stolen > 0 && !c->is_oversubscribed);
    return true;
}

static bool sample_keep(struct ms_entrant *entrant, const struct ms_sample *sample)
{
    if (entrant->sample_count == entrant->sample_room) {
        size_t room = entrant->sample_room ? entrant->sample_room * 2 : 48;
        struct ms_sample *grown = realloc(entrant->samples, room * sizeof *grown);

        if (!grown)
            return false;
        entrant->samples = grown;
        entrant->sample_room = room;
    }
    entrant->samples[entrant->sample_count++] = *sample;
    return true;
}

static void block_keep(struct runner *r, struct ms_case *c, uint32_t block, uint64_t seed,
                       uint32_t repeats)
{
    for (uint32_t i = 0; i < c->entrants; i++) {
        struct ms_entrant *entrant = &c->entrant[i];
        const struct ms_reading *reading = &r->reading[i];
        struct ms_sample sample = {
            .launch = r->launch,
            .block = block,
            .position = r->position[i],
            .seed = ms_seed_mix(seed, 2 + block),
            .ops = reading->ops,
            .wall_ns = reading->wall_ns,
            .cpu_ns = reading->cpu_ns,
            .run_delay_ns = reading->delay_ns,
            .overlap = reading->overlap,
            .calm_ops = reading->calm_ops,
            .calm_ns = reading->calm_ns,
            .shared = reading->shared,
            .repeats = repeats,
        };

        if (entrant->state != MS_STATE_READY)
            continue;
        sample.disturbed = ms_reading_is_disturbed(reading, c->key.threads, c->is_oversubscribed);
        r->outcome->disturbed += sample.disturbed;
        entrant->is_unbound = entrant->is_unbound || !reading->is_bound;
        if (!sample_keep(entrant, &sample)) {
            snprintf(r->why, sizeof r->why, "out of memory");
            entrant_drop(r, entrant, MS_STATE_FAILED);
        }
    }
}

/* A repeat is allowed while there is time for all that is planned: repeats are the first to go. */
static bool has_time(const struct runner *r)
{
    return r->schedule->seconds_max <= 0.0 || launch_wanted(r) < launch_left(r);
}

static bool is_anyone_ready(const struct ms_case *c)
{
    for (uint32_t i = 0; i < c->entrants; i++)
        if (c->entrant[i].state == MS_STATE_READY)
            return true;
    return false;
}

/* Takes a block again, once, if it was disturbed, and keeps the last. */
static void block_run(struct runner *r, struct ms_case *c, uint32_t block, uint64_t seed)
{
    uint32_t repeats = 0;
    bool is_disturbed;

    while (is_anyone_ready(c)) {
        if (!block_take(r, c, block, seed, &is_disturbed))
            continue; /* one fewer takes part now */
        if (!is_disturbed || repeats == REPEATS_MAX || !has_time(r) || r->config->is_stopped())
            break;
        repeats++;
        r->outcome->repeated++;
        c->repeated++;
    }
    block_keep(r, c, block, seed, repeats);
    r->blocks_done++;
    r->blocks_here++;
}

/* From the case's name, so that a case measured alone sees the streams it saw among others. */
static uint64_t case_seed(uint64_t seed, const struct ms_case *c)
{
    char name[MS_CELL_NAME_BYTES];

    ms_key_print(&c->key, name, sizeof name);
    for (const char *at = name; *at; at++)
        seed = ms_seed_mix(seed, (uint64_t)(unsigned char)*at);
    return seed;
}

/* ---- latencies: each operation by itself, arriving by a schedule -------------------------------- */

/* Times one strategy once; false when it did not answer. It is not dropped for that: its samples
 * are there already. */
static bool timing_ask(struct runner *r, const struct ms_case *c, const char *strategy,
                       uint64_t seed, uint64_t ops, double mean_ns)
{
    struct ms_cell_key key = c->key;
    char name[MS_CELL_NAME_BYTES];

    snprintf(key.strategy, sizeof key.strategy, "%s", strategy);
    ms_key_print(&key, name, sizeof name);
    if (!r->child && !launch_start(r))
        return false;
    switch (ms_child_time_each(r->child, name, seed, ops, mean_ns, ASK_SECONDS_MAX, &r->timing,
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
    for (uint32_t repeats = 0; repeats <= REPEATS_MAX; repeats++) {
        struct ms_reading seen;

        if (!timing_ask(r, c, strategy, ms_seed_mix(seed, load), ops, mean_ns))
            return;
        seen =
            (struct ms_reading){.delay_share = r->timing.delay_share, .overlap = r->timing.overlap};
        is_disturbed = ms_reading_is_disturbed(&seen, c->key.threads, false);
        /* The pace was kept in a trial: where it is not now, the other thread was kept away. */
        is_disturbed = is_disturbed || (c->shape->is_live && r->timing.is_saturated);
        if (!is_disturbed || !has_time(r) || r->config->is_stopped())
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

        if (entrant->state == MS_STATE_READY && sets_pace(c, entrant))
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

static void case_time(struct runner *r, struct ms_case *c, uint64_t seed)
{
    if (c->is_oversubscribed) {
        crowd_time(r, c, seed);
        return;
    }
    if (c->shape->is_closed && c->pace_ns <= 0.0)
        c->pace_ns = SAMPLE_AIM_NS / (double)c->ops; /* only to know how many there is time for */
    if (!pace_set(r, c, seed))
        return;
    for (size_t load = 0; load < (c->shape->is_closed ? 1 : MS_LOADS); load++) {
        uint32_t order[MS_ENTRANTS_MAX];

        ms_order_fill(ms_seed_mix(seed, 3 + load), 0, order, c->entrants);
        for (uint32_t p = 0; p < c->entrants; p++) {
            struct ms_entrant *entrant = &c->entrant[order[p]];

            if (r->config->is_stopped())
                return;
            if (entrant->state == MS_STATE_READY && sets_pace(c, entrant))
                timed_run(r, c, entrant->who->name, seed, load, &entrant->timed[load]);
        }
        timed_run(r, c, "null", seed, load, &c->floor[load]);
    }
}

/* What there is time for of the case at hand. */
static void case_plan(struct runner *r)
{
    const struct ms_schedule *s = r->schedule;

    r->blocks_here = 0;
    r->blocks = s->blocks;
    if (s->seconds_max > 0.0)
        r->blocks = ms_blocks_fit(s, launch_wanted(r), launch_left(r));
    r->outcome->blocks_left_out += s->blocks - r->blocks;
    r->blocks_all -= s->blocks - r->blocks;
}

/* Remembers how long the case took, for the cases and launches to come. */
static void case_learn(struct runner *r, struct ms_case *c, uint32_t taken, double blocks_seconds,
                       double timed_seconds)
{
    if (c->block_seconds <= 0.0) {
        r->took_seconds += blocks_seconds + timed_seconds;
        r->expected_seconds += ms_case_block_seconds(c) * taken + ms_case_timed_seconds(c);
    }
    c->block_seconds = taken ? blocks_seconds / taken : 0.0; /* repeats are the first to go */
    c->timed_seconds = timed_seconds;
}

static bool launch_run(struct runner *r)
{
    struct ms_schedule *s = r->schedule;

    for (r->at = 0; r->at < s->case_count; r->at++) {
        struct ms_case *c = &s->cases[r->at];
        uint64_t seed = ms_seed_mix(case_seed(s->seed, c), r->launch);
        uint32_t repeated = c->repeated;
        double start, end;

        if (c->ops == 0) {
            case_count(r, c, seed);
            case_calibrate(r, c, seed);
        }
        case_plan(r);
        start = runner_seconds(r);
        for (uint32_t block = 0; block < r->blocks; block++) {
            if (r->config->is_stopped())
                return false;
            progress_show(r, c, block);
            if (c->ops > 0)
                block_run(r, c, block, seed);
        }
        end = runner_seconds(r);
        if (c->is_timed && c->ops > 0)
            case_time(r, c, ms_seed_mix(seed, 99));
        case_learn(r, c, r->blocks_here + c->repeated - repeated, end - start,
                   runner_seconds(r) - end);
    }
    return true;
}

bool ms_runner_run(const struct ms_runner_config *config, struct ms_schedule *schedule,
                   struct ms_runner_outcome *outcome, char *why)
{
    struct runner *r = calloc(1, sizeof *r);
    bool is_started = false;

    *outcome = (struct ms_runner_outcome){0};
    if (!r) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        return false;
    }
    r->config = config;
    r->schedule = schedule;
    r->outcome = outcome;
    r->start_ns = ms_clock_ns();
    r->shown_ns = r->start_ns;
    r->blocks_all = (uint64_t)schedule->case_count * schedule->blocks * schedule->launches;
    for (r->launch = 0; r->launch < schedule->launches; r->launch++) {
        if (!launch_start(r)) {
            outcome->is_incomplete = true;
            break;
        }
        is_started = true;
        outcome->is_interrupted = !launch_run(r);
        ms_child_stop(r->child);
        r->child = NULL;
        if (outcome->is_interrupted)
            break;
    }
    progress_wipe(r);
    outcome->seconds = runner_seconds(r);
    snprintf(why, MS_WHY_BYTES, "%s", r->why);
    free(r);
    return is_started;
}
