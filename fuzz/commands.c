/* SPDX-License-Identifier: MIT */
/*
 * commands.c: replaying, shrinking, the corpus.
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int usage(const char *command, const char *what)
{
    fprintf(stderr, "mapstorm: %s: %s; see %s %s --help\n", command, what, program_of(command),
            command);
    return EXIT_USAGE;
}

static int takes_nothing(int argc, char **argv)
{
    return argc > 1 ? usage(argv[0], "it takes nothing") : EXIT_CLEAN;
}

int command_list(int argc, char **argv)
{
    if (argc > 2)
        return usage("list", "one TARGET, or all of them");
    if (argc == 2 && !fuzz_target_find(argv[1])) {
        target_unknown("list", argv[1]);
        return EXIT_USAGE;
    }
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++) {
        if (argc == 2 && strcmp((*t)->name, argv[1]) != 0)
            continue;
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

    if (takes_nothing(argc, argv) != EXIT_CLEAN)
        return EXIT_USAGE;
    for (uint32_t i = 0; i < ms_sim_site_count(); i++) {
        ms_sim_site_text(ms_sim_site_at(i), text, sizeof text);
        printf("%08x %s\n", ms_sim_site_at(i)->id, text);
    }
    return EXIT_CLEAN;
}

static int verdict_exit(const struct ms_sim_result *result)
{
    return result->verdict == MS_SIM_CLEAN ? EXIT_CLEAN
           : result->verdict == MS_SIM_BUG ? EXIT_BUG
                                           : EXIT_UNCLEAR;
}

/* The frame of the code that is about to do the step: above it are the simulator's. */
static const char *frame_of(const struct ms_sim_result *result, uint32_t step)
{
    for (uint32_t i = 0; i < result->event_count; i++)
        if (result->events[i].step == step)
            return result->events[i].site->kind <= MS_SIM_CAS ? "frame 4" : "frame 3";
    return "frame 3";
}

/* Becomes the debugger, which plays the file again and stops before that step. */
static int debugger_become(const char *path, const char *target_name, uint32_t step,
                           const struct ms_sim_result *result)
{
    const char *debugger = getenv("MAPSTORM_GDB") ? getenv("MAPSTORM_GDB") : "gdb";
    char self[PATH_BYTES];
    char number[16];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof self - 1);
    char folder[PATH_BYTES];
    const char *arguments[] = {debugger,    "-q",
                               "-d",        folder,
                               "-ex",       "break ms_sim_break",
                               "-ex",       "run",
                               "-ex",       frame_of(result, step),
                               "--args",    self,
                               "replay",    "--quiet",
                               "--break",   number,
                               path,        target_name ? "--target" : NULL,
                               target_name, NULL};

    if (bytes < 0) {
        perror("mapstorm: /proc/self/exe");
        return EXIT_HERE;
    }
    self[bytes] = 0;
    /* Names of sources in the program are relative to the folder it was built in. */
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(self, '/') - self), self);
    snprintf(number, sizeof number, "%u", step);
    fflush(NULL);
    execvp(debugger, (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "mapstorm: the debugger %s cannot be started: %s\n", debugger, strerror(errno));
    return EXIT_HERE;
}

static bool chart_write(const char *path, const struct fuzz_target *target,
                        const struct fuzz_input *input, const struct ms_sim_result *result)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    bool is_written = false;

    if (memory) {
        fuzz_chart(target, input, result, memory);
        is_written = fclose(memory) == 0 && file_write(path, text, bytes);
        free(text);
    }
    return is_written;
}

struct replay {
    const char *html, *target_name;
    bool is_quiet, is_debugged;
    uint64_t step;  /* --step; 0: not said */
    uint64_t stops; /* --break, for the debugger: ms_sim_break is called before this step */
};

static bool is_visited(const struct ms_sim_result *result, uint32_t site)
{
    for (uint32_t i = 0; i < result->event_count; i++)
        if (result->events[i].site->id == site)
            return true;
    return false;
}

