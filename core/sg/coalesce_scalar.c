/* SPDX-License-Identifier: MIT */
/*
 * coalesce_scalar.c: the coalescer in plain C: the reference for the vector ones, and what other
 * architectures use.
 *
 * Memory is bimodal: no break at all and every page a break are the normal cases, and in between
 * breaks cannot be predicted. So there are three ways through a block, and the way that fitted the
 * last block is tried first:
 *
 *   joined   compare with the frames expected, 8 pages a step
 *   broken   store each page as it comes, one branch a page, never taken
 *   mixed    a mask with a bit per break, made without branches, then a loop over its bits: one
 *            misprediction a block rather than two a run
 */
#include "sg/coalesce.h"

enum {
    JOINED_PAGES = 8,
    MIXED_PAGES = 16, /* a first look; few breaks in it, and the joined way is tried again */
    MIXED_MORE_PAGES = 32,
};

/* The open run and the output, in locals: through a pointer each store to a slot would force
 * reloads. Positions are pointers to pages until a length is needed. */
struct run {
    const PFN_NUMBER *pfn; /* of the piece's page 0 */
    uint64_t address;
    uint64_t position;
    uint8_t *slot;
    uint64_t crossed;
};

/* Closes the run before page `p` and opens the next there. */
FORCEINLINE void run_break(struct run *run, const PFN_NUMBER *p)
{
    uint64_t at = (uint64_t)(p - run->pfn) << MS_PAGE_SHIFT;

    ms_sg_slot_store(run->slot, run->address, at - run->position);
    run->crossed |= ms_sg_crossing(run->address, at - run->position);
    run->slot += MS_SG_SLOT_BYTES;
    run->address = *p << MS_PAGE_SHIFT;
    run->position = at;
}

FORCEINLINE bool are_four_joined(const PFN_NUMBER *p, uint64_t want)
{
    return p[0] == want && p[1] == want + 1 && p[2] == want + 2 && p[3] == want + 3;
}

/* Pages p[0..7] all follow their predecessors. Compares and branches that are never taken are the
 * least work a page: two operations, where an OR of differences takes three. */
FORCEINLINE bool are_joined(const PFN_NUMBER *p)
{
    uint64_t want = p[-1] + 1;

    return are_four_joined(p, want) && are_four_joined(p + 4, want + 4);
}

FORCEINLINE uint64_t is_break(const PFN_NUMBER *p)
{
    return p[0] != p[-1] + 1;
}

/* Bit j: page p[j] does not follow its predecessor. Made from the top down, so that each step is a
 * doubling and a carry. */
FORCEINLINE uint64_t mask_make(const PFN_NUMBER *p, uint64_t pages)
{
    uint64_t mask = 0;

    for (; pages >= 4; pages -= 4) {
        mask = mask + mask + is_break(p + pages - 1);
        mask = mask + mask + is_break(p + pages - 2);
        mask = mask + mask + is_break(p + pages - 3);
        mask = mask + mask + is_break(p + pages - 4);
    }
    for (; pages > 0; pages--)
        mask = mask + mask + is_break(p + pages - 1);
    return mask;
}

/* Stores the run that ends before `p`, if that is a break; the run is one page long. */
FORCEINLINE bool single_break(struct run *run, const PFN_NUMBER *p, uint32_t ahead)
{
    if (p[ahead] == p[ahead - 1] + 1)
        return false;
    ms_sg_slot_store(run->slot + (size_t)(ahead - 1) * MS_SG_SLOT_BYTES,
                     p[ahead - 1] << MS_PAGE_SHIFT, MS_PAGE_BYTES);
    return true;
}

/* Stores page after page while each is a break; `p` is one. Returns the first that is not. */
FORCEINLINE const PFN_NUMBER *run_broken(struct run *run, const PFN_NUMBER *p,
                                         const PFN_NUMBER *end)
{
    uint32_t ahead = 1;

    run_break(run, p);
    for (; end - p > 4; p += 4) {
        if (!single_break(run, p, 1) || !single_break(run, p, 2) || !single_break(run, p, 3) ||
            !single_break(run, p, 4))
            break;
        run->slot += 4 * MS_SG_SLOT_BYTES;
    }
    while (end - p > ahead && single_break(run, p, ahead))
        ahead++;
    run->slot += (size_t)(ahead - 1) * MS_SG_SLOT_BYTES;
    run->address = p[ahead - 1] << MS_PAGE_SHIFT;
    run->position = (uint64_t)(p + ahead - 1 - run->pfn) << MS_PAGE_SHIFT;
    return p + ahead;
}

/* Where slots may run out: looks before each. */
static bool careful_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    for (uint32_t i = 1; i < pages; i++) {
        if (pfn[i] == pfn[i - 1] + 1)
            continue;
        if (!ms_sg_open_close(open, ((uint64_t)i << MS_PAGE_SHIFT) - open->position))
            return false;
        open->address = pfn[i] << MS_PAGE_SHIFT;
        open->position = (uint64_t)i << MS_PAGE_SHIFT;
    }
    return true;
}

static bool scalar_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    struct run run = {pfn, open->address, open->position, open->slot, open->crossed};
    const PFN_NUMBER *p = pfn + 1;
    const PFN_NUMBER *end = pfn + pages;
    uint64_t block = MIXED_PAGES;

    if ((size_t)(open->slot_end - open->slot) < (size_t)pages * MS_SG_SLOT_BYTES)
        return careful_coalesce(pfn, pages, open);
    if (p < end && is_break(p))
        p = run_broken(&run, p, end);
    while (p < end) {
        uint64_t n = (uint64_t)(end - p);

        if (block == MIXED_PAGES) {
            for (; n >= JOINED_PAGES && are_joined(p); n -= JOINED_PAGES)
                p += JOINED_PAGES;
            /* The rest with pages looked at before: a break among those only costs time. */
            if (n < JOINED_PAGES && pages > JOINED_PAGES && are_joined(end - JOINED_PAGES))
                break;
        }
        n = ms_min_u64(n, block);
        uint64_t mask = mask_make(p, n);
        if (mask == UINT64_MAX >> (64 - MIXED_PAGES) ||
            mask == UINT64_MAX >> (64 - MIXED_MORE_PAGES)) {
            p = run_broken(&run, p, end);
            continue;
        }
        block = (mask & (mask - 1)) == 0 ? MIXED_PAGES : MIXED_MORE_PAGES;
        for (; mask != 0; mask &= mask - 1)
            run_break(&run, p + ms_bit_lowest(mask));
        p += n;
    }
    open->address = run.address;
    open->position = run.position;
    open->slot = run.slot;
    open->crossed = run.crossed;
    return true;
}

static uint32_t scalar_count(const PFN_NUMBER *pfn, uint32_t pages, uint64_t boundary_pages)
{
    uint32_t breaks = 0;

    ms_assert(ms_is_power_of_two(boundary_pages));
    for (uint32_t i = 1; i < pages; i++)
        breaks += pfn[i] != pfn[i - 1] + 1 || (pfn[i] & (boundary_pages - 1)) == 0;
    return breaks;
}

const struct ms_sg_variant ms_sg_scalar = {
    .name = "scalar",
    .coalesce = scalar_coalesce,
    .count = scalar_count,
};
