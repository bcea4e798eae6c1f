/* SPDX-License-Identifier: MIT */
/*
 * ctrl_device.h: what ctrl_fuzz.c plays with: a controller of one channel or two, the FIFO behind it, which notes
 * which transfer each burst was of, and what the target knows about each transfer.
 */
#ifndef FUZZ_CTRL_DEVICE_H
#define FUZZ_CTRL_DEVICE_H

#include "stage.h"

#include "controller/system_dma.h" /* to see that no window is left open */

enum {
    DRIVER,
    ENGINE,
    CANCEL,
    ACTORS,
    PAGES = 2,
    BYTES = PAGES * MS_PAGE_BYTES,
    STARTS_MAX = 32,
    BRIEFS = 4,
    BEGUN = 3,
    PLAIN = 0,
    LOOPS,
    DEMANDS,
    RIVALS, /* two adapters, one channel */
    PAIR,   /* two of each */
    WAYS,
    PASSES = 16
};

static const PFN_NUMBER pfn[PAGES] = {0x4002, 0x4000};
/* Bursts have 64 bytes. */
static const uint32_t lengths[8] = {64, 1, 65, 63, 128, 200, 2, 300};
static const uint32_t offsets[4] = {0, 4095, 4000, 7};

struct start {
    uint32_t told;
    DMA_COMPLETION_STATUS status;
    bool has_routine;
    uint32_t offset, length;
    uint32_t moved;           /* bytes the device gave or took for it; of a loop, in this pass */
    uint32_t passes, periods; /* of a loop: made, and told */
    uint64_t
        pass[PASSES]; /* what the device did before it was made; told of it, the driver sees that */
    bool must_end;    /* a cancel was accepted while it was just being started (MTX-60) */
    uint32_t counted; /* bytes the controller said were moved, when it was flushed */
};

/* One more driver, whose adapter lives for one byte: it is put away inside the routine that is told of it. */
struct brief {
    PDMA_ADAPTER adapter;
    PVOID base;
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    uint32_t told;
    bool is_open;   /* between the opening and the beginning of the put */
    bool is_inside; /* its routine put it, and has not returned */
    bool is_left;   /* its end is its routine's: the call that started it has returned */
};

static struct {
    struct stage stage;
    struct ms_controller *controller;
    struct ms_fifo fifo;
    PDMA_ADAPTER adapter;
    PMDL mdl;
    bool loops;         /* its transfers begin again at their end (AutoInitialize) */
    bool demands;       /* they go on only while the device asks (DemandMode) */
    PDMA_ADAPTER other; /* of another driver, on the same controller; NULL: none */
    uint32_t channels;
    /* From here on each execution's own. */
    uint8_t taken[BYTES];
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    ms_atomic_u32 is_made; /* hb:ctrl-fuzz: the context may be cancelled */
    PVOID base;
    bool is_held, is_mapped, to_device;
    bool is_starting;           /* the driver is in the call that starts a transfer */
    bool is_refused;            /* and a cancel that began and ended meanwhile was accepted */
    bool is_broken;             /* the device faults */
    bool is_stepping;           /* the engine's thread is inside, */
    bool is_bursting;           /* or has asked the device for a burst and has not come out, */
    uint32_t bursts;            /* and so often it asked */
    bool has_cancelled;         /* a cancel was accepted since the mark was last taken away */
    bool is_clearing;           /* the driver is in a call that takes marks away, */
    uint32_t clears;            /* and so often it came to one */
    bool is_put, is_gone;       /* the adapter's end began, and is over */
    uint32_t heard;             /* routines so far: plain data of the driver */
    uint64_t credited, obliged; /* bytes that the device asked for, and moved when asked */
    uint32_t offset, length;
    uint64_t given; /* bytes of the device that arrived so far */
    struct start start[STARTS_MAX];
    struct start *programmed, *burst; /* what runs; what the engine's burst is of */
    uint32_t cancels, cancels_inside; /* calls so far; calls that have not returned */
    uint32_t cancels_cleared; /* calls that the last flush took the marks of away, or more */
    uint32_t starts;
    const struct start
        *stopped; /* a loop that was stopped: nothing lands in its bytes any more; NULL: none */
    uint64_t digest;
    char other_context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    bool has_asked; /* the other driver, which goes on when it is granted: */
    PVOID other_base;
    ms_atomic_u32 is_granted; /* hb:ctrl-fuzz: 1: its routine has run */
    uint32_t asks; /* of the other driver so far: it wants a register, or none, by turns */
    struct brief brief[BRIEFS];
    uint32_t briefs, briefing; /* so far; calls that have not returned */
    bool has_stepped;          /* the engine's last step is over, */
    uint32_t bell;             /* and so often the bell had been rung when it began */
} c;

enum { STOPPED = 0xC9 };

/* What the driver sends: of another transfer it would be other bytes. */
static uint8_t sent(const struct start *s, uint32_t i)
{
    return (uint8_t)((uint32_t)(s - c.start) * 53 + i * 5 + 1);
}

/* What the device gives for byte `i` of a loop, in each pass. */
static uint8_t rung(const struct start *s, uint32_t i)
{
    return (uint8_t)((uint32_t)(s - c.start) * 41 + i * 3 + 2);
}

/* --- the device: a FIFO that notes which transfer each burst was of -------------------------------------- */

