/* SPDX-License-Identifier: MIT */
/*
 * result_form.h: the fields of a result's structs, described once: name in JSON, kind, place. The file
 * is written (result_json.c) and read (result_read.c) from this one description, so that the two cannot
 * drift apart.
 */
#ifndef MS_RESULT_FORM_H
#define MS_RESULT_FORM_H

#include "result.h"

enum { MS_FIELDS_MAX = 32 };

enum ms_field_kind {
    MS_FIELD_TEXT,
    MS_FIELD_F64,
    MS_FIELD_U64,
    MS_FIELD_U32,
    MS_FIELD_FLAG,
    MS_FIELD_WORD,
    MS_FIELD_ESTIMATE,
    MS_FIELD_LIST
};

struct ms_words {
    const char *const *names; /* by value of the enumeration */
    size_t count;
};

struct ms_field {
    const char *name;
    enum ms_field_kind kind;
    size_t offset;
    const struct ms_words *words; /* MS_FIELD_WORD */
    const struct ms_form *form;   /* MS_FIELD_LIST: of its entries */
    size_t count_offset;          /* MS_FIELD_LIST */
};

struct ms_form {
    size_t size;
    const struct ms_field *fields;
    size_t count;
};

/* The name of an enumeration's value, "unknown" beyond its names. */
const char *ms_word_name(const struct ms_words *w, unsigned value);

extern const struct ms_form ms_run_form, ms_count_form, ms_cell_form, ms_pair_form, ms_sample_form,
    ms_estimate_form;
extern const struct ms_form ms_result_form;

#endif
