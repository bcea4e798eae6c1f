/* SPDX-License-Identifier: MIT */
/*
 * files.c: reading inputs, walking folders, options: what the commands share.
 */
#include "commands.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* All that is left in it: a pipe does not tell its size. */
static char *text_read(FILE *file, size_t *bytes)
{
    size_t room = 64 * 1024;
    char *text = malloc(room + 1);

    *bytes = 0;
    while (text) {
        *bytes += fread(text + *bytes, 1, room - *bytes, file);
        if (*bytes < room)
            break;
        char *larger = realloc(text, 2 * room + 1);
        if (!larger)
            free(text);
        text = larger;
        room *= 2;
    }
    if (text && ferror(file)) {
        free(text);
        text = NULL;
    }
    if (text)
        text[*bytes] = 0;
    return text;
}

char *file_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    char *text = NULL;

    if (file && fstat(fileno(file), &facts) == 0 && S_ISDIR(facts.st_mode)) {
        fprintf(stderr, "mapstorm: %s is a folder, and one file is wanted\n", path);
        fclose(file);
        return NULL;
    }
    if (file)
        text = text_read(file, bytes);
    if (!text)
        fprintf(stderr, "mapstorm: %s: %s\n", path, strerror(errno));
    if (file)
        fclose(file);
    return text;
}

/* What is no file is written where it is: whoever says /dev/stdout means what is there, and behind what it
 * holds already when that is a file. */
static bool device_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "ab");
    bool is_written = file && fwrite(bytes, 1, count, file) == count;

    if (file && fclose(file) != 0)
        is_written = false;
    if (!is_written)
        fprintf(stderr, "mapstorm: %s cannot be written: %s\n", path, strerror(errno));
    return is_written;
}

bool file_write(const char *path, const void *bytes, size_t count)
{
    char part[PATH_BYTES];
    struct stat facts;
    FILE *file;
    bool is_written;

    if (strncmp(path, "/dev/", 5) == 0 || (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode)))
        return device_write(path, bytes, count);
    if (snprintf(part, sizeof part, "%s.tmp", path) >= (int)sizeof part) {
        fprintf(stderr, "mapstorm: %s: the name is too long\n", path);
        return false;
    }
    file = fopen(part, "wb");
    is_written = file && fwrite(bytes, 1, count, file) == count;
    if (file && fclose(file) != 0)
        is_written = false;
    if (is_written && rename(part, path) == 0)
        return true;
    fprintf(stderr, "mapstorm: %s cannot be written: %s\n", path, strerror(errno));
    if (file)
        unlink(part);
    return false;
}

bool folder_make(const char *path)
{
    char part[PATH_BYTES];
    struct stat facts;
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof part) {
        fprintf(stderr, "mapstorm: '%s' cannot be a folder\n", path);
        return false;
    }
    for (size_t i = 1; i <= length; i++)
        if (i == length || path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0777) != 0 && errno != EEXIST) {
                fprintf(stderr, "mapstorm: folder %s: %s\n", part, strerror(errno));
                return false;
            }
        }
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return true;
    fprintf(stderr, "mapstorm: %s is not a folder\n", path);
    return false;
}

/* Takes out the inputs, and the folder when nothing else is in it. */
static bool folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[PATH_BYTES];

    while (dir && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        bool is_ours = length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0;
        if (is_ours && snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name)
            unlink(name);
    }
    if (dir)
        closedir(dir);
    return rmdir(path) == 0;
}

bool folder_begin(const char *part)
{
    if (access(part, F_OK) == 0)
        (void)folder_remove(part); /* of somebody who was killed */
    return folder_make(part);
}

/* `to` is away for a moment. */
static bool folder_replace_slowly(const char *from, const char *to)
{
    char old[PATH_BYTES];

    if (snprintf(old, sizeof old, "%s.old", to) >= (int)sizeof old)
        return false;
    if (access(old, F_OK) == 0)
        (void)folder_remove(old);
    if (rename(to, old) != 0 || rename(from, to) != 0) {
        fprintf(stderr, "mapstorm: %s stays as it is: %s\n", to, strerror(errno));
        if (access(to, F_OK) != 0 && rename(old, to) != 0)
            fprintf(stderr, "mapstorm: what it held is in %s\n", old);
        return false;
    }
    if (!folder_remove(old))
        fprintf(stderr, "mapstorm: %s held more than inputs; what it held is in %s\n", to, old);
    return true;
}

bool folder_replace(const char *from, const char *to)
{
    if (access(to, F_OK) != 0) {
        if (rename(from, to) == 0)
            return true;
    } else if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
        /* At any time there is a whole folder of that name. */
        if (!folder_remove(from))
            fprintf(stderr, "mapstorm: %s held more than inputs; what it held is in %s\n", to,
                    from);
        return true;
    } else if (errno == EINVAL || errno == ENOSYS) { /* this file system cannot */
        return folder_replace_slowly(from, to);
    }
    fprintf(stderr, "mapstorm: %s stays as it is: %s\n", to, strerror(errno));
    return false;
}

int folder_lock(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* Where locks are not to be had one goes without: most hunt alone. */
    if (folder >= 0)
        while (flock(folder, LOCK_EX) != 0 && errno == EINTR)
            ;
    return folder;
}

void target_unknown(const char *command, const char *name)
{
    fprintf(stderr, "mapstorm: %s: no target is named '%s'; there are", command, name);
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++)
        fprintf(stderr, " %s", (*t)->name);
    fputc('\n', stderr);
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
    if (is_read && strlen(text) != bytes) { /* what is behind it would be lost without a word */
        snprintf(error, sizeof error, "a zero byte: this is no text");
        is_read = false;
    }
    free(text);
    if (!is_read) {
        fprintf(stderr, "mapstorm: %s: %s\n", path, error);
        return false;
    }
    *target = fuzz_target_find(note->target);
    return true;
}

