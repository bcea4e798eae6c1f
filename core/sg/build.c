/* SPDX-License-Identifier: MIT */
/*
 * build.c: the walk along a chain that makes a list when nothing is in the way: all pages in reach,
 * no limit inside a page. It does not test limits page by page. It tries, and asks at the end, with
 * one OR over all elements each, whether one crossed a boundary or lies out of reach; then the list
 * is made again by general.c.
 *
 * Picture     chain      [mdl 0: skip | piece ][mdl 1: piece     ][mdl 2: pie|ce ]
 *             per piece  up to SHORT_PAGES pages here, more by the coalescer
 *             open run   address, position (see coalesce.h); closed at the piece's end, or carried
 * on where MDLs may merge and the next piece starts where this one ended
 *
 * The vector code stays behind a pointer: inlined, it would make every one-page call save registers
 * that it never uses.
 */
#include "sg/coalesce.h"
#include "sg/general.h"

enum { SHORT_PAGES = 5 };

/* How a fast walk ended. */
enum walked {
    WALKED_ALL,
    WALKED_FULL,    /* no slot for the next element: what is written is what can be mapped */
    WALKED_INVALID, /* MTX-06, MTX-22 */
};

/* What a fast walk leaves behind. */
struct built {
    uint8_t *slot;           /* behind the last element */
    uint64_t crossed;        /* see ms_sg_open */
    uint64_t unmapped;       /* WALKED_FULL: bytes of the range that the elements do not describe */
    struct ms_mdl_cursor at; /* WALKED_ALL: the MDL of the last byte */
};

/* An MDL that contributes must be locked, nonpaged, or partial of such, or device memory: MTX-22.
 */
static bool mdl_may_be_mapped(const MDL *mdl)
{
    return ms_mdl_is_resident(mdl);
}

/* The short way through a piece: a branch per page beats a call. */
static bool short_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
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

static enum walked walk_fast(const struct ms_sg_builder *builder,
                             const struct ms_sg_request *request, SCATTER_GATHER_LIST *list,
                             uint32_t capacity, struct built *built)
{
    const bool merges = builder->limits.merge_mdls;
    struct ms_sg_open open = {.slot = ms_sg_slots(list)};
    MDL *mdl = request->at.mdl;
    uint64_t base = request->at.base;
    uint64_t skip = request->offset - base;
    uint64_t left = request->length;
    uint64_t run_bytes = 0; /* of the run carried on from the MDL before; 0: none */

    open.slot_end = open.slot + (size_t)capacity * MS_SG_SLOT_BYTES;
    for (;;) {
        while (mdl && skip >= mdl->ByteCount) { /* MTX-04, MTX-23 */
            skip -= mdl->ByteCount;
            base += mdl->ByteCount;
            mdl = mdl->Next;
        }
        if (!mdl || !mdl_may_be_mapped(mdl))
            return WALKED_INVALID;

        uint64_t first = mdl->ByteOffset + skip; /* MDL-20: may pass pages */
        const PFN_NUMBER *pfn = ms_mdl_frames(mdl) + (first >> MS_PAGE_SHIFT);
        uint64_t bytes = ms_min_u64(mdl->ByteCount - skip, left);
        uint64_t address = (pfn[0] << MS_PAGE_SHIFT) + first % MS_PAGE_BYTES;
        uint64_t piece_begin = first % MS_PAGE_BYTES;
        uint64_t piece_end = piece_begin + bytes;
        uint32_t pages = (uint32_t)((piece_end + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT);

        /* Byte addresses decide, not frames: a header and its payload may share a page. */
        if (run_bytes > 0 && open.address + run_bytes == address) {
            open.position = piece_begin - run_bytes;
        } else {
            if (run_bytes > 0 && !ms_sg_open_close(&open, run_bytes)) {
                built->unmapped = left + run_bytes;
                break;
            }
            open.address = address;
            open.position = piece_begin;
        }

        bool has_room = pages <= SHORT_PAGES ? short_coalesce(pfn, pages, &open)
                                             : builder->variant->coalesce(pfn, pages, &open);
        run_bytes = piece_end - open.position;
        if (has_room && !merges) {
            has_room = ms_sg_open_close(&open, run_bytes); /* SGE-03 */
            run_bytes = has_room ? 0 : run_bytes;
        }
        if (!has_room) {
            built->unmapped = left - bytes + run_bytes;
            break;
        }
        left -= bytes;
        if (left == 0) {
            if (run_bytes > 0 && !ms_sg_open_close(&open, run_bytes)) {
                built->unmapped = run_bytes;
                break;
            }
            *built = (struct built){open.slot, open.crossed, 0, {mdl, base}};
            return WALKED_ALL;
        }
        skip += bytes;
    }
    built->slot = open.slot;
    built->crossed = open.crossed;
    return WALKED_FULL;
}

/* OR of all last bytes: with a reach of 2^w - 1, some element is out of reach exactly when a bit
 * from w up is set (DDX-26). */
static bool slots_are_in_reach(const uint8_t *slot, const uint8_t *slot_end, uint64_t reach_last)
{
    uint64_t all = 0;

    for (; slot < slot_end; slot += MS_SG_SLOT_BYTES) {
        uint64_t words[2];
        memcpy(words, slot, sizeof(words));
        all |= words[0] + words[1] - 1;
    }
    return (all & ~reach_last) == 0;
}

NTSTATUS ms_sg_map(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                   SCATTER_GATHER_LIST *list, uint32_t capacity, struct ms_sg_mapped *mapped)
{
    struct built built;

    ms_assert(capacity >= 1);
    ms_assert(request->length >= 1);
    ms_assert(request->at.base <= request->offset);
    if (MS_UNLIKELY(!builder->is_plain || request->check_pfns))
        return ms_sg_map_general(builder, request, list, capacity, mapped);

    capacity = (uint32_t)ms_min_u64(capacity, builder->limits.elements_max);
    enum walked walked = walk_fast(builder, request, list, capacity, &built);
    if (MS_UNLIKELY(walked == WALKED_INVALID))
        return STATUS_INVALID_PARAMETER;

    const uint8_t *slots = ms_sg_slots(list);
    if (MS_UNLIKELY((built.crossed & ~(builder->limits.boundary - 1)) != 0))
        return ms_sg_map_general(builder, request, list, capacity, mapped);
    if (MS_UNLIKELY(!builder->is_direct) &&
        !slots_are_in_reach(slots, built.slot, builder->limits.reach_last))
        return ms_sg_map_general(builder, request, list, capacity, mapped);
    /* A bad range is no matter of resources, also behind the cut (MTX-59). */
    if (MS_UNLIKELY(walked == WALKED_FULL) &&
        !ms_sg_range_is_valid(builder, request->at, request->offset, request->length, false))
        return STATUS_INVALID_PARAMETER;

    uint32_t elements = (uint32_t)((size_t)(built.slot - slots) / MS_SG_SLOT_BYTES);
    ms_assert(elements > 0);
    ms_sg_header_store(list, elements); /* the header last: MTX-57 */
    mapped->bytes = request->length - (uint32_t)built.unmapped;
    mapped->elements = elements;
    mapped->registers = 0;
    if (MS_LIKELY(walked == WALKED_ALL))
        request->at = built.at;
    else
        ms_sg_cursor_leave(&request->at, request->offset, mapped->bytes);
    return STATUS_SUCCESS;
}
