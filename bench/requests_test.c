/* SPDX-License-Identifier: MIT */
/*
 * requests_test.c: traces of requests: what is read is what was written, what is wrong is said with file and
 * line, what adapters ask for is recorded whole, and the shipped traces are served by every strategy.
 */
#include "record.h"
#include "requests.h"

#include "count_names.h"
#include "platform/test.h"

#include <stdlib.h>
#include <string.h>

static const char small[] = "# by hand\n"
                            "mapstorm-requests 1\n"
                            "title two queues\n"
                            "registers 64 # of them\n"
                            "\n"
                            "thread\n"
                            "take 0 8\r\n"
                            "\ttake 5 1\n"
                            "give 0\n"
                            "thread\n"
                            "take 0 64";

MS_TEST(requests_are_read_as_they_stand)
{
    struct ms_requests r = {.threads = 0};
    char why[MS_REQUESTS_WHY_BYTES] = "";

    if (!ms_requests_read(&r, "small", small, sizeof small - 1, why))
        fail_msg("%s", why);
    assert_string_equal(r.title, "two queues");
    assert_int_equal(r.registers, 64);
    assert_int_equal(r.threads, 2);
    assert_int_equal(r.run_max, 64);
    assert_int_equal(r.thread[0].steps, 3);
    assert_int_equal(r.thread[0].slots, 6);
    assert_int_equal(r.thread[0].step[1].slot, 5);
    assert_int_equal(r.thread[0].step[2].run, 0);
    assert_int_equal(r.thread[1].step[0].run, 64);
    ms_requests_drop(&r);
}

static char *printed_requests(const struct ms_requests *r, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);

    assert_non_null(out);
    assert_true(ms_requests_print(r, out));
    fclose(out);
    return text;
}

/* Writes, reads and writes again: the same bytes. */
static void round_trip(const struct ms_requests *r)
{
    struct ms_requests again = {.threads = 0};
    char why[MS_REQUESTS_WHY_BYTES] = "";
    size_t bytes, bytes_again;
    char *text = printed_requests(r, &bytes);

    if (!ms_requests_read(&again, "again", text, bytes, why))
        fail_msg("%s", why);
    char *text_again = printed_requests(&again, &bytes_again);
    assert_int_equal(bytes, bytes_again);
    assert_memory_equal(text, text_again, bytes);
    free(text_again);
    free(text);
    ms_requests_drop(&again);
}

MS_TEST(requests_written_are_read_back_the_same)
{
    struct ms_requests r = {.threads = 0};
    char why[MS_REQUESTS_WHY_BYTES] = "";

    assert_true(ms_requests_read(&r, "small", small, sizeof small - 1, why));
    round_trip(&r);
    ms_requests_drop(&r);
}

MS_TEST(requests_need_no_title_and_a_title_has_no_blanks_around_it)
{
    static const char untitled[] = "mapstorm-requests 1\nregisters 64\nthread\ntake 0 1\n";
    static const char blanks[] =
        "mapstorm-requests 1\r\ntitle  \t a b \t\r\nregisters 64\r\nthread\r\ntake 0 1\r\n";
    struct ms_requests r = {.threads = 0};
    char why[MS_REQUESTS_WHY_BYTES] = "";

    assert_true(ms_requests_read(&r, "untitled", untitled, sizeof untitled - 1, why));
    assert_string_equal(r.title, "");
    round_trip(&r);
    ms_requests_drop(&r);
    assert_true(ms_requests_read(&r, "blanks", blanks, sizeof blanks - 1, why));
    assert_string_equal(r.title, "a b");
    round_trip(&r);
    ms_requests_drop(&r);
}

