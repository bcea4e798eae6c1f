/* SPDX-License-Identifier: MIT */
/*
 * commons_fuzz.c: two drivers with common buffers: of every form, by vectors, from an MDL of their own, in
 * domains that they join and leave; each also asks what its adapter is.
 *
 * Proves       a buffer is there unless its arguments or its bounds forbid it (CBF-11, CBF-09, CBV-06); it
 *              lies on a page in both address spaces (CBF-05), in reach and inside its bounds with its last
 *              byte (CBF-08, CBF-09), not across 4 GiB (CBF-12), on no frame of another (O1); driver and
 *              device see the same bytes, which were zero (O6, CBF-13); only what is named exactly is freed
 *              (CBF-06), from a vector only what is still there (CBV-03); domains reach as far as their
 *              narrowest member (DOM-01, DOM-02); an element that two drivers free is freed once; adapters
 *              that are opened beside one another are different ones (O1); a frame is known as common
 *              exactly while it is (O2, MTX-62); at the end every frame and every adapter is back (O9)
 * Does not     map anything; see map_fuzz.c
 */
#include "adapter/grant.h"
#include "stage.h"

enum {
    DRIVERS = 2,
    SLOTS = 3,
    ELEMENTS_MAX = 4,
    ADAPTERS = 2, /* of each driver */
    HUGE_PAGES = 512,
    SEEN_MAX = 512,
};

enum form { PLAIN, EX, BOUNDS, DOMAIN, FROM_MDL };

struct buffer {
    PVOID address; /* NULL: none */
    PHYSICAL_ADDRESS logical;
    ULONG bytes;
    bool is_mdl; /* the frames are the slot's own */
};

struct vector {
    PDMA_COMMON_BUFFER_VECTOR handle; /* NULL: none */
    uint32_t count;
    ULONG bytes;
    struct buffer of[ELEMENTS_MAX];
};

static const uint32_t widths[DRIVERS][ADAPTERS] = {{64, 24}, {32, 36}};

static struct {
    struct stage stage;
    PDMA_ADAPTER adapter[DRIVERS][ADAPTERS];
    HANDLE home[DRIVERS][ADAPTERS];
    uint64_t frames;      /* taken when nobody has a buffer */
    uint64_t slots_taken; /* of adapters, when only those above are open */
    struct buffer buffer[DRIVERS][SLOTS];
    struct vector vector[DRIVERS];
    PDMA_ADAPTER extra[DRIVERS]; /* opened and put by the drivers themselves */
    ms_atomic_ptr shared;        /* hb:shared-vector: a vector that both know */
    uint64_t seen[SEEN_MAX];     /* frames that were in a buffer */
    uint32_t seen_count;
    struct {
        MDL mdl;
        PFN_NUMBER pfn[3];
    } own[DRIVERS]; /* locked and mapped: what CreateCommonBufferFromMdl takes */
    uint64_t digest;
} c;

static const DMA_OPERATIONS *ops_of(uint32_t driver, uint32_t which)
{
    return c.adapter[driver][which]->DmaOperations;
}

/* --- the stage ----------------------------------------------------------------------------------- */

static void machine_make(void)
{
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {1, 1},
        .grants = 2,
    };
    ULONG most;

    (void)stage_memory(&c.stage);
    for (uint32_t d = 0; d < DRIVERS; d++)
        ms_require(ms_frames_take_at(c.stage.memory, 0x140000 + d * 8, 3));
    stage_dma(&c.stage, &config, DRIVERS);
    for (uint32_t d = 0; d < DRIVERS; d++)
        for (uint32_t i = 0; i < ADAPTERS; i++) {
            DEVICE_DESCRIPTION description = {
                .Version = DEVICE_DESCRIPTION_VERSION3,
                .Master = TRUE,
                .ScatterGather = TRUE,
                .InterfaceType = PCIBus,
                .MaximumLength = 4096,
                .DmaAddressWidth = widths[d][i],
            };
            c.adapter[d][i] = ms_adapter_open(c.stage.dma, &c.stage.pdo, &description, &most);
            ms_require(c.adapter[d][i] != NULL);
            c.home[d][i] = ops_of(d, i)->GetDmaDomain(c.adapter[d][i]);
        }
    c.frames = ms_frames_taken(c.stage.memory);
    c.slots_taken = ms_load_relaxed(&c.stage.dma->adapters_taken[0]);
    stage_keep(&c.stage, c.buffer);
}

