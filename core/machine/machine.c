/* SPDX-License-Identifier: MIT */
/*
 * machine: puts the parts together. The only floor that names all others.
 */
#include "machine/machine.h"

#include <string.h>

enum { REGISTERS_24_MAX = 2048, REGISTERS_32_MAX = MS_REG_COUNT_MAX };

struct ms_machine_config ms_machine_config_default(void)
{
    return (struct ms_machine_config){
        .strategy = NULL,
        .sg_variant = NULL,
        .registers_32 = 4096,
        .registers_24 = 256,
        .grants = 4096,
    };
}

/* VER-08 */
static bool table_is_known(uint32_t bytes)
{
    return bytes == 0 || bytes == 0xE8 || bytes == 0x110 || bytes == 0x118 || bytes == 0x138 ||
           bytes == sizeof(DMA_OPERATIONS);
}

/* Turns the user's words into parts, or says what is wrong with them. */
static const char *config_resolve(const struct ms_machine_config *config, struct ms_dma_config *dma)
{
    struct ms_cpu_features features = ms_cpu_features_get();

    dma->strategy = config->strategy ? ms_strategy_find(config->strategy) : ms_strategy_default();
    dma->variant =
        config->sg_variant ? ms_sg_variant_find(config->sg_variant) : ms_sg_variant_best(features);
    dma->registers[MS_REACH_24] = config->registers_24;
    dma->registers[MS_REACH_32] = config->registers_32;
    dma->grants = config->grants;
    dma->merge_mdls = config->merge_mdls;
    dma->translate_all = config->translate_all;
    dma->null_bases = config->null_bases;
    dma->table_bytes = config->table_bytes;
    dma->defer_requests = config->defer_requests;
    dma->defer_grants = config->defer_grants;
    dma->alignment = config->alignment;
    dma->other = config->other;
    if (!dma->strategy)
        return "no map-register strategy has that name; `mapstorm list` shows them";
    if (!dma->variant)
        return "no list builder of that name is in this build or fits this processor";
    if (config->registers_24 < 1 || config->registers_24 > REGISTERS_24_MAX)
        return "registers_24 must be 1 to 2048: two pools of them lie below 16 MiB";
    if (config->registers_32 < 1 || config->registers_32 > REGISTERS_32_MAX)
        return "registers_32 must be 1 to 262144";
    if (!table_is_known(config->table_bytes))
        return "table_bytes must be 0, 0xE8, 0x110, 0x118, 0x138 or 0x140";
    if ((config->alignment & (config->alignment - 1)) != 0 || config->alignment > PAGE_SIZE)
        return "alignment must be a power of two, 4096 at the most";
    if (config->wdf_objects > MS_WDF_OBJECTS_MAX)
        return "wdf_objects must be 0 (65536 of them) to 1048576";
    if (config->other.unflushed > 0)
        return "other.unflushed must be 0 or a failing status";
    if (config->other.element_bytes_max != 0 && config->other.element_bytes_max < PAGE_SIZE)
        return "other.element_bytes_max must be 0, or 4096 at the least";
    if ((config->other.boundary & (config->other.boundary - 1)) != 0 ||
        (config->other.boundary != 0 && config->other.boundary < PAGE_SIZE))
        return "other.boundary must be 0, or a power of two, 4096 at the least";
    if (config->wdf_framework_minor > 33)
        return "wdf_framework_minor must be 0 (the newest) to 33: framework 1.33 is the newest";
    if (config->grants < 1 || config->grants > MS_GRANTS_MAX)
        return "grants must be 1 to 1048576";
    return NULL;
}

/* NULL, or what is wrong with the controllers. */
static const char *controllers_check(const struct ms_dma_config *dma)
{
    uint32_t gates = 0;

    if (dma->controller_count > MS_CONTROLLERS_MAX)
        return "controller_count must be 0 to 8";
    for (uint32_t i = 0; i < dma->controller_count; i++) {
        const struct ms_controller_config *c = &dma->controllers[i];
        uint64_t end = (uint64_t)c->line_first + c->lines;
        if (!ms_controller_is_sound(c))
            return "a number of one of the controllers is out of range; see "
                   "controller/controller.h";
        for (uint32_t k = 0; k < i; k++)
            if (c->line_first <
                    (uint64_t)dma->controllers[k].line_first + dma->controllers[k].lines &&
                dma->controllers[k].line_first < end)
                return "two of the controllers serve the same request line";
        gates += c->legacy ? c->lines : 1;
    }
    return gates > MS_GATES_MAX ? "the legacy controllers have more than 60 lines in all" : NULL;
}

