/* SPDX-License-Identifier: MIT */
/*
 * mutex_segfit: one mutex over segregated lists of free runs: the best sequential design.
 *
 * Idea        free runs sit in doubly linked lists by length class (power of two, eighth of it);
 *             two levels of bits find the first class that is not empty. Each run, free or taken,
 *             has its length at both ends, so a give merges with its neighbours in constant time.
 * Picture     level -> eighths -> list -> run <-> run   at[first] {FREE|length} .. at[last] same
 * Invariants  I1 the runs, free and taken, tile the file; both ends of each carry its length
 *             I2 no two free runs are neighbours; each is in the list of its class; bits say
 *                which lists are not empty
 * Ordering    hb:lock  everything belongs to the holder; see locks.h, also for hb:run-given.
 *             Lengths are relaxed atomics only so that statistics may read them unlocked.
 * ABA         none: nothing is decided on a value read without the lock
 * Progress    blocking: a holder that is stopped stops all others
 * Limits      12 bytes a register; a claim with limits walks lists; placement is by class, not by
 *             address, newest hole of the class first
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/locks.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

enum {
    EIGHTHS = 8,
    LEVELS = 17, /* lengths below 8, then one level a power of two up to 2^18 */
    CLASSES = LEVELS * EIGHTHS,
};
#define RUN_FREE 0x80000000u /* in `at`: the run is free */
static_assert(MS_REG_COUNT_MAX == 1u << (LEVELS + 1), "the last level holds the largest file");

/* Links of a free run, at its first register. Owner: the lock's holder. */
struct run_link {
    ms_reg next;
    ms_reg previous;
};

struct mutex_segfit {
    uint32_t registers;    /* const after init */
    struct run_link *link; /* const pointer; [first register of a free run] */
    ms_atomic_u32 *at;     /* const pointer; [first or last register of a run]: FREE | length */
    struct ms_ledger ledger;
    ms_atomic_u32 mutex __attribute__((aligned(MS_CACHE_LINE))); /* hb:lock */
    uint32_t levels;                                             /* bit: the level has a free run */
    ms_atomic_u32 free; /* registers in free runs; read unlocked for statistics */
    uint8_t eighths[LEVELS];
    ms_reg list[CLASSES];
} __attribute__((aligned(MS_CACHE_LINE)));

/* --- length classes: pure ----------------------------------------------------------------- */

static uint32_t class_of(uint32_t length)
{
    if (length < EIGHTHS)
        return length;
    uint32_t power = ms_bit_highest(length);
    return (power - 2) * EIGHTHS + ((length >> (power - 3)) & (EIGHTHS - 1));
}

/* The first class in which every run has at least `length`. */
static uint32_t class_above(uint32_t length)
{
    if (length < EIGHTHS)
        return length;
    return class_of(length + (1u << (ms_bit_highest(length) - 3)) - 1);
}

/* --- lists; the caller holds the mutex ---------------------------------------------------------
 */

static uint32_t run_length(const struct mutex_segfit *s, ms_reg first)
{
    return ms_load_relaxed(&s->at[first]) & ~RUN_FREE;
}

static bool run_is_free(const struct mutex_segfit *s, ms_reg end)
{
    return (ms_load_relaxed(&s->at[end]) & RUN_FREE) != 0;
}

static void run_mark(struct mutex_segfit *s, ms_reg first, uint32_t length, uint32_t flag)
{
    ms_store_relaxed(&s->at[first], length | flag);
    ms_store_relaxed(&s->at[first + length - 1], length | flag);
}

static void list_insert(struct mutex_segfit *s, ms_reg first, uint32_t length)
{
    uint32_t class = class_of(length);
    ms_reg next = s->list[class];

    run_mark(s, first, length, RUN_FREE);
    s->link[first] = (struct run_link){.next = next, .previous = MS_REG_NONE};
    if (next != MS_REG_NONE)
        s->link[next].previous = first;
    s->list[class] = first;
    s->eighths[class / EIGHTHS] |= (uint8_t)(1u << class % EIGHTHS);
    s->levels |= 1u << class / EIGHTHS;
}

