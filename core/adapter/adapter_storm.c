/* SPDX-License-Identifier: MIT */
/*
 * Real threads on shared adapters: synchronous and asynchronous requests, cancels from elsewhere, maps
 * and flushes, frees by other threads than the one that asked. A shadow byte per bounce page says who
 * has it; every accepted request is entered exactly once or cancelled, never both, never neither.
 */
#include "adapter/test_fixture.h"
#include "platform/prng.h"

enum { THREADS = 4, ADAPTERS = 3, ROUNDS = 4000, PAGES = 4, LIST = 16 + 24 * PAGES };

enum fate { ASKED = 1, ENTERED = 2, CANCELLED = 4, DONE = 8 };

struct storm {
    struct fixture f;
    PDMA_ADAPTER adapter[ADAPTERS];
    ms_atomic_u32 owner[1u << 20]; /* by logical page below 4 GiB: 1 + the request's thread */
    ms_atomic_u32 errors;
    ms_atomic_u32 entered, cancelled, refused;
};

/* One asynchronous request, on its asker's stack. */
struct request {
    struct storm *storm;
    PDMA_ADAPTER adapter;
    struct context context;
    PMDL mdl;
    uint32_t thread;
    ms_atomic_u32 fate;
};

static void wrong(struct storm *s, const char *what)
{
    if (ms_fetch_add_relaxed(&s->errors, 1) < 5)
        fprintf(stderr, "storm: %s\n", what);
}

/* Claims or returns the pages of a list that lie in map registers. */
static void shadow(struct storm *s, const char *list, uint32_t thread, bool claim)
{
    const SCATTER_GATHER_LIST *l = (const SCATTER_GATHER_LIST *)list;

    for (uint32_t i = 0; i < l->NumberOfElements; i++)
        for (uint64_t at = 0; at < l->Elements[i].Length; at += PAGE_SIZE) {
            uint64_t page = ((uint64_t)l->Elements[i].Address.QuadPart + at) >> PAGE_SHIFT;
            uint32_t was = ms_exchange_relaxed(&s->owner[page], claim ? 1 + thread : 0);
            if (was != (claim ? 0 : 1 + thread))
                wrong(s, "a map register is in two hands");
        }
}

/* Maps all pages (all of them bounce), checks whose they are, flushes. */
static void map_and_flush(struct storm *s, PDMA_ADAPTER a, PVOID base, PMDL mdl, uint32_t thread)
{
    _Alignas(16) char list[LIST];
    ULONG length = MmGetMdlByteCount(mdl);
    NTSTATUS status = a->DmaOperations->MapTransferEx(
        a, mdl, base, 0, 0, &length, TRUE, (PSCATTER_GATHER_LIST)list, sizeof list, NULL, NULL);

    if (!NT_SUCCESS(status) || length != MmGetMdlByteCount(mdl)) {
        wrong(s, "a granted mapping failed");
        return;
    }
    shadow(s, list, thread, true);
    shadow(s, list, thread, false);
    if (!NT_SUCCESS(a->DmaOperations->FlushAdapterBuffersEx(a, mdl, base, 0, length, TRUE)))
        wrong(s, "a flush failed");
}

static IO_ALLOCATION_ACTION routine(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct request *r = context;
    struct storm *s = r->storm;
    bool frees = r->thread % 2;

    (void)device, (void)irp;
    if (ms_fetch_or_acq_rel(&r->fate, ENTERED) & (ENTERED | CANCELLED))
        wrong(s, "entered twice, or after a cancel said TRUE");
    ms_fetch_add_relaxed(&s->entered, 1);
    map_and_flush(s, r->adapter, base, r->mdl, r->thread);
    if (frees) /* EXR-11: all is gone before the answer */
        r->adapter->DmaOperations->FreeMapRegisters(r->adapter, base, PAGES);
    ms_fetch_or_acq_rel(&r->fate, DONE); /* r is the asker's stack: gone from here on */
    return frees ? DeallocateObjectKeepRegisters : DeallocateObject;
}

struct worker {
    struct storm *storm;
    uint32_t index;
};

static void ask_sync(struct storm *s, struct ms_prng *prng, PMDL mdl, uint32_t thread)
{
    PDMA_ADAPTER a = s->adapter[ms_prng_below(prng, ADAPTERS)];
    struct context context;
    PVOID base;

    (void)a->DmaOperations->InitializeDmaTransferContext(a, &context);
    if (!NT_SUCCESS(a->DmaOperations->AllocateAdapterChannelEx(
            a, &s->f.pdo, &context, PAGES, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base))) {
        ms_fetch_add_relaxed(&s->refused, 1);
        return;
    }
    a->DmaOperations->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
    map_and_flush(s, a, base, mdl, thread);
    a->DmaOperations->FreeMapRegisters(a, base, PAGES);
}

