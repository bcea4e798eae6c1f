/* SPDX-License-Identifier: MIT */
/*
 * pagemap.c: reads /proc/PID/pagemap, one 64-bit word a page: bit 63 says that the page is in
 * memory, bits 0-54 are its frame. Without CAP_SYS_ADMIN the kernel answers with frame 0, which is
 * never a process's.
 */
#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, WORDS = 512 };

#define PRESENT    (UINT64_C(1) << 63)
#define FRAME_MASK ((UINT64_C(1) << 55) - 1)

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

static bool no_privilege(struct ms_problem *problem)
{
    return fail(problem, MS_EXIT_UNTRUSTED,
                "page frames are shown to CAP_SYS_ADMIN only: run this as root or with sudo; the "
                "recorded layouts that come with mapstorm (corpus/layouts) serve without it");
}

static int proc_open(pid_t pid, const char *name, struct ms_problem *problem)
{
    char path[64];

    if (pid)
        snprintf(path, sizeof path, "/proc/%" PRIdMAX "/%s", (intmax_t)pid, name);
    else
        snprintf(path, sizeof path, "/proc/self/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0)
        return file;
    if ((errno == EACCES || errno == EPERM) && pid)
        fail(problem, MS_EXIT_UNTRUSTED,
             "may not look into process %" PRIdMAX ": run this as its owner with CAP_SYS_ADMIN, as "
             "root or with sudo",
             (intmax_t)pid);
    else if (errno == EACCES || errno == EPERM)
        no_privilege(problem);
    else if (errno == ENOENT && pid)
        fail(problem, MS_EXIT_USAGE, "there is no process %" PRIdMAX, (intmax_t)pid);
    else
        fail(problem, MS_EXIT_UNTRUSTED, "cannot open %s: %s", path, strerror(errno));
    return -1;
}

/* Adds the frames of some pagemap words; false when the kernel keeps them to itself. */
static bool words_add(const uint64_t *word, size_t count, struct ms_frames *frames)
{
    for (size_t i = 0; i < count && frames->count < frames->room; i++) {
        if (!(word[i] & PRESENT))
            continue;
        if ((word[i] & FRAME_MASK) == 0)
            return false;
        frames->pfn[frames->count++] = word[i] & FRAME_MASK;
    }
    return true;
}

static bool range_read(int file, uint64_t first, uint64_t end, struct ms_frames *frames,
                       struct ms_problem *problem)
{
    uint64_t word[WORDS];

    for (uint64_t page = first / PAGE_BYTES; page < end / PAGE_BYTES;) {
        uint64_t want = end / PAGE_BYTES - page < WORDS ? end / PAGE_BYTES - page : WORDS;
        ssize_t got = pread(file, word, want * sizeof *word, (off_t)(page * sizeof *word));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EPERM)
            return no_privilege(problem);
        if (got < 0)
            return fail(problem, MS_EXIT_UNTRUSTED, "cannot read page frames: %s", strerror(errno));
        if (got < (ssize_t)sizeof *word || frames->count == frames->room)
            return true; /* behind the last address, or enough */
        if (!words_add(word, (size_t)got / sizeof *word, frames))
            return no_privilege(problem);
        page += (size_t)got / sizeof *word;
    }
    return true;
}

bool ms_pagemap_read(pid_t pid, uint64_t first, uint64_t end, struct ms_frames *frames,
                     struct ms_problem *problem)
{
    int file = proc_open(pid, "pagemap", problem);

    if (file < 0)
        return false;
    bool is_read = range_read(file, first, end, frames, problem);
    close(file);
    return is_read;
}

/* --- mappings of a process ----------------------------------------------------------------------
 */

struct mapping {
    uint64_t first, end;
    uint64_t present_bytes;
};

/* A mapping that is all but empty is not read: address space that a run time reserved may have
 * terabytes, and each of its pages is a word to read. */
enum { BYTES_A_PRESENT_BYTE_MAX = 256 };

static int by_presence(const void *a, const void *b)
{
    const struct mapping *x = a, *y = b;

    if (x->present_bytes != y->present_bytes)
        return x->present_bytes < y->present_bytes ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* All mappings with pages in memory, the caller frees; NULL with a problem. */
static struct mapping *mappings_read(pid_t pid, size_t *count, struct ms_problem *problem)
{
    int file = proc_open(pid, "smaps", problem);
    FILE *in = file < 0 ? NULL : fdopen(file, "r");
    struct mapping *mapping = NULL, *grown, m = {0};
    char *line = NULL;
    size_t line_bytes = 0, room = 0;

    *count = 0;
    if (!in && file >= 0) {
        fail(problem, MS_EXIT_INCOMPLETE, "cannot read the mappings: %s", strerror(errno));
        close(file);
    }
    if (!in)
        return NULL;
    while (getline(&line, &line_bytes, in) > 0) {
        uint64_t first, end, kib;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &first, &end) == 2)
            /* Without the kernel's own pages: [vvar], [vdso], [vsyscall]. */
            m = (struct mapping){.first = first, .end = strstr(line, "[v") ? first : end};
        if (sscanf(line, "Rss: %" SCNu64 " kB", &kib) != 1)
            continue;
        m.present_bytes = kib * 1024;
        if ((m.end - m.first) / BYTES_A_PRESENT_BYTE_MAX >= m.present_bytes)
            continue;
        if (*count == room) {
            room = room ? 2 * room : 64;
            grown = realloc(mapping, room * sizeof *mapping);
            if (!grown)
                break; /* the largest of those seen */
            mapping = grown;
        }
        mapping[(*count)++] = m;
    }
    free(line);
    fclose(in);
    if (*count == 0)
        fail(problem, MS_EXIT_USAGE, "process %" PRIdMAX " has no memory of its own",
             (intmax_t)pid);
    return mapping;
}

bool ms_pagemap_read_largest(pid_t pid, struct ms_frames *frames, struct ms_problem *problem)
{
    size_t count;
    struct mapping *mapping = mappings_read(pid, &count, problem);
    bool is_read = true;

    if (count == 0)
        return false;
    qsort(mapping, count, sizeof *mapping, by_presence);
    for (size_t i = 0; is_read && i < count && frames->count < frames->room; i++)
        is_read = ms_pagemap_read(pid, mapping[i].first, mapping[i].end, frames, problem);
    free(mapping);
    return is_read;
}
