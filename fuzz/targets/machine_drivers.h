/* SPDX-License-Identifier: MIT */
/*
 * machine_drivers.h: drivers of the framework in machine_fuzz.c's machines: loaded, started, stopped, where any
 * step may fail, and enablers of any configuration.
 */
#ifndef FUZZ_MACHINE_DRIVERS_H
#define FUZZ_MACHINE_DRIVERS_H

#include "machine_stage.h"

enum step { STEP_ENTRY, STEP_ADD, STEP_NO_DEVICE, STEP_PREPARE, STEP_POWER, STEP_NONE, STEPS };

static struct {
    enum step fails;
    uint32_t prepared, released, powered, loaded;
    NTSTATUS power_status;
    uint32_t power_calls;
    WDFDEVICE device;
} d;

static NTSTATUS step_status(enum step step)
{
    return d.fails == step ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

static NTSTATUS on_prepare_it(WDFDEVICE device, WDFCMRESLIST raw, WDFCMRESLIST translated)
{
    (void)device, (void)raw, (void)translated;
    d.prepared++;
    return step_status(STEP_PREPARE);
}

static NTSTATUS on_release_it(WDFDEVICE device, WDFCMRESLIST translated)
{
    (void)device, (void)translated;
    d.released++;
    return STATUS_SUCCESS;
}

static NTSTATUS on_power_it(WDFDEVICE device, WDF_POWER_DEVICE_STATE before)
{
    (void)device, (void)before;
    d.powered++;
    return step_status(STEP_POWER);
}

static NTSTATUS on_add_it(WDFDRIVER driver, PWDFDEVICE_INIT init)
{
    WDF_PNPPOWER_EVENT_CALLBACKS events;

    (void)driver;
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&events);
    events.EvtDevicePrepareHardware = on_prepare_it;
    events.EvtDeviceReleaseHardware = on_release_it;
    events.EvtDeviceD0Entry = on_power_it;
    WdfDeviceInitSetPnpPowerEventCallbacks(init, &events);
    if (d.fails == STEP_NO_DEVICE)
        return STATUS_SUCCESS;
    NTSTATUS status = WdfDeviceCreate(&init, WDF_NO_OBJECT_ATTRIBUTES, &d.device);
    return NT_SUCCESS(status) ? step_status(STEP_ADD) : status;
}

static VOID on_unload_it(PDRIVER_OBJECT driver)
{
    (void)driver;
    d.loaded--;
}

static NTSTATUS on_entry_it(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    WDF_DRIVER_CONFIG config;

    WDF_DRIVER_CONFIG_INIT(&config, on_add_it);
    NTSTATUS status =
        WdfDriverCreate(object, path, WDF_NO_OBJECT_ATTRIBUTES, &config, WDF_NO_HANDLE);
    if (!NT_SUCCESS(status))
        return status;
    d.loaded++;
    object->DriverUnload = on_unload_it;
    return step_status(STEP_ENTRY);
}

/* --- enablers -------------------------------------------------------------------------------------------------------- */

static NTSTATUS on_power_up(WDFDMAENABLER enabler)
{
    (void)enabler;
    return d.power_calls++ == 1 ? d.power_status : STATUS_SUCCESS;
}

static void enabler_use(WDFDMAENABLER enabler, uint8_t how)
{
    struct ms_enabler *e = ms_object_find((WDFOBJECT)enabler, MS_OBJECT_ENABLER);
    WDFDMATRANSACTION transaction;
    WDFCOMMONBUFFER common;
    WDF_COMMON_BUFFER_CONFIG config;

    if (WdfDmaEnablerGetMaximumLength(enabler) == 0)
        ms_sim_fail("O7 an enabler for nothing", "way %u", how);
    WdfDmaEnablerSetMaximumScatterGatherElements(enabler, how & 1 ? 5 : 0);
    if (WdfDmaEnablerGetMaximumScatterGatherElements(enabler) == 0)
        ms_sim_fail("O7 an enabler for no elements", "way %u", how);
    (void)WdfDmaEnablerGetFragmentLength(enabler, WdfDmaDirectionReadFromDevice);
    (void)WdfDmaEnablerGetFragmentLength(enabler, WdfDmaDirectionWriteToDevice);
    d.power_calls = 0;
    d.power_status = how & 2 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
    if (ms_enabler_power_up(e) != d.power_status)
        ms_sim_fail("O7 an enabler is powered with another status", "way %u", how);
    (void)ms_enabler_power_down(e);
    if (NT_SUCCESS(WdfDmaTransactionCreate(enabler, NULL, &transaction)))
        WdfObjectDelete(transaction);
    WDF_COMMON_BUFFER_CONFIG_INIT(&config, how & 4 ? 0xFFFF : 0);
    if (NT_SUCCESS(WdfCommonBufferCreateWithConfig(enabler, 100, &config, NULL, &common))) {
        memset(WdfCommonBufferGetAlignedVirtualAddress(common), 3,
               WdfCommonBufferGetLength(common));
        if (WdfCommonBufferGetAlignedLogicalAddress(common).QuadPart & (how & 4 ? 0xFFFF : 0))
            ms_sim_fail("O7 a common buffer is not aligned", "way %u", how);
        WdfObjectDelete(common);
    }
}

