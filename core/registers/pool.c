/* SPDX-License-Identifier: MIT */
/*
 * pool: a strategy's registers with pages behind them, and customers who wait in order.
 *
 * Idea        a set is a chain of runs, linked in a table beside the registers, so that scattered
 *             registers need no memory of their own. A customer that must wait does so at the
 *             pool's turnstile; whoever gives registers back collects for the first one there.
 *             What is collected lies in the waiter's hoard, one word: servers push runs onto it, so
 *             two servers add up instead of holding one half each for ever.
 * Picture     hoard {head: 40, count: 6, life 5} -> run[40] {4 registers, next 8} -> run[8] {2}
 * Invariants  I1 a register is free in the strategy, or in exactly one set or hoard
 *             I2 a hoard grows while open, never beyond what its life wants; one that is complete stays
 *                as it is; one that is not may be emptied for a wait that is longer (ms_hoard_spill):
 *                two servers that did not see each other's customers collect for both, and what each
 *                holds may be just what the other lacks
 * Ordering    hb:hoard-push  a push writes run[], then releases the hoard; reading or closing
 *             acquires it, then walks run[]. Relaxed would let a chain be walked before it is
 *             written.
 *             hb:turnstile-dekker  give makes registers visible (seq_cst), then looks at the
 *             turnstile; turnstile.c has the other side. A take that put back on its way what it held
 *             in passing is a give, whether it succeeded or not.
 *             hb:hoard-dekker  a push (seq_cst), then a look for earlier tickets; a ticket is shown
 *             (seq_cst), then hoards behind it are read (seq_cst): a run pushed for the wrong one
 *             is seen by whoever serves the right one, or its pusher sees that one.
 * ABA         a hoard's serial is 24 bits of the request's life: a server must sleep through
 *             exactly 2^24 lives of one request slot to push to the wrong one. run[] entries are
 *             written only by the holder of that run, before the push that publishes them.
 * Progress    all but create and destroy are lock-free where the strategy's take and give are. A
 *             server that stops after take and before push keeps at most that run, as if it had
 *             claimed it.
 */
#include "registers/registers.h"

#include <string.h>

enum { HOARD_BITS = 20, CHUNK_MAX = 64 };
#define HOARD_CLOSED ((1u << HOARD_BITS) - 1)
static_assert((uint32_t)MS_REG_COUNT_MAX < HOARD_CLOSED,
              "a register number must fit a hoard's field");

union hoard_word {
    struct {
        uint64_t head : HOARD_BITS;  /* first register of the first run; HOARD_CLOSED when none */
        uint64_t count : HOARD_BITS; /* HOARD_CLOSED: nobody may push any more */
        uint64_t serial : 24;
    };
    uint64_t raw;
};
static_assert(sizeof(union hoard_word) == sizeof(uint64_t), "a hoard must fit one CAS");

static uint64_t hoard_life(uint32_t serial)
{
    return serial & 0xFFFFFF; /* what the field holds */
}

/* --- making and ending a pool --- */

/* From a multiple of this on, register numbers and frame numbers agree in all their lower bits; boundaries beyond
 * the pool's size it does not cross. */
static uint64_t pool_align(const struct ms_pool_config *config)
{
    return config->registers == 1 ? 1 : UINT64_C(2) << ms_bit_highest(config->registers - 1);
}

struct ms_pool *ms_pool_create(struct ms_memory *memory, struct ms_kernel *kernel,
                               const struct ms_pool_config *config)
{
    struct ms_reg_shape shape = {config->registers, MS_CPUS_MAX};
    struct ms_pool *pool;

    ms_assert(config->registers >= 1 && config->registers <= MS_REG_COUNT_MAX);
    pool = ms_alloc(sizeof *pool);
    if (!pool)
        return NULL;
    pool->ops = config->ops;
    pool->memory = memory;
    pool->kernel = kernel;
    pool->registers = config->registers;
    pool->state_bytes = config->ops->state_size(shape);
    pool->state = ms_alloc(pool->state_bytes);
    if (!pool->state)
        goto undo_pool;
    pool->run = ms_reserve((size_t)config->registers * sizeof *pool->run);
    if (!pool->run)
        goto undo_state;
    pool->first_pfn =
        ms_frames_take(memory, config->registers, config->aligned ? pool_align(config) : 1, 0,
                       config->highest_pfn);
    if (pool->first_pfn == MS_PFN_NONE)
        goto undo_run;
    pool->pages = ms_memory_byte(memory, (ms_pa){pool->first_pfn << MS_PAGE_SHIFT});
    config->ops->init(pool->state, shape);
    return pool;

undo_run:
    ms_unreserve(pool->run, (size_t)config->registers * sizeof *pool->run);
undo_state:
    ms_free(pool->state, pool->state_bytes);
undo_pool:
    ms_free(pool, sizeof *pool);
    return NULL;
}

