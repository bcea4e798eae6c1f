/* SPDX-License-Identifier: MIT */
/*
 * pool_fuzz.c: map registers in short supply: four customers take sets, wait at the turnstile, are
 * served by whoever gives, withdraw. Pool, hoards and turnstile alone, without adapters and without
 * bytes, so executions are short and interleavings deep.
 *
 * Proves       no register in two hands, and what one holder wrote the next sees (O1, by the race check);
 *              a customer is granted exactly what it wants, once, and not after it withdrew (O3, O4); at
 *              the end nobody waits who could be served: no wake-up is lost (O2); nobody gets registers
 *              who asked when another stood in line already, and still does (O8); registers are neither
 *              lost nor made (O2, O9)
 * The customer does what core/adapter/channel.c does, as short as can be: a hoard per wait, a ticket, a
 * state word with a serial.
 */
#include "stage.h"

#include "registers/registers.h"

enum { CUSTOMERS = 4, REGISTERS_MAX = 256 };
enum phase { IDLE, WAITING, GRANTED, WITHDRAWN };

static const struct {
    uint32_t registers;
    bool contiguous;
    uint16_t boundary;
    uint32_t taken; /* by a stranger, who keeps them until somebody gives them back */
    uint32_t unit;  /* 0: of one register; how many a customer asks for are units of so many */
    bool unfenced;  /* on a host without a fence of all CPUs */
} shapes[] = {{3, false, 0, 0, 0, false},
              {4, true, 0, 0, 0, false},
              {6, false, 0, 0, 0, false},
              {1, false, 0, 0, 0, false},
              {8, true, 4, 0, 0, false},
              {5, true, 0, 0, 0, false},
              {2, false, 0, 0, 0, false},
              {16, false, 8, 0, 0, false},
              {1, false, 0, 1, 0, false},
              {3, false, 0, 1, 0, false},
              {6, true, 0, 1, 0, false},
              {5, true, 0, 2, 0, false},
              /* Enough for a stock of each CPU, nearly all of it a stranger's. */
              {64, false, 0, 61, 0, false},
              {64, false, 0, 60, 0, false},
              {66, true, 0, 61, 0, false}, /* three in the first word, two in the second */
              {256, true, 0, 0, 64, false},
              {16, false, 0, 1, 4, false},
              {16, false, 0, 1, 4, true}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], SHAPES_SMALL = 12 };

static struct {
    struct stage stage; /* memory and kernel only */
    struct ms_pool *pool;
    struct ms_reg_set taken;
    /* From here on each execution's own. */
    uint32_t shape;
    bool keeps;                      /* who holds registers at the end goes on holding them */
    ms_atomic_u64 state[CUSTOMERS];  /* hb:pool-fuzz: serial << 8 | phase */
    ms_atomic_u64 ticket[CUSTOMERS]; /* of the present life */
    ms_atomic_u32 need[CUSTOMERS];
    ms_hoard hoard[CUSTOMERS];
    uint32_t serial[CUSTOMERS]; /* owner */
    bool is_held[CUSTOMERS];    /* owner */
    /* When each asked, and when it stood in line (0: it does not); by a clock that is no step. */
    uint32_t clock, called[CUSTOMERS], queued[CUSTOMERS];
    bool is_asking[CUSTOMERS]; /* neither granted nor withdrawn */
    uint32_t came[CUSTOMERS];  /* shadow: when it last began to take or give, */
    uint32_t waits[CUSTOMERS]; /* and when its wait was shown */
    uint32_t time;
    struct ms_reg_set set[CUSTOMERS];
    uint8_t owner[REGISTERS_MAX];
    uint32_t cell[REGISTERS_MAX];
    bool is_given_back; /* the stranger's */
    uint64_t digest;
} p;

static void pool_make(const struct ms_reg_ops *ops, uint32_t shape)
{
    struct ms_pool_config config = {
        .ops = ops, .registers = shapes[shape].registers, .highest_pfn = 0xFFFFF};

    (void)stage_memory(&p.stage);
    ms_kernel_init(&p.stage.kernel, NULL, p.stage.memory);
    ms_sim_host_fence(!shapes[shape].unfenced);
    p.pool = ms_pool_create(p.stage.memory, &p.stage.kernel, &config);
    ms_sim_host_fence(true);
    ms_require(p.pool != NULL);
    if (shapes[shape].taken > 0) {
        struct ms_pool_want want = {.count = shapes[shape].taken};
        ms_require(ms_pool_take(p.pool, MS_CPU_NONE, want, &p.taken));
    }
    stage_keep(&p.stage, &p.shape);
}

