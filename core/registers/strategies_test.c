/* SPDX-License-Identifier: MIT */
/*
 * strategies_test.c: one conformance suite over every strategy in the table, against a model that
 * is a byte array. (The model needs no mutex here: these tests are single-threaded, several virtual
 * CPUs are played by one thread. Real threads are in strategies_storm.c.)
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/prng.h"
#include "platform/test.h"
#include "registers/registers.h"

enum { RUNS_MAX = 4096 };

struct run {
    ms_reg first;
    uint32_t count;
};

/* A strategy beside its model. */
struct trial {
    const struct ms_reg_ops *ops;
    struct ms_reg_shape shape;
    void *state;
    size_t state_bytes;
    uint8_t *taken; /* the model: one byte a register */
    uint32_t free;
    struct run run[RUNS_MAX]; /* live runs */
    uint32_t runs;
};

static void trial_open(struct trial *t, const struct ms_reg_ops *ops, uint32_t registers,
                       uint32_t cpus)
{
    *t = (struct trial){.ops = ops, .shape = {registers, cpus}, .free = registers};
    t->state_bytes = ops->state_size(t->shape);
    t->state = ms_alloc(t->state_bytes);
    t->taken = ms_alloc(registers);
    assert_non_null(t->state);
    assert_non_null(t->taken);
    ops->init(t->state, t->shape);
}

static void trial_close(struct trial *t)
{
    ms_free(t->state, t->state_bytes);
    ms_free(t->taken, t->shape.registers);
}

/* How many registers a run of this length costs: one strategy rounds up to a power of two. */
static uint32_t run_cost(const struct ms_reg_ops *ops, uint32_t run)
{
    uint32_t cost = 1;

    if (strcmp(ops->name, "buddy-counter") != 0)
        return run;
    while (cost < run)
        cost *= 2;
    return cost;
}

static bool model_fits(const struct trial *t, ms_reg first, struct ms_reg_want want)
{
    if (first >= t->shape.registers || want.run > t->shape.registers - first)
        return false;
    if (first % want.align != 0)
        return false;
    if (want.boundary != 0 && first / want.boundary != (first + want.run - 1) / want.boundary)
        return false;
    for (uint32_t i = 0; i < want.run; i++)
        if (t->taken[first + i])
            return false;
    return true;
}

static ms_reg model_first_fit(const struct trial *t, struct ms_reg_want want)
{
    uint32_t registers = t->shape.registers;

    for (ms_reg first = 0; first < registers && want.run <= registers - first; first++) {
        ms_reg at = first;
        if (model_fits(t, first, want))
            return first;
        while (at < first + want.run && !t->taken[at])
            at++;
        if (at < first + want.run)
            first = at; /* no run that covers a taken register */
    }
    return MS_REG_NONE;
}

static ms_reg trial_take(struct trial *t, uint32_t cpu, struct ms_reg_want want)
{
    ms_reg first = t->ops->take(t->state, cpu, want);

    if (first == MS_REG_NONE) {
        bool is_single = want.run == 1 && want.align == 1;
        bool is_allowed = want.run > t->ops->run_max || (!t->ops->is_exact && !is_single) ||
                          (t->ops->strands && (t->shape.cpus > 1 || cpu == MS_CPU_NONE)) ||
                          model_first_fit(t, want) == MS_REG_NONE;
        if (!is_allowed)
            fail_msg("%s: %u registers, align %u, boundary %u: refused, but %u fits", t->ops->name,
                     want.run, want.align, want.boundary, model_first_fit(t, want));
        return first;
    }
    if (!model_fits(t, first, want))
        fail_msg("%s: gave %u for %u registers, align %u, boundary %u", t->ops->name, first,
                 want.run, want.align, want.boundary);
    assert_true(t->runs < RUNS_MAX);
    uint32_t cost = run_cost(t->ops, want.run);
    for (uint32_t i = 0; i < cost; i++) {
        assert_true(first + i < t->shape.registers && !t->taken[first + i]);
        t->taken[first + i] = 1;
    }
    t->run[t->runs++] = (struct run){first, want.run};
    t->free -= cost;
    return first;
}

