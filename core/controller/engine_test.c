/* SPDX-License-Identifier: MIT */
/*
 * The controller by itself, stepped: units, request line, errors, interrupts, and what a late engine may
 * still do. "Late" is made by the device: the engine asks it for bytes in the midst of a burst, and there
 * it cancels, flushes or starts the next transfer.
 */
#include "controller/controller.h"
#include "platform/test.h"

enum { BYTES = 0x2800, HEARD_MAX = 512 };
#define RAM UINT64_C(0x4000000)

struct heard {
    DMA_COMPLETION_STATUS status;
    PVOID context;
};

struct bench {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
    struct ms_controller *controller;
    struct ms_fifo fifo;
    uint8_t taken[2 * BYTES];
    struct heard heard[HEARD_MAX];
    uint32_t count;
    uint32_t channel;
    struct {
        ULONG elements; /* a SCATTER_GATHER_LIST with room behind it */
        ULONG_PTR reserved;
        SCATTER_GATHER_ELEMENT element[4];
    } list;
    struct ms_channel_program program;
    struct ms_endpoint_ops late; /* the FIFO's, but for peek */
    void (*meanwhile)(struct bench *b);
};

static VOID never_called(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                         DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context, (void)status;
    fail_msg("the controller calls a driver's routine only through ms_channel_done");
}

static void done(void *owner, DMA_COMPLETION_STATUS status, PDMA_COMPLETION_ROUTINE routine,
                 PVOID context, PDEVICE_OBJECT device)
{
    struct bench *b = owner;

    (void)device;
    assert_true(routine == never_called);
    assert_true(b->count < HEARD_MAX);
    b->heard[b->count++] = (struct heard){status, context};
}

static void list_of(struct bench *b, uint32_t elements, const uint64_t *address,
                    const uint32_t *bytes)
{
    b->list.elements = elements;
    b->program.length = 0;
    for (uint32_t i = 0; i < elements; i++) {
        b->list.element[i] =
            (SCATTER_GATHER_ELEMENT){.Address.QuadPart = (LONGLONG)address[i], .Length = bytes[i]};
        b->program.length += bytes[i];
    }
}

/* The SoC's controller with what `change` makes of it, one device on its first line, a channel taken, and a
 * program of one element to the device. */
static void bench_open(struct bench *b, void (*change)(struct ms_controller_config *))
{
    struct ms_memory_config memory = ms_memory_config_default();
    struct ms_controller_config config = ms_controller_soc();

    memset(b, 0, sizeof *b);
    if (change)
        change(&config);
    b->memory = ms_memory_create(&memory);
    b->kernel = ms_alloc(sizeof *b->kernel);
    assert_non_null(b->memory);
    assert_non_null(b->kernel);
    ms_kernel_init(b->kernel, NULL, b->memory);
    b->controller = ms_controller_create(b->memory, b->kernel, &config, done);
    assert_non_null(b->controller);
    ms_cpu_enter(b->kernel);
    ms_fifo_init(&b->fifo, 5, b->taken, sizeof b->taken);
    ms_controller_attach(b->controller, config.line_first, ms_fifo_endpoint(&b->fifo));
    b->channel = ms_channel_take(b->controller, config.line_first);
    assert_true(b->channel != UINT32_MAX);
    b->program = (struct ms_channel_program){
        .list = (const SCATTER_GATHER_LIST *)(const void *)&b->list,
        .line = config.line_first,
        .device_address = 0xFE000010,
        .port_bytes = 1,
        .to_device = true,
        .owner = b,
        .routine = never_called,
    };
    list_of(b, 1, (const uint64_t[]){RAM}, (const uint32_t[]){0x100});
    for (uint32_t i = 0; i < 4 * BYTES; i++)
        *ms_memory_byte(b->memory, (ms_pa){RAM + i}) = (uint8_t)(i * 5 + 1);
}

static void bench_close(struct bench *b)
{
    ms_channel_leave(b->controller, b->channel);
    ms_channel_give(b->controller, b->channel);
    ms_kernel_stop(b->kernel);
    ms_cpu_leave();
    ms_controller_destroy(b->controller);
    ms_free(b->kernel, sizeof *b->kernel);
    ms_memory_destroy(b->memory);
}

static uint8_t ram(const struct bench *b, uint64_t offset)
{
    return *ms_memory_byte(b->memory, (ms_pa){RAM + offset});
}

