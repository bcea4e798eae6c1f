/* SPDX-License-Identifier: MIT */
/*
 * compare.c: `mapstorm report` and `mapstorm compare`: what can be done with stored results. No
 * statistic is made here. One file shows its ratios and verdicts as stored. Files from different
 * moments are not paired: their times stand side by side without a verdict, their exact counts are
 * compared exactly.
 */
#include "answer.h"
#include "emit.h"
#include "result_private.h"
#include "table.h"
#include "words.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- report -------------------------------------------------------------------------------------
 */

/* The folder of a path: "." where it names none. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        strcpy(folder, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static enum ms_exit problem_tell(const struct ms_problem *problem, FILE *err)
{
    fprintf(err, "mapstorm: %s\n", problem->text);
    return problem->exit;
}

enum ms_exit ms_command_report(const char *file, const char *folder, FILE *out, FILE *err)
{
    struct ms_problem problem = {0};
    char own[PATH_MAX];

    if (strlen(file) >= sizeof(own)) {
        fputs("mapstorm: the file's name is too long\n", err);
        return MS_EXIT_USAGE;
    }
    struct ms_result *r = ms_result_read(file, &problem);
    if (!r)
        return problem_tell(&problem, err);
    folder_of(file, own);
    bool good = folder ? ms_report_write(r, folder, &problem) : ms_report_rewrite(r, own, &problem);
    ms_result_free(r);
    if (!good)
        return problem_tell(&problem, err);
    fprintf(out, "page      %s/page.html\n", folder ? folder : own);
    return MS_EXIT_OK;
}

/* ---- keys of a cell name ------------------------------------------------------------------------
 */

enum { VALUE_LENGTH = 128, GROUPS_MAX = 4096 };

static const char *const known_keys[] = {"scenario", "strategy", "adapter",
                                         "shape",    "threads",  "registers"};

/* The value of `key` in a cell's name; "" when it has none. The scenario is what comes first. */
static void key_value(const struct ms_cell *c, const char *key, char value[VALUE_LENGTH])
{
    size_t length = strlen(key);
    const char *at = c->name;

    if (strcmp(key, "scenario") == 0) {
        snprintf(value, VALUE_LENGTH, "%s", c->scenario);
        return;
    }
    value[0] = '\0';
    while ((at = strchr(at, '/')) != NULL) {
        at++;
        if (strncmp(at, key, length) == 0 && at[length] == ':') {
            snprintf(value, VALUE_LENGTH, "%.*s", (int)strcspn(at + length + 1, "/"),
                     at + length + 1);
            return;
        }
    }
}

static bool filter_matches(const struct ms_cell *c, const char *filter)
{
    const char *colon = strchr(filter, ':');
    char key[VALUE_LENGTH], value[VALUE_LENGTH];

    if (!colon)
        return strcmp(c->scenario, filter) == 0;
    snprintf(key, sizeof(key), "%.*s", (int)(colon - filter), filter);
    key_value(c, key, value);
    return strcmp(value, colon + 1) == 0;
}

/* Every filter matches; a control is shown only to those who ask for a strategy by name. */
static bool is_wanted(const struct ms_compare *c, const struct ms_result *r,
                      const struct ms_cell *cell)
{
    const struct ms_strategy *s = ms_result_strategy(r, cell->strategy);
    bool by_name = false;

    for (size_t i = 0; i < c->filter_count; i++)
        by_name |= strncmp(c->filters[i], "strategy:", 9) == 0;
    if (s && ms_strategy_is_control(s) && !by_name)
        return false;
    for (size_t i = 0; i < c->filter_count; i++)
        if (!filter_matches(cell, c->filters[i]))
            return false;
    return true;
}

/* ---- lists of distinct words --------------------------------------------------------------------
 */

struct set {
    char (*words)[VALUE_LENGTH];
    size_t count;
};

static size_t set_add(struct set *s, const char *word)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->words[i], word) == 0)
            return i;
    s->words = ms_list_grow(s->words, &s->count, sizeof(*s->words));
    snprintf(s->words[s->count - 1], VALUE_LENGTH, "%s", word);
    return s->count - 1;
}

/* ---- one file -----------------------------------------------------------------------------------
 */

struct view {
    const struct ms_compare *c;
    const struct ms_result *r;
    const char *rows, *cols, *base;
};

