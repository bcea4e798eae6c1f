/* SPDX-License-Identifier: MIT */
/*
 * page.c: page.html, one self-contained file. The template, style and script are hand-written (in
 * page/) and travel inside the program; this file expands the template and writes the answer, the
 * trust boxes and the machine. The tables are page_tables.c; curves are drawn by the script from
 * the embedded JSON, which is the lean form of result.json.
 *
 * Everything that came from a result passes ms_print_html() or is JSON with each `<` as \u003c: a
 * name can neither close a tag nor the script. Should that ever fail, the content policy in the
 * head lets no script run but ours, by its digest, and nothing be loaded.
 */
#include "page.h"
#include "answer.h"
#include "emit.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADLINE_LONG = 130, /* letters; beyond, they get smaller */
    NAME_WHOLE = 24,     /* names up to here are never broken */
};

/* ---- names --------------------------------------------------------------------------------------
 */

struct ms_page_style ms_page_style_of(const struct ms_result *r, const char *strategy)
{
    unsigned place = 0;

    for (size_t i = 0; i < r->strategy_count; i++) {
        if (ms_text_same(r->strategies[i].name, strategy))
            break;
        place += !ms_strategy_is_control(&r->strategies[i]);
    }
    return (struct ms_page_style){place % MS_PAGE_COLOURS,
                                  (place + place / MS_PAGE_COLOURS) % MS_PAGE_COLOURS};
}

void ms_page_name(const struct ms_result *r, const char *strategy, FILE *out)
{
    struct ms_page_style style = ms_page_style_of(r, strategy);

    fprintf(out,
            "<span class=\"name s%u\"><svg class=mk aria-hidden=true><use href=\"#m%u\"/></svg>",
            style.colour, style.marker);
    ms_print_html(out, strategy);
    fputs("</span>", out);
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || (c & 0x80);
}

