/* SPDX-License-Identifier: MIT */
/* wdfdmaenabler.h: DMA enablers: a device's way to DMA (ENB-*). */
#ifndef MS_WDFDMAENABLER_H
#define MS_WDFDMAENABLER_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NUM-01 */
typedef enum _WDF_DMA_PROFILE {
    WdfDmaProfileInvalid = 0,
    WdfDmaProfilePacket,
    WdfDmaProfileScatterGather,
    WdfDmaProfilePacket64,
    WdfDmaProfileScatterGather64,
    WdfDmaProfileScatterGatherDuplex,
    WdfDmaProfileScatterGather64Duplex,
    WdfDmaProfileSystem,
    WdfDmaProfileSystemDuplex
} WDF_DMA_PROFILE;

/* NUM-02 */
typedef enum _WDF_DMA_DIRECTION {
    WdfDmaDirectionReadFromDevice = FALSE,
    WdfDmaDirectionWriteToDevice = TRUE
} WDF_DMA_DIRECTION;

/* NUM-03 */
enum {
    WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION = 0x00000001,
    WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER = 0x00000002
};

/* NUM-04 */
#define WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS ((ULONG)-1)

typedef NTSTATUS EVT_WDF_DMA_ENABLER_FILL(_In_ WDFDMAENABLER DmaEnabler);
typedef EVT_WDF_DMA_ENABLER_FILL *PFN_WDF_DMA_ENABLER_FILL;
typedef NTSTATUS EVT_WDF_DMA_ENABLER_FLUSH(_In_ WDFDMAENABLER DmaEnabler);
typedef EVT_WDF_DMA_ENABLER_FLUSH *PFN_WDF_DMA_ENABLER_FLUSH;
typedef NTSTATUS EVT_WDF_DMA_ENABLER_ENABLE(_In_ WDFDMAENABLER DmaEnabler);
typedef EVT_WDF_DMA_ENABLER_ENABLE *PFN_WDF_DMA_ENABLER_ENABLE;
typedef NTSTATUS EVT_WDF_DMA_ENABLER_DISABLE(_In_ WDFDMAENABLER DmaEnabler);
typedef EVT_WDF_DMA_ENABLER_DISABLE *PFN_WDF_DMA_ENABLER_DISABLE;
typedef NTSTATUS EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_START(_In_ WDFDMAENABLER DmaEnabler);
typedef EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_START *PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_START;
typedef NTSTATUS EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP(_In_ WDFDMAENABLER DmaEnabler);
typedef EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP *PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP;

/* NUM-08 */
typedef struct _WDF_DMA_ENABLER_CONFIG {
    ULONG Size;
    WDF_DMA_PROFILE Profile;
    size_t MaximumLength;
    PFN_WDF_DMA_ENABLER_FILL EvtDmaEnablerFill;
    PFN_WDF_DMA_ENABLER_FLUSH EvtDmaEnablerFlush;
    PFN_WDF_DMA_ENABLER_DISABLE EvtDmaEnablerDisable;
    PFN_WDF_DMA_ENABLER_ENABLE EvtDmaEnablerEnable;
    PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_START EvtDmaEnablerSelfManagedIoStart;
    PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP EvtDmaEnablerSelfManagedIoStop;
    ULONG AddressWidthOverride;
    ULONG WdmDmaVersionOverride;
    ULONG Flags;
} WDF_DMA_ENABLER_CONFIG, *PWDF_DMA_ENABLER_CONFIG;
static_assert(sizeof(WDF_DMA_ENABLER_CONFIG) == 0x50 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, Profile) == 0x4 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, MaximumLength) == 0x8 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, EvtDmaEnablerFill) == 0x10 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, EvtDmaEnablerFlush) == 0x18 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, EvtDmaEnablerDisable) == 0x20 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, EvtDmaEnablerEnable) == 0x28 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, EvtDmaEnablerSelfManagedIoStart) == 0x30 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, EvtDmaEnablerSelfManagedIoStop) == 0x38 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, AddressWidthOverride) == 0x40 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, WdmDmaVersionOverride) == 0x44 &&
                  offsetof(WDF_DMA_ENABLER_CONFIG, Flags) == 0x48,
              "WDF_DMA_ENABLER_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_DMA_ENABLER_CONFIG_INIT(_Out_ PWDF_DMA_ENABLER_CONFIG Config,
                                             _In_ WDF_DMA_PROFILE Profile,
                                             _In_ size_t MaximumLength)
{
    RtlZeroMemory(Config, sizeof(WDF_DMA_ENABLER_CONFIG));
    Config->Size = sizeof(WDF_DMA_ENABLER_CONFIG);
    Config->Profile = Profile;
    Config->MaximumLength = MaximumLength;
}