/* A site that the file wants to come to, and does not any more; 0: it is what it was. */
static uint32_t stale_site(const struct fuzz_note *note, const struct ms_sim_result *result)
{
    for (uint32_t i = 0; i < note->visit_count; i++)
        if (!is_visited(result, note->visits[i]))
            return note->visits[i];
    return 0;
}

static int replay_one(const char *path, const struct replay *r)
{
    static struct fuzz_input input;
    struct fuzz_options options = {.break_step = (uint32_t)r->stops};
    const struct fuzz_target *target;
    struct fuzz_note note;
    struct ms_sim_result result;

    if (!input_read_any(path, r->target_name, &input, &note, &target))
        return EXIT_USAGE;
    fuzz_play(target, &input, &options, &result);
    if (r->is_debugged && (result.steps == 0 || r->step > result.steps)) {
        fprintf(stderr, "mapstorm: replay: there are %u steps in %s: none to stop before\n",
                result.steps, path);
        return EXIT_USAGE;
    }
    if (r->is_debugged)
        return debugger_become(path, r->target_name, r->step ? (uint32_t)r->step : result.steps,
                               &result);
    uint32_t site = result.verdict == MS_SIM_CLEAN ? stale_site(&note, &result) : 0;
    if (r->is_quiet && site == 0)
        printf("%s: %s\n", path,
               result.verdict == MS_SIM_BUG     ? result.bug
               : result.verdict == MS_SIM_CLEAN ? "clean"
                                                : result.story);
    else if (!r->is_quiet)
        fuzz_story(target, &input, &result, stdout);
    if (r->html && !chart_write(r->html, target, &input, &result))
        return EXIT_HERE;
    if (site != 0) { /* clean says nothing about the bug that it was */
        printf("%s: stale: it no longer comes to site %08x\n", path, site);
        return EXIT_UNCLEAR;
    }
    return verdict_exit(&result);
}

int command_replay(int argc, char **argv)
{
    struct replay r = {
        .html = option(&argc, argv, "--html"),
        .target_name = option(&argc, argv, "--target"),
        .is_quiet = flag(&argc, argv, "--quiet"),
        .is_debugged = flag(&argc, argv, "--gdb"),
    };
    const char *step = option(&argc, argv, "--step");
    const char *stops = option(&argc, argv, "--break");
    int worst = EXIT_CLEAN;

    if (!options_done(argc, argv) || !number_read("--step", step, MS_SIM_STEPS_MAX, &r.step) ||
        !number_read("--break", stops, MS_SIM_STEPS_MAX, &r.stops))
        return EXIT_USAGE;
    if (step && (r.step == 0 || !r.is_debugged))
        return usage("replay", "--step N, from 1 on, goes with --gdb");
    if (argc < 2)
        return usage("replay", "which FILE?");
    if ((r.html || r.is_debugged) && argc > 2)
        return usage("replay", "--html and --gdb take one FILE");
    for (int i = 1; i < argc; i++) {
        int code = replay_one(argv[i], &r);
        worst = code == EXIT_BUG || worst == EXIT_CLEAN ? code : worst;
    }
    return worst;
}

