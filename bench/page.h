/* SPDX-License-Identifier: MIT */
/*
 * page.h: between page.c, page_tables.c and the embedded template. The template is HTML with
 * {{name}} where a part goes; every part is printed by one function.
 */
#ifndef MS_PAGE_H
#define MS_PAGE_H

#include "result.h"

enum {
    MS_PAGE_TEMPLATE_MAX = 40 * 1024, /* template, style and script together */
    MS_PAGE_MAX = 500 * 1000,         /* the page with its data */
    MS_PAGE_COLOURS = 8, /* each with a dash; markers go round once more, so 64 combinations */
};

struct ms_page_text {
    const char *bytes;
    size_t length;
};

extern const struct ms_page_text ms_page_template, ms_page_style, ms_page_script;
extern const char ms_page_script_digest[];

typedef void ms_page_part(const struct ms_result *r, FILE *out);

/* Colour and marker of a strategy, by its place among those that are no controls. */
struct ms_page_style {
    unsigned colour, marker;
};

struct ms_page_style ms_page_style_of(const struct ms_result *r, const char *strategy);
/* A name with its marker. */
void ms_page_name(const struct ms_result *r, const char *strategy, FILE *out);

/* The tables: page_tables.c */
ms_page_part ms_page_matrices; /* strategy x shape, one for each thread count */
ms_page_part ms_page_map;      /* MapTransferEx: adapter x shape, with the share of the limit */
ms_page_part ms_page_counts;   /* exact counts */
ms_page_part ms_page_checks;   /* conformance and fuzzing */
ms_page_part ms_page_latency;  /* percentiles of each timed case: page_latency.c */
ms_page_part ms_page_lists;    /* the list step against its bounds: page_lists.c */
ms_page_part ms_page_system;   /* system DMA: page_system.c */
ms_page_part ms_page_numbers;  /* every cell */

#endif
