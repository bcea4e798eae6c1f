/* SPDX-License-Identifier: MIT */
/*
 * chart.c: an execution as a sequence chart: one HTML file without a script, a font or a network.
 *
 * Idea        time runs down, one row a step; each actor has a line of life. A step is a dot on its
 *             line with its words beside it; an arrow leads from who wrote a value to the other who
 *             read it. Old values are red, and their arrow starts at the older store.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { ROW = 18, LANE = 400, LEFT = 60, TOP = 40 };

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
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
}

static bool reads(const struct ms_sim_event *e)
{
    return e->site->kind == MS_SIM_LOAD ||
           (e->site->kind >= MS_SIM_EXCHANGE && e->site->kind <= MS_SIM_CAS);
}

/* The event whose value event `at` read, or -1: what stood there before anybody wrote. */
static int64_t writer_of(const struct ms_sim_result *result, uint32_t at)
{
    const struct ms_sim_event *reader = &result->events[at];
    uint32_t back = reader->stale;

    for (uint32_t i = at; i-- > 0;) {
        const struct ms_sim_event *e = &result->events[i];
        if (e->wrote && e->location == reader->location && back-- == 0)
            return i;
    }
    return -1;
}

struct chart {
    const struct fuzz_target *target;
    const struct fuzz_input *input;
    const struct ms_sim_result *result;
    uint32_t lane[MS_SIM_FIBERS_MAX];
    uint32_t lanes;
    uint32_t used; /* fibers with a lane */
    uint32_t *row; /* of each event */
    uint32_t rows;
    FILE *out;
};

static uint32_t x_of(const struct chart *c, uint32_t fiber)
{
    return LEFT + c->lane[fiber] * LANE;
}

static uint32_t y_of(uint32_t row)
{
    return TOP + row * ROW;
}

/* Marks of `e`'s actor that were not shown yet; `place`: draw them, else only count rows. */
static uint32_t marks_of(const struct chart *c, const struct ms_sim_event *e, uint32_t *told,
                         uint32_t row, bool draws)
{
    const struct fuzz_mark *marks;
    uint32_t count = fuzz_marks(&marks);
    uint32_t shown = 0;
    char text[128];

    for (uint32_t i = 0; i < count; i++) {
        const struct fuzz_op *op = &c->input->op[marks[i].op];
        if (op->actor != e->fiber || marks[i].step > e->step || (*told >> i & 1) || e->step == 0)
            continue;
        *told |= 1u << i;
        if (draws) {
            fprintf(c->out, "<text class=op x=%u y=%u>", x_of(c, e->fiber) + 10,
                    y_of(row + shown) + 4);
            escape(c->target->tell(op, text, sizeof text), c->out);
            fputs("</text>\n", c->out);
        }
        shown++;
    }
    return shown;
}

static void lanes_place(struct chart *c)
{
    uint32_t told = 0;

    for (uint32_t i = 0; i < c->result->event_count; i++)
        c->used |= 1u << c->result->events[i].fiber;
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        if (c->used >> f & 1)
            c->lane[f] = c->lanes++;
    for (uint32_t i = 0; i < c->result->event_count; i++) {
        c->rows += marks_of(c, &c->result->events[i], &told, 0, false);
        c->row[i] = c->rows++;
    }
}

static void arrow_draw(const struct chart *c, uint32_t from, uint32_t to)
{
    const struct ms_sim_event *e = &c->result->events[to];
    uint32_t x1 = x_of(c, c->result->events[from].fiber);
    uint32_t x2 = x_of(c, e->fiber);

    fprintf(c->out, "<line class=%s x1=%u y1=%u x2=%u y2=%u marker-end=\"url(#%s)\"/>\n",
            e->stale ? "old" : "arrow", x1, y_of(c->row[from]), x1 < x2 ? x2 - 5 : x2 + 5,
            y_of(c->row[to]), e->stale ? "o" : "a");
}

static void step_draw(const struct chart *c, uint32_t at)
{
    const struct ms_sim_event *e = &c->result->events[at];
    char text[200];

    fprintf(c->out, "<g><title>");
    ms_sim_site_text(e->site, text, sizeof text);
    escape(text, c->out);
    fprintf(c->out, "</title>");
    if (e->step)
        fprintf(c->out, "<text class=n x=%d y=%u>%u%s</text>", 4, y_of(c->row[at]) + 4, e->step,
                e->switched ? " &gt;" : "");
    fprintf(c->out, "<circle class=%s cx=%u cy=%u r=4 /><text class=%s x=%u y=%u>",
            e->wrote   ? "w"
            : e->stale ? "s"
                       : "r",
            x_of(c, e->fiber), y_of(c->row[at]), e->stale ? "st" : "t", x_of(c, e->fiber) + 10,
            y_of(c->row[at]) + 4);
    escape(ms_sim_kind_name(e->site->kind), c->out);
    fputc(' ', c->out);
    escape(fuzz_story_step(e, text, sizeof text), c->out);
    fputs("</text></g>\n", c->out);
}

