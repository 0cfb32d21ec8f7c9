//! Page tables that do not say what they should.

use necropsy_arch::{Exception, Level, WalkError};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::vmalloc::{self, Expected};
use necropsy_target::Target;

use super::null_pointer::died_of_it;
use crate::access::touched;
use crate::code;
use crate::crash::{Crash, Trap};
use crate::suspect::{named, place_of};
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const PAGE_TABLE: Detective = Detective {
    id: "page-table",
    title: "damaged page tables",
    doc: "The page tables are walked to the address that faulted. An area that the kernel mapped page by page has a list of its pages: the \
          entry must lead to the page of that list. Entries with bits set that the CPU reserves are damaged, and the fault's error code says \
          that it found one.",
    examine,
};

const CLASS: Class = Class::PageTableCorruption;
/// Bit of a page fault's error code: an entry has reserved bits set (arch/x86/include/asm/trap_pf.h).
const RESERVED: u64 = 8;
/// Where an entry has the address of a page on x86-64.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Bits that differ between good entries of one area: accessed and dirty, which the CPU sets; writable and no-execute, for a
/// module's code, constants and data lie in one area; global and the bits that are left to software, as `set_memory_*` changes them.
const VARIES: u64 = 1 << 63 | 0xf62;

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let t = &case.target;
    let fault = crash.trap(t).filter(|trap| trap.fatal && trap.kind == Exception::PageFault);
    let Some((address, trap)) = fault.and_then(|trap| Some((faulted(t, crash, &trap)?, trap))) else {
        return;
    };
    let Some(entry) = last_entry(t, VirtAddr(address)) else { return };
    let recorded =
        crash.task.error_code.value().filter(|_| crash.task.fault_address.value() == Some(address));
    let reserved = recorded.is_some_and(|e| e & RESERVED != 0);
    let damage = match vmalloc::expected(t, VirtAddr(address)) {
        Some(expected) if entry.name == "PTE" => against_list(t, address, &entry, expected),
        _ => reserved_bits(t, &entry),
    };
    if let Some(damage) = damage {
        report(t, crash, &trap, address, &entry, &damage, reserved, found);
    }
}

/// What is wrong with an entry.
struct Damage {
    /// What it should be, as far as that is known.
    right: u64,
    /// Bits that differ.
    wrong: u64,
    /// How that is known.
    area: Option<Expected>,
}

/// The address that the instruction touched: the kernel keeps it in the task only where a signal might follow.
fn faulted(t: &Target, crash: &Crash, trap: &Trap<'_>) -> Option<u64> {
    let pc = trap.regs.get(t.arch().pc()).map(VirtAddr)?;
    let code = t.memory().bytes(pc, 16).or_else(|_| t.memory().bytes(pc, 1)).ok()?;
    let insn = t.arch().disassemble(&code, pc)?;
    let operands = code::operands(&insn, trap.regs);
    Some(touched(t, crash, trap, &operands)?.1)
}

/// The lowest entry that the walk came to.
fn last_entry(t: &Target, at: VirtAddr) -> Option<Level> {
    match t.kernel().filter(|_| t.arch().is_kernel(at))?.walk(at) {
        Ok(map) => map.levels.iter().rev().find(|l| !l.name.is_empty()).copied(),
        Err(WalkError::NotMapped { level, .. }) => Some(level),
        Err(_) => None,
    }
}

/// The entry against the page that the area's list has, and the flags of the entries of its other pages.
fn against_list(t: &Target, address: u64, entry: &Level, expected: Expected) -> Option<Damage> {
    let page = t.page_size();
    let others =
        (expected.area.start..expected.area.end.saturating_sub(page)).step_by(page as usize).take(64);
    let flags = others.filter(|at| at / page != address / page).find_map(|at| {
        let other = last_entry(t, VirtAddr(at)).filter(|l| l.name == "PTE" && l.entry & 1 == 1)?;
        let list = vmalloc::expected(t, VirtAddr(at))?;
        // A neighbour that is right itself.
        ((other.entry & ADDRESS) / page == list.page).then_some(other.entry & !ADDRESS)
    })?;
    let right = expected.page.checked_mul(page)? & ADDRESS | flags;
    let wrong = damaged(entry.entry, right);
    (wrong != 0).then_some(Damage { right: entry.entry ^ wrong, wrong, area: Some(expected) })
}

