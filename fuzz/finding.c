/* SPDX-License-Identifier: MIT */
/*
 * finding.c: a bug becomes a folder: the input as it was found, its smallest form, the same by sites,
 * the story as text and as a chart, and how to replay it.
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void note_visits(const struct ms_sim_result *result, struct fuzz_note *note)
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

/* "O3 a routine entered twice" -> "o3-a-routine-entered-twice" */
static void slug_make(const char *bug, char *slug, size_t bytes)
{
    size_t n = 0;

    for (; *bug && n + 1 < bytes; bug++) {
        char c = *bug >= 'A' && *bug <= 'Z' ? (char)(*bug + 32) : *bug;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            slug[n++] = c;
        else if (n > 0 && slug[n - 1] != '-')
            slug[n++] = '-';
    }
    while (n > 0 && slug[n - 1] == '-')
        n--;
    slug[n] = 0;
}

static FILE *open_in(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    FILE *file;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return NULL;
    file = fopen(path, "w");
    if (!file)
        fprintf(stderr, "mapstorm: %s: %s\n", path, strerror(errno));
    return file;
}

/* False, after having said why, when it is not whole; `file` NULL: open_in said why. */
static bool close_in(const char *folder, const char *name, FILE *file)
{
    if (!file)
        return false;
    bool is_whole = !ferror(file);
    if (fclose(file) == 0 && is_whole)
        return true;
    fprintf(stderr, "mapstorm: %s/%s cannot be written: %s\n", folder, name, strerror(errno));
    return false;
}

static bool save_as(const char *folder, const char *name, const struct fuzz_target *target,
                    const struct fuzz_input *input, const struct fuzz_note *note)
{
    char path[PATH_BYTES];

    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path &&
           input_write(path, target, input, note);
}

static bool has_minimal(const struct finding *finding)
{
    return !finding->ended_the_hunter && !finding->is_gone;
}

static void replay_print(const char *what, const char *flag, const char *folder, const char *name,
                         FILE *out)
{
    char path[FILENAME_MAX];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fprintf(out, "%s     %s replay%s ", what, program_name(), flag);
    shell_word(path, out);
    fputc('\n', out);
}

static void facts_print(const struct fuzz_target *target, const struct finding *finding,
                        const struct fuzz_input *small, const char *folder, FILE *out)
{
    const char *name = has_minimal(finding) ? "minimal.txt" : "input.txt";

    fprintf(out, "bug        %s\n", finding->bug);
    if (finding->story[0])
        fprintf(out, "           %s\n", finding->story);
    fprintf(out, "found      target %s, seed %llu, after %llu executions in %.1f s\n", target->name,
            (unsigned long long)finding->seed, (unsigned long long)finding->executions,
            finding->seconds);
    if (finding->is_repeatable) {
        fprintf(out, "found by   %s fuzz %s --seed %llu --executions %llu --corpus ",
                program_name(), target->name, (unsigned long long)finding->seed,
                (unsigned long long)finding->executions);
        shell_word(finding->corpus, out);
        fprintf(out, " --fresh\n"); /* what hunts keep changes with each */
    }
    if (finding->ended_the_hunter) {
        fprintf(out, "smallest   not looked for: playing it may end the process\n");
    } else if (finding->is_gone) {
        fprintf(
            out,
            "smallest   not looked for: played once more, it did not fail. Something of the host\n"
            "           reached the execution, or the process was harmed before\n");
    } else {
        fprintf(out, "smallest   %u operations of %u", small->op_count, finding->input->op_count);
        if (!target->is_sequential)
            fprintf(out, ", %u switches, %s", small->switch_count,
                    small->strong_memory ? "no old values needed" : "needs old values");
        fprintf(out,
                "\nkeep       once it is cured, keyed.txt (or minimal.txt) becomes\n"
                "           corpus/%s/regressions/NNNN-what-broke.txt\n",
                target->name);
        fprintf(out, "chart      ");
        shell_word(folder, out);
        fprintf(out, "/story.html\n");
        replay_print("debug ", " --gdb", folder, name, out);
    }
    replay_print("replay", "", folder, name, out);
}

/* Fills the folder under the name it has while it is not whole. */
static bool folder_fill(const struct fuzz_target *target, struct finding *finding, const char *part,
                        const char *folder)
{
    struct fuzz_note note = {0};
    struct fuzz_input small = *finding->input;
    struct fuzz_input keyed;
    struct ms_sim_result result;
    FILE *file;
    bool is_good;

    snprintf(note.bug, sizeof note.bug, "%s", finding->bug);
    is_good = save_as(part, "input.txt", target, finding->input, &note);
    if (!finding->ended_the_hunter)
        finding->is_gone = fuzz_shrink(target, &small, finding->options) == 0;
    if (has_minimal(finding)) {
        fuzz_play(target, &small, finding->options, &result);
        note_visits(&result, &note);
        is_good &= save_as(part, "minimal.txt", target, &small, &note);
        file = open_in(part, "story.txt");
        if (file)
            fuzz_story(target, &small, &result, file);
        is_good &= close_in(part, "story.txt", file);
        file = open_in(part, "story.html");
        if (file)
            fuzz_chart(target, &small, &result, file);
        is_good &= close_in(part, "story.html", file);
        fuzz_story(target, &small, &result, stdout);
        keyed = small;
        if (fuzz_make_keyed(target, &keyed))
            is_good &= save_as(part, "keyed.txt", target, &keyed, &note);
    }
    file = open_in(part, "finding.txt");
    if (file)
        facts_print(target, finding, &small, folder, file);
    is_good &= close_in(part, "finding.txt", file);
    printf("\n");
    if (is_good)
        facts_print(target, finding, &small, folder, stdout);
    return is_good;
}

/* No room, no right: the input is told, so that it is not lost. */
static bool finding_rescue(const struct finding *finding, const char *text)
{
    printf("\nbug        %s\nThe finding could not be kept. This is its input, for a file of its "
           "own:\n\n%s",
           finding->bug, text);
    return false;
}

static bool folder_save(const struct fuzz_target *target, struct finding *finding, const char *part,
                        const char *folder)
{
    if (access(folder, F_OK) == 0) {
        printf("%s: found before: %s\n", finding->bug, folder);
        replay_print("replay", "", folder, has_minimal(finding) ? "minimal.txt" : "input.txt",
                     stdout);
        return true;
    }
    if (!folder_make(part) || !folder_fill(target, finding, part, folder))
        return false;
    if (rename(part, folder) == 0)
        return true;
    fprintf(stderr, "mapstorm: %s: %s\n", folder, strerror(errno));
    return false;
}

bool finding_save(const struct fuzz_target *target, struct finding *finding, const char *root)
{
    char slug[64];
    char folder[PATH_BYTES - 300];
    char part[PATH_BYTES - 200];
    static char text[TEXT_MAX];

    slug_make(finding->bug, slug, sizeof slug);
    fuzz_text_write(target, finding->input, NULL, text, sizeof text);
    if (!folder_make(root))
        return finding_rescue(finding, text);
    if (snprintf(folder, sizeof folder, "%s/%s-%s-%08x", root, target->name, slug,
                 (unsigned)text_hash(text)) >= (int)sizeof folder) {
        fprintf(stderr, "mapstorm: %s: the name is too long\n", root);
        return finding_rescue(finding, text);
    }
    snprintf(part, sizeof part, "%s.part", folder);
    int lock = folder_lock(root); /* hunts that share it may find the same at once */
    bool is_saved = folder_save(target, finding, part, folder);
    if (lock >= 0)
        close(lock);
    return is_saved || finding_rescue(finding, text);
}
