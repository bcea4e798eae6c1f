/* SPDX-License-Identifier: MIT */
/*
 * ops: the tables of DMA_OPERATIONS, one per interface version (VER-04..VER-11).
 */
#include "adapter/grant.h"

#include <string.h>

static void table_v1(DMA_OPERATIONS *table)
{
    table->PutDmaAdapter = HalPutDmaAdapter;
    table->AllocateCommonBuffer = HalpAllocateCommonBuffer;
    table->FreeCommonBuffer = HalpFreeCommonBuffer;
    table->AllocateAdapterChannel = HalAllocateAdapterChannel;
    table->FlushAdapterBuffers = HalFlushAdapterBuffers;
    table->FreeAdapterChannel = HalFreeAdapterChannel;
    table->FreeMapRegisters = HalFreeMapRegisters;
    table->MapTransfer = HalMapTransfer;
    table->GetDmaAlignment = HalpGetDmaAlignment;
    table->ReadDmaCounter = HalpReadDmaCounter;
    table->GetScatterGatherList = HalGetScatterGatherList;
    table->PutScatterGatherList = HalPutScatterGatherList;
}

static void table_v2(DMA_OPERATIONS *table)
{
    table->CalculateScatterGatherList = HalCalculateScatterGatherList;
    table->BuildScatterGatherList = HalBuildScatterGatherList;
    table->BuildMdlFromScatterGatherList = HalBuildMdlFromScatterGatherList;
}

static void table_v3(DMA_OPERATIONS *table)
{
    table->GetDmaAdapterInfo = HalGetDmaAdapterInfo;
    table->GetDmaTransferInfo = HalGetDmaTransferInfo;
    table->InitializeDmaTransferContext = HalInitializeDmaTransferContext;
    table->AllocateAdapterChannelEx = HalAllocateAdapterChannelEx;
    table->CancelAdapterChannel = HalCancelAdapterChannel;
    table->MapTransferEx = HalMapTransferEx;
    table->FlushAdapterBuffersEx = HalFlushAdapterBuffersEx;
    table->FreeAdapterObject = HalFreeAdapterObject;
    table->GetScatterGatherListEx = HalGetScatterGatherListEx;
    table->BuildScatterGatherListEx = HalBuildScatterGatherListEx;
    table->AllocateCommonBufferEx = HalAllocateCommonBufferEx;
    table->ConfigureAdapterChannel = HalConfigureAdapterChannel;
    table->CancelMappedTransfer = HalCancelMappedTransfer;
    table->AllocateDomainCommonBuffer = HalAllocateDomainCommonBuffer;
    table->FlushDmaBuffer = HalFlushDmaBuffer;
    table->JoinDmaDomain = HalJoinDmaDomain;
    table->LeaveDmaDomain = HalLeaveDmaDomain;
    table->GetDmaDomain = HalGetDmaDomain;
    table->AllocateCommonBufferWithBounds = HalAllocateCommonBufferWithBounds;
    table->AllocateCommonBufferVector = HalAllocateCommonBufferVector;
    table->GetCommonBufferFromVectorByIndex = HalGetCommonBufferFromVectorByIndex;
    table->FreeCommonBufferFromVector = HalFreeCommonBufferFromVector;
    table->FreeCommonBufferVector = HalFreeCommonBufferVector;
    table->CreateCommonBufferFromMdl = HalCreateCommonBufferFromMdl;
}

/* The newest table as an older Windows had it: the same members, cut off (AMB-03). */
static void table_cut(DMA_OPERATIONS *table, uint32_t bytes)
{
    memset((char *)table + bytes, 0, sizeof *table - bytes);
    table->Size = bytes;
}

void ms_tables_fill(DMA_OPERATIONS table[4], uint32_t newest_bytes)
{
    for (int version = 1; version <= 3; version++)
        table_v1(&table[version]);
    for (int version = 2; version <= 3; version++)
        table_v2(&table[version]);
    table_v3(&table[3]);
    table[1].Size = offsetof(DMA_OPERATIONS, CalculateScatterGatherList); /* VER-08 */
    table[2].Size = offsetof(DMA_OPERATIONS, GetDmaAdapterInfo);
    table_cut(&table[3], newest_bytes); /* VER-10 */
}
