/* SPDX-License-Identifier: MIT */
/* chains.c: MDL chains of many shapes over emulated memory. */
#include "chains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    INPUTS_FEW = 64,    /* every input has the same breaks: nothing to learn */
    INPUTS_MANY = 4096, /* random breaks: more than a branch predictor remembers */
    INPUTS_LARGE = 16,
    INPUTS_HUGE = 4,
    INPUTS_COLD = 65536, /* with their MDLs and frames about 16 MiB */
    LAYOUT_SEED = 4711,
    GRANTS = 256,
    LENGTH_MAX = 16 * MIB, /* of one transfer, as the device description says */
};

static const struct ms_shape_info infos[] = {
    {.name = "1p", .title = "one page", .pages = 1, .bytes = 4 * KIB, .is_quick = true},
    {.name = "4p", .title = "4 pages, all apart", .pages = 4, .bytes = 16 * KIB},
    {.name = "16p",
     .title = "16 pages, all apart",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_quick = true},
    {.name = "16p-contiguous",
     .title = "16 pages, one run",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_quick = true},
    {.name = "16p-random",
     .title = "16 pages, random runs of mean 4",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_quick = true},
    {.name = "17p-unaligned",
     .title = "64 KiB from offset 0x123: cut first and last page",
     .pages = 17,
     .bytes = 64 * KIB},
    {.name = "256p", .title = "256 pages, all apart", .pages = 256, .bytes = MIB, .is_quick = true},
    {.name = "256p-contiguous", .title = "256 pages, one run", .pages = 256, .bytes = MIB},
    {.name = "256p-random",
     .title = "256 pages, random runs of mean 4",
     .pages = 256,
     .bytes = MIB},
    {.name = "256p-alternating",
     .title = "256 pages, runs of 1 and 7 by turns",
     .pages = 256,
     .bytes = MIB,
     .is_full = true},
    {.name = "huge", .title = "a 2 MiB huge page", .pages = 512, .bytes = 2 * MIB},
    {.name = "packet",
     .title = "network packet: 54 bytes of header, 1460 of payload, 2 MDLs",
     .pages = 2,
     .bytes = 54 + 1460,
     .is_quick = true},
    {.name = "segments",
     .title = "segmentation offload: a header and 44 payloads, 45 MDLs",
     .pages = 45,
     .bytes = 54 + 44 * 1460},
    {.name = "chain4", .title = "4 MDLs of 4 pages, all apart", .pages = 16, .bytes = 64 * KIB},
    {.name = "chain64", .title = "64 MDLs of one page", .pages = 64, .bytes = 256 * KIB},
    {.name = "2p", .title = "2 pages, apart", .pages = 2, .bytes = 8 * KIB, .is_full = true},
    {.name = "packet3",
     .title = "network packet: header and two payloads of 730 bytes, 3 MDLs",
     .pages = 3,
     .bytes = 54 + 2 * 730,
     .is_full = true},
    {.name = "257p-unaligned",
     .title = "1 MiB from offset 0x123: cut first and last page",
     .pages = 257,
     .bytes = MIB,
     .is_full = true},
    {.name = "1024p",
     .title = "1024 pages, all apart",
     .pages = 1024,
     .bytes = 4 * MIB,
     .is_full = true},
    {.name = "4096p",
     .title = "4096 pages, all apart",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-contiguous",
     .title = "4096 pages, one run",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-huge",
     .title = "4096 pages, runs of 512",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "256p-runs2",
     .title = "256 pages, runs of 2",
     .pages = 256,
     .bytes = MIB,
     .is_full = true},
    {.name = "256p-runs8",
     .title = "256 pages, runs of 8",
     .pages = 256,
     .bytes = MIB,
     .is_full = true},
    {.name = "256p-runs64",
     .title = "256 pages, runs of 64",
     .pages = 256,
     .bytes = MIB,
     .is_full = true},
    {.name = "4096p-runs2",
     .title = "4096 pages, runs of 2",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-runs8",
     .title = "4096 pages, runs of 8",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-runs64",
     .title = "4096 pages, runs of 64",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-random",
     .title = "4096 pages, random runs of mean 4",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-random1.5",
     .title = "4096 pages, random runs of mean 1.5",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-random16",
     .title = "4096 pages, random runs of mean 16",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-uniform",
     .title = "4096 pages, random runs of 1 to 16",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "4096p-mixture",
     .title = "4096 pages: half single, others up to 79",
     .pages = 4096,
     .bytes = 16 * MIB,
     .is_full = true},
    {.name = "chain4-random",
     .title = "4 MDLs of 16 pages, random runs of mean 4",
     .pages = 64,
     .bytes = 256 * KIB,
     .is_full = true},
    {.name = "chain64x16",
     .title = "64 MDLs of 16 pages, all apart",
     .pages = 1024,
     .bytes = 4 * MIB,
     .is_full = true},
    {.name = "chain64x16-run",
     .title = "64 MDLs of 16 pages, all one run",
     .pages = 1024,
     .bytes = 4 * MIB,
     .is_full = true},
    {.name = "cold-1p",
     .title = "one page, cold: 65536 chains in random order",
     .pages = 1,
     .bytes = 4 * KIB,
     .is_full = true},
    {.name = "cold-packet",
     .title = "network packet of 2 MDLs, cold",
     .pages = 2,
     .bytes = 54 + 1460,
     .is_full = true},
    {.name = "cold-16p",
     .title = "16 pages, all apart, cold",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_full = true},
    {.name = "16p-in-reach",
     .title = "16 pages apart, all of which 32 bits reach",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_full = true},
    {.name = "16p-one-out",
     .title = "16 pages apart, one of which 32 bits do not reach",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_full = true},
    {.name = "16p-half-out",
     .title = "16 pages apart, half of which 32 bits do not reach",
     .pages = 16,
     .bytes = 64 * KIB},
    {.name = "16p-registers",
     .title = "16 pages out of reach, 8 map registers: half is mapped",
     .pages = 8,
     .bytes = 32 * KIB,
     .is_full = true},
    {.name = "16p-short-list",
     .title = "16 pages apart, a list of 8 elements: half is mapped",
     .pages = 8,
     .bytes = 32 * KIB,
     .is_full = true},
    {.name = "16p-odd-list",
     .title = "16 pages apart, the list at an odd address",
     .pages = 16,
     .bytes = 64 * KIB,
     .is_full = true},
    {.name = "256p-odd-list",
     .title = "256 pages apart, the list at an odd address",
     .pages = 256,
     .bytes = MIB,
     .is_full = true},
    {.name = "chain4-later",
     .title = "4 MDLs of 4 pages, from 0x123 behind the middle of the third",
     .pages = 6,
     .bytes = 24 * KIB - 0x123,
     .is_full = true},
    {.name = "256p-64k",
     .title = "256 pages, one run, no element across 64 KiB",
     .pages = 256,
     .bytes = MIB,
     .is_full = true},
};

