/* SPDX-License-Identifier: MIT */
/* judge.c: fills a result from a schedule that was measured. */
#include "judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controls.h"
#include "count_names.h"
#include "stats.h"

static const double OVERLAP_MIN = 0.9;
static const double POOR_SHARE_MAX = 0.2;
enum { SLOW_NS = 100000 }; /* longer than anything but a processor that was taken away */

struct judge {
    const struct ms_judge_config *config;
    const struct ms_catalog *catalog;
    const struct ms_schedule *schedule;
    struct ms_result *result;
    struct ms_class class[2]; /* one thread; several */
    uint32_t **cell;          /* [case][entrant]: index of its cell, MS_NONE for limits */
    /* Room for the samples of one entrant. */
    struct ms_stats_pair *pairs, *mean;
    double *work;
};

static bool is_strategy(const struct ms_entrant *entrant)
{
    return entrant->who->part <= MS_PART_BASELINE;
}

static const struct ms_class *class_of(const struct judge *j, const struct ms_case *c)
{
    return &j->class[c->key.threads > 1];
}

/* ---- the lists of names ----------------------------------------------------------------------- */

static enum ms_progress progress_of(const struct ms_contender *who)
{
    if (who->is_blocking)
        return MS_PROGRESS_BLOCKING;
    return who->strands ? MS_PROGRESS_STRANDING : MS_PROGRESS_LOCK_FREE;
}

static enum ms_role role_of(const struct ms_contender *who)
{
    switch (who->part) {
    case MS_PART_BASELINE:
        return MS_ROLE_BASELINE;
    case MS_PART_NULL:
        return MS_ROLE_NULL;
    case MS_PART_TWIN:
        return MS_ROLE_TWIN;
    case MS_PART_DRAG:
        return MS_ROLE_DRAG;
    case MS_PART_STRATEGY:
    case MS_PART_LIMIT:
        break;
    }
    return who->is_plugin ? MS_ROLE_PLUGIN : MS_ROLE_CONTESTANT;
}

static bool is_entered(const struct ms_schedule *s, const struct ms_contender *who)
{
    for (size_t i = 0; i < s->case_count; i++)
        for (uint32_t k = 0; k < s->cases[i].entrants; k++)
            if (s->cases[i].entrant[k].who == who)
                return true;
    return false;
}

/* What the scenario that checks every strategy with a shadow found out on the way. */
static enum ms_check check_of(const struct ms_schedule *s, const struct ms_contender *who)
{
    enum ms_check check = MS_CHECK_NOT_RUN;

    for (size_t i = 0; i < s->case_count; i++) {
        const struct ms_case *c = &s->cases[i];

        for (uint32_t k = 0; k < c->entrants && c->scenario->compares; k++) {
            if (c->entrant[k].who != who || who->part == MS_PART_NULL)
                continue;
            if (c->entrant[k].state == MS_STATE_FAILED)
                return MS_CHECK_FAILED;
            if (c->entrant[k].sample_count > 0)
                check = MS_CHECK_PASSED;
        }
    }
    return check;
}

static void strategies_add(struct judge *j)
{
    const struct ms_contender *all;
    size_t count = ms_catalog_contenders(j->catalog, &all);

    for (size_t i = 0; i < count; i++) {
        struct ms_strategy *s;

        if (all[i].part != MS_PART_BASELINE && !is_entered(j->schedule, &all[i]))
            continue;
        s = ms_result_add_strategy(j->result);
        s->name = ms_result_copy(j->result, all[i].name);
        s->title = ms_result_copy(j->result, all[i].title);
        s->role = role_of(&all[i]);
        s->is_default = all[i].is_default;
        s->progress = progress_of(&all[i]);
        s->run_max = all[i].run_max == UINT32_MAX ? 0 : all[i].run_max;
        s->conformance = check_of(j->schedule, &all[i]);
    }
}