struct ms_machine *ms_machine_create(const struct ms_machine_config *config, const char **error)
{
    struct ms_machine_config chosen = config ? *config : ms_machine_config_default();
    struct ms_memory_config memory = ms_memory_config_default();
    const struct ms_controller_config usual[] = {ms_controller_legacy(), ms_controller_soc()};
    struct ms_dma_config dma = {
        .controllers = chosen.controllers ? chosen.controllers : usual,
        .controller_count =
            chosen.controllers ? chosen.controller_count : sizeof usual / sizeof usual[0],
    };
    struct ms_wdf_config wdf = {
        .objects = chosen.wdf_objects,
        .timers_stepped = chosen.wdf_timers_stepped,
        .callbacks_cleared = chosen.wdf_callbacks_cleared,
        .cancel_early = chosen.wdf_cancel_early,
        .offset_in_first_mdl = chosen.wdf_offset_in_first_mdl,
        .nested_lists = chosen.wdf_nested_lists,
        .ended_is_fatal = chosen.wdf_ended_is_fatal,
        .no_flush_on_overrun = chosen.wdf_no_flush_on_overrun,
        .deferred_by_dpc = chosen.wdf_deferred_by_dpc,
        .framework_minor = chosen.wdf_framework_minor,
    };
    struct ms_cpu *was = ms_cpu_current();
    struct ms_kernel *here = was ? was->kernel : NULL;
    struct ms_machine *machine;
    const char *wrong = config_resolve(&chosen, &dma);

    if (!wrong)
        wrong = controllers_check(&dma);
    if (wrong)
        goto fail;
    wrong = "not enough memory for the machine";
    machine = ms_alloc(sizeof *machine);
    if (!machine)
        goto fail;
    machine->config = chosen;
    machine->config.controllers = NULL; /* the caller's memory */
    machine->memory = ms_memory_create(&memory);
    if (!machine->memory)
        goto undo_machine;
    ms_kernel_init(&machine->kernel, machine, machine->memory);
    machine->dma = ms_dma_create(&machine->kernel, machine->memory, &dma);
    if (!machine->dma)
        goto undo_memory;
    machine->wdf = ms_wdf_create(&machine->kernel, &wdf);
    if (!machine->wdf)
        goto undo_dma;
    for (uint32_t i = 0; chosen.engine_threads && ms_dma_controller(machine->dma, i); i++)
        if (!ms_controller_start(ms_dma_controller(machine->dma, i)))
            goto undo_wdf;
    machine->pdo.Type = 3; /* what the I/O manager writes into a device object */
    machine->pdo.Size = sizeof machine->pdo;
    return machine;

undo_wdf:
    ms_machine_enter(machine);
    ms_wdf_close(machine->wdf);
    ms_machine_leave();
    if (here)
        ms_cpu_enter(here); /* the caller is where it was */
    ms_wdf_destroy(machine->wdf);
undo_dma:
    ms_dma_destroy(machine->dma);
undo_memory:
    ms_memory_destroy(machine->memory);
undo_machine:
    ms_free(machine, sizeof *machine);
fail:
    if (error)
        *error = wrong;
    return NULL;
}

void ms_machine_destroy(struct ms_machine *machine)
{
    struct ms_cpu *was = ms_cpu_current();
    struct ms_kernel *other = was && was->kernel != &machine->kernel ? was->kernel : NULL;

    for (uint32_t i = 0; ms_dma_controller(machine->dma, i); i++)
        ms_controller_stop(ms_dma_controller(machine->dma, i));
    ms_machine_enter(machine);
    ms_wdf_close(machine->wdf); /* with the kernel's threads */
    ms_require(ms_kernel_is_quiet(&machine->kernel));
    ms_io_space_close(&machine->kernel.io_space);
    ms_machine_leave();
    ms_dma_destroy(machine->dma);
    ms_wdf_destroy(machine->wdf);
    ms_memory_destroy(machine->memory);
    ms_free(machine, sizeof *machine);
    if (other)
        ms_cpu_enter(other); /* the caller was in another machine and still is */
}

void ms_machine_enter(struct ms_machine *machine)
{
    ms_cpu_enter(&machine->kernel);
}

void ms_machine_leave(void)
{
    ms_cpu_leave();
}

PDEVICE_OBJECT ms_machine_pdo(struct ms_machine *machine)
{
    return &machine->pdo;
}

bool ms_machine_audit(struct ms_machine *machine)
{
    return ms_dma_audit(machine->dma);
}

/* --- misuse --- */

static void misuse_tell(const struct ms_rule_report *report, void *context)
{
    struct ms_machine *machine = context;
    const struct ms_misuse misuse = {
        .rule = (uint32_t)report->info->rule,
        .note = report->info->severity == MS_RULE_NOTE,
        .name = report->info->name,
        .clauses = report->info->clauses,
        .text = report->info->text,
        .object = report->object,
        .state = report->state,
    };

    machine->watch(&misuse, machine->watch_context);
}

void ms_machine_watch(struct ms_machine *machine, ms_misuse_watch *watch, void *context)
{
    machine->watch = watch;
    machine->watch_context = context;
    ms_rules_watch(&machine->kernel, watch ? misuse_tell : NULL, machine);
}

