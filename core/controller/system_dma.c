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
 *             transfer has no flush to wait for: its engine writes the ring itself.
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
 *             hb:engine-at (seq_cst both sides): the engine says which record it looks at, then looks at
 *             the state again; a starter ends the old transfer, then looks at what the engine said. One of
 *             them sees the other, so a record in use is not rewritten.
 * ABA         transfers have 26-bit numbers in the word: a thread must sleep through exactly 2^26
 *             transfers of one channel to be fooled.
 * Progress    start, cancel, flush, left are lock-free and wait for nobody: a stopped engine pins one record,
 *             which start skips; a thread stopped after ending a transfer is helped by whoever flushes or
 *             delivers. Callbacks are the one thing that is serialised: a thread stopped inside a driver's
 *             routine holds back the later callbacks of that channel, not its transfers (up to the ring's
 *             length).
 * Not done    a burst that the engine of a looped transfer has in hand at the very cancel may still land in
 *             the ring until the terminal callback.
 */
#include "controller/controller.h"

#include <string.h>

#include "controller/channel_state.h"

#define STAGING_BYTES  (UINT64_C(1) << 30)
#define ENGINE_NOWHERE UINT32_MAX

enum record_phase { RECORD_EMPTY, RECORD_ARMED, RECORD_FIRED };

union record_word {
    struct {
        uint64_t phase : 4;
        uint64_t status : 4;
        uint64_t transfer : 56; /* masked with MS_TRANSFER_MASK */
    };
    uint64_t raw;
};

/* What was programmed, and whom to tell. Plain fields: hb:channel-program, I3. */
struct record {
    ms_atomic_u64 word;
    ms_atomic_u32 periods; /* passes of a looped transfer that nobody was told of yet (CPL-11) */
    ms_atomic_ptr owner;
    PDMA_COMPLETION_ROUTINE routine;
    PVOID context;
    PDEVICE_OBJECT device;
    uint64_t device_address;
    uint32_t length;
    uint32_t line;
    uint32_t elements;
    uint32_t period; /* bytes between notifications of a loop */
    bool to_device;
    bool looped;
    SCATTER_GATHER_ELEMENT *element; /* const pointer; config.elements_max slots */
};

struct channel {
    ms_atomic_u64 state;     /* union ms_channel_word */
    ms_atomic_u32 length;    /* of the programmed transfer; 0: none; counter only */
    ms_atomic_u32 engine_at; /* transfer whose record the engine looks at */
    uint8_t *staging;        /* const pointer; engine writes beyond `moved`, owner reads below */
    uint32_t epoch;          /* owner: +1 per owner */
    uint32_t period;         /* owner: bytes between notifications of a loop; 0: a pass */
    /* engine only: where in the list it stands */
    uint32_t at_transfer __attribute__((aligned(MS_CACHE_LINE)));
    uint32_t at_element;
    uint64_t at_offset; /* into that element */
    /* delivery */
    ms_atomic_u32 dpc __attribute__((aligned(MS_CACHE_LINE))); /* DPC_* */
    ms_atomic_u32 next;    /* transfer to deliver next; holder of dpc writes */
    ms_atomic_ptr telling; /* owner whose routine runs now */
    struct record record[MS_RECORDS];
} __attribute__((aligned(MS_CACHE_LINE)));

enum { DPC_RUNNING = 1, DPC_AGAIN = 2 };

struct ms_controller {
    struct ms_controller_config config;    /* const */
    const struct ms_memory *memory;        /* const */
    struct ms_kernel *kernel;              /* const */
    ms_channel_done *done;                 /* const */
    struct ms_endpoint line[MS_LINES_MAX]; /* const while a transfer runs on the line */
    SCATTER_GATHER_ELEMENT *elements;      /* const pointer: all records' */
    struct channel *channel;               /* const pointer */
    struct ms_thread *thread;              /* set-up only */
    ms_atomic_u64 taken;                   /* bit per channel */
    ms_atomic_u32 bell;                    /* +1 per start: the engine thread sleeps on it */
    ms_atomic_u32 stop;
};

/* --- profiles -------------------------------------------------------------------------------------- */

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

/* --- making and ending ------------------------------------------------------------------------------ */

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
        struct channel *channel = &controller->channel[i];
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

/* --- channels and their owners ------------------------------------------------------------------------ */

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

/* --- records -------------------------------------------------------------------------------------------- */

static struct record *record_of(struct channel *channel, uint32_t transfer)
{
    return &channel->record[transfer % MS_RECORDS];
}

static union record_word record_look(const struct record *record)
{
    return (union record_word){.raw = ms_load_acquire(&record->word)}; /* hb:record-fired */
}

