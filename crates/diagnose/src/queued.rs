//! Work items by who queues them: the functions of a module that name the item and queue work.

use necropsy_arch::{Flow, Insn, Op, Operand};
use necropsy_base::{Near, VirtAddr};
use necropsy_target::Target;

use crate::code;

/// Functions that queue a work item (kernel/workqueue.c).
const QUEUES: &[&str] =
    &["queue_work_on", "queue_delayed_work_on", "mod_delayed_work_on", "queue_rcu_work", "queue_work_node"];

/// Where the module with this work item among its variables queues it: the calls.
pub fn by(t: &Target, work: VirtAddr) -> Vec<VirtAddr> {
    let Some(module) = t.modules().holding(work) else { return Vec::new() };
    let call = |near: &Near| {
        let insns = code::function(t, near);
        insns.iter().any(|i| names(i, work)).then(|| insns.iter().find(|i| queues(t, i)).map(|i| i.at))?
    };
    code::functions(t, module).iter().filter_map(call).collect()
}

/// Whether an instruction has the address as a constant.
fn names(insn: &Insn, at: VirtAddr) -> bool {
    let constant = matches!(insn.op, Op::Move { src: Operand::Imm(n), .. } if n == at.0);
    constant || insn.mem.is_some_and(|m| m.base.is_none() && m.index.is_none() && m.disp == at.0)
}

fn queues(t: &Target, insn: &Insn) -> bool {
    let (Flow::Call(Some(to)) | Flow::Jump(Some(to))) = insn.flow else { return false };
    t.near(to).is_some_and(|n| n.start == to && QUEUES.contains(&n.name.as_str()))
}

#[cfg(test)]
mod tests {
    use necropsy_synth::functions::{Functions, TEXT, near_jump};

    use super::*;

    #[test]
    fn what_names_an_item_and_queues_it() {
        let mut made = Functions::default();
        // mov $0xffffffff82000010,%rdx; lea 0x10(%rip),%rdx; call queue_work_on; jmp other
        let code = [
            &[0x48, 0xc7, 0xc2, 0x10, 0, 0, 0x82, 0x48, 0x8d, 0x15, 0x10, 0, 0, 0][..],
            &near_jump(0xe8, TEXT + 0x10e, TEXT + 0x200),
            &near_jump(0xe9, TEXT + 0x113, TEXT + 0x240),
        ];
        made.function(0x100, "flush", &code.concat());
        made.function(0x200, "queue_work_on", &[0xc3]);
        made.function(0x240, "other", &[0xc3]);
        let t = crate::made::kernel(made);
        let insns = code::function(&t, &t.near(VirtAddr(TEXT + 0x100)).unwrap());
        let named = |at: u64| {
            insns.iter().filter(|i| names(i, VirtAddr(at))).map(|i| i.at.0 - TEXT - 0x100).collect::<Vec<_>>()
        };
        assert_eq!((named(0xffff_ffff_8200_0010), named(TEXT + 0x11e)), (vec![0], vec![7]));
        let queueing: Vec<u64> =
            insns.iter().filter(|i| queues(&t, i)).map(|i| i.at.0 - TEXT - 0x100).collect();
        assert_eq!(queueing, [14]);
    }
}
