/* SPDX-License-Identifier: MIT */
/*
 * device: drivers and devices, and who starts and stops them: loading, adding a device, removing it.
 */
#include "wdf/device.h"

#include "mapstorm_wdf.h"
#include "wdf/enabler.h"
#include "wdf/queue.h"

#define DRIVER_MAGIC UINT64_C(0x7265766972647774)

struct WDFDEVICE_INIT {
    struct ms_driver *driver;
    PDEVICE_OBJECT pdo;
    WDF_DEVICE_IO_TYPE io_type;
    WDF_PNPPOWER_EVENT_CALLBACKS pnp;
    struct ms_device *made; /* NULL: WdfDeviceCreate was not called yet */
};

/* --- drivers --- */

static const struct ms_object_ops driver_ops = {
    .kind = MS_OBJECT_DRIVER,
    .driver_may_delete = false,
    .dispose = ms_object_dispose_nothing,
    .destroy = ms_object_destroy_nothing,
};

static struct ms_driver_wdm *driver_wdm(PDRIVER_OBJECT object)
{
    struct ms_driver_wdm *wdm = (struct ms_driver_wdm *)(void *)object;

    return wdm && wdm->magic == DRIVER_MAGIC ? wdm : NULL;
}

NTSTATUS WdfDriverCreate(PDRIVER_OBJECT DriverObject, PCUNICODE_STRING RegistryPath,
                         PWDF_OBJECT_ATTRIBUTES DriverAttributes, PWDF_DRIVER_CONFIG DriverConfig,
                         WDFDRIVER *Driver)
{
    struct ms_wdf *wdf = ms_wdf_here();
    struct ms_driver_wdm *wdm = driver_wdm(DriverObject);
    struct ms_object *object;
    NTSTATUS status;

    (void)RegistryPath;
    if (Driver)
        *Driver = NULL;
    if (!wdf || !wdm || !DriverConfig) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    if (DriverConfig->Size != sizeof *DriverConfig)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (wdm->driver)
        return STATUS_INVALID_DEVICE_REQUEST; /* one per driver object */
    status = ms_attributes_check(DriverAttributes, MS_PARENT_FORBIDDEN);
    if (!NT_SUCCESS(status))
        return status;
    status = ms_object_new(wdf, &driver_ops, sizeof *wdm->driver, DriverAttributes, &object);
    if (!NT_SUCCESS(status))
        return status;
    struct ms_driver *driver = (struct ms_driver *)(void *)object;
    driver->wdm = wdm;
    driver->config = *DriverConfig;
    status = ms_object_adopt(object, wdf->root);
    if (!NT_SUCCESS(status)) {
        ms_object_discard(object);
        return status;
    }
    wdm->driver = driver;
    if (Driver)
        *Driver = ms_object_handle(object);
    return STATUS_SUCCESS;
}

PDRIVER_OBJECT WdfDriverWdmGetDriverObject(WDFDRIVER Driver)
{
    struct ms_driver *driver = ms_object_from(Driver, MS_OBJECT_DRIVER);

    return driver ? &driver->wdm->object : NULL;
}

NTSTATUS ms_wdf_driver_load(PDRIVER_INITIALIZE entry, PDRIVER_OBJECT *driver)
{
    struct ms_driver_wdm *wdm = ms_alloc(sizeof *wdm);
    UNICODE_STRING path = {0, 0, NULL};
    NTSTATUS status;

    *driver = NULL;
    if (!wdm)
        return STATUS_INSUFFICIENT_RESOURCES;
    wdm->magic = DRIVER_MAGIC;
    wdm->object.Type = 4; /* what the I/O manager writes into a driver object */
    wdm->object.Size = sizeof wdm->object;
    wdm->object.DriverInit = entry;
    status = entry(&wdm->object, &path);
    if (!NT_SUCCESS(status)) {
        ms_wdf_driver_unload(&wdm->object);
        return status;
    }
    *driver = &wdm->object;
    return status;
}

void ms_wdf_driver_unload(PDRIVER_OBJECT driver)
{
    struct ms_driver_wdm *wdm = driver_wdm(driver);

    ms_require(wdm != NULL); /* what ms_wdf_driver_load gave, once */
    if (wdm->driver) {
        if (wdm->driver->config.EvtDriverUnload)
            wdm->driver->config.EvtDriverUnload(ms_object_handle(&wdm->driver->object));
        ms_object_delete(&wdm->driver->object);
    }
    if (driver->DriverUnload)
        driver->DriverUnload(driver);
    wdm->magic = 0;
    ms_free(wdm, sizeof *wdm);
}

/* --- resources --- */

static const struct ms_object_ops resources_ops = {
    .kind = MS_OBJECT_RESOURCES,
    .driver_may_delete = false,
    .dispose = ms_object_dispose_nothing,
    .destroy = ms_object_destroy_nothing,
};

