/* SPDX-License-Identifier: MIT */
/*
 * capture.c: `mapstorm capture`: makes or finds memory of a kind, asks the kernel for its page
 * frames and writes how they follow each other. Frame numbers never leave this process: see
 * ms_layout_from_pfns. With --requests it records what adapters ask of their register file (record.h).
 */
#include "capture.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "command.h"
#include "options.h"
#include "pagemap.h"
#include "platform/prng.h"
#include "record.h"

#define PAGE_BYTES         UINT64_C(4096)
#define SIZE_DEFAULT_BYTES (UINT64_C(4) << 20)
#define SIZE_MAX_BYTES     (MS_LAYOUT_PAGES_MAX * PAGE_BYTES)

enum kind { KIND_PLAIN, KIND_RECYCLED, KIND_HUGE, KIND_SHARED, KINDS };

static const char *const kind_names[KINDS] = {"plain", "recycled", "huge", "shared"};
static const char *const kind_sources[KINDS] = {
    "anonymous memory, fresh, touched in order",
    "anonymous memory from pages freed one by one in random order",
    "anonymous memory with huge pages asked for",
    "shared memory, touched in order",
};

struct options {
    enum kind kind;
    const char *file;    /* NULL: none */
    pid_t pid;           /* 0: none */
    uint64_t first, end; /* of the process; 0, 0: the largest mappings */
    uint64_t bytes;
    const char *name, *source, *out; /* NULL: by default */
    const char *requests;            /* a device; NULL: memory is recorded */
};

__attribute__((format(printf, 3, 4))) static bool fail(struct ms_problem *problem,
                                                       enum ms_exit code, const char *format, ...)
{
    va_list list;

    problem->exit = code;
    va_start(list, format);
    vsnprintf(problem->text, sizeof problem->text, format, list);
    va_end(list);
    return false;
}

/* --- flags -------------------------------------------------------------------------------------
 */

bool ms_capture_size_read(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMG";
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *bytes = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    uint32_t shift = unit ? 10 * (uint32_t)(unit - units + 1) : 0;

    if (errno || (unit ? end[1] : *end) != '\0' || *bytes > SIZE_MAX_BYTES >> shift)
        return false;
    *bytes <<= shift;
    return *bytes > 0 && *bytes % PAGE_BYTES == 0;
}

bool ms_capture_range_read(const char *text, uint64_t *first, uint64_t *end)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t first_digits = strspn(text, digits), end_digits;

    if (first_digits == 0 || first_digits > 16 || text[first_digits] != '-')
        return false;
    end_digits = strspn(text + first_digits + 1, digits);
    if (end_digits == 0 || end_digits > 16 || text[first_digits + 1 + end_digits] != '\0')
        return false;
    *first = strtoull(text, NULL, 16);
    *end = strtoull(text + first_digits + 1, NULL, 16);
    return *first < *end && *first % PAGE_BYTES == 0 && *end % PAGE_BYTES == 0;
}

enum flag {
    FLAG_MEMORY = 256,
    FLAG_FILE,
    FLAG_PID,
    FLAG_RANGE,
    FLAG_SIZE,
    FLAG_NAME,
    FLAG_SOURCE,
    FLAG_OUT,
    FLAG_REQUESTS
};

static const struct argp_option option_list[] = {
    {"memory", FLAG_MEMORY, "KIND", 0, "plain (default), recycled, huge or shared memory", 1},
    {"file", FLAG_FILE, "PATH", 0, "A file as it lies in the page cache", 1},
    {"pid", FLAG_PID, "N", 0, "Memory of a running process: its largest mappings", 1},
    {"range", FLAG_RANGE, "A-B", 0, "With --pid: these addresses, as in /proc/N/maps", 1},
    {"requests", FLAG_REQUESTS, "DEVICE", 0,
     "Not memory, but what adapters ask of their map registers: disk or network", 1},
    {"size", FLAG_SIZE, "BYTES", 0, "At most so much, K, M, G allowed; default 4M", 2},
    {"name", FLAG_NAME, "NAME", 0, "Name of the layout, letters a-z, digits and -._", 3},
    {"source", FLAG_SOURCE, "WORDS", 0, "What was recorded, in words", 3},
    {"out", FLAG_OUT, "FILE", 0, "Where to write it; default standard output", 3},
    {0},
};