static uint8_t ram_first(uint64_t offset)
{
    return (uint8_t)(offset * 5 + 1);
}

static void start(struct bench *b)
{
    assert_status(ms_channel_start(b->controller, b->channel, &b->program), STATUS_SUCCESS);
}

static enum ms_channel_cancelled cancel(struct bench *b)
{
    return ms_channel_cancel_transfer(b->controller, b->channel,
                                      ms_channel_look(b->controller, b->channel));
}

/* --- units and the request line ---------------------------------------------------------------------- */

/* SDM-11: whole units of the port, one address; what an element leaves of a unit is moved by itself. */
MS_TEST(bytes_move_in_units_of_the_ports_width)
{
    for (uint32_t width = 1; width <= 8; width *= 2)
        for (int to_device = 0; to_device <= 1; to_device++) {
            struct bench b;
            bench_open(&b, NULL);
            b.fifo.unit = width;
            b.fifo.lies_at = b.program.device_address;
            b.program.port_bytes = width;
            b.program.to_device = to_device;
            list_of(&b, 3, (const uint64_t[]){RAM, RAM + 0x1003, RAM + 0x2000},
                    (const uint32_t[]){0x100, 0x80 + 5, 0x40});
            start(&b);
            if (width > 1)
                assert_int_equal(ms_controller_step(b.controller, width - 1), 0);
            assert_int_equal(ms_controller_step(b.controller, 2 * width - 1), width);
            while (b.count == 0) {
                uint32_t before = ms_channel_left(b.controller, b.channel);
                uint64_t moved = ms_controller_step(b.controller, 19);
                assert_true(moved > 0);
                assert_int_equal(ms_channel_left(b.controller, b.channel), before - moved);
            }
            assert_int_equal(b.heard[0].status, DmaComplete);
            assert_true(b.fifo.address == 0xFE000010);
            assert_int_equal(ms_channel_flush(b.controller, b.channel, UINT32_MAX), 0x1C5);
            for (uint32_t i = 0; i < 0x1C5; i++) {
                uint32_t at = i < 0x100 ? i : i < 0x185 ? 0x1003 + i - 0x100 : 0x2000 + i - 0x185;
                if (to_device)
                    assert_int_equal(b.taken[i], ram_first(at));
                else
                    assert_int_equal(ram(&b, at), ms_fifo_byte(5, i));
            }
            bench_close(&b);
        }
}

/* SDM-12, MTX-58: in demand mode a credit moves as much as it says, in whole units; without it the line is
 * not looked at, and only a stall holds the transfer. */
MS_TEST(the_request_line_counts_in_demand_mode_only)
{
    struct bench b;

    bench_open(&b, NULL);
    b.program.port_bytes = 4;
    b.program.demand = true;
    ms_store_relaxed(&b.fifo.credit, 3);
    start(&b);
    assert_int_equal(ms_controller_step(b.controller, 1000), 0); /* not one unit */
    ms_fifo_credit(&b.fifo, 6);
    assert_int_equal(ms_controller_step(b.controller, 1000), 8);
    assert_true(ms_load_relaxed(&b.fifo.credit) == 1);
    assert_int_equal(ms_channel_left(b.controller, b.channel), 0x100 - 8);
    ms_channel_flush(b.controller, b.channel, 0);
    ms_controller_step(b.controller, 1);
    assert_int_equal(b.heard[0].status, DmaCancelled);

    b.program.demand = false;
    start(&b);
    ms_fifo_stall(&b.fifo, true);
    assert_int_equal(ms_controller_step(b.controller, 1000), 0);
    ms_fifo_stall(&b.fifo, false);
    assert_int_equal(ms_controller_step(b.controller, 1000), 0x100);
    assert_true(ms_load_relaxed(&b.fifo.credit) == 1);
    assert_int_equal(b.heard[1].status, DmaComplete);
    bench_close(&b);
}

/* --- errors ------------------------------------------------------------------------------------------ */