static uint32_t device_ready(void *fifo, uint64_t address, bool to_device, bool demand,
                             uint32_t wanted)
{
    c.burst = c.programmed;
    c.is_bursting = true;
    c.bursts++;
    if (c.loops && c.burst->moved == 0 && c.burst->passes < PASSES)
        ms_data_write(&c.burst->pass[c.burst->passes], sizeof(uint64_t));
    ms_sim_here("the engine holds a burst");
    if (c.is_broken)
        return MS_ENDPOINT_FAULT;
    if (c.loops)
        return wanted;
    return ms_fifo_endpoint(fifo).ops->ready(fifo, address, to_device, demand, wanted);
}

static void device_peek(void *fifo, uint64_t address, uint8_t *bytes, uint32_t count)
{
    if (c.loops) {
        for (uint32_t i = 0; i < count; i++)
            bytes[i] = rung(c.burst, c.burst->moved + i);
        return;
    }
    ms_fifo_endpoint(fifo).ops->peek(fifo, address, bytes, count);
}

static void burst_moved(uint32_t count)
{
    if (c.burst->moved + count > c.burst->length)
        ms_sim_fail("O5 the device moved more than was mapped", "%u and %u of %u", c.burst->moved,
                    count, c.burst->length);
    c.burst->moved += count;
    c.obliged += c.demands ? count : 0;
    if (c.loops && c.burst->moved == c.burst->length) {
        c.burst->moved = 0;
        c.burst->passes++;
    }
}

static void device_pop(void *fifo, uint64_t address, uint32_t count)
{
    if (!c.loops)
        ms_fifo_endpoint(fifo).ops->pop(fifo, address, count);
    burst_moved(count);
}

static void device_push(void *fifo, uint64_t address, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes[i] != sent(c.burst, c.burst->moved + i))
            ms_sim_fail("O6 the device got a byte that was not sent", "byte %u of %u",
                        c.burst->moved + i, c.burst->length);
    if (!c.loops)
        ms_fifo_endpoint(fifo).ops->push(fifo, address, bytes, count);
    burst_moved(count);
}

static const struct ms_endpoint_ops device_ops = {device_ready, device_peek, device_pop,
                                                  device_push};

static VOID told(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                 DMA_COMPLETION_STATUS status)
{
    struct start *s = context;

    (void)adapter, (void)device;
    if (c.is_gone)
        ms_sim_fail("O3 told behind the end of the adapter", "transfer %u",
                    (unsigned)(s - c.start));
    if (c.channels == 1) /* two channels tell beside each other */
        ms_data_write(&c.heard, sizeof c.heard);
    c.heard++;
    if (c.loops && status == DmaComplete) { /* CPL-10, CPL-17 */
        if (s->told || ++s->periods > s->passes)
            ms_sim_fail("O3 told of a pass that was not made", "transfer %u: %u of %u",
                        (unsigned)(s - c.start), s->periods, s->passes);
        if (s->periods <= PASSES)
            ms_data_read(&s->pass[s->periods - 1], sizeof(uint64_t));
        return;
    }
    if (s->must_end && status == DmaComplete)
        ms_sim_fail("O4 complete, after an accepted cancel", "transfer %u",
                    (unsigned)(s - c.start));
    if (s->told++ != 0)
        ms_sim_fail("O3 a transfer was told twice", "transfer %u", (unsigned)(s - c.start));
    s->status = status;
}

static void machine_make(bool has_other)
{
    struct ms_controller_config controller = ms_controller_soc();
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {1, 4},
        .grants = 4,
        .controllers = &controller,
        .controller_count = 1,
    };
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = ACPIBus,
        .ScatterGather = TRUE,
        .AutoInitialize = c.loops,
        .DemandMode = c.demands,
        .DmaWidth = Width8Bits,
        .MaximumLength = BYTES,
        .DmaRequestLine = 0x1003,
    };
    ULONG most;

    controller.channels = c.channels; /* more would only be looked at */
    (void)stage_memory(&c.stage);
    for (uint32_t i = 0; i < PAGES; i++)
        ms_require(ms_frames_take_at(c.stage.memory, pfn[i], 1));
    c.mdl = ms_mdl_create(pfn, 0, BYTES);
    ms_require(c.mdl != NULL);
    stage_dma(&c.stage, &config, ACTORS);
    c.controller = ms_dma_controller(c.stage.dma, 0);
    ms_fifo_init(&c.fifo, 99, c.taken, sizeof c.taken);
    if (c.demands)
        ms_init(&c.fifo.credit, 0);
    ms_controller_attach(c.controller, 0x1003,
                         (struct ms_endpoint){.ops = &device_ops, .device = &c.fifo});
    c.adapter = ms_adapter_open(c.stage.dma, &c.stage.pdo, &description, &most);
    ms_require(c.adapter != NULL);
    description.DmaRequestLine = 0x1004;
    c.other = has_other ? ms_adapter_open(c.stage.dma, &c.stage.pdo, &description, &most) : NULL;
    ms_require((c.other != NULL) == has_other);
    stage_keep(&c.stage, c.taken);
}

static uint8_t *byte_at(uint32_t at)
{
    return ms_memory_byte(c.stage.memory,
                          (ms_pa){(pfn[at / MS_PAGE_BYTES] << MS_PAGE_SHIFT) + at % MS_PAGE_BYTES});
}

#endif
