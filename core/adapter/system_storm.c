/* SPDX-License-Identifier: MIT */
/*
 * Real threads around system DMA: two engines run by themselves while drivers map and free on shared
 * channels, flushers end their transfers (some before the time), and cancellers strike at random. Each
 * started transfer is told exactly once, with an end that fits what happened; every byte is accounted on both
 * sides; no ring is written after the cancel of its loop has returned.
 *
 * A second or two by itself; MAPSTORM_STORM_SECONDS=60 in the environment makes it as long.
 */
#include "adapter/test_fixture.h"
#include "platform/prng.h"

enum { SOC = 4, LEGACY = 2, LOOPS = 1, DRIVERS = SOC + LEGACY + LOOPS, CANCELLERS = 2 };
enum { BYTES = 0x600, SEED = 7, SECONDS_MAX = 3600 };
#define STORM_NS_DEFAULT UINT64_C(1500000000)

/* What a line leads to. Its counts belong to whoever owns the channel: the old controller's two drivers share
 * a line, so a device too. */
struct device {
    struct ms_fifo fifo;
    uint64_t sent;  /* bytes to the device that were counted as moved */
    uint64_t given; /* bytes of the device that were */
};

struct storm {
    struct fixture f;
    uint64_t until_ns;
    ms_atomic_u32 errors;
    ms_atomic_u64 completed, cancelled, refused, early, loops, bytes;
    struct driver *driver;
    struct device device[DRIVERS];
    ms_atomic_u32 drivers_left;
};

/* A driver and its flusher, who hand the transfer to and fro. */
struct driver {
    struct storm *storm;
    uint32_t index;
    bool loops;
    PDMA_ADAPTER adapter;
    struct context context;
    PVOID base;
    PMDL mdl;
    struct device *device;
    uint8_t got[BYTES];
    /* Of the transfer at hand: written by the driver, read by the flusher: hb:storm-turn. */
    ULONG length;
    BOOLEAN write;
    bool
        is_begun; /* its first transfer is over, which nobody stops: whoever comes first, some complete */
    _Alignas(16) uint8_t list[sizeof(SCATTER_GATHER_LIST) + 4 * sizeof(SCATTER_GATHER_ELEMENT)];
    ms_atomic_u32 turn; /* TURN_* */
    ms_atomic_u32 told; /* callbacks of the present transfer */
    ms_atomic_u32 status;
    ms_atomic_u32 inside; /* callbacks that run now */
    ms_atomic_u32 stage;  /* not 0: the cancellers may strike */
};

enum { TURN_DRIVER, TURN_FLUSHER, TURN_OVER };

static void wrong(struct storm *s, const char *what)
{
    if (ms_fetch_add_relaxed(&s->errors, 1) < 5)
        fprintf(stderr, "storm: %s\n", what);
}

/* hb:storm-turn, both sides: what the one wrote, the other reads. */
static void turn_give(struct driver *d, uint32_t turn)
{
    ms_store_release(&d->turn, turn);
}

static uint32_t turn_await(struct driver *d, uint32_t mine)
{
    uint32_t seen;

    while ((seen = ms_load_acquire(&d->turn)) != mine && seen != TURN_OVER)
        ms_thread_yield();
    return seen;
}

/* MTX-47, MTX-48, CPL-07, CPL-09, CPL-15, CPL-16: alone, once, and the list says what *Length says. */
static VOID completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                      DMA_COMPLETION_STATUS status)
{
    struct driver *d = context;
    const SCATTER_GATHER_LIST *list = (const SCATTER_GATHER_LIST *)d->list;
    uint64_t sum = 0;

    (void)device;
    if (ms_fetch_add_acq_rel(&d->inside, 1) != 0)
        wrong(d->storm, "two callbacks of one channel at once");
    if (adapter != d->adapter || KeGetCurrentIrql() != DISPATCH_LEVEL)
        wrong(d->storm, "a callback with another adapter or at another level");
    for (ULONG i = 0; i < list->NumberOfElements; i++)
        sum += list->Elements[i].Length;
    if (sum != d->length && !d->loops)
        wrong(d->storm, "the list was not whole when the routine ran");
    ms_fetch_sub_release(&d->inside, 1);
    ms_store_release(&d->status, status);
    if (ms_fetch_add_acq_rel(&d->told, 1) != 0 && !d->loops)
        wrong(d->storm, "a transfer was told twice"); /* CMT-11 */
}