/* One transfer of two elements that ends with an error after `moved` bytes, and a good one behind it. */
static void error_expect(struct bench *b, uint32_t moved)
{
    start(b);
    for (int i = 0; i < 100 && b->count == 0; i++)
        ms_controller_step(b->controller, 48);
    assert_int_equal(b->count, 1);
    assert_int_equal(b->heard[0].status, DmaError);
    assert_int_equal(ms_channel_left(b->controller, b->channel), b->program.length - moved);
    assert_int_equal(b->fifo.taken_count, moved);
    for (uint32_t i = 0; i < moved; i++)
        assert_int_equal(b->taken[i], ram_first(i < 0x80 ? i : 0x1000 + i - 0x80));
    assert_int_equal(cancel(b), CANCEL_DONE); /* CMT-10: it keeps its result */
    assert_int_equal(ms_channel_flush(b->controller, b->channel, moved), moved);
    assert_int_equal(b->count, 1);
    ms_controller_fail_at(b->controller, b->program.line, MS_ELEMENT_NONE);
    b->fifo.fault_at = b->fifo.lies_at = UINT64_MAX;
    list_of(b, 1, (const uint64_t[]){RAM}, (const uint32_t[]){0x40});
    start(b);
    ms_controller_step(b->controller, 0x40);
    assert_int_equal(b->heard[1].status, DmaComplete);
    bench_close(b);
}

static void error_open(struct bench *b)
{
    bench_open(b, NULL);
    list_of(b, 2, (const uint64_t[]){RAM, RAM + 0x1000}, (const uint32_t[]){0x80, 0x80});
}

/* SDM-15, CPL-13 */
MS_TEST(an_error_comes_at_its_byte_element_or_address_and_no_byte_later)
{
    struct bench b;

    for (uint32_t at = 0; at <= 0x100; at += 0x10) { /* the device breaks at a byte */
        error_open(&b);
        b.fifo.fault_at = at < 0x100 ? at : 0xFF;
        error_expect(&b, (uint32_t)b.fifo.fault_at);
    }
    error_open(&b); /* its register of four bytes breaks as a whole */
    b.program.port_bytes = b.fifo.unit = 4;
    b.fifo.fault_at = 0x23;
    error_expect(&b, 0x20);
    for (uint32_t element = 0; element < 2; element++) {
        error_open(&b);
        ms_controller_fail_at(b.controller, b.program.line, element);
        error_expect(&b, element * 0x80);
    }
    error_open(&b); /* nothing answers at that address of the bus */
    b.fifo.lies_at = 0xFE000014;
    error_expect(&b, 0);
    error_open(&b); /* the second element lies beyond the controller's 32 bits */
    list_of(&b, 2, (const uint64_t[]){RAM, UINT64_C(0x140000000)}, (const uint32_t[]){0x80, 0x80});
    error_expect(&b, 0x80);
    error_open(&b); /* or where no RAM is */
    list_of(&b, 2, (const uint64_t[]){RAM, 0xFFFF0000}, (const uint32_t[]){0x80, 0x80});
    error_expect(&b, 0x80);
}

/* --- interrupts -------------------------------------------------------------------------------------- */

static void no_interrupts(struct ms_controller_config *config)
{
    config->interrupts = false;
}

/* CPL-03, CPL-04: a controller without interrupts tells nobody; the counter says it. */
MS_TEST(without_interrupts_no_routine_is_called_however_a_transfer_ends)
{
    struct bench b;

    bench_open(&b, no_interrupts);
    for (int how = 0; how < 200; how++) {
        b.fifo.fault_at = how % 3 == 1 ? b.fifo.taken_count : UINT64_MAX;
        start(&b);
        ms_controller_step(b.controller, how % 3 == 2 ? 7 : 0x100);
        assert_int_equal(ms_channel_left(b.controller, b.channel), how % 3 == 0   ? 0
                                                                   : how % 3 == 1 ? 0x100
                                                                                  : 0xF9);
        if (how % 3 == 2)
            assert_int_equal(cancel(&b), CANCEL_DONE);
        ms_channel_flush(b.controller, b.channel, 0);
    }
    assert_int_equal(b.count, 0);
    bench_close(&b);
}

static void coalesce_three(struct ms_controller_config *config)
{
    config->coalesce = 3;
}

/* CPL-06, SDM-06: the routine waits for the controller's interrupt; one interrupt reports all channels, each
 * with its own end, until there is nothing to report. A controller that collects ends tells of them when it
 * has as many as it was told to collect, or nothing left to move. */
