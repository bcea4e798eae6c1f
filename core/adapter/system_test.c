/* SPDX-License-Identifier: MIT */
/*
 * System DMA as a driver sees it, the engine stepped by hand, so that every moment of a transfer can be
 * met: cancel before map, running, at the very last byte, after; flush, free, loop, error, share.
 */
#include "adapter/test_system.h"

/* MTX-08, MTX-37, SDM-04, SDM-09, SDM-11, SDM-13, FLX-05, CPL-01, CPL-05, DDX-19, DDX-20, DDX-28 */
MS_TEST(bytes_reach_the_device_and_come_back_bounced_or_not)
{
    const PFN_NUMBER *frames[] = {scattered, out_of_reach};

    for (int which = 0; which < 2; which++)
        for (ULONG offset = 0; offset <= 0x123; offset += 0x123) {
            struct system s;
            DEVICE_DESCRIPTION d = description_soc();
            system_open(&s, &d, frames[which], offset, 0x2800);
            system_grant(&s, 4);
            assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
            assert_int_equal(s.length, 0x2800);
            assert_int_equal(s.ops->ReadDmaCounter(s.adapter), 0x2800); /* RDC-04 */
            while (s.heard.count == 0) {
                uint64_t before = s.ops->ReadDmaCounter(s.adapter);
                uint64_t moved = ms_controller_step(s.controller, 1000);
                assert_int_equal(s.ops->ReadDmaCounter(s.adapter), before - moved);
            }
            assert_int_equal(s.heard.status, DmaComplete);
            assert_int_equal(s.heard.irql, DISPATCH_LEVEL);
            assert_ptr_equal(s.heard.device, &s.f.pdo);
            assert_true(s.fifo.address == 0xFE000010);
            assert_int_equal(s.fifo.taken_count, 0x2800);
            assert_memory_equal(s.taken, s.want, 0x2800);
            assert_status(system_flush(&s, 0, 0x2800, TRUE), STATUS_SUCCESS);

            assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
            while (s.heard.count == 1)
                ms_controller_step(s.controller, 777);
            chain_read(&s, 0x2800);
            assert_memory_equal(s.got, s.want, 0x2800); /* SDM-14: not before the flush */
            assert_status(system_flush(&s, 0, 0x2800, FALSE), STATUS_SUCCESS);
            chain_read(&s, 0x2800);
            for (uint32_t i = 0; i < 0x2800; i++)
                assert_int_equal(s.got[i], ms_fifo_byte(99, i));
            assert_int_equal(s.heard.count, 2);
            system_close(&s);
        }
}

/* DDX-11, DDX-32, MTX-37: one contiguous block; an internal list (MTX-11, MTX-38). */
MS_TEST(the_legacy_controller_moves_a_scattered_buffer_through_its_registers)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_legacy();
    d.Version = DEVICE_DESCRIPTION_VERSION2;
    system_open(&s, &d, scattered, 0x700, 0x2800);
    assert_int_equal(s.registers, 4);
    s.adapter->DmaOperations++; /* the version-3 table lies behind; GEN-03: ours to replace */
    s.ops = s.adapter->DmaOperations;
    assert_int_equal(s.ops->Size, sizeof(DMA_OPERATIONS));
    system_grant(&s, 4);
    assert_status(s.ops->MapTransferEx(s.adapter, s.mdl, s.base, 0, 0, &s.length, TRUE, NULL, 0,
                                       completed, &s.heard),
                  STATUS_SUCCESS);
    assert_int_equal(s.length, 0x2800);
    while (s.heard.count == 0)
        ms_controller_step(s.controller, 100);
    assert_memory_equal(s.taken, s.want, 0x2800);
    assert_status(system_flush(&s, 0, 0x2800, TRUE), STATUS_SUCCESS);
    assert_status(s.ops->MapTransferEx(s.adapter, s.mdl, s.base, 0, 0, &s.length, TRUE, NULL, 40,
                                       completed, &s.heard),
                  STATUS_INVALID_PARAMETER); /* MTX-11 */
    system_close(&s);
}

