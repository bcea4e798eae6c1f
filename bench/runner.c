/* SPDX-License-Identifier: MIT */
/* runner.c: order, calibration, disturbed blocks, crashed launches, progress. */
#include "runner.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "order.h"
#include "runner_parts.h"

enum {
    CALIBRATION_NS = 300000, /* a reading this long is good enough to scale from */
    CALIBRATION_OPS_MAX = 1 << 24,
    WAITED_MOST = 16, /* how many times its work a reading is believed to have waited */
    PROGRESS_LINE_NS = 100000000,
    COUNT_OPS = 20000, /* of the pass that counts: the same in every run */
};

static const double SAMPLE_SHORT_NS = 2e6;
static const double SAMPLE_LONG_NS = 20e6;
static const double DELAY_SHARE_MAX = 0.005;
static const double OVERLAP_MIN = 0.9;

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
    double ops = MS_SAMPLE_AIM_NS / slowest_ns;

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

bool ms_runner_launch(struct runner *r)
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
    if (r->child || ms_runner_launch(r))
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
                      ms_child_ask(r->child, name, seed, ops, MS_ASK_SECONDS_MAX, reading, r->why));
}

/* Asks for the exact counts; false when the entrant is out of the case. */
static bool count_ask(struct runner *r, const struct ms_case *c, struct ms_entrant *entrant,
                      uint64_t seed, struct ms_reading *reading)
{
    char name[MS_CELL_NAME_BYTES];

    ms_entrant_name(c, entrant, name, sizeof name);
    return is_launched(r, entrant) &&
           reply_take(r, entrant,
                      ms_child_count(r->child, name, seed, MS_ASK_SECONDS_MAX, reading, r->why));
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

bool ms_runner_is_paced(const struct ms_case *c, const struct ms_entrant *entrant)
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

        if (entrant->state != MS_STATE_READY || !ms_runner_is_paced(c, entrant) ||
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

bool ms_runner_has_time(const struct runner *r)
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
        if (!is_disturbed || repeats == MS_REPEATS_MAX || !ms_runner_has_time(r) ||
            r->config->is_stopped())
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
            ms_runner_time_case(r, c, ms_seed_mix(seed, 99));
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
        if (!ms_runner_launch(r)) {
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