enum { OPTIONS = sizeof option_list / sizeof *option_list - 1 };

static void kind_parse(struct options *o, const char *text, struct argp_state *state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (strcmp(text, kind_names[kind]) == 0) {
            o->kind = (enum kind)kind;
            return;
        }
    }
    argp_error(state, "--memory is plain, recycled, huge or shared, not '%s'", text);
}

static void pid_parse(struct options *o, const char *text, struct argp_state *state)
{
    char *end;

    errno = 0;
    intmax_t pid = strtoimax(text, &end, 10);
    if (errno || *end || end == text || pid <= 0 || pid > INT_MAX)
        argp_error(state, "--pid is the number of a process, not '%s'", text);
    o->pid = (pid_t)pid;
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case FLAG_MEMORY:
        kind_parse(o, text, state);
        return 0;
    case FLAG_FILE:
        o->file = text;
        return 0;
    case FLAG_PID:
        pid_parse(o, text, state);
        return 0;
    case FLAG_RANGE:
        if (!ms_capture_range_read(text, &o->first, &o->end))
            argp_error(state, "--range is two page addresses in hexadecimal, not '%s'", text);
        return 0;
    case FLAG_SIZE:
        if (!ms_capture_size_read(text, &o->bytes))
            argp_error(state, "--size is a multiple of 4K up to 64G, not '%s'", text);
        return 0;
    case FLAG_NAME:
        o->name = text;
        return 0;
    case FLAG_SOURCE:
        o->source = text;
        return 0;
    case FLAG_OUT:
        o->out = text;
        return 0;
    case FLAG_REQUESTS:
        o->requests = text;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "it takes no '%s'; did you mean --file?", text);
        return 0;
    case ARGP_KEY_END:
        if (o->file && o->pid)
            argp_error(state, "--file and --pid exclude each other");
        if (o->end && !o->pid)
            argp_error(state, "--range needs --pid");
        if (o->requests && (o->file || o->pid || o->name || o->source))
            argp_error(state, "--requests records no memory: it takes only --out");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
    .options = option_list,
    .parser = option_parse,
    .doc = "Records which page frames of real memory follow each other, as a layout for "
           "benchmarks. Frame numbers themselves are not written. Needs CAP_SYS_ADMIN."
           "\vExamples:\n"
           "  mapstorm capture --memory recycled --size 1M --out heap.layout\n"
           "  mapstorm capture --file /usr/bin/git --name executable\n"
           "  mapstorm capture --requests disk --out my-disk.requests\n",
};

/* --- memory of each kind ------------------------------------------------------------------------
 */

static void touch(uint8_t *memory, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES)
        *(volatile uint8_t *)(memory + at) = 1;
}

static void *anonymous_map(uint64_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* Fills the kernel's free lists with single pages in random order: touches `bytes` of memory and
 * gives half of it back, page by page. The rest stays until the end of the process, else the pages
 * would join again. */
static bool free_lists_shuffle(uint64_t bytes)
{
    uint8_t *memory = anonymous_map(bytes);
    uint64_t pages = bytes / PAGE_BYTES;
    struct ms_prng prng = {.state = 1};

    if (!memory)
        return false;
    madvise(memory, bytes, MADV_NOHUGEPAGE); /* where there are none it has nothing to prevent */
    touch(memory, bytes);
    for (uint64_t i = 0; i < pages / 2; i++) { /* some twice: then nothing happens */
        uint64_t page = ms_prng_next(&prng) % pages;
        madvise(memory + page * PAGE_BYTES, PAGE_BYTES, MADV_DONTNEED);
    }
    return true;
}

static void *memory_make(enum kind kind, uint64_t bytes)
{
    const uint64_t huge = UINT64_C(2) << 20;
    uint8_t *memory;

    if (kind == KIND_RECYCLED && !free_lists_shuffle(8 * bytes))
        return NULL;
    if (kind == KIND_SHARED) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return memory == MAP_FAILED ? NULL : memory;
    }
    if (kind != KIND_HUGE)
        return anonymous_map(bytes);
    memory = anonymous_map(bytes + huge);
    if (!memory)
        return NULL;
    memory += huge - (uintptr_t)memory % huge;
    madvise(memory, bytes, MADV_HUGEPAGE); /* refused: what comes is what was to be recorded */
    return memory;
}

