/* SPDX-License-Identifier: MIT */
/*
 * page_tables.c: the page's tables as plain HTML, so that they answer without a script. The script
 * finds its way by data-* attributes: data-cell is the index in the embedded list of cells.
 */
#include "page.h"
#include "answer.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- who wins where -----------------------------------------------------------------------------
 */

/* How strong a colour gets: 1 barely, 2 clearly, 3 by half or more. */
static int strength(double ratio)
{
    double times = ratio < 1 ? 1 / ratio : ratio;

    return times < 1.15 ? 1 : times < 1.5 ? 2 : 3;
}

static void verdict_cell(FILE *out, size_t cell, const struct ms_pair *p, enum ms_verdict verdict)
{
    struct ms_word ratio = ms_word_ratio(p->ratio.value, "&times;");
    struct ms_word interval = ms_word_ratio_interval(p->ratio);

    switch (verdict) {
    case MS_VERDICT_FASTER:
        fprintf(out, "<td class=\"v faster l%d\" data-cell=%zu><i>&#9650;</i>%s<small>%s</small>",
                strength(p->ratio.value), cell, ratio.s, interval.s);
        break;
    case MS_VERDICT_SLOWER:
        fprintf(out, "<td class=\"v slower l%d\" data-cell=%zu><i>&#9660;</i>%s<small>%s</small>",
                strength(p->ratio.value), cell, ratio.s, interval.s);
        break;
    case MS_VERDICT_SAME:
        fprintf(out, "<td class=\"v same\" data-cell=%zu><i>=</i>same<small>%s</small>", cell,
                interval.s);
        break;
    case MS_VERDICT_UNKNOWN:
        fprintf(out, "<td class=\"v unknown\" data-cell=%zu><i>?</i>%s<small>%s</small>", cell,
                ratio.s, interval.s);
        break;
    case MS_VERDICT_NONE:
        fprintf(out, "<td class=\"v none\" data-cell=%zu>(%s)<small>not ranked</small>", cell,
                ratio.s);
        break;
    }
    fputs("</td>", out);
}

static void matrix_cell(const struct ms_result *r, FILE *out, size_t cell, const char *base)
{
    struct ms_pair pair;

    if (cell == MS_NONE) {
        fputs("<td class=\"v none\">&ndash;</td>", out);
        return;
    }
    const struct ms_cell *c = &r->cells[cell];
    if (c->outcome != MS_OUTCOME_MEASURED)
        fprintf(out, "<td class=\"v %s\" data-cell=%zu>%s%s</td>",
                c->outcome == MS_OUTCOME_REFUSED || c->outcome == MS_OUTCOME_NOT_RUN ? "none"
                                                                                     : "failed",
                cell,
                c->outcome == MS_OUTCOME_CRASHED || c->outcome == MS_OUTCOME_FAILED ? "<i>!</i>"
                                                                                    : "",
                ms_outcome_name(c->outcome));
    else if (ms_result_pair(r, (uint32_t)cell, base, &pair) && pair.ratio.count)
        verdict_cell(out, cell, &pair, ms_verdict_shown(r, pair.verdict));
    else
        fprintf(out, "<td class=\"v base\" data-cell=%zu>%s<small>%s</small></td>", cell,
                ms_word_ns(c->time.value).s, ms_text_same(c->strategy, base) ? "baseline" : "");
}

static void matrix_row(const struct ms_result *r, FILE *out, const struct ms_strategy *s,
                       uint32_t threads, const char *base)
{
    fputs("<tr data-strategy=\"", out);
    ms_print_html(out, s->name);
    fputs("\"><th scope=row>", out);
    ms_page_name(r, s->name, out);
    fprintf(out, "<small>%s%s%s</small></th>", ms_progress_name(s->progress),
            s->role == MS_ROLE_PLUGIN ? ", plug-in" : "",
            ms_strategy_failed(s) ? ", <b class=failed>failed conformance</b>" : "");
    for (size_t i = 0; i < r->shape_count; i++)
        if (ms_text_same(r->shapes[i].scenario, MS_SCENARIO_POOL))
            matrix_cell(r, out,
                        cell_at(r, MS_SCENARIO_POOL, NULL, s->name, r->shapes[i].name, threads),
                        base);
    fputs("</tr>\n", out);
}

static void shape_heads(const struct ms_result *r, const char *scenario, FILE *out)
{
    for (size_t i = 0; i < r->shape_count; i++) {
        if (!ms_text_same(r->shapes[i].scenario, scenario))
            continue;
        fputs("<th scope=col>", out);
        ms_print_html(out, r->shapes[i].name);
        if (r->shapes[i].title) {
            fputs("<small>", out);
            ms_print_html(out, r->shapes[i].title);
            fputs("</small>", out);
        }
        fputs("</th>", out);
    }
}