uint64_t ms_machine_rules_broken(const struct ms_machine *machine)
{
    return ms_rules_broken(&machine->kernel);
}

/* --- buffers --- */

struct ms_buffer {
    struct ms_machine *machine;
    PMDL mdl;
    uint8_t *view;
    uint32_t pages;
    uint32_t byte_offset;
    PFN_NUMBER pfn[];
};

static bool frames_take_all(struct ms_memory *memory, const PFN_NUMBER *pfn, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        if (!ms_frames_take_at(memory, pfn[i], 1)) {
            while (i-- > 0)
                ms_frames_give(memory, pfn[i], 1);
            return false;
        }
    return true;
}

static size_t buffer_size(uint32_t pages)
{
    return sizeof(struct ms_buffer) + pages * sizeof(PFN_NUMBER);
}

struct ms_buffer *ms_buffer_create(struct ms_machine *machine, const PFN_NUMBER *pfn,
                                   uint32_t byte_offset, uint32_t bytes)
{
    uint32_t pages = (uint32_t)(((uint64_t)byte_offset + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
    struct ms_buffer *buffer;

    if (byte_offset >= PAGE_SIZE || bytes == 0 || bytes > UINT32_MAX - PAGE_SIZE + 1)
        return NULL; /* MDL-08 */
    buffer = ms_alloc(buffer_size(pages));
    if (!buffer)
        return NULL;
    buffer->machine = machine;
    buffer->pages = pages;
    buffer->byte_offset = byte_offset;
    memcpy(buffer->pfn, pfn, pages * sizeof *pfn);
    if (!frames_take_all(machine->memory, pfn, pages))
        goto undo_alloc;
    buffer->view = ms_view_create(machine->memory, pfn, pages);
    if (!buffer->view)
        goto undo_frames;
    buffer->mdl = ms_mdl_create(pfn, byte_offset, bytes);
    if (!buffer->mdl)
        goto undo_view;
    return buffer;

undo_view:
    ms_view_destroy(machine->memory, buffer->view, pages);
undo_frames:
    for (uint32_t i = 0; i < pages; i++)
        ms_frames_give(machine->memory, pfn[i], 1);
undo_alloc:
    ms_free(buffer, buffer_size(pages));
    return NULL;
}

void ms_buffer_destroy(struct ms_buffer *buffer)
{
    struct ms_memory *memory = buffer->machine->memory;

    IoFreeMdl(buffer->mdl);
    ms_view_destroy(memory, buffer->view, buffer->pages);
    for (uint32_t i = 0; i < buffer->pages; i++)
        ms_frames_give(memory, buffer->pfn[i], 1);
    ms_free(buffer, buffer_size(buffer->pages));
}

PMDL ms_buffer_mdl(struct ms_buffer *buffer)
{
    return buffer->mdl;
}

uint8_t *ms_buffer_bytes(struct ms_buffer *buffer)
{
    return buffer->view + buffer->byte_offset;
}

/* --- the device's side --- */

union one_element {
    SCATTER_GATHER_LIST list;
    uint8_t bytes[sizeof(SCATTER_GATHER_LIST) + sizeof(SCATTER_GATHER_ELEMENT)];
};

static void one_element(union one_element *one, uint64_t address, uint32_t bytes)
{
    memset(one, 0, sizeof *one);
    one->list.NumberOfElements = 1;
    one->list.Elements[0].Address.QuadPart = (LONGLONG)address;
    one->list.Elements[0].Length = bytes;
}

uint64_t ms_device_read_list(struct ms_machine *machine, uint32_t address_width,
                             const SCATTER_GATHER_LIST *list, void *device, uint64_t bytes)
{
    struct ms_bus_master master;

    ms_bus_master_init(&master, machine->memory, address_width);
    return ms_bus_master_fetch(&master, list, device, bytes).bytes;
}

uint64_t ms_device_write_list(struct ms_machine *machine, uint32_t address_width,
                              const SCATTER_GATHER_LIST *list, const void *device, uint64_t bytes)
{
    struct ms_bus_master master;

    ms_bus_master_init(&master, machine->memory, address_width);
    return ms_bus_master_store(&master, list, device, bytes).bytes;
}

uint64_t ms_device_read(struct ms_machine *machine, uint32_t address_width, uint64_t address,
                        void *device, uint32_t bytes)
{
    union one_element list;

    one_element(&list, address, bytes);
    return ms_device_read_list(machine, address_width, &list.list, device, bytes);
}

uint64_t ms_device_write(struct ms_machine *machine, uint32_t address_width, uint64_t address,
                         const void *device, uint32_t bytes)
{
    union one_element list;

    one_element(&list, address, bytes);
    return ms_device_write_list(machine, address_width, &list.list, device, bytes);
}

bool ms_machine_add_registers(struct ms_machine *machine,
                              const struct ms_device_registers *registers)
{
    return ms_io_space_add(&machine->kernel.io_space, registers);
}
