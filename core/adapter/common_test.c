/* SPDX-License-Identifier: MIT */
/*
 * Common buffers of all kinds, vectors of them, and domains, as a driver sees them.
 */
#include "adapter/test_chain.h"

static PHYSICAL_ADDRESS at(uint64_t address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)address};
}

static uint64_t value(PHYSICAL_ADDRESS address)
{
    return (uint64_t)address.QuadPart;
}

/* CBF-01..CBF-06, CBF-10, CBF-12, CBF-13, CBF-14, MTX-62 */
MS_TEST(a_common_buffer_lies_in_reach_on_a_page_and_shows_the_device_the_same_bytes)
{
    const enum kind kinds[] = {SG64, SG32, SG24, PACKET32};
    const ULONG lengths[] = {1, 4096, 4097, 0x20000};

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct fixture f;
        fixture_open(&f);
        PDMA_ADAPTER a = adapter_get(&f, kinds[k], NULL);
        const DMA_OPERATIONS *ops = a->DmaOperations;
        uint32_t width = description_of(kinds[k]).DmaAddressWidth;
        uint64_t taken = ms_frames_taken(f.memory);
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
            PHYSICAL_ADDRESS logical = at(0);
            uint8_t *bytes = ops->AllocateCommonBuffer(a, lengths[l], &logical, TRUE);
            assert_non_null(bytes);
            uint64_t first = value(logical), last = first + lengths[l] - 1;
            assert_int_equal((uintptr_t)bytes % 4096, 0); /* CBF-05 */
            assert_int_equal(first % 4096, 0);
            assert_true(width == 64 || last >> width == 0); /* CBF-02 */
            assert_int_equal(first >> 32, last >> 32);      /* CBF-12 */
            assert_int_equal(bytes[lengths[l] - 1], 0);     /* CBF-13 */
            bytes[lengths[l] - 1] = 0x5A;
            assert_int_equal(*ms_memory_byte(f.memory, (ms_pa){last}), 0x5A);
            /* CBF-14 */
            PMDL mdl = IoAllocateMdl(bytes, lengths[l], FALSE, FALSE, NULL);
            MmBuildMdlForNonPagedPool(mdl);
            assert_int_equal(MmGetMdlPfnArray(mdl)[0], first >> 12);
            IoFreeMdl(mdl);
            /* CBF-06: what differs in any argument frees nothing. */
            ops->FreeCommonBuffer(a, lengths[l] + 1, logical, bytes, TRUE);
            ops->FreeCommonBuffer(a, lengths[l], at(first + 4096), bytes, TRUE);
            ops->FreeCommonBuffer(a, lengths[l], logical, bytes + 4096, TRUE);
            assert_true(ms_frames_taken(f.memory) > taken);
            ops->FreeCommonBuffer(a, lengths[l], logical, bytes, TRUE);
            ops->FreeCommonBuffer(a, lengths[l], logical, bytes, TRUE); /* twice */
            assert_int_equal(ms_frames_taken(f.memory), taken);
        }
        ops->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

