/* SPDX-License-Identifier: MIT */
/* key_test.c: cell names survive a round trip, and a typing error finds its word. */
#include "platform/test.h"

#include "key.h"

MS_TEST(key_a_name_survives_the_round_trip)
{
    static const char *const names[] = {
        "registers/strategy:spin-bitmap/shape:8r/threads:2/registers:4096",
        "map/strategy:magazine/adapter:sg64/shape:4p/threads:1/registers:1024",
        "limits/strategy:bare/shape:memcpy-4k/threads:1",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct ms_cell_key key;
        char text[MS_CELL_NAME_BYTES];

        assert_true(ms_key_parse(names[i], &key));
        ms_key_print(&key, text, sizeof text);
        assert_string_equal(text, names[i]);
    }
}

MS_TEST(key_what_is_no_name_is_refused)
{
    static const char *const bad[] = {
        "",
        "/shape:1r",
        "registers/shape",
        "registers/shape:",
        "registers/colour:red",
        "registers/threads:x",
        "registers/threads:99999999999999",
        ("registers/strategy:"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    };
    struct ms_cell_key key;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ms_key_parse(bad[i], &key));
}

MS_TEST(key_filters_must_all_match)
{
    struct ms_cell_key key;
    const char *both[] = {"shape:8r", "threads:2"};
    const char *one_wrong[] = {"shape:8r", "threads:1"};
    const char *unknown[] = {"colour:red"};
    const char *no_form[] = {"8r"};

    assert_true(ms_key_parse("registers/strategy:a/shape:8r/threads:2/registers:64", &key));
    assert_true(ms_key_matches(&key, both, 2));
    assert_false(ms_key_matches(&key, one_wrong, 2));
    assert_false(ms_key_matches(&key, unknown, 1));
    assert_false(ms_key_matches(&key, no_form, 1));
    assert_true(ms_key_matches(&key, NULL, 0));
}

MS_TEST(key_distance_counts_single_changes)
{
    assert_int_equal(ms_word_distance("", ""), 0);
    assert_int_equal(ms_word_distance("magazine", "magazine"), 0);
    assert_int_equal(ms_word_distance("magazin", "magazine"), 1);
    assert_int_equal(ms_word_distance("magaznie", "magazine"), 1);
    assert_int_equal(ms_word_distance("", "abc"), 3);
    assert_int_equal(ms_word_distance("kitten", "sitting"), 3);
}

MS_TEST(key_suggestions_are_the_nearest_names_and_only_near_ones)
{
    static const char *const names[] = {"spin-bitmap", "cas-bitmap", "magazine", "buddy-counter"};
    char text[128];

    ms_word_suggest("magazin", names, 4, text, sizeof text);
    assert_string_equal(text, "did you mean magazine?");
    ms_word_suggest("bitmap", names, 4, text, sizeof text);
    assert_string_equal(text, "did you mean spin-bitmap or cas-bitmap?");
    ms_word_suggest("xyzzy", names, 4, text, sizeof text);
    assert_string_equal(text, "");
}
