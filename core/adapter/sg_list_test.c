/* SPDX-License-Identifier: MIT */
/*
 * The list family as a driver sees it: Get, Build, their Ex forms, Put, Calculate.
 */
#include "adapter/test_chain.h"

enum { ROOM = 4096, FAR = 0x100000 }; /* FAR: frames from 4 GiB on */

static const struct chain_mdl two_mdls[] = {
    {0x123, 0x1800, {0x1010, 0x1011}},
    {0x800, 0x1000, {0x2000, 0x2005}},
};
/* Its second and third page are out of a 32-bit device's reach. */
static const struct chain_mdl far_mdls[] = {
    {0x800, 0x2000, {0x3000, FAR + 7, FAR + 9}},
    {0x010, 0x0F00, {0x3001}},
};

/* What a list routine saw, and what it shall do. */
struct seen {
    struct fixture *f;
    PDMA_ADAPTER adapter;
    PSCATTER_GATHER_LIST list;
    PIRP irp;
    int calls;
    int order;
    int *counter;
    KIRQL irql;
    bool put_inside;
    BOOLEAN write;
    void (*inside)(struct seen *seen);
    struct context context;
    struct chain *chain;
};

static void list_routine(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct seen *seen = context;

    assert_ptr_equal(device, &seen->f->pdo);
    seen->calls++;
    seen->list = list;
    seen->irp = irp;
    seen->irql = KeGetCurrentIrql();
    if (seen->counter)
        seen->order = ++*seen->counter;
    if (seen->inside)
        seen->inside(seen);
    if (seen->put_inside)
        seen->adapter->DmaOperations->PutScatterGatherList(seen->adapter, list, seen->write);
}

/* A bus master has no completions: nobody calls this. */
static VOID never(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                  DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context, (void)status;
    fail_msg("a completion routine of a list was called");
}

static NTSTATUS get_ex(struct seen *seen, ULONG offset, ULONG length, ULONG flags, bool routine,
                       PSCATTER_GATHER_LIST *out)
{
    return seen->adapter->DmaOperations->GetScatterGatherListEx(
        seen->adapter, &seen->f->pdo, &seen->context, seen->chain->mdl[0], offset, length, flags,
        routine ? list_routine : NULL, seen, seen->write, never, seen, out); /* SGX-07 */
}

static NTSTATUS build_ex(struct seen *seen, ULONG offset, ULONG length, ULONG flags, bool routine,
                         void *buffer, ULONG bytes, PSCATTER_GATHER_LIST *out)
{
    return seen->adapter->DmaOperations->BuildScatterGatherListEx(
        seen->adapter, &seen->f->pdo, &seen->context, seen->chain->mdl[0], offset, length, flags,
        routine ? list_routine : NULL, seen, seen->write, buffer, bytes, NULL, NULL, out);
}

static void put(struct seen *seen)
{
    seen->adapter->DmaOperations->PutScatterGatherList(seen->adapter, seen->list, seen->write);
}

static void nothing_is_out(struct fixture *f)
{
    assert_int_equal(ms_dma_grants_used(f->dma), 0);
    assert_true(ms_dma_audit(f->dma));
}

/* A fixture, an adapter, a chain and a driver to be. */
struct scene {
    struct fixture f;
    struct chain chain;
    struct seen seen;
};

static void scene_open(struct scene *scene, enum kind kind, const struct chain_mdl *of,
                       uint32_t mdls)
{
    memset(scene, 0, sizeof *scene);
    fixture_open(&scene->f);
    chain_make(&scene->chain, &scene->f, of, mdls);
    scene->seen = (struct seen){
        .f = &scene->f,
        .adapter = adapter_get(&scene->f, kind, NULL),
        .chain = &scene->chain,
        .write = TRUE,
    };
    context_make(scene->seen.adapter, &scene->seen.context);
}

static void scene_close(struct scene *scene)
{
    nothing_is_out(&scene->f);
    scene->seen.adapter->DmaOperations->PutDmaAdapter(scene->seen.adapter);
    chain_end(&scene->chain);
    fixture_close(&scene->f);
}

static uint32_t width_of_kind(enum kind kind)
{
    return description_of(kind).DmaAddressWidth;
}

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

/* --- bytes
 * --------------------------------------------------------------------------------------------------
 */

