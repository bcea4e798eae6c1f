/* SPDX-License-Identifier: MIT */
/*
 * The channel routines as a driver sees them: arguments, order, cancel, what a routine may do.
 */
#include "adapter/test_fixture.h"

/* What a routine saw and what it shall answer. */
struct call {
    int order; /* 0: not called */
    PVOID base;
    PIRP irp;
    KIRQL irql;
    IO_ALLOCATION_ACTION answer;
    void (*inside)(struct call *call);
    PDMA_ADAPTER adapter;
    struct fixture *f;
    struct context context;
    int *counter;
};

static IO_ALLOCATION_ACTION routine(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct call *call = context;

    assert_ptr_equal(device, &call->f->pdo);
    assert_int_equal(call->order, 0); /* QUE-10: once */
    call->order = ++*call->counter;
    call->base = base;
    call->irp = irp;
    call->irql = KeGetCurrentIrql();
    if (call->inside)
        call->inside(call);
    return call->answer;
}

static struct call call_make(struct fixture *f, PDMA_ADAPTER adapter, int *counter,
                             IO_ALLOCATION_ACTION answer)
{
    struct call call = {.answer = answer, .adapter = adapter, .f = f, .counter = counter};

    context_make(adapter, &call.context);
    return call;
}

static NTSTATUS call_start(struct call *call, ULONG registers, ULONG flags)
{
    return call->adapter->DmaOperations->AllocateAdapterChannelEx(
        call->adapter, &call->f->pdo, &call->context, registers, flags, routine, call, NULL);
}

MS_TEST(bad_arguments_get_the_documented_status_and_change_nothing)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    struct context context, raw;
    PVOID base = &f;
    int counter = 0;
    struct call call = call_make(&f, a, &counter, KeepObject);

    context_make(a, &context);
    memset(&raw, 0, sizeof raw);
    struct {
        PDEVICE_OBJECT device;
        PVOID context;
        ULONG registers, flags;
        PDRIVER_CONTROL routine;
        PVOID *base;
        NTSTATUS want;
    } rows[] = {
        {&f.pdo, &context, 1, 0, NULL, &base, STATUS_INVALID_PARAMETER},       /* ACX-07 */
        {&f.pdo, &context, 1, 0, routine, &base, STATUS_INVALID_PARAMETER},    /* ACX-07 */
        {&f.pdo, &context, 1, 1, NULL, NULL, STATUS_INVALID_PARAMETER},        /* ACX-12 */
        {&f.pdo, &context, 1, 0, NULL, NULL, STATUS_INVALID_PARAMETER},        /* ACX-12 */
        {&f.pdo, &context, 1, 2, routine, NULL, STATUS_INVALID_PARAMETER},     /* ACX-06 */
        {&f.pdo, &context, 1, 3, NULL, &base, STATUS_INVALID_PARAMETER},       /* ACX-06 */
        {NULL, &context, 1, 1, NULL, &base, STATUS_INVALID_PARAMETER},         /* ACX-19 */
        {&f.pdo, NULL, 1, 1, NULL, &base, STATUS_INVALID_PARAMETER},           /* ACX-19 */
        {&f.pdo, &raw, 1, 1, NULL, &base, STATUS_INVALID_PARAMETER},           /* TCX-16 */
        {&f.pdo, &context, 18, 1, NULL, &base, STATUS_INSUFFICIENT_RESOURCES}, /* ACX-05 */
        {&f.pdo, &context, 18, 0, routine, NULL, STATUS_INSUFFICIENT_RESOURCES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_status(ops->AllocateAdapterChannelEx(a, rows[i].device, rows[i].context,
                                                    rows[i].registers, rows[i].flags,
                                                    rows[i].routine, &call, rows[i].base),
                      rows[i].want);
        assert_ptr_equal(base, &f); /* GEN-12 */
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    assert_int_equal(counter, 0);
    assert_status(ops->InitializeDmaTransferContext(a, NULL),
                  STATUS_INVALID_PARAMETER); /* TCX-06 */
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}

/* TCX-03: a context may lie at any byte. */
MS_TEST(a_context_works_at_every_alignment_and_never_leaves_its_128_bytes)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);

    for (int shift = 0; shift < 16; shift++) {
        char memory[16 + 128 + 16];
        PVOID base;
        memset(memory, 0x5A, sizeof memory);
        assert_status(a->DmaOperations->InitializeDmaTransferContext(a, memory + shift),
                      STATUS_SUCCESS);
        assert_status(a->DmaOperations->AllocateAdapterChannelEx(a, &f.pdo, memory + shift, 0,
                                                                 DMA_SYNCHRONOUS_CALLBACK, NULL,
                                                                 NULL, &base),
                      STATUS_SUCCESS);
        a->DmaOperations->FreeAdapterChannel(a);
        for (int i = 0; i < shift; i++)
            assert_int_equal(memory[i], 0x5A);
        for (size_t i = (size_t)shift + 128; i < sizeof memory; i++)
            assert_int_equal(memory[i], 0x5A);
    }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

