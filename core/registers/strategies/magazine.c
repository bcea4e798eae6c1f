/* SPDX-License-Identifier: MIT */
/*
 * magazine: every CPU keeps magazines of recently used runs in front of cas-bitmap.
 *
 * Idea        a magazine is one cache line with up to 15 runs of one exact length. A CPU has two a
 *             length: `loaded` works as a stack, `previous` saves the depot a visit at every turn
 *             from giving to taking. Full magazines travel between CPUs through the depot, a stack
 *             of magazine numbers a length; below it all is cas-bitmap.
 * Picture     cpu: loaded[n] previous[n] -> magazine -> runs
 *             depot[n] {tag:32, magazine:32} -> link[5] -> link[2] -> NONE      empties likewise
 * Invariants  I1 a magazine is on one stack, or belongs to one CPU, or is in one thread's hands
 *             I2 `stocked` of a CPU is the sum of its runs' lengths, at most registers / (8 x the
 *             CPUs that ever came); the depot holds at most an eighth of the file
 *             I3 a run in stock is a live run to cas-bitmap, taken and later given back unchanged
 * Ordering    hb:magazine-push a push writes the magazine and link[i], then its CAS of the head
 *             releases; a pop acquires the head, then reads both
 *             hb:run-given is cas-bitmap's for what passes through it; in a CPU's own stock,
 *             program order; through the depot, hb:magazine-push (its CAS is seq_cst)
 * ABA         a pop may read a link that is stale; then the head's tag has moved and its CAS
 *             fails. The tag has 32 bits: a popper would have to sleep through exactly 2^32 pushes
 *             and pops
 * Progress    lock-free: stacks and cas-bitmap are; the own stock is wait-free. A stopped thread
 *             keeps its own stock and the magazine in its hands, which is bounded (I2)
 * Limits      strands: a claim can fail while fitting runs lie in another CPU's stock, and runs in
 *             stock do not merge; lengths above 32 and claims with limits go straight to
 *             cas-bitmap
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/run_search.h"

enum {
    LENGTHS = 32,    /* exact lengths 1..32 have magazines */
    ROUNDS_MAX = 15, /* as many runs as fit into a cache line beside their count */
#ifndef MS_SIM
    ROUNDS = ROUNDS_MAX, /* runs in a full magazine */
#else
    ROUNDS = 2, /* the simulator's files are small, and full magazines must travel there too */
#endif
    NO_MAG = 0,      /* magazine numbers begin with 1, so zeroed memory holds none */
    STOCK_SHARE = 8, /* all private stock together is at most this part of the file; so the depot */
};

/* One cache line of runs. Owner: see I1. Entries are atomics only for the statistics. */
struct magazine {
    ms_atomic_u32 count;
    ms_atomic_u32 round[ROUNDS_MAX];
};
static_assert(sizeof(struct magazine) == MS_CACHE_LINE, "a magazine is one cache line");

/* What one CPU holds, indexed by length - 1. Owner CPU; others only read, for statistics. */
struct stock {
    ms_atomic_u32 stocked; /* registers in all its magazines */
    uint32_t is_known;     /* counted in cpus_seen */
    ms_atomic_u32 loaded[LENGTHS];
    ms_atomic_u32 previous[LENGTHS];
} __attribute__((aligned(MS_CACHE_LINE)));

/* A stack of magazines: {tag:32, magazine:32}. */
struct stack {
    ms_atomic_u64 head; /* hb:magazine-push */
} __attribute__((aligned(MS_CACHE_LINE)));

struct magazine_state {
    uint32_t registers; /* const after init, as all of this line */
    uint32_t cpus;
    uint32_t magazines; /* numbers 1..magazines */
    struct stock *stock;
    struct magazine *magazine; /* [number] */
    ms_atomic_u32 *link;       /* [number]: the next one down the stack */
    void *bitmap;              /* cas-bitmap's state */
    struct ms_ledger ledger;
    ms_atomic_u32 cpus_seen __attribute__((aligned(MS_CACHE_LINE)));
    ms_atomic_u32 depot_stocked
        __attribute__((aligned(MS_CACHE_LINE))); /* registers in the depot */
    struct stack empties;
    struct stack depot[LENGTHS];
};