static void enabler_try(uint8_t how, uint8_t fault)
{
    static const WDF_DMA_PROFILE profiles[8] = {WdfDmaProfilePacket,
                                                WdfDmaProfileScatterGather,
                                                WdfDmaProfilePacket64,
                                                WdfDmaProfileScatterGather64,
                                                WdfDmaProfileScatterGatherDuplex,
                                                WdfDmaProfileScatterGather64Duplex,
                                                WdfDmaProfileSystem,
                                                WdfDmaProfileInvalid};
    WDF_DMA_ENABLER_CONFIG config;
    WDFDMAENABLER enabler;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, profiles[how & 7], how & 8 ? 0 : 9000);
    if (how & 64)
        config.WdmDmaVersionOverride = 3;
    if ((how & 48) == 48)
        config.Size = 4;
    config.EvtDmaEnablerFill = config.EvtDmaEnablerEnable = on_power_up;
    config.EvtDmaEnablerSelfManagedIoStart = config.EvtDmaEnablerSelfManagedIoStop = on_power_up;
    config.EvtDmaEnablerDisable = config.EvtDmaEnablerFlush = on_power_up;
    WdfDeviceSetAlignmentRequirement(d.device, how & 128 ? FILE_LONG_ALIGNMENT : 0);
    if (WdfDeviceGetAlignmentRequirement(d.device) != (how & 128 ? FILE_LONG_ALIGNMENT : 0u))
        ms_sim_fail("O7 an alignment is lost", "way %u", how);
    fault_arm(fault);
    NTSTATUS status = WdfDmaEnablerCreate(d.device, &config, NULL, &enabler);
    bool fired = fault_disarm();
    if (NT_SUCCESS(status) && fired)
        ms_sim_fail("O7 an enabler is made without memory", "way %u", how);
    if (NT_SUCCESS(status) && (how & 7) != 6)
        enabler_use(enabler, how >> 4);
    if (NT_SUCCESS(status))
        WdfObjectDelete(enabler);
}

/* --- one driver's life ------------------------------------------------------------------------------------------------ */

static void do_driver(const struct fuzz_op *op)
{
    const CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma};
    uint8_t fault = op->operand[2];
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    NTSTATUS status;

    uint32_t held = ms_sim_memory_held();
    memset(&d, 0, sizeof d);
    d.fails = op->operand[0] % STEPS;
    fault_arm(op->operand[0] & 64 ? fault : 0);
    status = ms_wdf_driver_load(on_entry_it, &driver);
    bool fired = fault_disarm();
    if (NT_SUCCESS(status) != (d.fails != STEP_ENTRY && !fired))
        ms_sim_fail("O7 a driver is loaded with another status", "%08x", (unsigned)status);
    if (NT_SUCCESS(status)) {
        fault_arm(op->operand[0] & 128 ? fault : 0);
        status = ms_wdf_device_add(driver, ms_machine_pdo(m.machine), &resource, 1, &device);
        fired = fault_disarm();
        if (NT_SUCCESS(status) != (d.fails == STEP_NONE && !fired))
            ms_sim_fail("O7 a device is started with another status", "%08x", (unsigned)status);
        if (NT_SUCCESS(status)) {
            if (WdfDeviceWdmGetPhysicalDevice(device) != ms_machine_pdo(m.machine) ||
                !WdfDeviceWdmGetDeviceObject(device) || !WdfDeviceGetDriver(device))
                ms_sim_fail("O7 a device without its objects", "%p", (void *)device);
            enabler_try(op->operand[1], op->operand[0] & 192 ? 0 : fault);
            ms_wdf_device_remove(device);
        }
        ms_wdf_driver_unload(driver);
    }
    if (d.released != d.prepared || d.loaded != 0)
        ms_sim_fail("O3 a driver's start is not undone", "%u prepared, %u released", d.prepared,
                    d.released);
    if (ms_sim_memory_held() != held)
        ms_sim_fail("O9 a driver leaves memory behind", "%u blocks of %u", ms_sim_memory_held(),
                    held);
}

#endif
