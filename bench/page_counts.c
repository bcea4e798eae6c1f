/* SPDX-License-Identifier: MIT */
/*
 * page_counts.c: the page's part on exact counts: what each strategy touches and wastes, for the mixes that
 * tell strategies apart, with words for every column; then all counts behind a click.
 */
#include "page.h"
#include "count_names.h"
#include "words.h"

#include <string.h>

enum { COUNT_NAMES = 16, DIGESTS_MAX = 2 };

static const struct ms_count *count_of(const struct ms_cell *c, const char *name)
{
    for (size_t i = 0; c && i < c->count_count; i++)
        if (ms_text_same(c->counts[i].name, name))
            return &c->counts[i];
    return NULL;
}

static bool is_share(const char *name)
{
    static const char *const shares[] = {MS_COUNT_REFUSED, MS_COUNT_APART, MS_COUNT_STRANDED,
                                         MS_COUNT_FRAGMENTED, MS_COUNT_WAITED};

    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (strcmp(shares[i], name) == 0)
            return true;
    return false;
}

static void value_print(const struct ms_count *count, FILE *out)
{
    if (!is_share(count->name))
        fputs(ms_word_count(count->per_op).s, out);
    else if (count->per_op == 0.0)
        fputc('0', out);
    else
        fprintf(out, "%.*f %%", count->per_op < 0.0995 ? 2 : 0, count->per_op * 100.0);
}

/* ---- the digest --------------------------------------------------------------------------------- */

/* A column, and what it says in full. */
static const struct column {
    const char *count;
    const char *head;
    const char *help;
    bool of_several; /* of the case with several threads */
    bool beside_base;
} columns[] = {
    {.count = MS_COUNT_ACCESSES,
     .head = "accesses",
     .help = "loads, stores and locked instructions on the strategy's own memory, for a take and "
             "its give"},
    {.count = MS_COUNT_LOCKED,
     .head = "locked",
     .help =
         "locked instructions among them: exchanges, additions, compare-and-swaps, locks taken"},
    {.count = MS_COUNT_CAS,
     .head = "CAS",
     .help = "compare-and-swaps among those, failed ones too"},
    {.count = MS_COUNT_LINES,
     .head = "cache lines",
     .help = "different lines of 64 bytes that the take touches, and those that the give touches"},
    {.count = MS_COUNT_MOVED,
     .head = "lines moved",
     .help =
         "lines that a processor does not have because another wrote or took them last: a model of "
         "caches "
         "without a size, with the threads taking turns; model, not measured",
     .of_several = true},
    {.count = MS_COUNT_APART,
     .head = "not in one run",
     .help =
         "requests refused although enough registers were free, but not side by side; in brackets "
         "against "
         "the baseline, which is address-ordered first fit, on the same requests",
     .beside_base = true},
    {.count = MS_COUNT_STRANDED,
     .head = "stranded",
     .help = "requests refused although a free run was long enough: it lay in another thread's "
             "stock, or does not suit the strategy (powers of two), or was not found",
     .of_several = true},
    {.count = MS_COUNT_FRAGMENTED,
     .head = "fragmentation",
     .help = "external fragmentation: 1 - longest free run / free registers, the mean over 128 "
             "moments of "
             "a "
             "stream"},
    {.count = MS_COUNT_MEMORY,
     .head = "bytes a register",
     .help = "of the strategy's own memory, private stock of all threads included"},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* The cell of a strategy with one thread, or with the fewest above. */
static const struct ms_cell *cell_of(const struct ms_result *r, const char *strategy,
                                     const char *shape, bool of_several)
{
    const struct ms_cell *found = NULL;

    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];

        if (!ms_text_same(c->scenario, MS_SCENARIO_POOL) || !ms_text_same(c->shape, shape) ||
            !ms_text_same(c->strategy, strategy) || (c->threads > 1) != of_several)
            continue;
        if (!found || c->threads < found->threads)
            found = c;
    }
    return found;
}

