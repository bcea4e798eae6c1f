/* SPDX-License-Identifier: MIT */
/*
 * page_system.c: system DMA and the framework's transactions: the page's parts, one row a shape, and the
 * sentence of the answer. Nothing is printed when none was measured.
 */
#include "page.h"
#include "answer.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

static const double LOAD_SHOWN = 0.7;

/* The measured cell of a shape, or NULL. */
static const struct ms_cell *cell_of(const struct ms_result *r, const char *shape)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (ms_text_same(c->scenario, MS_SCENARIO_SYSTEM) && ms_text_same(c->shape, shape) &&
            c->outcome == MS_OUTCOME_MEASURED)
            return c;
    }
    return NULL;
}

/* Its latencies with percentiles: one after the other, or at the rate that is shown. */
static const struct ms_latency *latency_of(const struct ms_cell *c)
{
    const struct ms_latency *any = NULL;

    for (size_t i = 0; c && i < c->latency_count; i++) {
        const struct ms_latency *l = &c->latencies[i];
        if (l->saturated)
            continue;
        if (l->load <= 0.0 || (l->load > LOAD_SHOWN - 0.01 && l->load < LOAD_SHOWN + 0.01))
            return l;
        any = any ? any : l; /* a slower rate is better than none */
    }
    return any;
}

/* ---- the sentence ------------------------------------------------------------------------------- */

static void cancel_say(const struct ms_result *r, const char *shape, const char *when,
                       bool *is_said, FILE *out)
{
    const struct ms_latency *l = latency_of(cell_of(r, shape));

    if (!l || l->p50 <= 0.0)
        return;
    fprintf(out, "%s %s %s", *is_said ? "," : "; a cancel returns after", ms_word_ns(l->p50).s,
            when);
    if (l->p99 > 0.0)
        fprintf(out, " (99 %%: %s)", ms_word_ns(l->p99).s);
    *is_said = true;
}

char *ms_system_sentence(const struct ms_result *r)
{
    const struct ms_cell *soc = cell_of(r, "soc-64"), *legacy = cell_of(r, "legacy-64");
    const struct ms_latency *done = latency_of(cell_of(r, "complete"));
    char *text = NULL;
    size_t length = 0;
    bool is_said = false;
    FILE *out;

    if (!soc || !legacy)
        return NULL;
    out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fprintf(
        out,
        "System DMA: 64 bytes from map to flush take %s through the SoC's controller, %s through "
        "the 8237-like one",
        ms_word_ns(soc->time.value).s, ms_word_ns(legacy->time.value).s);
    cancel_say(r, "cancel-idle", "before the map", &is_said, out);
    cancel_say(r, "cancel-running", "in the midst of a transfer", &is_said, out);
    cancel_say(r, "cancel-race", "against the engine's thread", &is_said, out);
    if (done && done->p50 > 0.0) {
        fprintf(out,
                "; with the engine on a thread of its own the completion routine runs after %s",
                ms_word_ns(done->p50).s);
        if (done->p99 > 0.0)
            fprintf(out, " (99 %%: %s)", ms_word_ns(done->p99).s);
    }
    fputc('.', out);
    fclose(out);
    return text;
}

/* ---- the table ---------------------------------------------------------------------------------- */

static void percentile_print(double ns, FILE *out)
{
    if (ns > 0.0)
        fprintf(out, "<td data-v=%.6g>%s</td>", ns, ms_word_ns(ns).s);
    else
        fputs("<td class=none>&ndash;</td>", out);
}

static void latency_print(const struct ms_cell *c, FILE *out)
{
    const struct ms_latency *l = latency_of(c);

    if (!l) {
        fprintf(out, "<td colspan=4 class=none>%s</td>",
                c->latency_count ? "saturated: it could not keep up" : "&ndash;");
        return;
    }
    percentile_print(l->p50, out);
    percentile_print(l->p99, out);
    percentile_print(l->p999, out);
    percentile_print(l->largest, out);
}

/* At which pace what was timed arrived. */
static void pace_print(const struct ms_cell *c, FILE *out)
{
    const struct ms_latency *l = latency_of(c);

    if (!l)
        fputs("<td class=none>&ndash;</td>", out);
    else if (l->pace_ns <= 0.0)
        fputs("<td class=dim>one after the other</td>", out);
    else
        fprintf(out, "<td class=dim>every %s, %.0f %% of what was kept up</td>",
                ms_word_ns(l->pace_ns).s, l->load * 100.0);
}

