/* SPDX-License-Identifier: MIT */
/*
 * commons.h: the ledger of common buffers; private to the floor.
 */
#ifndef MS_COMMONS_H
#define MS_COMMONS_H

#include "sg/sg.h"

/* Common buffers of one machine at a time. */
#ifdef MS_SIM
/* Few: a free looks at them all, and each look is a step of the simulator. */
enum { MS_COMMONS_MAX = 16 };
#else
enum { MS_COMMONS_MAX = 4096 };
#endif

enum ms_common_state {
    COMMON_FREE,
    COMMON_BUSY, /* one call is at it */
    COMMON_OWN,  /* memory of ours */
    COMMON_MDL,  /* memory of a driver's MDL (CBM-06) */
};

/* One common buffer. The other two are written by whoever made the word BUSY, before it says what it is. */
struct ms_common {
    ms_atomic_u64 word;    /* {logical address, enum ms_common_state in its low bits}: hb:common */
    ms_atomic_ptr address; /* not a number: traces must not show where the host put it */
    ms_atomic_u64 bytes;
};

struct ms_commons {
    struct ms_common *of; /* const pointer; MS_COMMONS_MAX of them */
    ms_atomic_u64 *pages; /* const pointer; per frame, how many lie in it: ms_common_count */
    uint64_t pfn_end;     /* const: counts there are */
};

/* Single-threaded. */
bool ms_commons_create(struct ms_commons *commons, const struct ms_memory *memory);
void ms_commons_destroy(struct ms_commons *commons);
/* Writes a buffer down; false: the ledger is full. A fault point. Lock-free. */
bool ms_commons_enter(struct ms_commons *commons, enum ms_common_state state, void *address,
                      uint64_t bytes, ms_la logical);
/* Strikes out the buffer that these three name exactly (CBF-06); COMMON_FREE: there is none. */
enum ms_common_state ms_commons_leave(struct ms_commons *commons, void *address, uint64_t bytes,
                                      ms_la logical);
/* Buffers in the ledger; approximate while others run. */
uint32_t ms_commons_used(const struct ms_commons *commons);
/* These frames belong to one common buffer more, or to one less (MTX-62). */
void ms_commons_mark(struct ms_commons *commons, ms_la logical, uint64_t bytes, bool are_common);

#endif
