//! The unwinder: from registers to frames, each with how it is known.
//!
//! Order for a frame: saved context → ORC → DWARF CFI → frame pointer → *recovered* → scan. Exceptions, interrupts and system calls are
//! crossed by their `pt_regs`. A return address that is no kernel code, or that no call stands before, is a *break*: it is
//! reported, and the stack above is searched for the true callers (see `recover.rs`).

mod address;
mod calls;
mod cfi;
mod entry;
mod frame_pointer;
mod locals;
mod methods;
mod orc;
mod recover;
mod scan;
mod start;
mod step;

use std::ops::Range;

use necropsy_arch::Regs;
use necropsy_base::{Near, VirtAddr};

use crate::Target;
pub use address::{frame_address, register_at};
pub use calls::{callers_in_module, direct_target, function_calls, is_indirect_thunk};
pub use cfi::{Caller, caller_regs, frame_start, registers};
pub use locals::variables;
pub use methods::Methods;
use step::{Next, State};

/// How a frame is known, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// From saved registers.
    Context,
    /// By the kernel's own unwind table.
    Orc,
    /// By DWARF call frame information.
    Cfi,
    /// By the chain of frame pointers.
    FramePointer,
    /// Found above a break, with an unbroken way on to the end.
    Recovered,
    /// Named by a call to it or by its only caller; it has no program counter.
    Inferred,
    /// A word on the stack that looks like a return address.
    Scan,
}

impl Trust {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Trust::Context => "context",
            Trust::Orc => "orc",
            Trust::Cfi => "cfi",
            Trust::FramePointer => "frame_pointer",
            Trust::Recovered => "recovered",
            Trust::Inferred => "inferred",
            Trust::Scan => "scan",
        }
    }
}

/// One function on a stack.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where it stood; `None` for inferred frames.
    pub pc: Option<VirtAddr>,
    /// Whether `pc` is the very instruction (registers were saved there) and not a return address.
    pub exact: bool,
    /// Its stack pointer.
    pub sp: VirtAddr,
    /// Where on the stack `pc` was found.
    pub slot: Option<VirtAddr>,
    /// The function.
    pub function: Option<Near>,
    /// How it is known.
    pub trust: Trust,
    /// The registers known in it.
    pub regs: Regs,
    /// Registers of the context that this frame, an entry function, interrupted.
    pub trap: Option<Regs>,
    /// What a user should know about it.
    pub remark: Option<String>,
}

impl Frame {
    /// Bytes from the start of the function.
    pub fn offset(&self) -> Option<u64> {
        Some(self.pc?.0.wrapping_sub(self.function.as_ref()?.start.0))
    }
    /// The address whose name and line hold: the instruction, or the call before a return address.
    pub fn place(&self) -> Option<VirtAddr> {
        Some(if self.exact { self.pc? } else { self.pc?.moved(-1) })
    }
    /// Name of the function.
    pub fn name(&self) -> Option<&str> {
        self.function.as_ref().map(|f| f.name.as_str())
    }
    /// Name of the module, if the function is in one.
    pub fn module(&self) -> Option<&str> {
        self.function.as_ref()?.module.as_deref()
    }
}

/// Where a walk ended.
#[derive(Clone, Debug)]
pub enum End {
    /// At the entry from user space; the registers there.
    User(Box<Regs>),
    /// At the function a kernel thread or an idle CPU began with.
    Thread,
    /// It could not go on.
    Lost(String),
    /// The task has no stack in memory (it is gone).
    NoStack,
}

impl End {
    /// Whether the walk reached a proper end.
    pub fn is_complete(&self) -> bool {
        matches!(self, End::User(_) | End::Thread)
    }
}

/// A place where the chain of return addresses is cut.
#[derive(Clone, Debug)]
pub struct Break {
    /// Index of the frame whose caller is not where it should be.
    pub frame: usize,
    /// Where the return address should be.
    pub slot: Option<VirtAddr>,
    /// What stands there.
    pub found: Option<u64>,
    /// What is wrong with it.
    pub why: String,
}

