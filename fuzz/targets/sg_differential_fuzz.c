/* SPDX-License-Identifier: MIT */
/*
 * sg_differential_fuzz.c: every builder of scatter/gather lists against a naive one that goes page by page
 * and shares no code with them, so against one another too. No machine: chains, lists and a pool in static
 * memory, each with a page behind (or before) it that nobody may touch.
 *
 * Proves       status, bytes, elements, registers, cursor and every byte of the list are those of the rules
 *              (SGE-01 to 09, MTX-26 to 39) for each variant (scalar, AVX2 and AVX-512 where the processor
 *              has them, the model of AVX-512), whatever the frames, offsets, chains and device limits; a
 *              refusal leaves header and cursor alone (MTX-57); nothing is read or written outside of
 *              frames, slots and canaries; what bounces is copied in whole and comes back as far as it is
 *              flushed (FLX-06, FLX-16); measuring says no less than mapping takes (GTI-08)
 * Does not     have threads, grants or a machine; see sgl_fuzz.c and bounds_map_fuzz.c
 */
#include <string.h>
#include <sys/mman.h>

#include "sg/coalesce.h"
#include "sg/general.h"
#include "sg_naive.h"
#include "stage.h"

enum {
    PAGES_MAX = 160, /* of an MDL: two blocks of the widest vectors and a half */
    MAPS_MAX = 3,    /* of one execution: none depends on those before */
    CANARY = 0xA5,
    ROOM = 3 * MS_PAGE_BYTES, /* of an arena, without its guards */
    EDGE = 64,                /* bytes around a list that are looked at */
    PROBES_MAX = 2 * REGISTERS + 2,
};

extern const struct ms_sg_variant fuzz_sg_avx512_model;

static struct {
    struct stage stage; /* its physical memory only */
    const struct ms_sg_variant *variant[8];
    uint8_t *arena[MDLS_MAX]; /* ROOM bytes each, a guard on both sides */
    uint8_t *list_arena;
    uint8_t *frames_arena;
    uint8_t *pool_pages;
    struct ms_pool pool;
    bool has_twins; /* one frame may lie at two places of the chain */
    struct {
        PFN_NUMBER lowest, highest;
    } zone[MDLS_MAX];
    bool is_done; /* one list an execution: none depends on those before */
    ms_atomic_u64 digest;
} g;

/* --- the stage ----------------------------------------------------------------------------------- */

/* Memory between two pages that nobody may touch; for ever. */
static uint8_t *arena_make(size_t bytes)
{
    uint8_t *all =
        mmap(NULL, bytes + 2 * MS_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ms_require(all != MAP_FAILED);
    ms_require(mprotect(all + MS_PAGE_BYTES, bytes, PROT_READ | PROT_WRITE) == 0);
    return all + MS_PAGE_BYTES;
}

/* The same choice on every machine: what a processor lacks, the model does. */
static void variants_find(void)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    struct ms_cpu_features here = ms_cpu_features_get();
    const struct ms_sg_variant *found;

    for (uint32_t n = 0; n < 3; n++) {
        g.variant[n] = &fuzz_sg_avx512_model;
        for (uint32_t i = 0; (found = ms_sg_variant_at(here, i)) != NULL; i++)
            if (strcmp(ms_sg_variant_name(found), names[n]) == 0)
                g.variant[n] = found;
    }
    g.variant[3] = &fuzz_sg_avx512_model;
}

static void differential_reset(const uint8_t *setup)
{
    if (!g.list_arena) {
        for (uint32_t i = 0; i < MDLS_MAX; i++)
            g.arena[i] = arena_make(ROOM);
        g.list_arena = arena_make(ROOM);
        g.frames_arena = arena_make(ROOM);
        g.pool_pages = arena_make(REGISTERS * MS_PAGE_BYTES);
        variants_find();
    }
    if (!stage_ready(&g.stage, 0)) {
        (void)stage_memory(&g.stage);
        stage_keep(&g.stage, g.variant);
    }
    naive.memory = g.stage.memory;
    g.pool = (struct ms_pool){
        .run = naive.run,
        .memory = g.stage.memory,
        .pages = g.pool_pages,
        .first_pfn = POOL_PFN,
        .registers = REGISTERS,
    };
    naive.in_ram = setup[0] & 1;
    g.has_twins = false;
    naive.mdls = 0;
    naive.chain_bytes = 0;
    g.is_done = false;
    ms_sg_limits_init(&naive.limits, 64);
    ms_store_relaxed(&g.digest, 0);
}

