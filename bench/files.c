/* SPDX-License-Identifier: MIT */
/*
 * files.c: reports reach the disk whole or not at all. A file is printed beside its place under a
 * name starting with a dot, flushed to the disk, then renamed. A report of several files prints all
 * of them before it renames the first, so that a full disk leaves the earlier report untouched.
 */
#include "emit.h"
#include "result_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct part {
    const char *name;
    ms_printer *print;
};

bool ms_emit_json(const struct ms_result *r, FILE *out)
{
    return ms_result_print(r, out, MS_DETAIL_FULL);
}

/* result.json first: if the machine stops between two renames, the others can be made from it. */
static const struct part report_parts[] = {
    {"result.json", ms_emit_json}, {"page.html", ms_emit_page},     {"summary.md", ms_emit_summary},
    {"result.csv", ms_emit_csv},   {"gbench.json", ms_emit_gbench},
};

enum { REPORT_PARTS = sizeof(report_parts) / sizeof(report_parts[0]) };

static bool path_join(char path[PATH_MAX], const char *folder, const char *prefix, const char *name,
                      const char *suffix, struct ms_problem *problem)
{
    int length = snprintf(path, PATH_MAX, "%s/%s%s%s", folder, prefix, name, suffix);

    if (length < 0 || length >= PATH_MAX)
        return ms_problem_set(problem, MS_EXIT_USAGE, "%.200s/%s: the name is too long", folder,
                              name);
    return true;
}

static bool write_failed(struct ms_problem *problem, const char *folder, const char *name,
                         int error)
{
    return ms_problem_set(problem, MS_EXIT_INCOMPLETE,
                          "cannot write %s in %.300s: %s; an earlier report there is untouched",
                          name, folder, strerror(error ? error : EIO));
}

/* Opened without following links and only if new: a left-over of a stopped run is removed first. */
static FILE *aside_open(const char *path)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return NULL;
    FILE *out = fdopen(fd, "w");
    if (!out)
        close(fd);
    return out;
}

/* Prints one file aside. A write error is found here: fflush and fsync ask the disk. */
static bool aside_print(const struct ms_result *r, const char *folder, const struct part *part,
                        struct ms_problem *problem)
{
    char aside[PATH_MAX];

    if (!path_join(aside, folder, ".", part->name, ".tmp", problem))
        return false;
    FILE *out = aside_open(aside);
    if (!out)
        return write_failed(problem, folder, part->name, errno);
    errno = 0;
    bool good = part->print(r, out) && fflush(out) == 0 && fsync(fileno(out)) == 0;
    int error = errno;
    if (fclose(out) != 0 && good) {
        error = errno;
        good = false;
    }
    if (good)
        return true;
    unlink(aside);
    return write_failed(problem, folder, part->name, error);
}

static bool aside_rename(const char *folder, const char *name, struct ms_problem *problem)
{
    char aside[PATH_MAX], path[PATH_MAX];

    if (!path_join(aside, folder, ".", name, ".tmp", problem) ||
        !path_join(path, folder, "", name, "", problem))
        return false;
    if (rename(aside, path) != 0)
        return write_failed(problem, folder, name, errno);
    return true;
}

static void aside_remove(const char *folder, const char *name)
{
    char aside[PATH_MAX];
    struct ms_problem ignored;

    if (path_join(aside, folder, ".", name, ".tmp", &ignored))
        unlink(aside);
}

static bool parts_write(const struct ms_result *r, const char *folder, const struct part *parts,
                        size_t count, struct ms_problem *problem)
{
    bool good = true;

    for (size_t i = 0; good && i < count; i++)
        good = aside_print(r, folder, &parts[i], problem);
    for (size_t i = 0; good && i < count; i++)
        good = aside_rename(folder, parts[i].name, problem);
    if (!good)
        for (size_t i = 0; i < count; i++)
            aside_remove(folder, parts[i].name);
    return good;
}

/* mkdir -p */
static bool folder_make(const char *folder, struct ms_problem *problem)
{
    char path[PATH_MAX];
    struct stat state;

    if (strlen(folder) >= sizeof(path) || !*folder)
        return ms_problem_set(problem, MS_EXIT_USAGE, "the report folder's name is %s",
                              *folder ? "too long" : "empty");
    strcpy(path, folder);
    for (char *c = path + 1;; c++) {
        if (*c && *c != '/')
            continue;
        char end = *c;
        *c = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return ms_problem_set(problem, MS_EXIT_INCOMPLETE, "cannot make the folder %.300s: %s",
                                  path, strerror(errno));
        *c = end;
        if (!end)
            break;
    }
    if (stat(folder, &state) != 0 || !S_ISDIR(state.st_mode))
        return ms_problem_set(problem, MS_EXIT_USAGE, "%.300s is not a folder", folder);
    return true;
}

bool ms_file_write(const struct ms_result *r, const char *folder, const char *name,
                   ms_printer *print, struct ms_problem *problem)
{
    const struct part part = {name, print};

    return parts_write(r, folder, &part, 1, problem);
}

bool ms_report_write(const struct ms_result *r, const char *folder, struct ms_problem *problem)
{
    return folder_make(folder, problem) &&
           parts_write(r, folder, report_parts, REPORT_PARTS, problem);
}

bool ms_report_rewrite(const struct ms_result *r, const char *folder, struct ms_problem *problem)
{
    return folder_make(folder, problem) &&
           parts_write(r, folder, report_parts + 1, REPORT_PARTS - 1, problem);
}

static bool nothing_print(const struct ms_result *r, FILE *out)
{
    (void)r;
    return fputc('\n', out) != EOF;
}

bool ms_report_probe(const char *folder, struct ms_problem *problem)
{
    const struct part probe = {"probe", nothing_print};

    if (!folder_make(folder, problem))
        return false;
    bool good = aside_print(NULL, folder, &probe, problem);
    aside_remove(folder, probe.name);
    return good;
}
