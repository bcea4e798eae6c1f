/* SPDX-License-Identifier: MIT */
/*
 * engine: moves the bytes of running channels, a burst at a time, stepped or on a thread of its own. The
 * theory is at the head of system_dma.c; hb:channel-moved and one side of hb:engine-at begin here.
 */
#include "controller/system_dma.h"

#include <string.h>

/* Copies bytes that their owner may be changing at this moment: the driver's page after a cancel, or a
 * ring that driver and device share. A count that is not taken over discards them, so what is read may
 * be torn; the thread sanitizer is told so. */
__attribute__((no_sanitize("thread"), noinline)) static void
copy_shared(volatile uint8_t *target, const volatile uint8_t *source, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        target[i] = source[i];
}

/* Where byte `moved` of the list lies, and how many follow it there. */
static uint64_t engine_address(struct ms_channel *channel, const struct ms_record *record,
                               uint32_t transfer, uint32_t moved, uint32_t *here)
{
    if (channel->at_transfer != transfer || moved == 0) {
        channel->at_transfer = transfer;
        channel->at_element = 0;
        channel->at_offset = 0;
        channel->at_window = 0;
    }
    while (channel->at_offset >= record->element[channel->at_element].Length) {
        channel->at_offset -= record->element[channel->at_element].Length;
        if (record->looped)
            channel->at_window += ms_loop_element_bytes(&record->element[channel->at_element]);
        channel->at_element++;
        ms_assert(channel->at_element < record->elements);
    }
    *here = (uint32_t)(record->element[channel->at_element].Length - channel->at_offset);
    return (uint64_t)record->element[channel->at_element].Address.QuadPart + channel->at_offset;
}

static bool is_in_reach(const struct ms_controller *controller, uint64_t address, uint32_t count)
{
    uint32_t width = controller->config.address_width;

    return width == 64 || (address + count - 1) >> width == 0;
}

/* Ends the transfer with an error, unless it ended otherwise. */
static void engine_fail(struct ms_controller *controller, struct ms_channel *channel,
                        uint32_t transfer)
{
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}, next;

    do {
        next = seen;
        if (!ms_channel_step_fail(&next, transfer))
            return;
    } while (!ms_cas_seq_cst(&channel->state, &seen.raw, next.raw));
    controller->held++;
    ms_record_fire(channel, next);
}

/* Counts `count` bytes as moved; false: the transfer ended before. */
static bool engine_count(struct ms_controller *controller, struct ms_channel *channel,
                         struct ms_record *record, union ms_channel_word *seen, uint32_t count)
{
    union ms_channel_word next = *seen;

    if (!ms_channel_step_move(&next, (uint32_t)seen->transfer, count, record->length))
        return false;
    if (!ms_cas_seq_cst(&channel->state, &seen->raw, next.raw)) /* hb:channel-moved */
        return false; /* only an end changes the word beside us */
    if (next.phase == CHANNEL_COMPLETE) {
        controller->held++;
        ms_record_fire(channel, next);
    } else if (record->looped &&
               (next.moved == 0 || next.moved / record->period != seen->moved / record->period)) {
        controller->held++;
        ms_fetch_add_acq_rel(&record->periods, 1); /* CPL-10 */
    }
    *seen = next;
    return true;
}

/* Bytes to move next: whole units of the device's port, or what an element or the transfer leaves of one
 * (SDM-11). 0: the step is shorter than a unit. */
static uint32_t burst_bytes(const struct ms_controller *controller, const struct ms_record *record,
                            uint32_t left, uint32_t here, uint32_t most)
{
    uint32_t unit = record->port_bytes, count = controller->config.burst_bytes;

    count = count < unit ? unit : count & ~(unit - 1);
    count = count < here ? count : here;
    count = count < left ? count : left;
    if (count <= most)
        return count;
    return most & ~(unit - 1);
}

/* As many of `count` bytes as the device is ready for, in whole units; 0, or MS_ENDPOINT_FAULT. */
static uint32_t device_ready(const struct ms_endpoint *end, const struct ms_record *record,
                             uint32_t count)
{
    uint32_t ready;

    if (!end->ops || count == 0)
        return count;
    ready = end->ops->ready(end->device, record->device_address, record->to_device, record->demand,
                            count);
    if (ready == MS_ENDPOINT_FAULT || ready == count)
        return ready;
    ms_assert(ready < count);
    return ready & ~(record->port_bytes - 1);
}

/* Where the engine writes the byte of a ring that lies at `address`. */
static uint8_t *window_at(const struct ms_channel *channel, const struct ms_record *record,
                          uint64_t address)
{
    uint64_t first = (uint64_t)record->element[channel->at_element].Address.QuadPart;

    first &= ~(uint64_t)(MS_PAGE_BYTES - 1);
    return record->window + channel->at_window + (address - first);
}

