/* SPDX-License-Identifier: MIT */
/*
 * coalesce_blocks.h: what the vector coalescers share: how a piece is cut into blocks and which way
 * each block goes. Included once by each of them, behind its own definitions of
 *
 *   LEAF, FAR         how its functions are declared: inlined always or never, with the target
 *   BLOCK, mask_bits  pages in a block, and a type with a bit for each
 *   BROKEN_MIN        the fewest breaks that singles_put can store
 *   MIXED_RATIO       more breaks than n / MIXED_RATIO are worth mixture_put
 *   MIXED_SPARE       slots that mixture_put may touch behind those that count
 *   mask_short        a bit per break among p[0 .. n), 1 <= n <= BLOCK
 *   mask_block        the same for n = BLOCK
 *   is_joined         whether that mask is 0, without making it
 *   singles_put       elements of one page for p[-1 .. n - 1), BROKEN_MIN <= n <= BLOCK
 *   singles_try       the same for n = BLOCK; returns whether p[0 .. BLOCK) were all breaks
 *   mixture_put       elements for the breaks of a mask; see there
 *
 * Idea        memory is bimodal, so a block is mostly what the block before was, and that is tried
 *             first: joined blocks are only compared, broken ones stored while they are compared.
 *             Only what is left gets a mask and the loop over its bits, or the way for many bits.
 * Edges       the last block of a piece is its last BLOCK pages, whatever was done with some of them
 *             before: looking at a page twice gives the same bit, and bits of finished pages are
 *             shifted out. No load leaves pfn[0 .. pages); no store leaves the slots given, and what
 *             it writes without counting lies in slots that are still free.
 */

enum kind { MIXED, BROKEN };

/* The open run and the output, in locals: through a pointer each store would force reloads. */
struct run {
    const PFN_NUMBER *pfn; /* of the piece's page 0 */
    uint64_t address;
    uint64_t position;
    uint8_t *slot;
    const uint8_t *slot_end;
    uint64_t crossed;
};

LEAF mask_bits mask_full(uint32_t n)
{
    return (mask_bits)((mask_bits) ~(mask_bits)0 >> (BLOCK - n));
}

LEAF uint64_t run_place(const struct run *run, const PFN_NUMBER *p)
{
    return (uint64_t)(p - run->pfn) << MS_PAGE_SHIFT;
}

LEAF bool has_room(const struct run *run, uint64_t elements)
{
    return (size_t)(run->slot_end - run->slot) >= elements * MS_SG_SLOT_BYTES;
}

/* The next run starts at page `p`. */
LEAF void run_open(struct run *run, const PFN_NUMBER *p)
{
    run->address = *p << MS_PAGE_SHIFT;
    run->position = run_place(run, p);
}

/* One by one; false when no slot is left. */
LEAF bool run_breaks(struct run *run, const PFN_NUMBER *p, mask_bits mask)
{
    for (; mask != 0; mask &= mask - 1) {
        const PFN_NUMBER *at = p + ms_bit_lowest(mask);
        uint64_t bytes = run_place(run, at) - run->position;

        if (MS_UNLIKELY(run->slot == run->slot_end))
            return false;
        ms_sg_slot_store(run->slot, run->address, bytes);
        run->crossed |= ms_sg_crossing(run->address, bytes);
        run->slot += MS_SG_SLOT_BYTES;
        run_open(run, at);
    }
    return true;
}

/* n consecutive breaks from `p` on are stored, but the first element is the run that came in. */
LEAF void run_broke(struct run *run, const PFN_NUMBER *p, uint64_t n)
{
    uint64_t bytes = run_place(run, p) - run->position;

    ms_sg_slot_store(run->slot, run->address, bytes);
    run->crossed |= ms_sg_crossing(run->address, bytes);
    run->slot += n * MS_SG_SLOT_BYTES;
    run_open(run, p + n - 1);
}

