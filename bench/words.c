/* SPDX-License-Identifier: MIT */
/*
 * words.c: how numbers and names look. Nothing here depends on the locale: a page must come out the
 * same everywhere, and the program never calls setlocale().
 */
#include "words.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Three significant digits without an exponent. */
static int digits_after(double n)
{
    return n < 9.995 ? 2 : n < 99.95 ? 1 : 0;
}

struct ms_word ms_word_ns(double ns)
{
    struct ms_word w;

    if (ns < 9999.5)
        snprintf(w.s, sizeof(w.s), "%.*f ns", digits_after(ns), ns);
    else if (ns < 9999.5e3)
        snprintf(w.s, sizeof(w.s), "%.*f us", digits_after(ns / 1e3), ns / 1e3);
    else
        snprintf(w.s, sizeof(w.s), "%.*f ms", digits_after(ns / 1e6), ns / 1e6);
    return w;
}

struct ms_word ms_word_rate(double ns)
{
    struct ms_word w;
    double rate = ns > 0 ? 1e9 / ns : 0;

    if (rate >= 0.9995e6)
        snprintf(w.s, sizeof(w.s), "%.*f M/s", digits_after(rate / 1e6), rate / 1e6);
    else
        snprintf(w.s, sizeof(w.s), "%.*f k/s", digits_after(rate / 1e3), rate / 1e3);
    return w;
}

struct ms_word ms_word_ratio(double ratio, const char *times)
{
    struct ms_word w;

    snprintf(w.s, sizeof(w.s), "%.*f%s", digits_after(ratio), ratio, times);
    return w;
}

struct ms_word ms_word_ratio_interval(struct ms_estimate e)
{
    struct ms_word w;
    int digits = digits_after(e.low);

    snprintf(w.s, sizeof(w.s), "[%.*f %.*f]", digits, e.low, digits, e.high);
    return w;
}

struct ms_word ms_word_percent(double share)
{
    struct ms_word w;

    snprintf(w.s, sizeof(w.s), "%.*f %%", share < 0.0995 ? 1 : 0, share * 100);
    return w;
}

struct ms_word ms_word_excess(double excess)
{
    struct ms_word w;

    snprintf(w.s, sizeof(w.s), "%+.1f %%", excess * 100);
    return w;
}

struct ms_word ms_word_excess_interval(struct ms_estimate e)
{
    struct ms_word w;

    snprintf(w.s, sizeof(w.s), "[%+.1f %+.1f]", e.low * 100, e.high * 100);
    return w;
}

struct ms_word ms_word_threads(uint32_t threads)
{
    struct ms_word w;

    snprintf(w.s, sizeof(w.s), "%u thread%s", threads, threads == 1 ? "" : "s");
    return w;
}

struct ms_word ms_word_count(double n)
{
    struct ms_word w;

    if (n >= 0.9995e9)
        snprintf(w.s, sizeof(w.s), "%.*f billion", digits_after(n / 1e9), n / 1e9);
    else if (n >= 0.9995e6)
        snprintf(w.s, sizeof(w.s), "%.*f million", digits_after(n / 1e6), n / 1e6);
    else if (n == floor(n))
        snprintf(w.s, sizeof(w.s), "%.0f", n);
    else
        snprintf(w.s, sizeof(w.s), "%.*f", digits_after(n), n);
    return w;
}

struct ms_word ms_word_bytes(uint64_t bytes)
{
    struct ms_word w;

    if (bytes >= 1048576 && bytes % 1048576 == 0)
        snprintf(w.s, sizeof(w.s), "%" PRIu64 " MiB", bytes / 1048576);
    else if (bytes >= 1024 && bytes % 1024 == 0)
        snprintf(w.s, sizeof(w.s), "%" PRIu64 " KiB", bytes / 1024);
    else
        snprintf(w.s, sizeof(w.s), "%" PRIu64 " bytes", bytes);
    return w;
}

void ms_print_html(FILE *out, const char *text)
{
    for (const char *c = text ? text : ""; *c; c++) {
        switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*c, out);
        }
    }
}

void ms_print_csv(FILE *out, const char *text)
{
    if (!text)
        return;
    bool is_formula = *text && strchr("=+-@", *text);
    if (!is_formula && !strpbrk(text, "\",\r\n")) {
        fputs(text, out);
        return;
    }
    fputs(is_formula ? "\"'" : "\"", out);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

void ms_print_markdown(FILE *out, const char *text)
{
    for (const char *c = text ? text : ""; *c; c++) {
        /* A bracket alone is text; before one of these it would be a link. */
        bool is_link = *c == ']' && c[1] && strchr("([:", c[1]);
        if (is_link || strchr("\\`*_<>|#", *c))
            fputc('\\', out);
        fputc(*c, out);
    }
}

size_t ms_text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}