/* AMB-15, row by row; EXM-18, CMT-02, CMT-04, CMT-06, SDM-07, SDM-08, CLI-05 */
MS_TEST(cancel_at_every_byte_of_a_transfer_is_accounted_exactly)
{
    enum { N = 200 };

    for (uint32_t i = 0; i <= 2 * N + 1; i++) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();
        uint32_t at = i / 2; /* each moment with pages in reach, and with pages that bounce */
        system_open(&s, &d, i % 2 ? out_of_reach : scattered, 0xFC0, N);
        system_grant(&s, 4);
        memset(s.want, 0x11, N);
        ms_mdl_copy_in(s.f.memory, s.mdl, 0, s.want, N);
        assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
        for (uint32_t moved = 0; moved < at;)
            moved += (uint32_t)ms_controller_step(s.controller, at - moved);
        assert_int_equal(s.heard.count,
                         at == N); /* the completion came first: it keeps its result */
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context),
                      STATUS_INVALID_PARAMETER);                                /* CMT-08 */
        assert_int_equal(s.ops->ReadDmaCounter(s.adapter), N - at);             /* CMT-20 */
        assert_int_equal(ms_controller_step(s.controller, 1000), 0);            /* CMT-12 */
        assert_int_equal(s.heard.count, 1);                                     /* CMT-11 */
        assert_int_equal(s.heard.status, at == N ? DmaComplete : DmaCancelled); /* CMT-10 */
        assert_int_equal(s.ops->ReadDmaCounter(s.adapter), N - at);
        assert_status(system_flush(&s, 0, N, FALSE), STATUS_SUCCESS); /* CMT-07 */
        chain_read(&s, N);
        for (uint32_t k = 0; k < N; k++)
            assert_int_equal(s.got[k], k < at ? ms_fifo_byte(99, k) : 0x11);
        assert_int_equal(s.fifo.given_count, at);
        /* The flush cleared the mark: the next transfer runs (FLX-08). */
        assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
        ms_controller_step(s.controller, N);
        assert_int_equal(s.heard.count, 2);
        system_close(&s);
    }
}

/* EXM-17: CMT-03, CMT-05, FLX-07, FLX-08, MTX-46, CLI-05 */
MS_TEST(a_cancel_before_the_map_refuses_it_until_a_flush)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, scattered, 0, 0x1000);
    system_grant(&s, 2);
    char before[16];

    memset(s.list, 0x5A, sizeof s.list);
    memcpy(before, s.list, sizeof before);
    assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
    assert_status(system_map(&s, 0, TRUE), STATUS_CANCELLED);
    assert_memory_equal(s.list, before, sizeof before);
    assert_int_equal(s.length, 0x1000);
    assert_int_equal(ms_controller_step(s.controller, 100), 0);
    assert_int_equal(s.heard.count, 0);
    assert_status(system_flush(&s, 0, 0, TRUE), STATUS_SUCCESS);
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    ms_controller_step(s.controller, 0x1000);
    assert_int_equal(s.heard.count, 1);
    system_close(&s);
}

/* CMT-13, CMT-15, CMT-16, CMT-19, TCX-14: a mark on a context that owns nothing goes to its channel. */
MS_TEST(a_mark_on_an_idle_or_queued_context_stops_its_later_map)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, scattered, 0, 0x1000);

    context_make(s.adapter, &s.context);
    assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
    assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_INVALID_PARAMETER);
    assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &s.context, 2,
                                                  DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &s.base),
                  STATUS_SUCCESS);
    assert_status(system_map(&s, 0, TRUE), STATUS_CANCELLED);
    context_make(s.adapter,
                 &s.context); /* TCX-09: initialising clears it while the grant is held */
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
    s.ops->FreeAdapterChannel(s.adapter); /* CMT-19 */
    ms_controller_step(s.controller, 1);
    assert_int_equal(s.heard.count, 1);
    assert_int_equal(s.heard.status, DmaCancelled);
    system_grant(&s, 2);
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    assert_status(s.ops->CancelMappedTransfer(s.adapter, NULL), STATUS_INVALID_PARAMETER);
    struct context raw = {{0}};
    assert_status(s.ops->CancelMappedTransfer(s.adapter, &raw), STATUS_INVALID_PARAMETER);
    PDMA_ADAPTER master = adapter_get(&s.f, SG64, NULL); /* CMT-14 */
    assert_status(master->DmaOperations->CancelMappedTransfer(master, &s.context),
                  STATUS_INVALID_PARAMETER);
    master->DmaOperations->PutDmaAdapter(master);
    system_close(&s);
}

