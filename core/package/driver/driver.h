/* SPDX-License-Identifier: MIT */
/*++

Module Name:

    driver.h

Abstract:

    Declarations of the shuttle driver: a bus-master board that fetches what
    is written to it.

Environment:

    Kernel mode

--*/

#pragma once

#pragma warning(disable : 4201) // nameless struct/union

#include <ntddk.h>
#include <wdf.h>
#include <initguid.h>
#include <evntrace.h>

#include "board.h"

#define SHUTTLE_POOL_TAG ((ULONG) 'tuhS')
#define SHUTTLE_MAXIMUM_TRANSFER_LENGTH (16 * 1024)
#define SHUTTLE_MAXIMUM_FRAGMENTS 8

#define DBG_INIT  0x01
#define DBG_QUEUE 0x02

// {4F9C1D3A-7C55-4A0B-9E5E-2A6B0C1D8E77}
DEFINE_GUID(GUID_DEVINTERFACE_SHUTTLE,
    0x4f9c1d3a, 0x7c55, 0x4a0b, 0x9e, 0x5e, 0x2a, 0x6b, 0x0c, 0x1d, 0x8e, 0x77);

typedef struct _SHUTTLE_STATISTICS {
    ULONG Fragments;
    ULONG Elements;
} SHUTTLE_STATISTICS, *PSHUTTLE_STATISTICS;

typedef struct _DEVICE_CONTEXT {
    WDFDMAENABLER DmaEnabler;
    WDFDMATRANSACTION WriteTransaction;
    WDFINTERRUPT Interrupt;

    // The descriptors that the board fetches, where the driver and the board see them.
    WDFCOMMONBUFFER CommonBuffer;
    PBOARD_DESCRIPTOR Descriptors;
    PHYSICAL_ADDRESS DescriptorsLogical;

    _Guarded_by_(Interrupt)
    PSHUTTLE_STATISTICS Statistics;

    // The request that the transaction is about, or NULL.
    WDFREQUEST Request;

    // The board's registers.
    _Field_size_bytes_(BarLength)
    PUCHAR Bar;
    ULONG BarLength;

    // BOARD_STATUS as the interrupt found it; for its DPC.
    _Guarded_by_(Interrupt)
    ULONG Status;
} DEVICE_CONTEXT, *PDEVICE_CONTEXT;

#define SHUTTLE_REGISTER(DeviceContext, Offset) \
    ((volatile ULONG *) ((DeviceContext)->Bar + (Offset)))

C_ASSERT(FIELD_OFFSET(DEVICE_CONTEXT, DmaEnabler) == 0);

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(DEVICE_CONTEXT, ShuttleGetDeviceContext)

DRIVER_INITIALIZE DriverEntry;
EVT_WDF_DRIVER_DEVICE_ADD ShuttleEvtDeviceAdd;
EVT_WDF_OBJECT_CONTEXT_CLEANUP ShuttleEvtDeviceCleanup;
EVT_WDF_DEVICE_PREPARE_HARDWARE ShuttleEvtDevicePrepareHardware;
EVT_WDF_DEVICE_RELEASE_HARDWARE ShuttleEvtDeviceReleaseHardware;
EVT_WDF_DEVICE_D0_ENTRY ShuttleEvtDeviceD0Entry;
EVT_WDF_IO_QUEUE_IO_WRITE ShuttleEvtIoWrite;
EVT_WDF_PROGRAM_DMA ShuttleEvtProgramDma;
EVT_WDF_INTERRUPT_ISR ShuttleEvtInterruptIsr;
EVT_WDF_INTERRUPT_DPC ShuttleEvtInterruptDpc;

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
ShuttleQueueInitialize(
    _In_ WDFDEVICE Device
    );
