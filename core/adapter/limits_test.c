/* SPDX-License-Identifier: MIT */
/*
 * Limits of an element (SGE-06, SGE-09) and map registers: what an adapter says it may have can be had, and
 * whatever goes through registers keeps the limits too, by whichever routine it was mapped.
 */
#include "adapter/test_chain.h"

enum { PAGES = 16, FIRST_FAR = 0x140000 };

/* A machine whose 32-bit pools begin at no round page frame, with limits. */
static void limited_open(struct fixture *f, uint32_t bytes_max, uint64_t boundary)
{
    struct ms_dma_config config = fixture_config();

    config.registers[MS_REACH_24] = 100;
    config.registers[MS_REACH_32] = 600;
    config.other.element_bytes_max = bytes_max;
    config.other.boundary = boundary;
    fixture_open_with(f, &config);
}

static PDMA_ADAPTER packet_open(struct fixture *f, ULONG *registers)
{
    DEVICE_DESCRIPTION d = description_of(PACKET32);

    d.MaximumLength = 1 << 20;
    return ms_adapter_open(f->dma, &f->pdo, &d, registers);
}

static bool keeps(uint64_t address, uint64_t bytes, uint32_t bytes_max, uint64_t boundary)
{
    return (bytes_max == 0 || bytes <= bytes_max) &&
           (boundary == 0 || address / boundary == (address + bytes - 1) / boundary);
}

static const struct {
    uint32_t bytes_max;
    uint64_t boundary;
} limits[] = {{0, 0},          {0, 0x1000}, {0, 0x2000},     {0, 0x10000},
              {0, 0x20000000}, {0x1000, 0}, {0x3000, 0x4000}};
enum { LIMITS = sizeof limits / sizeof limits[0] };

/* IGA-04, IGA-05, IGA-07, QUE-05, SGE-06: a request for as many registers as the adapter may have is not one that
 * waits for ever, with everybody else behind it. */
