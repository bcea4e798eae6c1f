/* SPDX-License-Identifier: MIT */
/*
 * extent_lease: CPUs lease groups of registers and work in them with plain instructions; whoever
 * finds the rest of the file too small calls the leases in.
 *
 * Idea        three layers. The file (extent_file.h): a lock-free bitmap with bounds. Leases
 *             (extent_image.h): a CPU empties whole groups into a private image; while it holds
 *             them, what others give back there collects in the file's words, its mailbox. Stock: a
 *             few recently used runs of each exact length, last in first out, so that the slot
 *             handed out is warm and no bit is touched at all.
 *             Stock is refilled and spilled several runs at a time, so a CPU that only takes, or
 *             only gives what others took, touches shared lines once for many runs.
 * Picture     stock[8] {320, 96} -> image {group 0, group 3} -> file {group 1, group 2, mail}
 * Invariants  I1 a register is in at most one of: a stock, an image, the file, a run
 *             I2 lessee[g] names a CPU exactly while that CPU's image may hold bits of group g
 *             I3 stock and image of a CPU are touched by the CPU while it is busy and OWNED, or by
 *                who moved its state to DRAINING; never by both
 * Ordering    hb:revoke  the heart. The owner sets busy, then reads state, then works, then clears
 *             busy, then reads state again; a compiler fence is all that keeps these in order. The
 *             revoker moves state OWNED -> PENDING, then makes every CPU pass a full fence
 *             (ms_fence_asymmetric_heavy), then reads busy. If the owner set busy before its fence,
 *             the revoker sees 1, or 0 with all the section's stores (busy is cleared by a release
 *             store, read by an acquire load). If it sets busy after it, it sees PENDING and keeps
 *             its hands off. If busy is 1 the revoker goes on, and the owner's second look at state
 *             makes it drain itself: had it looked before the fence, busy would have been seen 0.
 *             hb:drained  who drained releases OFF into state; the owner acquires it coming back
 *             hb:lease  a lease is taken by CAS of lessee (acquire), dropped by a release store
 *             behind the image's last change
 *             hb:run-given, hb:bound  see extent_file.h. A give into the own stock or image is
 *             ordered by program order for its CPU, by hb:revoke for everybody else.
 * ABA         state carries an epoch that grows with every OWNED: a revoker that slept between its
 *             fence and its CAS to DRAINING finds that the state it fenced is gone
 * Progress    lock-free: nobody waits for anybody. A CPU stopped while busy hides at most its stock
 *             and leases until it runs again, as if it had claimed them. A nested call (a signal
 *             handler) that finds busy set uses the file
 * Limits      without an asymmetric fence on the host only the file is used. Small files under many
 *             threads are mostly file too: a quota below one group is none
 */
#include "registers/strategies/extent_file.h"
#include "registers/strategies/extent_image.h"
#include "registers/strategies/ledger.h"

enum {
    STOCK_SINGLES = 32, /* entries of the stock for single registers */
    STOCK_RUNS = 8,     /* and for each length from 2 to 64 */
    STOCK_MAX = 256,    /* registers in one CPU's stock */
    BATCH_RUN_MAX = 16, /* lengths whose stock is refilled several runs at a time */
    STOCK_SHARE = 8,    /* all stock together is at most this part of the file */
#ifndef MS_SIM
    COOL_OPS = 1024,      /* gives that bypass the stock for runs, after nothing fitted */
    QUIET_OPS_MIN = 1024, /* calls that only use the file, after a drain; doubles up to ... */
    QUIET_OPS_MAX = 16384,
#else /* the simulator's programs are short, and must come back from a drain too */
    COOL_OPS = 4,
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

static uint64_t state_of(uint64_t epoch, enum phase phase)
{
    return epoch << 8 | phase;
}

static enum phase phase_of(uint64_t state)
{
    return (enum phase)(state & 0xFF);
}

/* What one CPU holds. Owner: the CPU while busy and OWNED, or who drains; but for the first two,
 * and for quiet and what follows it, which are always the CPU's. */
struct holder {
    ms_atomic_u64 state;   /* {epoch, phase}; any; hb:revoke */
    ms_atomic_u32 busy;    /* 1: the owner is inside; written by the owner; hb:revoke */
    ms_atomic_u32 stocked; /* registers in stock; atomic for the statistics */
    uint32_t stock_max;    /* registers the stock may hold */
    uint32_t leases;       /* groups */
    uint32_t quota;        /* groups */
    uint32_t sharers;      /* CPUs for which stock_max and quota were worked out */
    uint32_t slot;         /* number among the CPUs that ever came: where it starts in the file */
    uint32_t missed;       /* length of the last run that was not in stock */
    uint32_t cool;         /* gives left that bypass the stock for runs */
    uint32_t quiet;        /* calls left until it may own again */
    uint32_t quiet_next;
    bool is_known;  /* counted in seen */
    bool was_owned; /* OWNED was entered, and its end not yet noticed */

