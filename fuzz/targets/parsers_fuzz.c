/* SPDX-License-Identifier: MIT */
/*
 * parsers_fuzz.c: the files that people give us: recorded layouts, inputs of the fuzzers, results, traces
 * of requests. A good one is cut, copied, and filled with words, numbers and bytes; then it is read.
 *
 * Proves       whatever stands in a file, reading it ends, without a fault, with what was read or with an
 *              error that says where: the line, and in a result the file and the field; what was read is
 *              what the text says (layouts, traces), and is written again as bytes that read as the same and
 *              are written the same
 * Does not     read result files in builds without the JSON library (build_targets.sh): there that
 *              document is passed by; files deeper than the stack of an actor of the simulator takes
 */
#include <stdlib.h>
#include <string.h>

#include "../../bench/requests.h"
#include "../../bench/result.h"
#include "memory/memory.h"
#include "parsers_documents.h"
#include "../fuzz.h"

/* The reader of results is not in every build. */
#pragma weak ms_result_parse
#pragma weak ms_result_print
#pragma weak ms_result_free

enum {
    BYTES_MAX = 8192,
    WRITTEN_MAX = 65536,
    DEPTH_MAX = 24, /* of brackets: an actor has a small stack */
    DOCUMENTS = 6,
    WORDS = sizeof dictionary / sizeof dictionary[0],
    REQUEST_WORDS = sizeof dictionary_requests / sizeof dictionary_requests[0],
    NUMBERS = sizeof numbers / sizeof numbers[0],
};

enum document { LAYOUT, KEYED, SEQUENTIAL, SPARSE, RESULT, REQUESTS };

static const char *const documents[DOCUMENTS] = {
    [LAYOUT] = document_layout, [KEYED] = document_keyed,   [SEQUENTIAL] = document_sequential,
    [SPARSE] = document_sparse, [RESULT] = document_result, [REQUESTS] = document_requests,
};

static struct {
    enum document document;
    char text[BYTES_MAX + 1];
    uint32_t bytes;
    char first[WRITTEN_MAX];
    char second[WRITTEN_MAX];
    ms_atomic_u64 digest;
} p;

static void parsers_reset(const uint8_t *setup)
{
    p.document = (enum document)(setup[0] % DOCUMENTS);
    p.bytes = (uint32_t)strlen(documents[p.document]);
    memcpy(p.text, documents[p.document], p.bytes + 1);
    ms_init(&p.digest, 0);
}

/* --- what is done to the text -------------------------------------------------------------------- */

static uint32_t place_of(const struct fuzz_op *op)
{
    /* Small operands are drawn most: these spread them over the text. */
    return (op->operand[0] * 241u + op->operand[1] * 17u) % (p.bytes + 1);
}

static const char *word_of(const struct fuzz_op *op)
{
    uint32_t which = op->operand[2] * 5u + op->operand[1];

    return p.document == REQUESTS ? dictionary_requests[which % REQUEST_WORDS]
                                  : dictionary[which % WORDS];
}

/* `bytes` bytes at `at` instead of `old` ones; nothing when it would be too long. */
static void replace(uint32_t at, uint32_t old, const char *with, uint32_t bytes)
{
    if (old > p.bytes - at)
        old = p.bytes - at;
    if (p.bytes - old + bytes > BYTES_MAX)
        return;
    memmove(p.text + at + bytes, p.text + at + old, p.bytes - at - old);
    memcpy(p.text + at, with, bytes);
    p.bytes += bytes - old;
    p.text[p.bytes] = 0;
}

static uint32_t line_start(uint32_t at)
{
    while (at > 0 && p.text[at - 1] != '\n')
        at--;
    return at;
}

