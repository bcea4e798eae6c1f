/* SPDX-License-Identifier: MIT */
/*
 * prove.c: every interleaving of a program.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

/* Rewrites the file's "explored" line. */
static bool promise(const char *path, const struct ms_sim_explored *explored)
{
    size_t bytes;
    char *text = file_read(path, &bytes);
    char *line = text;
    char *all = text ? malloc(bytes + 100) : NULL;
    bool is_written = false;

    if (all) {
        while (line && strncmp(line, "explored ", 9) != 0) {
            char *end = strchr(line, '\n');
            line = end ? end + 1 : NULL;
        }
        if (line) /* the last of a scenario */
            *line = 0;
        snprintf(all, bytes + 100, "%sexplored %lu %u\n", text, (unsigned long)explored->executions,
                 explored->state_count);
        is_written = file_write(path, all, strlen(all));
    }
    free(all);
    free(text);
    return is_written;
}

int command_explore(int argc, char **argv)
{
    static struct ms_sim_explored explored;
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    const char *max = option(&argc, argv, "--max");
    bool is_checking = flag(&argc, argv, "--check");
    bool is_updating = flag(&argc, argv, "--update");
    bool is_plain = flag(&argc, argv, "--plain");
    uint64_t executions_max = 20000000;
    int worst = EXIT_CLEAN;

    if (!options_done(argc, argv) || !number_read("--max", max, UINT32_MAX, &executions_max))
        return EXIT_USAGE;
    if ((is_checking && is_updating) || executions_max == 0) {
        fprintf(stderr, "mapstorm: explore: %s\n",
                executions_max ? "--check or --update, not both" : "--max takes at least 1");
        return EXIT_USAGE;
    }
    if (argc < 2) {
        fprintf(stderr, "mapstorm: explore: which DIR or FILE?; see %s explore --help\n",
                program_of("explore"));
        return EXIT_USAGE;
    }
    printf("%-44s %12s %9s %7s %6s\n", "scenario", "executions", "blocked", "states", "steps");
    for (int a = 1; a < argc; a++) {
        uint32_t files = inputs_below(argv[a], paths);
        if (files == 0)
            return EXIT_USAGE;
        for (uint32_t i = 0; i < files; i++) {
            const struct fuzz_target *target;
            struct fuzz_note note;
            struct ms_sim_scenario scenario;
            if (!input_read(paths[i], &input, &note, &target))
                return EXIT_USAGE;
            fuzz_scenario(target, &input, &scenario);
            scenario.preemptions = note.preemptions;
            ms_sim_explore(&scenario,
                           is_plain          ? MS_SIM_PLAIN
                           : note.is_bounded ? MS_SIM_BOUNDED
                                             : MS_SIM_REDUCED,
                           executions_max, &explored);
            const char *base = strrchr(paths[i], '/') ? strrchr(paths[i], '/') + 1 : paths[i];
            printf("%-44s %12lu %9lu %7u %6u %s\n", base, (unsigned long)explored.executions,
                   (unsigned long)explored.sleep_blocked, explored.state_count, explored.steps_max,
                   explored.is_complete ? "complete" : "NOT COMPLETE");
            if (note.is_bounded && !is_plain)
                printf("    of those with at most %u interruptions\n", note.preemptions);
            if (explored.bug.verdict == MS_SIM_BUG) {
                fuzz_story(target, &input, &explored.bug, stdout);
                worst = EXIT_BUG;
            } else if (!explored.is_complete) {
                worst = worst ? worst : EXIT_UNCLEAR;
            } else if (is_updating) {
                if (!promise(paths[i], &explored))
                    return EXIT_USAGE;
            } else if (is_checking && (note.executions != explored.executions ||
                                       note.states != explored.state_count)) {
                printf("    the file says: %u executions, %u states\n", note.executions,
                       note.states);
                worst = worst ? worst : EXIT_UNCLEAR;
            }
            free(paths[i]);
        }
    }
    return worst;
}
