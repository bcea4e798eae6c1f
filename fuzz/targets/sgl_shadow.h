/* SPDX-License-Identifier: MIT */
/*
 * sgl_shadow.h: what sgl_fuzz.c plays with and how it judges a list: chains, adapters, requests, whose each
 * register is, and what a list of a range has to be. For sgl_fuzz.c alone.
 */
#ifndef FUZZ_SGL_SHADOW_H
#define FUZZ_SGL_SHADOW_H

#include "stage.h"

enum {
    DRIVERS = 2,
    ACTORS = 3, /* two drivers, the canceller */
    SLOTS = 2,
    MDLS_MAX = 3,
    MDL_PAGES = 4,
    KINDS = 4, /* two adapters of each: no machine of the simulator has more than eight */
    REQUESTS_MAX = 28,
    POOL_REGISTERS = 6,
    ELEMENTS_MAX = MDLS_MAX * MDL_PAGES,
    BUFFER_BYTES = 16 + 24 * ELEMENTS_MAX + 64,
    CANARY = 0xA5,
    ZONE_PAGES = DRIVERS * SLOTS * MDLS_MAX * MDL_PAGES * 2,
};

/* A request's fate, bits that come one after another. */
enum { ASKED = 1, ENTERED = 2, CANCELLED = 4, DONE = 8 };
enum form { GET, BUILD, GET_EX, BUILD_EX };

static const struct {
    uint32_t width;
    bool packet;
} shapes[KINDS] = {{32, false}, {24, false}, {64, false}, {32, true}};
/* Of an element: its longest, and the boundary it keeps (SGE-06); 0: none but 4 GiB. */
static const struct {
    uint32_t bytes_max;
    uint64_t boundary;
} limits[] = {{0, 0}, {0, 0x2000}, {5000, 0}, {0x3000, 0x4000}};
enum { LIMITS = sizeof limits / sizeof limits[0] };
static const PFN_NUMBER zones[3] = {0x1000 - ZONE_PAGES, 0x80000, 0x140000};

struct request {
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    ms_atomic_u32 fate; /* hb:fate */
    uint32_t driver, slot;
    enum form form;
    NTSTATUS want;  /* what its arguments ask for */
    uint8_t action; /* of its routine: put it there, or keep it */
    bool was_entered, was_cancelled;
    bool is_put;
    bool is_over; /* put, refused or cancelled */
    bool to_device;
    bool has_chain; /* one was made of it */
    uint64_t offset;
    uint32_t length;
    uint32_t owned; /* registers the shadow gave it */
    PSCATTER_GATHER_LIST list;
    PSCATTER_GATHER_LIST made; /* what the call itself gave back */
    uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(16)));
};

struct chain {
    struct {
        MDL mdl;
        PFN_NUMBER pfn[MDL_PAGES + 1];
    } of[MDLS_MAX];
    uint32_t mdls;
    uint64_t bytes;
};

static struct {
    struct stage stage;
    PDMA_ADAPTER adapter[KINDS];
    PDMA_ADAPTER second[KINDS]; /* the other driver's, unless they share one */
    uint32_t most[KINDS];
    uint32_t overhead; /* what a list's buffer needs beside header and elements (CSG-09) */
    uint32_t kind;
    bool is_shared;
    uint32_t limit;
    uint64_t bytes_max, boundary;
    struct chain chain[DRIVERS][SLOTS];
    struct request request[REQUESTS_MAX];
    struct request *current[DRIVERS][SLOTS];
    uint32_t requests;
    uint32_t live; /* requests that are neither over nor refused: no step between */
    /* What each driver did. Where both did something, one need not know that the other is done. */
    uint32_t acts[DRIVERS];
    ms_atomic_u32 newest[DRIVERS][SLOTS]; /* request + 1, hb:newest: for the canceller */
    uint8_t owner[POOL_REGISTERS];        /* of each register: request + 1 */
    uint64_t digest;
} l;

static PDMA_ADAPTER adapter_of(uint32_t driver)
{
    return driver == 0 || l.is_shared ? l.adapter[l.kind] : l.second[l.kind];
}

/* --- chains -------------------------------------------------------------------------------------- */

struct share {
    uint32_t mdl;
    uint64_t pa;
    uint32_t bytes;
};

static struct share share_at(const struct chain *c, uint64_t k, uint64_t end)
{
    uint64_t left = end - k;
    uint32_t i = 0;

    while (k >= c->of[i].mdl.ByteCount)
        k -= c->of[i++].mdl.ByteCount;
    uint64_t at = c->of[i].mdl.ByteOffset + k;
    uint64_t bytes = MS_PAGE_BYTES - at % MS_PAGE_BYTES;
    bytes = ms_min_u64(bytes, c->of[i].mdl.ByteCount - k);
    return (struct share){
        .mdl = i,
        .pa = (c->of[i].pfn[at / MS_PAGE_BYTES] << MS_PAGE_SHIFT) + at % MS_PAGE_BYTES,
        .bytes = (uint32_t)ms_min_u64(bytes, left),
    };
}