/* Of the processor: nothing here waits, and what else the machine does says nothing. */
static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int command_shrink(int argc, char **argv)
{
    static struct fuzz_input input;
    const char *out = option(&argc, argv, "--out");
    const char *target_name = option(&argc, argv, "--target");
    const struct fuzz_target *target;
    struct fuzz_note note;
    struct ms_sim_result result;
    char path[PATH_BYTES];

    if (!options_done(argc, argv))
        return EXIT_USAGE;
    if (argc != 2)
        return usage("shrink", "one FILE");
    if (!input_read_any(argv[1], target_name, &input, &note, &target))
        return EXIT_USAGE;
    uint32_t ops = input.op_count;
    double began = clock_seconds();
    uint64_t executions = fuzz_shrink(target, &input, NULL);
    double took = clock_seconds() - began;
    if (executions == 0) {
        fprintf(stderr, "mapstorm: %s does not fail: there is nothing to keep while it shrinks\n",
                argv[1]);
        return EXIT_UNCLEAR;
    }
    fuzz_play(target, &input, NULL, &result);
    note.visit_count = 0;
    note_visits(&result, &note);
    snprintf(note.bug, sizeof note.bug, "%s", result.bug);
    if (!out) {
        size_t length = strlen(argv[1]);
        if (length > 4 && strcmp(argv[1] + length - 4, ".txt") == 0)
            length -= 4;
        if (snprintf(path, sizeof path, "%.*s.min.txt", (int)length, argv[1]) >= (int)sizeof path)
            return usage("shrink", "the name is too long; --out FILE");
        out = path;
    }
    if (!input_write(out, target, &input, &note))
        return EXIT_HERE;
    fuzz_story(target, &input, &result, stdout);
    printf("\nshrunk     from %u operations to %u, %u switches, in %lu executions, %.2f s\n", ops,
           input.op_count, input.switch_count, (unsigned long)executions, took);
    printf("replay     %s replay ", program_name());
    shell_word(out, stdout);
    putchar('\n');
    return EXIT_CLEAN;
}

/* --- the corpus ----------------------------------------------------------------------------------
 */

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

/* Replays one file twice; returns what is wrong with it, or NULL, and in `code` how bad that is. */
static const char *file_check(const char *path, uint64_t *hash, int *code)
{
    static struct fuzz_input input;
    static char wrong[512];
    const struct fuzz_target *target;
    struct fuzz_note note;
    struct ms_sim_result first;
    struct ms_sim_result second;

    *code = EXIT_USAGE;
    if (!input_read(path, &input, &note, &target))
        return "cannot be read";
    *code = EXIT_BUG;
    fuzz_play(target, &input, NULL, &first);
    *hash = first.trace_hash;
    if (target->planted ? strcmp(first.bug, target->planted) != 0 && note.bug[0]
                        : first.verdict == MS_SIM_BUG) {
        snprintf(wrong, sizeof wrong, "fails: %s: %s", first.bug, first.story);
        return wrong;
    }
    uint32_t site = stale_site(&note, &first);
    if (site != 0) {
        *code = EXIT_UNCLEAR;
        snprintf(wrong, sizeof wrong, "stale: it no longer comes to site %08x", site);
        return wrong;
    }
    fuzz_play(target, &input, NULL, &second);
    if (second.trace_hash != first.trace_hash)
        return "two replays differ";
    if (!survives(target, &input))
        return "does not survive bytes or text";
    *code = EXIT_CLEAN;
    return NULL;
}

int command_corpus(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    bool shows_hashes = flag(&argc, argv, "--hashes");
    uint32_t total = 0;
    uint32_t failed = 0;
    int worst = EXIT_CLEAN;

    if (!options_done(argc, argv))
        return EXIT_USAGE;
    if (argc < 2)
        return usage("corpus", "which DIR?");
    for (int i = 1; i < argc; i++) {
        uint32_t files = inputs_below(argv[i], paths);
        failed += files == 0;
        if (files == 0 && worst == EXIT_CLEAN)
            worst = EXIT_USAGE;
        for (uint32_t k = 0; k < files; k++) {
            uint64_t hash = 0;
            int code;
            const char *wrong = file_check(paths[k], &hash, &code);
            if (wrong)
                printf("%s: %s\n", paths[k], wrong);
            if (shows_hashes)
                printf("%016llx %s\n", (unsigned long long)hash,
                       strrchr(paths[k], '/') ? strrchr(paths[k], '/') + 1 : paths[k]);
            total++;
            failed += wrong != NULL;
            worst = code == EXIT_BUG || worst == EXIT_CLEAN ? code : worst;
            free(paths[k]);
        }
    }
    if (!shows_hashes)
        printf("%u files, %u wrong\n", total, failed);
    return worst;
}

