/* SPDX-License-Identifier: MIT */
/* options.c: the flags of `mapstorm run`. */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_BYTES = 16384 };

enum flag {
    FLAG_QUICK = 256,
    FLAG_FULL,
    FLAG_STRATEGY,
    FLAG_SHAPE,
    FLAG_SCENARIO,
    FLAG_ADAPTER,
    FLAG_THREADS,
    FLAG_REGISTERS,
    FLAG_FILTER,
    FLAG_SEED,
    FLAG_LAYOUT,
    FLAG_PLUGIN,
    FLAG_OUT,
    FLAG_DRY_RUN,
    FLAG_JSON,
    FLAG_STRICT,
    FLAG_QUIET,
    FLAG_COLOR,
    FLAG_ANONYMOUS,
    FLAG_ALLOW_DEBUG,
};

static const struct argp_option options_run[] = {
    {"quick", FLAG_QUICK, NULL, 0, "Half a minute, sees differences of about 5 %", 1},
    {"full", FLAG_FULL, NULL, 0, "Up to an hour, sees about 1 %", 1},
    {"strategy", FLAG_STRATEGY, "A,B", 0, "Only these, beside the baseline", 2},
    {"shape", FLAG_SHAPE, "A,B", 0, "Only these sizes and lifetimes", 2},
    {"scenario", FLAG_SCENARIO, "A,B", 0, "Only these scenarios", 2},
    {"adapter", FLAG_ADAPTER, "A,B", 0, "Only these adapters", 2},
    {"threads", FLAG_THREADS, "1,2", 0, "Numbers of threads", 2},
    {"registers", FLAG_REGISTERS, "N,M", 0, "Sizes of the register file", 2},
    {"filter", FLAG_FILTER, "KEY:VALUE", 0, "Only cells with this part in their name", 2},
    {"layout", FLAG_LAYOUT, "FILE", 0,
     "A recorded layout or trace of requests, or a folder of them, as shapes", 2},
    {"plugin", FLAG_PLUGIN, "FILE.so", 0, "A strategy from outside the tree", 2},
    {"seed", FLAG_SEED, "N", 0, "Seed of all operation streams and orders", 3},
    {"out", FLAG_OUT, "DIR", 0, "Folder of the report; default reports/<date>-<host>", 4},
    {"dry-run", FLAG_DRY_RUN, NULL, 0, "Show the plan and its time, measure nothing", 4},
    {"json", FLAG_JSON, NULL, 0, "The result as JSON on standard output", 4},
    {"quiet", FLAG_QUIET, NULL, 0, "No plan, progress and notes", 4},
    {"color", FLAG_COLOR, "WHEN", 0, "auto, always or never (NO_COLOR is respected)", 4},
    {"anonymous", FLAG_ANONYMOUS, NULL, 0, "Leave the host's name out", 4},
    {"strict", FLAG_STRICT, NULL, 0, "End with 3 if machine or controls allow no statement", 5},
    {"allow-debug", FLAG_ALLOW_DEBUG, NULL, 0, "Go on in a build that cannot be ranked", 5},
    {0},
};

enum { OPTIONS_RUN = sizeof options_run / sizeof *options_run - 1 };

__attribute__((format(printf, 2, 3))) static bool refuse(struct ms_problem *problem,
                                                         const char *format, ...)
{
    va_list arguments;

    problem->exit = MS_EXIT_USAGE;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return false;
}

struct parsing {
    struct ms_options *options;
    struct ms_problem *problem;
    size_t words_used;
    bool has_failed;
};

/* Keeps a copy of `text` that lives as long as the options. NULL when there is no room. */
static char *word_keep(struct parsing *p, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *kept;

    if (p->words_used + bytes > WORDS_BYTES)
        return NULL;
    kept = p->options->words + p->words_used;
    memcpy(kept, text, bytes);
    p->words_used += bytes;
    return kept;
}

/* Adds the words of a list with commas. */
static bool list_add(struct parsing *p, const char *flag, const char *text,
                     struct ms_choices *choices)
{
    char *rest = word_keep(p, text);
    const char *word;

