/* SPDX-License-Identifier: MIT */
/* lists.c: rows of the list step, and their table in the terminal. */
#include "lists.h"

#include <string.h>

static const char *const way_names[MS_LIST_WAYS] = {"scalar", "avx2", "avx512"};
static const char *const limit_words[] = {"read", "store", "chase"};

const char *ms_list_way_name(enum ms_list_way way)
{
    return way_names[way];
}

static double time_of(const struct ms_result *r, const char *shape, const char *what)
{
    char name[32];

    snprintf(name, sizeof name, "list-%s", what);
    for (size_t i = 0; i < r->limit_count; i++) {
        const struct ms_limit *l = &r->limits[i];
        if (ms_text_same(l->name, name) && ms_text_same(l->shape, shape) && l->elements > 0.0)
            return l->time.count > 0 ? l->time.value : 0.0;
    }
    return 0.0;
}

static bool row_fill(const struct ms_result *r, const struct ms_limit *first,
                     struct ms_list_row *row)
{
    *row = (struct ms_list_row){.shape = first->shape,
                                .pages = first->pages,
                                .bytes = first->bytes,
                                .elements = first->elements};
    for (size_t i = 0; i < sizeof limit_words / sizeof *limit_words; i++) {
        double ns = time_of(r, first->shape, limit_words[i]);
        if (ns <= row->limit)
            continue;
        row->limit = ns;
        row->limit_word = limit_words[i];
    }
    row->naive = time_of(r, first->shape, "naive");
    for (enum ms_list_way way = 0; way < MS_LIST_WAYS; way++) {
        row->way[way] = time_of(r, first->shape, way_names[way]);
        if (row->way[way] > 0.0 &&
            (row->way[row->best] <= 0.0 || row->way[way] < row->way[row->best]))
            row->best = way;
    }
    return row->limit > 0.0 && row->way[row->best] > 0.0;
}

bool ms_list_row(const struct ms_result *r, size_t index, struct ms_list_row *row)
{
    for (size_t i = 0; i < r->limit_count; i++) {
        const struct ms_limit *l = &r->limits[i];

        /* The first of a shape stands for it. */
        if (l->shape && ms_text_same(l->name, "list-read") && l->elements > 0.0 &&
            row_fill(r, l, row) && index-- == 0)
            return true;
    }
    return false;
}

double ms_list_gib(const struct ms_list_row *row)
{
    return (double)row->bytes / row->way[row->best] * 1e9 / (double)(UINT64_C(1) << 30);
}
