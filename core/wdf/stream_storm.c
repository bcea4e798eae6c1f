/* SPDX-License-Identifier: MIT */
/*
 * The example driver under real threads: requests with random timeouts and cancels over one channel, on a
 * device that stalls, faults, and sometimes never ends. Every request is completed once, with a status and
 * bytes that the contract's 19.3 allows, and nothing stays behind.
 *
 * MAPSTORM_STORM_SECONDS: how long; 1 by default.
 */
#include "mapstorm_wdf.h"
#include "wdf/test_wdf.h"

#include "controller/controller.h"
#include "memory/memory.h"
#include "platform/prng.h"

#include <stdlib.h>

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);
#include "wdf/example/stream.c"

enum { SENDERS = 4, BYTES = 40 * 1024, PAGES = BYTES / PAGE_SIZE + 1, LINE = 0x1005 };
enum { STALL_NS = 100 * 1000, DEAD_NS = 30 * 1000 * 1000 };

struct storm {
    struct fixture f;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    uint64_t until; /* const: our clock */
    ms_atomic_u32 errors;
    ms_atomic_u64 success, partial, cancelled, timed_out, faulted;
    ms_atomic_u64 read_bytes, written_bytes; /* as completed */
    /* The device; the engine's thread. */
    struct ms_prng prng;
    uint8_t given, taken; /* the next byte, the last one */
    uint64_t given_count, taken_count;
    uint64_t quiet_until; /* it has nothing to do before that moment */
};

struct sender {
    struct storm *storm;
    uint32_t index;
    PMDL mdl;
    ms_atomic_u32 done;
    NTSTATUS status;       /* hb:storm-done */
    ULONG_PTR information; /* hb:storm-done */
    uint8_t bytes[BYTES];
};

static void wrong(struct storm *s, const char *what)
{
    if (ms_fetch_add_relaxed(&s->errors, 1) < 5)
        fprintf(stderr, "storm: %s\n", what);
}

/* --- the device: now and then it faults, stalls, or is dead for longer than any timeout ------------- */

static uint32_t device_ready(void *device, uint64_t address, bool to_device, bool demand,
                             uint32_t wanted)
{
    struct storm *s = device;

    (void)address, (void)to_device, (void)demand;
    if (s->quiet_until != 0 && ms_clock_ns() < s->quiet_until)
        return 0;
    s->quiet_until = 0;
    if (ms_prng_below(&s->prng, 20000) == 0)
        return MS_ENDPOINT_FAULT;
    if (ms_prng_below(&s->prng, 2000) == 0)
        s->quiet_until = ms_clock_ns() + (ms_prng_below(&s->prng, 8) == 0 ? DEAD_NS : STALL_NS);
    return wanted;
}

static void device_peek(void *device, uint64_t address, uint8_t *bytes, uint32_t count)
{
    struct storm *s = device;

    (void)address;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(s->given + i);
}

static void device_pop(void *device, uint64_t address, uint32_t count)
{
    struct storm *s = device;

    (void)address;
    s->given = (uint8_t)(s->given + count);
    s->given_count += count;
}

static void device_push(void *device, uint64_t address, const uint8_t *bytes, uint32_t count)
{
    struct storm *s = device;

    (void)address;
    for (uint32_t i = 0; i < count; i++) {
        if (bytes[i] != (uint8_t)(s->taken + 1) && bytes[i] != 0)
            wrong(s, "the device got a byte out of turn"); /* RCE-P14 */
        s->taken = bytes[i];
    }
    s->taken_count += count;
}

static const struct ms_endpoint_ops device_ops = {device_ready, device_peek, device_pop,
                                                  device_push};

/* --- senders ---------------------------------------------------------------------------------------- */

static void completed(void *context, NTSTATUS status, ULONG_PTR information)
{
    struct sender *sender = context;

    sender->status = status;
    sender->information = information;
    if (ms_fetch_add_release(&sender->done, 1) != 0)           /* hb:storm-done */
        wrong(sender->storm, "a request was completed twice"); /* RCE-P01 */
    ms_wake(&sender->done, 1);
}

