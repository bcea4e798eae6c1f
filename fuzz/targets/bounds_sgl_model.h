/* SPDX-License-Identifier: MIT */
/*
 * bounds_sgl_model.h: what a list has to be, share by share and from the contract alone (SGE-*, MTX-25 to 40,
 * MRG-13 to 18): chains, what each adapter can take, the longest prefix that all its limits allow, and the judge
 * of a list that was made. It shares no code with core and takes no short cut. For bounds_sgl_fuzz.c alone.
 *
 * Idea   a list is made anew beside the one at hand. Where a page goes through a register nobody but the list says
 *        through which; all else follows from the rules, element by element. The same walk, without a list, tells
 *        beforehand what a range needs: there every bounced page lies beside none.
 */
#ifndef FUZZ_BOUNDS_SGL_MODEL_H
#define FUZZ_BOUNDS_SGL_MODEL_H

#include "stage.h"

enum {
    MDLS_MAX = 4,
    MDL_PAGES = 12,
    BIG_PAGES = 1 << 20, /* of an MDL of up to 4 GiB; frames are named in windows alone */
    WINDOW = 32,         /* pages of a window; at its begin, on both sides of 16 MiB, at its end */
    ADAPTERS = 8,        /* no machine of the simulator has more */
    PROFILES = 9,
    POOL_MAX = 64,
    PARTS_MAX = 1024,
    SLOTS_MAX = 160,
    CANARY = 0xA5,
};

struct profile {
    uint32_t bytes_max; /* of a bus master's element, and the boundary it keeps (SGE-06); 0: none */
    uint64_t boundary;
    bool merges, translates, loops; /* SGE-03, MRG-14, MTX-61: the last of system adapters */
    bool narrow; /* its widest adapters reach all of RAM, but not all memory of devices */
    struct {
        uint32_t elements, bytes_max;
        uint64_t boundary;
        uint32_t unit;
    } soc, legacy; /* the controllers with and without scatter/gather */
};

#define ANY  UINT32_MAX
#define FOUR (UINT64_C(1) << 32)
static const struct profile profiles[PROFILES] = {
    {0, 0, false, false, false, false, {256, ANY, FOUR, 1}, {1, 65536, 65536, 1}},
    {0, 4096, false, false, false, true, {3, 4096, 4096, 4}, {1, 4096, 65536, 2}},
    {0, 8192, true, false, false, false, {16, 0x1800, 8192, 512}, {1, 0x3000, 0x4000, 4}},
    {4096, 0, true, false, false, true, {5, 1000, FOUR, 1}, {1, 8192, 65536, 3}},
    {0x3000, 0x4000, false, false, false, false, {256, ANY, 512, 1}, {1, ANY, 2048, 1}},
    {5000, 0, false, false, true, true, {200, 4095, 65536, 2}, {1, 65536, 65536, 1}},
    {0, 0x2000, false, true, false, false, {256, ANY, FOUR, 4096}, {1, 65536, 65536, 4096}},
    {4097, 0, true, true, false, true, {8, 100000, 1 << 20, 8}, {1, 10000, 8192, 1}},
    {0, 1 << 20, false, false, false, true, {200, ANY, 1 << 20, 1}, {1, ANY, 1 << 20, 1}},
};

enum { SOC = 6, LEGACY = 7 };
static const struct {
    uint32_t width;
    bool packet;
} shapes[ADAPTERS] = {{32, false}, {24, false}, {64, false}, {32, true},
                      {24, true},  {64, true},  {32, false}, {24, true}};

struct limits {
    uint64_t reach_last, boundary;
    uint32_t bytes_max, elements_max, unit;
    bool packet, system, merges, translates, loops;
};

/* A device's bytes as the driver sees them and as the device does. */
struct part {
    uint64_t k; /* chain offset */
    uint64_t pa, logical;
    uint32_t bytes;
    bool bounced;
};

static struct {
    struct stage stage;
    PDMA_ADAPTER adapter[ADAPTERS];
    uint32_t most[ADAPTERS];
    uint32_t overhead; /* of a list in the Build family (CSG-09) */
    /* From here on each execution's own. */
    uint32_t profile, kind;
    struct limits limits;
    const struct ms_pool *pool;
    struct {
        MDL mdl;
        PFN_NUMBER pfn[2 * MDL_PAGES + 1];
    } small[MDLS_MAX];
    PMDL mdl[MDLS_MAX];
    uint32_t mdls;
    uint32_t last; /* the last one that has bytes, or 0 */
    bool has_big;
    uint64_t bytes; /* of the chain */
    uint64_t extra; /* bytes behind it that the list at hand has too (CSG-12) */
    struct part part[PARTS_MAX];
    uint32_t parts;
    uint64_t touched; /* registers whose pages were written, of this kind's pool */
    uint32_t
        whole; /* bit per profile: all executions came to their end: pages hold their patterns */
    uint64_t digest;
} b;

