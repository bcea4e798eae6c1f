/* SPDX-License-Identifier: MIT */
/*
 * system_dma: channels that move a list's bytes between memory and a device, cancelled at any moment.
 *
 * Idea        One word per channel says which transfer runs and how many bytes it has moved; moving,
 *             completing, failing, cancelling and flushing are compare-and-swaps of it (channel_state.h).
 *             So the byte count at a cancel is exact, and a transfer ends once.
 *             Bytes from the device collect in the controller's own buffer (staging) and reach memory
 *             when the owner flushes (SDM-14, FLX-05). The engine never writes a driver's page, so no
 *             byte can land after a cancel has returned, however late the engine's thread wakes. A looped
 *             transfer has no flush to wait for: its engine writes the ring, through addresses that a
 *             cancel takes away from it (loop_window.c).
 *             Each transfer has a record: what was programmed, and whom to call. Records of a channel form
 *             a ring in the order of transfers; whoever ends a transfer fires its record, whoever comes by
 *             delivers fired ones, one thread at a time, in order (CPL-07).
 * Picture     state {RUNNING, transfer 7, moved 192}   records ... [5 delivered][6 fired][7 armed] ...
 *                   cancel: {CANCELLED, mark, 7, 192} -> record 7 fires with DmaCancelled
 * Invariants  I1 staging[0, moved) is complete: it is written before the CAS that counts it
 *             I2 a record is armed while its transfer can run, and fired once, by CAS ARMED -> FIRED
 *             I3 a record's plain fields are written only while it is empty and the engine is not at it
 *             I4 next is only advanced by the thread that holds `dpc`
 * Ordering    hb:channel-program  start writes record and staging's reuse, then releases RUNNING; the
 *             engine acquires it. hb:channel-moved: the engine writes staging, then releases the count;
 *             flush acquires it. hb:record-fired: firing releases; delivery acquires.
 *             hb:channel-setting: an owner that leaves releases the setting of none; who would configure acquires
 *             it, then looks whether its owner has left. The CAS fails on any later one.
 *             hb:telling: a routine has returned, released; who ends its owner acquires that. Between its record's
 *             becoming empty and that, `telling` names the owner, so he looks at the records first.
 *             hb:engine-at (seq_cst both sides): the engine says which record it looks at, then looks at
 *             the state again; a starter ends the old transfer, then looks at what the engine said. One of
 *             them sees the other, so a record in use is not rewritten.
 * ABA         transfers have 26-bit numbers in the word: a thread must sleep through exactly 2^26
 *             transfers of one channel to be fooled. An idle word carries its owner's epoch, so that a
 *             cancel meant for one owner fails on the next one's.
 * Progress    start, cancel, flush, left are lock-free and wait for nobody: a stopped engine pins one record,
 *             which start skips; a thread stopped after ending a transfer is helped by whoever flushes or
 *             delivers. Callbacks are the one thing that is serialised: a thread stopped inside a driver's
 *             routine holds back the later callbacks of that channel, not its transfers (up to the ring's
 *             length).
 */
#include "controller/system_dma.h"

#include <string.h>

/* --- profiles --- */

struct ms_controller_config ms_controller_legacy(void)
{
    return (struct ms_controller_config){
        .name = "legacy",
        .line_first = 0,
        .lines = 8,
        .channels = 8,
        .legacy = true,
        .elements_max = 1,
        .address_width = 24,
        .element_bytes_max = 65536,
        .boundary = 65536,
        .unit = 1,
        .port_widths = 1u << Width8Bits | 1u << Width16Bits,
        .map_registers_max = 16, /* DDX-32 */
        .interrupts = true,
        .counter = true,
        .burst_bytes = 1,
        .coalesce = 1,
    };
}

struct ms_controller_config ms_controller_soc(void)
{
    return (struct ms_controller_config){
        .name = "soc",
        .line_first = 0x1000,
        .lines = 32,
        .channels = 8,
        .legacy = false,
        .elements_max = 256,
        .address_width = 32,
        .element_bytes_max = UINT32_MAX,
        .boundary = UINT64_C(1) << 32,
        .unit = 1,
        .port_widths = 1u << Width8Bits | 1u << Width16Bits | 1u << Width32Bits | 1u << Width64Bits,
        .map_registers_max = UINT32_MAX,
        .interrupts = true,
        .counter = true,
        .burst_bytes = MS_BURST_MAX,
        .coalesce = 1,
    };
}

