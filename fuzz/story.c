/* SPDX-License-Identifier: MIT */
/*
 * story.c: an execution told to people: who did what in which order.
 */
#include "fuzz.h"

#include <string.h>

enum { COLUMN = 44 };

const char *fuzz_story_step(const struct ms_sim_event *e, char *text, size_t bytes)
{
    const struct ms_sim_site *site = e->site;
    char value[32];
    char written[32];

    if (e->is_pointer) {
        snprintf(value, sizeof value, "%s", e->value ? "pointer" : "null");
        snprintf(written, sizeof written, "%s", e->written ? "pointer" : "null");
    } else {
        snprintf(value, sizeof value, "%llx", (unsigned long long)e->value);
        snprintf(written, sizeof written, "%llx", (unsigned long long)e->written);
    }
    switch (site->kind) {
    case MS_SIM_LOAD:
        snprintf(text, bytes, "%s -> %s%s", site->expression, value, e->stale ? " (old)" : "");
        break;
    case MS_SIM_STORE:
        snprintf(text, bytes, "%s = %s", site->expression, value);
        break;
    case MS_SIM_CAS:
        snprintf(text, bytes, "%s: %s %s %s", site->expression, value,
                 e->failed ? "stays, wanted" : "->", written);
        break;
    case MS_SIM_EXCHANGE:
    case MS_SIM_FETCH_ADD:
    case MS_SIM_FETCH_SUB:
    case MS_SIM_FETCH_OR:
    case MS_SIM_FETCH_AND:
        snprintf(text, bytes, "%s: %s -> %s", site->expression, value, written);
        break;
    default:
        snprintf(text, bytes, "%s %s", ms_sim_kind_name(site->kind), site->expression);
    }
    return text;
}

void fuzz_story_program(const struct fuzz_target *target, const struct fuzz_input *input, FILE *out)
{
    char text[128];

    for (uint32_t i = 0; i < target->setting_count; i++) {
        const char *words = target->tell_setting ? target->tell_setting(i, input->setup[i]) : NULL;
        fprintf(out, "%s%s=%u", i ? " " : "set-up    ", target->settings[i].name, input->setup[i]);
        if (words)
            fprintf(out, " (%s)", words);
    }
    if (target->setting_count)
        fprintf(out, "\n");
    for (uint32_t a = 0; a < target->actor_count; a++) {
        bool any = false;
        for (uint32_t i = 0; i < input->op_count; i++) {
            if (input->op[i].actor != a)
                continue;
            if (any)
                fprintf(out, "; ");
            else
                fprintf(out, "%-10s", target->actors[a]);
            fprintf(out, "%s", target->tell(&input->op[i], text, sizeof text));
            any = true;
        }
        if (any)
            fprintf(out, "\n");
    }
}

const char *fuzz_story_actor(const struct fuzz_target *target, uint32_t fiber)
{
    return fiber < fuzz_fibers(target) ? target->actors[fiber] : "check";
}

/* The operations of `e`'s actor that begin with it, above its row. */
static void marks_print(const struct fuzz_target *target, const struct fuzz_input *input,
                        const struct ms_sim_event *e, uint32_t *told, int indent, FILE *out)
{
    const struct fuzz_mark *marks;
    uint32_t count = fuzz_marks(&marks);
    char text[128];

    for (uint32_t i = 0; i < count; i++) {
        const struct fuzz_op *op = &input->op[marks[i].op];
        if (op->actor != e->fiber || marks[i].step > e->step || (*told >> i & 1) || e->step == 0)
            continue;
        *told |= 1u << i;
        fprintf(out, "      %*s-- %s --\n", indent, "", target->tell(op, text, sizeof text));
    }
}

void fuzz_story(const struct fuzz_target *target, const struct fuzz_input *input,
                const struct ms_sim_result *result, FILE *out)
{
    uint32_t column[MS_SIM_FIBERS_MAX];
    uint32_t columns = 0;
    uint32_t used = 0;
    uint32_t told = 0;
    char text[160];

    if (result->verdict == MS_SIM_BUG)
        fprintf(out, "%s\n%s\n\n", result->bug, result->story);
    fuzz_story_program(target, input, out);
    for (uint32_t i = 0; i < result->event_count; i++)
        used |= 1u << result->events[i].fiber;
    fprintf(out, "\n      ");
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++) {
        column[f] = columns;
        if (!(used >> f & 1))
            continue;
        columns++;
        fprintf(out, "%-*s", used >> f > 1 ? COLUMN : 1, fuzz_story_actor(target, f));
    }
    fprintf(out, "\n");
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        int indent = (int)(column[e->fiber] * COLUMN);
        marks_print(target, input, e, &told, indent, out);
        if (e->step)
            fprintf(out, "%4u%s ", e->step, e->switched ? ">" : " ");
        else
            fprintf(out, "      ");
        fprintf(out, "%*s%s %s  [%s]\n", indent, "", ms_sim_kind_name(e->site->kind),
                fuzz_story_step(e, text, sizeof text), e->site->function);
    }
    if (result->event_count == MS_SIM_TRACE_MAX)
        fprintf(out, "  ... and more: only the first %d steps are kept\n", MS_SIM_TRACE_MAX);
    fprintf(out, "%s after %u steps, trace %016llx\n",
            result->verdict == MS_SIM_BUG     ? "BUG"
            : result->verdict == MS_SIM_CLEAN ? "clean"
                                              : "inconclusive",
            result->steps, (unsigned long long)result->trace_hash);
}
