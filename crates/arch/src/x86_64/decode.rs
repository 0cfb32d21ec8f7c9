//! What an x86-64 instruction does.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};
use necropsy_base::VirtAddr;

use super::registers::*;
use crate::{Access, CallSite, Flow, Insn, MemOperand, Op, Operand};

/// Index of a register of any width; `None` for those that are not kept (vector, segment, control registers).
pub fn index(register: Register) -> Option<usize> {
    Some(match register.full_register() {
        Register::RAX => AX,
        Register::RBX => BX,
        Register::RCX => CX,
        Register::RDX => DX,
        Register::RSI => SI,
        Register::RDI => DI,
        Register::RBP => BP,
        Register::RSP => SP,
        Register::R8 => R8,
        Register::R9 => R9,
        Register::R10 => R10,
        Register::R11 => R11,
        Register::R12 => R12,
        Register::R13 => R13,
        Register::R14 => R14,
        Register::R15 => R15,
        _ => return None,
    })
}

/// The instruction at `at`.
pub fn instruction(code: &[u8], at: VirtAddr) -> Option<Insn> {
    let raw = decode(code, at)?;
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(&raw);
    let only_read =
        |a| matches!(a, OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None);
    let changed = info.used_registers().iter().filter(|u| !only_read(u.access()));
    let writes = changed.filter_map(|u| index(u.register())).fold(0, |set, i| set | 1 << i);
    let mem = memory(&raw, info.used_memory());
    Some(Insn {
        at,
        len: raw.len() as u8,
        flow: flow(&raw),
        op: operation(&raw),
        mem,
        string: raw.is_string_instruction(),
        source: string_source(&raw, info.used_memory()),
        writes,
    })
}

pub fn decode(code: &[u8], at: VirtAddr) -> Option<iced_x86::Instruction> {
    let mut decoder = Decoder::with_ip(64, code, at.0, DecoderOptions::NONE);
    let raw = decoder.decode();
    (!raw.is_invalid() && raw.len() <= code.len()).then_some(raw)
}

fn flow(raw: &iced_x86::Instruction) -> Flow {
    let target =
        || matches!(raw.op0_kind(), OpKind::NearBranch64).then(|| VirtAddr(raw.near_branch_target()));
    match raw.flow_control() {
        FlowControl::UnconditionalBranch => Flow::Jump(target()),
        FlowControl::IndirectBranch => Flow::Jump(None),
        FlowControl::ConditionalBranch => Flow::Branch(VirtAddr(raw.near_branch_target())),
        FlowControl::Call => Flow::Call(target()),
        FlowControl::IndirectCall => Flow::Call(None),
        FlowControl::Return => Flow::Return,
        FlowControl::Exception => Flow::Trap,
        FlowControl::Interrupt if raw.code() == Code::Int3 => Flow::Trap,
        _ => Flow::Next,
    }
}

/// The operand that matters: the explicit one, else what a string operation touches first; never the stack slot of a push.
fn memory(raw: &iced_x86::Instruction, used: &[iced_x86::UsedMemory]) -> Option<MemOperand> {
    let explicit = (0..raw.op_count()).any(|i| raw.op_kind(i) == OpKind::Memory);
    let string = raw.is_string_instruction();
    if !explicit && !string {
        return None;
    }
    let access = used.iter().find(|m| string || m.base() == raw.memory_base()).or(used.first());
    let (base, idx, scale, disp) = match (explicit, access) {
        (true, _) => {
            (raw.memory_base(), raw.memory_index(), raw.memory_index_scale(), raw.memory_displacement64())
        }
        (false, Some(m)) => (m.base(), m.index(), m.scale(), m.displacement()),
        (false, None) => return None,
    };
    let pc_relative = raw.is_ip_rel_memory_operand();
    Some(MemOperand {
        base: if pc_relative { None } else { index(base) },
        index: index(idx),
        scale: scale as u8,
        disp: if pc_relative { raw.ip_rel_memory_address() } else { disp },
        percpu: raw.memory_segment() == Register::GS,
        size: raw.memory_size().size().min(64) as u8,
        access: match access.map(|m| m.access()) {
            None | Some(OpAccess::NoMemAccess | OpAccess::None) => Access::None,
            Some(OpAccess::Read | OpAccess::CondRead) => Access::Read,
            Some(OpAccess::Write | OpAccess::CondWrite) => Access::Write,
            Some(_) => Access::ReadWrite,
        },
    })
}

