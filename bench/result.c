/* SPDX-License-Identifier: MIT */
/*
 * result.c: the result of a run in memory: strings, growing lists, and looking things up.
 */
#include "result.h"
#include "result_private.h"

#include <stdlib.h>
#include <string.h>

/* Strings live in a chain of single allocations: a run makes a few thousand, freed at once. */
struct ms_text {
    struct ms_text *next;
    char bytes[];
};

static void *memory_or_end(void *memory)
{
    if (!memory) {
        fputs("mapstorm: out of memory while collecting results\n", stderr);
        exit(MS_EXIT_INCOMPLETE);
    }
    return memory;
}

/* ---- strings ------------------------------------------------------------------------------------
 */

/* Length of the UTF-8 sequence at `s`, or 0: cut short, overlong, a surrogate, beyond U+10FFFF. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return length;
}

/* JSON and HTML both need valid UTF-8, and names come from outside (plug-ins, host names). */
static void text_clean(char *text)
{
    unsigned char *s = (unsigned char *)text;

    while (*s) {
        size_t length = utf8_length(s);
        if (length == 0 || (length == 1 && (*s < 0x20 || *s == 0x7F))) {
            *s = '?';
            length = 1;
        }
        s += length;
    }
}

static char *text_new(struct ms_result *r, size_t length)
{
    struct ms_text *text = memory_or_end(malloc(sizeof(*text) + length + 1));

    text->next = r->texts;
    r->texts = text;
    return text->bytes;
}

const char *ms_result_copy(struct ms_result *r, const char *text)
{
    if (!text)
        return NULL;
    size_t length = strlen(text);
    char *copy = text_new(r, length);
    memcpy(copy, text, length + 1);
    text_clean(copy);
    return copy;
}

const char *ms_result_text(struct ms_result *r, const char *format, ...)
{
    va_list list;
    char *line = NULL;

    va_start(list, format);
    int length = vasprintf(&line, format, list);
    va_end(list);
    memory_or_end(length < 0 ? NULL : line);
    const char *copy = ms_result_copy(r, line);
    free(line);
    return copy;
}

/* ---- life ---------------------------------------------------------------------------------------
 */

struct ms_result *ms_result_new(void)
{
    return memory_or_end(calloc(1, sizeof(struct ms_result)));
}

void ms_result_free(struct ms_result *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->cell_count; i++) {
        free(r->cells[i].counts);
        free(r->cells[i].latencies);
        free(r->cells[i].samples);
    }
    for (size_t i = 0; i < r->ranking_count; i++)
        free(r->rankings[i].standings);
    free(r->facts);
    free(r->notes);
    free(r->controls);
    free(r->strategies);
    free(r->adapters);
    free(r->shapes);
    free(r->limits);
    free(r->cells);
    free(r->pairs);
    free(r->rankings);
    while (r->texts) {
        struct ms_text *next = r->texts->next;
        free(r->texts);
        r->texts = next;
    }
    free(r);
}

/* One more zeroed entry. The capacity is the next power of two from 8 up, so it need not be stored.
 */
void *ms_list_grow(void *list, size_t *count, size_t size)
{
    size_t n = *count;

    if (n == 0 || (n >= 8 && (n & (n - 1)) == 0))
        list = memory_or_end(reallocarray(list, n == 0 ? 8 : 2 * n, size));
    memset((char *)list + n * size, 0, size);
    *count = n + 1;
    return list;
}

#define LIST_ADD(list, count)                                                                      \
    ((list) = ms_list_grow((list), &(count), sizeof(*(list))), &(list)[(count)-1])

struct ms_fact *ms_result_add_fact(struct ms_result *r)
{
    return LIST_ADD(r->facts, r->fact_count);
}

struct ms_note *ms_result_add_note(struct ms_result *r)
{
    return LIST_ADD(r->notes, r->note_count);
}

struct ms_control *ms_result_add_control(struct ms_result *r)
{
    return LIST_ADD(r->controls, r->control_count);
}

