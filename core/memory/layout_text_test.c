/* SPDX-License-Identifier: MIT */
#include "memory/memory.h"
#include "platform/prng.h"
#include "platform/test.h"

static const char good[] = "# a comment\n"
                           "mapstorm-layout 1\n"
                           "name heap-1.0_a\n"
                           "\n"
                           "source anonymous memory, 4 KiB pages\r\n"
                           "pages 6\n"
                           "runs 3\n"
                           "0 3\n"
                           "+12 2\n"
                           "-7 1\n";

MS_TEST(layout_text_is_read_and_written)
{
    static const char written[] = "mapstorm-layout 1\nname heap-1.0_a\n"
                                  "source anonymous memory, 4 KiB pages\n"
                                  "pages 6\nruns 3\n0 3\n+12 2\n-7 1\n";
    struct ms_layout layout;
    char error[100] = "", text[200];

    assert_true(ms_layout_read(&layout, good, sizeof good - 1, error, sizeof error));
    assert_string_equal(error, "");
    assert_string_equal(layout.name, "heap-1.0_a");
    assert_string_equal(layout.source, "anonymous memory, 4 KiB pages");
    assert_int_equal(layout.pages, 6);
    assert_int_equal(layout.run_count, 3);
    assert_int_equal(layout.runs[1].gap_pages, 12);
    assert_int_equal(layout.runs[2].gap_pages, -7);
    assert_int_equal(layout.runs[2].pages, 1);
    assert_int_equal(ms_layout_write(&layout, text, sizeof text), sizeof written - 1);
    assert_string_equal(text, written);
    /* Too little room: as much as fits, and how much it would be. */
    for (size_t room = 0; room < sizeof written; room++) {
        memset(text, 'x', sizeof text);
        assert_int_equal(ms_layout_write(&layout, text, room), sizeof written - 1);
        if (room)
            assert_memory_equal(text, written, room - 1);
        assert_int_equal(text[room ? room - 1 : 0], room ? 0 : 'x');
        assert_int_equal(text[room], 'x');
    }
    ms_layout_clear(&layout);
}

MS_TEST(layout_text_that_is_wrong_says_what_and_in_which_line)
{
#define HEAD    "mapstorm-layout 1\nname a\nsource b\n"
#define TOO_BIG "18446744073709551616" /* 2^64 */
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "line 1: no layout: the text is empty"},
        {"\n\n# x\n", "line 4: no layout: the text is empty"},
        {"\x7f"
         "ELF",
         "line 1: no layout: it begins with \"mapstorm-layout 1\""},
        {"mapstorm-layout", "line 1: no layout: it begins with \"mapstorm-layout 1\""},
        {"mapstorm-layout x\n",
         "line 1: \"mapstorm-layout\" is followed by the number of the version"},
        {"mapstorm-layout 2\n", "line 1: version 2 of layouts; this program reads version 1"},
        {"mapstorm-layout 1\n", "line 2: the text ends where \"name\" should stand"},
        {"mapstorm-layout 1\nsource b\n", "line 2: \"name\" and a value should stand here"},
        {"mapstorm-layout 1\nname\n", "line 2: \"name\" and a value should stand here"},
        {"mapstorm-layout 1\nname \n", "line 2: \"name\" is 1 to 63 printable characters"},
        {"mapstorm-layout 1\nname ../x\n",
         "line 2: a name has letters a-z, digits, '-', '.' and '_' only"},
        {"mapstorm-layout 1\nname A\n",
         "line 2: a name has letters a-z, digits, '-', '.' and '_' only"},
        {"mapstorm-layout 1\nname a\nsource b\tc\n",
         "line 3: \"source\" is 1 to 159 printable characters"},
        {HEAD "pages 0\n", "line 4: \"pages\" is a number from 1 to 16777216"},
        {HEAD "pages 16777217\n", "line 4: \"pages\" is a number from 1 to 16777216"},
        {HEAD "pages " TOO_BIG "\n", "line 4: \"pages\" is a number from 1 to 16777216"},
        {HEAD "pages -1\n", "line 4: \"pages\" is a number from 1 to 16777216"},
        {HEAD "pages 1 \n", "line 4: \"pages\" is a number from 1 to 16777216"},
        {HEAD "pages 1\nruns 1048577\n", "line 5: \"runs\" is a number from 1 to 1048576"},
        {HEAD "pages 1\nruns 1048576\n0 1\n",
         "line 5: 1048576 runs do not fit the rest of the text"},
        {HEAD "pages 2\nruns 2\n# much room here\n0 1\n",
         "line 8: the text ends where run 2 should stand"},
        {HEAD "pages 1\nruns 1\n  1\n",
         "line 6: run 1 begins with a gap from -68719476736 to 68719476736 and a space"},
        {HEAD "pages 1\nruns 1\n+-1 1\n",
         "line 6: run 1 begins with a gap from -68719476736 to 68719476736 and a space"},
        {HEAD "pages 1\nruns 1\n68719476737 1\n",
         "line 6: run 1 begins with a gap from -68719476736 to 68719476736 and a space"},
        {HEAD "pages 1\nruns 1\n12\n",
         "line 6: run 1 begins with a gap from -68719476736 to 68719476736 and a space"},
        {HEAD "pages 1\nruns 1\n+12 0\n", "line 6: run 1 ends with its pages, 1 to 16777216"},
        {HEAD "pages 1\nruns 1\n+12 1x\n", "line 6: run 1 ends with its pages, 1 to 16777216"},
        {HEAD "pages 1\nruns 1\n+12 " TOO_BIG "\n",
         "line 6: run 1 ends with its pages, 1 to 16777216"},
        {HEAD "pages 3\nruns 2\n0 1\n0 1\n",
         "line 7: the runs have 2 pages together, \"pages\" says 3"},
        {HEAD "pages 1\nruns 1\n0 1\n0 1\n", "line 7: nothing should follow the last of 1 runs"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ms_layout layout = {.pages = 77};
        char error[200] = "";

        assert_false(
            ms_layout_read(&layout, cases[i].text, strlen(cases[i].text), error, sizeof error));
        assert_string_equal(error, cases[i].error);
        assert_null(layout.runs);
    }
}