static const struct ms_reg_ops *const below = &ms_reg_cas_bitmap;

/* --- stacks of magazines ------------------------------------------------------------------ */

static uint64_t head_next(uint64_t head, uint32_t number)
{
    return ((head >> 32) + 1) << 32 | number;
}

static void stack_push(struct magazine_state *s, struct stack *stack, uint32_t number)
{
    uint64_t head = ms_load_relaxed(&stack->head);

    ms_assert(number != NO_MAG);
    do {
        ms_store_relaxed(&s->link[number], (uint32_t)head);
        /* hb:magazine-push, release: link and rounds before the head. seq_cst, because a depot push
         * also is a give (hb:run-given). */
    } while (!ms_cas_seq_cst(&stack->head, &head, head_next(head, number)));
}

static uint32_t stack_pop(struct magazine_state *s, struct stack *stack)
{
    uint64_t head = ms_load_seq_cst(&stack->head); /* hb:magazine-push, acquire */

    while ((uint32_t)head != NO_MAG) {
        uint32_t next = ms_load_relaxed(&s->link[(uint32_t)head]);
        if (ms_cas_seq_cst(&stack->head, &head, head_next(head, next)))
            return (uint32_t)head;
    }
    return NO_MAG;
}

/* --- one magazine, in its owner's hands --------------------------------------------------- */

static uint32_t rounds_in(const struct magazine_state *s, uint32_t number)
{
    return number == NO_MAG ? 0 : ms_load_relaxed(&s->magazine[number].count);
}

static ms_reg round_pop(struct magazine_state *s, uint32_t number)
{
    struct magazine *m = &s->magazine[number];
    uint32_t count = ms_load_relaxed(&m->count);

    ms_assert(count > 0);
    ms_store_relaxed(&m->count, count - 1);
    return ms_load_relaxed(&m->round[count - 1]);
}

static void round_push(struct magazine_state *s, uint32_t number, ms_reg first)
{
    struct magazine *m = &s->magazine[number];
    uint32_t count = ms_load_relaxed(&m->count);

    ms_assert(count < ROUNDS);
    ms_store_relaxed(&m->round[count], first);
    ms_store_relaxed(&m->count, count + 1);
}

/* Gives all runs of a magazine back to cas-bitmap and the magazine to the empties. */
static void magazine_empty(struct magazine_state *s, uint32_t number, uint32_t run)
{
    while (rounds_in(s, number) > 0)
        below->give(s->bitmap, MS_CPU_NONE, round_pop(s, number), run);
    stack_push(s, &s->empties, number);
}

/* --- one CPU's stock ---------------------------------------------------------------------- */

static struct stock *stock_of(struct magazine_state *s, uint32_t cpu)
{
    if (cpu == MS_CPU_NONE)
        return NULL;
    ms_assert(cpu < s->cpus);
    struct stock *own = &s->stock[cpu];
    if (MS_UNLIKELY(!own->is_known)) {
        own->is_known = 1;
        ms_fetch_add_relaxed(&s->cpus_seen, 1); /* only sizes the stock; being late is harmless */
    }
    return own;
}

static void stocked_add(struct stock *own, uint32_t more)
{
    ms_store_relaxed(&own->stocked, ms_load_relaxed(&own->stocked) + more);
}

static void loaded_swap_owner(struct stock *own, uint32_t i)
{
    uint32_t loaded = ms_load_relaxed(&own->loaded[i]);

    ms_store_relaxed(&own->loaded[i], ms_load_relaxed(&own->previous[i]));
    ms_store_relaxed(&own->previous[i], loaded);
}

