/* SPDX-License-Identifier: MIT */
/*
 * play.c: an input becomes an execution; what was done becomes an input again.
 */
#include "fuzz.h"

#include <string.h>

const struct fuzz_target *fuzz_target_find(const char *name)
{
    for (const struct fuzz_target *const *t = fuzz_targets; *t; t++)
        if (strcmp((*t)->name, name) == 0)
            return *t;
    return NULL;
}

/* What one actor's fiber works off. */
struct part {
    const struct fuzz_target *target;
    const struct fuzz_input *input;
    uint32_t actor;
};

/* One execution at a time, so one set of parts; the simulator has the same rule. */
static struct part parts[MS_SIM_ACTORS_MAX];
static struct ms_sim_actor actors[MS_SIM_ACTORS_MAX];
static struct fuzz_mark marks[FUZZ_OPS_MAX];
static uint32_t mark_count;

static uint32_t op_now[MS_SIM_ACTORS_MAX]; /* each actor's */

uint32_t fuzz_op_now(uint32_t actor)
{
    return op_now[actor];
}

uint32_t fuzz_marks(const struct fuzz_mark **of)
{
    *of = marks;
    return mark_count;
}

static void part_body(void *context)
{
    const struct part *part = context;

    for (uint32_t i = 0; i < part->input->op_count; i++)
        if (part->input->op[i].actor == part->actor) {
            if (mark_count < FUZZ_OPS_MAX)
                marks[mark_count++] = (struct fuzz_mark){i, ms_sim_step() + 1};
            op_now[part->actor] = i;
            part->target->perform(part->actor, &part->input->op[i]);
        }
    op_now[part->actor] = FUZZ_OPS_MAX;
    part->target->finish(part->actor);
}

static void config_fill(const struct fuzz_target *target, const struct fuzz_input *input,
                        struct ms_sim_config *config)
{
    ms_sim_config_init(config);
    for (uint32_t i = 0; i < target->actor_count; i++) {
        parts[i] = (struct part){target, input, i};
        actors[i] = (struct ms_sim_actor){target->actors[i], part_body, &parts[i]};
    }
    config->actors = actors;
    config->actor_count = target->actor_count;
    config->check = target->check;
    config->steps_max = target->steps_max;
    config->no_check_when_frozen = true;
}

/* What the last target left must not be where this one takes its memory. */
static void reset(const struct fuzz_target *target, const struct fuzz_input *input)
{
    ms_sim_image_leave();
    target->reset(input->setup);
}

static struct ms_sim_schedule schedule_of(const struct fuzz_input *input)
{
    return (struct ms_sim_schedule){
        .strategy = input->strategy,
        .seed = input->seed,
        .depth = input->depth,
        .steps_estimate = input->estimate * 4u,
        .stall_actor = input->stall_actor,
        .stall_step = input->stall_step,
        .dense = input->dense,
        .dense_bytes = input->dense_count,
        .preemptions = input->switches,
        .preemption_count = input->switch_count,
        .rules = input->rules,
        .rule_count = input->rule_count,
        .reads = input->reads,
        .read_bytes = input->read_count,
        .stale_of_256 = input->stale * 16u,
    };
}

void fuzz_play(const struct fuzz_target *target, const struct fuzz_input *input,
               const struct fuzz_options *options, struct ms_sim_result *result)
{
    struct ms_sim_config config;

    config_fill(target, input, &config);
    config.schedule = schedule_of(input);
    config.strong_memory = input->strong_memory;
    if (options) {
        config.features = options->features;
        config.feature_count = options->feature_count ? options->feature_count : FUZZ_FEATURES;
        config.mutant_site = options->mutant_site;
        config.mutation = options->mutation;
        config.break_step = options->break_step;
    }
    mark_count = 0;
    reset(target, input);
    ms_sim_run(&config, result);
}

bool fuzz_make_explicit(struct fuzz_input *input, const struct ms_sim_result *result)
{
    uint32_t reads = result->read_bytes;

    while (reads > 0 && result->reads[reads - 1] == 0)
        reads--; /* the newest value is what no byte means */
    if (!result->record_is_whole || result->preemption_count > FUZZ_SWITCHES_MAX ||
        reads > FUZZ_READS_MAX)
        return false;
    input->strategy = MS_SIM_SPARSE;
    input->stale = 0;
    input->seed = 0;
    input->depth = input->estimate = input->stall_actor = 0;
    input->stall_step = 0;
    input->dense_count = input->rule_count = 0;
    input->switch_count = result->preemption_count;
    for (uint32_t i = 0; i < result->preemption_count; i++)
        input->switches[i] = result->preemptions[i];
    input->read_count = reads;
    memcpy(input->reads, result->reads, reads);
    return true;
}