void ms_pool_destroy(struct ms_pool *pool)
{
    pool->ops->drain_all(pool->state);
    ms_assert(pool->ops->free_count(pool->state) == pool->registers);
    ms_frames_give(pool->memory, pool->first_pfn, pool->registers);
    ms_unreserve(pool->run, (size_t)pool->registers * sizeof *pool->run);
    ms_free(pool->state, pool->state_bytes);
    ms_free(pool, sizeof *pool);
}

/* --- taking and giving sets --- */

static ms_reg run_take(struct ms_pool *pool, uint32_t cpu, uint32_t run, uint16_t boundary)
{
    struct ms_reg_want want = {.run = run, .align = 1, .boundary = boundary};

    return pool->ops->take(pool->state, cpu, want);
}

/* As run_take; when nothing fits, private stock that can be reached is called back first. */
static ms_reg run_take_hard(struct ms_pool *pool, uint32_t cpu, uint32_t run, uint16_t boundary)
{
    ms_reg first;

    if (run > pool->ops->run_max || ms_fault_here())
        return MS_REG_NONE;
    first = run_take(pool, cpu, run, boundary);
    if (first != MS_REG_NONE || !pool->ops->strands)
        return first; /* a strategy that does not strand has looked everywhere itself */
    pool->ops->drain(pool->state, cpu);
    pool->ops->drain_all(pool->state);
    return run_take(pool, cpu, run, boundary);
}

static void set_push(struct ms_pool *pool, struct ms_reg_set *set, ms_reg first, uint32_t run)
{
    ms_data_write(&pool->run[first], sizeof pool->run[first]);
    pool->run[first] = (struct ms_reg_run){.next = set->head, .count = run};
    set->head = first;
    set->count += run;
}

static uint32_t chunk_for(const struct ms_pool *pool, struct ms_pool_want want, uint32_t missing)
{
    uint32_t chunk = missing < CHUNK_MAX ? missing : CHUNK_MAX;

    if (want.contiguous)
        return missing;
    if (chunk > pool->ops->run_max)
        chunk = pool->ops->run_max;
    if (want.boundary && chunk > want.boundary)
        chunk = want.boundary;
    return chunk;
}

static void set_give(struct ms_pool *pool, uint32_t cpu, struct ms_reg_set set)
{
    ms_reg first = set.head;

    while (set.count > 0) {
        ms_data_read(&pool->run[first], sizeof pool->run[first]);
        struct ms_reg_run run = pool->run[first]; /* before give: then it is another holder's */
        ms_assert(run.count > 0 && run.count <= set.count);
        pool->ops->give(pool->state, cpu, first, run.count);
        set.count -= run.count;
        first = run.next;
    }
}

bool ms_pool_take(struct ms_pool *pool, uint32_t cpu, struct ms_pool_want want,
                  struct ms_reg_set *set)
{
    struct ms_reg_set taken = {.head = MS_REG_NONE, .count = 0};
    uint32_t chunk = chunk_for(pool, want, want.count);

    if (want.count > pool->registers || ms_turnstile_has_waiters(&pool->waiters))
        return false;
    while (taken.count < want.count) {
        uint32_t missing = want.count - taken.count;
        if (chunk > missing)
            chunk = missing;
        ms_reg first = run_take_hard(pool, cpu, chunk, want.boundary);
        if (first != MS_REG_NONE) {
            set_push(pool, &taken, first, chunk);
        } else if (want.contiguous || chunk == 1) {
            ms_pool_give(pool, cpu, taken);
            return false;
        } else {
            chunk = (chunk + 1) / 2; /* no long run left: shorter ones will do */
        }
    }
    *set = taken;
    /* hb:turnstile-dekker: what lies in our own stock since this search, somebody may wait for. */
    if (pool->ops->strands && ms_turnstile_has_waiters(&pool->waiters))
        pool->ops->drain(pool->state, cpu);
    return true;
}

