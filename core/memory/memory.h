/* SPDX-License-Identifier: MIT */
/*
 * memory.h: emulated physical memory, page layouts, MDLs over it, and where a chain's bytes lie.
 */
#ifndef MS_MEMORY_H
#define MS_MEMORY_H

#include "kernel/kernel.h"
#include "platform/platform.h"
#include "wdm.h"

enum { MS_PAGE_BYTES = 4096, MS_PAGE_SHIFT = 12 };

/* Physical and logical (device-side) addresses must never be mixed up, so each is a type. */
typedef struct {
    uint64_t value;
} ms_pa;
typedef struct {
    uint64_t value;
} ms_la;

#define MS_PFN_NONE UINT64_MAX

/* --- physical memory -----------------------------------------------------------------------------
 */

enum { MS_RAM_RANGES_MAX = 8 };

struct ms_ram_range {
    uint64_t first_pfn;
    uint64_t pages;
};

/* Where RAM is; everything else below `pages_span` is device space or a hole. */
struct ms_memory_config {
    struct ms_ram_range ram[MS_RAM_RANGES_MAX];
    uint32_t ram_count;
};

/* RAM below 16 MiB, from there to 3 GiB, and from 4 GiB to 68 GiB: 67 GiB in all. */
struct ms_memory_config ms_memory_config_default(void);

struct ms_memory;

/* NULL when the host refuses or the config has overlapping or empty ranges. */
struct ms_memory *ms_memory_create(const struct ms_memory_config *config);
void ms_memory_destroy(struct ms_memory *memory);

/* The page frame exists and is RAM. Wait-free, a handful of compares. */
bool ms_memory_has_pfn(const struct ms_memory *memory, uint64_t pfn);
/* One past the highest RAM frame. */
uint64_t ms_memory_pfn_end(const struct ms_memory *memory);
/* The byte at a physical address inside RAM, as the host sees it; valid to the end of its RAM
 * range. */
uint8_t *ms_memory_byte(const struct ms_memory *memory, ms_pa address);
/* As ms_memory_byte, or NULL when [address, address + bytes) is not all RAM: for devices. */
uint8_t *ms_memory_at(const struct ms_memory *memory, ms_pa address, uint64_t bytes);

/* --- page frames
 * ----------------------------------------------------------------------------------- */

/* Takes exactly these neighbouring frames, all or none; false when one is taken or not RAM.
 * Lock-free. */
bool ms_frames_take_at(struct ms_memory *memory, uint64_t first_pfn, uint64_t count);
/* Takes `count` neighbouring frames inside [lowest_pfn, highest_pfn] with first % align == 0 (a
 * power of two), lowest first, or MS_PFN_NONE. Lock-free; a fault point. */
uint64_t ms_frames_take(struct ms_memory *memory, uint64_t count, uint64_t align,
                        uint64_t lowest_pfn, uint64_t highest_pfn);
/* Gives frames back; giving what is not taken is a broken invariant. Contents are lost. Lock-free.
 */
void ms_frames_give(struct ms_memory *memory, uint64_t first_pfn, uint64_t count);
uint64_t ms_frames_taken(const struct ms_memory *memory);

/* --- views: contiguous virtual addresses over any frames
 * --------------------------------------------- */

/* Virtual addresses that show `pages` frames in this order (the same frame may appear twice), or
 * NULL. A fault point. The view does not own the frames. */
void *ms_view_create(struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages);
void ms_view_destroy(struct ms_memory *memory, void *address, uint64_t pages);
/* The frame behind a virtual address of a view or of the direct map, or MS_PFN_NONE. */
uint64_t ms_virtual_pfn(const struct ms_memory *memory, const void *address);

/* --- layouts: which frames a buffer gets
 * -------------------------------------------------------------- */

/* A run of neighbouring frames, placed relative to the end of the run before it. */
struct ms_layout_run {
    int64_t gap_pages; /* distance from the frame after the last run to this run's first; 0 = joins,
                          negative = descends; the first run's gap is ignored */
    uint64_t pages;    /* 1 or more */
};

struct ms_layout {
    char name[64];
    char source[160]; /* in words: what was recorded or made, on what */
    uint64_t pages;   /* sum over runs */
    uint32_t run_count;
    struct ms_layout_run *runs; /* owned */
};

enum ms_zone { /* where frames are placed */
               MS_ZONE_BELOW_16M,
               MS_ZONE_BELOW_4G,
               MS_ZONE_ABOVE_4G,
};

void ms_layout_clear(struct ms_layout *layout);

/* Text form, versioned (`mapstorm-layout 1`); see corpus/layouts/README.md. On failure nothing is
 * allocated and `error` says what is wrong and in which line. */
bool ms_layout_read(struct ms_layout *layout, const char *text, size_t bytes, char *error,
                    size_t error_bytes);
/* Writes the text form into `text`; returns the bytes it needs (as snprintf does). */
size_t ms_layout_write(const struct ms_layout *layout, char *text, size_t bytes);

/* Takes frames for `pages` pages in the layout's pattern starting at layout page `first_page`
 * (wrapping round at its end), inside `zone`; writes them to `pfn`. Keeps run lengths, joins and
 * breaks exactly; distances between runs are kept where they fit and free, else another
 * non-adjoining place is used. False when the zone is too full: nothing is taken then. */
bool ms_layout_place(struct ms_memory *memory, const struct ms_layout *layout, uint64_t first_page,
                     uint64_t pages, enum ms_zone zone, PFN_NUMBER *pfn);

/* --- MDL chains: where the bytes lie
 * -------------------------------------------------------------------- */

/* A place in a chain: `mdl` holds the byte `base` + something; base = chain offset of its byte 0.
 */
struct ms_mdl_cursor {
    MDL *mdl;
    uint64_t base;
};

/* First frame index and offset for byte `k` of an MDL, correct for any ByteOffset (MDL-20). */
static inline const PFN_NUMBER *ms_mdl_frames(const MDL *mdl)
{
    return (const PFN_NUMBER *)(const void *)(mdl + 1);
}

/* Moves the cursor forward to the MDL that holds chain offset `offset`, skipping empty MDLs; false
 * when the chain ends before (then the cursor is at the end and base = the chain's byte count). */
bool ms_mdl_cursor_seek(struct ms_mdl_cursor *cursor, uint64_t offset);
/* Bytes described by the chain from `head` on, counted no further than `enough`. */
uint64_t ms_mdl_chain_bytes(const MDL *head, uint64_t enough);
/* The MDL may be mapped for DMA: locked, nonpaged, partial of such, or device memory (MTX-22). */
bool ms_mdl_is_resident(const MDL *mdl);

/* Copies between a chain's bytes [offset, offset + bytes) and plain memory, through the frames only
 * (MDL-19). The range must lie inside the chain. */
void ms_mdl_copy_out(const struct ms_memory *memory, const MDL *head, uint64_t offset, void *target,
                     uint64_t bytes);
void ms_mdl_copy_in(const struct ms_memory *memory, const MDL *head, uint64_t offset,
                    const void *source, uint64_t bytes);

/* An MDL with the exact Windows layout over given frames: PAGES_LOCKED set, byte_offset below a
 * page, StartVa an index only. From ms_alloc (a fault point); freed by IoFreeMdl. NULL: no memory.
 * The array of MDLs of 32 pages and more starts on a cache line. */
PMDL ms_mdl_create(const PFN_NUMBER *pfn, uint32_t byte_offset, uint32_t byte_count);

#endif
