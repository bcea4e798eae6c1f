/* SPDX-License-Identifier: MIT */
/*
 * litmus_sim.c: the memory model shows exactly the outcomes it should: small programs whose allowed
 * results everybody knows, run under many seeds. "Allowed" ones must be seen, "forbidden" never.
 */
#include "platform/sim.h"
#include "platform/test.h"

enum { RUNS = 20000 };

struct litmus {
    ms_atomic_u32 x, y, z;
    uint32_t plain;
    uint32_t r[4];
};

typedef void litmus_body(struct litmus *l);

struct program {
    ms_thread_body *body[4];
    uint32_t count;
};

/* Runs the program under RUNS seeds and counts where `is_seen` holds. A race is a failure. */
static uint32_t count_outcomes(const struct program *program,
                               bool (*is_seen)(const struct litmus *))
{
    struct litmus l;
    struct ms_sim_actor actors[4];
    struct ms_sim_config config;
    struct ms_sim_result result;
    uint32_t seen = 0;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = program->count;
    for (uint32_t i = 0; i < program->count; i++)
        actors[i] = (struct ms_sim_actor){"litmus", program->body[i], &l};
    for (uint32_t run = 0; run < RUNS; run++) {
        memset(&l, 0, sizeof l);
        config.schedule.strategy = run % 2 ? MS_SIM_WALK : MS_SIM_POS;
        config.schedule.seed = run;
        config.schedule.stale_of_256 = 128;
        ms_sim_run(&config, &result);
        assert_int_equal(result.verdict, MS_SIM_CLEAN);
        seen += is_seen(&l);
    }
    return seen;
}

#define BODY(name)                                                                                 \
    static void name##_of(struct litmus *l);                                                       \
    static void name(void *context)                                                                \
    {                                                                                              \
        name##_of(context);                                                                        \
    }                                                                                              \
    static void name##_of(struct litmus *l)

