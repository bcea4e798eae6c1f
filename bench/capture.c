/* SPDX-License-Identifier: MIT */
/*
 * capture.c: `mapstorm capture`: how real memory lies in page frames, as a layout file.
 *
 * Frames are read from /proc/<pid>/pagemap, which shows them only to the privileged. What is
 * written holds run lengths and the distances between runs, never absolute frames, addresses or
 * file names, so nothing private leaves the machine.
 */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "memory/memory.h"
#include "options.h"

enum { PATH_BYTES = 1024, PAGES_MAX = 1 << 20, ENTRIES_AT_ONCE = 4096 };

#define PAGEMAP_PRESENT  (UINT64_C(1) << 63)
#define PAGEMAP_PFN_MASK ((UINT64_C(1) << 55) - 1)

enum kind { KIND_HEAP, KIND_SHARED, KIND_HUGE };

struct capture {
    const char *pid;
    const char *file;
    const char *name;
    const char *out;
    enum kind kind;
    uint64_t pages; /* at most */
    uint64_t *pfn;  /* owned; pages entries */
    uint64_t count;
    bool is_hidden; /* pages were there, but their frames read as 0 */
    char source[160];
    struct ms_problem problem;
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct capture *c, enum ms_exit code,
                                                         const char *format, ...)
{
    va_list arguments;

    c->problem.exit = code;
    va_start(arguments, format);
    vsnprintf(c->problem.text, sizeof c->problem.text, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- reading frames --------------------------------------------------------------------------- */

/* Appends the frames of the pages in [first, end) that are in memory. */
static bool frames_read(struct capture *c, int pagemap, uint64_t first, uint64_t end)
{
    static const size_t entry_bytes = sizeof(uint64_t);
    uint64_t entry[ENTRIES_AT_ONCE];

    for (uint64_t page = first / MS_PAGE_BYTES; page < end / MS_PAGE_BYTES;) {
        uint64_t want = end / MS_PAGE_BYTES - page;
        ssize_t got;

        if (want > ENTRIES_AT_ONCE)
            want = ENTRIES_AT_ONCE;
        got = pread(pagemap, entry, want * entry_bytes, (off_t)(page * entry_bytes));
        if (got < (ssize_t)entry_bytes)
            return got >= 0; /* the mapping ends, or its pages are not to be seen */
        for (size_t i = 0; i < (size_t)got / entry_bytes && c->count < c->pages; i++) {
            if (!(entry[i] & PAGEMAP_PRESENT))
                continue;
            if ((entry[i] & PAGEMAP_PFN_MASK) == 0)
                c->is_hidden = true;
            else
                c->pfn[c->count++] = entry[i] & PAGEMAP_PFN_MASK;
        }
        page += (uint64_t)got / entry_bytes;
    }
    return true;
}

static int pagemap_open(struct capture *c, const char *pid)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/%.20s/pagemap", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        refuse(c, MS_EXIT_USAGE, "there is no process %.20s", pid);
    else if (fd < 0)
        refuse(c, MS_EXIT_UNTRUSTED,
               "the page frames of process %.20s are not to be read (%s); as root it works: sudo "
               "mapstorm capture ...",
               pid, strerror(errno));
    return fd;
}

static bool frames_of_memory(struct capture *c, const void *memory, size_t bytes)
{
    uint64_t first = (uint64_t)(uintptr_t)memory;
    int fd = pagemap_open(c, "self");
    bool is_read;

    if (fd < 0)
        return false;
    is_read = frames_read(c, fd, first, first + bytes);
    close(fd);
    return is_read || refuse(c, MS_EXIT_UNTRUSTED, "cannot read page frames: %s", strerror(errno));
}

/* ---- what is captured ------------------------------------------------------------------------- */

/* Fresh memory of our own, every page written once. */
static bool capture_own(struct capture *c)
{
    size_t bytes = c->pages * MS_PAGE_BYTES;
    int flags = c->kind == KIND_SHARED ? MAP_SHARED : MAP_PRIVATE;
    unsigned char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    bool is_read;

    if (memory == MAP_FAILED)
        return refuse(c, MS_EXIT_INCOMPLETE, "no memory for %" PRIu64 " pages", c->pages);
    madvise(memory, bytes, c->kind == KIND_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    for (size_t at = 0; at < bytes; at += MS_PAGE_BYTES)
        memory[at] = 1;
    is_read = frames_of_memory(c, memory, bytes);
    munmap(memory, bytes);
    snprintf(c->source, sizeof c->source, "%s memory",
             c->kind == KIND_SHARED ? "shared"
             : c->kind == KIND_HUGE ? "huge-page"
                                    : "anonymous");
    return is_read;
}

/* A file as it lies in the page cache. */
static bool capture_file(struct capture *c)
{
    int fd = open(c->file, O_RDONLY | O_CLOEXEC);
    const volatile unsigned char *memory;
    unsigned char sum = 0;
    struct stat info;
    size_t bytes;
    bool is_read;

    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
        refuse(c, MS_EXIT_USAGE, "cannot capture %.300s: %s", c->file,
               fd < 0 ? strerror(errno) : "not a file with bytes in it");
        if (fd >= 0)
            close(fd);
        return false;
    }
    bytes = (size_t)info.st_size;
    if (bytes > c->pages * MS_PAGE_BYTES)
        bytes = c->pages * MS_PAGE_BYTES;
    bytes = (bytes + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES * MS_PAGE_BYTES;
    memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return refuse(c, MS_EXIT_INCOMPLETE, "cannot map %.300s: %s", c->file, strerror(errno));
    for (size_t at = 0; at < bytes; at += MS_PAGE_BYTES)
        sum = (unsigned char)(sum + memory[at]); /* brings the page in */
    (void)sum;
    is_read = frames_of_memory(c, (const void *)memory, bytes);
    munmap((void *)(uintptr_t)memory, bytes);
    snprintf(c->source, sizeof c->source, "a file in the page cache");
    return is_read;
}

/* All of another process that lies in memory, in the order of its addresses. */
static bool capture_pid(struct capture *c)
{
    char path[64];
    char line[1024];
    FILE *maps;
    int pagemap = pagemap_open(c, c->pid);

    if (pagemap < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%.20s/maps", c->pid);
    maps = fopen(path, "re");
    while (maps && fgets(line, sizeof line, maps) && c->count < c->pages) {
        uint64_t first, end;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &first, &end) == 2)
            frames_read(c, pagemap, first, end);
    }
    close(pagemap);
    if (!maps)
        return refuse(c, MS_EXIT_UNTRUSTED, "the mappings of process %.20s are not to be read: %s",
                      c->pid, strerror(errno));
    fclose(maps);
    snprintf(c->source, sizeof c->source, "a running process");
    return true;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static bool text_write(struct capture *c, const char *text, size_t bytes)
{
    char aside[PATH_BYTES + 8];
    FILE *out;
    bool is_good;

    if (access(c->out, F_OK) == 0)
        return refuse(c, MS_EXIT_USAGE, "%.300s is there already; name another with --out", c->out);
    snprintf(aside, sizeof aside, "%s.tmp", c->out);
    out = fopen(aside, "we");
    if (!out)
        return refuse(c, MS_EXIT_INCOMPLETE, "cannot write %.300s: %s", c->out, strerror(errno));
    is_good = fwrite(text, 1, bytes, out) == bytes && fflush(out) == 0 && fsync(fileno(out)) == 0;
    is_good = fclose(out) == 0 && is_good;
    if (is_good && rename(aside, c->out) == 0)
        return true;
    refuse(c, MS_EXIT_INCOMPLETE, "cannot write %.300s: %s", c->out, strerror(errno));
    unlink(aside);
    return false;
}

static void summary_print(const struct capture *c, const struct ms_layout *layout)
{
    uint64_t singles = 0;
    uint64_t longest = 0;

    for (uint32_t i = 0; i < layout->run_count; i++) {
        singles += layout->runs[i].pages == 1;
        longest = layout->runs[i].pages > longest ? layout->runs[i].pages : longest;
    }
    printf("%s: %" PRIu64 " pages in %" PRIu32 " runs, mean %.2f, longest %" PRIu64
           ", %.0f %% of the runs are single pages\n",
           layout->name, layout->pages, layout->run_count,
           (double)layout->pages / layout->run_count, longest,
           100.0 * (double)singles / layout->run_count);
    printf("file      %s\n", c->out);
    printf("use       %s run --layout %s --shape %s\n", ms_program_name(), c->out, layout->name);
}

static bool layout_write(struct capture *c)
{
    struct ms_layout layout = {.pages = 0};
    struct utsname system;
    size_t bytes;
    char *text;
    bool is_written = false;

    if (uname(&system) == 0)
        snprintf(c->source + strlen(c->source), sizeof c->source - strlen(c->source),
                 ", %.16s %.32s", system.sysname, system.release);
    if (!ms_layout_from_pfns(&layout, c->name, c->source, c->pfn, c->count))
        return refuse(c, MS_EXIT_INCOMPLETE, "out of memory");
    bytes = ms_layout_write(&layout, NULL, 0);
    text = malloc(bytes + 1);
    if (text) {
        ms_layout_write(&layout, text, bytes + 1);
        is_written = text_write(c, text, bytes);
    } else {
        refuse(c, MS_EXIT_INCOMPLETE, "out of memory");
    }
    free(text);
    if (is_written)
        summary_print(c, &layout);
    ms_layout_clear(&layout);
    return is_written;
}

/* ---- the command ------------------------------------------------------------------------------ */

static bool capture_do(struct capture *c)
{
    bool is_read;

    c->pfn = calloc(c->pages, sizeof *c->pfn);
    if (!c->pfn)
        return refuse(c, MS_EXIT_INCOMPLETE, "no memory for %" PRIu64 " pages", c->pages);
    is_read = c->pid ? capture_pid(c) : c->file ? capture_file(c) : capture_own(c);
    if (!is_read)
        return false;
    if (c->count == 0 && c->is_hidden)
        return refuse(c, MS_EXIT_UNTRUSTED,
                      "the kernel hides page frames from this user; as root they are shown: sudo "
                      "mapstorm capture ... (the shipped layouts serve without)");
    if (c->count == 0)
        return refuse(c, MS_EXIT_USAGE, "nothing of it lies in memory");
    return layout_write(c);
}

static bool is_name_plain(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    return length > 0 && name[length] == '\0' && length < sizeof((struct ms_layout *)0)->name;
}

static error_t capture_parse(int key, char *text, struct argp_state *state)
{
    struct capture *c = state->input;
    char *end;

    switch (key) {
    case 'p':
        c->pid = text;
        if (strspn(text, "0123456789") != strlen(text) || strlen(text) == 0 || strlen(text) > 10)
            argp_error(state, "--pid wants a process number, not '%s'", text);
        return 0;
    case 'f':
        c->file = text;
        return 0;
    case 's':
        c->kind = KIND_SHARED;
        return 0;
    case 'u':
        c->kind = KIND_HUGE;
        return 0;
    case 'n':
        c->name = text;
        if (!is_name_plain(text))
            argp_error(state, "--name wants up to 63 letters, digits and - _ . only");
        return 0;
    case 'o':
        c->out = text;
        if (strlen(text) >= PATH_BYTES || strlen(text) == 0)
            argp_error(state, "--out wants a file name");
        return 0;
    case 'g':
        c->pages = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || c->pages == 0 || c->pages > PAGES_MAX)
            argp_error(state, "--pages wants a number from 1 to %d", PAGES_MAX);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "capture takes no '%s'; did you mean --file?", text);
        return 0;
    case ARGP_KEY_END:
        if ((c->pid != NULL) + (c->file != NULL) + (c->kind != KIND_HEAP) > 1)
            argp_error(state, "one of --pid, --file, --shared and --huge");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ms_main_capture(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"pid", 'p', "N", 0, "The memory of a running process", 1},
        {"file", 'f', "FILE", 0, "A file as it lies in the page cache", 1},
        {"shared", 's', NULL, 0, "Fresh shared memory", 1},
        {"huge", 'u', NULL, 0, "Fresh memory in huge pages where the kernel gives them", 1},
        {"pages", 'g', "N", 0, "At most so many pages; default 4096", 2},
        {"name", 'n', "NAME", 0, "Name of the layout and of the shape; default captured", 2},
        {"out", 'o', "FILE", 0, "Where to; default NAME.layout", 2},
        {0},
    };
    static const struct argp parser = {
        .options = options,
        .parser = capture_parse,
        .doc = "Records how real memory lies in page frames; without a choice, fresh memory of its "
               "own. The file holds run lengths and distances, no addresses and no names."
               "\vExamples:\n  sudo mapstorm capture --name heap-here\n"
               "  sudo mapstorm capture --file /bin/ls --name executable-here",
    };
    static const char *const names[] = {"help", "usage", "pid",  "file", "shared",
                                        "huge", "pages", "name", "out"};
    struct capture c = {.name = "captured", .pages = 4096};
    char out[PATH_BYTES];
    bool is_done;

    if (!ms_options_known(argc, argv, names, 9, &c.problem))
        return ms_problem_print(&c.problem);
    argp_err_exit_status = MS_EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &c);
    snprintf(out, sizeof out, "%.80s.layout", c.name);
    if (!c.out)
        c.out = out;
    is_done = capture_do(&c);
    free(c.pfn);
    if (!is_done)
        return ms_problem_print(&c.problem);
    return fflush(stdout) == 0 ? MS_EXIT_OK : MS_EXIT_INCOMPLETE;
}
