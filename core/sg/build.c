/* SPDX-License-Identifier: MIT */
/*
 * build.c: the walk along a chain that makes a list when nothing is in the way: all pages in reach,
 * no limit inside a page. (Reaching all of RAM is not reaching the memory of another device: an MDL
 * of such is looked at as if for a device of short reach.) It does not test limits page by page. It tries, and asks at the end, with
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
    uint8_t *slot;     /* behind the last element */
    uint64_t crossed;  /* see ms_sg_open */
    uint64_t unmapped; /* WALKED_FULL: bytes of the range that the elements do not describe */
    bool has_device;   /* some MDL is memory of a device, which no adapter is known to reach */
    struct ms_mdl_cursor at; /* WALKED_ALL: the MDL of the last byte */
};

/* Writes a run as an element; false when no slot is left. */
FORCEINLINE bool run_close(uint8_t **slot, const uint8_t *slot_end, uint64_t *crossed,
                           uint64_t address, uint64_t bytes)
{
    if (MS_UNLIKELY(*slot == slot_end))
        return false;
    ms_sg_slot_store(*slot, address, bytes);
    *crossed |= ms_sg_crossing(address, bytes);
    *slot += MS_SG_SLOT_BYTES;
    return true;
}

static enum walked walk_full(struct built *built, uint8_t *slot, uint64_t crossed,
                             uint64_t unmapped)
{
    built->slot = slot;
    built->crossed = crossed;
    built->unmapped = unmapped;
    return WALKED_FULL;
}

/* Goes along whole MDLs that lie within one page each: packets, for instance. Such a piece crosses
 * no boundary. Returns what is left of the range; if that is 0, the cursor stays on the last MDL.
 */
FORCEINLINE uint64_t walk_singles(MDL **at, uint64_t *base, uint64_t left, uint8_t **slot,
                                  const uint8_t *slot_end)
{
    for (MDL *mdl = *at; mdl; mdl = *at = mdl->Next) {
        uint64_t bytes = mdl->ByteCount;

        /* bytes - 1: an empty MDL fails the test as well (MTX-23). */
        if (bytes - 1 >= left || mdl->ByteOffset + bytes > MS_PAGE_BYTES || *slot == slot_end ||
            !ms_mdl_is_resident_ram(mdl))
            break;
        ms_sg_slot_store(*slot, (ms_mdl_frames(mdl)[0] << MS_PAGE_SHIFT) + mdl->ByteOffset, bytes);
        *slot += MS_SG_SLOT_BYTES;
        left -= bytes;
        if (left == 0)
            break;
        *base += bytes;
    }
    return left;
}

