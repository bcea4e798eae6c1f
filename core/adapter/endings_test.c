/* SPDX-License-Identifier: MIT */
/*
 * How things end that were left in the middle: registers freed under a running transfer, adapters put with
 * requests waiting, marks that a flush takes away, failures that a thread shall or shall not be remembered by.
 */
#include "adapter/test_system.h"

#include "adapter/test_chain.h"

enum { N = 0x400 };

/* FRE-13, FRE-14, CPL-12, CMT-11: a running transfer is stopped before its registers are somebody else's. */
MS_TEST(registers_freed_under_a_running_transfer_stop_it_first)
{
    for (int looks = 0; looks <= 1; looks++) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();

        system_open(&s, &d, out_of_reach, 0, N);
        system_grant(&s, 2);
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        assert_int_equal(ms_controller_step(s.controller, 64), 64);
        s.ops->FreeMapRegisters(s.adapter, s.base, 2);
        if (looks)
            assert_int_equal(ms_controller_step(s.controller, N), 0);
        ms_controller_step(s.controller, N);
        assert_int_equal(s.fifo.taken_count, 64);
        assert_int_equal(s.heard.count, 1);
        assert_int_equal(s.heard.status, DmaCancelled);
        s.ops->FreeAdapterChannel(s.adapter); /* the channel was still the driver's (FRE-14) */
        assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
        assert_int_equal(s.heard.count, 1);
        system_close(&s);
    }
}

/* FLB-08, FLX-07, FLX-08, CMT-19: on a version-3 subordinate adapter the old flush is the new one. */
MS_TEST(the_old_flush_takes_the_cancelled_mark_away_too)
{
    for (ULONG length = 0; length <= N; length += N) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();

        system_open(&s, &d, scattered, 0, N);
        system_grant(&s, 0);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
        assert_status(system_map(&s, 0, TRUE), STATUS_CANCELLED);
        assert_true(s.ops->FlushAdapterBuffers(s.adapter, s.mdl, s.base,
                                               MmGetMdlVirtualAddress(s.mdl), length, TRUE));
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        assert_status(system_flush(&s, 0, 0, TRUE), STATUS_SUCCESS);
        system_close(&s);
    }
}

/* MRG-07, MTX-20, FRE-14, FLB-08, AMB-09: under NULL a subordinate adapter maps for a grant without registers
 * only, and the old flush ends it. */
MS_TEST(null_names_a_channel_without_registers_and_no_other)
{
    struct ms_dma_config config = fixture_config();
    struct ms_controller_config soc = ms_controller_soc();
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();

    memset(&s, 0, sizeof s);
    config.null_bases = true;
    config.controllers = &soc;
    config.controller_count = 1;
    fixture_open_with(&s.f, &config);
    s.controller = ms_dma_controller(s.f.dma, 0);
    ms_fifo_init(&s.fifo, 99, s.taken, sizeof s.taken);
    ms_controller_attach(s.controller, d.DmaRequestLine, ms_fifo_endpoint(&s.fifo));
    s.adapter = ms_adapter_open(s.f.dma, &s.f.pdo, &d, &s.registers);
    s.ops = s.adapter->DmaOperations;
    s.heard.system = &s;
    s.mdl = ms_mdl_create(out_of_reach, 0, N);
    s.length = N;

    system_grant(&s, 2);
    assert_non_null(s.base);
    PVOID base = s.base;
    s.base = NULL; /* the grant has registers: NULL is no name of it */
    assert_status(system_map(&s, 0, TRUE), STATUS_INVALID_PARAMETER);
    s.ops->FreeMapRegisters(s.adapter, base, 2);
    assert_status(system_map(&s, 0, TRUE), STATUS_INVALID_PARAMETER); /* they are nobody's now */
    s.ops->FreeAdapterChannel(s.adapter);

    IoFreeMdl(s.mdl);
    s.mdl = ms_mdl_create(scattered, 0, N);
    system_grant(&s, 0);
    assert_null(s.base);
    for (int turn = 0; turn < 2; turn++) {
        s.length = N;
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        ms_controller_step(s.controller, N);
        assert_true(s.ops->FlushAdapterBuffers(s.adapter, s.mdl, NULL,
                                               MmGetMdlVirtualAddress(s.mdl), N, TRUE));
    }
    system_close(&s);
}