/* CBF-07..CBF-09, CBF-11, CBF-16, AMB-33, GEN-12 */
MS_TEST(bounds_are_inclusive_and_bad_arguments_get_no_buffer)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PHYSICAL_ADDRESS mask = at(0xFFFFFFFF), low = at(0x2000000), high = at(0x2001FFF);
    PHYSICAL_ADDRESS logical = at(77), tight = at(0x2001FFE);
    MEMORY_CACHING_TYPE cached = MmCached, combined = MmWriteCombined;
    PVOID p;

    assert_null(ops->AllocateCommonBuffer(a, 0, &logical, TRUE));
    assert_null(ops->AllocateCommonBuffer(a, 1, NULL, TRUE));
    assert_null(ops->AllocateCommonBufferEx(a, &mask, 0, &logical, TRUE, 0));
    assert_null(ops->AllocateCommonBufferEx(a, &mask, 1, NULL, TRUE, 0));
    assert_null(ops->AllocateCommonBufferWithBounds(a, NULL, NULL, 0, 0, NULL, 0, &logical));
    assert_null(ops->AllocateCommonBufferWithBounds(a, NULL, NULL, 1, 0, NULL, 0, NULL));
    assert_null(ops->AllocateCommonBufferWithBounds(a, NULL, NULL, 1, 2, NULL, 0, &logical));
    assert_null(ops->AllocateCommonBufferWithBounds(a, NULL, NULL, 1, 0, &combined, 0, &logical));
    assert_null(ops->AllocateCommonBufferWithBounds(a, &high, &low, 1, 0, NULL, 0, &logical));
    assert_null(
        ops->AllocateCommonBufferWithBounds(a, &low, &tight, 0x2000, 0, &cached, 0, &logical));
    assert_int_equal(logical.QuadPart, 77);
    p = ops->AllocateCommonBufferWithBounds(a, &low, &high, 0x2000, 0, &cached, 9, &logical);
    assert_non_null(p); /* the last byte is the bound itself */
    assert_int_equal(logical.QuadPart, 0x2000000);
    ops->FreeCommonBuffer(a, 0x2000, logical, p, TRUE);
    p = ops->AllocateCommonBufferEx(a, &mask, 0x3000, &logical, FALSE, 5);
    assert_non_null(p);
    assert_true(value(logical) + 0x2FFF <= 0xFFFFFFFF);
    ops->FreeCommonBuffer(a, 0x3000, logical, p, FALSE);
    p = ops->AllocateCommonBufferWithBounds(a, NULL, NULL, 0x1000, DOMAIN_COMMON_BUFFER_LARGE_PAGE,
                                            NULL, 0, &logical);
    assert_non_null(p);
    assert_int_equal(value(logical) % (512 * 4096), 0); /* CBF-09 */
    ops->FreeCommonBuffer(a, 0x1000, logical, p, FALSE);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* MTX-62: where every page goes through a register, those of a common buffer do not. */