/* --- what is generated --------------------------------------------------------------------------- */

/* An engine must not take the judge's branches for discoveries: what they tell is said by ms_sim_state. Nor is it
 * the judge's memory that is tried: gcc's build with sanitizers looks at that. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

static uint64_t next_frame(uint64_t frame, uint32_t pattern, uint32_t k, uint32_t page,
                           struct ms_prng *prng)
{
    switch (pattern) {
    case 0:
        return frame + 1;
    case 1:
        return frame + 2;
    case 2:
        return frame + 1 + (page % (k + 1) == 0); /* runs of k + 1 */
    case 3:
        return frame + 1 + (page == k * 4 + 1); /* one break */
    case 4:
        return frame - 1;
    case 5:
        return frame + 1 + ms_prng_below(prng, 2);
    case 6:
        return frame + 1 + (ms_prng_below(prng, 16) == 0);
    default:
        return k & 1 ? frame : frame + 1 - 2 * (page % 2); /* the same again; two by turns */
    }
}

#ifdef __clang__
#pragma clang attribute pop
#endif

static void do_mdl(const struct fuzz_op *op)
{
    static const uint64_t offsets[] = {0, 1, 4095, 2048, 16, 4000};
    static const uint64_t counts[] = {MS_PAGE_BYTES,       0,     1,     5 * MS_PAGE_BYTES,
                                      65 * MS_PAGE_BYTES,  4095,  20480, 129 * MS_PAGE_BYTES,
                                      17 * MS_PAGE_BYTES,  64,    8192,  33 * MS_PAGE_BYTES,
                                      157 * MS_PAGE_BYTES, 24576, 100,   9 * MS_PAGE_BYTES};
    /* Just below what devices cannot cross: 16 MiB, 3 GiB (the end of low RAM), 4 GiB, 64 GiB, 2^52. */
    static const uint64_t edges[] = {0x1000, 0xC0000, 0x100000, 0x1000000, 0x10000000000, 0x40};
    static const uint64_t ram_edges[] = {0x1000, 0xBFF00, 0x100100, 0x200000, 0x1000, 0x100};
    uint32_t i = naive.mdls;
    uint32_t offset = (uint32_t)stage_edge(offsets, 6, op->operand[0]) % MS_PAGE_BYTES;
    uint32_t count = (uint32_t)stage_edge(counts, 16, op->operand[1]) & 0xFFFFF;
    uint32_t pattern = op->operand[2] & 7;
    uint32_t k = op->operand[2] >> 3;
    uint32_t before = op->operand[3] / 6u; /* pages before the edge */
    uint64_t frame = (naive.in_ram ? ram_edges : edges)[op->operand[3] % 6] - before * (k % 3 + 1);
    struct ms_prng prng = {op->operand[3] * 256u + op->operand[2] + 1};
    PFN_NUMBER *frames;

    bool follows = op->operand[3] % 6 == 4 && i > 0 && naive.mdl[i - 1]->ByteCount > 0;
    PFN_NUMBER next = 0;

    if (i == MDLS_MAX || g.is_done)
        return;
    if (follows) {
        uint32_t end = naive.mdl[i - 1]->ByteOffset + naive.mdl[i - 1]->ByteCount;
        offset = end % MS_PAGE_BYTES;
        next = frames_of(i - 1)[(end - 1) / MS_PAGE_BYTES] + (offset == 0);
    }
    if (count > 0xF0000) /* one or two less than nothing */
        count = 2;
    uint32_t pages = (uint32_t)(((uint64_t)offset + count + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES);
    ms_require(pages <= PAGES_MAX);
    /* Its frames end where memory does; an empty one has none. */
    size_t bytes = sizeof(MDL) + (count ? pages : 0) * sizeof(PFN_NUMBER);
    MDL *mdl = (MDL *)(void *)(g.arena[i] + ROOM - bytes);
    memset(mdl, 0, sizeof *mdl);
    mdl->MdlFlags = k == 31 && i > 0           ? 0
                    : k == 30 && !naive.in_ram ? MDL_IO_SPACE
                                               : MDL_PAGES_LOCKED;
    mdl->ByteOffset = offset;
    mdl->ByteCount = count;
    frames = (PFN_NUMBER *)(void *)(mdl + 1);
    if (pattern == 4)
        frame += pages;
    if (i > 0 && follows) /* where the one before ends: they may share a page, or an element */
        frame = next;
    g.zone[i].lowest = g.zone[i].highest = frame;
    for (uint32_t p = 0; p < pages && count; p++) {
        frames[p] = frame;
        g.zone[i].lowest = frame < g.zone[i].lowest ? frame : g.zone[i].lowest;
        g.zone[i].highest = frame > g.zone[i].highest ? frame : g.zone[i].highest;
        frame = next_frame(frame, pattern, k, p, &prng);
    }
    for (uint32_t other = 0; other < i; other++)
        if (g.zone[i].lowest <= g.zone[other].highest && g.zone[other].lowest <= g.zone[i].highest)
            g.has_twins = true;
    g.has_twins = g.has_twins || pattern == 7;
    if (i > 0)
        naive.mdl[i - 1]->Next = mdl;
    naive.base[i] = naive.chain_bytes;
    naive.mdl[naive.mdls++] = mdl;
    naive.chain_bytes += count;
}

static void do_limits(const struct fuzz_op *op)
{
    static const uint32_t widths[] = {64, 32, 24, 36, 52, 31, 63, 25};
    static const uint64_t boundaries[] = {UINT64_C(1) << 32, 4096, 65536,   1 << 20,
                                          UINT64_C(1) << 63, 16,   1 << 21, 8192};
    static const uint32_t longest[] = {UINT32_MAX, 4096, 65536, 4095, 8192, 512, 1 << 20, 100000};
    static const uint32_t units[] = {1, 4, 512, 4096, 3, 2, 8192, 1000};
    static const uint32_t elements[] = {UINT32_MAX, 1, 2, 17, 255, 5, 64, 3};

    ms_sg_limits_init(&naive.limits, widths[op->operand[0] & 7]);
    naive.limits.boundary = boundaries[op->operand[0] >> 3 & 7];
    naive.limits.element_bytes_max = longest[op->operand[1] & 7];
    if (op->operand[1] >> 3 & 1)
        naive.limits.element_bytes_max -= 1;
    naive.limits.unit = op->operand[1] >> 4 & 1 ? units[op->operand[1] >> 5] : 1;
    naive.limits.elements_max = elements[op->operand[2] & 7];
    naive.limits.merge_mdls = op->operand[3] & 1;
    naive.limits.contiguous = op->operand[3] >> 1 & 1;
    naive.limits.single_part = op->operand[3] >> 2 & 1 && op->operand[3] >> 3 & 1;
    naive.limits.translate_all = op->operand[3] >> 4 & 1 && naive.in_ram;
    naive.limits.never_bounce = op->operand[3] >> 5 & 1;
}

/* --- one list made and judged -------------------------------------------------------------------- */

#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

/* So many registers, in runs of `run` that do not touch. */
static struct ms_reg_set registers_set(uint32_t count, uint32_t run)
{
    struct ms_reg_set set = {.head = count ? 0 : (ms_reg)MS_REG_NONE, .count = count};

    for (uint32_t at = 0; at < count; at += run) {
        naive.run[at].count = count - at < run ? count - at : run;
        naive.run[at].next = at + run < count ? at + run : (ms_reg)MS_REG_NONE;
    }
    return set;
}

static uint8_t *byte_of(uint64_t address)
{
    return ms_memory_byte(g.stage.memory, (ms_pa){address});
}

static uint8_t pattern_of(uint64_t address)
{
    return (uint8_t)(address * 7 + (address >> 9) + 1);
}

/* The device's address of chain byte `k`, which is mapped. */
static uint64_t logical_of(uint64_t k, uint64_t offset)
{
    uint64_t from_start = k - offset;
    uint32_t e = 0;

    while (from_start >= naive.element[e].bytes)
        from_start -= naive.element[e++].bytes;
    return naive.element[e].address + from_start;
}

/* Bytes that go through a register and are looked at: the ends of each page's share, and where a flush
 * ends. */
static struct {
    uint64_t at; /* chain offset */
    uint64_t address;
    uint8_t *page_byte;
} probe[PROBES_MAX];
static uint32_t probes;

static void probe_add(uint64_t k, uint64_t offset)
{
    uint64_t logical = logical_of(k, offset);
    uint64_t reg = logical / MS_PAGE_BYTES - POOL_PFN;

    if (reg >= REGISTERS || probes == PROBES_MAX)
        return;
    probe[probes].at = k;
    probe[probes].address = share_at(k, k + 1).address;
    probe[probes].page_byte = g.pool_pages + reg * MS_PAGE_BYTES + logical % MS_PAGE_BYTES;
    probes++;
}

static void probes_find(uint64_t offset, uint32_t flushed)
{
    uint64_t end = offset + naive.bytes;

    probes = 0;
    if (naive.registers == 0 || g.has_twins)
        return;
    if (flushed > 0)
        probe_add(offset + flushed - 1, offset);
    if (flushed < naive.bytes)
        probe_add(offset + flushed, offset);
    for (uint64_t k = offset; k < end;) {
        struct share s = share_at(k, end);
        probe_add(k, offset);
        probe_add(k + s.bytes - 1, offset);
        k += s.bytes;
    }
    for (uint32_t i = 0; i < probes; i++) {
        *byte_of(probe[i].address) = pattern_of(probe[i].address);
        *probe[i].page_byte = CANARY;
    }
}

/* What the map copied, then what the flush does. */
static void probes_check(const struct ms_sg_builder *builder, const struct ms_sg_request *request,
                         const struct ms_sg_mapped *mapped, uint32_t flushed)
{
    for (uint32_t i = 0; i < probes; i++) {
        uint8_t want = request->write_to_device ? pattern_of(probe[i].address) : 0;
        if (*probe[i].page_byte != want) /* MRG-15, MRG-16 */
            ms_sim_fail("O6 a bounced byte is not the one of the buffer, or not blank",
                        "at %lu: %02x", (unsigned long)probe[i].at, *probe[i].page_byte);
    }
    if (request->write_to_device)
        return;
    for (uint32_t i = 0; i < probes; i++)
        *probe[i].page_byte = (uint8_t)~pattern_of(probe[i].address);
    ms_sg_copy_back(builder, request, mapped, flushed);
    for (uint32_t i = 0; i < probes; i++) {
        uint8_t was = pattern_of(probe[i].address);
        bool is_back = probe[i].at < request->offset + flushed;
        if (*byte_of(probe[i].address) != (is_back ? (uint8_t)~was : was)) /* FLX-06, FLX-16 */
            ms_sim_fail("O6 a flush copied too little or too much", "at %lu of %lu+%u",
                        (unsigned long)probe[i].at, (unsigned long)request->offset, flushed);
    }
}

/* Header and elements, byte for byte; nothing around them was touched. */
static void list_check(const char *name, const uint8_t *list, uint32_t capacity)
{
    size_t bytes = 16 + 24 * (size_t)capacity;
    uint64_t words[3];

    for (const uint8_t *p = list - EDGE; p < list; p++)
        if (p >= g.list_arena && *p != CANARY)
            ms_sim_fail("O6 a builder wrote in front of its list", "%s", name);
    for (const uint8_t *p = list + bytes; p < list + bytes + EDGE; p++)
        if (p < g.list_arena + ROOM && *p != CANARY)
            ms_sim_fail("O6 a builder wrote behind its list", "%s: %u slots", name, capacity);
    memcpy(words, list, 16);
    if (!NT_SUCCESS(naive.status)) {
        if ((words[0] & words[1]) != UINT64_C(0xA5A5A5A5A5A5A5A5) || words[0] != words[1])
            ms_sim_fail("O7 a refused list has a header", "%s", name); /* MTX-57 */
        return;
    }
    if (words[0] != naive.elements || words[1] != 0) /* MTX-39 */
        ms_sim_fail("O5 a list of another size than the naive builder's", "%s: %lx, %u", name,
                    (unsigned long)words[0], naive.elements);
    for (uint32_t i = 0; i < naive.elements; i++) {
        memcpy(words, list + 16 + 24 * (size_t)i, 24);
        if (words[0] != naive.element[i].address || words[1] != naive.element[i].bytes || words[2])
            ms_sim_fail("O5 another element than the naive builder's",
                        "%s: element %u of %u is %lx+%lx, not %lx+%lx", name, i, naive.elements,
                        (unsigned long)words[0], (unsigned long)words[1],
                        (unsigned long)naive.element[i].address,
                        (unsigned long)naive.element[i].bytes);
    }
}

static void measure_check(const struct ms_sg_builder *builder, const struct ms_sg_request *request)
{
    uint64_t end = request->offset + request->length;
    struct ms_sg_measure need;
    uint32_t pages = 0;
    bool is_good = naive_range_is_good(request->offset, request->length, false);
    NTSTATUS status = ms_sg_measure(builder, request->at, request->offset, request->length, &need);

    if (NT_SUCCESS(status) != is_good)
        ms_sim_fail("O7 a measure of another status", "%08x", (unsigned)status); /* GTI-11 */
    if (!is_good)
        return;
    for (uint64_t k = request->offset; k < end; pages++)
        k += share_at(k, end).bytes;
    if (need.logical_pages != pages) /* GTI-12 */
        ms_sim_fail("O7 a measure counts other pages", "%u, %u", need.logical_pages, pages);
    if (!NT_SUCCESS(naive.status))
        return;
    if (need.elements < naive.elements || need.registers < naive.registers) /* GTI-08 */
        ms_sim_fail("O7 a measure says less than mapping takes", "%u elements, %u registers",
                    need.elements, need.registers);
    if (naive.bytes == request->length &&
        (need.registers != naive.registers ||
         (naive.registers == 0 && need.elements != naive.elements)))
        ms_sim_fail("O7 a measure says more than mapping takes", "%u of %u, %u of %u",
                    naive.elements, need.elements, naive.registers, need.registers);
}

/* Each builder has to answer what the naive one did. */
static void map_with(const struct ms_sg_variant *variant, bool is_general,
                     const struct ms_sg_request *asked, uint8_t *list, uint32_t capacity,
                     uint32_t flushed)
{
    const struct ms_sg_mapped none = {.bytes = 77, .elements = 77, .registers = 77};
    struct ms_sg_mapped mapped = none;
    struct ms_sg_request request = *asked;
    struct ms_sg_builder builder;
    size_t bytes = 16 + 24 * (size_t)capacity;
    const char *name = is_general ? "general" : variant->name;

    ms_sg_builder_init(&builder, naive.in_ram ? g.stage.memory : NULL,
                       naive.in_ram ? &g.pool : NULL, variant, &naive.limits);
    uint8_t *first = list - EDGE < g.list_arena ? g.list_arena : list - EDGE;
    uint8_t *last = list + bytes + EDGE;
    if (last > g.list_arena + ROOM)
        last = g.list_arena + ROOM;
    memset(first, CANARY, (size_t)(last - first));
    probes_find(asked->offset, flushed);
    NTSTATUS status =
        is_general
            ? ms_sg_map_general(&builder, &request, (SCATTER_GATHER_LIST *)(void *)list, capacity,
                                &mapped)
            : ms_sg_map(&builder, &request, (SCATTER_GATHER_LIST *)(void *)list, capacity, &mapped);
    if (status != naive.status)
        ms_sim_fail("O7 another status than the naive builder's", "%s: %08x, not %08x", name,
                    (unsigned)status, (unsigned)naive.status);
    list_check(name, list, capacity);
    if (!NT_SUCCESS(status)) {
        if (memcmp(&mapped, &none, sizeof none) != 0 || request.at.mdl != asked->at.mdl ||
            request.at.base != asked->at.base)
            ms_sim_fail("O7 a refused list changed something", "%s", name); /* MTX-57 */
        return;
    }
    if (mapped.bytes != naive.bytes || mapped.elements != naive.elements ||
        mapped.registers != naive.registers)
        ms_sim_fail("O5 another mapping than the naive builder's",
                    "%s: %u bytes, %u elements, %u registers, not %lu, %u, %u", name, mapped.bytes,
                    mapped.elements, mapped.registers, (unsigned long)naive.bytes, naive.elements,
                    naive.registers);
    uint32_t last_mdl = mdl_at(asked->offset + naive.bytes - 1);
    if (request.at.mdl != naive.mdl[last_mdl] || request.at.base != naive.base[last_mdl])
        ms_sim_fail("O5 a cursor that is not where the mapping ended", "%s", name);
    probes_check(&builder, asked, &mapped, flushed);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

static void do_map(const struct fuzz_op *op)
{
    static const uint32_t capacities[] = {SLOTS_MAX, 1,  2,  5,   17,  64,  65,  3,
                                          128,       33, 16, 200, 130, 255, 100, 8};
    const uint64_t offsets[] = {0,
                                naive.chain_bytes,
                                naive.chain_bytes / 2,
                                4096,
                                naive.chain_bytes / 3,
                                naive.mdls ? naive.mdl[0]->ByteCount : 5,
                                4096 * 64ul,
                                100};
    uint64_t offset = stage_edge(offsets, 8, op->operand[0]);
    uint64_t rest = offset < naive.chain_bytes ? naive.chain_bytes - offset : 0;
    const uint64_t lengths[] = {rest,     1, 4096, rest / 2, 8192, 65536, rest - rest % 4096,
                                4096 * 65};
    uint64_t length = stage_edge(lengths, 8, op->operand[1]) & UINT32_MAX;
    uint32_t capacity = capacities[op->operand[2] & 15];
    uint32_t registers = op->operand[3] >> 4;
    uint32_t slack = (op->operand[0] * 5u + op->operand[1]) & 7;
    bool is_at_start = (op->operand[0] + op->operand[1]) >> 3 & 1;
    struct ms_sg_request request = {.offset = offset, .length = length ? (uint32_t)length : 1};

    if (g.is_done || offset > UINT32_MAX)
        return;
    g.is_done = true;
    request.check_pfns = naive.in_ram && op->operand[2] >> 6 == 3;
    request.write_to_device = op->operand[3] >> 2 & 1;
    request.registers =
        registers_set(naive.in_ram ? registers : 0, 1u + (op->operand[2] >> 4 & 3u) * 2);
    request.at.mdl = naive.mdls ? naive.mdl[0] : NULL;
    if (op->operand[3] >> 3 & 1 &&
        offset < naive.chain_bytes) /* as an earlier call may have left it */
        request.at = (struct ms_mdl_cursor){naive.mdl[mdl_at(offset)], naive.base[mdl_at(offset)]};
    naive.set = request.registers;
    naive_map(request.offset, request.length, capacity, request.check_pfns);

    uint32_t bytes = 16 + 24 * capacity;
    uint8_t *list = is_at_start ? g.list_arena + slack : g.list_arena + ROOM - bytes - slack;
    uint32_t flushed =
        (uint32_t)(op->operand[2] >> 4 & 1 ? naive.bytes / 2 : naive.bytes - (naive.bytes & 1));
    const struct ms_sg_variant *variant = g.variant[op->operand[3] & 3];
    struct ms_sg_builder builder;

    map_with(variant, false, &request, list, capacity, flushed);
    if (op->operand[0] >> 3 & 1) {
        map_with(variant, true, &request, list, capacity, flushed);
        ms_sg_builder_init(&builder, naive.in_ram ? g.stage.memory : NULL, NULL, variant,
                           &naive.limits);
        measure_check(&builder, &request);
    }
    bool is_whole = naive.bytes == request.length;
    uint32_t size = naive.elements > 64   ? 4
                    : naive.elements > 16 ? 3
                    : naive.elements > 1  ? 2
                                          : naive.elements;
    uint32_t how = naive.limits.contiguous * 4u + naive.limits.merge_mdls * 2u +
                   (naive.limits.element_bytes_max != UINT32_MAX);
    ms_sim_state(0, (op->operand[3] & 3) * 16u + size * 2 + is_whole);
    ms_sim_state(1,
                 (NT_SUCCESS(naive.status) * 8u + how) * 4 + (naive.registers > 0) * 2u + is_whole);
    ms_sim_state(2, (naive.limits.single_part * 4u + (naive.limits.unit > 1) * 2u +
                     naive.limits.never_bounce) *
                            2 +
                        NT_SUCCESS(naive.status));
    ms_store_relaxed(&g.digest, ms_load_relaxed(&g.digest) * 31 + (uint32_t)naive.status +
                                    naive.bytes + naive.elements * 7 + naive.registers * 13);
}

/* --- one coalescer alone ------------------------------------------------------------------------- */

static void do_frames(const struct fuzz_op *op)
{
    static const uint32_t counts[] = {1, 2, 5, 8, 9, 16, 17, 31, 32, 33, 64, 65, 66, 128, 129, 160};
    const struct ms_sg_variant *variant = g.variant[op->operand[3] & 3];
    uint32_t pages = counts[op->operand[1] & 15];
    uint32_t pattern = op->operand[0] & 7;
    uint32_t k = op->operand[0] >> 3;
    uint32_t slots = op->operand[1] >> 4 & 7 ? PAGES_MAX : op->operand[2] >> 2;
    bool is_at_start = op->operand[1] >> 7;
    struct ms_prng prng = {op->operand[2] + 1u};
    PFN_NUMBER *frames =
        (PFN_NUMBER *)(void *)(is_at_start ? g.frames_arena : g.frames_arena + ROOM) -
        (is_at_start ? 0 : pages);
    uint64_t frame = 0x100000 - (op->operand[2] & 31);
    uint8_t *slot = is_at_start ? g.list_arena : g.list_arena + ROOM - slots * 24;
    /* The open run may have come in from an MDL before: then its position lies before the piece. */
    uint64_t carried = op->operand[3] >> 2 & 1 ? 0 - (uint64_t)(op->operand[3] >> 3) * 700 : 0;
    uint64_t boundary = UINT64_C(1) << (op->operand[3] >> 4 & 7) * 3;
    uint64_t position;
    uint64_t address;
    uint64_t crossed = 0;
    uint32_t closed = 0;
    uint32_t breaks = 0;
    bool want = true;

    if (g.is_done)
        return;
    g.is_done = true;
    if (pattern == 4)
        frame += pages;
    for (uint32_t p = 0; p < pages; p++) {
        frames[p] = frame;
        frame = next_frame(frame, pattern, k, p, &prng);
    }
    position = carried ? carried : op->operand[3] >> 3;
    address = frames[0] * MS_PAGE_BYTES + position;
    struct ms_sg_open open = {address, position, slot, slot + slots * 24, 0};
    memset(is_at_start ? slot : slot - EDGE, CANARY, slots * 24 + EDGE);
    naive.elements = 0;
    for (uint32_t i = 1; i < pages; i++) {
        bool is_break = frames[i] != frames[i - 1] + 1;
        breaks += is_break || frames[i] % boundary == 0;
        if (!is_break || !want)
            continue;
        if (closed == slots) {
            want = false;
            continue;
        }
        uint64_t bytes = i * (uint64_t)MS_PAGE_BYTES - position;
        naive.element[closed++] = (struct element){address, bytes};
        crossed |= address ^ (address + bytes - 1);
        address = frames[i] * MS_PAGE_BYTES;
        position = i * (uint64_t)MS_PAGE_BYTES;
    }
    /* Which boundary is the highest crossed, the open run's included (SGE-05). */
    uint64_t last =
        want ? address ^ (address + (pages * (uint64_t)MS_PAGE_BYTES - position) - 1) : UINT64_MAX;
    if (variant->coalesce(frames, pages, &open) != want || open.address != address ||
        open.position != position ||
        ms_bit_highest(open.crossed | last | 1) != ms_bit_highest(crossed | last | 1) ||
        open.slot != slot + closed * 24)
        ms_sim_fail("O5 a coalescer leaves another run", "%s: %u pages, %u slots", variant->name,
                    pages, slots);
    for (uint32_t i = 0; i < closed; i++) {
        uint64_t words[3];
        memcpy(words, slot + (size_t)i * 24, 24);
        if (words[0] != naive.element[i].address || words[1] != naive.element[i].bytes || words[2])
            ms_sim_fail("O5 a coalescer makes another element", "%s: element %u of %u",
                        variant->name, i, closed);
    }
    for (uint32_t i = 0; i < EDGE; i++)
        if ((is_at_start ? slot[slots * 24 + i] : slot[(int)i - EDGE]) != CANARY)
            ms_sim_fail("O6 a coalescer wrote outside of its slots", "%s: %u slots", variant->name,
                        slots);
    if (variant->count(frames, pages, boundary) != breaks)
        ms_sim_fail("O5 a coalescer counts other breaks", "%s: %u pages", variant->name, pages);
    ms_sim_state(3, (op->operand[3] & 3) * 16u + pattern * 2 + want);
    ms_sim_state(4, (op->operand[3] & 3) * 16u + (op->operand[1] & 15));
    ms_store_relaxed(&g.digest, ms_load_relaxed(&g.digest) * 31 + address + closed * 7 + breaks);
}

/* --- the target ---------------------------------------------------------------------------------- */

enum kind { ADD_MDL, LIMITS, MAP, FRAMES };

static void differential_perform(uint32_t actor, const struct fuzz_op *op)
{
    (void)actor;
    switch ((enum kind)op->kind) {
    case ADD_MDL:
        do_mdl(op);
        break;
    case LIMITS:
        do_limits(op);
        break;
    case MAP:
        do_map(op);
        break;
    case FRAMES:
        do_frames(op);
        break;
    }
}

static void differential_finish(uint32_t actor)
{
    (void)actor;
}

static void differential_check(void *unused)
{
    (void)unused;
}

static uint64_t differential_digest(void)
{
    return ms_load_relaxed(&g.digest);
}

static const char *differential_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case ADD_MDL:
        snprintf(text, bytes, "an MDL: offset class %u, length class %u, pattern %u/%u, at edge %u",
                 op->operand[0] % 6, op->operand[1] % 16, op->operand[2] & 7, op->operand[2] >> 3,
                 op->operand[3] % 6);
        break;
    case LIMITS:
        snprintf(text, bytes, "limits: reach and boundary %02x, longest and unit %02x, flags %02x",
                 op->operand[0], op->operand[1], op->operand[3]);
        break;
    case MAP:
        snprintf(text, bytes, "map: offset class %u, length class %u, slots class %u, variant %u",
                 op->operand[0] % 8, op->operand[1] % 8, op->operand[2] % 16, op->operand[3] & 3);
        break;
    case FRAMES:
        snprintf(text, bytes, "coalesce: pattern %u/%u, pages class %u, variant %u",
                 op->operand[0] & 7, op->operand[0] >> 3, op->operand[1] % 16, op->operand[3] & 3);
        break;
    }
    return text;
}

static const char *const actor_names[] = {"driver"};
static const struct fuzz_setting settings[] = {{"ram", 2}};
static const struct fuzz_kind kinds[] = {
    [ADD_MDL] = {"mdl", 4, 1, "byte offset, byte count, pattern of frames, where they lie"},
    [LIMITS] = {"limits", 4, 1, "reach and boundary, longest element and unit, elements, flags"},
    [MAP] = {"map", 4, 1, "offset, length, slots, variant and registers"},
    [FRAMES] = {"frames", 4, 1, "pattern, pages and slots, where, variant: one coalescer alone"},
};

const struct fuzz_target fuzz_target_sg_differential = {
    .name = "sg_differential",
    .summary = "every list builder and coalescer against a naive one, page by page",
    .actors = actor_names,
    .actor_count = 1,
    .settings = settings,
    .setting_count = 1,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .is_sequential = true,
    .steps_max = 2000,
    .reset = differential_reset,
    .perform = differential_perform,
    .finish = differential_finish,
    .check = differential_check,
    .digest = differential_digest,
    .tell = differential_tell,
};
