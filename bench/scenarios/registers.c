/* SPDX-License-Identifier: MIT */
/*
 * registers.c: taking and giving back map registers, one operation = one take and its give.
 *
 * Measured    the strategy's table, called directly: no pool, no waiters, no bounce copy. What stands around
 *             the two calls is the control `null`; the limit is called in the same place.
 * Pairs       1r, 8r, 64r: a run is taken and given back at once, so nothing but the calls is in the loop.
 * Stream      of all others: each thread replays 16 384 steps "slot s now holds a run of r"; a step gives back
 *             what the slot held and takes the new run. The stream is made from the seed alone,
 *             before the clock starts, and is the same for every strategy. A refused take leaves
 *             the slot empty; the stream does not notice.
 * Hand-over   threads in twos: one only takes and passes on through a ring (handover.h), the other only gives
 *             back, as a driver does whose requests end on another processor. An operation is a run
 *             that went all the way.
 * Recorded    traces of what adapters asked of their file (requests.h), over and over; their own occupancy.
 * Occupancy   pairs (1r, 8r, 64r) and hand-overs run in a file of which a random half is taken; mixes hold the
 *             *requested* occupancy at 50, 75, 90 or 97 %. All threads together fill the file.
 * Checked     before a strategy's first sample of a case a part of the stream is replayed with a
 *             shadow byte per register: nothing out of range, nothing in two hands; after every
 *             sample all registers must be free again and the strategy's own audit must pass.
 * Not shown   latencies, waiting, what the copy into a cold register costs.
 */
#include "catalog.h"
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handover.h"
#include "order.h"
#include "platform/prng.h"
#include "registers/registers.h"
#include "register_counts.h"
#include "streams.h"

enum { CHECK_STEPS = 4096, CHECKED_MAX = 64 };

static const struct ms_contender limits_all[] = {
    {.name = "locked-pair",
     .title = "one uncontended locked instruction a call",
     .part = MS_PART_LIMIT},
};
extern const struct ms_reg_ops ms_reg_locked_pair; /* null.c */

struct held {
    ms_reg first;
    uint32_t run; /* 0: the slot is empty */
};

/* One thread's part. Owner: that thread while it runs. */
struct lane {
    struct ms_stream stream;
    struct held *held; /* one per slot */
    uint32_t next;     /* the step to do next */
    uint32_t cpu;
    uint64_t refused;
} __attribute__((aligned(MS_CACHE_LINE)));

struct stage {
    const struct ms_catalog *catalog;
    struct ms_recipe recipe;
    const struct ms_reg_ops *ops; /* of the contender at hand */
    void *state;
    size_t state_bytes;
    uint32_t registers;
    uint32_t threads;
    uint64_t seed; /* of the streams that are in the lanes */
    bool has_streams;
    struct held *resident; /* fills the file for the pairs; registers entries */
    uint32_t residents;
    struct lane *lane;                             /* threads entries */
    struct ms_handover *ring;                      /* one for two threads; of hand-overs */
    uint8_t *shadow;                               /* who has a register: registers entries */
    const struct ms_reg_ops *checked[CHECKED_MAX]; /* strategies that passed the shadow */
    uint32_t checked_count;
};

/* ---- the timed part ---------------------------------------------------------------------------
 */

/* A strategy as one thread calls it. Copied to where a loop runs, so that the compiler may keep it in
 * processor registers: loaded anew behind every call it would cost as much as a good strategy does. */
struct caller {
    ms_reg (*take)(void *state, uint32_t cpu, struct ms_reg_want want);
    void (*give)(void *state, uint32_t cpu, ms_reg first, uint32_t run);
    void *state;
    uint32_t cpu;
};

static inline struct caller caller_of(const struct stage *s, uint32_t cpu)
{
    return (struct caller){s->ops->take, s->ops->give, s->state, cpu};
}

static inline ms_reg run_take(struct caller c, uint32_t run)
{
    return c.take(c.state, c.cpu, (struct ms_reg_want){.run = run, .align = 1});
}

static inline void held_drop(struct caller c, struct held *held)
{
    if (held->run == 0)
        return;
    c.give(c.state, c.cpu, held->first, held->run);
    held->run = 0;
}

/* Does one step of a stream; true if it asked for a run, which is refused if the slot is empty then. */
static inline bool step_do(struct caller c, uint32_t step, struct held *slots)
{
    uint32_t run = step >> MS_STREAM_SLOT_BITS;
    struct held *held = &slots[step & MS_STREAM_SLOT_MASK];

    held_drop(c, held);
    if (run == 0)
        return false;
    held->first = run_take(c, run);
    held->run = held->first == MS_REG_NONE ? 0 : run;
    return true;
}

