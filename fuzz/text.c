/* SPDX-License-Identifier: MIT */
/*
 * text.c: inputs as text, without loss: one line per set-up, operation, schedule, read choices.
 *
 * The grammar is in corpus/README.md. Reading is strict: a word that is not understood is an error
 * with its line number, for a regression that is silently read as something else proves nothing.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 600, LINE_MAX = 4096 };

static const char *const strategy_names[] = {"dense", "sparse", "keyed", "walk",
                                             "pct",   "pos",    "stall", "hold"};
enum { STRATEGIES = sizeof strategy_names / sizeof strategy_names[0] };

struct line {
    char *word[WORDS_MAX];
    uint32_t words;
    uint32_t number;
    uint32_t said; /* a bit for each statement that a file makes once */
    char *error;
    size_t error_bytes;
};

__attribute__((format(printf, 2, 3))) static bool wrong(const struct line *l, const char *format,
                                                        ...)
{
    va_list arguments;
    int used = snprintf(l->error, l->error_bytes, "line %u: ", l->number);

    va_start(arguments, format);
    if (used > 0 && (size_t)used < l->error_bytes)
        vsnprintf(l->error + used, l->error_bytes - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

static bool number(const struct line *l, const char *word, int base, uint32_t max, uint32_t *out)
{
    char *end;
    unsigned long long value = strtoull(word, &end, base);

    if (end == word || *end || *word == '-' || *word == '+')
        return wrong(l, "'%s' is no number", word);
    if (value > max)
        return wrong(l, "'%s' is more than %u", word, max);
    *out = (uint32_t)value;
    return true;
}

/* "name=value" */
static bool setting(const struct line *l, const char *word, const char *name, uint32_t max,
                    uint32_t *out)
{
    size_t length = strlen(name);

    if (strncmp(word, name, length) != 0 || word[length] != '=')
        return wrong(l, "'%s' should be %s=number", word, name);
    return number(l, word + length + 1, 10, max, out);
}

static bool actor_named(const struct line *l, const struct fuzz_target *target, const char *word,
                        uint32_t *out)
{
    for (uint32_t i = 0; i < fuzz_fibers(target); i++)
        if (strcmp(target->actors[i], word) == 0) {
            *out = i;
            return true;
        }
    return wrong(l, "%s has no actor '%s'", target->name, word);
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool read_setup(const struct line *l, const struct fuzz_target *target,
                       struct fuzz_input *input)
{
    if (l->words != target->setting_count + 1)
        return wrong(l, "%s has %u settings", target->name, target->setting_count);
    for (uint32_t i = 0; i < target->setting_count; i++) {
        uint32_t value;
        if (!setting(l, l->word[i + 1], target->settings[i].name, target->settings[i].values - 1u,
                     &value))
            return false;
        input->setup[i] = (uint8_t)value;
    }
    return true;
}

static bool read_op(const struct line *l, const struct fuzz_target *target,
                    struct fuzz_input *input)
{
    struct fuzz_op *op = &input->op[input->op_count];
    uint32_t value;
    uint32_t kind = 0;

    if (input->op_count == FUZZ_OPS_MAX)
        return wrong(l, "more than %d operations", FUZZ_OPS_MAX);
    if (!actor_named(l, target, l->word[0], &value))
        return false;
    if (l->words < 2)
        return wrong(l, "an operation is missing");
    while (kind < target->kind_count && strcmp(target->kinds[kind].name, l->word[1]) != 0)
        kind++;
    if (kind == target->kind_count)
        return wrong(l, "%s has no operation '%s'", target->name, l->word[1]);
    if (!(target->kinds[kind].actors >> value & 1))
        return wrong(l, "'%s' is not for %s", l->word[1], l->word[0]);
    if (l->words != target->kinds[kind].operands + 2u)
        return wrong(l, "'%s' takes %u operands", l->word[1], target->kinds[kind].operands);
    memset(op, 0, sizeof *op);
    op->kind = (uint8_t)kind;
    op->actor = (uint8_t)value;
    for (uint32_t i = 0; i < target->kinds[kind].operands; i++) {
        if (!number(l, l->word[i + 2], 10, 255, &value))
            return false;
        op->operand[i] = (uint8_t)value;
    }
    input->op_count++;
    return true;
}

/* "step:actor" */
static bool read_switch(const struct line *l, const struct fuzz_target *target, char *word,
                        struct fuzz_input *input)
{
    struct ms_sim_preemption *p = &input->switches[input->switch_count];
    char *colon = strchr(word, ':');

    if (!colon || input->switch_count == FUZZ_SWITCHES_MAX)
        return wrong(l, "'%s' should be step:actor, at most %d of them", word, FUZZ_SWITCHES_MAX);
    *colon = 0;
    if (!number(l, word, 10, MS_SIM_STEPS_MAX, &p->step) ||
        !actor_named(l, target, colon + 1, &p->target))
        return false;
    if (input->switch_count > 0 && p->step < p[-1].step)
        return wrong(l, "step %u comes after step %u", p->step, p[-1].step);
    input->switch_count++;
    return true;
}

/* "actor@site#visit>actor" */
static bool read_rule(const struct line *l, const struct fuzz_target *target, char *word,
                      struct fuzz_input *input)
{
    struct ms_sim_rule *rule = &input->rules[input->rule_count];
    char *at = strchr(word, '@');
    char *hash = at ? strchr(at, '#') : NULL;
    char *to = hash ? strchr(hash, '>') : NULL;
    uint32_t actor = 0;
    uint32_t goal = 0;

    if (!to || input->rule_count == FUZZ_RULES_MAX)
        return wrong(l, "'%s' should be actor@site#visit>actor, at most %d", word, FUZZ_RULES_MAX);
    *at = *hash = *to = 0;
    if (!actor_named(l, target, word, &actor) || !number(l, at + 1, 16, UINT32_MAX, &rule->site) ||
        !number(l, hash + 1, 10, UINT16_MAX, &rule->visit) ||
        !actor_named(l, target, to + 1, &goal))
        return false;
    rule->actor = (uint8_t)actor;
    rule->target = (uint8_t)goal;
    input->rule_count++;
    return true;
}

static bool read_schedule(const struct line *l, const struct fuzz_target *target,
                          struct fuzz_input *input)
{
    uint32_t value[3] = {0};
    uint32_t which = 0;

    while (which < STRATEGIES && (l->words < 2 || strcmp(strategy_names[which], l->word[1]) != 0))
        which++;
    if (which == STRATEGIES)
        return wrong(l, "no schedule of that name");
    input->strategy = (enum ms_sim_strategy)which;
    for (uint32_t i = 2; i < l->words; i++) {
        char *word = l->word[i];
        bool is_fine = false;
        switch (input->strategy) {
        case MS_SIM_DENSE:
            if (input->dense_count == FUZZ_DENSE_MAX)
                return wrong(l, "more than %d decisions", FUZZ_DENSE_MAX);
            if (number(l, word, 10, 255, &value[0])) {
                input->dense[input->dense_count++] = (uint8_t)value[0];
                is_fine = true;
            }
            break;
        case MS_SIM_SPARSE:
            is_fine = read_switch(l, target, word, input);
            break;
        case MS_SIM_HOLD: /* behind its four numbers, what came before */
            is_fine = i < 6 || read_switch(l, target, word, input);
            break;
        case MS_SIM_KEYED:
            is_fine = read_rule(l, target, word, input);
            break;
        default:
            is_fine = true;
        }
        if (!is_fine)
            return false;
    }
    switch (input->strategy) {
    case MS_SIM_WALK:
    case MS_SIM_POS:
        return l->words == 3 ? setting(l, l->word[2], "seed", 0xFFFFFF, &input->seed)
                             : wrong(l, "wants seed=number");
    case MS_SIM_PCT:
        if (l->words != 5 || !setting(l, l->word[2], "seed", 0xFFFFFF, &input->seed) ||
            !setting(l, l->word[3], "depth", 8, &value[0]) ||
            !setting(l, l->word[4], "estimate", 255, &value[1]) || value[0] == 0)
            return wrong(l, "wants seed=number depth=1..8 estimate=0..255");
        input->depth = (uint8_t)value[0];
        input->estimate = (uint8_t)value[1];
        return true;
    case MS_SIM_STALL:
        if (l->words != 5 || !setting(l, l->word[2], "seed", 0xFFFFFF, &input->seed) ||
            !setting(l, l->word[3], "actor", 7, &value[0]) ||
            !setting(l, l->word[4], "step", UINT16_MAX, &value[1]))
            return wrong(l, "wants seed=number actor=0..7 step=number");
        input->stall_actor = (uint8_t)value[0];
        input->stall_step = (uint16_t)value[1];
        return true;
    case MS_SIM_HOLD:
        if (l->words < 6 || !setting(l, l->word[2], "seed", 0xFFFFFF, &input->seed) ||
            !setting(l, l->word[3], "actor", 7, &value[0]) ||
            !setting(l, l->word[4], "step", UINT16_MAX, &value[1]) ||
            !setting(l, l->word[5], "until", MS_SIM_BY_TURNS * 2 - 1, &value[2]))
            return wrong(l, "wants seed=number actor=0..7 step=number until=0..%d, switches",
                         MS_SIM_BY_TURNS * 2 - 1);
        input->stall_actor = (uint8_t)value[0];
        input->stall_step = (uint16_t)value[1];
        input->depth = (uint8_t)value[2];
        return true;
    default:
        return true;
    }
}

static bool read_memory(const struct line *l, struct fuzz_input *input)
{
    uint32_t value = 0;

    if (l->words == 2 && strcmp(l->word[1], "strong") == 0) {
        input->strong_memory = true;
        return true;
    }
    if (l->words != 3 || strcmp(l->word[1], "weak") != 0)
        return wrong(l, "memory is 'strong' or 'weak stale=number'");
    if (!setting(l, l->word[2], "stale", 15, &value))
        return false;
    input->stale = (uint8_t)value;
    return true;
}

static bool read_reads(const struct line *l, struct fuzz_input *input)
{
    for (uint32_t i = 1; i < l->words; i++) {
        uint32_t value;
        if (input->read_count == FUZZ_READS_MAX)
            return wrong(l, "more than %d reads", FUZZ_READS_MAX);
        if (!number(l, l->word[i], 10, 255, &value))
            return false;
        input->reads[input->read_count++] = (uint8_t)value;
    }
    return true;
}

static bool read_visits(const struct line *l, struct fuzz_note *note)
{
    for (uint32_t i = 1; i < l->words; i++) {
        if (note->visit_count == sizeof note->visits / sizeof note->visits[0])
            return wrong(l, "too many visits");
        if (!number(l, l->word[i], 16, UINT32_MAX, &note->visits[note->visit_count]))
            return false;
        note->visit_count++;
    }
    return true;
}

static bool read_explored(const struct line *l, struct fuzz_note *note)
{
    if (l->words != 3)
        return wrong(l, "wants explored EXECUTIONS STATES");
    return number(l, l->word[1], 10, UINT32_MAX, &note->executions) &&
           number(l, l->word[2], 10, UINT32_MAX, &note->states);
}

static bool read_preemptions(const struct line *l, struct fuzz_note *note)
{
    if (l->words != 2)
        return wrong(l, "wants preemptions NUMBER");
    if (!number(l, l->word[1], 10, FUZZ_PREEMPTIONS_MAX, &note->preemptions))
        return false;
    note->is_bounded = true;
    return true;
}

/* Said twice, one would be lost without a word. */
static bool once(struct line *l)
{
    static const char *const names[] = {"target", "setup",    "schedule",   "memory",
                                        "reads",  "explored", "preemptions"};

    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(l->word[0], names[i]) == 0) {
            if (l->said >> i & 1)
                return wrong(l, "%s is said twice", names[i]);
            l->said |= 1u << i;
        }
    return true;
}

static bool read_line(struct line *l, char *text, const struct fuzz_target **target,
                      struct fuzz_input *input, struct fuzz_note *note)
{
    if (strncmp(text, "bug ", 4) == 0) {
        snprintf(note->bug, sizeof note->bug, "%.*s", (int)sizeof note->bug - 1, text + 4);
        return true;
    }
    l->words = 0;
    for (char *word = strtok(text, " \t\r"); word; word = strtok(NULL, " \t\r")) {
        if (l->words == WORDS_MAX)
            return wrong(l, "more than %d words", WORDS_MAX);
        l->word[l->words++] = word;
    }
    if (l->words == 0 || l->word[0][0] == '#')
        return true;
    if (!once(l))
        return false;
    if (strcmp(l->word[0], "target") == 0) {
        *target = l->words == 2 ? fuzz_target_find(l->word[1]) : NULL;
        if (!*target)
            return wrong(l, "no target of that name");
        snprintf(note->target, sizeof note->target, "%s", l->word[1]);
        return true;
    }
    if (!*target)
        return wrong(l, "the first line must name the target");
    if (strcmp(l->word[0], "setup") == 0)
        return read_setup(l, *target, input);
    if ((*target)->is_sequential &&
        (strcmp(l->word[0], "schedule") == 0 || strcmp(l->word[0], "memory") == 0 ||
         strcmp(l->word[0], "reads") == 0))
        return wrong(l, "%s has one actor: nothing is scheduled", (*target)->name);
    if (strcmp(l->word[0], "schedule") == 0)
        return read_schedule(l, *target, input);
    if (strcmp(l->word[0], "memory") == 0)
        return read_memory(l, input);
    if (strcmp(l->word[0], "reads") == 0)
        return read_reads(l, input);
    if (strcmp(l->word[0], "explored") == 0)
        return read_explored(l, note);
    if (strcmp(l->word[0], "preemptions") == 0)
        return read_preemptions(l, note);
    if (strcmp(l->word[0], "visits") == 0)
        return read_visits(l, note);
    return read_op(l, *target, input);
}

bool fuzz_text_read(const char *text, struct fuzz_input *input, struct fuzz_note *note, char *error,
                    size_t error_bytes)
{
    static struct line l; /* large; one reader at a time */
    static char copy[LINE_MAX];
    const struct fuzz_target *target = NULL;

    memset(input, 0, sizeof *input);
    memset(note, 0, sizeof *note);
    l = (struct line){.error = error, .error_bytes = error_bytes};
    while (*text) {
        size_t length = strcspn(text, "\n");
        l.number++;
        if (length >= sizeof copy)
            return wrong(&l, "longer than %d characters", LINE_MAX - 1);
        memcpy(copy, text, length);
        copy[length] = 0;
        if (!read_line(&l, copy, &target, input, note))
            return false;
        text += length + (text[length] == '\n');
    }
    l.number++; /* it would have been there */
    return target ? true : wrong(&l, "names no target");
}

/* --- writing -------------------------------------------------------------------------------------
 */

struct out {
    char *text;
    size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct out *o, const char *format, ...)
{
    va_list arguments;
    bool fits = o->used < o->room;

    va_start(arguments, format);
    int wrote =
        vsnprintf(fits ? o->text + o->used : NULL, fits ? o->room - o->used : 0, format, arguments);
    va_end(arguments);
    o->used += wrote > 0 ? (size_t)wrote : 0;
}

static const char *actor_name(const struct fuzz_target *target, uint32_t actor)
{
    return target->actors[actor % fuzz_fibers(target)];
}

static void write_schedule(struct out *o, const struct fuzz_target *target,
                           const struct fuzz_input *input)
{
    say(o, "schedule %s", strategy_names[input->strategy]);
    if (input->strategy == MS_SIM_HOLD)
        say(o, " seed=%u actor=%u step=%u until=%u", input->seed, input->stall_actor,
            input->stall_step, input->depth);
    switch (input->strategy) {
    case MS_SIM_DENSE:
        for (uint32_t i = 0; i < input->dense_count; i++)
            say(o, " %u", input->dense[i]);
        break;
    case MS_SIM_SPARSE:
    case MS_SIM_HOLD:
        for (uint32_t i = 0; i < input->switch_count; i++)
            say(o, " %u:%s", input->switches[i].step,
                actor_name(target, input->switches[i].target));
        break;
    case MS_SIM_KEYED:
        for (uint32_t i = 0; i < input->rule_count; i++)
            say(o, " %s@%08x#%u>%s", actor_name(target, input->rules[i].actor),
                input->rules[i].site, input->rules[i].visit,
                actor_name(target, input->rules[i].target));
        break;
    case MS_SIM_PCT:
        say(o, " seed=%u depth=%u estimate=%u", input->seed, input->depth, input->estimate);
        break;
    case MS_SIM_STALL:
        say(o, " seed=%u actor=%u step=%u", input->seed, input->stall_actor, input->stall_step);
        break;
    default:
        say(o, " seed=%u", input->seed);
    }
    say(o, "\n");
}

size_t fuzz_text_write(const struct fuzz_target *target, const struct fuzz_input *input,
                       const struct fuzz_note *note, char *text, size_t bytes)
{
    struct out o = {text, bytes, 0};

    say(&o, "target %s\n", target->name);
    if (note && note->bug[0])
        say(&o, "bug %s\n", note->bug);
    say(&o, "setup");
    for (uint32_t i = 0; i < target->setting_count; i++)
        say(&o, " %s=%u", target->settings[i].name, input->setup[i]);
    say(&o, "\n");
    for (uint32_t i = 0; i < input->op_count; i++) {
        const struct fuzz_kind *kind = &target->kinds[input->op[i].kind];
        say(&o, "%s %s", target->actors[input->op[i].actor], kind->name);
        for (uint32_t k = 0; k < kind->operands; k++)
            say(&o, " %u", input->op[i].operand[k]);
        say(&o, "\n");
    }
    if (!target->is_sequential) {
        write_schedule(&o, target, input);
        if (input->strong_memory)
            say(&o, "memory strong\n");
        else
            say(&o, "memory weak stale=%u\n", input->stale);
    }
    if (input->read_count > 0) {
        say(&o, "reads");
        for (uint32_t i = 0; i < input->read_count; i++)
            say(&o, " %u", input->reads[i]);
        say(&o, "\n");
    }
    if (note && note->visit_count > 0) {
        say(&o, "visits");
        for (uint32_t i = 0; i < note->visit_count; i++)
            say(&o, " %08x", note->visits[i]);
        say(&o, "\n");
    }
    return o.used;
}
