/* SPDX-License-Identifier: MIT */
/*
 * list.c: the list step alone: an MDL chain to scatter/gather elements, by every way this processor
 * has, beside what bounds it and what one would write without thinking.
 *
 * Measured    ms_sg_map with the limits of a 64-bit adapter, one thread, inputs rotated as in the
 *             scenario map, cold in the shapes that say so; no grant, no table, no flush.
 * Beside it   list-read: every frame number read; list-store: as many elements written; list-chase: the
 *             chain's pointers followed. Nothing is decided in these, and a builder has to do all
 *             three: the longest is its limit.
 *             list-naive: page by page, compared with the last element where it lies in the list.
 * Not shown   lists at addresses that are not a multiple of 64; limits of a device.
 */
#include "bound.h"
#include "chains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sg/sg.h"

enum work {
    WORK_READ,
    WORK_STORE,
    WORK_CHASE,
    WORK_NAIVE,
    WORK_SCALAR,
    WORK_AVX2,
    WORK_AVX512,
    WORKS
};

/* Judged by nobody: the page makes a table of its own of them (bench/lists.c knows the names). */
static const struct ms_contender contenders[WORKS] = {
    {.name = "list-read", .title = "every frame number read", .part = MS_PART_LIMIT},
    {.name = "list-store", .title = "as many elements written", .part = MS_PART_LIMIT},
    {.name = "list-chase", .title = "the chain followed", .part = MS_PART_LIMIT},
    {.name = "list-naive", .title = "page by page, as one would write it", .part = MS_PART_LIMIT},
    {.name = "list-scalar", .title = "our list, plain C", .part = MS_PART_LIMIT},
    {.name = "list-avx2", .title = "our list, AVX2", .part = MS_PART_LIMIT},
    {.name = "list-avx512", .title = "our list, AVX-512", .part = MS_PART_LIMIT},
};

struct stage {
    struct ms_memory *memory;
    struct ms_chains chains;
    struct ms_sg_builder builder;
    enum work work;
    const struct ms_bounds *bounds;
    uint32_t *parts; /* elements the list of each chain has */
    SCATTER_GATHER_LIST *list;
    uint8_t *list_memory;
    uint32_t slots;
    uint32_t next;
    uint64_t failed;
    uint64_t seen; /* keeps results alive */
};

/* ---- the ways --------------------------------------------------------------------------------- */

/* What one would write: the last element lives in the list, so each page waits for its store. */
__attribute__((noinline)) static uint32_t naive_loop(const MDL *mdl, SCATTER_GATHER_LIST *list)
{
    SCATTER_GATHER_ELEMENT *last = NULL;
    uint32_t count = 0;

    for (; mdl; mdl = mdl->Next) {
        const PFN_NUMBER *pfn = ms_mdl_frames(mdl);
        uint64_t left = mdl->ByteCount;
        uint64_t offset = mdl->ByteOffset;
        bool is_first = true;

        while (left > 0) {
            uint64_t part = MS_PAGE_BYTES - offset < left ? MS_PAGE_BYTES - offset : left;
            uint64_t address = (*pfn++ << MS_PAGE_SHIFT) + offset;

            if (!is_first && (uint64_t)last->Address.QuadPart + last->Length == address &&
                (address & UINT32_MAX) != 0) {
                last->Length += (ULONG)part;
            } else {
                last = &list->Elements[count++];
                last->Address.QuadPart = (LONGLONG)address;
                last->Length = (ULONG)part;
                last->Reserved = 0;
            }
            is_first = false;
            offset = 0;
            left -= part;
        }
    }
    list->NumberOfElements = count;
    list->Reserved = 0;
    return count;
}

__attribute__((noinline)) static uint64_t chase_loop(const MDL *mdl)
{
    uint64_t last = 0;

    for (; mdl; mdl = mdl->Next)
        last = (uint64_t)(uintptr_t)mdl;
    return last;
}

static void map_loop(struct stage *s, uint64_t ops)
{
    while (ops-- > 0) {
        struct ms_sg_request request = {
            .at = {.mdl = s->chains.head[s->next]},
            .length = s->chains.bytes,
            .registers = {.head = MS_REG_NONE},
        };
        struct ms_sg_mapped mapped;
        NTSTATUS status = ms_sg_map(&s->builder, &request, s->list, s->slots, &mapped);

        s->next = s->next + 1 == s->chains.count ? 0 : s->next + 1;
        s->failed += !NT_SUCCESS(status);
    }
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    struct stage *s = stage;

    (void)thread;
    if (s->work >= WORK_SCALAR) {
        map_loop(s, ops);
        return;
    }
    while (ops-- > 0) {
        const MDL *head = s->chains.head[s->next];

        if (s->work == WORK_READ)
            s->seen += s->bounds->read(head);
        else if (s->work == WORK_STORE)
            s->bounds->store(s->list->Elements, s->parts[s->next], ops);
        else if (s->work == WORK_CHASE)
            s->seen += chase_loop(head);
        else
            s->seen += naive_loop(head, s->list);
        s->next = s->next + 1 == s->chains.count ? 0 : s->next + 1;
    }
}

