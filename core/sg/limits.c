/* SPDX-License-Identifier: MIT */
/*
 * limits.c: what a device can take, and which of the two ways of building that allows.
 */
#include "sg/coalesce.h"

/* Below this boundary a list usually crosses it, so trying the fast path first would be a waste. It
 * is also far above a page, so that a single page cannot cross. */
static const uint64_t plain_boundary_min = 1 << 20;

void ms_sg_limits_init(struct ms_sg_limits *limits, uint32_t address_width_bits)
{
    ms_assert(address_width_bits >= 1);
    ms_assert(address_width_bits <= 64);
    *limits = (struct ms_sg_limits){
        .reach_last = UINT64_MAX >> (64 - address_width_bits), /* DDX-26 */
        .boundary = UINT64_C(1) << 32,                         /* SGE-05 */
        .element_bytes_max = UINT32_MAX,
        .elements_max = UINT32_MAX,
        .unit = 1,
    };
}

uint32_t ms_sg_elements_of_page(const struct ms_sg_limits *limits)
{
    uint64_t longest = limits->element_bytes_max - limits->element_bytes_max % limits->unit;
    uint64_t block = ms_min_u64(limits->boundary, MS_PAGE_BYTES);

    if (limits->contiguous || longest == 0)
        return 1; /* packet mode: a part is one element, whatever its length (MTX-34) */
    return (uint32_t)(MS_PAGE_BYTES / block * ((block + longest - 1) / longest));
}

/* DDX-33 */
static bool reach_covers(const struct ms_sg_limits *limits, const struct ms_memory *memory)
{
    if (limits->reach_last == UINT64_MAX)
        return true;
    if (!memory)
        return false;
    return ms_memory_pfn_end(memory) - 1 <= limits->reach_last >> MS_PAGE_SHIFT;
}

void ms_sg_builder_init(struct ms_sg_builder *builder, const struct ms_memory *memory,
                        const struct ms_pool *pool, const struct ms_sg_variant *variant,
                        const struct ms_sg_limits *limits)
{
    ms_assert(variant != NULL);
    ms_assert(ms_is_power_of_two(limits->boundary));
    ms_assert((limits->reach_last & (limits->reach_last + 1)) == 0); /* 2^width - 1 */
    ms_assert(limits->reach_last >= MS_PAGE_BYTES - 1);
    ms_assert(limits->unit >= 1);
    ms_assert(limits->elements_max >= 1);
    ms_assert(limits->element_bytes_max >= 1);
    bool no_limit = !limits->translate_all && !limits->single_part && limits->unit == 1 &&
                    limits->element_bytes_max == UINT32_MAX &&
                    limits->boundary >= plain_boundary_min;
    *builder = (struct ms_sg_builder){
        .memory = memory,
        .pool = pool,
        .variant = variant,
        .limits = *limits,
        .is_direct = !limits->translate_all && !limits->contiguous && reach_covers(limits, memory),
        .is_plain = no_limit && !limits->contiguous,
    };
    builder->is_simple =
        builder->is_direct && builder->is_plain && limits->elements_max == UINT32_MAX;
    builder->is_bouncing =
        no_limit && !builder->is_direct && !limits->never_bounce && memory && pool;
}
