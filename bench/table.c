/* SPDX-License-Identifier: MIT */
/*
 * table.c: the result on a terminal. Columns are as wide as their contents; colour is an addition
 * to the words, never instead of them.
 */
#include "emit.h"
#include "answer.h"
#include "lists.h"
#include "table.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

/* ---- a grid of cells, printed when its widths are known -----------------------------------------
 */

struct ms_grid *ms_grid_new(size_t columns)
{
    struct ms_grid *g = calloc(1, sizeof(*g));

    if (g)
        g->columns = columns;
    return g;
}

void ms_grid_free(struct ms_grid *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        free(g->cells[i].text);
    free(g->cells);
    free(g);
}

void ms_grid_add(struct ms_grid *g, enum ms_ink ink, const char *text)
{
    struct ms_grid_cell *cells = realloc(g->cells, (g->count + 1) * sizeof(*cells));
    char *copy = strdup(text ? text : "");

    if (!cells || !copy) {
        fputs("mapstorm: out of memory while printing a table\n", stderr);
        exit(MS_EXIT_INCOMPLETE);
    }
    g->cells = cells;
    g->cells[g->count].text = copy;
    g->cells[g->count].ink = ink;
    g->count++;
}

static const char *ink_code(enum ms_ink ink)
{
    switch (ink) {
    case MS_INK_HEAD:
        return "\033[2m";
    case MS_INK_GOOD:
        return "\033[34m";
    case MS_INK_BAD:
        return "\033[33m";
    case MS_INK_DIM:
        return "\033[2m";
    case MS_INK_BOLD:
        return "\033[1m";
    case MS_INK_PLAIN:
        break;
    }
    return "";
}

static void pad_print(FILE *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fputc(' ', out);
}

static void grid_cell_print(const struct ms_grid_cell *cell, size_t width, bool is_last, bool color,
                            FILE *out)
{
    const char *code = color ? ink_code(cell->ink) : "";

    fprintf(out, "%s%s%s", code, cell->text, *code ? "\033[0m" : "");
    if (!is_last)
        pad_print(out, width - ms_text_width(cell->text) + 2);
}

void ms_grid_print(const struct ms_grid *g, bool color, FILE *out)
{
    size_t *width = calloc(g->columns + 1, sizeof(*width));

    for (size_t i = 0; width && i < g->count; i++) {
        size_t own = ms_text_width(g->cells[i].text);
        width[i % g->columns] = own > width[i % g->columns] ? own : width[i % g->columns];
    }
    for (size_t i = 0; width && i < g->count; i++) {
        bool is_last = i % g->columns + 1 == g->columns;
        grid_cell_print(&g->cells[i], width[i % g->columns], is_last, color, out);
        if (is_last)
            fputc('\n', out);
    }
    free(width);
}

/* ---- controls -----------------------------------------------------------------------------------
 */

static void controls_print(const struct ms_result *r, bool color, FILE *out)
{
    for (size_t i = 0; i < r->control_count; i++) {
        const struct ms_control *k = &r->controls[i];
        fprintf(out, "%-10s%s: twin %s %s %s   drag %s %s   harness %s   visible from %s\n",
                i == 0 ? "controls" : "", k->thread_class, ms_word_excess(k->twin.value).s,
                ms_word_excess_interval(k->twin).s, k->trusted ? "ok" : "DIFFERENT: untrusted",
                k->blunt ? "not found: blunt," : "found as", ms_word_excess(k->drag.value).s,
                ms_word_ns(k->harness.value).s, ms_word_percent(k->visible).s);
    }
    (void)color;
}

/* ---- strategies against the baseline ------------------------------------------------------------
 */

static void ratio_add(struct ms_grid *g, const struct ms_pair *p, enum ms_verdict verdict)
{
    char text[64];
    struct ms_word ratio = ms_word_ratio(p->ratio.value, "x");

    switch (verdict) {
    case MS_VERDICT_FASTER:
        ms_grid_add(g, MS_INK_GOOD, ratio.s);
        return;
    case MS_VERDICT_SLOWER:
        ms_grid_add(g, MS_INK_BAD, ratio.s);
        return;
    case MS_VERDICT_SAME:
        ms_grid_add(g, MS_INK_PLAIN, "= same");
        return;
    case MS_VERDICT_UNKNOWN:
        snprintf(text, sizeof(text), "? %s", ms_word_ratio_interval(p->ratio).s);
        ms_grid_add(g, MS_INK_DIM, text);
        return;
    case MS_VERDICT_NONE:
        break;
    }
    snprintf(text, sizeof(text), "(%s)", ratio.s);
    ms_grid_add(g, MS_INK_DIM, text);
}

