/* SPDX-License-Identifier: MIT */
/*
 * commands.h: the commands of mapstorm-fuzz, and what they share.
 */
#ifndef MS_FUZZ_COMMANDS_H
#define MS_FUZZ_COMMANDS_H

#include "fuzz.h"

/* As those of mapstorm. */
enum {
    EXIT_CLEAN = 0,
    EXIT_BUG = 1,
    EXIT_USAGE = 2,
    EXIT_HERE = 3,    /* the machine: no room, no right, a tool is missing */
    EXIT_UNCLEAR = 4, /* inconclusive, or stale */
    EXIT_INTERRUPTED = 130,
};
enum { FILES_MAX = 32768, TEXT_MAX = 16384, PATH_BYTES = 4096 };

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
int command_pairs(int argc, char **argv);
int command_dict(int argc, char **argv);
int command_speed(int argc, char **argv);

/* --- files.c -------------------------------------------------------------------------------------
 */

/* A file's whole text, zero-terminated; NULL after having said why. The caller frees. */
char *file_read(const char *path, size_t *bytes);
/* Under another name first, then renamed: a file is whole or not there. False after having said why. */
bool file_write(const char *path, const void *bytes, size_t count);
/* Makes a folder and those above it; false after having said why. */
bool folder_make(const char *path);
/* Makes an empty one for what takes another's place: inputs of somebody who was killed go. */
bool folder_begin(const char *part);
/* `from` takes the place of folder `to`, whose *.txt files go; all or nothing. */
bool folder_replace(const char *from, const char *to);
/* Waits until nobody else holds it; `close` lets go. Below 0: it cannot be held, and nobody keeps others out. */
int folder_lock(const char *path);
/* Reads a text input; false after having said why. */
bool input_read(const char *path, struct fuzz_input *input, struct fuzz_note *note,
                const struct fuzz_target **target);
/* The same, or an engine's bytes where `target_name` is not NULL. */
bool input_read_any(const char *path, const char *target_name, struct fuzz_input *input,
                    struct fuzz_note *note, const struct fuzz_target **target);
bool input_write(const char *path, const struct fuzz_target *target, const struct fuzz_input *input,
                 const struct fuzz_note *note);
/* All *.txt below a folder, sorted by name; returns the count, up to `max`. The caller frees each. */
uint32_t files_below(const char *folder, char **paths, uint32_t max);
/* The same of a folder that somebody named: 0 after having said that there is none, or why. */
uint32_t inputs_below(const char *folder, char **paths);
/* Says that nobody is called so, and who there is. */
void target_unknown(const char *command, const char *name);
/* The value behind an option, or NULL; removes both from argv. */
const char *option(int *argc, char **argv, const char *name);
bool flag(int *argc, char **argv, const char *name);
/* False, after having said so, when an argument that looks like an option is left. */
bool options_done(int argc, char **argv);
/* A number up to `max`, or the default where `text` is NULL. False after having said what is wrong. */
bool number_read(const char *name, const char *text, uint64_t max, uint64_t *value);
/* "90s", "10m", "2h", "5"; the same. */
bool seconds_read(const char *name, const char *text, double *value);
/* How a person calls this program, for what `./mapstorm` knows too; and for any command. */
const char *program_name(void);
const char *program_of(const char *command);
/* A word of a command that people copy: in quotes when a shell would take it apart. */
void shell_word(const char *word, FILE *out);
/* The tree's corpus: below here, or beside the build folder this program is in; else "corpus". */
const char *corpus_folder(void);

/* --- kept.c --------------------------------------------------------------------------------------
 */

enum { KEPT_KNOWN_MAX = 16384 };

/* Of a folder of inputs that hunts keep: what we know of, and so may take out. */
struct kept {
    uint64_t known[KEPT_KNOWN_MAX]; /* digests of names */
    uint32_t known_count;
};

uint64_t text_hash(const char *text);
/* We read this one. */
void kept_know(struct kept *kept, const char *name);
/* These take the place of all that we know of; what others put there stays. Nothing or all; false after having said
 * why not. */
bool kept_write(struct kept *kept, const char *folder, const struct fuzz_target *target,
                const struct fuzz_input *inputs, uint32_t count);

/* --- apart.c -------------------------------------------------------------------------------------
 */

/* Memory, zeroed, that processes forked later share with this one. NULL: there is none. munmap ends it. */
void *shared_map(size_t bytes);
/* Does `work` in a process of its own and waits for it: whatever it plays leaves nothing here, above all no
 * physical memory, which all processes forked later would share. False after having said how it died. */
bool work_apart(void (*work)(void *context), void *context);

/* --- table.c -------------------------------------------------------------------------------------
 */

enum { HUNT_ROWS_MAX = 64 };

/* What the hunts of one target came to. */
struct hunt_row {
    char target[32];
    double seconds;
    uint64_t executions;
    uint32_t features;
    uint32_t fresh; /* of the features, those that no seed showed */
    uint32_t findings;
    char verdict[160]; /* "clean", HUNT_CUT_SHORT, or the bug */
};
#define HUNT_CUT_SHORT "cut short"

struct hunt_table {
    const char *path;           /* NULL: kept nowhere */
    unsigned long long program; /* digest of this one */
    struct hunt_row row[HUNT_ROWS_MAX];
    uint32_t count;
};

/* What the file says; nothing when there is none. False after having said why it cannot be gone on with. */
bool hunt_table_read(struct hunt_table *table, const char *path);
bool hunt_table_write(const struct hunt_table *table);
/* The target's, made when there is none. */
struct hunt_row *hunt_table_row(struct hunt_table *table, const char *target);
void hunt_table_print(const struct hunt_table *table, FILE *out);

/* --- finding.c -----------------------------------------------------------------------------------
 */

/* What is known about a bug when it is found. */
struct finding {
    const struct fuzz_input *input;
    const struct fuzz_options *options;
    const char *bug, *story;
    bool ended_the_hunter; /* it cannot be played in this process */
    bool is_gone;          /* it could not be repeated; found out while saving */
    uint64_t executions, seed;
    double seconds;
    const char *corpus;
    bool is_repeatable; /* by the same command with that many executions */
};

/* Makes the folder, tells the story and how to replay it; false after having said why it cannot. */
bool finding_save(const struct fuzz_target *target, struct finding *finding, const char *root);
/* Notes where the last steps were: the sites a regression must still come to. */
void note_visits(const struct ms_sim_result *result, struct fuzz_note *note);

#endif
