/* SPDX-License-Identifier: MIT */
/*
 * Small drivers, one per calling pattern of the contract's client sequences (CLI-*): each does what
 * real ones of its kind do, in their order, with nothing but wdm.h, and a device at the other end.
 */
#include <string.h>

#include "machine/machine.h"
#include "platform/test.h"

enum { PAGES = 6, BYTES = 5 * 4096 - 0x321, LEAD = 0x123, WIDTH = 32 };

/* What every driver has: its machine, its device object, its buffer, a device that it starts. */
struct driver {
    struct ms_machine *machine;
    DEVICE_OBJECT fdo; /* GEN-14: its own object, not the PDO */
    PDMA_ADAPTER adapter;
    ULONG registers;
    struct ms_buffer *buffer;
    PMDL mdl;
    uint8_t *bytes;
    uint8_t *device; /* the device's own memory */
    uint8_t context[DMA_TRANSFER_CONTEXT_SIZE_V1 + 1];
    PVOID base;
    PSCATTER_GATHER_LIST list;
    int calls;
    bool done;
};

static const PFN_NUMBER frames[PAGES] = {0x50000, 0x110010, 0x110011, 0x50001, 0x50002, 0x110020};

static void driver_open_with(struct driver *d, ULONG version, bool scatter_gather,
                             const struct ms_machine_config *config)
{
    DEVICE_DESCRIPTION description;

    memset(d, 0, sizeof *d);
    memset(&description, 0, sizeof description); /* IGA-13 */
    d->machine = ms_machine_create(config, NULL);
    assert_non_null(d->machine);
    ms_machine_enter(d->machine);
    d->buffer = ms_buffer_create(d->machine, frames, LEAD, BYTES);
    assert_non_null(d->buffer);
    d->mdl = ms_buffer_mdl(d->buffer);
    d->bytes = ms_buffer_bytes(d->buffer);
    d->device = malloc(BYTES);
    assert_non_null(d->device);
    description.Version = version;
    description.Master = TRUE;
    description.ScatterGather = scatter_gather;
    description.InterfaceType = PCIBus;
    description.Dma32BitAddresses = TRUE;
    description.DmaAddressWidth = WIDTH;
    description.MaximumLength = BYTES;
    d->adapter = IoGetDmaAdapter(ms_machine_pdo(d->machine), &description, &d->registers);
    assert_non_null(d->adapter);
    assert_true(d->registers >= 2); /* IGA-07 */
}

static void driver_open(struct driver *d, ULONG version, bool scatter_gather)
{
    driver_open_with(d, version, scatter_gather, NULL);
}

static void driver_close(struct driver *d)
{
    d->adapter->DmaOperations->PutDmaAdapter(d->adapter); /* PUT-04 */
    ms_buffer_destroy(d->buffer);
    free(d->device);
    assert_true(ms_machine_audit(d->machine));
    ms_machine_leave();
    ms_machine_destroy(d->machine);
}

static uint8_t pattern(uint32_t k, uint32_t salt)
{
    return (uint8_t)(k * 13 + k / 256 + salt);
}

static void fill(uint8_t *bytes, uint32_t salt)
{
    for (uint32_t k = 0; k < BYTES; k++)
        bytes[k] = pattern(k, salt);
}

static void check(const uint8_t *bytes, uint32_t first, uint32_t count, uint32_t salt)
{
    for (uint32_t k = first; k < first + count; k++)
        assert_int_equal(bytes[k], pattern(k, salt));
}

/* The device does its part of a transfer: `count` bytes from its own byte `first` on. */
static void device_runs(struct driver *d, const SCATTER_GATHER_LIST *list, uint32_t first,
                        uint32_t count, BOOLEAN write)
{
    uint64_t moved = write
                         ? ms_device_read_list(d->machine, WIDTH, list, d->device + first, count)
                         : ms_device_write_list(d->machine, WIDTH, list, d->device + first, count);
    assert_int_equal(moved, count);
}

