/* SPDX-License-Identifier: MIT */
/*
 * grant.h: adapters, requests and what they were granted; private to the floor.
 */
#ifndef MS_GRANT_H
#define MS_GRANT_H

#include "adapter/adapter.h"
#include "adapter/commons.h"
#include "adapter/list_store.h"
#include "adapter/waitlist.h"
#include "controller/controller.h"

/* --- a request's life --- */

enum ms_grant_phase {
    GRANT_FREE,      /* nobody's, or being prepared by the one who took it */
    GRANT_WAITING,   /* in its adapter's list */
    GRANT_READY,     /* everything was got; the routine is not entered yet */
    GRANT_HELD,      /* entered, or granted without a routine */
    GRANT_CANCELLED, /* CancelAdapterChannel came first (CAC-05) */
};

/* All that decides over a request, in one word. */
union ms_grant_word {
    struct {
        uint64_t phase : 4;      /* enum ms_grant_phase */
        uint64_t linked : 1;     /* its node may be in the adapter's list */
        uint64_t owns : 1;       /* it owns its adapter (QUE-02) */
        uint64_t running : 1;    /* its routine has not returned */
        uint64_t appending : 1;  /* its requester has not finished the append */
        uint64_t listed : 1;     /* it has, or shall have, a list that nobody has put yet */
        uint64_t putting : 1;    /* somebody is putting that list */
        uint64_t bare : 1;       /* its map register base is NULL: it holds no registers (MRG-09) */
        uint64_t cancelling : 1; /* who cancelled it beside its append is not done */
        uint64_t entering : 1;   /* who enters it is not done: nobody else ends it meanwhile */
        uint64_t
            doomed : 1; /* its adapter was put before that: its routine is not called (PUT-05) */
        uint64_t unused : 9;
        uint64_t adapter : 8; /* whose: its index. This and what follows: see ms_grant_lookup */
        uint64_t has : 1;     /* its map register base is valid */
        uint64_t serial : 32; /* +1 per life */
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_grant_word) == sizeof(uint64_t), "a grant's state must fit one CAS");
static_assert(MS_ADAPTERS_MAX <= 1 << 8, "a grant's word names its adapter");

enum ms_mapping {
    MAPPING_NONE,
    MAPPING_BUSY,   /* one call is at it */
    MAPPING_MAPPED, /* by MapTransferEx, or a list */
    MAPPING_LEGACY, /* by MapTransfer, piece by piece; see legacy.c */
};

struct ms_adapter;
struct ms_grant;
struct ms_request;

/* What the one who grants does: calls the driver, or makes a list first. The grant is held and
 * running. `request` is NULL when it had to wait: then nobody is there to be told more. */
typedef IO_ALLOCATION_ACTION ms_enter(struct ms_adapter *adapter, struct ms_grant *grant,
                                      uint32_t serial, const struct ms_request *request);

/*
 * One request. Line 0 is all that a direct map and flush touch; line 1 joins when pages bounce;
 * line 2 is for waiting and granting.
 */
struct ms_grant {
    /* line 0 */
    ms_atomic_u64 state;   /* union ms_grant_word */
    ms_atomic_ptr adapter; /* struct ms_adapter; written by the preparer */
    ms_atomic_u32 mapping; /* enum ms_mapping; hb:mapping */
    union {
        struct {
            uint32_t write_to_device : 8;   /* hb:mapping: not 0: data for the device */
            uint32_t copied_registers : 24; /* hb:mapping: those that the flush copies from */
        };
        uint32_t mapped_way; /* both, for one store and one compare */
    };
    PMDL head;             /* hb:mapping: the chain that was mapped */
    uint64_t offset;       /* hb:mapping: chain offset of the mapping */
    uint32_t mapped_bytes; /* hb:mapping */
    /* line 1 */
    ms_atomic_u64 registers
        __attribute__((aligned(MS_CACHE_LINE))); /* a packed struct ms_reg_set */
    uint32_t count;   /* registers asked for: what FreeMapRegisters must name (FRE-03) */
    uint32_t bounced; /* registers that the grant's list goes through; sg_list.c, to_mdl.c */
    uint32_t parts;   /* hb:mapping: registers that MapTransfer has used; legacy.c */
    ms_enter *enter;  /* preparer, then the one who grants; NULL: nothing to do */
    /* line 2 */
    ms_atomic_u64 ticket __attribute__((aligned(MS_CACHE_LINE))); /* {ticket:40, serial:24} */
    ms_hoard hoard;          /* registers collected while waiting */
    ms_atomic_u32 need;      /* registers to collect */
    uint32_t asker;          /* preparer, then the one who grants: ms_asker_of; FRE-18 */
    ms_atomic_ptr context;   /* the driver's transfer context: its address is its name */
    PDEVICE_OBJECT device;   /* preparer, then the one who enters the routine */
    PIRP irp;                /* likewise */
    PDRIVER_CONTROL routine; /* likewise; NULL: none */
    PVOID routine_context;   /* likewise */
    /* line 3: system adapters only */
    ms_atomic_u64 gate_ticket
        __attribute__((aligned(MS_CACHE_LINE))); /* as ticket, for a channel */
    ms_atomic_u64 channel; /* {value:32, serial:32}: 0 none yet, 1 + the DMA channel, or closed */
} __attribute__((aligned(MS_CACHE_LINE)));
static_assert(offsetof(struct ms_grant, state) == 0 &&
                  offsetof(struct ms_grant, mapped_bytes) + sizeof(uint32_t) <= MS_CACHE_LINE &&
                  offsetof(struct ms_grant, registers) == MS_CACHE_LINE,
              "a direct map and flush touch one line of a grant");
