/* SPDX-License-Identifier: MIT */
/*
 * result_json.c: result.json as it is written: schema first, then one top-level key after the other,
 * lists with one entry a line, so that `grep` and `diff` work on it. What a page embeds is the same with
 * less (MS_DETAIL_LEAN).
 */
#include "result_form.h"
#include "result_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_FULL = 12, DIGITS_LEAN = 5 };

static json_t *entry_make(const struct ms_form *form, const void *entry, enum ms_detail detail);

/* An object, or [value, low, high, count] where every byte counts. */
static json_t *estimate_make(const struct ms_estimate *e, enum ms_detail detail)
{
    if (e->count == 0)
        return NULL;
    if (detail == MS_DETAIL_LEAN)
        return json_pack("[f,f,f,I]", e->value, e->low, e->high, (json_int_t)e->count);
    return json_pack("{s:f,s:f,s:f,s:I}", "value", e->value, "low", e->low, "high", e->high,
                     "count", (json_int_t)e->count);
}

static json_t *list_make(const struct ms_field *field, const void *at, size_t count,
                         enum ms_detail detail)
{
    const char *list = *(const char *const *)at;
    bool is_lean = detail == MS_DETAIL_LEAN;

    if (is_lean && (count == 0 || field->form == &ms_sample_form))
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, entry_make(field->form, list + i * field->form->size, detail));
    return array;
}

/* The JSON of one field, or NULL where nothing is to be written. */
static json_t *field_make(const struct ms_field *field, const char *entry, enum ms_detail detail)
{
    const void *at = entry + field->offset;
    bool is_lean = detail == MS_DETAIL_LEAN;
    double number = 0;
    uint64_t integer = 0;

    switch (field->kind) {
    case MS_FIELD_TEXT:
        /* A literal that is not UTF-8 would be refused by jansson and silently vanish. */
        return *(const char *const *)at ? json_string(*(const char *const *)at) : NULL;
    case MS_FIELD_F64:
        number = *(const double *)at;
        return is_lean && number == 0 ? NULL : json_real(number);
    case MS_FIELD_U64:
        integer = *(const uint64_t *)at;
        break;
    case MS_FIELD_U32:
        integer = *(const uint32_t *)at;
        break;
    case MS_FIELD_FLAG:
        return is_lean && !*(const bool *)at ? NULL : json_boolean(*(const bool *)at);
    case MS_FIELD_WORD:
        if (is_lean && *(const unsigned *)at == 0)
            return NULL;
        return json_string(ms_word_name(field->words, *(const unsigned *)at));
    case MS_FIELD_ESTIMATE:
        return estimate_make(at, detail);
    case MS_FIELD_LIST:
        return list_make(field, at, *(const size_t *)(entry + field->count_offset), detail);
    }
    return is_lean && integer == 0 ? NULL : json_integer((json_int_t)integer);
}

static json_t *entry_make(const struct ms_form *form, const void *entry, enum ms_detail detail)
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

static void list_print(const struct ms_form *form, const char *list, size_t count, FILE *out)
{
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        json_print(entry_make(form, list + i * form->size, MS_DETAIL_FULL), out, MS_DETAIL_FULL);
    }
    fputc(']', out);
}

static bool pair_has(const struct ms_result *r, const struct ms_pair *p,
                     const struct ms_strategy *s)
{
    return s && (ms_text_same(r->cells[p->cell].strategy, s->name) ||
                 ms_text_same(r->cells[p->base].strategy, s->name));
}

/* A page has room for so many pairs; beyond, it keeps those with the baseline and with the default. */
static bool pair_fits(const struct ms_result *r, size_t i)
{
    const struct ms_strategy *base = ms_result_baseline(r);

    return r->pair_count <= MS_LEAN_PAIRS_MAX || !base || pair_has(r, &r->pairs[i], base) ||
           pair_has(r, &r->pairs[i], ms_result_default(r));
}

