/* SPDX-License-Identifier: MIT */
/*
 * element.h: private to sg: how an element and a list header reach memory.
 *
 * A list may start at any address (MTX-15), so slots are bytes and every store goes through memcpy,
 * which compilers turn into plain unaligned stores. An element is written as three words: the
 * length word carries the four bytes of padding as its upper half, so padding is zero by
 * construction.
 */
#ifndef MS_SG_ELEMENT_H
#define MS_SG_ELEMENT_H

#include "sg/sg.h"

enum {
    MS_SG_SLOT_BYTES = sizeof(SCATTER_GATHER_ELEMENT),
    MS_SG_HEADER_BYTES = sizeof(SCATTER_GATHER_LIST),
};
static_assert(MS_SG_SLOT_BYTES == 24, "an element is three words");
static_assert(offsetof(SCATTER_GATHER_ELEMENT, Length) == 8, "the length opens the second word");
static_assert(MS_SG_HEADER_BYTES == 16, "a header is two words");
static_assert(offsetof(SCATTER_GATHER_LIST, NumberOfElements) == 0, "the count opens the header");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "length and padding are stored as one word");

/* SGE-01, MTX-39: Reserved is 0. */
static inline void ms_sg_slot_store(uint8_t *slot, uint64_t address, uint64_t bytes)
{
    ms_assert(bytes > 0); /* SGE-07 */
    ms_assert(bytes <= UINT32_MAX);
    ms_sg_word_store(slot, address);
    ms_sg_word_store(slot + 8, bytes);
    ms_sg_word_store(slot + 16, 0);
}

/* MTX-39 */
static inline void ms_sg_header_store(SCATTER_GATHER_LIST *list, uint32_t elements)
{
    ms_sg_word_store((uint8_t *)list, elements);
    ms_sg_word_store((uint8_t *)list + 8, 0);
}

static inline uint8_t *ms_sg_slots(SCATTER_GATHER_LIST *list)
{
    return (uint8_t *)list + MS_SG_HEADER_BYTES;
}

#endif
