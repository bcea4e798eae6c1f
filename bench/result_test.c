/* SPDX-License-Identifier: MIT */
/*
 * result_test.c: result.json is read back as it was written; what is wrong with a file is said by
 * name and field; files appear whole or not at all; compare shows what is stored and judges
 * nothing.
 */
#include "report_test.h"
#include "result_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ------------------------------------------------------------------------------------
 */

MS_TEST(report_result_is_read_back_as_written)
{
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();
    size_t length;
    char *first = printed(r, ms_emit_json, &length);
    struct ms_result *again = ms_result_parse("again", first, length, &problem);

    if (!again)
        fail_msg("%s", problem.text);
    char *second = printed(again, ms_emit_json, NULL);
    assert_string_equal(first, second);
    assert_int_equal(strncmp(first, "{\"schema\":\"mapstorm-run-1\",", 27), 0);
    assert_int_equal(again->cells[0].sample_count, 2);
    assert_int_equal(again->cells[0].samples[1].wall_ns, 5011000);
    free(first);
    free(second);
    ms_result_free(again);
    ms_result_free(r);
}

#define HEAD "{\"schema\":\"mapstorm-run-1\","

static void refused_as(const char *text, const char *want)
{
    struct ms_problem problem = {0};
    struct ms_result *r = ms_result_parse("x.json", text, strlen(text), &problem);

    assert_null(r);
    assert_int_equal(problem.exit, MS_EXIT_USAGE);
    if (!strstr(problem.text, want))
        fail_msg("\"%s\" is not in \"%s\"", want, problem.text);
}

MS_TEST(report_result_malformed_files_are_refused_by_field)
{
    refused_as("", "x.json: line ");
    refused_as("{\"schema\":", "not JSON");
    refused_as("[]", "x.json: expected an object, found a list");
    refused_as("{}", "x.json: schema: missing");
    refused_as("{\"schema\":\"mapstorm-run-9\"}", "schema: is \"mapstorm-run-9\"");
    refused_as(HEAD "\"run\":7}", "x.json: run: expected an object, found a whole number");
    refused_as(HEAD "\"run\":{\"cores\":\"two\"}}",
               "x.json: run.cores: expected a whole number, found a string");
    refused_as(HEAD "\"run\":{\"cores\":-1}}", "run.cores: is negative");
    refused_as(HEAD "\"run\":{\"cores\":99999999999}}", "run.cores: 99999999999 is too large");
    refused_as(HEAD "\"run\":{\"plan\":\"swift\"}}", "run.plan: \"swift\" is not one of its words");
    refused_as(HEAD "\"cells\":{}}", "cells: expected a list, found an object");
    refused_as(HEAD "\"limits\":[{\"name\":\"a\",\"time\":{\"value\":[]}}]}",
               "limits[0].time.value: expected a number, found a list");
    refused_as(HEAD "\"limits\":[{\"name\":\"a\",\"time\":[1,2]}]}",
               "limits[0].time: expected [value, low, high, count]");
    refused_as(HEAD "\"limits\":{\"columns\":[\"name\",\"shape\"],\"rows\":[[\"a\"]]}}",
               "limits[0]: expected a row of 2 values");
    refused_as(HEAD "\"limits\":{\"columns\":[\"name\"],\"rows\":7}}",
               "limits: expected a list, found a whole number");
    refused_as(HEAD "\"limits\":{\"columns\":[\"name\"]}}", "limits: expected a list");
    refused_as(HEAD "\"run\":{},\"run\":{}}", "duplicate");
}

MS_TEST(report_result_contradictions_are_refused_by_field)
{
    refused_as(HEAD "\"limits\":[{\"name\":\"a\",\"time\":[1,2,3,9]}]}",
               "limits[0].time: 1 is outside its own interval [2 3]");
    refused_as(HEAD "\"limits\":[{\"name\":\"a\",\"time\":[1,0,3,9]}]}",
               "limits[0].time: 0 is not above 0");
    refused_as(HEAD "\"strategies\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
               "strategies[1].name: \"a\" is there twice");
    refused_as(HEAD
               "\"strategies\":[{\"name\":\"a\",\"role\":\"baseline\"},{\"name\":\"b\",\"role\":"
               "\"baseline\"}]}",
               "strategies: 2 of them are the baseline");
    refused_as(HEAD "\"cells\":[{\"name\":\"n\",\"scenario\":\"registers\",\"strategy\":\"a\","
                    "\"shape\":\"s\",\"threads\":1}]}",
               "cells[0].strategy: \"a\" is not in strategies");
    refused_as(HEAD "\"pairs\":[{\"cell\":3,\"base\":4}]}", "pairs[0]: names cell 3 and 4");
    refused_as(HEAD "\"rankings\":[{\"scenario\":\"registers\",\"leader\":\"z\"}]}",
               "rankings[0].leader: is not in strategies");
}