/* FLX-12, FLX-13, FLX-18, FRE-13, CPL-12: whoever stops a running transfer, one callback comes. */
MS_TEST(flush_free_and_put_stop_a_running_transfer_with_one_callback)
{
    for (int how = 0; how < 3; how++) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();
        system_open(&s, &d, scattered, 0, 0x1000);
        system_grant(&s, 2);
        assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
        ms_controller_step(s.controller, 64);
        if (how == 0)
            assert_status(system_flush(&s, 0, 0x1000, FALSE), STATUS_SUCCESS);
        if (how == 1)
            s.ops->FreeAdapterChannel(s.adapter);
        if (how == 2) { /* looped audio: cancel, flush, free, back to back */
            assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
            assert_status(system_flush(&s, 0, 0x1000, FALSE), STATUS_SUCCESS);
            s.ops->FreeAdapterChannel(s.adapter);
        }
        assert_int_equal(s.heard.count, 0); /* CMT-12: queued to the channel's DPC */
        s.ops->FreeAdapterChannel(s.adapter);
        s.ops->PutDmaAdapter(s.adapter); /* PUT-06: not before it has been told */
        assert_int_equal(s.heard.count, 1);
        assert_int_equal(s.heard.status, DmaCancelled);
        chain_read(&s, 0x1000);
        for (uint32_t i = 0; i < 0x1000;
             i++) /* a free discards (FRE-13), a flush brings 64 bytes */
            assert_int_equal(s.got[i], how != 1 && i < 64 ? ms_fifo_byte(99, i) : s.want[i]);
        IoFreeMdl(s.mdl);
        fixture_close(&s.f);
    }
}

/* CPL-13, SDM-15 */
MS_TEST(a_device_fault_at_any_byte_ends_with_an_error_and_an_exact_count)
{
    for (uint32_t at = 0; at < 130; at += 13) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();
        system_open(&s, &d, out_of_reach, 0, 0x100);
        s.fifo.fault_at = at;
        system_grant(&s, 4);
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        while (s.heard.count == 0)
            ms_controller_step(s.controller, 7);
        assert_int_equal(s.heard.status, DmaError);
        assert_int_equal(s.length - s.ops->ReadDmaCounter(s.adapter), at);
        assert_int_equal(s.fifo.taken_count, at);
        assert_memory_equal(s.taken, s.want, at);
        assert_status(system_flush(&s, 0, at, TRUE), STATUS_SUCCESS);
        system_close(&s);
    }
}

/* SDM-12, DDX-04, MTX-58 */
MS_TEST(a_low_request_line_holds_the_transfer_and_credits_move_it)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    d.DemandMode = TRUE;
    system_open(&s, &d, scattered, 0, 0x100);
    ms_store_relaxed(&s.fifo.credit, 0);
    system_grant(&s, 2);
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    assert_int_equal(ms_controller_step(s.controller, 1000), 0);
    ms_fifo_credit(&s.fifo, 0x50);
    assert_int_equal(ms_controller_step(s.controller, 1000), 0x50);
    assert_int_equal(s.ops->ReadDmaCounter(s.adapter), 0xB0);
    assert_int_equal(s.heard.count, 0);
    ms_fifo_credit(&s.fifo, 0x1000);
    assert_int_equal(ms_controller_step(s.controller, 1000), 0xB0);
    assert_int_equal(s.heard.count, 1);
    system_close(&s);
}

static void go_on_inside(struct heard *heard)
{
    struct system *s = heard->system;

    assert_status(system_flush(s, (ULONGLONG)(heard->count - 1) * 0x100, 0x100, TRUE),
                  STATUS_SUCCESS);
    if (heard->count == 4)
        return;
    s->length = 0x100;
    assert_status(system_map(s, (ULONGLONG)heard->count * 0x100, TRUE), STATUS_SUCCESS);
}

