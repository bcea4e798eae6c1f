/* SPDX-License-Identifier: MIT */
/*
 * Boundaries, enumerated: for every chain of up to three small MDLs, every (Offset, Length) whose ends lie
 * at, before or behind an MDL edge, a page edge, the 4 GiB edge or the end of the chain; on every kind of
 * adapter, with every number of registers and list slots that matters. What the table's routines answer
 * is compared with a model that asks of each single byte where it lies.
 *
 * Model       The byte walk shares no code with the builder: byte k lies in frame (ByteOffset + k) / 4096
 *             (MDL-20); a byte out of reach takes the next register when its page begins; a new element
 *             begins where the MDL or the run of addresses breaks, or at a multiple of 4 GiB. Shorter
 *             ranges are prefixes of the longest from the same offset, so one walk serves all of them.
 */
#include "adapter/grant.h"
#include "adapter/test_chain.h"

enum { MDLS_MAX = 3, BYTES_MAX = 3 * 3 * 4096, POINTS_MAX = 64, SLOTS_MAX = 24, HELD_MAX = 4 };

#define GIB4 UINT64_C(0x100000000)

/* --- chains --- */

struct shape {
    uint32_t offset, bytes;
    PFN_NUMBER pfn[3];
};

static const PFN_NUMBER frames[][3] = {
    {0x800, 0x801, 0x802},          /* in everybody's reach, neighbours */
    {0x4000, 0x4002, 0x4001},       /* in reach of 32 bits, none joins the next */
    {0xFFFFE, 0xFFFFF, 0x100000},   /* neighbours across 4 GiB */
    {0x100000, 0x100001, 0x100002}, /* above, neighbours */
    {0x900, 0x100010, 0x901},       /* in reach, out, in */
};
enum { FRAME_KINDS = sizeof frames / sizeof frames[0] };

/* A byte of the chain. */
struct byte {
    uint64_t address;
    uint32_t mdl;
    bool begins_page; /* of its MDL */
};

struct bounds {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
    struct ms_dma *dma;
    DEVICE_OBJECT pdo;
    PMDL mdl[MDLS_MAX];
    uint32_t mdls;
    uint32_t bytes;
    struct byte byte[BYTES_MAX + 1];
    uint32_t block_end[BYTES_MAX + 1]; /* end of the run in reach that begins at that byte */
    uint32_t point[POINTS_MAX];
    uint32_t points;
    bool merges;     /* SGE-03's option */
    bool translates; /* MRG-14's */
    uint64_t calls;
};

static void point_add(struct bounds *b, uint32_t edge)
{
    for (uint32_t at = edge > 0 ? edge - 1 : 0; at <= edge + 1; at++) {
        bool known = false;
        for (uint32_t i = 0; i < b->points; i++)
            known = known || b->point[i] == at;
        if (!known) {
            assert_true(b->points < POINTS_MAX);
            b->point[b->points++] = at;
        }
    }
}

/* The chain, every byte of it, and the places where something ends. */
static void bounds_chain(struct bounds *b, const struct shape *const *shapes, uint32_t mdls)
{
    b->mdls = mdls;
    b->bytes = b->points = 0;
    point_add(b, 0);
    for (uint32_t m = 0; m < mdls; m++) {
        const struct shape *shape = shapes[m];
        b->mdl[m] = ms_mdl_create(shape->pfn, shape->offset, shape->bytes);
        assert_non_null(b->mdl[m]);
        if (m > 0)
            b->mdl[m - 1]->Next = b->mdl[m];
        for (uint32_t k = 0; k < shape->bytes; k++) {
            uint32_t place = shape->offset + k;
            struct byte *byte = &b->byte[b->bytes];
            byte->address = shape->pfn[place / 4096] * 4096 + place % 4096;
            byte->mdl = m;
            byte->begins_page = k == 0 || place % 4096 == 0;
            if (byte->begins_page)
                point_add(b, b->bytes); /* the 4 GiB edge is a page edge too */
            b->bytes++;
        }
    }
    point_add(b, b->bytes);
}

static void bounds_unchain(struct bounds *b)
{
    for (uint32_t m = 0; m < b->mdls; m++)
        IoFreeMdl(b->mdl[m]);
}

/* --- adapters --- */

