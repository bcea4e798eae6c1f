/* SPDX-License-Identifier: MIT */
/*
 * Making machines: every fault is undone, every wrong word is refused with a reason, several machines
 * live side by side, and each strategy and list builder can be forced.
 */
#include "machine/machine.h"
#include "platform/test.h"

MS_TEST(each_fault_while_making_a_machine_is_undone)
{
    uint32_t fault = 0;

    for (;; fault++) {
        const char *wrong = NULL;
        ms_fault_arm(fault);
        struct ms_machine *machine = ms_machine_create(NULL, &wrong);
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        if (machine) {
            assert_false(fired);
            ms_machine_destroy(machine);
            break;
        }
        assert_true(fired);
        assert_non_null(strstr(wrong, "memory"));
    }
    assert_true(fault > 8); /* the walk met the takes it should */
}

MS_TEST(a_wrong_word_or_number_is_refused_with_a_reason)
{
    static const struct {
        const char *strategy, *variant;
        uint32_t r32, r24, grants;
        const char *says;
    } rows[] = {
        {"no-such", NULL, 4096, 256, 64, "strategy"},
        {NULL, "sse9", 4096, 256, 64, "builder"},
        {NULL, NULL, 0, 256, 64, "registers_32"},
        {NULL, NULL, 262145, 256, 64, "registers_32"},
        {NULL, NULL, 64, 0, 64, "registers_24"},
        {NULL, NULL, 64, 2049, 64, "registers_24"},
        {NULL, NULL, 64, 64, 0, "grants"},
        {NULL, NULL, 64, 64, 1048577, "grants"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ms_machine_config config = ms_machine_config_default();
        const char *wrong = NULL;
        config.strategy = rows[i].strategy;
        config.sg_variant = rows[i].variant;
        config.registers_32 = rows[i].r32;
        config.registers_24 = rows[i].r24;
        config.grants = rows[i].grants;
        assert_null(ms_machine_create(&config, &wrong));
        assert_non_null(strstr(wrong, rows[i].says));
        assert_null(ms_machine_create(&config, NULL));
    }
}

MS_TEST(every_strategy_and_builder_can_be_forced)
{
    for (int i = 0; ms_strategies[i]; i++)
        for (uint32_t v = 0; ms_sg_variant_at(ms_cpu_features_get(), v); v++) {
            struct ms_machine_config config = ms_machine_config_default();
            config.strategy = ms_strategies[i]->name;
            config.sg_variant = ms_sg_variant_name(ms_sg_variant_at(ms_cpu_features_get(), v));
            struct ms_machine *machine = ms_machine_create(&config, NULL);
            assert_non_null(machine);
            assert_ptr_equal(ms_dma_pool(machine->dma, MS_REACH_32, MS_POOL_SCATTER)->ops,
                             ms_strategies[i]);
            assert_true(ms_machine_audit(machine));
            ms_machine_destroy(machine);
        }
}

MS_TEST(machines_live_side_by_side)
{
    struct ms_machine *a = ms_machine_create(NULL, NULL), *b = ms_machine_create(NULL, NULL);
    DEVICE_DESCRIPTION description = {.Version = DEVICE_DESCRIPTION_VERSION3,
                                      .Master = TRUE,
                                      .ScatterGather = TRUE,
                                      .MaximumLength = 4096,
                                      .DmaAddressWidth = 32};
    const PFN_NUMBER pfn[] = {0x4000};
    ULONG registers;

    assert_null(IoGetDmaAdapter(ms_machine_pdo(a), &description, &registers)); /* in no machine */
    ms_machine_enter(a);
    PDMA_ADAPTER first = IoGetDmaAdapter(ms_machine_pdo(a), &description, &registers);
    struct ms_buffer *in_a = ms_buffer_create(a, pfn, 0, 4096);
    ms_machine_enter(b);
    PDMA_ADAPTER second = IoGetDmaAdapter(ms_machine_pdo(b), &description, &registers);
    struct ms_buffer *in_b = ms_buffer_create(b, pfn, 0, 4096);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second); /* IGA-14 */
    ms_buffer_bytes(in_a)[0] = 1;
    assert_int_equal(ms_buffer_bytes(in_b)[0], 0);
    assert_null(ms_buffer_create(b, pfn, 0, 4096)); /* taken */
    assert_null(ms_buffer_create(b, pfn, 4096, 1));
    assert_null(ms_buffer_create(b, pfn, 0, 0));
    ms_buffer_destroy(in_b);
    second->DmaOperations->PutDmaAdapter(second);
    ms_machine_enter(a);
    ms_buffer_destroy(in_a);
    first->DmaOperations->PutDmaAdapter(first);
    ms_machine_leave();
    ms_machine_destroy(a);
    ms_machine_destroy(b);
}

