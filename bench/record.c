/* SPDX-License-Identifier: MIT */
/*
 * record.c: what adapters ask of their register file.
 *
 * Drivers     two queues of a device each, played in turns. A request allocates its channel with as many
 *             registers as GetDmaTransferInfo says its buffer needs, and gives them back when the device is
 *             done: a disk's in random order, a network card's receive buffers in the order they came.
 * Recorded    between the pool and the strategy, by a table that stands in front of the default strategy
 *             and writes down what it grants: how a pool breaks a request into runs is part of it.
 * Buffers     of recorded memory (corpus/layouts), which a 32-bit device cannot reach, so they need
 *             registers.
 */
#include "record.h"

#include "chains.h"
#include "order.h"
#include "platform/prng.h"
#include "registers/registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUES = 2,
    REGISTERS = 4096,
    SIZES = 4,
    INPUTS = 16,
    FLIGHT_MAX = 256,
    STEPS = 1500, /* of a queue: enough to fill the file and to turn it over several times */
    SEED = 2026,
};

/* What a driver's requests look like. */
struct device {
    const char *name, *title, *adapter;
    uint32_t in_flight; /* of a queue */
    bool is_fifo;       /* the oldest ends first */
    struct {
        uint32_t share; /* of 100 requests */
        const char *shape;
    } size[SIZES];
};

static const struct device devices[] = {
    {.name = "disk",
     .title = "a disk behind a 32-bit scatter/gather adapter: 4 KiB to 1 MiB, ended in any order",
     .adapter = "sg32",
     .in_flight = 24,
     .size = {{40, "1p"}, {20, "4p"}, {35, "heap-recycled-64k"}, {5, "heap-recycled-1m"}}},
    {.name = "network",
     .title = "a network card behind a 32-bit packet adapter: receive buffers, first in first out",
     .adapter = "packet",
     .in_flight = FLIGHT_MAX,
     .is_fifo = true,
     .size = {{75, "packet"}, {20, "1p"}, {5, "4p"}}},
};

const char *ms_record_device(size_t index)
{
    return index < sizeof devices / sizeof *devices ? devices[index].name : NULL;
}

/* ---- the table in front of the strategy --------------------------------------------------------- */

/* Who records; one at a time, on one thread. */
static struct {
    struct ms_requests *r;
    uint32_t thread;
    bool has_failed;           /* no memory, or more steps than a trace may have */
    uint32_t slot[REGISTERS];  /* of the run that begins at this register */
    uint32_t queue[REGISTERS]; /* whose it is */
    bool is_used[QUEUES][REGISTERS];
} tape;

static const struct ms_reg_ops *inner(void)
{
    return ms_strategy_default();
}

static uint32_t slot_find(uint32_t queue)
{
    uint32_t slot = 0;

    while (slot < REGISTERS - 1 && tape.is_used[queue][slot])
        slot++;
    tape.is_used[queue][slot] = true;
    return slot;
}

static void tape_write(uint32_t queue, struct ms_request request)
{
    tape.has_failed = !ms_requests_add(tape.r, queue, request) || tape.has_failed;
}

static ms_reg tape_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    ms_reg first = inner()->take(state, cpu, want);

    if (first == MS_REG_NONE)
        return first;
    tape.queue[first] = tape.thread;
    tape.slot[first] = slot_find(tape.thread);
    tape_write(tape.thread, (struct ms_request){.slot = tape.slot[first], .run = want.run});
    return first;
}

static void tape_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    tape_write(tape.queue[first], (struct ms_request){.slot = tape.slot[first]});
    tape.is_used[tape.queue[first]][tape.slot[first]] = false;
    inner()->give(state, cpu, first, run);
}

/* ---- a driver ----------------------------------------------------------------------------------- */

struct request {
    PVOID base;
    uint32_t registers;
};

/* Buffers of one size, and how many registers each needs. */
struct buffers {
    struct ms_chains chains;
    uint32_t registers;
};

struct queue {
    PDMA_ADAPTER adapter;
    struct request flight[FLIGHT_MAX];
    uint32_t oldest, count;
};

struct studio {
    const struct device *device;
    struct ms_rig rig;
    struct buffers buffers[SIZES];
    struct queue queue[QUEUES];
    struct ms_prng random;
};

static uint32_t size_draw(struct studio *s)
{
    uint32_t ticket = ms_prng_below(&s->random, 100);
    uint32_t size = 0;

    while (ticket >= s->device->size[size].share)
        ticket -= s->device->size[size++].share;
    return size;
}

static void request_end(struct studio *s, struct queue *q)
{
    uint32_t pick = s->device->is_fifo
                        ? q->oldest
                        : (q->oldest + ms_prng_below(&s->random, q->count)) % FLIGHT_MAX;
    struct request ended = q->flight[pick];

    q->flight[pick] = q->flight[q->oldest];
    q->oldest = (q->oldest + 1) % FLIGHT_MAX;
    q->count--;
    q->adapter->DmaOperations->FreeMapRegisters(q->adapter, ended.base, ended.registers);
}