/* MTX-53, CPL-08, CPL-14, CPL-15: each callback belongs to its own transfer, none nests */
MS_TEST(a_completion_routine_flushes_and_maps_the_next_part)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, scattered, 0, 0x400);
    system_grant(&s, 2);
    s.heard.inside = go_on_inside;
    s.length = 0x100;
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    for (int i = 0; i < 40; i++)
        ms_controller_step(s.controller, 33);
    assert_int_equal(s.heard.count, 4);
    assert_int_equal(s.fifo.taken_count, 0x400);
    assert_memory_equal(s.taken, s.want, 0x400);
    system_close(&s);
}

static void cancel_inside(struct heard *heard)
{
    struct system *s = heard->system;

    assert_status(s->ops->CancelMappedTransfer(s->adapter, &s->context),
                  STATUS_SUCCESS); /* CMT-09 */
    assert_status(system_flush(s, 0, 0x100, TRUE), STATUS_SUCCESS);
    s->ops->FreeAdapterChannel(s->adapter);
}

/* CMT-09, CPL-14, FLX-17 */
MS_TEST(a_completion_routine_cancels_flushes_and_frees)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, scattered, 0, 0x100);
    system_grant(&s, 2);
    s.heard.inside = cancel_inside;
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    ms_controller_step(s.controller, 0x100);
    ms_controller_step(s.controller, 0x100);
    assert_int_equal(s.heard.count, 1);
    assert_int_equal(s.heard.status, DmaComplete);
    assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
    system_close(&s);
}

/* CPL-10, CPL-11, CPL-17, CMT-17, RDC-04, CFG-02, CFG-03, DDX-05, MTX-40, CLI-08 */
MS_TEST(a_loop_tells_each_period_until_it_is_cancelled)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    ULONG period = 0x100;
    d.AutoInitialize = TRUE;
    d.MaximumLength = 0; /* IGA-09 */
    system_open(&s, &d, scattered, 0, 0x400);
    assert_int_equal(s.registers, 2);
    system_grant(&s, 2);
    assert_status(s.ops->ConfigureAdapterChannel(s.adapter, 7, &period), STATUS_NOT_IMPLEMENTED);
    assert_status(s.ops->ConfigureAdapterChannel(s.adapter, 1, NULL), STATUS_INVALID_PARAMETER);
    assert_status(s.ops->ConfigureAdapterChannel(s.adapter, 1, &period), STATUS_SUCCESS);
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    assert_status(s.ops->ConfigureAdapterChannel(s.adapter, 1, &period),
                  STATUS_INVALID_DEVICE_STATE); /* CFG-04 */
    for (int i = 1; i <= 12; i++) {
        ms_controller_step(s.controller, 0x100);
        assert_int_equal(s.heard.count, i);
        assert_int_equal(s.ops->ReadDmaCounter(s.adapter), 0x400 - (i * 0x100) % 0x400);
    }
    ms_controller_step(s.controller, 0x300); /* several periods, one callback (CPL-11) */
    assert_int_equal(s.heard.count, 13);
    for (uint32_t i = 0; i < 0xC00; i++)
        assert_int_equal(s.taken[i], s.want[i % 0x400]);
    assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
    ms_controller_step(s.controller, 0x100);
    assert_int_equal(s.heard.count, 14);
    assert_int_equal(s.heard.status, DmaCancelled);
    assert_status(system_flush(&s, 0, 0x400, TRUE), STATUS_SUCCESS);
    system_close(&s);
}

/* MTX-61 */
MS_TEST(a_loop_is_never_bounced)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    d.AutoInitialize = TRUE;
    system_open(&s, &d, out_of_reach, 0, 0x1000);
    system_grant(&s, 2);
    assert_status(system_map(&s, 0, TRUE), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(s.heard.count, 0);
    system_close(&s);
}

static IO_ALLOCATION_ACTION keep(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp;
    *(PVOID *)context = base;
    return KeepObject; /* EXR-05 */
}

