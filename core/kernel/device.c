/* SPDX-License-Identifier: MIT */
/*
 * device.c: device objects and requests (IRPs), as thin as a DMA driver's entry points need them: a request is
 * handed down a stack of drivers and completed up again. No files, no names, no cancel routines of the system.
 */
#include "kernel/kernel.h"

/* A device object and its extension in one piece; `bytes` lies in front, for freeing it. */
struct device_block {
    size_t bytes;
    DEVICE_OBJECT device; /* its alignment is 16 */
};

NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                        PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                        ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        PDEVICE_OBJECT *DeviceObject)
{
    size_t bytes = sizeof(struct device_block) + DeviceExtensionSize;
    struct device_block *block;

    (void)DeviceName, (void)Exclusive;
    if (!DriverObject || !DeviceObject)
        return STATUS_INVALID_PARAMETER;
    block = ms_alloc(bytes);
    if (!block)
        return STATUS_INSUFFICIENT_RESOURCES;
    block->bytes = bytes;
    block->device = (DEVICE_OBJECT){
        .Type = 3,
        .Size = (USHORT)(sizeof(DEVICE_OBJECT) + DeviceExtensionSize),
        .ReferenceCount = 1,
        .DriverObject = DriverObject,
        .NextDevice = DriverObject->DeviceObject,
        .Characteristics = DeviceCharacteristics,
        .DeviceExtension = DeviceExtensionSize ? block + 1 : NULL,
        .DeviceType = DeviceType,
        .StackSize = 1,
    };
    KeInitializeDeviceQueue(&block->device.DeviceQueue);
    DriverObject->DeviceObject = &block->device;
    *DeviceObject = &block->device;
    return STATUS_SUCCESS;
}

VOID IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    struct device_block *block = CONTAINING_RECORD(DeviceObject, struct device_block, device);
    PDEVICE_OBJECT *link = &DeviceObject->DriverObject->DeviceObject;

    while (*link && *link != DeviceObject)
        link = &(*link)->NextDevice;
    ms_require(*link); /* made by IoCreateDevice, and not deleted before */
    *link = DeviceObject->NextDevice;
    ms_free(block, block->bytes);
}

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    return SymbolicLinkName && DeviceName ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    return SymbolicLinkName ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static size_t irp_bytes(CCHAR stack_size)
{
    return sizeof(IRP) + (size_t)stack_size * sizeof(IO_STACK_LOCATION);
}

PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    IRP *irp;

    (void)ChargeQuota; /* there are no quotas */
    if (StackSize < 1)
        return NULL;
    irp = ms_alloc(irp_bytes(StackSize));
    if (!irp)
        return NULL;
    irp->Type = 6;
    irp->Size = (USHORT)irp_bytes(StackSize);
    irp->StackCount = StackSize;
    irp->CurrentLocation = (CHAR)(StackSize + 1);
    irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(void *)(irp + 1) + StackSize;
    return irp;
}

VOID IoFreeIrp(PIRP Irp)
{
    ms_free(Irp, irp_bytes(Irp->StackCount));
}

NTSTATUS IoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(Irp);
    PDRIVER_DISPATCH dispatch;

    ms_require(Irp->CurrentLocation > 1); /* a stack location is left for this driver */
    Irp->CurrentLocation--;
    Irp->Tail.Overlay.CurrentStackLocation = stack;
    stack->DeviceObject = DeviceObject;
    dispatch = stack->MajorFunction <= IRP_MJ_MAXIMUM_FUNCTION
                   ? DeviceObject->DriverObject->MajorFunction[stack->MajorFunction]
                   : NULL;
    if (dispatch)
        return dispatch(DeviceObject, Irp);
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static bool wants_to_know(const IO_STACK_LOCATION *stack, const IRP *irp)
{
    UCHAR wanted = NT_SUCCESS(irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR;

    return stack->CompletionRoutine &&
           ((stack->Control & wanted) || (irp->Cancel && (stack->Control & SL_INVOKE_ON_CANCEL)));
}

VOID IoCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    (void)PriorityBoost;
    while (Irp->CurrentLocation <= Irp->StackCount) {
        IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(Irp);
        bool is_top = Irp->CurrentLocation == Irp->StackCount;
        Irp->PendingReturned = stack->Control & SL_PENDING_RETURNED;
        Irp->CurrentLocation++;
        Irp->Tail.Overlay.CurrentStackLocation = stack + 1;
        /* The one who set the routine is one location up; above the top there is no device. */
        if (wants_to_know(stack, Irp) &&
            stack->CompletionRoutine(is_top ? NULL : stack[1].DeviceObject, Irp, stack->Context) ==
                STATUS_MORE_PROCESSING_REQUIRED)
            return;
    }
}
