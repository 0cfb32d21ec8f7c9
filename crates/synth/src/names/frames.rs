//! Writes call frame information: `.debug_frame` and `.eh_frame` (DWARF 5, section 6.4; LSB, `.eh_frame`).

use necropsy_base::Abi;

use super::out::Out;

/// One instruction. Registers by DWARF number, offsets in bytes.
#[derive(Clone, Debug)]
pub enum Cfi {
    /// The rest holds from so many bytes on.
    Advance(u8),
    /// The frame is at a register plus an offset.
    Frame(u8, u8),
    /// Another offset.
    FrameOffset(u8),
    /// Another register.
    FrameRegister(u8),
    /// A register was saved so many words below the frame.
    Saved(u8, u8),
    /// A register is lost.
    Lost(u8),
    /// A register's value is what an expression gives.
    Value(u8, Vec<u8>),
    /// The frame is what an expression gives.
    FrameValue(Vec<u8>),
}

/// A function and what is to be known of it.
#[derive(Clone, Debug)]
pub struct FrameSpec {
    /// Its first address.
    pub start: u64,
    /// Its size.
    pub size: u64,
    /// The instructions after those that all share.
    pub steps: Vec<Cfi>,
}

/// The return address register of x86-64, which a call leaves just below the frame, eight bytes above the stack pointer (7).
const RETURN: u8 = 16;

fn start(out: &mut Out) {
    code(out, &Cfi::Frame(7, 8));
    code(out, &Cfi::Saved(RETURN, 1));
}

fn code(out: &mut Out, step: &Cfi) {
    match step {
        Cfi::Advance(n) => out.u8(0x40 | n),
        Cfi::Frame(register, offset) => out.raw(&[0x0c, *register, *offset]),
        Cfi::FrameOffset(offset) => out.raw(&[0x0e, *offset]),
        Cfi::FrameRegister(register) => out.raw(&[0x0d, *register]),
        Cfi::Saved(register, words) => out.raw(&[0x80 | register, *words]),
        Cfi::Lost(register) => out.raw(&[0x07, *register]),
        Cfi::Value(register, bytes) => out.raw(&[0x16, *register, bytes.len() as u8]).raw(bytes),
        Cfi::FrameValue(bytes) => out.raw(&[0x0f, bytes.len() as u8]).raw(bytes),
    };
}

/// Adds an entry: its length, then its body, padded with `nop`.
fn entry(out: &mut Out, body: &Out) {
    let padded = body.len().next_multiple_of(4);
    out.u32(padded as u32).raw(&body.bytes).raw(&vec![0; padded - body.len()]);
}

/// A `.debug_frame` of version 3.
pub fn debug_frame(abi: Abi, functions: &[FrameSpec]) -> Vec<u8> {
    let (mut out, mut common) = (Out::new(abi), Out::new(abi));
    // Id, version, no augmentation, code in bytes, data in words downwards (SLEB -8), return register.
    common.u32(u32::MAX).raw(&[3, 0, 1, 0x78, RETURN]);
    start(&mut common);
    entry(&mut out, &common);
    for f in functions {
        let mut body = Out::new(abi);
        body.u32(0).word(f.start).word(f.size);
        f.steps.iter().for_each(|step| code(&mut body, step));
        entry(&mut out, &body);
    }
    out.bytes
}

/// An `.eh_frame` for the address `at`, with places relative to themselves, as compilers write them.
pub fn eh_frame(abi: Abi, at: u64, functions: &[FrameSpec]) -> Vec<u8> {
    let (mut out, mut common) = (Out::new(abi), Out::new(abi));
    // Id, version, "zR", code, data, return register, one byte of augmentation: DW_EH_PE_pcrel | DW_EH_PE_sdata4.
    common.u32(0).raw(&[1, b'z', b'R', 0, 1, 0x78, RETURN, 1, 0x1b]);
    start(&mut common);
    entry(&mut out, &common);
    for f in functions {
        let mut body = Out::new(abi);
        let here = out.len() as u64;
        // How far back the common entry is, counted from this very number.
        body.u32(here as u32 + 4);
        body.u32(f.start.wrapping_sub(at + here + 8) as u32).u32(f.size as u32).u8(0);
        f.steps.iter().for_each(|step| code(&mut body, step));
        entry(&mut out, &body);
    }
    out.u32(0);
    out.bytes
}