MS_TEST(layout_text_error_never_overruns_its_buffer)
{
    for (size_t room = 0; room < 60; room++) {
        struct ms_layout layout;
        char error[64];

        memset(error, 'x', sizeof error);
        assert_false(ms_layout_read(&layout, "nothing", 7, error, room));
        assert_int_equal(error[room], 'x');
        if (room)
            assert_true(memchr(error, 0, room) != NULL);
    }
}

MS_TEST(layout_text_without_memory_says_so)
{
    struct ms_layout layout;
    char error[100];

    ms_fault_arm(0);
    assert_false(ms_layout_read(&layout, good, sizeof good - 1, error, sizeof error));
    assert_string_equal(error, "line 7: no memory for 3 runs");
}

/* Every text that is a good one but for a byte, a cut or a doubled piece: read or refused, never
 * worse, and what is read is written and read again the same. The text ends at the end of its
 * allocation, so a look beyond is seen by the address sanitizer. */
static void read_and_back(const char *text, size_t bytes)
{
    char *exact = malloc(bytes ? bytes : 1), error[100] = "", *again;
    struct ms_layout layout, second;

    memcpy(exact, text, bytes);
    if (!ms_layout_read(&layout, exact, bytes, error, sizeof error)) {
        assert_memory_equal(error, "line ", 5);
        free(exact);
        return;
    }
    size_t need = ms_layout_write(&layout, NULL, 0);
    again = malloc(need + 1);
    assert_int_equal(ms_layout_write(&layout, again, need + 1), need);
    assert_true(ms_layout_read(&second, again, need, error, sizeof error));
    assert_string_equal(second.name, layout.name);
    assert_string_equal(second.source, layout.source);
    assert_int_equal(second.pages, layout.pages);
    assert_int_equal(second.run_count, layout.run_count);
    assert_memory_equal(second.runs, layout.runs, layout.run_count * sizeof *layout.runs);
    ms_layout_clear(&layout);
    ms_layout_clear(&second);
    free(again);
    free(exact);
}

MS_TEST(layout_text_survives_every_cut_and_every_changed_byte)
{
    static const char bytes[] = {0, '\n', '\r', ' ', '0', '9', '-', '+', '#', 'a', (char)0xFF};
    char text[sizeof good];

    for (size_t cut = 0; cut < sizeof good; cut++)
        read_and_back(good, cut);
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            memcpy(text, good, sizeof good);
            text[at] = bytes[i];
            read_and_back(text, sizeof good - 1);
        }
    }
}

MS_TEST(layout_text_survives_random_pieces)
{
    struct ms_prng prng = {.state = 4};

    for (uint32_t round = 0; round < 5000; round++) {
        char text[300];
        size_t used = 0;

        for (uint32_t piece = 0; piece < 6; piece++) {
            uint32_t first = ms_prng_below(&prng, sizeof good - 1);
            uint32_t count = ms_prng_below(&prng, 48);
            if (count > sizeof good - 1 - first)
                count = (uint32_t)(sizeof good - 1 - first);
            if (piece == 0)
                first = 0, count = 12 + ms_prng_below(&prng, (uint32_t)sizeof good - 12);
            memcpy(text + used, good + first, count);
            used += count;
            if (used > 200)
                break;
        }
        read_and_back(text, used);
    }
}
