/* SPDX-License-Identifier: MIT */
/*
 * general.c: the builder that honours every limit, page by page. It serves bouncing, packet mode,
 * small boundaries, short elements and transfer units; build.c also falls back to it when a list
 * made the fast way turns out to break a limit. It is made to be read, and the vector code is
 * compared with it.
 *
 * Two passes. The first plans: it cuts the range into elements and counts registers. The second,
 * only if the first used a register, copies; so nothing is copied that is not mapped, and the flush
 * walks exactly the same way.
 */
#include "sg/general.h"

/* Why the plan ended before the range did. */
enum stop {
    STOP_NONE,
    STOP_FULL,      /* no slot for another element */
    STOP_REGISTERS, /* no register for another page */
    STOP_UNIT,      /* a break inside a transfer unit */
    STOP_BLOCK,     /* packet mode: a part does not fit one element */
    STOP_LOOPED,    /* a page would bounce and must not (MTX-61) */
};

/* The list so far: closed elements in their slots, one open element in hand. */
struct plan {
    const struct ms_sg_limits *limits;
    uint8_t *slots;
    uint32_t elements;
    uint32_t elements_max;
    uint32_t element_bytes_max; /* a multiple of the unit */
    bool is_open;
    uint64_t first;        /* logical address of the open element */
    uint64_t bytes;        /* in the open element */
    uint64_t closed_bytes; /* in closed elements */
    uint32_t registers;    /* taken for pages planned so far */
    enum stop stop;
};

/* --- elements ------------------------------------------------------------------------------------
 */

/* Bytes the open element may still grow by. */
static uint64_t plan_room(const struct plan *plan)
{
    uint64_t last_allowed = plan->first | (plan->limits->boundary - 1); /* SGE-05, SGE-06 */
    uint64_t by_boundary = last_allowed - plan->first - plan->bytes + 1;
    uint64_t by_length = plan->element_bytes_max - plan->bytes;

    return ms_min_u64(by_boundary, by_length);
}

/* Ends the open element at a multiple of the unit; what is cut off ends the mapping (SGE-09). */
static bool plan_close(struct plan *plan)
{
    uint64_t cut = plan->bytes % plan->limits->unit;
    uint64_t kept = plan->bytes - cut;

    ms_assert(plan->is_open);
    if (kept > 0) {
        ms_sg_slot_store(plan->slots + (size_t)plan->elements * MS_SG_SLOT_BYTES, plan->first,
                         kept);
        plan->elements++;
        plan->closed_bytes += kept;
    }
    plan->is_open = false;
    if (cut > 0 && plan->stop == STOP_NONE)
        plan->stop = STOP_UNIT;
    return cut == 0;
}

static bool plan_open(struct plan *plan, uint64_t first)
{
    ms_assert(!plan->is_open);
    if (plan->elements == plan->elements_max) {
        plan->stop = STOP_FULL;
        return false;
    }
    plan->is_open = true;
    plan->first = first;
    plan->bytes = 0;
    return true;
}

/* Adds logically contiguous bytes: to the open element while that is allowed, then to new ones. */
static bool plan_append(struct plan *plan, uint64_t first, uint64_t bytes, bool may_join)
{
    while (bytes > 0) {
        bool joins = plan->is_open && may_join && plan->first + plan->bytes == first;

        if (plan->is_open && !(joins && plan_room(plan) > 0) && !plan_close(plan))
            return false;
        if (!plan->is_open && !plan_open(plan, first))
            return false;

        uint64_t step = ms_min_u64(bytes, plan_room(plan));
        ms_assert(step > 0);
        plan->bytes += step;
        first += step;
        bytes -= step;
        may_join = true;
    }
    return true;
}

/* Adds one element of at most `bytes`; false when they do not all fit one (MTX-34). */
static bool plan_append_block(struct plan *plan, uint64_t first, uint64_t bytes)
{
    if (!plan_open(plan, first))
        return false;
    plan->bytes = ms_min_u64(bytes, plan_room(plan));
    if (plan->bytes < bytes)
        plan->stop = STOP_BLOCK;
    return plan_close(plan) && plan->stop == STOP_NONE;
}

/* A page must not bounce (MTX-61). That fails the call, unless the list ends before the page
 * anyway. */
static bool plan_refuse(struct plan *plan)
{
    if (plan->is_open && !plan_close(plan))
        return false;
    plan->stop = plan->elements == plan->elements_max ? STOP_FULL : STOP_LOOPED;
    return false;
}

/* --- pages ---------------------------------------------------------------------------------------
 */

/* Driver and device share the page. */
static bool page_is_common(const struct ms_sg_limits *limits, uint64_t pfn)
{
    if (!limits->commons || pfn >= limits->commons_end)
        return false;
    /* Relaxed: who maps a common buffer got its address after it was counted. */
    return ms_common_count(ms_load_relaxed(&limits->commons[pfn / MS_COMMON_FRAMES]), pfn) != 0;
}