/* The longest strategy name that stands at `at` as a whole word, or NULL. */
static const char *name_at(const struct ms_result *r, const char *text, const char *at)
{
    const char *found = NULL;

    if (at > text && is_name_char(at[-1]))
        return NULL;
    for (size_t i = 0; i < r->strategy_count; i++) {
        const char *name = r->strategies[i].name;
        size_t length = strlen(name);
        if (ms_strategy_is_control(&r->strategies[i]) || strncmp(at, name, length) != 0 ||
            is_name_char(at[length]))
            continue;
        if (!found || length > strlen(found))
            found = name;
    }
    return found;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A sentence with the strategy names in their colours, intervals unbroken and a true multiplication
 * sign. */
static void sentence_print(const struct ms_result *r, const char *text, FILE *out)
{
    for (const char *c = text; *c;) {
        const char *name = name_at(r, text, c);
        if (name) {
            fprintf(out, "<b class=\"s%u%s\">", ms_page_style_of(r, name).colour,
                    strlen(name) <= NAME_WHOLE ? " nb" : "");
            ms_print_html(out, name);
            fputs("</b>", out);
            c += strlen(name);
        } else if (*c == '[' && strspn(c + 1, "0123456789.+- ") == strcspn(c + 1, "]") &&
                   strchr(c, ']')) {
            int length = (int)strcspn(c, "]") + 1;
            fprintf(out, "<span class=ci>%.*s</span>", length, c);
            c += length;
        } else if (c > text && *c == 'x' && is_digit(c[-1]) && (c[1] == ' ' || !c[1])) {
            fputs("&times;", out);
            c++;
        } else {
            char one[2] = {*c++, '\0'};
            ms_print_html(out, one);
        }
    }
}

/* ---- head and answer ----------------------------------------------------------------------------
 */

static void title_print(const struct ms_result *r, FILE *out)
{
    struct ms_answer *a = ms_answer_make(r);

    ms_print_html(out, a->headline);
    ms_answer_free(a);
}

static void policy_print(const struct ms_result *r, FILE *out)
{
    (void)r;
    fprintf(out,
            "default-src 'none'; script-src '%s'; style-src 'unsafe-inline'; base-uri 'none'; "
            "form-action 'none'",
            ms_page_script_digest);
}

static void style_print(const struct ms_result *r, FILE *out)
{
    (void)r;
    fwrite(ms_page_style.bytes, 1, ms_page_style.length, out);
}

static void script_print(const struct ms_result *r, FILE *out)
{
    (void)r;
    fwrite(ms_page_script.bytes, 1, ms_page_script.length, out);
}

static void meta_item(FILE *out, const char *label, const char *value)
{
    if (!value)
        return;
    fprintf(out, "<li><span>%s</span> ", label);
    ms_print_html(out, value);
    fputs("</li>", out);
}

static void meta_print(const struct ms_result *r, FILE *out)
{
    static const char *const plans[] = {"default", "quick", "full", "custom"};
    char text[128];

    meta_item(out, "started", r->run.started);
    meta_item(out, "on", r->run.machine);
    meta_item(out, "built", r->run.build);
    if (r->run.commit) {
        snprintf(text, sizeof(text), "%.64s%s", r->run.commit,
                 r->run.tree_clean ? "" : " with changes");
        meta_item(out, "commit", text);
    }
    snprintf(text, sizeof(text), "%s, %u launches x %u blocks, %.0f s", plans[r->run.plan],
             r->run.launches, r->run.blocks, r->run.seconds);
    meta_item(out, "plan", text);
}

static void banner(FILE *out, const char *kind, const char *text)
{
    fprintf(out, "<p class=\"banner %s\" role=note>", kind);
    ms_print_html(out, text);
    fputs("</p>\n", out);
}

static void banners_print(const struct ms_result *r, FILE *out)
{
    const struct ms_note *refusal = ms_result_refusal(r);

    if (refusal)
        banner(out, "bad", refusal->text);
    for (size_t i = 0; i < r->control_count; i++)
        if (!r->controls[i].trusted)
            banner(out, "bad",
                   "Untrusted: two copies of one strategy came out different. Nothing on this page "
                   "is a ranking.");
    if (r->run.asserts_on || r->run.sanitized)
        banner(out, "bad",
               "Debug build: asserts or a sanitizer were on while this was measured. The times say "
               "little about a release build.");
    if (r->run.interrupted)
        banner(out, "warn", "Interrupted: the run was stopped before its plan was through.");
    else if (r->run.incomplete)
        banner(out, "warn", "Incomplete: some cells crashed or were not reached.");
}

static void answer_print(const struct ms_result *r, FILE *out)
{
    struct ms_answer *a = ms_answer_make(r);

    fputs(strlen(a->headline) > HEADLINE_LONG ? "<h1 class=long>" : "<h1>", out);
    sentence_print(r, a->headline, out);
    fputs("</h1>\n", out);
    if (a->standing) {
        fputs("<p class=standing>", out);
        sentence_print(r, a->standing, out);
        fputs("</p>\n", out);
    }
    if (a->qualifications[0])
        fputs("<ul class=qualify>\n", out);
    for (size_t i = 0; i < MS_ANSWER_QUALIFICATIONS && a->qualifications[i]; i++) {
        fputs("<li>", out);
        sentence_print(r, a->qualifications[i], out);
        fputs("</li>\n", out);
    }
    if (a->qualifications[0])
        fputs("</ul>\n", out);
    const char *const also[] = {a->map, a->system, a->conformance};
    for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++) {
        if (!also[i])
            continue;
        fputs("<p class=also>", out);
        sentence_print(r, also[i], out);
        fputs("</p>\n", out);
    }
    ms_answer_free(a);
}

/* ---- key figures --------------------------------------------------------------------------------
 */

static void lead_figure(const struct ms_result *r, const struct ms_ranking *k, FILE *out)
{
    fprintf(out, "<div class=figure><p class=big>%s</p><p>",
            ms_word_ratio(k->lead.value, "&times;").s);
    ms_page_name(r, k->leader, out);
    fputs(" ahead of ", out);
    ms_page_name(r, k->runner_up, out);
    fprintf(out, "</p><p class=fine>take + give, %s, %s</p></div>\n", ms_word_threads(k->threads).s,
            ms_word_ratio_interval(k->lead).s);
}

/* The range, not the best: one good shape is no summary. */
static void limit_figure(const struct ms_result *r, const struct ms_adapter *ad, FILE *out)
{
    struct ms_span span = ms_span_of(r, ad->name);

    if (span.count == 0)
        return;
    const struct ms_limit *limit = ms_result_limit(r, span.low);
    fprintf(out, "<div class=figure><p class=big>%.0f&ndash;%s</p><p>of ",
            span.low->of_limit.value * 100, ms_word_percent(span.high->of_limit.value).s);
    ms_print_html(out, limit && limit->title ? limit->title : span.low->limit);
    fputs("</p><p class=fine>MapTransferEx, ", out);
    ms_print_html(out, ad->name);
    fputs(", from ", out);
    ms_print_html(out, span.low->shape);
    fputs(" to ", out);
    ms_print_html(out, span.high->shape);
    fputs("</p></div>\n", out);
}

