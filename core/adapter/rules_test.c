/* SPDX-License-Identifier: MIT */
/*
 * What the contract asks of drivers, done as it asks; and what it says has no effect, tried.
 */
#include "adapter/test_chain.h"

#define FAR UINT64_C(0x180000)

static const struct chain_mdl four_far[] = {{0x300, 0x3A00, {FAR, FAR + 2, FAR + 4, FAR + 6}}};

/* --- inside a routine --- */

struct inside {
    struct fixture f;
    struct chain chain;
    PDMA_ADAPTER adapter;
    const DMA_OPERATIONS *ops;
    struct context own, second, third;
    int entered, listed;
    PSCATTER_GATHER_LIST list;
};

static VOID list_comes(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct inside *s = context;

    (void)device, (void)irp;
    s->listed++;
    s->ops->PutScatterGatherList(s->adapter, list, TRUE);
}

static IO_ALLOCATION_ACTION second_comes(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct inside *s = context;

    (void)device, (void)irp, (void)base;
    s->entered++;
    return DeallocateObject;
}

/* Every routine that DISPATCH_LEVEL allows, on the adapter whose routine runs. */
static IO_ALLOCATION_ACTION calls_everything(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                             PVOID context)
{
    struct inside *s = context;
    const DMA_OPERATIONS *ops = s->ops;
    PDMA_ADAPTER a = s->adapter;
    PMDL mdl = s->chain.mdl[0];
    PVOID va = MmGetMdlVirtualAddress(mdl), nothing;
    ULONG length = s->chain.bytes, size, count;
    DMA_ADAPTER_INFO info = {.Version = 1};
    DMA_TRANSFER_INFO transfer = {.Version = 2};
    struct own_list own;

    (void)irp;
    s->entered++;
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_int_equal(ops->GetDmaAlignment(a), 1);
    assert_int_equal(ops->ReadDmaCounter(a), 0);
    assert_status(ops->GetDmaAdapterInfo(a, &info), STATUS_SUCCESS);
    assert_status(ops->GetDmaTransferInfo(a, mdl, 0, length, TRUE, &transfer), STATUS_SUCCESS);
    assert_status(ops->CalculateScatterGatherList(a, mdl, va, length, &size, &count),
                  STATUS_SUCCESS);
    assert_false(ops->CancelAdapterChannel(a, device, &s->own)); /* CAC-14 */
    context_make(a, &s->second);
    context_make(a, &s->third);
    assert_status(ops->AllocateAdapterChannelEx(a, device, &s->second, 1, 0, second_comes, s, NULL),
                  STATUS_SUCCESS);
    assert_status(ops->AllocateAdapterChannelEx(a, device, &s->third, 1, DMA_SYNCHRONOUS_CALLBACK,
                                                NULL, NULL, &nothing),
                  STATUS_INSUFFICIENT_RESOURCES); /* ACX-22 */
    assert_status(ops->GetScatterGatherList(a, device, mdl, va, 0x100, list_comes, s, TRUE),
                  STATUS_SUCCESS);
    assert_int_equal(s->listed, 0); /* QUE-11: not while this routine owns the adapter */
    assert_status(
        ops->MapTransferEx(a, mdl, base, 0, 0, &length, TRUE, list_of(&own), sizeof own, NULL, s),
        STATUS_SUCCESS); /* EXR-10 */
    assert_status(ops->FlushAdapterBuffersEx(a, mdl, base, 0, length, TRUE), STATUS_SUCCESS);
    assert_status(ops->FlushDmaBuffer(a, mdl, TRUE), STATUS_SUCCESS);
    ops->FreeAdapterObject(a, KeepObject);
    ops->FreeMapRegisters(a, base, 4);
    ops->FreeAdapterChannel(a);
    assert_false(ops->CancelAdapterChannel(a, device, &s->own)); /* still inside: CAC-14 */
    return KeepObject;
}

/* GEN-10, QUE-11, ACX-22, CAC-14, FRE-14 */
MS_TEST(a_routine_may_call_everything_on_the_adapter_that_entered_it)
{
    struct inside s = {.entered = 0};
    fixture_open(&s.f);
    s.adapter = adapter_get(&s.f, SG32, NULL);
    s.ops = s.adapter->DmaOperations;
    chain_make(&s.chain, &s.f, four_far, 1);
    context_make(s.adapter, &s.own);

    assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &s.own, 4, 0,
                                                  calls_everything, &s, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(s.entered, 2);
    assert_int_equal(s.listed, 1);
    assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
    s.ops->PutDmaAdapter(s.adapter);
    chain_end(&s.chain);
    fixture_close(&s.f);
}

