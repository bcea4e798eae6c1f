/* SPDX-License-Identifier: MIT */
/*
 * bounds_map_fuzz.c: one driver, one mapping: offsets, lengths, chains, list buffers and register
 * counts at their edges. No other thread, so very many cases.
 *
 * Proves       the status is the one the arguments ask for, and a refusal changes nothing (MTX-06, 07,
 *              12, 52, 57); the elements tile exactly what was mapped, in order, one MDL each, in reach
 *              and fused as far as can be; a page is bounced when it must be and only then, each
 *              through a register of its own, at the same place in the page (O5); a mapping that is
 *              short is so for want of slots or registers (MTX-28, MTX-33); the bytes come over, and
 *              not one beyond the flush (O6); what GetDmaTransferInfo says is enough (GTI-08)
 * Does not     have two mappings at once; see map_fuzz.c
 */
#include "stage.h"

enum {
    MDLS_MAX = 4,
    MDL_PAGES = 8,
    KINDS = 6,
    REGISTERS_MAX = 17,
    SLOTS_MAX = 40,
    CANARY = 0xA5,
    ZONE_PAGES = MDLS_MAX * MDL_PAGES * 2,
};

static const struct {
    uint32_t width;
    bool packet;
} shapes[KINDS] = {{32, false}, {24, false}, {64, false}, {32, true}, {24, true}, {64, true}};
/* The last below 16 MiB, below 4 GiB, above. */
static const PFN_NUMBER zones[3] = {0x1000 - ZONE_PAGES, 0x80000, 0x140000};

struct share {
    uint32_t mdl;
    uint64_t pa;    /* of the first byte */
    uint32_t bytes; /* on this page of this MDL, and inside the range asked for */
};

static struct {
    struct stage stage;
    PDMA_ADAPTER adapter[KINDS];
    uint32_t most[KINDS]; /* registers of one request */
    /* From here on each execution's own. */
    uint32_t kind;
    struct {
        MDL mdl;
        PFN_NUMBER pfn[MDL_PAGES + 1];
    } chain[MDLS_MAX];
    uint32_t mdls;
    uint64_t bytes; /* of the chain */
    PVOID base;
    uint32_t registers; /* held */
    bool is_held;
    bool is_mapped;
    bool to_device;
    uint64_t offset;
    uint32_t mapped;
    uint32_t asked;
    uint64_t bounced;  /* registers of this kind's pool whose pages were used */
    bool is_all_whole; /* the last execution came to its end: `bounced` is right */
    uint8_t list[16 + 24 * SLOTS_MAX + 64] __attribute__((aligned(16)));
    uint64_t digest;
} b;

/* An engine must not take the judge's branches for discoveries: what they tell is said by ms_sim_state. Nor is it
 * the judge's memory that is tried: gcc's build with sanitizers looks at that. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

static PMDL head(void)
{
    return b.mdls ? &b.chain[0].mdl : NULL;
}

/* Where chain byte `k` lies, and how many bytes follow it on its page, up to `end`. */
static struct share share_at(uint64_t k, uint64_t end)
{
    uint64_t left = end - k;
    uint32_t i = 0;

    while (k >= b.chain[i].mdl.ByteCount)
        k -= b.chain[i++].mdl.ByteCount;
    uint64_t at = b.chain[i].mdl.ByteOffset + k;
    uint64_t bytes = MS_PAGE_BYTES - at % MS_PAGE_BYTES;
    if (bytes > b.chain[i].mdl.ByteCount - k)
        bytes = b.chain[i].mdl.ByteCount - k;
    return (struct share){
        .mdl = i,
        .pa = (b.chain[i].pfn[at / MS_PAGE_BYTES] << MS_PAGE_SHIFT) + at % MS_PAGE_BYTES,
        .bytes = (uint32_t)(bytes < left ? bytes : left),
    };
}

static uint8_t *byte_at(uint64_t pa)
{
    return ms_memory_byte(b.stage.memory, (ms_pa){pa});
}

static uint8_t pattern(uint64_t k)
{
    return (uint8_t)(k * 13 + (k >> 8) + 1);
}

