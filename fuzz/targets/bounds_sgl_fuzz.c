/* SPDX-License-Identifier: MIT */
/*
 * bounds_sgl_fuzz.c: one driver with one list, or one mapping, at a time, on adapters of every limit: longest
 * element, boundary, unit, number of elements, reach, packet mode, both controllers. Offsets, lengths and buffers
 * at the edges of MDLs, pages, elements, 16 MiB and 4 GiB. No other thread, so very many cases.
 *
 * Proves       a list is the one the rules make, element by element, and all of its range, or there is none
 *              (SGE-01 to 09, SGL-08, SGL-10, SGX-15, SGX-23; O5); a mapping is the longest prefix that slots,
 *              registers, units and limits allow (MTX-25 to 37); the status is one that the arguments ask for,
 *              also of a request that waits (SGL-05, SGL-11, SGL-12, SGX-03 to 16, MTX-06, 07, 12, 30, 52, 57);
 *              what is calculated or told beforehand is enough (CSG-*, GTI-*); nothing is written behind a
 *              caller's buffer; a chain made of a list names what the list names, whatever its driver wrote into
 *              it meanwhile (BMS-*, PSG-09); the bytes come over, and not one beyond (O6); each list gives
 *              everything back (O2, O9)
 * Does not     have two lists at once, or cancels; see sgl_fuzz.c
 */
#include "bounds_sgl_lists.h"

/* --- what is told beforehand --------------------------------------------------------------------- */

/* Limits that may cut a page in two: then there are more elements than pages. */
static bool cuts_pages(void)
{
    return b.limits.boundary < MS_PAGE_BYTES || bytes_max() < MS_PAGE_BYTES;
}

static void do_size(const struct fuzz_op *op)
{
    PDMA_ADAPTER a = adapter();
    bool has_mdl = op->operand[2] & 1 && b.mdls > 0;
    uint64_t offset = offset_of(op->operand[0]);
    uint64_t rest = offset < b.bytes ? b.bytes - offset : 0;
    uint32_t length = length_of(offset, op->operand[1]);
    PVOID va = has_mdl ? address_at(offset) : (PVOID)(uintptr_t)offset;
    bool has_registers = !(op->operand[2] & 2);
    ULONG size = 77, registers = 77;
    uint32_t want = OK;
    uint64_t pages = pages_of(offset, length); /* CSG-04, CSG-05 */

    if (b.mdls == 0)
        return;
    if (has_mdl) {
        if (offset >= b.mdl[0]->ByteCount || length > rest + slack())
            want = SMALL; /* CSG-03, CSG-11, CSG-12 */
        pages = 0;
        for (uint64_t k = offset, end = offset + ms_min_u64(length, rest); k < end && want == OK;) {
            uint64_t stop = piece_end(k, end), base = 0; /* CSG-07 */
            uint32_t i = 0;
            while (k >= base + b.mdl[i]->ByteCount)
                base += b.mdl[i++]->ByteCount;
            pages += pages_of(b.mdl[i]->ByteOffset + (k - base), stop - k);
            k = stop;
        }
    }
    if (want == OK && pages > b.most[b.kind] && b.pool)
        want = NONE; /* CSG-03, CSG-10 */
    NTSTATUS status = a->DmaOperations->CalculateScatterGatherList(
        a, has_mdl ? head() : NULL, va, length, &size, has_registers ? &registers : NULL);
    ms_sim_state(4, want * 4 + has_mdl * 2u + (length > rest));
    status_check("a size", status, want);
    if (!NT_SUCCESS(status)) {
        if (size != 77 || registers != 77)
            ms_sim_fail("O7 a refused size changed something", "%u", (unsigned)size); /* GEN-12 */
        return;
    }
    if (has_mdl && length > 0 && length <= rest && is_named(offset, offset + length)) {
        struct need need = need_of(offset, length, true);
        if (!need.cannot && size < list_bytes(need.elements)) /* CSG-02, SGE-11 */
            ms_sim_fail("O7 a size that is too small for its list", "%u, %lu elements",
                        (unsigned)size, (unsigned long)need.elements);
    }
    uint64_t least = ms_min_u64(16 + 24 * pages + b.overhead, UINT32_MAX); /* CSG-09 */
    if (size < least || (size > least && !cuts_pages()) || (has_registers && registers != pages))
        ms_sim_fail("O7 another size than the pages need", "%u, %u registers for %lu pages",
                    (unsigned)size, (unsigned)registers, (unsigned long)pages);
}

