/* SPDX-License-Identifier: MIT */
/* ntddk.h: drivers include it by this name; all that is here is in wdm.h. */
#ifndef MS_NTDDK_H
#define MS_NTDDK_H

#include "wdm.h"

#endif
