/* SPDX-License-Identifier: MIT */
/*
 * options.h: the command line of `mapstorm run` and of the commands that choose like it. Argp from
 * libc does the parsing; what it does not know is answered with the nearest thing it does.
 */
#ifndef MS_OPTIONS_H
#define MS_OPTIONS_H

#include "plan.h"

enum ms_color { MS_COLOR_AUTO, MS_COLOR_ALWAYS, MS_COLOR_NEVER };

struct ms_options {
    struct ms_wish wish;
    struct ms_choices layouts; /* further layout files or folders */
    struct ms_choices plugins;
    const char *out; /* NULL: reports/<date>-<host> */
    enum ms_color color;
    bool is_dry;
    bool wants_json;
    bool is_strict;
    bool is_quiet;
    bool is_anonymous;
    bool allows_debug;
    char *words; /* owned: what the lists point into */
};

/* Parses `argv` (argv[0] is the command). Prints help and ends the program where asked to. False
 * and a problem on wrong usage. */
bool ms_options_parse(struct ms_options *options, int argc, char **argv,
                      struct ms_problem *problem);
void ms_options_free(struct ms_options *options);

/* The line that repeats the run: every choice, and the seed. */
void ms_options_print(const struct ms_options *options, const char *program, char *line,
                      size_t bytes);

/* The part of that line that names layouts and plug-ins, with a blank before each flag. */
void ms_options_files(const struct ms_options *options, char *line, size_t bytes);

/* Finds a long option in `argv` that none of `names` can mean, and says what is near. */
bool ms_options_known(int argc, char **argv, const char *const *names, size_t count,
                      struct ms_problem *problem);

#endif