static void told_await(struct driver *d)
{
    while (ms_load_acquire(&d->told) == 0)
        ms_thread_yield();
}

/* --- the flusher ------------------------------------------------------------------------------------ */

/* How many of the device's next bytes lie in the buffer; all others are as the driver left them. */
static ULONG bytes_came(struct driver *d)
{
    ULONG came = 0;

    ms_mdl_copy_out(d->storm->f.memory, d->mdl, 0, d->got, BYTES);
    while (came < BYTES && d->got[came] == ms_fifo_byte(SEED, d->device->given + came))
        came++;
    for (ULONG i = came; i < BYTES; i++)
        if (d->got[i] != (uint8_t)(ms_fifo_byte(SEED, d->device->given + i) + 1)) {
            wrong(d->storm, "a byte that nobody sent lies in the buffer");
            break;
        }
    return came;
}

static void buffer_fill(struct driver *d)
{
    for (ULONG i = 0; i < BYTES; i++)
        d->got[i] = (uint8_t)(ms_fifo_byte(SEED, d->device->given + i) + 1);
    ms_mdl_copy_in(d->storm->f.memory, d->mdl, 0, d->got, BYTES);
}

/* Ends the transfer, now and then in its midst (FLX-12) but for a driver's first; the bytes of both sides are
 * compared. */
static void transfer_flush(struct driver *d, struct ms_prng *prng)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    bool is_early = !d->write && d->is_begun && ms_prng_below(prng, 4) == 0;
    ULONG left = 0, moved;

    if (!is_early) {
        told_await(d);
        left = ops->ReadDmaCounter(d->adapter); /* CMT-20 */
    }
    if (!NT_SUCCESS(
            ops->FlushAdapterBuffersEx(d->adapter, d->mdl, d->base, 0, d->length, d->write)))
        wrong(d->storm, "a flush failed");
    told_await(d);
    moved = is_early || !d->write ? 0 : d->length - left;
    if (!d->write)
        moved = bytes_came(d);
    if (!is_early && moved != d->length - left)
        wrong(d->storm, "the counter and the buffer do not agree");
    switch ((DMA_COMPLETION_STATUS)ms_load_relaxed(&d->status)) {
    case DmaComplete:
        ms_fetch_add_relaxed(&d->storm->completed, 1);
        if (moved != d->length)
            wrong(d->storm, "complete, and bytes are missing");
        break;
    case DmaCancelled:
        ms_fetch_add_relaxed(&d->storm->cancelled, 1);
        break;
    default:
        wrong(d->storm, "an end nobody asked for");
    }
    ms_fetch_add_relaxed(&d->storm->early, is_early);
    ms_fetch_add_relaxed(&d->storm->bytes, moved);
    if (d->write)
        d->device->sent += moved;
    else
        d->device->given += moved; /* the engine may still be late to tell the device */
}

static void flusher_run(void *context)
{
    struct driver *d = context;
    struct ms_prng prng = {d->index + 1000};

    ms_cpu_enter(d->storm->f.kernel);
    while (turn_await(d, TURN_FLUSHER) == TURN_FLUSHER) {
        transfer_flush(d, &prng);
        turn_give(d, TURN_DRIVER);
    }
    ms_cpu_leave();
}

/* --- the driver --------------------------------------------------------------------------------------- */

/* The engine may complete it before the map has returned (MTX-49), a cancel meets it anywhere (MTX-60). */
static void transfer(struct driver *d, struct ms_prng *prng)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    NTSTATUS status;

    d->write = (BOOLEAN)ms_prng_below(prng, 2);
    d->length = 1 + ms_prng_below(prng, BYTES);
    buffer_fill(d);
    ms_store_seq_cst(&d->told, 0);
    status = ops->MapTransferEx(d->adapter, d->mdl, d->base, 0, 0, &d->length, d->write,
                                (PSCATTER_GATHER_LIST)d->list, sizeof d->list, completed, d);
    if (status == STATUS_CANCELLED) {
        ms_fetch_add_relaxed(&d->storm->refused, 1);
        if (!NT_SUCCESS(ops->FlushAdapterBuffersEx(d->adapter, d->mdl, d->base, 0, 0, d->write)))
            wrong(d->storm, "a flush after a refused map failed"); /* FLX-07 */
        if (ms_load_acquire(&d->told) != 0)
            wrong(d->storm, "a transfer that never started was told"); /* MTX-46 */
        return;
    }
    if (!NT_SUCCESS(status)) {
        wrong(d->storm, "a map failed");
        return;
    }
    if (ms_prng_below(prng, 3) == 0 && d->is_begun)
        (void)ops->CancelMappedTransfer(d->adapter, &d->context);
    turn_give(d, TURN_FLUSHER);
    (void)turn_await(d, TURN_DRIVER);
}

