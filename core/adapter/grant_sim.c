/* SPDX-License-Identifier: MIT */
/*
 * grant_sim.c: a request is granted by whoever frees what it waits for; beside that another thread of its driver
 * frees the channel, which nobody has told it that it owns, or puts the adapter. Whatever order they come in, the
 * registers and the channel come back, once, and what lies in them is nobody else's. All schedules with three changes
 * from one to the other are played.
 */
#include "adapter/test_chain.h"
#include "platform/test_sim.h"

enum { GRANTER, OTHER };
enum { BYTES = 64, FAR = 1000, OTHERS = 0xEE, MINE = 0x11 };

/* What is asked for, and what the other thread does. */
struct variant {
    bool is_system; /* a channel of the one there is, else registers */
    bool is_list;
    bool puts;
    bool takes; /* and takes what it freed, for other data */
};

enum what { REGISTERS, CHANNEL, LIST, CHANNEL_LIST, PUT_CHANNEL, PUT_CHANNEL_LIST };
static const struct variant variants[] = {
    [REGISTERS] = {false, false, false, false}, [CHANNEL] = {true, false, false, false},
    [LIST] = {false, true, false, true},        [CHANNEL_LIST] = {true, true, false, false},
    [PUT_CHANNEL] = {true, false, true, false}, [PUT_CHANNEL_LIST] = {true, true, true, false},
};

struct world {
    struct fixture f;
    const struct variant *variant;
    PDMA_ADAPTER holder, mine, other;
    struct context held, asked, taken;
    struct chain chain, more;
    PVOID holders, base, others;
    PSCATTER_GATHER_LIST list;
    bool was_entered, is_granted;
};

static IO_ALLOCATION_ACTION entered(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct world *w = context;

    (void)device, (void)irp;
    w->was_entered = true;
    w->base = base;
    return KeepObject;
}

static VOID listed(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct world *w = context;

    (void)device, (void)irp;
    w->was_entered = true;
    w->list = list;
}

static void grant(void *context)
{
    struct world *w = context;

    w->holder->DmaOperations->FreeAdapterChannel(w->holder);
}

/* A register that was freed may be taken, for other bytes. */
static void take(struct world *w)
{
    const DMA_OPERATIONS *ops = w->other->DmaOperations;
    struct own_list list;
    ULONG length = BYTES;

    w->is_granted = NT_SUCCESS(ops->AllocateAdapterChannelEx(
        w->other, &w->f.pdo, &w->taken, 1, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &w->others));
    if (w->is_granted)
        ms_require(NT_SUCCESS(ops->MapTransferEx(w->other, w->more.mdl[0], w->others, 0, 0, &length,
                                                 TRUE, list_of(&list), sizeof list, NULL, NULL)));
}

static void disturb(void *context)
{
    struct world *w = context;

    if (w->variant->puts)
        w->mine->DmaOperations->PutDmaAdapter(w->mine);
    else
        w->mine->DmaOperations->FreeAdapterChannel(w->mine);
    if (w->variant->takes)
        take(w);
}

/* The bytes of the other adapter's mapping lie in its register still. */
static void taken_check(struct world *w)
{
    struct ms_pool *pool = ms_dma_pool(w->f.dma, MS_REACH_32, MS_POOL_SCATTER);

    for (ms_reg reg = 0; reg < pool->registers; reg++)
        if (ms_pool_page(pool, reg)[0] == OTHERS)
            return;
    ms_sim_fail("another's", "a register holds bytes that are not its owner's");
}

static void check(void *context)
{
    struct world *w = context;
    const DMA_OPERATIONS *ops = w->holder->DmaOperations;

    if (w->is_granted) {
        taken_check(w);
        ops->FreeAdapterChannel(w->other);
    }
    if (!w->variant->puts) {
        if (w->list)
            ops->PutScatterGatherList(w->mine, w->list, TRUE);
        ops->FreeAdapterChannel(w->mine);
        if (!w->was_entered)
            ms_sim_fail("never", "a request that nobody cancelled is not granted");
    }
    /* PUT-05: registers of an adapter that was put may stay, a channel may not. */
    if (ms_dma_grants_used(w->f.dma) > w->variant->puts || !ms_dma_audit(w->f.dma))
        ms_sim_fail("leak", "a grant or a register is left over");
    context_make(w->holder, &w->held);
    if (w->variant->is_system &&
        !NT_SUCCESS(ops->AllocateAdapterChannelEx(
            w->holder, &w->f.pdo, &w->held, 0, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &w->holders)))
        ms_sim_fail("channel", "who waits for a channel never gets it");
    if (w->variant->is_system)
        ops->FreeAdapterChannel(w->holder);
}