/* QUE-04, SDM-02, SDM-16, CAC-12: adapters wait for a channel in order, one cancels, the others go on. */
MS_TEST(adapters_share_a_channel_first_come_first_served)
{
    enum { ADAPTERS = 4 };
    struct system s;
    DEVICE_DESCRIPTION d = description_legacy();
    d.Version = DEVICE_DESCRIPTION_VERSION3;
    d.DmaRequestLine = 2; /* the legacy controller's line 2 is its channel 2 */
    DEVICE_DESCRIPTION first = description_soc();
    system_open(&s, &first, scattered, 0, 0x100);
    PDMA_ADAPTER a[ADAPTERS];
    struct context context[ADAPTERS];
    PVOID base[ADAPTERS] = {NULL};
    ULONG registers;

    for (int i = 0; i < ADAPTERS; i++) {
        a[i] = ms_adapter_open(s.f.dma, &s.f.pdo, &d, &registers);
        assert_non_null(a[i]); /* IGA-14 */
        context_make(a[i], &context[i]);
        assert_status(a[i]->DmaOperations->AllocateAdapterChannelEx(a[i], &s.f.pdo, &context[i], 1,
                                                                    0, keep, &base[i], NULL),
                      STATUS_SUCCESS);
        assert_true((base[i] != NULL) == (i == 0));
    }
    PVOID refused;
    struct context other;
    PDMA_ADAPTER late = ms_adapter_open(s.f.dma, &s.f.pdo, &d, &registers);
    context_make(late, &other);
    assert_status(late->DmaOperations->AllocateAdapterChannelEx(late, &s.f.pdo, &other, 1, 1, NULL,
                                                                NULL, &refused),
                  STATUS_INSUFFICIENT_RESOURCES); /* QUE-06 */
    assert_true(a[1]->DmaOperations->CancelAdapterChannel(a[1], &s.f.pdo, &context[1]));
    a[0]->DmaOperations->FreeAdapterChannel(a[0]);
    assert_null(base[1]);
    assert_non_null(base[2]);
    assert_null(base[3]);
    a[2]->DmaOperations->FreeAdapterChannel(a[2]);
    assert_non_null(base[3]);
    a[3]->DmaOperations->FreeAdapterChannel(a[3]);
    for (int i = 0; i < ADAPTERS; i++)
        a[i]->DmaOperations->PutDmaAdapter(a[i]);
    late->DmaOperations->PutDmaAdapter(late);
    system_close(&s);
}

/* IGA-16, DDX-13, DDX-30, DDX-31, GAI-05, MTX-21, CFG-05, RDC-03, SDM-01 */
MS_TEST(what_does_not_exist_is_refused)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc(), bad;
    system_open(&s, &d, scattered, 0, 0x100);
    DMA_ADAPTER_INFO info = {DMA_ADAPTER_INFO_VERSION1, {{0, 0, 0, 0, 0}}};
    ULONG registers, value = 1;

    bad = d, bad.DmaRequestLine = 0x1020;
    assert_null(ms_adapter_open(s.f.dma, &s.f.pdo, &bad, &registers));
    bad = d, bad.DmaWidth = MaximumDmaWidth;
    assert_null(ms_adapter_open(s.f.dma, &s.f.pdo, &bad, &registers));
    bad = description_legacy(), bad.DmaChannel = 8;
    assert_null(ms_adapter_open(s.f.dma, &s.f.pdo, &bad, &registers));
    bad = description_legacy(), bad.DmaWidth = Width64Bits;
    assert_null(ms_adapter_open(s.f.dma, &s.f.pdo, &bad, &registers));
    assert_status(s.ops->GetDmaAdapterInfo(s.adapter, &info), STATUS_SUCCESS);
    assert_int_equal(info.V1.ReadDmaCounterAvailable, 1);
    assert_int_equal(info.V1.ScatterGatherLimit, 256);
    assert_int_equal(info.V1.DmaAddressWidth, 32);
    assert_status(s.ops->ConfigureAdapterChannel(s.adapter, 1, &value), STATUS_INVALID_PARAMETER);
    assert_int_equal(s.ops->ReadDmaCounter(s.adapter), 0);
    system_grant(&s, 2);
    PVOID base = s.base;
    s.ops->FreeAdapterObject(s.adapter, DeallocateObjectKeepRegisters);
    s.base = base; /* registers are left, the channel is gone */
    assert_status(system_map(&s, 0, TRUE), STATUS_INVALID_PARAMETER); /* MTX-21 */
    s.ops->FreeMapRegisters(s.adapter, base, 2);
    system_close(&s);
}