static void pool_reset(const uint8_t *setup)
{
    /* The small ones, the same when who holds keeps; then the others, each twice. */
    bool is_small = setup[1] < 2 * SHAPES_SMALL;
    uint32_t shape = is_small ? setup[1] % SHAPES_SMALL : setup[1] / 2u;

    if (!stage_ready(&p.stage, stage_strategy_index(setup[0]) * SHAPES + shape))
        pool_make(stage_strategy(setup[0]), shape);
    p.shape = shape;
    p.keeps = is_small ? setup[1] >= SHAPES_SMALL : setup[1] % 2;
    memset(p.state, 0, offsetof(__typeof__(p), owner) - offsetof(__typeof__(p), state));
    memset(p.owner, 0, sizeof p.owner);
    if (shapes[shape].taken > 0) {
        struct ms_reg_cursor cursor;
        ms_reg_cursor_start(&cursor, p.pool, p.taken);
        for (uint32_t i = 0; i < shapes[shape].taken; i++)
            p.owner[ms_reg_cursor_next(&cursor)] = CUSTOMERS + 1;
    }
    p.is_given_back = false;
    p.digest = 0;
}

static struct ms_pool_want want_of(uint32_t count)
{
    return (struct ms_pool_want){count, shapes[p.shape].contiguous, shapes[p.shape].boundary};
}

/* --- the shadow ---------------------------------------------------------------------------------- */

static void set_own(uint32_t who, struct ms_reg_set set, uint32_t wanted)
{
    struct ms_reg_cursor cursor;
    ms_reg before = MS_REG_NONE;

    if (set.count != wanted)
        ms_sim_fail("O3 another number of registers than asked for", "%u of %u", set.count, wanted);
    ms_reg_cursor_start(&cursor, p.pool, set);
    for (uint32_t i = 0; i < set.count; i++) {
        ms_reg reg = ms_reg_cursor_next(&cursor);
        if (reg >= p.pool->registers)
            ms_sim_fail("O1 a register that is none", "%u", reg);
        if (p.owner[reg] != 0)
            ms_sim_fail("O1 a register with two owners", "register %u of %u and %u", reg,
                        p.owner[reg] - 1u, who);
        if (i > 0 && shapes[p.shape].contiguous && reg != before + 1)
            ms_sim_fail("O5 a run with a hole", "register %u after %u", reg, before);
        before = reg;
        p.owner[reg] = (uint8_t)(who + 1);
        ms_data_write(&p.cell[reg], sizeof p.cell[reg]);
        p.cell[reg]++;
    }
    p.set[who] = set;
    p.is_held[who] = true;
}

static void set_disown(uint32_t who)
{
    struct ms_reg_cursor cursor;

    ms_reg_cursor_start(&cursor, p.pool, p.set[who]);
    for (uint32_t i = 0; i < p.set[who].count; i++) {
        ms_reg reg = ms_reg_cursor_next(&cursor);
        ms_data_write(&p.cell[reg], sizeof p.cell[reg]);
        p.owner[reg] = 0;
    }
    p.is_held[who] = false;
}

/* --- the customers ------------------------------------------------------------------------------- */

static uint64_t state_of(uint32_t serial, enum phase phase)
{
    return (uint64_t)serial << 8 | phase;
}

static void leave_line(uint32_t who)
{
    p.is_asking[who] = false;
    p.queued[who] = 0;
}

/* `who` gets registers: nobody stands in line since before it asked (QUE-05, QUE-06). */
static void order_check(uint32_t who)
{
    leave_line(who);
    for (uint32_t i = 0; i < CUSTOMERS; i++)
        if (p.queued[i] != 0 && p.queued[i] < p.called[who])
            ms_sim_fail("O8 overtaken", "%u, which waits, by %u", i, who);
}

