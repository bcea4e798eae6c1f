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

/* The beginning of every struct ms_memory, so that finding a byte is an addition at its caller. */
struct ms_memory_map {
    uint8_t *base;    /* const; the host address of physical address 0 */
    uint64_t pfn_end; /* const; one past the highest RAM frame */
    uint32_t ram_count;
    struct ms_ram_range ram[MS_RAM_RANGES_MAX]; /* const; ascending, neighbours joined */
};

/* NULL when the host refuses or the config has overlapping or empty ranges, none, or one that ends
 * above 2^36 frames. Fault points. */
struct ms_memory *ms_memory_create(const struct ms_memory_config *config);
/* Nobody may be inside; views and frames need not have been given back. */
void ms_memory_destroy(struct ms_memory *memory);

static inline const struct ms_memory_map *ms_memory_map_of(const struct ms_memory *memory)
{
    return (const struct ms_memory_map *)(const void *)memory;
}

/* The page frame exists and is RAM. Wait-free, a handful of compares. */
bool ms_memory_has_pfn(const struct ms_memory *memory, uint64_t pfn);
/* One past the highest RAM frame. */
static inline uint64_t ms_memory_pfn_end(const struct ms_memory *memory)
{
    return ms_memory_map_of(memory)->pfn_end;
}

/* The byte at a physical address inside RAM, as the host sees it; valid to the end of its RAM
 * range (ranges that touch count as one). */
static inline uint8_t *ms_memory_byte(const struct ms_memory *memory, ms_pa address)
{
    ms_assert(ms_memory_has_pfn(memory, address.value >> MS_PAGE_SHIFT));
    return ms_memory_map_of(memory)->base + address.value;
}

/* As ms_memory_byte, or NULL when [address, address + bytes) is not all RAM or empty: for devices.
 */
uint8_t *ms_memory_at(const struct ms_memory *memory, ms_pa address, uint64_t bytes);

/* --- page frames
 * ----------------------------------------------------------------------------------- */

/* Takes exactly these neighbouring frames, all or none; false when one is taken or not RAM.
 * Lock-free; a fault point. */
bool ms_frames_take_at(struct ms_memory *memory, uint64_t first_pfn, uint64_t count);
/* Takes `count` neighbouring frames inside [lowest_pfn, highest_pfn] with first % align == 0 (a
 * power of two), lowest first, or MS_PFN_NONE. Lock-free; a fault point. A take of more than 64
 * frames or across a multiple of 64 that loses against another one may make a third overlook what
 * it held for a moment. */
uint64_t ms_frames_take(struct ms_memory *memory, uint64_t count, uint64_t align,
                        uint64_t lowest_pfn, uint64_t highest_pfn);
/* Gives frames back; giving what is not taken is a broken invariant. Contents are lost. Lock-free.
 */
void ms_frames_give(struct ms_memory *memory, uint64_t first_pfn, uint64_t count);
uint64_t ms_frames_taken(const struct ms_memory *memory);

/* --- views: contiguous virtual addresses over any frames
 * --------------------------------------------- */

enum {
    /* Runs of neighbouring frames shown by all views of a memory together. The host allows about
     * 65000 mappings a process, and malloc and thread stacks need some of them. */
    MS_VIEW_RUNS_MAX = 32768,
};

/* Virtual addresses that show `pages` frames in this order (the same frame may appear twice), or
 * NULL: no frames, a frame that is not RAM, MS_VIEW_RUNS_MAX reached, the host refuses. A fault
 * point. The view does not own the frames. The addresses before and behind it are guard pages. Any
 * thread may call; each run of frames costs one system call, so this is for set-up. */
void *ms_view_create(struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages);
void ms_view_destroy(struct ms_memory *memory, void *address, uint64_t pages);
/* The start of the view `address` lies in and its pages, or NULL. */
void *ms_view_find(const struct ms_memory *memory, const void *address, uint64_t *pages);
/* The frame behind a virtual address of a view or of the direct map, or MS_PFN_NONE. */
uint64_t ms_virtual_pfn(const struct ms_memory *memory, const void *address);

