/* SPDX-License-Identifier: MIT */
/*
 * physmem.c: emulated physical memory: where RAM is, its bytes, and which frames are taken.
 *
 * One memory object of the host spans all physical addresses from 0 to the end of RAM; the host
 * commits a page when it is first touched. It is mapped once as a whole, so a physical address
 * becomes a host address by one addition (MDL-23). Holes between RAM ranges have addresses too, but
 * no frame in them is ever handed out and devices are refused there.
 */
#include "memory/physmem.h"

#include <string.h>

/* Frames given back in runs of this many or more return to the host; smaller ones keep their
 * memory, since they are about to be taken again (lowest first) and a system call would cost more
 * than the page. */
enum { DISCARD_PAGES = 512 };

#define PFN_END_MAX (UINT64_C(1) << 36)

struct ms_memory_config ms_memory_config_default(void)
{
    const uint64_t mib = 1024 * 1024 / MS_PAGE_BYTES;

    return (struct ms_memory_config){
        .ram = {{.first_pfn = 0, .pages = 16 * mib},
                {.first_pfn = 16 * mib, .pages = (3 * 1024 - 16) * mib},
                {.first_pfn = 4 * 1024 * mib, .pages = 64 * 1024 * mib}},
        .ram_count = 3,
    };
}

/* Pure: the ranges in ascending order, neighbours joined; false when they are not usable. */
static bool map_init(struct ms_memory_map *map, const struct ms_memory_config *config)
{
    struct ms_ram_range *ram = map->ram;

    *map = (struct ms_memory_map){0};
    if (config->ram_count == 0 || config->ram_count > MS_RAM_RANGES_MAX)
        return false;
    for (uint32_t i = 0; i < config->ram_count; i++) { /* insertion: at most 8 */
        struct ms_ram_range range = config->ram[i];
        uint32_t place = i;

        if (range.pages == 0 || range.pages > PFN_END_MAX ||
            range.first_pfn > PFN_END_MAX - range.pages)
            return false;
        for (; place > 0 && ram[place - 1].first_pfn > range.first_pfn; place--)
            ram[place] = ram[place - 1];
        ram[place] = range;
    }
    map->ram_count = 1;
    for (uint32_t i = 1; i < config->ram_count; i++) {
        struct ms_ram_range *last = &ram[map->ram_count - 1];
        uint64_t end = last->first_pfn + last->pages;

        if (ram[i].first_pfn < end)
            return false;
        if (ram[i].first_pfn == end)
            last->pages += ram[i].pages;
        else
            ram[map->ram_count++] = ram[i];
    }
    map->pfn_end = ram[map->ram_count - 1].first_pfn + ram[map->ram_count - 1].pages;
    return true;
}

struct ms_memory *ms_memory_create(const struct ms_memory_config *config)
{
    struct ms_memory *memory = ms_alloc(sizeof *memory);

    if (!memory)
        return NULL;
    if (!map_init(&memory->map, config))
        goto undo_alloc;
    if (!ms_host_memory_create(&memory->host, memory->map.pfn_end * MS_PAGE_BYTES))
        goto undo_alloc;
    memory->map.base = memory->host.base;
    if (!ms_page_set_init(&memory->frames, memory->map.pfn_end))
        goto undo_host;
    if (!ms_window_init(&memory->window))
        goto undo_frames;
    return memory;

undo_frames:
    ms_page_set_fini(&memory->frames);
undo_host:
    ms_host_memory_destroy(&memory->host);
undo_alloc:
    ms_free(memory, sizeof *memory);
    return NULL;
}

void ms_memory_destroy(struct ms_memory *memory)
{
    if (!memory)
        return;
    ms_window_fini(&memory->window);
    ms_page_set_fini(&memory->frames);
    ms_host_memory_destroy(&memory->host);
    ms_free(memory, sizeof *memory);
}

/* The RAM range that holds a frame, or NULL. */
static const struct ms_ram_range *range_of(const struct ms_memory_map *map, uint64_t pfn)
{
    for (uint32_t i = 0; i < map->ram_count; i++)
        if (pfn - map->ram[i].first_pfn < map->ram[i].pages) /* below the range wraps round */
            return &map->ram[i];
    return NULL;
}

bool ms_memory_has_pfn(const struct ms_memory *memory, uint64_t pfn)
{
    return range_of(&memory->map, pfn) != NULL;
}

uint8_t *ms_memory_at(const struct ms_memory *memory, ms_pa address, uint64_t bytes)
{
    const struct ms_ram_range *range = range_of(&memory->map, address.value >> MS_PAGE_SHIFT);

    if (!range || bytes == 0)
        return NULL;
    uint64_t end = (range->first_pfn + range->pages) << MS_PAGE_SHIFT;
    return bytes <= end - address.value ? memory->map.base + address.value : NULL;
}

/* --- page frames -------------------------------------------------------------------------------
 */

bool ms_frames_take_at(struct ms_memory *memory, uint64_t first_pfn, uint64_t count)
{
    const struct ms_ram_range *range = range_of(&memory->map, first_pfn);

    if (!range || count > range->first_pfn + range->pages - first_pfn)
        return false;
    if (ms_fault_here())
        return false;
    return ms_page_set_take_at(&memory->frames, first_pfn, count);
}

uint64_t ms_frames_take(struct ms_memory *memory, uint64_t count, uint64_t align,
                        uint64_t lowest_pfn, uint64_t highest_pfn)
{
    if (count == 0 || ms_fault_here())
        return MS_PFN_NONE;
    for (uint32_t i = 0; i < memory->map.ram_count; i++) {
        const struct ms_ram_range *range = &memory->map.ram[i];
        uint64_t last = range->first_pfn + range->pages - 1;
        uint64_t low = lowest_pfn > range->first_pfn ? lowest_pfn : range->first_pfn;
        uint64_t high = ms_min_u64(highest_pfn, last);

        if (low > high)
            continue;
        uint64_t first = ms_page_set_take(&memory->frames, count, align, low, high);
        if (first != MS_PAGE_NONE)
            return first;
    }
    return MS_PFN_NONE;
}

void ms_frames_give(struct ms_memory *memory, uint64_t first_pfn, uint64_t count)
{
    if (count >= DISCARD_PAGES) /* before the frames are another one's */
        ms_host_memory_discard(&memory->host, first_pfn * MS_PAGE_BYTES, count * MS_PAGE_BYTES);
    ms_page_set_give(&memory->frames, first_pfn, count);
}

uint64_t ms_frames_taken(const struct ms_memory *memory)
{
    return ms_page_set_count(&memory->frames);
}
