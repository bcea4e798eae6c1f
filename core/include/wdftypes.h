/* SPDX-License-Identifier: MIT */
/*
 * wdftypes.h: handles of the Kernel-Mode Driver Framework and its small types. A handle names an
 * object and is never an address: only the framework looks behind it.
 */
#ifndef MS_WDFTYPES_H
#define MS_WDFTYPES_H

#include "wdm.h"
#include "wdfstatus.h"

#define WDFAPI
#define WDF_NO_OBJECT_ATTRIBUTES NULL
#define WDF_NO_EVENT_CALLBACK    NULL
#define WDF_NO_HANDLE            NULL
#define WDF_NO_CONTEXT           NULL
#define WDF_NO_SEND_OPTIONS      NULL

#define WDF_PTR_ADD_OFFSET_TYPE(ptr, offset, type)                                                 \
    ((type)(void *)((unsigned char *)(ptr) + (offset)))
#define WDF_PTR_ADD_OFFSET(ptr, offset) WDF_PTR_ADD_OFFSET_TYPE(ptr, offset, void *)

typedef enum _WDF_TRI_STATE {
    WdfFalse = FALSE,
    WdfTrue = TRUE,
    WdfUseDefault = 2
} WDF_TRI_STATE,
    *PWDF_TRI_STATE;

typedef PVOID WDFCONTEXT;
typedef HANDLE WDFOBJECT, *PWDFOBJECT;

#define MS_WDF_HANDLE(name) typedef struct name##__ *name
MS_WDF_HANDLE(WDFDRIVER);
MS_WDF_HANDLE(WDFDEVICE);
MS_WDF_HANDLE(WDFQUEUE);
MS_WDF_HANDLE(WDFREQUEST);
MS_WDF_HANDLE(WDFFILEOBJECT);
MS_WDF_HANDLE(WDFINTERRUPT);
MS_WDF_HANDLE(WDFTIMER);
MS_WDF_HANDLE(WDFDPC);
MS_WDF_HANDLE(WDFWORKITEM);
MS_WDF_HANDLE(WDFSPINLOCK);
MS_WDF_HANDLE(WDFWAITLOCK);
MS_WDF_HANDLE(WDFCMRESLIST);
MS_WDF_HANDLE(WDFDMAENABLER);
MS_WDF_HANDLE(WDFDMATRANSACTION);
MS_WDF_HANDLE(WDFCOMMONBUFFER);
#undef MS_WDF_HANDLE
typedef struct WDFDEVICE_INIT WDFDEVICE_INIT, *PWDFDEVICE_INIT;

#endif
