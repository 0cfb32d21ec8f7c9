"""Kernel stacks in a dump against those that the guest itself told in /proc/PID/task/TID/stack seconds before."""
import json
import re
import subprocess

# What /proc leaves out of a sleeping task's stack: the scheduler, and the locks that call it.
SCHEDULER = re.compile(r"(__|io_|preempt_|_|)schedule|.*schedule_hrtimeout|__switch_to|do_nanosleep|wait_for|.*mutex_lock|.*_slowpath|"
                       r"rwsem_|down_|__down|__wait|bit_wait|.*wait_on_bit|usleep_range")

# Differences told one by one, and how many may be: kernel threads may have moved on since the report.
SHOWN = 3
MOVED = 2


def plain(function):
    """A function's name without what the compiler or the entry macros add."""
    return re.sub(r"^__(x64_|ia32_|do_|se_)?sys_", "sys_", (function or "?").split(".")[0])


def told(state):
    """{pid: [(function, offset)]} of the tasks that slept when the guest reported."""
    tasks, now = {}, None
    for line in state.read_text(errors="replace").splitlines():
        task = re.match(r"-- task (\d+) .* state (\w)", line)
        frame = re.match(r"\[<0>\] (\S+?)\+0x([0-9a-f]+)/", line)
        if task:
            now = tasks.setdefault(task[1], []) if task[2] != "R" else None
        elif line.startswith("==="):
            now = None
        elif frame and now is not None:
            now.append((plain(frame[1]), int(frame[2], 16)))
    return {pid: frames for pid, frames in tasks.items() if frames}


def number(offset):
    """An offset, which JSON has as `0x1e`."""
    return int(offset, 16) if isinstance(offset, str) else offset


def found(binary, files, limit):
    """{pid: [(function, offset)]} in the dump; of the tasks that run there, nothing."""
    command = [binary, *files, "-s", "--format", "json", "-c"]

    def ask(line, key):
        done = subprocess.run([*command, line], capture_output=True, timeout=limit, check=False)
        result = json.loads(done.stdout.splitlines()[0])["result"]
        return result[key] if isinstance(result, dict) else result

    running = {str(task["pid"]) for task in ask("ps", "tasks") if task["state"] == "RU"}
    stacks = {str(stack["pid"]): stack["frames"] for stack in ask("foreach bt", "stacks")}
    return {pid: [(plain(f["function"]), number(f["offset"])) for f in frames if not f.get("inlined")]
            for pid, frames in stacks.items() if pid not in running}


def compare(state, binary, files, limit):
    """How many stacks agree or were compared, and what is wrong, as a list of sentences."""
    want, have = told(state), found(binary, files, limit)
    wrong, checked = [], 0
    for pid, frames in want.items():
        got = have.get(pid)
        if got is None:
            continue
        checked += 1
        inner, outer = got[:max(len(got) - len(frames), 0)], got[-len(frames):]
        if outer != frames or not all(SCHEDULER.match(name) for name, _ in inner):
            wrong.append(f"stack of {pid} is {'<'.join(n for n, _ in got)}, not {'<'.join(n for n, _ in frames)}")
    if len(wrong) <= MOVED:
        return checked - len(wrong), []
    more = len(wrong) - SHOWN
    return checked, wrong[:SHOWN] + ([f"{more} more stacks differ"] if more > 0 else [])
