/* SPDX-License-Identifier: MIT */
/*
 * allocate: the shells around channel.c and context.c: arguments are checked, words are translated.
 */
#include "adapter/grant.h"

NTSTATUS HalInitializeDmaTransferContext(PDMA_ADAPTER DmaAdapter, PVOID DmaTransferContext)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    if (!ms_context_initialize(adapter->dma, DmaTransferContext))
        return STATUS_INVALID_PARAMETER;
    if (adapter->controller)
        ms_system_initialized(adapter, DmaTransferContext); /* TCX-09 */
    return STATUS_SUCCESS;
}

static NTSTATUS request_check(const struct ms_request *request, ULONG flags)
{
    bool synchronous = (flags & DMA_SYNCHRONOUS_CALLBACK) != 0;
    NTSTATUS status;

    if (!request->device || !ms_flags_are_known(request->adapter->dma, flags))
        return STATUS_INVALID_PARAMETER; /* ACX-19, ACX-06 */
    if (!request->routine && !request->base)
        return STATUS_INVALID_PARAMETER; /* ACX-12 */
    if (!synchronous && (!request->routine || request->base))
        return STATUS_INVALID_PARAMETER; /* ACX-07 */
    status = ms_context_check(request->adapter->dma, request->context);
    if (!NT_SUCCESS(status))
        return status; /* ACX-18, ACX-19, TCX-16, TCX-17 */
    if (request->registers > request->adapter->map_registers)
        return STATUS_INSUFFICIENT_RESOURCES; /* ACX-05 */
    return STATUS_SUCCESS;
}

NTSTATUS HalAllocateAdapterChannelEx(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                     PVOID DmaTransferContext, ULONG NumberOfMapRegisters,
                                     ULONG Flags, PDRIVER_CONTROL ExecutionRoutine,
                                     PVOID ExecutionContext, PVOID *MapRegisterBase)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    bool synchronous = (Flags & DMA_SYNCHRONOUS_CALLBACK) != 0;
    struct ms_request request = {
        .adapter = adapter,
        .device = DeviceObject,
        .context = DmaTransferContext,
        .registers = NumberOfMapRegisters,
        .routine = ExecutionRoutine,
        .routine_context = ExecutionContext,
        .enter = ExecutionRoutine ? ms_channel_enter : NULL,
        .base = MapRegisterBase,
    };
    NTSTATUS status = request_check(&request, Flags);

    if (!NT_SUCCESS(status))
        return synchronous ? ms_channel_sync_failed(adapter, status) : status;
    return synchronous ? ms_channel_allocate_sync(&request) : ms_channel_allocate_async(&request);
}

BOOLEAN HalCancelAdapterChannel(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                PVOID DmaTransferContext)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_context_seen first = {.raw = 0}, seen;
    bool is_first = true;

    (void)DeviceObject; /* CAC-11 */
    for (;; is_first = false) {
        switch (ms_context_look(DmaTransferContext, &seen)) {
        case CONTEXT_BAD:
            return FALSE; /* TCX-16 */
        case CONTEXT_QUEUED:
            if (!ms_channel_cancel(adapter, seen.index, seen.serial))
                return FALSE; /* CAC-04 */
            ms_context_unqueue(DmaTransferContext, seen.index, seen.serial, true);
            return TRUE; /* CAC-03 */
        case CONTEXT_IDLE:
            if (is_first)
                first = seen;
            else if (seen.index != first.index || seen.serial != first.serial)
                return FALSE; /* a request came and went during this call: CAC-04, CAC-05 */
            /* The second tells of an owner whose context was initialised again (TCX-09). */
            if ((seen.served && ms_channel_is_active(adapter->dma, seen.index, seen.serial)) ||
                ms_channel_owner_context(adapter) == DmaTransferContext)
                return FALSE; /* CAC-09, CAC-14 */
            if (ms_context_mark_cancelled(DmaTransferContext, &seen))
                return TRUE; /* CAC-07, CAC-08 */
            break;           /* it changed meanwhile: look again */
        }
    }
}

VOID HalFreeAdapterChannel(PDMA_ADAPTER DmaAdapter)
{
    ms_channel_release_owner(ms_adapter_from(DmaAdapter), false, false); /* FRE-01 */
}

VOID HalFreeMapRegisters(PDMA_ADAPTER DmaAdapter, PVOID MapRegisterBase, ULONG NumberOfMapRegisters)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_grant *grant = ms_grant_find(adapter, MapRegisterBase);

    (void)NumberOfMapRegisters; /* FRE-12: the recorded set counts */
    if (grant)                  /* MRG-08, FRE-12 */
        ms_channel_release_registers(adapter, grant, (uint32_t)ms_grant_look(grant).serial);
}

VOID HalFreeAdapterObject(PDMA_ADAPTER DmaAdapter, IO_ALLOCATION_ACTION AllocationAction)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    if (AllocationAction != DeallocateObject && AllocationAction != DeallocateObjectKeepRegisters)
        return; /* FRE-05, FRE-15, FRE-17 */
    if (ms_failure_forget_own(adapter, ms_cpu_enter(adapter->dma->kernel)))
        return; /* FRE-18: not ours to release */
    ms_channel_release_owner(adapter, AllocationAction == DeallocateObjectKeepRegisters, true);
}
