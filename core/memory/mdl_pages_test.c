/* SPDX-License-Identifier: MIT */
/*
 * Pages without addresses.
 */
#include "memory/test_memory.h"

static PHYSICAL_ADDRESS at(uint64_t address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)address};
}

/* MDL-19, MDL-20: an MDL whose StartVa is no address; its pages lie where they were asked for. */
MS_TEST(pages_for_an_mdl_lie_in_bounds_and_go_back)
{
    struct test_memory t = test_memory_enter();
    PMDL mdl = MmAllocatePagesForMdl(at(0x2000000), at(0x2003FFF), at(0), 0x3001);

    assert_non_null(mdl);
    assert_int_equal(MmGetMdlByteCount(mdl), 0x4000);
    assert_null(MmGetMdlVirtualAddress(mdl));
    for (int i = 0; i < 4; i++)
        assert_in_range(MmGetMdlPfnArray(mdl)[i], 0x2000, 0x2003);
    uint8_t *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    assert_non_null(bytes);
    for (int i = 0; i < 0x4000; i++)
        assert_int_equal(bytes[i], 0);
    memset(bytes, 0x77, 0x4000);
    /* No more there: what there is, or nothing, or the next range. */
    assert_null(MmAllocatePagesForMdl(at(0x2000000), at(0x2003FFF), at(0), 0x1000));
    PMDL next = MmAllocatePagesForMdl(at(0x2000000), at(0x2003FFF), at(0x100000), 0x1000);
    assert_int_equal(MmGetMdlPfnArray(next)[0], 0x2100);
    MmFreePagesFromMdl(next);
    ExFreePool(next);
    next = MmAllocatePagesForMdl(at(0x2000000), at(0x2004FFF), at(0), 0x3000);
    assert_int_equal(MmGetMdlByteCount(next), 0x1000); /* fewer */
    assert_null(MmAllocatePagesForMdlEx(at(0x2000000), at(0x2005FFF), at(0), 0x3000, MmCached,
                                        MM_ALLOCATE_FULLY_REQUIRED));
    MmFreePagesFromMdl(next);
    MmFreePagesFromMdl(next); /* nothing is left to free */
    ExFreePool(next);
    MmFreePagesFromMdl(mdl); /* unmaps too */
    ExFreePool(mdl);
    mdl = MmAllocatePagesForMdl(at(0x2000000), at(0x2003FFF), at(0), 0x4000);
    bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    assert_int_equal(bytes[0x3FFF], 0); /* nobody sees what was there before */
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    test_memory_leave(&t);
}

MS_TEST(contiguous_pages_come_in_chunks_or_not_at_all)
{
    struct test_memory t = test_memory_enter();
    PMDL mdl;

    mdl = MmAllocatePagesForMdlEx(at(0), at(UINT64_MAX), at(0), 0x10000, MmCached,
                                  MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS);
    for (uint64_t i = 1; i < 16; i++)
        assert_int_equal(MmGetMdlPfnArray(mdl)[i], MmGetMdlPfnArray(mdl)[0] + i);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    assert_true(ms_frames_take_at(t.memory, 0x2002, 1)); /* a hole of two before it */
    mdl = MmAllocatePagesForMdlEx(at(0x2000000), at(0x2007FFF), at(0x2000), 0x4000, MmCached,
                                  MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS | MM_DONT_ZERO_ALLOCATION);
    assert_int_equal(MmGetMdlPfnArray(mdl)[1], MmGetMdlPfnArray(mdl)[0] + 1);
    assert_int_equal(MmGetMdlPfnArray(mdl)[3], MmGetMdlPfnArray(mdl)[2] + 1);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    assert_null(MmAllocatePagesForMdlEx(at(0x2000000), at(0x2007FFF), at(0), 0x6000, MmCached,
                                        MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS));
    assert_null(MmAllocatePagesForMdlEx(at(0), at(UINT64_MAX), at(0x800), 0x1000, MmCached,
                                        MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS));
    assert_null(MmAllocatePagesForMdl(at(0), at(UINT64_MAX), at(0), 0));
    assert_null(MmAllocatePagesForMdl(at(0x2000000), at(0x1000000), at(0), 0x1000));
    ms_frames_give(t.memory, 0x2002, 1);
    for (uint32_t fault = 0, fired = 1; fired; fault++) { /* each take failing in turn */
        ms_fault_arm(fault);
        mdl = MmAllocatePagesForMdlEx(at(0), at(UINT64_MAX), at(0), 0x3000, MmCached,
                                      MM_ALLOCATE_FULLY_REQUIRED);
        fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        assert_true(mdl || fired);
        if (mdl) { /* none failed, or one that could be had elsewhere */
            MmFreePagesFromMdl(mdl);
            ExFreePool(mdl);
        }
        assert_int_equal(ms_frames_taken(t.memory), 0);
    }
    test_memory_leave(&t);
}

/* Bounds at the end of all addresses: there is no memory above the last of them. */
MS_TEST(no_pages_lie_above_the_end_of_addresses)
{
    static const uint64_t low[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 0xFFE,
                                   UINT64_MAX - 0xFFF};
    struct test_memory t = test_memory_enter();

    for (size_t i = 0; i < sizeof low / sizeof low[0]; i++)
        assert_null(MmAllocatePagesForMdl(at(low[i]), at(UINT64_MAX), at(0), 0x1000));
    test_memory_leave(&t);
}