/* recipes[i] is what infos[i] announces. */
static const struct ms_chain_recipe recipes[] = {
    {MS_FRAMES_FRAGMENTED, {{1, 0, 4 * KIB}}, INPUTS_FEW, true, true, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 16 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, true, true, false, MS_HURDLE_NONE},
    {MS_FRAMES_CONTIGUOUS, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_GEOMETRIC, {{1, 0, 64 * KIB}}, INPUTS_MANY, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0x123, 64 * KIB}}, INPUTS_FEW, false, true, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, MIB}}, INPUTS_LARGE, false, true, false, MS_HURDLE_NONE},
    {MS_FRAMES_CONTIGUOUS, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_GEOMETRIC, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_ALTERNATING, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_HUGE, {{1, 0, 2 * MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED,
     {{1, 0x40, 54}, {1, 0x100, 1460}},
     INPUTS_FEW,
     true,
     true,
     false,
     MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED,
     {{1, 0x40, 54}, {44, 0x100, 1460}},
     INPUTS_FEW,
     false,
     false,
     false,
     MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{4, 0, 16 * KIB}}, INPUTS_FEW, false, true, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{64, 0, 4 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 8 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED,
     {{1, 0x40, 54}, {2, 0x100, 730}},
     INPUTS_FEW,
     false,
     false,
     false,
     MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0x123, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 4 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_CONTIGUOUS, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_HUGE, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_RUNS_2, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_RUNS_8, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_RUNS_64, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_RUNS_2, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_RUNS_8, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_RUNS_64, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_GEOMETRIC, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_SHORT_RUNS, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_LONG_RUNS, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_UNIFORM, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_MIXTURE, {{1, 0, 16 * MIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_GEOMETRIC, {{4, 0, 64 * KIB}}, INPUTS_MANY, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{64, 0, 64 * KIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_CONTIGUOUS, {{64, 0, 64 * KIB}}, INPUTS_HUGE, false, false, false, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 4 * KIB}}, INPUTS_COLD, false, false, true, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED,
     {{1, 0x40, 54}, {1, 0x100, 1460}},
     INPUTS_COLD,
     false,
     false,
     true,
     MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_COLD, false, false, true, MS_HURDLE_NONE},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, true, false, MS_HURDLE_IN_REACH},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, true, false, MS_HURDLE_ONE_OUT},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, true, false, MS_HURDLE_HALF_OUT},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, true, false, MS_HURDLE_REGISTERS},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_SHORT},
    {MS_FRAMES_FRAGMENTED, {{1, 0, 64 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_ODD_LIST},
    {MS_FRAMES_FRAGMENTED, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_ODD_LIST},
    {MS_FRAMES_FRAGMENTED, {{4, 0, 16 * KIB}}, INPUTS_FEW, false, false, false, MS_HURDLE_LATER},
    {MS_FRAMES_CONTIGUOUS, {{1, 0, MIB}}, INPUTS_LARGE, false, false, false, MS_HURDLE_64K},
};

enum { RECIPES = sizeof recipes / sizeof *recipes };
static_assert(sizeof infos / sizeof *infos == RECIPES, "each shape has its recipe");

const struct ms_shape_info *ms_chain_shape(const struct ms_catalog *catalog, size_t index)
{
    return index < RECIPES ? &infos[index] : ms_catalog_recorded(catalog, index - RECIPES);
}

bool ms_chain_recipe_find(const struct ms_catalog *catalog, const char *shape,
                          struct ms_chain_recipe *recipe, const struct ms_layout **layout)
{
    const struct ms_shape_info *info;

    *layout = NULL;
    for (size_t i = 0; i < RECIPES; i++) {
        if (strcmp(infos[i].name, shape) != 0)
            continue;
        *recipe = recipes[i];
        return true;
    }
    for (size_t i = 0; (info = ms_catalog_recorded(catalog, i)); i++) {
        bool is_whole;

        if (strcmp(info->name, shape) != 0)
            continue;
        *layout = ms_catalog_layout(catalog, i);
        is_whole = (*layout)->pages == info->pages;
        *recipe = (struct ms_chain_recipe){
            .frames = MS_FRAMES_RECORDED,
            .part = {{.mdls = 1, .bytes = (uint32_t)info->bytes}},
            .inputs = info->pages > 256  ? INPUTS_HUGE
                      : info->pages > 16 ? INPUTS_LARGE
                      : is_whole         ? INPUTS_FEW
                                         : INPUTS_MANY,
        };
        return true;
    }
    return false;
}

enum ms_chain_hurdle ms_chain_hurdle_of(const char *shape)
{
    for (size_t i = 0; i < RECIPES; i++)
        if (strcmp(infos[i].name, shape) == 0)
            return recipes[i].hurdle;
    return MS_HURDLE_NONE;
}

/* ---- chains ----------------------------------------------------------------------------------- */

static uint32_t part_pages(const struct ms_chain_part *part)
{
    return (part->offset + part->bytes + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES;
}

static bool layout_make(struct ms_layout *layout, enum ms_chain_frames frames, uint64_t pages,
                        uint64_t pages_each)
{
    switch (frames) {
    case MS_FRAMES_CONTIGUOUS:
        /* One run a chain, and the next chain's apart from it. */
        return ms_layout_make_runs(layout, pages, pages_each);
    case MS_FRAMES_FRAGMENTED:
        return ms_layout_make_fragmented(layout, pages);
    case MS_FRAMES_GEOMETRIC:
        return ms_layout_make_geometric(layout, pages, 4.0, LAYOUT_SEED);
    case MS_FRAMES_SHORT_RUNS:
        return ms_layout_make_geometric(layout, pages, 1.5, LAYOUT_SEED);
    case MS_FRAMES_LONG_RUNS:
        return ms_layout_make_geometric(layout, pages, 16.0, LAYOUT_SEED);
    case MS_FRAMES_UNIFORM:
        return ms_layout_make_uniform(layout, pages, 16, LAYOUT_SEED);
    case MS_FRAMES_MIXTURE:
        return ms_layout_make_mixture(layout, pages, LAYOUT_SEED);
    case MS_FRAMES_RUNS_2:
        return ms_layout_make_runs(layout, pages, 2);
    case MS_FRAMES_RUNS_8:
        return ms_layout_make_runs(layout, pages, 8);
    case MS_FRAMES_RUNS_64:
        return ms_layout_make_runs(layout, pages, 64);
    case MS_FRAMES_ALTERNATING:
        return ms_layout_make_alternating(layout, pages, 1, 7);
    case MS_FRAMES_HUGE:
        return ms_layout_make_huge(layout, pages);
    case MS_FRAMES_RECORDED:
        break;
    }
    return false;
}

/* One chain over the frames from `pfn` on; NULL when memory ran out. */
static PMDL chain_make(const struct ms_chain_recipe *recipe, const PFN_NUMBER *pfn)
{
    PMDL head = NULL;
    PMDL *tail = &head;

    for (size_t p = 0; p < MS_CHAIN_PARTS; p++) {
        const struct ms_chain_part *part = &recipe->part[p];

        for (uint32_t i = 0; i < part->mdls; i++) {
            *tail = ms_mdl_create(pfn, part->offset, part->bytes);
            if (!*tail) {
                while (head) {
                    PMDL next = head->Next;
                    IoFreeMdl(head);
                    head = next;
                }
                return NULL;
            }
            pfn += part_pages(part);
            tail = &(*tail)->Next;
        }
    }
    return head;
}

/* Any order will do, as long as it is the same in every run and no prefetcher foresees it. */
static void heads_shuffle(struct ms_chains *chains)
{
    uint64_t random = LAYOUT_SEED;

    for (uint32_t i = chains->count; i > 1; i--) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t other = (uint32_t)((random >> 33) % i);
        PMDL head = chains->head[other];
        chains->head[other] = chains->head[i - 1];
        chains->head[i - 1] = head;
    }
}

/* Bit i: the i-th page of a chain lies where 32 bits reach. */
static uint64_t pages_in_reach(enum ms_chain_hurdle hurdle)
{
    switch (hurdle) {
    case MS_HURDLE_IN_REACH:
        return UINT64_MAX;
    case MS_HURDLE_ONE_OUT:
        return ~(UINT64_C(1) << 7);
    case MS_HURDLE_HALF_OUT:
        return UINT64_C(0x5555555555555555);
    default:
        return 0;
    }
}

/* Changes places: the pages of a mask get frames from below 4 GiB, their own stay in `low`. False: no room, and
 * nothing is placed any more. */
static bool chains_lower(struct ms_chains *chains, const struct ms_layout *layout, uint64_t mask,
                         uint32_t pages_each)
{
    chains->low = calloc(chains->pages, sizeof *chains->low);
    if (!chains->low ||
        !ms_layout_place(chains->memory, layout, 0, chains->pages, MS_ZONE_BELOW_4G, chains->low)) {
        ms_layout_unplace(chains->memory, chains->pfn, chains->pages);
        return false;
    }
    for (uint64_t i = 0; i < chains->pages; i++) {
        PFN_NUMBER high = chains->pfn[i];

        if ((mask >> i % pages_each % 64 & 1) == 0)
            continue;
        chains->pfn[i] = chains->low[i];
        chains->low[i] = high;
    }
    return true;
}

bool ms_chains_make(struct ms_chains *chains, struct ms_memory *memory,
                    const struct ms_chain_recipe *recipe, const struct ms_layout *layout,
                    uint32_t inputs_max, char *why)
{
    struct ms_layout made = {.pages = 0};
    uint32_t pages_each = 0;
    bool is_placed;

    *chains = (struct ms_chains){.memory = memory};
    for (size_t p = 0; p < MS_CHAIN_PARTS; p++) {
        pages_each += recipe->part[p].mdls * part_pages(&recipe->part[p]);
        chains->bytes += recipe->part[p].mdls * recipe->part[p].bytes;
    }
    chains->count = recipe->inputs < inputs_max ? recipe->inputs : inputs_max;
    chains->pages = (uint64_t)chains->count * pages_each;
    chains->pfn = calloc(chains->pages, sizeof *chains->pfn);
    chains->head = calloc(chains->count, sizeof *chains->head);
    if (!chains->pfn || !chains->head ||
        (!layout && !layout_make(&made, recipe->frames, chains->pages, pages_each))) {
        snprintf(why, MS_WHY_BYTES, "no memory for %" PRIu64 " pages", chains->pages);
        chains->count = 0;
        return false;
    }
    is_placed = ms_layout_place(memory, layout ? layout : &made, 0, chains->pages, MS_ZONE_ABOVE_4G,
                                chains->pfn);
    if (is_placed && pages_in_reach(recipe->hurdle) != 0)
        is_placed = chains_lower(chains, &made, pages_in_reach(recipe->hurdle), pages_each);
    if (!layout)
        ms_layout_clear(&made);
    if (!is_placed) {
        snprintf(why, MS_WHY_BYTES, "emulated memory has no room for %" PRIu64 " pages",
                 chains->pages);
        chains->count = 0;
        return false;
    }
    for (uint32_t i = 0; i < chains->count; i++) {
        chains->head[i] = chain_make(recipe, chains->pfn + (uint64_t)i * pages_each);
        if (chains->head[i])
            continue;
        snprintf(why, MS_WHY_BYTES, "no memory for %" PRIu32 " MDL chains", chains->count);
        return false;
    }
    if (recipe->is_cold)
        heads_shuffle(chains);
    return true;
}

void ms_chains_mark(struct ms_chains *chains, uint32_t count)
{
    for (uint32_t i = 0; i < chains->count && i < count; i++) {
        uint8_t mark = (uint8_t)(i + 1);

        for (uint64_t at = 0; at < chains->bytes; at += 97, mark = (uint8_t)(mark * 5 + 1))
            ms_mdl_copy_in(chains->memory, chains->head[i], at, &mark, 1);
    }
}

void ms_chains_drop(struct ms_chains *chains)
{
    for (uint32_t i = 0; i < chains->count; i++) {
        while (chains->head[i]) {
            PMDL next = chains->head[i]->Next;
            IoFreeMdl(chains->head[i]);
            chains->head[i] = next;
        }
    }
    if (chains->count > 0)
        ms_layout_unplace(chains->memory, chains->pfn, chains->pages);
    if (chains->count > 0 && chains->low)
        ms_layout_unplace(chains->memory, chains->low, chains->pages);
    free(chains->low);
    free(chains->head);
    free(chains->pfn);
    *chains = (struct ms_chains){.count = 0};
}

/* ---- adapters --------------------------------------------------------------------------------- */

static const struct ms_adapter_info adapters[] = {
    {.name = "sg64", .title = "scatter/gather, 64-bit: nothing is copied"},
    {.name = "sg32", .title = "scatter/gather, 32-bit: every page is copied", .bounces = true},
    {.name = "packet", .title = "packet, 32-bit: copied into one piece", .bounces = true},
};

size_t ms_chain_adapters(const struct ms_adapter_info **all)
{
    *all = adapters;
    return sizeof adapters / sizeof *adapters;
}

bool ms_rig_make(struct ms_rig *rig, char *why)
{
    struct ms_memory_config config = ms_memory_config_default();

    *rig = (struct ms_rig){.memory = ms_memory_create(&config)};
    rig->kernel = ms_alloc(sizeof *rig->kernel);
    if (!rig->memory || !rig->kernel) {
        snprintf(why, MS_WHY_BYTES, "no memory for a machine");
        ms_rig_drop(rig);
        return false;
    }
    ms_kernel_init(rig->kernel, NULL, rig->memory);
    rig->pdo.Type = 3;
    rig->pdo.Size = sizeof rig->pdo;
    ms_cpu_enter(rig->kernel);
    return true;
}

bool ms_rig_equip(struct ms_rig *rig, const struct ms_reg_ops *ops, uint32_t registers, char *why)
{
    struct ms_dma_config config = {
        .strategy = ops,
        .variant = ms_sg_variant_best(ms_cpu_features_get()),
        .registers = {16, registers},
        .grants = GRANTS,
        .other = {.boundary = rig->boundary},
    };

    if (rig->dma)
        ms_dma_destroy(rig->dma);
    rig->dma = ms_dma_create(rig->kernel, rig->memory, &config);
    if (!rig->dma)
        snprintf(why, MS_WHY_BYTES, "no memory for %" PRIu32 " map registers", registers);
    return rig->dma != NULL;
}

void ms_rig_drop(struct ms_rig *rig)
{
    if (rig->dma)
        ms_dma_destroy(rig->dma);
    if (rig->kernel) {
        ms_cpu_leave();
        ms_free(rig->kernel, sizeof *rig->kernel);
    }
    if (rig->memory)
        ms_memory_destroy(rig->memory);
    *rig = (struct ms_rig){.memory = NULL};
}

PDMA_ADAPTER ms_rig_adapter(struct ms_rig *rig, const char *name, char *why)
{
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = strcmp(name, "packet") != 0,
        .InterfaceType = PCIBus,
        .MaximumLength = LENGTH_MAX,
        .DmaAddressWidth = strcmp(name, "sg64") == 0 ? 64 : 32,
    };
    ULONG registers;
    PDMA_ADAPTER adapter = ms_adapter_open(rig->dma, &rig->pdo, &description, &registers);

    if (!adapter)
        snprintf(why, MS_WHY_BYTES, "no adapter %s can be had", name);
    return adapter;
}