static void trial_give(struct trial *t, uint32_t cpu, uint32_t which)
{
    struct run run = t->run[which];

    t->ops->give(t->state, cpu, run.first, run.count);
    memset(t->taken + run.first, 0, run_cost(t->ops, run.count));
    t->run[which] = t->run[--t->runs];
    t->free += run_cost(t->ops, run.count);
}

/* The strategy's own view agrees with the model. */
static void trial_check(const struct trial *t)
{
    uint64_t bitmap[MS_REG_COUNT_MAX / 64];
    uint32_t registers = t->shape.registers;

    if (!t->ops->audit(t->state))
        fail_msg("%s: the audit fails", t->ops->name);
    if (t->ops->free_count(t->state) != t->free)
        fail_msg("%s: says %u registers are free, %u are", t->ops->name,
                 t->ops->free_count(t->state), t->free);
    assert_true(registers <= sizeof bitmap * 8);
    memset(bitmap, 0xAA, sizeof bitmap);
    t->ops->occupancy(t->state, bitmap);
    for (uint32_t i = 0; i < registers; i++)
        if ((bitmap[i / 64] >> i % 64 & 1) != t->taken[i])
            fail_msg("%s: register %u is shown %s", t->ops->name, i,
                     t->taken[i] ? "free" : "taken");
    if (registers % 64 != 0 && bitmap[registers / 64] >> registers % 64 != 0)
        fail_msg("%s: registers beyond the file are shown taken", t->ops->name);
}

static void trial_drain(struct trial *t)
{
    for (uint32_t cpu = 0; cpu < t->shape.cpus; cpu++)
        t->ops->drain(t->state, cpu);
    t->ops->drain_all(t->state);
}

/* Everything given back and drained: the file is as new. */
static void trial_check_whole(struct trial *t)
{
    while (t->runs > 0)
        trial_give(t, t->runs % t->shape.cpus, t->runs - 1);
    trial_drain(t);
    trial_check(t);
    uint32_t most = t->shape.registers < t->ops->run_max ? t->shape.registers : t->ops->run_max;
    if (!t->ops->is_exact)
        most = 1;
    if (most < t->shape.registers && t->shape.registers > RUNS_MAX)
        return;
    for (uint32_t left = t->shape.registers; left > 0;) {
        uint32_t run = left < most ? left : most;
        if (trial_take(t, 0, (struct ms_reg_want){run, 1, 0}) == MS_REG_NONE)
            fail_msg("%s: a run of %u is lost in an empty file of %u", t->ops->name, run,
                     t->shape.registers);
        left -= run;
    }
    assert_int_equal(trial_take(t, 0, (struct ms_reg_want){1, 1, 0}), MS_REG_NONE);
    while (t->runs > 0)
        trial_give(t, 0, t->runs - 1);
}

#define FOR_EACH_STRATEGY(ops)                                                                     \
    for (const struct ms_reg_ops *const *each_ = ms_strategies, *ops; (ops = *each_) != NULL;      \
         each_++)

/* --- the table itself --------------------------------------------------------------------- */

MS_TEST(the_table_is_complete_and_its_names_are_unique)
{
    FOR_EACH_STRATEGY(ops)
    {
        assert_non_null(ops->name);
        assert_non_null(ops->summary);
        assert_int_equal(ops->version, MS_REG_OPS_VERSION);
        assert_true(ops->run_max >= 1);
        assert_true(ops->state_size && ops->init && ops->take && ops->give && ops->drain);
        assert_true(ops->drain_all && ops->free_count && ops->occupancy && ops->audit);
        assert_ptr_equal(ms_strategy_find(ops->name), ops);
    }
    assert_null(ms_strategy_find("no-such-strategy"));
    assert_non_null(ms_strategy_default());
    assert_ptr_equal(ms_strategy_find(ms_strategy_default()->name), ms_strategy_default());
}

