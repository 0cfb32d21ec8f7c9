//! Whether a struct can be as it is described: no compiler lays members over each other or past the end.

use super::{Type, TypeError, TypeId, Types};

/// What is impossible about the layout of a struct or union; `None` for any other type.
pub(super) fn contradiction<T: Types + ?Sized>(types: &T, id: TypeId) -> Option<String> {
    let Ok(Type::Struct { union, size, members, .. }) = types.get(id) else { return None };
    let mut free = 0;
    for member in members {
        let name = member.name.as_ref().map_or("(nameless)".into(), |n| n.to_string());
        let bits = match (member.bit_size, types.size_of(member.ty)) {
            (Some(bits), _) => u64::from(bits),
            (None, Ok(bytes)) => bytes.saturating_mul(8),
            (None, Err(TypeError::NoSize { .. })) => return Some(format!("member {name} has no size")),
            (None, Err(e)) => return Some(format!("member {name}: {e}")),
        };
        let (start, end) = (member.bit_offset, member.bit_offset.saturating_add(bits));
        let what = if start < free {
            "lies over the one before it"
        } else if end > size.saturating_mul(8) {
            "ends behind the end of the struct"
        } else if member.bit_size.is_none() && !start.is_multiple_of(8) {
            "begins inside a byte"
        } else {
            free = if union { 0 } else { end };
            continue;
        };
        return Some(format!("member {name} {what}"));
    }
    None
}
