/* SPDX-License-Identifier: MIT */
/* child.c: processes that measure when asked. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINE_BYTES = 1024,
    WAIT_MS = 100,             /* at once */
    HISTOGRAM_BYTES = 1 << 17, /* every bucket with a large count */
    ARGUMENTS_MAX = 64,
    COUNT_NAME_MAX = 48,
    READING_FIELDS = 12, /* numbers in an answer, before the counts */
};

struct ms_child {
    pid_t pid;
    int ask;    /* we write questions */
    int answer; /* we read answers */
    int words;  /* what it printed on standard error */
    char line[LINE_BYTES + HISTOGRAM_BYTES];
    size_t used; /* bytes of `line` that are there */
    /* Names of counts, so that a reading's pointers stay good as long as the child. */
    char name[MS_COUNTS_MAX][COUNT_NAME_MAX];
};

/* ---- one line ---------------------------------------------------------------------------------
 */

void ms_reading_print(const struct ms_reading *r, char *line, size_t bytes)
{
    int used =
        snprintf(line, bytes,
                 "ok\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
                 "\t%.6f\t%.6f\t%d\t%" PRIu64 "\t%" PRIu64 "\t%.6f\t%" PRIu32,
                 r->ops, r->wall_ns, r->cpu_ns, r->delay_ns, r->switches_forced, r->delay_share,
                 r->overlap, r->is_bound, r->calm_ops, r->calm_ns, r->shared, r->tally.counts);

    for (uint32_t i = 0; i < r->tally.counts && used > 0 && (size_t)used < bytes; i++)
        used += snprintf(line + used, bytes - (size_t)used, "\t%s\t%.9g", r->tally.count[i].name,
                         r->tally.count[i].per_op);
}

bool ms_reading_parse(const char *line, struct ms_reading *r)
{
    int bound = 0;
    int used = 0;

    *r = (struct ms_reading){0};
    if (sscanf(line,
               "ok\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64
               "\t%lf\t%lf\t%d\t%" SCNu64 "\t%" SCNu64 "\t%lf\t%" SCNu32 "%n",
               &r->ops, &r->wall_ns, &r->cpu_ns, &r->delay_ns, &r->switches_forced, &r->delay_share,
               &r->overlap, &bound, &r->calm_ops, &r->calm_ns, &r->shared, &r->tally.counts,
               &used) != READING_FIELDS)
        return false;
    r->is_bound = bound != 0;
    return r->tally.counts <= MS_COUNTS_MAX;
}

/* The counts behind the numbers; their names are kept in the child. */
static bool counts_parse(struct ms_child *child, const char *line, struct ms_tally *tally)
{
    const char *at = line;

    for (int field = 0; field <= READING_FIELDS; field++) {
        at = strchr(at, '\t');
        if (!at)
            return field == READING_FIELDS && tally->counts == 0;
        at++;
    }
    for (uint32_t i = 0; i < tally->counts; i++) {
        const char *tab = strchr(at, '\t');
        char *end;

        if (!tab || tab - at >= COUNT_NAME_MAX)
            return false;
        snprintf(child->name[i], COUNT_NAME_MAX, "%.*s", (int)(tab - at), at);
        tally->count[i].name = child->name[i];
        tally->count[i].per_op = strtod(tab + 1, &end);
        if (end == tab + 1 || (*end != '\t' && *end != '\0'))
            return false;
        at = end + (*end == '\t');
    }
    return true;
}

/* ---- the process ------------------------------------------------------------------------------
 */

/* Runs in the new process; never returns. */
static void child_become(const char *program, const char *const *arguments, int in, int out,
                         int words)
{
    const char *list[ARGUMENTS_MAX + 3] = {program, "--serve"};

    for (int i = 0; arguments && arguments[i] && i < ARGUMENTS_MAX; i++)
        list[i + 2] = arguments[i];
    /* Ctrl-C goes to the whole terminal; the run decides when its launches end. */
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(words, 2) < 0)
        _exit(127);
    execv(program, (char *const *)(uintptr_t)list);
    _exit(127);
}

struct ms_child *ms_child_start(const char *program, const char *const *arguments, char *why)
{
    struct ms_child *child = calloc(1, sizeof *child);
    int question[2] = {-1, -1};
    int answer[2] = {-1, -1};

    if (!child)
        goto undo_nothing;
    child->words = memfd_create("words", MFD_CLOEXEC);
    if (child->words < 0)
        goto undo_alloc;
    if (pipe2(question, O_CLOEXEC) != 0)
        goto undo_words;
    if (pipe2(answer, O_CLOEXEC) != 0)
        goto undo_question;

