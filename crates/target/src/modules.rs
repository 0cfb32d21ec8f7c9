//! Loaded modules as far as names and unwinding need them.
//!
//! Where a module lies: `module.mem[]` since 6.4, `core_layout` and `init_layout` since 4.5, single members before
//! (include/linux/module.h). The symbol table that the kernel keeps: `module.kallsyms` since 4.5, members of its own before.
//! Without types a module is known by its shape (`module_shape.rs`).

use std::ops::Range;
use std::sync::OnceLock;

use necropsy_base::{MemoryExt, Near, VirtAddr};
use necropsy_debuginfo::{ElfSymbol, OrcTable, elf};

use crate::list::list;
use crate::module_shape::{self, SymbolTable};
use crate::{ArrayAt, Bytes, Load, LoadError, Target};

/// No module is larger, has more symbols or a longer string table.
const MAX_MODULE: u64 = 1 << 30;
const MAX_SYMBOLS: u64 = 1 << 20;
const MAX_STRINGS: u64 = 64 << 20;
/// There are seven parts.
const MAX_PARTS: usize = 16;

/// All loaded modules.
#[derive(Default)]
pub struct Modules {
    /// In the order of the kernel's list: newest first.
    pub list: Vec<Module>,
    /// What was wrong with the list.
    pub problem: Option<String>,
}

/// A loaded module.
pub struct Module {
    /// Its name.
    pub name: String,
    /// Address of its `struct module`.
    pub at: VirtAddr,
    /// Where it lies: every region that is in use, code first.
    pub regions: Vec<Range<u64>>,
    /// Which of it is code.
    pub text: Vec<Range<u64>>,
    /// Where its symbols are, when that is not told by types.
    table: Option<SymbolTable>,
    symbols: OnceLock<Vec<ElfSymbol>>,
    orc: OnceLock<Option<OrcTable>>,
}

#[derive(Load)]
#[kernel(name = "module")]
struct RawModule {
    state: u32,
    name: Bytes<64>,
}

#[derive(Load)]
#[kernel(one_of)]
enum Place {
    Regions(Regions),
    Layouts(Layouts),
    Plain(Plain),
}

#[derive(Load)]
#[kernel(name = "module")]
struct Regions {
    mem: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "module_memory")]
struct Region {
    base: VirtAddr,
    size: u64,
}

#[derive(Load)]
#[kernel(name = "module")]
struct Layouts {
    #[kernel(path = "core_layout.base")]
    base: VirtAddr,
    #[kernel(path = "core_layout.size")]
    size: u64,
    #[kernel(path = "core_layout.text_size")]
    text_size: u64,
    #[kernel(path = "init_layout.base")]
    init: VirtAddr,
    #[kernel(path = "init_layout.size")]
    init_size: u64,
    #[kernel(path = "init_layout.text_size")]
    init_text: u64,
}

#[derive(Load)]
#[kernel(name = "module")]
struct Plain {
    #[kernel(path = "module_core")]
    base: VirtAddr,
    core_size: u64,
    core_text_size: u64,
}

#[derive(Load)]
#[kernel(name = "mod_kallsyms")]
struct RawSymbols {
    symtab: VirtAddr,
    num_symtab: u64,
    strtab: VirtAddr,
    typetab: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "module")]
struct OwnSymbols {
    symtab: VirtAddr,
    num_symtab: u64,
    strtab: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "module")]
struct RawOrc {
    #[kernel(path = "arch.num_orcs")]
    count: u64,
    #[kernel(path = "arch.orc_unwind_ip")]
    ip: VirtAddr,
    #[kernel(path = "arch.orc_unwind")]
    entries: VirtAddr,
}

impl Target {
    /// The loaded modules; read when first asked for.
    pub fn modules(&self) -> &Modules {
        self.modules.get_or_init(|| {
            self.budget().whole(|| self.find_modules()).unwrap_or_else(|e| {
                self.note(format!("no modules: {e}"));
                Modules { list: Vec::new(), problem: Some(e.to_string()) }
            })
        })
    }

