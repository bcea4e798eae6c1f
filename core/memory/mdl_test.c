/* SPDX-License-Identifier: MIT */
#include "memory/test_memory.h"

#define PAGE MS_PAGE_BYTES

static uint32_t flags_of(const MDL *mdl)
{
    return (uint32_t)mdl->MdlFlags & 0xFFFF;
}

/* A driver's buffer: a view of scattered frames, and an MDL over part of it. */
static const PFN_NUMBER frames[] = {0x105, 0x100, 0x101, 7, 0x200000};
enum { FRAMES = sizeof frames / sizeof *frames };

MS_TEST(mdl_size_is_the_header_and_eight_bytes_a_page) /* MDL-04, MDL-05, MDL-06, MDL-21 */
{
    static const struct {
        uintptr_t base;
        SIZE_T length, want;
    } cases[] = {
        {0, 0, 0x30},    {1, 0, 0x38},         {0, 1, 0x38},
        {0, 4096, 0x38}, {0, 4097, 0x40},      {4095, 1, 0x38},
        {4095, 2, 0x40}, {0x1FFF, 4098, 0x48}, {0, 0xFFFFF000, 0x30 + 8 * UINT64_C(0xFFFFF)},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(MmSizeOfMdl((PVOID)cases[i].base, cases[i].length), cases[i].want);
}

MS_TEST(mdl_is_allocated_with_everything_a_driver_may_ask) /* MDL-03, MDL-06, MDL-08 */
{
    MDL *mdl = IoAllocateMdl((PVOID)0x12345678, 10000, FALSE, FALSE, NULL);

    assert_non_null(mdl);
    assert_null(mdl->Next);
    assert_int_equal(flags_of(mdl), 0);
    assert_int_equal(mdl->Size, 0x30 + 8 * 3);
    assert_ptr_equal(MmGetMdlVirtualAddress(mdl), (PVOID)0x12345678);
    assert_ptr_equal(MmGetMdlBaseVa(mdl), (PVOID)0x12345000);
    assert_int_equal(MmGetMdlByteOffset(mdl), 0x678);
    assert_int_equal(MmGetMdlByteCount(mdl), 10000);
    assert_ptr_equal(MmGetMdlPfnArray(mdl), mdl + 1);
    assert_false(ms_mdl_is_resident(mdl));
    IoFreeMdl(mdl);
}

MS_TEST(mdl_covers_at_most_4_gib_less_a_page) /* MDL-07, MDL-08 */
{
    MDL *mdl;

    assert_null(IoAllocateMdl(NULL, 0xFFFFF001, FALSE, FALSE, NULL));
    assert_null(IoAllocateMdl(NULL, 0xFFFFFFFF, FALSE, FALSE, NULL));
    mdl = IoAllocateMdl((PVOID)1, 0xFFFFF000, FALSE, FALSE, NULL);
    assert_non_null(mdl);
    assert_int_equal(ms_mdl_pages(mdl), 0x100000); /* Size has wrapped long ago */
    MmGetMdlPfnArray(mdl)[0xFFFFF] = 1;
    IoFreeMdl(mdl);
}

MS_TEST(mdl_joins_an_irp_as_first_or_at_the_end) /* MDL-08, MDL-17 */
{
    IRP irp = {.MdlAddress = NULL};
    MDL *first, *second, *third;

    assert_null(IoAllocateMdl(NULL, 1, TRUE, FALSE, NULL));
    first = IoAllocateMdl(NULL, 1, FALSE, FALSE, &irp);
    assert_ptr_equal(irp.MdlAddress, first);
    second = IoAllocateMdl(NULL, 1, TRUE, FALSE, &irp);
    third = IoAllocateMdl(NULL, 1, TRUE, FALSE, &irp);
    assert_ptr_equal(irp.MdlAddress, first);
    assert_ptr_equal(first->Next, second);
    assert_ptr_equal(second->Next, third);
    assert_null(third->Next);
    IoFreeMdl(second); /* one MDL, not its chain (MDL-09) */
    assert_ptr_equal(first->Next, second);
    IoFreeMdl(first);
    IoFreeMdl(third);
    irp.MdlAddress = NULL;
    first = IoAllocateMdl(NULL, 1, TRUE, FALSE, &irp); /* to an empty chain */
    assert_ptr_equal(irp.MdlAddress, first);
    IoFreeMdl(first);
}

MS_TEST(mdl_allocation_fails_cleanly) /* MDL-08 */
{
    IRP irp = {.MdlAddress = NULL};

    ms_fault_arm(0);
    assert_null(IoAllocateMdl(NULL, 1, FALSE, FALSE, &irp));
    assert_null(irp.MdlAddress);
    ms_fault_arm(0);
    assert_null(ms_mdl_create(frames, 0, PAGE));
    assert_true(ms_fault_fired());
}

MS_TEST(mdl_over_given_frames_is_locked_and_aligned)
{
    PFN_NUMBER pfn[70];

    for (uint32_t i = 0; i < 70; i++)
        pfn[i] = 1000 + 2 * i;
    for (uint32_t pages = 1; pages <= 70; pages++) {
        MDL *mdl = ms_mdl_create(pfn, 5, pages * PAGE - 5);
        uintptr_t header = (uintptr_t)mdl, array = (uintptr_t)MmGetMdlPfnArray(mdl);

        assert_int_equal(flags_of(mdl), MDL_PAGES_LOCKED);
        assert_int_equal(ms_mdl_pages(mdl), pages);
        assert_int_equal(mdl->ByteOffset, 5);
        assert_int_equal((uintptr_t)mdl->StartVa % PAGE, 0);
        assert_memory_equal(ms_mdl_frames(mdl), pfn, pages * sizeof *pfn);
        assert_int_equal((pages < 32 ? header : array) % MS_CACHE_LINE, 0);
        IoFreeMdl(mdl);
    }
}

MS_TEST(nonpaged_pool_mdl_shows_the_buffers_frames) /* MDL-10, CBF-14 */
{
    struct test_memory t = test_memory_enter();
    uint8_t *buffer = ms_view_create(t.memory, frames, FRAMES);
    MDL *mdl = IoAllocateMdl(buffer + 100, 3 * PAGE, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(mdl);
    assert_int_equal(flags_of(mdl), MDL_SOURCE_IS_NONPAGED_POOL);
    assert_true(ms_mdl_is_resident(mdl));
    assert_memory_equal(ms_mdl_frames(mdl), frames, 4 * sizeof *frames);
    assert_ptr_equal(mdl->MappedSystemVa, buffer + 100);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), buffer + 100);
    MmUnmapLockedPages(mdl->MappedSystemVa, mdl); /* not a mapping of the MDL's: stays */
    assert_true(ms_virtual_pfn(t.memory, buffer) == frames[0]);
    IoFreeMdl(mdl);
    assert_true(ms_virtual_pfn(t.memory, buffer) == frames[0]);
    ms_view_destroy(t.memory, buffer, FRAMES);
    test_memory_leave(&t);
}

