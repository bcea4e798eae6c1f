/* SPDX-License-Identifier: MIT */
/*
 * system.c: system DMA: a device without DMA of its own, a channel of the emulated controller, and
 * the driver that programs, cancels and flushes it.
 *
 * Measured    legacy-64, soc-64, soc-4k: MapTransferEx, the engine stepped until the completion routine
 *             has run, FlushAdapterBuffersEx; one transfer at a time, from the device.
 *             cancel-idle, cancel-running, cancel-race: CancelMappedTransfer alone, by itself timed:
 *             before a map, in the midst of a transfer that stands still, and while the engine's own
 *             thread moves it. Their times per operation hold the whole cycle around it.
 *             complete: from the moment a transfer was due until its completion routine ran, the engine
 *             on its own thread.
 *             irq-each, irq-8: eight transfers of different length on eight channels, told by an
 *             interrupt each or by one for all.
 * Proved      each transfer ends as it must, the bytes that the counter says were moved are those the
 *             device gave, no more and no fewer, and they lie in the buffer. What fails has no time.
 * Not shown   a real bus: bytes are made by a hash, about a nanosecond each.
 */
#include "chains.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS_MAX = 8, CHECKED = 16, SPINS = 200, LONG_BYTES = 256 * 1024, SEED = 77 };

enum kind { KIND_MOVE, KIND_CANCEL_IDLE, KIND_CANCEL, KIND_COMPLETE };

static const struct way {
    struct ms_shape_info info;
    enum kind kind;
    bool is_legacy;
    bool has_engine; /* a thread of its own drives it */
    uint32_t ports;
    uint32_t bytes;    /* of the shortest transfer; each port's is one `bytes` longer */
    uint32_t coalesce; /* ends an interrupt collects; 0: one */
    uint32_t step;     /* bytes a channel moves in one pass of the engine */
} ways[] = {
    {.info = {.name = "legacy-64",
              .title = "64 bytes through the 8237-like controller, one byte at a time",
              .bytes = 64,
              .is_quick = true},
     .kind = KIND_MOVE,
     .is_legacy = true,
     .ports = 1,
     .bytes = 64,
     .step = 64},
    {.info = {.name = "soc-64",
              .title = "64 bytes through the SoC's controller",
              .bytes = 64,
              .is_quick = true},
     .kind = KIND_MOVE,
     .ports = 1,
     .bytes = 64,
     .step = 64},
    {.info = {.name = "soc-4k", .title = "4 KiB through the SoC's controller", .bytes = 4096},
     .kind = KIND_MOVE,
     .ports = 1,
     .bytes = 4096,
     .step = 4096},
    {.info = {.name = "irq-each",
              .title = "8 transfers on 8 channels, an interrupt for each",
              .bytes = 36 * 8},
     .kind = KIND_MOVE,
     .ports = PORTS_MAX,
     .bytes = 8,
     .step = 8},
    {.info = {.name = "irq-8",
              .title = "8 transfers on 8 channels, one interrupt for all",
              .bytes = 36 * 8},
     .kind = KIND_MOVE,
     .ports = PORTS_MAX,
     .bytes = 8,
     .coalesce = PORTS_MAX,
     .step = 8},
    {.info = {.name = "cancel-idle",
              .title = "a cancel before the map",
              .is_quick = true,
              .is_timed = true,
              .is_closed = true},
     .kind = KIND_CANCEL_IDLE,
     .ports = 1,
     .bytes = 64},
    {.info = {.name = "cancel-running",
              .title = "a cancel in the midst of a transfer",
              .is_timed = true,
              .is_closed = true},
     .kind = KIND_CANCEL,
     .ports = 1,
     .bytes = LONG_BYTES,
     .step = 64},
    {.info = {.name = "cancel-race",
              .title = "a cancel while the engine's thread moves bytes",
              .is_timed = true,
              .is_closed = true,
              .is_live = true},
     .kind = KIND_CANCEL,
     .has_engine = true,
     .ports = 1,
     .bytes = LONG_BYTES},
    {.info = {.name = "complete",
              .title = "64 bytes by the engine's thread, until the completion routine ran",
              .bytes = 64,
              .is_timed = true,
              .is_live = true},
     .kind = KIND_COMPLETE,
     .has_engine = true,
     .ports = 1,
     .bytes = 64},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* A device, its line, its adapter and its buffer. Owner: the driver's thread, but for what says else. */
struct port {
    _Alignas(16) char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    struct ms_fifo fifo;
    PDMA_ADAPTER adapter;
    PVOID base;
    PMDL mdl;
    uint32_t bytes;
    uint64_t given; /* bytes that were counted as moved */
    ms_atomic_u32 told __attribute__((aligned(MS_CACHE_LINE))); /* hb:told: 1 + status; engine */
};

struct stage {
    struct ms_rig rig;
    const struct ms_catalog *catalog;
    const struct way *way;
    struct ms_controller *controller;
    bool is_null;
    bool is_open; /* a transfer stands between two operations */
    uint64_t failed;
    uint64_t interrupts;
    struct port port[PORTS_MAX];
};

/* ---- steps of an operation ---------------------------------------------------------------------- */

/* hb:told, release: the driver that sees it sees what the transfer did. */
static VOID completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                      DMA_COMPLETION_STATUS status)
{
    struct port *port = context;

    (void)adapter, (void)device;
    ms_store_release(&port->told, 1 + (uint32_t)status);
}