struct ms_strategy *ms_result_add_strategy(struct ms_result *r)
{
    return LIST_ADD(r->strategies, r->strategy_count);
}

struct ms_adapter *ms_result_add_adapter(struct ms_result *r)
{
    return LIST_ADD(r->adapters, r->adapter_count);
}

struct ms_shape *ms_result_add_shape(struct ms_result *r)
{
    return LIST_ADD(r->shapes, r->shape_count);
}

struct ms_limit *ms_result_add_limit(struct ms_result *r)
{
    return LIST_ADD(r->limits, r->limit_count);
}

struct ms_cell *ms_result_add_cell(struct ms_result *r)
{
    return LIST_ADD(r->cells, r->cell_count);
}

struct ms_pair *ms_result_add_pair(struct ms_result *r)
{
    return LIST_ADD(r->pairs, r->pair_count);
}

struct ms_ranking *ms_result_add_ranking(struct ms_result *r)
{
    return LIST_ADD(r->rankings, r->ranking_count);
}

struct ms_count *ms_cell_add_count(struct ms_cell *c)
{
    return LIST_ADD(c->counts, c->count_count);
}

struct ms_latency *ms_cell_add_latency(struct ms_cell *c)
{
    return LIST_ADD(c->latencies, c->latency_count);
}

struct ms_sample *ms_cell_add_sample(struct ms_cell *c)
{
    return LIST_ADD(c->samples, c->sample_count);
}

struct ms_standing *ms_ranking_add_standing(struct ms_ranking *k)
{
    return LIST_ADD(k->standings, k->standing_count);
}

/* ---- looking things up --------------------------------------------------------------------------
 */

