/* SPDX-License-Identifier: MIT */
/*
 * framework_stage.h: what framework_fuzz.c plays with: a driver of the framework with one device, two queues, and
 * one of each object that runs something later; and the shadow of all of it.
 */
#ifndef FUZZ_FRAMEWORK_STAGE_H
#define FUZZ_FRAMEWORK_STAGE_H

#include "stage.h"

#include "mapstorm_wdf.h"
#include "wdf/device.h"

enum {
    ACTORS = 3,
    NOTES = 24,
    TIMERS = 2,
    SLOTS = 4,
    PARALLEL = 2,
    RUNS = 32,
    HANDLES = 64,
    KINS = 24,
    WORDS = 8,
    SPARES = 4,
    STARTS = 16
};
enum { ALARM_ONCE, ALARM_PASSIVE, ALARM_PERIODIC, ALARMS };
enum scope { SCOPE_NONE, SCOPE_QUEUE, SCOPE_DEVICE, SCOPES };
enum dispatch { SEQUENTIAL, SOME, MANUAL, DISPATCHES };

/* What a request is to the one who sends it and to the driver. */
struct note {
    struct ms_io io;
    WDFREQUEST request;     /* good until it is done */
    ms_atomic_u32 is_known; /* hb:framework-fuzz: others may use what is above */
    uint8_t plan;
    bool is_with_driver;         /* between its handler and its end */
    bool is_presented;           /* out of the first queue, and counted there */
    bool is_forwarded, is_there; /* to the second queue; the call that did it has returned */
    bool is_kept;                /* for whoever comes and ends it */
    bool is_marked, was_unmarked, was_called; /* its cancel callback */
    bool is_ending; /* somebody unmarks it; the callback leaves it to that one (REQ-09) */
    bool is_cancelled, was_cancelled; /* somebody cancels it, did so */
    bool is_ended;                    /* the driver has called for its end, with: */
    NTSTATUS status;
    ULONG_PTR information;
    uint32_t done;
};

/* Callbacks of one scope, and whoever holds its lock: one thread at a time, which may come in again. */
struct inside {
    uint64_t value;
    uint32_t self, depth;
};

struct slot {
    WDFOBJECT object;
    struct tag_context *tag;
    uint32_t references;
    int32_t parent; /* another slot of the same actor, or -1 */
    bool is_alive;
};

struct later {
    uint32_t asked, taken_back, begun, finished;
    /* What the first runs left at their begin and end: whoever waited for one sees it. */
    uint64_t run[RUNS], end[RUNS];
};

/* An object of a family, see framework_family.h. */
struct kin_note {
    WDFOBJECT handle;
    uint64_t left; /* by its disposal */
    bool is_born, is_disposed, is_destroyed;
};

/* What is left for a work item before it is queued, and the run that saw it; see framework_later.h, as all below. */
struct word {
    ms_atomic_u32 left;
    uint32_t actor, run;
    bool is_asked, is_seen;
};

/* A work item or DPC of one thread, made again and again. */
struct spare {
    WDFOBJECT object;
    uint32_t made, begun, finished;
    uint64_t left[SPARES]; /* by the runs of each */
    bool is_dpc, is_alive, is_cleaned, is_destroyed;
};

/* A timer and the calls that start it. What is told of it holds while no two calls overlap; but for when it is
 * late, see alarm_latest. */
struct alarm {
    struct {
        uint64_t due_ns, left;
        uint32_t began,
            ended; /* when its call did, counted in such moments; ended: 0 while it goes on */
        bool may_come, replaced;
    } start[STARTS];
    uint32_t starts, returned, taken_back, calls, begun, finished;
    uint32_t fired; /* stepped: starts before the call that lets it go off */
    bool is_mixed, is_stopped;
    uint32_t moments, group; /* group: the first start of those that overlap, or came last */
    uint64_t group_ended_ns;
    bool is_unsure; /* which start is the last one cannot be told */
};

