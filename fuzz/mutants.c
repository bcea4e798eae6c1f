/* SPDX-License-Identifier: MIT */
/*
 * mutants.c: every memory order weakened and every read-modify-write split, one at a time, to see whether
 * anything notices. What nobody notices is a test that is missing, an oracle that looks away, or an order
 * that need not be: each is explained in a file, one sentence a mutant.
 *
 * Idea        a mutant is tried by the targets whose corpus comes to its site: first the inputs that do,
 *             then a hunt that begins with them. Each in a process of its own: a mutant may crash, or
 *             never end.
 * The file    lines "SITE MUTATION REASON..."; SITE is eight hexadecimal digits (mapstorm-fuzz sites), '#'
 *             begins a comment. A reason that begins with "open" is none yet, and counted so. A survivor that is not in it is reported, and so is one in it whose site
 *             is gone or that is killed now.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TARGETS_MAX = 32,
    INPUTS_MAX = 4096,
    TRIES_MAX = 48,
    ENTRIES_MAX = 1024,
    SITES_MAX = 4096,
    SECONDS_MAX = 120
};

static const char *const names[] = {"", "relax", "split"};

struct known {
    const struct fuzz_target *target;
    struct fuzz_input input;
};

struct entry {
    uint32_t site;
    enum ms_sim_mutation mutation;
    uint32_t line;
    bool is_met;  /* a mutant of this run */
    bool is_open; /* nobody knows why yet */
};

struct mutants {
    struct known *known; /* the corpus */
    uint32_t known_count;
    uint8_t *reaches; /* [input * sites + site]; shared with the processes */
    size_t reaches_bytes;
    uint32_t sites;
    struct entry entry[ENTRIES_MAX];
    uint32_t entries;
    uint64_t executions; /* of a hunt; 0: none */
};

/* What the process of one mutant says. */
struct verdict {
    bool is_killed;
    char how[200];
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

static uint32_t site_index(uint32_t id)
{
    for (uint32_t i = 0; i < ms_sim_site_count(); i++)
        if (ms_sim_site_at(i)->id == id)
            return i;
    return UINT32_MAX;
}

/* --- the corpus ---------------------------------------------------------------------------------- */

static bool corpus_read(struct mutants *m, const char *root, const struct fuzz_target *only)
{
    static char *paths[FILES_MAX];
    char folder[PATH_BYTES];

    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++) {
        if ((only && *t != only) || (*t)->planted || (*t)->is_sequential)
            continue; /* one actor alone needs no order */
        snprintf(folder, sizeof folder, "%s/%s", root, (*t)->name);
        if (access(folder, R_OK) != 0) {
            fprintf(stderr, "%s: %s has no inputs: %s is not there\n", program_name(), (*t)->name,
                    folder);
            return false;
        }
        uint32_t files = files_below(folder, paths, FILES_MAX);
        for (uint32_t i = 0; i < files; i++) {
            struct fuzz_note note;
            struct known *known = &m->known[m->known_count];
            if (m->known_count < INPUTS_MAX &&
                input_read(paths[i], &known->input, &note, &known->target))
                m->known_count++;
            free(paths[i]);
        }
    }
    return true;
}

/* What the inputs of one target come to. Targets may keep something from one execution to the next, which
 * another's end would take away: each is played in a process of its own, here and below. */
static void reaches_find(struct mutants *m, const struct fuzz_target *target)
{
    for (uint32_t i = 0; i < m->known_count; i++) {
        struct ms_sim_result result;
        if (m->known[i].target != target)
            continue;
        fuzz_play(target, &m->known[i].input, NULL, &result);
        for (uint32_t e = 0; e < result.event_count; e++)
            m->reaches[i * m->sites + site_index(result.events[e].site->id)] = 1;
    }
}

static bool corpus_play(struct mutants *m)
{
    m->reaches_bytes = (size_t)m->known_count * m->sites + 1;
    m->reaches =
        mmap(NULL, m->reaches_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ms_require(m->reaches != MAP_FAILED);
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++) {
        int status = 0;
        fflush(stdout);
        pid_t child = fork();
        ms_require(child >= 0);
        if (child == 0) {
            reaches_find(m, *t);
            _exit(0);
        }
        waitpid(child, &status, 0);
        if (status != 0) {
            fprintf(stderr,
                    "%s: the corpus of %s ends its process as it is: `%s corpus` tells more\n",
                    program_name(), (*t)->name, program_name());
            return false;
        }
    }
    return true;
}

/* --- one mutant ---------------------------------------------------------------------------------- */

