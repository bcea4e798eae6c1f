/* SPDX-License-Identifier: MIT */
/*
 * limits.c: what the hardware allows: single steps that no design can avoid, measured in the same
 * run, so that every other time can be read as a multiple of them.
 *
 * Measured    one thread, warm caches, each step by itself and nothing around it but its loop.
 * Not shown   what the steps cost when processors share a line or caches are cold.
 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory/memory.h"
#include "platform/platform.h"

enum { PFNS = 512 }; /* 2 MiB: numbers and elements fit the first cache */

static const struct ms_shape_info infos[] = {
    {.name = "atomic-pair", .title = "two locked instructions on private lines", .is_quick = true},
    {.name = "cas-pair", .title = "a load with compare-and-swap, and a release store"},
    {.name = "table-call", .title = "a call with eleven arguments through a table"},
    {.name = "pfn-read", .title = "reading 512 page frame numbers", .bytes = PFNS * 8},
    {.name = "element-store", .title = "writing 512 list elements", .bytes = PFNS * 24},
    {.name = "memcpy-4k",
     .title = "copying a warm page to a warm page",
     .bytes = MS_PAGE_BYTES,
     .is_quick = true},
};

enum { SHAPES = sizeof infos / sizeof *infos };

/* The contender of shape i bears its name. */
static const struct ms_contender contenders[SHAPES] = {
    {.name = "atomic-pair", .title = "two locked instructions", .part = MS_PART_LIMIT},
    {.name = "cas-pair", .title = "compare-and-swap, release store", .part = MS_PART_LIMIT},
    {.name = "table-call", .title = "an indirect call with 11 arguments", .part = MS_PART_LIMIT},
    {.name = "pfn-read", .title = "512 page frame numbers read", .part = MS_PART_LIMIT},
    {.name = "element-store", .title = "512 list elements written", .part = MS_PART_LIMIT},
    {.name = "memcpy-4k", .title = "a warm page copied", .part = MS_PART_LIMIT},
};

typedef uint64_t table_entry(void *adapter, void *mdl, void *base, uint64_t offset, uint32_t device,
                             uint32_t *length, bool write, void *list, uint32_t bytes,
                             void *routine, void *context);

struct stage {
    ms_atomic_u64 word[2 * MS_CACHE_LINE / sizeof(ms_atomic_u64)];
    uint64_t pfn[PFNS];
    SCATTER_GATHER_ELEMENT element[PFNS];
    uint8_t page[2][MS_PAGE_BYTES];
    table_entry *entry; /* not const, so that the call stays indirect */
    uint64_t sum;       /* keeps the results alive */
    size_t shape;
} __attribute__((aligned(MS_PAGE_BYTES)));

static size_t shape_find(const char *name)
{
    size_t i = 0;

    while (i < SHAPES && strcmp(infos[i].name, name) != 0)
        i++;
    return i;
}

/* ---- the steps -------------------------------------------------------------------------------- */

__attribute__((noinline)) static uint64_t called(void *adapter, void *mdl, void *base,
                                                 uint64_t offset, uint32_t device, uint32_t *length,
                                                 bool write, void *list, uint32_t bytes,
                                                 void *routine, void *context)
{
    (void)adapter, (void)mdl, (void)base, (void)device, (void)write, (void)list, (void)routine;
    (void)context;
    return offset + *length + bytes;
}

static void atomic_run(struct stage *s, uint64_t ops)
{
    while (ops-- > 0) {
        ms_fetch_add_seq_cst_u64(&s->word[0], 1);
        ms_fetch_add_seq_cst_u64(&s->word[MS_CACHE_LINE / sizeof s->word[0]], 1);
    }
}

static void cas_run(struct stage *s, uint64_t ops)
{
    while (ops-- > 0) {
        uint64_t seen = ms_load_relaxed_u64(&s->word[0]);

        (void)ms_cas_acquire_u64(&s->word[0], &seen, seen + 1);
        ms_store_release_u64(&s->word[0], seen);
    }
}

static void call_run(struct stage *s, uint64_t ops)
{
    uint32_t length = 4096;

    while (ops-- > 0)
        s->sum += s->entry(s, s->pfn, s->page, ops, 0, &length, true, s->element, 64, NULL, NULL);
}

/* The essence of finding runs: every number is looked at, nothing is decided. */
__attribute__((noinline)) static uint64_t pfn_read(const uint64_t *pfn, uint64_t expected)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < PFNS; i++)
        wrong |= pfn[i] ^ (expected + i);
    return wrong;
}

__attribute__((noinline)) static void element_store(SCATTER_GATHER_ELEMENT *element, uint64_t from)
{
    for (uint64_t i = 0; i < PFNS; i++) {
        element[i].Address.QuadPart = (LONGLONG)((from + 2 * i) << MS_PAGE_SHIFT);
        element[i].Length = MS_PAGE_BYTES;
        element[i].Reserved = 0;
    }
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    struct stage *s = stage;

    (void)thread;
    switch (s->shape) {
    case 0:
        atomic_run(s, ops);
        break;
    case 1:
        cas_run(s, ops);
        break;
    case 2:
        call_run(s, ops);
        break;
    case 3:
        while (ops-- > 0)
            s->sum += pfn_read(s->pfn, ops);
        break;
    case 4:
        while (ops-- > 0)
            element_store(s->element, ops);
        break;
    default:
        while (ops-- > 0) {
            s->page[0][0] = (uint8_t)ops;
            memcpy(s->page[1], s->page[0], MS_PAGE_BYTES);
            s->sum += s->page[1][ops % MS_PAGE_BYTES];
        }
        break;
    }
}

/* ---- the table -------------------------------------------------------------------------------- */

static const struct ms_shape_info *shape(const struct ms_catalog *catalog, size_t index)
{
    (void)catalog;
    return index < SHAPES ? &infos[index] : NULL;
}

static size_t limits(const struct ms_cell_key *key, const struct ms_contender **all)
{
    size_t at = shape_find(key->shape);

    *all = &contenders[at < SHAPES ? at : 0];
    return at < SHAPES ? 1 : 0;
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    size_t at = shape_find(key->shape);
    struct stage *s;

    (void)catalog;
    if (at == SHAPES) {
        snprintf(why, MS_WHY_BYTES, "no limit is named %s", key->shape);
        return NULL;
    }
    s = aligned_alloc(MS_PAGE_BYTES, sizeof *s);
    if (!s) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->shape = at;
    s->entry = called;
    for (uint64_t i = 0; i < PFNS; i++)
        s->pfn[i] = 1000 + i;
    return s;
}

static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    (void)stage;
    (void)key;
    (void)seed;
    (void)why;
    return true;
}

static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    (void)stage;
    (void)ops;
    (void)why;
    *tally = (struct ms_tally){0};
    return true;
}

static void stage_close(void *stage)
{
    free(stage);
}

const struct ms_scenario ms_scenario_limits = {
    .name = "limits",
    .title = "single steps that no design can avoid",
    .version = 2,
    .is_bare = true,
    .shape = shape,
    .limits = limits,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
