/* SPDX-License-Identifier: MIT */
/*
 * Real threads around system DMA: the engine runs by itself while drivers map, cancel at random moments,
 * flush and free on shared channels. Each started transfer is told exactly once, with an end that fits
 * what happened, and every byte is accounted.
 */
#include "adapter/test_fixture.h"
#include "platform/prng.h"

enum { DRIVERS = 3, ROUNDS = 2500, BYTES = 0x600 };

struct storm {
    struct fixture f;
    ms_atomic_u32 errors, completed, cancelled, refused;
};

struct driver {
    struct storm *storm;
    uint32_t index;
    PDMA_ADAPTER adapter;
    struct context context;
    PVOID base;
    PMDL mdl;
    struct ms_fifo fifo;
    uint8_t taken[BYTES], want[BYTES], got[BYTES];
    uint64_t sent;        /* bytes to the device that were counted as moved so far */
    uint64_t given;       /* bytes of the device that were counted as moved so far */
    ms_atomic_u32 told;   /* callbacks of the present transfer */
    ms_atomic_u32 status; /* of the last */
    ms_atomic_u32 stage;  /* odd: the canceller may strike */
    ms_atomic_u32 over;
};

static void wrong(struct storm *s, const char *what)
{
    if (ms_fetch_add_relaxed(&s->errors, 1) < 5)
        fprintf(stderr, "storm: %s\n", what);
}

static VOID completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                      DMA_COMPLETION_STATUS status)
{
    struct driver *d = context;

    (void)adapter, (void)device;
    ms_store_relaxed(&d->status, status);
    if (ms_fetch_add_acq_rel(&d->told, 1) != 0)
        wrong(d->storm, "a transfer was told twice"); /* CMT-11 */
}

/* The end fits the bytes: complete means all, cancelled means as many as the counter says. The engine may
 * complete it before the map has returned (MTX-47, MTX-49), and a cancel meets it anywhere (MTX-60). */
static void transfer(struct driver *d, struct ms_prng *prng)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    BOOLEAN write = (BOOLEAN)ms_prng_below(prng, 2);
    ULONG length = 1 + ms_prng_below(prng, BYTES), left;
    NTSTATUS status;

    memset(d->want, 0x11, BYTES);
    ms_mdl_copy_in(d->storm->f.memory, d->mdl, 0, d->want, BYTES);
    ms_store_seq_cst(&d->told, 0);
    status = ops->MapTransferEx(d->adapter, d->mdl, d->base, 0, 0, &length, write, NULL, 0,
                                completed, d);
    if (status == STATUS_CANCELLED) {
        ms_fetch_add_relaxed(&d->storm->refused, 1);
        if (!NT_SUCCESS(ops->FlushAdapterBuffersEx(d->adapter, d->mdl, d->base, 0, 0, write)))
            wrong(d->storm, "a flush after a refused map failed"); /* FLX-07 */
        if (ms_load_acquire(&d->told) != 0)
            wrong(d->storm, "a transfer that never started was told"); /* MTX-46 */
        return;
    }
    if (!NT_SUCCESS(status)) {
        wrong(d->storm, "a map failed");
        return;
    }
    if (ms_prng_below(prng, 3) == 0)
        (void)ops->CancelMappedTransfer(d->adapter, &d->context);
    while (ms_load_acquire(&d->told) == 0)
        ms_thread_yield(); /* the driver waits for its completion */
    left = ops->ReadDmaCounter(d->adapter);
    if (!NT_SUCCESS(ops->FlushAdapterBuffersEx(d->adapter, d->mdl, d->base, 0, length, write)))
        wrong(d->storm, "a flush failed");
    if (ms_load_relaxed(&d->status) == DmaComplete) {
        ms_fetch_add_relaxed(&d->storm->completed, 1);
        if (left != 0)
            wrong(d->storm, "complete, and bytes are left");
    } else if (ms_load_relaxed(&d->status) == DmaCancelled) {
        ms_fetch_add_relaxed(&d->storm->cancelled, 1);
    } else {
        wrong(d->storm, "an end nobody asked for");
    }
    if (write) {
        d->sent += length - left;
        return;
    }
    ms_mdl_copy_out(d->storm->f.memory, d->mdl, 0, d->got, BYTES);
    for (ULONG i = 0; i < BYTES; i++)
        if (d->got[i] != (i < length - left ? ms_fifo_byte(7, d->given + i) : 0x11)) {
            wrong(d->storm, "a byte too many or too few came");
            break;
        }
    d->given += length - left; /* the engine may still be late to tell the device */
}

