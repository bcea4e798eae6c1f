/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h: one input is one execution: set-up, operations of each actor, schedule, read choices.
 *
 * A target knows how to prepare its subject, do one operation and judge the end. All else is common
 * to all targets: reading inputs from bytes and text, playing, hunting, shrinking, telling.
 */
#ifndef MS_FUZZ_H
#define MS_FUZZ_H

#include <stdio.h>

#include "platform/prng.h"
#include "platform/sim_explore.h"

enum {
    FUZZ_OPS_MAX = 32,
    FUZZ_OPERANDS_MAX = 4,
    FUZZ_SETUP_MAX = 4,
    FUZZ_DENSE_MAX = 255,
    FUZZ_SWITCHES_MAX = 255,
    FUZZ_RULES_MAX = 15,
    FUZZ_READS_MAX = 255,
    FUZZ_PREEMPTIONS_MAX = 8, /* of a scenario */
    FUZZ_BYTES_MAX = 2048,    /* of an encoded input; engines keep to 512 */
    FUZZ_FEATURES = 8192,
};

struct fuzz_op {
    uint8_t kind;
    uint8_t actor;
    uint8_t operand[FUZZ_OPERANDS_MAX];
};

/* A whole execution as data. Equal inputs have equal traces. */
struct fuzz_input {
    uint8_t setup[FUZZ_SETUP_MAX];
    uint32_t op_count;
    struct fuzz_op op[FUZZ_OPS_MAX];

    enum ms_sim_strategy strategy;
    bool strong_memory;
    uint8_t stale; /* 0..15: of 16, how often a load with a choice is old by chance */
    uint32_t seed; /* 24 bits: walk, PCT, POS, stall, hold */
    uint8_t depth; /* PCT: 1..8; hold: an enum ms_sim_until, and how often the others take turns */
    uint8_t estimate;    /* PCT: a quarter of the steps changes fall into */
    uint8_t stall_actor; /* 0..7 */
    uint16_t stall_step;
    uint32_t dense_count, switch_count, rule_count, read_count;
    uint8_t dense[FUZZ_DENSE_MAX];
    struct ms_sim_preemption switches[FUZZ_SWITCHES_MAX];
    struct ms_sim_rule rules[FUZZ_RULES_MAX];
    uint8_t reads[FUZZ_READS_MAX];
};

/* A word of the vocabulary. */
struct fuzz_kind {
    const char *name;
    uint8_t operands;
    uint8_t actors; /* bit i: actor i may do it */
    const char *help;
};

struct fuzz_setting {
    const char *name;
    uint8_t values; /* 0 .. values-1 */
};

/* All members are required, but that `thread_count`, `is_sequential`, `blocks` and `tell_setting` may be 0. State belongs to the
 * target and is reused by every execution. */
struct fuzz_target {
    const char *name;
    const char *summary; /* what it proves, one line */
    const char *const *actors;
    uint32_t actor_count;
    uint32_t thread_count; /* that the subject starts itself; their names follow in `actors` */
    const struct fuzz_setting *settings;
    uint32_t setting_count;
    const struct fuzz_kind *kinds; /* at most 31 */
    uint32_t kind_count;
    bool is_sequential; /* one actor: there is no schedule to look for */
    const char *blocks; /* why threads may wait for a stopped one; NULL: they must not */
    uint32_t steps_max;
    /* What the name of a bug begins with when this target is told to fail: the canary; else NULL. */
    const char *planted;

    void (*reset)(const uint8_t *setup);                       /* outside of an execution */
    void (*perform)(uint32_t actor, const struct fuzz_op *op); /* by the actor's fiber */
    void (*finish)(uint32_t actor);                            /* after the actor's last */
    void (*check)(void *unused);                               /* alone, at the end */
    uint64_t (*digest)(void);                                  /* of the final state */
    /* The operation in words, for the story; returns text. */
    const char *(*tell)(const struct fuzz_op *op, char *text, size_t bytes);
    /* What a setting's number stands for; NULL: nothing to tell. */
    const char *(*tell_setting)(uint32_t setting, uint32_t value);
};

#define FUZZ_TARGET(name) extern const struct fuzz_target fuzz_target_##name;
#include "targets.def"
#undef FUZZ_TARGET
extern const struct fuzz_target *const fuzz_targets[]; /* NULL behind the last */
/* Whom a schedule can name: actors, and the threads that the subject starts. */
static inline uint32_t fuzz_fibers(const struct fuzz_target *target)
{
    return target->actor_count + target->thread_count;
}
const struct fuzz_target *fuzz_target_find(const char *name);

/* --- decode.c ------------------------------------------------------------------------------------
 */

/* Every byte string means something; what is missing reads as zero. */
void fuzz_decode(const struct fuzz_target *target, const uint8_t *bytes, size_t count,
                 struct fuzz_input *input);
/* decode(encode(i)) is i, for every i that decode or the text form gave. `bytes` has FUZZ_BYTES_MAX
 * bytes. */
size_t fuzz_encode(const struct fuzz_target *target, const struct fuzz_input *input,
                   uint8_t *bytes);

/* --- text.c --------------------------------------------------------------------------------------
 */

/* What a text file says beside the input. */
struct fuzz_note {
    char target[32];
    char bug[160];       /* "bug": what it found when it was made */
    uint32_t visits[32]; /* sites that must occur, or the file is stale */
    uint32_t visit_count;
    uint32_t executions, states; /* "explored": of the exhaustive search; 0: not said */
    bool is_bounded;             /* "preemptions": too large for all interleavings, */
    uint32_t preemptions;        /* so those with at most so many interruptions are searched */
};

/* The lossless form for people; see corpus/README.md. False: `error` says where and what. */
bool fuzz_text_read(const char *text, struct fuzz_input *input, struct fuzz_note *note, char *error,
                    size_t error_bytes);