static void record_set(struct record *record, enum record_phase phase, DMA_COMPLETION_STATUS status,
                       uint32_t transfer)
{
    union record_word word = {.raw = 0};

    word.phase = phase;
    word.status = (uint64_t)status & 0xF;
    word.transfer = transfer;
    ms_store_release(&record->word, word.raw); /* hb:record-fired */
}

/* Fires the record of a transfer that is over; idempotent: whoever comes by may do it. */
static void record_fire(struct channel *channel, union ms_channel_word over)
{
    struct record *record = record_of(channel, (uint32_t)over.transfer);
    union record_word seen = record_look(record), next;

    ms_assert(ms_channel_is_over(over));
    if (seen.phase != RECORD_ARMED || seen.transfer != over.transfer)
        return;
    next = seen;
    next.phase = RECORD_FIRED;
    next.status = (uint64_t)ms_channel_status(over) & 0xF;
    ms_cas_acq_rel(&record->word, &seen.raw, next.raw); /* hb:record-fired */
}

/* --- delivering (the channel's DPC) ------------------------------------------------------------------------ */

static void tell(struct ms_controller *controller, struct channel *channel,
                 const struct record *copy, DMA_COMPLETION_STATUS status)
{
    if (status == DmaAborted || !copy->routine || !controller->config.interrupts)
        return; /* a skipped record (see transfer_choose); AMB-37, CPL-04 */
    ms_store_seq_cst(&channel->telling, ms_load_relaxed(&copy->owner));
    controller->done(ms_load_relaxed(&copy->owner), status, copy->routine, copy->context,
                     copy->device);
    ms_store_seq_cst(&channel->telling, NULL);
}

/* One callback, or none left. By the holder of dpc. */
static bool deliver_one(struct ms_controller *controller, struct channel *channel)
{
    uint32_t transfer = ms_load_relaxed(&channel->next); /* I4: ours */
    struct record *record = record_of(channel, transfer);
    union record_word word = record_look(record);
    union ms_channel_word state;

    if (word.phase == RECORD_EMPTY || word.transfer != transfer)
        return false;
    if (ms_exchange_acq_rel(&record->periods, 0) > 0) {
        tell(controller, channel, record, DmaComplete); /* CPL-10, CPL-11 */
        return true;
    }
    if (word.phase == RECORD_ARMED) {
        state.raw = ms_load_acquire(&channel->state);
        if (state.transfer != transfer || !ms_channel_is_over(state))
            return false;
        record_fire(channel, state); /* whoever ended it is late */
        return true;
    }
    struct record copy = {
        .routine = record->routine, .context = record->context, .device = record->device};
    ms_init(&copy.owner, ms_load_relaxed(&record->owner));
    ms_store_seq_cst(&channel->telling, ms_load_relaxed(&record->owner));
    ms_store_release(&channel->next, (transfer + 1) & MS_TRANSFER_MASK);
    record_set(record, RECORD_EMPTY, DmaComplete, transfer); /* the routine may start the next */
    tell(controller, channel, &copy, (DMA_COMPLETION_STATUS)word.status);
    ms_store_seq_cst(&channel->telling, NULL);
    return true;
}

/* Takes the right to deliver; false: somebody has it, and will look again after us. */
static bool dpc_enter(struct channel *channel)
{
    uint32_t seen = ms_load_acquire(&channel->dpc);

    for (;;) {
        uint32_t next = seen & DPC_RUNNING ? seen | DPC_AGAIN : DPC_RUNNING;
        if (ms_cas_seq_cst(&channel->dpc, &seen, next))
            return next == DPC_RUNNING && !(seen & DPC_RUNNING);
    }
}

static bool dpc_leave(struct channel *channel)
{
    uint32_t seen = DPC_RUNNING;

    if (ms_cas_seq_cst(&channel->dpc, &seen, 0))
        return true;
    ms_store_seq_cst(&channel->dpc, DPC_RUNNING); /* somebody asked to look again */
    return false;
}

void ms_channel_deliver(struct ms_controller *controller, uint32_t index)
{
    struct channel *channel = &controller->channel[index];

    if (!dpc_enter(channel))
        return;
    do {
        while (deliver_one(controller, channel))
            ;
    } while (!dpc_leave(channel));
}

