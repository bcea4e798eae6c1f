/* SPDX-License-Identifier: MIT */
/* plan.c: from wishes to cases. */
#include "plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order.h"
#include "stats.h"

enum { REGISTERS_DEFAULT = 4096, NAMES_MAX = 512, CASES_MAX = 4096 };

static const double SAMPLE_SECONDS = 0.0062; /* 5 ms of work and what surrounds it */
static const double LAUNCH_SECONDS = 0.05;
static const double CALIBRATION_SAMPLES = 2.0;
/* Taking disturbed blocks again may stretch a run to this many times what was announced. */
static const double SECONDS_STRETCH_MAX = 2.5;
static const double SECONDS_SLACK = 2.0;

static const double COUNTED_SECONDS = 0.008;   /* of one strategy in one case */
static const double TIMED_SECONDS = 0.04;      /* of one strategy at one rate */
static const double TIMED_SECONDS_OVER = 0.08; /* with more threads than processors */

const double ms_loads[MS_LOADS] = {0.5, 0.7, 0.9};

/* What a plan's size means. */
struct scale {
    uint32_t launches, blocks;
    double seconds_max;
};

static const struct scale scales[] = {
    [MS_PLAN_DEFAULT] = {3, 12, 170.0},
    [MS_PLAN_QUICK] = {2, 6, 28.0},
    [MS_PLAN_FULL] = {8, 12, 3600.0},
    [MS_PLAN_CUSTOM] = {3, 12, 170.0},
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct ms_problem *problem,
                                                         enum ms_exit code, const char *format, ...)
{
    va_list arguments;

    problem->exit = code;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_chosen(const struct ms_choices *choices, const char *name)
{
    for (size_t i = 0; i < choices->count; i++)
        if (strcmp(choices->text[i], name) == 0)
            return true;
    return choices->count == 0;
}

/* ---- are all names known? ---------------------------------------------------------------------
 */

struct names {
    const char *text[NAMES_MAX];
    size_t count;
};

static void names_add(struct names *names, const char *text)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->text[i], text) == 0)
            return;
    if (names->count < NAMES_MAX)
        names->text[names->count++] = text;
}

static bool names_hold(const struct names *names, const struct ms_choices *choices,
                       const char *what, struct ms_problem *problem)
{
    for (size_t i = 0; i < choices->count; i++) {
        const char *word = choices->text[i];
        char nearest[256];
        bool is_known = false;

        for (size_t j = 0; j < names->count && !is_known; j++)
            is_known = strcmp(word, names->text[j]) == 0;
        if (is_known)
            continue;
        ms_word_suggest(word, names->text, names->count, nearest, sizeof nearest);
        return refuse(problem, MS_EXIT_USAGE,
                      "no %s is named '%.80s'%s%s (mapstorm list names all)", what, word,
                      nearest[0] ? "; " : "", nearest);
    }
    return true;
}

static void names_collect(const struct ms_catalog *catalog, struct names *strategies,
                          struct names *shapes, struct names *scenarios, struct names *adapters)
{
    const struct ms_contender *contenders;
    size_t contender_count = ms_catalog_contenders(catalog, &contenders);

    for (size_t i = 0; i < contender_count; i++)
        if (contenders[i].part <= MS_PART_BASELINE)
            names_add(strategies, contenders[i].name);
    for (size_t i = 0; ms_scenarios[i]; i++) {
        const struct ms_shape_info *shape;
        const struct ms_adapter_info *adapter;
        size_t adapter_count = ms_scenario_list_adapters(ms_scenarios[i], &adapter);

        names_add(scenarios, ms_scenarios[i]->name);
        for (size_t j = 0; (shape = ms_scenarios[i]->shape(catalog, j)); j++)
            names_add(shapes, shape->name);
        for (size_t j = 0; j < adapter_count; j++)
            names_add(adapters, adapter[j].name);
    }
}

/* Checks that the value of a filter exists; numbers need not. */
static bool filter_value_holds(const char *filter, const struct names *known,
                               const char *const *keys, struct ms_problem *problem)
{
    for (size_t i = 0; keys[i]; i++) {
        size_t length = strlen(keys[i]);
        struct ms_choices one = {.text = {filter + length + 1}, .count = 1};

        if (strncmp(filter, keys[i], length) == 0 && filter[length] == ':')
            return names_hold(&known[i], &one, keys[i], problem);
    }
    return true;
}