/* ---- before and after ------------------------------------------------------------------------- */

static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    struct stage *s = stage;
    uint32_t work = 0;

    while (work < WORKS && strcmp(contenders[work].name, key->strategy) != 0)
        work++;
    if (work == WORKS) {
        snprintf(why, MS_WHY_BYTES, "nothing is named %s", key->strategy);
        return false;
    }
    s->work = (enum work)work;
    s->next = (uint32_t)(seed % s->chains.count);
    s->failed = 0;
    if (work >= WORK_SCALAR) {
        static const char *const variants[] = {"scalar", "avx2", "avx512"};
        struct ms_sg_limits limits;

        ms_sg_limits_init(&limits, 64);
        ms_sg_builder_init(&s->builder, s->memory, NULL,
                           ms_sg_variant_find(variants[work - WORK_SCALAR]), &limits);
    }
    return true;
}

static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    struct stage *s = stage;

    (void)ops;
    *tally = (struct ms_tally){.counts = 1, .count = {{.name = "elements"}}};
    for (uint32_t i = 0; i < s->chains.count; i++)
        tally->count[0].per_op += s->parts[i] / (double)s->chains.count;
    if (s->failed > 0) {
        snprintf(why, MS_WHY_BYTES, "%" PRIu64 " lists could not be made", s->failed);
        return false;
    }
    return true;
}

static void stage_close(void *stage)
{
    struct stage *s = stage;

    if (!s)
        return;
    ms_chains_drop(&s->chains);
    if (s->memory)
        ms_memory_destroy(s->memory);
    free(s->list_memory);
    free(s->parts);
    free(s);
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    struct ms_memory_config config = ms_memory_config_default();
    const struct ms_layout *layout;
    struct ms_chain_recipe recipe;
    struct stage *s = calloc(1, sizeof *s);

    if (!s || !ms_chain_recipe_find(catalog, key->shape, &recipe, &layout)) {
        snprintf(why, MS_WHY_BYTES, "no shape is named %s, or no memory for it", key->shape);
        goto undo;
    }
    s->memory = ms_memory_create(&config);
    if (!s->memory) {
        snprintf(why, MS_WHY_BYTES, "no emulated memory");
        goto undo;
    }
    if (!ms_chains_make(&s->chains, s->memory, &recipe, layout, UINT32_MAX, why))
        goto undo;
    s->slots = (uint32_t)(s->chains.pages / s->chains.count) + 16;
    s->list_memory = aligned_alloc(MS_CACHE_LINE, ms_round_up(64 + 24 * (size_t)s->slots, 64));
    s->parts = calloc(s->chains.count, sizeof *s->parts);
    if (!s->list_memory || !s->parts) {
        snprintf(why, MS_WHY_BYTES, "no memory for a list");
        goto undo;
    }
    /* Elements begin on a cache line, behind a header of 16 bytes. */
    s->list = (SCATTER_GATHER_LIST *)(void *)(s->list_memory + 48);
    s->bounds = ms_bounds_get();
    for (uint32_t i = 0; i < s->chains.count; i++)
        s->parts[i] = naive_loop(s->chains.head[i], s->list);
    return s;

undo:
    stage_close(s);
    return NULL;
}

/* ---- the table -------------------------------------------------------------------------------- */

static size_t limits(const struct ms_cell_key *key, const struct ms_contender **all)
{
    struct ms_cpu_features here = ms_cpu_features_get();

    (void)key;
    *all = contenders;
    return here.avx512 ? WORKS : here.avx2 ? WORK_AVX512 : WORK_AVX2;
}

/* Hurdles are of the calls around a list, not of the list. */
static bool offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    const struct ms_layout *layout;
    struct ms_chain_recipe recipe;

    return ms_chain_recipe_find(catalog, key->shape, &recipe, &layout) &&
           recipe.hurdle == MS_HURDLE_NONE;
}

const struct ms_scenario ms_scenario_list = {
    .name = "list",
    .title = "an MDL chain to a scatter/gather list, nothing around it",
    .version = 3,
    .is_bare = true,
    .is_recorded_full = true,
    .shape = ms_chain_shape,
    .offers = offers,
    .limits = limits,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