static void do_free(void);
static void do_grant(uint32_t registers);
static void do_map(uint64_t offset, uint32_t length, uint32_t list_bytes, bool to_device);

/* What GetDmaTransferInfo says maps all of it at once (GTI-08), by either way. */
static void do_info(const struct fuzz_op *op)
{
    static const ULONG versions[] = {1, 2, 0, 3};
    PDMA_ADAPTER a = adapter();
    struct {
        DMA_TRANSFER_INFO info;
        uint32_t behind;
    } told;
    uint64_t offset = offset_of(op->operand[0]);
    uint32_t length = length_of(offset, op->operand[1]);
    ULONG version = versions[op->operand[2] & 3];
    bool is_range = offset < b.bytes && length <= b.bytes - offset && length > 0;

    let_go();
    if (b.mdls == 0 || !is_named(offset, offset < b.bytes ? offset + length : offset) ||
        (b.has_big && !is_range))
        return;
    memset(&told, CANARY, sizeof told);
    told.info.Version = version;
    r.offset = offset;
    r.length = length;
    b.extra = 0;
    NTSTATUS status = a->DmaOperations->GetDmaTransferInfo(
        a, head(), offset, length, (BOOLEAN)(op->operand[2] >> 2 & 1), &told.info);
    if (version > 2) {
        if (status != STATUS_NOT_SUPPORTED) /* GTI-03 */
            ms_sim_fail("O7 an answer of an unknown version", "%08x", (unsigned)status);
        return;
    }
    bool is_good = is_range && is_resident(offset, offset + length);
    status_check("an answer", status, is_good ? OK : INVALID); /* GTI-11, GTI-14 */
    size_t written = !is_good ? 4 : version == 2 ? 20 : 16;
    if (!is_canary((uint8_t *)&told + written, sizeof told - written))
        ms_sim_fail("O6 bytes behind the answer", "version %u", (unsigned)version);
    if (!is_good)
        return;
    struct need need = need_of(offset, length, false);
    const DMA_TRANSFER_INFO_V1 *v1 = &told.info.V1;
    ms_sim_state(5, b.kind * 16 + need.cannot * 8u + (need.registers < 7 ? need.registers : 7));
    if (version == 2 && told.info.V2.LogicalPageCount != need.pages) /* GTI-12 */
        ms_sim_fail("O7 an answer with other pages", "%u, not %u",
                    (unsigned)told.info.V2.LogicalPageCount, need.pages);
    if (v1->ScatterGatherListSize < list_bytes(v1->ScatterGatherElementCount)) /* GTI-07 */
        ms_sim_fail("O7 an answer with too small a list", "%u",
                    (unsigned)v1->ScatterGatherListSize);
    if (b.limits.packet && !need.cannot && v1->ScatterGatherElementCount != need.elements)
        ms_sim_fail("O7 an answer with other elements", "%u",
                    (unsigned)v1->ScatterGatherElementCount); /* GTI-09 */
    if (b.limits.system)
        return; /* subject to the controller's limit */
    if (need.cannot && v1->MapRegisterCount <= b.most[b.kind])
        ms_sim_fail("O7 an answer that can not be", "%u registers", (unsigned)v1->MapRegisterCount);
    if (v1->MapRegisterCount > b.most[b.kind]) {
        if (!need.cannot && need.registers <= b.most[b.kind])
            ms_sim_fail("O7 an answer with too many registers", "%u, not %u",
                        (unsigned)v1->MapRegisterCount, need.registers);
        return;
    }
    if (v1->ScatterGatherElementCount > SLOTS_MAX)
        return;
    do_grant(v1->MapRegisterCount);
    do_map(offset, length, 16 + 24 * v1->ScatterGatherElementCount, op->operand[2] >> 3 & 1);
    if (r.mapped != length)
        ms_sim_fail("O5 what the information said is not enough", "%u registers, %u elements",
                    (unsigned)v1->MapRegisterCount, (unsigned)v1->ScatterGatherElementCount);
    do_free();
}

