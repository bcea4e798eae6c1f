/* SPDX-License-Identifier: MIT */
/*
 * stream_fuzz.c: the example driver (core/wdf/example/stream.c), as it is, with fragments of 64 bytes: two
 * threads send reads and writes, the engine moves them, a third cancels requests, a fourth lets timers go
 * off; the device breaks and is mended.
 *
 * Proves       the protocol of the KMDF contract's section 19 under any schedule: each request is completed
 *              once (RCE-P01), with a status that somebody caused (RCE-P12) and the bytes it tells of
 *              (RCE-P15, RCE-P22); none of the driver's own asserts fires (RCE-P23); no rule is broken; at the
 *              end requests, timers and the channel are gone (RCE-P16, RCE-P17)
 */
#include "kmdf_stage.h"

#include "mapstorm_wdf.h"

enum {
    SENDER,
    OTHER,
    ENGINE,
    CANCEL,
    CLOCK,
    ACTORS,
    FRAGMENT = 64,
    BYTES = 200,
    SENDS_MAX = 32,
    TIMERS_MAX = 40,
    LINE = 0x1003,
    DRAIN_ROUNDS = 400,
};

/* --- the driver, with a few of its calls watched ----------------------------------------------------- */

static NTSTATUS timer_create(PWDF_TIMER_CONFIG config, PWDF_OBJECT_ATTRIBUTES attributes,
                             WDFTIMER *timer);

static inline void config_init(PWDF_DMA_ENABLER_CONFIG config, WDF_DMA_PROFILE profile)
{
    WDF_DMA_ENABLER_CONFIG_INIT(config, profile, FRAGMENT);
}

#define WDF_DMA_ENABLER_CONFIG_INIT(config, profile, most) config_init(config, profile)
#define WdfTimerCreate                                     timer_create
#undef NT_ASSERTMSG
#define NT_ASSERTMSG(text, e)                                                                      \
    do {                                                                                           \
        if (!(e))                                                                                  \
            ms_sim_fail("O3 the driver's own assert", "%s", text);                                 \
    } while (0)
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);
#include "wdf/example/stream.c"
#undef WdfTimerCreate

/* --- what is noted ----------------------------------------------------------------------------------- */

struct send {
    WDFREQUEST request;
    PMDL mdl;
    uint32_t length, done;
    bool is_read, is_cancelled;
};

static struct {
    struct kmdf_stage stage; /* from here on kept in the image */
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    PMDL mdl[SENDS_MAX];
    uint32_t objects;
    struct send send[SENDS_MAX]; /* from here on set anew */
    uint32_t sends;
    WDFTIMER timer[TIMERS_MAX];
    uint32_t timers;
    bool has_fired, has_broken, is_broken;
    uint8_t given, taken; /* the device's next byte; the last one it got */
    uint64_t digest;
} w;

static NTSTATUS timer_create(PWDF_TIMER_CONFIG config, PWDF_OBJECT_ATTRIBUTES attributes,
                             WDFTIMER *timer)
{
    NTSTATUS status = WdfTimerCreate(config, attributes, timer);

    ms_require(w.timers < TIMERS_MAX);
    if (NT_SUCCESS(status))
        w.timer[w.timers++] = *timer;
    return status;
}

/* --- the device -------------------------------------------------------------------------------------- */

static uint32_t device_ready(void *device, uint64_t address, bool to_device, bool demand,
                             uint32_t wanted)
{
    (void)device, (void)address, (void)to_device, (void)demand;
    return w.is_broken ? MS_ENDPOINT_FAULT : wanted;
}

static void device_peek(void *device, uint64_t address, uint8_t *bytes, uint32_t count)
{
    (void)device, (void)address;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(w.given + i);
}

static void device_pop(void *device, uint64_t address, uint32_t count)
{
    (void)device, (void)address;
    w.given = (uint8_t)(w.given + count);
}

/* Each write counts from 0 on. */
static void device_push(void *device, uint64_t address, const uint8_t *bytes, uint32_t count)
{
    (void)device, (void)address;
    for (uint32_t i = 0; i < count; i++) {
        if (bytes[i] != 0 && bytes[i] != w.taken + 1)
            ms_sim_fail("O6 the device got a byte out of turn", "%u after %u", bytes[i], w.taken);
        w.taken = bytes[i];
    }
}

static const struct ms_endpoint_ops device_ops = {device_ready, device_peek, device_pop,
                                                  device_push};

/* --- requests ---------------------------------------------------------------------------------------- */

