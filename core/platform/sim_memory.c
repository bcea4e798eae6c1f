/* SPDX-License-Identifier: MIT */
/*
 * sim_memory.c: which values a load may return: the release/acquire part of C11 with relaxed
 * accesses and fences.
 *
 * Idea        each location keeps its newest stores with the clocks they carry. A load may return
 *             any of them that nothing has made too old for the loading fiber:
 *               (a) no older than the newest store that happens-before the load, or that a fence
 *                   has made visible to the fiber;
 *               (b) no older than what this fiber, or one whose read happens-before, has seen;
 *               (c) no older than the newest seq_cst store before the fiber's last seq_cst fence;
 *               (d) a seq_cst load: no older than the newest seq_cst store.
 *             If several remain, the schedule chooses. Memory itself always holds the newest value,
 *             so a debugger and plain readers see a sane image.
 * Clocks      component g of fiber f's clock: how many steps of g happen-before f's next. A release
 *             attaches the clock to the store, an acquire joins it, a relaxed store attaches the
 *             clock of the last release fence, a relaxed load is joined by a later acquire fence,
 *             a read-modify-write passes the replaced store's clock on (release sequence).
 * Fences      a seq_cst fence sees every store that happens-before an earlier one, and every earlier
 *             seq_cst store; not what a thread stored with another order before its seq_cst ones. That
 *             makes stores visible but is not happens-before: the race check stays strict.
 * Limits      modification order is execution order: it reports no execution the standard forbids,
 *             and misses load buffering and reordered stores to one location.
 * Reset       by generation: an entry of an older execution is empty. O(touched). Generations have 16 bits;
 *             when they begin anew the table is cleared.
 */
#include "platform/sim_state.h"

#include <string.h>

enum {
    HISTORY = 8, /* stores kept per location; a power of two */
    LOCATIONS_MAX = 4096,
    SLOTS = 8192, /* of the hash table; a power of two, twice LOCATIONS_MAX */
    NO_FIBER = 0xFF,
};

struct sim_stored {
    sim_clock release; /* what an acquiring reader gets */
    sim_clock seen;    /* component f: fiber f's clock when it first read this; 0: not yet */
    uint64_t value;
    const struct ms_sim_site *site; /* NULL: the value found at first touch */
    uint32_t sequence;              /* of a seq_cst store: its number among them all; else 0 */
    uint16_t epoch;                 /* the storing fiber's clock */
    uint8_t fiber;                  /* NO_FIBER: before everything */
};

struct sim_location {
    /* What each access looks at first, on one line. */
    const void *address __attribute__((aligned(MS_CACHE_LINE))); /* NULL: forgotten */
    uint32_t count;                      /* stores ever, the initial value included */
    uint32_t foreign[MS_SIM_FIBERS_MAX]; /* count when this fiber last accessed it */
    struct sim_stored history[HISTORY]
        __attribute__((aligned(MS_CACHE_LINE))); /* newest at (count - 1) % HISTORY */
};

/* Small, so that the table stays in the cache. */
struct sim_slot {
    uint16_t generation;
    uint16_t location;
};

static struct sim_location locations[LOCATIONS_MAX];
static uint32_t locations_count;
static struct sim_slot slots[SLOTS];
static uint16_t generation; /* +1 per execution, never 0: slots of an older one are empty */
/* The one that was found last: a read-modify-write looks for its own twice, and loops for the same again. Who forgets a
 * location takes its address, so that one is not found here either. */
static struct sim_location *found_last = &locations[0];

void sim_memory_begin(void)
{
    locations_count = 0;
    found_last = &locations[0];
    locations[0].address = NULL;
    if (++generation == 0) {
        memset(slots, 0, sizeof slots);
        generation = 1;
    }
    sim.fence_clock = (sim_clock){0};
    sim.sequence = 0;
}

/* The sanitizer's functions have names of our own, as compilers that know them disagree about their types. */
__attribute__((weak)) void __asan_get_shadow_mapping(size_t *scale, size_t *offset);
__attribute__((weak)) int __asan_address_is_poisoned(void const volatile *address);
__attribute__((weak)) void report_load(const void *address,
                                       size_t bytes) __asm__("__asan_report_load_n");
__attribute__((weak)) void report_store(const void *address,
                                        size_t bytes) __asm__("__asan_report_store_n");
uintptr_t sim_shadow;