/* RCE-P11, RCE-P12, RCE-P15, RCE-P22 */
static void check(struct sender *sender, size_t length, bool read)
{
    struct storm *s = sender->storm;
    ULONG_PTR bytes = sender->information;

    switch (sender->status) {
    case STATUS_SUCCESS:
        ms_fetch_add_relaxed(bytes == length ? &s->success : &s->partial, 1);
        break;
    case STATUS_CANCELLED:
        ms_fetch_add_relaxed(&s->cancelled, 1);
        break;
    case STATUS_IO_TIMEOUT:
        ms_fetch_add_relaxed(&s->timed_out, 1);
        break;
    case STATUS_DEVICE_DATA_ERROR:
        ms_fetch_add_relaxed(&s->faulted, 1);
        break;
    default:
        wrong(s, "a status that nothing leads to");
    }
    if (bytes > length || (bytes == length && sender->status != STATUS_SUCCESS))
        wrong(s, "bytes that do not fit the status");
    ms_fetch_add_relaxed(read ? &s->read_bytes : &s->written_bytes, bytes);
    if (!read)
        return;
    ms_mdl_copy_out(s->f.memory, sender->mdl, 0, sender->bytes, BYTES);
    for (size_t i = 1; i < bytes; i++)
        if (sender->bytes[i] != (uint8_t)(sender->bytes[i - 1] + 1)) {
            wrong(s, "a read has bytes that the device did not give in a row");
            return;
        }
}

static void send_one(struct sender *sender, struct ms_prng *prng)
{
    struct storm *s = sender->storm;
    bool read = ms_prng_below(prng, 2);
    size_t length = 1 + ms_prng_below(prng, BYTES);
    struct ms_io io = {.type = read ? WdfRequestTypeRead : WdfRequestTypeWrite,
                       .mdl = sender->mdl,
                       .length = length,
                       .done = completed,
                       .context = sender};
    uint32_t cancel_after = ms_prng_below(prng, 3) == 0 ? ms_prng_below(prng, 400) : UINT32_MAX;
    WDFREQUEST request;

    ms_store_seq_cst(&sender->done, 0);
    InterlockedExchange(&StreamDevice(s->device)->TimeoutMicroseconds,
                        (LONG)(10u << ms_prng_below(prng, 12)));
    if (ms_wdf_submit(s->device, &io, &request) != STATUS_PENDING) {
        wrong(s, "a request was not taken");
        return;
    }
    for (uint32_t spins = 0; ms_load_acquire(&sender->done) == 0; spins++) { /* hb:storm-done */
        if (spins == cancel_after)
            (void)ms_wdf_cancel(request);
        if (spins < 500)
            ms_thread_yield();
        else
            ms_wait(&sender->done, 0, 1000000);
        if (spins > 60000) {
            wrong(s, "a request was never completed"); /* RCE-P19 */
            return;
        }
    }
    check(sender, length, read);
}

static void sender_run(void *context)
{
    struct sender *sender = context;
    struct ms_prng prng = {sender->index * 7919 + 1};

    ms_cpu_enter(sender->storm->f.kernel);
    while (ms_clock_ns() < sender->storm->until && ms_load_relaxed(&sender->storm->errors) == 0) {
        for (size_t i = 0; i < BYTES; i++)
            sender->bytes[i] = (uint8_t)i;
        ms_mdl_copy_in(sender->storm->f.memory, sender->mdl, 0, sender->bytes, BYTES);
        send_one(sender, &prng);
    }
    ms_cpu_leave();
}

/* --- the storm -------------------------------------------------------------------------------------- */

