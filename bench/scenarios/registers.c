/* SPDX-License-Identifier: MIT */
/*
 * registers.c: taking and giving back map registers, one operation = one take and its give.
 *
 * Measured    the strategy's table, called directly: no pool, no waiters, no bounce copy.
 * Stream      each thread replays 16 384 steps "slot s now holds a run of r"; a step gives back
 *             what the slot held and takes the new run. The stream is made from the seed alone,
 *             before the clock starts, and is the same for every strategy. A refused take leaves
 *             the slot empty; the stream does not notice.
 * Hand-over   threads in twos: one only takes and passes on through a ring of 256, the other only gives
 *             back, as a driver does whose requests end on another processor. An operation is a run
 *             that went all the way.
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

enum {
    STEPS = 1 << 14, /* long enough that a branch predictor does not learn it */
    SLOT_BITS = 19,
    SLOT_MASK = (1 << SLOT_BITS) - 1,
    SIZES = 5,
    CHECK_STEPS = 4096,
    CHECKED_MAX = 64,
};

static_assert((uint32_t)MS_REG_COUNT_MAX <= (uint32_t)SLOT_MASK,
              "every register may be a slot of its own");

enum pattern { PATTERN_PAIR, PATTERN_RANDOM, PATTERN_FIFO, PATTERN_HANDOVER };

/* Run lengths and how many of 100 requests ask for them: one of first..last, all alike. */
struct size_class {
    uint32_t share, first, last;
};

struct recipe {
    enum pattern pattern;
    uint32_t fill_percent; /* of the file, requested */
    uint32_t depth_max;    /* runs in flight over all threads; 0: as many as fit */
    struct size_class size[SIZES];
};

/* The mix of allocator studies: mostly one or two, many odd sizes, a few large ones. */
#define SIZES_MIX                                                                                  \
    {                                                                                              \
        {60, 1, 2}, {30, 8, 32}, {4, 4, 4}, {4, 64, 64}, {2, 256, 256},                            \
    }

static const struct ms_shape_info infos[] = {
    {.name = "1r",
     .title = "one register, half of the file taken",
     .pages = 1,
     .is_quick = true,
     .is_timed = true},
    {.name = "8r", .title = "runs of 8, half of the file taken", .pages = 8, .is_quick = true},
    {.name = "64r", .title = "runs of 64, half of the file taken", .pages = 64},
    {.name = "mix50", .title = "mixed sizes 1 to 256, random lifetimes, 50 % full"},
    {.name = "mix75",
     .title = "mixed sizes 1 to 256, random lifetimes, 75 % full",
     .is_quick = true,
     .is_timed = true},
    {.name = "mix90", .title = "mixed sizes 1 to 256, random lifetimes, 90 % full"},
    {.name = "mix97",
     .title = "mixed sizes 1 to 256, random lifetimes, 97 % full",
     .is_full = true},
    {.name = "packets", .title = "network: 1 or 2 registers, first in first out", .is_quick = true},
    {.name = "storage", .title = "storage: 1 to 65 registers, 64 requests in flight"},
    {.name = "handover1", .title = "one thread takes single registers, another gives them back"},
    {.name = "handover8", .title = "one thread takes runs of 8, another gives them back"},
};

/* recipes[i] is what infos[i] announces. */
static const struct recipe recipes[] = {
    {.pattern = PATTERN_PAIR, .fill_percent = 50, .size = {{100, 1, 1}}},
    {.pattern = PATTERN_PAIR, .fill_percent = 50, .size = {{100, 8, 8}}},
    {.pattern = PATTERN_PAIR, .fill_percent = 50, .size = {{100, 64, 64}}},
    {.pattern = PATTERN_RANDOM, .fill_percent = 50, .size = SIZES_MIX},
    {.pattern = PATTERN_RANDOM, .fill_percent = 75, .size = SIZES_MIX},
    {.pattern = PATTERN_RANDOM, .fill_percent = 90, .size = SIZES_MIX},
    {.pattern = PATTERN_RANDOM, .fill_percent = 97, .size = SIZES_MIX},
    {.pattern = PATTERN_FIFO,
     .fill_percent = 75,
     .depth_max = 512,
     .size = {{75, 1, 1}, {25, 2, 2}}},
    {.pattern = PATTERN_RANDOM,
     .fill_percent = 75,
     .depth_max = 64,
     .size = {{40, 1, 1}, {20, 2, 8}, {20, 16, 17}, {10, 32, 33}, {10, 64, 65}}},
    {.pattern = PATTERN_HANDOVER, .fill_percent = 50, .size = {{100, 1, 1}}},
    {.pattern = PATTERN_HANDOVER, .fill_percent = 50, .size = {{100, 8, 8}}},
};

