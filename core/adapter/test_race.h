/* SPDX-License-Identifier: MIT */
/*
 * test_race.h: what system_sim.c plays with: two adapters A and B of a system DMA controller, actors that each do a
 * few calls in order, and what is judged at the end.
 */
#ifndef MS_ADAPTER_TEST_RACE_H
#define MS_ADAPTER_TEST_RACE_H

#include "adapter/test_fixture.h"
#include "platform/sim_explore.h"

enum {
    RING_AFTER = 0xEE,
    BYTES = 128,
    SEED = 3,
    MAPS_MAX = 6,
    OPS_MAX = 8,
    ACTORS = 4,
    PAGE_OF_A = 0x4000
};

/* What an actor does, in order. */
enum op {
    END,
    MAP,    /* adapter A, from the device */
    FLUSH,  /* A's, and looks at what came */
    FLUSH0, /* A's with length 0, as after a refused map */
    FREE,   /* A's channel */
    CANCEL, /* with A's context */
    INIT,   /* A's context anew (TCX-09) */
    LEFT,   /* A's counter */
    STEP,   /* the engine: one burst for each channel */
    STEP2,  /* two bursts */
    MAP_B,
    FLUSH_B,
    PUT,        /* adapter A, which holds nothing */
    PUT_INSIDE, /* the same in a routine of B's */
    TELL,       /* delivers what waits, as PutDmaAdapter and a full ring do */
    CONFIGURE,  /* A's channel, by a function that there is not */
    PERIOD,     /* A's channel, its period */
    PUT_LIST,   /* A's */
    OPEN,       /* one more adapter comes and goes */
};

struct transfer {
    NTSTATUS mapped;
    uint32_t told; /* plain: callbacks of a channel come one after the other */
    DMA_COMPLETION_STATUS status;
    bool is_over; /* plain too: a loop is told of its periods before its end, not behind */
};

static struct {
    struct ms_memory *memory;
    struct ms_kernel kernel;
    struct ms_dma *dma;
    struct ms_controller *controller;
    DEVICE_OBJECT pdo;
    struct ms_fifo fifo[2]; /* behind A's and B's line */
    PDMA_ADAPTER adapter[2];
    struct context context[2];
    PVOID base[2];
    PMDL mdl[2];
    PSCATTER_GATHER_LIST list; /* A's */
    struct transfer transfer[2][MAPS_MAX];
    uint32_t maps[2];
    uint64_t given; /* A's bytes that were seen in its buffer */
    uint32_t frees; /* of A: bytes that came meanwhile are lost */
    uint32_t cancels, cancels_refused;
    bool is_put;             /* A */
    bool is_inside;          /* A's completion routine, which puts A, did not return */
    uint32_t left_at_cancel; /* A's counter when the first cancel had returned */
    ms_atomic_u32 b_granted;
    ms_atomic_u32 ring; /* stands for the bytes of a loop's ring: their writers meet here */
    struct ms_endpoint_ops ops;
    bool is_b_waiting;
    bool is_whole; /* the last execution came to its end */
} w;

struct actor {
    enum op op[OPS_MAX];
};

/* What stands before the actors begin. */
enum scene { GRANTED, RUNNING, B_WAITS, B_WAITS_RUNNING, BOTH, LOOPS, PUTS_ITSELF, LISTED };

static enum scene scene;
static struct actor actors[ACTORS];

/* --- the stage ------------------------------------------------------------------------------------- */

static void memory_make(void)
{
    struct ms_memory_config config = ms_memory_config_default();

    w.memory = ms_memory_create(&config);
    ms_require(w.memory != NULL);
    for (uint32_t i = 0; i < 2; i++) {
        const PFN_NUMBER pfn[] = {PAGE_OF_A + i};
        w.mdl[i] = ms_mdl_create(pfn, 0, BYTES);
        ms_require(w.mdl[i] != NULL);
    }
}

static void dma_end(void)
{
    if (!w.dma)
        return;
    if (w.is_whole) {
        ms_cpu_leave();
        ms_dma_destroy(w.dma);
    } else {
        ms_thread_local_set(NULL, NULL);
        ms_sim_memory_drop();
        w.memory = NULL;
    }
    w.dma = NULL;
}

/* PUT-06, CPL-14: till this returns, A's place is nobody else's. */
static void put_itself(void)
{
    const DMA_OPERATIONS *ops = w.adapter[0]->DmaOperations;

    ms_data_write(&w.is_inside, sizeof w.is_inside);
    w.is_inside = true;
    ops->FreeAdapterChannel(w.adapter[0]);
    w.frees++;
    ops->PutDmaAdapter(w.adapter[0]);
    ms_data_write(&w.is_inside, sizeof w.is_inside);
    w.is_inside = false;
    w.is_put = true;
}

