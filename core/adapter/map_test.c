/* SPDX-License-Identifier: MIT */
/*
 * MapTransferEx and FlushAdapterBuffersEx as a driver sees them: arguments, sequence, partial mapping.
 * What the lists look like is the sg floor's test; that the bytes arrive is the machine floor's.
 */
#include "adapter/test_chain.h"

enum { LIST_BYTES = 16 + 24 * 16 };

struct map {
    struct fixture f;
    PDMA_ADAPTER adapter;
    const DMA_OPERATIONS *ops;
    PVOID base;
    PMDL mdl;
    _Alignas(16) char list[LIST_BYTES];
};

/* Frames that exist and that a 32-bit device reaches, or not. */
#define LOW_PFN  UINT64_C(0x4000)
#define HIGH_PFN UINT64_C(0x140000)

static void map_open(struct map *m, enum kind kind, ULONG registers, const PFN_NUMBER *pfn,
                     ULONG byte_offset, ULONG bytes)
{
    fixture_open(&m->f);
    m->adapter = adapter_get(&m->f, kind, NULL);
    m->ops = m->adapter->DmaOperations;
    assert_status(grant_sync(&m->f, m->adapter, registers, &m->base), STATUS_SUCCESS);
    m->mdl = ms_mdl_create(pfn, byte_offset, bytes);
    assert_non_null(m->mdl);
    memset(m->list, 0x5A, sizeof m->list);
}

static void map_close(struct map *m)
{
    IoFreeMdl(m->mdl);
    m->ops->FreeAdapterChannel(m->adapter);
    m->ops->PutDmaAdapter(m->adapter);
    fixture_close(&m->f);
}

static NTSTATUS map_call(struct map *m, ULONGLONG offset, ULONG *length, ULONG list_bytes)
{
    return m->ops->MapTransferEx(m->adapter, m->mdl, m->base, offset, 0, length, TRUE,
                                 (PSCATTER_GATHER_LIST)m->list, list_bytes, NULL, NULL);
}

static NTSTATUS flush_call(struct map *m, ULONGLONG offset, ULONG length)
{
    return m->ops->FlushAdapterBuffersEx(m->adapter, m->mdl, m->base, offset, length, TRUE);
}

static SCATTER_GATHER_ELEMENT element(const struct map *m, uint32_t index)
{
    return ((const SCATTER_GATHER_LIST *)m->list)->Elements[index];
}

static ULONG elements(const struct map *m)
{
    return ((const SCATTER_GATHER_LIST *)m->list)->NumberOfElements;
}

