/* SPDX-License-Identifier: MIT */
/*
 * sim_state.h: what the parts of the simulator share. Private to sim_*.c and platform_sim.c.
 *
 * The simulator is the one place with state of its own at file level: the hooks behind an atomic
 * have no argument that could carry it, and there is one execution at a time.
 */
#ifndef MS_SIM_STATE_H
#define MS_SIM_STATE_H

#include "platform/prng.h"
#include "platform/sim.h"

/* For functions that look where the address sanitizer would object: at its shadow, at gaps between blocks. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_UNWATCHED __attribute__((no_sanitize("address")))
#endif
#endif
#ifndef SIM_UNWATCHED
#define SIM_UNWATCHED __attribute__((no_sanitize_address))
#endif

/* --- clocks: one 16-bit component per fiber, all eight in one vector -----------------------------
 */

typedef uint16_t sim_clock __attribute__((vector_size(16)));
static_assert(sizeof(sim_clock) / sizeof(uint16_t) == MS_SIM_FIBERS_MAX, "a component per fiber");

static inline sim_clock clock_join(sim_clock a, sim_clock b)
{
    sim_clock newer = (sim_clock)(a > b);

    return (a & newer) | (b & ~newer);
}

/* --- fibers --------------------------------------------------------------------------------------
 */

/* A stack and what is needed to come back to it. */
struct sim_context {
    void *stack_pointer;
    void *stack_bottom;
    size_t stack_bytes;
    void *fake_stack; /* address sanitizer's */
#ifdef MS_SIM_UCONTEXT
    void *portable; /* ucontext_t */
#endif
};

/* Gives `context` a fresh start: the next switch to it calls sim_fiber_main. */
void sim_context_prepare(struct sim_context *context, uint32_t index);
/* Leaves `from`, which can be come back to. */
void sim_context_switch(struct sim_context *from, struct sim_context *to);
/* Leaves `from` for good. */
_Noreturn void sim_context_leave(struct sim_context *from, struct sim_context *to);
/* The body of fiber `index`; in sim_run.c. Never returns. */
_Noreturn void sim_fiber_main(uint32_t index);

enum sim_fiber_state {
    FIBER_NEW,    /* has no stack contents yet */
    FIBER_PARKED, /* between executions, in sim_fiber_main */
    FIBER_ACTIVE, /* in its body */
};

struct sim_fiber {
    struct sim_context context;
    enum sim_fiber_state state; /* outlives executions */
    uint32_t index;

    /* This execution. */
    struct ms_sim_pending pending;
    ms_thread_body *body;
    void *body_context;
    const char *name;
    bool used;   /* has a body in this execution */
    bool done;   /* its body returned */
    bool frozen; /* not runnable until thawed, or never */
    bool timed_out;
    const void *blocked_on; /* ms_wait's word or a thread to join; NULL: none */
    uint64_t wake_at;       /* virtual time; UINT64_MAX: none */
    uint32_t steps;
    void *local_value;
    void (*local_at_exit)(void *value);
    uint32_t fault_countdown;
    bool fault_fired;

    sim_clock clock;           /* what happens-before its next step */
    sim_clock visible;         /* stores it can no longer miss, by fences; includes clock */
    sim_clock acquire_pending; /* release clocks of relaxed loads, for an acquire fence */
    sim_clock release_fence;   /* its clock at its last release fence */
    uint32_t
        fence_sequence; /* sim.sequence at the last seq_cst fence that happens-before its next step */
};

struct sim_state {
    struct ms_sim_config config;
    struct sim_fiber fiber[MS_SIM_FIBERS_MAX];
    struct sim_context main;
    struct sim_fiber *current; /* NULL: main */
    struct sim_fiber *last;    /* who did the last step */
    /* A bit per fiber: has a body, is neither done, frozen nor blocked; and of those, waits for a write,
     * and is not runnable until somebody writes, unless all who could run spin. */
    uint32_t able, spinning;
    bool is_active;   /* between the begin and end of ms_sim_run */
    bool is_prologue; /* fibers come back to main at their first step */
    bool is_checking; /* the final check runs alone */
    bool is_aborting;
    bool is_only;           /* one actor, and nothing of what makes its steps special */
    bool may_switch_record; /* the next step was chosen against the default */
    uint32_t steps;
    uint32_t steps_max;
    uint32_t check_steps;
    uint32_t idle_rounds;  /* decisions among spinning fibers only, since the last write */
    uint32_t frozen_since; /* step of the freeze */
    bool froze;
    uint64_t time; /* virtual nanoseconds */
    uint64_t hash;
    struct ms_sim_result result;

    struct ms_sim_event events[MS_SIM_TRACE_MAX];
    struct ms_sim_preemption made[1024]; /* choices against the default */
    uint32_t made_count;
    uint8_t reads[4096]; /* which value each load with a choice got */
    uint32_t read_count;
    bool record_overflow;

    /* Schedule; sim_schedule.c. */
    struct ms_prng prng;
    uint32_t dense_at, preemption_at, read_at;
    uint32_t rule_visits[64];
    uint64_t priority[MS_SIM_FIBERS_MAX];
    uint32_t change_at[8];
    uint32_t change_count;
    enum { HOLD_BEFORE, HOLD_ON, HOLD_OVER } hold;
    bool hold_written; /* the word has held another value since */
    uint64_t hold_value;