bool ms_text_same(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

char *ms_cell_name_new(const struct ms_cell *c)
{
    char registers[32] = "";
    char *name = NULL;

    if (c->registers)
        snprintf(registers, sizeof(registers), "/registers:%u", c->registers);
    if (asprintf(&name, "%s/strategy:%s%s%s/shape:%s/threads:%u%s", c->scenario, c->strategy,
                 c->adapter ? "/adapter:" : "", c->adapter ? c->adapter : "", c->shape, c->threads,
                 registers) < 0)
        name = NULL;
    return memory_or_end(name);
}

char *ms_cell_command_new(const struct ms_result *r, const struct ms_cell *c)
{
    const char *run = r->run.command ? strstr(r->run.command, " run") : NULL;
    char registers[32] = "";
    char *command = NULL;

    if (!run)
        return NULL;
    if (c->registers)
        snprintf(registers, sizeof(registers), " --registers %u", c->registers);
    if (asprintf(&command,
                 "%.*s run --scenario %s --strategy %s --shape %s%s%s --threads %u%s --seed %llu",
                 (int)(run - r->run.command), r->run.command, c->scenario, c->strategy, c->shape,
                 c->adapter ? " --adapter " : "", c->adapter ? c->adapter : "", c->threads,
                 registers, (unsigned long long)r->run.seed) < 0)
        command = NULL;
    return memory_or_end(command);
}

double ms_sample_ns(const struct ms_sample *s)
{
    return s->calm_ops > 0 ? (double)s->calm_ns / (double)s->calm_ops
                           : (double)s->wall_ns / (double)s->ops;
}

size_t ms_cell_samples(const struct ms_cell *c)
{
    return c->sample_count > c->time.count ? c->sample_count : c->time.count;
}

double ms_result_shared(const struct ms_result *r)
{
    double shared = 0.0;
    size_t samples = 0;

    for (size_t i = 0; i < r->cell_count; i++)
        for (size_t k = 0; k < r->cells[i].sample_count; k++, samples++)
            shared += r->cells[i].samples[k].shared;
    return samples > 0 ? shared / (double)samples : 0.0;
}

const char *ms_cell_name(struct ms_result *r, const struct ms_cell *c)
{
    char *name = ms_cell_name_new(c);
    const char *copy = ms_result_copy(r, name);

    free(name);
    return copy;
}

bool ms_cell_same_case(const struct ms_cell *a, const struct ms_cell *b)
{
    return ms_text_same(a->scenario, b->scenario) && ms_text_same(a->adapter, b->adapter) &&
           ms_text_same(a->shape, b->shape) && a->threads == b->threads &&
           a->registers == b->registers;
}

const struct ms_strategy *ms_result_strategy(const struct ms_result *r, const char *name)
{
    for (size_t i = 0; i < r->strategy_count; i++)
        if (ms_text_same(r->strategies[i].name, name))
            return &r->strategies[i];
    return NULL;
}

const struct ms_strategy *ms_result_baseline(const struct ms_result *r)
{
    for (size_t i = 0; i < r->strategy_count; i++)
        if (r->strategies[i].role == MS_ROLE_BASELINE)
            return &r->strategies[i];
    return NULL;
}

const struct ms_strategy *ms_result_default(const struct ms_result *r)
{
    for (size_t i = 0; i < r->strategy_count; i++)
        if (r->strategies[i].is_default)
            return &r->strategies[i];
    return NULL;
}

const struct ms_shape *ms_result_shape(const struct ms_result *r, const char *scenario,
                                       const char *name)
{
    for (size_t i = 0; i < r->shape_count; i++)
        if (ms_text_same(r->shapes[i].name, name) && ms_text_same(r->shapes[i].scenario, scenario))
            return &r->shapes[i];
    return NULL;
}

/* One thread has its own class; whatever is more shares the other. */
const struct ms_control *ms_result_control(const struct ms_result *r, uint32_t threads)
{
    for (size_t i = 0; i < r->control_count; i++)
        if ((r->controls[i].threads > 1) == (threads > 1))
            return &r->controls[i];
    return NULL;
}

const struct ms_limit *ms_result_limit(const struct ms_result *r, const struct ms_cell *c)
{
    const struct ms_limit *found = NULL;

    if (!c->limit)
        return NULL;
    for (size_t i = 0; i < r->limit_count; i++) {
        const struct ms_limit *l = &r->limits[i];
        if (!ms_text_same(l->name, c->limit) || (l->shape && !ms_text_same(l->shape, c->shape)))
            continue;
        if (l->threads == c->threads)
            return l;
        found = found ? found : l;
    }
    return found;
}

static struct ms_estimate ratio_mirror(struct ms_estimate e)
{
    if (e.count == 0)
        return e;
    return (struct ms_estimate){1 / e.value, 1 / e.high, 1 / e.low, e.count};
}

/* Medians of logarithms and their order statistics are symmetric: turning a pair round changes the
 * sign, not the certainty. */
static struct ms_pair pair_mirror(struct ms_pair p)
{
    struct ms_pair turned = p;

    turned.cell = p.base;
    turned.base = p.cell;
    turned.ratio = ratio_mirror(p.ratio);
    if (p.verdict == MS_VERDICT_FASTER)
        turned.verdict = MS_VERDICT_SLOWER;
    else if (p.verdict == MS_VERDICT_SLOWER)
        turned.verdict = MS_VERDICT_FASTER;
    return turned;
}

bool ms_result_pair(const struct ms_result *r, uint32_t cell, const char *base,
                    struct ms_pair *pair)
{
    for (size_t i = 0; i < r->pair_count; i++) {
        const struct ms_pair *p = &r->pairs[i];
        if (p->cell == cell && ms_text_same(r->cells[p->base].strategy, base)) {
            *pair = *p;
            return true;
        }
        if (p->base == cell && ms_text_same(r->cells[p->cell].strategy, base)) {
            *pair = pair_mirror(*p);
            return true;
        }
    }
    return false;
}

bool ms_strategy_is_control(const struct ms_strategy *s)
{
    return s->role == MS_ROLE_NULL || s->role == MS_ROLE_TWIN || s->role == MS_ROLE_DRAG;
}
