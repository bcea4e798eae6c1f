/* SPDX-License-Identifier: MIT */
/* ntifs.h: drivers include it by this name; all that is here is in wdm.h. */
#ifndef MS_NTIFS_H
#define MS_NTIFS_H

#include "wdm.h"

#endif
