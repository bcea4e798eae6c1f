/* SPDX-License-Identifier: MIT */
/*
 * report_test.c: the files of a report: the same bytes for the same result, within budget, whole
 * without a network, and safe whatever the names are. After an intended change of the page run the
 * golden tests with MS_GOLDEN_UPDATE=1 and read the difference before committing it.
 */
#include "page.h"
#include "report_test.h"

#include <jansson.h>

/* ---- golden -------------------------------------------------------------------------------------
 */

static char *file_text(const char *path, size_t *length)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    FILE *sink = open_memstream(&text, length);

    assert_non_null(sink);
    if (!in)
        fail_msg("%s is missing: MS_GOLDEN_UPDATE=1 makes it", path);
    for (int c; (c = fgetc(in)) != EOF;)
        fputc(c, sink);
    fclose(in);
    fclose(sink);
    return text;
}

static void golden_check(const char *name, ms_printer *print)
{
    struct ms_result *r = run_read();
    size_t length, want_length;
    char path[4096];
    char *got = printed(r, print, &length);

    snprintf(path, sizeof(path), "%s/%s", MS_TEST_DATA, name);
    if (getenv("MS_GOLDEN_UPDATE")) {
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(got, 1, length, out), length);
        fclose(out);
    }
    char *want = file_text(path, &want_length);
    for (size_t i = 0; i < length && i < want_length; i++)
        if (got[i] != want[i])
            fail_msg("%s differs from byte %zu on: \"%.60s\" instead of \"%.60s\"", name, i,
                     got + i, want + i);
    assert_int_equal(length, want_length);
    free(want);
    free(got);
    ms_result_free(r);
}

MS_TEST(report_golden_page_is_byte_identical)
{
    golden_check("page.html", ms_emit_page);
}

MS_TEST(report_golden_summary_is_byte_identical)
{
    golden_check("summary.md", ms_emit_summary);
}

MS_TEST(report_golden_csv_is_byte_identical)
{
    golden_check("result.csv", ms_emit_csv);
}

MS_TEST(report_golden_gbench_is_byte_identical)
{
    golden_check("gbench.json", ms_emit_gbench);
}

static bool plain_table(const struct ms_result *r, FILE *out)
{
    return ms_emit_table(r, out, false);
}

MS_TEST(report_golden_terminal_table_is_byte_identical)
{
    golden_check("table.txt", plain_table);
}

MS_TEST(report_golden_summary_has_at_most_60_lines)
{
    struct ms_result *r = run_read();

    /* Many strategies and thread counts must not make it longer. */
    for (int i = 0; i < 40; i++)
        ms_result_add_strategy(r)->name = ms_result_text(r, "extra-%d", i);
    char *text = printed(r, ms_emit_summary, NULL);
    assert_true(occurrences(text, "\n") <= 60);
    free(text);
    ms_result_free(r);
}

MS_TEST(report_golden_gbench_has_one_entry_a_sample)
{
    struct ms_result *r = run_read();
    char *text = printed(r, ms_emit_gbench, NULL);
    json_t *root = json_loads(text, 0, NULL);
    size_t samples = 0;

    for (size_t i = 0; i < r->cell_count; i++)
        samples += r->cells[i].sample_count;
    assert_non_null(root);
    assert_true(samples > 0);
    assert_int_equal(json_array_size(json_object_get(root, "benchmarks")), samples);
    json_decref(root);
    free(text);
    ms_result_free(r);
}

/* ---- self-contained -----------------------------------------------------------------------------
 */

MS_TEST(report_self_contained_page_loads_nothing_from_outside)
{
    struct ms_result *r = run_read();
    char *page = printed(r, ms_emit_page, NULL);

    assert_null(strstr(page, "src="));
    assert_null(strstr(page, "@import"));
    assert_null(strstr(page, "url("));
    assert_null(strstr(page, "<link"));
    assert_null(strstr(page, "https://"));
    /* The one address is the name of the SVG namespace, which is never fetched. */
    assert_int_equal(occurrences(page, "http://"), 1);
    assert_int_equal(occurrences(page, "http://www.w3.org/2000/svg"), 1);
    assert_int_equal(occurrences(page, "{{"), 0);
    free(page);
    ms_result_free(r);
}

