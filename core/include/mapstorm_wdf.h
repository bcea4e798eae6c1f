/* SPDX-License-Identifier: MIT */
/*
 * mapstorm_wdf.h: what stands around a framework driver: who loads it, gives it a device, sends it
 * requests, and cancels them. All on threads that are in a machine.
 *
 *     ms_machine_enter(machine);
 *     ms_wdf_driver_load(DriverEntry, &driver);
 *     ms_wdf_device_add(driver, ms_machine_pdo(machine), resources, count, &device);
 *     ms_wdf_submit(device, &(struct ms_io){.type = WdfRequestTypeRead, .mdl = mdl, .length = n,
 *                                           .done = done}, &request);
 *     ms_wdf_cancel(request);
 *     ms_wdf_device_remove(device);
 *     ms_wdf_driver_unload(driver);
 */
#ifndef MAPSTORM_WDF_H
#define MAPSTORM_WDF_H

#include "wdf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls the driver's entry; its status, or STATUS_INSUFFICIENT_RESOURCES. IRQL PASSIVE_LEVEL. */
NTSTATUS ms_wdf_driver_load(PDRIVER_INITIALIZE entry, PDRIVER_OBJECT *driver);
/* EvtDriverUnload, then all that the driver still has. IRQL PASSIVE_LEVEL. */
void ms_wdf_driver_unload(PDRIVER_OBJECT driver);

/* EvtDriverDeviceAdd, EvtDevicePrepareHardware with these resources, EvtDeviceD0Entry; on a failure all
 * is undone in reverse, and its status returned (WQU-07). IRQL PASSIVE_LEVEL. */
NTSTATUS ms_wdf_device_add(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo,
                           const CM_PARTIAL_RESOURCE_DESCRIPTOR *resources, ULONG count,
                           WDFDEVICE *device);
/* EvtDeviceD0Exit, EvtDeviceReleaseHardware, then the device goes with all that hangs from it. Requests
 * that wait in its queues are completed with STATUS_CANCELLED. IRQL PASSIVE_LEVEL. */
void ms_wdf_device_remove(WDFDEVICE device);

/* What somebody asks of a device. Which fields count depends on the type, as on Windows. */
struct ms_io {
    WDF_REQUEST_TYPE type; /* Read, Write, DeviceControl, DeviceControlInternal */
    PMDL mdl;              /* read, write: the data; direct control: the output buffer */
    size_t length;         /* read, write */
    ULONG control_code;
    PVOID system_buffer; /* control, buffered or direct: the input; buffered: the output too */
    PMDL system_mdl;     /* over the system buffer; NULL: nobody asks for it */
    size_t input_length;
    size_t output_length;
    /* Called once, when the request is completed, by whoever completes it. */
    void (*done)(void *context, NTSTATUS status, ULONG_PTR information);
    void *context;
};

/* Sends a request to the queue that the driver chose for its type. STATUS_PENDING: it is on its way, and
 * `done` is or will be called; *request (may be NULL) names it until then. Else it was not sent:
 * STATUS_INVALID_DEVICE_REQUEST: no queue takes that type; STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS ms_wdf_submit(WDFDEVICE device, const struct ms_io *io, WDFREQUEST *request);
/* Cancels it: what waits is completed, a cancelable one's callback is called (here, on this thread), any
 * other is marked cancelled. False: it is completed already. Any IRQL <= DISPATCH_LEVEL. */
bool ms_wdf_cancel(WDFREQUEST request);

/* The clock has come to where this timer is due: its callback is called here, at DISPATCH_LEVEL. False: it
 * is not started. For machines whose timers are stepped; harmless elsewhere (TMR-10). */
bool ms_wdf_timer_fire(WDFTIMER timer);

/* The device interrupts: its EvtInterruptIsr is called here, at the device's level under the interrupt's
 * lock (WQU-06). What it returned; FALSE when there is no such interrupt. */
BOOLEAN ms_wdf_interrupt(WDFINTERRUPT interrupt);
/* One of the interrupts that the driver created for its device; NULL: it has no more than `index`. */
WDFINTERRUPT ms_wdf_interrupt_of(WDFDEVICE device, uint32_t index);

#ifdef __cplusplus
}
#endif

#endif
