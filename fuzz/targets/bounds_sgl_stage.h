/* SPDX-License-Identifier: MIT */
/*
 * bounds_sgl_stage.h: machines of all limits and the memory that chains name, what a device and its driver see of
 * that, and how chains are made. For bounds_sgl_fuzz.c alone.
 */
#ifndef FUZZ_BOUNDS_SGL_STAGE_H
#define FUZZ_BOUNDS_SGL_STAGE_H

#include "adapter/grant.h"
#include "bounds_sgl_model.h"

enum {
    BUFFER_BYTES = 16 + 24 * SLOTS_MAX + 64,
    ZONES = 5,
    ZONE_SLOT = 2 * MDL_PAGES, /* frames of one MDL in one zone */
    EDGE_BEFORE = ZONE_SLOT + ZONE_SLOT / 2,
    ZONE_PAGES = MDLS_MAX * ZONE_SLOT,
    BIG_FRAMES = 4 * WINDOW,
};

/* Frames of MDLs: around 16 MiB, 4 GiB and a round number, and above; behind them those of a huge MDL. */
static const PFN_NUMBER ram_zones[4] = {0x1000 - EDGE_BEFORE, 0x100000 - EDGE_BEFORE,
                                        0x80000 - EDGE_BEFORE, 0x120000};
static const PFN_NUMBER device_zones[4] = {0xC0100, 0x1000000, (UINT64_C(1) << 52) - ZONE_PAGES,
                                           0xFF000};
static const PFN_NUMBER big_frames[2] = {0x90000, 0x130000};

enum form { GET, BUILD, GET_EX, BUILD_EX };
enum { OK = 1, INVALID = 2, SMALL = 4, NONE = 8 };

/* The one list, or the one grant. Each execution's own. */
static struct request {
    enum form form;
    uint64_t offset;
    uint32_t length;
    bool to_device;
    PSCATTER_GATHER_LIST list; /* NULL: none is out */
    PSCATTER_GATHER_LIST made;
    uint32_t entered;
    bool puts; /* in its routine */
    bool has_chain;
    struct need need;
    bool is_held; /* a grant */
    PVOID base;
    uint32_t registers;
    bool is_mapped;
    uint32_t mapped;
    uint8_t context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    uint8_t buffer[BUFFER_BYTES + 64] __attribute__((aligned(16)));
} r;

static PDMA_ADAPTER adapter(void)
{
    return b.adapter[b.kind];
}

static uint32_t status_bit(NTSTATUS status)
{
    return status == STATUS_SUCCESS                  ? OK
           : status == STATUS_INVALID_PARAMETER      ? INVALID
           : status == STATUS_BUFFER_TOO_SMALL       ? SMALL
           : status == STATUS_INSUFFICIENT_RESOURCES ? NONE
                                                     : 0;
}

static void status_check(const char *what, NTSTATUS status, uint32_t want)
{
    b.digest = b.digest * 31 + (uint32_t)status;
    if (!(status_bit(status) & want))
        ms_sim_fail("O7 another status", "%s: %08x, wanted one of %x: %u at %lu of %lu", what,
                    (unsigned)status, want, r.length, (unsigned long)r.offset,
                    (unsigned long)b.bytes);
}

/* --- bytes --------------------------------------------------------------------------------------- */

#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

static uint8_t *byte_at(uint64_t pa)
{
    return ms_memory_byte(b.stage.memory, (ms_pa){pa});
}

/* Every byte of RAM that a chain may name holds this while nobody is at it. */
static uint8_t pattern(uint64_t pa)
{
    return (uint8_t)(pa * 13 + (pa >> 8) * 7 + (pa >> 12) * 3 + 1);
}

static void pages_pattern(PFN_NUMBER pfn, uint64_t pages)
{
    uint64_t first = pfn << MS_PAGE_SHIFT;
    uint8_t *bytes = byte_at(first);

    for (uint64_t i = 0; i < pages << MS_PAGE_SHIFT; i++)
        bytes[i] = pattern(first + i);
}

