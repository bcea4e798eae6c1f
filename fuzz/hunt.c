/* SPDX-License-Identifier: MIT */
/*
 * hunt.c: a small guided search of our own, in one process and with any compiler.
 *
 * Idea        keep every input that shows an interleaving feature nobody showed before (who read
 *             from whom, how many foreign writes between two looks); play mutations of those kept.
 *             An eighth of the executions are fresh inputs: shallow bugs need no guidance.
 * Reproducible: same seed, same seeds and same limit of executions, same finding.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct corpus {
    struct fuzz_input *input;
    uint32_t count;
    uint32_t *steps; /* of each input */
    uint8_t known[FUZZ_FEATURES];
    uint32_t known_count;
    uint8_t fresh[FUZZ_FEATURES];
};

/* The host's clock, not the simulated one: it only limits how long we look. */
static double seconds_now(const struct fuzz_hunt *hunt)
{
    struct timespec now;

    clock_gettime(hunt->counts_processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool has_news(struct corpus *c)
{
    bool is_new = false;

    for (uint32_t i = 0; i < FUZZ_FEATURES; i += 8) {
        uint64_t eight;
        memcpy(&eight, &c->fresh[i], 8);
        if (!eight)
            continue;
        for (uint32_t k = i; k < i + 8; k++)
            if (c->fresh[k] && !c->known[k]) {
                c->known[k] = 1;
                c->known_count++;
                is_new = true;
            }
        memset(&c->fresh[i], 0, 8);
    }
    return is_new;
}

static void keep(struct corpus *c, struct ms_prng *prng, const struct fuzz_input *input,
                 uint32_t steps)
{
    uint32_t at = c->count < FUZZ_KEPT_MAX ? c->count++ : ms_prng_below(prng, FUZZ_KEPT_MAX);

    c->input[at] = *input;
    c->steps[at] = steps;
}

/* Of three the shortest, half of the time: a long one costs as much as many short ones, and a bug that needs a
 * long history is as far from most long ones. */
static const struct fuzz_input *parent_of(const struct corpus *c, struct ms_prng *prng)
{
    uint32_t chosen = ms_prng_below(prng, c->count);

    for (uint32_t more = ms_prng_below(prng, 2) * 2; more > 0; more--) {
        uint32_t other = ms_prng_below(prng, c->count);
        chosen = c->steps[other] < c->steps[chosen] ? other : chosen;
    }
    return &c->input[chosen];
}

/* Plays one input; true when it is a finding. */
static bool try_one(const struct fuzz_target *target, struct fuzz_hunt *hunt, struct corpus *c,
                    struct ms_prng *prng, const struct fuzz_input *input)
{
    struct fuzz_options options = hunt->options;

    options.features = c->fresh;
    if (hunt->board) {
        hunt->board->playing = *input;
        hunt->board->is_playing = true;
    }
    fuzz_play(target, input, &options, &hunt->result);
    if (hunt->board)
        hunt->board->is_playing = false;
    hunt->executions++;
    hunt->steps += hunt->result.steps;
    hunt->inconclusive += hunt->result.verdict == MS_SIM_INCONCLUSIVE;
    if (hunt->result.verdict == MS_SIM_BUG) {
        hunt->found = true;
        hunt->input = *input;
        return true;
    }
    if (has_news(c)) {
        keep(c, prng, input, hunt->result.steps);
        if (hunt->board)
            hunt->board->found_new_at = seconds_now(hunt) - hunt->seconds;
    }
    return false;
}

/* A mutation may leave what no file says, a seed that is no longer used for one; what is played must be
 * what is written. */
static void normalize(const struct fuzz_target *target, struct fuzz_input *input)
{
    uint8_t bytes[FUZZ_BYTES_MAX];

    fuzz_decode(target, bytes, fuzz_encode(target, input, bytes), input);
}

static void next_input(const struct fuzz_target *target, struct fuzz_hunt *hunt,
                       const struct corpus *c, struct ms_prng *prng, struct fuzz_input *input)
{
    if (c->count == 0 || ms_prng_below(prng, 8) == 0) {
        fuzz_generate(target, prng, input);
        return;
    }
    *input = *parent_of(c, prng);
    if (ms_prng_below(prng, 4) == 0 && !target->is_sequential) {
        hunt->executions++; /* it is played to see who meets whom */
        if (fuzz_preempt(target, prng, input))
            return;
    }
    if (ms_prng_below(prng, 8) == 0)
        fuzz_cross(target, prng, input, &c->input[ms_prng_below(prng, c->count)]);
    fuzz_mutate(target, prng, input);
}

/* Counted rarely; nobody decides on it. */
static void board_fill(const struct fuzz_hunt *hunt, const struct corpus *c)
{
    struct fuzz_board *board = hunt->board;

    if (!board)
        return;
    board->executions = hunt->executions;
    board->steps = hunt->steps;
    board->inconclusive = hunt->inconclusive;
    board->features = c->known_count;
    board->seed_features = hunt->seed_features;
    board->kept = c->count;
    board->seconds = seconds_now(hunt) - hunt->seconds;
}

void fuzz_hunt(const struct fuzz_target *target, struct fuzz_hunt *hunt)
{
    struct corpus *c = calloc(1, sizeof *c);
    struct ms_prng prng = {hunt->seed};
    struct fuzz_input input;

    ms_require(c != NULL);
    c->input = hunt->kept ? hunt->kept : calloc(FUZZ_KEPT_MAX, sizeof *c->input);
    c->steps = calloc(FUZZ_KEPT_MAX, sizeof *c->steps);
    ms_require(c->input != NULL && c->steps != NULL);
    hunt->executions = hunt->steps = hunt->inconclusive = 0;
    hunt->seed_features = 0;
    hunt->found = false;
    hunt->seconds = seconds_now(hunt); /* when it began, until the end */
    for (uint32_t i = 0; i < hunt->seed_count && !hunt->found; i++)
        try_one(target, hunt, c, &prng, &hunt->seeds[i]);
    hunt->seed_features = c->known_count;
    for (uint32_t round = 0; !hunt->found; round++) {
        if (hunt->executions_max && hunt->executions >= hunt->executions_max)
            break;
        if (round % 64 == 0) {
            board_fill(hunt, c);
            if ((hunt->board && hunt->board->must_stop) ||
                (hunt->seconds_max > 0 && seconds_now(hunt) - hunt->seconds >= hunt->seconds_max))
                break;
        }
        next_input(target, hunt, c, &prng, &input);
        normalize(target, &input);
        try_one(target, hunt, c, &prng, &input);
    }
    board_fill(hunt, c);
    hunt->seconds = seconds_now(hunt) - hunt->seconds;
    hunt->features = c->known_count;
    hunt->kept_count = c->count;
    if (!hunt->kept)
        free(c->input);
    free(c->steps);
    free(c);
}

/* --- a small set with all features ---------------------------------------------------------------
 */

enum { FEATURE_WORDS = FUZZ_FEATURES / 64 };

struct shown {
    uint64_t word[FEATURE_WORDS];
};

static uint32_t gain_of(const struct shown *of, const struct shown *covered)
{
    uint32_t gain = 0;

    for (uint32_t w = 0; w < FEATURE_WORDS; w++)
        gain += (uint32_t)__builtin_popcountll(of->word[w] & ~covered->word[w]);
    return gain;
}

/* Plays all; those that fail are moved out. Returns how many are left, and lowers `fixed`. */
static uint32_t features_see(const struct fuzz_target *target, struct fuzz_input *inputs,
                             uint32_t count, uint32_t *fixed, struct shown *shown)
{
    uint8_t bytes[FUZZ_FEATURES];
    struct fuzz_options options = {.features = bytes};
    struct ms_sim_result result;
    uint32_t good = 0;
    uint32_t was_fixed = *fixed;

    for (uint32_t i = 0; i < count; i++) {
        memset(bytes, 0, sizeof bytes);
        fuzz_play(target, &inputs[i], &options, &result);
        if (result.verdict == MS_SIM_BUG) {
            *fixed -= i < was_fixed;
            continue;
        }
        for (uint32_t k = 0; k < FUZZ_FEATURES; k++)
            if (bytes[k])
                shown[good].word[k / 64] |= UINT64_C(1) << k % 64;
        inputs[good++] = inputs[i];
    }
    return good;
}

uint32_t fuzz_cover(const struct fuzz_target *target, struct fuzz_input *inputs, uint32_t count,
                    uint32_t *fixed, uint32_t *features)
{
    struct shown *shown = calloc(count ? count : 1, sizeof *shown);
    struct shown covered = {0};
    uint32_t kept;

    ms_require(shown != NULL);
    count = features_see(target, inputs, count, fixed, shown);
    for (uint32_t i = 0; i < *fixed; i++)
        for (uint32_t w = 0; w < FEATURE_WORDS; w++)
            covered.word[w] |= shown[i].word[w];
    /* Greedy: always the one that adds most. */
    for (kept = *fixed; kept < count; kept++) {
        uint32_t best = kept;
        uint32_t best_gain = 0;
        for (uint32_t i = kept; i < count; i++) {
            uint32_t gain = gain_of(&shown[i], &covered);
            if (gain > best_gain) {
                best = i;
                best_gain = gain;
            }
        }
        if (best_gain == 0)
            break;
        struct shown seen = shown[best];
        struct fuzz_input input = inputs[best];
        shown[best] = shown[kept];
        inputs[best] = inputs[kept];
        shown[kept] = seen;
        inputs[kept] = input;
        for (uint32_t w = 0; w < FEATURE_WORDS; w++)
            covered.word[w] |= seen.word[w];
    }
    *features = gain_of(&covered, &(struct shown){0});
    free(shown);
    return kept;
}
