/* SPDX-License-Identifier: MIT */
/*
 * session.c: `fuzz`: hunts in processes of their own, shows how they do, merges what they keep.
 *
 * Idea        a hunter is a fork that shares one area with its watcher: numbers to show, the input
 *             being played, what it kept. So a hunter that dies, or never comes back from an
 *             execution, leaves the input that did it, and nothing else is lost.
 * Rounds      with several hunters, every so often all stop, what they kept becomes one small set,
 *             and all go on from it. One hunter alone has one round: same seed, same result.
 * Table       with --table a file says what was done, target by target, and is kept true after each round; so
 *             one hunter alone has rounds then too
 * Kept        inputs that show something no file of the corpus shows; the committed corpus is only
 *             written with --grow
 */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    JOBS_MAX = 64,
    ROUND_SECONDS = 30,
    TABLE_ROUNDS = 4, /* with a table: at least so many */
    SEEDS_MAX = 4096,
    TICK_MS = 50,
    HANG_TICKS = 30 * 1000 /
                 TICK_MS, /* looks in vain, not seconds: both may be stopped for a while (Ctrl-Z) */
};

/* What a hunter and its watcher share. */
struct shared {
    struct fuzz_board board;
    bool is_done; /* the hunt came to its end; all below is whole */
    bool found;
    struct fuzz_input input;
    char bug[160], story[256];
    uint64_t executions;
    double seconds;
    uint32_t kept_count;
    struct fuzz_input kept[FUZZ_KEPT_MAX];
};

/* What the process that merges says. */
struct merged {
    uint32_t fixed, seed_count, features;
};

struct job {
    struct shared *shared;
    pid_t pid; /* 0: none */
    uint64_t seed;
    uint64_t seen_executions; /* when it last moved */
    uint32_t ticks_still;     /* looks at it since */
    char died[100];           /* how, when it was not by its own will */
};

struct session {
    const struct fuzz_target *target;
    struct fuzz_options options;
    const char *corpus, *findings;
    double seconds_max;
    uint64_t executions_max, seed;
    uint32_t job_count;
    bool is_quiet, grows;
    bool
        counts_processor; /* --time is processor time: how long others had the machine says nothing */
    double hunted;        /* seconds of the hunter that hunted longest */
    bool is_fresh;        /* neither reads nor writes what earlier hunts kept */
    bool saves_canary;    /* --findings was given: then the planted bug becomes a folder too */

    struct job job[JOBS_MAX];
    struct fuzz_input *seeds; /* SEEDS_MAX + jobs * FUZZ_KEPT_MAX; who merges shares them */
    uint32_t fixed;           /* the first so many stay as they are: the committed ones */
    uint32_t seed_count;
    struct kept kept;
    bool goes_on; /* from more than the corpus: the same seed alone does not lead here again */
    struct merged *merged;
    double began;
    uint64_t executions, steps, inconclusive;
    uint32_t features;
    double news_at; /* last time something new was seen, since `began` */
    struct hunt_table table;
    struct hunt_row before; /* what the table said of this target when this hunt began */
    uint32_t seed_features;
};

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* --- files --------------------------------------------------------------------------------------- */

/* Adds the inputs of this target below a folder; `without`: but for those below this one. How many cannot be
 * read, each of which was told. */
static uint32_t seeds_add(struct session *s, const char *folder, const char *without, bool is_kept)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    uint32_t files = access(folder, F_OK) == 0 ? files_below(folder, paths, FILES_MAX) : 0;
    size_t without_bytes = without ? strlen(without) : 0;
    uint32_t unread = 0;

    for (uint32_t i = 0; i < files; i++) {
        const struct fuzz_target *of;
        struct fuzz_note note;
        if (!(without_bytes && strncmp(paths[i], without, without_bytes) == 0)) {
            if (!input_read(paths[i], &input, &note, &of)) {
                unread++;
            } else if (of == s->target && s->seed_count < SEEDS_MAX) {
                s->seeds[s->seed_count++] = input;
                if (is_kept)
                    kept_know(&s->kept, strrchr(paths[i], '/') + 1);
            }
        }
        free(paths[i]);
    }
    return unread;
}

