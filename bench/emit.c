/* SPDX-License-Identifier: MIT */
/*
 * emit.c: the report's files for other tools and for pull requests: summary.md, result.csv and
 * gbench.json. The page is page.c, the terminal table.c, result.json result_json.c.
 */
#include "emit.h"
#include "answer.h"
#include "words.h"

#include <jansson.h>
#include <inttypes.h>
#include <string.h>

/* ---- summary.md ---------------------------------------------------------------------------------
 */

enum { SUMMARY_LINES = 60, SUMMARY_FIXED = 43, MATRIX_COLUMNS = 12, ADAPTER_ROWS = 3 };

static const char *verdict_mark(enum ms_verdict v)
{
    switch (v) {
    case MS_VERDICT_FASTER:
        return "\u25b2 ";
    case MS_VERDICT_SLOWER:
        return "\u25bc ";
    case MS_VERDICT_SAME:
        return "= ";
    case MS_VERDICT_UNKNOWN:
        return "? ";
    case MS_VERDICT_NONE:
        break;
    }
    return "";
}

static void summary_controls(const struct ms_result *r, FILE *out)
{
    fputs("\n| thread class | twin | drag (true) | visible from | harness |\n"
          "|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < r->control_count; i++) {
        const struct ms_control *k = &r->controls[i];
        fprintf(out, "| %s | %s %s %s |", k->thread_class, ms_word_excess(k->twin.value).s,
                ms_word_excess_interval(k->twin).s, k->trusted ? "ok" : "**untrusted**");
        fprintf(out, " %s %s (%s) |", ms_word_excess(k->drag.value).s,
                k->blunt ? "not found: blunt" : "found", ms_word_percent(k->drag_true).s);
        fprintf(out, " %s | %s |\n", ms_word_percent(k->visible).s, ms_word_ns(k->harness.value).s);
    }
}

static const struct ms_cell *cell_find(const struct ms_result *r, const char *scenario,
                                       const char *adapter, const char *strategy, const char *shape,
                                       uint32_t threads)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (ms_text_same(c->scenario, scenario) && ms_text_same(c->adapter, adapter) &&
            ms_text_same(c->strategy, strategy) && ms_text_same(c->shape, shape) &&
            c->threads == threads)
            return c;
    }
    return NULL;
}

static void summary_cell(const struct ms_result *r, FILE *out, const struct ms_cell *c)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    struct ms_pair pair;

    if (!c)
        fputs(" |", out);
    else if (c->outcome != MS_OUTCOME_MEASURED)
        fprintf(out, " %s |", ms_outcome_name(c->outcome));
    else if (base && ms_text_same(c->strategy, base->name))
        fprintf(out, " %s |", ms_word_ns(c->time.value).s);
    else if (base && ms_result_pair(r, (uint32_t)(c - r->cells), base->name, &pair) &&
             pair.ratio.count)
        fprintf(out, " %s%s |", verdict_mark(ms_verdict_shown(r, pair.verdict)),
                ms_word_ratio(pair.ratio.value, "x").s);
    else
        fprintf(out, " %s |", ms_word_ns(c->time.value).s);
}

static size_t shapes_of(const struct ms_result *r, const char *scenario, FILE *out)
{
    size_t count = 0;

    for (size_t i = 0; i < r->shape_count; i++) {
        if (!ms_text_same(r->shapes[i].scenario, scenario) || count == MATRIX_COLUMNS)
            continue;
        count++;
        if (out) {
            fputc(' ', out);
            ms_print_markdown(out, r->shapes[i].name);
            fputs(" |", out);
        }
    }
    return count;
}

static void summary_head(const struct ms_result *r, const char *first, const char *scenario,
                         FILE *out)
{
    fprintf(out, "\n| %s |", first);
    size_t columns = shapes_of(r, scenario, out);
    fputs("\n|---|", out);
    for (size_t i = 0; i < columns; i++)
        fputs("---|", out);
    fputc('\n', out);
}

static void summary_row(const struct ms_result *r, FILE *out, const char *scenario,
                        const char *adapter, const char *strategy, uint32_t threads)
{
    size_t columns = 0;

    fputs("| ", out);
    ms_print_markdown(out, adapter ? adapter : strategy);
    fputs(" |", out);
    for (size_t i = 0; i < r->shape_count && columns < MATRIX_COLUMNS; i++) {
        if (!ms_text_same(r->shapes[i].scenario, scenario))
            continue;
        columns++;
        summary_cell(r, out, cell_find(r, scenario, adapter, strategy, r->shapes[i].name, threads));
    }
    fputc('\n', out);
}

