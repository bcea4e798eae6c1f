/* SPDX-License-Identifier: MIT */
/*
 * page_set.h: numbered pages, each free or taken, from which runs of neighbours are taken. Private
 * to the memory floor: page frames are one such set, the pages of the view window another.
 */
#ifndef MS_PAGE_SET_H
#define MS_PAGE_SET_H

#include "platform/platform.h"

#define MS_PAGE_NONE UINT64_MAX

struct ms_page_set {
    ms_atomic_u64 *taken; /* const pointer; bit p % 64 of word p / 64: page p is taken */
    ms_atomic_u64 *full;  /* const pointer; bit w % 64 of word w / 64: word w of `taken` is full */
    uint64_t pages;       /* const after init */
    ms_atomic_u64 count;  /* taken pages; a counter only */
};

/* All pages free; false when there is no memory. Single-threaded, as is fini. */
bool ms_page_set_init(struct ms_page_set *set, uint64_t pages);
void ms_page_set_fini(struct ms_page_set *set);

/* Takes exactly these neighbours, all or none. Lock-free. */
bool ms_page_set_take_at(struct ms_page_set *set, uint64_t first, uint64_t count);
/* Takes the lowest `count` free neighbours inside [lowest, highest] whose first is a multiple of
 * `align`, or MS_PAGE_NONE. Lock-free. While takes of others that span several words are being
 * rolled back it may overlook the pages they held. */
uint64_t ms_page_set_take(struct ms_page_set *set, uint64_t count, uint64_t align, uint64_t lowest,
                          uint64_t highest);
/* Gives taken pages back; giving a free one stops the program. Lock-free, bounded. */
void ms_page_set_give(struct ms_page_set *set, uint64_t first, uint64_t count);

bool ms_page_set_has(const struct ms_page_set *set, uint64_t page);
uint64_t ms_page_set_count(const struct ms_page_set *set);
/* Every invariant holds; quiescent only. */
bool ms_page_set_audit(const struct ms_page_set *set);

#endif
