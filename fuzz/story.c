/* SPDX-License-Identifier: MIT */
/*
 * story.c: an execution told to people: who did what in which order.
 */
#include "fuzz.h"

#include <string.h>

enum { COLUMN = 44 };

static const char *word_of(const struct ms_sim_event *e, char *text, size_t bytes)
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

static void program_print(const struct fuzz_target *target, const struct fuzz_input *input,
                          FILE *out)
{
    char text[128];

    for (uint32_t i = 0; i < target->setting_count; i++)
        fprintf(out, "%s%s=%u", i ? " " : "set-up    ", target->settings[i].name, input->setup[i]);
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

static const char *fiber_name(const struct fuzz_target *target, uint32_t fiber)
{
    return fiber < target->actor_count ? target->actors[fiber] : "check";
}

/* Columns only for those who did something. */
static uint32_t columns_of(const struct ms_sim_result *result, uint32_t column[MS_SIM_FIBERS_MAX])
{
    uint32_t used = 0;
    uint32_t columns = 0;

    for (uint32_t i = 0; i < result->event_count; i++)
        used |= 1u << result->events[i].fiber;
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        column[f] = used >> f & 1 ? columns++ : 0;
    return columns;
}

void fuzz_story(const struct fuzz_target *target, const struct fuzz_input *input,
                const struct ms_sim_result *result, FILE *out)
{
    uint32_t column[MS_SIM_FIBERS_MAX];
    char text[160];
    char line[200];
    uint32_t columns = columns_of(result, column);

    if (result->verdict == MS_SIM_BUG)
        fprintf(out, "%s\n%s\n", result->bug, result->story);
    program_print(target, input, out);
    fprintf(out, "\n      ");
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        if (columns && (f == 0 || column[f] > 0 || result->fiber_steps[f]) &&
            result->fiber_steps[f])
            fprintf(out, "%-*s", COLUMN, fiber_name(target, f));
    fprintf(out, "\n");
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        snprintf(line, sizeof line, "%s %s", ms_sim_kind_name(e->site->kind),
                 word_of(e, text, sizeof text));
        fprintf(out, "%4u%s ", i + 1, e->switched ? ">" : " ");
        fprintf(out, "%*s%s  [%s]\n", (int)(column[e->fiber] * COLUMN), "", line,
                e->site->function);
    }
    if (result->steps > result->event_count)
        fprintf(out, "  ... %u more steps\n", result->steps - result->event_count);
    fprintf(out, "%s after %u steps, trace %016llx\n",
            result->verdict == MS_SIM_BUG     ? "BUG"
            : result->verdict == MS_SIM_CLEAN ? "clean"
                                              : "inconclusive",
            result->steps, (unsigned long long)result->trace_hash);
}

static void escape(const char *text, FILE *out)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            fputc(*text, out);
        }
}

void fuzz_story_html(const struct fuzz_target *target, const struct fuzz_input *input,
                     const struct ms_sim_result *result, FILE *out)
{
    uint32_t column[MS_SIM_FIBERS_MAX];
    char text[160];
    uint32_t columns = columns_of(result, column);

    (void)input;
    fprintf(out,
            "<!doctype html><meta charset=utf-8><title>%s</title><style>"
            "body{font:14px system-ui;margin:2em}table{border-collapse:collapse}"
            "td,th{padding:1px 10px;border-left:1px solid #ccc;font-family:monospace;"
            "text-align:left}tr.s td{border-top:1px solid #888}td.w{background:#fde8d8}"
            "td.r{background:#e4f0fb}td.o{background:#f9c9c9}</style>",
            target->name);
    fprintf(out, "<h1>");
    escape(result->bug[0] ? result->bug : "clean", out);
    fprintf(out, "</h1><p>");
    escape(result->story, out);
    fprintf(out, "<p>Orange writes, blue reads, red is an old value; a line marks a switch."
                 "<table><tr><th>step");
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        if (result->fiber_steps[f])
            fprintf(out, "<th>%s", fiber_name(target, f));
    for (uint32_t i = 0; i < result->event_count; i++) {
        const struct ms_sim_event *e = &result->events[i];
        fprintf(out, "<tr%s><td>%u", e->switched ? " class=s" : "", i + 1);
        for (uint32_t c = 0; c < columns; c++) {
            if (c != column[e->fiber]) {
                fputs("<td>", out);
                continue;
            }
            fprintf(out, "<td class=%s title=\"", e->stale ? "o" : e->wrote ? "w" : "r");
            ms_sim_site_text(e->site, text, sizeof text);
            escape(text, out);
            fprintf(out, "\">");
            escape(ms_sim_kind_name(e->site->kind), out);
            fputc(' ', out);
            escape(word_of(e, text, sizeof text), out);
        }
    }
    fprintf(out, "</table>\n");
}
