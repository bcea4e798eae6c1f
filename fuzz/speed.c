/* SPDX-License-Identifier: MIT */
/*
 * speed.c: executions a second of the plain runner, replaying a corpus over and over.
 *
 * Counts processor time, not the clock's, so that a machine with other work tells the same. Two numbers per
 * target: of all inputs, and of those of 30 to 80 steps, which is what goals are stated in. The best of
 * several rounds counts: what disturbs only ever slows. With --times the work is fixed instead, for whoever
 * counts instructions: two of those runs differ by the executions alone.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INPUTS_MAX = 2048, ROUNDS = 5, SHORT_LEAST = 30, SHORT_MOST = 80 };

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct measured {
    double executions_second, steps_each;
};

/* How long a line is measured: for so many seconds, or each input so often. */
struct effort {
    double seconds;
    uint64_t times; /* 0: by the clock */
};

static struct measured measure(const struct fuzz_target *target, const struct fuzz_input *inputs,
                               uint32_t count, const struct effort *effort)
{
    static uint8_t features[FUZZ_FEATURES]; /* a hunt looks at them too */
    struct fuzz_options options = {.features = features};
    struct ms_sim_result result;
    struct measured best = {0};
    int rounds = effort->times ? 1 : ROUNDS;

    for (int round = 0; round < rounds && count > 0; round++) {
        uint64_t executions = 0;
        uint64_t steps = 0;
        double from = processor_seconds();
        double took;
        bool is_over;
        do {
            for (uint32_t i = 0; i < count; i++, executions++) {
                fuzz_play(target, &inputs[i], &options, &result);
                steps += result.steps;
            }
            took = processor_seconds() - from;
            is_over = effort->times ? executions >= effort->times * count
                                    : took >= effort->seconds / ROUNDS;
        } while (!is_over);
        if ((double)executions / took > best.executions_second)
            best = (struct measured){(double)executions / took, (double)steps / (double)executions};
    }
    return best;
}

static void line_print(const char *name, const char *which, uint32_t count, struct measured m)
{
    if (count > 0)
        printf("%-14s %-6s %6u %12.0f %11.1f %11.2f\n", name, which, count, m.executions_second,
               m.steps_each, m.executions_second * m.steps_each * 1e-6);
}

static void folder_measure(const struct fuzz_target *target, const struct fuzz_input *inputs,
                           uint32_t count, const struct effort *effort)
{
    struct fuzz_input *some = calloc(count, sizeof *some);
    struct ms_sim_result result;
    uint32_t few = 0;

    ms_require(some != NULL);
    line_print(target->name, "all", count, measure(target, inputs, count, effort));
    for (uint32_t i = 0; i < count; i++) {
        fuzz_play(target, &inputs[i], NULL, &result);
        if (result.steps >= SHORT_LEAST && result.steps <= SHORT_MOST)
            some[few++] = inputs[i];
    }
    line_print(target->name, "short", few, measure(target, some, few, effort));
    free(some);
}

int command_speed(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input inputs[INPUTS_MAX];
    const char *time_text = option(&argc, argv, "--time");
    const char *times_text = option(&argc, argv, "--times");
    struct effort effort = {.seconds = 1};

    if (!seconds_read("--time", time_text, &effort.seconds) ||
        !number_read("--times", times_text, UINT32_MAX, &effort.times) || !options_done(argc, argv))
        return EXIT_USAGE;
    if (times_text && (time_text || effort.times == 0)) {
        fprintf(stderr,
                "mapstorm: speed: --times takes a number above 0, and no --time beside it\n");
        return EXIT_USAGE;
    }
    if (argc < 2) {
        fprintf(stderr, "mapstorm: speed: which DIR?; see %s speed --help\n", program_of("speed"));
        return EXIT_USAGE;
    }
    printf("%-14s %-6s %6s %12s %11s %11s\n", "target", "which", "inputs", "executions/s",
           "steps each", "M steps/s");
    for (int a = 1; a < argc; a++) {
        const struct fuzz_target *target = NULL;
        uint32_t files = inputs_below(argv[a], paths);
        uint32_t count = 0;
        if (files == 0)
            return EXIT_USAGE;
        for (uint32_t i = 0; i < files; i++) {
            const struct fuzz_target *of;
            struct fuzz_note note;
            if (count == INPUTS_MAX || !input_read(paths[i], &inputs[count], &note, &of))
                return EXIT_USAGE;
            free(paths[i]);
            if (!target)
                target = of;
            count += of == target; /* a folder is of one target */
        }
        folder_measure(target, inputs, count, &effort);
        fflush(stdout);
    }
    return EXIT_CLEAN;
}
