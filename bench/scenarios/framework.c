/* SPDX-License-Identifier: MIT */
/*
 * framework.c: the framework's DMA transactions, as a driver uses them, one driver and one transaction.
 *
 * Measured    packet, sg, system: Initialize, Execute, EvtProgramDma and a report per fragment, Release:
 *             4 KiB in one fragment, 64 KiB in one or in sixteen, so the fragments of a second can be
 *             told. A system transfer is moved by stepping its controller, and completed by callback.
 *             stop: StopSystemTransfer alone, by itself timed, of a transfer that stands in its midst;
 *             stop-end: until the completion callback has ended the transaction and released it. Their
 *             times per operation hold the whole cycle.
 * Proved      every execution ends with the status and the bytes it must, and as often as it was begun;
 *             at the end the machine's books balance. What fails has no time.
 * Not shown   requests, timers, several drivers; bus masters move no byte here: the scenario transfer does.
 */
#include "catalog.h"
#include "scenario.h"

#include "machine/machine.h"
#include "mapstorm_wdf.h"
#include "wdf/bare_driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FRAME = 0x4000, LONG_BYTES = 64 * 1024, LINE = 0x1003, SEED = 77 };

static const struct way {
    struct ms_shape_info info;
    WDF_DMA_PROFILE profile;
    uint32_t fragment; /* bytes */
    bool stops;
    bool to_the_end; /* what is timed goes on until the callback ran */
} ways[] = {
    {.info = {.name = "packet-4k",
              .title = "4 KiB, a packet device, one fragment",
              .bytes = 4096,
              .is_quick = true},
     .profile = WdfDmaProfilePacket64,
     .fragment = LONG_BYTES},
    {.info = {.name = "packet-64k-16",
              .title = "64 KiB, a packet device, sixteen fragments",
              .bytes = LONG_BYTES},
     .profile = WdfDmaProfilePacket64,
     .fragment = 4096},
    {.info = {.name = "sg-4k",
              .title = "4 KiB, a scatter/gather device, one fragment",
              .bytes = 4096,
              .is_quick = true},
     .profile = WdfDmaProfileScatterGather64,
     .fragment = LONG_BYTES},
    {.info = {.name = "sg-64k",
              .title = "64 KiB, a scatter/gather device, one fragment",
              .bytes = LONG_BYTES},
     .profile = WdfDmaProfileScatterGather64,
     .fragment = LONG_BYTES},
    {.info = {.name = "sg-64k-16",
              .title = "64 KiB, a scatter/gather device, sixteen fragments",
              .bytes = LONG_BYTES},
     .profile = WdfDmaProfileScatterGather64,
     .fragment = 4096},
    {.info = {.name = "system-4k",
              .title = "4 KiB through a system DMA channel, one fragment",
              .bytes = 4096,
              .is_quick = true},
     .profile = WdfDmaProfileSystem,
     .fragment = LONG_BYTES},
    {.info = {.name = "stop",
              .title = "a stop in the midst of a transfer",
              .is_timed = true,
              .is_closed = true},
     .profile = WdfDmaProfileSystem,
     .fragment = LONG_BYTES,
     .stops = true},
    {.info = {.name = "stop-end",
              .title = "a stop, until its completion callback has released the transaction",
              .is_timed = true,
              .is_closed = true},
     .profile = WdfDmaProfileSystem,
     .fragment = LONG_BYTES,
     .stops = true,
     .to_the_end = true},
};
enum { WAYS = sizeof ways / sizeof *ways };

struct stage {
    const struct way *way;
    struct ms_machine *machine;
    struct ms_controller *controller;
    struct ms_buffer *buffer;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    WDFDMAENABLER enabler;
    WDFDMATRANSACTION transaction;
    struct ms_fifo fifo;
    size_t bytes;
    bool is_null;
    bool is_open; /* a transfer stands between two operations */
    bool over;
    uint64_t fragments, failed;
};

/* ---- the driver --------------------------------------------------------------------------------- */

static BOOLEAN program(WDFDMATRANSACTION transaction, WDFDEVICE device, WDFCONTEXT context,
                       WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    struct stage *s = context;

    (void)transaction, (void)device, (void)direction, (void)list;
    s->fragments++;
    return TRUE;
}