/* False when the file has no room for it now. */
static bool request_begin(struct studio *s, struct queue *q)
{
    _Alignas(16) char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    PDMA_OPERATIONS table = q->adapter->DmaOperations;
    struct request *begun = &q->flight[(q->oldest + q->count) % FLIGHT_MAX];

    begun->registers = s->buffers[size_draw(s)].registers;
    if (!NT_SUCCESS(table->InitializeDmaTransferContext(q->adapter, context)) ||
        !NT_SUCCESS(table->AllocateAdapterChannelEx(q->adapter, &s->rig.pdo, context,
                                                    begun->registers, DMA_SYNCHRONOUS_CALLBACK,
                                                    NULL, NULL, &begun->base)))
        return false;
    table->FreeAdapterObject(q->adapter, DeallocateObjectKeepRegisters);
    q->count++;
    return true;
}

/* ---- before and after --------------------------------------------------------------------------- */

static bool buffers_make(struct studio *s, const struct ms_catalog *catalog, char *why)
{
    for (uint32_t i = 0; i < SIZES && s->device->size[i].share; i++) {
        const struct ms_layout *layout;
        struct ms_chain_recipe recipe;
        uint32_t list_bytes;

        if (!ms_chain_recipe_find(catalog, s->device->size[i].shape, &recipe, &layout)) {
            snprintf(why, MS_WHY_BYTES,
                     "the recorded layout %s is not here: corpus/layouts is not beside the program",
                     s->device->size[i].shape);
            return false;
        }
        if (!ms_chains_make(&s->buffers[i].chains, s->rig.memory, &recipe, layout, INPUTS, why) ||
            !ms_rig_measure(s->queue[0].adapter, &s->buffers[i].chains, &s->buffers[i].registers,
                            &list_bytes, why))
            return false;
    }
    return true;
}

static void studio_close(struct studio *s)
{
    for (uint32_t i = 0; i < QUEUES; i++) {
        while (s->queue[i].count > 0)
            request_end(s, &s->queue[i]);
        if (s->queue[i].adapter)
            s->queue[i].adapter->DmaOperations->PutDmaAdapter(s->queue[i].adapter);
    }
    for (uint32_t i = 0; i < SIZES; i++)
        ms_chains_drop(&s->buffers[i].chains);
    if (s->rig.memory)
        ms_rig_drop(&s->rig);
}

static bool studio_open(struct studio *s, const struct ms_catalog *catalog,
                        const struct ms_reg_ops *ops, char *why)
{
    if (!ms_rig_make(&s->rig, why) || !ms_rig_equip(&s->rig, ops, REGISTERS, why))
        return false;
    for (uint32_t i = 0; i < QUEUES; i++) {
        s->queue[i].adapter = ms_rig_adapter(&s->rig, s->device->adapter, why);
        if (!s->queue[i].adapter)
            return false;
    }
    return buffers_make(s, catalog, why);
}

/* The queues in turns; each keeps as many requests in flight as its device takes. */
static void play(struct studio *s, struct ms_requests *r)
{
    for (bool is_short = true; is_short && !tape.has_failed;) {
        is_short = false;
        for (uint32_t i = 0; i < QUEUES; i++) {
            struct queue *q = &s->queue[i];

            tape.thread = i;
            while (q->count == s->device->in_flight || (!request_begin(s, q) && q->count > 0))
                request_end(s, q);
            is_short = is_short || r->thread[i].steps < STEPS;
        }
    }
}

bool ms_record(const struct ms_catalog *catalog, const char *device, struct ms_requests *r,
               char why[MS_WHY_BYTES])
{
    struct ms_reg_ops ops = *inner();
    struct studio *s = calloc(1, sizeof *s);
    size_t at = 0;
    bool is_done;

    while (at < sizeof devices / sizeof *devices && strcmp(devices[at].name, device) != 0)
        at++;
    if (!s || at == sizeof devices / sizeof *devices) {
        snprintf(why, MS_WHY_BYTES,
                 s ? "no device is named %.60s: there are disk and network"
                   : "no memory to record %.60s",
                 device);
        free(s);
        return false;
    }
    memset(&tape, 0, sizeof tape);
    tape.r = r;
    ops.take = tape_take;
    ops.give = tape_give;
    s->device = &devices[at];
    s->random = (struct ms_prng){SEED};
    is_done = studio_open(s, catalog, &ops, why);
    if (is_done) {
        snprintf(r->title, sizeof r->title, "%s", s->device->title);
        r->registers = REGISTERS;
        r->threads = QUEUES;
        play(s, r);
        is_done = !tape.has_failed;
        if (!is_done)
            snprintf(why, MS_WHY_BYTES, "no memory for the trace");
    }
    studio_close(s);
    free(s);
    return is_done;
}
