/* SPDX-License-Identifier: MIT */
/*
 * map.c: one MapTransferEx and one FlushAdapterBuffersEx through the DMA_OPERATIONS table.
 *
 * Measured    two calls on a grant that stands: arguments, the walk over the chain, the list, and
 *             for adapters that bounce the copy. Data for the device; every thread has its own
 *             grant and its own chains.
 * Inputs      are rotated: 4096 chains where the breaks are random, so that no branch predictor
 *             learns them; fewer where all are alike, or where they are copied and should be warm.
 * Limits      list-loop: the same list without any contract, checks or grant, as one would write
 *             it; list-bound: every frame number read and as many elements written, nothing
 *             decided, which no list builder can beat; memcpy: the bytes alone. All over the same
 *             chains in the same blocks; a cell is held against the fastest of them.
 * Not shown   asking for the grant and giving it back: that is the scenario transfer.
 */
#include "bound.h"
#include "chains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUTS_BOUNCED = 16,
    VERIFIED_MAX = 32,
    MAP_REGISTERS = 4096,
    SLOTS = 512,
    /* What hurdles are made of: see infos in chains.c. */
    HALF_SLOTS_BYTES = sizeof(SCATTER_GATHER_LIST) + 8 * sizeof(SCATTER_GATHER_ELEMENT),
    LATER_OFFSET = 2 * 16384 + 8192 + 0x123,
};

static const struct ms_contender limit_list[] = {
    {.name = "list-loop",
     .title = "an ideal list loop without any contract",
     .part = MS_PART_LIMIT},
    {.name = "list-bound",
     .title = "reading every frame number and writing as many elements, deciding nothing",
     .part = MS_PART_LIMIT},
};
static const struct ms_contender limit_copy[] = {
    {.name = "memcpy", .title = "copying the bytes and nothing else", .part = MS_PART_LIMIT},
};

/* One thread's part. */
struct lane {
    struct ms_chains chains;
    PVOID base; /* the grant */
    PSCATTER_GATHER_LIST list;
    uint32_t list_bytes;
    uint32_t want; /* bytes that a call maps, from `offset` on */
    uint64_t offset;
    uint8_t *list_memory; /* on a cache line */
    uint32_t *parts;      /* elements the list of each chain has */
    uint32_t next;        /* chain to map next */
    uint64_t failed;      /* calls that did not map all */
    uint64_t elements;
} __attribute__((aligned(MS_CACHE_LINE)));

enum work { WORK_TABLE, WORK_LIST, WORK_BOUND, WORK_COPY };

struct stage {
    struct ms_rig rig;
    PDMA_ADAPTER adapter;
    uint32_t threads;
    enum work work;
    enum ms_chain_hurdle hurdle;
    const struct ms_bounds *bounds;
    struct lane *lane;
    uint8_t *slots; /* what the memcpy limit copies into */
};

/* ---- the limits ------------------------------------------------------------------------------- */

/* The list of a chain, and nothing else: no room to check, no limits, no grant. The open run lives
 * in two registers; an element is written once, when its run ends. */
__attribute__((noinline)) static uint32_t list_loop(const MDL *mdl, SCATTER_GATHER_ELEMENT *out)
{
    SCATTER_GATHER_ELEMENT *at = out;

    for (; mdl; mdl = mdl->Next) {
        const PFN_NUMBER *pfn = ms_mdl_frames(mdl);
        uint64_t left = mdl->ByteCount;
        uint64_t start = (pfn[0] << MS_PAGE_SHIFT) + mdl->ByteOffset;
        uint64_t run = MS_PAGE_BYTES - mdl->ByteOffset;

        for (uint64_t i = 1; run < left; i++) {
            if (pfn[i] == pfn[i - 1] + 1) {
                run += MS_PAGE_BYTES;
                continue;
            }
            at->Address.QuadPart = (LONGLONG)start;
            at->Length = (ULONG)run;
            at->Reserved = 0;
            at++;
            left -= run;
            start = pfn[i] << MS_PAGE_SHIFT;
            run = MS_PAGE_BYTES;
        }
        at->Address.QuadPart = (LONGLONG)start;
        at->Length = (ULONG)left;
        at->Reserved = 0;
        at++;
    }
    return (uint32_t)(at - out);
}