static void names_add(struct judge *j)
{
    struct ms_result *r = j->result;

    strategies_add(j);
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        const struct ms_case *c = &j->schedule->cases[i];
        bool is_known = false;

        for (size_t k = 0; k < r->adapter_count && c->adapter; k++)
            is_known = is_known || ms_text_same(r->adapters[k].name, c->adapter->name);
        if (c->adapter && !is_known) {
            struct ms_adapter *a = ms_result_add_adapter(r);
            a->name = ms_result_copy(r, c->adapter->name);
            a->title = ms_result_copy(r, c->adapter->title);
            a->bounces = c->adapter->bounces;
        }
        if (!c->scenario->is_bare && !ms_result_shape(r, c->key.scenario, c->key.shape)) {
            struct ms_shape *s = ms_result_add_shape(r);
            s->name = ms_result_copy(r, c->shape->name);
            s->scenario = ms_result_copy(r, c->key.scenario);
            s->version = c->scenario->version;
            s->title = ms_result_copy(r, c->shape->title);
            s->pages = c->shape->pages;
            s->bytes = c->shape->bytes;
            s->recorded = c->shape->is_recorded;
        }
    }
}

/* ---- cells ------------------------------------------------------------------------------------ */

/* Of the samples that have calm moments only those count, and in them nobody was made to leave. */
static bool is_overlap_poor(const struct ms_case *c, const struct ms_entrant *entrant)
{
    size_t poor = 0;

    if (c->key.threads < 2 || c->is_oversubscribed)
        return false;
    for (size_t i = 0; i < entrant->sample_count; i++)
        poor += entrant->samples[i].calm_ops == 0 && entrant->samples[i].overlap < OVERLAP_MIN;
    return (double)poor > POOR_SHARE_MAX * (double)entrant->sample_count;
}

static enum ms_outcome outcome_of(const struct ms_entrant *entrant)
{
    switch (entrant->state) {
    case MS_STATE_REFUSED:
        return MS_OUTCOME_REFUSED;
    case MS_STATE_FAILED:
        return MS_OUTCOME_FAILED;
    case MS_STATE_CRASHED:
        return MS_OUTCOME_CRASHED;
    case MS_STATE_READY:
        break;
    }
    return entrant->sample_count > 0 ? MS_OUTCOME_MEASURED : MS_OUTCOME_NOT_RUN;
}

/* The command that measures just this cell, its baseline and its limits again. */
static const char *command_of(const struct judge *j, const struct ms_case *c,
                              const struct ms_entrant *entrant)
{
    char line[1024];
    int used = snprintf(line, sizeof line, "%s run --scenario %s --strategy %s --shape %s",
                        j->config->program, c->key.scenario,
                        is_strategy(entrant) ? entrant->who->name : MS_BASELINE_NAME, c->key.shape);

    if (c->adapter)
        used += snprintf(line + used, sizeof line - (size_t)used, " --adapter %s", c->key.adapter);
    used +=
        snprintf(line + used, sizeof line - (size_t)used, " --threads %" PRIu32, c->key.threads);
    if (c->key.registers)
        used += snprintf(line + used, sizeof line - (size_t)used, " --registers %" PRIu32,
                         c->key.registers);
    snprintf(line + used, sizeof line - (size_t)used, "%s --seed %" PRIu64, j->config->files,
             j->schedule->seed);
    return ms_result_copy(j->result, line);
}

/* The fastest of a case's limits: the one that bounds. */
static const struct ms_entrant *limit_of(struct judge *j, const struct ms_case *c)
{
    const struct ms_entrant *best = NULL;
    double best_ns = 0.0;

    for (uint32_t i = 0; i < c->entrants; i++) {
        struct ms_estimate time;

        if (c->entrant[i].who->part != MS_PART_LIMIT || c->entrant[i].sample_count == 0)
            continue;
        ms_entrant_time(&c->entrant[i], j->work, &time);
        if (best && time.value >= best_ns)
            continue;
        best = &c->entrant[i];
        best_ns = time.value;
    }
    return best;
}

static void cell_measure(struct judge *j, const struct ms_case *c, const struct ms_entrant *entrant,
                         struct ms_cell *cell)
{
    const struct ms_entrant *limit = limit_of(j, c);