/* Who shows `ticket`: its state, its serial and need. False: it changed meanwhile, look again. */
static bool waiter_look(uint32_t slot, uint64_t ticket, uint64_t *seen, uint32_t *need,
                        bool *is_waiting)
{
    *seen = ms_load_acquire(&p.state[slot]); /* hb:pool-fuzz */
    uint64_t drawn = ms_load_acquire(&p.ticket[slot]);
    *need = ms_load_acquire(&p.need[slot]); /* hb:pool-fuzz-life */
    *is_waiting = (*seen & 0xFF) == WAITING && drawn == ticket;
    return ms_load_acquire(&p.state[slot]) == *seen;
}

/* As pool_look_again() of serve.c. */
static bool look_again(uint32_t cpu, uint64_t ticket)
{
    bool has_earlier, unused;
    bool has_spilled = false;
    uint32_t slot = ms_turnstile_after(&p.pool->waiters, ticket, &ticket, &has_earlier);

    while (!has_earlier && slot != MS_TURNSTILE_SLOTS) {
        uint64_t seen;
        uint32_t need;
        bool is_waiting;
        if (waiter_look(slot, ticket, &seen, &need, &is_waiting) && is_waiting)
            has_spilled |= ms_hoard_spill(&p.hoard[slot], (uint32_t)(seen >> 8), p.pool, cpu, need);
        slot = ms_turnstile_after(&p.pool->waiters, ticket, &ticket, &unused);
    }
    return has_earlier || has_spilled;
}

/* Serves who waits, in the order of tickets, until one cannot be served. True when one was. */
static bool serve(uint32_t cpu)
{
    bool has_served = false;

    for (;;) {
        uint64_t ticket, seen;
        uint32_t need;
        bool is_waiting;
        uint32_t slot = ms_turnstile_first(&p.pool->waiters, &ticket);
        enum ms_collected collected;
        if (slot == MS_TURNSTILE_SLOTS)
            return has_served;
        if (!waiter_look(slot, ticket, &seen, &need, &is_waiting))
            continue;
        if (!is_waiting) {
            ms_turnstile_unwait(&p.pool->waiters, slot, ticket); /* a wait that is over */
            continue;
        }
        uint32_t serial = (uint32_t)(seen >> 8);
        collected = ms_hoard_collect(&p.hoard[slot], serial, p.pool, cpu, want_of(need));
        if (collected == MS_COLLECTED_OTHERS)
            continue;
        if (collected == MS_COLLECTED_TOO_FEW) {
            if (ms_load_acquire(&p.state[slot]) != seen || look_again(cpu, ticket))
                continue;
            return has_served;
        }
        /* hb:pool-fuzz */
        if (ms_cas_acq_rel(&p.state[slot], &seen, state_of(serial, GRANTED))) {
            order_check(slot);
            has_served = true;
        }
        ms_turnstile_unwait(&p.pool->waiters, slot, ticket);
    }
}

static void do_ask(uint32_t who, uint32_t count)
{
    struct ms_reg_set set;
    uint64_t seen = ms_load_acquire(&p.state[who]);

    count *= shapes[p.shape].unit ? shapes[p.shape].unit : 1;
    if (count > p.pool->registers || (shapes[p.shape].contiguous && count > p.pool->ops->run_max))
        count = 1;
    if (shapes[p.shape].contiguous && shapes[p.shape].boundary && count > shapes[p.shape].boundary)
        count = 1;
    if (p.is_held[who] || (seen & 0xFF) != IDLE)
        return;
    p.came[who] = ++p.time;
    p.called[who] = ++p.clock;
    p.is_asking[who] = true;
    if (ms_pool_take(p.pool, who, want_of(count), &set)) {
        order_check(who);
        p.digest++;
        set_own(who, set, count);
        if (ms_turnstile_has_waiters(&p.pool->waiters)) /* what was put back on the way is a give */
            serve(who);
        return;
    }
    uint32_t serial = ++p.serial[who];
    uint64_t ticket = ms_turnstile_ticket(&p.pool->waiters);
    ms_hoard_open(&p.hoard[who], serial);
    /* hb:pool-fuzz-life: whoever reads it finds the last life over. */
    ms_store_release(&p.need[who], count);
    ms_store_relaxed(&p.ticket[who], ticket);
    ms_store_release(&p.state[who], state_of(serial, WAITING)); /* hb:pool-fuzz */
    /* What stands in the way is our last ticket, whose granter has not cleared it yet. */
    for (uint64_t shown; (shown = ms_turnstile_wait(&p.pool->waiters, who, ticket)) != ticket;)
        ms_turnstile_unwait(&p.pool->waiters, who, shown);
    p.waits[who] = ++p.time;
    if (p.is_asking[who])
        p.queued[who] = ++p.clock;
    serve(who);
}