/* AMB-37: without a routine the transfer runs, and its end shows in the counter. */
MS_TEST(a_transfer_without_a_routine_runs_and_is_flushed)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, scattered, 0, 0x100);
    system_grant(&s, 2);
    for (int round = 0; round < 200; round++) { /* more than a channel's ring of records */
        assert_status(s.ops->MapTransferEx(s.adapter, s.mdl, s.base, 0, 0, &s.length, TRUE, NULL, 0,
                                           NULL, NULL),
                      STATUS_SUCCESS);
        if (round % 3)
            while (s.ops->ReadDmaCounter(s.adapter) > 0)
                ms_controller_step(s.controller, 0x100);
        assert_status(system_flush(&s, 0, 0x100, TRUE), STATUS_SUCCESS);
    }
    system_close(&s);
}

static IO_ALLOCATION_ACTION deallocate(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct system *s = context;

    (void)device, (void)irp;
    s->base = base;
    assert_status(system_map(s, 0, FALSE), STATUS_SUCCESS); /* EXR-10 */
    ms_controller_step(s->controller, 32);
    return DeallocateObject; /* a system adapter should keep it */
}

/* EXR-13: the channel and the registers go, the running transfer is aborted and told so. */
MS_TEST(a_routine_that_deallocates_aborts_its_transfer)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, out_of_reach, 0, 0x1000);

    context_make(s.adapter, &s.context);
    assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &s.context, 2, 0, deallocate,
                                                  &s, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
    assert_int_equal(ms_controller_step(s.controller, 100), 0);
    assert_int_equal(s.heard.count, 1);
    assert_int_equal(s.heard.status, DmaCancelled);
    system_close(&s);
}

/* SDM-18: the controller works from a copy: the driver's list is its own again when the map returns. */
MS_TEST(the_drivers_list_may_be_overwritten_while_the_transfer_runs)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    system_open(&s, &d, scattered, 0, 0x2000);
    system_grant(&s, 2);
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    memset(s.list, 0xFF, sizeof s.list);
    ms_controller_step(s.controller, 0x2000);
    assert_int_equal(s.heard.status, DmaComplete);
    assert_memory_equal(s.taken, s.want, 0x2000);
    system_close(&s);
}

static IO_ALLOCATION_ACTION keep_base(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp;
    ((struct system *)context)->base = base;
    return KeepObject;
}

/* CLI-07: the plain sample: a byte-aligned context, no list, the whole device address as an offset. */
MS_TEST(a_sample_driver_moves_two_pages_with_no_list_of_its_own)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    char memory[DMA_TRANSFER_CONTEXT_SIZE_V1 + 1];
    PVOID context = memory + 1; /* TCX-03 */

    d.DeviceAddress.QuadPart = 0;
    d.MaximumLength = 2 * PAGE_SIZE;
    d.DmaRequestLine = d.DmaChannel = 0x1000;
    system_open(&s, &d, scattered, 0x10, 0x1800);
    assert_status(s.ops->InitializeDmaTransferContext(s.adapter, context), STATUS_SUCCESS);
    assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, context, s.registers, 0,
                                                  keep_base, &s, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL); /* IRQ-22 */
    assert_status(s.ops->MapTransferEx(s.adapter, s.mdl, s.base, 0, 0xFE001000, &s.length, TRUE,
                                       NULL, 0, completed, &s.heard),
                  STATUS_SUCCESS);
    while (s.heard.count == 0)
        ms_controller_step(s.controller, 512);
    assert_true(s.fifo.address == 0xFE001000);
    assert_memory_equal(s.taken, s.want, 0x1800);
    assert_status(system_flush(&s, 0, 0x1800, TRUE), STATUS_SUCCESS);
    system_close(&s);
}