/* RCE-P12, RCE-20 */
static void status_judge(const struct send *s, NTSTATUS status, ULONG_PTR information)
{
    bool is_stopped = s->is_cancelled || w.has_fired;
    bool may = status == STATUS_SUCCESS             ? information == s->length || is_stopped
               : status == STATUS_CANCELLED         ? s->is_cancelled
               : status == STATUS_IO_TIMEOUT        ? w.has_fired
               : status == STATUS_DEVICE_DATA_ERROR ? w.has_broken
                                                    : false;

    if (!may || information > s->length)
        ms_sim_fail("O7 a request ends with a wrong status", "%08x, %u of %u bytes",
                    (unsigned)status, (unsigned)information, s->length);
    if (information == s->length && status != STATUS_SUCCESS)
        ms_sim_fail("O5 all bytes, and no success", "%08x", (unsigned)status);
}

static void on_done(void *context, NTSTATUS status, ULONG_PTR information)
{
    struct send *s = context;
    uint8_t bytes[BYTES];

    if (s->done++ != 0)
        ms_sim_fail("O3 a request was completed twice", "request %u", (unsigned)(s - w.send));
    status_judge(s, status, information);
    ms_mdl_copy_out(w.stage.stage.memory, s->mdl, 0, bytes, BYTES);
    for (uint32_t i = 1; s->is_read && i < information; i++)
        if (bytes[i] != (uint8_t)(bytes[i - 1] + 1))
            ms_sim_fail("O6 a read has bytes that were not given in a row", "byte %u of %u", i,
                        (unsigned)information);
    for (uint32_t i = s->length; s->is_read && i < BYTES; i++)
        if (bytes[i] != 0xEE)
            ms_sim_fail("O6 a byte behind the request", "byte %u of %u", i, s->length);
    w.digest = w.digest * 31 + (uint32_t)status + information;
}

static void do_send(const uint8_t *operand)
{
    static const uint8_t lengths[8] = {64, 1, 65, 128, 63, 130, 200, 20};
    struct send *s = &w.send[w.sends];
    uint8_t bytes[BYTES];
    NTSTATUS status;

    if (w.sends == SENDS_MAX)
        return;
    w.sends++;
    s->mdl = w.mdl[s - w.send];
    s->length = lengths[operand[0] & 7];
    s->is_read = operand[0] >> 3 & 1;
    for (uint32_t i = 0; i < BYTES; i++)
        bytes[i] = s->is_read ? 0xEE : (uint8_t)i;
    ms_mdl_copy_in(w.stage.stage.memory, s->mdl, 0, bytes, BYTES);
    const struct ms_io io = {.type = s->is_read ? WdfRequestTypeRead : WdfRequestTypeWrite,
                             .mdl = s->mdl,
                             .length = s->length,
                             .done = on_done,
                             .context = s};
    status = ms_wdf_submit(w.device, &io, &s->request);
    if (status != STATUS_PENDING)
        ms_sim_fail("O7 a request is not taken", "%08x", (unsigned)status);
}

/* The n-th that was sent before, from the last one on. */
static void do_cancel(uint8_t back)
{
    struct send *s = w.sends > 0 ? &w.send[w.sends - 1 - back % w.sends] : NULL;

    if (!s || !s->request)
        return;
    s->is_cancelled = true;
    (void)ms_wdf_cancel(s->request);
}

static void do_fire(uint8_t back)
{
    if (w.timers == 0)
        return;
    w.has_fired = true;
    (void)ms_wdf_timer_fire(w.timer[w.timers - 1 - back % w.timers]);
}

/* --- the target -------------------------------------------------------------------------------------- */

enum kind { SEND, STEP, BREAK, CANCEL_IT, FIRE };

static void make_machine(void)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    struct ms_controller_config controller = ms_controller_soc();
    const struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {1, 4},
        .grants = 8,
        .controllers = &controller,
        .controller_count = 1,
    };

    controller.channels = 1;
    controller.elements_max = 4;
    (void)stage_memory(&w.stage.stage);
    for (uint32_t i = 0; i < SENDS_MAX; i++) {
        const PFN_NUMBER pfn[] = {0x4000 + 2 * i, UINT64_C(0x140000) + i};
        w.mdl[i] = ms_mdl_create(pfn, MS_PAGE_BYTES - 100, BYTES); /* the second page bounces */
        ms_require(w.mdl[i] != NULL);
    }
    kmdf_stage_make(&w.stage, &config, ACTORS);
    ms_controller_attach(w.stage.controller, LINE,
                         (struct ms_endpoint){.ops = &device_ops, .device = &w});
    resource.u.DmaV3.RequestLine = LINE;
    ms_require(NT_SUCCESS(ms_wdf_driver_load(DriverEntry, &w.driver)));
    ms_require(
        NT_SUCCESS(ms_wdf_device_add(w.driver, &w.stage.stage.pdo, &resource, 1, &w.device)));
    w.objects = ms_wdf_objects(w.stage.wdf);
    stage_keep(&w.stage.stage, w.send);
}