MS_TEST(a_free_adapter_runs_the_routine_before_the_call_returns_at_dispatch_level)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    int counter = 0;

    for (ULONG flags = 0; flags <= 1; flags++) { /* ACX-16, ACX-09, ACX-11 */
        struct call call = call_make(&f, a, &counter, DeallocateObjectKeepRegisters);
        f.pdo.CurrentIrp = (PIRP)&call;
        assert_status(call_start(&call, 3, flags), STATUS_SUCCESS);
        assert_int_equal(call.order, counter);
        assert_ptr_equal(call.irp, &call); /* EXR-02 */
        assert_int_equal(call.irql, DISPATCH_LEVEL);
        assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL); /* IRQ-23 */
        assert_non_null(call.base);                          /* MRG-09 */
        assert_int_equal(ms_dma_grants_used(f.dma), 1);
        a->DmaOperations->FreeMapRegisters(a, call.base, 3);
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* EXM-20, ACX-08, QUE-06 */
MS_TEST(a_synchronous_request_fails_while_another_grant_is_kept)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    PVOID first, second = NULL;

    assert_status(grant_sync(&f, a, 0, &first), STATUS_SUCCESS); /* ACX-04 */
    assert_status(grant_sync(&f, a, 0, &second), STATUS_INSUFFICIENT_RESOURCES);
    assert_null(second);
    a->DmaOperations->FreeAdapterObject(a, DeallocateObject); /* FRE-18: only forgets the failure */
    assert_int_equal(ms_dma_grants_used(f.dma), 1);
    a->DmaOperations->FreeAdapterObject(a, KeepObject);              /* FRE-17 */
    a->DmaOperations->FreeAdapterObject(a, (IO_ALLOCATION_ACTION)4); /* FRE-15 */
    assert_int_equal(ms_dma_grants_used(f.dma), 1);
    a->DmaOperations->FreeAdapterObject(a, DeallocateObject); /* FRE-06 */
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    a->DmaOperations->FreeAdapterObject(a, DeallocateObject); /* FRE-09 */
    a->DmaOperations->FreeAdapterChannel(a);                  /* FRE-11 */
    assert_status(grant_sync(&f, a, 0, &second), STATUS_SUCCESS);
    a->DmaOperations->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
    assert_status(grant_sync(&f, a, 0, &first), STATUS_SUCCESS); /* QUE-02 */
    a->DmaOperations->FreeAdapterChannel(a);
    a->DmaOperations->FreeMapRegisters(a, second, 0);
    a->DmaOperations->FreeMapRegisters(a, second, 0); /* FRE-12: unknown now */
    a->DmaOperations->FreeMapRegisters(a, NULL, 0);   /* MRG-08 */
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* QUE-03, ACX-17, QUE-07 */
MS_TEST(waiting_requests_are_granted_in_the_order_of_their_calls)
{
    enum { WAITERS = 6 };
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    struct call call[WAITERS];
    int counter = 0;
    PVOID base;

    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    for (int i = 0; i < WAITERS; i++) {
        call[i] = call_make(&f, a, &counter, i % 2 ? KeepObject : DeallocateObject);
        assert_status(call_start(&call[i], 1, 0), STATUS_SUCCESS);
        assert_int_equal(call[i].order, 0);
    }
    a->DmaOperations->FreeAdapterChannel(a);
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(call[i].order, i + 1);
        if (i % 2) { /* this one keeps the adapter until it is freed */
            assert_int_equal(counter, i + 1);
            a->DmaOperations->FreeAdapterChannel(a);
        }
    }
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

