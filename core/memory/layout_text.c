/* SPDX-License-Identifier: MIT */
/*
 * layout_text.c: layouts as text, so that a person can read one, a diff shows what changed, and
 * anybody can write one by hand.
 *
 *     mapstorm-layout 1
 *     name heap-recycled
 *     source anonymous memory, 4 KiB pages
 *     pages 6
 *     runs 3
 *     0 3          gap and pages of each run
 *     +12 2
 *     -7 1
 *
 * Lines end with LF or CR LF; empty lines and lines that begin with # mean nothing. What is read
 * may come from anybody: every number has a limit, nothing is taken on trust, and the first thing
 * wrong is said with its line.
 */
#include "memory/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- lines -------------------------------------------------------------------------------------
 */

struct reader {
    const char *at, *end;
    uint32_t line; /* number of the line last read, from 1 */
    char *error;
    size_t error_bytes;
};

struct text { /* not 0-terminated */
    const char *at;
    size_t bytes;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct reader *r, const char *format, ...)
{
    va_list list;
    int used = snprintf(r->error, r->error_bytes, "line %" PRIu32 ": ", r->line);

    va_start(list, format);
    if (used >= 0 && (size_t)used < r->error_bytes)
        vsnprintf(r->error + used, r->error_bytes - (size_t)used, format, list);
    va_end(list);
    return false;
}

/* The next line that means something; false at the end of the text. */
static bool line_next(struct reader *r, struct text *line)
{
    while (r->at < r->end) {
        const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
        const char *stop = end ? end : r->end;

        *line = (struct text){r->at, (size_t)(stop - r->at)};
        r->at = end ? end + 1 : r->end;
        r->line++;
        if (line->bytes > 0 && line->at[line->bytes - 1] == '\r')
            line->bytes--;
        if (line->bytes > 0 && line->at[0] != '#')
            return true;
    }
    r->line++; /* what is missing would have been here */
    return false;
}

/* The line "key value": its value. */
static bool line_field(struct reader *r, const char *key, struct text *value)
{
    size_t length = strlen(key);

    if (!line_next(r, value))
        return fail(r, "the text ends where \"%s\" should stand", key);
    if (value->bytes <= length || memcmp(value->at, key, length) != 0 || value->at[length] != ' ')
        return fail(r, "\"%s\" and a value should stand here", key);
    value->at += length + 1;
    value->bytes -= length + 1;
    return true;
}

/* --- values ------------------------------------------------------------------------------------
 */

/* Digits at the start of `text`, which is moved behind them; false: none, or more than `max`. */
static bool number_take(struct text *text, uint64_t max, uint64_t *value)
{
    size_t digits = 0;

    *value = 0;
    for (; digits < text->bytes; digits++) {
        uint32_t digit = (uint32_t)(unsigned char)text->at[digits] - '0';
        if (digit > 9)
            break;
        if (*value > (max - digit) / 10) /* max is far above 9 */
            return false;
        *value = *value * 10 + digit;
    }
    text->at += digits;
    text->bytes -= digits;
    return digits > 0;
}

static bool read_count(struct reader *r, const char *key, uint64_t max, uint64_t *count)
{
    struct text value = {0};

    if (!line_field(r, key, &value))
        return false;
    if (!number_take(&value, max, count) || value.bytes != 0 || *count == 0)
        return fail(r, "\"%s\" is a number from 1 to %" PRIu64, key, max);
    return true;
}

static bool is_printable(struct text text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 127)
            return false;
    return true;
}

static bool read_words(struct reader *r, const char *key, char *target, size_t target_bytes)
{
    struct text value = {0};

    if (!line_field(r, key, &value))
        return false;
    if (value.bytes == 0 || value.bytes >= target_bytes || !is_printable(value))
        return fail(r, "\"%s\" is 1 to %zu printable characters", key, target_bytes - 1);
    memcpy(target, value.at, value.bytes);
    target[value.bytes] = 0;
    return true;
}

