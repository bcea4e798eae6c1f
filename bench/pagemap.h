/* SPDX-License-Identifier: MIT */
/*
 * pagemap.h: which page frames stand behind virtual addresses, as the Linux kernel tells.
 */
#ifndef MS_PAGEMAP_H
#define MS_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "result.h"

/* Frames read so far, pages that are not in memory left out. */
struct ms_frames {
    uint64_t *pfn;
    uint64_t count, room;
};

/* Reads the frames behind [first, end) of a process (0: this one) into `frames`, until its room is
 * used up. False: no such process, no privilege (MS_EXIT_UNTRUSTED, with what would help), or the
 * kernel has no pagemap. */
bool ms_pagemap_read(pid_t pid, uint64_t first, uint64_t end, struct ms_frames *frames,
                     struct ms_problem *problem);

/* The same for all mappings of a process, those with most pages in memory first. */
bool ms_pagemap_read_largest(pid_t pid, struct ms_frames *frames, struct ms_problem *problem);

#endif
