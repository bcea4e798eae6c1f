/* SPDX-License-Identifier: MIT */
/*
 * The routines of versions 1 and 2 on system adapters: MapTransfer programs the channel, a list holds
 * it until it is put.
 */
#include "adapter/test_chain.h"

enum { BYTES = 0x1800 };

static const struct chain_mdl spread = {0x100, BYTES, {0x4000, 0x4005}};

struct subordinate {
    struct fixture f;
    struct chain chain;
    struct ms_controller *controller;
    struct ms_fifo fifo;
    uint8_t taken[BYTES];
    PDMA_ADAPTER adapter;
    const DMA_OPERATIONS *ops;
    PVOID base;
    PSCATTER_GATHER_LIST list;
    int calls;
};

static void subordinate_open(struct subordinate *s, ULONG version)
{
    const struct ms_controller_config controllers[] = {ms_controller_legacy(), ms_controller_soc()};
    struct ms_dma_config config = fixture_config();
    DEVICE_DESCRIPTION description = {
        .Version = version,
        .InterfaceType = version == 3 ? Internal : Isa,
        .DmaWidth = Width8Bits,
        .MaximumLength = 2 * BYTES,
        .DmaRequestLine = 0x1003,
        .DmaChannel = 2,
    };
    ULONG registers;

    memset(s, 0, sizeof *s);
    config.controllers = controllers;
    config.controller_count = 2;
    fixture_open_with(&s->f, &config);
    s->controller = ms_dma_controller(s->f.dma, version == 3);
    ms_fifo_init(&s->fifo, 99, s->taken, sizeof s->taken);
    ms_controller_attach(s->controller, version == 3 ? 0x1003 : 2, ms_fifo_endpoint(&s->fifo));
    chain_make(&s->chain, &s->f, &spread, 1);
    chain_fill(&s->chain, BYTES, 1);
    s->adapter = ms_adapter_open(s->f.dma, &s->f.pdo, &description, &registers);
    assert_non_null(s->adapter);
    s->ops = s->adapter->DmaOperations;
}

static void subordinate_close(struct subordinate *s)
{
    assert_int_equal(ms_dma_grants_used(s->f.dma), 0);
    s->ops->PutDmaAdapter(s->adapter);
    chain_end(&s->chain);
    fixture_close(&s->f);
}

static IO_ALLOCATION_ACTION keep(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct subordinate *s = context;

    (void)device, (void)irp;
    s->base = base;
    return KeepObject; /* EXR-05 */
}

static VOID listed(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct subordinate *s = context;

    (void)device, (void)irp;
    s->list = list;
    s->calls++;
}

/* MTR-05, MTR-07, MTR-09, FLB-08, CLI-12, ACH-06 */
MS_TEST(an_old_subordinate_driver_programs_the_channel_with_all_of_its_buffer)
{
    struct subordinate s;
    subordinate_open(&s, 1);
    PMDL mdl = s.chain.mdl[0];
    char *va = MmGetMdlVirtualAddress(mdl);
    ULONG length = BYTES;

    assert_status(s.ops->AllocateAdapterChannel(s.adapter, &s.f.pdo, 2, keep, &s), STATUS_SUCCESS);
    s.ops->MapTransfer(s.adapter, mdl, s.base, va, &length, TRUE);
    assert_int_equal(length, BYTES);
    ms_controller_step(s.controller, BYTES + 1);
    assert_int_equal(s.ops->ReadDmaCounter(s.adapter), 0);
    assert_true(s.ops->FlushAdapterBuffers(s.adapter, mdl, s.base, va, BYTES, TRUE));
    for (uint32_t k = 0; k < BYTES; k++)
        assert_int_equal(s.taken[k], chain_pattern(k, 1));
    s.ops->FreeAdapterChannel(s.adapter);
    /* One register, two pages, not neighbours: not all of it, so nothing (MTR-09). */
    assert_status(s.ops->AllocateAdapterChannel(s.adapter, &s.f.pdo, 1, keep, &s), STATUS_SUCCESS);
    length = BYTES;
    s.ops->MapTransfer(s.adapter, mdl, s.base, va, &length, TRUE);
    assert_int_equal(length, 0);
    length = 0x800; /* and the channel is still good for what fits */
    s.ops->MapTransfer(s.adapter, mdl, s.base, va, &length, TRUE);
    assert_int_equal(length, 0x800);
    s.ops->FreeAdapterChannel(s.adapter);
    subordinate_close(&s);
}

