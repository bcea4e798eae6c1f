/* SPDX-License-Identifier: MIT */
/*++

Module Name:

    driver.c

Abstract:

    The shuttle driver's entry points: a driver as driver writers write them,
    which mapstorm compiles as it stands.

Environment:

    Kernel mode

--*/

#include "driver.h"
#include "driver.tmh"

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, ShuttleEvtDeviceAdd)
#pragma alloc_text(PAGE, ShuttleEvtDevicePrepareHardware)
#pragma alloc_text(PAGE, ShuttleEvtDeviceReleaseHardware)
#endif

NTSTATUS
DriverEntry(
    IN PDRIVER_OBJECT DriverObject,
    IN PUNICODE_STRING RegistryPath
    )
{
    WDF_DRIVER_CONFIG config;
    NTSTATUS status;

    WPP_INIT_TRACING(DriverObject, RegistryPath);

    WDF_DRIVER_CONFIG_INIT(&config, ShuttleEvtDeviceAdd);
    config.DriverPoolTag = SHUTTLE_POOL_TAG;

    status = WdfDriverCreate(DriverObject,
                             RegistryPath,
                             WDF_NO_OBJECT_ATTRIBUTES,
                             &config,
                             WDF_NO_HANDLE);
    if (!NT_SUCCESS(status)) {
        KdPrint(("WdfDriverCreate failed 0x%x\n", status));
        WPP_CLEANUP(DriverObject);
    }
    return status;
}

_Use_decl_annotations_
NTSTATUS
ShuttleEvtDeviceAdd(
    WDFDRIVER Driver,
    PWDFDEVICE_INIT DeviceInit
    )
{
    DECLARE_CONST_UNICODE_STRING(name, L"\\Device\\Shuttle0");
    WDF_PNPPOWER_EVENT_CALLBACKS pnpPowerCallbacks;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_DMA_ENABLER_CONFIG dmaConfig;
    WDF_INTERRUPT_CONFIG interruptConfig;
    PDEVICE_CONTEXT deviceContext;
    WDFDEVICE device;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Driver);

    PAGED_CODE();

    if (name.Length != 16 * sizeof(WCHAR)) {
        return STATUS_UNSUCCESSFUL;
    }

    WdfDeviceInitSetIoType(DeviceInit, WdfDeviceIoDirect);

    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&pnpPowerCallbacks);
    pnpPowerCallbacks.EvtDevicePrepareHardware = ShuttleEvtDevicePrepareHardware;
    pnpPowerCallbacks.EvtDeviceReleaseHardware = ShuttleEvtDeviceReleaseHardware;
    pnpPowerCallbacks.EvtDeviceD0Entry = ShuttleEvtDeviceD0Entry;
    WdfDeviceInitSetPnpPowerEventCallbacks(DeviceInit, &pnpPowerCallbacks);

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, DEVICE_CONTEXT);
    attributes.EvtCleanupCallback = ShuttleEvtDeviceCleanup;
    status = WdfDeviceCreate(&DeviceInit, &attributes, &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }

    deviceContext = ShuttleGetDeviceContext(device);
    deviceContext->Statistics = (PSHUTTLE_STATISTICS) ExAllocatePool2(
        POOL_FLAG_NON_PAGED, sizeof(SHUTTLE_STATISTICS), SHUTTLE_POOL_TAG);
    if (deviceContext->Statistics == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(deviceContext->Statistics, sizeof(SHUTTLE_STATISTICS));

    WDF_INTERRUPT_CONFIG_INIT(&interruptConfig, ShuttleEvtInterruptIsr, ShuttleEvtInterruptDpc);
    status = WdfInterruptCreate(device,
                                &interruptConfig,
                                WDF_NO_OBJECT_ATTRIBUTES,
                                &deviceContext->Interrupt);
    if (!NT_SUCCESS(status)) {
        return status;
    }

    WdfDeviceSetAlignmentRequirement(device, FILE_OCTA_ALIGNMENT);
    WDF_DMA_ENABLER_CONFIG_INIT(&dmaConfig,
                                WdfDmaProfileScatterGather64,
                                SHUTTLE_MAXIMUM_TRANSFER_LENGTH);
    status = WdfDmaEnablerCreate(device,
                                 &dmaConfig,
                                 WDF_NO_OBJECT_ATTRIBUTES,
                                 &deviceContext->DmaEnabler);
    if (!NT_SUCCESS(status)) {
        TraceEvents(TRACE_LEVEL_ERROR, DBG_INIT, "WdfDmaEnablerCreate failed %!STATUS!", status);
        return status;
    }
    WdfDmaEnablerSetMaximumScatterGatherElements(deviceContext->DmaEnabler,
                                                 SHUTTLE_MAXIMUM_FRAGMENTS);

    status = WdfCommonBufferCreate(deviceContext->DmaEnabler,
                                   SHUTTLE_MAXIMUM_FRAGMENTS * sizeof(BOARD_DESCRIPTOR),
                                   WDF_NO_OBJECT_ATTRIBUTES,
                                   &deviceContext->CommonBuffer);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    deviceContext->Descriptors = (PBOARD_DESCRIPTOR)
        WdfCommonBufferGetAlignedVirtualAddress(deviceContext->CommonBuffer);
    deviceContext->DescriptorsLogical =
        WdfCommonBufferGetAlignedLogicalAddress(deviceContext->CommonBuffer);

    status = WdfDmaTransactionCreate(deviceContext->DmaEnabler,
                                     WDF_NO_OBJECT_ATTRIBUTES,
                                     &deviceContext->WriteTransaction);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    return ShuttleQueueInitialize(device);
}

