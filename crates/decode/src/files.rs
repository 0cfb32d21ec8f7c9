//! The kernel's file and those of its modules, opened when a frame needs them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use necropsy_debuginfo::locate::{Search, Wanted, What, from_hex};
use necropsy_debuginfo::{DebugFile, DwarfError};

use crate::Facts;
use crate::resolver::Resolver;

/// Names of modules that a log may make up.
const MAX_FILES: usize = 4096;

/// The files of one kernel.
pub struct Files {
    search: Arc<Search>,
    /// By module; the kernel's is under the empty name.
    open: HashMap<String, Option<Resolver>>,
    notes: Vec<String>,
}

impl Files {
    pub fn new(search: Arc<Search>) -> Files {
        Files { search, open: HashMap::new(), notes: Vec::new() }
    }

    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The file of a module, or of the kernel itself.
    pub fn of(&mut self, facts: &Facts, module: Option<&str>, build_id: Option<&str>) -> Option<&Resolver> {
        // Two builds of a module may be in one log of several boots.
        let key = format!(
            "{}{}",
            module.unwrap_or_default(),
            build_id.map(|id| format!(" {id}")).unwrap_or_default()
        );
        if self.open.len() >= MAX_FILES && !self.open.contains_key(&key) {
            return None;
        }
        let entry = match self.open.entry(key) {
            Entry::Occupied(known) => return known.into_mut().as_ref(),
            Entry::Vacant(entry) => entry,
        };
        let what = module.map_or(What::Kernel, |m| What::Module(m.to_owned()));
        let name = module.map_or_else(|| "vmlinux".to_owned(), |m| format!("{m}.ko"));
        let wanted = Wanted {
            what,
            release: facts.release.clone().unwrap_or_default(),
            build_id: build_id.and_then(from_hex),
            banner: facts.banner.clone(),
        };
        let found = self.search.find(&wanted);
        self.notes.extend(found.notes.iter().cloned());
        let refused = found.refused.iter().map(|r| format!("{} is not used: {}", r.path.display(), r.why));
        self.notes.extend(refused);
        let opened = match found.with_dwarf() {
            Some(file) => {
                open(&file.path, module.is_some()).map_err(|e| format!("{}: {e}", file.path.display()))
            }
            None => {
                Err(format!("no {name} with debugging information was found: its frames stay as they are"))
            }
        };
        if let Err(note) = &opened {
            self.notes.push(note.clone());
        }
        entry.insert(opened.ok()).as_ref()
    }

    /// The kernel's file, if a frame has needed it.
    pub fn kernel(&self) -> Option<&Resolver> {
        self.open.get("")?.as_ref()
    }

    /// What stands at an address of the running kernel: in a module whose place is known, or in the kernel itself.
    pub fn at(&mut self, facts: &Facts, address: u64) -> Option<String> {
        let within = |(at, size): &(u64, u64)| address.checked_sub(*at).is_some_and(|o| o < *size);
        if let Some((name, (base, _))) = facts.modules.iter().find(|(_, place)| within(place)) {
            let (name, inside) = (name.clone(), address - base);
            let file = self.of(facts, Some(&name), None)?;
            return file.offset(inside).map(|place| format!("{place} [{name}]"));
        }
        let offset = facts.kernel_offset.unwrap_or(0);
        let file = self.of(facts, None, None)?;
        file.linked(address.wrapping_sub(offset))
    }
}

fn open(path: &Path, module: bool) -> Result<Resolver, DwarfError> {
    let file = DebugFile::open(path, None)?;
    Ok(Resolver::new(if module { Resolver::lay_out(file) } else { file }))
}