static uint64_t seconds_wanted(void)
{
    const char *text = getenv("MAPSTORM_STORM_SECONDS");
    char *end = NULL;
    unsigned long seconds;

    if (!text || !*text)
        return 1;
    seconds = strtoul(text, &end, 10);
    if (*end != '\0' || seconds < 1 || seconds > 86400)
        fail_msg("MAPSTORM_STORM_SECONDS is \"%s\": give a number from 1 to 86400", text);
    return seconds;
}

static void storm_open(struct storm *s)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    struct ms_wdf_config config = {.objects = 1024};

    fixture_open_with(&s->f, &config);
    s->prng.state = 99;
    ms_controller_attach(ms_dma_controller(s->f.dma, 1), LINE,
                         (struct ms_endpoint){.ops = &device_ops, .device = s});
    resource.u.DmaV3.RequestLine = LINE;
    assert_status(ms_wdf_driver_load(DriverEntry, &s->driver), STATUS_SUCCESS);
    assert_status(ms_wdf_device_add(s->driver, &s->f.pdo, &resource, 1, &s->device),
                  STATUS_SUCCESS);
    assert_true(ms_controller_start(ms_dma_controller(s->f.dma, 1)));
    s->until = ms_clock_ns() + seconds_wanted() * UINT64_C(1000000000);
}

static void storm_close(struct storm *s)
{
    ms_controller_stop(ms_dma_controller(s->f.dma, 1));
    /* Bytes of aborted fragments were moved and not counted; no other way round. */
    assert_true(ms_load_relaxed(&s->read_bytes) <= s->given_count);
    assert_true(ms_load_relaxed(&s->written_bytes) <= s->taken_count);
    ms_wdf_device_remove(s->device);
    ms_wdf_driver_unload(s->driver);
    for (uint32_t i = 0; i < s->f.reports && i < REPORTS_MAX; i++)
        if (s->f.report[i].info->severity == MS_RULE_VIOLATION)
            fail_msg("the driver broke %s", s->f.report[i].info->name);
    fixture_close_with(&s->f, s->f.reports, 0);
}

/* ENB-34, RCE-P01, RCE-P02, RCE-P03, RCE-P12, RCE-P14, RCE-P15, RCE-P16, RCE-P19, RCE-P22, HAZ-01, HAZ-04, HRQ-05,
 * HRQ-14, HRQ-15, HRQ-16, STM-02, LVL-03, LVL-04 */
MS_TEST(requests_timeouts_cancels_and_errors_over_one_channel)
{
    struct storm *s = ms_alloc(sizeof *s);
    struct sender *sender = ms_alloc(SENDERS * sizeof *sender);
    struct ms_thread *thread[SENDERS];

    assert_non_null(s);
    assert_non_null(sender);
    storm_open(s);
    for (uint32_t i = 0; i < SENDERS; i++) {
        PFN_NUMBER pfn[PAGES];
        for (uint32_t page = 0; page < PAGES; page++) /* every other page bounces */
            pfn[page] = (page & 1 ? UINT64_C(0x140000) : UINT64_C(0x4000)) + i * 64 + page;
        sender[i].storm = s;
        sender[i].index = i;
        sender[i].mdl = ms_mdl_create(pfn, 0, BYTES);
        assert_non_null(sender[i].mdl);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        thread[i] = ms_thread_start(sender_run, &sender[i]);
    for (uint32_t i = 0; i < SENDERS; i++)
        ms_thread_join(thread[i]);
    print_message("%lu whole, %lu in part, %lu cancelled, %lu timed out, %lu faulted\n",
                  ms_load_relaxed(&s->success), ms_load_relaxed(&s->partial),
                  ms_load_relaxed(&s->cancelled), ms_load_relaxed(&s->timed_out),
                  ms_load_relaxed(&s->faulted));
    assert_int_equal(ms_load_relaxed(&s->errors), 0);
    storm_close(s);
    for (uint32_t i = 0; i < SENDERS; i++)
        IoFreeMdl(sender[i].mdl);
    ms_free(sender, SENDERS * sizeof *sender);
    ms_free(s, sizeof *s);
}
