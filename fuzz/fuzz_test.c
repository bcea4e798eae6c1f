/* SPDX-License-Identifier: MIT */
/*
 * fuzz_test.c: the fuzzing machinery against itself: inputs survive bytes and text, a hunt is
 * repeatable and finds the canary, a finding shrinks and replays in all its forms.
 */
#include "fuzz.h"
#include "platform/test.h"

MS_TEST(every_byte_string_decodes_and_the_decoded_survives_bytes_and_text)
{
    static struct fuzz_input first, again;
    static char text[16384];
    struct ms_prng prng = {7};
    uint8_t bytes[600];
    uint8_t encoded[FUZZ_BYTES_MAX];
    struct fuzz_note note;
    char error[200];

    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++)
        for (int round = 0; round < 20000; round++) {
            size_t count = ms_prng_below(&prng, round % 10 == 0 ? 600 : 60);
            for (size_t i = 0; i < count; i++)
                bytes[i] = (uint8_t)ms_prng_next(&prng);
            fuzz_decode(*t, bytes, count, &first);
            size_t size = fuzz_encode(*t, &first, encoded);
            assert_true(size < FUZZ_BYTES_MAX);
            fuzz_decode(*t, encoded, size, &again);
            if (memcmp(&first, &again, sizeof first) != 0)
                fail_msg("%s: round %d does not survive bytes", (*t)->name, round);
            assert_true(fuzz_text_write(*t, &first, NULL, text, sizeof text) < sizeof text);
            if (!fuzz_text_read(text, &again, &note, error, sizeof error))
                fail_msg("%s: %s in\n%s", (*t)->name, error, text);
            if (memcmp(&first, &again, sizeof first) != 0)
                fail_msg("%s: round %d does not survive text", (*t)->name, round);
        }
}

MS_TEST(the_numbers_of_a_schedule_survive_bytes_at_every_length)
{
    static const uint32_t numbers[] = {0,    1,    239,  240,  241,   255,   256,
                                       3839, 3840, 4095, 4096, 59998, 59999, MS_SIM_STEPS_MAX};
    static struct fuzz_input first, again;
    const struct fuzz_target *target = &fuzz_target_strategies;
    uint8_t bytes[FUZZ_BYTES_MAX];

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        for (int form = 0; form < 3; form++) {
            memset(&first, 0, sizeof first);
            first.strategy = form == 0 ? MS_SIM_SPARSE : form == 1 ? MS_SIM_KEYED : MS_SIM_STALL;
            if (form == 0)
                first.switches[first.switch_count++].step = numbers[i];
            else if (form == 1)
                first.rules[first.rule_count++].visit = numbers[i];
            else
                first.stall_step = (uint16_t)numbers[i];
            fuzz_decode(target, bytes, fuzz_encode(target, &first, bytes), &again);
            if (memcmp(&first, &again, sizeof first) != 0)
                fail_msg("%u is read as another number in form %d", numbers[i], form);
        }
}

MS_TEST(text_that_is_not_understood_is_refused_with_its_line)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"setup\n", "line 1: the first line must name the target"},
        {"target nobody\n", "line 1: no target of that name"},
        {"target canary\nz pop\n", "line 2: canary has no actor 'z'"},
        {"target canary\na jump\n", "line 2: canary has no operation 'jump'"},
        {"target canary\na push\n", "line 2: 'push' takes 1 operands"},
        {"target canary\na push 1x\n", "line 2: '1x' is no number"},
        {"target canary\n\nschedule sometimes\n", "line 3: no schedule of that name"},
        {"target canary\nschedule sparse 5:a 4:b\n", "line 2: step 4 comes after step 5"},
        {"target strategies\nsetup strategy=1\n", "line 2: strategies has 2 settings"},
        {"target strategies\nsetup strategy=1 shape=99\n", "line 2: '99' is more than 9"},
        {"target canary\ntarget map\n", "line 2: target is said twice"},
        {"target canary\nmemory strong\nmemory weak stale=1\n", "line 3: memory is said twice"},
        {"target bounds_map\nmemory strong\n",
         "line 2: bounds_map has one actor: nothing is scheduled"},
        {"", "line 1: names no target"},
    };
    struct fuzz_input input;
    struct fuzz_note note;
    char error[200];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(fuzz_text_read(cases[i].text, &input, &note, error, sizeof error));
        assert_string_equal(error, cases[i].error);
    }
}