/* An adapter, and register sets that it keeps: 0, 1, 2 and more than any chain needs. */
struct subject {
    PDMA_ADAPTER adapter;
    const DMA_OPERATIONS *ops;
    uint64_t reach_last;
    bool is_packet;
    PVOID base[HELD_MAX];
    uint32_t registers[HELD_MAX];
    uint64_t page[HELD_MAX][16]; /* logical address of each register, in order */
};

static void subject_open(struct bounds *b, struct subject *s, bool is_packet, uint32_t width)
{
    static const uint32_t counts[HELD_MAX] = {0, 1, 2, 9};
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = !is_packet,
        .InterfaceType = PCIBus,
        .MaximumLength = 0x10000,
        .DmaAddressWidth = width,
    };
    struct context context;
    ULONG most;

    memset(s, 0, sizeof *s);
    s->adapter = ms_adapter_open(b->dma, &b->pdo, &description, &most);
    assert_non_null(s->adapter);
    s->ops = s->adapter->DmaOperations;
    s->is_packet = is_packet;
    s->reach_last = UINT64_MAX >> (64 - width);
    struct ms_adapter *inside = (struct ms_adapter *)(void *)s->adapter;
    for (uint32_t i = 0; i < HELD_MAX; i++) {
        struct ms_reg_cursor cursor;
        context_make(s->adapter, &context);
        s->registers[i] = counts[i];
        assert_status(s->ops->AllocateAdapterChannelEx(s->adapter, &b->pdo, &context, counts[i],
                                                       DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                       &s->base[i]),
                      STATUS_SUCCESS);
        s->ops->FreeAdapterObject(s->adapter, DeallocateObjectKeepRegisters);
        if (!inside->pool || counts[i] == 0)
            continue;
        ms_reg_cursor_start(&cursor, inside->pool,
                            ms_grant_registers(ms_grant_find(inside, s->base[i])));
        for (uint32_t r = 0; r < counts[i]; r++)
            s->page[i][r] = ms_pool_la(inside->pool, ms_reg_cursor_next(&cursor)).value;
    }
}

static void subject_close(struct subject *s)
{
    for (uint32_t i = 0; i < HELD_MAX; i++)
        s->ops->FreeMapRegisters(s->adapter, s->base[i], s->registers[i]);
    s->ops->PutDmaAdapter(s->adapter);
}

/* --- the model --- */

/* The longest list from one offset on. */
struct model {
    uint32_t elements;
    uint32_t start[SLOTS_MAX]; /* chain offset of each element's first byte */
    uint64_t address[SLOTS_MAX];
    uint32_t end; /* no byte from here on is mapped */
};

/* Ends of the runs that a device takes as one block where they lie (MTX-35). */
static void model_blocks(struct bounds *b, const struct subject *s)
{
    for (uint32_t k = b->bytes; k-- > 0;) {
        const struct byte *here = &b->byte[k], *next = here + 1;
        bool joins = k + 1 < b->bytes && next->mdl == here->mdl &&
                     next->address == here->address + 1 && next->address % GIB4 != 0 &&
                     next->address <= s->reach_last;
        b->block_end[k] = joins ? b->block_end[k + 1] : k + 1;
        if (here->address > s->reach_last || b->translates)
            b->block_end[k] = k;
    }
}

static void model_element(struct model *model, uint32_t k, uint64_t address)
{
    assert_true(model->elements < SLOTS_MAX);
    model->start[model->elements] = k;
    model->address[model->elements++] = address;
}

/* Scatter/gather: byte by byte. */
static void model_scatter(const struct bounds *b, const struct subject *s, uint32_t held,
                          uint32_t offset, struct model *model)
{
    uint32_t used = 0;
    uint64_t page = 0, before = 0;
    bool bounces = false;

    model->elements = 0;
    for (uint32_t k = offset; k < b->bytes; k++) {
        const struct byte *byte = &b->byte[k];
        if (k == offset || byte->begins_page) {
            bounces = byte->address > s->reach_last || b->translates;
            if (bounces && used == s->registers[held]) {
                model->end = k; /* MTX-32: at a page end */
                return;
            }
            if (bounces)
                page = s->page[held][used++];
        }
        uint64_t address = bounces ? page + byte->address % 4096 : byte->address; /* MRG-18 */
        if (k == offset || (byte->mdl != b->byte[k - 1].mdl && !b->merges) ||
            address != before + 1 || address % GIB4 == 0)
            model_element(model, k, address); /* SGE-02, SGE-03, SGE-04, SGE-05 */
        before = address;
    }
    model->end = b->bytes;
}

