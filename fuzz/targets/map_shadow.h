/* SPDX-License-Identifier: MIT */
/*
 * map_shadow.h: what map_fuzz.c plays with, and what it believes of it: who has which map register, which bytes
 * a request's buffer holds, what its list must look like.
 */
#ifndef FUZZ_MAP_SHADOW_H
#define FUZZ_MAP_SHADOW_H

#include "stage.h"

enum {
    DRIVERS = 2,
    ACTORS = 4, /* two drivers, the device, the canceller */
    SLOTS = 3,
    PAGES = 3,
    REQUESTS_MAX = 24,
    POOL_MAX = 16,
    ELEMENTS_MAX = 8,
    LIST_BYTES = 16 + 24 * ELEMENTS_MAX,
    BYTES = PAGES * MS_PAGE_BYTES,
};

/* A request's fate, bits that come one after another. */
enum { ASKED = 1, ENTERED = 2, CANCELLED = 4, DONE = 8 };
/* Who has the list: hb:device. */
enum { DEVICE_IDLE, DEVICE_STARTED, DEVICE_MOVING, DEVICE_DONE };

struct request {
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    ms_atomic_u32 fate;   /* hb:fate */
    ms_atomic_u32 device; /* hb:device */
    uint32_t driver, slot;
    uint32_t registers;
    uint8_t action;                  /* what its routine does */
    bool is_held;                    /* registers: driver, or the routine */
    bool was_entered, was_cancelled; /* shadow: what was said to whom first */
    bool is_old, is_queued; /* asked for by version 1's routine, which said that it waits */
    PVOID base;             /* routine, then driver (hb:fate) */
    bool is_mapped;         /* driver */
    bool is_map_old;        /* likewise: by MapTransfer */
    bool to_device;         /* driver, device while it moves */
    uint32_t offset;        /* likewise */
    uint32_t bytes;
    uint64_t owned;                                     /* registers the shadow gave it */
    char list[LIST_BYTES] __attribute__((aligned(16))); /* likewise */
    uint8_t moved[BYTES];                               /* what the device saw or gave */
};

