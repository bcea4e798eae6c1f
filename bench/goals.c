/* SPDX-License-Identifier: MIT */
/*
 * goals.c: the goals of the default strategy as data, and the rules that hold a result against them.
 *
 * A goal names shapes, threads, perhaps a size, what the default is held against, and a bound. All its cells
 * must keep the bound; the worst is shown. Times are ratios of medians: own time / other's time. Where what is
 * measured is hardly more than the loop and the two calls, which no strategy can spare its callers, these (the
 * control `null` in the same run) are taken off both times, and the ratio with them is shown too. Where a run
 * may not be ranked (see the controls) its ratios are no statement, and the goals on time are unknown.
 */
#include "goals.h"
#include "answer.h"
#include "count_names.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum against {
    AGAINST_LOCKED, /* two uncontended locked instructions in the same place; beyond what surrounds both */
    AGAINST_NAMED,  /* one strategy */
    AGAINST_ALL,    /* every other that serves the cell */
    AGAINST_NULL,   /* a strategy that does nothing, with more threads than processors */
    AGAINST_FIT,    /* first fit, by an exact count */
    AGAINST_ZERO,   /* an exact count that must be none */
    AGAINST_MEMORY, /* 4 bytes a register and 8 KiB a thread */
};

enum { SHAPES = 4, ANY = 0 };
#define THREADS_OVER UINT32_MAX

static const struct goal {
    const char *text;
    const char *scenario;       /* NULL: take and give */
    const char *shapes[SHAPES]; /* none: all */
    uint32_t threads;           /* ANY, or so many; THREADS_OVER: more than processors */
    uint32_t registers;         /* ANY, or of the file */
    enum against against;
    const char *name; /* of the strategy, or of the count */
    double bound;
} goals[] = {
    {.text = "one register, runs of 8 and 64, 1 thread, beyond loop and calls: at most 0.75x two "
             "locked instructions",
     .shapes = {"1r", "8r", "64r"},
     .threads = 1,
     .against = AGAINST_LOCKED,
     .name = "locked-pair",
     .bound = 0.75},
    {.text = "mixed sizes, 75 and 90 % full, 1 thread: no slower than mutex-segfit",
     .shapes = {"mix75", "mix90"},
     .threads = 1,
     .against = AGAINST_NAMED,
     .name = "mutex-segfit",
     .bound = 1.0},
    {.text = "mixed sizes, 75 % full, 65536 registers, 2 threads: at most 0.5x the fastest other",
     .shapes = {"mix75"},
     .threads = 2,
     .registers = 65536,
     .against = AGAINST_ALL,
     .bound = 0.5},
    {.text = "mixed sizes, 75 % full, 4096 registers, 2 threads: at most 0.9x the fastest other",
     .shapes = {"mix75"},
     .threads = 2,
     .registers = 4096,
     .against = AGAINST_ALL,
     .bound = 0.9},
    {.text =
         "mixed sizes, 65536 registers, more threads than cores: at most 0.5x the fastest other",
     .shapes = {"mix75"},
     .threads = THREADS_OVER,
     .registers = 65536,
     .against = AGAINST_ALL,
     .bound = 0.5},
    {.text = "mixed sizes, 4096 registers, more threads than cores: at most 0.9x the fastest other",
     .shapes = {"mix75"},
     .threads = THREADS_OVER,
     .registers = 4096,
     .against = AGAINST_ALL,
     .bound = 0.9},
    {.text = "handed over, one register and runs of 8, 2 threads: faster than every other",
     .shapes = {"handover1", "handover8"},
     .threads = 2,
     .against = AGAINST_ALL,
     .bound = 1.0},
    {.text = "no other strategy ahead by more than 5 % in any cell",
     .against = AGAINST_ALL,
     .bound = 1.05},
    {.text = "more threads than cores: operations above 100 us at most 1.1x those of doing nothing",
     .threads = THREADS_OVER,
     .against = AGAINST_NULL,
     .bound = 1.1},
    {.text = "mixed sizes: requests that find no run at most 1.1x those of first fit",
     .shapes = {"mix75", "mix90"},
     .threads = 1,
     .against = AGAINST_FIT,
     .name = MS_COUNT_APART,
     .bound = 1.1},
    {.text = "no request refused beside a free run that fits",
     .against = AGAINST_ZERO,
     .name = MS_COUNT_STRANDED,
     .bound = 0.0},
    {.text = "no order inversion among requests that wait",
     .scenario = "transfer",
     .against = AGAINST_ZERO,
     .name = MS_COUNT_OVERTAKEN,
     .bound = 0.0},
    {.text = "memory at most 4 bytes a register and 8 KiB a thread",
     .against = AGAINST_MEMORY,
     .name = MS_COUNT_MEMORY,
     .bound = 1.0},
};
enum { GOALS = sizeof goals / sizeof *goals };

