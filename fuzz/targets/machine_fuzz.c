/* SPDX-License-Identifier: MIT */
/*
 * machine_fuzz.c: whole machines come and go: configurations good and bad, and memory that fails at any one place;
 * adapters of any description, common buffers, lists, channels, pool, a driver whose start fails at any step.
 *
 * Proves       a configuration that is wrong is refused with a reason; where memory fails, the call says so, changes
 *              nothing and leaves nothing behind, and the machine works on (FTL-01, O9); what a good call gives can
 *              be used and given back; a driver whose start fails is undone in reverse (WQU-07), and so is a device with
 *              enablers of which one does not power up (ENB-33); when a machine
 *              ends, every block that it took is back (O9), whatever its drivers still had
 * Does not     look for races: one thread, beside those of the machine
 */
#include "machine_stage.h"

#include "machine_power.h"
#include "machine_transfers.h"

/* --- configurations ------------------------------------------------------------------------------------------ */

/* What is wrong with it; 0 to 3: nothing. */
static void config_spoil(struct ms_machine_config *config, uint8_t wrong)
{
    static struct ms_controller_config bad[9];

    for (uint32_t i = 0; i < 9; i++) {
        bad[i] = ms_controller_legacy();
        bad[i].line_first = i * 8;
    }
    config->controllers = bad;
    config->controller_count = 2;
    switch (wrong) {
    case 4:
        config->registers_24 = 0;
        break;
    case 5:
        config->registers_32 = 300000;
        break;
    case 6:
        config->table_bytes = 5;
        break;
    case 7:
        config->alignment = 3;
        break;
    case 8:
        config->wdf_objects = 2000000;
        break;
    case 9:
        config->other.unflushed = 5;
        break;
    case 10:
        config->other.element_bytes_max = 5;
        break;
    case 11:
        config->other.boundary = 5000;
        break;
    case 12:
        config->wdf_framework_minor = 34;
        break;
    case 13:
        config->grants = 0;
        break;
    case 14:
        config->sg_variant = "nobody's";
        break;
    case 15:
        config->strategy = "nobody's";
        break;
    case 16:
        bad[1].channels = 0;
        break;
    case 17:
        bad[1].line_first = 7;
        break;
    case 18:
        config->controller_count = 9;
        break;
    case 19:
        config->controller_count = 8;
        break;
    default:
        config->controllers = NULL;
        break;
    }
}

/* Operands: strategy; choices; what is wrong, threads; where memory fails. */
static void do_create(const struct fuzz_op *op)
{
    static const uint32_t tables[8] = {0, 0, 0, 0xE8, 0x110, 0x118, 0x138, 0x140};
    struct ms_machine_config config = ms_machine_config_default();
    /* What threads of a machine touched stays the simulator's: only the first one may start some, and then
     * it is the last. */
    bool may_thread = m.made == 0;
    uint8_t choice = op->operand[1] & (may_thread ? 255 : 255 - 4 - 8 - 128);
    uint8_t wrong = op->operand[2] & 31;
    const char *error = NULL;

    if (m.machine || m.had_threads)
        return;
    wrong = wrong < 20 ? wrong : 0;
    config.strategy = stage_strategy(op->operand[0])->name;
    config.sg_variant = "scalar";
    config.registers_32 = 64;
    config.registers_24 = 8;
    config.grants = 8;
    config.wdf_objects = 64;
    config.wdf_timers_stepped = true;
    config.merge_mdls = choice & 1;
    config.translate_all = choice & 2;
    config.defer_requests = choice & 4;
    config.defer_grants = choice & 8;
    config.null_bases = choice & 16;
    config.alignment = choice & 32 ? 64 : 0;
    config.table_bytes = tables[op->operand[0] >> 5];
    config.wdf_nested_lists = choice & 64;
    config.wdf_deferred_by_dpc = choice & 128;
    config.wdf_ended_is_fatal = choice & 128;
    config.other.element_bytes_max = choice & 64 ? MS_PAGE_BYTES : 0;
    config.other.boundary = choice & 64 ? 65536 : 0;
    config.other.common_fill = choice & 64 ? 0x5A : 0;
    config.engine_threads = may_thread && op->operand[2] & 32;
    /* With threads beside us each word of a strategy is one the simulator watches: one with few words. */
    if (config.engine_threads || choice & (4 | 8 | 128))
        config.strategy = "cas-bitmap";
    config_spoil(&config, wrong);
    fault_arm(op->operand[3]);
    m.machine = ms_machine_create(&config, &error);
    bool fired = fault_disarm();
    if ((m.machine != NULL) != (wrong < 4 && !fired))
        ms_sim_fail("O7 a machine is made of a bad configuration, or none of a good one",
                    "wrong %u, fault %d: %s", wrong, fired, error ? error : "");
    if (!m.machine && (!error || ms_sim_memory_held() != m.held))
        ms_sim_fail("O9 a machine that was not made leaves something, or says nothing",
                    "%u blocks of %u", ms_sim_memory_held(), m.held);
    if (!m.machine)
        return;
    m.made++;
    m.had_threads = config.engine_threads || choice & (4 | 8 | 128);
    ms_machine_watch(m.machine, watch, NULL);
    ms_machine_enter(m.machine);
    m.dma = ms_cpu_current()->kernel->dma;
    m.has_threads = config.engine_threads;
    transfers_make();
    if (choice &
        (4 | 8 | 128)) /* a DPC cannot be refused: its thread is there before memory fails */
        dpcs_begin();
}

