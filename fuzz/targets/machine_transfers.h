/* SPDX-License-Identifier: MIT */
/*
 * machine_transfers.h: what machine_fuzz.c does with adapters: buffers, lists, transfers of every kind.
 */
#ifndef FUZZ_MACHINE_TRANSFERS_H
#define FUZZ_MACHINE_TRANSFERS_H

#include "machine_stage.h"

static void transfers_make(void)
{
    m.buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, BYTES, 0);
    ms_require(m.buffer != NULL);
    m.mdl = IoAllocateMdl(m.buffer, BYTES, FALSE, FALSE, NULL);
    ms_require(m.mdl != NULL);
    MmBuildMdlForNonPagedPool(m.mdl);
}

static VOID on_dpc(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    (void)dpc, (void)context, (void)argument1, (void)argument2;
}

static void dpcs_begin(void)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, on_dpc, NULL);
    (void)KeInsertQueueDpc(&dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

static void transfers_end(void)
{
    IoFreeMdl(m.mdl);
    ExFreePool(m.buffer);
}

/* --- adapters ------------------------------------------------------------------------------------------------- */

static void do_open(const struct fuzz_op *op)
{
    static const INTERFACE_TYPE buses[4] = {PCIBus, Isa, ACPIBus, Internal};
    static const ULONG lengths[4] = {65536, 4096, BYTES, 0xFFFFFFFF};
    static const ULONG widths[8] = {32, 24, 64, 40, 32, 20, 65, 30};
    static const ULONG lines[8] = {0x1000, 0x1003, 2, 5, 0x1000, 9, 0x2000, 0x101F};
    uint32_t slot = op->operand[0] % ADAPTERS;
    uint8_t how = op->operand[1];
    DEVICE_DESCRIPTION description = {
        .Version = op->operand[0] >> 2 & 3,
        .Master = how & 1,
        .ScatterGather = how >> 1 & 1,
        .Dma32BitAddresses = how >> 2 & 1,
        .Dma64BitAddresses = how >> 3 & 1,
        .DemandMode = how >> 4 & 1,
        .AutoInitialize = how >> 5 & 1,
        .InterfaceType = buses[op->operand[2] & 3],
        .DmaChannel = op->operand[2] >> 2 & 7,
        .DmaRequestLine = lines[op->operand[2] >> 2 & 7],
        .DmaAddressWidth = widths[op->operand[2] >> 5],
        .DmaWidth = (DMA_WIDTH)(how >> 6),
        .MaximumLength = lengths[op->operand[0] >> 4 & 3],
    };
    ULONG registers = 0;

    if (m.adapter[slot])
        return;
    uint32_t held = ms_sim_memory_held();
    fault_arm(op->operand[3]);
    PDMA_ADAPTER adapter = IoGetDmaAdapter(ms_machine_pdo(m.machine), &description, &registers);
    bool fired = fault_disarm();
    if (adapter && fired)
        ms_sim_fail("O7 an adapter is opened without memory", "slot %u", slot);
    if (!adapter && ms_sim_memory_held() != held)
        ms_sim_fail("O9 an adapter that was not opened leaves something", "slot %u", slot);
    if (!adapter)
        return;
    if (!adapter->DmaOperations || registers < 1 ||
        adapter->DmaOperations->GetDmaAlignment(adapter) < 1)
        ms_sim_fail("O7 an adapter without routines or registers", "%u registers",
                    (unsigned)registers);
    m.adapter[slot] = adapter;
    m.is_system[slot] = !description.Master;
}

static PDMA_ADAPTER adapter_of(uint8_t operand)
{
    return m.adapter[operand % ADAPTERS];
}

/* The version-3 routines are there. */
static bool has_new(PDMA_ADAPTER adapter)
{
    return adapter->Version >= 3 && adapter->DmaOperations->Size >= 0xE8;
}

static void common_give(uint32_t slot)
{
    PDMA_ADAPTER adapter = m.common[slot].adapter;

    m.common[slot].adapter = NULL;
    adapter->DmaOperations->FreeCommonBuffer(adapter, m.common[slot].length, m.common[slot].address,
                                             m.common[slot].bytes, TRUE);
}

static void do_close(uint8_t slot)
{
    PDMA_ADAPTER adapter = adapter_of(slot);

    if (!adapter)
        return;
    for (uint32_t i = 0; i < COMMONS; i++)
        if (m.common[i].adapter == adapter)
            common_give(i);
    adapter->DmaOperations->PutDmaAdapter(adapter);
    m.adapter[slot % ADAPTERS] = NULL;
}

/* Long ones, so that runs over several words of the frames are looked for. */
static void do_common(const struct fuzz_op *op)
{
    static const ULONG lengths[8] = {MS_PAGE_BYTES,
                                     100,
                                     3 * MS_PAGE_BYTES,
                                     70 * MS_PAGE_BYTES,
                                     0,
                                     65 * 65536,
                                     130 * MS_PAGE_BYTES,
                                     64 * MS_PAGE_BYTES};
    PDMA_ADAPTER adapter = adapter_of(op->operand[0]);
    uint32_t slot = (op->operand[0] >> 2) % COMMONS;
    ULONG length = lengths[op->operand[1] & 7];
    PHYSICAL_ADDRESS highest = {.QuadPart = op->operand[1] & 8 ? 0xFFFFFF : 0xFFFFFFFF};

    if (m.common[slot].adapter) {
        common_give(slot);
        return;
    }
    if (!adapter)
        return;
    uint32_t held = ms_sim_memory_held();
    fault_arm(op->operand[2]);
    PVOID bytes = op->operand[1] & 16 && has_new(adapter)
                      ? adapter->DmaOperations->AllocateCommonBufferEx(
                            adapter, &highest, length, &m.common[slot].address, TRUE, 0)
                      : adapter->DmaOperations->AllocateCommonBuffer(adapter, length,
                                                                     &m.common[slot].address, TRUE);
    (void)fault_disarm(); /* one place where frames fail, another may have them */
    if (!bytes && ms_sim_memory_held() != held)
        ms_sim_fail("O9 a common buffer that was not made leaves something", "%u bytes",
                    (unsigned)length);
    if (!bytes)
        return;
    memset(bytes, 0xA5, length);
    m.common[slot].adapter = adapter;
    m.common[slot].bytes = bytes;
    m.common[slot].length = length;
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

static ULONG offset_of(uint8_t operand)
{
    static const ULONG offsets[8] = {0, 1, 100, 4095, 4096, 4097, 8000, 8192};

    return offsets[operand & 7];
}

static ULONG length_of(uint8_t operand)
{
    static const ULONG lengths[8] = {64, 1, 4096, 4097, 100, 4000, 0, 20000};
    ULONG left = BYTES - offset_of(operand), length = lengths[operand >> 3 & 7];

    return length > left && !(operand & 64) ? left : length;
}

static VOID on_list(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)irp, (void)context;
    m.listed++;
    m.list = list;
}

static VOID on_complete(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                        DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context, (void)status;
    m.completed++;
}

/* With an engine's thread nobody else may step it. */
static void engines_step(void)
{
    LARGE_INTEGER soon = {.QuadPart = -2000};

    for (uint32_t i = 0; i < 2 && ms_dma_controller(m.dma, i) && !m.has_threads; i++)
        ms_controller_step(ms_dma_controller(m.dma, i), 70000);
    if (m.has_threads)
        KeDelayExecutionThread(KernelMode, FALSE, &soon);
    KeFlushQueuedDpcs(); /* where routines are deferred to it */
}

static void list_put(PDMA_ADAPTER adapter, BOOLEAN write)
{
    if (!m.list)
        return;
    PMDL made = NULL;
    NTSTATUS status =
        adapter->Version >= 2
            ? adapter->DmaOperations->BuildMdlFromScatterGatherList(adapter, m.list, m.mdl, &made)
            : STATUS_NOT_IMPLEMENTED;
    if (NT_SUCCESS(status) && !made)
        ms_sim_fail("O7 an MDL of a list that is none", "%08x", (unsigned)status);
    adapter->DmaOperations->PutScatterGatherList(adapter, m.list, write);
    m.list = NULL;
}

static void do_list(const struct fuzz_op *op)
{
    static uint64_t room[512];
    PDMA_ADAPTER adapter = adapter_of(op->operand[0]);
    ULONG offset = offset_of(op->operand[1]), length = length_of(op->operand[1]), size = 0,
          count = 0;
    PVOID va = (uint8_t *)m.buffer + offset;
    uint8_t how = op->operand[2];
    BOOLEAN write = how & 1;
    NTSTATUS status;

    if (!adapter)
        return;
    const DMA_OPERATIONS *ops = adapter->DmaOperations;
    m.list = NULL;
    m.listed = 0;
    memset(m.context, 0, sizeof m.context);
    uint32_t held = ms_sim_memory_held();
    fault_arm(op->operand[3]);
    switch (how >> 1 & 3) {
    case 0:
        status = ops->GetScatterGatherList(adapter, ms_machine_pdo(m.machine), m.mdl, va, length,
                                           on_list, NULL, write);
        break;
    case 1:
        if (adapter->Version < 2)
            goto none;
        status = ops->CalculateScatterGatherList(adapter, m.mdl, va, length, &size, &count);
        if (!NT_SUCCESS(status))
            break;
        status = ops->BuildScatterGatherList(adapter, ms_machine_pdo(m.machine), m.mdl, va, length,
                                             on_list, NULL, write, room,
                                             how & 8 ? size / 2 : sizeof room);
        break;
    default:
        if (!has_new(adapter))
            goto none;
        status = ops->InitializeDmaTransferContext(adapter, m.context);
        if (!NT_SUCCESS(status))
            break;
        if (how >> 1 & 1)
            status = ops->GetScatterGatherListEx(
                adapter, ms_machine_pdo(m.machine), m.context, m.mdl, offset, length,
                how & 16 ? DMA_SYNCHRONOUS_CALLBACK : 0, on_list, NULL, write,
                how & 32 ? on_complete : NULL, NULL, how & 16 ? &m.list : NULL);
        else
            status = ops->BuildScatterGatherListEx(
                adapter, ms_machine_pdo(m.machine), m.context, m.mdl, offset, length,
                how & 16 ? DMA_SYNCHRONOUS_CALLBACK : 0, on_list, NULL, write, room, sizeof room,
                how & 32 ? on_complete : NULL, NULL, how & 16 ? (PVOID)&m.list : NULL);
        break;
    }
    (void)fault_disarm();
    engines_step();
    if (!NT_SUCCESS(status) && m.listed > 0)
        ms_sim_fail("O3 a list is given though the call failed", "%08x", (unsigned)status);
    if (!NT_SUCCESS(status) && ms_sim_memory_held() != held)
        ms_sim_fail("O9 a list that was not made leaves something", "%08x", (unsigned)status);
    list_put(adapter, write);
    return;

none: /* the adapter's version has no such routine */
    (void)fault_disarm();
}

/* --- transfers ---------------------------------------------------------------------------------------------------- */

static IO_ALLOCATION_ACTION on_grant(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp;
    m.ran++;
    m.base = base;
    return *(const IO_ALLOCATION_ACTION *)context;
}

/* AllocateAdapterChannel, MapTransfer until all is mapped, FlushAdapterBuffers. */
static void do_old(const struct fuzz_op *op)
{
    PDMA_ADAPTER adapter = adapter_of(op->operand[0]);
    ULONG offset = offset_of(op->operand[1]), length = length_of(op->operand[1]);
    uint8_t how = op->operand[2];
    ULONG registers = 1 + (how >> 2 & 3);
    IO_ALLOCATION_ACTION action = !adapter || m.is_system[op->operand[0] % ADAPTERS] || how & 2
                                      ? KeepObject
                                      : DeallocateObjectKeepRegisters;

    if (!adapter)
        return;
    const DMA_OPERATIONS *ops = adapter->DmaOperations;
    m.ran = 0;
    fault_arm(op->operand[3]);
    NTSTATUS status = ops->AllocateAdapterChannel(adapter, ms_machine_pdo(m.machine), registers,
                                                  on_grant, &action);
    (void)fault_disarm();
    engines_step();
    if (!NT_SUCCESS(status) && m.ran > 0)
        ms_sim_fail("O3 a channel is granted though the call failed", "%08x", (unsigned)status);
    if (m.ran == 0)
        return;
    ULONG left = length, done = 0;
    for (uint32_t round = 0; round < 4 && left > 0; round++) {
        PVOID va = (uint8_t *)m.buffer + offset + done;
        ULONG mapped = left;
        PHYSICAL_ADDRESS at = ops->MapTransfer(adapter, m.mdl, m.base, va, &mapped, how & 1);
        (void)at;
        if (mapped == 0 || mapped > left)
            break;
        engines_step();
        (void)ops->FlushAdapterBuffers(adapter, m.mdl, m.base, va, mapped, how & 1);
        left -= mapped;
        done += mapped;
    }
    if (action == KeepObject)
        ops->FreeAdapterChannel(adapter);
    else
        ops->FreeMapRegisters(adapter, m.base, registers);
}

/* AllocateAdapterChannelEx, MapTransferEx, FlushAdapterBuffersEx: perhaps with a period, perhaps cancelled. */
static void do_transfer(const struct fuzz_op *op)
{
    static uint64_t room[512];
    PDMA_ADAPTER adapter = adapter_of(op->operand[0]);
    ULONG offset = offset_of(op->operand[1]), length = length_of(op->operand[1]);
    uint8_t how = op->operand[2];
    bool is_system = adapter && m.is_system[op->operand[0] % ADAPTERS];
    ULONG period = 16u << (how >> 6);

    if (!adapter || !has_new(adapter))
        return;
    const DMA_OPERATIONS *ops = adapter->DmaOperations;
    memset(m.context, 0, sizeof m.context);
    m.completed = 0;
    if (!NT_SUCCESS(ops->InitializeDmaTransferContext(adapter, m.context)))
        return;
    fault_arm(op->operand[3]);
    NTSTATUS status = ops->AllocateAdapterChannelEx(adapter, ms_machine_pdo(m.machine), m.context,
                                                    1 + (how >> 1 & 3), DMA_SYNCHRONOUS_CALLBACK,
                                                    NULL, NULL, &m.base);
    bool fired = fault_disarm();
    if (status != STATUS_SUCCESS)
        return;
    if (fired)
        ms_sim_fail("O7 a channel is granted without memory", "%08x", (unsigned)status);
    if (is_system && how & 8) {
        status = ops->ConfigureAdapterChannel(adapter, how & 16 ? 1 : 7, how & 32 ? &period : NULL);
        if (NT_SUCCESS(status) != ((how & 48) == 48))
            ms_sim_fail("O7 a channel is configured with another status", "%08x", (unsigned)status);
    }
    ULONG mapped = length;
    fault_arm(op->operand[3] > 2 ? op->operand[3] - 2 : 0);
    status = ops->MapTransferEx(adapter, m.mdl, m.base, offset, 0, &mapped, how & 1,
                                how & 64 || !is_system ? (PSCATTER_GATHER_LIST)(PVOID)room : NULL,
                                how & 64 || !is_system ? sizeof room : 0,
                                is_system && how & 128 ? on_complete : NULL, NULL);
    (void)fault_disarm();
    if (NT_SUCCESS(status)) {
        if (mapped > length)
            ms_sim_fail("O5 more is mapped than was asked for", "%u of %u", (unsigned)mapped,
                        (unsigned)length);
        engines_step();
        (void)ops->ReadDmaCounter(adapter);
        if (how & 32)
            (void)ops->CancelMappedTransfer(adapter, m.context);
        engines_step();
        status = ops->FlushAdapterBuffersEx(adapter, m.mdl, m.base, offset, mapped, how & 1);
        if (status != STATUS_SUCCESS)
            ms_sim_fail("O7 a flush failed", "%08x", (unsigned)status);
    }
    ops->FreeAdapterObject(adapter, DeallocateObject);
    engines_step();
}

/* --- pool, MDLs, pages --------------------------------------------------------------------------------------------- */

/* A buffer on these frames, and a device that reads and writes it by address; now and then what is a mistake. */
static void do_buffer(const struct fuzz_op *op)
{
    const PFN_NUMBER pfn[PAGES] = {0x30000 + op->operand[1], 0x30000,
                                   op->operand[1] & 1 ? 0x30000 : 0x30010};
    PHYSICAL_ADDRESS nowhere = {.QuadPart = 64};
    uint8_t sent[64], got[64];
    uint64_t broken = ms_machine_rules_broken(m.machine);

    uint32_t held = ms_sim_memory_held();
    fault_arm(op->operand[2]);
    struct ms_buffer *buffer =
        ms_buffer_create(m.machine, pfn, op->operand[1] & 128 ? 5000 : 100, BYTES - 200);
    bool fired = fault_disarm();
    bool may = !(op->operand[1] & 129) && op->operand[1] != 0 && op->operand[1] != 0x10;
    if ((buffer != NULL) != (may && !fired))
        ms_sim_fail("O7 a buffer on frames that are taken, or none on free ones", "fault %d",
                    fired);
    if (buffer) {
        uint64_t at = (pfn[0] << MS_PAGE_SHIFT) + 100;
        memset(sent, op->operand[1], sizeof sent);
        if (ms_device_write(m.machine, 64, at, sent, 64) != 64 ||
            memcmp(ms_buffer_bytes(buffer), sent, 64) != 0 ||
            ms_device_read(m.machine, 64, at, got, 64) != 64 || memcmp(got, sent, 64) != 0 ||
            ms_device_read(m.machine, 24, at, got, 64) == 65 ||
            ms_buffer_mdl(buffer)->ByteOffset != 100)
            ms_sim_fail("O6 a device sees other bytes", "at %llx", (unsigned long long)at);
        ms_buffer_destroy(buffer);
    }
    if (ms_sim_memory_held() != held)
        ms_sim_fail("O9 a buffer leaves something", "fault %d", fired);
    if (op->operand[0] & 32 &&
        (MmMapIoSpace(nowhere, 8, MmNonCached) || ms_machine_rules_broken(m.machine) != broken + 1))
        ms_sim_fail("O7 a broken rule is not counted", "%llu", (unsigned long long)broken);
}

static void do_pool(const struct fuzz_op *op)
{
    static const SIZE_T sizes[8] = {1,    4096,     5000, 0, 3 * 65536, UINT64_C(1) << 33,
                                    8192, 70 * 4096};
    SIZE_T bytes = sizes[op->operand[1] & 7];
    PHYSICAL_ADDRESS low = {.QuadPart = 0}, high = {.QuadPart = 0xFFFFFFFF}, skip = low;
    if (op->operand[0] & 64) {
        do_buffer(op);
        return;
    }
    uint32_t held = ms_sim_memory_held();
    PVOID memory = NULL;
    PMDL mdl = NULL;

    fault_arm(op->operand[2]);
    switch (op->operand[0] % 4) {
    case 0:
        memory = ExAllocatePoolWithTag(PagedPool, bytes, 1);
        break;
    case 1:
        mdl = MmAllocatePagesForMdlEx(low, high, skip, bytes < BYTES ? bytes : BYTES, MmCached, 0);
        break;
    case 2:
        mdl = IoAllocateMdl(m.buffer, (ULONG)(bytes < BYTES ? bytes : BYTES), FALSE, FALSE, NULL);
        break;
    default:
        (void)MmGetPhysicalAddress((uint8_t *)m.buffer + bytes % BYTES);
        break;
    }
    bool fired = fault_disarm();
    if (memory) {
        memset(memory, 1, bytes);
        ExFreePoolWithTag(memory, 1);
    } else if (mdl && op->operand[0] % 4 == 1) {
        ms_fault_arm(op->operand[2] & 1 ? 0 : UINT32_MAX);
        PVOID shown = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        ms_fault_arm(UINT32_MAX);
        if (shown)
            MmUnmapLockedPages(shown, mdl);
        MmFreePagesFromMdl(mdl);
        ExFreePool(mdl);
    } else if (mdl) {
        MmBuildMdlForNonPagedPool(mdl);
        if (mdl->ByteCount > 10 &&
            MmAdvanceMdl(mdl, op->operand[1] & 8 ? 10 : mdl->ByteCount) != STATUS_SUCCESS)
            ms_sim_fail("O7 an MDL does not move on", "%u bytes", (unsigned)mdl->ByteCount);
        IoFreeMdl(mdl);
    }
    if (ms_sim_memory_held() != held)
        ms_sim_fail("O9 pool or pages leave something", "way %u, fault %d", op->operand[0] % 4,
                    fired);
}

#endif
