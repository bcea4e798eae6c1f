# SPDX-License-Identifier: MIT
# See table.sh.

# "CBF-01..CBF-06, CBF-08" -> calls note() for each ID named in the text.
function scan(text, what,    id, to, prefix, i) {
    while (match(text, /[A-Z][A-Z][A-Z]-P?[0-9][0-9]/)) {
        id = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        prefix = substr(id, 1, length(id) - 2)
        to = 0
        if (match(text, /^\.\.([A-Z][A-Z][A-Z]-P?)?[0-9][0-9]/)) {
            to = substr(text, RSTART + RLENGTH - 2, 2) + 0
            text = substr(text, RSTART + RLENGTH)
        }
        note(id, what)
        for (i = substr(id, length(id) - 1) + 1; i <= to; i++)
            note(sprintf("%s%02d", prefix, i), what)
        # "MTX-31, 32": further numbers of the same letters.
        while (match(text, /^, [0-9][0-9]([^0-9A-Z]|$)/)) {
            note(prefix substr(text, 3, 2), what)
            text = substr(text, 5)
        }
    }
}

function note(id, what) {
    if (!(id in title)) {
        if (substr(id, 1, 3) in family) {
            print FILENAME ":" FNR ": there is no clause " id >"/dev/stderr"
            wrong = 1
        }
        return
    }
    if (index(SUBSEP proof[id] SUBSEP, SUBSEP what SUBSEP))
        return
    proof[id] = proof[id] == "" ? what : proof[id] SUBSEP what
}

function quoted(n,    parts) {
    split($0, parts, "\"")
    return parts[2 * n]
}

FILENAME ~ /clauses\.def$/ {
    if (/^MS_SECTION/)
        section[++count] = quoted(1)
    if (/^MS_CLAUSE/) {
        id = quoted(1)
        order[++count] = id
        title[id] = quoted(2)
        family[substr(id, 1, 3)] = 1
        total++
    }
    next
}

# One MS_EXPLAINED(ids, kind, why) of any number of lines. Strings that follow each other without a comma
# are one, as in C.
function explain(text,    parts, count, i, given, field, rest, one, last, id) {
    count = split(text, parts, "\"")
    delete field
    given = 1
    for (i = 2; i <= count; i += 2) {
        if (i > 2 && index(parts[i - 1], ","))
            given++
        field[given] = field[given] parts[i]
    }
    if (given != 3 || field[2] !~ /^(construction|verifier|user space|driver)$/) {
        print FILENAME ":" FNR ": MS_EXPLAINED needs clauses, a kind that is known, and a reason" >"/dev/stderr"
        wrong = 1
    }
    if (field[3] !~ /^[A-Z].* .* .*\.$/) {
        print FILENAME ":" FNR ": the reason for " field[1] " is no sentence" >"/dev/stderr"
        wrong = 1
    }
    rest = field[1]
    while (match(rest, /[A-Z][A-Z][A-Z]-[0-9][0-9](\.\.[0-9][0-9])?/)) {
        one = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        last = length(one) > 6 ? substr(one, 9) + 0 : substr(one, 5, 2) + 0
        for (i = substr(one, 5, 2) + 0; i <= last; i++) {
            id = sprintf("%s%02d", substr(one, 1, 4), i)
            if (!(id in title)) {
                print FILENAME ":" FNR ": there is no clause " id >"/dev/stderr"
                wrong = 1
            }
            explained[id] = field[2] ": " field[3]
        }
    }
}

FILENAME ~ /explained\.def$/ {
    if (/^MS_EXPLAINED/)
        explaining = ""
    if (/^MS_EXPLAINED/ || explaining != "") {
        explaining = explaining $0
        if (/\)$/) {
            explain(explaining)
            explaining = ""
        }
    }
    next
}

FNR == 1 {
    current = pending = ""
    comment = 0
    file = FILENAME
    sub(/^.*\//, "", file)
}

# A test or a function begins at the first column; its name is what proves.
/^MS_TEST\(/ {
    current = $0
    sub(/^MS_TEST\(/, "", current)
    sub(/\).*/, "", current)
    current = file ": " current
}
/^[a-z].*\(/ && !/;$/ && !/^MS_TEST/ && !/=/ {
    current = $0
    sub(/\(.*/, "", current)
    sub(/^.*[ *]/, "", current)
    current = file ": " current
}
/^}/ { closing = 1 }

# A row of a table of cases proves what its name says.
/\.name = ".*[A-Z][A-Z][A-Z]-P?[0-9][0-9]/ {
    split($0, words, "\"")
    scan(words[2], file ": " words[2])
}

# And what the comment beside its name says.
/\.name = "[^"]*".*\/\*/ {
    split($0, words, "\"")
    scan(substr($0, index($0, "/*")), file ": " words[2])
}

# Comments: inside something they count for it, above it they wait for its line.
{
    line = $0
    in_comment = comment
    if (line ~ /\/\*/) {
        in_comment = 1
        comment = line !~ /\*\//
        if (line !~ /^\/\*/ || comment == 0)
            sub(/^.*\/\*/, "", line)
    } else if (comment && line ~ /\*\//) {
        comment = 0
    }
    if (in_comment) {
        if (current != "")
            scan(line, current)
        else
            pending = pending " " line
    }
    if (current != "" && pending != "") {
        scan(pending, current)
        pending = ""
    }
    if (!in_comment && $0 == "")
        pending = ""
    if (closing) {
        current = pending = ""
        closing = 0
    }
}

END {
    for (id in title) {
        if (proof[id] != "")
            proved++
        else if (id in explained)
            told++
        else
            missing++
    }
    print "# What of the contract is proved, and by what"
    print ""
    print "Made by `core/conformance/" made "` from the tests' own words; the test `core.conformance` fails when"
    print "this file is not what the script prints, or when a test names a clause that does not exist."
    print "The clauses are those of [contract/" contract ".md](contract/" contract ".md)."
    print ""
    print "| clauses | proved by a test | explained | missing |"
    print "|---|---|---|---|"
    printf "| %d | %d | %d | %d |\n", total, proved, told, missing
    for (n = 1; n <= count; n++) {
        if (n in section) {
            print ""
            print "## " section[n]
            print ""
            print "| clause | says | proved by |"
            print "|---|---|---|"
            continue
        }
        id = order[n]
        text = title[id]
        gsub(/\|/, "\\|", text)
        tests = split(proof[id], list, SUBSEP)
        shown = ""
        for (i = 1; i <= tests && i <= 3; i++)
            shown = shown (i > 1 ? "<br>" : "") "`" list[i] "`"
        if (tests > 3)
            shown = shown "<br>and " tests - 3 " more"
        if (tests == 0)
            shown = id in explained ? explained[id] : "**missing**"
        print "| " id " | " text " | " shown " |"
    }
    exit wrong
}
