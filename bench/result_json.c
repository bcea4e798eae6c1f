/* SPDX-License-Identifier: MIT */
/*
 * result_json.c: result.json, written and read from one description of the structs, so that the two
 * cannot drift apart. A form lists the fields of a struct: name in JSON, kind, place.
 *
 * Layout of the file: schema first, then one top-level key after the other, lists with one entry a
 * line, so that `grep` and `diff` work on it.
 */
#include "result.h"
#include "result_private.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_FULL = 12, DIGITS_LEAN = 5, FIELDS_MAX = 32 };

enum kind {
    KIND_TEXT,
    KIND_F64,
    KIND_U64,
    KIND_U32,
    KIND_FLAG,
    KIND_WORD,
    KIND_ESTIMATE,
    KIND_LIST
};

struct words {
    const char *const *names; /* by value of the enumeration */
    size_t count;
};

struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    const struct words *words; /* KIND_WORD */
    const struct form *form;   /* KIND_LIST: of its entries */
    size_t count_offset;       /* KIND_LIST */
};

struct form {
    size_t size;
    const struct field *fields;
    size_t count;
};

/* ---- the words ----------------------------------------------------------------------------------
 */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS(name, ...)                                                                           \
    static const char *const name##_names[] = {__VA_ARGS__};                                       \
    static const struct words name = {name##_names, COUNT(name##_names)}

WORDS(verdict_words, "not ranked", "faster", "slower", "same", "cannot tell");
WORDS(progress_words, "unknown", "blocking", "lock-free", "wait-free", "stranding");
WORDS(role_words, "contestant", "baseline", "null", "twin", "drag", "plugin");
WORDS(check_words, "not run", "passed", "failed");
WORDS(outcome_words, "measured", "refused", "failed", "crashed", "not run");
WORDS(plan_words, "default", "quick", "full", "custom");
WORDS(level_words, "note", "warning", "refused");

static const char *word_name(const struct words *w, unsigned value)
{
    return value < w->count ? w->names[value] : "unknown";
}

const char *ms_verdict_name(enum ms_verdict v)
{
    return word_name(&verdict_words, v);
}

const char *ms_progress_name(enum ms_progress p)
{
    return word_name(&progress_words, p);
}

const char *ms_outcome_name(enum ms_outcome o)
{
    return word_name(&outcome_words, o);
}

/* ---- the forms ----------------------------------------------------------------------------------
 */

#define TEXT(s, m)                                                                                 \
    {                                                                                              \
#m, KIND_TEXT, offsetof(struct s, m), NULL, NULL, 0                                        \
    }
#define F64(s, m)                                                                                  \
    {                                                                                              \
#m, KIND_F64, offsetof(struct s, m), NULL, NULL, 0                                         \
    }
#define U64(s, m)                                                                                  \
    {                                                                                              \
#m, KIND_U64, offsetof(struct s, m), NULL, NULL, 0                                         \
    }
#define U32(s, m)                                                                                  \
    {                                                                                              \
#m, KIND_U32, offsetof(struct s, m), NULL, NULL, 0                                         \
    }
#define FLAG(s, m)                                                                                 \
    {                                                                                              \
#m, KIND_FLAG, offsetof(struct s, m), NULL, NULL, 0                                        \
    }
#define EST(s, m)                                                                                  \
    {                                                                                              \
#m, KIND_ESTIMATE, offsetof(struct s, m), NULL, NULL, 0                                    \
    }
#define WORD(s, m, w)                                                                              \
    {                                                                                              \
#m, KIND_WORD, offsetof(struct s, m), &(w), NULL, 0                                        \
    }
#define LIST(s, m, c, f)                                                                           \
    {                                                                                              \
#m, KIND_LIST, offsetof(struct s, m), NULL, &(f), offsetof(struct s, c)                    \
    }
#define FORM(name, s, ...)                                                                         \
    static const struct field name##_fields[] = {__VA_ARGS__};                                     \
    static_assert(COUNT(name##_fields) <= FIELDS_MAX, "a table's columns must fit");               \
    static const struct form name = {sizeof(struct s), name##_fields, COUNT(name##_fields)}

/* A word is stored through an unsigned; every enumeration of result.h has that size. */
static_assert(sizeof(enum ms_verdict) == sizeof(unsigned) &&
                  sizeof(enum ms_level) == sizeof(unsigned),
              "enumerations are stored as unsigned");

FORM(run_form, ms_run, TEXT(ms_run, version), TEXT(ms_run, commit), FLAG(ms_run, tree_clean),
     TEXT(ms_run, started), TEXT(ms_run, host), TEXT(ms_run, machine), TEXT(ms_run, command),
     WORD(ms_run, plan, plan_words), U64(ms_run, seed), U32(ms_run, launches), U32(ms_run, blocks),
     F64(ms_run, seconds), U32(ms_run, cores), TEXT(ms_run, build), TEXT(ms_run, comparison_key),
     FLAG(ms_run, asserts_on), FLAG(ms_run, sanitized), FLAG(ms_run, debug_allowed),
     FLAG(ms_run, incomplete), FLAG(ms_run, interrupted));

FORM(fact_form, ms_fact, TEXT(ms_fact, group), TEXT(ms_fact, name), TEXT(ms_fact, value),
     TEXT(ms_fact, source));

FORM(note_form, ms_note, WORD(ms_note, level, level_words), TEXT(ms_note, id), TEXT(ms_note, text),
     TEXT(ms_note, help));

FORM(control_form, ms_control, TEXT(ms_control, thread_class), U32(ms_control, threads),
     EST(ms_control, harness), EST(ms_control, twin), WORD(ms_control, twin_verdict, verdict_words),
     EST(ms_control, drag), WORD(ms_control, drag_verdict, verdict_words),
     F64(ms_control, drag_true), F64(ms_control, visible), F64(ms_control, band),
     FLAG(ms_control, trusted), FLAG(ms_control, blunt));

FORM(strategy_form, ms_strategy, TEXT(ms_strategy, name), TEXT(ms_strategy, title),
     WORD(ms_strategy, role, role_words), FLAG(ms_strategy, is_default),
     WORD(ms_strategy, progress, progress_words), U32(ms_strategy, run_max),
     WORD(ms_strategy, conformance, check_words), WORD(ms_strategy, fuzz, check_words),
     U64(ms_strategy, fuzz_executions), F64(ms_strategy, fuzz_seconds));

FORM(adapter_form, ms_adapter, TEXT(ms_adapter, name), TEXT(ms_adapter, title),
     FLAG(ms_adapter, bounces));

FORM(shape_form, ms_shape, TEXT(ms_shape, name), TEXT(ms_shape, scenario), TEXT(ms_shape, title),
     U32(ms_shape, pages), U64(ms_shape, bytes), FLAG(ms_shape, recorded));

FORM(limit_form, ms_limit, TEXT(ms_limit, name), TEXT(ms_limit, title), TEXT(ms_limit, shape),
     U32(ms_limit, threads), U32(ms_limit, pages), U64(ms_limit, bytes), F64(ms_limit, elements),
     EST(ms_limit, time));

FORM(count_form, ms_count, TEXT(ms_count, name), F64(ms_count, per_op), FLAG(ms_count, model));

FORM(sample_form, ms_sample, U32(ms_sample, launch), U32(ms_sample, block),
     U32(ms_sample, position), U64(ms_sample, seed), U64(ms_sample, ops), U64(ms_sample, wall_ns),
     U64(ms_sample, cpu_ns), U64(ms_sample, run_delay_ns), F64(ms_sample, overlap),
     U32(ms_sample, repeats), FLAG(ms_sample, disturbed));

FORM(latency_form, ms_latency, F64(ms_latency, load), F64(ms_latency, pace_ns),
     FLAG(ms_latency, saturated), FLAG(ms_latency, disturbed), U64(ms_latency, values),
     F64(ms_latency, p50), F64(ms_latency, p90), F64(ms_latency, p99), F64(ms_latency, p999),
     F64(ms_latency, p9999), F64(ms_latency, largest), F64(ms_latency, floor));

FORM(cell_form, ms_cell, TEXT(ms_cell, name), TEXT(ms_cell, scenario), TEXT(ms_cell, strategy),
     TEXT(ms_cell, adapter), TEXT(ms_cell, shape), U32(ms_cell, threads), U32(ms_cell, registers),
     WORD(ms_cell, outcome, outcome_words), TEXT(ms_cell, why), FLAG(ms_cell, oversubscribed),
     FLAG(ms_cell, unbound), FLAG(ms_cell, mostly_harness), FLAG(ms_cell, poor_overlap),
     U32(ms_cell, disturbed), U32(ms_cell, repeated), EST(ms_cell, time), TEXT(ms_cell, limit),
     EST(ms_cell, of_limit), U64(ms_cell, bytes), TEXT(ms_cell, command),
     LIST(ms_cell, counts, count_count, count_form),
     LIST(ms_cell, latencies, latency_count, latency_form),
     LIST(ms_cell, samples, sample_count, sample_form));

FORM(pair_form, ms_pair, U32(ms_pair, cell), U32(ms_pair, base), EST(ms_pair, ratio),
     WORD(ms_pair, verdict, verdict_words), TEXT(ms_pair, why), U32(ms_pair, launches),
     U32(ms_pair, agreeing));

FORM(standing_form, ms_standing, TEXT(ms_standing, strategy), FLAG(ms_standing, ranked),
     U32(ms_standing, served), U32(ms_standing, cases), EST(ms_standing, ratio),
     WORD(ms_standing, verdict, verdict_words), TEXT(ms_standing, why));

FORM(ranking_form, ms_ranking, TEXT(ms_ranking, scenario), TEXT(ms_ranking, adapter),
     U32(ms_ranking, threads), LIST(ms_ranking, standings, standing_count, standing_form),
     TEXT(ms_ranking, leader), TEXT(ms_ranking, runner_up), EST(ms_ranking, lead),
     WORD(ms_ranking, lead_verdict, verdict_words), TEXT(ms_ranking, why), U32(ms_ranking, shapes));

FORM(result_form, ms_result, LIST(ms_result, facts, fact_count, fact_form),
     LIST(ms_result, notes, note_count, note_form),
     LIST(ms_result, controls, control_count, control_form),
     LIST(ms_result, strategies, strategy_count, strategy_form),
     LIST(ms_result, adapters, adapter_count, adapter_form),
     LIST(ms_result, shapes, shape_count, shape_form),
     LIST(ms_result, limits, limit_count, limit_form),
     LIST(ms_result, cells, cell_count, cell_form), LIST(ms_result, pairs, pair_count, pair_form),
     LIST(ms_result, rankings, ranking_count, ranking_form));

/* ---- writing ------------------------------------------------------------------------------------
 */

static json_t *entry_make(const struct form *form, const void *entry, enum ms_detail detail);

/* An object, or [value, low, high, count] where every byte counts. */
static json_t *estimate_make(const struct ms_estimate *e, enum ms_detail detail)
{
    if (e->count == 0)
        return NULL;
    if (detail == MS_DETAIL_LEAN)
        return json_pack("[f,f,f,i]", e->value, e->low, e->high, (int)e->count);
    return json_pack("{s:f,s:f,s:f,s:i}", "value", e->value, "low", e->low, "high", e->high,
                     "count", (int)e->count);
}

static json_t *list_make(const struct field *field, const void *at, size_t count,
                         enum ms_detail detail)
{
    const char *list = *(const char *const *)at;
    bool is_lean = detail == MS_DETAIL_LEAN;

    if (is_lean && (count == 0 || field->form == &sample_form))
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, entry_make(field->form, list + i * field->form->size, detail));
    return array;
}

/* The JSON of one field, or NULL where nothing is to be written. */
static json_t *field_make(const struct field *field, const char *entry, enum ms_detail detail)
{
    const void *at = entry + field->offset;
    bool is_lean = detail == MS_DETAIL_LEAN;
    double number = 0;
    uint64_t integer = 0;

    switch (field->kind) {
    case KIND_TEXT:
        /* A literal that is not UTF-8 would be refused by jansson and silently vanish. */
        return *(const char *const *)at ? json_string(*(const char *const *)at) : NULL;
    case KIND_F64:
        number = *(const double *)at;
        return is_lean && number == 0 ? NULL : json_real(number);
    case KIND_U64:
        integer = *(const uint64_t *)at;
        break;
    case KIND_U32:
        integer = *(const uint32_t *)at;
        break;
    case KIND_FLAG:
        return is_lean && !*(const bool *)at ? NULL : json_boolean(*(const bool *)at);
    case KIND_WORD:
        if (is_lean && *(const unsigned *)at == 0)
            return NULL;
        return json_string(word_name(field->words, *(const unsigned *)at));
    case KIND_ESTIMATE:
        return estimate_make(at, detail);
    case KIND_LIST:
        return list_make(field, at, *(const size_t *)(entry + field->count_offset), detail);
    }
    return is_lean && integer == 0 ? NULL : json_integer((json_int_t)integer);
}

static json_t *entry_make(const struct form *form, const void *entry, enum ms_detail detail)
{
    json_t *object = json_object();

    for (size_t i = 0; i < form->count; i++) {
        json_t *value = field_make(&form->fields[i], entry, detail);
        if (value)
            json_object_set_new(object, form->fields[i].name, value);
    }
    return object;
}

static void json_print(json_t *value, FILE *out, enum ms_detail detail)
{
    size_t digits = detail == MS_DETAIL_LEAN ? DIGITS_LEAN : DIGITS_FULL;

    json_dumpf(value, out, JSON_COMPACT | JSON_REAL_PRECISION(digits));
    json_decref(value);
}

static void list_print(const struct form *form, const char *list, size_t count, FILE *out)
{
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        json_print(entry_make(form, list + i * form->size, MS_DETAIL_FULL), out, MS_DETAIL_FULL);
    }
    fputc(']', out);
}

/* A page has room for so many pairs; beyond, it keeps those with the baseline. */
static bool pair_fits(const struct ms_result *r, size_t i)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    const struct ms_pair *p = &r->pairs[i];

    return r->pair_count <= MS_LEAN_PAIRS_MAX || !base ||
           ms_text_same(r->cells[p->cell].strategy, base->name) ||
           ms_text_same(r->cells[p->base].strategy, base->name);
}

/* A name that follows from the keys need not be carried along. */
static bool is_name_regular(const struct ms_cell *c)
{
    char *regular = ms_cell_name_new(c);
    bool is_regular = ms_text_same(regular, c->name);

    free(regular);
    return is_regular;
}

static bool entry_fits(const struct ms_result *r, const struct form *form, size_t i)
{
    return form != &pair_form || pair_fits(r, i);
}

/* Which fields any entry has, and the entries as objects that lack what is zero, false or none. */
static json_t *entries_make(const struct ms_result *r, const struct form *form, const char *list,
                            size_t count, bool *used)
{
    json_t *entries = json_array();

    for (size_t i = 0; i < count; i++) {
        if (!entry_fits(r, form, i))
            continue;
        json_t *entry = entry_make(form, list + i * form->size, MS_DETAIL_LEAN);
        if (form == &cell_form && is_name_regular((const struct ms_cell *)(const void *)list + i))
            json_object_del(entry, "name");
        for (size_t f = 0; f < form->count; f++)
            used[f] |= json_object_get(entry, form->fields[f].name) != NULL;
        json_array_append_new(entries, entry);
    }
    return entries;
}

/* A table: the names of the columns once, then one row an entry; 0 stands for what is not there.
 * Names of fields would be half of a page. */
static void table_print(const struct ms_result *r, const struct form *form, const char *list,
                        size_t count, FILE *out)
{
    bool used[FIELDS_MAX] = {false};
    json_t *entries = entries_make(r, form, list, count, used);
    json_t *columns = json_array();

    for (size_t f = 0; f < form->count; f++)
        if (used[f])
            json_array_append_new(columns, json_string(form->fields[f].name));
    fputs("{\"columns\":", out);
    json_print(columns, out, MS_DETAIL_LEAN);
    fputs(",\"rows\":[", out);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *row = json_array();
        for (size_t f = 0; f < form->count; f++) {
            json_t *value = json_object_get(json_array_get(entries, i), form->fields[f].name);
            if (used[f])
                json_array_append_new(row, value ? json_incref(value) : json_integer(0));
        }
        fputs(i == 0 ? "\n" : ",\n", out);
        json_print(row, out, MS_DETAIL_LEAN);
    }
    fputs("]}", out);
    json_decref(entries);
}