MS_TEST(bad_map_arguments_get_the_documented_status_and_change_nothing)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 5};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0, 0x2000);
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)m.list;
    PVOID other_base;
    PDMA_ADAPTER other = adapter_get(&m.f, SG64, NULL);
    ULONG length;

    assert_status(grant_sync(&m.f, other, 0, &other_base), STATUS_SUCCESS);
    struct {
        PMDL mdl;
        PVOID base;
        ULONGLONG offset;
        ULONG length;
        PSCATTER_GATHER_LIST list;
        ULONG list_bytes;
        const char *clause;
    } rows[] = {
        {NULL, m.base, 0, 0x1000, list, LIST_BYTES, "MTX-19"},
        {m.mdl, NULL, 0, 0x1000, list, LIST_BYTES, "MTX-20"},
        {m.mdl, &m, 0, 0x1000, list, LIST_BYTES, "MTX-20"},
        {m.mdl, other_base, 0, 0x1000, list, LIST_BYTES, "MTX-20"},
        {m.mdl, m.base, 0, 0x1000, NULL, 0, "MTX-10"},
        {m.mdl, m.base, 0, 0x1000, NULL, LIST_BYTES, "MTX-10"},
        {m.mdl, m.base, 0, 0x1000, list, 0, "MTX-12"},
        {m.mdl, m.base, 0, 0x1000, list, 16, "MTX-12"},
        {m.mdl, m.base, 0, 0x1000, list, 39, "MTX-12, EXM-03"},
        {m.mdl, m.base, 0x2000, 1, list, LIST_BYTES, "MTX-06"},
        {m.mdl, m.base, 0x2000, 0, list, LIST_BYTES, "AMB-05"},
        {m.mdl, m.base, UINT64_MAX, 1, list, LIST_BYTES, "MTX-06"},
        {m.mdl, m.base, 1, 0x2000, list, LIST_BYTES, "MTX-06"},
        {m.mdl, m.base, 0x1FFF, 2, list, LIST_BYTES, "MTX-06"},
        {m.mdl, m.base, 0, 0xFFFFFFFF, list, LIST_BYTES, "MTX-06"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char before[16];
        memcpy(before, m.list, sizeof before);
        length = rows[i].length;
        NTSTATUS status =
            m.ops->MapTransferEx(m.adapter, rows[i].mdl, rows[i].base, rows[i].offset, 0, &length,
                                 TRUE, rows[i].list, rows[i].list_bytes, NULL, NULL);
        if (status != STATUS_INVALID_PARAMETER)
            fail_msg("%s: row %zu gave 0x%08X", rows[i].clause, i, (unsigned)status);
        assert_int_equal(length, rows[i].length); /* MTX-57 */
        assert_memory_equal(m.list, before, sizeof before);
    }
    assert_status(m.ops->MapTransferEx(m.adapter, m.mdl, m.base, 0, 0, NULL, TRUE, list, LIST_BYTES,
                                       NULL, NULL),
                  STATUS_INVALID_PARAMETER); /* MTX-19 */
    length = 0x2000;
    assert_status(map_call(&m, 0, &length, LIST_BYTES),
                  STATUS_SUCCESS); /* nothing was left behind */
    other->DmaOperations->FreeAdapterChannel(other);
    map_close(&m);
}

/* MTX-59: the first failing check decides. Each row breaks one rule more than the next. */
MS_TEST(the_first_failing_check_decides_the_status)
{
    const PFN_NUMBER pfn[] = {LOW_PFN};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0, 0x1000);
    ULONG length = 0x1000;

    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);
    /* Mapped: a call with length 0 passes the range checks but not the outstanding mapping. */
    length = 0;
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_INVALID_PARAMETER); /* MTX-52 */
    assert_status(flush_call(&m, 0, 0x1000), STATUS_SUCCESS);
    length = 0;
    assert_status(map_call(&m, 0, &length, 39), STATUS_INVALID_PARAMETER); /* MTX-07 with MTX-12 */
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);   /* MTX-07 */
    assert_int_equal(elements(&m), 0);
    length = 0x1000;
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS); /* no flush was needed */
    map_close(&m);
}

/* EXM-01, EXM-02: MTX-27, MTX-31, MTX-32 */
MS_TEST(a_short_list_maps_a_prefix_and_the_next_call_goes_on)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 1, LOW_PFN + 16};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0x123, 0x2000);
    ULONG length = 0x2000;

    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);
    assert_int_equal(length, 0x2000);
    assert_int_equal(elements(&m), 2);
    assert_int_equal(element(&m, 0).Address.QuadPart, (LOW_PFN << 12) + 0x123);
    assert_int_equal(element(&m, 0).Length, 0x1EDD);
    assert_int_equal(element(&m, 1).Length, 0x123);
    assert_status(flush_call(&m, 0, 0x2000), STATUS_SUCCESS);

    assert_status(map_call(&m, 0, &length, 40), STATUS_SUCCESS); /* MTX-13 */
    assert_int_equal(length, 0x1EDD);
    assert_int_equal(elements(&m), 1);
    assert_status(flush_call(&m, 0, length), STATUS_SUCCESS);
    length = 0x123;
    assert_status(map_call(&m, 0x1EDD, &length, 40), STATUS_SUCCESS);
    assert_int_equal(length, 0x123);
    assert_int_equal(element(&m, 0).Address.QuadPart, (LOW_PFN + 16) << 12);
    assert_status(flush_call(&m, 0x1EDD, length), STATUS_SUCCESS);
    map_close(&m);
}