MS_TEST(mdl_over_foreign_memory_never_becomes_resident) /* MDL-10, MDL-11, MTX-22 */
{
    struct test_memory t = test_memory_enter();
    uint8_t *buffer = ms_view_create(t.memory, frames, 1);
    uint8_t local[10];
    MDL *outside = IoAllocateMdl(local, 10, FALSE, FALSE, NULL);
    MDL *beyond = IoAllocateMdl(buffer + 10, PAGE, FALSE, FALSE, NULL); /* a page too long */

    MmBuildMdlForNonPagedPool(outside);
    MmProbeAndLockPages(outside, KernelMode, IoReadAccess);
    assert_int_equal(flags_of(outside), 0);
    assert_null(MmGetSystemAddressForMdlSafe(outside, NormalPagePriority));
    MmProbeAndLockPages(beyond, KernelMode, IoReadAccess);
    assert_int_equal(flags_of(beyond), 0);
    IoFreeMdl(outside);
    IoFreeMdl(beyond);
    ms_view_destroy(t.memory, buffer, 1);
    test_memory_leave(&t);
}

MS_TEST(thread_outside_any_machine_can_neither_lock_nor_map)
{
    uint8_t local[10];
    MDL *mdl = IoAllocateMdl(local, 10, FALSE, FALSE, NULL);

    assert_null(ms_cpu_current());
    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
    assert_false(ms_mdl_is_resident(mdl));
    assert_int_equal(MmGetPhysicalAddress(local).QuadPart, 0);
    IoFreeMdl(mdl);
    mdl = ms_mdl_create(frames, 0, PAGE);
    assert_null(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    IoFreeMdl(mdl);
}

MS_TEST(locked_mdl_maps_at_its_byte_offset_and_unlocking_unmaps) /* MDL-11, MDL-12 */
{
    struct test_memory t = test_memory_enter();
    uint8_t *user = ms_view_create(t.memory, frames, FRAMES), *mapped;
    MDL *mdl = IoAllocateMdl(user + 4000, 5000, FALSE, FALSE, NULL);

    MmProbeAndLockPages(mdl, UserMode, IoWriteAccess);
    assert_int_equal(flags_of(mdl), MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    assert_memory_equal(ms_mdl_frames(mdl), frames, 3 * sizeof *frames);
    mapped = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute);
    assert_non_null(mapped);
    assert_ptr_not_equal(mapped, user + 4000);
    assert_int_equal((uintptr_t)mapped % PAGE, 4000);
    assert_true(flags_of(mdl) & MDL_MAPPED_TO_SYSTEM_VA);
    for (uint32_t i = 0; i < 5000; i++)
        mapped[i] = (uint8_t)(i * 7);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(user[4000 + i], (uint8_t)(i * 7));
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), mapped);
    MmUnlockPages(mdl);
    assert_int_equal(flags_of(mdl), 0);
    assert_true(ms_virtual_pfn(t.memory, mapped) == MS_PFN_NONE);
    MmUnlockPages(mdl); /* nothing is locked any more */
    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
    assert_int_equal(flags_of(mdl), MDL_PAGES_LOCKED);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    ms_view_destroy(t.memory, user, FRAMES);
    test_memory_leave(&t);
}