/* Shows `bytes` of RAM from `from` on at `address` too, which lies in a range of the caller's
 * (ms_reserve); all are on page boundaries. ms_host_memory_unview undoes it. False when the host
 * refuses. A fault point. Any thread. */
bool ms_memory_show(const struct ms_memory *memory, ms_pa from, uint64_t bytes, void *address);

/* --- common buffers: contiguous for the device, in reach of it, at addresses of their own
 * ------------------------------------------------------------------------------------------------
 */

/* A zeroed buffer of neighbouring frames whose bytes lie in [lowest, highest] (inclusive, CBF-08),
 * on a page boundary in both address spaces (CBF-05), never across 4 GiB (CBF-12); its first frame
 * is a multiple of `align_pages`, a power of two. Its logical address is its physical one (GEN-06).
 * NULL when there is no room, for 0 bytes (CBF-11), or the host refuses; `logical` is written on
 * success only. Fault points. Any thread, PASSIVE_LEVEL. */
void *ms_common_buffer_create(struct ms_memory *memory, uint64_t bytes, uint64_t align_pages,
                              ms_la lowest, ms_la highest, ms_la *logical);
/* Frees it; false, and nothing happens, when the three do not name one whole buffer (CBF-06). */
bool ms_common_buffer_destroy(struct ms_memory *memory, void *address, uint64_t bytes,
                              ms_la logical);

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
               MS_ZONE_BELOW_4G, /* from 16 MiB on */
               MS_ZONE_ABOVE_4G,
};

enum { MS_LAYOUT_RUNS_MAX = 1 << 20 };          /* in one file */
#define MS_LAYOUT_PAGES_MAX (UINT64_C(1) << 24) /* 64 GiB: in one layout, and so in one run */
#define MS_LAYOUT_GAP_MAX   (INT64_C(1) << 36)  /* either way */

void ms_layout_clear(struct ms_layout *layout);

/* Text form, versioned (`mapstorm-layout 1`); see corpus/layouts/README.md. On failure nothing is
 * allocated and `error` says what is wrong and in which line. `text` need not end with a 0 and may
 * hold anything. */
bool ms_layout_read(struct ms_layout *layout, const char *text, size_t bytes, char *error,
                    size_t error_bytes);
/* Writes the text form into `text`, as much as fits and a 0; returns the bytes it needs without the
 * 0 (as snprintf does). */
size_t ms_layout_write(const struct ms_layout *layout, char *text, size_t bytes);

/* The layout of recorded frames: which follow each other, and how far apart the others are. Of the
 * frame numbers themselves nothing is kept. False: no frames, more than the limits above, or no
 * memory. */
bool ms_layout_from_pfns(struct ms_layout *layout, const char *name, const char *source,
                         const uint64_t *pfn, uint64_t pages);

/* Takes frames for `pages` pages in the layout's pattern starting at layout page `first_page`
 * (wrapping round at its end), inside `zone`; writes them to `pfn`. Keeps run lengths, joins and
 * breaks exactly; distances between runs are kept where they fit and are free, else another
 * non-adjoining place is used; where the layout wraps round is a break. False when the zone is too
 * full: nothing is taken then. Fault points. Any number of threads. */
bool ms_layout_place(struct ms_memory *memory, const struct ms_layout *layout, uint64_t first_page,
                     uint64_t pages, enum ms_zone zone, PFN_NUMBER *pfn);
/* Gives such frames back. */
void ms_layout_unplace(struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages);

/* Made layouts, same seed same layout. False: no memory, or `pages` is 0 or beyond the limits. The
 * name says what was asked for; one page is `contiguous` with 1. */
