/* SPDX-License-Identifier: MIT */
/*
 * commands.c: hunting, replaying, shrinking, the corpus.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 4096, TEXT_MAX = 16384 };

int command_list(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++) {
        printf("%-12s %s\n", (*t)->name, (*t)->summary);
        printf("    actors:");
        for (uint32_t i = 0; i < (*t)->actor_count; i++)
            printf(" %s", (*t)->actors[i]);
        for (uint32_t i = 0; i < (*t)->setting_count; i++)
            printf("%s %s=0..%u", i ? "," : "; set-up:", (*t)->settings[i].name,
                   (*t)->settings[i].values - 1u);
        printf("\n");
        for (uint32_t i = 0; i < (*t)->kind_count; i++)
            printf("    %-14s %s\n", (*t)->kinds[i].name, (*t)->kinds[i].help);
    }
    return EXIT_CLEAN;
}

int command_sites(int argc, char **argv)
{
    char text[200];

    (void)argc;
    (void)argv;
    for (uint32_t i = 0; i < ms_sim_site_count(); i++) {
        ms_sim_site_text(ms_sim_site_at(i), text, sizeof text);
        printf("%08x %s\n", ms_sim_site_at(i)->id, text);
    }
    return EXIT_CLEAN;
}

static bool text_save(const char *folder, const char *name, const struct fuzz_target *target,
                      const struct fuzz_input *input, const struct fuzz_note *note)
{
    static char text[TEXT_MAX];
    char path[1024];
    size_t bytes = fuzz_text_write(target, input, note, text, sizeof text);

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return bytes < sizeof text && file_write(path, text, bytes);
}

/* The sites two fibers met at: those of the last steps, which a regression must still reach. */
static void note_visits(const struct ms_sim_result *result, struct fuzz_note *note)
{
    uint32_t i = result->event_count;

    while (i-- > 0 && note->visit_count < 8) {
        uint32_t id = result->events[i].site->id;
        bool is_known = false;
        for (uint32_t k = 0; k < note->visit_count; k++)
            is_known |= note->visits[k] == id;
        if (!is_known)
            note->visits[note->visit_count++] = id;
    }
}

/* A finding becomes a folder: the input, its smallest form, the same by sites, the story. */
static void finding_save(const struct fuzz_target *target, const struct fuzz_hunt *hunt,
                         const char *root)
{
    struct fuzz_note note = {0};
    struct fuzz_input small = hunt->input;
    struct fuzz_input keyed;
    struct ms_sim_result result;
    char folder[600];
    char path[1024];
    FILE *story;

    snprintf(note.bug, sizeof note.bug, "%s", hunt->result.bug);
    snprintf(folder, sizeof folder, "%s/%s-%016llx", root, target->name,
             (unsigned long long)hunt->result.trace_hash);
    mkdir(root, 0777);
    mkdir(folder, 0777);
    text_save(folder, "input.txt", target, &hunt->input, &note);
    uint64_t executions = fuzz_shrink(target, &small, &hunt->options);
    fuzz_play(target, &small, &hunt->options, &result);
    note_visits(&result, &note);
    text_save(folder, "minimal.txt", target, &small, &note);
    snprintf(path, sizeof path, "%s/story.txt", folder);
    story = fopen(path, "w");
    if (story) {
        fuzz_story(target, &small, &result, story);
        fclose(story);
    }
    fuzz_story(target, &small, &result, stdout);
    keyed = small;
    if (fuzz_make_keyed(target, &keyed))
        text_save(folder, "keyed.txt", target, &keyed, &note);
    printf("shrunk from %u operations to %u in %lu executions\n", hunt->input.op_count,
           small.op_count, (unsigned long)executions);
    printf("replay: mapstorm-fuzz replay %s/minimal.txt\n", folder);
}

static uint32_t seeds_load(const char *corpus, const struct fuzz_target *target,
                           struct fuzz_input *seeds, uint32_t max)
{
    static char *paths[FILES_MAX];
    char folder[1024];
    uint32_t count = 0;

    snprintf(folder, sizeof folder, "%s/%s", corpus, target->name);
    uint32_t files = files_below(folder, paths, FILES_MAX);
    for (uint32_t i = 0; i < files; i++) {
        const struct fuzz_target *of;
        struct fuzz_note note;
        if (count < max && input_read(paths[i], &seeds[count], &note, &of) && of == target)
            count++;
        free(paths[i]);
    }
    return count;
}