/* Does the lane's next step. */
static void lane_step(const struct stage *s, struct lane *lane)
{
    step_do(caller_of(s, lane->cpu), lane->stream.step[lane->next], lane->held);
    lane->next = (lane->next + 1) % MS_STREAM_STEPS;
}

/* Returns how many were refused. */
static uint64_t pairs_run(struct caller c, uint32_t run, uint64_t ops)
{
    uint64_t refused = 0;

    for (; ops > 0; ops--) {
        ms_reg first = run_take(c, run);
        if (MS_LIKELY(first != MS_REG_NONE))
            c.give(c.state, c.cpu, first, run);
        else
            refused++;
    }
    return refused;
}

/* Goes on in the stream behind `at`; returns where it ended. */
static uint32_t stream_run(struct caller c, const struct ms_stream *stream, struct held *slots,
                           uint32_t at, uint64_t ops, uint64_t *refused)
{
    const uint32_t *step = stream->step;

    for (; ops > 0; at = (at + 1) % MS_STREAM_STEPS) {
        if (!step_do(c, step[at], slots))
            continue;
        *refused += slots[step[at] & MS_STREAM_SLOT_MASK].run == 0;
        ops--;
    }
    return at;
}

/* One half of a hand-over; both ends handle two runs for each operation asked for, because the other
 * thread's share of the operations is done here too. */
static void handover_run(const struct stage *s, struct lane *lane, uint32_t thread, uint64_t ops)
{
    struct ms_handover_end end = {.ring = &s->ring[thread / 2],
                                  .ops = s->ops,
                                  .state = s->state,
                                  .cpu = lane->cpu,
                                  .run = s->recipe.size[0].first};

    if (thread % 2 == 0)
        lane->refused += ms_handover_take(&end, 2 * ops);
    else
        ms_handover_give(&end, 2 * ops);
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    const struct stage *s = stage;
    struct lane *lane = &s->lane[thread];

    struct caller caller = caller_of(s, lane->cpu);

    switch (s->recipe.pattern) {
    case MS_PATTERN_HANDOVER:
        handover_run(s, lane, thread, ops);
        break;
    case MS_PATTERN_PAIR:
        lane->refused += pairs_run(caller, s->recipe.size[0].first, ops);
        break;
    default:
        lane->next = stream_run(caller, &lane->stream, lane->held, lane->next, ops, &lane->refused);
    }
}

/* ---- before and after -------------------------------------------------------------------------
 */

/* Fills the file with runs of the pair's size and gives a random half back. */
static void residents_take(struct stage *s, uint64_t seed)
{
    struct ms_prng random = {ms_seed_mix(seed, 77)};
    struct caller caller = caller_of(s, 0);
    uint32_t run = s->recipe.size[0].first;
    uint32_t keep = 0;

    s->residents = s->registers / run;
    for (uint32_t i = 0; i < s->residents; i++) {
        struct held *held = &s->resident[i];
        held->first = run_take(caller, run);
        held->run = held->first == MS_REG_NONE ? 0 : run;
    }
    for (uint32_t i = 0; i < s->residents; i++) {
        if (ms_prng_below(&random, 100) >= s->recipe.fill_percent)
            held_drop(caller, &s->resident[i]);
        else
            s->resident[keep++] = s->resident[i];
    }
    s->residents = keep;
    s->ops->drain(s->state, 0);
    for (uint32_t i = 0; i < s->threads; i += 2)
        s->ring[i / 2].depth =
            ms_handover_depth(s->registers - keep * run, (s->threads + 1) / 2, run);
}

/* Marks a run as taken or free; false when it lies outside or another hand has part of it. */
static bool shadow_mark(struct stage *s, ms_reg first, uint32_t run, uint8_t from, uint8_t to)
{
    if (first >= s->registers || run > s->registers - first)
        return false;
    for (uint32_t i = 0; i < run; i++) {
        if (s->shadow[first + i] != from)
            return false;
        s->shadow[first + i] = to;
    }
    return true;
}

/* Takes a run and gives it to the shadow; false when the shadow says no. */
static bool shadow_step(struct stage *s, struct lane *lane)
{
    const struct held *held = &lane->held[lane->stream.step[lane->next] & MS_STREAM_SLOT_MASK];

    if (held->run > 0 && !shadow_mark(s, held->first, held->run, 1, 0))
        return false;
    lane_step(s, lane);
    return held->run == 0 || shadow_mark(s, held->first, held->run, 0, 1);
}

