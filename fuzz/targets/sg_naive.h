/* SPDX-License-Identifier: MIT */
/*
 * sg_naive.h: what a list has to be, found page by page and by the rules (SGE-*, MTX-*). It shares no code
 * with the builders of core and takes no short cut. For sg_differential_fuzz.c alone.
 */
#ifndef FUZZ_SG_NAIVE_H
#define FUZZ_SG_NAIVE_H

#include "sg/sg.h"

enum {
    MDLS_MAX = 4,
    SLOTS_MAX = 330,
    REGISTERS = 16,
    POOL_PFN = 0x800, /* in everybody's reach; no frame of an MDL is one of these */
};

/* An engine must not take the judge's branches for discoveries; nor is it the judge's memory that is tried: other
 * builds with sanitizers, of gcc, look at that. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct element {
    uint64_t address;
    uint64_t bytes;
};

static struct {
    /* What is asked. */
    MDL *mdl[MDLS_MAX];
    uint64_t base[MDLS_MAX]; /* chain offset of each one's byte 0 */
    uint32_t mdls;
    uint64_t chain_bytes;
    struct ms_sg_limits limits;
    const struct ms_memory *memory;
    bool in_ram; /* frames are RAM, and the pool may be used */
    struct ms_reg_run run[REGISTERS];
    struct ms_reg_set set;

    /* What is answered. */
    NTSTATUS status;
    struct element element[SLOTS_MAX + 1]; /* the last: where a further one would be tried */
    uint32_t elements;
    uint64_t bytes;
    uint32_t registers; /* in use by what is mapped */
    bool is_open;       /* the last element may grow */
    bool has_ended;
    bool is_refused; /* a page would bounce and must not (MTX-61) */
    bool is_short_of_registers;
    uint32_t slots;
    uint64_t bytes_max;
    uint32_t taken; /* registers, from the set's first on */
} naive;

/* One page's share of an MDL's share of the range. */
struct share {
    uint64_t at; /* chain offset of its first byte */
    uint64_t address;
    uint64_t bytes;
    uint32_t mdl;
};

static const PFN_NUMBER *frames_of(uint32_t mdl)
{
    return (const PFN_NUMBER *)(const void *)(naive.mdl[mdl] + 1);
}

static uint32_t mdl_at(uint64_t offset)
{
    uint32_t i = naive.mdls - 1;

    while (offset < naive.base[i])
        i--;
    return i; /* not an empty one: of several with one base it is the last */
}

static struct share share_at(uint64_t at, uint64_t end)
{
    uint32_t i = mdl_at(at);
    uint64_t base = naive.base[i];
    uint64_t byte = naive.mdl[i]->ByteOffset + (at - base);
    uint64_t bytes = MS_PAGE_BYTES - byte % MS_PAGE_BYTES;

    bytes = lesser(bytes, base + naive.mdl[i]->ByteCount - at);
    return (struct share){
        .at = at,
        .address = frames_of(i)[byte / MS_PAGE_BYTES] * MS_PAGE_BYTES + byte % MS_PAGE_BYTES,
        .bytes = lesser(bytes, end - at),
        .mdl = i,
    };
}

/* The register-th of the set: runs one after another. */
static ms_reg register_at(uint32_t index)
{
    ms_reg run = naive.set.head;

    while (index >= naive.run[run].count) {
        index -= naive.run[run].count;
        run = naive.run[run].next;
    }
    return run + index;
}

static bool may_bounce(const struct share *s)
{
    return naive.in_ram && ms_memory_has_pfn(naive.memory, s->address / MS_PAGE_BYTES);
}

static bool is_out_of_reach(const struct share *s)
{
    return naive.limits.translate_all || s->address + (s->bytes - 1) > naive.limits.reach_last;
}

/* Ends the last element at a whole number of units (SGE-09). */
static void element_close(void)
{
    struct element *last = &naive.element[naive.elements - 1];
    uint64_t cut = last->bytes % naive.limits.unit;

    naive.is_open = false;
    if (cut == 0)
        return;
    last->bytes -= cut;
    naive.bytes -= cut;
    naive.elements -= last->bytes == 0;
    naive.has_ended = true;
}