static void free_inside(struct call *call)
{
    call->adapter->DmaOperations->FreeMapRegisters(call->adapter, call->base, 2);
}

static void free_channel_inside(struct call *call)
{
    call->adapter->DmaOperations->FreeAdapterChannel(call->adapter);
}

/* EXR-11: all may be freed already when the routine returns, whatever it answers. */
MS_TEST(a_routine_may_free_everything_itself)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    void (*insides[])(struct call *) = {free_inside, free_channel_inside};
    int counter = 0;

    for (int inside = 0; inside < 2; inside++)
        for (int answer = 0; answer <= 4; answer++)
            for (ULONG flags = 0; flags <= 1; flags++) {
                struct call call = call_make(&f, a, &counter, (IO_ALLOCATION_ACTION)answer);
                call.inside = insides[inside];
                assert_status(call_start(&call, 2, flags), STATUS_SUCCESS);
                if (answer == KeepObject)
                    a->DmaOperations->FreeAdapterChannel(a);    /* FRE-14 */
                assert_int_equal(ms_dma_grants_used(f.dma), 0); /* EXR-14 too */
                assert_true(ms_dma_audit(f.dma));
            }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* EXR-12: a late answer must not release the next owner. */
static struct call next_call;

static void free_and_let_next_in(struct call *call)
{
    call->adapter->DmaOperations->FreeAdapterChannel(call->adapter);
}

MS_TEST(a_late_answer_does_not_release_the_next_owner)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    int counter = 0;
    PVOID base;

    assert_status(grant_sync(&f, a, 0, &base), STATUS_SUCCESS);
    struct call call = call_make(&f, a, &counter, DeallocateObject);
    call.inside = free_and_let_next_in;
    next_call = call_make(&f, a, &counter, KeepObject);
    assert_status(call_start(&call, 0, 0), STATUS_SUCCESS);
    assert_status(call_start(&next_call, 0, 0), STATUS_SUCCESS);
    a->DmaOperations->FreeAdapterChannel(a);
    assert_int_equal(call.order, 1);
    assert_int_equal(next_call.order, 2);
    assert_status(grant_sync(&f, a, 0, &base), STATUS_INSUFFICIENT_RESOURCES);
    a->DmaOperations->FreeAdapterChannel(a);
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* QUE-08, ACX-22: a request made inside a routine runs behind it, not inside. */
static int depth, depth_max;

static void ask_again(struct call *call)
{
    depth++;
    depth_max = depth > depth_max ? depth : depth_max;
    if (*call->counter < 1000) {
        call->order = 0;                             /* the same call record serves again */
        context_make(call->adapter, &call->context); /* TCX-11 */
        assert_status(call_start(call, 0, 0), STATUS_SUCCESS);
        assert_int_equal(call->order, 0);
    }
    depth--;
}