/* The shares of what was mapped, cut where an element ends: where each lies, and where the device finds it. */
static void parts_find(uint64_t offset, uint64_t bytes, bool is_joint)
{
    uint64_t end = offset + bytes;

    b.parts = 0;
    for (uint64_t k = offset; k < end;) {
        struct share s = share_at(k, end);
        struct part *p = &b.part[b.parts];
        uint64_t last;
        if (b.parts == PARTS_MAX || !logical_at(k - offset, &p->logical))
            ms_sim_fail("O5 a list of a part of its range", "to %lu of %lu", (unsigned long)k,
                        (unsigned long)end);
        p->k = k;
        p->pa = s.pa;
        p->bytes = s.bytes;
        p->bounced = is_joint || p->logical != s.pa;
        while (!logical_at(k - offset + p->bytes - 1, &last) || last != p->logical + p->bytes - 1)
            p->bytes--;
        b.parts++;
        if (s.is_device)
            b.parts--; /* nobody looks at those bytes */
        k += p->bytes;
    }
}

/* What the device finds at the ends of each part; then it writes there. Between its ends a part that goes through
 * registers stays what it is, so that nobody has to fill it again. */
static void device_look(bool to_device)
{
    for (uint32_t i = 0; i < b.parts; i++) {
        const struct part *p = &b.part[i];
        uint8_t *first = byte_at(p->logical), *last = first + p->bytes - 1;
        bool is_blank = !to_device && p->bounced; /* MRG-15, MRG-16 */
        uint8_t want[2] = {is_blank ? 0 : pattern(p->pa),
                           is_blank ? 0 : pattern(p->pa + p->bytes - 1)};
        if (*first != want[0] || *last != want[1])
            ms_sim_fail("O6 the device sees other bytes", "at %lu+%u: %02x, %02x",
                        (unsigned long)p->k, p->bytes, *first, *last);
        if (is_blank)
            memcpy(first, byte_at(p->pa), p->bytes);
        if (!to_device) {
            *last = (uint8_t)~pattern(p->pa + p->bytes - 1);
            *first = (uint8_t)~pattern(p->pa);
        }
    }
}

/* What the driver sees when `flushed` bytes came back; then all is as before. */
static void driver_look(bool to_device, uint64_t offset, uint64_t flushed)
{
    for (uint32_t i = 0; i < b.parts; i++) {
        const struct part *p = &b.part[i];
        for (uint32_t last = 0; last < 2; last++) {
            uint64_t at = last ? p->bytes - 1 : 0;
            uint8_t want = pattern(p->pa + at);
            bool is_back = !p->bounced || p->k + at - offset < flushed; /* FLX-06, PSG-04 */
            if (last && p->bytes == 1)
                continue;
            if (!to_device && is_back)
                want = (uint8_t)~want;
            if (*byte_at(p->pa + at) != want)
                ms_sim_fail("O6 the driver sees other bytes", "at %lu: %02x",
                            (unsigned long)(p->k + at), *byte_at(p->pa + at));
        }
    }
    for (uint32_t i = 0; i < b.parts; i++) {
        const struct part *p = &b.part[i];
        *byte_at(p->pa) = pattern(p->pa);
        *byte_at(p->pa + p->bytes - 1) = pattern(p->pa + p->bytes - 1);
    }
    if (b.parts == 0)
        return;
    /* The neighbours in the same page. */
    uint64_t before = b.part[0].pa;
    uint64_t behind = b.part[b.parts - 1].pa + b.part[b.parts - 1].bytes;
    if ((before % MS_PAGE_BYTES != 0 && *byte_at(before - 1) != pattern(before - 1)) ||
        (behind % MS_PAGE_BYTES != 0 && *byte_at(behind) != pattern(behind)))
        ms_sim_fail("O6 a byte beside the range changed", "at %lx or %lx",
                    (unsigned long)before - 1, (unsigned long)behind);
}