static void head_print(const struct chart *c)
{
    fprintf(c->out,
            "<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content=\"width=device-width\"><title>%s: ",
            c->target->name);
    escape(c->result->bug[0] ? c->result->bug : "clean", c->out);
    fprintf(c->out,
            "</title><style>:root{color-scheme:light dark}"
            "body{font:14px system-ui,sans-serif;margin:1.5em;background:Canvas;color:CanvasText}"
            "svg text{font:12px ui-monospace,monospace;fill:CanvasText}"
            "svg .op{font-weight:bold;font-family:system-ui,sans-serif}"
            "svg .n{fill:GrayText}svg .h{font-weight:bold;font-size:14px}svg .st{fill:#d22}"
            ".life{stroke:#999;stroke-width:1}.w{fill:#d9730d}.r{fill:#2f7fd1}.s{fill:#d22}"
            ".arrow{stroke:#2f7fd1;stroke-opacity:.55}.old{stroke:#d22}"
            ".band{fill:#8888;fill-opacity:.13}pre{white-space:pre-wrap}</style>\n<h1>");
    escape(c->result->bug[0] ? c->result->bug : "clean", c->out);
    fputs("</h1><p>", c->out);
    escape(c->result->story, c->out);
    fputs("</p><pre>", c->out);
}

static void program_print(const struct chart *c)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);

    if (memory) {
        fuzz_story_program(c->target, c->input, memory);
        fclose(memory);
        escape(text, c->out);
        free(text);
    }
    fputs(
        "</pre><p>A row is a step. <b style=\"color:#d9730d\">Orange</b> writes, "
        "<b style=\"color:#2f7fd1\">blue</b> reads, <b style=\"color:#d22\">red</b> read an old "
        "value. An arrow leads from who wrote to the other who read; &gt; marks a switch. Point at "
        "a step for its place in the source.</p>\n",
        c->out);
}

static void bands_draw(const struct chart *c)
{
    for (uint32_t i = 0, from = 0; i < c->result->event_count; i++) {
        const struct ms_sim_event *e = &c->result->events[i];
        if (i + 1 < c->result->event_count && e[1].fiber == e->fiber)
            continue;
        fprintf(c->out, "<rect class=band x=%u y=%d width=12 height=%u />\n", x_of(c, e->fiber) - 6,
                (int)y_of(c->row[from]) - ROW / 2, (c->row[i] - c->row[from] + 1) * ROW);
        from = i + 1;
    }
}

void fuzz_chart(const struct fuzz_target *target, const struct fuzz_input *input,
                const struct ms_sim_result *result, FILE *out)
{
    struct chart c = {.target = target, .input = input, .result = result, .out = out};
    uint32_t told = 0;
    uint32_t count = result->event_count;

    c.row = calloc(count ? count : 1, sizeof *c.row);
    ms_require(c.row != NULL);
    lanes_place(&c);
    head_print(&c);
    program_print(&c);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=%u height=%u role=img>"
            "<defs><marker id=a viewBox=\"0 0 6 6\" refX=6 refY=3 markerWidth=6 markerHeight=6 "
            "orient=auto><path d=\"M0 0L6 3L0 6z\" fill=\"#2f7fd1\"/></marker><marker id=o "
            "viewBox=\"0 0 6 6\" refX=6 refY=3 markerWidth=6 markerHeight=6 orient=auto>"
            "<path d=\"M0 0L6 3L0 6z\" fill=\"#d22\"/></marker></defs>\n",
            LEFT + c.lanes * LANE, y_of(c.rows + 1));
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        if (c.used >> f & 1)
            fprintf(
                out,
                "<text class=h x=%u y=16>%s</text><line class=life x1=%u y1=22 x2=%u y2=%u />\n",
                x_of(&c, f) - 6, fuzz_story_actor(target, f), x_of(&c, f), x_of(&c, f),
                y_of(c.rows));
    bands_draw(&c);
    for (uint32_t i = 0; i < count; i++) {
        int64_t from = reads(&result->events[i]) ? writer_of(result, i) : -1;
        if (from >= 0 && result->events[from].fiber != result->events[i].fiber)
            arrow_draw(&c, (uint32_t)from, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t before = told;
        uint32_t shown = marks_of(&c, &result->events[i], &before, 0, false);
        if (shown)
            marks_of(&c, &result->events[i], &told, c.row[i] - shown, true);
        step_draw(&c, i);
    }
    fprintf(out, "</svg>\n<p>%s after %u steps%s, trace %016llx</p>\n",
            result->verdict == MS_SIM_BUG     ? "A bug"
            : result->verdict == MS_SIM_CLEAN ? "Clean"
                                              : "Inconclusive",
            result->steps, count == MS_SIM_TRACE_MAX ? " (only the first are drawn)" : "",
            (unsigned long long)result->trace_hash);
    free(c.row);
}