static bool is_in_reach(const struct share *s)
{
    return shapes[l.kind].width == 64 || (s->pa + s->bytes - 1) >> shapes[l.kind].width == 0;
}

static uint8_t *byte_at(uint64_t pa)
{
    return ms_memory_byte(l.stage.memory, (ms_pa){pa});
}

static uint8_t pattern(const struct request *r, uint64_t k)
{
    return (uint8_t)(k * 13 + (k >> 8) + (uint64_t)(r - l.request) * 37 + 1);
}

/* Where each MDL of each slot has its frames: nobody shares one. */
static void mdl_make(uint32_t driver, uint32_t slot, uint32_t offset, uint32_t count, uint8_t pages)
{
    struct chain *c = &l.chain[driver][slot];
    uint32_t i = c->mdls;
    uint64_t place = ((driver * SLOTS + slot) * MDLS_MAX + i) * MDL_PAGES * 2;

    if (count > MDL_PAGES * MS_PAGE_BYTES - offset)
        count = MDL_PAGES * MS_PAGE_BYTES - offset;
    memset(&c->of[i], 0, sizeof c->of[i]);
    c->of[i].mdl.MdlFlags = MDL_PAGES_LOCKED;
    c->of[i].mdl.StartVa = (PVOID)(uintptr_t)(0x10000000 + (place << 16));
    c->of[i].mdl.ByteOffset = offset;
    c->of[i].mdl.ByteCount = count;
    for (uint32_t p = 0; p < MDL_PAGES; p++) {
        uint32_t zone = ((uint32_t)(pages >> (p & 1 ? 2 : 0)) & 3) % 3;
        uint32_t order = pages >> 4 & 3u;
        uint32_t page = order == 1   ? MDL_PAGES * 2 - 1 - p /* down */
                        : order == 2 ? p ^ 1
                        : order == 3 ? p * 2 + 1
                                     : p;
        c->of[i].pfn[p] = zones[zone] + place + page;
    }
    if (i > 0)
        c->of[i - 1].mdl.Next = &c->of[i].mdl;
    c->mdls++;
    c->bytes += count;
}

/* --- the stage ----------------------------------------------------------------------------------- */

static struct ms_pool *pool_here(void)
{
    return ms_dma_pool(l.stage.dma, shapes[l.kind].width == 24 ? MS_REACH_24 : MS_REACH_32,
                       shapes[l.kind].packet ? MS_POOL_CONTIGUOUS : MS_POOL_SCATTER);
}

static PDMA_ADAPTER adapter_open(uint32_t kind)
{
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = !shapes[kind].packet,
        .InterfaceType = PCIBus,
        .MaximumLength = 64 * 1024,
        .DmaAddressWidth = shapes[kind].width,
    };
    ULONG most;
    PDMA_ADAPTER adapter = ms_adapter_open(l.stage.dma, &l.stage.pdo, &description, &most);

    ms_require(adapter != NULL);
    l.most[kind] = most;
    return adapter;
}

static void machine_make(uint32_t limit)
{
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {POOL_REGISTERS, POOL_REGISTERS},
        .grants = 6,
        .other = {.element_bytes_max = limits[limit].bytes_max, .boundary = limits[limit].boundary},
    };
    ULONG size;

    (void)stage_memory(&l.stage);
    for (uint32_t z = 0; z < 3; z++)
        ms_require(ms_frames_take_at(l.stage.memory, zones[z], ZONE_PAGES));
    stage_dma(&l.stage, &config, ACTORS);
    for (uint32_t i = 0; i < KINDS; i++) {
        l.adapter[i] = adapter_open(i);
        l.second[i] = adapter_open(i);
    }
    ms_require(NT_SUCCESS(l.adapter[0]->DmaOperations->CalculateScatterGatherList(
        l.adapter[0], NULL, NULL, 1, &size, NULL)));
    l.overhead = (uint32_t)size - 16 - 24;
    stage_keep(&l.stage, &l.kind);
}