static void bytes_travel(struct scene *s, enum kind kind, int way, uint32_t offset, uint32_t length)
{
    const DMA_OPERATIONS *ops = s->seen.adapter->DmaOperations;
    char *va = (char *)MmGetMdlVirtualAddress(s->chain.mdl[0]) + offset;
    uint32_t bytes = s->chain.bytes < offset + length ? offset + length : s->chain.bytes;
    uint32_t width = width_of_kind(kind);
    NTSTATUS status;

    for (uint8_t write = 0; write <= 1; write++) {
        s->seen.write = write;
        chain_fill(&s->chain, bytes, 5);
        status = way == 0 ? ops->GetScatterGatherList(s->seen.adapter, &s->f.pdo, s->chain.mdl[0],
                                                      va, length, list_routine, &s->seen, write)
                          : get_ex(&s->seen, offset, length, 1, true, NULL);
        assert_status(status, STATUS_SUCCESS);
        if (way == 0 && (kind == PACKET32 || kind == PACKET64))
            assert_int_equal(s->seen.list->NumberOfElements, 1); /* SGL-08 */
        if (write) {
            chain_check_device_reads(&s->chain, s->seen.list, width, offset, length, 5);
        } else {
            chain_device_writes(&s->chain, s->seen.list, width, offset, length, 9);
        }
        put(&s->seen);
        chain_check(&s->chain, bytes, offset, write ? 0 : length, 9, 5); /* PSG-04, MRG-15 */
        nothing_is_out(&s->f);
    }
}

/* SGL-06, SGL-08, SGL-10, SGX-15, SGX-22, SGX-23, PSG-01, PSG-04, MRG-15 */
MS_TEST(every_byte_of_a_list_travels_both_ways_on_every_kind_of_adapter)
{
    const enum kind kinds[] = {SG64, SG32, SG24, PACKET32, PACKET64};
    const struct {
        uint32_t offset, length;
    } ranges[] = {{0, 1}, {0, 0x2F00}, {0x7FF, 2}, {0x1FFF, 2}, {0x1234, 0x1000}, {0x2EFF, 1}};

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct scene s;
        scene_open(&s, kinds[k], far_mdls, 2);
        for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
            for (int way = 0; way < 2; way++)
                if (way == 1 || ranges[r].offset < far_mdls[0].bytes)
                    bytes_travel(&s, kinds[k], way, ranges[r].offset, ranges[r].length);
        scene_close(&s);
    }
}

/* CSG-12, AMB-06: the rest of the last page may be named; one byte more may not. */
MS_TEST(an_excess_inside_the_last_page_travels_with_the_buffer)
{
    const enum kind kinds[] = {SG64, SG32, PACKET32};

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct scene s;
        scene_open(&s, kinds[k], far_mdls, 2);
        bytes_travel(&s, kinds[k], 0, 0, 0x2F00 + 0xF0);
        bytes_travel(&s, kinds[k], 0, 0x100, 0x2F00 - 0x100 + 1);
        assert_status(s.seen.adapter->DmaOperations->GetScatterGatherList(
                          s.seen.adapter, &s.f.pdo, s.chain.mdl[0],
                          MmGetMdlVirtualAddress(s.chain.mdl[0]), 0x2F00 + 0xF1, list_routine,
                          &s.seen, TRUE),
                      STATUS_BUFFER_TOO_SMALL);
        scene_close(&s);
    }
}

/* --- CalculateScatterGatherList
 * ----------------------------------------------------------------------------------- */