static bool is_in_reach(uint64_t last)
{
    return shapes[b.kind].width == 64 || last >> shapes[b.kind].width == 0;
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

static void machine_make(void)
{
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {16, 64},
        .grants = 4,
    };

    (void)stage_memory(&b.stage);
    for (uint32_t z = 0; z < 3; z++)
        ms_require(ms_frames_take_at(b.stage.memory, zones[z], ZONE_PAGES));
    stage_dma(&b.stage, &config, 1);
    for (uint32_t i = 0; i < KINDS; i++) {
        DEVICE_DESCRIPTION description = {
            .Version = DEVICE_DESCRIPTION_VERSION3,
            .Master = TRUE,
            .ScatterGather = !shapes[i].packet,
            .InterfaceType = PCIBus,
            .MaximumLength = 64 * 1024,
            .DmaAddressWidth = shapes[i].width,
        };
        ULONG most;
        b.adapter[i] = ms_adapter_open(b.stage.dma, &b.stage.pdo, &description, &most);
        ms_require(b.adapter[i] != NULL);
        b.most[i] = most;
    }
    stage_keep(&b.stage, &b.kind);
    b.is_all_whole = false;
}

/* Bounce pages hold what nobody wrote, so that whoever forgets to clear or fill one is seen. */
static void bounces_reset(void)
{
    for (uint32_t i = 0; i < KINDS && !b.is_all_whole; i++)
        stage_pages_fill(&b.stage, pool_of(i)->first_pfn, pool_of(i)->registers);
    for (; b.bounced; b.bounced &= b.bounced - 1)
        stage_pages_fill(&b.stage, pool_of(b.kind)->first_pfn + ms_bit_lowest(b.bounced), 1);
    b.is_all_whole = false;
}

static void bounds_reset(const uint8_t *setup)
{
    if (!stage_ready(&b.stage, 0))
        machine_make();
    bounces_reset();
    b.kind = setup[0] % KINDS;
    b.mdls = 0;
    b.bytes = 0;
    memset(b.chain, 0, sizeof b.chain);
    b.is_held = b.is_mapped = false;
    b.offset = 0;
    b.mapped = b.asked = b.registers = 0;
    b.digest = 0;
}

/* --- what the driver does ------------------------------------------------------------------------ */

static void do_mdl(const struct fuzz_op *op)
{
    static const uint64_t offsets[] = {0, 1, 4095, 2048, 4094};
    static const uint64_t counts[] = {4096, 0, 1, 8192, 4095, 12288, 20480, 2};
    uint32_t i = b.mdls;
    uint32_t offset = (uint32_t)stage_edge(offsets, 5, op->operand[0]) % MS_PAGE_BYTES;
    uint32_t count = (uint32_t)stage_edge(counts, 8, op->operand[1]) & 0xFFFF;

    if (i == MDLS_MAX || b.is_mapped)
        return;
    if (count > MDL_PAGES * MS_PAGE_BYTES - offset)
        count = MDL_PAGES * MS_PAGE_BYTES - offset;
    memset(&b.chain[i], 0, sizeof b.chain[i]);
    b.chain[i].mdl.MdlFlags = MDL_PAGES_LOCKED;
    b.chain[i].mdl.ByteOffset = offset;
    b.chain[i].mdl.ByteCount = count;
    for (uint32_t p = 0; p < MDL_PAGES; p++) {
        /* Bits of the operand: which zone, which zone every other page, and in which order. */
        uint32_t zone = ((uint32_t)op->operand[2] >> (p & 1 ? 2 : 0) & 3) % 3;
        uint32_t order = (uint32_t)op->operand[2] >> 4 & 3;
        uint32_t page = order == 1   ? MDL_PAGES * 2 - 1 - p /* down */
                        : order == 2 ? p ^ 1
                        : order == 3 ? p * 2 + 1
                                     : p;
        b.chain[i].pfn[p] = zones[zone] + (MDLS_MAX - 1 - i) * MDL_PAGES * 2 + page;
    }
    if (i > 0)
        b.chain[i - 1].mdl.Next = &b.chain[i].mdl;
    b.mdls++;
    b.bytes += count;
}