static void open_one_more(void)
{
    DEVICE_DESCRIPTION description = description_of(SG64);
    ULONG registers;
    PDMA_ADAPTER adapter = ms_adapter_open(w.dma, &w.pdo, &description, &registers);

    if (adapter == w.adapter[0]) {
        ms_data_read(&w.is_inside, sizeof w.is_inside);
        if (w.is_inside)
            ms_sim_fail("O9 an adapter's place was given away inside its routine", "%u", 0u);
    }
    adapter->DmaOperations->PutDmaAdapter(adapter);
}

static VOID completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                      DMA_COMPLETION_STATUS status)
{
    struct transfer *t = context;

    (void)device;
    if (w.is_put && adapter == w.adapter[0])
        ms_sim_fail("O3 told behind the end of the adapter", "status %d", status);
    ms_data_write(&t->told, sizeof t->told);
    t->told++;
    t->status = status;
    if (t->told > 1 && scene != LOOPS)
        ms_sim_fail("O3 a transfer was told twice", "status %d", status);
    if (t->is_over)
        ms_sim_fail("O3 a period was told behind the end", "status %d", status); /* CPL-17 */
    t->is_over = status != DmaComplete;
    if (scene == PUTS_ITSELF)
        put_itself();
}

static uint8_t *buffer_byte(uint32_t at)
{
    return ms_memory_byte(w.memory, (ms_pa){PAGE_OF_A * UINT64_C(4096) + at});
}

static uint8_t byte_before(uint32_t at)
{
    return (uint8_t)(ms_fifo_byte(SEED, w.given + at) + 1);
}

/* A's buffer shows at each place what the device will not put there. */
static void buffer_fill(void)
{
    for (uint32_t i = 0; i < BYTES; i++)
        *buffer_byte(i) = byte_before(i);
}

static void map(uint32_t which)
{
    struct transfer *t = &w.transfer[which][w.maps[which]++];
    ULONG length = BYTES;

    t->mapped = w.adapter[which]->DmaOperations->MapTransferEx(
        w.adapter[which], w.mdl[which], w.base[which], 0, 0, &length, FALSE, NULL, 0, completed, t);
}

/* How many of the device's next bytes lie in A's buffer; no other byte may have changed. */
static void bytes_count(void)
{
    uint32_t came = 0;

    while (came < BYTES && *buffer_byte(came) == ms_fifo_byte(SEED, w.given + came))
        came++;
    for (uint32_t i = came; i < BYTES; i++)
        if (*buffer_byte(i) != byte_before(i))
            ms_sim_fail("O6 a wrong byte in the buffer", "byte %u of %u", i, came);
    w.given += came;
    buffer_fill();
}

static void flush(uint32_t which, ULONG length)
{
    const DMA_OPERATIONS *ops = w.adapter[which]->DmaOperations;

    if (!NT_SUCCESS(ops->FlushAdapterBuffersEx(w.adapter[which], w.mdl[which], w.base[which], 0,
                                               length, FALSE)))
        ms_sim_fail("O7 a flush was refused", "length %u", (unsigned)length);
    if (scene != LOOPS && which == 0 && length > 0 && w.maps[0] > 0 &&
        NT_SUCCESS(w.transfer[0][w.maps[0] - 1].mapped))
        bytes_count();
}

static void grant(uint32_t which, ULONG flags, PDRIVER_CONTROL routine)
{
    const DMA_OPERATIONS *ops = w.adapter[which]->DmaOperations;

    ms_require(NT_SUCCESS(ops->InitializeDmaTransferContext(w.adapter[which], &w.context[which])));
    ms_require(NT_SUCCESS(ops->AllocateAdapterChannelEx(w.adapter[which], &w.pdo, &w.context[which],
                                                        0, flags, routine, NULL,
                                                        routine ? NULL : &w.base[which])));
}

static void put_a(void)
{
    w.adapter[0]->DmaOperations->PutDmaAdapter(w.adapter[0]);
    w.is_put = true;
    ms_data_read(&w.transfer[0][0].told, sizeof w.transfer[0][0].told);
}

/* No completion routine: there is nobody A's could be waiting for. */
static IO_ALLOCATION_ACTION b_puts_a(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp, (void)base, (void)context;
    put_a();
    return DeallocateObject;
}

static VOID listed(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)irp, (void)context;
    w.list = list;
}

