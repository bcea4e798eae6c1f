/* SPDX-License-Identifier: MIT */
/*
 * breach_stage.h: what breach_fuzz.c plays with: the machine, the adapters of a driver that keeps no rule, those of
 * drivers that keep all of them, and what is known of the bad driver's requests. Included once.
 *
 * Who may call beside whom: GEN-09 leaves two calls on one map register base to the driver, so whoever maps or
 * flushes keeps those who free away, and an adapter is put when nobody else is inside a call on it (GEN-08 stops
 * the program). Where drivers take turns, one more thing can be said of each call: what it may change.
 */
#ifndef FUZZ_BREACH_STAGE_H
#define FUZZ_BREACH_STAGE_H

#include "stage.h"

#include <inttypes.h>

#include "adapter/grant.h"
#include "controller/system_dma.h" /* to see what a new owner finds of the last one's */

enum {
    FIRST,
    SECOND,
    GOOD,
    RIVAL,
    ENGINE,
    ACTORS,
    FIBERS = MS_SIM_FIBERS_MAX, /* the last one checks */
    BREACHERS = 2,
    SLOTS = 4, /* adapters of the bad driver */
    CONTEXTS = 3,
    DEALS_MAX = 12,
    STARTS_MAX = 8,
    GRANTS = 8,
    BAD_GRANTS = 5, /* the others always find one */
    REGISTERS = 6,
    LEFT_MAX = 3, /* registers that the bad driver may leave for ever: the others' lie beside */
    CHAINS = 4,
    ELEMENTS_MAX = 6,
    ROOM_BYTES = 16 + 24 * ELEMENTS_MAX + MS_LIST_OVERHEAD + 8,
    ROOMS = 3,
    LINE_BAD = 0x1003,
    LINE_GOOD = 0x1004,
};
#define NONE     UINT32_MAX
#define WHATEVER (UINT32_MAX - 1) /* a call that names more than one request */

/* What the bad driver asked for, and what came of it. */
struct deal {
    uint8_t slot, fiber, plan;
    uint8_t context;    /* CONTEXTS: of version 1, which has none */
    uint8_t running_in; /* whose thread its routine was entered by */
    bool is_accepted, is_refused, is_entered, is_cancelled, is_put;
    bool is_done;  /* its routine has returned */
    uint32_t life; /* of its adapter */
    uint32_t registers;
    PVOID base;
    PSCATTER_GATHER_LIST list;
};

/* A transfer of the bad driver's that shall be told of. */
struct bad_start {
    uint32_t told, life;
    uint8_t slot, plan;
    bool is_started;
};