static void figures_print(const struct ms_result *r, FILE *out)
{
    size_t count = 0;

    for (size_t i = 0; ms_result_ranks(r) && i < r->ranking_count && count < 3; i++) {
        const struct ms_ranking *k = &r->rankings[i];
        if (!ms_text_same(k->scenario, MS_SCENARIO_POOL) || k->lead_verdict != MS_VERDICT_FASTER)
            continue;
        lead_figure(r, k, out);
        count++;
    }
    for (size_t i = 0; i < r->adapter_count && i < 2; i++)
        limit_figure(r, &r->adapters[i], out);
}

/* ---- trust --------------------------------------------------------------------------------------
 */

static void box_begin(FILE *out, const char *state, const char *title)
{
    static const char *const words[] = {"ok", "good", "warn", "note", "bad", "not good"};
    const char *word = "";

    for (size_t i = 0; i < 6; i += 2)
        if (strcmp(words[i], state) == 0)
            word = words[i + 1];
    fprintf(out, "<div class=\"box %s\"><h3>%s <span class=state>%s</span></h3>", state, title,
            word);
}

static void twin_box(const struct ms_result *r, FILE *out)
{
    bool good = r->control_count > 0;

    for (size_t i = 0; i < r->control_count; i++)
        good &= r->controls[i].trusted;
    box_begin(out, good ? "ok" : "bad", "Twin");
    for (size_t i = 0; i < r->control_count; i++) {
        const struct ms_control *k = &r->controls[i];
        fprintf(out, "<p><b>%s</b> %s</p>", ms_word_excess(k->twin.value).s,
                ms_word_excess_interval(k->twin).s);
        fprintf(out, "<p class=fine>%s: %s</p>", k->thread_class,
                k->twin_verdict == MS_VERDICT_UNKNOWN ? "not told apart, coarse"
                : k->trusted                          ? "not told apart"
                                                      : "came out different");
    }
    fputs("<p class=fine>The baseline against its own copy.</p></div>\n", out);
}

static void drag_box(const struct ms_result *r, FILE *out)
{
    bool sharp = r->control_count > 0;

    for (size_t i = 0; i < r->control_count; i++)
        sharp &= !r->controls[i].blunt;
    box_begin(out, sharp ? "ok" : "warn", "Drag");
    for (size_t i = 0; i < r->control_count; i++) {
        const struct ms_control *k = &r->controls[i];
        fprintf(out, "<p><b>%s</b> %s</p>", ms_word_excess(k->drag.value).s,
                ms_word_excess_interval(k->drag).s);
        fprintf(out, "<p class=fine>%s: %s</p>", k->thread_class,
                k->blunt ? "not found, so nothing is called the same" : "found");
    }
    fprintf(out, "<p class=fine>A planted slowdown of %s.</p></div>\n",
            ms_word_percent(r->control_count ? r->controls[0].drag_true : 0).s);
}

static void visible_box(const struct ms_result *r, FILE *out)
{
    box_begin(out, "ok", "Visible from");
    for (size_t i = 0; i < r->control_count; i++) {
        const struct ms_control *k = &r->controls[i];
        fprintf(out, "<p><b>%s</b></p><p class=fine>%s, harness %s</p>",
                ms_word_percent(k->band > k->visible ? k->band : k->visible).s, k->thread_class,
                ms_word_ns(k->harness.value).s);
    }
    fputs("<p class=fine>Smaller differences get no verdict.</p></div>\n", out);
}

static void disturbed_box(const struct ms_result *r, FILE *out)
{
    uint64_t disturbed = 0, repeated = 0, samples = 0;

    for (size_t i = 0; i < r->cell_count; i++) {
        disturbed += r->cells[i].disturbed;
        repeated += r->cells[i].repeated;
        samples += ms_cell_samples(&r->cells[i]);
    }
    double share = samples ? (double)disturbed / (double)samples : 0;
    box_begin(out, share > 0.05 ? "warn" : "ok", "Disturbed");
    fprintf(out, "<p><b>%s</b> of %s samples</p>", ms_word_count((double)disturbed).s,
            ms_word_count((double)samples).s);
    fprintf(out, "<p class=fine>%s blocks taken again.</p>", ms_word_count((double)repeated).s);
    fputs("<p class=fine>By outside evidence only: stolen time, run delay, overlap, a busy other "
          "half "
          "of the core.</p>\n",
          out);
    fprintf(out,
            "<p class=fine>Others used the cores in %s of the time; times are of the moments "
            "between.</p></div>\n",
            ms_word_percent(ms_result_shared(r)).s);
}

static void machine_box(const struct ms_result *r, FILE *out)
{
    size_t warnings = 0;

    for (size_t i = 0; i < r->note_count; i++)
        warnings += r->notes[i].level != MS_LEVEL_NOTE;
    box_begin(out, warnings ? "warn" : "ok", "Machine");
    fputs("<p><b>", out);
    ms_print_html(out, r->run.machine ? r->run.machine : "not named");
    fprintf(out, "</b></p><p class=fine>%zu notes, %zu of them warnings: ", r->note_count,
            warnings);
    fputs("<a href=\"#machine\">see below</a>.</p></div>\n", out);
}

