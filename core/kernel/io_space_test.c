/* SPDX-License-Identifier: MIT */
/*
 * Registers of devices: every width at every offset, who may access what, and what is told of who may not.
 */
#include "kernel/kernel.h"
#include "platform/test.h"

#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 0x40 };

/* A device that counts accesses and keeps what was written, byte by byte. */
struct model {
    uint8_t bytes[BYTES];
    uint32_t reads, writes;
};

struct setting {
    struct ms_kernel *kernel;
    struct model model;
    uint32_t rule, reports;
    uint64_t object;
};

static uint64_t model_read(void *context, uint64_t offset, uint32_t bytes)
{
    struct model *model = context;
    uint64_t value = 0;

    assert_true(offset + bytes <= BYTES);
    memcpy(&value, model->bytes + offset, bytes);
    model->reads++;
    return value;
}

static void model_write(void *context, uint64_t offset, uint32_t bytes, uint64_t value)
{
    struct model *model = context;

    assert_true(offset + bytes <= BYTES);
    memcpy(model->bytes + offset, &value, bytes);
    model->writes++;
}

static void tell(const struct ms_rule_report *report, void *context)
{
    struct setting *s = context;

    s->rule = (uint32_t)report->info->rule;
    s->object = report->object;
    s->reports++;
}

static void reported(struct setting *s, enum ms_rule rule)
{
    assert_int_equal(s->rule, rule);
    assert_int_equal(s->reports, 1);
    s->rule = s->reports = 0;
}

static PHYSICAL_ADDRESS at(uint64_t address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)address};
}

static struct setting *open_machine(void)
{
    struct setting *s = ms_alloc(sizeof *s);

    assert_non_null(s);
    s->kernel = ms_alloc(sizeof *s->kernel);
    assert_non_null(s->kernel);
    ms_kernel_init(s->kernel, NULL, NULL);
    ms_rules_watch(s->kernel, tell, s);
    ms_cpu_enter(s->kernel);
    return s;
}

static bool add(struct setting *s, uint64_t address, uint64_t length)
{
    const struct ms_device_registers registers = {.address = address,
                                                  .length = length,
                                                  .read = model_read,
                                                  .write = model_write,
                                                  .context = &s->model};

    return ms_io_space_add(&s->kernel->io_space, &registers);
}

static void close_machine(struct setting *s)
{
    ms_io_space_close(&s->kernel->io_space);
    assert_int_equal(s->reports, 0);
    ms_cpu_leave();
    ms_kernel_stop(s->kernel);
    ms_free(s->kernel, sizeof *s->kernel);
    ms_free(s, sizeof *s);
}

static uint64_t read_any(uint8_t *reg, uint32_t bytes)
{
    switch (bytes) {
    case 1:
        return READ_REGISTER_UCHAR(reg);
    case 2:
        return READ_REGISTER_USHORT((volatile USHORT *)(void *)reg);
    case 4:
        return READ_REGISTER_ULONG((volatile ULONG *)(void *)reg);
    default:
        return READ_REGISTER_ULONG64((volatile ULONG64 *)(void *)reg);
    }
}

static void write_any(uint8_t *reg, uint32_t bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        WRITE_REGISTER_UCHAR(reg, (UCHAR)value);
        break;
    case 2:
        WRITE_REGISTER_USHORT((volatile USHORT *)(void *)reg, (USHORT)value);
        break;
    case 4:
        WRITE_REGISTER_ULONG((volatile ULONG *)(void *)reg, (ULONG)value);
        break;
    default:
        WRITE_REGISTER_ULONG64((volatile ULONG64 *)(void *)reg, value);
        break;
    }
}