/// A whole stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// Where it ended.
    pub end: End,
    /// Where the chain was cut.
    pub breaks: Vec<Break>,
}

/// More frames than any stack holds.
const MAX_FRAMES: usize = 512;

/// Unwinds from `regs`. `bounds` is the task's own stack, for telling where a search must end.
pub fn unwind(t: &Target, regs: Regs, trust: Trust, bounds: Range<u64>) -> Stack {
    let mut walk = Walk { t, bounds, frames: Vec::new(), breaks: Vec::new() };
    let end = match State::new(t, regs, trust) {
        Some(state) => walk.run(state),
        None => End::Lost("no program counter or stack pointer is known".into()),
    };
    Stack { frames: walk.frames, end, breaks: walk.breaks }
}

/// Unwinds from a return address that was found at `slot`, or is known otherwise.
fn unwind_return(t: &Target, regs: Regs, slot: Option<VirtAddr>, bounds: Range<u64>) -> Stack {
    let mut walk = Walk { t, bounds, frames: Vec::new(), breaks: Vec::new() };
    let end = match State::new(t, regs, Trust::Context) {
        Some(state) => walk.run(State { exact: false, slot, ..state }),
        None => End::Lost("no program counter or stack pointer is known".into()),
    };
    Stack { frames: walk.frames, end, breaks: walk.breaks }
}

struct Walk<'t> {
    t: &'t Target,
    bounds: Range<u64>,
    frames: Vec<Frame>,
    breaks: Vec<Break>,
}

impl Walk<'_> {
    fn run(&mut self, mut state: State) -> End {
        loop {
            if self.frames.len() >= MAX_FRAMES || self.t.budget().step().is_err() {
                return End::Lost(format!("stopped after {} frames", self.frames.len()));
            }
            self.frames.push(state.frame(self.t));
            let next =
                if self.t.is_text(state.place()) { state.step(self.t) } else { state.bad_call(self.t) };
            let (why, slot, found) = match next {
                Next::Caller(caller) => match caller.check(self.t) {
                    Ok(()) => {
                        state = *caller;
                        continue;
                    }
                    Err(why) => (why, caller.slot, Some(caller.pc.0)),
                },
                Next::User(regs) => {
                    self.mark_trap(&regs);
                    return End::User(regs);
                }
                Next::Trap(regs, trust) => {
                    self.mark_trap(&regs);
                    if self.t.arch().user_mode(&regs) {
                        return End::User(regs);
                    }
                    match State::new(self.t, *regs, trust) {
                        Some(interrupted) => {
                            state = interrupted;
                            continue;
                        }
                        None => return End::Lost("the saved registers are incomplete".into()),
                    }
                }
                Next::End => return End::Thread,
                Next::Broken(why) => (why, None, None),
            };
            self.breaks.push(Break { frame: self.frames.len() - 1, slot, found, why: why.clone() });
            if self.breaks.len() > 8 {
                return End::Lost(why);
            }
            match recover::recover(self.t, &state, slot, &self.bounds) {
                Some(found) => return self.take(found),
                None => return End::Lost(why),
            }
        }
    }

    /// Appends what was recovered above a break.
    fn take(&mut self, found: recover::Recovered) -> End {
        self.frames.extend(found.between);
        self.frames.extend(found.chain);
        found.end
    }

    fn mark_trap(&mut self, regs: &Regs) {
        if let Some(last) = self.frames.last_mut() {
            last.trap = Some(regs.clone());
        }
    }
}

/// Bytes of `value` as text, when all of them are printable: what an overflow by a string leaves in a pointer.
pub fn as_text(value: u64) -> Option<String> {
    let bytes = value.to_le_bytes();
    let printable = bytes.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    printable.then(|| String::from_utf8_lossy(&bytes).into_owned())
}
