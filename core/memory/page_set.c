/* SPDX-License-Identifier: MIT */
/*
 * page_set.c: runs of neighbouring pages from a bitmap, taken and given by any thread at any time.
 *
 * Idea        one bit a page, set = taken. A run inside one word is taken by one CAS, a longer one
 *             word by word in ascending order; a word that refuses makes the words before it be
 *             given back. A second bitmap of one bit a word says "that word is full", so a search
 *             over 16 M pages passes the taken part 4096 pages a step.
 * Picture     full[0]  ...0011
 *                            ||__ taken[0] 111...1   skipped
 *                            |___ taken[1] 111...1   skipped
 *                                 taken[2] 0011..1   looked at
 * Invariants  I1 a bit goes 0 -> 1 only by the CAS of the one that then owns the page, and 1 -> 0
 *                only by its owner; so no page has two owners
 *             I2 full bit set and nobody inside => the word is full (audited). Not the other way
 *                round: a clear bit says nothing and costs a look at the word
 *             I3 count = set bits, when nobody is inside (audited)
 * Ordering    hb:page-handover  give clears with release, take sets with acquire: what the last
 *             owner wrote into the page comes before what the next one does with it. Words moved
 *             by others in between are read-modify-writes and continue the release sequence.
 *             hb:full-hint  give clears the word's bit, then the hint, with acq_rel; a marker sets
 *             the hint with acq_rel and looks at the word again. Either the marker's set comes
 *             first and the giver clears it, or the giver's clear comes first and the marker sees
 *             the free page and takes its mark back. With relaxed order both could miss each other
 *             and a free page would be skipped for ever.
 * ABA         harmless: a CAS on a bit pattern means what the pattern says now, whatever it was
 * Progress    take is lock-free: a failed CAS means another thread's CAS stuck. Words are taken in
 *             ascending order, so of several takes that meet, the one that reached highest can be
 *             stopped by an owner only, never by another one's roll-back. give is wait-free: two
 *             locked operations a word.
 * Not done    fairness; a long run is found only where it is free at one glance. A take may refuse
 *             while a roll-back of another one is under way (see page_set.h)
 */
#include "memory/page_set.h"

enum { WORD_BITS = 64 };

static uint64_t word_count(uint64_t pages)
{
    return (pages + WORD_BITS - 1) / WORD_BITS;
}

/* One word more than the pages need: a search for runs looks at a word and the next. */
static size_t taken_bytes(uint64_t pages)
{
    return (word_count(pages) + 1) * sizeof(ms_atomic_u64);
}

static size_t full_bytes(uint64_t pages)
{
    return word_count(word_count(pages) + 1) * sizeof(ms_atomic_u64);
}

bool ms_page_set_init(struct ms_page_set *set, uint64_t pages)
{
    ms_assert(pages > 0);
    *set = (struct ms_page_set){.pages = pages};
    set->taken = ms_reserve(taken_bytes(pages)); /* zero, and there only once touched */
    if (!set->taken)
        return false;
    set->full = ms_reserve(full_bytes(pages));
    if (!set->full)
        goto undo_taken;
    ms_init(&set->count, 0);
    return true;

undo_taken:
    ms_unreserve(set->taken, taken_bytes(pages));
    return false;
}

void ms_page_set_fini(struct ms_page_set *set)
{
    ms_unreserve(set->full, full_bytes(set->pages));
    ms_unreserve(set->taken, taken_bytes(set->pages));
}

/* --- one word ----------------------------------------------------------------------------------
 */

/* The bits of [first, first + count) that lie in first's word. */
static uint64_t word_mask(uint64_t first, uint64_t count)
{
    uint32_t bit = (uint32_t)(first % WORD_BITS);

    return ms_bits_mask(bit, (uint32_t)ms_min_u64(count, WORD_BITS - bit));
}

static bool word_take(ms_atomic_u64 *word, uint64_t mask)
{
    uint64_t seen = ms_load_relaxed(word); /* a guess: the CAS decides */

    while ((seen & mask) == 0)
        /* hb:page-handover, acquire */
        if (ms_cas_acquire(word, &seen, seen | mask))
            return true;
    return false;
}

static void word_give(struct ms_page_set *set, uint64_t word, uint64_t mask)
{
    uint64_t hint = UINT64_C(1) << (word % WORD_BITS);
    /* hb:page-handover, release; also the first half of hb:full-hint. */
    uint64_t seen = ms_fetch_and_release(&set->taken[word], ~mask);

    ms_require((seen & mask) == mask); /* I1: only what is taken can be given */
    /* hb:full-hint. A read first would save the locked step for words never marked, but could read
     * the value from before a mark that is just being set; the read-modify-write cannot. */
    ms_fetch_and_acq_rel(&set->full[word / WORD_BITS], ~hint);
}

