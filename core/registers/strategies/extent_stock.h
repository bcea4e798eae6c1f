/* SPDX-License-Identifier: MIT */
/*
 * extent_stock.h: what one CPU of extent_lease holds, and of that the hot place and the stock: runs of exact
 * lengths, last in first out. The theory is at the head of extent_lease.c.
 */
#ifndef MS_EXTENT_STOCK_H
#define MS_EXTENT_STOCK_H

#include "registers/strategies/extent_file.h"
#include "registers/strategies/extent_image.h"
#include "registers/strategies/extent_open.h"
#include "registers/strategies/extent_post.h"
#include "registers/strategies/ledger.h"

enum {
#ifndef MS_SIM
    STOCK_SHORT = 32,  /* entries of the stock for lengths 1 and 2 each, */
    STOCK_MIDDLE = 16, /* for 3 to 16 */
    STOCK_LONG = 16,   /* and for 17 to 64 */
#else                  /* full after a few steps */
    STOCK_SHORT = 4,
    STOCK_MIDDLE = 2,
    STOCK_LONG = 1,
#endif
    STOCK_ENTRIES = 2 * STOCK_SHORT + 14 * STOCK_MIDDLE + 48 * STOCK_LONG,
    BATCH_RUN_MAX = 16, /* lengths whose stock is refilled several runs at a time */
    STOCK_SHARE = 4,    /* stock of longer runs is at most this part of the file, */
    STOCK_SHRINK = 8,  /* and down to this part of that after claims failed; of which short runs, */
    STOCK_BESIDE = 64, /* who have their places beside it, take this, or half; */
    STOCK_MAX = 4096,  /* and never more registers than this in one CPU's stock */
    SHORT_RUN = 4,     /* runs up to this are short: any place will do for them */
#ifndef MS_SIM
    SHORT_SHARE = SHORT_RUN, /* each length this part */
    COOL_OPS = 4,            /* gives that bypass the stock for runs, after nothing fitted, */
    GROW_OPS = 2048,         /* and as many more until it is twice as large */
    RARE_OPS = 256,          /* as many since nothing fitted: that is rare */
    QUIET_OPS_MIN = 1024,    /* calls that only use the file, after a drain; doubles up to ... */
    QUIET_OPS_MAX = 16384,
#else /* the simulator's programs are short, and must come back from a drain too */
    SHORT_SHARE = 1,
    COOL_OPS = 4,
    GROW_OPS = 8,
    RARE_OPS = 2,
    QUIET_OPS_MIN = 1,
    QUIET_OPS_MAX = 4,
#endif
};

/* {epoch:56, phase:8} */
enum phase {
    PHASE_OFF,      /* owns nothing; only the owner leaves it, to OWNED */
    PHASE_OWNED,    /* the owner may use stock and leases while busy */
    PHASE_PENDING,  /* a revoker wants them back: hands off */
    PHASE_DRAINING, /* whoever made this step drains */
};

static inline uint64_t state_of(uint64_t epoch, enum phase phase)
{
    return epoch << 8 | phase;
}

static inline enum phase phase_of(uint64_t state)
{
    return (enum phase)(state & 0xFF);
}

/* The stock of one length. Together, so that it is on one cache line. */
struct stock_shelf {
    ms_atomic_u32 count; /* entries */
    ms_reg edge;         /* where the last search in the image ended */
    uint16_t from;       /* const: its first entry */
    uint16_t room;       /* entries there may be; below `count` where more CPUs came */
    uint32_t weight;     /* const: registers that an entry counts as in `stocked` */
};
static_assert(MS_CACHE_LINE % sizeof(struct stock_shelf) == 0, "a shelf is on one line");

/* What one CPU holds. Owner: the CPU while busy and OWNED, or who drains; but for the first two,
 * and for quiet and what follows it, which are always the CPU's. */
struct holder {
    ms_atomic_u64 state;     /* {epoch, phase}; any; hb:revoke */
    ms_atomic_u64 hot_want;  /* what the run in the hot place fits, as want_key(); 0: it is empty */
    ms_atomic_u32 hot_first; /* that run; left in place when it is taken */
    ms_reg last;             /* the run handed out last from here */
    uint32_t run_max;        /* longest run that may be in stock now; at most MS_WORD_BITS */
    ms_atomic_u32 busy;      /* 1: the owner is inside; written by the owner; hb:revoke */
    ms_atomic_u32
        stocked; /* registers in stock, of runs longer than SHORT_RUN; atomic for statistics */
    uint32_t stock_max;   /* registers the stock may hold now, */
    uint32_t stock_goal;  /* and when nothing has failed for long, */
    uint32_t stock_least; /* and when much has */
    uint32_t leases;      /* groups */
    uint32_t quota;       /* groups */
    uint32_t sharers;     /* CPUs for which stock_max and quota were worked out */
    uint32_t slot;        /* number among the CPUs that ever came: where it starts in the file */
    uint32_t missed;      /* length of the last run that was not in stock */
    uint32_t cool;        /* gives left that bypass the stock for runs */
    uint32_t quiet;       /* calls left until it may own again */
    uint32_t quiet_next;
    uint32_t sent;   /* parcels sent: where the next one goes in the other's box */
    uint32_t opened; /* parcels taken: where the next one is expected in the own box, */
    uint32_t looked; /* and where else it is looked for */
    bool is_known;   /* counted in seen */
    bool was_owned;  /* OWNED was entered, and its end not yet noticed */

