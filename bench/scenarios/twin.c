/* SPDX-License-Identifier: MIT */
/*
 * twin.c: the baseline compiled a second time as another object under another name. It must come
 * out neither faster nor slower than the baseline: it catches differences that come only from
 * where code lies. Including the source is the point: the same text, another place.
 */
#include "registers/registers.h"

extern const struct ms_reg_ops ms_reg_twin;

#define ms_reg_spin_bitmap ms_reg_twin
#include "registers/strategies/spin_bitmap.c"