/* A name that follows from the keys need not be carried along. */
static bool is_name_regular(const struct ms_cell *c)
{
    char *regular = ms_cell_name_new(c);
    bool is_regular = ms_text_same(regular, c->name);

    free(regular);
    return is_regular;
}

/* Counts of a cell as index, value, index, value: their names stand once, in `names`. */
static json_t *counts_make(const json_t *counts, json_t *names)
{
    json_t *flat = json_array();
    size_t i, k;
    json_t *count, *known;

    json_array_foreach(counts, i, count)
    {
        json_t *value = json_object_get(count, "per_op");
        json_t *name = json_pack("[O,b]", json_object_get(count, "name"),
                                 json_is_true(json_object_get(count, "model")));
        size_t at = json_array_size(names);

        json_array_foreach(names, k, known) if (json_equal(known, name)) at = k;
        if (at == json_array_size(names))
            json_array_append(names, name);
        json_decref(name);
        json_array_append_new(flat, json_integer((json_int_t)at));
        json_array_append_new(flat, value ? json_incref(value) : json_integer(0));
    }
    return flat;
}

static bool is_command_regular(const struct ms_result *r, const struct ms_cell *c)
{
    char *regular = ms_cell_command_new(r, c);
    bool is_regular = regular && ms_text_same(regular, c->command);

    free(regular);
    return is_regular;
}

/* Leaves out of a lean cell what follows from its keys, and makes its counts short. */
static void cell_shorten(const struct ms_result *r, const struct ms_cell *c, json_t *entry,
                         json_t *names)
{
    json_t *counts = json_object_get(entry, "counts");

    if (is_name_regular(c))
        json_object_del(entry, "name");
    if (is_command_regular(r, c))
        json_object_del(entry, "command");
    if (counts)
        json_object_set_new(entry, "counts", counts_make(counts, names));
}

static bool entry_fits(const struct ms_result *r, const struct ms_form *form, size_t i)
{
    return form != &ms_pair_form || pair_fits(r, i);
}

/* Which fields any entry has, and the entries as objects that lack what is zero, false or none. */
static json_t *entries_make(const struct ms_result *r, const struct ms_form *form, const char *list,
                            size_t count, bool *used, json_t *names)
{
    json_t *entries = json_array();

    for (size_t i = 0; i < count; i++) {
        if (!entry_fits(r, form, i))
            continue;
        json_t *entry = entry_make(form, list + i * form->size, MS_DETAIL_LEAN);
        if (form == &ms_cell_form)
            cell_shorten(r, (const struct ms_cell *)(const void *)list + i, entry, names);
        for (size_t f = 0; f < form->count; f++)
            used[f] |= json_object_get(entry, form->fields[f].name) != NULL;
        json_array_append_new(entries, entry);
    }
    return entries;
}

/* A table: the names of the columns once, then one row an entry; 0 stands for what is not there.
 * Names of fields would be half of a page. */
static void table_print(const struct ms_result *r, const struct ms_form *form, const char *list,
                        size_t count, json_t *names, FILE *out)
{
    bool used[MS_FIELDS_MAX] = {false};
    json_t *entries = entries_make(r, form, list, count, used, names);
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
    json_t *names = json_array();

    fprintf(out, "{\"schema\":\"%s\",\n\"run\":", MS_RESULT_SCHEMA);
    json_print(entry_make(&ms_run_form, &r->run, detail), out, detail);
    for (size_t f = 0; f < ms_result_form.count; f++) {
        const struct ms_field *field = &ms_result_form.fields[f];
        const char *list = *(const char *const *)((const char *)r + field->offset);
        size_t count = *(const size_t *)((const char *)r + field->count_offset);
        fprintf(out, ",\n\"%s\":", field->name);
        if (detail == MS_DETAIL_LEAN)
            table_print(r, field->form, list, count, names, out);
        else
            list_print(field->form, list, count, out);
    }
    if (json_array_size(names) > 0) {
        fputs(",\n\"count_names\":", out);
        json_print(json_incref(names), out, detail);
    }
    json_decref(names);
    fputs("}\n", out);
    return !ferror(out);
}
