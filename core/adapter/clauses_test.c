/* SPDX-License-Identifier: MIT */
/*
 * Clauses that need no scene of their own: what descriptions mean, what is counted, what is ignored.
 */
#include "adapter/test_chain.h"

static PDMA_ADAPTER open_as(struct fixture *f, DEVICE_DESCRIPTION description, ULONG *registers)
{
    ULONG none;

    return ms_adapter_open(f->dma, &f->pdo, &description, registers ? registers : &none);
}

/* Registers one page needs: 1 when it lies out of the adapter's reach. Through the newest table, so
 * that old adapters can be asked too. */
static uint32_t registers_for(const DMA_OPERATIONS *ops, PDMA_ADAPTER adapter, struct fixture *f,
                              PFN_NUMBER pfn)
{
    struct chain_mdl one = {0, 4096, {pfn}};
    DMA_TRANSFER_INFO info = {.Version = 1};
    struct chain chain;

    chain_make(&chain, f, &one, 1);
    assert_status(ops->GetDmaTransferInfo(adapter, chain.mdl[0], 0, 4096, TRUE, &info),
                  STATUS_SUCCESS);
    chain_end(&chain);
    return info.V1.MapRegisterCount;
}

/* DDX-17, DDX-25, DDX-26, DDX-33, GTI-06: memory beyond 2^width needs registers, the rest none. */
MS_TEST(memory_beyond_the_address_width_needs_registers_and_the_rest_does_not)
{
    const struct {
        uint32_t width;
        PFN_NUMBER pfn;
        uint32_t registers;
    } rows[] = {
        {24, 0xFFF, 0},    {24, 0x1000, 1},   {32, 0x1000, 0},   {32, 0x90000, 0},
        {32, 0x100000, 1}, {33, 0x1FFFFF, 0}, {33, 0x200000, 1}, {64, 0x100000, 0},
        {36, 0xFFFFFF, 0}, {35, 0x800000, 1},
    };
    struct fixture f;
    fixture_open(&f);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        DEVICE_DESCRIPTION description = description_of(SG64);
        description.DmaAddressWidth = rows[i].width;
        PDMA_ADAPTER a = open_as(&f, description, NULL);
        assert_int_equal(registers_for(a->DmaOperations, a, &f, rows[i].pfn), rows[i].registers);
        a->DmaOperations->PutDmaAdapter(a);
    }
    fixture_close(&f);
}

/* DDX-02, DDX-03, DDX-06, DDX-09, DDX-12, DDX-21, DDX-22, DDX-34, DDX-08, IGA-13 */
MS_TEST(old_descriptions_say_their_width_in_booleans)
{
    const struct {
        BOOLEAN dma32, dma64;
        INTERFACE_TYPE bus;
        uint32_t width;
    } rows[] = {
        {0, 0, Isa, 24}, {0, 0, PCIBus, 32}, {1, 0, Isa, 32},    {0, 1, Isa, 64},
        {1, 1, Isa, 64}, {9, 0, Isa, 32},    {0, 9, PCIBus, 64},
    };
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER third = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = third->DmaOperations;

    for (ULONG version = 0; version <= 2; version++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            DEVICE_DESCRIPTION description = {
                .Version = version,
                .Master = 7,
                .ScatterGather = 3,
                .Dma32BitAddresses = rows[i].dma32,
                .Dma64BitAddresses = rows[i].dma64,
                .Reserved1 = 1,
                .InterfaceType = rows[i].bus,
                .MaximumLength = 0x10000,
                .DmaAddressWidth = 7, /* not read */
            };
            PDMA_ADAPTER a = open_as(&f, description, NULL);
            assert_non_null(a);
            assert_int_equal(registers_for(ops, a, &f, 0xF00), 0);
            assert_int_equal(registers_for(ops, a, &f, 0x90000), rows[i].width < 32);
            assert_int_equal(registers_for(ops, a, &f, 0x180000), rows[i].width < 64);
            a->DmaOperations->PutDmaAdapter(a);
        }
    ops->PutDmaAdapter(third);
    fixture_close(&f);
}

