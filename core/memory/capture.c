/* SPDX-License-Identifier: MIT */
/*
 * capture.c: from the frame numbers of real memory to a layout. Pure: reading them is another
 * floor's affair.
 *
 * Absolute frame numbers say where in a machine's memory something lies, which is nobody's
 * business; a layout keeps only how each run lies to the one before.
 */
#include "memory/memory.h"

#include <string.h>

/* Copies words for people into a field, without what would break a line of the text form. */
static void words_copy(char *target, size_t bytes, const char *words)
{
    size_t used = 0;

    for (; *words && used + 1 < bytes; words++)
        target[used++] = (unsigned char)*words < ' ' || *words == 127 ? ' ' : *words;
    target[used] = 0;
}

/* Runs in `pfn`, written to `runs` unless that is NULL. */
static uint64_t runs_find(const uint64_t *pfn, uint64_t pages, struct ms_layout_run *runs)
{
    uint64_t count = 0;

    for (uint64_t done = 0; done < pages; count++) {
        uint64_t run = 1;

        while (done + run < pages && pfn[done + run] == pfn[done] + run)
            run++;
        if (runs)
            runs[count] = (struct ms_layout_run){
                .gap_pages = done ? (int64_t)(pfn[done] - (pfn[done - 1] + 1)) : 0,
                .pages = run,
            };
        done += run;
    }
    return count;
}

bool ms_layout_from_pfns(struct ms_layout *layout, const char *name, const char *source,
                         const uint64_t *pfn, uint64_t pages)
{
    *layout = (struct ms_layout){.pages = pages};
    if (pages == 0 || pages > MS_LAYOUT_PAGES_MAX)
        return false;
    for (uint64_t i = 0; i < pages; i++)
        if (pfn[i] >= (uint64_t)MS_LAYOUT_GAP_MAX)
            return false;
    uint64_t count = runs_find(pfn, pages, NULL);
    if (count > MS_LAYOUT_RUNS_MAX)
        return false;
    layout->runs = ms_alloc(count * sizeof *layout->runs);
    if (!layout->runs)
        return false;
    layout->run_count = (uint32_t)runs_find(pfn, pages, layout->runs);
    words_copy(layout->name, sizeof layout->name, name);
    words_copy(layout->source, sizeof layout->source, source);
    return true;
}
