/* SPDX-License-Identifier: MIT */
/*
 * test_reference.h: for the tests of this floor: chains in plain memory, a hand-made pool of map
 * registers, and a builder that takes one byte at a time. It shares no code with the real ones: it
 * asks for every byte where it lies, from the start of the chain, and cuts by the rules.
 */
#ifndef MS_SG_TEST_REFERENCE_H
#define MS_SG_TEST_REFERENCE_H

#include "platform/prng.h"
#include "platform/test.h"
#include "sg/coalesce.h"
#include "sg/general.h"

enum { REF_MDLS_MAX = 64, REF_ELEMENTS_MAX = 1 << 14, REF_REGISTERS_MAX = 64 };

/* --- chains
 * ---------------------------------------------------------------------------------------
 */

struct ref_chain {
    MDL *mdl[REF_MDLS_MAX];
    uint32_t count;
};

static inline uint32_t ref_pages(uint32_t byte_offset, uint32_t bytes)
{
    return (uint32_t)(((uint64_t)byte_offset + bytes + 4095) / 4096);
}

/* Appends an MDL; an empty one has no frames at all. */
static inline void ref_chain_add(struct ref_chain *chain, const PFN_NUMBER *pfn,
                                 uint32_t byte_offset, uint32_t bytes)
{
    size_t frames = bytes == 0 ? 0 : ref_pages(byte_offset, bytes) * sizeof(PFN_NUMBER);
    MDL *mdl = calloc(1, sizeof(MDL) + frames);

    assert_non_null(mdl);
    assert_true(chain->count < REF_MDLS_MAX);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    mdl->ByteOffset = byte_offset;
    mdl->ByteCount = bytes;
    if (frames > 0)
        memcpy(mdl + 1, pfn, frames);
    if (chain->count > 0)
        chain->mdl[chain->count - 1]->Next = mdl;
    chain->mdl[chain->count++] = mdl;
}

static inline void ref_chain_clear(struct ref_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++)
        free(chain->mdl[i]);
    chain->count = 0;
}

static inline uint64_t ref_chain_bytes(const struct ref_chain *chain)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < chain->count; i++)
        bytes += chain->mdl[i]->ByteCount;
    return bytes;
}

/* --- a pool by hand: runs of registers anywhere, page bytes included
 * -------------------------------
 */

struct ref_pool {
    struct ms_pool pool;
    struct ms_reg_run run[REF_REGISTERS_MAX];
    uint8_t pages[REF_REGISTERS_MAX * 4096];
};

static inline struct ref_pool *ref_pool_create(uint64_t first_pfn)
{
    struct ref_pool *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->pool.run = p->run;
    p->pool.pages = p->pages;
    p->pool.first_pfn = first_pfn;
    p->pool.registers = REF_REGISTERS_MAX;
    return p;
}

/* Runs given as {first, count} pairs, linked in this order. */
static inline struct ms_reg_set ref_pool_set(struct ref_pool *p, const uint32_t (*runs)[2],
                                             uint32_t run_count)
{
    struct ms_reg_set set = {.head = run_count > 0 ? runs[0][0] : (ms_reg)MS_REG_NONE};

    for (uint32_t i = 0; i < run_count; i++) {
        p->run[runs[i][0]].count = runs[i][1];
        p->run[runs[i][0]].next = i + 1 < run_count ? runs[i + 1][0] : (ms_reg)MS_REG_NONE;
        set.count += runs[i][1];
    }
    return set;
}

/* The i-th register of a set, found from its head. */
static inline ms_reg ref_set_at(const struct ms_pool *pool, struct ms_reg_set set, uint32_t index)
{
    ms_reg run = set.head;

    assert_true(index < set.count);
    while (index >= pool->run[run].count) {
        index -= pool->run[run].count;
        run = pool->run[run].next;
    }
    return run + index;
}

/* --- one byte at a time
 * ----------------------------------------------------------------------------
 */

/* Where byte `k` of a chain lies. */
struct ref_byte {
    uint32_t mdl;
    uint64_t page;    /* index into the MDL's frames */
    uint64_t address; /* physical */
    bool exists;
};