static void sgl_reset(const uint8_t *setup)
{
    uint32_t limit = setup[2] % LIMITS;

    if (!stage_ready(&l.stage, limit))
        machine_make(limit);
    l.kind = setup[0] % KINDS;
    l.is_shared = setup[1] & 1;
    l.limit = limit;
    l.bytes_max = limits[limit].bytes_max ? limits[limit].bytes_max : UINT32_MAX;
    l.boundary = limits[limit].boundary ? limits[limit].boundary : UINT64_C(1) << 32;
    stage_pages_fill(&l.stage, pool_here()->first_pfn, POOL_REGISTERS);
    memset(l.chain, 0, sizeof l.chain);
    memset(l.current, 0, sizeof l.current);
    memset(l.newest, 0, sizeof l.newest);
    memset(l.owner, 0, sizeof l.owner);
    for (uint32_t d = 0; d < DRIVERS; d++)
        for (uint32_t s = 0; s < SLOTS; s++)
            mdl_make(d, s, 0, 2 * MS_PAGE_BYTES, (uint8_t)(s ? 0x02 : 0x09));
    l.requests = l.live = 0;
    memset(l.acts, 0, sizeof l.acts);
    l.digest = 0;
}

/* --- what a list has to be ----------------------------------------------------------------------- */

struct need {
    uint32_t elements;
    uint32_t registers;
    bool is_joint; /* one element of one run, all of it copied */
    bool cannot;   /* no list is all of it (SGL-10, SGX-15) */
};

static uint64_t to_boundary(uint64_t address)
{
    return l.boundary - address % l.boundary;
}

/* Elements of neighbouring bytes: each as long as may be (SGE-05, SGE-06). */
static uint32_t elements_of(uint64_t first, uint64_t bytes)
{
    uint32_t elements = 0;

    for (uint64_t step; bytes > 0; first += step, bytes -= step, elements++)
        step = ms_min_u64(ms_min_u64(bytes, l.bytes_max), to_boundary(first));
    return elements;
}

