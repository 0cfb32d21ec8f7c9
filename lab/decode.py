#!/usr/bin/env python3
"""Compare `necropsy decode` with the kernel's own decode_stacktrace.sh.

usage: decode.py NECROPSY DECODE_STACKTRACE_SH VMLINUX MODULES_DIR LOG

The script looks return addresses up as they are, so that it names the statement behind the call. It is given the log twice: as it is
(for program counters), and with every offset one less (for calls). Lines must then be the same. Frames of modules are left out: the
script takes all code sections of a .ko to lie at 0. Prints differences, times and `same N of M`; exits 1 if any differ.
"""
import re, subprocess, sys, time

if len(sys.argv) != 6:
    sys.exit(__doc__)
necropsy, script, vmlinux, modules, log = sys.argv[1:]
FRAME = re.compile(r"([\w.]+)\+0x([0-9a-f]+)/0x([0-9a-f]+)(?: \(([^)]*)\))?( \[)?")
lines = [l for l in open(log, errors="replace").read().splitlines() if "+0x" in l and "Code:" not in l]


def ask(command, text):
    began = time.time()
    out = subprocess.run(command, input=text, capture_output=True, text=True).stdout
    return out.splitlines(), time.time() - began


def less(line):
    return FRAME.sub(lambda m: f"{m[1]}+0x{int(m[2], 16) - 1:x}/0x{m[3]}{' [' if m[5] else ''}", line)


def tail(path):
    return " ".join(re.sub(r"^.*?/linux-[^/]*/|^\./", "", p) for p in re.sub(r" \(discriminator \d+\)", "", path).split())


theirs = ["bash", script, vmlinux, "auto", modules]
calls, _ = ask(theirs, "\n".join(map(less, lines)) + "\n")
places, their_time = ask(theirs, "\n".join(lines) + "\n")
ours, our_time = ask([necropsy, "decode", "-", "--vmlinux", vmlinux, "--modules", modules], "\n".join(lines) + "\n")
same = total = 0
for line, own, call, place in zip(lines, ours, calls, places):
    m = FRAME.search(own)
    if not m or m[5] or not m[4]:
        continue
    exact = re.search(r"RIP|pc :|PC is at| in ", line)
    want = re.search(r"\(([^()]*(?:\(discriminator \d+\)[^()]*)*)\)", place if exact else call)
    total += 1
    if want and tail(want[1]) == tail(m[4]):
        same += 1
    else:
        print(f"{line.strip()}\n  ours   {m[4]}\n  theirs {want and want[1]}")
print(f"{their_time:.2f} s there, {our_time:.2f} s here: {their_time / our_time:.0f} times")
print(f"same {same} of {total}")
sys.exit(same != total)