/* EXM-11: MTX-30, MTX-36 */
MS_TEST(without_registers_the_mapping_ends_before_the_page_out_of_reach)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, HIGH_PFN, LOW_PFN + 1};
    struct map m;
    map_open(&m, SG32, 0, pfn, 0, 0x3000);
    ULONG length = 0x3000;

    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);
    assert_int_equal(length, 0x1000);
    assert_status(flush_call(&m, 0, length), STATUS_SUCCESS);
    length = 0x2000;
    assert_status(map_call(&m, 0x1000, &length, LIST_BYTES), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(length, 0x2000);
    length = 0x1000; /* and the failure left no mapping behind */
    assert_status(map_call(&m, 0x2000, &length, LIST_BYTES), STATUS_SUCCESS);
    map_close(&m);
}

MS_TEST(map_and_flush_alternate_and_a_wrong_flush_leaves_the_mapping)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 1};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0, 0x2000);
    ULONG length = 0x1000, second = 0x1000;
    MDL *other = ms_mdl_create(pfn, 0, 0x1000);

    assert_status(flush_call(&m, 0, 0), STATUS_SUCCESS);      /* FLX-07 */
    assert_status(flush_call(&m, 0, 0x1000), STATUS_SUCCESS); /* FLX-10 */
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);
    assert_status(map_call(&m, 0x1000, &second, LIST_BYTES), STATUS_INVALID_PARAMETER); /* MTX-52 */
    assert_int_equal(second, 0x1000);
    /* FLX-11, each difference alone */
    assert_status(flush_call(&m, 1, 0x1000), STATUS_INVALID_PARAMETER);
    assert_status(flush_call(&m, 0, 0x1001), STATUS_INVALID_PARAMETER);
    assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, other, m.base, 0, 0x1000, TRUE),
                  STATUS_INVALID_PARAMETER);
    assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, m.mdl, m.base, 0, 0x1000, FALSE),
                  STATUS_INVALID_PARAMETER);
    assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, m.mdl, &m, 0, 0x1000, TRUE),
                  STATUS_INVALID_PARAMETER);
    assert_status(map_call(&m, 0x1000, &second, LIST_BYTES), STATUS_INVALID_PARAMETER);
    assert_status(flush_call(&m, 0, 0x700), STATUS_SUCCESS); /* FLX-06, EXM-16 */
    assert_status(map_call(&m, 0x700, &second, LIST_BYTES), STATUS_SUCCESS);
    assert_status(flush_call(&m, 0x700, 0), STATUS_SUCCESS); /* FLX-06, CLI-15 */
    IoFreeMdl(other);
    map_close(&m);
}

/* MTX-51: one mapping a grant, any number an adapter. */
MS_TEST(grants_of_one_adapter_map_independently)
{
    const PFN_NUMBER pfn[] = {HIGH_PFN, HIGH_PFN + 7};
    struct map m;
    map_open(&m, PACKET32, 3, pfn, 0, 0x2000);
    ULONG length[2] = {0x1000, 0x1000};
    _Alignas(16) char list[2][40];
    PVOID base[2] = {m.base, NULL};

    m.ops->FreeAdapterObject(m.adapter, DeallocateObjectKeepRegisters);
    assert_status(grant_sync(&m.f, m.adapter, 3, &base[1]), STATUS_SUCCESS);
    for (int i = 0; i < 2; i++)
        assert_status(m.ops->MapTransferEx(m.adapter, m.mdl, base[i], (ULONGLONG)i * 0x1000, 0,
                                           &length[i], TRUE, (PSCATTER_GATHER_LIST)list[i], 40,
                                           NULL, NULL),
                      STATUS_SUCCESS);
    for (int i = 0; i < 2; i++)
        assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, m.mdl, base[i], (ULONGLONG)i * 0x1000,
                                                   length[i], TRUE),
                      STATUS_SUCCESS);
    m.ops->FreeMapRegisters(m.adapter, base[0], 3);
    assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, m.mdl, base[0], 0, 0, TRUE),
                  STATUS_INVALID_PARAMETER); /* freed: an unknown base */
    map_close(&m);
}

