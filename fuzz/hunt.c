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

enum { CORPUS_MAX = 2048 };

struct corpus {
    struct fuzz_input *input;
    uint32_t count;
    uint8_t known[FUZZ_FEATURES];
    uint32_t known_count;
    uint8_t fresh[FUZZ_FEATURES];
};

/* The host's clock, not the simulated one: it only limits how long we look. */
static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
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

static void keep(struct corpus *c, struct ms_prng *prng, const struct fuzz_input *input)
{
    if (c->count < CORPUS_MAX)
        c->input[c->count++] = *input;
    else
        c->input[ms_prng_below(prng, CORPUS_MAX)] = *input;
}

/* Plays one input; true when it is a finding. */
static bool try_one(const struct fuzz_target *target, struct fuzz_hunt *hunt, struct corpus *c,
                    struct ms_prng *prng, const struct fuzz_input *input)
{
    struct fuzz_options options = hunt->options;

    options.features = c->fresh;
    fuzz_play(target, input, &options, &hunt->result);
    hunt->executions++;
    hunt->steps += hunt->result.steps;
    hunt->inconclusive += hunt->result.verdict == MS_SIM_INCONCLUSIVE;
    if (hunt->result.verdict == MS_SIM_BUG) {
        hunt->found = true;
        hunt->input = *input;
        return true;
    }
    if (has_news(c))
        keep(c, prng, input);
    return false;
}

static void next_input(const struct fuzz_target *target, const struct corpus *c,
                       struct ms_prng *prng, struct fuzz_input *input)
{
    if (c->count == 0 || ms_prng_below(prng, 8) == 0) {
        fuzz_generate(target, prng, input);
        return;
    }
    *input = c->input[ms_prng_below(prng, c->count)];
    if (ms_prng_below(prng, 8) == 0)
        fuzz_cross(target, prng, input, &c->input[ms_prng_below(prng, c->count)]);
    fuzz_mutate(target, prng, input);
}

/* A small set of inputs that shows every feature: greedy, the richest first. The rest is dropped. */
static void cover(const struct fuzz_target *target, struct corpus *c)
{
    uint8_t *shows = calloc(c->count, FUZZ_FEATURES);
    uint8_t *is_kept = calloc(c->count, 1);
    uint8_t covered[FUZZ_FEATURES] = {0};
    uint32_t kept = 0;
    struct ms_sim_result result;

    ms_require(shows != NULL && is_kept != NULL);
    for (uint32_t i = 0; i < c->count; i++) {
        struct fuzz_options options = {.features = shows + (size_t)i * FUZZ_FEATURES};
        fuzz_play(target, &c->input[i], &options, &result);
    }
    for (;;) {
        uint32_t best = 0;
        uint32_t best_gain = 0;
        for (uint32_t i = 0; i < c->count; i++) {
            uint32_t gain = 0;
            for (uint32_t k = 0; k < FUZZ_FEATURES && !is_kept[i]; k++)
                gain += shows[(size_t)i * FUZZ_FEATURES + k] && !covered[k];
            if (gain > best_gain) {
                best = i;
                best_gain = gain;
            }
        }
        if (best_gain == 0)
            break;
        is_kept[best] = 1;
        for (uint32_t k = 0; k < FUZZ_FEATURES; k++)
            covered[k] |= shows[(size_t)best * FUZZ_FEATURES + k];
    }
    for (uint32_t i = 0; i < c->count; i++)
        if (is_kept[i])
            c->input[kept++] = c->input[i];
    c->count = kept;
    free(shows);
    free(is_kept);
}

void fuzz_hunt(const struct fuzz_target *target, struct fuzz_hunt *hunt)
{
    struct corpus *c = calloc(1, sizeof *c);
    struct ms_prng prng = {hunt->seed};
    double began = seconds_now();
    double told = began;
    struct fuzz_input input;

    ms_require(c != NULL);
    c->input = calloc(CORPUS_MAX, sizeof *c->input);
    ms_require(c->input != NULL);
    hunt->executions = hunt->steps = hunt->inconclusive = 0;
    hunt->found = false;
    for (uint32_t i = 0; i < hunt->seed_count && !hunt->found; i++)
        try_one(target, hunt, c, &prng, &hunt->seeds[i]);
    while (!hunt->found) {
        if (hunt->executions_max && hunt->executions >= hunt->executions_max)
            break;
        if (hunt->executions % 256 == 0) {
            double now = seconds_now();
            if (hunt->seconds_max > 0 && now - began >= hunt->seconds_max)
                break;
            if (!hunt->is_quiet && now - told >= 5) {
                fprintf(stderr, "%s: %lu executions, %.0f a second, %u features, %u kept\n",
                        target->name, (unsigned long)hunt->executions,
                        (double)hunt->executions / (now - began), c->known_count, c->count);
                told = now;
            }
        }
        next_input(target, c, &prng, &input);
        try_one(target, hunt, c, &prng, &input);
    }
    hunt->seconds = seconds_now() - began;
    hunt->features = c->known_count;
    hunt->corpus_count = c->count;
    if (hunt->keeps_cover && !hunt->found) {
        cover(target, c);
        hunt->cover = c->input; /* the caller's now */
        hunt->corpus_count = c->count;
    } else {
        free(c->input);
    }
    free(c);
}
