/* SPDX-License-Identifier: MIT */
/*
 * info: what an adapter tells about itself and about a transfer to come.
 */
#include "adapter/grant.h"

NTSTATUS HalGetDmaAdapterInfo(PDMA_ADAPTER DmaAdapter, PDMA_ADAPTER_INFO AdapterInfo)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    if (!AdapterInfo)
        return STATUS_INVALID_PARAMETER; /* GAI-07 */
    if (AdapterInfo->Version > DMA_ADAPTER_INFO_VERSION1)
        return STATUS_NOT_SUPPORTED; /* GAI-01, GAI-07 */
    AdapterInfo->V1 = (DMA_ADAPTER_INFO_V1){
        .ReadDmaCounterAvailable =
            adapter->controller && ms_controller_config(adapter->controller)->counter,
        .ScatterGatherLimit = adapter->is_packet ? 1 : adapter->builder.limits.elements_max,
        .DmaAddressWidth = adapter->address_width,
        .Flags = 0, /* GAI-04 */
        .MinimumTransferUnit =
            adapter->controller ? ms_controller_config(adapter->controller)->unit : 1,
    };
    return STATUS_SUCCESS; /* GAI-02, GAI-05 */
}

NTSTATUS HalGetDmaTransferInfo(PDMA_ADAPTER DmaAdapter, PMDL Mdl, ULONGLONG Offset, ULONG Length,
                               BOOLEAN WriteOnly, PDMA_TRANSFER_INFO TransferInfo)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_mdl_cursor at = {.mdl = Mdl, .base = 0};
    struct ms_sg_measure need;
    NTSTATUS status;

    (void)WriteOnly; /* GTI-10 */
    if (!Mdl || !TransferInfo)
        return STATUS_INVALID_PARAMETER; /* GTI-11 */
    if (TransferInfo->Version > DMA_TRANSFER_INFO_VERSION2)
        return STATUS_NOT_SUPPORTED; /* GTI-03 */
    if (Length == 0)
        return STATUS_INVALID_PARAMETER; /* GTI-11 */
    status = ms_sg_measure(&adapter->builder, at, Offset, Length, &need);
    if (!NT_SUCCESS(status))
        return status;
    /* What one element can not take no call maps as a whole (MTX-34), so more registers than there are to be
     * had would be needed (GTI-08, GTI-13). On a system adapter that is its controller's limit. */
    if (need.exceeds && !adapter->controller && need.registers <= adapter->map_registers)
        need.registers = adapter->map_registers + 1;
    TransferInfo->V1 = (DMA_TRANSFER_INFO_V1){
        .MapRegisterCount = need.registers, /* GTI-06, GTI-13 */
        .ScatterGatherElementCount = need.elements,
        .ScatterGatherListSize = (ULONG)ms_min_u64(ms_list_bytes(need.elements), MAXULONG),
    };
    if (TransferInfo->Version == DMA_TRANSFER_INFO_VERSION2)
        TransferInfo->V2.LogicalPageCount = need.logical_pages; /* GTI-12 */
    return STATUS_SUCCESS;
}

ULONG HalpGetDmaAlignment(PDMA_ADAPTER DmaAdapter)
{
    return ms_adapter_from(DmaAdapter)->dma->config.alignment; /* GDA-01..03 */
}

NTSTATUS HalFlushDmaBuffer(PDMA_ADAPTER DmaAdapter, PMDL Mdl, BOOLEAN ReadOperation)
{
    (void)ms_adapter_from(DmaAdapter);
    (void)ReadOperation; /* caches are coherent: nothing to flush */
    return Mdl ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER; /* DOM-03 */
}