MS_TEST(requests_that_are_wrong_are_said_with_file_and_line)
{
#define BEGIN "mapstorm-requests 1\nregisters 64\nthread\n"
    static const struct {
        const char *text, *why;
    } wrongs[] = {
        {"", "bad.requests:1: an empty file; a trace begins with 'mapstorm-requests 1'"},
        {"take 0 1\n", "bad.requests:1: a trace begins with 'mapstorm-requests 1'"},
        {"mapstorm-requests 2\n", "bad.requests:1: version '2' of a trace is not known here"},
        {"mapstorm-requests 1\n", "bad.requests:1: the file ends without a thread"},
        {"mapstorm-requests 1\nthread\n", "bad.requests:2: a line 'registers COUNT' comes before"},
        {"mapstorm-requests 1\nregisters 63\n",
         "bad.requests:2: the size of a file is a number from 64 "},
        {"mapstorm-requests 1\nregisters 262145\n", "not '262145'"},
        {"mapstorm-requests 1\nregisters 64\nregisters 64\n",
         "bad.requests:3: a second line 'registers'"},
        {"mapstorm-requests 1\nregisters 64\ntake 0 1\n",
         "bad.requests:3: a line 'thread' comes before"},
        {"mapstorm-requests 1\ntitle a\ntitle b\n", "bad.requests:3: a second title"},
        {"mapstorm-requests 1\ntitle \n", "bad.requests:2: an empty title"},
        {BEGIN, "bad.requests:3: the file ends without requests of its last thread"},
        {BEGIN "thread\n", "bad.requests:4: the thread before has no requests"},
        {BEGIN "take 0\n", "bad.requests:4: the form is 'take SLOT RUN'"},
        {BEGIN "take 0 1 2\n", "bad.requests:4: the form is 'take SLOT RUN'"},
        {BEGIN "take 0 1 2 3 4 5\n", "bad.requests:4: the form is 'take SLOT RUN'"},
        {BEGIN "give\n", "bad.requests:4: the form is 'give SLOT'"},
        {BEGIN "lend 0 1\n", "bad.requests:4: 'lend' is none of take, give, thread"},
        {BEGIN "take 64 1\n", "bad.requests:4: a slot is a number from 0 to 63, not '64'"},
        {BEGIN "take -1 1\n", "bad.requests:4: a slot is a number from 0 to 63, not '-1'"},
        {BEGIN "take 1x 1\n", "not '1x'"},
        {BEGIN "take 0 0\n", "bad.requests:4: a run is a number from 1 to 64, not '0'"},
        {BEGIN "take 0 65\n", "bad.requests:4: a run is a number from 1 to 64, not '65'"},
        {BEGIN "take 0 99999999999999999999\n", "not '99999999999999999999'"},
        {BEGIN "take 0 1\n\ntake 0 1\n",
         "bad.requests:6: slot 0 holds a run since line 4: give it back"},
        {BEGIN "give 0\n", "bad.requests:4: slot 0 holds nothing to give back"},
        {BEGIN "take 0 40\ntake 1 25\n", "bad.requests:5: with this one the thread holds 65 of 64"},
    };

    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct ms_requests r = {.threads = 0};
        char why[MS_REQUESTS_WHY_BYTES] = "";

        if (ms_requests_read(&r, "bad.requests", wrongs[i].text, strlen(wrongs[i].text), why))
            fail_msg("\"%s\" was read", wrongs[i].text);
        if (!strstr(why, wrongs[i].why))
            fail_msg("\"%s\" is not in \"%s\"", wrongs[i].why, why);
        ms_requests_drop(&r);
    }
#undef BEGIN
}

MS_TEST(requests_of_odd_bytes_are_refused)
{
    struct ms_requests r = {.threads = 0};
    char why[MS_REQUESTS_WHY_BYTES] = "";
    static const char zero[] = "mapstorm-requests 1\nregi\0sters 64\n";
    char *line = malloc(1000);

    assert_false(ms_requests_read(&r, "zero", zero, sizeof zero - 1, why));
    assert_non_null(strstr(why, "zero:2: a zero byte"));
    ms_requests_drop(&r);
    memset(line, '#', 1000);
    assert_false(ms_requests_read(&r, "long", line, 1000, why));
    assert_non_null(strstr(why, "long:1: a line longer than"));
    free(line);
    ms_requests_drop(&r);
}

MS_TEST(requests_of_a_thread_have_a_bound)
{
    struct ms_requests r = {.threads = 1};

    for (uint32_t i = 0; i < MS_REQUESTS_STEPS_MAX; i++)
        assert_true(ms_requests_add(&r, 0, (struct ms_request){.slot = i % 7, .run = i % 2}));
    assert_false(ms_requests_add(&r, 0, (struct ms_request){.slot = 1}));
    assert_int_equal(r.thread[0].step[MS_REQUESTS_STEPS_MAX - 1].slot,
                     (MS_REQUESTS_STEPS_MAX - 1) % 7);
    ms_requests_drop(&r);
}

/* ---- recorded ----------------------------------------------------------------------------------- */

static struct ms_catalog *shipped_open(void)
{
    static char path[4096];
    const char *const layouts[] = {path};
    char why[MS_WHY_BYTES] = "";
    struct ms_catalog *catalog;

    assert_true(ms_catalog_shipped(path, sizeof path));
    catalog =
        ms_catalog_open(&(struct ms_catalog_config){.layouts = layouts, .layout_count = 1}, why);
    if (!catalog)
        fail_msg("%s", why);
    return catalog;
}

