/* SPDX-License-Identifier: MIT */
/*
 * sim_site.c: the table of all switch points, and their identity.
 *
 * Idea        an identity is a 32-bit hash of file name, function, operation, order, expression and
 *             the rank of the line among sites equal in all of these. Neither link order nor line
 *             numbers nor what a compiler dropped elsewhere change it. Two different sites of one
 *             identity stop the program at start: rename an expression then.
 */
#include "platform/sim_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SITES_MAX = 8192 };

/* The linker makes these around the section; weak: a program may have no site. */
extern struct ms_sim_site *__start_ms_sites[] __attribute__((weak));
extern struct ms_sim_site *__stop_ms_sites[] __attribute__((weak));

static struct ms_sim_site *sites[SITES_MAX];
static uint32_t sites_count;

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int compare_words(const struct ms_sim_site *a, const struct ms_sim_site *b)
{
    int order = strcmp(base_name(a->file), base_name(b->file));

    if (order == 0)
        order = strcmp(a->function, b->function);
    if (order == 0)
        order = (a->kind > b->kind) - (a->kind < b->kind);
    if (order == 0)
        order = (a->order > b->order) - (a->order < b->order);
    return order != 0 ? order : strcmp(a->expression, b->expression);
}

static int compare_sites(const void *left, const void *right)
{
    const struct ms_sim_site *a = *(struct ms_sim_site *const *)left;
    const struct ms_sim_site *b = *(struct ms_sim_site *const *)right;
    int order = compare_words(a, b);

    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int compare_ids(const void *left, const void *right)
{
    const struct ms_sim_site *a = *(struct ms_sim_site *const *)left;
    const struct ms_sim_site *b = *(struct ms_sim_site *const *)right;

    return (a->id > b->id) - (a->id < b->id);
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return (hash ^ 0xFFu) * 16777619u; /* an end mark, so that "ab","c" is not "a","bc" */
}

static uint32_t identity(const struct ms_sim_site *site, uint32_t rank)
{
    uint32_t hash = hash_text(2166136261u, base_name(site->file));

    hash = hash_text(hash, site->function);
    hash = hash_text(hash, site->expression);
    hash = (hash ^ site->kind) * 16777619u;
    hash = (hash ^ site->order) * 16777619u;
    hash = (hash ^ rank) * 16777619u;
    hash ^= hash >> 16;
    return hash | (hash == 0); /* 0 means no site */
}

static void sites_collect(void)
{
    uint32_t total = 0;
    uint32_t rank = 0;

    for (struct ms_sim_site **p = __start_ms_sites; p != __stop_ms_sites; p++) {
        ms_require(total < SITES_MAX);
        sites[total++] = *p;
    }
    qsort(sites, total, sizeof sites[0], compare_sites);
    for (uint32_t i = 0; i < total; i++) {
        if (i > 0 && compare_sites(&sites[i], &sites[i - 1]) == 0) {
            sites[i]->id = sites[i - 1]->id; /* an inline function's copy in another file */
            continue;
        }
        rank = i > 0 && compare_words(sites[i], sites[i - 1]) == 0 ? rank + 1 : 0;
        sites[i]->id = identity(sites[i], rank);
    }
    for (uint32_t i = 0; i < total; i++)
        if (i == 0 || compare_sites(&sites[i], &sites[i - 1]) != 0)
            sites[sites_count++] = sites[i];
    qsort(sites, sites_count, sizeof sites[0], compare_ids);
    for (uint32_t i = 1; i < sites_count; i++) {
        if (sites[i]->id == sites[i - 1]->id) {
            fprintf(stderr, "simulator: %s:%u and %s:%u have one identity; rename an expression\n",
                    sites[i]->file, sites[i]->line, sites[i - 1]->file, sites[i - 1]->line);
            abort();
        }
    }
}

uint32_t ms_sim_site_count(void)
{
    if (sites_count == 0)
        sites_collect();
    return sites_count;
}

const struct ms_sim_site *ms_sim_site_at(uint32_t index)
{
    ms_require(index < ms_sim_site_count());
    return sites[index];
}

const struct ms_sim_site *ms_sim_site_by_id(uint32_t id)
{
    for (uint32_t i = 0; i < ms_sim_site_count(); i++)
        if (sites[i]->id == id)
            return sites[i];
    return NULL;
}

const char *ms_sim_kind_name(uint8_t kind)
{
    static const char *const names[] = {
        "load",     "store",     "init",  "exchange", "fetch_add",   "fetch_sub",
        "fetch_or", "fetch_and", "cas",   "fence",    "heavy fence", "spin",
        "wait",     "wake",      "start", "point",    "data read",   "data write",
    };

    return kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

const char *ms_sim_order_name(uint8_t order)
{
    static const char *const names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

    return order < sizeof names / sizeof names[0] ? names[order] : "?";
}

void ms_sim_site_text(const struct ms_sim_site *site, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s:%s %s(%s).%s", base_name(site->file), site->function,
             ms_sim_kind_name(site->kind), site->expression, ms_sim_order_name(site->order));
}