void ms_grid_add_ratio(struct ms_grid *g, const struct ms_result *r, size_t cell, const char *base)
{
    const struct ms_cell *c = &r->cells[cell];
    struct ms_pair pair;

    if (c->outcome != MS_OUTCOME_MEASURED)
        ms_grid_add(g, c->outcome == MS_OUTCOME_REFUSED ? MS_INK_DIM : MS_INK_BAD,
                    ms_outcome_name(c->outcome));
    else if (ms_text_same(c->strategy, base))
        ms_grid_add(g, MS_INK_PLAIN, ms_word_ns(c->time.value).s);
    else if (ms_result_pair(r, (uint32_t)cell, base, &pair) && pair.ratio.count)
        ratio_add(g, &pair, ms_verdict_shown(r, pair.verdict));
    else
        ms_grid_add(g, MS_INK_DIM, ms_word_ns(c->time.value).s);
}

static size_t shape_count(const struct ms_result *r, const char *scenario)
{
    size_t count = 0;

    for (size_t i = 0; i < r->shape_count; i++)
        count += ms_text_same(r->shapes[i].scenario, scenario);
    return count;
}

/* The first cell of these keys, or MS_NONE: several register counts show their first. */
static size_t cell_at(const struct ms_result *r, const char *scenario, const char *adapter,
                      const char *strategy, const char *shape, uint32_t threads)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (ms_text_same(c->scenario, scenario) && ms_text_same(c->adapter, adapter) &&
            ms_text_same(c->strategy, strategy) && ms_text_same(c->shape, shape) &&
            c->threads == threads)
            return i;
    }
    return MS_NONE;
}

static void pool_row_add(struct ms_grid *g, const struct ms_result *r, const struct ms_strategy *s,
                         uint32_t threads, const char *base)
{
    ms_grid_add(g, s->role == MS_ROLE_BASELINE ? MS_INK_BOLD : MS_INK_PLAIN, s->name);
    for (size_t i = 0; i < r->shape_count; i++) {
        if (!ms_text_same(r->shapes[i].scenario, MS_SCENARIO_POOL))
            continue;
        size_t cell = cell_at(r, MS_SCENARIO_POOL, NULL, s->name, r->shapes[i].name, threads);
        if (cell == MS_NONE)
            ms_grid_add(g, MS_INK_DIM, "-");
        else
            ms_grid_add_ratio(g, r, cell, base);
    }
}

static void pool_table_print(const struct ms_result *r, uint32_t threads, bool oversubscribed,
                             bool color, FILE *out)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    struct ms_grid *g = ms_grid_new(1 + shape_count(r, MS_SCENARIO_POOL));

    fprintf(out, "\ntake + give, %s, times faster than %s (its own row: time)%s\n",
            ms_word_threads(threads).s, base ? base->name : "(no baseline)",
            oversubscribed ? "; more threads than cores: not ranked" : "");
    ms_grid_add(g, MS_INK_HEAD, "");
    for (size_t i = 0; i < r->shape_count; i++)
        if (ms_text_same(r->shapes[i].scenario, MS_SCENARIO_POOL))
            ms_grid_add(g, MS_INK_HEAD, r->shapes[i].name);
    for (size_t i = 0; i < r->strategy_count; i++)
        if (!ms_strategy_is_control(&r->strategies[i]))
            pool_row_add(g, r, &r->strategies[i], threads, base ? base->name : "");
    ms_grid_print(g, color, out);
    ms_grid_free(g);
}

/* Thread counts in the order they were measured. */
static void pool_print(const struct ms_result *r, bool color, FILE *out)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        bool is_new = ms_text_same(c->scenario, MS_SCENARIO_POOL);
        for (size_t before = 0; is_new && before < i; before++)
            is_new = !ms_text_same(r->cells[before].scenario, MS_SCENARIO_POOL) ||
                     r->cells[before].threads != c->threads;
        if (is_new)
            pool_table_print(r, c->threads, c->oversubscribed, color, out);
    }
}

/* ---- MapTransferEx against its limits -----------------------------------------------------------
 */

static void map_cell_add(struct ms_grid *g, const struct ms_result *r, const struct ms_adapter *ad,
                         const struct ms_shape *shape, const char *strategy)
{
    size_t i = cell_at(r, MS_SCENARIO_MAP, ad->name, strategy, shape->name, 1);
    char text[128];

    if (i == MS_NONE) {
        ms_grid_add(g, MS_INK_DIM, "-");
        return;
    }
    const struct ms_cell *c = &r->cells[i];
    if (c->outcome != MS_OUTCOME_MEASURED) {
        ms_grid_add(g, MS_INK_DIM, ms_outcome_name(c->outcome));
        return;
    }
    if (c->of_limit.count)
        snprintf(text, sizeof(text), "%s  %s of %s", ms_word_ns(c->time.value).s,
                 ms_word_percent(c->of_limit.value).s, c->limit ? c->limit : "the limit");
    else
        snprintf(text, sizeof(text), "%s", ms_word_ns(c->time.value).s);
    ms_grid_add(g, MS_INK_PLAIN, text);
}

