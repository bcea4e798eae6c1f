/* SPDX-License-Identifier: MIT */
/*
 * register_counts.c: the pass of the scenario registers that counts and times nothing.
 *
 * Replayed    the streams of the timed samples, all threads of a case by this one, in turns of a step. What
 *             a strategy answers depends on nothing else, so every count comes out the same again.
 * Placement   from our own map of the file, not from what the strategy says of itself: how many requests
 *             were refused, how many of these with enough registers free (contiguity), how many beside a
 *             free run that would have fitted (stranded in private stock, or not found), and how far the
 *             free registers lie apart. The baseline is address-ordered first fit, on the same requests.
 * Memory      accesses, locked instructions and cache lines by the counted compile (counting.h).
 * Not shown   what threads do to each other within an operation: here one ends before the next begins.
 */
#include "register_counts.h"

#include "catalog.h"
#include "count_names.h"
#include "counting.h"
#include "order.h"
#include "platform/prng.h"
#include "registers/registers.h"
#include "streams.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS = 4,           /* streams of a mix, one after the other: refusals are rare */
    ROUNDS_ALONE = 64,    /* with one thread, where there is a goal: 4 tell it to a sixth only */
    MOMENTS = 128,        /* of a stream, at which the file is looked at */
    COUNTED_STEPS = 4096, /* of all threads together */
    HANDOVER_DELAY = 32,  /* runs between who takes and who gives */
};

struct held {
    ms_reg first;
    uint32_t run; /* 0: nothing */
};

struct lane {
    struct ms_stream stream;
    struct held *held; /* one per slot; of a hand-over the ring between two lanes */
    uint32_t next;
};

struct play {
    const struct ms_reg_ops *ops;
    struct ms_recipe recipe;
    void *state;
    size_t state_bytes;
    uint32_t registers, threads;
    struct lane *lane;
    struct held *resident;
    uint32_t residents;
    uint64_t *taken; /* a bit a register: our own map of the file */
    uint32_t free;
    bool is_counting; /* the counted compile is at work */
    uint64_t requests, refused, apart, stranded;
    double fragmented;
    uint32_t moments;
};

/* ---- our own map -------------------------------------------------------------------------------- */

