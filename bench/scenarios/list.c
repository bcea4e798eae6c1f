/* SPDX-License-Identifier: MIT */
/*
 * list.c: the list step alone: an MDL chain to scatter/gather elements, by every way this processor
 * has, beside what bounds it and what one would write without thinking.
 *
 * Measured    ms_sg_map with the limits of a 64-bit adapter, one thread, warm, inputs rotated as in
 *             the scenario map; no grant, no table, no flush.
 * Beside it   list-bound: every frame number read and as many elements written, nothing decided;
 *             list-chase: only the chain's pointers followed;
 *             list-naive: page by page, compared with the last element where it lies in the list.
 * Not shown   cold chains; lists at addresses that are not a multiple of 64.
 */
#include "bound.h"
#include "chains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sg/sg.h"

/* Contenders of one shape. Bare scenarios have no shape in their names, so each name has it. */
enum work { WORK_BOUND, WORK_CHASE, WORK_NAIVE, WORK_SCALAR, WORK_AVX2, WORK_AVX512, WORKS };

#define WAY(work, shape, text)                                                                     \
    {                                                                                              \
        .name = "list-" work "-" shape, .title = text ": " shape, .part = MS_PART_LIMIT            \
    }
#define SHAPE(shape)                                                                               \
    {                                                                                              \
        WAY("bound", shape, "frames read, elements written, nothing decided"),                     \
            WAY("chase", shape, "the chain followed"), WAY("naive", shape, "page by page"),        \
            WAY("scalar", shape, "plain C"), WAY("avx2", shape, "AVX2"),                           \
            WAY("avx512", shape, "AVX-512"),                                                       \
    }

static const char *const names[] = {
    "1p",          "4p",   "16p",    "16p-contiguous", "16p-random", "256p", "256p-contiguous",
    "256p-random", "huge", "packet", "segments",       "chain64"};
static const struct ms_contender contenders[][WORKS] = {SHAPE("1p"),
                                                        SHAPE("4p"),
                                                        SHAPE("16p"),
                                                        SHAPE("16p-contiguous"),
                                                        SHAPE("16p-random"),
                                                        SHAPE("256p"),
                                                        SHAPE("256p-contiguous"),
                                                        SHAPE("256p-random"),
                                                        SHAPE("huge"),
                                                        SHAPE("packet"),
                                                        SHAPE("segments"),
                                                        SHAPE("chain64")};

enum { SHAPES = sizeof names / sizeof *names };
static_assert(sizeof contenders / sizeof *contenders == SHAPES, "each shape has its contenders");

struct stage {
    struct ms_memory *memory;
    struct ms_chains chains;
    struct ms_sg_builder builder;
    enum work work;
    uint32_t *parts; /* elements the list of each chain has */
    SCATTER_GATHER_LIST *list;
    uint8_t *list_memory;
    uint32_t slots;
    uint32_t next;
    uint64_t failed;
    uint64_t seen; /* keeps results alive */
};

static size_t shape_find(const char *name)
{
    size_t i = 0;

    while (i < SHAPES && strcmp(names[i], name) != 0)
        i++;
    return i;
}

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

        if (s->work == WORK_BOUND)
            s->seen += ms_bound_list(head, s->parts[s->next], s->list->Elements);
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
    size_t at = shape_find(key->shape);
    uint32_t work = 0;

    while (work < WORKS && strcmp(contenders[at][work].name, key->strategy) != 0)
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
    *tally = (struct ms_tally){0};
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
    for (uint32_t i = 0; i < s->chains.count; i++)
        s->parts[i] = naive_loop(s->chains.head[i], s->list);
    return s;

undo:
    stage_close(s);
    return NULL;
}

/* ---- the table -------------------------------------------------------------------------------- */

static const struct ms_shape_info *shape(const struct ms_catalog *catalog, size_t index)
{
    const struct ms_shape_info *info;

    for (size_t i = 0; index < SHAPES && (info = ms_chain_shape(catalog, i)); i++)
        if (strcmp(info->name, names[index]) == 0)
            return info;
    return NULL;
}

static size_t adapters(const struct ms_adapter_info **all)
{
    *all = NULL;
    return 0;
}

/* For those who ask, by `--scenario=list --shape=... --threads=1`: a whole call is the scenario map. */
static bool offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    (void)catalog;
    (void)key;
    return false;
}

static size_t limits(const struct ms_cell_key *key, const struct ms_contender **all)
{
    struct ms_cpu_features here = ms_cpu_features_get();
    size_t at = shape_find(key->shape);

    *all = contenders[at < SHAPES ? at : 0];
    if (at == SHAPES)
        return 0;
    return here.avx512 ? WORKS : here.avx2 ? WORK_AVX512 : WORK_AVX2;
}

static const char *refuses(const struct ms_contender *contender, const struct ms_cell_key *key)
{
    (void)contender;
    (void)key;
    return NULL;
}

const struct ms_scenario ms_scenario_list = {
    .name = "list",
    .title = "an MDL chain to a scatter/gather list, nothing around it",
    .version = 1,
    .is_bare = true,
    .shape = shape,
    .adapters = adapters,
    .offers = offers,
    .limits = limits,
    .refuses = refuses,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
