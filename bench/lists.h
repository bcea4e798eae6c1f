/* SPDX-License-Identifier: MIT */
/*
 * lists.h: the scenario list as rows: of each shape what bounds its list, what one would write, and what
 * each of our ways takes. The scenario measures only limits, so a result holds them there.
 */
#ifndef MS_LISTS_H
#define MS_LISTS_H

#include "result.h"

enum ms_list_way { MS_LIST_SCALAR, MS_LIST_AVX2, MS_LIST_AVX512, MS_LIST_WAYS };

struct ms_list_row {
    const char *shape;
    uint32_t pages;
    uint64_t bytes;
    double elements;
    double limit;           /* ns: the longest of what every builder has to do */
    const char *limit_word; /* "read" "store" "chase" */
    double naive;           /* ns; 0: not measured, as all below */
    double way[MS_LIST_WAYS];
    enum ms_list_way best;
};

/* The index-th shape that has a limit and one of our ways; false behind the last. */
bool ms_list_row(const struct ms_result *r, size_t index, struct ms_list_row *row);
const char *ms_list_way_name(enum ms_list_way way);
/* Gigabytes (2^30) that lists made one after the other map in a second. */
double ms_list_gib(const struct ms_list_row *row);

#endif
