/* SPDX-License-Identifier: MIT */
/*
 * What must be true of a request of the example driver when all is over, whoever came first: the properties of
 * the contract's 19.3 and 19.4 that counts can tell. See test_stream.h.
 */
#include "wdf/test_stream.h"

#include <stdarg.h>

void seen_wrong(struct seen *seen, const char *format, ...)
{
    va_list list;

    if (seen->wrong[0])
        return;
    va_start(list, format);
    vsnprintf(seen->wrong, sizeof seen->wrong, format, list);
    va_end(list);
}

/* 19.3: what the end of the execution makes of the request. */
static void check_outcome(const struct script *script, struct seen *s)
{
    NTSTATUS want = STATUS_SUCCESS;
    ULONG_PTR bytes = s->reported;
    NTSTATUS first = s->settled_by_c   ? STATUS_CANCELLED
                     : s->settled_by_t ? STATUS_IO_TIMEOUT
                                       : STATUS_PENDING;

    if (s->marks == 0) {
        want = s->mark_status;
        bytes = 0;
    } else if (s->cancels_true) {
        want = STATUS_CANCELLED;
        bytes = 0;
    } else if (s->execute_failed) {
        want = first != STATUS_PENDING ? first : s->execute_status;
        bytes = 0;
    } else if (s->last_d == DmaError) {
        want = STATUS_DEVICE_DATA_ERROR;
    } else if (s->last_d != DmaComplete || (script->strict && !NT_SUCCESS(s->end_status))) {
        want = first;
    }
    if (s->status != want)
        seen_wrong(s, "status 0x%08X, wanted 0x%08X (RCE-P12)", (unsigned)s->status,
                   (unsigned)want);
    if (s->information != bytes)
        seen_wrong(s, "information %zu, wanted %zu (RCE-P12)", (size_t)s->information,
                   (size_t)bytes);
    if (s->status == STATUS_PENDING)
        seen_wrong(s, "completed with STATUS_PENDING (RCE-P11)");
    if (s->reported > (size_t)script->fragments * FRAGMENT_BYTES)
        seen_wrong(s, "more bytes reported than there are (RCE-P22)");
}

void stream_judge(const struct script *script, struct seen *s)
{
    if (s->completions != 1)
        seen_wrong(s, "completed %d times (RCE-P01)", s->completions);
    if (s->marks && s->zeroes != 1)
        seen_wrong(s, "the count reached 0 %d times (RCE-P02, RCE-P03)", s->zeroes);
    if (s->t_calls + s->timer_stopped != s->timer_starts)
        seen_wrong(s, "timer: %d calls, %d stops, %d starts (RCE-P04)", s->t_calls,
                   s->timer_stopped, s->timer_starts);
    if (s->c_calls + s->unmarked != s->marks)
        seen_wrong(s, "cancel: %d calls, %d unmarked, %d marks (RCE-P05)", s->c_calls, s->unmarked,
                   s->marks);
    if (s->marks && s->cancels_true + s->completed_true + s->execute_failed != 1)
        seen_wrong(s, "%d Cancel TRUE, %d reports TRUE, %d failed (RCE-P06)", s->cancels_true,
                   s->completed_true, s->execute_failed);
    if (s->execute_cancelled && !s->cancels_true)
        seen_wrong(s, "Execute was cancelled by nobody (EXE-12)");
    if (s->cancels_true && s->programs + s->d_calls + s->completed_true > 0)
        seen_wrong(s, "a callback besides Cancel TRUE (RCE-P07)");
    if (s->cancels > 1 || s->stops > 1)
        seen_wrong(s, "%d cancels, %d stops (RCE-P08)", s->cancels, s->stops);
    if (s->cancels && s->stops != 1 - s->cancels_true)
        seen_wrong(s, "Cancel FALSE without Stop, or TRUE with it (RCE-04)");
    if (s->d_calls > s->maps + 1 || (s->d_calls > s->maps && s->last_d != DmaCancelled))
        seen_wrong(s, "%d completions for %d maps (RCE-P10)", s->d_calls, s->maps);
    if (s->programs != s->maps)
        seen_wrong(s, "%d EvtProgramDma for %d maps (RCE-P10)", s->programs, s->maps);
    if (s->programs_at_stop >= 0 && s->maps > s->programs_at_stop + 1)
        seen_wrong(s, "a lost stop (RCE-P21)");
    if (s->marks && !s->cancels_true && !s->execute_failed && s->frees != 1)
        seen_wrong(s, "the channel was freed %d times (RCE-P16)", s->frees);
    if (s->flushes != s->d_calls)
        seen_wrong(s, "%d flushes for %d fragments (RCE-P16)", s->flushes, s->d_calls);
    if (s->timer_deleted != 1)
        seen_wrong(s, "the timer was deleted %d times (RCE-P17)", s->timer_deleted);
    check_outcome(script, s);
}
