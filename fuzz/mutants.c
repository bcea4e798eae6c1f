/* SPDX-License-Identifier: MIT */
/*
 * mutants.c: every memory order weakened and every read-modify-write split, one at a time, to see whether
 * anything notices. What nobody notices is a test that is missing, an oracle that looks away, or an order
 * that need not be: each is explained in a file.
 *
 * Idea        a mutant is tried by the inputs of all targets that come to its site (mutants_try.c), in a
 *             process of its own: it may crash, or never end. Several at once with --jobs.
 * The file    lines "[NAME] REASON...", continued by lines that begin with two spaces: reasons, which
 *             survivors share; then lines "SITE MUTATION [NAME] TEXT OF THE SITE", a survivor each. SITE is
 *             eight hexadecimal digits (mapstorm-fuzz sites). '#' begins a comment. [open] is no reason,
 *             and counted so. Reported is a survivor that is not in the file, one in it that is killed or
 *             whose site is gone, and a reason that is missing or that nobody needs.
 *             An input that shows a mutant and fails without it as well is a bug of the code, which is
 *             reported and kept.
 * --keep      an input that shows a mutant, made small, goes into the corpus as TARGET/mutants/SITE-MUTATION.txt:
 *             from then on the corpus shows it, soon and every time.
 * --update    writes the file anew: what is before the first survivor stays as it is, those that are gone
 *             go, and new ones are [open].
 */
#include "mutants.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENTRIES_MAX = 2048, REASONS_MAX = 256, JOBS_MAX = 64, NAME_BYTES = 40, SITE_TEXT = 200 };

static const char *const mutations[] = {"", "relax", "split"};

/* A survivor of the file. */
struct entry {
    uint32_t site; /* its id */
    enum ms_sim_mutation mutation;
    uint32_t line;
    char reason[NAME_BYTES];
    bool is_met; /* a mutant of this run */
};

struct reason {
    char name[NAME_BYTES];
    uint32_t line;
    uint32_t used;
};

struct mutant {
    uint32_t site; /* index */
    enum ms_sim_mutation mutation;
    struct entry *entry; /* or NULL */
    bool is_wrong;
};

struct table {
    struct mutants corpus;
    struct mutant *mutant;
    uint32_t count;
    struct mutant_verdict *verdict; /* [mutant], shared with the processes */
    struct entry entry[ENTRIES_MAX];
    uint32_t entries;
    struct reason reason[REASONS_MAX];
    uint32_t reasons;
    size_t head_bytes; /* of the file, before its first survivor */
    struct mutant_effort effort;
    uint64_t jobs;
    const char *path; /* of the file, or NULL */
    const char *keep; /* the corpus, when what shows a mutant is to be kept there; else NULL */
};

static bool can_mutate(const struct ms_sim_site *site, enum ms_sim_mutation mutation)
{
    bool is_rmw = site->kind >= MS_SIM_EXCHANGE && site->kind <= MS_SIM_CAS;

    if (strstr(site->file, "targets/"))
        return false; /* the harness itself */
    if (mutation == MS_SIM_MUTATE_SPLIT)
        return is_rmw;
    return site->order != MS_SIM_RELAXED && (site->kind <= MS_SIM_FENCE_HEAVY);
}

/* --- the file of survivors ----------------------------------------------------------------------- */

static struct entry *entry_find(struct table *t, uint32_t site, enum ms_sim_mutation mutation)
{
    for (uint32_t i = 0; i < t->entries; i++)
        if (t->entry[i].site == site && t->entry[i].mutation == mutation)
            return &t->entry[i];
    return NULL;
}

static struct reason *reason_find(struct table *t, const char *name)
{
    for (uint32_t i = 0; i < t->reasons; i++)
        if (strcmp(t->reason[i].name, name) == 0)
            return &t->reason[i];
    return NULL;
}

