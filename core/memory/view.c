/* SPDX-License-Identifier: MIT */
/*
 * view.c: contiguous virtual addresses over any frames, like a kernel's system mappings.
 *
 * Idea        a window of reserved addresses, unusable but for views. A view takes neighbouring
 *             window pages from a page set (see page_set.c) and one more that stays unusable, maps
 *             the memory object there run by run, and writes down what each page shows.
 * Invariants  I1 shows[p] != 0 => p belongs to a live view; its index leads to the view's first
 *                page, and a 0 follows its last
 *             I2 a window page is given back only when it is unusable again. If the host refuses
 *                that, the page stays taken until the memory is destroyed: addresses are lost,
 *                nothing else
 * Ordering    hb:page-handover (page_set.c)  destroy's clearing of shows[] comes before the next
 *             owner's writing. A reader has the address from the view's owner, whose hand-over to
 *             it orders shows[] as well, so the entries are relaxed.
 * ABA         none: nothing is inferred from an entry's history
 * Progress    finding is wait-free. Creating and destroying wait for nobody but the host.
 */
#include "memory/physmem.h"

/* What a window page shows, in one word. */
union shown {
    struct {
        uint64_t frame : 40; /* pfn + 1; 0: nothing */
        uint64_t index : 24; /* the page's number in its view */
    };
    uint64_t raw;
};
static_assert(sizeof(union shown) == sizeof(uint64_t), "an entry must be one word");

#define WINDOW_BYTES (MS_WINDOW_PAGES * MS_PAGE_BYTES)
#define SHOWS_BYTES  (MS_WINDOW_PAGES * sizeof(ms_atomic_u64))

bool ms_window_init(struct ms_window *window)
{
    *window = (struct ms_window){0};
    window->base = ms_reserve_hidden(WINDOW_BYTES);
    if (!window->base)
        return false;
    window->shows = ms_reserve(SHOWS_BYTES);
    if (!window->shows)
        goto undo_base;
    if (!ms_page_set_init(&window->pages, MS_WINDOW_PAGES))
        goto undo_shows;
    /* Page 0 is nobody's, so that the first view too has a guard page before it. */
    ms_require(ms_page_set_take_at(&window->pages, 0, 1));
    ms_init(&window->runs, 0);
    return true;

undo_shows:
    ms_unreserve(window->shows, SHOWS_BYTES);
undo_base:
    ms_unreserve(window->base, WINDOW_BYTES);
    return false;
}

void ms_window_fini(struct ms_window *window)
{
    ms_page_set_fini(&window->pages);
    ms_unreserve(window->shows, SHOWS_BYTES);
    ms_unreserve(window->base, WINDOW_BYTES);
}

/* --- runs --------------------------------------------------------------------------------------
 */

/* Neighbouring frames from pfn[0] on. */
static uint64_t run_pages(const PFN_NUMBER *pfn, uint64_t pages)
{
    uint64_t run = 1;

    while (run < pages && pfn[run] == pfn[0] + run)
        run++;
    return run;
}

/* Mappings that `pages` frames need; 0 when one of them is not RAM. */
static uint64_t runs_count(const struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages)
{
    uint64_t runs = 0;

    for (uint64_t i = 0; i < pages; i++) {
        if (!ms_memory_has_pfn(memory, pfn[i]))
            return 0;
        if (i == 0 || pfn[i] != pfn[i - 1] + 1)
            runs++;
    }
    return runs;
}

/* The same from what a view shows. */
static uint64_t runs_shown(const struct ms_window *window, uint64_t first, uint64_t pages)
{
    uint64_t runs = 0, expected = 0;

    for (uint64_t i = 0; i < pages; i++) {
        union shown shown = {.raw = ms_load_relaxed(&window->shows[first + i])};
        if (shown.frame != expected)
            runs++;
        expected = shown.frame + 1;
    }
    return runs;
}

static bool runs_claim(struct ms_window *window, uint64_t runs)
{
    /* Relaxed: a limit on a number, it guards no data. */
    uint64_t before = ms_fetch_add_relaxed(&window->runs, runs);

    if (runs <= MS_VIEW_RUNS_MAX && before <= MS_VIEW_RUNS_MAX - runs)
        return true;
    ms_fetch_sub_relaxed(&window->runs, runs);
    return false;
}

/* --- views -------------------------------------------------------------------------------------
 */

static uint8_t *window_address(const struct ms_window *window, uint64_t page)
{
    return window->base + page * MS_PAGE_BYTES;
}