/* Every prefix of a real file is refused or read, never worse. */
MS_TEST(report_result_cut_files_are_refused)
{
    struct ms_result *r = run_read();
    size_t length;
    char *text = printed(r, ms_emit_json, &length);

    for (size_t cut = 0; cut + 2 < length; cut += 997) {
        struct ms_problem problem = {0};
        assert_null(ms_result_parse("cut", text, cut, &problem));
        assert_true(problem.text[0] != '\0');
    }
    free(text);
    ms_result_free(r);
}

MS_TEST(report_result_unknown_fields_are_ignored_and_missing_ones_accepted)
{
    const char text[] = HEAD "\"from_tomorrow\":[1,2],\"run\":{\"cores\":2,\"mood\":\"good\"}}";
    struct ms_problem problem = {0};
    struct ms_result *r = ms_result_parse("x.json", text, sizeof(text) - 1, &problem);

    assert_non_null(r);
    assert_int_equal(r->run.cores, 2);
    assert_null(r->run.version);
    ms_result_free(r);
}

MS_TEST(report_result_a_missing_file_or_a_folder_is_said)
{
    struct ms_problem problem = {0};

    assert_null(ms_result_read("/nowhere/result.json", &problem));
    assert_non_null(strstr(problem.text, "/nowhere/result.json: No such file"));
    assert_null(ms_result_read("/", &problem));
    assert_non_null(strstr(problem.text, "/: Is a directory"));
}

MS_TEST(report_result_a_pair_is_turned_round_with_its_verdict)
{
    struct ms_result *r = run_read();
    struct ms_pair there, back;

    /* Cells 0, 1, 2 are one case: spin-bitmap, cas-bitmap, magazine. */
    assert_true(ms_result_pair(r, 2, "spin-bitmap", &there));
    assert_true(ms_result_pair(r, 0, "magazine", &back));
    assert_int_equal(there.verdict, MS_VERDICT_FASTER);
    assert_int_equal(back.verdict, MS_VERDICT_SLOWER);
    assert_true(back.ratio.low <= back.ratio.value && back.ratio.value <= back.ratio.high);
    assert_true(there.ratio.value * back.ratio.value > 0.999999);
    assert_false(ms_result_pair(r, 0, "spin-bitmap", &there));
    ms_result_free(r);
}

MS_TEST(report_result_text_becomes_valid_utf8)
{
    struct ms_result *r = ms_result_new();

    assert_string_equal(ms_result_copy(r, "a\xff z\xc3\xa9\x01"), "a? z\xc3\xa9?");
    assert_string_equal(ms_result_copy(r, "\xed\xa0\x80"), "???");
    assert_string_equal(ms_result_copy(r, "\xc0\xaf"), "??");
    assert_string_equal(ms_result_copy(r, "\xe4\xb8"), "??");
    assert_null(ms_result_copy(r, NULL));
    ms_result_free(r);
}

/* ---- files --------------------------------------------------------------------------------------
 */