MS_TEST(locking_leaves_nonpaged_and_partial_mdls_alone) /* MDL-11 */
{
    struct test_memory t = test_memory_enter();
    MDL *mdl = ms_mdl_create(frames, 0, PAGE);
    const uint32_t flags[] = {MDL_PAGES_LOCKED, MDL_SOURCE_IS_NONPAGED_POOL, MDL_PARTIAL};

    for (size_t i = 0; i < 3; i++) {
        mdl->MdlFlags = (CSHORT)flags[i];
        MmProbeAndLockPages(mdl, KernelMode, IoModifyAccess);
        assert_int_equal(flags_of(mdl), flags[i]);
    }
    mdl->MdlFlags = 0;
    IoFreeMdl(mdl);
    test_memory_leave(&t);
}

MS_TEST(mapping_fails_cleanly_and_frees_with_its_mdl) /* MDL-12, MDL-22 */
{
    struct test_memory t = test_memory_enter();
    MDL *mdl = ms_mdl_create(frames, 9, 2 * PAGE);
    uint32_t countdown = 0;
    PVOID user;

    for (;; countdown++) {
        ms_fault_arm(countdown);
        if (MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority))
            break;
        assert_int_equal(flags_of(mdl), MDL_PAGES_LOCKED);
    }
    ms_fault_arm(UINT32_MAX);
    assert_true(countdown > 0);
    user = MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL, FALSE, 0);
    assert_non_null(user);
    assert_ptr_not_equal(user, mdl->MappedSystemVa);
    MmUnmapLockedPages(user, mdl);
    assert_true(flags_of(mdl) & MDL_MAPPED_TO_SYSTEM_VA);
    IoFreeMdl(mdl); /* takes the kernel mapping with it */
    test_memory_leave(&t);
}