__attribute__((noinline)) static void copy_loop(const struct ms_memory *memory, const MDL *mdl,
                                                uint8_t *slots)
{
    uint32_t slot = 0;

    for (; mdl; mdl = mdl->Next) {
        const PFN_NUMBER *pfn = ms_mdl_frames(mdl);
        uint32_t offset = mdl->ByteOffset;
        uint32_t left = mdl->ByteCount;

        for (uint32_t i = 0; left > 0; i++, slot++) {
            uint32_t part = MS_PAGE_BYTES - offset < left ? MS_PAGE_BYTES - offset : left;
            ms_pa address = {(pfn[i] << MS_PAGE_SHIFT) + offset};

            if (address.value > UINT32_MAX)
                memcpy(slots + (uint64_t)slot % SLOTS * MS_PAGE_BYTES + offset,
                       ms_memory_byte(memory, address), part);
            left -= part;
            offset = 0;
        }
    }
}

/* ---- the timed part --------------------------------------------------------------------------- */

/* Where limits write theirs: never at an odd address. */
static inline SCATTER_GATHER_ELEMENT *lane_elements(const struct lane *lane)
{
    return (SCATTER_GATHER_ELEMENT *)(void *)(lane->list_memory + sizeof(SCATTER_GATHER_LIST));
}

static inline PMDL chain_next(struct lane *lane)
{
    PMDL head = lane->chains.head[lane->next];

    lane->next = lane->next + 1 == lane->chains.count ? 0 : lane->next + 1;
    return head;
}

/* `is_usual`, a constant: the whole chain, and all of it is mapped. */
FORCEINLINE void calls_run(const struct stage *s, struct lane *lane, uint64_t ops,
                           const bool is_usual)
{
    PDMA_ADAPTER adapter = s->adapter;
    /* All that does not change, in registers: a call may change what lies in memory. */
    PMDL *const heads = lane->chains.head;
    const uint32_t count = lane->chains.count;
    const uint64_t offset = is_usual ? 0 : lane->offset;
    const uint32_t bytes = lane->chains.bytes - (uint32_t)offset;
    const uint32_t want = is_usual ? bytes : lane->want;
    uint32_t next = lane->next;
    uint64_t failed = 0;

    while (ops-- > 0) {
        PMDL head = heads[next];
        ULONG length = bytes;
        NTSTATUS status =
            adapter->DmaOperations->MapTransferEx(adapter, head, lane->base, offset, 0, &length,
                                                  TRUE, lane->list, lane->list_bytes, NULL, NULL);
        uint32_t wrong = (uint32_t)status | (length ^ want);

        next = next + 1 == count ? 0 : next + 1;
        status = adapter->DmaOperations->FlushAdapterBuffersEx(adapter, head, lane->base, offset,
                                                               want, TRUE);
        failed += ((uint32_t)status | wrong) != STATUS_SUCCESS;
    }
    lane->next = next;
    lane->failed += failed;
}

/* By itself, so that the loop's own variables have registers. */
__attribute__((noinline)) static void table_run(const struct stage *s, struct lane *lane,
                                                uint64_t ops)
{
    calls_run(s, lane, ops, true);
}

__attribute__((noinline)) static void hurdle_run(const struct stage *s, struct lane *lane,
                                                 uint64_t ops)
{
    calls_run(s, lane, ops, false);
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    struct stage *s = stage;
    struct lane *lane = &s->lane[thread];

    ms_cpu_enter(s->rig.kernel);
    switch (s->work) {
    case WORK_TABLE:
        if (s->hurdle == MS_HURDLE_NONE)
            table_run(s, lane, ops);
        else
            hurdle_run(s, lane, ops);
        break;
    case WORK_LIST:
        while (ops-- > 0)
            lane->elements += list_loop(chain_next(lane), lane_elements(lane));
        break;
    case WORK_BOUND:
        while (ops-- > 0) {
            uint32_t elements = lane->parts[lane->next];

            lane->elements += s->bounds->list(chain_next(lane), elements, lane_elements(lane));
        }
        break;
    case WORK_COPY:
        while (ops-- > 0)
            copy_loop(s->rig.memory, chain_next(lane),
                      s->slots + (uint64_t)thread * SLOTS * MS_PAGE_BYTES);
        break;
    }
}

/* ---- before and after ------------------------------------------------------------------------- */

static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    struct stage *s = stage;

    (void)why;
    if (strcmp(key->strategy, limit_list[0].name) == 0)
        s->work = WORK_LIST;
    else if (strcmp(key->strategy, limit_list[1].name) == 0)
        s->work = WORK_BOUND;
    else if (strcmp(key->strategy, limit_copy[0].name) == 0)
        s->work = WORK_COPY;
    else
        s->work = WORK_TABLE;
    for (uint32_t i = 0; i < s->threads; i++) {
        s->lane[i].next = (uint32_t)(seed % s->lane[i].chains.count);
        s->lane[i].failed = 0;
        s->lane[i].elements = 0;
    }
    return true;
}

