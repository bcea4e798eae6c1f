/* SPDX-License-Identifier: MIT */
/*
 * stop.c: a thread stopped for ever at each of its steps, and whether the others finish beside it.
 *
 * Idea        a program is played under a few schedules; for each actor and each step it comes to, once
 *             more with that actor frozen there. The others must finish within a bound of steps. A
 *             stop belongs to the operation the frozen actor was in.
 * Table       all programs of a target's stops/ and scenarios/, under every strategy: operation by
 *             strategy. Numbers are rounded up to powers of two, so that only a change that matters
 *             changes the committed table.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "registers/registers.h"

enum {
    FILE_SCHEDULES = 24,
    TABLE_SCHEDULES = 5,
    STOP_BOUND = 8192,
    COLUMNS_MAX = 32,
    ROWS_MAX = 32,
    PROGRAMS_MAX = 256,
};

/* What came of the stops in one operation under one strategy. */
struct cell {
    uint32_t stops;
    uint32_t steps_worst;
    uint32_t stuck;
};

struct table {
    const struct fuzz_target *target;
    const struct fuzz_input *input;
    uint32_t column;
    uint32_t columns;
    struct cell cell[ROWS_MAX][COLUMNS_MAX]; /* the last row: behind the last operation */
    char example[COLUMNS_MAX][400];          /* the first that was stuck */
    struct fuzz_input seen[PROGRAMS_MAX];    /* with strategy 0: each program once */
    uint32_t programs;
    const char *file;
};

/* ms_sim_scenario's context belongs to the scenario; there is one table at a time. */
static struct table table;

static void table_add(void *unused, uint32_t actor, const struct ms_sim_result *result)
{
    uint32_t op = fuzz_op_now(actor);
    uint32_t row = op < FUZZ_OPS_MAX ? table.input->op[op].kind : ROWS_MAX - 1;
    struct cell *cell = &table.cell[row][table.column];

    (void)unused;
    cell->stops++;
    if (result->frozen_steps > cell->steps_worst)
        cell->steps_worst = result->frozen_steps;
    if (result->verdict == MS_SIM_CLEAN)
        return;
    if (cell->stuck++ == 0 && !table.example[table.column][0])
        snprintf(table.example[table.column], sizeof table.example[0], "%s: %s stopped in %s: %s",
                 table.file, table.target->actors[actor],
                 op < FUZZ_OPS_MAX ? table.target->kinds[row].name : "its end", result->bug);
}

static uint32_t strategy_setting(const struct fuzz_target *target)
{
    uint32_t i = 0;

    while (i < target->setting_count && strcmp(target->settings[i].name, "strategy") != 0)
        i++;
    return i;
}

/* Scenarios of several strategies are one program. */
static bool is_seen(const struct fuzz_input *input)
{
    for (uint32_t i = 0; i < table.programs; i++)
        if (memcmp(&table.seen[i], input, sizeof *input) == 0)
            return true;
    ms_require(table.programs < PROGRAMS_MAX);
    table.seen[table.programs++] = *input;
    return false;
}

static bool file_add(const char *path)
{
    static struct fuzz_input input;
    const struct fuzz_target *of;
    struct fuzz_note note;
    uint32_t setting = strategy_setting(table.target);

    if (!input_read(path, &input, &note, &of))
        return false;
    if (of != table.target)
        return true;
    if (setting < table.target->setting_count)
        input.setup[setting] = 0;
    if (is_seen(&input))
        return true;
    table.file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    table.input = &input;
    for (table.column = 0; table.column < table.columns; table.column++) {
        struct ms_sim_scenario scenario;
        struct ms_sim_stopped stopped;
        if (setting < table.target->setting_count)
            input.setup[setting] = (uint8_t)table.column;
        fuzz_scenario(table.target, &input, &scenario);
        scenario.stopped = table_add;
        ms_sim_stop_each(&scenario, MS_SIM_NOBODY, TABLE_SCHEDULES, STOP_BOUND, &stopped);
    }
    return true;
}