/* The driver's answer to a fragment's end; a stopped one ends with what was reported before. */
static void answer(struct stage *s, bool complete)
{
    NTSTATUS status;

    s->over = complete ? WdfDmaTransactionDmaCompleted(s->transaction, &status)
                       : WdfDmaTransactionDmaCompletedFinal(s->transaction, 0, &status);
    if (!s->over)
        return;
    s->failed += !NT_SUCCESS(status) ||
                 WdfDmaTransactionGetBytesTransferred(s->transaction) != (complete ? s->bytes : 0);
    s->failed += !NT_SUCCESS(WdfDmaTransactionRelease(s->transaction));
}

static VOID completed(WDFDMATRANSACTION transaction, WDFDEVICE device, WDFCONTEXT context,
                      WDF_DMA_DIRECTION direction, DMA_COMPLETION_STATUS status)
{
    struct stage *s = context;

    (void)transaction, (void)device, (void)direction;
    s->failed += (status == DmaComplete) == s->way->stops;
    answer(s, status == DmaComplete);
}

/* ---- steps of an operation ---------------------------------------------------------------------- */

static void begin(struct stage *s)
{
    PMDL mdl = ms_buffer_mdl(s->buffer);

    s->over = false;
    s->failed += !NT_SUCCESS(WdfDmaTransactionInitialize(s->transaction, program,
                                                         WdfDmaDirectionWriteToDevice, mdl,
                                                         MmGetMdlVirtualAddress(mdl), s->bytes));
    s->failed += !NT_SUCCESS(WdfDmaTransactionExecute(s->transaction, s));
}

static void stop(struct stage *s)
{
    WdfDmaTransactionStopSystemTransfer(s->transaction);
}

/* Until the callback has ended it; `failed` ends what would never end. */
static void wait(struct stage *s)
{
    for (uint32_t turns = 0; !s->over && turns < 1000; turns++)
        ms_controller_step(s->controller, 4096);
    s->failed += !s->over;
}

static void transfer(struct stage *s)
{
    begin(s);
    if (s->way->profile == WdfDmaProfileSystem)
        wait(s);
    else
        while (!s->over && s->failed == 0)
            answer(s, true);
}

/* A transfer that has begun to move. */
static void stand(struct stage *s)
{
    begin(s);
    ms_controller_step(s->controller, 64);
}

static void timed(void *stage, uint32_t thread)
{
    struct stage *s = stage;

    (void)thread;
    if (s->is_null)
        return;
    stop(s);
    if (s->way->to_the_end)
        wait(s);
}

static void untimed(void *stage, uint32_t thread)
{
    struct stage *s = stage;

    (void)thread;
    if (s->is_null)
        return;
    if (!s->way->to_the_end)
        wait(s);
    stand(s);
}

static void run(void *stage, uint32_t thread, uint64_t ops)
{
    struct stage *s = stage;

    if (s->is_null)
        return;
    ms_machine_enter(s->machine);
    for (uint64_t i = 0; i < ops; i++) {
        if (s->way->stops) {
            timed(s, thread);
            untimed(s, thread);
        } else {
            transfer(s);
        }
    }
}

/* ---- a sample ----------------------------------------------------------------------------------- */

static bool prepare(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why)
{
    struct stage *s = stage;

    (void)seed, (void)why;
    ms_machine_enter(s->machine);
    s->is_null = strcmp(key->strategy, "null") == 0;
    s->failed = s->fragments = 0;
    if (s->is_null)
        return true;
    s->is_open = s->way->stops;
    if (s->is_open)
        stand(s);
    return true;
}

static bool finish(void *stage, uint64_t ops, struct ms_tally *tally, char *why)
{
    struct stage *s = stage;

    *tally = (struct ms_tally){.counts = 0};
    if (s->is_null)
        return true;
    if (s->is_open) {
        stop(s);
        wait(s);
        s->is_open = false;
    }
    if (!s->way->stops) {
        tally->counts = 1;
        tally->count[0].name = "fragments";
        tally->count[0].per_op = ops ? (double)s->fragments / (double)ops : 0.0;
    }
    if (s->failed == 0 && ms_machine_audit(s->machine))
        return true;
    snprintf(why, MS_WHY_BYTES, "%" PRIu64 " calls failed, or a grant was left behind", s->failed);
    return false;
}

