"""One scenario: boots a guest, lets it die, and keeps the dump and what is true about it."""
import json
import re
import shutil
import subprocess
import time

from kernel import HERE, say, sh
from gdbstub import write_physical
from qmp import Qmp, headers_first
import firmware
import scenarios

COMPRESS = {"zlib": ["-c"], "lzo": ["-l"], "zstd": ["-z"], "none": []}
END_OF_PANIC = b"---[ end Kernel panic"
TRIGGER = b"LAB: triggering"
CAPTURED = b"LAB: capture done"


def default_compression(name):
    """The codecs take turns."""
    return ("zlib", "lzo", "zstd")[scenarios.names().index(name) % 3]


class Run:
    """A guest of one kernel in one scenario."""

    def __init__(self, kernel, name, compress=None, keep_elf=False):
        self.kernel, self.name, self.scenario = kernel, name, scenarios.get(name)
        self.compress, self.keep_elf = compress or default_compression(name), keep_elf
        self.out, self.work = kernel.out / name, kernel.build / f"run-{name}"
        self.elf = self.work / "vmcore.elf"
        if not self.scenario["old_makedumpfile"]:
            self.scenario["dump"] &= kernel.spec.get("dump", 31)
        self.kdump = self.scenario["mode"] == "kdump"
        self.makedumpfile, self.died = None, False
        self.filtered = self.kernel.spec["arch"] == "amd64" and not self.scenario["early"]

    def run(self):
        """Does it all; whether there is a dump of a dead kernel."""
        began = time.time()
        for directory in (self.out, self.work):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
        command = self.command(self.initrd())
        say(self.kernel.name, self.name, "starting")
        with open(self.work / "qemu.log", "w") as log:
            guest = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self.died = self.watch(guest)
            if not self.kdump:
                self.dump_memory()
        finally:
            self.end(guest)
        self.collect()
        self.write_truth()
        dump = self.out / ("vmcore" if self.filtered else "vmcore.elf")
        size = dump.stat().st_size if dump.exists() else 0
        say(self.kernel.name, self.name, "ok" if self.died and size else "FAILED",
            f"{size / 1e6:.1f} MB, {time.time() - began:.0f} s")
        shutil.rmtree(self.work)
        return bool(self.died and size)

    # ---- before --------------------------------------------------------------------------------------------------

    def initrd(self):
        """The shared initramfs and, over it, the files of this scenario under neutral names."""
        s, tree = self.scenario, self.work / "tree"
        tree.mkdir()
        first = [f"modprobe {s['module']}"] if s["module"] and not s["late"] else []
        (tree / "prepare.sh").write_text("\n".join([*first, s["prepare"], ""]))
        (tree / "run.sh").write_text(s["run"] + "\n")
        report = self.kernel.arch["report"] if self.kernel.spec.get("report", True) else "none"
        (tree / "lab.env").write_text(f"MODE={s['mode']}\nREPORT={report}\n")
        if self.kdump:
            flags = " ".join(COMPRESS[self.compress])
            image, version = self.kernel.capture_tree(
                f"makedumpfile {flags} -d {s['dump']} --message-level 7 /proc/vmcore /crash/vmcore\n")
            self.makedumpfile = version
            self.kernel.put(image, tree / "boot/capture.img", 0o644)
            self.kernel.put(self.kernel.vmlinuz, tree / "boot/vmlinuz", 0o644)
        self.kernel.cpio(tree, self.work / "overlay.cpio")
        sh(f"cat '{self.kernel.base}' '{self.work}/overlay.cpio' | gzip -1 >'{self.work}/initrd.img'")
        return self.work / "initrd.img"

    def command(self, initrd):
        """QEMU's command line."""
        s, arch = self.scenario, self.kernel.arch
        self.cmdline = " ".join(w for w in (f"console={arch['console']}", "panic=0", "crashkernel=160M" if self.kdump else "",
                                            self.kernel.spec.get("append"), s["append"]) if w)
        self.disk("disk", "64M", "-L", "labdata")
        command = [arch["qemu"], *arch["machine"], "-accel", "tcg,thread=multi", "-cpu", s["cpu"] or arch["cpu"],
                   "-smp", str(s["smp"]), "-m", str(s["mem"]), *self.boot(initrd), "-display", "none", "-nodefaults", "-no-reboot",
                   "-serial", f"file:{self.out}/console.log", *arch["report_device"](self.out / "guest-state.txt"),
                   "-qmp", f"unix:{self.work}/qmp,server=on,wait=off", "-device", "vmcoreinfo",
                   "-netdev", "user,id=n0,restrict=on", "-device", "virtio-net-pci,netdev=n0", "-device", "virtio-rng-pci",
                   *self.drive("disk", 0), *self.spare(), *s["devices"], *self.table(), *self.debugger()]
        if self.kdump:
            self.disk("crash", "1500M", "-O", "^has_journal")
            command += self.drive("crash", 1)
        return command

    def boot(self, initrd):
        """QEMU's options for the kernel: started by itself, or by UEFI and a loader with firmware of its own."""
        if not self.scenario["firmware"]:
            return ["-kernel", str(self.kernel.vmlinuz), *(["-initrd", str(initrd)] if self.scenario["initrd"] else []),
                    "-append", self.cmdline]
        disk = self.work / "efi"
        (disk / "EFI/BOOT").mkdir(parents=True)
        firmware.loader(self.scenario["firmware"], f"initrd=\\initrd.img {self.cmdline}", disk / "EFI/BOOT/BOOTX64.EFI")
        shutil.copy(self.kernel.vmlinuz, disk / "vmlinuz.efi")
        shutil.copy(initrd, disk / "initrd.img")
        return ["-bios", "/usr/share/ovmf/OVMF.fd", "-drive", f"file=fat:rw:{disk},format=raw,if=none,id=efi",
                "-device", "virtio-blk-pci,drive=efi,bootindex=0,addr=0x1a"]

    def table(self):
        """A table of the firmware's, compiled."""
        if not self.scenario["acpi"]:
            return []
        return ["-acpitable", "file=" + firmware.table(self.scenario["acpi"], self.work / "table")]

    def debugger(self):
        """A way to write into the guest's memory."""
        if not self.scenario["record"]:
            return []
        return ["-chardev", f"socket,id=gdb,path={self.work}/gdb,server=on,wait=off", "-gdb", "chardev:gdb"]

    def disk(self, name, size, *options):
        """An empty ext4 file system."""
        sh(["truncate", "-s", size, f"{self.work}/{name}.img"])
        sh(["mkfs.ext4", "-q", *options, f"{self.work}/{name}.img"])

    def spare(self):
        """A second disk with sixty files, and without a device: `well`, or `sick`, which cannot read the block with inode 40."""
        state = self.scenario["spare"]
        if not state:
            return []
        files = self.work / "spare"
        files.mkdir()
        for number in range(60):
            (files / f"f{number}").write_text(f"{number}\n")
        self.disk("spare", "64M", "-L", "labspare", "-d", str(files))
        disk = {"driver": "raw", "file": {"driver": "file", "filename": f"{self.work}/spare.img"}, "node-name": "spare"}
        if state == "sick":
            told = sh(["debugfs", "-R", "imap <40>", f"{self.work}/spare.img"], capture_output=True, text=True).stdout
            sector = int(re.search(r"located at block (\d+)", told)[1]) * 2
            fault = {"event": "none", "iotype": "read", "errno": 5, "sector": sector}
            disk = {"driver": "blkdebug", "image": {**disk, "node-name": "image"}, "node-name": "spare", "inject-error": [fault]}
        return ["-blockdev", json.dumps(disk)]

    def drive(self, name, number):
        """QEMU's options for a disk."""
        return ["-drive", f"file={self.work}/{name}.img,if=none,id=d{number},format=raw,cache=unsafe",
                "-device", f"virtio-blk-pci,drive=d{number}"]

    # ---- while it runs -------------------------------------------------------------------------------------------

    def watch(self, guest):
        """Waits until the guest is dead (or its dump written); whether that happened in time."""
        console = self.out / "console.log"
        slow = self.kernel.spec.get("slow", 1)
        end = time.time() + slow * (self.scenario["wait"] + 150 + (240 if self.kdump else 0))
        text, told = b"", not (self.scenario["monitor"] or self.scenario["record"])
        while time.time() < end:
            time.sleep(0.5)
            text = console.read_bytes() if console.exists() else b""
            if not told and TRIGGER in text:
                self.tell_monitor()
                told = True
            if (CAPTURED if self.kdump else END_OF_PANIC) in text:
                time.sleep(1.5)
                return True
            if guest.poll() is not None or (self.kdump and END_OF_PANIC in text):
                return False
        say("time limit reached")
        # A panic may hang before its last line.
        return not self.kdump and b"Kernel panic - not syncing" in text

    def tell_monitor(self):
        """What the machine does to its guest."""
        time.sleep(self.scenario["after"])
        address = self.scenario["record"]
        if address:
            write_physical(self.work / "gdb", address, firmware.record(address))
        monitor = Qmp(self.work / "qmp")
        for line in self.scenario["monitor"]:
            answer = monitor.command("human-monitor-command", **{"command-line": line})
            if answer.strip():
                say(self.kernel.name, self.name, "monitor:", answer.strip())
        monitor.close()

    def dump_memory(self):
        """Lets QEMU write the guest's memory."""
        monitor = Qmp(self.work / "qmp")
        monitor.command("stop")
        monitor.command("dump-guest-memory", paging=False, protocol=f"file:{self.elf}", format="elf")
        monitor.command("quit", wait=False)

    @staticmethod
    def end(guest):
        """Ends QEMU."""
        try:
            guest.wait(20)
        except subprocess.TimeoutExpired:
            guest.kill()
            guest.wait()

    # ---- afterwards ----------------------------------------------------------------------------------------------

    def collect(self):
        """Brings dump, module and logs together."""
        if self.kdump:
            for name in ("vmcore", "vmcore-dmesg.txt"):
                sh(["debugfs", "-R", f"dump {name} {self.out}/{name}", f"{self.work}/crash.img"], stderr=subprocess.DEVNULL)
        elif self.filtered:
            self.filter()
        else:
            shutil.move(self.elf, self.out / "vmcore.elf")
        for dump in self.out.glob("vmcore*"):
            dump.chmod(0o644)
        state = self.out / "guest-state.txt"
        if state.exists():
            state.write_bytes(state.read_bytes().replace(b"\r\n", b"\n"))
        if self.scenario["module"]:
            for suffix in (".c", ".ko"):
                shutil.copyfile(self.kernel.build / "modules" / (self.scenario["module"] + suffix),
                                self.out / (self.scenario["module"] + suffix))

    def filter(self):
        """makedumpfile on the host."""
        command, self.makedumpfile = self.kernel.makedumpfile(self.scenario["old_makedumpfile"])
        command = [*command, *COMPRESS[self.compress], "-d", str(self.scenario["dump"]), str(self.elf), str(self.out / "vmcore")]
        with headers_first(self.elf):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            say(self.kernel.name, self.name, "makedumpfile failed:", *done.stderr.strip().splitlines()[-3:])
        if done.returncode or self.keep_elf:
            shutil.move(self.elf, self.out / "vmcore.elf")

    def bugs(self):
        """Where the bug is, with the line of its marker."""
        found, module = [], self.scenario["module"]
        lines = (HERE / "modules" / f"{module}.c").read_text().splitlines() if module else []
        for role, function, marker in self.scenario["bugs"]:
            number, text = next((i, line.strip()) for i, line in enumerate(lines, 1) if re.search(rf"/\* {marker}(?!\w)", line))
            found.append(dict(role=role, module=module, function=function, file=f"{module}.c", line=number, source=text))
        return found

    def write_truth(self):
        """truth.json."""
        s, kernel = self.scenario, self.kernel
        facts = console_facts((self.out / "console.log").read_text(errors="replace"))
        state = (self.out / "guest-state.txt").read_text(errors="replace") if (self.out / "guest-state.txt").exists() else ""
        text = re.search(r"([0-9a-f]{16}) T _text", state)
        base = kernel.arch["text_base"]
        truth = dict(
            scenario=self.name, of=s["of"], kind=s["kind"], kernel=kernel.release, arch=kernel.spec["arch"],
            suite=kernel.suite.name, packages=kernel.packages, capture=s["mode"], kdump_compression=self.compress,
            dump_level=s["dump"], makedumpfile=self.makedumpfile, cmdline=self.cmdline, cpus=s["smp"], ram_mib=s["mem"],
            qemu_cpu=s["cpu"] or kernel.arch["cpu"], kaslr="nokaslr" not in self.cmdline,
            text=text and "0x" + text[1], kaslr_offset=hex(int(text[1], 16) - base) if text and base else None,
            modules=[s["module"]] if s["module"] else [], bugs=self.bugs(), expected_frames=s["frames"], trigger=s["run"],
            prepared=s["prepare"], note=s["note"], panic_seen=self.died, **facts, classes=s["classes"], task_matters=s["task"],
            blameless=s["blameless"],
            requested=s["requested"], blamed_module=s["blamed"])
        if s["stack"]:
            truth["true_stack"] = s["stack"]
        (self.out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


def console_facts(console):
    """Who reported the problem, from the console between the trigger and a capture kernel's first line."""
    dead = console[max(console.find("LAB: triggering"), 0):]
    dead = dead.split("] Linux version ")[0]
    reports = [dict(cpu=int(cpu), pid=int(pid), comm=comm) for cpu, pid, comm in re.findall(
        r"CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: (.*?) (?:Kdump|Tainted|Not tainted|G  )", dead)]
    panics = re.findall(r"Kernel panic - not syncing: (.*)", dead)
    places = re.findall(r"(?:RIP: 0010:|pc : )(\S+)(?: \[(\w+)\])?", dead)
    offset = re.search(r"Kernel Offset: (\S+)", dead)
    return dict(
        console_kernel_offset=offset and offset[1], panic=panics[0].strip() if panics else None,
        first_report=reports[0] if reports else None, first_rip=" ".join(places[0]).strip() if places else None,
        last_report=reports[-1] if reports else None, last_rip=" ".join(places[-1]).strip() if places else None)