static bool replay_kills(struct mutants *m, const struct fuzz_target *target, uint32_t site,
                         const struct fuzz_options *options, struct verdict *verdict)
{
    for (uint32_t i = 0; i < m->known_count; i++) {
        struct ms_sim_result result;
        if (m->known[i].target != target || !m->reaches[i * m->sites + site])
            continue;
        fuzz_play(target, &m->known[i].input, options, &result);
        if (result.verdict == MS_SIM_BUG) {
            verdict->is_killed = true;
            snprintf(verdict->how, sizeof verdict->how, "%s, by the corpus: %.140s", target->name,
                     result.bug);
            return true;
        }
    }
    return false;
}

static bool hunt_kills(struct mutants *m, const struct fuzz_target *target, uint32_t site,
                       const struct fuzz_options *options, struct verdict *verdict)
{
    static struct fuzz_input seeds[TRIES_MAX];
    struct fuzz_hunt hunt = {
        .seed = 1, .seeds = seeds, .executions_max = m->executions, .options = *options};

    for (uint32_t i = 0; i < m->known_count && hunt.seed_count < TRIES_MAX; i++)
        if (m->known[i].target == target && m->reaches[i * m->sites + site])
            seeds[hunt.seed_count++] = m->known[i].input;
    fuzz_hunt(target, &hunt);
    if (hunt.found) {
        verdict->is_killed = true;
        snprintf(verdict->how, sizeof verdict->how, "%s, after %lu: %.140s", target->name,
                 (unsigned long)hunt.executions, hunt.result.bug);
    }
    return hunt.found;
}

static uint32_t targets_reaching(const struct mutants *m, uint32_t site,
                                 const struct fuzz_target **reaching)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->known_count; i++)
        if (m->reaches[i * m->sites + site] &&
            (count == 0 || reaching[count - 1] != m->known[i].target) && count < TARGETS_MAX)
            reaching[count++] = m->known[i].target;
    return count;
}

/* A mutant that ends its process, or does not end in time, is noticed by whoever waits for it. */
static struct verdict mutant_try(struct mutants *m, const struct fuzz_target *target, uint32_t site,
                                 enum ms_sim_mutation mutation, bool hunts)
{
    const struct fuzz_options options = {.mutant_site = ms_sim_site_at(site)->id,
                                         .mutation = mutation};
    struct verdict verdict = {.is_killed = true, .how = "its process died or did not end"};
    struct verdict said = {.how = "nobody noticed"};
    int ends[2];

