/* SPDX-License-Identifier: MIT */
/*
 * general.h: private to sg: the page-by-page builder and the rules that it shares with the flush
 * and the measuring.
 */
#ifndef MS_SG_GENERAL_H
#define MS_SG_GENERAL_H

#include "sg/element.h"
#include "sg/piece.h"

/* As ms_sg_map, for every limit there is. */
NTSTATUS ms_sg_map_general(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                           SCATTER_GATHER_LIST *list, uint32_t capacity,
                           struct ms_sg_mapped *mapped);

/* As ms_sg_map, for a builder that is_bouncing and a request without check_pfns, if nothing unusual is in the
 * way; else false, and nothing was done but to slots and registers. */
bool ms_sg_map_bouncing(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                        SCATTER_GATHER_LIST *list, uint32_t capacity, struct ms_sg_mapped *mapped);

/* Makes a register hold the bytes of a page at their place in it (MRG-18): those of the buffer for the device
 * (MRG-15), else blank ones (MRG-16). Returns where the device finds them. */
static inline uint64_t ms_sg_register_fill(const struct ms_sg_builder *builder, ms_reg reg,
                                           uint64_t address, uint32_t bytes, bool write_to_device)
{
    uint8_t *page = ms_pool_page(builder->pool, reg) + address % MS_PAGE_BYTES;

    if (write_to_device)
        memcpy(page, ms_memory_byte(builder->memory, (ms_pa){address}), bytes);
    else
        memset(page, 0, bytes);
    return ms_pool_la(builder->pool, reg).value + address % MS_PAGE_BYTES;
}

/* The range lies inside the chain (MTX-06) and all MDLs that contribute to it may be mapped; with
 * `check_pfns` their frames exist too (MTX-22). */
bool ms_sg_range_is_valid(const struct ms_sg_builder *builder, struct ms_mdl_cursor at,
                          uint64_t offset, uint32_t length, bool check_pfns);

/* Moves the cursor to the MDL that holds the last of `bytes` mapped bytes at `offset`. */
void ms_sg_cursor_leave(struct ms_mdl_cursor *at, uint64_t offset, uint32_t bytes);

/* The page's bytes go through a map register (MRG-14). */
bool ms_sg_part_bounces(const struct ms_sg_limits *limits, struct ms_sg_part part);

/* A page can be bounced only if its bytes are RAM: device memory out of reach stays out of reach. */
bool ms_sg_part_may_bounce(const struct ms_sg_builder *builder, struct ms_sg_part part);

/* Packet mode: the device can take the piece where it lies, as one element (MTX-35). A piece that
 * is longer than the longest element is cut, not bounced: a bounce would not make it shorter; and so is one of a
 * common buffer across a boundary (MTX-62). */
bool ms_sg_piece_is_block(const struct ms_sg_limits *limits, const struct ms_sg_piece *piece);

enum ms_sg_copy {
    MS_SG_COPY_IN,   /* buffer to registers: data for the device (MRG-15) */
    MS_SG_COPY_ZERO, /* blank registers: nobody's old data may reach a buffer (MRG-16) */
    MS_SG_COPY_BACK, /* registers to buffer (FLX-16) */
};

/* Walks what was mapped, page by page, copying the first `bytes` of it through the registers.
 * Returns how many registers these bytes use. `mapped->registers` counts only in packet mode. */
uint32_t ms_sg_bounce(const struct ms_sg_builder *builder, const struct ms_sg_request *request,
                      const struct ms_sg_mapped *mapped, uint32_t bytes, enum ms_sg_copy way);

#endif
