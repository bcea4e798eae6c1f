/* SPDX-License-Identifier: MIT */
/*
 * pairs.c: which (writer, reader) pairs of sites a corpus shows, and which nobody ever saw.
 *
 * Idea        two sites belong to one place when one execution had both at one address. Of each place,
 *             every site that wrote and every site that read make a pair; it is seen when some reader
 *             got the value of that writer from another actor. The rest is the list to go through,
 *             like uncovered branches: some are impossible, each other one is a test nobody wrote.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

enum { LOCATIONS = 65536 };

/* Bits of a pair. */
enum { PAIR_MET = 1, PAIR_SEEN = 2, PAIR_SEEN_OLD = 4 };

struct pairs {
    uint8_t *of; /* [writer * sites + reader] */
    uint32_t sites;
};

static uint32_t index_of(const struct ms_sim_site *site)
{
    uint32_t low = 0;
    uint32_t high = ms_sim_site_count();

    while (low + 1 < high) {
        uint32_t middle = (low + high) / 2;
        if (ms_sim_site_at(middle)->id <= site->id)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool reads(const struct ms_sim_event *e)
{
    return e->site->kind == MS_SIM_LOAD ||
           (e->site->kind >= MS_SIM_EXCHANGE && e->site->kind <= MS_SIM_CAS);
}

/* One execution. `chain[i]` is the event before `i` at the same location, or -1. */
static void execution_add(struct pairs *pairs, const struct ms_sim_result *result)
{
    static int32_t last[LOCATIONS];
    static int32_t chain[MS_SIM_TRACE_MAX];
    static uint32_t index[MS_SIM_TRACE_MAX];

    memset(last, -1, sizeof last);
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        uint32_t back = e->stale;
        bool is_origin_known = false;

        index[i] = index_of(e->site);
        chain[i] = e->location ? last[e->location] : -1;
        if (e->location)
            last[e->location] = (int32_t)i;
        for (int32_t k = chain[i]; k >= 0; k = chain[k]) {
            const struct ms_sim_event *other = &result->events[k];
            if (other->wrote && reads(e)) {
                uint8_t *pair = &pairs->of[index[k] * pairs->sites + index[i]];
                *pair |= PAIR_MET;
                if (!is_origin_known && back-- == 0) {
                    is_origin_known = true;
                    if (other->fiber != e->fiber)
                        *pair |= e->stale ? PAIR_SEEN_OLD | PAIR_SEEN : PAIR_SEEN;
                }
            }
            if (e->wrote && reads(other))
                pairs->of[index[i] * pairs->sites + index[k]] |= PAIR_MET;
        }
    }
}

static bool is_harness(const struct ms_sim_site *site)
{
    size_t length = strlen(site->file);

    return length > 7 && strcmp(site->file + length - 7, "_fuzz.c") == 0;
}

static void pair_print(uint32_t writer, uint32_t reader, const char *what)
{
    char from[200];
    char to[200];

    ms_sim_site_text(ms_sim_site_at(writer), from, sizeof from);
    ms_sim_site_text(ms_sim_site_at(reader), to, sizeof to);
    printf("%-9s %s\n       -> %s\n", what, from, to);
}

static void pairs_tell(const struct pairs *pairs, bool tells_all)
{
    uint32_t met = 0;
    uint32_t seen = 0;
    uint32_t old = 0;

    for (uint32_t w = 0; w < pairs->sites; w++)
        for (uint32_t r = 0; r < pairs->sites; r++) {
            uint8_t pair = pairs->of[w * pairs->sites + r];
            if (!pair || is_harness(ms_sim_site_at(w)) || is_harness(ms_sim_site_at(r)))
                continue;
            met++;
            seen += (pair & PAIR_SEEN) != 0;
            old += (pair & PAIR_SEEN_OLD) != 0;
            if (!(pair & PAIR_SEEN) || tells_all)
                pair_print(w, r,
                           !(pair & PAIR_SEEN)    ? "never"
                           : pair & PAIR_SEEN_OLD ? "seen, old"
                                                  : "seen");
        }
    printf("%u pairs of (writer, reader) at one place: %u seen between two actors (%u also with an "
           "old value), %u never\n",
           met, seen, old, met - seen);
}

int command_pairs(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    struct pairs *pairs = calloc(1, sizeof *pairs);
    bool tells_all = flag(&argc, argv, "--all");
    uint32_t played = 0;
    int code = EXIT_USAGE;

    ms_require(pairs != NULL);
    pairs->sites = ms_sim_site_count();
    pairs->of = calloc((size_t)pairs->sites * pairs->sites + 1, 1);
    ms_require(pairs->of != NULL);
    if (!options_done(argc, argv))
        goto done;
    for (int i = 1; i < argc; i++) {
        uint32_t files = files_below(argv[i], paths, FILES_MAX);
        for (uint32_t k = 0; k < files; k++) {
            const struct fuzz_target *target;
            struct fuzz_note note;
            struct ms_sim_result result;
            if (input_read(paths[k], &input, &note, &target)) {
                fuzz_play(target, &input, NULL, &result);
                execution_add(pairs, &result);
                played++;
            }
            free(paths[k]);
        }
    }
    if (played == 0) {
        fprintf(stderr, "mapstorm: pairs: no input to play; name folders of the corpus\n");
        goto done;
    }
    pairs_tell(pairs, tells_all);
    code = EXIT_CLEAN;

done:
    free(pairs->of);
    free(pairs);
    return code;
}
