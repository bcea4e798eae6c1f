/* SPDX-License-Identifier: MIT */
/*
 * The list family as a driver sees it: Get, Build, their Ex forms, Put. Bytes, counts and faults are in
 * sg_list_bytes_test.c.
 */
#include "adapter/test_lists.h"

/* --- arguments
 * --------------------------------------------------------------------------------------------------
 */

/* SGX-03, SGX-04, SGX-05, SGX-09, SGX-16, SGX-19, SGX-20, GEN-12, TCX-16 */
MS_TEST(bad_arguments_of_the_ex_routines_get_their_status_and_take_nothing)
{
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    struct context raw = {{0}};
    static uint8_t buffer[ROOM];
    PSCATTER_GATHER_LIST out = (PSCATTER_GATHER_LIST)&s;
    PSCATTER_GATHER_LIST *some = &out;
    PMDL mdl = s.chain.mdl[0];
    const NTSTATUS bad = STATUS_INVALID_PARAMETER;
    const struct {
        PDEVICE_OBJECT device;
        void *context;
        PMDL mdl;
        ULONGLONG offset;
        ULONG length, flags;
        bool routine;
        PSCATTER_GATHER_LIST *out;
        NTSTATUS want;
    } rows[] = {
        {NULL, &s.seen.context, mdl, 0, 0x100, 1, false, some, bad},
        {&s.f.pdo, NULL, mdl, 0, 0x100, 1, false, some, bad},
        {&s.f.pdo, &raw, mdl, 0, 0x100, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, NULL, 0, 0x100, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0, 0, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0x2F00, 1, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0, 0x2F01, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, ~0ull, 1, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 1, 0xFFFFFFFF, 1, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0, 0x100, 2, true, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0, 0x100, 0, false, some, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0, 0x100, 1, false, NULL, bad},
        {&s.f.pdo, &s.seen.context, mdl, 0, 0x100, 0, false, NULL, bad},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PDRIVER_LIST_CONTROL routine = rows[i].routine ? list_routine : NULL;
        assert_status(ops->GetScatterGatherListEx(s.seen.adapter, rows[i].device, rows[i].context,
                                                  rows[i].mdl, rows[i].offset, rows[i].length,
                                                  rows[i].flags, routine, &s.seen, TRUE, NULL, NULL,
                                                  rows[i].out),
                      rows[i].want);
        nothing_is_out(&s.f);
        assert_status(ops->BuildScatterGatherListEx(s.seen.adapter, rows[i].device, rows[i].context,
                                                    rows[i].mdl, rows[i].offset, rows[i].length,
                                                    rows[i].flags, routine, &s.seen, TRUE, buffer,
                                                    sizeof buffer, NULL, NULL, rows[i].out),
                      rows[i].want);
        nothing_is_out(&s.f);
        assert_ptr_equal(out, &s);
    }
    assert_status(build_ex(&s.seen, 0, 0x100, 1, false, NULL, 1000, &out), bad);
    mdl->MdlFlags = 0; /* MTX-22 */
    assert_status(get_ex(&s.seen, 0, 0x100, 1, false, &out), bad);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    assert_int_equal(s.seen.calls, 0);
    scene_close(&s);
}