static void commons_reset(const uint8_t *setup)
{
    (void)setup;
    if (!stage_ready(&c.stage, 0))
        machine_make();
    memset(c.buffer, 0, sizeof c.buffer);
    memset(c.vector, 0, sizeof c.vector);
    memset(c.extra, 0, sizeof c.extra);
    ms_init(&c.shared, NULL);
    c.seen_count = 0;
    memset(c.own, 0, sizeof c.own);
    for (uint32_t d = 0; d < DRIVERS; d++) {
        PFN_NUMBER first = 0x140000 + d * 8;
        c.own[d].mdl.MdlFlags = MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA;
        c.own[d].mdl.ByteCount = 3 * MS_PAGE_BYTES;
        for (uint32_t i = 0; i < 3; i++)
            c.own[d].pfn[i] = first + i;
        c.own[d].mdl.MappedSystemVa =
            ms_memory_byte(c.stage.memory, (ms_pa){first << MS_PAGE_SHIFT});
    }
    c.digest = 0;
}

/* --- the shadow ---------------------------------------------------------------------------------- */

static bool overlap(const struct buffer *a, const struct buffer *b)
{
    uint64_t first = (uint64_t)a->logical.QuadPart;
    uint64_t other = (uint64_t)b->logical.QuadPart;
    uint64_t end = (first + a->bytes + MS_PAGE_BYTES - 1) & ~(uint64_t)(MS_PAGE_BYTES - 1);
    uint64_t other_end = (other + b->bytes + MS_PAGE_BYTES - 1) & ~(uint64_t)(MS_PAGE_BYTES - 1);

    return first < other_end && other < end;
}

#include "commons_frames.h"

static void overlap_check(const struct buffer *made, const struct buffer *other)
{
    if (other != made && other->address && !other->is_mdl && overlap(made, other))
        ms_sim_fail("O1 a frame in two common buffers", "at %lx",
                    (unsigned long)made->logical.QuadPart);
}

/* A new buffer against its bounds and all others; then its last byte is the driver's mark. */
static void buffer_judge(const struct buffer *b, uint64_t lowest, uint64_t highest)
{
    uint64_t first = (uint64_t)b->logical.QuadPart;
    uint64_t last = first + b->bytes - 1;
    uint8_t *bytes = b->address;

    if ((uintptr_t)b->address % MS_PAGE_BYTES != 0 || first % MS_PAGE_BYTES != 0)
        ms_sim_fail("O5 a common buffer off its page", "%lx", (unsigned long)first); /* CBF-05 */
    if (first < lowest || last > highest || (first ^ last) >> 32 != 0)
        ms_sim_fail("O5 a common buffer out of its bounds", "%lx..%lx in %lx..%lx",
                    (unsigned long)first, (unsigned long)last, (unsigned long)lowest,
                    (unsigned long)highest);
    for (uint32_t d = 0; d < DRIVERS; d++) {
        for (uint32_t i = 0; i < SLOTS; i++)
            overlap_check(b, &c.buffer[d][i]);
        for (uint32_t i = 0; i < ELEMENTS_MAX; i++)
            overlap_check(b, &c.vector[d].of[i]);
    }
    frames_know(b);
    frames_remember(b);
    uint8_t *seen = ms_memory_byte(c.stage.memory, (ms_pa){first});
    if (bytes[0] != 0 || bytes[b->bytes - 1] != 0) /* CBF-13 */
        ms_sim_fail("O6 a common buffer with somebody's bytes", "%02x", bytes[0]);
    bytes[0] = 0x5A;
    seen[b->bytes - 1] = 0x6B;
    if ((b->bytes > 1 && seen[0] != 0x5A) || bytes[b->bytes - 1] != 0x6B)
        ms_sim_fail("O6 driver and device see other memory", "at %lx", (unsigned long)first);
}