    /// The module whose description is at `at`, whether or not the kernel's list has it.
    pub fn module_at(&self, at: VirtAddr) -> Result<Module, LoadError> {
        Module::load(self, at)
    }

    fn find_modules(&self) -> Result<Modules, LoadError> {
        let offset = self.offset_of("module", "list").unwrap_or(module_shape::list_offset(self));
        let head = self.symbol("modules").or_else(|| self.find_module_list(offset));
        let head = head.ok_or_else(|| LoadError::NoSymbol("modules".into()))?;
        let walk = list(self, head, offset);
        if let Some(problem) = &walk.problem {
            self.note(format!("modules: {problem}"));
        }
        if self.types().is_err() {
            self.note("without type information, modules are known by what their descriptions look like");
        }
        let mut found = Modules { list: Vec::new(), problem: walk.problem };
        for at in walk.items {
            match Module::load(self, at) {
                Ok(module) => found.list.push(module),
                Err(e) => self.note(format!("module at {at:#x}: {e}")),
            }
        }
        Ok(found)
    }
}

/// `enum module_state`: live, coming, going, unformed.
const STATES: u32 = 4;

impl Target {
    /// The list's head where data has no names: two pointers that point back, the first to a module with a name, a state and
    /// code. Modules lie within 2 GiB of the kernel, which is as far as its calls reach.
    fn find_module_list(&self, offset: u64) -> Option<VirtAddr> {
        const REACH: u64 = 2 << 30;
        let near = |at: u64| at.abs_diff(self.boot_image.start) < REACH && !self.boot_image.contains(&at);
        let word = u64::from(self.abi.word);
        self.find_pair_in_data(|at, next, prev| {
            let inside = near(next) && near(prev);
            let back = |link: u64| self.memory.ptr(VirtAddr(link)).ok() == Some(at);
            if !inside || !back(next.wrapping_add(word)) || !back(prev) {
                return None;
            }
            let first = VirtAddr(next.wrapping_sub(offset));
            if self.types().is_err() {
                return module_shape::read(self, first).map(|_| at);
            }
            let raw: RawModule = self.load(first).ok()?;
            let named = !raw.name.0.is_empty() && raw.name.0.iter().all(u8::is_ascii_graphic);
            let placed = || Module::load(self, first).is_ok_and(|m| !m.text.is_empty());
            (named && raw.state < STATES && placed()).then_some(at)
        })
    }
}

impl Module {
    fn load(t: &Target, at: VirtAddr) -> Result<Module, LoadError> {
        Module::by_types(t, at).or_else(|e| Module::by_shape(t, at).ok_or(e))
    }

    fn by_shape(t: &Target, at: VirtAddr) -> Option<Module> {
        let shape = module_shape::read(t, at)?;
        let (regions, text) = (vec![shape.region], vec![shape.text]);
        Some(Module { table: shape.symbols, ..Module::new(shape.name, at, regions, text) })
    }

    fn new(name: String, at: VirtAddr, regions: Vec<Range<u64>>, text: Vec<Range<u64>>) -> Module {
        Module { name, at, regions, text, table: None, symbols: OnceLock::new(), orc: OnceLock::new() }
    }

    fn by_types(t: &Target, at: VirtAddr) -> Result<Module, LoadError> {
        let raw: RawModule = t.load(at)?;
        let (regions, text) = match t.load::<Place>(at)? {
            Place::Regions(r) => by_regions(t, &r.mem)?,
            Place::Layouts(l) => {
                let sized = |base: VirtAddr, size: u64| range(base, size);
                let init = range(l.init, l.init_size);
                let regions = sized(l.base, l.size).into_iter().chain(init).collect();
                (regions, sized(l.base, l.text_size).into_iter().chain(range(l.init, l.init_text)).collect())
            }
            Place::Plain(p) => (
                range(p.base, p.core_size).into_iter().collect(),
                range(p.base, p.core_text_size).into_iter().collect(),
            ),
        };
        let name = String::from_utf8_lossy(&raw.name.0).into_owned();
        Ok(Module::new(name, at, regions, text))
    }

