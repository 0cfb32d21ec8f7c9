//! ELF core files.

use super::bytes::Out;
use super::{Image, Memory, Page};

/// How an ELF core is written.
#[derive(Clone, Debug, Default)]
pub struct ElfOptions {
    /// The number of program headers stands in section 0, not in the ELF header.
    pub extended: bool,
    /// Program headers at the end of the file instead of behind the ELF header.
    pub headers_last: bool,
    /// Marked as incomplete.
    pub incomplete: bool,
    /// Virtual minus physical address of the segments; `None`: QEMU's 0.
    pub virtual_offset: Option<u64>,
}

/// Consecutive pages: those in the file, and how many follow that are not.
struct Run<'a> {
    pfn: usize,
    data: Vec<&'a [u8]>,
    filtered: usize,
}

/// Where everything lies in the file.
struct Plan {
    word: usize,
    head: usize,
    phdr: usize,
    shdr: usize,
    table: usize,
    section: usize,
    body: usize,
    programs: usize,
}

/// Writes an ELF core.
pub fn elf(memory: &Memory, options: &ElfOptions) -> Image {
    let mut out = Out::new(memory.abi);
    let (runs, notes) = (runs(memory), memory.note_bytes());
    let pages: usize = runs.iter().map(|r| r.data.len()).sum();
    let plan = plan(memory, options, runs.len() + 1, notes.len() + pages * memory.page_size);
    headers(&mut out, memory, options, &plan);
    let first = Program { kind: 4, offset: plan.body, size: notes.len(), ..Program::default() };
    program(&mut out, plan.table, &first);
    out.put(plan.body, &notes);
    let mut at = plan.body + notes.len();
    for (i, run) in runs.iter().enumerate() {
        out.mark(at);
        program(&mut out, plan.table + (i + 1) * plan.phdr, &run.program(memory, options, at));
        for page in &run.data {
            out.put(at, page);
            at += page.len();
        }
    }
    Image { bytes: out.bytes, marks: out.marks }
}

fn plan(memory: &Memory, options: &ElfOptions, programs: usize, size: usize) -> Plan {
    let word = usize::from(memory.abi.word);
    let (head, phdr, shdr) = if word == 8 { (64, 56, 64) } else { (52, 32, 40) };
    let table = if options.headers_last { head + size } else { head };
    let section = table + programs * phdr;
    let body = if options.headers_last { head } else { section + shdr };
    Plan { word, head, phdr, shdr, table, section, body, programs }
}

fn headers(out: &mut Out, memory: &Memory, options: &ElfOptions, p: &Plan) {
    let word = p.word;
    let phnum = if options.extended { 0xffff } else { p.programs as u64 };
    ident(out, word);
    let at = out.nums(16, &[(4, 2), (u64::from(memory.elf_machine), 2), (1, 4), (0, word)]);
    let at = out.nums(at, &[(p.table as u64, word), (p.section as u64, word)]);
    let at = out.nums(at, &[(u64::from(options.incomplete), 4), (p.head as u64, 2), (p.phdr as u64, 2)]);
    out.nums(at, &[(phnum, 2), (p.shdr as u64, 2), (1, 2), (0, 2)]);
    out.put(p.section + p.shdr - 1, &[0]);
    out.num(p.section + if word == 8 { 44 } else { 28 }, p.programs as u64, 4);
    out.marks.extend([16, p.head, p.table, p.section, p.section + p.shdr, p.body]);
}

fn ident(out: &mut Out, word: usize) {
    let mut numbers = Vec::new();
    numbers.extend_from_slice(b"\x7fELF");
    numbers.push(if word == 8 { 2 } else { 1 });
    out.put(0, &numbers);
    // Byte order: the number 1 written as two bytes tells which comes first.
    out.num(14, 1, 2);
    let little = out.bytes[14] == 1;
    out.put(14, &[0, 0]);
    out.put(5, &[if little { 1 } else { 2 }, 1]);
}

#[derive(Default)]
struct Program {
    kind: u64,
    offset: usize,
    vaddr: u64,
    paddr: u64,
    size: usize,
    memory: usize,
}

fn program(out: &mut Out, at: usize, p: &Program) {
    let word = if out.bytes[4] == 2 { 8 } else { 4 };
    let places = [
        (p.offset as u64, word),
        (p.vaddr, word),
        (p.paddr, word),
        (p.size as u64, word),
        (p.memory as u64, word),
    ];
    let at = out.nums(at, &[(p.kind, 4)]);
    if word == 8 {
        let at = out.nums(at, &[(7, 4)]);
        let at = out.nums(at, &places);
        out.num(at, 0, word);
    } else {
        let at = out.nums(at, &places);
        out.nums(at, &[(7, 4), (0, word)]);
    }
}

impl Run<'_> {
    fn program(&self, memory: &Memory, options: &ElfOptions, offset: usize) -> Program {
        let paddr = (self.pfn * memory.page_size) as u64;
        let size = self.data.len() * memory.page_size;
        Program {
            kind: 1,
            offset,
            vaddr: options.virtual_offset.map_or(0, |o| paddr.wrapping_add(o)),
            paddr,
            size,
            memory: size + self.filtered * memory.page_size,
        }
    }
}

fn runs(memory: &Memory) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (pfn, page) in memory.pages.iter().enumerate() {
        let last = runs.last_mut().filter(|r| r.pfn + r.data.len() + r.filtered == pfn);
        match (page, last) {
            (Page::Hole, _) => {}
            (Page::Filtered, Some(run)) => run.filtered += 1,
            (Page::Filtered, None) => runs.push(Run { pfn, data: Vec::new(), filtered: 1 }),
            (Page::Data(data), Some(run)) if run.filtered == 0 => run.data.push(data),
            (Page::Data(data), _) => runs.push(Run { pfn, data: vec![data], filtered: 0 }),
        }
    }
    runs
}