/* One line that says something; false when it says it wrongly. */
static bool line_read(struct table *t, const char *line, uint32_t number)
{
    struct reason reason = {.line = number};
    struct entry entry = {.line = number};
    char word[8] = "";
    int used = 0;

    if (sscanf(line, "[%39[a-z0-9-]] %n", reason.name, &used) == 1 && used && line[used]) {
        if (t->entries > 0 || t->reasons == REASONS_MAX || reason_find(t, reason.name))
            return false;
        t->reason[t->reasons++] = reason;
        return true;
    }
    if (sscanf(line, "%8x %7s [%39[a-z0-9-]] %n", &entry.site, word, entry.reason, &used) != 3 ||
        !used || t->entries == ENTRIES_MAX)
        return false;
    entry.mutation = strcmp(word, "split") == 0 ? MS_SIM_MUTATE_SPLIT : MS_SIM_MUTATE_RELAX;
    if (strcmp(word, mutations[entry.mutation]) != 0 || entry_find(t, entry.site, entry.mutation))
        return false;
    t->entry[t->entries++] = entry;
    return true;
}

static bool survivors_read(struct table *t)
{
    size_t bytes;
    char *text = file_read(t->path, &bytes);
    uint32_t number = 0;
    bool is_good = text != NULL;

    t->head_bytes = bytes;
    for (char *line = text; line && *line && is_good;) {
        char *next = line + strcspn(line, "\n");
        bool says_nothing = !*line || *line == '\n' || *line == '#' || strncmp(line, "  ", 2) == 0;
        if (*next)
            *next++ = 0;
        number++;
        if (!says_nothing && !line_read(t, line, number)) {
            fprintf(stderr,
                    "mapstorm: %s: line %u: wants [NAME] REASON, each once and before all "
                    "survivors, or "
                    "SITE relax|split [NAME] TEXT, each once\n",
                    t->path, number);
            is_good = false;
        }
        if (t->entries == 1 && t->head_bytes == bytes)
            t->head_bytes = (size_t)(line - text);
        line = next;
    }
    free(text);
    return is_good;
}

/* Reasons that are missing, and such that nobody needs. */
static uint32_t reasons_check(struct table *t)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < t->entries; i++) {
        struct reason *reason = reason_find(t, t->entry[i].reason);
        if (reason)
            reason->used++;
        else if (strcmp(t->entry[i].reason, "open") != 0) {
            printf("%s: line %u: there is no reason [%s]\n", t->path, t->entry[i].line,
                   t->entry[i].reason);
            wrong++;
        }
    }
    for (uint32_t i = 0; i < t->reasons; i++)
        if (t->reason[i].used == 0) {
            printf("%s: line %u: nobody survives because of [%s]\n", t->path, t->reason[i].line,
                   t->reason[i].name);
            wrong++;
        }
    return wrong;
}

static bool is_open(const struct entry *entry)
{
    return strcmp(entry->reason, "open") == 0;
}

/* --- running them -------------------------------------------------------------------------------- */

/* By its id, or by part of what is told of it; several names have a '|' between them. */
static bool is_named(const struct ms_sim_site *site, const char *names)
{
    char text[SITE_TEXT + 16];
    char name[SITE_TEXT];
    int used = snprintf(text, sizeof text, "%08x ", site->id);

    ms_sim_site_text(site, text + used, SITE_TEXT);
    for (const char *at = names;; at++) {
        size_t bytes = strcspn(at, "|");
        snprintf(name, sizeof name, "%.*s", (int)bytes, at);
        if (strstr(text, name))
            return true;
        at += bytes;
        if (!*at)
            return false;
    }
}