/* Names appear in command lines, file names and tables. */
static bool read_name(struct reader *r, struct ms_layout *layout)
{
    if (!read_words(r, "name", layout->name, sizeof layout->name))
        return false;
    for (const char *c = layout->name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-._", *c)))
            return fail(r, "a name has letters a-z, digits, '-', '.' and '_' only");
    return true;
}

static bool read_run(struct reader *r, uint64_t number, struct ms_layout_run *run)
{
    struct text line;
    uint64_t gap;

    if (!line_next(r, &line))
        return fail(r, "the text ends where run %" PRIu64 " should stand", number);
    bool is_signed = line.at[0] == '+' || line.at[0] == '-', is_down = line.at[0] == '-';
    line.at += is_signed;
    line.bytes -= is_signed;
    if (!number_take(&line, MS_LAYOUT_GAP_MAX, &gap) || line.bytes == 0 || line.at[0] != ' ')
        return fail(r,
                    "run %" PRIu64 " begins with a gap from %" PRId64 " to %" PRId64 " and a space",
                    number, -MS_LAYOUT_GAP_MAX, MS_LAYOUT_GAP_MAX);
    line.at++;
    line.bytes--;
    if (!number_take(&line, MS_LAYOUT_PAGES_MAX, &run->pages) || line.bytes != 0 || run->pages == 0)
        return fail(r, "run %" PRIu64 " ends with its pages, 1 to %" PRIu64, number,
                    MS_LAYOUT_PAGES_MAX);
    run->gap_pages = is_down ? -(int64_t)gap : (int64_t)gap;
    return true;
}

static bool read_runs(struct reader *r, struct ms_layout *layout)
{
    uint64_t pages = 0;
    struct text line;

    for (uint64_t i = 0; i < layout->run_count; i++) {
        if (!read_run(r, i + 1, &layout->runs[i]))
            return false;
        pages += layout->runs[i].pages; /* at most 2^20 times 2^24 */
    }
    if (pages != layout->pages)
        return fail(r, "the runs have %" PRIu64 " pages together, \"pages\" says %" PRIu64, pages,
                    layout->pages);
    if (line_next(r, &line))
        return fail(r, "nothing should follow the last of %" PRIu32 " runs", layout->run_count);
    return true;
}

static bool read_version(struct reader *r)
{
    static const char magic[] = "mapstorm-layout ";
    struct text line;
    uint64_t version;

    if (!line_next(r, &line))
        return fail(r, "no layout: the text is empty");
    if (line.bytes < sizeof magic - 1 || memcmp(line.at, magic, sizeof magic - 1) != 0)
        return fail(r, "no layout: it begins with \"mapstorm-layout 1\"");
    line.at += sizeof magic - 1;
    line.bytes -= sizeof magic - 1;
    if (!number_take(&line, UINT32_MAX, &version) || line.bytes != 0)
        return fail(r, "\"mapstorm-layout\" is followed by the number of the version");
    if (version != 1)
        return fail(r, "version %" PRIu64 " of layouts; this program reads version 1", version);
    return true;
}

bool ms_layout_read(struct ms_layout *layout, const char *text, size_t bytes, char *error,
                    size_t error_bytes)
{
    struct reader r = {.at = text, .end = text + bytes, .error = error, .error_bytes = error_bytes};
    uint64_t run_count;

    *layout = (struct ms_layout){.runs = NULL};
    if (!read_version(&r) || !read_name(&r, layout) ||
        !read_words(&r, "source", layout->source, sizeof layout->source) ||
        !read_count(&r, "pages", MS_LAYOUT_PAGES_MAX, &layout->pages) ||
        !read_count(&r, "runs", MS_LAYOUT_RUNS_MAX, &run_count))
        return false;
    /* A few bytes of text must not make us ask for much memory. */
    if (run_count > (size_t)(r.end - r.at) / 3)
        return fail(&r, "%" PRIu64 " runs do not fit the rest of the text", run_count);
    layout->run_count = (uint32_t)run_count;
    layout->runs = ms_alloc(run_count * sizeof *layout->runs);
    if (!layout->runs)
        return fail(&r, "no memory for %" PRIu64 " runs", run_count);
    if (!read_runs(&r, layout))
        goto undo_runs;
    return true;

undo_runs:
    ms_layout_clear(layout);
    return false;
}

/* --- writing -----------------------------------------------------------------------------------
 */

struct writer {
    char *text;
    size_t bytes, used; /* `used` goes on counting where `bytes` ends */
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
    size_t room = w->used < w->bytes ? w->bytes - w->used : 0;
    va_list list;

    va_start(list, format);
    int length = vsnprintf(room ? w->text + w->used : NULL, room, format, list);
    va_end(list);
    ms_require(length >= 0);
    w->used += (size_t)length;
}

size_t ms_layout_write(const struct ms_layout *layout, char *text, size_t bytes)
{
    struct writer w = {.text = text, .bytes = bytes};

    put(&w, "mapstorm-layout 1\nname %s\nsource %s\n", layout->name, layout->source);
    put(&w, "pages %" PRIu64 "\nruns %" PRIu32 "\n", layout->pages, layout->run_count);
    for (uint32_t i = 0; i < layout->run_count; i++) {
        const struct ms_layout_run *run = &layout->runs[i];
        put(&w, run->gap_pages ? "%+" PRId64 " %" PRIu64 "\n" : "%" PRId64 " %" PRIu64 "\n",
            run->gap_pages, run->pages);
    }
    return w.used;
}
