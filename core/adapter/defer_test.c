/* SPDX-License-Identifier: MIT */
/*
 * Machines that defer: no routine runs inside the call that asked for it or made way for it.
 */
#include "adapter/test_chain.h"

enum { REQUESTS = 12 };

struct asked {
    struct fixture *f;
    PDMA_ADAPTER adapter;
    struct context context;
    ms_atomic_u32 *order;
    struct ms_cpu *asker;
    uint32_t place; /* 1 = the first routine to run */
    bool elsewhere;
    KIRQL irql;
    PVOID base;
    IO_ALLOCATION_ACTION answer;
};

static IO_ALLOCATION_ACTION routine(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct asked *asked = context;

    (void)device, (void)irp;
    asked->base = base;
    asked->elsewhere = ms_cpu_current() != asked->asker;
    asked->irql = KeGetCurrentIrql();
    asked->place = ms_fetch_add_relaxed(asked->order, 1) + 1;
    return asked->answer;
}

static void ask(struct asked *asked, struct fixture *f, PDMA_ADAPTER adapter, ms_atomic_u32 *order,
                IO_ALLOCATION_ACTION answer)
{
    *asked = (struct asked){
        .f = f, .adapter = adapter, .order = order, .asker = ms_cpu_current(), .answer = answer};
    context_make(adapter, &asked->context);
    assert_status(adapter->DmaOperations->AllocateAdapterChannelEx(
                      adapter, &f->pdo, &asked->context, 2, 0, routine, asked, NULL),
                  STATUS_SUCCESS);
}

/* ACX-07, ACX-15, ACX-16, AMB-45, QUE-03, EXR-01 */
MS_TEST(with_deferred_requests_every_routine_runs_on_the_dpc_thread_in_order)
{
    struct ms_dma_config config = fixture_config();
    static struct asked asked[REQUESTS];
    ms_atomic_u32 order;
    struct fixture f;
    config.defer_requests = true;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);

    ms_init(&order, 0);
    for (int i = 0; i < REQUESTS; i++)
        ask(&asked[i], &f, a, &order, DeallocateObject);
    KeFlushQueuedDpcs();
    for (uint32_t i = 0; i < REQUESTS; i++) {
        assert_int_equal(asked[i].place, i + 1);
        assert_true(asked[i].elsewhere);
        assert_int_equal(asked[i].irql, DISPATCH_LEVEL);
    }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* QUE-07, QUE-12, CAC-12 */
MS_TEST(with_deferred_grants_a_release_returns_before_the_next_routine)
{
    struct ms_dma_config config = fixture_config();
    static struct asked first, second, third;
    ms_atomic_u32 order;
    struct fixture f;
    config.defer_grants = true;
    fixture_open_with(&f, &config);
    PDMA_ADAPTER a = adapter_get(&f, SG32, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;

    ms_init(&order, 0);
    ask(&first, &f, a, &order, KeepObject);
    assert_int_equal(first.place, 1); /* at once: nobody had to make way */
    assert_false(first.elsewhere);
    ask(&second, &f, a, &order, DeallocateObject);
    ask(&third, &f, a, &order, DeallocateObjectKeepRegisters);
    assert_true(ops->CancelAdapterChannel(a, &f.pdo, &second.context));
    ops->FreeAdapterChannel(a);
    KeFlushQueuedDpcs();
    assert_int_equal(second.place, 0);
    assert_int_equal(third.place, 2);
    assert_true(third.elsewhere);
    ops->FreeMapRegisters(a, third.base, 2);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}