static void matrix_print(const struct ms_result *r, uint32_t threads, bool oversubscribed,
                         FILE *out)
{
    const struct ms_strategy *base = ms_result_baseline(r);

    fprintf(out,
            "<div class=scroll><table class=\"matrix%s\" data-threads=%u><caption><span>%s%s; ",
            oversubscribed ? " over" : "", threads, ms_word_threads(threads).s,
            oversubscribed ? ", more than cores: measured, not ranked" : "");
    fputs("times faster than <span class=basename>", out);
    ms_print_html(out, base ? base->name : "no baseline");
    fputs("</span>, higher is better</span></caption>\n<thead><tr><th scope=col>strategy</th>",
          out);
    shape_heads(r, MS_SCENARIO_POOL, out);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < r->strategy_count; i++)
        if (!ms_strategy_is_control(&r->strategies[i]))
            matrix_row(r, out, &r->strategies[i], threads, base ? base->name : "");
    fputs("</tbody></table></div>\n", out);
}

void ms_page_matrices(const struct ms_result *r, FILE *out)
{
    size_t printed = 0;

    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        bool is_new = ms_text_same(c->scenario, MS_SCENARIO_POOL);
        for (size_t before = 0; is_new && before < i; before++)
            is_new = !ms_text_same(r->cells[before].scenario, MS_SCENARIO_POOL) ||
                     r->cells[before].threads != c->threads;
        if (is_new) {
            matrix_print(r, c->threads, c->oversubscribed, out);
            printed++;
        }
    }
    if (printed == 0)
        fputs("<p>This run measured no take + give of map registers.</p>\n", out);
}

/* ---- MapTransferEx ------------------------------------------------------------------------------
 */

static void map_cell(const struct ms_result *r, FILE *out, size_t cell)
{
    if (cell == MS_NONE) {
        fputs("<td class=none>&ndash;</td>", out);
        return;
    }
    const struct ms_cell *c = &r->cells[cell];
    if (c->outcome != MS_OUTCOME_MEASURED) {
        fputs("<td class=none title=\"", out);
        ms_print_html(out, c->why);
        fprintf(out, "\">%s</td>", ms_outcome_name(c->outcome));
        return;
    }
    fprintf(out, "<td class=m data-cell=%zu><b>%s</b>", cell, ms_word_ns(c->time.value).s);
    if (c->of_limit.count) {
        double share = c->of_limit.value > 1 ? 1 : c->of_limit.value;
        fprintf(out,
                "<span class=bar aria-hidden=true><span style=\"width:%.1f%%\"></span></span>"
                "<small>%s of ",
                share * 100, ms_word_percent(c->of_limit.value).s);
        ms_print_html(out, c->limit);
        fputs("</small>", out);
    }
    fputs("</td>", out);
}

/* The strategy whose map cells are shown: the baseline, or whoever has some. */
static const char *map_strategy(const struct ms_result *r)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    const char *any = NULL;

    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (!ms_text_same(c->scenario, MS_SCENARIO_MAP))
            continue;
        if (base && ms_text_same(c->strategy, base->name))
            return base->name;
        any = any ? any : c->strategy;
    }
    return any;
}

static void map_row(const struct ms_result *r, FILE *out, const struct ms_shape *shape,
                    const char *strategy)
{
    fputs("<tr><th scope=row>", out);
    ms_print_html(out, shape->name);
    fputs(shape->recorded ? " <span class=tag>captured</span><small>" : "<small>", out);
    ms_print_html(out, shape->title);
    if (shape->bytes && !(shape->title && strstr(shape->title, ms_word_bytes(shape->bytes).s)))
        fprintf(out, ", %s", ms_word_bytes(shape->bytes).s);
    fputs("</small></th>", out);
    for (size_t i = 0; i < r->adapter_count; i++)
        map_cell(r, out,
                 cell_at(r, MS_SCENARIO_MAP, r->adapters[i].name, strategy, shape->name, 1));
    fputs("</tr>\n", out);
}

enum { MAP_ROWS = 14 }; /* more scroll in a box of their own */

static size_t shapes_of(const struct ms_result *r)
{
    size_t count = 0;

    for (size_t i = 0; i < r->shape_count; i++)
        count += ms_text_same(r->shapes[i].scenario, MS_SCENARIO_MAP);
    return count;
}

