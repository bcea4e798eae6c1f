/* SPDX-License-Identifier: MIT */
/*
 * sim_access.c: the operations behind atomic_sim.h: a step, the model, the trace, the features.
 *
 * Outside of an execution each does what it says, at once. Mutations (one site's meaning changed at
 * run time) live here, so that whether a test notices a weaker order needs no rebuild.
 */
#include "platform/sim_state.h"

#include <stdio.h>

/* Nobody else runs: set-up, or the final check. Memory holds the newest values and nothing can come
 * in between, so the operation is done at once. Steps of the check still count: it must end. */
static inline bool is_alone(void)
{
    if (MS_LIKELY(sim.current && !sim.is_checking))
        return false;
    if (sim.current)
        sim_step_alone();
    return true;
}

/* One actor: there is nobody to switch to and no older value to read, so a step only counts and leaves
 * its trace. Sequential targets live from this. */
static inline bool is_only(void)
{
    return sim.is_only;
}

static void only_step(const struct ms_sim_site *site, const void *a, enum ms_sim_width width,
                      uint64_t value, uint64_t written, bool wrote)
{
    struct ms_sim_event event = {.site = site,
                                 .address = a,
                                 .value = value,
                                 .written = written,
                                 .wrote = wrote,
                                 .is_pointer = width == MS_SIM_PTR};

    sim_step_only();
    sim_step_end(&event);
}

static bool is_mutated(const struct ms_sim_site *site, enum ms_sim_mutation mutation)
{
    return MS_UNLIKELY(sim.config.mutant_site == site->id) && sim.config.mutation == mutation;
}

static enum ms_sim_order order_of(const struct ms_sim_site *site)
{
    return is_mutated(site, MS_SIM_MUTATE_RELAX) ? MS_SIM_RELAXED : (enum ms_sim_order)site->order;
}

static uint64_t modified(uint8_t kind, uint64_t old, uint64_t v)
{
    switch (kind) {
    case MS_SIM_EXCHANGE:
        return v;
    case MS_SIM_FETCH_ADD:
        return old + v;
    case MS_SIM_FETCH_SUB:
        return old - v;
    case MS_SIM_FETCH_OR:
        return old | v;
    default:
        return old & v;
    }
}

static uint64_t narrowed(uint64_t v, enum ms_sim_width width)
{
    return width == MS_SIM_U32 ? (uint32_t)v : v;
}

static void feature(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t mixed = (a * 0x9E3779B97F4A7C15u ^ b) * 0xD6E8FEB86659FD93u ^ c * 0xCAF649A9u;

    sim.config.features[(mixed >> 32) & (sim.config.feature_count - 1)] = 1;
}

void ms_sim_state(uint32_t label, uint32_t value)
{
    if (sim.current && !sim.is_checking && sim.config.features)
        feature(label, value, 99);
}

/* Who read from whom, and how many foreign writes came between two looks. */
static void features_of(const struct ms_sim_site *site, const struct sim_fiber *f,
                        const struct sim_seen *seen)
{
    if (!sim.config.features)
        return;
    if (seen->writer && seen->writer_fiber != f->index)
        feature(seen->writer->id, site->id, seen->stale != 0);
    if (seen->distance > 0)
        feature(site->id, 0, 16u + seen->distance);
}

/* A compare-exchange after foreign writes: that it stores all the same, or that it fails because of a tag
 * alone. Who looks for a tag that is too short or forgotten begins there. */
static void features_of_cas(const struct ms_sim_site *site, const struct sim_seen *seen,
                            uint64_t expected, bool stores)
{
    if (!sim.config.features || seen->distance < 2)
        return;
    if (stores)
        feature(site->id, 1, 32u + seen->distance);
    else if ((uint32_t)seen->value == (uint32_t)expected)
        feature(site->id, 2, 32u + seen->distance);
    else if ((uint8_t)seen->value == (uint8_t)expected)
        feature(site->id, 3, 32);
}

static struct ms_sim_event event_of(const struct ms_sim_site *site, const void *a,
                                    enum ms_sim_width width, const struct sim_seen *seen)
{
    return (struct ms_sim_event){.site = site,
                                 .address = a,
                                 .value = seen->value,
                                 .location = (uint16_t)seen->location,
                                 .stale = (uint8_t)(seen->stale & 15),
                                 .is_pointer = width == MS_SIM_PTR};
}

uint64_t ms_sim_load(struct ms_sim_site *site, const void *a, enum ms_sim_width width)
{
    if (is_alone())
        return sim_raw_read(a, width);
    if (is_only()) {
        uint64_t value = sim_raw_read(a, width);
        only_step(site, a, width, value, 0, false);
        return value;
    }
    sim_step_begin(site, a, false);
    struct sim_seen seen = sim_memory_load(site, sim.current, a, width, order_of(site));
    struct ms_sim_event event = event_of(site, a, width, &seen);
    features_of(site, sim.current, &seen);
    sim_step_end(&event);
    return seen.value;
}

static void store_now(const struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t v,
                      bool is_rmw)
{
    sim_memory_store(site, sim.current, a, width, v, order_of(site), is_rmw);
    sim_wake_spinners();
}

