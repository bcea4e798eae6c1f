/* SPDX-License-Identifier: MIT */
/*
 * coalesce.c: the table of coalescers, best first. Which of them run on a processor is the
 * platform's answer; any of those can be forced by name, so that each is tested and measured on one
 * host.
 */
#include "sg/coalesce.h"

/* One line of the table: a variant and what it needs. */
struct entry {
    const struct ms_sg_variant *variant;
    bool needs_avx2;
    bool needs_avx512;
};

static const struct entry entries[] = {
#if defined(__x86_64__)
    {&ms_sg_avx512, false, true},
    {&ms_sg_avx2, true, false},
#endif
    {&ms_sg_scalar, false, false},
};

enum { ENTRIES = sizeof(entries) / sizeof(entries[0]) };

static bool entry_fits(const struct entry *entry, struct ms_cpu_features features)
{
    return (!entry->needs_avx2 || features.avx2) && (!entry->needs_avx512 || features.avx512);
}

const struct ms_sg_variant *ms_sg_variant_at(struct ms_cpu_features features, uint32_t index)
{
    for (uint32_t i = 0; i < ENTRIES; i++)
        if (entry_fits(&entries[i], features) && index-- == 0)
            return entries[i].variant;
    return NULL;
}

const struct ms_sg_variant *ms_sg_variant_best(struct ms_cpu_features features)
{
    return ms_sg_variant_at(features, 0);
}

const struct ms_sg_variant *ms_sg_variant_find(const char *name)
{
    for (uint32_t i = 0; i < ENTRIES; i++)
        if (strcmp(entries[i].variant->name, name) == 0)
            return entries[i].variant;
    return NULL;
}

const char *ms_sg_variant_name(const struct ms_sg_variant *variant)
{
    return variant->name;
}
