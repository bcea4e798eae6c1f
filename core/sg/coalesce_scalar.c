/* SPDX-License-Identifier: MIT */
/*
 * coalesce_scalar.c: the coalescer without a word of any processor's: the reference for the others, and
 * what other architectures use. Where two words fit one of the compiler's own vectors it says so, and the
 * compiler does what the processor has.
 *
 * Memory is bimodal: no break at all and every page a break are the normal cases, and in between
 * breaks cannot be predicted. So there are three ways through a block, and the way that fitted the
 * last block is tried first:
 *
 *   joined   compare with the frames expected, two at once, and one branch for 32 pages
 *   broken   store each page as it comes, one branch a page, never taken
 *   mixed    a mask with a bit per break, made without branches, then a loop over its bits: one
 *            misprediction a block rather than two a run
 *
 * A piece of no more than one such block is looked at by its mask at once, unless it begins broken: each
 * way tried in vain would be a misprediction, and there are no further blocks to gain from the guess.
 */
#include "sg/coalesce.h"

enum {
    JOINED_PAGES = 32, /* a step where there are many */
    JOINED_FEW_PAGES = 8,
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

/* Two frames at once, in whatever the processor has for that. */
typedef uint64_t pair __attribute__((vector_size(16)));

/* From the start of a pair, so that no load lies in two cache lines and none is an instruction of its own. */
FORCEINLINE pair pair_load(const PFN_NUMBER *p)
{
    pair both;

    memcpy(&both, __builtin_assume_aligned(p, sizeof(both)), sizeof(both));
    return both;
}

/* What is expected and what was wrong, twice, so that no step waits for the one before. */
struct joined {
    pair want[2];
    pair wrong[2];
};

FORCEINLINE void joined_eight(const PFN_NUMBER *p, struct joined *joined)
{
    const pair four = {4, 4};

    joined->wrong[0] |= pair_load(p) ^ joined->want[0];
    joined->wrong[1] |= pair_load(p + 2) ^ joined->want[1];
    joined->want[0] += four;
    joined->want[1] += four;
    joined->wrong[0] |= pair_load(p + 4) ^ joined->want[0];
    joined->wrong[1] |= pair_load(p + 6) ^ joined->want[1];
    joined->want[0] += four;
    joined->want[1] += four;
}

/* Goes on while the next 32 pages all follow their predecessors: what is read against what is expected,
 * and one branch for all, which is never taken. Where a pair begins at the page before, that page is looked
 * at again: it is what it is. */
FORCEINLINE const PFN_NUMBER *skip_joined(const PFN_NUMBER *first, const PFN_NUMBER *end)
{
    uint64_t back = (uintptr_t)first / sizeof(*first) % 2;
    const PFN_NUMBER *p = first - back;
    uint64_t want = first[-1] + 1 - back;
    struct joined joined = {.want = {{want, want + 1}, {want + 2, want + 3}}};

    for (; end - p >= JOINED_PAGES; p += JOINED_PAGES) {
        joined.wrong[0] = joined.wrong[1] = (pair){0, 0};
        joined_eight(p, &joined);
        joined_eight(p + 8, &joined);
        joined_eight(p + 16, &joined);
        joined_eight(p + 24, &joined);
        joined.wrong[0] |= joined.wrong[1];
        if ((joined.wrong[0][0] | joined.wrong[0][1]) != 0)
            break;
    }
    return p < first ? first : p;
}

FORCEINLINE bool are_four_joined(const PFN_NUMBER *p, uint64_t want)
{
    return p[0] == want && p[1] == want + 1 && p[2] == want + 2 && p[3] == want + 3;
}

/* The same for 8 pages, of a piece with no more than a few of those: no vectors to set up. */
FORCEINLINE bool are_few_joined(const PFN_NUMBER *p)
{
    uint64_t want = p[-1] + 1;

    return are_four_joined(p, want) && are_four_joined(p + 4, want + 4);
}

FORCEINLINE uint64_t is_break(const PFN_NUMBER *p)
{
    return p[0] != p[-1] + 1;
}

/* Four bits more at the low end of a mask; from the top down, so that each step is a doubling and a carry. */
FORCEINLINE uint64_t mask_four(uint64_t mask, const PFN_NUMBER *p)
{
    mask = mask + mask + is_break(p + 3);
    mask = mask + mask + is_break(p + 2);
    mask = mask + mask + is_break(p + 1);
    return mask + mask + is_break(p);
}

/* Bit j: page p[j] does not follow its predecessor. */
FORCEINLINE uint64_t mask_make(const PFN_NUMBER *p, uint64_t pages)
{
    uint64_t mask = 0;

    for (; pages >= 8; pages -= 8)
        mask = mask_four(mask_four(mask, p + pages - 4), p + pages - 8);
    for (; pages >= 4; pages -= 4)
        mask = mask_four(mask, p + pages - 4);
    for (; pages > 0; pages--)
        mask = mask + mask + is_break(p + pages - 1);
    return mask;
}

/* All of the four, without a branch: in a random mixture this is rare enough to be foreseen. */
FORCEINLINE bool are_four_broken(const PFN_NUMBER *p)
{
    return (is_break(p) & is_break(p + 1) & is_break(p + 2) & is_break(p + 3)) != 0;
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

/* The breaks of `mask`, of which bit 0 is page `p`. */
FORCEINLINE void run_mask(struct run *run, const PFN_NUMBER *p, uint64_t mask)
{
    for (; mask != 0; mask &= mask - 1)
        run_break(run, p + ms_bit_lowest(mask));
}

FORCEINLINE struct run run_start(const PFN_NUMBER *pfn, const struct ms_sg_open *open)
{
    return (struct run){pfn, open->address, open->position, open->slot, open->crossed};
}

FORCEINLINE void run_leave(const struct run *run, struct ms_sg_open *open)
{
    open->address = run->address;
    open->position = run->position;
    open->slot = run->slot;
    open->crossed = run->crossed;
}

static bool scalar_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    struct run run = run_start(pfn, open);
    const PFN_NUMBER *p = pfn + 1;
    const PFN_NUMBER *end = pfn + pages;
    uint64_t block = MIXED_PAGES;

    if ((size_t)(open->slot_end - open->slot) < (size_t)pages * MS_SG_SLOT_BYTES)
        return careful_coalesce(pfn, pages, open);
    if (pages <= MIXED_MORE_PAGES) {
        if (pages > 4 && are_four_broken(p))
            p = run_broken(&run, p, end);
        run_mask(&run, p, mask_make(p, (uint64_t)(end - p)));
        run_leave(&run, open);
        return true;
    }
    if (is_break(p))
        p = run_broken(&run, p, end);
    while (p < end) {
        if (block == MIXED_PAGES) {
            p = skip_joined(p, end);
            while (end - p >= JOINED_FEW_PAGES && are_few_joined(p))
                p += JOINED_FEW_PAGES;
            /* The rest with pages looked at before: a break among those only costs time. */
            if (p == end || (end - p < JOINED_FEW_PAGES && are_few_joined(end - JOINED_FEW_PAGES)))
                break;
        }
        uint64_t n = ms_min_u64((uint64_t)(end - p), block);
        uint64_t mask = mask_make(p, n);
        if (mask == UINT64_MAX >> (64 - MIXED_PAGES) ||
            mask == UINT64_MAX >> (64 - MIXED_MORE_PAGES)) {
            p = run_broken(&run, p, end);
            continue;
        }
        block = (mask & (mask - 1)) == 0 ? MIXED_PAGES : MIXED_MORE_PAGES;
        run_mask(&run, p, mask);
        p += n;
    }
    run_leave(&run, open);
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