    struct extent_post post; /* from others; see extent_post.h */
    struct extent_open open; /* filled while it may not own anything; see extent_open.h */
    struct extent_image image __attribute__((aligned(MS_CACHE_LINE)));
    struct stock_shelf shelf[MS_WORD_BITS + 1]; /* [length] */
    ms_atomic_u32 entry[STOCK_ENTRIES];         /* of all shelves, by their `from` */
} __attribute__((aligned(MS_CACHE_LINE)));

struct extent_lease {
    struct extent_file file; /* const after init, as the rest of this group */
    struct ms_ledger ledger;
    struct extent_lease_group *group;
    ms_atomic_u32 *lessee; /* const pointer; [group]: cpu + 1, or 0; hb:lease */
    ms_atomic_u32 *known;  /* const pointer; [slot]: cpu + 1, or 0 while it is coming; hb:known */
    uint32_t cpus;
    bool has_fence;

    ms_atomic_u32 seen __attribute__((aligned(MS_CACHE_LINE))); /* CPUs that ever came */
    ms_atomic_u32 owners; /* CPUs in another phase than OFF; raised before OWNED */

    struct holder holder[]; /* [cpu]; here, so that finding one's own costs no load */
};

/* --- the hot place; the caller owns `h` ---------------------------------------------------- */

/* A want as one number, never 0: a longest run of 64 without limits is {64, 1, 0}. */
static inline uint64_t want_key(struct ms_reg_want want)
{
    union {
        struct ms_reg_want want;
        uint64_t key;
    } both = {.want = want};

    return both.key;
}

/* Whoever takes and gives the same run in turn meets here, and nothing but branches, which are
 * foretold, depends on what the last call stored: a value that travels from a store to the next load
 * costs eight cycles, and with counters it would be four times a pair. So the place only takes the
 * run that was handed out last, and its number stays where it is when the run is taken: that it was handed
 * out last from here is seen by that, and `last` is about all others. */
static inline bool hot_pop(struct holder *h, struct ms_reg_want want, ms_reg *first)
{
    if (MS_UNLIKELY(ms_load_relaxed(&h->hot_want) != want_key(want)))
        return false;
    ms_store_relaxed(&h->hot_want, 0);
    *first = ms_load_relaxed(&h->hot_first);
    return true;
}

static inline bool hot_push(struct holder *h, ms_reg first, uint32_t run)
{
    if (MS_UNLIKELY(ms_load_relaxed(&h->hot_first) != first || ms_load_relaxed(&h->hot_want) != 0 ||
                    run > h->run_max))
        return false;
    ms_store_relaxed(&h->hot_want, want_key((struct ms_reg_want){.run = run, .align = 1}));
    return true;
}

/* As hot_push, for a run that came from elsewhere. */
static inline bool hot_begin(struct holder *h, ms_reg first, uint32_t run)
{
    if (h->last != first || ms_load_relaxed(&h->hot_want) != 0)
        return false;
    ms_store_relaxed(&h->hot_first, first);
    return hot_push(h, first, run);
}

/* --- stock; the caller owns `h` ----------------------------------------------------------- */

/* Much room for short runs, which come often, little for long ones. */
static inline uint32_t shelf_room(uint32_t run)
{
    return run <= 2 ? STOCK_SHORT : run <= BATCH_RUN_MAX ? STOCK_MIDDLE : STOCK_LONG;
}

static inline void stock_init(struct holder *h)
{
    uint32_t from = 0;

    for (uint32_t run = 1; run <= MS_WORD_BITS; run++) {
        h->shelf[run] = (struct stock_shelf){.edge = MS_REG_NONE,
                                             .from = (uint16_t)from,
                                             .room = (uint16_t)shelf_room(run),
                                             .weight = run > SHORT_RUN ? run : 0};
        from += shelf_room(run);
    }
    ms_assert(from == STOCK_ENTRIES);
}

/* Registers in stock but for the hot place. */
static inline uint32_t stock_count(const struct holder *h)
{
    uint32_t count = ms_load_relaxed(&h->stocked);

    for (uint32_t run = 1; run <= SHORT_RUN; run++)
        count += ms_load_relaxed(&h->shelf[run].count) * run;
    return count;
}

static inline ms_atomic_u32 *stock_entry(struct holder *h, uint32_t run, uint32_t i)
{
    return &h->entry[h->shelf[run].from + i];
}