/* --- making and ending --- */

bool ms_controller_is_sound(const struct ms_controller_config *config)
{
    return config->lines >= 1 && config->lines <= MS_LINES_MAX &&
           config->line_first <= UINT32_MAX - (config->lines - 1) && config->channels >= 1 &&
           config->channels <= MS_CHANNELS_MAX &&
           (!config->legacy || config->lines == config->channels) && config->elements_max >= 1 &&
           config->address_width >= 24 && config->address_width <= 64 && config->unit >= 1 &&
           ms_is_power_of_two(config->boundary) && config->boundary >= config->unit &&
           config->map_registers_max >= 2 /* IGA-07 */ && config->burst_bytes >= 1 &&
           config->burst_bytes <= MS_BURST_MAX && config->element_bytes_max >= 1 &&
           config->elements_max <= MS_ELEMENTS_MAX && config->own_elements <= config->elements_max;
}

static bool channels_create(struct ms_controller *controller)
{
    uint32_t elements = controller->config.elements_max;

    for (uint32_t i = 0; i < controller->config.channels; i++) {
        struct ms_channel *channel = &controller->channel[i];
        ms_init(&channel->engine_at, ENGINE_NOWHERE);
        ms_init(&channel->next, 1);
        for (uint32_t r = 0; r < MS_RECORDS; r++)
            channel->record[r].element =
                &controller->elements[((size_t)i * MS_RECORDS + r) * elements];
        for (uint32_t w = 0; w < LOOP_WINDOWS; w++)
            channel->window_last[w] = ENGINE_NOWHERE - 1; /* nobody's transfer */
        channel->staging = ms_reserve(STAGING_BYTES);
        channel->windows = ms_reserve(LOOP_WINDOWS * WINDOW_BYTES);
        if (!channel->staging || !channel->windows)
            return false;
    }
    for (uint32_t i = 0; i < MS_LINES_MAX; i++)
        controller->fail_at[i] = MS_ELEMENT_NONE;
    return true;
}

static void channels_drop(struct ms_controller *controller)
{
    for (uint32_t i = 0; i < controller->config.channels; i++) {
        ms_unreserve(controller->channel[i].staging, STAGING_BYTES);
        ms_unreserve(controller->channel[i].windows, LOOP_WINDOWS * WINDOW_BYTES);
    }
    ms_free(controller->channel, controller->config.channels * sizeof *controller->channel);
}

static size_t elements_bytes(const struct ms_controller *controller)
{
    return (size_t)controller->config.channels * MS_RECORDS * controller->config.elements_max *
           sizeof(SCATTER_GATHER_ELEMENT);
}

struct ms_controller *ms_controller_create(const struct ms_memory *memory, struct ms_kernel *kernel,
                                           const struct ms_controller_config *config,
                                           ms_channel_done *done)
{
    struct ms_controller *controller;

    if (!ms_controller_is_sound(config))
        return NULL;
    controller = ms_alloc(sizeof *controller);
    if (!controller)
        return NULL;
    controller->config = *config;
    controller->memory = memory;
    controller->kernel = kernel;
    controller->done = done;
    controller->elements = ms_reserve(elements_bytes(controller));
    if (!controller->elements)
        goto undo_alloc;
    controller->channel = ms_alloc(config->channels * sizeof *controller->channel);
    if (!controller->channel)
        goto undo_elements;
    if (!channels_create(controller))
        goto undo_channels;
    return controller;

undo_channels:
    channels_drop(controller);
undo_elements:
    ms_unreserve(controller->elements, elements_bytes(controller));
undo_alloc:
    ms_free(controller, sizeof *controller);
    return NULL;
}

void ms_controller_destroy(struct ms_controller *controller)
{
    ms_controller_stop(controller);
    channels_drop(controller);
    ms_unreserve(controller->elements, elements_bytes(controller));
    ms_free(controller, sizeof *controller);
}

const struct ms_controller_config *ms_controller_config(const struct ms_controller *controller)
{
    return &controller->config;
}

void ms_controller_attach(struct ms_controller *controller, uint32_t line,
                          struct ms_endpoint endpoint)
{
    ms_assert(line - controller->config.line_first < controller->config.lines);
    controller->line[line - controller->config.line_first] = endpoint;
}