/* A full magazine from the depot becomes the loaded one. False: there is none. */
static bool loaded_refill_owner(struct magazine_state *s, struct stock *own, uint32_t run)
{
    uint32_t full = stack_pop(s, &s->depot[run - 1]);

    if (full == NO_MAG)
        return false;
    uint32_t empty = ms_load_relaxed(&own->loaded[run - 1]);
    ms_fetch_sub_relaxed(&s->depot_stocked, rounds_in(s, full) * run);
    stocked_add(own, rounds_in(s, full) * run);
    ms_store_relaxed(&own->loaded[run - 1], full);
    if (empty != NO_MAG)
        stack_push(s, &s->empties, empty);
    return true;
}

static ms_reg stock_take_owner(struct magazine_state *s, struct stock *own, uint32_t run)
{
    if (rounds_in(s, ms_load_relaxed(&own->loaded[run - 1])) == 0) {
        if (rounds_in(s, ms_load_relaxed(&own->previous[run - 1])) > 0)
            loaded_swap_owner(own, run - 1);
        else if (!loaded_refill_owner(s, own, run))
            return MS_REG_NONE;
    }
    stocked_add(own, 0 - run);
    return round_pop(s, ms_load_relaxed(&own->loaded[run - 1]));
}

/* The previous magazine, full, goes to the depot if that has room. */
static bool previous_park_owner(struct magazine_state *s, struct stock *own, uint32_t run)
{
    uint32_t number = ms_load_relaxed(&own->previous[run - 1]);
    uint32_t registers = rounds_in(s, number) * run;

    if (ms_fetch_add_relaxed(&s->depot_stocked, registers) + registers >
        s->registers / STOCK_SHARE) {
        ms_fetch_sub_relaxed(&s->depot_stocked, registers);
        return false;
    }
    ms_store_relaxed(&own->previous[run - 1], NO_MAG);
    stocked_add(own, 0 - registers);
    stack_push(s, &s->depot[run - 1], number);
    return true;
}

/* Makes room for one more run in the loaded magazine. False: no magazine is to be had. */
static bool loaded_make_room_owner(struct magazine_state *s, struct stock *own, uint32_t run)
{
    uint32_t loaded = ms_load_relaxed(&own->loaded[run - 1]);

    if (loaded != NO_MAG && rounds_in(s, loaded) < ROUNDS)
        return true;
    uint32_t previous = ms_load_relaxed(&own->previous[run - 1]);
    if (loaded != NO_MAG && previous != NO_MAG && rounds_in(s, previous) == ROUNDS &&
        !previous_park_owner(s, own, run))
        return false;
    loaded_swap_owner(own, run - 1);
    loaded = ms_load_relaxed(&own->loaded[run - 1]);
    if (loaded == NO_MAG) {
        loaded = stack_pop(s, &s->empties);
        ms_store_relaxed(&own->loaded[run - 1], loaded);
    }
    return loaded != NO_MAG && rounds_in(s, loaded) < ROUNDS;
}

static bool stock_give_owner(struct magazine_state *s, struct stock *own, ms_reg first,
                             uint32_t run)
{
    uint32_t cpus = ms_load_relaxed(&s->cpus_seen);

    if (ms_load_relaxed(&own->stocked) + run > s->registers / (STOCK_SHARE * cpus))
        return false;
    if (!loaded_make_room_owner(s, own, run))
        return false;
    round_push(s, ms_load_relaxed(&own->loaded[run - 1]), first);
    stocked_add(own, run);
    return true;
}

/* --- the table ---------------------------------------------------------------------------- */

/* Two for every length of two CPUs, and what a full depot needs; more CPUs share them, and one that
 * gets no magazine goes to cas-bitmap. */
static uint32_t magazines_for(struct ms_reg_shape shape)
{
    return 2 * LENGTHS * (shape.cpus < 2 ? 1u : 2u) + shape.registers / STOCK_SHARE / ROUNDS +
           4 * shape.cpus;
}

