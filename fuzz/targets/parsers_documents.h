/* SPDX-License-Identifier: MIT */
/*
 * parsers_documents.h: what parsers_fuzz.c begins with: small files of each kind, all good, and words that
 * mean something in them. For parsers_fuzz.c alone.
 */
#ifndef FUZZ_PARSERS_DOCUMENTS_H
#define FUZZ_PARSERS_DOCUMENTS_H

/* clang-format off */
static const char document_layout[] =
    "mapstorm-layout 1\n"
    "name heap-recycled.1\n"
    "source anonymous memory, 4 KiB pages\n"
    "# what follows what\n"
    "pages 530\n"
    "runs 5\n"
    "0 3\n"
    "+12 2\n"
    "-7 1\n"
    "+194304 256\n"
    "-384256 268\n";

static const char document_keyed[] =
    "target map\n"
    "# a comment\n"
    "bug O1 a map register in two hands\n"
    "setup strategy=2 shape=5\n"
    "a ask 0 1 0\n"
    "a map 0 3 9\n"
    "b ask_sync 1 2\n"
    "device move 0\n"
    "cancel cancel 3\n"
    "schedule keyed a@1c728053#0>b b@7a0c9194#2>a\n"
    "memory weak stale=3\n"
    "reads 1 0 2\n"
    "visits 1c728053 7a0c9194\n"
    "explored 12 4\n";

static const char document_sequential[] =
    "target bounds_map\n"
    "setup adapter=3\n"
    "driver mdl 0 5 17\n"
    "driver grant 9\n"
    "driver map 0 0 1 1\n"
    "driver flush 0\n";

static const char document_sparse[] =
    "target strategies\n"
    "setup strategy=3 shape=5\n"
    "a take 0 0\n"
    "c take 0 1\n"
    "b take 7 69\n"
    "a give 0\n"
    "schedule sparse 3:c 34:b 34:a 65:a\n"
    "memory weak stale=11\n"
    "reads 2 0 1\n";

static const char document_requests[] =
    "mapstorm-requests 1\n"
    "title 64 KiB reads of a disk\n"
    "# what follows what\n"
    "registers 256\n"
    "thread\n"
    "take 0 16\n"
    "take 1 1\n"
    "give 0\n"
    "take 0 2\n"
    "give 1\n"
    "thread\n"
    "take 255 254 # nearly all\n"
    "take 3 1\n"
    "give 255\n";

