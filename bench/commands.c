/* SPDX-License-Identifier: MIT */
/* commands.c: list, doctor, report, compare and bench: the commands that measure nothing. */
#include "command.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog.h"
#include "emit.h"
#include "facts.h"
#include "gbench.h"
#include "goals.h"
#include "options.h"
#include "order.h"

enum { PATH_BYTES = 1024, FILES_MAX = 64 };

static int refuse(enum ms_exit code, const char *text)
{
    struct ms_problem problem = {.exit = code};

    snprintf(problem.text, sizeof problem.text, "%s", text);
    return ms_problem_print(&problem);
}

/* Standard output is a result too: a full disk behind it must not look like success. */
static int output_end(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return refuse(MS_EXIT_INCOMPLETE, "cannot write to standard output");
    return code;
}

/* ---- list ------------------------------------------------------------------------------------- */

static const struct argp_option options_list[] = {
    {"layout", 'l', "FILE", 0, "A recorded layout, or a folder of them, as shapes", 0},
    {"plugin", 'p', "FILE.so", 0, "A strategy from outside the tree", 0},
    {0},
};

struct choosing {
    const char *layouts[MS_CHOICES_MAX];
    size_t layout_count;
    const char *plugins[MS_CHOICES_MAX];
    size_t plugin_count;
};

static error_t list_parse(int key, char *text, struct argp_state *state)
{
    struct choosing *chosen = state->input;

    if (key == 'l' && chosen->layout_count < MS_CHOICES_MAX - 1)
        chosen->layouts[chosen->layout_count++] = text;
    else if (key == 'p' && chosen->plugin_count < MS_CHOICES_MAX)
        chosen->plugins[chosen->plugin_count++] = text;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "list takes no '%s'", text);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static struct ms_catalog *catalog_with(struct choosing *chosen, char *shipped, char *why)
{
    struct ms_catalog_config config;

    if (ms_catalog_shipped(shipped, PATH_BYTES))
        chosen->layouts[chosen->layout_count++] = shipped;
    config = (struct ms_catalog_config){.layouts = chosen->layouts,
                                        .layout_count = chosen->layout_count,
                                        .plugins = chosen->plugins,
                                        .plugin_count = chosen->plugin_count};
    return ms_catalog_open(&config, why);
}

static const char *part_words(const struct ms_contender *who)
{
    if (who->part == MS_PART_BASELINE)
        return "baseline, blocking";
    if (who->part > MS_PART_BASELINE)
        return "control";
    if (who->is_plugin)
        return "plug-in";
    return who->is_blocking ? "blocking" : who->strands ? "lock-free, stranding" : "lock-free";
}

static void scenario_list(const struct ms_catalog *catalog, const struct ms_scenario *scenario)
{
    const struct ms_shape_info *shape;
    const struct ms_adapter_info *adapter;
    size_t adapters = ms_scenario_list_adapters(scenario, &adapter);

    printf("\n%s: %s\n", scenario->name, scenario->title);
    for (size_t i = 0; i < adapters; i++)
        printf("  adapter %-22s %s\n", adapter[i].name, adapter[i].title);
    for (size_t i = 0; (shape = scenario->shape(catalog, i)); i++)
        printf("  shape   %-22s %s\n", shape->name, shape->title);
}

int ms_main_list(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options_list,
        .parser = list_parse,
        .doc = "Strategies, scenarios, adapters and shapes: the names `mapstorm run` knows."
               "\vExamples:\n  mapstorm list\n  mapstorm list --layout corpus/layouts",
    };
    static const char *const names[] = {"help", "usage", "layout", "plugin"};
    struct choosing chosen = {.layout_count = 0};
    struct ms_problem problem;
    const struct ms_contender *all;
    struct ms_catalog *catalog;
    char shipped[PATH_BYTES];
    char why[MS_WHY_BYTES];

    if (!ms_options_known(argc, argv, names, 4, &problem))
        return ms_problem_print(&problem);
    argp_err_exit_status = MS_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &chosen);
    catalog = catalog_with(&chosen, shipped, why);
    if (!catalog)
        return refuse(MS_EXIT_USAGE, why);
    printf("strategies\n");
    for (size_t i = 0; i < ms_catalog_contenders(catalog, &all); i++)
        printf("  %-16s %-22s %s\n", all[i].name, part_words(&all[i]), all[i].title);
    for (size_t i = 0; ms_scenarios[i]; i++)
        scenario_list(catalog, ms_scenarios[i]);
    ms_catalog_close(catalog);
    return output_end(MS_EXIT_OK);
}