/* --- what drivers do --- */

/* IGA-18, MRG-01, MRG-12, MTX-31, MTX-50, FLX-02, FLX-04, FRE-02, FRE-04: fewer registers than the
 * transfer needs, so it goes in parts: each is flushed before the next, the registers last. */
MS_TEST(a_transfer_longer_than_its_registers_goes_in_parts)
{
    for (int keeps = 0; keeps < 2; keeps++) {
        struct fixture f;
        fixture_open(&f);
        DEVICE_DESCRIPTION description = description_of(PACKET32);
        ULONG registers, parts = 0;
        struct own_list list;
        struct chain chain;
        PVOID base;
        description.MaximumLength = 0x1000;
        PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &description, &registers);
        const DMA_OPERATIONS *ops = a->DmaOperations;
        chain_make(&chain, &f, four_far, 1);
        chain_fill(&chain, chain.bytes, 5);
        assert_int_equal(registers, 2);
        assert_status(grant_sync(&f, a, registers, &base), STATUS_SUCCESS);
        for (ULONG done = 0; done < chain.bytes; parts++) {
            ULONG length = chain.bytes - done;
            assert_status(ops->MapTransferEx(a, chain.mdl[0], base, done, 0, &length, TRUE,
                                             list_of(&list), sizeof list, NULL, NULL),
                          STATUS_SUCCESS);
            assert_in_range(length, 1, registers * 4096);
            chain_check_device_reads(&chain, list_of(&list), 32, done, length, 5);
            ULONG again = 1;
            assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &again, TRUE,
                                             list_of(&list), sizeof list, NULL, NULL),
                          STATUS_INVALID_PARAMETER); /* MTX-50: not without the flush */
            assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, done, length, TRUE),
                          STATUS_SUCCESS);
            done += length;
        }
        assert_int_equal(parts, 2); /* 0x1D00 up to a page, then the rest */
        if (keeps) {
            ops->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
            ops->FreeMapRegisters(a, base, registers);
        } else {
            ops->FreeAdapterChannel(a);
        }
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
        ops->PutDmaAdapter(a);
        chain_end(&chain);
        fixture_close(&f);
    }
}

/* MRG-01: a register that stands for one byte. MRG-02: its base is a name, no address, and dies with
 * the grant. */
MS_TEST(a_register_may_stand_for_one_byte_and_its_base_is_only_a_name)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    struct own_list list;
    struct chain chain;
    PVOID base, next;
    ULONG length = 1;

    chain_make(&chain, &f, four_far, 1);
    chain_fill(&chain, chain.bytes, 9);
    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    assert_true((uint64_t)(uintptr_t)base >> 48 != 0); /* no user or kernel address looks so */
    assert_true((uint64_t)(uintptr_t)base >> 48 != 0xFFFF);
    assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0x234, 0, &length, TRUE, list_of(&list),
                                     sizeof list, NULL, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(list.elements, 1);
    assert_int_equal(list.of[0].Length, 1);
    assert_int_equal(list.of[0].Address.QuadPart % 4096, 0x534); /* MRG-18 */
    chain_check_device_reads(&chain, list_of(&list), 32, 0x234, 1, 9);
    assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0x234, 1, TRUE),
                  STATUS_SUCCESS);
    ops->FreeAdapterChannel(a);
    assert_status(grant_sync(&f, a, 1, &next), STATUS_SUCCESS);
    assert_ptr_not_equal(base, next);
    assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0, 0, &length, TRUE, list_of(&list),
                                     sizeof list, NULL, NULL),
                  STATUS_INVALID_PARAMETER);
    ops->FreeAdapterChannel(a);
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

static IO_ALLOCATION_ACTION keeps(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp, (void)base;
    ++*(int *)context;
    return KeepObject;
}