/* Nobody else wrote into it while it was ours. */
static void buffer_look(const struct buffer *b)
{
    const uint8_t *bytes = b->address;

    frames_know(b);
    if (!b->is_mdl && (bytes[b->bytes - 1] != 0x6B || (b->bytes > 1 && bytes[0] != 0x5A)))
        ms_sim_fail("O6 a common buffer that somebody wrote to", "at %lx",
                    (unsigned long)b->logical.QuadPart);
}

static const struct {
    uint64_t lowest, highest; /* both 0: not said */
} bounds[] = {
    {0, 0},
    {0, 0xFFFFFF},
    {0, 0xFFFFFFFF},
    {0x1000000, 0x1FFFFFF},
    {0x800000, 0x802FFF},
    {0x2000000, 0x1000000},
    {0xFFFFE000, 0x100001FFF},
    {0x90000000, 0x90000FFF},
};
enum { BOUNDS_COUNT = sizeof bounds / sizeof bounds[0] };

/* Whether so many bytes exist at all in [lowest, highest]: RAM, below and above the hole under 4 GiB. */
static bool has_room(uint64_t lowest, uint64_t highest, uint64_t bytes, bool is_huge)
{
    static const uint64_t ram[2][2] = {{0, 0xBFFFFFFF}, {0x100000000, 0x10FFFFFFFF}};
    uint64_t step = is_huge ? HUGE_PAGES * (uint64_t)MS_PAGE_BYTES : MS_PAGE_BYTES;

    for (uint32_t i = 0; i < 2; i++) {
        uint64_t low = lowest > ram[i][0] ? lowest : ram[i][0];
        uint64_t high = highest < ram[i][1] ? highest : ram[i][1];
        low = (low + step - 1) / step * step;
        if (low <= high && bytes - 1 <= high - low)
            return true;
    }
    return false;
}

/* Room for a page or three, which others may have. */
static bool is_narrow(uint32_t bound)
{
    return bound == 4 || bound >= 6;
}

static uint64_t reach_of(uint32_t width)
{
    return UINT64_MAX >> (64 - width);
}

/* --- what the drivers do ------------------------------------------------------------------------- */

static ULONG bytes_of(uint8_t operand)
{
    static const uint64_t classes[] = {4096, 1, 0, 8192, 12288, 4097};

    return (ULONG)stage_edge(classes, 6, operand) & 0xFFFF;
}

