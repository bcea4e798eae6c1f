/* SPDX-License-Identifier: MIT */
/*
 * key.h: names. A cell's name is a path of key:value parts,
 * registers/strategy:magazine/shape:8r/threads:2/registers:4096, and what is typed wrong is
 * answered with the nearest thing that exists.
 */
#ifndef MS_KEY_H
#define MS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MS_CELL_NAME_BYTES = 320 };

/* A cell's name, taken apart. What a scenario does not use is empty or 0. */
struct ms_cell_key {
    char scenario[24];
    char strategy[72];
    char adapter[24];
    char shape[72];
    uint32_t threads;
    uint32_t registers;
};

/* False if the text is no cell name: an unknown key, a value too long, no scenario. */
bool ms_key_parse(const char *name, struct ms_cell_key *key);

/* Writes the name; what is empty is left out, so a key without a strategy names the case. */
void ms_key_print(const struct ms_cell_key *key, char *name, size_t bytes);

/* The value of one key as text: "shape" -> "8r". False if there is no such key; the value is
 * empty where the cell does not use it. */
bool ms_key_value(const struct ms_cell_key *key, const char *what, char *value, size_t bytes);

/* True if every key:value pair of `filters` holds for the cell. A filter that is not of that form
 * or names an unknown key matches nothing. */
bool ms_key_matches(const struct ms_cell_key *key, const char *const *filters, size_t count);

/* Changes (insert, drop, replace, swap neighbours) that turn one word into the other. */
size_t ms_word_distance(const char *a, const char *b);

/* Writes "did you mean a, b or c?" with the nearest of `names`, or nothing when none is near. */
void ms_word_suggest(const char *word, const char *const *names, size_t count, char *text,
                     size_t bytes);

#endif
