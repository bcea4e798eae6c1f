/* SPDX-License-Identifier: MIT */
/* wdftimer.h: timers (TMR-*). */
#ifndef MS_WDFTIMER_H
#define MS_WDFTIMER_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef VOID EVT_WDF_TIMER(_In_ WDFTIMER Timer);
typedef EVT_WDF_TIMER *PFN_WDF_TIMER;

typedef struct _WDF_TIMER_CONFIG {
    ULONG Size;
    PFN_WDF_TIMER EvtTimerFunc;
    ULONG Period;                   /* milliseconds; 0: one expiry per start */
    BOOLEAN AutomaticSerialization; /* with the callbacks of its device or queue (WQU-05) */
    ULONG TolerableDelay;
    WDF_TRI_STATE UseHighResolutionTimer;
} WDF_TIMER_CONFIG, *PWDF_TIMER_CONFIG;
static_assert(sizeof(WDF_TIMER_CONFIG) == 0x20 && offsetof(WDF_TIMER_CONFIG, Period) == 0x10 &&
                  offsetof(WDF_TIMER_CONFIG, AutomaticSerialization) == 0x14 &&
                  offsetof(WDF_TIMER_CONFIG, TolerableDelay) == 0x18,
              "WDF_TIMER_CONFIG is as Windows has it");

FORCEINLINE VOID WDF_TIMER_CONFIG_INIT(_Out_ PWDF_TIMER_CONFIG Config,
                                       _In_ PFN_WDF_TIMER EvtTimerFunc)
{
    RtlZeroMemory(Config, sizeof(WDF_TIMER_CONFIG));
    Config->Size = sizeof(WDF_TIMER_CONFIG);
    Config->EvtTimerFunc = EvtTimerFunc;
    Config->AutomaticSerialization = TRUE;
}

FORCEINLINE VOID WDF_TIMER_CONFIG_INIT_PERIODIC(_Out_ PWDF_TIMER_CONFIG Config,
                                                _In_ PFN_WDF_TIMER EvtTimerFunc, _In_ LONG Period)
{
    WDF_TIMER_CONFIG_INIT(Config, EvtTimerFunc);
    Config->Period = (ULONG)Period;
}

/* Due times are in units of 100 ns; negative ones count from now. */
#define WDF_TIMEOUT_TO_SEC ((LONGLONG)1 * 10 * 1000 * 1000)
#define WDF_TIMEOUT_TO_MS  ((LONGLONG)1 * 10 * 1000)
#define WDF_TIMEOUT_TO_US  ((LONGLONG)1 * 10)

FORCEINLINE LONGLONG WDF_REL_TIMEOUT_IN_SEC(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * -1 * WDF_TIMEOUT_TO_SEC;
}

FORCEINLINE LONGLONG WDF_ABS_TIMEOUT_IN_SEC(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * WDF_TIMEOUT_TO_SEC;
}

FORCEINLINE LONGLONG WDF_REL_TIMEOUT_IN_MS(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * -1 * WDF_TIMEOUT_TO_MS;
}

FORCEINLINE LONGLONG WDF_ABS_TIMEOUT_IN_MS(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * WDF_TIMEOUT_TO_MS;
}

FORCEINLINE LONGLONG WDF_REL_TIMEOUT_IN_US(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * -1 * WDF_TIMEOUT_TO_US;
}

FORCEINLINE LONGLONG WDF_ABS_TIMEOUT_IN_US(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * WDF_TIMEOUT_TO_US;
}

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfTimerCreate(_In_ PWDF_TIMER_CONFIG Config, _In_ PWDF_OBJECT_ATTRIBUTES Attributes,
                   _Out_ WDFTIMER *Timer);
/* TRUE: it was queued, and the old expiry is replaced (TMR-03). */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WDFAPI
    WdfTimerStart(_In_ WDFTIMER Timer, _In_ LONGLONG DueTime);
/* TRUE: it was queued, and the callback will not run for that start (TMR-04). */
_When_(Wait == TRUE, _IRQL_requires_max_(PASSIVE_LEVEL)) BOOLEAN WDFAPI
    WdfTimerStop(_In_ WDFTIMER Timer, _In_ BOOLEAN Wait);
_IRQL_requires_max_(DISPATCH_LEVEL) WDFOBJECT WDFAPI WdfTimerGetParentObject(_In_ WDFTIMER Timer);

#ifdef __cplusplus
}
#endif

#endif
