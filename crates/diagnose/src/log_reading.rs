//! What a report means beyond what it is called: the allocator falling over its own list, the checks that
//! catch a second free.

use necropsy_klog::{Report, function_name};

use crate::no_code::no_code;
use crate::{allocators, firmware_code};

/// A better name for what was reported.
pub struct Reading {
    /// The class.
    pub class: &'static str,
    /// Why.
    pub claim: String,
    /// Whether the function that noticed has nothing to do with it.
    pub victim_only: bool,
}

/// Reads a report of a bad access or a failed check.
pub fn reading(report: &Report) -> Option<Reading> {
    let access = matches!(report.class, "wild-pointer-dereference" | "null-pointer-dereference");
    if (EXCEPTIONS.contains(&report.class) || report.class == "warning")
        && let Some(reading) = for_firmware(report).or_else(|| written_over(report))
    {
        return Some(reading);
    }
    if access { in_allocator(report) } else { freed_twice(report) }
}

/// Reports of exceptions.
const EXCEPTIONS: &[&str] = &[
    "null-pointer-dereference",
    "null-function-call",
    "wild-pointer-dereference",
    "user-access-violation",
    "write-to-readonly",
    "nx-violation",
    "divide-error",
    "invalid-opcode",
];

/// What the log says of the disk before a file system panicked for an error: that comes first. `before` are the signs before the report.
pub fn behind<'r>(report: &Report, before: impl Iterator<Item = &'r Report> + Clone) -> Option<Reading> {
    let disk = report.message.split_once("(device ")?.1.split_once(')')?.0;
    (report.class == "filesystem-error").then_some(())?;
    let of = |class: &'static str| {
        let mut signs = before.clone().filter(move |r| r.class == class);
        signs
            .find(|r| class == "device-failure" || r.message.contains(disk))
            .map(|r| (class, r.message.clone()))
    };
    let (class, sign) = of("device-failure").or_else(|| of("io-error"))?;
    let claim = format!("the disk {disk} failed before the file system on it did ({sign})");
    Some(Reading { class, claim, victim_only: true })
}

/// The interpreter of ACPI's methods touches what the firmware's code tells it to. And where UEFI was called no function of the kernel's is
/// inside of those that call it.
fn for_firmware(report: &Report) -> Option<Reading> {
    let says = |claim| Some(Reading { class: "firmware-error", claim, victim_only: true });
    let name = function_name(&report.frames.iter().find(|f| !f.stale)?.function);
    if firmware_code::touches_for_method(&name) {
        return says(format!("{name} failed on what a method of ACPI, the firmware's code, had it touch"));
    }
    if firmware_code::goes_on_without(&name) {
        return says(format!("{name} is called when code of UEFI faults"));
    }
    let inside = firmware_code::calls_services(&name) || name.starts_with("virt_efi_");
    inside.then(|| format!("the exception was in code of UEFI, which {name} had called")).and_then(says)
}

/// The bytes that the CPU stopped at are no code.
fn written_over(report: &Report) -> Option<Reading> {
    let bytes =
        |hex: &str| hex.split_whitespace().filter_map(|b| u8::from_str_radix(b, 16).ok()).collect::<Vec<_>>();
    let before: Vec<u8> = report.code.iter().take_while(|l| !l.trap).flat_map(|l| bytes(&l.bytes)).collect();
    let all: Vec<u8> = report.code.iter().flat_map(|l| bytes(&l.bytes)).collect();
    let run = no_code(&all, before.len()).filter(|_| report.code.iter().any(|l| l.trap))?;
    let claim = format!("where the CPU stopped are {}, where code should be: it was written over", run.what);
    Some(Reading { class: "text-corruption", claim, victim_only: true })
}

/// The slab allocator reads its own free list only: whoever wrote over that is somebody else.
fn in_allocator(report: &Report) -> Option<Reading> {
    let first = report.frames.iter().find(|f| !f.stale)?;
    let name = function_name(&first.function);
    let taking = allocators::allocates(&name) || allocators::is_slab(&name) && !allocators::frees(&name);
    taking.then(|| Reading {
        class: "slab-corruption",
        claim: format!(
            "{name} failed on the allocator's own list of free objects: somebody wrote over a free object"
        ),
        victim_only: true,
    })
}

/// `BUG_ON(object == fp)` of set_freepointer(), an inline function near the beginning of mm/slub.c: the object freed is the last one
/// freed already (CONFIG_SLAB_FREELIST_HARDENED, since 4.14). And the count of free_debug_processing().
fn freed_twice(report: &Report) -> Option<Reading> {
    const BEGINNING: u32 = 1000;
    let says = |claim: String| Some(Reading { class: "double-free", claim, victim_only: false });
    if report.message.contains("allocated objects but") && report.message.contains("are to be freed") {
        return says("more objects were given back than the slab had given out".into());
    }
    let line =
        report.message.strip_prefix("kernel BUG at mm/slub.c:")?.trim_end_matches('!').parse::<u32>().ok()?;
    let first = report.frames.iter().find(|f| !f.stale)?;
    let name = function_name(&first.function);
    let check = line < BEGINNING && allocators::frees(&name);
    check
        .then(|| format!("{name} found that the object it was given is the first of the free ones already"))
        .and_then(says)
}

#[cfg(test)]
mod tests {
    use necropsy_klog::read_reports;

    use super::*;

