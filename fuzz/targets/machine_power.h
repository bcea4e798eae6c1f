/* SPDX-License-Identifier: MIT */
/*
 * machine_power.h: a device with enablers goes into D0 and out of it, in machine_fuzz.c's machines (ENB-33): any of the
 * callbacks may fail, and any place where memory is asked for. What had begun is undone, in order, and no more than that.
 */
#ifndef FUZZ_MACHINE_POWER_H
#define FUZZ_MACHINE_POWER_H

#include "machine_drivers.h"

enum power_call { D0_ENTRY, FILL, ENABLE, IO_START, IO_STOP, DISABLE, FLUSH, D0_EXIT };
enum { POWERED_MAX = 3 };

/* An enabler and what it was told since its device last had no power. */
struct powered {
    WDFDMAENABLER enabler;
    bool is_tried, is_filled, is_enabled, is_started;
    bool is_stopped, is_disabled, is_flushed;
};

static struct {
    uint8_t shape, fails; /* fails: so many calls succeed before one does not; 255: all do */
    uint32_t calls, count;
    struct powered on[POWERED_MAX];
    bool is_in_d0, has_failed, had_entry, had_exit;
} p;

_Noreturn static void power_wrong(const char *what, uint32_t which, enum power_call call)
{
    static const char *const names[] = {"D0Entry", "Fill",    "Enable", "Start",
                                        "Stop",    "Disable", "Flush",  "D0Exit"};

    ms_sim_fail(what, "%s of enabler %u", names[call], which);
}

static NTSTATUS power_answer(enum power_call call, uint32_t which)
{
    bool fails = p.calls++ == p.fails;

    if (KeGetCurrentIrql() != PASSIVE_LEVEL)
        power_wrong("O7 a power callback above PASSIVE_LEVEL", which, call);
    p.has_failed |= fails && call < IO_STOP;
    return fails ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

static NTSTATUS power_told(WDFDMAENABLER enabler, enum power_call call)
{
    uint32_t i = 0;
    bool may;

    while (i < p.count && p.on[i].enabler != enabler)
        i++;
    if (i == p.count || !p.is_in_d0)
        power_wrong("O4 a power callback outside of D0, or of nobody", i, call);
    struct powered *e = &p.on[i];
    bool is_up = e->is_tried && !e->is_stopped;
    switch (call) {
    case FILL:
        may = !e->is_tried && !p.has_failed;
        break;
    case ENABLE:
        may = e->is_filled && !e->is_enabled && !p.has_failed;
        break;
    case IO_START:
        may = e->is_enabled && !e->is_started && !p.has_failed;
        break;
    case IO_STOP:
        may = is_up;
        break;
    case DISABLE:
        may = e->is_stopped && e->is_filled && !e->is_disabled;
        break;
    default:
        may = e->is_stopped && e->is_disabled && e->is_enabled && !e->is_flushed;
        break;
    }
    if (!may)
        power_wrong("O3 a power callback out of order", i, call);
    NTSTATUS status = power_answer(call, i);
    e->is_tried = true;
    e->is_filled |= call == FILL && NT_SUCCESS(status);
    e->is_enabled |= call == ENABLE && NT_SUCCESS(status);
    e->is_started |= call == IO_START && NT_SUCCESS(status);
    e->is_stopped |= call == IO_STOP;
    e->is_disabled |= call == DISABLE; /* all are tried, whatever they say */
    e->is_flushed |= call == FLUSH;
    return status;
}

#define POWER_CALLBACK(name, call)                                                                 \
    static NTSTATUS name(WDFDMAENABLER enabler)                                                    \
    {                                                                                              \
        return power_told(enabler, call);                                                          \
    }
POWER_CALLBACK(on_fill, FILL)
POWER_CALLBACK(on_enable, ENABLE)
POWER_CALLBACK(on_io_start, IO_START)
POWER_CALLBACK(on_io_stop, IO_STOP)
POWER_CALLBACK(on_disable, DISABLE)
POWER_CALLBACK(on_flush, FLUSH)

static NTSTATUS on_d0_entry(WDFDEVICE device, WDF_POWER_DEVICE_STATE before)
{
    (void)device, (void)before;
    if (p.is_in_d0)
        power_wrong("O3 a power callback out of order", POWERED_MAX, D0_ENTRY);
    NTSTATUS status = power_answer(D0_ENTRY, POWERED_MAX);
    p.had_entry = true;
    p.is_in_d0 = NT_SUCCESS(status);
    return status;
}

/* Of each enabler all that began is undone by now. */
static NTSTATUS on_d0_exit(WDFDEVICE device, WDF_POWER_DEVICE_STATE after)
{
    (void)device, (void)after;
    if (!p.is_in_d0 || p.had_exit)
        power_wrong("O3 a power callback out of order", POWERED_MAX, D0_EXIT);
    for (uint32_t i = 0; i < p.count; i++) {
        const struct powered *e = &p.on[i];
        if (e->is_stopped != e->is_tried || e->is_disabled != e->is_filled ||
            e->is_flushed != e->is_enabled)
            power_wrong("O3 what was powered up is not powered down", i, D0_EXIT);
        if (!e->is_started && !p.has_failed)
            power_wrong("O3 a device was in D0 without its enabler", i, D0_EXIT);
    }
    p.is_in_d0 = false;
    p.had_exit = true;
    return power_answer(D0_EXIT, POWERED_MAX);
}

/* The so-many-th enabler of the device, below it or below the one before. */
static NTSTATUS powered_make(WDFDEVICE device, uint32_t which)
{
    bool is_below = which > 0 && (p.shape >> (1 + which) & 1);
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_DMA_ENABLER_CONFIG config;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfilePacket64, 1000);
    config.EvtDmaEnablerFill = on_fill;
    config.EvtDmaEnablerEnable = on_enable;
    config.EvtDmaEnablerSelfManagedIoStart = on_io_start;
    config.EvtDmaEnablerSelfManagedIoStop = on_io_stop;
    config.EvtDmaEnablerDisable = on_disable;
    config.EvtDmaEnablerFlush = on_flush;
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    if (is_below)
        attributes.ParentObject = (WDFOBJECT)p.on[which - 1].enabler;
    p.on[which] = (struct powered){.enabler = NULL};
    return WdfDmaEnablerCreate(device, &config, &attributes, &p.on[which].enabler);
}

