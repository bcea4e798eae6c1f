/* SPDX-License-Identifier: MIT */
/*
 * ctrl_fuzz.c: system DMA: a driver allocates the channel, maps, flushes and frees; the engine is stepped
 * beside it; a third thread cancels at any moment.
 *
 *              Transfers end by themselves, or loop until they are stopped, or wait for a device that asks for
 *              some bytes at a time.
 *
 *              Or another driver's device wants a channel too: the only one, or one of two.
 *
 * Proves       each started transfer with a routine is told exactly once, and one that was refused never
 *              (CMT-11, MTX-46); complete means all bytes, cancelled means at least as many as the
 *              counter said before, a prefix in order and nothing behind it (O5, O6, CMT-12); what is counted
 *              for a transfer was moved for it; a map after an accepted cancel is refused until the mark is
 *              taken away, and no other is (CMT-05, FLX-08); a loop is told of passes that were
 *              made, and no byte of it lands behind its cancel or flush (CPL-10, CMT-12); statuses (O7); a map
 *              that the host refuses changes nothing, and no mark (MTX-46); no routine is called behind the
 *              adapter's end, which sees what they did (PUT-06); who waits for a channel
 *              has it when it is free (QUE-04), and sees what its last owner did to it; a device is asked for no
 *              more and no fewer bytes than it asked for (SDM-12); at the end the channel is free, and no window
 *              of a loop open (O9); an adapter's place is nobody else's before its routine has returned that
 *              put it away, and then it is (PUT-06); what is over is told while the engine is awake (CPL-09)
 */
#include "ctrl_brief.h"

#include <inttypes.h>

/* --- a loop ---------------------------------------------------------------------------------------- */

/* What lies there before: never what the device would bring. */
static uint8_t untouched(uint32_t i)
{
    return (uint8_t)~ms_fifo_byte(99, c.given + i);
}

/* CMT-12. By whoever stopped it, before anything else can happen. */
static void loop_stopped(const struct start *s)
{
    for (uint32_t i = 0; i < s->length; i++)
        *byte_at(s->offset + i) = STOPPED;
    c.stopped = s;
}

static void loop_judge(void)
{
    for (uint32_t i = 0; c.stopped && i < c.stopped->length; i++)
        if (*byte_at(c.stopped->offset + i) != STOPPED)
            ms_sim_fail("O6 a byte landed behind the stop of its loop", "byte %u", i);
}

/* What runs is stopped, or was; `left` was counted before. */
static void loop_flushed(const struct start *s, uint32_t left)
{
    bool is_whole = s->passes > 0;

    if (c.stopped) {
        loop_judge();
        return;
    }
    for (uint32_t i = 0; !c.to_device && i < c.length; i++)
        if (*byte_at(c.offset + i) != rung(s, i) &&
            (is_whole || i + left < c.length || *byte_at(c.offset + i) != untouched(i)))
            ms_sim_fail("O6 a byte of a loop that the device did not give", "byte %u", i);
    loop_stopped(s);
}

/* --- the driver ---------------------------------------------------------------------------------- */

/* Around each call that takes marks away. */
static void clearing(bool begins)
{
    c.is_clearing = begins;
    c.clears += begins;
}

static void do_grant(void)
{
    uint32_t cancels = c.cancels_inside == 0 ? c.cancels : c.cancels_cleared;

    if (c.is_held || c.is_put)
        return;
    clearing(true);
    if (!NT_SUCCESS(c.adapter->DmaOperations->InitializeDmaTransferContext(c.adapter, c.context)))
        ms_sim_fail("O7 a context cannot be initialised", "%u transfers", c.starts);
    c.has_cancelled = false;
    c.cancels_cleared = cancels;
    clearing(false);
    ms_store_release(&c.is_made, 1); /* hb:ctrl-fuzz */
    NTSTATUS status = c.adapter->DmaOperations->AllocateAdapterChannelEx(
        c.adapter, &c.stage.pdo, c.context, 2, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &c.base);
    if (((c.other && c.channels == 1) || c.briefs > 0) && status == STATUS_INSUFFICIENT_RESOURCES)
        return; /* another has it, or waits for it */
    if (status != STATUS_SUCCESS)
        ms_sim_fail("O7 a free channel is not granted", "%08x", (unsigned)status);
    c.is_held = true;
}

/* --- the other driver ------------------------------------------------------------------------------ */