static struct {
    MDL mdl;
    PFN_NUMBER pfn[BIG_PAGES];
} big;

/* An engine must not take the judge's branches for discoveries: what they tell is said by ms_sim_state. Nor is it
 * the judge's memory that is tried: gcc's build with sanitizers looks at that. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

static uint32_t width_of(const struct profile *p, uint32_t kind)
{
    return shapes[kind].width == 64 && p->narrow ? 36 : shapes[kind].width;
}

static struct limits limits_of(const struct profile *p, uint32_t kind)
{
    bool system = kind >= SOC;
    uint32_t width = width_of(p, kind);
    struct limits l = {
        .reach_last = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1,
        .boundary = p->boundary ? p->boundary : FOUR,
        .bytes_max = p->bytes_max ? p->bytes_max : ANY,
        .elements_max = ANY,
        .unit = 1,
        .packet = shapes[kind].packet,
        .system = system,
        .merges = p->merges,
        .translates = p->translates,
        .loops = system && p->loops,
    };

    if (system) {
        l.boundary = kind == SOC ? p->soc.boundary : p->legacy.boundary;
        l.bytes_max = kind == SOC ? p->soc.bytes_max : p->legacy.bytes_max;
        l.elements_max = kind == SOC ? p->soc.elements : p->legacy.elements;
        l.unit = kind == SOC ? p->soc.unit : p->legacy.unit;
    }
    return l;
}

/* --- the chain ----------------------------------------------------------------------------------- */

static uint64_t count_of(uint32_t i)
{
    return b.mdl[i]->ByteCount + (i == b.last ? b.extra : 0);
}

struct share {
    uint32_t mdl;
    uint64_t pa;
    uint32_t bytes; /* on this page of this MDL, and inside the range */
    bool is_device;
};

static struct share share_at(uint64_t k, uint64_t end)
{
    uint64_t left = end - k;
    uint32_t i = 0;

    while (k >= count_of(i))
        k -= count_of(i++);
    uint64_t at = b.mdl[i]->ByteOffset + k; /* MDL-20 */
    uint64_t bytes = MS_PAGE_BYTES - at % MS_PAGE_BYTES;
    bytes = ms_min_u64(ms_min_u64(bytes, count_of(i) - k), left);
    return (struct share){
        .mdl = i,
        .pa =
            (MmGetMdlPfnArray(b.mdl[i])[at / MS_PAGE_BYTES] << MS_PAGE_SHIFT) + at % MS_PAGE_BYTES,
        .bytes = (uint32_t)bytes,
        .is_device = (b.mdl[i]->MdlFlags & MDL_IO_SPACE) != 0,
    };
}

/* Where the part of the chain's MDL that holds `k` ends inside the range. */
static uint64_t piece_end(uint64_t k, uint64_t end)
{
    uint64_t base = 0;

    for (uint32_t i = 0; i < b.mdls; base += count_of(i++))
        if (k < base + count_of(i))
            return ms_min_u64(base + count_of(i), end);
    return end;
}

/* Who gives bytes to the range is locked (MTX-22, MTX-24). */
static bool is_resident(uint64_t offset, uint64_t end)
{
    uint64_t base = 0;

    for (uint32_t i = 0; i < b.mdls; base += count_of(i++))
        if (count_of(i) > 0 && base < end && base + count_of(i) > offset && b.mdl[i]->MdlFlags == 0)
            return false;
    return true;
}

/* All frames of the range were named: of a huge MDL only those of its windows are. */
static bool is_named(uint64_t offset, uint64_t end)
{
    uint64_t base = 0;

    for (uint32_t i = 0; i < b.mdls; base += count_of(i++)) {
        uint64_t from = offset > base ? offset - base : 0;
        uint64_t to = ms_min_u64(end > base ? end - base : 0, count_of(i));
        if (b.mdl[i] != &big.mdl || from >= to)
            continue;
        uint64_t first = (big.mdl.ByteOffset + from) / MS_PAGE_BYTES;
        uint64_t last = (big.mdl.ByteOffset + to - 1) / MS_PAGE_BYTES;
        bool is_low = last < WINDOW;
        bool is_mid = first >= 4096 - WINDOW && last < 4096 + WINDOW;
        if (!is_low && !is_mid && first < BIG_PAGES - WINDOW)
            return false;
    }
    return true;
}