static bool kind_capture(const struct options *o, struct ms_frames *frames,
                         struct ms_problem *problem)
{
    uint8_t *memory = memory_make(o->kind, o->bytes);

    if (!memory)
        return fail(problem, MS_EXIT_USAGE, "there is no memory for --size %" PRIu64, o->bytes);
    if (o->kind == KIND_RECYCLED)
        madvise(memory, o->bytes, MADV_NOHUGEPAGE);
    touch(memory, o->bytes);
    return ms_pagemap_read(0, (uintptr_t)memory, (uintptr_t)memory + o->bytes, frames, problem);
}

/* Reads the file through, so that it is in the page cache, then maps what is there. */
static bool file_capture(const struct options *o, struct ms_frames *frames,
                         struct ms_problem *problem)
{
    int file = open(o->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat state;
    bool is_read = false;
    char block[65536];

    if (file < 0)
        return fail(problem, MS_EXIT_USAGE, "cannot open %.300s: %s", o->file, strerror(errno));
    if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode) || state.st_size == 0) {
        fail(problem, MS_EXIT_USAGE, "%.300s is not a file with contents", o->file);
        goto undo_file;
    }
    uint64_t bytes = ms_min_u64(o->bytes, ms_round_up((uint64_t)state.st_size, PAGE_BYTES));
    for (uint64_t at = 0; at < bytes; at += sizeof block) {
        if (pread(file, block, sizeof block, (off_t)at) < 0) {
            fail(problem, MS_EXIT_USAGE, "cannot read %.300s: %s", o->file, strerror(errno));
            goto undo_file;
        }
    }
    void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0);
    /* Populating asks for the pages without touching them: a file that has become shorter is an
     * error here instead of a signal. */
    if (memory == MAP_FAILED || madvise(memory, bytes, MADV_POPULATE_READ) != 0)
        fail(problem, MS_EXIT_USAGE, "cannot map %.300s: %s", o->file, strerror(errno));
    else
        is_read = ms_pagemap_read(0, (uintptr_t)memory, (uintptr_t)memory + bytes, frames, problem);
    if (memory != MAP_FAILED)
        munmap(memory, bytes);

undo_file:
    close(file);
    return is_read;
}

static bool frames_capture(const struct options *o, struct ms_frames *frames,
                           struct ms_problem *problem)
{
    if (o->file)
        return file_capture(o, frames, problem);
    if (o->pid == 0)
        return kind_capture(o, frames, problem);
    if (o->end)
        return ms_pagemap_read(o->pid, o->first, o->end, frames, problem);
    return ms_pagemap_read_largest(o->pid, frames, problem);
}

/* --- the layout ---------------------------------------------------------------------------------
 */

/* Where the memory came from, in words, without what is private: no path, no process, no host. */
static void source_default(const struct options *o, char *source, size_t bytes)
{
    struct utsname system;
    const char *what = o->file  ? "a file in the page cache"
                       : o->pid ? "memory of a running process"
                                : kind_sources[o->kind];

    if (uname(&system) != 0)
        strcpy(system.release, "?");
    snprintf(source, bytes, "%s; Linux %.*s", what, (int)strspn(system.release, "0123456789."),
             system.release);
}

