/* SPDX-License-Identifier: MIT */
/*
 * placement_test.c: what the default strategy costs beside time: requests refused although enough
 * registers are free, against address-ordered first fit on the same trace; and memory.
 */
#include "platform/prng.h"
#include "platform/test.h"
#include "registers/registers.h"

/* Requests of an allocator study's mix whose *requested* occupancy stays at the target: a request that
 * is refused counts as live until it ends, so every strategy sees the same trace. */
struct trace {
    const struct ms_reg_ops *ops;
    void *state;
    ms_reg *first;  /* [slot]; MS_REG_NONE: refused */
    uint32_t *run;  /* [slot] */
    uint32_t slots; /* live ones */
    uint32_t sum;   /* registers requested in them */
    uint32_t takes, refused;
};

static uint32_t run_draw(struct ms_prng *prng)
{
    uint32_t ticket = ms_prng_below(prng, 100);

    if (ticket < 60)
        return 1 + ms_prng_below(prng, 2);
    if (ticket < 90)
        return 8 + ms_prng_below(prng, 25);
    return ticket < 94 ? 4 : ticket < 98 ? 64 : 256;
}

static void trace_end_one(struct trace *t, uint32_t slot)
{
    if (t->first[slot] != MS_REG_NONE)
        t->ops->give(t->state, 0, t->first[slot], t->run[slot]);
    t->sum -= t->run[slot];
    t->slots--;
    t->first[slot] = t->first[t->slots];
    t->run[slot] = t->run[t->slots];
}

static void trace_step(struct trace *t, uint32_t run)
{
    ms_reg first = t->ops->take(t->state, 0, (struct ms_reg_want){.run = run, .align = 1});

    t->first[t->slots] = first;
    t->run[t->slots++] = run;
    t->sum += run;
    t->takes++;
    t->refused += first == MS_REG_NONE;
}

/* Refused requests once the file is as full as it is to be. */
static uint32_t trace_play(const char *strategy, uint32_t registers, uint32_t percent,
                           uint32_t takes, uint64_t seed)
{
    struct trace t = {.ops = ms_strategy_find(strategy)};
    struct ms_reg_shape shape = {registers, 1};
    size_t bytes = t.ops->state_size(shape);
    uint32_t target = (uint32_t)((uint64_t)registers * percent / 100);
    struct ms_prng prng = {seed};
    bool is_full = false;

    t.state = ms_alloc(bytes);
    t.first = ms_alloc(registers * sizeof *t.first);
    t.run = ms_alloc(registers * sizeof *t.run);
    assert_true(t.state && t.first && t.run);
    t.ops->init(t.state, shape);
    while (t.takes < takes) {
        uint32_t run = run_draw(&prng);
        while (t.sum + run > target) {
            if (!is_full)
                t.takes = t.refused = 0;
            is_full = true;
            trace_end_one(&t, ms_prng_below(&prng, t.slots));
        }
        trace_step(&t, run);
    }
    while (t.slots > 0)
        trace_end_one(&t, t.slots - 1);
    t.ops->drain_all(t.state);
    assert_true(t.ops->audit(t.state));
    assert_int_equal(t.ops->free_count(t.state), registers);
    ms_free(t.run, registers * sizeof *t.run);
    ms_free(t.first, registers * sizeof *t.first);
    ms_free(t.state, bytes);
    return t.refused;
}

/* spin-bitmap is address-ordered first fit, which strategies_test.c proves. */
static void expect_as_good_as_first_fit(uint32_t registers, uint32_t percent, uint32_t takes)
{
    const char *name = ms_strategy_default()->name;
    uint32_t first_fit = 0, ours = 0;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        first_fit += trace_play("spin-bitmap", registers, percent, takes, seed);
        ours += trace_play(name, registers, percent, takes, seed);
    }
    print_message("%u registers, %u %% full: first fit refuses %u of %u, %s %u\n", registers,
                  percent, first_fit, 4 * takes, name, ours);
    assert_true(ours * 10 <= first_fit * 11);
}

MS_TEST(the_default_refuses_no_more_mixed_requests_than_first_fit_at_75_percent)
{
    expect_as_good_as_first_fit(4096, 75, 50000);
    expect_as_good_as_first_fit(65536, 75, 30000);
}

MS_TEST(the_default_refuses_no_more_mixed_requests_than_first_fit_at_90_percent)
{
    expect_as_good_as_first_fit(4096, 90, 50000);
    expect_as_good_as_first_fit(16384, 90, 50000);
    expect_as_good_as_first_fit(65536, 90, 50000);
}