MS_TEST(a_thousand_requests_from_inside_routines_use_no_stack)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    int counter = 0;
    struct call call = call_make(&f, a, &counter, DeallocateObject);

    depth = depth_max = 0;
    call.inside = ask_again;
    assert_status(call_start(&call, 0, 0), STATUS_SUCCESS);
    assert_int_equal(counter, 1000);
    assert_int_equal(depth_max, 1);
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* CAC-03, CAC-05, CAC-12 */
MS_TEST(a_cancelled_request_is_never_entered_and_the_others_keep_their_order)
{
    enum { WAITERS = 4 };
    struct fixture f;
    fixture_open(&f);

    for (int cancelled = 0; cancelled < 1 << WAITERS; cancelled++) {
        PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
        struct call call[WAITERS];
        int counter = 0, want = 0;
        PVOID base;
        assert_status(grant_sync(&f, a, 0, &base), STATUS_SUCCESS);
        for (int i = 0; i < WAITERS; i++) {
            call[i] = call_make(&f, a, &counter, DeallocateObject);
            assert_status(call_start(&call[i], 0, 0), STATUS_SUCCESS);
        }
        for (int i = 0; i < WAITERS; i++)
            if (cancelled & 1 << i) {
                assert_true(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &call[i].context));
                /* Sticky, and idle again: TRUE once more (CAC-08, CAC-09). */
                assert_true(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &call[i].context));
                assert_status(call_start(&call[i], 0, 0), STATUS_CANCELLED); /* CAC-07 */
            }
        a->DmaOperations->FreeAdapterChannel(a);
        for (int i = 0; i < WAITERS; i++)
            assert_int_equal(call[i].order, cancelled & 1 << i ? 0 : ++want);
        a->DmaOperations->PutDmaAdapter(a);
    }
    fixture_close(&f);
}

static BOOLEAN cancel_said;

static void cancel_inside(struct call *call)
{
    cancel_said = call->adapter->DmaOperations->CancelAdapterChannel(call->adapter, &call->f->pdo,
                                                                     &call->context);
}

/* EXM-19, CAC-04, CAC-14 */
MS_TEST(cancel_says_false_to_an_owner_and_true_to_an_idle_context)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    int counter = 0;
    struct call call = call_make(&f, a, &counter, KeepObject);
    struct context raw;

    memset(&raw, 0, sizeof raw);
    assert_false(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &raw));
    assert_false(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, NULL));
    call.inside = cancel_inside;
    cancel_said = TRUE;
    assert_status(call_start(&call, 0, 0), STATUS_SUCCESS);
    assert_false(cancel_said);
    assert_false(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &call.context));
    a->DmaOperations->FreeAdapterChannel(a);
    assert_true(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &call.context));
    call.order = 0;
    assert_status(call_start(&call, 0, 1), STATUS_CANCELLED);
    assert_int_equal(call.order, 0);
    context_make(a, &call.context);
    call.inside = NULL;
    assert_status(call_start(&call, 0, 1), STATUS_SUCCESS);
    a->DmaOperations->FreeAdapterChannel(a);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* TCX-17: a queued context can be neither initialised nor used again; its request is unaffected. */
MS_TEST(a_queued_context_is_refused_elsewhere)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    int counter = 0;
    struct call call = call_make(&f, a, &counter, DeallocateObject);
    PVOID base;

    assert_status(grant_sync(&f, a, 0, &base), STATUS_SUCCESS);
    assert_status(call_start(&call, 0, 0), STATUS_SUCCESS);
    assert_status(call_start(&call, 0, 0), STATUS_INVALID_PARAMETER);
    assert_status(a->DmaOperations->InitializeDmaTransferContext(a, &call.context),
                  STATUS_INVALID_PARAMETER);
    a->DmaOperations->FreeAdapterChannel(a);
    assert_int_equal(call.order, 1);
    context_make(a, &call.context); /* TCX-08 */
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* TCX-12: the routine may scrap the context's memory; nobody looks at it again. */
static void scrap_context(struct call *call)
{
    memset(&call->context, 0xFF, sizeof call->context);
}

MS_TEST(a_context_may_be_scrapped_inside_the_routine)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    int counter = 0;
    PVOID base;

    for (int waits = 0; waits <= 1; waits++) {
        struct call call = call_make(&f, a, &counter, DeallocateObject);
        call.inside = scrap_context;
        if (waits)
            assert_status(grant_sync(&f, a, 0, &base), STATUS_SUCCESS);
        assert_status(call_start(&call, 4, 0), STATUS_SUCCESS);
        if (waits)
            a->DmaOperations->FreeAdapterChannel(a);
        for (size_t i = 0; i < sizeof call.context; i++)
            assert_int_equal((unsigned char)call.context.bytes[i], 0xFF);
        assert_int_equal(ms_dma_grants_used(f.dma), 0);
    }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* QUE-05: registers go to adapters in the order they began to wait; nobody overtakes. */
