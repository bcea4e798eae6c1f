/* SPDX-License-Identifier: MIT */
/*
 * fifo: a device whose every byte is known beforehand, so that data is checked in both directions.
 *
 * Idea        byte i it gives is a hash of its seed and i; what it takes is kept. A request line is a
 *             count of bytes: in demand mode the engine moves while it is not zero (SDM-12).
 * Ordering    credit and stall are numbers that order nothing: relaxed. Only the engine touches the rest.
 * Progress    wait-free
 */
#include "controller/controller.h"

#include <string.h>

uint8_t ms_fifo_byte(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + index * 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 29)) * 0xBF58476D1CE4E5B9u;
    return (uint8_t)(z >> 56);
}

void ms_fifo_init(struct ms_fifo *fifo, uint64_t seed, uint8_t *taken, uint64_t taken_max)
{
    *fifo = (struct ms_fifo){
        .seed = seed,
        .taken = taken,
        .taken_max = taken_max,
        .fault_at = UINT64_MAX,
        .lies_at = UINT64_MAX,
        .unit = 1,
    };
    ms_init(&fifo->credit, UINT64_MAX);
    ms_init(&fifo->stalled, 0);
}

void ms_fifo_credit(struct ms_fifo *fifo, uint64_t bytes)
{
    if (ms_load_relaxed(&fifo->credit) != UINT64_MAX)
        ms_fetch_add_relaxed(&fifo->credit, bytes);
}

void ms_fifo_stall(struct ms_fifo *fifo, bool stalls)
{
    ms_store_relaxed(&fifo->stalled, stalls);
}

static uint32_t fifo_ready(void *device, uint64_t address, bool to_device, bool demand,
                           uint32_t wanted)
{
    struct ms_fifo *fifo = device;
    uint64_t at = to_device ? fifo->taken_count : fifo->given_count;
    uint64_t most = wanted;

    fifo->address = address;
    fifo->demand = demand;
    if (fifo->lies_at != UINT64_MAX && address != fifo->lies_at)
        return MS_ENDPOINT_FAULT; /* nothing answers there */
    if (ms_load_relaxed(&fifo->stalled))
        return 0;
    if (demand)
        most = ms_min_u64(most, ms_load_relaxed(&fifo->credit));
    /* A register that holds the broken byte breaks as a whole. */
    if (at >= fifo->fault_at || fifo->fault_at - at < fifo->unit)
        return MS_ENDPOINT_FAULT;
    return (uint32_t)ms_min_u64(most, fifo->fault_at - at);
}

static void credit_use(struct ms_fifo *fifo, uint32_t count)
{
    if (fifo->demand && ms_load_relaxed(&fifo->credit) != UINT64_MAX)
        ms_fetch_sub_relaxed(&fifo->credit, count);
}

static void fifo_peek(void *device, uint64_t address, uint8_t *bytes, uint32_t count)
{
    struct ms_fifo *fifo = device;

    (void)address;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = ms_fifo_byte(fifo->seed, fifo->given_count + i);
}

static void fifo_pop(void *device, uint64_t address, uint32_t count)
{
    struct ms_fifo *fifo = device;

    (void)address;
    fifo->given_count += count;
    credit_use(fifo, count);
}

static void fifo_push(void *device, uint64_t address, const uint8_t *bytes, uint32_t count)
{
    struct ms_fifo *fifo = device;

    (void)address;
    for (uint32_t i = 0; i < count; i++)
        if (fifo->taken_count + i < fifo->taken_max)
            fifo->taken[fifo->taken_count + i] = bytes[i];
    fifo->taken_count += count;
    credit_use(fifo, count);
}

struct ms_endpoint ms_fifo_endpoint(struct ms_fifo *fifo)
{
    static const struct ms_endpoint_ops ops = {fifo_ready, fifo_peek, fifo_pop, fifo_push};

    return (struct ms_endpoint){.ops = &ops, .device = fifo};
}
