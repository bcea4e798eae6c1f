/* SPDX-License-Identifier: MIT */
/*
 * strategies_storm.c: every strategy under real threads. Each register has a shadow owner word, set
 * and cleared by exchange, so a register in two hands is seen at once; and a plain payload word,
 * written by its owner, so that a missing hb:run-given edge shows under the thread sanitizer.
 */
#include "platform/prng.h"
#include "platform/test.h"
#include "registers/registers.h"

enum { THREADS_MAX = 8, LIVE_MAX = 64, MAILBOXES = 512, STEPS = 30000, REFUSED_MAX = 100000 };

struct storm {
    const struct ms_reg_ops *ops; /* const while threads run, as all of this group */
    struct ms_reg_shape shape;
    void *file;
    size_t file_bytes;
    const uint32_t *runs; /* lengths to choose from */
    uint32_t runs_count;
    bool hands_over; /* even threads only take, odd ones only give */
    bool drains;     /* threads also drain, which keeps stock and leases away for a while */
    uint32_t steps;
    uint32_t threads;
    uint32_t taken_min;     /* fewer runs prove nothing */
    uint32_t live_max;      /* runs one thread may hold, so that a small file is not just hoarded */
    uint32_t mailboxes;     /* in use: 1..MAILBOXES, few in a small file */
    ms_atomic_u32 *owner;   /* [register]: thread + 1, or 0 */
    uint64_t *payload;      /* [register]: the owner's */
    ms_atomic_u32 starting; /* threads that have not arrived yet */
    ms_atomic_u32 taking;   /* threads that only take and are not done */
    ms_atomic_u32 looks;    /* of threads that only give, into a mailbox */
    ms_atomic_u64 mailbox[MAILBOXES]; /* {run, first} somebody else gives back */
    ms_atomic_u64 taken;
    ms_atomic_u64 refused;
};

struct worker {
    struct storm *storm;
    uint32_t index;
    struct ms_prng prng;
    uint32_t looks_seen; /* of those who give, when this one was refused last */
    uint32_t refused;    /* times that a giver had looked for mail since the last time */
    uint32_t live_count;
    uint64_t live[LIVE_MAX]; /* {run, first} */
};

static void run_own(struct storm *s, uint32_t index, ms_reg first, uint32_t run)
{
    ms_require(run <= s->shape.registers && first <= s->shape.registers - run);
    for (ms_reg reg = first; reg < first + run; reg++) {
        uint32_t before = ms_exchange_relaxed(&s->owner[reg], index + 1);
        ms_require(before == 0 && "a register is in two hands");
        s->payload[reg] += 1; /* plain: hb:run-given orders it behind the previous owner's */
    }
}

static void run_disown(struct storm *s, ms_reg first, uint32_t run)
{
    for (ms_reg reg = first; reg < first + run; reg++) {
        s->payload[reg] += 1;
        uint32_t before = ms_exchange_relaxed(&s->owner[reg], 0);
        ms_require(before != 0 && "a register was in nobody's hands");
    }
}

static void worker_give(struct worker *w, uint64_t live)
{
    ms_reg first = (ms_reg)live;
    uint32_t run = (uint32_t)(live >> 32);

    run_disown(w->storm, first, run);
    w->storm->ops->give(w->storm->file, w->index, first, run);
}

static void worker_take(struct worker *w)
{
    struct storm *s = w->storm;
    struct ms_reg_want want = {s->runs[ms_prng_below(&w->prng, s->runs_count)], 1, 0};

    if (ms_prng_below(&w->prng, 8) == 0)
        want.align = 4;
    if (ms_prng_below(&w->prng, 8) == 0)
        want.boundary = 32;
    ms_reg first = s->ops->take(s->file, w->index, want);
    if (first == MS_REG_NONE) {
        uint32_t looks = ms_load_relaxed(&s->looks);
        ms_fetch_add_relaxed(&s->refused, 1);
        if (s->hands_over) /* who gives may be waiting for a processor */
            ms_thread_yield();
        w->refused += looks != w->looks_seen;
        w->looks_seen = looks;
        return;
    }
    ms_require(first % want.align == 0);
    ms_require(want.boundary == 0 || first / 32 == (first + want.run - 1) / 32);
    run_own(s, w->index, first, want.run);
    ms_fetch_add_relaxed(&s->taken, 1);
    w->live[w->live_count++] = (uint64_t)want.run << 32 | first;
}

/* Swaps one of our runs, or none, with what lies in a mailbox: runs are given by who did not take
 * them. */