static void mutants_list(struct table *t, bool is_one, bool is_quick, const char *only)
{
    t->mutant = calloc(2 * (size_t)t->corpus.sites + 1, sizeof *t->mutant);
    ms_require(t->mutant != NULL);
    for (uint32_t i = 0; i < t->corpus.sites; i++)
        for (int k = MS_SIM_MUTATE_RELAX; k <= MS_SIM_MUTATE_SPLIT; k++) {
            const struct ms_sim_site *site = ms_sim_site_at(i);
            enum ms_sim_mutation mutation = (enum ms_sim_mutation)k;
            struct entry *entry = entry_find(t, site->id, mutation);
            if (!can_mutate(site, mutation))
                continue;
            if (entry)
                entry->is_met = true;
            if ((is_quick && !entry) || (only && !is_named(site, only)) ||
                (is_one && !mutants_comes_to(&t->corpus, i)))
                continue;
            t->mutant[t->count++] =
                (struct mutant){.site = i, .mutation = mutation, .entry = entry};
        }
    t->verdict = mmap(NULL, (t->count + 1) * sizeof *t->verdict, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ms_require(t->verdict != MAP_FAILED);
}

/* What shows the mutant becomes part of the corpus; what shows a bug of the code is a finding. */
static void mutant_keep(struct table *t, uint32_t which, struct mutant_verdict *verdict)
{
    const struct ms_sim_site *site = ms_sim_site_at(t->mutant[which].site);
    const char *mutation = mutations[t->mutant[which].mutation];
    const struct fuzz_options options = {.mutant_site = site->id,
                                         .mutation = t->mutant[which].mutation};
    struct fuzz_note note = {.visits = {site->id}, .visit_count = 1};
    char folder[PATH_BYTES] = "findings";
    char path[PATH_BYTES + 64];

    if (!verdict->is_killed || !verdict->target || (!t->keep && !verdict->is_own))
        return;
    if (fuzz_shrink(verdict->target, &verdict->input, verdict->is_own ? NULL : &options) == 0)
        return; /* it only shows behind others: nothing to keep */
    if (verdict->is_own) {
        snprintf(path, sizeof path, "%s/%s-%08x-%s.txt", folder, verdict->target->name, site->id,
                 mutation);
        snprintf(t->verdict[which].how, sizeof t->verdict[which].how,
                 "%.60s, WITHOUT the mutant too: %.80s", verdict->how, path);
    } else {
        snprintf(folder, sizeof folder, "%s/%s/mutants", t->keep, verdict->target->name);
        snprintf(path, sizeof path, "%s/%08x-%s.txt", folder, site->id, mutation);
    }
    if (folder_make(folder))
        (void)input_write(path, verdict->target, &verdict->input, &note);
}

/* A mutant that ends its process, or does not end in time, is noticed by whoever waits for it. */
static pid_t mutant_begin(struct table *t, uint32_t which)
{
    t->verdict[which] = (struct mutant_verdict){
        .is_killed = true, .is_reached = true, .how = "its process died or did not end"};
    fflush(stdout);
    pid_t child = fork();
    ms_require(child >= 0);
    if (child == 0) {
        static struct mutant_verdict verdict;
        mutant_try(&t->corpus, t->mutant[which].site, t->mutant[which].mutation, &t->effort,
                   &verdict);
        t->verdict[which] = verdict;
        mutant_keep(t, which, &verdict);
        _exit(0);
    }
    return child;
}

static void mutant_tell(const struct mutant *mutant, const struct mutant_verdict *verdict)
{
    const struct ms_sim_site *site = ms_sim_site_at(mutant->site);
    const char *what = verdict->is_own          ? "BUG"
                       : verdict->is_killed     ? mutant->is_wrong ? "STALE" : "killed"
                       : !mutant->entry         ? "SURVIVED"
                       : is_open(mutant->entry) ? "open"
                                                : "explained";
    char text[SITE_TEXT];

    ms_sim_site_text(site, text, sizeof text);
    printf("%08x %s  %-9s %s: %s\n", site->id, mutations[mutant->mutation], what, text,
           verdict->how);
    fflush(stdout);
}

static void mutants_run(struct table *t)
{
    pid_t child[JOBS_MAX] = {0};
    uint32_t runs[JOBS_MAX];
    bool *is_done = calloc(t->count + 1, sizeof *is_done);
    uint32_t next = 0;
    uint32_t told = 0;

    ms_require(is_done != NULL);
    while (told < t->count) {
        for (uint32_t j = 0; j < t->jobs; j++)
            if (child[j] == 0 && next < t->count) {
                runs[j] = next;
                child[j] = mutant_begin(t, next++);
            }
        pid_t ended = wait(NULL);
        ms_require(ended > 0);
        for (uint32_t j = 0; j < t->jobs; j++)
            if (child[j] == ended) {
                child[j] = 0;
                is_done[runs[j]] = true;
            }
        for (; told < t->count && is_done[told]; told++) {
            struct mutant *mutant = &t->mutant[told];
            mutant->is_wrong = t->verdict[told].is_own ||
                               (t->path && t->verdict[told].is_killed == (mutant->entry != NULL));
            mutant_tell(mutant, &t->verdict[told]);
        }
    }
    free(is_done);
}

/* --- what came of it ----------------------------------------------------------------------------- */

static int result_tell(const struct table *t, uint32_t wrong)
{
    uint32_t killed = 0;
    uint32_t explained = 0;
    uint32_t unreached = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        const struct mutant *mutant = &t->mutant[i];
        const struct mutant_verdict *verdict = &t->verdict[i];
        bool has_reason = mutant->entry && !is_open(mutant->entry);
        killed += verdict->is_killed && !verdict->is_own;
        explained += !verdict->is_killed && has_reason;
        unreached += !verdict->is_reached && !has_reason;
        wrong += mutant->is_wrong;
    }
    uint32_t open = t->count - killed - explained;
    printf("%u of %u mutants killed, %u explained, %u open (to %u of them no input comes), %u "
           "wrong\n",
           killed, t->count, explained, open, unreached, wrong);
    return wrong ? EXIT_BUG : EXIT_CLEAN;
}