static IO_ALLOCATION_ACTION on_other(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp, (void)context;
    c.other_base = base;
    if (ms_exchange_acq_rel(&c.is_granted, 1) != 0)
        ms_sim_fail("O3 granted twice", "%u transfers", c.starts);
    return KeepObject;
}

/* It finds its channel as new: the last owner's transfer is over, its mark gone. */
static void other_transfers(void)
{
    const DMA_OPERATIONS *operations = c.other->DmaOperations;
    ULONG length = 1;

    /* No step lies between this look and the judgement. */
    if (c.channels == 1 &&
        (uint32_t) * (const volatile uint64_t *)(const void *)&c.controller->channel[0].setting)
        ms_sim_fail("O4 a new owner's channel has the last one's period", "%u transfers",
                    c.starts); /* CFG-05 */
    if (operations->ReadDmaCounter(c.other) != 0)
        ms_sim_fail("O5 a new owner's counter counts the last one's bytes", "%u transfers",
                    c.starts);
    NTSTATUS status = operations->MapTransferEx(c.other, c.mdl, c.other_base, BYTES - 1, 0, &length,
                                                TRUE, NULL, 0, NULL, NULL);

    if (status == STATUS_INSUFFICIENT_RESOURCES)
        return; /* too many transfers that nobody was told of yet */
    if (status != STATUS_SUCCESS)
        ms_sim_fail("O7 the other driver cannot map", "%08x", (unsigned)status);
    status = operations->FlushAdapterBuffersEx(c.other, c.mdl, c.other_base, BYTES - 1, 1, TRUE);
    if (status != STATUS_SUCCESS)
        ms_sim_fail("O7 the other driver cannot flush", "%08x", (unsigned)status);
}

/* Asks for a channel, and waits for it if it must; or uses and frees it. */
static void do_other(bool is_over)
{
    const DMA_OPERATIONS *operations = c.other ? c.other->DmaOperations : NULL;

    if (c.other && c.has_asked && ms_load_acquire(&c.is_granted)) { /* hb:ctrl-fuzz */
        ms_store_relaxed(&c.is_granted, 0);
        c.has_asked = false;
        other_transfers();
        operations->FreeAdapterChannel(c.other);
    } else if (c.other && !c.has_asked && !is_over) {
        c.has_asked = true; /* the routine may run inside, and the next request be made */
        if (operations->InitializeDmaTransferContext(c.other, c.other_context) != STATUS_SUCCESS)
            ms_sim_fail("O7 a context cannot be initialised", "the other's");
        NTSTATUS status = operations->AllocateAdapterChannelEx(
            c.other, &c.stage.pdo, c.other_context, c.asks++ % 2, 0, on_other, NULL, NULL);
        if (status == STATUS_INSUFFICIENT_RESOURCES && c.briefs > 0)
            c.has_asked = false; /* they have all the grants */
        else if (status != STATUS_SUCCESS)
            ms_sim_fail("O7 the other driver cannot ask", "%08x", (unsigned)status);
    } else if (c.other && c.has_asked && is_over) {
        ms_sim_fail("O2 a channel is free, and who waits for it has not got it", "%u transfers",
                    c.starts);
    }
}

/* How many bytes of the device are there: a prefix, and nothing behind it. */
static uint32_t bytes_arrived(void)
{
    uint32_t count = 0;

    while (count < c.length && *byte_at(c.offset + count) == ms_fifo_byte(99, c.given + count))
        count++;
    for (uint32_t i = count; i < c.length + 1; i++)
        if (*byte_at(c.offset + i) != untouched(i))
            ms_sim_fail("O6 a byte that is not the next", "byte %u, after %u of %u", i, count,
                        c.length);
    return count;
}

/* The old routine ends a mapping as well, and takes the mark away (FLB-08). */
static NTSTATUS flush_call(bool is_old)
{
    uint32_t offset = c.is_mapped ? c.offset : 0, length = c.is_mapped ? c.length : 0;

    if (!is_old)
        return c.adapter->DmaOperations->FlushAdapterBuffersEx(c.adapter, c.mdl, c.base, offset,
                                                               length, (BOOLEAN)c.to_device);
    return c.adapter->DmaOperations->FlushAdapterBuffers(
               c.adapter, c.mdl, c.base, (char *)MmGetMdlVirtualAddress(c.mdl) + offset, length,
               (BOOLEAN)c.to_device)
               ? STATUS_SUCCESS
               : STATUS_UNSUCCESSFUL;
}