/* clang-format off */
BODY(mp_write_relaxed)  { ms_store_relaxed(&l->x, 1); ms_store_relaxed(&l->y, 1); }
BODY(mp_write_release)  { ms_store_relaxed(&l->x, 1); ms_store_release(&l->y, 1); }
BODY(mp_write_fence)    { ms_store_relaxed(&l->x, 1); ms_fence_release(); ms_store_relaxed(&l->y, 1); }
BODY(mp_read_relaxed)   { l->r[0] = ms_load_relaxed(&l->y); l->r[1] = ms_load_relaxed(&l->x); }
BODY(mp_read_acquire)   { l->r[0] = ms_load_acquire(&l->y); l->r[1] = ms_load_relaxed(&l->x); }
BODY(mp_read_fence)     { l->r[0] = ms_load_relaxed(&l->y); ms_fence_acquire(); l->r[1] = ms_load_relaxed(&l->x); }
BODY(mp_pass_on)        { l->r[2] = ms_load_acquire(&l->y); if (l->r[2]) ms_store_release(&l->z, 1); }
BODY(mp_read_passed)    { l->r[0] = ms_load_acquire(&l->z); l->r[1] = ms_load_relaxed(&l->x); }
BODY(sb_left)           { ms_store_release(&l->x, 1); l->r[0] = ms_load_acquire(&l->y); }
BODY(sb_right)          { ms_store_release(&l->y, 1); l->r[1] = ms_load_acquire(&l->x); }
BODY(sb_left_fence)     { ms_store_relaxed(&l->x, 1); ms_fence_seq_cst(); l->r[0] = ms_load_relaxed(&l->y); }
BODY(sb_right_fence)    { ms_store_relaxed(&l->y, 1); ms_fence_seq_cst(); l->r[1] = ms_load_relaxed(&l->x); }
BODY(sb_left_seq)       { ms_store_seq_cst(&l->x, 1); l->r[0] = ms_load_seq_cst(&l->y); }
BODY(sb_right_seq)      { ms_store_seq_cst(&l->y, 1); l->r[1] = ms_load_seq_cst(&l->x); }
BODY(sb_left_light)     { ms_store_relaxed(&l->x, 1); ms_fence_compiler(); l->r[0] = ms_load_relaxed(&l->y); }
BODY(sb_right_heavy)    { ms_store_relaxed(&l->y, 1); ms_fence_asymmetric_heavy(); l->r[1] = ms_load_relaxed(&l->x); }
BODY(co_write)          { ms_store_relaxed(&l->x, 1); ms_store_relaxed(&l->x, 2); }
BODY(co_read)           { l->r[0] = ms_load_relaxed(&l->x); l->r[1] = ms_load_relaxed(&l->x); }
BODY(iriw_x)            { ms_store_release(&l->x, 1); }
BODY(iriw_y)            { ms_store_release(&l->y, 1); }
BODY(iriw_read_xy)      { l->r[0] = ms_load_acquire(&l->x); l->r[1] = ms_load_acquire(&l->y); }
BODY(iriw_read_yx)      { l->r[2] = ms_load_acquire(&l->y); l->r[3] = ms_load_acquire(&l->x); }
BODY(iriw_x_seq)        { ms_store_seq_cst(&l->x, 1); }
BODY(iriw_y_seq)        { ms_store_seq_cst(&l->y, 1); }
BODY(iriw_read_xy_seq)  { l->r[0] = ms_load_seq_cst(&l->x); l->r[1] = ms_load_seq_cst(&l->y); }
BODY(iriw_read_yx_seq)  { l->r[2] = ms_load_seq_cst(&l->y); l->r[3] = ms_load_seq_cst(&l->x); }
BODY(rs_modify)         { l->r[2] = ms_fetch_add_relaxed(&l->y, 1); }
BODY(rs_read)           { l->r[0] = ms_load_acquire(&l->y); l->r[1] = ms_load_relaxed(&l->x); }
BODY(lb_left)           { l->r[0] = ms_load_relaxed(&l->x); ms_store_relaxed(&l->y, 1); }
BODY(lb_right)          { l->r[1] = ms_load_relaxed(&l->y); ms_store_relaxed(&l->x, 1); }
BODY(sb_left_between)   { ms_store_release(&l->x, 1); ms_exchange_seq_cst(&l->z, 1); l->r[0] = ms_load_seq_cst(&l->y); }
BODY(sb_right_between)  { ms_store_seq_cst(&l->y, 1); ms_fence_seq_cst(); l->r[1] = ms_load_relaxed(&l->x); }
BODY(sb_left_both_seq)  { ms_store_seq_cst(&l->x, 1); ms_exchange_relaxed(&l->z, 1); l->r[0] = ms_load_seq_cst(&l->y); }
BODY(half_fence)        { ms_store_seq_cst(&l->y, 1); l->r[1] = ms_load_seq_cst(&l->x); }
/* clang-format on */

static bool is_new_then_old(const struct litmus *l)
{
    return l->r[0] == 1 && l->r[1] == 0;
}

static bool is_both_old(const struct litmus *l)
{
    return l->r[0] == 0 && l->r[1] == 0;
}

static bool is_newer_then_older(const struct litmus *l)
{
    return l->r[0] > l->r[1];
}

static bool is_readers_disagree(const struct litmus *l)
{
    return l->r[0] == 1 && l->r[1] == 0 && l->r[2] == 1 && l->r[3] == 0;
}

static bool is_two_then_old(const struct litmus *l)
{
    return l->r[0] == 2 && l->r[1] == 0;
}

static bool is_both_new(const struct litmus *l)
{
    return l->r[0] == 1 && l->r[1] == 1;
}

