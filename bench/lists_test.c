/* SPDX-License-Identifier: MIT */
/* The list step as rows: which limit bounds, which way is best, and where it is shown. */
#include "lists.h"
#include "page.h"
#include "report_test.h"

static void limit_put(struct ms_result *r, const char *name, const char *shape, double ns)
{
    struct ms_limit *l = ms_result_add_limit(r);

    l->name = ms_result_copy(r, name);
    l->title = l->name;
    l->shape = ms_result_copy(r, shape);
    l->threads = 1;
    l->pages = 16;
    l->bytes = 65536;
    l->elements = 4.0;
    l->time = (struct ms_estimate){ns, ns, ns, 5};
}

static struct ms_result *lists_make(void)
{
    struct ms_result *r = ms_result_new();

    limit_put(r, "memcpy", "16p", 100.0);
    limit_put(r, "list-read", "16p", 5.0);
    limit_put(r, "list-store", "16p", 8.0);
    limit_put(r, "list-chase", "16p", 2.0);
    limit_put(r, "list-naive", "16p", 30.0);
    limit_put(r, "list-scalar", "16p", 20.0);
    limit_put(r, "list-avx2", "16p", 16.0);
    limit_put(r, "list-read", "half<b>", 5.0); /* Ctrl-C came before the rest */
    limit_put(r, "list-read", "chain", 5.0);
    limit_put(r, "list-chase", "chain", 9.0);
    limit_put(r, "list-scalar", "chain", 10.0);
    return r;
}

MS_TEST(report_lists_the_longest_of_what_must_be_done_is_the_limit)
{
    struct ms_result *r = lists_make();
    struct ms_list_row row;

    assert_true(ms_list_row(r, 0, &row));
    assert_string_equal(row.shape, "16p");
    assert_string_equal(row.limit_word, "store");
    assert_true(row.limit == 8.0 && row.naive == 30.0 && row.elements == 4.0);
    assert_int_equal(row.best, MS_LIST_AVX2);
    assert_true(row.way[MS_LIST_AVX512] == 0.0);
    assert_true(ms_list_gib(&row) > 3814.0 && ms_list_gib(&row) < 3815.0);
    assert_true(ms_list_row(r, 1, &row)); /* what has no list of ours is passed over */
    assert_string_equal(row.shape, "chain");
    assert_string_equal(row.limit_word, "chase");
    assert_int_equal(row.best, MS_LIST_SCALAR);
    assert_false(ms_list_row(r, 2, &row));
    ms_result_free(r);
}

MS_TEST(report_lists_survive_the_file_and_are_shown_on_page_and_terminal)
{
    struct ms_result *r = lists_make();
    struct ms_problem problem;
    size_t length;
    char *json = printed(r, ms_emit_json, &length);
    struct ms_result *again = ms_result_parse("again", json, length, &problem);

    assert_non_null(again);
    char *page = printed(again, ms_emit_page, &length);
    assert_non_null(strstr(page, "id=\"lists\""));
    assert_non_null(strstr(page, "<small>store</small>"));
    assert_non_null(strstr(page, "<b>16.0 ns</b>"));
    assert_non_null(strstr(page, "50 %"));
    char *text = NULL;
    FILE *out = open_memstream(&text, &length);
    assert_true(ms_emit_table(again, out, false));
    fclose(out);
    assert_non_null(strstr(text, "8.00 ns store"));
    assert_non_null(strstr(text, "16.0 ns avx2"));
    free(text);
    free(page);
    free(json);
    ms_result_free(again);
    ms_result_free(r);
}