static_assert(sizeof(struct ms_grant) == 4 * MS_CACHE_LINE, "a grant is four lines");

/* What a register stands for while MapTransfer uses it; owner: the grant that has the register. */
struct ms_reg_part {
    PMDL mdl; /* NULL: nothing */
    uint32_t offset;
    uint16_t bytes;
    bool write_to_device;
};

/* What a request of the list family asks for and has. */
struct ms_list_plan {
    PSCATTER_GATHER_LIST list;
    PDRIVER_LIST_CONTROL routine; /* NULL: none */
    PMDL head;                    /* the chain, or our copy of it in `shadow` */
    uint64_t offset;
    uint32_t length;
    uint32_t capacity; /* element slots in the list */
    bool write_to_device;
    bool is_ours;  /* the list's memory is a block of the store */
    bool is_joint; /* one element for all MDLs, bounced into one run (SGL-08) */
    void *shadow;  /* block with a copy of the chain, its end stretched (CSG-12); or NULL */
    void *made;    /* block with the chain of BuildMdlFromScatterGatherList; or NULL */
};

/* A grant's list: dma->lists[the grant's index]. */
struct ms_list {
    ms_atomic_ptr list;       /* plan.list again, for those who only look; NULL: none */
    struct ms_list_plan plan; /* preparer, then the one who enters, then the one who puts */
} __attribute__((aligned(MS_CACHE_LINE)));

/* --- an adapter --- */

#define MS_ADAPTER_MAGIC 0x72657470616D736DULL

struct ms_adapter {
    DMA_ADAPTER public;      /* first: what drivers see (GEN-04); writable (GEN-03) */
    uint64_t magic;          /* MS_ADAPTER_MAGIC while open */
    struct ms_dma *dma;      /* const while open, as all below to the queue */
    struct ms_grant *grants; /* the machine's, again: a map of one page reads of an adapter no
                                  other line than this */
    uint64_t grant_count;    /* likewise */
    uint64_t map_key;   /* ms_adapter_key while open, if a bus master whose short lists need no test
                             of limits; else MS_KEY_NONE. For the shortest ways, which need no other
                             check of the adapter */
    uint64_t flush_key; /* likewise, for any bus master */
    struct ms_pool *pool;      /* NULL: never needs registers (DDX-33) */
    struct ms_reg_part *parts; /* of that pool, one per register; NULL likewise */
    uint32_t index;
    uint32_t map_registers; /* nMR: the most one request may ask for */
    uint32_t address_width; /* bits */
    uint32_t table_version; /* 1..3 */
    bool is_packet;         /* one element per MDL, contiguous registers (MTX-34) */
    /* system adapters (controller not NULL) */
    struct ms_controller *controller;
    uint32_t gate;              /* where one waits for a channel of ours */
    uint32_t line;              /* request line */
    uint64_t device_address;    /* DEVICE_DESCRIPTION.DeviceAddress */
    uint32_t port_bytes;        /* the width of the device's port (SDM-11) */
    bool auto_initialize;       /* looped transfers (DDX-05) */
    bool demand;                /* only while the request line is asserted (DDX-04) */
    uint16_t register_boundary; /* map registers; a contiguous run crosses no multiple; 0: any */
    struct ms_sg_builder builder;
    struct ms_waitlist queue __attribute__((aligned(MS_CACHE_LINE))); /* the first one owns us */
    ms_atomic_u64 member; /* the domain it is in, and its width; see domain.c */
    ms_atomic_u64 home;   /* likewise, its own domain; const while open, 0 when closed */
    /* ms_asker_of the CPU's thread, if its last synchronous request here failed and it was granted nothing since
     * (FRE-18) */
    ms_atomic_u32 failed[MS_CPUS_MAX];
} __attribute__((aligned(MS_CACHE_LINE)));

static_assert(offsetof(struct ms_adapter, flush_key) + sizeof(uint64_t) <= MS_CACHE_LINE,
              "and one of their adapter");