/* NUM-09 */
typedef struct _WDF_DMA_SYSTEM_PROFILE_CONFIG {
    ULONG Size;
    BOOLEAN DemandMode;
    BOOLEAN LoopedTransfer;
    DMA_WIDTH DmaWidth;
    PHYSICAL_ADDRESS DeviceAddress;
    PCM_PARTIAL_RESOURCE_DESCRIPTOR DmaDescriptor;
} WDF_DMA_SYSTEM_PROFILE_CONFIG, *PWDF_DMA_SYSTEM_PROFILE_CONFIG;
static_assert(sizeof(WDF_DMA_SYSTEM_PROFILE_CONFIG) == 0x20 &&
                  offsetof(WDF_DMA_SYSTEM_PROFILE_CONFIG, DemandMode) == 0x4 &&
                  offsetof(WDF_DMA_SYSTEM_PROFILE_CONFIG, LoopedTransfer) == 0x5 &&
                  offsetof(WDF_DMA_SYSTEM_PROFILE_CONFIG, DmaWidth) == 0x8 &&
                  offsetof(WDF_DMA_SYSTEM_PROFILE_CONFIG, DeviceAddress) == 0x10 &&
                  offsetof(WDF_DMA_SYSTEM_PROFILE_CONFIG, DmaDescriptor) == 0x18,
              "WDF_DMA_SYSTEM_PROFILE_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(
    _Out_ PWDF_DMA_SYSTEM_PROFILE_CONFIG DmaConfig, _In_ PHYSICAL_ADDRESS Address,
    _In_ DMA_WIDTH DmaWidth, _In_ PCM_PARTIAL_RESOURCE_DESCRIPTOR DmaDescriptor)
{
    RtlZeroMemory(DmaConfig, sizeof(WDF_DMA_SYSTEM_PROFILE_CONFIG));
    DmaConfig->Size = sizeof(WDF_DMA_SYSTEM_PROFILE_CONFIG);
    DmaConfig->DeviceAddress = Address;
    DmaConfig->DmaWidth = DmaWidth;
    DmaConfig->DmaDescriptor = DmaDescriptor;
}

_Must_inspect_result_ _IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS WDFAPI
    WdfDmaEnablerCreate(_In_ WDFDEVICE Device, _In_ PWDF_DMA_ENABLER_CONFIG Config,
                        _In_opt_ PWDF_OBJECT_ATTRIBUTES Attributes,
                        _Out_ WDFDMAENABLER *DmaEnablerHandle);
_Must_inspect_result_ _IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS WDFAPI
    WdfDmaEnablerConfigureSystemProfile(_In_ WDFDMAENABLER DmaEnabler,
                                        _In_ PWDF_DMA_SYSTEM_PROFILE_CONFIG ProfileConfig,
                                        _In_ WDF_DMA_DIRECTION ConfigDirection);
_IRQL_requires_max_(DISPATCH_LEVEL) size_t WDFAPI
    WdfDmaEnablerGetMaximumLength(_In_ WDFDMAENABLER DmaEnabler);
_IRQL_requires_max_(DISPATCH_LEVEL) size_t WDFAPI
    WdfDmaEnablerGetMaximumScatterGatherElements(_In_ WDFDMAENABLER DmaEnabler);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID WDFAPI
    WdfDmaEnablerSetMaximumScatterGatherElements(_In_ WDFDMAENABLER DmaEnabler,
                                                 _In_ size_t MaximumFragments);
_IRQL_requires_max_(DISPATCH_LEVEL) size_t WDFAPI
    WdfDmaEnablerGetFragmentLength(_In_ WDFDMAENABLER DmaEnabler,
                                   _In_ WDF_DMA_DIRECTION DmaDirection);
_IRQL_requires_max_(DISPATCH_LEVEL) PDMA_ADAPTER WDFAPI
    WdfDmaEnablerWdmGetDmaAdapter(_In_ WDFDMAENABLER DmaEnabler,
                                  _In_ WDF_DMA_DIRECTION DmaDirection);

#ifdef __cplusplus
}
#endif

#endif