static uint32_t line_bytes(uint32_t at)
{
    const char *end = memchr(p.text + at, '\n', p.bytes - at);

    return end ? (uint32_t)(end - (p.text + at)) + 1 : p.bytes - at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void do_number(uint32_t at, uint8_t which)
{
    uint32_t end;

    while (at < p.bytes && !is_digit(p.text[at]))
        at++;
    for (end = at; end < p.bytes && is_digit(p.text[end]);)
        end++;
    const char *number = numbers[which % NUMBERS];
    replace(at, end - at, number, (uint32_t)strlen(number));
}

static void do_copy(uint32_t at, uint8_t bytes, uint8_t where)
{
    char part[256];
    uint32_t count = bytes < p.bytes - at ? bytes : p.bytes - at;

    memcpy(part, p.text + at, count);
    replace(where * 16u % (p.bytes + 1), 0, part, count);
}

static void do_line(uint32_t at, uint8_t how)
{
    char part[BYTES_MAX];
    uint32_t start = line_start(at);
    uint32_t bytes = line_bytes(start);

    memcpy(part, p.text + start, bytes);
    if ((how & 3) != 1) /* 1: twice; 0: gone; 2: last; 3: first */
        replace(start, bytes, "", 0);
    if ((how & 3) != 0)
        replace((how & 3) == 2 ? p.bytes : (how & 3) == 3 ? 0 : start, 0, part, bytes);
}

/* --- reading ------------------------------------------------------------------------------------- */

_Noreturn static void not_the_same(const char *what)
{
    ms_sim_fail("O7 what was read is written as something else", "%s", what);
}

/* Which error it is, whatever names and numbers are in it: what a hunt can look for. */
static void error_tell(const char *error)
{
    const char *first = strpbrk(error, "'\"");
    const char *last = first;
    uint32_t hash = 5381;

    for (const char *next = first; next; next = strpbrk(next + 1, "'\""))
        last = next;
    for (const char *c = error; *c; c++)
        if (((*c >= 'a' && *c <= 'z') || *c == '.') && (!first || c < first || c > last))
            hash = hash * 33 + (uint8_t)*c;
    ms_sim_state(1, hash % 1024);
}

/* An error begins with the line, and the text has it, or ends there. */
static void error_check(const char *error)
{
    unsigned long line = 0;
    unsigned long lines = 1;

    for (uint32_t i = 0; i < p.bytes; i++)
        lines += p.text[i] == '\n';
    if (strncmp(error, "line ", 5) == 0)
        line = strtoul(error + 5, NULL, 10);
    if (line == 0 || line > lines + 1 || !strchr(error, ':') || strlen(error) < 10)
        ms_sim_fail("O7 an error that does not say where", "'%s'", error);
    error_tell(error);
}

/* The runs as they stand in the text, read the short way. */
static void runs_check(const struct ms_layout *layout)
{
    const char *line = p.text;
    uint32_t lines = 0; /* that mean something */

    for (; line < p.text + p.bytes; line += strcspn(line, "\n") + 1) {
        long long gap;
        unsigned long long pages;
        size_t letters = strcspn(line, "\n");
        letters -= letters > 0 && line[letters - 1] == '\r';
        if (*line == '#' || letters == 0 || lines++ < 5)
            continue;
        const struct ms_layout_run *run = &layout->runs[lines - 6];
        if (lines - 6 >= layout->run_count || sscanf(line, "%lld %llu", &gap, &pages) != 2 ||
            run->gap_pages != gap || run->pages != pages)
            ms_sim_fail("O7 a layout that is not what the text says", "run %u", lines - 5);
    }
}

static uint32_t layout_read(void)
{
    struct ms_layout layout;
    char error[200] = "";

    if (!ms_layout_read(&layout, p.text, p.bytes, error, sizeof error)) {
        error_check(error);
        return 1;
    }
    if (!memchr(p.text, 0, p.bytes))
        runs_check(&layout);
    size_t bytes = ms_layout_write(&layout, p.first, sizeof p.first);
    ms_layout_clear(&layout);
    if (bytes >= sizeof p.first)
        return 2;
    if (!ms_layout_read(&layout, p.first, bytes, error, sizeof error))
        not_the_same(error);
    size_t again = ms_layout_write(&layout, p.second, sizeof p.second);
    ms_layout_clear(&layout);
    if (again != bytes || memcmp(p.first, p.second, bytes) != 0)
        not_the_same("a layout");
    return 3;
}

static uint32_t input_read(void)
{
    static struct fuzz_input input, again;
    struct fuzz_note note, note_again;
    char error[200] = "";

    if (memchr(p.text, 0, p.bytes))
        return 0; /* it takes a string */
    if (!fuzz_text_read(p.text, &input, &note, error, sizeof error)) {
        error_check(error);
        return 1;
    }
    const struct fuzz_target *target = fuzz_target_find(note.target);
    if (!target)
        ms_sim_fail("O7 an input of no target", "'%s'", note.target);
    size_t bytes = fuzz_text_write(target, &input, &note, p.first, sizeof p.first);
    ms_require(bytes < sizeof p.first);
    if (!fuzz_text_read(p.first, &again, &note_again, error, sizeof error))
        not_the_same(error);
    fuzz_text_write(target, &again, &note_again, p.second, sizeof p.second);
    if (strcmp(p.first, p.second) != 0 || memcmp(&input, &again, sizeof input) != 0)
        not_the_same("an input");
    /* The bytes that engines mutate say the same (decode.c). */
    uint8_t packed[FUZZ_BYTES_MAX];
    fuzz_decode(target, packed, fuzz_encode(target, &input, packed), &again);
    if (memcmp(&input, &again, sizeof input) != 0)
        not_the_same("an input as bytes");
    return 3;
}

static uint32_t depth_of(const char *text)
{
    uint32_t depth = 0;
    uint32_t most = 0;

    for (; *text; text++) {
        depth += *text == '[' || *text == '{';
        depth -= depth > 0 && (*text == ']' || *text == '}');
        most = depth > most ? depth : most;
    }
    return most;
}

/* The whole of a result as text; freed by who asked. */
static char *result_print(const struct ms_result *result, enum ms_detail detail, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);

    ms_require(out != NULL);
    bool is_good = ms_result_print(result, out, detail);
    if (fclose(out) != 0 || !is_good)
        ms_sim_fail("O7 a result that was read cannot be written", "detail %d", (int)detail);
    return text;
}