static void do_flush(bool is_old)
{
    struct start *s = c.starts > 0 ? &c.start[c.starts - 1] : NULL;
    uint32_t cancels = c.cancels_inside == 0 ? c.cancels : c.cancels_cleared;
    bool is_over = c.is_mapped && s->told != 0;
    ULONG left = c.adapter->DmaOperations->ReadDmaCounter(c.adapter);

    if (!c.is_held)
        return;
    clearing(true);
    NTSTATUS status = flush_call(is_old);
    if (status != STATUS_SUCCESS)
        ms_sim_fail("O7 a flush failed", "%08x", (unsigned)status);
    clearing(false);
    c.cancels_cleared = cancels;
    if (!c.is_mapped)
        return; /* it takes a mark away, and a cancel may set one again: the shadow keeps quiet */
    c.is_mapped = false;
    if (left > c.length)
        ms_sim_fail("O5 more is left than was mapped", "%u of %u", (unsigned)left, c.length);
    if (c.loops) {
        loop_flushed(s, (uint32_t)left);
        return;
    }
    s->counted = is_over && s->status == DmaComplete ? c.length : c.length - left;
    if (c.to_device)
        return;
    uint32_t arrived = bytes_arrived();
    c.given += arrived;
    if (arrived < c.length - left) /* nothing orders the driver after a cancel: `left` may be old */
        ms_sim_fail("O5 the counter and the bytes disagree", "%u arrived, %u of %u left", arrived,
                    (unsigned)left, c.length);
    if (is_over && s->told != 0 && s->status == DmaComplete && arrived != c.length)
        ms_sim_fail("O5 complete, and bytes are missing", "%u of %u", arrived, c.length);
}

/* `is_starved`: the host refuses what it is asked for. */
static void do_map(uint8_t length_class, uint8_t how, bool is_starved)
{
    struct start *s = &c.start[c.starts];
    bool was_cancelled = c.has_cancelled, was_telling = c.is_stepping || c.briefing > 0;
    ULONG length = lengths[length_class & 7];

    if (!c.is_held || c.starts == STARTS_MAX)
        return;
    if (c.is_mapped) { /* stops what runs */
        do_flush(false);
        c.has_cancelled = was_cancelled = false;
    }
    loop_judge();
    c.stopped = NULL;
    c.offset = offsets[how >> 2 & 3];
    c.to_device = how & 1;
    c.length = length;
    s->has_routine = !(how & 2);
    s->offset = c.offset;
    s->length = length;
    for (uint32_t i = 0; i < length + 1; i++)
        *byte_at(c.offset + i) = c.to_device ? sent(s, i) : untouched(i);
    c.programmed = s;
    c.is_starting = true;
    c.is_refused = false;
    ms_fault_arm(is_starved ? 0 : UINT32_MAX);
    NTSTATUS status = c.adapter->DmaOperations->MapTransferEx(c.adapter, c.mdl, c.base, c.offset, 0,
                                                              &length, (BOOLEAN)c.to_device, NULL,
                                                              0, s->has_routine ? told : NULL, s);
    c.is_starting = false;
    bool fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    s->must_end = c.is_refused;
    c.digest = c.digest * 31 + (uint32_t)status;
    if (status == STATUS_CANCELLED) {
        if (s->told != 0)
            ms_sim_fail("O3 a transfer that never started was told", "%u", c.starts);
        if (c.cancels == c.cancels_cleared)
            ms_sim_fail("O4 refused, and nobody cancelled", "%u", c.starts);
        memset(s, 0, sizeof *s);
        return;
    }
    if (fired && NT_SUCCESS(status))
        ms_sim_fail("O7 a transfer that the host refused", "%u", c.starts);
    if (status == STATUS_INSUFFICIENT_RESOURCES &&
        (fired || was_telling)) { /* or nobody can tell of the older ones now */
        memset(s, 0, sizeof *s);
        return;
    }
    if (was_cancelled && NT_SUCCESS(status))
        ms_sim_fail("O4 a transfer started after an accepted cancel", "%u", c.starts);
    if (status != STATUS_SUCCESS || length != c.length)
        ms_sim_fail("O7 a transfer of another status or length", "%08x, %u of %u", (unsigned)status,
                    (unsigned)length, c.length);
    c.starts++;
    c.is_mapped = true;
}