    if (!rest)
        return refuse(p->problem, "--%s: too much text", flag);
    while ((word = strsep(&rest, ","))) {
        if (word[0] == '\0')
            return refuse(p->problem, "--%s wants names with commas between them, not '%.80s'",
                          flag, text);
        if (choices->count == MS_CHOICES_MAX)
            return refuse(p->problem, "--%s: more than %d names", flag, MS_CHOICES_MAX);
        choices->text[choices->count++] = word;
    }
    return true;
}

static bool number_read(const char *text, uint64_t max, uint64_t *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= max;
}

static bool numbers_add(struct parsing *p, const char *flag, const char *text, uint32_t *numbers,
                        size_t *count)
{
    struct ms_choices words = {.count = 0};

    if (!list_add(p, flag, text, &words))
        return false;
    for (size_t i = 0; i < words.count; i++) {
        uint64_t number;

        if (!number_read(words.text[i], UINT32_MAX, &number) || number == 0)
            return refuse(p->problem, "--%s wants whole numbers above 0, not '%.80s'", flag,
                          words.text[i]);
        if (*count == MS_CHOICES_MAX)
            return refuse(p->problem, "--%s: more than %d numbers", flag, MS_CHOICES_MAX);
        numbers[(*count)++] = (uint32_t)number;
    }
    return true;
}

static bool color_set(struct parsing *p, const char *text)
{
    static const char *const names[] = {"auto", "always", "never"};
    char nearest[128];

    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            p->options->color = (enum ms_color)i;
            return true;
        }
    }
    ms_word_suggest(text, names, 3, nearest, sizeof nearest);
    return refuse(p->problem, "--color wants auto, always or never, not '%.40s'%s%s", text,
                  nearest[0] ? "; " : "", nearest);
}

static bool flag_take(struct parsing *p, int flag, const char *text)
{
    struct ms_options *o = p->options;

    switch ((enum flag)flag) {
    case FLAG_QUICK:
        o->wish.size = MS_PLAN_QUICK;
        return true;
    case FLAG_FULL:
        o->wish.size = MS_PLAN_FULL;
        return true;
    case FLAG_STRATEGY:
        return list_add(p, "strategy", text, &o->wish.strategies);
    case FLAG_SHAPE:
        return list_add(p, "shape", text, &o->wish.shapes);
    case FLAG_SCENARIO:
        return list_add(p, "scenario", text, &o->wish.scenarios);
    case FLAG_ADAPTER:
        return list_add(p, "adapter", text, &o->wish.adapters);
    case FLAG_THREADS:
        return numbers_add(p, "threads", text, o->wish.threads, &o->wish.thread_count);
    case FLAG_REGISTERS:
        return numbers_add(p, "registers", text, o->wish.registers, &o->wish.register_count);
    case FLAG_FILTER:
        return list_add(p, "filter", text, &o->wish.filters);
    case FLAG_LAYOUT:
        return list_add(p, "layout", text, &o->layouts);
    case FLAG_PLUGIN:
        return list_add(p, "plugin", text, &o->plugins);
    case FLAG_SEED:
        return number_read(text, UINT64_MAX, &o->wish.seed) ||
               refuse(p->problem, "--seed wants a whole number, not '%.80s'", text);
    case FLAG_OUT:
        o->out = word_keep(p, text);
        return (o->out && o->out[0]) || refuse(p->problem, "--out wants a folder");
    case FLAG_COLOR:
        return color_set(p, text);
    case FLAG_DRY_RUN:
        o->is_dry = true;
        return true;
    case FLAG_JSON:
        o->wants_json = true;
        return true;
    case FLAG_STRICT:
        o->is_strict = true;
        return true;
    case FLAG_QUIET:
        o->is_quiet = true;
        return true;
    case FLAG_ANONYMOUS:
        o->is_anonymous = true;
        return true;
    case FLAG_ALLOW_DEBUG:
        o->allows_debug = true;
        return true;
    }
    return refuse(p->problem, "unknown flag");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct parsing *p = state->input;

    if (key == ARGP_KEY_ARG) {
        p->has_failed = true;
        refuse(p->problem, "run takes no '%.80s'; did you mean --strategy or --shape?", text);
        return EINVAL;
    }
    if (key < FLAG_QUICK || key > FLAG_ALLOW_DEBUG)
        return ARGP_ERR_UNKNOWN;
    if (flag_take(p, key, text))
        return 0;
    p->has_failed = true;
    return EINVAL;
}