/* CMT-12, CMT-17, FLX-18: a ring that runs until it is cancelled; then it is the driver's alone. */
static void loop(struct driver *d, struct ms_prng *prng)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    struct ms_memory *memory = d->storm->f.memory;

    d->length = BYTES;
    ms_store_seq_cst(&d->told, 0);
    if (!NT_SUCCESS(ops->MapTransferEx(d->adapter, d->mdl, d->base, 0, 0, &d->length, FALSE,
                                       (PSCATTER_GATHER_LIST)d->list, sizeof d->list, completed,
                                       d))) {
        wrong(d->storm, "a loop did not start");
        return;
    }
    for (uint32_t i = ms_prng_below(prng, 40); i > 0; i--)
        ms_thread_yield();
    if (!NT_SUCCESS(ops->CancelMappedTransfer(d->adapter, &d->context)))
        wrong(d->storm, "a loop's cancel failed");
    memset(d->got, 0xA5, BYTES);
    ms_mdl_copy_in(memory, d->mdl, 0, d->got, BYTES);
    if (!NT_SUCCESS(ops->FlushAdapterBuffersEx(d->adapter, d->mdl, d->base, 0, BYTES, FALSE)))
        wrong(d->storm, "a flush of a loop failed");
    while (ms_load_acquire(&d->told) == 0 || ms_load_acquire(&d->status) != DmaCancelled)
        ms_thread_yield();
    ms_mdl_copy_out(memory, d->mdl, 0, d->got, BYTES);
    for (ULONG i = 0; i < BYTES; i++)
        if (d->got[i] != 0xA5) {
            wrong(d->storm, "a byte of the ring came after the cancel");
            break;
        }
    ms_fetch_add_relaxed(&d->storm->loops, 1);
}

static void driver_run(void *context)
{
    struct driver *d = context;
    struct storm *s = d->storm;
    struct ms_prng prng = {d->index + 1};
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;

    ms_cpu_enter(s->f.kernel);
    for (int rounds = 0; rounds == 0 || ms_clock_ns() < s->until_ns;) {
        (void)ops->InitializeDmaTransferContext(d->adapter, &d->context);
        if (!NT_SUCCESS(ops->AllocateAdapterChannelEx(d->adapter, &s->f.pdo, &d->context,
                                                      d->loops ? 0 : 2, DMA_SYNCHRONOUS_CALLBACK,
                                                      NULL, NULL, &d->base))) {
            ms_thread_yield();
            continue;
        }
        rounds++;
        for (int i = 0; i < 3; i++) {
            ms_store_seq_cst(&d->stage, !d->loops && d->is_begun);
            if (d->loops)
                loop(d, &prng);
            else
                transfer(d, &prng);
            d->is_begun = true;
        }
        ms_store_seq_cst(&d->stage, 0);
        ops->FreeAdapterChannel(d->adapter);
    }
    turn_give(d, TURN_OVER);
    ms_fetch_sub_seq_cst(&s->drivers_left, 1);
    ms_cpu_leave();
}

/* Cancels whatever its victims are doing, late ones too: two threads may call with one context, that is what
 * CancelMappedTransfer is for. */
static void canceller_run(void *context)
{
    struct storm *s = context;
    struct ms_prng prng = {77};

    ms_cpu_enter(s->f.kernel);
    while (ms_load_acquire(&s->drivers_left) > 0) {
        struct driver *d = &s->driver[ms_prng_below(&prng, DRIVERS)];
        if (ms_load_acquire(&d->stage) && ms_prng_below(&prng, 8) == 0)
            (void)d->adapter->DmaOperations->CancelMappedTransfer(d->adapter, &d->context);
        ms_thread_yield();
    }
    ms_cpu_leave();
}

/* --- all of them -------------------------------------------------------------------------------------- */

static uint64_t storm_ns(void)
{
    const char *text = getenv("MAPSTORM_STORM_SECONDS");
    char *end;
    unsigned long seconds;

    if (!text || !*text)
        return STORM_NS_DEFAULT;
    seconds = strtoul(text, &end, 10);
    if (*end || seconds == 0 || seconds > SECONDS_MAX)
        fail_msg("MAPSTORM_STORM_SECONDS is \"%s\"; it wants whole seconds, 1 to %d", text,
                 SECONDS_MAX);
    return seconds * UINT64_C(1000000000);
}