static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    struct stage *s = stage;
    const struct lane *lane = &s->lane[0];
    uint64_t failed = 0;
    ULONG elements;

    (void)ops;
    *tally = (struct ms_tally){0};
    if (s->work != WORK_TABLE)
        return true;
    for (uint32_t i = 0; i < s->threads; i++)
        failed += s->lane[i].failed;
    if (failed > 0) {
        snprintf(why, MS_WHY_BYTES, "%" PRIu64 " calls failed or mapped less than asked", failed);
        return false;
    }
    tally->count[0].name = "elements in the last list";
    memcpy(&elements, lane->list, sizeof elements); /* the header's first member, at any address */
    tally->count[0].per_op = elements;
    tally->counts = 1;
    return true;
}

/* Maps some of the chains once and compares every byte, so that nobody measures a wrong list. */
static bool lane_verify(struct stage *s, struct lane *lane, char *why)
{
    PDMA_ADAPTER adapter = s->adapter;
    SCATTER_GATHER_LIST *list = malloc(lane->list_bytes); /* the list may lie at an odd address */
    bool is_right = true;

    if (!list) {
        snprintf(why, MS_WHY_BYTES, "no memory for a list");
        return false;
    }
    ms_chains_mark(&lane->chains, VERIFIED_MAX);
    for (uint32_t i = 0; is_right && i < lane->chains.count && i < VERIFIED_MAX; i++) {
        PMDL head = lane->chains.head[i];
        ULONG length = lane->chains.bytes - (uint32_t)lane->offset;

        is_right = NT_SUCCESS(adapter->DmaOperations->MapTransferEx(
                       adapter, head, lane->base, lane->offset, 0, &length, TRUE, lane->list,
                       lane->list_bytes, NULL, NULL)) &&
                   length == lane->want;
        memcpy(list, lane->list, lane->list_bytes);
        is_right = is_right && ms_rig_list_shows(&s->rig, list, head, lane->offset, length);
        adapter->DmaOperations->FlushAdapterBuffersEx(adapter, head, lane->base, lane->offset,
                                                      length, TRUE);
        if (!is_right)
            snprintf(why, MS_WHY_BYTES, "the list of chain %" PRIu32 " does not show its bytes", i);
    }
    free(list);
    return is_right;
}

/* ---- life ------------------------------------------------------------------------------------- */

static void stage_close(void *stage)
{
    struct stage *s = stage;

    if (!s)
        return;
    for (uint32_t i = 0; s->lane && i < s->threads; i++) {
        struct lane *lane = &s->lane[i];

        if (s->adapter && lane->base)
            s->adapter->DmaOperations->FreeMapRegisters(s->adapter, lane->base, 0);
        free(lane->list_memory);
        free(lane->parts);
        ms_chains_drop(&lane->chains);
    }
    if (s->adapter)
        s->adapter->DmaOperations->PutDmaAdapter(s->adapter);
    if (s->rig.memory)
        ms_rig_drop(&s->rig);
    if (s->lane)
        ms_free(s->lane, s->threads * sizeof *s->lane);
    free(s->slots);
    free(s);
}

/* A grant that stands: the channel is given up at once, the registers stay. */
static bool lane_grant(struct stage *s, struct lane *lane, uint32_t registers, char *why)
{
    _Alignas(16) char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    PDMA_OPERATIONS table = s->adapter->DmaOperations;
    NTSTATUS status = table->InitializeDmaTransferContext(s->adapter, context);

    if (NT_SUCCESS(status))
        status = table->AllocateAdapterChannelEx(s->adapter, &s->rig.pdo, context, registers,
                                                 DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &lane->base);
    if (!NT_SUCCESS(status)) {
        lane->base = NULL;
        snprintf(why, MS_WHY_BYTES, "no grant of %" PRIu32 " map registers: 0x%08X", registers,
                 (unsigned)status);
        return false;
    }
    table->FreeAdapterObject(s->adapter, DeallocateObjectKeepRegisters);
    return true;
}

