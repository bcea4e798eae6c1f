/* SPDX-License-Identifier: MIT */
/*
 * strategies_fuzz.c: every map-register strategy, in the hands of four threads, against a shadow of
 * who owns what.
 *
 * Proves       no register has two owners; a run is inside the file, aligned, and crosses no
 *              boundary; what one owner wrote is visible to the next (a plain cell per register, by
 *              the race check); at the end, all given back and drained, the audit holds, all
 *              registers are free and the longest run can be had again.
 * Does not     judge NONE while others run; compare costs
 */
#include "../fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "registers/registers.h"

enum { ACTORS = 4, HELD_MAX = 12, REGISTERS_MAX = 1100, RESULTS_MAX = 64 };

struct held {
    ms_reg first;
    uint32_t run;
};

static const struct {
    uint32_t registers;
    bool last_has_no_cpu; /* the last actor calls as MS_CPU_NONE */
    uint32_t taken;       /* by a stranger, in one run, who keeps it */
    uint32_t dealt;       /* runs of DEALT_RUN that the first actor took for each of the next two */
} shapes[] = {{8, false, 0, 0},    {3, true, 0, 0},   {64, false, 0, 0}, {70, true, 0, 0},
              {130, false, 0, 0},  {192, true, 0, 0}, {1, false, 0, 0},  {1100, false, 0, 0},
              {520, true, 516, 0}, /* two groups of 512, and four registers left */
              {192, true, 0, 4}};
enum { DEALT_RUN = 3 };

static const struct ms_reg_want shapes_wanted[] = {{0, 1, 0}, {0, 1, 16}, {0, 2, 0}, {0, 4, 8}};
static const uint32_t runs[] = {1, 2, 3, 4, 100, 7, 33, 64};

static struct {
    const struct ms_reg_ops *ops;
    struct ms_reg_shape shape;
    bool last_has_no_cpu;
    struct held taken; /* by the stranger */
    void *state;
    size_t state_bytes; /* allocated */
    uint8_t owner[REGISTERS_MAX];
    uint32_t cell[REGISTERS_MAX]; /* plain data that travels with a register */
    struct held held[ACTORS][HELD_MAX];
    uint32_t held_count[ACTORS];
    ms_atomic_u64 mail[ACTORS]; /* hb:mail, a run on its way: first + 1 in the upper half */
    uint32_t results[RESULTS_MAX];
    uint32_t result_count;
} s;

static uint32_t cpu_of(uint32_t actor)
{
    return s.last_has_no_cpu && actor == ACTORS - 1 ? MS_CPU_NONE : actor;
}

static const struct ms_reg_ops *strategy_at(uint32_t index)
{
    uint32_t count = 0;

    while (ms_strategies[count])
        count++;
    return ms_strategies[index % count];
}

/* Where the strategy has such a run. */
static void strangers_take(uint32_t run)
{
    struct ms_reg_want want = {.run = run, .align = 1};

    s.taken = (struct held){MS_REG_NONE, run};
    if (run == 0 || run > s.ops->run_max)
        return;
    s.taken.first = s.ops->take(s.state, MS_CPU_NONE, want);
    if (s.taken.first != MS_REG_NONE)
        memset(s.owner + s.taken.first, ACTORS + 1, run);
}

/* What one CPU took others give back, more of it than they would keep. */
static void runs_deal(uint32_t runs_each)
{
    struct ms_reg_want want = {.run = DEALT_RUN, .align = 1};

    for (uint32_t i = 0; i < 2 * runs_each && DEALT_RUN <= s.ops->run_max; i++) {
        uint32_t to = 1 + i / runs_each;
        ms_reg first = s.ops->take(s.state, 0, want);
        if (first == MS_REG_NONE)
            return;
        memset(s.owner + first, (int)to + 1, DEALT_RUN);
        s.held[to][s.held_count[to]++] = (struct held){first, DEALT_RUN};
    }
}

static void strategies_reset(const uint8_t *setup)
{
    uint32_t which = setup[1] % (sizeof shapes / sizeof shapes[0]);

    s.ops = strategy_at(setup[0]);
    s.shape = (struct ms_reg_shape){shapes[which].registers, ACTORS};
    s.last_has_no_cpu = shapes[which].last_has_no_cpu;
    size_t bytes = s.ops->state_size(s.shape);
    if (bytes > s.state_bytes) {
        free(s.state); /* not the platform's: it must outlive ms_sim_memory_drop */
        s.state = aligned_alloc(MS_CACHE_LINE, ms_round_up(bytes, MS_CACHE_LINE));
        ms_require(s.state != NULL);
        s.state_bytes = bytes;
    }
    memset(s.state, 0, bytes);
    s.ops->init(s.state, s.shape);
    memset(s.owner, 0, sizeof s.owner);
    memset(s.held_count, 0, sizeof s.held_count);
    for (uint32_t i = 0; i < ACTORS; i++)
        ms_init(&s.mail[i], 0);
    s.result_count = 0;
    strangers_take(shapes[which].taken);
    runs_deal(shapes[which].dealt);
}

