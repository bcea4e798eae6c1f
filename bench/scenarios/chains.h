/* SPDX-License-Identifier: MIT */
/*
 * chains.h: MDL chains to map: what shapes they have, many alike to rotate through, and the DMA
 * adapters they are mapped with. Shared by the scenarios map and transfer.
 */
#ifndef MS_CHAINS_H
#define MS_CHAINS_H

#include "adapter/adapter.h"
#include "catalog.h"
#include "memory/memory.h"
#include "scenario.h"

enum { MS_CHAIN_PARTS = 2 };

/* How the frames of a chain lie. */
enum ms_chain_frames {
    MS_FRAMES_CONTIGUOUS,
    MS_FRAMES_FRAGMENTED,
    MS_FRAMES_GEOMETRIC,   /* random runs of mean 4 */
    MS_FRAMES_SHORT_RUNS,  /* random runs of mean 1.5 */
    MS_FRAMES_LONG_RUNS,   /* random runs of mean 16 */
    MS_FRAMES_UNIFORM,     /* random runs of 1 to 16 */
    MS_FRAMES_MIXTURE,     /* half singles, 30 % 1 to 8, 20 % 16 to 79 */
    MS_FRAMES_ALTERNATING, /* runs of 1 and 7 by turns */
    MS_FRAMES_RUNS_2,
    MS_FRAMES_RUNS_8,
    MS_FRAMES_RUNS_64,
    MS_FRAMES_HUGE,
    MS_FRAMES_RECORDED,
};

/* MDLs alike: each spans the pages its bytes need. */
struct ms_chain_part {
    uint32_t mdls;
    uint32_t offset; /* of the first byte in its page */
    uint32_t bytes;
};

/* What stands in the way of a mapping; only the scenario map knows it. */
enum ms_chain_hurdle {
    MS_HURDLE_NONE,
    MS_HURDLE_IN_REACH,  /* 32 bits reach all pages */
    MS_HURDLE_ONE_OUT,   /* all but one */
    MS_HURDLE_HALF_OUT,  /* every other one */
    MS_HURDLE_ODD_LIST,  /* the list begins at an odd address */
    MS_HURDLE_SHORT,     /* the list has room for half of the elements: half is mapped */
    MS_HURDLE_REGISTERS, /* the grant has half of the registers: half is mapped */
    MS_HURDLE_LATER,     /* the range begins inside the third MDL */
    MS_HURDLE_64K,       /* no element may cross 64 KiB */
};

struct ms_chain_recipe {
    enum ms_chain_frames frames;
    struct ms_chain_part part[MS_CHAIN_PARTS];
    uint32_t inputs; /* different chains to rotate through */
    bool is_small;   /* also measured with several threads */
    bool is_bounced; /* also measured on adapters that copy */
    bool is_cold;    /* far more chains than the caches hold, in random order */
    enum ms_chain_hurdle hurdle;
};

/* Many chains of one recipe, over frames of their own. */
struct ms_chains {
    struct ms_memory *memory;
    PMDL *head;
    uint32_t count;
    uint32_t bytes; /* of each chain */
    PFN_NUMBER *pfn;
    PFN_NUMBER *low; /* frames that 32 bits reach, for the pages that lie there; NULL: none */
    uint64_t pages;  /* of all chains */
};

/* The shape's recipe; false if there is no such shape. `layout` is set for a recorded one. */
bool ms_chain_recipe_find(const struct ms_catalog *catalog, const char *shape,
                          struct ms_chain_recipe *recipe, const struct ms_layout **layout);
/* The shape's hurdle; that of recorded and unknown ones is none. */
enum ms_chain_hurdle ms_chain_hurdle_of(const char *shape);
/* The index-th shape, recorded ones behind the others; NULL behind the last. */
const struct ms_shape_info *ms_chain_shape(const struct ms_catalog *catalog, size_t index);

/* Makes the chains; at most `inputs_max` of them. False and a sentence on failure. */
bool ms_chains_make(struct ms_chains *chains, struct ms_memory *memory,
                    const struct ms_chain_recipe *recipe, const struct ms_layout *layout,
                    uint32_t inputs_max, char *why);
/* Writes bytes into the first `count` chains that tell them and their places apart. */
void ms_chains_mark(struct ms_chains *chains, uint32_t count);
void ms_chains_drop(struct ms_chains *chains);

/* The adapters: sg64 reaches everything, sg32 copies what lies above 4 GiB, packet wants each
 * piece in one element. */
size_t ms_chain_adapters(const struct ms_adapter_info **adapters);

/* A machine's floors without the machine: memory, one processor set, registers of one strategy. */
struct ms_rig {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
    struct ms_dma *dma;
    DEVICE_OBJECT pdo;
    uint64_t boundary; /* no element crosses a multiple of it; 0: as usual */
};

bool ms_rig_make(struct ms_rig *rig, char *why);
/* Replaces the DMA part by one with this strategy; nothing may be open. */
bool ms_rig_equip(struct ms_rig *rig, const struct ms_reg_ops *ops, uint32_t registers, char *why);
void ms_rig_drop(struct ms_rig *rig);

/* An adapter of that name on the calling thread's behalf; NULL and a sentence on failure. */
PDMA_ADAPTER ms_rig_adapter(struct ms_rig *rig, const char *name, char *why);

/* Registers that mapping the largest of the chains takes, and bytes its list needs. */
bool ms_rig_measure(PDMA_ADAPTER adapter, const struct ms_chains *chains, uint32_t *registers,
                    uint32_t *list_bytes, char *why);

/* True when the list shows the device exactly the chain's bytes, in order. */
bool ms_rig_list_is_right(const struct ms_rig *rig, const SCATTER_GATHER_LIST *list,
                          const MDL *head, uint32_t bytes);
/* The same for bytes from `offset` on. */
bool ms_rig_list_shows(const struct ms_rig *rig, const SCATTER_GATHER_LIST *list, const MDL *head,
                       uint64_t offset, uint32_t bytes);

#endif