static const struct {
    uint8_t channels;
    bool beside;     /* the bad driver's threads call at the same time */
    bool null_bases; /* MRG-09's other way */
    bool packet;     /* its second adapter is no scatter/gather one */
    uint32_t boundary;
} shapes[] = {{1, false, false, true, 0},    {2, false, false, false, 0},
              {1, true, false, true, 0},     {2, true, false, false, 0},
              {1, false, true, true, 0},     {1, false, false, true, 0x2000},
              {1, true, true, false, 0x1000}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct {
    struct stage stage;
    struct ms_controller *controller;
    struct ms_pool *pool[MS_POOL_KINDS];
    PDMA_ADAPTER adapter[SLOTS];
    ULONG most[SLOTS];        /* registers */
    uint32_t index[SLOTS];    /* of the adapter, */
    bool system[SLOTS];       /* which is a channel's: also when it is put meanwhile */
    PMDL chain[CHAINS], tail; /* the second goes on with `tail` */
    bool beside;
    uint32_t boundary;
    PDMA_ADAPTER good, wide, rival;
    HANDLE home; /* wide's domain */
    PMDL good_mdl, rival_mdl;
    struct ms_fifo fifo, bad_fifo;
    uint8_t bad_bytes[64];
    DEVICE_OBJECT device[2]; /* of the bad driver */
    /* From here on what an execution changes; it comes back with the rest. */
    char context[CONTEXTS][DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    bool is_noisy[CONTEXTS];
    char room[ROOMS][ROOM_BYTES] __attribute__((aligned(16)));
    struct deal deal[DEALS_MAX];
    uint32_t deals, asking; /* calls that may become a grant */
    bool is_touched[SLOTS]; /* an adapter that somebody called on */
    struct bad_start start[STARTS_MAX];
    uint32_t starts, maps;
    uint32_t life[SLOTS];  /* +1 with each adapter that the slot has */
    bool is_member[SLOTS]; /* of wide's domain, */
    uint32_t joins;        /* which so many have joined */
    uint32_t users[SLOTS], users_by[SLOTS][FIBERS], frees[SLOTS], frees_by[SLOTS][FIBERS];
    uint32_t mover[SLOTS], moves[SLOTS];        /* who maps or flushes, so often nested */
    bool has_failed[FIBERS][SLOTS];             /* FRE-18, as far as it is known */
    uint32_t inside, inside_by[FIBERS], nested; /* calls of the bad driver now, and so far */
    bool is_reading_list;        /* a chain is made of one: nobody puts it meanwhile (GEN-09) */
    bool has_noise;              /* some context was written over and used */
    uint32_t ending[SLOTS];      /* adapters that are being put */
    bool has_left;               /* an adapter was put in use, so requests stay as they are */
    uint32_t left;               /* registers of adapters that were put */
    ms_atomic_u32 opened[SLOTS]; /* hb:breach-open: the life that is there to be called on */
    ms_atomic_u32 turn;          /* hb:breach-turn: what one thread did the other one knows */
    uint32_t finished;
    char rival_state[1024]; /* of those who begin with a transfer of the others' */
    uint64_t digest;
} b;

static void adapter_keep(uint32_t slot, PDMA_ADAPTER public, ULONG most)
{
    const struct ms_adapter *adapter = (const struct ms_adapter *)(void *)public;

    b.adapter[slot] = public;
    b.index[slot] = adapter->index;
    b.system[slot] = adapter->controller != NULL;
    b.most[slot] = most;
}

/* Whose thread this is: the first one's where the stage is set. */
static uint32_t self(void)
{
    return ms_sim_is_running() ? ms_sim_self() : FIRST;
}

/* --- the truth: what the machine has of a request, read beside all steps ------------------------------------ */

static union ms_grant_word word_of(uint32_t index)
{
    union ms_grant_word word;

    memcpy(&word, &b.stage.dma->grants[index].state, sizeof word);
    return word;
}

static uint32_t slot_index(uint32_t slot)
{
    return b.index[slot];
}

/* The grant that a map register base names, whosever it is; NONE: none. */
static uint32_t grant_of(PVOID base)
{
    uint64_t name = (uint64_t)(uintptr_t)base;
    uint32_t index = ms_base_index(name);

    if (index >= GRANTS)
        return NONE;
    return word_of(index).serial == (name ^ MS_BASE_FLIP) >> 32 ? index : NONE;
}

/* The slot's owner. */
static uint32_t owner_of(uint32_t slot)
{
    for (uint32_t i = 0; i < GRANTS; i++) {
        union ms_grant_word word = word_of(i);
        if (word.phase == GRANT_HELD && word.owns && word.adapter == slot_index(slot))
            return i;
    }
    return NONE;
}

static bool slot_waits(uint32_t slot)
{
    for (uint32_t i = 0; i < GRANTS; i++) {
        union ms_grant_word word = word_of(i);
        if (word.adapter == slot_index(slot) &&
            (word.phase == GRANT_WAITING || word.phase == GRANT_READY))
            return true;
    }
    return false;
}

/* The request that waits under this context: nobody has begun to grant it. */
static uint32_t waiting_of(const void *context)
{
    for (uint32_t i = 0; i < GRANTS; i++) {
        PVOID named;
        memcpy(&named, &b.stage.dma->grants[i].context, sizeof named);
        if (named == context && word_of(i).phase == GRANT_WAITING)
            return i;
    }
    return NONE;
}

static uint32_t mapping_of(uint32_t index)
{
    uint32_t mapping;

    memcpy(&mapping, &b.stage.dma->grants[index].mapping, sizeof mapping);
    return mapping;
}

/* The DMA channel of the grant that a base names. */
static uint32_t channel_of(PVOID base)
{
    uint64_t channel;
    uint32_t index = grant_of(base);

    if (index == NONE)
        return NONE;
    memcpy(&channel, &b.stage.dma->grants[index].channel, sizeof channel);
    return (uint32_t)channel - 1;
}

static bool is_system(uint32_t slot)
{
    return b.system[slot];
}

/* --- calls of the bad driver --------------------------------------------------------------------------------- */

enum way { USES, MOVES, FREES, PUTS };

struct call {
    uint32_t fiber, slot, nested;
    enum way way;
    bool is_system;
    KIRQL irql;
    union ms_grant_word before[GRANTS];
};

static void words_read(union ms_grant_word *words)
{
    for (uint32_t i = 0; i < GRANTS; i++)
        words[i] = word_of(i);
}

static bool may_call(uint32_t fiber, uint32_t slot, enum way way)
{
    if (!b.adapter[slot] || (!b.beside && b.inside != b.inside_by[fiber]))
        return false;
    switch (way) {
    case MOVES:
        return b.frees[slot] == b.frees_by[slot][fiber] &&
               (b.moves[slot] == 0 || b.mover[slot] == fiber);
    case FREES:
        return b.moves[slot] == 0 || b.mover[slot] == fiber;
    case PUTS:
        return b.users[slot] == b.users_by[slot][fiber];
    default:
        return true;
    }
}

/* False: not now. */
static bool call_begin(struct call *call, uint32_t slot, enum way way)
{
    uint32_t fiber = self();

    /* hb:breach-open */
    if (b.life[slot] > 0 && ms_load_acquire(&b.opened[slot]) != b.life[slot])
        return false;
    if (!may_call(fiber, slot, way))
        return false;
    *call = (struct call){.fiber = fiber, .slot = slot, .way = way};
    b.is_touched[slot] = true;
    b.users[slot]++;
    b.users_by[slot][fiber]++;
    if (way == MOVES) {
        b.mover[slot] = fiber;
        b.moves[slot]++;
    } else if (way == FREES) {
        b.frees[slot]++;
        b.frees_by[slot][fiber]++;
    }
    b.inside++;
    b.inside_by[fiber]++;
    call->nested = ++b.nested;
    call->irql = KeGetCurrentIrql();
    call->is_system = is_system(slot);
    words_read(call->before);
    return true;
}

/* Whoever took a turn meanwhile, or was being called: then less can be said. */
static bool is_alone(const struct call *call)
{
    return !b.beside && b.nested == call->nested;
}

static bool is_bad(uint32_t adapter)
{
    const PDMA_ADAPTER others[] = {b.good, b.wide, b.rival};

    for (uint32_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (((struct ms_adapter *)(void *)others[i])->index == adapter)
            return false;
    return true;
}

/* Nobody is about to change it: its routine has returned, and whoever released some of it is done with that. */
static bool is_settled(union ms_grant_word word)
{
    return word.phase == GRANT_HELD && !word.running && !word.putting && word.linked == word.owns &&
           (word.owns || word.has || word.listed);
}

/* Behind a call: its level, and every request of the bad driver but the one that it names. */
static void call_end(struct call *call, uint32_t named, const char *what)
{
    if (KeGetCurrentIrql() != call->irql)
        ms_sim_fail("O7 a call leaves at another level", "%s: %u, it came at %u", what,
                    KeGetCurrentIrql(), call->irql);
    for (uint32_t i = 0; i < GRANTS && named != WHATEVER && is_alone(call); i++) {
        union ms_grant_word was = call->before[i];
        if (i != named && is_settled(was) && is_bad(was.adapter) && word_of(i).raw != was.raw)
            ms_sim_fail("O1 a call changes a request that it does not name", "%s: grant %u", what,
                        i);
    }
    /* hb:breach-turn: whoever puts the adapter now sees what this call did. */
    ms_fetch_add_acq_rel(&b.turn, 1);
    b.users[call->slot]--;
    b.users_by[call->slot][call->fiber]--;
    if (call->way == MOVES) {
        b.moves[call->slot]--;
    } else if (call->way == FREES) {
        b.frees[call->slot]--;
        b.frees_by[call->slot][call->fiber]--;
    }
    b.inside--;
    b.inside_by[call->fiber]--;
}

/* The newest table, whatever version the adapter is of: a filter's table would have led there too (GEN-03, GEN-04). */
static const DMA_OPERATIONS *ops(void)
{
    return b.good->DmaOperations;
}

/* It is no member of the others' domain any more: that is to be seen by whoever acquires `turn` from now on. */
static void domain_left(uint32_t slot)
{
    if (!b.is_member[slot])
        return;
    ms_fetch_add_acq_rel(&b.turn, 1); /* hb:breach-turn */
    b.is_member[slot] = false;
}

static void expect_status(NTSTATUS status, NTSTATUS wanted, const char *what)
{
    if (status != wanted)
        ms_sim_fail("O7 a call ends with another status", "%s: %08x, wanted %08x", what,
                    (unsigned)status, (unsigned)wanted);
}

#endif