MS_TEST(report_self_contained_policy_allows_one_script_by_its_digest)
{
    struct ms_result *r = run_read();
    char *page = printed(r, ms_emit_page, NULL);
    const char *policy = strstr(page, "Content-Security-Policy");

    assert_non_null(policy);
    assert_true(policy < strstr(page, "<style>"));
    assert_non_null(strstr(policy, "default-src 'none'; script-src 'sha256-"));
    assert_non_null(strstr(policy, ms_page_script_digest));
    assert_int_equal(strlen(ms_page_script_digest), strlen("sha256-") + 44);
    free(page);
    ms_result_free(r);
}

/* 16 strategies, 12 shapes, 4 thread counts: more than the full set, plug-ins included. */
static struct ms_result *large_make(void)
{
    enum { STRATEGIES = 16, SHAPES = 12, THREADS = 4 };
    struct ms_result *r = ms_result_new();

    for (unsigned s = 0; s < STRATEGIES; s++) {
        struct ms_strategy *st = ms_result_add_strategy(r);
        st->name = ms_result_text(r, "strategy-number-%u", s);
        st->role = s ? MS_ROLE_CONTESTANT : MS_ROLE_BASELINE;
    }
    for (unsigned h = 0; h < SHAPES; h++) {
        struct ms_shape *shape = ms_result_add_shape(r);
        shape->name = ms_result_text(r, "shape-number-%u", h);
        shape->scenario = MS_SCENARIO_POOL;
    }
    for (unsigned i = 0; i < THREADS * SHAPES * STRATEGIES; i++) {
        struct ms_cell *c = ms_result_add_cell(r);
        c->scenario = MS_SCENARIO_POOL;
        c->strategy = r->strategies[i % STRATEGIES].name;
        c->shape = r->shapes[i / STRATEGIES % SHAPES].name;
        c->threads = 1u << (i / STRATEGIES / SHAPES);
        c->registers = 1024;
        c->name = ms_cell_name(r, c);
        double t = 12.345678 + (double)i;
        c->time = (struct ms_estimate){t, t * 0.9912345, t * 1.0123456, 36};
        c->command = ms_result_text(r, "./mapstorm run --filter strategy:%s shape:%s --seed 7",
                                    c->strategy, c->shape);
        for (unsigned k = 0; k < 36; k++)
            *ms_cell_add_sample(c) =
                (struct ms_sample){.launch = k, .seed = 99, .ops = 340000, .wall_ns = 5000123};
        for (unsigned other = i - i % STRATEGIES; other < i; other++)
            *ms_result_add_pair(r) =
                (struct ms_pair){i, other, {1.23456, 1.2, 1.3, 36}, MS_VERDICT_FASTER, NULL, 3, 3};
    }
    return r;
}

MS_TEST(report_self_contained_sizes_are_within_budget)
{
    struct ms_result *r = large_make();
    size_t length;

    free(printed(r, ms_emit_page, &length));
    assert_in_range(length, 1, MS_PAGE_MAX);
    assert_in_range(ms_page_template.length + ms_page_style.length + ms_page_script.length, 1,
                    MS_PAGE_TEMPLATE_MAX);
    ms_result_free(r);
}

/* The JSON between the tags of the data element. */
static char *data_of(const char *page, size_t *length)
{
    const char *open = strstr(page, "<script type=\"application/json\" id=\"data\">");
    assert_non_null(open);
    open = strchr(open, '>') + 1;
    const char *close = strstr(open, "</script>");
    assert_non_null(close);
    *length = (size_t)(close - open);
    return strndup(open, *length);
}

