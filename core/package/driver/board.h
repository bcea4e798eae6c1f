/* SPDX-License-Identifier: MIT */
/*
 * board.h: the registers of the shuttle board, and the descriptors it fetches. What its manual would say.
 */
#ifndef BOARD_H
#define BOARD_H

#include <ntddk.h>

/* Registers, 32 bits each, in the board's one memory resource. */
#define BOARD_CONTROL     0x00 /* write: BOARD_START or BOARD_RESET */
#define BOARD_STATUS      0x04 /* write: these bits go */
#define BOARD_LIST_LOW    0x08 /* logical address of the descriptors, 16-byte aligned */
#define BOARD_LIST_HIGH   0x0C
#define BOARD_DESCRIPTORS 0x10 /* how many */
#define BOARD_BYTES       0x20 /* of the register file */

#define BOARD_START 0x1 /* fetch what the descriptors name, then interrupt */
#define BOARD_RESET 0x2

#define BOARD_DONE  0x1 /* interrupts as long as it is set */
#define BOARD_ERROR 0x2 /* with BOARD_DONE: an address was not answered */

typedef struct _BOARD_DESCRIPTOR {
    ULONG64 Address; /* logical */
    ULONG Length;
    ULONG Reserved;
} BOARD_DESCRIPTOR, *PBOARD_DESCRIPTOR;
C_ASSERT(sizeof(BOARD_DESCRIPTOR) == 16);

#endif