/// What a string move reads: the operand that is not written.
fn string_source(raw: &iced_x86::Instruction, used: &[iced_x86::UsedMemory]) -> Option<MemOperand> {
    let read = |m: &&iced_x86::UsedMemory| matches!(m.access(), OpAccess::Read | OpAccess::CondRead);
    let found = used.iter().find(read).filter(|_| raw.is_string_instruction() && used.len() > 1)?;
    Some(MemOperand {
        base: index(found.base()),
        index: None,
        scale: 1,
        disp: found.displacement(),
        percpu: false,
        size: raw.memory_size().size().min(64) as u8,
        access: Access::Read,
    })
}

fn operation(raw: &iced_x86::Instruction) -> Op {
    let reg = |i: u32| (raw.op_kind(i) == OpKind::Register).then(|| index(raw.op_register(i))).flatten();
    let is_memory = |i: u32| raw.op_kind(i) == OpKind::Memory;
    let width = || raw.op0_register().size();
    let source = |i: u32| -> Option<Operand> {
        match raw.op_kind(i) {
            OpKind::Register => reg(i).map(Operand::Reg),
            OpKind::Memory => Some(Operand::Mem),
            k if k >= OpKind::Immediate8 && k <= OpKind::Immediate32to64 => {
                Some(Operand::Imm(raw.immediate(i)))
            }
            _ => None,
        }
    };
    match raw.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => match (reg(0), source(1)) {
            (Some(dst), Some(src)) => Op::Move { dst, src },
            (None, Some(src)) if is_memory(0) => Op::Store { src },
            _ => Op::Other,
        },
        Mnemonic::Lea => reg(0).map_or(Op::Other, |dst| Op::Address { dst }),
        Mnemonic::Xor | Mnemonic::Sub if reg(0).is_some() && reg(0) == reg(1) => {
            reg(0).map_or(Op::Other, |dst| Op::Move { dst, src: Operand::Imm(0) })
        }
        Mnemonic::Add | Mnemonic::Sub => match (reg(0), source(1)) {
            (Some(dst), Some(Operand::Imm(n))) if raw.mnemonic() == Mnemonic::Add => Op::Add { dst, by: n },
            (Some(dst), Some(Operand::Imm(n))) => Op::Add { dst, by: n.wrapping_neg() },
            (Some(dst), Some(src)) if raw.mnemonic() == Mnemonic::Add && width() >= 4 => {
                Op::Sum { dst, src, wide: width() == 8 }
            }
            _ => Op::Other,
        },
        Mnemonic::Shl | Mnemonic::Shr => match (reg(0), source(1)) {
            (Some(dst), Some(Operand::Imm(n))) if width() >= 4 => {
                let by = (n & 63) as i8;
                Op::Shift {
                    dst,
                    by: if raw.mnemonic() == Mnemonic::Shl { by } else { -by },
                    wide: width() == 8,
                }
            }
            _ => Op::Other,
        },
        Mnemonic::Cmp => match (source(0), source(1)) {
            (Some(left), Some(right)) => Op::Compare { left, right },
            _ => Op::Other,
        },
        Mnemonic::Test => source(0).or(source(1)).map_or(Op::Other, |value| Op::Test { value }),
        Mnemonic::And => match (reg(0), source(1)) {
            (Some(dst), Some(Operand::Imm(mask))) => Op::And { dst, mask },
            _ => Op::Other,
        },
        _ => Op::Other,
    }
}

/// The call that ends at `ret`: `e8 rel32`, or `ff /2` in any of its lengths, with prefixes.
pub fn call_before(before: &[u8], ret: VirtAddr) -> Option<CallSite> {
    let ends_in_call = |len: usize| -> Option<Flow> {
        let code = before.get(before.len().checked_sub(len)?..)?;
        let raw = decode(code, VirtAddr(ret.0.wrapping_sub(len as u64)))?;
        let f = flow(&raw);
        (raw.len() == len && matches!(f, Flow::Call(_))).then_some(f)
    };
    let direct = match ends_in_call(5) {
        Some(Flow::Call(target)) => target,
        _ => None,
    };
    let indirect = (2..=8).any(|len| ends_in_call(len) == Some(Flow::Call(None)));
    (direct.is_some() || indirect).then_some(CallSite { direct, indirect })
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