static void at_dispatch(void (*call)(struct driver *d), struct driver *d)
{
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    call(d);
    KeLowerIrql(old);
}

/* --- CLI-01: a framework's packet bus master, version 3 --- */

static IO_ALLOCATION_ACTION packet_control(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                           PVOID context)
{
    struct driver *d = context;
    /* A list of one element on the stack: exactly 40 bytes (MTX-13). */
    ULONG_PTR room[(sizeof(SCATTER_GATHER_LIST) + sizeof(SCATTER_GATHER_ELEMENT)) / 8];
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)(void *)room;
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;

    (void)irp;
    assert_ptr_equal(device, &d->fdo);
    static_assert(sizeof room == 40, "the smallest legal list buffer");
    d->base = base;
    for (BOOLEAN write = 0; write <= 1; write++)
        for (uint32_t offset = 0; offset < BYTES;) {
            ULONG length = BYTES - offset;
            assert_status(ops->MapTransferEx(d->adapter, d->mdl, base, offset, 0, &length, write,
                                             list, sizeof room, NULL, NULL),
                          STATUS_SUCCESS);
            assert_true(length > 0 && length <= BYTES - offset); /* MTX-29 */
            assert_int_equal(list->NumberOfElements, 1);         /* MTX-34 */
            device_runs(d, list, offset, length, write);
            assert_status(
                ops->FlushAdapterBuffersEx(d->adapter, d->mdl, base, offset, length, write),
                STATUS_SUCCESS); /* FLX-09 */
            offset += length;
        }
    return DeallocateObjectKeepRegisters;
}

static void packet_start(struct driver *d)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(d->mdl), BYTES);

    assert_status(ops->AllocateAdapterChannelEx(d->adapter, &d->fdo, d->context, pages, 0,
                                                packet_control, d, NULL),
                  STATUS_SUCCESS);
    ops->FreeMapRegisters(d->adapter, d->base, pages); /* FRE-03 */
}

/* CLI-01, GEN-14, MTX-05, MTX-13, MTX-43, TCX-04, EXR-08, IRQ-06, IRQ-08, IRQ-22, ACX-03 */
MS_TEST(a_packet_bus_master_maps_and_flushes_until_all_is_moved)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION3, false);

    fill(d.bytes, 1);
    fill(d.device, 2);
    assert_status(d.adapter->DmaOperations->InitializeDmaTransferContext(d.adapter, d.context),
                  STATUS_SUCCESS);
    at_dispatch(packet_start,
                &d); /* first from the device, then to it: it gets back what it sent */
    check(d.bytes, 0, BYTES, 2);
    check(d.device, 0, BYTES, 2);
    driver_close(&d);
}

/* --- CLI-02: a framework's scatter/gather device, version 3 --- */

static VOID fragment_ready(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list,
                           PVOID context)
{
    struct driver *d = context;

    (void)device, (void)irp;
    d->list = list;
    d->calls++;
}

static void fragments_start(struct driver *d)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    static uint8_t room[4096];
    ULONG size, count;

    assert_status(ops->CalculateScatterGatherList(d->adapter, NULL, NULL, d->registers * PAGE_SIZE,
                                                  &size, &count),
                  STATUS_SUCCESS);
    assert_int_equal(count, d->registers); /* CSG-04: the framework asserts it */
    assert_true(size <= sizeof room);
    assert_status(ops->InitializeDmaTransferContext(d->adapter, d->context), STATUS_SUCCESS);
    for (uint32_t offset = 0; offset < BYTES;) { /* one context for all fragments: TCX-10 */
        uint32_t length = BYTES - offset < 0x1800 ? BYTES - offset : 0x1800;
        assert_status(ops->BuildScatterGatherListEx(d->adapter, &d->fdo, d->context, d->mdl, offset,
                                                    length, 0, fragment_ready, d, TRUE, room, size,
                                                    NULL, NULL, NULL),
                      STATUS_SUCCESS);
        assert_true(d->list->NumberOfElements <= count); /* SGE-11 */
        device_runs(d, d->list, offset, length, TRUE);
        ops->PutScatterGatherList(d->adapter, d->list, TRUE);
        offset += length;
    }
}