MS_TEST(one_interrupt_reports_every_channel_that_ended)
{
    struct bench b;
    uint32_t channel[4];
    struct ms_fifo fifo[4];

    bench_open(&b, coalesce_three);
    for (uint32_t i = 0; i < 4; i++) {
        struct ms_channel_program p = b.program;
        ms_fifo_init(&fifo[i], i, NULL, 0);
        ms_controller_attach(b.controller, p.line + 1 + i, ms_fifo_endpoint(&fifo[i]));
        if (i == 1)
            fifo[i].fault_at = 0x80;
        list_of(&b, 1, (const uint64_t[]){RAM}, (const uint32_t[]){0x100 * (i + 1)});
        p.line += 1 + i;
        p.length = b.program.length;
        p.context = &fifo[i];
        channel[i] = ms_channel_take(b.controller, p.line);
        assert_status(ms_channel_start(b.controller, channel[i], &p), STATUS_SUCCESS);
    }
    ms_controller_step(b.controller, 0x100); /* 0 completes, 1 fails: two ends */
    assert_int_equal(b.count, 0);
    ms_controller_step(b.controller, 0x100);
    assert_int_equal(b.count, 0);
    ms_controller_step(b.controller, 0x100); /* 2 completes: three */
    assert_int_equal(b.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_ptr_equal(b.heard[i].context, &fifo[i]);
        assert_int_equal(b.heard[i].status, i == 1 ? DmaError : DmaComplete);
    }
    ms_controller_step(b.controller, 0x100); /* 3 completes: one, and something was moved */
    assert_int_equal(b.count, 3);
    assert_int_equal(ms_controller_step(b.controller, 0x100), 0); /* no reason to wait any longer */
    assert_int_equal(b.count, 4);
    assert_int_equal(ms_controller_step(b.controller, 0x100), 0);
    assert_int_equal(b.count, 4);
    assert_int_equal(ms_controller_interrupts(b.controller), 2);
    for (uint32_t i = 0; i < 4; i++) {
        ms_channel_leave(b.controller, channel[i]);
        ms_channel_give(b.controller, channel[i]);
    }
    bench_close(&b);
}

/* CPL-07, CPL-08, CPL-09: what ended before the interrupt came is told in the order of the transfers, each
 * with its own context, and once. */
MS_TEST(a_channels_ends_are_told_in_the_order_of_its_transfers)
{
    enum { TRANSFERS = 40 };
    struct bench b;

    bench_open(&b, NULL);
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        b.program.context = &b.taken[i];
        start(&b);
        if (i % 2)
            assert_int_equal(cancel(&b), CANCEL_DONE);
        ms_channel_flush(b.controller, b.channel, 0); /* FLX-12: cancels those that run */
    }
    assert_int_equal(b.count, 0);
    ms_controller_step(b.controller, 1);
    assert_int_equal(b.count, TRANSFERS);
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        assert_ptr_equal(b.heard[i].context, &b.taken[i]);
        assert_int_equal(b.heard[i].status, DmaCancelled);
    }
    ms_controller_step(b.controller, 1);
    assert_int_equal(b.count, TRANSFERS);
    bench_close(&b);
}

/* --- owners ------------------------------------------------------------------------------------------ */

/* CMT-16, CMT-19: what a cancel looked at belongs to one owner; the next one's channel is not marked. */
MS_TEST(a_cancel_that_looked_at_the_last_owners_channel_fails_on_the_next_ones)
{
    struct bench b;
    uint64_t idle, running;

    bench_open(&b, NULL);
    idle = ms_channel_look(b.controller, b.channel);
    ms_channel_leave(b.controller,
                     b.channel); /* FreeAdapterChannel, and another adapter is granted it */
    assert_int_equal(ms_channel_cancel_transfer(b.controller, b.channel, idle), CANCEL_CHANGED);
    start(&b);
    running = ms_channel_look(b.controller, b.channel);
    ms_channel_leave(b.controller, b.channel);
    start(&b);
    assert_int_equal(ms_channel_cancel_transfer(b.controller, b.channel, running), CANCEL_CHANGED);
    assert_int_equal(ms_controller_step(b.controller, 0x100), 0x100);
    assert_int_equal(b.count, 2);
    assert_int_equal(b.heard[1].status, DmaComplete);
    bench_close(&b);
}

/* --- a late engine ----------------------------------------------------------------------------------- */

static struct bench *late_bench;

