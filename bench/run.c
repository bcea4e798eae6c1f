/* SPDX-License-Identifier: MIT */
/*
 * run.c: `mapstorm run`: look at the machine, show the plan, measure, judge, write the report.
 * Results go to standard output; plan, progress and notes to standard error.
 */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "emit.h"
#include "facts.h"
#include "judge.h"
#include "options.h"
#include "runner.h"

enum { PATH_BYTES = 1024, LINE_BYTES = 4096, ARGUMENTS_MAX = 2 * MS_CHOICES_MAX + 8 };

static const double BUSY_WAIT_SECONDS = 10.0;
static const double BUSY_WAIT_SECONDS_QUICK = 1.0;

/* ---- Ctrl-C ----------------------------------------------------------------------------------- */

/* The two things a signal handler may touch: how often, and the folder made for this report, which
 * goes again as long as it is empty. */
static volatile sig_atomic_t interrupts;
static const char *volatile interrupt_folder;

static void interrupt_take(int signal_number)
{
    (void)signal_number;
    if (++interrupts < 2)
        return;
    /* The second one stops at once; launches die with us. */
    if (interrupt_folder)
        rmdir(interrupt_folder);
    _exit(MS_EXIT_INTERRUPTED);
}

static bool is_interrupted(void)
{
    return interrupts > 0;
}

static void interrupts_watch(void)
{
    struct sigaction action = {.sa_handler = interrupt_take};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- what all commands share ------------------------------------------------------------------ */

int ms_problem_print(const struct ms_problem *problem)
{
    fprintf(stderr, "mapstorm: %s\n", problem->text);
    return (int)problem->exit;
}

const char *ms_program_name(void)
{
    return access("./mapstorm", X_OK) == 0 && access("./bench/packages.txt", R_OK) == 0
               ? "./mapstorm"
               : "mapstorm";
}

struct run {
    struct ms_options options;
    struct ms_catalog *catalog;
    struct ms_topology *topology;
    struct ms_schedule *schedule;
    struct ms_result *result;
    char shipped[PATH_BYTES]; /* folder of the layouts that came with the program */
    bool has_shipped;
    char program[PATH_BYTES];
    char command[LINE_BYTES]; /* that repeats the run */
    char files[LINE_BYTES];   /* the part of it that names layouts and plug-ins */
    char folder[PATH_BYTES];
    bool is_folder_new;
    const char *argument[ARGUMENTS_MAX]; /* of the launches */
};

static bool problem_set(struct ms_problem *problem, enum ms_exit code, const char *text)
{
    problem->exit = code;
    snprintf(problem->text, sizeof problem->text, "%s", text);
    return false;
}

/* What plans and launches both open, so that names mean the same to both. */
static bool catalog_open(struct run *run, struct ms_problem *problem)
{
    struct ms_choices layouts = run->options.layouts;
    struct ms_catalog_config config;
    char why[MS_WHY_BYTES];

    run->has_shipped = ms_catalog_shipped(run->shipped, sizeof run->shipped);
    if (run->has_shipped && layouts.count < MS_CHOICES_MAX)
        layouts.text[layouts.count++] = run->shipped;
    config = (struct ms_catalog_config){.layouts = layouts.text,
                                        .layout_count = layouts.count,
                                        .plugins = run->options.plugins.text,
                                        .plugin_count = run->options.plugins.count};
    run->catalog = ms_catalog_open(&config, why);
    if (!run->catalog)
        return problem_set(problem, MS_EXIT_USAGE, why);
    run->topology = ms_topology_open();
    if (!run->topology)
        return problem_set(problem, MS_EXIT_UNTRUSTED, "hwloc cannot read this machine's topology");
    return true;
}

static void run_close(struct run *run)
{
    interrupt_folder = NULL;
    ms_result_free(run->result);
    ms_schedule_free(run->schedule);
    ms_topology_close(run->topology);
    ms_catalog_close(run->catalog);
    ms_options_free(&run->options);
}

/* ---- launches --------------------------------------------------------------------------------- */

static bool launches_describe(struct run *run, struct ms_problem *problem)
{
    ssize_t length = readlink("/proc/self/exe", run->program, sizeof run->program - 1);
    size_t at = 0;

    if (length <= 0)
        return problem_set(problem, MS_EXIT_INCOMPLETE,
                           "the program cannot find itself: /proc is not mounted");
    run->program[length] = '\0';
    for (size_t i = 0; i < run->options.layouts.count; i++) {
        run->argument[at++] = "--layout";
        run->argument[at++] = run->options.layouts.text[i];
    }
    for (size_t i = 0; i < run->options.plugins.count; i++) {
        run->argument[at++] = "--plugin";
        run->argument[at++] = run->options.plugins.text[i];
    }
    return true;
}

int ms_main_serve(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof *run);
    struct ms_problem problem;
    struct ms_stand *stand = NULL;
    int code = MS_EXIT_INCOMPLETE;

    if (!run)
        return code;
    if (!ms_options_parse(&run->options, argc, argv, &problem) || !catalog_open(run, &problem)) {
        ms_problem_print(&problem);
        goto done;
    }
    stand = ms_stand_open(run->catalog, run->topology);
    if (stand)
        code = ms_child_serve(stand);
    ms_stand_close(stand);
done:
    run_close(run);
    free(run);
    return code;
}

