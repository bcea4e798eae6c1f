/* SPDX-License-Identifier: MIT */
/* wdfresource.h: the hardware resources a device was given (WQU-08). */
#ifndef MS_WDFRESOURCE_H
#define MS_WDFRESOURCE_H

#include "wdfobject.h"

#ifdef __cplusplus
extern "C" {
#endif

_IRQL_requires_max_(DISPATCH_LEVEL) ULONG WDFAPI WdfCmResourceListGetCount(_In_ WDFCMRESLIST List);
/* NULL: there is none of that number. */
_IRQL_requires_max_(DISPATCH_LEVEL) PCM_PARTIAL_RESOURCE_DESCRIPTOR WDFAPI
    WdfCmResourceListGetDescriptor(_In_ WDFCMRESLIST List, _In_ ULONG Index);

#ifdef __cplusplus
}
#endif

#endif