    fn read(log: &str) -> Option<&'static str> {
        let mut all = Vec::new();
        read_reports(log.as_bytes(), |report| all.push(report)).unwrap();
        reading(&all[0]).map(|r| r.class)
    }

    /// A general protection fault in a function.
    fn fault(address: &str, function: &str) -> String {
        format!(
            "[   19.000001] general protection fault, probably for non-canonical address {address}: 0000 [#1] PREEMPT SMP NOPTI\n\
             [   19.000002] CPU: 1 PID: 1460 Comm: io_flush Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2\n\
             [   19.000003] RIP: 0010:{function}+0x10/0x40\n\
             [   19.000004] Call Trace:\n[   19.000005]  <TASK>\n[   19.000006]  io_write+0x6b/0xf0 [iotrack]\n\
             [   19.000007]  </TASK>\n[   19.000008] ---[ end trace 0000000000000000 ]---\n"
        )
    }

    #[test]
    fn falling_over_the_free_list() {
        assert_eq!(read(&fault("0x23f3cc614dfbfebd", "kmem_cache_alloc")), Some("slab-corruption"));
        assert_eq!(read(&fault("0x23f3cc614dfbfebd", "req_submit")), None);
        assert_eq!(read(&fault("0x4847464544434241", "kfree_skb_reason")), None);
    }

    #[test]
    fn what_the_firmware_touches() {
        let by = "acpi_ex_system_memory_space_handler";
        assert_eq!(read(&fault("0x23f3cc614dfbfebd", by)), Some("firmware-error"));
        assert_eq!(read(&fault("0x23f3cc614dfbfebd", "acpi_ns_evaluate")), None);
        let divided = |caller: &str| {
            format!(
                "[   19.000001] divide error: 0000 [#1] PREEMPT SMP NOPTI\n\
                 [   19.000002] CPU: 1 PID: 60 Comm: kworker/u4:1 Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2\n\
                 [   19.000003] RIP: 0010:0xfffffffeffa59038\n[   19.000004] Call Trace:\n[   19.000005]  <TASK>\n\
                 [   19.000006]  ? __efi_call+0x28/0x30\n[   19.000006]  {caller}+0x275/0x4f0\n[   19.000007]  process_one_work+0x1c7/0x380\n\
                 [   19.000007]  </TASK>\n[   19.000008] ---[ end trace 0000000000000000 ]---\n"
            )
        };
        assert_eq!(read(&divided("efi_call_rts")), Some("firmware-error"));
        assert_eq!(read(&divided("virt_efi_set_variable_nonblocking")), Some("firmware-error"));
        assert_eq!(read(&divided("efi_enter_virtual_mode")), None);
    }

    #[test]
    fn code_that_is_none() {
        let with = |code: &str| {
            let code = format!("RIP: 0010:uptime_proc_show+0x12/0x40\n[   19.000003] Code: {code}");
            fault("0x23f3cc614dfbfebd", "x").replace("RIP: 0010:x+0x10/0x40", &code)
        };
        let before = "55 31 d2 48 89 e5 41 57 41 56";
        let zeros = format!("{before} 41 00 00 00 <00> 00 {} 89 44 24 60", "00 ".repeat(9).trim());
        assert_eq!(read(&with(&zeros)), Some("text-corruption"));
        assert_eq!(read(&with(&format!("{before} <48> c7 05 00 00 00 00 00 00 00 00 c3"))), None);
    }

    #[test]
    fn a_disk_that_failed_comes_before_its_file_system() {
        let log = |first: &str| {
            let log = format!(
                "[   29.765299] {first}\n[   29.794329] EXT4-fs error (device sda): ext4_journal_check_start:83: comm date: Detected aborted journal\n\
                 [   29.798006] Kernel panic - not syncing: EXT4-fs (device sda): panic forced after error\n"
            );
            let mut all = Vec::new();
            read_reports(log.as_bytes(), |report| all.push(report)).unwrap();
            let panic = all.iter().rfind(|r| r.class == "filesystem-error").unwrap().clone();
            behind(&panic, all.iter().filter(|r| r.first_line < panic.first_line)).map(|r| r.class)
        };
        assert_eq!(log("sd 0:0:0:0: rejecting I/O to offline device"), Some("device-failure"));
        assert_eq!(
            log("Buffer I/O error on dev sda, logical block 8705, lost async page write"),
            Some("io-error")
        );
        assert_eq!(log("Buffer I/O error on dev sdb, logical block 8705, lost async page write"), None);
        assert_eq!(log("EXT4-fs (sda): mounted filesystem with ordered data mode"), None);
    }

    #[test]
    fn second_frees() {
        let bug = |line: u32, function: &str| {
            format!(
                "[   19.000001] kernel BUG at mm/slub.c:{line}!\n\
                 [   19.000002] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n\
                 [   19.000003] CPU: 1 PID: 1460 Comm: drop Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2\n\
                 [   19.000004] RIP: 0010:{function}+0x10/0x40\n[   19.000005] Call Trace:\n\
                 [   19.000006]  buffer_drop+0x6b/0xf0 [bufmgr]\n[   19.000007] ---[ end trace 0000000000000000 ]---\n"
            )
        };
        assert_eq!(read(&bug(419, "kmem_cache_free")), Some("double-free"));
        assert_eq!(read(&bug(4062, "kfree")), None, "that is about an address that is no slab's");
        assert_eq!(read(&bug(419, "buffer_drop")), None);
    }
}
