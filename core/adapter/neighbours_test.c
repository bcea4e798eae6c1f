/* SPDX-License-Identifier: MIT */
/*
 * What lies beside something else, and ends or changes without it: common buffers in the same frames, domains
 * whose adapter is away, parts of a chain that are longer than an element.
 */
#include "adapter/test_chain.h"

enum { PAGES = 4 };

/* MTX-62, CBM-01, CBM-06: frames that lie in two common buffers are common as long as one of them lives. */
MS_TEST(frames_of_two_common_buffers_are_common_until_both_are_freed)
{
    for (int ends_first = 0; ends_first <= 1; ends_first++) {
        struct ms_dma_config config = fixture_config();
        struct fixture f;
        PHYSICAL_ADDRESS logical[2];
        ULONG length = PAGES * PAGE_SIZE;
        struct own_list list;
        PVOID base;

        config.translate_all = true;
        fixture_open_with(&f, &config);
        PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
        const DMA_OPERATIONS *ops = a->DmaOperations;
        char *buffer = ops->AllocateCommonBuffer(a, PAGES * PAGE_SIZE, &logical[0], TRUE);
        assert_non_null(buffer);
        PMDL mdl = IoAllocateMdl(buffer, PAGES * PAGE_SIZE, FALSE, FALSE, NULL);
        MmBuildMdlForNonPagedPool(mdl);
        DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION inside = {
            .ConfigType = CommonBufferConfigTypeSubSection,
            .SubSection = {.Offset = PAGE_SIZE, .Length = 2 * PAGE_SIZE}};
        assert_status(ops->CreateCommonBufferFromMdl(a, mdl, &inside, 1, &logical[1]),
                      STATUS_SUCCESS);
        if (ends_first == 0) /* the inner one ends: the outer one is what it was */
            ops->FreeCommonBuffer(a, 2 * PAGE_SIZE, logical[1], buffer + PAGE_SIZE, TRUE);
        assert_status(grant_sync(&f, a, PAGES, &base), STATUS_SUCCESS);
        assert_status(ops->MapTransferEx(a, mdl, base, 0, 0, &length, TRUE, list_of(&list),
                                         sizeof list, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(list.elements, 1);
        assert_int_equal(list.of[0].Address.QuadPart, logical[0].QuadPart);
        assert_int_equal(list.of[0].Length, PAGES * PAGE_SIZE);
        ops->FlushAdapterBuffersEx(a, mdl, base, 0, length, TRUE);
        if (ends_first == 1)
            ops->FreeCommonBuffer(a, 2 * PAGE_SIZE, logical[1], buffer + PAGE_SIZE, TRUE);
        ops->FreeAdapterChannel(a);
        IoFreeMdl(mdl);
        ops->FreeCommonBuffer(a, PAGES * PAGE_SIZE, logical[0], buffer, TRUE);
        ops->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

/* MTX-62, CBM-06: and when the last of them is freed, they are frames like any others. */
MS_TEST(frames_are_common_no_longer_when_the_last_buffer_over_them_is_freed)
{
    struct ms_dma_config config = fixture_config();
    struct chain_mdl near = {.bytes = 2 * PAGE_SIZE, .pfn = {0x4000, 0x4001}};
    PHYSICAL_ADDRESS logical[2];
    struct own_list list;
    struct fixture f;
    struct chain chain;
    PVOID base;

    config.translate_all = true;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    chain_make(&chain, &f, &near, 1);
    PMDL mdl = chain.mdl[0];
    void *address = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    assert_non_null(address);
    assert_status(grant_sync(&f, a, 2, &base), STATUS_SUCCESS);
    for (int i = 0; i < 2; i++)
        assert_status(ops->CreateCommonBufferFromMdl(a, mdl, NULL, 0, &logical[i]), STATUS_SUCCESS);
    for (int left = 2; left >= 0; left--) {
        ULONG length = 2 * PAGE_SIZE;
        assert_status(ops->MapTransferEx(a, mdl, base, 0, 0, &length, TRUE, list_of(&list),
                                         sizeof list, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(list.of[0].Address.QuadPart == logical[0].QuadPart, left > 0);
        ops->FlushAdapterBuffersEx(a, mdl, base, 0, length, TRUE);
        if (left > 0)
            ops->FreeCommonBuffer(a, 2 * PAGE_SIZE, logical[0], address, TRUE);
    }
    ops->FreeAdapterChannel(a);
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* DOM-02: an adapter's own domain is known as long as the adapter is open, also while nobody is in it. */
MS_TEST(a_domain_whose_adapter_is_away_can_be_joined)
{
    struct fixture f;
    PHYSICAL_ADDRESS logical;
    PVOID address;
    fixture_open(&f);
    PDMA_ADAPTER wide = adapter_get(&f, SG64, NULL), narrow = adapter_get(&f, SG24, NULL);
    const DMA_OPERATIONS *ops = wide->DmaOperations;
    HANDLE home = ops->GetDmaDomain(wide), other = ops->GetDmaDomain(narrow);

    assert_status(ops->JoinDmaDomain(narrow, home), STATUS_SUCCESS);
    /* Nobody is in it: what is allocated for it suits the one who comes home. */
    assert_status(ops->AllocateDomainCommonBuffer(wide, other, NULL, PAGE_SIZE, 0, NULL, 0,
                                                  &logical, &address),
                  STATUS_SUCCESS);
    assert_true(logical.QuadPart < 1 << 24);
    ops->FreeCommonBuffer(wide, PAGE_SIZE, logical, address, TRUE);
    assert_status(ops->JoinDmaDomain(wide, other), STATUS_SUCCESS);
    assert_ptr_equal(ops->GetDmaDomain(wide), other);
    /* Its one member reaches further than the one who is away. */
    assert_status(ops->AllocateDomainCommonBuffer(wide, other, NULL, PAGE_SIZE, 0, NULL, 0,
                                                  &logical, &address),
                  STATUS_SUCCESS);
    assert_true(logical.QuadPart >= 1 << 24);
    ops->FreeCommonBuffer(wide, PAGE_SIZE, logical, address, TRUE);
    assert_status(ops->LeaveDmaDomain(wide), STATUS_SUCCESS);
    assert_ptr_equal(ops->GetDmaDomain(wide), home);
    narrow->DmaOperations->PutDmaAdapter(narrow);
    assert_status(ops->JoinDmaDomain(wide, other), STATUS_INVALID_PARAMETER); /* of nobody now */
    ops->PutDmaAdapter(wide);
    fixture_close(&f);
}

static const struct {
    uint32_t bytes_max;
    uint64_t boundary;
} limits[] = {{0, 0}, {0x1000, 0}, {0x1800, 0}, {0x3000, 0}, {0, 0x800}, {0, 0x1000}, {0, 0x4000}};

/* GTI-08, GTI-09, GTI-13, MTX-34, SGX-16, SGL-10, AMB-50: of a part that one element can not take no call maps all,
 * so what is told to be needed is more than there is to be had; and a list of it there is none. */
MS_TEST(what_is_told_to_be_needed_maps_all_or_can_not_be_had)
{
    static const struct chain_mdl parts[] = {
        {0, 3 * PAGE_SIZE, {0x4000, 0x4001, 0x4002}},     /* in reach, one block */
        {0x800, 2 * PAGE_SIZE, {0x4003, 0x4004, 0x4005}}, /* likewise */
        {0x400, 2 * PAGE_SIZE, {0x140000, 0x4100, 0x4200}},
        {0x900, 0x500, {0x150000}},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (int part = 0; part < 4; part++) {
            struct ms_dma_config config = fixture_config();
            DMA_TRANSFER_INFO info = {.Version = 1};
            PSCATTER_GATHER_LIST made = NULL;
            struct context context;
            struct own_list list;
            struct fixture f;
            struct chain chain;
            ULONG registers;
            PVOID base;

            config.other.element_bytes_max = limits[i].bytes_max;
            config.other.boundary = limits[i].boundary;
            fixture_open_with(&f, &config);
            PDMA_ADAPTER a = adapter_get(&f, PACKET32, &registers);
            const DMA_OPERATIONS *ops = a->DmaOperations;
            chain_make(&chain, &f, &parts[part], 1);
            ULONG length = parts[part].bytes, all = length;
            assert_status(ops->GetDmaTransferInfo(a, chain.mdl[0], 0, length, FALSE, &info),
                          STATUS_SUCCESS);
            assert_int_equal(info.V1.ScatterGatherElementCount, 1); /* GTI-09 */
            bool can_be_had = info.V1.MapRegisterCount <= registers;
            assert_status(
                grant_sync(&f, a, can_be_had ? info.V1.MapRegisterCount : registers, &base),
                STATUS_SUCCESS);
            assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, TRUE,
                                             list_of(&list), sizeof list, NULL, NULL),
                          STATUS_SUCCESS);
            assert_int_equal(list.elements, 1); /* MTX-34 */
            assert_int_equal(length == all, can_be_had);
            ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0, length, TRUE);
            ops->FreeAdapterChannel(a);
            context_make(a, &context);
            assert_status(ops->GetScatterGatherListEx(a, &f.pdo, &context, chain.mdl[0], 0, all,
                                                      DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, TRUE,
                                                      NULL, NULL, &made),
                          can_be_had ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
            if (made) {
                ops->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
                ops->PutScatterGatherList(a, made, TRUE);
            }
            ops->PutDmaAdapter(a);
            chain_end(&chain);
            fixture_close(&f);
        }
}