static uint32_t result_read(void)
{
    struct ms_problem problem = {.text = ""};
    struct ms_result *result;
    size_t bytes;
    size_t again;

    if (!ms_result_parse || depth_of(p.text) > DEPTH_MAX)
        return 0;
    result = ms_result_parse("some.json", p.text, p.bytes, &problem);
    if (!result) {
        if (strncmp(problem.text, "some.json: ", 11) != 0 || strlen(problem.text) < 16 ||
            problem.exit == 0)
            ms_sim_fail("O7 an error that does not say where", "'%s'", problem.text);
        error_tell(problem.text);
        return 1;
    }
    char *first = result_print(result, MS_DETAIL_FULL, &bytes);
    char *lean = result_print(result, MS_DETAIL_LEAN, &again);
    ms_result_free(result);
    result = ms_result_parse("lean.json", lean, again, &problem);
    free(lean);
    if (!result)
        not_the_same(problem.text);
    ms_result_free(result);
    result = ms_result_parse("again.json", first, bytes, &problem);
    if (!result)
        not_the_same(problem.text);
    char *second = result_print(result, MS_DETAIL_FULL, &again);
    ms_result_free(result);
    if (bytes != again || memcmp(first, second, bytes) != 0)
        not_the_same("a result");
    free(first);
    free(second);
    return 3;
}

/* The requests as they stand in the text, read the short way: no thread of them holds more than there is, or
 * takes what it holds already. `refused`: the number of the line that the reader did not take, for which it
 * must have a reason; 0: it took all. */