/* Moves one burst; 0: stalled, failed or ended. */
static uint32_t engine_burst(struct ms_controller *controller, struct ms_channel *channel,
                             struct ms_record *record, union ms_channel_word *seen, uint32_t most)
{
    const struct ms_endpoint *end = &controller->line[record->line - controller->config.line_first];
    uint32_t transfer = (uint32_t)seen->transfer, moved = (uint32_t)seen->moved, here;
    uint64_t address = engine_address(channel, record, transfer, moved, &here);
    uint32_t count = burst_bytes(controller, record, record->length - moved, here, most);
    uint8_t bytes[MS_BURST_MAX] = {0};
    uint8_t *memory;

    count = device_ready(end, record, count);
    if (count == 0)
        return 0; /* the request line is low (SDM-12), or the device stalls */
    memory = count == MS_ENDPOINT_FAULT || channel->at_element >= record->fail_at ||
                     !is_in_reach(controller, address, count)
                 ? NULL
                 : ms_memory_at(controller->memory, (ms_pa){address}, count);
    if (!memory) {
        engine_fail(controller, channel, transfer); /* SDM-15 */
        return 0;
    }
    if (record->to_device) {
        copy_shared(bytes, memory, count);
    } else {
        if (end->ops)
            end->ops->peek(end->device, record->device_address, bytes, count);
        if (record->looped)
            copy_shared(window_at(channel, record, address), bytes, count);
        else
            ms_data_write(channel->staging + moved, count);
        memcpy(channel->staging + moved, bytes, count); /* I1 */
    }
    if (!engine_count(controller, channel, record, seen, count))
        return 0;
    channel->at_offset += count;
    if (end->ops && record->to_device)
        end->ops->push(end->device, record->device_address, bytes, count);
    else if (end->ops)
        end->ops->pop(end->device, record->device_address, count);
    return count;
}

static uint64_t engine_channel(struct ms_controller *controller, struct ms_channel *channel,
                               uint32_t bytes)
{
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}, again;
    uint64_t moved = 0;
    uint32_t count;

    if (seen.phase != CHANNEL_RUNNING)
        return 0;
    ms_store_seq_cst(&channel->engine_at, (uint32_t)seen.transfer); /* hb:engine-at */
    again.raw = ms_load_seq_cst(&channel->state);
    if (again.phase == CHANNEL_RUNNING && again.transfer == seen.transfer) {
        seen = again;
        ms_data_read(&ms_record_of(channel, (uint32_t)seen.transfer)->routine, RECORD_PLAIN_BYTES);
        while (moved < bytes && seen.phase == CHANNEL_RUNNING) {
            count =
                engine_burst(controller, channel, ms_record_of(channel, (uint32_t)seen.transfer),
                             &seen, (uint32_t)(bytes - moved));
            if (count == 0)
                break;
            moved += count;
        }
    }
    ms_store_seq_cst(&channel->engine_at, ENGINE_NOWHERE);
    return moved;
}

uint64_t ms_controller_step(struct ms_controller *controller, uint32_t bytes)
{
    uint64_t moved = 0;

    for (uint32_t i = 0; i < controller->config.channels; i++)
        moved += engine_channel(controller, &controller->channel[i], bytes);
    if (moved > 0 && controller->config.coalesce > 1 &&
        controller->held < controller->config.coalesce)
        return moved;
    /* The interrupt: each channel is asked until it has nothing more to report (SDM-06). */
    if (controller->held > 0)
        ms_fetch_add_relaxed(&controller->interrupts, 1);
    controller->held = 0;
    for (uint32_t i = 0; i < controller->config.channels; i++)
        ms_channel_deliver(controller, i);
    return moved;
}

uint64_t ms_controller_interrupts(const struct ms_controller *controller)
{
    return ms_load_relaxed(&controller->interrupts);
}

static void engine_run(void *context)
{
    struct ms_controller *controller = context;

    ms_cpu_enter(controller->kernel);
    while (!ms_load_acquire(&controller->stop)) {
        uint32_t bell = ms_load_seq_cst(&controller->bell);
        /* A device may raise its line without ringing, so a pause is short while anything runs. */
        if (ms_controller_step(controller, 4096) == 0)
            ms_wait(&controller->bell, bell, 50000);
    }
    ms_cpu_leave();
}

bool ms_controller_start(struct ms_controller *controller)
{
    ms_assert(!controller->thread);
    ms_store_seq_cst(&controller->stop, 0);
    controller->thread = ms_thread_start(engine_run, controller);
    return controller->thread != NULL;
}

void ms_controller_stop(struct ms_controller *controller)
{
    if (!controller->thread)
        return;
    ms_store_seq_cst(&controller->stop, 1);
    ms_fetch_add_seq_cst(&controller->bell, 1);
    ms_wake(&controller->bell, 1);
    ms_thread_join(controller->thread);
    controller->thread = NULL;
}
