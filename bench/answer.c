/* SPDX-License-Identifier: MIT */
/*
 * answer.c: the sentences a report opens with, made from stored verdicts by fixed rules. The first
 * rule that applies gives the headline:
 *
 *   H1  nothing was measured
 *   H2  a guard rail refused to rank, or our own code is a debug or sanitizer build
 *   H3  the twin came out different: untrusted
 *   H4  only one strategy was measured
 *   H5  one winner at every ranked thread count
 *   H6  winners at every ranked thread count, not the same one
 *   H7  a winner at some thread counts, none at others
 *   H8  no winner: the same, or cannot tell
 *
 * Qualifications, at most three, in this order of urgency:
 *
 *   Q1  a strategy that failed conformance or fuzzing, or crashed
 *   Q2  a fifth of the samples or more disturbed from outside
 *   Q3  shapes where another strategy beats the winner, unless that is the default (standing.c)
 *   Q4  the winner against the baseline
 *   Q5  what the winner's progress property means
 *   Q6  strategies left out because they cannot serve every shape
 *   Q7  a thread class too coarse to say "same"
 */
#include "answer.h"
#include "emit.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

/* ---- a sentence being written -------------------------------------------------------------------
 */

struct sentence {
    char *text;
    size_t length;
    FILE *out;
};

static FILE *sentence_begin(struct sentence *s)
{
    *s = (struct sentence){0};
    s->out = open_memstream(&s->text, &s->length);
    if (!s->out) {
        fputs("mapstorm: out of memory while writing the answer\n", stderr);
        exit(MS_EXIT_INCOMPLETE);
    }
    return s->out;
}

static char *sentence_end(struct sentence *s)
{
    fclose(s->out);
    return s->text;
}

/* "", ", " or " and " before item `i` of `count`. */
static const char *joint(size_t i, size_t count)
{
    return i == 0 ? "" : i + 1 < count ? ", " : " and ";
}

static void qualify(struct ms_answer *a, struct sentence *s)
{
    char *text = sentence_end(s);

    for (size_t i = 0; i < MS_ANSWER_QUALIFICATIONS; i++) {
        if (!a->qualifications[i]) {
            a->qualifications[i] = text;
            return;
        }
    }
    free(text);
}

/* ---- what the run has ---------------------------------------------------------------------------
 */

bool ms_strategy_failed(const struct ms_strategy *s)
{
    return s->conformance == MS_CHECK_FAILED || s->fuzz == MS_CHECK_FAILED;
}

const struct ms_note *ms_result_refusal(const struct ms_result *r)
{
    for (size_t i = 0; i < r->note_count; i++)
        if (r->notes[i].level == MS_LEVEL_REFUSED)
            return &r->notes[i];
    return NULL;
}

static bool is_debug(const struct ms_result *r)
{
    return r->run.asserts_on || r->run.sanitized;
}

static const struct ms_control *control_broken(const struct ms_result *r)
{
    for (size_t i = 0; i < r->control_count; i++)
        if (!r->controls[i].trusted)
            return &r->controls[i];
    return NULL;
}

bool ms_result_trusted(const struct ms_result *r)
{
    return r->control_count > 0 && !control_broken(r) && !ms_result_refusal(r) && !is_debug(r);
}

bool ms_result_ranks(const struct ms_result *r)
{
    bool is_allowed = r->run.debug_allowed || (!ms_result_refusal(r) && !is_debug(r));

    return is_allowed && !control_broken(r);
}

enum ms_verdict ms_verdict_shown(const struct ms_result *r, enum ms_verdict v)
{
    return ms_result_ranks(r) ? v : MS_VERDICT_NONE;
}

/* The strategies compared in the take/give family: measured at least once, no controls. */
static size_t contestants_measured(const struct ms_result *r, const struct ms_strategy **only)
{
    size_t count = 0;

    for (size_t s = 0; s < r->strategy_count; s++) {
        bool is_measured = false;
        if (ms_strategy_is_control(&r->strategies[s]))
            continue;
        for (size_t i = 0; i < r->cell_count; i++)
            is_measured |= r->cells[i].outcome == MS_OUTCOME_MEASURED &&
                           ms_text_same(r->cells[i].strategy, r->strategies[s].name);
        if (is_measured) {
            *only = &r->strategies[s];
            count++;
        }
    }
    return count;
}

