use super::*;
use crate::Regs;

fn one(code: &[u8]) -> Insn {
    instruction(code, VirtAddr(0x1000)).unwrap()
}

#[test]
fn a_store_through_a_register_with_displacement() {
    // movl $0x2a,0x18(%rdx,%rcx,4)
    let i = one(&[0xc7, 0x44, 0x8a, 0x18, 0x2a, 0, 0, 0]);
    let m = i.mem.unwrap();
    assert_eq!((m.base, m.index, m.scale, m.disp, m.size), (Some(DX), Some(CX), 4, 0x18, 4));
    assert_eq!((m.access, i.op), (Access::Write, Op::Store { src: Operand::Imm(0x2a) }));
    let mut regs = Regs::new();
    assert_eq!(m.address(&regs), None);
    regs.set(DX, 0x100);
    regs.set(CX, 2);
    assert_eq!(m.address(&regs), Some(0x120));
}

#[test]
fn constant_addresses_and_program_counter_relative_ones() {
    // movl $0x2a,0x0: no register at all
    let m = one(&[0xc7, 0x04, 0x25, 0, 0, 0, 0, 0x2a, 0, 0, 0]).mem.unwrap();
    assert_eq!((m.base, m.disp), (None, 0));
    // mov 0x10(%rip),%rax
    let m = one(&[0x48, 0x8b, 0x05, 0x10, 0, 0, 0]).mem.unwrap();
    assert_eq!((m.base, m.disp, m.access), (None, 0x1017, Access::Read));
    // mov %gs:0x28,%rax
    assert!(one(&[0x65, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0]).mem.unwrap().percpu);
}

#[test]
fn a_push_has_no_operand_of_its_own_and_a_string_store_has() {
    let push = one(&[0x53]);
    assert_eq!((push.mem, push.op), (None, Op::Other));
    let rep_stos = one(&[0xf3, 0x48, 0xab]);
    let m = rep_stos.mem.unwrap();
    assert_eq!((m.base, m.access), (Some(DI), Access::Write));
}

#[test]
fn values_that_move() {
    assert_eq!(one(&[0x31, 0xc0]).op, Op::Move { dst: AX, src: Operand::Imm(0) }); // xor %eax,%eax
    assert_eq!(one(&[0x48, 0x89, 0xd8]).op, Op::Move { dst: AX, src: Operand::Reg(BX) });
    assert_eq!(one(&[0x48, 0x8b, 0x43, 0x18]).op, Op::Move { dst: AX, src: Operand::Mem });
    assert_eq!(one(&[0x48, 0x83, 0xc0, 0x08]).op, Op::Add { dst: AX, by: 8 });
    assert!(one(&[0x48, 0x8b, 0x43, 0x18]).changes(AX));
}

#[test]
fn calls_are_found_behind() {
    let direct = [0x90, 0x90, 0x90, 0xe8, 0x10, 0, 0, 0];
    let site = call_before(&direct, VirtAddr(0x2000)).unwrap();
    assert_eq!((site.direct, site.indirect), (Some(VirtAddr(0x2010)), false));
    let indirect = [0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0];
    assert!(call_before(&indirect, VirtAddr(0x2000)).unwrap().indirect);
    assert_eq!(call_before(&[0x90; 8], VirtAddr(0x2000)), None);
    assert_eq!(call_before(&[], VirtAddr(0x2000)), None);
}

#[test]
fn cut_bytes_are_no_instruction() {
    assert!(instruction(&[0xe8, 0, 0], VirtAddr(0)).is_none());
    assert!(instruction(&[], VirtAddr(0)).is_none());
}

#[test]
fn sums_shifts_and_what_only_sets_flags() {
    assert_eq!(one(&[0x48, 0x01, 0xf7]).op, Op::Sum { dst: DI, src: Operand::Reg(SI), wide: true });
    assert_eq!(one(&[0x03, 0x43, 0x10]).op, Op::Sum { dst: AX, src: Operand::Mem, wide: false }); // add 0x10(%rbx),%eax
    assert_eq!(one(&[0x48, 0xc1, 0xe2, 0x04]).op, Op::Shift { dst: DX, by: 4, wide: true });
    assert_eq!(one(&[0xc1, 0xe8, 0x10]).op, Op::Shift { dst: AX, by: -16, wide: false });
    assert_eq!(
        one(&[0x83, 0xf8, 0xff]).op,
        Op::Compare { left: Operand::Reg(AX), right: Operand::Imm(u64::MAX) }
    );
    assert_eq!(one(&[0x85, 0xc0]).op, Op::Test { value: Operand::Reg(AX) });
    // One of 8 bits leaves the rest of the register as it was.
    assert_eq!(one(&[0x00, 0xd8]).op, Op::Other);
    assert_eq!(
        (crate::shifted(0x1_8000_0001, 1, false), crate::shifted(0x8000_0001, 1, true)),
        (2, 0x1_0000_0002)
    );
}
