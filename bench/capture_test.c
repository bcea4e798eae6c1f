/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "pagemap.h"
#include "platform/test.h"

enum { TEXT_BYTES = 1 << 16 };

/* What one run of the command did. */
struct outcome {
    int exit;
    char out[TEXT_BYTES], err[TEXT_BYTES];
};

static void file_slurp(FILE *file, char *text)
{
    rewind(file);
    text[fread(text, 1, TEXT_BYTES - 1, file)] = 0;
    fclose(file);
}

/* Runs the command in a child, as another user if so wished: argp may end the process. */
static struct outcome *command_run(bool as_nobody, const char *const *words)
{
    static struct outcome outcome;
    FILE *out = tmpfile(), *err = tmpfile();
    char *argv[16] = {(char[]){"capture"}};
    int argc = 1, status;

    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        if (as_nobody && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        int code = ms_main_capture(argc, argv);
        fflush(NULL);
        _exit(code);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    outcome.exit = WEXITSTATUS(status);
    file_slurp(out, outcome.out);
    file_slurp(err, outcome.err);
    return &outcome;
}

#define RUN(...) command_run(false, (const char *const[]){__VA_ARGS__, NULL})

/* Frames are for the privileged; the rest of this program's tests are for everybody. */
static bool can_see_frames(void)
{
    static volatile char here;
    uint64_t pfn;
    struct ms_frames frames = {.pfn = &pfn, .room = 1};
    struct ms_problem problem;
    uint64_t page = (uintptr_t)&here & ~UINT64_C(4095);

    here = 1;
    return ms_pagemap_read(0, page, page + 4096, &frames, &problem) && frames.count == 1;
}

static bool is_one_line(const char *text)
{
    const char *end = strchr(text, '\n');

    return end && end[1] == '\0';
}

MS_TEST(capture_reads_sizes)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: refused */
    } cases[] = {
        {"4096", 4096},
        {"64K", 65536},
        {"4M", 4 << 20},
        {"1G", 1 << 30},
        {"64G", 68719476736},
        {"65G", 0},
        {"0", 0},
        {"0K", 0},
        {"1K", 0},
        {"4097", 0},
        {"", 0},
        {"K", 0},
        {"-4K", 0},
        {"+4K", 0},
        {" 4K", 0},
        {"4k", 0},
        {"4KB", 0},
        {"4 K", 0},
        {"4.0K", 0},
        {"0x1000", 0},
        {"18446744073709551616", 0},
        {"17592186044416M", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes;
        if (ms_capture_size_read(cases[i].text, &bytes) != (cases[i].want != 0) ||
            (cases[i].want && bytes != cases[i].want))
            fail_msg("'%s'", cases[i].text);
    }
}

MS_TEST(capture_reads_ranges)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"55d0c8e00000-55d0c8e21000", true},
        {"1000-2000", true},
        {"7FFF0000-7fff1000", true},
        {"2000-1000", false},
        {"1000-1000", false},
        {"1000-2001", false},
        {"1000", false},
        {"1000-", false},
        {"-2000", false},
        {"1000-2000-3000", false},
        {"0x1000-0x2000", false},
        {"1000 - 2000", false},
        {"10000000000000000-20000000000000000", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t first, end;
        if (ms_capture_range_read(cases[i].text, &first, &end) != cases[i].want)
            fail_msg("'%s'", cases[i].text);
    }
}