static void note(uint32_t result)
{
    if (s.result_count < RESULTS_MAX)
        s.results[s.result_count++] = result;
}

static void cells_touch(ms_reg first, uint32_t run)
{
    for (uint32_t i = first; i < first + run; i++) {
        ms_data_write(&s.cell[i], sizeof s.cell[i]);
        s.cell[i]++;
    }
}

static void own(uint32_t actor, ms_reg first, struct ms_reg_want want)
{
    if (first >= s.shape.registers || want.run > s.shape.registers - first)
        ms_sim_fail("O1 a run outside the file", "%u registers at %u of %u", want.run, first,
                    s.shape.registers);
    if (first % want.align != 0 ||
        (want.boundary && first / want.boundary != (first + want.run - 1) / want.boundary))
        ms_sim_fail("O5 a run of the wrong shape", "%u registers at %u, align %u, boundary %u",
                    want.run, first, want.align, want.boundary);
    for (uint32_t i = first; i < first + want.run; i++) {
        if (s.owner[i] != 0)
            ms_sim_fail("O1 a register with two owners", "%s: register %u of actor %u", s.ops->name,
                        i, s.owner[i] - 1u);
        s.owner[i] = (uint8_t)(actor + 1);
    }
    cells_touch(first, want.run);
}

static void do_take(uint32_t actor, struct ms_reg_want want)
{
    if (s.held_count[actor] == HELD_MAX)
        return;
    ms_reg first = s.ops->take(s.state, cpu_of(actor), want);
    note(actor << 16 | (first & 0xFFFF));
    if (first == MS_REG_NONE)
        return;
    own(actor, first, want);
    s.held[actor][s.held_count[actor]++] = (struct held){first, want.run};
}

static struct held held_remove(uint32_t actor, uint32_t which)
{
    struct held h = s.held[actor][which];

    s.held[actor][which] = s.held[actor][--s.held_count[actor]];
    return h;
}

/* The shadow lets go first: from the first step of give on, somebody else may own the run. */
static void give_back(uint32_t cpu, struct held h)
{
    cells_touch(h.first, h.run);
    memset(s.owner + h.first, 0, h.run);
    s.ops->give(s.state, cpu, h.first, h.run);
}

static void do_collect(uint32_t actor)
{
    /* hb:mail, acquire: the giver's cells come before ours. */
    uint64_t mail = ms_exchange_acquire(&s.mail[actor], 0);
    struct held h = {(ms_reg)(mail >> 32) - 1, (uint32_t)mail};

    if (mail == 0)
        return;
    cells_touch(h.first, h.run);
    if (s.held_count[actor] == HELD_MAX)
        give_back(cpu_of(actor), h);
    else
        s.held[actor][s.held_count[actor]++] = h;
}

static void do_hand(uint32_t actor, uint32_t which)
{
    uint32_t to = (actor + 1) % ACTORS;
    struct held h = held_remove(actor, which);
    uint64_t empty = 0;

    cells_touch(h.first, h.run);
    /* hb:mail, release. */
    if (!ms_cas_release(&s.mail[to], &empty, (uint64_t)(h.first + 1) << 32 | h.run))
        give_back(cpu_of(actor), h);
}

static void do_look(void)
{
    uint64_t bitmap[(REGISTERS_MAX + 63) / 64];

    (void)s.ops->free_count(s.state); /* approximate: only that it can be done */
    s.ops->occupancy(s.state, bitmap);
    if (s.shape.registers % 64 != 0 &&
        bitmap[s.shape.registers / 64] >> s.shape.registers % 64 != 0)
        ms_sim_fail("O2 registers beyond the file are shown taken", "%s", s.ops->name);
}

enum kind { TAKE, GIVE, HAND, COLLECT, DRAIN, DRAIN_ALL, LOOK };

static void strategies_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint32_t held = s.held_count[actor];
    struct ms_reg_want want;

    switch ((enum kind)op->kind) {
    case TAKE:
        want = shapes_wanted[op->operand[1] % 4];
        want.run = runs[op->operand[0] % 8];
        do_take(actor, want);
        break;
    case GIVE:
        if (held > 0)
            give_back(cpu_of(actor), held_remove(actor, op->operand[0] % held));
        break;
    case HAND:
        if (held > 0)
            do_hand(actor, op->operand[0] % held);
        break;
    case COLLECT:
        do_collect(actor);
        break;
    case DRAIN:
        s.ops->drain(s.state, cpu_of(actor));
        break;
    case DRAIN_ALL:
        s.ops->drain_all(s.state);
        break;
    case LOOK:
        do_look();
        break;
    }
}

