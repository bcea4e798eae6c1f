/* SPDX-License-Identifier: MIT */
/*
 * order.h: which strategy goes when, and with which seed. Blocks come in mirrored pairs: a seeded
 * random order, then the same reversed, so that every strategy has the same mean position and a
 * drift that is linear over the pair cancels.
 */
#ifndef MS_ORDER_H
#define MS_ORDER_H

#include <stdint.h>

/* A seed made of a seed and a number: different numbers give unrelated seeds. */
uint64_t ms_seed_mix(uint64_t seed, uint64_t number);

/* Fills order[0..count-1] with the indices in the order block `block` takes them. */
void ms_order_fill(uint64_t seed, uint32_t block, uint32_t *order, uint32_t count);

/* Mirrored pairs need an even number of blocks. */
uint32_t ms_order_round(uint32_t blocks);

#endif
