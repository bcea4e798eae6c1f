/* SPDX-License-Identifier: MIT */
/*
 * mutants_try.c: does anything notice one mutant?
 *
 * Idea        only programs that come to the site can: the corpus is played once to learn which do. A
 *             weakened order shows when a reader gets an older value, or data without an edge; a split
 *             update shows when somebody comes between its halves. So the same programs are played with
 *             old values by chance, and with one actor standing still at the site or at whoever meets
 *             it, long before anything is left to chance alone.
 * Stops       at the first who notices. Efforts are counted in steps, never in seconds: the same
 *             verdict on every machine.
 */
#include "mutants.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SECONDS_AN_EXECUTION = 5, /* of processor time, then it is taken for endless */
    SECONDS_A_HUNT = 120,
    SEEDS_MAX = 48,
    REACHING_MAX = MUTANTS_INPUTS_MAX,
    MEETINGS_MAX = 256,
};

/* --- the corpus ---------------------------------------------------------------------------------- */

static bool folder_read(struct mutants *m, const char *folder)
{
    static char *paths[FILES_MAX];
    uint32_t files = files_below(folder, paths, FILES_MAX);
    bool is_good = true;

    for (uint32_t i = 0; i < files; i++) {
        struct fuzz_note note;
        struct mutant_input *input = &m->input[m->count];
        if (m->count == MUTANTS_INPUTS_MAX) {
            fprintf(stderr, "mapstorm: %s: more than %d inputs\n", folder, MUTANTS_INPUTS_MAX);
            is_good = false;
        } else if (is_good && input_read(paths[i], &input->input, &note, &input->target)) {
            input->is_scenario = strstr(paths[i], "/scenarios/") != NULL;
            input->states = note.states;
            m->count++;
        }
        free(paths[i]);
    }
    return is_good;
}

uint32_t mutants_site(const struct mutants *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->sites; i++)
        if (ms_sim_site_at(i)->id == id)
            return i;
    return m->sites;
}

/* Of which the process that plays tells its parent. */
struct facts {
    uint32_t steps;
    bool is_clean, is_bug;
};

struct look {
    struct mutants *m;
    struct facts *facts;
};

static void corpus_look(void *context)
{
    const struct look *look = context;
    struct mutants *m = look->m;

    for (uint32_t i = 0; i < m->count; i++) {
        struct ms_sim_result result;
        fuzz_play(m->input[i].target, &m->input[i].input, NULL, &result);
        look->facts[i] = (struct facts){.steps = result.steps,
                                        .is_clean = result.verdict == MS_SIM_CLEAN,
                                        .is_bug = result.verdict == MS_SIM_BUG};
        for (uint32_t e = 0; e < result.event_count; e++)
            m->memory[(size_t)i * m->sites + mutants_site(m, result.events[e].site->id)] = 1;
    }
}

/* Apart: mutants run side by side, and would share the physical memory that was made here. */
static bool corpus_play(struct mutants *m)
{
    size_t facts_bytes = (m->count + 1) * sizeof(struct facts);
    struct look look = {m, shared_map(facts_bytes)};
    bool is_good;

    m->memory_bytes = ((size_t)m->count + 1) * m->sites;
    m->memory = shared_map(m->memory_bytes);
    ms_require(look.facts && m->memory);
    is_good = work_apart(corpus_look, &look);
    for (uint32_t i = 0; i < m->count && is_good; i++) {
        struct mutant_input *input = &m->input[i];
        input->comes_to = m->memory + (size_t)i * m->sites;
        input->is_clean = look.facts[i].is_clean;
        input->steps = look.facts[i].steps;
        is_good = !look.facts[i].is_bug;
        if (!is_good)
            fprintf(stderr, "mapstorm: the corpus of %s fails as it is: `%s corpus` tells more\n",
                    input->target->name, program_of("corpus"));
    }
    munmap(look.facts, facts_bytes);
    return is_good;
}

/* Short ones first: who notices soon is asked soon. */
static int by_steps(const void *a, const void *b)
{
    const struct mutant_input *one = a;
    const struct mutant_input *other = b;

    return one->steps < other->steps ? -1 : one->steps > other->steps;
}

bool mutants_corpus(struct mutants *m, const char *root, const struct fuzz_target *only)
{
    char folder[PATH_BYTES];

    m->sites = ms_sim_site_count();
    m->input = calloc(MUTANTS_INPUTS_MAX, sizeof *m->input);
    ms_require(m->input != NULL && m->sites <= MUTANTS_SITES_MAX);
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++) {
        if ((only && *t != only) || (*t)->planted || (*t)->is_sequential || (*t)->actor_count == 1)
            continue; /* one actor alone needs no order */
        snprintf(folder, sizeof folder, "%s/%s", root, (*t)->name);
        if (access(folder, R_OK) != 0) {
            fprintf(stderr, "mapstorm: %s has no inputs: %s is not there\n", (*t)->name, folder);
            return false;
        }
        if (!folder_read(m, folder))
            return false;
    }
    if (!corpus_play(m))
        return false;
    qsort(m->input, m->count, sizeof *m->input, by_steps);
    return true;
}