/* MTX-31: continuation calls, a page each, over a chain; and back again from the head. */
MS_TEST(a_chain_is_mapped_piece_by_piece_in_any_order)
{
    enum { MDLS = 5 };
    PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 2};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0x800, 0x1000);
    MDL *mdl[MDLS] = {m.mdl};

    for (int i = 1; i < MDLS; i++) {
        pfn[0] += 4, pfn[1] += 4;
        mdl[i] = ms_mdl_create(pfn, 0x800, 0x1000);
        mdl[i - 1]->Next = mdl[i];
    }
    static const ULONGLONG order[] = {0, 0x800, 0x1000, 0x1800, 0x4800, 0x2000, 0x0, 0x4000};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        ULONG length = 0x800;
        uint64_t page = LOW_PFN + order[i] / 0x1000 * 4 + (order[i] % 0x1000 ? 2 : 0);
        assert_status(map_call(&m, order[i], &length, LIST_BYTES), STATUS_SUCCESS);
        assert_int_equal(length, 0x800);
        assert_int_equal(element(&m, 0).Address.QuadPart,
                         (page << 12) + (order[i] % 0x1000 ? 0 : 0x800));
        assert_status(flush_call(&m, order[i], length), STATUS_SUCCESS);
    }
    for (int i = 1; i < MDLS; i++)
        IoFreeMdl(mdl[i]);
    map_close(&m);
}

/* GTI-03..08, GTI-11, GAI-* */
MS_TEST(transfer_info_is_enough_and_versions_are_checked)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, HIGH_PFN, HIGH_PFN + 1};
    struct map m;
    map_open(&m, SG32, 3, pfn, 0x10, 0x2800);
    DMA_TRANSFER_INFO info;
    DMA_ADAPTER_INFO adapter_info = {DMA_ADAPTER_INFO_VERSION1, {{0, 0, 0, 0, 0}}};
    ULONG length = 0x2800;

    for (ULONG i = 0; i <= 3; i++) {
        ULONG version = 3 - i;
        memset(&info, 0xEE, sizeof info);
        info.Version = version;
        NTSTATUS status = m.ops->GetDmaTransferInfo(m.adapter, m.mdl, 0, 0x2800, FALSE, &info);
        assert_status(status, version <= 2 ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED);
        if (version > 2)
            continue;
        assert_int_equal(info.V1.MapRegisterCount, 2);
        assert_true(info.V1.ScatterGatherListSize >= 16 + 24 * info.V1.ScatterGatherElementCount);
        assert_int_equal(info.V2.LogicalPageCount, version == 2 ? 3 : 0xEEEEEEEE);
    }
    assert_true(info.V1.ScatterGatherListSize <= LIST_BYTES);
    assert_status(map_call(&m, 0, &length, info.V1.ScatterGatherListSize), STATUS_SUCCESS);
    assert_int_equal(length, 0x2800); /* GTI-08 */
    info.Version = 1;
    assert_status(m.ops->GetDmaTransferInfo(m.adapter, m.mdl, 0, 0, FALSE, &info),
                  STATUS_INVALID_PARAMETER);
    assert_status(m.ops->GetDmaTransferInfo(m.adapter, m.mdl, 0x2800, 1, FALSE, &info),
                  STATUS_INVALID_PARAMETER);
    assert_status(m.ops->GetDmaTransferInfo(m.adapter, NULL, 0, 1, FALSE, &info),
                  STATUS_INVALID_PARAMETER);
    assert_status(m.ops->GetDmaTransferInfo(m.adapter, m.mdl, 0, 1, FALSE, NULL),
                  STATUS_INVALID_PARAMETER);
    assert_status(m.ops->GetDmaAdapterInfo(m.adapter, &adapter_info), STATUS_SUCCESS);
    assert_int_equal(adapter_info.V1.DmaAddressWidth, 32);
    assert_int_equal(adapter_info.V1.ScatterGatherLimit, 0xFFFFFFFF); /* GAI-05 */
    assert_int_equal(adapter_info.V1.Flags, 0);                       /* GAI-04 */
    adapter_info.Version = 2;
    assert_status(m.ops->GetDmaAdapterInfo(m.adapter, &adapter_info), STATUS_NOT_SUPPORTED);
    assert_status(m.ops->GetDmaAdapterInfo(m.adapter, NULL), STATUS_INVALID_PARAMETER);
    map_close(&m);
}