MS_TEST(a_wrong_option_is_refused_with_a_reason)
{
    static const struct {
        uint32_t table_bytes, alignment;
        struct ms_alternatives other;
        const char *says;
    } rows[] = {
        {0xE0, 0, {0}, "table_bytes"},
        {0, 3, {0}, "alignment"},
        {0, 8192, {0}, "alignment"},
        {0, 0, {.unflushed = STATUS_TIMEOUT}, "unflushed"},
        {0, 0, {.element_bytes_max = 4095}, "element_bytes_max"},
        {0, 0, {.boundary = 0x3000}, "boundary"},
        {0, 0, {.boundary = 0x800}, "boundary"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ms_machine_config config = ms_machine_config_default();
        const char *wrong = NULL;
        config.table_bytes = rows[i].table_bytes;
        config.alignment = rows[i].alignment;
        config.other = rows[i].other;
        assert_null(ms_machine_create(&config, &wrong));
        assert_non_null(strstr(wrong, rows[i].says));
    }
}

/* SDM-01, DDX-30 */
MS_TEST(a_machine_is_made_with_the_controllers_it_is_given)
{
    struct ms_controller_config c[3] = {ms_controller_legacy(), ms_controller_soc(),
                                        ms_controller_soc()};
    struct ms_machine_config config = ms_machine_config_default();

    c[2].name = "second";
    c[2].line_first = 0x2000;
    config.controllers = c;
    for (uint32_t count = 0; count <= 3; count++) {
        config.controller_count = count;
        struct ms_machine *machine = ms_machine_create(&config, NULL);
        assert_non_null(machine);
        for (uint32_t i = 0; i < 4; i++) {
            struct ms_controller *made = ms_dma_controller(machine->dma, i);
            assert_int_equal(made != NULL, i < count);
            if (made)
                assert_string_equal(ms_controller_config(made)->name, c[i].name);
        }
        ms_machine_enter(machine);
        for (uint32_t i = 0; i < 3; i++) { /* a line nobody serves has no adapter */
            DEVICE_DESCRIPTION d = {.Version = DEVICE_DESCRIPTION_VERSION3,
                                    .InterfaceType = Internal,
                                    .MaximumLength = 4096,
                                    .DmaAddressWidth = 32,
                                    .DmaWidth = Width8Bits,
                                    .DmaRequestLine = c[i].line_first,
                                    .ScatterGather = i > 0};
            ULONG registers;
            PDMA_ADAPTER a =
                c[i].legacy ? NULL : IoGetDmaAdapter(ms_machine_pdo(machine), &d, &registers);
            assert_int_equal(a != NULL, i < count && !c[i].legacy);
            if (a)
                a->DmaOperations->PutDmaAdapter(a);
        }
        ms_machine_leave();
        ms_machine_destroy(machine);
    }
}

MS_TEST(a_controller_out_of_range_is_refused_with_a_reason)
{
    struct ms_controller_config c[9];
    struct ms_machine_config config = ms_machine_config_default();
    const char *wrong = NULL;

    for (uint32_t i = 0; i < 9; i++) {
        c[i] = ms_controller_soc();
        c[i].line_first = 0x1000 * (i + 1);
    }
    config.controllers = c;
    config.controller_count = 9;
    assert_null(ms_machine_create(&config, &wrong));
    assert_non_null(strstr(wrong, "0 to 8"));
    config.controller_count = 2;
    c[1].line_first = c[0].line_first + c[0].lines - 1;
    assert_null(ms_machine_create(&config, &wrong));
    assert_non_null(strstr(wrong, "same request line"));
    c[1].line_first++;
    c[1].burst_bytes = 0;
    assert_null(ms_machine_create(&config, &wrong));
    assert_non_null(strstr(wrong, "out of range"));
    config.controller_count = 8;
    for (uint32_t i = 0; i < 8; i++) {
        c[i] = ms_controller_legacy();
        c[i].line_first = 8 * i;
    }
    assert_null(ms_machine_create(&config, &wrong));
    assert_non_null(strstr(wrong, "60 lines"));
}

/* A machine that could not be made leaves its maker in the one where it was. */
MS_TEST(a_thread_stays_in_its_machine_when_another_can_not_be_made)
{
    struct ms_machine *here = ms_machine_create(NULL, NULL);
    struct ms_machine_config config = ms_machine_config_default();

    assert_non_null(here);
    config.engine_threads = true;
    ms_machine_enter(here);
    for (uint32_t fault = 0;; fault++) {
        ms_fault_arm(fault);
        struct ms_machine *other = ms_machine_create(&config, NULL);
        ms_fault_arm(UINT32_MAX);
        assert_ptr_equal(ms_cpu_current() ? ms_cpu_current()->kernel : NULL, &here->kernel);
        if (other) {
            ms_machine_destroy(other);
            break;
        }
    }
    ms_machine_leave();
    ms_machine_destroy(here);
}

/* MDL-08: more bytes than an MDL describes make no buffer. */
MS_TEST(a_buffer_longer_than_an_mdl_is_refused)
{
    struct ms_machine *machine = ms_machine_create(NULL, NULL);
    uint64_t pages = (UINT64_C(1) << 20) + 1;
    PFN_NUMBER *pfn = malloc(pages * sizeof *pfn);

    assert_non_null(machine);
    assert_non_null(pfn);
    for (uint64_t i = 0; i < pages; i++)
        pfn[i] = 0x200000 + i;
    assert_null(ms_buffer_create(machine, pfn, 0, UINT32_MAX));
    assert_null(ms_buffer_create(machine, pfn, PAGE_SIZE - 1, UINT32_MAX - PAGE_SIZE + 2));
    struct ms_buffer *most = ms_buffer_create(machine, pfn, 0, UINT32_MAX - PAGE_SIZE + 1);
    assert_non_null(most);
    ms_machine_enter(machine);
    ms_buffer_destroy(most);
    ms_machine_leave();
    free(pfn);
    ms_machine_destroy(machine);
}

/* IGA-07, SDM-01: numbers of a controller with which no transfer could be made. */
MS_TEST(a_controller_that_could_move_nothing_is_refused)
{
    struct ms_controller_config good = ms_controller_soc();
    struct ms_controller_config bad[4] = {good, good, good, good};
    const char *wrong = NULL;

    bad[0].map_registers_max = 0;
    bad[1].map_registers_max = 1;
    bad[2].line_first = UINT32_MAX; /* its second line would be line 0 */
    bad[3].boundary = 2;            /* less than a unit */
    bad[3].unit = 4;
    for (int i = 0; i < 4; i++) {
        struct ms_machine_config config = ms_machine_config_default();
        config.controllers = &bad[i];
        config.controller_count = 1;
        assert_null(ms_machine_create(&config, &wrong));
        assert_non_null(strstr(wrong, "out of range"));
    }
}

/* DDX-26: a device drives only its own address lines: behind the last address comes the first. */
MS_TEST(a_device_that_runs_over_its_last_address_begins_anew)
{
    struct ms_machine_config config = ms_machine_config_default();
    config.registers_32 = 64; /* so few that none lie where our buffer shall */
    struct ms_machine *machine = ms_machine_create(&config, NULL);
    const PFN_NUMBER pfn[] = {0x1000, 0x1001}; /* 16 MiB, which 24 lines do not reach */
    struct ms_buffer *buffer = ms_buffer_create(machine, pfn, 0, 0x2000);
    uint8_t seen[32];

    assert_non_null(buffer);
    memset(ms_buffer_bytes(buffer), 0x5A, 0x2000);
    assert_int_equal(ms_device_read(machine, 24, 0xFFFFF0, seen, sizeof seen), sizeof seen);
    for (uint32_t i = 0; i < sizeof seen; i++)
        assert_int_not_equal(seen[i], 0x5A);
    memset(seen, 0xA5, sizeof seen);
    assert_int_equal(ms_device_write(machine, 24, 0xFFFFF0, seen, sizeof seen), sizeof seen);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(ms_buffer_bytes(buffer)[i], 0x5A);
    ms_device_read(machine, 24, 0, seen, 16);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(seen[i], 0xA5);
    ms_machine_enter(machine);
    ms_buffer_destroy(buffer);
    ms_machine_leave();
    ms_machine_destroy(machine);
}