struct ms_dma {
    struct ms_kernel *kernel;    /* const */
    struct ms_memory *memory;    /* const */
    struct ms_dma_config config; /* const */
    DMA_OPERATIONS table[4]; /* [1..3]: what a driver of that version gets; const after create */
    struct ms_pool *pool[MS_REACHES][MS_POOL_KINDS];      /* const after create */
    struct ms_reg_part *parts[MS_REACHES][MS_POOL_KINDS]; /* const pointers; one per register */
    struct ms_commons commons;                            /* common buffers; see common.c */
    struct ms_controller *controller[MS_CONTROLLERS_MAX]; /* const after create */
    uint32_t controllers;                                 /* const after create */
    uint32_t gate_first[MS_CONTROLLERS_MAX]; /* const: a legacy controller has a gate per line */
    SCATTER_GATHER_LIST *scratch[MS_CONTROLLERS_MAX]; /* const: a list per channel (MTX-38) */
    struct ms_turnstile gate[MS_GATES_MAX];
    struct ms_grant *grants;    /* const pointer */
    struct ms_list *lists;      /* const pointer; one per grant */
    struct ms_list_store store; /* what lists are made of */
    ms_atomic_u64 *links;       /* const pointer; one per grant, shared by all queues */
    ms_atomic_u32 *next_free;   /* const pointer; one per grant */
    ms_atomic_u64 free_head __attribute__((aligned(MS_CACHE_LINE))); /* {index:32, tag:32} */
    ms_atomic_u64 adapters_taken[MS_ADAPTER_WORDS];
    ms_atomic_u64
        adapters_ending[MS_ADAPTER_WORDS];      /* put, but a routine of theirs is to return yet */
    ms_atomic_u64 domains;                      /* names of domains handed out */
    KDPC dpc;                                   /* runs ms_channel_dpc, for machines that defer */
    ms_atomic_u64 handed[MS_ADAPTER_WORDS + 1]; /* hb:handed: notes for it */
    struct ms_adapter adapter[MS_ADAPTERS_MAX];
};

/* The private adapter behind the public one; its magic is checked by everyone who is handed one. */
static inline struct ms_adapter *ms_adapter_from(PDMA_ADAPTER public)
{
    struct ms_adapter *adapter = (struct ms_adapter *)(void *)public;

    ms_require(adapter && adapter->magic == MS_ADAPTER_MAGIC); /* GEN-07, GEN-08 */
    return adapter;
}

/* --- grants --- */

/* Scratch a list in the Build family carries behind its elements (CSG-06, CSG-09). */
enum { MS_LIST_OVERHEAD = 64 };

/* Takes a free grant in phase GRANT_FREE, or NULL. A fault point. Lock-free. */
struct ms_grant *ms_grant_take(struct ms_dma *dma);
/* Gives a grant back that nobody has seen. */
void ms_grant_untake(struct ms_dma *dma, struct ms_grant *grant);

static inline struct ms_reg_set ms_grant_registers(const struct ms_grant *grant)
{
    uint64_t packed = ms_load_relaxed(&grant->registers); /* published by the state: hb:grant */

    return (struct ms_reg_set){.head = (uint32_t)packed, .count = (uint32_t)(packed >> 32)};
}

static inline void ms_grant_registers_set(struct ms_grant *grant, struct ms_reg_set set)
{
    ms_store_relaxed(&grant->registers, (uint64_t)set.count << 32 | set.head);
}

static inline uint32_t ms_grant_index(const struct ms_dma *dma, const struct ms_grant *grant)
{
    return (uint32_t)(grant - dma->grants);
}

static inline union ms_grant_word ms_grant_look(const struct ms_grant *grant)
{
    return (union ms_grant_word){.raw = ms_load_acquire(&grant->state)}; /* hb:grant */
}

/* A map register base: serial:32 | tag:8 | index:24, one bit of the serial flipped, so that it is no
 * address that a processor takes. The tag's highest bit stands where `has` stands in a word. */
#define MS_BASE_TAG  UINT32_C(0x80000000)
#define MS_BASE_FLIP (UINT64_C(1) << 61)

/* The map register base that names this life of the grant: never NULL (MRG-09). */
static inline PVOID ms_grant_base(const struct ms_dma *dma, const struct ms_grant *grant,
                                  uint32_t serial)
{
    uint64_t name = (uint64_t)serial << 32 | MS_BASE_TAG | ms_grant_index(dma, grant);

    return (PVOID)(uintptr_t)(name ^ MS_BASE_FLIP);
}

/* The index in a base; out of any range when its tag is wrong. */
static inline uint32_t ms_base_index(uint64_t name)
{
    return (uint32_t)name - MS_BASE_TAG;
}

/* A word and a base of it differ in these bits and no others, from the adapter's index up. */
enum { MS_KEY_SHIFT = 23 };
#define MS_KEY_NONE UINT64_MAX /* nothing shifted that far is that */
static_assert(MS_GRANTS_MAX <= 1 << MS_KEY_SHIFT,
              "an index leaves the adapter's bits of a base alone");

