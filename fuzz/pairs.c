/* SPDX-License-Identifier: MIT */
/*
 * pairs.c: which (writer, reader) pairs of sites a corpus shows, and which nobody ever saw.
 *
 * Idea        two sites belong to one place when one execution had both at one address, by different
 *             actors. Of each place, every site that wrote and every site that read make a pair; it is seen
 *             when some reader got the value of that writer. The rest is the list to go through, like
 *             uncovered branches: some are impossible, each other one is a test nobody wrote.
 * Apart       a pair needs no reason when every execution that has both keeps them apart by happens-before:
 *             the read is ordered before the write, or a later write is ordered before the read. The edges
 *             are those of the trace: who acquired from whom. Looked at are the inputs as they are and each
 *             under many other schedules; one execution in which they are not ordered makes it a pair to
 *             see. Edges that are not counted (sleeping and waking) only make more of those. It is no proof,
 *             but it is looked for anew each time.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

enum { LOCATIONS = 65536 };

/* Bits of a pair. */
enum { PAIR_MET = 1, PAIR_SEEN = 2, PAIR_SEEN_OLD = 4, PAIR_CHANCE = 8 };

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
    uint32_t news;   /* writer * sites + reader: read from, and no input shows it; 0: none */
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

static bool is_harness(const struct ms_sim_site *site)
{
    return strstr(site->file, "targets/") != NULL;
}

/* --- what happens before what, as the trace tells it ---------------------------------------------- */

struct clock {
    uint16_t of[MS_SIM_FIBERS_MAX]; /* so many steps of that actor come before */
};

static struct clock
    at[MS_SIM_TRACE_MAX]; /* each event's, itself included, but not what it acquires */
static struct clock release[MS_SIM_TRACE_MAX]; /* what whoever acquires its value gets */
static int32_t chain[MS_SIM_TRACE_MAX];        /* the event before it at the same place, or -1 */

static void clock_join(struct clock *a, const struct clock *b)
{
    for (int f = 0; f < MS_SIM_FIBERS_MAX; f++)
        if (b->of[f] > a->of[f])
            a->of[f] = b->of[f];
}

static bool acquires(uint8_t order)
{
    return order == MS_SIM_ACQUIRE || order == MS_SIM_ACQ_REL || order == MS_SIM_SEQ_CST;
}

static bool releases(uint8_t order)
{
    return order == MS_SIM_RELEASE || order == MS_SIM_ACQ_REL || order == MS_SIM_SEQ_CST;
}

static bool is_before(uint32_t event, uint8_t fiber, uint32_t other)
{
    return at[other].of[fiber] >= at[event].of[fiber];
}

/* The write that is `back` writes older than the newest before event `i`; -1: what was there at first. */
static int32_t write_before(const struct ms_sim_result *result, uint32_t i, uint32_t back)
{
    for (int32_t k = chain[i]; k >= 0; k = chain[k])
        if (result->events[k].wrote && back-- == 0)
            return k;
    return -1;
}

static void clocks_find(const struct ms_sim_result *result)
{
    static int32_t last[LOCATIONS];
    struct clock now[MS_SIM_FIBERS_MAX] = {0};
    struct clock pending[MS_SIM_FIBERS_MAX] = {0}; /* for an acquire fence */
    struct clock fenced[MS_SIM_FIBERS_MAX] = {0};  /* by the last release fence */

    memset(last, -1, sizeof last);
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        uint8_t f = e->fiber;
        bool is_rmw = e->site->kind >= MS_SIM_EXCHANGE && e->site->kind <= MS_SIM_CAS;
        chain[i] = e->location ? last[e->location] : -1;
        if (e->location)
            last[e->location] = (int32_t)i;
        now[f].of[f]++;
        at[i] = now[f];
        int32_t source = reads(e) ? write_before(result, i, e->stale) : -1;
        if (source >= 0)
            clock_join(acquires(e->site->order) ? &now[f] : &pending[f], &release[source]);
        if (e->site->kind == MS_SIM_FENCE || e->site->kind == MS_SIM_FENCE_HEAVY) {
            if (acquires(e->site->order))
                clock_join(&now[f], &pending[f]);
            if (releases(e->site->order))
                fenced[f] = now[f];
        }
        release[i] = releases(e->site->order) ? now[f] : fenced[f];
        if (is_rmw && source >= 0)
            clock_join(&release[i], &release[source]); /* a release sequence goes on */
    }
}

