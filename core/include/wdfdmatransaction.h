/* SPDX-License-Identifier: MIT */
/* wdfdmatransaction.h: DMA transactions (TRX-*, EXE-*, CMP-*, STP-*, CAN-*, REL-*). */
#ifndef MS_WDFDMATRANSACTION_H
#define MS_WDFDMATRANSACTION_H

#include "wdfdmaenabler.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef BOOLEAN EVT_WDF_PROGRAM_DMA(_In_ WDFDMATRANSACTION Transaction, _In_ WDFDEVICE Device,
                                    _In_ WDFCONTEXT Context, _In_ WDF_DMA_DIRECTION Direction,
                                    _In_ PSCATTER_GATHER_LIST SgList);
typedef EVT_WDF_PROGRAM_DMA *PFN_WDF_PROGRAM_DMA;

typedef BOOLEAN EVT_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL(_In_ WDFDMATRANSACTION DmaTransaction,
                                                              _In_ WDFDEVICE Device,
                                                              _In_ PVOID Context, _In_opt_ PMDL Mdl,
                                                              _In_ size_t Offset,
                                                              _In_ size_t Length);
typedef EVT_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL
    *PFN_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL;

typedef VOID EVT_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE(_In_ WDFDMATRANSACTION Transaction,
                                                           _In_ WDFDEVICE Device,
                                                           _In_ WDFCONTEXT Context,
                                                           _In_ WDF_DMA_DIRECTION Direction,
                                                           _In_ DMA_COMPLETION_STATUS DmaStatus);
typedef EVT_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE
    *PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE;

typedef VOID EVT_WDF_RESERVE_DMA(_In_ WDFDMATRANSACTION DmaTransaction, _In_ PVOID Context);
typedef EVT_WDF_RESERVE_DMA *PFN_WDF_RESERVE_DMA;

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionCreate(_In_ WDFDMAENABLER DmaEnabler,
                            _In_opt_ PWDF_OBJECT_ATTRIBUTES Attributes,
                            _Out_ WDFDMATRANSACTION *DmaTransaction);

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionInitialize(_In_ WDFDMATRANSACTION DmaTransaction,
                                _In_ PFN_WDF_PROGRAM_DMA EvtProgramDmaFunction,
                                _In_ WDF_DMA_DIRECTION DmaDirection, _In_ PMDL Mdl,
                                _In_ PVOID VirtualAddress, _In_ size_t Length);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionInitializeUsingOffset(_In_ WDFDMATRANSACTION DmaTransaction,
                                           _In_ PFN_WDF_PROGRAM_DMA EvtProgramDmaFunction,
                                           _In_ WDF_DMA_DIRECTION DmaDirection, _In_ PMDL Mdl,
                                           _In_ size_t Offset, _In_ size_t Length);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionInitializeUsingRequest(_In_ WDFDMATRANSACTION DmaTransaction,
                                            _In_ WDFREQUEST Request,
                                            _In_ PFN_WDF_PROGRAM_DMA EvtProgramDmaFunction,
                                            _In_ WDF_DMA_DIRECTION DmaDirection);

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionAllocateResources(_In_ WDFDMATRANSACTION DmaTransaction,
                                       _In_ WDF_DMA_DIRECTION DmaDirection,
                                       _In_ ULONG RequiredMapRegisters,
                                       _In_ PFN_WDF_RESERVE_DMA EvtReserveDmaFunction,
                                       _In_ PVOID EvtReserveDmaContext);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionFreeResources(_In_ WDFDMATRANSACTION DmaTransaction);

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionExecute(_In_ WDFDMATRANSACTION DmaTransaction, _In_opt_ WDFCONTEXT Context);
_Success_(TRUE) _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDmaTransactionRelease(_In_ WDFDMATRANSACTION DmaTransaction);

_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WDFAPI
    WdfDmaTransactionDmaCompleted(_In_ WDFDMATRANSACTION DmaTransaction, _Out_ NTSTATUS *Status);
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WDFAPI
    WdfDmaTransactionDmaCompletedWithLength(_In_ WDFDMATRANSACTION DmaTransaction,
                                            _In_ size_t TransferredLength, _Out_ NTSTATUS *Status);
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WDFAPI
    WdfDmaTransactionDmaCompletedFinal(_In_ WDFDMATRANSACTION DmaTransaction,
                                       _In_ size_t FinalTransferredLength, _Out_ NTSTATUS *Status);

_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WDFAPI
    WdfDmaTransactionCancel(_In_ WDFDMATRANSACTION DmaTransaction);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionStopSystemTransfer(_In_ WDFDMATRANSACTION DmaTransaction);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionSetMaximumLength(_In_ WDFDMATRANSACTION DmaTransaction,
                                      _In_ size_t MaximumLength);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionSetSingleTransferRequirement(_In_ WDFDMATRANSACTION DmaTransaction,
                                                  _In_ BOOLEAN RequireSingleTransfer);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionSetImmediateExecution(_In_ WDFDMATRANSACTION DmaTransaction,
                                           _In_ BOOLEAN UseImmediateExecution);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionSetDeviceAddressOffset(_In_ WDFDMATRANSACTION DmaTransaction,
                                            _In_ ULONG Offset);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfDmaTransactionSetChannelConfigurationCallback(
    _In_ WDFDMATRANSACTION DmaTransaction,
    _In_opt_ PFN_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL ConfigureRoutine,
    _In_opt_ PVOID ConfigureContext);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfDmaTransactionSetTransferCompleteCallback(
    _In_ WDFDMATRANSACTION DmaTransaction,
    _In_opt_ PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE DmaCompletionRoutine,
    _In_opt_ WDFCONTEXT DmaCompletionContext);

_IRQL_requires_max_(DISPATCH_LEVEL) size_t WDFAPI
    WdfDmaTransactionGetBytesTransferred(_In_ WDFDMATRANSACTION DmaTransaction);
_IRQL_requires_max_(DISPATCH_LEVEL) size_t WDFAPI
    WdfDmaTransactionGetCurrentDmaTransferLength(_In_ WDFDMATRANSACTION DmaTransaction);
_IRQL_requires_max_(DISPATCH_LEVEL) WDFDEVICE WDFAPI
    WdfDmaTransactionGetDevice(_In_ WDFDMATRANSACTION DmaTransaction);
_IRQL_requires_max_(DISPATCH_LEVEL) WDFREQUEST WDFAPI
    WdfDmaTransactionGetRequest(_In_ WDFDMATRANSACTION DmaTransaction);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfDmaTransactionGetTransferInfo(_In_ WDFDMATRANSACTION DmaTransaction,
                                     _Out_opt_ ULONG *MapRegisterCount,
                                     _Out_opt_ ULONG *ScatterGatherElementCount);
_IRQL_requires_max_(DISPATCH_LEVEL) PVOID WDFAPI
    WdfDmaTransactionWdmGetTransferContext(_In_ WDFDMATRANSACTION DmaTransaction);

#ifdef __cplusplus
}
#endif

#endif
