/* SPDX-License-Identifier: MIT */
/*
 * subordinate: the routines that make sense for system DMA only, as a bus master answers them.
 */
#include "adapter/grant.h"

ULONG HalpReadDmaCounter(PDMA_ADAPTER DmaAdapter)
{
    (void)ms_adapter_from(DmaAdapter);
    return 0; /* RDC-03 */
}

NTSTATUS HalConfigureAdapterChannel(PDMA_ADAPTER DmaAdapter, ULONG FunctionNumber, PVOID Context)
{
    (void)ms_adapter_from(DmaAdapter);
    (void)FunctionNumber, (void)Context;
    return STATUS_INVALID_PARAMETER; /* CFG-05 */
}

NTSTATUS HalCancelMappedTransfer(PDMA_ADAPTER DmaAdapter, PVOID DmaTransferContext)
{
    (void)ms_adapter_from(DmaAdapter);
    (void)DmaTransferContext;
    return STATUS_INVALID_PARAMETER; /* CMT-14 */
}
