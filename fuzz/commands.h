/* SPDX-License-Identifier: MIT */
/*
 * commands.h: the commands of mapstorm-fuzz, and what they share.
 */
#ifndef MS_FUZZ_COMMANDS_H
#define MS_FUZZ_COMMANDS_H

#include "fuzz.h"

enum { EXIT_CLEAN = 0, EXIT_BUG = 1, EXIT_UNCLEAR = 2, EXIT_USAGE = 3 };

int command_list(int argc, char **argv);
int command_fuzz(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_shrink(int argc, char **argv);
int command_corpus(int argc, char **argv);
int command_explore(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_pack(int argc, char **argv);
int command_unpack(int argc, char **argv);
int command_sites(int argc, char **argv);
int command_mutants(int argc, char **argv);

/* A file's whole text, zero-terminated; NULL after having said why. The caller frees. */
char *file_read(const char *path, size_t *bytes);
bool file_write(const char *path, const void *bytes, size_t count);
/* Reads a text input; false after having said why. */
bool input_read(const char *path, struct fuzz_input *input, struct fuzz_note *note,
                const struct fuzz_target **target);
/* All *.txt below a folder, sorted by name; returns the count, up to `max`. The caller frees each. */
uint32_t files_below(const char *folder, char **paths, uint32_t max);
/* The value behind an option, or NULL; removes both from argv. */
const char *option(int *argc, char **argv, const char *name);
bool flag(int *argc, char **argv, const char *name);

#endif
