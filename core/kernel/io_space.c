/* SPDX-License-Identifier: MIT */
/*
 * io_space.c: MmMapIoSpace, and the routines that access registers.
 *
 * Idea: the registers of each device have a run of addresses that nobody can access (pages without rights). A
 * mapping is such an address, so that a driver which dereferences it stops at that line, and the register
 * routines find the device by it. Mapping twice gives the same address: mappings are only counted.
 *
 * Invariants: a range never changes or goes once it is counted in; ranges do not overlap, neither in physical
 * addresses nor in tokens. `mapped` is the number of mappings that were not undone.
 *
 * Ordering: a range is written, then counted in (hb:io-range, release); whoever sees the count sees the range
 * (acquire). `mapped` guards no data: it only tells whether a driver may access, so relaxed is enough.
 *
 * ABA: `mapped` may go down and up between two looks: each look is a question about that moment.
 *
 * Progress: every routine is wait-free but unmapping, whose compare-and-swap repeats only when another mapping
 * came or went.
 */
#include "kernel/io_space.h"

#include "kernel/kernel.h"

static struct ms_io_space *io_space_here(void)
{
    struct ms_cpu *cpu = ms_cpu_current();

    return cpu ? &cpu->kernel->io_space : NULL;
}

/* [a, a + a_bytes) and [b, b + b_bytes) have an address in common; neither wraps around. */
static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

bool ms_io_space_add(struct ms_io_space *space, const struct ms_device_registers *registers)
{
    uint32_t count = ms_load_relaxed(&space->count); /* ours: one thread at a time adds */
    uint64_t offset = registers->address & (PAGE_SIZE - 1);
    size_t bytes = ms_round_up(offset + registers->length, PAGE_SIZE);
    struct ms_io_range *range;
    uint8_t *reserved = NULL;

    if (registers->length == 0 || registers->length > UINT64_C(1) << 32 ||
        registers->address + registers->length < registers->address ||
        count == MS_DEVICE_REGISTERS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (overlap(space->range[i].registers.address, space->range[i].registers.length,
                    registers->address, registers->length))
            return false;
    if (!registers->memory) {
        reserved = ms_reserve(bytes);
        if (!reserved)
            return false;
        if (!ms_host_protect(reserved, bytes, false)) {
            ms_unreserve(reserved, bytes);
            return false;
        }
    }
    range = &space->range[count];
    ms_data_write(&range->registers, sizeof range->registers);
    range->registers = *registers;
    range->reserved = reserved;
    range->reserved_bytes = reserved ? bytes : 0;
    range->token = reserved ? reserved + offset : registers->memory;
    ms_store_release(&space->count, count + 1); /* hb:io-range */
    return true;
}

void ms_io_space_close(struct ms_io_space *space)
{
    uint32_t count = ms_load_acquire(&space->count);

    for (uint32_t i = 0; i < count; i++) {
        struct ms_io_range *range = &space->range[i];
        uint32_t mapped = ms_load_relaxed(&range->mapped);
        if (mapped)
            ms_rule_break(MS_RULE_IO_SPACE_LEAK, range->registers.address, mapped);
        ms_unreserve(range->reserved, range->reserved_bytes);
    }
    ms_store_release(&space->count, 0); /* hb:io-range */
}

/* The range whose tokens hold this address; NULL: none. */
static struct ms_io_range *range_of(struct ms_io_space *space, const volatile void *token)
{
    uint32_t count = space ? ms_load_acquire(&space->count) : 0; /* hb:io-range */

    for (uint32_t i = 0; i < count; i++) {
        struct ms_io_range *range = &space->range[i];
        ms_data_read(&range->registers, sizeof range->registers);
        if ((uintptr_t)token - (uintptr_t)range->token < range->registers.length)
            return range;
    }
    return NULL;
}

PVOID MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes,
                   MEMORY_CACHING_TYPE CacheType)
{
    struct ms_io_space *space = io_space_here();
    uint32_t count = space ? ms_load_acquire(&space->count) : 0; /* hb:io-range */
    uint64_t address = (uint64_t)PhysicalAddress.QuadPart;

    (void)CacheType;
    for (uint32_t i = 0; i < count; i++) {
        struct ms_io_range *range = &space->range[i];
        ms_data_read(&range->registers, sizeof range->registers);
        uint64_t at = address - range->registers.address;
        if (at >= range->registers.length || NumberOfBytes == 0 ||
            NumberOfBytes > range->registers.length - at)
            continue;
        if (ms_fault_here())
            return NULL;
        ms_fetch_add_relaxed(&range->mapped, 1);
        return range->token + at;
    }
    ms_rule_break(MS_RULE_IO_SPACE_NOTHING, address, NumberOfBytes);
    return NULL;
}

PVOID MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect)
{
    ULONG rights = Protect & ~(ULONG)(PAGE_NOCACHE | PAGE_WRITECOMBINE);

    if ((rights != PAGE_READWRITE && rights != PAGE_READONLY) ||
        (Protect & PAGE_NOCACHE && Protect & PAGE_WRITECOMBINE))
        return NULL;
    return MmMapIoSpace(PhysicalAddress, NumberOfBytes,
                        Protect & PAGE_NOCACHE ? MmNonCached : MmCached);
}