/* What a table is about: all keys that are neither its rows nor its columns. */
static void group_name(const struct view *v, const struct ms_cell *cell, char name[VALUE_LENGTH])
{
    size_t length = 0;

    name[0] = '\0';
    for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++) {
        char value[VALUE_LENGTH];
        if (strcmp(known_keys[i], v->rows) == 0 || strcmp(known_keys[i], v->cols) == 0)
            continue;
        key_value(cell, known_keys[i], value);
        if (!*value || length >= VALUE_LENGTH - 1)
            continue;
        int more = snprintf(name + length, VALUE_LENGTH - length, "%s%s:%s", length ? "  " : "",
                            known_keys[i], value);
        length += more > 0 ? (size_t)more : 0;
    }
}

static size_t cell_in_group(const struct view *v, const char *group, const char *row,
                            const char *col)
{
    for (size_t i = 0; i < v->r->cell_count; i++) {
        const struct ms_cell *cell = &v->r->cells[i];
        char name[VALUE_LENGTH], own_row[VALUE_LENGTH], own_col[VALUE_LENGTH];
        if (!is_wanted(v->c, v->r, cell))
            continue;
        group_name(v, cell, name);
        key_value(cell, v->rows, own_row);
        key_value(cell, v->cols, own_col);
        if (strcmp(name, group) == 0 && strcmp(own_row, row) == 0 && strcmp(own_col, col) == 0)
            return i;
    }
    return MS_NONE;
}

static void group_print(const struct view *v, const char *group, FILE *out)
{
    struct set rows = {0}, cols = {0};

    for (size_t i = 0; i < v->r->cell_count; i++) {
        char name[VALUE_LENGTH], value[VALUE_LENGTH];
        group_name(v, &v->r->cells[i], name);
        if (strcmp(name, group) != 0 || !is_wanted(v->c, v->r, &v->r->cells[i]))
            continue;
        key_value(&v->r->cells[i], v->rows, value);
        set_add(&rows, value);
        key_value(&v->r->cells[i], v->cols, value);
        set_add(&cols, value);
    }
    fprintf(out, "\n%s\n", group);
    struct ms_grid *g = ms_grid_new(cols.count + 1);
    ms_grid_add(g, MS_INK_HEAD, v->rows);
    for (size_t i = 0; i < cols.count; i++)
        ms_grid_add(g, MS_INK_HEAD, *cols.words[i] ? cols.words[i] : "-");
    for (size_t y = 0; y < rows.count; y++) {
        ms_grid_add(g, MS_INK_PLAIN, *rows.words[y] ? rows.words[y] : "-");
        for (size_t x = 0; x < cols.count; x++) {
            size_t cell = cell_in_group(v, group, rows.words[y], cols.words[x]);
            if (cell == MS_NONE)
                ms_grid_add(g, MS_INK_DIM, "-");
            else
                ms_grid_add_ratio(g, v->r, cell, v->base);
        }
    }
    ms_grid_print(g, v->c->color, out);
    ms_grid_free(g);
    free(rows.words);
    free(cols.words);
}

static enum ms_exit one_print(const struct view *v, FILE *out, FILE *err)
{
    struct set groups = {0};

    for (size_t i = 0; i < v->r->cell_count; i++) {
        char name[VALUE_LENGTH];
        if (!is_wanted(v->c, v->r, &v->r->cells[i]))
            continue;
        group_name(v, &v->r->cells[i], name);
        set_add(&groups, name);
    }
    if (groups.count == 0) {
        fputs("mapstorm: no cell matches\n", err);
        return MS_EXIT_USAGE;
    }
    fprintf(out, "%s: times faster than %s; the baseline's own cells: time\n", v->c->files[0],
            v->base);
    for (size_t i = 0; i < groups.count; i++)
        group_print(v, groups.words[i], out);
    free(groups.words);
    return MS_EXIT_OK;
}

/* A stored "slower" than the baseline. The run that stored it paired the samples and left every
 * launch out in turn, so it is the verdict the gate may use. */
static size_t slower_print(const struct view *v, FILE *err)
{
    size_t count = 0;

    for (size_t i = 0; i < v->r->cell_count; i++) {
        const struct ms_cell *cell = &v->r->cells[i];
        const struct ms_strategy *s = ms_result_strategy(v->r, cell->strategy);
        struct ms_pair pair;
        if (!is_wanted(v->c, v->r, cell) || (s && ms_strategy_is_control(s)) ||
            !ms_result_pair(v->r, (uint32_t)i, v->base, &pair) || pair.verdict != MS_VERDICT_SLOWER)
            continue;
        fprintf(err, "mapstorm: slower than %s: %s %s %s\n", v->base, cell->name,
                ms_word_ratio(pair.ratio.value, "x").s, ms_word_ratio_interval(pair.ratio).s);
        count++;
    }
    return count;
}

