/* SPDX-License-Identifier: MIT */
/*
 * The routines of version 1: AllocateAdapterChannel, MapTransfer, FlushAdapterBuffers, and tables.
 */
#include "adapter/test_chain.h"

enum { FAR = 0x100000 };

static const struct chain_mdl mixed = {0x123, 0x4000, {0x1010, 0x1011, FAR + 3, 0x1013, 0x1014}};

struct v1 {
    struct fixture f;
    struct chain chain;
    PDMA_ADAPTER adapter;
    const DMA_OPERATIONS *ops;
    PVOID base;
    PIRP irp;
    int calls;
    IO_ALLOCATION_ACTION answer;
    struct v1 *again; /* ask again from inside for this one */
    NTSTATUS again_status;
};

static IO_ALLOCATION_ACTION control(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct v1 *v = context;

    (void)device;
    v->calls++;
    v->irp = irp;
    v->base = base;
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    if (v->again)
        v->again_status = v->ops->AllocateAdapterChannel(v->adapter, device, 0, control, v->again);
    return v->answer;
}

static DEVICE_DESCRIPTION description_v1(bool scatter_gather, uint32_t width)
{
    return (DEVICE_DESCRIPTION){
        .Version = DEVICE_DESCRIPTION_VERSION1,
        .Master = TRUE,
        .ScatterGather = scatter_gather,
        .Dma32BitAddresses = width >= 32,
        .Dma64BitAddresses = width == 64,
        .InterfaceType = Isa,
        .MaximumLength = 8 * 4096,
    };
}

static void v1_open(struct v1 *v, bool scatter_gather, uint32_t width, const struct chain_mdl *of,
                    uint32_t mdls)
{
    DEVICE_DESCRIPTION description = description_v1(scatter_gather, width);
    ULONG registers;

    memset(v, 0, sizeof *v);
    fixture_open(&v->f);
    chain_make(&v->chain, &v->f, of, mdls);
    v->adapter = ms_adapter_open(v->f.dma, &v->f.pdo, &description, &registers);
    assert_non_null(v->adapter);
    v->ops = v->adapter->DmaOperations;
    v->answer = DeallocateObjectKeepRegisters;
}

static void v1_close(struct v1 *v)
{
    assert_int_equal(ms_dma_grants_used(v->f.dma), 0);
    v->ops->PutDmaAdapter(v->adapter);
    chain_end(&v->chain);
    fixture_close(&v->f);
}

/* VER-01, VER-03..VER-08, VER-10, VER-11, VER-12, DDX-01 */
MS_TEST(each_version_has_its_table_whole_to_its_size_and_nothing_behind)
{
    struct fixture f;
    fixture_open(&f);
    const ULONG sizes[] = {0x68, 0x68, 0x80, 0x140};

    for (ULONG version = 0; version <= 3; version++) {
        DEVICE_DESCRIPTION description = description_of(SG64);
        ULONG registers;
        description.Version = version;
        PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &description, &registers);
        assert_non_null(a);
        const DMA_OPERATIONS *ops = a->DmaOperations;
        assert_int_equal(a->Version, 1);
        assert_true(a->Size >= sizeof(DMA_ADAPTER));
        assert_int_equal(ops->Size, sizes[version]);
        const void *member;
        for (size_t at = 8; at < sizeof *ops; at += sizeof member) {
            memcpy(&member, (const char *)ops + at, sizeof member);
            assert_true((member != NULL) == (at < sizes[version]));
        }
        ops->PutDmaAdapter(a);
    }
    DEVICE_DESCRIPTION newer = description_of(SG64);
    ULONG registers = 77;
    newer.Version = 4;
    assert_null(ms_adapter_open(f.dma, &f.pdo, &newer, &registers)); /* VER-02, IGA-12 */
    assert_int_equal(registers, 77);                                 /* IGA-17 */
    fixture_close(&f);
}

/* GEN-01, GEN-03, GEN-04, VER-09, CLI-11: a filter's own table, and the adapter found without it. */
MS_TEST(a_filter_may_put_its_own_table_in_and_forward)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    DMA_OPERATIONS mine = *a->DmaOperations, *theirs = a->DmaOperations;
    struct context context;

    assert_int_equal(theirs->Size, sizeof(DMA_OPERATIONS));
    a->DmaOperations = &mine;
    context_make(a, &context);
    mine.AllocateAdapterChannelEx = NULL;
    PVOID base;
    assert_status(theirs->AllocateAdapterChannelEx(a, &f.pdo, &context, 0, 1, NULL, NULL, &base),
                  STATUS_SUCCESS);
    a->DmaOperations->FreeAdapterChannel(a);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* ACH-01, ACH-02, ACH-03, ACH-06, ACH-07, ACH-09 */