/* Packet: an element per MDL, as it lies or through a run of registers; depends on where the range ends. */
static void model_packet(const struct bounds *b, const struct subject *s, uint32_t held,
                         uint32_t offset, uint32_t end, struct model *model)
{
    uint32_t used = 0, k = offset;

    model->elements = 0;
    while (k < end) {
        uint32_t part_end = k;
        while (part_end < end && b->byte[part_end].mdl == b->byte[k].mdl)
            part_end++;
        if (b->block_end[k] >= part_end) {
            model_element(model, k, b->byte[k].address);
        } else {
            uint64_t room = UINT64_C(4096) * (s->registers[held] - used);
            uint64_t first = b->byte[k].address % 4096;
            if (room <= first)
                break; /* MTX-30 */
            model_element(model, k, s->page[held][used] + first);
            used += (uint32_t)((first + part_end - k + 4095) / 4096);
            if (part_end - k > room - first) { /* MRG-13 */
                model->end = k + (uint32_t)(room - first);
                return;
            }
        }
        k = part_end;
    }
    model->end = k;
}

/* What is mapped of [offset, end) with that many list slots. */
static uint32_t model_mapped(const struct model *model, uint32_t end, uint32_t slots,
                             uint32_t *elements)
{
    uint32_t last = model->end < end ? model->end : end;

    if (slots < SLOTS_MAX && slots < model->elements && model->start[slots] < last)
        last = model->start[slots];
    *elements = 0;
    while (*elements < model->elements && model->start[*elements] < last)
        ++*elements;
    return last;
}

/* --- the comparison --- */

struct big_list {
    ULONG elements;
    ULONG_PTR reserved;
    SCATTER_GATHER_ELEMENT of[SLOTS_MAX];
};

static void list_check(const struct model *model, const struct big_list *list, uint32_t elements,
                       uint32_t end)
{
    assert_int_equal(list->elements, elements);
    for (uint32_t i = 0; i < elements; i++) {
        uint32_t next = i + 1 < elements ? model->start[i + 1] : end;
        if ((uint64_t)list->of[i].Address.QuadPart != model->address[i] ||
            list->of[i].Length != next - model->start[i])
            fail_msg("element %u is {%lx, %x}, wanted {%lx, %x}", i,
                     (uint64_t)list->of[i].Address.QuadPart, list->of[i].Length, model->address[i],
                     next - model->start[i]);
    }
}

static void map_check(struct bounds *b, const struct subject *s, uint32_t held, uint32_t offset,
                      uint32_t end, const struct model *model, uint32_t slots)
{
    uint32_t elements, last = model_mapped(model, end, slots, &elements);
    struct big_list list = {.elements = 77};
    ULONG length = end - offset;
    NTSTATUS status =
        s->ops->MapTransferEx(s->adapter, b->mdl[0], s->base[held], offset, 0, &length, FALSE,
                              (PSCATTER_GATHER_LIST)(void *)&list, 16 + 24 * slots, NULL, NULL);

    b->calls++;
    if (last == offset) { /* not one byte for want of registers */
        assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(length, end - offset);
        assert_int_equal(list.elements, 77);
        return;
    }
    if (status != STATUS_SUCCESS || length != last - offset)
        fail_msg(
            "[%u, %u) of %u bytes in %u MDLs, %s, reach %lx, %u registers, %u slots: 0x%08X, %u "
            "bytes; wanted %u",
            offset, end, b->bytes, b->mdls, s->is_packet ? "packet" : "scatter", s->reach_last,
            s->registers[held], slots, (uint32_t)status, length, last - offset);
    list_check(model, &list, elements, last);
    assert_status(
        s->ops->FlushAdapterBuffersEx(s->adapter, b->mdl[0], s->base[held], offset, 0, FALSE),
        STATUS_SUCCESS);
}

