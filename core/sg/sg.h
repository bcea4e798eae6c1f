/* SPDX-License-Identifier: MIT */
/*
 * sg.h: from an MDL chain and a device's limits to scatter/gather elements, and back at the flush.
 */
#ifndef MS_SG_H
#define MS_SG_H

#include "memory/memory.h"
#include "registers/registers.h"

/* Counts of common buffers, this many frames' in a word. */
enum { MS_COMMON_FRAMES = 4, MS_COMMON_BITS = 64 / MS_COMMON_FRAMES };

/* The frame's count in its word, which is its number / MS_COMMON_FRAMES. */
static inline uint64_t ms_common_count(uint64_t word, uint64_t pfn)
{
    return word >> pfn % MS_COMMON_FRAMES * MS_COMMON_BITS & ((UINT64_C(1) << MS_COMMON_BITS) - 1);
}

/* What a device can take. Made once per adapter (ms_sg_limits_init fills defaults). */
struct ms_sg_limits {
    uint64_t reach_last; /* highest logical address it drives: 2^width - 1 (DDX-26) */
    /* No element crosses a multiple of it; a power of two; default 4 GiB (SGE-05, SGE-06). */
    uint64_t boundary;
    uint32_t element_bytes_max; /* longest element; default 0xFFFFFFFF */
    uint32_t elements_max;      /* per transfer; default 0xFFFFFFFF */
    uint32_t unit;              /* MinimumTransferUnit, 1 or more (SGE-09) */
    bool merge_mdls;            /* one element may span two MDLs (SGE-03); default false */
    bool contiguous;            /* packet: each MDL's part becomes one element (MTX-34, MTX-35) */
    bool single_part;           /* only the first MDL's part is mapped (MTX-37) */
    bool translate_all;         /* every page goes through a register (MTX-14's other policy) */
    /* Per frame, how many common buffers lie in it: such a frame is never bounced for policy's sake (MTX-62);
     * or NULL. */
    const ms_atomic_u64 *commons;
    uint64_t commons_end; /* frames that have such a count */
    bool never_bounce;    /* looped transfers: a page that would bounce fails (MTX-61) */
};

/* One call to map. `at` is where the walk may begin: a cursor at or before `offset` (the chain's
 * head with base 0, or what an earlier call left); on success it is left where the mapping ended.
 */
struct ms_sg_request {
    struct ms_mdl_cursor at;
    uint64_t offset;             /* chain offset of the first byte */
    uint32_t length;             /* bytes wanted, 1 or more; the range must lie inside the chain */
    bool write_to_device;        /* data for the device is copied into bounce pages (MRG-15) */
    bool check_pfns;             /* verifier: every PFN must be RAM (MTX-22) */
    struct ms_reg_set registers; /* the grant's; consecutive parts use consecutive ones */
};

/* What was mapped. */
struct ms_sg_mapped {
    uint32_t bytes; /* the longest prefix that satisfies all limits (MTX-33) */
    uint32_t elements;
    /* How many of the grant's registers are in use, from its first on; 0: the flush has nothing to copy. */
    uint32_t registers;
};

/* How big a mapping of the whole range would be, whatever the registers at hand (GTI-*). */
struct ms_sg_measure {
    uint32_t elements;
    uint32_t registers;
    uint32_t logical_pages;
    bool
        exceeds; /* no one call is sure to map all of it, whatever the registers at hand: a part fits no one
                     element (MTX-34), or is another device's memory out of reach, or is no whole
                     units wherever its registers lie (SGE-09) */
};

/* A way to turn neighbouring PFNs into elements; see coalesce.c for the table of variants. */
struct ms_sg_variant;

/* What an adapter keeps to build lists. const after init. */
struct ms_sg_builder {
    const struct ms_memory *memory;
    const struct ms_pool *pool; /* NULL: the adapter can never bounce */
    const struct ms_sg_variant *variant;
    struct ms_sg_limits limits;
    bool is_direct; /* every RAM page is in reach and nothing else forces a register */
    bool is_plain;  /* the limits are those that the fast path can honour and test for */
    bool is_simple; /* direct, plain, any number of elements: a short list needs no test but one */
    /* Not direct, and no limit but reach and boundary (and packet mode): lists are made and copied in one
     * pass. */
    bool is_bouncing;
};

