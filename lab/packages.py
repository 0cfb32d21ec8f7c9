"""Debian packages of any suite and architecture, without touching this machine's apt.

Each suite gets an apt configuration of its own below the cache directory. Nothing is pinned: names and versions
are asked of the suite's index, and the caller records them.
"""
import os
import re
import subprocess
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"


class Unavailable(Exception):
    """A package, a suite or a program cannot be had here."""


def mirror(security):
    """The mirror this machine already uses, else the usual one."""
    cmd = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"]
    for line in subprocess.run(cmd, capture_output=True, text=True, check=False).stdout.splitlines():
        uri, _, label = line.partition(" ")
        if label == ("Debian-Security" if security else "Debian"):
            return uri.rstrip("/")
    return MIRROR + "-security" if security else MIRROR


class Suite:
    """One suite of Debian for one architecture."""

    def __init__(self, name, arch, cache, security=True):
        self.name, self.arch = name, arch
        self.security = security and name != "sid" and "backports" not in name
        self.dir = Path(cache) / "apt" / f"{name}-{arch}"
        self.debs = Path(cache) / "debs"
        self.updated = False

    def options(self):
        """Makes apt look at this suite alone."""
        lists, cache = self.dir / "lists", self.dir / "cache"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        (cache / "archives/partial").mkdir(parents=True, exist_ok=True)
        values = {"Dir::Etc::sourcelist": self.dir / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
                  "Dir::State::lists": lists, "Dir::State::status": "/dev/null", "Dir::Cache": cache,
                  "APT::Architecture": self.arch, "APT::Architectures": self.arch, "APT::Sandbox::User": "root",
                  "Acquire::Languages": "none", "Acquire::Check-Valid-Until": "false"}
        return [word for key, value in values.items() for word in ("-o", f"{key}={value}")]

    def update(self):
        """Fetches the index once per run; the security suite is left out where there is none."""
        if self.updated:
            return
        options = self.options()
        base = f"deb [signed-by={KEYRING}] {mirror(False)} {self.name} main\n"
        security = f"deb [signed-by={KEYRING}] {mirror(True)} {self.name}-security main\n"
        for text in ([base + security] if self.security else []) + [base]:
            (self.dir / "sources.list").write_text(text)
            done = subprocess.run(["apt-get", *options, "update", "-qq", "--error-on=any"], capture_output=True, text=True,
                                  check=False)
            if done.returncode == 0:
                self.updated = True
                return
        raise Unavailable(f"apt-get update for {self.name}: {done.stderr.strip().splitlines()[-1:]}")

    def show(self, package):
        """The newest index entry of a package as a dictionary; empty if there is none."""
        self.update()
        cmd = ["apt-cache", *self.options(), "show", "--no-all-versions", package]
        text = subprocess.run(cmd, capture_output=True, text=True, check=False).stdout
        return dict(re.findall(r"^([A-Za-z-]+): (.*)$", text.split("\n\n")[0], re.M))

    def depends(self, package):
        """Names a package depends on."""
        return re.findall(r"(?:^|[,|]) *([a-z0-9][a-z0-9.+-]+)", self.show(package).get("Depends", ""))

    def fetch(self, packages):
        """Downloads packages that are not there yet: {name: (file, version, source)}."""
        self.debs.mkdir(parents=True, exist_ok=True)
        found = {}
        for name in packages:
            entry = self.show(name)
            if not entry:
                raise Unavailable(f"no package {name} in {self.name} ({self.arch})")
            version = entry["Version"]
            if not self.local(name, version):
                cmd = ["apt-get", *self.options(), "download", "-qq", f"{name}={version}"]
                done = subprocess.run(cmd, cwd=self.debs, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise Unavailable(f"apt-get download {name}: {done.stderr.strip()}")
            source = entry.get("Source", name)
            match = re.match(r"(\S+) \((\S+)\)", source)
            origin = f"{match[1]} {match[2]}" if match else f"{source} {version}"
            found[name] = (self.local(name, version), version, origin)
        return found

    def local(self, name, version):
        """The downloaded file of a package, or None."""
        stem = f"{name}_{version.replace(':', '%3a')}"
        files = [self.debs / f"{stem}_{arch}.deb" for arch in (self.arch, "all")]
        return next((f for f in files if f.exists()), None)

    def unpack(self, packages, root):
        """Unpacks packages below `root`; what is unpacked in the same version stays: {name: {version, source}}."""
        root = Path(root)
        stamps = root / ".unpacked"
        stamps.mkdir(parents=True, exist_ok=True)
        found = self.fetch(packages)
        for file, _, _ in found.values():
            if not (stamps / file.name).exists():
                subprocess.run(["dpkg", "-x", str(file), str(root)], check=True)
                (stamps / file.name).touch()
        return {name: {"version": version, "source": source} for name, (_, version, source) in found.items()}


# What makedumpfile wants besides itself; not all exist in every suite.
LIBRARIES = ("libc6 liblzo2-2 libsnappy1v5 libstdc++6 libgcc-s1 libzstd1 libdw1t64 libelf1t64 libdw1 libelf1 zlib1g "
             "liblzma5 libbz2-1.0 libdebuginfod1t64").split()


def makedumpfile(suite, root):
    """A suite's makedumpfile with its own libraries: (the command, version)."""
    libraries = [name for name in LIBRARIES if suite.show(name)]
    version = suite.unpack(["makedumpfile", *libraries], root)["makedumpfile"]["version"]
    libs = Path(root) / "usr/lib/x86_64-linux-gnu"
    loader = next(p for p in (libs / "ld-linux-x86-64.so.2", Path(root) / "lib64/ld-linux-x86-64.so.2") if p.exists())
    dirs = ":".join(str(p) for p in (libs, Path(root) / "lib/x86_64-linux-gnu") if p.is_dir())
    return [os.fspath(loader), "--library-path", dirs, f"{root}/usr/bin/makedumpfile"], version