    for (size_t i = 0; i < entrant->sample_count; i++) {
        *ms_cell_add_sample(cell) = entrant->samples[i];
        cell->disturbed += entrant->samples[i].disturbed;
    }
    cell->repeated = c->repeated;
    cell->unbound = entrant->is_unbound;
    cell->poor_overlap = is_overlap_poor(c, entrant);
    ms_entrant_time(entrant, j->work, &cell->time);
    cell->mostly_harness = is_strategy(entrant) && c->scenario->compares && !c->adapter &&
                           class_of(j, c)->is_measured &&
                           cell->time.value < 2.0 * class_of(j, c)->harness_ns;
    for (uint32_t i = 0; i < entrant->tally.counts; i++) {
        struct ms_count *count = ms_cell_add_count(cell);
        count->name = ms_result_copy(j->result, entrant->tally.count[i].name);
        count->per_op = entrant->tally.count[i].per_op;
        count->model = strcmp(count->name, MS_COUNT_MOVED) == 0;
    }
    if (limit && entrant->sample_count > 0) {
        struct ms_stats_interval interval;
        size_t n = ms_entrants_pair(limit, entrant, 0, j->pairs);

        for (size_t i = 0; i < n; i++)
            j->work[i] = j->pairs[i].y;
        ms_stats_enclose(j->work, n, &interval);
        cell->limit = ms_result_copy(j->result, limit->who->name);
        cell->of_limit = ms_estimate_of(&interval, 1.0, 0.0);
    }
}

/* A percentile, or 0 where too few values lie beyond it to mean anything. */
static double percentile(const struct ms_histogram *h, double share)
{
    return share <= ms_histogram_reach(h) ? (double)ms_histogram_at(h, share) : 0.0;
}

/* Operations above 100 us in a second. A rate, not a share: whoever does more operations in a second is
 * not interrupted more often. */
static double slow_rate(const struct ms_timed *timed)
{
    if (!timed->latency || timed->wall_ns == 0)
        return 0.0;
    return ms_histogram_beyond(timed->latency, SLOW_NS) * (double)timed->latency->total /
           ((double)timed->wall_ns / 1e9);
}

static void latencies_add(const struct ms_case *c, const struct ms_entrant *entrant,
                          struct ms_cell *cell)
{
    for (size_t i = 0; i < MS_LOADS; i++) {
        const struct ms_histogram *h = entrant->timed[i].latency;
        struct ms_latency *l;

        if (!h || h->total == 0)
            continue;
        l = ms_cell_add_latency(cell);
        if (!c->shape->is_closed && !c->is_oversubscribed) {
            l->load = ms_loads[i];
            l->pace_ns = c->pace_ns / ms_loads[i];
        }
        l->saturated = entrant->timed[i].is_saturated;
        l->disturbed = entrant->timed[i].is_disturbed;
        l->values = h->total;
        if (c->floor[i].latency)
            l->floor = (double)ms_histogram_at(c->floor[i].latency, 0.5);
        if (c->is_oversubscribed) {
            l->slow = slow_rate(&entrant->timed[i]);
            l->slow_floor = slow_rate(&c->floor[i]);
        }
        if (l->saturated)
            continue;
        l->p50 = percentile(h, 0.5);
        l->p90 = percentile(h, 0.9);
        l->p99 = percentile(h, 0.99);
        l->p999 = percentile(h, 0.999);
        l->p9999 = percentile(h, 0.9999);
        l->largest = (double)h->largest_ns;
    }
}

static void cell_add(struct judge *j, size_t at, uint32_t k)
{
    const struct ms_case *c = &j->schedule->cases[at];
    const struct ms_entrant *entrant = &c->entrant[k];
    struct ms_cell *cell = ms_result_add_cell(j->result);

    j->cell[at][k] = (uint32_t)(j->result->cell_count - 1);
    cell->scenario = ms_result_copy(j->result, c->key.scenario);
    cell->strategy = ms_result_copy(j->result, entrant->who->name);
    cell->adapter = c->adapter ? ms_result_copy(j->result, c->key.adapter) : NULL;
    cell->shape = ms_result_copy(j->result, c->key.shape);
    cell->threads = c->key.threads;
    cell->registers = c->key.registers;
    cell->name = ms_cell_name(j->result, cell);
    cell->outcome = outcome_of(entrant);
    cell->why = ms_result_copy(j->result, entrant->why);
    if (cell->outcome == MS_OUTCOME_NOT_RUN)
        cell->why = "the run ended before it";
    cell->oversubscribed = c->is_oversubscribed;
    cell->bytes = c->shape->bytes;
    cell->command = command_of(j, c, entrant);
    cell_measure(j, c, entrant, cell);
    latencies_add(c, entrant, cell);
}