static uint64_t pages_of(uint64_t first, uint64_t bytes)
{
    return (first % MS_PAGE_BYTES + bytes + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES;
}

/* --- limits -------------------------------------------------------------------------------------- */

static uint64_t to_boundary(uint64_t address)
{
    return b.limits.boundary - address % b.limits.boundary;
}

/* The longest element is whole units too (SGE-09). */
static uint64_t bytes_max(void)
{
    return b.limits.bytes_max - b.limits.bytes_max % b.limits.unit;
}

static bool must_bounce(const struct share *s)
{
    return b.limits.translates || s->pa + (s->bytes - 1) > b.limits.reach_last; /* DDX-26, MRG-14 */
}

static bool can_bounce(const struct share *s)
{
    return b.pool && !s->is_device;
}

/* Packet mode: the device takes the MDL's part where it lies (MTX-35): neighbours in reach that one element, were it
 * long enough, could take. */
static bool is_block(uint64_t k, uint64_t end)
{
    struct share first = share_at(k, end);
    uint64_t next = first.pa;

    if (ms_min_u64(end - k, b.limits.bytes_max) > to_boundary(first.pa))
        return false;
    while (k < end) {
        struct share s = share_at(k, end);
        if (s.pa != next || must_bounce(&s))
            return false;
        next = s.pa + s.bytes;
        k += s.bytes;
    }
    return true;
}

/* --- a list made anew ---------------------------------------------------------------------------- */

enum why { BY_NOTHING, BY_SLOTS, BY_REGISTERS, BY_UNIT, BY_LIMIT, BY_LOOP, BY_PART, WHY_COUNT };

struct made {
    uint64_t bytes;
    uint64_t elements;
    uint32_t registers; /* that hold bytes of it */
    enum why why;
};

static struct {
    /* What is asked. */
    const SCATTER_GATHER_LIST *list; /* to compare with; NULL: beforehand */
    uint32_t list_elements;
    uint64_t list_bytes;
    uint64_t offset, length;
    uint64_t slots;
    uint64_t registers; /* granted */
    /* What comes of it. */
    struct made made;
    bool is_open;
    uint64_t first, open_bytes; /* the element in hand */
    uint64_t owned;             /* registers that the list uses */
} m;

static SCATTER_GATHER_ELEMENT element_at(uint32_t i)
{
    SCATTER_GATHER_ELEMENT element;

    memcpy(&element, (const char *)m.list + sizeof *m.list + i * sizeof element, sizeof element);
    return element;
}

/* Where the list has that byte of the range; false: no more. */
static bool logical_at(uint64_t from_start, uint64_t *address)
{
    for (uint32_t i = 0; i < m.list_elements; i++) {
        SCATTER_GATHER_ELEMENT e = element_at(i);
        if (from_start < e.Length) {
            *address = (uint64_t)e.Address.QuadPart + from_start;
            return true;
        }
        from_start -= e.Length;
    }
    return false;
}

/* Ends the element in hand at whole units; what is cut off ends the list (SGE-09). */
static bool close_element(void)
{
    uint64_t cut = m.open_bytes % b.limits.unit;
    uint64_t kept = m.open_bytes - cut;

    m.is_open = false;
    if (kept > 0 && m.list) {
        if (m.made.elements == m.list_elements)
            ms_sim_fail("O5 a list shorter than it must be", "%u elements", m.list_elements);
        SCATTER_GATHER_ELEMENT e = element_at((uint32_t)m.made.elements);
        if ((uint64_t)e.Address.QuadPart != m.first || e.Length != kept || e.Reserved != 0)
            ms_sim_fail("O5 another element than the rules make",
                        "element %u of %u: %lx+%x, not %lx+%lx", (unsigned)m.made.elements,
                        m.list_elements, (unsigned long)e.Address.QuadPart, (unsigned)e.Length,
                        (unsigned long)m.first, (unsigned long)kept);
    }
    m.made.elements += kept > 0;
    m.made.bytes += kept;
    if (cut > 0 && m.made.why == BY_NOTHING)
        m.made.why = BY_UNIT;
    return cut == 0;
}

static bool open_element(uint64_t address)
{
    if (m.made.elements == m.slots) {
        m.made.why = BY_SLOTS;
        return false;
    }
    m.is_open = true;
    m.first = address;
    m.open_bytes = 0;
    return true;
}

/* Neighbouring bytes, in as many elements as limits cut them into (SGE-02 to 06). */
static bool add_bytes(uint64_t address, uint64_t bytes, bool may_join)
{
    for (uint64_t step; bytes > 0; address += step, bytes -= step, may_join = true) {
        bool joins = m.is_open && may_join && m.first + m.open_bytes == address &&
                     address % b.limits.boundary != 0 && m.open_bytes < bytes_max();
        if (m.is_open && !joins && !close_element())
            return false;
        if (!m.is_open && !open_element(address))
            return false;
        step = ms_min_u64(bytes, to_boundary(address));
        step = ms_min_u64(step, bytes_max() - m.open_bytes);
        m.open_bytes += step;
    }
    return true;
}

/* So many registers' pages at this address: each of the pool, and no other byte's (O1). */
static void registers_own(uint64_t pa, uint64_t address, uint64_t pages)
{
    uint64_t reg = (address >> MS_PAGE_SHIFT) - b.pool->first_pfn;

    if (address % MS_PAGE_BYTES != pa % MS_PAGE_BYTES) /* MRG-18 */
        ms_sim_fail("O5 a bounced byte at another place of its page", "%lx at %lx",
                    (unsigned long)pa, (unsigned long)address);
    for (; pages > 0; pages--, reg++) {
        if (reg >= b.pool->registers || (m.owned >> reg & 1))
            ms_sim_fail("O1 a bounced page outside of its registers, or two in one", "register %lu",
                        (unsigned long)reg);
        m.owned |= UINT64_C(1) << reg;
    }
    b.touched |= m.owned;
}

/* The address of what goes through a register; beforehand, far from everything, and beside nothing. False: the
 * list at hand does not go so far. */
static bool bounced_at(uint64_t k, uint64_t pa, uint64_t *address)
{
    if (m.list)
        return logical_at(k - m.offset, address);
    /* Further on with each register, so that none joins what is before it. */
    *address = (UINT64_C(1) << 62) + m.made.registers * (UINT64_C(1) << 36) + pa % MS_PAGE_BYTES;
    return true;
}

/* The list ends in front of a page that a register could hold: legal only where no slot is left for it, or where
 * so few bytes make no unit. */
static void end_unknown(uint64_t bytes)
{
    if (m.is_open && !close_element())
        return;
    m.made.why = m.made.elements < m.slots ? BY_UNIT : BY_SLOTS;
    if (m.made.why == BY_UNIT && bytes >= b.limits.unit)
        ms_sim_fail("O5 a list shorter than it must be", "%lu bytes of %lu",
                    (unsigned long)m.made.bytes, (unsigned long)m.length);
}

static void make_pages(void)
{
    uint64_t end = m.offset + m.length;
    uint32_t mdl = MDLS_MAX;

    for (uint64_t k = m.offset; k < end;) {
        struct share s = share_at(k, end);
        bool may_join = s.mdl == mdl || b.limits.merges; /* SGE-03 */
        uint64_t address = s.pa;

        mdl = s.mdl;
        if (must_bounce(&s) && b.limits.loops) { /* MTX-61, unless the list is full anyway */
            if (!m.is_open || close_element())
                m.made.why = m.made.elements < m.slots ? BY_LOOP : BY_SLOTS;
            return;
        }
        if (must_bounce(&s)) {
            if (!can_bounce(&s) || m.made.registers == m.registers) {
                m.made.why = BY_REGISTERS;
                break;
            }
            if (!bounced_at(k, s.pa, &address)) {
                end_unknown(s.bytes);
                return;
            }
            if (m.list)
                registers_own(s.pa, address, 1);
            m.made.registers++;
        }
        if (!add_bytes(address, s.bytes, may_join))
            return;
        k += s.bytes;
    }
    if (m.is_open)
        close_element();
}

/* Packet mode: one element for each MDL's part (MTX-34, MTX-35), and on a system adapter only the first (MTX-37). */
static void make_blocks(void)
{
    uint64_t range_end = m.offset + m.length;

    for (uint64_t k = m.offset, end; k < range_end; k = end) {
        end = piece_end(k, range_end);
        struct share first = share_at(k, end);
        uint64_t address = first.pa, bytes = end - k;
        bool bounces = !is_block(k, end);

        if (k > m.offset && b.limits.system) {
            m.made.why = BY_PART;
            return;
        }
        if (bounces) {
            uint64_t pages = pages_of(first.pa, bytes);
            uint64_t got = ms_min_u64(pages, m.registers - m.made.registers); /* MRG-13 */
            if (b.limits.loops) {
                m.made.why = m.made.elements < m.slots ? BY_LOOP : BY_SLOTS;
                return;
            }
            for (uint64_t at = k; at < end;) {
                struct share s = share_at(at, end);
                got = can_bounce(&s) ? got : 0;
                at += s.bytes;
            }
            if (got == 0) {
                m.made.why = BY_REGISTERS;
                return;
            }
            if (!bounced_at(k, first.pa, &address)) {
                end_unknown(ms_min_u64(bytes, got * MS_PAGE_BYTES - first.pa % MS_PAGE_BYTES));
                return;
            }
            bytes = ms_min_u64(bytes, got * MS_PAGE_BYTES - first.pa % MS_PAGE_BYTES);
        }
        uint64_t fits = ms_min_u64(ms_min_u64(bytes, to_boundary(address)), bytes_max());
        if (!open_element(address))
            return;
        m.open_bytes = fits;
        uint64_t kept = fits - fits % b.limits.unit;
        if (bounces && kept > 0) {
            m.made.registers += (uint32_t)pages_of(first.pa, kept);
            if (m.list)
                registers_own(first.pa, address, pages_of(first.pa, kept));
        }
        bool is_cut = !close_element();
        /* Registers ended it, whatever was cut after. */
        if (fits < end - k)
            m.made.why = fits == bytes ? BY_REGISTERS : BY_LIMIT;
        if (is_cut || fits < end - k)
            return;
    }
}

/* Looks at that list from now on; NULL: at none. */
static void list_open(const SCATTER_GATHER_LIST *list)
{
    ULONG elements = 0;

    memset(&m, 0, sizeof m);
    m.list = list;
    if (list)
        memcpy(&elements, list, sizeof elements);
    m.list_elements = elements;
}

/* The longest prefix of the range that so many slots and registers allow (MTX-33); with `list` it has to be that. */
static struct made make(const SCATTER_GATHER_LIST *list, uint64_t offset, uint64_t length,
                        uint64_t slots, uint64_t registers)
{
    list_open(list);
    m.offset = offset;
    m.length = length;
    m.slots = ms_min_u64(slots, b.limits.elements_max);
    m.registers = registers;
    if (b.limits.packet)
        make_blocks();
    else
        make_pages();
    if (list && m.made.elements != m.list_elements)
        ms_sim_fail("O5 a list longer than it may be", "%u elements, not %lu", m.list_elements,
                    (unsigned long)m.made.elements);
    return m.made;
}

/* --- what a whole list needs --------------------------------------------------------------------- */

struct need {
    uint64_t elements; /* at most */
    uint32_t registers;
    uint32_t pages;
    bool cannot; /* no list is sure to describe all of it (SGL-10, SGX-15) */
    bool joint;  /* one element in one run of registers (SGL-08) */
};

/* One element of an old list on an adapter without scatter/gather. */
static void need_one(struct need *n, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;
    uint64_t place = share_at(offset, end).pa % MS_PAGE_BYTES;

    n->elements = 1;
    n->registers = 0;
    n->cannot = length > b.limits.bytes_max || length % b.limits.unit != 0; /* SGE-06, SGE-09 */
    if (n->cannot || (piece_end(offset, end) == end && is_block(offset, end)))
        return;
    n->joint = true;
    n->registers = (uint32_t)pages_of(place, length);
    n->cannot = b.limits.loops || place % b.limits.boundary + length > b.limits.boundary;
    for (uint64_t k = offset; k < end;) {
        struct share s = share_at(k, end);
        n->cannot = n->cannot || s.is_device;
        k += s.bytes;
    }
}

static struct need need_of(uint64_t offset, uint64_t length, bool is_old)
{
    struct made made = make(NULL, offset, length, UINT64_MAX, UINT64_MAX);
    struct need n = {
        .elements = made.elements, .registers = made.registers, .cannot = made.bytes < length};

    for (uint64_t k = offset; k < offset + length; n.pages++)
        k += share_at(k, offset + length).bytes;
    if (b.limits.packet && is_old)
        need_one(&n, offset, length);
    return n;
}

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
