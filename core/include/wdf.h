/* SPDX-License-Identifier: MIT */
/*
 * wdf.h: the Kernel-Mode Driver Framework as far as DMA drivers use it, with exactly Windows' names,
 * layouts, parameter order and values. Its functions are plain functions: no function table, no
 * driver globals. What is behind them is in core/wdf; the rules are in contract/kmdf-contract.md.
 */
#ifndef MS_WDF_H
#define MS_WDF_H

#include "wdfcommonbuffer.h"
#include "wdfdmatransaction.h"
#include "wdfdpc.h"
#include "wdfdriver.h"
#include "wdfinterrupt.h" /* with devices, queues, requests, resources */
#include "wdfsync.h"
#include "wdftimer.h"
#include "wdfworkitem.h"

#endif