static void map_mark(struct play *p, struct held held, bool is_taken)
{
    for (uint32_t i = held.first; i < held.first + held.run; i++) {
        if (is_taken)
            p->taken[i / 64] |= UINT64_C(1) << i % 64;
        else
            p->taken[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    p->free = is_taken ? p->free - held.run : p->free + held.run;
}

/* The longest run of free registers. */
static uint32_t map_longest(const struct play *p)
{
    uint32_t longest = 0, run = 0;

    for (uint32_t i = 0; i < p->registers; i++) {
        if (i % 64 == 0 && p->registers - i >= 64 && (!p->taken[i / 64] || !~p->taken[i / 64])) {
            run = p->taken[i / 64] ? 0 : run + 64;
            i += 63;
        } else {
            run = p->taken[i / 64] >> i % 64 & 1 ? 0 : run + 1;
        }
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* ---- operations --------------------------------------------------------------------------------- */

static void drop(struct play *p, uint32_t cpu, struct held *held)
{
    if (held->run == 0)
        return;
    map_mark(p, *held, false);
    if (p->is_counting)
        ms_counting_turn(cpu);
    p->ops->give(p->state, cpu, held->first, held->run);
    ms_counting_pause();
    held->run = 0;
}

static void take(struct play *p, uint32_t cpu, struct held *held, uint32_t run)
{
    if (p->is_counting)
        ms_counting_turn(cpu);
    held->first = p->ops->take(p->state, cpu, (struct ms_reg_want){.run = run, .align = 1});
    ms_counting_pause();
    p->requests++;
    if (held->first != MS_REG_NONE) {
        held->run = run;
        map_mark(p, *held, true);
        return;
    }
    p->refused++;
    p->apart += p->free >= run;
    p->stranded += p->free >= run && map_longest(p) >= run;
}

/* The stream's next step, as in the timed samples. */
static void stream_step(struct play *p, uint32_t cpu)
{
    struct lane *lane = &p->lane[cpu];
    uint32_t step = lane->stream.step[lane->next];
    struct held *held = &lane->held[step & MS_STREAM_SLOT_MASK];

    lane->next = (lane->next + 1) % MS_STREAM_STEPS;
    drop(p, cpu, held);
    if (step >> MS_STREAM_SLOT_BITS)
        take(p, cpu, held, step >> MS_STREAM_SLOT_BITS);
}

/* The even lane takes; the odd one gives back what was taken some while ago. */
static void handover_step(struct play *p, uint32_t cpu)
{
    struct lane *lane = &p->lane[cpu & ~1u];
    struct held *held = &lane->held[lane->next % HANDOVER_DELAY];

    drop(p, cpu | 1u, held);
    if (cpu % 2 == 0) {
        take(p, cpu, held, p->recipe.size[0].first);
        lane->next++;
    }
}

static void step(struct play *p, uint32_t cpu)
{
    if (p->recipe.pattern == MS_PATTERN_HANDOVER)
        handover_step(p, cpu);
    else
        stream_step(p, cpu);
}

static size_t state_bytes(const struct play *p, const struct ms_reg_ops *ops)
{
    return ops->state_size((struct ms_reg_shape){.registers = p->registers, .cpus = p->threads});
}

/* ---- before and after --------------------------------------------------------------------------- */

/* Fills the file with runs of the pair's size and gives a random half back. */
static void residents_take(struct play *p, uint64_t seed)
{
    struct ms_prng random = {ms_seed_mix(seed, 77)};
    uint32_t run = p->recipe.size[0].first;

    p->residents = p->registers / run;
    for (uint32_t i = 0; i < p->residents; i++)
        take(p, 0, &p->resident[i], run);
    for (uint32_t i = 0; i < p->residents; i++)
        if (ms_prng_below(&random, 100) >= p->recipe.fill_percent)
            drop(p, 0, &p->resident[i]);
    p->ops->drain(p->state, 0);
}

static bool fill(struct play *p, uint64_t seed)
{
    bool is_paired =
        p->recipe.pattern == MS_PATTERN_PAIR || p->recipe.pattern == MS_PATTERN_HANDOVER;

    memset(p->state, 0, p->state_bytes);
    p->ops->init(p->state, (struct ms_reg_shape){.registers = p->registers, .cpus = p->threads});
    memset(p->taken, 0, (p->registers + 63) / 64 * sizeof *p->taken);
    p->free = p->registers;
    p->residents = 0;
    if (is_paired)
        residents_take(p, seed);
    for (uint32_t i = 0; i < p->threads; i++) {
        struct lane *lane = &p->lane[i];

        if (!ms_stream_make(&lane->stream, &p->recipe, p->registers, p->threads, i,
                            ms_seed_mix(seed, i)))
            return false;
        memset(lane->held, 0, lane->stream.slots * sizeof *lane->held);
        lane->next = 0;
        while (!is_paired && lane->next < lane->stream.fill)
            step(p, i);
    }
    p->requests = p->refused = p->apart = p->stranded = 0;
    return true;
}

/* Gives everything back; false when the strategy has lost something. */
static bool empty(struct play *p)
{
    for (uint32_t i = 0; i < p->threads; i++)
        for (uint32_t slot = 0; slot < p->lane[i].stream.slots; slot++)
            drop(p, i, &p->lane[i].held[slot]);
    for (uint32_t i = 0; i < p->residents; i++)
        drop(p, 0, &p->resident[i]);
    p->ops->drain_all(p->state);
    return p->ops->free_count(p->state) == p->registers && p->ops->audit(p->state);
}

static void moment_look(struct play *p)
{
    if (p->free == 0)
        return;
    p->fragmented += 1.0 - (double)map_longest(p) / (double)p->free;
    p->moments++;
}

/* All lanes in turns, until `steps` were done. */
static void play(struct play *p, uint32_t steps, bool looks)
{
    for (uint32_t i = 0; i < steps; i++) {
        step(p, i % p->threads);
        if (looks && i % (MS_STREAM_STEPS / MOMENTS) == 0)
            moment_look(p);
    }
}

/* ---- the counts --------------------------------------------------------------------------------- */

static void tally_add(struct ms_tally *tally, const char *name, double value)
{
    tally->count[tally->counts].name = name;
    tally->count[tally->counts++].per_op = value;
}

static bool placement_count(struct play *p, uint64_t seed, struct ms_tally *tally, char *why)
{
    uint32_t rounds = p->threads > 1 ? ROUNDS : ROUNDS_ALONE;
    uint64_t requests = 0, refused = 0, apart = 0, stranded = 0;

    if (p->recipe.pattern != MS_PATTERN_RANDOM)
        rounds = 1;
    for (uint32_t round = 0; round < rounds; round++) {
        if (!fill(p, ms_seed_mix(seed, round))) {
            snprintf(why, MS_WHY_BYTES, "no memory for the operation stream");
            return false;
        }
        play(p, MS_STREAM_STEPS, true);
        requests += p->requests;
        refused += p->refused;
        apart += p->apart;
        stranded += p->stranded;
        if (!empty(p)) {
            snprintf(why, MS_WHY_BYTES,
                     "registers are missing, or the audit fails, after counting");
            return false;
        }
    }
    tally_add(tally, MS_COUNT_REFUSED, (double)refused / (double)requests);
    tally_add(tally, MS_COUNT_APART, (double)apart / (double)requests);
    tally_add(tally, MS_COUNT_STRANDED, (double)stranded / (double)requests);
    if (p->moments > 0)
        tally_add(tally, MS_COUNT_FRAGMENTED, p->fragmented / p->moments);
    return true;
}

static bool accesses_count(struct play *p, uint64_t seed, struct ms_tally *tally, char *why)
{
    struct ms_counts counts;

    if (!fill(p, ms_seed_mix(seed, 0)) || !ms_counting_begin(p->state, p->state_bytes)) {
        snprintf(why, MS_WHY_BYTES, "no memory to count accesses");
        return false;
    }
    p->is_counting = true;
    play(p, COUNTED_STEPS, false);
    p->is_counting = false;
    ms_counting_end(&counts);
    if (p->requests == 0)
        return true;
    tally_add(tally, MS_COUNT_CAS, (double)counts.cas / (double)p->requests);
    tally_add(tally, MS_COUNT_LOCKED, (double)counts.locked / (double)p->requests);
    tally_add(tally, MS_COUNT_ACCESSES, (double)counts.accesses / (double)p->requests);
    tally_add(tally, MS_COUNT_LINES, (double)counts.lines / (double)p->requests);
    if (p->threads > 1)
        tally_add(tally, MS_COUNT_MOVED, (double)counts.moved / (double)p->requests);
    return true;
}

/* ---- life --------------------------------------------------------------------------------------- */

static void play_close(struct play *p)
{
    for (uint32_t i = 0; p->lane && i < p->threads; i++) {
        ms_stream_drop(&p->lane[i].stream);
        free(p->lane[i].held);
    }
    if (p->state)
        ms_free(p->state, p->state_bytes);
    free(p->lane);
    free(p->resident);
    free(p->taken);
}

static bool play_open(struct play *p, const struct ms_reg_ops *counted)
{
    p->lane = calloc(p->threads, sizeof *p->lane);
    p->resident = calloc(p->registers, sizeof *p->resident);
    p->taken = calloc((p->registers + 63) / 64, sizeof *p->taken);
    p->state_bytes = state_bytes(p, p->ops);
    if (counted && state_bytes(p, counted) > p->state_bytes)
        p->state_bytes = state_bytes(p, counted);
    p->state = ms_alloc(p->state_bytes);
    if (!p->lane || !p->resident || !p->taken || !p->state)
        return false;
    for (uint32_t i = 0; i < p->threads; i++) {
        struct lane *lane = &p->lane[i];
        uint32_t slots;

        if (!ms_stream_open(&lane->stream, &p->recipe, p->registers, p->threads))
            return false;
        slots = lane->stream.slots > HANDOVER_DELAY ? lane->stream.slots : HANDOVER_DELAY;
        lane->stream.slots = slots;
        lane->held = calloc(slots, sizeof *lane->held);
        if (!lane->held)
            return false;
    }
    return true;
}

bool ms_register_counts(const struct ms_catalog *catalog, const struct ms_cell_key *key,
                        uint64_t seed, struct ms_tally *tally, char *why)
{
    struct play p = {.ops = ms_catalog_ops(catalog, key->strategy),
                     .registers = key->registers,
                     .threads = key->threads};
    const struct ms_reg_ops *counted = ms_counted_find(key->strategy);
    bool is_counted = false;

    *tally = (struct ms_tally){.counts = 0};
    if (!p.ops || !ms_stream_recipe(catalog, key->shape, &p.recipe) || key->threads == 0 ||
        key->threads > MS_CPUS_MAX || key->registers == 0 || key->registers > MS_REG_COUNT_MAX ||
        ms_recipe_is_odd(&p.recipe, key->threads)) {
        snprintf(why, MS_WHY_BYTES,
                 "no such case to count: shape %s, %" PRIu32 " threads, %" PRIu32 " registers",
                 key->shape, key->threads, key->registers);
        return false;
    }
    if (!play_open(&p, counted)) {
        snprintf(why, MS_WHY_BYTES, "no memory for the case");
        play_close(&p);
        return false;
    }
    is_counted = placement_count(&p, seed, tally, why);
    /* Of the counted compile where there is one: it lacks what only builds with checks carry. */
    tally_add(tally, MS_COUNT_MEMORY,
              (double)state_bytes(&p, counted ? counted : p.ops) / p.registers);
    if (is_counted && counted) {
        p.ops = counted;
        is_counted = accesses_count(&p, seed, tally, why);
    }
    play_close(&p);
    return is_counted;
}
