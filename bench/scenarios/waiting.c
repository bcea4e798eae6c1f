/* SPDX-License-Identifier: MIT */
/*
 * waiting.c: requests that wait for map registers, and whether anybody passes them.
 *
 * Played      sixteen devices with an adapter each, all on one small register file, by one thread in random
 *             turns: a device that has nothing asks for 1 to 64 registers, one that holds registers gives them
 *             back, one that waits goes on waiting. The file is far too small for all, so most requests wait.
 * Counted     how many requests had to wait; how many grants passed an older request that was still waiting
 *             (0: first come, first served); and how many grants went to others while one waited, at the
 *             most: with order kept no more than there were before it.
 * Not shown   how long that is: nothing is timed; threads that ask and give at the same time (the storm of
 *             the adapters has those).
 */
#include "waiting.h"

#include "chains.h"
#include "count_names.h"
#include "order.h"
#include "platform/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 16, REGISTERS = 96, EVENTS = 6000 };

enum device_state { DEVICE_IDLE, DEVICE_WAITS, DEVICE_HOLDS };

struct ward;

struct device {
    _Alignas(16) char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    struct ward *ward;
    PDMA_ADAPTER adapter;
    enum device_state state;
    PVOID base;
    uint32_t registers;
    uint64_t ticket; /* of the present request */
    uint64_t passed; /* grants to others while it waits */
};

/* Where they wait. */
struct ward {
    struct ms_rig rig;
    struct ms_prng random;
    struct device device[DEVICES];
    uint64_t tickets, waited, overtakes, passed_most, failed;
    uint64_t latest,
        grants; /* of the call at hand: the latest request granted, and how many were */
};

static IO_ALLOCATION_ACTION granted(PDEVICE_OBJECT object, PIRP irp, PVOID base, PVOID context)
{
    struct device *d = context;
    struct ward *w = d->ward;

    (void)object, (void)irp;
    d->base = base;
    d->state = DEVICE_HOLDS;
    w->grants++;
    if (d->ticket > w->latest)
        w->latest = d->ticket;
    if (d->passed > w->passed_most)
        w->passed_most = d->passed;
    return DeallocateObjectKeepRegisters;
}

static void ask(struct ward *w, struct device *d)
{
    static const uint32_t runs[] = {1, 1, 2, 2, 4, 8, 17, 64};
    PDMA_OPERATIONS table = d->adapter->DmaOperations;

    d->registers = runs[ms_prng_below(&w->random, sizeof runs / sizeof *runs)];
    d->ticket = ++w->tickets;
    d->passed = 0;
    d->state = DEVICE_WAITS;
    if (!NT_SUCCESS(table->InitializeDmaTransferContext(d->adapter, d->context)) ||
        !NT_SUCCESS(table->AllocateAdapterChannelEx(d->adapter, &w->rig.pdo, d->context,
                                                    d->registers, 0, granted, d, NULL))) {
        w->failed++;
        d->state = DEVICE_IDLE;
    }
    w->waited += d->state == DEVICE_WAITS;
}

static void give(struct device *d)
{
    d->state = DEVICE_IDLE;
    d->adapter->DmaOperations->FreeMapRegisters(d->adapter, d->base, d->registers);
}

/* What the last call granted was granted past everybody who asked before and still waits. Routines of one
 * call's grants may run in any order: nobody was passed who has been granted when it returns. */
static void order_look(struct ward *w)
{
    for (uint32_t i = 0; i < DEVICES; i++) {
        struct device *d = &w->device[i];

        if (d->state != DEVICE_WAITS)
            continue;
        d->passed += w->grants;
        w->overtakes += d->ticket < w->latest;
    }
    w->latest = 0;
    w->grants = 0;
}

static void event(struct ward *w)
{
    struct device *d = &w->device[ms_prng_below(&w->random, DEVICES)];

    if (d->state == DEVICE_IDLE)
        ask(w, d);
    else if (d->state == DEVICE_HOLDS)
        give(d);
    order_look(w);
}

/* Gives back until nobody waits. False when somebody is never granted. */
static bool empty(struct ward *w)
{
    for (bool has_any = true; has_any;) {
        has_any = false;
        for (uint32_t i = 0; i < DEVICES; i++)
            if (w->device[i].state == DEVICE_HOLDS) {
                give(&w->device[i]);
                has_any = true;
            }
    }
    for (uint32_t i = 0; i < DEVICES; i++)
        if (w->device[i].state != DEVICE_IDLE)
            return false;
    return true;
}

static bool play(struct ward *w, const struct ms_reg_ops *ops, const char *adapter, char *why)
{
    if (!ms_rig_make(&w->rig, why) || !ms_rig_equip(&w->rig, ops, REGISTERS, why))
        return false;
    for (uint32_t i = 0; i < DEVICES; i++) {
        w->device[i].ward = w;
        w->device[i].adapter = ms_rig_adapter(&w->rig, adapter, why);
        if (!w->device[i].adapter)
            return false;
    }
    for (uint32_t i = 0; i < EVENTS; i++)
        event(w);
    if (empty(w) && w->failed == 0)
        return true;
    snprintf(why, MS_WHY_BYTES, "a request for registers failed, or waits for ever");
    return false;
}

static void ward_close(struct ward *w)
{
    for (uint32_t i = 0; i < DEVICES; i++)
        if (w->device[i].adapter)
            w->device[i].adapter->DmaOperations->PutDmaAdapter(w->device[i].adapter);
    if (w->rig.memory)
        ms_rig_drop(&w->rig);
    free(w);
}

bool ms_waiting_count(const struct ms_catalog *catalog, const char *strategy, const char *adapter,
                      uint64_t seed, struct ms_tally *tally, char *why)
{
    const struct ms_reg_ops *ops = ms_catalog_ops(catalog, strategy);
    struct ward *w = ops ? calloc(1, sizeof *w) : NULL;
    bool is_played;

    if (!w) {
        snprintf(why, MS_WHY_BYTES, ops ? "out of memory" : "no strategy is named %s", strategy);
        return false;
    }
    w->random = (struct ms_prng){ms_seed_mix(seed, 5)};
    is_played = play(w, ops, adapter, why);
    if (is_played) {
        tally->count[tally->counts].name = MS_COUNT_WAITED;
        tally->count[tally->counts++].per_op = (double)w->waited / (double)w->tickets;
        tally->count[tally->counts].name = MS_COUNT_OVERTAKEN;
        tally->count[tally->counts++].per_op = (double)w->overtakes / (double)w->tickets;
        tally->count[tally->counts].name = MS_COUNT_PASSED;
        tally->count[tally->counts++].per_op = (double)w->passed_most;
    }
    ward_close(w);
    return is_played;
}
