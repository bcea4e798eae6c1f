/* SPDX-License-Identifier: MIT */
/*
 * sim_spare.c: large memory that was given back is given out again, where the address sanitizer watches.
 *
 * Idea        a machine reserves some forty ranges and an object for its physical memory. To the host each costs as
 *             much as a hundred steps, and each page that is touched for the first time half of that. So ranges come
 *             from one file in memory, physical memory is a file each, and both stay mapped. Who gives a range
 *             back leaves it, forbidden to the sanitizer; who takes one of that size gets it, zero again.
 * Zero        a file's blocks grow when a page of it is touched for the first time, by whomever and however. While
 *             their number stays, the pages that are known are all that can be other than zero. Ranges of
 *             which too many pages are known get fresh ones from the host. Nobody touches what is not taken, so one
 *             look behind the last that was given back is enough.
 * Windows     ranges for views alone are never touched but through views, which sim_view.c keeps: of the same
 *             physical memory too, since it stays where it is.
 * Limits      what is forbidden are the pages that somebody has touched already. Without the sanitizer nothing
 *             comes from here: memory goes back to the host, and whoever still uses it crashes.
 */
#include "platform/sim_state.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    RANGES_MAX = 256,
    MEMORIES_MAX = 4,
    TOUCHED_MAX = 64, /* pages of a range that are made zero one by one */
};
#define ARENA_BYTES (UINT64_C(1) << 40)

struct file {
    int handle;
    uint8_t *base; /* NULL: none */
    uint64_t bytes;
    int64_t blocks; /* when it was looked through; -1: never */
    bool is_stale;  /* something was given back since: its touched pages may not all be known */
};

struct range {
    struct file *file;
    uint64_t at, bytes;
    bool is_used;
    bool is_window;         /* for views alone: unusable but for those */
    bool is_mixed;          /* something else was mapped into it */
    uint32_t touched_count; /* above TOUCHED_MAX: more than are known */
};

static struct file arena;
static uint64_t arena_used;
static struct file memories[MEMORIES_MAX];
static struct range ranges[RANGES_MAX]; /* those of the arena in ascending order */
static uint32_t range_count;
static uint32_t touched[RANGES_MAX][TOUCHED_MAX]; /* pages of each */

__attribute__((weak)) void __asan_poison_memory_region(void const volatile *memory, size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *memory, size_t bytes);

/* A process that forks off has files of its own: what is mapped stays, and is nobody's. */
static void child_begins(void)
{
    arena = (struct file){0};
    memset(memories, 0, sizeof memories);
    range_count = 0;
}

static bool file_open(struct file *file, uint64_t bytes)
{
    static bool has_handler;

    if (!has_handler && pthread_atfork(NULL, NULL, child_begins) != 0)
        return false;
    has_handler = true;
    *file = (struct file){
        .handle = memfd_create("mapstorm spare", MFD_CLOEXEC), .bytes = bytes, .blocks = -1};
    if (file->handle < 0)
        return false;
    if (ftruncate(file->handle, (off_t)bytes) == 0) {
        file->base =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file->handle, 0);
        if (file->base != MAP_FAILED)
            return true;
    }
    file->base = NULL;
    close(file->handle);
    return false;
}

static uint32_t *touched_of(const struct range *range)
{
    return touched[range - ranges];
}

static uint8_t *range_memory(const struct range *range)
{
    return range->file->base + range->at;
}

static struct range *range_at(const void *memory)
{
    for (uint32_t i = 0; i < range_count; i++)
        if ((uintptr_t)memory - (uintptr_t)range_memory(&ranges[i]) < ranges[i].bytes)
            return &ranges[i];
    return NULL;
}

/* --- what was touched ------------------------------------------------------------------------------ */

/* The touched pages that are known one by one: those of a range that nobody has are forbidden, always. */
static void touched_mark(const struct range *range, bool is_forbidden)
{
    uint32_t count = range->touched_count < TOUCHED_MAX ? range->touched_count : TOUCHED_MAX;

    for (uint32_t i = 0; i < count; i++) {
        uint8_t *page = range_memory(range) + (size_t)touched_of(range)[i] * PAGE;
        if (is_forbidden)
            __asan_poison_memory_region(page, PAGE);
        else
            __asan_unpoison_memory_region(page, PAGE);
    }
}

static void pages_note(const struct file *file, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < range_count; i++) {
        struct range *range = &ranges[i];
        uint64_t first = from > range->at ? from : range->at;
        uint64_t end = to < range->at + range->bytes ? to : range->at + range->bytes;
        if (range->file != file)
            continue;
        for (; first < end && range->touched_count <= TOUCHED_MAX; first += PAGE) {
            if (range->touched_count < TOUCHED_MAX)
                touched_of(range)[range->touched_count] = (uint32_t)((first - range->at) / PAGE);
            range->touched_count++;
        }
    }
}