static bool filters_hold(const struct ms_choices *filters, struct ms_problem *problem)
{
    static const char *const keys[] = {"scenario", "strategy", "adapter",
                                       "shape",    "threads",  "registers"};
    struct names names = {.count = 0};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        names_add(&names, keys[i]);
    for (size_t i = 0; i < filters->count; i++) {
        const char *colon = strchr(filters->text[i], ':');
        char key[64];
        struct ms_choices one = {.text = {key}, .count = 1};

        if (!colon || colon[1] == '\0')
            return refuse(problem, MS_EXIT_USAGE, "--filter wants KEY:VALUE, not '%.80s'",
                          filters->text[i]);
        snprintf(key, sizeof key, "%.*s", (int)(colon - filters->text[i]), filters->text[i]);
        if (!names_hold(&names, &one, "key of a cell", problem))
            return false;
    }
    return true;
}

static bool wish_check(const struct ms_catalog *catalog, const struct ms_wish *wish,
                       struct ms_problem *problem)
{
    static const char *const keys[] = {"strategy", "shape", "scenario", "adapter", NULL};
    const struct ms_choices *wishes[] = {&wish->strategies, &wish->shapes, &wish->scenarios,
                                         &wish->adapters};
    struct names known[4] = {{.count = 0}};

    names_collect(catalog, &known[0], &known[1], &known[2], &known[3]);
    for (size_t i = 0; i < 4; i++)
        if (!names_hold(&known[i], wishes[i], keys[i], problem))
            return false;
    if (!filters_hold(&wish->filters, problem))
        return false;
    for (size_t i = 0; i < wish->filters.count; i++)
        if (!filter_value_holds(wish->filters.text[i], known, keys, problem))
            return false;
    for (size_t i = 0; i < wish->thread_count; i++)
        if (wish->threads[i] == 0 || wish->threads[i] > MS_BENCH_THREADS_MAX)
            return refuse(problem, MS_EXIT_USAGE, "--threads wants numbers from 1 to %d",
                          MS_BENCH_THREADS_MAX);
    for (size_t i = 0; i < wish->register_count; i++)
        if (wish->registers[i] < 64 || wish->registers[i] > 262144)
            return refuse(problem, MS_EXIT_USAGE, "--registers wants numbers from 64 to 262144");
    return true;
}

/* ---- entrants ---------------------------------------------------------------------------------
 */

static void entrant_add(const struct ms_catalog *catalog, struct ms_case *c,
                        const struct ms_contender *who)
{
    struct ms_entrant *entrant = &c->entrant[c->entrants++];

    entrant->who = who;
    if (who->part == MS_PART_LIMIT)
        return;
    entrant->why = ms_scenario_refusal(c->scenario, catalog, who, &c->key);
    entrant->state = entrant->why ? MS_STATE_REFUSED : MS_STATE_READY;
}

/* Strategies that a wish names, by --strategy or by a filter. */
static bool strategy_is_wanted(const struct ms_wish *wish, const char *name)
{
    for (size_t i = 0; i < wish->filters.count; i++)
        if (strncmp(wish->filters.text[i], "strategy:", 9) == 0 &&
            strcmp(wish->filters.text[i] + 9, name) != 0)
            return false;
    return is_chosen(&wish->strategies, name);
}

/* Who contends in a case. The baseline always does: without it nothing can be compared. */
static bool entrants_add(const struct ms_catalog *catalog, const struct ms_wish *wish,
                         struct ms_case *c)
{
    const struct ms_contender *all, *limits;
    size_t count = ms_catalog_contenders(catalog, &all);
    size_t limit_count = ms_scenario_list_limits(c->scenario, &c->key, &limits);

    c->entrant = calloc(count + limit_count, sizeof *c->entrant);
    if (!c->entrant || count + limit_count > MS_ENTRANTS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool is_baseline = all[i].part == MS_PART_BASELINE;
        bool is_control = all[i].part > MS_PART_BASELINE;

        if (c->scenario->is_bare)
            continue;
        if (is_control ? !c->has_controls
                       : !is_baseline &&
                             (!c->scenario->compares || !strategy_is_wanted(wish, all[i].name)))
            continue;
        entrant_add(catalog, c, &all[i]);
    }
    for (size_t i = 0; i < limit_count; i++)
        entrant_add(catalog, c, &limits[i]);
    return true;
}

/* ---- cases ------------------------------------------------------------------------------------
 */

