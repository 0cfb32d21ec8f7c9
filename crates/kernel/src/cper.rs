//! What the firmware reports of errors of the hardware: ACPI's generic error status block (ACPI 6.5, 18.3.2.7.1) with sections of UEFI's common
//! platform error record (UEFI 2.10, appendix N). Both are laid out by their specifications, not by the kernel.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

/// Types of sections as they lie in memory.
const MEMORY: [u8; 16] =
    [0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e, 0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1];
const PCIE: [u8; 16] =
    [0x54, 0xe9, 0x95, 0xd9, 0xc1, 0xbb, 0x0f, 0x43, 0xad, 0x91, 0xb4, 0x4d, 0xcb, 0x3c, 0x6f, 0x35];
const PROCESSOR: [u8; 16] =
    [0xb9, 0x9c, 0x87, 0xdc, 0xde, 0xe7, 0x91, 0x4b, 0x84, 0x2b, 0x4b, 0x92, 0x83, 0x08, 0xb9, 0x9a];
/// No firmware writes longer ones, nor more sections.
const MAX_LENGTH: u64 = 1 << 16;
const MAX_SECTIONS: usize = 64;
/// Bytes before the sections, and of a section before its data: with a time stamp since revision 3.
const STATUS: u64 = 20;
const SECTION: u64 = 64;
const SECTION_STAMPED: u64 = 72;
/// How much of a stack is looked through.
const REACH: u64 = 4096;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It can be recovered from.
    Recoverable,
    /// It cannot.
    Fatal,
    /// It was corrected.
    Corrected,
    /// For information only.
    Informational,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorStatus {
    /// Where it lies.
    pub at: VirtAddr,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub sections: Vec<Section>,
}

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Where its data lie.
    pub at: VirtAddr,
    /// How bad it is.
    pub severity: Severity,
    /// What the firmware calls the part, escaped: `DIMM_A2`; empty if it does not.
    pub part: String,
    /// What happened.
    pub error: Error,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Of memory.
    Memory {
        /// The physical address.
        phys: Option<u64>,
        /// Node, card, module, bank and the like, those that are valid: `node 1, module 3`.
        place: String,
        /// In words: `a multi-bit ECC error`.
        kind: &'static str,
    },
    /// Of PCI Express.
    Pcie {
        /// The device: `0000:01:00.0`.
        device: Option<String>,
    },
    /// Of a processor.
    Processor,
    /// Something else.
    Other,
}

fn severity(number: u32) -> Option<Severity> {
    Some(match number {
        0 => Severity::Recoverable,
        1 => Severity::Fatal,
        2 => Severity::Corrected,
        3 => Severity::Informational,
        _ => return None,
    })
}

/// The report that the words of a stack lead to, by themselves or through the `struct ghes` of its source (drivers/acpi/apei/ghes.c).
pub fn on_stack(t: &Target, from: VirtAddr) -> Option<ErrorStatus> {
    let source = t.offset_of("ghes", "estatus").ok();
    let words =
        (0..REACH).step_by(usize::from(t.abi().word)).map_while(|by| t.memory().ptr(from.offset(by)).ok());
    words.filter(|at| t.arch().is_kernel(*at)).find_map(|at| {
        let through = || t.memory().ptr(at.offset(source?)).ok().filter(|at| t.arch().is_kernel(*at));
        status(t, at).or_else(|| status(t, through()?))
    })
}

/// The report at an address; `None` if what lies there is none.
pub fn status(t: &Target, at: VirtAddr) -> Option<ErrorStatus> {
    let word = |by: u64| t.memory().u32(at.offset(by)).ok();
    let (block, length) = (word(0)?, u64::from(word(12)?));
    // Nothing that is reserved; the kernel clears it when it has read it (ghes_clear_estatus), and with it how many sections there are.
    (block >> 14 == 0 && (SECTION..=MAX_LENGTH).contains(&length)).then_some(())?;
    let severity = severity(word(16)?)?;
    let (mut sections, mut next) = (Vec::new(), STATUS);
    while next < STATUS + length && sections.len() < MAX_SECTIONS {
        let (section, size) = section(t, at.offset(next))?;
        next += size;
        sections.push(section);
    }
    let count = block >> 4 & 0x3ff;
    let fits = next == STATUS + length && (block == 0 || sections.len() == count as usize);
    let known = sections.iter().any(|s| s.error != Error::Other);
    (fits && known).then_some(())?;
    Some(ErrorStatus { at, severity, sections })
}

