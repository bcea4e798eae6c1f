/* SPDX-License-Identifier: MIT */
/* counting.c: the books behind the hooks of counted/hooks.c. */
#include "counted/hooks.h"

#include "platform/platform.h"
#include "registers/registers.h"

#include <stdlib.h>
#include <string.h>

#ifdef MS_COUNTED
#undef MS_HAVE_CK /* its atomics are instructions written by hand: nothing would be counted */
#define MS_STRATEGY(identifier, text) extern const struct ms_reg_ops ms_counted_##identifier;
#include "registers/strategies.def"
#undef MS_STRATEGY
#define MS_STRATEGY(identifier, text) &ms_counted_##identifier,
static const struct ms_reg_ops *const counted[] = {
#include "registers/strategies.def"
    NULL,
};
#undef MS_STRATEGY
#else
static const struct ms_reg_ops *const counted[] = {NULL};
#endif

/* A line's past. */
struct line {
    uint32_t turn;  /* the last operation that touched it */
    uint64_t whose; /* bit c: processor c has it; none: nobody yet */
};

/* Of the one thread that counts. */
static struct {
    uintptr_t state;
    size_t bytes;
    struct line *line;
    uint32_t turn;
    uint64_t own; /* bit of the processor whose turn it is; 0: nothing counts */
    struct ms_counts counts;
} now;

const struct ms_reg_ops *ms_counted_find(const char *name)
{
    for (size_t i = 0; counted[i]; i++)
        if (strcmp(counted[i]->name, name) == 0)
            return counted[i];
    return NULL;
}

bool ms_counting_begin(const void *state, size_t bytes)
{
    memset(&now, 0, sizeof now);
    now.line = calloc(bytes / MS_CACHE_LINE + 2, sizeof *now.line);
    now.state = (uintptr_t)state & ~(uintptr_t)(MS_CACHE_LINE - 1);
    now.bytes = bytes + ((uintptr_t)state - now.state);
    return now.line != NULL;
}

void ms_counting_turn(uint32_t cpu)
{
    now.turn++;
    now.own = UINT64_C(1) << (cpu & 63);
}

void ms_counting_pause(void)
{
    now.own = 0;
}

void ms_counting_end(struct ms_counts *counts)
{
    *counts = now.counts;
    free(now.line);
    memset(&now, 0, sizeof now);
}

static void line_touch(struct line *line, bool writes)
{
    bool has_it = writes ? line->whose == now.own : (line->whose & now.own) != 0;

    now.counts.moved += !has_it && (line->whose & ~now.own) != 0;
    line->whose = writes ? now.own : line->whose | now.own;
    now.counts.lines += line->turn != now.turn;
    line->turn = now.turn;
}

bool ms_counting_access(const volatile void *at, size_t bytes, bool writes)
{
    size_t first = (uintptr_t)at - now.state;

    if (now.own == 0 || first >= now.bytes || bytes == 0)
        return false;
    now.counts.accesses++;
    for (size_t i = first / MS_CACHE_LINE; i <= (first + bytes - 1) / MS_CACHE_LINE; i++)
        if (i * MS_CACHE_LINE < now.bytes)
            line_touch(&now.line[i], writes);
    return true;
}

void ms_counting_modify(const volatile void *at, size_t bytes)
{
    now.counts.locked += ms_counting_access(at, bytes, true);
}

void ms_counting_cas(const volatile void *at, size_t bytes, bool has_stored)
{
    /* A failed compare-and-swap takes the line for itself all the same. */
    if (!ms_counting_access(at, bytes, true))
        return;
    now.counts.locked++;
    now.counts.cas++;
    now.counts.cas_failed += !has_stored;
}
