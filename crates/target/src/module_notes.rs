//! The ELF notes of a loaded module, which the kernel keeps for `/sys/module/NAME/notes`: its build ID is among them, also
//! where `struct module` has none (before 5.14, and without `CONFIG_STACKTRACE_BUILD_ID`).

use crate::{At, Load, Module, Target};
use necropsy_base::{MemoryExt, VirtAddr};

/// No module has more note sections.
const MAX_NOTES: u64 = 16;
const MAX_SIZE: u64 = 1 << 16;

#[derive(Load)]
#[kernel(name = "bin_attribute")]
struct Attribute {
    size: u64,
    private: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "module_notes_attrs")]
struct Notes {
    /// Up to 6.14 or so; then a group with an array of pointers that ends with NULL.
    notes: Option<u32>,
    #[kernel(path = "grp.bin_attrs")]
    group: Option<VirtAddr>,
    attrs: At,
}

#[derive(Load)]
#[kernel(name = "module")]
struct Ids {
    build_id: Option<At>,
    notes_attrs: Option<VirtAddr>,
}

impl Target {
    /// The build ID of a module: `module.build_id` (5.14 and later), else among the notes.
    pub fn module_build_id(&self, module: &Module) -> Option<Vec<u8>> {
        let ids: Ids = self.load(module.at).ok()?;
        let told = ids.build_id.and_then(|at| self.memory.bytes(at.0, 20).ok());
        let told = told.filter(|id| id.iter().any(|b| *b != 0));
        told.or_else(|| build_id(self, ids.notes_attrs.filter(|at| !at.is_null())?))
    }
}

/// The build ID in the notes at `at` (`module.notes_attrs`).
fn build_id(t: &Target, at: VirtAddr) -> Option<Vec<u8>> {
    let notes: Notes = t.load(at).ok()?;
    attributes(t, &notes).into_iter().find_map(|at| {
        let note: Attribute = t.load(at).ok()?;
        let size = Some(note.size).filter(|size| (1..=MAX_SIZE).contains(size))?;
        let block = t.memory().bytes(note.private, size as usize).ok()?;
        necropsy_debuginfo::elf::build_id(&block, t.abi())
    })
}

fn attributes(t: &Target, notes: &Notes) -> Vec<VirtAddr> {
    if let Some(count) = notes.notes {
        let Ok(each) = t.size_of("bin_attribute") else { return Vec::new() };
        return (0..u64::from(count).min(MAX_NOTES)).map(|i| notes.attrs.0.offset(i * each)).collect();
    }
    let Some(group) = notes.group else { return Vec::new() };
    let word = u64::from(t.abi().word);
    let entry = |i: u64| t.memory().ptr(group.offset(i * word)).ok().filter(|p| !p.is_null());
    (0..MAX_NOTES).map_while(entry).collect()
}
