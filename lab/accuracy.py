#!/usr/bin/env python3
"""How often the verdict is right, on all dumps of the lab: a table per case and one of what was taken for what.

usage: accuracy.py NECROPSY DIR... [-o FILE] [--state FILE] [--limit SECONDS] [--keep]

DIR: directories with KERNEL/SCENARIO/{vmcore,truth.json}. Each dump is analysed in four ways: from the dump alone, without its log,
from the console's log alone, and with the kernel's file where KERNEL/vmlinux is there. What was analysed with this very
binary is kept in the state file (default: accuracy.json in the first DIR), so the run can be stopped and goes on where it was.
FILE gets the tables as Markdown (default: standard output). With --keep, what it says of cases whose dumps are not there stays, with a
word that those are of an older build.

A case is right if the class is one of truth.json's `classes`, the function to blame is one of its bugs (culprit, or for a cause
that is found from afar the victim), and wrong if the class is another with 60 % or more; what is below that is unknown. `sure` marks
wrong answers of 80 % and more: there must be none.
"""
import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
import scenarios  # noqa: E402
from check import plain  # noqa: E402

MODES = {"dump": [], "no log": ["--no-log"], "log": None, "vmlinux": None}


def cases(tops):
    """All dumps with a truth."""
    found = {}
    for top in tops:
        for path in sorted(top.glob("*/*/truth.json")):
            if (path.parent / "vmcore").exists():
                found[f"{path.parent.parent.name}/{path.parent.name}"] = path.parent
    return found


def command(binary, case, mode):
    """How a case is analysed in a mode; None where it cannot be."""
    base = [binary, "analyze", "--format", "json", "--no-debuginfod"]
    dump, log, vmlinux = case / "vmcore", case / "console.log", case.parent / "vmlinux"
    if mode == "log":
        return [*base, str(log)] if log.exists() else None
    if mode == "vmlinux":
        return [*base, str(dump), "--vmlinux", str(vmlinux)] if vmlinux.exists() else None
    return [*base, "--no-debuginfo", str(dump), *MODES[mode]]


def verdict(words, limit):
    """What necropsy says, as little as is needed."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=limit, check=False)
        said = json.loads(done.stdout)["verdict"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return dict(failed=True)
    culprit = said.get("culprit") or {}
    return {"class": said["class"], "confidence": said["confidence"], "culprit": plain(culprit.get("function")),
            "sure": culprit.get("confidence"), "victim": plain((said.get("victim") or {}).get("function")),
            "related": [plain(r.get("function")) for r in said.get("related", [])]}


def judge(truth, said):
    """right, class (only the class is), unknown, wrong, sure (wrong and sure) or failed."""
    if said.get("failed"):
        return "failed"
    if said["class"] not in truth["classes"]:
        if said["class"] == "unknown" or said["confidence"] < 0.6:
            return "unknown"
        return "sure" if said["confidence"] >= 0.8 else "wrong"
    guilty = {b["function"] for b in truth["bugs"] if b["role"].startswith("culprit")}
    if not guilty or said["culprit"] in guilty:
        return "right"
    involved = guilty | {b["function"] for b in truth["bugs"]}
    if said["culprit"] and said["culprit"] not in involved and (said["sure"] or 0) >= 0.8:
        return "sure"
    return "class"


def kept(file, found):
    """The rows of a file about cases that were not found now."""
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in file.read_text().splitlines() if re.match(r"\| \S+/", line)]
    return {row[0].rstrip("*"): row for row in rows if row[0].rstrip("*") not in found}


def table(results, found, older):
    """The Markdown."""
    heading = ["| case | " + " | ".join(MODES) + " | said |", "|---|" + "---|" * (len(MODES) + 1)]
    lines, score, confusion = {}, {m: Counter() for m in MODES}, Counter()
    for name, row in older.items():
        for mode, mark in zip(MODES, row[1:]):
            if mark:
                score[mode][mark] += 1
        was, said = scenarios.get(name.split("/")[1])["classes"][0], row[-1].split(":")[0]
        confusion[(was, was if row[1] in ("right", "class") else said)] += 1
        lines[name] = f"| {name}* | {' | '.join(row[1:])} |"
    for name, case in found.items():
        truth, row = json.loads((case / "truth.json").read_text()), []
        for mode in MODES:
            said = results.get(f"{name} {mode}")
            mark = judge(truth, said) if said else ""
            row.append(mark)
            if mark:
                score[mode][mark] += 1
        said = results.get(f"{name} dump") or {}
        confusion[(truth["classes"][0], said.get("class") if said.get("class") not in truth["classes"] else truth["classes"][0])] += 1
        lines[name] = f"| {name} | {' | '.join(row)} | {said.get('class')}: {said.get('culprit') or '-'} |"
    head = ["| way | cases | right | class right, function not | unknown | wrong | wrong and sure | failed |", "|---|---|---|---|---|---|---|---|"]
    for mode, count in score.items():
        total = sum(count.values())
        if total:
            head.append(f"| {mode} | {total} | " + " | ".join(str(count[k]) for k in ("right", "class", "unknown", "wrong", "sure", "failed")) + " |")
    mixed = ["| what it was | what was said | cases |", "|---|---|---|"]
    mixed += [f"| {was} | {said} | {n} |" for (was, said), n in sorted(confusion.items(), key=str)]
    return head, mixed, [*heading, *(lines[name] for name in sorted(lines))]


PREFACE = """# How often the verdict is right

Made by `lab/accuracy.py` on dumps of the lab (`lab/scenarios.py`), each of a kernel that was made to die for a known reason. Every
scenario was written before its verdict was known, many of them so that the obvious answer is wrong; but the detectives were
mended where they failed on them, so unseen bugs will do worse than this.

`right`: class and function. `class`: the class is right, and no function, another one, or only the victim is named. `unknown`: no
answer is given. `sure`: a wrong class, or a wrong function, with 80 % or more.

From a log alone much cannot be known: a freed object, a hidden module, a flipped bit, who holds a spin lock. The log's own words are then
what is said (a NULL pointer, a lockup), with 75 % at most: "wrong" in that row, and never "sure".
"""

OLDER = """{} cases, marked with `*`, were last run with an older build: their dumps were not at hand.
"""


def main():
    """The command line."""
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("binary")
    parser.add_argument("dirs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--limit", type=int, default=120)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    found = cases(options.dirs)
    state_file = options.state or options.dirs[0] / "accuracy.json"
    binary = hashlib.sha256(Path(options.binary).read_bytes()).hexdigest()
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    if state.get("binary") != binary:
        state = dict(binary=binary, results={})
    for name, case in found.items():
        for mode in MODES:
            words = command(options.binary, case, mode)
            if words and f"{name} {mode}" not in state["results"]:
                state["results"][f"{name} {mode}"] = verdict(words, options.limit)
                state_file.write_text(json.dumps(state))
    older = kept(options.output, found) if options.keep and options.output else {}
    head, mixed, lines = table(state["results"], found, older)
    parts = [PREFACE, *([OLDER.format(len(older))] if older else []), *head, "", "## What was taken for what (from the dump alone)", "", *mixed, "", "## Every case", "", *lines, ""]
    text = "\n".join(parts)
    if options.output:
        options.output.write_text(text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