/* CSG-02..CSG-05, CSG-09, CSG-11, EXM-14 */
MS_TEST(without_an_mdl_the_count_is_the_pages_spanned_and_fits_the_grant_exactly)
{
    const enum kind kinds[] = {SG64, SG32};

    for (size_t k = 0; k < 2; k++) {
        struct fixture f;
        fixture_open(&f);
        ULONG registers, size, count;
        PDMA_ADAPTER a = adapter_get(&f, kinds[k], &registers);
        const DMA_OPERATIONS *ops = a->DmaOperations;

        assert_status(ops->CalculateScatterGatherList(a, NULL, (PVOID)0xFFF, 0x1001, &size, &count),
                      STATUS_SUCCESS);
        assert_int_equal(count, 2); /* EXM-14 */
        assert_status(
            ops->CalculateScatterGatherList(a, NULL, NULL, registers * 4096, &size, &count),
            STATUS_SUCCESS);
        assert_int_equal(count, registers); /* CSG-04, AMB-62 */
        assert_true(size >= 16 + 24 * registers);
        assert_int_equal(size % 8, 0);
        assert_status(ops->CalculateScatterGatherList(a, NULL, (PVOID)0xFFF, 1, &size, NULL),
                      STATUS_SUCCESS); /* CSG-05 */
        assert_status(ops->CalculateScatterGatherList(a, NULL, NULL, 1, NULL, &count),
                      STATUS_INVALID_PARAMETER);
        count = 77;
        assert_status(
            ops->CalculateScatterGatherList(a, NULL, NULL, registers * 4096 + 1, &size, &count),
            kinds[k] == SG64 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES); /* CSG-10 */
        assert_int_equal(count, kinds[k] == SG64 ? registers + 1 : 77);         /* GEN-12 */
        ops->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

/* CSG-07, CSG-08, CSG-11, CSG-12, EXM-15 */
MS_TEST(with_an_mdl_the_count_is_summed_over_the_chain_and_the_excess_is_limited)
{
    static const struct chain_mdl half = {0, 0x800, {0x1000}};
    struct scene s;
    scene_open(&s, SG64, &half, 1);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    char *va = MmGetMdlVirtualAddress(s.chain.mdl[0]);
    struct chain chain;
    ULONG size, count = 5;

    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va, 0x1000, &size, &count),
        STATUS_SUCCESS);
    assert_int_equal(count, 1); /* EXM-15 */
    count = 5;
    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va, 0x1001, &size, &count),
        STATUS_BUFFER_TOO_SMALL);
    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va - 1, 1, &size, &count),
        STATUS_BUFFER_TOO_SMALL);
    assert_status(ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va + 0x800, 1,
                                                  &size, &count),
                  STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(count, 5);
    chain_make(&chain, &s.f, two_mdls, 2);
    va = MmGetMdlVirtualAddress(chain.mdl[0]);
    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, chain.mdl[0], va, 0x2800, &size, &count),
        STATUS_SUCCESS);
    assert_int_equal(count, 4);
    assert_status(ops->CalculateScatterGatherList(s.seen.adapter, chain.mdl[0], va + 0x17FF, 2,
                                                  &size, &count),
                  STATUS_SUCCESS);
    assert_int_equal(count, 2);
    chain_end(&chain);
    scene_close(&s);
}

/* --- BuildMdlFromScatterGatherList
 * -------------------------------------------------------------------------------- */

/* BMS-01..BMS-06, PSG-02 */
MS_TEST(an_mdl_of_a_list_shows_the_bytes_the_device_sees)
{
    const enum kind kinds[] = {SG64, SG32, PACKET32};

    for (int way = 0; way < 2; way++)
        for (size_t k = 0; k < 3; k++) {
            struct scene s;
            scene_open(&s, kinds[k], far_mdls, 2);
            const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
            PMDL mdl = s.chain.mdl[0], made = NULL;
            static uint8_t bytes[0x2F00];

            chain_fill(&s.chain, s.chain.bytes, 3);
            if (way == 0)
                assert_status(get_ex(&s.seen, 0, s.chain.bytes, 1, true, NULL), STATUS_SUCCESS);
            else
                assert_status(ops->GetScatterGatherList(s.seen.adapter, &s.f.pdo, mdl,
                                                        MmGetMdlVirtualAddress(mdl), s.chain.bytes,
                                                        list_routine, &s.seen, TRUE),
                              STATUS_SUCCESS);
            assert_status(
                ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, NULL, &made),
                STATUS_INVALID_PARAMETER);
            assert_status(
                ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, NULL),
                STATUS_INVALID_PARAMETER);
            assert_status(ops->BuildMdlFromScatterGatherList(s.seen.adapter, NULL, mdl, &made),
                          STATUS_INVALID_PARAMETER);
            assert_null(made);
            assert_status(
                ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, &made),
                STATUS_SUCCESS);
            if (kinds[k] == SG64) {
                assert_ptr_equal(made, mdl); /* BMS-03, BMS-06 */
                assert_status(
                    ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, &made),
                    STATUS_SUCCESS);
            } else {
                PMDL again = NULL;
                assert_ptr_not_equal(made, mdl);
                assert_int_equal(made->MdlFlags, MDL_PAGES_LOCKED); /* BMS-05 */
                assert_int_equal(made->ByteOffset, mdl->ByteOffset);
                assert_status(
                    ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, &again),
                    STATUS_NONE_MAPPED); /* BMS-04 */
                assert_null(again);
                assert_int_equal(ms_mdl_chain_bytes(made, UINT64_MAX), s.chain.bytes);
                ms_mdl_copy_out(s.f.memory, made, 0, bytes, s.chain.bytes);
                for (uint32_t i = 0; i < s.chain.bytes; i++)
                    assert_int_equal(bytes[i], chain_pattern(i, 3));
                /* The memory of the list, not a copy of it: the device sees what we write. */
                ms_mdl_copy_in(s.f.memory, made, 0, "changed", 7);
                struct ms_bus_master device;
                ms_bus_master_init(&device, s.f.memory, width_of_kind(kinds[k]));
                ms_bus_master_fetch(&device, s.seen.list, bytes, 7);
                assert_memory_equal(bytes, "changed", 7);
                assert_non_null(MmGetSystemAddressForMdlSafe(made, NormalPagePriority));
            }
            put(&s.seen); /* PSG-02: unmapped and freed */
            scene_close(&s);
        }
}