/* Replays a part of every lane's stream with the shadow; the lanes take turns, as threads that
 * never meet would. */
static bool shadow_check(struct stage *s, char *why)
{
    memset(s->shadow, 0, s->registers);
    for (uint32_t i = 0; i < s->residents; i++)
        if (!shadow_mark(s, s->resident[i].first, s->resident[i].run, 0, 1))
            goto wrong;
    for (uint32_t i = 0; i < s->threads; i++) {
        for (uint32_t slot = 0; slot < s->lane[i].stream.slots; slot++) {
            const struct held *held = &s->lane[i].held[slot];
            if (held->run > 0 && !shadow_mark(s, held->first, held->run, 0, 1))
                goto wrong;
        }
    }
    for (uint32_t step = 0; step < CHECK_STEPS; step++)
        for (uint32_t i = 0; i < s->threads; i++)
            if (!shadow_step(s, &s->lane[i]))
                goto wrong;
    return true;

wrong:
    snprintf(why, MS_WHY_BYTES, "it hands out registers that somebody has, or that do not exist");
    return false;
}

static bool state_fit(struct stage *s, char *why)
{
    struct ms_reg_shape shape = {.registers = s->registers, .cpus = s->threads};
    size_t bytes = s->ops->state_size(shape);

    if (bytes > s->state_bytes) {
        if (s->state)
            ms_free(s->state, s->state_bytes);
        s->state = ms_alloc(bytes);
        s->state_bytes = s->state ? bytes : 0;
    }
    if (!s->state) {
        snprintf(why, MS_WHY_BYTES, "no memory for %zu bytes of state", bytes);
        return false;
    }
    memset(s->state, 0, bytes);
    s->ops->init(s->state, shape);
    return true;
}

/* Fills the file as the recipe says, with nothing left over from the sample before. */
static bool file_fill(struct stage *s, uint64_t seed, char *why)
{
    if (!state_fit(s, why))
        return false;
    s->residents = 0;
    if (s->recipe.pattern == MS_PATTERN_PAIR || s->recipe.pattern == MS_PATTERN_HANDOVER)
        residents_take(s, seed);
    for (uint32_t i = 0; i < s->threads; i++) {
        struct lane *lane = &s->lane[i];

        memset(lane->held, 0, lane->stream.slots * sizeof *lane->held);
        for (lane->next = 0; lane->next < lane->stream.fill;)
            lane_step(s, lane);
        lane->refused = 0;
    }
    return true;
}

static bool streams_fit(struct stage *s, uint64_t seed, char *why)
{
    if (s->has_streams && s->seed == seed)
        return true;
    for (uint32_t i = 0; i < s->threads; i++) {
        if (ms_stream_make(&s->lane[i].stream, &s->recipe, s->registers, s->threads, i,
                           ms_seed_mix(seed, i)))
            continue;
        snprintf(why, MS_WHY_BYTES, "no memory for the operation stream");
        return false;
    }
    s->seed = seed;
    s->has_streams = true;
    return true;
}

static bool is_checked(const struct stage *s)
{
    for (uint32_t i = 0; i < s->checked_count; i++)
        if (s->checked[i] == s->ops)
            return true;
    return s->checked_count == CHECKED_MAX;
}

static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    struct stage *s = stage;

    bool is_limit = strcmp(key->strategy, limits_all[0].name) == 0;

    s->ops = is_limit ? &ms_reg_locked_pair : ms_catalog_ops(s->catalog, key->strategy);
    if (!s->ops) {
        snprintf(why, MS_WHY_BYTES, "no strategy is named %s", key->strategy);
        return false;
    }
    if (!streams_fit(s, seed, why) || !file_fill(s, seed, why))
        return false;
    /* The control and the limit hand out nothing, and have nothing to be right about. */
    if (is_limit || is_checked(s) ||
        ms_catalog_find(s->catalog, key->strategy)->part == MS_PART_NULL)
        return true;
    if (!shadow_check(s, why) || !file_fill(s, seed, why))
        return false;
    s->checked[s->checked_count++] = s->ops;
    return true;
}

