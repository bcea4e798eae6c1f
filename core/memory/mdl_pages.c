/* SPDX-License-Identifier: MIT */
/*
 * mdl_pages.c: pages that have no address, described by an MDL: MmAllocatePagesForMdl and its like. The MDL is a
 * piece of pool, because drivers free it by ExFreePool.
 */
#include "memory/memory.h"

#include <string.h>

/* Where frames may come from. */
struct range {
    uint64_t lowest, highest; /* frames */
    uint64_t skip;            /* frames to the next range; 0: there is none */
};

static struct ms_memory *memory_here(void)
{
    const struct ms_cpu *cpu = ms_cpu_current();

    return cpu ? cpu->kernel->memory : NULL;
}

/* The next neighbours, from the first range that has them; MS_PFN_NONE: no more. */
static uint64_t chunk_take(struct ms_memory *memory, struct range *range, uint64_t pages)
{
    for (;;) {
        uint64_t first = MS_PFN_NONE;
        if (range->lowest + pages - 1 <= range->highest)
            first = ms_frames_take(memory, pages, 1, range->lowest, range->highest);
        if (first != MS_PFN_NONE || range->skip == 0 ||
            range->lowest + range->skip >= ms_memory_pfn_end(memory))
            return first;
        range->lowest += range->skip;
        range->highest += range->skip;
    }
}

static void pages_give(struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        ms_frames_give(memory, pfn[i], 1);
}

/* Frames, chunk by chunk, and zeros in them; how many there were. */
static uint64_t pages_take(struct ms_memory *memory, struct range range, uint64_t pages,
                           uint64_t chunk, bool zeroed, PFN_NUMBER *pfn)
{
    uint64_t taken = 0;

    while (taken < pages) {
        uint64_t count = chunk < pages - taken ? chunk : pages - taken;
        uint64_t first = chunk_take(memory, &range, count);
        if (first == MS_PFN_NONE)
            break;
        for (uint64_t i = 0; i < count; i++)
            pfn[taken++] = first + i;
        if (zeroed)
            memset(ms_memory_byte(memory, (ms_pa){first << MS_PAGE_SHIFT}), 0,
                   count << MS_PAGE_SHIFT);
    }
    return taken;
}

PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                             PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                             MEMORY_CACHING_TYPE CacheType, ULONG Flags)
{
    struct ms_memory *memory = memory_here();
    uint64_t pages = (TotalBytes + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT;
    struct range range = {
        .lowest = BYTES_TO_PAGES((uint64_t)LowAddress.QuadPart), /* the sum would wrap round */
        .highest = (uint64_t)HighAddress.QuadPart >> MS_PAGE_SHIFT,
        .skip = (uint64_t)SkipBytes.QuadPart >> MS_PAGE_SHIFT,
    };
    uint64_t chunk = 1, taken;
    PMDL mdl;

    (void)CacheType; /* memory is coherent here */
    if (!memory || TotalBytes == 0 || TotalBytes > UINT32_MAX - MS_PAGE_BYTES + 1)
        return NULL;
    if (Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) {
        if ((uint64_t)SkipBytes.QuadPart % MS_PAGE_BYTES != 0)
            return NULL;
        chunk = range.skip ? range.skip : pages;
        range.skip = 0; /* here it says how long a chunk is */
        if (pages % chunk != 0)
            return NULL;
    }
    mdl =
        ExAllocatePool2(POOL_FLAG_NON_PAGED, MmSizeOfMdl(NULL, pages << MS_PAGE_SHIFT), 0x4D6D646C);
    if (!mdl)
        return NULL;
    MmInitializeMdl(mdl, NULL, pages << MS_PAGE_SHIFT);
    taken = pages_take(memory, range, pages, chunk, !(Flags & MM_DONT_ZERO_ALLOCATION),
                       MmGetMdlPfnArray(mdl));
    if (taken == 0 || (taken < pages && (Flags & MM_ALLOCATE_FULLY_REQUIRED))) {
        pages_give(memory, MmGetMdlPfnArray(mdl), taken);
        ExFreePool(mdl);
        return NULL;
    }
    mdl->ByteCount = (ULONG)(taken << MS_PAGE_SHIFT);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    return mdl;
}

PMDL MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                           PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)
{
    return MmAllocatePagesForMdlEx(LowAddress, HighAddress, SkipBytes, TotalBytes, MmCached, 0);
}

VOID MmFreePagesFromMdl(PMDL MemoryDescriptorList)
{
    PMDL mdl = MemoryDescriptorList;
    struct ms_memory *memory = memory_here();

    if (!memory || !(mdl->MdlFlags & MDL_PAGES_LOCKED))
        return;
    if (mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
    pages_give(memory, MmGetMdlPfnArray(mdl), mdl->ByteCount >> MS_PAGE_SHIFT);
    mdl->MdlFlags = 0;
    mdl->ByteCount = 0;
}
