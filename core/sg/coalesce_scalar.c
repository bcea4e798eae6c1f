/* SPDX-License-Identifier: MIT */
/*
 * coalesce_scalar.c: the coalescer in plain C: the reference for the vector ones, and what other
 * architectures use.
 */
#include "sg/coalesce.h"

static bool scalar_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
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