/* ---- where the report goes -------------------------------------------------------------------- */

/* reports/<date>-<host>, with -2, -3 ... behind it where that is taken. */
static void folder_choose(struct run *run)
{
    time_t now = (time_t)ms_clock_epoch();
    struct tm local;
    char date[32] = "undated";
    char host[64];

    if (localtime_r(&now, &local))
        strftime(date, sizeof date, "%Y-%m-%d", &local);
    ms_host_name(host, sizeof host, run->options.is_anonymous);
    snprintf(run->folder, sizeof run->folder, "reports/%s-%s", date, host);
    for (unsigned i = 2; access(run->folder, F_OK) == 0 && i < 10000; i++)
        snprintf(run->folder, sizeof run->folder, "reports/%s-%s-%u", date, host, i);
}

/* Finds out before measuring whether the report can be written, and never touches an old one. */
static bool folder_prepare(struct run *run, struct ms_problem *problem)
{
    char stored[PATH_BYTES + 32];

    if (run->options.out)
        snprintf(run->folder, sizeof run->folder, "%s", run->options.out);
    else
        folder_choose(run);
    snprintf(stored, sizeof stored, "%s/result.json", run->folder);
    if (access(stored, F_OK) == 0) {
        problem->exit = MS_EXIT_USAGE;
        snprintf(problem->text, sizeof problem->text,
                 "%.300s already holds a report; name another folder with --out", run->folder);
        return false;
    }
    run->is_folder_new = access(run->folder, F_OK) != 0;
    if (!ms_report_probe(run->folder, problem))
        return false;
    if (run->is_folder_new)
        interrupt_folder = run->folder;
    return true;
}

static void folder_drop(const struct run *run)
{
    if (run->is_folder_new)
        rmdir(run->folder); /* only if nothing is in it */
}

static bool xml_print(const struct ms_topology *topology, const char *path)
{
    size_t bytes;
    char *xml = ms_topology_xml(topology, &bytes);
    char aside[PATH_BYTES + 64];
    FILE *out;
    bool is_good;

    snprintf(aside, sizeof aside, "%s.tmp", path);
    out = xml ? fopen(aside, "we") : NULL;
    if (!out) {
        if (xml)
            ms_topology_xml_free(topology, xml);
        return false;
    }
    is_good = fwrite(xml, 1, bytes, out) == bytes;
    is_good = fclose(out) == 0 && is_good;
    is_good = is_good && rename(aside, path) == 0;
    if (!is_good)
        unlink(aside);
    ms_topology_xml_free(topology, xml);
    return is_good;
}

static bool report_write(const struct run *run, struct ms_problem *problem)
{
    char path[PATH_BYTES + 32];

    if (!ms_report_write(run->result, run->folder, problem))
        return false;
    /* The host's name is in hwloc's XML, so an anonymous report goes without it. */
    snprintf(path, sizeof path, "%s/machine.xml", run->folder);
    if (run->options.is_anonymous || xml_print(run->topology, path))
        return true;
    problem->exit = MS_EXIT_INCOMPLETE;
    snprintf(problem->text, sizeof problem->text, "cannot write %.400s: %s", path, strerror(errno));
    return false;
}

/* ---- talking ---------------------------------------------------------------------------------- */