struct making {
    const struct ms_catalog *catalog;
    const struct ms_wish *wish;
    struct ms_schedule *schedule;
    uint32_t threads[3]; /* where the wish names none */
    size_t thread_count;
};

/* Whose strategy it is decides who contends, not which case is measured, so that part of a
 * filter is left to the entrants. */
static bool case_is_wanted(const struct making *m, const struct ms_case *c)
{
    const struct ms_choices *filters = &m->wish->filters;
    const char *kept[MS_CHOICES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < filters->count; i++)
        if (strncmp(filters->text[i], "strategy:", 9) != 0)
            kept[count++] = filters->text[i];
    return ms_key_matches(&c->key, kept, count);
}

/* Nobody could serve it, whoever asks for it. */
static bool case_is_impossible(const struct ms_catalog *catalog, const struct ms_case *c)
{
    static const struct ms_contender anybody = {.name = "", .run_max = UINT32_MAX};

    return ms_scenario_refusal(c->scenario, catalog, &anybody, &c->key) != NULL;
}

static void case_add(struct making *m, const struct ms_case *wanted)
{
    struct ms_schedule *s = m->schedule;
    bool is_asked_for = m->wish->shapes.count > 0 && m->wish->thread_count > 0;

    if (!is_asked_for && !ms_scenario_is_offered(wanted->scenario, m->catalog, &wanted->key))
        return;
    if (case_is_impossible(m->catalog, wanted))
        return;
    if (case_is_wanted(m, wanted) && s->case_count < CASES_MAX)
        s->cases[s->case_count++] = *wanted;
}

/* Controls run in the first case of each class that may be ranked: one thread, several threads. */
static bool cases_staff(struct making *m)
{
    struct ms_schedule *s = m->schedule;
    bool has_controls[2] = {false, false};

    for (size_t i = 0; i < s->case_count; i++) {
        struct ms_case *c = &s->cases[i];
        bool *is_served = &has_controls[c->key.threads > 1];

        c->has_controls =
            c->scenario->compares && !c->adapter && !c->is_oversubscribed && !*is_served;
        *is_served = *is_served || c->has_controls;
        /* With more threads than processors a single mix says what there is to say: how often somebody
         * waits for a thread that was stopped. */
        c->is_timed = c->shape->is_timed && s->size != MS_PLAN_QUICK &&
                      (!c->is_oversubscribed || c->shape->pages == 0);
        if (!entrants_add(m->catalog, m->wish, c))
            return false;
    }
    return true;
}

/* More threads than processors are never ranked, so a plan that is short of time takes them for the few
 * shapes only that are also timed one by one. */
static bool is_oversubscribed_too(const struct making *m, const struct ms_case *c)
{
    return c->scenario->oversubscribes &&
           (c->shape->is_timed || m->wish->size == MS_PLAN_FULL || m->wish->shapes.count > 0);
}

static void cases_of_shape(struct making *m, struct ms_case c)
{
    const struct ms_wish *wish = m->wish;
    const uint32_t *threads = wish->thread_count ? wish->threads : m->threads;
    size_t thread_count = wish->thread_count ? wish->thread_count : m->thread_count;

    for (size_t t = 0; t < thread_count; t++) {
        c.key.threads = threads[t];
        c.is_oversubscribed = threads[t] > m->schedule->pus;
        if ((c.scenario->is_bare && threads[t] > 1) ||
            (c.is_oversubscribed && wish->thread_count == 0 && !is_oversubscribed_too(m, &c)))
            continue;
        if (!c.scenario->has_registers) {
            case_add(m, &c);
            continue;
        }
        for (size_t r = 0; r < (wish->register_count ? wish->register_count : 1); r++) {
            c.key.registers = wish->register_count ? wish->registers[r] : REGISTERS_DEFAULT;
            case_add(m, &c);
        }
    }
}

/* Whether a plan of that size holds the shape without being asked for it. */
static bool size_has_shape(enum ms_plan size, const struct ms_scenario *scenario,
                           const struct ms_shape_info *shape)
{
    if (size == MS_PLAN_QUICK)
        return shape->is_quick;
    return size == MS_PLAN_FULL ||
           (!shape->is_full && !(shape->is_recorded && scenario->is_recorded_full));
}