/* "Translate all" means this page too, unless it is such a one (MTX-62). */
static bool page_is_translated(const struct ms_sg_limits *limits, uint64_t pfn)
{
    return limits->translate_all && !page_is_common(limits, pfn);
}

bool ms_sg_part_bounces(const struct ms_sg_limits *limits, struct ms_sg_part part)
{
    /* The last byte, not the end: a page that ends exactly at the limit is in reach. */
    return part.address + part.bytes - 1 > limits->reach_last ||
           page_is_translated(limits, part.address >> MS_PAGE_SHIFT);
}

bool ms_sg_part_may_bounce(const struct ms_sg_builder *builder, struct ms_sg_part part)
{
    return builder->pool && ms_memory_has_pfn(builder->memory, part.address >> MS_PAGE_SHIFT);
}

static bool plan_part(struct plan *plan, const struct ms_sg_builder *builder,
                      struct ms_reg_cursor *registers, struct ms_sg_part part, bool may_join)
{
    uint64_t logical = part.address; /* GEN-06 */

    if (ms_sg_part_bounces(&builder->limits, part)) {
        if (builder->limits.never_bounce)
            return plan_refuse(plan);
        ms_reg reg = ms_sg_part_may_bounce(builder, part) ? ms_reg_cursor_next(registers)
                                                          : (ms_reg)MS_REG_NONE;
        if (reg == (ms_reg)MS_REG_NONE) {
            plan->stop = STOP_REGISTERS;
            return false;
        }
        plan->registers++;
        logical = ms_pool_la(builder->pool, reg).value + part.address % MS_PAGE_BYTES; /* MRG-18 */
    }
    return plan_append(plan, logical, part.bytes, may_join);
}

static bool plan_piece(struct plan *plan, const struct ms_sg_builder *builder,
                       struct ms_reg_cursor *registers, const struct ms_sg_piece *piece)
{
    for (uint32_t i = 0; i < piece->pages; i++) {
        bool may_join = i > 0 || builder->limits.merge_mdls; /* SGE-02, SGE-03 */
        if (!plan_part(plan, builder, registers, ms_sg_piece_part(piece, i), may_join))
            return false;
    }
    return true;
}

/* --- packet mode ---------------------------------------------------------------------------------
 */

/* A piece of a common buffer stays where it is (MTX-62), though one element can not take all of it: it is cut. */
static bool piece_stays(const struct ms_sg_limits *limits, const struct ms_sg_piece *piece)
{
    for (uint32_t i = 0; i < piece->pages; i++)
        if (!page_is_common(limits, piece->pfn[i]))
            return false;
    return true;
}

bool ms_sg_piece_is_block(const struct ms_sg_limits *limits, const struct ms_sg_piece *piece)
{
    uint64_t first = (piece->pfn[0] << MS_PAGE_SHIFT) + piece->first_offset;
    uint64_t bytes = ms_min_u64(piece->bytes, limits->element_bytes_max);

    /* Both ends: a device's frames may run over the end of all addresses, where the last is small. */
    if (first > limits->reach_last || first + piece->bytes - 1 > limits->reach_last)
        return false;
    for (uint32_t i = 0; i < piece->pages; i++)
        if (piece->pfn[i] != piece->pfn[0] + i || page_is_translated(limits, piece->pfn[i]))
            return false;
    return ((first ^ (first + bytes - 1)) & ~(limits->boundary - 1)) == 0 ||
           piece_stays(limits, piece);
}

static bool piece_may_bounce(const struct ms_sg_builder *builder, const struct ms_sg_piece *piece)
{
    for (uint32_t i = 0; i < piece->pages; i++)
        if (!ms_sg_part_may_bounce(builder, ms_sg_piece_part(piece, i)))
            return false;
    return true;
}

/* Takes up to `wanted` neighbours from the cursor; MRG-13 limits a block to one run of registers.
 */
static uint32_t registers_take_block(struct ms_reg_cursor *registers, uint32_t wanted,
                                     ms_reg *first)
{
    uint32_t taken = 1;

    *first = ms_reg_cursor_next(registers);
    if (*first == (ms_reg)MS_REG_NONE)
        return 0;
    while (taken < wanted && registers->left_in_run > 0) {
        ms_reg_cursor_next(registers);
        taken++;
    }
    return taken;
}

static bool plan_block(struct plan *plan, const struct ms_sg_builder *builder,
                       struct ms_reg_cursor *registers, const struct ms_sg_piece *piece)
{
    uint64_t closed_before = plan->closed_bytes;
    bool may_bounce;
    ms_reg first;