static void do_free(void)
{
    if (!c.is_held)
        return;
    if (c.is_mapped)
        do_flush(false);
    c.is_held = false;
    clearing(true);
    c.adapter->DmaOperations->FreeAdapterChannel(c.adapter);
    clearing(false);
}

/* Nobody calls on an adapter that is being put; who is inside keeps it from being so. */
static void do_put(void)
{
    if (c.is_put || c.cancels_inside > 0)
        return;
    c.is_put = true;
    do_free();
    c.adapter->DmaOperations->PutDmaAdapter(c.adapter);
    c.is_gone = true;
    if (c.channels == 1)
        ms_data_read(&c.heard, sizeof c.heard); /* PUT-06: all routines have returned */
}

/* --- the canceller ------------------------------------------------------------------------------- */

/* What an accepted cancel promises ends with the flush, the free and the next initialising; the driver
 * does those, so only what it has not begun meanwhile is judged. */
static void do_cancel(void)
{
    uint32_t starts = c.starts;
    bool was_mapped = c.is_mapped;

    if (!ms_load_acquire(&c.is_made) || c.is_put) /* hb:ctrl-fuzz */
        return;
    bool is_judged = !c.is_clearing;
    uint32_t clears = c.clears;
    bool is_starting = c.is_starting && !c.is_bursting; /* nor has the engine moved any of it */
    uint32_t bursts = c.bursts;
    c.cancels++;
    c.cancels_inside++;
    NTSTATUS status = c.adapter->DmaOperations->CancelMappedTransfer(c.adapter, c.context);
    c.cancels_inside--;
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER)
        ms_sim_fail("O7 a cancel of another status", "%08x", (unsigned)status);
    if (status == STATUS_SUCCESS && is_starting && c.is_starting && starts == c.starts &&
        bursts == c.bursts && clears == c.clears) /* or it was another call that it began beside */
        c.is_refused = true;
    if (status == STATUS_SUCCESS && is_judged && clears == c.clears)
        c.has_cancelled = true;
    if (status != STATUS_SUCCESS || !was_mapped || !c.is_mapped || starts != c.starts)
        return;
    if (c.loops)
        loop_stopped(&c.start[c.starts - 1]);
}

/* Beside the driver; a loop's periods are passes here, so theirs are left alone. */
static void do_configure(void)
{
    uint32_t period = 64;

    if (!ms_load_acquire(&c.is_made) || c.is_put || c.loops) /* hb:ctrl-fuzz */
        return;
    c.cancels_inside++; /* nobody puts the adapter meanwhile */
    NTSTATUS status = c.adapter->DmaOperations->ConfigureAdapterChannel(c.adapter, 1, &period);
    c.cancels_inside--;
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER &&
        status != STATUS_INVALID_DEVICE_STATE) /* CFG-04, CFG-05 */
        ms_sim_fail("O7 a channel is configured with another status", "%08x", (unsigned)status);
}

/* The engine's thread looks at the bell before it steps, and sleeps when it was not rung since. */
static void do_step(uint32_t bytes)
{
    bool is_awake = c.briefs > 0; /* else nobody but the engine tells of what it ended */

    if (is_awake)
        c.bell = ms_load_seq_cst(&c.controller->bell);
    c.is_stepping = true;
    ms_controller_step(c.controller, bytes);
    c.is_bursting = c.is_stepping = false;
    c.has_stepped = is_awake;
}

