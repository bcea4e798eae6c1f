/* SPDX-License-Identifier: MIT */
/*
 * result_check.c: is a result whole? Everything an emitter relies on is asked here once, so that
 * the emitters need not. The messages name the field a person would look at in the file.
 */
#include "result.h"
#include "result_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const struct ms_result *r;
    const char *file;
    struct ms_problem *problem;
};

#define WRONG(c, format, ...)                                                                      \
    ms_problem_set((c)->problem, MS_EXIT_USAGE, "%s: " format, (c)->file, __VA_ARGS__)

/* An estimate of a time or a ratio is above `least`; an excess (twin, drag) may be negative. */
static bool estimate_ok(const struct check *c, const struct ms_estimate *e, double least,
                        const char *list, size_t i, const char *field)
{
    if (e->count == 0)
        return true;
    if (!isfinite(e->value) || !isfinite(e->low) || !isfinite(e->high))
        return WRONG(c, "%s[%zu].%s: is not finite", list, i, field);
    if (e->low > e->value || e->value > e->high)
        return WRONG(c, "%s[%zu].%s: %g is outside its own interval [%g %g]", list, i, field,
                     e->value, e->low, e->high);
    if (e->low <= least)
        return WRONG(c, "%s[%zu].%s: %g is not above %g", list, i, field, e->low, least);
    return true;
}

static bool number_ok(const struct check *c, double number, const char *list, size_t i,
                      const char *field)
{
    if (!isfinite(number) || number < 0)
        return WRONG(c, "%s[%zu].%s: is negative or not finite", list, i, field);
    return true;
}

static bool text_ok(const struct check *c, const char *text, const char *list, size_t i,
                    const char *field)
{
    if (!text || !*text)
        return WRONG(c, "%s[%zu].%s: is missing", list, i, field);
    return true;
}

static bool strategies_ok(const struct check *c)
{
    size_t baselines = 0;

    for (size_t i = 0; i < c->r->strategy_count; i++) {
        const struct ms_strategy *s = &c->r->strategies[i];
        if (!text_ok(c, s->name, "strategies", i, "name") ||
            !number_ok(c, s->fuzz_seconds, "strategies", i, "fuzz_seconds"))
            return false;
        if (ms_result_strategy(c->r, s->name) != s)
            return WRONG(c, "strategies[%zu].name: \"%.40s\" is there twice", i, s->name);
        baselines += s->role == MS_ROLE_BASELINE;
    }
    if (baselines > 1)
        return WRONG(c, "strategies: %zu of them are the baseline, one is allowed", baselines);
    return true;
}

static bool shapes_ok(const struct check *c)
{
    for (size_t i = 0; i < c->r->shape_count; i++) {
        const struct ms_shape *s = &c->r->shapes[i];
        if (!text_ok(c, s->name, "shapes", i, "name") ||
            !text_ok(c, s->scenario, "shapes", i, "scenario"))
            return false;
        if (ms_result_shape(c->r, s->scenario, s->name) != s)
            return WRONG(c, "shapes[%zu].name: \"%.40s\" is there twice", i, s->name);
    }
    for (size_t i = 0; i < c->r->adapter_count; i++)
        if (!text_ok(c, c->r->adapters[i].name, "adapters", i, "name"))
            return false;
    for (size_t i = 0; i < c->r->limit_count; i++)
        if (!text_ok(c, c->r->limits[i].name, "limits", i, "name") ||
            !estimate_ok(c, &c->r->limits[i].time, 0, "limits", i, "time"))
            return false;
    return true;
}

static bool controls_ok(const struct check *c)
{
    for (size_t i = 0; i < c->r->control_count; i++) {
        const struct ms_control *k = &c->r->controls[i];
        if (!text_ok(c, k->thread_class, "controls", i, "thread_class") ||
            !estimate_ok(c, &k->harness, 0, "controls", i, "harness") ||
            !estimate_ok(c, &k->twin, -1, "controls", i, "twin") ||
            !estimate_ok(c, &k->drag, -1, "controls", i, "drag") ||
            !number_ok(c, k->drag_true, "controls", i, "drag_true") ||
            !number_ok(c, k->visible, "controls", i, "visible") ||
            !number_ok(c, k->band, "controls", i, "band"))
            return false;
    }
    return true;
}

static bool facts_ok(const struct check *c)
{
    for (size_t i = 0; i < c->r->fact_count; i++)
        if (!text_ok(c, c->r->facts[i].name, "facts", i, "name"))
            return false;
    for (size_t i = 0; i < c->r->note_count; i++)
        if (!text_ok(c, c->r->notes[i].text, "notes", i, "text"))
            return false;
    return true;
}