/* Operands: slot and adapter, form and bounds, bytes, arguments that may be wrong. */
static void do_alloc(uint32_t driver, const struct fuzz_op *op)
{
    struct buffer *b = &c.buffer[driver][op->operand[0] % SLOTS];
    uint32_t which = op->operand[0] / SLOTS % ADAPTERS;
    PDMA_ADAPTER a = c.adapter[driver][which];
    const DMA_OPERATIONS *ops = ops_of(driver, which);
    enum form form = (enum form)(op->operand[1] % 4);
    uint32_t bound = op->operand[1] / 4u % BOUNDS_COUNT;
    uint64_t highest = reach_of(widths[driver][which]);
    uint64_t lowest = 0;
    PHYSICAL_ADDRESS minimum = {.QuadPart = (LONGLONG)bounds[bound].lowest};
    PHYSICAL_ADDRESS maximum = {.QuadPart = (LONGLONG)bounds[bound].highest};
    PHYSICAL_ADDRESS logical = {.QuadPart = 77};
    PHYSICAL_ADDRESS *out = op->operand[3] & 1 ? NULL : &logical;
    ULONG flags = op->operand[3] >> 1 & 1 ? DOMAIN_COMMON_BUFFER_LARGE_PAGE : 0;
    MEMORY_CACHING_TYPE cache = op->operand[3] >> 2 & 1 ? MmNonCached : MmCached;
    ULONG bytes = bytes_of(op->operand[2]);
    bool is_wrong = bytes == 0 || !out;
    PVOID address = NULL;

    if (b->address)
        return;
    if (form >= BOUNDS && op->operand[3] >> 3 == 3) { /* CBF-09 */
        flags |= 0x100;
        is_wrong = true;
    }
    if (form >= BOUNDS && op->operand[3] >> 3 == 5) {
        cache = MmWriteCombined;
        is_wrong = true;
    }
    if (bound > 0 && form != PLAIN) {
        highest = highest < bounds[bound].highest ? highest : bounds[bound].highest;
        if (form == BOUNDS)
            lowest = bounds[bound].lowest;
    }
    switch (form) {
    case PLAIN:
        address = ops->AllocateCommonBuffer(a, bytes, out, TRUE);
        break;
    case EX:
        address = ops->AllocateCommonBufferEx(a, bound ? &maximum : NULL, bytes, out, FALSE, 0);
        break;
    case BOUNDS:
        address = ops->AllocateCommonBufferWithBounds(
            a, bound ? &minimum : NULL, bound ? &maximum : NULL, bytes, flags, &cache, 0, out);
        break;
    default: {
        NTSTATUS status =
            ops->AllocateDomainCommonBuffer(a, c.home[driver][which], bound ? &maximum : NULL,
                                            bytes, flags, &cache, 0, out, &address);
        /* Who is in a domain of ours only we say; where we went, others do (DOM-02). */
        if (ops->GetDmaDomain(a) != c.home[driver][which])
            is_wrong = is_wrong || status == STATUS_INVALID_PARAMETER;
        if (NT_SUCCESS(status) != (address != NULL) ||
            (is_wrong && status != STATUS_INVALID_PARAMETER))
            ms_sim_fail("O7 a buffer of a domain of another status", "%08x", (unsigned)status);
        if (address && ops->GetDmaDomain(a) != c.home[driver][which])
            highest = bound ? bounds[bound].highest : UINT64_MAX; /* a wider one may be in it */
        break;
    }
    }
    bool must = !is_wrong && has_room(lowest, highest, bytes, form >= BOUNDS && flags);
    ms_sim_state(0, form * 32u + bound * 4 + (address != NULL) * 2u + is_wrong);
    if ((address != NULL) != must && !(must && is_narrow(bound)))
        ms_sim_fail("O7 a common buffer that must be there is not, or one that must not be",
                    "form %d, %u bytes in %lx..%lx", (int)form, (unsigned)bytes,
                    (unsigned long)lowest, (unsigned long)highest);
    if (!address) {
        if (logical.QuadPart != 77)
            ms_sim_fail("O7 no buffer, but an address", "form %d", (int)form);
        return;
    }
    *b = (struct buffer){address, logical, bytes, false};
    buffer_judge(b, lowest, highest);
    c.digest = c.digest * 31 + (uint64_t)logical.QuadPart;
}

static void buffer_free(uint32_t driver, struct buffer *b, uint8_t how)
{
    PDMA_ADAPTER a = c.adapter[driver][how & 1];
    const DMA_OPERATIONS *ops = ops_of(driver, how & 1);
    PHYSICAL_ADDRESS other = {.QuadPart = b->logical.QuadPart + MS_PAGE_BYTES};
    struct buffer gone = *b;

    if (!b->address)
        return;
    if (how & 2) /* CBF-06: what these do not name exactly stays */
        ops->FreeCommonBuffer(a, b->bytes + MS_PAGE_BYTES, b->logical, b->address, TRUE);
    if (how & 4)
        ops->FreeCommonBuffer(a, b->bytes, other, b->address, TRUE);
    if (how & 8)
        ops->FreeCommonBuffer(a, b->bytes, b->logical, (char *)b->address + 1, TRUE);
    buffer_look(b);
    b->address = NULL;
    ops->FreeCommonBuffer(a, gone.bytes, gone.logical, gone.address, TRUE);
}