static void row_print(const struct ms_result *r, const struct ms_cell *c, FILE *out)
{
    const struct ms_shape *shape = ms_result_shape(r, c->scenario, c->shape);

    fputs("<tr><th scope=row>", out);
    ms_print_html(out, c->shape);
    fputs("<small>", out);
    ms_print_html(out, shape && shape->title ? shape->title : "");
    fputs("</small></th>", out);
    if (c->outcome != MS_OUTCOME_MEASURED) {
        fputs("<td colspan=7 class=none title=\"", out);
        ms_print_html(out, c->why ? c->why : "");
        fprintf(out, "\">%s</td></tr>\n", ms_outcome_name(c->outcome));
        return;
    }
    fprintf(out, "<td data-v=%.6g>%s</td>", c->time.value, ms_word_ns(c->time.value).s);
    latency_print(c, out);
    pace_print(c, out);
    if (c->count_count)
        fprintf(out, "<td>%s</td></tr>\n", ms_word_count(c->counts[0].per_op).s);
    else
        fputs("<td class=none>&ndash;</td></tr>\n", out);
}

/* What tells one of the two sections from the other. */
struct section {
    const char *scenario;
    const char *heading;
    const char *how;
    const char *caption;
    const char *counted; /* what the last column counts */
    const char *not_shown;
};

static const struct section sections[] = {
    {
        .scenario = MS_SCENARIO_SYSTEM,
        .heading = "System DMA and its cancel",
        .how =
            "A device without DMA of its own, a channel of the emulated controller, one "
            "driver. An operation is the whole cycle: map, bytes moved, completion or cancel, "
            "flush. Beside it, by itself: a cancel until it has returned, one after the other; "
            "and a completion, from the moment the transfer was due, at a pace below the quickest "
            "that a trial kept up with. Every byte was counted on both sides.",
        .caption = "time of the cycle, and how long cancel or completion took; lower is better",
        .counted = "interrupts",
        .not_shown = "what a real bus adds, and several drivers at one controller",
    },
    {
        .scenario = "framework",
        .heading = "The framework&rsquo;s DMA transactions",
        .how = "One driver, one transaction. An operation is its whole life: Initialize, Execute, "
               "EvtProgramDma and a report for every fragment, Release. Beside it, by itself: "
               "StopSystemTransfer until it has returned, and until the completion callback has "
               "released the transaction. Every execution ended as it must.",
        .caption = "time of a life, and how long a stop took; lower is better",
        .counted = "fragments",
        .not_shown = "requests, timers, several drivers, and the bytes that a bus master moves",
    },
};

static void section_print(const struct ms_result *r, const struct section *section, FILE *out)
{
    bool has_any = false;

    for (size_t i = 0; i < r->cell_count; i++)
        has_any = has_any || ms_text_same(r->cells[i].scenario, section->scenario);
    if (!has_any)
        return;
    fprintf(out,
            "<section aria-labelledby=%s><h2 id=%s>%s</h2>\n<p class=how>%s</p>\n"
            "<div class=scroll><table class=plain><caption><span>%s</span></caption><thead><tr><th "
            "scope=col>shape</th><th scope=col>cycle</th><th scope=col>50 %%</th><th scope=col>99 "
            "%%</th><th scope=col>99.9 %%</th><th scope=col>longest</th><th "
            "scope=col>arrivals</th><th scope=col>%s</th></tr></thead><tbody>\n",
            section->scenario, section->scenario, section->heading, section->how, section->caption,
            section->counted);
    for (size_t i = 0; i < r->cell_count; i++)
        if (ms_text_same(r->cells[i].scenario, section->scenario))
            row_print(r, &r->cells[i], out);
    fprintf(out,
            "</tbody></table></div>\n<p class=not>Not shown: %s. A dash: not timed, or fewer than "
            "100 values lie beyond.</p>\n</section>\n",
            section->not_shown);
}

void ms_page_system(const struct ms_result *r, FILE *out)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        section_print(r, &sections[i], out);
}
