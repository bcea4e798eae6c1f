/* SPDX-License-Identifier: MIT */
/*
 * put_sim.c: a list is put beside FreeAdapterObject(DeallocateObject) of the same grant, in either order and at
 * once (FRE-10, GEN-09). Who freed takes the register again, for data of another mapping: that data must never
 * come into the first one's buffer. All schedules with three changes from one to the other are played.
 */
#include "adapter/grant.h"
#include "adapter/test_chain.h"
#include "platform/test_sim.h"

enum { PUTTER, FREER };
enum { BEFORE = 0x11, DEVICE = 0xA5, OTHERS = 0xEE, BYTES = 64, FAR = 1000 };

struct world {
    struct fixture f;
    PDMA_ADAPTER adapter, other;
    struct chain chain, more;
    PSCATTER_GATHER_LIST list;
    struct context context;
    NTSTATUS granted;
    PVOID base;
};

static void put(void *context)
{
    struct world *w = context;

    w->adapter->DmaOperations->PutScatterGatherList(w->adapter, w->list, FALSE);
}

static void free_and_map(void *context)
{
    struct world *w = context;
    const DMA_OPERATIONS *ops = w->other->DmaOperations;
    struct own_list list;
    ULONG length = BYTES;

    ops->FreeAdapterObject(w->adapter, DeallocateObject);
    w->granted = ops->AllocateAdapterChannelEx(w->other, &w->f.pdo, &w->context, 1,
                                               DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &w->base);
    if (NT_SUCCESS(w->granted))
        ms_require(NT_SUCCESS(ops->MapTransferEx(w->other, w->more.mdl[0], w->base, 0, 0, &length,
                                                 TRUE, list_of(&list), sizeof list, NULL, NULL)));
}

static void check(void *context)
{
    struct world *w = context;
    uint8_t first = *chain_byte(&w->chain, 0);

    /* FRE-13: it came back, or it was discarded. */
    for (uint32_t i = 0; i < BYTES; i++)
        if (*chain_byte(&w->chain, i) != first || (first != BEFORE && first != DEVICE))
            ms_sim_fail("another's", "byte %u is %02x", i, *chain_byte(&w->chain, i));
    if (NT_SUCCESS(w->granted))
        w->other->DmaOperations->FreeAdapterChannel(w->other);
    else if (w->granted != STATUS_INSUFFICIENT_RESOURCES)
        ms_sim_fail("status", "%08x", (unsigned)w->granted);
    if (ms_dma_grants_used(w->f.dma) != 0 || !ms_dma_audit(w->f.dma))
        ms_sim_fail("leak", "a grant or a register is left over");
}

static void prepare(struct world *w)
{
    const DMA_OPERATIONS *ops = w->adapter->DmaOperations;
    SCATTER_GATHER_ELEMENT element;

    for (uint32_t i = 0; i < BYTES; i++) {
        *chain_byte(&w->chain, i) = BEFORE;
        *chain_byte(&w->more, i) = OTHERS;
    }
    context_make(w->other, &w->context);
    w->list = NULL;
    struct context mine;
    context_make(w->adapter, &mine);
    ms_require(NT_SUCCESS(ops->GetScatterGatherListEx(w->adapter, &w->f.pdo, &mine, w->chain.mdl[0],
                                                      0, BYTES, DMA_SYNCHRONOUS_CALLBACK, NULL,
                                                      NULL, FALSE, NULL, NULL, &w->list)));
    memcpy(&element, w->list->Elements, sizeof element);
    uint8_t *page = ms_memory_at(w->f.memory, (ms_pa){(uint64_t)element.Address.QuadPart}, BYTES);
    ms_require(page != NULL);
    memset(page, DEVICE, BYTES);
}

/* The putter up to step `a`, the freer up to `b`, the putter up to `c`, then the freer. */
static struct ms_sim_result run(struct world *w, uint32_t a, uint32_t b, uint32_t c)
{
    static ms_thread_body *const bodies[] = {put, free_and_map};
    struct ms_sim_actor actors[2];
    struct ms_sim_config config;

    prepare(w);
    sim_cast(&config, actors, bodies, 2, w);
    config.check = check;
    return sim_turns(&config, PUTTER, a, b, c);
}

/* FRE-05, FRE-10, FRE-13, PSG-01, PSG-04, MRG-16, GEN-09 */
MS_TEST(sim_a_list_put_beside_a_free_copies_back_nobody_elses_page)
{
    static const struct chain_mdl mine = {0, BYTES, {0x140000}}, others = {0, BYTES, {0x140007}};
    static struct world w;
    struct ms_dma_config dma = fixture_config();
    uint32_t granted = 0, came = 0;

    dma.registers[0] = dma.registers[MS_REACH_32] = 1;
    fixture_open_with(&w.f, &dma);
    w.adapter = adapter_get(&w.f, SG32, NULL);
    w.other = adapter_get(&w.f, SG32, NULL);
    chain_make(&w.chain, &w.f, &mine, 1);
    chain_make(&w.more, &w.f, &others, 1);
    const struct ms_sim_result whole = run(&w, FAR, FAR + 1, FAR + 2);
    assert_in_range(whole.steps, 20, FAR);
    for (uint32_t a = 0; a <= whole.fiber_steps[PUTTER] + 1; a++)
        for (uint32_t b = a + 1; b <= a + whole.steps; b += 1 + b % 2)
            for (uint32_t c = b + 1; c <= b + 6; c += 2) {
                run(&w, a, b, c);
                granted += NT_SUCCESS(w.granted);
                came += *chain_byte(&w.chain, 0) == DEVICE;
            }
    print_message("%u grants, %u times the data came\n", granted, came);
    assert_true(granted > 100 && came > 100);
    chain_end(&w.chain);
    chain_end(&w.more);
    w.adapter->DmaOperations->PutDmaAdapter(w.adapter);
    w.other->DmaOperations->PutDmaAdapter(w.other);
    fixture_close(&w.f);
}