/* Equal to the first byte, and each to the one before. */
static bool is_canary(const uint8_t *bytes, size_t count)
{
    return count == 0 || (bytes[0] == CANARY && memcmp(bytes, bytes + 1, count - 1) == 0);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

/* --- the stage ----------------------------------------------------------------------------------- */

static struct ms_pool *pool_of(uint32_t kind)
{
    return ms_dma_pool(b.stage.dma, shapes[kind].width == 24 ? MS_REACH_24 : MS_REACH_32,
                       shapes[kind].packet ? MS_POOL_CONTIGUOUS : MS_POOL_SCATTER);
}

static void controllers_make(const struct profile *p, struct ms_controller_config of[2])
{
    of[0] = ms_controller_soc();
    of[0].channels = 1;
    of[0].elements_max = p->soc.elements;
    of[0].element_bytes_max = p->soc.bytes_max;
    of[0].boundary = p->soc.boundary;
    of[0].unit = p->soc.unit;
    of[1] = ms_controller_legacy();
    of[1].element_bytes_max = p->legacy.bytes_max;
    of[1].boundary = p->legacy.boundary;
    of[1].unit = p->legacy.unit;
}

static PDMA_ADAPTER adapter_open(uint32_t kind, const struct profile *p)
{
    DEVICE_DESCRIPTION master = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = !shapes[kind].packet,
        .InterfaceType = PCIBus,
        .MaximumLength = 64 * 1024,
        .DmaAddressWidth = width_of(p, kind),
    };
    DEVICE_DESCRIPTION system = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = ACPIBus,
        .AutoInitialize = p->loops,
        .DmaWidth = Width8Bits,
        .MaximumLength = 64 * 1024,
        .DmaRequestLine = kind == SOC ? 0x1003 : 2,
    };
    ULONG most;
    PDMA_ADAPTER made =
        ms_adapter_open(b.stage.dma, &b.stage.pdo, kind < SOC ? &master : &system, &most);

    ms_require(made != NULL);
    b.most[kind] = most;
    return made;
}

/* Only what lies in a window of the huge MDL is ever named; every fourth page there is above 4 GiB. */
static void big_fill(void)
{
    static const uint32_t windows[4] = {0, 4096 - WINDOW, 4096, BIG_PAGES - WINDOW};

    for (uint32_t w = 0; w < 4; w++)
        for (uint32_t p = 0; p < WINDOW; p++)
            big.pfn[windows[w] + p] = big_frames[p % 4 == 3] + w * WINDOW + p;
}

static void machine_make(uint32_t profile)
{
    const struct profile *p = &profiles[profile];
    struct ms_memory_config memory = {
        .ram = {{0, 0xC0000}, {0x100000 - 2 * ZONE_PAGES, 0x40000 + 2 * ZONE_PAGES}},
        .ram_count = 2,
    };
    struct ms_controller_config controllers[2];
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {15, 31}, /* so that only care makes a run begin on a boundary */
        .grants = 4,
        .merge_mdls = p->merges,
        .translate_all = p->translates,
        .other = {.element_bytes_max = p->bytes_max, .boundary = p->boundary},
        .controllers = controllers,
        .controller_count = 2,
    };
    ULONG size;

    controllers_make(p, controllers);
    b.stage.memory = ms_memory_create(&memory);
    ms_require(b.stage.memory != NULL);
    for (uint32_t z = 0; z < 4; z++)
        ms_require(ms_frames_take_at(b.stage.memory, ram_zones[z], ZONE_PAGES));
    for (uint32_t z = 0; z < 2; z++)
        ms_require(ms_frames_take_at(b.stage.memory, big_frames[z], BIG_FRAMES));
    stage_dma(&b.stage, &config, 1);
    for (uint32_t i = 0; i < ADAPTERS; i++)
        b.adapter[i] = adapter_open(i, p);
    ms_require(NT_SUCCESS(b.adapter[0]->DmaOperations->CalculateScatterGatherList(
        b.adapter[0], NULL, NULL, 1, &size, NULL)));
    b.overhead = (uint32_t)size - 16 - 24;
    stage_keep(&b.stage, &b.profile);
    b.whole &= ~(1u << profile);
    big_fill();
}