size_t ms_goal_count(void)
{
    return GOALS;
}

const char *ms_goal_text(size_t goal)
{
    return goals[goal].text;
}

/* ---- which cells -------------------------------------------------------------------------------- */

static bool is_named(const char *const *names, const char *name)
{
    bool is_any = names[0] == NULL;

    for (size_t i = 0; i < SHAPES && names[i]; i++)
        is_any = is_any || strcmp(names[i], name) == 0;
    return is_any;
}

static bool is_meant(const struct goal *g, const struct ms_cell *c, const char *own)
{
    bool is_threads = g->threads == ANY            ? g->against != AGAINST_ALL || !c->oversubscribed
                      : g->threads == THREADS_OVER ? c->oversubscribed
                                                   : c->threads == g->threads;

    return ms_text_same(c->scenario, g->scenario ? g->scenario : MS_SCENARIO_POOL) &&
           ms_text_same(c->strategy, own) && c->outcome == MS_OUTCOME_MEASURED &&
           is_named(g->shapes, c->shape) && is_threads &&
           (g->registers == ANY || c->registers == g->registers);
}

static const struct ms_count *count_of(const struct ms_cell *c, const char *name)
{
    for (size_t i = 0; i < c->count_count; i++)
        if (ms_text_same(c->counts[i].name, name))
            return &c->counts[i];
    return NULL;
}

/* ---- how far a cell is from its bound ------------------------------------------------------------ */

static void found_add(struct ms_goal_found *found, double worst, const struct ms_cell *where,
                      const char *rival)
{
    found->cells++;
    if (found->where && worst <= found->worst)
        return;
    found->worst = worst;
    found->where = where;
    found->rival = rival;
}

/* Own time / the others', for the strategy of that name or for all (NULL). */
static void rivals_look(const struct ms_result *r, const struct ms_cell *own, const char *name,
                        struct ms_goal_found *found)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        const struct ms_strategy *s = ms_result_strategy(r, c->strategy);
        struct ms_pair pair;

        if (c == own || !s || ms_strategy_is_control(s) || ms_strategy_failed(s) ||
            !ms_cell_same_case(c, own) || (name && !ms_text_same(c->strategy, name)))
            continue;
        if (ms_result_pair(r, (uint32_t)i, own->strategy, &pair) && pair.ratio.count)
            found_add(found, pair.ratio.value, own, c->strategy);
    }
}

static void fit_look(const struct ms_result *r, const struct ms_cell *own, const char *name,
                     struct ms_goal_found *found)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    const struct ms_count *count = count_of(own, name);

    for (size_t i = 0; base && count && i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        const struct ms_count *other = count_of(c, name);

        if (!other || !ms_cell_same_case(c, own) || !ms_text_same(c->strategy, base->name))
            continue;
        if (other->per_op > 0.0)
            found_add(found, count->per_op / other->per_op, own, base->name);
        else
            found_add(found, count->per_op > 0.0 ? 99.0 : 0.0, own, base->name);
    }
}

/* Both times without what the control takes, and with it. The limit of that name only: an older one was
 * measured without calls. */
static void locked_look(const struct ms_result *r, const struct ms_cell *own, const char *name,
                        struct ms_goal_found *found)
{
    const struct ms_control *control = ms_result_control(r, own->threads);
    const struct ms_limit *locked = ms_result_limit(r, own);
    const struct ms_cell *worst = found->where;
    double limit = locked ? locked->time.value : 0.0; /* of calm samples, as the others */
    double around = control ? control->harness.value : 0.0;

    if (!ms_text_same(own->limit, name) || around <= 0.0 || limit <= around)
        return;
    found_add(found, own->time.value > around ? (own->time.value - around) / (limit - around) : 0.0,
              own, own->limit);
    if (found->where != worst)
        found->whole = own->time.value / limit;
}

static void cell_look(const struct ms_result *r, const struct goal *g, const struct ms_cell *own,
                      struct ms_goal_found *found)
{
    const struct ms_count *count = g->name ? count_of(own, g->name) : NULL;