static void list_remove(struct mutex_segfit *s, ms_reg first)
{
    uint32_t class = class_of(run_length(s, first));
    struct run_link link = s->link[first];

    ms_assert(run_is_free(s, first));
    if (link.next != MS_REG_NONE)
        s->link[link.next].previous = link.previous;
    if (link.previous != MS_REG_NONE) {
        s->link[link.previous].next = link.next;
        return;
    }
    s->list[class] = link.next;
    if (link.next != MS_REG_NONE)
        return;
    s->eighths[class / EIGHTHS] &= (uint8_t) ~(1u << class % EIGHTHS);
    if (s->eighths[class / EIGHTHS] == 0)
        s->levels &= ~(1u << class / EIGHTHS);
}

/* The first class at or above `class` that has a free run, or CLASSES. */
static uint32_t class_find(const struct mutex_segfit *s, uint32_t class)
{
    uint32_t level = class / EIGHTHS;

    if (level >= LEVELS)
        return CLASSES;
    uint32_t eighths = s->eighths[level] & (0xFFu << class % EIGHTHS);
    if (eighths != 0)
        return level * EIGHTHS + ms_bit_lowest(eighths);
    uint32_t levels = s->levels & (level + 1 < 32 ? UINT32_MAX << (level + 1) : 0);
    if (levels == 0)
        return CLASSES;
    level = ms_bit_lowest(levels);
    return level * EIGHTHS + ms_bit_lowest(s->eighths[level]);
}

/* A free run of this class in which the want fits, or MS_REG_NONE. */
static ms_reg list_walk(const struct mutex_segfit *s, uint32_t class, struct ms_reg_want want)
{
    for (ms_reg hole = s->list[class]; hole != MS_REG_NONE; hole = s->link[hole].next)
        if (ms_want_place(hole, want) + want.run <= hole + run_length(s, hole))
            return hole;
    return MS_REG_NONE;
}

/* A free run in which the want fits, or MS_REG_NONE. Constant time where any place will do and a
 * longer class has a run; else the request's own class is walked before refusing. */
static ms_reg hole_find(const struct mutex_segfit *s, struct ms_reg_want want)
{
    if (ms_want_is_plain(want)) {
        uint32_t class = class_find(s, class_above(want.run));
        return class < CLASSES ? s->list[class] : list_walk(s, class_of(want.run), want);
    }
    for (uint32_t class = class_find(s, class_of(want.run)); class < CLASSES;
         class = class_find(s, class + 1)) {
        ms_reg hole = list_walk(s, class, want);
        if (hole != MS_REG_NONE)
            return hole;
    }
    return MS_REG_NONE;
}

/* Cuts the run out of a hole; what is left on either side stays free. */
static ms_reg hole_cut(struct mutex_segfit *s, ms_reg hole, struct ms_reg_want want)
{
    uint32_t length = run_length(s, hole);
    ms_reg first = ms_want_place(hole, want);
    uint32_t behind = hole + length - first - want.run;

    list_remove(s, hole);
    run_mark(s, first, want.run, 0);
    if (first > hole)
        list_insert(s, hole, first - hole);
    if (behind > 0)
        list_insert(s, first + want.run, behind);
    ms_store_relaxed(&s->free, ms_load_relaxed(&s->free) - want.run);
    return first;
}

/* Frees a run and merges it with its free neighbours. */
static void run_merge(struct mutex_segfit *s, ms_reg first, uint32_t run)
{
    ms_store_relaxed(&s->free, ms_load_relaxed(&s->free) + run);
    if (first + run < s->registers && run_is_free(s, first + run)) {
        ms_reg next = first + run;
        run += run_length(s, next);
        list_remove(s, next);
    }
    if (first > 0 && run_is_free(s, first - 1)) {
        ms_reg previous = first - run_length(s, first - 1);
        run += first - previous;
        first = previous;
        list_remove(s, previous);
    }
    list_insert(s, first, run);
}

/* --- the table ----------------------------------------------------------------------------------
 */

static size_t lengths_bytes(uint32_t registers)
{
    return ms_round_up(registers * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t links_bytes(uint32_t registers)
{
    return ms_round_up(registers * sizeof(struct run_link), MS_CACHE_LINE);
}

static size_t mutex_segfit_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct mutex_segfit) + lengths_bytes(shape.registers) +
           links_bytes(shape.registers) + ms_ledger_bytes(shape.registers);
}