static ms_reg plain_take(const struct ms_reg_ops *ops, void *state, uint32_t run)
{
    return ops->take(state, 0, (struct ms_reg_want){run, 1, 0});
}

/* What was given back last is handed out next, because it is warm; in a small file that is crowded the
 * lowest is, because it leaves the longest hole. */
static void expect_after_refusals(uint32_t registers, bool is_last_first)
{
    enum { RUN = 20, RUNS = 5, REFUSALS = 20, GIVES = 16 };
    const struct ms_reg_ops *ops = ms_strategy_find("extent-lease");
    struct ms_reg_shape shape = {registers, 1};
    size_t bytes = ms_round_up(ops->state_size(shape), MS_CACHE_LINE);
    void *state = ms_alloc(bytes);
    ms_reg first[RUNS];

    assert_non_null(state);
    memset(state, 0, bytes);
    ops->init(state, shape);
    assert_true(plain_take(ops, state, 1) == 0);
    for (uint32_t i = 0; i < REFUSALS; i++)
        assert_true(plain_take(ops, state, registers) == MS_REG_NONE);
    for (uint32_t i = 0; i < GIVES; i++) /* which pass the stock by, for a while */
        ops->give(state, 0, plain_take(ops, state, RUN + 1), RUN + 1);
    for (uint32_t i = 0; i < RUNS; i++)
        first[i] = plain_take(ops, state, RUN);
    assert_true(plain_take(ops, state, 1) != MS_REG_NONE);
    for (uint32_t i = 0; i < RUNS; i++)
        ops->give(state, 0, first[i], RUN);
    assert_int_equal(plain_take(ops, state, RUN), first[is_last_first ? RUNS - 1 : 0]);
    ms_free(state, bytes);
}

MS_TEST(a_large_file_keeps_its_stock_when_requests_are_refused)
{
    expect_after_refusals(65536, true);
    expect_after_refusals(1024, false);
}

/* After a refusal that is rare the lowest hole is handed out next; after one that is not, what came into stock
 * last, because it was left there: of three, two, for the first refusal left room for no more. */
MS_TEST(a_rare_refusal_empties_the_stock_and_a_frequent_one_does_not)
{
    enum { REGISTERS = 4096, LOW = 50, HIGH = 1000, LAST = 2000 };
    const struct ms_reg_ops *ops = ms_strategy_find("extent-lease");
    struct ms_reg_shape shape = {REGISTERS, 1};
    size_t bytes = ms_round_up(ops->state_size(shape), MS_CACHE_LINE);
    void *file = ms_alloc(bytes);

    assert_non_null(file);
    ops->init(file, shape);
    for (uint32_t i = 0; i < REGISTERS; i++)
        assert_true(plain_take(ops, file, 1) != MS_REG_NONE);
    for (int is_frequent = 0; is_frequent <= 1; is_frequent++) {
        ops->give(file, 0, LOW, 1);
        ops->give(file, 0, HIGH, 1);
        ops->give(file, 0, LAST, 1);
        assert_true(plain_take(ops, file, 8) == MS_REG_NONE);
        assert_int_equal(plain_take(ops, file, 1), is_frequent ? HIGH : LOW);
        assert_int_equal(plain_take(ops, file, 1), is_frequent ? LOW : HIGH);
        assert_int_equal(plain_take(ops, file, 1), LAST);
    }
    ms_free(file, bytes);
}

/* Asserts on, a ledger of 4 bytes a register comes on top. */
MS_TEST(the_default_needs_at_most_4_bytes_a_register_and_8_kib_a_cpu)
{
    static const uint32_t cpus[] = {1, 2, 16, MS_CPUS_MAX};
    size_t ledger = MS_ASSERTS_ON ? sizeof(uint32_t) : 0;

    for (uint32_t registers = 64; registers <= MS_REG_COUNT_MAX; registers *= 2)
        for (uint32_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
            struct ms_reg_shape shape = {registers, cpus[i]};
            size_t bytes = ms_strategy_default()->state_size(shape);
            size_t most = registers * (4 + ledger) + cpus[i] * (size_t)8192;
            if (bytes > most)
                fail_msg("%u registers, %u CPUs: %zu bytes, more than %zu", registers, cpus[i],
                         bytes, most);
        }
}