MS_TEST(a_common_buffer_never_bounces_even_when_everything_else_does)
{
    struct ms_dma_config config = fixture_config();
    const enum kind kinds[] = {SG64, PACKET32};
    config.translate_all = true;
    for (size_t k = 0; k < 2; k++) {
        static const struct chain_mdl usual = {0, 0x1000, {0x1010}};
        struct fixture f;
        struct chain chain;
        uint8_t room[256];
        PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)(void *)room;
        SCATTER_GATHER_ELEMENT element;
        PHYSICAL_ADDRESS logical;
        PVOID base;
        fixture_open_with(&f, &config);
        chain_make(&chain, &f, &usual, 1);
        PDMA_ADAPTER a = adapter_get(&f, kinds[k], NULL);
        const DMA_OPERATIONS *ops = a->DmaOperations;
        char *bytes = ops->AllocateCommonBuffer(a, 0x3000, &logical, TRUE);
        PMDL mdl = IoAllocateMdl(bytes + 0x10, 0x2FF0, FALSE, FALSE, NULL);
        MmBuildMdlForNonPagedPool(mdl);
        assert_status(grant_sync(&f, a, 4, &base), STATUS_SUCCESS);
        for (int common = 0; common < 2; common++) {
            ULONG length = 0xF00;
            PMDL head = common ? mdl : chain.mdl[0];
            assert_status(ops->MapTransferEx(a, head, base, 0, 0, &length, TRUE, list, sizeof room,
                                             NULL, NULL),
                          STATUS_SUCCESS);
            memcpy(&element, room + 16, sizeof element);
            if (common)
                assert_int_equal(value(element.Address), value(logical) + 0x10);
            else
                assert_int_not_equal(value(element.Address), 0x1010000);
            assert_status(ops->FlushAdapterBuffersEx(a, head, base, 0, length, TRUE),
                          STATUS_SUCCESS);
        }
        DMA_TRANSFER_INFO info = {.Version = 1};
        assert_status(ops->GetDmaTransferInfo(a, mdl, 0, 0x2FF0, TRUE, &info), STATUS_SUCCESS);
        assert_int_equal(info.V1.MapRegisterCount, 0);
        ops->FreeAdapterChannel(a);
        ops->FreeCommonBuffer(a, 0x3000, logical, bytes, TRUE);
        /* Common no longer: it bounces. The MDL is stale, but its frames are RAM. */
        assert_status(ops->GetDmaTransferInfo(a, mdl, 0, 0x2FF0, TRUE, &info), STATUS_SUCCESS);
        assert_int_equal(info.V1.MapRegisterCount, 3);
        IoFreeMdl(mdl);
        chain_end(&chain);
        ops->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

/* --- from an MDL */

/* CBM-01..CBM-06 */
MS_TEST(an_mdl_becomes_a_common_buffer_when_a_device_can_see_it_as_one)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER wide = adapter_get(&f, SG64, NULL), narrow = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = wide->DmaOperations;
    static const PFN_NUMBER run[] = {0x100100, 0x100101, 0x100102};
    static const PFN_NUMBER gap[] = {0x100200, 0x100202};
    const NTSTATUS bad = STATUS_INVALID_PARAMETER;
    PHYSICAL_ADDRESS logical = at(77);
    DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION config[2] = {{.ConfigType = 0}};
    ms_frames_take_at(f.memory, 0x100100, 3);
    ms_frames_take_at(f.memory, 0x100200, 3);
    PMDL good = ms_mdl_create(run, 0, 0x3000), apart = ms_mdl_create(gap, 0, 0x2000);
    PMDL part = ms_mdl_create(run, 0, 0x2800), inside = ms_mdl_create(run, 0x800, 0x1000);
    PMDL mdls[] = {good, apart, part, inside};

    assert_status(ops->CreateCommonBufferFromMdl(wide, good, NULL, 0, &logical),
                  bad); /* unmapped */
    for (int i = 0; i < 4; i++)
        assert_non_null(MmGetSystemAddressForMdlSafe(mdls[i], NormalPagePriority));
    assert_status(ops->CreateCommonBufferFromMdl(wide, NULL, NULL, 0, &logical), bad);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, NULL, 0, NULL), bad);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, NULL, 1, &logical), bad);
    assert_status(ops->CreateCommonBufferFromMdl(wide, apart, NULL, 0, &logical), bad);
    assert_status(ops->CreateCommonBufferFromMdl(wide, part, NULL, 0, &logical), bad);
    assert_status(ops->CreateCommonBufferFromMdl(wide, inside, NULL, 0, &logical), bad);
    assert_status(ops->CreateCommonBufferFromMdl(narrow, good, NULL, 0, &logical), bad); /* reach */
    good->Next = apart;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, NULL, 0, &logical), bad); /* chained */
    config[0].ConfigType = CommonBufferConfigTypeSubSection;
    config[0].SubSection.Offset = 0x3000;
    config[0].SubSection.Length = 0x1000;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 1, &logical), STATUS_SUCCESS);
    assert_int_equal(logical.QuadPart, 0x100200000); /* inside the second MDL */
    ops->FreeCommonBuffer(wide, 0x1000, logical, apart->MappedSystemVa, TRUE);
    config[0].SubSection.Offset = 0x2000;
    config[0].SubSection.Length = 0x2000;
    logical = at(77);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 1, &logical), bad); /* two */
    config[0].SubSection.Length = 0x800;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 1, &logical), bad);
    config[0].SubSection.Length = 0;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 1, &logical), bad);
    good->Next = NULL;
    config[0].SubSection.Offset = 0x1000;
    config[0].SubSection.Length = 0x1000;
    config[1] = config[0];
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical), bad); /* twice */
    config[1].ConfigType = CommonBufferConfigTypeHardwareAccessPermissions;
    config[1].HardwareAccessType = CommonBufferHardwareAccessReadOnly;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical),
                  STATUS_NOT_SUPPORTED); /* CBM-04 */
    config[1].HardwareAccessType = CommonBufferHardwareAccessMax;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical), bad);
    config[1].ConfigType = CommonBufferConfigTypeMax;
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical),
                  STATUS_NOT_SUPPORTED); /* CBM-03 */
    config[1].ConfigType = CommonBufferConfigTypeLogicalAddressLimits;
    config[1].LogicalAddressLimits.MinimumAddress = at(0x100101000);
    config[1].LogicalAddressLimits.MaximumAddress = at(0x100101FFE);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical), bad);
    config[1].LogicalAddressLimits.MinimumAddress = at(0x100101001);
    config[1].LogicalAddressLimits.MaximumAddress = at(0x100101FFF);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical), bad);
    assert_int_equal(logical.QuadPart, 77); /* GEN-12 */
    config[1].LogicalAddressLimits.MinimumAddress = at(0x100101000);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, config, 2, &logical), STATUS_SUCCESS);
    assert_int_equal(logical.QuadPart, 0x100101000);
    ops->FreeCommonBuffer(wide, 0x1000, logical, (char *)good->MappedSystemVa + 0x1000, TRUE);
    ms_fault_arm(0); /* CBM-03 */
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, NULL, 0, &logical),
                  STATUS_INSUFFICIENT_RESOURCES);
    ms_fault_arm(UINT32_MAX);
    assert_status(ops->CreateCommonBufferFromMdl(wide, good, NULL, 0, &logical), STATUS_SUCCESS);
    ops->FreeCommonBuffer(wide, 0x3000, logical, good->MappedSystemVa, TRUE);
    ((char *)good->MappedSystemVa)[0] = 1; /* CBM-06: pages and mapping are the driver's still */
    for (int i = 0; i < 4; i++)
        IoFreeMdl(mdls[i]);
    ms_frames_give(f.memory, 0x100100, 3);
    ms_frames_give(f.memory, 0x100200, 3);
    wide->DmaOperations->PutDmaAdapter(wide);
    narrow->DmaOperations->PutDmaAdapter(narrow);
    fixture_close(&f);
}