/* Many breaks of a mask, by mixture_put. */
LEAF void run_mixed(struct run *run, const PFN_NUMBER *p, uint32_t n, mask_bits mask)
{
    uint64_t first = run_place(run, p + ms_bit_lowest(mask));

    /* A run crosses a boundary where one of its pages steps over it. The run that came in may have
     * done so in an earlier block. */
    run->crossed |= ms_sg_crossing(run->address, first - run->position);
    ms_sg_word_store(run->slot, run->address);
    run->crossed |= mixture_put(run->slot, p, n, mask, run_place(run, p) - run->position)
                    << MS_PAGE_SHIFT;
    run->slot += (size_t)ms_bits_count(mask) * MS_SG_SLOT_BYTES;
    run_open(run, p + ms_bit_highest(mask));
}

/* The way through a mask that costs least. */
LEAF bool run_mask(struct run *run, const PFN_NUMBER *p, uint32_t n, mask_bits mask)
{
    uint32_t breaks = ms_bits_count(mask);

    if (breaks == n && n >= BROKEN_MIN && has_room(run, n)) {
        singles_put(run->slot, p, n);
        run_broke(run, p, n);
        return true;
    }
    if (breaks * MIXED_RATIO > n && n >= BROKEN_MIN && has_room(run, breaks + MIXED_SPARE)) {
        run_mixed(run, p, n, mask);
        return true;
    }
    return run_breaks(run, p, mask);
}

/* Blocks of joined pages from `p` on; the block before `p` is joined too, so that stepping back to
 * the start of a cache line looks at nothing new. */
LEAF const PFN_NUMBER *skip_joined(const PFN_NUMBER *p, const PFN_NUMBER *end)
{
    p -= (uintptr_t)p % MS_CACHE_LINE / sizeof(PFN_NUMBER);
    while (end - p >= BLOCK && is_joined(p))
        p += BLOCK;
    return p;
}

/* A piece of more than a block. */
LEAF bool run_blocks(struct run *run, const PFN_NUMBER *p, const PFN_NUMBER *end)
{
    enum kind kind = MIXED;

    while (end - p >= BLOCK) {
        if (kind == BROKEN && has_room(run, BLOCK) && singles_try(run->slot, p)) {
            run_broke(run, p, BLOCK);
            p += BLOCK;
            continue;
        }
        mask_bits mask = mask_block(p);
        if (mask == 0) {
            p = skip_joined(p + BLOCK, end);
            continue;
        }
        if (!run_mask(run, p, BLOCK, mask))
            return false;
        kind = mask == mask_full(BLOCK) ? BROKEN : MIXED;
        p += BLOCK;
    }
    if (p == end)
        return true;

    uint32_t n = (uint32_t)(end - p);
    return run_mask(run, p, n, mask_block(end - BLOCK) >> (BLOCK - n));
}

LEAF struct run run_start(const PFN_NUMBER *pfn, const struct ms_sg_open *open)
{
    return (struct run){pfn,        open->address,  open->position,
                        open->slot, open->slot_end, open->crossed};
}

LEAF void run_leave(const struct run *run, struct ms_sg_open *open)
{
    open->address = run->address;
    open->position = run->position;
    open->slot = run->slot;
    open->crossed = run->crossed;
}

FAR bool coalesce_mask(const PFN_NUMBER *pfn, uint32_t n, mask_bits mask, struct ms_sg_open *open)
{
    struct run run = run_start(pfn, open);
    bool has_done = run_mask(&run, pfn + 1, n, mask);

    run_leave(&run, open);
    return has_done;
}

FAR bool coalesce_blocks(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    struct run run = run_start(pfn, open);
    bool has_done = run_blocks(&run, pfn + 1, pfn + pages);

    run_leave(&run, open);
    return has_done;
}

/* A short piece without a break needs no register but those of the call. */
LEAF bool coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    uint32_t n = pages - 1;

    if (n > BLOCK)
        return coalesce_blocks(pfn, pages, open);
    if (n == 0)
        return true;
    mask_bits mask = mask_short(pfn + 1, n);
    return mask == 0 || coalesce_mask(pfn, n, mask, open);
}