/* TCX-15: raw, idle, queued, granted, idle; two marks beside. TCX-18: any adapter made it idle. */
MS_TEST(a_context_passes_through_its_states_on_whichever_adapter)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER first = adapter_get(&f, SG32, NULL), second = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = first->DmaOperations;
    struct context context;
    PVOID base;
    int entered = 0;

    memset(&context, 0xEE, sizeof context);
    assert_status(
        ops->AllocateAdapterChannelEx(second, &f.pdo, &context, 1, 0, keeps, &entered, NULL),
        STATUS_INVALID_PARAMETER); /* raw */
    assert_status(ops->InitializeDmaTransferContext(first, &context), STATUS_SUCCESS);
    assert_status(grant_sync(&f, second, 1, &base), STATUS_SUCCESS);
    assert_status(
        ops->AllocateAdapterChannelEx(second, &f.pdo, &context, 1, 0, keeps, &entered, NULL),
        STATUS_SUCCESS); /* queued at another adapter than initialised it */
    assert_status(ops->InitializeDmaTransferContext(first, &context), STATUS_INVALID_PARAMETER);
    assert_status(
        ops->AllocateAdapterChannelEx(first, &f.pdo, &context, 1, 0, keeps, &entered, NULL),
        STATUS_INVALID_PARAMETER);
    assert_int_equal(entered, 0);
    ops->FreeAdapterChannel(second);
    assert_int_equal(entered, 1);                                      /* granted */
    assert_false(ops->CancelAdapterChannel(second, &f.pdo, &context)); /* the owner's */
    ops->FreeAdapterChannel(second);
    assert_true(ops->CancelAdapterChannel(second, &f.pdo, &context)); /* idle: marked */
    assert_status(
        ops->AllocateAdapterChannelEx(first, &f.pdo, &context, 1, 0, keeps, &entered, NULL),
        STATUS_CANCELLED);
    assert_status(ops->InitializeDmaTransferContext(second, &context), STATUS_SUCCESS);
    assert_status(
        ops->AllocateAdapterChannelEx(first, &f.pdo, &context, 1, 0, keeps, &entered, NULL),
        STATUS_SUCCESS);
    assert_int_equal(entered, 2);
    /* Initialised again while its channel is owned, it is still the owner's (TCX-09, CAC-09). */
    assert_status(ops->InitializeDmaTransferContext(first, &context), STATUS_SUCCESS);
    assert_false(ops->CancelAdapterChannel(first, &f.pdo, &context));
    ops->FreeAdapterChannel(first);
    assert_true(ops->CancelAdapterChannel(first, &f.pdo, &context));
    ops->PutDmaAdapter(first);
    ops->PutDmaAdapter(second);
    fixture_close(&f);
}

/* --- what has no effect --- */

/* An adapter's answers that a field could change. */
struct answers {
    ULONG registers, alignment, mapped;
    DMA_ADAPTER_INFO info;
    DMA_TRANSFER_INFO transfer;
    struct own_list list;
};

static void answers_of(struct fixture *f, const struct chain *chain,
                       const DEVICE_DESCRIPTION *description, const DMA_OPERATIONS *newest,
                       struct answers *answers)
{
    DEVICE_DESCRIPTION copy = *description;
    PVOID base;

    memset(answers, 0, sizeof *answers);
    PDMA_ADAPTER a = ms_adapter_open(f->dma, &f->pdo, &copy, &answers->registers);
    assert_non_null(a);
    answers->alignment = newest->GetDmaAlignment(a);
    answers->info.Version = 1;
    assert_status(newest->GetDmaAdapterInfo(a, &answers->info), STATUS_SUCCESS);
    answers->transfer.Version = 2;
    assert_status(
        newest->GetDmaTransferInfo(a, chain->mdl[0], 0x10, 0x2000, TRUE, &answers->transfer),
        STATUS_SUCCESS);
    struct context context;
    assert_status(newest->InitializeDmaTransferContext(a, &context), STATUS_SUCCESS);
    assert_status(newest->AllocateAdapterChannelEx(a, &f->pdo, &context, 3, 1, NULL, NULL, &base),
                  STATUS_SUCCESS);
    answers->mapped = 0x2000;
    assert_status(newest->MapTransferEx(a, chain->mdl[0], base, 0x10, 0, &answers->mapped, TRUE,
                                        list_of(&answers->list), sizeof answers->list, NULL, NULL),
                  STATUS_SUCCESS);
    answers->registers += newest->ReadDmaCounter(a); /* RDC-05 */
    assert_status(
        newest->FlushAdapterBuffersEx(a, chain->mdl[0], base, 0x10, answers->mapped, TRUE),
        STATUS_SUCCESS);
    newest->FreeAdapterChannel(a);
    newest->PutDmaAdapter(a);
}

/* DDX-07, DDX-10, DDX-14, DDX-16, DDX-18, DDX-35, RDC-05, AMB-58: set to anything, they change nothing that a
 * driver can see, on bus masters and on subordinate devices of every version. */
