/* SPDX-License-Identifier: MIT */
/* wdfcommonbuffer.h: memory that driver and device share (KCB-*). */
#ifndef MS_WDFCOMMONBUFFER_H
#define MS_WDFCOMMONBUFFER_H

#include "wdfdmaenabler.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _WDF_COMMON_BUFFER_CONFIG {
    ULONG Size;
    ULONG AlignmentRequirement; /* a power of two less one (KCB-04) */
} WDF_COMMON_BUFFER_CONFIG, *PWDF_COMMON_BUFFER_CONFIG;
static_assert(sizeof(WDF_COMMON_BUFFER_CONFIG) == 8,
              "WDF_COMMON_BUFFER_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_COMMON_BUFFER_CONFIG_INIT(_Out_ PWDF_COMMON_BUFFER_CONFIG Config,
                                               _In_ ULONG AlignmentRequirement)
{
    RtlZeroMemory(Config, sizeof(WDF_COMMON_BUFFER_CONFIG));
    Config->Size = sizeof(WDF_COMMON_BUFFER_CONFIG);
    Config->AlignmentRequirement = AlignmentRequirement;
}

_Must_inspect_result_ _IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS WDFAPI
    WdfCommonBufferCreate(_In_ WDFDMAENABLER DmaEnabler, _In_ size_t Length,
                          _In_opt_ PWDF_OBJECT_ATTRIBUTES Attributes,
                          _Out_ WDFCOMMONBUFFER *CommonBuffer);
_Must_inspect_result_ _IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS WDFAPI
    WdfCommonBufferCreateWithConfig(_In_ WDFDMAENABLER DmaEnabler, _In_ size_t Length,
                                    _In_ PWDF_COMMON_BUFFER_CONFIG Config,
                                    _In_opt_ PWDF_OBJECT_ATTRIBUTES Attributes,
                                    _Out_ WDFCOMMONBUFFER *CommonBuffer);
_IRQL_requires_max_(DISPATCH_LEVEL) PVOID WDFAPI
    WdfCommonBufferGetAlignedVirtualAddress(_In_ WDFCOMMONBUFFER CommonBuffer);
_IRQL_requires_max_(DISPATCH_LEVEL) PHYSICAL_ADDRESS WDFAPI
    WdfCommonBufferGetAlignedLogicalAddress(_In_ WDFCOMMONBUFFER CommonBuffer);
_IRQL_requires_max_(DISPATCH_LEVEL) size_t WDFAPI
    WdfCommonBufferGetLength(_In_ WDFCOMMONBUFFER CommonBuffer);

#ifdef __cplusplus
}
#endif

#endif