static void stream_reset(const uint8_t *setup)
{
    if (!stage_ready(&w.stage.stage, 0))
        make_machine();
    memset(w.send, 0, sizeof w.send);
    w.sends = w.timers = 0;
    w.has_fired = w.has_broken = w.is_broken = false;
    w.given = w.taken = 0;
    w.digest = 0;
    StreamDevice(w.device)->TimeoutMicroseconds = setup[0] ? 1000 : 0;
    StreamDevice(w.device)->KeepsFailure = setup[1];
    for (uint8_t i = 0; i < setup[2]; i++) /* outside of the execution: what it begins with */
        do_send((const uint8_t[]){(uint8_t)(3 + 8 * i)});
}

static void stream_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&w.stage.stage, actor);
    switch ((enum kind)op->kind) {
    case SEND:
        do_send(op->operand);
        break;
    case STEP:
        ms_controller_step(w.stage.controller, 1 + op->operand[0] % 130);
        break;
    case BREAK:
        w.is_broken = !w.is_broken;
        w.has_broken = true;
        break;
    case CANCEL_IT:
        do_cancel(op->operand[0] & 3);
        break;
    case FIRE:
        do_fire(op->operand[0] & 3);
        break;
    }
}

static void stream_finish(uint32_t actor)
{
    (void)actor;
}

static bool is_all_done(void)
{
    for (uint32_t i = 0; i < w.sends; i++)
        if (w.send[i].done == 0)
            return false;
    return true;
}

static void stream_check(void *unused)
{
    (void)unused;
    stage_cpu(&w.stage.stage, ACTORS);
    w.is_broken = false;
    for (uint32_t round = 0; round < DRAIN_ROUNDS && !is_all_done(); round++)
        if (ms_controller_step(w.stage.controller, 256) == 0)
            for (uint32_t i = 0; i < w.timers; i++) {
                w.has_fired = true; /* trap 2: after Cancel TRUE only the timer ends it */
                (void)ms_wdf_timer_fire(w.timer[i]);
            }
    if (!is_all_done())
        ms_sim_fail("O9 a request is never completed", "of %u", w.sends);
    for (ULONG i = 0; i < STREAM_SLOTS;
         i++) /* each keeps its last request until it is used again */
        (void)WdfDmaTransactionRelease(StreamDevice(w.device)->Slot[i].Transaction);
    if (w.stage.reports > 0)
        ms_sim_fail("O7 the example driver is blamed", "%s", w.stage.first->name);
    kmdf_stage_check(&w.stage, w.objects);
}

static uint64_t stream_digest(void)
{
    return w.digest;
}

static const char *stream_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case SEND:
        snprintf(text, bytes, "send a %s, length class %u", op->operand[0] & 8 ? "read" : "write",
                 op->operand[0] & 7u);
        break;
    case STEP:
        snprintf(text, bytes, "the engine moves up to %u bytes", 1 + op->operand[0] % 130u);
        break;
    case BREAK:
        return "the device breaks, or is mended";
    case CANCEL_IT:
        snprintf(text, bytes, "cancel request %u from the last", op->operand[0] & 3u);
        break;
    case FIRE:
        snprintf(text, bytes, "timer %u from the last goes off", op->operand[0] & 3u);
        break;
    }
    return text;
}

static const char *const actor_names[] = {"sender", "other", "engine", "cancel", "clock"};
/* begun: so many two-fragment requests are sent before. */
static const struct fuzz_setting settings[] = {{"timeout", 2}, {"strict", 2}, {"begun", 3}};
static const struct fuzz_kind kinds[] = {
    [SEND] = {"send", 1, 3, "length class, read"},
    [STEP] = {"step", 1, 4, "bytes, less one"},
    [BREAK] = {"break", 0, 4, "the device faults, or does again what it should"},
    [CANCEL_IT] = {"cancel", 1, 8, "which, from the last one on"},
    [FIRE] = {"fire", 1, 16, "which, from the last one on"},
};

const struct fuzz_target fuzz_target_stream = {
    .name = "stream",
    .summary = "the example driver: requests, timeouts, cancels and errors over one channel",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 3,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 20000,
    .reset = stream_reset,
    .perform = stream_perform,
    .finish = stream_finish,
    .check = stream_check,
    .digest = stream_digest,
    .tell = stream_tell,
};