/* Of this profile's machine. */
static void pages_fill(void)
{
    for (uint32_t z = 0; z < 4; z++)
        pages_pattern(ram_zones[z], ZONE_PAGES);
    for (uint32_t z = 0; z < 2; z++)
        pages_pattern(big_frames[z], BIG_FRAMES);
    for (uint32_t i = 0; i < ADAPTERS; i++)
        stage_pages_fill(&b.stage, pool_of(i)->first_pfn, pool_of(i)->registers);
}

static void bounds_reset(const uint8_t *setup)
{
    uint32_t profile = setup[1] % PROFILES;

    if (!stage_ready(&b.stage, profile))
        machine_make(profile);
    if (!(b.whole >> profile & 1))
        pages_fill();
    b.whole &= ~(1u << profile);
    b.profile = profile;
    b.kind = setup[0] % ADAPTERS;
    b.limits = limits_of(&profiles[profile], b.kind);
    b.pool = ((const struct ms_adapter *)(const void *)adapter())->pool;
    b.mdls = b.last = 0;
    b.has_big = false;
    b.bytes = b.extra = 0;
    b.parts = 0;
    b.touched = 0;
    b.digest = 0;
    memset(&r, 0, offsetof(struct request, buffer));
}

/* --- chains -------------------------------------------------------------------------------------- */

static void let_go(void);

static PFN_NUMBER frame_of(uint32_t i, uint32_t page, uint32_t zones, uint32_t what)
{
    bool is_other = page == 0 ? what >> 6 & 1 : zones >> 7 && page & 1;
    uint32_t zone = is_other ? zones >> 2 & 3 : zones & 3;
    const PFN_NUMBER *first = (what & 7) == 5 ? device_zones : ram_zones;

    /* The first MDL lies across the edge of the first zone, and so on; no two share a frame. */
    return first[zone] + (i + MDLS_MAX + 1 - zone) % MDLS_MAX * ZONE_SLOT;
}

static void small_make(uint32_t i, uint32_t offset, uint32_t count, uint32_t pages, uint32_t what)
{
    static const uint8_t shifts[4] = {6, 0, 10, 3};
    bool is_device = (what & 7) == 5;

    memset(&b.small[i], 0, sizeof b.small[i]);
    b.mdl[i] = &b.small[i].mdl;
    b.mdl[i]->MdlFlags = (what & 7) == 6   ? 0
                         : is_device       ? MDL_PAGES_LOCKED | MDL_IO_SPACE
                         : (what & 7) == 4 ? MDL_SOURCE_IS_NONPAGED_POOL
                                           : MDL_PAGES_LOCKED;
    b.mdl[i]->StartVa = (PVOID)(uintptr_t)(0x10000000 + ((uint64_t)i << 32));
    b.mdl[i]->ByteOffset = offset;
    b.mdl[i]->ByteCount = count;
    for (uint32_t p = 0; p < 2 * MDL_PAGES; p++) {
        uint32_t order = pages >> 4 & 3u;
        uint32_t shift = shifts[what >> 3 & 3];
        uint32_t place = order == 1   ? ZONE_SLOT - 1 - p
                         : order == 2 ? (p ^ 1)
                         : order == 3 ? p * 2 + 1
                                      : p;
        if (order != 1 && order != 3)
            place += shift;
        /* One break in a run. */
        if (order == 0 && pages >> 6 & 1 && p > (pages >> 2 & 3u))
            place++;
        b.small[i].pfn[p] = frame_of(i, p, pages, what) + place % ZONE_SLOT;
    }
}