/* The walk itself; `merges` is a constant in each of its two copies. */
FORCEINLINE enum walked walk(const struct ms_sg_builder *builder,
                             const struct ms_sg_request *request, SCATTER_GATHER_LIST *list,
                             uint32_t capacity, struct built *built, const bool merges)
{
    /* The open run and the output live in registers; `spill` is for the coalescer. */
    struct ms_sg_open spill;
    uint8_t *slot = ms_sg_slots(list);
    uint8_t *const slot_end = slot + (size_t)capacity * MS_SG_SLOT_BYTES;
    uint64_t crossed = 0;
    uint64_t run_first = 0;
    uint64_t run_bytes = 0; /* of the run carried on from the MDL before; 0: none */
    MDL *mdl = request->at.mdl;
    uint64_t base = request->at.base;
    uint64_t skip = request->offset - base;
    uint64_t left = request->length;

    built->has_device = false;
    for (;;) {
        if (!merges && skip == 0) {
            left = walk_singles(&mdl, &base, left, &slot, slot_end);
            if (left == 0)
                break;
        }
        while (MS_UNLIKELY(!mdl || skip >= mdl->ByteCount)) { /* MTX-04, MTX-23 */
            if (!mdl)
                return WALKED_INVALID; /* MTX-06 */
            skip -= mdl->ByteCount;
            base += mdl->ByteCount;
            mdl = mdl->Next;
        }
        if (MS_UNLIKELY(!ms_mdl_is_resident_ram(mdl))) {
            if (!ms_mdl_is_resident(mdl))
                return WALKED_INVALID; /* MTX-22 */
            built->has_device = true;
        }

        uint64_t first = mdl->ByteOffset + skip; /* MDL-20: may pass pages */
        const PFN_NUMBER *pfn = ms_mdl_frames(mdl) + (first >> MS_PAGE_SHIFT);
        uint64_t bytes = ms_min_u64(mdl->ByteCount - skip, left);
        uint64_t position = first % MS_PAGE_BYTES;
        uint64_t piece_end = position + bytes;
        uint64_t address = (pfn[0] << MS_PAGE_SHIFT) + position;

        left -= bytes;
        if (merges && run_bytes > 0) {
            /* Byte addresses decide, not frames: a header and its payload may share a page. */
            if (run_first + run_bytes == address) {
                address = run_first;
                position -= run_bytes;
            } else if (!run_close(&slot, slot_end, &crossed, run_first, run_bytes)) {
                return walk_full(built, slot, crossed, left + bytes + run_bytes);
            }
        }

        if (piece_end > (uint64_t)SHORT_PAGES << MS_PAGE_SHIFT) {
            uint32_t pages = (uint32_t)((piece_end + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT);

            spill = (struct ms_sg_open){address, position, slot, slot_end, crossed};
            bool has_room = builder->variant->coalesce(pfn, pages, &spill);
            address = spill.address;
            position = spill.position;
            slot = spill.slot;
            crossed = spill.crossed;
            if (MS_UNLIKELY(!has_room))
                return walk_full(built, slot, crossed, left + (piece_end - position));
        } else {
            /* Few pages: a branch each beats a call. */
            for (uint64_t at = MS_PAGE_BYTES; at < piece_end; at += MS_PAGE_BYTES, pfn++) {
                if (pfn[1] == pfn[0] + 1)
                    continue;
                if (!run_close(&slot, slot_end, &crossed, address, at - position))
                    return walk_full(built, slot, crossed, left + (piece_end - position));
                address = pfn[1] << MS_PAGE_SHIFT;
                position = at;
            }
        }

        if (merges) {
            run_first = address;
            run_bytes = piece_end - position;
        } else if (!run_close(&slot, slot_end, &crossed, address,
                              piece_end - position)) { /* SGE-03 */
            return walk_full(built, slot, crossed, left + (piece_end - position));
        }
        if (left == 0)
            break;
        base += mdl->ByteCount;
        mdl = mdl->Next;
        skip = 0;
    }
    if (merges && !run_close(&slot, slot_end, &crossed, run_first, run_bytes))
        return walk_full(built, slot, crossed, run_bytes);
    built->slot = slot;
    built->crossed = crossed;
    built->unmapped = 0;
    built->at.mdl = mdl;
    built->at.base = base;
    return WALKED_ALL;
}

static enum walked walk_apart(const struct ms_sg_builder *builder,
                              const struct ms_sg_request *request, SCATTER_GATHER_LIST *list,
                              uint32_t capacity, struct built *built)
{
    return walk(builder, request, list, capacity, built, false);
}

static enum walked walk_merging(const struct ms_sg_builder *builder,
                                const struct ms_sg_request *request, SCATTER_GATHER_LIST *list,
                                uint32_t capacity, struct built *built)
{
    return walk(builder, request, list, capacity, built, true);
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

/* The header last: MTX-57. */
FORCEINLINE void map_finish(SCATTER_GATHER_LIST *list, const uint8_t *slot_end, uint32_t bytes,
                            struct ms_sg_mapped *mapped)
{
    uint32_t elements = (uint32_t)((size_t)(slot_end - ms_sg_slots(list)) / MS_SG_SLOT_BYTES);

    ms_assert(elements > 0);
    ms_sg_header_store(list, elements);
    mapped->bytes = bytes;
    mapped->elements = elements;
    mapped->registers = 0;
}

static DECLSPEC_NOINLINE NTSTATUS map_long(const struct ms_sg_builder *builder,
                                           struct ms_sg_request *request, SCATTER_GATHER_LIST *list,
                                           uint32_t capacity, struct ms_sg_mapped *mapped)
{
    struct built built;

    if (MS_UNLIKELY(!builder->is_plain || request->check_pfns))
        return ms_sg_map_general(builder, request, list, capacity, mapped);

    capacity = (uint32_t)ms_min_u64(capacity, builder->limits.elements_max);
    enum walked walked = builder->limits.merge_mdls
                             ? walk_merging(builder, request, list, capacity, &built)
                             : walk_apart(builder, request, list, capacity, &built);
    if (MS_UNLIKELY(walked == WALKED_INVALID))
        return STATUS_INVALID_PARAMETER;

    const uint8_t *slots = ms_sg_slots(list);
    if (MS_UNLIKELY((built.crossed & ~(builder->limits.boundary - 1)) != 0))
        return ms_sg_map_general(builder, request, list, capacity, mapped);
    if (MS_UNLIKELY(!builder->is_direct || built.has_device) &&
        !slots_are_in_reach(slots, built.slot, builder->limits.reach_last))
        return builder->is_bouncing && ms_sg_map_bouncing(builder, request, list, capacity, mapped)
                   ? STATUS_SUCCESS
                   : ms_sg_map_general(builder, request, list, capacity, mapped);
    /* A bad range is no matter of resources, also behind the cut (MTX-59). */
    if (MS_UNLIKELY(walked == WALKED_FULL) &&
        !ms_sg_range_is_valid(builder, request->at, request->offset, request->length, false))
        return STATUS_INVALID_PARAMETER;

    map_finish(list, built.slot, request->length - (uint32_t)built.unmapped, mapped);
    if (MS_LIKELY(walked == WALKED_ALL))
        request->at = built.at;
    else
        ms_sg_cursor_leave(&request->at, request->offset, mapped->bytes);
    return STATUS_SUCCESS;
}

/* One piece of many pages, simple in the builder's sense. */
static DECLSPEC_NOINLINE NTSTATUS map_piece(const struct ms_sg_builder *builder,
                                            struct ms_sg_request *request,
                                            SCATTER_GATHER_LIST *list, uint32_t capacity,
                                            struct ms_sg_mapped *mapped)
{
    const MDL *mdl = request->at.mdl;
    uint64_t first = mdl->ByteOffset + (request->offset - request->at.base);
    uint64_t position = first % MS_PAGE_BYTES;
    const PFN_NUMBER *pfn = ms_mdl_frames(mdl) + (first >> MS_PAGE_SHIFT);
    uint64_t piece_end = position + request->length;
    struct ms_sg_open open = {
        .address = (pfn[0] << MS_PAGE_SHIFT) + position,
        .position = position,
        .slot = ms_sg_slots(list),
        .slot_end = ms_sg_slots(list) + (size_t)capacity * MS_SG_SLOT_BYTES,
    };

    if (!builder->variant->coalesce(
            pfn, (uint32_t)((piece_end + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT), &open) ||
        !ms_sg_open_close(&open, piece_end - open.position) ||
        open.crossed >= builder->limits.boundary)
        return map_long(builder, request, list, capacity, mapped);

    map_finish(list, open.slot, request->length, mapped);
    return STATUS_SUCCESS;
}

/* A few pages of one MDL, all direct: a branch a page beats a call. One page crosses no boundary, and a run does
 * so where it steps from page to page. */
static DECLSPEC_NOINLINE NTSTATUS map_short(const struct ms_sg_builder *builder,
                                            struct ms_sg_request *request,
                                            SCATTER_GATHER_LIST *list, uint32_t capacity,
                                            struct ms_sg_mapped *mapped)
{
    const MDL *mdl = request->at.mdl;
    uint64_t first =
        mdl->ByteOffset + (request->offset - request->at.base); /* MDL-20: may pass pages */
    uint64_t position = first % MS_PAGE_BYTES;
    uint64_t piece_end = position + request->length;
    const PFN_NUMBER *pfn = ms_mdl_frames(mdl) + (first >> MS_PAGE_SHIFT);
    uint64_t address = (pfn[0] << MS_PAGE_SHIFT) + position;
    uint64_t stepped = 0;
    uint8_t *slot = ms_sg_slots(list);

    if (MS_UNLIKELY(piece_end > (uint64_t)capacity << MS_PAGE_SHIFT))
        return map_long(builder, request, list, capacity, mapped);
    for (uint64_t at = MS_PAGE_BYTES; at < piece_end; at += MS_PAGE_BYTES, pfn++) {
        if (pfn[1] == pfn[0] + 1) {
            stepped |= pfn[1] ^ pfn[0];
            continue;
        }
        ms_sg_slot_store(slot, address, at - position);
        slot += MS_SG_SLOT_BYTES;
        address = pfn[1] << MS_PAGE_SHIFT;
        position = at;
    }
    if (MS_UNLIKELY(stepped >= builder->limits.boundary >> MS_PAGE_SHIFT))
        return map_long(builder, request, list, capacity, mapped);
    ms_sg_slot_store(slot, address, piece_end - position);
    map_finish(list, slot + MS_SG_SLOT_BYTES, request->length, mapped);
    return STATUS_SUCCESS;
}

/* A packet: several MDLs, each within one page. */
static DECLSPEC_NOINLINE NTSTATUS map_packet(const struct ms_sg_builder *builder,
                                             struct ms_sg_request *request,
                                             SCATTER_GATHER_LIST *list, uint32_t capacity,
                                             struct ms_sg_mapped *mapped)
{
    MDL *mdl = request->at.mdl;
    uint64_t base = request->at.base;
    uint8_t *slot = ms_sg_slots(list);

    if (request->offset != base || walk_singles(&mdl, &base, request->length, &slot,
                                                slot + (size_t)capacity * MS_SG_SLOT_BYTES) > 0)
        return map_long(builder, request, list, capacity, mapped);
    request->at.mdl = mdl;
    request->at.base = base;
    map_finish(list, slot, request->length, mapped);
    return STATUS_SUCCESS;
}

/* The first byte of the range is in reach, so perhaps all are. */
static bool begins_in_reach(const struct ms_sg_builder *builder,
                            const struct ms_sg_request *request)
{
    struct ms_sg_walk walk = ms_sg_walk_start(request->at, request->offset, 1);
    struct ms_sg_piece piece;

    return ms_sg_walk_next(&walk, &piece) &&
           ms_sg_piece_part(&piece, 0).address <= builder->limits.reach_last;
}

/* What ms_sg_map has no way of its own for. */
static DECLSPEC_NOINLINE NTSTATUS map_any(const struct ms_sg_builder *builder,
                                          struct ms_sg_request *request, SCATTER_GATHER_LIST *list,
                                          uint32_t capacity, struct ms_sg_mapped *mapped)
{
    if (builder->is_bouncing && !request->check_pfns &&
        (builder->limits.contiguous || !begins_in_reach(builder, request)) &&
        ms_sg_map_bouncing(builder, request, list, capacity, mapped))
        return STATUS_SUCCESS;
    return map_long(builder, request, list, capacity, mapped);
}

/* Only decides which way to go, and jumps there: it has no registers to save. */
NTSTATUS ms_sg_map(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                   SCATTER_GATHER_LIST *list, uint32_t capacity, struct ms_sg_mapped *mapped)
{
    const MDL *mdl = request->at.mdl;
    uint64_t skip = request->offset - request->at.base;
    uint64_t first;

    ms_assert(capacity >= 1);
    ms_assert(request->length >= 1);
    ms_assert(request->at.base <= request->offset);
    if (MS_UNLIKELY(!builder->is_simple || request->check_pfns || !mdl || skip >= mdl->ByteCount ||
                    !ms_mdl_is_resident_ram(mdl)))
        return map_any(builder, request, list, capacity, mapped);
    if (request->length > mdl->ByteCount - skip)
        return builder->limits.merge_mdls ? map_long(builder, request, list, capacity, mapped)
                                          : map_packet(builder, request, list, capacity, mapped);
    first = mdl->ByteOffset + skip; /* MDL-20: may pass pages */
    if (first % MS_PAGE_BYTES + request->length > MS_PAGE_BYTES)
        return first % MS_PAGE_BYTES + request->length > (uint64_t)SHORT_PAGES << MS_PAGE_SHIFT
                   ? map_piece(builder, request, list, capacity, mapped)
                   : map_short(builder, request, list, capacity, mapped);
    ms_sg_list_page(
        list, (ms_mdl_frames(mdl)[first >> MS_PAGE_SHIFT] << MS_PAGE_SHIFT) + first % MS_PAGE_BYTES,
        request->length);
    *mapped = (struct ms_sg_mapped){.bytes = request->length, .elements = 1};
    return STATUS_SUCCESS;
}
