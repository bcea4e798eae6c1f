/* SPDX-License-Identifier: MIT */
/*
 * sim_race.c: a happens-before check of plain data that atomics hand over.
 *
 * Idea        per four bytes: who wrote last and when, and when each fiber last read. A read must
 *             happen-after the last write, a write after the last write and all reads.
 * When        an access lies behind its fiber's last step and before the next: a release in the last one does not
 *             publish it, a release in the next one does.
 * Bytes       a mask of the four bytes an access covers, so neighbours of different owners in one
 *             word do not meet. A write replaces what is known of the word, a read what is known of its
 *             fiber's: of accesses to parts of one word the older ones are forgotten, never mixed up.
 * Long ranges are checked at their first and last SAMPLED words: pages are handed over whole
 */
#include "platform/sim_state.h"

#include <string.h>

enum {
    WORD = 4,
    SAMPLED = 32, /* words at each end of a longer range */
    SLOTS = 32768,
    USED_MAX = SLOTS / 2,
};

struct sim_word {
    sim_clock reads; /* component f: clock of fiber f's last read; 0: none */
    uintptr_t address;
    const struct ms_sim_site *writer;
    const struct ms_sim_site *reader;
    uint32_t generation;
    uint16_t epoch;
    uint8_t fiber; /* of the write */
    uint8_t write_mask;
    uint8_t read_mask
        [MS_SIM_FIBERS_MAX]; /* of each fiber's last read: what it read before is forgotten */
};

static struct sim_word words[SLOTS];
static uint16_t used_at[USED_MAX]; /* where the words of this execution are */
static uint32_t used;

void sim_race_begin(void)
{
    used = 0;
}

/* NULL when the table is full: further words go unchecked. */
static struct sim_word *word_find(uintptr_t address)
{
    uint32_t at = (uint32_t)((address * 0x9E3779B97F4A7C15u) >> 49) % SLOTS;

    while (words[at].generation == sim.generation) {
        if (words[at].address == address)
            return &words[at];
        at = (at + 1) % SLOTS;
    }
    if (used == USED_MAX)
        return NULL;
    used_at[used++] = (uint16_t)at;
    words[at] = (struct sim_word){.address = address, .generation = sim.generation};
    return &words[at];
}

/* When an access of `f` is made, as others' clocks count its steps. */
static uint16_t now_of(const struct sim_fiber *f)
{
    return (uint16_t)(f->clock[f->index] + 1);
}

/* The masks of all fibers at once: most words have been read by nobody yet. */
static_assert(MS_SIM_FIBERS_MAX == sizeof(uint64_t), "a byte per fiber");

static uint64_t masks_of(const struct sim_word *w)
{
    uint64_t masks;

    memcpy(&masks, w->read_mask, sizeof masks);
    return masks;
}

/* The mask, for every fiber. */
static uint64_t spread(uint8_t mask)
{
    return mask * UINT64_C(0x0101010101010101);
}

static bool is_after_reads(const struct sim_word *w, uint8_t mask, const struct sim_fiber *f)
{
    if ((masks_of(w) & spread(mask)) == 0)
        return true;
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
        if (i != f->index && (w->read_mask[i] & mask) != 0 && w->reads[i] > f->clock[i])
            return false;
    return true;
}

static const struct ms_sim_site *word_access(const struct ms_sim_site *site, struct sim_fiber *f,
                                             struct sim_word *w, uint8_t mask, bool is_write)
{
    if ((w->write_mask & mask) != 0 && w->fiber != f->index && f->clock[w->fiber] < w->epoch)
        return w->writer;
    if (is_write && !is_after_reads(w, mask, f))
        return w->reader;
    if (is_write) {
        w->writer = site;
        w->fiber = (uint8_t)f->index;
        w->epoch = now_of(f);
        w->write_mask = mask;
        uint64_t left = masks_of(w) & ~spread(mask);
        memcpy(w->read_mask, &left, sizeof left);
    } else {
        w->reader = site;
        w->read_mask[f->index] = mask;
        w->reads[f->index] = now_of(f);
    }
    return NULL;
}

const struct ms_sim_site *sim_race_access(const struct ms_sim_site *site, struct sim_fiber *f,
                                          const void *object, size_t bytes, bool is_write)
{
    uintptr_t begin = (uintptr_t)object;
    uintptr_t end = begin + bytes;
    uintptr_t first = begin / WORD;
    uintptr_t last = bytes ? (end - 1) / WORD : first;

    if (bytes == 0)
        return NULL;
    for (uintptr_t i = first; i <= last; i++) {
        if (i - first == SAMPLED && last - i > SAMPLED)
            i = last - SAMPLED;
        uintptr_t from = i * WORD < begin ? begin - i * WORD : 0;
        uintptr_t to = (i + 1) * WORD > end ? end - i * WORD : WORD;
        uint8_t mask = (uint8_t)(((1u << to) - 1) & ~((1u << from) - 1));
        struct sim_word *w = word_find(i * WORD);
        const struct ms_sim_site *other = w ? word_access(site, f, w, mask, is_write) : NULL;
        if (other)
            return other;
    }
    return NULL;
}

static void word_clear(struct sim_word *word)
{
    word->write_mask = 0;
    memset(word->read_mask, 0, sizeof word->read_mask);
    word->reads = (sim_clock){0};
}

void sim_race_forget(const void *memory, size_t bytes)
{
    if (used == 0)
        return;
    if (bytes / WORD >= used) { /* fewer were touched than there are in it */
        for (uint32_t i = 0; i < used; i++)
            if (words[used_at[i]].address + WORD > (uintptr_t)memory &&
                words[used_at[i]].address <= (uintptr_t)memory + bytes)
                word_clear(&words[used_at[i]]);
        return;
    }
    for (uintptr_t i = (uintptr_t)memory / WORD; i <= ((uintptr_t)memory + bytes) / WORD; i++) {
        uint32_t at = (uint32_t)((i * WORD * 0x9E3779B97F4A7C15u) >> 49) % SLOTS;
        for (; words[at].generation == sim.generation; at = (at + 1) % SLOTS)
            if (words[at].address == i * WORD)
                word_clear(&words[at]);
    }
}
