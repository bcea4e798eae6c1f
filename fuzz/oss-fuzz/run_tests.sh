#!/bin/bash -eu
# SPDX-License-Identifier: MIT
# The tests that need no benchmark library: the contract, the simulator, the corpus.
cd "${SRC:?}/mapstorm"
cmake -S . -B "$WORK/tests" -DCMAKE_BUILD_TYPE=Debug -DMAPSTORM_BUILD_BENCH=OFF -DMAPSTORM_BUILD_TESTS=ON
cmake --build "$WORK/tests" -j "$(nproc)"
ctest --test-dir "$WORK/tests" --output-on-failure -L '^(core|sim|fuzz)$' -LE '^slow$'