/* ---- doctor ----------------------------------------------------------------------------------- */

static error_t doctor_parse(int key, char *text, struct argp_state *state)
{
    bool *is_anonymous = state->input;

    if (key == 'a')
        *is_anonymous = true;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "doctor takes no '%s'", text);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const char *level_name(enum ms_level level)
{
    switch (level) {
    case MS_LEVEL_NOTE:
        return "note";
    case MS_LEVEL_WARNING:
        return "warning";
    case MS_LEVEL_REFUSED:
        break;
    }
    return "refused";
}

static void doctor_print(const struct ms_result *r)
{
    for (size_t i = 0; i < r->fact_count; i++)
        if (strcmp(r->facts[i].group, "run") != 0)
            printf("%-10s %-26s %s\n", r->facts[i].group, r->facts[i].name,
                   r->facts[i].value ? r->facts[i].value : "not visible");
    putchar('\n');
    for (size_t i = 0; i < r->note_count; i++) {
        printf("%-10s %s\n", level_name(r->notes[i].level), r->notes[i].text);
        if (r->notes[i].help)
            printf("%-10s %s\n", "  helps:", r->notes[i].help);
    }
}

int ms_main_doctor(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"anonymous", 'a', NULL, 0, "Leave the host's name out", 0},
        {0},
    };
    static const struct argp parser = {
        .options = options,
        .parser = doctor_parse,
        .doc = "Facts about this machine and what stands in the way of good measurements."
               "\vEnds with 3 when nothing can be measured here.\n\n"
               "Examples:\n  mapstorm doctor\n  mapstorm doctor --anonymous",
    };
    static const char *const names[] = {"help", "usage", "anonymous"};
    struct ms_facts_config config = {.command = "mapstorm doctor"};
    struct ms_topology *topology;
    struct ms_problem problem;
    struct ms_result *r;
    bool is_sensible;

    if (!ms_options_known(argc, argv, names, 3, &problem))
        return ms_problem_print(&problem);
    argp_err_exit_status = MS_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &config.is_anonymous);
    topology = ms_topology_open();
    if (!topology)
        return refuse(MS_EXIT_UNTRUSTED, "hwloc cannot read this machine's topology");
    r = ms_result_new();
    ms_facts_collect(r, topology, &config);
    is_sensible = ms_guards_check(r, topology, 0.0);
    doctor_print(r);
    ms_result_free(r);
    ms_topology_close(topology);
    return output_end(is_sensible ? MS_EXIT_OK : MS_EXIT_UNTRUSTED);
}

/* ---- report ----------------------------------------------------------------------------------- */

struct reporting {
    const char *file;
    const char *out;
};

static error_t report_parse(int key, char *text, struct argp_state *state)
{
    struct reporting *wanted = state->input;

    if (key == 'o')
        wanted->out = text;
    else if (key == ARGP_KEY_ARG && !wanted->file)
        wanted->file = text;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "one file, not also '%s'", text);
    else if (key == ARGP_KEY_END && !wanted->file)
        argp_error(state, "which result file?");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

int ms_main_report(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"out", 'o', "DIR", 0, "Write there instead of beside the file", 0},
        {0},
    };
    static const struct argp parser = {
        .options = options,
        .parser = report_parse,
        .args_doc = "FILE",
        .doc = "Page, summary and tables again from a stored result."
               "\vExamples:\n  mapstorm report reports/sample/result.json --out /tmp/again\n"
               "  mapstorm report reports/sample/result.json",
    };
    static const char *const names[] = {"help", "usage", "out"};
    struct reporting wanted = {.file = NULL};
    struct ms_problem problem;

    if (!ms_options_known(argc, argv, names, 3, &problem))
        return ms_problem_print(&problem);
    argp_err_exit_status = MS_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &wanted);
    return output_end((int)ms_command_report(wanted.file, wanted.out, stdout, stderr));
}

