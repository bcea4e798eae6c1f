/* SPDX-License-Identifier: MIT */
/*
 * physmem.h: what a machine's memory is made of. Private to the memory floor.
 */
#ifndef MS_PHYSMEM_H
#define MS_PHYSMEM_H

#include "memory/memory.h"
#include "memory/page_set.h"

/* Addresses for views, and what each of their pages shows. */
struct ms_window {
    uint8_t *base;            /* const; MS_WINDOW_PAGES pages, unusable where no view is */
    struct ms_page_set pages; /* each view takes its pages and a guard page behind them */
    ms_atomic_u64 *shows;     /* const pointer; a union ms_shown a page; 0: nothing */
    ms_atomic_u64 runs;       /* mappings in use, at most MS_VIEW_RUNS_MAX */
};

#define MS_WINDOW_PAGES (UINT64_C(1) << 24) /* 64 GiB of addresses a machine; none cost memory */

struct ms_memory {
    struct ms_memory_map map; /* first: see ms_memory_map_of; const after create */
    struct ms_host_memory host;
    struct ms_page_set frames;
    struct ms_window window;
};
static_assert(offsetof(struct ms_memory, map) == 0, "callers reach the map through the pointer");

bool ms_window_init(struct ms_window *window);
void ms_window_fini(struct ms_window *window);

#endif
