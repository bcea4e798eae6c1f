/* SPDX-License-Identifier: MIT */
/*++

Module Name:

    queue.c

Abstract:

    Takes write requests one after the other and has the board fetch their
    data, fragment by fragment. A request can be cancelled until its last
    fragment is programmed.

Environment:

    Kernel mode

--*/

#include "driver.h"
#include "queue.tmh"

#ifdef ALLOC_PRAGMA
#pragma alloc_text(PAGE, ShuttleQueueInitialize)
#endif

NTSTATUS
ShuttleQueueInitialize(
    _In_ WDFDEVICE Device
    )
{
    WDF_IO_QUEUE_CONFIG queueConfig;
    NTSTATUS status;
    WDFQUEUE queue;

    PAGED_CODE();

    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&queueConfig, WdfIoQueueDispatchSequential);
    queueConfig.EvtIoWrite = ShuttleEvtIoWrite;

    status = WdfIoQueueCreate(Device, &queueConfig, WDF_NO_OBJECT_ATTRIBUTES, &queue);
    if (!NT_SUCCESS(status)) {
        TraceEvents(TRACE_LEVEL_ERROR, DBG_QUEUE, "WdfIoQueueCreate failed %!STATUS!", status);
        return status;
    }
    return status;
}

_Use_decl_annotations_
VOID
ShuttleEvtIoWrite(
    WDFQUEUE Queue,
    WDFREQUEST Request,
    size_t Length
    )
{
    PDEVICE_CONTEXT deviceContext = ShuttleGetDeviceContext(WdfIoQueueGetDevice(Queue));
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Length);

    NT_ASSERTMSG("one request at a time", deviceContext->Request == NULL);

    status = WdfDmaTransactionInitializeUsingRequest(deviceContext->WriteTransaction,
                                                     Request,
                                                     ShuttleEvtProgramDma,
                                                     WdfDmaDirectionWriteToDevice);
    if (!NT_SUCCESS(status)) {
        TraceEvents(TRACE_LEVEL_ERROR, DBG_QUEUE, "initialize failed %!STATUS!", status);
        WdfRequestComplete(Request, status);
        return;
    }

    deviceContext->Request = Request;
    status = WdfDmaTransactionExecute(deviceContext->WriteTransaction, deviceContext);
    if (!NT_SUCCESS(status)) {
        (VOID) WdfDmaTransactionRelease(deviceContext->WriteTransaction);
        deviceContext->Request = NULL;
        WdfRequestComplete(Request, status);
    }
}

_Use_decl_annotations_
BOOLEAN
ShuttleEvtProgramDma(
    WDFDMATRANSACTION Transaction,
    WDFDEVICE Device,
    WDFCONTEXT Context,
    WDF_DMA_DIRECTION Direction,
    PSCATTER_GATHER_LIST SgList
    )
{
    PDEVICE_CONTEXT deviceContext = (PDEVICE_CONTEXT) Context;
    ULONG i;

    UNREFERENCED_PARAMETER(Transaction);
    UNREFERENCED_PARAMETER(Device);

    NT_ASSERT(Direction == WdfDmaDirectionWriteToDevice);
    for (i = 0; i < SgList->NumberOfElements; i++) {
        deviceContext->Descriptors[i].Address = SgList->Elements[i].Address.QuadPart;
        deviceContext->Descriptors[i].Length = SgList->Elements[i].Length;
    }

    WdfInterruptAcquireLock(deviceContext->Interrupt);
    deviceContext->Statistics->Fragments += 1;
    deviceContext->Statistics->Elements += SgList->NumberOfElements;
    WRITE_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_LIST_LOW),
                         deviceContext->DescriptorsLogical.LowPart);
    WRITE_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_LIST_HIGH),
                         (ULONG) deviceContext->DescriptorsLogical.HighPart);
    WRITE_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_DESCRIPTORS),
                         SgList->NumberOfElements);
    WRITE_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_CONTROL), BOARD_START);
    WdfInterruptReleaseLock(deviceContext->Interrupt);
    return TRUE;
}

_Use_decl_annotations_
BOOLEAN
ShuttleEvtInterruptIsr(
    WDFINTERRUPT Interrupt,
    ULONG MessageID
    )
{
    PDEVICE_CONTEXT deviceContext =
        ShuttleGetDeviceContext(WdfInterruptGetDevice(Interrupt));
    ULONG status = READ_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_STATUS));

    UNREFERENCED_PARAMETER(MessageID);

    if ((status & BOARD_DONE) == 0) {
        return FALSE;
    }
    WRITE_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_STATUS), status);
    deviceContext->Status = status;
    (VOID) WdfInterruptQueueDpcForIsr(Interrupt);
    return TRUE;
}

_Use_decl_annotations_
VOID
ShuttleEvtInterruptDpc(
    WDFINTERRUPT Interrupt,
    WDFOBJECT AssociatedObject
    )
{
    PDEVICE_CONTEXT deviceContext = ShuttleGetDeviceContext(AssociatedObject);
    WDFREQUEST request = deviceContext->Request;
    BOOLEAN transactionComplete;
    ULONG boardStatus;
    NTSTATUS status;
    size_t moved;

    WdfInterruptAcquireLock(Interrupt);
    boardStatus = deviceContext->Status;
    WdfInterruptReleaseLock(Interrupt);

    if ((boardStatus & BOARD_ERROR) != 0) {
        transactionComplete = WdfDmaTransactionDmaCompletedFinal(
            deviceContext->WriteTransaction, 0, &status);
        NT_ASSERT(transactionComplete);
        status = STATUS_DEVICE_DATA_ERROR;
    } else {
        transactionComplete =
            WdfDmaTransactionDmaCompleted(deviceContext->WriteTransaction, &status);
    }
    if (!transactionComplete) {
        NT_ASSERT(status == STATUS_MORE_PROCESSING_REQUIRED);
        return;
    }

    moved = WdfDmaTransactionGetBytesTransferred(deviceContext->WriteTransaction);
    (VOID) WdfDmaTransactionRelease(deviceContext->WriteTransaction);
    deviceContext->Request = NULL;
    WdfRequestCompleteWithInformation(request, status, moved);
}
