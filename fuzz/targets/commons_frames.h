/* SPDX-License-Identifier: MIT */
/*
 * commons_frames.h: which frames commons_fuzz.c knows as common, against what a list builder would be told. Part
 * of that file: it uses its `c`.
 */
#ifndef FUZZ_COMMONS_FRAMES_H
#define FUZZ_COMMONS_FRAMES_H

/* What a list builder would be told of the frame; no step lies between this look and what it is compared
 * with. */
static bool is_known_as_common(uint64_t pfn)
{
    const ms_atomic_u64 *word = &c.stage.dma->commons.pages[pfn / MS_COMMON_FRAMES];

    return ms_common_count(*(const volatile uint64_t *)(const void *)word, pfn) != 0;
}

static void frames_know(const struct buffer *b)
{
    uint64_t end = ((uint64_t)b->logical.QuadPart + b->bytes - 1) >> MS_PAGE_SHIFT;

    for (uint64_t pfn = (uint64_t)b->logical.QuadPart >> MS_PAGE_SHIFT; pfn <= end; pfn++)
        if (!is_known_as_common(pfn))
            ms_sim_fail("O2 a frame of a common buffer is not known as one", "frame %lx",
                        (unsigned long)pfn);
}

static void frames_remember(const struct buffer *b)
{
    uint64_t end = ((uint64_t)b->logical.QuadPart + b->bytes - 1) >> MS_PAGE_SHIFT;

    for (uint64_t pfn = (uint64_t)b->logical.QuadPart >> MS_PAGE_SHIFT; pfn <= end; pfn++)
        if (c.seen_count < SEEN_MAX)
            c.seen[c.seen_count++] = pfn;
}

#endif