/* Rankings of the take/give family; of MapTransferEx where that is all there is. */
static const struct ms_ranking **rankings_pick(const struct ms_result *r, size_t *count)
{
    const struct ms_ranking **picked = calloc(r->ranking_count + 1, sizeof(*picked));
    const char *const scenarios[] = {MS_SCENARIO_POOL, MS_SCENARIO_MAP};

    *count = 0;
    for (size_t s = 0; picked && s < 2 && *count == 0; s++)
        for (size_t i = 0; i < r->ranking_count; i++)
            if (ms_text_same(r->rankings[i].scenario, scenarios[s]) && r->rankings[i].leader)
                picked[(*count)++] = &r->rankings[i];
    return picked;
}

static bool is_won(const struct ms_ranking *k)
{
    return k->lead_verdict == MS_VERDICT_FASTER;
}

/* ---- headline -----------------------------------------------------------------------------------
 */

/* `before`: the ranking said just before, so that a runner-up is named once. */
static void lead_print(FILE *out, const struct ms_ranking *k, const struct ms_ranking *before)
{
    fprintf(out, "%s %s", ms_word_ratio(k->lead.value, "x").s, ms_word_ratio_interval(k->lead).s);
    if (!before || !ms_text_same(before->runner_up, k->runner_up))
        fprintf(out, " ahead of %s", k->runner_up);
}

static void place_print(FILE *out, const struct ms_ranking *k)
{
    fprintf(out, "with %s", ms_word_threads(k->threads).s);
    if (k->adapter)
        fprintf(out, " on %s", k->adapter);
}

/* H5 */
static void winner_print(FILE *out, const struct ms_ranking *const *k, size_t count)
{
    fprintf(out, "%s is the fastest: ", k[0]->leader);
    for (size_t i = 0; i < count; i++) {
        fputs(joint(i, count), out);
        lead_print(out, k[i], i ? k[i - 1] : NULL);
        fputc(' ', out);
        place_print(out, k[i]);
    }
    if (count == 1 && k[0]->shapes)
        fprintf(out, ", over the %u shapes both serve", k[0]->shapes);
    fputc('.', out);
}

/* What a ranking without a winner says. */
static void no_winner_print(FILE *out, const struct ms_result *r, const struct ms_ranking *k)
{
    const struct ms_control *control = ms_result_control(r, k->threads);

    if (!k->runner_up) {
        fprintf(out, "only %s could be ranked", k->leader);
    } else if (k->lead_verdict == MS_VERDICT_SAME) {
        fprintf(out, "%s and %s are equally fast", k->leader, k->runner_up);
        if (control)
            fprintf(out, " within %s", ms_word_percent(control->band).s);
    } else {
        fprintf(out, "this run cannot tell %s from %s", k->leader, k->runner_up);
        if (k->lead.count)
            fprintf(out, ", %s %s", ms_word_ratio(k->lead.value, "x").s,
                    ms_word_ratio_interval(k->lead).s);
        if (k->why)
            fprintf(out, " (%s)", k->why);
        else if (control)
            fprintf(out, " (nothing below %s is visible)", ms_word_percent(control->band).s);
    }
}

/* H6, H7 */
static void winners_print(FILE *out, const struct ms_result *r, const struct ms_ranking *const *k,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "It depends: " : "; ", out);
        place_print(out, k[i]);
        fputc(' ', out);
        if (is_won(k[i])) {
            fprintf(out, "%s is the fastest, ", k[i]->leader);
            lead_print(out, k[i], NULL);
        } else {
            no_winner_print(out, r, k[i]);
        }
    }
    fputc('.', out);
}