/* CLI-02, SGX-14, SGE-11 */
MS_TEST(a_scatter_gather_device_builds_and_puts_one_list_after_the_other)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION3, true);

    fill(d.bytes, 3);
    at_dispatch(fragments_start, &d);
    assert_int_equal(d.calls, (BYTES + 0x17FF) / 0x1800);
    check(d.device, 0, BYTES, 3);
    driver_close(&d);
}

/* --- CLI-03: the same, version 2 --- */

static void fragments_old(struct driver *d)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    static uint8_t room[4096];
    char *va = MmGetMdlVirtualAddress(d->mdl);
    ULONG size, count;

    assert_status(ops->CalculateScatterGatherList(d->adapter, d->mdl, va, BYTES, &size, &count),
                  STATUS_SUCCESS);
    for (int way = 0; way < 2; way++) {
        if (way == 0)
            assert_status(ops->BuildScatterGatherList(d->adapter, &d->fdo, d->mdl, va, BYTES,
                                                      fragment_ready, d, FALSE, room, size),
                          STATUS_SUCCESS);
        else
            assert_status(ops->GetScatterGatherList(d->adapter, &d->fdo, d->mdl, va, BYTES,
                                                    fragment_ready, d, FALSE),
                          STATUS_SUCCESS);
        fill(d->device, 10 + (uint32_t)way);
        device_runs(d, d->list, 0, BYTES, FALSE);
        ops->PutScatterGatherList(d->adapter, d->list, FALSE);
        check(d->bytes, 0, BYTES, 10 + (uint32_t)way);
    }
}

/* CLI-03, VER-05, SGL-15 */
MS_TEST(a_version_2_driver_asks_by_address_and_length)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION2, true);

    at_dispatch(fragments_old, &d);
    assert_int_equal(d.calls, 2);
    driver_close(&d);
}

/* --- CLI-06: registers reserved once, used by many transactions --- */

static IO_ALLOCATION_ACTION reserve_control(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                            PVOID context)
{
    struct driver *d = context;

    (void)device, (void)irp;
    d->base = base;
    d->calls++;
    return DeallocateObjectKeepRegisters;
}

/* CLI-06, TCX-08, TCX-09, MRG-17 */
MS_TEST(a_reserved_grant_serves_transaction_after_transaction)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION3, false);
    const DMA_OPERATIONS *ops = d.adapter->DmaOperations;
    uint8_t room[40];
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)(void *)room;

    assert_status(ops->InitializeDmaTransferContext(d.adapter, d.context), STATUS_SUCCESS);
    assert_status(ops->AllocateAdapterChannelEx(d.adapter, &d.fdo, d.context, d.registers, 0,
                                                reserve_control, &d, NULL),
                  STATUS_SUCCESS);
    for (uint32_t turn = 0; turn < 5; turn++) {
        assert_status(ops->InitializeDmaTransferContext(d.adapter, d.context), STATUS_SUCCESS);
        fill(d.device, turn);
        for (uint32_t offset = 0; offset < BYTES;) {
            ULONG length = BYTES - offset;
            assert_status(ops->MapTransferEx(d.adapter, d.mdl, d.base, offset, 0, &length, FALSE,
                                             list, sizeof room, NULL, NULL),
                          STATUS_SUCCESS);
            device_runs(&d, list, offset, length, FALSE);
            assert_status(
                ops->FlushAdapterBuffersEx(d.adapter, d.mdl, d.base, offset, length, FALSE),
                STATUS_SUCCESS);
            offset += length;
        }
        check(d.bytes, 0, BYTES, turn);
    }
    ops->FreeMapRegisters(d.adapter, d.base, d.registers);
    driver_close(&d);
}

/* --- CLI-09: a network adapter: one context and one list per packet --- */