    switch (g->against) {
    case AGAINST_LOCKED:
        locked_look(r, own, g->name, found);
        break;
    case AGAINST_NAMED:
        rivals_look(r, own, g->name, found);
        break;
    case AGAINST_ALL:
        rivals_look(r, own, NULL, found);
        break;
    case AGAINST_NULL:
        for (size_t i = 0; i < own->latency_count; i++)
            if (own->latencies[i].slow_floor > 0.0)
                found_add(found, own->latencies[i].slow / own->latencies[i].slow_floor, own, NULL);
        break;
    case AGAINST_FIT:
        fit_look(r, own, g->name, found);
        break;
    case AGAINST_ZERO:
        if (count)
            found_add(found, count->per_op, own, NULL);
        break;
    case AGAINST_MEMORY:
        if (count)
            found_add(found,
                      count->per_op * own->registers /
                          (4.0 * own->registers + 8192.0 * own->threads),
                      own, NULL);
        break;
    }
}

static bool is_of_time(const struct goal *g)
{
    return g->against <= AGAINST_ALL;
}

struct ms_goal_found ms_goal_look(const struct ms_result *r, size_t goal)
{
    const struct goal *g = &goals[goal];
    const struct ms_strategy *own = ms_result_default(r);
    struct ms_goal_found found = {.bound = g->bound};

    if (!own || (is_of_time(g) && !ms_result_ranks(r)))
        return found;
    for (size_t i = 0; i < r->cell_count; i++)
        if (is_meant(g, &r->cells[i], own->name))
            cell_look(r, g, &r->cells[i], &found);
    if (found.cells > 0)
        found.held = found.worst <= g->bound ? MS_GOAL_HELD : MS_GOAL_MISSED;
    return found;
}

/* ---- the command -------------------------------------------------------------------------------- */

static void found_print(size_t goal, const struct ms_goal_found *found, FILE *out)
{
    static const char *const words[] = {"?      ", "holds  ", "MISSED "};

    fprintf(out, "%s %s\n", words[found->held], goals[goal].text);
    if (!found->where) {
        fputs("         not measured\n", out);
        return;
    }
    fprintf(out, "         worst of %u: %.3g%s on %s, %s, %u registers%s%s\n", found->cells,
            found->worst, goals[goal].against == AGAINST_ZERO ? "" : "x", found->where->shape,
            ms_word_threads(found->where->threads).s, found->where->registers,
            found->rival ? ", against " : "", found->rival ? found->rival : "");
    if (found->whole > 0.0)
        fprintf(out, "         with loop and calls: %.3gx\n", found->whole);
}

static void missing_print(const bool *is_unknown, FILE *err)
{
    bool has_any = false;

    for (size_t i = 0; i < GOALS; i++)
        has_any = has_any || is_unknown[i];
    if (has_any)
        fputs(
            "mapstorm: some goals were not measured, or the run could not be ranked; all of them "
            "are in\n  mapstorm run --scenario registers,transfer --shape "
            "1p,1r,8r,64r,mix75,mix90,handover1,handover8 --threads 1,2,8 --registers 4096,65536\n",
            err);
}

enum ms_exit ms_command_goals(const char *const *files, size_t count, FILE *out, FILE *err)
{
    bool is_missed[GOALS] = {false}, is_unknown[GOALS] = {false};
    size_t held = 0, missed = 0;

    for (size_t f = 0; f < count; f++) {
        struct ms_problem problem = {.exit = MS_EXIT_OK};
        struct ms_result *r = ms_result_read(files[f], &problem);

        if (!r) {
            fprintf(err, "mapstorm: %s\n", problem.text);
            return problem.exit;
        }
        const struct ms_strategy *own = ms_result_default(r);
        fprintf(out, "%s%s: %s\n", f ? "\n" : "", files[f],
                own ? own->name : "does not say which strategy is the default");
        for (size_t i = 0; i < GOALS; i++) {
            struct ms_goal_found found = ms_goal_look(r, i);

            found_print(i, &found, out);
            is_missed[i] = is_missed[i] || found.held == MS_GOAL_MISSED;
            is_unknown[i] = is_unknown[i] || found.held == MS_GOAL_UNKNOWN;
        }
        ms_result_free(r);
    }
    for (size_t i = 0; i < GOALS; i++) {
        missed += is_missed[i];
        held += !is_missed[i] && !is_unknown[i];
    }
    fprintf(out, "\n%zu of %zu goals hold%s, %zu missed, %zu not known\n", held, (size_t)GOALS,
            count > 1 ? " in every file" : "", missed, GOALS - held - missed);
    missing_print(is_unknown, err);
    return missed ? MS_EXIT_GATE : held < GOALS ? MS_EXIT_INCOMPLETE : MS_EXIT_OK;
}