static bool element_open(uint64_t address)
{
    if (naive.elements == naive.slots) {
        naive.has_ended = true;
        return false;
    }
    naive.element[naive.elements++] = (struct element){address, 0};
    naive.is_open = true;
    return true;
}

static uint64_t to_boundary(uint64_t address)
{
    return naive.limits.boundary - address % naive.limits.boundary;
}

/* Bytes at neighbouring addresses; several elements where a limit lies between. */
static void bytes_add(uint64_t address, uint64_t bytes, bool may_join)
{
    while (bytes > 0 && !naive.has_ended) {
        struct element *last = naive.elements ? &naive.element[naive.elements - 1] : NULL;
        bool joins = naive.is_open && may_join && last->address + last->bytes == address &&
                     address % naive.limits.boundary != 0 && last->bytes < naive.bytes_max;

        if (naive.is_open && !joins)
            element_close();
        if (naive.has_ended || (!naive.is_open && !element_open(address)))
            return;
        last = &naive.element[naive.elements - 1];
        uint64_t step = lesser(bytes, to_boundary(address));
        step = lesser(step, naive.bytes_max - last->bytes);
        last->bytes += step;
        naive.bytes += step;
        address += step;
        bytes -= step;
        may_join = true;
    }
}

/* A page that must not bounce; what was mapped counts only if the list is full anyway. */
static void naive_refuse(void)
{
    if (naive.is_open)
        element_close();
    if (!naive.has_ended && naive.elements < naive.slots)
        naive.is_refused = true;
    naive.has_ended = true;
}

static void naive_share(const struct share *s, bool may_join)
{
    uint64_t address = s->address;

    if (is_out_of_reach(s)) {
        if (naive.limits.never_bounce) {
            naive_refuse();
            return;
        }
        if (!may_bounce(s) || naive.taken == naive.set.count) {
            naive.is_short_of_registers = naive.has_ended = true;
            return;
        }
        address =
            (POOL_PFN + register_at(naive.taken++)) * MS_PAGE_BYTES + s->address % MS_PAGE_BYTES;
    }
    bytes_add(address, s->bytes, may_join);
}

/* Packet mode: the device can take [at, end) of one MDL where it lies (MTX-35). */
static bool is_block(uint64_t at, uint64_t end)
{
    struct share first = share_at(at, end);
    uint64_t bytes = lesser(end - at, naive.limits.element_bytes_max);

    if (naive.limits.translate_all || bytes > to_boundary(first.address))
        return false;
    for (uint64_t k = at; k < end;) {
        struct share s = share_at(k, end);
        if (s.address != first.address + (k - at))
            return false;
        if (s.address + (s.bytes - 1) > naive.limits.reach_last)
            return false;
        k += s.bytes;
    }
    return true;
}

/* Neighbours at hand for a block of so many pages; a block is one run (MRG-13). */
static uint32_t block_registers(uint32_t pages)
{
    uint32_t got = 0;

    while (got < pages && naive.taken + got < naive.set.count) {
        ms_reg here = register_at(naive.taken + got);
        bool is_run_start = false;
        for (ms_reg run = naive.set.head; run != MS_REG_NONE; run = naive.run[run].next)
            is_run_start = is_run_start || run == here;
        if (got > 0 && is_run_start)
            break;
        got++;
    }
    return got;
}

