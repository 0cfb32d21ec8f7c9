//! The tables of `BUG()` and `WARN()`: for each trapping instruction its source file and line.
//!
//! `struct bug_entry` (include/asm-generic/bug.h): with `GENERIC_BUG_RELATIVE_POINTERS` (x86 since 2.6.2x, arm64) addresses are relative to
//! the member they are in; file and line are there with `DEBUG_BUGVERBOSE`.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

/// Entries of one table; kernels have some ten thousand.
const MAX_ENTRIES: u64 = 1 << 18;
/// `BUGFLAG_WARNING`.
const WARNING: u64 = 1;

/// What the kernel knows about a trapping instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BugSite {
    /// The source file, if the kernel keeps that.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
    /// Whether it only warns.
    pub warning: bool,
    /// Address of its entry.
    pub entry: VirtAddr,
}

/// How an entry looks in this kernel.
struct Layout {
    size: u64,
    address: (u64, bool),
    file: Option<(u64, bool)>,
    line: Option<u64>,
    flags: u64,
}

impl Layout {
    fn of(t: &Target) -> Option<Layout> {
        let offset = |member: &str| t.offset_of("bug_entry", member).ok();
        let either = |relative: &str, plain: &str| {
            offset(relative).map(|o| (o, true)).or_else(|| offset(plain).map(|o| (o, false)))
        };
        Some(Layout {
            size: t.size_of("bug_entry").ok().filter(|n| (8..=64).contains(n))?,
            address: either("bug_addr_disp", "bug_addr")?,
            file: either("file_disp", "file"),
            line: offset("line"),
            flags: offset("flags")?,
        })
    }
}

/// What the table says about an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It is a place of `BUG()` or `WARN()`.
    Site(BugSite),
    /// It is in the table of no such place.
    No,
    /// The table cannot be found or read.
    Unknown,
}

/// Looks an instruction up.
pub fn listed(t: &Target, at: VirtAddr) -> Listed {
    match site(t, at) {
        Some(Some(site)) => Listed::Site(site),
        Some(None) => Listed::No,
        None => Listed::Unknown,
    }
}

/// The entry of the instruction at `at`, if it has one; the outer `None`: there is no table to look into.
fn site(t: &Target, at: VirtAddr) -> Option<Option<BugSite>> {
    let layout = Layout::of(t)?;
    let (table, count) = match t.modules().holding(at) {
        Some(m) => {
            let member = |name: &str| Some(m.at.offset(t.offset_of("module", name).ok()?));
            (t.memory().ptr(member("bug_table")?).ok()?, u64::from(t.memory().u32(member("num_bugs")?).ok()?))
        }
        None => {
            let (start, end) = (t.symbol("__start___bug_table")?, t.symbol("__stop___bug_table")?);
            (start, end.0.checked_sub(start.0)? / layout.size)
        }
    };
    let count = count.min(MAX_ENTRIES);
    let bytes = t.memory().bytes(table, (count * layout.size) as usize).ok()?;
    let abi = t.abi();
    let address = |entry: u64, raw: &[u8], (offset, relative): (u64, bool)| {
        let member = raw.get(offset as usize..)?;
        Some(match relative {
            true => (entry + offset).wrapping_add(i64::from(abi.uint(member.get(..4)?) as u32 as i32) as u64),
            false => abi.uint(member.get(..usize::from(abi.word))?),
        })
    };
    let short = |raw: &[u8], offset: u64| Some(abi.uint(raw.get(offset as usize..)?.get(..2)?));
    for (i, raw) in bytes.chunks_exact(layout.size as usize).enumerate() {
        let entry = table.0 + i as u64 * layout.size;
        if address(entry, raw, layout.address) != Some(at.0) {
            continue;
        }
        let file = layout.file.and_then(|f| address(entry, raw, f)).filter(|f| *f != 0);
        let file = file.and_then(|f| t.memory().cstr(VirtAddr(f), 256).ok()).filter(|f| !f.is_empty());
        return Some(Some(BugSite {
            file: file.map(|f| String::from_utf8_lossy(&f).into_owned()),
            line: layout.line.and_then(|l| short(raw, l)).map(|l| l as u32),
            warning: short(raw, layout.flags)? & WARNING != 0,
            entry: VirtAddr(entry),
        }));
    }
    Some(None)
}