static bool cell_parts_ok(const struct check *c, const struct ms_cell *cell, size_t i)
{
    for (size_t k = 0; k < cell->count_count; k++) {
        if (!text_ok(c, cell->counts[k].name, "cells", i, "counts.name") ||
            !number_ok(c, cell->counts[k].per_op, "cells", i, "counts.per_op"))
            return false;
    }
    for (size_t k = 0; k < cell->latency_count; k++) {
        const struct ms_latency *l = &cell->latencies[k];
        if (!number_ok(c, l->load, "cells", i, "latencies.load") ||
            !number_ok(c, l->p50, "cells", i, "latencies.p50") ||
            !number_ok(c, l->p99, "cells", i, "latencies.p99") ||
            !number_ok(c, l->p9999, "cells", i, "latencies.p9999") ||
            !number_ok(c, l->largest, "cells", i, "latencies.largest") ||
            !number_ok(c, l->floor, "cells", i, "latencies.floor") ||
            !number_ok(c, l->slow, "cells", i, "latencies.slow") ||
            !number_ok(c, l->slow_floor, "cells", i, "latencies.slow_floor"))
            return false;
    }
    for (size_t k = 0; k < cell->sample_count; k++) {
        const struct ms_sample *s = &cell->samples[k];
        if (s->ops == 0 || s->wall_ns == 0)
            return WRONG(c, "cells[%zu].samples[%zu]: no operations or no time", i, k);
        if (!isfinite(s->overlap))
            return WRONG(c, "cells[%zu].samples[%zu].overlap: is not finite", i, k);
        if ((s->calm_ops == 0) != (s->calm_ns == 0))
            return WRONG(c, "cells[%zu].samples[%zu]: calm operations without time, or the reverse",
                         i, k);
        if (!(s->shared >= 0.0 && s->shared <= 1.0))
            return WRONG(c, "cells[%zu].samples[%zu].shared: is not a share", i, k);
    }
    return true;
}

static bool cell_ok(const struct check *c, const struct ms_cell *cell, size_t i)
{
    if (!text_ok(c, cell->name, "cells", i, "name") ||
        !text_ok(c, cell->scenario, "cells", i, "scenario") ||
        !text_ok(c, cell->strategy, "cells", i, "strategy") ||
        !text_ok(c, cell->shape, "cells", i, "shape") ||
        !estimate_ok(c, &cell->time, 0, "cells", i, "time") ||
        !estimate_ok(c, &cell->of_limit, 0, "cells", i, "of_limit") || !cell_parts_ok(c, cell, i))
        return false;
    if (!ms_result_strategy(c->r, cell->strategy))
        return WRONG(c, "cells[%zu].strategy: \"%.40s\" is not in strategies", i, cell->strategy);
    if (!ms_result_shape(c->r, cell->scenario, cell->shape))
        return WRONG(c, "cells[%zu].shape: \"%.40s\" is not in shapes of scenario \"%.40s\"", i,
                     cell->shape, cell->scenario);
    if (cell->threads == 0)
        return WRONG(c, "cells[%zu].threads: is 0", i);
    if (cell->outcome == MS_OUTCOME_MEASURED && cell->time.count == 0)
        return WRONG(c, "cells[%zu]: is measured but has no time", i);
    return true;
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool names_once(const struct check *c)
{
    size_t count = c->r->cell_count;
    const char **names = calloc(count + 1, sizeof(*names));
    bool good = true;

    if (!names)
        return ms_problem_set(c->problem, MS_EXIT_INCOMPLETE, "%s: out of memory", c->file);
    for (size_t i = 0; i < count; i++)
        names[i] = c->r->cells[i].name;
    qsort(names, count, sizeof(*names), name_order);
    for (size_t i = 1; good && i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            good = WRONG(c, "cells: \"%.120s\" is there twice", names[i]);
    free(names);
    return good;
}

static bool pairs_ok(const struct check *c)
{
    for (size_t i = 0; i < c->r->pair_count; i++) {
        const struct ms_pair *p = &c->r->pairs[i];
        if (p->cell >= c->r->cell_count || p->base >= c->r->cell_count)
            return WRONG(c, "pairs[%zu]: names cell %u and %u, there are %zu", i, p->cell, p->base,
                         c->r->cell_count);
        if (p->cell == p->base || !ms_cell_same_case(&c->r->cells[p->cell], &c->r->cells[p->base]))
            return WRONG(c, "pairs[%zu]: its cells are not two of one case", i);
        if (!estimate_ok(c, &p->ratio, 0, "pairs", i, "ratio"))
            return false;
    }
    return true;
}

static bool rankings_ok(const struct check *c)
{
    for (size_t i = 0; i < c->r->ranking_count; i++) {
        const struct ms_ranking *k = &c->r->rankings[i];
        if (!text_ok(c, k->scenario, "rankings", i, "scenario") ||
            !estimate_ok(c, &k->lead, 0, "rankings", i, "lead"))
            return false;
        for (size_t s = 0; s < k->standing_count; s++) {
            if (!ms_result_strategy(c->r, k->standings[s].strategy))
                return WRONG(c, "rankings[%zu].standings[%zu].strategy: is not in strategies", i,
                             s);
            if (!estimate_ok(c, &k->standings[s].ratio, 0, "rankings", i, "standings.ratio"))
                return false;
        }
        if ((k->leader && !ms_result_strategy(c->r, k->leader)) ||
            (k->runner_up && !ms_result_strategy(c->r, k->runner_up)))
            return WRONG(c, "rankings[%zu].leader: is not in strategies", i);
        if (k->lead_verdict == MS_VERDICT_FASTER &&
            (!k->leader || !k->runner_up || k->lead.count == 0))
            return WRONG(c, "rankings[%zu].lead: a winner needs a runner-up and a ratio", i);
    }
    return true;
}

bool ms_result_check(const struct ms_result *r, const char *name, struct ms_problem *problem)
{
    struct check c = {r, name, problem};

    if (!number_ok(&c, r->run.seconds, "run", 0, "seconds") || !strategies_ok(&c) ||
        !shapes_ok(&c) || !controls_ok(&c) || !facts_ok(&c))
        return false;
    for (size_t i = 0; i < r->cell_count; i++)
        if (!cell_ok(&c, &r->cells[i], i))
            return false;
    return names_once(&c) && pairs_ok(&c) && rankings_ok(&c);
}
