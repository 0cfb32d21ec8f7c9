//! RCU: the grace period that runs, and who holds it up.
//!
//! `rcu_state` since 4.20; before, one per flavour (kernel/rcu/tree.h). Each leaf node has a bit for every CPU of its range that has not
//! yet passed through a quiescent state, and with preemptible RCU a pointer into its list of tasks that block the grace
//! period.

use necropsy_base::VirtAddr;
use necropsy_target::{ArrayAt, Load, LoadError, Target};

/// The names of the state, the one that most depends on first.
const STATES: &[&str] = &["rcu_state", "rcu_preempt_state", "rcu_sched_state"];
/// `RCU_SEQ_STATE_MASK`: the low bits of a sequence number say whether a grace period runs.
const RUNNING: u64 = 3;
/// More nodes than any tree has.
const MAX_NODES: u64 = 1 << 12;

/// What holds up a grace period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GracePeriod {
    /// Whether one runs.
    pub running: bool,
    /// CPUs that have not passed through a quiescent state.
    pub cpus: Vec<usize>,
    /// Whether tasks that were preempted inside of a critical section hold it up.
    pub tasks: bool,
}

#[derive(Load)]
#[kernel(name = "rcu_state")]
struct State {
    node: ArrayAt,
    #[kernel(any = "gp_seq|gpnum")]
    sequence: u64,
}

#[derive(Load)]
#[kernel(name = "rcu_node")]
struct Node {
    grplo: i32,
    grphi: i32,
    level: u8,
    qsmask: u64,
    gp_tasks: Option<VirtAddr>,
}

/// The grace period, as far as its tree can be read.
pub fn grace_period(t: &Target) -> Result<GracePeriod, LoadError> {
    let at = STATES.iter().find_map(|name| t.symbol(name));
    let state: State = t.load(at.ok_or_else(|| LoadError::NoSymbol("rcu_state".into()))?)?;
    let nodes = state.node.iter().take(MAX_NODES as usize).map(|at| t.load::<Node>(at));
    let nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
    let leaf = nodes.iter().filter(|n| n.grphi >= n.grplo).map(|n| n.level).max();
    let mut found = GracePeriod { running: state.sequence & RUNNING != 0, ..GracePeriod::default() };
    for node in nodes.iter().filter(|n| Some(n.level) == leaf) {
        found.cpus.extend(node.holdouts());
        found.tasks |= node.gp_tasks.is_some_and(|at| !at.is_null());
    }
    Ok(found)
}

impl Node {
    fn holdouts(&self) -> impl Iterator<Item = usize> + '_ {
        let (low, high) = (self.grplo.max(0), self.grphi.min(self.grplo.saturating_add(63)));
        (low..=high).filter(move |cpu| self.qsmask >> (cpu - low) & 1 == 1).map(|cpu| cpu as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_cpus_of_the_nodes_range() {
        let node = Node { grplo: 16, grphi: 31, level: 1, qsmask: 0b1001, gp_tasks: None };
        assert_eq!(node.holdouts().collect::<Vec<_>>(), [16, 19]);
        let broken = Node { grplo: i32::MAX, grphi: i32::MIN, level: 1, qsmask: u64::MAX, gp_tasks: None };
        assert_eq!(broken.holdouts().count(), 0);
    }
}