/* DDX-23, DDX-24, IGA-03, IGA-11, IGA-17 */
MS_TEST(a_width_below_24_or_above_64_and_a_missing_argument_get_no_adapter)
{
    struct fixture f;
    fixture_open(&f);
    DEVICE_DESCRIPTION description = description_of(SG64);
    const uint32_t widths[] = {0, 1, 23, 65, 0xFFFFFFFF};
    ULONG registers = 77;

    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        description.DmaAddressWidth = widths[i];
        assert_null(ms_adapter_open(f.dma, &f.pdo, &description, &registers));
    }
    description.DmaAddressWidth = 24;
    assert_null(ms_adapter_open(f.dma, NULL, &description, &registers));
    assert_null(ms_adapter_open(f.dma, &f.pdo, NULL, &registers));
    assert_null(ms_adapter_open(f.dma, &f.pdo, &description, NULL));
    ms_fault_arm(0);
    assert_null(ms_adapter_open(f.dma, &f.pdo, &description, &registers));
    ms_fault_arm(UINT32_MAX);
    assert_int_equal(registers, 77);
    fixture_close(&f);
}

/* IGA-04..IGA-06, IGA-07, IGA-08, IGA-20, DDX-15, EXM-13 */
MS_TEST(one_operation_may_have_a_register_per_page_and_one_more)
{
    const struct {
        ULONG length, registers;
    } rows[] = {{0x10000, 0x11}, {1, 2}, {0, 2}, {0xFFFFFFFF, 0xFFFFF}, {0x1001, 3}};
    struct fixture f;
    fixture_open(&f);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        DEVICE_DESCRIPTION description = description_of(SG64);
        ULONG registers;
        description.MaximumLength = rows[i].length;
        PDMA_ADAPTER a = open_as(&f, description, &registers);
        assert_int_equal(registers, rows[i].registers);
        assert_true((uint64_t)registers * 4096 <= 0xFFFFFFFF);
        a->DmaOperations->PutDmaAdapter(a);
        description.DmaAddressWidth = 32; /* where they are needed, the platform's cap holds */
        a = open_as(&f, description, &registers);
        assert_int_equal(registers, rows[i].registers < 64 ? rows[i].registers : 64);
        a->DmaOperations->PutDmaAdapter(a);
    }
    fixture_close(&f);
}

/* IGA-14, IGA-15, IGA-19, QUE-01 */
MS_TEST(one_device_may_hold_several_adapters_each_with_an_owner_of_its_own)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a[4];
    PVOID base[4], more;

    for (int i = 0; i < 4; i++) {
        a[i] = adapter_get(&f, SG32, NULL);
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(a[i], a[j]);
        assert_status(grant_sync(&f, a[i], 1, &base[i]), STATUS_SUCCESS);
        assert_status(grant_sync(&f, a[i], 1, &more), STATUS_INSUFFICIENT_RESOURCES);
    }
    for (int i = 0; i < 4; i++) {
        a[i]->DmaOperations->FreeAdapterChannel(a[i]);
        a[i]->DmaOperations->PutDmaAdapter(a[i]);
    }
    fixture_close(&f);
}

/* PUT-02, PUT-05: what is still out stays alive, and nobody gets its place. */
MS_TEST(an_adapter_put_with_a_grant_out_keeps_its_registers_to_itself)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER lost = adapter_get(&f, SG32, NULL), next;
    PVOID base;

    assert_status(grant_sync(&f, lost, 3, &base), STATUS_SUCCESS);
    lost->DmaOperations->PutDmaAdapter(lost);
    next = adapter_get(&f, SG32, NULL);
    assert_ptr_not_equal(next, lost);
    assert_int_equal(ms_dma_grants_used(f.dma), 1);
    assert_status(grant_sync(&f, next, 1, &base), STATUS_SUCCESS);
    next->DmaOperations->FreeAdapterChannel(next);
    next->DmaOperations->PutDmaAdapter(next);
    fixture_close(&f);
}