/* Every width at every offset of registers that begin anywhere in a page: a model and plain memory agree. */
MS_TEST(registers_answer_at_every_width_and_offset)
{
    for (uint64_t begin = 0; begin < 16; begin += 8) {
        struct setting *s = open_machine();
        uint8_t memory[BYTES] __attribute__((aligned(64)));
        const struct ms_device_registers plain = {
            .address = 0xF0000000 + begin, .length = BYTES, .memory = memory};
        assert_true(add(s, 0xE0000FE0 + begin, BYTES)); /* over the end of a page */
        assert_true(ms_io_space_add(&s->kernel->io_space, &plain));
        uint8_t *model = MmMapIoSpace(at(0xE0000FE0 + begin), BYTES, MmNonCached);
        uint8_t *direct = MmMapIoSpaceEx(at(0xF0000000 + begin), BYTES, PAGE_READWRITE);
        assert_non_null(model);
        assert_ptr_equal(direct, memory);
        assert_int_equal((uintptr_t)model & (PAGE_SIZE - 1), 0xFE0 + begin);
        memset(memory, 0, BYTES);
        for (uint32_t bytes = 1; bytes <= 8; bytes *= 2)
            for (uint32_t offset = 0; offset < BYTES + 8; offset++) {
                uint64_t value = UINT64_C(0x1122334455667788) * (offset + 1);
                uint64_t ones = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
                uint32_t before = s->model.reads + s->model.writes;
                bool in = offset + bytes <= BYTES && offset % bytes == 0;
                if (offset >= BYTES)
                    continue; /* no token of anything */
                write_any(model + offset, bytes, value);
                if (in) {
                    write_any(direct + offset, bytes, value);
                    assert_int_equal(s->reports, 0);
                    assert_int_equal(read_any(model + offset, bytes), value & ones);
                    assert_int_equal(read_any(direct + offset, bytes), value & ones);
                    assert_int_equal(s->model.reads + s->model.writes, before + 2);
                } else {
                    reported(s, MS_RULE_IO_SPACE_WIDTH);
                    assert_int_equal(read_any(model + offset, bytes), ones);
                    reported(s, MS_RULE_IO_SPACE_WIDTH);
                    assert_int_equal(s->model.reads + s->model.writes, before);
                }
                assert_memory_equal(s->model.bytes, memory, BYTES);
            }
        MmUnmapIoSpace(model, BYTES);
        MmUnmapIoSpace(direct, BYTES);
        close_machine(s);
    }
}

/* Three registers of 16 bits: no access of 32 fits where one begins behind them. */
MS_TEST(an_aligned_access_may_leave_the_registers_too)
{
    struct setting *s = open_machine();

    assert_true(add(s, 0x1000, 6));
    PUCHAR registers = MmMapIoSpace(at(0x1000), 6, MmNonCached);
    WRITE_REGISTER_ULONG((volatile ULONG *)(void *)(registers + 4), 1);
    reported(s, MS_RULE_IO_SPACE_WIDTH);
    assert_int_equal(s->object, 0x1004);
    WRITE_REGISTER_USHORT((volatile USHORT *)(void *)(registers + 4), 1);
    assert_int_equal(s->model.writes, 1);
    MmUnmapIoSpace(registers, 6);
    close_machine(s);
}

MS_TEST(buffers_of_registers_go_address_by_address)
{
    struct setting *s = open_machine();
    ULONG in[4] = {1, 2, 3, 4}, out[4];
    UCHAR bytes[3];

    assert_true(add(s, 0xE0000000, BYTES));
    PUCHAR registers = MmMapIoSpace(at(0xE0000000), BYTES, MmNonCached);
    WRITE_REGISTER_BUFFER_ULONG((volatile ULONG *)(void *)(registers + 8), in, 4);
    assert_int_equal(s->model.writes, 4);
    READ_REGISTER_BUFFER_ULONG((volatile ULONG *)(void *)(registers + 8), out, 4);
    assert_memory_equal(in, out, sizeof in);
    READ_REGISTER_BUFFER_UCHAR(registers + 12, bytes, 3);
    assert_int_equal(bytes[0], 2);
    assert_int_equal(s->model.reads, 7);
    MmUnmapIoSpace(registers, BYTES);
    close_machine(s);
}

