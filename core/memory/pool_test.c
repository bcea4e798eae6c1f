/* SPDX-License-Identifier: MIT */
/*
 * Nonpaged pool.
 */
#include "memory/test_memory.h"

#define TAG 0x6D736D73u

/* MDL-10, CBF-14: what comes from the pool can be described by an MDL and is given back whole. */
MS_TEST(pool_memory_has_frames_and_goes_back)
{
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);
    struct ms_kernel *kernel = ms_alloc(sizeof *kernel);
    const SIZE_T sizes[] = {1, 4096, 10000};

    assert_null(ExAllocatePoolWithTag(NonPagedPool, 1, TAG)); /* in no machine: no memory */
    ms_kernel_init(kernel, NULL, memory);
    ms_cpu_enter(kernel);
    for (int i = 0; i < 3; i++) {
        char *p = i & 1 ? ExAllocatePool2(POOL_FLAG_NON_PAGED, sizes[i], TAG)
                        : ExAllocatePoolWithTag(NonPagedPoolNx, sizes[i], TAG);
        assert_non_null(p);
        assert_int_equal(p[sizes[i] - 1], 0);
        PMDL mdl = IoAllocateMdl(p, (ULONG)sizes[i], FALSE, FALSE, NULL);
        MmBuildMdlForNonPagedPool(mdl);
        p[sizes[i] - 1] = 0x5A;
        uint64_t last = MmGetMdlPfnArray(mdl)[(sizes[i] - 1) / 4096] * 4096 + (sizes[i] - 1) % 4096;
        assert_int_equal(*ms_memory_byte(memory, (ms_pa){last}), 0x5A);
        IoFreeMdl(mdl);
        ExFreePoolWithTag(p, TAG);
    }
    assert_int_equal(ms_frames_taken(memory), 0);
    assert_null(ExAllocatePoolWithTag(NonPagedPool, 0, TAG));
    ms_cpu_leave();
    ms_free(kernel, sizeof *kernel);
    ms_memory_destroy(memory);
}
