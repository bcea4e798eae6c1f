/* SPDX-License-Identifier: MIT */
/*
 * main.c: mapstorm-fuzz: hunt, replay, shrink, prove. No fuzzing engine inside; builds with any
 * compiler. Exit status: 0 clean, 1 a bug, 2 inconclusive or stale, 3 wrong use.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"list", command_list, "                              the targets and their vocabulary"},
    {"fuzz", command_fuzz,
     "[TARGET] [--time S] [--executions N] [--seed N] [--corpus DIR] [--grow]"},
    {"replay", command_replay, "FILE... [--html FILE] [--quiet]  what happened, as a table"},
    {"shrink", command_shrink, "FILE                        the smallest input with the same bug"},
    {"corpus", command_corpus, "DIR...                      replay all, twice; report stale ones"},
    {"explore", command_explore, "FILE... [--check]          every interleaving of a program"},
    {"stop", command_stop, "FILE... | --table           stop a thread at every step"},
    {"pack", command_pack, "TARGET DIR OUT              text files to the bytes engines read"},
    {"unpack", command_unpack, "TARGET FILE...              an engine's file as text"},
    {"sites", command_sites, "                             all switch points and their identities"},
    {"mutants", command_mutants, "[TARGET] [--time S]        weaken each site in turn"},
};

static int usage(void)
{
    fprintf(stderr, "usage: mapstorm-fuzz COMMAND ...\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(stderr, "  %-8s %s\n", commands[i].name, commands[i].help);
    return 3;
}

int main(int argc, char **argv)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(FUZZ_SANITIZED)
    ms_sim_catch_crashes();
#endif
    if (argc < 2)
        return usage();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "mapstorm-fuzz: no command '%s'\n", argv[1]);
    return usage();
}
