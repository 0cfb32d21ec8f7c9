//! Writes BTF, entry by entry.

use necropsy_base::Abi;

use super::out::Out;

/// A table of types being written; every method returns the number of the type it adds.
pub struct BtfBuilder {
    types: Out,
    strings: Vec<u8>,
    first_string: u32,
    next: u32,
    header_len: u32,
    layout: Option<Vec<(u8, u8)>>,
}

impl BtfBuilder {
    /// An empty table.
    pub fn new(abi: Abi) -> Self {
        let (types, strings) = (Out::new(abi), vec![0]);
        BtfBuilder { types, strings, first_string: 0, next: 1, header_len: 24, layout: None }
    }

    /// A table that goes on where `base` ends, as those of modules do. Its strings begin without an empty one.
    pub fn split(base: &BtfBuilder) -> Self {
        let first_string = base.first_string + base.strings.len() as u32;
        let strings = Vec::new();
        BtfBuilder { strings, first_string, next: base.next, ..BtfBuilder::new(base.types.abi) }
    }

    /// A header longer than 24 bytes.
    pub fn header_len(&mut self, len: u32) -> &mut Self {
        self.header_len = len;
        self
    }

    /// With a layout section: per kind from 0 on, bytes once and bytes per element. Makes the header 32 bytes long.
    pub fn layout(&mut self, sizes: &[(u8, u8)]) -> &mut Self {
        self.layout = Some(sizes.to_vec());
        self.header_len = self.header_len.max(32);
        self
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.first_string + self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// Any entry: `tail` is what follows the first twelve bytes, as 32-bit numbers.
    pub fn entry(&mut self, name: &str, kind: u32, count: usize, flag: bool, rest: u32, tail: &[u32]) -> u32 {
        let name = self.string(name);
        let info = (kind << 24) | count as u32 | (u32::from(flag) << 31);
        self.types.u32(name).u32(info).u32(rest);
        for number in tail {
            self.types.u32(*number);
        }
        self.next += 1;
        self.next - 1
    }

    /// A whole number.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> u32 {
        self.entry(name, 1, 0, false, size, &[(u32::from(signed) << 24) | (size * 8)])
    }
    /// `_Bool`.
    pub fn boolean(&mut self) -> u32 {
        self.entry("_Bool", 1, 0, false, 1, &[(4 << 24) | 8])
    }
    /// A pointer.
    pub fn pointer(&mut self, to: u32) -> u32 {
        self.entry("", 2, 0, false, to, &[])
    }
    /// An array with indices of type `index`.
    pub fn array(&mut self, elem: u32, index: u32, len: u32) -> u32 {
        self.entry("", 3, 0, false, 0, &[elem, index, len])
    }
    /// A struct (or union) of (name, type, bit offset, bits or 0).
    pub fn structure(
        &mut self,
        union: bool,
        name: &str,
        size: u32,
        members: &[(&str, u32, u32, u32)],
    ) -> u32 {
        let flag = members.iter().any(|m| m.3 != 0);
        let tail: Vec<u32> =
            members.iter().flat_map(|m| [self.string(m.0), m.1, m.2 | (m.3 << 24)]).collect();
        self.entry(name, if union { 5 } else { 4 }, members.len(), flag, size, &tail)
    }
    /// An enum of 4 bytes.
    pub fn enumeration(&mut self, name: &str, signed: bool, values: &[(&str, i32)]) -> u32 {
        let tail: Vec<u32> = values.iter().flat_map(|v| [self.string(v.0), v.1 as u32]).collect();
        self.entry(name, 6, values.len(), signed, 4, &tail)
    }
    /// An enum of 8 bytes.
    pub fn enumeration64(&mut self, name: &str, signed: bool, values: &[(&str, i64)]) -> u32 {
        let each = |s: u32, v: i64| [s, v as u32, (v >> 32) as u32];
        let tail: Vec<u32> = values.iter().flat_map(|v| each(self.string(v.0), v.1)).collect();
        self.entry(name, 19, values.len(), signed, 8, &tail)
    }
    /// A struct or union by name alone.
    pub fn forward(&mut self, union: bool, name: &str) -> u32 {
        self.entry(name, 7, 0, union, 0, &[])
    }
    /// A typedef.
    pub fn typedef(&mut self, name: &str, to: u32) -> u32 {
        self.entry(name, 8, 0, false, to, &[])
    }
    /// `volatile` (9), `const` (10) or `restrict` (11).
    pub fn qualifier(&mut self, kind: u32, to: u32) -> u32 {
        self.entry("", kind, 0, false, to, &[])
    }
    /// A function of global linkage.
    pub fn func(&mut self, name: &str, proto: u32) -> u32 {
        self.entry(name, 12, 1, false, proto, &[])
    }
    /// A prototype; the parameter `("", 0)` at the end stands for `...`.
    pub fn proto(&mut self, ret: u32, params: &[(&str, u32)]) -> u32 {
        let tail: Vec<u32> = params.iter().flat_map(|p| [self.string(p.0), p.1]).collect();
        self.entry("", 13, params.len(), false, ret, &tail)
    }
    /// A variable of global linkage.
    pub fn var(&mut self, name: &str, ty: u32) -> u32 {
        self.entry(name, 14, 0, false, ty, &[1])
    }
    /// A section of (variable, offset, size).
    pub fn section(&mut self, name: &str, size: u32, vars: &[(u32, u32, u32)]) -> u32 {
        let tail: Vec<u32> = vars.iter().flat_map(|v| [v.0, v.1, v.2]).collect();
        self.entry(name, 15, vars.len(), false, size, &tail)
    }
    /// A floating point number.
    pub fn float(&mut self, name: &str, size: u32) -> u32 {
        self.entry(name, 16, 0, false, size, &[])
    }
    /// An annotation of an entry.
    pub fn decl_tag(&mut self, name: &str, to: u32, component: i32) -> u32 {
        self.entry(name, 17, 0, false, to, &[component as u32])
    }
    /// An annotation in a type.
    pub fn type_tag(&mut self, name: &str, to: u32) -> u32 {
        self.entry(name, 18, 0, false, to, &[])
    }

    /// The table's bytes: header, types, strings, layout.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Out::new(self.types.abi);
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        out.u16(0xeb9f).u8(1).u8(0).u32(self.header_len);
        out.u32(0).u32(types).u32(types).u32(strings);
        if let Some(layout) = &self.layout {
            out.u32((types + strings).next_multiple_of(4)).u32(4 * layout.len() as u32);
        }
        while out.len() < self.header_len as usize {
            out.u8(0);
        }
        out.raw(&self.types.bytes).raw(&self.strings);
        if let Some(layout) = &self.layout {
            out.align(4);
            layout.iter().for_each(|(once, each)| {
                out.u8(*once).u8(*each).u16(0);
            });
        }
        out.bytes
    }
}