/* Where what is kept goes. */
static bool kept_folder(const struct session *s, char *path, size_t bytes)
{
    int length = s->grows ? snprintf(path, bytes, "%s/%s/seeds", s->corpus, s->target->name)
                          : snprintf(path, bytes, "%s/corpus/%s", s->findings, s->target->name);

    return length > 0 && (size_t)length < bytes;
}

static bool seeds_load(struct session *s)
{
    char folder[PATH_BYTES - 100];
    char kept[PATH_BYTES - 100];
    uint32_t unread;

    s->seed_count = s->kept.known_count = 0;
    if (!kept_folder(s, kept, sizeof kept) ||
        snprintf(folder, sizeof folder, "%s/%s", s->corpus, s->target->name) >= (int)sizeof folder)
        return false;
    unread = seeds_add(s, folder, s->grows ? kept : NULL, false);
    s->fixed = s->seed_count;
    if (unread == 0 && !s->is_fresh) {
        unread = seeds_add(s, kept, NULL, true);
        if (unread > 0 && !s->grows) { /* of another version: it is not the corpus that is wrong */
            fprintf(stderr,
                    "mapstorm: %s: %u kept by another version of %s and passed over; they stay "
                    "there until somebody deletes them\n",
                    kept, unread, s->target->name);
            unread = 0;
        }
    }
    s->goes_on = s->grows || s->seed_count > s->fixed;
    return unread == 0;
}

static bool seeds_save(struct session *s, bool is_last)
{
    char folder[PATH_BYTES - 300];
    uint32_t count = s->seed_count - s->fixed;

    if (!kept_folder(s, folder, sizeof folder))
        return false;
    if (count == 0 && access(folder, F_OK) != 0)
        return true;
    if (!kept_write(&s->kept, folder, s->target, &s->seeds[s->fixed], count))
        return false;
    if (is_last && (!s->is_quiet || s->grows))
        printf("%s: %u inputs from the corpus, %u more kept in %s\n", s->target->name, s->fixed,
               count, folder);
    return true;
}

/* --- hunters ------------------------------------------------------------------------------------- */

_Noreturn static void hunter_main(const struct session *s, struct job *job, double seconds)
{
    static struct fuzz_hunt hunt;
    struct shared *shared = job->shared;

    prctl(PR_SET_PDEATHSIG,
          SIGKILL); /* a watcher that is killed leaves nobody behind, in an endless execution */
    signal(SIGINT, SIG_IGN); /* the watcher tells when to stop, and what was kept is not lost */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    hunt = (struct fuzz_hunt){
        .seed = job->seed,
        .seconds_max = seconds,
        .counts_processor = s->counts_processor,
        .executions_max = s->executions_max / s->job_count,
        .seeds = s->seeds,
        .seed_count = s->seed_count,
        .kept = shared->kept,
        .board = &shared->board,
        .options = s->options,
    };
    fuzz_hunt(s->target, &hunt);
    shared->found = hunt.found;
    if (hunt.found) {
        shared->input = hunt.input;
        memcpy(shared->bug, hunt.result.bug, sizeof shared->bug);
        memcpy(shared->story, hunt.result.story, sizeof shared->story);
    }
    shared->executions = hunt.executions;
    shared->seconds = hunt.seconds;
    shared->kept_count = hunt.kept_count;
    shared->is_done = true;
    _exit(0);
}

static bool hunter_start(struct session *s, uint32_t number, uint64_t round, double seconds)
{
    struct job *job = &s->job[number];

    memset(&job->shared->board, 0, sizeof job->shared->board);
    job->shared->is_done = job->shared->found = false;
    job->shared->kept_count = 0;
    job->died[0] = 0;
    job->seed = s->seed + round * s->job_count + number;
    job->seen_executions = 0;
    job->ticks_still = 0;
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0)
        hunter_main(s, job, seconds);
    if (job->pid < 0) {
        fprintf(stderr, "mapstorm: no process for another hunter: %s\n", strerror(errno));
        job->pid = 0;
        return false;
    }
    return true;
}