/* Makes a view's addresses unusable and gives them back; see I2. */
static void window_close(struct ms_window *window, uint64_t first, uint64_t pages, uint64_t runs)
{
    uint8_t *address = window_address(window, first);

    for (uint64_t i = 0; i < pages; i++)
        ms_store_relaxed(&window->shows[first + i], 0); /* ordered by hb:page-handover */
    if (!ms_host_memory_hide(address, pages * MS_PAGE_BYTES))
        return;
    ms_fetch_sub_relaxed(&window->runs, runs);
    ms_page_set_give(&window->pages, first, pages + 1);
}

static bool window_map(struct ms_memory *memory, uint64_t first, const PFN_NUMBER *pfn,
                       uint64_t pages)
{
    uint64_t done = 0;

    ms_host_views_begin();
    while (done < pages) {
        uint64_t run = run_pages(pfn + done, pages - done);
        uint8_t *address = window_address(&memory->window, first + done);

        if (!ms_host_memory_view(&memory->host, pfn[done] * MS_PAGE_BYTES, address,
                                 run * MS_PAGE_BYTES))
            break;
        done += run;
    }
    return ms_host_views_end() && done == pages;
}

/* Where addresses are looked for: the lowest. In the simulator a frame has a place of its own among the first, or
 * the host would map another one there for most executions (see platform/sim_view.c). All are in one word. */
static uint64_t window_from(const PFN_NUMBER *pfn)
{
#ifdef MS_SIM
    return pfn[0] * 11 % 47;
#else
    (void)pfn;
    return 0;
#endif
}

void *ms_view_create(struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages)
{
    struct ms_window *window = &memory->window;
    uint64_t runs = runs_count(memory, pfn, pages);

    if (runs == 0 || pages >= MS_WINDOW_PAGES || ms_fault_here())
        return NULL;
    if (!runs_claim(window, runs))
        return NULL;
    uint64_t first =
        ms_page_set_take(&window->pages, pages + 1, 1, window_from(pfn), MS_WINDOW_PAGES - 1);
    if (first == MS_PAGE_NONE)
        goto undo_runs;
    if (!window_map(memory, first, pfn, pages))
        goto undo_map;
    for (uint64_t i = 0; i < pages; i++) {
        union shown shown = {.frame = (pfn[i] + 1) & UINT64_C(0xFFFFFFFFFF), .index = i & 0xFFFFFF};
        ms_store_relaxed(&window->shows[first + i], shown.raw);
    }
    return window_address(window, first);

undo_map:
    window_close(window, first, pages, runs);
    return NULL;
undo_runs:
    ms_fetch_sub_relaxed(&window->runs, runs);
    return NULL;
}

/* The window page of an address, or MS_PAGE_NONE. */
static uint64_t window_page(const struct ms_window *window, const void *address)
{
    uintptr_t distance = (uintptr_t)address - (uintptr_t)window->base;

    return distance < WINDOW_BYTES ? distance >> MS_PAGE_SHIFT : MS_PAGE_NONE;
}

void *ms_view_find(const struct ms_memory *memory, const void *address, uint64_t *pages)
{
    const struct ms_window *window = &memory->window;
    uint64_t page = window_page(window, address), end;

    if (page == MS_PAGE_NONE)
        return NULL;
    union shown shown = {.raw = ms_load_relaxed(&window->shows[page])};
    if (shown.frame == 0)
        return NULL;
    for (end = page + 1; ms_load_relaxed(&window->shows[end]) != 0;) /* I1: a 0 follows */
        end++;
    *pages = end - (page - shown.index);
    return window_address(window, page - shown.index);
}

void ms_view_destroy(struct ms_memory *memory, void *address, uint64_t pages)
{
    struct ms_window *window = &memory->window;
    uint64_t found = 0;

    ms_require(ms_view_find(memory, address, &found) == address && found == pages);
    uint64_t first = window_page(window, address);
    window_close(window, first, pages, runs_shown(window, first, pages));
}

uint64_t ms_virtual_pfn(const struct ms_memory *memory, const void *address)
{
    uint64_t page = window_page(&memory->window, address);

    if (page != MS_PAGE_NONE) {
        union shown shown = {.raw = ms_load_relaxed(&memory->window.shows[page])};
        return shown.frame != 0 ? shown.frame - 1u : MS_PFN_NONE;
    }
    uint64_t pfn = ((uintptr_t)address - (uintptr_t)memory->map.base) >> MS_PAGE_SHIFT;
    return ms_memory_has_pfn(memory, pfn) ? pfn : MS_PFN_NONE;
}

bool ms_memory_show(const struct ms_memory *memory, ms_pa from, uint64_t bytes, void *address)
{
    struct ms_host_memory host = memory->host; /* the object; only its handle is used */

    return ms_host_memory_view(&host, from.value, address, bytes);
}