static void limit_add(struct judge *j, const struct ms_case *c, const struct ms_entrant *entrant)
{
    struct ms_limit *limit;

    if (entrant->sample_count == 0)
        return;
    limit = ms_result_add_limit(j->result);
    limit->name = ms_result_copy(j->result, entrant->who->name);
    limit->title = ms_result_copy(j->result, entrant->who->title);
    /* A step that is a shape of its own, as in the scenario limits, holds whatever the shape. */
    limit->shape = strcmp(c->key.shape, entrant->who->name) == 0
                       ? NULL
                       : ms_result_copy(j->result, c->key.shape);
    limit->threads = c->key.threads;
    if (limit->shape) {
        limit->pages = c->shape->pages;
        limit->bytes = c->shape->bytes;
    }
    for (uint32_t i = 0; i < entrant->tally.counts; i++)
        if (strcmp(entrant->tally.count[i].name, "elements") == 0)
            limit->elements = entrant->tally.count[i].per_op;
    ms_entrant_time(entrant, j->work, &limit->time);
}

static void cells_add(struct judge *j)
{
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        const struct ms_case *c = &j->schedule->cases[i];

        for (uint32_t k = 0; k < c->entrants; k++) {
            if (c->entrant[k].who->part == MS_PART_LIMIT)
                limit_add(j, c, &c->entrant[k]);
            else
                cell_add(j, i, k);
        }
    }
}

/* ---- controls --------------------------------------------------------------------------------- */

static void controls_add(struct judge *j)
{
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        const struct ms_case *c = &j->schedule->cases[i];

        if (c->has_controls)
            ms_controls_judge(c, j->pairs, j->work, ms_result_add_control(j->result),
                              &j->class[c->key.threads > 1]);
    }
}

/* ---- pairs ------------------------------------------------------------------------------------ */

/* Why a case's ratios get no verdict at all, or NULL. */
static const char *case_is_unranked(const struct judge *j, const struct ms_case *c)
{
    if (c->is_oversubscribed)
        return "more threads than processors: measured, never ranked";
    if (!j->config->may_rank)
        return "this build or machine does not allow a ranking";
    if (class_of(j, c)->is_measured && !class_of(j, c)->is_trusted)
        return "the twin of the baseline came out different: this run cannot be trusted";
    return NULL;
}

/* Turns a judgement into what may be said aloud. */
static enum ms_verdict verdict_say(const struct judge *j, const struct ms_case *c,
                                   const struct ms_stats_judgement *judgement, bool is_poor,
                                   const char **why)
{
    *why = case_is_unranked(j, c);
    if (*why)
        return MS_VERDICT_NONE;
    if (is_poor) {
        *why = "the threads did not run at the same time";
        return MS_VERDICT_UNKNOWN;
    }
    if (judgement->verdict == MS_VERDICT_SAME && class_of(j, c)->is_measured &&
        class_of(j, c)->is_blunt) {
        *why = "the difference is smaller than this run can see";
        return MS_VERDICT_UNKNOWN;
    }
    if (judgement->verdict != MS_VERDICT_UNKNOWN)
        return judgement->verdict;
    if (judgement->interval.pairs < MS_STATS_PAIRS_MIN)
        *why = "fewer than 12 pairs";
    else if (judgement->is_launch_bound)
        *why = "one launch alone carries the difference";
    else
        *why = "the interval is wider than the difference";
    return MS_VERDICT_UNKNOWN;
}

static double band_of(const struct judge *j, const struct ms_case *c)
{
    const struct ms_class *class = class_of(j, c);

    return class->is_measured ? class->band : ms_stats_band(c->key.threads, 0.0);
}

static void pair_add(struct judge *j, size_t at, uint32_t k, uint32_t base)
{
    const struct ms_case *c = &j->schedule->cases[at];
    const struct ms_cell *cells = j->result->cells;
    struct ms_stats_judgement judgement;
    struct ms_pair *pair;
    size_t n = ms_entrants_pair(&c->entrant[k], &c->entrant[base], 0, j->pairs);
    bool is_poor;

    if (n == 0)
        return;
    is_poor = (cells[j->cell[at][k]].poor_overlap || cells[j->cell[at][base]].poor_overlap) &&
              !ms_entrants_have_calm_pairs(&c->entrant[k], &c->entrant[base], 0);
    ms_stats_judge(j->pairs, n, band_of(j, c), j->work, &judgement);
    pair = ms_result_add_pair(j->result);
    pair->cell = j->cell[at][k];
    pair->base = j->cell[at][base];
    pair->ratio = ms_estimate_of(&judgement.interval, -1.0, 0.0);
    pair->verdict = verdict_say(j, c, &judgement, is_poor, &pair->why);
    pair->launches = judgement.launches;
    pair->agreeing = judgement.agreeing;
}

