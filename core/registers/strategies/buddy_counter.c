/* SPDX-License-Identifier: MIT */
/*
 * buddy_counter: aligned powers of two out of chunks with a counter each: the design of recent
 * lock-free page-frame allocators.
 *
 * Idea        a chunk is 512 registers: 8 words of bits and one entry {free registers, whole}. A
 *             claim first takes its size off a chunk's count, which promises that many free bits,
 *             then finds an aligned group of bits; a claim of 512 and more takes whole chunks by
 *             their entries alone and touches no bits.
 * Picture     entry[0] {380} word[0..7] | entry[1] {0, whole} word[8..15] all ones | ...
 * Invariants  I1 a chunk's count <= its free bits; equal when nobody is inside
 *             I2 whole: the count is 0, all bits are set, and one run owns the chunk
 *             I3 bits beyond the file are 0, so a last chunk that is cut short is never whole
 *             I4 who gives back a promise, or chunks it claimed in passing, looks at them once more,
 *                changing nothing: two claims that each miss what the other held do not both fail
 * Ordering    hb:run-given  a give ORs the bits in, then adds to the count (seq_cst both); the CAS
 *             of the entry acquires the count, that of the word the bits. seq_cst with the loads,
 *             for givers who look for waiters afterwards. A whole chunk: the entry on both sides.
 * ABA         counts and bits are state, not identity: equal values mean the same thing
 * Progress    lock-free: an entry's or a word's CAS fails only because another changed it; groups
 *             of words and of chunks are claimed in ascending order (see cas_bitmap.c)
 * Limits      a run is rounded up to a power of two and aligned to it: 12 to 17% of the registers
 *             of a mix are wasted, and much is refused that would fit elsewhere. The rest of the
 *             block counts as taken. Blocks of 512 and more need chunks that are entirely free.
 */
#include "registers/strategies/claim_words.h"
#include "registers/strategies/ledger.h"
#include "registers/strategies/no_stock.h"

#ifndef MS_SIM
enum { CHUNK_WORDS = 8 };
#else
enum { CHUNK_WORDS = 1 }; /* so that the small files of the simulator have whole chunks too */
#endif
enum { CHUNK_BITS = CHUNK_WORDS * MS_WORD_BITS };
#define ENTRY_WHOLE 0x10000u /* above the 16 bits of the count */

/* Where a CPU looks first. Owner CPU. */
struct buddy_hint {
    uint32_t chunk;
} __attribute__((aligned(MS_CACHE_LINE)));

struct buddy_counter {
    uint32_t registers; /* const after init, as all of this struct */
    uint32_t words;
    uint32_t chunks;
    uint32_t cpus;
    struct buddy_hint *hint; /* [cpu] */
    ms_atomic_u32 *entry;    /* [chunk]: {whole, count}; hb:run-given */
    ms_atomic_u64 *word;     /* [word]; hb:run-given */
    struct ms_ledger ledger;
} __attribute__((aligned(MS_CACHE_LINE)));

/* --- sizes: pure -------------------------------------------------------------------------- */

static uint32_t block_for(uint32_t run)
{
    uint32_t block = 1;

    while (block < run)
        block *= 2;
    return block;
}

/* Bits at multiples of `stride` (a power of two up to 64). */
static uint64_t stride_starts(uint32_t stride)
{
    return stride == MS_WORD_BITS ? 1 : UINT64_MAX / ms_bits_mask(0, stride);
}

static uint32_t chunks_for(uint32_t registers)
{
    return (registers + CHUNK_BITS - 1) / CHUNK_BITS;
}

/* --- blocks inside one chunk -------------------------------------------------------------- */

/* Takes `block` off the chunk's count, if that has so many. */
static bool count_take(ms_atomic_u32 *entry, uint32_t block)
{
    uint32_t seen = ms_load_seq_cst(entry); /* hb:run-given: a later search sees the count */

    do {
        if (seen < block || (seen & ENTRY_WHOLE) != 0)
            return false;
    } while (!ms_cas_seq_cst(entry, &seen, seen - block)); /* hb:run-given, acquire */
    return true;
}

/* An aligned block of at most 64 in one word, or MS_REG_NONE. */
static ms_reg word_take(ms_atomic_u64 *word, uint32_t block, uint32_t stride)
{
    uint64_t seen = ms_load_seq_cst(word);
    uint64_t starts;

    while ((starts = ms_run_starts(seen, block) & stride_starts(stride)) != 0) {
        uint64_t mask = ms_bits_mask(ms_bit_lowest(starts), block);
        if (ms_cas_seq_cst(word, &seen, seen & ~mask)) /* hb:run-given, acquire */
            return ms_bit_lowest(starts);
    }
    return MS_REG_NONE;
}