    if (ms_sg_piece_is_block(&builder->limits, piece))
        return plan_append_block(plan, (piece->pfn[0] << MS_PAGE_SHIFT) + piece->first_offset,
                                 piece->bytes);
    if (builder->limits.never_bounce)
        return plan_refuse(plan);
    may_bounce = piece_may_bounce(builder, piece);
    uint32_t taken = may_bounce ? registers_take_block(registers, piece->pages, &first) : 0;
    if (taken == 0) {
        plan->stop = STOP_REGISTERS;
        return false;
    }
    ms_assert(builder->pool != NULL);

    /* MRG-13: the block begins inside its first register, as the data does inside its page. */
    uint64_t fits = ((uint64_t)taken << MS_PAGE_SHIFT) - piece->first_offset;
    uint64_t bytes = ms_min_u64(fits, piece->bytes);
    bool goes_on = plan_append_block(
        plan, ms_pool_la(builder->pool, first).value + piece->first_offset, bytes);
    uint64_t mapped = plan->closed_bytes - closed_before;

    if (mapped > 0)
        plan->registers +=
            (uint32_t)((piece->first_offset + mapped + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT);
    /* Cut down to a unit or not, it was the registers that ended the block. */
    if (bytes < piece->bytes && (goes_on || plan->stop == STOP_UNIT)) {
        plan->stop = STOP_REGISTERS;
        goes_on = false;
    }
    return goes_on;
}

/* --- the whole range -----------------------------------------------------------------------------
 */

bool ms_sg_range_is_valid(const struct ms_sg_builder *builder, struct ms_mdl_cursor at,
                          uint64_t offset, uint32_t length, bool check_pfns)
{
    struct ms_sg_walk walk = ms_sg_walk_start(at, offset, length);
    struct ms_sg_piece piece;

    while (ms_sg_walk_next(&walk, &piece)) {
        if (!ms_mdl_is_resident(piece.mdl))
            return false;
        if (!check_pfns || (piece.mdl->MdlFlags & MDL_IO_SPACE) != 0)
            continue;
        for (uint32_t i = 0; i < piece.pages; i++)
            if (!ms_memory_has_pfn(builder->memory, piece.pfn[i]))
                return false;
    }
    return walk.left == 0;
}

void ms_sg_cursor_leave(struct ms_mdl_cursor *at, uint64_t offset, uint32_t bytes)
{
    bool is_inside = ms_mdl_cursor_seek(at, offset + bytes - 1);

    ms_assert(is_inside);
    (void)is_inside;
}

static void plan_range(struct plan *plan, const struct ms_sg_builder *builder,
                       const struct ms_sg_request *request)
{
    struct ms_sg_walk walk = ms_sg_walk_start(request->at, request->offset, request->length);
    struct ms_reg_cursor registers;
    struct ms_sg_piece piece;

    ms_reg_cursor_start(&registers, builder->pool,
                        builder->pool ? request->registers
                                      : (struct ms_reg_set){.head = MS_REG_NONE});
    while (ms_sg_walk_next(&walk, &piece)) {
        bool goes_on = builder->limits.contiguous ? plan_block(plan, builder, &registers, &piece)
                                                  : plan_piece(plan, builder, &registers, &piece);
        if (!goes_on || builder->limits.single_part) /* MTX-37 */
            break;
    }
    if (plan->is_open)
        plan_close(plan);
}

NTSTATUS ms_sg_map_general(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                           SCATTER_GATHER_LIST *list, uint32_t capacity,
                           struct ms_sg_mapped *mapped)
{
    const struct ms_sg_limits *limits = &builder->limits;
    struct plan plan = {
        .limits = limits,
        .slots = ms_sg_slots(list),
        .elements_max = (uint32_t)ms_min_u64(capacity, limits->elements_max),
        .element_bytes_max = limits->element_bytes_max - limits->element_bytes_max % limits->unit,
    };

    if (!ms_sg_range_is_valid(builder, request->at, request->offset, request->length,
                              request->check_pfns))
        return STATUS_INVALID_PARAMETER;
    if (plan.element_bytes_max == 0)
        return STATUS_INVALID_PARAMETER; /* no element holds a unit: MTX-30 */

    plan_range(&plan, builder, request);
    if (plan.stop == STOP_LOOPED)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (plan.closed_bytes == 0) /* MTX-30 */
        return plan.stop == STOP_REGISTERS ? STATUS_INSUFFICIENT_RESOURCES
                                           : STATUS_INVALID_PARAMETER;

    struct ms_sg_mapped result = {
        .bytes = (uint32_t)plan.closed_bytes,
        .elements = plan.elements,
        .registers = plan.registers,
    };
    if (plan.registers > 0)
        result.registers = ms_sg_bounce(builder, request, &result, result.bytes,
                                        request->write_to_device ? MS_SG_COPY_IN : MS_SG_COPY_ZERO);
    ms_assert(result.bytes <= request->length); /* MTX-29 */
    ms_sg_cursor_leave(&request->at, request->offset, result.bytes);
    ms_sg_header_store(list, result.elements);
    *mapped = result;
    return STATUS_SUCCESS;
}
