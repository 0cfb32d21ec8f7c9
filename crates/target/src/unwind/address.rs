//! Where a frame lies: by the unwind table, or by what the function's code does with the stack.

use necropsy_arch::FrameSetup;
use necropsy_base::VirtAddr;
use necropsy_debuginfo::Base;

use super::Frame;
use super::cfi::{self, frame_start};
use super::frame_pointer::beginning;
use super::orc::rule_at;
use crate::Target;

/// The stack pointer of the caller before the call: what all of a frame's addresses are counted from.
pub fn frame_address(t: &Target, frame: &Frame) -> Option<u64> {
    let place = frame.place()?;
    let fp = || frame.regs.get(t.arch().fp());
    if let Some(rule) = rule_at(t, place) {
        let base = match rule.sp {
            Base::Sp => frame.sp.0,
            Base::Bp => fp()?,
            _ => return None,
        };
        return Some(base.wrapping_add(rule.sp_offset as u64));
    }
    if let Some(start) = frame_start(t, place, &frame.regs) {
        return Some(start);
    }
    match setup_at(t, place) {
        Some(FrameSetup::Done) => fp().map(|fp| fp.wrapping_add(RECORD)),
        _ => frame_size(t, place).map(|size| frame.sp.0.wrapping_add(size)),
    }
}

/// The value of the stack or frame pointer at an instruction of the function whose frame is at `address`.
pub fn register_at(t: &Target, address: u64, place: VirtAddr, register: usize) -> Option<u64> {
    let (sp, fp) = (t.arch().sp(), t.arch().fp());
    let Some(rule) = rule_at(t, place) else {
        return match register {
            r if r == sp => Some(address.wrapping_sub(frame_size(t, place)?)),
            r if r == fp => (setup_at(t, place)? == FrameSetup::Done).then(|| address.wrapping_sub(RECORD)),
            _ => None,
        };
    };
    let by_rule = address.wrapping_sub(rule.sp_offset as u64);
    match rule.sp {
        Base::Sp if register == sp => Some(by_rule),
        Base::Bp if register == fp => Some(by_rule),
        _ if register == fp => {
            let record = rule.bp == Base::PrevSp && i64::from(rule.bp_offset) == -(RECORD as i64);
            record.then(|| address.wrapping_sub(RECORD))
        }
        _ => None,
    }
}

/// `push %rbp; mov %rsp,%rbp`: the frame pointer stands two words below the caller's stack pointer.
const RECORD: u64 = 16;

/// From the stack pointer at an instruction to the caller's stack pointer before the call: by the unwind table, or by what the
/// function has pushed.
pub fn frame_size(t: &Target, place: VirtAddr) -> Option<u64> {
    if let Some(rule) = rule_at(t, place) {
        return (rule.sp == Base::Sp).then_some(rule.sp_offset as u64);
    }
    if let Some(size) = cfi::size(t, place) {
        return Some(size);
    }
    let function = t.near(place)?;
    let depth = t
        .arch()
        .stack_depth(&beginning(t, &function, place)?, place.0.saturating_sub(function.start.0) as usize)?;
    Some(depth + 8)
}

fn setup_at(t: &Target, place: VirtAddr) -> Option<FrameSetup> {
    let function = t.near(place)?;
    Some(
        t.arch()
            .frame_setup(&beginning(t, &function, place)?, place.0.saturating_sub(function.start.0) as usize),
    )
}
