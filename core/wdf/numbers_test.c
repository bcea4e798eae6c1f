/* SPDX-License-Identifier: MIT */
/* The numbers that drivers compile in: Windows' values, one by one. */
#include "wdf/test_driver.h"

/* NUM-01, NUM-02, NUM-03, NUM-04 */
MS_TEST(profiles_directions_and_flags_have_windows_numbers)
{
    assert_int_equal(WdfDmaProfileInvalid, 0);
    assert_int_equal(WdfDmaProfilePacket, 1);
    assert_int_equal(WdfDmaProfileScatterGather, 2);
    assert_int_equal(WdfDmaProfilePacket64, 3);
    assert_int_equal(WdfDmaProfileScatterGather64, 4);
    assert_int_equal(WdfDmaProfileScatterGatherDuplex, 5);
    assert_int_equal(WdfDmaProfileScatterGather64Duplex, 6);
    assert_int_equal(WdfDmaProfileSystem, 7);
    assert_int_equal(WdfDmaProfileSystemDuplex, 8);
    assert_int_equal(WdfDmaDirectionReadFromDevice, FALSE);
    assert_int_equal(WdfDmaDirectionWriteToDevice, TRUE);
    assert_int_equal(WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION, 1);
    assert_int_equal(WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER, 2);
    assert_int_equal(WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS, 0xFFFFFFFFu);
}

/* NUM-05, NUM-06 */
MS_TEST(statuses_have_windows_numbers)
{
    static const struct {
        NTSTATUS status;
        uint32_t number;
    } rows[] = {
        {STATUS_WDF_BUSY, 0xC0200204},
        {STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, 0xC0200209},
        {STATUS_WDF_TOO_FRAGMENTED, 0xC020020A},
        {STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED, 0xC020020F},
        {STATUS_WDF_PARENT_NOT_SPECIFIED, 0xC0200212},
        {STATUS_WDF_TOO_MANY_TRANSFERS, 0xC0200213},
        {STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS, 0xC0200214},
        {STATUS_PENDING, 0x103},
        {STATUS_MORE_PROCESSING_REQUIRED, 0xC0000016},
        {STATUS_INFO_LENGTH_MISMATCH, 0xC0000004},
        {STATUS_INVALID_PARAMETER, 0xC000000D},
        {STATUS_INVALID_DEVICE_REQUEST, 0xC0000010},
        {STATUS_INSUFFICIENT_RESOURCES, 0xC000009A},
        {STATUS_DEVICE_DATA_ERROR, 0xC000009C},
        {STATUS_IO_TIMEOUT, 0xC00000B5},
        {STATUS_CANCELLED, 0xC0000120},
        {STATUS_INVALID_DEVICE_STATE, 0xC0000184},
        {STATUS_UNSUCCESSFUL, 0xC0000001},
        {STATUS_BUFFER_TOO_SMALL, 0xC0000023},
    };

    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal((uint32_t)rows[i].status, rows[i].number);
}

/* NUM-08, NUM-09, NUM-10 */
MS_TEST(initializers_zero_what_they_do_not_set)
{
    WDF_DMA_ENABLER_CONFIG enabler, enabler_zero;
    WDF_DMA_SYSTEM_PROFILE_CONFIG system, system_zero;
    CM_PARTIAL_RESOURCE_DESCRIPTOR dma = {.Type = CmResourceTypeDma};
    PHYSICAL_ADDRESS address = {.QuadPart = 0x70006200};

    memset(&enabler, 0xAA, sizeof enabler);
    memset(&enabler_zero, 0, sizeof enabler_zero);
    WDF_DMA_ENABLER_CONFIG_INIT(&enabler, WdfDmaProfilePacket, 77);
    enabler_zero.Size = sizeof enabler;
    enabler_zero.Profile = WdfDmaProfilePacket;
    enabler_zero.MaximumLength = 77;
    assert_memory_equal(&enabler, &enabler_zero, sizeof enabler);
    memset(&system, 0xAA, sizeof system);
    memset(&system_zero, 0, sizeof system_zero);
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&system, address, Width32Bits, &dma);
    system_zero.Size = sizeof system;
    system_zero.DeviceAddress = address;
    system_zero.DmaWidth = Width32Bits;
    system_zero.DmaDescriptor = &dma;
    assert_memory_equal(&system, &system_zero, sizeof system);
    assert_int_equal(KeepObject, 1);
    assert_int_equal(DeallocateObject, 2);
    assert_int_equal(DeallocateObjectKeepRegisters, 3);
    assert_int_equal(DMA_SYNCHRONOUS_CALLBACK, 1);
    assert_int_equal(DMA_TRANSFER_CONTEXT_SIZE_V1, 128);
    assert_int_equal(DmaComplete, 0);
    assert_int_equal(DmaAborted, 1);
    assert_int_equal(DmaError, 2);
    assert_int_equal(DmaCancelled, 3);
}

MS_TEST(every_rule_has_a_number_of_its_own_and_says_what_it_is)
{
    static const uint32_t numbers[] = {
#define MS_RULE(name, code, severity, clauses, text) code,
#include "verify/rules.def"
#undef MS_RULE
    };

    for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct ms_rule_info *info = ms_rule_info(numbers[i]);
        assert_non_null(info);
        assert_true(strlen(info->text) > 10 && strlen(info->clauses) >= 6);
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(numbers[i], numbers[k]);
    }
    assert_null(ms_rule_info(0));
}
