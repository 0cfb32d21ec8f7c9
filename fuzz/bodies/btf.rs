//! Any bytes as BTF: parsing and every question about every type must neither panic nor hang.

use necropsy_base::Abi;
use necropsy_debuginfo::{Btf, Kind, TypeId, Types};

/// One input.
pub fn run(data: &[u8]) {
    let abi = if data.starts_with(&[0xeb]) { Abi::BE64 } else { Abi::LE64 };
    let Ok(btf) = Btf::parse(data.to_vec(), abi, None) else { return };
    for id in (0..btf.len().min(500) as u32).map(TypeId) {
        let _ = (btf.size_of(id), btf.name_of(id), btf.is_char(id));
        let _ = (btf.member(id, "a"), btf.member(id, "m.a[3]"));
    }
    let _ = (btf.find(Kind::Any, "a"), btf.find(Kind::Struct, "s"), btf.funcs().count());
}