static int hunt_one(const struct fuzz_target *target, struct fuzz_hunt *hunt, const char *corpus,
                    const char *findings)
{
    struct fuzz_input *seeds = calloc(FILES_MAX, sizeof *seeds);

    ms_require(seeds != NULL);
    hunt->seeds = seeds;
    hunt->seed_count = seeds_load(corpus, target, seeds, FILES_MAX);
    fuzz_hunt(target, hunt);
    printf("%s: %lu executions in %.1f s, %.0f a second, %.1f steps each, %u features, "
           "%lu inconclusive: %s\n",
           target->name, (unsigned long)hunt->executions, hunt->seconds,
           (double)hunt->executions / (hunt->seconds > 0 ? hunt->seconds : 1),
           (double)hunt->steps / (double)hunt->executions, hunt->features,
           (unsigned long)hunt->inconclusive, hunt->found ? hunt->result.bug : "clean");
    free(seeds);
    if (hunt->cover) {
        char folder[600];
        char name[32];
        snprintf(folder, sizeof folder, "%s/%s", corpus, target->name);
        mkdir(folder, 0777);
        snprintf(folder, sizeof folder, "%s/%s/seeds", corpus, target->name);
        mkdir(folder, 0777);
        for (uint32_t i = 0; i < hunt->corpus_count; i++) {
            snprintf(name, sizeof name, "%04u.txt", i);
            if (!text_save(folder, name, target, &hunt->cover[i], NULL))
                return EXIT_USAGE;
        }
        printf("%u seeds in %s\n", hunt->corpus_count, folder);
        free(hunt->cover);
        hunt->cover = NULL;
    }
    if (target->planted) {
        bool is_it = hunt->found && strcmp(hunt->result.bug, target->planted) == 0;
        printf("%s: the planted bug was %s\n", target->name, is_it ? "found" : "MISSED");
        return is_it ? EXIT_CLEAN : EXIT_BUG;
    }
    if (hunt->found)
        finding_save(target, hunt, findings);
    return hunt->found ? EXIT_BUG : EXIT_CLEAN;
}

/* "10m", "90s", "2h", "5" */
static double seconds_of(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    return value * (*end == 'm' ? 60 : *end == 'h' ? 3600 : 1);
}

int command_fuzz(int argc, char **argv)
{
    const char *time = option(&argc, argv, "--time");
    const char *executions = option(&argc, argv, "--executions");
    const char *seed = option(&argc, argv, "--seed");
    const char *corpus = option(&argc, argv, "--corpus");
    const char *findings = option(&argc, argv, "--findings");
    struct fuzz_hunt hunt = {0};
    int worst = EXIT_CLEAN;

    hunt.is_quiet = flag(&argc, argv, "--quiet");
    hunt.keeps_cover = flag(&argc, argv, "--grow");
    hunt.seed = seed ? strtoull(seed, NULL, 0) : 1;
    hunt.executions_max = executions ? strtoull(executions, NULL, 0) : 0;
    hunt.seconds_max = time ? seconds_of(time) : executions ? 0 : 60;
    if (argc > 2 || (argc == 2 && !fuzz_target_find(argv[1]))) {
        fprintf(stderr, "mapstorm-fuzz: no target '%s'; `mapstorm-fuzz list` has them\n", argv[1]);
        return EXIT_USAGE;
    }
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++)
        if (argc < 2 || strcmp(argv[1], (*t)->name) == 0) {
            int result =
                hunt_one(*t, &hunt, corpus ? corpus : "corpus", findings ? findings : "findings");
            worst = result > worst ? result : worst;
        }
    return worst;
}

static int verdict_exit(const struct ms_sim_result *result)
{
    return result->verdict == MS_SIM_CLEAN ? EXIT_CLEAN
           : result->verdict == MS_SIM_BUG ? EXIT_BUG
                                           : EXIT_UNCLEAR;
}

int command_replay(int argc, char **argv)
{
    const char *html = option(&argc, argv, "--html");
    bool is_quiet = flag(&argc, argv, "--quiet");
    int worst = EXIT_CLEAN;

    for (int i = 1; i < argc; i++) {
        static struct fuzz_input input;
        const struct fuzz_target *target;
        struct fuzz_note note;
        struct ms_sim_result result;
        if (!input_read(argv[i], &input, &note, &target))
            return EXIT_USAGE;
        fuzz_play(target, &input, NULL, &result);
        if (!is_quiet)
            fuzz_story(target, &input, &result, stdout);
        if (html) {
            FILE *out = fopen(html, "w");
            if (!out) {
                perror(html);
                return EXIT_USAGE;
            }
            fuzz_story_html(target, &input, &result, out);
            fclose(out);
        }
        worst = verdict_exit(&result) > worst ? verdict_exit(&result) : worst;
    }
    return argc > 1 ? worst : EXIT_USAGE;
}

int command_shrink(int argc, char **argv)
{
    static struct fuzz_input input;
    static char text[TEXT_MAX];
    const struct fuzz_target *target;
    struct fuzz_note note;
    struct ms_sim_result result;

    if (argc != 2 || !input_read(argv[1], &input, &note, &target))
        return EXIT_USAGE;
    uint64_t executions = fuzz_shrink(target, &input, NULL);
    if (executions == 0) {
        fprintf(stderr, "mapstorm-fuzz: %s does not fail\n", argv[1]);
        return EXIT_UNCLEAR;
    }
    fuzz_play(target, &input, NULL, &result);
    snprintf(note.bug, sizeof note.bug, "%s", result.bug);
    fuzz_text_write(target, &input, &note, text, sizeof text);
    printf("# %lu executions to get here\n%s", (unsigned long)executions, text);
    return EXIT_CLEAN;
}