static void late_peek(void *device, uint64_t address, uint8_t *bytes, uint32_t count)
{
    struct bench *b = late_bench;
    void (*meanwhile)(struct bench *) = b->meanwhile;

    ms_fifo_endpoint(&b->fifo).ops->peek(device, address, bytes, count);
    b->meanwhile = NULL;
    if (meanwhile)
        meanwhile(b);
}

static void late_open(struct bench *b, bool looped)
{
    struct ms_endpoint end;

    bench_open(b, NULL);
    late_bench = b;
    end = ms_fifo_endpoint(&b->fifo);
    b->late = *end.ops;
    b->late.peek = late_peek;
    end.ops = &b->late;
    ms_controller_attach(b->controller, b->program.line, end);
    b->program.to_device = false;
    b->program.looped = looped;
    list_of(b, 2, (const uint64_t[]){RAM + 0xF80, RAM + 0x2040}, (const uint32_t[]){0x100, 0x80});
}

/* Byte i of the ring or buffer of late_open. */
static uint64_t late_at(uint32_t i)
{
    return i < 0x100 ? 0xF80 + i : 0x2040 + i - 0x100;
}

static void late_check(const struct bench *b, uint32_t landed, uint32_t moved)
{
    for (uint32_t i = 0; i < 0x180; i++)
        assert_int_equal(ram(b, late_at(i)),
                         i < landed ? ms_fifo_byte(5, i) : ram_first(late_at(i)));
    assert_int_equal(b->fifo.given_count, moved);
}

static void late_cancel(struct bench *b)
{
    assert_int_equal(cancel(b), CANCEL_DONE);
}

static void late_cancel_and_flush(struct bench *b)
{
    late_cancel(b);
    ms_channel_flush(b->controller, b->channel, UINT32_MAX);
}

static void late_flush(struct bench *b)
{
    ms_channel_flush(b->controller, b->channel, UINT32_MAX);
}

static void late_leave(struct bench *b)
{
    ms_channel_leave(b->controller, b->channel);
}

static void late_next(struct bench *b)
{
    late_cancel_and_flush(b);
    b->program.context = b->taken;
    start(b);
}

/* CMT-12, MTX-60: after the cancel has returned, the burst that the engine has in hand lands nowhere, not
 * even in the ring of a loop; the count says what had been moved before. */
MS_TEST(a_burst_in_hand_at_the_cancel_lands_nowhere)
{
    void (*const how[])(struct bench *) = {late_cancel, late_cancel_and_flush, late_flush,
                                           late_leave};

    for (int looped = 0; looped <= 1; looped++)
        for (uint32_t bursts = 0; bursts < 6; bursts++)
            for (uint32_t h = 0; h < 4; h++) {
                struct bench b;
                uint32_t moved = bursts * 0x40;
                late_open(&b, looped);
                start(&b);
                assert_int_equal(ms_controller_step(b.controller, moved), moved);
                b.meanwhile = how[h];
                assert_int_equal(ms_controller_step(b.controller, 0x40), 0);
                assert_null(b.meanwhile);
                assert_int_equal(b.count, 1);
                assert_int_equal(b.heard[0].status, DmaCancelled);
                if (h == 0) {
                    assert_int_equal(ms_channel_left(b.controller, b.channel), 0x180 - moved);
                    ms_channel_flush(b.controller, b.channel, UINT32_MAX);
                }
                /* Who frees without a flush gets nothing; a ring has what came in while it ran. */
                late_check(&b, h == 3 && !looped ? 0 : moved, moved);
                bench_close(&b);
            }
}

/* The same with the next transfer started already: the late burst is not taken for its first. */
MS_TEST(a_late_engine_does_not_touch_the_next_transfer)
{
    for (int looped = 0; looped <= 1; looped++)
        for (uint32_t round = 0; round < 2; round++) {
            struct bench b;
            late_open(&b, looped);
            start(&b);
            assert_int_equal(ms_controller_step(b.controller, 0x40), 0x40);
            b.meanwhile = late_next;
            assert_int_equal(ms_controller_step(b.controller, 0x40), 0);
            assert_int_equal(b.count, 1);
            assert_int_equal(ms_channel_left(b.controller, b.channel), 0x180);
            assert_int_equal(b.fifo.given_count, 0x40);
            for (uint32_t i = 0; i < 0x180; i++)
                assert_int_equal(ram(&b, late_at(i)),
                                 i < 0x40 ? ms_fifo_byte(5, i) : ram_first(late_at(i)));
            assert_int_equal(ms_controller_step(b.controller, 0x180), 0x180);
            if (!looped)
                ms_channel_flush(b.controller, b.channel, UINT32_MAX);
            for (uint32_t i = 0; i < 0x180; i++)
                assert_int_equal(ram(&b, late_at(i)), ms_fifo_byte(5, 0x40 + i));
            bench_close(&b);
        }
}

