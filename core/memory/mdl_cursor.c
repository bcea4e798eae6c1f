/* SPDX-License-Identifier: MIT */
/*
 * mdl_cursor.c: finding a chain's bytes, and copying them through page frames.
 *
 * Offsets and totals are 64 bits wide: each MDL is below 4 GiB, a chain is not (MTX-06).
 */
#include "memory/memory.h"

#include <string.h>

/* A driver that links empty MDLs into a ring would keep a walk for ever. No chain has this many
 * empty MDLs, so behind them it counts as ended. */
enum { EMPTY_MDLS_MAX = 1 << 16 };

/* The out-of-line part of ms_mdl_cursor_seek. An offset on the end of an MDL belongs to the next
 * one (MTX-04); an empty MDL needs no case of its own, for no offset is below 0 (MTX-23). The loop
 * counts down to one compare an MDL, so that following Next is all that takes time. */
bool ms_mdl_cursor_walk(struct ms_mdl_cursor *cursor, uint64_t offset)
{
    MDL *mdl = cursor->mdl;
    uint64_t left = offset - cursor->base;

    for (uint32_t empty = 0; mdl;) {
        uint64_t bytes = mdl->ByteCount;
        if (left < bytes)
            break;
        left -= bytes;
        mdl = mdl->Next;
        if (MS_UNLIKELY(bytes == 0) && ++empty == EMPTY_MDLS_MAX)
            mdl = NULL;
    }
    *cursor = (struct ms_mdl_cursor){.mdl = mdl, .base = offset - left};
    return mdl != NULL;
}

uint64_t ms_mdl_chain_bytes(const MDL *head, uint64_t enough)
{
    uint64_t bytes = 0;
    uint32_t empty = 0;

    while (head && bytes < enough) { /* what follows may be in any state (MTX-24) */
        bytes += head->ByteCount;
        if (MS_UNLIKELY(head->ByteCount == 0) && ++empty == EMPTY_MDLS_MAX)
            break;
        head = head->Next;
    }
    return bytes;
}

/* --- copies ------------------------------------------------------------------------------------
 */

/* The host address of the chain byte at `offset`, and how many bytes follow it in its page and its
 * MDL. */
static uint8_t *chain_piece(const struct ms_memory *memory, struct ms_mdl_cursor *cursor,
                            uint64_t offset, uint64_t *bytes)
{
    ms_require(ms_mdl_cursor_seek(cursor, offset)); /* the range lies inside the chain */

    uint64_t in_mdl = offset - cursor->base;
    uint64_t place = cursor->mdl->ByteOffset + in_mdl; /* MDL-20 */
    uint64_t in_page = place % MS_PAGE_BYTES;
    uint64_t pfn = ms_mdl_frames(cursor->mdl)[place / MS_PAGE_BYTES];

    *bytes = ms_min_u64(MS_PAGE_BYTES - in_page, cursor->mdl->ByteCount - in_mdl);
    return ms_memory_byte(memory, (ms_pa){pfn * MS_PAGE_BYTES + in_page});
}

void ms_mdl_copy_out(const struct ms_memory *memory, const MDL *head, uint64_t offset, void *target,
                     uint64_t bytes)
{
    struct ms_mdl_cursor cursor = {.mdl = (MDL *)(uintptr_t)head};
    uint8_t *out = target;

    while (bytes > 0) {
        uint64_t piece;
        const uint8_t *from = chain_piece(memory, &cursor, offset, &piece);

        piece = ms_min_u64(piece, bytes);
        memcpy(out, from, piece);
        out += piece, offset += piece, bytes -= piece;
    }
}

void ms_mdl_copy_in(const struct ms_memory *memory, const MDL *head, uint64_t offset,
                    const void *source, uint64_t bytes)
{
    struct ms_mdl_cursor cursor = {.mdl = (MDL *)(uintptr_t)head};
    const uint8_t *from = source;

    while (bytes > 0) {
        uint64_t piece;
        uint8_t *to = chain_piece(memory, &cursor, offset, &piece);

        piece = ms_min_u64(piece, bytes);
        memcpy(to, from, piece);
        from += piece, offset += piece, bytes -= piece;
    }
}
