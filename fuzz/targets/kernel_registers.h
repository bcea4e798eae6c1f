/* SPDX-License-Identifier: MIT */
/*
 * kernel_registers.h: the registers that kernel_fuzz.c's threads map and access: one device with a model, one
 * that is memory, and more that are added meanwhile, good or bad.
 *
 * Proves       registers are reached by who mapped them, with the right value at every width; each wrong mapping,
 *              unmapping and access is reported, and does nothing
 */
#ifndef FUZZ_KERNEL_REGISTERS_H
#define FUZZ_KERNEL_REGISTERS_H

#include "kernel_objects.h"

/* Long, so that its addresses are the host's own; the second is memory. */
static const uint64_t range_address[RANGES] = {0x4000000010, 0x5000000000};
static const uint64_t range_bytes[RANGES] = {0x11004, sizeof n.memory};

static uint64_t register_value(uint64_t offset, uint32_t bytes)
{
    return (offset * UINT64_C(0x0101010101010101) + 3) & (UINT64_MAX >> (64 - 8 * bytes));
}

static uint64_t on_read(void *context, uint64_t offset, uint32_t bytes)
{
    (void)context;
    if (offset + bytes > range_bytes[0])
        ms_sim_fail("O5 a device sees an access outside of its registers", "%u bytes", bytes);
    return register_value(offset, bytes);
}

static void on_write(void *context, uint64_t offset, uint32_t bytes, uint64_t value)
{
    (void)context;
    if (offset + bytes > range_bytes[0] || value != register_value(offset, bytes))
        ms_sim_fail("O5 a device sees another access than was made", "%u bytes", bytes);
    n.written[ms_sim_self()]++;
}

static void registers_make(void)
{
    const struct ms_device_registers model = {
        .address = range_address[0], .length = range_bytes[0], .read = on_read, .write = on_write};
    const struct ms_device_registers memory = {
        .address = range_address[1], .length = range_bytes[1], .memory = n.memory};

    ms_require(ms_io_space_add(&n.kernel.io_space, &model));
    ms_require(ms_io_space_add(&n.kernel.io_space, &memory));
}

/* Another device's: what is wrong with it, or nothing. */
static void do_registers(uint8_t how)
{
    struct ms_device_registers more = {
        .address = 0x6000000000 + n.added * 0x100000, .length = 32, .memory = n.more};
    /* Two are there from the beginning, and a machine has so many at most. */
    bool wanted = how % 7 >= 5 && n.added + 2 < MS_DEVICE_REGISTERS_MAX;

    switch (how % 7) {
    case 0:
        more.length = 0;
        break;
    case 1:
        more.address = UINT64_MAX - 8;
        break;
    case 2:
        more.length = (UINT64_C(1) << 32) + 1;
        break;
    case 3:
        more.address = range_address[0] + range_bytes[0] - 1;
        break;
    case 4:
        more.memory = NULL;
        more.length = 0x20000;
        ms_fault_arm(0);
        break;
    case 5:
        more.memory = NULL;
        more.length = 0x20000;
        break;
    default:
        break;
    }
    bool is_added = ms_io_space_add(&n.kernel.io_space, &more);
    ms_fault_arm(UINT32_MAX);
    if (is_added != wanted)
        ms_sim_fail("O7 registers are added that may not be, or not", "%u", how % 7);
    n.added += is_added;
}

/* Operands: range; where and how many; protection. Which of them is wrong decides what must come. */
static void do_map(uint32_t actor, const struct fuzz_op *op)
{
    static const ULONG rights[8] = {PAGE_READWRITE,
                                    PAGE_READWRITE | PAGE_NOCACHE,
                                    PAGE_READONLY,
                                    PAGE_READWRITE | PAGE_WRITECOMBINE,
                                    PAGE_READWRITE,
                                    0x40,
                                    PAGE_READONLY | PAGE_NOCACHE | PAGE_WRITECOMBINE,
                                    PAGE_READWRITE};
    uint32_t range = op->operand[0] % RANGES;
    uint64_t at = op->operand[1] & 1 ? 8 : 0, bytes = range_bytes[range] - at;
    PHYSICAL_ADDRESS address = {.QuadPart = (LONGLONG)(range_address[range] + at)};
    uint8_t wrong = op->operand[1] >> 1 & 7, way = op->operand[2] & 7;
    bool is_faulty = op->operand[2] & 8, may = wrong < 5;

    if (wrong == 5)
        bytes++;
    if (wrong == 6)
        bytes = 0;
    if (wrong == 7)
        address.QuadPart = 64;
    ms_fault_arm(is_faulty ? 0 : UINT32_MAX);
    n.map_calls[range]++;
    uint8_t *base = way == 7 || way == 4 ? MmMapIoSpace(address, bytes, MmNonCached)
                                         : MmMapIoSpaceEx(address, bytes, rights[way]);
    ms_fault_arm(UINT32_MAX);
    bool is_refused = way == 5 || way == 6;
    expect(!may && !is_refused ? MS_RULE_IO_SPACE_NOTHING : 0, "MmMapIoSpace");
    if ((base != NULL) != (may && !is_refused && !is_faulty))
        ms_sim_fail("O7 registers are mapped that may not be, or not", "way %u, wrong %u", way,
                    wrong);
    if (!base)
        return;
    n.mapped[actor][range]++;
    if (n.base[range] && n.base[range] != base - at)
        ms_sim_fail("O2 registers have two addresses", "range %u", range);
    n.base[range] = base - at;
}