MS_TEST(the_default_strategy_is_lock_free_exact_and_strands_nothing)
{
    const struct ms_reg_ops *ops = ms_strategy_default();

    assert_int_equal(ops->progress, MS_PROGRESS_LOCK_FREE);
    assert_true(ops->is_exact);
    assert_false(ops->strands);
    assert_int_equal(ops->run_max, UINT32_MAX);
}

/* --- small files, exhaustively ------------------------------------------------------------ */

/* One step of the small alphabet. */
struct step {
    enum { STEP_TAKE, STEP_GIVE, STEP_DRAIN, STEP_DRAIN_ALL } what;
    uint32_t cpu;            /* who does it; MS_CPU_NONE: a thread without a CPU */
    struct ms_reg_want want; /* STEP_TAKE */
    uint32_t which;          /* STEP_GIVE: 0 the oldest, 1 the newest live run */
};

static const struct step alphabet[] = {
    {.what = STEP_TAKE, .cpu = 0, .want = {1, 1, 0}},
    {.what = STEP_TAKE, .cpu = 1, .want = {1, 1, 0}},
    {.what = STEP_TAKE, .cpu = 0, .want = {2, 1, 0}},
    {.what = STEP_TAKE, .cpu = 1, .want = {3, 1, 0}},
    {.what = STEP_TAKE, .cpu = MS_CPU_NONE, .want = {2, 2, 0}},
    {.what = STEP_TAKE, .cpu = 0, .want = {2, 1, 4}},
    {.what = STEP_GIVE, .cpu = 0, .which = 0},
    {.what = STEP_GIVE, .cpu = 1, .which = 1},
    {.what = STEP_GIVE, .cpu = MS_CPU_NONE, .which = 0},
    {.what = STEP_DRAIN, .cpu = 0},
    {.what = STEP_DRAIN_ALL, .cpu = 0},
};
enum { STEPS = sizeof alphabet / sizeof alphabet[0] };

static bool step_play(struct trial *t, struct step step)
{
    switch (step.what) {
    case STEP_TAKE:
        trial_take(t, step.cpu, step.want);
        return true;
    case STEP_GIVE:
        if (t->runs == 0 || (step.which == 1 && t->runs == 1 && step.cpu != 1))
            return false;
        trial_give(t, step.cpu, step.which == 0 ? 0 : t->runs - 1);
        return true;
    case STEP_DRAIN:
        t->ops->drain(t->state, step.cpu);
        return true;
    case STEP_DRAIN_ALL:
        t->ops->drain_all(t->state);
        return true;
    }
    return false;
}

/* Plays every sequence of `depth` steps from here on: a tree walk that copies states. */
static void sequences_walk(struct trial *t, uint32_t depth, uint8_t *saved)
{
    struct run run[8];
    uint32_t runs = t->runs;
    uint32_t registers_free = t->free;
    uint8_t taken[8];

    if (depth == 0)
        return;
    memcpy(run, t->run, sizeof run);
    memcpy(taken, t->taken, t->shape.registers);
    memcpy(saved, t->state, t->state_bytes);
    for (uint32_t i = 0; i < STEPS; i++) {
        if (step_play(t, alphabet[i])) {
            trial_check(t);
            sequences_walk(t, depth - 1, saved + t->state_bytes);
        }
        memcpy(t->run, run, sizeof run);
        t->runs = runs;
        t->free = registers_free;
        memcpy(t->taken, taken, t->shape.registers);
        memcpy(t->state, saved, t->state_bytes);
    }
}

MS_TEST(every_short_sequence_on_every_small_file_agrees_with_the_model)
{

    FOR_EACH_STRATEGY(ops)
    for (uint32_t registers = 1; registers <= 8; registers++) {
        struct trial t;
        trial_open(&t, ops, registers, 2);
        uint32_t depth = registers <= 4 ? 5 : 4;
        uint8_t *saved = malloc(t.state_bytes * depth);
        assert_non_null(saved);
        sequences_walk(&t, depth, saved);
        free(saved);
        trial_close(&t);
    }
}