enum { PACKETS = 8, PACKET_BYTES = 0x900 };

/* CLI-09, SGX-20, SGX-21, FRE-08, GAI-02 */
MS_TEST(a_network_driver_builds_per_packet_frees_the_object_and_puts_at_completion)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION3, true);
    const DMA_OPERATIONS *ops = d.adapter->DmaOperations;
    static uint8_t contexts[PACKETS][DMA_TRANSFER_CONTEXT_SIZE_V1]; /* at a stride of 128: TCX-03 */
    static uint8_t rooms[PACKETS][1024];
    PSCATTER_GATHER_LIST lists[PACKETS];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* drivers write it so */
    DMA_ADAPTER_INFO info = {DMA_ADAPTER_INFO_VERSION1};
#pragma GCC diagnostic pop
    ULONG size;
    KIRQL old;

    assert_status(ops->GetDmaAdapterInfo(d.adapter, &info), STATUS_SUCCESS);
    assert_int_equal(info.V1.Flags & ADAPTER_INFO_API_BYPASS, 0); /* GAI-04 */
    assert_status(ops->CalculateScatterGatherList(d.adapter, NULL, (PVOID)(PAGE_SIZE - 1),
                                                  PACKET_BYTES, &size, NULL),
                  STATUS_SUCCESS);
    fill(d.bytes, 6);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    for (uint32_t i = 0; i < PACKETS; i++) {
        ULONG room = 40; /* too small at first: grow and try again */
        NTSTATUS status;
        do {
            assert_status(ops->InitializeDmaTransferContext(d.adapter, contexts[i]),
                          STATUS_SUCCESS);
            status = ops->BuildScatterGatherListEx(
                d.adapter, &d.fdo, contexts[i], d.mdl, i * PACKET_BYTES, PACKET_BYTES,
                DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, TRUE, rooms[i], room, NULL, NULL, &lists[i]);
            ops->FreeAdapterObject(d.adapter, DeallocateObjectKeepRegisters); /* always */
            assert_true(NT_SUCCESS(status) || status == STATUS_BUFFER_TOO_SMALL);
            room = size;
        } while (!NT_SUCCESS(status));
        assert_ptr_equal(lists[i], rooms[i]);
    }
    for (uint32_t i = PACKETS; i-- > 0;) { /* they complete in any order */
        device_runs(&d, lists[i], i * PACKET_BYTES, PACKET_BYTES, TRUE);
        ops->PutScatterGatherList(d.adapter, lists[i], TRUE);
    }
    KeLowerIrql(old);
    check(d.device, 0, PACKETS * PACKET_BYTES, 6);
    driver_close(&d);
}

/* --- CLI-10: synchronous, without a routine --- */

/* CLI-10, FRE-10 */
MS_TEST(a_synchronous_driver_gets_frees_the_object_and_puts)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION3, true);
    const DMA_OPERATIONS *ops = d.adapter->DmaOperations;

    fill(d.device, 4);
    for (int i = 0; i < 3; i++) {
        assert_status(ops->InitializeDmaTransferContext(d.adapter, d.context), STATUS_SUCCESS);
        assert_status(ops->GetScatterGatherListEx(d.adapter, &d.fdo, d.context, d.mdl, 0, BYTES,
                                                  DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, FALSE, NULL,
                                                  NULL, &d.list),
                      STATUS_SUCCESS);
        ops->FreeAdapterObject(d.adapter, DeallocateObjectKeepRegisters);
        device_runs(&d, d.list, 0, BYTES, FALSE);
        ops->PutScatterGatherList(d.adapter, d.list, FALSE);
        check(d.bytes, 0, BYTES, 4);
    }
    driver_close(&d);
}

/* --- CLI-11: a filter that learns the version and wraps the table --- */

static DMA_OPERATIONS *wrapped; /* what the filter forwards to; one test at a time */
static int forwarded;

