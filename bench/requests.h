/* SPDX-License-Identifier: MIT */
/*
 * requests.h: recorded traces of register requests: what adapters asked of their register file, as a file of
 * lines that a person can read and a cell can replay. `mapstorm capture --requests` writes them.
 *
 *     mapstorm-requests 1              first of all
 *     title 64 KiB reads of a disk     one line for a person
 *     registers 4096                   of the file it was recorded on
 *     thread                           its requests follow, up to the next thread or the end
 *     take SLOT RUN                    a run of RUN registers is taken; from now on SLOT stands for it
 *     give SLOT                        and goes back
 *
 * Everything from a # on is a comment. The lines of a thread are in the order of its requests; how the
 * threads' requests lay between each other was not recorded: each is a queue of its own. What was refused
 * when it was recorded is not in it.
 */
#ifndef MS_REQUESTS_H
#define MS_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    MS_REQUESTS_THREADS_MAX = 16,
    MS_REQUESTS_STEPS_MAX = 1 << 14, /* of a thread */
    MS_REQUESTS_RUN_MAX = 4096,
    MS_REQUESTS_SLOTS_MAX = 1 << 18,     /* as many as a file may have registers */
    MS_REQUESTS_BYTES_MAX = 4096 * 1024, /* of a file */
    MS_REQUESTS_TITLE_BYTES = 128,
    MS_REQUESTS_WHY_BYTES = 256,
};

/* A step: slot `slot` holds a run of `run` from now on; 0: nothing. */
struct ms_request {
    uint32_t slot, run;
};

struct ms_requests {
    char title[MS_REQUESTS_TITLE_BYTES];
    uint32_t registers;
    uint32_t threads;
    uint32_t run_max; /* the longest run asked for */
    struct ms_requests_thread {
        struct ms_request *step; /* owned; grows */
        uint32_t steps;
        uint32_t slots; /* all are below */
    } thread[MS_REQUESTS_THREADS_MAX];
};

/* Appends a step to a thread; false: no memory, or more steps than a trace may have. */
bool ms_requests_add(struct ms_requests *r, uint32_t thread, struct ms_request request);

/* Reads a trace; `file` is named in what is wrong with it, with the line. Zero `r` before; drop it
 * afterwards in any case. */
bool ms_requests_read(struct ms_requests *r, const char *file, const char *text, size_t bytes,
                      char why[MS_REQUESTS_WHY_BYTES]);
/* Writes it as it is read. False when the stream failed. */
bool ms_requests_print(const struct ms_requests *r, FILE *out);
void ms_requests_drop(struct ms_requests *r);

#endif