static void folder_new(char folder[64])
{
    strcpy(folder, "/tmp/mapstorm-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void folder_drop(const char *folder)
{
    static const char *const names[] = {"result.json", "page.html",   "summary.md",
                                        "result.csv",  "gbench.json", "blocked"};
    char path[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    /* Fails, and the test with it, if anything else was left behind. */
    assert_int_equal(rmdir(folder), 0);
}

static long file_size(const char *folder, const char *name)
{
    char path[256];
    struct stat state;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return stat(path, &state) == 0 ? (long)state.st_size : -1;
}

MS_TEST(report_files_appear_whole_and_nothing_else_stays)
{
    char folder[64];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    assert_true(ms_report_probe(folder, &problem));
    assert_true(ms_report_write(r, folder, &problem));
    assert_true(file_size(folder, "result.json") > 1000);
    assert_true(file_size(folder, "page.html") > 1000);
    assert_true(file_size(folder, "gbench.json") > 100);
    folder_drop(folder);
    ms_result_free(r);
}

/* A file-size limit stands for a full disk: writing beyond it fails in the middle of a file. */
MS_TEST(report_files_survive_a_full_disk_untouched)
{
    char folder[64];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();
    struct rlimit old, small;

    folder_new(folder);
    assert_true(ms_report_write(r, folder, &problem));
    long page = file_size(folder, "page.html"), json = file_size(folder, "result.json");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){(rlim_t)page - 1000, old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    r->run.host = "another";
    bool good = ms_report_write(r, folder, &problem);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);

    assert_false(good);
    assert_int_equal(problem.exit, MS_EXIT_INCOMPLETE);
    assert_non_null(strstr(problem.text, "cannot write page.html in /tmp/"));
    assert_int_equal(file_size(folder, "page.html"), page);
    assert_int_equal(file_size(folder, "result.json"), json);
    folder_drop(folder);
    ms_result_free(r);
}

MS_TEST(report_files_need_a_folder_that_can_be_one)
{
    char folder[64], path[256];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    snprintf(path, sizeof(path), "%s/blocked", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_false(ms_report_probe(path, &problem));
    assert_non_null(strstr(problem.text, "/blocked is not a folder"));
    snprintf(path, sizeof(path), "%s/blocked/inner", folder);
    assert_false(ms_report_write(r, path, &problem));
    assert_non_null(strstr(problem.text, "cannot make the folder"));
    assert_false(ms_report_probe("", &problem));
    assert_false(ms_report_probe("/proc/mapstorm-report", &problem));
    assert_false(ms_report_probe("/proc", &problem));
    assert_non_null(strstr(problem.text, "in /proc: "));
    folder_drop(folder);
    ms_result_free(r);
}

/* A link planted under the aside name must not be written through. */
MS_TEST(report_files_do_not_follow_a_planted_link)
{
    char folder[64], path[256], target[256];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    snprintf(target, sizeof(target), "%s/blocked", folder);
    snprintf(path, sizeof(path), "%s/.page.html.tmp", folder);
    assert_int_equal(symlink(target, path), 0);
    assert_true(ms_report_write(r, folder, &problem));
    assert_int_equal(file_size(folder, "blocked"), -1);
    folder_drop(folder);
    ms_result_free(r);
}

/* ---- commands -----------------------------------------------------------------------------------
 */

struct said {
    char *out, *err;
    size_t out_length, err_length;
    enum ms_exit code;
};

static struct said compare_run(const struct ms_compare *c)
{
    struct said s = {0};
    FILE *out = open_memstream(&s.out, &s.out_length);
    FILE *err = open_memstream(&s.err, &s.err_length);

    s.code = ms_command_compare(c, out, err);
    fclose(out);
    fclose(err);
    return s;
}

static void said_free(struct said *s)
{
    free(s->out);
    free(s->err);
}

static const char *const run_file[] = {MS_TEST_DATA "/run.json"};
static const char *const two_files[] = {MS_TEST_DATA "/run.json", MS_TEST_DATA "/run.json"};

MS_TEST(report_compare_one_file_shows_its_stored_verdicts)
{
    static const char *const filters[] = {"registers", "threads:1"};
    struct said s = compare_run(&(struct ms_compare){
        .files = run_file, .file_count = 1, .filters = filters, .filter_count = 2});

    assert_int_equal(s.code, MS_EXIT_OK);
    assert_non_null(strstr(s.out, "spin-bitmap  cas-bitmap  magazine"));
    assert_non_null(strstr(s.out, "0.81x"));
    assert_non_null(strstr(s.out, "? ["));
    assert_null(strstr(s.out, "threads:2"));
    said_free(&s);
}

MS_TEST(report_compare_rows_cols_and_base_are_free)
{
    static const char *const filters[] = {"registers"};
    struct said s = compare_run(&(struct ms_compare){.files = run_file,
                                                     .file_count = 1,
                                                     .rows = "strategy",
                                                     .cols = "threads",
                                                     .base = "magazine",
                                                     .filters = filters,
                                                     .filter_count = 1});

    assert_int_equal(s.code, MS_EXIT_OK);
    assert_non_null(strstr(s.out, "strategy     1        2        4"));
    assert_non_null(strstr(s.out, "times faster than magazine"));
    said_free(&s);
}

static void compare_refused(const struct ms_compare *c, const char *want)
{
    struct said s = compare_run(c);

    assert_int_equal(s.code, MS_EXIT_USAGE);
    if (!strstr(s.err, want))
        fail_msg("\"%s\" is not in \"%s\"", want, s.err);
    said_free(&s);
}

MS_TEST(report_compare_wrong_words_are_usage_errors)
{
    static const char *const nowhere[] = {"/nowhere.json"};
    static const char *const filters[] = {"threads:77"};

    compare_refused(&(struct ms_compare){.files = run_file}, "needs a result file");
    compare_refused(&(struct ms_compare){.files = run_file, .file_count = 1, .rows = "size"},
                    "\"size\" is no key of a cell name");
    compare_refused(&(struct ms_compare){.files = run_file, .file_count = 1, .base = "spin"},
                    "no strategy \"spin\"; the file has: spin-bitmap cas-bitmap");
    compare_refused(&(struct ms_compare){.files = run_file, .file_count = 1, .fail_if = "late"},
                    "--fail-if knows \"slower\"");
    compare_refused(&(struct ms_compare){.files = nowhere, .file_count = 1}, "/nowhere.json: No");
    compare_refused(
        &(struct ms_compare){
            .files = run_file, .file_count = 1, .filters = filters, .filter_count = 1},
        "no cell matches");
}

/* null stands in the place of a strategy only when it is asked for. */
MS_TEST(report_compare_hides_controls_unless_asked)
{
    static const char *const filters[] = {"strategy:null"};
    char folder[64], path[256];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    struct ms_cell *c = ms_result_add_cell(r);
    *c = (struct ms_cell){.scenario = MS_SCENARIO_POOL,
                          .strategy = "null",
                          .shape = "1p",
                          .threads = 1,
                          .time = {2, 1, 3, 36}};
    c->name = ms_cell_name(r, c);
    assert_true(ms_file_write(r, folder, "result.json", ms_emit_json, &problem));
    snprintf(path, sizeof(path), "%s/result.json", folder);
    const char *const files[] = {path};
    struct ms_compare compare = {.files = files, .file_count = 1};
    struct said s = compare_run(&compare);
    assert_null(strstr(s.out, "null"));
    said_free(&s);
    compare.filters = filters;
    compare.filter_count = 1;
    s = compare_run(&compare);
    assert_non_null(strstr(s.out, "null"));
    said_free(&s);
    folder_drop(folder);
    ms_result_free(r);
}

MS_TEST(report_compare_fail_if_slower_breaks_the_gate_and_names_the_cell)
{
    static const char *const fast[] = {"strategy:magazine"};
    struct ms_compare c = {.files = run_file, .file_count = 1, .fail_if = "slower"};
    struct said s = compare_run(&c);

    assert_int_equal(s.code, MS_EXIT_GATE);
    assert_non_null(
        strstr(s.err, "slower than spin-bitmap: registers/strategy:cas-bitmap/shape:64p"));
    said_free(&s);
    c.filters = fast;
    c.filter_count = 1;
    s = compare_run(&c);
    assert_int_equal(s.code, MS_EXIT_OK);
    said_free(&s);
}

MS_TEST(report_compare_two_files_are_shown_without_a_verdict)
{
    struct said s =
        compare_run(&(struct ms_compare){.files = two_files, .file_count = 2, .fail_if = "slower"});

    assert_int_equal(s.code, MS_EXIT_OK);
    assert_non_null(strstr(s.out, "there is no verdict"));
    assert_null(strstr(s.out, "1.74x"));
    said_free(&s);
}

MS_TEST(report_compare_a_grown_count_breaks_the_gate)
{
    char folder[64], path[256];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    r->cells[0].counts[0].per_op += 1;
    assert_true(ms_file_write(r, folder, "result.json", ms_emit_json, &problem));
    snprintf(path, sizeof(path), "%s/result.json", folder);
    const char *const files[] = {run_file[0], path};
    struct said s =
        compare_run(&(struct ms_compare){.files = files, .file_count = 2, .fail_if = "slower"});
    assert_int_equal(s.code, MS_EXIT_GATE);
    assert_non_null(strstr(s.out, "count grew: registers/strategy:spin-bitmap/shape:1p"));
    said_free(&s);
    folder_drop(folder);
    ms_result_free(r);
}

/* The stored run beside itself with another version of one scenario's shapes. */
static struct said versions_compare(const char *scenario, const char *const *filters, size_t count)
{
    char folder[64], path[256];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    for (size_t i = 0; i < r->shape_count; i++)
        r->shapes[i].version =
            strcmp(r->shapes[i].scenario, scenario) == 0 ? 7 : r->shapes[i].version;
    for (size_t i = 0; i < r->cell_count; i++)
        if (r->cells[i].count_count && strcmp(r->cells[i].scenario, scenario) == 0)
            r->cells[i].counts[0].per_op += 1;
    assert_true(ms_file_write(r, folder, "result.json", ms_emit_json, &problem));
    snprintf(path, sizeof(path), "%s/result.json", folder);
    const char *const files[] = {run_file[0], path};
    struct said s = compare_run(&(struct ms_compare){.files = files,
                                                     .file_count = 2,
                                                     .filters = filters,
                                                     .filter_count = count,
                                                     .fail_if = "slower"});
    folder_drop(folder);
    ms_result_free(r);
    return s;
}

MS_TEST(report_compare_leaves_out_what_another_version_measured)
{
    struct said s = versions_compare(MS_SCENARIO_MAP, NULL, 0);

    assert_int_equal(s.code, MS_EXIT_OK);
    assert_non_null(strstr(s.err, "not compared: map: "));
    assert_null(strstr(s.err, "not compared: registers"));
    assert_null(strstr(s.out, "map/strategy"));
    assert_non_null(strstr(s.out, "registers/strategy"));
    assert_null(strstr(s.out, "count grew"));
    said_free(&s);
}

MS_TEST(report_compare_refuses_where_nothing_means_the_same)
{
    struct said s = versions_compare(MS_SCENARIO_MAP, (const char *const[]){"scenario:map"}, 1);

    assert_int_equal(s.code, MS_EXIT_USAGE);
    assert_non_null(strstr(s.err, "not compared: map: "));
    assert_null(strstr(s.out, "map/strategy"));
    said_free(&s);
}

MS_TEST(report_compare_report_makes_the_page_again_beside_its_result)
{
    char folder[64], path[256];
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();

    folder_new(folder);
    assert_true(ms_file_write(r, folder, "result.json", ms_emit_json, &problem));
    long size = file_size(folder, "result.json");
    snprintf(path, sizeof(path), "%s/result.json", folder);
    struct said s = {0};
    FILE *out = open_memstream(&s.out, &s.out_length);
    FILE *err = open_memstream(&s.err, &s.err_length);
    assert_int_equal(ms_command_report(path, NULL, out, err), MS_EXIT_OK);
    assert_int_equal(ms_command_report("/nowhere.json", NULL, out, err), MS_EXIT_USAGE);
    fclose(out);
    fclose(err);
    assert_non_null(strstr(s.out, "/page.html"));
    assert_true(file_size(folder, "page.html") > 1000);
    assert_int_equal(file_size(folder, "result.json"), size);
    said_free(&s);
    folder_drop(folder);
    ms_result_free(r);
}

/* What follows from its keys is left out of an embedded cell, and is there again when it is read. */
MS_TEST(result_lean_cells_get_back_the_command_and_counts_that_were_left_out)
{
    struct ms_problem problem = {0};
    struct ms_result *r = run_read();
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    char *command = ms_cell_command_new(r, &r->cells[0]);

    r->cells[0].command = command;
    r->cells[1].command = "something else";
    *ms_cell_add_count(&r->cells[0]) =
        (struct ms_count){.name = "lines moved", .per_op = 1.5, .model = true};
    assert_true(ms_result_print(r, out, MS_DETAIL_LEAN));
    fclose(out);
    assert_null(strstr(text, command));
    assert_non_null(strstr(text, "something else"));
    struct ms_result *again = ms_result_parse("lean", text, length, &problem);
    if (!again)
        fail_msg("%s", problem.text);
    assert_string_equal(again->cells[0].command, command);
    assert_string_equal(again->cells[1].command, "something else");
    assert_int_equal(again->cells[0].count_count, r->cells[0].count_count);
    for (size_t i = 0; i < r->cells[0].count_count; i++) {
        assert_string_equal(again->cells[0].counts[i].name, r->cells[0].counts[i].name);
        assert_true(again->cells[0].counts[i].per_op == r->cells[0].counts[i].per_op);
        assert_int_equal(again->cells[0].counts[i].model, r->cells[0].counts[i].model);
    }
    ms_result_free(again);
    free(text);
    free(command);
    ms_result_free(r);
}

MS_TEST(result_lean_counts_of_no_name_are_refused)
{
    static const char text[] =
        "{\"schema\":\"mapstorm-run-1\",\"cells\":{\"columns\":[\"scenario\",\"counts\"],"
        "\"rows\":[[\"registers\",[3,1.5]]]},\"count_names\":[[\"a\",false]]}";
    struct ms_problem problem = {0};

    assert_null(ms_result_parse("lean", text, sizeof text - 1, &problem));
    assert_non_null(strstr(problem.text, "cells[0].counts: expected the index of a name"));
}