/* --- partial MDLs ------------------------------------------------------------------------------
 */

MS_TEST(partial_mdl_shares_frames_at_every_offset_and_length) /* MDL-13, MDL-14, MDL-20 */
{
    struct test_memory t = test_memory_enter();
    MDL *source = ms_mdl_create(frames, 4000, 3 * PAGE);
    uint8_t *start = MmGetMdlVirtualAddress(source);
    static const uint32_t places[] = {0, 1, 95, 96, 97, 4191, 4192, 4193, 8288, 12287};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (size_t j = i; j < sizeof places / sizeof *places; j++) {
            uint32_t skip = places[i], length = places[j] - skip, want = length;
            MDL *part = IoAllocateMdl(start + skip, 3 * PAGE - skip, FALSE, FALSE, NULL);
            uint64_t page = (4000u + skip) / PAGE;

            IoBuildPartialMdl(source, part, start + skip, length);
            if (length == 0)
                want = 3 * PAGE - skip; /* to the end */
            assert_int_equal(part->ByteCount, want);
            assert_int_equal(part->ByteOffset, (4000u + skip) % PAGE);
            assert_ptr_equal(MmGetMdlVirtualAddress(part), start + skip);
            assert_int_equal(flags_of(part), MDL_PARTIAL);
            assert_true(ms_mdl_is_resident(part));
            for (uint64_t p = 0; p < ms_mdl_pages(part); p++)
                assert_int_equal(ms_mdl_frames(part)[p], frames[page + p]);
            IoFreeMdl(part);
        }
    }
    IoFreeMdl(source);
    test_memory_leave(&t);
}

MS_TEST(partial_mdl_out_of_range_stays_as_it_was) /* MDL-13 */
{
    MDL *source = ms_mdl_create(frames, 10, PAGE);
    uint8_t *start = MmGetMdlVirtualAddress(source);
    MDL *part = IoAllocateMdl(start, PAGE, FALSE, FALSE, NULL);

    IoBuildPartialMdl(source, part, start - 1, 1);
    IoBuildPartialMdl(source, part, start + PAGE + 1, 0);
    IoBuildPartialMdl(source, part, start + 1, PAGE);
    assert_int_equal(flags_of(part), 0);
    assert_int_equal(part->ByteCount, PAGE);
    IoFreeMdl(part);
    IoFreeMdl(source);
}

MS_TEST(partial_of_an_mdl_that_is_not_resident_is_not_either) /* MDL-14, MTX-22 */
{
    MDL *source = IoAllocateMdl((PVOID)0x5000, PAGE, FALSE, FALSE, NULL);
    MDL *part = IoAllocateMdl((PVOID)0x5000, PAGE, FALSE, FALSE, NULL);

    IoBuildPartialMdl(source, part, (PVOID)0x5000, 10);
    assert_false(ms_mdl_is_resident(part));
    IoFreeMdl(part);
    IoFreeMdl(source);
}

MS_TEST(partial_mdl_shares_a_mapping_or_has_its_own) /* MDL-09, MDL-13, MDL-14, MDL-15 */
{
    struct test_memory t = test_memory_enter();
    MDL *source = ms_mdl_create(frames, 0, 4 * PAGE);
    uint8_t *start = MmGetMdlVirtualAddress(source), *mapped, *own;
    MDL *part = IoAllocateMdl(start + 5000, 100, FALSE, FALSE, NULL);

    /* Its own: made before the source had one, and released by both ways out. */
    IoBuildPartialMdl(source, part, start + 5000, 100);
    own = MmGetSystemAddressForMdlSafe(part, NormalPagePriority);
    assert_non_null(own);
    assert_true(flags_of(part) & MDL_PARTIAL_HAS_BEEN_MAPPED);
    MmPrepareMdlForReuse(part);
    assert_int_equal(flags_of(part), MDL_PARTIAL);
    assert_true(ms_virtual_pfn(t.memory, own) == MS_PFN_NONE);
    assert_non_null(MmGetSystemAddressForMdlSafe(part, NormalPagePriority));
    IoFreeMdl(part);
    assert_int_equal(ms_page_set_count(&t.memory->window.pages), 1);

    /* The source's. */
    mapped = MmGetSystemAddressForMdlSafe(source, NormalPagePriority);
    part = IoAllocateMdl(start + 5000, 100, FALSE, FALSE, NULL);
    IoBuildPartialMdl(source, part, start + 5000, 100);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), mapped + 5000);
    MmPrepareMdlForReuse(part);
    MmUnmapLockedPages(part->MappedSystemVa, part);
    IoFreeMdl(part);
    assert_int_equal(ms_virtual_pfn(t.memory, mapped), frames[0]); /* still there */
    MmUnlockPages(source);
    IoFreeMdl(source);
    test_memory_leave(&t);
}

