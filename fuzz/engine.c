/* SPDX-License-Identifier: MIT */
/*
 * engine.c: one target behind LLVMFuzzerTestOneInput, for libFuzzer, AFL++ and their kin. Compiled
 * once per target with FUZZ_ENGINE_TARGET set to its name.
 *
 * Targets      a program has one target and what that reaches of core: engines look at the counter of every
 *              edge after each execution. FUZZ_ENGINE_KNOWS_ALL: the list is another file's, targets.c
 * Features     besides code coverage: who read from whom, and how many foreign writes came between two
 *              looks, one byte each, in the section libFuzzer takes extra counters from. AFL++ does
 *              not know it: there the same bytes go through coverage guards of our own.
 * Mutations    half of the time on the level of operations and schedules, else the engine's own
 * Speed        with MAPSTORM_AS_IS set nothing is mutated: the engine plays the inputs of a folder over and
 *              over, with all that it does for each, and the end says how many steps they had
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_(name) fuzz_target_##name
#define TARGET(name)  TARGET_(name)

#ifndef FUZZ_ENGINE_KNOWS_ALL
const struct fuzz_target *const fuzz_targets[] = {&TARGET(FUZZ_ENGINE_TARGET), NULL};
#endif

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_out_size,
                                 unsigned int seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* An engine clears and looks at all of them, for each execution. Sequential targets have none but their states. */
#ifndef FUZZ_ENGINE_FEATURES
#define FUZZ_ENGINE_FEATURES FUZZ_FEATURES
#endif
static_assert((FUZZ_ENGINE_FEATURES & (FUZZ_ENGINE_FEATURES - 1)) == 0, "features are masked");

/* Externally visible and used: an optimiser that dropped it would blind the engine without a word. */
extern uint8_t fuzz_features[FUZZ_ENGINE_FEATURES];
__attribute__((section("__libfuzzer_extra_counters"), used))
uint8_t fuzz_features[FUZZ_ENGINE_FEATURES];

/* AFL++'s runtime has this; libFuzzer has the guard function too, but its own aborts. Not one of the
 * variables: AFL++'s compiler puts its own declarations of those into every file. */
__attribute__((weak)) void __afl_manual_init(void);
__attribute__((weak)) void __sanitizer_cov_trace_pc_guard(uint32_t *guard);
__attribute__((weak)) void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop);
static uint32_t guards[FUZZ_ENGINE_FEATURES];

/* Before main: AFL++ takes no new guards once its fork server is up. */
__attribute__((constructor)) static void guards_make(void)
{
    if (__afl_manual_init && __sanitizer_cov_trace_pc_guard_init)
        __sanitizer_cov_trace_pc_guard_init(guards, guards + FUZZ_ENGINE_FEATURES);
}

static void features_forward(void)
{
    if (!__afl_manual_init || !__sanitizer_cov_trace_pc_guard)
        return;
    for (uint32_t i = 0; i < FUZZ_ENGINE_FEATURES; i++)
        if (fuzz_features[i]) {
            __sanitizer_cov_trace_pc_guard(&guards[i]);
            fuzz_features[i] = 0;
        }
}

static _Noreturn void report(const struct fuzz_target *target, const struct fuzz_input *input,
                             const struct ms_sim_result *result)
{
    static char text[16384];
    struct fuzz_note note = {0};

    snprintf(note.bug, sizeof note.bug, "%s", result->bug);
    fuzz_text_write(target, input, &note, text, sizeof text);
    fprintf(stderr, "mapstorm: %s\n%s\n\n%s\nreplay: ./mapstorm replay --target %s FILE\n",
            result->bug, result->story, text, target->name);
    abort();
}

static struct {
    bool is_on;
    uint64_t executions, steps;
} as_is;

static void as_is_tell(void)
{
    fprintf(stderr, "mapstorm: as they are: %lu executions, %.1f steps each\n",
            (unsigned long)as_is.executions,
            (double)as_is.steps / (double)(as_is.executions ? as_is.executions : 1));
}

/* What a target makes once per set-up is made now, or the first execution of each would reach other code
 * than the same one a second time, which engines take for chance. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct fuzz_target *target = &TARGET(FUZZ_ENGINE_TARGET);
    uint8_t setup[FUZZ_SETUP_MAX] = {0};
    uint32_t place = 0;

    (void)argc, (void)argv;
    as_is.is_on = getenv("MAPSTORM_AS_IS") && atexit(as_is_tell) == 0;
    while (place < target->setting_count || target->setting_count == 0) {
        ms_sim_image_leave();
        target->reset(setup);
        for (place = 0; place < target->setting_count; place++) {
            if (++setup[place] < target->settings[place].values)
                break;
            setup[place] = 0;
        }
        if (target->setting_count == 0)
            break;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_input input;
    struct fuzz_options options = {.features = fuzz_features,
                                   .feature_count = FUZZ_ENGINE_FEATURES};
    struct ms_sim_result result;
    const struct fuzz_target *target = &TARGET(FUZZ_ENGINE_TARGET);

    fuzz_decode(target, data, size, &input);
    fuzz_play(target, &input, &options, &result);
    if (result.verdict == MS_SIM_BUG)
        report(target, &input, &result);
    features_forward();
    as_is.executions++;
    as_is.steps += result.steps;
    return 0;
}

/* The input as it is; for the empty one, which engines always try, the last that was not. */
static size_t repeat(uint8_t *data, size_t size, size_t max_size)
{
    static uint8_t last[FUZZ_BYTES_MAX];
    static size_t last_size;

    if (size > 0 && size <= sizeof last) {
        memcpy(last, data, size);
        last_size = size;
    }
    if (size > 0 || last_size > max_size)
        return size;
    memcpy(data, last, last_size);
    return last_size;
}

/* Encodes only what fits: an engine's limit may be lower than ours. */
static size_t give(const struct fuzz_target *target, const struct fuzz_input *input, uint8_t *data,
                   size_t max_size)
{
    uint8_t bytes[FUZZ_BYTES_MAX];
    size_t size = fuzz_encode(target, input, bytes);

    if (size > max_size)
        return 0;
    memcpy(data, bytes, size);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static struct fuzz_input input;
    struct ms_prng prng = {seed};
    const struct fuzz_target *target = &TARGET(FUZZ_ENGINE_TARGET);
    size_t made = 0;

    if (as_is.is_on)
        return repeat(data, size, max_size);
    if (LLVMFuzzerMutate && ms_prng_below(&prng, 2))
        return LLVMFuzzerMutate(data, size, max_size);
    fuzz_decode(target, data, size, &input);
    fuzz_mutate(target, &prng, &input);
    made = give(target, &input, data, max_size);
    return made ? made : size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_out_size, unsigned int seed)
{
    static struct fuzz_input one, other;
    struct ms_prng prng = {seed};
    const struct fuzz_target *target = &TARGET(FUZZ_ENGINE_TARGET);

    if (as_is.is_on) {
        memcpy(out, data1, size1 <= max_out_size ? size1 : 0);
        return repeat(out, size1 <= max_out_size ? size1 : 0, max_out_size);
    }
    fuzz_decode(target, data1, size1, &one);
    fuzz_decode(target, data2, size2, &other);
    fuzz_cross(target, &prng, &one, &other);
    return give(target, &one, out, max_out_size);
}