/* ---- several files ------------------------------------------------------------------------------
 */

static const struct ms_cell *cell_named(const struct ms_result *r, const char *name)
{
    for (size_t i = 0; i < r->cell_count; i++)
        if (strcmp(r->cells[i].name, name) == 0)
            return &r->cells[i];
    return NULL;
}

/* The version of its scenario that a cell was measured with; 0: its file does not say. */
static uint32_t version_of(const struct ms_result *r, const struct ms_cell *c)
{
    const struct ms_shape *shape = ms_result_shape(r, c->scenario, c->shape);

    return shape ? shape->version : 0;
}

/* Whether a cell means the same in all files that have it. */
static bool means_the_same(const struct ms_compare *c, struct ms_result *const *r, const char *name)
{
    bool is_first = true, is_same = true;
    uint32_t version = 0;

    for (size_t f = 0; f < c->file_count; f++) {
        const struct ms_cell *cell = cell_named(r[f], name);
        if (!cell)
            continue;
        is_same = is_same && (is_first || version_of(r[f], cell) == version);
        version = version_of(r[f], cell);
        is_first = false;
    }
    return is_same;
}

static void time_add(struct ms_grid *g, const struct ms_cell *c)
{
    if (!c)
        ms_grid_add(g, MS_INK_DIM, "-");
    else if (c->outcome != MS_OUTCOME_MEASURED)
        ms_grid_add(g, MS_INK_DIM, ms_outcome_name(c->outcome));
    else
        ms_grid_add(g, MS_INK_PLAIN, ms_word_ns(c->time.value).s);
}

/* Says once a scenario which cells are not compared. */
static void different_print(const struct set *different, FILE *err)
{
    for (size_t i = 0; i < different->count; i++)
        fprintf(
            err,
            "mapstorm: not compared: %s: the files have different versions of it, which measure "
            "different things; measure both with one program\n",
            different->words[i]);
}

/* Names a cell among those to be compared, or its scenario among those that must not. */
static void cell_sort(const struct ms_compare *c, struct ms_result *const *r,
                      const struct ms_cell *cell, struct set *names, struct set *different)
{
    if (means_the_same(c, r, cell->name))
        set_add(names, cell->name);
    else
        set_add(different, cell->scenario);
}

/* False when no cell may be compared. */
static bool times_print(const struct ms_compare *c, struct ms_result *const *r, FILE *out,
                        FILE *err)
{
    struct set different = {0};
    struct ms_grid *g = ms_grid_new(c->file_count + 1);
    struct set names = {0};

    for (size_t f = 0; f < c->file_count; f++)
        for (size_t i = 0; i < r[f]->cell_count; i++)
            if (is_wanted(c, r[f], &r[f]->cells[i]))
                cell_sort(c, r, &r[f]->cells[i], &names, &different);
    different_print(&different, err);
    ms_grid_add(g, MS_INK_HEAD, "cell");
    for (size_t f = 0; f < c->file_count; f++)
        ms_grid_add(g, MS_INK_HEAD, c->files[f]);
    for (size_t n = 0; n < names.count; n++) {
        ms_grid_add(g, MS_INK_PLAIN, names.words[n]);
        for (size_t f = 0; f < c->file_count; f++)
            time_add(g, cell_named(r[f], names.words[n]));
    }
    bool has_any = names.count > 0 || different.count == 0;
    if (has_any)
        ms_grid_print(g, c->color, out);
    ms_grid_free(g);
    free(different.words);
    free(names.words);
    return has_any;
}

static const struct ms_count *count_named(const struct ms_cell *c, const char *name)
{
    for (size_t i = 0; i < c->count_count; i++)
        if (strcmp(c->counts[i].name, name) == 0)
            return &c->counts[i];
    return NULL;
}

