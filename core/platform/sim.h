/* SPDX-License-Identifier: MIT */
/*
 * sim.h: run threads of core as fibers on one OS thread, under a schedule that is plain data.
 *
 * One execution = actors + schedule + read choices. Same input, same trace hash: nothing of the
 * host (time, addresses, random numbers) reaches a decision. Every atomic operation is a step; the
 * schedule says who does the next one and, where weak memory leaves a load several values, which.
 *
 * Known limits of the memory model: modification order is execution order, so no load buffering
 * and no reordered stores to one location; the eight newest stores of a location can be read.
 *
 * One execution at a time per process; ms_sim_run is not reentrant.
 */
#ifndef MS_SIM_RUN_H
#define MS_SIM_RUN_H

#include "platform/platform.h"

#ifndef MS_SIM
#error "sim.h is for code compiled with MS_SIM"
#endif

enum {
    MS_SIM_FIBERS_MAX = 8,
    MS_SIM_ACTORS_MAX = MS_SIM_FIBERS_MAX - 1, /* the last fiber runs the final check */
    MS_SIM_STEPS_DEFAULT = 2000,
    MS_SIM_STEPS_MAX = 60000, /* clocks have 16 bits */
    MS_SIM_TRACE_MAX = 4096,  /* events kept for telling the story; the hash covers all */
};
#define MS_SIM_NOBODY UINT32_MAX

/* Who does the next step. The numbers are those of the corpus format. */
enum ms_sim_strategy {
    MS_SIM_DENSE,  /* a byte per decision while they last, then each runs to its end */
    MS_SIM_SPARSE, /* a list of (step, target) */
    MS_SIM_KEYED,  /* rules (actor, site, visit) -> target: survives edits that shift steps */
    MS_SIM_WALK,   /* uniform over who can run */
    MS_SIM_PCT,    /* random priorities and depth-1 changes of them */
    MS_SIM_POS,    /* random priority per pending event, redrawn on conflict */
    MS_SIM_STALL,  /* one actor stops at its n-th step until all others are done */
    MS_SIM_HOLD, /* as sparse, but one actor stops at its n-th step until the word it is about to access
                    * was written, or is again what it was */
    MS_SIM_ASKED, /* a callback decides: exhaustive search */
};

/* When an actor that is held goes on. Whatever it is, it also goes on when nobody else can. */
enum ms_sim_until {
    MS_SIM_UNTIL_WRITTEN,      /* its word holds another value */
    MS_SIM_UNTIL_BYTE_IS_BACK, /* held another meanwhile, and the lowest byte is what it was: a state */
    MS_SIM_UNTIL_HALF_IS_BACK, /* likewise the lower half: all but a tag */
    MS_SIM_UNTIL_IS_BACK,      /* likewise all of it */
    MS_SIM_UNTILS,
    MS_SIM_BY_TURNS = MS_SIM_UNTILS, /* added: the others take turns often, not seldom */
};

/* Before step `step` (counted over all fibers), switch to `target`; to the next one that can run
 * when it cannot. */
struct ms_sim_preemption {
    uint32_t step;
    uint32_t target;
};

/* When `actor` comes to `site` (its id; 0: its end) for the `visit`-th time, 0 the first. */
struct ms_sim_rule {
    uint8_t actor;
    uint8_t target;
    uint32_t site;
    uint32_t visit;
};

/* What a fiber is about to do. */
struct ms_sim_pending {
    const struct ms_sim_site *site; /* NULL: nothing (done) */
    const void *address;            /* NULL: none */
    bool is_write;                  /* it may write */
};

/* What a callback scheduler sees: fibers in `runnable` (a bit each) have something pending. */
struct ms_sim_choice {
    uint32_t step;
    uint32_t current;  /* who came here, or MS_SIM_NOBODY when it cannot go on */
    uint32_t runnable; /* bit i: fiber i can do its next step */
    const struct ms_sim_pending *pending[MS_SIM_FIBERS_MAX];
};
/* Returns a fiber in `runnable`, or MS_SIM_NOBODY: give this execution up. */
typedef uint32_t ms_sim_decide(const struct ms_sim_choice *choice, void *context);