static struct fuzz_hunt hunt_canary(uint64_t seed)
{
    struct fuzz_hunt hunt = {.seed = seed, .executions_max = 200000};

    fuzz_hunt(&fuzz_target_canary, &hunt);
    return hunt;
}

MS_TEST(a_hunt_finds_the_canary_under_every_seed_and_is_repeatable)
{
    static struct fuzz_hunt hunt;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        hunt = hunt_canary(seed);
        assert_true(hunt.found);
        assert_string_equal(hunt.result.bug, fuzz_target_canary.planted);
        uint64_t executions = hunt.executions;
        uint64_t hash = hunt.result.trace_hash;
        hunt = hunt_canary(seed);
        assert_true(hunt.executions == executions);
        assert_true(hunt.result.trace_hash == hash);
    }
}

MS_TEST(a_finding_shrinks_to_a_few_operations_and_switches_with_the_same_bug)
{
    static struct fuzz_hunt hunt;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct ms_sim_result result;
        hunt = hunt_canary(seed);
        struct fuzz_input small = hunt.input;
        assert_true(fuzz_shrink(&fuzz_target_canary, &small, NULL) > 0);
        fuzz_play(&fuzz_target_canary, &small, NULL, &result);
        assert_int_equal(result.verdict, MS_SIM_BUG);
        assert_string_equal(result.bug, hunt.result.bug);
        assert_in_range(small.op_count, 4, 6);
        assert_in_range(small.switch_count, 1, 5);
        assert_true(small.strong_memory); /* this bug needs no weak memory */

        struct fuzz_input keyed = small;
        assert_true(fuzz_make_keyed(&fuzz_target_canary, &keyed));
        assert_int_equal(keyed.strategy, MS_SIM_KEYED);
        fuzz_play(&fuzz_target_canary, &keyed, NULL, &result);
        assert_string_equal(result.bug, hunt.result.bug);
    }
}

MS_TEST(what_a_hunt_keeps_is_what_a_file_says_and_a_small_set_shows_as_much)
{
    static struct fuzz_input kept[FUZZ_KEPT_MAX];
    static struct fuzz_input again;
    static char text[16384];
    struct fuzz_hunt hunt = {.seed = 5, .executions_max = 3000, .kept = kept};
    struct fuzz_note note;
    char error[200];
    uint32_t all = 0;
    uint32_t few = 0;
    uint32_t none = 0;

    fuzz_hunt(&fuzz_target_strategies, &hunt);
    assert_false(hunt.found);
    assert_true(hunt.kept_count > 20);
    for (uint32_t i = 0; i < hunt.kept_count; i++) {
        assert_true(fuzz_text_write(&fuzz_target_strategies, &kept[i], NULL, text, sizeof text) <
                    sizeof text);
        assert_true(fuzz_text_read(text, &again, &note, error, sizeof error));
        assert_memory_equal(&again, &kept[i], sizeof again);
    }
    uint32_t fixed = hunt.kept_count;
    assert_int_equal(fuzz_cover(&fuzz_target_strategies, kept, hunt.kept_count, &fixed, &all),
                     hunt.kept_count);
    assert_int_equal(all, hunt.features);
    uint32_t count = fuzz_cover(&fuzz_target_strategies, kept, hunt.kept_count, &none, &few);
    assert_int_equal(few, all);
    assert_true(count < hunt.kept_count);
}

MS_TEST(an_input_that_fails_is_no_part_of_a_small_set)
{
    static struct fuzz_input inputs[3];
    struct fuzz_hunt hunt = hunt_canary(1);
    uint32_t fixed = 2;
    uint32_t features = 0;

    assert_true(hunt.found);
    inputs[1] = hunt.input;
    inputs[2].op_count = 1;
    assert_int_equal(fuzz_cover(&fuzz_target_canary, inputs, 3, &fixed, &features), 1);
    assert_int_equal(fixed, 1);
}

/* A subject for long stories: each operation adds to a word by many loads and stores. */
static struct {
    ms_atomic_u32 word;
    uint32_t added;
} ticks;

enum { TICKS = 20 };

static void ticks_reset(const uint8_t *setup)
{
    (void)setup;
    ms_init(&ticks.word, 0);
    ticks.added = 0;
}

