/* SPDX-License-Identifier: MIT */
/*
 * null.c: the control that hands out a counter and does nothing. What it costs is what the harness
 * costs: the loop, the operation stream and the call through the table.
 */
#include "registers/registers.h"

struct null_cpu {
    uint32_t next;
} __attribute__((aligned(MS_CACHE_LINE)));

struct null_state {
    struct null_cpu cpu[MS_CPUS_MAX];
    uint32_t registers;
};

static size_t null_state_size(struct ms_reg_shape shape)
{
    (void)shape;
    return sizeof(struct null_state);
}

static void null_init(void *state, struct ms_reg_shape shape)
{
    ((struct null_state *)state)->registers = shape.registers;
}

static ms_reg null_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct null_state *s = state;
    uint32_t first = s->cpu[cpu].next;

    s->cpu[cpu].next = first + want.run < s->registers ? first + want.run : 0;
    return first;
}

static void null_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    (void)state;
    (void)cpu;
    (void)first;
    (void)run;
}

static void null_drain(void *state, uint32_t cpu)
{
    (void)state;
    (void)cpu;
}

static void null_drain_all(void *state)
{
    (void)state;
}

static uint32_t null_free_count(const void *state)
{
    return ((const struct null_state *)state)->registers;
}

static void null_occupancy(const void *state, uint64_t *bitmap)
{
    for (uint32_t i = 0; i < (((const struct null_state *)state)->registers + 63) / 64; i++)
        bitmap[i] = 0;
}

static bool null_audit(const void *state)
{
    (void)state;
    return true;
}

extern const struct ms_reg_ops ms_reg_null;

const struct ms_reg_ops ms_reg_null = {
    .name = "null",
    .summary = "control: hands out a counter and does nothing",
    .progress = MS_PROGRESS_LOCK_FREE,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = null_state_size,
    .init = null_init,
    .take = null_take,
    .give = null_give,
    .drain = null_drain,
    .drain_all = null_drain_all,
    .free_count = null_free_count,
    .occupancy = null_occupancy,
    .audit = null_audit,
};