MS_TEST(adapters_wait_for_registers_in_order)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER holder = adapter_get(&f, SG32, NULL), big = adapter_get(&f, SG32, NULL);
    PDMA_ADAPTER small = adapter_get(&f, SG32, NULL), late = adapter_get(&f, SG32, NULL);
    int counter = 0;
    PVOID base[4], refused;

    for (int i = 0; i < 4; i++) { /* 4 x 16 of the 64 registers */
        assert_status(grant_sync(&f, holder, 16, &base[i]), STATUS_SUCCESS);
        holder->DmaOperations->FreeAdapterObject(holder, DeallocateObjectKeepRegisters);
    }
    struct call big_call = call_make(&f, big, &counter, DeallocateObjectKeepRegisters);
    struct call small_call = call_make(&f, small, &counter, DeallocateObjectKeepRegisters);
    assert_status(call_start(&big_call, 17, 0), STATUS_SUCCESS);
    assert_status(call_start(&small_call, 1, 0), STATUS_SUCCESS);
    holder->DmaOperations->FreeMapRegisters(holder, base[0], 16);
    assert_int_equal(counter, 0); /* 16 are free, 17 are wanted: the small one waits behind */
    assert_status(grant_sync(&f, late, 1, &refused), STATUS_INSUFFICIENT_RESOURCES); /* QUE-06 */
    holder->DmaOperations->FreeMapRegisters(holder, base[1], 16);
    assert_int_equal(big_call.order, 1);
    assert_int_equal(small_call.order, 2);
    assert_status(grant_sync(&f, late, 1, &refused), STATUS_SUCCESS);
    late->DmaOperations->FreeAdapterChannel(late);
    big->DmaOperations->FreeMapRegisters(big, big_call.base, 17);
    small->DmaOperations->FreeMapRegisters(small, small_call.base, 1);
    holder->DmaOperations->FreeMapRegisters(holder, base[2], 16);
    holder->DmaOperations->FreeMapRegisters(holder, base[3], 16);
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    fixture_close(&f);
}

/* CAC-12, QUE-12: the head that waits for registers can be cancelled; what it had collected goes on. */
MS_TEST(cancelling_a_request_that_waits_for_registers_lets_the_next_in)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER holder = adapter_get(&f, SG32, NULL), big = adapter_get(&f, SG32, NULL);
    PDMA_ADAPTER small = adapter_get(&f, SG32, NULL);
    int counter = 0;
    PVOID base[4];

    for (int i = 0; i < 4; i++) {
        assert_status(grant_sync(&f, holder, 16, &base[i]), STATUS_SUCCESS);
        holder->DmaOperations->FreeAdapterObject(holder, DeallocateObjectKeepRegisters);
    }
    struct call big_call = call_make(&f, big, &counter, DeallocateObject);
    struct call behind = call_make(&f, big, &counter, DeallocateObject);
    struct call small_call = call_make(&f, small, &counter, DeallocateObject);
    assert_status(call_start(&big_call, 17, 0), STATUS_SUCCESS);
    assert_status(call_start(&behind, 17, 0), STATUS_SUCCESS);
    assert_status(call_start(&small_call, 16, 0), STATUS_SUCCESS);
    holder->DmaOperations->FreeMapRegisters(holder, base[0], 16);
    assert_int_equal(counter, 0);
    assert_true(big->DmaOperations->CancelAdapterChannel(big, &f.pdo, &big_call.context));
    assert_int_equal(small_call.order, 1); /* it came to the pool before `behind` did */
    assert_int_equal(behind.order, 0);
    assert_true(big->DmaOperations->CancelAdapterChannel(big, &f.pdo, &behind.context));
    for (int i = 1; i < 4; i++)
        holder->DmaOperations->FreeMapRegisters(holder, base[i], 16);
    assert_int_equal(big_call.order, 0);
    assert_int_equal(ms_dma_grants_used(f.dma), 0);
    fixture_close(&f);
}

