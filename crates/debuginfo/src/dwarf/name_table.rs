//! `.debug_names`: the compiler's or linker's own index of names (DWARF 5, clang; gcc writes none). It may cover only some units,
//! so that a name missing there says nothing.

use gimli::NameIndex;

use super::{DebugFile, R};

/// Indices in one section: one per compilation unit where the linker did not merge them.
const MAX_INDICES: usize = 1 << 16;
/// Entries of one name that are looked at.
const MAX_ENTRIES: usize = 256;

impl DebugFile {
    /// Entries called `name` by `.debug_names`, by their offset in `.debug_info`.
    pub(crate) fn listed_names(&self, name: &str) -> Vec<usize> {
        let mut out = Vec::new();
        if self.section(".debug_names").is_empty() {
            return out;
        }
        let dwarf = self.dwarf();
        let mut headers = dwarf.debug_names.headers();
        for _ in 0..MAX_INDICES {
            let Ok(Some(header)) = headers.next() else { break };
            if let Ok(index) = header.index() {
                let _ = self.in_index(&dwarf, &index, name, &mut out);
            }
            if out.len() >= MAX_ENTRIES {
                break;
            }
        }
        out
    }

    fn in_index(
        &self,
        dwarf: &gimli::Dwarf<R<'_>>,
        index: &NameIndex<R<'_>>,
        name: &str,
        out: &mut Vec<usize>,
    ) -> Result<(), gimli::Error> {
        if !index.has_hash_table() {
            return Ok(());
        }
        let mut found = index.find_by_hash(hash(name))?;
        while let Some(at) = found.next()? {
            if index.name_string(at, &dwarf.debug_str)?.slice() != name.as_bytes() {
                continue;
            }
            let mut entries = index.name_entries(at)?;
            while let Some(entry) = entries.next()? {
                let unit = match entry.compile_unit(index)? {
                    Some(unit) => Some(unit),
                    // Entries of type units have no place in `.debug_info` that counts from a unit of code.
                    None if entry.type_unit(index)?.is_some() => None,
                    None => index.default_compile_unit()?,
                };
                let Some(unit) = unit else { continue };
                if let Some(offset) = entry.die_offset()? {
                    out.extend(unit.0.checked_add(offset.0));
                }
                if out.len() >= MAX_ENTRIES {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The hash of the standard: names that differ only in case have the same (DWARF 5, 6.1.1.4.5).
fn hash(name: &str) -> u32 {
    name.bytes().fold(5381u32, |h, b| h.wrapping_mul(33).wrapping_add(u32::from(b.to_ascii_lowercase())))
}

#[cfg(test)]
mod tests {
    use necropsy_base::Abi;
    use necropsy_synth::names::ElfBuilder;

    use super::*;

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// One index of one unit at 0x40: `node` at 0x12 and 0x34 in it.
    fn table(hash_of_node: u32) -> Vec<u8> {
        let abbreviations = [1, 0x13, 3, 0x13, 0, 0, 0]; // structure_type: DW_IDX_die_offset as ref4
        let pool = [&[1][..], &words(&[0x12]), &[1], &words(&[0x34]), &[0]].concat();
        let mut out = vec![5, 0, 0, 0];
        out.extend(words(&[1, 0, 0, 1, 1, abbreviations.len() as u32, 0]));
        // The unit; the bucket's first name; its hash, its string, its entries.
        out.extend(words(&[0x40, 1, hash_of_node, 3, 0]));
        out.extend(abbreviations);
        out.extend(pool);
        [words(&[out.len() as u32]), out].concat()
    }

    fn file(table: Vec<u8>) -> DebugFile {
        let mut elf = ElfBuilder::new(Abi::LE64, 2, 62);
        elf.section(".debug_names", 1, 0, &table).section(".debug_str", 1, 0, b"ab\0node\0");
        let bytes = elf.build();
        DebugFile::from_bytes("made".into(), bytes.into(), None).unwrap()
    }

    #[test]
    fn names_and_their_entries() {
        assert_eq!(hash("node"), hash("NODE"));
        let good = file(table(hash("node")));
        assert_eq!(good.listed_names("node"), [0x52, 0x74]);
        assert!(good.listed_names("NODE").is_empty());
        assert!(good.listed_names("other").is_empty());
    }

    #[test]
    fn damage_costs_names() {
        let whole = table(hash("node"));
        for cut in 0..whole.len() {
            let _ = file(whole[..cut].to_vec()).listed_names("node");
            let mut flipped = whole.clone();
            flipped[cut] ^= 0xff;
            let _ = file(flipped).listed_names("node");
        }
        assert!(file(table(1)).listed_names("node").is_empty());
    }
}