/* True while it runs. */
static bool hunter_look(struct job *job)
{
    int status = 0;

    if (job->pid == 0)
        return false;
    if (waitpid(job->pid, &status, WNOHANG) == 0) {
        if (job->shared->board.executions != job->seen_executions ||
            !job->shared->board.is_playing) {
            job->seen_executions = job->shared->board.executions;
            job->ticks_still = 0;
        } else if (++job->ticks_still > HANG_TICKS) {
            snprintf(job->died, sizeof job->died, "an execution does not come to an end");
            kill(job->pid, SIGKILL);
            job->ticks_still = 0;
        }
        return true;
    }
    job->pid = 0;
    if (job->died[0] || job->shared->is_done)
        return false;
    if (WIFSIGNALED(status))
        snprintf(job->died, sizeof job->died, "the hunter died of signal %d", WTERMSIG(status));
    else
        snprintf(job->died, sizeof job->died, "the hunter ended with %d", WEXITSTATUS(status));
    return false;
}

static void progress_print(struct session *s, double *told)
{
    bool is_terminal = isatty(STDERR_FILENO);
    double now = seconds_now() - s->began;
    uint64_t executions = s->executions;
    uint32_t features = s->features;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->job_count; i++) {
        const struct fuzz_board *board = &s->job[i].shared->board;
        executions += board->executions;
        features = board->features > features ? board->features : features;
        kept = board->kept > kept ? board->kept : kept;
        if (board->features > s->features &&
            now - board->seconds + board->found_new_at > s->news_at)
            s->news_at = now - board->seconds + board->found_new_at;
    }
    if (s->is_quiet || now - *told < (is_terminal ? 1 : 10))
        return;
    *told = now;
    fprintf(stderr,
            "%s%s: %.0f s, %llu executions, %.0f/s, %u features, %u kept, last new %.0f s ago%s",
            is_terminal ? "\r" : "", s->target->name, now, (unsigned long long)executions,
            (double)executions / (now > 0 ? now : 1), features, kept, now - s->news_at,
            is_terminal ? "\033[K" : "\n");
    fflush(stderr);
}

/* Starts all, waits for all. */
static bool round_run(struct session *s, uint64_t round, double seconds, double *told)
{
    bool is_running = true;
    bool must_stop = false;

    for (uint32_t i = 0; i < s->job_count; i++)
        if (!hunter_start(s, i, round, seconds))
            return i > 0;
    while (is_running) {
        is_running = false;
        for (uint32_t i = 0; i < s->job_count; i++) {
            struct job *job = &s->job[i];
            bool runs = hunter_look(job);
            must_stop |= !runs && (job->shared->found || job->died[0]);
            is_running |= runs;
        }
        must_stop |= is_interrupted != 0;
        for (uint32_t i = 0; i < s->job_count && must_stop; i++)
            s->job[i].shared->board.must_stop = true;
        progress_print(s, told);
        if (is_running)
            nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
    }
    return true;
}

static void seeds_cover(void *context)
{
    struct session *s = context;

    s->merged->fixed = s->fixed;
    s->merged->seed_count =
        fuzz_cover(s->target, s->seeds, s->seed_count, &s->merged->fixed, &s->merged->features);
}

/* What the round showed goes to the seeds. Nothing is played here: all hunters of later rounds would share the
 * physical memory that it makes. */
static bool round_merge(struct session *s)
{
    double longest = 0;

    for (uint32_t i = 0; i < s->job_count; i++) {
        const struct shared *shared = s->job[i].shared;
        s->executions += shared->is_done ? shared->executions : shared->board.executions;
        s->steps += shared->board.steps;
        s->inconclusive += shared->board.inconclusive;
        double seconds = shared->is_done ? shared->seconds : shared->board.seconds;
        longest = seconds > longest ? seconds : longest;
        uint32_t count = shared->is_done ? shared->kept_count : shared->board.kept;
        memcpy(&s->seeds[s->seed_count], shared->kept, count * sizeof shared->kept[0]);
        s->seed_count += count;
    }
    if (s->hunted <= 0)
        s->seed_features = s->job[0].shared->board.seed_features;
    s->hunted += longest;
    if (!work_apart(seeds_cover, s))
        return false;
    s->fixed = s->merged->fixed;
    s->features = s->merged->features;
    s->seed_count = (uint32_t)ms_min_u64(s->merged->seed_count, SEEDS_MAX);
    return true;
}