/* --- pairs ---------------------------------------------------------------------------------------- */

/* `seen`: what a pair that is seen gets: of an input of the corpus as it is, or only under another
 * schedule. */
static void execution_add(struct pairs *pairs, const struct ms_sim_result *result, uint8_t seen)
{
    static uint32_t index[MS_SIM_TRACE_MAX];

    clocks_find(result);
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        uint32_t back = e->stale;
        bool is_origin_known = false;
        bool is_hidden = false; /* a write that comes before our read came after those */

        index[i] = index_of(e->site);
        for (int32_t k = chain[i]; k >= 0; k = chain[k]) {
            const struct ms_sim_event *other = &result->events[k];
            bool is_foreign = other->fiber != e->fiber;
            if (other->wrote && reads(e)) {
                uint8_t *pair = &pairs->of[index[k] * pairs->sites + index[i]];
                if (is_foreign)
                    *pair |= is_hidden ? PAIR_MET : PAIR_MET | PAIR_CHANCE;
                if (!is_origin_known && back-- == 0) {
                    ms_require(!is_hidden); /* nobody reads what order hides */
                    is_origin_known = true;
                    if (is_foreign && !(*pair & PAIR_SEEN) && !is_harness(e->site) &&
                        !is_harness(other->site))
                        pairs->news = (uint32_t)(pair - pairs->of);
                    if (is_foreign)
                        *pair |= e->stale ? seen : seen & (uint8_t)~PAIR_SEEN_OLD;
                }
                is_hidden |= is_before((uint32_t)k, other->fiber, i);
            }
            if (e->wrote && reads(other) && is_foreign)
                pairs->of[index[i] * pairs->sites + index[k]] |=
                    is_before((uint32_t)k, other->fiber, i) ? PAIR_MET : PAIR_MET | PAIR_CHANCE;
        }
    }
}

/* Keeps an execution that shows a pair nobody showed, in a file named after the pair. */
static bool execution_keep(struct pairs *pairs, const struct fuzz_target *target,
                           const struct fuzz_input *input, const char *folder)
{
    const uint32_t writer = ms_sim_site_at(pairs->news / pairs->sites)->id;
    const uint32_t reader = ms_sim_site_at(pairs->news % pairs->sites)->id;
    struct fuzz_note note = {.visit_count = 0};
    struct ms_sim_result result;
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/pairs", folder);
    if (!folder_make(path))
        return false;
    snprintf(path, sizeof path, "%s/pairs/%08x-%08x.txt", folder, writer, reader);
    snprintf(note.target, sizeof note.target, "%s", target->name);
    if (!input_write(path, target, input, &note))
        return false;
    fuzz_play(target, input, NULL, &result);
    execution_add(pairs, &result, PAIR_SEEN | PAIR_SEEN_OLD | PAIR_CHANCE);
    return true;
}

/* The input under other schedules, the same ones each time. False: what was to be kept could not be. */
static bool schedules_add(struct pairs *pairs, const struct fuzz_target *target,
                          const struct fuzz_input *input, uint64_t schedules, const char *folder)
{
    static const enum ms_sim_strategy strategies[] = {MS_SIM_POS, MS_SIM_PCT, MS_SIM_WALK,
                                                      MS_SIM_STALL};
    static struct fuzz_input varied;
    struct ms_sim_result result;

    for (uint32_t n = 0; n < schedules; n++) {
        varied = *input;
        varied.strategy = strategies[n % 4];
        varied.seed = n + 1;
        varied.depth = (uint8_t)(1 + n % 5);
        varied.estimate = 40;
        varied.stall_actor = (uint8_t)(n / 4 % target->actor_count);
        varied.stall_step = (uint16_t)(n * 7 % 100);
        varied.read_count = 0;
        varied.strong_memory = false;
        varied.stale = (uint8_t)(n % 3 ? 0 : 4);
        fuzz_play(target, &varied, NULL, &result);
        pairs->news = 0;
        execution_add(pairs, &result, PAIR_CHANCE);
        if (folder && pairs->news && result.verdict == MS_SIM_CLEAN &&
            !execution_keep(pairs, target, &varied, folder))
            return false;
    }
    return true;
}