/* PUT-07, AMB-22, FRE-01, FRE-07, FRE-16, ACX-10, ACX-20, ACX-23, ACX-02 */
MS_TEST(freeing_the_object_leaves_the_adapter_usable_and_the_mdl_may_go_before)
{
    static const struct chain_mdl page = {0, 0x1000, {0x180000}};
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    struct own_list list;
    struct chain chain;
    PVOID base;

    for (int turn = 0; turn < 4; turn++) {
        ULONG length = 0x1000;
        chain_make(&chain, &f, &page, 1);
        assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
        assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, FALSE,
                                         list_of(&list), sizeof list, NULL, NULL),
                      STATUS_SUCCESS);
        assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0, length, FALSE),
                      STATUS_SUCCESS);
        chain_end(&chain);
        if (turn & 1)
            ops->FreeAdapterObject(a, DeallocateObject);
        else
            ops->FreeAdapterChannel(a);
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

struct entered {
    PVOID *seen_in; /* where the call was told to write the base */
    PVOID seen, base;
    IO_ALLOCATION_ACTION answer;
};

static IO_ALLOCATION_ACTION look(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct entered *entered = context;

    (void)device, (void)irp;
    entered->seen = *entered->seen_in;
    entered->base = base;
    return entered->answer;
}

/* ACX-13, ACX-11, EXR-04, EXR-07, EXR-15, EXR-14, ACX-14 */
MS_TEST(a_synchronous_routine_finds_the_base_written_and_its_answer_decides)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    const struct {
        int answer;
        bool owned, registers;
    } rows[] = {
        {KeepObject, true, true},
        {DeallocateObject, false, false},
        {DeallocateObjectKeepRegisters, false, true},
        {99, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PVOID base = NULL, other;
        struct entered entered = {.seen_in = &base, .answer = (IO_ALLOCATION_ACTION)rows[i].answer};
        struct context context;
        context_make(a, &context);
        assert_status(
            ops->AllocateAdapterChannelEx(a, &f.pdo, &context, 2, 1, look, &entered, &base),
            STATUS_SUCCESS);
        assert_non_null(base);
        assert_ptr_equal(entered.seen, base);
        assert_ptr_equal(entered.base, base);
        assert_int_equal(ms_dma_grants_used(f.dma), rows[i].owned || rows[i].registers);
        assert_status(grant_sync(&f, a, 0, &other),
                      rows[i].owned ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
        ops->FreeAdapterChannel(a);
        if (rows[i].registers)
            ops->FreeMapRegisters(a, base, 2);
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* GEN-11, GEN-13, MTX-09, MTX-17, MTX-41, MTX-54, MTX-56, MTX-42,
 * MTX-44, MTX-10, EXM-03 */
MS_TEST(a_bus_master_ignores_what_is_for_system_dma_and_any_true_is_true)
{
    static const struct chain_mdl page = {0, 0x1000, {0x180000}};
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    struct own_list list;
    struct chain chain;
    ULONG length = 0x1000;
    PVOID base;

    assert_int_equal(STATUS_INVALID_PARAMETERS, STATUS_INVALID_PARAMETER);
    chain_make(&chain, &f, &page, 1);
    chain_fill(&chain, 0x1000, 3);
    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, 9, NULL, 0, NULL, NULL),
                  STATUS_INVALID_PARAMETER);
    assert_status(
        ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, 9, list_of(&list), 39, NULL, NULL),
        STATUS_INVALID_PARAMETER);
    assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0x1234, &length, 9, list_of(&list),
                                     sizeof list, (PDMA_COMPLETION_ROUTINE)0x1, &f),
                  STATUS_SUCCESS);
    chain_check_device_reads(&chain, list_of(&list), 32, 0, length, 3);
    assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0, length, FALSE),
                  STATUS_INVALID_PARAMETER); /* FLX-11: the other direction */
    assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0, length, 1), STATUS_SUCCESS);
    ops->FreeAdapterChannel(a);
    chain_end(&chain);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* CAC-02, CAC-06, CAC-10, CAC-11, CAC-13, TCX-07, ACX-18, SGX-17 */