/* --- the corpus ----------------------------------------------------------------------------------
 */

static bool is_visited(const struct ms_sim_result *result, uint32_t site)
{
    for (uint32_t i = 0; i < result->event_count; i++)
        if (result->events[i].site->id == site)
            return true;
    return false;
}

/* The input survives both forms: bytes and text. */
static bool survives(const struct fuzz_target *target, const struct fuzz_input *input)
{
    static struct fuzz_input again;
    static char text[TEXT_MAX];
    uint8_t bytes[FUZZ_BYTES_MAX];
    struct fuzz_note note;
    char error[200];

    fuzz_decode(target, bytes, fuzz_encode(target, input, bytes), &again);
    if (memcmp(&again, input, sizeof again) != 0)
        return false;
    fuzz_text_write(target, input, NULL, text, sizeof text);
    return fuzz_text_read(text, &again, &note, error, sizeof error) &&
           memcmp(&again, input, sizeof again) == 0;
}

/* Replays one file twice; returns what is wrong with it, or NULL. */
static const char *file_check(const char *path, uint64_t *hash)
{
    static struct fuzz_input input;
    static char wrong[512];
    const struct fuzz_target *target;
    struct fuzz_note note;
    struct ms_sim_result first;
    struct ms_sim_result second;

    if (!input_read(path, &input, &note, &target))
        return "cannot be read";
    fuzz_play(target, &input, NULL, &first);
    *hash = first.trace_hash;
    if (target->planted ? strcmp(first.bug, target->planted) != 0 && note.bug[0]
                        : first.verdict == MS_SIM_BUG) {
        snprintf(wrong, sizeof wrong, "fails: %s: %s", first.bug, first.story);
        return wrong;
    }
    for (uint32_t i = 0; i < note.visit_count; i++)
        if (!is_visited(&first, note.visits[i])) {
            snprintf(wrong, sizeof wrong, "stale: it no longer comes to site %08x", note.visits[i]);
            return wrong;
        }
    fuzz_play(target, &input, NULL, &second);
    if (second.trace_hash != first.trace_hash)
        return "two replays differ";
    if (!survives(target, &input))
        return "does not survive bytes or text";
    return NULL;
}

int command_corpus(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    bool shows_hashes = flag(&argc, argv, "--hashes");
    uint32_t total = 0;
    uint32_t failed = 0;

    for (int i = 1; i < argc; i++) {
        uint32_t files = files_below(argv[i], paths, FILES_MAX);
        for (uint32_t k = 0; k < files; k++) {
            uint64_t hash = 0;
            const char *wrong = file_check(paths[k], &hash);
            if (wrong)
                printf("%s: %s\n", paths[k], wrong);
            if (shows_hashes)
                printf("%016llx %s\n", (unsigned long long)hash,
                       strrchr(paths[k], '/') ? strrchr(paths[k], '/') + 1 : paths[k]);
            total++;
            failed += wrong != NULL;
            free(paths[k]);
        }
    }
    if (!shows_hashes)
        printf("%u files, %u wrong\n", total, failed);
    return total == 0 ? EXIT_USAGE : failed ? EXIT_BUG : EXIT_CLEAN;
}

int command_pack(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    const struct fuzz_target *target = argc == 4 ? fuzz_target_find(argv[1]) : NULL;
    uint32_t written = 0;

    if (!target)
        return EXIT_USAGE;
    mkdir(argv[3], 0777);
    uint32_t files = files_below(argv[2], paths, FILES_MAX);
    for (uint32_t i = 0; i < files; i++) {
        const struct fuzz_target *of;
        struct fuzz_note note;
        uint8_t bytes[FUZZ_BYTES_MAX];
        char path[1024];
        if (!input_read(paths[i], &input, &note, &of))
            return EXIT_USAGE;
        const char *base = strrchr(paths[i], '/') ? strrchr(paths[i], '/') + 1 : paths[i];
        snprintf(path, sizeof path, "%s/%.*s", argv[3], (int)strlen(base) - 4, base);
        if (of == target && file_write(path, bytes, fuzz_encode(target, &input, bytes)))
            written++;
        free(paths[i]);
    }
    printf("%u files\n", written);
    return EXIT_CLEAN;
}

int command_unpack(int argc, char **argv)
{
    static struct fuzz_input input;
    static char text[TEXT_MAX];
    const struct fuzz_target *target = argc >= 3 ? fuzz_target_find(argv[1]) : NULL;

    if (!target)
        return EXIT_USAGE;
    for (int i = 2; i < argc; i++) {
        size_t bytes;
        char *data = file_read(argv[i], &bytes);
        if (!data)
            return EXIT_USAGE;
        fuzz_decode(target, (const uint8_t *)data, bytes, &input);
        fuzz_text_write(target, &input, NULL, text, sizeof text);
        printf("%s", text);
        free(data);
    }
    return EXIT_CLEAN;
}