static void cell_print(const struct cell *cell)
{
    uint32_t bound = 16;

    while (bound < cell->steps_worst)
        bound *= 2;
    if (cell->stops == 0)
        printf(" - |");
    else if (cell->stuck)
        printf(" **stuck** |");
    else
        printf(" %u |", bound);
}

static bool column_is_stuck(uint32_t column)
{
    for (uint32_t row = 0; row < ROWS_MAX; row++)
        if (table.cell[row][column].stuck)
            return true;
    return false;
}

static void rows_print(void)
{
    for (uint32_t row = 0; row < ROWS_MAX; row++) {
        uint32_t stops = 0;
        for (uint32_t c = 0; c < table.columns; c++)
            stops += table.cell[row][c].stops;
        if (stops == 0)
            continue;
        printf("| %s |",
               row < table.target->kind_count ? table.target->kinds[row].name : "(its end)");
        for (uint32_t c = 0; c < table.columns; c++)
            cell_print(&table.cell[row][c]);
        printf("\n");
    }
}

/* What each strategy says of itself, beside what was seen. A blocking one need not be caught by each
 * target's programs; one that says it is lock-free must never be. */
static int claims_print(void)
{
    int code = EXIT_CLEAN;

    printf("\n");
    for (uint32_t c = 0; c < table.columns; c++) {
        bool is_stuck = column_is_stuck(c);
        bool is_lock_free = ms_strategies[c]->progress == MS_PROGRESS_LOCK_FREE;
        printf("- %s says it is %s: %s\n", ms_strategies[c]->name,
               is_lock_free ? "lock-free" : "blocking",
               is_stuck && is_lock_free ? "NOT SO"
               : is_stuck               ? "a stopped thread holds the others up"
                                        : "no stop held anybody up");
        if (is_stuck && is_lock_free) {
            printf("  %s\n", table.example[c]);
            code = EXIT_BUG;
        }
    }
    return code;
}

static int target_table(const struct fuzz_target *target, const char *corpus, bool *is_empty)
{
    static char *paths[FILES_MAX];
    static const char *const folders[] = {"scenarios", "stops"};
    bool has_strategies = strategy_setting(target) < target->setting_count;
    bool is_read = true;
    uint32_t stops = 0;

    memset(&table, 0, sizeof table);
    table.target = target;
    table.columns = 1;
    if (has_strategies)
        for (table.columns = 0; ms_strategies[table.columns];)
            table.columns++;
    ms_require(table.columns <= COLUMNS_MAX && target->kind_count < ROWS_MAX);
    for (int k = 0; k < 2; k++) {
        char folder[PATH_BYTES];
        struct stat facts;
        snprintf(folder, sizeof folder, "%s/%s/%s", corpus, target->name, folders[k]);
        uint32_t files = stat(folder, &facts) == 0 ? files_below(folder, paths, FILES_MAX) : 0;
        for (uint32_t i = 0; i < files; i++) {
            is_read &= file_add(paths[i]);
            free(paths[i]);
        }
    }
    if (!is_read)
        return EXIT_USAGE;
    if (table.programs == 0)
        return EXIT_CLEAN;
    *is_empty = false;
    printf("\n## %s: %s\n\n| stopped in |", target->name, target->summary);
    for (uint32_t c = 0; c < table.columns; c++)
        printf(" %s |", has_strategies ? ms_strategies[c]->name : "steps of the others");
    printf("\n|---|");
    for (uint32_t c = 0; c < table.columns; c++)
        printf("---:|");
    printf("\n");
    rows_print();
    for (uint32_t row = 0; row < ROWS_MAX; row++)
        for (uint32_t c = 0; c < table.columns; c++)
            stops += table.cell[row][c].stops;
    fprintf(stderr, "%s: %u programs, %u stops\n", target->name, table.programs, stops);
    if (has_strategies)
        return claims_print();
    if (!column_is_stuck(0))
        return EXIT_CLEAN;
    if (target->blocks) {
        printf("\nMay be stuck: %s.\n", target->blocks);
        return EXIT_CLEAN;
    }
    printf("\n%s\n", table.example[0]);
    return EXIT_BUG;
}

