/* SPDX-License-Identifier: MIT */
/*
 * bound.h: what no list builder can do without, each by itself and as wide as the processor goes:
 * reading every page frame number of a chain, and writing as many elements as its list has. Nothing is
 * decided, so nothing can be mispredicted. A builder needs at least the longer of the two.
 */
#ifndef MS_BOUND_H
#define MS_BOUND_H

#include "wdm.h"

struct ms_bounds {
    /* Returns something made of all frame numbers, so that the reading happens. */
    uint64_t (*read)(const MDL *head);
    /* Writes elements alike; `from` is what they hold. */
    void (*store)(SCATTER_GATHER_ELEMENT *out, uint32_t elements, uint64_t from);
    /* Both, a part of the one with a part of the other, so that they overlap as a builder's would. */
    uint64_t (*list)(const MDL *head, uint32_t elements, SCATTER_GATHER_ELEMENT *out);
};

/* Those of this processor. */
const struct ms_bounds *ms_bounds_get(void);

#endif
