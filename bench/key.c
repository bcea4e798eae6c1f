/* SPDX-License-Identifier: MIT */
/* key.c: cell names apart and together, and the nearest name to a wrong one. */
#include "key.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 63, NEAR_MAX = 3 };

static bool text_set(char *target, size_t bytes, const char *from, size_t length)
{
    if (length == 0 || length >= bytes)
        return false;
    memcpy(target, from, length);
    target[length] = '\0';
    return true;
}

static bool number_set(uint32_t *target, const char *from, size_t length)
{
    uint64_t value = 0;

    if (length == 0 || length > 9)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (from[i] < '0' || from[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(from[i] - '0');
    }
    *target = (uint32_t)value;
    return true;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static bool part_set(struct ms_cell_key *key, const char *part, size_t length)
{
    const char *colon = memchr(part, ':', length);
    size_t name, value;

    if (!colon)
        return false;
    name = (size_t)(colon - part);
    value = length - name - 1;
    if (is_word(part, name, "strategy"))
        return text_set(key->strategy, sizeof key->strategy, colon + 1, value);
    if (is_word(part, name, "adapter"))
        return text_set(key->adapter, sizeof key->adapter, colon + 1, value);
    if (is_word(part, name, "shape"))
        return text_set(key->shape, sizeof key->shape, colon + 1, value);
    if (is_word(part, name, "threads"))
        return number_set(&key->threads, colon + 1, value);
    if (is_word(part, name, "registers"))
        return number_set(&key->registers, colon + 1, value);
    return false;
}

bool ms_key_parse(const char *name, struct ms_cell_key *key)
{
    size_t length = strcspn(name, "/");

    *key = (struct ms_cell_key){0};
    if (!text_set(key->scenario, sizeof key->scenario, name, length))
        return false;
    while (name[length] == '/') {
        name += length + 1;
        length = strcspn(name, "/");
        if (!part_set(key, name, length))
            return false;
    }
    return true;
}

static void part_print(char *name, size_t bytes, const char *part, const char *value)
{
    size_t used = strlen(name);

    if (value[0] != '\0')
        snprintf(name + used, bytes - used, "/%s:%s", part, value);
}

void ms_key_print(const struct ms_cell_key *key, char *name, size_t bytes)
{
    static const char *const parts[] = {"strategy", "adapter", "shape", "threads", "registers"};
    char value[80];

    snprintf(name, bytes, "%s", key->scenario);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (ms_key_value(key, parts[i], value, sizeof value))
            part_print(name, bytes, parts[i], value);
}

bool ms_key_value(const struct ms_cell_key *key, const char *what, char *value, size_t bytes)
{
    value[0] = '\0';
    if (strcmp(what, "scenario") == 0)
        snprintf(value, bytes, "%s", key->scenario);
    else if (strcmp(what, "strategy") == 0)
        snprintf(value, bytes, "%s", key->strategy);
    else if (strcmp(what, "adapter") == 0)
        snprintf(value, bytes, "%s", key->adapter);
    else if (strcmp(what, "shape") == 0)
        snprintf(value, bytes, "%s", key->shape);
    else if (strcmp(what, "threads") == 0 && key->threads)
        snprintf(value, bytes, "%" PRIu32, key->threads);
    else if (strcmp(what, "registers") == 0 && key->registers)
        snprintf(value, bytes, "%" PRIu32, key->registers);
    else
        return strcmp(what, "threads") == 0 || strcmp(what, "registers") == 0;
    return true;
}

static bool filter_matches(const struct ms_cell_key *key, const char *filter)
{
    const char *colon = strchr(filter, ':');
    char what[24];
    char value[80];

    if (!colon || !text_set(what, sizeof what, filter, (size_t)(colon - filter)))
        return false;
    return ms_key_value(key, what, value, sizeof value) && strcmp(value, colon + 1) == 0;
}

bool ms_key_matches(const struct ms_cell_key *key, const char *const *filters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!filter_matches(key, filters[i]))
            return false;
    return true;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ms_word_distance(const char *a, const char *b)
{
    size_t row[3][WORD_MAX + 1];
    size_t rows = least(strlen(a), WORD_MAX);
    size_t columns = least(strlen(b), WORD_MAX);

    for (size_t j = 0; j <= columns; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *now = row[i % 3];
        const size_t *before = row[(i - 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t change = before[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(change, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], row[(i - 2) % 3][j - 2] + 1);
        }
    }
    return row[rows % 3][columns];
}

/* How far a name may be and still be meant: a third of the word, or what begins alike. */
static bool is_near(const char *word, const char *name, size_t *distance)
{
    size_t length = strlen(word);

    *distance = ms_word_distance(word, name);
    if (length >= 2 && (strncmp(word, name, length) == 0 || strstr(name, word)))
        *distance = least(*distance, 1);
    return *distance <= 1 + length / 3;
}

void ms_word_suggest(const char *word, const char *const *names, size_t count, char *text,
                     size_t bytes)
{
    const char *near[NEAR_MAX] = {NULL};
    size_t far[NEAR_MAX] = {0};
    size_t found = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t distance, at;

        if (!is_near(word, names[i], &distance))
            continue;
        for (at = found; at > 0 && far[at - 1] > distance; at--) {
            if (at < NEAR_MAX) {
                near[at] = near[at - 1];
                far[at] = far[at - 1];
            }
        }
        if (at < NEAR_MAX) {
            near[at] = names[i];
            far[at] = distance;
            found = least(found + 1, NEAR_MAX);
        }
    }
    for (size_t i = 0; i < found; i++) {
        size_t used = strlen(text);
        snprintf(text + used, bytes - used, "%s%s%s", i == 0 ? "did you mean " : "",
                 i == 0           ? ""
                 : i + 1 == found ? " or "
                                  : ", ",
                 near[i]);
    }
    if (found > 0 && strlen(text) + 1 < bytes)
        strcat(text, "?");
}