void ms_controller_fail_at(struct ms_controller *controller, uint32_t line, uint32_t element)
{
    ms_assert(line - controller->config.line_first < controller->config.lines);
    controller->fail_at[line - controller->config.line_first] = element;
}

/* --- channels and their owners --- */

uint32_t ms_channel_take(struct ms_controller *controller, uint32_t line)
{
    uint32_t channels = controller->config.channels;
    uint64_t all = controller->config.legacy ? UINT64_C(1) << (line - controller->config.line_first)
                                             : ms_bits_mask(0, channels);
    uint64_t seen = ms_load_seq_cst(&controller->taken);

    while ((all & ~seen) != 0) {
        uint32_t channel = ms_bit_lowest(all & ~seen);
        if (ms_cas_seq_cst(&controller->taken, &seen, seen | UINT64_C(1) << channel)) {
            ms_data_write(&controller->channel[channel].epoch,
                          sizeof(uint32_t)); /* ours from here */
            return channel;
        }
    }
    return UINT32_MAX;
}

void ms_channel_give(struct ms_controller *controller, uint32_t channel)
{
    ms_fetch_and_seq_cst(&controller->taken, ~(UINT64_C(1) << channel));
}

/* --- starting, cancelling, flushing --- */

#define TRANSFER_NONE UINT32_MAX

/* A number whose record is empty and not looked at by the engine, or TRANSFER_NONE. */
static uint32_t transfer_choose(struct ms_controller *controller, uint32_t index, uint32_t last)
{
    struct ms_channel *channel = &controller->channel[index];
    uint32_t transfer = (last + 1) & MS_TRANSFER_MASK;
    uint32_t engine;

    for (int tries = 0; tries < 2; tries++) {
        struct ms_record *record = ms_record_of(channel, transfer);
        if (ms_record_look(record).phase != RECORD_EMPTY) {
            ms_channel_deliver(controller, index); /* the ring is full: we are the DPC now */
            if (ms_record_look(record).phase != RECORD_EMPTY)
                return TRANSFER_NONE;
        }
        engine = ms_load_seq_cst(&channel->engine_at); /* hb:engine-at */
        if (engine == ENGINE_NOWHERE || engine % MS_RECORDS != transfer % MS_RECORDS)
            return transfer;
        /* I3: a late engine still looks at this record. Let it: a record that tells nobody. */
        ms_store_relaxed(&record->owner, NULL);
        ms_record_set(record, RECORD_FIRED, DmaAborted, transfer);
        transfer = (transfer + 1) & MS_TRANSFER_MASK;
    }
    return TRANSFER_NONE;
}

static void record_fill(struct ms_controller *controller, struct ms_channel *channel,
                        const struct ms_channel_program *program, uint32_t transfer)
{
    struct ms_record *record = ms_record_of(channel, transfer);
    union ms_channel_setting setting;
    ULONG elements;

    memcpy(&elements, (const char *)program->list + offsetof(SCATTER_GATHER_LIST, NumberOfElements),
           sizeof elements);
    ms_assert(elements >= 1 && elements <= controller->config.elements_max);
    ms_data_write(&record->routine, RECORD_PLAIN_BYTES);
    memcpy(record->element, (const char *)program->list + sizeof(SCATTER_GATHER_LIST),
           elements * sizeof *record->element);
    record->elements = elements;
    record->length = program->length;
    record->line = program->line;
    record->device_address = program->device_address;
    record->to_device = program->to_device;
    record->looped = program->looped;
    record->demand = program->demand;
    record->port_bytes = program->port_bytes;
    record->fail_at = controller->fail_at[program->line - controller->config.line_first];
    setting.raw = ms_load_relaxed(&channel->setting); /* our own */
    record->period = setting.period ? setting.period : program->length;
    record->routine = program->routine;
    record->context = program->context;
    record->device = program->device;
    ms_store_relaxed(&record->owner, program->owner);
    ms_store_relaxed(&record->periods, 0);
    ms_record_set(record, RECORD_ARMED, DmaComplete, transfer);
}

static void bell_ring(struct ms_controller *controller)
{
    ms_fetch_add_seq_cst(&controller->bell, 1);
    if (controller->thread)
        ms_wake(&controller->bell, 1);
}