static inline struct ref_byte ref_byte_at(const struct ref_chain *chain, uint64_t k)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        const MDL *mdl = chain->mdl[i];
        if (k < mdl->ByteCount) {
            uint64_t page = (mdl->ByteOffset + k) / 4096;
            const PFN_NUMBER *pfn = (const PFN_NUMBER *)(const void *)(mdl + 1);
            return (struct ref_byte){i, page, pfn[page] * 4096 + (mdl->ByteOffset + k) % 4096,
                                     true};
        }
        k -= mdl->ByteCount;
    }
    return (struct ref_byte){.exists = false};
}

struct ref_list {
    NTSTATUS status;
    uint32_t bytes;
    uint32_t registers;
    uint32_t elements;
    struct {
        uint64_t address;
        uint64_t bytes;
    } element[REF_ELEMENTS_MAX];
    bool byte_bounces[1 << 17]; /* per byte of the range, as far as it was mapped */
};

/* The device takes this MDL's share as one block where it lies (MTX-35). */
static inline bool ref_is_block(const struct ref_chain *chain, const struct ms_sg_limits *limits,
                                uint64_t from, uint64_t to)
{
    uint64_t first = ref_byte_at(chain, from).address;

    if (limits->translate_all)
        return false;
    for (uint64_t k = from; k < to; k++) {
        uint64_t address = ref_byte_at(chain, k).address;
        if (address != first + (k - from) || address > limits->reach_last)
            return false;
        if (k - from < limits->element_bytes_max &&
            address / limits->boundary != first / limits->boundary)
            return false;
    }
    return true;
}

/* Does a byte go through a register: by its page's share in SG mode, by its MDL's in packet mode.
 */
static inline bool ref_bounces(const struct ref_chain *chain, const struct ms_sg_limits *limits,
                               uint64_t k, uint64_t begin, uint64_t end)
{
    struct ref_byte here = ref_byte_at(chain, k);
    uint64_t from = k;
    uint64_t to = k + 1;

    if (limits->translate_all)
        return true;
    if (!limits->contiguous) {
        while (to < end && ref_byte_at(chain, to).mdl == here.mdl &&
               ref_byte_at(chain, to).page == here.page)
            to++;
        return ref_byte_at(chain, to - 1).address > limits->reach_last;
    }
    while (from > begin && ref_byte_at(chain, from - 1).mdl == here.mdl)
        from--;
    while (to < end && ref_byte_at(chain, to).mdl == here.mdl)
        to++;
    return !ref_is_block(chain, limits, from, to);
}

static inline void ref_list_cut(struct ref_list *list, uint32_t unit, bool *ended)
{
    uint64_t cut = list->element[list->elements - 1].bytes % unit;

    list->element[list->elements - 1].bytes -= cut;
    list->bytes -= (uint32_t)cut;
    if (cut > 0)
        *ended = true;
    if (list->element[list->elements - 1].bytes == 0)
        list->elements--;
}

