//! The scene as it was found: what proves a verdict, for those who want to see it themselves.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Hex, RegisterInfo, TaskInfo};

/// The exception that interrupted a task for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FaultInfo {
    /// Whose.
    pub task: TaskInfo,
    /// Its `struct task_struct`.
    pub at: Hex,
    /// What kind: `page fault` …
    pub kind: &'static str,
    /// Whether its handler is what called for the end.
    pub fatal: bool,
    /// The instruction's address.
    pub pc: Hex,
    /// The same as `function+0x12 [module]`.
    pub place: String,
    /// The instruction; `None` where no code is.
    pub instruction: Option<String>,
    /// What it touches in memory.
    pub operands: Vec<OperandInfo>,
    /// The address that the kernel recorded in the task, if it did.
    pub recorded: Option<Hex>,
    /// The CPU's register with the address of its last page fault, if whoever took the dump saved it.
    pub cr2: Option<Hex>,
    /// What the kernel's table of `BUG()` and `WARN()` says about the instruction.
    pub listed: Option<String>,
    /// The registers, and what each value is.
    pub registers: Vec<RegisterInfo>,
}

/// An operand in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OperandInfo {
    /// Where it lies, by the registers.
    pub address: Hex,
    /// `read`, `write` or `read and write`.
    pub access: &'static str,
    /// How many bytes; 0 if that is not known.
    pub bytes: u16,
    /// What lies there.
    pub what: String,
}

/// A task that is blocked.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WaitInfo {
    /// The task.
    pub task: TaskInfo,
    /// Its `struct task_struct`.
    pub at: Hex,
    /// For how long, in seconds.
    pub seconds: Option<f64>,
    /// Who called for the wait: `function [module]`.
    pub waits_in: Option<String>,
    /// What for.
    pub waits_for: String,
    /// The lock's address, if memory proves which it is.
    pub lock: Option<Hex>,
    /// Where on its stack it is queued for it.
    pub waiter: Option<Hex>,
    /// Who holds the lock.
    pub held_by: Option<String>,
}

/// Tasks that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CircleInfo {
    /// Task, lock, task …, and the first task again.
    pub circle: Vec<String>,
    /// Whether every lock says who holds it.
    pub certain: bool,
}

/// A CPU that spins on a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SpinInfo {
    /// Which.
    pub spinning_cpu: usize,
    /// Its task.
    pub task: TaskInfo,
    /// Who wants the lock: `function [module]`.
    pub wants: String,
    /// The lock, by its name if it has one.
    pub lock: String,
    /// Its address.
    pub at: Hex,
    /// Who took it and has not given it back: CPU or task, function and place.
    pub held_by: Option<String>,
}

/// What a part of all memory is used for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct UseInfo {
    /// What for.
    pub used_for: &'static str,
    /// How much.
    pub bytes: u64,
    /// Of all memory, 0 to 1.
    pub share: f64,
}

/// One who has much memory.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TakerInfo {
    /// Who.
    pub taker: String,
    /// How much.
    pub bytes: u64,
    /// Of all memory, 0 to 1.
    pub share: f64,
    /// Where in the code it is asked for.
    pub sites: Vec<String>,
}

/// An object of the slab allocator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ObjectInfo {
    /// Its first byte.
    pub object: Hex,
    /// Its cache.
    pub cache: String,
    /// Bytes that its user may use.
    pub size: u64,
    /// How far into it the address is; negative before it.
    pub offset: i64,
    /// `allocated`, `free`, or `unknown`.
    pub state: &'static str,
    /// Whether KFENCE guards it.
    pub guarded: bool,
    /// Who allocated it last.
    pub allocated: Option<TrackInfo>,
    /// Who freed it last.
    pub freed: Option<TrackInfo>,
}

/// Who did something to an object, as the allocator noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrackInfo {
    /// The first place that is not the allocator's own.
    pub by: String,
    /// In which task.
    pub pid: i64,
    /// On which CPU.
    pub cpu: i64,
    /// The whole stack, innermost first, if it was kept.
    pub stack: Vec<String>,
}

/// Something that lives and is missing where the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HiddenInfo {
    /// `module`, `task` or `socket`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its structure.
    pub at: Hex,
    /// Where it is not.
    pub missing_in: String,
    /// Where it was found.
    pub found_in: Vec<String>,
    /// What else is known: its functions, the state of its links.
    pub remarks: Vec<String>,
}