/* The number was chosen and nothing started: it is used up and tells nobody (MTX-46). */
static void start_fail(struct ms_channel *channel, union ms_channel_word seen, uint32_t transfer)
{
    union ms_channel_word next;

    ms_loop_window_close(channel, transfer);
    ms_record_of(channel, transfer)->routine = NULL;
    ms_record_set(ms_record_of(channel, transfer), RECORD_FIRED, DmaAborted, transfer);
    ms_store_relaxed(&channel->length, 0);
    do {
        next = seen;
        next.transfer = transfer & MS_TRANSFER_MASK;
    } while (!ms_cas_seq_cst(&channel->state, &seen.raw, next.raw));
}

NTSTATUS ms_channel_start(struct ms_controller *controller, uint32_t index,
                          const struct ms_channel_program *program)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)};
    uint32_t transfer;

    ms_assert(program->length >= 1 &&
              program->length <= (program->looped ? MS_LOOP_BYTES_MAX : STAGING_BYTES));
    ms_assert(ms_is_power_of_two(program->port_bytes) && program->port_bytes <= 8);
    if (seen.phase != CHANNEL_IDLE || seen.mark)
        return seen.phase != CHANNEL_IDLE ? STATUS_INVALID_PARAMETER : STATUS_CANCELLED;
    transfer = transfer_choose(controller, index, (uint32_t)seen.transfer);
    if (transfer == TRANSFER_NONE)
        return STATUS_INSUFFICIENT_RESOURCES;
    record_fill(controller, channel, program, transfer);
    if (program->looped && !program->to_device &&
        !ms_loop_window_open(controller, channel, ms_record_of(channel, transfer), transfer)) {
        start_fail(channel, seen, transfer);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ms_store_relaxed(&channel->length, program->length);
    for (;;) {
        union ms_channel_word next = seen;
        NTSTATUS status = ms_channel_step_program(&next, transfer, program->looped);
        if (!NT_SUCCESS(status)) {
            start_fail(channel, seen, transfer); /* cancelled at the last moment (MTX-60) */
            return status;
        }
        if (ms_cas_seq_cst(&channel->state, &seen.raw, next.raw)) /* hb:channel-program */
            break;
    }
    bell_ring(controller);
    return STATUS_SUCCESS;
}

uint64_t ms_channel_look(const struct ms_controller *controller, uint32_t index)
{
    return ms_load_seq_cst(&controller->channel[index].state);
}

enum ms_channel_cancelled ms_channel_cancel_transfer(struct ms_controller *controller,
                                                     uint32_t index, uint64_t seen)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word was = {.raw = seen}, next = was;

    if (!ms_channel_step_cancel(&next))
        return CANCEL_MARKED_BEFORE;
    if (!ms_cas_seq_cst(&channel->state, &was.raw, next.raw))
        return CANCEL_CHANGED;
    /* CMT-12; also when a flush stopped it, which may not have come so far. */
    if (was.looped && was.phase != CHANNEL_IDLE)
        ms_loop_window_close(channel, (uint32_t)was.transfer);
    if (was.phase == CHANNEL_RUNNING) {
        ms_record_fire(channel, next);
        if (controller->config.tells_at_cancel)
            ms_channel_deliver(controller, index); /* not inside another of its callbacks: CPL-15 */
        bell_ring(controller);
    }
    return CANCEL_DONE;
}

void ms_channel_unmark(struct ms_controller *controller, uint32_t index)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}, next;

    do {
        if (!seen.mark)
            return;
        next = seen;
        next.mark = 0;
    } while (!ms_cas_seq_cst(&channel->state, &seen.raw, next.raw));
}

/* Copies what the controller holds to the elements' addresses. */
static void staging_drain(struct ms_controller *controller, struct ms_channel *channel,
                          const struct ms_record *record, uint64_t bytes)
{
    uint64_t done = 0;

    for (uint32_t i = 0; i < record->elements && done < bytes; i++) {
        uint64_t count = ms_min_u64(record->element[i].Length, bytes - done);
        ms_pa address = {(uint64_t)record->element[i].Address.QuadPart};
        uint8_t *memory = ms_memory_at(controller->memory, address, count);
        ms_data_read(channel->staging + done, count);
        if (memory)
            memcpy(memory, channel->staging + done, count);
        done += count;
    }
}

/* Stops the transfer that was seen and fires it if it is over; the word it left, or that of a later one. */
static union ms_channel_word channel_stop(struct ms_channel *channel, union ms_channel_word seen)
{
    uint64_t transfer = seen.transfer;