/* Every occupancy of a small file, every want: the answer is the model's, or as good. */
MS_TEST(every_want_on_every_occupancy_of_a_small_file_agrees_with_the_model)
{
    enum { REGISTERS = 8 };

    FOR_EACH_STRATEGY(ops)
    for (uint32_t kept = 0; kept < 1u << REGISTERS; kept++) {
        struct trial t;
        trial_open(&t, ops, REGISTERS, 1);
        for (uint32_t i = 0; i < REGISTERS; i++)
            trial_take(&t, MS_CPU_NONE, (struct ms_reg_want){1, 1, 0});
        assert_int_equal(t.runs, REGISTERS);
        for (uint32_t i = REGISTERS; i-- > 0;)
            if (!(kept >> t.run[i].first & 1))
                trial_give(&t, i % 2 ? 0 : MS_CPU_NONE, i);
        trial_check(&t);
        for (uint16_t align = 1; align <= 8; align = (uint16_t)(align * 2))
            for (uint16_t boundary = 0; boundary <= 8;
                 boundary = (uint16_t)(boundary ? boundary * 2 : 1))
                for (uint32_t run = 1; run <= REGISTERS + 1; run++)
                    if (trial_take(&t, 0, (struct ms_reg_want){run, align, boundary}) !=
                        MS_REG_NONE)
                        trial_give(&t, 0, t.runs - 1);
        trial_check(&t);
        trial_close(&t);
    }
}

/* --- larger files, sampled ---------------------------------------------------------------- */

static struct ms_reg_want want_any(struct ms_prng *prng, uint32_t registers)
{
    static const uint32_t runs[] = {1, 1, 1, 2, 3, 5, 8, 9, 16, 17, 31, 64, 65, 100, 256, 600};
    static const uint16_t aligns[] = {1, 1, 1, 1, 1, 2, 8, 64, 128};
    static const uint16_t boundaries[] = {0, 0, 0, 0, 16, 32, 64, 256};
    struct ms_reg_want want = {
        .run = runs[ms_prng_below(prng, 16)],
        .align = aligns[ms_prng_below(prng, 9)],
        .boundary = boundaries[ms_prng_below(prng, 8)],
    };

    if (ms_prng_below(prng, 50) == 0)
        want.run = 1 + ms_prng_below(prng, registers + 1);
    return want;
}

static void random_walk(const struct ms_reg_ops *ops, uint32_t registers, uint32_t cpus,
                        uint32_t steps, bool drains, uint64_t seed)
{
    struct trial t;
    struct ms_prng prng = {seed};

    trial_open(&t, ops, registers, cpus);
    for (uint32_t i = 0; i < steps; i++) {
        /* Long tides of filling and emptying, so that full and empty files are both visited. */
        uint32_t give_share = i / 300 % 2 ? 70 : 35;
        uint32_t cpu = ms_prng_below(&prng, 10) == 0 ? MS_CPU_NONE : ms_prng_below(&prng, cpus);

        if (drains && ms_prng_below(&prng, 200) == 0) {
            if (cpu != MS_CPU_NONE && ms_prng_below(&prng, 2))
                ops->drain(t.state, cpu);
            else
                ops->drain_all(t.state);
        } else if (t.runs > 0 && (t.runs == RUNS_MAX || ms_prng_below(&prng, 100) < give_share)) {
            trial_give(&t, cpu, ms_prng_below(&prng, t.runs));
        } else {
            trial_take(&t, cpu, want_any(&prng, registers));
        }
        if (i % 50 == 0)
            trial_check(&t);
    }
    trial_check_whole(&t);
    trial_close(&t);
}

MS_TEST(long_random_sequences_agree_with_the_model)
{
    static const uint32_t files[] = {1, 2, 63, 64, 65, 127, 200, 512, 1000, 4096};

    FOR_EACH_STRATEGY(ops)
    for (uint32_t i = 0; i < sizeof files / sizeof files[0]; i++)
        for (uint32_t cpus = 1; cpus <= 4; cpus++)
            random_walk(ops, files[i], cpus, 2400, cpus % 2 == 0, 1000 * i + cpus);
}

