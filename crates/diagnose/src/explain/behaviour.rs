//! Exceptions that are no access to memory, checks of the kernel's own, and attacks.

use super::{Explanation, text};

const LOCKDOWN: &str =
    "lockdown=integrity, module.sig_enforce=1: only signed modules, no writing to the kernel";

pub const TEXTS: &[Explanation] = &[
    text(
        "divide-error",
        "Code divided by zero, or the result did not fit.",
        "The exception is the CPU's; the instruction is a division, and the operand is zero by the registers or by memory.",
        &["find where the divisor comes from, and check it before"],
        &["CONFIG_UBSAN_DIV_ZERO"],
    ),
    text(
        "invalid-opcode",
        "The CPU met bytes that are no instruction, or one that this model lacks, and it was none of the kernel's own traps.",
        "The address is in no table of BUG() and WARN() places. Whether the function fits its unwind table is checked: damage and flipped bits \
         have classes of their own.",
        &[
            "look at the bytes and compare with the kernel's file",
            "a jump into the middle of an instruction comes from a bad function pointer",
        ],
        &["CONFIG_CFI"],
    ),
    text(
        "double-fault",
        "An exception happened while the CPU was delivering another one, mostly because the stack was no good.",
        "The handler is on its own stack; the saved stack pointer tells whether the stack was used up or the pointer was wrong, and the code \
         who set it.",
        &["look at the stack pointer: outside of the task's stack means an overflow"],
        &["CONFIG_VMAP_STACK"],
    ),
    text(
        "control-flow-violation",
        "A jump or return went where the compiler had not planned one: a corrupted function pointer or return address, or an attack.",
        "The CPU's (CET, BTI) or the compiler's (CFI) check trapped; the target, its type and the one that was wanted are read from code, \
         registers and memory.",
        &["find who wrote the pointer", "think of an attack if the target does anything useful to somebody"],
        &["CONFIG_CFI", "CONFIG_KASAN"],
    ),
    text(
        "undefined-behaviour",
        "Code did what the C language does not define: shifts out of range, overflow of signed numbers, bad enumeration values.",
        "A report of the kernel's own checks (UBSAN) names file, line and values.",
        &["correct the expression at the line named"],
        &["CONFIG_UBSAN"],
    ),
    text(
        "bug-assertion",
        "A condition that the code's author had excluded was true (BUG() or BUG_ON()).",
        "The trapping instruction is in the kernel's table of such places, which has the file and the line.",
        &[
            "read the condition at the line named: which state does it check?",
            "find who brought the object into that state",
        ],
        &["the debugging options of the subsystem that checks"],
    ),
    text(
        "warning",
        "A WARN() fired, and the kernel was told to panic on warnings (panic_on_warn). Without that it would have gone on.",
        "The trapping instruction is in the kernel's table as a warning, with file and line.",
        &["read the condition at the line named", "decide whether this machine should panic on warnings"],
        &["panic_on_warn=1 keeps the state for a dump"],
    ),
    text(
        "kernel-text-modified",
        "Code of the kernel was changed so that something else runs: an inline hook. Rootkits do it, and some products that should not.",
        "A jump or call in the kernel's code leads into a module, which no linker can have made and none of the kernel's own means to patch code \
         (ftrace, kprobes, static calls, BPF) accounts for; with the kernel's file, all of the code is compared.",
        &[
            "read what the target does",
            "if no product that you know does this: isolate the machine, keep its disks, reinstall from trusted media",
        ],
        &[LOCKDOWN, "CONFIG_SECURITY_LOADPIN"],
    ),
    text(
        "syscall-table-hook",
        "An entry of the table of system calls or traps, or a pointer in read-only data, leads out of the kernel: whatever programs ask for, that \
         code sees first.",
        "Every entry must be the start of a function of the kernel. The one that is not is named, with the module it leads to.",
        &[
            "read what the target does",
            "if no product that you know does this: isolate the machine, keep its disks, reinstall from trusted media",
        ],
        &[LOCKDOWN],
    ),
    text(
        "hidden-module",
        "A module or task is loaded or alive, but the list that shows such things does not have it.",
        "The same things are counted in several ways that do not depend on each other (lists, trees, sysfs, PID table, children, memory itself); \
         what is missing from one of them was taken out.",
        &["see what it does", "isolate the machine, keep its disks, reinstall from trusted media"],
        &[LOCKDOWN],
    ),
    text(
        "unknown",
        "None of the causes that necropsy can prove explains the crash well enough. An honest answer, and better than a wrong one.",
        "No hypothesis reached the confidence that an answer needs; those that came near are listed, with what would decide.",
        &[
            "read the stack and the last lines of the log",
            "give the kernel's file (--vmlinux) and the log (--log)",
        ],
        &["the debugging options of the subsystem on the stack"],
    ),
];