bool ms_options_known(int argc, char **argv, const char *const *names, size_t count,
                      struct ms_problem *problem)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char word[64], nearest[256];
        size_t length = strcspn(argv[i] + (argv[i][0] != '\0'), "=");
        size_t meant = 0;

        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)length - 1, argv[i] + 2);
        for (size_t k = 0; k < count; k++)
            meant += strncmp(names[k], word, strlen(word)) == 0;
        if (meant > 0)
            continue;
        ms_word_suggest(word, names, count, nearest, sizeof nearest);
        return refuse(problem, "no flag is named --%s%s%s (--help names all)", word,
                      nearest[0] ? "; " : "", nearest);
    }
    return true;
}

bool ms_options_parse(struct ms_options *options, int argc, char **argv, struct ms_problem *problem)
{
    static const struct argp parser = {
        .options = options_run,
        .parser = parse,
        .doc = "Measures, compares the strategies and writes a report."
               "\vExamples:\n"
               "  mapstorm run --quick\n"
               "  mapstorm run --strategy magazine --shape 1r,mix75 --threads 1,2 --seed 7",
    };
    const char *names[OPTIONS_RUN + 3] = {"help", "usage", "version"};
    struct parsing parsing = {.options = options, .problem = problem};

    memset(options, 0, sizeof *options);
    options->wish.seed = 1;
    options->words = malloc(WORDS_BYTES);
    if (!options->words)
        return refuse(problem, "out of memory");
    for (size_t i = 0; i < OPTIONS_RUN; i++)
        names[i + 3] = options_run[i].name;
    if (!ms_options_known(argc, argv, names, OPTIONS_RUN + 3, problem))
        return false;
    argp_err_exit_status = MS_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &parsing) != 0 || parsing.has_failed)
        return false;
    return true;
}

void ms_options_free(struct ms_options *options)
{
    free(options->words);
    options->words = NULL;
}

/* ---- and back to text ------------------------------------------------------------------------- */

static void line_add(char *line, size_t bytes, const char *flag, const char *text)
{
    size_t used = strlen(line);

    snprintf(line + used, bytes - used, " --%s%s%s", flag, text[0] ? " " : "", text);
}

/* The last part of an absolute path: a report that travels names no folders of its maker. */
static const char *path_public(const char *path)
{
    return path[0] == '/' ? strrchr(path, '/') + 1 : path;
}

static void choices_add(char *line, size_t bytes, const char *flag,
                        const struct ms_choices *choices)
{
    char text[1024] = "";

    for (size_t i = 0; i < choices->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "," : "",
                 path_public(choices->text[i]));
    if (choices->count > 0)
        line_add(line, bytes, flag, text);
}

static void list_print(char *line, size_t bytes, const char *flag, const uint32_t *numbers,
                       size_t count)
{
    char text[1024] = "";

    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%" PRIu32, i ? "," : "",
                 numbers[i]);
    if (count > 0)
        line_add(line, bytes, flag, text);
}

void ms_options_files(const struct ms_options *o, char *line, size_t bytes)
{
    line[0] = '\0';
    choices_add(line, bytes, "layout", &o->layouts);
    choices_add(line, bytes, "plugin", &o->plugins);
}

void ms_options_print(const struct ms_options *o, const char *program, char *line, size_t bytes)
{
    char seed[32];

    snprintf(line, bytes, "%s run", program);
    if (o->wish.size == MS_PLAN_QUICK)
        line_add(line, bytes, "quick", "");
    if (o->wish.size == MS_PLAN_FULL)
        line_add(line, bytes, "full", "");
    choices_add(line, bytes, "scenario", &o->wish.scenarios);
    choices_add(line, bytes, "strategy", &o->wish.strategies);
    choices_add(line, bytes, "adapter", &o->wish.adapters);
    choices_add(line, bytes, "shape", &o->wish.shapes);
    list_print(line, bytes, "threads", o->wish.threads, o->wish.thread_count);
    list_print(line, bytes, "registers", o->wish.registers, o->wish.register_count);
    choices_add(line, bytes, "filter", &o->wish.filters);
    choices_add(line, bytes, "layout", &o->layouts);
    choices_add(line, bytes, "plugin", &o->plugins);
    snprintf(seed, sizeof seed, "%" PRIu64, o->wish.seed);
    line_add(line, bytes, "seed", seed);
}