static void do_flush(uint32_t length);

static void do_free(void)
{
    PDMA_ADAPTER a = b.adapter[b.kind];

    if (!b.is_held)
        return;
    do_flush(b.mapped);
    if (b.registers > 0 || b.base)
        a->DmaOperations->FreeMapRegisters(a, b.base, b.registers);
    b.is_held = false;
}

static void do_grant(uint32_t registers)
{
    PDMA_ADAPTER a = b.adapter[b.kind];
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] = {0}; /* what lies on the stack must not matter */
    NTSTATUS status;

    do_free();
    b.registers = registers % (REGISTERS_MAX + 2);
    (void)a->DmaOperations->InitializeDmaTransferContext(a, context);
    status = a->DmaOperations->AllocateAdapterChannelEx(
        a, &b.stage.pdo, context, b.registers, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &b.base);
    bool is_enough = b.registers <= b.most[b.kind]; /* ACX-05 */
    if (status != (is_enough ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES))
        ms_sim_fail("O7 a grant of another status", "%08x for %u", (unsigned)status, b.registers);
    if (!NT_SUCCESS(status))
        return;
    b.is_held = true;
    a->DmaOperations->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
}

#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

/* First and last byte of each share of the range get their pattern, and their neighbours outside. */
static void bytes_fill(uint64_t from, uint64_t end)
{
    for (uint64_t k = from; k < end;) {
        struct share s = share_at(k, end);
        *byte_at(s.pa) = pattern(k);
        *byte_at(s.pa + s.bytes - 1) = pattern(k + s.bytes - 1);
        k += s.bytes;
    }
    if (from > 0)
        *byte_at(share_at(from - 1, b.bytes).pa) = CANARY;
    if (end < b.bytes)
        *byte_at(share_at(end, b.bytes).pa) = CANARY;
}

/* Why the first byte of a range cannot be mapped without a register: it, or in packet mode its whole
 * MDL's share, is out of reach or scattered. */
static bool needs_register(uint64_t from, uint64_t end)
{
    struct share first = share_at(from, end);
    uint64_t next = first.pa;

    if (!shapes[b.kind].packet)
        return !is_in_reach(first.pa + first.bytes - 1);
    for (uint64_t k = from; k < end;) {
        struct share s = share_at(k, end);
        if (s.mdl != first.mdl)
            break;
        if (s.pa != next || !is_in_reach(s.pa + s.bytes - 1))
            return true;
        next = s.pa + s.bytes;
        k += s.bytes;
    }
    return false;
}

/* One share of an element at `address`: where it lies, or in a register of its own. Counts registers. */
static void share_check(const struct share *s, uint64_t address, bool is_direct, uint64_t *used)
{
    const struct ms_pool *pool = pool_of(b.kind);
    uint64_t reg = (address >> MS_PAGE_SHIFT) - pool->first_pfn;

    if (is_direct) {
        if (address != s->pa)
            ms_sim_fail("O5 a page in reach is not mapped where it lies", "%lx at %lx",
                        (unsigned long)s->pa, (unsigned long)address);
        return;
    }
    if (address % MS_PAGE_BYTES != s->pa % MS_PAGE_BYTES)
        ms_sim_fail("O5 a bounced byte at another place of its page", "%lx at %lx",
                    (unsigned long)s->pa, (unsigned long)address); /* MRG-18 */
    if (reg >= pool->registers || (*used >> reg & 1))
        ms_sim_fail("O1 a bounced page outside of its registers, or two in one", "register %lu",
                    (unsigned long)reg);
    *used |= UINT64_C(1) << reg;
    b.bounced |= *used;
}