static NTSTATUS wrap_initialize(PDMA_ADAPTER adapter, PVOID context)
{
    forwarded++;
    return wrapped->InitializeDmaTransferContext(adapter, context);
}

static VOID wrap_put(PDMA_ADAPTER adapter)
{
    forwarded++;
    adapter->DmaOperations = wrapped;
    wrapped->PutDmaAdapter(adapter);
}

/* CLI-11, VER-09, GEN-03 */
MS_TEST(a_filter_reads_the_size_wraps_the_table_and_forwards)
{
    for (ULONG version = 1; version <= 3; version++) {
        struct driver d;
        DMA_OPERATIONS mine;
        driver_open(&d, version, true);
        wrapped = d.adapter->DmaOperations;
        forwarded = 0;
        assert_int_equal(wrapped->Size, version == 1
                                            ? offsetof(DMA_OPERATIONS, CalculateScatterGatherList)
                                        : version == 2 ? offsetof(DMA_OPERATIONS, GetDmaAdapterInfo)
                                                       : sizeof(DMA_OPERATIONS));
        memset(&mine, 0, sizeof mine);
        memcpy(&mine, wrapped, wrapped->Size);
        mine.PutDmaAdapter = wrap_put;
        if (version == 3)
            mine.InitializeDmaTransferContext = wrap_initialize;
        d.adapter->DmaOperations = &mine;
        if (version == 3)
            assert_status(
                d.adapter->DmaOperations->InitializeDmaTransferContext(d.adapter, d.context),
                STATUS_SUCCESS);
        driver_close(&d);
        assert_int_equal(forwarded, version == 3 ? 2 : 1);
    }
}

/* --- CLI-12: plain WDM, version 1, by the obsolete names --- */

static IO_ALLOCATION_ACTION plain_control(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                          PVOID context)
{
    struct driver *d = context;
    char *va = MmGetMdlVirtualAddress(d->mdl);
    ULONG length = MmGetMdlByteCount(d->mdl);
    PHYSICAL_ADDRESS at;

    (void)device, (void)irp;
    at = IoMapTransfer(d->adapter, d->mdl, base, va, &length, TRUE); /* EXR-10 */
    assert_int_equal(length, BYTES);                                 /* MTR-03 */
    uint64_t room[5] = {1, 0, (uint64_t)at.QuadPart, length, 0};
    device_runs(d, (PSCATTER_GATHER_LIST)(void *)room, 0, BYTES, TRUE);
    assert_true(IoFlushAdapterBuffers(d->adapter, d->mdl, base, va, length, TRUE));
    d->base = base;
    return DeallocateObjectKeepRegisters;
}

static void plain_start(struct driver *d)
{
    ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(d->mdl), BYTES);

    assert_true(pages <= d->registers);
    assert_status(IoAllocateAdapterChannel(d->adapter, &d->fdo, pages, plain_control, d),
                  STATUS_SUCCESS);
    IoFreeMapRegisters(d->adapter, d->base, pages);
}

/* CLI-12, VER-13, EXR-06, EXR-10, GDA-01, RDC-03, CBF-01 */
MS_TEST(a_plain_wdm_driver_uses_the_old_names)
{
    struct driver d;
    PHYSICAL_ADDRESS logical;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION1, false);

    assert_int_equal(HalGetDmaAlignment(d.adapter), 1);
    assert_int_equal(HalReadDmaCounter(d.adapter), 0);
    PVOID common = HalAllocateCommonBuffer(d.adapter, 100, &logical, FALSE);
    assert_non_null(common);
    fill(d.bytes, 7);
    at_dispatch(plain_start, &d);
    check(d.device, 0, BYTES, 7);
    HalFreeCommonBuffer(d.adapter, 100, logical, common, FALSE);
    driver_close(&d);
}

/* --- CLI-13, CLI-14: asking first how big it will be --- */