static void pairs_add(struct judge *j)
{
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        const struct ms_case *c = &j->schedule->cases[i];

        for (uint32_t base = 0; base < c->entrants; base++)
            for (uint32_t k = base + 1; k < c->entrants; k++)
                if (is_strategy(&c->entrant[base]) && is_strategy(&c->entrant[k]))
                    pair_add(j, i, k, base);
    }
}

/* ---- rankings --------------------------------------------------------------------------------- */

/* The cases of one ranking: a scenario, an adapter and a number of threads. */
static bool is_of_group(const struct ms_case *c, const struct ms_case *group)
{
    return c->scenario == group->scenario && c->adapter == group->adapter &&
           c->key.threads == group->key.threads;
}

static bool is_first_of_group(const struct ms_schedule *s, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_of_group(&s->cases[i], &s->cases[at]))
            return false;
    return true;
}

static const struct ms_entrant *entrant_named(const struct ms_case *c, const char *name)
{
    for (uint32_t i = 0; i < c->entrants; i++)
        if (strcmp(c->entrant[i].who->name, name) == 0)
            return &c->entrant[i];
    return NULL;
}

/* The pairs of two strategies, averaged over the cases of a group that both served: the first of a launch with
 * the first of that launch in each other case. Disturbed pairs are left out of a case only where enough of each
 * launch stay for a statement about all. */
static size_t group_pairs(struct judge *j, const struct ms_case *group, const char *a,
                          const char *b, uint32_t *cases, bool *is_poor)
{
    const uint32_t launches = j->schedule->launches;
    const uint32_t enough = (MS_STATS_PAIRS_MIN + launches - 1) / launches;
    size_t n = 0;

    *cases = 0;
    *is_poor = false;
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        const struct ms_case *c = &j->schedule->cases[i];
        const struct ms_entrant *one, *other;
        size_t more;

        if (!is_of_group(c, group))
            continue;
        one = entrant_named(c, a);
        other = entrant_named(c, b);
        if (!one || !other || one->state != MS_STATE_READY || other->state != MS_STATE_READY)
            continue;
        more = ms_entrants_pair(one, other, enough, j->pairs);
        if (more == 0)
            continue;
        *is_poor |= (is_overlap_poor(c, one) || is_overlap_poor(c, other)) &&
                    !ms_entrants_have_calm_pairs(one, other, enough);
        if (*cases == 0) {
            memcpy(j->mean, j->pairs, more * sizeof *j->mean);
            n = more;
        } else {
            n = ms_stats_fold(j->mean, n, *cases, j->pairs, more);
        }
        (*cases)++;
    }
    return n;
}

static void group_judge(struct judge *j, const struct ms_case *group, const char *a, const char *b,
                        uint32_t *cases, struct ms_estimate *ratio, enum ms_verdict *verdict,
                        const char **why)
{
    struct ms_stats_judgement judgement;
    bool is_poor;
    size_t n = group_pairs(j, group, a, b, cases, &is_poor);

    ms_stats_judge(j->mean, n, band_of(j, group), j->work, &judgement);
    *ratio = ms_estimate_of(&judgement.interval, -1.0, 0.0);
    *verdict = verdict_say(j, group, &judgement, is_poor, why);
}

static void standing_fill(struct judge *j, const struct ms_case *group, const char *name,
                          struct ms_standing *standing)
{
    uint32_t compared;

    standing->strategy = ms_result_copy(j->result, name);
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        const struct ms_case *c = &j->schedule->cases[i];
        const struct ms_entrant *entrant;