static void do_from_mdl(uint32_t driver, const struct fuzz_op *op)
{
    struct buffer *b = &c.buffer[driver][op->operand[0] % SLOTS];
    uint32_t which = op->operand[0] / SLOTS % ADAPTERS;
    PDMA_ADAPTER a = c.adapter[driver][which];
    uint64_t first = (uint64_t)c.own[driver].pfn[0] << MS_PAGE_SHIFT;
    uint8_t how = op->operand[1];
    DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION configs[3] = {{0}};
    uint32_t count = 0;
    uint64_t offset = 0;
    uint64_t bytes = c.own[driver].mdl.ByteCount;
    uint64_t highest = reach_of(widths[driver][which]);
    NTSTATUS want = STATUS_SUCCESS;
    PHYSICAL_ADDRESS logical = {.QuadPart = 77};

    for (uint32_t i = 0; i < SLOTS; i++)
        if (c.buffer[driver][i].address && c.buffer[driver][i].is_mdl)
            return; /* one at a time: the same section twice would be two with one name */
    if (b->address)
        return;
    if (how & 1) { /* CBM-04: inclusive, both */
        configs[count].ConfigType = CommonBufferConfigTypeLogicalAddressLimits;
        configs[count].LogicalAddressLimits.MinimumAddress.QuadPart =
            (LONGLONG)(first + (how >> 1 & 1));
        configs[count++].LogicalAddressLimits.MaximumAddress.QuadPart =
            (LONGLONG)(first + 3 * MS_PAGE_BYTES - 1 - (how >> 2 & 1));
    }
    if (how & 8) {
        static const uint64_t offsets[] = {0, 4096, 8192, 12288, 1, 4096};
        static const uint64_t lengths[] = {4096, 8192, 12288, 0, 100, 4096};
        offset = offsets[op->operand[2] % 6];
        bytes = lengths[op->operand[2] / 6u % 6];
        configs[count].ConfigType = CommonBufferConfigTypeSubSection;
        configs[count].SubSection.Offset = offset;
        configs[count++].SubSection.Length = (ULONG)bytes;
    }
    if (how & 16) {
        configs[count].ConfigType = CommonBufferConfigTypeHardwareAccessPermissions;
        configs[count++].HardwareAccessType =
            (DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_ACCESS_TYPE)(how >> 5 & 3);
    }
    if (op->operand[3] == 7 && count < 3)
        configs[count++].ConfigType = CommonBufferConfigTypeMax;
    if (op->operand[3] == 8 && count == 1)
        configs[count++] = configs[0];
    /* In the order in which they stand (CBM-03, CBM-04). */
    for (uint32_t i = 0; i < count && NT_SUCCESS(want); i++) {
        uint32_t type = configs[i].ConfigType;
        if (type == CommonBufferConfigTypeMax)
            want = STATUS_NOT_SUPPORTED;
        else if (type == CommonBufferConfigTypeSubSection &&
                 (bytes == 0 || offset % MS_PAGE_BYTES || bytes % MS_PAGE_BYTES))
            want = STATUS_INVALID_PARAMETER;
        else if (type == CommonBufferConfigTypeHardwareAccessPermissions &&
                 configs[i].HardwareAccessType != CommonBufferHardwareAccessReadWrite)
            want = (uint32_t)configs[i].HardwareAccessType >= CommonBufferHardwareAccessMax
                       ? STATUS_INVALID_PARAMETER
                       : STATUS_NOT_SUPPORTED;
        else if (i > 0 && type == (uint32_t)configs[i - 1].ConfigType)
            want = STATUS_INVALID_PARAMETER;
    }
    uint64_t low = how & 1 ? first + (how >> 1 & 1) : 0;
    uint64_t high = how & 1 ? first + 3 * MS_PAGE_BYTES - 1 - (how >> 2 & 1) : UINT64_MAX;
    if (NT_SUCCESS(want) && (offset + bytes > c.own[driver].mdl.ByteCount || first + offset < low ||
                             first + offset + bytes - 1 > (high < highest ? high : highest)))
        want = STATUS_INVALID_PARAMETER; /* CBM-02, CBM-05 */
    NTSTATUS status = ops_of(driver, which)
                          ->CreateCommonBufferFromMdl(a, &c.own[driver].mdl, count ? configs : NULL,
                                                      count, &logical);
    ms_sim_state(1, (how & 31u) * 4 + ((uint32_t)want & 3));
    if (status != want)
        ms_sim_fail("O7 a buffer of an MDL of another status", "%08x, not %08x", (unsigned)status,
                    (unsigned)want);
    if (!NT_SUCCESS(status))
        return;
    if ((uint64_t)logical.QuadPart != first + offset)
        ms_sim_fail("O5 a buffer of an MDL is elsewhere", "%lx", (unsigned long)logical.QuadPart);
    *b = (struct buffer){(char *)c.own[driver].mdl.MappedSystemVa + offset, logical, (ULONG)bytes,
                         true};
}

