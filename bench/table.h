/* SPDX-License-Identifier: MIT */
/* table.h: a grid of short texts with a colour each, for terminals. Row by row, left to right. */
#ifndef MS_TABLE_H
#define MS_TABLE_H

#include "result.h"

enum ms_ink { MS_INK_PLAIN, MS_INK_HEAD, MS_INK_GOOD, MS_INK_BAD, MS_INK_DIM, MS_INK_BOLD };

struct ms_grid_cell {
    char *text;
    enum ms_ink ink;
};

struct ms_grid {
    struct ms_grid_cell *cells;
    size_t count, columns;
};

struct ms_grid *ms_grid_new(size_t columns);
void ms_grid_free(struct ms_grid *g);
void ms_grid_add(struct ms_grid *g, enum ms_ink ink, const char *text);
/* A cell against the strategy `base` of its case: ratio with verdict, or what else happened. */
void ms_grid_add_ratio(struct ms_grid *g, const struct ms_result *r, size_t cell, const char *base);
void ms_grid_print(const struct ms_grid *g, bool color, FILE *out);

#endif
