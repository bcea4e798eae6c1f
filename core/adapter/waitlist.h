/* SPDX-License-Identifier: MIT */
/*
 * waitlist.h: first come, first served lists of small numbers, without locks; private to the floor.
 */
#ifndef MS_WAITLIST_H
#define MS_WAITLIST_H

#include "platform/platform.h"

/* One list; its nodes' links live in a table shared by all lists of a machine: a number is in at
 * most one list at a time. */
struct ms_waitlist {
    ms_atomic_u64 head;
};

/* A place in time: the first node and the exact head word that showed it. */
struct ms_waitlist_first {
    uint32_t node; /* MS_WAITLIST_NONE: the list was empty */
    uint64_t seen; /* head word, tag included */
};

#define MS_WAITLIST_NONE 0x7FFFFFFFu

/* Single-threaded. */
void ms_waitlist_init(struct ms_waitlist *list);
void ms_waitlink_init(ms_atomic_u64 *link);

/* Appends `node`, which is in no list, behind all others. Lock-free. */
void ms_waitlist_append(struct ms_waitlist *list, ms_atomic_u64 *links, uint32_t node);
/* Puts `node` first when nobody is in the list; false else, and `node` is untouched. Lock-free. */
bool ms_waitlist_append_if_empty(struct ms_waitlist *list, ms_atomic_u64 *links, uint32_t node);
/* Takes `node` out wherever it is; it was appended once. When this returns, the node is in no list
 * and may be used again. Lock-free. True for the one caller that removed it. */
bool ms_waitlist_remove(struct ms_waitlist *list, ms_atomic_u64 *links, uint32_t node);
/* Takes the first node out if it is still the same life of the same node. Lock-free; any thread. */
void ms_waitlist_remove_first(struct ms_waitlist *list, ms_atomic_u64 *links,
                              struct ms_waitlist_first first);
/* The longest waiting node. Lock-free. */
struct ms_waitlist_first ms_waitlist_first_get(struct ms_waitlist *list, ms_atomic_u64 *links);
/* `first` is first to this very moment. What was read about the node between the two calls was true
 * of this life of it. Wait-free. */
static inline bool ms_waitlist_is_first(const struct ms_waitlist *list,
                                        struct ms_waitlist_first first)
{
    return ms_load_relaxed(&list->head) == first.seen; /* the store that was acquired then: tags */
}

#endif