static const struct job *job_with_finding(const struct session *s)
{
    for (uint32_t i = 0; i < s->job_count; i++)
        if (s->job[i].shared->found || s->job[i].died[0])
            return &s->job[i];
    return NULL;
}

/* --- the command --------------------------------------------------------------------------------- */

static int finding_tell(const struct session *s, const struct job *job)
{
    struct finding finding = {
        .input = job->died[0] ? &job->shared->board.playing : &job->shared->input,
        .options = &s->options,
        .bug = job->died[0] ? job->died : job->shared->bug,
        .story = job->died[0] ? "" : job->shared->story,
        .ended_the_hunter = job->died[0] != 0,
        .executions = s->executions + (job->died[0] != 0),
        .seconds = seconds_now() - s->began,
        .seed = job->seed,
        .corpus = s->corpus,
        .is_repeatable = s->job_count == 1 && !job->died[0] && !s->goes_on,
    };

    if (s->target->planted) {
        bool is_it = strcmp(finding.bug, s->target->planted) == 0;
        if (s->saves_canary && !finding_save(s->target, &finding, s->findings))
            return EXIT_HERE;
        printf("%s: the planted bug was %s\n", s->target->name, is_it ? "found" : "MISSED");
        return is_it ? EXIT_CLEAN : EXIT_BUG;
    }
    return finding_save(s->target, &finding, s->findings) ? EXIT_BUG : EXIT_HERE;
}

/* A planted bug ends each hunt in no time: there is nothing to keep but with --grow. */
static bool keeps(const struct session *s)
{
    return (!s->target->planted || s->grows) && !s->is_fresh;
}

/* What this hunt and those before it came to. `verdict` NULL: it is not over. */
static bool row_write(struct session *s, double seconds, const char *verdict)
{
    struct hunt_row *row = hunt_table_row(&s->table, s->target->name);
    bool has_found = verdict && strcmp(verdict, "clean") != 0;

    *row = s->before;
    row->seconds += seconds;
    row->executions += s->executions;
    row->features = s->features;
    row->fresh += s->features > s->seed_features ? s->features - s->seed_features : 0;
    row->findings += has_found && !s->target->planted;
    snprintf(row->verdict, sizeof row->verdict, "%s", verdict ? verdict : HUNT_CUT_SHORT);
    return hunt_table_write(&s->table);
}

/* How long this target is to be hunted in; 0 or less: what the table says of it is enough. */
static double seconds_left(struct session *s)
{
    s->before = *hunt_table_row(&s->table, s->target->name);
    if (s->before.verdict[0] && strcmp(s->before.verdict, "clean") != 0 &&
        strcmp(s->before.verdict, HUNT_CUT_SHORT) != 0)
        return 0;
    return s->seconds_max - s->before.seconds;
}