static void ctrl_reset(const uint8_t *setup)
{
    if (!stage_ready(&c.stage, setup[0] / BEGUN)) {
        c.loops = setup[0] / BEGUN == LOOPS;
        c.demands = setup[0] / BEGUN == DEMANDS;
        c.channels = setup[0] / BEGUN == PAIR ? 2 : 1;
        machine_make(setup[0] / BEGUN >= RIVALS);
    }
    for (uint32_t i = 0; i < PAGES; i++)
        stage_pages_fill(&c.stage, pfn[i], 1);
    memset(c.context, 0, sizeof c.context);
    ms_init(&c.is_made, 0);
    c.is_starting = c.is_refused = c.is_broken = false;
    c.bursts = 0;
    c.is_bursting = c.is_stepping = c.is_held = c.is_mapped = c.has_cancelled = c.to_device = false;
    c.offset = c.length = 0;
    c.base = NULL;
    c.given = 0;
    c.programmed = c.burst = NULL;
    c.stopped = NULL;
    c.cancels = c.cancels_inside = c.cancels_cleared = c.clears = 0;
    c.is_clearing = c.is_put = c.is_gone = false;
    c.heard = 0;
    c.credited = c.obliged = 0;
    c.has_asked = false;
    ms_init(&c.is_granted, 0);
    c.asks = c.briefs = c.briefing = c.bell = 0;
    c.has_stepped = false;
    memset(c.brief, 0, sizeof c.brief);
    memset(c.other_context, 0, sizeof c.other_context);
    c.starts = 0;
    memset(c.start, 0, sizeof c.start);
    c.digest = 0;
    if (setup[0] % BEGUN >= 1)
        do_grant();
    if (setup[0] % BEGUN >= 2)
        do_map(0, 0, false);
}

enum kind {
    GRANT,
    MAP,
    FLUSH,
    FREE,
    COUNT,
    STEP,
    CANCEL_IT,
    BREAK,
    STARVED,
    CREDIT,
    PUT,
    OTHER,
    OLD_FLUSH,
    CONFIGURE,
    BRIEF
};

static void ctrl_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&c.stage, actor);
    switch ((enum kind)op->kind) {
    case GRANT:
        do_grant();
        break;
    case MAP:
    case STARVED:
        do_grant();
        do_map(op->operand[0], op->operand[1], op->kind == STARVED);
        break;
    case FLUSH:
        if (c.is_mapped)
            do_flush(false);
        c.has_cancelled = false;
        break;
    case OLD_FLUSH:
        if (c.is_held)
            do_flush(true);
        c.has_cancelled = false;
        break;
    case FREE:
        do_free();
        break;
    case COUNT:
        if (c.is_mapped && c.adapter->DmaOperations->ReadDmaCounter(c.adapter) > c.length)
            ms_sim_fail("O5 more is left than was mapped", "of %u", c.length);
        break;
    case STEP:
        do_step(1 + op->operand[0] % 130);
        break;
    case CANCEL_IT:
        do_cancel();
        break;
    case BREAK:
        c.is_broken ^= true;
        break;
    case CREDIT:
        if (!c.demands)
            break;
        c.credited += 1 + op->operand[0] % 130;
        ms_fifo_credit(&c.fifo, 1 + op->operand[0] % 130);
        break;
    case PUT:
        do_put();
        break;
    case OTHER:
        do_other(false);
        break;
    case CONFIGURE:
        do_configure();
        break;
    case BRIEF:
        do_brief(op->operand[0] & 1);
        break;
    }
}

static void ctrl_finish(uint32_t actor)
{
    (void)actor;
}

/* The bell was not rung since the engine began its last step, so it sleeps: whatever is over has been told. */
static void told_check(void)
{
    for (uint32_t i = 0; i < c.channels && c.has_stepped; i++)
        for (uint32_t r = 0; r < MS_RECORDS && c.bell == c.controller->bell.value; r++) {
            union ms_record_word word = {.raw = c.controller->channel[i].record[r].word.value};
            if (word.phase == RECORD_FIRED && word.status != DmaAborted)
                ms_sim_fail("O3 an end waits to be told until somebody comes by", "record %u", r);
        }
}