static struct {
    struct stage stage; /* from here on kept in the image */
    struct ms_wdf *wdf;
    enum scope scope;
    enum dispatch dispatch;
    bool is_stepped;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    WDFQUEUE queue, second;
    WDFTIMER timer[TIMERS];
    WDFDPC dpc;
    WDFWORKITEM work;
    WDFINTERRUPT interrupt;
    WDFSPINLOCK spin;
    WDFWAITLOCK wait;
    PMDL mdl;
    WDFOBJECT head; /* of the family */
    WDFWORKITEM helper;
    WDFTIMER alarm[ALARMS];
    WDFDEVICE other; /* see framework_places.h */
    WDFDEVICE *adding;
    uint32_t objects;
    uint32_t starts, stops;  /* EvtDevicePrepareHardware and -ReleaseHardware; of the image too */
    uint32_t powers, unload; /* likewise */
    struct note note[NOTES]; /* from here on set anew */
    uint32_t notes, presented,
        movers; /* movers: calls that take one out of a queue, or put it into the next */
    struct inside queue_inside, second_inside, device_inside, interrupt_inside, spin_inside,
        wait_inside;
    struct later timers[TIMERS], dpcs, works, interrupts;
    uint32_t isrs;
    struct slot slot[ACTORS][SLOTS];
    uint32_t made, cleaned, destroyed;
    WDFOBJECT handle[HANDLES]; /* that were ever made */
    PVOID shared;              /* a context of the device, which any thread may add */
    uint64_t buffer[4];
    struct word word[WORDS];
    uint32_t words, helped;
    uint64_t help[RUNS]; /* what its runs left */
    struct spare spare[ACTORS];
    struct alarm alarms[ALARMS];
    bool is_alarmed;
    uint32_t places[2], others, others_done; /* queues of the other device; requests to it */
    struct kin_note kin[KINS];
    uint32_t kins;
    bool is_family, is_head_deleted; /* anybody had to do with it; somebody deletes it */
    void *kin_context;
    ms_atomic_u32 finished;
    const struct ms_rule_info *blamed;
    bool goes, is_over;
} f;

/* Nobody here breaks a rule. */
static VOID watch(const struct ms_rule_report *report, void *context)
{
    (void)context;
    if (!f.blamed)
        f.blamed = report->info;
}

static void expect_nothing(const char *call)
{
    if (f.blamed)
        ms_sim_fail("O7 a call that breaks no rule is blamed", "%s: %s", call, f.blamed->name);
}

static void enter(struct inside *inside)
{
    if (inside->depth > 0 && inside->self != ms_sim_self())
        ms_sim_fail("O1 two threads in one scope or lock", "%u and %u", inside->self,
                    ms_sim_self());
    inside->self = ms_sim_self();
    if (inside->depth++ == 0)
        ms_data_write(&inside->value, sizeof inside->value);
}

static void leave(struct inside *inside)
{
    inside->depth--;
}

/* The scope that callbacks of a queue, or of what hangs from the device, are in; NULL: none. */
static struct inside *scope_of(WDFQUEUE queue)
{
    if (f.scope == SCOPE_DEVICE)
        return &f.device_inside;
    if (f.scope == SCOPE_QUEUE && queue)
        return queue == f.queue ? &f.queue_inside : &f.second_inside;
    return NULL;
}

/* A callback begins or ends: at its IRQL, alone in its scope. */
static void callback_begin(struct inside *scope, KIRQL irql)
{
    if (scope)
        enter(scope);
    if (KeGetCurrentIrql() != (scope ? DISPATCH_LEVEL : irql))
        ms_sim_fail("O7 a callback at another IRQL", "%u", KeGetCurrentIrql());
    ms_sim_here("callback");
}

static void callback_end(struct inside *scope)
{
    ms_sim_here("callback ends");
    if (scope)
        leave(scope);
}

#endif
