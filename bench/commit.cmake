# SPDX-License-Identifier: MIT
# Writes OUT with the commit that SOURCE is at, and whether the tree is clean; only when it changed,
# so that nothing is compiled again for nothing. Outside a repository the commit is empty.
set(commit "")
set(clean true)
find_program(git git)
if(git AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${git} -C ${SOURCE} rev-parse --short=9 HEAD
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${git} -C ${SOURCE} status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(clean false)
  endif()
endif()
set(text "/* Made by commit.cmake. */\n#define MS_COMMIT \"${commit}\"\n#define MS_TREE_CLEAN ${clean}\n")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUT} "${text}")
endif()