/* A has the channel by a list, which is what it runs with (SGL-09). */
static void grant_list(void)
{
    const DMA_OPERATIONS *ops = w.adapter[0]->DmaOperations;

    ms_require(NT_SUCCESS(ops->GetScatterGatherList(w.adapter[0], &w.pdo, w.mdl[0],
                                                    MmGetMdlVirtualAddress(w.mdl[0]), BYTES, listed,
                                                    NULL, FALSE)));
}

/* B's routine: it has the channel now and uses it at once. */
static IO_ALLOCATION_ACTION b_granted(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp, (void)context;
    w.base[1] = base;
    map(1);
    ms_store_release(&w.b_granted, 1);
    return KeepObject;
}

static void cancel(void)
{
    NTSTATUS status =
        w.adapter[0]->DmaOperations->CancelMappedTransfer(w.adapter[0], &w.context[0]);

    if (!NT_SUCCESS(status)) {
        w.cancels_refused++;
        return;
    }
    if (scene == LOOPS)
        ms_fetch_add_seq_cst(&w.ring, 1);
    for (uint32_t i = 0; i < BYTES && scene == LOOPS; i++)
        *buffer_byte(i) = RING_AFTER; /* the driver has its ring back */
    if (w.cancels++ == 0)
        w.left_at_cancel = w.adapter[0]->DmaOperations->ReadDmaCounter(w.adapter[0]);
}

static bool has_op(enum op op)
{
    for (uint32_t a = 0; a < ACTORS; a++)
        for (uint32_t i = 0; i < OPS_MAX; i++)
            if (actors[a].op[i] == op)
                return true;
    return false;
}

static void configure(void)
{
    NTSTATUS status = w.adapter[0]->DmaOperations->ConfigureAdapterChannel(w.adapter[0], 77, NULL);

    if (status != STATUS_NOT_IMPLEMENTED && !(has_op(FREE) && status == STATUS_INVALID_PARAMETER))
        ms_sim_fail("O7 a channel was configured otherwise", "%08x", (unsigned)status);
}

static void period(void)
{
    uint32_t bytes = BYTES / 2;
    NTSTATUS status = w.adapter[0]->DmaOperations->ConfigureAdapterChannel(w.adapter[0], 1, &bytes);

    if (!NT_SUCCESS(status) && !(has_op(FREE) && status == STATUS_INVALID_PARAMETER))
        ms_sim_fail("O7 a channel was configured otherwise", "%08x", (unsigned)status);
}

/* The actors have been in the machine for long: each has its CPU. */
static void cpu_take(uint32_t actor)
{
    if (!ms_thread_local_get())
        ms_thread_local_set(&w.kernel.cpu[actor + 1], NULL);
}

static void actor_run(void *context)
{
    const struct actor *a = context;

    cpu_take((uint32_t)(a - actors));
    for (const enum op *op = a->op; *op != END; op++)
        switch (*op) {
        case MAP:
            map(0);
            break;
        case FLUSH:
            flush(0, BYTES);
            break;
        case FLUSH0:
            flush(0, 0);
            break;
        case FREE:
            w.adapter[0]->DmaOperations->FreeAdapterChannel(w.adapter[0]);
            w.frees++;
            break;
        case CANCEL:
            cancel();
            break;
        case INIT:
            (void)w.adapter[0]->DmaOperations->InitializeDmaTransferContext(w.adapter[0],
                                                                            &w.context[0]);
            break;
        case LEFT:
            if (w.adapter[0]->DmaOperations->ReadDmaCounter(w.adapter[0]) > BYTES)
                ms_sim_fail("O7 more is left than there was", "%u", 0u);
            break;
        case STEP:
            ms_controller_step(w.controller, 64);
            break;
        case STEP2:
            ms_controller_step(w.controller, 128);
            break;
        case MAP_B:
            map(1);
            break;
        case FLUSH_B:
            flush(1, BYTES);
            break;
        case PUT:
            put_a();
            break;
        case PUT_INSIDE:
            grant(1, DMA_SYNCHRONOUS_CALLBACK, b_puts_a);
            break;
        case TELL:
            ms_channel_deliver(w.controller, 0);
            break;
        case CONFIGURE:
            configure();
            break;
        case PUT_LIST:
            w.adapter[0]->DmaOperations->PutScatterGatherList(w.adapter[0], w.list, FALSE);
            break;
        case PERIOD:
            period();
            break;
        case OPEN:
            open_one_more();
            break;
        case END:
            break;
        }
}

/* The engine writes a ring right behind this. */
static void ring_peek(void *device, uint64_t address, uint8_t *bytes, uint32_t count)
{
    ms_fifo_endpoint(&w.fifo[0]).ops->peek(device, address, bytes, count);
    ms_fetch_add_seq_cst(&w.ring, 1);
}