VOID MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    struct ms_io_range *range = range_of(io_space_here(), BaseAddress);
    uint32_t mapped = range ? ms_load_relaxed(&range->mapped) : 0;

    if (range && (NumberOfBytes == 0 ||
                  NumberOfBytes >
                      range->registers.length - (uint64_t)((uint8_t *)BaseAddress - range->token)))
        mapped = 0;
    while (mapped > 0)
        if (ms_cas_relaxed(&range->mapped, &mapped, mapped - 1))
            return;
    ms_rule_break(MS_RULE_IO_SPACE_UNMAP, (uint64_t)(uintptr_t)BaseAddress, NumberOfBytes);
}

/* --- accesses --- */

/* What an access may do. */
enum access { ACCESS_MODEL, ACCESS_MEMORY, ACCESS_REFUSED };

static enum access access_look(const volatile void *reg, uint32_t bytes, struct ms_io_range **found,
                               uint64_t *offset)
{
    struct ms_io_range *range = range_of(io_space_here(), reg);

    *found = range;
    if (!range)
        return ACCESS_MEMORY;
    *offset = (uint64_t)((uintptr_t)reg - (uintptr_t)range->token);
    if (ms_load_relaxed(&range->mapped) == 0) {
        ms_rule_break(MS_RULE_IO_SPACE_ACCESS, range->registers.address + *offset, bytes);
        return ACCESS_REFUSED;
    }
    if (((range->registers.address + *offset) & (bytes - 1)) != 0 ||
        bytes > range->registers.length - *offset) {
        ms_rule_break(MS_RULE_IO_SPACE_WIDTH, range->registers.address + *offset, bytes);
        return ACCESS_REFUSED;
    }
    return range->registers.memory ? ACCESS_MEMORY : ACCESS_MODEL;
}

static uint64_t model_read(const struct ms_io_range *range, uint64_t offset, uint32_t bytes)
{
    return range->registers.read ? range->registers.read(range->registers.context, offset, bytes)
                                 : UINT64_MAX;
}

static void model_write(const struct ms_io_range *range, uint64_t offset, uint32_t bytes,
                        uint64_t value)
{
    if (range->registers.write)
        range->registers.write(range->registers.context, offset, bytes, value);
}

/* The eight widths and directions, and their buffers. The fences are what uncached registers have: whatever
 * the program wrote before is there when the device looks. */
#define MS_REGISTER(name, type, pointer)                                                           \
    type READ_REGISTER_##name(volatile type *Register)                                             \
    {                                                                                              \
        struct ms_io_range *range;                                                                 \
        uint64_t offset = 0;                                                                       \
        type value = (type)UINT64_MAX;                                                             \
                                                                                                   \
        ms_fence_seq_cst();                                                                        \
        switch (access_look(Register, sizeof(type), &range, &offset)) {                            \
        case ACCESS_MODEL:                                                                         \
            value = (type)model_read(range, offset, sizeof(type));                                 \
            break;                                                                                 \
        case ACCESS_MEMORY:                                                                        \
            value = *Register;                                                                     \
            break;                                                                                 \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
        ms_fence_seq_cst();                                                                        \
        return value;                                                                              \
    }                                                                                              \
                                                                                                   \
    VOID WRITE_REGISTER_##name(volatile type *Register, type Value)                                \
    {                                                                                              \
        struct ms_io_range *range;                                                                 \
        uint64_t offset = 0;                                                                       \
                                                                                                   \
        ms_fence_seq_cst();                                                                        \
        switch (access_look(Register, sizeof(type), &range, &offset)) {                            \
        case ACCESS_MODEL:                                                                         \
            model_write(range, offset, sizeof(type), Value);                                       \
            break;                                                                                 \
        case ACCESS_MEMORY:                                                                        \
            *Register = Value;                                                                     \
            break;                                                                                 \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
        ms_fence_seq_cst();                                                                        \
    }                                                                                              \
                                                                                                   \
    VOID READ_REGISTER_BUFFER_##name(volatile type *Register, pointer Buffer, ULONG Count)         \
    {                                                                                              \
        while (Count-- > 0)                                                                        \
            *Buffer++ = READ_REGISTER_##name(Register++);                                          \
    }                                                                                              \
                                                                                                   \
    VOID WRITE_REGISTER_BUFFER_##name(volatile type *Register, pointer Buffer, ULONG Count)        \
    {                                                                                              \
        while (Count-- > 0)                                                                        \
            WRITE_REGISTER_##name(Register++, *Buffer++);                                          \
    }

MS_REGISTER(UCHAR, UCHAR, PUCHAR)
MS_REGISTER(USHORT, USHORT, PUSHORT)
MS_REGISTER(ULONG, ULONG, PULONG)
MS_REGISTER(ULONG64, ULONG64, PULONGLONG)