static void do_destroy(void)
{
    if (!m.machine)
        return;
    transfers_end();
    if (!ms_machine_audit(m.machine))
        ms_sim_fail("O2 the audit fails", "before the end");
    ms_machine_destroy(m.machine);
    m.machine = NULL;
    memset(m.adapter, 0, sizeof m.adapter);
    memset(m.common, 0, sizeof m.common);
    if (ms_sim_memory_held() != m.held)
        ms_sim_fail("O9 a machine leaves memory behind", "%u blocks of %u", ms_sim_memory_held(),
                    m.held);
}

static void machine_reset(const uint8_t *setup)
{
    (void)setup;
    /* An image of nothing: each execution takes its memory from the same place, and what it left is gone. */
    if (!ms_sim_image_use(&m, 0))
        ms_sim_image_keep(&m, sizeof m);
    m.held = ms_sim_memory_held();
}

enum kind { CREATE, DESTROY, OPEN, CLOSE, COMMON, LIST, OLD, TRANSFER, POOL, DRIVER, POWER };

static void machine_perform(uint32_t actor, const struct fuzz_op *op)
{
    (void)actor;
    if ((enum kind)op->kind != CREATE && !m.machine)
        return;
    switch ((enum kind)op->kind) {
    case CREATE:
        do_create(op);
        break;
    case DESTROY:
        do_destroy();
        break;
    case OPEN:
        do_open(op);
        break;
    case CLOSE:
        do_close(op->operand[0]);
        break;
    case COMMON:
        do_common(op);
        break;
    case LIST:
        do_list(op);
        break;
    case OLD:
        do_old(op);
        break;
    case TRANSFER:
        do_transfer(op);
        break;
    case POOL:
        do_pool(op);
        break;
    case DRIVER:
        do_driver(op);
        break;
    case POWER:
        do_power(op);
        break;
    }
    m.digest = m.digest * 31 + op->kind;
}

static void machine_finish(uint32_t actor)
{
    (void)actor;
    do_destroy();
}

static void machine_check(void *unused)
{
    (void)unused;
    if (ms_cpu_current())
        ms_sim_fail("O9 a thread is left in a machine that ended", "%p", (void *)ms_cpu_current());
}

static uint64_t machine_digest(void)
{
    return m.digest;
}

static const char *machine_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const said[] = {"make a machine",
                                       "end the machine",
                                       "open an adapter",
                                       "put an adapter away",
                                       "take or give a common buffer",
                                       "ask for a list, use it, put it",
                                       "an old-style transfer",
                                       "a transfer by context",
                                       "pool, MDLs, pages",
                                       "load a driver, start a device, and undo it",
                                       "a device with enablers comes and goes, twice"};

    snprintf(text, bytes, "%s (%u, %u, %u, %u)", said[op->kind], op->operand[0], op->operand[1],
             op->operand[2], op->operand[3]);
    return text;
}

static const char *const actor_names[] = {"owner", "late", "later", "engine", "other"};
static const struct fuzz_kind kinds[] = {
    [CREATE] = {"create", 4, 1, "strategy and table; choices; wrong, threads; fault"},
    [DESTROY] = {"destroy", 0, 1, "with all it holds"},
    [OPEN] = {"open", 4, 1, "slot, version; kind; bus, line; fault"},
    [CLOSE] = {"close", 1, 1, "slot"},
    [COMMON] = {"common", 3, 1, "slot; length; fault"},
    [LIST] = {"list", 4, 1, "slot; offset, length; how; fault"},
    [OLD] = {"old", 4, 1, "slot; offset, length; how; fault"},
    [TRANSFER] = {"transfer", 4, 1, "slot; offset, length; how; fault"},
    [POOL] = {"pool", 3, 1, "what; how much; fault"},
    [DRIVER] = {"driver", 3, 1, "which step fails; enabler; fault"},
    [POWER] = {"power", 3, 1, "enablers, which below which; which callback fails; fault"},
};

const struct fuzz_target fuzz_target_machine = {
    .name = "machine",
    .summary =
        "whole machines, and memory that fails at any place: refused or undone, nothing left",
    .actors = actor_names,
    .actor_count = 1,
    .thread_count = 4,
    .settings = NULL,
    .setting_count = 0,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 50000,
    .reset = machine_reset,
    .perform = machine_perform,
    .finish = machine_finish,
    .check = machine_check,
    .digest = machine_digest,
    .tell = machine_tell,
};
