/* SPDX-License-Identifier: MIT */
/*
 * grant: the store of requests: a stack of free ones under a tagged head.
 *
 * Idea        take pops, untake and recycling push; links lie in a table beside the grants
 * Picture     free_head {index 5, tag 32} -> next_free[5] = 2 -> next_free[2] = NONE
 * Invariants  I1 a grant is on the stack exactly while it is GRANT_FREE and nobody prepares it
 *             I2 the tag grows with every change of the head
 * Ordering    hb:grant-free  push writes next_free[], then releases the head; pop acquires it, and
 *             with it all that the grant's last user wrote
 * ABA         a head seen before a pop + push differs in tag; 32 bits: a thread must sleep through
 *             exactly 2^32 changes to be fooled. next_free[] is never freed, so a stale read is
 *             harmless.
 * Progress    lock-free: a failed CAS means another one succeeded
 */
#include "adapter/grant.h"

#define FREE_NONE UINT32_MAX

static uint64_t free_word(uint64_t index, uint64_t tag)
{
    return index | tag << 32;
}

struct ms_grant *ms_grant_take(struct ms_dma *dma)
{
    uint64_t seen = ms_load_acquire(&dma->free_head); /* hb:grant-free */

    if (ms_fault_here())
        return NULL;
    for (;;) {
        uint32_t index = (uint32_t)seen;
        if (index == FREE_NONE)
            return NULL;
        uint32_t next = ms_load_relaxed(&dma->next_free[index]); /* stale? then the CAS fails */
        if (ms_cas_acq_rel(&dma->free_head, &seen, free_word(next, (seen >> 32) + 1)))
            return &dma->grants[index];
    }
}

void ms_grant_untake(struct ms_dma *dma, struct ms_grant *grant)
{
    uint32_t index = ms_grant_index(dma, grant);
    uint64_t seen = ms_load_relaxed(&dma->free_head);

    do {
        ms_store_relaxed(&dma->next_free[index], (uint32_t)seen);
        /* hb:grant-free, release */
    } while (!ms_cas_acq_rel(&dma->free_head, &seen, free_word(index, (seen >> 32) + 1)));
}
