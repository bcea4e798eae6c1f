/* SPDX-License-Identifier: MIT */
/*
 * pairs.c: which (writer, reader) pairs of sites a corpus shows, and which
 * nobody ever saw.
 *
 * Idea        two sites belong to one place when one execution had both at one
 * address. Of each place, every site that wrote and every site that read make a
 * pair; it is seen when some reader got the value of that writer from another
 * actor. The rest is the list to go through, like uncovered branches: some are
 * impossible, each other one is a test nobody wrote.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

enum { LOCATIONS = 65536 };

/* Bits of a pair. */
enum { PAIR_MET = 1, PAIR_SEEN = 2, PAIR_SEEN_OLD = 4 };

enum { RULES_MAX = 256 };

/* Why pairs like this are never seen: a line of the file. */
struct rule {
    char *writer, *reader; /* text of the sites; '*' is anything */
    uint32_t line;
    uint32_t matched;
    bool is_open; /* no reason yet */
};

struct pairs {
    uint8_t *of; /* [writer * sites + reader] */
    uint32_t sites;
    struct rule rule[RULES_MAX];
    uint32_t rules;
    char *rule_text; /* what the rules point into */
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

/* One execution. `chain[i]` is the event before `i` at the same location, or
 * -1. */
static void execution_add(struct pairs *pairs, const struct ms_sim_result *result)
{
    static int32_t last[LOCATIONS];
    static int32_t chain[MS_SIM_TRACE_MAX];
    static uint32_t index[MS_SIM_TRACE_MAX];
    static uint8_t actors[LOCATIONS]; /* a bit for each that touched it */

    memset(last, -1, sizeof last);
    memset(actors, 0, sizeof actors);
    for (uint32_t i = 0; i < result->event_count; i++)
        if (result->events[i].fiber < MS_SIM_ACTORS_MAX) /* not the final check */
            actors[result->events[i].location] |= (uint8_t)(1u << result->events[i].fiber);
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        uint32_t back = e->stale;
        bool is_origin_known = false;
        uint8_t who = actors[e->location];

        index[i] = index_of(e->site);
        chain[i] = e->location ? last[e->location] : -1;
        if (e->location)
            last[e->location] = (int32_t)i;
        if ((who & (who - 1)) == 0)
            continue; /* one actor alone: what is a CPU's own, for instance */
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
    return strstr(site->file, "targets/") != NULL;
}

/* --- the file of reasons: "WRITER -> READER: REASON", a line a rule
 * ------------------------------- */

static bool is_like(const char *text, const char *pattern)
{
    for (; *pattern && *pattern != '*'; pattern++, text++)
        if (*text != *pattern)
            return false;
    if (!*pattern)
        return !*text;
    for (;; text++) {
        if (is_like(text, pattern + 1))
            return true;
        if (!*text)
            return false;
    }
}

static bool rules_read(struct pairs *pairs, const char *path)
{
    size_t bytes;
    uint32_t number = 0;

    pairs->rule_text = file_read(path, &bytes);
    for (char *line = pairs->rule_text; line && *line;) {
        char *next = line + strcspn(line, "\n");
        struct rule rule = {.writer = line, .line = ++number};
        if (*next)
            *next++ = 0;
        if (*line && *line != '#') {
            char *arrow = strstr(line, " -> ");
            char *colon = arrow ? strstr(arrow, ": ") : NULL;
            if (!colon || !colon[2] || pairs->rules == RULES_MAX) {
                fprintf(stderr, "%s: %s: line %u: wants WRITER -> READER: REASON\n", program_name(),
                        path, number);
                return false;
            }
            *arrow = *colon = 0;
            rule.reader = arrow + 4;
            rule.is_open = strncmp(colon + 2, "open", 4) == 0;
            pairs->rule[pairs->rules++] = rule;
        }
        line = next;
    }
    return pairs->rule_text != NULL;
}

static struct rule *rule_find(struct pairs *pairs, uint32_t writer, uint32_t reader)
{
    char from[200];
    char to[200];

    ms_sim_site_text(ms_sim_site_at(writer), from, sizeof from);
    ms_sim_site_text(ms_sim_site_at(reader), to, sizeof to);
    for (uint32_t i = 0; i < pairs->rules; i++)
        if (is_like(from, pairs->rule[i].writer) && is_like(to, pairs->rule[i].reader))
            return &pairs->rule[i];
    return NULL;
}

static void pair_print(uint32_t writer, uint32_t reader, const char *what)
{
    char from[200];
    char to[200];

    ms_sim_site_text(ms_sim_site_at(writer), from, sizeof from);
    ms_sim_site_text(ms_sim_site_at(reader), to, sizeof to);
    printf("%-9s %s\n       -> %s\n", what, from, to);
}

/* With reasons: what has none is listed, and what no longer fits anything. */
static uint32_t pairs_explain(struct pairs *pairs, const char *path)
{
    uint32_t wrong = 0;
    uint32_t explained = 0;
    uint32_t open = 0;

    for (uint32_t w = 0; w < pairs->sites; w++)
        for (uint32_t r = 0; r < pairs->sites; r++) {
            uint8_t pair = pairs->of[w * pairs->sites + r];
            if (!pair || pair & PAIR_SEEN || is_harness(ms_sim_site_at(w)) ||
                is_harness(ms_sim_site_at(r)))
                continue;
            struct rule *rule = rule_find(pairs, w, r);
            if (!rule) {
                pair_print(w, r, "never");
                wrong++;
                continue;
            }
            rule->matched++;
            explained += !rule->is_open;
            open += rule->is_open;
        }
    for (uint32_t i = 0; i < pairs->rules; i++)
        if (pairs->rule[i].matched == 0) {
            printf("%s: line %u: no pair is like this any more\n", path, pairs->rule[i].line);
            wrong++;
        }
    printf("pairs never seen: %u explained, %u open, %u wrong\n", explained, open, wrong);
    return wrong;
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
    printf("%u pairs of (writer, reader) at one place: %u seen between two "
           "actors (%u also with an "
           "old value), %u never\n",
           met, seen, old, met - seen);
}

int command_pairs(int argc, char **argv)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    struct pairs *pairs = calloc(1, sizeof *pairs);
    bool tells_all = flag(&argc, argv, "--all");
    const char *reasons = option(&argc, argv, "--unseen");
    uint32_t played = 0;
    int code = EXIT_USAGE;

    ms_require(pairs != NULL);
    pairs->sites = ms_sim_site_count();
    pairs->of = calloc((size_t)pairs->sites * pairs->sites + 1, 1);
    ms_require(pairs->of != NULL);
    if (!options_done(argc, argv) || (reasons && !rules_read(pairs, reasons)))
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
    code = EXIT_CLEAN;
    if (reasons && pairs_explain(pairs, reasons) > 0)
        code = EXIT_BUG;
    if (!reasons)
        pairs_tell(pairs, tells_all);

done:
    free(pairs->rule_text);
    free(pairs->of);
    free(pairs);
    return code;
}
