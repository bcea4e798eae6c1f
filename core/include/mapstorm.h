/* SPDX-License-Identifier: MIT */
/*
 * mapstorm.h: a Windows machine for DMA code, in user space.
 *
 * Make a machine, enter it with each thread that plays driver, and call what wdm.h declares:
 *
 *     struct ms_machine *machine = ms_machine_create(NULL, NULL);
 *     ms_machine_enter(machine);
 *     PDMA_ADAPTER adapter = IoGetDmaAdapter(ms_machine_pdo(machine), &description, &registers);
 *     adapter->DmaOperations->InitializeDmaTransferContext(adapter, context);
 *     ...
 *     adapter->DmaOperations->PutDmaAdapter(adapter);
 *     ms_machine_leave();
 *     ms_machine_destroy(machine);
 *
 * The emulated hardware sees the same bytes through ms_device_read_list and ms_device_write_list.
 */
#ifndef MAPSTORM_H
#define MAPSTORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdm.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ms_machine;
struct ms_controller_config;

/*
 * Where the documents are silent or disagree, and nothing tells which way a real system goes
 * (contract/dma-ambiguities.md, confidence low), the contract had to choose. These are the other ways, so that
 * a driver can be tried against both. All zero: the contract.
 */
struct ms_alternatives {
    bool fast_lists; /* ACX-24: a list without a routine that needs no registers is granted without
                                taking the adapter; FreeAdapterObject after it does nothing */
    bool ignore_flags; /* AMB-48: unknown bits in Flags mean nothing instead of being refused */
    bool
        refuse_completion; /* AMB-19: a bus master's DmaCompletionRoutine is refused, not ignored */
    bool refuse_system_list; /* AMB-27: the older list routines refuse subordinate devices */
    bool ignore_unit; /* AMB-14: elements are not cut to the MinimumTransferUnit that is told */
    bool
        refuse_idle_cancel; /* AMB-15: CancelMappedTransfer of a context that neither owns a channel nor
                                waits fails instead of marking it */
    bool whole_size;        /* AMB-51: DMA_ADAPTER.Size counts the private part too */
    NTSTATUS unflushed;  /* AMB-20: status of a map before the flush of the last one; a failure; 0:
                                STATUS_INVALID_PARAMETER */
    uint8_t common_fill; /* AMB-52: what common buffers hold at first */
    uint32_t
        element_bytes_max; /* SGE-06, AMB-50: longest element of a bus master's list, 4096 at the
                                   least; 0: any */
    uint64_t boundary; /* SGE-06, AMB-50: no such element crosses a multiple; a power of two, 4096
                                   at the least; 0: 4 GiB */
};

/* What a machine is made of. Start from ms_machine_config_default and change what you need. */
struct ms_machine_config {
    const char *strategy;   /* map-register allocation strategy by name; NULL: the default */
    const char *sg_variant; /* list builder: "scalar", "avx2", "avx512"; NULL: the best here */
    uint32_t registers_32;  /* map registers below 4 GiB, in each of the two pools (MRG-04) */
    uint32_t registers_24;  /* map registers below 16 MiB, likewise */
    uint32_t grants;        /* channel requests at a time, over all adapters */
    bool merge_mdls;        /* one element may span two MDLs (SGE-03; default no) */
    bool translate_all;     /* every page goes through a map register (MRG-14; default no) */
    bool defer_requests;    /* an asynchronous routine never runs inside its request (ACX-16; no) */
    bool defer_grants;      /* a release leaves who waited to a DPC thread (QUE-07; no) */
    uint32_t
        table_bytes;    /* Size of the version-3 table: 0xE8, 0x110, 0x118, 0x138, 0x140 as Windows
                             grew; 0: all of it (AMB-03) */
    bool null_bases;    /* a grant without registers has map register base NULL (MRG-09; no) */
    uint32_t alignment; /* what GetDmaAlignment answers: a power of two (GDA-03; 0 counts as 1) */
    const struct ms_controller_config
        *controllers; /* system DMA controllers, as controller/controller.h describes them; may go
                        after the create; NULL: the legacy one and a SoC's */
    uint32_t controller_count; /* of `controllers`: 0 to 8 */
    bool engine_threads;  /* system DMA runs by itself, on a thread per controller; default: it is
                            stepped (ms_controller_step in machine/machine.h) */
    uint32_t wdf_objects; /* framework objects alive at a time; 0: 65536 */
    bool wdf_timers_stepped; /* framework timers go off by ms_wdf_timer_fire, not by the clock */
    struct ms_alternatives other; /* all zero by default */
    /* What sources about the framework disagree on (contract, section 21); no: as we chose. K6 there is
     * defer_requests. */
    bool wdf_callbacks_cleared; /* K1: Release forgets a system transaction's callbacks (TRX-43) */
    bool wdf_cancel_early;      /* K2: Cancel before Execute is TRUE (CAN-12) */
    bool wdf_offset_in_first_mdl; /* K3: InitializeUsingOffset stays in the first MDL (TRX-10) */
    bool wdf_nested_lists;   /* K4: EvtProgramDma runs inside its AdapterListControl (SGP-09) */
    bool wdf_ended_is_fatal; /* K5: Stop and Cancel of an ended transaction violate (STP-08) */
    bool wdf_no_flush_on_overrun; /* K7: too long a report ends without a flush (CMP-03) */
    bool wdf_deferred_by_dpc; /* K9: a completion during staging comes by the DPC thread (STG-17) */
    uint32_t wdf_framework_minor; /* K8: framework 1.x that is played; 0: 33 (EXE-09) */
};