MS_TEST(a_cancel_between_two_lists_makes_the_next_one_fail_and_leaves_the_mapped_one)
{
    static const struct chain_mdl page = {0, 0x1000, {0x180000}};
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PSCATTER_GATHER_LIST list, none = NULL;
    struct context context;
    struct chain chain;
    PVOID base = NULL;

    chain_make(&chain, &f, &page, 1);
    chain_fill(&chain, 0x1000, 3);
    context_make(a, &context);
    assert_status(ops->GetScatterGatherListEx(a, &f.pdo, &context, chain.mdl[0], 0, 0x1000, 1, NULL,
                                              NULL, TRUE, NULL, NULL, &list),
                  STATUS_SUCCESS);
    assert_false(ops->CancelAdapterChannel(a, NULL, &context)); /* it owns the adapter: CAC-09 */
    ops->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
    assert_true(ops->CancelAdapterChannel(a, NULL, &context)); /* idle: the mark */
    chain_check_device_reads(&chain, list, 32, 0, 0x1000, 3);  /* CAC-13 */
    assert_status(ops->GetScatterGatherListEx(a, &f.pdo, &context, chain.mdl[0], 0, 0x1000, 1, NULL,
                                              NULL, TRUE, NULL, NULL, &none),
                  STATUS_CANCELLED);
    assert_status(ops->AllocateAdapterChannelEx(a, &f.pdo, &context, 0, 1, NULL, NULL, &base),
                  STATUS_CANCELLED);
    assert_null(none);
    assert_null(base);
    ops->PutScatterGatherList(a, list, FALSE); /* PSG-05: the mapping's own direction counts */
    chain_check(&chain, 0x1000, 0, 0, 0, 3);
    context_make(a, &context);
    assert_status(ops->AllocateAdapterChannelEx(a, &f.pdo, &context, 0, 1, NULL, NULL, &base),
                  STATUS_SUCCESS);
    ops->FreeAdapterChannel(a);
    chain_end(&chain);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* GTI-02, GTI-11..GTI-14, GTI-08, GTI-05 */
MS_TEST(a_transfer_is_measured_also_when_it_needs_more_than_one_operation_may_have)
{
    static const struct chain_mdl of[] = {
        {0x800, 0x1000, {0x180000, 0x180005}},
        {0, 0x800, {0x1000}},
    };
    struct fixture f;
    fixture_open(&f);
    DEVICE_DESCRIPTION small = description_of(SG32);
    ULONG registers;
    small.MaximumLength = 1;
    PDMA_ADAPTER a = open_as(&f, small, &registers);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    DMA_TRANSFER_INFO info = {.Version = 2};
    struct chain chain;

    chain_make(&chain, &f, of, 2);
    assert_int_equal(registers, 2);
    assert_status(ops->GetDmaTransferInfo(a, chain.mdl[0], 0, 0x1800, FALSE, &info),
                  STATUS_SUCCESS);
    assert_int_equal(info.V2.MapRegisterCount, 2);
    assert_int_equal(info.V2.LogicalPageCount, 3); /* GTI-12 */
    assert_true(info.V2.ScatterGatherElementCount >= 3);
    const struct {
        ULONGLONG offset;
        ULONG length;
        NTSTATUS want;
    } rows[] = {
        {0x17FF, 1, STATUS_SUCCESS},
        {0x1800, 1, STATUS_INVALID_PARAMETER},
        {0x17FF, 2, STATUS_INVALID_PARAMETER},
        {0, 0, STATUS_INVALID_PARAMETER},
        {UINT64_MAX, 1, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_status(
            ops->GetDmaTransferInfo(a, chain.mdl[0], rows[i].offset, rows[i].length, TRUE, &info),
            rows[i].want);
    chain.mdl[1]->MdlFlags = 0; /* GTI-14 */
    assert_status(ops->GetDmaTransferInfo(a, chain.mdl[0], 0, 0x1000, TRUE, &info), STATUS_SUCCESS);
    assert_status(ops->GetDmaTransferInfo(a, chain.mdl[0], 0, 0x1001, TRUE, &info),
                  STATUS_INVALID_PARAMETER);
    chain.mdl[1]->MdlFlags = MDL_PAGES_LOCKED;
    chain_end(&chain);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* MRG-04, MRG-05, MRG-06, MRG-03, MRG-11: packet adapters need runs, and have a pool of their own. */
MS_TEST(a_packet_adapter_waits_for_a_run_though_enough_single_registers_are_free)
{
    struct ms_dma_config config = fixture_config();
    struct fixture f;
    PVOID base[4], run;
    config.registers[MS_REACH_32] = 4;
    config.strategy = ms_strategy_find("cas-bitmap");
    fixture_open_with(&f, &config);
    DEVICE_DESCRIPTION description = description_of(PACKET32);
    description.MaximumLength = 4096;
    PDMA_ADAPTER a[4], whole = adapter_get(&f, PACKET32, NULL),
                       single = adapter_get(&f, SG32, NULL);

    for (int i = 0; i < 4; i++) {
        a[i] = open_as(&f, description, NULL);
        assert_status(grant_sync(&f, a[i], 1, &base[i]), STATUS_SUCCESS);
    }
    a[0]->DmaOperations->FreeAdapterChannel(a[0]);
    a[2]->DmaOperations->FreeAdapterChannel(a[2]);
    assert_status(grant_sync(&f, whole, 2, &run), STATUS_INSUFFICIENT_RESOURCES);
    assert_status(grant_sync(&f, single, 4, &run), STATUS_SUCCESS); /* the other pool is whole */
    single->DmaOperations->FreeAdapterChannel(single);
    a[1]->DmaOperations->FreeAdapterChannel(a[1]);
    assert_status(grant_sync(&f, whole, 3, &run), STATUS_SUCCESS);
    whole->DmaOperations->FreeAdapterChannel(whole);
    a[3]->DmaOperations->FreeAdapterChannel(a[3]);
    for (int i = 0; i < 4; i++)
        a[i]->DmaOperations->PutDmaAdapter(a[i]);
    whole->DmaOperations->PutDmaAdapter(whole);
    single->DmaOperations->PutDmaAdapter(single);
    fixture_close(&f);
}

/* GEN-02, GAI-01, GAI-06: nothing behind the 24 bytes of the answer is touched. */
MS_TEST(an_adapter_tells_about_itself_and_writes_no_further_than_it_must)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    union {
        DMA_ADAPTER_INFO info;
        uint8_t bytes[0x58];
    } room;

    assert_int_equal(sizeof(DMA_ADAPTER), 0x10);
    for (ULONG version = 0; version <= 2; version++) {
        memset(&room, 0xA5, sizeof room);
        room.info.Version = version;
        assert_status(a->DmaOperations->GetDmaAdapterInfo(a, &room.info),
                      version < 2 ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED);
        for (size_t i = version < 2 ? 24 : 4; i < sizeof room; i++)
            assert_int_equal(room.bytes[i], 0xA5);
    }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* What a routine does inside, in order of entering. */
struct inner {
    PDMA_ADAPTER adapter;
    struct fixture *f;
    struct inner *next; /* asked for from inside this one's routine */
    struct context context;
    bool frees; /* it frees the channel inside */
    IO_ALLOCATION_ACTION answer;
    int *running, *most, *entered;
    PVOID base;
};

static IO_ALLOCATION_ACTION nest(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct inner *inner = context;
    const DMA_OPERATIONS *ops = inner->adapter->DmaOperations;
    struct context sync;
    PVOID unused;

    (void)irp;
    ++*inner->entered;
    if (++*inner->running > *inner->most)
        *inner->most = *inner->running;
    inner->base = base;
    if (inner->next) {
        int before = *inner->entered;
        context_make(inner->adapter, &inner->next->context);
        assert_status(ops->AllocateAdapterChannelEx(inner->adapter, device, &inner->next->context,
                                                    1, 0, nest, inner->next, NULL),
                      STATUS_SUCCESS);
        context_make(inner->adapter, &sync);
        assert_status(
            ops->AllocateAdapterChannelEx(inner->adapter, device, &sync, 1, 1, NULL, NULL, &unused),
            STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(*inner->entered, before);
    }
    if (inner->frees)
        ops->FreeAdapterChannel(inner->adapter);
    --*inner->running;
    return inner->answer;
}

/* ACX-22, EXR-11, EXR-12, QUE-08, QUE-11: a late answer never releases the next owner. */
MS_TEST(a_routine_that_freed_the_channel_inside_can_not_release_the_next_owner)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    int running = 0, most = 0, entered = 0;
    PVOID other;

    for (int answer = KeepObject; answer <= DeallocateObjectKeepRegisters; answer++) {
        struct inner first = {.adapter = a,
                              .f = &f,
                              .frees = true,
                              .answer = (IO_ALLOCATION_ACTION)answer,
                              .running = &running,
                              .most = &most,
                              .entered = &entered};
        struct inner second = first;
        second.frees = false;
        second.answer = KeepObject;
        first.next = &second;
        context_make(a, &first.context);
        entered = 0;
        assert_status(
            ops->AllocateAdapterChannelEx(a, &f.pdo, &first.context, 1, 0, nest, &first, NULL),
            STATUS_SUCCESS);
        assert_int_equal(entered, 2);
        assert_int_equal(most, 1); /* QUE-08, QUE-11: they never overlap */
        assert_int_equal(ms_dma_grants_used(f.dma), 1);
        assert_status(grant_sync(&f, a, 0, &other), STATUS_INSUFFICIENT_RESOURCES);
        ops->FreeAdapterChannel(a); /* the second's */
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* MTX-25, MTX-28, MTX-33, MTX-26, MTX-27, FLX-03, MTX-31: blocks in chain order, as many as there is
 * room and registers for, and one flush for all of them. */
MS_TEST(a_mapping_takes_the_longest_prefix_and_one_flush_ends_it_across_mdls)
{
    static const struct chain_mdl of[] = {
        {0x800, 0x1000, {0x1000, 0x180001}},
        {0, 0, {0}},
        {0x100, 0x1F00, {0x180005, 0x1005}},
    };
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    /* What ends the list: slots or registers; lengths of the parts in order. */
    static const ULONG parts[] = {0x800, 0x800, 0xF00, 0x1000};
    struct chain chain;
    PVOID base;

    chain_make(&chain, &f, of, 3);
    for (ULONG registers = 0; registers <= 2; registers++)
        for (ULONG slots = 1; slots <= 4; slots++) {
            struct own_list list;
            ULONG want = 0, used = 0, length = chain.bytes, elements = 0;
            for (; elements < slots; elements++) {
                used += elements == 1 || elements == 2;
                if (used > registers)
                    break;
                want += parts[elements];
            }
            assert_status(grant_sync(&f, a, registers, &base), STATUS_SUCCESS);
            chain_fill(&chain, chain.bytes, 1);
            assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, FALSE,
                                             list_of(&list), 16 + 24 * slots, NULL, NULL),
                          STATUS_SUCCESS);
            assert_int_equal(length, want);
            assert_int_equal(list.elements, elements);
            for (ULONG i = 0; i < elements; i++)
                assert_int_equal(list.of[i].Length, parts[i]);
            chain_device_writes(&chain, list_of(&list), 32, 0, length, 6);
            assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0, length, FALSE),
                          STATUS_SUCCESS);
            chain_check(&chain, chain.bytes, 0, length, 6, 1);
            ops->FreeAdapterChannel(a);
        }
    chain_end(&chain);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* AMB-03, VER-08: a machine may offer the newest table of an older Windows. */
MS_TEST(a_machine_may_offer_a_shorter_table)
{
    const ULONG sizes[] = {0xE8, 0x110, 0x118, 0x138, 0x140};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ms_dma_config config = fixture_config();
        struct fixture f;
        const void *member;
        config.table_bytes = sizes[i];
        fixture_open_with(&f, &config);
        PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
        assert_int_equal(a->DmaOperations->Size, sizes[i]);
        for (size_t at = 8; at < sizeof(DMA_OPERATIONS); at += sizeof member) {
            memcpy(&member, (const char *)a->DmaOperations + at, sizeof member);
            assert_true((member != NULL) == (at < sizes[i]));
        }
        a->DmaOperations->PutDmaAdapter(a);
        fixture_close(&f);
    }
}