static int target_fuzz(struct session *s)
{
    const struct job *finding = NULL;
    bool has_rounds = (s->job_count > 1 || s->table.path) && !s->executions_max;
    double seconds_max = seconds_left(s);
    double round_seconds = ROUND_SECONDS;
    double told = 0;

    if (s->table.path && s->seconds_max / TABLE_ROUNDS < round_seconds)
        round_seconds = s->seconds_max / TABLE_ROUNDS;
    s->executions = s->steps = s->inconclusive = 0;
    s->hunted = 0;
    s->features = s->seed_features = 0;
    s->news_at = 0;
    if (!seeds_load(s))
        return EXIT_USAGE;
    s->began = seconds_now();
    if (!row_write(s, 0, NULL))
        return EXIT_HERE;
    /* Whoever goes on with a table goes on with chance too. */
    uint64_t first = (uint64_t)(s->before.seconds / ROUND_SECONDS + 0.99);
    for (uint64_t round = first; !finding && !is_interrupted; round++) {
        double left = seconds_max - (s->counts_processor ? s->hunted : seconds_now() - s->began);
        double seconds = has_rounds && left > round_seconds ? round_seconds : left;
        if (s->seconds_max > 0 && left <= 0)
            break;
        if (!round_run(s, round, s->seconds_max > 0 ? seconds : 0, &told))
            return EXIT_HERE;
        bool is_merged = round_merge(s);
        finding = job_with_finding(s);
        if (!is_merged && !finding) /* what was found is told all the same */
            return EXIT_HERE;
        if (s->executions_max)
            break;
        s->goes_on |= !finding;
        /* Whoever kills this loses a round, not hours. */
        if (!finding && s->table.path &&
            ((keeps(s) && !seeds_save(s, false)) ||
             !row_write(s, s->counts_processor ? s->hunted : seconds_now() - s->began, NULL)))
            return EXIT_HERE;
    }
    if (!s->is_quiet && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    double seconds = s->counts_processor ? s->hunted : seconds_now() - s->began;
    const char *bug = !finding ? NULL : finding->died[0] ? finding->died : finding->shared->bug;
    bool has_missed = s->target->planted && !bug && !is_interrupted;
    printf("%s: %lu executions in %.1f s, %.0f a second, %.1f steps each, %u features, "
           "%lu inconclusive: %s\n",
           s->target->name, (unsigned long)s->executions, seconds,
           (double)s->executions / (seconds > 0 ? seconds : 1),
           (double)s->steps / (double)(s->executions ? s->executions : 1), s->features,
           (unsigned long)s->inconclusive, bug ? bug : "clean");
    bool is_kept = !keeps(s) || seeds_save(s, true); /* what was found is told all the same */
    int code = finding          ? finding_tell(s, finding)
               : has_missed     ? EXIT_BUG
               : is_interrupted ? EXIT_INTERRUPTED
                                : EXIT_CLEAN;
    if (has_missed)
        printf("%s: the planted bug was MISSED\n", s->target->name);
    bool is_well = row_write(s, seconds,
                             code == EXIT_INTERRUPTED                   ? NULL
                             : s->target->planted && code == EXIT_CLEAN ? "clean"
                             : has_missed ? "the planted bug was missed"
                             : bug        ? bug
                                          : "clean");
    fflush(stdout);
    return is_well && is_kept ? code : EXIT_HERE;
}

static size_t seeds_bytes(const struct session *s)
{
    return (SEEDS_MAX + (size_t)s->job_count * FUZZ_KEPT_MAX) * sizeof *s->seeds;
}

static bool session_open(struct session *s)
{
    bool is_whole;

    s->seeds = shared_map(seeds_bytes(s));
    s->merged = shared_map(sizeof *s->merged);
    is_whole = s->seeds && s->merged;
    for (uint32_t i = 0; is_whole && i < s->job_count; i++) {
        s->job[i].shared = shared_map(sizeof *s->job[i].shared);
        is_whole = s->job[i].shared != NULL;
    }
    if (!is_whole)
        fprintf(stderr, "mapstorm: no memory for %u hunters\n", s->job_count);
    return is_whole;
}

static void session_close(struct session *s)
{
    for (uint32_t i = 0; i < s->job_count; i++)
        munmap(s->job[i].shared, sizeof *s->job[i].shared);
    munmap(s->seeds, seeds_bytes(s));
    munmap(s->merged, sizeof *s->merged);
}

/* A hunt of hours must not find out at its end that nothing can be kept. Nothing is made: most find
 * nothing. */
static bool folder_may_be(const char *path)
{
    char above[PATH_BYTES];
    struct stat facts;

    if (snprintf(above, sizeof above, "%s", path) >= (int)sizeof above - 300) {
        fprintf(stderr, "mapstorm: --findings: the name is too long\n");
        return false;
    }
    while (stat(above, &facts) != 0) {
        char *slash = strrchr(above, '/');
        if (errno != ENOENT) /* something above it is no folder */
            break;
        if (slash)
            slash[slash == above] = 0;
        else
            snprintf(above, sizeof above, ".");
    }
    if (access(above, W_OK | X_OK) == 0 && stat(above, &facts) == 0 && S_ISDIR(facts.st_mode))
        return true;
    fprintf(stderr, "mapstorm: findings could not be written to %s: %s: %s; --findings DIR\n", path,
            above, errno && errno != ENOENT ? strerror(errno) : "not a folder");
    return false;
}

static bool arguments_read(int argc, char **argv, struct session *s, const char **target)
{
    const char *table = option(&argc, argv, "--table");
    const char *time = option(&argc, argv, "--time");
    const char *executions = option(&argc, argv, "--executions");
    const char *seed = option(&argc, argv, "--seed");
    const char *jobs = option(&argc, argv, "--jobs");
    const char *corpus = option(&argc, argv, "--corpus");
    const char *findings = option(&argc, argv, "--findings");
    uint64_t job_count = 1;
    struct stat facts;

    s->is_quiet = flag(&argc, argv, "--quiet");
    s->counts_processor = flag(&argc, argv, "--cpu-time");
    s->grows = flag(&argc, argv, "--grow");
    s->is_fresh = flag(&argc, argv, "--fresh");
    s->seed = 1;
    s->seconds_max = executions ? 0 : 60;
    s->corpus = corpus ? corpus : corpus_folder();
    s->saves_canary = findings != NULL;
    s->findings = findings ? findings : "findings";
    if (!options_done(argc, argv) || !seconds_read("--time", time, &s->seconds_max) ||
        !number_read("--executions", executions, UINT64_MAX / 2, &s->executions_max) ||
        !number_read("--seed", seed, UINT64_MAX / 2, &s->seed) ||
        !number_read("--jobs", jobs, JOBS_MAX, &job_count))
        return false;
    if (s->grows && s->is_fresh) {
        fprintf(stderr, "mapstorm: --grow keeps what --fresh forgets: one of them\n");
        return false;
    }
    if (job_count == 0) {
        fprintf(stderr, "mapstorm: --jobs takes a number from 1 to %d\n", JOBS_MAX);
        return false;
    }
    if (executions && s->executions_max < job_count) {
        fprintf(stderr, "mapstorm: --executions takes at least one for each job\n");
        return false;
    }
    if (corpus && access(corpus, R_OK) != 0) {
        fprintf(stderr, "mapstorm: corpus %s: %s\n", corpus, strerror(errno));
        return false;
    }
    if (table && executions) {
        fprintf(stderr, "mapstorm: a --table goes by --time: not also --executions\n");
        return false;
    }
    if (corpus && (stat(corpus, &facts) != 0 || !S_ISDIR(facts.st_mode))) {
        fprintf(stderr, "mapstorm: --corpus takes a folder with one for each target, not %s\n",
                corpus);
        return false;
    }
    s->job_count = (uint32_t)job_count;
    if (table && (!hunt_table_read(&s->table, table) || !hunt_table_write(&s->table)))
        return false;
    *target = argc > 1 ? argv[1] : NULL;
    if (argc > 2) {
        fprintf(stderr, "mapstorm: fuzz: one target at a time, not also '%s'\n", argv[2]);
        return false;
    }
    if (*target && !fuzz_target_find(*target)) {
        target_unknown("fuzz", *target);
        return false;
    }
    return true;
}

/* What the table says of this target is enough: it was hunted in for as long, or a bug was found. */
static bool is_hunted(struct session *s, int *code)
{
    if (!s->table.path || seconds_left(s) > 0)
        return false;
    *code = s->before.findings > 0 ? EXIT_BUG : EXIT_CLEAN;
    printf("%s: already in the table: %s after %.1f s\n", s->target->name, s->before.verdict,
           s->before.seconds);
    return true;
}

int command_fuzz(int argc, char **argv)
{
    static struct session s;
    struct sigaction action = {.sa_handler = interrupt};
    const char *target;
    int worst = EXIT_CLEAN;

    if (!arguments_read(argc, argv, &s, &target))
        return EXIT_USAGE;
    if (!folder_may_be(s.findings) || !session_open(&s))
        return EXIT_HERE;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) /* nohup: it goes on */
        sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* nobody reads on: what is found is kept all the same */
    for (const struct fuzz_target *const *t = fuzz_targets; *t && !is_interrupted; t++)
        if (!target || strcmp(target, (*t)->name) == 0) {
            int code;
            s.target = *t;
            if (!is_hunted(&s, &code))
                code = target_fuzz(&s);
            worst = code == EXIT_BUG || worst == EXIT_CLEAN ? code : worst;
        }
    if (s.table.count > 1 || s.table.path) {
        putchar('\n');
        hunt_table_print(&s.table, stdout);
    }
    session_close(&s);
    return worst;
}