static void steps_check(const struct ms_requests *r, unsigned long refused)
{
    static uint32_t run[MS_REQUESTS_SLOTS_MAX];
    uint32_t thread = UINT32_MAX, step = 0, held = 0, most = 0;
    unsigned long number = 0;
    unsigned slot, wanted;

    for (uint32_t at = 0; at < p.bytes; at += line_bytes(at)) {
        char line[BYTES_MAX + 1];
        char word[8] = "", rest[2];
        struct ms_request said = {0};
        snprintf(line, sizeof line, "%.*s", (int)line_bytes(at), p.text + at);
        line[strcspn(line, "#")] = 0;
        number++;
        bool is_take = sscanf(line, " take%*[ \t\r]%6u%*[ \t\r]%5u %1s", &slot, &wanted, rest) == 2;
        if (is_take) {
            said = (struct ms_request){slot, wanted};
        } else if (sscanf(line, " give%*[ \t\r]%6u %1s", &slot, rest) == 1) {
            said.slot = slot;
        } else {
            if (number == refused)
                return;
            if (strncmp(line, "title ", 6) != 0 && sscanf(line, " %7s", word) == 1 &&
                strcmp(word, "thread") == 0) {
                thread++;
                step = held = 0;
                memset(run, 0, r->registers * sizeof *run);
            }
            continue;
        }
        bool may = thread < r->threads && slot < r->registers && (run[slot] != 0) != is_take &&
                   held + said.run <= r->registers && said.run <= MS_REQUESTS_RUN_MAX &&
                   (said.run > 0) == is_take;
        if (number == refused) {
            /* Blanks are what the reader takes for such, and a line must not be too long. */
            if (may && line_bytes(at) < 200 && !strpbrk(line, "\v\f+-"))
                ms_sim_fail("O7 a trace that is good is refused", "line %lu", number);
            return;
        }
        if (!may)
            ms_sim_fail("O1 a trace that nobody can follow", "line %lu", number);
        if (step >= r->thread[thread].steps || said.slot >= r->thread[thread].slots ||
            memcmp(&r->thread[thread].step[step], &said, sizeof said) != 0)
            ms_sim_fail("O7 a trace that is not what the text says", "line %lu", number);
        step++;
        held += said.run - (is_take ? 0 : run[slot]);
        most = said.run > most ? said.run : most;
        run[slot] = said.run;
    }
    if (refused == 0 && (thread + 1 != r->threads || most != r->run_max))
        ms_sim_fail("O7 a trace that is not what the text says", "%u threads", r->threads);
}

/* A trace as text; freed by who asked. */
static char *requests_print(const struct ms_requests *r, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);

    ms_require(out != NULL);
    bool is_good = ms_requests_print(r, out);
    if (fclose(out) != 0 || !is_good)
        ms_sim_fail("O7 a trace that was read cannot be written", "%u threads", r->threads);
    return text;
}

static uint32_t requests_read(void)
{
    struct ms_requests r = {.threads = 0};
    char why[MS_REQUESTS_WHY_BYTES] = "";
    size_t bytes;
    size_t again;

    if (!ms_requests_read(&r, "some.requests", p.text, p.bytes, why)) {
        if (strncmp(why, "some.requests:", 14) != 0)
            ms_sim_fail("O7 an error that does not say where", "'%s'", why);
        memcpy(why + 9, "line ", 5); /* instead of the name's end: the form of the others */
        error_check(why + 9);
        if (r.registers > 0 && !memchr(p.text, 0, p.bytes))
            steps_check(&r, strtoul(why + 14, NULL, 10));
        ms_requests_drop(&r);
        return 1;
    }
    steps_check(&r, 0);
    char *first = requests_print(&r, &bytes);
    ms_requests_drop(&r);
    if (!ms_requests_read(&r, "again.requests", first, bytes, why))
        not_the_same(why);
    char *second = requests_print(&r, &again);
    ms_requests_drop(&r);
    if (bytes != again || memcmp(first, second, bytes) != 0)
        not_the_same("a trace");
    free(first);
    free(second);
    return 3;
}

