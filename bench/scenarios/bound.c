/* SPDX-License-Identifier: MIT */
/*
 * bound.c: the bound of a list builder, in plain C that the compiler turns into vectors; it is
 * compiled with -O3 whatever the rest is.
 */
#include "bound.h"

#include "memory/memory.h"

/* Every number goes into the result; eight at a time, so that no addition waits for another. */
static uint64_t frames_read(const PFN_NUMBER *pfn, uint64_t count)
{
    uint64_t sum[8] = {0};
    uint64_t i = 0;

    for (; i + 8 <= count; i += 8)
        for (uint64_t k = 0; k < 8; k++)
            sum[k] |= pfn[i + k];
    for (; i < count; i++)
        sum[0] |= pfn[i];
    return sum[0] | sum[1] | sum[2] | sum[3] | sum[4] | sum[5] | sum[6] | sum[7];
}

static void elements_write(SCATTER_GATHER_ELEMENT *out, uint32_t count, uint64_t address)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i].Address.QuadPart = (LONGLONG)address;
        out[i].Length = MS_PAGE_BYTES;
        out[i].Reserved = 0;
    }
}

uint64_t ms_bound_list(const MDL *head, uint32_t elements, SCATTER_GATHER_ELEMENT *out)
{
    uint64_t seen = 0;

    for (; head; head = head->Next)
        seen |= frames_read(ms_mdl_frames(head),
                            ((uint64_t)head->ByteOffset + head->ByteCount + MS_PAGE_BYTES - 1) /
                                MS_PAGE_BYTES);
    elements_write(out, elements, seen);
    return seen;
}