static void reset(void *context)
{
    struct ms_controller_config controller = ms_controller_soc();
    struct ms_dma_config config = fixture_config();
    DEVICE_DESCRIPTION description = {.Version = DEVICE_DESCRIPTION_VERSION3,
                                      .InterfaceType = Internal,
                                      .MaximumLength = BYTES,
                                      .DmaWidth = Width8Bits};
    ULONG registers;

    (void)context;
    dma_end();
    if (!w.memory)
        memory_make();
    ms_kernel_init(&w.kernel, NULL, w.memory);
    controller.channels = scene == BOTH ? 2 : 1;
    controller.lines = 2;
    controller.elements_max = 1;
    controller.address_width = 64;
    config.registers[0] = config.registers[1] = 1;
    config.grants = 4;
    config.controllers = &controller;
    config.controller_count = 1;
    w.dma = ms_dma_create(&w.kernel, w.memory, &config);
    ms_require(w.dma != NULL);
    w.controller = ms_dma_controller(w.dma, 0);
    ms_cpu_enter(&w.kernel);
    ms_fetch_or_relaxed(&w.kernel.taken, ((1u << ACTORS) - 1) << 1); /* see cpu_take */
    for (uint32_t i = 0; i < 2; i++) {
        description.DmaRequestLine = controller.line_first + i;
        description.AutoInitialize = scene == LOOPS;
        ms_fifo_init(&w.fifo[i], SEED, NULL, 0);
        struct ms_endpoint end = ms_fifo_endpoint(&w.fifo[i]);
        if (scene == LOOPS) {
            w.ops = *end.ops;
            w.ops.peek = ring_peek;
            end.ops = &w.ops;
        }
        ms_controller_attach(w.controller, description.DmaRequestLine, end);
        w.adapter[i] = ms_adapter_open(w.dma, &w.pdo, &description, &registers);
        ms_require(w.adapter[i] != NULL);
        w.maps[i] = 0;
        memset(w.transfer[i], 0, sizeof w.transfer[i]);
    }
    w.given = w.frees = w.cancels = w.cancels_refused = 0;
    buffer_fill();
    ms_init(&w.b_granted, 0);
    ms_init(&w.ring, 0);
    w.is_whole = w.is_put = w.is_inside = false;
    w.is_b_waiting = scene == B_WAITS || scene == B_WAITS_RUNNING || scene == LISTED;
    if (scene == LISTED)
        grant_list();
    else
        grant(0, DMA_SYNCHRONOUS_CALLBACK, NULL);
    if (scene == BOTH)
        grant(1, DMA_SYNCHRONOUS_CALLBACK, NULL);
    if (w.is_b_waiting)
        grant(1, 0, b_granted);
    if (scene == RUNNING || scene == B_WAITS_RUNNING || scene == BOTH || scene == LOOPS ||
        scene == PUTS_ITSELF)
        map(0);
    if (scene == BOTH)
        map(1);
}

/* --- the end ------------------------------------------------------------------------------------------ */

/* The engine goes on until nothing moves and nothing waits to be told. */
static void engine_finish(void)
{
    for (int i = 0; i < 16; i++)
        ms_controller_step(w.controller, 1000);
}

/* Exactly one callback for each that started, none for one that did not. */
static void told_check(uint32_t which)
{
    for (uint32_t i = 0; i < w.maps[which]; i++) {
        const struct transfer *t = &w.transfer[which][i];
        if (scene == LOOPS ? t->told < 1 || t->status != DmaCancelled
                           : t->told != (NT_SUCCESS(t->mapped) ? 1 : 0))
            ms_sim_fail("O3 a transfer was not told exactly once", "%u of adapter %u: %u times", i,
                        which, t->told);
        if (t->told && t->status != DmaComplete && t->status != DmaCancelled)
            ms_sim_fail("O7 an end nobody asked for", "%d", t->status);
        if (!NT_SUCCESS(t->mapped) && t->mapped != STATUS_CANCELLED &&
            t->mapped != STATUS_INVALID_PARAMETER)
            ms_sim_fail("O7 a map failed for another reason", "%08x", (unsigned)t->mapped);
    }
}