/* A line of the new file. */
struct row {
    const struct ms_sim_site *site;
    enum ms_sim_mutation mutation;
    const char *reason;
    char text[SITE_TEXT];
};

static int by_text(const void *a, const void *b)
{
    const struct row *one = a;
    const struct row *other = b;
    int order = strcmp(one->text, other->text);

    return order ? order : (int)one->mutation - (int)other->mutation;
}

static uint32_t rows_make(const struct table *t, struct row *row)
{
    uint32_t rows = 0;
    bool is_tried[ENTRIES_MAX] = {false};

    for (uint32_t i = 0; i < t->count; i++) {
        const struct mutant *mutant = &t->mutant[i];
        if (mutant->entry)
            is_tried[mutant->entry - t->entry] = true;
        if (!t->verdict[i].is_killed)
            row[rows++] = (struct row){.site = ms_sim_site_at(mutant->site),
                                       .mutation = mutant->mutation,
                                       .reason = mutant->entry ? mutant->entry->reason : "open"};
    }
    /* Of another target's, when one was named. */
    for (uint32_t i = 0; i < t->entries; i++)
        if (t->entry[i].is_met && !is_tried[i])
            row[rows++] = (struct row){.site = ms_sim_site_by_id(t->entry[i].site),
                                       .mutation = t->entry[i].mutation,
                                       .reason = t->entry[i].reason};
    for (uint32_t i = 0; i < rows; i++)
        ms_sim_site_text(row[i].site, row[i].text, sizeof row[i].text);
    qsort(row, rows, sizeof *row, by_text);
    return rows;
}

/* The head without the names of files that stood before the first survivor: they are written anew. */
static size_t head_trim(const char *text, size_t bytes)
{
    for (;;) {
        size_t line = bytes;
        while (line > 0 && (line == bytes || text[line - 1] != '\n'))
            line--;
        size_t length = bytes - line;
        if (length < 4 || strncmp(text + line, "# ", 2) != 0 ||
            memchr(text + line + 2, ' ', length - 2) || !memchr(text + line, '.', length))
            return bytes;
        bytes = line;
    }
}