static void port_map(struct stage *s, struct port *port)
{
    ULONG length = port->bytes;
    NTSTATUS status;

    ms_store_relaxed(&port->told, 0);
    status = port->adapter->DmaOperations->MapTransferEx(port->adapter, port->mdl, port->base, 0, 0,
                                                         &length, FALSE, NULL, 0, completed, port);
    s->failed += !NT_SUCCESS(status) || length != port->bytes;
}

/* Steps the engine, or lets its thread run, until the port was told. */
static void port_wait(struct stage *s, struct port *port)
{
    uint32_t spins = 0;

    while (ms_load_acquire(&port->told) == 0) { /* hb:told */
        if (!s->way->has_engine)
            ms_controller_step(s->controller, s->way->step);
        else if (++spins > SPINS)
            ms_thread_yield();
    }
}

/* Counts what was moved, and flushes. `may_cancel`: the transfer need not have come to its end. */
static void port_flush(struct stage *s, struct port *port, bool may_cancel)
{
    PDMA_OPERATIONS table = port->adapter->DmaOperations;
    uint32_t end = ms_load_relaxed(&port->told) - 1;
    uint32_t left = table->ReadDmaCounter(port->adapter);

    s->failed +=
        end == (uint32_t)DmaComplete ? left != 0 : !may_cancel || end != (uint32_t)DmaCancelled;
    s->failed += !NT_SUCCESS(table->FlushAdapterBuffersEx(port->adapter, port->mdl, port->base, 0,
                                                          port->bytes - left, FALSE));
    port->given += port->bytes - left;
}

static void cancel(struct stage *s)
{
    struct port *port = &s->port[0];

    s->failed += !NT_SUCCESS(
        port->adapter->DmaOperations->CancelMappedTransfer(port->adapter, port->context));
}

/* A transfer that has begun to move. */
static void transfer_begin(struct stage *s)
{
    struct port *port = &s->port[0];
    uint32_t spins = 0;

    port_map(s, port);
    if (!s->way->has_engine)
        ms_controller_step(s->controller, s->way->step);
    while (port->adapter->DmaOperations->ReadDmaCounter(port->adapter) == port->bytes)
        if (++spins > SPINS)
            ms_thread_yield();
}

static void timed(void *stage, uint32_t thread)
{
    struct stage *s = stage;

    (void)thread;
    if (s->is_null)
        return;
    switch (s->way->kind) {
    case KIND_CANCEL_IDLE:
    case KIND_CANCEL:
        cancel(s);
        break;
    case KIND_MOVE:
    case KIND_COMPLETE:
        for (uint32_t i = 0; i < s->way->ports; i++)
            port_map(s, &s->port[i]);
        for (uint32_t i = 0; i < s->way->ports; i++)
            port_wait(s, &s->port[i]);
        break;
    }
}

static void untimed(void *stage, uint32_t thread)
{
    struct stage *s = stage;
    struct port *port = &s->port[0];

    (void)thread;
    if (s->is_null)
        return;
    switch (s->way->kind) {
    case KIND_CANCEL_IDLE:
        s->failed += !NT_SUCCESS(port->adapter->DmaOperations->FlushAdapterBuffersEx(
            port->adapter, port->mdl, port->base, 0, 0, FALSE));
        break;
    case KIND_CANCEL:
        port_wait(s, port);
        port_flush(s, port, true);
        transfer_begin(s);
        break;
    case KIND_MOVE:
    case KIND_COMPLETE:
        for (uint32_t i = 0; i < s->way->ports; i++)
            port_flush(s, &s->port[i], false);
        break;
    }
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    struct stage *s = stage;

    ms_cpu_enter(s->rig.kernel);
    while (ops-- > 0) {
        timed(s, thread);
        untimed(s, thread);
    }
}

