/* SPDX-License-Identifier: MIT */
/* requests.c: traces of register requests, read and written. */
#include "requests.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 256, WORDS_MAX = 3, REGISTERS_MIN = 64, REGISTERS_MAX = 1 << 18 };

static const char magic[] = "mapstorm-requests";

bool ms_requests_add(struct ms_requests *r, uint32_t thread, struct ms_request request)
{
    struct ms_requests_thread *t = &r->thread[thread];

    if (t->steps == MS_REQUESTS_STEPS_MAX)
        return false;
    if (t->steps == 0 || (t->steps >= 64 && (t->steps & (t->steps - 1)) == 0)) {
        size_t room = t->steps ? 2 * (size_t)t->steps : 64;
        struct ms_request *grown = realloc(t->step, room * sizeof *grown);

        if (!grown)
            return false;
        t->step = grown;
    }
    t->step[t->steps++] = request;
    t->slots = request.slot >= t->slots ? request.slot + 1 : t->slots;
    r->run_max = request.run > r->run_max ? request.run : r->run_max;
    return true;
}

void ms_requests_drop(struct ms_requests *r)
{
    for (uint32_t i = 0; i < MS_REQUESTS_THREADS_MAX; i++)
        free(r->thread[i].step);
    memset(r, 0, sizeof *r);
}

/* ---- reading ------------------------------------------------------------------------------------ */

struct reader {
    struct ms_requests *r;
    const char *file;
    char *why;
    uint32_t line;
    /* As many slots as the file has registers; NULL before it says how many. */
    uint32_t *run;   /* what each slot of the thread at hand holds; 0: nothing */
    uint32_t *since; /* and the line that took it */
    uint64_t held;   /* registers of the thread at hand */
    bool has_magic;
};

static bool wrong(struct reader *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(struct reader *d, const char *format, ...)
{
    va_list list;
    int used = snprintf(d->why, MS_REQUESTS_WHY_BYTES, "%.100s:%" PRIu32 ": ", d->file, d->line);

    va_start(list, format);
    if (used > 0 && used < MS_REQUESTS_WHY_BYTES)
        vsnprintf(d->why + used, MS_REQUESTS_WHY_BYTES - (size_t)used, format, list);
    va_end(list);
    return false;
}

/* A whole number from `least` to `most`. */
static bool number_read(struct reader *d, const char *what, const char *word, uint32_t least,
                        uint32_t most, uint32_t *number)
{
    char *end;
    unsigned long long value = strtoull(word, &end, 10);

    if (*word < '0' || *word > '9' || *end != '\0' || value < least || value > most)
        return wrong(d, "%s is a number from %" PRIu32 " to %" PRIu32 ", not '%.40s'", what, least,
                     most, word);
    *number = (uint32_t)value;
    return true;
}

/* Without the blanks around it. */
static bool title_read(struct reader *d, char *line)
{
    size_t letters;

    line += strspn(line, " \t\r");
    for (letters = strlen(line); letters > 0 && strchr(" \t\r", line[letters - 1]); letters--)
        line[letters - 1] = '\0';
    if (d->r->title[0])
        return wrong(d, "a second title");
    snprintf(d->r->title, sizeof d->r->title, "%s", line);
    if (letters >= sizeof d->r->title)
        return wrong(d, "the title is longer than %d letters", MS_REQUESTS_TITLE_BYTES - 1);
    return d->r->title[0] != '\0' || wrong(d, "an empty title");
}

static bool thread_read(struct reader *d)
{
    if (d->r->registers == 0)
        return wrong(d, "a line 'registers COUNT' comes before the first thread");
    if (d->r->threads == MS_REQUESTS_THREADS_MAX)
        return wrong(d, "more than %d threads", MS_REQUESTS_THREADS_MAX);
    if (d->r->threads > 0 && d->r->thread[d->r->threads - 1].steps == 0)
        return wrong(d, "the thread before has no requests");
    d->r->threads++;
    d->held = 0;
    memset(d->run, 0, d->r->registers * sizeof *d->run);
    return true;
}

static bool registers_read(struct reader *d, const char *word)
{
    if (d->r->registers)
        return wrong(d, "a second line 'registers'");
    if (!number_read(d, "the size of a file", word, REGISTERS_MIN, REGISTERS_MAX, &d->r->registers))
        return false;
    d->run = calloc(d->r->registers, sizeof *d->run);
    d->since = calloc(d->r->registers, sizeof *d->since);
    return (d->run && d->since) || wrong(d, "no memory to read it");
}

static bool step_add(struct reader *d, struct ms_request request)
{
    return ms_requests_add(d->r, d->r->threads - 1, request) ||
           wrong(d, "more than %d requests of a thread, or no memory", MS_REQUESTS_STEPS_MAX);
}

static bool take_read(struct reader *d, char *const *word)
{
    struct ms_request request;

    if (!number_read(d, "a slot", word[1], 0, d->r->registers - 1, &request.slot) ||
        !number_read(d, "a run", word[2], 1,
                     d->r->registers < MS_REQUESTS_RUN_MAX ? d->r->registers : MS_REQUESTS_RUN_MAX,
                     &request.run))
        return false;
    if (d->run[request.slot])
        return wrong(d, "slot %" PRIu32 " holds a run since line %" PRIu32 ": give it back before",
                     request.slot, d->since[request.slot]);
    if (d->held + request.run > d->r->registers)
        return wrong(d, "with this one the thread holds %" PRIu64 " of %" PRIu32 " registers",
                     d->held + request.run, d->r->registers);
    d->run[request.slot] = request.run;
    d->since[request.slot] = d->line;
    d->held += request.run;
    return step_add(d, request);
}

static bool give_read(struct reader *d, char *const *word)
{
    struct ms_request request = {.run = 0};

    if (!number_read(d, "a slot", word[1], 0, d->r->registers - 1, &request.slot))
        return false;
    if (d->run[request.slot] == 0)
        return wrong(d, "slot %" PRIu32 " holds nothing to give back", request.slot);
    d->held -= d->run[request.slot];
    d->run[request.slot] = 0;
    return step_add(d, request);
}

/* What a line may begin with, and how many words it has. */
static bool words_read(struct reader *d, char *const *word, size_t words)
{
    static const struct {
        const char *name;
        size_t words;
        const char *form;
    } known[] = {{"take", 3, "take SLOT RUN"},
                 {"give", 2, "give SLOT"},
                 {"thread", 1, "thread"},
                 {"registers", 2, "registers COUNT"}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(word[0], known[i].name) != 0)
            continue;
        if (words != known[i].words)
            return wrong(d, "the form is '%s'", known[i].form);
        if (i < 2 && d->r->threads == 0)
            return wrong(d, "a line 'thread' comes before the first request");
        if (i == 0)
            return take_read(d, word);
        if (i == 1)
            return give_read(d, word);
        if (i == 2)
            return thread_read(d);
        return registers_read(d, word[1]);
    }
    return wrong(d, "'%.40s' is none of take, give, thread, registers, title", word[0]);
}