/* --- vectors */

/* CBV-01..CBV-08 */
MS_TEST(a_vector_holds_independent_buffers_that_are_freed_one_by_one)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PHYSICAL_ADDRESS low = at(0x1000000), high = at(0x1FFFFFF), la[3];
    PDMA_COMMON_BUFFER_VECTOR vector = NULL;
    const NTSTATUS bad = STATUS_INVALID_PARAMETER;
    uint64_t taken = ms_frames_taken(f.memory);
    PVOID va[3];

    assert_status(ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 0, 1, &vector),
                  bad);
    assert_status(ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 1, 0, &vector),
                  bad);
    assert_status(ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 1, 1, NULL), bad);
    assert_status(ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 4, 1, 1, &vector),
                  bad);
    assert_status(
        ops->AllocateCommonBufferVector(a, low, high, MmWriteCombined, 0, 0, 1, 1, &vector), bad);
    assert_status(
        ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 2, 0x800001, &vector),
        STATUS_INSUFFICIENT_RESOURCES); /* the first fits, the second does not */
    assert_status(
        ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 0xFFFFFFFF, 1, &vector),
        STATUS_INSUFFICIENT_RESOURCES);
    assert_null(vector);
    assert_int_equal(ms_frames_taken(f.memory), taken);
    assert_status(
        ops->AllocateCommonBufferVector(a, low, high, MmNonCached, 0, 0, 3, 0x1001, &vector),
        STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        ops->GetCommonBufferFromVectorByIndex(a, vector, i, &va[i], &la[i]);
        assert_true(value(la[i]) >= value(low) && value(la[i]) + 0x1000 <= value(high));
        assert_int_equal((uintptr_t)va[i] % 4096, 0); /* CBV-05 */
        for (ULONG j = 0; j < i; j++)
            assert_true(value(la[j]) + 0x2000 <= value(la[i]) ||
                        value(la[i]) + 0x2000 <= value(la[j]));
    }
    PVOID untouched = &f;
    ops->GetCommonBufferFromVectorByIndex(a, vector, 3, &untouched, &la[0]);
    ops->GetCommonBufferFromVectorByIndex(a, NULL, 0, &untouched, &la[0]);
    ops->FreeCommonBufferFromVector(a, vector, 1);
    ops->FreeCommonBufferFromVector(a, vector, 1);
    ops->FreeCommonBufferFromVector(a, vector, 3);
    ops->GetCommonBufferFromVectorByIndex(a, vector, 1, &untouched, &la[0]);
    assert_ptr_equal(untouched, &f);
    ops->FreeCommonBufferFromVector(a, vector, 0);
    ops->FreeCommonBufferVector(a, vector); /* CBV-04: element 2 goes along */
    ops->FreeCommonBufferVector(a, NULL);
    assert_int_equal(ms_frames_taken(f.memory), taken);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* --- domains */

