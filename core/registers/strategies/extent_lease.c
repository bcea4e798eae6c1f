/* SPDX-License-Identifier: MIT */
/*
 * extent_lease: CPUs lease groups of registers and work in them with plain instructions; whoever
 * finds the rest of the file too small calls the leases in.
 *
 * Idea        three layers. The file (extent_file.h): a lock-free bitmap with bounds. Leases
 *             (extent_image.h): a CPU empties whole groups into a private image; while it holds
 *             them, what others give back there collects in the file's words, its mailbox. Stock
 *             (extent_stock.h): a few recently used runs of each exact length, last in first out, so
 *             that the slot handed out is warm and no bit is touched at all; in front of it one hot
 *             place, for the run that was handed out last.
 *             A run goes into the stock only if it lies at or below the place where the last search
 *             for its length ended, or would join no neighbour, so that stock hands out what first fit
 *             would have found, or no worse. When nothing fits, all goes back where that is rare; where it is
 *             not, what is longer than SHORT_RUN goes back, and of the short runs those that join free registers
 *             (what is left could only be a hole by itself: it goes back where it is as much as was asked for).
 *             For a while the stock has half as much room, down to a 32nd part of the file, the shortest runs
 *             included.
 *             Stock is refilled and spilled several runs at a time, so a CPU that only takes, or
 *             only gives what others took, touches shared lines once for many runs; what it gives goes
 *             by post to the CPU that leases the place (extent_post.h), and is that one's stock.
 *             In a crowded file owning does not pay: each refusal would call everything in, at the
 *             price of a fence of all CPUs. So a CPU whose leases were called in uses the file for many
 *             calls, and keeps short runs at hand where anybody may take them (extent_open.h).
 * Picture     hot 64 -> stock[8] {320, 96} -> image {group 0, group 3} -> file {group 1, 2, mail}
 *             while nothing may be owned: open stock {17, 4} -> file
 * Invariants  I1 a register is in at most one of: a hot place, a stock, an open cell, a parcel, an
 *                image, the file, a run
 *             I2 lessee[g] names a CPU exactly while that CPU's image may hold bits of group g
 *             I3 hot place, stock and image of a CPU are touched by the CPU while it is busy and
 *                OWNED, or by who moved its state to DRAINING; never by both
 * Ordering    hb:revoke  the heart. The owner sets busy, then reads state, then works, then clears
 *             busy, then reads state again; a compiler fence is all that keeps these in order. The
 *             revoker moves state OWNED -> PENDING, then makes every CPU pass a full fence
 *             (ms_fence_asymmetric_heavy), then reads busy. If the owner set busy before its fence,
 *             the revoker sees 1, or 0 with all the section's stores (busy is cleared by a release
 *             store, read by an acquire load). If it sets busy after it, it sees PENDING and keeps
 *             its hands off. If busy is 1 the revoker goes on, and the owner's second look at state
 *             makes it drain itself: had it looked before the fence, busy would have been seen 0.
 *             hb:drained  who drained releases OFF into state; the owner acquires it coming back
 *             hb:owned  a CPU becomes an owner (seq_cst) before anything goes into its stock, then its
 *             giver looks for waiters; who calls in reads the state (seq_cst), a waiter behind its fence
 *             (hb:turnstile-dekker). With release and acquire the waiter could see an older OFF, leave the
 *             stock alone and sleep.
 *             hb:known  a CPU enters itself in the list (seq_cst) before it keeps anything; who calls
 *             in, or empties open cells and boxes, reads the list (seq_cst)
 *             hb:lease  a lease is taken by CAS of lessee (acquire), dropped by a release store
 *             behind the image's last change
 *             hb:run-given, hb:bound  see extent_file.h. A give into the own stock or image is
 *             ordered by program order for its CPU, by hb:revoke for everybody else.
 * ABA         state carries an epoch that grows with every OWNED: a revoker that slept between its
 *             fence and its CAS to DRAINING finds that the state it fenced is gone
 * Progress    lock-free: nobody waits for anybody. A CPU stopped while busy hides at most its stock
 *             and leases until it runs again, as if it had claimed them. A nested call (a signal
 *             handler) that finds busy set uses the file
 * Placement   up to 64 registers: the lowest hole, but for the stock, see above; more: the end of the
 *             highest hole. Against address-ordered first fit on the same mix (sizes 1 to 256, random
 *             lifetimes) 0.97 to 1.05 times its refusals at 4096 registers and 75 % full, 1.01 to 1.03 at 90 %;
 *             at 65 536 and 90 % 0.4 to 1.0; a stock that takes every run had five times as many there.
 * Limits      without an asymmetric fence on the host only the file and the open stock are used. In a
 *             small file under many threads a quota below one group is none: then the stock is refilled from
 *             single words of the file, several runs by one CAS, and nobody gets post
 */
