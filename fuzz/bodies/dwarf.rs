//! Any bytes as a file with debugging information.

use std::sync::Arc;

use necropsy_debuginfo::dwarf::{FrameState, Placement};
use necropsy_debuginfo::{DebugFile, DwarfTypes, Kind, Types};

/// A frame in which everything is known.
struct Known;

impl FrameState for Known {
    fn register(&self, number: u16) -> Option<u64> {
        Some(0x8000 + u64::from(number) * 8)
    }
    fn read(&self, at: u64, buf: &mut [u8]) -> bool {
        buf.iter_mut().zip(0u64..).for_each(|(b, i)| *b = at.wrapping_add(i) as u8);
        true
    }
    fn cfa(&self) -> Option<u64> {
        Some(0x9000)
    }
    fn bias(&self) -> u64 {
        0x1000
    }
    fn entry_register(&self, number: u16) -> Option<u64> {
        self.register(number)
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let placed: Placement = [(".text".to_owned(), 0x1_0000), (".data".to_owned(), 0x2_0000)].into();
    let Ok(file) = DebugFile::from_bytes("fuzz".into(), data.to_vec().into(), Some(&placed)) else { return };
    let file = Arc::new(file);
    let _ = (
        file.build_id(),
        file.alt_link(),
        file.symbols().len(),
        file.symbol("outer"),
        file.code_at(0x1_0000, 16),
    );
    for address in (0x1_0000..0x1_0080).step_by(5).chain([0, 0x1000, u64::MAX]) {
        if let Ok(Some(place)) = file.place(address) {
            let _ = place.frames();
        }
        let _ = file.variables(address, &Known);
        let _ = file.passed(address, 5, &Known);
        let _ = file.call_frame(address);
    }
    let _ = file.addresses_of("sample.c", 11);
    let types = DwarfTypes::new(file.clone());
    for (kind, name) in
        [(Kind::Struct, "node"), (Kind::Typedef, "node_t"), (Kind::Enum, "color"), (Kind::Func, "outer")]
    {
        let Some(id) = types.find(kind, name) else { continue };
        let _ = (types.get(id), types.size_of(id), types.name_of(id), types.contradiction(id));
        let _ = (types.member(id, "grid[1][2]"), types.member(id, "at.flag"), types.is_char(id));
    }
    for global in file.globals("first") {
        let _ = types.of_global(&global).map(|ty| types.size_of(ty));
    }
}
