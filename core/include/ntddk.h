/* SPDX-License-Identifier: MIT */
/* ntddk.h: drivers include it by this name; all that is here is in wdm.h. */
#ifndef MS_NTDDK_H
#define MS_NTDDK_H

#include "wdm.h"

/* For driver sources alone (mapstorm_add_driver): others have these names for themselves. */
#if defined(MS_DRIVER) && !defined(__cplusplus)
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif
#ifndef max
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif
#endif

#endif