fn section(t: &Target, at: VirtAddr) -> Option<(Section, u64)> {
    const HAS_TEXT: u8 = 2;
    let head = t.memory().bytes(at, SECTION as usize).ok()?;
    let u32_at = |by: usize| u32::from_le_bytes([head[by], head[by + 1], head[by + 2], head[by + 3]]);
    let severity = severity(u32_at(16))?;
    let before = if head[21] >= 3 { SECTION_STAMPED } else { SECTION };
    let length = u64::from(u32_at(24));
    (length <= MAX_LENGTH).then_some(())?;
    let text = head[44..64].split(|b| *b == 0).next().unwrap_or_default();
    let part = if head[22] & HAS_TEXT != 0 { text.escape_ascii().to_string() } else { String::new() };
    let data = at.offset(before);
    let error = match head[..16] {
        _ if head[..16] == MEMORY => memory(t, data)?,
        _ if head[..16] == PCIE => pcie(t, data)?,
        _ if head[..16] == PROCESSOR => Error::Processor,
        _ => Error::Other,
    };
    Some((Section { at: data, severity, part, error }, before + length))
}

/// Members of a section about memory that say where: name, offset, number of the bit that says that it is valid.
const PLACES: &[(&str, u64, u32)] = &[
    ("node", 32, 3),
    ("card", 34, 4),
    ("module", 36, 5),
    ("bank", 38, 6),
    ("device", 40, 7),
    ("row", 42, 8),
    ("column", 44, 9),
];
const KINDS: &[&str] = &[
    "an unknown error",
    "no error",
    "a single-bit ECC error",
    "a multi-bit ECC error",
    "a single-symbol chipkill ECC error",
    "a multi-symbol chipkill ECC error",
    "a master abort",
    "a target abort",
    "a parity error",
    "a watchdog timeout",
    "an invalid address",
    "a broken mirror",
    "memory sparing",
    "an error that scrubbing corrected",
    "an error that scrubbing did not correct",
    "an event of the physical memory map",
];

fn memory(t: &Target, at: VirtAddr) -> Option<Error> {
    let valid = t.memory().u64(at).ok()?;
    let is_valid = |bit: u32| valid >> bit & 1 == 1;
    let place = PLACES.iter().filter(|(_, _, bit)| is_valid(*bit));
    let place =
        place.filter_map(|(name, by, _)| Some(format!("{name} {}", t.memory().u16(at.offset(*by)).ok()?)));
    let kind = is_valid(14).then(|| t.memory().u8(at.offset(72)).ok()).flatten();
    Some(Error::Memory {
        phys: is_valid(1).then(|| t.memory().u64(at.offset(16)).ok()).flatten(),
        place: place.collect::<Vec<_>>().join(", "),
        kind: kind.and_then(|k| KINDS.get(usize::from(k)).copied()).unwrap_or(KINDS[0]),
    })
}

fn pcie(t: &Target, at: VirtAddr) -> Option<Error> {
    let valid = t.memory().u64(at).ok()?;
    // Vendor and device (two bytes each), class (three), function, device, segment (two), bus.
    let id = t.memory().bytes(at.offset(24), 16).ok()?;
    let device =
        || format!("{:04x}:{:02x}:{:02x}.{:x}", u16::from_le_bytes([id[9], id[10]]), id[11], id[8], id[7]);
    Some(Error::Pcie { device: (valid >> 3 & 1 == 1).then(device) })
}

impl Section {
    /// In words.
    pub fn text(&self) -> String {
        let part =
            if self.part.is_empty() { String::new() } else { format!(" in the part \"{}\"", self.part) };
        let what = match &self.error {
            Error::Memory { phys, place, kind } => {
                let phys = phys.map(|p| format!(" at physical address {p:#x}")).unwrap_or_default();
                let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
                format!("{kind} of memory{phys}{part}{place}")
            }
            Error::Pcie { device } => {
                let device = device.as_ref().map(|d| format!(" of the device {d}")).unwrap_or_default();
                format!("an error of PCI Express{device}{part}")
            }
            Error::Processor => format!("an error of a processor{part}"),
            Error::Other => format!("an error of a kind that is not known here{part}"),
        };
        match self.severity {
            Severity::Corrected => format!("{what}, corrected"),
            Severity::Fatal => format!("{what}, fatal"),
            Severity::Recoverable | Severity::Informational => what,
        }
    }
}
