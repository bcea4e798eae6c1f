/* SPDX-License-Identifier: MIT */
/*
 * extent_holder.h: what one CPU of extent_lease holds, stock and leases, and how it is called in.
 * The theory is at the head of extent_lease.c.
 */
#ifndef MS_EXTENT_HOLDER_H
#define MS_EXTENT_HOLDER_H

#include "registers/strategies/extent_file.h"
#include "registers/strategies/extent_image.h"
#include "registers/strategies/extent_open.h"
#include "registers/strategies/extent_post.h"
#include "registers/strategies/ledger.h"

enum {
#ifndef MS_SIM
    STOCK_SHORT = 32,  /* entries of the stock for lengths 1 and 2 each, */
    STOCK_MIDDLE = 16, /* for 3 to 16 */
    STOCK_LONG = 8,    /* and for 17 to 64 */
#else                  /* full after a few steps */
    STOCK_SHORT = 4,
    STOCK_MIDDLE = 2,
    STOCK_LONG = 1,
#endif
    STOCK_ENTRIES = 2 * STOCK_SHORT + 14 * STOCK_MIDDLE + 48 * STOCK_LONG,
    STOCK_MAX = 1024,   /* registers in one CPU's stock */
    BATCH_RUN_MAX = 16, /* lengths whose stock is refilled several runs at a time */
    STOCK_SHARE = 4,    /* all stock of longer runs is at most this part of the file, */
    STOCK_SHRINK = 16,  /* and down to this part of that after claims failed; */
    SHORT_RUN = 4,      /* runs up to this, of which any place will do, have as much beside it, */
#ifndef MS_SIM
    SHORT_SHARE = SHORT_RUN, /* each length this part */
    COOL_OPS = 4,            /* gives that bypass the stock for runs, after nothing fitted, */
    GROW_OPS = 2048,         /* and as many more until it is twice as large */
    QUIET_OPS_MIN = 1024,    /* calls that only use the file, after a drain; doubles up to ... */
    QUIET_OPS_MAX = 16384,
#else /* the simulator's programs are short, and must come back from a drain too */
    SHORT_SHARE = 1,
    COOL_OPS = 4,
    GROW_OPS = 8,
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
    uint32_t stock_max;  /* registers the stock may hold now, */
    uint32_t stock_goal; /* and when nothing has failed for long */
    uint32_t leases;     /* groups */
    uint32_t quota;      /* groups */
    uint32_t sharers;    /* CPUs for which stock_max and quota were worked out */
    uint32_t slot;       /* number among the CPUs that ever came: where it starts in the file */
    uint32_t missed;     /* length of the last run that was not in stock */
    uint32_t cool;       /* gives left that bypass the stock for runs */
    uint32_t quiet;      /* calls left until it may own again */
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
    if (h->stock_max > h->stock_goal / STOCK_SHRINK)
        h->stock_max /= 2;
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
    uint32_t room = stocked < h->stock_max ? (h->stock_max - stocked) / run : 0;

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

/* --- leases; the caller owns `h` ---------------------------------------------------------- */

/* Gives a run back, each group's part to the own image or to the file. */
__attribute__((noinline)) static void parts_give(struct extent_lease *s, struct holder *h,
                                                 ms_reg first, uint32_t run)
{
    for (ms_reg end = first + run; first < end;) {
        ms_reg part_end = (ms_reg)ms_min_u64(end, (first / GROUP_BITS + 1) * GROUP_BITS);
        if (group_is_mine(&h->image, first / GROUP_BITS))
            image_set(&h->image, first, part_end - first);
        else
            file_give(&s->file, first, part_end);
        first = part_end;
    }
}

/* A full stock of runs whose place another CPU leases: sends that one all but the newest. False: nobody
 * leases it, or the box has no room. */
static inline bool stock_send(struct extent_lease *s, struct holder *h, uint32_t run)
{
    uint32_t have = ms_load_relaxed(&h->shelf[run].count);
    uint32_t older =
        have > 0 ? have - 1 : 0; /* where more CPUs came, there may be no room at all */
    uint32_t count = older < PARCEL_RUNS ? older : PARCEL_RUNS;
    ms_reg oldest = ms_load_relaxed(stock_entry(h, run, 0));
    uint32_t lessee = ms_load_relaxed(&s->lessee[oldest / GROUP_BITS]); /* any CPU will do */

    if (count == 0 || lessee == 0 || lessee == h->image.me) /* a stock of one has no older part */
        return false;
    struct extent_parcel *parcel = parcel_open(&s->holder[lessee - 1].post, h->sent++);
    if (parcel == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        ms_store_relaxed(&parcel->first[i], ms_load_relaxed(stock_entry(h, run, i)));
    parcel_send(parcel, run, count);
    for (uint32_t i = count; i < have; i++)
        ms_store_relaxed(stock_entry(h, run, i - count), ms_load_relaxed(stock_entry(h, run, i)));
    ms_store_relaxed(&h->shelf[run].count, have - count);
    stocked_add(h, run, 0 - count);
    return true;
}

/* A full stock of runs that are not of the own leases: moves the older half to the file, with one
 * read-modify-write for all that lie in one word. Runs that were taken together come back together,
 * so a consumer of another CPU's runs touches that CPU's lines a few times for every half. */
static inline void stock_spill(struct extent_lease *s, struct holder *h, uint32_t run)
{
    uint32_t have = ms_load_relaxed(&h->shelf[run].count);
    uint32_t half = have / 2;
    uint64_t mask = 0;
    uint32_t word = 0;

    for (uint32_t i = 0; i < half; i++) {
        ms_reg first = ms_load_relaxed(stock_entry(h, run, i));
        ms_store_relaxed(stock_entry(h, run, i),
                         ms_load_relaxed(stock_entry(h, run, have - half + i)));
        if (first % MS_WORD_BITS + run > MS_WORD_BITS ||
            group_is_mine(&h->image, first / GROUP_BITS)) {
            parts_give(s, h, first, run);
            continue;
        }
        if (mask != 0 && word != first / MS_WORD_BITS) {
            word_give(&s->file, word, mask);
            mask = 0;
        }
        word = first / MS_WORD_BITS;
        mask |= ms_bits_mask(first % MS_WORD_BITS, run);
    }
    if (mask != 0)
        word_give(&s->file, word, mask);
    ms_store_relaxed(&h->shelf[run].count, have - half);
    stocked_add(h, run, 0 - half);
}

static inline void stock_flush(struct extent_lease *s, struct holder *h)
{
    uint64_t hot = ms_load_relaxed(&h->hot_want);

    if (hot != 0) {
        ms_store_relaxed(&h->hot_want, 0);
        parts_give(s, h, ms_load_relaxed(&h->hot_first), (uint32_t)hot);
    }
    for (uint32_t run = 1;
         run <= SHORT_RUN || (run <= MS_WORD_BITS && ms_load_relaxed(&h->stocked) > 0); run++)
        for (ms_reg first; (first = stock_pop(h, run)) != MS_REG_NONE;)
            parts_give(s, h, first, run);
}

/* Moves what lies in the file's words of a leased group into the image. */
static inline bool mail_collect_group(struct extent_lease *s, struct holder *h, uint32_t group)
{
    static const uint64_t none[GROUP_WORDS];
    uint32_t from = group * GROUP_WORDS;
    uint32_t end = group_end(&s->file, group);
    bool has_any = false;

    for (uint32_t i = from; i < end; i++) {
        if (ms_load_seq_cst(&s->file.word[i]) == 0)
            continue;
        uint64_t got = ms_exchange_seq_cst(&s->file.word[i], 0); /* hb:run-given, acquire */
        ms_assert((got & image_get(&h->image, i)) == 0);
        ms_store_relaxed(image_word(&h->image, i), image_get(&h->image, i) | got);
        has_any = has_any || got != 0;
    }
    bound_lower(&s->file, group, none, 1);
    for (uint32_t i = from; has_any && i < end; i++)
        longest_raise(&h->image, i, image_measure(&h->image, i));
    if (has_any)
        longest_raise_before(&h->image, from, ones_low(image_get(&h->image, from)));
    return has_any;
}

/* Mail shows in the bounds: a leased group without mail has 0. */
static inline bool mail_collect(struct extent_lease *s, struct holder *h)
{
    bool has_any = false;

    for (uint32_t g = bound_find(&s->file, 0, 1); g < s->file.groups;
         g = bound_find(&s->file, g + 1, 1))
        if (group_is_mine(&h->image, g) && mail_collect_group(s, h, g))
            has_any = true;
    return has_any;
}

/* A parcel that came: a run of the length wanted, or MS_REG_NONE. All others go into the stock, or where
 * they belong. */
__attribute__((noinline)) static ms_reg parcel_unpack(struct extent_lease *s, struct holder *h,
                                                      struct extent_parcel *parcel, uint32_t want)
{
    ms_reg runs[PARCEL_RUNS];
    uint32_t run, count;

    if (!parcel_take(parcel, &run, runs, &count))
        return MS_REG_NONE;
    ms_reg first = run == want ? runs[--count] : MS_REG_NONE;
    if (!stock_push_all(h, runs, count, run))
        for (uint32_t i = 0; i < count; i++)
            if (!stock_push(h, runs[i], run))
                parts_give(s, h, runs[i], run);
    return first;
}

/* Looks for post: where the next parcel is expected, and at one more place each time, for several CPUs may
 * have sent some. */
static inline ms_reg post_take(struct extent_lease *s, struct holder *h, uint32_t want)
{
    uint32_t at = h->opened % PARCELS;

    if (MS_LIKELY(!parcel_is_full(&h->post.parcel[at]))) {
        at = h->looked++ % PARCELS;
        if (MS_LIKELY(!parcel_is_full(&h->post.parcel[at])))
            return MS_REG_NONE;
    }
    h->opened = at + 1;
    __builtin_prefetch(&h->post.parcel[(at + 1) % PARCELS], 1);
    return parcel_unpack(s, h, &h->post.parcel[at], want);
}

static inline bool lease_take(struct extent_lease *s, struct holder *h, uint32_t group)
{
    uint32_t nobody = 0;

    if (ms_load_relaxed(&s->lessee[group]) != 0)
        return false;
    if (!ms_cas_acquire(&s->lessee[group], &nobody, h->image.me)) /* hb:lease */
        return false;
    h->leases++;
    mail_collect_group(s, h, group);
    return true;
}

/* Leases one more group that may have the run; a CPU that is alone at last takes all that is left,
 * so that its image is the whole truth. */
static inline bool lease_grow(struct extent_lease *s, struct holder *h, uint32_t run)
{
    uint32_t groups = s->file.groups;
    uint32_t start = h->quota == groups ? 0 : h->slot % (groups / h->quota) * h->quota;
    bool has_any = false;

    for (uint32_t g = bound_find(&s->file, start, run); g < groups;
         g = bound_find(&s->file, g + 1, run))
        if (lease_take(s, h, g))
            return true;
    for (uint32_t g = bound_find(&s->file, 0, run); g < start; g = bound_find(&s->file, g + 1, run))
        if (lease_take(s, h, g))
            return true;
    for (uint32_t g = 0; h->quota == groups && g < groups; g++)
        has_any = lease_take(s, h, g) || has_any;
    return has_any;
}

/* Gives a leased group's bits to the file and ends the lease. */
static inline void lease_drop(struct extent_lease *s, struct holder *h, uint32_t group)
{
    for (uint32_t i = group * GROUP_WORDS; i < group_end(&s->file, group); i++) {
        uint64_t bits = image_get(&h->image, i);
        ms_store_relaxed(image_word(&h->image, i), 0);
        if (bits != 0)
            word_give(&s->file, i, bits);
    }
    h->image.longest[group] = 0;
    group_refresh(&h->image, group);
    h->leases--;
    ms_store_release(&s->lessee[group], 0); /* hb:lease, release */
}

static inline void leases_drop(struct extent_lease *s, struct holder *h)
{
    for (uint32_t g = 0; h->leases > 0 && g < s->file.groups; g++)
        if (group_is_mine(&h->image, g))
            lease_drop(s, h, g);
}

static inline void shares_set(struct extent_lease *s, struct holder *h)
{
    uint32_t seen = ms_load_relaxed(&s->seen); /* only sizes the shares; being late is harmless */

    if (seen == h->sharers)
        return;
    /* Called in again and again: leases of all that there is leave too little to others. */
    bool is_crowded = seen > 1 && h->quiet_next > 4 * QUIET_OPS_MIN;
    h->sharers = seen;
    h->quota = s->file.groups / (is_crowded ? 2 * seen : seen);
    h->stock_goal = (uint32_t)ms_min_u64(s->file.registers / (STOCK_SHARE * seen), STOCK_MAX);
    h->stock_max = h->stock_goal;
    for (uint32_t run = 1; run <= SHORT_RUN; run++)
        h->shelf[run].room =
            (uint16_t)ms_min_u64(shelf_room(run), h->stock_goal / (SHORT_SHARE * run));
    stock_limit(h);
}

/* The image had nothing: looks for mail, then for more groups. */
static inline ms_reg image_take_refilled(struct extent_lease *s, struct holder *h,
                                         struct ms_reg_want want)
{
    ms_reg first = MS_REG_NONE;

    shares_set(s, h);
    if (mail_collect(s, h)) {
        first = image_take(&h->image, want);
        /* Others give back here: with more room, mail is collected in larger loads. */
        if (h->leases < h->quota)
            lease_grow(s, h, want.run);
    }
    while (first == MS_REG_NONE && h->leases < h->quota && lease_grow(s, h, want.run))
        first = image_take(&h->image, want);
    return first;
}

/* --- owning and being revoked ------------------------------------------------------------- */

/* Moves all that `h` holds to the file; the caller has made the step to DRAINING. */
static inline void holder_drain(struct extent_lease *s, struct holder *h, uint64_t epoch)
{
    stock_flush(s, h);
    leases_drop(s, h);
    ms_fetch_sub_seq_cst(&s->owners, 1);
    ms_store_release(&h->state, state_of(epoch, PHASE_OFF)); /* hb:drained, release */
}

/* After leaving a section, or on entering one, with the state not OWNED: drains if nobody else
 * does. */
__attribute__((noinline)) static void holder_yield(struct extent_lease *s, struct holder *h)
{
    uint64_t state = ms_load_acquire(&h->state);

    if (phase_of(state) == PHASE_PENDING &&
        ms_cas_acq_rel(&h->state, &state, state_of(state >> 8, PHASE_DRAINING)))
        holder_drain(s, h, state >> 8);
}

/* True: the caller, CPU of `h`, may use its stock and leases and must leave. Wait-free. */
static inline bool holder_enter(struct holder *h)
{
    if (MS_UNLIKELY(ms_load_relaxed(&h->busy) != 0))
        return false; /* a nested call */
    ms_store_relaxed(&h->busy, 1);
    ms_fence_compiler(); /* hb:revoke: busy, then state */
    if (MS_LIKELY(phase_of(ms_load_acquire(&h->state)) == PHASE_OWNED))
        return true;
    ms_store_release(&h->busy, 0);
    return false;
}

/* Nothing is owned, and no call is nested in another: what is kept must lie in the open. */
static inline bool holder_is_off(const struct holder *h)
{
    return phase_of(ms_load_relaxed(&h->state)) == PHASE_OFF && ms_load_relaxed(&h->busy) == 0;
}

/* It will not own anything before some more calls; counts this one. */
static inline bool holder_is_quiet(struct holder *h)
{
    if (h->quiet < 2 || h->was_owned || !holder_is_off(h))
        return false;
    h->quiet--;
    return true;
}

/* False: the stock was called in meanwhile; call holder_yield. */
static inline bool holder_leave_quietly(struct holder *h)
{
    ms_store_release(&h->busy, 0); /* hb:revoke */
    ms_fence_compiler();
    return MS_LIKELY(phase_of(ms_load_relaxed(&h->state)) == PHASE_OWNED);
}

static inline void holder_leave(struct extent_lease *s, struct holder *h)
{
    if (!holder_leave_quietly(h))
        holder_yield(s, h);
}

static inline bool holder_own_again(struct extent_lease *s, struct holder *h, uint64_t state)
{
    if (h->was_owned) { /* it was revoked or drained since */
        h->was_owned = false;
        h->sharers = 0; /* the shares are to be worked out anew */
        h->quiet = h->quiet_next;
        h->quiet_next = (uint32_t)ms_min_u64(h->quiet_next * 2, QUIET_OPS_MAX);
    }
    if (h->quiet > 0) {
        h->quiet--;
        return false;
    }
    h->was_owned = true;
    shares_set(s, h);
    ms_fetch_add_seq_cst(&s->owners, 1); /* before OWNED: who counts one owner must be it */
    ms_store_release(&h->state, state_of((state >> 8) + 1, PHASE_OWNED));
    return true;
}

/* The CPU comes for the first time: from now on it may keep something. */
__attribute__((noinline)) static void holder_register(struct extent_lease *s, struct holder *h)
{
    h->is_known = true;
    h->quiet_next = QUIET_OPS_MIN;
    h->slot = ms_fetch_add_seq_cst(&s->seen, 1);
    ms_store_seq_cst(&s->known[h->slot], h->image.me); /* hb:known: before it keeps anything */
}

/* As holder_enter, after that failed: the phase may be one that the owner can change. */
__attribute__((noinline)) static bool holder_enter_slow(struct extent_lease *s, struct holder *h)
{
    uint64_t state = ms_load_acquire(&h->state); /* hb:drained, acquire */

    if (ms_load_relaxed(&h->busy) != 0)
        return false;
    if (MS_UNLIKELY(!h->is_known))
        holder_register(s, h);
    if (phase_of(state) == PHASE_PENDING)
        holder_yield(s, h);
    if (phase_of(state) != PHASE_OFF || !s->has_fence || !holder_own_again(s, h, state))
        return false;
    return holder_enter(h);
}

/* Whoever may keep anything, by slot, or NULL. */
static inline struct holder *holder_of(struct extent_lease *s, uint32_t slot)
{
    uint32_t known = ms_load_seq_cst(&s->known[slot]); /* hb:known */

    return known != 0 ? &s->holder[known - 1] : NULL;
}

/* Moves the open stock and the post of all CPUs to the file; true if there was anything. */
static inline bool holders_empty_open(struct extent_lease *s)
{
    uint32_t seen = ms_load_seq_cst(&s->seen);
    bool has_any = false;

    for (uint32_t slot = 0; slot < seen; slot++) {
        struct holder *h = holder_of(s, slot);
        if (h != NULL && open_empty(&h->open, &s->file))
            has_any = true;
        if (h != NULL && post_empty(&h->post, &s->file))
            has_any = true;
    }
    return has_any;
}

/* Calls all stock and leases in. Lock-free: one CAS each, one fence for all, one CAS each. */
static inline void holders_revoke(struct extent_lease *s)
{
    uint64_t fenced[MS_CPUS_MAX]; /* the PENDING states seen or made before the fence, else 0 */
    uint32_t seen = ms_load_seq_cst(&s->seen);
    bool has_any = false;

    if (!s->has_fence || ms_load_seq_cst(&s->owners) == 0)
        return;
    for (uint32_t slot = 0; slot < seen; slot++) {
        struct holder *h = holder_of(s, slot);
        fenced[slot] = 0;
        if (h == NULL)
            continue;
        uint64_t state = ms_load_seq_cst(&h->state);
        uint64_t pending = state_of(state >> 8, PHASE_PENDING);
        if (phase_of(state) == PHASE_OWNED && ms_cas_seq_cst(&h->state, &state, pending))
            state = pending;
        fenced[slot] = phase_of(state) == PHASE_PENDING ? state : 0;
        has_any = has_any || fenced[slot] != 0;
    }
    if (!has_any || !ms_fence_asymmetric_heavy()) /* hb:revoke */
        return;
    for (uint32_t slot = 0; slot < seen; slot++) {
        uint64_t state = fenced[slot];
        struct holder *h = state != 0 ? holder_of(s, slot) : NULL;
        if (h == NULL || ms_load_acquire(&h->busy) != 0)
            continue; /* if busy, the owner drains when it leaves */
        if (ms_cas_acq_rel(&h->state, &state, state_of(state >> 8, PHASE_DRAINING)))
            holder_drain(s, h, state >> 8);
    }
}

#endif
