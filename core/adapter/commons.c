/* SPDX-License-Identifier: MIT */
/*
 * commons: which common buffers there are, and which frames they lie in.
 *
 * Idea        a table of entries; a count per frame, so that building a list can ask about a page
 *             without searching (MTX-62). A count and no bit: a driver may make a common buffer of frames
 *             that are another one's (CBM-01), and the end of one leaves the other what it is.
 * Invariants  I1 an entry is BUSY only while its own call enters or strikes it out: who looks for another
 *                one leaves it alone, or two frees at once would not see each other's buffers
 * Ordering    hb:common  entering releases the word after the other two; a look acquires it
 * ABA         an entry struck out and entered again between a look and a claim differs in its address, in
 *             its state, or is compared anew once it is claimed
 * Progress    lock-free: a failed CAS means another call entered or left
 */
#include "adapter/commons.h"

static_assert(MS_COMMONS_MAX < 1 << MS_COMMON_BITS,
              "no frame is in more of them than there may be");

static uint64_t counts_bytes(uint64_t pfn_end)
{
    return (pfn_end + MS_COMMON_FRAMES - 1) / MS_COMMON_FRAMES * sizeof(ms_atomic_u64);
}

bool ms_commons_create(struct ms_commons *commons, const struct ms_memory *memory)
{
    commons->pfn_end = ms_memory_pfn_end(memory);
    commons->of = ms_reserve(MS_COMMONS_MAX * sizeof *commons->of);
    if (!commons->of)
        return false;
    commons->pages = ms_reserve(counts_bytes(commons->pfn_end));
    if (!commons->pages)
        goto undo_entries;
    return true;

undo_entries:
    ms_unreserve(commons->of, MS_COMMONS_MAX * sizeof *commons->of);
    return false;
}

void ms_commons_destroy(struct ms_commons *commons)
{
    ms_unreserve(commons->pages, counts_bytes(commons->pfn_end));
    ms_unreserve(commons->of, MS_COMMONS_MAX * sizeof *commons->of);
}

static uint64_t common_word(ms_la logical, enum ms_common_state state)
{
    ms_assert(logical.value % MS_PAGE_BYTES == 0); /* CBF-05, CBM-02 */
    return logical.value | state;
}

static enum ms_common_state word_state(uint64_t word)
{
    return (enum ms_common_state)(word % MS_PAGE_BYTES);
}

bool ms_commons_enter(struct ms_commons *commons, enum ms_common_state state, void *address,
                      uint64_t bytes, ms_la logical)
{
    if (ms_fault_here())
        return false;
    for (uint32_t i = 0; i < MS_COMMONS_MAX; i++) {
        struct ms_common *common = &commons->of[i];
        uint64_t seen = ms_load_relaxed(&common->word); /* a guess: the CAS decides */
        if (seen != COMMON_FREE || !ms_cas_acquire(&common->word, &seen, COMMON_BUSY))
            continue;
        ms_store_relaxed(&common->address, address);
        ms_store_relaxed(&common->bytes, bytes);
        ms_commons_mark(commons, logical, bytes, true);
        /* hb:common, release */
        ms_store_release(&common->word, common_word(logical, state));
        return true;
    }
    return false;
}

static bool common_is(const struct ms_common *common, const void *address, uint64_t bytes)
{
    return ms_load_relaxed(&common->address) == address && ms_load_relaxed(&common->bytes) == bytes;
}

enum ms_common_state ms_commons_leave(struct ms_commons *commons, void *address, uint64_t bytes,
                                      ms_la logical)
{
    for (uint32_t i = 0; i < MS_COMMONS_MAX; i++) {
        struct ms_common *common = &commons->of[i];
        uint64_t seen = ms_load_acquire(&common->word); /* hb:common */
        enum ms_common_state state = word_state(seen);
        if ((state != COMMON_OWN && state != COMMON_MDL) || seen - state != logical.value ||
            !common_is(common, address, bytes) ||
            !ms_cas_acquire(&common->word, &seen, COMMON_BUSY))
            continue;
        if (common_is(common, address, bytes)) {
            ms_commons_mark(commons, logical, bytes, false);
            ms_store_release(&common->word, COMMON_FREE);
            return state;
        }
        ms_store_release(&common->word, seen); /* hb:common: another one since the look */
    }
    return COMMON_FREE;
}

uint32_t ms_commons_used(const struct ms_commons *commons)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < MS_COMMONS_MAX; i++)
        used += ms_load_relaxed(&commons->of[i].word) != COMMON_FREE;
    return used;
}

void ms_commons_mark(struct ms_commons *commons, ms_la logical, uint64_t bytes, bool are_common)
{
    uint64_t end = (logical.value + bytes + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT;

    for (uint64_t pfn = logical.value >> MS_PAGE_SHIFT; pfn < end && pfn < commons->pfn_end;
         pfn++) {
        uint64_t one = UINT64_C(1) << pfn % MS_COMMON_FRAMES * MS_COMMON_BITS;
        /* Relaxed: who maps the buffer got its address after this, from the one who made it, and whatever
         * others add and take from then on, its one is in the count. */
        if (are_common)
            ms_fetch_add_relaxed(&commons->pages[pfn / MS_COMMON_FRAMES], one);
        else
            ms_fetch_sub_relaxed(&commons->pages[pfn / MS_COMMON_FRAMES], one);
    }
}