MS_TEST(fields_that_mean_nothing_change_nothing)
{
    const struct ms_controller_config controllers[] = {ms_controller_legacy(), ms_controller_soc()};
    static const struct chain_mdl near[] = {{0x300, 0x3000, {0x800, 0x801, 0x803, 0x804}}};
    struct ms_dma_config config = fixture_config();
    struct fixture f;
    struct chain chain;
    config.controllers = controllers;
    config.controller_count = 2;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER third = adapter_get(&f, SG64, NULL);
    chain_make(&chain, &f, near, 1);

    for (ULONG version = 0; version <= 3; version++)
        for (int master = 0; master < 2; master++) {
            struct answers plain, odd;
            DEVICE_DESCRIPTION d = {
                .Version = version,
                .Master = (BOOLEAN)master,
                .ScatterGather = TRUE,
                .Dma32BitAddresses = TRUE,
                .InterfaceType = version == 3 ? Internal : Isa,
                .MaximumLength = 0x4000,
                .DmaAddressWidth = 32,
                .DmaChannel = 2,
                .DmaRequestLine = 0x1003,
            };
            answers_of(&f, &chain, &d, third->DmaOperations, &plain);
            d.IgnoreCount = 1;
            d.Reserved1 = 0xFF;
            d.BusNumber = 0xDEAD;
            d.DmaSpeed = TypeF;
            d.DmaPort = 0xBEEF;
            d.DmaControllerInstance = 0xF00D;
            answers_of(&f, &chain, &d, third->DmaOperations, &odd);
            assert_memory_equal(&plain, &odd, sizeof plain);
        }
    third->DmaOperations->PutDmaAdapter(third);
    chain_end(&chain);
    fixture_close(&f);
}

static VOID never_completes(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                            DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context, (void)status;
    fail_msg("a bus master's completion routine was called");
}

/* MTX-16, MTX-17: a bus master's completion routine is never called. MTX-18: a context without a
 * routine is not looked at. SGE-10, GDA-03: the alignment is told, not enforced. GTI-10: WriteOnly
 * changes no answer. CCH-01: KeFlushIoBuffers changes no byte. */
MS_TEST(arguments_that_mean_nothing_change_nothing)
{
    struct ms_dma_config config = fixture_config();
    struct fixture f;
    struct own_list list;
    struct chain chain;
    PVOID base;
    config.alignment = 64;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    DMA_TRANSFER_INFO both = {.Version = 2}, write_only = {.Version = 2};
    chain_make(&chain, &f, four_far, 1);
    chain_fill(&chain, chain.bytes, 3);

    assert_int_equal(ops->GetDmaAlignment(a), 64);
    assert_status(grant_sync(&f, a, 4, &base), STATUS_SUCCESS);
    for (int routine = 0; routine < 2; routine++) {
        ULONG length = 0x7;
        assert_status(ops->MapTransferEx(a, chain.mdl[0], base, 0x33, 0x55, &length, TRUE,
                                         list_of(&list), sizeof list,
                                         routine ? never_completes : NULL, &f),
                      STATUS_SUCCESS);
        assert_int_equal(length, 0x7);
        chain_check_device_reads(&chain, list_of(&list), 32, 0x33, 0x7, 3);
        assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[0], base, 0x33, 0x7, TRUE),
                      STATUS_SUCCESS);
    }
    assert_status(ops->GetDmaTransferInfo(a, chain.mdl[0], 1, 0x2000, FALSE, &both),
                  STATUS_SUCCESS);
    assert_status(ops->GetDmaTransferInfo(a, chain.mdl[0], 1, 0x2000, TRUE, &write_only),
                  STATUS_SUCCESS);
    assert_memory_equal(&both, &write_only, sizeof both);
    KeFlushIoBuffers(chain.mdl[0], TRUE, TRUE);
    KeFlushIoBuffers(chain.mdl[0], FALSE, FALSE);
    chain_check(&chain, chain.bytes, 0, 0, 3, 3);
    ops->FreeAdapterChannel(a);
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* MTX-02: the MDL that is given is the head, whatever comes before it in a longer chain. MTR-08, FLB-05:
 * MapTransfer looks at the one MDL it is given, not at those behind. */