bool ms_result_print(const struct ms_result *r, FILE *out, enum ms_detail detail)
{
    fprintf(out, "{\"schema\":\"%s\",\n\"run\":", MS_RESULT_SCHEMA);
    json_print(entry_make(&run_form, &r->run, detail), out, detail);
    for (size_t f = 0; f < result_form.count; f++) {
        const struct field *field = &result_form.fields[f];
        const char *list = *(const char *const *)((const char *)r + field->offset);
        size_t count = *(const size_t *)((const char *)r + field->count_offset);
        fprintf(out, ",\n\"%s\":", field->name);
        if (detail == MS_DETAIL_LEAN)
            table_print(r, field->form, list, count, out);
        else
            list_print(field->form, list, count, out);
    }
    fputs("}\n", out);
    return !ferror(out);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

/* Where the reader is and how it reports: `file: cells[3].time.low: what is wrong`. */
struct reader {
    struct ms_result *result;
    const char *file;
    struct ms_problem *problem;
};

bool ms_problem_set(struct ms_problem *problem, enum ms_exit code, const char *format, ...)
{
    va_list list;

    problem->exit = code;
    va_start(list, format);
    vsnprintf(problem->text, sizeof(problem->text), format, list);
    va_end(list);
    return false;
}

/* A place in the file, as a chain on the stack: it becomes text only when something is wrong. */
struct place {
    const struct place *up; /* NULL for the file itself */
    const char *name;       /* of a field, or NULL for an entry of a list */
    size_t index;
};

static void place_print(const struct place *at, FILE *out)
{
    if (!at->up)
        return;
    place_print(at->up, out);
    if (at->name)
        fprintf(out, "%s%s", at->up->up ? "." : "", at->name);
    else
        fprintf(out, "[%zu]", at->index);
}

/* Says where and what; answers false. */
static bool wrong(struct reader *d, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool wrong(struct reader *d, const struct place *at, const char *format, ...)
{
    FILE *out = fmemopen(d->problem->text, sizeof(d->problem->text), "w");
    va_list list;

    d->problem->exit = MS_EXIT_USAGE;
    if (!out)
        return false;
    fprintf(out, "%s: ", d->file);
    place_print(at, out);
    fputs(at->up ? ": " : "", out);
    va_start(list, format);
    vfprintf(out, format, list);
    va_end(list);
    fclose(out);
    return false;
}

static const char *json_kind(const json_t *value)
{
    static const char *const names[] = {"an object", "a list", "a string", "a whole number",
                                        "a number",  "true",   "false",    "null"};
    return names[json_typeof(value)];
}

static bool wrong_kind(struct reader *d, const struct place *at, const char *want,
                       const json_t *got)
{
    return wrong(d, at, "expected %s, found %s", want, json_kind(got));
}

static bool entry_read(struct reader *d, const struct form *form, const json_t *object, void *entry,
                       const struct place *at);
static bool field_read(struct reader *d, const struct field *field, const json_t *value,
                       char *entry, const struct place *at);

static bool whole_read(struct reader *d, const json_t *value, uint64_t max, uint64_t *number,
                       const struct place *at)
{
    if (!json_is_integer(value))
        return wrong_kind(d, at, "a whole number", value);
    if (json_integer_value(value) < 0 && max != UINT64_MAX)
        return wrong(d, at, "is negative");
    *number = (uint64_t)json_integer_value(value);
    if (*number > max)
        return wrong(d, at, "%llu is too large", (unsigned long long)*number);
    return true;
}

static bool word_read(struct reader *d, const struct field *field, const json_t *value,
                      unsigned *word, const struct place *at)
{
    if (!json_is_string(value))
        return wrong_kind(d, at, "a string", value);
    for (size_t i = 0; i < field->words->count; i++) {
        if (strcmp(field->words->names[i], json_string_value(value)) == 0) {
            *word = (unsigned)i;
            return true;
        }
    }
    return wrong(d, at, "\"%.40s\" is not one of its words", json_string_value(value));
}

static bool estimate_read(struct reader *d, const json_t *value, struct ms_estimate *e,
                          const struct place *at)
{
    static const struct field fields[] = {F64(ms_estimate, value), F64(ms_estimate, low),
                                          F64(ms_estimate, high), U32(ms_estimate, count)};
    static const struct form form = {sizeof(struct ms_estimate), fields, COUNT(fields)};

    if (json_is_array(value)) {
        json_int_t count = 0;
        if (json_unpack((json_t *)(uintptr_t)value, "[FFFI!]", &e->value, &e->low, &e->high,
                        &count) != 0 ||
            count < 0 || count > UINT32_MAX)
            return wrong(d, at, "expected [value, low, high, count]");
        e->count = (uint32_t)count;
        return true;
    }
    return entry_read(d, &form, value, e, at);
}

/* A row of a table. Unknown columns are ignored, 0 is what is not there. */
static bool row_read(struct reader *d, const struct form *form, const json_t *columns,
                     const json_t *row, void *entry, const struct place *at)
{
    if (!json_is_array(row) || json_array_size(row) != json_array_size(columns))
        return wrong(d, at, "expected a row of %zu values", json_array_size(columns));
    for (size_t c = 0; c < json_array_size(columns); c++) {
        const char *name = json_string_value(json_array_get(columns, c));
        const json_t *value = json_array_get(row, c);
        if (!name || (json_is_integer(value) && json_integer_value(value) == 0))
            continue;
        for (size_t f = 0; f < form->count; f++) {
            const struct place inner = {at, form->fields[f].name, 0};
            if (strcmp(form->fields[f].name, name) == 0 &&
                !field_read(d, &form->fields[f], value, entry, &inner))
                return false;
        }
    }
    return true;
}

static bool list_read(struct reader *d, const struct field *field, const json_t *value, char *entry,
                      const struct place *at)
{
    void **list = (void **)(void *)(entry + field->offset);
    size_t *count = (size_t *)(void *)(entry + field->count_offset);

    const json_t *columns = json_object_get(value, "columns");
    const json_t *rows = json_is_array(columns) ? json_object_get(value, "rows") : value;

    if (!json_is_array(rows))
        return wrong_kind(d, at, "a list", rows ? rows : value);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const struct place inner = {at, NULL, i};
        *list = ms_list_grow(*list, count, field->form->size);
        void *own = (char *)*list + i * field->form->size;
        const json_t *row = json_array_get(rows, i);
        if (columns ? !row_read(d, field->form, columns, row, own, &inner)
                    : !entry_read(d, field->form, row, own, &inner))
            return false;
    }
    return true;
}

static bool field_read(struct reader *d, const struct field *field, const json_t *value,
                       char *entry, const struct place *at)
{
    void *memory = entry + field->offset;
    uint64_t number;

    switch (field->kind) {
    case KIND_TEXT:
        if (!json_is_string(value))
            return wrong_kind(d, at, "a string", value);
        *(const char **)memory = ms_result_copy(d->result, json_string_value(value));
        return true;
    case KIND_F64:
        if (!json_is_number(value))
            return wrong_kind(d, at, "a number", value);
        *(double *)memory = json_number_value(value);
        return true;
    case KIND_U64:
        return whole_read(d, value, UINT64_MAX, memory, at);
    case KIND_U32:
        if (!whole_read(d, value, UINT32_MAX, &number, at))
            return false;
        *(uint32_t *)memory = (uint32_t)number;
        return true;
    case KIND_FLAG:
        if (!json_is_boolean(value))
            return wrong_kind(d, at, "true or false", value);
        *(bool *)memory = json_is_true(value);
        return true;
    case KIND_WORD:
        return word_read(d, field, value, memory, at);
    case KIND_ESTIMATE:
        return estimate_read(d, value, memory, at);
    case KIND_LIST:
        return list_read(d, field, value, entry, at);
    }
    return true;
}

/* Unknown fields are ignored, missing and null ones stay zero: files of other versions stay
 * readable. */
static bool entry_read(struct reader *d, const struct form *form, const json_t *object, void *entry,
                       const struct place *at)
{
    if (!json_is_object(object))
        return wrong_kind(d, at, "an object", object);
    for (size_t i = 0; i < form->count; i++) {
        const json_t *value = json_object_get(object, form->fields[i].name);
        const struct place inner = {at, form->fields[i].name, 0};
        if (!value || json_is_null(value))
            continue;
        if (!field_read(d, &form->fields[i], value, entry, &inner))
            return false;
    }
    return true;
}

/* Cells of a table come without the names that follow from their keys. */
static void names_complete(struct ms_result *r)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        struct ms_cell *c = &r->cells[i];
        if (!c->name && c->scenario && c->strategy && c->shape)
            c->name = ms_cell_name(r, c);
    }
}