/* ---- before and after --------------------------------------------------------------------------- */

/* Byte i of the buffer is byte given - moved + i of the device, for the last transfer's `moved`. */
static bool port_is_right(const struct stage *s, const struct port *port, uint64_t before)
{
    uint64_t moved = port->given - before;
    uint8_t *bytes = malloc(port->bytes);
    bool is_right = bytes != NULL;

    if (!bytes)
        return false;
    ms_mdl_copy_out(s->rig.memory, port->mdl, 0, bytes, port->bytes);
    for (uint64_t i = 0; i < moved && is_right; i++)
        is_right = bytes[i] == ms_fifo_byte(SEED, before + i);
    free(bytes);
    return is_right;
}

/* The first operations of a sample are looked at byte by byte, outside of its time. */
static bool checked(struct stage *s)
{
    for (uint32_t k = 0; k < CHECKED; k++) {
        uint64_t before[PORTS_MAX];

        for (uint32_t i = 0; i < s->way->ports; i++)
            before[i] = s->port[i].given;
        run(s, 0, 1);
        for (uint32_t i = 0; i < s->way->ports; i++)
            if (!port_is_right(s, &s->port[i], before[i]))
                return false;
    }
    return true;
}

/* The engine's thread may run wherever this one does not: it would inherit our one processor. */
static bool engine_start(struct stage *s)
{
    cpu_set_t own, others;
    bool has_mask = sched_getaffinity(0, sizeof own, &own) == 0;
    int here = sched_getcpu();
    bool is_started;

    CPU_ZERO(&others);
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        CPU_SET(i, &others);
    if (here >= 0)
        CPU_CLR((size_t)here, &others);
    if (has_mask)
        (void)sched_setaffinity(0, sizeof others, &others); /* refused where there is one only */
    is_started = ms_controller_start(s->controller);
    if (has_mask)
        (void)sched_setaffinity(0, sizeof own, &own);
    return is_started;
}

static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    struct stage *s = stage;

    (void)seed;
    ms_cpu_enter(s->rig.kernel);
    s->is_null = strcmp(key->strategy, "null") == 0;
    s->failed = 0;
    if (s->is_null)
        return true;
    for (uint32_t i = 0; i < s->way->ports; i++) {
        s->port[i].given = 0;
        s->port[i].fifo.given_count = 0;
    }
    if (s->way->has_engine && !engine_start(s)) {
        snprintf(why, MS_WHY_BYTES, "no thread for the engine");
        return false;
    }
    if (s->way->kind == KIND_CANCEL)
        transfer_begin(s);
    s->is_open = s->way->kind == KIND_CANCEL;
    if (!checked(s)) {
        snprintf(why, MS_WHY_BYTES, "the bytes in the buffer are not those the device gave");
        return false;
    }
    s->interrupts = ms_controller_interrupts(s->controller);
    return true;
}

/* Ends what stands, stops the engine, and compares both sides' counts. */
static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    struct stage *s = stage;
    uint64_t interrupts = ms_controller_interrupts(s->controller) - s->interrupts;

    *tally = (struct ms_tally){.counts = 0};
    if (s->is_null)
        return true;
    if (s->is_open) {
        cancel(s);
        port_wait(s, &s->port[0]);
        port_flush(s, &s->port[0], true);
        s->is_open = false;
    }
    ms_controller_stop(s->controller);
    for (uint32_t i = 0; i < s->way->ports; i++)
        s->failed += s->port[i].given != s->port[i].fifo.given_count;
    if (s->way->kind == KIND_MOVE) {
        tally->counts = 1;
        tally->count[0].name = "interrupts";
        tally->count[0].per_op = ops ? (double)interrupts / (double)ops : 0.0;
    }
    if (s->failed == 0)
        return true;
    snprintf(why, MS_WHY_BYTES, "%" PRIu64 " calls failed, or bytes were moved that nobody counted",
             s->failed);
    return false;
}

/* ---- life --------------------------------------------------------------------------------------- */

static void stage_close(void *stage)
{
    struct stage *s = stage;

    if (!s)
        return;
    if (s->controller)
        ms_controller_stop(s->controller);
    for (uint32_t i = 0; i < PORTS_MAX; i++) {
        struct port *port = &s->port[i];

        if (port->adapter) {
            if (port->base)
                port->adapter->DmaOperations->FreeAdapterChannel(port->adapter);
            port->adapter->DmaOperations->PutDmaAdapter(port->adapter);
        }
        if (port->mdl)
            IoFreeMdl(port->mdl);
    }
    if (s->rig.memory)
        ms_rig_drop(&s->rig);
    ms_free(s, sizeof *s);
}