/* DOM-01, DOM-02, IRQ-19 */
MS_TEST(a_domain_reaches_as_far_as_its_narrowest_member)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER wide = adapter_get(&f, SG64, NULL), narrow = adapter_get(&f, SG24, NULL);
    const DMA_OPERATIONS *ops = wide->DmaOperations;
    HANDLE home = ops->GetDmaDomain(wide), other = ops->GetDmaDomain(narrow);
    PHYSICAL_ADDRESS logical = at(77);
    MEMORY_CACHING_TYPE combined = MmWriteCombined;
    const NTSTATUS bad = STATUS_INVALID_PARAMETER;
    PVOID va = NULL;

    assert_non_null(home);
    assert_ptr_not_equal(home, other);
    assert_status(ops->JoinDmaDomain(wide, NULL), bad);
    assert_status(ops->JoinDmaDomain(wide, &f), bad);
    assert_ptr_equal(ops->GetDmaDomain(wide), home);
    assert_status(ops->AllocateDomainCommonBuffer(wide, &f, NULL, 1, 0, NULL, 0, &logical, &va),
                  bad);
    assert_status(ops->AllocateDomainCommonBuffer(wide, home, NULL, 0, 0, NULL, 0, &logical, &va),
                  bad);
    assert_status(ops->AllocateDomainCommonBuffer(wide, home, NULL, 1, 0, NULL, 0, NULL, &va), bad);
    assert_status(ops->AllocateDomainCommonBuffer(wide, home, NULL, 1, 0, NULL, 0, &logical, NULL),
                  bad);
    assert_status(ops->AllocateDomainCommonBuffer(wide, home, NULL, 1, 8, NULL, 0, &logical, &va),
                  bad);
    assert_status(
        ops->AllocateDomainCommonBuffer(wide, home, NULL, 1, 0, &combined, 0, &logical, &va), bad);
    PHYSICAL_ADDRESS none = at(0xFFE);
    assert_status(
        ops->AllocateDomainCommonBuffer(wide, home, &none, 4096, 0, NULL, 0, &logical, &va),
        STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(logical.QuadPart, 77);
    assert_null(va);
    assert_status(narrow->DmaOperations->JoinDmaDomain(narrow, home), STATUS_SUCCESS);
    assert_ptr_equal(narrow->DmaOperations->GetDmaDomain(narrow), home);
    assert_status(
        ops->AllocateDomainCommonBuffer(wide, home, NULL, 4096, 0, NULL, 0, &logical, &va),
        STATUS_SUCCESS);
    assert_true(value(logical) < 1 << 24);
    ops->FreeCommonBuffer(wide, 4096, logical, va, TRUE);
    assert_status(ops->JoinDmaDomain(wide, (HANDLE)((char *)other + 99)), bad);
    assert_status(narrow->DmaOperations->LeaveDmaDomain(narrow), STATUS_SUCCESS);
    assert_ptr_equal(narrow->DmaOperations->GetDmaDomain(narrow), other);
    assert_status(ops->JoinDmaDomain(wide, other), STATUS_SUCCESS);
    narrow->DmaOperations->PutDmaAdapter(narrow);
    assert_status(
        ops->AllocateDomainCommonBuffer(wide, other, NULL, 4096, 0, NULL, 0, &logical, &va),
        STATUS_SUCCESS);
    assert_true(value(logical) >= 1 << 24);
    ops->FreeCommonBuffer(wide, 4096, logical, va, TRUE);
    assert_status(ops->JoinDmaDomain(wide, home), STATUS_SUCCESS);
    ops->PutDmaAdapter(wide);
    fixture_close(&f);
}

/* --- faults */

MS_TEST(each_fault_point_of_a_common_buffer_leaves_every_frame_where_it_was)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    uint64_t taken = ms_frames_taken(f.memory);

    for (int way = 0; way < 2; way++) {
        uint32_t countdown = 0;
        for (bool fired = true; fired; countdown++) {
            PHYSICAL_ADDRESS logical = at(77), low = at(0), high = at(~0ull >> 1);
            PDMA_COMMON_BUFFER_VECTOR vector = NULL;
            PVOID va = NULL;
            ms_fault_arm(countdown);
            if (way == 0)
                va = ops->AllocateCommonBuffer(a, 0x3000, &logical, TRUE);
            else
                ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 3, 0x1001, &vector);
            fired = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            assert_true(fired || va || vector); /* frames may be found elsewhere all the same */
            if (va)
                ops->FreeCommonBuffer(a, 0x3000, logical, va, TRUE);
            if (vector)
                ops->FreeCommonBufferVector(a, vector);
            assert_int_equal(ms_frames_taken(f.memory), taken);
            assert_true(countdown < 60);
        }
        assert_true(countdown > 3);
    }
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}
