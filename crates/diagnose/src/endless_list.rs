//! Loops that walk a list which runs in a circle: they cannot end, and who made the circle is to blame, not who walks.

use std::collections::HashMap;
use std::ops::Range;

use necropsy_arch::{Access, Flow, Insn, MemOperand, Op, Operand, Regs};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::code;

/// Entries of a circle that are looked at.
const MAX_ENTRIES: usize = 1 << 16;

/// A circle of a list, and the link that closes it.
#[derive(Debug, PartialEq)]
pub struct Circle {
    /// The links of its entries, in their order.
    pub links: Vec<VirtAddr>,
    /// The entry whose next one does not know it.
    pub from: VirtAddr,
    /// That next one.
    pub to: VirtAddr,
    /// What that one has as the link before it: as a rule the head of the list, where it should have been found.
    pub before: VirtAddr,
}

/// The circle that the interrupted code in frame `stuck` walks round.
pub fn walked_in(t: &Target, frames: &[Frame], stuck: usize) -> Option<Circle> {
    let regs = frames.get(stuck.checked_sub(1)?)?.trap.as_ref()?;
    walked(t, frames.get(stuck)?.pc?, regs)
}

/// The circle that the loop around `pc` walks round. Rings with a head that the loop knows, and lists whose entries know the ones before them
/// all the way round, are as they should be.
fn walked(t: &Target, pc: VirtAddr, regs: &Regs) -> Option<Circle> {
    let insns = code::function(t, &t.near(pc)?);
    let inside: Vec<&Insn> = {
        let range = code::innermost_loop(&insns, pc)?;
        insns.iter().filter(|i| range.contains(&i.at)).collect()
    };
    if inside.iter().any(|i| matches!(i.flow, Flow::Call(_))) {
        return None;
    }
    let walks = (0..t.arch().registers().len()).filter_map(|r| Some((r, step(&inside, r)?)));
    walks.into_iter().find_map(|(r, step)| circle(t, VirtAddr(regs.get(r)?), step))
}

/// How a register goes on to the next entry: the link at an offset is followed, and an offset added to what it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    link: u64,
    add: u64,
}

/// A value by what a register held at the loop's beginning: that plus an offset, or what stands there plus another.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plus(usize, u64),
    Loaded(usize, u64, u64),
}

impl Form {
    fn plus(self, by: u64) -> Form {
        match self {
            Form::Plus(r, n) => Form::Plus(r, n.wrapping_add(by)),
            Form::Loaded(r, at, n) => Form::Loaded(r, at, n.wrapping_add(by)),
        }
    }
}

/// How one round of the loop changes a register, if by following one link.
fn step(inside: &[&Insn], register: usize) -> Option<Step> {
    let mut forms: HashMap<usize, Option<Form>> = HashMap::new();
    let of = |forms: &HashMap<usize, Option<Form>>, r: usize| {
        forms.get(&r).copied().unwrap_or(Some(Form::Plus(r, 0)))
    };
    let simple = |m: MemOperand| m.base.filter(|_| m.index.is_none() && !m.percpu).map(|base| (base, m.disp));
    for insn in inside {
        let based = |forms: &HashMap<usize, Option<Form>>| {
            let (base, disp) = simple(insn.mem?)?;
            Some(of(forms, base)?.plus(disp))
        };
        let (dst, form) = match insn.op {
            Op::Move { dst, src: Operand::Reg(src) } => (dst, of(&forms, src)),
            Op::Move { dst, src: Operand::Mem } => match based(&forms) {
                Some(Form::Plus(r, at)) => (dst, Some(Form::Loaded(r, at, 0))),
                _ => (dst, None),
            },
            Op::Address { dst } => (dst, based(&forms)),
            Op::Add { dst, by } => (dst, of(&forms, dst).map(|f| f.plus(by))),
            _ => {
                forms.extend((0..64).filter(|r| insn.changes(*r)).map(|r| (r, None)));
                continue;
            }
        };
        forms.insert(dst, form);
    }
    match of(&forms, register)? {
        Form::Loaded(from, link, add) if from == register => Some(Step { link, add }),
        _ => None,
    }
}

/// The circle that following links from an entry leads to, if one of its links is not known by the entry it leads to.
fn circle(t: &Target, entry: VirtAddr, step: Step) -> Option<Circle> {
    let (mut links, mut seen) = (Vec::new(), HashMap::new());
    let mut link = entry.offset(step.link);
    while !seen.contains_key(&link) {
        if links.len() == MAX_ENTRIES {
            return None;
        }
        seen.insert(link, links.len());
        links.push(link);
        let next = t.memory().ptr(link).ok().filter(|next| t.arch().is_kernel(*next))?;
        link = next.offset(step.add).offset(step.link);
    }
    let ring = links.split_off(*seen.get(&link)?);
    // Lists with two links: the second names the entry before, or the word that leads here.
    let word = u64::from(t.abi().word);
    let before = |at: VirtAddr| t.memory().ptr(at.offset(word)).ok();
    let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
    let mut broken = pairs.clone().filter(|(from, to)| before(**to) != Some(**from));
    let (from, to) = broken.next()?;
    // One entry with a wrong link before it closes a circle; if none has a right one, it is no such list.
    let kept = pairs.clone().count() - 1 - broken.count();
    let before = before(*to).filter(|at| t.arch().is_kernel(*at))?;
    // An entry that is its own next one has nothing else that could tell.
    (kept > 0 || ring.len() == 1).then_some(Circle { from: *from, to: *to, before, links: ring })
}