/* --- faults
 * --------------------------------------------------------------------------------------------------
 */

static NTSTATUS fault_call(struct scene *s, int way)
{
    const DMA_OPERATIONS *ops = s->seen.adapter->DmaOperations;
    PMDL mdl = s->chain.mdl[0];
    char *va = MmGetMdlVirtualAddress(mdl);
    static uint8_t buffer[ROOM];
    ULONG flags = (ULONG)way & 1;
    PMDL made;

    switch (way) {
    case 0:
    case 1:
        return get_ex(&s->seen, 0, s->chain.bytes, flags, true, NULL);
    case 2:
    case 3:
        return build_ex(&s->seen, 0, s->chain.bytes, flags, true, buffer, ROOM, NULL);
    case 4:
        return ops->GetScatterGatherList(s->seen.adapter, &s->f.pdo, mdl, va, s->chain.bytes + 0x10,
                                         list_routine, &s->seen, TRUE);
    case 5:
        return ops->BuildScatterGatherList(s->seen.adapter, &s->f.pdo, mdl, va,
                                           s->chain.bytes + 0x10, list_routine, &s->seen, TRUE,
                                           buffer, ROOM);
    default:
        return ops->BuildMdlFromScatterGatherList(s->seen.adapter, s->seen.list, mdl, &made);
    }
}

/* Every taking fails in turn: a status, nothing kept, and the next call works. An asynchronous
 * request whose registers fail to come waits for them instead; its grant comes with the next call. */
MS_TEST(each_fault_point_of_the_list_family_leaves_everything_whole)
{
    const enum kind kinds[] = {SG32, PACKET32};

    for (size_t k = 0; k < 2; k++)
        for (int way = 0; way < 6; way++) {
            struct scene s;
            uint32_t countdown = 0;
            scene_open(&s, kinds[k], far_mdls, 2);
            s.seen.put_inside = true;
            for (bool fired = true; fired; countdown++) {
                int calls = s.seen.calls;
                ms_fault_arm(countdown);
                NTSTATUS status = fault_call(&s, way);
                fired = ms_fault_fired();
                ms_fault_arm(UINT32_MAX);
                if (NT_SUCCESS(status)) {
                    assert_int_equal(s.seen.calls, calls + 1);
                } else {
                    assert_true(fired);
                    assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
                    assert_int_equal(s.seen.calls, calls);
                }
                nothing_is_out(&s.f);
                assert_true(countdown < 40);
            }
            assert_true(countdown > 1);
            scene_close(&s);
        }
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    assert_status(fault_call(&s, 1), STATUS_SUCCESS);
    ms_fault_arm(0);
    assert_status(fault_call(&s, 6), STATUS_INSUFFICIENT_RESOURCES);
    ms_fault_arm(UINT32_MAX);
    assert_status(fault_call(&s, 6), STATUS_SUCCESS);
    put(&s.seen);
    scene_close(&s);
}
