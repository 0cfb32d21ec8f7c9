"""QEMU's monitor, and the ELF files it writes."""
import json
import socket
import struct
from contextlib import contextmanager


class Qmp:
    """A connection to QEMU's machine protocol."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(180)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, wait=True, **arguments):
        """Runs one command and returns its answer."""
        self.file.write(json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})}) + "\n")
        self.file.flush()
        while wait:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']}")
            if "return" in answer:
                return answer["return"]
        return None

    def close(self):
        """Lets others connect."""
        self.file.close()
        self.socket.close()


@contextmanager
def headers_first(elf):
    """Moves the program headers to offset 64 for a while.

    QEMU 7.2 and later put section headers before them (e_phoff is 192), which makedumpfile 1.7.2 cannot read.
    """
    with open(elf, "r+b") as file:
        head = bytearray(file.read(4096))
        phoff, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        new = bytearray(head)
        new[64:64 + size * count] = head[phoff:phoff + size * count]
        struct.pack_into("<QQ", new, 32, 64, 0)
        struct.pack_into("<H", new, 56, count)
        struct.pack_into("<HHH", new, 58, 0, 0, 0)
        file.seek(0)
        file.write(new)
    try:
        yield
    finally:
        with open(elf, "r+b") as file:
            file.write(head)