/* --- mappings ------------------------------------------------------------------------------------ */

static void do_flush(uint32_t length)
{
    PDMA_ADAPTER a = adapter();

    if (!r.is_mapped)
        return;
    NTSTATUS status = a->DmaOperations->FlushAdapterBuffersEx(a, head(), r.base, r.offset, length,
                                                              (BOOLEAN)r.to_device);
    status_check("a flush", status, length > r.mapped ? INVALID : OK); /* FLX-11 */
    if (!NT_SUCCESS(status))
        return;
    r.is_mapped = false;
    driver_look(r.to_device, r.offset, b.limits.system ? 0 : length);
    b.parts = 0;
}

static void do_free(void)
{
    PDMA_ADAPTER a = adapter();

    if (!r.is_held)
        return;
    do_flush(r.mapped);
    if (b.limits.system)
        a->DmaOperations->FreeAdapterChannel(a);
    else
        a->DmaOperations->FreeMapRegisters(a, r.base, r.registers);
    r.is_held = false;
}

static void let_go(void)
{
    if (r.list)
        put_check();
    do_free();
    b.extra = 0;
}

static void do_grant(uint32_t registers)
{
    PDMA_ADAPTER a = adapter();

    let_go();
    memset(r.context, 0, sizeof r.context);
    (void)a->DmaOperations->InitializeDmaTransferContext(a, r.context);
    NTSTATUS status = a->DmaOperations->AllocateAdapterChannelEx(
        a, &b.stage.pdo, r.context, registers, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &r.base);
    status_check("a grant", status, registers <= b.most[b.kind] ? OK : NONE); /* ACX-05, IGA-04 */
    if (!NT_SUCCESS(status))
        return;
    r.is_held = true;
    r.registers = registers;
    if (!b.limits.system)
        a->DmaOperations->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
}

/* The statuses a mapping may have: what it begins with decides (MTX-30). */
static uint32_t map_statuses(uint32_t list_bytes, uint64_t offset, uint32_t length)
{
    bool is_range = head() && offset < b.bytes && length <= b.bytes - offset;

    if (list_bytes < 40 || r.is_mapped || !is_range) /* MTX-12, MTX-52, MTX-06 */
        return INVALID;
    if (length == 0)
        return OK; /* MTX-07 */
    if (!is_resident(offset, offset + length))
        return INVALID; /* MTX-22 */
    struct made made = make(NULL, offset, length, (list_bytes - 16) / 24, r.registers);
    if (made.why == BY_LOOP) /* MTX-61 */
        return NONE;
    if (made.bytes == 0 && made.why == BY_REGISTERS)
        return NONE;
    if (made.bytes > 0)
        return OK;
    return b.limits.packet || made.registers == 0 ? INVALID : INVALID | OK | NONE;
}