/* The part of one MDL, on an adapter without scatter/gather: where it lies, or in a run of registers (MTX-35). */
static void part_add(struct need *need, const struct share *first, uint64_t bytes, bool is_block)
{
    is_block = is_block && ms_min_u64(bytes, l.bytes_max) <= to_boundary(first->pa);
    if (!is_block)
        need->registers +=
            (uint32_t)((first->pa % MS_PAGE_BYTES + bytes + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES);
    need->elements++;
    /* A run begins on a multiple of what it must not cross. */
    need->cannot |=
        bytes > l.bytes_max || (!is_block && first->pa % MS_PAGE_BYTES + bytes > l.boundary);
}

static struct need need_of(const struct request *r)
{
    const struct chain *c = &l.chain[r->driver][r->slot];
    uint64_t end = r->offset + r->length;
    struct need need = {0};
    struct share first = {0};
    uint64_t bytes = 0; /* since `first`: a run, or a part of an MDL */
    bool is_block = true;

    for (uint64_t k = r->offset; k < end;) {
        struct share s = share_at(c, k, end);
        bool is_near = is_in_reach(&s);
        bool follows = bytes > 0 && s.mdl == first.mdl && s.pa == first.pa + bytes;
        if (shapes[l.kind].packet) {
            if (bytes > 0 && s.mdl != first.mdl) {
                part_add(&need, &first, bytes, is_block);
                bytes = 0;
                is_block = true;
            }
            is_block = is_block && is_near && (bytes == 0 || follows);
        } else if (!is_near || !follows) {
            need.elements += elements_of(first.pa, bytes);
            need.registers += !is_near;
            bytes = 0;
        }
        if (bytes == 0)
            first = s;
        bytes += s.bytes;
        if (!is_near && !shapes[l.kind].packet) { /* beside nothing, as far as anybody knows */
            need.elements += elements_of(s.pa, bytes);
            bytes = 0;
        }
        k += s.bytes;
    }
    if (!shapes[l.kind].packet) {
        need.elements += elements_of(first.pa, bytes);
        return need;
    }
    bool is_one = need.elements == 0;
    part_add(&need, &first, bytes, is_block);
    if (r->form == GET_EX || r->form == BUILD_EX)
        return need;
    need.cannot = r->length > l.bytes_max;
    if (is_one && need.registers == 0)
        return need;
    first = share_at(c, r->offset, end);
    need.is_joint = true; /* SGL-08 */
    need.elements = 1;
    need.registers =
        (uint32_t)((first.pa % MS_PAGE_BYTES + r->length + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES);
    return need;
}

/* A byte at `address` lies in a register: then it is this request's, alone, until it is put. */
static bool register_own(struct request *r, uint64_t address)
{
    uint64_t reg = (address >> MS_PAGE_SHIFT) - pool_here()->first_pfn;
    uint8_t who = (uint8_t)(r - l.request + 1);

    if (reg >= POOL_REGISTERS)
        return false;
    if (l.owner[reg] != 0 && l.owner[reg] != who)
        ms_sim_fail("O1 a map register in two lists", "register %u", (unsigned)reg);
    l.owner[reg] = who;
    r->owned |= 1u << reg;
    return true;
}

static void byte_check(struct request *r, uint64_t k, uint64_t address, bool bounces)
{
    uint8_t want = r->to_device || !bounces ? pattern(r, k) : 0; /* MRG-15, MRG-16 */

    if (*byte_at(address) != want)
        ms_sim_fail("O6 the device sees other bytes", "at %lu: %02x", (unsigned long)k,
                    *byte_at(address));
    if (!r->to_device)
        *byte_at(address) = (uint8_t)~pattern(r, k);
}

/* The whole list against the chain; the device looks at the ends of each share, or writes them. */
static void list_check(struct request *r)
{
    const struct chain *c = &l.chain[r->driver][r->slot];
    struct need need = need_of(r);
    uint64_t end = r->offset + r->length;
    uint64_t k = r->offset;

    uint32_t elements = r->list->NumberOfElements;
    uint64_t behind = 0;
    uint32_t last_mdl = MDLS_MAX;
    bool is_inside = false; /* a share, which the last element had the begin of */

    /* Neighbouring registers make one element; nobody knew when it was measured. */
    if (elements == 0 || elements > need.elements ||
        (elements < need.elements && (need.registers < 2 || shapes[l.kind].packet)))
        ms_sim_fail("O5 a list of another size", "%u elements, not %u", elements, need.elements);
    for (uint32_t i = 0; i < elements; i++) {
        uint64_t address = (uint64_t)r->list->Elements[i].Address.QuadPart;
        uint32_t mdl = share_at(c, k, end).mdl;
        if (address == behind && address % l.boundary != 0 && mdl == last_mdl &&
            r->list->Elements[i - 1].Length < l.bytes_max)
            ms_sim_fail("O5 two elements that could be one", "element %u", i);
        behind = address + r->list->Elements[i].Length;
        if (r->list->Elements[i].Length > l.bytes_max ||
            r->list->Elements[i].Length > to_boundary(address)) /* SGE-05, SGE-06 */
            ms_sim_fail("O5 an element longer than it may be, or across a boundary", "element %u",
                        i);
        last_mdl = mdl;
        uint64_t left = r->list->Elements[i].Length;
        if (left == 0 || left > end - k ||
            (shapes[l.kind].width < 64 && (address + left - 1) >> shapes[l.kind].width != 0))
            ms_sim_fail("O5 an element that is empty, too long or out of reach", "element %u", i);
        while (left > 0) {
            struct share s = share_at(c, k, end);
            bool bounces = register_own(r, address);
            uint32_t bytes = (uint32_t)ms_min_u64(s.bytes, left);
            bool must_bounce = need.is_joint || (!shapes[l.kind].packet && !is_in_reach(&s));
            if (must_bounce != bounces && !(shapes[l.kind].packet && need.registers > 0))
                ms_sim_fail("O5 a page bounced that need not, or not one that must", "at %lu",
                            (unsigned long)k);
            if (!bounces && address != s.pa)
                ms_sim_fail("O5 a page is not where it lies", "%lx at %lx", (unsigned long)s.pa,
                            (unsigned long)address);
            if (bounces && !need.is_joint && address % MS_PAGE_BYTES != s.pa % MS_PAGE_BYTES)
                ms_sim_fail("O5 a bounced byte at another place of its page", "%lx at %lx",
                            (unsigned long)s.pa, (unsigned long)address); /* MRG-18 */
            if (bytes < s.bytes && r->list->Elements[i].Length < l.bytes_max)
                ms_sim_fail("O5 an element that ends inside a page", "element %u", i);
            /* Only the ends of a share are filled: an element may end between them. */
            if (!is_inside)
                byte_check(r, k, address, bounces);
            if (bytes > 1)
                (void)register_own(r, address + bytes - 1);
            if (bytes == s.bytes && (bytes > 1 || is_inside))
                byte_check(r, k + bytes - 1, address + bytes - 1, bounces);
            is_inside = bytes < s.bytes;
            k += bytes;
            address += bytes;
            left -= bytes;
        }
    }
    if (k != end)
        ms_sim_fail("O5 a list of a part of its range", "to %lu of %lu", (unsigned long)k,
                    (unsigned long)end); /* SGL-10, SGX-15 */
    if ((uint32_t)ms_bits_count(r->owned) != need.registers)
        ms_sim_fail("O1 another number of registers", "%u of %u", ms_bits_count(r->owned),
                    need.registers);
    ms_sim_state(0, l.kind * 64 + r->form * 16u + (need.elements < 3 ? need.elements : 3) * 4 +
                        (need.registers < 3 ? need.registers : 3));
    ms_sim_state(4, (l.limit * 4 + l.kind) * 16 + r->form * 4u + (elements < 3 ? elements : 3));
}

#endif