_Use_decl_annotations_
VOID
ShuttleEvtDeviceCleanup(
    WDFOBJECT Device
    )
{
    PDEVICE_CONTEXT deviceContext = ShuttleGetDeviceContext(Device);

    if (deviceContext->Statistics != NULL) {
        ExFreePoolWithTag(deviceContext->Statistics, SHUTTLE_POOL_TAG);
        deviceContext->Statistics = NULL;
    }
}

_Use_decl_annotations_
NTSTATUS
ShuttleEvtDevicePrepareHardware(
    WDFDEVICE Device,
    WDFCMRESLIST Resources,
    WDFCMRESLIST ResourcesTranslated
    )
{
    PDEVICE_CONTEXT deviceContext = ShuttleGetDeviceContext(Device);
    PCM_PARTIAL_RESOURCE_DESCRIPTOR descriptor;
    ULONG i;

    UNREFERENCED_PARAMETER(Resources);

    PAGED_CODE();

    for (i = 0; i < WdfCmResourceListGetCount(ResourcesTranslated); i++) {
        descriptor = WdfCmResourceListGetDescriptor(ResourcesTranslated, i);
        switch (descriptor->Type) {
        case CmResourceTypeMemory:
            if (descriptor->u.Memory.Length < BOARD_BYTES) {
                return STATUS_DEVICE_CONFIGURATION_ERROR;
            }
            deviceContext->Bar = (PUCHAR) MmMapIoSpace(descriptor->u.Memory.Start,
                                                       descriptor->u.Memory.Length,
                                                       MmNonCached);
            if (deviceContext->Bar == NULL) {
                return STATUS_INSUFFICIENT_RESOURCES;
            }
            deviceContext->BarLength = descriptor->u.Memory.Length;
            break;
        default:
            break;
        }
    }
    if (deviceContext->Bar == NULL) {
        return STATUS_DEVICE_CONFIGURATION_ERROR;
    }
    return STATUS_SUCCESS;
}

NTSTATUS
ShuttleEvtDeviceReleaseHardware(
    __in WDFDEVICE Device,
    __in WDFCMRESLIST ResourcesTranslated
    )
{
    PDEVICE_CONTEXT deviceContext = ShuttleGetDeviceContext(Device);

    UNREFERENCED_PARAMETER(ResourcesTranslated);

    PAGED_CODE();

    if (deviceContext->Bar != NULL) {
        MmUnmapIoSpace(deviceContext->Bar, deviceContext->BarLength);
        deviceContext->Bar = NULL;
        deviceContext->BarLength = 0;
    }
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
NTSTATUS
ShuttleEvtDeviceD0Entry(
    WDFDEVICE Device,
    WDF_POWER_DEVICE_STATE PreviousState
    )
{
    PDEVICE_CONTEXT deviceContext = ShuttleGetDeviceContext(Device);
    LARGE_INTEGER settle;

    UNREFERENCED_PARAMETER(PreviousState);

    WRITE_REGISTER_ULONG(SHUTTLE_REGISTER(deviceContext, BOARD_CONTROL), BOARD_RESET);

    settle.QuadPart = WDF_REL_TIMEOUT_IN_US(1);
    (VOID) KeDelayExecutionThread(KernelMode, FALSE, &settle);
    return STATUS_SUCCESS;
}
