/* SPDX-License-Identifier: MIT */
/*
 * result_read.c: a result file read back, full or lean. Whatever is wrong is said with the file and the
 * field: `file: cells[3].time.low: what is wrong`.
 */
#include "result_form.h"
#include "result_private.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Where the reader is and how it reports: `file: cells[3].time.low: what is wrong`. */
struct reader {
    struct ms_result *result;
    const char *file;
    struct ms_problem *problem;
    bool is_lean;              /* lists are tables: what follows from keys was left out */
    const json_t *count_names; /* of a lean file: [name, is of a model] */
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

static bool entry_read(struct reader *d, const struct ms_form *form, const json_t *object,
                       void *entry, const struct place *at);
static bool field_read(struct reader *d, const struct ms_field *field, const json_t *value,
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

static bool word_read(struct reader *d, const struct ms_field *field, const json_t *value,
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
    if (json_is_array(value)) {
        json_int_t count = 0;
        if (json_unpack((json_t *)(uintptr_t)value, "[FFFI!]", &e->value, &e->low, &e->high,
                        &count) != 0 ||
            count < 0 || count > UINT32_MAX)
            return wrong(d, at, "expected [value, low, high, count]");
        e->count = (uint32_t)count;
        return true;
    }
    return entry_read(d, &ms_estimate_form, value, e, at);
}

/* A row of a table. Unknown columns are ignored, 0 is what is not there. */
static bool row_read(struct reader *d, const struct ms_form *form, const json_t *columns,
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

/* Counts of a lean cell: index of the name, value, and so on. */
static bool counts_read(struct reader *d, const json_t *flat, void **list, size_t *count,
                        const struct place *at)
{
    for (size_t i = 0; i + 1 < json_array_size(flat); i += 2) {
        const json_t *index = json_array_get(flat, i), *value = json_array_get(flat, i + 1);
        const json_t *name = json_is_integer(index)
                                 ? json_array_get(d->count_names, (size_t)json_integer_value(index))
                                 : NULL;
        struct ms_count *own;

        if (!json_is_string(json_array_get(name, 0)) || !json_is_number(value))
            return wrong(d, at, "expected the index of a name and a number");
        *list = ms_list_grow(*list, count, sizeof *own);
        own = (struct ms_count *)*list + i / 2;
        own->name = ms_result_copy(d->result, json_string_value(json_array_get(name, 0)));
        own->per_op = json_number_value(value);
        own->model = json_is_true(json_array_get(name, 1));
    }
    return true;
}

static bool list_read(struct reader *d, const struct ms_field *field, const json_t *value,
                      char *entry, const struct place *at)
{
    void **list = (void **)(void *)(entry + field->offset);
    size_t *count = (size_t *)(void *)(entry + field->count_offset);

    const json_t *columns = json_object_get(value, "columns");
    const json_t *rows = json_is_array(columns) ? json_object_get(value, "rows") : value;

    if (!json_is_array(rows))
        return wrong_kind(d, at, "a list", rows ? rows : value);
    d->is_lean = d->is_lean || columns;
    if (field->form == &ms_count_form && json_is_number(json_array_get(rows, 0)))
        return counts_read(d, rows, list, count, at);
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

static bool field_read(struct reader *d, const struct ms_field *field, const json_t *value,
                       char *entry, const struct place *at)
{
    void *memory = entry + field->offset;
    uint64_t number;

    switch (field->kind) {
    case MS_FIELD_TEXT:
        if (!json_is_string(value))
            return wrong_kind(d, at, "a string", value);
        *(const char **)memory = ms_result_copy(d->result, json_string_value(value));
        return true;
    case MS_FIELD_F64:
        if (!json_is_number(value))
            return wrong_kind(d, at, "a number", value);
        *(double *)memory = json_number_value(value);
        return true;
    case MS_FIELD_U64:
        return whole_read(d, value, UINT64_MAX, memory, at);
    case MS_FIELD_U32:
        if (!whole_read(d, value, UINT32_MAX, &number, at))
            return false;
        *(uint32_t *)memory = (uint32_t)number;
        return true;
    case MS_FIELD_FLAG:
        if (!json_is_boolean(value))
            return wrong_kind(d, at, "true or false", value);
        *(bool *)memory = json_is_true(value);
        return true;
    case MS_FIELD_WORD:
        return word_read(d, field, value, memory, at);
    case MS_FIELD_ESTIMATE:
        return estimate_read(d, value, memory, at);
    case MS_FIELD_LIST:
        return list_read(d, field, value, entry, at);
    }
    return true;
}

/* Unknown fields are ignored, missing and null ones stay zero: files of other versions stay
 * readable. */
static bool entry_read(struct reader *d, const struct ms_form *form, const json_t *object,
                       void *entry, const struct place *at)
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

/* Cells of a table come without the names and commands that follow from their keys. */
static void cells_complete(struct ms_result *r, bool is_lean)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        struct ms_cell *c = &r->cells[i];
        if (!c->name && c->scenario && c->strategy && c->shape)
            c->name = ms_cell_name(r, c);
        if (is_lean && !c->command && c->scenario && c->strategy && c->shape) {
            char *command = ms_cell_command_new(r, c);

            c->command = ms_result_copy(r, command);
            free(command);
        }
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
    d->count_names = json_object_get(root, "count_names");
    if (run && !entry_read(d, &ms_run_form, run, &d->result->run, &at_run))
        return false;
    if (!entry_read(d, &ms_result_form, root, d->result, &top))
        return false;
    cells_complete(d->result, d->is_lean);
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
