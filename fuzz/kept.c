/* SPDX-License-Identifier: MIT */
/*
 * kept.c: the folder of inputs that hunts keep, which is a whole set at any time and may have several writers.
 *
 * Idea        a new set takes the old one's place at once. Names are digests of what is in the file, so that what
 *             stays keeps its name.
 * Others      a hunt takes out only what it read or wrote itself. What came meanwhile, from another hunt in the same
 *             folder, stays; and so does what it could not read, from another version.
 */
#include "commands.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325u;

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3u;
    return hash;
}

static bool is_known(const struct kept *k, const char *name)
{
    uint64_t digest = text_hash(name);

    for (uint32_t i = 0; i < k->known_count; i++)
        if (k->known[i] == digest)
            return true;
    return false;
}

void kept_know(struct kept *k, const char *name)
{
    if (k->known_count < KEPT_KNOWN_MAX && !is_known(k, name)) /* else it is as if another's */
        k->known[k->known_count++] = text_hash(name);
}

/* Into the new set too; as a second name, for the old one must stay whole until then. */
static bool others_stay(const struct kept *k, const char *folder, const char *part)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool is_kept = true;

    while (dir && (entry = readdir(dir))) {
        char from[PATH_BYTES];
        char to[PATH_BYTES];
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 4, ".txt") != 0 ||
            is_known(k, entry->d_name))
            continue;
        if (snprintf(from, sizeof from, "%s/%s", folder, entry->d_name) >= (int)sizeof from ||
            snprintf(to, sizeof to, "%s/%s", part, entry->d_name) >= (int)sizeof to)
            errno = ENAMETOOLONG;
        else if (link(from, to) == 0 || errno == EEXIST || rename(from, to) == 0)
            continue;
        fprintf(stderr, "mapstorm: %s/%s: %s\n", folder, entry->d_name, strerror(errno));
        is_kept = false;
    }
    if (dir)
        closedir(dir);
    return is_kept;
}

static bool set_write(struct kept *k, const char *folder, const struct fuzz_target *target,
                      const struct fuzz_input *inputs, uint32_t count)
{
    static char text[TEXT_MAX];
    char part[PATH_BYTES - 100];
    char path[PATH_BYTES];
    char name[32];

    if (snprintf(part, sizeof part, "%s.part", folder) >= (int)sizeof part || !folder_begin(part) ||
        !others_stay(k, folder, part))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        size_t bytes = fuzz_text_write(target, &inputs[i], NULL, text, sizeof text);
        snprintf(name, sizeof name, "%016llx.txt", (unsigned long long)text_hash(text));
        snprintf(path, sizeof path, "%s/%s", part, name);
        if (bytes >= sizeof text || !file_write(path, text, bytes))
            return false;
        kept_know(k, name);
    }
    return folder_replace(part, folder);
}

bool kept_write(struct kept *k, const char *folder, const struct fuzz_target *target,
                const struct fuzz_input *inputs, uint32_t count)
{
    char above[PATH_BYTES];
    char *slash;
    int lock;
    bool is_written;

    if (snprintf(above, sizeof above, "%s", folder) >= (int)sizeof above ||
        !(slash = strrchr(above, '/')))
        return false;
    *slash = 0;
    if (!folder_make(above))
        return false;
    lock = folder_lock(above); /* hunts that share it write in turn */
    is_written = set_write(k, folder, target, inputs, count);
    if (lock >= 0)
        close(lock);
    return is_written;
}