static int tables(const char *corpus, const char *target)
{
    bool is_empty = true;
    int worst = EXIT_CLEAN;

    printf("# A thread stopped for ever, and what the others need\n\n"
           "Made by `mapstorm-fuzz stop --table`; a test says when it is no longer true. Each "
           "program in\n"
           "`corpus/TARGET/stops` and `corpus/TARGET/scenarios` runs with each of its threads "
           "stopped for\n"
           "ever before each of its steps, under %d schedules, with each strategy. A number: the "
           "others\n"
           "together always finished within so many steps (rounded up to a power of two; at most "
           "%d are\n"
           "allowed). **stuck**: they did not. -: no program stops there.\n",
           TABLE_SCHEDULES, STOP_BOUND);
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++)
        if (!target || strcmp(target, (*t)->name) == 0) {
            int code = target_table(*t, corpus, &is_empty);
            worst = code > worst ? code : worst;
        }
    if (is_empty && worst == EXIT_CLEAN) {
        fprintf(stderr, "mapstorm: stop: no program in %s/%s/stops\n", corpus,
                target ? target : "TARGET");
        return EXIT_USAGE;
    }
    return worst;
}

static int file_stop(const char *path)
{
    static struct fuzz_input input;
    const struct fuzz_target *target;
    struct fuzz_note note;
    struct ms_sim_scenario scenario;
    struct ms_sim_stopped stopped;
    char site[200] = "";

    if (!input_read(path, &input, &note, &target))
        return EXIT_USAGE;
    fuzz_scenario(target, &input, &scenario);
    ms_sim_stop_each(&scenario, MS_SIM_NOBODY, FILE_SCHEDULES, STOP_BOUND, &stopped);
    printf("%-44s %6u stops, worst %4u steps: %s\n", path, stopped.points, stopped.steps_worst,
           stopped.failures ? "STUCK" : "nobody is held up");
    if (stopped.failures == 0)
        return EXIT_CLEAN;
    if (target->blocks)
        printf("    may be: %s\n", target->blocks);
    if (stopped.failed_site)
        ms_sim_site_text(stopped.failed_site, site, sizeof site);
    printf("    %s stopped before its step %u, %s: %s\n", target->actors[stopped.failed_actor],
           stopped.failed_step, site, stopped.failed.bug);
    return target->blocks ? EXIT_CLEAN : EXIT_BUG;
}

int command_stop(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    const char *corpus = option(&argc, argv, "--corpus");
    bool is_table = flag(&argc, argv, "--table");
    int worst = EXIT_CLEAN;

    if (!options_done(argc, argv))
        return EXIT_USAGE;
    if (is_table) {
        if (argc > 2 || (argc == 2 && !fuzz_target_find(argv[1]))) {
            target_unknown("stop", argv[argc - 1]);
            return EXIT_USAGE;
        }
        return tables(corpus ? corpus : corpus_folder(), argc == 2 ? argv[1] : NULL);
    }
    if (argc < 2 || corpus) {
        fprintf(stderr, "mapstorm: stop: %s\n",
                corpus ? "--corpus goes with --table" : "which DIR or FILE, or --table?");
        return EXIT_USAGE;
    }
    for (int a = 1; a < argc; a++) {
        uint32_t files = inputs_below(argv[a], paths);
        if (files == 0)
            worst = EXIT_USAGE;
        for (uint32_t i = 0; i < files; i++) {
            int code = file_stop(paths[i]);
            worst = code == EXIT_BUG || worst == EXIT_CLEAN ? code : worst;
            free(paths[i]);
        }
    }
    return worst;
}