/* Ranges that leave the chain, or are empty at its end. */
static void outside_check(struct bounds *b, const struct subject *s, uint32_t offset)
{
    const uint64_t lengths[] = {(uint64_t)b->bytes - offset + 1, (uint64_t)b->bytes - offset + 4096,
                                0xFFFFFFFF, offset >= b->bytes ? 0 : 0xFFFFFFFE};
    struct big_list list = {.elements = 77};
    DMA_TRANSFER_INFO info = {.Version = 1};

    for (size_t i = 0; i < 4; i++) {
        ULONG length = (ULONG)lengths[i];
        assert_status(s->ops->MapTransferEx(s->adapter, b->mdl[0], s->base[HELD_MAX - 1], offset, 0,
                                            &length, FALSE, (PSCATTER_GATHER_LIST)(void *)&list,
                                            sizeof list, NULL, NULL),
                      STATUS_INVALID_PARAMETER); /* MTX-06 */
        assert_int_equal(list.elements, 77);
        assert_status(
            s->ops->GetDmaTransferInfo(s->adapter, b->mdl[0], offset, length, FALSE, &info),
            STATUS_INVALID_PARAMETER); /* GTI-11 */
        b->calls += 2;
    }
}

/* The list of the whole range at once, and what is told about it beforehand. */
static void whole_check(struct bounds *b, const struct subject *s, uint32_t offset, uint32_t end,
                        const struct model *model, struct context *context)
{
    DMA_TRANSFER_INFO info = {.Version = 1};
    uint32_t elements, last = model_mapped(model, end, SLOTS_MAX, &elements);
    PSCATTER_GATHER_LIST made;

    assert_int_equal(last, end);
    assert_status(
        s->ops->GetDmaTransferInfo(s->adapter, b->mdl[0], offset, end - offset, FALSE, &info),
        STATUS_SUCCESS);
    assert_in_range(info.V1.ScatterGatherElementCount, elements, SLOTS_MAX); /* GTI-08 */
    assert_in_range(info.V1.MapRegisterCount, 0, 9);
    assert_status(s->ops->GetScatterGatherListEx(s->adapter, &b->pdo, context, b->mdl[0], offset,
                                                 end - offset, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                 FALSE, NULL, NULL, &made),
                  STATUS_SUCCESS);
    b->calls += 2;
    /* Its registers are its own, so addresses of bounced bytes differ from the model's: the lengths, and
     * what lies in reach, do not. */
    ULONG bytes = 0;
    for (ULONG i = 0; i < made->NumberOfElements; i++) {
        assert_true(made->Elements[i].Length > 0); /* SGE-07 */
        assert_true((uint64_t)made->Elements[i].Address.QuadPart <= s->reach_last);
        assert_int_equal((uint64_t)made->Elements[i].Address.QuadPart % 4096,
                         b->byte[offset + bytes].address % 4096);
        bytes += made->Elements[i].Length;
    }
    assert_int_equal(bytes, end - offset);                                         /* SGX-15 */
    assert_in_range(made->NumberOfElements, 1, info.V1.ScatterGatherElementCount); /* SGE-11 */
    s->ops->FreeAdapterObject(s->adapter, DeallocateObjectKeepRegisters);
    s->ops->PutScatterGatherList(s->adapter, made, FALSE);
}

/* Bytes behind the chain that still lie in its last page (CSG-12). */
static uint32_t excess_allowed(const struct bounds *b)
{
    const MDL *last = b->mdl[b->mdls - 1];

    return (4096 - (last->ByteOffset + last->ByteCount) % 4096) % 4096;
}

static void calculate_check(struct bounds *b, const struct subject *s, uint32_t offset,
                            uint32_t end)
{
    char *va = (char *)MmGetMdlVirtualAddress(b->mdl[0]) + offset;
    ULONG size = 0, count = 0, pages = 0;

    for (uint32_t k = offset; k < end && k < b->bytes; k++)
        pages += k == offset || b->byte[k].begins_page;
    NTSTATUS status =
        s->ops->CalculateScatterGatherList(s->adapter, b->mdl[0], va, end - offset, &size, &count);
    b->calls++;
    if (offset >= MmGetMdlByteCount(b->mdl[0]) || end > b->bytes + excess_allowed(b)) {
        assert_status(status, STATUS_BUFFER_TOO_SMALL); /* CSG-03, CSG-11, CSG-12 */
        return;
    }
    assert_status(status, STATUS_SUCCESS);
    assert_int_equal(count, pages); /* CSG-07 */
    assert_in_range(size, 16 + 24 * pages, 16 + 24 * pages + 4096);
}