static void mutex_segfit_init(void *state, struct ms_reg_shape shape)
{
    struct mutex_segfit *s = state;
    char *at = (char *)(s + 1);

    s->registers = shape.registers;
    s->at = (ms_atomic_u32 *)at;
    at += lengths_bytes(shape.registers);
    s->link = (struct run_link *)at;
    at += links_bytes(shape.registers);
    ms_ledger_init(&s->ledger, at, shape.registers);
    ms_init(&s->mutex, MS_MUTEX_FREE);
    ms_init(&s->free, shape.registers);
    for (uint32_t i = 0; i < CLASSES; i++)
        s->list[i] = MS_REG_NONE;
    list_insert(s, 0, shape.registers);
}

static ms_reg mutex_segfit_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct mutex_segfit *s = state;
    ms_reg first = MS_REG_NONE;

    (void)cpu;
    ms_assert(ms_want_is_valid(want));
    if (want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;
    ms_mutex_take(&s->mutex);
    ms_reg hole = hole_find(s, want);
    if (hole != MS_REG_NONE)
        first = hole_cut(s, hole, want);
    ms_mutex_give(&s->mutex);
    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

static void mutex_segfit_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct mutex_segfit *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    ms_mutex_take(&s->mutex);
    run_merge(s, first, run);
    ms_mutex_give(&s->mutex);
}

static uint32_t mutex_segfit_free_count(const void *state)
{
    const struct mutex_segfit *s = state;

    return ms_load_relaxed(&s->free);
}

/* Hops from run to run; lengths may be stale while others run, so a nonsensical one counts as 1. */
static void mutex_segfit_occupancy(const void *state, uint64_t *bitmap)
{
    const struct mutex_segfit *s = state;
    uint32_t length;

    for (uint32_t i = 0; i < ms_words_for(s->registers); i++)
        bitmap[i] = 0;
    for (ms_reg reg = 0; reg < s->registers; reg += length) {
        length = run_length(s, reg);
        if (length == 0 || length > s->registers - reg)
            length = 1;
        if (!run_is_free(s, reg))
            for (ms_reg i = reg; i < reg + length; i++)
                bitmap[i / MS_WORD_BITS] |= UINT64_C(1) << i % MS_WORD_BITS;
    }
}

static bool lists_audit(const struct mutex_segfit *s, uint32_t *runs)
{
    for (uint32_t class = 0; class < CLASSES; class ++) {
        bool is_marked = (s->eighths[class / EIGHTHS] >> class % EIGHTHS & 1) != 0;
        if (is_marked != (s->list[class] != MS_REG_NONE))
            return false;
        if (is_marked && !(s->levels >> class / EIGHTHS & 1))
            return false;
        for (ms_reg hole = s->list[class]; hole != MS_REG_NONE; hole = s->link[hole].next) {
            if (!run_is_free(s, hole) || class_of(run_length(s, hole)) != class)
                return false;
            if (++*runs > s->registers)
                return false; /* a ring */
        }
    }
    return true;
}

static bool mutex_segfit_audit(const void *state)
{
    const struct mutex_segfit *s = state;
    uint32_t listed = 0;
    uint32_t holes = 0;
    uint32_t free = 0;
    bool was_free = false;

    if (!lists_audit(s, &listed))
        return false; /* I2 */
    for (ms_reg reg = 0; reg < s->registers;) {
        uint32_t length = run_length(s, reg);
        bool is_free = run_is_free(s, reg);
        if (length == 0 || length > s->registers - reg)
            return false;
        if (ms_load_relaxed(&s->at[reg]) != ms_load_relaxed(&s->at[reg + length - 1]))
            return false; /* I1 */
        if (is_free && was_free)
            return false; /* I2 */
        was_free = is_free;
        holes += is_free;
        free += is_free ? length : 0;
        reg += length;
    }
    return holes == listed && free == ms_load_relaxed(&s->free) &&
           ms_load_relaxed(&s->mutex) == MS_MUTEX_FREE && ms_ledger_agrees(&s->ledger, free);
}

const struct ms_reg_ops ms_reg_mutex_segfit = {
    .name = "mutex-segfit",
    .summary = "one mutex, free runs in lists by length: the best sequential design",
    .progress = MS_PROGRESS_BLOCKING,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = mutex_segfit_state_size,
    .init = mutex_segfit_init,
    .take = mutex_segfit_take,
    .give = mutex_segfit_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = mutex_segfit_free_count,
    .occupancy = mutex_segfit_occupancy,
    .audit = mutex_segfit_audit,
};