static void do_unmap(uint32_t actor, uint8_t which)
{
    uint32_t range = which % RANGES;
    uint8_t stranger = 0;

    if (which & 2) {
        MmUnmapIoSpace(&stranger, 1);
        expect(MS_RULE_IO_SPACE_UNMAP, "MmUnmapIoSpace of what are no registers");
    } else if (n.base[range] && which & 4) {
        MmUnmapIoSpace(n.base[range], which & 8 ? 0 : range_bytes[range] + 1);
        expect(MS_RULE_IO_SPACE_UNMAP, "MmUnmapIoSpace of more, or nothing");
    } else if (n.mapped[actor][range]) {
        n.mapped[actor][range]--;
        MmUnmapIoSpace(n.base[range], range_bytes[range]);
        expect(0, "MmUnmapIoSpace");
    }
}

/* One access, or two neighbours at once, of 1 << width bytes. What is read must be this. */
static void access_once(void *at, uint32_t width, uint32_t way, uint64_t first, uint64_t second)
{
    bool is_right = false;

#define ACCESS_WIDTH(type, name)                                                                   \
    do {                                                                                           \
        type buffer[2] = {(type)first, (type)second};                                              \
        if (way == 0)                                                                              \
            buffer[0] = READ_REGISTER_##name(at);                                                  \
        else if (way == 1)                                                                         \
            WRITE_REGISTER_##name(at, buffer[0]);                                                  \
        else if (way == 2)                                                                         \
            READ_REGISTER_BUFFER_##name(at, buffer, 2);                                            \
        else                                                                                       \
            WRITE_REGISTER_BUFFER_##name(at, buffer, 2);                                           \
        is_right = buffer[0] == (type)first && buffer[1] == (type)second;                          \
    } while (0)
    switch (width) {
    case 0:
        ACCESS_WIDTH(UCHAR, UCHAR);
        break;
    case 1:
        ACCESS_WIDTH(USHORT, USHORT);
        break;
    case 2:
        ACCESS_WIDTH(ULONG, ULONG);
        break;
    default:
        ACCESS_WIDTH(ULONG64, ULONG64);
        break;
    }
    if (!is_right)
        ms_sim_fail("O6 a register is read with another value", "width %u, way %u", 1u << width,
                    way);
}

/* Registers that somebody else has mapped may or may not be there. */
static void access_unmapped(uint32_t range)
{
    uint32_t self = ms_sim_self();

    UCHAR value = READ_REGISTER_UCHAR(n.kernel.io_space.range[range].token);
    if (n.map_calls[range] == 0) {
        expect(MS_RULE_IO_SPACE_ACCESS, "an access of what is not mapped");
        if (value != 0xFF)
            ms_sim_fail("O6 a register is read that is not mapped", "%02x", value);
    }
    n.reports[self] = 0;
}

/* Operands: range; width and way; where. */
static void do_access(uint32_t actor, const struct fuzz_op *op)
{
    uint32_t range = op->operand[0] % RANGES, width = op->operand[1] & 3, bytes = 1u << width;
    uint32_t way = op->operand[1] >> 2 & 3;
    uint64_t at = (op->operand[2] & 63u) * bytes, first, second, whole = UINT64_MAX;
    uint32_t rule = 0;
    uint64_t word = 5;

    if (op->operand[0] & 2) { /* a driver's own memory is no register */
        access_once(&word, 3, way & 1, 5, 0);
        expect(0, "an access of memory");
        return;
    }
    if (n.mapped[actor][range] == 0) {
        access_unmapped(range);
        return;
    }
    if (range == 1) { /* memory: each thread has some of its own */
        at = at % 16;
        way = at + 2 * bytes > 16 ? way & 1 : way;
        at += actor * 16;
    }
    if (op->operand[2] & 64 && bytes > 1) {
        at++;
        rule = MS_RULE_IO_SPACE_WIDTH;
    } else if (range == 0 && op->operand[2] & 128) { /* the last ones */
        at = (range_bytes[0] - 1) & ~(uint64_t)(bytes - 1);
        way &= 1;
        rule = at + bytes > range_bytes[0] ? MS_RULE_IO_SPACE_WIDTH : 0;
    }
    if (rule != 0)
        way &= 1; /* a buffer would be reported twice */
    first = register_value(at, bytes);
    second = register_value(at + bytes, bytes);
    if (range == 1 && !(way & 1)) /* memory: what lies there */
        for (uint32_t i = 0; i < 2 && at + (i + 1) * bytes <= sizeof n.memory; i++)
            memcpy(n.memory + at + i * bytes, i ? &second : &first, bytes);
    if (rule != 0 && way == 0)
        first = whole >> (64 - 8 * bytes);
    uint64_t written = n.written[actor];
    access_once(n.kernel.io_space.range[range].token + at, width, way, first, second);
    expect(rule, "an access");
    if (range == 0 && rule != 0 && n.written[actor] != written && way == 1)
        ms_sim_fail("O7 a refused access reaches the device", "%u bytes", bytes);
}

#endif
