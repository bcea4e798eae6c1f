/* SPDX-License-Identifier: MIT */
/* wdfworkitem.h: work at PASSIVE_LEVEL on a thread of the system. */
#ifndef MS_WDFWORKITEM_H
#define MS_WDFWORKITEM_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef VOID EVT_WDF_WORKITEM(_In_ WDFWORKITEM WorkItem);
typedef EVT_WDF_WORKITEM *PFN_WDF_WORKITEM;

typedef struct _WDF_WORKITEM_CONFIG {
    ULONG Size;
    PFN_WDF_WORKITEM EvtWorkItemFunc;
    BOOLEAN AutomaticSerialization;
} WDF_WORKITEM_CONFIG, *PWDF_WORKITEM_CONFIG;
static_assert(sizeof(WDF_WORKITEM_CONFIG) == 0x18, "WDF_WORKITEM_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_WORKITEM_CONFIG_INIT(_Out_ PWDF_WORKITEM_CONFIG Config,
                                          _In_ PFN_WDF_WORKITEM EvtWorkItemFunc)
{
    RtlZeroMemory(Config, sizeof(WDF_WORKITEM_CONFIG));
    Config->Size = sizeof(WDF_WORKITEM_CONFIG);
    Config->EvtWorkItemFunc = EvtWorkItemFunc;
    Config->AutomaticSerialization = TRUE;
}

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfWorkItemCreate(_In_ PWDF_WORKITEM_CONFIG Config, _In_ PWDF_OBJECT_ATTRIBUTES Attributes,
                      _Out_ WDFWORKITEM *WorkItem);
/* Nothing when it is queued already. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfWorkItemEnqueue(_In_ WDFWORKITEM WorkItem);
_IRQL_requires_max_(DISPATCH_LEVEL) WDFOBJECT WDFAPI
    WdfWorkItemGetParentObject(_In_ WDFWORKITEM WorkItem);
/* Returns when what was queued before has run. Not from the work item itself. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID WDFAPI WdfWorkItemFlush(_In_ WDFWORKITEM WorkItem);

#ifdef __cplusplus
}
#endif

#endif
