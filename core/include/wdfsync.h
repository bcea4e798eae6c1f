/* SPDX-License-Identifier: MIT */
/* wdfsync.h: the framework's locks (LCK-*). */
#ifndef MS_WDFSYNC_H
#define MS_WDFSYNC_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The lock of a device's or queue's synchronization scope (WQU-05). */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfObjectAcquireLock(_In_ WDFOBJECT Object);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfObjectReleaseLock(_In_ WDFOBJECT Object);

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfSpinLockCreate(_In_opt_ PWDF_OBJECT_ATTRIBUTES SpinLockAttributes,
                      _Out_ WDFSPINLOCK *SpinLock);
_IRQL_requires_max_(DISPATCH_LEVEL) _IRQL_raises_(DISPATCH_LEVEL) VOID WDFAPI
    WdfSpinLockAcquire(_In_ WDFSPINLOCK SpinLock);
_IRQL_requires_max_(DISPATCH_LEVEL) _IRQL_requires_min_(DISPATCH_LEVEL) VOID WDFAPI
    WdfSpinLockRelease(_In_ WDFSPINLOCK SpinLock);

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfWaitLockCreate(_In_opt_ PWDF_OBJECT_ATTRIBUTES LockAttributes, _Out_ WDFWAITLOCK *Lock);
/* Timeout in 100 ns as in KeWaitForSingleObject; NULL: for ever. STATUS_SUCCESS or STATUS_TIMEOUT. */
_When_(Timeout == NULL, _IRQL_requires_max_(PASSIVE_LEVEL)) NTSTATUS WDFAPI
    WdfWaitLockAcquire(_In_ WDFWAITLOCK Lock, _In_opt_ PLONGLONG Timeout);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfWaitLockRelease(_In_ WDFWAITLOCK Lock);

#ifdef __cplusplus
}
#endif

#endif
