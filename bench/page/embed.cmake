# SPDX-License-Identifier: MIT
# embed.cmake: writes OUT, a C file with the page's parts as byte arrays. C17 has no #embed, and a
# string literal of this length would be beyond what the standard promises. The script's digest goes
# along: the page's content policy allows this very script and no other.
set(text "/* SPDX-License-Identifier: MIT */\n/* Made from bench/page/ by embed.cmake. */\n#include \"page.h\"\n")
foreach(part template.html style.css script.js)
  # Indentation is for people who read the sources; in every page it would only be weight.
  file(READ ${FOLDER}/${part} plain)
  string(REGEX REPLACE "\n +" "\n" plain "${plain}")
  file(WRITE ${OUT}.${part} "${plain}")
  file(READ ${OUT}.${part} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(REGEX REPLACE "[.].*" "" name ${part})
  string(APPEND text "\nstatic const unsigned char ${name}_bytes[] = {\n${hex}0};\n"
    "const struct ms_page_text ms_page_${name} = {(const char *)${name}_bytes, sizeof(${name}_bytes) - 1};\n")
endforeach()

# Base64 of the SHA-256: ten groups of three bytes and one of two.
set(letters ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
file(SHA256 ${OUT}.script.js hex)
set(digest "")
foreach(at RANGE 0 60 6)
  string(SUBSTRING "${hex}00" ${at} 6 six)
  foreach(shift 18 12 6 0)
    math(EXPR sixth "(0x${six} >> ${shift}) & 63")
    string(SUBSTRING ${letters} ${sixth} 1 letter)
    string(APPEND digest ${letter})
  endforeach()
endforeach()
string(SUBSTRING ${digest} 0 43 digest)
string(APPEND text "\nconst char ms_page_script_digest[] = \"sha256-${digest}=\";\n")

file(WRITE ${OUT}.tmp "${text}")
file(RENAME ${OUT}.tmp ${OUT})
