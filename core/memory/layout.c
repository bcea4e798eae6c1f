/* SPDX-License-Identifier: MIT */
/*
 * layout.c: page frames in a given pattern.
 *
 * A layout says how long the runs of neighbouring frames are and how far apart. What a DMA list
 * costs depends on the runs, so those are kept exactly. Distances only decide which frames, so they
 * give way where the zone is too small or another buffer is there already; but two runs that were
 * apart never touch end to start, for that would make one of them.
 */
#include "memory/memory.h"

#include <string.h>

void ms_layout_clear(struct ms_layout *layout)
{
    ms_free(layout->runs, layout->run_count * sizeof *layout->runs);
    *layout = (struct ms_layout){.runs = NULL};
}

/* --- walking -----------------------------------------------------------------------------------
 */

/* A place in a layout. */
struct walk {
    const struct ms_layout *layout;
    uint32_t run;    /* index */
    uint64_t inside; /* pages of that run already passed */
};

/* Neighbouring frames, and how they lie to those before. */
struct piece {
    uint64_t pages;
    int64_t gap;
    bool is_placed; /* the gap counts: there is a run before it, and the layout has not wrapped */
};

static struct walk walk_start(const struct ms_layout *layout, uint64_t first_page)
{
    struct walk walk = {.layout = layout, .inside = first_page % layout->pages};

    while (walk.inside >= layout->runs[walk.run].pages)
        walk.inside -= layout->runs[walk.run++].pages;
    return walk;
}

/* The next piece, of at most `limit` pages: runs with gap 0 join into one. */
static struct piece walk_next(struct walk *walk, uint64_t limit)
{
    const struct ms_layout *layout = walk->layout;
    struct piece piece = {
        .gap = layout->runs[walk->run].gap_pages,
        .is_placed = walk->run != 0 && walk->inside == 0,
    };

    do {
        uint64_t part =
            ms_min_u64(layout->runs[walk->run].pages - walk->inside, limit - piece.pages);
        piece.pages += part;
        walk->inside += part;
        if (walk->inside < layout->runs[walk->run].pages)
            break;
        walk->inside = 0;
        walk->run = (walk->run + 1) % layout->run_count;
    } while (piece.pages < limit && walk->run != 0 && layout->runs[walk->run].gap_pages == 0);
    return piece;
}

/* --- placing -----------------------------------------------------------------------------------
 */

struct zone {
    uint64_t lowest, highest; /* frames, inclusive */
};

static struct zone zone_of(const struct ms_memory *memory, enum ms_zone zone)
{
    const uint64_t end_16m = UINT64_C(1) << (24 - MS_PAGE_SHIFT);
    const uint64_t end_4g = UINT64_C(1) << (32 - MS_PAGE_SHIFT);

    if (zone == MS_ZONE_BELOW_16M)
        return (struct zone){0, end_16m - 1};
    if (zone == MS_ZONE_BELOW_4G)
        return (struct zone){end_16m, end_4g - 1};
    ms_require(zone == MS_ZONE_ABOVE_4G);
    return (struct zone){end_4g, ms_memory_pfn_end(memory) - 1};
}

/* How far below its first frame the layout's pattern reaches within `pages`; 0 when it is so wide
 * that it cannot fit the zone anyway. */
static uint64_t reach_below(struct walk walk, uint64_t pages, const struct zone *zone)
{
    const int64_t width = (int64_t)(zone->highest - zone->lowest);
    int64_t at = 0, lowest = 0, highest = 0;

    for (uint64_t done = 0; done < pages;) {
        struct piece piece = walk_next(&walk, pages - done);
        if (done > 0 && piece.is_placed)
            at += piece.gap;
        if (at < lowest)
            lowest = at;
        at += (int64_t)piece.pages;
        if (at > highest)
            highest = at;
        if (highest - lowest > width)
            return 0;
        done += piece.pages;
    }
    return (uint64_t)-lowest;
}

/* Takes a piece anywhere in the zone where it does not begin at `end`, the frame behind the piece
 * before; above that first, so that pieces go up as most layouts do. */
static uint64_t take_apart(struct ms_memory *memory, const struct zone *zone, uint64_t pages,
                           uint64_t end)
{
    uint64_t first = MS_PFN_NONE;

    if (end < zone->highest)
        first = ms_frames_take(memory, pages, 1, end + 1, zone->highest);
    if (first == MS_PFN_NONE && end > zone->lowest) /* begins below `end`, so ends below end + n */
        first = ms_frames_take(memory, pages, 1, zone->lowest,
                               ms_min_u64(zone->highest, end - 1 + (pages - 1)));
    return first;
}

static uint64_t take_piece(struct ms_memory *memory, const struct zone *zone,
                           const struct piece *piece, uint64_t end)
{
    uint64_t wanted = end + (uint64_t)piece->gap; /* wraps round where the zone ends, and is out */

    if (piece->is_placed && piece->gap != 0 && wanted >= zone->lowest && wanted <= zone->highest &&
        piece->pages <= zone->highest - wanted + 1 &&
        ms_frames_take_at(memory, wanted, piece->pages))
        return wanted;
    return take_apart(memory, zone, piece->pages, end);
}

static uint64_t take_first(struct ms_memory *memory, const struct zone *zone, uint64_t pages,
                           uint64_t below)
{
    uint64_t first = ms_frames_take(memory, pages, 1, zone->lowest + below, zone->highest);

    if (first == MS_PFN_NONE && below > 0)
        first = ms_frames_take(memory, pages, 1, zone->lowest, zone->highest);
    return first;
}

bool ms_layout_place(struct ms_memory *memory, const struct ms_layout *layout, uint64_t first_page,
                     uint64_t pages, enum ms_zone zone_name, PFN_NUMBER *pfn)
{
    struct zone zone = zone_of(memory, zone_name);
    struct walk walk = walk_start(layout, first_page);
    uint64_t below = reach_below(walk, pages, &zone), done = 0, end = 0;

    while (done < pages) {
        struct piece piece = walk_next(&walk, pages - done);
        uint64_t first = done == 0 ? take_first(memory, &zone, piece.pages, below)
                                   : take_piece(memory, &zone, &piece, end);

        if (first == MS_PFN_NONE)
            goto undo_pieces;
        for (uint64_t i = 0; i < piece.pages; i++)
            pfn[done + i] = first + i;
        done += piece.pages;
        end = first + piece.pages;
    }
    return true;

undo_pieces:
    ms_layout_unplace(memory, pfn, done);
    return false;
}

void ms_layout_unplace(struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages)
{
    for (uint64_t done = 0; done < pages;) {
        uint64_t run = 1;

        while (done + run < pages && pfn[done + run] == pfn[done] + run)
            run++;
        ms_frames_give(memory, pfn[done], run);
        done += run;
    }
}
