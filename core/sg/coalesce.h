/* SPDX-License-Identifier: MIT */
/*
 * coalesce.h: private to sg: the part that has one version per instruction set.
 *
 * A coalescer handles the pages of one piece, that is, of one MDL's share of the range. It looks
 * for breaks (a page that does not follow its predecessor) and appends one element per run that
 * ends. The run that is still open at the end of the piece is the walker's business.
 *
 * The open run is two numbers: the address of its first byte, and that byte's position counted from
 * the start of the piece's first page. A break at page i closes a run of i * 4096 - position bytes
 * and opens one at position i * 4096. A run that came in from an earlier MDL has a negative
 * position; unsigned wrap-around makes the same subtraction right. So partial first and last pages
 * need no case of their own.
 */
#ifndef MS_SG_COALESCE_H
#define MS_SG_COALESCE_H

#include "sg/element.h"

/* What a coalescer reads and leaves. Owner: the one call of ms_sg_map that holds it. */
struct ms_sg_open {
    uint64_t address;  /* of the open run's first byte */
    uint64_t position; /* where that byte lies, from the start of the piece's first page */
    uint8_t *slot;     /* the next free slot */
    uint8_t *slot_end; /* behind the last slot; slots before it may be written without counting */
    uint64_t crossed; /* OR of (first ^ last byte) over all elements: which boundaries they cross */
};

/* Appends an element for every run of pfn[0..pages) that ends before the last page; `pages` is 1 or
 * more and page 0 belongs to the open run. False: a run ended and there was no slot for it; the
 * open run is then that one. */
typedef bool ms_sg_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open);

/* How many of pages 1..pages-1 do not continue the page before them, or do so across a multiple of
 * `boundary_pages` (a power of two). */
typedef uint32_t ms_sg_count(const PFN_NUMBER *pfn, uint32_t pages, uint64_t boundary_pages);

struct ms_sg_variant {
    const char *name;
    ms_sg_coalesce *coalesce;
    ms_sg_count *count;
};

/* What closing a run adds to `crossed`: zero in every bit above the boundary it stays inside. */
static inline uint64_t ms_sg_crossing(uint64_t address, uint64_t bytes)
{
    return address ^ (address + bytes - 1);
}

/* Writes the open run as an element of `bytes`; false when no slot is left. */
static inline bool ms_sg_open_close(struct ms_sg_open *open, uint64_t bytes)
{
    if (MS_UNLIKELY(open->slot == open->slot_end))
        return false;
    ms_sg_slot_store(open->slot, open->address, bytes);
    open->crossed |= ms_sg_crossing(open->address, bytes);
    open->slot += MS_SG_SLOT_BYTES;
    return true;
}

extern const struct ms_sg_variant ms_sg_scalar;
#if defined(__x86_64__)
extern const struct ms_sg_variant ms_sg_avx2;
extern const struct ms_sg_variant ms_sg_avx512;
#endif

#endif