    while (seen.phase == CHANNEL_RUNNING && seen.transfer == transfer) { /* FLX-12, FLX-13 */
        union ms_channel_word next = seen;
        ms_channel_step_stop(&next);
        if (ms_cas_seq_cst(&channel->state, &seen.raw, next.raw))
            seen = next;
    }
    if (ms_channel_is_over(seen)) {
        if (seen.looped) /* whoever ended it may be late */
            ms_loop_window_close(channel, (uint32_t)seen.transfer);
        ms_record_fire(channel, seen);
    }
    return seen;
}

/* For its owner, whose transfers nobody else starts. */
static union ms_channel_word channel_stop_own(struct ms_channel *channel)
{
    return channel_stop(
        channel,
        (union ms_channel_word){.raw = ms_load_acquire(&channel->state)}); /* hb:channel-moved */
}

void ms_channel_stop(struct ms_controller *controller, uint32_t index, uint64_t seen)
{
    (void)channel_stop(&controller->channel[index], (union ms_channel_word){.raw = seen});
    bell_ring(controller);
}

static void channel_reset(struct ms_controller *controller, struct ms_channel *channel,
                          union ms_channel_word seen)
{
    union ms_channel_word next;

    ms_store_relaxed(&channel->length, 0);
    do {
        next = seen;
        ms_channel_step_reset(&next, channel->epoch);
    } while (!ms_cas_seq_cst(&channel->state, &seen.raw, next.raw));
    bell_ring(controller);
}

uint32_t ms_channel_flush(struct ms_controller *controller, uint32_t index, uint32_t bytes)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = channel_stop_own(channel);
    const struct ms_record *record = ms_record_of(channel, (uint32_t)seen.transfer);

    uint32_t moved = ms_channel_is_over(seen) ? (uint32_t)seen.moved : 0;

    if (moved > 0 && !record->to_device && !record->looped)
        staging_drain(controller, channel, record, ms_min_u64(moved, bytes));
    channel_reset(controller, channel, seen);
    return moved;
}

void ms_channel_leave(struct ms_controller *controller, uint32_t index)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = channel_stop_own(channel);

    ms_data_write(&channel->epoch, sizeof channel->epoch);
    channel->epoch++; /* a cancel meant for us fails on the next owner's word */
    /* hb:channel-setting, release: who sees it sees that we are not the owner any more */
    ms_store_release(&channel->setting, (union ms_channel_setting){.epoch = channel->epoch}.raw);
    channel_reset(controller, channel, seen);
}

enum { CHANNEL_FUNCTION_PERIOD = 1 };

uint64_t ms_channel_setting(const struct ms_controller *controller, uint32_t index)
{
    return ms_load_acquire(&controller->channel[index].setting); /* hb:channel-setting */
}

NTSTATUS ms_channel_configure(struct ms_controller *controller, uint32_t index, uint64_t setting,
                              uint32_t function, const void *context)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)};
    union ms_channel_setting was = {.raw = setting}, next = was;

    if (function != CHANNEL_FUNCTION_PERIOD)
        return STATUS_NOT_IMPLEMENTED; /* CFG-02 */
    if (!context)
        return STATUS_INVALID_PARAMETER; /* CFG-04 */
    if (seen.phase != CHANNEL_IDLE) {
        was.raw = ms_channel_setting(controller, index);             /* whose transfer is it? */
        return was.epoch == next.epoch ? STATUS_INVALID_DEVICE_STATE /* CFG-04 */
                                       : STATUS_INVALID_PARAMETER;   /* CFG-05 */
    }
    memcpy(&next.period, context, sizeof next.period);
    while (!ms_cas_relaxed(&channel->setting, &was.raw, next.raw)) /* nothing but the word */
        if (was.epoch != next.epoch)
            return STATUS_INVALID_PARAMETER; /* CFG-05: the owner left */
    return STATUS_SUCCESS;
}

uint32_t ms_channel_left(const struct ms_controller *controller, uint32_t index)
{
    const struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word word = {.raw = ms_load_acquire(&channel->state)};
    uint32_t length = ms_load_relaxed(&channel->length);

    if (word.phase == CHANNEL_IDLE || length < word.moved)
        return 0;
    return length - (uint32_t)word.moved;
}