struct ms_sim_schedule {
    enum ms_sim_strategy strategy;
    uint64_t seed;           /* walk, PCT, POS, hold, and stale reads by chance */
    uint32_t depth;          /* PCT: 1 or more; hold: enum ms_sim_until */
    uint32_t steps_estimate; /* PCT: changes fall into the first so many steps */
    uint32_t stall_actor, stall_step;
    const uint8_t *dense;
    uint32_t dense_bytes;
    const struct ms_sim_preemption *preemptions; /* ascending steps */
    uint32_t preemption_count;
    const struct ms_sim_rule *rules;
    uint32_t rule_count;
    /* A byte per load that has more than one admissible value; 0: the newest. */
    const uint8_t *reads;
    uint32_t read_bytes;
    uint32_t
        stale_of_256; /* when `reads` is used up: chance of a value by seed instead of newest */
    ms_sim_decide *decide;
    void *decide_context;
};

/* A change of one site's meaning, to see whether anything notices. */
enum ms_sim_mutation {
    MS_SIM_UNCHANGED,
    MS_SIM_MUTATE_RELAX,  /* its order becomes relaxed; a fence is dropped */
    MS_SIM_MUTATE_SPLIT,  /* a read-modify-write becomes load, switch point, store */
    MS_SIM_MUTATE_IGNORE, /* a compare-exchange that fails says it succeeded */
};

struct ms_sim_actor {
    const char *name;
    ms_thread_body *body;
    void *context;
};

struct ms_sim_config {
    const struct ms_sim_actor *actors;
    uint32_t actor_count;
    ms_thread_body *check; /* runs alone at the end, after all actors; NULL: none */
    void *check_context;
    struct ms_sim_schedule schedule;
    uint32_t steps_max; /* 0: MS_SIM_STEPS_DEFAULT */
    bool strong_memory; /* loads return the newest value only */
    bool no_race_check;
    bool no_check_when_frozen; /* the final check needs everybody finished */
    /* Freezes this actor for ever before its freeze_step-th step; MS_SIM_NOBODY: nobody. The others
     * must finish within freeze_bound further steps, or the verdict is a bug of kind O10. */
    uint32_t freeze_actor, freeze_step, freeze_bound;
    uint32_t mutant_site;
    enum ms_sim_mutation mutation;
    uint32_t break_step; /* ms_sim_break is called before this step, counted from 1; 0: never */
    /* Interleaving features are set to 1 here, one byte each; a power of two; NULL: none. */
    uint8_t *features;
    uint32_t feature_count;
};

enum ms_sim_verdict {
    MS_SIM_CLEAN,
    MS_SIM_BUG,
    MS_SIM_INCONCLUSIVE, /* the step limit, or given up by the callback */
};

struct ms_sim_event {
    const struct ms_sim_site *site;
    uint64_t value;    /* read, or written by a store; of a compare-exchange, what it saw */
    uint64_t written;  /* of a read-modify-write */
    uint32_t step;     /* its number, counted from 1 over all actors; 0: of the final check */
    uint16_t location; /* numbered in order of first touch; 0: none */
    uint8_t fiber;
    uint8_t stale : 4; /* how many stores older than the newest */
    uint8_t wrote : 1;
    uint8_t failed : 1; /* a compare-exchange that did not store */
    uint8_t switched : 1;
    uint8_t is_pointer : 1;
    const void *address;
};

struct ms_sim_result {
    enum ms_sim_verdict verdict;
    char bug[160];   /* stable identity: oracle and place */
    char story[256]; /* one line for people */
    uint64_t trace_hash;
    uint32_t steps;
    uint32_t fiber_steps[MS_SIM_FIBERS_MAX];
    uint32_t frozen_steps; /* steps of the others after the freeze */
    bool froze;            /* the actor did reach its freeze_step */
    uint32_t event_count;  /* min(steps, MS_SIM_TRACE_MAX) */
    const struct ms_sim_event *events;
    /* The execution in explicit form: replaying these as a sparse schedule gives the same trace. */
    const struct ms_sim_preemption *preemptions;
    uint32_t preemption_count;
    const uint8_t *reads;
    uint32_t read_bytes;
    bool record_is_whole; /* false: more switches or choices than are kept */
};