static inline uint64_t ms_adapter_key(uint32_t index)
{
    return MS_BASE_FLIP >> MS_KEY_SHIFT | index;
}

/* Whether `base` names a grant of this adapter (MTX-20), and which, if `key` is the adapter's; none for
 * MS_KEY_NONE. The key comes as a pointer, so that it is read where it is compared. Wait-free. */
static inline bool ms_grant_lookup(const struct ms_adapter *adapter, const uint64_t *key,
                                   PVOID base, struct ms_grant **grant)
{
    uint64_t name = (uint64_t)(uintptr_t)base;
    uint64_t index = ms_base_index(name); /* in range: the tag is right */

    if (index >= adapter->grant_count)
        return false;
    *grant = &adapter->grants[index];
    MS_ONE_VALUE(*grant);
    /* Serial, `has` and adapter against serial, the tag's bit and nothing, at once. */
    return (name ^ ms_grant_look(*grant).raw) >> MS_KEY_SHIFT == *key;
}

/* The same; NULL: none. */
static inline struct ms_grant *ms_grant_find(const struct ms_adapter *adapter, PVOID base)
{
    uint64_t key = ms_adapter_key(adapter->index);
    struct ms_grant *grant;

    return ms_grant_lookup(adapter, &key, base, &grant) ? grant : NULL;
}

/* NULL is a map register base here: the machine hands it out for grants without registers. */
static inline bool ms_base_is_bare(const struct ms_adapter *adapter, PVOID base)
{
    return !base && adapter->dma->config.null_bases; /* MRG-07, MRG-10 */
}

/* --- what a request is made of --- */

/* Flags that no version defines: refused, unless the machine is made to overlook them (AMB-48). */
static inline bool ms_flags_are_known(const struct ms_dma *dma, ULONG flags)
{
    return (flags & ~(ULONG)DMA_SYNCHRONOUS_CALLBACK) == 0 || dma->config.other.ignore_flags;
}

struct ms_request {
    struct ms_adapter *adapter;
    PDEVICE_OBJECT device;
    PVOID context; /* driver's transfer context; NULL for version-1 requests */
    uint32_t registers;
    PDRIVER_CONTROL routine; /* NULL: none */
    PVOID routine_context;
    ms_enter *enter;                 /* NULL: the grant is all there is (synchronous, no routine) */
    const struct ms_list_plan *list; /* NULL: no list */
    PVOID *base;                     /* synchronous: where the map register base goes; or NULL */
    PSCATTER_GATHER_LIST *made; /* where the list goes if it is granted now (SGX-18); or NULL */
    NTSTATUS *failed;           /* where `enter` says that it could not make the list */
    bool unowned; /* it takes no adapter: there is nothing that another could disturb (ACX-24) */
    bool one_per_device; /* version 1: not while the device object's last one waits (ACH-04) */
};

/* The `enter` of channel requests: calls their routine. */
IO_ALLOCATION_ACTION ms_channel_enter(struct ms_adapter *adapter, struct ms_grant *grant,
                                      uint32_t serial, const struct ms_request *request);
/* Grants at once or fails with STATUS_INSUFFICIENT_RESOURCES; nothing waits (ACX-08, QUE-06). With
 * a routine it has run when this returns; `*base` names the grant. */
NTSTATUS ms_channel_allocate_sync(const struct ms_request *request);
/* Grants now or later, in order (ACX-07, QUE-03); the routine runs in whichever thread grants. */
NTSTATUS ms_channel_allocate_async(const struct ms_request *request);
/* That life of the grant owns its adapter, or its routine has not returned: too late for a cancel (CAC-04,
 * CAC-09, CAC-14). Wait-free. */
bool ms_channel_is_active(struct ms_dma *dma, uint32_t index, uint32_t serial);
/* Ends the adapter's ownership by whoever has it; registers too unless `keep_registers`. With
 * `kept_only`, not while its routine runs. Nothing when nobody owns it (FRE-11). */
void ms_channel_release_owner(struct ms_adapter *adapter, bool keep_registers, bool kept_only);
/* The adapter is being put: a request of it that is just being granted ends with that (PUT-05). */
void ms_channel_doom(struct ms_adapter *adapter, uint32_t index, uint32_t serial);
/* The grant is its driver's now: its list is made. True: its adapter was put meanwhile. */
bool ms_channel_entered(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial);
/* Ends the registers of a grant; false when they are gone already. */
bool ms_channel_release_registers(struct ms_adapter *adapter, struct ms_grant *grant,
                                  uint32_t serial);
/* Claims the list of that life of the grant, for putting it: true for one caller. */
bool ms_channel_claim_list(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial);
/* What was claimed is put: its registers go, and the grant when nothing else holds it. */
void ms_channel_release_list(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t serial);
/* A synchronous request of this thread on this adapter failed: FreeAdapterObject must not take that
 * for a grant (FRE-18). Hands `status` through. */
