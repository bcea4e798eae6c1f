/* SPDX-License-Identifier: MIT */
/*
 * Lists under real threads: four ask, another one cancels whatever it finds. No request is lost: its
 * routine runs, or a cancel said TRUE (CAC-05, QUE-10). Every byte of every list is looked at.
 */
#include "adapter/test_chain.h"

enum { THREADS = 4, ROUNDS = 1500, ALONE = 8 };

/* One thread's request, and its rival's view of it. */
struct asker {
    struct storm *storm;
    struct chain chain;
    struct context context;
    ms_atomic_u32 open;    /* 1: the rival may try to cancel; 0: it must keep away */
    ms_atomic_u32 entered; /* routines run */
    ms_atomic_u32 cancels; /* cancels that said TRUE */
    uint32_t granted, refused;
    uint32_t index;
};

struct storm {
    struct fixture f;
    PDMA_ADAPTER adapter;
    ms_atomic_u32 over;
    struct asker asker[THREADS];
};

static VOID ready(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct asker *asker = context;
    PDMA_ADAPTER adapter = asker->storm->adapter;

    (void)device, (void)irp;
    chain_check_device_reads(&asker->chain, list, 32, 0, asker->chain.bytes, asker->index);
    adapter->DmaOperations->PutScatterGatherList(adapter, list, TRUE);
    ms_fetch_add_acq_rel(&asker->entered, 1);
}

static void ask_once(struct asker *asker, bool alone)
{
    struct storm *storm = asker->storm;
    const DMA_OPERATIONS *ops = storm->adapter->DmaOperations;
    uint32_t before = ms_load_relaxed(&asker->entered) + ms_load_relaxed(&asker->cancels);
    NTSTATUS status;

    context_make(storm->adapter, &asker->context);
    ms_store_release(&asker->open, !alone);
    status = ops->GetScatterGatherListEx(storm->adapter, &storm->f.pdo, &asker->context,
                                         asker->chain.mdl[0], 0, asker->chain.bytes, 0, ready,
                                         asker, TRUE, NULL, NULL, NULL);
    if (NT_SUCCESS(status))
        asker->granted++;
    else
        asker->refused++;
    /* Success: wait until it ran or was cancelled. Cancelled before it asked: it never will be. */
    while (NT_SUCCESS(status) &&
           ms_load_acquire(&asker->entered) + ms_load_acquire(&asker->cancels) == before)
        ms_thread_yield();
    for (uint32_t one = 1; !ms_cas_acq_rel(&asker->open, &one, 0) && one != 0; one = 1)
        ms_thread_yield(); /* the rival is at it: let it finish */
    assert_true(NT_SUCCESS(status) || (status == STATUS_CANCELLED && !alone));
}

static void asker_body(void *context)
{
    struct asker *asker = context;

    ms_cpu_enter(asker->storm->f.kernel);
    for (int i = 0; i < ROUNDS; i++)
        ask_once(asker, i % ALONE == 0); /* however quick the rival is, some are granted */
}

static void rival_body(void *context)
{
    struct storm *storm = context;
    const DMA_OPERATIONS *ops = storm->adapter->DmaOperations;

    ms_cpu_enter(storm->f.kernel);
    for (uint32_t i = 0; !ms_load_acquire(&storm->over); i = (i + 1) % THREADS) {
        struct asker *asker = &storm->asker[i];
        uint32_t one = 1;
        if (!ms_cas_acquire(&asker->open, &one, 2))
            continue;
        if (ops->CancelAdapterChannel(storm->adapter, NULL, &asker->context))
            ms_fetch_add_acq_rel(&asker->cancels, 1);
        ms_store_release(&asker->open, 0);
        ms_thread_yield();
    }
}

/* CAC-05, QUE-10, GEN-09, SGX-17, TCX-12 */
MS_TEST(every_list_asked_for_is_entered_or_cancelled)
{
    static struct storm storm;
    struct ms_thread *threads[THREADS], *rival;
    uint32_t entered = 0, cancels = 0;

    memset(&storm, 0, sizeof storm);
    fixture_open(&storm.f);
    storm.adapter = adapter_get(&storm.f, SG32, NULL);
    for (uint32_t i = 0; i < THREADS; i++) {
        struct chain_mdl of = {i * 16, 0x1800, {0x180000 + 4 * i, 0x180002 + 4 * i}};
        storm.asker[i].storm = &storm;
        storm.asker[i].index = i;
        chain_make(&storm.asker[i].chain, &storm.f, &of, 1);
        chain_fill(&storm.asker[i].chain, 0x1800, i);
    }
    rival = ms_thread_start(rival_body, &storm);
    for (int i = 0; i < THREADS; i++)
        threads[i] = ms_thread_start(asker_body, &storm.asker[i]);
    for (int i = 0; i < THREADS; i++)
        ms_thread_join(threads[i]);
    ms_store_release(&storm.over, 1);
    ms_thread_join(rival);
    for (int i = 0; i < THREADS; i++) {
        struct asker *asker = &storm.asker[i];
        entered += ms_load_relaxed(&asker->entered);
        cancels += ms_load_relaxed(&asker->cancels);
        assert_int_equal(asker->granted + asker->refused, ROUNDS);
        /* A cancel that said TRUE ended a request that waited, or marked a context for later. */
        assert_true(ms_load_relaxed(&asker->entered) <= asker->granted);
        assert_true(ms_load_relaxed(&asker->entered) + ms_load_relaxed(&asker->cancels) >=
                    asker->granted);
        chain_end(&asker->chain);
    }
    assert_true(entered >= THREADS * ROUNDS / ALONE);
    assert_int_equal(ms_dma_grants_used(storm.f.dma), 0);
    storm.adapter->DmaOperations->PutDmaAdapter(storm.adapter);
    fixture_close(&storm.f);
    (void)cancels;
}