/* EXM-13, IGA-*, VER-*, DDX-21..24 */
MS_TEST(descriptions_get_the_table_width_and_registers_they_ask_for)
{
    struct fixture f;
    fixture_open(&f);
    DEVICE_DESCRIPTION d = description_of(SG64);
    ULONG registers = 77;
    static const ULONG lengths[][2] = {{0x10000, 0x11}, {1, 2}, {0, 2}, {0xFFFFFFFF, 0xFFFFF}};

    for (size_t i = 0; i < 4; i++) {
        d.MaximumLength = lengths[i][0];
        PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &d, &registers);
        assert_int_equal(registers, lengths[i][1]);
        assert_int_equal(a->Version, 1);                 /* VER-03 */
        assert_int_equal(a->DmaOperations->Size, 0x140); /* VER-10 */
        a->DmaOperations->PutDmaAdapter(a);
    }
    registers = 77;
    for (ULONG width = 0; width <= 70; width++) {
        d.DmaAddressWidth = width;
        PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &d, &registers);
        assert_true((a != NULL) == (width >= 24 && width <= 64)); /* DDX-23, DDX-24 */
        if (a)
            a->DmaOperations->PutDmaAdapter(a);
        else
            assert_int_equal(registers, 77); /* IGA-17 */
        registers = 77;
    }
    d = description_of(SG64);
    assert_null(ms_adapter_open(f.dma, NULL, &d, &registers)); /* IGA-10 */
    assert_null(ms_adapter_open(f.dma, &f.pdo, NULL, &registers));
    assert_null(ms_adapter_open(f.dma, &f.pdo, &d, NULL)); /* IGA-11 */
    d.Version = 4;
    assert_null(ms_adapter_open(f.dma, &f.pdo, &d, &registers)); /* IGA-12 */
    static const ULONG sizes[] = {0x68, 0x68, 0x80, 0x140};      /* VER-01, VER-08 */
    for (ULONG version = 0; version <= 3; version++) {
        d.Version = version;
        d.Dma64BitAddresses = TRUE;
        PDMA_ADAPTER a = ms_adapter_open(f.dma, &f.pdo, &d, &registers);
        assert_int_equal(a->DmaOperations->Size, sizes[version]);
        for (size_t byte = sizes[version]; byte < sizeof(DMA_OPERATIONS); byte++)
            assert_int_equal(((const char *)a->DmaOperations)[byte], 0); /* VER-11 */
        a->DmaOperations->PutDmaAdapter(a);
    }
    fixture_close(&f);
}

/* MTX-20, FLX-11, MRG-09: a base names one life of one grant with every bit it has; the shortest way, for
 * one page, looks as closely as the others. */
