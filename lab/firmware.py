"""Faulty firmware: tables of ACPI, and a loader that brings runtime services of UEFI along, built by gnu-efi."""
import subprocess

from kernel import HERE, sh

LIBRARIES = "/usr/lib"
SECTIONS = ".text .sdata .data .rodata .dynamic .dynsym .rel .rela .rel.* .rela.* .reloc".split()
FLAGS = ("-fpic -O1 -fshort-wchar -ffreestanding -fno-stack-protector -fno-strict-aliasing -mno-red-zone -maccumulate-outgoing-args "
         "-DGNU_EFI_USE_MS_ABI -I/usr/include/efi -I/usr/include/efi/x86_64").split()


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
    sh(["gcc", *FLAGS, f'-DCOMMAND=L"{text}"', "-c", str(source), "-o", str(parts[0])])
    sh(["ld", "-nostdlib", "-znocombreloc", "-shared", "-Bsymbolic", "-T", f"{LIBRARIES}/elf_x86_64_efi.lds",
        f"{LIBRARIES}/crt0-efi-x86_64.o", str(parts[0]), "-o", str(parts[1]), "-L", LIBRARIES, "-lefi", "-lgnuefi"])
    sh(["objcopy", *(o for s in SECTIONS for o in ("-j", s)), "--target=efi-app-x86_64", str(parts[1]), str(target)])
    for part in parts:
        part.unlink()
