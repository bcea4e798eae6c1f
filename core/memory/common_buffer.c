/* SPDX-License-Identifier: MIT */
/*
 * common_buffer.c: buffers that driver and device use at the same time: neighbouring frames with
 * addresses of their own (CBF-02, CBF-14).
 *
 * Frames that old devices can reach are scarce, so a buffer goes as high as its limits allow: 4 GiB
 * by 4 GiB downwards, which also keeps it from crossing one (CBF-12), and below 16 MiB last.
 */
#include "memory/memory.h"

#include <string.h>

#define SPAN_BYTES  (UINT64_C(1) << 32)
#define SCARCE_LAST (UINT64_C(0xFFFFFF)) /* what a 24-bit device reaches */

/* Frames for `bytes` bytes inside [lowest, highest], or MS_PFN_NONE. The last byte counts, not the
 * last page's end (CBF-08). */
static uint64_t frames_inside(struct ms_memory *memory, uint64_t bytes, uint64_t align_pages,
                              uint64_t lowest, uint64_t highest)
{
    uint64_t pages = BYTES_TO_PAGES(bytes);

    if (lowest > highest || bytes - 1 > highest - lowest)
        return MS_PFN_NONE;
    uint64_t first = BYTES_TO_PAGES(lowest);
    uint64_t first_max = (highest - (bytes - 1)) >> MS_PAGE_SHIFT;
    if (first > first_max)
        return MS_PFN_NONE;
    return ms_frames_take(memory, pages, align_pages, first, first_max + pages - 1);
}

static uint64_t frames_find(struct ms_memory *memory, uint64_t bytes, uint64_t align_pages,
                            uint64_t lowest, uint64_t highest)
{
    uint64_t end = ms_memory_pfn_end(memory) << MS_PAGE_SHIFT;
    uint64_t pfn = MS_PFN_NONE;

    highest = ms_min_u64(highest, end - 1);
    for (uint64_t span = highest / SPAN_BYTES + 1; span-- > 0 && pfn == MS_PFN_NONE;) {
        uint64_t low = span * SPAN_BYTES > lowest ? span * SPAN_BYTES : lowest;
        uint64_t high = ms_min_u64(highest, span * SPAN_BYTES + (SPAN_BYTES - 1));

        if (span == 0 && low <= SCARCE_LAST)
            pfn = frames_inside(memory, bytes, align_pages, SCARCE_LAST + 1, high);
        if (pfn == MS_PFN_NONE)
            pfn = frames_inside(memory, bytes, align_pages, low, high);
    }
    return pfn;
}

static void *view_of_run(struct ms_memory *memory, uint64_t first, uint64_t pages)
{
    PFN_NUMBER *pfn = ms_alloc(pages * sizeof *pfn);

    if (!pfn)
        return NULL;
    for (uint64_t i = 0; i < pages; i++)
        pfn[i] = first + i;
    void *view = ms_view_create(memory, pfn, pages);
    ms_free(pfn, pages * sizeof *pfn);
    return view;
}

void *ms_common_buffer_create(struct ms_memory *memory, uint64_t bytes, uint64_t align_pages,
                              ms_la lowest, ms_la highest, ms_la *logical)
{
    uint64_t pages = BYTES_TO_PAGES(bytes);

    if (bytes == 0 || bytes > SPAN_BYTES) /* CBF-11, CBF-12 */
        return NULL;
    uint64_t pfn = frames_find(memory, bytes, align_pages, lowest.value, highest.value);
    if (pfn == MS_PFN_NONE)
        return NULL;
    void *view = view_of_run(memory, pfn, pages);
    if (!view)
        goto undo_frames;
    memset(view, 0, pages * MS_PAGE_BYTES); /* CBF-13 */
    *logical = (ms_la){pfn << MS_PAGE_SHIFT};
    return view;

undo_frames:
    ms_frames_give(memory, pfn, pages);
    return NULL;
}

bool ms_common_buffer_destroy(struct ms_memory *memory, void *address, uint64_t bytes,
                              ms_la logical)
{
    uint64_t pages = BYTES_TO_PAGES(bytes), found = 0;

    if (ms_view_find(memory, address, &found) != address || found != pages ||
        logical.value != ms_virtual_pfn(memory, address) << MS_PAGE_SHIFT)
        return false;
    ms_view_destroy(memory, address, pages);
    ms_frames_give(memory, logical.value >> MS_PAGE_SHIFT, pages);
    return true;
}