static void plan_print(const struct run *run, FILE *out)
{
    const struct ms_run *r = &run->result->run;
    char text[512];

    fprintf(out, "mapstorm %s  %s%s  %s  %s\n", r->version, r->commit ? r->commit : "no commit",
            r->commit && !r->tree_clean ? "+" : "", r->build, r->machine);
    ms_schedule_describe(run->schedule, text, sizeof text);
    fprintf(out, "plan      %s\n", text);
    for (size_t i = 0; i < run->result->note_count; i++) {
        const struct ms_note *note = &run->result->notes[i];

        fprintf(out, "%-9s %s\n",
                note->level == MS_LEVEL_NOTE      ? "note"
                : note->level == MS_LEVEL_WARNING ? "warning"
                                                  : "refused",
                note->text);
        if (note->help)
            fprintf(out, "%-9s %s\n", "", note->help);
    }
}

static void dry_print(const struct run *run)
{
    plan_print(run, stdout);
    for (size_t i = 0; i < run->schedule->case_count; i++) {
        const struct ms_case *c = &run->schedule->cases[i];

        for (uint32_t k = 0; k < c->entrants; k++) {
            char name[MS_CELL_NAME_BYTES];

            ms_entrant_name(c, &c->entrant[k], name, sizeof name);
            printf("%-9s %s%s%s\n",
                   c->entrant[k].who->part == MS_PART_LIMIT     ? "limit"
                   : c->entrant[k].who->part > MS_PART_BASELINE ? "control"
                   : c->entrant[k].state == MS_STATE_REFUSED    ? "refused"
                                                                : "cell",
                   name, c->is_oversubscribed ? "  (never ranked)" : "",
                   c->entrant[k].why ? "  (by design)" : "");
        }
    }
}

static bool wants_color(enum ms_color color)
{
    const char *no_color = getenv("NO_COLOR");

    if (color != MS_COLOR_AUTO)
        return color == MS_COLOR_ALWAYS;
    return isatty(1) && !(no_color && no_color[0]);
}

static void crashes_print(const struct ms_result *r, FILE *out)
{
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *cell = &r->cells[i];

        if (cell->outcome != MS_OUTCOME_CRASHED && cell->outcome != MS_OUTCOME_FAILED)
            continue;
        fprintf(out, "%-9s %s: %s\n%-9s %s\n", ms_outcome_name(cell->outcome), cell->name,
                cell->why ? cell->why : "", "again", cell->command);
    }
}

/* ---- the run ---------------------------------------------------------------------------------- */

static bool run_prepare(struct run *run, int argc, char **argv, struct ms_problem *problem)
{
    struct ms_facts_config facts;

    if (!ms_options_parse(&run->options, argc, argv, problem) || !catalog_open(run, problem))
        return false;
    run->schedule = ms_schedule_make(run->catalog, run->topology, &run->options.wish, problem);
    if (!run->schedule || !launches_describe(run, problem))
        return false;

    run->result = ms_result_new();
    ms_options_print(&run->options, ms_program_name(), run->command, sizeof run->command);
    ms_options_files(&run->options, run->files, sizeof run->files);
    facts = (struct ms_facts_config){.command = run->command,
                                     .seed = run->options.wish.seed,
                                     .is_anonymous = run->options.is_anonymous,
                                     .allow_debug = run->options.allows_debug};
    ms_facts_collect(run->result, run->topology, &facts);
    run->result->run.plan = run->options.wish.size;
    run->result->run.launches = run->schedule->launches;
    run->result->run.blocks = run->schedule->blocks;
    return true;
}

/* What was found out about the machine only by measuring. */
static void note_late(struct ms_result *r, uint32_t blocks, const struct ms_runner_outcome *outcome)
{
    struct ms_note *note = ms_result_add_note(r);

    note->level = MS_LEVEL_WARNING;
    note->id = "time";
    note->text = ms_result_text(r,
                                "the machine was so busy that %" PRIu32 " of %" PRIu32
                                " blocks were left out to end in time",
                                outcome->blocks_left_out, blocks);
    note->help = "take the run again on a quiet machine";
    fprintf(stderr, "%-9s %s\n", "warning", note->text);
}

