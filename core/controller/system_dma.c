/* SPDX-License-Identifier: MIT */
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
    };
}

/* --- making and ending --- */

static bool config_is_sound(const struct ms_controller_config *config)
{
    return config->lines >= 1 && config->lines <= MS_LINES_MAX && config->channels >= 1 &&
           config->channels <= MS_CHANNELS_MAX &&
           (!config->legacy || config->lines == config->channels) && config->elements_max >= 1 &&
           config->address_width >= 24 && config->address_width <= 64 && config->unit >= 1 &&
           ms_is_power_of_two(config->boundary) && config->burst_bytes >= 1 &&
           config->burst_bytes <= MS_BURST_MAX && config->element_bytes_max >= 1;
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
        channel->staging = ms_reserve(STAGING_BYTES);
        if (!channel->staging)
            return false;
    }
    return true;
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

    if (!config_is_sound(config))
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
    for (uint32_t i = 0; i < config->channels; i++)
        ms_unreserve(controller->channel[i].staging, STAGING_BYTES);
    ms_free(controller->channel, config->channels * sizeof *controller->channel);
undo_elements:
    ms_unreserve(controller->elements, elements_bytes(controller));
undo_alloc:
    ms_free(controller, sizeof *controller);
    return NULL;
}

void ms_controller_destroy(struct ms_controller *controller)
{
    ms_controller_stop(controller);
    for (uint32_t i = 0; i < controller->config.channels; i++)
        ms_unreserve(controller->channel[i].staging, STAGING_BYTES);
    ms_free(controller->channel, controller->config.channels * sizeof *controller->channel);
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

/* --- channels and their owners --- */

uint32_t ms_channel_take(struct ms_controller *controller, uint32_t line)
{
    uint32_t channels = controller->config.channels;
    uint64_t all = controller->config.legacy ? UINT64_C(1) << (line - controller->config.line_first)
                                             : ms_bits_mask(0, channels);
    uint64_t seen = ms_load_seq_cst(&controller->taken);

    while ((all & ~seen) != 0) {
        uint32_t channel = ms_bit_lowest(all & ~seen);
        if (ms_cas_seq_cst(&controller->taken, &seen, seen | UINT64_C(1) << channel))
            return channel;
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
    ULONG elements;

    memcpy(&elements, (const char *)program->list + offsetof(SCATTER_GATHER_LIST, NumberOfElements),
           sizeof elements);
    ms_assert(elements >= 1 && elements <= controller->config.elements_max);
    memcpy(record->element, (const char *)program->list + sizeof(SCATTER_GATHER_LIST),
           elements * sizeof *record->element);
    record->elements = elements;
    record->length = program->length;
    record->line = program->line;
    record->device_address = program->device_address;
    record->to_device = program->to_device;
    record->looped = program->looped;
    record->period = channel->period ? channel->period : program->length;
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

NTSTATUS ms_channel_start(struct ms_controller *controller, uint32_t index,
                          const struct ms_channel_program *program)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)};
    uint32_t transfer;

    ms_assert(program->length >= 1 && program->length <= STAGING_BYTES);
    if (seen.phase != CHANNEL_IDLE || seen.mark)
        return seen.phase != CHANNEL_IDLE ? STATUS_INVALID_PARAMETER : STATUS_CANCELLED;
    transfer = transfer_choose(controller, index, (uint32_t)seen.transfer);
    if (transfer == TRANSFER_NONE)
        return STATUS_INSUFFICIENT_RESOURCES;
    record_fill(controller, channel, program, transfer);
    ms_store_relaxed(&channel->length, program->length);
    for (;;) {
        union ms_channel_word next = seen;
        NTSTATUS status = ms_channel_step_program(&next, transfer, program->looped);
        if (!NT_SUCCESS(status)) {
            /* Cancelled at the last moment: the number is used up and tells nobody (MTX-46). */
            ms_record_of(channel, transfer)->routine = NULL;
            ms_record_set(ms_record_of(channel, transfer), RECORD_FIRED, DmaAborted, transfer);
            ms_store_relaxed(&channel->length, 0);
            for (;;) {
                next = seen;
                next.transfer = transfer & MS_TRANSFER_MASK;
                if (ms_cas_seq_cst(&channel->state, &seen.raw, next.raw))
                    return status;
            }
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
    if (was.phase == CHANNEL_RUNNING) {
        ms_record_fire(channel, next);
        bell_ring(controller);
    }
    return CANCEL_DONE;
}

void ms_channel_unmark(struct ms_controller *controller, uint32_t index)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}, next;

    do {
        if (seen.phase != CHANNEL_IDLE || !seen.mark)
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
        if (memory)
            memcpy(memory, channel->staging + done, count);
        done += count;
    }
}

/* Stops what runs and fires what is over; the word it left. */
static union ms_channel_word channel_stop(struct ms_channel *channel)
{
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}; /* hb:channel-moved */

    while (seen.phase == CHANNEL_RUNNING) { /* FLX-12, FLX-13 */
        union ms_channel_word next = seen;
        ms_channel_step_stop(&next);
        if (ms_cas_seq_cst(&channel->state, &seen.raw, next.raw))
            seen = next;
    }
    if (ms_channel_is_over(seen))
        ms_record_fire(channel, seen);
    return seen;
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
    union ms_channel_word seen = channel_stop(channel);
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
    union ms_channel_word seen = channel_stop(channel);

    channel->epoch++; /* a cancel meant for us fails on the next owner's word */
    channel->period = 0;
    channel_reset(controller, channel, seen);
}

enum { CHANNEL_FUNCTION_PERIOD = 1 };

NTSTATUS ms_channel_configure(struct ms_controller *controller, uint32_t index, uint32_t function,
                              const void *context)
{
    struct ms_channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)};

    if (function != CHANNEL_FUNCTION_PERIOD)
        return STATUS_NOT_IMPLEMENTED; /* CFG-02 */
    if (!context)
        return STATUS_INVALID_PARAMETER; /* CFG-04 */
    if (seen.phase != CHANNEL_IDLE)
        return STATUS_INVALID_DEVICE_STATE; /* CFG-04 */
    memcpy(&channel->period, context, sizeof channel->period);
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
