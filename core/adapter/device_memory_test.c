/* SPDX-License-Identifier: MIT */
/*
 * MDLs of another device's memory, on adapters that reach all of RAM: reaching RAM is not reaching that.
 * A 32-bit device in a machine whose RAM ends below 4 GiB needs no test of its pages, but for these.
 */
#include "adapter/grant.h"
#include "adapter/test_chain.h"

#define RAM_PFN   UINT64_C(0x100)
#define NEAR_PFN  UINT64_C(0xFE000)  /* device memory below 4 GiB */
#define FAR_PFN   UINT64_C(0x400000) /* and above */
#define EDGE_PFN  UINT64_C(0xFFFFF)  /* the last page below */
#define UNTOUCHED 0x5A5A5A5Au

struct machine {
    struct fixture f;
    PDMA_ADAPTER adapter;
    PVOID base;
    PMDL head, tail;
    struct own_list list;
};

static void machine_open(struct machine *m, enum kind kind, bool merges)
{
    const struct ms_memory_config memory = {.ram = {{0, 0x800}}, .ram_count = 1};
    struct ms_dma_config config = fixture_config();
    struct fixture *f = &m->f;

    config.merge_mdls = merges;
    memset(m, 0, sizeof *m);
    f->memory = ms_memory_create(&memory);
    f->kernel = ms_alloc(sizeof *f->kernel);
    assert_non_null(f->memory);
    assert_non_null(f->kernel);
    ms_kernel_init(f->kernel, NULL, f->memory);
    f->dma = ms_dma_create(f->kernel, f->memory, &config);
    assert_non_null(f->dma);
    ms_cpu_enter(f->kernel);
    m->adapter = adapter_get(f, kind, NULL);
    assert_status(grant_sync(f, m->adapter, 4, &m->base), STATUS_SUCCESS);
}

static void machine_close(struct machine *m)
{
    m->adapter->DmaOperations->FreeAdapterChannel(m->adapter);
    m->adapter->DmaOperations->PutDmaAdapter(m->adapter);
    fixture_close(&m->f);
}

static PMDL mdl_of(PFN_NUMBER first, uint32_t pages, bool is_apart, bool is_device)
{
    PFN_NUMBER pfn[CHAIN_PAGES_MAX];
    PMDL mdl;

    for (uint32_t i = 0; i < pages; i++)
        pfn[i] = first + i * (is_apart ? 2 : 1);
    mdl = ms_mdl_create(pfn, 0, pages * PAGE_SIZE);
    assert_non_null(mdl);
    /* Alone, or beside the flag of who locked it: drivers have both. */
    if (is_device)
        mdl->MdlFlags = (CSHORT)(MDL_IO_SPACE | ((pages + is_apart) % 2 ? MDL_PAGES_LOCKED : 0));
    return mdl;
}

static NTSTATUS map(struct machine *m, ULONG *length)
{
    memset(&m->list, 0x5A, sizeof m->list);
    return m->adapter->DmaOperations->MapTransferEx(m->adapter, m->head, m->base, 0, 0, length,
                                                    TRUE, list_of(&m->list), sizeof m->list, NULL,
                                                    NULL);
}

static void flush(struct machine *m, ULONG length)
{
    assert_status(m->adapter->DmaOperations->FlushAdapterBuffersEx(m->adapter, m->head, m->base, 0,
                                                                   length, TRUE),
                  STATUS_SUCCESS);
}

/* MTX-22, MTX-36, DDX-26, MTX-57: it may be mapped, if the device reaches it; it can not be bounced. */
MS_TEST(device_memory_out_of_reach_is_not_mapped_though_all_of_ram_is_in_reach)
{
    static const uint32_t lengths[] = {1, 2, 4, 5, 6, 12}; /* every way to build a list */

    for (enum kind kind = SG64; kind <= PACKET32; kind++)
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
            for (int is_apart = 0; is_apart < 2; is_apart++) {
                uint32_t bytes = lengths[i] * PAGE_SIZE;
                ULONG length = bytes;
                struct machine m;

                if (is_apart && (kind == PACKET32 || lengths[i] > 8))
                    continue; /* more elements than there is room for, or a block with holes */
                machine_open(&m, kind, false);
                m.head = mdl_of(FAR_PFN, lengths[i], is_apart != 0, true);
                if (kind == SG64) {
                    assert_status(map(&m, &length), STATUS_SUCCESS);
                    assert_int_equal(length, bytes);
                    assert_int_equal(m.list.of[0].Address.QuadPart, FAR_PFN << PAGE_SHIFT);
                    flush(&m, length);
                } else {
                    assert_status(map(&m, &length), STATUS_INSUFFICIENT_RESOURCES);
                    assert_int_equal(length, bytes);
                    assert_int_equal(m.list.elements, UNTOUCHED);
                }
                IoFreeMdl(m.head);
                /* What the device reaches, it gets, up to the last byte. */
                length = bytes;
                m.head = mdl_of(EDGE_PFN + 1 - lengths[i] * (1u + (uint32_t)is_apart) +
                                    (uint32_t)is_apart,
                                lengths[i], is_apart != 0, true);
                assert_status(map(&m, &length), STATUS_SUCCESS);
                assert_int_equal(length, bytes);
                assert_int_equal(m.list.elements, is_apart ? lengths[i] : 1);
                flush(&m, length);
                IoFreeMdl(m.head);
                machine_close(&m);
            }
}