MS_TEST(partial_of_nonpaged_pool_has_the_buffers_address) /* MDL-14 */
{
    struct test_memory t = test_memory_enter();
    uint8_t *buffer = ms_view_create(t.memory, frames, 2);
    MDL *source = IoAllocateMdl(buffer, 2 * PAGE, FALSE, FALSE, NULL);
    MDL *part = IoAllocateMdl(buffer + 4096, 7, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(source);
    IoBuildPartialMdl(source, part, buffer + 4096, 7);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), buffer + 4096);
    assert_int_equal(ms_mdl_frames(part)[0], frames[1]);
    IoFreeMdl(part);
    IoFreeMdl(source);
    ms_view_destroy(t.memory, buffer, 2);
    test_memory_leave(&t);
}

/* --- advancing ---------------------------------------------------------------------------------
 */

MS_TEST(advancing_moves_the_start_and_keeps_the_end) /* MDL-16 */
{
    struct test_memory t = test_memory_enter();
    enum { OFFSET = 4000, BYTES = 3 * PAGE };

    for (uint32_t by = 0; by <= BYTES; by += by % PAGE == 94 ? 1 : 47) {
        MDL *mdl = ms_mdl_create(frames, OFFSET, BYTES);
        uint8_t *start = MmGetMdlVirtualAddress(mdl);
        uint8_t *mapped = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);

        assert_status(MmAdvanceMdl(mdl, by), STATUS_SUCCESS);
        assert_ptr_equal(MmGetMdlVirtualAddress(mdl), start + by);
        assert_int_equal(mdl->ByteCount, BYTES - by);
        assert_true(mdl->ByteOffset < PAGE);
        for (uint64_t i = 0; i < ms_mdl_pages(mdl); i++)
            assert_int_equal(ms_mdl_frames(mdl)[i], frames[(OFFSET + by) / PAGE + i]);
        assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), mapped + by);
        assert_status(MmAdvanceMdl(mdl, BYTES - by + 1), STATUS_INVALID_PARAMETER_2);
        assert_int_equal(mdl->ByteCount, BYTES - by);
        IoFreeMdl(mdl); /* unmaps the whole view, not only what is left */
        assert_int_equal(ms_page_set_count(&t.memory->window.pages), 1);
    }
    MDL *mdl = ms_mdl_create(frames, 0, PAGE);
    (void)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    assert_status(MmAdvanceMdl(mdl, PAGE), STATUS_SUCCESS); /* to the mapping's very end */
    IoFreeMdl(mdl);
    test_memory_leave(&t);
}

MS_TEST(physical_address_is_frame_and_offset) /* MDL-22 */
{
    struct test_memory t = test_memory_enter();
    uint8_t *buffer = ms_view_create(t.memory, frames, FRAMES);

    for (uint64_t i = 0; i < FRAMES; i++)
        assert_true(MmGetPhysicalAddress(buffer + i * PAGE + 3 * i).QuadPart ==
                    (LONGLONG)(frames[i] * PAGE + 3 * i));
    assert_int_equal(MmGetPhysicalAddress(&t).QuadPart, 0);
    ms_view_destroy(t.memory, buffer, FRAMES);
    test_memory_leave(&t);
}