MS_TEST(the_mdl_that_is_given_is_the_head)
{
    static const struct chain_mdl three[] = {
        {0, 0x1000, {0x4000}}, {0, 0x1000, {0x4004}}, {0, 0x1000, {0x4008}}};
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    struct own_list list;
    struct chain chain;
    ULONG length = 0x2000;
    PVOID base;
    chain_make(&chain, &f, three, 3);
    assert_status(grant_sync(&f, a, 4, &base), STATUS_SUCCESS);

    assert_status(ops->MapTransferEx(a, chain.mdl[1], base, 0, 0, &length, TRUE, list_of(&list),
                                     sizeof list, NULL, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(list.elements, 2);
    assert_int_equal(list.of[0].Address.QuadPart, 0x4004000);
    assert_int_equal(list.of[1].Address.QuadPart, 0x4008000);
    assert_status(ops->FlushAdapterBuffersEx(a, chain.mdl[1], base, 0, length, TRUE),
                  STATUS_SUCCESS);
    length = 0x2000;
    PHYSICAL_ADDRESS where = ops->MapTransfer(a, chain.mdl[1], base,
                                              MmGetMdlVirtualAddress(chain.mdl[1]), &length, TRUE);
    assert_int_equal(where.QuadPart, 0); /* MTR-09: longer than the MDL */
    assert_int_equal(length, 0);
    length = 0x1000;
    where = ops->MapTransfer(a, chain.mdl[1], base, MmGetMdlVirtualAddress(chain.mdl[1]), &length,
                             TRUE);
    assert_int_equal(where.QuadPart, 0x4004000);
    ops->FreeAdapterChannel(a);
    ops->PutDmaAdapter(a);
    chain_end(&chain);
    fixture_close(&f);
}

/* --- the stages of a grant --- */

static PDMA_ADAPTER system_adapter(struct fixture *f)
{
    DEVICE_DESCRIPTION d = {
        .Version = DEVICE_DESCRIPTION_VERSION2,
        .InterfaceType = Isa,
        .DmaWidth = Width8Bits,
        .MaximumLength = 0x4000,
        .DmaChannel = 2,
    };
    ULONG registers;
    PDMA_ADAPTER a = ms_adapter_open(f->dma, &f->pdo, &d, &registers);

    assert_non_null(a);
    return a;
}

/* ACX-21, QUE-12: the channel first, then registers; a request that is cancelled while it waits for
 * registers gives its channel back to who waits for that. */
MS_TEST(a_cancel_in_the_later_stage_gives_the_channel_back)
{
    const struct ms_controller_config controllers[] = {ms_controller_legacy()};
    struct ms_dma_config config = fixture_config();
    struct context first, second;
    struct fixture f;
    int entered_first = 0, entered_second = 0;
    PVOID base;
    config.controllers = controllers;
    config.controller_count = 1;
    config.registers[MS_REACH_24] = 4;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER third = adapter_get(&f, SG64, NULL);
    PDMA_ADAPTER a = system_adapter(&f), b = system_adapter(&f);
    DEVICE_DESCRIPTION greedy = {
        .Version = 2, .Master = TRUE, .InterfaceType = Isa, .MaximumLength = 0x3000};
    ULONG registers;
    PDMA_ADAPTER hog = ms_adapter_open(f.dma, &f.pdo, &greedy, &registers);
    const DMA_OPERATIONS *ops = third->DmaOperations;
    assert_status(ops->InitializeDmaTransferContext(hog, &first), STATUS_SUCCESS);
    assert_status(ops->AllocateAdapterChannelEx(hog, &f.pdo, &first, 3, 1, NULL, NULL, &base),
                  STATUS_SUCCESS); /* one register is left of four */

    context_make(third, &first);
    context_make(third, &second);
    assert_status(
        ops->AllocateAdapterChannelEx(a, &f.pdo, &first, 2, 0, keeps, &entered_first, NULL),
        STATUS_SUCCESS); /* has the channel, waits for registers */
    assert_status(
        ops->AllocateAdapterChannelEx(b, &f.pdo, &second, 0, 0, keeps, &entered_second, NULL),
        STATUS_SUCCESS); /* waits for the channel */
    assert_int_equal(entered_first + entered_second, 0);
    assert_true(ops->CancelAdapterChannel(a, &f.pdo, &first));
    assert_int_equal(entered_first, 0);
    assert_int_equal(entered_second, 1);
    ops->FreeAdapterChannel(b);
    ops->FreeAdapterChannel(hog);
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    ops->PutDmaAdapter(a);
    ops->PutDmaAdapter(b);
    ops->PutDmaAdapter(hog);
    ops->PutDmaAdapter(third);
    fixture_close(&f);
}