static bool port_open(struct stage *s, uint32_t index, char *why)
{
    struct port *port = &s->port[index];
    uint64_t pages = (s->way->bytes * (index + 1) + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES;
    uint64_t first = 0x200 + index * (LONG_BYTES / MS_PAGE_BYTES); /* below 16 MiB */
    PFN_NUMBER pfn[LONG_BYTES / MS_PAGE_BYTES + 1];
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .MaximumLength = LONG_BYTES,
        .InterfaceType = Internal,
        .DmaWidth = Width8Bits,
        .DmaRequestLine = ms_controller_config(s->controller)->line_first + index,
    };
    ULONG registers;

    port->bytes = s->way->bytes * (index + 1);
    for (uint64_t i = 0; i < pages; i++)
        pfn[i] = first + i;
    ms_fifo_init(&port->fifo, SEED, NULL, 0);
    ms_controller_attach(s->controller, description.DmaRequestLine, ms_fifo_endpoint(&port->fifo));
    port->adapter = ms_adapter_open(s->rig.dma, &s->rig.pdo, &description, &registers);
    if (port->adapter && ms_frames_take_at(s->rig.memory, first, pages))
        port->mdl = ms_mdl_create(pfn, 0, port->bytes);
    if (!port->mdl ||
        !NT_SUCCESS(port->adapter->DmaOperations->InitializeDmaTransferContext(port->adapter,
                                                                               port->context)) ||
        !NT_SUCCESS(port->adapter->DmaOperations->AllocateAdapterChannelEx(
            port->adapter, &s->rig.pdo, port->context, 0, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
            &port->base))) {
        snprintf(why, MS_WHY_BYTES, "no channel for the device on line %" PRIu32,
                 (uint32_t)description.DmaRequestLine);
        return false;
    }
    return true;
}

static bool machine_open(struct stage *s, char *why)
{
    struct ms_controller_config controller =
        s->way->is_legacy ? ms_controller_legacy() : ms_controller_soc();
    struct ms_dma_config config = {
        .strategy = ms_catalog_ops(s->catalog, MS_BASELINE_NAME),
        .variant = ms_sg_variant_best(ms_cpu_features_get()),
        .registers = {16, 64},
        .grants = 64,
        .controllers = &controller,
        .controller_count = 1,
    };

    controller.coalesce = s->way->coalesce;
    if (!ms_rig_make(&s->rig, why))
        return false;
    s->rig.dma = ms_dma_create(s->rig.kernel, s->rig.memory, &config);
    if (!s->rig.dma) {
        snprintf(why, MS_WHY_BYTES, "no memory for a machine with a DMA controller");
        return false;
    }
    s->controller = ms_dma_controller(s->rig.dma, 0);
    for (uint32_t i = 0; i < s->way->ports; i++)
        if (!port_open(s, i, why))
            return false;
    return true;
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    struct stage *s = ms_alloc(sizeof *s);
    size_t i = 0;

    if (!s) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        return NULL;
    }
    while (i < WAYS && strcmp(ways[i].info.name, key->shape) != 0)
        i++;
    if (i == WAYS || key->threads != 1) {
        if (i == WAYS)
            snprintf(why, MS_WHY_BYTES, "no shape is named %s", key->shape);
        else
            snprintf(why, MS_WHY_BYTES, "the scenario system has one driver: --threads 1");
        ms_free(s, sizeof *s);
        return NULL;
    }
    s->catalog = catalog;
    s->way = &ways[i];
    if (machine_open(s, why))
        return s;
    stage_close(s);
    return NULL;
}

/* ---- the table ---------------------------------------------------------------------------------- */

static const struct ms_shape_info *shape(const struct ms_catalog *catalog, size_t index)
{
    (void)catalog;
    return index < WAYS ? &ways[index].info : NULL;
}

const struct ms_scenario ms_scenario_system = {
    .name = "system",
    .title = "system DMA: transfers, cancels and completions of the emulated controller",
    .version = 2,
    .shape = shape,
    .offers = ms_one_driver_offers,
    .refuses = ms_one_driver_refuses,
    .open = stage_open,
    .prepare = prepare,
    .run = run,
    .timed = timed,
    .untimed = untimed,
    .finish = finish,
    .close = stage_close,
};
