/* SPDX-License-Identifier: MIT */
/*
 * no_stock.h: draining for strategies that keep nothing private: there is nothing to move.
 */
#ifndef MS_NO_STOCK_H
#define MS_NO_STOCK_H

#include "registers/registers.h"

static inline void ms_no_stock_drain(void *state, uint32_t cpu)
{
    (void)state, (void)cpu;
}

static inline void ms_no_stock_drain_all(void *state)
{
    (void)state;
}

#endif