/* MTX-33, MTX-36: a chain is mapped up to the memory that the device does not reach. */
MS_TEST(a_chain_is_mapped_up_to_device_memory_out_of_reach)
{
    static const uint32_t lengths[] = {1, 2, 7};

    for (uint32_t i = 0; i < 18; i++) {
        uint32_t front = lengths[i % 3] * PAGE_SIZE;
        uint32_t back = lengths[i / 3 % 3] * PAGE_SIZE;
        ULONG length = front + back;
        struct machine m;

        machine_open(&m, SG32, i >= 9);
        m.head = mdl_of(RAM_PFN, lengths[i % 3], false, false);
        m.head->Next = m.tail = mdl_of(FAR_PFN, lengths[i / 3 % 3], false, true);
        assert_status(map(&m, &length), STATUS_SUCCESS);
        assert_int_equal(length, front);
        assert_int_equal(m.list.elements, 1);
        assert_int_equal(m.list.of[0].Address.QuadPart, RAM_PFN << PAGE_SHIFT);
        flush(&m, length);
        IoFreeMdl(m.tail);

        m.head->Next = m.tail = mdl_of(NEAR_PFN, lengths[i / 3 % 3], false, true);
        length = front + back;
        assert_status(map(&m, &length), STATUS_SUCCESS);
        assert_int_equal(length, front + back);
        assert_int_equal(m.list.elements, 2);
        assert_int_equal(m.list.of[1].Address.QuadPart, NEAR_PFN << PAGE_SHIFT);
        flush(&m, length);
        IoFreeMdl(m.tail);
        IoFreeMdl(m.head);
        machine_close(&m);
    }
}

/* GTI-08, GTI-13: an answer is never less than the mapping needs; where no registers do, it is more than there are to
 * be had. */
MS_TEST(device_memory_out_of_reach_is_measured_as_such)
{
    DMA_TRANSFER_INFO far = {.Version = DMA_TRANSFER_INFO_VERSION1};
    DMA_TRANSFER_INFO near = {.Version = DMA_TRANSFER_INFO_VERSION1};
    struct machine m;

    machine_open(&m, SG32, false);
    m.head = mdl_of(FAR_PFN, 3, false, true);
    assert_status(m.adapter->DmaOperations->GetDmaTransferInfo(m.adapter, m.head, 0, 3 * PAGE_SIZE,
                                                               TRUE, &far),
                  STATUS_SUCCESS);
    assert_true(far.V1.MapRegisterCount >
                ((const struct ms_adapter *)(const void *)m.adapter)->map_registers);
    IoFreeMdl(m.head);
    m.head = mdl_of(NEAR_PFN, 3, false, true);
    assert_status(m.adapter->DmaOperations->GetDmaTransferInfo(m.adapter, m.head, 0, 3 * PAGE_SIZE,
                                                               TRUE, &near),
                  STATUS_SUCCESS);
    assert_int_equal(near.V1.MapRegisterCount, 0);
    IoFreeMdl(m.head);
    machine_close(&m);
}

static VOID listed(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)irp, (void)list;
    ++*(int *)context;
}

/* SGL-05, SGL-10, SGX-15, SGX-16, QUE-10: no register makes a device reach another one's memory. So a list of it is
 * refused where it is asked for, and not when it is its turn, where nobody could be told. */
MS_TEST(a_list_of_device_memory_out_of_reach_is_refused_though_the_adapter_is_anothers)
{
    for (int is_owned = 0; is_owned < 2; is_owned++)
        for (int pages = 0; pages < 2; pages++) {
            char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
            uint32_t bytes = (1 + (uint32_t)pages) * PAGE_SIZE;
            int calls = 0;
            struct machine m;

            machine_open(&m, SG32, false);
            const DMA_OPERATIONS *ops = m.adapter->DmaOperations;
            if (!is_owned)
                ops->FreeAdapterChannel(m.adapter);
            m.head = m.tail = mdl_of(FAR_PFN, 1, false, true);
            if (pages) { /* behind what can be mapped */
                m.head = mdl_of(RAM_PFN, 1, false, false);
                m.head->Next = m.tail;
            }
            assert_status(ops->GetScatterGatherList(m.adapter, &m.f.pdo, m.head,
                                                    MmGetMdlVirtualAddress(m.head), bytes, listed,
                                                    &calls, TRUE),
                          STATUS_INSUFFICIENT_RESOURCES);
            ops->InitializeDmaTransferContext(m.adapter, context);
            assert_status(ops->GetScatterGatherListEx(m.adapter, &m.f.pdo, context, m.head, 0,
                                                      bytes, 0, listed, &calls, TRUE, NULL, NULL,
                                                      NULL),
                          STATUS_INSUFFICIENT_RESOURCES);
            if (is_owned)
                ops->FreeAdapterChannel(m.adapter);
            assert_int_equal(calls, 0);
            assert_int_equal(ms_dma_grants_used(m.f.dma), 0);
            assert_status(grant_sync(&m.f, m.adapter, 4, &m.base), STATUS_SUCCESS);
            if (pages)
                IoFreeMdl(m.head);
            IoFreeMdl(m.tail);
            machine_close(&m);
        }
}