    struct extent_image image __attribute__((aligned(MS_CACHE_LINE)));
    ms_atomic_u32 count[MS_WORD_BITS + 1]; /* [length]: entries in stock */
    ms_atomic_u32 single[STOCK_SINGLES];
    ms_atomic_u32 run[MS_WORD_BITS - 1][STOCK_RUNS]; /* [length - 2] */
} __attribute__((aligned(MS_CACHE_LINE)));

struct extent_lease {
    struct extent_file file; /* const after init, as the rest of this group */
    struct ms_ledger ledger;
    struct holder *holder; /* [cpu] */
    struct extent_lease_group *group;
    ms_atomic_u32 *lessee; /* const pointer; [group]: cpu + 1, or 0; hb:lease */
    uint32_t cpus;
    bool has_fence;

    ms_atomic_u32 seen __attribute__((aligned(MS_CACHE_LINE))); /* CPUs that ever came */
    ms_atomic_u32 owners; /* CPUs in another phase than OFF; raised before OWNED */
};

/* --- stock; the caller owns `h` ----------------------------------------------------------- */

static inline ms_atomic_u32 *stock_entry(struct holder *h, uint32_t run, uint32_t i)
{
    return run == 1 ? &h->single[i] : &h->run[run - 2][i];
}

static uint32_t stock_room(uint32_t run)
{
    return run == 1 ? STOCK_SINGLES : STOCK_RUNS;
}

static inline ms_reg stock_pop(struct holder *h, uint32_t run)
{
    uint32_t count = ms_load_relaxed(&h->count[run]);

    if (count == 0)
        return MS_REG_NONE;
    ms_store_relaxed(&h->count[run], count - 1);
    ms_store_relaxed(&h->stocked, ms_load_relaxed(&h->stocked) - run);
    return ms_load_relaxed(stock_entry(h, run, count - 1));
}

static inline bool stock_push(struct holder *h, ms_reg first, uint32_t run)
{
    if (run > MS_WORD_BITS)
        return false;
    if (MS_UNLIKELY(h->cool > 0)) {
        h->cool--;
        if (run > 1)
            return false;
    }
    uint32_t count = ms_load_relaxed(&h->count[run]);
    uint32_t stocked = ms_load_relaxed(&h->stocked) + run;
    if (count == stock_room(run) || stocked > h->stock_max)
        return false;
    ms_store_relaxed(stock_entry(h, run, count), first);
    ms_store_relaxed(&h->count[run], count + 1);
    ms_store_relaxed(&h->stocked, stocked);
    return true;
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

/* A full stock of runs that are not of the own leases: moves the older half to the file, with one
 * read-modify-write for all that lie in one word. Runs that were taken together come back together,
 * so a consumer of another CPU's runs touches that CPU's lines a few times for every half. */
static void stock_spill(struct extent_lease *s, struct holder *h, uint32_t run)
{
    uint32_t room = stock_room(run);
    uint32_t half = room / 2;
    uint64_t mask = 0;
    uint32_t word = 0;

    for (uint32_t i = 0; i < half; i++) {
        ms_reg first = ms_load_relaxed(stock_entry(h, run, i));
        ms_store_relaxed(stock_entry(h, run, i),
                         ms_load_relaxed(stock_entry(h, run, room - half + i)));
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
    ms_store_relaxed(&h->count[run], room - half);
    ms_store_relaxed(&h->stocked, ms_load_relaxed(&h->stocked) - half * run);
}

static void stock_flush(struct extent_lease *s, struct holder *h)
{
    for (uint32_t run = 1; ms_load_relaxed(&h->stocked) > 0 && run <= MS_WORD_BITS; run++)
        for (ms_reg first; (first = stock_pop(h, run)) != MS_REG_NONE;)
            parts_give(s, h, first, run);
}

/* Moves what lies in the file's words of a leased group into the image. */
static bool mail_collect_group(struct extent_lease *s, struct holder *h, uint32_t group)
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
    bound_lower(&s->file, group, none);
    for (uint32_t i = from; has_any && i < end; i++)
        longest_raise(&h->image, i, image_measure(&h->image, i));
    if (has_any)
        longest_raise_before(&h->image, from, ones_low(image_get(&h->image, from)));
    return has_any;
}

/* Mail shows in the bounds: a leased group without mail has 0. */
static bool mail_collect(struct extent_lease *s, struct holder *h)
{
    bool has_any = false;

    for (uint32_t g = bound_find(&s->file, 0, 1); g < s->file.groups;
         g = bound_find(&s->file, g + 1, 1))
        if (group_is_mine(&h->image, g) && mail_collect_group(s, h, g))
            has_any = true;
    return has_any;
}

static bool lease_take(struct extent_lease *s, struct holder *h, uint32_t group)
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
static bool lease_grow(struct extent_lease *s, struct holder *h, uint32_t run)
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
static void lease_drop(struct extent_lease *s, struct holder *h, uint32_t group)
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

static void leases_drop(struct extent_lease *s, struct holder *h)
{
    for (uint32_t g = 0; h->leases > 0 && g < s->file.groups; g++)
        if (group_is_mine(&h->image, g))
            lease_drop(s, h, g);
}

static void shares_set(struct extent_lease *s, struct holder *h)
{
    uint32_t seen = ms_load_relaxed(&s->seen); /* only sizes the shares; being late is harmless */

    if (seen == h->sharers)
        return;
    h->sharers = seen;
    h->quota = s->file.groups / seen;
    h->stock_max = (uint32_t)ms_min_u64(s->file.registers / (STOCK_SHARE * seen), STOCK_MAX);
}

/* The image had nothing: looks for mail, then for more groups. */
static ms_reg image_take_refilled(struct extent_lease *s, struct holder *h, struct ms_reg_want want)
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
static void holder_drain(struct extent_lease *s, struct holder *h, uint64_t epoch)
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

static inline void holder_leave(struct extent_lease *s, struct holder *h)
{
    ms_store_release(&h->busy, 0); /* hb:revoke */
    ms_fence_compiler();
    if (MS_UNLIKELY(phase_of(ms_load_relaxed(&h->state)) != PHASE_OWNED))
        holder_yield(s, h);
}

static bool holder_own_again(struct extent_lease *s, struct holder *h, uint64_t state)
{
    if (h->was_owned) { /* it was revoked or drained since */
        h->was_owned = false;
        h->quiet = h->quiet_next;
        h->quiet_next = (uint32_t)ms_min_u64(h->quiet_next * 2, QUIET_OPS_MAX);
    }
    if (h->quiet > 0) {
        h->quiet--;
        return false;
    }
    if (!h->is_known) {
        h->is_known = true;
        h->quiet_next = QUIET_OPS_MIN;
        h->slot = ms_fetch_add_relaxed(&s->seen, 1);
    }
    h->was_owned = true;
    shares_set(s, h);
    ms_fetch_add_seq_cst(&s->owners, 1); /* before OWNED: who counts one owner must be it */
    ms_store_release(&h->state, state_of((state >> 8) + 1, PHASE_OWNED));
    return true;
}

/* As holder_enter, after that failed: the phase may be one that the owner can change. */
__attribute__((noinline)) static bool holder_enter_slow(struct extent_lease *s, struct holder *h)
{
    uint64_t state = ms_load_acquire(&h->state); /* hb:drained, acquire */

    if (ms_load_relaxed(&h->busy) != 0)
        return false;
    if (phase_of(state) == PHASE_PENDING)
        holder_yield(s, h);
    if (phase_of(state) != PHASE_OFF || !s->has_fence || !holder_own_again(s, h, state))
        return false;
    return holder_enter(h);
}

/* Calls all stock and leases in. Lock-free: one CAS each, one fence for all, one CAS each. */
static void holders_revoke(struct extent_lease *s)
{
    uint64_t fenced[MS_CPUS_MAX]; /* the PENDING states seen or made before the fence, else 0 */
    bool has_any = false;

    if (!s->has_fence || ms_load_seq_cst(&s->owners) == 0)
        return;
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++) {
        uint64_t state = ms_load_seq_cst(&s->holder[cpu].state);
        uint64_t pending = state_of(state >> 8, PHASE_PENDING);
        if (phase_of(state) == PHASE_OWNED &&
            ms_cas_seq_cst(&s->holder[cpu].state, &state, pending))
            state = pending;
        fenced[cpu] = phase_of(state) == PHASE_PENDING ? state : 0;
        has_any = has_any || fenced[cpu] != 0;
    }
    if (!has_any || !ms_fence_asymmetric_heavy()) /* hb:revoke */
        return;
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++) {
        struct holder *h = &s->holder[cpu];
        uint64_t state = fenced[cpu];
        if (state == 0 || ms_load_acquire(&h->busy) != 0)
            continue; /* if busy, the owner drains when it leaves */
        if (ms_cas_acq_rel(&h->state, &state, state_of(state >> 8, PHASE_DRAINING)))
            holder_drain(s, h, state >> 8);
    }
}

