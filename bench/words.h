/* SPDX-License-Identifier: MIT */
/*
 * words.h: how numbers and names look, the same in the terminal, the summary and the page. Every
 * function prints into a small value that is returned, so calls can stand in an argument list.
 */
#ifndef MS_WORDS_H
#define MS_WORDS_H

#include "result.h"

struct ms_word {
    char s[48];
};

/* Three digits: "8.24 ns" "41.2 ns" "412 ns" "4120 ns" "41.2 us". */
struct ms_word ms_word_ns(double ns);
/* Operations per second from nanoseconds per operation: "121 M/s". */
struct ms_word ms_word_rate(double ns);
/* Two decimals and `times`, the multiplication sign of the place: "1.35x". */
struct ms_word ms_word_ratio(double ratio, const char *times);
/* "[1.31 1.38]" */
struct ms_word ms_word_ratio_interval(struct ms_estimate e);
/* A share: 0.624 is "62 %"; below ten percent one decimal. */
struct ms_word ms_word_percent(double share);
/* A signed excess: 0.049 is "+4.9 %". */
struct ms_word ms_word_excess(double excess);
/* "[-0.4 +0.5]", in percent. */
struct ms_word ms_word_excess_interval(struct ms_estimate e);
/* "1 thread", "4 threads" */
struct ms_word ms_word_threads(uint32_t threads);
/* 1234567 is "1.23 million", 4120 is "4120". */
struct ms_word ms_word_count(double n);
/* "4 KiB", "1514 bytes" */
struct ms_word ms_word_bytes(uint64_t bytes);

/* Text for HTML: & < > and both quotes as references. NULL prints nothing. */
void ms_print_html(FILE *out, const char *text);
/* A CSV field, quoted where it must be; a leading = + - @ is disarmed for spreadsheets. */
void ms_print_csv(FILE *out, const char *text);
/* Text for Markdown: what would start a markup or a table cell is escaped. */
void ms_print_markdown(FILE *out, const char *text);

/* How wide a UTF-8 text is on a terminal: one column a code point. */
size_t ms_text_width(const char *text);

#endif