/* Every element against the chain; the device reads or writes the ends of each share. */
static void list_check(uint32_t elements_max)
{
    SCATTER_GATHER_LIST *list = (SCATTER_GATHER_LIST *)b.list;
    uint64_t k = b.offset;
    uint64_t end = b.offset + b.asked;
    uint64_t used = 0;
    uint64_t behind = 0; /* the address behind the last element */
    uint32_t last_mdl = MDLS_MAX;
    bool is_direct = false;

    if (list->NumberOfElements == 0 || list->NumberOfElements > elements_max)
        ms_sim_fail("O5 too many elements, or none", "%u of %u", (unsigned)list->NumberOfElements,
                    elements_max);
    for (uint32_t i = 0; i < list->NumberOfElements; i++) {
        uint64_t address = (uint64_t)list->Elements[i].Address.QuadPart;
        uint64_t left = list->Elements[i].Length;
        if (left == 0 || k + left > b.offset + b.mapped || !is_in_reach(address + left - 1) ||
            (address ^ (address + left - 1)) >> 32 != 0)
            ms_sim_fail("O5 an element that is empty, too long, out of reach or across 4 GiB",
                        "element %u", i);
        uint32_t mdl = share_at(k, end).mdl;
        if (!shapes[b.kind].packet && mdl == last_mdl && address == behind && address << 32 != 0)
            ms_sim_fail("O5 two elements that could be one", "element %u", i);
        if (shapes[b.kind].packet && mdl == last_mdl)
            ms_sim_fail("O5 two elements for one MDL of a packet adapter", "element %u", i);
        if (shapes[b.kind].packet)
            is_direct = !needs_register(k, end);
        last_mdl = mdl;
        behind = address + left;
        while (left > 0) {
            struct share s = share_at(k, end);
            if (s.mdl != mdl)
                ms_sim_fail("O5 an element across two MDLs", "element %u", i); /* SGE-03 */
            if (!shapes[b.kind].packet)
                is_direct = is_in_reach(s.pa + s.bytes - 1);
            uint32_t bytes = s.bytes < left ? s.bytes : (uint32_t)left;
            share_check(&s, address, is_direct, &used);
            if (b.to_device &&
                (*byte_at(address) != pattern(k) ||
                 (bytes == s.bytes && *byte_at(address + bytes - 1) != pattern(k + bytes - 1))))
                ms_sim_fail("O6 the device sees other bytes", "at %lu", (unsigned long)k);
            if (!b.to_device && !is_direct && *byte_at(address) != 0)
                ms_sim_fail("O6 a bounced page holds what was there before", "at %lu",
                            (unsigned long)k); /* MRG-16 */
            if (!b.to_device) {
                *byte_at(address) = (uint8_t)~pattern(k);
                *byte_at(address + bytes - 1) = (uint8_t)~pattern(k + bytes - 1);
            }
            k += bytes;
            address += bytes;
            left -= bytes;
        }
    }
    if (k != b.offset + b.mapped)
        ms_sim_fail("O5 the elements do not tile the mapping", "to %lu of %lu+%u", (unsigned long)k,
                    (unsigned long)b.offset, b.mapped);
    uint32_t taken = ms_bits_count(used);
    if (taken > b.registers)
        ms_sim_fail("O1 more registers than granted", "%u of %u", taken, b.registers);
    ms_sim_state(1, b.kind * 64 + (taken < 7 ? taken : 7) * 8 +
                        (list->NumberOfElements < 7 ? list->NumberOfElements : 7));
    /* A packet's MDL share that ran out of registers ends inside; then nothing follows. */
    bool is_short_of_slots = list->NumberOfElements == elements_max;
    bool is_short_of_registers = taken == b.registers && k < end && needs_register(k, end);
    if (shapes[b.kind].packet && taken == b.registers && k < end &&
        share_at(k, end).mdl == last_mdl)
        is_short_of_registers = true;
    ms_sim_state(2, b.kind * 8 + (k < end) * 4u + is_short_of_slots * 2u + is_short_of_registers);
    if (k < end && !is_short_of_slots && !is_short_of_registers)
        ms_sim_fail("O5 a mapping shorter than it must be", "%u of %u", b.mapped, b.asked);
    if (k < end && is_short_of_slots && !is_short_of_registers && !shapes[b.kind].packet) {
        struct share s = share_at(k, end);
        if (s.mdl == last_mdl && s.pa == behind && s.pa << 32 != 0 &&
            is_in_reach(s.pa + s.bytes - 1))
            ms_sim_fail("O5 the last element could be longer", "%u of %u", b.mapped, b.asked);
    }
}

