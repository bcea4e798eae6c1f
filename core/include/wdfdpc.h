/* SPDX-License-Identifier: MIT */
/* wdfdpc.h: deferred procedure calls of the framework. */
#ifndef MS_WDFDPC_H
#define MS_WDFDPC_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef VOID EVT_WDF_DPC(_In_ WDFDPC Dpc);
typedef EVT_WDF_DPC *PFN_WDF_DPC;

typedef struct _WDF_DPC_CONFIG {
    ULONG Size;
    PFN_WDF_DPC EvtDpcFunc;
    BOOLEAN AutomaticSerialization;
} WDF_DPC_CONFIG, *PWDF_DPC_CONFIG;
static_assert(sizeof(WDF_DPC_CONFIG) == 0x18, "WDF_DPC_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_DPC_CONFIG_INIT(_Out_ PWDF_DPC_CONFIG Config, _In_ PFN_WDF_DPC EvtDpcFunc)
{
    RtlZeroMemory(Config, sizeof(WDF_DPC_CONFIG));
    Config->Size = sizeof(WDF_DPC_CONFIG);
    Config->EvtDpcFunc = EvtDpcFunc;
    Config->AutomaticSerialization = TRUE;
}

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfDpcCreate(_In_ PWDF_DPC_CONFIG Config, _In_ PWDF_OBJECT_ATTRIBUTES Attributes,
                 _Out_ WDFDPC *Dpc);
/* FALSE: it was queued already. */
BOOLEAN WDFAPI WdfDpcEnqueue(_In_ WDFDPC Dpc);
_When_(Wait == TRUE, _IRQL_requires_max_(PASSIVE_LEVEL)) BOOLEAN WDFAPI
    WdfDpcCancel(_In_ WDFDPC Dpc, _In_ BOOLEAN Wait);
_IRQL_requires_max_(DISPATCH_LEVEL) WDFOBJECT WDFAPI WdfDpcGetParentObject(_In_ WDFDPC Dpc);

#ifdef __cplusplus
}
#endif

#endif
