"""The lab's kernels: where they come from and how QEMU runs them.

suite      Debian suite; the build is the newest there: what the meta package depends on
meta       that meta package (default: the suite's own cloud kernel)
security   whether the suite's security archive counts (bullseye's index names packages that are gone)
modules    whether out-of-tree modules are built (needs the headers, and a compiler the kernel accepts)
compiler   the suite whose compiler builds the modules, in a root of its own, where this machine's is too old
source     the package whose source is built here (source.py) ...
config     ... with this file of configs/ over configs/guest
llvm       the version of clang that compiles it (default: gcc)
report     whether the guest writes its state first (a slow one needs a quarter of an hour for that)
slow       how much longer than others it may take (default: 1)
append     what its command line always has
dump       the dump level up to which makedumpfile can be trusted (default: all): 1.7.8 takes pages of 7.2's kernel for user pages
dir        where results go (default: the version and, if it is not amd64, the architecture)
"""

KERNELS = {
    "5.10": dict(suite="bullseye", arch="amd64", modules=True, security=False),
    "5.10-fp": dict(suite="bullseye", arch="amd64", modules=True, security=False, source="linux-source-5.10", config="fp",
                    dir="5.10-fp"),
    "6.12-check": dict(suite="bookworm", arch="amd64", modules=True, source="linux-source-6.12", config="check", dir="6.12-check",
                       append="kasan.fault=panic"),
    "6.1-kcsan": dict(suite="bookworm", arch="amd64", modules=True, source="linux-source-6.1", config="kcsan", dir="6.1-kcsan"),
    "6.12-clang": dict(suite="bookworm", arch="amd64", modules=True, source="linux-source-6.12", config="clang", llvm=16,
                       dir="6.12-clang", slow=3, report=False),
    "6.1": dict(suite="bookworm", arch="amd64", modules=True),
    "6.12": dict(suite="bookworm", arch="amd64", modules=True, meta="linux-image-6.12-cloud-amd64"),
    "sid": dict(suite="sid", arch="amd64", modules=True, compiler="sid", dump=1),
    "6.1-full": dict(suite="bookworm", arch="amd64", modules=True, meta="linux-image-amd64", dir="6.1-full"),
    "6.1-rt": dict(suite="bookworm", arch="amd64", modules=True, meta="linux-image-rt-amd64", dir="6.1-rt"),
    "6.1-arm64": dict(suite="bookworm", arch="arm64", modules=False, slow=2),
}

ARCHES = {
    "amd64": dict(
        qemu="qemu-system-x86_64",
        machine=["-machine", "q35"],
        cpu="max,la57=off",
        console="ttyS0",
        report="/dev/ttyS1",
        report_device=lambda path: ["-serial", f"file:{path}"],
        text_base=0xFFFFFFFF81000000,
        cc=["gcc"],
    ),
    "arm64": dict(
        qemu="qemu-system-aarch64",
        machine=["-machine", "virt,gic-version=3"],
        cpu="cortex-a72",
        console="ttyAMA0",
        report="/dev/vport0p1",
        report_device=lambda path: ["-chardev", f"file,id=state,path={path}", "-device", "virtio-serial-pci",
                                    "-device", "virtserialport,chardev=state,nr=1"],
        text_base=None,
        cc=["aarch64-linux-gnu-gcc"],
    ),
}