bool ms_controller_owner_is_quiet(struct ms_controller *controller, const void *owner)
{
    for (uint32_t i = 0; i < controller->config.channels; i++) {
        struct channel *channel = &controller->channel[i];
        if (ms_load_seq_cst(&channel->telling) == owner)
            return false;
        for (uint32_t r = 0; r < MS_RECORDS; r++)
            if (record_look(&channel->record[r]).phase != RECORD_EMPTY &&
                ms_load_relaxed(&channel->record[r].owner) == owner)
                return false;
    }
    return true;
}

/* --- starting, cancelling, flushing ------------------------------------------------------------------------ */

#define TRANSFER_NONE UINT32_MAX

/* A number whose record is empty and not looked at by the engine, or TRANSFER_NONE. */
static uint32_t transfer_choose(struct ms_controller *controller, uint32_t index, uint32_t last)
{
    struct channel *channel = &controller->channel[index];
    uint32_t transfer = (last + 1) & MS_TRANSFER_MASK;
    uint32_t engine;

    for (int tries = 0; tries < 2; tries++) {
        struct record *record = record_of(channel, transfer);
        if (record_look(record).phase != RECORD_EMPTY) {
            ms_channel_deliver(controller, index); /* the ring is full: we are the DPC now */
            if (record_look(record).phase != RECORD_EMPTY)
                return TRANSFER_NONE;
        }
        engine = ms_load_seq_cst(&channel->engine_at); /* hb:engine-at */
        if (engine == ENGINE_NOWHERE || engine % MS_RECORDS != transfer % MS_RECORDS)
            return transfer;
        /* I3: a late engine still looks at this record. Let it: a record that tells nobody. */
        ms_store_relaxed(&record->owner, NULL);
        record_set(record, RECORD_FIRED, DmaAborted, transfer);
        transfer = (transfer + 1) & MS_TRANSFER_MASK;
    }
    return TRANSFER_NONE;
}

static void record_fill(struct ms_controller *controller, struct channel *channel,
                        const struct ms_channel_program *program, uint32_t transfer)
{
    struct record *record = record_of(channel, transfer);
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
    record_set(record, RECORD_ARMED, DmaComplete, transfer);
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
    struct channel *channel = &controller->channel[index];
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
            record_of(channel, transfer)->routine = NULL;
            record_set(record_of(channel, transfer), RECORD_FIRED, DmaAborted, transfer);
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
    struct channel *channel = &controller->channel[index];
    union ms_channel_word was = {.raw = seen}, next = was;

    if (!ms_channel_step_cancel(&next))
        return CANCEL_MARKED_BEFORE;
    if (!ms_cas_seq_cst(&channel->state, &was.raw, next.raw))
        return CANCEL_CHANGED;
    if (was.phase == CHANNEL_RUNNING) {
        record_fire(channel, next);
        bell_ring(controller);
    }
    return CANCEL_DONE;
}

void ms_channel_unmark(struct ms_controller *controller, uint32_t index)
{
    struct channel *channel = &controller->channel[index];
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}, next;

    do {
        if (seen.phase != CHANNEL_IDLE || !seen.mark)
            return;
        next = seen;
        next.mark = 0;
    } while (!ms_cas_seq_cst(&channel->state, &seen.raw, next.raw));
}

/* Copies what the controller holds to the elements' addresses. */
static void staging_drain(struct ms_controller *controller, struct channel *channel,
                          const struct record *record, uint64_t bytes)
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
static union ms_channel_word channel_stop(struct channel *channel)
{
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}; /* hb:channel-moved */

    while (seen.phase == CHANNEL_RUNNING) { /* FLX-12, FLX-13 */
        union ms_channel_word next = seen;
        ms_channel_step_stop(&next);
        if (ms_cas_seq_cst(&channel->state, &seen.raw, next.raw))
            seen = next;
    }
    if (ms_channel_is_over(seen))
        record_fire(channel, seen);
    return seen;
}

static void channel_reset(struct ms_controller *controller, struct channel *channel,
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
    struct channel *channel = &controller->channel[index];
    union ms_channel_word seen = channel_stop(channel);
    const struct record *record = record_of(channel, (uint32_t)seen.transfer);

    uint32_t moved = ms_channel_is_over(seen) ? (uint32_t)seen.moved : 0;

    if (moved > 0 && !record->to_device && !record->looped)
        staging_drain(controller, channel, record, ms_min_u64(moved, bytes));
    channel_reset(controller, channel, seen);
    return moved;
}

void ms_channel_leave(struct ms_controller *controller, uint32_t index)
{
    struct channel *channel = &controller->channel[index];
    union ms_channel_word seen = channel_stop(channel);

    channel->epoch++; /* a cancel meant for us fails on the next owner's word */
    channel->period = 0;
    channel_reset(controller, channel, seen);
}

