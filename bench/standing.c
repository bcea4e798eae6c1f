/* SPDX-License-Identifier: MIT */
/*
 * standing.c: how the default strategy stands, cell by cell: the sentence of the answer that says where
 * another one is ahead of it. A mean over all shapes hides such cells; this sentence must not.
 *
 * A cell counts where the default was measured beside another strategy that conformed, with no more
 * threads than cores. The default *wins* it when it is faster than every other, and is *beaten* when
 * another is faster, both by the stored verdicts, and that one by more than 5 %. What is neither is
 * within 5 %, the same, or cannot be told.
 */
#include "answer.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

static const double BEATEN_RATIO = 1.05;

enum { NAMED_MAX = 4, THREADS_KINDS_MAX = 16 };

/* A cell where the default is beaten, and by whom the most. */
struct lost {
    const struct ms_cell *cell; /* of the default */
    const char *rival;
    double ratio; /* the default's time / the rival's */
};

struct standing {
    const struct ms_result *r;
    const struct ms_strategy *own;
    size_t cells, won;
    struct lost *lost;
    size_t lost_count;
    bool has_sizes; /* files of several sizes: a cell is named with its registers */
};

static bool is_rival(const struct standing *st, const struct ms_cell *own,
                     const struct ms_cell *cell)
{
    const struct ms_strategy *s = ms_result_strategy(st->r, cell->strategy);

    return s && s != st->own && !ms_strategy_is_control(s) && !ms_strategy_failed(s) &&
           cell->outcome == MS_OUTCOME_MEASURED && ms_cell_same_case(own, cell);
}

/* Looks at one cell of the default beside all others of its case. */
static void cell_look(struct standing *st, const struct ms_cell *own)
{
    struct lost worst = {.cell = own, .ratio = BEATEN_RATIO};
    size_t rivals = 0, behind = 0;

    for (size_t i = 0; i < st->r->cell_count; i++) {
        struct ms_pair pair;

        if (!is_rival(st, own, &st->r->cells[i]) ||
            !ms_result_pair(st->r, (uint32_t)i, st->own->name, &pair) || pair.ratio.count == 0 ||
            pair.verdict == MS_VERDICT_NONE)
            continue;
        rivals++;
        behind += pair.verdict == MS_VERDICT_SLOWER;
        if (pair.verdict == MS_VERDICT_FASTER && pair.ratio.value > worst.ratio) {
            worst.rival = st->r->cells[i].strategy;
            worst.ratio = pair.ratio.value;
        }
    }
    st->cells += rivals > 0;
    st->won += rivals > 0 && behind == rivals;
    if (worst.rival)
        st->lost[st->lost_count++] = worst;
}

static bool is_counted(const struct standing *st, const struct ms_cell *c)
{
    return ms_text_same(c->scenario, MS_SCENARIO_POOL) && !c->oversubscribed &&
           c->outcome == MS_OUTCOME_MEASURED && ms_text_same(c->strategy, st->own->name);
}

static void all_look(struct standing *st)
{
    const struct ms_cell *first = NULL;

    for (size_t i = 0; i < st->r->cell_count; i++) {
        const struct ms_cell *c = &st->r->cells[i];

        if (!is_counted(st, c))
            continue;
        first = first ? first : c;
        st->has_sizes = st->has_sizes || c->registers != first->registers;
        cell_look(st, c);
    }
}

/* ---- the words ---------------------------------------------------------------------------------- */

/* Whoever is ahead in most cells first; what is said already is left out. NULL: all were said. */
static const char *rival_next(const struct standing *st, const bool *is_said, size_t *count)
{
    const char *best = NULL;

    *count = 0;
    for (size_t i = 0; i < st->lost_count; i++) {
        size_t own = 0;

        for (size_t k = 0; k < st->lost_count && !is_said[i]; k++)
            own += ms_text_same(st->lost[k].rival, st->lost[i].rival);
        if (own > *count) {
            *count = own;
            best = st->lost[i].rival;
        }
    }
    return best;
}

/* "packets, 1r and mix50 with 1 thread": the cells one rival leads at one number of threads. */
static void threads_say(const struct standing *st, const char *rival, uint32_t threads, FILE *out)
{
    size_t count = 0, said = 0;

    for (size_t i = 0; i < st->lost_count; i++)
        count += ms_text_same(st->lost[i].rival, rival) && st->lost[i].cell->threads == threads;
    for (size_t i = 0; i < st->lost_count; i++) {
        const struct ms_cell *c = st->lost[i].cell;
        bool is_rest = said + 1 == NAMED_MAX && count > NAMED_MAX;

        if (!ms_text_same(st->lost[i].rival, rival) || c->threads != threads)
            continue;
        fputs(said == 0 ? "" : is_rest || said + 1 == count ? " and " : ", ", out);
        if (is_rest) {
            fprintf(out, "%zu more", count - said);
            break;
        }
        fputs(c->shape, out);
        if (st->has_sizes)
            fprintf(out, " (%u registers)", c->registers);
        said++;
    }
    fprintf(out, " with %s", ms_word_threads(threads).s);
}

static void rival_say(const struct standing *st, const char *rival, size_t count, bool *is_said,
                      FILE *out)
{
    uint32_t seen[THREADS_KINDS_MAX];
    size_t kinds = 0;
    double most = 0.0;

    fprintf(out, "%s is ahead on ", rival);
    for (size_t i = 0; i < st->lost_count; i++) {
        uint32_t threads = st->lost[i].cell->threads;
        bool is_new = kinds < THREADS_KINDS_MAX;

        if (!ms_text_same(st->lost[i].rival, rival))
            continue;
        is_said[i] = true;
        most = st->lost[i].ratio > most ? st->lost[i].ratio : most;
        for (size_t k = 0; k < kinds; k++)
            is_new = is_new && seen[k] != threads;
        if (!is_new)
            continue;
        fputs(kinds ? "; on " : "", out);
        seen[kinds++] = threads;
        threads_say(st, rival, threads, out);
    }
    fprintf(out, ", by %s%s", count > 1 ? "up to " : "", ms_word_ratio(most, "x").s);
}

static void standing_say(const struct standing *st, FILE *out)
{
    bool *is_said = calloc(st->lost_count + 1, sizeof *is_said);
    size_t open = st->cells - st->won - st->lost_count;
    const char *rival;
    size_t count;

    fprintf(out, "%s, the default, is the fastest in %zu of %zu cells", st->own->name, st->won,
            st->cells);
    if (open > 0)
        fprintf(out, ", within 5 %% of another or not to be told in %zu,", open);
    if (st->lost_count == 0)
        fputs(" and beaten by more than 5 % in none", out);
    else
        fprintf(out, " and beaten by more than 5 %% in %zu", st->lost_count);
    for (bool is_first = true; is_said && (rival = rival_next(st, is_said, &count)) != NULL;
         is_first = false) {
        fputs(is_first ? ": " : "; ", out);
        rival_say(st, rival, count, is_said, out);
    }
    fputc('.', out);
    free(is_said);
}

char *ms_standing_sentence(const struct ms_result *r)
{
    struct standing st = {.r = r, .own = ms_result_default(r)};
    char *text = NULL;
    size_t length = 0;
    FILE *out;

    if (!st.own || !ms_result_ranks(r))
        return NULL;
    st.lost = calloc(r->cell_count + 1, sizeof *st.lost);
    if (!st.lost)
        return NULL;
    all_look(&st);
    out = st.cells > 0 ? open_memstream(&text, &length) : NULL;
    if (out) {
        standing_say(&st, out);
        fclose(out);
    }
    free(st.lost);
    return text;
}
