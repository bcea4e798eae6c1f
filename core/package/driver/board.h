/* SPDX-License-Identifier: MIT */
/*
 * board.h: the registers of an imaginary board, as functions. Who runs the driver provides the board.
 */
#ifndef BOARD_H
#define BOARD_H

#include <ntddk.h>

/* The board begins to read memory through this list, or to write it; it interrupts when it is done. */
VOID BoardStart(_In_ PSCATTER_GATHER_LIST List, _In_ BOOLEAN Read);
/* TRUE: it had interrupted; the interrupt is off again. */
BOOLEAN BoardAcknowledge(VOID);
/* TRUE: the last transfer went wrong. */
BOOLEAN BoardFailed(VOID);

#endif
