/* SPDX-License-Identifier: MIT */
/*
 * transfer.c: a whole transfer as a driver does it, per map-register strategy:
 * InitializeDmaTransferContext, AllocateAdapterChannelEx, FreeAdapterObject (the channel goes, the
 * registers stay), MapTransferEx, FlushAdapterBuffersEx, FreeMapRegisters.
 *
 * Measured    the strategy where it really stands: behind grants, pool and bounce copy. Every
 *             thread plays one device with an adapter of its own; all share one register file.
 * Inputs      16 chains a thread, so that the copied pages are warm.
 * Counted     how requests wait where the file has no room for everybody (waiting.c).
 */
#include "chains.h"
#include "waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 16 };

static const struct ms_shape_info infos[] = {
    {.name = "1p", .title = "one page", .pages = 1, .bytes = 4096, .is_quick = true},
    {.name = "packet", .title = "network packet, 2 MDLs", .pages = 2, .bytes = 54 + 1460},
    {.name = "16p", .title = "16 pages, all apart", .pages = 16, .bytes = 65536},
};

enum { SHAPES = sizeof infos / sizeof *infos };

static const struct ms_adapter_info adapters_all[] = {
    {.name = "sg32", .title = "scatter/gather, 32-bit: every page is copied", .bounces = true},
    {.name = "packet", .title = "packet, 32-bit: copied into one piece", .bounces = true},
};

/* One thread's device. */
struct lane {
    struct ms_chains chains;
    PDMA_ADAPTER adapter;
    PSCATTER_GATHER_LIST list;
    uint32_t list_bytes;
    uint32_t registers;
    uint32_t next;
    uint64_t failed;
    uint64_t refused;
} __attribute__((aligned(MS_CACHE_LINE)));

struct stage {
    struct ms_rig rig;
    const struct ms_catalog *catalog;
    const struct ms_reg_ops *ops; /* the strategy the rig is equipped with */
    char adapter[24];
    uint32_t registers;
    uint32_t threads;
    struct lane *lane;
};

/* ---- the timed part --------------------------------------------------------------------------- */

/* One transfer; false when it was refused for want of registers, which counts and is no failure. */
static bool transfer_do(struct stage *s, struct lane *lane)
{
    _Alignas(16) char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    PDMA_ADAPTER adapter = lane->adapter;
    PDMA_OPERATIONS table = adapter->DmaOperations;
    PMDL head = lane->chains.head[lane->next];
    ULONG length = lane->chains.bytes;
    PVOID base = NULL;
    NTSTATUS status;

    lane->next = lane->next + 1 == lane->chains.count ? 0 : lane->next + 1;
    status = table->InitializeDmaTransferContext(adapter, context);
    lane->failed += !NT_SUCCESS(status);
    status = table->AllocateAdapterChannelEx(adapter, &s->rig.pdo, context, lane->registers,
                                             DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base);
    if (!NT_SUCCESS(status))
        return false;
    table->FreeAdapterObject(adapter, DeallocateObjectKeepRegisters);
    status = table->MapTransferEx(adapter, head, base, 0, 0, &length, TRUE, lane->list,
                                  lane->list_bytes, NULL, NULL);
    lane->failed += !NT_SUCCESS(status) || length != lane->chains.bytes;
    status = table->FlushAdapterBuffersEx(adapter, head, base, 0, length, TRUE);
    lane->failed += !NT_SUCCESS(status);
    table->FreeMapRegisters(adapter, base, lane->registers);
    return true;
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    struct stage *s = stage;
    struct lane *lane = &s->lane[thread];

    ms_cpu_enter(s->rig.kernel);
    while (ops-- > 0)
        lane->refused += !transfer_do(s, lane);
}

/* ---- before and after ------------------------------------------------------------------------- */

static void lane_unplug(struct lane *lane)
{
    if (lane->adapter)
        lane->adapter->DmaOperations->PutDmaAdapter(lane->adapter);
    lane->adapter = NULL;
}

static bool lane_plug(struct stage *s, struct lane *lane, char *why)
{
    uint32_t list_bytes;

    lane->adapter = ms_rig_adapter(&s->rig, s->adapter, why);
    if (!lane->adapter ||
        !ms_rig_measure(lane->adapter, &lane->chains, &lane->registers, &list_bytes, why))
        return false;
    if (lane->list && list_bytes <= lane->list_bytes)
        return true;
    free(lane->list);
    lane->list_bytes = (list_bytes + 63u) / 64u * 64u;
    lane->list = aligned_alloc(64, lane->list_bytes);
    if (!lane->list)
        snprintf(why, MS_WHY_BYTES, "no memory for a list");
    return lane->list != NULL;
}

