/* SPDX-License-Identifier: MIT */
/*
 * registers.h: map registers: the table every allocation strategy fills, and the pool that adds
 * waiting, private stock and pages to it.
 *
 * A register file is `count` registers with consecutive logical addresses. A strategy only answers
 * "which": it hands out runs of register numbers and takes them back. It never waits and never
 * allocates. Waiting first come first served, and the pages behind the numbers, are the pool's.
 */
#ifndef MS_REGISTERS_H
#define MS_REGISTERS_H

#include "kernel/kernel.h"
#include "memory/memory.h"
#include "platform/platform.h"

typedef uint32_t ms_reg; /* register number in its file */

#define MS_REG_NONE UINT32_MAX /* no run fits now */
enum {
    MS_REG_COUNT_MAX = 1u << 18, /* registers in one file: 1 GiB of bounce pages */
};

/* What a claim asks for. 8 bytes, so that it travels in one processor register. */
struct ms_reg_want {
    uint32_t run;      /* neighbours wanted, 1 or more */
    uint16_t align;    /* first % align == 0; a power of two, 1: any */
    uint16_t boundary; /* the run crosses no multiple of this; a power of two, 0: none */
};
static_assert(sizeof(struct ms_reg_want) == 8, "a want must travel in one register");

/* What progress a strategy promises (a thread stopped at any instruction ...). */
enum ms_progress {
    MS_PROGRESS_BLOCKING,  /* ... can stop all others (it may hold a lock) */
    MS_PROGRESS_LOCK_FREE, /* ... never stops another one's take or give */
};

/* How many registers and threads a state is made for. */
struct ms_reg_shape {
    uint32_t registers; /* 1 .. MS_REG_COUNT_MAX */
    uint32_t cpus;      /* virtual CPUs that may call: 1 .. MS_CPUS_MAX */
};

/*
 * What every map-register strategy provides. All members are required: there are no NULLs and no
 * casts. The caller owns the memory: `state` is zeroed, on a cache line boundary, state_size bytes.
 *
 * `cpu` is the caller's virtual CPU, below shape.cpus, and no other thread calls with the same
 * number at the same time; or MS_CPU_NONE: then no private stock may be used. A run may be given
 * back by another CPU than the one that took it.
 */
struct ms_reg_ops {
    const char *name;    /* as typed on the command line */
    const char *summary; /* one line for `mapstorm list` */
    enum ms_progress progress;
    bool strands;     /* may answer NONE while registers lie in another CPU's private stock */
    bool is_exact;    /* NONE while nobody else runs means that no fitting run is free, wherever
                       * it lies; else: none of the shape it can give (see the strategy's head) */
    uint32_t run_max; /* longest run it can give; UINT32_MAX: any */
    uint32_t version; /* MS_REG_OPS_VERSION: a plug-in built for another table is refused */

    size_t (*state_size)(struct ms_reg_shape shape);
    void (*init)(void *state, struct ms_reg_shape shape); /* single-threaded; all registers free */

    /* The first register of a run, or MS_REG_NONE. Never waits; lock-free where `progress` says so.
     * An answer of NONE while nobody else runs means that no fitting run is free (`is_exact`),
     * private stock of this CPU included (and of all CPUs, unless `strands`). NONE is the answer of a
     * search that began after this call had put back the last of what it held in passing, promises
     * included: two calls may miss what the other holds, but of all that fail, the one that began its
     * last search last has missed nothing (hb:run-given). */
    ms_reg (*take)(void *state, uint32_t cpu, struct ms_reg_want want);

    /* Gives back a run exactly as taken. When it returns, either the run is visible to every taker
     * whose scan begins later, by a sequentially consistent read-modify-write (hb:run-given), or it
     * lies in the private stock of `cpu`. Giving what is not taken is a broken invariant: it stops
     * the program before any state changed (builds with asserts). */
    void (*give)(void *state, uint32_t cpu, ms_reg first, uint32_t run);

    /* Moves the private stock of `cpu` back to the file (the owner calls; MS_CPU_NONE: nothing). */
    void (*drain)(void *state, uint32_t cpu);
    /* Moves back what can be reached of every CPU's private stock; any thread, at any time. */
    void (*drain_all)(void *state);

    /* Free registers, private stock included; approximate while others run, exact when quiet. */
    uint32_t (*free_count)(const void *state);
    /* Fills one bit per register, 1 = not free (registers in private stock count as free).
     * Approximate while others run; `bitmap` has (registers + 63) / 64 words. */
    void (*occupancy)(const void *state, uint64_t *bitmap);
    /* Every invariant holds; only while nobody else is inside. */
    bool (*audit)(const void *state);
};

