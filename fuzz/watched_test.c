/* SPDX-License-Identifier: MIT */
/*
 * watched_test.c: loads an atomic from memory that was given back. Where there is an address sanitizer it must
 * say so, although the access is the simulator's, which is compiled without it for the engines.
 */
#include <stdlib.h>

#include "platform/sim.h"

int main(void)
{
    ms_atomic_u64 *cell = malloc(sizeof *cell);

    if (!cell)
        return 1;
    ms_init(cell, 0);
    free(cell);
    return (int)ms_load_relaxed(cell);
}