bool ms_rig_measure(PDMA_ADAPTER adapter, const struct ms_chains *chains, uint32_t *registers,
                    uint32_t *list_bytes, char *why)
{
    *registers = 0;
    *list_bytes = 0;
    for (uint32_t i = 0; i < chains->count; i++) {
        DMA_TRANSFER_INFO info = {.Version = DMA_TRANSFER_INFO_VERSION1};
        NTSTATUS status = adapter->DmaOperations->GetDmaTransferInfo(adapter, chains->head[i], 0,
                                                                     chains->bytes, FALSE, &info);

        if (!NT_SUCCESS(status)) {
            snprintf(why, MS_WHY_BYTES, "GetDmaTransferInfo refused with 0x%08X", (unsigned)status);
            return false;
        }
        if (info.V1.MapRegisterCount > *registers)
            *registers = info.V1.MapRegisterCount;
        if (info.V1.ScatterGatherListSize > *list_bytes)
            *list_bytes = info.V1.ScatterGatherListSize;
    }
    return true;
}

bool ms_rig_list_is_right(const struct ms_rig *rig, const SCATTER_GATHER_LIST *list,
                          const MDL *head, uint32_t bytes)
{
    return ms_rig_list_shows(rig, list, head, 0, bytes);
}

bool ms_rig_list_shows(const struct ms_rig *rig, const SCATTER_GATHER_LIST *list, const MDL *head,
                       uint64_t offset, uint32_t bytes)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < list->NumberOfElements; i++) {
        const SCATTER_GATHER_ELEMENT *element = &list->Elements[i];
        ms_pa address = {(uint64_t)element->Address.QuadPart};
        const uint8_t *seen = ms_memory_at(rig->memory, address, element->Length);

        if (!seen || element->Length == 0 || at + element->Length > bytes)
            return false;
        for (uint32_t k = 0; k < element->Length;) {
            uint8_t want[256];
            uint32_t part = element->Length - k < sizeof want ? element->Length - k : sizeof want;

            ms_mdl_copy_out(rig->memory, head, offset + at, want, part);
            if (memcmp(seen + k, want, part) != 0)
                return false;
            k += part;
            at += part;
        }
    }
    return at == bytes;
}