void mutants_corpus_free(struct mutants *m)
{
    free(m->input);
    if (m->memory)
        munmap(m->memory, m->memory_bytes);
}

bool mutants_comes_to(const struct mutants *m, uint32_t site)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->input[i].comes_to[site])
            return true;
    return false;
}

/* --- one mutant ---------------------------------------------------------------------------------- */

struct trial {
    const struct mutants *m;
    const struct mutant_input *reaching[REACHING_MAX];
    uint32_t count;
    uint32_t site; /* its id */
    struct fuzz_options options;
    struct mutant_verdict *verdict;
};

/* Whoever never comes back is ended by a signal, which its parent takes for being noticed. */
static void deadline_set(int seconds)
{
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};

    setitimer(ITIMER_PROF, &timer, NULL);
}

static bool noticed(struct trial *t, enum mutant_stage stage, const struct fuzz_target *target,
                    const char *how)
{
    static const char *const by[] = {"the corpus", "its programs under other schedules",
                                     "all interleavings of a scenario", "a hunt"};

    t->verdict->is_killed = true;
    t->verdict->stage = stage;
    snprintf(t->verdict->how, sizeof t->verdict->how, "%s, by %s: %.120s", target->name, by[stage],
             how);
    return true;
}

static bool replays_notice(struct trial *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct mutant_input *input = t->reaching[i];
        struct ms_sim_result result;
        deadline_set(SECONDS_AN_EXECUTION);
        fuzz_play(input->target, &input->input, &t->options, &result);
        if (result.verdict == MS_SIM_BUG)
            return noticed(t, MUTANT_REPLAY, input->target, result.bug);
        if (result.verdict == MS_SIM_INCONCLUSIVE && input->is_clean)
            return noticed(t, MUTANT_REPLAY, input->target, "it no longer ends");
    }
    return false;
}

/* The same, and here is the input, which nobody has played without the mutant yet. */
static bool shown(struct trial *t, enum mutant_stage stage, const struct fuzz_target *target,
                  const struct fuzz_input *input, const char *how)
{
    struct ms_sim_result result;

    fuzz_play(target, input, NULL, &result);
    t->verdict->is_own = result.verdict == MS_SIM_BUG;
    t->verdict->target = target;
    t->verdict->input = *input;
    return noticed(t, stage, target, how);
}

/* The steps of one execution at the site, and those of others at the same places. */
struct meeting {
    uint32_t actor;
    uint32_t before; /* steps of the actor before it */
};

static uint32_t meetings_find(const struct trial *t, const struct ms_sim_result *result,
                              struct meeting *meeting)
{
    static bool is_place[UINT16_MAX + 1];
    uint32_t steps[MS_SIM_FIBERS_MAX] = {0};
    uint32_t count = 0;

    memset(is_place, 0, sizeof is_place);
    for (uint32_t i = 0; i < result->event_count; i++)
        if (result->events[i].site->id == t->site && result->events[i].location)
            is_place[result->events[i].location] = true;
    for (uint32_t i = 0; i < result->event_count && count < MEETINGS_MAX; i++) {
        const struct ms_sim_event *e = &result->events[i];
        uint32_t before = steps[e->fiber]++;
        if (e->step > 0 && (e->site->id == t->site || is_place[e->location]))
            meeting[count++] = (struct meeting){e->fiber, before};
    }
    return count;
}

static void stale_draw(struct ms_prng *prng, struct fuzz_input *input)
{
    input->strong_memory = false;
    input->stale = (uint8_t)(1 + ms_prng_below(prng, 15));
    input->read_count = 0;
    input->seed = (uint32_t)ms_prng_below(prng, 1u << 24);
}

/* One more schedule for a program. */
static void schedule_draw(struct trial *t, struct ms_prng *prng, const struct mutant_input *of,
                          struct fuzz_input *input)
{
    static struct meeting meeting[MEETINGS_MAX];
    struct ms_sim_result result;
    uint32_t what = (uint32_t)ms_prng_below(prng, 8);

    *input = of->input;
    if (what < 2) { /* as it is, with old values */
        stale_draw(prng, input);
        return;
    }
    if (what == 2) {
        fuzz_preempt(of->target, prng, input);
        if (ms_prng_below(prng, 2))
            stale_draw(prng, input);
        return;
    }
    if (what < 6) { /* somebody stands still there until the others are done */
        fuzz_play(of->target, input, &t->options, &result);
        uint32_t count = meetings_find(t, &result, meeting);
        stale_draw(prng, input);
        if (ms_prng_below(prng, 2))
            input->stale = 0;
        if (count > 0) {
            const struct meeting *m = &meeting[ms_prng_below(prng, count)];
            input->strategy = MS_SIM_STALL;
            input->stall_actor = (uint8_t)m->actor;
            input->stall_step = (uint16_t)(m->before + ms_prng_below(prng, 2));
            return;
        }
    }
    stale_draw(prng, input);
    if (ms_prng_below(prng, 4) == 0)
        input->stale = 0;
    input->strategy = ms_prng_below(prng, 2) ? MS_SIM_PCT : MS_SIM_POS;
    if (ms_prng_below(prng, 3) == 0)
        input->strategy = MS_SIM_WALK;
    input->depth = (uint8_t)(1 + ms_prng_below(prng, 5));
    input->estimate = (uint8_t)(of->steps / 4 < 255 ? of->steps / 4 + 1 : 255);
}

