/* SPDX-License-Identifier: MIT */
/*
 * Device objects and requests: a driver is entered, makes a device, and serves a request.
 */
#include "kernel/kernel.h"
#include "platform/test.h"

struct extension {
    PDEVICE_OBJECT self;
    ULONG code, in, out;
};

static NTSTATUS serve(PDEVICE_OBJECT device, PIRP irp)
{
    struct extension *extension = device->DeviceExtension;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    assert_ptr_equal(extension->self, device);
    assert_ptr_equal(stack->DeviceObject, device);
    extension->code = stack->Parameters.DeviceIoControl.IoControlCode;
    extension->in = stack->Parameters.DeviceIoControl.InputBufferLength;
    extension->out = stack->Parameters.DeviceIoControl.OutputBufferLength;
    irp->IoStatus.Status = extension->code ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    irp->IoStatus.Information = 5;
    IoMarkIrpPending(irp);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_PENDING;
}

static VOID unload(PDRIVER_OBJECT driver)
{
    while (driver->DeviceObject)
        IoDeleteDevice(driver->DeviceObject);
}

static NTSTATUS driver_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    static WCHAR text[] = {'x', 0};
    UNICODE_STRING name;
    PDEVICE_OBJECT device;
    NTSTATUS status;

    (void)path;
    RtlInitUnicodeString(&name, text);
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = serve;
    driver->DriverUnload = unload;
    status = IoCreateDevice(driver, sizeof(struct extension), &name, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    ((struct extension *)device->DeviceExtension)->self = device;
    return IoCreateSymbolicLink(&name, &name);
}

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    assert_null(device); /* set from above the top of the stack */
    assert_true(irp->PendingReturned);
    ++*(int *)context;
    return STATUS_MORE_PROCESSING_REQUIRED; /* the request is ours again */
}

/* A request with one stack location, sent with this control code; the times its routine ran. */
static int request_send(DRIVER_OBJECT *driver, UCHAR major, ULONG code, BOOLEAN on_error,
                        NTSTATUS want)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    int calls = 0;

    assert_non_null(irp);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = major;
    stack->Parameters.DeviceIoControl.IoControlCode = code;
    stack->Parameters.DeviceIoControl.InputBufferLength = 7;
    IoSetCompletionRoutine(irp, completed, &calls, TRUE, on_error, FALSE);
    if (major != IRP_MJ_DEVICE_CONTROL)
        stack->Control = 0;
    assert_status(IoCallDriver(driver->DeviceObject, irp), want);
    IoFreeIrp(irp);
    return calls;
}

MS_TEST(a_driver_is_entered_makes_a_device_and_serves_a_request)
{
    DRIVER_OBJECT driver = {.Type = 4, .Size = sizeof driver};
    ULONG code = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);

    assert_status(driver_entry(&driver, NULL), STATUS_SUCCESS);
    assert_status(driver_entry(&driver, NULL), STATUS_SUCCESS); /* two devices of one driver */
    assert_non_null(driver.DeviceObject->NextDevice);
    assert_int_equal(request_send(&driver, IRP_MJ_DEVICE_CONTROL, code, FALSE, STATUS_PENDING), 1);
    struct extension *extension = driver.DeviceObject->DeviceExtension;
    assert_int_equal(extension->code, code);
    assert_int_equal(extension->in, 7);
    assert_int_equal(extension->out, 0);
    assert_int_equal(request_send(&driver, IRP_MJ_DEVICE_CONTROL, 0, FALSE, STATUS_PENDING), 0);
    assert_int_equal(request_send(&driver, IRP_MJ_DEVICE_CONTROL, 0, TRUE, STATUS_PENDING), 1);
    assert_int_equal(request_send(&driver, IRP_MJ_READ, code, TRUE, STATUS_INVALID_DEVICE_REQUEST),
                     0);
    driver.DriverUnload(&driver);
    assert_null(driver.DeviceObject);
    assert_null(IoAllocateIrp(0, FALSE));
    PDEVICE_OBJECT device = NULL;
    ms_fault_arm(0);
    assert_status(IoCreateDevice(&driver, 8, NULL, 0, 0, FALSE, &device),
                  STATUS_INSUFFICIENT_RESOURCES);
    ms_fault_arm(0);
    assert_null(IoAllocateIrp(1, FALSE));
    ms_fault_arm(UINT32_MAX);
    assert_null(device);
    assert_null(driver.DeviceObject);
    assert_status(IoCreateDevice(NULL, 8, NULL, 0, 0, FALSE, &device), STATUS_INVALID_PARAMETER);
    assert_status(IoDeleteSymbolicLink(NULL), STATUS_INVALID_PARAMETER);
}