void ms_sim_store(struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t v)
{
    if (is_alone()) {
        sim_raw_write(a, width, v);
        return;
    }
    if (is_only()) {
        if (site->kind != MS_SIM_INIT)
            only_step(site, a, width, v, 0, true);
        sim_raw_write(a, width, v);
        return;
    }
    if (site->kind == MS_SIM_INIT) {
        sim_memory_forget(a, 1); /* a new object: its past is nobody's */
        sim_memory_store(site, sim.current, a, width, v, MS_SIM_RELAXED, false);
        return;
    }
    sim_step_begin(site, a, true);
    struct sim_seen seen = {.value = v};
    struct ms_sim_event event = event_of(site, a, width, &seen);
    event.location =
        (uint16_t)sim_memory_store(site, sim.current, a, width, v, order_of(site), false);
    event.wrote = 1;
    sim_wake_spinners();
    sim_step_end(&event);
}

/* The load half of a read-modify-write that was split in two. */
static uint64_t split_load(const struct ms_sim_site *site, const void *a, enum ms_sim_width width)
{
    struct sim_seen seen = sim_memory_load(site, sim.current, a, width, order_of(site));
    struct ms_sim_event event = event_of(site, a, width, &seen);

    sim_step_end(&event);
    sim_step_begin(site, a, true);
    return seen.value;
}

uint64_t ms_sim_modify(struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t v)
{
    if (is_alone()) {
        uint64_t old = sim_raw_read(a, width);
        sim_raw_write(a, width, modified(site->kind, old, v));
        return old;
    }
    if (is_only()) {
        uint64_t old = sim_raw_read(a, width);
        only_step(site, a, width, old, modified(site->kind, old, v), true);
        sim_raw_write(a, width, modified(site->kind, old, v));
        return old;
    }
    sim_step_begin(site, a, true);
    bool is_split = is_mutated(site, MS_SIM_MUTATE_SPLIT);
    uint64_t loaded = is_split ? split_load(site, a, width) : 0;
    struct sim_seen seen = sim_memory_newest(site, sim.current, a, width, order_of(site));
    if (is_split)
        seen.value = loaded;
    struct ms_sim_event event = event_of(site, a, width, &seen);
    event.written = narrowed(modified(site->kind, seen.value, v), width);
    event.wrote = 1;
    store_now(site, a, width, event.written, !is_split);
    features_of(site, sim.current, &seen);
    sim_step_end(&event);
    return seen.value;
}

/* What a failed compare-exchange's read is ordered by; as in atomic.h. */
static enum ms_sim_order failure_order(enum ms_sim_order order)
{
    switch (order) {
    case MS_SIM_ACQ_REL:
        return MS_SIM_ACQUIRE;
    case MS_SIM_RELEASE:
        return MS_SIM_RELAXED;
    default:
        return order;
    }
}

bool ms_sim_cas(struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t *expected,
                uint64_t v)
{
    if (is_alone()) {
        uint64_t old = sim_raw_read(a, width);
        if (old == *expected)
            sim_raw_write(a, width, v);
        bool stored = old == *expected;
        *expected = old;
        return stored;
    }
    if (is_only()) {
        uint64_t old = sim_raw_read(a, width);
        bool stored = old == *expected;
        only_step(site, a, width, old, v, stored);
        if (stored)
            sim_raw_write(a, width, v);
        *expected = old;
        return stored;
    }
    sim_step_begin(site, a, true);
    bool is_split = is_mutated(site, MS_SIM_MUTATE_SPLIT);
    uint64_t loaded = is_split ? split_load(site, a, width) : sim_raw_read(a, width);
    bool stores = loaded == *expected;
    enum ms_sim_order order = stores ? order_of(site) : failure_order(order_of(site));
    struct sim_seen seen = sim_memory_newest(site, sim.current, a, width, order);
    if (is_split)
        seen.value = loaded; /* it has not seen what came between its halves */
    struct ms_sim_event event = event_of(site, a, width, &seen);
    event.written = v;
    event.wrote = stores;
    event.failed = !stores;
    if (stores)
        store_now(site, a, width, v, !is_split);
    features_of(site, sim.current, &seen);
    features_of_cas(site, &seen, *expected, stores);
    sim_step_end(&event);
    if (!stores && is_mutated(site, MS_SIM_MUTATE_IGNORE))
        return true;
    *expected = seen.value;
    return stores;
}

static void step_without_access(struct ms_sim_site *site)
{
    sim_step_begin(site, NULL, false);
    struct ms_sim_event event = {.site = site};
    sim_step_end(&event);
}

void ms_sim_fence(struct ms_sim_site *site)
{
    if (is_alone())
        return;
    step_without_access(site);
    if (!is_mutated(site, MS_SIM_MUTATE_RELAX))
        sim_memory_fence(sim.current, (enum ms_sim_order)site->order);
}

void ms_sim_spin(struct ms_sim_site *site)
{
    if (is_alone())
        return;
    sim.spinning |= 1u << sim.current->index;
    step_without_access(site);
}

void ms_sim_point(struct ms_sim_site *site)
{
    if (!is_alone())
        step_without_access(site);
}

void ms_sim_data(struct ms_sim_site *site, const void *object, size_t bytes)
{
    char here[120];
    char there[120];
    const struct ms_sim_site *other;

    if (!sim.current || sim.is_checking || sim.config.no_race_check)
        return;
    other = sim_race_access(site, sim.current, object, bytes, site->kind == MS_SIM_DATA_WRITE);
    if (!other)
        return;
    ms_sim_site_text(site, here, sizeof here);
    ms_sim_site_text(other, there, sizeof there);
    char bug[160];
    snprintf(bug, sizeof bug, "race %08x:%08x", site->id, other->id);
    ms_sim_fail(bug, "%s is not ordered after %s", here, there);
}