void ms_sim_config_init(struct ms_sim_config *config);

/* Runs the actors to their end, or until a bug. `result` points into memory of the simulator that
 * the next run overwrites. */
void ms_sim_run(const struct ms_sim_config *config, struct ms_sim_result *result);

/* An oracle found a bug. Inside an execution: ends it, never returns. Outside: prints, aborts.
 * `bug` is the identity and must not depend on values. */
_Noreturn void ms_sim_fail(const char *bug, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Does nothing: a debugger stops here, on the stack of the thread that is about to do the step. */
void ms_sim_break(void);

/* From now on a crash (a wild pointer, a division by zero) inside an execution is a bug like any other,
 * named after the last step. Not where a sanitizer tells more. */
void ms_sim_catch_crashes(void);

/* True inside an actor or the final check. */
bool ms_sim_is_running(void);
/* Index of the running actor, or MS_SIM_NOBODY outside. */
uint32_t ms_sim_self(void);
uint32_t ms_sim_step(void);
/* An actor was frozen: what a driver would wait for may never come. */
bool ms_sim_somebody_is_stopped(void);

/* Drops everything that ms_alloc, ms_reserve and ms_host_memory_create gave and nobody gave back: what
 * an execution that broke off leaves cannot be taken down in order. Outside of an execution. */
void ms_sim_memory_drop(void);
/* Whether the host has a fence of all CPUs, for what is made from now on. It has, until this says
 * otherwise. */
void ms_sim_host_fence(bool has_one);
/* Blocks of ms_alloc, ms_reserve and ms_host_memory_create that are taken, but for those that an image brings back. */
uint32_t ms_sim_memory_held(void);

/* Images, for subjects that are dear to make: each is made once, and every further execution begins with
 * it as it was when it was kept, whatever the one before did and wherever it broke off. Outside of an
 * execution.
 *
 * use: true: the subject is as it was kept, `own` too. False: there is none of this owner and number; the
 * caller makes its subject and keeps it. All images of an owner keep the same `own`, which stays where it is
 * as long as the program runs, and it is zero when a subject is made. Memory taken meanwhile belongs to the
 * image. Brought back are all blocks of ms_alloc, reserves of up to 32 KiB, and of what is larger (physical
 * memory) the atomics alone: bytes in pages that must not show what was there before are the caller's to clear.
 * leave: who comes next knows nothing of images. Physical memory is the host's: processes that fork off a
 * program that has images share it. */
bool ms_sim_image_use(const void *owner, uint32_t number);
void ms_sim_image_keep(void *own, size_t bytes);
void ms_sim_image_leave(void);

/* Tells a search that something is in a state: a small number under a label. Sequential targets have no
 * interleaving to learn from; they say which edge they met. */
void ms_sim_state(uint32_t label, uint32_t value);

/* A switch point without an access. */
#define ms_sim_here(text) ms_sim_point(MS_SIM_SITE(text, MS_SIM_POINT, MS_SIM_RELAXED))

/* --- the table of sites --------------------------------------------------------------------------
 */

/* All sites of the program in order of id; several copies of an inline function's site count once.
 * The first call gives the ids and stops the program when two sites collide. */
uint32_t ms_sim_site_count(void);
const struct ms_sim_site *ms_sim_site_at(uint32_t index);
const struct ms_sim_site *ms_sim_site_by_id(uint32_t id);
/* "file:function expression kind.order" into `text`. */
void ms_sim_site_text(const struct ms_sim_site *site, char *text, size_t bytes);
const char *ms_sim_kind_name(uint8_t kind);
const char *ms_sim_order_name(uint8_t order);

#endif