static void do_vector(uint32_t driver, const struct fuzz_op *op)
{
    struct vector *v = &c.vector[driver];
    uint32_t which = op->operand[0] % ADAPTERS;
    PDMA_ADAPTER a = c.adapter[driver][which];
    const DMA_OPERATIONS *ops = ops_of(driver, which);
    uint32_t bound = op->operand[1] % BOUNDS_COUNT;
    uint32_t count = op->operand[2] % (ELEMENTS_MAX + 1);
    ULONG bytes = bytes_of(op->operand[3]);
    PHYSICAL_ADDRESS low = {.QuadPart = (LONGLONG)bounds[bound].lowest};
    PHYSICAL_ADDRESS high = {.QuadPart = bound ? (LONGLONG)bounds[bound].highest : INT64_MAX};
    uint64_t highest = ms_min_u64((uint64_t)high.QuadPart, reach_of(widths[driver][which]));
    PDMA_COMMON_BUFFER_VECTOR handle = NULL;
    bool is_wrong = count == 0 || bytes == 0;

    if (v->handle)
        return;
    NTSTATUS status =
        ops->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, count, bytes, &handle);
    ms_sim_state(2, ((uint32_t)status & 3) * 64 + bound * 8 + count);
    if (is_wrong != (status == STATUS_INVALID_PARAMETER) ||
        (!is_wrong && !NT_SUCCESS(status) && !is_narrow(bound) &&
         has_room(bounds[bound].lowest, highest, bytes, false)) ||
        (NT_SUCCESS(status) && !has_room(bounds[bound].lowest, highest, bytes, false)) ||
        NT_SUCCESS(status) != (handle != NULL))
        ms_sim_fail("O7 a vector of another status", "%08x: %u times %u", (unsigned)status, count,
                    (unsigned)bytes); /* CBV-06 */
    if (!handle)
        return;
    v->handle = handle;
    v->count = count;
    v->bytes = bytes;
    for (uint32_t i = 0; i < count; i++) {
        struct buffer *b = &v->of[i];
        b->address = NULL;
        b->bytes = bytes;
        PVOID address = NULL;
        ops->GetCommonBufferFromVectorByIndex(a, handle, i, &address, &b->logical);
        if (!address)
            ms_sim_fail("O5 an element that is not there", "%u of %u", i, count); /* CBV-02 */
        b->address = address;
        buffer_judge(b, bounds[bound].lowest, highest);
    }
}

static void vector_free(uint32_t driver)
{
    struct vector *v = &c.vector[driver];
    PDMA_COMMON_BUFFER_VECTOR handle = v->handle;

    if (!handle)
        return;
    for (uint32_t i = 0; i < v->count; i++)
        if (v->of[i].address) {
            buffer_look(&v->of[i]);
            v->of[i].address = NULL;
        }
    v->handle = NULL;
    ops_of(driver, 0)->FreeCommonBufferVector(c.adapter[driver][0], handle);
}

static void do_element(uint32_t driver, const struct fuzz_op *op)
{
    struct vector *v = &c.vector[driver];
    uint32_t index = op->operand[0] % (ELEMENTS_MAX + 1);
    PDMA_ADAPTER a = c.adapter[driver][0];
    PHYSICAL_ADDRESS logical = {.QuadPart = 77};
    PVOID address = NULL;

    if (!v->handle)
        return;
    if (op->operand[1] & 1) {
        vector_free(driver);
        return;
    }
    if (index < v->count && v->of[index].address) {
        buffer_look(&v->of[index]);
        v->of[index].address = NULL;
    }
    ops_of(driver, 0)->FreeCommonBufferFromVector(a, v->handle,
                                                  index); /* twice: once more nothing */
    ops_of(driver, 0)->GetCommonBufferFromVectorByIndex(a, v->handle, index, &address, &logical);
    if (address)
        ms_sim_fail("O1 a freed element is still there", "%u of %u", index, v->count); /* CBV-07 */
}