MS_TEST(an_old_request_is_granted_at_once_refused_or_queued)
{
    struct v1 v, w;
    v1_open(&v, true, 32, &mixed, 1);
    w = v;
    w.f.pdo.CurrentIrp = NULL;
    DEVICE_OBJECT other = {.CurrentIrp = (PIRP)&w};

    v.f.pdo.CurrentIrp = (PIRP)&v;
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &v.f.pdo, 10, control, &v),
                  STATUS_INSUFFICIENT_RESOURCES);
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &v.f.pdo, 1, NULL, &v),
                  STATUS_INVALID_PARAMETER);
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, NULL, 1, control, &v),
                  STATUS_INVALID_PARAMETER);
    assert_int_equal(v.calls, 0);
    v.answer = KeepObject;
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &v.f.pdo, 2, control, &v),
                  STATUS_SUCCESS);
    assert_int_equal(v.calls, 1);
    assert_ptr_equal(v.irp, &v);
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &other, 9, control, &w), STATUS_SUCCESS);
    assert_int_equal(w.calls, 0);
    /* ACH-04, ACH-08: one queued request for each device object. */
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &other, 0, control, &w),
                  STATUS_INSUFFICIENT_RESOURCES);
    /* Also on an adapter that is free: the device object's one wait block is in use. */
    PDMA_ADAPTER idle = adapter_get(&v.f, SG64, NULL);
    assert_status(idle->DmaOperations->AllocateAdapterChannel(idle, &other, 0, control, &w),
                  STATUS_INSUFFICIENT_RESOURCES);
    idle->DmaOperations->PutDmaAdapter(idle);
    assert_int_equal(w.calls, 0);
    v.ops->FreeAdapterChannel(v.adapter);
    assert_int_equal(w.calls, 1);
    assert_ptr_equal(w.irp, &w);
    /* Its wait is over: the device object may ask again. */
    v.ops->FreeMapRegisters(v.adapter, w.base, 9);
    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &other, 1, control, &w), STATUS_SUCCESS);
    v.ops->FreeMapRegisters(v.adapter, w.base, 1);
    v1_close(&v);
}

/* ACH-05: from inside its own routine it waits, like any other, and ACH-10: nothing cancels it. */
MS_TEST(an_old_request_from_inside_the_routine_waits_for_its_end)
{
    struct v1 v, w;
    v1_open(&v, true, 64, &mixed, 1);
    w = v;
    v.again = &w;

    assert_status(v.ops->AllocateAdapterChannel(v.adapter, &v.f.pdo, 0, control, &v),
                  STATUS_SUCCESS);
    assert_status(v.again_status, STATUS_SUCCESS);
    assert_int_equal(w.calls, 1);
    v.ops->FreeMapRegisters(v.adapter, v.base, 0);
    v.ops->FreeMapRegisters(v.adapter, w.base, 0);
    v1_close(&v);
}

static void grant_old(struct v1 *v, ULONG registers)
{
    assert_status(v->ops->AllocateAdapterChannel(v->adapter, &v->f.pdo, registers, control, v),
                  STATUS_SUCCESS);
}

static char *va_of(struct v1 *v)
{
    return MmGetMdlVirtualAddress(v->chain.mdl[0]);
}

/* MTR-01..MTR-04, MTR-06, MTR-12, MTR-10, FLB-01..FLB-04, MRG-18, GEN-05, GEN-06 */
MS_TEST(a_scatter_gather_driver_makes_its_own_list_piece_by_piece)
{
    struct v1 v;
    v1_open(&v, true, 32, &mixed, 1);

    for (uint8_t write = 0; write <= 1; write++) {
        struct own_list list = {.elements = 0};
        ULONG done = 0;
        chain_fill(&v.chain, 0x4000, 2);
        grant_old(&v, 5);
        while (done < 0x4000) {
            ULONG length = 0x4000 - done;
            PHYSICAL_ADDRESS at = v.ops->MapTransfer(v.adapter, v.chain.mdl[0], v.base,
                                                     va_of(&v) + done, &length, write);
            assert_true(length > 0 && length <= 0x4000 - done);
            list.of[list.elements++] = (SCATTER_GATHER_ELEMENT){.Address = at, .Length = length};
            done += length;
        }
        assert_int_equal(list.elements, 3); /* run, bounced page, run */
        assert_int_equal(list.of[0].Address.QuadPart, 0x1010123);
        assert_int_equal(list.of[0].Length, 0x1EDD);
        assert_int_equal(list.of[1].Length, 0x1000);
        assert_int_equal(list.of[1].Address.QuadPart & 0xFFF, 0); /* MRG-18 */
        assert_true(list.of[1].Address.QuadPart < 0x100000000);
        assert_int_equal(list.of[2].Address.QuadPart, 0x1013000);
        assert_int_equal(list.of[2].Length, 0x1123);
        if (write)
            chain_check_device_reads(&v.chain, list_of(&list), 32, 0, 0x4000, 2);
        else
            chain_device_writes(&v.chain, list_of(&list), 32, 0, 0x4000, 8);
        assert_true(v.ops->FlushAdapterBuffers(v.adapter, v.chain.mdl[0], v.base, va_of(&v), 0x4000,
                                               write)); /* FLB-04 */
        chain_check(&v.chain, 0x4000, 0, write ? 0 : 0x4000, 8, 2);
        v.ops->FreeMapRegisters(v.adapter, v.base, 5);
    }
    v1_close(&v);
}