/* SGL-05, SGL-12, SGL-10, AMB-04 */
MS_TEST(bad_arguments_of_the_old_routines_get_their_status_and_take_nothing)
{
    struct scene s;
    scene_open(&s, SG64, two_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    char *va = MmGetMdlVirtualAddress(s.chain.mdl[0]);
    static uint8_t buffer[ROOM];
    PMDL mdl = s.chain.mdl[0];
    const NTSTATUS bad = STATUS_INVALID_PARAMETER, small = STATUS_BUFFER_TOO_SMALL;
    const struct {
        PDEVICE_OBJECT device;
        PMDL mdl;
        char *va;
        ULONG length;
        PDRIVER_LIST_CONTROL routine;
        NTSTATUS want;
    } rows[] = {
        {NULL, mdl, va, 0x100, list_routine, bad},
        {&s.f.pdo, NULL, va, 0x100, list_routine, bad},
        {&s.f.pdo, mdl, va, 0, list_routine, bad},
        {&s.f.pdo, mdl, va, 0x100, NULL, bad},
        {&s.f.pdo, mdl, va - 1, 0x100, list_routine, small},
        {&s.f.pdo, mdl, va + 0x1800, 0x100, list_routine, small},
        {&s.f.pdo, mdl, NULL, 0x100, list_routine, small},
        {&s.f.pdo, mdl, va, 0x2800 + 0x801, list_routine, small}, /* a page boundary crossed */
        {&s.f.pdo, mdl, va, 0xFFFFFFFF, list_routine, small},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_status(ops->GetScatterGatherList(s.seen.adapter, rows[i].device, rows[i].mdl,
                                                rows[i].va, rows[i].length, rows[i].routine,
                                                &s.seen, TRUE),
                      rows[i].want);
        nothing_is_out(&s.f);
        assert_status(ops->BuildScatterGatherList(s.seen.adapter, rows[i].device, rows[i].mdl,
                                                  rows[i].va, rows[i].length, rows[i].routine,
                                                  &s.seen, TRUE, buffer, sizeof buffer),
                      rows[i].want);
        nothing_is_out(&s.f);
    }
    assert_status(ops->BuildScatterGatherList(s.seen.adapter, &s.f.pdo, mdl, va, 0x100,
                                              list_routine, &s.seen, TRUE, NULL, ROOM),
                  bad);
    assert_int_equal(s.seen.calls, 0);
    scene_close(&s);
}

/* SGL-11, SGX-09, GTI-07, CSG-06: the size that is told suffices, one byte less does not. */
MS_TEST(a_build_needs_what_was_told_and_not_a_byte_less)
{
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    DMA_TRANSFER_INFO info = {.Version = 1};
    static uint8_t buffer[ROOM];
    PSCATTER_GATHER_LIST out;
    ULONG size, count;

    assert_status(
        ops->GetDmaTransferInfo(s.seen.adapter, s.chain.mdl[0], 0, s.chain.bytes, TRUE, &info),
        STATUS_SUCCESS);
    ULONG told = info.V1.ScatterGatherListSize;
    assert_status(build_ex(&s.seen, 0, s.chain.bytes, 1, false, buffer, told - 1, &out),
                  STATUS_BUFFER_TOO_SMALL);
    nothing_is_out(&s.f);
    assert_status(build_ex(&s.seen, 0, s.chain.bytes, 1, false, buffer, told, &s.seen.list),
                  STATUS_SUCCESS);
    assert_ptr_equal(s.seen.list, buffer); /* SGX-08 */
    ops->FreeAdapterObject(s.seen.adapter, DeallocateObjectKeepRegisters);
    put(&s.seen);
    assert_status(ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0],
                                                  MmGetMdlVirtualAddress(s.chain.mdl[0]),
                                                  s.chain.bytes, &size, &count),
                  STATUS_SUCCESS);
    assert_true(size >= told);
    assert_int_equal(count, 4);
    scene_close(&s);
}

/* SGX-16, SGL-05: more registers than one operation may have, also when asynchronous. */
MS_TEST(a_list_that_needs_more_registers_than_allowed_fails_at_once)
{
    static struct chain_mdl big = {0, 4 * 4096, {FAR + 1, FAR + 3, FAR + 5, FAR + 7}};
    struct ms_dma_config config = fixture_config();
    struct scene s;
    config.registers[MS_REACH_32] = 3;
    memset(&s, 0, sizeof s);
    fixture_open_with(&s.f, &config);
    chain_make(&s.chain, &s.f, &big, 1);
    s.seen = (struct seen){.f = &s.f, .adapter = adapter_get(&s.f, SG32, NULL), .chain = &s.chain};
    context_make(s.seen.adapter, &s.seen.context);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;

    for (ULONG flags = 0; flags <= 1; flags++)
        assert_status(get_ex(&s.seen, 0, 4 * 4096, flags, true, NULL),
                      STATUS_INSUFFICIENT_RESOURCES);
    assert_status(ops->GetScatterGatherList(s.seen.adapter, &s.f.pdo, s.chain.mdl[0],
                                            MmGetMdlVirtualAddress(s.chain.mdl[0]), 4 * 4096,
                                            list_routine, &s.seen, TRUE),
                  STATUS_INSUFFICIENT_RESOURCES);
    assert_status(get_ex(&s.seen, 0, 3 * 4096, 1, true, NULL), STATUS_SUCCESS);
    assert_int_equal(s.seen.calls, 1);
    put(&s.seen);
    scene_close(&s);
}