static bool layout_make(const struct options *o, const struct ms_frames *frames,
                        struct ms_layout *layout, struct ms_problem *problem)
{
    char name[64], source[160];
    const char *kind = o->file ? "file" : o->pid ? "process" : kind_names[o->kind];

    snprintf(name, sizeof name, "captured-%s-%" PRIu64, kind, frames->count);
    source_default(o, source, sizeof source);
    if (frames->count == 0)
        return fail(problem, MS_EXIT_USAGE, "no page of that memory is present");
    if (!ms_layout_from_pfns(layout, o->name ? o->name : name, o->source ? o->source : source,
                             frames->pfn, frames->count))
        return fail(problem, MS_EXIT_USAGE, "more than %d runs, or no memory: a smaller --size",
                    MS_LAYOUT_RUNS_MAX);
    return true;
}

/* The text of a layout, checked by reading it back; the caller frees. NULL with a problem. */
static char *text_make(const struct ms_layout *layout, size_t *bytes, struct ms_problem *problem)
{
    struct ms_layout again;
    char error[256];

    *bytes = ms_layout_write(layout, NULL, 0);
    char *text = malloc(*bytes + 1);
    if (!text) {
        fail(problem, MS_EXIT_INCOMPLETE, "no memory for the text");
        return NULL;
    }
    ms_layout_write(layout, text, *bytes + 1);
    if (!ms_layout_read(&again, text, *bytes, error, sizeof error)) {
        fail(problem, MS_EXIT_USAGE, "--name or --source cannot stand in a layout: %s", error);
        free(text);
        return NULL;
    }
    ms_layout_clear(&again);
    return text;
}

static bool text_write(FILE *out, const char *text, size_t bytes)
{
    return fwrite(text, 1, bytes, out) == bytes && fflush(out) == 0;
}

static bool write_failed(const char *path, struct ms_problem *problem)
{
    return fail(problem, MS_EXIT_INCOMPLETE, "cannot write %.300s: %s; nothing was changed there",
                path, strerror(errno ? errno : EIO));
}

/* Aside first, then under its name: whatever goes wrong, what was there is whole. */
static bool file_write(const char *text, size_t bytes, const char *path, struct ms_problem *problem)
{
    char aside[PATH_MAX];
    bool is_written = false;

    if (snprintf(aside, sizeof aside, "%s.%" PRIdMAX ".tmp", path, (intmax_t)getpid()) >=
        (int)sizeof aside)
        return fail(problem, MS_EXIT_USAGE, "the name of --out is too long");
    errno = 0;
    FILE *out = fopen(aside, "wxe");
    if (!out)
        return write_failed(path, problem);
    is_written = text_write(out, text, bytes) && fsync(fileno(out)) == 0;
    is_written = (fclose(out) == 0) && is_written;
    if (!is_written || rename(aside, path) != 0) {
        is_written = write_failed(path, problem);
        unlink(aside);
    }
    return is_written;
}

bool ms_capture_write(const struct ms_layout *layout, const char *path, struct ms_problem *problem)
{
    size_t bytes;
    char *text = text_make(layout, &bytes, problem);
    bool is_written = text && file_write(text, bytes, path, problem);

    free(text);
    return is_written;
}

static bool layout_print(const struct ms_layout *layout, struct ms_problem *problem)
{
    size_t bytes;
    char *text = text_make(layout, &bytes, problem);

    if (!text)
        return false;
    bool is_written = text_write(stdout, text, bytes);
    free(text);
    return is_written || write_failed("standard output", problem);
}