/* Asks, perhaps cancels, and waits until one of the two has happened. */
static void ask_async(struct storm *s, struct ms_prng *prng, PMDL mdl, uint32_t thread)
{
    struct request r = {.storm = s, .mdl = mdl, .thread = thread};

    r.adapter = s->adapter[ms_prng_below(prng, ADAPTERS)];
    ms_init(&r.fate, ASKED);
    (void)r.adapter->DmaOperations->InitializeDmaTransferContext(r.adapter, &r.context);
    NTSTATUS status = r.adapter->DmaOperations->AllocateAdapterChannelEx(
        r.adapter, &s->f.pdo, &r.context, PAGES, 0, routine, &r, NULL);
    if (!NT_SUCCESS(status)) {
        wrong(s, "an asynchronous request was refused");
        return;
    }
    if (ms_prng_below(prng, 2) && !(ms_load_acquire(&r.fate) & ENTERED) &&
        r.adapter->DmaOperations->CancelAdapterChannel(r.adapter, &s->f.pdo, &r.context) &&
        !(ms_load_acquire(&r.fate) & ENTERED)) {
        if (ms_fetch_or_acq_rel(&r.fate, CANCELLED) & ENTERED)
            wrong(s, "a cancel said TRUE and the routine was entered");
        ms_fetch_add_relaxed(&s->cancelled, 1);
        return; /* CAC-03: nobody looks at r any more; its memory goes now */
    }
    while (!(ms_load_acquire(&r.fate) & DONE))
        ms_thread_yield(); /* the driver waits, not the interface */
}

static void worker_run(void *context)
{
    struct worker *w = context;
    struct storm *s = w->storm;
    struct ms_prng prng = {w->index + 1};
    PFN_NUMBER pfn[PAGES];

    ms_cpu_enter(s->f.kernel);
    for (uint32_t i = 0; i < PAGES; i++)
        pfn[i] = 0x140000 + w->index * 64 + i * 2; /* out of a 32-bit device's reach */
    PMDL mdl = ms_mdl_create(pfn, 0, PAGES * PAGE_SIZE);
    for (int round = 0; round < ROUNDS; round++)
        if (ms_prng_below(&prng, 2))
            ask_sync(s, &prng, mdl, w->index);
        else
            ask_async(s, &prng, mdl, w->index);
    IoFreeMdl(mdl);
    ms_cpu_leave();
}

static void storm_run(const char *strategy, ULONG registers)
{
    struct storm *s = ms_reserve(sizeof *s);
    struct ms_dma_config config = fixture_config();
    struct worker worker[THREADS];
    struct ms_thread *thread[THREADS];

    assert_non_null(s);
    config.strategy = ms_strategy_find(strategy);
    config.registers[MS_REACH_32] = registers;
    fixture_open_with(&s->f, &config);
    for (int i = 0; i < ADAPTERS; i++)
        s->adapter[i] = adapter_get(&s->f, i == 0 ? PACKET32 : SG32, NULL);
    for (uint32_t i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){s, i};
        thread[i] = ms_thread_start(worker_run, &worker[i]);
    }
    for (int i = 0; i < THREADS; i++)
        ms_thread_join(thread[i]);
    assert_int_equal(ms_load_relaxed(&s->errors), 0);
    assert_int_equal(ms_dma_grants_used(s->f.dma), 0);
    print_message("%s, %u registers: %u entered, %u cancelled, %u refused\n", strategy, registers,
                  ms_load_relaxed(&s->entered), ms_load_relaxed(&s->cancelled),
                  ms_load_relaxed(&s->refused));
    for (int i = 0; i < ADAPTERS; i++)
        s->adapter[i]->DmaOperations->PutDmaAdapter(s->adapter[i]);
    fixture_close(&s->f);
    ms_unreserve(s, sizeof *s);
}

MS_TEST(requests_cancels_and_frees_race_with_registers_to_spare)
{
    storm_run("cas-bitmap", 64);
}

MS_TEST(requests_cancels_and_frees_race_for_scarce_registers)
{
    storm_run("cas-bitmap", 6);
    storm_run("spin-bitmap", 6);
}
