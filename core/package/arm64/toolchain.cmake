# SPDX-License-Identifier: MIT
# For 64-bit ARM from another machine, with Debian's cross compiler; programs run under qemu's emulation of
# the processor (user mode: its system calls are this machine's).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
