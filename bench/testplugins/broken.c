/* SPDX-License-Identifier: MIT */
/*
 * broken.c: strategies from outside the tree, each wrong in one way, for the tests of the program.
 * BROKEN chooses: 0 none (sound), 1 aborts after a while, 2 hands registers out twice, 3 never
 * returns, 4 built for another interface, 5 loses a register.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registers/registers.h"

struct state {
    uint32_t lock_never_needed; /* tests measure it with one thread */
    uint32_t registers;
    uint32_t takes;
    uint8_t taken[MS_REG_COUNT_MAX];
};

extern const struct ms_reg_ops ms_reg_plugin;

static size_t state_size(struct ms_reg_shape shape)
{
    (void)shape;
    return sizeof(struct state);
}

static void init(void *state, struct ms_reg_shape shape)
{
    ((struct state *)state)->registers = shape.registers;
}

static bool is_free(const struct state *s, uint32_t first, uint32_t run)
{
    for (uint32_t i = 0; i < run; i++)
        if (s->taken[first + i])
            return false;
    return true;
}

static ms_reg take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct state *s = state;

    (void)cpu;
    s->takes++;
    if (BROKEN == 1 && s->takes > 9000)
        abort();
    while (BROKEN == 3 && s->takes > 9000)
        pause();
    if (BROKEN == 2 && s->takes % 1000 == 0)
        return 0;
    for (uint32_t first = 0; first + want.run <= s->registers; first++) {
        if (!is_free(s, first, want.run))
            continue;
        memset(s->taken + first, 1, want.run);
        return first;
    }
    return MS_REG_NONE;
}

static void give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct state *s = state;

    (void)cpu;
    if (BROKEN == 5 && s->takes == 700 && run > 1)
        run--;
    memset(s->taken + first, 0, run);
}

static void drain(void *state, uint32_t cpu)
{
    (void)state;
    (void)cpu;
}

static void drain_all(void *state)
{
    (void)state;
}

static uint32_t free_count(const void *state)
{
    const struct state *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->registers; i++)
        count += !s->taken[i];
    return count;
}

static void occupancy(const void *state, uint64_t *bitmap)
{
    const struct state *s = state;

    memset(bitmap, 0, (s->registers + 63) / 64 * sizeof *bitmap);
    for (uint32_t i = 0; i < s->registers; i++)
        bitmap[i / 64] |= (uint64_t)(s->taken[i] != 0) << i % 64;
}

static bool audit(const void *state)
{
    (void)state;
    return true;
}

const struct ms_reg_ops ms_reg_plugin = {
    .name = "outsider",
    .summary = "a byte array from outside the tree",
    .progress = MS_PROGRESS_BLOCKING,
    .run_max = UINT32_MAX,
    .version = BROKEN == 4 ? MS_REG_OPS_VERSION + 1 : MS_REG_OPS_VERSION,
    .state_size = state_size,
    .init = init,
    .take = take,
    .give = give,
    .drain = drain,
    .drain_all = drain_all,
    .free_count = free_count,
    .occupancy = occupancy,
    .audit = audit,
};