NTSTATUS ms_channel_sync_failed(struct ms_adapter *adapter, NTSTATUS status);
/* Ends a waiting request of that adapter; true when this call ended it (CAC-05). */
bool ms_channel_cancel(struct ms_adapter *adapter, uint32_t index, uint32_t serial);
/* The thread on this CPU, unlike any that was there before; 0: one without a CPU of its own (failure.c). */
uint32_t ms_asker_of(const struct ms_cpu *cpu);
/* That thread's latest synchronous request here failed (FRE-18). */
void ms_failure_note(struct ms_adapter *adapter, struct ms_cpu *cpu);
/* It was granted something since, or is told now. True: it had failed. */
bool ms_failure_forget(struct ms_adapter *adapter, uint32_t asker);
/* The same by the thread itself. */
bool ms_failure_forget_own(struct ms_adapter *adapter, struct ms_cpu *cpu);
/* The DPC of machines that defer their routines: does what others noted. */
KDEFERRED_ROUTINE ms_channel_dpc;
/* The transfer context of the present owner, or NULL. */
PVOID ms_channel_owner_context(struct ms_adapter *adapter);

/* Says in the device object that the request of that name waits; false: another one does (ACH-08). */
bool ms_device_queue(struct ms_dma *dma, PDEVICE_OBJECT device, uint64_t name);

/* --- transfer contexts --- */

/* The first of the adapter's list, if it is granted; its word as it was while first. */
struct ms_grant *ms_channel_owner(struct ms_adapter *adapter, union ms_grant_word *word);
/* Does what callbacks and releases left to do, unless inside another callback (QUE-08). */
void ms_channel_settle(struct ms_dma *dma);

/* --- system DMA (system.c) --- */

#define MS_GRANT_CHANNEL_NONE   0u
#define MS_GRANT_CHANNEL_CLOSED UINT32_MAX

/* The DMA channel of this life of the grant, or UINT32_MAX. */
static inline uint32_t ms_grant_channel(const struct ms_grant *grant, uint32_t serial)
{
    uint64_t word = ms_load_acquire(&grant->channel);

    if ((uint32_t)(word >> 32) != serial || (uint32_t)word == MS_GRANT_CHANNEL_NONE ||
        (uint32_t)word == MS_GRANT_CHANNEL_CLOSED)
        return UINT32_MAX;
    return (uint32_t)word - 1;
}

/* Fills a slot for a subordinate device; false: no controller fits (IGA-16, DDX-31). */
bool ms_system_bind(struct ms_dma *dma, struct ms_adapter *adapter,
                    const DEVICE_DESCRIPTION *description, struct ms_sg_limits *limits);
/* The request became the owner: a mark on its context goes to its channel (CMT-13). */
void ms_system_granted(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t serial);
NTSTATUS ms_system_map(struct ms_adapter *adapter, PMDL head, struct ms_grant *grant,
                       uint64_t offset, uint32_t device_offset, PULONG length, bool write_to_device,
                       PSCATTER_GATHER_LIST list, uint32_t list_bytes,
                       PDMA_COMPLETION_ROUTINE routine, PVOID context);
/* Starts the owned channel with a list that is made already, of one element in map registers (SGL-08). */
NTSTATUS ms_system_start(struct ms_adapter *adapter, struct ms_grant *grant,
                         const SCATTER_GATHER_LIST *list, uint32_t length, bool write_to_device);
/* A context was initialised while its channel is owned: the mark goes (TCX-09, CMT-19). */
void ms_system_initialized(struct ms_adapter *adapter, PVOID context);
/* The grant a base names on a subordinate adapter, or NULL. Base NULL, where the machine hands that out, is its
 * owner's, if that has no registers: a channel it has (MTX-21, MRG-07). */
struct ms_grant *ms_system_grant(struct ms_adapter *adapter, PVOID base);
/* Stops what runs on the channel of this life of the grant, if it has one (FRE-13). */
void ms_system_stop(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t serial);
/* Drains the controller's buffer, stops what runs, clears the mark (FLX-05, FLX-08, FLX-12). The
 * bytes that had been moved. */
uint32_t ms_system_flush(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t bytes);
/* Every callback of this adapter that was due has been made (PUT-06); may wait for the driver's own
 * routine on another thread. False: called inside a completion routine, and not all could be made. */
bool ms_system_settle(struct ms_adapter *adapter);
/* Every callback of this adapter that was due has been made, at this moment. */
bool ms_system_is_quiet(const struct ms_adapter *adapter);
/* ms_channel_done of every controller. */
void ms_system_done(void *owner, DMA_COMPLETION_STATUS status, PDMA_COMPLETION_ROUTINE routine,
                    PVOID context, PDEVICE_OBJECT device);