/* H8 */
static void nobody_print(FILE *out, const struct ms_result *r, const struct ms_ranking *const *k,
                         size_t count)
{
    fputs("No winner: ", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : "; ", out);
        place_print(out, k[i]);
        fputc(' ', out);
        no_winner_print(out, r, k[i]);
    }
    fputc('.', out);
}

static void ranked_headline(struct ms_answer *a, FILE *out, const struct ms_result *r,
                            const struct ms_ranking *const *k, size_t count)
{
    size_t won = 0, alike = 0;

    for (size_t i = 0; i < count; i++) {
        won += is_won(k[i]);
        alike += is_won(k[i]) && ms_text_same(k[i]->leader, k[0]->leader);
    }
    a->winner = won > 0;
    if (count == 0)
        fputs("No winner: no case could be ranked.", out);
    else if (alike == count)
        winner_print(out, k, count);
    else if (won > 0)
        winners_print(out, r, k, count);
    else
        nobody_print(out, r, k, count);
}

static void untrusted_print(FILE *out, const struct ms_control *k)
{
    fprintf(out,
            "This run ranks nothing: with %s two copies of the baseline came out %s apart %s. The "
            "machine or the measuring is not steady enough.",
            k->thread_class, ms_word_excess(k->twin.value).s, ms_word_excess_interval(k->twin).s);
}

static char *headline_make(struct ms_answer *a, const struct ms_result *r,
                           const struct ms_ranking *const *k, size_t count)
{
    struct sentence s;
    FILE *out = sentence_begin(&s);
    const struct ms_strategy *only = NULL;
    size_t measured = contestants_measured(r, &only);
    const struct ms_note *refusal = ms_result_refusal(r);

    if (measured == 0)
        fputs("Nothing was measured, so there is nothing to say.", out); /* H1 */
    else if (refusal && !r->run.debug_allowed)
        fprintf(out, "This run ranks nothing: %s", refusal->text); /* H2 */
    else if (is_debug(r) && !r->run.debug_allowed)
        fputs("This run ranks nothing: mapstorm itself was built with asserts or a sanitizer.",
              out); /* H2 */
    else if (control_broken(r))
        untrusted_print(out, control_broken(r)); /* H3 */
    else if (measured == 1)
        fprintf(out, "Only %s was measured: there is nothing to compare it with.",
                only->name); /* H4 */
    else
        ranked_headline(a, out, r, k, count); /* H5 - H8 */
    return sentence_end(&s);
}

/* ---- qualifications -----------------------------------------------------------------------------
 */

/* Q1 */
static void failures_qualify(struct ms_answer *a, const struct ms_result *r)
{
    for (size_t i = 0; i < r->strategy_count; i++) {
        const struct ms_strategy *st = &r->strategies[i];
        struct sentence s;
        size_t crashed = 0, failed = 0;
        for (size_t c = 0; c < r->cell_count; c++) {
            bool is_own = ms_text_same(r->cells[c].strategy, st->name);
            crashed += is_own && r->cells[c].outcome == MS_OUTCOME_CRASHED;
            failed += is_own && r->cells[c].outcome == MS_OUTCOME_FAILED;
        }
        if (!ms_strategy_failed(st) && crashed == 0 && failed == 0)
            continue;
        FILE *out = sentence_begin(&s);
        if (ms_strategy_failed(st))
            fprintf(out, "%s failed %s: it is shown, never ranked.", st->name,
                    st->conformance == MS_CHECK_FAILED ? "conformance" : "fuzzing");
        else
            fprintf(out, "%s %s in %zu cell%s: those are shown, not ranked.", st->name,
                    crashed ? "crashed" : "refused what it should serve",
                    crashed ? crashed : failed, (crashed ? crashed : failed) == 1 ? "" : "s");
        qualify(a, &s);
    }
}