__attribute__((constructor)) static void shadow_find(void)
{
    size_t scale = 3;
    size_t offset = 0;

    if (__asan_get_shadow_mapping)
        __asan_get_shadow_mapping(&scale, &offset);
    sim_shadow = scale == 3 ? offset : 0;
}

void sim_shadow_judge(const void *address, size_t bytes, bool is_write)
{
    if (!__asan_address_is_poisoned(address))
        return;
    if (is_write)
        report_store(address, bytes);
    else
        report_load(address, bytes);
}

static struct sim_stored *newest(struct sim_location *l)
{
    return &l->history[(l->count - 1) % HISTORY];
}

/* A value that was there before anybody looked: everything happens after it. */
static void push_initial(struct sim_location *l, uint64_t value)
{
    l->count++;
    *newest(l) = (struct sim_stored){.value = value, .fiber = NO_FIBER};
}

static uint32_t slot_of(const void *address)
{
    return (uint32_t)(((uintptr_t)address * 0x9E3779B97F4A7C15u) >> 48) % SLOTS;
}

/* Plain code may have written it, for instance cleared a whole structure: a new beginning. */
static inline struct sim_location *location_fresh(struct sim_location *l, const void *a,
                                                  enum ms_sim_width width)
{
    uint64_t value = sim_raw_read(a, width);

    if (MS_UNLIKELY(newest(l)->value != value))
        push_initial(l, value);
    return l;
}

/* The location at `a`, made at first touch. Slots are found by address; nobody ever walks them, so
 * addresses decide nothing. */
static struct sim_location *location_look_up(const void *a, enum ms_sim_width width)
{
    uint32_t at = slot_of(a);

    while (slots[at].generation == generation) {
        struct sim_location *l = &locations[slots[at].location];
        if (l->address == a) {
            found_last = l;
            return location_fresh(l, a, width);
        }
        at = (at + 1) % SLOTS;
    }
    ms_require(locations_count < LOCATIONS_MAX);
    slots[at] = (struct sim_slot){generation, (uint16_t)locations_count};
    struct sim_location *l = &locations[locations_count++];
    l->address = a;
    l->count = 0;
    memset(l->foreign, 0, sizeof l->foreign);
    push_initial(l, sim_raw_read(a, width));
    found_last = l;
    return l;
}

static inline struct sim_location *location_find(const void *a, enum ms_sim_width width)
{
    return found_last->address == a ? location_fresh(found_last, a, width)
                                    : location_look_up(a, width);
}

bool sim_memory_peek(const void *address, uint64_t *value)
{
    uint32_t at = slot_of(address);

    for (; slots[at].generation == generation; at = (at + 1) % SLOTS)
        if (locations[slots[at].location].address == address) {
            *value = newest(&locations[slots[at].location])->value;
            return true;
        }
    return false;
}

void sim_memory_forget(const void *memory, size_t bytes)
{
    for (uint32_t i = 0; i < locations_count; i++)
        if ((uintptr_t)locations[i].address - (uintptr_t)memory < bytes)
            locations[i].address = NULL;
}

static bool happened_before(const struct sim_stored *s, sim_clock clock)
{
    return s->fiber == NO_FIBER || clock[s->fiber] >= s->epoch;
}

/* Somebody whose read happens-before f's step has read `s`: f may not read an older one. */
static bool was_seen(const struct sim_stored *s, const struct sim_fiber *f)
{
    sim_clock known = (sim_clock)((s->seen != 0) & (f->clock >= s->seen));
    uint64_t half[2];

    memcpy(half, &known, sizeof half);
    return (half[0] | half[1]) != 0;
}

static bool acquires(enum ms_sim_order order)
{
    return order == MS_SIM_ACQUIRE || order == MS_SIM_ACQ_REL || order == MS_SIM_SEQ_CST;
}

static bool releases(enum ms_sim_order order)
{
    return order == MS_SIM_RELEASE || order == MS_SIM_ACQ_REL || order == MS_SIM_SEQ_CST;
}

static uint8_t distance_bucket(struct sim_location *l, const struct sim_fiber *f)
{
    uint32_t foreign = l->foreign[f->index] ? l->count - l->foreign[f->index] : 0;

    l->foreign[f->index] = l->count;
    return (uint8_t)(foreign <= 3    ? foreign
                     : foreign <= 5  ? 4
                     : foreign <= 7  ? 5
                     : foreign <= 11 ? 6
                                     : 7);
}