/* The granted one takes what lies in its hoard. */
static bool do_accept(uint32_t who)
{
    uint64_t seen = ms_load_acquire(&p.state[who]); /* hb:pool-fuzz */

    if ((seen & 0xFF) != GRANTED)
        return false;
    struct ms_reg_set set = ms_hoard_close(&p.hoard[who], p.serial[who]);
    ms_store_release(&p.state[who], state_of(p.serial[who], IDLE));
    set_own(who, set, ms_load_relaxed(&p.need[who]));
    return true;
}

static void do_withdraw(uint32_t who)
{
    uint64_t seen = state_of(p.serial[who], WAITING);

    if (!ms_cas_acq_rel(&p.state[who], &seen, state_of(p.serial[who], WITHDRAWN))) {
        do_accept(who);
        return;
    }
    p.came[who] = ++p.time;
    leave_line(who);
    ms_turnstile_unwait(&p.pool->waiters, who, ms_load_relaxed(&p.ticket[who]));
    ms_pool_give(p.pool, who, ms_hoard_close(&p.hoard[who], p.serial[who]));
    ms_store_release(&p.state[who], state_of(p.serial[who], IDLE));
    if (ms_turnstile_has_waiters(&p.pool->waiters))
        serve(who); /* who stood behind may be served now */
}

static void do_give(uint32_t who)
{
    if (!p.is_held[who] && !do_accept(who))
        return;
    p.came[who] = ++p.time;
    set_disown(who);
    ms_pool_give(p.pool, who, p.set[who]);
    if (ms_turnstile_has_waiters(&p.pool->waiters))
        serve(who);
}

/* What the stranger took comes back by another CPU, or by somebody without one; once. */
static void do_return(uint32_t who, bool has_cpu)
{
    uint32_t cpu = has_cpu ? who : MS_CPU_NONE;
    struct ms_reg_cursor cursor;

    if (shapes[p.shape].taken == 0 || p.is_given_back)
        return;
    p.is_given_back = true;
    if (has_cpu)
        p.came[who] = ++p.time;
    ms_reg_cursor_start(&cursor, p.pool, p.taken);
    for (uint32_t i = 0; i < shapes[p.shape].taken; i++) {
        ms_reg reg = ms_reg_cursor_next(&cursor);
        ms_data_write(&p.cell[reg], sizeof p.cell[reg]);
        p.owner[reg] = 0;
    }
    ms_pool_give(p.pool, cpu, p.taken);
    if (ms_turnstile_has_waiters(&p.pool->waiters))
        serve(cpu);
}

enum kind { ASK, GIVE, ACCEPT, WITHDRAW, RETURN };

static void pool_perform(uint32_t actor, const struct fuzz_op *op)
{
    switch ((enum kind)op->kind) {
    case ASK:
        do_ask(actor, 1 + op->operand[0] % 4);
        break;
    case GIVE:
        do_give(actor);
        break;
    case ACCEPT:
        do_accept(actor);
        break;
    case WITHDRAW:
        do_withdraw(actor);
        break;
    case RETURN:
        do_return(actor, op->operand[0] % 2 == 0);
        break;
    }
}

/* Who waits goes on waiting: whether rightly is for the check to say. Giving everything back at the end
 * serves once more, and can hide that somebody was forgotten: so half of the set-ups keep. */
static void pool_finish(uint32_t actor)
{
    if (!p.keeps)
        do_give(actor);
}