static bool survivors_write(const struct table *t)
{
    struct row *row = calloc(t->count + t->entries + 1, sizeof *row);
    size_t bytes;
    char *old = file_read(t->path, &bytes);
    char *text = NULL;
    FILE *out = open_memstream(&text, &bytes);
    const char *file = "";
    bool is_written;

    ms_require(row != NULL && old != NULL && out != NULL);
    uint32_t rows = rows_make(t, row);
    fwrite(old, 1, head_trim(old, t->head_bytes), out);
    for (uint32_t i = 0; i < rows; i++) {
        size_t name = strcspn(row[i].text, ":");
        if (strncmp(row[i].text, file, name + 1) != 0) {
            fprintf(out, "%s# %.*s\n", i ? "\n" : "", (int)name, row[i].text);
            file = row[i].text;
        }
        fprintf(out, "%08x %s [%s] %s\n", row[i].site->id, mutations[row[i].mutation],
                row[i].reason, row[i].text);
    }
    is_written = fclose(out) == 0 && file_write(t->path, text, bytes);
    free(text);
    free(old);
    free(row);
    return is_written;
}

/* --- the command --------------------------------------------------------------------------------- */

static bool is_given_well(const struct table *t, bool is_quick, bool is_updating)
{
    if ((is_quick || is_updating) && !t->path) {
        fprintf(stderr, "mapstorm: mutants: --quick and --update want --survivors FILE\n");
        return false;
    }
    if (t->jobs == 0) {
        fprintf(stderr, "mapstorm: mutants: --jobs wants 1 to %d\n", JOBS_MAX);
        return false;
    }
    return true;
}

int command_mutants(int argc, char **argv)
{
    const char *effort = option(&argc, argv, "--effort");
    const char *corpus = option(&argc, argv, "--corpus");
    const char *jobs = option(&argc, argv, "--jobs");
    const char *site = option(&argc, argv, "--site");
    struct table *t = calloc(1, sizeof *t);
    const struct fuzz_target *only = NULL;
    uint64_t percent = 100;
    uint32_t wrong;
    int code = EXIT_USAGE;

    ms_require(t != NULL);
    t->path = option(&argc, argv, "--survivors");
    t->jobs = 1;
    bool is_quick = flag(&argc, argv, "--quick");
    bool is_updating = flag(&argc, argv, "--update");
    if (flag(&argc, argv, "--keep"))
        t->keep = corpus ? corpus : corpus_folder();
    if (!options_done(argc, argv) || !number_read("--effort", effort, 100000, &percent) ||
        !number_read("--jobs", jobs, JOBS_MAX, &t->jobs) ||
        !is_given_well(t, is_quick, is_updating))
        goto done;
    if (argc > 1 && !(only = fuzz_target_find(argv[1]))) {
        target_unknown("mutants", argv[1]);
        goto done;
    }
    if (!is_quick)
        t->effort = (struct mutant_effort){
            .schedule = 40000 * percent, .explore = 80000 * percent, .hunt = 40000 * percent};
    if ((t->path && !survivors_read(t)) ||
        !mutants_corpus(&t->corpus, corpus ? corpus : corpus_folder(), only))
        goto done;
    mutants_list(t, only != NULL, is_quick, site);
    if (t->count == 0 && site) {
        fprintf(stderr, "mapstorm: mutants: no site is like '%s'; `%s sites` lists them\n", site,
                program_of("sites"));
        goto done;
    }
    if (t->count == 0 && only && !is_quick) {
        fprintf(stderr,
                "mapstorm: mutants: no site of %s to change: it has one actor, or no inputs that "
                "keep its rules\n",
                only->name);
        goto done;
    }
    mutants_run(t);
    wrong = reasons_check(t);
    for (uint32_t i = 0; i < t->entries; i++)
        if (!t->entry[i].is_met) {
            printf("%s: line %u: there is no such site, or nothing to %s\n", t->path,
                   t->entry[i].line, mutations[t->entry[i].mutation]);
            wrong++;
        }
    code = result_tell(t, wrong);
    if (is_updating && !survivors_write(t))
        code = EXIT_USAGE;
done:
    if (t->verdict)
        munmap(t->verdict, (t->count + 1) * sizeof *t->verdict);
    mutants_corpus_free(&t->corpus);
    free(t->mutant);
    free(t);
    return code;
}
