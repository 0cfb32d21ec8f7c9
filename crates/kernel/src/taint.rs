//! Taint flags.

use necropsy_base::MemoryExt;
use necropsy_target::{Load, LoadError, Target};

/// Letters by bit, for kernels whose own table cannot be read (kernel/panic.c, `taint_flags[]`, up to 6.15).
const LETTERS: &[u8] = b"PFSRMBUDAWCIOELKXTNJ";

#[derive(Load)]
#[kernel(name = "taint_flag")]
struct Flag {
    c_true: u8,
}

/// The raw mask.
pub fn mask(t: &Target) -> Result<u64, LoadError> {
    Ok(t.memory().word(t.need_symbol("tainted_mask")?)?)
}

/// The letters of a mask, lowest bit first.
pub fn letters(t: &Target, mask: u64) -> Vec<String> {
    (0..64).filter(|bit| mask >> bit & 1 == 1).map(|bit| letter(t, bit)).collect()
}

fn letter(t: &Target, bit: u64) -> String {
    let own = own_letter(t, bit).filter(u8::is_ascii_uppercase);
    let known = own.or_else(|| LETTERS.get(bit as usize).copied());
    known.map_or_else(|| format!("bit{bit}"), |c| char::from(c).to_string())
}

/// From the kernel's own table: distributions add letters.
fn own_letter(t: &Target, bit: u64) -> Option<u8> {
    let (at, stride) = (t.symbol("taint_flags")?, t.size_of("taint_flag").ok()?);
    let size = t.near(at)?.size?;
    let flag = (bit + 1).saturating_mul(stride) <= size;
    flag.then(|| t.load::<Flag>(at.offset(bit.wrapping_mul(stride))).ok()).flatten().map(|f| f.c_true)
}
