/* SPDX-License-Identifier: MIT */
/*
 * piece.h: private to sg: a range of a chain as pieces (one MDL's share) and parts (one page's
 * share). For the paths where clarity counts more than a nanosecond; build.c has its own loop.
 */
#ifndef MS_SG_PIECE_H
#define MS_SG_PIECE_H

#include "sg/sg.h"

/* What one MDL gives to the range. */
struct ms_sg_piece {
    MDL *mdl;
    uint64_t base;         /* chain offset of the MDL's byte 0 */
    const PFN_NUMBER *pfn; /* of the page that holds the first byte */
    uint32_t first_offset; /* of the first byte in that page */
    uint32_t bytes;        /* 1 or more */
    uint32_t pages;        /* that the bytes touch */
};

/* What one page gives to a piece. */
struct ms_sg_part {
    uint64_t address; /* physical, of the first byte */
    uint32_t bytes;   /* 1 .. a page */
};

/* A walk over the pieces of a range. */
struct ms_sg_walk {
    struct ms_mdl_cursor at; /* the MDL the next piece comes from, or NULL at the chain's end */
    uint64_t skip;           /* bytes of it before the range */
    uint64_t left;           /* bytes of the range not yet handed out */
};

/* `at` lies at or before `offset`. */
static inline struct ms_sg_walk ms_sg_walk_start(struct ms_mdl_cursor at, uint64_t offset,
                                                 uint64_t bytes)
{
    ms_assert(at.base <= offset);
    return (struct ms_sg_walk){.at = at, .skip = offset - at.base, .left = bytes};
}

/* The next piece; false when the range is done (left is 0) or the chain ended before it. */
static inline bool ms_sg_walk_next(struct ms_sg_walk *walk, struct ms_sg_piece *piece)
{
    uint32_t steps = 0;

    if (walk->left == 0)
        return false;
    /* "offset >= count" also skips empty MDLs, before anybody looks at their frames (MTX-23). */
    while (walk->at.mdl && walk->skip >= walk->at.mdl->ByteCount) {
        walk->skip -= walk->at.mdl->ByteCount;
        walk->at.base += walk->at.mdl->ByteCount;
        walk->at.mdl = walk->at.mdl->Next;
        ms_assert(++steps != 0); /* a ring of empty MDLs would never end by length */
    }
    (void)steps;
    if (!walk->at.mdl)
        return false;

    MDL *mdl = walk->at.mdl;
    uint64_t first =
        mdl->ByteOffset + walk->skip; /* MDL-20: may lie pages behind the array's start */
    uint32_t bytes = (uint32_t)ms_min_u64(mdl->ByteCount - walk->skip, walk->left);

    *piece = (struct ms_sg_piece){
        .mdl = mdl,
        .base = walk->at.base,
        .pfn = ms_mdl_frames(mdl) + (first >> MS_PAGE_SHIFT),
        .first_offset = (uint32_t)(first % MS_PAGE_BYTES),
        .bytes = bytes,
        .pages = (uint32_t)((first % MS_PAGE_BYTES + bytes + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT),
    };
    walk->skip += bytes;
    walk->left -= bytes;
    return true;
}

static inline struct ms_sg_part ms_sg_piece_part(const struct ms_sg_piece *piece, uint32_t index)
{
    ms_assert(index < piece->pages);
    uint64_t begin = index == 0 ? piece->first_offset : (uint64_t)index << MS_PAGE_SHIFT;
    uint64_t end = ms_min_u64(((uint64_t)index + 1) << MS_PAGE_SHIFT,
                              (uint64_t)piece->first_offset + piece->bytes);

    return (struct ms_sg_part){
        .address = (piece->pfn[index] << MS_PAGE_SHIFT) + begin % MS_PAGE_BYTES,
        .bytes = (uint32_t)(end - begin),
    };
}

#endif