MS_TEST(a_base_that_differs_in_any_bit_names_nothing)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 5};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0, 0x2000);
    PVOID right = m.base;
    ULONG length = 0x1000;

    for (int bit = 0; bit < 64; bit++) {
        m.base = (PVOID)((uintptr_t)right ^ (uintptr_t)1 << bit);
        assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_INVALID_PARAMETER);
    }
    m.base = right;
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);
    for (int bit = 0; bit < 64; bit++) {
        m.base = (PVOID)((uintptr_t)right ^ (uintptr_t)1 << bit);
        assert_status(flush_call(&m, 0, 0x1000), STATUS_INVALID_PARAMETER);
    }
    m.base = right;
    assert_status(flush_call(&m, 0, 0x1000), STATUS_SUCCESS);
    m.ops->FreeMapRegisters(m.adapter, m.base, 0);
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_INVALID_PARAMETER);
    map_close(&m);
}

/* MTX-06, MTX-18, MTX-22, FLX-11: what the shortest way refuses gets the answer of the others: bytes that
 * leave the page, offsets near both ends of the range, a chain's second MDL, pages nobody locked. */
MS_TEST(one_page_or_nearly_one_is_mapped_alike)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 5, LOW_PFN + 9};
    static const struct {
        ULONGLONG offset;
        ULONG length;
        ULONG elements; /* 0: the range leaves the chain */
    } rows[] = {
        {0, 1, 1},
        {0, 0xF00, 1},
        {0, 0xF01, 2},
        {0xEFF, 1, 1},
        {0xEFF, 2, 2},
        {0xF00, 0x1000, 1},
        {0xF00, 0x1001, 2},
        {0x1F00, 0x100, 1},
        {0x1FFF, 1, 1},
        {0x1FFF, 2, 2},
        {0x2000, 0x1000, 1},
        {0x2FFF, 1, 1},
        {0x2FFF, 2, 0},
        {0x3000, 1, 0},
        {0x1F00, 0xFFFFFFFF, 0},
        {UINT64_MAX, 1, 0},
        {UINT64_MAX - 0xFF, 0x100, 0},
        {UINT64_MAX, 2, 0},
    };
    struct map m;
    map_open(&m, SG64, 0, pfn, 0x100, 0x2000);
    m.mdl->Next = ms_mdl_create(pfn + 2, 0, 0x1000);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool is_read = i % 2 == 0;
        ULONG length = rows[i].length;
        NTSTATUS status = m.ops->MapTransferEx(m.adapter, m.mdl, m.base, rows[i].offset, 0, &length,
                                               is_read ? FALSE : 0x80, (PSCATTER_GATHER_LIST)m.list,
                                               LIST_BYTES, NULL, NULL);

        assert_status(status, rows[i].elements > 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        assert_int_equal(length, rows[i].length);
        if (!NT_SUCCESS(status))
            continue;
        assert_int_equal(elements(&m), rows[i].elements);
        /* Any TRUE is as good as another; the other direction is another mapping. */
        assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, m.mdl, m.base, rows[i].offset, length,
                                                   is_read ? 0x80 : FALSE),
                      STATUS_INVALID_PARAMETER);
        assert_status(m.ops->FlushAdapterBuffersEx(m.adapter, m.mdl, m.base, rows[i].offset, length,
                                                   is_read ? FALSE : TRUE),
                      STATUS_SUCCESS);
    }
    m.mdl->MdlFlags &= (CSHORT)~MDL_PAGES_LOCKED;
    ULONG length = 0x100;
    assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_INVALID_PARAMETER);
    m.mdl->MdlFlags |= MDL_PAGES_LOCKED;
    IoFreeMdl(m.mdl->Next);
    map_close(&m);
}

/* MTX-31: a driver puts another chain behind a head it had used before; a mapping that does not go on
 * where the last one ended does not follow the old one. */
