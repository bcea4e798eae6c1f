/* SPDX-License-Identifier: MIT */
/*
 * wdf.h: the Kernel-Mode Driver Framework as far as DMA drivers use it, with exactly Windows' names,
 * layouts, parameter order and values. Its functions are plain functions: no function table, no
 * driver globals. What is behind them is in core/wdf; the rules are in contract/kmdf-contract.md.
 */
#ifndef MS_WDF_H
#define MS_WDF_H

#include "wdftypes.h"
#include "wdfobject.h"
#include "wdfsync.h"
#include "wdfdriver.h"
#include "wdfrequest.h"
#include "wdfio.h"
#include "wdfresource.h"
#include "wdfdevice.h"
#include "wdfinterrupt.h"
#include "wdftimer.h"
#include "wdfdpc.h"
#include "wdfworkitem.h"
#include "wdfdmaenabler.h"
#include "wdfdmatransaction.h"
#include "wdfcommonbuffer.h"

#endif
