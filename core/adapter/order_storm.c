/* SPDX-License-Identifier: MIT */
/*
 * Real threads that wait for registers: nobody overtakes a large request (QUE-05). One thread asks for all
 * registers of a pool again and again, the others for one each, which would fit long before.
 *
 * A clock counts calls, returns and entries. Whoever called after the large request had come back as
 * waiting, and was entered before it, has overtaken it. That must never be: before its grant it is first
 * in line, and behind its grant there are no registers left. (An asker goes on when its adapter is idle:
 * behind a routine that has not returned it would wait for the adapter, not in that line. Between two
 * small requests the clock could not tell: both may be granted in order and their granters enter them
 * in another.)
 */
#include "adapter/channel.h"
#include "adapter/test_fixture.h"

enum { THREADS = 4, ROUNDS = 1500, REGISTERS = 8 };

struct asking {
    uint32_t called, queued, entered; /* by the clock */
};

struct order {
    struct fixture f;
    PDMA_ADAPTER adapter[THREADS];
    ms_atomic_u32 clock;
    ms_atomic_u32 starting; /* threads that have not come yet */
    struct asking asking[THREADS][ROUNDS];
};

/* One thread's present request. */
struct asker {
    struct order *order;
    uint32_t index, round;
    ULONG registers;
    ms_atomic_u32 is_done; /* hb:order-done, the routine ended: its plain stores are seen */
};

static uint32_t now(struct order *o)
{
    return ms_fetch_add_seq_cst(&o->clock, 1) + 1;
}

static IO_ALLOCATION_ACTION routine(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct asker *a = context;
    PDMA_ADAPTER adapter = a->order->adapter[a->index];

    (void)device, (void)irp;
    a->order->asking[a->index][a->round].entered = now(a->order);
    ms_thread_yield(); /* the registers are held for a while */
    adapter->DmaOperations->FreeMapRegisters(adapter, base, a->registers);
    ms_store_release(&a->is_done, 1);     /* hb:order-done */
    return DeallocateObjectKeepRegisters; /* EXR-11: they are gone already */
}

static bool is_idle(PDMA_ADAPTER adapter)
{
    struct ms_adapter *a = ms_adapter_from(adapter);

    return ms_waitlist_first_get(&a->queue, a->dma->links).node == MS_WAITLIST_NONE;
}

static void asker_run(void *context)
{
    struct asker *a = context;
    struct order *o = a->order;
    PDMA_ADAPTER adapter = o->adapter[a->index];
    struct context dma;

    ms_cpu_enter(o->f.kernel);
    ms_fetch_sub_acq_rel(&o->starting, 1);
    while (ms_load_acquire(&o->starting) != 0)
        ms_thread_yield();
    for (a->round = 0; a->round < ROUNDS; a->round++) {
        struct asking *asking = &o->asking[a->index][a->round];
        ms_store_relaxed(&a->is_done, 0);
        adapter->DmaOperations->InitializeDmaTransferContext(adapter, &dma);
        asking->called = now(o);
        NTSTATUS status = adapter->DmaOperations->AllocateAdapterChannelEx(
            adapter, &o->f.pdo, &dma, a->registers, 0, routine, a, NULL);
        asking->queued = now(o);
        ms_require(NT_SUCCESS(status));
        while (!ms_load_acquire(&a->is_done) || !is_idle(adapter)) /* hb:order-done */
            ms_thread_yield();
    }
    ms_cpu_leave();
}

/* How many requests of other threads overtook one that asked for all. */
static uint32_t overtakers_of(const struct order *o, const struct asking *large)
{
    uint32_t count = 0;

    for (uint32_t t = 1; t < THREADS; t++)
        for (uint32_t i = 0; i < ROUNDS; i++)
            if (o->asking[t][i].called > large->queued && o->asking[t][i].entered < large->entered)
                count++;
    return count;
}

static void order_run(const char *strategy)
{
    struct order *o = ms_alloc(sizeof *o);
    struct ms_dma_config config = fixture_config();
    struct asker asker[THREADS];
    struct ms_thread *thread[THREADS];
    uint32_t waited = 0, overtakers = 0;

    assert_non_null(o);
    config.strategy = ms_strategy_find(strategy);
    config.registers[MS_REACH_32] = REGISTERS;
    fixture_open_with(&o->f, &config);
    ms_init(&o->starting, THREADS);
    for (uint32_t i = 0; i < THREADS; i++) {
        o->adapter[i] = adapter_get(&o->f, SG32, NULL);
        asker[i] = (struct asker){.order = o, .index = i, .registers = i == 0 ? REGISTERS : 1};
        thread[i] = ms_thread_start(asker_run, &asker[i]);
        assert_non_null(thread[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        ms_thread_join(thread[i]);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const struct asking *large = &o->asking[0][i];
        waited += large->entered > large->queued;
        overtakers += overtakers_of(o, large);
    }
    print_message("%s: %u of %u large requests waited, overtaken %u times\n", strategy, waited,
                  ROUNDS, overtakers);
    assert_int_equal(overtakers, 0);
    assert_int_equal(ms_dma_grants_used(o->f.dma), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        o->adapter[i]->DmaOperations->PutDmaAdapter(o->adapter[i]);
    fixture_close(&o->f);
    ms_free(o, sizeof *o);
}

MS_TEST(no_small_request_overtakes_one_for_all_registers)
{
    for (uint32_t i = 0; ms_strategies[i] != NULL; i++)
        order_run(ms_strategies[i]->name);
}