void ms_sg_limits_init(struct ms_sg_limits *limits, uint32_t address_width_bits);

/* Elements that a page may become, at the most: more than one where a limit cuts it (SGE-06). */
uint32_t ms_sg_elements_of_page(const struct ms_sg_limits *limits);

/* Names of the variants this build and processor have, best first, NULL behind the last. */
const struct ms_sg_variant *ms_sg_variant_find(const char *name);
const struct ms_sg_variant *ms_sg_variant_best(struct ms_cpu_features features);
const char *ms_sg_variant_name(const struct ms_sg_variant *variant);
/* The i-th variant that `features` allow, or NULL behind the last. */
const struct ms_sg_variant *ms_sg_variant_at(struct ms_cpu_features features, uint32_t index);

void ms_sg_builder_init(struct ms_sg_builder *builder, const struct ms_memory *memory,
                        const struct ms_pool *pool, const struct ms_sg_variant *variant,
                        const struct ms_sg_limits *limits);

/* Builds the list: element slots first, the header last. `list` may have any alignment (MTX-15);
 * `capacity` = element slots at hand, 1 or more. Wait-free; touches only its arguments, the chain,
 * the elements and bounce pages.
 *
 * STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the range leaves the chain (MTX-06), an MDL that
 * contributes is not resident (MTX-22), or not one unit can be expressed (MTX-30);
 * STATUS_INSUFFICIENT_RESOURCES: not one byte for want of registers. On failure the header,
 * `mapped` and `at` are untouched, the element slots undefined (MTX-57). */
NTSTATUS ms_sg_map(const struct ms_sg_builder *builder, struct ms_sg_request *request,
                   SCATTER_GATHER_LIST *list, uint32_t capacity, struct ms_sg_mapped *mapped);

/* Eight bytes at any address. */
static inline void ms_sg_word_store(uint8_t *target, uint64_t word)
{
    memcpy(target, &word, sizeof(word));
}

/* The list of bytes that lie in one page, for a builder that is_simple: one element, which no limit
 * of such a builder touches. `list` has a slot. */
static inline void ms_sg_list_page(SCATTER_GATHER_LIST *list, uint64_t address, uint32_t bytes)
{
    uint8_t *slot = (uint8_t *)list + sizeof(*list);

    /* Any address (MTX-15); word by word, so that no compiler builds the element elsewhere first. */
    ms_sg_word_store(slot, address);
    ms_sg_word_store(slot + 8, bytes);
    ms_sg_word_store(slot + 16, 0);
    ms_sg_word_store((uint8_t *)list, 1); /* MTX-39 */
    ms_sg_word_store((uint8_t *)list + 8, 0);
}

/* As ms_sg_map for bytes inside one resident page at `address`, for a builder that is_bouncing, if that page is
 * RAM out of reach and there is a register; else false, and nothing was done. */
bool ms_sg_map_page_bounced(const struct ms_sg_builder *builder, struct ms_reg_set registers,
                            uint64_t address, uint32_t bytes, bool write_to_device,
                            SCATTER_GATHER_LIST *list);

/* Copies bounced bytes back into the pages the MDLs name, for the first `flush_bytes` of a mapping
 * made by ms_sg_map with the same builder, chain start, offset and registers, whose result was
 * `mapped` (FLX-06, FLX-16). Only for transfers from the device. Wait-free. */
void ms_sg_copy_back(const struct ms_sg_builder *builder, const struct ms_sg_request *request,
                     const struct ms_sg_mapped *mapped, uint32_t flush_bytes);

/* What the range needs, never less (GTI-08). Statuses as ms_sg_map's first two. */
NTSTATUS ms_sg_measure(const struct ms_sg_builder *builder, struct ms_mdl_cursor at,
                       uint64_t offset, uint32_t length, struct ms_sg_measure *need);

#endif