/* Q2 */
static void disturbed_qualify(struct ms_answer *a, const struct ms_result *r)
{
    uint64_t disturbed = 0, samples = 0;
    struct sentence s;

    for (size_t i = 0; i < r->cell_count; i++) {
        disturbed += r->cells[i].disturbed;
        samples += ms_cell_samples(&r->cells[i]);
    }
    if (samples == 0 || disturbed * 5 < samples)
        return;
    FILE *out = sentence_begin(&s);
    fprintf(out,
            "%s of the samples were disturbed by other programs: take the run again on a quieter "
            "machine.",
            ms_word_percent((double)disturbed / (double)samples).s);
    qualify(a, &s);
}

/* Shapes of a ranking where `rival` beats the leader: their indices in r->shapes. */
static size_t shapes_lost(const struct ms_result *r, const struct ms_ranking *k, const char *rival,
                          size_t *shapes)
{
    size_t count = 0;

    for (size_t sh = 0; sh < r->shape_count; sh++) {
        for (size_t c = 0; c < r->cell_count; c++) {
            const struct ms_cell *cell = &r->cells[c];
            struct ms_pair pair;
            if (!ms_text_same(cell->scenario, k->scenario) ||
                !ms_text_same(cell->adapter, k->adapter) || cell->threads != k->threads ||
                cell->oversubscribed || !ms_text_same(cell->shape, r->shapes[sh].name) ||
                !ms_text_same(r->shapes[sh].scenario, k->scenario) ||
                !ms_text_same(cell->strategy, rival))
                continue;
            if (ms_result_pair(r, (uint32_t)c, k->leader, &pair) &&
                pair.verdict == MS_VERDICT_FASTER)
                shapes[count++] = sh;
            break;
        }
    }
    return count;
}

/* True when the lost shapes are exactly the fixed sizes from the first of them up. */
static bool is_from_size_up(const struct ms_result *r, const size_t *shapes, size_t count)
{
    const struct ms_shape *first = &r->shapes[shapes[0]];
    size_t above = 0;

    if (first->pages < 2)
        return false;
    for (size_t i = 0; i < r->shape_count; i++)
        above += ms_text_same(r->shapes[i].scenario, first->scenario) &&
                 r->shapes[i].pages >= first->pages;
    for (size_t i = 0; i < count; i++)
        if (r->shapes[shapes[i]].pages < first->pages)
            return false;
    return above == count;
}

/* Q3 */
static void exceptions_qualify(struct ms_answer *a, const struct ms_result *r,
                               const struct ms_ranking *k)
{
    size_t *shapes = calloc(r->shape_count + 1, sizeof(*shapes));

    for (size_t i = 0; shapes && i < r->strategy_count; i++) {
        const struct ms_strategy *st = &r->strategies[i];
        struct sentence s;
        if (ms_strategy_is_control(st) || ms_strategy_failed(st) ||
            ms_text_same(st->name, k->leader))
            continue;
        size_t count = shapes_lost(r, k, st->name, shapes);
        if (count == 0)
            continue;
        FILE *out = sentence_begin(&s);
        fprintf(out, "%s is faster than %s ", st->name, k->leader);
        if (is_from_size_up(r, shapes, count)) {
            fprintf(out, "from %u registers up", r->shapes[shapes[0]].pages);
        } else {
            fputs("on ", out);
            for (size_t n = 0; n < count; n++)
                fprintf(out, "%s%s", joint(n, count), r->shapes[shapes[n]].name);
        }
        fputc(' ', out);
        place_print(out, k);
        fputc('.', out);
        qualify(a, &s);
    }
    free(shapes);
}

static const struct ms_standing *standing_of(const struct ms_ranking *k, const char *strategy)
{
    for (size_t i = 0; i < k->standing_count; i++)
        if (ms_text_same(k->standings[i].strategy, strategy))
            return &k->standings[i];
    return NULL;
}