/// Bits of an entry that differ from what a good neighbour says, and may not.
fn damaged(entry: u64, right: u64) -> u64 {
    (entry ^ right) & !VARIES
}

/// Bits of an address that the CPU has no lines for.
fn reserved_bits(t: &Target, entry: &Level) -> Option<Damage> {
    let at = t.symbol("boot_cpu_data")?.offset(t.offset_of("cpuinfo_x86", "x86_phys_bits").ok()?);
    let bits = t.memory().u8(at).ok().filter(|n| (32..52).contains(n))?;
    let wrong = entry.entry & ADDRESS & !((1 << bits) - 1);
    (wrong != 0).then_some(Damage { right: entry.entry & !wrong, wrong, area: None })
}

#[allow(clippy::too_many_arguments)]
fn report(
    t: &Target,
    crash: &Crash,
    trap: &Trap<'_>,
    address: u64,
    entry: &Level,
    damage: &Damage,
    reserved: bool,
    found: &mut Findings,
) {
    let victim = place_of(t, &crash.stack.frames[trap.index], 0.9);
    let who = named(&victim);
    let one = damage.wrong.count_ones() == 1;
    let what = match one {
        true => format!(
            "bit {} of the page table entry of {address:#x} is flipped",
            damage.wrong.trailing_zeros()
        ),
        false => format!("the page table entry of {address:#x} was written over"),
    };
    let area = damage
        .area
        .as_ref()
        .map(|e| format!(" The address is in an area that {} asked for.", t.describe(e.caller)));
    let statement = format!(
        "{who} used {address:#x}, a good address, and faulted: its {} is {:#x} and should be {:#x}.{} {}",
        entry.name,
        entry.entry,
        damage.right,
        area.unwrap_or_default(),
        if one {
            "One bit of it changed: bad memory, or a stray bit operation."
        } else {
            "Something wrote over page tables: a stray write, a device, or bad memory."
        }
    );
    let mut h = Hypothesis::new(CLASS, what, statement);
    h.victim = Some(victim);
    h.advice = vec![
        "test the memory (memtest86+), look for corrected errors before (edac, rasdaemon, the firmware's log)".into(),
        format!("look at the entries around, whether a run of them is damaged: rd -p {:x} 8", entry.entry_at.0 & !0x3f),
    ];
    h.separate = Some(
        "damage of more than a bit, or in a row, points to a writer; single bits all over, to the machine"
            .into(),
    );
    found.hypotheses.push(h);
    evidence(address, entry, damage, one, found);
    if reserved {
        let claim = "the fault's error code says that the CPU found reserved bits set in a page table entry";
        let source = format!("memory:((struct task_struct *){:#x})->thread.error_code", crash.task.at.0);
        found.add(CLASS, 2.0, source, format!("task -R thread.error_code {}", crash.task.pid), claim);
    }
    died_of_it(crash, trap, found, CLASS);
}

fn evidence(address: u64, entry: &Level, damage: &Damage, one: bool, found: &mut Findings) {
    let known = match &damage.area {
        Some(e) => format!("the area's list has page {:#x} there", e.page),
        None => "the CPU has no address lines for these bits".to_owned(),
    };
    let weight = match (one, damage.area.is_some()) {
        (true, true) => 8.0,
        (true, false) => 5.0,
        (false, _) => 4.5,
    };
    let claim = format!(
        "the {} of {address:#x} (at physical {:#x}) is {:#x}, right would be {:#x}: {} bit(s) differ; {known}",
        entry.name,
        entry.entry_at.0,
        entry.entry,
        damage.right,
        damage.wrong.count_ones()
    );
    let bears = [
        (CLASS, weight),
        (Class::WildPointerDereference, -5.0),
        (Class::WriteToReadonly, -4.0),
        (Class::BitFlip, -3.0),
    ];
    found.add_to_all(
        &bears,
        format!("memory:page tables of {address:#x}"),
        format!("vtop {address:x}"),
        claim,
    );
}

#[cfg(test)]
mod tests {
    use super::damaged;

    #[test]
    fn protection_differs_within_an_area() {
        let (code, constants, data) = (0x11e8_0161, 0x8000_0000_11e8_0161, 0x8000_0000_11e8_0163);
        assert_eq!(damaged(constants, code), 0);
        assert_eq!(damaged(data, constants), 0);
        assert_eq!(damaged(data & !1, data), 1, "not present");
        assert_eq!(damaged(data ^ 1 << 49, data), 1 << 49);
    }
}