static NTSTATUS resources_make(struct ms_device *device, const CM_PARTIAL_RESOURCE_DESCRIPTOR *item,
                               ULONG count)
{
    struct ms_object *object;
    NTSTATUS status =
        ms_object_new(device->object.wdf, &resources_ops,
                      sizeof(struct ms_resources) + count * sizeof *item, NULL, &object);

    if (!NT_SUCCESS(status))
        return status;
    struct ms_resources *resources = (struct ms_resources *)(void *)object;
    resources->count = count;
    for (ULONG i = 0; i < count; i++)
        resources->item[i] = item[i];
    status = ms_object_adopt(object, &device->object);
    if (!NT_SUCCESS(status)) {
        ms_object_discard(object);
        return status;
    }
    device->resources = object;
    return STATUS_SUCCESS;
}

ULONG WdfCmResourceListGetCount(WDFCMRESLIST List)
{
    struct ms_resources *resources = ms_object_from(List, MS_OBJECT_RESOURCES);

    return resources ? resources->count : 0;
}

PCM_PARTIAL_RESOURCE_DESCRIPTOR WdfCmResourceListGetDescriptor(WDFCMRESLIST List, ULONG Index)
{
    struct ms_resources *resources = ms_object_from(List, MS_OBJECT_RESOURCES);

    return resources && Index < resources->count ? &resources->item[Index] : NULL;
}

/* --- devices --- */

static const struct ms_object_ops device_ops = {
    .kind = MS_OBJECT_DEVICE,
    .driver_may_delete = false,
    .dispose = ms_object_dispose_nothing,
    .destroy = ms_object_destroy_nothing,
};

struct ms_device *ms_device_of(struct ms_object *object)
{
    return (struct ms_device *)(void *)ms_object_ancestor(object, MS_OBJECT_DEVICE);
}

VOID WdfDeviceInitSetIoType(PWDFDEVICE_INIT DeviceInit, WDF_DEVICE_IO_TYPE IoType)
{
    DeviceInit->io_type = IoType;
}

VOID WdfDeviceInitSetPnpPowerEventCallbacks(PWDFDEVICE_INIT DeviceInit,
                                            PWDF_PNPPOWER_EVENT_CALLBACKS PnpPowerEventCallbacks)
{
    DeviceInit->pnp = *PnpPowerEventCallbacks;
}

NTSTATUS WdfDeviceCreate(PWDFDEVICE_INIT *DeviceInit, PWDF_OBJECT_ATTRIBUTES DeviceAttributes,
                         WDFDEVICE *Device)
{
    struct WDFDEVICE_INIT *init = DeviceInit ? *DeviceInit : NULL;
    struct ms_object *object;
    NTSTATUS status;

    if (!init || !Device || init->made) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *Device = NULL;
    ms_irql_ask(PASSIVE_LEVEL, NULL);
    status = ms_attributes_check(DeviceAttributes, MS_PARENT_FORBIDDEN);
    if (!NT_SUCCESS(status))
        return status;
    status = ms_object_new(init->driver->object.wdf, &device_ops, sizeof *init->made,
                           DeviceAttributes, &object);
    if (!NT_SUCCESS(status))
        return status;
    struct ms_device *device = (struct ms_device *)(void *)object;
    device->driver = init->driver;
    device->pdo = init->pdo;
    device->io_type = init->io_type;
    device->pnp = init->pnp;
    device->fdo.Type = 3; /* what the I/O manager writes into a device object */
    device->fdo.Size = sizeof device->fdo;
    device->fdo.DriverObject = &init->driver->wdm->object;
    ms_scope_init(&device->scope);
    ms_init(&device->packet_turn, 0);
    ms_init(&device->queue_default, NULL);
    for (uint32_t i = 0; i < MS_IO_WAYS; i++)
        ms_init(&device->queue_of[i], NULL);
    status = ms_object_adopt(object, &init->driver->object);
    if (!NT_SUCCESS(status)) {
        ms_object_discard(object);
        return status;
    }
    init->made = device;
    *DeviceInit = NULL;
    *Device = ms_object_handle(object);
    return STATUS_SUCCESS;
}

WDFDRIVER WdfDeviceGetDriver(WDFDEVICE Device)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);

    return device ? ms_object_handle(&device->driver->object) : NULL;
}

PDEVICE_OBJECT WdfDeviceWdmGetDeviceObject(WDFDEVICE Device)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);

    return device ? &device->fdo : NULL;
}

PDEVICE_OBJECT WdfDeviceWdmGetPhysicalDevice(WDFDEVICE Device)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);

    return device ? device->pdo : NULL;
}