/* Length 0: nothing is mapped, but the range still has to begin inside the chain (MTX-07). */
NTSTATUS ms_map_unflushed(const struct ms_adapter *adapter); /* MTX-52's status */
NTSTATUS ms_map_nothing(PMDL head, uint64_t offset, PSCATTER_GATHER_LIST list);

/* --- contexts --- */

/* Makes the driver's 128 bytes a context; false when NULL or queued (TCX-17). */
bool ms_context_initialize(struct ms_dma *dma, PVOID context);
/* STATUS_SUCCESS when a request may use it; STATUS_CANCELLED (CAC-07); STATUS_INVALID_PARAMETER. */
NTSTATUS ms_context_check(struct ms_dma *dma, PVOID context);
/* As ms_context_check, and marks it queued for that life of that grant in the same step. */
NTSTATUS ms_context_queue(struct ms_dma *dma, PVOID context, uint32_t index, uint32_t serial);
/* Back to idle, if it is still queued for that life. The memory may be the driver's again after. */
void ms_context_unqueue(PVOID context, uint32_t index, uint32_t serial, bool cancelled);
/* What CancelAdapterChannel finds (CAC-09): queued (index, serial filled), or idle and now marked.
 */
enum ms_context_cancel { CONTEXT_BAD, CONTEXT_QUEUED, CONTEXT_IDLE };
/* A moment of a context: the request it names waits, or was its last. */
struct ms_context_seen {
    uint64_t raw;
    bool served; /* else there was no request yet */
    uint32_t index, serial;
};
enum ms_context_cancel ms_context_look(PVOID context, struct ms_context_seen *seen);
/* Marks an idle context cancelled, sticky until initialised again (CAC-08); false: it is not what it was
 * when it was seen. */
bool ms_context_mark_cancelled(PVOID context, const struct ms_context_seen *idle);

/* --- mappings and lists --- */

/* Maps a range of a chain under the grant, whose mapping the caller has made BUSY: fills the list
 * and the grant's mapping fields; `*length` becomes what was mapped. Statuses as ms_sg_map. */
NTSTATUS ms_grant_map(struct ms_adapter *adapter, struct ms_grant *grant, PMDL head,
                      uint64_t offset, uint32_t *length, bool write_to_device,
                      PSCATTER_GATHER_LIST list, uint32_t capacity);
/* Copies the first `bytes` of a read that bounced back into the buffer; the caller owns the mapping.
 */
void ms_grant_copy_back(struct ms_adapter *adapter, const struct ms_grant *grant, uint32_t bytes);

/* Frees what a grant's list holds; then it has none. Nothing when it has none. The caller owns the
 * list: nobody else knows the grant, or it claimed the list. */
void ms_list_clear(struct ms_dma *dma, struct ms_list *list);
/* Takes the mappings away that a driver made of the MDLs in a block of ours (PSG-02). */
void ms_made_mdls_unmap(void *block);
/* The grant whose list that is on this adapter, with its life; NULL: nobody's (PSG-06). */
struct ms_grant *ms_list_find(struct ms_adapter *adapter, PSCATTER_GATHER_LIST list,
                              uint32_t *serial);
/* Bytes a list of that many elements needs anywhere in the interface (GTI-07, CSG-09). */
static inline uint64_t ms_list_bytes(uint64_t elements)
{
    return sizeof(SCATTER_GATHER_LIST) + elements * sizeof(SCATTER_GATHER_ELEMENT) +
           MS_LIST_OVERHEAD;
}
/* Where `address` lies in `mdl`, as an offset to its first byte; false: outside (SGL-12). */
bool ms_mdl_offset_of(const MDL *mdl, const void *address, uint64_t *offset);

/* --- common buffers and domains --- */

/* A common buffer inside [lowest, highest], in the ledger; NULL: none. Fault points. */
void *ms_common_take(struct ms_dma *dma, uint64_t bytes, bool large_pages, uint64_t lowest,
                     uint64_t highest, ms_la *logical);
/* Ends the common buffer that these three name; false: they name none (CBF-06). */
bool ms_common_give(struct ms_dma *dma, void *address, uint64_t bytes, ms_la logical);
/* NULL, or one of the two types that a common buffer may have (CBF-09). */
bool ms_cache_type_is_known(const MEMORY_CACHING_TYPE *type);
/* The adapter enters a new domain of its own; it is in none. Owner of the slot. */
void ms_domain_open(struct ms_adapter *adapter);
void ms_domain_close(struct ms_adapter *adapter);
/* How far the narrowest member of the domain reaches; false: no such domain. */
bool ms_domain_reach(struct ms_dma *dma, HANDLE handle, uint64_t *reach_last);

/* CancelMappedTransfer's mark on a context that owns no channel (CMT-13, CMT-16). */
enum ms_context_mark { CONTEXT_MARK_BAD, CONTEXT_MARK_BEFORE, CONTEXT_MARK_DONE };
enum ms_context_mark ms_context_mark_transfer(PVOID context);
/* Takes that mark off; false: there is none. */
bool ms_context_take_transfer_mark(PVOID context);