static void do_domain(uint32_t driver, const struct fuzz_op *op)
{
    uint32_t which = op->operand[0] % ADAPTERS;
    uint32_t whose = op->operand[1] % DRIVERS;
    PDMA_ADAPTER a = c.adapter[driver][which];
    const DMA_OPERATIONS *ops = ops_of(driver, which);
    HANDLE other = c.home[whose][op->operand[1] / DRIVERS % ADAPTERS];
    NTSTATUS status;

    switch (op->operand[2] & 3) {
    case 0:
        status = ops->JoinDmaDomain(a, other);
        /* A domain of another is there while somebody is in it (DOM-02). */
        if (!NT_SUCCESS(status) &&
            (status != STATUS_INVALID_PARAMETER || other == c.home[driver][which]))
            ms_sim_fail("O7 a domain cannot be joined", "%08x", (unsigned)status);
        if (NT_SUCCESS(status) && ops->GetDmaDomain(a) != other)
            ms_sim_fail("O5 another domain than was joined", "%p", ops->GetDmaDomain(a));
        break;
    case 1:
        if (ops->JoinDmaDomain(a, (HANDLE)(uintptr_t)5) != STATUS_INVALID_PARAMETER)
            ms_sim_fail("O7 a domain that nobody made was joined", "by %u", driver);
        break;
    case 2:
        (void)ops->LeaveDmaDomain(a);
        if (ops->GetDmaDomain(a) != c.home[driver][which])
            ms_sim_fail("O5 who leaves a domain is not at home", "%p", ops->GetDmaDomain(a));
        break;
    default: {
        DMA_ADAPTER_INFO info = {.Version = op->operand[1] & 4 ? 9 : DMA_ADAPTER_INFO_VERSION1};
        status = ops->GetDmaAdapterInfo(a, &info);
        if (NT_SUCCESS(status) != !(op->operand[1] & 4) ||
            (NT_SUCCESS(status) && info.V1.DmaAddressWidth != widths[driver][which]))
            ms_sim_fail("O7 an adapter says something else of itself", "%08x", (unsigned)status);
        if (ops->GetDmaAlignment(a) != 1 || ops->ReadDmaCounter(a) != 0 ||
            !NT_SUCCESS(ops->FlushDmaBuffer(a, &c.own[driver].mdl, TRUE))) /* DOM-03 */
            ms_sim_fail("O7 an adapter with an alignment or a counter", "driver %u", driver);
    }
    }
}

#include "commons_both.h"

/* --- the target ---------------------------------------------------------------------------------- */

enum kind { ALLOC, RELEASE, OF_MDL, VECTOR, ELEMENT, JOIN, SHARED, ADAPTER };

static void commons_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&c.stage, actor);
    switch ((enum kind)op->kind) {
    case ALLOC:
        do_alloc(actor, op);
        break;
    case RELEASE:
        buffer_free(actor, &c.buffer[actor][op->operand[0] % SLOTS], op->operand[1]);
        break;
    case OF_MDL:
        do_from_mdl(actor, op);
        break;
    case VECTOR:
        do_vector(actor, op);
        break;
    case ELEMENT:
        do_element(actor, op);
        break;
    case JOIN:
        do_domain(actor, op);
        break;
    case SHARED:
        do_shared(actor, op);
        break;
    case ADAPTER:
        do_adapter(actor, op);
        break;
    }
}

static void commons_finish(uint32_t actor)
{
    stage_cpu(&c.stage, actor);
    for (uint32_t i = 0; i < SLOTS; i++)
        buffer_free(actor, &c.buffer[actor][i], 0);
    vector_free(actor);
    for (uint32_t i = 0; i < ADAPTERS; i++)
        (void)ops_of(actor, i)->LeaveDmaDomain(c.adapter[actor][i]);
    if (c.extra[actor])
        c.extra[actor]->DmaOperations->PutDmaAdapter(c.extra[actor]);
    c.extra[actor] = NULL;
}

