/* SPDX-License-Identifier: MIT */
/*
 * copy_back.c: bounced bytes between a buffer's pages and the map registers: in at the map, back at
 * the flush. Both walk the pieces again rather than the list, because a flush may be shorter than
 * its map and the driver may have changed the list.
 *
 * Which pages bounced follows from the pages themselves, so the walk needs no record of the map but
 * its size. Only in packet mode does that not suffice: the last piece may have been cut, and what
 * is left of it may look contiguous. There the number of registers tells.
 */
#include "sg/general.h"

/* One walk's state. */
struct bounce {
    const struct ms_sg_builder *builder;
    struct ms_reg_cursor registers;
    uint32_t registers_used;
    uint32_t bytes_left; /* still to copy */
    enum ms_sg_copy way;
};

static void bounce_part(struct bounce *bounce, struct ms_sg_part part)
{
    ms_reg reg = ms_reg_cursor_next(&bounce->registers);
    uint32_t bytes = (uint32_t)ms_min_u64(part.bytes, bounce->bytes_left);

    ms_require(reg != (ms_reg)MS_REG_NONE);
    bounce->registers_used++;

    uint8_t *page = ms_pool_page(bounce->builder->pool, reg) + part.address % MS_PAGE_BYTES;
    if (bounce->way == MS_SG_COPY_ZERO) {
        memset(page, 0, bytes);
        return;
    }
    uint8_t *data = ms_memory_byte(bounce->builder->memory, (ms_pa){part.address});
    if (bounce->way == MS_SG_COPY_IN)
        memcpy(page, data, bytes);
    else
        memcpy(data, page, bytes);
}

/* Packet mode: registers left over at the last piece can only be this piece's. */
static bool piece_bounced(const struct bounce *bounce, const struct ms_sg_mapped *mapped,
                          const struct ms_sg_piece *piece, bool is_last)
{
    if (is_last)
        return bounce->registers_used < mapped->registers;
    return !ms_sg_piece_is_block(&bounce->builder->limits, piece);
}

uint32_t ms_sg_bounce(const struct ms_sg_builder *builder, const struct ms_sg_request *request,
                      const struct ms_sg_mapped *mapped, uint32_t bytes, enum ms_sg_copy way)
{
    const struct ms_sg_limits *limits = &builder->limits;
    struct ms_sg_walk walk = ms_sg_walk_start(request->at, request->offset, mapped->bytes);
    struct bounce bounce = {.builder = builder, .bytes_left = bytes, .way = way};
    struct ms_sg_piece piece;

    ms_assert(builder->pool != NULL);
    ms_assert(bytes <= mapped->bytes);
    ms_reg_cursor_start(&bounce.registers, builder->pool, request->registers);
    while (bounce.bytes_left > 0 && ms_sg_walk_next(&walk, &piece)) {
        bool all = limits->contiguous && piece_bounced(&bounce, mapped, &piece, walk.left == 0);

        for (uint32_t i = 0; i < piece.pages && bounce.bytes_left > 0; i++) {
            struct ms_sg_part part = ms_sg_piece_part(&piece, i);
            bool bounces = limits->contiguous ? all : ms_sg_part_bounces(limits, part);

            if (bounces)
                bounce_part(&bounce, part);
            bounce.bytes_left -= (uint32_t)ms_min_u64(part.bytes, bounce.bytes_left);
        }
    }
    ms_assert(bounce.bytes_left == 0);
    return bounce.registers_used;
}

void ms_sg_copy_back(const struct ms_sg_builder *builder, const struct ms_sg_request *request,
                     const struct ms_sg_mapped *mapped, uint32_t flush_bytes)
{
    ms_assert(!request->write_to_device);
    ms_assert(flush_bytes <= mapped->bytes); /* FLX-11 */
    if (mapped->registers == 0 || flush_bytes == 0)
        return;
    ms_sg_bounce(builder, request, mapped, flush_bytes, MS_SG_COPY_BACK);
}