static bool line_read(struct reader *d, char *line)
{
    char *word[WORDS_MAX + 1];
    size_t words = 0;
    char *rest = NULL;

    line[strcspn(line, "#")] = '\0';
    if (d->has_magic && strncmp(line, "title ", 6) == 0)
        return title_read(d, line + 6);
    for (char *at = strtok_r(line, " \t\r", &rest); at; at = strtok_r(NULL, " \t\r", &rest))
        if (words < WORDS_MAX + 1)
            word[words++] = at;
    if (words == 0)
        return true;
    if (d->has_magic)
        return words_read(d, word, words);
    if (words != 2 || strcmp(word[0], magic) != 0)
        return wrong(d, "a trace begins with '%s 1'", magic);
    if (strcmp(word[1], "1") != 0)
        return wrong(d, "version '%.40s' of a trace is not known here, only 1", word[1]);
    d->has_magic = true;
    return true;
}

static bool text_read(struct reader *d, const char *text, size_t bytes)
{
    while (bytes > 0) {
        const char *end = memchr(text, '\n', bytes);
        size_t length = end ? (size_t)(end - text) : bytes;
        char line[LINE_BYTES];

        d->line++;
        if (length >= sizeof line)
            return wrong(d, "a line longer than %d letters", LINE_BYTES - 1);
        if (memchr(text, '\0', length))
            return wrong(d, "a zero byte: this is no text");
        memcpy(line, text, length);
        line[length] = '\0';
        if (!line_read(d, line))
            return false;
        text += length + (end != NULL);
        bytes -= length + (end != NULL);
    }
    if (d->line == 0)
        d->line = 1; /* where it would stand */
    if (!d->has_magic)
        return wrong(d, "an empty file; a trace begins with '%s 1'", magic);
    if (d->r->threads == 0 || d->r->thread[d->r->threads - 1].steps == 0)
        return wrong(d, "the file ends without %s",
                     d->r->threads ? "requests of its last thread" : "a thread");
    return true;
}

bool ms_requests_read(struct ms_requests *r, const char *file, const char *text, size_t bytes,
                      char why[MS_REQUESTS_WHY_BYTES])
{
    struct reader d = {.r = r, .file = file, .why = why};
    bool is_read = text_read(&d, text, bytes);

    free(d.since);
    free(d.run);
    return is_read;
}

/* ---- writing ------------------------------------------------------------------------------------ */

bool ms_requests_print(const struct ms_requests *r, FILE *out)
{
    fprintf(out, "%s 1\n", magic);
    if (r->title[0]) /* a file need not have one */
        fprintf(out, "title %s\n", r->title);
    fprintf(out, "registers %" PRIu32 "\n", r->registers);
    for (uint32_t i = 0; i < r->threads; i++) {
        fputs("thread\n", out);
        for (uint32_t k = 0; k < r->thread[i].steps; k++) {
            struct ms_request request = r->thread[i].step[k];

            if (request.run)
                fprintf(out, "take %" PRIu32 " %" PRIu32 "\n", request.slot, request.run);
            else
                fprintf(out, "give %" PRIu32 "\n", request.slot);
        }
    }
    return !ferror(out);
}