static void strategies_finish(uint32_t actor)
{
    (void)actor;
}

static void strategies_check(void *unused)
{
    uint64_t bitmap[(REGISTERS_MAX + 63) / 64];
    uint32_t longest = s.shape.registers < s.ops->run_max ? s.shape.registers : s.ops->run_max;

    (void)unused;
    if (!s.ops->audit(s.state))
        ms_sim_fail("O2 the audit fails", "%s, before all is given back", s.ops->name);
    for (uint32_t a = 0; a < ACTORS; a++) {
        do_collect(a);
        while (s.held_count[a] > 0)
            give_back(cpu_of(a), held_remove(a, s.held_count[a] - 1));
    }
    if (s.taken.first != MS_REG_NONE)
        s.ops->give(s.state, MS_CPU_NONE, s.taken.first, s.taken.run);
    for (uint32_t a = 0; a < ACTORS; a++)
        s.ops->drain(s.state, a);
    s.ops->drain_all(s.state);
    if (!s.ops->audit(s.state))
        ms_sim_fail("O2 the audit fails", "%s, at the end", s.ops->name);
    if (s.ops->free_count(s.state) != s.shape.registers)
        ms_sim_fail("O2 registers are lost", "%s: %u of %u are free", s.ops->name,
                    s.ops->free_count(s.state), s.shape.registers);
    s.ops->occupancy(s.state, bitmap);
    for (uint32_t i = 0; i < (s.shape.registers + 63) / 64; i++)
        if (bitmap[i] != 0)
            ms_sim_fail("O2 free registers are shown taken", "%s", s.ops->name);
    if (!s.ops->is_exact)
        longest = 1;
    ms_reg first = s.ops->take(s.state, 0, (struct ms_reg_want){longest, 1, 0});
    if (first == MS_REG_NONE)
        ms_sim_fail("O9 a free file refuses", "%s: %u registers", s.ops->name, longest);
}

static uint64_t strategies_digest(void)
{
    uint64_t digest = 0;

    /* By actor: in which order the actors got their answers is no state. */
    for (uint32_t a = 0; a < ACTORS; a++)
        for (uint32_t i = 0; i < s.result_count; i++)
            if (s.results[i] >> 16 == a)
                digest = (digest ^ s.results[i]) * 0x100000001B3u + 1;
    return digest;
}

static const char *strategies_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    const struct ms_reg_want *want = &shapes_wanted[op->operand[1] % 4];

    switch ((enum kind)op->kind) {
    case TAKE:
        snprintf(text, bytes, "take %u (align %u, boundary %u)", runs[op->operand[0] % 8],
                 want->align, want->boundary);
        break;
    case GIVE:
        snprintf(text, bytes, "give held %u", op->operand[0]);
        break;
    case HAND:
        snprintf(text, bytes, "hand held %u on", op->operand[0]);
        break;
    case COLLECT:
        return "collect";
    case DRAIN:
        return "drain";
    case DRAIN_ALL:
        return "drain all";
    case LOOK:
        return "look";
    }
    return text;
}

static const char *strategies_tell_setting(uint32_t setting, uint32_t value)
{
    return setting == 0 ? strategy_at(value)->name : NULL;
}

static const char *const actor_names[] = {"a", "b", "c", "d"};
static const struct fuzz_setting settings[] = {{"strategy", 32},
                                               {"shape", sizeof shapes / sizeof shapes[0]}};
static const struct fuzz_kind kinds[] = {
    [TAKE] = {"take", 2, 15, "run class, shape class"},
    [GIVE] = {"give", 1, 15, "which of the runs held"},
    [HAND] = {"hand", 1, 15, "which: to the next actor"},
    [COLLECT] = {"collect", 0, 15, "what was handed"},
    [DRAIN] = {"drain", 0, 15, "the private stock"},
    [DRAIN_ALL] = {"drain_all", 0, 15, "everybody's"},
    [LOOK] = {"look", 0, 15, "count and occupancy"},
};

const struct fuzz_target fuzz_target_strategies = {
    .name = "strategies",
    .summary = "every map-register strategy, four threads, against a shadow of who owns what",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 2,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 4000,
    .reset = strategies_reset,
    .perform = strategies_perform,
    .finish = strategies_finish,
    .check = strategies_check,
    .digest = strategies_digest,
    .tell = strategies_tell,
    .tell_setting = strategies_tell_setting,
};
