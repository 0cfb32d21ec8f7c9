"""A kernel that the lab builds itself, from Debian's source package: for what no Debian kernel is configured like."""
import os
import shutil

from kernel import HERE, Kernel, sh
from packages import Unavailable

# What `make` would else take from this machine.
NOWHERE = dict(KBUILD_BUILD_USER="lab", KBUILD_BUILD_HOST="lab", KBUILD_BUILD_TIMESTAMP="Thu Jan  1 00:00:00 UTC 1970")


class Built(Kernel):
    """The newest source of a suite with a configuration of ours (`configs/`)."""

    def newest(self):
        """The source's version and the configuration's local version."""
        entry = self.suite.show(self.spec["source"])
        if not entry:
            raise Unavailable(f"no package {self.spec['source']} in {self.suite.name}")
        return entry["Version"].split("-")[0] + "-" + self.spec["config"]

    def prepare(self):
        """Builds the kernel if it is not there, then what every kernel needs."""
        self.build.mkdir(parents=True, exist_ok=True)
        self.packages = self.suite.unpack([self.spec["source"]], self.root)
        if not self.vmlinuz.exists():
            self.build_kernel()
        self.out.mkdir(parents=True, exist_ok=True)
        if not (self.out / "vmlinux").exists():
            shutil.copyfile(self.headers() / "vmlinux", self.out / "vmlinux")
        self.build_modules()
        self.build_programs()
        self.build_base()

    def headers(self):
        """The tree that the kernel was built in has all that modules need."""
        return self.build / "linux"

    def build_kernel(self):
        """Unpacks, configures and compiles; no path of this machine gets into the DWARF."""
        tree = self.headers()
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        sh(["tar", "-xf", str(self.root / f"usr/src/{self.spec['source']}.tar.xz"), "-C", str(tree), "--strip-components=1"])
        config = self.build / "config"
        config.write_text("".join((HERE / "configs" / name).read_text() for name in ("guest", self.spec["config"])))
        self.make("allnoconfig", KCONFIG_ALLCONFIG=str(config))
        self.check(config, tree / ".config")
        self.make("bzImage", "modules")
        self.make("modules_install", INSTALL_MOD_PATH=str(self.root), INSTALL_MOD_STRIP="1")
        self.put(tree / "arch/x86/boot/bzImage", self.root / "boot" / f"vmlinuz-{self.release}", 0o644)

    def make(self, *targets, **variables):
        """Runs make in the tree."""
        tree = self.headers()
        flags = f"-fdebug-prefix-map={tree}=/usr/src/{self.spec['source']}"
        command = ["nice", "make", "-C", str(tree), f"-j{os.cpu_count()}", f"LOCALVERSION=-{self.spec['config']}",
                   f"KCFLAGS={flags}", f"KAFLAGS={flags}", *self.compiler(), *(f"{k}={v}" for k, v in variables.items()), *targets]
        with open(self.build / "kernel.log", "a") as log:
            done = sh(command, stdout=log, stderr=log, check=False, env={**os.environ, **NOWHERE})
        if done.returncode:
            raise Unavailable(f"the kernel does not build, see {self.build}/kernel.log")

    def make_modules(self, headers, build, log):
        """Runs the kernel's own build system on the modules."""
        return sh(["make", "-C", str(headers), f"M={build}", *self.compiler(), "-j2", "modules"], stdout=log, stderr=log, check=False)

    def compiler(self):
        """What tells `make` which compiler to take."""
        llvm = self.spec.get("llvm")
        return [f"LLVM=-{llvm}", "LLVM_IAS=1"] if llvm else []

    @staticmethod
    def check(wanted, got):
        """Kconfig drops silently what has a dependency that is missing."""
        have = set(got.read_text().splitlines())
        lost = [line for line in wanted.read_text().splitlines()
                if line and line not in have and not line.startswith("# ") or line.endswith(" is not set") and
                line.removeprefix("# ").removesuffix(" is not set") + "=y" in have]
        if lost:
            raise Unavailable("the configuration lacks: " + ", ".join(lost))