static size_t link_bytes(struct ms_reg_shape shape)
{
    return ms_round_up((magazines_for(shape) + 1) * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t magazine_state_size(struct ms_reg_shape shape)
{
    return ms_round_up(sizeof(struct magazine_state), MS_CACHE_LINE) +
           shape.cpus * sizeof(struct stock) +
           (magazines_for(shape) + 1) * sizeof(struct magazine) + link_bytes(shape) +
           ms_ledger_bytes(shape.registers) + below->state_size(shape);
}

static void magazine_init(void *state, struct ms_reg_shape shape)
{
    struct magazine_state *s = state;
    char *at = (char *)state + ms_round_up(sizeof *s, MS_CACHE_LINE);

    s->registers = shape.registers;
    s->cpus = shape.cpus;
    s->magazines = magazines_for(shape);
    s->stock = (struct stock *)at;
    at += shape.cpus * sizeof(struct stock);
    s->magazine = (struct magazine *)at;
    at += (s->magazines + 1) * sizeof(struct magazine);
    s->link = (ms_atomic_u32 *)at;
    at += link_bytes(shape);
    ms_ledger_init(&s->ledger, at, shape.registers);
    at += ms_ledger_bytes(shape.registers);
    s->bitmap = at;
    below->init(s->bitmap, shape);
    for (uint32_t i = s->magazines; i > 0; i--)
        stack_push(s, &s->empties, i);
}

static void magazine_drain(void *state, uint32_t cpu)
{
    struct magazine_state *s = state;
    struct stock *own = stock_of(s, cpu);

    if (own == NULL || ms_load_relaxed(&own->stocked) == 0)
        return;
    for (uint32_t i = 0; i < LENGTHS; i++)
        for (uint32_t which = 0; which < 2; which++) {
            uint32_t number = ms_load_relaxed(&own->loaded[i]);
            ms_store_relaxed(&own->loaded[i], NO_MAG);
            if (number != NO_MAG)
                magazine_empty(s, number, i + 1);
            loaded_swap_owner(own, i);
        }
    ms_store_relaxed(&own->stocked, 0);
}

/* Only the depot: other CPUs' stock is out of reach, which is what `strands` says. */
static void magazine_drain_all(void *state)
{
    struct magazine_state *s = state;

    for (uint32_t run = 1; run <= LENGTHS; run++)
        for (uint32_t full; (full = stack_pop(s, &s->depot[run - 1])) != NO_MAG;) {
            ms_fetch_sub_relaxed(&s->depot_stocked, rounds_in(s, full) * run);
            magazine_empty(s, full, run);
        }
}

static ms_reg magazine_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct magazine_state *s = state;
    struct stock *own = stock_of(s, cpu);
    ms_reg first = MS_REG_NONE;

    ms_assert(ms_want_is_valid(want));
    if (own != NULL && want.run <= LENGTHS && ms_want_is_plain(want))
        first = stock_take_owner(s, own, want.run);
    if (first == MS_REG_NONE)
        first = below->take(s->bitmap, MS_CPU_NONE, want);
    if (first == MS_REG_NONE) { /* runs in stock may merge into a fitting one */
        magazine_drain(state, cpu);
        magazine_drain_all(state);
        first = below->take(s->bitmap, MS_CPU_NONE, want);
    }
    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

static void magazine_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct magazine_state *s = state;

    ms_ledger_gave(&s->ledger, first, run);
    struct stock *own = stock_of(s, cpu);
    if (own == NULL || run > LENGTHS || !stock_give_owner(s, own, first, run))
        below->give(s->bitmap, MS_CPU_NONE, first, run);
}

static uint32_t magazine_free_count(const void *state)
{
    const struct magazine_state *s = state;
    uint32_t count = below->free_count(s->bitmap) + ms_load_relaxed(&s->depot_stocked);

    for (uint32_t cpu = 0; cpu < s->cpus; cpu++)
        count += ms_load_relaxed(&s->stock[cpu].stocked);
    return count;
}

/* Marks the runs of one magazine free; numbers may be stale while others run, so all are checked.
 */
static void magazine_mark_free(const struct magazine_state *s, uint32_t number, uint32_t run,
                               uint64_t *bitmap)
{
    uint32_t count = rounds_in(s, number);

    for (uint32_t i = 0; i < count && i < ROUNDS; i++) {
        ms_reg first = ms_load_relaxed(&s->magazine[number].round[i]);
        for (ms_reg reg = first; reg < first + run && reg < s->registers; reg++)
            bitmap[reg / MS_WORD_BITS] &= ~(UINT64_C(1) << reg % MS_WORD_BITS);
    }
}

static void magazine_occupancy(const void *state, uint64_t *bitmap)
{
    const struct magazine_state *s = state;

    below->occupancy(s->bitmap, bitmap);
    for (uint32_t i = 0; i < LENGTHS; i++) {
        uint32_t number = (uint32_t)ms_load_acquire(&s->depot[i].head); /* hb:magazine-push */
        /* Bounded, because links may change under us and then form anything. */
        for (uint32_t seen = 0; number != NO_MAG && seen <= s->magazines; seen++) {
            magazine_mark_free(s, number, i + 1, bitmap);
            number = ms_load_relaxed(&s->link[number]);
        }
        for (uint32_t cpu = 0; cpu < s->cpus; cpu++) {
            magazine_mark_free(s, ms_load_relaxed(&s->stock[cpu].loaded[i]), i + 1, bitmap);
            magazine_mark_free(s, ms_load_relaxed(&s->stock[cpu].previous[i]), i + 1, bitmap);
        }
    }
}

/* Registers in the stack's magazines; counts the magazines in *seen and stops beyond all of them.
 */
static uint32_t stack_audit(const struct magazine_state *s, const struct stack *stack, uint32_t run,
                            uint32_t *seen)
{
    uint32_t registers = 0;
    uint32_t number = (uint32_t)ms_load_relaxed(&stack->head);

    for (; number != NO_MAG && *seen <= s->magazines; (*seen)++) {
        registers += rounds_in(s, number) * run;
        number = ms_load_relaxed(&s->link[number]);
    }
    return registers;
}

static bool stock_audit(const struct magazine_state *s, const struct stock *own, uint32_t *seen)
{
    uint32_t registers = 0;

    for (uint32_t i = 0; i < LENGTHS; i++) {
        uint32_t number[2] = {ms_load_relaxed(&own->loaded[i]), ms_load_relaxed(&own->previous[i])};
        for (uint32_t which = 0; which < 2; which++) {
            *seen += number[which] != NO_MAG;
            registers += rounds_in(s, number[which]) * (i + 1);
        }
    }
    return registers == ms_load_relaxed(&own->stocked); /* I2 */
}

static bool magazine_audit(const void *state)
{
    const struct magazine_state *s = state;
    uint32_t seen = 0;
    uint32_t depot = 0;

    if (stack_audit(s, &s->empties, 1, &seen) != 0)
        return false;
    for (uint32_t i = 0; i < LENGTHS; i++)
        depot += stack_audit(s, &s->depot[i], i + 1, &seen);
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++)
        if (!stock_audit(s, &s->stock[cpu], &seen))
            return false;
    return seen == s->magazines && /* I1 */
           depot == ms_load_relaxed(&s->depot_stocked) && below->audit(s->bitmap) &&
           ms_ledger_agrees(&s->ledger, magazine_free_count(state)); /* I3 */
}

const struct ms_reg_ops ms_reg_magazine = {
    .name = "magazine",
    .summary = "per-CPU magazines of runs and a depot, over cas-bitmap; strands",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = true,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = magazine_state_size,
    .init = magazine_init,
    .take = magazine_take,
    .give = magazine_give,
    .drain = magazine_drain,
    .drain_all = magazine_drain_all,
    .free_count = magazine_free_count,
    .occupancy = magazine_occupancy,
    .audit = magazine_audit,
};