    /// The first address of its code.
    pub fn base(&self) -> VirtAddr {
        VirtAddr(self.regions.first().map_or(0, |r| r.start))
    }

    /// Where its parts lie, by address, since 6.4: `TEXT`, `DATA`, `RODATA`, `INIT_TEXT` … (`enum mod_mem_type`).
    pub fn parts(&self, t: &Target) -> Vec<(String, Range<u64>)> {
        let names = t.enumerators("mod_mem_type");
        let Ok(regions) = t.load::<Regions>(self.at) else { return Vec::new() };
        let part = |(i, at): (usize, VirtAddr)| {
            let (name, _) = names.iter().find(|(_, value)| usize::try_from(*value) == Ok(i))?;
            let region: Region = t.load(at).ok()?;
            let name = name.strip_prefix("MOD_").unwrap_or(name).to_owned();
            Some((name, range(region.base, region.size)?))
        };
        let mut parts: Vec<_> = regions.mem.iter().take(MAX_PARTS).enumerate().filter_map(part).collect();
        parts.sort_by_key(|(_, range)| range.start);
        parts
    }

    /// Bytes in all regions.
    pub fn size(&self) -> u64 {
        self.regions.iter().map(|r| r.end - r.start).sum()
    }

    /// Whether `at` lies in any region.
    pub fn contains(&self, at: VirtAddr) -> bool {
        self.regions.iter().any(|r| r.contains(&at.0))
    }

    /// Its symbols by address; read when first asked for.
    pub fn symbols(&self, t: &Target) -> &[ElfSymbol] {
        self.symbols.get_or_init(|| {
            self.read_symbols(t).unwrap_or_else(|e| {
                t.note(format!("module {}: no symbols: {e}", self.name));
                Vec::new()
            })
        })
    }

    fn read_symbols(&self, t: &Target) -> Result<Vec<ElfSymbol>, LoadError> {
        let table = match self.table {
            Some(table) => table,
            None => self.symbol_table(t)?,
        };
        let count = table.count.min(MAX_SYMBOLS);
        let entry = if t.abi().word == 8 { 24 } else { 16 };
        let symtab = t.memory().bytes(table.symtab, (count * entry) as usize)?;
        let strings = self.read_strings(t, table.strtab, &symtab)?;
        let kinds = table.typetab.and_then(|at| t.memory().bytes(at, count as usize).ok());
        let mut symbols = elf::symbols(&symtab, &strings, kinds.as_deref(), t.abi());
        symbols.retain(|s| s.section != 0 && !s.name.is_empty() && self.contains(VirtAddr(s.value)));
        symbols.sort_by_key(|s| s.value);
        Ok(symbols)
    }

    /// Behind a pointer since 4.5; before, its fields are members of `struct module` itself.
    fn symbol_table(&self, t: &Target) -> Result<SymbolTable, LoadError> {
        let raw: RawSymbols = match t.offset_of("module", "kallsyms") {
            Ok(offset) => t.load(t.memory().ptr(self.at.offset(offset))?)?,
            Err(_) => {
                let own: OwnSymbols = t.load(self.at)?;
                RawSymbols {
                    symtab: own.symtab,
                    num_symtab: own.num_symtab,
                    strtab: own.strtab,
                    typetab: None,
                }
            }
        };
        let (symtab, strtab) = (raw.symtab, raw.strtab);
        Ok(SymbolTable { symtab, count: raw.num_symtab, strtab, typetab: raw.typetab })
    }