/* --- the table ---------------------------------------------------------------------------- */

static size_t bits_bytes(uint32_t words)
{
    return ms_round_up(words * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static uint32_t groups_for(uint32_t registers)
{
    return (registers + GROUP_BITS - 1) / GROUP_BITS;
}

/* What a CPU keeps about the words and groups of its image. */
static size_t lengths_bytes(uint32_t groups)
{
    return ms_round_up((groups + (groups + 7) / 8) * sizeof(uint64_t), MS_CACHE_LINE);
}

static size_t lessees_bytes(uint32_t groups)
{
    return ms_round_up(groups * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t extent_lease_state_size(struct ms_reg_shape shape)
{
    uint32_t groups = groups_for(shape.registers);

    return sizeof(struct extent_lease) + bits_bytes(ms_words_for(shape.registers)) +
           bits_bytes(ms_words_for(groups * 8)) + groups * sizeof(struct extent_lease_group) +
           lessees_bytes(groups) + shape.cpus * (sizeof(struct holder) + lengths_bytes(groups)) +
           ms_ledger_bytes(shape.registers);
}

static void extent_lease_init(void *state, struct ms_reg_shape shape)
{
    struct extent_lease *s = state;
    struct extent_file *f = &s->file;
    char *at = (char *)(s + 1);

    f->registers = shape.registers;
    f->words = ms_words_for(shape.registers);
    f->groups = groups_for(shape.registers);
    s->cpus = shape.cpus;
    s->has_fence = ms_has_asymmetric_fence();
    f->word = (ms_atomic_u64 *)at;
    at += bits_bytes(f->words);
    f->bound = (ms_atomic_u64 *)at;
    at += bits_bytes(ms_words_for(f->groups * 8));
    s->group = (struct extent_lease_group *)at;
    at += f->groups * sizeof(struct extent_lease_group);
    s->lessee = (ms_atomic_u32 *)at;
    at += lessees_bytes(f->groups);
    s->holder = (struct holder *)at;
    at += shape.cpus * sizeof(struct holder);
    for (uint32_t cpu = 0; cpu < shape.cpus; cpu++) {
        s->holder[cpu].image = (struct extent_image){
            .group = s->group,
            .lessee = s->lessee,
            .longest = (uint64_t *)at,
            .groups_longest = (uint64_t *)at + f->groups,
            .words = f->words,
            .groups = f->groups,
            .me = cpu + 1,
        };
        at += lengths_bytes(f->groups);
    }
    ms_ledger_init(&s->ledger, at, shape.registers);
    for (uint32_t i = 0; i < f->words; i++)
        ms_init(&f->word[i], ms_word_inside(shape.registers, i));
    for (uint32_t g = 0; g < f->groups; g++)
        bound_raise(f, g);
}

/* As image_take; a second miss of the same length in turn also refills half the stock, because a
 * third is likely: who only takes, for others to give back, pays one search for many takes. */
static ms_reg image_take_stocking(struct holder *h, struct ms_reg_want want)
{
    bool is_repeated = h->missed == want.run;
    ms_reg runs[STOCK_SINGLES / 2];
    uint32_t count;

    h->missed = want.run;
    if (!is_repeated || want.run > BATCH_RUN_MAX || h->cool > 0 || !ms_want_is_plain(want))
        return image_take(&h->image, want);
    uint32_t stocked = ms_load_relaxed(&h->stocked);
    uint32_t room = stocked < h->stock_max ? (h->stock_max - stocked) / want.run : 0;
    uint32_t most = (uint32_t)ms_min_u64(stock_room(want.run) / 2, room);
    ms_reg first = image_take_batch(&h->image, want.run, runs, most, &count);
    while (first != MS_REG_NONE && count > 0) { /* the lowest on top, to be taken next */
        bool is_in = stock_push(h, runs[--count], want.run);
        ms_assert(is_in);
        (void)is_in;
    }
    return first;
}

/* Takes from the own stock and image. `is_final`: if that is nothing, there is nothing anywhere. */
static ms_reg holder_take(struct extent_lease *s, struct holder *h, struct ms_reg_want want,
                          bool *is_final)
{
    ms_reg first = image_take_stocking(h, want);

    if (MS_LIKELY(first != MS_REG_NONE))
        return first;
    first = image_take_refilled(s, h, want);
    if (first != MS_REG_NONE || h->leases < s->file.groups)
        return first;
    /* All groups are leased and without mail: only the stock is left to look at. */
    h->cool = COOL_OPS;
    if (ms_load_relaxed(&h->stocked) > 0) {
        stock_flush(s, h);
        first = image_take(&h->image, want);
    }
    *is_final = ms_load_seq_cst(&s->owners) == 1;
    return first;
}

/* Takes from the file: by the bounds first, beginning in this CPU's part, then anywhere. */
static ms_reg shared_take(struct extent_lease *s, uint32_t cpu, struct ms_reg_want want)
{
    struct extent_file *f = &s->file;
    ms_reg first = MS_REG_NONE;

    if (want.run <= MS_WORD_BITS) {
        uint32_t seen = ms_load_relaxed(&s->seen);
        uint32_t start =
            cpu == MS_CPU_NONE || seen < 2 ? 0 : s->holder[cpu].slot * f->groups / seen;
        first = groups_take(f, start, f->groups, want);
        if (first == MS_REG_NONE)
            first = groups_take(f, 0, start, want);
    }
    return first != MS_REG_NONE ? first : file_take(f, want);
}

static void extent_lease_drain(void *state, uint32_t cpu)
{
    struct extent_lease *s = state;

    if (cpu == MS_CPU_NONE)
        return;
    struct holder *h = &s->holder[cpu];
    uint64_t seen = ms_load_acquire(&h->state);
    if (ms_load_relaxed(&h->busy) != 0)
        return; /* a nested call */
    if (phase_of(seen) == PHASE_OWNED &&
        ms_cas_acq_rel(&h->state, &seen, state_of(seen >> 8, PHASE_DRAINING)))
        holder_drain(s, h, seen >> 8);
    else
        holder_yield(s, h);
}

static void extent_lease_drain_all(void *state)
{
    holders_revoke(state);
}

/* Everything behind the own stock; `h`, if not NULL, was entered and is left in here. */
__attribute__((noinline)) static ms_reg take_slow(struct extent_lease *s, struct holder *h,
                                                  uint32_t cpu, struct ms_reg_want want)
{
    ms_reg first = MS_REG_NONE;
    bool is_final = want.run > s->file.registers || ms_want_is_hopeless(want);

    if (h != NULL) {
        if (!is_final)
            first = holder_take(s, h, want, &is_final);
        holder_leave(s, h);
    }
    if (first == MS_REG_NONE && !is_final) {
        first = shared_take(s, cpu, want);
        if (first == MS_REG_NONE && ms_load_seq_cst(&s->owners) > 0) {
            extent_lease_drain(s, cpu);
            holders_revoke(s);
            first = file_take(&s->file, want);
        }
    }
    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

static ms_reg extent_lease_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct extent_lease *s = state;

    ms_assert(ms_want_is_valid(want));
    if (MS_UNLIKELY(cpu == MS_CPU_NONE))
        return take_slow(s, NULL, cpu, want);
    struct holder *h = &s->holder[cpu];
    if (MS_UNLIKELY(!holder_enter(h)) && !holder_enter_slow(s, h))
        return take_slow(s, NULL, cpu, want);
    if (MS_LIKELY(want.run <= MS_WORD_BITS && ms_want_is_plain(want))) {
        ms_reg first = stock_pop(h, want.run);
        if (MS_LIKELY(first != MS_REG_NONE)) {
            holder_leave(s, h);
            ms_ledger_took(&s->ledger, first, want.run);
            return first;
        }
    }
    return take_slow(s, h, cpu, want);
}

/* Behind the own stock; `h`, if not NULL, was entered and is left in here. */
__attribute__((noinline)) static void give_slow(struct extent_lease *s, struct holder *h,
                                                ms_reg first, uint32_t run)
{
    if (h == NULL) {
        file_give(&s->file, first, first + run);
        return;
    }
    uint32_t group = first / GROUP_BITS;
    if (MS_LIKELY((first + run - 1) / GROUP_BITS == group && group_is_mine(&h->image, group)))
        image_set(&h->image, first, run);
    else if (run <= MS_WORD_BITS && ms_load_relaxed(&h->count[run]) == stock_room(run)) {
        stock_spill(s, h, run);
        if (!stock_push(h, first, run))
            parts_give(s, h, first, run);
    } else
        parts_give(s, h, first, run);
    holder_leave(s, h);
}

static void extent_lease_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct extent_lease *s = state;

    ms_ledger_gave(&s->ledger, first, run);
    if (MS_UNLIKELY(cpu == MS_CPU_NONE)) {
        give_slow(s, NULL, first, run);
        return;
    }
    struct holder *h = &s->holder[cpu];
    if (MS_UNLIKELY(!holder_enter(h)) && !holder_enter_slow(s, h))
        give_slow(s, NULL, first, run);
    else if (MS_LIKELY(stock_push(h, first, run)))
        holder_leave(s, h);
    else
        give_slow(s, h, first, run);
}

static uint64_t word_free(const struct extent_lease *s, uint32_t index)
{
    return ms_load_relaxed(&s->file.word[index]) |
           ms_load_relaxed(&s->group[index / GROUP_WORDS].word[index % GROUP_WORDS]);
}

static uint32_t extent_lease_free_count(const void *state)
{
    const struct extent_lease *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->file.words; i++)
        count += ms_bits_count(word_free(s, i)); /* statistics: nobody decides on it */
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++)
        count += ms_load_relaxed(&s->holder[cpu].stocked);
    return count;
}

/* Shows the registers in one CPU's stock as free; entries may be stale, so they are checked. */
static void stock_mark_free(const struct extent_lease *s, struct holder *h, uint64_t *bitmap)
{
    for (uint32_t run = 1; run <= MS_WORD_BITS; run++) {
        uint32_t count = ms_load_relaxed(&h->count[run]);
        for (uint32_t i = 0; i < count && i < stock_room(run); i++) {
            ms_reg first = ms_load_relaxed(stock_entry(h, run, i));
            for (ms_reg reg = first; reg < first + run && reg < s->file.registers; reg++)
                bitmap[reg / MS_WORD_BITS] &= ~(UINT64_C(1) << reg % MS_WORD_BITS);
        }
    }
}

static void extent_lease_occupancy(const void *state, uint64_t *bitmap)
{
    const struct extent_lease *s = state;

    for (uint32_t i = 0; i < s->file.words; i++)
        bitmap[i] = ~word_free(s, i) & ms_word_inside(s->file.registers, i);
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++)
        stock_mark_free(s, &s->holder[cpu], bitmap);
}