static void ticks_perform(uint32_t actor, const struct fuzz_op *op)
{
    (void)actor, (void)op;
    for (uint32_t i = 0; i < TICKS; i++) {
        ms_store_relaxed(&ticks.word, ms_load_relaxed(&ticks.word) + 1);
        ticks.added++;
    }
}

static void ticks_finish(uint32_t actor)
{
    (void)actor;
}

static void ticks_check(void *unused)
{
    (void)unused;
    if (ms_load_relaxed(&ticks.word) != ticks.added)
        ms_sim_fail("an update is lost", "of %u", ticks.added);
}

MS_TEST(a_finding_with_too_many_switches_to_tell_loses_operations_till_they_can_be_told)
{
    static const char *const actors[] = {"a", "b", "c"};
    static const struct fuzz_kind kinds[] = {{"tick", 0, 7, "adds"}};
    static const struct fuzz_target target = {.name = "ticks",
                                              .summary = "updates in two steps",
                                              .actors = actors,
                                              .actor_count = 3,
                                              .kinds = kinds,
                                              .kind_count = 1,
                                              .steps_max = 4000,
                                              .reset = ticks_reset,
                                              .perform = ticks_perform,
                                              .finish = ticks_finish,
                                              .check = ticks_check};

    for (uint32_t seed = 1; seed <= 10; seed++) {
        static struct fuzz_input input, candidate;
        struct ms_sim_result result;
        memset(&input, 0, sizeof input);
        input.strategy = MS_SIM_WALK;
        input.seed = seed;
        input.strong_memory = true;
        input.op_count = FUZZ_OPS_MAX;
        for (uint32_t i = 0; i < input.op_count; i++)
            input.op[i].actor = (uint8_t)(i % 3);
        fuzz_play(&target, &input, NULL, &result);
        candidate = input;
        assert_int_equal(result.verdict, MS_SIM_BUG);
        assert_false(fuzz_make_explicit(&candidate, &result));

        assert_true(fuzz_shrink(&target, &input, NULL) > 0);
        fuzz_play(&target, &input, NULL, &result);
        assert_int_equal(result.verdict, MS_SIM_BUG);
        assert_int_equal(input.op_count, 2);
        assert_int_equal(input.strategy, MS_SIM_SPARSE);
        assert_in_range(input.switch_count, 1, 2);
    }
}

MS_TEST(an_input_that_does_not_fail_is_not_shrunk)
{
    struct fuzz_input input = {0};

    assert_true(fuzz_shrink(&fuzz_target_canary, &input, NULL) == 0);
}

MS_TEST(features_show_who_read_from_whom)
{
    static uint8_t features[FUZZ_FEATURES];
    struct fuzz_options options = {.features = features};
    struct ms_prng prng = {3};
    struct fuzz_input input;
    struct ms_sim_result result;
    uint32_t alone = 0;
    uint32_t together = 0;

    memset(&input, 0, sizeof input);
    input.op_count = 1;
    fuzz_play(&fuzz_target_canary, &input, &options, &result);
    for (uint32_t i = 0; i < FUZZ_FEATURES; i++)
        alone += features[i];
    for (int i = 0; i < 100; i++) {
        fuzz_generate(&fuzz_target_canary, &prng, &input);
        fuzz_play(&fuzz_target_canary, &input, &options, &result);
    }
    for (uint32_t i = 0; i < FUZZ_FEATURES; i++)
        together += features[i];
    assert_int_equal(alone, 0);
    assert_true(together > 10);
}

MS_TEST(a_story_names_each_operation_once_above_its_first_step)
{
    struct fuzz_hunt hunt = hunt_canary(1);
    struct ms_sim_result result;
    char *story = NULL;
    size_t bytes = 0;
    char name[160];

    assert_true(fuzz_shrink(&fuzz_target_canary, &hunt.input, NULL) > 0);
    fuzz_play(&fuzz_target_canary, &hunt.input, NULL, &result);
    FILE *out = open_memstream(&story, &bytes);
    assert_non_null(out);
    fuzz_story(&fuzz_target_canary, &hunt.input, &result, out);
    assert_int_equal(fclose(out), 0);
    uint32_t told = 0;
    for (const char *at = strstr(story, "-- "); at; at = strchr(at + 1, '\n'))
        told += strncmp(at + strspn(at, "\n "), "-- ", 3) == 0;
    /* The operation that the bug ended may have come to no step. */
    assert_in_range(told, hunt.input.op_count - 1, hunt.input.op_count);
    for (uint32_t i = 0; i < hunt.input.op_count; i++) {
        char text[128];
        snprintf(name, sizeof name, "-- %s --\n",
                 fuzz_target_canary.tell(&hunt.input.op[i], text, sizeof text));
        if (!strstr(story, name) && told == hunt.input.op_count)
            fail_msg("no '%s' in\n%s", name, story);
    }
    free(story);
}