    /// The string table has no length of its own: it ends with the name that begins last.
    fn read_strings(&self, t: &Target, strtab: VirtAddr, symtab: &[u8]) -> Result<Vec<u8>, LoadError> {
        let entry = if t.abi().word == 8 { 24 } else { 16 };
        let names = symtab.chunks_exact(entry).filter_map(|s| t.abi().uint_at(s, 0, 4));
        let last = names.max().unwrap_or(0).min(MAX_STRINGS);
        let mut strings = t.memory().bytes(strtab, last as usize)?;
        strings.extend(t.memory().cstr(strtab.offset(last), 512)?);
        strings.push(0);
        Ok(strings)
    }

    /// Its unwind table.
    pub fn orc(&self, t: &Target) -> Option<&OrcTable> {
        let read = || {
            let raw: RawOrc = t.load(self.at).ok()?;
            let layout = t.orc()?.layout();
            let count = usize::try_from(raw.count).ok().filter(|n| (1..1 << 24).contains(n))?;
            Some(OrcTable::with_layout(raw.ip, raw.entries, count, layout))
        };
        self.orc.get_or_init(read).as_ref()
    }
}

fn range(base: VirtAddr, size: u64) -> Option<Range<u64>> {
    (size > 0 && size < MAX_MODULE && !base.is_null()).then(|| base.0..base.0.saturating_add(size))
}

/// All regions of a module, and those of them that are code.
type Parts = (Vec<Range<u64>>, Vec<Range<u64>>);

/// Regions in `enum mod_mem_type`: code is `MOD_TEXT` and `MOD_INIT_TEXT`.
fn by_regions(t: &Target, mem: &ArrayAt) -> Result<Parts, LoadError> {
    let index = |name, default| t.enumerator("mod_mem_type", name).unwrap_or(default);
    let code = [index("MOD_TEXT", 0), index("MOD_INIT_TEXT", 4)];
    let (mut regions, mut text) = (Vec::new(), Vec::new());
    for (i, at) in mem.iter().take(MAX_PARTS).enumerate() {
        let region: Region = t.load(at)?;
        let Some(range) = range(region.base, region.size) else {
            continue;
        };
        if code.contains(&(i as u64)) {
            text.push(range.clone());
        }
        regions.push(range);
    }
    Ok((regions, text))
}

impl Modules {
    /// The module with this name.
    pub fn named(&self, name: &str) -> Option<&Module> {
        self.list.iter().find(|m| m.name == name)
    }

    /// The module that holds `at`.
    pub fn holding(&self, at: VirtAddr) -> Option<&Module> {
        self.list.iter().find(|m| m.contains(at))
    }

    /// The module whose code holds `at`.
    pub fn text_of(&self, at: VirtAddr) -> Option<&Module> {
        self.list.iter().find(|m| m.text.iter().any(|r| r.contains(&at.0)))
    }

    /// The symbol `name` and its module.
    pub fn symbol(&self, t: &Target, name: &str) -> Option<(&Module, VirtAddr)> {
        self.list.iter().find_map(|m| {
            let found = m.symbols(t).iter().find(|s| s.name.as_str() == name)?;
            Some((m, VirtAddr(found.value)))
        })
    }

    /// The symbol that covers `at`: of those that begin last before it, the first; as the kernel itself chooses.
    pub fn near(&self, t: &Target, at: VirtAddr) -> Option<Near> {
        let module = self.holding(at)?;
        let region = module.regions.iter().find(|r| r.contains(&at.0))?;
        let symbols = module.symbols(t);
        let after = symbols.partition_point(|s| s.value <= at.0);
        let start = symbols[..after].last().map(|s| s.value).filter(|v| region.contains(v))?;
        let first = symbols[..after].partition_point(|s| s.value < start);
        let next = symbols.get(after).map_or(region.end, |s| s.value.min(region.end));
        Some(Near {
            name: symbols[first].name.to_string(),
            start: VirtAddr(start),
            size: Some(next - start),
            module: Some(module.name.clone()),
        })
    }
}
