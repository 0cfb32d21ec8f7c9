#!/usr/bin/env python3
"""Compare source lines, inlined calls and local variables of a dump with what drgn says.

usage: drgn_lines.py NECROPSY VMLINUX VMCORE [MODULE.ko...] [--locals] [-v]

For every task: each frame at the same program counter must have the same functions (inlined ones first), files and lines.
With --locals, for the frames of the task that crashed: each variable that has a value in both must have the same one.
Needs drgn (pip install drgn). Prints every difference and, last, `same N of M frames` (and values); exits 1 if any differ.
"""
import collections, json, os, subprocess, sys

import drgn

args = [a for a in sys.argv[1:] if not a.startswith("-")]
if len(args) < 3 or "--help" in sys.argv:
    sys.exit(__doc__)
necropsy, vmlinux, vmcore, modules = args[0], args[1], args[2], args[3:]


def ask(*commands):
    cmd = [necropsy, vmlinux, vmcore, "-s", "--format", "json"]
    for directory in sorted({os.path.dirname(os.path.abspath(m)) for m in modules}):
        cmd += ["--debug-dir", directory]
    for command in commands:
        cmd += ["-c", command]
    out = subprocess.run(cmd, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def short(path):
    """drgn names files from the source tree on; a build directory may stand before."""
    return path.split("/linux-", 1)[-1].split("/", 1)[-1] if path.startswith("/build/") else path


def groups_of_ours(frames):
    """Per frame: its address and the functions there, innermost first."""
    out, group = [], []
    for f in frames:
        group.append((f["function"], short(f["file"] or ""), f["line"]))
        if not f["inlined"]:
            if f["pc"]:
                out.append((int(f["pc"], 16), group))
            group = []
    return out


def groups_of_drgn(trace):
    out, group = [], []
    for f in trace:
        try:
            file, line, _ = f.source()
        except LookupError:
            file, line = "", None
        group.append((f.name, short(file), line))
        if not f.is_inline:
            out.append((f.pc, group))
            group = []
    return out


def base(name):
    return (name or "").split(".")[0]


prog = drgn.Program()
prog.set_core_dump(vmcore)
prog.load_debug_info([vmlinux, *modules])
from drgn.helpers.linux.pid import for_each_task

same = total = 0
kinds = collections.Counter()
answers = ask("foreach bt -l")[0]["result"]["stacks"]
ours = {s["task"]: groups_of_ours(s["frames"]) for s in answers}
for task in for_each_task(prog):
    key = f"0x{task.value_():016x}"
    try:
        theirs = groups_of_drgn(prog.stack_trace(task))
    except (ValueError, LookupError, drgn.FaultError):
        continue
    mine = dict(ours.get(key, []))
    for pc, group in theirs:
        if pc not in mine:
            continue
        total += 1
        got = [(base(n), f, l or None) for n, f, l in mine[pc]]
        want = [(base(n), f, l or None) for n, f, l in group]
        # Labels in assembly: drgn names the last symbol that is a function, kallsyms (as the kernel itself) the last symbol.
        labels = len(got) == len(want) == 1 and got[0][1:] == want[0][1:] and got[0][1].endswith(".S")
        if got == want or labels:
            same += 1
            continue
        kinds[(str(got), str(want))] += 1
for (got, want), n in kinds.most_common():
    print(f"{n} x\n  ours {got}\n  drgn {want}")
print(f"same {same} of {total} frames")
failed = same != total


def plain(value, depth=0):
    """A value of drgn as our JSON has it, as far as numbers and addresses go."""
    ty = value.type_
    while ty.kind == drgn.TypeKind.TYPEDEF:
        ty = ty.type
    kinds = (drgn.TypeKind.POINTER, drgn.TypeKind.INT, drgn.TypeKind.BOOL, drgn.TypeKind.ENUM)
    if ty.kind in kinds:
        return int(value.value_())
    return None


def number(value):
    if isinstance(value, dict) and "address" in value:
        value = value["address"]
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.startswith("0x"):
        return int(value, 16)
    return value if isinstance(value, int) else None


if "--locals" in sys.argv:
    crashed = prog.crashed_thread()
    trace = crashed.stack_trace()
    task = f"0x{crashed.object.value_():016x}"
    frames = ours[task]
    walk = ["frame 0"] + ["up"] * (len(frames) + 8)
    answers = ask(*[c for step in walk for c in (step, "info locals", "info args")])
    mine = collections.defaultdict(dict)
    where = None
    for a in answers:
        if not a["ok"]:
            where = None if a["command"] in walk else where
            continue
        if a["command"] in walk:
            where = next((int(f["pc"], 16) for f in a["result"]["frames"] if f["pc"]), None)
        elif where:
            for scope in a["result"]:
                for v in scope["variables"]:
                    mine[(where, scope["function"])][v["name"]] = v
    agree = both = only_ours = only_drgn = 0
    group_pc = None
    pcs = [f.pc for f in trace]
    for i, f in enumerate(trace):
        # An inlined frame has the address of the frame that it is in.
        pc = next(trace[j].pc for j in range(i, len(trace)) if not trace[j].is_inline)
        known = mine.get((pc, f.name)) or {}
        for name in f.locals():
            v = known.get(name)
            try:
                theirs = plain(f[name])
                absent = f[name].absent_
            except (drgn.FaultError, drgn.ObjectAbsentError, ValueError, LookupError):
                theirs, absent = None, True
            value = number(v["value"]) if v and v["missing"] is None else None
            if theirs is None and not absent:
                continue
            if value is None and absent:
                continue
            if value is None:
                only_drgn += 1
                print(f"only drgn: {f.name}.{name} = {theirs:#x} (ours: {v and (v['missing'] or v['value'])})")
                continue
            if absent:
                only_ours += 1
                if "-v" in sys.argv:
                    print(f"only ours: {f.name}.{name} = {value:#x}")
                continue
            both += 1
            bits = 8 * (f[name].type_.size or 8) if hasattr(f[name].type_, "size") else 64
            if value & (2**bits - 1) == theirs & (2**bits - 1):
                agree += 1
            else:
                print(f"{f.name}.{name}: ours {value:#x}, drgn {theirs:#x}")
    print(f"values: {agree} of {both} agree; {only_ours} only here, {only_drgn} only in drgn")
    failed |= agree != both
sys.exit(failed)