/* --- nothing of one execution reaches the next --------------------------------------------------- */

enum { ORDER_INPUTS = 60 };

struct outcome {
    enum ms_sim_verdict verdict;
    uint64_t hash, digest;
    char story[256];
};

static void outcome_of(const struct fuzz_target *target, const struct fuzz_input *input,
                       struct outcome *outcome)
{
    struct ms_sim_result result;

    memset(outcome, 0, sizeof *outcome);
    fuzz_play(target, input, NULL, &result);
    outcome->verdict = result.verdict;
    outcome->hash = result.trace_hash;
    outcome->digest = result.verdict == MS_SIM_CLEAN ? target->digest() : 0;
    memcpy(outcome->story, result.story, sizeof outcome->story);
}

static void outcome_must_be(const struct fuzz_target *target, const struct fuzz_input *input,
                            const struct outcome *first, const char *when)
{
    struct outcome again;

    outcome_of(target, input, &again);
    if (memcmp(&again, first, sizeof again) != 0)
        fail_msg("%s: an input has another trace %s", target->name, when);
}

static uint32_t give_up(const struct ms_sim_choice *choice, void *context)
{
    uint32_t *left = context;

    return (*left)-- == 0 ? MS_SIM_NOBODY : (uint32_t)__builtin_ctz(choice->runnable);
}

/* As a finding does it, or a search: the actors are left where they are. */
static void break_off(const struct fuzz_target *target, const struct fuzz_input *input,
                      uint32_t decisions)
{
    struct ms_sim_scenario scenario = {0};
    struct ms_sim_result result;

    fuzz_scenario(target, input, &scenario);
    scenario.config.schedule.strategy = MS_SIM_ASKED;
    scenario.config.schedule.decide = give_up;
    scenario.config.schedule.decide_context = &decisions;
    scenario.reset(scenario.context);
    ms_sim_run(&scenario.config, &result);
}

/* So many that all are made anew, and now in another order. */
static void images_evict(void)
{
    static uint8_t owner[16];

    for (uint32_t i = 0; i < 600; i++)
        if (!ms_sim_image_use(owner, i))
            ms_sim_image_keep(owner, sizeof owner);
    ms_sim_image_leave();
}

MS_TEST(an_execution_is_the_same_whatever_was_played_before_it)
{
    static struct fuzz_input inputs[ORDER_INPUTS];
    static struct outcome first[ORDER_INPUTS];
    struct ms_prng prng = {11};
    struct outcome other;

    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++) {
        for (uint32_t i = 0; i < ORDER_INPUTS; i++) {
            fuzz_generate(*t, &prng, &inputs[i]);
            outcome_of(*t, &inputs[i], &first[i]);
        }
        images_evict();
        for (uint32_t i = ORDER_INPUTS; i-- > 0;)
            outcome_must_be(*t, &inputs[i], &first[i], "in another order");
        for (uint32_t i = 0; i < ORDER_INPUTS; i++) {
            break_off(*t, &inputs[ms_prng_below(&prng, ORDER_INPUTS)], ms_prng_below(&prng, 300));
            outcome_must_be(*t, &inputs[i], &first[i], "after one that broke off");
        }
        for (const struct fuzz_target *const *o = fuzz_targets; *o; o++) {
            struct fuzz_input between;
            fuzz_generate(*o, &prng, &between);
            outcome_of(*o, &between, &other);
            uint32_t i = ms_prng_below(&prng, ORDER_INPUTS);
            outcome_must_be(*t, &inputs[i], &first[i], "beside another target");
            outcome_must_be(*o, &between, &other, "between two of another");
        }
    }
}