static void worker_mail(struct worker *w)
{
    ms_atomic_u64 *box = &w->storm->mailbox[ms_prng_below(&w->prng, w->storm->mailboxes)];
    uint64_t put = 0;

    if (w->live_count > 0) {
        uint32_t which = ms_prng_below(&w->prng, w->live_count);
        put = w->live[which];
        w->live[which] = w->live[--w->live_count];
    }
    uint64_t got = ms_exchange_acq_rel(box, put); /* hb:mail */
    if (got != 0)
        worker_give(w, got);
}

/* Even threads take and post, odd ones collect and give: stock, magazines and mail travel. */
static void worker_hand_over(struct worker *w)
{
    ms_atomic_u64 *box = &w->storm->mailbox[ms_prng_below(&w->prng, w->storm->mailboxes)];
    uint64_t got = 0;

    if (w->index % 2 == 0 && w->live_count == 0)
        worker_take(w);
    if (w->index % 2 == 1) {
        got = ms_exchange_acq_rel(box, 0); /* hb:mail */
        if (got != 0)
            worker_give(w, got);
        else
            ms_thread_yield();
        ms_fetch_add_relaxed(&w->storm->looks, 1);
    } else if (w->live_count > 0) {
        if (ms_cas_acq_rel(box, &got, w->live[0])) /* hb:mail */
            w->live_count = 0;
        else
            ms_thread_yield();
    }
}

/* Takers may have used up their steps before the first giver runs at all, so steps are not enough: they
 * go on until enough was taken, and givers until nobody takes any more. Nor is it a number of steps that tells a
 * strategy that never gives enough, because givers may be held up meanwhile: it is a taker refused again and
 * again although each time a giver had looked for mail. */
static bool worker_hands_on(const struct worker *w, uint32_t step)
{
    struct storm *s = w->storm;

    if (step < s->steps)
        return true;
    if (w->index % 2 == 1)
        return ms_load_relaxed(&s->taking) != 0;
    return ms_load_relaxed(&s->taken) < s->taken_min && w->refused < REFUSED_MAX;
}

static void worker_run(void *context)
{
    struct worker *w = context;
    struct storm *s = w->storm;

    ms_fetch_sub_acq_rel(&s->starting, 1);
    while (ms_load_acquire(&s->starting) != 0)
        ms_thread_yield();
    for (uint32_t i = 0; s->hands_over && worker_hands_on(w, i); i++)
        worker_hand_over(w);
    if (s->hands_over && w->index % 2 == 0)
        ms_fetch_sub_relaxed(&s->taking, 1);
    for (uint32_t i = 0; !s->hands_over && i < s->steps; i++) {
        uint32_t dice = ms_prng_below(&w->prng, 100);
        if (dice < 1 && s->drains)
            s->ops->drain_all(s->file);
        else if (dice < 2 && s->drains)
            s->ops->drain(s->file, w->index);
        else if (dice < 12)
            worker_mail(w);
        else if (dice < 50 && w->live_count > 0) {
            uint32_t which = ms_prng_below(&w->prng, w->live_count);
            uint64_t live = w->live[which];
            w->live[which] = w->live[--w->live_count];
            worker_give(w, live);
        } else if (w->live_count < s->live_max)
            worker_take(w);
    }
    while (w->live_count > 0)
        worker_give(w, w->live[--w->live_count]);
}

static void storm_end(struct storm *s)
{
    struct worker last = {.storm = s, .index = 0};

    for (uint32_t i = 0; i < MAILBOXES; i++) {
        uint64_t left = ms_exchange_acq_rel(&s->mailbox[i], 0); /* hb:mail */
        if (left != 0)
            worker_give(&last, left);
    }
    for (uint32_t cpu = 0; cpu < s->threads; cpu++)
        s->ops->drain(s->file, cpu);
    s->ops->drain_all(s->file);
    if (s->ops->free_count(s->file) != s->shape.registers)
        fail_msg("%s: %u of %u registers came back", s->ops->name, s->ops->free_count(s->file),
                 s->shape.registers);
    if (!s->ops->audit(s->file))
        fail_msg("%s: the audit fails", s->ops->name);
    if (s->ops->is_exact && s->ops->run_max == UINT32_MAX)
        assert_int_equal(s->ops->take(s->file, 0, (struct ms_reg_want){s->shape.registers, 1, 0}),
                         0);
    if (ms_load_relaxed(&s->taken) < s->taken_min)
        fail_msg("%s: only %u runs were taken", s->ops->name, (unsigned)ms_load_relaxed(&s->taken));
}

