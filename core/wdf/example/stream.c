/* SPDX-License-Identifier: MIT */
/*
 * stream: an example driver: reads and writes over a system DMA channel, each with a timeout, each
 * cancelable. It is compiled as any Windows driver is, against <ntddk.h> and <wdf.h> alone.
 *
 * A request that executes has up to three users: the transfer, the mark that makes it cancelable, and
 * the started timer. Each counts as one reference, taken before the user can act; whoever gives the
 * last one back deletes the timer and completes the request. Which status it gets is settled once, by
 * the first of those who end it early; only the transfer's own success or error overrules it.
 *
 *                  gives back
 *   transfer       its completion callback, or a cancel that withdrew it, or the handler when Execute
 *                  failed
 *   cancel mark    the cancel callback, or who unmarks the request in time
 *   timer          its callback, or who stops it in time
 */
#include <ntddk.h>
#include <wdf.h>

#define STREAM_SLOTS      4
#define STREAM_LENGTH_MAX (64 * 1024)
#define STREAM_FRAGMENT   (16 * 1024)

/* Buffered: ULONG microseconds until a request times out; 0: never. */
#define IOCTL_STREAM_SET_TIMEOUT                                                                   \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

/* What one request at a time uses; there are as many as the queue presents. */
typedef struct _STREAM_SLOT {
    WDFDMATRANSACTION Transaction;
    WDFSPINLOCK Lock;
    LONG volatile InUse;
} STREAM_SLOT, *PSTREAM_SLOT;

typedef struct _STREAM_DEVICE {
    WDFDMAENABLER Enabler;
    LONG volatile TimeoutMicroseconds;
    BOOLEAN KeepsFailure; /* a last report that failed is no success, see StreamTransferComplete */
    STREAM_SLOT Slot[STREAM_SLOTS];
} STREAM_DEVICE, *PSTREAM_DEVICE;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(STREAM_DEVICE, StreamDevice)

typedef struct _STREAM_REQUEST {
    WDFREQUEST Request;
    PSTREAM_SLOT Slot;
    WDFTIMER Timer;
    LONG volatile References;
    BOOLEAN Settled;      /* under the slot's lock */
    BOOLEAN TimerStarted; /* written before Execute */
    NTSTATUS Status;      /* under the slot's lock */
} STREAM_REQUEST, *PSTREAM_REQUEST;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(STREAM_REQUEST, StreamRequest)

typedef struct _STREAM_TIMER {
    PSTREAM_REQUEST Owner;
} STREAM_TIMER, *PSTREAM_TIMER;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(STREAM_TIMER, StreamTimer)

DRIVER_INITIALIZE DriverEntry;
static EVT_WDF_DRIVER_DEVICE_ADD StreamDeviceAdd;
static EVT_WDF_DEVICE_PREPARE_HARDWARE StreamPrepareHardware;
static EVT_WDF_DEVICE_RELEASE_HARDWARE StreamReleaseHardware;
static EVT_WDF_IO_QUEUE_IO_DEFAULT StreamIo;
static EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL StreamControl;
static EVT_WDF_PROGRAM_DMA StreamProgram;
static EVT_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE StreamTransferComplete;
static EVT_WDF_REQUEST_CANCEL StreamCancel;
static EVT_WDF_TIMER StreamTimeout;

/* --- settling and completing ---------------------------------------------------------------------- */

/* TRUE for the first who settles the request. Its status counts, unless a later one overrules it. */
static BOOLEAN StreamSettle(PSTREAM_REQUEST Stream, NTSTATUS Status, BOOLEAN Overrule)
{
    BOOLEAN first;

    WdfSpinLockAcquire(Stream->Slot->Lock);
    first = !Stream->Settled;
    Stream->Settled = TRUE;
    if (first || Overrule)
        Stream->Status = Status;
    WdfSpinLockRelease(Stream->Slot->Lock);
    return first;
}

/* The timer is a child of the request and must go before it; both are legal at DISPATCH_LEVEL. */
static VOID StreamFinish(PSTREAM_REQUEST Stream)
{
    WDFREQUEST request = Stream->Request;
    NTSTATUS status = Stream->Status;
    KIRQL irql;

    NT_ASSERTMSG("nobody settled the request", status != STATUS_PENDING);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    WdfObjectDelete(Stream->Timer);
    InterlockedExchange(&Stream->Slot->InUse, 0);
    WdfRequestComplete(request, status);
    KeLowerIrql(irql);
}

/* The caller's own reference; nothing of the request may be touched after it. */
static VOID StreamGiveBack(PSTREAM_REQUEST Stream)
{
    if (InterlockedDecrement(&Stream->References) == 0)
        StreamFinish(Stream);
}