MS_TEST(a_head_used_again_leads_into_its_new_chain)
{
    const PFN_NUMBER pfn[] = {LOW_PFN, LOW_PFN + 5, LOW_PFN + 9};
    struct map m;
    map_open(&m, SG64, 0, pfn, 0, 0x1000);

    for (int i = 0; i < 2; i++) {
        ULONG length = 0x2000;
        m.mdl->Next = ms_mdl_create(pfn + 1 + i, 0, 0x1000);
        if (i == 1) {
            length = 0x1000;
            assert_status(map_call(&m, 0x1000, &length, LIST_BYTES), STATUS_SUCCESS);
            assert_int_equal(element(&m, 0).Address.QuadPart, pfn[2] << 12);
            assert_status(flush_call(&m, 0x1000, length), STATUS_SUCCESS);
        } else {
            assert_status(map_call(&m, 0, &length, LIST_BYTES), STATUS_SUCCESS);
            assert_int_equal(elements(&m), 2);
            assert_status(flush_call(&m, 0, length), STATUS_SUCCESS);
        }
        IoFreeMdl(m.mdl->Next);
    }
    map_close(&m);
}

/* FRE-16, CLI-06, MTX-31: a kept grant serves one chain after the other. The next may begin with the same MDL and
 * go on elsewhere, and may begin anywhere, also where the last one ended: nothing of the last one's followers is looked at. */
MS_TEST(a_chain_with_the_same_head_and_other_followers_is_mapped_afresh)
{
    const PFN_NUMBER pfn[3] = {0x4000, 0x4010, 0x4020};
    struct fixture f;
    fixture_open(&f);
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PMDL head = ms_mdl_create(&pfn[0], 0, 0x1000);
    PVOID base;

    assert_status(grant_sync(&f, a, 1, &base), STATUS_SUCCESS);
    for (ULONGLONG mapped_to = 0x1800; mapped_to <= 0x2000; mapped_to += 0x800)
        for (ULONGLONG offset = 0x1000; offset <= 0x1FFF; offset += 0x200) {
            struct own_list list;
            ULONG length = (ULONG)mapped_to;
            head->Next = ms_mdl_create(&pfn[1], 0, 0x1000);
            assert_status(ops->MapTransferEx(a, head, base, 0, 0, &length, TRUE, list_of(&list),
                                             sizeof list, NULL, NULL),
                          STATUS_SUCCESS);
            assert_status(ops->FlushAdapterBuffersEx(a, head, base, 0, length, TRUE),
                          STATUS_SUCCESS);
            IoFreeMdl(head->Next);
            head->Next = ms_mdl_create(&pfn[2], 0, 0x1000);
            length = (ULONG)(0x2000 - offset);
            assert_status(ops->MapTransferEx(a, head, base, offset, 0, &length, TRUE,
                                             list_of(&list), sizeof list, NULL, NULL),
                          STATUS_SUCCESS);
            assert_int_equal(list.of[0].Address.QuadPart, 0x4020000 + offset - 0x1000);
            assert_status(ops->FlushAdapterBuffersEx(a, head, base, offset, length, TRUE),
                          STATUS_SUCCESS);
            IoFreeMdl(head->Next);
        }
    /* And beginning exactly where the last one's end was. */
    struct own_list list;
    ULONG length = 0x2000;
    head->Next = ms_mdl_create(&pfn[1], 0, 0x1000);
    assert_status(ops->MapTransferEx(a, head, base, 0, 0, &length, TRUE, list_of(&list),
                                     sizeof list, NULL, NULL),
                  STATUS_SUCCESS);
    assert_status(ops->FlushAdapterBuffersEx(a, head, base, 0, length, TRUE), STATUS_SUCCESS);
    IoFreeMdl(head->Next);
    PMDL middle = ms_mdl_create(&pfn[1], 0, 0x1000);
    middle->Next = ms_mdl_create(&pfn[2], 0, 0x1000);
    head->Next = middle;
    length = 0x1000;
    assert_status(ops->MapTransferEx(a, head, base, 0x2000, 0, &length, TRUE, list_of(&list),
                                     sizeof list, NULL, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(list.of[0].Address.QuadPart, 0x4020000);
    ops->FreeAdapterChannel(a);
    IoFreeMdl(middle->Next);
    IoFreeMdl(middle);
    head->Next = NULL;
    IoFreeMdl(head);
    ops->PutDmaAdapter(a);
    fixture_close(&f);
}