/* What is kept about one word of a leased group is not too low. */
static bool image_word_audit(const struct extent_image *m, uint32_t word)
{
    uint32_t group = word / GROUP_WORDS;
    uint32_t longest = longest_get(m, word);

    return longest >= image_measure(m, word) && longest <= LONGEST_CAP &&
           byte_get(m->groups_longest[group / 8], group % 8) >= longest;
}

static bool group_audit(const struct extent_lease *s, uint32_t group)
{
    uint32_t lessee = ms_load_relaxed(&s->lessee[group]);
    uint64_t seen[GROUP_WORDS] = {0};
    uint32_t first = group * GROUP_WORDS;

    for (uint32_t i = first; i < group_end(&s->file, group); i++) {
        uint64_t leased = ms_load_relaxed(&s->group[group].word[i - first]);
        seen[i - first] = ms_load_relaxed(&s->file.word[i]);
        if ((leased & seen[i - first]) || (word_free(s, i) & ~ms_word_inside(s->file.registers, i)))
            return false; /* I1 */
        if (lessee == 0 && leased != 0)
            return false; /* I2 */
        if (lessee != 0 && !image_word_audit(&s->holder[lessee - 1].image, i))
            return false;
    }
    return bound_get(&s->file, group) >=
           words_longest(seen, group_end(&s->file, group) - first, BOUND_UNKNOWN);
}