/* References of others, taken over by one who still has its own, so this is never the last. */
static VOID StreamGiveBackOther(PSTREAM_REQUEST Stream)
{
    LONG left = InterlockedDecrement(&Stream->References);

    NT_ASSERTMSG("a reference was given back twice", left > 0);
    UNREFERENCED_PARAMETER(left);
}

/* The transfer is over: whoever has not come yet will not, if that can still be had. */
static VOID StreamTransferOver(PSTREAM_REQUEST Stream)
{
    if (WdfRequestUnmarkCancelable(Stream->Request) == STATUS_SUCCESS)
        StreamGiveBackOther(Stream);
    if (Stream->TimerStarted && WdfTimerStop(Stream->Timer, FALSE))
        StreamGiveBackOther(Stream);
    StreamGiveBack(Stream);
}

/* --- who may end it ------------------------------------------------------------------------------- */

/* The channel is set up by the system; this device needs nothing more. */
static BOOLEAN StreamProgram(WDFDMATRANSACTION Transaction, WDFDEVICE Device, WDFCONTEXT Context,
                             WDF_DMA_DIRECTION Direction, PSCATTER_GATHER_LIST SgList)
{
    UNREFERENCED_PARAMETER(Transaction);
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Direction);
    UNREFERENCED_PARAMETER(SgList);
    return TRUE;
}

static VOID StreamTransferComplete(WDFDMATRANSACTION Transaction, WDFDEVICE Device,
                                   WDFCONTEXT Context, WDF_DMA_DIRECTION Direction,
                                   DMA_COMPLETION_STATUS DmaStatus)
{
    PSTREAM_REQUEST stream = Context;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Direction);
    switch (DmaStatus) {
    case DmaComplete:
        if (!WdfDmaTransactionDmaCompleted(Transaction, &status))
            return; /* the next fragment is under way, or over already */
        /* The published protocol calls every end here a success, also of a transfer that was stopped
         * between two fragments, and tells by the count. KeepsFailure: whoever stopped it decides. */
        if (StreamDevice(Device)->KeepsFailure && !NT_SUCCESS(status))
            StreamSettle(stream, status, FALSE);
        else
            StreamSettle(stream, STATUS_SUCCESS, TRUE);
        break;
    case DmaError:
        (VOID) WdfDmaTransactionDmaCompletedFinal(Transaction, 0, &status);
        StreamSettle(stream, STATUS_DEVICE_DATA_ERROR, TRUE);
        break;
    default: /* cancelled or aborted: somebody settled it when he stopped it */
        (VOID) WdfDmaTransactionDmaCompletedFinal(Transaction, 0, &status);
        StreamSettle(stream, STATUS_PENDING, FALSE);
        break;
    }
    WdfRequestSetInformation(stream->Request, WdfDmaTransactionGetBytesTransferred(Transaction));
    StreamTransferOver(stream);
}

static VOID StreamCancel(WDFREQUEST Request)
{
    PSTREAM_REQUEST stream = StreamRequest(Request);

    if (StreamSettle(stream, STATUS_CANCELLED, FALSE)) {
        if (WdfDmaTransactionCancel(stream->Slot->Transaction))
            StreamGiveBackOther(stream); /* the transfer's: it will not run */
        else
            WdfDmaTransactionStopSystemTransfer(stream->Slot->Transaction);
    }
    StreamGiveBack(stream);
}

static VOID StreamTimeout(WDFTIMER Timer)
{
    PSTREAM_REQUEST stream = StreamTimer(Timer)->Owner;

    if (StreamSettle(stream, STATUS_IO_TIMEOUT, FALSE))
        WdfDmaTransactionStopSystemTransfer(stream->Slot->Transaction);
    StreamGiveBack(stream);
}

/* --- starting it ---------------------------------------------------------------------------------- */

static PSTREAM_SLOT StreamSlotTake(PSTREAM_DEVICE Device)
{
    for (ULONG i = 0; i < STREAM_SLOTS; i++)
        if (InterlockedCompareExchange(&Device->Slot[i].InUse, 1, 0) == 0)
            return &Device->Slot[i];
    return NULL;
}

static NTSTATUS StreamTimerCreate(PSTREAM_REQUEST Stream)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_TIMER_CONFIG config;
    NTSTATUS status;

    WDF_TIMER_CONFIG_INIT(&config, StreamTimeout);
    config.AutomaticSerialization = FALSE;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, STREAM_TIMER);
    attributes.ParentObject = Stream->Request;
    status = WdfTimerCreate(&config, &attributes, &Stream->Timer);
    if (NT_SUCCESS(status))
        StreamTimer(Stream->Timer)->Owner = Stream;
    return status;
}