/* CMT-08, CMT-19, TCX-09: initialising its context takes the mark away also when the transfer is over. */
MS_TEST(initialising_a_context_clears_the_mark_of_a_transfer_that_is_over)
{
    for (int cancelled = 0; cancelled <= 1; cancelled++) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();

        system_open(&s, &d, scattered, 0, N);
        system_grant(&s, 0);
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        if (!cancelled)
            ms_controller_step(s.controller, N);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
        context_make(s.adapter, &s.context);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_INVALID_PARAMETER);
        ms_controller_step(s.controller, N);
        assert_int_equal(s.heard.count, 1); /* CMT-11 */
        assert_status(system_flush(&s, 0, 0, TRUE), STATUS_SUCCESS);
        system_close(&s);
    }
}

/* --- a cancel by the wrong adapter ---------------------------------------------------------------------- */

struct entered {
    int count;
    PVOID base;
};

static IO_ALLOCATION_ACTION enter_keep(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct entered *entered = context;

    (void)device, (void)irp;
    entered->count++;
    entered->base = base;
    return KeepObject;
}

static NTSTATUS ask(struct fixture *f, PDMA_ADAPTER a, struct context *context, ULONG registers,
                    struct entered *entered)
{
    return a->DmaOperations->AllocateAdapterChannelEx(a, &f->pdo, context, registers, 0, enter_keep,
                                                      entered, NULL);
}

/* CAC-03, CAC-04, CAC-05, TCX-18, MSV-32: a request is its own adapter's; another one's cancel does not find it. */
MS_TEST(a_request_can_not_be_cancelled_through_another_adapter)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER mine = adapter_get(&f, SG32, NULL), other = adapter_get(&f, SG64, NULL);
    struct context context;
    struct entered entered = {0};
    PVOID base;

    assert_status(grant_sync(&f, mine, 1, &base), STATUS_SUCCESS);
    context_make(mine, &context);
    assert_status(ask(&f, mine, &context, 2, &entered), STATUS_SUCCESS);
    assert_false(other->DmaOperations->CancelAdapterChannel(other, &f.pdo, &context));
    assert_int_equal(ms_dma_grants_used(f.dma), 2);
    mine->DmaOperations->FreeAdapterChannel(mine);
    assert_int_equal(entered.count, 1);
    mine->DmaOperations->FreeAdapterChannel(mine);
    mine->DmaOperations->PutDmaAdapter(mine);
    other->DmaOperations->PutDmaAdapter(other);
    fixture_close(&f);
}

/* TCX-16, TCX-19: noise in a queued context names no grant outside the machine's. */
MS_TEST(a_context_that_names_no_grant_cancels_nothing)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    struct context context, noise;
    struct entered entered = {0};
    PVOID base;

    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    context_make(a, &context);
    assert_status(ask(&f, a, &context, 2, &entered), STATUS_SUCCESS);
    noise = context;
    noise.bytes[9] = (char)0xFF; /* the queued word's index */
    noise.bytes[10] = (char)0xFF;
    noise.bytes[11] = (char)0xFF;
    assert_false(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &noise));
    assert_true(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &context));
    a->DmaOperations->FreeAdapterChannel(a);
    assert_int_equal(entered.count, 0);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* --- putting an adapter that is in use --------------------------------------------------------------------- */

/* PUT-05, QUE-04, CPL-12, SDM-16: an adapter put with its channel in hand is taken off it. */
MS_TEST(an_adapter_put_with_its_channel_lets_the_next_one_have_it)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_legacy();
    static const PFN_NUMBER low[4] = {0xE00, 0xE01};
    struct entered entered = {0};
    ULONG registers;

    system_open(&s, &d, low, 0, N);
    PDMA_ADAPTER next = ms_adapter_open(s.f.dma, &s.f.pdo, &d, &registers);
    assert_status(s.ops->AllocateAdapterChannel(s.adapter, &s.f.pdo, 0, enter_keep, &entered),
                  STATUS_SUCCESS);
    assert_int_equal(entered.count, 1);
    ULONG length = N;
    s.ops->MapTransfer(s.adapter, s.mdl, entered.base, MmGetMdlVirtualAddress(s.mdl), &length,
                       TRUE);
    assert_int_equal(ms_controller_step(s.controller, 16), 16);
    s.ops->PutDmaAdapter(s.adapter);
    assert_int_equal(ms_controller_step(s.controller, N), 0);
    assert_int_equal(s.fifo.taken_count, 16);
    assert_status(
        next->DmaOperations->AllocateAdapterChannel(next, &s.f.pdo, 0, enter_keep, &entered),
        STATUS_SUCCESS);
    assert_int_equal(entered.count, 2);
    next->DmaOperations->FreeAdapterChannel(next);
    next->DmaOperations->PutDmaAdapter(next);
    IoFreeMdl(s.mdl);
    fixture_close(&s.f);
}