    /* Fences; sim_memory.c. */
    sim_clock fence_clock; /* what happens-before some seq_cst fence */
    uint32_t sequence;     /* of the newest seq_cst store */
    uint32_t generation;   /* +1 per execution: older table entries are empty */
};

extern struct sim_state sim;

/* --- sim_schedule.c ------------------------------------------------------------------------------
 */

void sim_schedule_begin(void);
/* Who does the next step: a fiber index in `runnable`, or MS_SIM_NOBODY to give up. `current` came
 * to the decision and may be unable to go on. */
uint32_t sim_schedule_pick(struct sim_fiber *current, uint32_t runnable);
/* A fiber has just come to a new step. */
void sim_schedule_note(struct sim_fiber *fiber);
static inline void sim_schedule_arrive(struct sim_fiber *fiber)
{
    if (sim.config.schedule.strategy == MS_SIM_KEYED || sim.config.schedule.strategy == MS_SIM_POS)
        sim_schedule_note(fiber);
}
/* Which of `count` admissible values a load gets; 0: the newest. */
uint32_t sim_schedule_read(uint32_t count);

/* --- sim_memory.c: atomics -----------------------------------------------------------------------
 */

/* What an access found, for the trace and the features. */
struct sim_seen {
    uint64_t value;
    uint32_t location; /* 1 .. */
    uint32_t stale;
    const struct ms_sim_site *writer; /* NULL: the initial value */
    uint8_t writer_fiber;
    uint8_t distance; /* foreign writes here since this fiber's last access, in buckets */
};

void sim_memory_begin(void);

/* The engines' builds leave the simulator to itself, for speed; what the accesses touch is somebody's all the same.
 * So where there is an address sanitizer its shadow is looked at: a byte for eight, 0 when all may be touched. */
extern uintptr_t sim_shadow; /* 0: none */
/* Of an access to a byte whose shadow is not 0: returns when it is none of those that are wrong. */
void sim_shadow_judge(const void *address, size_t bytes, bool is_write);

SIM_UNWATCHED static inline void sim_shadow_look(const void *address, size_t bytes, bool is_write)
{
    if (MS_UNLIKELY(sim_shadow != 0) &&
        MS_UNLIKELY(*(const volatile uint8_t *)(sim_shadow + ((uintptr_t)address >> 3)) != 0))
        sim_shadow_judge(address, bytes, is_write);
}

static inline uint64_t sim_raw_read(const void *address, enum ms_sim_width width)
{
    sim_shadow_look(address, width == MS_SIM_U32 ? 4 : 8, false);
    return width == MS_SIM_U32 ? *(const volatile uint32_t *)address
                               : *(const volatile uint64_t *)address;
}
struct sim_seen sim_memory_load(const struct ms_sim_site *site, struct sim_fiber *f, const void *a,
                                enum ms_sim_width width, enum ms_sim_order order);
/* The newest value, as read by a read-modify-write; nothing is acquired yet. */
struct sim_seen sim_memory_newest(const struct ms_sim_site *site, struct sim_fiber *f,
                                  const void *a, enum ms_sim_width width, enum ms_sim_order order);
/* `is_rmw`: it continues the release sequence of the value replaced. */
uint32_t sim_memory_store(const struct ms_sim_site *site, struct sim_fiber *f, void *a,
                          enum ms_sim_width width, uint64_t value, enum ms_sim_order order,
                          bool is_rmw);
/* The newest value at `address` that an atomic access wrote or read; false: none did. */
bool sim_memory_peek(const void *address, uint64_t *value);
void sim_memory_fence(struct sim_fiber *f, enum ms_sim_order order);
/* Every fiber passes a full fence now. */
void sim_memory_fence_all(struct sim_fiber *f);
/* [memory, memory + bytes) is somebody else's from now on. */
void sim_memory_forget(const void *memory, size_t bytes);

/* --- sim_image.c, platform_memory.c: memory that an image brings back ------------------------------
 */

enum {
    SIM_IMAGE_NONE = 0,
    SIM_IMAGE_LATE = UINT16_MAX /* taken by an execution, not its image's */
};
/* Whose a large block is that is taken now: an image's number, or one of these. */
uint32_t sim_image_owner(void);
/* From the arena; NULL: no image is in use, or there is no room. */
void *sim_image_alloc(size_t bytes);
enum { SIM_ARENA_BYTES = 64 << 20 };
extern uint8_t *sim_arena; /* NULL: none yet */
static inline bool sim_image_holds(const void *memory)
{
    return sim_arena && (uintptr_t)memory - (uintptr_t)sim_arena < SIM_ARENA_BYTES;
}
/* Blocks of the arena that this execution took and has not given back. */
uint32_t sim_image_held(void);
void sim_image_free(void *memory, size_t bytes);
/* The atomic, which is not in the arena, is about to be written. */
void sim_image_note(void *address, enum ms_sim_width width);