MS_TEST(requests_of_every_device_are_recorded_and_given_back)
{
    struct ms_catalog *catalog = shipped_open();
    const char *device;

    for (size_t i = 0; (device = ms_record_device(i)) != NULL; i++) {
        struct ms_requests r = {.threads = 0};
        char why[MS_WHY_BYTES] = "";

        if (!ms_record(catalog, device, &r, why))
            fail_msg("%s", why);
        assert_int_equal(r.threads, 2);
        for (uint32_t t = 0; t < r.threads; t++) {
            int64_t held = 0;

            assert_true(r.thread[t].steps > 1000);
            for (uint32_t k = 0; k < r.thread[t].steps; k++)
                held += r.thread[t].step[k].run ? 1 : -1;
            assert_int_equal(held, 0);
        }
        round_trip(&r);
        ms_requests_drop(&r);
    }
    ms_catalog_close(catalog);
}

MS_TEST(requests_of_no_known_device_are_not_recorded)
{
    struct ms_catalog *catalog = shipped_open();
    struct ms_requests r = {.threads = 0};
    char why[MS_WHY_BYTES] = "";

    assert_false(ms_record(catalog, "floppy", &r, why));
    assert_non_null(strstr(why, "there are disk and network"));
    ms_requests_drop(&r);
    ms_catalog_close(catalog);
}

MS_TEST(requests_that_are_shipped_are_served_by_whoever_gives_such_runs)
{
    struct ms_catalog *catalog = shipped_open();
    const struct ms_scenario *scenario = ms_scenario_find("registers");
    const struct ms_requests *trace;
    const struct ms_shape_info *shape;
    const struct ms_contender *all;
    size_t served = 0, traces = 0;

    for (; (shape = ms_catalog_trace(catalog, traces, &trace)) != NULL; traces++) {
        for (size_t i = 0; i < ms_catalog_contenders(catalog, &all); i++) {
            struct ms_cell_key key = {.threads = 2, .registers = 4096};
            struct ms_tally tally;
            char why[MS_WHY_BYTES] = "";

            snprintf(key.strategy, sizeof key.strategy, "%s", all[i].name);
            snprintf(key.shape, sizeof key.shape, "%s", shape->name);
            if (all[i].part > MS_PART_BASELINE ||
                ms_scenario_refusal(scenario, catalog, &all[i], &key))
                continue;
            if (!scenario->count(catalog, &key, 3, &tally, why))
                fail_msg("%s %s: %s", all[i].name, shape->name, why);
            assert_string_equal(tally.count[0].name, MS_COUNT_REFUSED);
            /* Two thirds of the file at most: only chunks of powers of two may not suffice. */
            assert_true(tally.count[0].per_op < 0.05);
            served++;
        }
    }
    assert_true(traces >= 2);
    assert_true(served > 8);
    ms_catalog_close(catalog);
}

static double counted_of(const struct ms_tally *tally, const char *name)
{
    for (uint32_t i = 0; i < tally->counts; i++)
        if (strcmp(tally->count[i].name, name) == 0)
            return tally->count[i].per_op;
    fail_msg("%s was not counted", name);
    return 0.0;
}

static struct ms_tally replayed(const struct ms_catalog *catalog, const char *shape,
                                uint32_t registers)
{
    struct ms_cell_key key = {.threads = 2, .registers = registers, .strategy = "spin-bitmap"};
    struct ms_tally tally;
    char why[MS_WHY_BYTES] = "";

    snprintf(key.shape, sizeof key.shape, "%s", shape);
    if (!ms_scenario_find("registers")->count(catalog, &key, 3, &tally, why))
        fail_msg("%s", why);
    return tally;
}

MS_TEST(requests_that_are_too_many_fail_for_want_of_registers_not_of_runs)
{
    struct ms_catalog *catalog = shipped_open();
    struct ms_tally few = replayed(catalog, "trace-network", 4096);
    struct ms_tally many = replayed(catalog, "trace-disk", 1024);

    /* An eighth of the file is taken, from the bottom: what is free is nearly one run. */
    assert_true(counted_of(&few, MS_COUNT_REFUSED) == 0.0);
    assert_true(counted_of(&few, MS_COUNT_FRAGMENTED) < 0.2);
    /* Both queues together have up to 2600 registers. */
    assert_true(counted_of(&many, MS_COUNT_REFUSED) > 0.01);
    assert_true(counted_of(&many, MS_COUNT_APART) < counted_of(&many, MS_COUNT_REFUSED));
    ms_catalog_close(catalog);
}

MS_TEST(requests_are_refused_by_who_gives_no_such_runs)
{
    struct ms_catalog *catalog = shipped_open();
    const struct ms_scenario *scenario = ms_scenario_find("registers");
    struct ms_cell_key key = {.threads = 1, .registers = 4096, .shape = "trace-disk"};
    struct ms_contender one = {.name = "one", .run_max = 63},
                        long_run = {.name = "l", .run_max = 64};

    assert_non_null(ms_scenario_refusal(scenario, catalog, &one, &key));
    assert_null(ms_scenario_refusal(scenario, catalog, &long_run, &key));
    ms_catalog_close(catalog);
}