/* MTR-03, MTR-07, MTR-09, MRG-12, MRG-13, CLI-12 */
MS_TEST(a_packet_driver_maps_all_of_its_length_or_nothing)
{
    struct v1 v;
    v1_open(&v, false, 32, &mixed, 1);
    ULONG length;

    for (uint8_t write = 0; write <= 1; write++) {
        struct own_list list = {.elements = 1};
        chain_fill(&v.chain, 0x4000, 2);
        grant_old(&v, 5);
        for (int again = 0; again < 3; again++) { /* the same registers each time */
            length = 0x4000;
            list.of[0].Address =
                v.ops->MapTransfer(v.adapter, v.chain.mdl[0], v.base, va_of(&v), &length, write);
            assert_int_equal(length, 0x4000);
            list.of[0].Length = length;
            if (write)
                chain_check_device_reads(&v.chain, list_of(&list), 32, 0, length, 2);
            else
                chain_device_writes(&v.chain, list_of(&list), 32, 0, length, 8);
            assert_true(v.ops->FlushAdapterBuffers(v.adapter, v.chain.mdl[0], v.base, va_of(&v),
                                                   0x4000, write));
        }
        chain_check(&v.chain, 0x4000, 0, write ? 0 : 0x4000, 8, 2);
        v.ops->FreeMapRegisters(v.adapter, v.base, 5);
    }
    /* Fewer registers than the pages it spans: nothing (MTR-07, MTR-09). */
    grant_old(&v, 4);
    length = 0x4000;
    assert_int_equal(
        v.ops->MapTransfer(v.adapter, v.chain.mdl[0], v.base, va_of(&v), &length, TRUE).QuadPart,
        0);
    assert_int_equal(length, 0);
    length = 0x4000 - 0x123; /* MRG-13: as much as fits from its page offset on */
    assert_true(
        v.ops->MapTransfer(v.adapter, v.chain.mdl[0], v.base, va_of(&v), &length, TRUE).QuadPart !=
        0);
    assert_int_equal(length, 0x4000 - 0x123);
    length = 1; /* MTR-10: all used up, and this byte would bounce */
    v.ops->MapTransfer(v.adapter, v.chain.mdl[0], v.base, va_of(&v) + 0x1EDD, &length, TRUE);
    assert_int_equal(length, 0);
    v.ops->FreeMapRegisters(v.adapter, v.base, 4);
    v1_close(&v);
}

/* MTR-09, FLB-06, FLB-07, MTX-20, MTX-22, AMB-06 */
MS_TEST(bad_arguments_of_the_old_map_and_flush_do_nothing)
{
    struct v1 v;
    v1_open(&v, true, 32, &mixed, 1);
    PMDL mdl = v.chain.mdl[0];
    char *va = va_of(&v);
    struct {
        PMDL mdl;
        PVOID base;
        char *va;
        ULONG length;
        bool flush_is_fine;
    } rows[] = {
        {NULL, v.base, va, 1, false},
        {mdl, NULL, va, 1, false},
        {mdl, &v, va, 1, false},
        {mdl, v.base, va - 1, 1, false},
        {mdl, v.base, va + 0x4000, 1, false},
        {mdl, v.base, va, 0x4000 + 0xEDE, false}, /* a page boundary crossed */
        {mdl, v.base, va, 0, true},
        {mdl, v.base, va, 0xFFFFFFFF, false},
    };
    ULONG length;

    grant_old(&v, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        length = rows[i].length;
        PVOID base = rows[i].base == NULL && i != 1 ? v.base : rows[i].base;
        assert_int_equal(
            v.ops->MapTransfer(v.adapter, rows[i].mdl, base, rows[i].va, &length, TRUE).QuadPart,
            0);
        assert_int_equal(length, 0);
        assert_int_equal(v.ops->FlushAdapterBuffers(v.adapter, rows[i].mdl, base, rows[i].va,
                                                    rows[i].length, TRUE),
                         rows[i].flush_is_fine);
        assert_true(ms_dma_audit(v.f.dma));
    }
    assert_int_equal(v.ops->MapTransfer(v.adapter, mdl, v.base, va, NULL, TRUE).QuadPart, 0);
    mdl->MdlFlags = 0; /* MTX-22 */
    length = 1;
    v.ops->MapTransfer(v.adapter, mdl, v.base, va, &length, TRUE);
    assert_int_equal(length, 0);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    assert_true(v.ops->FlushAdapterBuffers(v.adapter, mdl, v.base, va, 0x4000 + 0xEDD, TRUE));
    v.ops->FreeMapRegisters(v.adapter, v.base, 2);
    v1_close(&v);
}