/* Every take inside an allocation fails in turn; nothing is kept, nothing is lost. */
MS_TEST(each_fault_in_an_allocation_is_undone)
{
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    int counter = 0;

    for (ULONG flags = 0; flags <= 1; flags++)
        for (uint32_t fault = 0;; fault++) {
            struct call call = call_make(&f, a, &counter, DeallocateObjectKeepRegisters);
            ms_fault_arm(fault);
            NTSTATUS status = call_start(&call, 5, flags);
            bool fired = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            if (!NT_SUCCESS(status)) {
                assert_true(fired);
                assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
                assert_int_equal(call.order, 0);
            } else if (call.order == 0) {
                /* Queued because of the fault: the next call on the pool carries it on. */
                PVOID base;
                assert_true(fired);
                (void)grant_sync(&f, adapter_get(&f, SG32, NULL), 1, &base);
                assert_true(a->DmaOperations->CancelAdapterChannel(a, &f.pdo, &call.context) ||
                            call.order != 0);
                ms_dma_destroy(f.dma); /* with what the other adapter took */
                struct ms_dma_config config = fixture_config();
                f.dma = ms_dma_create(f.kernel, f.memory, &config);
                a = adapter_get(&f, SG32, NULL);
                continue;
            } else {
                a->DmaOperations->FreeMapRegisters(a, call.base, 5);
            }
            assert_int_equal(ms_dma_grants_used(f.dma), 0);
            assert_true(ms_dma_audit(f.dma));
            if (!fired)
                break;
        }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

MS_TEST(each_fault_while_making_the_floor_is_undone)
{
    struct fixture f;
    struct ms_dma_config config = fixture_config();
    fixture_open(&f);
    uint64_t taken = ms_frames_taken(f.memory);

    for (uint32_t fault = 0;; fault++) {
        ms_fault_arm(fault);
        struct ms_dma *dma = ms_dma_create(f.kernel, f.memory, &config);
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        assert_true(fired == (dma == NULL));
        if (dma) {
            ms_dma_destroy(dma);
            break;
        }
        assert_true(ms_frames_taken(f.memory) == taken);
    }
    assert_true(ms_frames_taken(f.memory) == taken);
    fixture_close(&f);
}

MS_TEST(a_machine_without_grants_left_refuses_and_recovers)
{
    struct fixture f;
    struct ms_dma_config config = fixture_config();
    config.grants = 2;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    int counter = 0;
    struct call call[2];
    PVOID base;

    assert_status(grant_sync(&f, a, 0, &base), STATUS_SUCCESS);
    call[0] = call_make(&f, a, &counter, DeallocateObject);
    call[1] = call_make(&f, a, &counter, DeallocateObject);
    assert_status(call_start(&call[0], 0, 0), STATUS_SUCCESS);
    assert_status(call_start(&call[1], 0, 0), STATUS_INSUFFICIENT_RESOURCES);
    a->DmaOperations->FreeAdapterChannel(a);
    assert_int_equal(call[0].order, 1);
    assert_status(call_start(&call[1], 0, 0), STATUS_SUCCESS);
    assert_int_equal(call[1].order, 2);
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* A strategy whose longest run is 1 serves scattered registers; contiguous ones come from another. */
MS_TEST(a_packet_adapter_is_served_whatever_the_strategy_can_give)
{
    for (int i = 0; ms_strategies[i]; i++) {
        struct fixture f;
        struct ms_dma_config config = fixture_config();
        PVOID base;
        config.strategy = ms_strategies[i];
        fixture_open_with(&f, &config);
        PDMA_ADAPTER a = adapter_get(&f, PACKET32, NULL);
        assert_status(grant_sync(&f, a, 5, &base), STATUS_SUCCESS);
        a->DmaOperations->FreeAdapterChannel(a);
        a->DmaOperations->PutDmaAdapter(a);
        fixture_close(&f);
    }
}
