#!/bin/sh
# SPDX-License-Identifier: MIT
# The claims of core/include/wdm_layouts.h, line by line, about the DDK headers of mingw-w64: a second
# source, written by other people. Those headers end with version 2 of the interface, so what they do not
# know is left out by name below; everything else must agree. Without that compiler: exit 77, skipped.
#
#   layouts_test.sh CORE_FOLDER
set -eu
core=$1
cc=x86_64-w64-mingw32-gcc
if ! command -v "$cc" >/dev/null; then
    echo "SKIPPED: there is no $cc here; bench/packages.txt names its package"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ddk=$(echo '#include <ddk/ntddk.h>' | "$cc" -E - 2>/dev/null |
    sed -n 's/^# 1 "\(.*\)\/ntddk\.h".*/\1/p' | head -1)
if [ -z "$ddk" ]; then
    echo "SKIPPED: $cc came without ddk/ntddk.h"
    exit 77
fi

# What these headers lack: version 3 and later ...
cat >"$work/lacks" <<'END'
^MS_(SIZE|AT)\(DMA_(ADAPTER|TRANSFER)_INFO
DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION
^MS_AT\(DMA_OPERATIONS, .*, 0x([89A-F][08]|1..)\)
^MS_AT\(DEVICE_DESCRIPTION, (DmaAddressWidth|DmaControllerInstance|DmaRequestLine|DeviceAddress),
^MS_AT\(CM_PARTIAL_RESOURCE_DESCRIPTOR, u\.DmaV3\.
CommonBuffer(ConfigType|HardwareAccess)
MS_VALUE\((DEVICE_DESCRIPTION_VERSION3|DMA_SYNCHRONOUS_CALLBACK|DMA_TRANSFER_|DMA_ADAPTER_INFO)
MS_VALUE\((ADAPTER_INFO_|DOMAIN_COMMON_BUFFER|CM_RESOURCE_DMA_V3|MdlMapping|MDL_LOCKED_PAGE_TABLES)
MS_VALUE\(MDL_PAGE_CONTENTS_INVARIANT,
END
# ... and four sizes: its table and its description end early, its list counts one element, its
# DEVICE_OBJECT is not rounded up to 16.
cat >>"$work/lacks" <<'END'
^MS_SIZE\((DMA_OPERATIONS|DEVICE_DESCRIPTION|SCATTER_GATHER_LIST|DEVICE_OBJECT),
END
{
    echo '#include <ddk/ntddk.h>'
    echo '#include <assert.h>'
    echo '#include <stddef.h>'
    echo '#define MS_SIZE(type, size) static_assert(sizeof(type) == (size), #type)'
    echo '#define MS_AT(type, field, offset) static_assert(offsetof(type, field) == (offset), #field)'
    echo '#define MS_VALUE(name, value) static_assert((int)(name) == (int)(value), #name)'
    echo '#define MS_STATUS(name, value) static_assert((unsigned)(name) == (value), #name)'
    grep '^MS_' "$core/include/wdm_layouts.h" | grep -v -E -f "$work/lacks"
} >"$work/claims.c"
"$cc" -std=gnu11 -isystem "$ddk" -fsyntax-only "$work/claims.c"
claims=$(grep -c '^MS_' "$work/claims.c")
# A list of exceptions that grew over everything would prove nothing.
[ "$claims" -ge 200 ] || { echo "only $claims claims are left to compare" >&2; exit 1; }
# And the comparison can fail.
sed '0,/0x18);/s//0x19);/' "$work/claims.c" >"$work/wrong.c"
if "$cc" -std=gnu11 -isystem "$ddk" -fsyntax-only "$work/wrong.c" 2>/dev/null; then
    echo "a wrong claim went through" >&2
    exit 1
fi
echo "$claims claims agree with $ddk/wdm.h"
