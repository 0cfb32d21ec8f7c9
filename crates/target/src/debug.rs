//! Files with debugging information: found when first needed, checked against the dump, and asked by address.
//!
//! A vmlinux has the addresses it was linked for; the kernel may have moved (KASLR). A module's sections are placed where its
//! symbols are in memory, whatever the kernel's own records of sections look like.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::dwarf::{Place, Placement};
use necropsy_debuginfo::locate::{Identity, Search, Wanted, What, from_hex, hex, same_text};
use necropsy_debuginfo::{DebugFile, DwarfTypes, ElfSymbol};

use crate::{Module, Target};

/// A file that describes part of the kernel.
pub struct Debug {
    /// The file.
    pub file: Arc<DebugFile>,
    /// What to add to its addresses to get those in memory.
    pub bias: u64,
    /// Its types.
    pub types: Arc<DwarfTypes>,
}

type Found = Option<Arc<Debug>>;

/// The files of one kernel.
#[derive(Default)]
pub(crate) struct DebugFiles {
    pub(crate) finder: Option<Arc<Search>>,
    kernel: OnceLock<Found>,
    modules: Mutex<HashMap<String, Found>>,
    places: Mutex<HashMap<u64, Option<Arc<Place>>>>,
}

/// Answers kept.
const MAX_PLACES: usize = 1 << 16;

impl Target {
    /// The kernel's own file.
    pub fn kernel_debug(&self) -> Option<&Arc<Debug>> {
        self.debug.kernel.get_or_init(|| self.find_kernel_debug()).as_ref()
    }

    /// The kernel's own file, if it was opened already.
    pub fn kernel_debug_loaded(&self) -> Option<&Arc<Debug>> {
        self.debug.kernel.get()?.as_ref()
    }

    /// The kernel's own file, if it was opened already or somebody named files: for what is not worth a search of the network.
    pub fn kernel_debug_at_hand(&self) -> Option<&Arc<Debug>> {
        let named = |finder: &Arc<Search>| !finder.files.is_empty() || !finder.dirs.is_empty();
        match self.debug.finder.as_ref().is_some_and(named) {
            true => self.kernel_debug(),
            false => self.kernel_debug_loaded(),
        }
    }

    /// The file that describes the code at `at`.
    pub fn debug_at(&self, at: VirtAddr) -> Found {
        self.debug.finder.as_ref()?;
        match self.modules().holding(at) {
            Some(module) => self.module_debug(module),
            None => self.kernel_debug().cloned(),
        }
    }