static NTSTATUS on_add_powered(WDFDRIVER driver, PWDFDEVICE_INIT init)
{
    WDF_PNPPOWER_EVENT_CALLBACKS events;
    WDFDEVICE device;

    (void)driver;
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&events);
    events.EvtDeviceD0Entry = on_d0_entry;
    events.EvtDeviceD0Exit = on_d0_exit;
    WdfDeviceInitSetPnpPowerEventCallbacks(init, &events);
    NTSTATUS status = WdfDeviceCreate(&init, WDF_NO_OBJECT_ATTRIBUTES, &device);
    for (p.count = 0; NT_SUCCESS(status) && p.count < p.shape % (POWERED_MAX + 1); p.count++)
        status = powered_make(device, p.count);
    return status;
}

static NTSTATUS on_entry_powered(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    WDF_DRIVER_CONFIG config;

    WDF_DRIVER_CONFIG_INIT(&config, on_add_powered);
    return WdfDriverCreate(object, path, WDF_NO_OBJECT_ATTRIBUTES, &config, WDF_NO_HANDLE);
}

/* Operands: how many enablers, which below which; which callback fails; where memory does. Twice: a device that went
 * comes back as if it had never been. */
static void do_power(const struct fuzz_op *op)
{
    uint32_t held = ms_sim_memory_held();
    PDRIVER_OBJECT driver;
    WDFDEVICE device;

    if (!NT_SUCCESS(ms_wdf_driver_load(on_entry_powered, &driver)))
        return;
    for (int round = 0; round < 2; round++) {
        memset(&p, 0, sizeof p);
        p.shape = op->operand[0];
        p.fails = op->operand[1] % 32 < 24 ? op->operand[1] % 32 : 255;
        fault_arm(round == 0 ? op->operand[2] : 0);
        NTSTATUS status = ms_wdf_device_add(driver, ms_machine_pdo(m.machine), NULL, 0, &device);
        bool fired = fault_disarm();
        if (NT_SUCCESS(status) == (fired || p.has_failed))
            ms_sim_fail("O7 a device is started with another status", "%08x", (unsigned)status);
        if (NT_SUCCESS(status) != p.is_in_d0)
            ms_sim_fail("O3 a device is in D0 that did not start, or not in it", "%08x",
                        (unsigned)status);
        if (NT_SUCCESS(status))
            ms_wdf_device_remove(device);
        if (p.is_in_d0)
            ms_sim_fail("O3 a device went, and is still in D0", "%u enablers", p.count);
    }
    ms_wdf_driver_unload(driver);
    if (ms_sim_memory_held() != held)
        ms_sim_fail("O9 a driver leaves memory behind", "%u blocks of %u", ms_sim_memory_held(),
                    held);
}

#endif
