"""A kernel of the lab: its packages, the modules built for it, and the guest's initramfs."""
import re
import shutil
import subprocess
import time
from pathlib import Path

from kernels import ARCHES, KERNELS
from packages import Suite, Unavailable, makedumpfile, mirror

HERE = Path(__file__).resolve().parent
# Stock modules: what the guest needs (the first six serve the capture kernel too), and some to see in the dump.
GUEST_MODULES = ("virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio_net "
                 "net_failover failover virtio_console virtio-rng qemu_fw_cfg dummy tun loop overlay "
                 "unix_diag watchdog softdog efivarfs scsi_common scsi_mod virtio_scsi sd_mod t10-pi crc-t10dif crct10dif_generic crc64-rocksoft crc64 crc64-rocksoft_generic").split()
PROGRAMS = ("labd", "poke", "kload", "statd", "bpfd", "pagerd", "sockd", "setcfg")


def say(*words):
    """A line with the time of day."""
    print(time.strftime("[%H:%M:%S]"), *words, flush=True)


def sh(command, **options):
    """Runs a command that must succeed."""
    options.setdefault("check", True)
    return subprocess.run(command, shell=isinstance(command, str), **options)


class Kernel:
    """The newest build of a suite's kernel, ready to boot."""

    def __init__(self, name, out, cache):
        self.name, self.spec = name, KERNELS[name]
        self.arch, self.cache = ARCHES[self.spec["arch"]], Path(cache)
        self.suite = Suite(self.spec["suite"], self.spec["arch"], cache, self.spec.get("security", True))
        self.release = self.newest()
        version = ".".join(self.release.split(".")[:2])
        suffix = "" if self.spec["arch"] == "amd64" else "-" + self.spec["arch"]
        self.out = Path(out) / self.spec.get("dir", version + suffix)
        self.build = self.cache / "build" / self.release
        self.root = self.cache / "root" / self.release
        self.base = self.build / "base.cpio"
        self.packages = {}

    def newest(self):
        """The release that the suite's meta package depends on."""
        arch = self.spec["arch"]
        for name in self.suite.depends(self.spec.get("meta", f"linux-image-cloud-{arch}")):
            found = re.fullmatch(rf"linux-image-(\d.*-{arch})", name)
            if found:
                return found[1]
        raise Unavailable(f"no kernel for {arch} in {self.suite.name}")

    @property
    def modules(self):
        """Where the image package has its modules: /lib, or /usr/lib in newer ones."""
        places = [self.root / at / "modules" / self.release for at in ("usr/lib", "lib")]
        return next((p for p in places if (p / "kernel").is_dir()), places[1])

    @property
    def vmlinuz(self):
        """The bootable image."""
        new = self.root / "usr/lib/modules" / self.release / "vmlinuz"
        return new if new.exists() else self.root / "boot" / f"vmlinuz-{self.release}"

    def image_packages(self):
        """The packages with the kernel: one, or since 2026 three."""
        split = [f"linux-{part}-{self.release}" for part in ("base", "binary", "modules")]
        if self.suite.show(split[1]):
            return split
        unsigned = f"linux-image-{self.release}-unsigned"
        return [unsigned if self.suite.show(unsigned) else f"linux-image-{self.release}"]

    def prepare(self):
        """Packages, modules, programs and initramfs; what is there stays."""
        self.build.mkdir(parents=True, exist_ok=True)
        self.packages = self.suite.unpack(self.image_packages(), self.root)
        if self.spec["modules"]:
            self.build_modules()
        self.build_programs()
        self.build_base()

    # ---- modules -------------------------------------------------------------------------------------------------

    def headers(self):
        """Unpacks the headers and makes them point at each other."""
        top = f"linux-headers-{self.release}"
        wanted = [top, *(n for n in self.suite.depends(top) if re.search("-common(-rt)?$", n) or n.startswith("linux-kbuild-"))]
        self.packages.update(self.suite.unpack(wanted, self.root))
        headers = self.root / "usr/src" / top
        makefile = headers / "Makefile"
        text = makefile.read_text()
        if re.search(r"[ =]/usr/src/", text):
            makefile.write_text(re.sub(r"([ =])/usr/src/", rf"\1{self.root}/usr/src/", text))
        return headers

    def build_modules(self):
        """Builds all of modules/ for this kernel, with DWARF that names no path of this machine."""
        headers, build = self.headers(), self.build / "modules"
        build.mkdir(exist_ok=True)
        sources = sorted((HERE / "modules").glob("*.c"))
        for source in [*sources, *(HERE / "modules").glob("*.h")]:
            copy = build / source.name
            if not copy.exists() or copy.read_bytes() != source.read_bytes():
                shutil.copyfile(source, copy)
        (build / "Kbuild").write_text("".join(f"obj-m += {s.stem}.o\n" for s in sources))
        with open(self.build / "modules.log", "w") as log:
            done = self.make_modules(headers, build, log)
        if done.returncode:
            raise Unavailable(f"the modules do not build, see {self.build}/modules.log")
        if shutil.which("debugedit"):
            for module in build.glob("*.ko"):
                for old, new in ((f"{self.root}/usr/src", "/usr/src"), (str(build), "/build"), (str(headers), "/build/linux")):
                    sh(["debugedit", "-b", old, "-d", new, str(module)], stdout=subprocess.DEVNULL)

    def make_modules(self, headers, build, log):
        """Runs the kernel's own build system on the modules."""
        options = dict(stdout=log, stderr=log, check=False)
        if "compiler" not in self.spec:
            return sh(["make", "-C", str(headers), f"M={build}", "CC=gcc", "-j2", "modules"], **options)
        root = self.compiler_root()
        for package in (self.root / ".unpacked").glob("linux-*.deb"):
            if "headers" in package.name or "kbuild" in package.name:
                sh(["dpkg", "-x", str(self.suite.debs / package.name), str(root)])
        inside = root / "build"
        shutil.rmtree(inside, ignore_errors=True)
        shutil.copytree(build, inside, ignore=lambda _, names: [n for n in names if not n.endswith((".c", ".h", "Kbuild"))])
        # objtool wants /proc; a mount namespace of its own leaves no mount behind
        enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        done = sh(["unshare", "-m", "sh", "-c", enter, str(root), "make", "-C", f"/usr/src/linux-headers-{self.release}",
                   "M=/build", "-j2", "modules"], **options)
        for module in inside.glob("*.ko"):
            shutil.copy(module, build)
        shutil.rmtree(inside)
        return done

    def compiler_root(self):
        """A root with that suite's compiler; made once, by root."""
        suite = self.spec["compiler"]
        root = self.cache / "root" / f"compiler-{suite}"
        if not (root / "usr/bin/make").exists():
            if not shutil.which("debootstrap"):
                raise Unavailable("debootstrap is needed to build modules for this kernel")
            sh(["debootstrap", "--variant=minbase", "--include=gcc,make,kmod,dwarves,perl-base", suite, str(root), mirror(False)],
               stdout=subprocess.DEVNULL)
        return root

    # ---- the guest's files ---------------------------------------------------------------------------------------

    def build_programs(self):
        """The guest's own programs, static."""
        self.programs = self.cache / "programs" / self.spec["arch"]
        self.programs.mkdir(parents=True, exist_ok=True)
        compiler = self.arch["cc"]
        for name in PROGRAMS:
            source, program = HERE / "guest" / f"{name}.c", self.programs / name
            if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
                sh([*compiler, "-O1", "-g", "-static", "-pthread", "-w", "-o", str(program), str(source)])

    def busybox(self):
        """A static busybox for the guest's architecture."""
        root = self.cache / "root" / f"busybox-{self.suite.name}-{self.spec['arch']}"
        self.packages.update(Suite("bookworm", self.spec["arch"], self.cache).unpack(["busybox-static"], root))
        return next(p for p in (root / "bin/busybox", root / "usr/bin/busybox") if p.exists())

    def put(self, source, target, mode=0o755):
        """Copies a file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode)

    def tree(self, tree, modules):
        """What both initramfs have: directories, busybox, modules."""
        shutil.rmtree(tree, ignore_errors=True)
        for name in "bin sbin etc proc sys dev tmp run mnt root usr/local/bin".split():
            (tree / name).mkdir(parents=True)
        self.put(self.busybox(), tree / "bin/busybox")
        for link in ("sh", "mount", "modprobe"):
            (tree / "bin" / link).symlink_to("busybox")
        into = tree / "lib/modules" / self.release
        into.mkdir(parents=True)
        for name in modules:
            for file in self.modules.glob(f"**/{name}.ko*"):
                self.put(file, into / file.name, 0o644)
                if file.suffix == ".xz":
                    sh(["xz", "-d", "-f", str(into / file.name)])
        for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            if (self.modules / name).exists():
                shutil.copyfile(self.modules / name, into / name)
        return into

    def cpio(self, tree, target):
        """Packs a directory."""
        sh(f"cd '{tree}' && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet >'{target}'")

    def build_base(self):
        """The part of the initramfs that all scenarios share."""
        tree = self.build / "tree"
        into = self.tree(tree, GUEST_MODULES)
        if self.spec["modules"]:
            for module in sorted((self.build / "modules").glob("*.ko")):
                # As in a distribution: the loaded module has no DWARF, the kept one has.
                sh(["strip", "-g", "-o", str(into / module.name), str(module)])
        sh(["depmod", "-b", str(tree), self.release], stderr=subprocess.DEVNULL)
        self.put(HERE / "guest/init", tree / "init")
        for script in (HERE / "guest").glob("*.sh"):
            self.put(script, tree / "usr/local/bin" / script.name)
        for name in PROGRAMS:
            self.put(self.programs / name, tree / "bin" / name)
        (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nlab:x:1000:1000:lab:/tmp:/bin/sh\n")
        (tree / "etc/group").write_text("root:x:0:\nlab:x:1000:\n")
        (tree / "etc/labd.conf").write_text("listen=7070\nsecret=not-really\n")
        self.cpio(tree, self.base)

    # ---- makedumpfile --------------------------------------------------------------------------------------------

    def makedumpfile(self, old=False):
        """The newest makedumpfile (`old`: the oldest at hand): (the command, its version)."""
        name = "bookworm" if old else "sid"
        return makedumpfile(Suite(name, "amd64", self.cache), self.cache / "root" / f"makedumpfile-{name}")

    def capture_tree(self, script):
        """The capture kernel's initramfs, gzipped."""
        tree, image = self.build / "capture", self.build / "capture.img"
        self.tree(tree, GUEST_MODULES[:6])
        sh(["depmod", "-b", str(tree), self.release], stderr=subprocess.DEVNULL)
        command, version = self.makedumpfile()
        loader, _, libraries, program = command
        for directory in libraries.split(":"):
            for file in Path(directory).glob("*.so*"):
                if file.is_file():
                    self.put(file.resolve(), tree / "lib" / file.name)
        self.put(Path(loader).resolve(), tree / "lib64/ld-linux-x86-64.so.2")
        self.put(program, tree / "bin/makedumpfile")
        self.put(HERE / "guest/capture-init", tree / "init")
        (tree / "capture.sh").write_text(script)
        self.cpio(tree, self.build / "capture.cpio")
        sh(f"gzip -1 <'{self.build}/capture.cpio' >'{image}'")
        return image, version