    /// A module's file.
    pub fn module_debug(&self, module: &Module) -> Found {
        let known = || self.debug.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&module.name) {
            return found.clone();
        }
        let found = self.find_module_debug(module);
        known().insert(module.name.clone(), found.clone());
        found
    }

    /// Takes `path` for the file of a module, whatever was found before.
    pub fn set_module_debug(&self, module: &Module, path: PathBuf) -> Result<(), String> {
        let found = self.open_module(module, path)?;
        self.debug
            .modules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(module.name.clone(), Some(found));
        self.debug.places.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// Forgets the file of a module.
    pub fn forget_module_debug(&self, module: &Module) {
        self.debug.modules.lock().unwrap_or_else(PoisonError::into_inner).insert(module.name.clone(), None);
        self.debug.places.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The file of a module, if one was opened already.
    pub fn module_debug_loaded(&self, name: &str) -> Found {
        self.debug.modules.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().flatten()
    }

    /// What the source says about an instruction. For a return address ask about the byte before it.
    pub fn place(&self, at: VirtAddr) -> Option<Arc<Place>> {
        self.debug.finder.as_ref()?;
        let known = || self.debug.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&at.0) {
            return found.clone();
        }
        let debug = self.debug_at(at)?;
        let found = debug.file.place(at.0.wrapping_sub(debug.bias)).unwrap_or_else(|e| {
            self.note(format!("{}: {e}", debug.file.path().display()));
            None
        });
        for name in debug.file.damaged_sections() {
            self.note(format!("{}: {name} is damaged and cannot be unpacked", debug.file.path().display()));
        }
        let found = found.map(Arc::new);
        let mut places = known();
        if places.len() < MAX_PLACES {
            places.insert(at.0, found.clone());
        }
        found
    }

    fn find_kernel_debug(&self) -> Found {
        let finder = self.debug.finder.as_ref()?;
        let path = self.found(finder, What::Kernel, self.kernel_build_id(), self.banner())?;
        match self.open_kernel(path) {
            Ok(debug) => Some(debug),
            Err(why) => {
                self.note(why);
                None
            }
        }
    }

    fn found(
        &self,
        finder: &Search,
        what: What,
        id: Option<Vec<u8>>,
        banner: Option<String>,
    ) -> Option<PathBuf> {
        let found = finder.find(&Wanted { what, release: self.release(), build_id: id, banner });
        found.notes.iter().for_each(|note| self.note(note.clone()));
        found.with_dwarf().map(|file| file.path.clone())
    }

    fn open_kernel(&self, path: PathBuf) -> Result<Arc<Debug>, String> {
        let named = |what: String| format!("{}: {what}", path.display());
        let file = DebugFile::open(&path, None).map_err(|e| named(e.to_string()))?;
        if !file.has_dwarf() {
            return Err(named("it has no debugging information".into()));
        }
        let linked = file.symbol("_stext").ok_or_else(|| named("it has no symbol _stext".into()))?;
        let loaded = self
            .told_symbol("_stext")
            .ok_or_else(|| named("the dump does not tell where _stext is".into()))?;
        let bias = loaded.0.wrapping_sub(linked);
        if !bias.is_multiple_of(self.page_size()) {
            return Err(named(format!(
                "_stext is at {linked:#x} there and at {loaded:#x} in the dump: not the same kernel"
            )));
        }
        if self.kernel_build_id().is_none() || file.build_id().is_none() {
            self.compare_text(&file, bias).map_err(named)?;
        }
        Ok(self.debug_of(file, bias))
    }

    /// Without build IDs: the code in the dump must be that of the file, but for what a kernel patches while it runs.
    fn compare_text(&self, file: &DebugFile, bias: u64) -> Result<(), String> {
        let read = |at: u64, buf: &mut [u8]| self.memory.read(VirtAddr(at.wrapping_add(bias)), buf).is_ok();
        let Some(found) = same_text(file.elf(), file.store(), &read) else {
            self.note(format!(
                "{}: whether it is this kernel's file could not be checked: no build ID, no code to compare",
                file.path().display()
            ));
            return Ok(());
        };
        if found.is_same() {
            return Ok(());
        }
        Err(format!(
            "it is another kernel than the dump's: of {} bytes of code that were compared, {} are the same",
            found.compared, found.same
        ))
    }

    fn debug_of(&self, file: DebugFile, bias: u64) -> Arc<Debug> {
        let file = Arc::new(self.with_alt(file));
        Arc::new(Debug { types: Arc::new(DwarfTypes::new(file.clone())), file, bias })
    }

    /// Adds what `dwz` moved out.
    fn with_alt(&self, file: DebugFile) -> DebugFile {
        let Some(link) = file.alt_link() else { return file };
        let path = self.debug.finder.as_ref().and_then(|f| f.find_alt(file.path(), &link));
        match path.and_then(|path| DebugFile::open(&path, None).ok()) {
            Some(alt) => file.with_alt(Arc::new(alt)),
            None => {
                let (path, missing) = (file.path().display(), &link.path);
                self.note(format!("{path}: {missing} is missing, which dwz moved part of it into"));
                file
            }
        }
    }

    /// A file that has a module's code: the one with its debugging information, or a stripped one on this machine.
    pub fn module_code(&self, module: &Module) -> Found {
        let finder = self.debug.finder.as_ref()?;
        if let Some(debug) = self.module_debug(module).filter(|debug| debug.file.has_code()) {
            return Some(debug);
        }
        let (what, release) = (What::Module(module.name.clone()), self.release());
        let wanted = Wanted { what, release, build_id: self.module_build_id(module), banner: self.banner() };
        let file = finder.find_code(&wanted).filter(|f| f.known_by >= Identity::Release)?;
        self.open_module(module, file.path).map_err(|why| self.note(why)).ok()
    }

    fn find_module_debug(&self, module: &Module) -> Found {
        let finder = self.debug.finder.as_ref()?;
        let what = What::Module(module.name.clone());
        let path = self.found(finder, what, self.module_build_id(module), self.banner())?;
        match self.open_module(module, path) {
            Ok(debug) => Some(debug),
            Err(why) => {
                self.note(why);
                None
            }
        }
    }

    fn open_module(&self, module: &Module, path: PathBuf) -> Result<Arc<Debug>, String> {
        let named = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let file = DebugFile::open(&path, None).map_err(|e| named(&e))?;
        if let (Some(found), Some(wanted)) = (file.build_id(), self.module_build_id(module))
            && found != wanted
        {
            let (found, wanted) = (hex(&found), hex(&wanted));
            return Err(named(&format!("it is another build of {}: {found}, not {wanted}", module.name)));
        }
        let placed = placement(&file, module.symbols(self));
        if placed.is_empty() {
            return Err(named(&format!("no symbol of it is where {} has it in memory", module.name)));
        }
        Ok(self.debug_of(file.placed_at(placed), 0))
    }

    /// `5.10.0-32-cloud-amd64`.
    pub fn release(&self) -> String {
        let told = self.meta.vmcoreinfo.as_ref().and_then(|i| i.osrelease().map(str::to_owned));
        told.or_else(|| self.banner()?.split(' ').nth(2).map(str::to_owned)).unwrap_or_default()
    }

    fn banner(&self) -> Option<String> {
        let at = self.told_symbol("linux_banner")?;
        let text = self.memory.cstr(at, 512).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The kernel's build ID: by VMCOREINFO, else out of its own notes in memory.
    pub fn kernel_build_id(&self) -> Option<Vec<u8>> {
        let told = self.meta.vmcoreinfo.as_ref().and_then(|i| from_hex(i.build_id()?));
        told.or_else(|| {
            let (start, end) = (self.told_symbol("__start_notes")?, self.told_symbol("__stop_notes")?);
            let size = end.0.checked_sub(start.0).filter(|n| *n < 1 << 16)?;
            necropsy_debuginfo::elf::build_id(&self.memory.bytes(start, size as usize).ok()?, self.abi)
        })
    }
}

/// Where each section of a relocatable file was loaded: by the symbols that the file and the loaded module have in common.
/// Names that either has twice say nothing; sections are taken where most of their symbols agree.
fn placement(file: &DebugFile, loaded: &[ElfSymbol]) -> Placement {
    let mut addresses: HashMap<&str, Option<u64>> = HashMap::new();
    for s in loaded.iter().filter(|s| s.kind != b'U') {
        addresses.entry(s.name.as_str()).and_modify(|at| *at = None).or_insert(Some(s.value));
    }
    let symbols = file.symbols();
    let mut count: HashMap<&str, u32> = HashMap::new();
    symbols.iter().for_each(|s| *count.entry(s.name.as_str()).or_default() += 1);
    let mut votes: HashMap<u16, HashMap<u64, u32>> = HashMap::new();
    for s in symbols.iter().filter(|s| count.get(s.name.as_str()) == Some(&1)) {
        if let Some(Some(at)) = addresses.get(s.name.as_str()) {
            *votes.entry(s.section).or_default().entry(at.wrapping_sub(s.value)).or_default() += 1;
        }
    }
    let mut placed = Placement::new();
    for (section, bases) in votes {
        let all: u32 = bases.values().sum();
        let best = bases.into_iter().max_by_key(|(base, n)| (*n, *base));
        if let (Some((base, n)), Some(section)) = (best, file.elf().sections.get(usize::from(section)))
            && n * 2 > all
            && section.flags & 2 != 0
        {
            placed.insert(section.name.clone(), base);
        }
    }
    placed
}