/* A search met a full word: later ones shall skip it. */
static void word_mark_full(struct ms_page_set *set, uint64_t word)
{
    ms_atomic_u64 *full = &set->full[word / WORD_BITS];
    uint64_t hint = UINT64_C(1) << (word % WORD_BITS);

    /* hb:full-hint. The acquire half orders the second look, which can be relaxed itself, and so can taking
     * the mark back: a clear bit says nothing, and a read-modify-write goes on with what givers released. */
    ms_fetch_or_acq_rel(full, hint);
    if (ms_load_relaxed(&set->taken[word]) != UINT64_MAX)
        ms_fetch_and_relaxed(full, ~hint);
}

/* --- taking and giving runs ----------------------------------------------------------------------
 */

static void run_give(struct ms_page_set *set, uint64_t first, uint64_t end)
{
    while (first < end) {
        uint64_t mask = word_mask(first, end - first);
        word_give(set, first / WORD_BITS, mask);
        first += ms_bits_count(mask);
    }
}

static bool run_take(struct ms_page_set *set, uint64_t first, uint64_t count)
{
    uint64_t at = first, end = first + count;

    while (at < end) {
        uint64_t mask = word_mask(at, end - at);
        if (!word_take(&set->taken[at / WORD_BITS], mask)) {
            run_give(set, first, at);
            return false;
        }
        at += ms_bits_count(mask);
    }
    ms_fetch_add_relaxed(&set->count, count); /* a counter only: nobody decides on it */
    return true;
}

bool ms_page_set_take_at(struct ms_page_set *set, uint64_t first, uint64_t count)
{
    if (count == 0 || first >= set->pages || count > set->pages - first)
        return false;
    return run_take(set, first, count);
}

void ms_page_set_give(struct ms_page_set *set, uint64_t first, uint64_t count)
{
    ms_require(first < set->pages && count <= set->pages - first);
    ms_fetch_sub_relaxed(&set->count, count); /* a counter only */
    run_give(set, first, first + count);
}

/* --- searching ---------------------------------------------------------------------------------
 */

/* The first word at or after `word` that is not marked full, or `end`. */
static uint64_t word_skip_full(const struct ms_page_set *set, uint64_t word, uint64_t end)
{
    while (word < end) {
        /* Relaxed: a stale mark can only be one whose giver is still inside (coherence orders the
         * others before us), and such a page may be overlooked. */
        uint64_t open = ~ms_load_relaxed(&set->full[word / WORD_BITS]);
        open &= UINT64_MAX << (word % WORD_BITS);
        if (open)
            return ms_min_u64(end, word / WORD_BITS * WORD_BITS + ms_bit_lowest(open));
        word = (word / WORD_BITS + 1) * WORD_BITS;
    }
    return end;
}

/* Pure: bit i set = bits i .. i+count-1 of the 128-bit number high:low are all set; count 1..64. */
static uint64_t run_starts(uint64_t low, uint64_t high, uint32_t count)
{
    uint32_t have = 1; /* a set bit now stands for `have` set neighbours */

    while (have < count) {
        uint32_t step = have < count - have ? have : count - have;
        low &= low >> step | high << (WORD_BITS - step);
        high &= high >> step;
        have += step;
    }
    return low;
}

/* Pure: the bits of word `word` whose page is a multiple of `align`, a power of two. */
static uint64_t align_mask(uint64_t word, uint64_t align)
{
    uint64_t mask = 1;

    if (align >= WORD_BITS)
        return word * WORD_BITS % align == 0 ? 1 : 0;
    for (uint64_t bit = align; bit < WORD_BITS; bit *= 2)
        mask |= mask << bit;
    return mask;
}