/* FLB-05, FLB-04: a chain is walked by the driver, and flushed MDL by MDL. */
MS_TEST(each_mdl_of_a_chain_is_mapped_and_flushed_by_itself)
{
    static const struct chain_mdl of[] = {{0, 0x800, {FAR + 1}}, {0x800, 0x800, {FAR + 2}}};
    struct v1 v;
    v1_open(&v, true, 32, of, 2);
    struct own_list list = {.elements = 2};

    chain_fill(&v.chain, 0x1000, 2);
    grant_old(&v, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ULONG length = 0x800;
        list.of[i].Address =
            v.ops->MapTransfer(v.adapter, v.chain.mdl[i], v.base,
                               MmGetMdlVirtualAddress(v.chain.mdl[i]), &length, FALSE);
        list.of[i].Length = length;
        assert_int_equal(length, 0x800);
    }
    chain_device_writes(&v.chain, list_of(&list), 32, 0, 0x1000, 8);
    assert_true(v.ops->FlushAdapterBuffers(v.adapter, v.chain.mdl[0], v.base,
                                           MmGetMdlVirtualAddress(v.chain.mdl[0]), 0x800, FALSE));
    chain_check(&v.chain, 0x1000, 0, 0x800, 8, 2);
    assert_true(v.ops->FlushAdapterBuffers(v.adapter, v.chain.mdl[1], v.base,
                                           MmGetMdlVirtualAddress(v.chain.mdl[1]), 0x300, FALSE));
    chain_check(&v.chain, 0x1000, 0, 0xB00, 8, 2); /* only what the device is said to have moved */
    v.ops->FreeMapRegisters(v.adapter, v.base, 2);
    v1_close(&v);
}

