//! Places to blame, as they are said.

use necropsy_arch::{Flow, Insn};
use necropsy_base::VirtAddr;
use necropsy_report::{Hex, Place};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::blame::{is_dispatcher, is_machinery, is_servant};
use crate::code;
use crate::findings::InSource;

/// A frame as the place of a bug. A return address may belong to the next function: name and line are those of the call.
pub fn place_of(t: &Target, frame: &Frame, sure: f64) -> Place {
    let function = frame.function.as_ref();
    let named = Place {
        confidence: Some(sure),
        function: function.map(|f| f.name.clone()),
        module: function.and_then(|f| f.module.clone()),
        ..Place::default()
    };
    match frame.pc {
        Some(pc) => {
            let offset = frame.offset().map(|o| format!("{o:#x}"));
            Place { offset, address: Some(Hex(pc.0)), ..named }.in_source(t, frame.place().unwrap_or(pc))
        }
        None => Place { confidence: Some(sure * 0.8), ..named },
    }
}

/// The frame at `index` as the place of a bug; where what it called ended by jumping to the function of the frame inside, that one: it has no
/// frame of its own any more.
pub fn place_in(t: &Target, frames: &[Frame], index: usize, sure: f64) -> Place {
    let Some(jump) = tail_call(t, frames, index) else { return place_of(t, &frames[index], sure) };
    let function = t.near(jump);
    let named = Place {
        confidence: Some(sure),
        offset: function.as_ref().map(|f| format!("{:#x}", jump.0.wrapping_sub(f.start.0))),
        module: function.as_ref().and_then(|f| f.module.clone()),
        function: function.map(|f| f.name),
        address: Some(Hex(jump.0)),
        ..Place::default()
    };
    named.in_source(t, jump)
}

/// Notes at frames that they were called by way of functions that ended in a jump and have no frame.
pub fn remark_tails(t: &Target, frames: &mut [Frame]) {
    for index in 1..frames.len().min(REMARKED) {
        let Some(jump) = tail_call(t, frames, index) else { continue };
        if t.near(jump).is_none_or(|f| is_machinery(&f.name)) {
            continue;
        }
        let inner = &mut frames[index - 1];
        inner.remark = inner
            .remark
            .take()
            .or_else(|| Some(format!("by way of {}, which ends in a jump", t.describe(jump))));
    }
}

fn plain(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The jump by which the function that the frame at `index` called left for the function of the frame inside of it; of several in a row
/// the last in a function that may be to blame.
fn tail_call(t: &Target, frames: &[Frame], index: usize) -> Option<VirtAddr> {
    let (caller, inner) = (&frames[index], frames.get(index.checked_sub(1)?)?);
    let back = caller.pc.filter(|_| !caller.exact && caller.trap.is_none())?;
    let insns = code::function(t, caller.function.as_ref()?);
    let called = insns.iter().find(|i| i.next() == back).and_then(|i| match i.flow {
        Flow::Call(to) => to,
        _ => None,
    })?;
    let inside = inner.function.as_ref()?.start;
    let jumps = if called == inside { None } else { jumps(t, called, inside, TAILS) };
    // The cold part of a function is the same function.
    let own = inner.function.as_ref().map_or("", |f| plain(&f.name));
    let other =
        |name: &str| plain(name) != own && !is_servant(name) && !is_dispatcher(name) && !is_machinery(name);
    let to_blame = |at: &VirtAddr| t.near(*at).is_some_and(|f| other(&f.name));
    jumps?.into_iter().rev().find(to_blame)
}

/// Frames that are looked at: a damaged stack may have many, each with functions to decode.
const REMARKED: usize = 64;
/// Functions that end in each other one after the other.
const TAILS: u32 = 2;

/// The jumps that lead from the function at `from` to the one at `to`, maybe through others.
fn jumps(t: &Target, from: VirtAddr, to: VirtAddr, deep: u32) -> Option<Vec<VirtAddr>> {
    let function = t.near(from).filter(|f| f.start == from)?;
    let insns = code::function(t, &function);
    let target = |i: &Insn| match i.flow {
        Flow::Jump(Some(at)) | Flow::Branch(at) => Some(at),
        _ => None,
    };
    if let Some(jump) = insns.iter().find(|i| target(i) == Some(to)) {
        return Some(vec![jump.at]);
    }
    let end = from.0.saturating_add(function.size.unwrap_or(0));
    let others = insns.iter().filter_map(|i| Some((i.at, target(i)?)));
    let mut others = others.filter(|(_, at)| deep > 0 && !(from.0..end).contains(&at.0)).take(8);
    others.find_map(|(at, other)| Some([vec![at], jumps(t, other, to, deep - 1)?].concat()))
}

/// `function [module]`.
pub fn named(p: &Place) -> String {
    let module = p.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    format!("{}{module}", p.function.as_deref().unwrap_or("an unknown function"))
}

#[cfg(test)]
mod tests {
    use necropsy_synth::functions::{Functions, TEXT, near_jump};
    use necropsy_target::unwind::Trust;

    use super::*;

    /// `outer` calls `first`, which ends by jumping to `second`, and that to `inner`.
    fn kernel() -> Target {
        let mut made = Functions::default();
        let code = |at: u64, opcode, to: u64| near_jump(opcode, TEXT + at, TEXT + to);
        made.function(0x100, "outer", &[&code(0x100, 0xe8, 0x200)[..], &[0xc3]].concat());
        made.function(0x200, "first", &[&[0x90][..], &code(0x201, 0xe9, 0x300)].concat());
        made.function(0x300, "second", &code(0x300, 0xe9, 0x400));
        made.function(0x400, "inner", &[0xc3]);
        crate::made::kernel(made)
    }

    fn frame(t: &Target, at: u64, exact: bool) -> Frame {
        let pc = VirtAddr(TEXT + at);
        Frame {
            pc: Some(pc),
            exact,
            sp: VirtAddr(0),
            slot: None,
            function: t.near(if exact { pc } else { pc.moved(-1) }),
            trust: Trust::Orc,
            regs: necropsy_arch::Regs::default(),
            trap: None,
            remark: None,
        }
    }

    #[test]
    fn functions_that_ended_in_a_jump_are_found() {
        let t = kernel();
        let place = |inner: u64| place_in(&t, &[frame(&t, inner, true), frame(&t, 0x105, false)], 1, 0.8);
        let named = |p: &Place| (p.function.clone().unwrap(), p.address.unwrap().0 - TEXT);
        assert_eq!(named(&place(0x400)), ("second".into(), 0x300), "two jumps on");
        assert_eq!(named(&place(0x300)), ("first".into(), 0x201));
        assert_eq!(named(&place(0x200)), ("outer".into(), 0x105), "the function called");
        assert_eq!(named(&place(0x100)), ("outer".into(), 0x105), "no way leads there");
    }
}