static bool lane_make(struct stage *s, struct lane *lane, const struct ms_chain_recipe *recipe,
                      const struct ms_layout *layout, bool bounces, char *why)
{
    uint32_t registers;
    bool is_odd = recipe->hurdle == MS_HURDLE_ODD_LIST;

    if (!ms_chains_make(&lane->chains, s->rig.memory, recipe, layout,
                        bounces ? INPUTS_BOUNCED : UINT32_MAX, why) ||
        !ms_rig_measure(s->adapter, &lane->chains, &registers, &lane->list_bytes, why))
        return false;
    lane->list_memory = aligned_alloc(64, (lane->list_bytes + 1 + 63u) / 64u * 64u);
    lane->parts = calloc(lane->chains.count, sizeof *lane->parts);
    if (!lane->list_memory || !lane->parts) {
        snprintf(why, MS_WHY_BYTES, "no memory for a list");
        return false;
    }
    memset(lane->list_memory, 0, lane->list_bytes + 1);
    lane->list = (PSCATTER_GATHER_LIST)(void *)(lane->list_memory + is_odd);
    lane->want = lane->chains.bytes;
    if (recipe->hurdle == MS_HURDLE_SHORT) {
        lane->list_bytes = HALF_SLOTS_BYTES;
        lane->want /= 2;
    } else if (recipe->hurdle == MS_HURDLE_REGISTERS) {
        registers /= 2;
        lane->want /= 2;
    } else if (recipe->hurdle == MS_HURDLE_LATER) {
        lane->offset = LATER_OFFSET;
        lane->want -= LATER_OFFSET;
    }
    for (uint32_t i = 0; i < lane->chains.count && !bounces; i++)
        lane->parts[i] = list_loop(lane->chains.head[i], lane_elements(lane));
    return lane_grant(s, lane, registers, why) && lane_verify(s, lane, why);
}

static bool adapter_bounces(const char *name)
{
    const struct ms_adapter_info *all;
    size_t count = ms_chain_adapters(&all);

    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].bounces;
    return false;
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
    if (!s) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        return NULL;
    }
    s->hurdle = recipe.hurdle;
    if (!ms_rig_make(&s->rig, why))
        goto undo;
    s->rig.boundary = recipe.hurdle == MS_HURDLE_64K ? 64 * 1024 : 0;
    if (!ms_rig_equip(&s->rig, ms_catalog_ops(catalog, MS_BASELINE_NAME), MAP_REGISTERS, why))
        goto undo;
    s->adapter = ms_rig_adapter(&s->rig, key->adapter, why);
    if (!s->adapter)
        goto undo;
    s->lane = ms_alloc(key->threads * sizeof *s->lane);
    /* Where map registers lie: at the beginning of a page, so that each byte keeps its place in the
     * page. From calloc the slots begin 16 bytes into one, where Zen copies 30 times slower. */
    s->slots = aligned_alloc(MS_PAGE_BYTES, (size_t)key->threads * SLOTS * MS_PAGE_BYTES);
    if (!s->lane || !s->slots) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        goto undo;
    }
    memset(s->slots, 0, (size_t)key->threads * SLOTS * MS_PAGE_BYTES);
    s->threads = key->threads;
    s->bounds = ms_bounds_get();
    for (uint32_t i = 0; i < s->threads; i++)
        if (!lane_make(s, &s->lane[i], &recipe, layout, adapter_bounces(key->adapter), why))
            goto undo;
    return s;

undo:
    stage_close(s);
    return NULL;
}

/* ---- the table -------------------------------------------------------------------------------- */

/* Where reach or registers are the hurdle it takes a device that copies page by page. */
static const char *refuses(const struct ms_catalog *catalog, const struct ms_contender *contender,
                           const struct ms_cell_key *key)
{
    (void)catalog;
    (void)contender;
    switch (ms_chain_hurdle_of(key->shape)) {
    case MS_HURDLE_NONE:
        return NULL;
    case MS_HURDLE_IN_REACH:
    case MS_HURDLE_ONE_OUT:
    case MS_HURDLE_HALF_OUT:
    case MS_HURDLE_REGISTERS:
        return strcmp(key->adapter, "sg32") == 0 ? NULL : "only the adapter sg32 meets this";
    default:
        return strcmp(key->adapter, "sg64") == 0 ? NULL : "measured on the adapter sg64 only";
    }
}

static bool offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    const struct ms_layout *layout;
    struct ms_chain_recipe recipe;

    return ms_chain_recipe_find(catalog, key->shape, &recipe, &layout) &&
           !refuses(catalog, NULL, key) && (recipe.is_bounced || !adapter_bounces(key->adapter)) &&
           (recipe.is_small || key->threads == 1);
}

/* None where what they do is not what is mapped. */
static size_t limits(const struct ms_cell_key *key, const struct ms_contender **all)
{
    bool bounces = adapter_bounces(key->adapter);

    *all = bounces ? limit_copy : limit_list;
    switch (ms_chain_hurdle_of(key->shape)) {
    case MS_HURDLE_IN_REACH:
    case MS_HURDLE_REGISTERS:
    case MS_HURDLE_SHORT:
    case MS_HURDLE_LATER:
        return 0;
    default:
        break;
    }
    return bounces ? 1 : sizeof limit_list / sizeof *limit_list;
}

const struct ms_scenario ms_scenario_map = {
    .name = "map",
    .title = "one MapTransferEx + FlushAdapterBuffersEx",
    .version = 4,
    .shape = ms_chain_shape,
    .adapters = ms_chain_adapters,
    .offers = offers,
    .limits = limits,
    .refuses = refuses,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