/* Places in the matrix: the baseline, the default, then who came out best, then the others. */
static size_t place_of(const struct ms_result *r, const struct ms_strategy *s, uint32_t threads)
{
    size_t place = 2 + (size_t)(s - r->strategies);

    if (s->role == MS_ROLE_BASELINE || s->is_default)
        return s->is_default;
    for (size_t i = 0; i < r->ranking_count; i++) {
        const struct ms_ranking *k = &r->rankings[i];
        if (!ms_text_same(k->scenario, MS_SCENARIO_POOL) || k->threads != threads)
            continue;
        place += k->standing_count;
        for (size_t n = 0; n < k->standing_count; n++)
            if (k->standings[n].ranked && ms_text_same(k->standings[n].strategy, s->name))
                return 2 + n;
    }
    return place;
}

/* The strategy that comes after those at or before `place`, or NULL. */
static const struct ms_strategy *strategy_after(const struct ms_result *r, uint32_t threads,
                                                size_t *place)
{
    const struct ms_strategy *next = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < r->strategy_count; i++) {
        size_t own = place_of(r, &r->strategies[i], threads);
        if (ms_strategy_is_control(&r->strategies[i]) || own < *place || own >= least)
            continue;
        next = &r->strategies[i];
        least = own;
    }
    *place = least + 1;
    return next;
}

/* One matrix for the smallest and one for the largest ranked thread count; rows within budget. */
static void summary_matrix(const struct ms_result *r, uint32_t threads, size_t rows, FILE *out)
{
    const struct ms_strategy *s;
    size_t place = 0, left_out = 0;

    fprintf(out, "\nTake and give, %s, time of the baseline / own time (higher is better):\n",
            ms_word_threads(threads).s);
    summary_head(r, "strategy", MS_SCENARIO_POOL, out);
    while ((s = strategy_after(r, threads, &place)) != NULL) {
        if (rows > 0)
            summary_row(r, out, MS_SCENARIO_POOL, NULL, s->name, threads);
        left_out += rows == 0;
        rows -= rows > 0;
    }
    if (left_out)
        fprintf(out, "\n%zu more on the page.\n", left_out);
}

static bool threads_span(const struct ms_result *r, uint32_t *least, uint32_t *most)
{
    *least = UINT32_MAX;
    *most = 0;
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (!ms_text_same(c->scenario, MS_SCENARIO_POOL) || c->oversubscribed ||
            c->outcome != MS_OUTCOME_MEASURED)
            continue;
        *least = c->threads < *least ? c->threads : *least;
        *most = c->threads > *most ? c->threads : *most;
    }
    return *most > 0;
}

static void summary_map(const struct ms_result *r, size_t rows, FILE *out)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    size_t printed = 0;

    if (shapes_of(r, MS_SCENARIO_MAP, NULL) == 0 || !base || r->adapter_count == 0)
        return;
    fputs("\nMapTransferEx + flush, time per call (lower is better):\n", out);
    summary_head(r, "adapter", MS_SCENARIO_MAP, out);
    for (size_t i = 0; i < r->adapter_count && printed++ < rows; i++)
        summary_row(r, out, MS_SCENARIO_MAP, r->adapters[i].name, base->name, 1);
}

static void summary_answer(const struct ms_result *r, FILE *out)
{
    struct ms_answer *a = ms_answer_make(r);

    fputs("**", out);
    ms_print_markdown(out, a->headline);
    fputs("**\n", out);
    if (a->standing) {
        fputc('\n', out);
        ms_print_markdown(out, a->standing);
        fputc('\n', out);
    }
    for (size_t i = 0; i < MS_ANSWER_QUALIFICATIONS && a->qualifications[i]; i++) {
        fputs(i == 0 ? "\n- " : "- ", out);
        ms_print_markdown(out, a->qualifications[i]);
        fputc('\n', out);
    }
    const char *const also[] = {a->map, a->system};
    for (size_t i = 0; i < 2; i++) {
        if (!also[i])
            continue;
        fputc('\n', out);
        ms_print_markdown(out, also[i]);
        fputc('\n', out);
    }
    ms_answer_free(a);
}