static const char document_result[] =
    "{\"schema\":\"mapstorm-run-1\",\n"
    "\"run\":{\"version\":\"0.1.0\",\"commit\":\"a1b2c3d\",\"tree_clean\":true,\"started"
    "\":\"2026-11-21T08:15:02Z\",\"host\":\"buildbox\",\"machine\":\"2 cores\",\"command"
    "\":\"./mapstorm run --seed 7\",\"plan\":\"default\",\"seed\":7,\"launches\":3,\"bloc"
    "ks\":12,\"seconds\":101.4,\"cores\":2,\"build\":\"gcc\",\"comparison_key\":\"5f2c91d"
    "07ab3\"},\n"
    "\"facts\":[{\"group\":\"processor\",\"name\":\"model\",\"value\":\"Example CPU @ 4.1"
    "0GHz\",\"source\":\"/proc/cpuinfo\"}],\n"
    "\"notes\":[{\"level\":\"note\",\"id\":\"virtual-machine\",\"text\":\"Virtual machine"
    ": ratios are kept, absolute times belong to this run only.\"}],\n"
    "\"controls\":[{\"thread_class\":\"one thread\",\"threads\":1,\"harness\":{\"value\":"
    "2.1,\"low\":2.08407,\"high\":2.1119,\"count\":36},\"twin\":{\"value\":0.001,\"low\":"
    "-0.004,\"high\":0.005,\"count\":36},\"twin_verdict\":\"same\",\"drag\":{\"value\":0."
    "049,\"low\":0.041,\"high\":0.056,\"count\":36},\"drag_verdict\":\"slower\",\"drag_tr"
    "ue\":0.05,\"visible\":0.005,\"band\":0.01,\"trusted\":true,\"blunt\":false}],\n"
    "\"strategies\":[{\"name\":\"spin-bitmap\",\"title\":\"t\",\"role\":\"baseline\",\"pr"
    "ogress\":\"blocking\",\"run_max\":0,\"conformance\":\"passed\",\"fuzz\":\"passed\","
    "\"fuzz_executions\":412000,\"fuzz_seconds\":30.0},{\"name\":\"cas-bitmap\",\"title\""
    ":\"t\",\"role\":\"contestant\",\"progress\":\"lock-free\",\"run_max\":0,\"conformanc"
    "e\":\"passed\",\"fuzz\":\"passed\",\"fuzz_executions\":412000,\"fuzz_seconds\":30.0}"
    ",{\"name\":\"magazine\",\"title\":\"t\",\"role\":\"contestant\",\"progress\":\"stran"
    "ding\",\"run_max\":0,\"conformance\":\"passed\",\"fuzz\":\"passed\",\"fuzz_execution"
    "s\":412000,\"fuzz_seconds\":30.0}],\n"
    "\"adapters\":[{\"name\":\"sg64\",\"title\":\"scatter/gather, 64-bit\",\"bounces\":fa"
    "lse}],\n"
    "\"shapes\":[{\"name\":\"1p\",\"scenario\":\"registers\",\"title\":\"one register\","
    "\"pages\":1}],\n"
    "\"limits\":[{\"name\":\"atomic-pair\",\"title\":\"uncontended pair of locked instruc"
    "tions\",\"threads\":1,\"time\":{\"value\":8.2,\"low\":8.18183,\"high\":8.22568,\"cou"
    "nt\":36}}],\n"
    "\"cells\":[{\"name\":\"registers/strategy:spin-bitmap/shape:1p/threads:1/registers:1"
    "024\",\"scenario\":\"registers\",\"strategy\":\"spin-bitmap\",\"shape\":\"1p\",\"thr"
    "eads\":1,\"registers\":1024,\"outcome\":\"measured\",\"time\":{\"value\":14.7,\"low"
    "\":14.5569,\"high\":14.8536,\"count\":36},\"counts\":[{\"name\":\"cas attempts\",\"p"
    "er_op\":1.0},{\"name\":\"words looked at\",\"per_op\":3.1}],\"limit\":\"atomic-pair"
    "\",\"of_limit\":{\"value\":0.557823,\"low\":0.551815,\"high\":0.564324,\"count\":36}"
    ",\"disturbed\":0,\"repeated\":0,\"samples\":[{\"launch\":0,\"block\":0,\"position\":"
    "0,\"seed\":99,\"ops\":340000,\"wall_ns\":4998000,\"cpu_ns\":4990000,\"run_delay_ns\""
    ":0,\"overlap\":1.0,\"repeats\":0,\"disturbed\":false}],\"command\":\"./mapstorm run"
    "\"},{\"name\":\"registers/strategy:cas-bitmap/shape:1p/threads:1/registers:1024\",\""
    "scenario\":\"registers\",\"strategy\":\"cas-bitmap\",\"shape\":\"1p\",\"threads\":1,"
    "\"registers\":1024,\"outcome\":\"measured\",\"time\":{\"value\":11.76,\"low\":11.637"
    "2,\"high\":11.8956,\"count\":36},\"counts\":[{\"name\":\"cas attempts\",\"per_op\":2"
    ".0},{\"name\":\"words looked at\",\"per_op\":3.3}],\"limit\":\"atomic-pair\",\"of_li"
    "mit\":{\"value\":0.697279,\"low\":0.692974,\"high\":0.703411,\"count\":36},\"disturb"
    "ed\":0,\"repeated\":0,\"command\":\"./mapstorm run\"}],\n"
    "\"pairs\":[{\"cell\":1,\"base\":0,\"ratio\":{\"value\":1.25,\"low\":1.23898,\"high\""
    ":1.25935,\"count\":36},\"launches\":3,\"agreeing\":3,\"verdict\":\"faster\"}],\n"
    "\"rankings\":[{\"scenario\":\"registers\",\"threads\":1,\"standings\":[{\"strategy\""
    ":\"magazine\",\"ranked\":true,\"served\":6,\"cases\":6,\"ratio\":{\"value\":1.44,\"l"
    "ow\":1.43392,\"high\":1.44978,\"count\":36},\"verdict\":\"faster\"}],\"leader\":\"ma"
    "gazine\",\"runner_up\":\"cas-bitmap\",\"lead\":{\"value\":1.35,\"low\":1.33984,\"hig"
    "h\":1.3629,\"count\":36},\"lead_verdict\":\"faster\",\"shapes\":6}]}\n";
/* clang-format on */

static const char *const dictionary[] = {
    "mapstorm-layout 1\n",
    "name ",
    "source ",
    "pages ",
    "runs ",
    "+",
    "-",
    "#",
    "\r\n",
    " ",
    "target ",
    "setup ",
    "schedule ",
    "sparse",
    "keyed",
    "dense",
    "walk seed=",
    "pct seed=1 depth=",
    " estimate=",
    "stall seed=0 actor=",
    "hold seed=0 actor=1 step=1 until=",
    " step=",
    "pos seed=",
    "memory weak stale=",
    "memory strong\n",
    "reads ",
    "visits ",
    "explored ",
    "bug ",
    "a@",
    ">b",
    "b:",
    "a ",
    "target pool\n",
    "target bounds_map\n",
    "0:a ",
    "ffffffff",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "false",
    "1e308",
    "-1",
    "0.0",
    "\"schema\":",
    "\"cells\":[",
    "\"samples\":",
    "\"time\":",
    "\"low\":",
    "\"threads\":",
    "\"outcome\":\"failed\"",
    "\\u0000",
    "\\ud800",
    "\xff",
    "\xc3\xa9",
    "1e999",
    "\n\n",
    "99999999999999999999",
    "%s%n",
};
/* The same for traces of requests. */
static const char *const dictionary_requests[] = {
    "mapstorm-requests 1\n",
    "title a\n",
    "title ",
    "registers 64\n",
    "registers 262144\n",
    "registers ",
    "thread\n",
    "take 0 1\n",
    "take 63 4096\n",
    "take 262143 4096\n",
    "take ",
    "give 0\n",
    "give 262143\n",
    "give ",
    "thread\ntake 0 1\n",
    "262144",
    "262145",
    "4097",
    "64",
    "63",
    "-1",
    "+1",
    "0x10",
    "99999999999999999999",
    "#",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\xff",
    "%s%n",
};
/* At and beyond every limit that a file may name. */
static const char *const numbers[] = {
    "0",
    "1",
    "255",
    "256",
    "4095",
    "4096",
    "65535",
    "65536",
    "1048576",
    "1048577",
    "16777216",
    "16777217",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
};

#endif