/* An aligned block inside the chunk, whose count was taken already, or MS_REG_NONE. */
static ms_reg chunk_take(struct buddy_counter *s, uint32_t chunk, uint32_t block, uint32_t stride)
{
    uint32_t first = chunk * CHUNK_WORDS;
    uint32_t end = first + CHUNK_WORDS < s->words ? first + CHUNK_WORDS : s->words;
    uint32_t step = stride > MS_WORD_BITS ? stride / MS_WORD_BITS : 1;
    uint32_t block_words = block > MS_WORD_BITS ? block / MS_WORD_BITS : 1;

    for (uint32_t i = first; i + block_words <= end; i += step) {
        if (block <= MS_WORD_BITS) {
            uint32_t in_word = stride < MS_WORD_BITS ? stride : MS_WORD_BITS;
            ms_reg at = word_take(&s->word[i], block, in_word);
            if (at != MS_REG_NONE)
                return i * MS_WORD_BITS + at;
        } else if (ms_words_claim(s->word, i * MS_WORD_BITS, block,
                                  ms_load_seq_cst(&s->word[i + block_words - 1]))) {
            return i * MS_WORD_BITS;
        }
    }
    return MS_REG_NONE;
}

/* Whether an aligned block was free when we looked; changes nothing, so nobody can miss anything by it. */
static bool chunk_has(const struct buddy_counter *s, uint32_t chunk, uint32_t block,
                      uint32_t stride)
{
    uint32_t first = chunk * CHUNK_WORDS;
    uint32_t end = first + CHUNK_WORDS < s->words ? first + CHUNK_WORDS : s->words;
    struct ms_reg_want want = {.run = block, .align = (uint16_t)stride};
    uint64_t seen;

    return ms_words_find(s->word, first, end, want, &seen) != MS_REG_NONE;
}

/* The same, and the count with it. A promise that goes back is followed by a look: whoever found too
 * small a count beside us relies on us (I4). */
static ms_reg counted_take(struct buddy_counter *s, uint32_t chunk, uint32_t block, uint32_t stride)
{
    while (count_take(&s->entry[chunk], block)) {
        ms_reg first = chunk_take(s, chunk, block, stride);
        if (first != MS_REG_NONE)
            return first;
        ms_fetch_add_seq_cst(&s->entry[chunk], block); /* nothing aligned: the promise goes back */
        if (!chunk_has(s, chunk, block, stride))
            break;
    }
    return MS_REG_NONE;
}

/* --- blocks of whole chunks --------------------------------------------------------------- */

static bool chunks_claim(struct buddy_counter *s, uint32_t first, uint32_t chunks)
{
    uint32_t i;

    for (i = 0; i < chunks; i++) {
        uint32_t seen = CHUNK_BITS;
        if (!ms_cas_seq_cst(&s->entry[first + i], &seen, ENTRY_WHOLE)) /* hb:run-given, acquire */
            goto undo_chunks;
    }
    return true;

undo_chunks:
    while (i-- > 0) /* exactly those that were taken: another one may be somebody else's */
        ms_exchange_seq_cst(&s->entry[first + i], CHUNK_BITS);
    return false;
}

/* Whether the chunks were all free when we looked; changes nothing. */
static bool chunks_are_free(const struct buddy_counter *s, uint32_t first, uint32_t chunks)
{
    for (uint32_t i = first; i < first + chunks; i++)
        if (ms_load_seq_cst(&s->entry[i]) != CHUNK_BITS)
            return false;
    return true;
}

static ms_reg chunks_take(struct buddy_counter *s, uint32_t chunks, uint32_t stride)
{
    for (uint32_t first = 0; first + chunks <= s->chunks; first += stride)
        while (chunks_are_free(s, first, chunks)) /* again after an undo: I4 */
            if (chunks_claim(s, first, chunks))
                return first * CHUNK_BITS;
    return MS_REG_NONE;
}

/* --- the table ---------------------------------------------------------------------------- */