    fflush(NULL);
    child->pid = fork();
    if (child->pid < 0)
        goto undo_answer;
    if (child->pid == 0)
        child_become(program, arguments, question[0], answer[1], child->words);
    close(question[0]);
    close(answer[1]);
    child->ask = question[1];
    child->answer = answer[0];
    return child;

undo_answer:
    close(answer[0]);
    close(answer[1]);
undo_question:
    close(question[0]);
    close(question[1]);
undo_words:
    close(child->words);
undo_alloc:
    free(child);
undo_nothing:
    snprintf(why, MS_WHY_BYTES, "cannot start a launch: %s", strerror(errno));
    return NULL;
}

void ms_child_stop(struct ms_child *child)
{
    if (!child)
        return;
    close(child->ask); /* it ends when there is nothing more to read */
    close(child->answer);
    if (child->pid > 0)
        waitpid(child->pid, NULL, 0);
    close(child->words);
    free(child);
}

/* The last line on the child's standard error, without its newline. */
static void words_last(const struct ms_child *child, char *text, size_t bytes)
{
    char all[LINE_BYTES];
    off_t size = lseek(child->words, 0, SEEK_END);
    off_t from = size > (off_t)sizeof all - 1 ? size - (off_t)sizeof all + 1 : 0;
    ssize_t got = size > 0 ? pread(child->words, all, sizeof all - 1, from) : 0;
    const char *line;

    text[0] = '\0';
    if (got <= 0)
        return;
    while (got > 0 && all[got - 1] == '\n')
        got--;
    all[got] = '\0';
    line = strrchr(all, '\n');
    snprintf(text, bytes, "%.*s", (int)bytes - 1, line ? line + 1 : all);
}

/* Reaps the dead child and says how it ended. */
static enum ms_reply child_dead(struct ms_child *child, bool is_hung, uint32_t seconds, char *why)
{
    char words[MS_WHY_BYTES / 2];
    char how[MS_WHY_BYTES / 2];
    int status = 0;

    if (is_hung)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    child->pid = -1;
    words_last(child, words, sizeof words);
    if (is_hung)
        snprintf(how, sizeof how, "did not end within %" PRIu32 " s", seconds);
    else if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "ended by itself with code %d", WEXITSTATUS(status));
    snprintf(why, MS_WHY_BYTES, "%.120s%s%.120s", how, words[0] ? ": " : "", words);
    return MS_REPLY_DEAD;
}

/* Reads one line into child->line. 1: there; 0: the child closed its end; -1: too late. The time is what we
 * waited: while we were stopped (Ctrl-Z), or had no processor, the child may have been too. */
static int line_read(struct ms_child *child, uint32_t seconds_max)
{
    uint32_t waits = 0;

    child->used = 0;
    for (;;) {
        struct pollfd watch = {.fd = child->answer, .events = POLLIN};
        int seen = poll(&watch, 1, WAIT_MS);
        ssize_t got;

        if (seen == 0 && ++waits >= seconds_max * 1000 / WAIT_MS)
            return -1;
        if (seen <= 0)
            continue; /* nothing yet, or a signal */
        got = read(child->answer, child->line + child->used, sizeof child->line - 1 - child->used);
        if (got <= 0)
            return 0;
        child->used += (size_t)got;
        child->line[child->used] = '\0';
        if (child->line[child->used - 1] == '\n') {
            child->line[child->used - 1] = '\0';
            return 1;
        }
        if (child->used + 1 >= sizeof child->line)
            return 0;
    }
}

/* Sends a question and waits for the line that answers it. */
static enum ms_reply child_talk(struct ms_child *child, const char *question, uint32_t seconds_max,
                                char *why)
{
    size_t length = strlen(question);
    int got;

    if (write(child->ask, question, length) != (ssize_t)length)
        return child_dead(child, false, seconds_max, why);
    got = line_read(child, seconds_max);
    if (got <= 0)
        return child_dead(child, got < 0, seconds_max, why);
    if (strncmp(child->line, "no\t", 3) == 0) {
        snprintf(why, MS_WHY_BYTES, "%.250s", child->line + 3);
        return MS_REPLY_REFUSED;
    }
    return MS_REPLY_READING;
}

static enum ms_reply answer_unreadable(char *why)
{
    snprintf(why, MS_WHY_BYTES, "the launch gave an answer that cannot be read");
    return MS_REPLY_REFUSED;
}

/* Sends a question that a reading answers. */
static enum ms_reply reading_ask(struct ms_child *child, const char *question, uint32_t seconds_max,
                                 struct ms_reading *reading, char *why)
{
    enum ms_reply reply = child_talk(child, question, seconds_max, why);

    if (reply != MS_REPLY_READING)
        return reply;
    return ms_reading_parse(child->line, reading) &&
                   counts_parse(child, child->line, &reading->tally)
               ? MS_REPLY_READING
               : answer_unreadable(why);
}

enum ms_reply ms_child_ask(struct ms_child *child, const char *cell, uint64_t seed, uint64_t ops,
                           uint32_t seconds_max, struct ms_reading *reading, char *why)
{
    char question[MS_CELL_NAME_BYTES + 64];

    snprintf(question, sizeof question, "%" PRIu64 " %" PRIu64 " %.300s\n", seed, ops, cell);
    return reading_ask(child, question, seconds_max, reading, why);
}