/* MapTransfer on the chain's one MDL: the address and length of one region (MTR-09, MTR-12). */
static void old_map_check(struct bounds *b, const struct subject *s, uint32_t held, uint32_t offset,
                          uint32_t end)
{
    char *va = (char *)MmGetMdlVirtualAddress(b->mdl[0]) + offset;
    uint32_t inside = end < b->bytes ? end : b->bytes, want = 0;
    uint64_t address = 0, place = b->byte[offset].address % 4096;
    ULONG length = end - offset;

    if (end <= b->bytes + excess_allowed(b)) {
        uint32_t block = b->block_end[offset] < inside ? b->block_end[offset] : inside;
        uint32_t part =
            s->is_packet || place + (end - offset) <= 4096 ? end : offset + 4096 - (uint32_t)place;
        if (s->is_packet ? block == inside : block > offset) {
            want = block == inside ? end - offset : block - offset;
            address = b->byte[offset].address;
        } else if ((place + part - offset + 4095) / 4096 <= s->registers[held]) {
            want = part - offset;
            address = s->page[held][0] + place;
        }
    }
    PHYSICAL_ADDRESS where =
        s->ops->MapTransfer(s->adapter, b->mdl[0], s->base[held], va, &length, FALSE);
    b->calls++;
    if ((uint64_t)where.QuadPart != address || length != want)
        fail_msg("MapTransfer [%u, %u) of %u, %s, reach %lx, %u registers: {%lx, %x}, wanted "
                 "{%lx, %x}",
                 offset, end, b->bytes, s->is_packet ? "packet" : "scatter", s->reach_last,
                 s->registers[held], (uint64_t)where.QuadPart, length, address, want);
    if (want > 0)
        assert_true(
            s->ops->FlushAdapterBuffers(s->adapter, b->mdl[0], s->base[held], va, length, FALSE));
}

static void old_check(struct bounds *b, const struct subject *s, uint32_t offset)
{
    for (uint32_t e = 0; e < b->points; e++) {
        uint32_t end = b->point[e];
        if (end <= offset)
            continue;
        calculate_check(b, s, offset, end);
        for (uint32_t held = 0; held < HELD_MAX && b->mdls == 1; held++)
            if (offset < b->bytes)
                old_map_check(b, s, held, offset, end);
    }
}

static void subject_check(struct bounds *b, const struct subject *s, struct context *context)
{
    static const uint32_t slots[] = {1, 2, SLOTS_MAX};
    static struct model model;

    model_blocks(b, s);
    for (uint32_t o = 0; o < b->points; o++) {
        uint32_t offset = b->point[o];
        outside_check(b, s, offset);
        old_check(b, s, offset);
        if (offset >= b->bytes)
            continue;
        for (uint32_t held = 0; held < HELD_MAX; held++) {
            if (!s->is_packet)
                model_scatter(b, s, held, offset, &model);
            for (uint32_t e = 0; e < b->points; e++) {
                uint32_t end = b->point[e];
                if (end <= offset || end > b->bytes)
                    continue;
                if (s->is_packet)
                    model_packet(b, s, held, offset, end, &model);
                for (size_t c = 0; c < 3; c++)
                    map_check(b, s, held, offset, end, &model, slots[c]);
                if (held == HELD_MAX - 1)
                    whole_check(b, s, offset, end, &model, context);
            }
        }
    }
}

/* Where an MDL may end: one byte, at a page's end, a byte behind it, and so for the second page. */
static uint32_t shapes_make(struct shape *shapes, const uint32_t *offsets, uint32_t offset_count,
                            uint32_t ends, uint32_t kinds)
{
    uint32_t count = 0;

    for (uint32_t o = 0; o < offset_count; o++)
        for (uint32_t e = 0; e < ends; e++)
            for (uint32_t k = 0; k < kinds; k++) {
                const uint32_t bytes[] = {4096 - offsets[o],     8192 - offsets[o] + 1, 1,
                                          4096 - offsets[o] + 1, 8192 - offsets[o],     2};
                shapes[count] = (struct shape){.offset = offsets[o], .bytes = bytes[e]};
                memcpy(shapes[count++].pfn, frames[k], sizeof frames[k]);
            }
    return count;
}