/* Q4: only what the headline did not already say. */
static void baseline_qualify(struct ms_answer *a, const struct ms_result *r,
                             const struct ms_ranking *const *k, size_t count)
{
    const struct ms_strategy *base = ms_result_baseline(r);
    struct sentence s;
    const char *named = NULL;

    if (!base)
        return;
    FILE *out = sentence_begin(&s);
    fprintf(out, "Against %s, the baseline: ", base->name);
    for (size_t i = 0; i < count; i++) {
        const struct ms_standing *st = standing_of(k[i], k[i]->leader);
        if (!is_won(k[i]) || !st || st->ratio.count == 0 ||
            ms_text_same(k[i]->leader, base->name) || ms_text_same(k[i]->runner_up, base->name))
            continue;
        fputs(named ? ", " : "", out);
        if (!ms_text_same(named, k[i]->leader))
            fprintf(out, "%s ", k[i]->leader);
        named = k[i]->leader;
        fprintf(out, "%s %s ", ms_word_ratio(st->ratio.value, "x").s,
                ms_word_ratio_interval(st->ratio).s);
        place_print(out, k[i]);
    }
    fputc('.', out);
    if (named)
        qualify(a, &s);
    else
        free(sentence_end(&s));
}

/* Q5 */
static void progress_qualify(struct ms_answer *a, const struct ms_result *r, const char *winner)
{
    const struct ms_strategy *st = ms_result_strategy(r, winner);
    struct sentence s;

    if (!st || (st->progress != MS_PROGRESS_STRANDING && st->progress != MS_PROGRESS_BLOCKING))
        return;
    FILE *out = sentence_begin(&s);
    if (st->progress == MS_PROGRESS_STRANDING)
        fprintf(out,
                "%s is stranding: it can answer \"none now\" while other threads hold free "
                "registers in stock.",
                st->name);
    else
        fprintf(out, "%s is blocking: a preempted thread can stop the others.", st->name);
    qualify(a, &s);
}

/* Q6 */
static void refused_qualify(struct ms_answer *a, const struct ms_result *r,
                            const struct ms_ranking *k)
{
    struct sentence s;
    size_t count = 0, said = 0;

    for (size_t i = 0; i < k->standing_count; i++)
        count += !k->standings[i].ranked && k->standings[i].served < k->standings[i].cases;
    if (count == 0)
        return;
    FILE *out = sentence_begin(&s);
    fputs("Not ranked over all shapes, because they cannot serve every one: ", out);
    for (size_t i = 0; i < k->standing_count; i++) {
        const struct ms_standing *st = &k->standings[i];
        if (!st->ranked && st->served < st->cases)
            fprintf(out, "%s%s (%u of %u)", joint(said++, count), st->strategy, st->served,
                    st->cases);
    }
    fputc('.', out);
    qualify(a, &s);
    (void)r;
}

/* Q7 */
static void blunt_qualify(struct ms_answer *a, const struct ms_result *r)
{
    for (size_t i = 0; i < r->control_count; i++) {
        const struct ms_control *k = &r->controls[i];
        struct sentence s;
        if (!k->blunt)
            continue;
        FILE *out = sentence_begin(&s);
        fprintf(out,
                "With %s this run is blunt: a planted %s was not found, so nothing is called the "
                "same.",
                k->thread_class, ms_word_percent(k->drag_true).s);
        qualify(a, &s);
    }
}

/* ---- the other two sentences --------------------------------------------------------------------
 */

struct ms_span ms_span_of(const struct ms_result *r, const char *adapter)
{
    struct ms_span span = {0};

    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (!ms_text_same(c->scenario, MS_SCENARIO_MAP) || !ms_text_same(c->adapter, adapter) ||
            c->outcome != MS_OUTCOME_MEASURED || c->of_limit.count == 0 || c->threads != 1)
            continue;
        if (!span.low || c->of_limit.value < span.low->of_limit.value)
            span.low = c;
        if (!span.high || c->of_limit.value > span.high->of_limit.value)
            span.high = c;
        if (!span.quick || c->time.value < span.quick->time.value)
            span.quick = c;
        span.count++;
    }
    return span;
}