MS_TEST(large_files_agree_with_the_model)
{
    static const uint32_t files[] = {16384, 40000, 65536, MS_REG_COUNT_MAX};

    FOR_EACH_STRATEGY(ops)
    for (uint32_t i = 0; i < sizeof files / sizeof files[0]; i++)
        random_walk(ops, files[i], 2, i == 1 ? 1500 : 100, false, 7 + i);
}

MS_TEST(the_largest_file_gives_every_register_and_the_most_cpus_fit)
{
    FOR_EACH_STRATEGY(ops)
    {
        struct ms_reg_shape shape = {MS_REG_COUNT_MAX, MS_CPUS_MAX};
        size_t bytes = ops->state_size(shape);
        void *file = ms_alloc(bytes);
        uint32_t run = ops->is_exact && ops->run_max == UINT32_MAX ? MS_REG_COUNT_MAX : 1;

        assert_non_null(file);
        ops->init(file, shape);
        assert_int_equal(ops->free_count(file), MS_REG_COUNT_MAX);
        ms_reg first = ops->take(file, MS_CPUS_MAX - 1, (struct ms_reg_want){run, 1, 0});
        assert_int_not_equal(first, MS_REG_NONE);
        assert_int_equal(ops->free_count(file), MS_REG_COUNT_MAX - run);
        ops->give(file, 0, first, run);
        assert_int_equal(ops->free_count(file), MS_REG_COUNT_MAX);
        assert_true(ops->audit(file));
        ms_free(file, bytes);
    }
}

/* --- refusals ----------------------------------------------------------------------------- */

MS_TEST(a_full_file_refuses_in_bounded_time_and_stays_whole)
{
    static const uint32_t files[] = {1, 64, 100, 513};

    FOR_EACH_STRATEGY(ops)
    for (uint32_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct trial t;
        trial_open(&t, ops, files[i], 2);
        for (uint32_t k = 0; k < files[i]; k++)
            trial_take(&t, 0, (struct ms_reg_want){1, 1, 0});
        assert_int_equal(t.free, 0);
        for (uint32_t k = 0; k < 100; k++) {
            assert_int_equal(trial_take(&t, k % 2, (struct ms_reg_want){1, 1, 0}), MS_REG_NONE);
            assert_int_equal(trial_take(&t, k % 2, (struct ms_reg_want){2, 2, 0}), MS_REG_NONE);
        }
        trial_check(&t);
        /* The last one free is found again, wherever it lies. */
        for (uint32_t k = 0; k < files[i]; k++) {
            trial_give(&t, 0, k);
            assert_int_not_equal(trial_take(&t, 0, (struct ms_reg_want){1, 1, 0}), MS_REG_NONE);
        }
        trial_check_whole(&t);
        trial_close(&t);
    }
}

MS_TEST(what_no_file_can_hold_is_refused_at_once)
{
    FOR_EACH_STRATEGY(ops)
    {
        struct trial t;
        trial_open(&t, ops, 100, 1);
        assert_int_equal(trial_take(&t, 0, (struct ms_reg_want){101, 1, 0}), MS_REG_NONE);
        assert_int_equal(trial_take(&t, 0, (struct ms_reg_want){UINT32_MAX, 1, 0}), MS_REG_NONE);
        assert_int_equal(trial_take(&t, 0, (struct ms_reg_want){17, 1, 16}), MS_REG_NONE);
        assert_int_equal(trial_take(&t, 0, (struct ms_reg_want){2, 32768, 1}), MS_REG_NONE);
        if (ops->run_max < 100)
            assert_int_equal(trial_take(&t, 0, (struct ms_reg_want){ops->run_max + 1, 1, 0}),
                             MS_REG_NONE);
        trial_check_whole(&t);
        trial_close(&t);
    }
}