static void big_make(uint32_t i, uint32_t offset, uint8_t operand)
{
    static const uint64_t counts[] = {0xFFFFE000, 1u << 24, (1u << 24) - 100, 1u << 25};

    b.mdl[i] = &big.mdl;
    memset(&big.mdl, 0, sizeof big.mdl);
    big.mdl.MdlFlags = MDL_PAGES_LOCKED;
    big.mdl.StartVa = (PVOID)(uintptr_t)0x700000000000;
    big.mdl.ByteOffset = offset % MS_PAGE_BYTES;
    big.mdl.ByteCount = (ULONG)stage_edge(counts, 4, operand);
    b.has_big = true;
}

static void do_mdl(const struct fuzz_op *op)
{
    static const uint64_t offsets[] = {0, 1, 4095, 2048, 4094, 3 * 4096 + 5};
    static const uint64_t counts[] = {4096,  1,    8192, 4095, 0,     12288,
                                      20480, 1000, 2,    6144, 45056, 512};
    uint32_t what = op->operand[3];
    uint32_t offset = (uint32_t)stage_edge(offsets, 6, op->operand[0]) % (4 * MS_PAGE_BYTES);
    uint32_t count = (uint32_t)stage_edge(counts, 12, op->operand[1]) & 0xFFFF;

    if (what >> 5 & 1) {
        let_go();
        b.mdls = b.last = 0;
        b.bytes = 0;
        b.has_big = false;
    }
    if (b.mdls == MDLS_MAX || r.list || r.is_mapped)
        return;
    if (count > MDL_PAGES * MS_PAGE_BYTES - offset)
        count = MDL_PAGES * MS_PAGE_BYTES - offset;
    uint32_t i = b.mdls;
    if ((what & 7) == 7 && !b.has_big)
        big_make(i, offset, op->operand[1]);
    else
        small_make(i, offset, count, op->operand[2], what);
    if (i > 0)
        b.mdl[i - 1]->Next = b.mdl[i];
    b.last = b.mdl[i]->ByteCount > 0 ? i : b.last;
    b.mdls++;
    b.bytes += b.mdl[i]->ByteCount;
}

static PMDL head(void)
{
    return b.mdls ? b.mdl[0] : NULL;
}

/* An index only, which may lie in front of the buffer or behind it. */
static PVOID address_at(uint64_t offset)
{
    return (PVOID)((uintptr_t)MmGetMdlVirtualAddress(b.mdl[0]) + offset);
}

static uint64_t offset_of(uint8_t operand)
{
    const uint64_t classes[] = {0,
                                b.bytes / 2,
                                b.mdls ? b.mdl[0]->ByteCount : 0,
                                4096,
                                b.bytes,
                                1u << 24,
                                FOUR,
                                b.bytes - ms_min_u64(b.bytes, 4096),
                                b.bytes - ms_min_u64(b.bytes, 65536),
                                r.offset + r.mapped};

    return stage_edge(classes, 10, operand);
}

/* Bytes behind the chain that lie in its last page (CSG-12). */
static uint64_t slack(void)
{
    if (b.mdls == 0)
        return 0;
    const MDL *last = b.mdl[b.last];
    uint64_t end = (uint64_t)last->ByteOffset + last->ByteCount;

    return (MS_PAGE_BYTES - end % MS_PAGE_BYTES) % MS_PAGE_BYTES;
}

static uint32_t length_of(uint64_t offset, uint8_t operand)
{
    uint64_t rest = offset < b.bytes ? b.bytes - offset : 0;
    const uint64_t classes[] = {rest,           1,     4096,   0,        rest / 2, 4097, 16384,
                                rest + slack(), 65536, 0x1800, FOUR - 1, 512};

    return (uint32_t)stage_edge(classes, 12, operand);
}

#endif
