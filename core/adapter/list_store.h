/* SPDX-License-Identifier: MIT */
/*
 * list_store.h: memory for what the list routines allocate at DISPATCH_LEVEL: scatter/gather lists,
 * chains behind them; private to the floor.
 */
#ifndef MS_LIST_STORE_H
#define MS_LIST_STORE_H

#include "platform/platform.h"

enum { MS_LIST_CLASSES = 18 }; /* 256 bytes to 32 MiB, each twice the one before */

/* Blocks of one size. */
struct ms_list_class {
    ms_atomic_u64 free_head __attribute__((aligned(MS_CACHE_LINE))); /* {index:32, tag:32} */
    ms_atomic_u32 fresh;                                             /* blocks never used before */
    uint32_t count;                                                  /* const */
    uint64_t offset;                                                 /* const: in the reservation */
    ms_atomic_u32 *next; /* const pointer; one link per block */
};

struct ms_list_store {
    uint8_t *memory; /* const; pages exist once touched */
    struct ms_list_class of[MS_LIST_CLASSES];
};

/* `blocks` = how many are wanted of the small sizes. False: no memory. Single-threaded. */
bool ms_list_store_create(struct ms_list_store *store, uint32_t blocks);
void ms_list_store_destroy(struct ms_list_store *store);

/* A block of at least `bytes`, cache-line aligned, contents undefined; NULL: none left, or more
 * than 32 MiB. A fault point. Lock-free. */
void *ms_list_store_take(struct ms_list_store *store, uint64_t bytes);
/* Gives it back; its memory stays readable, so a stale pointer can be looked at. Lock-free. */
void ms_list_store_give(struct ms_list_store *store, void *block);
/* Blocks that are out; approximate while others run. */
uint32_t ms_list_store_used(const struct ms_list_store *store);

#endif