struct ms_machine_config ms_machine_config_default(void);

/* A machine, or NULL with the reason in *error (a constant string; `error` may be NULL): an unknown
 * name, a number out of range, no memory. `config` NULL: the default. IRQL: none. */
struct ms_machine *ms_machine_create(const struct ms_machine_config *config, const char **error);
/* Ends it with all it holds. No thread may be inside but the caller. */
void ms_machine_destroy(struct ms_machine *machine);

/* The calling thread becomes a virtual CPU of the machine; every call of wdm.h acts on the machine
 * the thread is in. Entering another machine leaves the first. Lock-free. */
void ms_machine_enter(struct ms_machine *machine);
void ms_machine_leave(void);

/* A physical device object to hand to IoGetDmaAdapter. */
PDEVICE_OBJECT ms_machine_pdo(struct ms_machine *machine);

/* Every invariant holds: no register lost or doubled, no grant astray. Only while nobody is inside.
 */
bool ms_machine_audit(struct ms_machine *machine);

/* --- what drivers do wrong --- */

/* A driver on one of the machine's threads broke a rule of the contract; it got the documented result.
 */
struct ms_misuse {
    uint32_t rule; /* its number */
    bool note;     /* legal or harmless, and probably a mistake */
    const char *name, *clauses, *text;
    uint64_t object; /* the handle or address it was about; 0: none */
    uint64_t state;  /* that object's state */
};
typedef void ms_misuse_watch(const struct ms_misuse *misuse, void *context);

/* Who is told of each, inside the call that did it; NULL: nobody. Before threads enter. */
void ms_machine_watch(struct ms_machine *machine, ms_misuse_watch *watch, void *context);
/* Rules broken so far, notes not counted. Any thread. */
uint64_t ms_machine_rules_broken(const struct ms_machine *machine);

/* --- memory for drivers to be --- */

struct ms_buffer; /* pages, a contiguous view of them, and an MDL over them */

/* `bytes` beginning `byte_offset` into the first page, over exactly these page frames; NULL: a
 * frame is taken already or no RAM, bytes are 0 or beyond 4 GiB - 4096, the offset is not inside a page, or no
 * memory. IRQL PASSIVE_LEVEL. */
struct ms_buffer *ms_buffer_create(struct ms_machine *machine, const PFN_NUMBER *pfn,
                                   uint32_t byte_offset, uint32_t bytes);
void ms_buffer_destroy(struct ms_buffer *buffer);
PMDL ms_buffer_mdl(struct ms_buffer *buffer);
/* The same bytes in buffer order, through a view. */
uint8_t *ms_buffer_bytes(struct ms_buffer *buffer);

/* --- the device's side --- */

/* The device reads memory through the list into `device` (WriteToDevice TRUE), or writes `device`
 * into memory (FALSE): at most `bytes`, with addresses of `address_width` bits. The bytes moved;
 * fewer than listed when an element leaves RAM. Any thread, any IRQL. */
uint64_t ms_device_read_list(struct ms_machine *machine, uint32_t address_width,
                             const SCATTER_GATHER_LIST *list, void *device, uint64_t bytes);
uint64_t ms_device_write_list(struct ms_machine *machine, uint32_t address_width,
                              const SCATTER_GATHER_LIST *list, const void *device, uint64_t bytes);
/* The same for one run of logical addresses, as a descriptor in a common buffer or a register names it. */
uint64_t ms_device_read(struct ms_machine *machine, uint32_t address_width, uint64_t address,
                        void *device, uint32_t bytes);
uint64_t ms_device_write(struct ms_machine *machine, uint32_t address_width, uint64_t address,
                         const void *device, uint32_t bytes);

/*
 * The registers of a device, at physical addresses where no RAM is: what a driver gets as a memory resource
 * and hands to MmMapIoSpace. Either they have a model, or they are plain memory (`memory`).
 */
struct ms_device_registers {
    uint64_t address; /* physical, of the first */
    uint64_t length;  /* bytes */
    /* One access of a driver: `bytes` (1, 2, 4 or 8) at `offset` from the first register, inside of them. On the
     * driver's thread, at its IRQL, in its call; any number of threads at once. It may interrupt
     * (ms_wdf_interrupt), or start what another thread moves later. NULL: reads see all ones, writes are lost. */
    uint64_t (*read)(void *context, uint64_t offset, uint32_t bytes);
    void (*write)(void *context, uint64_t offset, uint32_t bytes, uint64_t value);
    void *context;
    void *memory; /* not NULL: the device's memory, `length` bytes that outlive the machine */
};
enum { MS_DEVICE_REGISTERS_MAX = 32 }; /* of a machine */

/* From now on these addresses are the device's. False: there are 32 already, they overlap, they wrap around,
 * length is 0 or over 4 GiB, or there is no memory. By one thread at a time; the machine may be in use. */
bool ms_machine_add_registers(struct ms_machine *machine,
                              const struct ms_device_registers *registers);

#ifdef __cplusplus
}
#endif

#endif