/* Gives everything back and asks the strategy whether it is whole again. */
static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    struct stage *s = stage;
    uint64_t refused = 0;
    uint32_t free_count;

    *tally = (struct ms_tally){0};
    for (uint32_t i = 0; i < s->threads; i++) {
        for (uint32_t slot = 0; slot < s->lane[i].stream.slots; slot++)
            held_drop(caller_of(s, i), &s->lane[i].held[slot]);
        refused += s->lane[i].refused;
    }
    for (uint32_t i = 0; i < s->residents; i++)
        held_drop(caller_of(s, 0), &s->resident[i]);
    s->ops->drain_all(s->state);

    tally->count[tally->counts].name = "requests refused";
    tally->count[tally->counts++].per_op = ops ? (double)refused / (double)ops : 0.0;
    free_count = s->ops->free_count(s->state);
    if (free_count != s->registers) {
        snprintf(why, MS_WHY_BYTES,
                 "after everything was given back %" PRIu32 " of %" PRIu32 " registers are free",
                 free_count, s->registers);
        return false;
    }
    if (!s->ops->audit(s->state)) {
        snprintf(why, MS_WHY_BYTES, "the strategy's own audit failed after the sample");
        return false;
    }
    return true;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void stage_close(void *stage)
{
    struct stage *s = stage;

    if (!s)
        return;
    for (uint32_t i = 0; s->lane && i < s->threads; i++) {
        ms_stream_drop(&s->lane[i].stream);
        free(s->lane[i].held);
    }
    if (s->lane)
        ms_free(s->lane, s->threads * sizeof *s->lane);
    if (s->ring)
        ms_free(s->ring, s->threads * sizeof *s->ring);
    if (s->state)
        ms_free(s->state, s->state_bytes);
    free(s->resident);
    free(s->shadow);
    free(s);
}

static bool lanes_make(struct stage *s)
{
    s->lane = ms_alloc(s->threads * sizeof *s->lane);
    for (uint32_t i = 0; s->lane && i < s->threads; i++) {
        struct lane *lane = &s->lane[i];

        lane->cpu = i;
        if (!ms_stream_open(&lane->stream, &s->recipe, s->registers, s->threads))
            return false;
        lane->held = calloc(lane->stream.slots, sizeof *lane->held);
        if (!lane->held)
            return false;
    }
    return s->lane != NULL;
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    struct ms_recipe recipe;
    struct stage *s = NULL;

    if (!ms_stream_recipe(catalog, key->shape, &recipe) || key->threads == 0 ||
        key->threads > MS_CPUS_MAX || key->registers == 0 || key->registers > MS_REG_COUNT_MAX) {
        snprintf(why, MS_WHY_BYTES,
                 "no such case: shape %s, %" PRIu32 " threads, %" PRIu32 " registers", key->shape,
                 key->threads, key->registers);
        return NULL;
    }
    if (ms_recipe_is_odd(&recipe, key->threads)) {
        snprintf(why, MS_WHY_BYTES, "a hand-over needs an even number of threads, not %" PRIu32,
                 key->threads);
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        goto no_memory;
    s->catalog = catalog;
    s->recipe = recipe;
    s->registers = key->registers;
    s->threads = key->threads;
    s->resident = calloc(s->registers, sizeof *s->resident);
    s->shadow = calloc(s->registers, 1);
    s->ring = ms_alloc(s->threads * sizeof *s->ring);
    if (!s->resident || !s->shadow || !s->ring || !lanes_make(s))
        goto no_memory;
    return s;

no_memory:
    stage_close(s);
    snprintf(why, MS_WHY_BYTES, "no memory for the case");
    return NULL;
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* Hand-overs need threads in twos. */
static bool offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    struct ms_recipe recipe;

    return ms_stream_recipe(catalog, key->shape, &recipe) &&
           !ms_recipe_is_odd(&recipe, key->threads);
}

static size_t limits(const struct ms_cell_key *key, const struct ms_contender **all)
{
    (void)key;
    *all = limits_all;
    return sizeof limits_all / sizeof *limits_all;
}

static const char *refuses(const struct ms_catalog *catalog, const struct ms_contender *contender,
                           const struct ms_cell_key *key)
{
    struct ms_recipe recipe;

    if (!ms_stream_recipe(catalog, key->shape, &recipe))
        return NULL;
    if (ms_recipe_is_odd(&recipe, key->threads))
        return "a hand-over needs an even number of threads";
    if (ms_recipe_run_max(&recipe) > contender->run_max)
        return "refused by design: the shape asks for longer runs than it gives";
    return NULL;
}

const struct ms_scenario ms_scenario_registers = {
    .name = "registers",
    .title = "one take and its give of map registers",
    .version = 5,
    .compares = true,
    .oversubscribes = true,
    .has_registers = true,
    .shape = ms_stream_shape,
    .offers = offers,
    .limits = limits,
    .refuses = refuses,
    .count = ms_register_counts,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