MS_TEST(as_many_registers_as_the_adapter_may_have_can_be_had)
{
    for (int i = 0; i < LIMITS; i++) {
        struct fixture f;
        ULONG registers;
        PVOID base;
        limited_open(&f, limits[i].bytes_max, limits[i].boundary);
        PDMA_ADAPTER a = packet_open(&f, &registers);

        assert_true(registers >= 2);
        assert_status(grant_sync(&f, a, registers, &base), STATUS_SUCCESS);
        a->DmaOperations->FreeAdapterChannel(a);
        a->DmaOperations->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

static void far_chain(struct chain *chain, struct fixture *f, uint32_t pages)
{
    struct chain_mdl far = {.bytes = pages * 0x1000};

    for (uint32_t p = 0; p < pages; p++)
        far.pfn[p] = FIRST_FAR + p * 3;
    chain_make(chain, f, &far, 1);
}

/* GTI-08, SGE-06, MRG-03: what fits one element is mapped in one call, wherever the pool lies. */
MS_TEST(a_run_of_registers_as_long_as_the_boundary_crosses_none)
{
    struct fixture f;
    struct chain chain;
    ULONG registers, length = PAGES * 0x1000;
    struct own_list list;
    DMA_TRANSFER_INFO info = {.Version = 1};
    PVOID base;
    limited_open(&f, 0, PAGES * 0x1000);
    PDMA_ADAPTER a = packet_open(&f, &registers);

    far_chain(&chain, &f, PAGES);
    assert_status(a->DmaOperations->GetDmaTransferInfo(a, chain.mdl[0], 0, length, TRUE, &info),
                  STATUS_SUCCESS);
    assert_int_equal(info.V1.MapRegisterCount, PAGES);
    assert_int_equal(registers, PAGES);
    assert_status(grant_sync(&f, a, PAGES, &base), STATUS_SUCCESS);
    assert_status(a->DmaOperations->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, TRUE,
                                                  list_of(&list), sizeof list, NULL, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(length, PAGES * 0x1000);
    assert_int_equal(list.elements, 1);
    assert_true(keeps((uint64_t)list.of[0].Address.QuadPart, length, 0, PAGES * 0x1000));
    a->DmaOperations->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0, length, TRUE);
    a->DmaOperations->FreeAdapterChannel(a);
    a->DmaOperations->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* MTR-04, MTR-09, SGE-06, MRG-01: one region is one element: it keeps the limits, or there is none. */
MS_TEST(an_old_map_makes_no_region_that_the_device_can_not_take)
{
    for (int i = 0; i < LIMITS; i++)
        for (uint32_t pages = 1; pages <= 4; pages++) {
            struct fixture f;
            struct chain chain;
            ULONG registers;
            PVOID base;
            limited_open(&f, limits[i].bytes_max, limits[i].boundary);
            PDMA_ADAPTER a = packet_open(&f, &registers);
            const DMA_OPERATIONS *ops = a->DmaOperations;

            far_chain(&chain, &f, pages);
            assert_status(grant_sync(&f, a, registers < 4 ? registers : 4, &base), STATUS_SUCCESS);
            ULONG length = pages * 0x1000;
            PHYSICAL_ADDRESS at = ops->MapTransfer(
                a, chain.mdl[0], base, MmGetMdlVirtualAddress(chain.mdl[0]), &length, TRUE);
            if (length) {
                assert_int_equal(length, pages * 0x1000); /* MTR-09 */
                assert_true(
                    keeps((uint64_t)at.QuadPart, length, limits[i].bytes_max, limits[i].boundary));
            } else {
                assert_int_equal(at.QuadPart, 0);
                assert_true((limits[i].bytes_max && limits[i].bytes_max < pages * 0x1000) ||
                            (limits[i].boundary && limits[i].boundary < pages * 0x1000));
            }
            ops->FlushAdapterBuffers(a, chain.mdl[0], base, MmGetMdlVirtualAddress(chain.mdl[0]),
                                     pages * 0x1000, TRUE);
            ops->FreeAdapterChannel(a);
            ops->PutDmaAdapter(a);
            chain_end(&chain);
            fixture_close(&f);
        }
}

/* AMB-06, MTR-12, SGE-06: what lies behind the buffer in its last page makes no element longer than it may be. */
MS_TEST(bytes_behind_the_buffer_make_no_region_too_long)
{
    static const struct chain_mdl near = {0x800, 0x1000, {0x4000, 0x4001}};
    struct fixture f;
    struct chain chain;
    ULONG length = 0x1400;
    PVOID base;
    limited_open(&f, 0x1000, 0);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);

    chain_make(&chain, &f, &near, 1);
    assert_status(grant_sync(&f, a, 2, &base), STATUS_SUCCESS);
    a->DmaOperations->MapTransfer(a, chain.mdl[0], base, MmGetMdlVirtualAddress(chain.mdl[0]),
                                  &length, TRUE);
    assert_true(length <= 0x1000);
    a->DmaOperations->FlushAdapterBuffers(a, chain.mdl[0], base,
                                          MmGetMdlVirtualAddress(chain.mdl[0]), 0x1000, TRUE);
    a->DmaOperations->FreeAdapterChannel(a);
    a->DmaOperations->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

static PSCATTER_GATHER_LIST listed_list;

static VOID listed(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)irp, (void)context;
    listed_list = list;
}

/* SGL-08, SGL-10, SGE-06: one element for all of a chain, or none. */
MS_TEST(the_one_element_of_an_old_list_keeps_the_limits)
{
    for (int i = 0; i < LIMITS; i++)
        for (uint32_t pages = 1; pages <= 4; pages++) {
            struct fixture f;
            struct chain chain;
            ULONG registers;
            limited_open(&f, limits[i].bytes_max, limits[i].boundary);
            PDMA_ADAPTER a = packet_open(&f, &registers);
            const DMA_OPERATIONS *ops = a->DmaOperations;

            far_chain(&chain, &f, pages);
            listed_list = NULL;
            NTSTATUS status = ops->GetScatterGatherList(a, &f.pdo, chain.mdl[0],
                                                        MmGetMdlVirtualAddress(chain.mdl[0]),
                                                        pages * 0x1000, listed, NULL, TRUE);
            if (NT_SUCCESS(status)) {
                assert_non_null(listed_list);
                assert_int_equal(listed_list->NumberOfElements, 1);
                assert_true(keeps((uint64_t)listed_list->Elements[0].Address.QuadPart,
                                  listed_list->Elements[0].Length, limits[i].bytes_max,
                                  limits[i].boundary));
                ops->PutScatterGatherList(a, listed_list, TRUE);
            } else {
                assert_status(status, STATUS_INSUFFICIENT_RESOURCES); /* SGL-05 */
                assert_null(listed_list);
                assert_true((limits[i].bytes_max && limits[i].bytes_max < pages * 0x1000) ||
                            (limits[i].boundary && limits[i].boundary < pages * 0x1000));
            }
            assert_int_equal(ms_dma_grants_used(f.dma), 0);
            ops->PutDmaAdapter(a);
            chain_end(&chain);
            fixture_close(&f);
        }
}

/* SGE-09, SGL-08, SGL-10, AMB-14: the one element of a list on a controller without scatter/gather is whole units
 * too. */
MS_TEST(the_one_element_of_a_system_list_is_whole_units)
{
    static const struct chain_mdl parts[] = {{0, 0x103, {0x180000}}, {0, 0x101, {0x180008}}};
    struct ms_controller_config legacy = ms_controller_legacy();
    DEVICE_DESCRIPTION d = {.Version = 2,
                            .InterfaceType = Isa,
                            .DmaWidth = Width8Bits,
                            .MaximumLength = 0x4000,
                            .DmaChannel = 2};
    struct ms_dma_config config = fixture_config();
    struct fixture f;
    struct chain chain;
    ULONG registers;

    legacy.unit = 4;
    config.controllers = &legacy;
    config.controller_count = 1;
    fixture_open_with(&f, &config);
    chain_make(&chain, &f, parts, 2);
    PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &d, &registers);
    for (ULONG length = 0x200; length <= 0x204; length++) {
        listed_list = NULL;
        NTSTATUS status = a->DmaOperations->GetScatterGatherList(
            a, &f.pdo, chain.mdl[0], MmGetMdlVirtualAddress(chain.mdl[0]), length, listed, NULL,
            TRUE);
        assert_status(status, length % 4 == 0 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(listed_list != NULL, length % 4 == 0);
        if (listed_list)
            a->DmaOperations->PutScatterGatherList(a, listed_list, TRUE);
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    a->DmaOperations->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* BMS-02, BMS-05, MRG-18, PSG-09: whatever a driver writes into its list, the chain made of it has the byte offsets
 * of the original, and no more frames than there is room for. */
MS_TEST(a_chain_made_of_a_changed_list_keeps_its_byte_offset)
{
    struct fixture f;
    struct chain chain;
    ULONG registers;
    PMDL made = NULL;
    limited_open(&f, 0, 0);
    PDMA_ADAPTER a = packet_open(&f, &registers);
    const DMA_OPERATIONS *ops = a->DmaOperations;

    far_chain(&chain, &f, 4);
    assert_status(ops->GetScatterGatherList(a, &f.pdo, chain.mdl[0],
                                            MmGetMdlVirtualAddress(chain.mdl[0]), 0x4000, listed,
                                            NULL, TRUE),
                  STATUS_SUCCESS);
    listed_list->Elements[0].Address.QuadPart += 0xFFF;
    assert_status(ops->BuildMdlFromScatterGatherList(a, listed_list, chain.mdl[0], &made),
                  STATUS_SUCCESS);
    assert_int_equal(MmGetMdlByteOffset(made), 0);
    assert_int_equal(MmGetMdlByteCount(made), 0x4000);
    ops->PutScatterGatherList(a, listed_list, TRUE);
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* MTX-62, MTX-32, MTX-40, SGE-06: a buffer that driver and device share is never moved: what one element can
 * not take is left for the next map. */
MS_TEST(a_common_buffer_across_a_boundary_is_cut_and_not_bounced)
{
    enum { BYTES = 0x18000 };
    for (int looped = 0; looped <= 1; looped++) {
        struct ms_dma_config config = fixture_config();
        struct ms_controller_config legacy = ms_controller_legacy();
        DEVICE_DESCRIPTION d = description_of(PACKET32);
        struct fixture f;
        struct own_list list;
        PHYSICAL_ADDRESS logical;
        ULONG registers, length = BYTES;
        PVOID base;

        config.other.boundary = 0x10000;
        config.controllers = &legacy;
        config.controller_count = 1;
        fixture_open_with(&f, &config);
        if (looped)
            d = (DEVICE_DESCRIPTION){.Version = 3,
                                     .InterfaceType = Internal,
                                     .AutoInitialize = TRUE,
                                     .DmaWidth = Width8Bits,
                                     .MaximumLength = BYTES,
                                     .DmaRequestLine = 2};
        PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &d, &registers);
        void *buffer = a->DmaOperations->AllocateCommonBuffer(a, BYTES, &logical, TRUE);
        PMDL mdl = IoAllocateMdl(buffer, BYTES, FALSE, FALSE, NULL);
        assert_non_null(buffer);
        MmBuildMdlForNonPagedPool(mdl);
        assert_status(grant_sync(&f, a, registers, &base), STATUS_SUCCESS);
        assert_status(a->DmaOperations->MapTransferEx(a, mdl, base, 0, 0, &length, TRUE,
                                                      list_of(&list), sizeof list, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(list.elements, 1);
        assert_int_equal(list.of[0].Address.QuadPart, logical.QuadPart);
        assert_int_equal(length, 0x10000 - logical.QuadPart % 0x10000);
        a->DmaOperations->FlushAdapterBuffersEx(a, mdl, base, 0, 0, TRUE);
        a->DmaOperations->FreeAdapterChannel(a);
        IoFreeMdl(mdl);
        a->DmaOperations->FreeCommonBuffer(a, BYTES, logical, buffer, TRUE);
        a->DmaOperations->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

/* A 32-bit controller with scatter/gather whose elements are short, and a subordinate device of it. */
static PDMA_ADAPTER short_elements_open(struct fixture *f, const struct ms_controller_config *limit)
{
    struct ms_controller_config controller = ms_controller_soc();
    struct ms_dma_config config = fixture_config();
    DEVICE_DESCRIPTION d = {.Version = 3,
                            .InterfaceType = Internal,
                            .DmaWidth = Width8Bits,
                            .MaximumLength = 0x4000,
                            .DmaRequestLine = 0x1001};
    ULONG registers;

    controller.element_bytes_max = limit->element_bytes_max;
    controller.boundary = limit->boundary;
    controller.unit = limit->unit;
    controller.elements_max = limit->elements_max;
    config.controllers = &controller;
    config.controller_count = 1;
    fixture_open_with(f, &config);
    PDMA_ADAPTER a = ms_adapter_open(f->dma, &f->pdo, &d, &registers);
    assert_non_null(a);
    return a;
}

/* CSG-02, CSG-09, SGE-06, SGE-11, SGL-11: what is calculated is room for the list, also of a controller whose elements
 * are shorter than a page; registers are still a page each (CSG-04). */
MS_TEST(a_calculated_size_has_room_for_elements_shorter_than_a_page)
{
    static const struct ms_controller_config shorter[] = {
        {.element_bytes_max = 1000, .boundary = UINT64_C(1) << 32, .unit = 1, .elements_max = 256},
        {.element_bytes_max = UINT32_MAX, .boundary = 512, .unit = 1, .elements_max = 256},
        {.element_bytes_max = 300, .boundary = 512, .unit = 8, .elements_max = 256},
        {.element_bytes_max = 5000, .boundary = 4096, .unit = 1, .elements_max = 256}};
    static const struct chain_mdl parts[] = {{0x800, 0x1800, {0x4000, 0x4001}},
                                             {0, 0x1000, {0x4009}}};

    for (size_t i = 0; i < sizeof shorter / sizeof shorter[0]; i++) {
        struct fixture f;
        struct chain chain;
        ULONG size, pages;
        char buffer[16 + 24 * 128] __attribute__((aligned(8)));
        PDMA_ADAPTER a = short_elements_open(&f, &shorter[i]);
        const DMA_OPERATIONS *ops = a->DmaOperations;

        chain_make(&chain, &f, parts, 2);
        PVOID va = MmGetMdlVirtualAddress(chain.mdl[0]);
        assert_status(ops->CalculateScatterGatherList(a, chain.mdl[0], va, 0x2800, &size, &pages),
                      STATUS_SUCCESS);
        assert_int_equal(pages, 3);
        assert_true(size <= sizeof buffer);
        listed_list = NULL;
        assert_status(ops->BuildScatterGatherList(a, &f.pdo, chain.mdl[0], va, 0x2800, listed, NULL,
                                                  TRUE, buffer, size),
                      STATUS_SUCCESS);
        assert_non_null(listed_list);
        ops->PutScatterGatherList(a, listed_list, TRUE);
        ops->PutDmaAdapter(a);
        chain_end(&chain);
        fixture_close(&f);
    }
}

/* QUE-10, SGL-05, SGL-09, SGL-10, SGE-09, AMB-14: a list that waits for its channel is made when it is its turn; what
 * the controller can not express whole is refused before it waits. */
MS_TEST(a_system_list_that_can_not_be_whole_does_not_wait_for_the_channel)
{
    static const struct ms_controller_config units = {.element_bytes_max = UINT32_MAX,
                                                      .boundary = UINT64_C(1) << 32,
                                                      .unit = 4,
                                                      .elements_max = 2};
    static const struct chain_mdl spread = {0, 0x3000, {0x4000, 0x4002, 0x4004}};
    struct fixture f;
    struct chain chain;
    PVOID base;
    PDMA_ADAPTER a = short_elements_open(&f, &units);
    const DMA_OPERATIONS *ops = a->DmaOperations;

    chain_make(&chain, &f, &spread, 1);
    PVOID va = MmGetMdlVirtualAddress(chain.mdl[0]);
    for (int is_owned = 0; is_owned < 2; is_owned++)
        for (ULONG length = 0x1FFC; length <= 0x2004; length++) {
            bool fits = length % 4 == 0 && length <= 0x2000;
            if (is_owned)
                assert_status(grant_sync(&f, a, 0, &base), STATUS_SUCCESS);
            listed_list = NULL;
            assert_status(
                ops->GetScatterGatherList(a, &f.pdo, chain.mdl[0], va, length, listed, NULL, TRUE),
                fits ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
            if (is_owned) {
                assert_null(listed_list);
                ops->FreeAdapterChannel(a);
            }
            assert_int_equal(listed_list != NULL, fits);
            if (listed_list)
                ops->PutScatterGatherList(a, listed_list, TRUE);
            assert_int_equal(ms_dma_grants_used(f.dma), 0);
        }
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}
