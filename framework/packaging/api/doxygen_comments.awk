# SPDX-License-Identifier: Apache-2.0
# Headers here have plain comments; doxygen wants marked ones. This filter marks them, a line for a line, so that the line
# numbers in its warnings are right:
#   // text                    → /// text            (before what it is about)
#   code;  // text             → code;  ///< text    (behind it)
#   /* text, code; /* text     → the same in C
# The first comment of a file is about the file and shown as it stands, with its examples. Lines of dashes that part a file
# into sections are dropped.
# What doxygen would take for commands and tags is text here; between backticks it leaves everything alone by itself.
function plain(text,  parts, n, i, out) {
  n = split(text, parts, "`")
  for (i = 1; i <= n; ++i) {
    if (i % 2 == 1 || n % 2 == 0) {
      gsub(/\\/, "\\\\\\\\", parts[i]); gsub(/@/, "\\@", parts[i]); gsub(/</, "\\<", parts[i]); gsub(/>/, "\\>", parts[i])
      gsub(/#/, "\\#", parts[i]); gsub(/%/, "\\%", parts[i])
    }
    out = out (i > 1 ? "`" : "") parts[i]
  }
  return out
}
function file_name(  parts, n) {  # with its folder: names come twice
  n = split(FILENAME, parts, "/")
  return parts[n - 1] "/" parts[n]
}

FNR == 1 && /^\/\/ SPDX/ { header = 1; next }                              # one line less, for \endverbatim
FNR == 1 && /^\/\* SPDX/ { header = 2; print "/** \\file " file_name() " \\verbatim"; next }
header == 1 && /^\/\// {  # as one block: doxygen would show the slashes of each line
  gsub(/\*\//, "* /")
  print (started++ ? "" : "/** \\file " file_name() " \\verbatim") substr($0, 3)
  next
}
header == 1 { header = 0; print started ? "\\endverbatim */" : "" }         # and goes on with this line
header == 2 { if (sub(/\*\//, "\\endverbatim */")) header = 0; print; next }

/^ *(\/\/|\/\*) ?----/ { print ""; next }
inside { if (/\*\//) inside = 0; print; next }                              # of /* …
/^ *\/\/( |$)/ {
  match($0, /^ *\/\//)
  print substr($0, 1, RLENGTH - 2) "///" plain(substr($0, RLENGTH + 1))
  next
}
/^ *\/\* / { inside = !/\*\//; sub(/\/\*/, "/**"); print; next }
/[^ ].* \/\/ / {
  at = match($0, / \/\/ /)
  print substr($0, 1, at - 1) " ///<" plain(substr($0, at + 3))
  next
}
/[^ ].* \/\* / { inside = !/\*\//; sub(/\/\* /, "/**< "); print; next }
{ print }