/* Returns the bytes it needs, as snprintf does. */
size_t fuzz_text_write(const struct fuzz_target *target, const struct fuzz_input *input,
                       const struct fuzz_note *note, char *text, size_t bytes);

/* --- play.c --------------------------------------------------------------------------------------
 */

struct fuzz_options {
    uint8_t *features;      /* FUZZ_FEATURES bytes, or NULL */
    uint32_t feature_count; /* a smaller power of two of them; 0: all */
    uint32_t mutant_site;
    enum ms_sim_mutation mutation;
    uint32_t break_step; /* ms_sim_break is called before this step, counted from 1; 0: never */
};

void fuzz_play(const struct fuzz_target *target, const struct fuzz_input *input,
               const struct fuzz_options *options, struct ms_sim_result *result);
/* Where the last execution's operations began: operation `op` of the input, before the actor's first
 * step that is numbered `step` or higher. */
struct fuzz_mark {
    uint32_t op;
    uint32_t step;
};
uint32_t fuzz_marks(const struct fuzz_mark **marks);
/* The operation an actor was in when the last execution ended; FUZZ_OPS_MAX: behind its last. */
uint32_t fuzz_op_now(uint32_t actor);
/* Replaces the schedule by what was done: switches and reads in full. False when too long. */
bool fuzz_make_explicit(struct fuzz_input *input, const struct ms_sim_result *result);
/* The same as rules by site instead of step numbers; plays it to find out. False when too long or
 * when the rules do not lead to the same bug. */
bool fuzz_make_keyed(const struct fuzz_target *target, struct fuzz_input *input);
/* The program as a scenario for the exhaustive search and for stopping threads. `input` must
 * outlive it. */
void fuzz_scenario(const struct fuzz_target *target, const struct fuzz_input *input,
                   struct ms_sim_scenario *scenario);

/* --- mutate.c ------------------------------------------------------------------------------------
 */

void fuzz_generate(const struct fuzz_target *target, struct ms_prng *prng,
                   struct fuzz_input *input);
void fuzz_mutate(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input);
/* Plays it and makes one actor stand still right before it meets another at some place, which goes on: as a
 * switch in the same schedule, or for as long as the others have something to do. False: as it was, there is
 * no such place. */
bool fuzz_preempt(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input);
/* Operations of one parent under the schedule of the other, or the two programs one after another. */
void fuzz_cross(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input,
                const struct fuzz_input *other);

/* --- hunt.c --------------------------------------------------------------------------------------
 */

enum { FUZZ_KEPT_MAX = 2048 };

/* What a hunt shows to whoever watches it, perhaps from another process: numbers that are only told,
 * and the input that is being played, which is the finding when the hunt dies of it. */
struct fuzz_board {
    volatile uint64_t executions, steps, inconclusive;
    volatile uint32_t features, kept;
    volatile uint32_t seed_features;       /* of them, those that the seeds showed */
    volatile double seconds, found_new_at; /* since the hunt began */
    volatile bool must_stop;               /* the watcher's wish */
    volatile bool is_playing;
    struct fuzz_input playing;
};

struct fuzz_hunt {
    uint64_t seed;
    double seconds_max;      /* 0: none */
    bool counts_processor;   /* seconds are the process's own, not the clock's */
    uint64_t executions_max; /* 0: none */
    const struct fuzz_input *seeds;
    uint32_t seed_count;
    struct fuzz_input *kept;  /* room for FUZZ_KEPT_MAX, or NULL: the hunt's own */
    struct fuzz_board *board; /* or NULL */
    struct fuzz_options options;

    /* Results. */
    uint64_t executions;
    uint64_t steps;
    uint64_t inconclusive;
    double seconds;
    uint32_t features, seed_features;
    uint32_t kept_count; /* inputs in `kept`: each showed something when it came */
    bool found;
    struct fuzz_input input; /* the finding */
    struct ms_sim_result result;
};

/* Plays mutations of the seeds, keeping what shows new features, until a bug or a limit. */
void fuzz_hunt(const struct fuzz_target *target, struct fuzz_hunt *hunt);

/* Leaves a small set of inputs that together show every feature that all of them show, the first
 * `fixed` always among them; returns how many, and in `features` how many features. Inputs that fail
 * are dropped, which lowers `fixed`. */
uint32_t fuzz_cover(const struct fuzz_target *target, struct fuzz_input *inputs, uint32_t count,
                    uint32_t *fixed, uint32_t *features);

/* --- shrink.c ------------------------------------------------------------------------------------
 */

/* Makes a failing input as small as it can while the same bug remains. Returns executions used; 0:
 * it did not fail. */
uint64_t fuzz_shrink(const struct fuzz_target *target, struct fuzz_input *input,
                     const struct fuzz_options *options);

/* --- story.c -------------------------------------------------------------------------------------
 */

/* The execution as a table, a column per actor, a row per step. */
void fuzz_story(const struct fuzz_target *target, const struct fuzz_input *input,
                const struct ms_sim_result *result, FILE *out);
/* The program alone: set-up and what each actor does. */
void fuzz_story_program(const struct fuzz_target *target, const struct fuzz_input *input,
                        FILE *out);
/* What a step did, in words. */
const char *fuzz_story_step(const struct ms_sim_event *event, char *text, size_t bytes);
const char *fuzz_story_actor(const struct fuzz_target *target, uint32_t fiber);

/* --- chart.c -------------------------------------------------------------------------------------
 */

/* The same as one HTML file with a sequence chart: a line of life per actor, a mark per step, an arrow
 * from who wrote a value to who read it. */
void fuzz_chart(const struct fuzz_target *target, const struct fuzz_input *input,
                const struct ms_sim_result *result, FILE *out);

#endif