static void commons_check(void *unused)
{
    PDMA_COMMON_BUFFER_VECTOR shared = ms_load_relaxed(&c.shared);

    (void)unused;
    if (shared)
        ops_of(0, 0)->FreeCommonBufferVector(c.adapter[0][0], shared);
    for (uint32_t i = 0; i < c.seen_count; i++)
        if (is_known_as_common(c.seen[i]))
            ms_sim_fail("O2 a frame of no common buffer is known as one's", "frame %lx",
                        (unsigned long)c.seen[i]);
    if (ms_load_relaxed(&c.stage.dma->adapters_taken[0]) != c.slots_taken)
        ms_sim_fail("O9 an adapter's place is left, or lost", "%lx",
                    (unsigned long)ms_load_relaxed(&c.stage.dma->adapters_taken[0]));
    if (ms_commons_used(&c.stage.dma->commons) != 0)
        ms_sim_fail("O9 a common buffer is left", "%u", ms_commons_used(&c.stage.dma->commons));
    if (ms_frames_taken(c.stage.memory) != c.frames)
        ms_sim_fail("O9 frames of common buffers are left", "%lu, %lu",
                    (unsigned long)ms_frames_taken(c.stage.memory), (unsigned long)c.frames);
}

static uint64_t commons_digest(void)
{
    return c.digest;
}

static const char *commons_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const forms[] = {"plain", "ex", "with bounds", "of a domain"};
    static const char *const moves[] = {"join", "join nobody's", "leave", "ask the adapter"};
    static const char *const shares[] = {"share the vector, not", "free element", "look at"};

    switch ((enum kind)op->kind) {
    case ALLOC:
        snprintf(text, bytes, "slot %u: a buffer, %s, bounds %u, length class %u",
                 op->operand[0] % SLOTS, forms[op->operand[1] % 4],
                 op->operand[1] / 4u % BOUNDS_COUNT, op->operand[2] % 6);
        break;
    case RELEASE:
        snprintf(text, bytes, "free slot %u, how %02x", op->operand[0] % SLOTS, op->operand[1]);
        break;
    case OF_MDL:
        snprintf(text, bytes, "slot %u: a buffer of an MDL, how %02x, section %u",
                 op->operand[0] % SLOTS, op->operand[1], op->operand[2] % 36);
        break;
    case VECTOR:
        snprintf(text, bytes, "a vector of %u, bounds %u, length class %u",
                 op->operand[2] % (ELEMENTS_MAX + 1), op->operand[1] % BOUNDS_COUNT,
                 op->operand[3] % 6);
        break;
    case ELEMENT:
        snprintf(text, bytes, op->operand[1] & 1 ? "free the vector" : "free element %u",
                 op->operand[0] % (ELEMENTS_MAX + 1));
        break;
    case JOIN:
        snprintf(text, bytes, "domain: %s, whose %u", moves[op->operand[2] & 3],
                 op->operand[1] % 4);
        break;
    case SHARED:
        snprintf(text, bytes, "both: %s %u", shares[op->operand[1] % 3],
                 op->operand[0] % ELEMENTS_MAX);
        break;
    case ADAPTER:
        return op->operand[0] & 1 ? "an adapter more, without a width, or one less"
                                  : "an adapter more, or one less";
    }
    return text;
}

static const char *const actor_names[] = {"a", "b"};
static const struct fuzz_kind kinds[] = {
    [ALLOC] = {"buffer", 4, 3, "slot and adapter, form and bounds, length, wrong arguments"},
    [RELEASE] = {"free", 2, 3, "slot, what else is tried before"},
    [OF_MDL] = {"of_mdl", 4, 3, "slot and adapter, configurations, section, a bad one"},
    [VECTOR] = {"vector", 4, 3, "adapter, bounds, elements, length"},
    [ELEMENT] = {"element", 2, 3, "index, or all"},
    [JOIN] = {"domain", 3, 3, "adapter, whose domain, what"},
    [SHARED] = {"shared", 2, 3, "element, share the own vector, free the element, or look"},
    [ADAPTER] = {"adapter", 1, 3, "open one more, or put it; with no width"},
};

const struct fuzz_target fuzz_target_commons = {
    .name = "commons",
    .summary = "two drivers: common buffers, vectors of them, buffers of MDLs, domains",
    .actors = actor_names,
    .actor_count = DRIVERS,
    .settings = NULL,
    .setting_count = 0,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 20000,
    .reset = commons_reset,
    .perform = commons_perform,
    .finish = commons_finish,
    .check = commons_check,
    .digest = commons_digest,
    .tell = commons_tell,
};