enum { MS_REG_OPS_VERSION = 1 };

/* All strategies, in the order of strategies.def; NULL behind the last. */
extern const struct ms_reg_ops *const ms_strategies[];
/* The one of that name, or NULL. */
const struct ms_reg_ops *ms_strategy_find(const char *name);
/* The one a machine uses unless told otherwise. */
const struct ms_reg_ops *ms_strategy_default(void);

#define MS_STRATEGY(identifier, text) extern const struct ms_reg_ops ms_reg_##identifier;
#include "registers/strategies.def"
#undef MS_STRATEGY

/* --- the pool: a strategy's registers with pages behind them, and waiters in order --- */

/* A set of registers that belongs to one grant: a chain of runs, linked through the pool's run
 * table. Not shared: whoever holds the set may read it. count 0: the empty set. */
struct ms_reg_set {
    ms_reg head;    /* first register of the first run; MS_REG_NONE when empty */
    uint32_t count; /* registers in all runs */
};

/* One run of a set, at the index of its first register. Owner: whoever holds the run. */
struct ms_reg_run {
    ms_reg next;    /* first register of the next run, or MS_REG_NONE */
    uint32_t count; /* registers in this run */
};

/* --- the turnstile: customers who wait for something, first come first served ------------------- */

/* Customers (adapters) that can wait at one place, each with at most one request at a time. */
#ifdef MS_SIM
/* Few: a look reads them all, and each read is a step of the simulator. */
enum { MS_TURNSTILE_SLOTS = 8 };
#else
enum { MS_TURNSTILE_SLOTS = 256 };
#endif

/* See turnstile.c. On lines of its own: read by every take, written rarely. */
struct ms_turnstile {
    ms_atomic_u32 waiting __attribute__((aligned(MS_CACHE_LINE))); /* never below the slots set */
    ms_atomic_u64 ticket; /* last one handed out; 0 is nobody's */
    ms_atomic_u64 slot[MS_TURNSTILE_SLOTS] __attribute__((aligned(MS_CACHE_LINE)));
};

/* Somebody may be waiting; sequentially consistent, so that a give before and a wait's own try after
 * cannot both miss each other (hb:turnstile-dekker). Wait-free. */
static inline bool ms_turnstile_has_waiters(const struct ms_turnstile *gate)
{
    return ms_load_seq_cst(&gate->waiting) != 0;
}

/* A number that is later than all handed out before. Wait-free. */
uint64_t ms_turnstile_ticket(struct ms_turnstile *gate);
/* The customer of `slot` waits with `ticket`; idempotent, any thread may say it. Returns what the slot
 * shows: `ticket`, or another one, which stands in the way until its wait is over and cleared. Then
 * try once more to take: a give may have come before. Wait-free. */
uint64_t ms_turnstile_wait(struct ms_turnstile *gate, uint32_t slot, uint64_t ticket);
/* That wait is over; idempotent, touches no other ticket. Wait-free. */
void ms_turnstile_unwait(struct ms_turnstile *gate, uint32_t slot, uint64_t ticket);
/* The slot that waits longest of those with a ticket later than `after`, or MS_TURNSTILE_SLOTS;
 * `has_earlier`: another shows a ticket from before `after`. Wait-free. */
uint32_t ms_turnstile_after(const struct ms_turnstile *gate, uint64_t after, uint64_t *ticket,
                            bool *has_earlier);
/* The slot that waits longest, or MS_TURNSTILE_SLOTS when nobody does: no other ticket was shown before
 * this one was drawn. Wait-free. */
uint32_t ms_turnstile_first(const struct ms_turnstile *gate, uint64_t *ticket);

struct ms_pool {
    const struct ms_reg_ops *ops; /* const after create */
    void *state;                  /* const pointer; the strategy's */
    struct ms_reg_run *run;       /* const pointer; entries: holder of the run */
    struct ms_memory *memory;     /* const after create */
    struct ms_kernel *kernel;     /* const after create */
    uint64_t first_pfn;           /* const: register 0's frame; the others follow */
    uint8_t *pages;               /* const: host address of register 0's page */
    uint32_t registers;           /* const */
    size_t state_bytes;           /* const */
    struct ms_turnstile waiters;  /* customers who wait for registers */
};

struct ms_pool_config {
    const struct ms_reg_ops *ops;
    uint32_t registers;
    uint64_t highest_pfn; /* the registers' pages lie at or below this frame */
    /* a run that crosses no multiple of a number of registers crosses none of as many page frames */
    bool aligned;
};

/* How a set is to be taken. */
struct ms_pool_want {
    uint32_t count;    /* registers, 0 .. pool->registers */
    bool contiguous;   /* one run of neighbours; else any runs */
    uint16_t boundary; /* registers; no run crosses a multiple of it; a power of two, 0: none */
};

