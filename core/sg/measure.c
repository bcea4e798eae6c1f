/* SPDX-License-Identifier: MIT */
/*
 * measure.c: how big a mapping of a range would be. Exact where every page is direct; where pages
 * bounce, each is counted as an element of its own, because which registers it will get is not
 * known (GTI-08: never less). Splitting a run never makes fewer elements, so this is an upper
 * bound.
 */
#include "sg/coalesce.h"
#include "sg/general.h"

/* The run of neighbours that the measuring is in; closed runs are counted. */
struct gauge {
    const struct ms_sg_builder *builder;
    const struct ms_sg_limits *limits;
    uint64_t element_bytes_max; /* a multiple of the unit */
    uint64_t first;
    uint64_t bytes; /* 0: no run */
    uint64_t elements;
    bool exceeds;
};

/* Elements that a contiguous run needs: cut at boundaries, then by length; the last of those is whole units, or
 * the list ends there (SGE-09). */
static void gauge_run(struct gauge *gauge, uint64_t first, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t to_boundary = (first | (gauge->limits->boundary - 1)) - first + 1;
        uint64_t step = ms_min_u64(bytes, to_boundary);

        gauge->elements += (step + gauge->element_bytes_max - 1) / gauge->element_bytes_max;
        gauge->exceeds |= step % gauge->element_bytes_max % gauge->limits->unit != 0;
        first += step;
        bytes -= step;
    }
}

static void gauge_close(struct gauge *gauge)
{
    gauge_run(gauge, gauge->first, gauge->bytes);
    gauge->bytes = 0;
}

static void gauge_append(struct gauge *gauge, uint64_t first, uint64_t bytes, bool may_join)
{
    if (gauge->bytes > 0 && (!may_join || gauge->first + gauge->bytes != first))
        gauge_close(gauge);
    if (gauge->bytes == 0)
        gauge->first = first;
    gauge->bytes += bytes;
}

static void gauge_piece(struct gauge *gauge, struct ms_sg_measure *need,
                        const struct ms_sg_piece *piece)
{
    for (uint32_t i = 0; i < piece->pages; i++) {
        struct ms_sg_part part = ms_sg_piece_part(piece, i);

        if (ms_sg_part_bounces(gauge->limits, part)) {
            gauge_close(gauge);
            /* Its page offset is kept (MRG-18), so boundaries inside the page are known. */
            gauge_run(gauge, part.address, part.bytes);
            gauge->exceeds |= !ms_sg_part_may_bounce(gauge->builder, part);
            need->registers++;
        } else {
            gauge_append(gauge, part.address, part.bytes, i > 0 || gauge->limits->merge_mdls);
        }
    }
}

/* `first`: where the one element begins; of a run of registers, which crosses no boundary of more than a page,
 * the place in its page will do. */
static bool block_exceeds(const struct gauge *gauge, uint64_t first, uint64_t bytes)
{
    return bytes > gauge->element_bytes_max || bytes % gauge->limits->unit != 0 ||
           ((first ^ (first + bytes - 1)) & ~(gauge->limits->boundary - 1)) != 0;
}

static void gauge_block(struct gauge *gauge, struct ms_sg_measure *need,
                        const struct ms_sg_piece *piece)
{
    bool is_block = ms_sg_piece_is_block(gauge->limits, piece);
    uint64_t page = is_block ? piece->pfn[0] << MS_PAGE_SHIFT : 0;

    gauge->elements++; /* MTX-34, GTI-09 */
    gauge->exceeds |= block_exceeds(gauge, page + piece->first_offset, piece->bytes);
    if (is_block)
        return;
    need->registers += piece->pages;
    for (uint32_t i = 0; i < piece->pages && !gauge->exceeds; i++)
        gauge->exceeds = !ms_sg_part_may_bounce(gauge->builder, ms_sg_piece_part(piece, i));
}

/* All pages direct, no limit inside a page: only breaks and boundaries count. */
static void gauge_plain(struct gauge *gauge, const struct ms_sg_builder *builder,
                        const struct ms_sg_piece *piece)
{
    gauge->elements += 1 + builder->variant->count(piece->pfn, piece->pages,
                                                   builder->limits.boundary >> MS_PAGE_SHIFT);
}

NTSTATUS ms_sg_measure(const struct ms_sg_builder *builder, struct ms_mdl_cursor at,
                       uint64_t offset, uint32_t length, struct ms_sg_measure *need)
{
    const struct ms_sg_limits *limits = &builder->limits;
    struct ms_sg_measure result = {0};
    struct gauge gauge = {
        .builder = builder,
        .limits = limits,
        .element_bytes_max = limits->element_bytes_max - limits->element_bytes_max % limits->unit,
    };
    struct ms_sg_walk walk = ms_sg_walk_start(at, offset, length);
    struct ms_sg_piece piece;

    if (gauge.element_bytes_max == 0) { /* such a device maps nothing; any answer is no less */
        gauge.element_bytes_max = 1;
        gauge.exceeds = true;
    }
    while (ms_sg_walk_next(&walk, &piece)) {
        if (!ms_mdl_is_resident(piece.mdl)) /* GTI-14 */
            return STATUS_INVALID_PARAMETER;
        result.logical_pages += piece.pages; /* GTI-12 */
        if (limits->contiguous)
            gauge_block(&gauge, &result, &piece);
        else if (builder->is_plain && builder->is_direct && !limits->merge_mdls &&
                 ms_mdl_is_resident_ram(piece.mdl))
            gauge_plain(&gauge, builder, &piece);
        else
            gauge_piece(&gauge, &result, &piece);
    }
    if (walk.left > 0)
        return STATUS_INVALID_PARAMETER; /* GTI-11 */

    gauge_close(&gauge);
    result.exceeds = gauge.exceeds;
    result.elements = (uint32_t)ms_min_u64(gauge.elements, UINT32_MAX);
    *need = result;
    return STATUS_SUCCESS;
}