/* ---- life --------------------------------------------------------------------------------------- */

static void stage_close(void *stage)
{
    struct stage *s = stage;

    if (!s)
        return;
    if (s->machine) {
        ms_machine_enter(s->machine);
        if (s->device)
            ms_wdf_device_remove(s->device); /* with the enabler and its transaction */
        if (s->driver)
            ms_wdf_driver_unload(s->driver);
        if (s->buffer)
            ms_buffer_destroy(s->buffer);
        ms_machine_leave();
        ms_machine_destroy(s->machine);
    }
    ms_free(s, sizeof *s);
}

static bool system_open(struct stage *s)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;

    if (s->way->profile != WdfDmaProfileSystem)
        return true;
    resource.u.DmaV3.RequestLine = LINE;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits, &resource);
    s->controller = ms_dma_controller(s->machine->dma, 1);
    ms_fifo_init(&s->fifo, SEED, NULL, 0);
    ms_controller_attach(s->controller, LINE, ms_fifo_endpoint(&s->fifo));
    return NT_SUCCESS(
        WdfDmaEnablerConfigureSystemProfile(s->enabler, &config, WdfDmaDirectionWriteToDevice));
}

static bool driver_open(struct stage *s)
{
    WDF_DMA_ENABLER_CONFIG config;
    PFN_NUMBER pfn[LONG_BYTES / PAGE_SIZE];

    for (uint32_t i = 0; i < LONG_BYTES / PAGE_SIZE; i++)
        pfn[i] = FIRST_FRAME + 2 * i; /* no two are neighbours */
    s->bytes = s->way->info.bytes ? s->way->info.bytes : LONG_BYTES;
    WDF_DMA_ENABLER_CONFIG_INIT(&config, s->way->profile, s->way->fragment);
    config.WdmDmaVersionOverride = 3;
    s->buffer = ms_buffer_create(s->machine, pfn, 0, LONG_BYTES);
    if (!s->buffer || !NT_SUCCESS(ms_wdf_driver_load(ms_bare_driver_entry, &s->driver)) ||
        !NT_SUCCESS(
            ms_wdf_device_add(s->driver, ms_machine_pdo(s->machine), NULL, 0, &s->device)) ||
        !NT_SUCCESS(WdfDmaEnablerCreate(s->device, &config, NULL, &s->enabler)) ||
        !system_open(s) || !NT_SUCCESS(WdfDmaTransactionCreate(s->enabler, NULL, &s->transaction)))
        return false;
    if (s->way->profile == WdfDmaProfileSystem)
        WdfDmaTransactionSetTransferCompleteCallback(s->transaction, completed, s);
    return true;
}

static void *stage_open(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why)
{
    struct ms_machine_config config = ms_machine_config_default();
    struct stage *s;
    size_t i = 0;

    (void)catalog;
    while (i < WAYS && strcmp(ways[i].info.name, key->shape) != 0)
        i++;
    if (i == WAYS) {
        snprintf(why, MS_WHY_BYTES, "no shape is named %s", key->shape);
        return NULL;
    }
    if (key->threads != 1) {
        snprintf(why, MS_WHY_BYTES, "the scenario framework has one driver: --threads 1");
        return NULL;
    }
    s = ms_alloc(sizeof *s);
    if (!s) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        return NULL;
    }
    s->way = &ways[i];
    config.strategy = MS_BASELINE_NAME;
    config.wdf_objects = 64;
    s->machine = ms_machine_create(&config, NULL);
    if (s->machine) {
        ms_machine_enter(s->machine);
        if (driver_open(s))
            return s;
    }
    snprintf(why, MS_WHY_BYTES, "no memory for a machine with a framework driver");
    stage_close(s);
    return NULL;
}

/* ---- the table ---------------------------------------------------------------------------------- */

static const struct ms_shape_info *shape(const struct ms_catalog *catalog, size_t index)
{
    (void)catalog;
    return index < WAYS ? &ways[index].info : NULL;
}

const struct ms_scenario ms_scenario_framework = {
    .name = "framework",
    .title = "the framework's DMA transactions: life cycle, fragments, stops",
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