MS_TEST(outcomes_that_c11_allows_are_seen_and_those_it_forbids_are_not)
{
    static const struct {
        const char *name;
        struct program program;
        bool (*is_seen)(const struct litmus *);
        bool allowed;
    } cases[] = {
        {"message passing, relaxed",
         {{mp_write_relaxed, mp_read_relaxed}, 2},
         is_new_then_old,
         true},
        {"message passing, release and acquire",
         {{mp_write_release, mp_read_acquire}, 2},
         is_new_then_old,
         false},
        {"message passing, fences", {{mp_write_fence, mp_read_fence}, 2}, is_new_then_old, false},
        {"message passing, release and fence",
         {{mp_write_release, mp_read_fence}, 2},
         is_new_then_old,
         false},
        {"message passing, acquire missing",
         {{mp_write_release, mp_read_relaxed}, 2},
         is_new_then_old,
         true},
        {"message passing, release missing",
         {{mp_write_relaxed, mp_read_acquire}, 2},
         is_new_then_old,
         true},
        {"message passing through a third",
         {{mp_write_release, mp_pass_on, mp_read_passed}, 3},
         is_new_then_old,
         false},
        {"store buffering, release and acquire", {{sb_left, sb_right}, 2}, is_both_old, true},
        {"store buffering, fences", {{sb_left_fence, sb_right_fence}, 2}, is_both_old, false},
        {"store buffering, one fence missing", {{sb_left_fence, sb_right}, 2}, is_both_old, true},
        {"store buffering, seq_cst accesses", {{sb_left_seq, sb_right_seq}, 2}, is_both_old, false},
        {"store buffering, a fence and seq_cst",
         {{sb_left_fence, half_fence}, 2},
         is_both_old,
         false},
        {"store buffering, a release store before a seq_cst one of another word, against a fence",
         {{sb_left_between, sb_right_between}, 2},
         is_both_old,
         true},
        {"store buffering, a seq_cst store, against a fence",
         {{sb_left_both_seq, sb_right_between}, 2},
         is_both_old,
         false},
        {"store buffering, asymmetric fence",
         {{sb_left_light, sb_right_heavy}, 2},
         is_both_old,
         false},
        {"store buffering, light sides only", {{sb_left_light, sb_right}, 2}, is_both_old, true},
        {"read-read coherence", {{co_write, co_read}, 2}, is_newer_then_older, false},
        {"independent reads, acquire",
         {{iriw_x, iriw_y, iriw_read_xy, iriw_read_yx}, 4},
         is_readers_disagree,
         true},
        {"independent reads, seq_cst",
         {{iriw_x_seq, iriw_y_seq, iriw_read_xy_seq, iriw_read_yx_seq}, 4},
         is_readers_disagree,
         false},
        {"release sequence through a relaxed read-modify-write",
         {{mp_write_release, rs_modify, rs_read}, 3},
         is_two_then_old,
         false},
        {"load buffering: allowed, but the model's known limit",
         {{lb_left, lb_right}, 2},
         is_both_new,
         false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t seen = count_outcomes(&cases[i].program, cases[i].is_seen);
        if ((seen > 0) != cases[i].allowed)
            fail_msg("%s: seen %u times of %d", cases[i].name, seen, RUNS);
    }
}

/* --- races on plain data -------------------------------------------------------------------------
 */

/* clang-format off */
BODY(race_write)         { ms_data_write(&l->plain, 4); l->plain = 1; ms_store_release(&l->y, 1); }
BODY(race_write_relaxed) { ms_data_write(&l->plain, 4); l->plain = 1; ms_store_relaxed(&l->y, 1); }
BODY(race_read)          { if (ms_load_acquire(&l->y)) ms_data_read(&l->plain, 4); }
BODY(race_read_relaxed)  { if (ms_load_relaxed(&l->y)) ms_data_read(&l->plain, 4); }
BODY(race_over_reader)   { if (ms_load_acquire(&l->y)) { ms_data_read(&l->plain, 4); ms_store_relaxed(&l->z, 1); } }
BODY(race_third)         { if (ms_load_acquire(&l->z)) ms_data_write(&l->plain, 4); }
BODY(race_neighbour)     { ms_data_write((char *)&l->plain + 1, 1); }
BODY(race_first_byte)    { ms_data_write((char *)&l->plain, 1); }
BODY(race_reads_on)      { ms_data_read(&l->plain, 4); ms_store_release(&l->y, 1); ms_store_relaxed(&l->z, 1); ms_data_read(&l->plain, 1); ms_store_relaxed(&l->z, 1); }
BODY(race_behind_second) { if (ms_load_acquire(&l->y)) ms_data_write((char *)&l->plain + 1, 1); }
BODY(race_write_behind)  { ms_store_release(&l->y, 1); ms_data_write(&l->plain, 4); l->plain = 1; }
BODY(race_read_behind)   { ms_store_release(&l->y, 1); ms_data_read(&l->plain, 4); }
BODY(race_behind_any)    { if (ms_load_acquire(&l->y)) ms_data_write(&l->plain, 4); }
BODY(race_behind_first)  { if (ms_load_acquire(&l->y)) ms_data_write((char *)&l->plain, 1); }
/* clang-format on */

static uint32_t count_races(ms_thread_body *a, ms_thread_body *b, ms_thread_body *c)
{
    struct litmus l;
    struct ms_sim_actor actors[3] = {{"a", a, &l}, {"b", b, &l}, {"c", c, &l}};
    struct ms_sim_config config;
    struct ms_sim_result result;
    uint32_t races = 0;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = c ? 3 : 2;
    for (uint32_t run = 0; run < 2000; run++) {
        memset(&l, 0, sizeof l);
        config.schedule.strategy = MS_SIM_WALK;
        config.schedule.seed = run;
        ms_sim_run(&config, &result);
        races += result.verdict == MS_SIM_BUG && strncmp(result.bug, "race ", 5) == 0;
    }
    return races;
}

MS_TEST(plain_data_handed_over_without_an_edge_is_a_race_even_when_the_values_are_right)
{
    assert_int_equal(count_races(race_write, race_read, NULL), 0);
    assert_true(count_races(race_write_relaxed, race_read, NULL) > 0);
    assert_true(count_races(race_write, race_read_relaxed, NULL) > 0);
    assert_int_equal(count_races(race_first_byte, race_neighbour, NULL), 0);
    assert_true(count_races(race_first_byte, race_first_byte, NULL) > 0);
    assert_int_equal(count_races(race_reads_on, race_behind_second, NULL), 0);
    assert_true(count_races(race_reads_on, race_behind_first, NULL) > 0);
}

MS_TEST(a_release_does_not_publish_what_is_done_behind_it)
{
    assert_true(count_races(race_write_behind, race_read, NULL) > 0);
    assert_true(count_races(race_read_behind, race_behind_any, NULL) > 0);
}

MS_TEST(a_write_must_come_after_all_reads_not_only_after_the_last_write)
{
    assert_true(count_races(race_write, race_over_reader, race_third) > 0);
}

/* clang-format off */
BODY(part_first)    { ms_data_write((char *)&l->plain, 1); ms_store_relaxed(&l->y, 1); }
BODY(part_second)   { if (ms_load_relaxed(&l->y)) { ms_data_write((char *)&l->plain + 1, 1); ms_store_relaxed(&l->z, 1); } }
BODY(part_third)    { if (ms_load_relaxed(&l->z)) ms_data_read((char *)&l->plain, 1); }
BODY(part_fourth)   { if (ms_load_relaxed(&l->z)) ms_data_read((char *)&l->plain + 2, 2); }
BODY(reads_two)     { ms_data_read((char *)&l->plain, 1); ms_data_read((char *)&l->plain + 1, 1); ms_store_relaxed(&l->y, 1); }
BODY(writes_one)    { if (ms_load_relaxed(&l->y)) ms_data_write((char *)&l->plain, 1); }
BODY(forgets_it)    { ms_data_write((char *)&l->plain, 1); ms_data_read(&l->plain, 4); void *m = ms_alloc(64); ms_free(m, 64); ms_store_release(&l->y, 1); }
BODY(guilty_reader) { ms_data_read(&l->plain, 4); ms_store_relaxed(&l->y, 1); }
BODY(late_writer)   { if (ms_load_relaxed(&l->y)) { ms_data_read(&l->plain, 4); ms_data_write(&l->plain, 4); } }
BODY(fence_give)    { ms_data_write(&l->plain, 4); ms_fence_release(); ms_store_relaxed(&l->y, 1); }
BODY(fence_take)    { if (ms_load_relaxed(&l->y)) { ms_fence_acquire(); ms_data_write(&l->plain, 4); } }
BODY(fence_late)    { ms_fence_acquire(); if (ms_load_relaxed(&l->y)) ms_data_write(&l->plain, 4); }
BODY(fence_none)    { ms_data_write(&l->plain, 4); ms_fence_seq_cst(); }
BODY(fence_alone)   { ms_fence_seq_cst(); ms_data_write(&l->plain, 4); }
BODY(give_release)  { ms_data_write(&l->plain, 4); ms_store_release(&l->y, 1); }
BODY(pass_add)      { if (ms_load_relaxed(&l->y) == 1) ms_fetch_add_relaxed(&l->y, 1); }
BODY(pass_store)    { if (ms_load_relaxed(&l->y) == 1) ms_store_relaxed(&l->y, 2); }
BODY(take_two)      { if (ms_load_acquire(&l->y) == 2) ms_data_write(&l->plain, 4); }
BODY(take_failing)  { uint32_t seen = 5; (void)ms_cas_release(&l->y, &seen, 6); if (seen == 1) ms_data_write(&l->plain, 4); }
BODY(take_failing_a) { uint32_t seen = 5; (void)ms_cas_acquire(&l->y, &seen, 6); if (seen == 1) ms_data_write(&l->plain, 4); }
BODY(locks)         { while (ms_exchange_acquire(&l->x, 1)) ms_spin_hint(); ms_data_write(&l->plain, 4); ms_store_release(&l->x, 0); }
BODY(locks_cas)     { uint32_t free = 0; while (!ms_cas_acquire(&l->x, &free, 1)) { free = 0; ms_spin_hint(); } ms_data_write(&l->plain, 4); ms_store_release(&l->x, 0); }
BODY(locks_late)    { while (ms_exchange_relaxed(&l->x, 1)) ms_spin_hint(); ms_data_write(&l->plain, 4); ms_store_release(&l->x, 0); }
BODY(locks_early)   { while (ms_exchange_acquire(&l->x, 1)) ms_spin_hint(); ms_data_write(&l->plain, 4); ms_store_relaxed(&l->x, 0); }
BODY(looks_inside)  { while (ms_exchange_acquire(&l->x, 1)) ms_spin_hint(); ms_data_read(&l->plain, 4); ms_store_release(&l->x, 0); }
BODY(looks_outside) { ms_data_read(&l->plain, 4); ms_store_relaxed(&l->z, 1); }
BODY(sleeps)        { while (ms_load_relaxed(&l->y) == 0) ms_wait(&l->y, 0, UINT64_MAX); ms_data_write(&l->plain, 4); }
BODY(sleeps_well)   { while (ms_load_acquire(&l->y) == 0) ms_wait(&l->y, 0, UINT64_MAX); ms_data_write(&l->plain, 4); }
BODY(wakes)         { ms_data_write(&l->plain, 4); ms_store_release(&l->y, 1); ms_wake(&l->y, 1); }
BODY(child)         { ms_data_write(&l->plain, 4); }
BODY(starts)        { ms_data_write(&l->plain, 4); struct ms_thread *t = ms_thread_start(child, l); ms_thread_join(t); ms_data_write(&l->plain, 4); }
BODY(joins_late)    { struct ms_thread *t = ms_thread_start(child, l); ms_data_write(&l->plain, 4); ms_thread_join(t); }
BODY(idles)         { ms_store_relaxed(&l->z, 1); }
/* clang-format on */

MS_TEST(hand_overs_that_order_are_no_races_and_those_that_do_not_are)
{
    static const struct {
        const char *name;
        ms_thread_body *a, *b, *c;
        bool is_race;
    } cases[] = {
        {"a byte, and its neighbour's owner in between", part_first, part_second, part_third, true},
        {"three owners of one word's bytes", part_first, part_second, part_fourth, false},
        {"a byte read, and then its neighbour", reads_two, writes_one, NULL, true},
        {"a part, and then the whole", forgets_it, race_behind_any, NULL, false},
        {"fences around relaxed accesses", fence_give, fence_take, NULL, false},
        {"a fence before the load", fence_give, fence_late, NULL, true},
        {"fences, and nothing that is read", fence_none, fence_alone, NULL, true},
        {"through another's update", give_release, pass_add, take_two, false},
        {"through another's plain store", give_release, pass_store, take_two, true},
        {"a failed compare-exchange, relaxed then", give_release, take_failing, NULL, true},
        {"a failed compare-exchange, acquire", give_release, take_failing_a, NULL, false},
        {"a lock", locks, locks, locks_cas, false},
        {"a lock taken relaxed", locks_late, locks_late, NULL, true},
        {"a lock released relaxed", locks_early, locks_early, NULL, true},
        {"a look without the lock", locks, looks_outside, NULL, true},
        {"many look, one writes, all locked", locks, looks_inside, looks_inside, false},
        {"woken, and read relaxed", wakes, sleeps, NULL, true},
        {"woken, and read with acquire", wakes, sleeps_well, NULL, false},
        {"a thread's start and end", starts, idles, NULL, false},
        {"beside a thread that was started", joins_late, idles, NULL, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t races = count_races(cases[i].a, cases[i].b, cases[i].c);
        if ((races > 0) != cases[i].is_race)
            fail_msg("%s: %u races", cases[i].name, races);
    }
}

MS_TEST(a_race_names_who_was_not_waited_for_though_others_read_since)
{
    struct litmus l;
    struct ms_sim_actor actors[2] = {{"a", guilty_reader, &l}, {"b", late_writer, &l}};
    struct ms_sim_config config;
    struct ms_sim_result result;
    uint32_t races = 0;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = 2;
    for (uint32_t run = 0; run < 200; run++) {
        memset(&l, 0, sizeof l);
        config.schedule.strategy = MS_SIM_WALK;
        config.schedule.seed = run;
        ms_sim_run(&config, &result);
        if (result.verdict != MS_SIM_BUG)
            continue;
        races++;
        assert_non_null(strstr(result.story, "late_writer_of data write"));
        assert_non_null(strstr(result.story, "guilty_reader_of data read"));
    }
    assert_true(races > 0);
}

/* --- mutants ------------------------------------------------------------------------------------- */

/* clang-format off */
BODY(split_left)  { uint32_t seen = 0; l->r[0] = ms_cas_acq_rel(&l->x, &seen, 1); l->r[1] = seen; }
BODY(split_right) { l->r[2] = ms_exchange_acq_rel(&l->x, 5); }
/* clang-format on */

MS_TEST(a_split_update_loses_what_came_between_its_halves_and_does_not_know_it)
{
    struct litmus l;
    struct ms_sim_actor actors[2] = {{"left", split_left, &l}, {"right", split_right, &l}};
    struct ms_sim_config config;
    struct ms_sim_result result;
    uint32_t lost = 0;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = 2;
    for (uint32_t run = 0; run < 2000; run++) {
        memset(&l, 0, sizeof l);
        config.schedule.strategy = MS_SIM_WALK;
        config.schedule.seed = run;
        ms_sim_run(&config, &result);
        assert_int_equal(result.verdict, MS_SIM_CLEAN);
        if (config.mutant_site != 0 && l.r[0])
            assert_int_equal(l.r[1], 0);
        lost += l.r[0] && l.r[2] == 0 && ms_load_relaxed(&l.x) == 1;
        for (uint32_t i = 0; run == 0 && i < result.event_count; i++)
            if (result.events[i].site->kind == MS_SIM_CAS) {
                config.mutant_site = result.events[i].site->id;
                config.mutation = MS_SIM_MUTATE_SPLIT;
            }
    }
    assert_int_not_equal(config.mutant_site, 0);
    assert_true(lost > 0);
}