/* What nobody owns is enough for the one who waits longest, wherever it lies: then it must have it. */
static bool is_starved(void)
{
    uint64_t ticket;
    uint32_t slot = ms_turnstile_first(&p.pool->waiters, &ticket);
    uint32_t owned = 0;

    for (uint32_t i = 0; i < p.pool->registers; i++)
        owned += p.owner[i] != 0;
    for (uint32_t i = 0; i < CUSTOMERS; i++) /* granted, not accepted yet */
        if ((ms_load_relaxed(&p.state[i]) & 0xFF) == GRANTED)
            owned += ms_load_relaxed(&p.need[i]);
    /* Where there are enough for a stock of each CPU, one that strands keeps them there: see is_forgotten. */
    return slot != MS_TURNSTILE_SLOTS && !shapes[p.shape].contiguous && p.pool->ops->is_exact &&
           !(p.pool->ops->strands && p.shape >= SHAPES_SMALL) &&
           (ms_load_relaxed(&p.state[slot]) & 0xFF) == WAITING &&
           p.pool->registers - owned >= ms_load_relaxed(&p.need[slot]);
}

/* Somebody is served by a look that nothing asked for: it was forgotten. A strategy that strands keeps a CPU's
 * stock out of sight of others: that CPU has only to look there when it took or gave behind who waits. */
static bool is_forgotten(void)
{
    uint64_t ticket;
    uint32_t slot = ms_turnstile_first(&p.pool->waiters, &ticket);

    if (!p.pool->ops->strands || slot == MS_TURNSTILE_SLOTS)
        return serve(0);
    uint32_t since = p.waits[slot];
    for (uint32_t i = 0; i < CUSTOMERS; i++)
        if (p.came[i] > since && serve(i))
            return true;
    return serve(MS_CPU_NONE);
}

static void pool_check(void *unused)
{
    (void)unused;
    if (is_starved() || is_forgotten())
        ms_sim_fail("O2 somebody waits who could be served", "%u free",
                    p.pool->ops->free_count(p.pool->state));
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (uint32_t i = 0; i < CUSTOMERS; i++) {
            goes_on |= (ms_load_relaxed(&p.state[i]) & 0xFF) == WAITING || p.is_held[i];
            do_withdraw(i);
            do_give(i);
        }
    }
    do_return(0, false);
    for (uint32_t i = 0; i < CUSTOMERS; i++)
        p.pool->ops->drain(p.pool->state, i);
    p.pool->ops->drain_all(p.pool->state);
    if (ms_load_relaxed(&p.pool->waiters.waiting) != 0)
        ms_sim_fail("O9 somebody is counted as waiting", "%u",
                    ms_load_relaxed(&p.pool->waiters.waiting));
    if (p.pool->ops->free_count(p.pool->state) != p.pool->registers)
        ms_sim_fail("O2 registers are lost", "%u of %u are free",
                    p.pool->ops->free_count(p.pool->state), p.pool->registers);
    if (!p.pool->ops->audit(p.pool->state))
        ms_sim_fail("O2 the audit fails", "at the end");
}

static uint64_t pool_digest(void)
{
    return p.digest;
}

static const char *pool_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case ASK:
        snprintf(text, bytes, "ask for %u", 1 + op->operand[0] % 4);
        break;
    case GIVE:
        return "give";
    case ACCEPT:
        return "accept what was granted";
    case WITHDRAW:
        return "withdraw";
    case RETURN:
        return op->operand[0] % 2 ? "return the stranger's, without a CPU"
                                  : "return the stranger's";
    }
    return text;
}

static const char *const actor_names[] = {"a", "b", "c", "d"};
static const struct fuzz_setting settings[] = {{"strategy", 32}, {"shape", 2 * SHAPES}};
static const struct fuzz_kind kinds[] = {
    [ASK] = {"ask", 1, 15, "registers, less one: takes, or waits"},
    [GIVE] = {"give", 0, 15, "what is held; serves who waits"},
    [ACCEPT] = {"accept", 0, 15, "what was granted"},
    [WITHDRAW] = {"withdraw", 0, 15, "from waiting"},
    [RETURN] = {"return", 1, 15, "the stranger's registers; odd: without a CPU"},
};

const struct fuzz_target fuzz_target_pool = {
    .name = "pool",
    .summary = "map registers in short supply: take, wait, serve, withdraw; four customers",
    .actors = actor_names,
    .actor_count = CUSTOMERS,
    .settings = settings,
    .setting_count = 2,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 6000,
    .reset = pool_reset,
    .perform = pool_perform,
    .finish = pool_finish,
    .check = pool_check,
    .digest = pool_digest,
    .tell = pool_tell,
    .tell_setting = stage_strategy_tell,
};