bool ms_layout_make_contiguous(struct ms_layout *layout, uint64_t pages);
/* Every page a break: 1 up each time, or descending: the page below each time. */
bool ms_layout_make_fragmented(struct ms_layout *layout, uint64_t pages);
bool ms_layout_make_descending(struct ms_layout *layout, uint64_t pages);
/* Runs of one length; runs of two lengths by turns. */
bool ms_layout_make_runs(struct ms_layout *layout, uint64_t pages, uint64_t run);
bool ms_layout_make_alternating(struct ms_layout *layout, uint64_t pages, uint64_t run_odd,
                                uint64_t run_even);
/* Runs of 512, as from 2 MiB pages, at least 2 MiB apart. */
bool ms_layout_make_huge(struct ms_layout *layout, uint64_t pages);
/* Random runs, in random order up and down: geometric of a mean (1 or more); uniform 1..longest;
 * half singles, 30 % 1..8, 20 % 16..79. */
bool ms_layout_make_geometric(struct ms_layout *layout, uint64_t pages, double mean, uint64_t seed);
bool ms_layout_make_uniform(struct ms_layout *layout, uint64_t pages, uint64_t longest,
                            uint64_t seed);
bool ms_layout_make_mixture(struct ms_layout *layout, uint64_t pages, uint64_t seed);

/* --- MDL chains: where the bytes lie
 * -------------------------------------------------------------------- */

/* A place in a chain: `mdl` holds the byte `base` + something; base = chain offset of its byte 0.
 */
struct ms_mdl_cursor {
    MDL *mdl;
    uint64_t base;
};

/* An MDL's frame array. Byte k of it lies in frame (ByteOffset + k) / 4096 at (ByteOffset + k) %
 * 4096, whatever ByteOffset is (MDL-20). */
static inline const PFN_NUMBER *ms_mdl_frames(const MDL *mdl)
{
    return (const PFN_NUMBER *)(const void *)(mdl + 1);
}

/* Frames an MDL's bytes span (MDL-04); never from its Size field, which wraps (MDL-07). */
static inline uint64_t ms_mdl_pages(const MDL *mdl)
{
    return ((uint64_t)mdl->ByteOffset + mdl->ByteCount + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT;
}

bool ms_mdl_cursor_walk(struct ms_mdl_cursor *cursor, uint64_t offset);

/* Moves the cursor forward to the MDL that holds chain offset `offset`, skipping empty MDLs; false
 * when the chain ends before (then mdl is NULL and base = the chain's byte count). `offset` is not
 * below `base`. Wait-free; reads no MDL behind the one it stops at (MTX-24). */
static inline bool ms_mdl_cursor_seek(struct ms_mdl_cursor *cursor, uint64_t offset)
{
    ms_assert(offset >= cursor->base);
    /* Nearly every call: a single MDL, or where the last call stopped. */
    if (MS_LIKELY(cursor->mdl != NULL && offset - cursor->base < cursor->mdl->ByteCount))
        return true;
    return ms_mdl_cursor_walk(cursor, offset);
}

/* Bytes described by the chain from `head` on, counted no further than `enough`: the result is
 * below `enough` exactly when the chain is that short. */
uint64_t ms_mdl_chain_bytes(const MDL *head, uint64_t enough);

/* What says that an MDL may be mapped for DMA (MTX-22). Not an enum's constant: the field is unsigned in
 * use. */
#define MS_MDL_RESIDENT                                                                            \
    (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL | MDL_IO_SPACE)
static_assert((MS_MDL_RESIDENT & ~MDL_IO_SPACE) < MDL_IO_SPACE, "see ms_mdl_is_resident_ram");

/* The MDL may be mapped for DMA: locked, nonpaged, partial of such, or device memory (MTX-22). */
static inline bool ms_mdl_is_resident(const MDL *mdl)
{
    return (mdl->MdlFlags & MS_MDL_RESIDENT) != 0;
}

/* The same, and its pages are RAM: a device that reaches all of RAM may not reach another's memory. One
 * comparison, as it is made for each mapping: device memory is the highest of those flags. */
static inline bool ms_mdl_is_resident_ram(const MDL *mdl)
{
    return ((uint32_t)mdl->MdlFlags & MS_MDL_RESIDENT) - 1u < MDL_IO_SPACE - 1u;
}

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