enum storm_kind { STORM_FREE, STORM_DRAINS, STORM_HANDS_OVER };

static void storm_run(const struct ms_reg_ops *ops, uint32_t registers, uint32_t threads,
                      enum storm_kind kind, const uint32_t *runs, uint32_t runs_count)
{
    struct storm *s = ms_alloc(sizeof *s);
    struct worker worker[THREADS_MAX];
    struct ms_thread *thread[THREADS_MAX];

    assert_non_null(s);
    *s = (struct storm){.ops = ops,
                        .shape = {registers, threads},
                        .runs = runs,
                        .runs_count = runs_count,
                        .drains = kind == STORM_DRAINS,
                        .hands_over = kind == STORM_HANDS_OVER,
                        .steps = STEPS / threads,
                        .threads = threads};
    s->taken_min = (uint32_t)ms_min_u64(s->steps / 20, MAILBOXES / 2);
    s->live_max = (uint32_t)ms_min_u64(LIVE_MAX, 1 + registers / threads / 2);
    s->mailboxes =
        kind == STORM_HANDS_OVER ? MAILBOXES : (uint32_t)ms_min_u64(16, 1 + registers / 16);
    s->file_bytes = ops->state_size(s->shape);
    s->file = ms_alloc(s->file_bytes);
    s->owner = ms_alloc(registers * sizeof *s->owner);
    s->payload = ms_alloc(registers * sizeof *s->payload);
    assert_true(s->file && s->owner && s->payload);
    ops->init(s->file, s->shape);
    ms_init(&s->starting, threads);
    ms_init(&s->taking, (threads + 1) / 2);

    for (uint32_t i = 0; i < threads; i++) {
        worker[i] = (struct worker){.storm = s, .index = i, .prng = {registers + i}};
        thread[i] = ms_thread_start(worker_run, &worker[i]);
        assert_non_null(thread[i]);
    }
    for (uint32_t i = 0; i < threads; i++)
        ms_thread_join(thread[i]);
    storm_end(s);
    ms_free(s->payload, registers * sizeof *s->payload);
    ms_free(s->owner, registers * sizeof *s->owner);
    ms_free(s->file, s->file_bytes);
    ms_free(s, sizeof *s);
}

static void storm_all(uint32_t registers, uint32_t threads, const uint32_t *runs, uint32_t count)
{
    for (uint32_t i = 0; ms_strategies[i] != NULL; i++)
        for (enum storm_kind kind = STORM_FREE; kind <= STORM_DRAINS; kind++)
            storm_run(ms_strategies[i], registers, threads, kind, runs, count);
}

MS_TEST(threads_fight_for_single_registers_of_a_tiny_file)
{
    static const uint32_t runs[] = {1};

    storm_all(3, 2, runs, 1);
    storm_all(20, 8, runs, 1);
}

MS_TEST(threads_fight_for_runs_that_straddle_words)
{
    static const uint32_t runs[] = {1, 2, 40, 64, 65, 100, 130, 200};

    storm_all(256, 2, runs, 8);
    storm_all(400, 5, runs, 8);
}

MS_TEST(threads_share_a_file_with_room)
{
    static const uint32_t runs[] = {1, 1, 2, 8, 8, 16, 13, 64, 256};

    storm_all(4096, 2, runs, 9);
    storm_all(4096, 8, runs, 9);
}

/* Large enough that every thread leases groups, and loses them whenever somebody needs the rest. */
MS_TEST(threads_take_and_lose_private_groups)
{
    static const uint32_t runs[] = {1, 2, 8, 31, 64, 100, 2000};

    storm_all(8192, 2, runs, 7);
    storm_all(8192, 4, runs, 7);
}

/* Whole chunks and more, against everything smaller. */
MS_TEST(threads_fight_for_runs_of_whole_groups)
{
    static const uint32_t runs[] = {1, 3, 128, 256, 500, 512, 1024, 2048, 4096};

    storm_all(8192, 2, runs, 9);
    storm_all(8192, 5, runs, 9);
}

MS_TEST(some_threads_only_take_and_others_only_give)
{
    static const uint32_t runs[] = {1, 8};

    for (uint32_t i = 0; ms_strategies[i] != NULL; i++)
        for (uint32_t count = 1; count <= 2; count++) {
            storm_run(ms_strategies[i], 1024, 6, STORM_HANDS_OVER, runs, count);
            storm_run(ms_strategies[i], 4096, 2, STORM_HANDS_OVER, runs, count);
            storm_run(ms_strategies[i], 8192, 6, STORM_HANDS_OVER, runs, count);
        }
}