/* Everything up to the mark; on a failure nobody else knows the request. */
static NTSTATUS StreamPrepare(PSTREAM_REQUEST Stream, WDF_DMA_DIRECTION Direction, BOOLEAN UseTimer)
{
    WDFDMATRANSACTION transaction = Stream->Slot->Transaction;
    NTSTATUS status;

    Stream->References = UseTimer ? 3 : 2;
    Stream->Settled = FALSE;
    Stream->TimerStarted = FALSE;
    Stream->Status = STATUS_PENDING;
    status = StreamTimerCreate(Stream);
    if (!NT_SUCCESS(status))
        return status;
    (VOID) WdfDmaTransactionRelease(transaction); /* of the slot's last user */
    status = WdfDmaTransactionInitializeUsingRequest(transaction, Stream->Request, StreamProgram,
                                                     Direction);
    if (NT_SUCCESS(status)) {
        WdfDmaTransactionSetDeviceAddressOffset(transaction, 0);
        WdfDmaTransactionSetTransferCompleteCallback(transaction, StreamTransferComplete, Stream);
        status = WdfRequestMarkCancelableEx(Stream->Request, StreamCancel);
    }
    if (!NT_SUCCESS(status))
        WdfObjectDelete(Stream->Timer);
    return status;
}

static VOID StreamStart(PSTREAM_DEVICE Device, PSTREAM_REQUEST Stream, WDF_DMA_DIRECTION Direction)
{
    WDFDMATRANSACTION transaction = Stream->Slot->Transaction;
    LONG timeout = InterlockedOr(&Device->TimeoutMicroseconds, 0);
    NTSTATUS status = StreamPrepare(Stream, Direction, timeout != 0);

    if (!NT_SUCCESS(status)) {
        WDFREQUEST request = Stream->Request;
        InterlockedExchange(&Stream->Slot->InUse, 0);
        WdfRequestComplete(request, status);
        return;
    }
    if (timeout != 0) {
        Stream->TimerStarted = TRUE;
        (VOID) WdfTimerStart(Stream->Timer, WDF_REL_TIMEOUT_IN_US((ULONG)timeout));
    }
    status = WdfDmaTransactionExecute(transaction, Stream);
    /* From here on the request belongs to its references. STATUS_CANCELLED: StreamCancel withdrew the
     * transfer, and gives its reference back. */
    if (NT_SUCCESS(status) || status == STATUS_CANCELLED)
        return;
    StreamSettle(Stream, status, FALSE);
    StreamTransferOver(Stream);
}

static VOID StreamIo(WDFQUEUE Queue, WDFREQUEST Request)
{
    PSTREAM_DEVICE device = StreamDevice(WdfIoQueueGetDevice(Queue));
    WDF_REQUEST_PARAMETERS parameters;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_DMA_DIRECTION direction;
    PSTREAM_REQUEST stream;
    PVOID context;
    NTSTATUS status;

    WDF_REQUEST_PARAMETERS_INIT(&parameters);
    WdfRequestGetParameters(Request, &parameters);
    if (parameters.Type != WdfRequestTypeRead && parameters.Type != WdfRequestTypeWrite) {
        WdfRequestComplete(Request, STATUS_INVALID_DEVICE_REQUEST);
        return;
    }
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, STREAM_REQUEST);
    status = WdfObjectAllocateContext(Request, &attributes, &context);
    if (!NT_SUCCESS(status)) {
        WdfRequestComplete(Request, status);
        return;
    }
    stream = context;
    direction = parameters.Type == WdfRequestTypeWrite ? WdfDmaDirectionWriteToDevice
                                                       : WdfDmaDirectionReadFromDevice;
    stream->Request = Request;
    stream->Slot = StreamSlotTake(device);
    if (!stream->Slot) {
        WdfRequestComplete(Request, STATUS_DEVICE_BUSY);
        return;
    }
    StreamStart(device, stream, direction);
}

static VOID StreamControl(WDFQUEUE Queue, WDFREQUEST Request, size_t OutputBufferLength,
                          size_t InputBufferLength, ULONG IoControlCode)
{
    PSTREAM_DEVICE device = StreamDevice(WdfIoQueueGetDevice(Queue));
    PVOID input;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    UNREFERENCED_PARAMETER(OutputBufferLength);
    UNREFERENCED_PARAMETER(InputBufferLength);
    if (IoControlCode == IOCTL_STREAM_SET_TIMEOUT) {
        status = WdfRequestRetrieveInputBuffer(Request, sizeof(ULONG), &input, NULL);
        if (NT_SUCCESS(status))
            InterlockedExchange(&device->TimeoutMicroseconds, (LONG)(*(ULONG *)input & 0x7FFFFFFF));
    }
    WdfRequestComplete(Request, status);
}