static void driver_open(struct storm *s, uint32_t i)
{
    struct driver *d = &s->driver[i];
    struct device *device;
    bool is_legacy = i >= SOC && i < SOC + LEGACY;
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .MaximumLength = BYTES,
        .DmaWidth = Width8Bits,
        .AutoInitialize = i >= SOC + LEGACY,
        .DmaRequestLine = is_legacy ? 3 : 0x1000 + i, /* the legacy ones share one channel */
    };
    uint64_t far = is_legacy ? 0x4800 : 0x140000; /* the second page bounces */
    const PFN_NUMBER pfn[] = {0x4000 + i * 16,
                              (description.AutoInitialize ? 0x4C00 : far) + i * 16};
    ULONG registers;

    d->storm = s;
    d->index = i;
    d->loops = description.AutoInitialize;
    d->mdl = ms_mdl_create(pfn, 0xD00, BYTES);
    device = d->device = &s->device[is_legacy ? SOC : i];
    ms_fifo_init(&device->fifo, SEED, NULL, 0);
    ms_controller_attach(ms_dma_controller(s->f.dma, is_legacy ? 0 : 1), description.DmaRequestLine,
                         ms_fifo_endpoint(&device->fifo));
    d->adapter = ms_adapter_open(s->f.dma, &s->f.pdo, &description, &registers);
    assert_non_null(d->adapter);
}

MS_TEST(engines_drivers_flushers_and_cancellers_race_and_every_byte_is_accounted)
{
    struct ms_controller_config controllers[] = {ms_controller_legacy(), ms_controller_soc()};
    struct ms_dma_config config = fixture_config();
    struct storm *s = ms_alloc(sizeof *s);
    struct ms_thread *thread[2 * DRIVERS + CANCELLERS];
    int threads = 0;

    controllers[1].channels = 3; /* fewer than drivers: they wait for one another's channels */
    controllers[0].tells_at_cancel = true; /* routines in the cancellers' threads, too */
    config.controllers = controllers;
    config.controller_count = 2;
    fixture_open_with(&s->f, &config);
    s->driver = ms_alloc(DRIVERS * sizeof *s->driver);
    ms_init(&s->drivers_left, DRIVERS);
    for (uint32_t i = 0; i < DRIVERS; i++)
        driver_open(s, i);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(ms_controller_start(ms_dma_controller(s->f.dma, i)));
    s->until_ns = ms_clock_ns() + storm_ns();
    for (uint32_t i = 0; i < DRIVERS; i++) {
        thread[threads++] = ms_thread_start(driver_run, &s->driver[i]);
        thread[threads++] = ms_thread_start(flusher_run, &s->driver[i]);
    }
    for (int i = 0; i < CANCELLERS; i++)
        thread[threads++] = ms_thread_start(canceller_run, s);
    for (int i = 0; i < threads; i++)
        ms_thread_join(thread[i]);
    print_message(
        "%lu completed, %lu cancelled, %lu refused, %lu flushed early, %lu loops, %lu bytes\n",
        (unsigned long)ms_load_relaxed(&s->completed),
        (unsigned long)ms_load_relaxed(&s->cancelled), (unsigned long)ms_load_relaxed(&s->refused),
        (unsigned long)ms_load_relaxed(&s->early), (unsigned long)ms_load_relaxed(&s->loops),
        (unsigned long)ms_load_relaxed(&s->bytes));
    assert_int_equal(ms_load_relaxed(&s->errors), 0);
    assert_true(ms_load_relaxed(&s->completed) >= SOC + LEGACY && ms_load_relaxed(&s->loops) > 0);
    for (uint32_t i = 0; i < DRIVERS; i++) {
        s->driver[i].adapter->DmaOperations->PutDmaAdapter(s->driver[i].adapter);
        IoFreeMdl(s->driver[i].mdl);
    }
    for (uint32_t i = 0; i < 2; i++)
        ms_controller_stop(ms_dma_controller(s->f.dma, i));
    for (uint32_t i = 0; i <= SOC; i++) { /* now the engines have told the devices all */
        assert_true(s->device[i].fifo.given_count == s->device[i].given);
        assert_true(s->device[i].fifo.taken_count == s->device[i].sent);
    }
    fixture_close(&s->f);
    ms_free(s->driver, DRIVERS * sizeof *s->driver);
    ms_free(s, sizeof *s);
}