#include "registers/strategies/extent_file.h"
#include "registers/strategies/extent_holder.h"
#include "registers/strategies/extent_image.h"

/* --- the table ---------------------------------------------------------------------------- */

static size_t bits_bytes(uint32_t words)
{
    return ms_round_up(words * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static uint32_t groups_for(uint32_t registers)
{
    return (registers + GROUP_BITS - 1) / GROUP_BITS;
}

/* What a CPU keeps about the words of its image, */
static uint32_t lengths_for(uint32_t groups)
{
    return groups > SMALL_GROUPS ? groups : SMALL_GROUPS;
}

/* and about words, groups and blocks. */
static size_t lengths_bytes(uint32_t groups)
{
    return ms_round_up((lengths_for(groups) + (groups + 7) / 8 + (groups + 63) / 64) *
                           sizeof(uint64_t),
                       MS_CACHE_LINE);
}

static size_t bounds_bytes(uint32_t groups)
{
    return (((groups - 1) >> bound_shift_for(groups)) + 1) * (size_t)MS_CACHE_LINE;
}

static size_t lessees_bytes(uint32_t groups)
{
    return ms_round_up((groups + 1) * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t known_bytes(uint32_t cpus)
{
    return ms_round_up(cpus * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t extent_lease_state_size(struct ms_reg_shape shape)
{
    uint32_t groups = groups_for(shape.registers);

    return sizeof(struct extent_lease) + bits_bytes(ms_words_for(shape.registers)) +
           bounds_bytes(groups) + (groups + 1) * sizeof(struct extent_lease_group) +
           lessees_bytes(groups) + known_bytes(shape.cpus) +
           shape.cpus * (sizeof(struct holder) + lengths_bytes(groups)) +
           ms_ledger_bytes(shape.registers);
}

static void extent_lease_init(void *state, struct ms_reg_shape shape)
{
    struct extent_lease *s = state;
    struct extent_file *f = &s->file;
    char *at = (char *)&s->holder[shape.cpus];

    f->registers = shape.registers;
    f->words = ms_words_for(shape.registers);
    f->groups = groups_for(shape.registers);
    s->cpus = shape.cpus;
    s->has_fence = ms_has_asymmetric_fence();
    f->word = (ms_atomic_u64 *)at;
    at += bits_bytes(f->words);
    f->bound = (ms_atomic_u64 *)at;
    f->bound_shift = bound_shift_for(f->groups);
    at += bounds_bytes(f->groups);
    s->group = (struct extent_lease_group *)at;
    at += (f->groups + 1) * sizeof(struct extent_lease_group); /* one stays empty */
    s->lessee = (ms_atomic_u32 *)at;
    at += lessees_bytes(f->groups);
    s->known = (ms_atomic_u32 *)at;
    at += known_bytes(shape.cpus);
    for (uint32_t cpu = 0; cpu < shape.cpus; cpu++) {
        s->holder[cpu].image = (struct extent_image){
            .group = s->group,
            .lessee = s->lessee,
            .longest = (uint64_t *)at,
            .groups_longest = (uint64_t *)at + lengths_for(f->groups),
            .blocks_longest = (uint64_t *)at + lengths_for(f->groups) + (f->groups + 7) / 8,
            .groups = f->groups,
            .me = cpu + 1,
        };
        at += lengths_bytes(f->groups);
        stock_init(&s->holder[cpu]);
    }
    ms_ledger_init(&s->ledger, at, shape.registers);
    for (uint32_t i = 0; i < f->words; i++)
        ms_init(&f->word[i], ms_word_inside(shape.registers, i));
    for (uint32_t g = 0; g < f->groups; g++)
        bound_raise(f, g, BOUND_UNKNOWN);
}

/* As image_take; a second miss of the same length in turn also refills half the stock, because a
 * third is likely: who only takes, for others to give back, pays one search for many takes. */
static ms_reg image_take_stocking(struct extent_lease *s, struct holder *h, struct ms_reg_want want)
{
    bool is_repeated = h->missed == want.run;
    ms_reg runs[STOCK_SHORT / 2];
    uint32_t count;

    if (want.run > MS_WORD_BITS || !ms_want_is_plain(want))
        return image_take(&h->image, want);
    ms_reg sent = ms_load_relaxed(&s->seen) > 1 ? post_take(s, h, want.run) : MS_REG_NONE;
    if (MS_UNLIKELY(sent != MS_REG_NONE))
        return sent;
    h->missed = want.run;
    if (!is_repeated || want.run > BATCH_RUN_MAX || want.run > h->run_max)
        return h->shelf[want.run].edge = image_take_short(&h->image, want.run);
    ms_reg first = image_take_batch(&h->image, want.run, runs, stock_refill(h, want.run), &count);
    h->shelf[want.run].edge = count > 0 ? runs[count - 1] : first;
    if (count > 0) /* or the compiler sees numbers that nobody wrote */
        stock_fill(h, runs, count, want.run);
    return first;
}

/* Where this CPU begins to search the file. */
static uint32_t shared_start(const struct extent_lease *s, const struct holder *h)
{
    uint32_t seen = ms_load_relaxed(&s->seen);

    return seen < 2 ? 0 : h->slot * s->file.groups / seen;
}

/* Nothing is leased, because the file is too small for so many CPUs, and the length was missed twice: the
 * stock is filled from a word of the file, which is leased so to speak bit by bit. */
static ms_reg file_take_stocking(struct extent_lease *s, struct holder *h, struct ms_reg_want want)
{
    struct extent_file *f = &s->file;
    ms_reg runs[STOCK_SHORT / 2];
    uint32_t group = bound_find(f, shared_start(s, h), want.run);
    uint32_t count;

    if (group == f->groups)
        return MS_REG_NONE; /* the other part of the file is for later */
    ms_reg first = group_take_batch(f, group, want, runs, stock_refill(h, want.run), &count);
    if (count > 0) /* or the compiler sees numbers that nobody wrote */
        stock_fill(h, runs, count, want.run);
    return first;
}

/* Takes from the own stock and image. `is_final`: if that is nothing, there is nothing anywhere. */
static ms_reg holder_take(struct extent_lease *s, struct holder *h, struct ms_reg_want want,
                          bool *is_final)
{
    bool is_repeated = h->missed == want.run;
    ms_reg first = image_take_stocking(s, h, want);

    if (MS_LIKELY(first != MS_REG_NONE))
        return first;
    first = image_take_refilled(s, h, want);
    if (first == MS_REG_NONE && h->leases == 0 && is_repeated && want.run <= BATCH_RUN_MAX &&
        want.run <= h->run_max && ms_want_is_plain(want))
        first = file_take_stocking(s, h, want);
    if (first != MS_REG_NONE || h->leases < s->file.groups)
        return first;
    /* All groups are leased and without mail: only the stock is left to look at. */
    bool is_rare = h->cool <= GROW_OPS - RARE_OPS;
    stock_cool(h);
    if (stock_count(h) > 0 || ms_load_relaxed(&h->hot_want) != 0) {
        if (is_rare)
            stock_flush(s, h);
        else
            stock_settle(s, h);
        first = image_take(&h->image, want);
    }
    if (!is_rare && first == MS_REG_NONE && stock_count(h) >= want.run) {
        stock_flush(s, h);
        first = image_take(&h->image, want);
    }
    *is_final = first == MS_REG_NONE && ms_load_seq_cst(&s->owners) == 1 && !holders_empty_open(s);
    return first;
}

/* Takes from the file: by the bounds first, beginning in this CPU's part, then anywhere. */
static ms_reg shared_take(struct extent_lease *s, uint32_t cpu, struct ms_reg_want want)
{
    struct extent_file *f = &s->file;
    ms_reg first = MS_REG_NONE;

    if (want.run <= MS_WORD_BITS) {
        uint32_t start = cpu == MS_CPU_NONE ? 0 : shared_start(s, &s->holder[cpu]);
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

/* What lies in the open, or in a box, is not private: whoever would refuse empties it himself (all_gather). */
static void extent_lease_drain_all(void *state)
{
    holders_revoke(state);
}

/* Moves all that is not in the file there; false if there was nothing. */
static bool all_gather(struct extent_lease *s, uint32_t cpu)
{
    bool has_owners = ms_load_seq_cst(&s->owners) > 0;

    if (has_owners) {
        extent_lease_drain(s, cpu);
        holders_revoke(s);
    }
    return holders_empty_open(s) || has_owners;
}

/* Everything behind the own stock; `h`, if not NULL, was entered and is left in here. */
__attribute__((noinline)) static ms_reg take_slow(struct extent_lease *s, struct holder *h,
                                                  uint32_t cpu, struct ms_reg_want want)
{
    ms_reg first = MS_REG_NONE;
    bool is_hopeless = want.run > s->file.registers || ms_want_is_hopeless(want);
    bool is_final = is_hopeless;

    if (h != NULL) {
        if (!is_hopeless)
            first = holder_take(s, h, want, &is_final);
        h->last = first;
        if (!holder_leave_quietly(h)) {
            holder_yield(s, h);
            is_final = is_hopeless; /* what we held lies in the file now: we look there once more */
        }
    }
    if (first == MS_REG_NONE && !is_final) {
        first = shared_take(s, cpu, want);
        if (first == MS_REG_NONE && all_gather(s, cpu))
            first = file_take(&s->file, want);
    }
    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

/* From the stock, else from all behind it; `h` was entered and is left in here. */
__attribute__((noinline)) static ms_reg take_stocked(struct extent_lease *s, struct holder *h,
                                                     uint32_t cpu, struct ms_reg_want want)
{
    if (MS_UNLIKELY(want.run > MS_WORD_BITS || !ms_want_is_plain(want)))
        return take_slow(s, h, cpu, want);
    ms_reg first = stock_pop(h, want.run);
    if (first == MS_REG_NONE)
        return take_slow(s, h, cpu, want);
    h->last = first;
    holder_leave(s, h);
    ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

/* The own stock could not be entered at once: not owned, or a nested call. */
__attribute__((noinline)) static ms_reg take_shut(struct extent_lease *s, uint32_t cpu,
                                                  struct ms_reg_want want)
{
    struct holder *h = &s->holder[cpu];

    if (cpu == MS_CPU_NONE)
        return take_slow(s, NULL, cpu, want);
    if (!holder_is_quiet(h) && holder_enter_slow(s, h))
        return take_stocked(s, h, cpu, want);
    if (want.run > OPEN_RUN_MAX || !ms_want_is_plain(want))
        return take_slow(s, NULL, cpu, want);
    ms_reg first = open_pop(&h->open, want.run);
    if (first == MS_REG_NONE)
        return take_slow(s, NULL, cpu, want);
    ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

/* The stock was called in while the run was taken from it. */
__attribute__((noinline)) static ms_reg take_yield(struct extent_lease *s, struct holder *h,
                                                   ms_reg first)
{
    holder_yield(s, h);
    return first;
}

/* The hot place alone; all else is called last, so that this needs no stack. */
static ms_reg extent_lease_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct extent_lease *s = state;
    struct holder *h = &s->holder[cpu];
    ms_reg first;

    ms_assert(ms_want_is_valid(want));
    if (MS_UNLIKELY(cpu == MS_CPU_NONE || !holder_enter(h)))
        return take_shut(s, cpu, want);
    if (MS_UNLIKELY(!hot_pop(h, want, &first)))
        return take_stocked(s, h, cpu, want);
    ms_ledger_took(&s->ledger, first, want.run);
    return MS_LIKELY(holder_leave_quietly(h)) ? first : take_yield(s, h, first);
}

/* Behind the own stock; `h` was entered and is left in here. */
__attribute__((noinline)) static void give_slow(struct extent_lease *s, struct holder *h,
                                                ms_reg first, uint32_t run)
{
    uint32_t group = first / GROUP_BITS;

    stock_warm(h);
    if (MS_LIKELY((first + run - 1) / GROUP_BITS == group && group_is_mine(&h->image, group)))
        image_set(&h->image, first, run);
    else if (run <= MS_WORD_BITS && ms_load_relaxed(&h->shelf[run].count) >= h->shelf[run].room) {
        if (!stock_send(s, h, run))
            stock_spill(s, h, run);
        if (!stock_push(h, first, run))
            parts_give(s, h, first, run);
    } else
        parts_give(s, h, first, run);
    holder_leave(s, h);
}

__attribute__((noinline)) static void give_stocked(struct extent_lease *s, struct holder *h,
                                                   ms_reg first, uint32_t run)
{
    if (hot_begin(h, first, run) || stock_push(h, first, run))
        holder_leave(s, h);
    else
        give_slow(s, h, first, run);
}

__attribute__((noinline)) static void give_shut(struct extent_lease *s, uint32_t cpu, ms_reg first,
                                                uint32_t run)
{
    struct holder *h = &s->holder[cpu];

    if (cpu == MS_CPU_NONE)
        file_give(&s->file, first, first + run);
    else if (!holder_is_quiet(h) && holder_enter_slow(s, h))
        give_stocked(s, h, first, run);
    else if (run > OPEN_RUN_MAX || !open_push(&h->open, &s->file, first, run))
        file_give(&s->file, first, first + run);
}

static void extent_lease_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct extent_lease *s = state;
    struct holder *h = &s->holder[cpu];

    ms_ledger_gave(&s->ledger, first, run);
    if (MS_UNLIKELY(cpu == MS_CPU_NONE || !holder_enter(h)))
        give_shut(s, cpu, first, run);
    else if (MS_UNLIKELY(!hot_push(h, first, run)))
        give_stocked(s, h, first, run);
    else if (MS_UNLIKELY(!holder_leave_quietly(h)))
        holder_yield(s, h);
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
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++) {
        count += stock_count(&s->holder[cpu]);
        count += (uint32_t)ms_load_relaxed(&s->holder[cpu].hot_want);
        count += open_count(&s->holder[cpu].open);
        count += post_count(&s->holder[cpu].post);
    }
    return count;
}

static void run_mark_free(const struct extent_lease *s, ms_reg first, uint32_t run,
                          uint64_t *bitmap)
{
    for (ms_reg reg = first; reg < first + run && reg < s->file.registers; reg++)
        bitmap[reg / MS_WORD_BITS] &= ~(UINT64_C(1) << reg % MS_WORD_BITS);
}

/* Shows the registers in one CPU's stock as free; entries may be stale, so they are checked. */
static void stock_mark_free(const struct extent_lease *s, const struct holder *h, uint64_t *bitmap)
{
    ms_reg hot =
        ms_load_relaxed(&h->hot_first); /* one after the other in every build: traces agree */
    uint32_t hot_run = (uint32_t)ms_load_relaxed(&h->hot_want);

    run_mark_free(s, hot, hot_run, bitmap);
    for (uint32_t run = 1; run <= OPEN_RUN_MAX; run++)
        for (uint32_t i = 0; i < OPEN_ROOM; i++) {
            uint32_t cell = ms_load_relaxed(&h->open.cell[run - 1][i]);
            if (cell != 0)
                run_mark_free(s, cell - 1, run, bitmap);
        }
    for (uint32_t i = 0; i < PARCELS; i++) {
        uint32_t state = ms_load_relaxed(&h->post.parcel[i].state);
        for (uint32_t k = 0; state >= PARCEL_FULL && k < parcel_count(state); k++)
            run_mark_free(s, ms_load_relaxed(&h->post.parcel[i].first[k]), parcel_run(state),
                          bitmap);
    }
    for (uint32_t run = 1; run <= MS_WORD_BITS; run++) {
        uint32_t count = ms_load_relaxed(&h->shelf[run].count);
        for (uint32_t i = 0; i < count && i < shelf_room(run); i++)
            run_mark_free(s, ms_load_relaxed(&h->entry[h->shelf[run].from + i]), run, bitmap);
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

/* What is kept about one word of a leased group is not too low, and what is above it fits. */
static bool image_word_audit(const struct extent_image *m, uint32_t word)
{
    uint32_t group = word / GROUP_WORDS;
    uint32_t longest = longest_get(m, word);

    if (longest < image_measure(m, word) || longest > LONGEST_CAP)
        return false;
    return image_is_small(m) ||
           (byte_get(m->groups_longest[group / 8], group % 8) == bytes_largest(m->longest[group]) &&
            byte_get(m->blocks_longest[group / 64], group / 8 % 8) ==
                bytes_largest(m->groups_longest[group / 8]));
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
    for (uint32_t i = 0; i < GROUP_WORDS; i++)
        if (bound_get(&s->file, group) <
            pair_longest(seen[i], i + 1 < GROUP_WORDS ? seen[i + 1] : 0))
            return false; /* I2 of extent_file.h */
    return true;
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
        if (!is_owner &&
            (stock_count(h) > 0 || ms_load_relaxed(&h->hot_want) != 0 || h->leases > 0))
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