    ms_require(pipe(ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    ms_require(child >= 0);
    if (child == 0) {
        alarm(SECONDS_MAX);
        if (!replay_kills(m, target, site, &options, &said) && hunts)
            hunt_kills(m, target, site, &options, &said);
        ssize_t wrote = write(ends[1], &said, sizeof said);
        _exit(wrote == (ssize_t)sizeof said ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &said, sizeof said) == (ssize_t)sizeof said)
        verdict = said;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return verdict;
}

static struct verdict mutant_run(struct mutants *m, uint32_t site, enum ms_sim_mutation mutation)
{
    const struct fuzz_target *reaching[TARGETS_MAX];
    uint32_t count = targets_reaching(m, site, reaching);
    struct verdict verdict = {.how = "no input comes there"};

    /* All replays first: they are short. */
    for (uint32_t t = 0; t < count && !verdict.is_killed; t++)
        verdict = mutant_try(m, reaching[t], site, mutation, false);
    for (uint32_t t = 0; t < count && !verdict.is_killed && m->executions > 0; t++)
        verdict = mutant_try(m, reaching[t], site, mutation, true);
    return verdict;
}

/* --- the file of survivors ----------------------------------------------------------------------- */

static struct entry *entry_find(struct mutants *m, uint32_t site, enum ms_sim_mutation mutation)
{
    for (uint32_t i = 0; i < m->entries; i++)
        if (m->entry[i].site == site && m->entry[i].mutation == mutation)
            return &m->entry[i];
    return NULL;
}

static bool survivors_read(struct mutants *m, const char *path)
{
    size_t bytes;
    char *text = file_read(path, &bytes);
    uint32_t number = 0;
    bool is_good = text != NULL;

    for (char *line = text; line && *line && is_good; number++) {
        char *next = line + strcspn(line, "\n");
        char word[8] = "";
        struct entry entry = {.line = number + 1};
        int used = 0;
        if (*next)
            *next++ = 0;
        if (*line && *line != '#') {
            is_good = sscanf(line, "%8x %7s %n", &entry.site, word, &used) == 2 && line[used] &&
                      m->entries < ENTRIES_MAX;
            entry.mutation = strcmp(word, "split") == 0 ? MS_SIM_MUTATE_SPLIT : MS_SIM_MUTATE_RELAX;
            is_good = is_good && strcmp(word, names[entry.mutation]) == 0;
            if (!is_good)
                fprintf(stderr, "%s: %s: line %u: wants SITE relax|split REASON\n", program_name(),
                        path, number + 1);
            else {
                entry.is_open = strncmp(line + used, "open", 4) == 0;
                m->entry[m->entries++] = entry;
            }
        }
        line = next;
    }
    free(text);
    return is_good;
}

/* --- the command --------------------------------------------------------------------------------- */

static void mutant_tell(const struct ms_sim_site *site, enum ms_sim_mutation mutation,
                        const char *what, const char *how)
{
    char text[200];

    ms_sim_site_text(site, text, sizeof text);
    printf("%08x %s  %-9s %s: %s\n", site->id, names[mutation], what, text, how);
    fflush(stdout);
}

/* All of them, of one target those that it comes to; or, when nothing is hunted, those that the file says survive. */
static int mutants_all(struct mutants *m, bool is_one, bool is_checked, const char *path)
{
    uint32_t killed = 0;
    uint32_t explained = 0;
    uint32_t open = 0;
    uint32_t wrong = 0;
    uint32_t total = 0;
    const struct fuzz_target *reaching[TARGETS_MAX];

    for (uint32_t i = 0; i < m->sites; i++)
        for (int k = MS_SIM_MUTATE_RELAX; k <= MS_SIM_MUTATE_SPLIT; k++) {
            const struct ms_sim_site *site = ms_sim_site_at(i);
            enum ms_sim_mutation mutation = (enum ms_sim_mutation)k;
            struct entry *entry = entry_find(m, site->id, mutation);
            if (!can_mutate(site, mutation) || (m->executions == 0 && !entry) ||
                (is_one && targets_reaching(m, i, reaching) == 0))
                continue;
            struct verdict verdict = mutant_run(m, i, mutation);
            bool is_wrong = is_checked && verdict.is_killed == (entry != NULL);
            if (entry)
                entry->is_met = true;
            total++;
            killed += verdict.is_killed;
            explained += !verdict.is_killed && entry && !entry->is_open;
            open += !verdict.is_killed && entry && entry->is_open;
            wrong += is_wrong;
            mutant_tell(site, mutation,
                        verdict.is_killed ? is_wrong ? "STALE" : "killed"
                        : entry           ? entry->is_open ? "open" : "explained"
                                          : "SURVIVED",
                        verdict.how);
        }
    for (uint32_t i = 0; i < m->entries; i++)
        if (!m->entry[i].is_met) {
            printf("%s: line %u: there is no such site, or nothing to %s\n", path, m->entry[i].line,
                   names[m->entry[i].mutation]);
            wrong++;
        }
    printf("%u of %u mutants killed, %u explained, %u open, %u wrong\n", killed, total, explained,
           open, wrong);
    return wrong ? EXIT_BUG : EXIT_CLEAN;
}

int command_mutants(int argc, char **argv)
{
    const char *executions = option(&argc, argv, "--executions");
    const char *path = option(&argc, argv, "--survivors");
    const char *corpus = option(&argc, argv, "--corpus");
    bool is_quick = flag(&argc, argv, "--quick");
    struct mutants *m = calloc(1, sizeof *m);
    const struct fuzz_target *only = NULL;
    int code = EXIT_USAGE;

    ms_require(m != NULL);
    m->executions = 2000;
    m->sites = ms_sim_site_count();
    m->known = calloc(INPUTS_MAX, sizeof *m->known);
    ms_require(m->known != NULL && m->sites <= SITES_MAX);
    if (!options_done(argc, argv) ||
        !number_read("--executions", executions, UINT32_MAX, &m->executions))
        goto done;
    if (argc > 1 && !(only = fuzz_target_find(argv[1]))) {
        fprintf(stderr, "%s: mutants: no target is named '%s'; `%s list` names the targets\n",
                program_name(), argv[1], program_name());
        goto done;
    }
    if (is_quick && !path) {
        fprintf(stderr, "%s: mutants: --quick looks at what --survivors FILE names\n",
                program_name());
        goto done;
    }
    if (is_quick)
        m->executions = 0;
    if ((path && !survivors_read(m, path)) ||
        !corpus_read(m, corpus ? corpus : corpus_folder(), only) || !corpus_play(m))
        goto done;
    code = mutants_all(m, only != NULL, path != NULL, path);
done:
    if (m->reaches)
        munmap(m->reaches, m->reaches_bytes);
    free(m->known);
    free(m);
    return code;
}
