/* SPDX-License-Identifier: MIT */
/*
 * test_stream.h: the example driver (example/stream.c) under watch, on one thread. Every call it makes and
 * every callback it gets passes a point where a script may act as another processor would: cancel the
 * request, let its timer go off, let the device run. What the contract's section 19.2 demands is then
 * asserted, whatever the script was.
 */
#ifndef MS_WDF_TEST_STREAM_H
#define MS_WDF_TEST_STREAM_H

#include "mapstorm_wdf.h"
#include "wdf/test_wdf.h"

#include "controller/controller.h"
#include "memory/memory.h"

/* Where a script may act; the phases of 19.4 beside them. */
enum point {
    BEFORE_MARK,      /* P0 */
    AFTER_MARK,       /* P1, the timer is not started */
    BEFORE_EXECUTE,   /* P1 */
    IN_ALLOCATE,      /* P2 */
    BEFORE_MAP,       /* P4; the second and later ones: P8 */
    AFTER_MAP,        /* P5 */
    AFTER_EXECUTE,    /* P3 or P6 */
    AT_REST,          /* P3, P6: half of the first fragment is moved */
    BEFORE_COMPLETED, /* P7 */
    IN_FLUSH,         /* P8 */
    AFTER_COMPLETED,  /* P9, or in mid-transfer */
    BEFORE_FINAL,     /* the transfer was stopped, or failed */
    IN_FREE,          /* inside the give-back */
    AFTER_FINAL,      /* P9 */
    BEFORE_UNMARK,    /* P10 */
    AFTER_UNMARK,     /* P10, between the two clean-up steps */
    AFTER_TIMER_STOP, /* P10 */
    BEFORE_CANCEL,    /* the cancel callback has settled it */
    AFTER_CANCEL,
    BEFORE_STOP, /* somebody has settled it */
    AFTER_STOP,
    BEFORE_COMPLETE, /* the last reference is gone */
    POINTS
};

enum act { ACT_NONE, ACT_CANCEL, ACT_FIRE, ACT_RUN, ACTS };

struct step {
    enum point point;
    int visit; /* the n-th time, from 1 */
    enum act act;
};

enum { STEPS_MAX = 3, FRAGMENTS_MAX = 3, FRAGMENT_BYTES = 16 * 1024 };

/* Faults of 19.5 that a driver could have, planted from outside. */
enum plant {
    PLANT_NONE,
    PLANT_CANCEL_UNCOUNTED,
    PLANT_TIMER_EARLY,
    PLANT_UNMARK_IGNORED,
    PLANT_TIMER_STOP_IGNORED,
    PLANT_CANCEL_FALSE_COMPLETES,
    PLANT_EXECUTE_CANCELLED_DROPS,
    PLANT_TOUCH_AFTER_FALSE,
    /* and of the layer below */
    PLANT_TWO_COMPLETIONS,
    PLANT_COMPLETION_LOST,
    PLANT_STOP_NOT_PASSED_ON,
    PLANTS
};

struct script {
    struct step step[STEPS_MAX];
    int steps;
    int fragments;
    bool contended; /* another request holds the channel at first */
    bool read;      /* else write */
    bool fails;     /* the device faults in the second half of the first fragment */
    bool strict;    /* the driver keeps a failing end (RCE-21) */
    bool endless;   /* the device asserts its line for half of the first fragment only */
    enum plant plant;
};

/* What became of the subject. */
struct seen {
    int completions, settled_by_c, settled_by_t;
    NTSTATUS status;
    ULONG_PTR information;
    int marks, unmarked, timer_starts, timer_stopped, timer_deleted;
    int c_calls, t_calls, d_calls, programs, configures;
    int cancels, cancels_true, stops, executes, execute_failed, execute_cancelled;
    int completed_true, finals, maps, refused, flushes, frees;
    int zeroes, lost_asserts;
    size_t reported; /* bytes of fragments reported complete */
    DMA_COMPLETION_STATUS last_d;
    NTSTATUS mark_status, end_status, execute_status;
    int programs_at_stop; /* -1: never stopped */
    bool ended;           /* the framework said that the execution is over */
    bool in_stop, in_c, in_t;
    char wrong[160]; /* the first property that did not hold */
};

/* Notes the first thing that was wrong. */
__attribute__((format(printf, 2, 3))) void seen_wrong(struct seen *seen, const char *format, ...);
/* Whether the subject's end is one that the contract allows. */
void stream_judge(const struct script *script, struct seen *seen);

/* Runs one script from submit to rest, asserts nothing: what is wrong is in seen->wrong. */
void stream_play(const struct script *script, struct seen *seen);
void stream_world_open(const struct ms_wdf_config *config);
/* Asserts that nothing stayed behind. */
void stream_world_close(void);

#endif