static PDMA_ADAPTER adapter_of(struct world *w, ULONG line)
{
    DEVICE_DESCRIPTION d = {.Version = DEVICE_DESCRIPTION_VERSION3,
                            .InterfaceType = ACPIBus,
                            .DmaWidth = Width8Bits,
                            .MaximumLength = PAGE_SIZE,
                            .DmaRequestLine = 0x1000 + line};
    ULONG most;

    return w->variant->is_system ? ms_adapter_open(w->f.dma, &w->f.pdo, &d, &most)
                                 : adapter_get(&w->f, SG32, NULL);
}

/* The holder has what there is; the request waits for it. */
static void world_open(struct world *w, const struct variant *variant)
{
    static const struct chain_mdl mine = {0, BYTES, {0x140000}}, others = {0, BYTES, {0x140007}};
    struct ms_controller_config soc = ms_controller_soc();
    struct ms_dma_config config = fixture_config();
    const DMA_OPERATIONS *ops;

    memset(w, 0, sizeof *w);
    w->variant = variant;
    soc.channels = 1;
    config.registers[0] = config.registers[MS_REACH_32] = variant->is_system ? 4 : 1;
    config.controllers = &soc;
    config.controller_count = 1;
    config.grants = 4;
    fixture_open_with(&w->f, &config);
    w->holder = adapter_of(w, 1);
    w->mine = adapter_of(w, 2);
    w->other = adapter_get(&w->f, SG32, NULL);
    chain_make(&w->chain, &w->f, &mine, 1);
    chain_make(&w->more, &w->f, &others, 1);
    for (uint32_t i = 0; i < BYTES; i++) {
        *chain_byte(&w->chain, i) = MINE;
        *chain_byte(&w->more, i) = OTHERS;
    }
    ops = w->holder->DmaOperations;
    context_make(w->holder, &w->held);
    context_make(w->mine, &w->asked);
    context_make(w->other, &w->taken);
    assert_status(ops->AllocateAdapterChannelEx(w->holder, &w->f.pdo, &w->held, 1,
                                                DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &w->holders),
                  STATUS_SUCCESS);
    NTSTATUS status =
        variant->is_list
            ? ops->GetScatterGatherList(w->mine, &w->f.pdo, w->chain.mdl[0],
                                        MmGetMdlVirtualAddress(w->chain.mdl[0]), BYTES, listed, w,
                                        TRUE)
            : ops->AllocateAdapterChannelEx(w->mine, &w->f.pdo, &w->asked, 1, 0, entered, w, NULL);
    assert_status(status, STATUS_SUCCESS);
    assert_false(w->was_entered);
}

static struct ms_sim_result run(struct world *w, const struct variant *variant, uint32_t a,
                                uint32_t b, uint32_t c)
{
    static ms_thread_body *const bodies[] = {grant, disturb};
    struct ms_sim_actor actors[2];
    struct ms_sim_config config;

    if (!ms_sim_image_use(w, (uint32_t)(variant - variants))) {
        world_open(w, variant);
        ms_sim_image_keep(w, sizeof *w);
    }
    sim_cast(&config, actors, bodies, 2, w);
    config.check = check;
    return sim_turns(&config, GRANTER, a, b, c);
}

static void all_turns(enum what what)
{
    static struct world w;
    const struct variant *variant = &variants[what];
    const struct ms_sim_result whole = run(&w, variant, FAR, FAR + 1, FAR + 2);

    assert_in_range(whole.steps, 20, FAR);
    for (uint32_t a = 0; a <= whole.fiber_steps[GRANTER] + 1; a++)
        for (uint32_t b = a + 1; b <= a + whole.steps; b++)
            run(&w, variant, a, b, b + 1 + b % 8);
    ms_sim_image_leave();
}

/* FRE-11, ACX-21, QUE-11, GEN-09: what a request was granted is not freed before anybody is told that it has it: its
 * registers would be lost. */
MS_TEST(sim_a_channel_freed_while_it_is_being_granted_loses_no_register)
{
    all_turns(REGISTERS);
    all_turns(CHANNEL);
}

/* FRE-11, SGX-12, SGL-09, MRG-16, GEN-09: likewise what a list is being made in: another's data would be written
 * over, or another's channel be started. */
MS_TEST(sim_a_channel_freed_while_its_list_is_being_made_keeps_it_till_then)
{
    all_turns(LIST);
    all_turns(CHANNEL_LIST);
}

/* PUT-05, QUE-04: an adapter that is put while it is being granted its channel does not keep that for ever. */
MS_TEST(sim_an_adapter_put_while_it_is_granted_its_channel_gives_it_back)
{
    all_turns(PUT_CHANNEL);
    all_turns(PUT_CHANNEL_LIST);
}