/* f reads `s`: the clocks move, and coherence remembers. */
static void read_store(struct sim_stored *s, struct sim_fiber *f, enum ms_sim_order order)
{
    if (s->seen[f->index] == 0)
        s->seen[f->index] = f->clock[f->index];
    if (acquires(order)) {
        f->clock = clock_join(f->clock, s->release);
        f->visible = clock_join(f->visible, s->release);
    } else {
        f->acquire_pending = clock_join(f->acquire_pending, s->release);
    }
}

static struct sim_seen seen_of(struct sim_location *l, const struct sim_stored *s, uint32_t stale,
                               const struct sim_fiber *f)
{
    return (struct sim_seen){.value = s->value,
                             .location = (uint32_t)(l - locations) + 1,
                             .stale = stale,
                             .writer = s->site,
                             .writer_fiber = s->fiber,
                             .distance = distance_bucket(l, f)};
}

struct sim_seen sim_memory_load(const struct ms_sim_site *site, struct sim_fiber *f, const void *a,
                                enum ms_sim_width width, enum ms_sim_order order)
{
    struct sim_location *l = location_find(a, width);
    sim_clock visible = f->visible;
    uint32_t choices = 1;

    (void)site;
    if (order == MS_SIM_SEQ_CST)
        visible = clock_join(visible, sim.fence_clock);
    if (!sim.config.strong_memory) {
        uint32_t kept = l->count < HISTORY ? l->count : HISTORY;
        while (choices < kept) {
            const struct sim_stored *s = &l->history[(l->count - choices) % HISTORY];
            if (happened_before(s, visible) || was_seen(s, f) ||
                (s->sequence != 0 && (order == MS_SIM_SEQ_CST || s->sequence <= f->fence_sequence)))
                break;
            choices++;
        }
    }
    uint32_t stale = choices > 1 ? sim_schedule_read(choices) : 0;
    struct sim_stored *s = &l->history[(l->count - 1 - stale) % HISTORY];

    read_store(s, f, order);
    return seen_of(l, s, stale, f);
}

struct sim_seen sim_memory_newest(const struct ms_sim_site *site, struct sim_fiber *f,
                                  const void *a, enum ms_sim_width width, enum ms_sim_order order)
{
    struct sim_location *l = location_find(a, width);
    struct sim_stored *s = newest(l);

    (void)site;
    read_store(s, f, order);
    return seen_of(l, s, 0, f);
}

uint32_t sim_memory_store(const struct ms_sim_site *site, struct sim_fiber *f, void *a,
                          enum ms_sim_width width, uint64_t value, enum ms_sim_order order,
                          bool is_rmw)
{
    struct sim_location *l = location_find(a, width);
    sim_clock release = releases(order) ? f->clock : f->release_fence;

    if (is_rmw)
        release = clock_join(release, newest(l)->release);
    l->count++;
    struct sim_stored *s = newest(l);
    *s = (struct sim_stored){.release = release,
                             .value = value,
                             .site = site,
                             .sequence = order == MS_SIM_SEQ_CST ? ++sim.sequence : 0,
                             .epoch = f->clock[f->index],
                             .fiber = (uint8_t)f->index};
    s->seen[f->index] = f->clock[f->index];
    l->foreign[f->index] = l->count;
    sim_raw_write(a, width, value);
    return (uint32_t)(l - locations) + 1;
}

void sim_memory_fence(struct sim_fiber *f, enum ms_sim_order order)
{
    if (acquires(order)) {
        f->clock = clock_join(f->clock, f->acquire_pending);
        f->visible = clock_join(f->visible, f->clock);
    }
    if (releases(order))
        f->release_fence = f->clock;
    if (order == MS_SIM_SEQ_CST) {
        f->visible = clock_join(f->visible, sim.fence_clock);
        f->fence_sequence = sim.sequence;
        sim.fence_clock = clock_join(sim.fence_clock, f->clock);
    }
}

void sim_memory_fence_all(struct sim_fiber *f)
{
    /* Twice: the first round publishes everybody's stores, the second lets everybody see them. */
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
            if (sim.fiber[i].used)
                sim_memory_fence(&sim.fiber[i], MS_SIM_SEQ_CST);
    (void)f;
}
