/* SPDX-License-Identifier: MIT */
/* wdfrequest.h: I/O requests (REQ-*). */
#ifndef MS_WDFREQUEST_H
#define MS_WDFREQUEST_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef VOID EVT_WDF_REQUEST_CANCEL(_In_ WDFREQUEST Request);
typedef EVT_WDF_REQUEST_CANCEL *PFN_WDF_REQUEST_CANCEL;

typedef enum _WDF_REQUEST_TYPE {
    WdfRequestTypeCreate = 0x0,
    WdfRequestTypeCreateNamedPipe = 0x1,
    WdfRequestTypeClose = 0x2,
    WdfRequestTypeRead = 0x3,
    WdfRequestTypeWrite = 0x4,
    WdfRequestTypeDeviceControl = 0xE,
    WdfRequestTypeDeviceControlInternal = 0xF,
    WdfRequestTypeOther = 0x101,
    WdfRequestTypeMax
} WDF_REQUEST_TYPE;

typedef struct _WDF_REQUEST_PARAMETERS {
    USHORT Size;
    UCHAR MinorFunction;
    WDF_REQUEST_TYPE Type;
    union {
        struct {
            size_t Length;
            ULONG DECLSPEC_ALIGN(8) Key;
            LONGLONG DeviceOffset;
        } Read;
        struct {
            size_t Length;
            ULONG DECLSPEC_ALIGN(8) Key;
            LONGLONG DeviceOffset;
        } Write;
        struct {
            size_t OutputBufferLength;
            size_t DECLSPEC_ALIGN(8) InputBufferLength;
            ULONG DECLSPEC_ALIGN(8) IoControlCode;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVOID Arg1;
            PVOID Arg2;
            ULONG DECLSPEC_ALIGN(8) IoControlCode;
            PVOID Arg4;
        } Others;
    } Parameters;
} WDF_REQUEST_PARAMETERS, *PWDF_REQUEST_PARAMETERS;
static_assert(sizeof(WDF_REQUEST_PARAMETERS) == 0x28 &&
                  offsetof(WDF_REQUEST_PARAMETERS, Type) == 4 &&
                  offsetof(WDF_REQUEST_PARAMETERS, Parameters.Read.Key) == 0x10 &&
                  offsetof(WDF_REQUEST_PARAMETERS, Parameters.Read.DeviceOffset) == 0x18 &&
                  offsetof(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.IoControlCode) ==
                      0x18,
              "WDF_REQUEST_PARAMETERS is as Windows has it");

FORCEINLINE VOID WDF_REQUEST_PARAMETERS_INIT(_Out_ PWDF_REQUEST_PARAMETERS Parameters)
{
    RtlZeroMemory(Parameters, sizeof(WDF_REQUEST_PARAMETERS));
    Parameters->Size = sizeof(WDF_REQUEST_PARAMETERS);
}

/* STATUS_SUCCESS, or STATUS_CANCELLED: the callback is not registered, the caller completes. */
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestMarkCancelableEx(_In_ WDFREQUEST Request,
                               _In_ PFN_WDF_REQUEST_CANCEL EvtRequestCancel);
/* Calls the callback itself when the request is cancelled already (REQ-05). */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfRequestMarkCancelable(_In_ WDFREQUEST Request, _In_ PFN_WDF_REQUEST_CANCEL EvtRequestCancel);
/* STATUS_SUCCESS: the callback will never run for this marking; STATUS_CANCELLED: it has run, runs, or
 * will run (REQ-06). */
_IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestUnmarkCancelable(_In_ WDFREQUEST Request);
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WDFAPI WdfRequestIsCanceled(_In_ WDFREQUEST Request);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfRequestComplete(_In_ WDFREQUEST Request, _In_ NTSTATUS Status);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfRequestCompleteWithInformation(_In_ WDFREQUEST Request, _In_ NTSTATUS Status,
                                      _In_ ULONG_PTR Information);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfRequestSetInformation(_In_ WDFREQUEST Request, _In_ ULONG_PTR Information);
_IRQL_requires_max_(DISPATCH_LEVEL) ULONG_PTR WDFAPI
    WdfRequestGetInformation(_In_ WDFREQUEST Request);
_IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI WdfRequestGetStatus(_In_ WDFREQUEST Request);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI
    WdfRequestGetParameters(_In_ WDFREQUEST Request, _Out_ PWDF_REQUEST_PARAMETERS Parameters);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestRetrieveInputBuffer(_In_ WDFREQUEST Request, _In_ size_t MinimumRequiredLength,
                                  _Outptr_ PVOID *Buffer, _Out_opt_ size_t *Length);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestRetrieveOutputBuffer(_In_ WDFREQUEST Request, _In_ size_t MinimumRequiredSize,
                                   _Outptr_ PVOID *Buffer, _Out_opt_ size_t *Length);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestRetrieveInputWdmMdl(_In_ WDFREQUEST Request, _Outptr_ PMDL *Mdl);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestRetrieveOutputWdmMdl(_In_ WDFREQUEST Request, _Outptr_ PMDL *Mdl);
_IRQL_requires_max_(DISPATCH_LEVEL) PIRP WDFAPI WdfRequestWdmGetIrp(_In_ WDFREQUEST Request);
_IRQL_requires_max_(DISPATCH_LEVEL) WDFQUEUE WDFAPI WdfRequestGetIoQueue(_In_ WDFREQUEST Request);
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfRequestForwardToIoQueue(_In_ WDFREQUEST Request, _In_ WDFQUEUE DestinationQueue);

#ifdef __cplusplus
}
#endif

#endif