/* Builds the register file anew for every sample, so that each strategy starts from the same. */
static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    struct stage *s = stage;

    s->ops = ms_catalog_ops(s->catalog, key->strategy);
    if (!s->ops) {
        snprintf(why, MS_WHY_BYTES, "no strategy is named %s", key->strategy);
        return false;
    }
    for (uint32_t i = 0; i < s->threads; i++)
        lane_unplug(&s->lane[i]);
    if (!ms_rig_equip(&s->rig, s->ops, s->registers, why))
        return false;
    for (uint32_t i = 0; i < s->threads; i++) {
        struct lane *lane = &s->lane[i];

        if (!lane_plug(s, lane, why))
            return false;
        lane->next = (uint32_t)(seed % lane->chains.count);
        lane->failed = 0;
        lane->refused = 0;
        for (uint32_t k = 0; k < INPUTS; k++) /* warm, and no first use inside the sample */
            lane->refused += !transfer_do(s, lane);
    }
    return true;
}

/* The last list still shows the copied bytes if nobody else can have used the registers since. */
static bool lane_is_right(const struct stage *s, const struct lane *lane)
{
    uint32_t last = (lane->next + lane->chains.count - 1) % lane->chains.count;

    return s->threads > 1 || lane->refused > 0 ||
           ms_rig_list_is_right(&s->rig, lane->list, lane->chains.head[last], lane->chains.bytes);
}

static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    struct stage *s = stage;
    uint64_t failed = 0;
    uint64_t refused = 0;

    for (uint32_t i = 0; i < s->threads; i++) {
        failed += s->lane[i].failed + !lane_is_right(s, &s->lane[i]);
        refused += s->lane[i].refused;
    }
    *tally = (struct ms_tally){.counts = 1};
    tally->count[0].name = "requests refused";
    tally->count[0].per_op = ops ? (double)refused / (double)ops : 0.0;
    if (failed > 0)
        snprintf(why, MS_WHY_BYTES, "%" PRIu64 " calls failed or showed the wrong bytes", failed);
    else if (!ms_dma_audit(s->rig.dma))
        snprintf(why, MS_WHY_BYTES, "the machine's audit failed after the sample");
    else
        return true;
    return false;
}

/* ---- life ------------------------------------------------------------------------------------- */

static void stage_close(void *stage)
{
    struct stage *s = stage;

    if (!s)
        return;
    for (uint32_t i = 0; s->lane && i < s->threads; i++) {
        lane_unplug(&s->lane[i]);
        free(s->lane[i].list);
        ms_chains_drop(&s->lane[i].chains);
    }
    if (s->rig.memory)
        ms_rig_drop(&s->rig);
    if (s->lane)
        ms_free(s->lane, s->threads * sizeof *s->lane);
    free(s);
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    const struct ms_layout *layout;
    struct ms_chain_recipe recipe;
    struct stage *s;

    if (!ms_chain_recipe_find(catalog, key->shape, &recipe, &layout)) {
        snprintf(why, MS_WHY_BYTES, "no shape is named %s", key->shape);
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (s)
        s->lane = ms_alloc(key->threads * sizeof *s->lane);
    if (!s || !s->lane) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        free(s);
        return NULL;
    }
    s->catalog = catalog;
    s->registers = key->registers;
    s->threads = key->threads;
    snprintf(s->adapter, sizeof s->adapter, "%s", key->adapter);
    if (!ms_rig_make(&s->rig, why))
        goto undo;
    for (uint32_t i = 0; i < s->threads; i++) {
        if (!ms_chains_make(&s->lane[i].chains, s->rig.memory, &recipe, layout, INPUTS, why))
            goto undo;
        ms_chains_mark(&s->lane[i].chains, INPUTS);
    }
    return s;

undo:
    stage_close(s);
    return NULL;
}

/* ---- the table -------------------------------------------------------------------------------- */

/* What is counted is how requests wait, which has nothing to do with the shape or the threads. */
static bool count(const struct ms_catalog *catalog, const struct ms_cell_key *key, uint64_t seed,
                  struct ms_tally *tally, char *why)
{
    *tally = (struct ms_tally){.counts = 0};
    return key->threads > 1 ||
           ms_waiting_count(catalog, key->strategy, key->adapter, seed, tally, why);
}

static const struct ms_shape_info *shape(const struct ms_catalog *catalog, size_t index)
{
    (void)catalog;
    return index < SHAPES ? &infos[index] : NULL;
}

static size_t adapters(const struct ms_adapter_info **all)
{
    *all = adapters_all;
    return sizeof adapters_all / sizeof *adapters_all;
}

/* Packets are between the two others; they are measured when asked for. */
static bool offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    (void)catalog;
    return strcmp(key->shape, "packet") != 0;
}

/* A packet adapter wants its registers in one run; a scatter/gather one takes them one by one. */
static const char *refuses(const struct ms_catalog *catalog, const struct ms_contender *contender,
                           const struct ms_cell_key *key)
{
    bool is_packet = strcmp(key->adapter, "packet") == 0;

    (void)catalog;
    for (size_t i = 0; i < SHAPES; i++)
        if (strcmp(infos[i].name, key->shape) == 0 && is_packet &&
            infos[i].pages > contender->run_max)
            return "refused by design: the shape asks for longer runs than it gives";
    return NULL;
}

const struct ms_scenario ms_scenario_transfer = {
    .name = "transfer",
    .title = "a whole transfer: grant, map, flush, free",
    .version = 2,
    .compares = true,
    .has_registers = true,
    .shape = shape,
    .adapters = adapters,
    .offers = offers,
    .refuses = refuses,
    .count = count,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