/* ---- goals ------------------------------------------------------------------------------------ */

struct asking {
    const char *files[FILES_MAX];
    size_t count;
};

static error_t goals_parse(int key, char *text, struct argp_state *state)
{
    struct asking *a = state->input;

    if (key == ARGP_KEY_ARG && a->count == FILES_MAX)
        argp_error(state, "too many files");
    else if (key == ARGP_KEY_ARG)
        a->files[a->count++] = text;
    else if (key == ARGP_KEY_END && a->count == 0)
        argp_error(state, "which result files?");
    else if (key != ARGP_KEY_END)
        return ARGP_ERR_UNKNOWN;
    return 0;
}

int ms_main_goals(int argc, char **argv)
{
    static const struct argp parser = {
        .parser = goals_parse,
        .args_doc = "FILE...",
        .doc =
            "Which goals of the default strategy stored results hold, and where it is worst. With "
            "several files a goal holds when it holds in each."
            "\vExamples:\n  mapstorm goals reports/mine/result.json\n"
            "  mapstorm goals one/result.json two/result.json three/result.json",
    };
    static const char *const names[] = {"help", "usage"};
    struct asking asked = {.count = 0};
    struct ms_problem problem;

    if (!ms_options_known(argc, argv, names, 2, &problem))
        return ms_problem_print(&problem);
    argp_err_exit_status = MS_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &asked);
    return output_end((int)ms_command_goals(asked.files, asked.count, stdout, stderr));
}

/* ---- compare ---------------------------------------------------------------------------------- */

struct comparing {
    struct ms_compare compare;
    const char *files[FILES_MAX];
    const char *filters[FILES_MAX];
};

static error_t compare_parse(int key, char *text, struct argp_state *state)
{
    struct comparing *c = state->input;

    switch (key) {
    case 'r':
        c->compare.rows = text;
        return 0;
    case 'c':
        c->compare.cols = text;
        return 0;
    case 'b':
        c->compare.base = text;
        return 0;
    case 'x':
        c->compare.fail_if = text;
        return 0;
    case 'f':
        if (c->compare.filter_count == FILES_MAX)
            argp_error(state, "too many filters");
        c->filters[c->compare.filter_count++] = text;
        return 0;
    case ARGP_KEY_ARG:
        if (c->compare.file_count == FILES_MAX)
            argp_error(state, "too many files");
        c->files[c->compare.file_count++] = text;
        return 0;
    case ARGP_KEY_END:
        if (c->compare.file_count == 0)
            argp_error(state, "which result files?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ms_main_compare(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"rows", 'r', "KEY", 0, "What a row is: any key of a cell's name; default shape", 0},
        {"cols", 'c', "KEY", 0, "What a column is; default strategy", 0},
        {"base", 'b', "STRATEGY", 0, "Divide by this one", 0},
        {"filter", 'f', "KEY:VALUE", 0, "Only cells with this part in their name", 0},
        {"fail-if", 'x', "WHAT", 0, "slower: end with 1 when something got slower", 0},
        {0},
    };
    static const struct argp parser = {
        .options = options,
        .parser = compare_parse,
        .args_doc = "FILE...",
        .doc = "Tables from stored results. Runs of different moments are shown side by side, "
               "without a verdict on time."
               "\vExamples:\n  mapstorm compare reports/sample/result.json --rows shape\n"
               "  mapstorm compare reports/sample/result.json --filter threads:1",
    };
    static const char *const names[] = {"help", "usage",  "rows",   "cols",
                                        "base", "filter", "fail-if"};
    struct comparing c = {.compare = {.files = NULL}};
    struct ms_problem problem;

    if (!ms_options_known(argc, argv, names, 7, &problem))
        return ms_problem_print(&problem);
    argp_err_exit_status = MS_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &c);
    c.compare.files = c.files;
    c.compare.filters = c.filters;
    c.compare.color = isatty(1) && !getenv("NO_COLOR");
    return output_end((int)ms_command_compare(&c.compare, stdout, stderr));
}