/* --- the routines behind the table: one per member, named after it --- */

/* Four names are taken by the inline wrappers of wdm.h (VER-13); theirs begin with Halp. */

void ms_tables_fill(DMA_OPERATIONS table[4], uint32_t newest_bytes);

VOID HalPutDmaAdapter(PDMA_ADAPTER DmaAdapter);
NTSTATUS HalGetDmaAdapterInfo(PDMA_ADAPTER DmaAdapter, PDMA_ADAPTER_INFO AdapterInfo);
NTSTATUS HalGetDmaTransferInfo(PDMA_ADAPTER DmaAdapter, PMDL Mdl, ULONGLONG Offset, ULONG Length,
                               BOOLEAN WriteOnly, PDMA_TRANSFER_INFO TransferInfo);
NTSTATUS HalInitializeDmaTransferContext(PDMA_ADAPTER DmaAdapter, PVOID DmaTransferContext);
NTSTATUS HalAllocateAdapterChannelEx(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                     PVOID DmaTransferContext, ULONG NumberOfMapRegisters,
                                     ULONG Flags, PDRIVER_CONTROL ExecutionRoutine,
                                     PVOID ExecutionContext, PVOID *MapRegisterBase);
BOOLEAN HalCancelAdapterChannel(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                PVOID DmaTransferContext);
NTSTATUS HalMapTransferEx(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                          ULONGLONG Offset, ULONG DeviceOffset, PULONG Length,
                          BOOLEAN WriteToDevice, PSCATTER_GATHER_LIST ScatterGatherBuffer,
                          ULONG ScatterGatherBufferLength,
                          PDMA_COMPLETION_ROUTINE DmaCompletionRoutine, PVOID CompletionContext);
NTSTATUS HalFlushAdapterBuffersEx(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                                  ULONGLONG Offset, ULONG Length, BOOLEAN WriteToDevice);
NTSTATUS HalCancelMappedTransfer(PDMA_ADAPTER DmaAdapter, PVOID DmaTransferContext);
NTSTATUS HalConfigureAdapterChannel(PDMA_ADAPTER DmaAdapter, ULONG FunctionNumber, PVOID Context);
ULONG HalpReadDmaCounter(PDMA_ADAPTER DmaAdapter);
VOID HalFreeAdapterChannel(PDMA_ADAPTER DmaAdapter);
VOID HalFreeMapRegisters(PDMA_ADAPTER DmaAdapter, PVOID MapRegisterBase,
                         ULONG NumberOfMapRegisters);
VOID HalFreeAdapterObject(PDMA_ADAPTER DmaAdapter, IO_ALLOCATION_ACTION AllocationAction);
NTSTATUS HalGetScatterGatherList(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject, PMDL Mdl,
                                 PVOID CurrentVa, ULONG Length,
                                 PDRIVER_LIST_CONTROL ExecutionRoutine, PVOID Context,
                                 BOOLEAN WriteToDevice);
NTSTATUS HalBuildScatterGatherList(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject, PMDL Mdl,
                                   PVOID CurrentVa, ULONG Length,
                                   PDRIVER_LIST_CONTROL ExecutionRoutine, PVOID Context,
                                   BOOLEAN WriteToDevice, PVOID ScatterGatherBuffer,
                                   ULONG ScatterGatherLength);
NTSTATUS HalGetScatterGatherListEx(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                   PVOID DmaTransferContext, PMDL Mdl, ULONGLONG Offset,
                                   ULONG Length, ULONG Flags, PDRIVER_LIST_CONTROL ExecutionRoutine,
                                   PVOID Context, BOOLEAN WriteToDevice,
                                   PDMA_COMPLETION_ROUTINE DmaCompletionRoutine,
                                   PVOID CompletionContext,
                                   PSCATTER_GATHER_LIST *ScatterGatherList);
NTSTATUS HalBuildScatterGatherListEx(
    PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject, PVOID DmaTransferContext, PMDL Mdl,
    ULONGLONG Offset, ULONG Length, ULONG Flags, PDRIVER_LIST_CONTROL ExecutionRoutine,
    PVOID Context, BOOLEAN WriteToDevice, PVOID ScatterGatherBuffer, ULONG ScatterGatherLength,
    PDMA_COMPLETION_ROUTINE DmaCompletionRoutine, PVOID CompletionContext, PVOID ScatterGatherList);
VOID HalPutScatterGatherList(PDMA_ADAPTER DmaAdapter, PSCATTER_GATHER_LIST ScatterGather,
                             BOOLEAN WriteToDevice);
NTSTATUS HalCalculateScatterGatherList(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID CurrentVa,
                                       ULONG Length, PULONG ScatterGatherListSize,
                                       PULONG NumberOfMapRegisters);
