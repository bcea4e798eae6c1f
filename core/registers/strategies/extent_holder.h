/* SPDX-License-Identifier: MIT */
/*
 * extent_holder.h: how a CPU of extent_lease comes by leases, what becomes of stock that is too much, and how
 * all of it is called in. The theory is at the head of extent_lease.c.
 */
#ifndef MS_EXTENT_HOLDER_H
#define MS_EXTENT_HOLDER_H

#include "registers/strategies/extent_stock.h"

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

/* Gives back the hot run and all stock of `from` registers and longer. */
static inline void stock_flush_from(struct extent_lease *s, struct holder *h, uint32_t from)
{
    uint64_t hot = ms_load_relaxed(&h->hot_want);

    if (hot != 0) {
        ms_store_relaxed(&h->hot_want, 0);
        parts_give(s, h, ms_load_relaxed(&h->hot_first), (uint32_t)hot);
    }
    for (uint32_t run = from;
         run <= SHORT_RUN || (run <= MS_WORD_BITS && ms_load_relaxed(&h->stocked) > 0); run++)
        for (ms_reg first; (first = stock_pop(h, run)) != MS_REG_NONE;)
            parts_give(s, h, first, run);
}

static inline void stock_flush(struct extent_lease *s, struct holder *h)
{
    stock_flush_from(s, h, 1);
}

/* Gives back the runs of one length in stock that lie beside free registers; true if there was any. All groups
 * are leased. */
static inline bool shelf_settle(struct extent_lease *s, struct holder *h, uint32_t run)
{
    const ms_atomic_u64 *words = image_word(&h->image, 0);
    ms_atomic_u32 *entry = stock_entry(h, run, 0);
    uint32_t count = ms_load_relaxed(&h->shelf[run].count);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        ms_reg first = ms_load_relaxed(&entry[i]);
        ms_reg before = first - (first > 0); /* register 0, in stock, is not free */
        ms_reg behind = first + run;
        uint64_t beside = ms_load_relaxed(&words[before / MS_WORD_BITS]) >> before % MS_WORD_BITS |
                          ms_load_relaxed(&words[behind / MS_WORD_BITS]) >> behind % MS_WORD_BITS;
        if (MS_LIKELY((beside & 1) == 0))
            ms_store_relaxed(&entry[kept++], first);
        else
            parts_give(s, h, first, run);
    }
    ms_store_relaxed(&h->shelf[run].count, kept);
    return kept < count;
}

/* All groups are leased and nothing fits in the image: gives the longer runs back, and of the short ones those
 * that join free registers, until none does. What is left in stock can only be part of a hole that is all
 * stock. Giving all back, and searching for all again, took a fifth of the time in a crowded file. */
__attribute__((noinline)) static void stock_settle(struct extent_lease *s, struct holder *h)
{
    bool has_any = true;

    stock_flush_from(s, h, SHORT_RUN + 1);
    while (has_any) {
        has_any = false;
        for (uint32_t run = 1; run <= SHORT_RUN; run++)
            has_any = shelf_settle(s, h, run) || has_any;
    }
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
    uint32_t share = s->file.registers / (STOCK_SHARE * seen);
    h->stock_goal = (uint32_t)ms_min_u64(share, STOCK_MAX);
    uint32_t least = share / STOCK_SHRINK;
    least -= (uint32_t)ms_min_u64(least / 2, STOCK_BESIDE);
    h->stock_least = (uint32_t)ms_min_u64(least, STOCK_MAX);
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
    /* Relaxed: only this CPU moves it to OWNED; what others did to its stock meanwhile shows as another phase. */
    if (MS_LIKELY(phase_of(ms_load_relaxed(&h->state)) == PHASE_OWNED))
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
    /* hb:owned; seq_cst: what comes into our stock now is no store that others see. */
    ms_store_seq_cst(&h->state, state_of((state >> 8) + 1, PHASE_OWNED));
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
        uint64_t state = ms_load_seq_cst(&h->state); /* hb:owned */
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
