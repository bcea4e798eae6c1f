/* SPDX-License-Identifier: MIT */
/*
 * capture.h: the parts of `mapstorm capture` that need no privilege, for its tests. The command
 * itself is ms_main_capture in command.h.
 */
#ifndef MS_CAPTURE_H
#define MS_CAPTURE_H

#include "memory/memory.h"
#include "result.h"

/* "64K", "4M", "1G" or bytes: whole pages, 1 or more; false: something else. */
bool ms_capture_size_read(const char *text, uint64_t *bytes);
/* "55d0c8e00000-55d0c8e21000" as in /proc/PID/maps: page-aligned and not empty. */
bool ms_capture_range_read(const char *text, uint64_t *first, uint64_t *end);

/* Writes the text form of a layout under `path`: aside, flushed, renamed; on failure an earlier
 * file of that name is untouched and nothing is left behind. */
bool ms_capture_write(const struct ms_layout *layout, const char *path, struct ms_problem *problem);

#endif