static size_t entries_bytes(uint32_t registers)
{
    return ms_round_up(chunks_for(registers) * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t words_bytes(uint32_t registers)
{
    return ms_round_up(ms_words_for(registers) * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static size_t buddy_counter_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct buddy_counter) + shape.cpus * sizeof(struct buddy_hint) +
           entries_bytes(shape.registers) + words_bytes(shape.registers) +
           ms_ledger_bytes(shape.registers);
}

static void buddy_counter_init(void *state, struct ms_reg_shape shape)
{
    struct buddy_counter *s = state;
    char *at = (char *)(s + 1);

    s->registers = shape.registers;
    s->words = ms_words_for(shape.registers);
    s->chunks = chunks_for(shape.registers);
    s->cpus = shape.cpus;
    s->hint = (struct buddy_hint *)at;
    at += shape.cpus * sizeof(struct buddy_hint);
    s->entry = (ms_atomic_u32 *)at;
    at += entries_bytes(shape.registers);
    s->word = (ms_atomic_u64 *)at;
    at += words_bytes(shape.registers);
    ms_ledger_init(&s->ledger, at, shape.registers);
    for (uint32_t i = 0; i < s->words; i++)
        ms_init(&s->word[i], ms_word_inside(shape.registers, i));
    for (uint32_t i = 0; i < s->chunks; i++)
        ms_init(&s->entry[i], (uint32_t)ms_min_u64(CHUNK_BITS, shape.registers - i * CHUNK_BITS));
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++) /* apart, so that CPUs do not meet at once */
        s->hint[cpu].chunk = (uint32_t)((uint64_t)cpu * s->chunks / s->cpus);
}

static ms_reg small_take(struct buddy_counter *s, uint32_t cpu, uint32_t block, uint32_t stride)
{
    uint32_t start = cpu == MS_CPU_NONE ? 0 : s->hint[cpu].chunk;
    uint32_t step = stride > CHUNK_BITS ? stride / CHUNK_BITS : 1;

    for (uint32_t n = 0, i = start; n < s->chunks; n++, i = i + 1 < s->chunks ? i + 1 : 0) {
        if (i % step != 0)
            continue;
        ms_reg first = counted_take(s, i, block, stride < CHUNK_BITS ? stride : CHUNK_BITS);
        if (first == MS_REG_NONE)
            continue;
        if (cpu != MS_CPU_NONE && i != start)
            s->hint[cpu].chunk = i;
        return first;
    }
    return MS_REG_NONE;
}

static ms_reg buddy_counter_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct buddy_counter *s = state;

    ms_assert(ms_want_is_valid(want));
    if (want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;
    /* Aligned to its own size, a block crosses no boundary that is not smaller than the run. */
    uint32_t block = block_for(want.run);
    uint32_t stride = block > want.align ? block : want.align;
    ms_reg first = block < CHUNK_BITS ? small_take(s, cpu, block, stride)
                                      : chunks_take(s, block / CHUNK_BITS, stride / CHUNK_BITS);
    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

static void buddy_counter_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct buddy_counter *s = state;
    uint32_t block = block_for(run);
    uint32_t chunk = first / CHUNK_BITS;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    if (block < CHUNK_BITS) {
        ms_words_give(s->word, first, first + block);
        ms_fetch_add_seq_cst(&s->entry[chunk],
                             block); /* hb:run-given, release: bits before count */
        return;
    }
    for (uint32_t i = chunk; i < chunk + block / CHUNK_BITS; i++) {
        uint32_t before = ms_exchange_seq_cst(&s->entry[i], CHUNK_BITS); /* hb:run-given, release */
        ms_assert(before == ENTRY_WHOLE);                                /* I2 */
        (void)before;
    }
}

static uint32_t buddy_counter_free_count(const void *state)
{
    const struct buddy_counter *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->chunks; i++)
        count +=
            ms_load_relaxed(&s->entry[i]) & ~ENTRY_WHOLE; /* statistics: nobody decides on it */
    return count;
}

static void buddy_counter_occupancy(const void *state, uint64_t *bitmap)
{
    const struct buddy_counter *s = state;

    for (uint32_t i = 0; i < s->words; i++) {
        bool is_whole = ms_load_relaxed(&s->entry[i / CHUNK_WORDS]) == ENTRY_WHOLE;
        uint64_t free = is_whole ? 0 : ms_load_relaxed(&s->word[i]);
        bitmap[i] = ~free & ms_word_inside(s->registers, i);
    }
}

static bool buddy_counter_audit(const void *state)
{
    const struct buddy_counter *s = state;

    for (uint32_t i = 0; i < s->chunks; i++) {
        uint32_t entry = ms_load_relaxed(&s->entry[i]);
        uint32_t bits = 0;
        for (uint32_t w = i * CHUNK_WORDS; w < (i + 1) * CHUNK_WORDS && w < s->words; w++) {
            if (ms_load_relaxed(&s->word[w]) & ~ms_word_inside(s->registers, w))
                return false; /* I3 */
            bits += ms_bits_count(ms_load_relaxed(&s->word[w]));
        }
        if (bits != (entry == ENTRY_WHOLE ? CHUNK_BITS : entry))
            return false; /* I1, I2 */
    }
    /* Blocks may be larger than the runs the ledger knows. */
    return !MS_ASSERTS_ON ||
           ms_ledger_sum(&s->ledger) <= s->registers - buddy_counter_free_count(state);
}

const struct ms_reg_ops ms_reg_buddy_counter = {
    .name = "buddy-counter",
    .summary = "aligned powers of two out of chunks with a counter each",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = false,
    .is_exact = false,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = buddy_counter_state_size,
    .init = buddy_counter_init,
    .take = buddy_counter_take,
    .give = buddy_counter_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = buddy_counter_free_count,
    .occupancy = buddy_counter_occupancy,
    .audit = buddy_counter_audit,
};
