#!/bin/bash -eu
# SPDX-License-Identifier: MIT
MAPSTORM_SOURCE=$SRC/mapstorm exec bash "$SRC/mapstorm/fuzz/oss-fuzz/build_targets.sh"