static bool schedules_notice(struct trial *t, uint64_t effort)
{
    static struct fuzz_input input;
    struct ms_prng prng = {t->site};
    struct ms_sim_result result;
    uint64_t steps = 0;

    /* Short programs oftener than long ones: the same steps for each. */
    for (uint32_t round = 1; steps < effort; round++)
        for (uint32_t i = 0; i < t->count && steps < effort; i++) {
            const struct mutant_input *of = t->reaching[i];
            if ((of->steps / 128) && round % (of->steps / 128 + 1) != 0)
                continue;
            deadline_set(SECONDS_AN_EXECUTION);
            schedule_draw(t, &prng, of, &input);
            fuzz_play(of->target, &input, &t->options, &result);
            steps += result.steps + 1;
            if (result.verdict == MS_SIM_BUG)
                return shown(t, MUTANT_SCHEDULE, of->target, &input, result.bug);
        }
    return false;
}

static bool scenarios_notice(struct trial *t, uint64_t effort)
{
    static struct ms_sim_explored explored;
    const uint64_t most = effort * 3 / 4; /* one large scenario is not all */

    for (uint32_t i = 0; i < t->count && effort > 0; i++) {
        const struct mutant_input *input = t->reaching[i];
        struct ms_sim_scenario scenario;
        if (!input->is_scenario)
            continue;
        fuzz_scenario(input->target, &input->input, &scenario);
        scenario.config.mutant_site = t->options.mutant_site;
        scenario.config.mutation = t->options.mutation;
        deadline_set(SECONDS_A_HUNT);
        ms_sim_explore(&scenario, MS_SIM_REDUCED, most / (input->steps + 1) + 1, &explored);
        uint64_t spent = (explored.executions + explored.sleep_blocked + 1) * input->steps;
        effort -= spent < effort ? spent : effort;
        if (explored.bug.verdict == MS_SIM_BUG) {
            static struct fuzz_input shows;
            shows = input->input;
            return fuzz_make_explicit(&shows, &explored.bug)
                       ? shown(t, MUTANT_EXPLORE, input->target, &shows, explored.bug.bug)
                       : noticed(t, MUTANT_EXPLORE, input->target, explored.bug.bug);
        }
        if (explored.is_complete && input->states && explored.state_count != input->states)
            return noticed(t, MUTANT_EXPLORE, input->target, "it ends in states it must not");
    }
    return false;
}

static bool hunts_notice(struct trial *t, uint64_t effort)
{
    static struct fuzz_input seeds[SEEDS_MAX];
    uint32_t targets = 0;

    for (const struct fuzz_target *const *target = fuzz_targets; *target; target++)
        for (uint32_t i = 0; i < t->count; i++)
            if (t->reaching[i]->target == *target) {
                targets++;
                break;
            }
    for (const struct fuzz_target *const *target = fuzz_targets; *target; target++) {
        struct fuzz_hunt hunt = {.seed = 1, .seeds = seeds, .options = t->options};
        uint64_t steps = 0;
        for (uint32_t i = 0; i < t->count && hunt.seed_count < SEEDS_MAX; i++)
            if (t->reaching[i]->target == *target) {
                seeds[hunt.seed_count++] = t->reaching[i]->input;
                steps += t->reaching[i]->steps;
            }
        if (hunt.seed_count == 0)
            continue;
        hunt.executions_max = effort / targets / (steps / hunt.seed_count + 1) + 1;
        deadline_set(SECONDS_A_HUNT);
        fuzz_hunt(*target, &hunt);
        if (hunt.found)
            return shown(t, MUTANT_HUNT, *target, &hunt.input, hunt.result.bug);
    }
    return false;
}

void mutant_try(const struct mutants *m, uint32_t site, enum ms_sim_mutation mutation,
                const struct mutant_effort *effort, struct mutant_verdict *verdict)
{
    static struct trial t;

    memset(&t, 0, sizeof t);
    t.m = m;
    t.site = ms_sim_site_at(site)->id;
    t.options = (struct fuzz_options){.mutant_site = t.site, .mutation = mutation};
    t.verdict = verdict;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->input[i].comes_to[site])
            t.reaching[t.count++] = &m->input[i];
    *verdict = (struct mutant_verdict){.is_reached = t.count > 0, .how = "nobody noticed"};
    if (t.count == 0)
        snprintf(verdict->how, sizeof verdict->how, "no input comes there");
    if (t.count > 0 && !replays_notice(&t) &&
        !(effort->schedule && schedules_notice(&t, effort->schedule)) &&
        !(effort->explore && scenarios_notice(&t, effort->explore)) && effort->hunt)
        hunts_notice(&t, effort->hunt);
    deadline_set(0);
}
