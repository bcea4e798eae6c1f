/* SPDX-License-Identifier: MIT */
/* wdfdriver.h: the framework's driver object. */
#ifndef MS_WDFDRIVER_H
#define MS_WDFDRIVER_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef NTSTATUS EVT_WDF_DRIVER_DEVICE_ADD(_In_ WDFDRIVER Driver,
                                           _Inout_ PWDFDEVICE_INIT DeviceInit);
typedef EVT_WDF_DRIVER_DEVICE_ADD *PFN_WDF_DRIVER_DEVICE_ADD;
typedef VOID EVT_WDF_DRIVER_UNLOAD(_In_ WDFDRIVER Driver);
typedef EVT_WDF_DRIVER_UNLOAD *PFN_WDF_DRIVER_UNLOAD;

typedef enum _WDF_DRIVER_INIT_FLAGS {
    WdfDriverInitNonPnpDriver = 0x00000001,
    WdfDriverInitNoDispatchOverride = 0x00000002,
    WdfVerifyOn = 0x00000004
} WDF_DRIVER_INIT_FLAGS;

typedef struct _WDF_DRIVER_CONFIG {
    ULONG Size;
    PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd;
    PFN_WDF_DRIVER_UNLOAD EvtDriverUnload;
    ULONG DriverInitFlags;
    ULONG DriverPoolTag;
} WDF_DRIVER_CONFIG, *PWDF_DRIVER_CONFIG;
static_assert(sizeof(WDF_DRIVER_CONFIG) == 0x20 &&
                  offsetof(WDF_DRIVER_CONFIG, EvtDriverUnload) == 0x10 &&
                  offsetof(WDF_DRIVER_CONFIG, DriverPoolTag) == 0x1C,
              "WDF_DRIVER_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_DRIVER_CONFIG_INIT(_Out_ PWDF_DRIVER_CONFIG Config,
                                        _In_opt_ PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd)
{
    RtlZeroMemory(Config, sizeof(WDF_DRIVER_CONFIG));
    Config->Size = sizeof(WDF_DRIVER_CONFIG);
    Config->EvtDriverDeviceAdd = EvtDriverDeviceAdd;
}

_Must_inspect_result_ _IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS WDFAPI
    WdfDriverCreate(_In_ PDRIVER_OBJECT DriverObject, _In_ PCUNICODE_STRING RegistryPath,
                    _In_opt_ PWDF_OBJECT_ATTRIBUTES DriverAttributes,
                    _In_ PWDF_DRIVER_CONFIG DriverConfig, _Out_opt_ WDFDRIVER *Driver);
_IRQL_requires_max_(DISPATCH_LEVEL) PDRIVER_OBJECT WDFAPI
    WdfDriverWdmGetDriverObject(_In_ WDFDRIVER Driver);

#ifdef __cplusplus
}
#endif

#endif