/* Below `folder`: "seeds/1.txt" becomes "seeds-1", for files of two folders may share a name. */
static void pack_name(const char *folder, const char *path, const char *out, char *name,
                      size_t bytes)
{
    size_t above = strlen(folder);
    const char *base = path + (strncmp(path, folder, above) == 0 ? above : 0);

    if (!*base) /* one file */
        base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    base += strspn(base, "/");
    size_t length = strlen(base);
    if (length > 4 && strcmp(base + length - 4, ".txt") == 0)
        length -= 4;
    size_t from = (size_t)snprintf(name, bytes, "%s/", out);
    snprintf(name + from, bytes - from, "%.*s", (int)length, base);
    for (char *c = name + from; *c; c++)
        if (*c == '/')
            *c = '-';
}

int command_pack(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    const char *least_text = option(&argc, argv, "--least");
    const char *most_text = option(&argc, argv, "--most");
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
    struct ms_sim_result result;
    uint32_t written = 0;

    if (!options_done(argc, argv) ||
        !number_read("--least", least_text, MS_SIM_STEPS_MAX, &least) ||
        !number_read("--most", most_text, MS_SIM_STEPS_MAX, &most))
        return EXIT_USAGE;
    const struct fuzz_target *target = argc == 4 ? fuzz_target_find(argv[1]) : NULL;
    if (!target)
        return usage("pack", argc == 4 ? "no target has that name" : "TARGET DIR OUT");
    uint32_t files = inputs_below(argv[2], paths);
    if (files == 0)
        return EXIT_USAGE;
    if (strlen(argv[3]) > PATH_BYTES / 2)
        return usage("pack", "the name is too long");
    if (!folder_make(argv[3]))
        return EXIT_HERE;
    for (uint32_t i = 0; i < files; i++) {
        const struct fuzz_target *of;
        struct fuzz_note note;
        uint8_t bytes[FUZZ_BYTES_MAX];
        char path[PATH_BYTES];
        if (!input_read(paths[i], &input, &note, &of))
            return EXIT_USAGE;
        pack_name(argv[2], paths[i], argv[3], path, sizeof path);
        free(paths[i]);
        if (of != target)
            continue;
        if (least_text || most_text) {
            fuzz_play(target, &input, NULL, &result);
            if (result.steps < least || result.steps > most)
                continue;
        }
        if (!file_write(path, bytes, fuzz_encode(target, &input, bytes)))
            return EXIT_HERE;
        written++;
    }
    if (written == 0) {
        fprintf(stderr, "mapstorm: %s: no input of %s%s\n", argv[2], target->name,
                least_text || most_text ? " with so many steps" : "");
        return EXIT_USAGE;
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
        return usage("unpack", argc >= 3 ? "no target has that name" : "TARGET FILE...");
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

/* Words of the vocabulary as bytes, for engines that know nothing of it: each operation by each actor
 * that may do it, with small operands, and the mark behind the last. */
int command_dict(int argc, char **argv)
{
    const struct fuzz_target *target = argc == 2 ? fuzz_target_find(argv[1]) : NULL;

    if (!target)
        return usage("dict", argc == 2 ? "no target has that name" : "TARGET");
    for (uint32_t k = 0; k < target->kind_count; k++)
        for (uint32_t a = 0; a < target->actor_count; a++) {
            if (!(target->kinds[k].actors >> a & 1))
                continue;
            printf("%s_%s=\"\\x%02x", target->actors[a], target->kinds[k].name, k << 3 | a);
            for (uint32_t i = 0; i < target->kinds[k].operands; i++)
                printf("\\x%02x", i % 2);
            printf("\"\n");
        }
    printf("end=\"\\xff\"\n");
    return EXIT_CLEAN;
}