/* --- the device ----------------------------------------------------------------------------------- */

static NTSTATUS StreamSlotsCreate(WDFDEVICE Device, PSTREAM_DEVICE Stream)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    NTSTATUS status = STATUS_SUCCESS;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = Device;
    for (ULONG i = 0; NT_SUCCESS(status) && i < STREAM_SLOTS; i++) {
        status = WdfSpinLockCreate(&attributes, &Stream->Slot[i].Lock);
        if (NT_SUCCESS(status))
            status = WdfDmaTransactionCreate(Stream->Enabler, WDF_NO_OBJECT_ATTRIBUTES,
                                             &Stream->Slot[i].Transaction);
    }
    return status;
}

static NTSTATUS StreamEnablerCreate(WDFDEVICE Device, PSTREAM_DEVICE Stream,
                                    PCM_PARTIAL_RESOURCE_DESCRIPTOR Dma)
{
    WDF_DMA_ENABLER_CONFIG config;
    WDF_DMA_SYSTEM_PROFILE_CONFIG profile;
    PHYSICAL_ADDRESS fifo;
    NTSTATUS status;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfileSystem, STREAM_FRAGMENT);
    status = WdfDmaEnablerCreate(Device, &config, WDF_NO_OBJECT_ATTRIBUTES, &Stream->Enabler);
    if (!NT_SUCCESS(status))
        return status;
    fifo.QuadPart = 0xFE000000;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&profile, fifo, Width8Bits, Dma);
    profile.DemandMode = TRUE; /* the device asserts its request line while it has something */
    return WdfDmaEnablerConfigureSystemProfile(Stream->Enabler, &profile,
                                               WdfDmaDirectionReadFromDevice);
}

static NTSTATUS StreamPrepareHardware(WDFDEVICE Device, WDFCMRESLIST ResourcesRaw,
                                      WDFCMRESLIST ResourcesTranslated)
{
    PSTREAM_DEVICE stream = StreamDevice(Device);
    NTSTATUS status;

    UNREFERENCED_PARAMETER(ResourcesRaw);
    for (ULONG i = 0; i < WdfCmResourceListGetCount(ResourcesTranslated); i++) {
        PCM_PARTIAL_RESOURCE_DESCRIPTOR resource =
            WdfCmResourceListGetDescriptor(ResourcesTranslated, i);
        if (resource->Type != CmResourceTypeDma)
            continue;
        status = StreamEnablerCreate(Device, stream, resource);
        return NT_SUCCESS(status) ? StreamSlotsCreate(Device, stream) : status;
    }
    return STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS StreamReleaseHardware(WDFDEVICE Device, WDFCMRESLIST ResourcesTranslated)
{
    PSTREAM_DEVICE stream = StreamDevice(Device);

    UNREFERENCED_PARAMETER(ResourcesTranslated);
    if (stream->Enabler)
        WdfObjectDelete(stream->Enabler); /* and its transactions */
    stream->Enabler = NULL;
    return STATUS_SUCCESS;
}

static NTSTATUS StreamQueueCreate(WDFDEVICE Device)
{
    WDF_IO_QUEUE_CONFIG config;

    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchParallel);
    config.Settings.Parallel.NumberOfPresentedRequests = STREAM_SLOTS;
    config.EvtIoDefault = StreamIo;
    config.EvtIoDeviceControl = StreamControl;
    return WdfIoQueueCreate(Device, &config, WDF_NO_OBJECT_ATTRIBUTES, WDF_NO_HANDLE);
}

static NTSTATUS StreamDeviceAdd(WDFDRIVER Driver, PWDFDEVICE_INIT DeviceInit)
{
    WDF_PNPPOWER_EVENT_CALLBACKS callbacks;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFDEVICE device;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Driver);
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&callbacks);
    callbacks.EvtDevicePrepareHardware = StreamPrepareHardware;
    callbacks.EvtDeviceReleaseHardware = StreamReleaseHardware;
    WdfDeviceInitSetPnpPowerEventCallbacks(DeviceInit, &callbacks);
    WdfDeviceInitSetIoType(DeviceInit, WdfDeviceIoDirect);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, STREAM_DEVICE);
    status = WdfDeviceCreate(&DeviceInit, &attributes, &device);
    return NT_SUCCESS(status) ? StreamQueueCreate(device) : status;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WDF_DRIVER_CONFIG config;

    WDF_DRIVER_CONFIG_INIT(&config, StreamDeviceAdd);
    return WdfDriverCreate(DriverObject, RegistryPath, WDF_NO_OBJECT_ATTRIBUTES, &config,
                           WDF_NO_HANDLE);
}