MS_TEST(capture_refuses_wrong_usage_with_2)
{
    static const char *const cases[][4] = {
        {"--bad"},
        {"extra"},
        {"--size", "3"},
        {"--memory", "strange"},
        {"--pid", "0"},
        {"--pid", "x"},
        {"--pid", "1x"},
        {"--range", "1000-2000"},
        {"--file", "/"},
        {"--file", "/nowhere/at/all"},
        {"--file", "/dev/zero"},
        {"--file", "/dev/null", "--pid", "1"},
        {"--pid", "2147483647"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[5] = {cases[i][0], cases[i][1], cases[i][2], cases[i][3], NULL};
        struct outcome *o = command_run(false, words);
        if (o->exit != MS_EXIT_USAGE || o->out[0] || !o->err[0])
            fail_msg("%s %s: exit %d", words[0], words[1] ? words[1] : "", o->exit);
    }
}

MS_TEST(capture_helps_on_one_screen)
{
    struct outcome *o = RUN("--help");
    int lines = 0;

    assert_int_equal(o->exit, 0);
    for (const char *c = o->out; *c; c++)
        lines += *c == '\n';
    assert_in_range(lines, 5, 24);
    assert_non_null(strstr(o->out, "mapstorm capture --memory recycled"));
}

MS_TEST(capture_without_privilege_says_what_would_help_and_ends_with_3)
{
    char path[] = "/tmp/capture_testXXXXXX", file[64];
    bool is_root = geteuid() == 0;

    if (!is_root && can_see_frames())
        skip(); /* a user with the capability: nobody here lacks it */
    assert_non_null(mkdtemp(path));
    assert_int_equal(chmod(path, 0777), 0);
    snprintf(file, sizeof file, "%s/x.layout", path);
    struct outcome *o = command_run(is_root, (const char *const[]){"--out", file, NULL});
    assert_int_equal(o->exit, MS_EXIT_UNTRUSTED);
    assert_string_equal(o->out, "");
    assert_true(is_one_line(o->err));
    assert_non_null(strstr(o->err, "CAP_SYS_ADMIN"));
    assert_non_null(strstr(o->err, "corpus/layouts"));
    assert_int_equal(rmdir(path), 0); /* so it is empty: nothing was written */
}

MS_TEST(capture_records_each_kind_of_memory)
{
    static const char *const kinds[] = {"plain", "recycled", "huge", "shared"};

    if (!can_see_frames())
        skip();
    for (size_t i = 0; i < 4; i++) {
        struct outcome *o = RUN("--memory", kinds[i], "--size", "256K");
        struct ms_layout layout;
        char error[200] = "";

        assert_int_equal(o->exit, 0);
        assert_true(ms_layout_read(&layout, o->out, strlen(o->out), error, sizeof error));
        assert_int_equal(layout.pages, 64);
        assert_non_null(strstr(o->err, "64 pages in "));
        ms_layout_clear(&layout);
    }
}

MS_TEST(capture_records_files_and_processes)
{
    struct outcome *o;
    char pid[32], name[] = "/tmp/capture_testXXXXXX", range[64];
    static char page[3 * 4096];
    uintptr_t start = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;

    if (!can_see_frames())
        skip();
    int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(write(file, page, 4097), 4097);
    o = RUN("--file", name, "--name", "my-file");
    assert_int_equal(o->exit, 0);
    assert_non_null(strstr(o->out, "name my-file\n"));
    assert_non_null(strstr(o->out, "pages 2\n"));
    assert_null(strstr(o->out, name)); /* nothing private */
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(RUN("--file", name)->exit, MS_EXIT_USAGE);
    close(file);
    unlink(name);

    memset(page, 1, sizeof page);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(range, sizeof range, "%lx-%lx", (unsigned long)start, (unsigned long)start + 8192);
    o = RUN("--pid", pid, "--range", range);
    assert_int_equal(o->exit, 0);
    assert_non_null(strstr(o->out, "pages 2\n"));
    o = RUN("--pid", pid, "--size", "16K");
    assert_int_equal(o->exit, 0);
    assert_non_null(strstr(o->out, "pages 4\n"));
    snprintf(range, sizeof range, "1000-2000"); /* nobody maps there */
    assert_int_equal(RUN("--pid", pid, "--range", range)->exit, MS_EXIT_USAGE);
}

MS_TEST(capture_refuses_names_that_cannot_stand_in_a_layout)
{
    if (!can_see_frames())
        skip();
    struct outcome *o = RUN("--size", "4K", "--name", "Über/alles");
    assert_int_equal(o->exit, MS_EXIT_USAGE);
    assert_string_equal(o->out, "");
    assert_non_null(strstr(o->err, "name"));
}

/* --- writing: no privilege needed -------------------------------------------------------------- */

static size_t files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

MS_TEST(capture_writes_whole_or_not_at_all)
{
    char folder[] = "/tmp/capture_testXXXXXX", path[64], text[200];
    struct ms_layout layout = {.runs = NULL}, bad;
    struct ms_problem problem;
    FILE *file;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.layout", folder);
    assert_true(ms_layout_make_runs(&layout, 10, 3));
    assert_true(ms_capture_write(&layout, path, &problem));
    assert_true(ms_capture_write(&layout, path, &problem)); /* over the old one */
    assert_int_equal(files_in(folder), 1);
    /* What cannot be read back is not written: the old file stays. */
    bad = layout;
    strcpy(bad.name, "NOT A NAME");
    assert_false(ms_capture_write(&bad, path, &problem));
    assert_int_equal(problem.exit, MS_EXIT_USAGE);
    file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_non_null(strstr(text, "name runs-of-3-10\n"));
    /* A folder in its place: the rename fails, nothing is left. */
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(ms_capture_write(&layout, path, &problem));
    assert_int_equal(problem.exit, MS_EXIT_INCOMPLETE);
    assert_int_equal(files_in(folder), 1);
    rmdir(path);
    rmdir(folder);
    assert_false(ms_capture_write(&layout, path, &problem)); /* no such folder */
    assert_int_equal(problem.exit, MS_EXIT_INCOMPLETE);
    ms_layout_clear(&layout);
}

/* --- the layouts that are shipped -------------------------------------------------------------- */

static bool layout_load(const char *path, struct ms_layout *layout, char *error)
{
    char *text = malloc(1 << 20);
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    size_t bytes = fread(text, 1, 1 << 20, file);
    fclose(file);
    bool is_read = ms_layout_read(layout, text, bytes, error, 200);
    free(text);
    return is_read;
}

/* Writes through a view, reads through the frames, every byte, at an unaligned place. */
static void bytes_arrive(struct ms_memory *memory, const struct ms_layout *layout,
                         enum ms_zone zone)
{
    enum { OFFSET = 0x345, TAIL = 0x111 };
    uint64_t pages = layout->pages, bytes = pages * 4096 - OFFSET - TAIL;
    PFN_NUMBER *pfn = malloc(pages * sizeof *pfn);
    uint8_t *got = malloc(bytes);

    assert_true(ms_layout_place(memory, layout, 0, pages, zone, pfn));
    uint8_t *view = ms_view_create(memory, pfn, pages);
    assert_non_null(view);
    PMDL mdl = ms_mdl_create(pfn, OFFSET, (uint32_t)bytes);
    for (uint64_t i = 0; i < bytes; i++)
        view[OFFSET + i] = (uint8_t)(i * 17 + (i >> 12));
    ms_mdl_copy_out(memory, mdl, 0, got, bytes);
    for (uint64_t i = 0; i < bytes; i++)
        if (got[i] != (uint8_t)(i * 17 + (i >> 12)))
            fail_msg("%s: byte %llu", layout->name, (unsigned long long)i);
    IoFreeMdl(mdl);
    ms_view_destroy(memory, view, pages);
    ms_layout_unplace(memory, pfn, pages);
    free(got);
    free(pfn);
}

MS_TEST(capture_layouts_shipped_are_sound_and_carry_bytes)
{
    const char *folder = MS_TEST_DATA "/../../corpus/layouts";
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);
    DIR *dir = opendir(folder);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *dot = strrchr(entry->d_name, '.'), path[1024], error[200] = "";
        struct ms_layout layout;

        if (!dot || strcmp(dot, ".layout") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!layout_load(path, &layout, error))
            fail_msg("%s: %s", entry->d_name, error);
        *dot = '\0';
        assert_string_equal(layout.name, entry->d_name);
        bytes_arrive(memory, &layout, MS_ZONE_ABOVE_4G);
        bytes_arrive(memory, &layout, MS_ZONE_BELOW_16M);
        ms_layout_clear(&layout);
        count++;
    }
    closedir(dir);
    assert_true(count >= 10);
    assert_int_equal(ms_frames_taken(memory), 0);
    ms_memory_destroy(memory);
}

MS_TEST(capture_of_this_machine_carries_bytes)
{
    if (!can_see_frames())
        skip();
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);
    struct outcome *o = RUN("--memory", "recycled", "--size", "1M");
    struct ms_layout layout;
    char error[200];

    assert_int_equal(o->exit, 0);
    assert_true(ms_layout_read(&layout, o->out, strlen(o->out), error, sizeof error));
    bytes_arrive(memory, &layout, MS_ZONE_ABOVE_4G);
    ms_layout_clear(&layout);
    ms_memory_destroy(memory);
}
