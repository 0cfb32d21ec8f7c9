"""Faulty firmware: tables of ACPI, and a loader that brings runtime services of UEFI along, built by gnu-efi."""
import struct
import subprocess
import uuid

from kernel import HERE, sh

LIBRARIES = "/usr/lib"
SECTIONS = ".text .sdata .data .rodata .dynamic .dynsym .rel .rela .rel.* .rela.* .reloc".split()
FLAGS = ("-fpic -O1 -fshort-wchar -ffreestanding -fno-stack-protector -fno-strict-aliasing -mno-red-zone -maccumulate-outgoing-args "
         "-DGNU_EFI_USE_MS_ABI -I/usr/include/efi -I/usr/include/efi/x86_64").split()


# The type of a section about memory (UEFI 2.10, appendix N.2.5).
MEMORY = uuid.UUID("a5bc1114-6f64-4ede-b863-3e83ed7c83b1")
FATAL = 1


def record(address):
    """The pointer to a record of a fatal error of memory, and the record: what a firmware leaves for the kernel to find at this address."""
    # Valid: the physical address, node, card, module, bank, row, column and the type, an error of several bits.
    fields = struct.pack("<QQQQHHHHHHHHQQQB7x", 0x437a, 0, 0x0abcd000, 0xffffffffffffffc0, 1, 0, 3, 2, 0, 0x1a2b, 0x40, 0, 0, 0, 0, 3)
    section = MEMORY.bytes_le + struct.pack("<IHBBI16s20s", FATAL, 0x0201, 2, 0, len(fields), b"", b"DIMM_A2")
    status = struct.pack("<IIIII", 0x11, 0, 0, len(section) + len(fields), FATAL)
    return struct.pack("<Q248x", address + 256) + status + section + fields


def table(name, target):
    """Compiles a table of ACPI; where it is then."""
    sh([str(HERE / "install"), "firmware"])
    sh(["iasl", "-p", str(target), str(HERE / "acpi" / name)], stdout=subprocess.DEVNULL)
    return f"{target}.aml"


def loader(source, command, target):
    """Compiles the loader, which starts the kernel with this command line."""
    sh([str(HERE / "install"), "firmware"])
    parts = [target.with_suffix(suffix) for suffix in (".o", ".so")]
    text = command.replace("\\", "\\\\")
    sh(["gcc", *FLAGS, f'-DCOMMAND=L"{text}"', "-c", str(HERE / "firmware" / source), "-o", str(parts[0])])
    sh(["ld", "-nostdlib", "-znocombreloc", "-shared", "-Bsymbolic", "-T", f"{LIBRARIES}/elf_x86_64_efi.lds",
        f"{LIBRARIES}/crt0-efi-x86_64.o", str(parts[0]), "-o", str(parts[1]), "-L", LIBRARIES, "-lefi", "-lgnuefi"])
    sh(["objcopy", *(o for s in SECTIONS for o in ("-j", s)), "--target=efi-app-x86_64", str(parts[1]), str(target)])
    for part in parts:
        part.unlink()