/* PUT-05, QUE-05: a request of an adapter that was put waits for nothing any more, and holds nobody up. */
MS_TEST(an_adapter_put_with_requests_waiting_leaves_the_queues)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER holder = adapter_get(&f, SG32, NULL), lost = adapter_get(&f, SG32, NULL),
                 next = adapter_get(&f, SG32, NULL);
    struct context context[3];
    struct entered entered = {0}, never = {0};
    PVOID base, more;

    assert_status(grant_sync(&f, holder, 10, &base), STATUS_SUCCESS);
    holder->DmaOperations->FreeAdapterObject(holder, DeallocateObjectKeepRegisters);
    PVOID first = base;
    for (int i = 0; i < 5; i++) { /* the pool of 64 is empty but for four */
        assert_status(grant_sync(&f, holder, 10, &base), STATUS_SUCCESS);
        holder->DmaOperations->FreeAdapterObject(holder, DeallocateObjectKeepRegisters);
    }
    for (int i = 0; i < 3; i++)
        context_make(lost, &context[i]);
    assert_status(ask(&f, lost, &context[0], 10, &never), STATUS_SUCCESS);
    assert_status(ask(&f, lost, &context[1], 1, &never), STATUS_SUCCESS);
    assert_status(grant_sync(&f, next, 1, &more), STATUS_INSUFFICIENT_RESOURCES); /* QUE-06 */
    assert_status(ask(&f, next, &context[2], 1, &entered), STATUS_SUCCESS);
    assert_int_equal(entered.count, 0);
    lost->DmaOperations->PutDmaAdapter(lost);
    assert_int_equal(entered.count, 1); /* nobody stands before it any more */
    next->DmaOperations->FreeAdapterChannel(next);
    holder->DmaOperations->FreeMapRegisters(holder, first, 10);
    assert_int_equal(never.count, 0);
    next->DmaOperations->PutDmaAdapter(next);
    fixture_close(&f);
}

/* DOM-02, PUT-05: of a domain an adapter that was put is no member, whatever it left behind. */
MS_TEST(an_adapter_put_with_registers_out_is_in_no_domain)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER wide = adapter_get(&f, SG64, NULL), lost = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = wide->DmaOperations;
    HANDLE domain = ops->GetDmaDomain(wide);
    PHYSICAL_ADDRESS logical;
    PVOID base, address;

    assert_status(lost->DmaOperations->JoinDmaDomain(lost, domain), STATUS_SUCCESS);
    assert_status(grant_sync(&f, lost, 1, &base), STATUS_SUCCESS);
    lost->DmaOperations->PutDmaAdapter(lost);
    assert_status(ops->AllocateDomainCommonBuffer(wide, domain, NULL, PAGE_SIZE, 0, NULL, 0,
                                                  &logical, &address),
                  STATUS_SUCCESS);
    assert_true((uint64_t)logical.QuadPart > UINT32_MAX); /* as high as the domain reaches */
    ops->FreeCommonBuffer(wide, PAGE_SIZE, logical, address, TRUE);
    ops->PutDmaAdapter(wide);
    fixture_close(&f);
}

static PDMA_ADAPTER got_inside;

static void put_and_open_inside(struct heard *heard)
{
    struct system *s = heard->system;
    DEVICE_DESCRIPTION d = description_soc();
    ULONG registers;

    s->ops->FreeAdapterChannel(s->adapter);
    s->ops->PutDmaAdapter(s->adapter);
    got_inside = ms_adapter_open(s->f.dma, &s->f.pdo, &d, &registers);
}

/* PUT-06, IGA-14: put in its own completion routine, its memory lives until that returns: nobody else gets it. */
MS_TEST(an_adapter_put_in_its_completion_is_nobody_elses_before_that_returned)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    ULONG registers;

    system_open(&s, &d, scattered, 0, N);
    system_grant(&s, 2);
    s.heard.inside = put_and_open_inside;
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    PDMA_ADAPTER old = s.adapter;
    ms_controller_step(s.controller, N);
    assert_int_equal(s.heard.count, 1);
    assert_non_null(got_inside);
    assert_ptr_not_equal(got_inside, old);
    /* Now it may be another's again: nothing is lost. */
    PDMA_ADAPTER next = ms_adapter_open(s.f.dma, &s.f.pdo, &d, &registers);
    assert_ptr_equal(next, old);
    next->DmaOperations->PutDmaAdapter(next);
    got_inside->DmaOperations->PutDmaAdapter(got_inside);
    IoFreeMdl(s.mdl);
    fixture_close(&s.f);
}

/* --- the failure that FreeAdapterObject remembers ----------------------------------------------------------- */