/* ---- bench: the cells under Google Benchmark's own flags -------------------------------------- */

/* The cell that is running; Google Benchmark runs one after the other. */
struct plain_cell {
    const struct ms_catalog *catalog;
    const struct ms_scenario *scenario;
    struct ms_cell_key key;
    void *stage;
    uint64_t ops;
};

static bool plain_begin(void *context, const char *name)
{
    struct plain_cell *cell = context;
    char why[MS_WHY_BYTES];

    (void)name;
    cell->stage = cell->scenario->open(cell->catalog, &cell->key, why);
    if (cell->stage && cell->scenario->prepare(cell->stage, &cell->key, 1, why))
        return true;
    fprintf(stderr, "mapstorm: %s\n", why);
    return false;
}

static void plain_run(void *context, uint32_t thread, uint64_t ops)
{
    struct plain_cell *cell = context;

    cell->scenario->run(cell->stage, thread, ops);
}

static void plain_end(void *context)
{
    struct plain_cell *cell = context;
    struct ms_tally tally;
    char why[MS_WHY_BYTES];

    if (!cell->scenario->finish(cell->stage, 1, &tally, why))
        fprintf(stderr, "mapstorm: %s\n", why);
    cell->scenario->close(cell->stage);
    cell->stage = NULL;
}

static int plain_main(int argc, char **argv, const struct ms_catalog *catalog,
                      const struct ms_schedule *schedule)
{
    size_t room = 1; /* nothing to run is no reason to fail */
    size_t count = 0;
    struct ms_gbench_entry *entry;
    struct plain_cell *cell;
    char *names;
    int code = MS_EXIT_INCOMPLETE;

    for (size_t i = 0; i < schedule->case_count; i++)
        room += schedule->cases[i].entrants;
    entry = calloc(room, sizeof *entry);
    cell = calloc(room, sizeof *cell);
    names = calloc(room, MS_CELL_NAME_BYTES);
    for (size_t i = 0; entry && cell && names && i < schedule->case_count; i++) {
        const struct ms_case *c = &schedule->cases[i];

        for (uint32_t k = 0; k < c->entrants; k++) {
            char *name = names + count * MS_CELL_NAME_BYTES;

            if (c->entrant[k].state != MS_STATE_READY)
                continue;
            ms_entrant_name(c, &c->entrant[k], name, MS_CELL_NAME_BYTES);
            cell[count].catalog = catalog;
            cell[count].scenario = c->scenario;
            ms_key_parse(name, &cell[count].key);
            entry[count] = (struct ms_gbench_entry){.name = name,
                                                    .threads = c->key.threads,
                                                    .begin = plain_begin,
                                                    .body = plain_run,
                                                    .end = plain_end,
                                                    .context = &cell[count]};
            count++;
        }
    }
    if (entry && cell && names)
        code = ms_gbench_main(argc, argv, entry, (uint32_t)count);
    free(names);
    free(cell);
    free(entry);
    return code;
}

int ms_main_bench(int argc, char **argv)
{
    struct choosing chosen = {.layout_count = 0};
    struct ms_wish wish = {.seed = 1};
    struct ms_problem problem;
    struct ms_topology *topology;
    struct ms_schedule *schedule;
    struct ms_catalog *catalog;
    char shipped[PATH_BYTES];
    char why[MS_WHY_BYTES];
    int code = MS_EXIT_UNTRUSTED;

    catalog = catalog_with(&chosen, shipped, why);
    if (!catalog)
        return refuse(MS_EXIT_USAGE, why);
    topology = ms_topology_open();
    schedule = topology ? ms_schedule_make(catalog, topology, &wish, &problem) : NULL;
    if (schedule)
        code = plain_main(argc, argv, catalog, schedule);
    else
        refuse(MS_EXIT_UNTRUSTED, "this machine's topology cannot be read");
    ms_schedule_free(schedule);
    ms_topology_close(topology);
    ms_catalog_close(catalog);
    return code;
}