/* CLI-13, CLI-14, GTI-04, GTI-07..GTI-09, GTI-15, ACX-03 */
MS_TEST(a_single_transfer_client_asks_first_and_makes_its_buffer_big_enough)
{
    for (int scatter_gather = 0; scatter_gather < 2; scatter_gather++) {
        struct driver d;
        driver_open(&d, DEVICE_DESCRIPTION_VERSION3, scatter_gather);
        const DMA_OPERATIONS *ops = d.adapter->DmaOperations;
        DMA_TRANSFER_INFO info = {.Version = DMA_TRANSFER_INFO_VERSION1}, zero;
        ULONG length = BYTES;

        memset(&zero, 0, sizeof zero); /* CLI-14: Version never set, the answer used all the same */
        ops->GetDmaTransferInfo(d.adapter, d.mdl, 0, BYTES, TRUE, &zero);
        assert_status(ops->GetDmaTransferInfo(d.adapter, d.mdl, 0, BYTES, TRUE, &info),
                      STATUS_SUCCESS);
        assert_memory_equal(&info.V1, &zero.V1, sizeof info.V1);
        if (!scatter_gather)
            assert_int_equal(info.V1.ScatterGatherElementCount, 1); /* GTI-09 */
        PSCATTER_GATHER_LIST list = malloc(info.V1.ScatterGatherListSize);
        assert_status(ops->InitializeDmaTransferContext(d.adapter, d.context), STATUS_SUCCESS);
        assert_status(ops->AllocateAdapterChannelEx(d.adapter, &d.fdo, d.context,
                                                    info.V1.MapRegisterCount,
                                                    DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &d.base),
                      STATUS_SUCCESS);
        fill(d.bytes, 8);
        assert_status(ops->MapTransferEx(d.adapter, d.mdl, d.base, 0, 0, &length, TRUE, list,
                                         info.V1.ScatterGatherListSize, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(length, BYTES); /* GTI-08 */
        assert_true(list->NumberOfElements <= info.V1.ScatterGatherElementCount);
        device_runs(&d, list, 0, BYTES, TRUE);
        assert_status(ops->FlushAdapterBuffersEx(d.adapter, d.mdl, d.base, 0, BYTES, TRUE),
                      STATUS_SUCCESS);
        ops->FreeAdapterChannel(d.adapter);
        check(d.device, 0, BYTES, 8);
        free(list);
        driver_close(&d);
    }
}

/* --- CLI-15: a transfer is started over --- */

/* CLI-15, FLX-06 */
MS_TEST(a_restarted_transfer_flushes_nothing_and_maps_the_same_offset_again)
{
    struct driver d;
    driver_open(&d, DEVICE_DESCRIPTION_VERSION3, true);
    const DMA_OPERATIONS *ops = d.adapter->DmaOperations;
    static uint64_t room[64];
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)(void *)room;

    fill(d.bytes, 1);
    assert_status(ops->InitializeDmaTransferContext(d.adapter, d.context), STATUS_SUCCESS);
    assert_status(ops->AllocateAdapterChannelEx(d.adapter, &d.fdo, d.context, 4,
                                                DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &d.base),
                  STATUS_SUCCESS);
    for (uint32_t turn = 0; turn < 3; turn++) {
        ULONG length = BYTES;
        assert_status(ops->MapTransferEx(d.adapter, d.mdl, d.base, 0, 0, &length, FALSE, list,
                                         sizeof room, NULL, NULL),
                      STATUS_SUCCESS);
        fill(d.device, 20 + turn);
        device_runs(&d, list, 0, turn < 2 ? 0x100 : length, FALSE); /* it gives up, twice */
        assert_status(
            ops->FlushAdapterBuffersEx(d.adapter, d.mdl, d.base, 0, turn < 2 ? 0 : length, FALSE),
            STATUS_SUCCESS);
        if (turn == 2)
            check(d.bytes, 0, length, 22);
        else /* what was bounced did not come back; what was direct did */
            check(d.bytes, 0xEDD, 0x2000, 1);
    }
    ops->FreeAdapterChannel(d.adapter);
    driver_close(&d);
}