/* FRE-18: a thread that was granted something since is not stopped by an older failure. */
MS_TEST(a_failure_is_forgotten_when_an_asynchronous_request_is_granted)
{
    for (int waits = 0; waits <= 1; waits++) {
        struct fixture f;
        fixture_open(&f);
        PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
        const DMA_OPERATIONS *ops = a->DmaOperations;
        struct context context;
        struct entered entered = {0};
        PVOID base, more;

        assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
        context_make(a, &context);
        if (waits)
            assert_status(ask(&f, a, &context, 1, &entered), STATUS_SUCCESS);
        assert_status(grant_sync(&f, a, 1, &more), STATUS_INSUFFICIENT_RESOURCES);
        ops->FreeAdapterChannel(a);
        if (!waits)
            assert_status(ask(&f, a, &context, 1, &entered), STATUS_SUCCESS);
        assert_int_equal(entered.count, 1);
        ops->FreeAdapterObject(a, DeallocateObject);
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
        ops->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

struct stranger {
    struct fixture *f;
    PDMA_ADAPTER adapter;
    bool frees;
};

static void stranger_run(void *context)
{
    struct stranger *stranger = context;
    PVOID more;

    ms_cpu_enter(stranger->f->kernel);
    if (stranger->frees)
        stranger->adapter->DmaOperations->FreeAdapterObject(stranger->adapter, DeallocateObject);
    else
        assert_status(grant_sync(stranger->f, stranger->adapter, 1, &more),
                      STATUS_INSUFFICIENT_RESOURCES);
    ms_cpu_leave();
}

/* FRE-18: the failure is a thread's, not that of the next one on its processor. */
MS_TEST(a_failure_is_not_inherited_by_the_next_thread)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    struct stranger stranger = {&f, a, false};
    PVOID base;

    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    for (int i = 0; i <= 1; i++) {
        stranger.frees = i == 1;
        struct ms_thread *thread = ms_thread_start(stranger_run, &stranger);
        assert_non_null(thread);
        ms_thread_join(thread);
    }
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

static void stranger_builds_and_frees(void *context)
{
    struct stranger *stranger = context;
    const DMA_OPERATIONS *ops = stranger->adapter->DmaOperations;
    PDMA_ADAPTER next;
    PVOID more;

    assert_int_equal(ms_cpu_enter(stranger->f->kernel)->index, MS_CPU_NONE);
    assert_status(grant_sync(stranger->f, stranger->adapter, 1, &more),
                  STATUS_INSUFFICIENT_RESOURCES);
    next =
        adapter_get(stranger->f, SG32, NULL); /* what it is refused here is another matter there */
    assert_status(grant_sync(stranger->f, next, 1, &more), STATUS_SUCCESS);
    next->DmaOperations->FreeAdapterObject(next, DeallocateObject);
    assert_int_equal(ms_dma_grants_used(stranger->f->dma), 1);
    next->DmaOperations->PutDmaAdapter(next);
    ops->FreeAdapterObject(stranger->adapter, DeallocateObjectKeepRegisters); /* not its own */
    assert_int_equal(ms_dma_grants_used(stranger->f->dma), 1);
    ops->FreeAdapterObject(stranger->adapter,
                           DeallocateObject); /* forgotten: it means what it says */
    assert_int_equal(ms_dma_grants_used(stranger->f->dma), 0);
    assert_status(grant_sync(stranger->f, stranger->adapter, 1, &more), STATUS_SUCCESS);
    assert_status(grant_sync(stranger->f, stranger->adapter, 1, &more),
                  STATUS_INSUFFICIENT_RESOURCES);
    ops->FreeAdapterChannel(stranger->adapter);
    assert_status(grant_sync(stranger->f, stranger->adapter, 1, &more), STATUS_SUCCESS);
    ops->FreeAdapterObject(stranger->adapter, DeallocateObject); /* granted since */
    assert_int_equal(ms_dma_grants_used(stranger->f->dma), 0);
    ms_cpu_leave();
}

/* FRE-08, FRE-18: and so is that of a thread for which no processor is left. */
MS_TEST(a_failure_is_remembered_of_more_threads_than_there_are_processors)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    struct stranger stranger = {&f, a, true};
    uint64_t taken = ms_load_relaxed(&f.kernel->taken);
    PVOID base;

    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    ms_store_relaxed(&f.kernel->taken, MS_CPUS_ALL);
    struct ms_thread *thread = ms_thread_start(stranger_builds_and_frees, &stranger);
    assert_non_null(thread);
    ms_thread_join(thread);
    ms_store_relaxed(&f.kernel->taken, taken);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}
