/* SPDX-License-Identifier: MIT */
/*
 * null.c: what stands where a strategy stands, and is none.
 *
 * null         the control that hands out nothing. What it costs is what the harness costs: the loop, the
 *              operation stream and the calls through the table.
 * locked-pair  the limit: the same with one locked instruction in each call, on lines that nobody else touches.
 *              No strategy can be faster whose takes and gives touch what threads share.
 */
#include "platform/platform.h"
#include "registers/registers.h"

struct locked_cpu {
    ms_atomic_u64 taken __attribute__((aligned(MS_CACHE_LINE)));
    ms_atomic_u64 given __attribute__((aligned(MS_CACHE_LINE)));
};

struct null_state {
    uint32_t registers;
    struct locked_cpu cpu[MS_CPUS_MAX]; /* of the limit */
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
    (void)state, (void)cpu, (void)want;
    return 0;
}

static void null_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    (void)state, (void)cpu, (void)first, (void)run;
}

static ms_reg locked_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    ms_fetch_add_seq_cst_u64(&((struct null_state *)state)->cpu[cpu].taken, want.run);
    return 0;
}

static void locked_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    (void)first;
    ms_fetch_add_seq_cst_u64(&((struct null_state *)state)->cpu[cpu].given, run);
}

static void null_drain(void *state, uint32_t cpu)
{
    (void)state, (void)cpu;
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

#define TAKES_NOTHING                                                                              \
    .progress = MS_PROGRESS_LOCK_FREE, .run_max = UINT32_MAX, .version = MS_REG_OPS_VERSION,       \
    .state_size = null_state_size, .init = null_init, .drain = null_drain,                         \
    .drain_all = null_drain_all, .free_count = null_free_count, .occupancy = null_occupancy,       \
    .audit = null_audit

extern const struct ms_reg_ops ms_reg_null, ms_reg_locked_pair;

const struct ms_reg_ops ms_reg_null = {
    .name = "null",
    .summary = "control: hands out nothing and does nothing",
    .take = null_take,
    .give = null_give,
    TAKES_NOTHING,
};

const struct ms_reg_ops ms_reg_locked_pair = {
    .name = "locked-pair",
    .summary = "limit: one locked instruction a call",
    .take = locked_take,
    .give = locked_give,
    TAKES_NOTHING,
};
