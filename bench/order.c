/* SPDX-License-Identifier: MIT */
/* order.c: mirrored pairs of blocks, drawn from a seed. */
#include "order.h"

uint64_t ms_seed_mix(uint64_t seed, uint64_t number)
{
    uint64_t x = seed + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void order_shuffle(uint64_t seed, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t pick = (uint32_t)(ms_seed_mix(seed, i) % i);
        uint32_t moved = order[i - 1];
        order[i - 1] = order[pick];
        order[pick] = moved;
    }
}

void ms_order_fill(uint64_t seed, uint32_t block, uint32_t *order, uint32_t count)
{
    order_shuffle(ms_seed_mix(seed, block / 2), order, count);
    if (block % 2 == 0)
        return;
    for (uint32_t i = 0; i < count / 2; i++) {
        uint32_t moved = order[i];
        order[i] = order[count - 1 - i];
        order[count - 1 - i] = moved;
    }
}

uint32_t ms_order_round(uint32_t blocks)
{
    return blocks + blocks % 2;
}
