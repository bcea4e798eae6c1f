/* SPDX-License-Identifier: MIT */
/*
 * prove.c: every interleaving of a program; a thread stopped at each of its steps; a site's meaning
 * weakened to see whether anything notices.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "registers/registers.h"

enum { STOP_SCHEDULES = 24, STOP_BOUND = 7000 };

/* Rewrites the file's "explored" line. */
static bool promise(const char *path, const struct ms_sim_explored *explored)
{
    size_t bytes;
    char *text = file_read(path, &bytes);
    char *line = text ? strstr(text, "explored ") : NULL;
    char *all = text ? malloc(bytes + 100) : NULL;
    bool is_written = false;

    if (all) {
        if (line)
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
    int worst = EXIT_CLEAN;

    printf("%-44s %12s %9s %7s %6s\n", "scenario", "executions", "blocked", "states", "steps");
    for (int a = 1; a < argc; a++) {
        uint32_t files = files_below(argv[a], paths, FILES_MAX);
        for (uint32_t i = 0; i < files; i++) {
            const struct fuzz_target *target;
            struct fuzz_note note;
            struct ms_sim_scenario scenario;
            if (!input_read(paths[i], &input, &note, &target))
                return EXIT_USAGE;
            fuzz_scenario(target, &input, &scenario);
            ms_sim_explore(&scenario, is_plain ? MS_SIM_PLAIN : MS_SIM_REDUCED,
                           max ? strtoull(max, NULL, 0) : 20000000, &explored);
            const char *base = strrchr(paths[i], '/') ? strrchr(paths[i], '/') + 1 : paths[i];
            printf("%-44s %12lu %9lu %7u %6u %s\n", base, (unsigned long)explored.executions,
                   (unsigned long)explored.sleep_blocked, explored.state_count, explored.steps_max,
                   explored.is_complete ? "complete" : "NOT COMPLETE");
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

/* --- stopped threads -----------------------------------------------------------------------------
 */

static void stop_program(const struct fuzz_target *target, const struct fuzz_input *input,
                         uint32_t only_actor, struct ms_sim_stopped *stopped)
{
    struct ms_sim_scenario scenario;

    fuzz_scenario(target, input, &scenario);
    ms_sim_stop_each(&scenario, only_actor, STOP_SCHEDULES, STOP_BOUND, stopped);
}

/* Row: what the stopped thread was doing. The others always take, give and drain. */
static const struct {
    const char *name;
    const char *program;
} stop_rows[] = {
    {"take 1", "a take 0 0\n"},
    {"take 3", "a take 2 0\n"},
    {"take 33, over two words", "a take 0 0\na take 6 0\n"},
    {"take, refused", "a take 6 0\na take 6 0\na take 6 0\n"},
    {"give 1", "a take 0 0\na give 0\n"},
    {"give 3", "a take 2 0\na give 0\n"},
    {"give another's", "a collect\na give 0\nd take 0 0\nd hand 0\n"},
    {"drain", "a take 0 0\na take 0 0\na give 0\na give 0\na drain\n"},
    {"drain all", "a take 0 0\na give 0\na drain_all\n"},
};

static const char *const stop_others = "b take 0 0\nb take 2 0\nb give 0\nb take 6 0\nb give 0\n"
                                       "c take 0 0\nc give 0\nc take 2 2\nc drain_all\nc give 0\n";

static int stop_table(void)
{
    static struct fuzz_input input;
    const struct fuzz_target *target = fuzz_target_find("strategies");
    int result = EXIT_CLEAN;

    printf(
        "One thread is stopped for ever before each of its steps, under %d schedules; two or\n"
        "three others work on. A number is the most steps all of them together needed to finish\n"
        "(at most %d are allowed); `stuck` means that they did not.\n\n",
        STOP_SCHEDULES, STOP_BOUND);
    printf("| stopped in |");
    for (uint32_t i = 0; ms_strategies[i]; i++)
        printf(" %s |", ms_strategies[i]->name);
    printf("\n|---|");
    for (uint32_t i = 0; ms_strategies[i]; i++)
        printf("---:|");
    printf("\n");
    uint64_t points = 0;
    bool is_stuck[32] = {false};
    for (size_t row = 0; row < sizeof stop_rows / sizeof stop_rows[0]; row++) {
        printf("| %s |", stop_rows[row].name);
        for (uint32_t i = 0; ms_strategies[i]; i++) {
            char text[1000];
            char error[200];
            struct fuzz_note note;
            struct ms_sim_stopped stopped;
            snprintf(text, sizeof text, "target strategies\nsetup strategy=%u shape=3\n%s%s", i,
                     stop_rows[row].program, stop_others);
            ms_require(fuzz_text_read(text, &input, &note, error, sizeof error));
            stop_program(target, &input, 0, &stopped);
            points += stopped.points;
            if (stopped.points == 0) {
                printf(" - |"); /* it refuses without a step */
            } else if (stopped.failures > 0) {
                printf(" stuck |");
                is_stuck[i % 32] = true;
            } else {
                printf(" %u |", stopped.steps_worst);
            }
        }
        printf("\n");
    }
    printf("\n%lu stops in all.\n\n", (unsigned long)points);
    for (uint32_t i = 0; ms_strategies[i]; i++) {
        bool claims = ms_strategies[i]->progress == MS_PROGRESS_LOCK_FREE;
        if (claims == is_stuck[i % 32])
            result = EXIT_BUG;
        printf("- %s says it is %s: %s\n", ms_strategies[i]->name,
               claims ? "lock-free" : "blocking",
               claims == is_stuck[i % 32] ? "NOT SO"
               : claims                   ? "no stop held anybody up"
                                          : "a stopped thread holds the others up");
    }
    return result;
}

int command_stop(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    char site[200];
    int worst = EXIT_CLEAN;

    if (flag(&argc, argv, "--table"))
        return stop_table();
    for (int a = 1; a < argc; a++) {
        uint32_t files = files_below(argv[a], paths, FILES_MAX);
        for (uint32_t i = 0; i < files; i++) {
            const struct fuzz_target *target;
            struct fuzz_note note;
            struct ms_sim_stopped stopped;
            if (!input_read(paths[i], &input, &note, &target))
                return EXIT_USAGE;
            stop_program(target, &input, MS_SIM_NOBODY, &stopped);
            printf("%-44s %6u stops, worst %4u steps: %s\n", paths[i], stopped.points,
                   stopped.steps_worst, stopped.failures ? "STUCK" : "nobody is held up");
            if (stopped.failures > 0) {
                site[0] = 0;
                if (stopped.failed_site)
                    ms_sim_site_text(stopped.failed_site, site, sizeof site);
                printf("    %s stopped before its step %u, %s: %s\n",
                       target->actors[stopped.failed_actor], stopped.failed_step, site,
                       stopped.failed.bug);
                worst = EXIT_BUG;
            }
            free(paths[i]);
        }
    }
    return worst;
}

/* --- mutants -------------------------------------------------------------------------------------
 */

static bool can_mutate(const struct ms_sim_site *site, enum ms_sim_mutation mutation)
{
    bool is_rmw = site->kind >= MS_SIM_EXCHANGE && site->kind <= MS_SIM_CAS;
    const char *slash = strrchr(site->file, '/');

    if (strstr(slash ? slash : site->file, "_fuzz.c"))
        return false; /* the harness itself */
    if (mutation == MS_SIM_MUTATE_SPLIT)
        return is_rmw;
    return site->order != MS_SIM_RELAXED && (site->kind <= MS_SIM_FENCE_HEAVY);
}

int command_mutants(int argc, char **argv)
{
    static const char *const names[] = {"", "relax", "split"};
    const char *time = option(&argc, argv, "--time");
    const struct fuzz_target *target = fuzz_target_find(argc > 1 ? argv[1] : "strategies");
    uint32_t killed = 0;
    uint32_t total = 0;

    if (!target)
        return EXIT_USAGE;
    for (uint32_t i = 0; i < ms_sim_site_count(); i++)
        for (int m = MS_SIM_MUTATE_RELAX; m <= MS_SIM_MUTATE_SPLIT; m++) {
            const struct ms_sim_site *site = ms_sim_site_at(i);
            struct fuzz_hunt hunt = {.seed = 1};
            char text[200];
            if (!can_mutate(site, (enum ms_sim_mutation)m))
                continue;
            hunt.seconds_max = time ? strtod(time, NULL) : 2;
            hunt.options.mutant_site = site->id;
            hunt.options.mutation = (enum ms_sim_mutation)m;
            fuzz_hunt(target, &hunt);
            total++;
            killed += hunt.found;
            ms_sim_site_text(site, text, sizeof text);
            printf("%08x %-5s %-9s %8lu  %s%s%s\n", site->id, names[m],
                   hunt.found ? "killed" : "SURVIVED", (unsigned long)hunt.executions, text,
                   hunt.found ? ": " : "", hunt.found ? hunt.result.bug : "");
            fflush(stdout);
        }
    printf("%u of %u killed\n", killed, total);
    return EXIT_CLEAN;
}