enum ms_reply ms_child_count(struct ms_child *child, const char *cell, uint64_t seed,
                             uint32_t seconds_max, struct ms_reading *reading, char *why)
{
    char question[MS_CELL_NAME_BYTES + 64];

    snprintf(question, sizeof question, "count %" PRIu64 " %.300s\n", seed, cell);
    return reading_ask(child, question, seconds_max, reading, why);
}

enum ms_reply ms_child_time_each(struct ms_child *child, const char *cell, uint64_t seed,
                                 uint64_t ops, double mean_ns, uint32_t seconds_max,
                                 struct ms_timing *timing, char *why)
{
    char question[MS_CELL_NAME_BYTES + 96];
    enum ms_reply reply;
    int saturated = 0;
    int used = 0;

    snprintf(question, sizeof question, "latency %.6f %" PRIu64 " %" PRIu64 " %.300s\n", mean_ns,
             seed, ops, cell);
    reply = child_talk(child, question, seconds_max, why);
    if (reply != MS_REPLY_READING)
        return reply;
    if (sscanf(child->line, "latency\t%" SCNu64 "\t%" SCNu64 "\t%lf\t%lf\t%d\t%" SCNu64 "\t%n",
               &timing->ops, &timing->wall_ns, &timing->delay_share, &timing->overlap, &saturated,
               &timing->largest_ns, &used) != 6 ||
        used == 0 || !ms_histogram_parse(child->line + used, &timing->latency))
        return answer_unreadable(why);
    timing->is_saturated = saturated != 0;
    timing->latency.largest_ns = timing->largest_ns;
    return MS_REPLY_READING;
}

/* ---- the other side ---------------------------------------------------------------------------
 */

static void question_answer(struct ms_stand *stand, const char *line, FILE *out)
{
    struct ms_reading reading = {.ops = 0};
    struct ms_cell_key key;
    char why[MS_WHY_BYTES] = "the question cannot be read";
    char text[LINE_BYTES];
    bool is_count = strncmp(line, "count ", 6) == 0;
    uint64_t seed = 0, ops = 0;
    int used = 0;
    bool is_read = is_count ? sscanf(line, "count %" SCNu64 " %n", &seed, &used) == 1
                            : sscanf(line, "%" SCNu64 " %" SCNu64 " %n", &seed, &ops, &used) == 2;

    if (!is_read || used == 0 || !ms_key_parse(line + used, &key) ||
        !(is_count ? ms_stand_count(stand, &key, seed, &reading.tally, why)
                   : ms_stand_measure(stand, &key, seed, ops, &reading, why))) {
        fprintf(out, "no\t%s\n", why);
        return;
    }
    ms_reading_print(&reading, text, sizeof text);
    fprintf(out, "%s\n", text);
}

static void latency_answer(struct ms_stand *stand, const char *line, FILE *out)
{
    static const char unread[] = "the question cannot be read";
    struct ms_histogram *latency = calloc(1, sizeof *latency);
    char *text = malloc(HISTOGRAM_BYTES);
    struct ms_reading reading = {.ops = 0};
    struct ms_cell_key key;
    char why[MS_WHY_BYTES] = "out of memory";
    uint64_t seed, ops;
    double mean_ns;
    bool is_saturated = false;
    bool is_measured = false;
    int used = 0;

    if (sscanf(line, "latency %lf %" SCNu64 " %" SCNu64 " %n", &mean_ns, &seed, &ops, &used) < 3 ||
        used == 0 || !ms_key_parse(line + used, &key))
        snprintf(why, sizeof why, "%s", unread);
    else if (latency && text)
        is_measured = ms_stand_time_each(stand, &key, seed, ops, mean_ns, &reading, latency,
                                         &is_saturated, why);
    if (is_measured) {
        ms_histogram_print(latency, text, HISTOGRAM_BYTES);
        fprintf(out, "latency\t%" PRIu64 "\t%" PRIu64 "\t%.6f\t%.6f\t%d\t%" PRIu64 "\t%s\n",
                reading.ops, reading.wall_ns, reading.delay_share, reading.overlap, is_saturated,
                latency->largest_ns, text);
    } else {
        fprintf(out, "no\t%s\n", why);
    }
    free(text);
    free(latency);
}

int ms_child_serve(struct ms_stand *stand)
{
    char line[MS_CELL_NAME_BYTES + 96];
    int fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    /* What a strategy prints must not end up between our answers. */
    if (!out || dup2(2, 1) < 0)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "latency ", 8) == 0)
            latency_answer(stand, line, out);
        else
            question_answer(stand, line, out);
        if (fflush(out) != 0)
            break;
    }
    fclose(out);
    return 0;
}
