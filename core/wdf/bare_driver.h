/* SPDX-License-Identifier: MIT */
/*
 * bare_driver.h: the smallest driver there is: it makes its device, and whoever loaded it does the rest in its
 * name. For tests, fuzzers and benchmarks of what a driver calls, not of how it comes to be.
 */
#ifndef MS_WDF_BARE_DRIVER_H
#define MS_WDF_BARE_DRIVER_H

#include "wdf.h"

static inline NTSTATUS ms_bare_driver_device_add(WDFDRIVER driver, PWDFDEVICE_INIT init)
{
    WDFDEVICE device;

    (void)driver;
    return WdfDeviceCreate(&init, WDF_NO_OBJECT_ATTRIBUTES, &device);
}

static inline NTSTATUS ms_bare_driver_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    WDF_DRIVER_CONFIG config;

    WDF_DRIVER_CONFIG_INIT(&config, ms_bare_driver_device_add);
    return WdfDriverCreate(object, path, WDF_NO_OBJECT_ATTRIBUTES, &config, WDF_NO_HANDLE);
}

#endif