static bool run_measure(struct run *run, struct ms_problem *problem)
{
    struct ms_runner_config config = {
        .program = run->program,
        .arguments = run->argument,
        .is_stopped = is_interrupted,
        .progress = run->options.is_quiet ? NULL : stderr,
        .is_terminal = isatty(2) != 0,
    };
    struct ms_runner_outcome outcome;
    struct ms_judge_config judge = {.program = ms_program_name(),
                                    .files = run->files,
                                    .may_rank = ms_guards_allow_ranking(run->result)};
    char why[MS_WHY_BYTES];

    if (!ms_runner_run(&config, run->schedule, &outcome, why))
        return problem_set(problem, MS_EXIT_INCOMPLETE, why);
    run->result->run.seconds = outcome.seconds;
    run->result->run.interrupted = outcome.is_interrupted;
    run->result->run.incomplete = outcome.is_incomplete || outcome.is_interrupted;
    ms_facts_finish(run->result, outcome.stolen_seconds);
    if (outcome.blocks_left_out > 0)
        note_late(run->result,
                  (uint32_t)run->schedule->case_count * run->schedule->launches *
                      run->schedule->blocks,
                  &outcome);
    if (!ms_judge(&judge, run->catalog, run->schedule, run->result))
        return problem_set(problem, MS_EXIT_INCOMPLETE, "out of memory");
    return ms_result_check(run->result, "the result", problem);
}

static int run_code(const struct run *run)
{
    const struct ms_result *r = run->result;
    bool has_failed = false;

    for (size_t i = 0; i < r->cell_count; i++)
        has_failed = has_failed || r->cells[i].outcome == MS_OUTCOME_FAILED;
    if (r->run.interrupted)
        return MS_EXIT_INTERRUPTED;
    if (has_failed)
        return MS_EXIT_GATE;
    if (r->run.incomplete)
        return MS_EXIT_INCOMPLETE;
    if (run->options.is_strict && !ms_result_trusted(r))
        return MS_EXIT_UNTRUSTED;
    return MS_EXIT_OK;
}

static int run_report(struct run *run)
{
    FILE *last = run->options.wants_json ? stderr : stdout;
    struct ms_problem problem;
    bool is_printed;

    is_printed = run->options.wants_json
                     ? ms_emit_json(run->result, stdout)
                     : ms_emit_table(run->result, stdout, wants_color(run->options.color));
    crashes_print(run->result, stderr);
    if (!report_write(run, &problem)) {
        folder_drop(run);
        return ms_problem_print(&problem);
    }
    fprintf(last, "page      %s/page.html\n", run->folder);
    fprintf(last, "again     %s\n", run->command);
    if (!is_printed || fflush(stdout) != 0) {
        fprintf(stderr, "mapstorm: cannot write to standard output: %s\n", strerror(errno));
        return MS_EXIT_INCOMPLETE;
    }
    return run_code(run);
}

static int run_do(struct run *run, int argc, char **argv)
{
    struct ms_problem problem = {.exit = MS_EXIT_USAGE};
    bool is_sensible;

    if (!run_prepare(run, argc, argv, &problem))
        return ms_problem_print(&problem);
    if (run->options.is_dry) {
        ms_guards_check(run->result, run->topology, 0.0);
        dry_print(run);
        return fflush(stdout) == 0 ? MS_EXIT_OK : MS_EXIT_INCOMPLETE;
    }
    if (!folder_prepare(run, &problem))
        return ms_problem_print(&problem);

    interrupts_watch();
    is_sensible = ms_guards_check(run->result, run->topology,
                                  run->options.wish.size == MS_PLAN_QUICK ? BUSY_WAIT_SECONDS_QUICK
                                                                          : BUSY_WAIT_SECONDS);
    if (!run->options.is_quiet || !is_sensible)
        plan_print(run, stderr);
    if (!is_sensible) {
        folder_drop(run);
        problem_set(&problem, MS_EXIT_UNTRUSTED,
                    "nothing can be ranked here; --allow-debug measures all the same");
        return ms_problem_print(&problem);
    }
    if (!run_measure(run, &problem)) {
        folder_drop(run);
        return ms_problem_print(&problem);
    }
    return run_report(run);
}

int ms_main_run(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof *run);
    int code;

    if (!run)
        return MS_EXIT_INCOMPLETE;
    code = run_do(run, argc, argv);
    run_close(run);
    free(run);
    return code;
}