static void bounds_open(struct bounds *b, const char *variant, bool merges, bool translates)
{
    const struct ms_memory_config memory = {
        .ram = {{0, 0x1000}, {0x1000, 0x5000}, {0xFFF00, 0x200}},
        .ram_count = 3,
    };
    struct ms_dma_config config = fixture_config();

    memset(b, 0, sizeof *b);
    config.variant = ms_sg_variant_find(variant);
    config.registers[MS_REACH_24] = 64;
    config.merge_mdls = b->merges = merges;
    config.translate_all = b->translates = translates;
    b->memory = ms_memory_create(&memory);
    b->kernel = ms_alloc(sizeof *b->kernel);
    assert_non_null(b->memory);
    assert_non_null(b->kernel);
    ms_kernel_init(b->kernel, NULL, b->memory);
    b->dma = ms_dma_create(b->kernel, b->memory, &config);
    assert_non_null(b->dma);
    ms_cpu_enter(b->kernel);
}

static void bounds_close(struct bounds *b)
{
    ms_kernel_stop(b->kernel);
    assert_true(ms_dma_audit(b->dma));
    assert_int_equal(ms_dma_grants_used(b->dma), 0);
    ms_cpu_leave();
    ms_dma_destroy(b->dma);
    ms_free(b->kernel, sizeof *b->kernel);
    ms_memory_destroy(b->memory);
}

static void chain_check_all(struct bounds *b, const struct subject *subjects, uint32_t count,
                            struct context *context, const struct shape *const *shapes,
                            uint32_t mdls)
{
    bounds_chain(b, shapes, mdls);
    for (uint32_t i = 0; i < count; i++)
        subject_check(b, &subjects[i], context);
    bounds_unchain(b);
}

static void every_chain(struct bounds *b, const struct subject *subjects, uint32_t count,
                        struct context *context)
{
    static const uint32_t offsets[] = {0x800, 0, 0xFFF};
    static const struct shape empty = {.offset = 0x10, .bytes = 0, .pfn = {0x800}};
    static struct shape ones[128], twos[32], threes[16];
    uint32_t one_count = shapes_make(ones, offsets, 3, 6, FRAME_KINDS);
    uint32_t two_count =
        shapes_make(twos, offsets, b->merges || b->translates ? 1 : 2, 2, FRAME_KINDS);
    uint32_t three_count = shapes_make(threes, offsets, 2, 1, FRAME_KINDS);

    for (uint32_t i = 0; i < one_count; i++) {
        const struct shape *one[] = {&ones[i]};
        chain_check_all(b, subjects, count, context, one, 1);
    }
    for (uint32_t i = 0; i < two_count; i++)
        for (uint32_t j = 0; j < two_count; j++) {
            const struct shape *two[] = {&twos[i], &twos[j]};
            chain_check_all(b, subjects, count, context, two, 2);
        }
    for (uint32_t i = 0; i < three_count; i++)
        for (uint32_t j = 0; j <= three_count; j++) { /* the middle one may be empty (MTX-23) */
            const struct shape *three[] = {&threes[i], j < three_count ? &threes[j] : &empty,
                                           &threes[(i + j) % three_count]};
            chain_check_all(b, subjects, count, context, three, 3);
        }
}

/* MTX-03..MTX-06, MTX-23, MTX-25..MTX-27, MTX-29, MTX-30, MTX-32..MTX-36, MTX-57, MTR-09, MTR-12, MRG-13, MRG-14,
 * MRG-18, SGE-02..SGE-05, SGE-07, SGE-08, SGE-11, CSG-03, CSG-07, CSG-11, CSG-12, GTI-08, GTI-11, SGX-15 */
MS_TEST(every_boundary_of_every_small_chain_is_as_the_byte_model_says)
{
    static const struct {
        bool merges, translates;
    } options[] = {{false, false}, {true, false}, {false, true}};
    static struct bounds bounds;
    struct ms_cpu_features features = ms_cpu_features_get();
    struct bounds *b = &bounds;
    struct subject subjects[5];
    struct context context;

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *variant = i == 0 ? "scalar" : ms_sg_variant_name(ms_sg_variant_best(features));
        uint32_t count = options[i].merges ? 3 : 5;
        bounds_open(b, variant, options[i].merges, options[i].translates);
        subject_open(b, &subjects[0], false, 64);
        subject_open(b, &subjects[1], false, 32);
        subject_open(b, &subjects[2], false, 24);
        subject_open(b, &subjects[3], true, 64);
        subject_open(b, &subjects[4], true, 32);
        context_make(subjects[0].adapter, &context);
        every_chain(b, subjects, count, &context);
        assert_true(b->calls > 300000);
        for (uint32_t k = 0; k < 5; k++)
            subject_close(&subjects[k]);
        bounds_close(b);
    }
}
