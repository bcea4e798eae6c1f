/* SPDX-License-Identifier: MIT */
/*
 * command.h: the commands of the program, one function each. A command gets its own name as
 * argv[0], prints results on standard output and everything else on standard error, and returns
 * the program's exit code.
 */
#ifndef MS_COMMAND_H
#define MS_COMMAND_H

#include "result.h"

int ms_main_run(int argc, char **argv);
int ms_main_serve(int argc, char **argv);
int ms_main_bench(int argc, char **argv);
int ms_main_list(int argc, char **argv);
int ms_main_doctor(int argc, char **argv);
int ms_main_report(int argc, char **argv);
int ms_main_compare(int argc, char **argv);
int ms_main_goals(int argc, char **argv);
int ms_main_capture(int argc, char **argv);

/* Prints "mapstorm: <what is wrong>" and returns the problem's exit code. */
int ms_problem_print(const struct ms_problem *problem);

/* How a person calls this program: ./mapstorm where that exists, else mapstorm. */
const char *ms_program_name(void);

#endif