/* VER-12, FLB-08: an old flush ends a mapping of MapTransferEx; MTX-52: the two do not mix. */
MS_TEST(a_base_of_version_3_may_be_flushed_the_old_way)
{
    static const struct chain_mdl of[] = {{0x10, 0x800, {0x1001}}, {0, 0x1000, {FAR + 2}}};
    struct fixture f;
    struct chain chain;
    struct own_list list;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PVOID base;
    ULONG length = 0x900;
    chain_make(&chain, &f, of, 2);
    char *va = MmGetMdlVirtualAddress(chain.mdl[0]);
    char *va2 = MmGetMdlVirtualAddress(chain.mdl[1]);

    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    chain_fill(&chain, 0x1800, 1);
    assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0x880, 0, &length, FALSE,
                                     list_of(&list), sizeof list, NULL, NULL),
                  STATUS_SUCCESS);
    chain_device_writes(&chain, list_of(&list), 32, 0x880, 0x900, 4);
    ULONG one = 1;
    ops->MapTransfer(a, chain.mdl[0], base, va, &one, FALSE);
    assert_int_equal(one, 0); /* MTX-52 */
    assert_false(ops->FlushAdapterBuffers(a, chain.mdl[0], base, va, 0x900, FALSE));
    assert_false(ops->FlushAdapterBuffers(a, chain.mdl[1], base, va2, 0x900, FALSE));
    assert_true(ops->FlushAdapterBuffers(a, chain.mdl[1], base, va2 + 0x80, 0x900, FALSE));
    chain_check(&chain, 0x1800, 0x880, 0x900, 4, 1);
    one = 1;
    ops->MapTransfer(a, chain.mdl[0], base, va, &one, FALSE);
    assert_int_equal(one, 1);
    length = 4;
    assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, FALSE, list_of(&list),
                                     sizeof list, NULL, NULL),
                  STATUS_INVALID_PARAMETER); /* MTX-52 */
    assert_true(ops->FlushAdapterBuffers(a, chain.mdl[0], base, va, 1, FALSE));
    ops->FreeAdapterChannel(a);
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* MRG-07, MRG-08, MRG-09, MRG-10, NOT-12: the option by which no registers have no name. */
MS_TEST(with_null_bases_a_grant_without_registers_maps_under_null)
{
    struct ms_dma_config config = fixture_config();
    struct fixture f;
    struct chain chain;
    uint8_t room[2][256];
    PVOID base = &f;
    config.null_bases = true;
    fixture_open_with(&f, &config);
    chain_make(&chain, &f, &mixed, 1);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;

    assert_status(grant_sync(&f, a, 4, &base), STATUS_SUCCESS);
    assert_null(base);
    for (ULONG i = 0; i < 2; i++) { /* several at once: MRG-10 */
        ULONG length = 0x100;
        assert_status(ops->MapTransferEx(a, chain.mdl[0], NULL, i * 0x100, 0, &length, TRUE,
                                         (PSCATTER_GATHER_LIST)(void *)room[i], 256, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(length, 0x100);
    }
    for (ULONG i = 0; i < 2; i++)
        assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], NULL, i * 0x100, 0x100, TRUE),
                      STATUS_SUCCESS);
    assert_true(ops->FlushAdapterBuffers(a, chain.mdl[0], NULL,
                                         MmGetMdlVirtualAddress(chain.mdl[0]), 0x100, TRUE));
    ops->FreeMapRegisters(a, NULL, 4);
    ops->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
    assert_int_equal(ms_dma_grants_used(f.dma), 0); /* nothing was left to free */
    ops->PutDmaAdapter(a);
    a = adapter_get(&f, SG32, NULL);
    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    assert_non_null(base);
    ULONG length = 0x4000; /* no registers: up to the first page that would bounce */
    assert_status(a->DmaOperations->MapTransferEx(a, chain.mdl[0], NULL, 0, 0, &length, TRUE,
                                                  (PSCATTER_GATHER_LIST)(void *)room[0], 256, NULL,
                                                  NULL),
                  STATUS_SUCCESS);
    assert_int_equal(length, 0x1EDD);
    a->DmaOperations->FreeAdapterChannel(a);
    a->DmaOperations->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* CMT-14, CFG-05, RDC-03, GDA-01..GDA-03, DOM-03, GAI-07 */
MS_TEST(a_bus_master_answers_what_is_for_system_dma_only)
{
    struct ms_dma_config config = fixture_config();
    struct context context;
    struct fixture f;
    config.alignment = 64;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    MDL mdl = {.ByteCount = 0};

    context_make(a, &context);
    assert_status(ops->CancelMappedTransfer(a, &context), STATUS_INVALID_PARAMETER);
    assert_status(ops->CancelMappedTransfer(a, NULL), STATUS_INVALID_PARAMETER);
    assert_status(ops->ConfigureAdapterChannel(a, 0, &context), STATUS_INVALID_PARAMETER);
    assert_int_equal(ops->ReadDmaCounter(a), 0);
    assert_int_equal(ops->GetDmaAlignment(a), 64);
    assert_status(ops->FlushDmaBuffer(a, &mdl, TRUE), STATUS_SUCCESS);
    assert_status(ops->FlushDmaBuffer(a, NULL, TRUE), STATUS_INVALID_PARAMETER);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
    fixture_open(&f);
    a = adapter_get(&f, SG64, NULL);
    assert_int_equal(a->DmaOperations->GetDmaAlignment(a), 1);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* Each take of a v1 request fails in turn. */
MS_TEST(each_fault_point_of_an_old_request_leaves_everything_whole)
{
    struct v1 v;
    v1_open(&v, true, 32, &mixed, 1);
    uint32_t countdown = 0;

    for (bool fired = true; fired; countdown++) {
        v.calls = 0;
        ms_fault_arm(countdown);
        NTSTATUS status = v.ops->AllocateAdapterChannel(v.adapter, &v.f.pdo, 2, control, &v);
        fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        assert_int_equal(v.calls, NT_SUCCESS(status) ? 1 : 0);
        if (!NT_SUCCESS(status))
            assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
        else
            v.ops->FreeMapRegisters(v.adapter, v.base, 2);
        assert_int_equal(ms_dma_grants_used(v.f.dma), 0);
        assert_true(ms_dma_audit(v.f.dma));
        assert_true(countdown < 20);
    }
    assert_true(countdown > 2);
    v1_close(&v);
}