static void do_map(uint64_t offset, uint32_t length, uint32_t list_bytes, bool to_device)
{
    PDMA_ADAPTER a = adapter();
    uint8_t *list = r.buffer;
    uint8_t saved[16];
    ULONG mapped = length;

    if (!r.is_held || b.mdls == 0 ||
        (offset < b.bytes && !is_named(offset, offset + ms_min_u64(length, b.bytes - offset))))
        return;
    bool was_mapped = r.is_mapped;
    uint32_t want = map_statuses(list_bytes, offset, length);
    if (!was_mapped) {
        r.to_device = to_device;
        memset(r.buffer, CANARY, sizeof r.buffer);
    }
    memcpy(saved, list, sizeof saved);
    NTSTATUS status =
        a->DmaOperations->MapTransferEx(a, head(), r.base, offset, 0, &mapped, (BOOLEAN)to_device,
                                        (PSCATTER_GATHER_LIST)(void *)list, list_bytes, NULL, NULL);
    ms_sim_state(6, b.kind * 32 + status_bit(status) * 2 + to_device);
    if (!was_mapped) {
        r.offset = offset;
        r.length = length;
    }
    status_check("a mapping", status, want);
    if (!was_mapped && !is_canary(list + list_bytes, sizeof r.buffer - list_bytes))
        ms_sim_fail("O6 bytes behind the list's buffer", "of %u bytes", list_bytes);
    if (!NT_SUCCESS(status)) {
        if (mapped != length || memcmp(saved, list, sizeof saved) != 0) /* MTX-57 */
            ms_sim_fail("O7 a refused mapping changed something", "%08x", (unsigned)status);
        return;
    }
    if (length == 0) {
        ULONG elements;
        memcpy(&elements, list, sizeof elements);
        if (mapped != 0 || elements != 0)
            ms_sim_fail("O7 nothing was not mapped", "%u bytes", (unsigned)mapped); /* MTX-07 */
        return;
    }
    r.is_mapped = true;
    r.mapped = mapped;
    struct made made = make((SCATTER_GATHER_LIST *)(void *)list, offset, length,
                            (list_bytes - 16) / 24, r.registers);
    if (made.bytes != mapped || mapped == 0) /* MTX-27, MTX-29, MTX-33 */
        ms_sim_fail("O5 a mapping of another length than the rules make", "%u, not %lu of %u",
                    (unsigned)mapped, (unsigned long)made.bytes, length);
    ms_sim_state(7, b.profile * 64 + b.kind * 8 + (uint32_t)made.why);
    parts_find(offset, mapped, false);
    device_look(to_device);
}

/* --- the target ---------------------------------------------------------------------------------- */

enum kind { ADD_MDL, LIST, CHAIN, PUT, SIZE, INFO, GRANT, MAP, FLUSH, REST };

static uint32_t map_bytes_of(uint8_t operand)
{
    static const uint64_t classes[] = {16 + 24 * SLOTS_MAX, 40, 64, 39, 16 + 24 * 3, 0, 41, 16};
    uint64_t bytes = stage_edge(classes, 8, operand);

    return bytes > BUFFER_BYTES ? 40 : (uint32_t)bytes;
}

/* The driver's own loop: map, flush, go on behind (MTX-31). */
static void do_rest(const struct fuzz_op *op)
{
    let_go();
    if (b.has_big)
        return;
    do_grant(op->operand[2] % (b.most[b.kind] + 1));
    for (uint64_t at = 0; r.is_held && at < b.bytes && !r.is_mapped; at += r.mapped) {
        do_map(at, (uint32_t)(b.bytes - at), map_bytes_of(op->operand[0]), op->operand[1] & 1);
        if (!r.is_mapped)
            return;
        do_flush(r.mapped);
    }
}

static void bounds_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint64_t offset = b.mdls ? offset_of(op->operand[0]) : 0;

    stage_cpu(&b.stage, actor);
    switch ((enum kind)op->kind) {
    case ADD_MDL:
        do_mdl(op);
        break;
    case LIST:
        do_list(op);
        break;
    case CHAIN:
        do_chain(op);
        break;
    case PUT:
        do_put(op);
        break;
    case SIZE:
        do_size(op);
        break;
    case INFO:
        do_info(op);
        break;
    case GRANT:
        do_grant(op->operand[0] % 20);
        break;
    case MAP:
        if (b.mdls)
            do_map(offset, length_of(offset, op->operand[1]), map_bytes_of(op->operand[2]),
                   op->operand[3] & 1);
        break;
    case FLUSH:
        do_flush((uint32_t)stage_edge((const uint64_t[]){r.mapped, 0, r.mapped / 2, 4096}, 4,
                                      op->operand[0]));
        break;
    case REST:
        do_rest(op);
        break;
    }
}

static void bounds_finish(uint32_t actor)
{
    stage_cpu(&b.stage, actor);
    let_go();
}

