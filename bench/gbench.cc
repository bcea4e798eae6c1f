/* SPDX-License-Identifier: MIT */
/*
 * gbench.cc: the only C++ of the project: Google Benchmark behind a C header.
 *
 * Facts about 1.7.1 that shape this file: with several threads its real time is divided by their
 * number, and rates divide by processor time, so wall time is taken by our own clock and published
 * as a counter; iterations are fixed in code, because the flag for it does not exist yet; and its
 * own interleaving forgets the order in time, so we let it run one benchmark at a time.
 */
#include "gbench.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <vector>

namespace
{

/* Keeps quiet and notes whether anything ran. */
class SilentReporter : public benchmark::BenchmarkReporter
{
  public:
    bool ran = false;
    bool failed = false;

    bool ReportContext(const Context &) override
    {
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs) {
            ran = true;
            failed = failed || run.error_occurred;
        }
    }
};

/* How many operations an ordinary run does between two looks at Google Benchmark's counter. */
constexpr benchmark::IterationCount BATCH = 1000;

void ordinary_run(benchmark::State &state, const ms_gbench_entry &entry)
{
    const auto thread = static_cast<uint32_t>(state.thread_index());

    /* The other threads wait in the first KeepRunningBatch until thread 0 is there too. */
    if (thread == 0 && !entry.begin(entry.context, entry.name)) {
        state.SkipWithError("could not be set up");
        return;
    }
    const auto start = std::chrono::steady_clock::now();
    while (state.KeepRunningBatch(BATCH))
        entry.body(entry.context, thread, static_cast<uint64_t>(BATCH));
    const std::chrono::duration<double, std::nano> wall = std::chrono::steady_clock::now() - start;
    if (thread == 0) {
        state.counters["wall_ns_per_op"] =
            wall.count() / (static_cast<double>(state.iterations()) * state.threads());
        entry.end(entry.context);
    }
}

} // namespace

bool ms_gbench_run(const char *name, uint32_t threads, uint64_t ops, ms_gbench_body *body,
                   void *context)
{
    const auto iterations = static_cast<benchmark::IterationCount>(ops);
    SilentReporter reporter;

    benchmark::ClearRegisteredBenchmarks();
    benchmark::RegisterBenchmark(name,
                                 [=](benchmark::State &state) {
                                     while (state.KeepRunningBatch(iterations))
                                         body(context, static_cast<uint32_t>(state.thread_index()),
                                              ops);
                                 })
        ->Iterations(iterations)
        ->Threads(static_cast<int>(threads))
        ->UseRealTime();
    benchmark::RunSpecifiedBenchmarks(&reporter, ".");
    benchmark::ClearRegisteredBenchmarks();
    return reporter.ran && !reporter.failed;
}

int ms_gbench_main(int argc, char **argv, const ms_gbench_entry *entries, uint32_t count)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    for (uint32_t i = 0; i < count; i++) {
        const ms_gbench_entry entry = entries[i];
        benchmark::RegisterBenchmark(
            entry.name, [entry](benchmark::State &state) { ordinary_run(state, entry); })
            ->Threads(static_cast<int>(entry.threads))
            ->UseRealTime();
    }
    /* A filter that matches nothing is an error here, not an empty success. */
    const size_t ran = benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return ran == 0 ? 2 : 0;
}

const char *ms_gbench_version(void)
{
#ifdef MS_GBENCH_VERSION
    return MS_GBENCH_VERSION;
#else
    return "unknown";
#endif
}