NTSTATUS HalBuildMdlFromScatterGatherList(PDMA_ADAPTER DmaAdapter,
                                          PSCATTER_GATHER_LIST ScatterGather, PMDL OriginalMdl,
                                          PMDL *TargetMdl);
NTSTATUS HalAllocateAdapterChannel(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                   ULONG NumberOfMapRegisters, PDRIVER_CONTROL ExecutionRoutine,
                                   PVOID Context);
PHYSICAL_ADDRESS HalMapTransfer(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                                PVOID CurrentVa, PULONG Length, BOOLEAN WriteToDevice);
BOOLEAN HalFlushAdapterBuffers(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                               PVOID CurrentVa, ULONG Length, BOOLEAN WriteToDevice);
ULONG HalpGetDmaAlignment(PDMA_ADAPTER DmaAdapter);
NTSTATUS HalFlushDmaBuffer(PDMA_ADAPTER DmaAdapter, PMDL Mdl, BOOLEAN ReadOperation);
ULONG HalpReadDmaCounter(PDMA_ADAPTER DmaAdapter);
NTSTATUS HalConfigureAdapterChannel(PDMA_ADAPTER DmaAdapter, ULONG FunctionNumber, PVOID Context);
NTSTATUS HalCancelMappedTransfer(PDMA_ADAPTER DmaAdapter, PVOID DmaTransferContext);
PVOID HalpAllocateCommonBuffer(PDMA_ADAPTER DmaAdapter, ULONG Length,
                               PPHYSICAL_ADDRESS LogicalAddress, BOOLEAN CacheEnabled);
VOID HalpFreeCommonBuffer(PDMA_ADAPTER DmaAdapter, ULONG Length, PHYSICAL_ADDRESS LogicalAddress,
                          PVOID VirtualAddress, BOOLEAN CacheEnabled);
PVOID HalAllocateCommonBufferEx(PDMA_ADAPTER DmaAdapter, PPHYSICAL_ADDRESS MaximumAddress,
                                ULONG Length, PPHYSICAL_ADDRESS LogicalAddress,
                                BOOLEAN CacheEnabled, NODE_REQUIREMENT PreferredNode);
PVOID HalAllocateCommonBufferWithBounds(PDMA_ADAPTER DmaAdapter, PPHYSICAL_ADDRESS MinimumAddress,
                                        PPHYSICAL_ADDRESS MaximumAddress, ULONG Length, ULONG Flags,
                                        MEMORY_CACHING_TYPE *CacheType,
                                        NODE_REQUIREMENT PreferredNode,
                                        PPHYSICAL_ADDRESS LogicalAddress);
NTSTATUS HalAllocateDomainCommonBuffer(PDMA_ADAPTER DmaAdapter, HANDLE DomainHandle,
                                       PPHYSICAL_ADDRESS MaximumAddress, ULONG Length, ULONG Flags,
                                       MEMORY_CACHING_TYPE *CacheType,
                                       NODE_REQUIREMENT PreferredNode,
                                       PPHYSICAL_ADDRESS LogicalAddress, PVOID *VirtualAddress);
NTSTATUS HalJoinDmaDomain(PDMA_ADAPTER DmaAdapter, HANDLE DomainHandle);
NTSTATUS HalLeaveDmaDomain(PDMA_ADAPTER DmaAdapter);
HANDLE HalGetDmaDomain(PDMA_ADAPTER DmaAdapter);
NTSTATUS HalAllocateCommonBufferVector(PDMA_ADAPTER DmaAdapter, PHYSICAL_ADDRESS LowAddress,
                                       PHYSICAL_ADDRESS HighAddress, MEMORY_CACHING_TYPE CacheType,
                                       NODE_REQUIREMENT IdealNode, ULONG Flags,
                                       ULONG NumberOfElements, ULONGLONG SizeOfElements,
                                       PDMA_COMMON_BUFFER_VECTOR *VectorOut);
VOID HalGetCommonBufferFromVectorByIndex(PDMA_ADAPTER DmaAdapter, PDMA_COMMON_BUFFER_VECTOR Vector,
                                         ULONG Index, PVOID *VirtualAddressOut,
                                         PPHYSICAL_ADDRESS LogicalAddressOut);
VOID HalFreeCommonBufferFromVector(PDMA_ADAPTER DmaAdapter, PDMA_COMMON_BUFFER_VECTOR Vector,
                                   ULONG Index);
VOID HalFreeCommonBufferVector(PDMA_ADAPTER DmaAdapter, PDMA_COMMON_BUFFER_VECTOR Vector);
NTSTATUS HalCreateCommonBufferFromMdl(PDMA_ADAPTER DmaAdapter, PMDL Mdl,
                                      PDMA_COMMON_BUFFER_EXTENDED_CONFIGURATION ExtendedConfigs,
                                      ULONG ExtendedConfigsCount, PPHYSICAL_ADDRESS LogicalAddress);

#endif