static bool extent_lease_audit(const void *state)
{
    const struct extent_lease *s = state;
    uint32_t owners = 0;

    for (uint32_t g = 0; g < s->file.groups; g++)
        if (!group_audit(s, g))
            return false;
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++) {
        const struct holder *h = &s->holder[cpu];
        bool is_owner = phase_of(ms_load_relaxed(&h->state)) != PHASE_OFF;
        owners += is_owner;
        if (ms_load_relaxed(&h->busy) != 0)
            return false;
        if (!is_owner && (ms_load_relaxed(&h->stocked) > 0 || h->leases > 0))
            return false; /* I3 */
    }
    return owners == ms_load_relaxed(&s->owners) &&
           ms_ledger_agrees(&s->ledger, extent_lease_free_count(state));
}

const struct ms_reg_ops ms_reg_extent_lease = {
    .name = "extent-lease",
    .summary = "leased groups worked on with plain instructions, called in when needed",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = extent_lease_state_size,
    .init = extent_lease_init,
    .take = extent_lease_take,
    .give = extent_lease_give,
    .drain = extent_lease_drain,
    .drain_all = extent_lease_drain_all,
    .free_count = extent_lease_free_count,
    .occupancy = extent_lease_occupancy,
    .audit = extent_lease_audit,
};