enum { CHANNEL_FUNCTION_PERIOD = 1 };

NTSTATUS ms_channel_configure(struct ms_controller *controller, uint32_t index, uint32_t function,
                              const void *context)
{
    struct channel *channel = &controller->channel[index];
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
    const struct channel *channel = &controller->channel[index];
    union ms_channel_word word = {.raw = ms_load_acquire(&channel->state)};
    uint32_t length = ms_load_relaxed(&channel->length);

    if (word.phase == CHANNEL_IDLE || length < word.moved)
        return 0;
    return length - (uint32_t)word.moved;
}

/* --- the engine --------------------------------------------------------------------------------------------- */

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
static uint64_t engine_address(struct channel *channel, const struct record *record,
                               uint32_t transfer, uint32_t moved, uint32_t *here)
{
    if (channel->at_transfer != transfer || moved == 0) {
        channel->at_transfer = transfer;
        channel->at_element = 0;
        channel->at_offset = 0;
    }
    while (channel->at_offset >= record->element[channel->at_element].Length) {
        channel->at_offset -= record->element[channel->at_element].Length;
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
static void engine_fail(struct channel *channel, uint32_t transfer)
{
    union ms_channel_word seen = {.raw = ms_load_acquire(&channel->state)}, next;

    do {
        next = seen;
        if (!ms_channel_step_fail(&next, transfer))
            return;
    } while (!ms_cas_seq_cst(&channel->state, &seen.raw, next.raw));
    record_fire(channel, next);
}

/* Counts `count` bytes as moved; false: the transfer ended before. */
static bool engine_count(struct channel *channel, struct record *record,
                         union ms_channel_word *seen, uint32_t count)
{
    union ms_channel_word next = *seen;

    if (!ms_channel_step_move(&next, (uint32_t)seen->transfer, count, record->length))
        return false;
    if (!ms_cas_seq_cst(&channel->state, &seen->raw, next.raw)) /* hb:channel-moved */
        return false; /* only an end changes the word beside us */
    if (next.phase == CHANNEL_COMPLETE)
        record_fire(channel, next);
    else if (record->looped &&
             (next.moved == 0 || next.moved / record->period != seen->moved / record->period))
        ms_fetch_add_acq_rel(&record->periods, 1); /* CPL-10 */
    *seen = next;
    return true;
}

/* Moves one burst; 0: stalled, failed or ended. */
static uint32_t engine_burst(struct ms_controller *controller, struct channel *channel,
                             struct record *record, union ms_channel_word *seen, uint32_t most)
{
    const struct ms_endpoint *end = &controller->line[record->line - controller->config.line_first];
    uint32_t transfer = (uint32_t)seen->transfer, moved = (uint32_t)seen->moved, here;
    uint64_t address = engine_address(channel, record, transfer, moved, &here);
    uint8_t bytes[MS_BURST_MAX] = {0};
    uint32_t count = controller->config.burst_bytes;
    uint8_t *memory;

    count = count < most ? count : most;
    count = count < here ? count : here;
    count = count < record->length - moved ? count : record->length - moved;
    if (end->ops)
        count = end->ops->ready(end->device, record->device_address, record->to_device, count);
    if (count == 0)
        return 0; /* the request line is low (SDM-12) */
    memory = count == MS_ENDPOINT_FAULT || !is_in_reach(controller, address, count)
                 ? NULL
                 : ms_memory_at(controller->memory, (ms_pa){address}, count);
    if (!memory) {
        engine_fail(channel, transfer); /* SDM-15 */
        return 0;
    }
    if (record->to_device) {
        copy_shared(bytes, memory, count);
    } else {
        if (end->ops)
            end->ops->peek(end->device, record->device_address, bytes, count);
        if (record->looped)
            copy_shared(memory, bytes, count);
        else
            memcpy(channel->staging + moved, bytes, count); /* I1 */
    }
    if (!engine_count(channel, record, seen, count))
        return 0;
    channel->at_offset += count;
    if (end->ops && record->to_device)
        end->ops->push(end->device, record->device_address, bytes, count);
    else if (end->ops)
        end->ops->pop(end->device, record->device_address, count);
    return count;
}

static uint64_t engine_channel(struct ms_controller *controller, struct channel *channel,
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
        while (moved < bytes && seen.phase == CHANNEL_RUNNING) {
            count = engine_burst(controller, channel, record_of(channel, (uint32_t)seen.transfer),
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

    for (uint32_t i = 0; i < controller->config.channels; i++) {
        moved += engine_channel(controller, &controller->channel[i], bytes);
        ms_channel_deliver(controller, i);
    }
    return moved;
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
