/* SPDX-License-Identifier: MIT */
/*
 * sim_race.c: a happens-before check of plain data that atomics hand over.
 *
 * Idea        per four bytes: who wrote last and when, and when each fiber last read. A read must
 *             happen-after the last write, a write after the last write and all reads.
 * When        an access lies behind its fiber's last step and before the next: a release in the last one does not
 *             publish it, a release in the next one does.
 * Bytes       most words are touched by the same bytes every time, which a mask says. One that is touched by others
 *             too is known by its bytes from then on, so neighbours of different owners never meet, nor are lost.
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
    sim_clock reads;   /* component f: clock of fiber f's last read; 0: none */
    uintptr_t address; /* of four bytes; of one of a word that is known by its bytes, and A_BYTE */
    const struct ms_sim_site *writer;
    uint32_t reader[MS_SIM_FIBERS_MAX]; /* site of each fiber's last read */
    uint32_t generation;
    uint16_t epoch; /* of the write; 0: none */
    uint8_t fiber;  /* of the write */
    uint8_t unit;   /* the bytes that are touched; 0: none yet, BY_BYTES: look at each one's own */
    uint8_t have_read; /* bit f: fiber f, since the last write */
};

enum { BY_BYTES = 0xFF };
#define A_BYTE ((uintptr_t)1 << 63)

static struct sim_word words[SLOTS];
static uint16_t used_at[USED_MAX]; /* where the words of this execution are */
static uint32_t used;

void sim_race_begin(void)
{
    used = 0;
}

static uint32_t slot_of(uintptr_t address)
{
    return (uint32_t)((address * 0x9E3779B97F4A7C15u) >> 49) % SLOTS;
}

/* NULL when the table is full: further words go unchecked. */
static struct sim_word *word_find(uintptr_t address)
{
    uint32_t at = slot_of(address);

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

static const struct ms_sim_site *unordered_reader(const struct sim_word *w,
                                                  const struct sim_fiber *f)
{
    for (uint32_t rest = w->have_read & ~(1u << f->index); rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        if (w->reads[i] > f->clock[i])
            return ms_sim_site_by_id(w->reader[i]);
    }
    return NULL;
}

static const struct ms_sim_site *unit_access(const struct ms_sim_site *site, struct sim_fiber *f,
                                             struct sim_word *w, bool is_write)
{
    if (w->epoch != 0 && w->fiber != f->index && f->clock[w->fiber] < w->epoch)
        return w->writer;
    if (!is_write) {
        w->have_read |= (uint8_t)(1u << f->index);
        w->reader[f->index] = site->id;
        w->reads[f->index] = now_of(f);
        return NULL;
    }
    const struct ms_sim_site *other = w->have_read ? unordered_reader(w, f) : NULL;
    if (other)
        return other;
    w->writer = site;
    w->fiber = (uint8_t)f->index;
    w->epoch = now_of(f);
    w->have_read = 0;
    return NULL;
}

/* From now on each of its bytes is known by itself. */
static void word_split(struct sim_word *w)
{
    struct sim_word whole = *w;

    w->unit = BY_BYTES;
    for (uint32_t i = 0; i < WORD; i++) {
        struct sim_word *byte =
            whole.unit >> i & 1 ? word_find((whole.address + i) | A_BYTE) : NULL;
        if (!byte)
            continue;
        uintptr_t address = byte->address;
        *byte = whole;
        byte->address = address;
        byte->unit = 1;
    }
}

static const struct ms_sim_site *word_access(const struct ms_sim_site *site, struct sim_fiber *f,
                                             struct sim_word *w, uint8_t mask, bool is_write)
{
    const struct ms_sim_site *other = NULL;

    if (w->unit == 0)
        w->unit = mask;
    if (MS_LIKELY(w->unit == mask))
        return unit_access(site, f, w, is_write);
    if (w->unit != BY_BYTES)
        word_split(w);
    uintptr_t address = w->address; /* what is found may be another's place */
    for (uint32_t i = 0; i < WORD && !other; i++)
        if (mask >> i & 1) {
            struct sim_word *byte = word_find((address + i) | A_BYTE);
            other = byte ? unit_access(site, f, byte, is_write) : NULL;
        }
    return other;
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
    word->unit = 0;
    word->epoch = 0;
    word->have_read = 0;
}

/* What is known at that address, if anything is. */
static struct sim_word *word_known(uintptr_t address)
{
    uint32_t at = slot_of(address);

    for (; words[at].generation == sim.generation; at = (at + 1) % SLOTS)
        if (words[at].address == address)
            return &words[at];
    return NULL;
}

void sim_race_forget(const void *memory, size_t bytes)
{
    if (used == 0)
        return;
    if (bytes / WORD >= used) { /* fewer were touched than there are in it */
        for (uint32_t i = 0; i < used; i++) {
            uintptr_t address = words[used_at[i]].address & ~(A_BYTE | (WORD - 1));
            if (address + WORD > (uintptr_t)memory && address <= (uintptr_t)memory + bytes)
                word_clear(&words[used_at[i]]);
        }
        return;
    }
    for (uintptr_t i = (uintptr_t)memory / WORD; i <= ((uintptr_t)memory + bytes) / WORD; i++) {
        struct sim_word *word = word_known(i * WORD);
        if (!word)
            continue;
        for (uintptr_t k = 0; k < WORD && word->unit == BY_BYTES; k++) {
            struct sim_word *byte = word_known((i * WORD + k) | A_BYTE);
            if (byte)
                word_clear(byte);
        }
        word_clear(word);
    }
}