/* Runs of up to 64: all starts of a word at once. `last` is the highest possible start. */
static uint64_t search_short(struct ms_page_set *set, uint32_t count, uint64_t align,
                             uint64_t lowest, uint64_t last)
{
    uint64_t end = last / WORD_BITS + 1;
    uint64_t word = word_skip_full(set, lowest / WORD_BITS, end);

    while (word < end) {
        /* Relaxed: what is seen is a guess, word_take decides. */
        uint64_t low = ~ms_load_relaxed(&set->taken[word]);
        uint64_t high = count == 1 ? 0 : ~ms_load_relaxed(&set->taken[word + 1]);
        uint64_t starts = run_starts(low, high, count) & align_mask(word, align);

        if (word == lowest / WORD_BITS)
            starts &= UINT64_MAX << (lowest % WORD_BITS);
        if (word == last / WORD_BITS)
            starts &= UINT64_MAX >> (WORD_BITS - 1 - last % WORD_BITS);
        if (starts) {
            uint64_t first = word * WORD_BITS + ms_bit_lowest(starts);
            if (run_take(set, first, count))
                return first;
            continue; /* another thread moved: look again */
        }
        if (low == 0)
            word_mark_full(set, word);
        word = word_skip_full(set, word + 1, end);
    }
    return MS_PAGE_NONE;
}

/* The lowest free page in [from, last], or MS_PAGE_NONE. */
static uint64_t page_next_free(struct ms_page_set *set, uint64_t from, uint64_t last)
{
    while (from <= last) {
        uint64_t word = from / WORD_BITS;
        uint64_t open = ~ms_load_relaxed(&set->taken[word]); /* a guess, as above */

        if (open & UINT64_MAX << (from % WORD_BITS)) {
            open &= UINT64_MAX << (from % WORD_BITS);
            uint64_t page = word * WORD_BITS + ms_bit_lowest(open);
            return page <= last ? page : MS_PAGE_NONE;
        }
        if (open == 0)
            word_mark_full(set, word);
        from = word_skip_full(set, word + 1, last / WORD_BITS + 1) * WORD_BITS;
    }
    return MS_PAGE_NONE;
}

/* The highest taken page in [first, first + count), or MS_PAGE_NONE. */
static uint64_t page_last_taken(const struct ms_page_set *set, uint64_t first, uint64_t count)
{
    uint64_t end = first + count;

    while (end > first) {
        uint64_t word = (end - 1) / WORD_BITS;
        uint64_t start = word * WORD_BITS > first ? word * WORD_BITS : first;
        uint64_t seen = ms_load_relaxed(&set->taken[word]) & word_mask(start, end - start);
        if (seen)
            return word * WORD_BITS + ms_bit_highest(seen);
        end = start;
    }
    return MS_PAGE_NONE;
}

/* Runs of more than 64: a window is looked at from its end, so the first taken page found there
 * moves it the furthest. */
static uint64_t search_long(struct ms_page_set *set, uint64_t count, uint64_t align,
                            uint64_t lowest, uint64_t last)
{
    uint64_t first = page_next_free(set, lowest, last);

    while (first <= last) { /* MS_PAGE_NONE is above any */
        first = ms_round_up(first, align);
        if (first > last)
            break;
        uint64_t taken = page_last_taken(set, first, count);
        if (taken != MS_PAGE_NONE)
            first = page_next_free(set, taken + 1, last);
        else if (run_take(set, first, count))
            return first;
    }
    return MS_PAGE_NONE;
}

uint64_t ms_page_set_take(struct ms_page_set *set, uint64_t count, uint64_t align, uint64_t lowest,
                          uint64_t highest)
{
    ms_assert(count > 0);
    ms_assert(ms_is_power_of_two(align));
    if (highest >= set->pages)
        highest = set->pages - 1;
    if (lowest > highest || count > highest - lowest + 1)
        return MS_PAGE_NONE;
    if (count <= WORD_BITS)
        return search_short(set, (uint32_t)count, align, lowest, highest - count + 1);
    return search_long(set, count, align, lowest, highest - count + 1);
}

bool ms_page_set_has(const struct ms_page_set *set, uint64_t page)
{
    ms_assert(page < set->pages);
    return ms_load_relaxed(&set->taken[page / WORD_BITS]) >> (page % WORD_BITS) & 1;
}

uint64_t ms_page_set_count(const struct ms_page_set *set)
{
    return ms_load_relaxed(&set->count);
}

bool ms_page_set_audit(const struct ms_page_set *set)
{
    uint64_t words = word_count(set->pages), count = 0;

    for (uint64_t word = 0; word < words; word++) {
        uint64_t taken = ms_load_relaxed(&set->taken[word]);
        bool marked = ms_load_relaxed(&set->full[word / WORD_BITS]) >> (word % WORD_BITS) & 1;
        if (marked && taken != UINT64_MAX)
            return false;
        count += ms_bits_count(taken);
    }
    return ms_load_relaxed(&set->taken[words]) == 0 && count == ms_page_set_count(set);
}
