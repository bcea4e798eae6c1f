# SPDX-License-Identifier: MIT
# The fuzzers: the floors on the simulator, targets on top. mapstorm-fuzz needs no engine; with
# MAPSTORM_BUILD_FUZZ each target is also a libFuzzer program.
if(NOT TARGET sim_registers)
  return()
endif()
file(GLOB fuzz_targets CONFIGURE_DEPENDS fuzz/targets/*_fuzz.c)
set(fuzz_common fuzz/decode.c fuzz/text.c fuzz/play.c fuzz/mutate.c)

add_executable(mapstorm-fuzz fuzz/main.c fuzz/commands.c fuzz/prove.c fuzz/files.c fuzz/hunt.c
  fuzz/shrink.c fuzz/story.c ${fuzz_common} ${fuzz_targets})
target_link_libraries(mapstorm-fuzz PRIVATE ms_flags ${sim_below})
set_target_properties(mapstorm-fuzz PROPERTIES C_EXTENSIONS ON)
