/* SPDX-License-Identifier: MIT */
/*
 * count_names.h: the counts of take + give, by their names in a result. All are per request but the last
 * two.
 */
#ifndef MS_COUNT_NAMES_H
#define MS_COUNT_NAMES_H

#define MS_COUNT_CAS      "CAS attempts"        /* compare-and-swaps, failed ones too */
#define MS_COUNT_LOCKED   "locked instructions" /* read-modify-writes, compare-and-swaps among them */
#define MS_COUNT_ACCESSES "memory accesses"     /* to the strategy's state */
#define MS_COUNT_LINES    "cache lines"         /* different ones, of a take and of a give */
#define MS_COUNT_MOVED    "lines moved"         /* between processors, in a model of their caches */
#define MS_COUNT_REFUSED  "requests refused"    /* all of them */
#define MS_COUNT_APART    "failed for contiguity" /* refused with enough registers free, but apart */
#define MS_COUNT_STRANDED "failed beside a run"   /* refused although a fitting run was free */
#define MS_COUNT_FRAGMENTED                                                                        \
    "external fragmentation"                 /* 1 - longest free run / free registers, mean */
#define MS_COUNT_MEMORY "bytes per register" /* of the strategy's state */

/* Of whole transfers: requests of adapters that wait for registers. */
#define MS_COUNT_WAITED    "requests that waited"
#define MS_COUNT_OVERTAKEN "order inversions" /* grants that passed an older request, per request */
#define MS_COUNT_PASSED    "grants to others during the longest wait"

#endif