static const struct place top = {NULL, NULL, 0};

static bool schema_check(struct reader *d, const json_t *root)
{
    const char *schema = json_string_value(json_object_get(root, "schema"));

    if (!json_is_object(root))
        return wrong_kind(d, &top, "an object", root);
    if (!schema)
        return ms_problem_set(d->problem, MS_EXIT_USAGE,
                              "%s: schema: missing; a result file begins with {\"schema\":\"%s\"",
                              d->file, MS_RESULT_SCHEMA);
    if (strcmp(schema, MS_RESULT_SCHEMA) != 0)
        return ms_problem_set(d->problem, MS_EXIT_USAGE,
                              "%s: schema: is \"%.40s\", this program reads \"%s\"", d->file,
                              schema, MS_RESULT_SCHEMA);
    return true;
}

static bool root_read(struct reader *d, const json_t *root)
{
    const json_t *run = json_object_get(root, "run");
    const struct place at_run = {&top, "run", 0};

    if (!schema_check(d, root))
        return false;
    if (run && !entry_read(d, &run_form, run, &d->result->run, &at_run))
        return false;
    if (!entry_read(d, &result_form, root, d->result, &top))
        return false;
    names_complete(d->result);
    return ms_result_check(d->result, d->file, d->problem);
}

struct ms_result *ms_result_parse(const char *name, const char *text, size_t length,
                                  struct ms_problem *problem)
{
    struct reader d = {.file = name, .problem = problem};
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