MS_TEST(addresses_map_where_one_device_has_them_all)
{
    struct setting *s = open_machine();
    uint8_t *first;

    assert_true(add(s, 0x1000, 0x100));
    assert_true(add(s, 0x1100, 0x100)); /* its neighbour is another device */
    assert_true(add(s, 0xF00, 0x100));
    assert_false(add(s, 0x11FF, 1)); /* overlap */
    assert_false(add(s, 0xFFF, 2));
    assert_false(add(s, 0x2000, 0));
    assert_false(add(s, UINT64_MAX - 1, 8)); /* wraps around */
    assert_false(add(s, 0x2000, (UINT64_C(1) << 32) + 1));
    for (uint64_t from = 0xFFE - 0x100; from <= 0x1202; from++)
        for (uint64_t bytes = 0; bytes <= 0x102; bytes += bytes < 3 || bytes > 0xFC ? 1 : 0xF9) {
            bool below = bytes > 0 && from >= 0xF00 && from + bytes <= 0x1000;
            bool one = bytes > 0 && from >= 0x1000 && from + bytes <= 0x1100;
            bool other = bytes > 0 && from >= 0x1100 && from + bytes <= 0x1200;
            uint8_t *mapped = MmMapIoSpace(at(from), bytes, MmNonCached);
            assert_int_equal(mapped != NULL, below || one || other);
            if (mapped)
                MmUnmapIoSpace(mapped, bytes);
            else
                reported(s, MS_RULE_IO_SPACE_NOTHING);
        }
    first = MmMapIoSpaceEx(at(0x1000), 4, PAGE_READONLY | PAGE_NOCACHE);
    assert_non_null(first);
    assert_null(MmMapIoSpaceEx(at(0x1000), 4, 0));
    assert_null(MmMapIoSpaceEx(at(0x1000), 4, PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE));
    assert_ptr_equal(MmMapIoSpace(at(0x1000), 0x100, MmNonCached),
                     first); /* counted, not made anew */
    MmUnmapIoSpace(first, 0x100);
    assert_int_equal(READ_REGISTER_UCHAR(first), 0); /* still mapped once */
    MmUnmapIoSpace(first, 0x101);
    reported(s, MS_RULE_IO_SPACE_UNMAP);
    MmUnmapIoSpace(first, 4);
    MmUnmapIoSpace(first, 4);
    reported(s, MS_RULE_IO_SPACE_UNMAP);
    MmUnmapIoSpace(&s, 4); /* nobody's */
    reported(s, MS_RULE_IO_SPACE_UNMAP);
    assert_int_equal(READ_REGISTER_UCHAR(first), 0xFF);
    reported(s, MS_RULE_IO_SPACE_ACCESS);
    WRITE_REGISTER_UCHAR(first, 1);
    reported(s, MS_RULE_IO_SPACE_ACCESS);
    assert_int_equal(s->model.writes, 0);
    for (uint64_t i = 3; i < MS_DEVICE_REGISTERS_MAX; i++)
        assert_true(add(s, i * 0x10000, PAGE_SIZE));
    assert_false(add(s, 0x900000, 1));
    close_machine(s);
}

/* Without a model reads see what a bus without a device gives; outside of all tokens is memory. */
MS_TEST(nothing_behind_a_register_reads_as_ones)
{
    struct setting *s = open_machine();
    const struct ms_device_registers empty = {.address = 0x8000, .length = 16};
    volatile ULONG own = 5;

    assert_true(ms_io_space_add(&s->kernel->io_space, &empty));
    ULONG *reg = MmMapIoSpace(at(0x8000), 16, MmNonCached);
    WRITE_REGISTER_ULONG(reg, 1);
    assert_int_equal(READ_REGISTER_ULONG(reg), UINT32_MAX);
    WRITE_REGISTER_ULONG(&own, 6);
    assert_int_equal(READ_REGISTER_ULONG(&own), 6);
    MmUnmapIoSpace(reg, 16);
    close_machine(s);
}

/* A token is no memory: whoever dereferences it stops there. */
MS_TEST(a_register_that_is_dereferenced_stops_the_program)
{
    struct setting *s = open_machine();
    int status;

    assert_true(add(s, 0x1000, BYTES));
    volatile UCHAR *reg = MmMapIoSpace(at(0x1000), BYTES, MmNonCached);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)freopen("/dev/null", "w", stderr); /* a sanitizer's report */
        (void)*reg;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    MmUnmapIoSpace((PVOID)(uintptr_t)reg, BYTES);
    close_machine(s);
}

MS_TEST(a_mapping_that_is_never_undone_is_told_at_the_end)
{
    struct setting *s = open_machine();

    assert_true(add(s, 0x1000, BYTES));
    assert_non_null(MmMapIoSpace(at(0x1000), BYTES, MmNonCached));
    ms_io_space_close(&s->kernel->io_space);
    reported(s, MS_RULE_IO_SPACE_LEAK);
    assert_int_equal(s->object, 0x1000);
    close_machine(s);
}

/* Each take fails in turn; what was there before works on, and the next try succeeds. */
MS_TEST(registers_survive_every_failing_take)
{
    uint32_t faults = 0;

    for (bool fired = true; fired; faults++) {
        struct setting *s = open_machine();
        assert_true(add(s, 0x1000, BYTES));
        ms_fault_arm(faults);
        bool added = add(s, 0x8000, BYTES);
        void *mapped = added ? MmMapIoSpace(at(0x8000), BYTES, MmNonCached) : NULL;
        fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        assert_int_equal(ms_load_relaxed(&s->kernel->io_space.count), added ? 2 : 1);
        assert_int_equal(mapped == NULL, fired);
        if (!added)
            assert_true(add(s, 0x8000, BYTES));
        if (!mapped)
            mapped = MmMapIoSpace(at(0x8000), BYTES, MmNonCached);
        WRITE_REGISTER_UCHAR(mapped, 1);
        assert_int_equal(s->model.writes, 1);
        MmUnmapIoSpace(mapped, BYTES);
        close_machine(s);
    }
    assert_int_equal(faults, 3); /* the addresses, the mapping, and none */
}