/* SGL-09, AMB-27 */
MS_TEST(a_list_on_a_system_adapter_runs_the_channel_and_holds_it_until_it_is_put)
{
    struct subordinate s;
    subordinate_open(&s, 3);
    PMDL mdl = s.chain.mdl[0];
    PVOID base;

    for (int early = 0; early < 2; early++) { /* put after its end, and in its midst */
        s.fifo.taken_count = 0;
        assert_status(s.ops->GetScatterGatherList(s.adapter, &s.f.pdo, mdl,
                                                  MmGetMdlVirtualAddress(mdl), BYTES, listed, &s,
                                                  TRUE),
                      STATUS_SUCCESS);
        assert_int_equal(s.calls, early + 1);
        assert_int_equal(s.list->NumberOfElements, 2);
        assert_status(grant_sync(&s.f, s.adapter, 0, &base), STATUS_INSUFFICIENT_RESOURCES);
        ms_controller_step(s.controller, early ? 0x123 : BYTES);
        s.ops->PutScatterGatherList(s.adapter, s.list, TRUE);
        assert_int_equal(ms_controller_step(s.controller, 0x100), 0);
        if (!early)
            for (uint32_t k = 0; k < BYTES; k++)
                assert_int_equal(s.taken[k], chain_pattern(k, 1));
        assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
    }
    subordinate_close(&s);
}

/* SGL-06, SGL-08, SGL-09, MTX-37, PSG-04, AMB-25, AMB-27: a controller without scatter/gather gets one element for
 * a chain of any MDLs, through one run of registers; what it moved is in the chain after the put. */
MS_TEST(a_list_on_a_controller_without_scatter_gather_covers_the_whole_chain)
{
    static const struct chain_mdl parts[] = {
        {0xF00, 0x300, {0x4010, 0x4020}}, {0, 0x123, {0x180000}}, {0x800, 0xC00, {0x4030, 0x4031}}};
    enum { ALL = 0x300 + 0x123 + 0xC00, OFFSET = 0x10 };
    for (ULONG version = 1; version <= 2; version++)
        for (ULONG moved = ALL - OFFSET; moved > 0; moved = moved > 0x500 ? 0x4FF : 0) {
            struct subordinate s;
            struct chain chain;
            subordinate_open(&s, version);
            chain_make(&chain, &s.f, parts, 3);
            chain_fill(&chain, ALL, 2);
            PMDL mdl = chain.mdl[0];
            char *va = (char *)MmGetMdlVirtualAddress(mdl) + OFFSET;
            for (int write = 0; write < 2; write++) {
                s.fifo.taken_count = s.fifo.given_count = 0;
                assert_status(s.ops->GetScatterGatherList(s.adapter, &s.f.pdo, mdl, va,
                                                          ALL - OFFSET, listed, &s, (BOOLEAN)write),
                              STATUS_SUCCESS);
                assert_int_equal(s.list->NumberOfElements, 1); /* SGL-08 */
                assert_int_equal(s.list->Elements[0].Length, ALL - OFFSET);
                assert_true(s.list->Elements[0].Address.QuadPart < 0x1000000);
                ms_controller_step(s.controller, moved);
                s.ops->PutScatterGatherList(s.adapter, s.list, (BOOLEAN)write);
                assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
                if (write) {
                    assert_int_equal(s.fifo.taken_count, moved);
                    for (uint32_t k = 0; k < moved; k++)
                        assert_int_equal(s.taken[k], chain_pattern(OFFSET + k, 2));
                } else {
                    for (uint32_t k = 0; k < ALL; k++)
                        assert_int_equal(*chain_byte(&chain, k), k >= OFFSET && k < OFFSET + moved
                                                                     ? ms_fifo_byte(99, k - OFFSET)
                                                                     : chain_pattern(k, 2));
                    chain_fill(&chain, ALL, 2);
                }
            }
            /* A loop shares its buffer with the device, so it is never moved (MTX-61). */
            DEVICE_DESCRIPTION looped = {.Version = version,
                                         .AutoInitialize = TRUE,
                                         .DmaWidth = Width8Bits,
                                         .MaximumLength = 0x4000,
                                         .DmaChannel = 2};
            ULONG registers;
            PDMA_ADAPTER loop = ms_adapter_open(s.f.dma, &s.f.pdo, &looped, &registers);
            assert_status(s.ops->GetScatterGatherList(loop, &s.f.pdo, mdl, va, ALL - OFFSET, listed,
                                                      &s, TRUE),
                          STATUS_INSUFFICIENT_RESOURCES);
            s.ops->PutDmaAdapter(loop);
            chain_end(&chain);
            subordinate_close(&s);
        }
}

/* SGX-02 */
MS_TEST(the_ex_list_routines_refuse_a_system_adapter)
{
    struct subordinate s;
    subordinate_open(&s, 3);
    struct context context;
    PSCATTER_GATHER_LIST list = NULL;
    uint64_t room[64];

    context_make(s.adapter, &context);
    assert_status(s.ops->GetScatterGatherListEx(s.adapter, &s.f.pdo, &context, s.chain.mdl[0], 0,
                                                BYTES, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, TRUE,
                                                NULL, NULL, &list),
                  STATUS_INVALID_PARAMETER);
    assert_status(s.ops->BuildScatterGatherListEx(s.adapter, &s.f.pdo, &context, s.chain.mdl[0], 0,
                                                  BYTES, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, TRUE,
                                                  room, sizeof room, NULL, NULL, &list),
                  STATUS_INVALID_PARAMETER);
    assert_null(list);
    subordinate_close(&s);
}