        if (!is_of_group(c, group))
            continue;
        entrant = entrant_named(c, name);
        standing->cases++;
        standing->served +=
            entrant && entrant->state == MS_STATE_READY && entrant->sample_count > 0;
    }
    group_judge(j, group, name, MS_BASELINE_NAME, &compared, &standing->ratio, &standing->verdict,
                &standing->why);
    if (strcmp(name, MS_BASELINE_NAME) == 0) {
        standing->verdict = MS_VERDICT_NONE;
        standing->why = NULL;
    }
    standing->ranked = standing->served == standing->cases && !case_is_unranked(j, group);
    if (standing->served < standing->cases)
        standing->why = "it did not serve every case";
}

static int standing_compare(const void *left, const void *right)
{
    const struct ms_standing *a = left;
    const struct ms_standing *b = right;

    return (a->ratio.value < b->ratio.value) - (a->ratio.value > b->ratio.value);
}

static void ranking_add(struct judge *j, const struct ms_case *group)
{
    struct ms_ranking *ranking = ms_result_add_ranking(j->result);
    const struct ms_contender *all;
    size_t count = ms_catalog_contenders(j->catalog, &all);

    ranking->scenario = ms_result_copy(j->result, group->key.scenario);
    ranking->adapter = group->adapter ? ms_result_copy(j->result, group->key.adapter) : NULL;
    ranking->threads = group->key.threads;
    for (size_t i = 0; i < count; i++)
        if (all[i].part <= MS_PART_BASELINE && entrant_named(group, all[i].name))
            standing_fill(j, group, all[i].name, ms_ranking_add_standing(ranking));
    qsort(ranking->standings, ranking->standing_count, sizeof *ranking->standings,
          standing_compare);

    for (size_t i = 0; i < ranking->standing_count; i++) {
        if (!ranking->standings[i].ranked)
            continue;
        if (!ranking->leader)
            ranking->leader = ranking->standings[i].strategy;
        else if (!ranking->runner_up)
            ranking->runner_up = ranking->standings[i].strategy;
    }
    if (ranking->leader && ranking->runner_up)
        group_judge(j, group, ranking->leader, ranking->runner_up, &ranking->shapes, &ranking->lead,
                    &ranking->lead_verdict, &ranking->why);
    else
        ranking->why = case_is_unranked(j, group);
}

static void rankings_add(struct judge *j)
{
    for (size_t i = 0; i < j->schedule->case_count; i++)
        if (j->schedule->cases[i].scenario->compares && is_first_of_group(j->schedule, i))
            ranking_add(j, &j->schedule->cases[i]);
}

/* ---- all of it -------------------------------------------------------------------------------- */

static size_t samples_most(const struct ms_schedule *s)
{
    size_t most = 1;

    for (size_t i = 0; i < s->case_count; i++)
        for (uint32_t k = 0; k < s->cases[i].entrants; k++)
            if (s->cases[i].entrant[k].sample_count > most)
                most = s->cases[i].entrant[k].sample_count;
    return most;
}

static bool rooms_make(struct judge *j)
{
    size_t most = samples_most(j->schedule);

    j->pairs = calloc(most, sizeof *j->pairs);
    j->mean = calloc(most, sizeof *j->mean);
    j->work = calloc(most, sizeof *j->work);
    j->cell = calloc(j->schedule->case_count, sizeof *j->cell);
    if (!j->pairs || !j->mean || !j->work || !j->cell)
        return false;
    for (size_t i = 0; i < j->schedule->case_count; i++) {
        uint32_t entrants = j->schedule->cases[i].entrants;

        j->cell[i] = calloc(entrants ? entrants : 1, sizeof *j->cell[i]);
        if (!j->cell[i])
            return false;
    }
    return true;
}

static void rooms_free(struct judge *j)
{
    for (size_t i = 0; j->cell && i < j->schedule->case_count; i++)
        free(j->cell[i]);
    free(j->cell);
    free(j->work);
    free(j->mean);
    free(j->pairs);
}

bool ms_judge(const struct ms_judge_config *config, const struct ms_catalog *catalog,
              const struct ms_schedule *schedule, struct ms_result *result)
{
    struct judge j = {.config = config, .catalog = catalog, .schedule = schedule, .result = result};
    bool has_room = rooms_make(&j);

    if (has_room) {
        names_add(&j);
        controls_add(&j);
        cells_add(&j);
        pairs_add(&j);
        rankings_add(&j);
    }
    rooms_free(&j);
    return has_room;
}