/* --- the file of reasons: "WRITER -> READER: REASON", a line a rule ------------------------------- */

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
                fprintf(stderr, "mapstorm: %s: line %u: wants WRITER -> READER: REASON\n", path,
                        number);
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
    uint32_t apart = 0;

    for (uint32_t w = 0; w < pairs->sites; w++)
        for (uint32_t r = 0; r < pairs->sites; r++) {
            uint8_t pair = pairs->of[w * pairs->sites + r];
            if (!pair || pair & PAIR_SEEN || is_harness(ms_sim_site_at(w)) ||
                is_harness(ms_sim_site_at(r)))
                continue;
            apart += !(pair & PAIR_CHANCE);
            if (!(pair & PAIR_CHANCE))
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
    printf("pairs never seen: %u kept apart by order, %u explained, %u open, %u wrong\n", apart,
           explained, open, wrong);
    return wrong;
}

static void pairs_tell(const struct pairs *pairs, bool tells_all)
{
    uint32_t met = 0;
    uint32_t seen = 0;
    uint32_t old = 0;
    uint32_t apart = 0;

    for (uint32_t w = 0; w < pairs->sites; w++)
        for (uint32_t r = 0; r < pairs->sites; r++) {
            uint8_t pair = pairs->of[w * pairs->sites + r];
            if (!pair || is_harness(ms_sim_site_at(w)) || is_harness(ms_sim_site_at(r)))
                continue;
            met++;
            seen += (pair & PAIR_SEEN) != 0;
            old += (pair & PAIR_SEEN_OLD) != 0;
            apart += !(pair & (PAIR_SEEN | PAIR_CHANCE));
            if ((pair & (PAIR_SEEN | PAIR_CHANCE)) == PAIR_CHANCE || tells_all)
                pair_print(w, r,
                           pair & PAIR_SEEN_OLD ? "seen, old"
                           : pair & PAIR_SEEN   ? "seen"
                           : pair & PAIR_CHANCE ? "never"
                                                : "apart");
        }
    printf("%u pairs of (writer, reader) at one place: %u seen between two actors (%u also with an "
           "old value), %u kept apart by order, %u never\n",
           met, seen, old, apart, met - seen - apart);
}

/* The inputs as they are, or each under so many other schedules. */
static bool folder_play(struct pairs *pairs, const char *folder, uint64_t schedules,
                        bool is_growing, uint32_t *played)
{
    static char *paths[FILES_MAX];
    static struct fuzz_input input;
    uint32_t files = files_below(folder, paths, FILES_MAX);
    bool is_good = true;

    for (uint32_t k = 0; k < files; k++) {
        const struct fuzz_target *target;
        struct fuzz_note note;
        struct ms_sim_result result;
        if (is_good && input_read(paths[k], &input, &note, &target)) {
            if (schedules == 0) {
                fuzz_play(target, &input, NULL, &result);
                execution_add(pairs, &result, PAIR_SEEN | PAIR_SEEN_OLD | PAIR_CHANCE);
                (*played)++;
            } else if (!target->is_sequential) {
                is_good =
                    schedules_add(pairs, target, &input, schedules, is_growing ? folder : NULL);
            }
        }
        free(paths[k]);
    }
    return is_good;
}

int command_pairs(int argc, char **argv)
{
    struct pairs *pairs = calloc(1, sizeof *pairs);
    bool tells_all = flag(&argc, argv, "--all");
    const char *reasons = option(&argc, argv, "--unseen");
    bool is_growing = flag(&argc, argv, "--grow");
    const char *others = option(&argc, argv, "--schedules");
    uint64_t schedules = 20;
    uint32_t played = 0;
    int code = EXIT_USAGE;

    ms_require(pairs != NULL);
    pairs->sites = ms_sim_site_count();
    pairs->of = calloc((size_t)pairs->sites * pairs->sites + 1, 1);
    ms_require(pairs->of != NULL);
    if (!options_done(argc, argv) || !number_read("--schedules", others, UINT32_MAX, &schedules) ||
        (reasons && !rules_read(pairs, reasons)))
        goto done;
    /* All as they are first: what another input shows is no news. */
    for (int i = 1; i < argc; i++)
        if (!folder_play(pairs, argv[i], 0, false, &played))
            goto done;
    for (int i = 1; i < argc && schedules > 0; i++)
        if (!folder_play(pairs, argv[i], schedules, is_growing, &played))
            goto done;
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
