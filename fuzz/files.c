/* SPDX-License-Identifier: MIT */
/*
 * files.c: reading inputs, walking folders, options: what the commands share.
 */
#include "commands.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *file_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size = 0;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 ||
        fseek(file, 0, SEEK_SET) != 0)
        goto failed;
    text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        goto failed;
    text[size] = 0;
    *bytes = (size_t)size;
    fclose(file);
    return text;

failed:
    fprintf(stderr, "mapstorm-fuzz: %s: %s\n", path, strerror(errno));
    free(text);
    if (file)
        fclose(file);
    return NULL;
}

bool file_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    bool is_written = file && fwrite(bytes, 1, count, file) == count;

    if (file && fclose(file) != 0)
        is_written = false;
    if (!is_written)
        fprintf(stderr, "mapstorm-fuzz: %s: %s\n", path, strerror(errno));
    return is_written;
}

bool input_read(const char *path, struct fuzz_input *input, struct fuzz_note *note,
                const struct fuzz_target **target)
{
    char error[200];
    size_t bytes;
    char *text = file_read(path, &bytes);
    bool is_read;

    if (!text)
        return false;
    is_read = fuzz_text_read(text, input, note, error, sizeof error);
    free(text);
    if (!is_read) {
        fprintf(stderr, "mapstorm-fuzz: %s: %s\n", path, error);
        return false;
    }
    *target = fuzz_target_find(note->target);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint32_t collect(const char *folder, char **paths, uint32_t count, uint32_t max)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && count < max && (entry = readdir(dir))) {
        char path[4096];
        struct stat facts;
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &facts) != 0)
            continue;
        if (S_ISDIR(facts.st_mode))
            count = collect(path, paths, count, max);
        else if (length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0)
            paths[count++] = strdup(path);
    }
    if (dir)
        closedir(dir);
    return count;
}

uint32_t files_below(const char *folder, char **paths, uint32_t max)
{
    struct stat facts;
    uint32_t count;

    if (stat(folder, &facts) == 0 && !S_ISDIR(facts.st_mode)) {
        paths[0] = strdup(folder);
        return 1;
    }
    count = collect(folder, paths, 0, max);
    qsort(paths, count, sizeof *paths, by_name);
    return count;
}

const char *option(int *argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        const char *value = argv[i + 1];
        memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 2) * sizeof *argv);
        *argc -= 2;
        return value;
    }
    return NULL;
}

bool flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i - 1) * sizeof *argv);
        *argc -= 1;
        return true;
    }
    return false;
}
