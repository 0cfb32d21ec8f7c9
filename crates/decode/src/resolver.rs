//! From a function's name and an offset to source lines, in one file.

use std::collections::HashMap;

use necropsy_debuginfo::dwarf::{Line, Placement};
use necropsy_debuginfo::{DebugFile, ElfSymbol};

/// Where the code of a module is taken to lie: its sections are at 0 in the file.
const MODULE: u64 = 0x1_0000_0000;
/// Code that is only there while a module loads lies apart.
const INIT: u64 = 0x2_0000_0000;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
/// `kallsyms` ends a function where the next begins; compilers align to at most this.
const MAX_PADDING: u64 = 64;

/// A file whose functions can be looked up.
pub struct Resolver {
    file: DebugFile,
    /// Code symbols by name: address, size, distance to the next symbol.
    by_name: HashMap<String, Vec<Function>>,
    /// Code symbols by address.
    sorted: Vec<(u64, String)>,
}

#[derive(Clone, Copy)]
struct Function {
    at: u64,
    size: u64,
    gap: u64,
}

/// What a symbol and an offset were found to be.
pub struct Found {
    /// Each place that it may be.
    places: Vec<(u64, Vec<Line>)>,
}

impl Found {
    /// The address in the file, if there is just one.
    pub fn address(&self) -> Option<u64> {
        match &self.places[..] {
            [(at, _)] => Some(*at),
            _ => None,
        }
    }

    /// The lines; where functions of the same name and size cannot be told apart, all of them.
    pub fn text(&self) -> Option<String> {
        let mut all: Vec<String> = Vec::new();
        for (_, lines) in self.places.iter().filter(|(_, lines)| !lines.is_empty()) {
            let one = lines.iter().map(|l| format!("{}:{}", l.file, l.line)).collect::<Vec<_>>().join(" ");
            if !all.contains(&one) {
                all.push(one);
            }
        }
        (!all.is_empty() && all.len() <= 4).then(|| all.join(" or "))
    }
}

impl Resolver {
    pub fn new(file: DebugFile) -> Resolver {
        let symbols = file.symbols();
        let section = |s: &ElfSymbol| file.elf().sections.get(usize::from(s.section));
        let address = |s: &ElfSymbol| match file.elf().kind {
            1 => section(s).and_then(|s| file.placed(&s.name)).map(|base| base.wrapping_add(s.value)),
            _ => Some(s.value),
        };
        // By its section, not its type: labels of assembly have none.
        let code = |s: &&ElfSymbol| {
            let named = !s.name.starts_with(['.', '$']) && s.section != 0;
            named && section(s).is_some_and(|section| section.flags & SHF_EXECINSTR != 0)
        };
        let mut placed: Vec<(u64, &ElfSymbol)> =
            symbols.iter().filter(code).filter_map(|s| Some((address(s)?, s))).collect();
        placed.sort_by_key(|(at, _)| *at);
        let mut by_name: HashMap<String, Vec<Function>> = HashMap::new();
        let mut after = None;
        let mut last = None;
        for (at, s) in placed.iter().rev() {
            // Several symbols may stand at one address: the next is the first that stands at another.
            if last.is_some_and(|last| last != *at) {
                after = last;
            }
            last = Some(*at);
            let next = after.map_or(0, |next| next - at);
            by_name.entry(s.name.clone()).or_default().push(Function { at: *at, size: s.size, gap: next });
        }
        let sorted = placed.iter().map(|(at, s)| (*at, s.name.clone())).collect();
        Resolver { file, by_name, sorted }
    }

    /// Places the code of a relocatable file as the module loader does: sections in their order, those for loading apart.
    pub fn lay_out(file: DebugFile) -> DebugFile {
        let (mut core, mut init) = (MODULE, INIT);
        let mut placed = Placement::new();
        for s in &file.elf().sections {
            if s.flags & (SHF_ALLOC | SHF_EXECINSTR) != SHF_ALLOC | SHF_EXECINSTR {
                continue;
            }
            let at = if s.name.starts_with(".init") { &mut init } else { &mut core };
            let align = s.align.clamp(1, 4096);
            *at = at.next_multiple_of(align);
            placed.insert(s.name.clone(), *at);
            *at = at.saturating_add(s.size.min(1 << 30));
        }
        if placed.is_empty() { file } else { file.placed_at(placed) }
    }

    pub fn file(&self) -> &DebugFile {
        &self.file
    }

    /// The lines of `name+offset`; of the byte before it, unless it is the instruction itself.
    pub fn symbol(&self, name: &str, offset: u64, size: u64, exact: bool) -> Found {
        let all = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let fits = |f: &&Function| {
            f.size == size || f.gap == size || size > f.size && size - f.size < MAX_PADDING && size <= f.gap
        };
        let fitting: Vec<&Function> = all.iter().filter(fits).collect();
        // One function of that name, of another size: another build, perhaps. A wrong line is worse than none.
        let at = fitting.iter().map(|f| f.at.wrapping_add(offset));
        let place = |at: u64| (at, self.lines(if exact { at } else { at.wrapping_sub(1) }));
        Found { places: at.map(place).collect() }
    }

    /// What stands at an offset in a module's code.
    pub fn offset(&self, offset: u64) -> Option<String> {
        self.described(MODULE.checked_add(offset)?)
    }

    /// What stands at an address of a linked file.
    pub fn linked(&self, address: u64) -> Option<String> {
        self.described(address)
    }

    /// A return address with its function: `function+0x12 (file:line)`.
    fn described(&self, at: u64) -> Option<String> {
        let after = self.sorted.partition_point(|(start, _)| *start < at);
        let (start, name) = self.sorted[..after].last()?;
        let lines = Found { places: vec![(at, self.lines(at.wrapping_sub(1)))] }.text()?;
        Some(format!("{name}+{:#x} ({lines})", at - start))
    }

    fn lines(&self, at: u64) -> Vec<Line> {
        let place = self.file.place(at).ok().flatten();
        let frames = place.map(|p| p.frames()).unwrap_or_default();
        frames.into_iter().filter_map(|f| f.line).filter(|l| l.line > 0).collect()
    }
}