/* What ms_sg_map has to answer, cut byte by byte. */
static inline void ref_map(struct ref_list *list, const struct ref_chain *chain,
                           const struct ms_sg_limits *limits, const struct ms_pool *pool,
                           struct ms_reg_set set, uint64_t offset, uint32_t length,
                           uint32_t capacity)
{
    uint64_t end = offset + length;
    uint32_t elements_max = capacity < limits->elements_max ? capacity : limits->elements_max;
    uint32_t bytes_max = limits->element_bytes_max / limits->unit * limits->unit;
    struct ref_byte before = {.exists = false};
    uint64_t logical_before = 0;
    bool no_register = false;
    bool is_open = false;
    bool ended = false;
    uint32_t registers = 0;
    ms_reg reg = 0;

    list->status = STATUS_INVALID_PARAMETER;
    list->bytes = list->registers = list->elements = 0;
    if (offset >= ref_chain_bytes(chain) || end > ref_chain_bytes(chain) || bytes_max == 0)
        return;

    bool bounces = false;
    for (uint64_t k = offset; k < end && !ended; k++) {
        struct ref_byte here = ref_byte_at(chain, k);
        bool new_mdl = !before.exists || here.mdl != before.mdl;
        bool new_page = new_mdl || here.page != before.page;

        if (limits->single_part && before.exists && new_mdl)
            break;
        if (limits->contiguous && new_mdl && is_open) { /* a block ends with its MDL */
            ref_list_cut(list, limits->unit, &ended);
            is_open = false;
            if (ended)
                break;
        }
        if (limits->contiguous ? new_mdl : new_page)
            bounces = ref_bounces(chain, limits, k, offset, end);
        if (new_page && bounces) {
            if (limits->never_bounce && is_open)
                ref_list_cut(list, limits->unit, &ended);
            is_open = is_open && !limits->never_bounce;
            if (ended || (limits->never_bounce && list->elements == elements_max))
                break; /* the mapping ends before this page anyway */
            if (limits->never_bounce) {
                list->status = STATUS_INSUFFICIENT_RESOURCES;
                list->elements = list->bytes = 0;
                return;
            }
            ms_reg next =
                registers < set.count ? ref_set_at(pool, set, registers) : (ms_reg)MS_REG_NONE;
            /* MRG-13: inside one part, a packet block cannot leave its run of registers. */
            bool tears = limits->contiguous && !new_mdl && next != reg + 1;
            for (ms_reg run = set.head; limits->contiguous && !new_mdl && run != MS_REG_NONE;
                 run = pool->run[run].next)
                tears = tears || next == run;
            if (next == (ms_reg)MS_REG_NONE || tears) {
                no_register = true;
                break;
            }
            reg = next;
            registers++;
        }
        uint64_t logical =
            bounces ? (pool->first_pfn + reg) * 4096 + here.address % 4096 : here.address;
        bool may_join = before.exists && (!new_mdl || (limits->merge_mdls && !limits->contiguous));

        bool crosses = logical % limits->boundary == 0;
        bool too_long = is_open && list->element[list->elements - 1].bytes == bytes_max;
        if (limits->contiguous && is_open && !new_mdl && (crosses || too_long)) {
            ended = true; /* MTX-34: one element per MDL, the rest is for another call */
            break;
        }
        if (is_open && !(may_join && logical == logical_before + 1 && !crosses && !too_long)) {
            ref_list_cut(list, limits->unit, &ended);
            is_open = false;
            if (ended)
                break;
        }
        if (!is_open) {
            if (list->elements == elements_max)
                break;
            list->element[list->elements].address = logical;
            list->element[list->elements].bytes = 0;
            list->elements++;
            is_open = true;
        }
        list->element[list->elements - 1].bytes++;
        list->byte_bounces[list->bytes] = bounces;
        list->bytes++;
        before = here;
        logical_before = logical;
    }
    if (is_open)
        ref_list_cut(list, limits->unit, &ended);
    if (list->bytes == 0) {
        list->status = no_register ? STATUS_INSUFFICIENT_RESOURCES : STATUS_INVALID_PARAMETER;
        return;
    }
    list->status = STATUS_SUCCESS;
    for (uint32_t i = 0; i < list->bytes; i++) {
        struct ref_byte here = ref_byte_at(chain, offset + i);
        struct ref_byte last = i > 0 ? ref_byte_at(chain, offset + i - 1) : here;
        bool new_page = i == 0 || here.mdl != last.mdl || here.page != last.page;
        list->registers += new_page && list->byte_bounces[i];
    }
}

/* coalesce_avx512.c over a model of its instructions, see avx512_model_test.c. */
extern const struct ms_sg_variant ref_avx512_model;

/* The index-th variant of this processor, then, if that has no AVX-512, the model of it; or only the
 * one that MAPSTORM_SG_VARIANT names. NULL behind the last. */
static inline const struct ms_sg_variant *ref_variant_at(uint32_t index)
{
    const char *only = getenv("MAPSTORM_SG_VARIANT");
    struct ms_cpu_features here = ms_cpu_features_get();
    const struct ms_sg_variant *variant = ms_sg_variant_at(here, index);

    if (only && index > 0)
        return NULL;
    if (only)
        return strcmp(only, ref_avx512_model.name) == 0 ? &ref_avx512_model
                                                        : ms_sg_variant_find(only);
    if (!variant && !here.avx512 && ms_sg_variant_at(here, index - 1))
        return &ref_avx512_model;
    return variant;
}

#endif
