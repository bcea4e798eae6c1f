/* SPDX-License-Identifier: MIT */
/*
 * gbench.h: Google Benchmark as the engine, seen from C. It makes the threads and calls the body;
 * order, clocks and statistics are ours.
 */
#ifndef MS_GBENCH_H
#define MS_GBENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Does a thread's share of a benchmark: `ops` operations, timed by the body itself. */
typedef void ms_gbench_body(void *context, uint32_t thread, uint64_t ops);

/* Runs one benchmark with fixed iterations on `threads` threads, silently. The calling thread is
 * thread 0. False if the engine did not run it. */
bool ms_gbench_run(const char *name, uint32_t threads, uint64_t ops, ms_gbench_body *body,
                   void *context);

/* What `mapstorm bench` registers for an ordinary Google Benchmark program. */
struct ms_gbench_entry {
    const char *name;
    uint32_t threads;
    bool (*begin)(void *context, const char *name); /* once, before the threads start */
    ms_gbench_body *body;
    void (*end)(void *context);
    void *context;
};

/* An ordinary Google Benchmark program over `entries`, with its own flags; returns the exit code.
 */
int ms_gbench_main(int argc, char **argv, const struct ms_gbench_entry *entries, uint32_t count);

const char *ms_gbench_version(void);

#ifdef __cplusplus
}
#endif

#endif