/* All that was touched so far is known. */
static void file_look(struct file *file)
{
    struct stat now;
    off_t from = 0;

    file->is_stale = false;
    ms_require(fstat(file->handle, &now) == 0);
    if (now.st_blocks == file->blocks)
        return;
    file->blocks = now.st_blocks;
    for (uint32_t i = 0; i < range_count; i++)
        if (ranges[i].file == file) {
            if (!ranges[i].is_used)
                touched_mark(&ranges[i], false);
            ranges[i].touched_count = 0;
        }
    while ((from = lseek(file->handle, from, SEEK_DATA)) >= 0) {
        off_t to = lseek(file->handle, from, SEEK_HOLE);
        pages_note(file, (uint64_t)from, (uint64_t)to);
        from = to;
    }
    for (uint32_t i = 0; i < range_count; i++)
        if (ranges[i].file == file && !ranges[i].is_used)
            touched_mark(&ranges[i], true);
}

static bool range_clear(struct range *range)
{
    uint32_t count = range->touched_count < TOUCHED_MAX ? range->touched_count : TOUCHED_MAX;
    bool is_all = range->touched_count <= TOUCHED_MAX;

    touched_mark(range, false);
    for (uint32_t i = 0; is_all && i < count; i++)
        memset(range_memory(range) + (size_t)touched_of(range)[i] * PAGE, 0, PAGE);
    if (is_all)
        return true;
    range->file->blocks = -1;
    range->touched_count = 0;
    return fallocate(range->file->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     (off_t)range->at, (off_t)range->bytes) == 0;
}

/* --- ranges ---------------------------------------------------------------------------------------- */

static struct range *range_add(struct file *file, uint64_t at, uint64_t bytes)
{
    struct range *range = &ranges[range_count];

    if (range_count == RANGES_MAX)
        return NULL;
    *range = (struct range){.file = file, .at = at, .bytes = bytes};
    range_count++;
    return range;
}

/* One page between two ranges is nobody's. */
static struct range *range_carve(uint64_t bytes)
{
    struct range *range;

    if (!arena.base && !file_open(&arena, ARENA_BYTES))
        return NULL;
    if (range_count == 0 || !arena_used)
        arena_used = PAGE;
    bytes = ms_round_up(bytes, PAGE);
    if (bytes > ARENA_BYTES - PAGE - arena_used || !(range = range_add(&arena, arena_used, bytes)))
        return NULL;
    arena_used += bytes + PAGE;
    __asan_poison_memory_region(arena.base + arena_used - PAGE, PAGE);
    return range;
}

void *sim_spare_take(uint64_t bytes, bool is_window)
{
    struct range *range = NULL;

    if (!__asan_poison_memory_region)
        return NULL;
    for (uint32_t i = 0; i < range_count && !range; i++)
        if (!ranges[i].is_used && ranges[i].file == &arena && ranges[i].is_window == is_window &&
            ranges[i].bytes == ms_round_up(bytes, PAGE))
            range = &ranges[i];
    if (!range) {
        range = range_carve(bytes);
        if (!range || (is_window && mprotect(range_memory(range), range->bytes, PROT_NONE) != 0))
            return NULL;
        range->is_window = is_window;
    } else if (!is_window) {
        if (arena.is_stale)
            file_look(&arena);
        if (!range_clear(range))
            return NULL;
    }
    range->is_used = true;
    return range_memory(range);
}

/* Its file again, or for a window nothing, whatever was mapped into it. */
static void range_mend(struct range *range)
{
    void *memory = range_memory(range);

    sim_view_forget(memory, range->bytes);
    ms_require(mmap(memory, range->bytes, range->is_window ? PROT_NONE : PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, range->file->handle,
                    (off_t)range->at) == memory);
    range->is_mixed = false;
}

bool sim_spare_give(void *memory, uint64_t bytes)
{
    struct range *range = range_at(memory);

    if (!range)
        return false;
    ms_require(range->is_used && range_memory(range) == memory &&
               range->bytes == ms_round_up(bytes, PAGE));
    if (range->is_mixed)
        range_mend(range);
    else if (range->is_window)
        sim_view_hide_all(memory, bytes);
    if (!range->file->is_stale) /* the first of several that go: that must do for the others */
        file_look(range->file);
    range->file->is_stale = true;
    range->is_used = false;
    touched_mark(range, true);
    return true;
}

void sim_spare_mix(const void *memory, bool is_kept)
{
    struct range *range = range_at(memory);

    if (range && !(range->is_window && is_kept))
        range->is_mixed = true;
}

/* --- physical memory ------------------------------------------------------------------------------- */

bool sim_spare_memory_take(struct ms_host_memory *memory, uint64_t bytes)
{
    struct file *file = NULL;
    struct range *range = NULL;

    if (!__asan_poison_memory_region)
        return false;
    for (uint32_t i = 0; i < range_count && !range; i++)
        if (!ranges[i].is_used && ranges[i].file != &arena && ranges[i].bytes == bytes)
            range = &ranges[i];
    for (uint32_t i = 0; i < MEMORIES_MAX && !range && !file; i++)
        if (!memories[i].base)
            file = &memories[i];
    if (!range && (!file || range_count == RANGES_MAX || !file_open(file, bytes) ||
                   !(range = range_add(file, 0, bytes))))
        return false;
    if (range->file->is_stale)
        file_look(range->file);
    if (!range_clear(range))
        return false;
    range->is_used = true;
    *memory = (struct ms_host_memory){
        .handle = range->file->handle, .base = range->file->base, .bytes = bytes};
    return true;
}

void sim_spare_discarded(const void *memory)
{
    const struct range *range = range_at(memory);

    if (range)
        range->file->blocks = -1;
}