static bool lean_print(const struct ms_result *r, FILE *out)
{
    return ms_result_print(r, out, MS_DETAIL_LEAN);
}

MS_TEST(report_self_contained_embedded_data_parses_back_to_the_input)
{
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();
    size_t length;
    char *page = printed(r, ms_emit_page, NULL);
    char *data = data_of(page, &length);
    struct ms_result *again = ms_result_parse("page", data, length, &problem);

    if (!again)
        fail_msg("%s", problem.text);
    char *first = printed(r, lean_print, NULL);
    char *second = printed(again, lean_print, NULL);
    assert_string_equal(first, second);
    free(first);
    free(second);
    free(data);
    free(page);
    ms_result_free(again);
    ms_result_free(r);
}

/* Beyond its room for pairs the page keeps those with the baseline: the matrix stays whole. */
MS_TEST(report_self_contained_page_of_a_large_run_keeps_the_pairs_with_the_baseline)
{
    struct ms_problem problem = {0};
    struct ms_result *r = large_make();
    size_t length;
    char *page = printed(r, ms_emit_page, NULL);
    char *data = data_of(page, &length);
    struct ms_result *again = ms_result_parse("page", data, length, &problem);
    struct ms_pair pair;

    assert_non_null(again);
    assert_true(r->pair_count > MS_LEAN_PAIRS_MAX);
    assert_in_range(again->pair_count, 1, MS_LEAN_PAIRS_MAX);
    for (uint32_t i = 0; i < again->cell_count; i++)
        assert_int_equal(ms_result_pair(again, i, "strategy-number-0", &pair),
                         again->cells[i].strategy[16] != '0' || again->cells[i].strategy[17]);
    ms_result_free(again);
    free(data);
    free(page);
    ms_result_free(r);
}

/* ---- untrusted ---------------------------------------------------------------------------------- */

/* The verdicts are stored all the same; nobody is to see them. */
MS_TEST(report_golden_untrusted_run_shows_no_verdict_anywhere)
{
    struct ms_result *r = run_read();

    r->controls[0].trusted = false;
    char *page = printed(r, ms_emit_page, NULL);
    assert_null(strstr(page, "class=\"v faster"));
    assert_null(strstr(page, "class=\"v slower"));
    assert_null(strstr(page, "class=\"v same"));
    assert_null(strstr(page, " ahead of "));
    assert_null(strstr(page, "<td>faster"));
    assert_non_null(strstr(page, "data-ranked=\"no\""));
    assert_non_null(strstr(page, "class=\"banner bad\""));
    free(page);
    char *csv = printed(r, ms_emit_csv, NULL);
    assert_null(strstr(csv, ",faster,"));
    assert_null(strstr(csv, ",slower,"));
    free(csv);
    char *summary = printed(r, ms_emit_summary, NULL);
    assert_null(strstr(summary, "| \u25b2"));
    assert_null(strstr(summary, "| \u25bc"));
    free(summary);
    char *table = printed(r, plain_table, NULL);
    assert_null(strstr(table, "  1.74x"));
    assert_non_null(strstr(table, "(1.74x)"));
    assert_non_null(strstr(table, "DIFFERENT: untrusted"));
    free(table);
    ms_result_free(r);
}

/* ---- hostile ------------------------------------------------------------------------------------
 */

static const char *const hostile_names[] = {
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"quoted' & <b>bold</b>",
    "--><!--",
    "]]>{{data}}",
    "sixty-letters-sixty-letters-sixty-letters-sixty-letters-sixty",
    "registre-\xc3\xa9t\xc3\xa9-\xe4\xb8\xad\xe6\x96\x87",
    "broken-\xff\xc3-utf8\x01",
    "=HYPERLINK(0)",
    "a|b*c`d",
};

enum { HOSTILE_NAMES = sizeof(hostile_names) / sizeof(hostile_names[0]) };

