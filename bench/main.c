/* SPDX-License-Identifier: MIT */
/* main.c: mapstorm: which command, and what it may be called. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "key.h"

struct command {
    const char *name;
    const char *does; /* NULL: not for people */
    int (*main)(int argc, char **argv);
};

/* Becomes the program beside this one that holds the fuzzers: core is in it a second time, on the
 * simulator. */
static int fuzz_become(int argc, char **argv)
{
    static const char name[] = "mapstorm-fuzz";
    char path[4096];
    ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - sizeof name);
    char *word = strrchr(argv[0], ' ');

    (void)argc;
    while (bytes > 0 && path[bytes - 1] != '/')
        bytes--;
    memcpy(path + (bytes > 0 ? bytes : 0), name, sizeof name);
    if (word) /* "mapstorm fuzz" */
        argv[0] = word + 1;
    argv[-1] = path; /* main handed on its own array from the second word on */
    execv(path, argv - 1);
    fprintf(stderr,
            "mapstorm: the fuzzers are a program of their own, and %s: %s; in the source tree "
            "./mapstorm %s builds it\n",
            path, strerror(errno), argv[0]);
    return MS_EXIT_UNTRUSTED;
}

static const struct command commands[] = {
    {"run", "measure, compare, write the report", ms_main_run},
    {"list", "strategies, scenarios and shapes, one line each", ms_main_list},
    {"doctor", "facts and guard rails of this machine, and what would help", ms_main_doctor},
    {"report", "page and tables again from a stored result", ms_main_report},
    {"compare", "tables from stored results", ms_main_compare},
    {"goals", "which goals of the default strategy a stored result holds", ms_main_goals},
    {"capture", "record how real memory lies in page frames", ms_main_capture},
    {"bench", "the cells as an ordinary Google Benchmark program", ms_main_bench},
    {"fuzz", "hunt for bugs in the interface; a finding replays and shrinks", fuzz_become},
    {"replay", "who did what in which order in a finding, or in an input of the corpus",
     fuzz_become},
    {"shrink", "the smallest input with the same bug", fuzz_become},
    {"--serve", NULL, ms_main_serve},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void help_print(FILE *out)
{
    fprintf(out, "Usage: mapstorm COMMAND [OPTION...]\n"
                 "Measures the Windows DMA interface in user space, compares map-register\n"
                 "strategies, and hunts for bugs in them.\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].does)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].does);
    fprintf(
        out,
        "\nmapstorm COMMAND --help tells more. Exit codes: 0 done, 1 a gate broke or a strategy\n"
        "failed, 2 wrong usage, 3 no statement possible here, 4 incomplete, 130 interrupted.\n"
        "\nExamples:\n"
        "  mapstorm run --quick\n"
        "  mapstorm list\n");
}

static int command_unknown(const char *word)
{
    struct ms_problem problem = {.exit = MS_EXIT_USAGE};
    const char *names[COMMANDS];
    char nearest[128];
    size_t count = 0;

    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].does)
            names[count++] = commands[i].name;
    ms_word_suggest(word, names, count, nearest, sizeof nearest);
    snprintf(problem.text, sizeof problem.text,
             "no command is named '%.80s'%s%s (--help names all)", word, nearest[0] ? "; " : "",
             nearest);
    return ms_problem_print(&problem);
}

int main(int argc, char **argv)
{
    /* A launch that died is noticed where it is asked, not by a signal. */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help_print(stderr);
        return MS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "help") == 0) {
        help_print(stdout);
        return fflush(stdout) == 0 ? MS_EXIT_OK : MS_EXIT_INCOMPLETE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("mapstorm " MS_VERSION);
        return fflush(stdout) == 0 ? MS_EXIT_OK : MS_EXIT_INCOMPLETE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        char called[64];

        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        /* What help and messages call it. */
        snprintf(called, sizeof called, "mapstorm %s", commands[i].name);
        argv[1] = called;
        return commands[i].main(argc - 1, argv + 1);
    }
    return command_unknown(argv[1]);
}