/* Equal to the first byte, and each to the one before. */
static bool is_canary(const uint8_t *bytes, size_t count)
{
    return count == 0 || (bytes[0] == CANARY && memcmp(bytes, bytes + 1, count - 1) == 0);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

static void do_map(uint64_t offset, uint32_t length, uint32_t list_bytes, bool to_device)
{
    PDMA_ADAPTER a = b.adapter[b.kind];
    SCATTER_GATHER_LIST *list = (SCATTER_GATHER_LIST *)b.list;
    bool is_range = head() && offset < b.bytes && length <= b.bytes - offset;
    NTSTATUS want =
        list_bytes < 40 || b.is_mapped || !is_range ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    ULONG mapped = length;
    uint8_t saved[16];

    if (!b.is_held)
        return;
    if (!b.is_mapped) {
        memset(b.list, CANARY, sizeof b.list);
        if (is_range && length > 0)
            bytes_fill(offset, offset + length);
    }
    memcpy(saved, b.list, sizeof saved);
    if (NT_SUCCESS(want) && length > 0 && b.registers == 0 &&
        needs_register(offset, offset + length))
        want = STATUS_INSUFFICIENT_RESOURCES; /* MTX-30 */
    NTSTATUS status = a->DmaOperations->MapTransferEx(
        a, head(), b.base, offset, 0, &mapped, (BOOLEAN)to_device, list, list_bytes, NULL, NULL);
    b.digest = b.digest * 31 + (uint32_t)status + mapped;
    ms_sim_state(0, b.kind * 32 + ((uint32_t)want & 15) * 2 + to_device);
    if (status != want)
        ms_sim_fail("O7 a mapping of another status", "%08x, wanted %08x: %u at %lu of %lu",
                    (unsigned)status, (unsigned)want, length, (unsigned long)offset,
                    (unsigned long)b.bytes);
    if (!b.is_mapped && !is_canary(b.list + list_bytes, sizeof b.list - list_bytes))
        ms_sim_fail("O6 bytes behind the list's buffer", "of %u bytes", list_bytes);
    if (!NT_SUCCESS(status)) {
        if (mapped != length || memcmp(saved, b.list, sizeof saved) != 0)
            ms_sim_fail("O7 a refused mapping changed something", "%08x", (unsigned)status);
        return;
    }
    if (length == 0) {
        if (mapped != 0 || list->NumberOfElements != 0)
            ms_sim_fail("O7 nothing was not mapped", "%u bytes", (unsigned)mapped); /* MTX-07 */
        return;
    }
    if (mapped == 0 || mapped > length)
        ms_sim_fail("O5 a mapping of the wrong length", "%u of %u", (unsigned)mapped, length);
    b.is_mapped = true;
    b.to_device = to_device;
    b.offset = offset;
    b.asked = length;
    b.mapped = mapped;
    list_check((list_bytes - 16) / 24);
}

#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

/* What the driver sees of one byte after a flush of `length` bytes. */
static void byte_check(uint64_t k, const struct share *s, uint64_t at, uint32_t length)
{
    bool is_direct = shapes[b.kind].packet ? false : is_in_reach(s->pa + s->bytes - 1);
    bool is_flushed = k - b.offset < length;
    uint8_t seen = *byte_at(at);
    uint8_t moved = b.to_device ? pattern(k) : (uint8_t)~pattern(k);

    /* A byte that the device wrote where it lies is there, flushed or not; and the elements of a packet
     * may be either. */
    if (k - b.offset >= b.mapped  ? seen != pattern(k)
        : is_flushed || is_direct ? seen != moved
                                  : seen != pattern(k) && !(shapes[b.kind].packet && seen == moved))
        ms_sim_fail("O6 the driver sees other bytes", "at %lu of %lu+%u, flushed %u: %02x",
                    (unsigned long)k, (unsigned long)b.offset, b.mapped, length, seen);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

static void do_flush(uint32_t length)
{
    PDMA_ADAPTER a = b.adapter[b.kind];
    uint64_t end = b.offset + b.asked;
    NTSTATUS status;

    if (!b.is_held || !b.is_mapped)
        return;
    status = a->DmaOperations->FlushAdapterBuffersEx(a, head(), b.base, b.offset, length,
                                                     (BOOLEAN)b.to_device);
    if (status != (length > b.mapped ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS))
        ms_sim_fail("O7 a flush of another status", "%08x for %u of %u", (unsigned)status, length,
                    b.mapped); /* FLX-11 */
    if (!NT_SUCCESS(status))
        return;
    b.is_mapped = false;
    for (uint64_t k = b.offset; k < end;) {
        struct share s = share_at(k, end);
        /* Where the mapping ended inside a share the device wrote its last mapped byte, not the
         * share's: those are looked at by the next mapping. */
        byte_check(k, &s, s.pa, length);
        if (k + s.bytes <= b.offset + b.mapped || k >= b.offset + b.mapped)
            byte_check(k + s.bytes - 1, &s, s.pa + s.bytes - 1, length);
        k += s.bytes;
    }
    if ((b.offset > 0 && *byte_at(share_at(b.offset - 1, b.bytes).pa) != CANARY) ||
        (end < b.bytes && *byte_at(share_at(end, b.bytes).pa) != CANARY))
        ms_sim_fail("O6 a byte outside of the range changed", "%lu+%u", (unsigned long)b.offset,
                    b.asked);
}

/* As many registers and slots as GetDmaTransferInfo says map all of it at once (GTI-08). */
static void do_info(uint64_t offset, uint32_t length, bool to_device)
{
    PDMA_ADAPTER a = b.adapter[b.kind];
    DMA_TRANSFER_INFO info = {.Version = DMA_TRANSFER_INFO_VERSION1};
    bool is_range = head() && offset < b.bytes && length > 0 && length <= b.bytes - offset;
    NTSTATUS status;

    if (b.is_mapped)
        return;
    status = a->DmaOperations->GetDmaTransferInfo(a, head(), offset, length, FALSE, &info);
    if (status != (is_range ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER))
        ms_sim_fail("O7 an answer of another status", "%08x: %u at %lu of %lu", (unsigned)status,
                    length, (unsigned long)offset, (unsigned long)b.bytes); /* GTI-11 */
    if (!is_range || info.V1.MapRegisterCount > 16 || info.V1.ScatterGatherElementCount > SLOTS_MAX)
        return;
    do_grant(info.V1.MapRegisterCount);
    if (!b.is_held)
        return;
    do_map(offset, length, 16 + 24 * info.V1.ScatterGatherElementCount, to_device);
    if (!b.is_mapped || b.mapped != length)
        ms_sim_fail("O5 what the information said is not enough", "%u registers, %u elements",
                    (unsigned)info.V1.MapRegisterCount,
                    (unsigned)info.V1.ScatterGatherElementCount);
}

enum kind { ADD_MDL, GRANT, MAP, FLUSH, REST, INFO };

static uint64_t offset_of(uint8_t operand)
{
    const uint64_t classes[] = {
        0,          b.bytes,    b.bytes / 2,        4096, b.chain[0].mdl.ByteCount,
        1ull << 31, 1ull << 32, b.offset + b.mapped};

    return stage_edge(classes, 8, operand);
}

static uint32_t length_of(uint64_t offset, uint8_t operand)
{
    uint64_t rest = offset < b.bytes ? b.bytes - offset : 0;
    const uint64_t classes[] = {rest,       0,   1, 4096, rest / 2, (1ull << 32) - offset,
                                1ull << 31, 8192};

    return (uint32_t)stage_edge(classes, 8, operand);
}

static uint32_t list_bytes_of(uint8_t operand)
{
    static const uint64_t classes[] = {16 + 24 * SLOTS_MAX, 40, 64, 39, 16 + 24 * 3, 0, 41, 16};
    uint64_t bytes = stage_edge(classes, 8, operand);

    return bytes > 16 + 24 * SLOTS_MAX + 2 ? 40 : (uint32_t)bytes;
}

static void bounds_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint64_t offset = offset_of(op->operand[0]);
    uint32_t length = length_of(offset, op->operand[1]);

    stage_cpu(&b.stage, actor);
    switch ((enum kind)op->kind) {
    case ADD_MDL:
        do_mdl(op);
        break;
    case GRANT:
        do_grant(op->operand[0]);
        break;
    case MAP:
        do_map(offset, length, list_bytes_of(op->operand[2]), op->operand[3] & 1);
        break;
    case FLUSH:
        do_flush((uint32_t)stage_edge((const uint64_t[]){b.mapped, 0, b.mapped / 2, 4096}, 4,
                                      op->operand[0]));
        break;
    case REST: /* the driver's own loop: map, flush, go on behind (MTX-31) */
        do_flush(b.mapped);
        for (uint64_t at = 0; b.is_held && at < b.bytes && !b.is_mapped;) {
            do_map(at, (uint32_t)(b.bytes - at), list_bytes_of(op->operand[0]), op->operand[1] & 1);
            if (!b.is_mapped)
                break;
            at += b.mapped;
            do_flush(b.mapped);
        }
        break;
    case INFO:
        do_info(offset, length, op->operand[2] & 1);
        break;
    }
}

static void bounds_finish(uint32_t actor)
{
    stage_cpu(&b.stage, actor);
    do_free();
}

static void bounds_check(void *unused)
{
    (void)unused;
    if (ms_dma_grants_used(b.stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(b.stage.dma));
    b.is_all_whole = true;
}

static uint64_t bounds_digest(void)
{
    return b.digest;
}

static const char *bounds_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case ADD_MDL:
        snprintf(text, bytes, "an MDL: offset class %u, length class %u, pages %02x",
                 op->operand[0] % 5, op->operand[1] % 8, op->operand[2]);
        break;
    case GRANT:
        snprintf(text, bytes, "%u registers", op->operand[0] % (REGISTERS_MAX + 2));
        break;
    case MAP:
        snprintf(text, bytes, "map: offset class %u, length class %u, list class %u, %s",
                 op->operand[0] % 8, op->operand[1] % 8, op->operand[2] % 8,
                 op->operand[3] & 1 ? "out" : "in");
        break;
    case FLUSH:
        snprintf(text, bytes, "flush, length class %u", op->operand[0] % 4);
        break;
    case REST:
        return "map and flush all of it, part by part";
    case INFO:
        snprintf(text, bytes, "ask what it takes, then map: offset class %u, length class %u",
                 op->operand[0] % 8, op->operand[1] % 8);
        break;
    }
    return text;
}

static const char *const actor_names[] = {"driver"};
static const struct fuzz_setting settings[] = {{"adapter", KINDS}};
static const struct fuzz_kind kinds[] = {
    [ADD_MDL] = {"mdl", 3, 1, "byte offset, byte count, pages: zones and order"},
    [GRANT] = {"grant", 1, 1, "registers"},
    [MAP] = {"map", 4, 1, "offset, length, list buffer, direction"},
    [FLUSH] = {"flush", 1, 1, "length"},
    [REST] = {"all", 2, 1, "list buffer, direction: part by part"},
    [INFO] = {"info", 3, 1, "offset, length, direction: then exactly that"},
};

const struct fuzz_target fuzz_target_bounds_map = {
    .name = "bounds_map",
    .summary = "offsets, lengths, chains, list buffers and registers at their edges, one driver",
    .actors = actor_names,
    .actor_count = 1,
    .settings = settings,
    .setting_count = 1,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .is_sequential = true,
    .steps_max = 20000,
    .reset = bounds_reset,
    .perform = bounds_perform,
    .finish = bounds_finish,
    .check = bounds_check,
    .digest = bounds_digest,
    .tell = bounds_tell,
};