static char *map_make(const struct ms_result *r)
{
    struct sentence s;
    size_t said = 0;
    FILE *out = sentence_begin(&s);

    fputs("One MapTransferEx with its flush: ", out);
    for (size_t i = 0; i < r->adapter_count && said < 2; i++) {
        const struct ms_adapter *ad = &r->adapters[i];
        struct ms_span span = ms_span_of(r, ad->name);
        if (span.count == 0)
            continue;
        const struct ms_limit *limit = ms_result_limit(r, span.low);
        fprintf(out, "%son %s from %s (%s), at %s to %s of the limit's speed (%s)",
                said++ ? "; " : "", ad->name, ms_word_ns(span.quick->time.value).s,
                span.quick->shape, ms_word_percent(span.low->of_limit.value).s,
                ms_word_percent(span.high->of_limit.value).s,
                limit && limit->title ? limit->title : span.low->limit);
    }
    fputc('.', out);
    char *text = sentence_end(&s);
    if (said)
        return text;
    free(text);
    return NULL;
}

static char *conformance_make(const struct ms_result *r)
{
    struct sentence s;
    size_t passed = 0, looked = 0, said = 0;
    double executions = 0, seconds = 0;

    for (size_t i = 0; i < r->strategy_count; i++) {
        passed += r->strategies[i].conformance == MS_CHECK_PASSED;
        looked += r->strategies[i].conformance != MS_CHECK_NOT_RUN;
        executions += (double)r->strategies[i].fuzz_executions;
        seconds += r->strategies[i].fuzz_seconds;
    }
    FILE *out = sentence_begin(&s);
    if (looked == 0) {
        fputs("Conformance was not part of this run: ./mapstorm test checks it.", out);
        return sentence_end(&s);
    }
    fputs(passed ? "Conformance passed by " : "Conformance passed by nobody", out);
    for (size_t i = 0; i < r->strategy_count; i++)
        if (r->strategies[i].conformance == MS_CHECK_PASSED)
            fprintf(out, "%s%s", joint(said++, passed), r->strategies[i].name);
    if (executions > 0)
        fprintf(out, "; fuzzed with %s executions in %.0f s", ms_word_count(executions).s, seconds);
    else
        fputs("; not fuzzed in this run", out);
    fputc('.', out);
    return sentence_end(&s);
}

/* ---- together -----------------------------------------------------------------------------------
 */

static void ranked_qualify(struct ms_answer *a, const struct ms_result *r,
                           const struct ms_ranking *const *k, size_t count)
{
    const struct ms_strategy *own = a->standing ? ms_result_default(r) : NULL;

    for (size_t i = 0; i < count; i++)
        if (is_won(k[i]) && !(own && ms_text_same(k[i]->leader, own->name)))
            exceptions_qualify(a, r, k[i]);
    baseline_qualify(a, r, k, count);
    for (size_t i = 0; i < count; i++) {
        bool is_said = false;
        for (size_t before = 0; before < i; before++)
            is_said |= ms_text_same(k[before]->leader, k[i]->leader);
        if (is_won(k[i]) && !is_said)
            progress_qualify(a, r, k[i]->leader);
    }
    if (count > 0)
        refused_qualify(a, r, k[0]);
    blunt_qualify(a, r);
}

struct ms_answer *ms_answer_make(const struct ms_result *r)
{
    struct ms_answer *a = calloc(1, sizeof(*a));
    size_t count = 0;
    const struct ms_ranking **k = rankings_pick(r, &count);

    if (!a || !k) {
        fputs("mapstorm: out of memory while writing the answer\n", stderr);
        exit(MS_EXIT_INCOMPLETE);
    }
    a->headline = headline_make(a, r, k, count);
    a->standing = ms_standing_sentence(r);
    failures_qualify(a, r);
    disturbed_qualify(a, r);
    if (ms_result_ranks(r))
        ranked_qualify(a, r, k, count);
    a->map = map_make(r);
    a->system = ms_system_sentence(r);
    a->conformance = conformance_make(r);
    free(k);
    return a;
}

void ms_answer_free(struct ms_answer *a)
{
    if (!a)
        return;
    free(a->headline);
    free(a->standing);
    for (size_t i = 0; i < MS_ANSWER_QUALIFICATIONS; i++)
        free(a->qualifications[i]);
    free(a->map);
    free(a->system);
    free(a->conformance);
    free(a);
}