/* Learns, from a sparse execution, at which visit of which site each switch was made. */
struct rule_maker {
    const struct fuzz_input *input;
    struct fuzz_input *keyed;
    struct {
        uint32_t site;
        uint32_t visits[MS_SIM_FIBERS_MAX];
    } seen[512];
    uint32_t seen_count;
    uint32_t next; /* switch */
    uint32_t last; /* fiber that did the last step */
    bool is_full;
};

static uint32_t *visits_of(struct rule_maker *maker, uint32_t site, uint32_t fiber)
{
    uint32_t i = 0;

    while (i < maker->seen_count && maker->seen[i].site != site)
        i++;
    if (i == maker->seen_count) {
        if (i == sizeof maker->seen / sizeof maker->seen[0]) {
            maker->is_full = true;
            return &maker->seen[0].visits[fiber];
        }
        memset(&maker->seen[i], 0, sizeof maker->seen[i]);
        maker->seen[maker->seen_count++].site = site;
    }
    return &maker->seen[i].visits[fiber];
}

static uint32_t watch(const struct ms_sim_choice *choice, void *context)
{
    struct rule_maker *maker = context;
    uint32_t fiber = maker->last;
    const struct ms_sim_site *site = choice->pending[fiber]->site;
    uint32_t visit = (*visits_of(maker, site ? site->id : 0, fiber))++;
    uint32_t chosen = choice->current != MS_SIM_NOBODY ? choice->current
                                                       : (uint32_t)__builtin_ctz(choice->runnable);

    if (choice->step == 0) /* the others came to their first step too; only actor 0 decides */
        for (uint32_t f = 1; f < MS_SIM_ACTORS_MAX; f++)
            if (choice->pending[f]->site)
                (*visits_of(maker, choice->pending[f]->site->id, f))++;
    if (maker->next < maker->input->switch_count &&
        maker->input->switches[maker->next].step == choice->step) {
        uint32_t wanted = maker->input->switches[maker->next++].target;
        if (choice->runnable >> wanted & 1)
            chosen = wanted;
        if (maker->keyed->rule_count == FUZZ_RULES_MAX)
            maker->is_full = true;
        else
            maker->keyed->rules[maker->keyed->rule_count++] = (struct ms_sim_rule){
                .actor = (uint8_t)fiber,
                .target = (uint8_t)wanted,
                .site = site ? site->id : 0,
                .visit = visit,
            };
    }
    maker->last = chosen;
    return chosen;
}

bool fuzz_make_keyed(const struct fuzz_target *target, struct fuzz_input *input)
{
    static struct rule_maker maker;
    struct fuzz_input keyed = *input;
    struct ms_sim_config config;
    struct ms_sim_result sparse;
    struct ms_sim_result result;
    char bug[sizeof sparse.bug];

    if (input->strategy != MS_SIM_SPARSE)
        return false;
    fuzz_play(target, input, NULL, &sparse);
    memcpy(bug, sparse.bug, sizeof bug);
    keyed.strategy = MS_SIM_KEYED;
    keyed.switch_count = 0;
    memset(&maker, 0, sizeof maker);
    maker.input = input;
    maker.keyed = &keyed;
    config_fill(target, input, &config);
    config.schedule = schedule_of(input);
    config.schedule.strategy = MS_SIM_ASKED;
    config.schedule.decide = watch;
    config.schedule.decide_context = &maker;
    config.strong_memory = input->strong_memory;
    reset(target, input);
    ms_sim_run(&config, &result);
    if (maker.is_full || strcmp(result.bug, bug) != 0)
        return false;
    fuzz_play(target, &keyed, NULL, &result);
    if (strcmp(result.bug, bug) != 0)
        return false;
    *input = keyed;
    return true;
}

/* --- scenarios -----------------------------------------------------------------------------------
 */

static void scenario_reset(void *context)
{
    const struct part *part = context;

    reset(part->target, part->input);
}

static uint64_t scenario_digest(void *context)
{
    const struct part *part = context;

    return part->target->digest();
}

void fuzz_scenario(const struct fuzz_target *target, const struct fuzz_input *input,
                   struct ms_sim_scenario *scenario)
{
    uint32_t used = 0;

    *scenario = (struct ms_sim_scenario){
        .reset = scenario_reset, .digest = scenario_digest, .context = &parts[0]};
    config_fill(target, input, &scenario->config);
    /* Actors beyond the last that has something to do would only add decisions. */
    for (uint32_t i = 0; i < input->op_count; i++)
        if (input->op[i].actor >= used)
            used = input->op[i].actor + 1u;
    scenario->config.actor_count = used ? used : 1;
}
