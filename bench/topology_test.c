/* SPDX-License-Identifier: MIT */
/* topology_test.c: thread plans on described machines, and that those are never bound. */
#include "platform/test.h"

#include "topology.h"

struct machine {
    const char *description;
    uint32_t pus, cores, packages;
    uint32_t place[8]; /* of the first threads, in order */
    uint32_t place_count;
};

static const struct machine machines[] = {
    {.description = "pack:2 [numa] l3:1 core:8 pu:2",
     .pus = 32,
     .cores = 16,
     .packages = 2,
     .place = {0, 2, 4, 6, 8, 10, 12, 14},
     .place_count = 8},
    {.description = "pack:1 core:2 pu:1",
     .pus = 2,
     .cores = 2,
     .packages = 1,
     .place = {0, 1, 0, 1},
     .place_count = 4},
    {.description = "pack:2 core:2 pu:2",
     .pus = 8,
     .cores = 4,
     .packages = 2,
     .place = {0, 2, 4, 6, 1, 3, 5, 7},
     .place_count = 8},
    {.description = "pack:1 [numa] l3:2 core:1 pu:4",
     .pus = 8,
     .cores = 2,
     .packages = 1,
     .place = {0, 4, 1, 5, 2, 6, 3, 7},
     .place_count = 8},
};

MS_TEST(topology_threads_go_to_cores_first_then_to_their_second_halves)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const struct machine *m = &machines[i];
        struct ms_topology *t = ms_topology_imagine(m->description);

        assert_non_null(t);
        assert_int_equal(ms_topology_pus(t), m->pus);
        assert_int_equal(ms_topology_cores(t), m->cores);
        assert_int_equal(ms_topology_packages(t), m->packages);
        for (uint32_t thread = 0; thread < m->place_count; thread++)
            assert_int_equal(ms_topology_place(t, thread), m->place[thread]);
        ms_topology_close(t);
    }
}

MS_TEST(topology_every_pu_is_used_once_before_any_is_used_twice)
{
    struct ms_topology *t = ms_topology_imagine("pack:2 [numa] l3:1 core:8 pu:2");
    bool used[32] = {false};

    for (uint32_t thread = 0; thread < 32; thread++) {
        uint32_t pu = ms_topology_place(t, thread);
        assert_in_range(pu, 0, 31);
        assert_false(used[pu]);
        used[pu] = true;
    }
    assert_int_equal(ms_topology_place(t, 32), ms_topology_place(t, 0));
    ms_topology_close(t);
}

MS_TEST(topology_a_described_machine_is_never_bound)
{
    struct ms_topology *t = ms_topology_imagine("pack:1 core:2 pu:1");

    assert_false(ms_topology_is_binding(t));
    assert_false(ms_topology_bind(t, 0));
    ms_topology_close(t);
}

MS_TEST(topology_nonsense_is_refused)
{
    assert_null(ms_topology_imagine("cupboards:2 shelves:x"));
}

MS_TEST(topology_binding_here_takes_effect_or_says_no)
{
    struct ms_topology *t = ms_topology_open();

    assert_non_null(t);
    assert_in_range(ms_topology_pus(t), 1, 1 << 20);
    if (ms_topology_is_binding(t)) {
        uint32_t last = ms_topology_place(t, ms_topology_pus(t) - 1);
        if (ms_topology_bind(t, last))
            assert_int_equal(ms_topology_where(t), last);
    }
    ms_topology_close(t);
}

MS_TEST(topology_is_described_in_a_line_that_describes_it_again)
{
    struct ms_topology *t = ms_topology_imagine("pack:2 [numa] l3:1 core:8 pu:2");
    struct ms_topology *again;
    char text[256];

    ms_topology_describe(t, text, sizeof text);
    again = ms_topology_imagine(text);
    assert_non_null(again);
    assert_int_equal(ms_topology_pus(again), 32);
    assert_int_equal(ms_topology_cores(again), 16);
    ms_topology_close(again);
    ms_topology_close(t);
}

MS_TEST(topology_is_written_as_xml)
{
    struct ms_topology *t = ms_topology_imagine("pack:1 core:2 pu:1");
    size_t bytes = 0;
    char *xml = ms_topology_xml(t, &bytes);

    assert_non_null(xml);
    assert_int_equal(strlen(xml), bytes);
    assert_non_null(strstr(xml, "Package"));
    ms_topology_xml_free(t, xml);
    ms_topology_close(t);
}