static const struct {
    uint32_t registers;
    uint8_t adapters;   /* 1: the drivers share one; 2: one each */
    bool packet;        /* contiguous runs */
    bool defers;        /* grants are left to a thread of the machine (QUE-07) */
    uint32_t bytes_max; /* of an element; 0: any number */
    uint32_t boundary;  /* that no element crosses; 0: none */
} shapes[] = {{3, 1, false, false, 0, 0},
              {3, 2, false, false, 0, 0},
              {4, 2, true, false, 0, 0},
              {6, 2, false, false, 0, 0},
              {5, 1, true, false, 0, 0},
              {2, 2, false, false, 0, 0},
              {8, 2, true, false, 0, 0},
              {1, 1, false, false, 0, 0},
              {2, 2, false, true, 0, 0},
              {3, 1, false, true, 0, 0},
              {8, 2, true, false, 0x1800, 0},
              {8, 2, true, false, 0, 0x4000},
              {6, 2, false, false, 0x1800, 0x1000},
              {8, 1, true, false, 0x1000, 0x4000}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct {
    struct stage stage;
    PDMA_ADAPTER adapter[DRIVERS];
    struct ms_pool *pool;
    PMDL mdl[DRIVERS][SLOTS];
    PFN_NUMBER pfn[DRIVERS][SLOTS][PAGES];
    bool is_packet; /* registers in runs */
    bool defers;
    uint32_t bytes_max, boundary;
    /* From here on each execution's own. */
    struct request request[REQUESTS_MAX];
    uint32_t requests;
    ms_atomic_u32 newest[DRIVERS][SLOTS]; /* request + 1, hb:newest: for device and canceller */
    struct request *current[DRIVERS][SLOTS];
    bool has_failed[DRIVERS]; /* the last request did, a synchronous one, and no grant is to come */
    uint8_t owner[POOL_MAX];  /* of each register: request + 1 */
    uint32_t cell[POOL_MAX];  /* plain data that travels with a register */
    ms_atomic_u32 finished;   /* hb:finished: actors that came to their end */
    uint64_t digest;
} m;

static uint8_t byte_of(const struct request *r, uint32_t at)
{
    return (uint8_t)((uint32_t)(r - m.request) * 37 + at * 13 + (at >> 8) + 1);
}

static uint8_t *buffer_byte(const struct request *r, uint32_t at)
{
    PFN_NUMBER pfn = m.pfn[r->driver][r->slot][at / MS_PAGE_BYTES];

    return ms_memory_byte(m.stage.memory, (ms_pa){(pfn << MS_PAGE_SHIFT) + at % MS_PAGE_BYTES});
}

/* The bytes that are looked at: first and last of each page, and of the mapped range; `at` has room for 16. */
static uint32_t probes(const struct request *r, uint32_t *at)
{
    uint32_t count = 0;

    for (uint32_t page = 0; page < PAGES; page++) {
        at[count++] = page * MS_PAGE_BYTES;
        at[count++] = (page + 1) * MS_PAGE_BYTES - 1;
    }
    if (r->offset > 0)
        at[count++] = r->offset - 1;
    at[count++] = r->offset;
    at[count++] = r->offset + r->bytes - 1;
    if (r->offset + r->bytes < BYTES)
        at[count++] = r->offset + r->bytes;
    if (m.bytes_max && r->offset + m.bytes_max < BYTES) { /* where it may be cut */
        at[count++] = r->offset + m.bytes_max - 1;
        at[count++] = r->offset + m.bytes_max;
    }
    return count;
}

/* A register that appears in a list belongs to the request from then until it is freed. */
static void registers_own(struct request *r)
{
    const SCATTER_GATHER_LIST *list = (const SCATTER_GATHER_LIST *)r->list;
    uint64_t low = ms_pool_la(m.pool, 0).value;
    uint32_t who = (uint32_t)(r - m.request) + 1;

    for (uint32_t i = 0; i < list->NumberOfElements; i++) {
        uint64_t from = (uint64_t)list->Elements[i].Address.QuadPart;
        uint64_t to = from + list->Elements[i].Length - 1;
        for (uint64_t page = from >> MS_PAGE_SHIFT; page <= to >> MS_PAGE_SHIFT; page++) {
            uint64_t reg = page - (low >> MS_PAGE_SHIFT);
            if (reg >= m.pool->registers || (r->owned >> reg & 1))
                continue;
            if (m.owner[reg] != 0)
                ms_sim_fail("O1 a map register in two hands", "register %u: requests %u and %u",
                            (unsigned)reg, m.owner[reg] - 1u, who - 1);
            m.owner[reg] = (uint8_t)who;
            r->owned |= UINT64_C(1) << reg;
            ms_data_write(&m.cell[reg], sizeof m.cell[reg]);
            m.cell[reg] = who;
        }
    }
}

/* Before the registers go back. */
static void registers_disown(struct request *r)
{
    for (uint64_t rest = r->owned; rest; rest &= rest - 1) {
        uint32_t reg = ms_bit_lowest(rest);
        ms_data_write(&m.cell[reg], sizeof m.cell[reg]);
        m.owner[reg] = 0;
    }
    r->owned = 0;
}

/* O5: the elements tile the bytes, each inside the device's reach and no longer than its limit. */
static void list_check(const struct request *r)
{
    const SCATTER_GATHER_LIST *list = (const SCATTER_GATHER_LIST *)r->list;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < list->NumberOfElements; i++) {
        uint64_t last = (uint64_t)list->Elements[i].Address.QuadPart + list->Elements[i].Length - 1;
        if (list->Elements[i].Length == 0 || last >> 32 != 0)
            ms_sim_fail("O5 an element out of reach or empty", "element %u", i);
        if ((m.bytes_max && list->Elements[i].Length > m.bytes_max) ||
            (m.boundary &&
             (uint64_t)list->Elements[i].Address.QuadPart / m.boundary != last / m.boundary))
            ms_sim_fail("O5 an element that the device can not take", "element %u, %u bytes", i,
                        (unsigned)list->Elements[i].Length); /* SGE-06 */
        sum += list->Elements[i].Length;
    }
    if (sum != r->bytes)
        ms_sim_fail("O5 the elements do not tile the mapping", "%lu of %u bytes",
                    (unsigned long)sum, r->bytes);
}

#endif
