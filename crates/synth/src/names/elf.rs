//! Writes small ELF files, notes and symbol tables.

use necropsy_base::Abi;

use super::out::Out;

/// An ELF note, padded to 4 bytes.
pub fn elf_note(abi: Abi, name: &str, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Out::new(abi);
    out.u32(name.len() as u32 + 1).u32(data.len() as u32).u32(kind);
    out.raw(name.as_bytes()).u8(0).align(4).raw(data).align(4);
    out.bytes
}

/// A symbol table, with the null symbol first, and its strings: (name, info, section, value, size).
pub fn elf_symbols(abi: Abi, symbols: &[(&str, u8, u16, u64, u64)]) -> (Vec<u8>, Vec<u8>) {
    let (mut table, mut strings) = (Out::new(abi), vec![0]);
    for (name, info, section, value, size) in [("", 0, 0, 0, 0)].iter().chain(symbols) {
        table.u32(if name.is_empty() { 0 } else { strings.len() as u32 });
        match abi.word {
            4 => table.word(*value).word(*size).u8(*info).u8(0).u16(*section),
            _ => table.u8(*info).u8(0).u16(*section).word(*value).word(*size),
        };
        strings.extend_from_slice(name.as_bytes());
        strings.push(0);
    }
    (table.bytes, strings)
}

/// An ELF file being written.
pub struct ElfBuilder {
    abi: Abi,
    kind: u16,
    machine: u16,
    sections: Vec<(String, u32, u64, Vec<u8>)>,
    /// Flags of sections that have any, by index.
    flags: Vec<(usize, u64)>,
    segments: Vec<(u32, u64, Vec<u8>)>,
    huge: bool,
}

impl ElfBuilder {
    /// A file without sections.
    pub fn new(abi: Abi, kind: u16, machine: u16) -> Self {
        ElfBuilder {
            abi,
            kind,
            machine,
            sections: Vec::new(),
            flags: Vec::new(),
            segments: Vec::new(),
            huge: false,
        }
    }

    /// Adds a section of a type, at an address.
    pub fn section(&mut self, name: &str, kind: u32, address: u64, bytes: &[u8]) -> &mut Self {
        self.sections.push((name.into(), kind, address, bytes.to_vec()));
        self
    }

    /// Adds a section with flags (`SHF_*`), at no address.
    pub fn flagged_section(&mut self, name: &str, kind: u32, flags: u64, bytes: &[u8]) -> &mut Self {
        self.flags.push((self.sections.len(), flags));
        self.section(name, kind, 0, bytes)
    }

    /// Adds a program header of a type, at an address.
    pub fn segment(&mut self, kind: u32, address: u64, bytes: &[u8]) -> &mut Self {
        self.segments.push((kind, address, bytes.to_vec()));
        self
    }

    /// Counts sections the way files with more than 65,279 of them do.
    pub fn huge(&mut self) -> &mut Self {
        self.huge = true;
        self
    }

    /// The file: header, program headers, contents, section headers.
    pub fn build(&self) -> Vec<u8> {
        let small = self.abi.word == 4;
        let (head, phent, shent) = if small { (52, 32, 40) } else { (64, 56, 64) };
        let mut body = Out::new(self.abi);
        body.bytes = vec![0; head + phent * self.segments.len()];
        let mut place = |bytes: &[u8]| {
            body.align(8);
            let at = body.len();
            body.raw(bytes);
            at as u64
        };
        let segments: Vec<u64> = self.segments.iter().map(|s| place(&s.2)).collect();
        let mut sections: Vec<_> =
            self.sections.iter().map(|s| (&*s.0, s.1, s.2, place(&s.3), s.3.len())).collect();
        let names = self.names();
        sections.push((".shstrtab", 3, 0, place(&names), names.len()));
        body.align(8);
        let table = body.len();
        self.section_headers(&mut body, &sections, &names);
        let header = self.headers(&segments, table as u64, sections.len() + 1, (head, phent, shent));
        body.bytes[..header.len()].copy_from_slice(&header);
        body.bytes
    }

    fn names(&self) -> Vec<u8> {
        let all = self.sections.iter().map(|s| &*s.0).chain([".shstrtab"]);
        all.fold(vec![0], |mut names, name| {
            names.extend_from_slice(name.as_bytes());
            names.push(0);
            names
        })
    }

    fn section_headers(&self, out: &mut Out, sections: &[(&str, u32, u64, u64, usize)], names: &[u8]) {
        let (count, last) = (sections.len() as u64 + 1, sections.len() as u32);
        let (size, link) = if self.huge { (count, last) } else { (0, 0) };
        out.u32(0).u32(0).word(0).word(0).word(0).word(size).u32(link).u32(0).word(0).word(0);
        for (i, (name, kind, address, offset, size)) in sections.iter().enumerate() {
            let flags = self.flags.iter().find(|(at, _)| *at == i).map_or(0, |(_, flags)| *flags);
            let wanted = [&[0], name.as_bytes(), &[0]].concat();
            let at = names.windows(wanted.len()).position(|w| w == wanted).map_or(0, |i| i + 1);
            out.u32(at as u32).u32(*kind).word(flags).word(*address).word(*offset);
            out.word(*size as u64).u32(0).u32(0).word(1).word(0);
        }
    }

    fn headers(&self, segments: &[u64], table: u64, count: usize, sizes: (usize, usize, usize)) -> Vec<u8> {
        let (head, phent, shent) = sizes;
        let (small, big) = (self.abi.word == 4, self.abi.bytes(1, 2) == [0, 1]);
        let mut out = Out::new(self.abi);
        out.raw(b"\x7fELF").u8(if small { 1 } else { 2 }).u8(if big { 2 } else { 1 }).u8(1).raw(&[0; 9]);
        out.u16(self.kind).u16(self.machine).u32(1).word(0);
        out.word(if segments.is_empty() { 0 } else { head as u64 }).word(table).u32(0).u16(head as u16);
        out.u16(phent as u16).u16(segments.len() as u16).u16(shent as u16);
        if self.huge {
            out.u16(0).u16(0xffff)
        } else {
            out.u16(count as u16).u16(count as u16 - 1)
        };
        for (offset, (kind, address, bytes)) in segments.iter().zip(&self.segments) {
            let len = bytes.len() as u64;
            match small {
                true => {
                    out.u32(*kind).word(*offset).word(*address).word(0).word(len).word(len).u32(0).word(1)
                }
                false => {
                    out.u32(*kind).u32(0).word(*offset).word(*address).word(0).word(len).word(len).word(1)
                }
            };
        }
        out.bytes
    }
}
