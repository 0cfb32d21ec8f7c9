#!/usr/bin/env python3
"""Compare `necropsy analyze` with what was really done to a kernel.

usage: check.py NECROPSY CASE...      CASE: a directory with vmcore and truth.json
       check.py NECROPSY DIR --all    every DIR/KERNEL/SCENARIO below a directory

A case passes if the class of the verdict is one of truth.json's `classes`, a function involved is named where truth.json
knows one, the module to blame is blamed, that the crash was asked for is said, and the task is the one that reported the problem. Where the kernel's vmlinux is there (KERNEL/vmlinux), the same
must hold with it, and the stacks of all sleeping tasks must be what the guest told. Prints a line per case; exit status 1 if
one fails.
"""
import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import stacks  # noqa: E402

LIMIT = 120


def analyse(binary, *files):
    """The verdict, or None with a reason."""
    command = [binary, "analyze", "--format", "json", *files]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
        return json.loads(done.stdout)["verdict"], ""
    except subprocess.TimeoutExpired:
        return None, f"no answer in {LIMIT} s"
    except (ValueError, KeyError, TypeError):
        return None, (done.stderr.decode(errors="replace").strip().splitlines() or ["no verdict"])[-1]


def plain(function):
    """A function's name without what the compiler added."""
    return (function or "").split(".")[0]


def judge(truth, verdict):
    """What is wrong with the verdict, as a list of sentences."""
    wrong = []
    if verdict.get("class") not in truth["classes"]:
        wrong.append(f"class {verdict.get('class')}, not {' or '.join(truth['classes'])}")
    involved = {bug["function"] for bug in truth["bugs"]}
    named = {plain((verdict.get(role) or {}).get("function")) for role in ("culprit", "victim")}
    if involved and not involved & named:
        wrong.append(f"names {', '.join(sorted(named - {''})) or 'no function'}, not {' or '.join(sorted(involved))}")
    if truth.get("blameless") and (verdict.get("culprit") or {}).get("function"):
        wrong.append(f"blames {verdict['culprit']['function']}: nobody in the kernel is to blame")
    blamed = truth.get("blamed_module")
    if blamed and (verdict.get("culprit") or {}).get("module") != blamed:
        wrong.append(f"blames {(verdict.get('culprit') or {}).get('module') or 'no module'}, not {blamed}")
    if truth.get("requested") not in (None, verdict.get("requested")):
        wrong.append(f"requested is {verdict.get('requested')}")
    first, task = truth.get("first_report"), verdict.get("task") or {}
    if first and truth.get("task_matters", True) and (task.get("pid"), task.get("comm")) != (first["pid"], first["comm"]):
        wrong.append(f"task {task.get('pid')} {task.get('comm')}, not {first['pid']} {first['comm']}")
    return wrong


def dump_of(case):
    """The dump: filtered, or as QEMU wrote it."""
    return next((case / name for name in ("vmcore", "vmcore.elf") if (case / name).exists()), None)


def check(binary, case):
    """Checks one case; whether it passes."""
    truth = json.loads((case / "truth.json").read_text())
    dump, vmlinux = str(dump_of(case)), case.parent / "vmlinux"
    verdict, reason = analyse(binary, dump)
    wrong = judge(truth, verdict) if verdict else [reason]
    note = ""
    if vmlinux.exists():
        verdict, reason = analyse(binary, dump, str(vmlinux))
        wrong += [f"with vmlinux: {w}" for w in (judge(truth, verdict) if verdict else [reason])]
        count, different = stacks.compare(case / "guest-state.txt", binary, [dump, str(vmlinux)], LIMIT)
        wrong += different
        note = f" ({count} stacks)"
    print(f"{'ok' if not wrong else 'WRONG':6} {case.parent.name}/{case.name}{note}{': ' if wrong else ''}{'; '.join(wrong)}")
    return not wrong


def main(arguments):
    """The command line."""
    if len(arguments) < 2:
        print(__doc__)
        return 2
    binary, cases = arguments[0], [Path(a) for a in arguments[1:] if a != "--all"]
    if "--all" in arguments:
        cases = [p.parent for top in cases for p in sorted(top.glob("*/*/truth.json")) if dump_of(p.parent)]
    return 0 if all([check(binary, case) for case in cases]) and cases else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
