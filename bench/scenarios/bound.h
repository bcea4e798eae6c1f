/* SPDX-License-Identifier: MIT */
/*
 * bound.h: what no list builder can do without: reading every page frame number of a chain and
 * writing as many elements as its list has. Nothing is decided, so nothing can be mispredicted.
 */
#ifndef MS_BOUND_H
#define MS_BOUND_H

#include "wdm.h"

/* Returns something made of all frame numbers, so that the reading happens. */
uint64_t ms_bound_list(const MDL *head, uint32_t elements, SCATTER_GATHER_ELEMENT *out);

#endif