enum { RECIPES = sizeof recipes / sizeof *recipes };
static_assert(sizeof infos / sizeof *infos == RECIPES, "each shape has its recipe");

static const struct ms_contender limits_all[] = {
    {.name = "atomic-pair",
     .title = "two uncontended locked instructions on private lines",
     .part = MS_PART_LIMIT},
};

struct held {
    ms_reg first;
    uint32_t run; /* 0: the slot is empty */
};

/* One thread's part. Owner: that thread while it runs. */
struct lane {
    uint32_t *step;    /* STEPS of slot | run << SLOT_BITS */
    struct held *held; /* one per slot */
    uint32_t slots;
    uint32_t fill; /* steps until the file is as full as the recipe says */
    uint32_t next; /* the step to do next */
    uint32_t cpu;
    uint64_t refused;
    ms_atomic_u64 word[2 * MS_CACHE_LINE / sizeof(ms_atomic_u64)]; /* of the limit: two lines */
} __attribute__((aligned(MS_CACHE_LINE)));

struct stage {
    const struct ms_catalog *catalog;
    const struct recipe *recipe;
    const struct ms_reg_ops *ops; /* of the contender at hand; NULL: the limit */
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

/* ---- the stream -------------------------------------------------------------------------------
 */

static uint32_t size_draw(const struct recipe *recipe, struct ms_prng *random)
{
    uint32_t ticket = ms_prng_below(random, 100);
    const struct size_class *size = recipe->size;

    while (ticket >= size->share) {
        ticket -= size->share;
        size++;
    }
    return size->first + ms_prng_below(random, size->last - size->first + 1);
}

/* Takes and gives in turn; the slot is the same, so its register is warm. */
static void stream_pair(const struct recipe *recipe, struct lane *lane)
{
    for (uint32_t i = 0; i < STEPS; i += 2) {
        lane->step[i] = recipe->size[0].first << SLOT_BITS;
        lane->step[i + 1] = 0;
    }
    lane->fill = 0;
}

/* The oldest run makes room for the newest. */
static void stream_fifo(const struct recipe *recipe, struct lane *lane, struct ms_prng *random,
                        uint32_t target, uint32_t depth)
{
    uint32_t slots = target / recipe->size[1].last;

    if (depth && slots > depth)
        slots = depth;
    if (slots == 0)
        slots = 1;
    for (uint32_t i = 0; i < STEPS; i++)
        lane->step[i] = i % slots | size_draw(recipe, random) << SLOT_BITS;
    lane->fill = slots < STEPS ? slots : STEPS - 1;
}

/* The slots of a stream under construction: live ones first, free ones behind. */
struct crowd {
    uint32_t *slot;
    uint32_t *run;
    uint32_t live;
    uint32_t sum;
};

/* Ends a random live run; returns its slot. */
static uint32_t crowd_end(struct crowd *crowd, struct ms_prng *random)
{
    uint32_t pick = ms_prng_below(random, crowd->live);
    uint32_t slot = crowd->slot[pick];

    crowd->sum -= crowd->run[slot];
    crowd->live--;
    crowd->slot[pick] = crowd->slot[crowd->live];
    crowd->slot[crowd->live] = slot;
    return slot;
}

static uint32_t crowd_begin(struct crowd *crowd, uint32_t run)
{
    uint32_t slot = crowd->slot[crowd->live++];

    crowd->run[slot] = run;
    crowd->sum += run;
    return slot;
}

/* Random runs end until the next one fits under the target. */
static bool stream_random(const struct recipe *recipe, struct lane *lane, struct ms_prng *random,
                          uint32_t target, uint32_t depth)
{
    struct crowd crowd = {.slot = calloc(lane->slots, sizeof *crowd.slot),
                          .run = calloc(lane->slots, sizeof *crowd.run)};
    bool is_made = crowd.slot && crowd.run;
    uint32_t at = 0;

    lane->fill = 0;
    for (uint32_t i = 0; is_made && i < lane->slots; i++)
        crowd.slot[i] = i;
    while (is_made && at < STEPS) {
        uint32_t run = size_draw(recipe, random);

        if (run > target)
            run = target;
        while (at < STEPS && (crowd.sum + run > target || (depth && crowd.live == depth))) {
            if (lane->fill == 0)
                lane->fill = at;
            lane->step[at++] = crowd_end(&crowd, random);
        }
        if (at < STEPS)
            lane->step[at++] = crowd_begin(&crowd, run) | run << SLOT_BITS;
    }
    free(crowd.run);
    free(crowd.slot);
    return is_made;
}

static bool stream_make(const struct stage *s, struct lane *lane, uint64_t seed)
{
    struct ms_prng random = {seed};
    uint32_t target = s->registers * s->recipe->fill_percent / 100 / s->threads;
    uint32_t depth = (s->recipe->depth_max + s->threads - 1) / s->threads;

    if (target == 0)
        target = 1;
    switch (s->recipe->pattern) {
    case PATTERN_PAIR:
    case PATTERN_HANDOVER: /* the shadow replays it as pairs */
        stream_pair(s->recipe, lane);
        return true;
    case PATTERN_FIFO:
        stream_fifo(s->recipe, lane, &random, target, depth);
        return true;
    case PATTERN_RANDOM:
        break;
    }
    return stream_random(s->recipe, lane, &random, target, depth);
}

/* ---- the timed part ---------------------------------------------------------------------------
 */

static inline void held_drop(const struct stage *s, uint32_t cpu, struct held *held)
{
    if (held->run == 0)
        return;
    s->ops->give(s->state, cpu, held->first, held->run);
    held->run = 0;
}

/* Does step `at` of the lane's stream; true if it asked for a run. */
static inline bool step_at(const struct stage *s, struct lane *lane, uint32_t at)
{
    uint32_t step = lane->step[at];
    uint32_t run = step >> SLOT_BITS;
    struct held *held = &lane->held[step & SLOT_MASK];

    held_drop(s, lane->cpu, held);
    if (run == 0)
        return false;
    held->first = s->ops->take(s->state, lane->cpu, (struct ms_reg_want){.run = run, .align = 1});
    if (held->first == MS_REG_NONE)
        lane->refused++;
    else
        held->run = run;
    return true;
}

static bool step_do(const struct stage *s, struct lane *lane)
{
    uint32_t at = lane->next;

    lane->next = (at + 1) % STEPS;
    return step_at(s, lane, at);
}

/* Two locked instructions per operation, on two lines that nobody else touches. */
static void limit_run(struct lane *lane, uint64_t ops)
{
    for (uint64_t i = 0; i < ops; i++) {
        ms_fetch_add_seq_cst_u64(&lane->word[0], 1);
        ms_fetch_add_seq_cst_u64(&lane->word[MS_CACHE_LINE / sizeof lane->word[0]], 1);
    }
}

/* One half of a hand-over; who takes does so twice for each operation asked for, because the other
 * thread's share of the operations is done here too. */
static void handover_run(const struct stage *s, struct lane *lane, uint32_t thread, uint64_t ops)
{
    struct ms_handover_end end = {.ring = &s->ring[thread / 2],
                                  .ops = s->ops,
                                  .state = s->state,
                                  .cpu = lane->cpu,
                                  .run = s->recipe->size[0].first};

    if (thread % 2 == 0)
        lane->refused += ms_handover_take(&end, 2 * ops);
    else
        ms_handover_give(&end);
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    const struct stage *s = stage;
    struct lane *lane = &s->lane[thread];

    if (!s->ops) {
        limit_run(lane, ops);
        return;
    }
    if (s->recipe->pattern == PATTERN_HANDOVER) {
        handover_run(s, lane, thread, ops);
        return;
    }
    /* The place in the stream stays in a processor register: through memory it would cost as much
     * as a good strategy does. */
    uint32_t at = lane->next;
    for (; ops > 0; at = (at + 1) % STEPS)
        ops -= step_at(s, lane, at);
    lane->next = at;
}

/* ---- before and after -------------------------------------------------------------------------
 */

/* Fills the file with runs of the pair's size and gives a random half back. */
static void residents_take(struct stage *s, uint64_t seed)
{
    struct ms_prng random = {ms_seed_mix(seed, 77)};
    uint32_t run = s->recipe->size[0].first;
    uint32_t keep = 0;

    s->residents = s->registers / run;
    for (uint32_t i = 0; i < s->residents; i++) {
        struct held *held = &s->resident[i];
        held->first = s->ops->take(s->state, 0, (struct ms_reg_want){.run = run, .align = 1});
        held->run = held->first == MS_REG_NONE ? 0 : run;
    }
    for (uint32_t i = 0; i < s->residents; i++) {
        if (ms_prng_below(&random, 100) >= s->recipe->fill_percent)
            held_drop(s, 0, &s->resident[i]);
        else
            s->resident[keep++] = s->resident[i];
    }
    s->residents = keep;
    s->ops->drain(s->state, 0);
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
    const struct held *held = &lane->held[lane->step[lane->next] & SLOT_MASK];

    if (held->run > 0 && !shadow_mark(s, held->first, held->run, 1, 0))
        return false;
    step_do(s, lane);
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
        for (uint32_t slot = 0; slot < s->lane[i].slots; slot++) {
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
    if (s->recipe->pattern == PATTERN_PAIR || s->recipe->pattern == PATTERN_HANDOVER)
        residents_take(s, seed);
    for (uint32_t i = 0; i < s->threads; i++) {
        struct lane *lane = &s->lane[i];

        memset(lane->held, 0, lane->slots * sizeof *lane->held);
        for (lane->next = 0; lane->next < lane->fill;)
            step_do(s, lane);
        lane->refused = 0;
    }
    return true;
}

static bool streams_fit(struct stage *s, uint64_t seed, char *why)
{
    if (s->has_streams && s->seed == seed)
        return true;
    for (uint32_t i = 0; i < s->threads; i++) {
        if (stream_make(s, &s->lane[i], ms_seed_mix(seed, i)))
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

    s->ops = ms_catalog_ops(s->catalog, key->strategy);
    if (!s->ops && strcmp(key->strategy, limits_all[0].name) != 0) {
        snprintf(why, MS_WHY_BYTES, "no strategy is named %s", key->strategy);
        return false;
    }
    if (!s->ops)
        return true;
    if (!streams_fit(s, seed, why) || !file_fill(s, seed, why))
        return false;
    /* The control that does nothing has nothing to be right about. */
    if (is_checked(s) || ms_catalog_find(s->catalog, key->strategy)->part == MS_PART_NULL)
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
    if (!s->ops)
        return true;
    for (uint32_t i = 0; i < s->threads; i++) {
        for (uint32_t slot = 0; slot < s->lane[i].slots; slot++)
            held_drop(s, i, &s->lane[i].held[slot]);
        refused += s->lane[i].refused;
    }
    for (uint32_t i = 0; i < s->residents; i++)
        held_drop(s, 0, &s->resident[i]);
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
        free(s->lane[i].step);
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
        lane->slots = s->registers / s->threads + 1;
        lane->step = calloc(STEPS, sizeof *lane->step);
        lane->held = calloc(lane->slots, sizeof *lane->held);
        if (!lane->step || !lane->held)
            return false;
    }
    return s->lane != NULL;
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    struct stage *s = NULL;
    size_t at = 0;

    while (at < RECIPES && strcmp(infos[at].name, key->shape) != 0)
        at++;
    if (at == RECIPES || key->threads == 0 || key->threads > MS_CPUS_MAX || key->registers == 0 ||
        key->registers > MS_REG_COUNT_MAX) {
        snprintf(why, MS_WHY_BYTES,
                 "no such case: shape %s, %" PRIu32 " threads, %" PRIu32 " registers", key->shape,
                 key->threads, key->registers);
        return NULL;
    }
    if (recipes[at].pattern == PATTERN_HANDOVER && key->threads % 2 != 0) {
        snprintf(why, MS_WHY_BYTES, "a hand-over needs an even number of threads, not %" PRIu32,
                 key->threads);
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        goto no_memory;
    s->catalog = catalog;
    s->recipe = &recipes[at];
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

static const struct ms_shape_info *shape(const struct ms_catalog *catalog, size_t index)
{
    (void)catalog;
    return index < RECIPES ? &infos[index] : NULL;
}

/* Hand-overs need threads in twos. */
static bool is_handover_of_odd(const struct ms_cell_key *key)
{
    for (size_t i = 0; i < RECIPES; i++)
        if (strcmp(infos[i].name, key->shape) == 0)
            return recipes[i].pattern == PATTERN_HANDOVER && key->threads % 2 != 0;
    return false;
}

static bool offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    (void)catalog;
    return !is_handover_of_odd(key);
}

static size_t limits(const struct ms_cell_key *key, const struct ms_contender **all)
{
    (void)key;
    *all = limits_all;
    return sizeof limits_all / sizeof *limits_all;
}

static const char *refuses(const struct ms_contender *contender, const struct ms_cell_key *key)
{
    if (is_handover_of_odd(key))
        return "a hand-over needs an even number of threads";
    for (size_t i = 0; i < RECIPES; i++) {
        if (strcmp(infos[i].name, key->shape) != 0)
            continue;
        for (size_t j = 0; j < SIZES; j++)
            if (recipes[i].size[j].share && recipes[i].size[j].last > contender->run_max)
                return "refused by design: the shape asks for longer runs than it gives";
    }
    return NULL;
}

const struct ms_scenario ms_scenario_registers = {
    .name = "registers",
    .title = "one take and its give of map registers",
    .version = 2,
    .compares = true,
    .oversubscribes = true,
    .has_registers = true,
    .shape = shape,
    .offers = offers,
    .limits = limits,
    .refuses = refuses,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .finish = finish,
    .close = stage_close,
};