/* --- what a driver gets
 * --------------------------------------------------------------------------------------- */

/* SGL-01..SGL-04, SGL-13, SGL-14, SGX-06, SGX-12, PSG-03, IRQ-21 */
MS_TEST(a_routine_gets_the_list_at_dispatch_and_the_list_survives_it)
{
    struct scene s;
    static uint8_t buffer[ROOM];
    scene_open(&s, SG32, far_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    char *va = MmGetMdlVirtualAddress(s.chain.mdl[0]);
    PVOID base;

    s.f.pdo.CurrentIrp = (PIRP)&s;
    for (int way = 0; way < 6; way++) {
        int calls = s.seen.calls;
        NTSTATUS status =
            way == 0   ? ops->GetScatterGatherList(s.seen.adapter, &s.f.pdo, s.chain.mdl[0], va,
                                                   s.chain.bytes, list_routine, &s.seen, TRUE)
            : way == 1 ? ops->BuildScatterGatherList(s.seen.adapter, &s.f.pdo, s.chain.mdl[0], va,
                                                     s.chain.bytes, list_routine, &s.seen, TRUE,
                                                     buffer, sizeof buffer)
            : way < 4  ? get_ex(&s.seen, 0, s.chain.bytes, (ULONG)way & 1, true, NULL)
                       : build_ex(&s.seen, 0, s.chain.bytes, (ULONG)way & 1, true, buffer,
                                  sizeof buffer, NULL);
        assert_status(status, STATUS_SUCCESS);
        assert_int_equal(s.seen.calls, calls + 1);
        assert_int_equal(s.seen.irql, DISPATCH_LEVEL);
        assert_ptr_equal(s.seen.irp, &s);
        if (way == 1 || way >= 4)
            assert_ptr_equal(s.seen.list, buffer);
        /* The adapter is free for others, the registers are not. */
        assert_status(grant_sync(&s.f, s.seen.adapter, 0, &base), STATUS_SUCCESS);
        ops->FreeAdapterChannel(s.seen.adapter);
        assert_int_equal(ms_dma_grants_used(s.f.dma), 1);
        put(&s.seen);
        nothing_is_out(&s.f);
    }
    scene_close(&s);
}

/* SGX-11, FRE-06, FRE-10, PSG-07, CLI-09, CLI-10 */
MS_TEST(without_a_routine_the_adapter_is_kept_until_it_is_freed_in_either_order)
{
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    PVOID base;

    for (int order = 0; order < 2; order++) {
        assert_status(get_ex(&s.seen, 0, s.chain.bytes, 1, false, &s.seen.list), STATUS_SUCCESS);
        assert_status(grant_sync(&s.f, s.seen.adapter, 0, &base), STATUS_INSUFFICIENT_RESOURCES);
        context_make(s.seen.adapter, &s.seen.context);
        if (order == 0)
            put(&s.seen);
        assert_int_equal(ms_dma_grants_used(s.f.dma), 1);
        /* The failed request above is forgotten by one call (FRE-18). */
        ops->FreeAdapterObject(s.seen.adapter, DeallocateObjectKeepRegisters);
        ops->FreeAdapterObject(s.seen.adapter, DeallocateObjectKeepRegisters);
        if (order == 1)
            put(&s.seen);
        nothing_is_out(&s.f);
    }
    assert_int_equal(s.seen.calls, 0);
    scene_close(&s);
}

/* FRE-08, FRE-18, SGX-10, SGX-19: a failed build and its FreeAdapterObject release nobody. */
MS_TEST(a_failed_build_followed_by_a_free_releases_no_stranger)
{
    struct scene s;
    static uint8_t buffer[ROOM];
    scene_open(&s, SG64, two_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    PSCATTER_GATHER_LIST out;
    PVOID base, other;

    assert_status(grant_sync(&s.f, s.seen.adapter, 0, &base), STATUS_SUCCESS); /* the stranger */
    const ULONG sizes[] = {ROOM, 40};
    const NTSTATUS wants[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_BUFFER_TOO_SMALL};
    for (int i = 0; i < 2; i++) {
        assert_status(build_ex(&s.seen, 0, 0x1000, 1, false, buffer, sizes[i], &out), wants[i]);
        ops->FreeAdapterObject(s.seen.adapter, DeallocateObjectKeepRegisters);
        assert_status(grant_sync(&s.f, s.seen.adapter, 0, &other), STATUS_INSUFFICIENT_RESOURCES);
    }
    ops->FreeAdapterChannel(s.seen.adapter);
    scene_close(&s);
}

/* FRE-05, FRE-13: DeallocateObject takes the registers from under the list; its put still ends it. */
MS_TEST(a_list_outlives_its_registers_and_a_put_ends_it_without_copying)
{
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;

    s.seen.write = FALSE;
    chain_fill(&s.chain, s.chain.bytes, 1);
    assert_status(get_ex(&s.seen, 0, s.chain.bytes, 1, false, &s.seen.list), STATUS_SUCCESS);
    ops->FreeAdapterObject(s.seen.adapter, DeallocateObject);
    struct seen other = s.seen; /* the list is still the driver's: nobody else gets its memory */
    assert_status(get_ex(&other, 0, 0x100, 1, true, NULL), STATUS_SUCCESS);
    assert_ptr_not_equal(other.list, s.seen.list);
    put(&other);
    put(&s.seen);
    chain_check(&s.chain, s.chain.bytes, 0, 0, 0, 1);
    scene_close(&s);
}

static void put_and_get_again(struct seen *seen)
{
    PSCATTER_GATHER_LIST first = seen->list;

    seen->inside = NULL;
    seen->adapter->DmaOperations->PutScatterGatherList(seen->adapter, first, TRUE);
    /* Owned by this very routine, so it waits; and it uses the same context (TCX-10, TCX-11). */
    assert_status(get_ex(seen, 0x100, 0x400, 0, true, NULL), STATUS_SUCCESS);
}

/* SGX-13, TCX-10, TCX-11, TCX-13, QUE-08, QUE-09, CLI-02 */
MS_TEST(a_list_may_be_put_and_the_next_asked_for_inside_the_routine)
{
    struct scene s;
    scene_open(&s, SG64, two_mdls, 2);

    s.seen.inside = put_and_get_again;
    s.seen.put_inside = false;
    assert_status(get_ex(&s.seen, 0, 0x100, 0, true, NULL), STATUS_SUCCESS);
    assert_int_equal(s.seen.calls, 2);
    put(&s.seen);
    scene_close(&s);
}

/* QUE-03, QUE-09, SGX-17, SGX-18, SGL-07, TCX-05, CAC-02: lists and channels wait in one queue. */
MS_TEST(lists_and_channels_wait_in_one_queue_in_the_order_of_their_calls)
{
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    char *va = MmGetMdlVirtualAddress(s.chain.mdl[0]);
    struct seen waiting[4];
    PSCATTER_GATHER_LIST out = NULL;
    int counter = 0;
    PVOID base;

    assert_status(grant_sync(&s.f, s.seen.adapter, 0, &base), STATUS_SUCCESS);
    for (int i = 0; i < 4; i++) {
        waiting[i] = s.seen;
        waiting[i].counter = &counter;
        context_make(s.seen.adapter, &waiting[i].context);
    }
    assert_status(get_ex(&waiting[0], 0, 0x2000, 0, true, &out), STATUS_SUCCESS);
    assert_status(ops->GetScatterGatherList(s.seen.adapter, &s.f.pdo, s.chain.mdl[0], va, 0x2000,
                                            list_routine, &waiting[1], TRUE),
                  STATUS_SUCCESS);
    assert_status(get_ex(&waiting[2], 0, 0x2000, 0, true, NULL), STATUS_SUCCESS);
    assert_status(ops->GetScatterGatherList(s.seen.adapter, &s.f.pdo, s.chain.mdl[0], va, 0x2000,
                                            list_routine, &waiting[3], TRUE),
                  STATUS_SUCCESS);
    assert_int_equal(counter, 0);
    assert_true(ops->CancelAdapterChannel(s.seen.adapter, &s.f.pdo, &waiting[2].context));
    assert_status(get_ex(&waiting[2], 0, 0x2000, 0, true, NULL), STATUS_CANCELLED); /* CAC-08 */
    ops->FreeAdapterChannel(s.seen.adapter);
    assert_int_equal(counter, 3);
    assert_int_equal(waiting[0].order, 1);
    assert_int_equal(waiting[1].order, 2);
    assert_int_equal(waiting[2].calls, 0); /* CAC-03 */
    assert_int_equal(waiting[3].order, 3);
    assert_null(out); /* SGX-18: it was granted after the call had returned */
    assert_false(ops->CancelAdapterChannel(s.seen.adapter, &s.f.pdo, NULL));
    put(&waiting[0]);
    put(&waiting[1]);
    put(&waiting[3]);
    scene_close(&s);
}

/* SGX-18 */
MS_TEST(an_asynchronous_list_granted_at_once_is_told_before_the_routine)
{
    struct scene s;
    scene_open(&s, SG64, two_mdls, 2);
    PSCATTER_GATHER_LIST out = NULL;

    assert_status(get_ex(&s.seen, 0, 0x2800, 0, true, &out), STATUS_SUCCESS);
    assert_int_equal(s.seen.calls, 1);
    assert_ptr_equal(out, s.seen.list);
    put(&s.seen);
    scene_close(&s);
}

/* PSG-06, PSG-08: only what is out can be put, once. */
MS_TEST(a_stranger_and_a_list_already_put_are_nothing_to_put)
{
    struct scene s;
    static uint8_t buffer[ROOM];
    scene_open(&s, SG64, two_mdls, 2);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    PDMA_ADAPTER other = adapter_get(&s.f, SG64, NULL);
    PSCATTER_GATHER_LIST first;

    memset(buffer, 0xEE, sizeof buffer);
    ops->PutScatterGatherList(s.seen.adapter, NULL, TRUE);
    ops->PutScatterGatherList(s.seen.adapter, (PSCATTER_GATHER_LIST)(void *)buffer, TRUE);
    assert_status(get_ex(&s.seen, 0, 0x100, 1, true, NULL), STATUS_SUCCESS);
    first = s.seen.list;
    ops->PutScatterGatherList(other, first, TRUE); /* another adapter's */
    assert_int_equal(ms_dma_grants_used(s.f.dma), 1);
    put(&s.seen);
    ops->PutScatterGatherList(s.seen.adapter, first, TRUE);
    assert_status(get_ex(&s.seen, 0, 0x100, 1, true, NULL), STATUS_SUCCESS);
    s.seen.list->Reserved = 0x1234567; /* the driver wrote into it: found all the same (PSG-09) */
    put(&s.seen);
    nothing_is_out(&s.f);
    for (int i = 0; i < 2; i++) { /* the same buffer, again and again */
        assert_status(build_ex(&s.seen, 0, 0x100, 1, true, buffer, ROOM, NULL), STATUS_SUCCESS);
        put(&s.seen);
        put(&s.seen);
    }
    other->DmaOperations->PutDmaAdapter(other);
    scene_close(&s);
}
