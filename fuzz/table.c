/* SPDX-License-Identifier: MIT */
/*
 * table.c: what hunts of all targets came to: a line each, in a file that is whole at any time.
 *
 * Idea        hunts of hours get killed. The file is written anew after each round (under another name, then
 *             renamed), so what it says was done; the same command goes on where it says.
 * Program     numbers of one build say nothing about another, so the file names the program by a digest of its
 *             bytes, and a table of another one is never gone on with or written over
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char heading[] =
    "target              seconds    executions   a second  features     new  findings  verdict\n";
static const char first_line[] = "# hunted by program %016llx\n";

void hunt_table_print(const struct hunt_table *t, FILE *out)
{
    fputs(heading, out);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct hunt_row *r = &t->row[i];
        double seconds = (double)(uint64_t)(r->seconds * 10 + 0.5) / 10; /* as it is read again */
        fprintf(out, "%-16s %10.1f %13llu %10.0f %9u %7u %9u  %s\n", r->target, seconds,
                (unsigned long long)r->executions,
                (double)r->executions / (seconds > 0 ? seconds : 1), r->features, r->fresh,
                r->findings, r->verdict);
    }
}

static unsigned long long program_digest(void)
{
    size_t bytes;
    char *text = file_read("/proc/self/exe", &bytes);
    unsigned long long digest = 0xCBF29CE484222325u;

    for (size_t i = 0; text && i < bytes; i++)
        digest = (digest ^ (uint8_t)text[i]) * 0x100000001B3u;
    free(text);
    return digest;
}

static bool row_read(const char *line, struct hunt_row *r)
{
    unsigned long long executions;
    char a_second[32];

    if (sscanf(line, "%31s %lf %llu %31s %u %u %u %159[^\n]", r->target, &r->seconds, &executions,
               a_second, &r->features, &r->fresh, &r->findings, r->verdict) != 8)
        return false;
    r->executions = executions;
    return fuzz_target_find(r->target) != NULL;
}

bool hunt_table_read(struct hunt_table *t, const char *path)
{
    unsigned long long digest;
    size_t bytes;
    char *text;

    memset(t, 0, sizeof *t);
    t->path = path;
    t->program = program_digest();
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    text = file_read(path, &bytes);
    if (!text)
        return false;
    char *line = strchr(text, '\n');
    if (!line || sscanf(text, first_line, &digest) != 1) {
        fprintf(stderr, "mapstorm: %s is no table of hunts; --table another FILE\n", path);
        goto bad;
    }
    if (digest != t->program) {
        fprintf(stderr,
                "mapstorm: %s is about another build of this program; move it away, or --table "
                "another FILE\n",
                path);
        goto bad;
    }
    line = strchr(line + 1, '\n'); /* behind the heading */
    for (uint32_t number = 3; line && line[1]; number++, line = strchr(line + 1, '\n'))
        if (t->count == HUNT_ROWS_MAX || !row_read(line + 1, &t->row[t->count++])) {
            fprintf(stderr, "mapstorm: %s:%u: not a line of a table of hunts\n", path, number);
            goto bad;
        }
    free(text);
    return true;

bad:
    free(text);
    return false;
}

struct hunt_row *hunt_table_row(struct hunt_table *t, const char *target)
{
    uint32_t i = 0;

    while (i < t->count && strcmp(t->row[i].target, target) != 0)
        i++;
    ms_require(i < HUNT_ROWS_MAX);
    if (i == t->count) {
        t->row[t->count++] = (struct hunt_row){0};
        snprintf(t->row[i].target, sizeof t->row[i].target, "%s", target);
    }
    return &t->row[i];
}

bool hunt_table_write(const struct hunt_table *t)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory;
    bool is_written;

    if (!t->path)
        return true;
    memory = open_memstream(&text, &bytes);
    if (!memory)
        return false;
    fprintf(memory, first_line, t->program);
    hunt_table_print(t, memory);
    is_written = fclose(memory) == 0 && file_write(t->path, text, bytes);
    free(text);
    return is_written;
}