/* The shapes that the digest shows: mixes fragment, and 75 and 90 % are what the goals speak of. */
static const char *digest_shape(const struct ms_result *r, size_t index)
{
    static const char *const wanted[] = {"mix75", "mix90"};
    size_t known = 0;

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (ms_result_shape(r, MS_SCENARIO_POOL, wanted[i]) && known++ == index)
            return wanted[i];
    for (size_t i = 0; known == 0 && index == 0 && i < r->shape_count; i++)
        if (ms_text_same(r->shapes[i].scenario, MS_SCENARIO_POOL))
            return r->shapes[i].name;
    return NULL;
}

static void column_print(const struct ms_result *r, const struct column *column,
                         const char *strategy, const char *shape, FILE *out)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    const struct ms_count *own =
        count_of(cell_of(r, strategy, shape, column->of_several), column->count);
    const struct ms_count *other =
        base && column->beside_base
            ? count_of(cell_of(r, base->name, shape, column->of_several), column->count)
            : NULL;

    if (!own) {
        fputs("<td class=none>&ndash;</td>", out);
        return;
    }
    fprintf(out, "<td data-v=%.6g>", own->per_op);
    value_print(own, out);
    if (other && other->per_op > 0.0 && !ms_text_same(strategy, base->name))
        fprintf(out, " <small>(%s)</small>",
                ms_word_ratio(own->per_op / other->per_op, "&times;").s);
    fputs("</td>", out);
}

static bool has_counts(const struct ms_result *r, const char *strategy, const char *shape)
{
    const struct ms_cell *c = cell_of(r, strategy, shape, false);

    return c && c->count_count > 0;
}

static void digest_print(const struct ms_result *r, const char *shape, FILE *out)
{
    const struct ms_shape *info = ms_result_shape(r, MS_SCENARIO_POOL, shape);

    fprintf(out, "<div class=scroll><table class=\"plain sortable\"><caption><span>");
    ms_print_html(out, shape);
    fputs(info && info->title ? ": " : "", out);
    ms_print_html(out, info ? info->title : NULL);
    fputs("; per request, lower is better</span></caption><thead><tr><th scope=col>strategy</th>",
          out);
    for (size_t i = 0; i < COLUMNS; i++) {
        fputs("<th scope=col title=\"", out);
        ms_print_html(out, columns[i].help);
        fprintf(out, "\">%s</th>", columns[i].head);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < r->strategy_count; i++) {
        const char *name = r->strategies[i].name;

        if (ms_strategy_is_control(&r->strategies[i]) || !has_counts(r, name, shape))
            continue;
        fputs("<tr><th scope=row>", out);
        ms_page_name(r, name, out);
        fputs("</th>", out);
        for (size_t k = 0; k < COLUMNS; k++)
            column_print(r, &columns[k], name, shape, out);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- waiting ------------------------------------------------------------------------------------ */

/* The cell of whole transfers that has counted how a strategy's requests wait, or NULL. */
static const struct ms_cell *waiting_cell(const struct ms_result *r, const char *strategy)
{
    const struct ms_cell *found = NULL;

    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];

        /* Runs are harder to come by than single registers. */
        if (ms_text_same(c->strategy, strategy) && count_of(c, MS_COUNT_WAITED) &&
            (!found || ms_text_same(c->adapter, "packet")))
            found = c;
    }
    return found;
}

