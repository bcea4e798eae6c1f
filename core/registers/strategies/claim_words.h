/* SPDX-License-Identifier: MIT */
/*
 * claim_words.h: claiming runs in an array of shared words by compare-and-swap, and giving them
 * back: what the lock-free bitmaps have in common. The argument is at the head of cas_bitmap.c.
 */
#ifndef MS_CLAIM_WORDS_H
#define MS_CLAIM_WORDS_H

#include "registers/strategies/run_search.h"

/* Clears `mask` in the word if all of it is set. `seen` may be stale: a hint for the first try. */
static inline bool ms_word_claim(ms_atomic_u64 *word, uint64_t seen, uint64_t mask)
{
    do {
        if ((seen & mask) != mask)
            return false;
    } while (!ms_cas_seq_cst(word, &seen, seen & ~mask)); /* hb:run-given, acquire */
    return true;
}

/* Sets the bits of [first, end). Also the undo of a half-claimed run: nobody can tell the two
 * apart, and a waiter that missed these bits must find them the same way. */
static inline void ms_words_give(ms_atomic_u64 *word, ms_reg first, ms_reg end)
{
    if (first == end)
        return;
    for (uint32_t i = first / MS_WORD_BITS; i <= (end - 1) / MS_WORD_BITS; i++) {
        uint64_t mask = ms_run_in_word(first, end - first, i);
        uint64_t before = ms_fetch_or_seq_cst(&word[i], mask); /* hb:run-given, release */
        ms_assert((before & mask) == 0);
        (void)before;
    }
}

/* Claims a run seen in a snapshot, whose last word was `seen`, in ascending order of words. */
static inline bool ms_words_claim(ms_atomic_u64 *word, ms_reg first, uint32_t run, uint64_t seen)
{
    uint32_t last = (first + run - 1) / MS_WORD_BITS;
    uint32_t i;

    for (i = first / MS_WORD_BITS; i < last; i++)
        if (!ms_word_claim(&word[i], ms_load_relaxed(&word[i]), ms_run_in_word(first, run, i)))
            goto undo_claim;
    if (!ms_word_claim(&word[i], seen, ms_run_in_word(first, run, i)))
        goto undo_claim;
    return true;

undo_claim:
    /* Word i was not claimed; those before it were, from `first` on. */
    ms_words_give(word, first, i * MS_WORD_BITS > first ? i * MS_WORD_BITS : first);
    return false;
}

/* The lowest run that fits in a snapshot of words [from, to), and the last word of it as seen. */
static inline ms_reg ms_words_find(const ms_atomic_u64 *word, uint32_t from, uint32_t to,
                                   struct ms_reg_want want, uint64_t *seen)
{
    struct ms_run_search search = ms_run_search_from(want, from);

    for (uint32_t i = from; i < to; i++) {
        *seen = ms_load_seq_cst(&word[i]); /* hb:run-given: a later scan sees the bits */
        ms_reg first = ms_run_search_feed(&search, i, *seen);
        if (first != MS_REG_NONE)
            return first;
    }
    return MS_REG_NONE;
}

#endif