static void bounds_check(void *unused)
{
    (void)unused;
    if (ms_dma_grants_used(b.stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(b.stage.dma));
    if (ms_list_store_used(&b.stage.dma->store) != 0)
        ms_sim_fail("O9 a block of a list is left", "%u", ms_list_store_used(&b.stage.dma->store));
    struct ms_pool *pool = pool_of(b.kind);
    if (pool->ops->free_count(pool->state) != pool->registers)
        ms_sim_fail("O2 registers are lost", "%u of %u", pool->ops->free_count(pool->state),
                    pool->registers);
    /* Registers hold again what nobody wrote, so that whoever forgets to clear or fill one is seen. */
    for (; b.touched; b.touched &= b.touched - 1)
        stage_pages_fill(&b.stage, b.pool->first_pfn + ms_bit_lowest(b.touched), 1);
    b.whole |= 1u << b.profile;
}

static uint64_t bounds_digest(void)
{
    return b.digest;
}

static const char *bounds_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const forms[] = {"get", "build", "get ex", "build ex"};

    switch ((enum kind)op->kind) {
    case ADD_MDL:
        snprintf(text, bytes, "an MDL: offset class %u, length class %u, pages %02x, kind %02x",
                 op->operand[0] % 6, op->operand[1] % 12, op->operand[2], op->operand[3]);
        break;
    case LIST:
        snprintf(text, bytes, "%s: offset class %u, length class %u, buffer class %u, how %02x",
                 forms[op->operand[0] & 3], op->operand[1] % 10, op->operand[2] % 12,
                 op->operand[0] >> 2 & 7, op->operand[3]);
        break;
    case CHAIN:
        snprintf(text, bytes, "an MDL chain of the list%s",
                 (op->operand[0] & 7) - 1u < 4 ? ", after writing into it" : "");
        break;
    case PUT:
        return op->operand[0] & 1 ? "put the list, and nobody's" : "put the list";
    case SIZE:
        snprintf(text, bytes, "calculate a size: offset class %u, length class %u%s",
                 op->operand[0] % 10, op->operand[1] % 12,
                 op->operand[2] & 1 ? "" : ", of no chain");
        break;
    case INFO:
        snprintf(text, bytes, "ask what it takes, then map: offset class %u, length class %u",
                 op->operand[0] % 10, op->operand[1] % 12);
        break;
    case GRANT:
        snprintf(text, bytes, "%u registers", op->operand[0] % 20);
        break;
    case MAP:
        snprintf(text, bytes, "map: offset class %u, length class %u, list class %u, %s",
                 op->operand[0] % 10, op->operand[1] % 12, op->operand[2] % 8,
                 op->operand[3] & 1 ? "out" : "in");
        break;
    case FLUSH:
        snprintf(text, bytes, "flush, length class %u", op->operand[0] % 4);
        break;
    case REST:
        return "map and flush all of it, part by part";
    }
    return text;
}

static const char *const actor_names[] = {"driver"};
static const struct fuzz_setting settings[] = {{"adapter", ADAPTERS}, {"limits", PROFILES}};
static const struct fuzz_kind kinds[] = {
    [ADD_MDL] = {"mdl", 4, 1, "byte offset, byte count, pages: zones and order, kind of memory"},
    [LIST] = {"list", 4, 1, "form and buffer, offset, length, how"},
    [CHAIN] = {"chain", 2, 1, "what is written into the list before, and wrong arguments"},
    [PUT] = {"put", 1, 1, "what else is put"},
    [SIZE] = {"size", 3, 1, "offset, length, with a chain or not"},
    [INFO] = {"info", 3, 1, "offset, length, version and direction: then exactly that"},
    [GRANT] = {"grant", 1, 1, "registers"},
    [MAP] = {"map", 4, 1, "offset, length, list buffer, direction"},
    [FLUSH] = {"flush", 1, 1, "length"},
    [REST] = {"all", 3, 1, "list buffer, direction, registers: part by part"},
};

const struct fuzz_target fuzz_target_bounds_sgl = {
    .name = "bounds_sgl",
    .summary = "lists and mappings at the edges of every limit, one driver, element by element",
    .actors = actor_names,
    .actor_count = 1,
    .settings = settings,
    .setting_count = 2,
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
