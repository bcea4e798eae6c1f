/* SPDX-License-Identifier: MIT */
/*
 * page_latency.c: the page's part on latencies: one table for each case and rate, the middle rate
 * open and the others behind a click. Nothing is printed when nothing was timed.
 */
#include "page.h"
#include "words.h"

#include <string.h>

static const double LOAD_SHOWN = 0.7;
static const double FLOOR_TIMES = 3.0; /* below this many floors a percentile is mostly clock */

static const struct ms_latency *latency_at(const struct ms_cell *c, double load)
{
    for (size_t i = 0; i < c->latency_count; i++)
        if (c->latencies[i].load > load - 0.01 && c->latencies[i].load < load + 0.01)
            return &c->latencies[i];
    return NULL;
}

static void percentile_print(const struct ms_latency *l, double ns, FILE *out)
{
    if (ns <= 0.0)
        fputs("<td class=none>&ndash;</td>", out);
    else
        fprintf(out, "<td data-v=%.6g%s>%s</td>", ns,
                ns < FLOOR_TIMES * l->floor ? " class=dim" : "", ms_word_ns(ns).s);
}

static void row_print(const struct ms_result *r, const struct ms_cell *c,
                      const struct ms_latency *l, FILE *out)
{
    fputs("<tr><th scope=row>", out);
    ms_page_name(r, c->strategy, out);
    fputs("</th>", out);
    if (l->saturated) {
        fputs("<td colspan=6 class=none>saturated: it could not keep up</td>", out);
    } else {
        percentile_print(l, l->p50, out);
        percentile_print(l, l->p90, out);
        percentile_print(l, l->p99, out);
        percentile_print(l, l->p999, out);
        percentile_print(l, l->p9999, out);
        percentile_print(l, l->largest, out);
    }
    fprintf(out, "<td class=dim>%s</td></tr>\n", l->disturbed ? "disturbed" : "");
}

static void table_print(const struct ms_result *r, const struct ms_cell *first, double load,
                        FILE *out)
{
    const struct ms_latency *l = latency_at(first, load);

    if (!l)
        return;
    fputs("<div class=scroll><table class=\"plain sortable\"><caption><span>", out);
    ms_print_html(out, first->shape);
    fprintf(out,
            ", %s, an operation every %s on average (%.0f %% of the baseline's pace); lower is "
            "better; the clock's own share is %s</span></caption><thead><tr><th "
            "scope=col>strategy</th><th scope=col>50 %%</th><th scope=col>90 %%</th><th "
            "scope=col>99 %%</th><th scope=col>99.9 %%</th><th scope=col>99.99 %%</th><th "
            "scope=col>longest</th><th scope=col></th></tr></thead><tbody>\n",
            ms_word_threads(first->threads).s, ms_word_ns(l->pace_ns).s, load * 100.0,
            ms_word_ns(l->floor).s);
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        const struct ms_latency *own = latency_at(c, load);

        if (own && ms_cell_same_case(c, first))
            row_print(r, c, own, out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* System DMA has a part of its own, and so have threads that wait for a processor. */
static bool is_shown(const struct ms_cell *c)
{
    return c->latency_count > 0 && !c->oversubscribed &&
           !ms_text_same(c->scenario, MS_SCENARIO_SYSTEM);
}

/* ---- more threads than cores -------------------------------------------------------------------- */

static void slow_row(const struct ms_result *r, const struct ms_cell *c, FILE *out)
{
    const struct ms_latency *l = &c->latencies[0];

    fputs("<tr><th scope=row>", out);
    ms_page_name(r, c->strategy, out);
    fputs("</th>", out);
    fprintf(out, "<td data-v=%.6g>%.0f</td>", l->slow, l->slow);
    if (l->slow_floor > 0.0)
        fprintf(out, "<td data-v=%.6g>%s</td></tr>\n", l->slow / l->slow_floor,
                ms_word_ratio(l->slow / l->slow_floor, "&times;").s);
    else
        fputs("<td class=none>&ndash;</td></tr>\n", out);
}

static void slow_table(const struct ms_result *r, const struct ms_cell *first, FILE *out)
{
    const struct ms_latency *l = &first->latencies[0];

    fputs("<div class=scroll><table class=\"plain sortable\"><caption><span>", out);
    ms_print_html(out, first->shape);
    fprintf(
        out,
        ", %s on %u cores, one operation after the other: operations that took more than 100 us, "
        "in "
        "a second; lower is better; a strategy that does nothing has %.0f, one for each time the "
        "scheduler takes a processor away</span></caption><thead><tr><th "
        "scope=col>strategy</th><th scope=col>above 100 us, a second</th><th scope=col>against "
        "nothing</th></tr></thead><tbody>\n",
        ms_word_threads(first->threads).s, r->run.cores, l->slow_floor);
    for (size_t i = 0; i < r->cell_count; i++)
        if (r->cells[i].latency_count > 0 && ms_cell_same_case(&r->cells[i], first))
            slow_row(r, &r->cells[i], out);
    fputs("</tbody></table></div>\n", out);
}

static void slow_tables(const struct ms_result *r, FILE *out)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        bool is_first = c->oversubscribed && c->latency_count > 0;

        for (size_t before = 0; is_first && before < i; before++)
            is_first =
                r->cells[before].latency_count == 0 || !ms_cell_same_case(c, &r->cells[before]);
        if (is_first)
            slow_table(r, c, out);
    }
}

/* Prints one load of every case that was timed. */
static void load_print(const struct ms_result *r, double load, FILE *out)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        bool is_first = is_shown(c);

        for (size_t before = 0; is_first && before < i; before++)
            is_first = !is_shown(&r->cells[before]) || !ms_cell_same_case(c, &r->cells[before]);
        if (is_first)
            table_print(r, c, load, out);
    }
}

void ms_page_latency(const struct ms_result *r, FILE *out)
{
    bool has_any = false;

    for (size_t i = 0; i < r->cell_count; i++)
        has_any = has_any || is_shown(&r->cells[i]) ||
                  (r->cells[i].oversubscribed && r->cells[i].latency_count > 0);
    if (!has_any)
        return;
    fputs("<section aria-labelledby=latency><h2 id=latency>How long the slowest wait</h2>\n"
          "<p class=how>Operations arrive by a random schedule, the same for all; each time counts "
          "from the moment the operation was due, so a stall is paid by everyone behind it. Grey: "
          "less than three times what the clock itself costs. A dash: fewer than 100 values lie "
          "beyond.</p>\n",
          out);
    load_print(r, LOAD_SHOWN, out);
    slow_tables(r, out);
    fputs("<details><summary>Slower and faster arrivals</summary>\n", out);
    load_print(r, 0.5, out);
    load_print(r, 0.9, out);
    fputs(
        "</details>\n<p class=not>Not shown: percentiles with more threads than cores, where the "
        "scheduler's time slice hides everything else; how often one is hit tells strategies that "
        "make others wait from those that do not.</p>\n</section>\n",
        out);
}