static void naive_block(uint64_t at, uint64_t end)
{
    struct share first = share_at(at, end);
    uint64_t address = first.address;
    uint64_t in_page = first.address % MS_PAGE_BYTES;
    uint64_t bytes = end - at;

    if (!is_block(at, end)) {
        uint32_t pages = (uint32_t)((in_page + bytes + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES);
        bool can = true;
        if (naive.limits.never_bounce) {
            naive_refuse();
            return;
        }
        for (uint64_t k = at; k < end;) {
            struct share s = share_at(k, end);
            can = can && may_bounce(&s);
            k += s.bytes;
        }
        uint32_t got = can ? block_registers(pages) : 0;
        if (got == 0) {
            naive.is_short_of_registers = naive.has_ended = true;
            return;
        }
        address = (POOL_PFN + register_at(naive.taken)) * MS_PAGE_BYTES + in_page;
        bytes = lesser(bytes, (uint64_t)got * MS_PAGE_BYTES - in_page);
        naive.taken += got;
    }
    uint64_t fits = lesser(lesser(bytes, to_boundary(address)), naive.bytes_max);
    if (!element_open(address))
        return;
    naive.element[naive.elements - 1].bytes = fits;
    naive.bytes += fits;
    element_close();
    if (fits < end - at)
        naive.has_ended = true;
    /* Registers ended it, whatever was cut after. */
    if (fits == bytes && bytes < end - at)
        naive.is_short_of_registers = true;
}

/* How many registers the mapped bytes touch, and how many bytes of the range go through one. */
static void naive_count(uint64_t offset, uint64_t length)
{
    uint64_t end = offset + naive.bytes;

    naive.registers = 0;
    for (uint64_t k = offset; k < end;) {
        struct share s = share_at(k, end);
        uint64_t mdl_end = naive.base[s.mdl] + naive.mdl[s.mdl]->ByteCount;
        uint64_t mdl_at_ = naive.base[s.mdl] > offset ? naive.base[s.mdl] : offset;
        bool bounces =
            naive.limits.contiguous
                ? !is_block(mdl_at_, lesser(mdl_end, offset + length))
                : is_out_of_reach(&(struct share){.address = s.address,
                                                  .bytes = share_at(k, offset + length).bytes});
        naive.registers += bounces;
        k += s.bytes;
    }
}

static bool naive_range_is_good(uint64_t offset, uint64_t length, bool check_pfns)
{
    uint64_t end = offset + length;

    if (offset >= naive.chain_bytes || length > naive.chain_bytes - offset)
        return false;
    for (uint32_t i = 0; i < naive.mdls; i++) {
        uint64_t mdl_end = naive.base[i] + naive.mdl[i]->ByteCount;
        bool gives = naive.mdl[i]->ByteCount > 0 && naive.base[i] < end && mdl_end > offset;
        if (gives && naive.mdl[i]->MdlFlags == 0) /* not resident: MTX-22 */
            return false;
    }
    for (uint64_t k = offset; check_pfns && k < end;) {
        struct share s = share_at(k, end);
        if (!(naive.mdl[s.mdl]->MdlFlags & MDL_IO_SPACE) &&
            !ms_memory_has_pfn(naive.memory, s.address / MS_PAGE_BYTES))
            return false;
        k += s.bytes;
    }
    return true;
}

static void naive_map(uint64_t offset, uint32_t length, uint32_t capacity, bool check_pfns)
{
    uint64_t end = offset + length;
    uint32_t mdl = MDLS_MAX;

    naive.elements = naive.taken = naive.registers = 0;
    naive.bytes = 0;
    naive.is_open = naive.has_ended = naive.is_refused = naive.is_short_of_registers = false;
    naive.slots = naive.limits.elements_max < capacity ? naive.limits.elements_max : capacity;
    naive.bytes_max = naive.limits.element_bytes_max / naive.limits.unit * naive.limits.unit;
    naive.status = STATUS_INVALID_PARAMETER;
    if (!naive_range_is_good(offset, length, check_pfns) || naive.bytes_max == 0)
        return;
    for (uint64_t k = offset; k < end && !naive.has_ended;) {
        struct share s = share_at(k, end);
        bool is_new = s.mdl != mdl;
        if (is_new && mdl != MDLS_MAX && naive.limits.single_part) /* MTX-37 */
            break;
        mdl = s.mdl;
        if (naive.limits.contiguous) {
            uint64_t piece_end = lesser(naive.base[mdl] + naive.mdl[mdl]->ByteCount, end);
            naive_block(k, piece_end);
            k = piece_end;
            continue;
        }
        naive_share(&s, !is_new || naive.limits.merge_mdls); /* SGE-02, SGE-03 */
        k += s.bytes;
    }
    if (naive.is_open)
        element_close();
    if (naive.is_refused || (naive.bytes == 0 && naive.is_short_of_registers))
        naive.status = STATUS_INSUFFICIENT_RESOURCES;
    else if (naive.bytes > 0) {
        naive.status = STATUS_SUCCESS;
        naive_count(offset, length);
    }
}

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