static void driver_run(void *context)
{
    struct driver *d = context;
    struct ms_prng prng = {d->index + 1};
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;

    ms_cpu_enter(d->storm->f.kernel);
    for (int round = 0; round < ROUNDS; round++) {
        (void)ops->InitializeDmaTransferContext(d->adapter, &d->context);
        if (!NT_SUCCESS(ops->AllocateAdapterChannelEx(d->adapter, &d->storm->f.pdo, &d->context, 2,
                                                      DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                      &d->base))) {
            ms_thread_yield();
            continue;
        }
        ms_store_seq_cst(&d->stage, 1);
        for (int i = 0; i < 3; i++)
            transfer(d, &prng);
        ms_store_seq_cst(&d->stage, 0);
        ops->FreeAdapterChannel(d->adapter);
    }
    ms_store_seq_cst(&d->over, 1);
    ms_cpu_leave();
}

/* Cancels whatever its victim is doing, until the victim is done. Two threads may call with one context:
 * that is what CancelMappedTransfer is for. */
static void canceller_run(void *context)
{
    struct driver *d = context;
    struct ms_prng prng = {d->index + 77};

    ms_cpu_enter(d->storm->f.kernel);
    while (!ms_load_acquire(&d->over)) {
        if (ms_load_acquire(&d->stage) && ms_prng_below(&prng, 64) == 0)
            (void)d->adapter->DmaOperations->CancelMappedTransfer(d->adapter, &d->context);
        ms_thread_yield();
    }
    ms_cpu_leave();
}

MS_TEST(engine_drivers_and_cancellers_race_and_every_byte_is_accounted)
{
    const struct ms_controller_config controller = ms_controller_soc();
    struct ms_dma_config config = fixture_config();
    struct storm *s = ms_alloc(sizeof *s);
    struct driver *d = ms_alloc(DRIVERS * sizeof *d);
    struct ms_thread *thread[2 * DRIVERS];
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3, .MaximumLength = BYTES, .DmaWidth = Width8Bits};
    struct ms_controller_config two = controller;
    ULONG registers;

    two.channels = 2; /* fewer than drivers: they wait for one another's channels */
    config.controllers = &two;
    config.controller_count = 1;
    fixture_open_with(&s->f, &config);
    for (uint32_t i = 0; i < DRIVERS; i++) {
        const PFN_NUMBER pfn[] = {0x4000 + i * 16, 0x140000 + i * 16}; /* the second one bounces */
        d[i].storm = s;
        d[i].index = i;
        d[i].mdl = ms_mdl_create(pfn, 0xD00, BYTES);
        description.DmaRequestLine = 0x1000 + i;
        ms_fifo_init(&d[i].fifo, 7, d[i].taken, BYTES);
        ms_controller_attach(ms_dma_controller(s->f.dma, 0), description.DmaRequestLine,
                             ms_fifo_endpoint(&d[i].fifo));
        d[i].adapter = ms_adapter_open(s->f.dma, &s->f.pdo, &description, &registers);
        assert_non_null(d[i].adapter);
    }
    assert_true(ms_controller_start(ms_dma_controller(s->f.dma, 0)));
    for (uint32_t i = 0; i < DRIVERS; i++) {
        thread[i] = ms_thread_start(driver_run, &d[i]);
        thread[DRIVERS + i] = ms_thread_start(canceller_run, &d[i]);
    }
    for (int i = 0; i < 2 * DRIVERS; i++)
        ms_thread_join(thread[i]);
    print_message("%u completed, %u cancelled, %u refused\n", ms_load_relaxed(&s->completed),
                  ms_load_relaxed(&s->cancelled), ms_load_relaxed(&s->refused));
    assert_int_equal(ms_load_relaxed(&s->errors), 0);
    for (uint32_t i = 0; i < DRIVERS; i++) {
        d[i].adapter->DmaOperations->PutDmaAdapter(d[i].adapter);
        IoFreeMdl(d[i].mdl);
    }
    ms_controller_stop(ms_dma_controller(s->f.dma, 0));
    for (uint32_t i = 0; i < DRIVERS; i++) { /* now the engine has told the devices all */
        assert_true(d[i].fifo.given_count == d[i].given);
        assert_true(d[i].fifo.taken_count == d[i].sent);
    }
    fixture_close(&s->f);
    ms_free(d, DRIVERS * sizeof *d);
    ms_free(s, sizeof *s);
}