    if (!root) {
        ms_problem_set(problem, MS_EXIT_USAGE, "%s: line %d: not JSON: %s", name, error.line,
                       error.text);
        return NULL;
    }
    d.result = ms_result_new();
    bool good = root_read(&d, root);
    json_decref(root);
    if (good)
        return d.result;
    ms_result_free(d.result);
    return NULL;
}

struct ms_result *ms_result_read(const char *path, struct ms_problem *problem)
{
    FILE *in = fopen(path, "rb");
    struct ms_result *r = NULL;
    char *text = NULL;
    size_t length = 0;
    bool at_end = false;

    if (!in) {
        ms_problem_set(problem, MS_EXIT_USAGE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    FILE *sink = open_memstream(&text, &length);
    if (!sink) {
        ms_problem_set(problem, MS_EXIT_INCOMPLETE, "%s: %s", path, strerror(errno));
        goto close_in;
    }
    for (char part[65536]; !at_end;) {
        size_t got = fread(part, 1, sizeof(part), in);
        at_end = got == 0;
        fwrite(part, 1, got, sink);
    }
    int failure = ferror(in) ? errno : 0;
    if (fclose(sink) != 0)
        failure = ENOMEM;
    if (failure)
        ms_problem_set(problem, MS_EXIT_USAGE, "%s: %s", path, strerror(failure));
    else
        r = ms_result_parse(path, text, length, problem);
    free(text);

close_in:
    fclose(in);
    return r;
}