/* Every count of a later file that differs from the first; how many of them grew. */
static size_t counts_print(const struct ms_compare *c, struct ms_result *const *r, size_t f,
                           FILE *out)
{
    size_t grown = 0;

    for (size_t i = 0; i < r[f]->cell_count; i++) {
        const struct ms_cell *now = &r[f]->cells[i];
        const struct ms_cell *then = is_wanted(c, r[f], now) ? cell_named(r[0], now->name) : NULL;
        if (then && version_of(r[0], then) != version_of(r[f], now))
            continue;
        for (size_t k = 0; then && k < now->count_count; k++) {
            const struct ms_count *before = count_named(then, now->counts[k].name);
            if (!before || before->per_op == now->counts[k].per_op)
                continue;
            bool is_more = now->counts[k].per_op > before->per_op;
            fprintf(out, "count %s: %s: %s per operation, was %.9g, is %.9g (%s)\n",
                    is_more ? "grew" : "fell", now->name, now->counts[k].name, before->per_op,
                    now->counts[k].per_op, c->files[f]);
            grown += is_more;
        }
    }
    return grown;
}

static enum ms_exit several_print(const struct ms_compare *c, struct ms_result *const *r, FILE *out,
                                  FILE *err)
{
    size_t grown = 0;

    for (size_t f = 1; f < c->file_count; f++)
        if (!ms_text_same(r[0]->run.comparison_key, r[f]->run.comparison_key))
            fprintf(out, "note: %s comes from another machine, compiler or version than %s\n",
                    c->files[f], c->files[0]);
    fputs("times per operation, side by side: these runs were not paired, so there is no "
          "verdict\n\n",
          out);
    if (!times_print(c, r, out, err))
        return MS_EXIT_USAGE;
    for (size_t f = 1; f < c->file_count; f++)
        grown += counts_print(c, r, f, out);
    return c->fail_if && grown ? MS_EXIT_GATE : MS_EXIT_OK;
}

/* ---- together -----------------------------------------------------------------------------------
 */

static bool key_ok(const char *key, FILE *err)
{
    for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++)
        if (strcmp(known_keys[i], key) == 0)
            return true;
    fprintf(err, "mapstorm: \"%s\" is no key of a cell name; there are:", key);
    for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++)
        fprintf(err, " %s", known_keys[i]);
    fputc('\n', err);
    return false;
}

static bool base_ok(const struct ms_result *r, const char *base, FILE *err)
{
    if (base && ms_result_strategy(r, base))
        return true;
    fprintf(err, "mapstorm: %s%s%s; the file has:", base ? "no strategy \"" : "no baseline",
            base ? base : "", base ? "\"" : "");
    for (size_t i = 0; i < r->strategy_count; i++)
        fprintf(err, " %s", r->strategies[i].name);
    fputc('\n', err);
    return false;
}

static enum ms_exit one_compare(const struct ms_compare *c, const struct ms_result *r, FILE *out,
                                FILE *err)
{
    const struct ms_strategy *own = ms_result_baseline(r);
    struct view v = {.c = c,
                     .r = r,
                     .rows = c->rows ? c->rows : "shape",
                     .cols = c->cols ? c->cols : "strategy",
                     .base = c->base ? c->base
                             : own   ? own->name
                                     : NULL};

    if (!base_ok(r, v.base, err))
        return MS_EXIT_USAGE;
    enum ms_exit code = one_print(&v, out, err);
    if (code == MS_EXIT_OK && c->fail_if && slower_print(&v, err) > 0)
        code = MS_EXIT_GATE;
    return code;
}

enum ms_exit ms_command_compare(const struct ms_compare *c, FILE *out, FILE *err)
{
    struct ms_result **r = calloc(c->file_count + 1, sizeof(struct ms_result *));
    struct ms_problem problem = {0};
    enum ms_exit code = MS_EXIT_USAGE;

    if (!r)
        return MS_EXIT_INCOMPLETE;
    if (c->file_count == 0) {
        fputs("mapstorm: compare needs a result file\n", err);
        goto done;
    }
    if (c->fail_if && strcmp(c->fail_if, "slower") != 0) {
        fprintf(err, "mapstorm: --fail-if knows \"slower\", not \"%s\"\n", c->fail_if);
        goto done;
    }
    if ((c->rows && !key_ok(c->rows, err)) || (c->cols && !key_ok(c->cols, err)))
        goto done;
    for (size_t f = 0; f < c->file_count; f++) {
        r[f] = ms_result_read(c->files[f], &problem);
        if (!r[f]) {
            code = problem_tell(&problem, err);
            goto done;
        }
    }
    code = c->file_count == 1 ? one_compare(c, r[0], out, err) : several_print(c, r, out, err);

done:
    for (size_t f = 0; f < c->file_count; f++)
        ms_result_free(r[f]);
    free(r);
    return code;
}
