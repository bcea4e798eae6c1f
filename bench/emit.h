/* SPDX-License-Identifier: MIT */
/*
 * emit.h: from a result to what people and other tools read. Every function here only reads the
 * result; the sentences follow fixed rules from the stored verdicts, so they can be tested.
 *
 * Files are written aside (`.NAME.tmp` in the same folder), flushed to the disk and renamed, so
 * that under the final name there is the old file or the whole new one, never half of one.
 */
#ifndef MS_EMIT_H
#define MS_EMIT_H

#include "result.h"

/* ---- writing files ----------------------------------------------------------------------------
 */

/* Prints into `out`; false when something failed. */
typedef bool ms_printer(const struct ms_result *r, FILE *out);

/* Prints aside and renames. False with a problem (folder missing, not writable, disk full) and no
 * trace left; an earlier file of that name stays as it was. */
bool ms_file_write(const struct ms_result *r, const char *folder, const char *name,
                   ms_printer *print, struct ms_problem *problem);

/* Makes the folder where missing (parents too) and writes result.json, page.html, summary.md,
 * result.csv and gbench.json. All are printed aside before the first is renamed: on a problem the
 * earlier report is whole and untouched. */
bool ms_report_write(const struct ms_result *r, const char *folder, struct ms_problem *problem);

/* The same without result.json, for a report made again beside its own result. */
bool ms_report_rewrite(const struct ms_result *r, const char *folder, struct ms_problem *problem);

/* Only answers whether a report could be written there: call it before measuring, so that nobody
 * waits three minutes for "not writable". Makes the folder. */
bool ms_report_probe(const char *folder, struct ms_problem *problem);

bool ms_emit_json(const struct ms_result *r, FILE *out);    /* result.json, samples included */
bool ms_emit_page(const struct ms_result *r, FILE *out);    /* page.html */
bool ms_emit_summary(const struct ms_result *r, FILE *out); /* summary.md, at most 60 lines */
bool ms_emit_csv(const struct ms_result *r, FILE *out);     /* one row a cell */
bool ms_emit_gbench(const struct ms_result *r, FILE *out);  /* Google Benchmark's JSON */

/* ---- the terminal -----------------------------------------------------------------------------
 */

/* The result tables: controls, one table per thread count against the baseline, MapTransferEx
 * against its limits, the answer. Results only: for standard output. */
bool ms_emit_table(const struct ms_result *r, FILE *out, bool color);

/* ---- the answer -------------------------------------------------------------------------------
 */

#define MS_ANSWER_QUALIFICATIONS 3

/* What the page opens with. Strings live until ms_answer_free(). */
struct ms_answer {
    bool winner;                                    /* a strategy is named */
    char *headline;                                 /* one sentence */
    char *qualifications[MS_ANSWER_QUALIFICATIONS]; /* then NULLs */
    char *standing;    /* where the default strategy is beaten, one sentence, or NULL */
    char *map;         /* MapTransferEx against its limits, one sentence, or NULL */
    char *system;      /* system DMA: what a transfer and a cancel cost, one sentence, or NULL */
    char *conformance; /* who passed, who was fuzzed and how long, or NULL */
};

struct ms_answer *ms_answer_make(const struct ms_result *r);
void ms_answer_free(struct ms_answer *a);

/* Does the run allow statements? What --strict asks: controls hold, nothing refused to rank. */
bool ms_result_trusted(const struct ms_result *r);

/* ---- commands ---------------------------------------------------------------------------------
 */

/* `mapstorm report FILE [--out DIR]`: the files again from a stored result, into `folder`, or the
 * folder of the file when NULL (then result.json itself is left alone). Prints where the page is.
 */
enum ms_exit ms_command_report(const char *file, const char *folder, FILE *out, FILE *err);

struct ms_compare {
    const char *const *files;
    size_t file_count;
    const char *rows, *cols;    /* keys of a cell name; NULL: "shape" and "strategy" */
    const char *base;           /* strategy to divide by; NULL: the file's own baseline */
    const char *const *filters; /* "key:value"; all must match */
    size_t filter_count;
    const char *fail_if; /* NULL or "slower" */
    bool color;
};

/* `mapstorm compare FILE...`: tables from stored results. One file: ratios and verdicts as stored.
 * Several: times side by side without a verdict, exact counts compared exactly. */
enum ms_exit ms_command_compare(const struct ms_compare *c, FILE *out, FILE *err);

#endif