static void trust_print(const struct ms_result *r, FILE *out)
{
    twin_box(r, out);
    drag_box(r, out);
    visible_box(r, out);
    disturbed_box(r, out);
    machine_box(r, out);
}

/* ---- machine ------------------------------------------------------------------------------------
 */

static void notes_print(const struct ms_result *r, FILE *out)
{
    static const char *const levels[] = {"note", "warning", "refused"};

    for (size_t i = 0; i < r->note_count; i++) {
        const struct ms_note *n = &r->notes[i];
        fprintf(out, "<li class=%s><b>%s</b> ", levels[n->level], levels[n->level]);
        ms_print_html(out, n->text);
        if (n->help) {
            fputs("<br><code>", out);
            ms_print_html(out, n->help);
            fputs("</code>", out);
        }
        fputs("</li>\n", out);
    }
    if (r->note_count == 0)
        fputs("<li class=note>No guard rail had anything to say.</li>\n", out);
}

static void facts_print(const struct ms_result *r, FILE *out)
{
    const char *group = NULL;

    for (size_t i = 0; i < r->fact_count; i++) {
        const struct ms_fact *f = &r->facts[i];
        if (!ms_text_same(group, f->group)) {
            fputs("<tr><th colspan=3 scope=colgroup>", out);
            ms_print_html(out, f->group);
            fputs("</th></tr>\n", out);
            group = f->group;
        }
        fputs("<tr><th scope=row>", out);
        ms_print_html(out, f->name);
        fputs(f->value ? "</th><td>" : "</th><td class=dim>", out);
        ms_print_html(out, f->value ? f->value : "not visible");
        fputs("</td><td class=dim>", out);
        ms_print_html(out, f->source);
        fputs("</td></tr>\n", out);
    }
}

static void ranked_print(const struct ms_result *r, FILE *out)
{
    fputs(ms_result_ranks(r) ? "yes" : "no", out);
}

static void command_print(const struct ms_result *r, FILE *out)
{
    ms_print_html(out, r->run.command ? r->run.command : "./mapstorm run");
}

static void version_print(const struct ms_result *r, FILE *out)
{
    ms_print_html(out, r->run.version ? r->run.version : "");
}

/* ---- data ---------------------------------------------------------------------------------------
 */

/* The lean result with every `<` as \u003c: it stands inside a script element. */
static void data_print(const struct ms_result *r, FILE *out)
{
    char *json = NULL;
    size_t length = 0;
    FILE *sink = open_memstream(&json, &length);

    if (!sink)
        return;
    ms_result_print(r, sink, MS_DETAIL_LEAN);
    fclose(sink);
    for (size_t i = 0; i < length; i++) {
        if (json[i] == '<')
            fputs("\\u003c", out);
        else
            fputc(json[i], out);
    }
    free(json);
}

/* ---- the template -------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    ms_page_part *print;
} parts[] = {
    {"ranked", ranked_print},     {"title", title_print},         {"policy", policy_print},
    {"style", style_print},       {"meta", meta_print},           {"banners", banners_print},
    {"answer", answer_print},     {"figures", figures_print},     {"trust", trust_print},
    {"lists", ms_page_lists},     {"matrices", ms_page_matrices}, {"map", ms_page_map},
    {"counts", ms_page_counts},   {"latency", ms_page_latency},   {"system", ms_page_system},
    {"checks", ms_page_checks},   {"notes", notes_print},         {"facts", facts_print},
    {"numbers", ms_page_numbers}, {"command", command_print},     {"version", version_print},
    {"data", data_print},         {"script", script_print},
};

static bool part_print(const struct ms_result *r, const char *name, size_t length, FILE *out)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strlen(parts[i].name) == length && strncmp(parts[i].name, name, length) == 0) {
            parts[i].print(r, out);
            return true;
        }
    }
    return false;
}

/* False when the stream failed or the template asks for a part that is not there. */
bool ms_emit_page(const struct ms_result *r, FILE *out)
{
    const char *at = ms_page_template.bytes;
    const char *end = at + ms_page_template.length;

    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        if (!open)
            open = end;
        fwrite(at, 1, (size_t)(open - at), out);
        if (open == end)
            break;
        const char *close = memmem(open, (size_t)(end - open), "}}", 2);
        if (!close || !part_print(r, open + 2, (size_t)(close - open - 2), out))
            return false;
        at = close + 2;
    }
    return !ferror(out);
}
