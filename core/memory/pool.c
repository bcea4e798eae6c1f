/* SPDX-License-Identifier: MIT */
/*
 * pool.c: nonpaged pool. Each piece is whole pages of the emulated memory, neighbours, at a page
 * boundary, so that a driver can make an MDL of it (MDL-10). Paged pool is the same: nothing is ever
 * paged out here.
 */
#include "memory/memory.h"

static struct ms_memory *memory_here(void)
{
    const struct ms_cpu *cpu = ms_cpu_current();

    return cpu ? cpu->kernel->memory : NULL;
}

static PVOID pool_take(SIZE_T bytes)
{
    struct ms_memory *memory = memory_here();
    ms_la unused;

    return memory
               ? ms_common_buffer_create(memory, bytes, 1, (ms_la){0}, (ms_la){UINT64_MAX}, &unused)
               : NULL;
}

PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    (void)PoolType, (void)Tag;
    return pool_take(NumberOfBytes);
}

PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    (void)Flags, (void)Tag; /* always zeroed, never paged */
    return pool_take(NumberOfBytes);
}

VOID ExFreePool(PVOID P)
{
    struct ms_memory *memory = memory_here();
    uint64_t pages = 0;

    ms_require(memory &&
               ms_view_find(memory, P, &pages) == P); /* from the pool, not freed before */
    ms_require(ms_common_buffer_destroy(memory, P, pages * MS_PAGE_BYTES,
                                        (ms_la){ms_virtual_pfn(memory, P) << MS_PAGE_SHIFT}));
}

VOID ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    (void)Tag;
    ExFreePool(P);
}