/* A transfer that could not come to its end by itself, was cancelled, and by nobody flushed or freed. */
static void cancel_check(void)
{
    const struct transfer *t = &w.transfer[0][0];

    if (w.cancels == 0 || scene == LOOPS || has_op(FLUSH) || has_op(FLUSH0) || has_op(FREE) ||
        has_op(INIT))
        return;
    if (w.cancels > 1)
        ms_sim_fail("O7 two cancels of one transfer succeeded", "%u", w.cancels); /* CMT-08 */
    if (w.maps[0] == 0 || !NT_SUCCESS(t->mapped))
        return;
    if (w.adapter[0]->DmaOperations->ReadDmaCounter(w.adapter[0]) != w.left_at_cancel)
        ms_sim_fail("O4 bytes were counted after the cancel", "%u left", w.left_at_cancel);
    engine_finish();
    if (t->status != (w.left_at_cancel ? DmaCancelled : DmaComplete))
        ms_sim_fail("O4 a cancel was lost", "%u left, status %d", w.left_at_cancel, t->status);
}

static void check(void *context)
{
    (void)context;
    if (ms_sim_somebody_is_stopped())
        return;
    cpu_take(ACTORS - 1);
    cancel_check();
    if (has_op(FLUSH) && has_op(TELL))
        told_check(0); /* who tells behind an end has it told, by himself or by who is at it */
    if (w.frees == 0)
        flush(0, w.maps[0] > 0 ? BYTES : 0);
    engine_finish();
    told_check(0);
    told_check(1);
    for (uint32_t i = 0; i < BYTES && scene == LOOPS && w.cancels > 0; i++)
        if (*buffer_byte(i) != RING_AFTER)
            ms_sim_fail("O4 a byte of the ring came after the cancel", "byte %u", i); /* CMT-12 */
    if (scene != LOOPS && w.frees == 0 && w.fifo[0].given_count != w.given)
        ms_sim_fail("O6 the device gave what nobody got", "%lu, %lu",
                    (unsigned long)w.fifo[0].given_count, (unsigned long)w.given);
    if (w.is_b_waiting && w.frees > 0) {
        if (!ms_load_relaxed(&w.b_granted))
            ms_sim_fail("O3 the next owner was not granted", "%u", 0u);
        if (!NT_SUCCESS(w.transfer[1][0].mapped) || w.transfer[1][0].status != DmaComplete)
            ms_sim_fail("O4 a cancel hit the next owner of the channel", "%08x, status %d",
                        (unsigned)w.transfer[1][0].mapped, w.transfer[1][0].status);
    }
    if (w.frees > 0 && has_op(PERIOD)) /* CFG-05: no owner but A set one */
        for (uint32_t i = 0; i < ms_controller_config(w.controller)->channels; i++)
            if ((uint32_t)ms_channel_setting(w.controller, i) != 0)
                ms_sim_fail("O4 a period of the channel's last owner", "channel %u", i);
    for (uint32_t i = w.is_put ? 1 : 0; i < 2; i++) {
        w.adapter[i]->DmaOperations->FreeAdapterChannel(w.adapter[i]);
        w.adapter[i]->DmaOperations->PutDmaAdapter(w.adapter[i]);
    }
    if (ms_dma_grants_used(w.dma) != 0 || !ms_dma_audit(w.dma))
        ms_sim_fail("O9 something is left", "%u grants", (unsigned)ms_dma_grants_used(w.dma));
    w.is_whole = true;
}

/* What the others could see of it. */
static uint64_t digest(void *context)
{
    uint64_t sum = w.cancels * 7 + w.cancels_refused * 11 + w.given * 13;

    (void)context;
    for (uint32_t which = 0; which < 2; which++)
        for (uint32_t i = 0; i < w.maps[which]; i++)
            sum = sum * 31 + (uint32_t)w.transfer[which][i].mapped * UINT64_C(5) +
                  w.transfer[which][i].told * 3 + (uint32_t)w.transfer[which][i].status;
    return sum;
}

/* --- running it ---------------------------------------------------------------------------------------- */

struct play {
    const char *name;
    enum scene scene;
    struct actor actor[ACTORS];
};

static const char *const actor_names[ACTORS] = {"a", "b", "c", "d"};

static struct ms_sim_scenario scenario_of(const struct play *play, struct ms_sim_actor *sim)
{
    struct ms_sim_scenario s = {.reset = reset, .digest = digest};
    uint32_t count = 0;

    scene = play->scene;
    for (uint32_t i = 0; i < ACTORS; i++) {
        actors[i] = play->actor[i];
        if (play->actor[i].op[0] == END)
            continue;
        sim[count++] = (struct ms_sim_actor){actor_names[i], actor_run, &actors[i]};
    }
    ms_sim_config_init(&s.config);
    s.config.actors = sim;
    s.config.actor_count = count;
    s.config.check = check;
    s.config.steps_max = 20000;
    return s;
}

#endif