static void cases_of_adapter(struct making *m, const struct ms_scenario *scenario,
                             const struct ms_adapter_info *adapter)
{
    const struct ms_shape_info *shape;

    for (size_t i = 0; (shape = scenario->shape(m->catalog, i)); i++) {
        struct ms_case c = {.scenario = scenario, .adapter = adapter, .shape = shape};

        if (!is_chosen(&m->wish->shapes, shape->name) ||
            (m->wish->shapes.count == 0 && !size_has_shape(m->wish->size, scenario, shape)))
            continue;
        snprintf(c.key.scenario, sizeof c.key.scenario, "%s", scenario->name);
        snprintf(c.key.shape, sizeof c.key.shape, "%s", shape->name);
        if (adapter)
            snprintf(c.key.adapter, sizeof c.key.adapter, "%s", adapter->name);
        cases_of_shape(m, c);
    }
}

static void cases_of_scenario(struct making *m, const struct ms_scenario *scenario)
{
    const struct ms_adapter_info *adapters;
    size_t adapter_count = ms_scenario_list_adapters(scenario, &adapters);

    if (adapter_count == 0 && m->wish->adapters.count == 0)
        cases_of_adapter(m, scenario, NULL);
    for (size_t i = 0; i < adapter_count; i++)
        if (is_chosen(&m->wish->adapters, adapters[i].name))
            cases_of_adapter(m, scenario, &adapters[i]);
}

/* One thread, all cores, and twice as many threads as processors. */
static void threads_default(struct making *m)
{
    uint32_t pus = m->schedule->pus;

    m->threads[m->thread_count++] = 1;
    if (pus > 1)
        m->threads[m->thread_count++] = pus < MS_BENCH_THREADS_MAX ? pus : MS_BENCH_THREADS_MAX;
    if (2 * pus <= MS_BENCH_THREADS_MAX)
        m->threads[m->thread_count++] = 2 * pus;
}

double ms_case_block_seconds(const struct ms_case *c)
{
    uint32_t ready = 0;

    for (uint32_t k = 0; k < c->entrants; k++)
        ready += c->entrant[k].state == MS_STATE_READY;
    return ready * SAMPLE_SECONDS;
}

double ms_case_timed_seconds(const struct ms_case *c)
{
    double each = c->is_oversubscribed ? TIMED_SECONDS_OVER : TIMED_SECONDS * MS_LOADS;

    return c->is_timed ? c->entrants * each : 0.0;
}

static double schedule_seconds(const struct ms_schedule *s)
{
    double seconds = s->launches * LAUNCH_SECONDS;

    for (size_t i = 0; i < s->case_count; i++) {
        const struct ms_case *c = &s->cases[i];

        seconds += ms_case_block_seconds(c) * (s->launches * s->blocks + CALIBRATION_SAMPLES) +
                   ms_case_timed_seconds(c) * s->launches;
        for (uint32_t k = 0; k < c->entrants; k++)
            if (c->entrant[k].state == MS_STATE_READY && c->scenario->count &&
                !c->is_oversubscribed)
                seconds += COUNTED_SECONDS;
    }
    return seconds;
}

uint32_t ms_blocks_fit(const struct ms_schedule *schedule, double wanted, double left)
{
    uint32_t all = schedule->blocks;
    uint32_t least = (MS_STATS_PAIRS_MIN + schedule->launches - 1) / schedule->launches;
    uint32_t fit;

    if (wanted <= left)
        return all;
    fit = left > 0.0 ? (uint32_t)(all * left / wanted) / 2 * 2 : 0;
    least = (least + 1) / 2 * 2;
    return fit > least ? fit : least < all ? least : all;
}

/* Somebody who says what is to be measured has said how long that takes; the promise of a few minutes is
 * for those who do not. */
static bool is_anything_chosen(const struct ms_wish *w)
{
    return w->scenarios.count + w->strategies.count + w->adapters.count + w->shapes.count +
               w->filters.count + w->thread_count + w->register_count >
           0;
}

struct ms_schedule *ms_schedule_make(const struct ms_catalog *catalog,
                                     const struct ms_topology *topology, const struct ms_wish *wish,
                                     struct ms_problem *problem)
{
    struct ms_schedule *s;
    struct making making = {.catalog = catalog, .wish = wish};

    if (!wish_check(catalog, wish, problem))
        return NULL;
    s = calloc(1, sizeof *s);
    if (!s)
        goto no_memory;
    s->cases = calloc(CASES_MAX, sizeof *s->cases);
    if (!s->cases)
        goto no_memory;
    s->launches = scales[wish->size].launches;
    s->blocks = ms_order_round(scales[wish->size].blocks);
    s->seconds_max = scales[wish->size].seconds_max;
    s->seed = wish->seed;
    s->size = wish->size;
    s->pus = ms_topology_pus(topology);