void ms_page_map(const struct ms_result *r, FILE *out)
{
    const char *strategy = map_strategy(r);

    if (!strategy || r->adapter_count == 0) {
        fputs("<p>This run measured no MapTransferEx.</p>\n", out);
        return;
    }
    fprintf(out, "<div class=\"scroll%s\">",
            shapes_of(r) > MAP_ROWS
                ? " tall\" tabindex=0 role=region aria-label=\"MapTransferEx against the limit"
                : "");
    fputs("<table class=map><caption><span>MapTransferEx + FlushAdapterBuffersEx, "
          "1 thread, map registers by ",
          out);
    ms_print_html(out, strategy);
    fputs(": time per call (lower is better) and the share of the limit's speed (higher is "
          "better)</span></caption>\n<thead><tr><th scope=col>shape</th>",
          out);
    for (size_t i = 0; i < r->adapter_count; i++) {
        fputs("<th scope=col>", out);
        ms_print_html(out, r->adapters[i].name);
        fputs("<small>", out);
        ms_print_html(out, r->adapters[i].title);
        fputs("</small></th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < r->shape_count; i++)
        if (ms_text_same(r->shapes[i].scenario, MS_SCENARIO_MAP))
            map_row(r, out, &r->shapes[i], strategy);
    fputs("</tbody></table></div>\n", out);
}

/* ---- conformance and fuzzing --------------------------------------------------------------------
 */

static const char *check_mark(enum ms_check check)
{
    return check == MS_CHECK_PASSED   ? "<span class=pass>&#10003; passed</span>"
           : check == MS_CHECK_FAILED ? "<b class=failed>&#10007; failed</b>"
                                      : "<span class=dim>not run</span>";
}

void ms_page_checks(const struct ms_result *r, FILE *out)
{
    fputs("<div class=scroll><table class=plain><thead><tr><th scope=col>strategy</th>"
          "<th scope=col>what it is</th><th scope=col>progress</th><th scope=col>conformance</th>"
          "<th scope=col>fuzzing</th><th scope=col>executions</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < r->strategy_count; i++) {
        const struct ms_strategy *s = &r->strategies[i];
        if (ms_strategy_is_control(s))
            continue;
        fputs("<tr><th scope=row>", out);
        ms_page_name(r, s->name, out);
        fputs("</th><td>", out);
        ms_print_html(out, s->title);
        fprintf(out, "</td><td>%s</td><td>%s</td><td>%s</td><td class=n>",
                ms_progress_name(s->progress), check_mark(s->conformance), check_mark(s->fuzz));
        if (s->fuzz_executions)
            fprintf(out, "%s in %.0f s", ms_word_count((double)s->fuzz_executions).s,
                    s->fuzz_seconds);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- all numbers --------------------------------------------------------------------------------
 */

static void marks_print(const struct ms_cell *c, FILE *out)
{
    if (c->oversubscribed)
        fputs("More threads than cores. ", out);
    if (c->unbound)
        fputs("Threads unbound. ", out);
    if (c->mostly_harness)
        fputs("Mostly harness. ", out);
    if (c->poor_overlap)
        fputs("Poor overlap. ", out);
    if (c->disturbed)
        fprintf(out, "%u disturbed. ", c->disturbed);
    if (c->outcome != MS_OUTCOME_MEASURED)
        ms_print_html(out, c->why);
}

/* What was done: the adapter's name stands for MapTransferEx through it. */
static const char *operation_of(const struct ms_cell *c)
{
    if (c->adapter)
        return c->adapter;
    return ms_text_same(c->scenario, MS_SCENARIO_POOL) ? "take + give" : c->scenario;
}

/* The end tags of rows and cells may be left out; here they would be a fifth of the table. */
static void number_row(const struct ms_result *r, size_t i, const char *base, FILE *out)
{
    const struct ms_cell *c = &r->cells[i];
    struct ms_pair pair = {0};
    bool has_pair = ms_result_pair(r, (uint32_t)i, base, &pair) && pair.ratio.count;

    fputs("<tr><td>", out);
    ms_print_html(out, c->strategy);
    fputs("<td>", out);
    ms_print_html(out, operation_of(c));
    fputs("<td>", out);
    ms_print_html(out, c->shape);
    fprintf(out, "<td>%u", c->threads);
    if (c->outcome == MS_OUTCOME_MEASURED)
        fprintf(out, "<td>%s<td>%.4g&ndash;%.4g<td>%s", ms_word_ns(c->time.value).s, c->time.low,
                c->time.high, ms_word_rate(c->time.value).s);
    else
        fprintf(out, "<td>%s<td><td>", ms_outcome_name(c->outcome));
    if (has_pair)
        fprintf(out, "<td>%s<td>%s", ms_word_ratio(pair.ratio.value, "&times;").s,
                ms_verdict_name(ms_verdict_shown(r, pair.verdict)));
    else
        fputs(ms_text_same(c->strategy, base) ? "<td><td>baseline" : "<td><td>", out);
    if (c->of_limit.count) {
        fprintf(out, "<td>%s ", ms_word_percent(c->of_limit.value).s);
        ms_print_html(out, c->limit);
        fputs("<td>", out);
    } else {
        fputs("<td><td>", out);
    }
    marks_print(c, out);
    fputc('\n', out);
}

void ms_page_numbers(const struct ms_result *r, FILE *out)
{
    const struct ms_strategy *base = ms_result_baseline(r);

    fputs("<table class=\"plain sortable\" id=numbers><caption><span>times and intervals: lower is "
          "better; rates, ratios to the baseline and shares of the limit: higher is "
          "better</span></caption><thead><tr>",
          out);
    static const char *const heads[] = {"strategy", "operation",   "shape",  "threads",
                                        "time",     "interval ns", "rate",   "ratio",
                                        "verdict",  "of limit",    "remarks"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        fprintf(out, "<th scope=col>%s</th>", heads[i]);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < r->cell_count; i++)
        number_row(r, i, base ? base->name : "", out);
    fputs("</tbody></table>\n", out);
}