/* Which lengths may be stocked: all that fit, or singles only while it is cool. */
static inline void stock_limit(struct holder *h)
{
    h->run_max = h->cool > GROW_OPS ? SHORT_RUN : MS_WORD_BITS;
    if (h->run_max > h->stock_max)
        h->run_max = h->stock_max;
}

/* Nothing fitted: for a while runs go back where they can join their neighbours, and the stock is
 * half as large, so that a crowded file is filled in address order. */
static inline void stock_cool(struct holder *h)
{
    h->cool = GROW_OPS + COOL_OPS;
    h->stock_max = h->stock_max / 2 > h->stock_least ? h->stock_max / 2 : h->stock_least;
    stock_limit(h);
}

/* A give that the stock refused: after some of them it takes all lengths again, after more it grows. */
static inline void stock_warm(struct holder *h)
{
    if (h->cool == 0)
        return;
    h->cool--;
    if (h->cool == 0 && h->stock_max < h->stock_goal) {
        h->cool = GROW_OPS;
        h->stock_max = (uint32_t)ms_min_u64(h->stock_max * 2 + 1, h->stock_goal);
    }
    if (h->cool == 0 || h->cool == GROW_OPS)
        stock_limit(h);
}

/* Long runs count; short ones are few by the room on their shelves. No branch, for which of the two comes
 * next could not be foretold. */
static inline void stocked_add(struct holder *h, uint32_t run, uint32_t entries)
{
    ms_store_relaxed(&h->stocked, ms_load_relaxed(&h->stocked) + entries * h->shelf[run].weight);
}

static inline ms_reg stock_pop(struct holder *h, uint32_t run)
{
    struct stock_shelf *shelf = &h->shelf[run];
    uint32_t count = ms_load_relaxed(&shelf->count);

    if (count == 0)
        return MS_REG_NONE;
    ms_store_relaxed(&shelf->count, count - 1);
    stocked_add(h, run, UINT32_MAX); /* one less */
    return ms_load_relaxed(&h->entry[shelf->from + count - 1]);
}

/* Room for `count` more of a length that may be in stock. */
static inline bool stock_has_room(const struct holder *h, uint32_t run, uint32_t count)
{
    const struct stock_shelf *shelf = &h->shelf[run];

    return ms_load_relaxed(&shelf->count) + count <= shelf->room &&
           ms_load_relaxed(&h->stocked) + count * shelf->weight <= h->stock_max;
}

/* Only what lies at or below the edge (all, where nothing is known: who only gives what others took
 * never searches): reusing whatever came back last scatters short runs over the
 * file, and then no place is left for long ones. */
__attribute__((always_inline)) static inline bool stock_push(struct holder *h, ms_reg first,
                                                             uint32_t run)
{
    if (run > h->run_max)
        return false;
    struct stock_shelf *shelf = &h->shelf[run];
    if (!stock_has_room(h, run, 1) ||
        (first > shelf->edge && !hole_is_exact(&h->image, first, run)))
        return false;
    uint32_t count = ms_load_relaxed(&shelf->count);
    ms_store_relaxed(&h->entry[shelf->from + count], first);
    ms_store_relaxed(&shelf->count, count + 1);
    stocked_add(h, run, 1);
    return true;
}

/* As stock_push, for many, where nothing is in stock; all or none. */
static inline bool stock_push_all(struct holder *h, const ms_reg *runs, uint32_t count,
                                  uint32_t run)
{
    struct stock_shelf *shelf = &h->shelf[run];
    ms_reg highest = 0;

    for (uint32_t i = 0; i < count; i++)
        highest = runs[i] > highest ? runs[i] : highest;
    if (highest > shelf->edge || ms_load_relaxed(&shelf->count) > 0 || run > h->run_max ||
        !stock_has_room(h, run, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        ms_store_relaxed(&h->entry[shelf->from + i], runs[i]);
    ms_store_relaxed(&shelf->count, count);
    stocked_add(h, run, count);
    return true;
}

/* Entries that a refill of an empty shelf may put there. */
static inline uint32_t stock_refill(const struct holder *h, uint32_t run)
{
    uint32_t half = h->shelf[run].room / 2;
    uint32_t stocked = ms_load_relaxed(&h->stocked);

    if (stocked > h->stock_max)
        return 0; /* more CPUs came, or claims failed: there is too much of longer runs, and room for none */
    uint32_t room = (h->stock_max - stocked) / run;
    return h->shelf[run].weight == 0 || half < room ? half : room;
}

/* Puts in what stock_refill allowed, the first on top, to be taken next. */
static inline void stock_fill(struct holder *h, const ms_reg *runs, uint32_t count, uint32_t run)
{
    while (count > 0) {
        bool is_in = stock_push(h, runs[--count], run);
        ms_assert(is_in);
        (void)is_in;
    }
}

#endif