/* --- the target ---------------------------------------------------------------------------------- */

enum kind { WORD, BYTE, CUT, COPY, NUMBER, LINE };

static void parsers_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint32_t at = place_of(op);
    char byte = (char)op->operand[2];

    (void)actor;
    switch ((enum kind)op->kind) {
    case WORD: {
        const char *word = word_of(op);
        if (op->operand[3] & 2)
            at = line_start(at);
        replace(at, op->operand[3] & 1 ? (uint32_t)strlen(word) : 0, word, (uint32_t)strlen(word));
        break;
    }
    case BYTE:
        replace(at, op->operand[3] & 1, &byte, 1);
        break;
    case CUT:
        replace(at, op->operand[2], "", 0);
        break;
    case COPY:
        do_copy(at, op->operand[2], op->operand[3]);
        break;
    case NUMBER:
        do_number(at, op->operand[2]);
        break;
    case LINE:
        do_line(at, op->operand[2]);
        break;
    }
}

static void parsers_finish(uint32_t actor)
{
    uint32_t end = p.document == LAYOUT     ? layout_read()
                   : p.document == RESULT   ? result_read()
                   : p.document == REQUESTS ? requests_read()
                                            : input_read();
    uint64_t digest = end;

    (void)actor;
    for (uint32_t i = 0; i < p.bytes; i++)
        digest = digest * 31 + (uint8_t)p.text[i];
    ms_sim_state(0, (uint32_t)p.document * 4 + end);
    ms_store_relaxed(&p.digest, digest);
}

static void parsers_check(void *unused)
{
    (void)unused;
}

static uint64_t parsers_digest(void)
{
    return ms_load_relaxed(&p.digest);
}

static const char *parsers_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const lines[] = {"taken out", "twice", "last", "first"};
    unsigned at = op->operand[0] * 241u + op->operand[1] * 17u; /* of the text's length */

    switch ((enum kind)op->kind) {
    case WORD:
        snprintf(text, bytes, "at %u: '%s'", at, word_of(op));
        break;
    case BYTE:
        snprintf(text, bytes, "at %u: byte %02x", at, op->operand[2]);
        break;
    case CUT:
        snprintf(text, bytes, "at %u: %u bytes less", at, op->operand[2]);
        break;
    case COPY:
        snprintf(text, bytes, "%u bytes from %u to %u", op->operand[2], at, op->operand[3] * 16u);
        break;
    case NUMBER:
        snprintf(text, bytes, "the number behind %u: %s", at, numbers[op->operand[2] % NUMBERS]);
        break;
    case LINE:
        snprintf(text, bytes, "the line at %u: %s", at, lines[op->operand[2] & 3]);
        break;
    }
    return text;
}

static const char *const actor_names[] = {"editor"};
static const struct fuzz_setting settings[] = {{"document", DOCUMENTS}};
static const struct fuzz_kind kinds[] = {
    [WORD] = {"word", 4, 1, "where (two), which word, where exactly"},
    [BYTE] = {"byte", 4, 1, "where (two), byte, instead of what is there"},
    [CUT] = {"cut", 3, 1, "where (two), how many bytes"},
    [COPY] = {"copy", 4, 1, "where from (two), how many bytes, where to"},
    [NUMBER] = {"number", 3, 1, "where (two), which number instead of the next"},
    [LINE] = {"line", 3, 1, "where (two): taken out, twice, last, first"},
};

const struct fuzz_target fuzz_target_parsers = {
    .name = "parsers",
    .summary = "layouts, inputs, results and traces as files: cut, filled with words, read and "
               "written again",
    .actors = actor_names,
    .actor_count = 1,
    .settings = settings,
    .setting_count = 1,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .is_sequential = true,
    .steps_max = 2000,
    .reset = parsers_reset,
    .perform = parsers_perform,
    .finish = parsers_finish,
    .check = parsers_check,
    .digest = parsers_digest,
    .tell = parsers_tell,
};
