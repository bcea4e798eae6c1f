/* SPDX-License-Identifier: MIT */
/*
 * sim_view.c: pages of physical memory that are shown elsewhere stay mapped when they are hidden.
 *
 * Idea        a call of the host that maps costs as much as a hundred steps, and executions show few frames at
 *             few places. So a page that is hidden keeps its frame, and is only forbidden: to the address
 *             sanitizer where there is one, else to the processor, which costs a tenth of a mapping. Shown again
 *             with the same frame, it is only allowed again; with another one, that is mapped over it.
 * Invariants  I1 a page that is forbidden to the sanitizer is in the table; whoever takes it out allows it again
 *             I2 a page in the table shows its frame: who maps something else there, or gives the addresses
 *                back, takes it out first
 * Rows        pages of several frames are shown one after another: those that are only allowed again wait until the
 *             last, for one call of the host costs what ten steps do
 * Large views are the host's business as before: they are rare, and would push all others out.
 */
#include "platform/sim_state.h"

#include <sys/mman.h>

enum {
    PAGE = 4096,
    KEPT_MAX = 1024,      /* pages that are remembered */
    SLOTS = 4 * KEPT_MAX, /* where they are found; two that meet push each other out */
    LARGE_BYTES = 32 * PAGE,
};

struct kept {
    uintptr_t address;
    const void *memory; /* whose frame; its base */
    uint64_t offset;
    uint32_t slot;
    bool is_hidden;
};

static struct kept kept[KEPT_MAX];
static uint32_t kept_count;
static uint16_t place[SLOTS]; /* index + 1 into `kept`; 0: none */

__attribute__((weak)) void __asan_poison_memory_region(void const volatile *memory, size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *memory, size_t bytes);

static uint32_t slot_of(uintptr_t address)
{
    return (uint32_t)((address / PAGE * 0x9E3779B97F4A7C15u) >> 40) % SLOTS;
}

static struct kept *kept_at(uintptr_t address)
{
    uint32_t found = place[slot_of(address)];

    return found && kept[found - 1].address == address ? &kept[found - 1] : NULL;
}

static bool forbid(uintptr_t address, uint64_t bytes)
{
    if (!__asan_poison_memory_region)
        return mprotect((void *)address, bytes, PROT_NONE) == 0;
    __asan_poison_memory_region((void *)address, bytes);
    return true;
}

/* Between ms_host_views_begin and _end, in which nobody else does a step. */
static struct {
    bool is_open, is_refused;
    uintptr_t address; /* of the pages that wait to be allowed */
    uint64_t bytes;
} row;

static bool row_allow(void)
{
    bool is_done =
        row.bytes == 0 || mprotect((void *)row.address, row.bytes, PROT_READ | PROT_WRITE) == 0;

    row.bytes = 0;
    return is_done;
}

void ms_host_views_begin(void)
{
    row.is_open = true;
    row.is_refused = false;
}

bool ms_host_views_end(void)
{
    row.is_open = false;
    return row_allow() && !row.is_refused;
}

static bool allow(uintptr_t address, uint64_t bytes)
{
    if (!__asan_unpoison_memory_region && row.is_open) {
        if (address != row.address + row.bytes) {
            row.is_refused |= !row_allow();
            row.address = address;
        }
        row.bytes += bytes;
        return true;
    }
    if (!__asan_unpoison_memory_region)
        return mprotect((void *)address, bytes, PROT_READ | PROT_WRITE) == 0;
    __asan_unpoison_memory_region((void *)address, bytes);
    return true;
}

/* `stays`: its addresses are still somebody's, so who hid it must be able to rely on it. */
static void kept_drop(struct kept *k, bool stays)
{
    if (k->is_hidden && __asan_unpoison_memory_region) {
        __asan_unpoison_memory_region((void *)k->address, PAGE);
        if (stays)
            ms_require(mprotect((void *)k->address, PAGE, PROT_NONE) == 0);
    }
    place[k->slot] = 0;
    *k = kept[--kept_count];
    if (k != &kept[kept_count])
        place[k->slot] = (uint16_t)(k - kept + 1);
}

static void kept_add(const void *memory, uint64_t offset, uintptr_t address)
{
    uint32_t slot = slot_of(address);

    if (place[slot])
        kept_drop(&kept[place[slot] - 1], true);
    if (kept_count == KEPT_MAX)
        kept_drop(&kept[0], true);
    kept[kept_count] = (struct kept){address, memory, offset, slot, false};
    place[slot] = (uint16_t)++kept_count;
}

void sim_view_forget(const void *memory, uint64_t bytes)
{
    uintptr_t from = (uintptr_t)memory;

    for (uint32_t i = kept_count; i-- > 0;)
        if (kept[i].address - from < bytes || (uintptr_t)kept[i].memory - from < bytes)
            kept_drop(&kept[i], kept[i].address - from >= bytes);
}

/* The page has this very frame. It may be shown already: an execution broke off. */
static struct kept *kept_same(const void *memory, uint64_t offset, uintptr_t address)
{
    struct kept *k = kept_at(address);

    return k && k->memory == memory && k->offset == offset ? k : NULL;
}

static bool host_show(const struct ms_host_memory *memory, uint64_t offset, uintptr_t address,
                      uint64_t bytes)
{
    void *at = (void *)address;

    return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                memory->handle, (off_t)offset) == at;
}

bool sim_view_show(const struct ms_host_memory *memory, uint64_t offset, void *address,
                   uint64_t bytes)
{
    uintptr_t at = (uintptr_t)address;

    sim_spare_mix(address, bytes <= LARGE_BYTES);
    if (bytes > LARGE_BYTES) {
        sim_view_forget(address, bytes);
        return host_show(memory, offset, at, bytes);
    }
    for (uint64_t done = 0; done < bytes;) {
        bool is_same = kept_same(memory->base, offset + done, at + done) != NULL;
        uint64_t run = PAGE;
        struct kept *k;

        while (done + run < bytes &&
               (kept_same(memory->base, offset + done + run, at + done + run) != NULL) == is_same)
            run += PAGE;
        for (uint64_t i = 0; !is_same && i < run; i += PAGE)
            if ((k = kept_at(at + done + i)) != NULL)
                kept_drop(k, false);
        if (!(is_same ? allow(at + done, run) : host_show(memory, offset + done, at + done, run)))
            return false;
        for (uint64_t i = 0; i < run; i += PAGE)
            if (!is_same)
                kept_add(memory->base, offset + done + i, at + done + i);
            else if ((k = kept_at(at + done + i)) != NULL)
                k->is_hidden = false;
        done += run;
    }
    return true;
}

bool sim_view_hide(void *address, uint64_t bytes)
{
    uintptr_t at = (uintptr_t)address;
    bool are_kept = bytes <= LARGE_BYTES;

    for (uint64_t i = 0; i < bytes && are_kept; i += PAGE) {
        const struct kept *k = kept_at(at + i);
        are_kept = k && !k->is_hidden;
    }
    if (!are_kept || !forbid(at, bytes)) {
        sim_view_forget(address, bytes);
        return false;
    }
    for (uint64_t i = 0; i < bytes; i += PAGE)
        kept_at(at + i)->is_hidden = true;
    return true;
}

void sim_view_hide_all(const void *memory, uint64_t bytes)
{
    for (uint32_t i = 0; i < kept_count; i++)
        if (kept[i].address - (uintptr_t)memory < bytes && !kept[i].is_hidden) {
            ms_require(forbid(kept[i].address, PAGE));
            kept[i].is_hidden = true;
        }
}