static void waiting_print(const struct ms_result *r, FILE *out)
{
    static const char *const names[] = {MS_COUNT_WAITED, MS_COUNT_OVERTAKEN, MS_COUNT_PASSED};
    bool has_any = false;

    for (size_t i = 0; i < r->strategy_count; i++)
        has_any = has_any || waiting_cell(r, r->strategies[i].name);
    if (!has_any)
        return;
    fputs(
        "<div class=scroll><table class=\"plain sortable\"><caption><span>waiting: sixteen devices "
        "with "
        "one adapter each on 96 registers, in random turns; an inversion is a grant past an older "
        "request that still waits; lower is better</span></caption><thead><tr><th "
        "scope=col>strategy</th><th scope=col>adapters</th>",
        out);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        fprintf(out, "<th scope=col>%s</th>", names[k]);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < r->strategy_count; i++) {
        const struct ms_cell *c = waiting_cell(r, r->strategies[i].name);

        if (!c)
            continue;
        fputs("<tr><th scope=row>", out);
        ms_page_name(r, c->strategy, out);
        fputs("</th><td>", out);
        ms_print_html(out, c->adapter);
        fputs("</td>", out);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            const struct ms_count *own = count_of(c, names[k]);

            fputs("<td>", out);
            if (own)
                value_print(own, out);
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void help_print(FILE *out)
{
    fputs("<details><summary>What the columns say</summary><dl>\n", out);
    for (size_t i = 0; i < COLUMNS; i++) {
        fprintf(out, "<dt>%s</dt><dd>", columns[i].head);
        ms_print_html(out, columns[i].help);
        fprintf(out, "%s.</dd>\n", columns[i].of_several ? "; with several threads" : "");
    }
    fputs("</dl></details>\n", out);
}

/* ---- all counts --------------------------------------------------------------------------------- */

/* The distinct names of one scenario's counts, in order of appearance. */
static size_t count_names(const struct ms_result *r, const char *scenario,
                          const struct ms_count *names[COUNT_NAMES])
{
    size_t found = 0;

    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        for (size_t k = 0; ms_text_same(c->scenario, scenario) && k < c->count_count; k++) {
            size_t n = 0;
            while (n < found && !ms_text_same(names[n]->name, c->counts[k].name))
                n++;
            if (n == found && found < COUNT_NAMES)
                names[found++] = &c->counts[k];
        }
    }
    return found;
}

/* End tags of rows and cells may be left out: here they would be a fifth of the table. */
static void count_row(const struct ms_cell *c, const struct ms_count *const *names, size_t count,
                      FILE *out)
{
    fputs("<tr><td>", out);
    ms_print_html(out, c->adapter ? c->adapter : c->strategy);
    fputs("<td>", out);
    ms_print_html(out, c->shape);
    fprintf(out, "<td>%u", c->threads);
    for (size_t i = 0; i < count; i++) {
        const struct ms_count *own = count_of(c, names[i]->name);

        fputs("<td>", out);
        if (own)
            value_print(own, out);
    }
    fputc('\n', out);
}

static bool counts_print(const struct ms_result *r, const char *scenario, const char *title,
                         FILE *out)
{
    const struct ms_count *names[COUNT_NAMES];
    size_t count = count_names(r, scenario, names);

    if (count == 0)
        return false;
    fprintf(out,
            "<div class=\"scroll tall\" tabindex=0 role=region aria-label=\"Counts of %s\"><table "
            "class=\"plain sortable\"><caption><span>%s, per operation; lower is "
            "better</span></caption><thead><tr><th scope=col>%s</th><th scope=col>shape</th><th "
            "scope=col>threads</th>",
            title, title, strcmp(scenario, MS_SCENARIO_MAP) == 0 ? "adapter" : "strategy");
    for (size_t i = 0; i < count; i++) {
        fputs("<th scope=col>", out);
        ms_print_html(out, names[i]->name);
        fputs(names[i]->model ? " (model, not measured)</th>" : "</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < r->cell_count; i++)
        if (ms_text_same(r->cells[i].scenario, scenario) && r->cells[i].count_count)
            count_row(&r->cells[i], names, count, out);
    fputs("</tbody></table></div>\n", out);
    return true;
}

void ms_page_counts(const struct ms_result *r, FILE *out)
{
    const char *shape;
    bool has_any = false;

    for (size_t i = 0; i < DIGESTS_MAX && (shape = digest_shape(r, i)) != NULL; i++) {
        bool is_counted = false;

        for (size_t k = 0; k < r->strategy_count; k++)
            is_counted = is_counted || has_counts(r, r->strategies[k].name, shape);
        if (!is_counted)
            continue;
        digest_print(r, shape, out);
        has_any = true;
    }
    waiting_print(r, out);
    if (has_any)
        help_print(out);
    fputs("<details><summary>All counts</summary>\n", out);
    bool pool = counts_print(r, MS_SCENARIO_POOL, "take + give", out);
    bool map = counts_print(r, MS_SCENARIO_MAP, "MapTransferEx + flush", out);
    if (!pool && !map)
        fputs("<p>This run counted nothing.</p>\n", out);
    fputs("</details>\n", out);
}