/* NULL: no memory, or no such frames. Single-threaded. */
struct ms_pool *ms_pool_create(struct ms_memory *memory, struct ms_kernel *kernel,
                               const struct ms_pool_config *config);
/* Every register must have come back. Single-threaded. */
void ms_pool_destroy(struct ms_pool *pool);

/* All of the set or nothing; never waits and overtakes nobody: fails while somebody waits (QUE-06).
 * Whatever the answer, the caller then serves the waiters, if any (ms_turnstile_has_waiters): what the
 * search held in passing and put back is a give. Lock-free where the strategy is; a fault point. */
bool ms_pool_take(struct ms_pool *pool, uint32_t cpu, struct ms_pool_want want,
                  struct ms_reg_set *set);
/* Gives a whole set back. The caller then serves the waiters, if any (ms_turnstile_has_waiters). Lock-free. */
void ms_pool_give(struct ms_pool *pool, uint32_t cpu, struct ms_reg_set set);

/* What has been collected for a waiting request so far, in one word that many servers may push to:
 * {head:20, count:20, serial:24}; the serial belongs to the request's present life. */
typedef ms_atomic_u64 ms_hoard;

/* Opens an empty hoard for life `serial`. Owner, before anybody can serve. */
void ms_hoard_open(ms_hoard *hoard, uint32_t serial);
/* Closes it for good and returns what was in it. */
struct ms_reg_set ms_hoard_close(ms_hoard *hoard, uint32_t serial);
enum ms_collected {
    MS_COLLECTED_ALL,     /* the hoard holds want.count */
    MS_COLLECTED_TOO_FEW, /* nothing fits any more; the last search began after the last put-back */
    MS_COLLECTED_OTHERS,  /* others closed or emptied the hoard: see anew who waits */
};
/* Takes registers and pushes them until one of these is so. Any thread, any number at a time.
 * Lock-free: a call pushes at most want.count times, and registers that lost a race go back only
 * because another's push, or a spill, succeeded. */
enum ms_collected ms_hoard_collect(ms_hoard *hoard, uint32_t serial, struct ms_pool *pool,
                                   uint32_t cpu, struct ms_pool_want want);

/* Gives back what was collected for a wait that is not complete: for one that came before it. False
 * when there was nothing, or it is complete or over. Any thread. Lock-free. */
bool ms_hoard_spill(ms_hoard *hoard, uint32_t serial, struct ms_pool *pool, uint32_t cpu,
                    uint32_t wanted);

/* Logical address of a register's page: identity with its physical address (GEN-06). */
static inline ms_la ms_pool_la(const struct ms_pool *pool, ms_reg reg)
{
    ms_assert(reg < pool->registers);
    return (ms_la){(pool->first_pfn + reg) << MS_PAGE_SHIFT};
}

/* The bytes of a register's page. */
static inline uint8_t *ms_pool_page(const struct ms_pool *pool, ms_reg reg)
{
    ms_assert(reg < pool->registers);
    return pool->pages + ((uint64_t)reg << MS_PAGE_SHIFT);
}

/* Walks the registers of a set, first to last. Owner: the caller. */
struct ms_reg_cursor {
    const struct ms_pool *pool;
    ms_reg reg; /* the next register to hand out, when left_in_run > 0 */
    uint32_t left_in_run;
    ms_reg next_run; /* first register of the run behind, or MS_REG_NONE */
    uint32_t left;   /* registers not yet handed out, all runs */
};

static inline void ms_reg_cursor_enter_run(struct ms_reg_cursor *cursor, ms_reg first)
{
    cursor->reg = first;
    cursor->left_in_run = cursor->pool->run[first].count;
    cursor->next_run = cursor->pool->run[first].next;
}

static inline void ms_reg_cursor_start(struct ms_reg_cursor *cursor, const struct ms_pool *pool,
                                       struct ms_reg_set set)
{
    *cursor = (struct ms_reg_cursor){.pool = pool, .next_run = MS_REG_NONE, .left = set.count};
    if (set.count > 0)
        ms_reg_cursor_enter_run(cursor, set.head);
}

/* The next register, or MS_REG_NONE behind the last. */
static inline ms_reg ms_reg_cursor_next(struct ms_reg_cursor *cursor)
{
    if (cursor->left == 0)
        return MS_REG_NONE;
    if (cursor->left_in_run == 0)
        ms_reg_cursor_enter_run(cursor, cursor->next_run);
    cursor->left--;
    cursor->left_in_run--;
    return cursor->reg++;
}

#endif