/* What a person wants to know of it, and how to go on: beside the result, so to standard error. */
static void summary_print(const struct options *o, const struct ms_layout *layout)
{
    uint64_t singles = 0, longest = 0;

    for (uint32_t i = 0; i < layout->run_count; i++) {
        singles += layout->runs[i].pages == 1;
        longest = layout->runs[i].pages > longest ? layout->runs[i].pages : longest;
    }
    fprintf(stderr,
            "%s: %" PRIu64 " pages in %" PRIu32 " runs, mean %.2f, longest %" PRIu64
            ", %.0f %% of the runs are single pages\n",
            layout->name, layout->pages, layout->run_count,
            (double)layout->pages / layout->run_count, longest,
            100.0 * (double)singles / layout->run_count);
    if (o->out)
        fprintf(stderr, "use it: %s run --layout %s --shape %s\n", ms_program_name(), o->out,
                layout->name);
}

static bool capture(const struct options *o, struct ms_problem *problem)
{
    struct ms_frames frames = {.room = o->bytes / PAGE_BYTES};
    struct ms_layout layout = {.runs = NULL};
    bool is_done = false;

    if (sysconf(_SC_PAGESIZE) != (int)PAGE_BYTES)
        return fail(problem, MS_EXIT_UNTRUSTED, "pages here are not 4 KiB; recorded layouts are");
    frames.pfn = malloc(frames.room * sizeof *frames.pfn);
    if (!frames.pfn)
        return fail(problem, MS_EXIT_USAGE, "there is no memory for --size %" PRIu64, o->bytes);
    if (frames_capture(o, &frames, problem) && layout_make(o, &frames, &layout, problem))
        is_done =
            o->out ? ms_capture_write(&layout, o->out, problem) : layout_print(&layout, problem);
    if (is_done)
        summary_print(o, &layout);
    ms_layout_clear(&layout);
    free(frames.pfn);
    return is_done;
}

/* ---- requests ---------------------------------------------------------------------------------- */

static bool requests_write(const struct options *o, const struct ms_requests *r,
                           struct ms_problem *problem)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    bool is_written = out && ms_requests_print(r, out);

    is_written = out && fclose(out) == 0 && is_written;
    if (!is_written)
        fail(problem, MS_EXIT_INCOMPLETE, "no memory for the text");
    else if (o->out)
        is_written = file_write(text, bytes, o->out, problem);
    else
        is_written = text_write(stdout, text, bytes) || write_failed("standard output", problem);
    free(text);
    return is_written;
}

static bool requests_capture(const struct options *o, struct ms_problem *problem)
{
    char shipped[PATH_MAX];
    const char *const layouts[] = {shipped};
    struct ms_catalog_config config = {.layouts = layouts};
    struct ms_requests r = {.threads = 0};
    struct ms_catalog *catalog;
    char why[MS_WHY_BYTES];
    bool is_done;

    config.layout_count = ms_catalog_shipped(shipped, sizeof shipped);
    catalog = ms_catalog_open(&config, why);
    is_done = catalog && ms_record(catalog, o->requests, &r, why);
    if (!is_done)
        fail(problem, MS_EXIT_USAGE, "%s", why);
    is_done = is_done && requests_write(o, &r, problem);
    if (is_done && o->out)
        fprintf(stderr, "use it: %s run --layout %s\n", ms_program_name(), o->out);
    ms_requests_drop(&r);
    ms_catalog_close(catalog);
    return is_done;
}

int ms_main_capture(int argc, char **argv)
{
    const char *names[OPTIONS + 2] = {"help", "usage"};
    struct options options = {.bytes = SIZE_DEFAULT_BYTES};
    struct ms_problem problem = {.exit = MS_EXIT_OK};

    for (size_t i = 0; i < OPTIONS; i++)
        names[i + 2] = option_list[i].name;
    if (!ms_options_known(argc, argv, names, OPTIONS + 2, &problem))
        return ms_problem_print(&problem);
    argv[0] = (char[]){"mapstorm capture"}; /* what messages and --help begin with */
    argp_err_exit_status = MS_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0)
        return MS_EXIT_USAGE;
    if (options.requests ? requests_capture(&options, &problem) : capture(&options, &problem))
        return MS_EXIT_OK;
    return ms_problem_print(&problem);
}