bool input_read_any(const char *path, const char *target_name, struct fuzz_input *input,
                    struct fuzz_note *note, const struct fuzz_target **target)
{
    size_t bytes;
    char *data;

    if (!target_name)
        return input_read(path, input, note, target);
    memset(note, 0, sizeof *note);
    *target = fuzz_target_find(target_name);
    if (!*target) {
        target_unknown("replay", target_name);
        return false;
    }
    data = file_read(path, &bytes);
    if (!data)
        return false;
    fuzz_decode(*target, (const uint8_t *)data, bytes, input);
    free(data);
    return true;
}

bool input_write(const char *path, const struct fuzz_target *target, const struct fuzz_input *input,
                 const struct fuzz_note *note)
{
    static char text[TEXT_MAX];
    size_t bytes = fuzz_text_write(target, input, note, text, sizeof text);

    return bytes < sizeof text && file_write(path, text, bytes);
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
    if (count == max) /* said, for whoever counts on all of them */
        fprintf(stderr, "mapstorm: %s: more than %u files: what comes behind is left out\n", folder,
                max);
    qsort(paths, count, sizeof *paths, by_name);
    return count;
}

uint32_t inputs_below(const char *folder, char **paths)
{
    uint32_t files = files_below(folder, paths, FILES_MAX);

    if (files == 0)
        fprintf(stderr, "mapstorm: %s: %s\n", folder,
                access(folder, R_OK) == 0 ? "no input in it" : strerror(errno));
    return files;
}

const char *option(int *argc, char **argv, const char *name)
{
    size_t length = strlen(name);
    const char *value = NULL;

    for (int i = 1; i < *argc;) {
        const char *joined = strncmp(argv[i], name, length) == 0 && argv[i][length] == '='
                                 ? argv[i] + length + 1
                                 : NULL;
        const char *next = strcmp(argv[i], name) == 0 && i + 1 < *argc ? argv[i + 1] : NULL;
        const char *found = joined ? joined : next;
        if (!found || !*found) { /* an empty one is as good as none: options_done tells */
            i++;
            continue;
        }
        int words = joined ? 1 : 2;
        memmove(&argv[i], &argv[i + words], (size_t)(*argc - i - words) * sizeof *argv);
        *argc -= words;
        value = found; /* the last counts */
    }
    return value;
}

bool flag(int *argc, char **argv, const char *name)
{
    bool is_there = false;

    for (int i = 1; i < *argc;)
        if (strcmp(argv[i], name) == 0) {
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i - 1) * sizeof *argv);
            *argc -= 1;
            is_there = true;
        } else {
            i++;
        }
    return is_there;
}

bool options_done(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1] != 0) {
            fprintf(stderr,
                    "mapstorm: %s: '%s' is no option, or its value is missing; see %s %s --help\n",
                    argv[0], argv[i], program_of(argv[0]), argv[0]);
            return false;
        }
    return true;
}

bool number_read(const char *name, const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    if (!text)
        return true;
    errno = 0;
    bool is_hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned long long number = strtoull(text, &end, is_hexadecimal ? 16 : 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number > max) {
        fprintf(stderr, "mapstorm: %s takes a whole number up to %llu, not '%s'\n", name,
                (unsigned long long)max, text);
        return false;
    }
    *value = number;
    return true;
}

bool seconds_read(const char *name, const char *text, double *value)
{
    char *end;

    if (!text)
        return true;
    double number = strtod(text, &end);
    double unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : 1;
    if (*end == 's' || *end == 'm' || *end == 'h')
        end++;
    if (text[0] < '0' || text[0] > '9' || *end || !(number * unit > 0 && number * unit < 1e7)) {
        fprintf(stderr, "mapstorm: %s takes a time like 90s, 10m or 2h, not '%s'\n", name, text);
        return false;
    }
    *value = number * unit;
    return true;
}

void shell_word(const char *word, FILE *out)
{
    if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "_-+=./,:@%")]) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

/* As a shell takes it: what is printed is for copying. */
const char *program_name(void)
{
    static char name[PATH_BYTES];
    FILE *quoted;

    if (access("./mapstorm", X_OK) == 0 && access("./bench/packages.txt", R_OK) == 0)
        return "./mapstorm";
    quoted = name[0] ? NULL : fmemopen(name, sizeof name, "w");
    if (quoted) {
        shell_word(program_invocation_name, quoted);
        fclose(quoted);
    }
    return name[0] ? name : "mapstorm-fuzz";
}

const char *program_of(const char *command)
{
    bool is_of_the_script = strcmp(command, "fuzz") == 0 || strcmp(command, "replay") == 0 ||
                            strcmp(command, "shrink") == 0;

    return is_of_the_script ? program_name() : program_invocation_name;
}

const char *corpus_folder(void)
{
    static char path[PATH_BYTES];
    ssize_t bytes;

    if (access("corpus/README.md", R_OK) == 0)
        return "corpus";
    bytes = readlink("/proc/self/exe", path, sizeof path - 32);
    for (int up = 0; bytes > 0 && up < 3; bytes--)
        up += path[bytes - 1] == '/';
    if (bytes > 0) {
        memcpy(path + bytes, "/corpus", sizeof "/corpus");
        if (access(path, R_OK) == 0)
            return path;
    }
    return "corpus";
}