static void ctrl_check(void *unused)
{
    (void)unused;
    stage_cpu(&c.stage, DRIVER);
    told_check();
    do_free();
    briefs_finish();
    do_other(true);
    briefs_check();
    if (ms_load_relaxed(&c.controller->taken) != 0)
        ms_sim_fail("O9 a channel is left taken", "%" PRIx64,
                    ms_load_relaxed(&c.controller->taken));
    ms_controller_step(c.controller, 1); /* what is queued is delivered */
    loop_judge();
    for (uint32_t i = 0; i < c.starts; i++)
        if (c.start[i].told != c.start[i].has_routine)
            ms_sim_fail("O3 a transfer was not told, or told to nobody", "%u of %u: %u times", i,
                        c.starts, c.start[i].told);
    for (uint32_t i = 0; i < c.starts; i++)
        if (c.start[i].moved < c.start[i].counted)
            ms_sim_fail("O5 bytes were counted that nobody moved", "%u of %u", c.start[i].counted,
                        c.start[i].moved);
    if (ms_dma_grants_used(c.stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(c.stage.dma));
    if (!ms_dma_audit(c.stage.dma))
        ms_sim_fail("O2 the audit fails", "at the end");
    for (uint32_t i = 0; i < LOOP_WINDOWS; i++)
        if (ms_load_relaxed(&c.controller->channel[0].window[i]) != 0)
            ms_sim_fail("O9 a window of a loop is left open", "%u", i);
    if (c.demands && ms_load_relaxed(&c.fifo.credit) + c.obliged != c.credited)
        ms_sim_fail("O5 the device asked for another number of bytes",
                    "%" PRIu64 " of %" PRIu64 ", and %" PRIu64 " are left", c.obliged, c.credited,
                    ms_load_relaxed(&c.fifo.credit));
}

static uint64_t ctrl_digest(void)
{
    return c.digest;
}

static const char *ctrl_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case GRANT:
        return "allocate the channel";
    case MAP:
        snprintf(text, bytes, "map %u bytes %s%s", lengths[op->operand[0] & 7],
                 op->operand[1] & 1 ? "out" : "in", op->operand[1] & 2 ? ", no routine" : "");
        break;
    case FLUSH:
        return "flush";
    case OLD_FLUSH:
        return "flush by the old routine, also nothing";
    case FREE:
        return "free the channel";
    case COUNT:
        return "read the counter";
    case STEP:
        snprintf(text, bytes, "the engine moves up to %u bytes", 1 + op->operand[0] % 130u);
        break;
    case CANCEL_IT:
        return "cancel the transfer";
    case BREAK:
        return "the device breaks, or is mended";
    case STARVED:
        snprintf(text, bytes, "map %u bytes, and the host refuses", lengths[op->operand[0] & 7]);
        break;
    case CREDIT:
        snprintf(text, bytes, "the device asks for %u bytes", 1 + op->operand[0] % 130u);
        break;
    case PUT:
        return "put the adapter away";
    case CONFIGURE:
        return "set a period of the channel";
    case OTHER:
        return "the other driver asks for a channel, or uses and frees it";
    case BRIEF:
        return op->operand[0] & 1 ? "an adapter for one byte, put inside its routine"
                                  : "an adapter for one byte, put at once";
    }
    return text;
}

static const char *const actor_names[] = {"driver", "engine", "cancel"};
static const struct fuzz_setting settings[] = {
    {"begun",
     WAYS *
         BEGUN}}; /* 1: granted, 2: and 64 bytes mapped; and by threes: plain, loops, on demand, beside
                      * another driver with one channel, with two */
static const struct fuzz_kind kinds[] = {
    [GRANT] = {"grant", 0, 1, "context and channel"},
    [MAP] = {"map", 2, 1, "length class; direction, routine, offset class; stops what runs"},
    [FLUSH] = {"flush", 0, 1, "also before the end: it stops the transfer"},
    [FREE] = {"free", 0, 1, "the channel"},
    [COUNT] = {"count", 0, 1, "reads the counter"},
    [STEP] = {"step", 1, 2, "bytes, less one"},
    [CANCEL_IT] = {"cancel", 0, 4, "CancelMappedTransfer"},
    [BREAK] = {"break", 0, 2, "the device faults, or does again what it should"},
    [STARVED] = {"starved", 2, 1, "as map, and the host refuses"},
    [CREDIT] = {"credit", 1, 4, "bytes that the device asks for, less one"},
    [PUT] = {"put", 0, 1, "the adapter, for good"},
    [OTHER] = {"other", 0, 4, "the other driver asks for a channel, or uses and frees it"},
    [CONFIGURE] = {"configure", 0, 4, "ConfigureAdapterChannel: a period, whosever the channel is"},
    [BRIEF] = {"brief", 1, 5, "an adapter for one byte; put at once, or inside its routine"},
    [OLD_FLUSH] = {"oldflush", 0, 1, "FlushAdapterBuffers; with nothing mapped, of nothing"},
};

const struct fuzz_target fuzz_target_ctrl = {
    .name = "ctrl",
    .summary = "system DMA: map, step, cancel, flush, free on one channel; one callback each",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 1,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 6000,
    .reset = ctrl_reset,
    .perform = ctrl_perform,
    .finish = ctrl_finish,
    .check = ctrl_check,
    .digest = ctrl_digest,
    .tell = ctrl_tell,
};