static void hostile_rename(struct ms_result *r, const char *hostile)
{
    const char *own = ms_result_copy(r, hostile);
    const char *old = r->strategies[1].name;

    r->strategies[1].name = own;
    r->strategies[1].title = own;
    for (size_t i = 0; i < r->cell_count; i++) {
        if (!ms_text_same(r->cells[i].strategy, old))
            continue;
        r->cells[i].strategy = own;
        r->cells[i].name = ms_cell_name(r, &r->cells[i]);
        r->cells[i].command = own;
        r->cells[i].why = own;
    }
    for (size_t i = 0; i < r->ranking_count; i++) {
        r->rankings[i].runner_up = own;
        for (size_t s = 0; s < r->rankings[i].standing_count; s++)
            if (ms_text_same(r->rankings[i].standings[s].strategy, old))
                r->rankings[i].standings[s].strategy = own;
    }
    r->facts[0].value = own;
    r->notes[0].text = own;
    r->notes[0].help = own;
    r->run.machine = own;
    r->run.host = own;
    r->run.command = own;
    r->shapes[0].title = own;
    r->adapters[0].title = own;
}

MS_TEST(report_hostile_names_stay_text_on_the_page)
{
    for (size_t i = 0; i < HOSTILE_NAMES; i++) {
        struct ms_result *r = run_read();
        struct ms_problem problem = {0};
        hostile_rename(r, hostile_names[i]);
        assert_true(ms_result_check(r, "hostile", &problem));
        char *page = printed(r, ms_emit_page, NULL);
        /* Ours and no more: the data and the script. */
        assert_int_equal(occurrences(page, "<script"), 2);
        assert_int_equal(occurrences(page, "</script"), 2);
        assert_null(strstr(page, "<img"));
        assert_null(strstr(page, "<b>bold"));
        assert_null(strstr(page, "<!--"));
        free(page);
        ms_result_free(r);
    }
}

MS_TEST(report_hostile_names_survive_the_embedded_data)
{
    for (size_t i = 0; i < HOSTILE_NAMES; i++) {
        struct ms_result *r = run_read();
        struct ms_problem problem = {0};
        size_t length;
        hostile_rename(r, hostile_names[i]);
        char *page = printed(r, ms_emit_page, NULL);
        char *data = data_of(page, &length);
        assert_null(memchr(data, '<', length));
        struct ms_result *again = ms_result_parse("page", data, length, &problem);
        if (!again)
            fail_msg("%s", problem.text);
        assert_string_equal(again->strategies[1].name, r->strategies[1].name);
        ms_result_free(again);
        free(data);
        free(page);
        ms_result_free(r);
    }
}

MS_TEST(report_hostile_names_do_not_become_formulas_or_columns)
{
    struct ms_result *r = run_read();

    hostile_rename(r, "=HYPERLINK(0),\"x\"");
    char *csv = printed(r, ms_emit_csv, NULL);
    assert_null(strstr(csv, ",=HYPERLINK"));
    assert_non_null(strstr(csv, ",\"'=HYPERLINK(0),\"\"x\"\"\","));
    free(csv);
    ms_result_free(r);
}

MS_TEST(report_hostile_names_keep_the_summary_a_table)
{
    struct ms_result *r = run_read();

    hostile_rename(r, "a|b*c`d");
    char *summary = printed(r, ms_emit_summary, NULL);
    assert_non_null(strstr(summary, "| a\\|b\\*c\\`d |"));
    free(summary);
    ms_result_free(r);
}

/* A result with nothing in it must still give a page that says so. */
MS_TEST(report_hostile_empty_result_still_has_an_answer)
{
    struct ms_result *r = ms_result_new();
    char *page = printed(r, ms_emit_page, NULL);

    assert_non_null(strstr(page, "Nothing was measured"));
    free(page);
    free(printed(r, ms_emit_summary, NULL));
    free(printed(r, ms_emit_csv, NULL));
    free(printed(r, ms_emit_gbench, NULL));
    free(printed(r, plain_table, NULL));
    ms_result_free(r);
}