/// The functions of a module, `walker` aside, that write to a variable in this range by its address: the first such instruction of each.
pub fn writers(t: &Target, of: VirtAddr, walker: VirtAddr) -> Vec<VirtAddr> {
    let Some(module) = t.modules().holding(of) else { return Vec::new() };
    let range: Range<u64> = of.0..of.0.saturating_add(2 * u64::from(t.abi().word));
    let stores = |i: &Insn| {
        let fixed =
            |m: &MemOperand| m.base.is_none() && m.index.is_none() && !m.percpu && range.contains(&m.disp);
        i.mem.is_some_and(|m| matches!(m.access, Access::Write | Access::ReadWrite) && fixed(&m))
    };
    let mut out: Vec<VirtAddr> = Vec::new();
    for symbol in module.symbols(t) {
        let at = VirtAddr(symbol.value);
        let Some(near) = t.near(at).filter(|n| n.start == at && t.is_text(at) && at != walker) else {
            continue;
        };
        let first = code::function(t, &near).into_iter().find(stores).map(|i| i.at);
        out.extend(first.filter(|at| !out.contains(at)));
    }
    out
}

#[cfg(test)]
mod tests {
    use necropsy_arch::Arch;
    use necropsy_arch::x86_64::X86_64;
    use necropsy_synth::functions::{DATA, Functions, TEXT};

    use super::*;
    use crate::made;

    /// next: add 0x14(%rax),%edx; mov (%rax),%rax; test %rax,%rax; jne next; ret
    const WALK: &[u8] = &[0x03, 0x50, 0x14, 0x48, 0x8b, 0x00, 0x48, 0x85, 0xc0, 0x75, 0xf5, 0xc3];
    /// next: cmp %esi,-8(%rax); mov (%rax),%rax; cmp %rdi,%rax; jne next; ret
    const RING: &[u8] = &[0x39, 0x70, 0xf8, 0x48, 0x8b, 0x00, 0x48, 0x39, 0xf8, 0x75, 0xf5, 0xc3];

    /// What a walk over these entries finds, each 0x20 bytes on from the last: the number of the next one, and of the one before; 9 is
    /// the head. Where it begins, and closes: from, to.
    fn of(code: &[u8], entries: &[(u64, u64)]) -> Option<(usize, u64, u64)> {
        let at = |n: u64| DATA + 0x100 + 0x20 * n;
        let mut made = Functions::default();
        made.function(0x100, "walk", code);
        made.function(0x140, "next", &[0xc3]);
        for (i, (next, before)) in entries.iter().enumerate() {
            let words = [if *next == 99 { 0 } else { at(*next) }, at(*before), 0, 0];
            made.data(0x100 + 0x20 * i as u64, &format!("entry{i}"), &words);
        }
        made.data(0x100 + 0x20 * 9, "head", &[at(0), at(1)]);
        let mut regs = Regs::new();
        regs.set(X86_64.registers().iter().position(|n| *n == "rax")?, at(0));
        let found = walked(&made::kernel(made), VirtAddr(TEXT + 0x106), &regs)?;
        let number = |link: VirtAddr| (link.0 - at(0)) / 0x20;
        assert_eq!(number(found.before), 9);
        Some((found.links.len(), number(found.from), number(found.to)))
    }

    #[test]
    fn a_list_that_runs_in_a_circle() {
        // 0 > 1 > 0: 0 was added again while it was first, and has the head before it.
        assert_eq!(of(WALK, &[(1, 9), (0, 0)]), Some((2, 1, 0)));
        // 0 > 1 > 2 > 1, and one that leads to itself.
        assert_eq!(of(WALK, &[(1, 9), (2, 9), (1, 1)]), Some((2, 2, 1)));
        assert_eq!(of(WALK, &[(0, 9)]), Some((1, 0, 0)));
        // It ends.
        assert_eq!(of(WALK, &[(1, 9), (99, 0)]), None);
        // A ring with its head: all know the one before.
        assert_eq!(of(RING, &[(1, 9), (9, 0)]), None);
        // No list with two links.
        assert_eq!(of(WALK, &[(1, 5), (0, 6)]), None);
    }
}
