#!/usr/bin/env python3
"""Does `vm -p` say of every page where the guest had it? For dumps of the scenario `swapping`.

usage: swapped.py NECROPSY DIR...     DIR: KERNEL/swapping, with vmcore and guest-state.txt

The guest's report has /proc/PID/pagemap of the process whose pages were driven out (guest/pagerd.c), and /proc/swaps.
"""
import json
import re
import subprocess
import sys
from pathlib import Path


def ask(necropsy, dump, line):
    """A command's rows."""
    done = subprocess.run([necropsy, dump, "--no-debuginfo", "-s", "--format", "json", "-c", line], capture_output=True, check=True)
    return json.loads(done.stdout)["result"]


def check(necropsy, where):
    """The mistakes in one dump."""
    state, dump = (where / "guest-state.txt").read_text(), str(where / "vmcore")
    pages = state.split("=== pages\n")[1].split("===")[0].splitlines()
    pid = int(pages[0].split()[1])
    areas = [line.split() for line in state.split("=== /proc/swaps\n")[1].split("===")[0].splitlines()[1:]]
    wrong = []
    for area, row in zip(areas, ask(necropsy, dump, "swap")):
        told = [row["name"], row["type"].lower(), row["size"] >> 10, row["used"] >> 10, row["priority"]]
        if told != [area[0], area[1], int(area[2]), int(area[3]), int(area[4])]:
            wrong.append(f"swap: {area} {told}")
    rows = {int(r["virtual"], 16): r for r in ask(necropsy, dump, f"vm -p {pid}") if "virtual" in r}
    looked = 0
    for line in pages[1:]:
        found = re.fullmatch(r"own (\w+) (?:memory (\w+)|swap (\d+) (\d+))", line)
        if not found:
            continue
        looked += 1
        row = rows.get(int(found[1], 16), {})
        if found[2]:
            good = int(row.get("physical", "0"), 16) == int(found[2], 16) << 12
        else:
            good = row.get("swap") == areas[int(found[3])][0] and int(row.get("offset", "0"), 16) == int(found[4])
        if not good:
            wrong.append(f"{line}: {row}")
    print(f"{where}: {looked} pages, {len(wrong)} wrong")
    return wrong


def main():
    wrong = [w for where in sys.argv[2:] for w in check(sys.argv[1], Path(where))]
    print(*wrong[:10], sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
