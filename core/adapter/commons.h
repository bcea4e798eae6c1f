/* SPDX-License-Identifier: MIT */
/*
 * commons.h: the ledger of common buffers; private to the floor.
 */
#ifndef MS_COMMONS_H
#define MS_COMMONS_H

#include "memory/memory.h"

enum { MS_COMMONS_MAX = 4096 }; /* common buffers of one machine at a time */

enum ms_common_state {
    COMMON_FREE,
    COMMON_BUSY, /* one call is at it */
    COMMON_OWN,  /* memory of ours */
    COMMON_MDL,  /* memory of a driver's MDL (CBM-06) */
};

/* One common buffer; plain fields belong to whoever made the state BUSY: hb:common. */
struct ms_common {
    ms_atomic_u32 state; /* enum ms_common_state */
    void *address;
    uint64_t bytes;
    ms_la logical;
};

struct ms_commons {
    struct ms_common *of; /* const pointer; MS_COMMONS_MAX of them */
    ms_atomic_u64 *pages; /* const pointer; one bit per frame: in a common buffer */
    uint64_t pfn_end;     /* const: bits there are */
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
/* These frames belong to a common buffer, or no longer (MTX-62). */
void ms_commons_mark(struct ms_commons *commons, ms_la logical, uint64_t bytes, bool are_common);

#endif
