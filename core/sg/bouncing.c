/* SPDX-License-Identifier: MIT */
/*
 * bouncing.c: lists for a device that does not reach all of RAM, made and copied in one pass.
 *
 * general.c walks a range four times: to check it, to plan the list, to copy, to leave the cursor. For a
 * packet that takes longer than its copy. Here each page is looked at once, and whatever is unusual (a page
 * that is no RAM, no register, no slot left, a bad range, in packet mode a piece of two pages) is found on
 * the way: then nothing counts of what was written, and general.c begins anew. Slots may hold anything then
 * (MTX-57), and so may registers, which only this mapping uses.
 */
#include "sg/coalesce.h"
#include "sg/general.h"

/* What is known in the middle of the walk. */
struct bouncing {
    const struct ms_sg_builder *builder;
    struct ms_reg_cursor registers;
    bool write_to_device;
    uint64_t first; /* logical, of the open element */
    uint64_t bytes; /* of the open element; 0: none is open */
    uint8_t *slot;
    const uint8_t *slot_end;
};

static bool element_close(struct bouncing *b)
{
    if (b->slot == b->slot_end)
        return false;
    ms_sg_slot_store(b->slot, b->first, b->bytes);
    b->slot += MS_SG_SLOT_BYTES;
    return true;
}

/* Where the device finds the part: where it is, or in a register to which it is copied; false: nowhere. */
static bool part_place(struct bouncing *b, struct ms_sg_part part, uint64_t *logical)
{
    const struct ms_sg_builder *builder = b->builder;
    ms_reg reg;

    *logical = part.address; /* GEN-06 */
    if (part.address + part.bytes - 1 <= builder->limits.reach_last)
        return true;
    if (!ms_memory_has_pfn(builder->memory, part.address >> MS_PAGE_SHIFT))
        return false;
    reg = ms_reg_cursor_next(&b->registers);
    if (reg == (ms_reg)MS_REG_NONE)
        return false;
    *logical = ms_sg_register_fill(builder, reg, part.address, part.bytes, b->write_to_device);
    return true;
}

static bool part_add(struct bouncing *b, struct ms_sg_part part, bool may_join)
{
    uint64_t last, logical;

    if (!part_place(b, part, &logical))
        return false;
    last = logical + part.bytes - 1;
    if (b->bytes > 0) {
        /* Neighbours on both sides of a boundary are two elements; a page alone crosses none. */
        if (may_join && b->first + b->bytes == logical &&
            ((b->first ^ last) & ~(b->builder->limits.boundary - 1)) == 0) {
            b->bytes += part.bytes;
            return true;
        }
        if (!element_close(b))
            return false;
    }
    b->first = logical;
    b->bytes = part.bytes;
    return true;
}

bool ms_sg_map_bouncing(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                        SCATTER_GATHER_LIST *list, uint32_t capacity, struct ms_sg_mapped *mapped)
{
    const struct ms_sg_limits *limits = &builder->limits;
    uint8_t *slots = ms_sg_slots(list);
    struct bouncing b = {
        .builder = builder,
        .write_to_device = request->write_to_device,
        .slot = slots,
        .slot_end = slots + ms_min_u64(capacity, limits->elements_max) * MS_SG_SLOT_BYTES,
    };
    struct ms_sg_walk walk = ms_sg_walk_start(request->at, request->offset, request->length);
    struct ms_mdl_cursor at = request->at;
    struct ms_sg_piece piece;

    ms_assert(builder->is_bouncing);
    ms_reg_cursor_start(&b.registers, builder->pool, request->registers);
    while (ms_sg_walk_next(&walk, &piece)) {
        at = (struct ms_mdl_cursor){.mdl = piece.mdl, .base = piece.base};
        if (!ms_mdl_is_resident(piece.mdl) || (limits->contiguous && piece.pages > 1))
            return false;
        for (uint32_t i = 0; i < piece.pages; i++) {
            bool may_join = i > 0 || (limits->merge_mdls && !limits->contiguous);

            if (!part_add(&b, ms_sg_piece_part(&piece, i), may_join))
                return false;
        }
    }
    if (walk.left > 0 || !element_close(&b))
        return false;
    request->at = at;
    *mapped = (struct ms_sg_mapped){
        .bytes = request->length,
        .elements = (uint32_t)((size_t)(b.slot - slots) / MS_SG_SLOT_BYTES),
        .registers = request->registers.count - b.registers.left,
    };
    ms_sg_header_store(list, mapped->elements);
    return true;
}

bool ms_sg_map_page_bounced(const struct ms_sg_builder *builder, struct ms_reg_set registers,
                            uint64_t address, uint32_t bytes, bool write_to_device,
                            SCATTER_GATHER_LIST *list)
{
    ms_assert(builder->is_bouncing);
    if (address + bytes - 1 <= builder->limits.reach_last || registers.count == 0 ||
        !ms_memory_has_pfn(builder->memory, address >> MS_PAGE_SHIFT))
        return false;
    ms_sg_list_page(
        list, ms_sg_register_fill(builder, registers.head, address, bytes, write_to_device), bytes);
    return true;
}