bool ms_emit_summary(const struct ms_result *r, FILE *out)
{
    size_t adapters = r->adapter_count < ADAPTER_ROWS ? r->adapter_count : ADAPTER_ROWS;
    size_t rows = (SUMMARY_LINES - SUMMARY_FIXED - adapters) / 2;
    uint32_t least, most;

    fputs("# mapstorm\n\n", out);
    summary_answer(r, out);
    summary_controls(r, out);
    if (threads_span(r, &least, &most)) {
        summary_matrix(r, least, rows, out);
        if (most != least)
            summary_matrix(r, most, rows, out);
    }
    summary_map(r, adapters, out);
    fprintf(out, "\n\u25b2 faster, \u25bc slower, = same, ? cannot tell. %s%s%s\n",
            r->run.machine ? r->run.machine : "", r->run.build ? "; " : "",
            r->run.build ? r->run.build : "");
    if (r->run.incomplete)
        fputs("\nIncomplete: some cells are missing.\n", out);
    if (r->run.command)
        fprintf(out, "\nAgain: `%s`\n", r->run.command);
    return !ferror(out);
}

/* ---- result.csv ---------------------------------------------------------------------------------
 */

static void csv_number(FILE *out, bool is_there, double number)
{
    if (is_there)
        fprintf(out, ",%.6g", number);
    else
        fputc(',', out);
}

static void csv_estimate(FILE *out, struct ms_estimate e)
{
    csv_number(out, e.count > 0, e.value);
    csv_number(out, e.count > 0, e.low);
    csv_number(out, e.count > 0, e.high);
}

static void csv_row(const struct ms_result *r, size_t i, FILE *out)
{
    const struct ms_cell *c = &r->cells[i];
    const struct ms_strategy *base = ms_result_baseline(r);
    struct ms_pair pair = {0};

    if (base)
        ms_result_pair(r, (uint32_t)i, base->name, &pair);
    const char *const texts[] = {c->name, c->scenario, c->strategy, c->adapter, c->shape};
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
        fputs(t ? "," : "", out);
        ms_print_csv(out, texts[t]);
    }
    fprintf(out, ",%u,%u,%s,%d,%d,%u", c->threads, c->registers, ms_outcome_name(c->outcome),
            c->oversubscribed, c->unbound, c->disturbed);
    csv_estimate(out, c->time);
    csv_estimate(out, pair.ratio);
    fprintf(out, ",%s,",
            pair.ratio.count ? ms_verdict_name(ms_verdict_shown(r, pair.verdict)) : "");
    ms_print_csv(out, c->limit);
    csv_estimate(out, c->of_limit);
    fputc('\n', out);
}

bool ms_emit_csv(const struct ms_result *r, FILE *out)
{
    fputs("cell,scenario,strategy,adapter,shape,threads,registers,outcome,oversubscribed,unbound,"
          "disturbed,ns,ns_low,ns_high,ratio,ratio_low,ratio_high,verdict,limit,of_limit,"
          "of_limit_low,of_limit_high\n",
          out);
    for (size_t i = 0; i < r->cell_count; i++)
        csv_row(r, i, out);
    return !ferror(out);
}

/* ---- gbench.json --------------------------------------------------------------------------------
 */

/* Times are wall time per operation: with several threads Google Benchmark 1.7 would divide again,
 * readers of its JSON do not. */
static void gbench_sample(const struct ms_cell *c, size_t index, FILE *out)
{
    const struct ms_sample *s = &c->samples[index];
    json_t *entry = json_pack(
        "{s:s,s:s,s:s,s:i,s:i,s:i,s:I,s:f,s:f,s:s}", "name", c->name, "run_name", c->name,
        "run_type", "iteration", "repetitions", (int)c->sample_count, "repetition_index",
        (int)index, "threads", (int)c->threads, "iterations", (json_int_t)s->ops, "real_time",
        ms_sample_ns(s), "cpu_time", (double)s->cpu_ns / (double)s->ops, "time_unit", "ns");

    json_dumpf(entry, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(entry);
}

bool ms_emit_gbench(const struct ms_result *r, FILE *out)
{
    bool is_first = true;
    json_t *context =
        json_pack("{s:s?,s:s?,s:s,s:i,s:s,s:s?}", "date", r->run.started, "host_name", r->run.host,
                  "executable", "mapstorm", "num_cpus", (int)r->run.cores, "library_build_type",
                  r->run.asserts_on ? "debug" : "release", "mapstorm_version", r->run.version);

    fputs("{\"context\":", out);
    json_dumpf(context, out, JSON_COMPACT);
    json_decref(context);
    fputs(",\n\"benchmarks\":[", out);
    for (size_t i = 0; i < r->cell_count; i++) {
        for (size_t s = 0; s < r->cells[i].sample_count; s++) {
            fputs(is_first ? "\n" : ",\n", out);
            is_first = false;
            gbench_sample(&r->cells[i], s, out);
        }
    }
    fputs("]}\n", out);
    return !ferror(out);
}