    making.schedule = s;
    threads_default(&making);
    for (size_t i = 0; ms_scenarios[i]; i++)
        if (is_chosen(&wish->scenarios, ms_scenarios[i]->name))
            cases_of_scenario(&making, ms_scenarios[i]);
    if (s->case_count == 0) {
        refuse(problem, MS_EXIT_USAGE, "nothing matches: no case has all of what was asked for");
        ms_schedule_free(s);
        return NULL;
    }
    if (!cases_staff(&making))
        goto no_memory;
    s->seconds = schedule_seconds(s);
    if (is_anything_chosen(wish))
        s->seconds_max = scales[MS_PLAN_FULL].seconds_max;
    s->seconds_max = fmin(s->seconds_max, SECONDS_SLACK + SECONDS_STRETCH_MAX * s->seconds);
    return s;

no_memory:
    ms_schedule_free(s);
    refuse(problem, MS_EXIT_INCOMPLETE, "out of memory");
    return NULL;
}

void ms_schedule_free(struct ms_schedule *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->cases && i < s->case_count; i++) {
        for (uint32_t j = 0; j < s->cases[i].entrants; j++) {
            free(s->cases[i].entrant[j].samples);
            for (size_t k = 0; k < MS_LOADS; k++)
                free(s->cases[i].entrant[j].timed[k].latency);
        }
        for (size_t k = 0; k < MS_LOADS; k++)
            free(s->cases[i].floor[k].latency);
        free(s->cases[i].entrant);
    }
    free(s->cases);
    free(s);
}

size_t ms_schedule_cells(const struct ms_schedule *s)
{
    size_t cells = 0;

    for (size_t i = 0; i < s->case_count; i++)
        for (uint32_t j = 0; j < s->cases[i].entrants; j++)
            cells += s->cases[i].entrant[j].who->part <= MS_PART_BASELINE;
    return cells;
}

static void duration_print(double seconds, char *text, size_t bytes)
{
    unsigned whole = (unsigned)(seconds + 0.5);

    if (whole < 60)
        snprintf(text, bytes, "%u s", whole > 0 ? whole : 1);
    else if (whole < 3600)
        snprintf(text, bytes, "%u min %u s", whole / 60, whole % 60);
    else
        snprintf(text, bytes, "%u h %u min", whole / 3600, whole % 3600 / 60);
}

void ms_schedule_describe(const struct ms_schedule *s, char *text, size_t bytes)
{
    struct names strategies = {.count = 0};
    struct names shapes = {.count = 0};
    char threads[128] = "";
    uint32_t seen[MS_CHOICES_MAX];
    size_t seen_count = 0;
    char duration[32];

    for (size_t i = 0; i < s->case_count; i++) {
        const struct ms_case *c = &s->cases[i];
        bool is_new = seen_count < MS_CHOICES_MAX;

        names_add(&shapes, c->shape->name);
        for (uint32_t j = 0; j < c->entrants; j++)
            if (c->entrant[j].who->part <= MS_PART_BASELINE)
                names_add(&strategies, c->entrant[j].who->name);
        for (size_t k = 0; k < seen_count; k++)
            is_new = is_new && seen[k] != c->key.threads;
        if (!is_new)
            continue;
        seen[seen_count++] = c->key.threads;
        snprintf(threads + strlen(threads), sizeof threads - strlen(threads), " %" PRIu32,
                 c->key.threads);
    }
    duration_print(s->seconds, duration, sizeof duration);
    snprintf(text, bytes,
             "%zu strateg%s, %zu shape%s, threads%s: %zu cells, %" PRIu32 " launches x %" PRIu32
             " blocks, about %s",
             strategies.count, strategies.count == 1 ? "y" : "ies", shapes.count,
             shapes.count == 1 ? "" : "s", threads, ms_schedule_cells(s), s->launches, s->blocks,
             duration);
}

void ms_entrant_name(const struct ms_case *c, const struct ms_entrant *entrant, char *name,
                     size_t bytes)
{
    struct ms_cell_key key = c->key;

    snprintf(key.strategy, sizeof key.strategy, "%s", entrant->who->name);
    ms_key_print(&key, name, bytes);
}