void ms_pool_give(struct ms_pool *pool, uint32_t cpu, struct ms_reg_set set)
{
    set_give(pool, cpu, set);
    /* hb:turnstile-dekker: the gives above are visible, or in our own stock, which goes back now. */
    if (set.count > 0 && ms_turnstile_has_waiters(&pool->waiters))
        pool->ops->drain(pool->state, cpu);
}

/* --- collecting for one who waits ---------------------------------------------------------------- */

void ms_hoard_open(ms_hoard *hoard, uint32_t serial)
{
    union hoard_word word = {.raw = 0};

    word.head = HOARD_CLOSED;
    word.serial = serial & 0xFFFFFF;
    ms_store_release(hoard, word.raw); /* hb:hoard-push: an empty chain */
}

static bool hoard_is_open(union hoard_word word, uint32_t serial)
{
    return word.count != HOARD_CLOSED && word.serial == hoard_life(serial);
}

static struct ms_reg_set hoard_set(union hoard_word word)
{
    return (struct ms_reg_set){
        .head = word.head == HOARD_CLOSED ? MS_REG_NONE : (ms_reg)word.head,
        .count = (uint32_t)word.count,
    };
}

struct ms_reg_set ms_hoard_close(ms_hoard *hoard, uint32_t serial)
{
    union hoard_word seen = {.raw = ms_load_acquire(hoard)}; /* hb:hoard-push */
    union hoard_word closed = {.raw = 0};

    closed.head = HOARD_CLOSED;
    closed.count = HOARD_CLOSED;
    closed.serial = serial & 0xFFFFFF;
    do {
        ms_assert(hoard_is_open(seen, serial)); /* one closer a life */
    } while (!ms_cas_acq_rel(hoard, &seen.raw, closed.raw));
    return hoard_set(seen);
}

/* Pushes a run that we hold; false when somebody changed the hoard first. */
static bool hoard_push(ms_hoard *hoard, union hoard_word seen, struct ms_pool *pool, ms_reg first,
                       uint32_t run)
{
    union hoard_word next = seen;

    ms_data_write(&pool->run[first], sizeof pool->run[first]);
    pool->run[first] = (struct ms_reg_run){.next = hoard_set(seen).head, .count = run};
    next.head = first & HOARD_CLOSED;
    next.count = (seen.count + run) & HOARD_CLOSED;
    return ms_cas_seq_cst(hoard, &seen.raw, next.raw); /* hb:hoard-push, hb:hoard-dekker */
}

enum ms_collected ms_hoard_collect(ms_hoard *hoard, uint32_t serial, struct ms_pool *pool,
                                   uint32_t cpu, struct ms_pool_want want)
{
    uint32_t limit = UINT32_MAX;
    uint32_t least = 0; /* what we pushed: less is there only if somebody spilled it */

    for (;;) {
        union hoard_word seen = {.raw = ms_load_acquire(hoard)};
        if (!hoard_is_open(seen, serial) || seen.count < least)
            return MS_COLLECTED_OTHERS;
        ms_assert(seen.count <= want.count);
        if (seen.count == want.count)
            return MS_COLLECTED_ALL;
        uint32_t run = chunk_for(pool, want, want.count - (uint32_t)seen.count);
        if (run > limit)
            run = limit;
        ms_reg first = run_take_hard(pool, cpu, run, want.boundary);
        if (first == MS_REG_NONE) {
            if (want.contiguous || run == 1)
                return MS_COLLECTED_TOO_FEW;
            limit = (run + 1) / 2;
        } else if (hoard_push(hoard, seen, pool, first, run)) {
            least = (uint32_t)seen.count + run;
        } else {
            pool->ops->give(pool->state, cpu, first, run);
            /* This give is a release like any other: look again, nobody else will. */
        }
    }
}

bool ms_hoard_spill(ms_hoard *hoard, uint32_t serial, struct ms_pool *pool, uint32_t cpu,
                    uint32_t wanted)
{
    union hoard_word seen = {.raw = ms_load_seq_cst(hoard)}; /* hb:hoard-push, hb:hoard-dekker */
    union hoard_word empty = {.raw = 0};

    empty.head = HOARD_CLOSED;
    empty.serial = serial & 0xFFFFFF;
    do {
        if (!hoard_is_open(seen, serial) || seen.count == 0 || seen.count >= wanted)
            return false;
    } while (!ms_cas_acq_rel(hoard, &seen.raw, empty.raw));
    ms_pool_give(pool, cpu, hoard_set(seen));
    return true;
}