static void map_print(const struct ms_result *r, bool color, FILE *out)
{
    const struct ms_strategy *base = ms_result_baseline(r);

    if (shape_count(r, MS_SCENARIO_MAP) == 0 || r->adapter_count == 0)
        return;
    struct ms_grid *g = ms_grid_new(1 + r->adapter_count);
    fputs("\nMapTransferEx + flush, 1 thread, time per call and share of the limit's speed\n", out);
    ms_grid_add(g, MS_INK_HEAD, "");
    for (size_t i = 0; i < r->adapter_count; i++)
        ms_grid_add(g, MS_INK_HEAD, r->adapters[i].name);
    for (size_t s = 0; s < r->shape_count; s++) {
        if (!ms_text_same(r->shapes[s].scenario, MS_SCENARIO_MAP))
            continue;
        ms_grid_add(g, MS_INK_PLAIN, r->shapes[s].name);
        for (size_t i = 0; i < r->adapter_count; i++)
            map_cell_add(g, r, &r->adapters[i], &r->shapes[s], base ? base->name : "");
    }
    ms_grid_print(g, color, out);
    ms_grid_free(g);
}

/* ---- the list step ------------------------------------------------------------------------------
 */

static void lists_print(const struct ms_result *r, bool color, FILE *out)
{
    static const char *const heads[] = {"",     "pages",  "elements", "limit", "naive",
                                        "best", "a page", "an elem.", "GiB/s", "of limit"};
    enum { COLUMNS = sizeof heads / sizeof *heads };
    struct ms_list_row row;

    if (!ms_list_row(r, 0, &row))
        return;
    struct ms_grid *g = ms_grid_new(COLUMNS);
    fputs("\nThe list step alone, 1 thread, the best way of this processor against its limit\n",
          out);
    for (size_t i = 0; i < COLUMNS; i++)
        ms_grid_add(g, MS_INK_HEAD, heads[i]);
    for (size_t i = 0; ms_list_row(r, i, &row); i++) {
        double best = row.way[row.best];
        char text[64];

        ms_grid_add(g, MS_INK_PLAIN, row.shape);
        snprintf(text, sizeof text, "%u", row.pages);
        ms_grid_add(g, MS_INK_PLAIN, text);
        snprintf(text, sizeof text, "%.1f", row.elements);
        ms_grid_add(g, MS_INK_PLAIN, text);
        snprintf(text, sizeof text, "%s %s", ms_word_ns(row.limit).s, row.limit_word);
        ms_grid_add(g, MS_INK_PLAIN, text);
        ms_grid_add(g, MS_INK_PLAIN, row.naive > 0.0 ? ms_word_ns(row.naive).s : "-");
        snprintf(text, sizeof text, "%s %s", ms_word_ns(best).s, ms_list_way_name(row.best));
        ms_grid_add(g, MS_INK_PLAIN, text);
        ms_grid_add(g, MS_INK_PLAIN, ms_word_ns(best / row.pages).s);
        ms_grid_add(g, MS_INK_PLAIN, ms_word_ns(best / row.elements).s);
        snprintf(text, sizeof text, "%.3g", ms_list_gib(&row));
        ms_grid_add(g, MS_INK_PLAIN, text);
        ms_grid_add(g, MS_INK_PLAIN, ms_word_percent(row.limit / best).s);
    }
    ms_grid_print(g, color, out);
    ms_grid_free(g);
}

/* ---- together -----------------------------------------------------------------------------------
 */

static void answer_print(const struct ms_result *r, bool color, FILE *out)
{
    struct ms_answer *a = ms_answer_make(r);

    fprintf(out, "\n%s%s%s\n", color ? "\033[1m" : "", a->headline, color ? "\033[0m" : "");
    if (a->standing)
        fprintf(out, "%s\n", a->standing);
    for (size_t i = 0; i < MS_ANSWER_QUALIFICATIONS && a->qualifications[i]; i++)
        fprintf(out, "  %s\n", a->qualifications[i]);
    if (a->map)
        fprintf(out, "%s\n", a->map);
    if (a->system)
        fprintf(out, "%s\n", a->system);
    ms_answer_free(a);
}

bool ms_emit_table(const struct ms_result *r, FILE *out, bool color)
{
    controls_print(r, color, out);
    pool_print(r, color, out);
    map_print(r, color, out);
    lists_print(r, color, out);
    answer_print(r, color, out);
    if (r->run.incomplete)
        fputs("\nIncomplete: some cells are missing; see the page.\n", out);
    return !ferror(out);
}