VOID WdfDeviceSetAlignmentRequirement(WDFDEVICE Device, ULONG AlignmentRequirement)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);

    if (device)
        device->fdo.AlignmentRequirement = AlignmentRequirement;
}

ULONG WdfDeviceGetAlignmentRequirement(WDFDEVICE Device)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);

    return device ? device->fdo.AlignmentRequirement : 0;
}

/* --- starting and stopping (WQU-07) --- */

static NTSTATUS device_prepare(struct ms_device *device)
{
    WDFCMRESLIST list = ms_object_handle(device->resources);

    if (!device->pnp.EvtDevicePrepareHardware)
        return STATUS_SUCCESS;
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, NULL);
    NTSTATUS status =
        device->pnp.EvtDevicePrepareHardware(ms_object_handle(&device->object), list, list);
    ms_visit_end(&visit, device->object.handle);
    return status;
}

static void device_release(struct ms_device *device)
{
    if (!device->pnp.EvtDeviceReleaseHardware)
        return;
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, NULL);
    device->pnp.EvtDeviceReleaseHardware(ms_object_handle(&device->object),
                                         ms_object_handle(device->resources));
    ms_visit_end(&visit, device->object.handle);
}

/* ENB-33: the enablers below an object, wherever their driver put them (ENB-05). `context`: the status so far;
 * behind the first failure no more is started. */
static void enablers_up(struct ms_object *object, void *context)
{
    NTSTATUS *status = context;

    if (!NT_SUCCESS(*status))
        return;
    if (object->ops->kind == MS_OBJECT_ENABLER)
        *status = ms_enabler_power_up((struct ms_enabler *)(void *)object);
    ms_object_visit(object, MS_OBJECT_ANY, enablers_up, context);
}

static void enablers_down(struct ms_object *object, void *context)
{
    ms_object_visit(object, MS_OBJECT_ANY, enablers_down, context);
    if (object->ops->kind == MS_OBJECT_ENABLER)
        (void)ms_enabler_power_down((struct ms_enabler *)(void *)object); /* it goes all the same */
}

static void device_power_down(struct ms_device *device)
{
    enablers_down(&device->object, NULL);
    if (!device->pnp.EvtDeviceD0Exit)
        return;
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, NULL);
    device->pnp.EvtDeviceD0Exit(ms_object_handle(&device->object), WdfPowerDeviceD3Final);
    ms_visit_end(&visit, device->object.handle);
}

static NTSTATUS device_power_up(struct ms_device *device)
{
    NTSTATUS status = STATUS_SUCCESS;

    if (device->pnp.EvtDeviceD0Entry) {
        struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, NULL);
        status =
            device->pnp.EvtDeviceD0Entry(ms_object_handle(&device->object), WdfPowerDeviceD3Final);
        ms_visit_end(&visit, device->object.handle);
    }
    if (!NT_SUCCESS(status))
        return status; /* it has not entered D0: nothing to leave */
    enablers_up(&device->object, &status);
    if (!NT_SUCCESS(status))
        device_power_down(device);
    return status;
}

NTSTATUS ms_wdf_device_add(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo,
                           const CM_PARTIAL_RESOURCE_DESCRIPTOR *resources, ULONG count,
                           WDFDEVICE *device)
{
    struct ms_driver_wdm *wdm = driver_wdm(driver);
    struct WDFDEVICE_INIT init = {.pdo = pdo};
    NTSTATUS status;

    *device = NULL;
    if (!wdm || !wdm->driver || !wdm->driver->config.EvtDriverDeviceAdd)
        return STATUS_INVALID_DEVICE_REQUEST;
    init.driver = wdm->driver;
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&init.pnp);
    status = init.driver->config.EvtDriverDeviceAdd(ms_object_handle(&init.driver->object), &init);
    if (!init.made)
        return NT_SUCCESS(status) ? STATUS_INVALID_DEVICE_STATE : status;
    if (!NT_SUCCESS(status))
        goto undo_device;
    status = resources_make(init.made, resources, count);
    if (!NT_SUCCESS(status))
        goto undo_device;
    status = device_prepare(init.made);
    if (!NT_SUCCESS(status))
        goto undo_prepare; /* release is called after a prepare that failed, too */
    status = device_power_up(init.made);
    if (!NT_SUCCESS(status))
        goto undo_prepare;
    *device = ms_object_handle(&init.made->object);
    return STATUS_SUCCESS;

undo_prepare:
    device_release(init.made);
undo_device:
    ms_object_delete(&init.made->object);
    return status;
}

void ms_wdf_device_remove(WDFDEVICE device)
{
    struct ms_device *d = ms_object_take(device, MS_OBJECT_DEVICE);

    if (!d)
        return;
    ms_queues_purge(d);
    device_power_down(d);
    device_release(d);
    ms_object_delete(&d->object);
    ms_object_drop(&d->object);
}