/* A strategy that does not strand finds what other CPUs keep, and one CPU finds its own. */
MS_TEST(private_stock_does_not_make_a_quiet_file_refuse)
{
    FOR_EACH_STRATEGY(ops)
    {
        if (!ops->is_exact)
            continue;
        struct trial t;
        uint32_t cpus = ops->strands ? 1 : 4;
        trial_open(&t, ops, 2048, cpus);
        for (uint32_t cpu = 0; cpu < cpus; cpu++) {
            uint32_t from = t.runs;
            for (uint32_t i = 0; i < 200; i++)
                trial_take(&t, cpu, (struct ms_reg_want){1 + i % 4, 1, 0});
            while (t.runs > from)
                trial_give(&t, cpu, t.runs - 1);
        }
        if (ops->run_max == UINT32_MAX)
            assert_int_equal(trial_take(&t, 0, (struct ms_reg_want){2048, 1, 0}), 0);
        trial_check_whole(&t);
        trial_close(&t);
    }
}

MS_TEST(bitmaps_without_stock_place_runs_by_address_ordered_first_fit)
{
    static const char *const names[] = {"spin-bitmap", "cas-bitmap"};

    for (uint32_t n = 0; n < 2; n++) {
        struct trial t;
        struct ms_prng prng = {n};
        trial_open(&t, ms_strategy_find(names[n]), 1000, 1);
        for (uint32_t i = 0; i < 5000; i++) {
            struct ms_reg_want want = want_any(&prng, 1000);
            ms_reg best = model_first_fit(&t, want);
            if (t.runs > 0 && ms_prng_below(&prng, 100) < 48)
                trial_give(&t, 0, ms_prng_below(&prng, t.runs));
            else
                assert_int_equal(trial_take(&t, 0, want), best);
        }
        trial_close(&t);
    }
}

/* --- what must stop the program ----------------------------------------------------------------
 */

#if MS_ASSERTS_ON
/* Gives in a child process: it must abort, and the state, which it shares, must be unchanged. */
static void expect_stop(const struct ms_reg_ops *ops, void *state, size_t bytes, ms_reg first,
                        uint32_t run, const char *what)
{
    void *before = malloc(bytes);
    int status = 0;

    assert_non_null(before);
    memcpy(before, state, bytes);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        ops->give(state, 0, first, run);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("%s: %s was not stopped", ops->name, what);
    if (memcmp(before, state, bytes) != 0)
        fail_msg("%s: %s changed the state before it was stopped", ops->name, what);
    free(before);
}

MS_TEST(giving_what_is_not_taken_stops_before_any_state_changed)
{
    FOR_EACH_STRATEGY(ops)
    {
        struct ms_reg_shape shape = {256, 2};
        size_t bytes = ops->state_size(shape);
        void *file = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(file != MAP_FAILED);
        ops->init(file, shape);

        ms_reg kept = ops->take(file, 0, (struct ms_reg_want){1, 1, 0});
        ms_reg gone = ops->take(file, 0, (struct ms_reg_want){1, 1, 0});
        ops->give(file, 0, gone, 1);
        expect_stop(ops, file, bytes, gone, 1, "a second give");
        expect_stop(ops, file, bytes, 200, 1, "giving what was never taken");
        expect_stop(ops, file, bytes, 256, 1, "giving a register beyond the file");
        expect_stop(ops, file, bytes, kept, 2, "giving more than was taken");
        if (ops->run_max >= 4) {
            ms_reg four = ops->take(file, 1, (struct ms_reg_want){4, 4, 0});
            assert_int_not_equal(four, MS_REG_NONE);
            expect_stop(ops, file, bytes, four, 2, "giving less than was taken");
            expect_stop(ops, file, bytes, four + 1, 1, "giving from the middle");
            ops->give(file, 1, four, 4);
            expect_stop(ops, file, bytes, four, 4, "a second give of a run");
        }
        ops->give(file, 1, kept, 1);
        assert_true(ops->audit(file));
        munmap(file, bytes);
    }
}
#endif