/* More starts and stops of a loop than there are windows, each in the midst of a burst. */
MS_TEST(a_loop_started_again_and_again_finds_its_ring)
{
    struct bench b;

    late_open(&b, true);
    for (uint32_t round = 0; round < 100; round++) {
        uint64_t before = b.fifo.given_count;
        start(&b);
        assert_int_equal(ms_controller_step(b.controller, 0x180 + 0x40), 0x180 + 0x40);
        b.meanwhile = round % 2 ? late_cancel_and_flush : late_leave;
        assert_int_equal(ms_controller_step(b.controller, 0x40), 0);
        for (uint32_t i = 0; i < 0x180; i++)
            assert_int_equal(ram(&b, late_at(i)),
                             ms_fifo_byte(5, before + (i < 0x40 ? 0x180 + i : i)));
    }
    bench_close(&b);
}

/* As many transfers as the channel has records, and a loop whose record would be the one that the engine still
 * holds. */
static void late_wrap(struct bench *b)
{
    for (uint32_t i = 1; i < MS_RECORDS; i++) {
        late_cancel_and_flush(b);
        start(b);
    }
    late_cancel_and_flush(b);
    b->program.looped = true;
    start(b);
}

/* I3: a record that a late engine looks at is not used for another transfer: its burst would find its way into
 * that one's ring. */
MS_TEST(a_record_in_a_late_engines_hands_is_left_alone)
{
    struct bench b;

    late_open(&b, false);
    start(&b);
    assert_int_equal(ms_controller_step(b.controller, 0x40), 0x40);
    b.meanwhile = late_wrap;
    assert_int_equal(ms_controller_step(b.controller, 0x40), 0);
    for (uint32_t i = 0; i < 0x180; i++)
        assert_int_equal(ram(&b, late_at(i)),
                         i < 0x40 ? ms_fifo_byte(5, i) : ram_first(late_at(i)));
    assert_int_equal(b.fifo.given_count, 0x40);
    assert_int_equal(ms_controller_step(b.controller, 0x180), 0x180);
    for (uint32_t i = 0; i < 0x180; i++)
        assert_int_equal(ram(&b, late_at(i)), ms_fifo_byte(5, 0x40 + i));
    bench_close(&b);
}

/* --- for want of memory ------------------------------------------------------------------------------- */

MS_TEST(a_controller_or_a_loop_that_gets_no_memory_leaves_nothing_behind)
{
    struct bench b;
    struct ms_controller_config config = ms_controller_soc();
    uint32_t countdown = 0;

    bench_open(&b, NULL);
    config.channels = 2;
    for (;; countdown++) {
        struct ms_controller *controller;
        ms_fault_arm(countdown);
        controller = ms_controller_create(b.memory, b.kernel, &config, done);
        if (!ms_fault_fired()) {
            ms_fault_arm(UINT32_MAX);
            assert_non_null(controller);
            ms_controller_destroy(controller);
            break;
        }
        assert_null(controller);
    }
    assert_true(countdown >= 5);
    b.program.to_device = false;
    b.program.looped = true;
    list_of(&b, 2, (const uint64_t[]){RAM, RAM + 0x2000}, (const uint32_t[]){0x1000, 0x80});
    for (countdown = 0;; countdown++) {
        ms_fault_arm(countdown);
        NTSTATUS status = ms_channel_start(b.controller, b.channel, &b.program);
        if (!ms_fault_fired()) {
            ms_fault_arm(UINT32_MAX);
            assert_status(status, STATUS_SUCCESS);
            break;
        }
        assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(ms_controller_step(b.controller, 0x100), 0); /* MTX-46 */
        assert_int_equal(b.count, 0);
    }
    assert_int_equal(countdown, 2); /* a mapping for each element */
    ms_controller_step(b.controller, 0x1080);
    assert_int_equal(ram(&b, 0x2000), ms_fifo_byte(5, 0x1000));
    bench_close(&b);
}
