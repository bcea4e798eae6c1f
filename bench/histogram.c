/* SPDX-License-Identifier: MIT */
/* histogram.c: the bucket of a value is its leading bit and the seven bits behind it. */
#include "histogram.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_BITS = 7 };

static_assert(1 << STEP_BITS == MS_HISTOGRAM_STEPS, "steps are what the bits behind the top say");
static_assert(MS_HISTOGRAM_NS_MAX < UINT64_C(1) << 36, "the last bucket must hold the maximum");

static size_t bucket_of(uint64_t ns)
{
    unsigned top;

    if (ns < MS_HISTOGRAM_STEPS)
        return (size_t)ns;
    top = 63u - (unsigned)__builtin_clzll(ns);
    return (top - STEP_BITS) * MS_HISTOGRAM_STEPS + (size_t)(ns >> (top - STEP_BITS));
}

uint64_t ms_histogram_width(size_t index)
{
    size_t power = index / MS_HISTOGRAM_STEPS;

    return power < 2 ? 1 : UINT64_C(1) << (power - 1);
}

uint64_t ms_histogram_low(size_t index)
{
    size_t power = index / MS_HISTOGRAM_STEPS;

    if (power < 2)
        return index;
    return (uint64_t)(index % MS_HISTOGRAM_STEPS + MS_HISTOGRAM_STEPS) << (power - 1);
}

void ms_histogram_clear(struct ms_histogram *h)
{
    memset(h, 0, sizeof *h);
}

void ms_histogram_add(struct ms_histogram *h, uint64_t ns)
{
    if (ns == 0)
        ns = 1;
    if (ns > MS_HISTOGRAM_NS_MAX)
        ns = MS_HISTOGRAM_NS_MAX;
    h->count[bucket_of(ns)]++;
    h->total++;
    if (ns > h->largest_ns)
        h->largest_ns = ns;
}

void ms_histogram_merge(struct ms_histogram *sum, const struct ms_histogram *more)
{
    for (size_t i = 0; i < MS_HISTOGRAM_BUCKETS; i++)
        sum->count[i] += more->count[i];
    sum->total += more->total;
    if (more->largest_ns > sum->largest_ns)
        sum->largest_ns = more->largest_ns;
}

uint64_t ms_histogram_at(const struct ms_histogram *h, double share)
{
    uint64_t rank;
    uint64_t seen = 0;

    if (h->total == 0)
        return 0;
    rank = (uint64_t)ceil(share * (double)h->total);
    if (rank < 1)
        rank = 1;
    for (size_t i = 0; i < MS_HISTOGRAM_BUCKETS; i++) {
        seen += h->count[i];
        if (seen < rank)
            continue;
        uint64_t middle = ms_histogram_low(i) + (ms_histogram_width(i) - 1) / 2;
        return middle < h->largest_ns ? middle : h->largest_ns;
    }
    return h->largest_ns;
}

double ms_histogram_beyond(const struct ms_histogram *h, uint64_t ns)
{
    uint64_t beyond = 0;

    for (size_t i = 0; i < MS_HISTOGRAM_BUCKETS; i++)
        if (ms_histogram_low(i) > ns)
            beyond += h->count[i];
    return h->total ? (double)beyond / (double)h->total : 0.0;
}

double ms_histogram_reach(const struct ms_histogram *h)
{
    if (h->total <= MS_HISTOGRAM_BEYOND_MIN)
        return 0.0;
    return 1.0 - (double)MS_HISTOGRAM_BEYOND_MIN / (double)h->total;
}

size_t ms_histogram_print(const struct ms_histogram *h, char *text, size_t bytes)
{
    size_t used = 0;

    if (bytes > 0)
        text[0] = '\0';
    for (size_t i = 0; i < MS_HISTOGRAM_BUCKETS; i++) {
        bool has_room = used < bytes;

        if (h->count[i] == 0)
            continue;
        used += (size_t)snprintf(has_room ? text + used : NULL, has_room ? bytes - used : 0,
                                 "%s%zu:%" PRIu64, used > 0 ? " " : "", i, h->count[i]);
    }
    return used;
}

bool ms_histogram_parse(const char *text, struct ms_histogram *h)
{
    ms_histogram_clear(h);
    while (*text) {
        char *end;
        uint64_t index = strtoull(text, &end, 10);
        uint64_t count;

        if (end == text || *end != ':' || index >= MS_HISTOGRAM_BUCKETS)
            return false;
        text = end + 1;
        count = strtoull(text, &end, 10);
        if (end == text || (*end != ' ' && *end != '\0'))
            return false;
        h->count[index] += count;
        h->total += count;
        h->largest_ns = ms_histogram_low(index) + ms_histogram_width(index) - 1;
        text = *end ? end + 1 : end;
    }
    return true;
}