static inline void sim_raw_write(void *address, enum ms_sim_width width, uint64_t value)
{
    sim_shadow_look(address, width == MS_SIM_U32 ? 4 : 8, true);
    if (!sim_image_holds(address))
        sim_image_note(address, width);
    if (width == MS_SIM_U32)
        *(volatile uint32_t *)address = (uint32_t)value;
    else
        *(volatile uint64_t *)address = value;
}

struct sim_range {
    void *memory;
    size_t bytes;
};
/* What of the host's memory belongs to this one; at most `max`. */
uint32_t sim_memory_ranges_of(uint32_t image, struct sim_range *ranges, uint32_t max);
/* Gives the host what belongs to this one. */
void sim_memory_drop_of(uint32_t image);

/* --- sim_view.c: physical memory that is shown elsewhere --------------------------------------------
 */

bool sim_view_show(const struct ms_host_memory *memory, uint64_t offset, void *address,
                   uint64_t bytes);
/* False: that is left to the host. */
bool sim_view_hide(void *address, uint64_t bytes);
/* These addresses are about to be another one's, or the memory there that others show. */
void sim_view_forget(const void *memory, uint64_t bytes);

/* All that is shown there, but for what is large, is hidden. */
void sim_view_hide_all(const void *memory, uint64_t bytes);

/* --- sim_spare.c: large memory that is given out again ----------------------------------------------
 */

/* NULL or false: it is the host's to give. A window is for views alone. */
void *sim_spare_take(uint64_t bytes, bool is_window);
bool sim_spare_memory_take(struct ms_host_memory *memory, uint64_t bytes);
/* False: it did not come from here. */
bool sim_spare_give(void *memory, uint64_t bytes);
/* Pages of this physical memory went back to the host: their number says nothing now. */
void sim_spare_discarded(const void *memory);
/* A view was mapped there; `is_kept`: sim_view.c knows its pages. */
void sim_spare_mix(const void *memory, bool is_kept);

/* --- sim_race.c: plain data ----------------------------------------------------------------------
 */

void sim_race_begin(void);
/* NULL, or the site this access races with. */
const struct ms_sim_site *sim_race_access(const struct ms_sim_site *site, struct sim_fiber *f,
                                          const void *object, size_t bytes, bool is_write);
void sim_race_forget(const void *memory, size_t bytes);

/* --- sim_run.c -----------------------------------------------------------------------------------
 */

/* The calling fiber comes to a step: others may go first. Returns when the schedule chose it. */
void sim_step_begin(const struct ms_sim_site *site, const void *address, bool is_write);
void sim_step_last(void); /* at the limit of steps */
_Noreturn void sim_check_endless(void);

/* The one actor's. With nobody else there is neither a clock to compare nor a freeze, and who spins need not be woken. */
static inline void sim_step_only(void)
{
    if (MS_UNLIKELY(sim.steps + 1 >= sim.steps_max)) {
        sim_step_last();
        return;
    }
    sim.current->steps++;
    sim.steps++;
    if (MS_UNLIKELY(sim.steps == sim.config.break_step))
        ms_sim_break();
}

/* A step of the final check: only counted. */
enum { SIM_CHECK_STEPS_MAX = 1000000 };
static inline void sim_step_alone(void)
{
    sim.current->steps++;
    if (MS_UNLIKELY(++sim.check_steps >= SIM_CHECK_STEPS_MAX))
        sim_check_endless();
}

static inline uint64_t sim_hash_with(uint64_t hash, uint64_t word)
{
    return ((hash ^ word) * 0x9E3779B97F4A7C15u) ^ (hash >> 29);
}

/* The step is done: trace and hash. Inline, so that the event is made where it is kept. */
static inline void sim_step_end(const struct ms_sim_event *event)
{
    uint32_t me = sim.current->index;
    uint64_t value = event->is_pointer ? event->value != 0 : event->value;
    uint64_t written = event->is_pointer ? event->written != 0 : event->written;
    uint64_t what = (uint64_t)event->site->id << 32 | (uint64_t)event->location << 16 | me << 8 |
                    (uint64_t)event->stale << 4 | (uint64_t)event->failed << 1 | event->wrote;

    sim.hash = sim_hash_with(sim_hash_with(sim_hash_with(sim.hash, what), value), written);
    if (MS_LIKELY(sim.result.event_count < MS_SIM_TRACE_MAX)) {
        struct ms_sim_event *kept = &sim.events[sim.result.event_count++];
        *kept = *event;
        kept->fiber = (uint8_t)me;
        kept->step = sim.is_checking ? 0 : sim.steps;
        kept->switched = sim.may_switch_record;
    }
    sim.may_switch_record = false;
}

/* The calling fiber cannot go on (blocked_on is set): others run until it can. */
void sim_block(void);
/* All who wait for `what`, at most `count`, can go on. Returns how many. */
uint32_t sim_unblock(const void *what, uint32_t count);
/* Adds an actor to the running execution; MS_SIM_NOBODY: there are too many. */
uint32_t sim_fiber_add(ms_thread_body *body, void *context, const char *name);
/* Somebody wrote: those who spin can look again. */
void sim_wake_spinners(void);

#endif
