//! The counters of zones and nodes (`vm_zone_stat`, `vm_node_stat`), by the names that the kernel's own enums give them.
//!
//! Each CPU holds back small changes; they are added here, so that the sums are exact.

use std::collections::HashMap;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Kind, Type};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use super::zones::{node_addresses, zone_addresses};

/// No kernel counts more things.
const MAX_COUNTERS: i64 = 512;

/// All counters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(HashMap<String, i64>);

impl Counters {
    /// Those of this kernel.
    pub fn read(t: &Target) -> Result<Counters, LoadError> {
        let mut all = HashMap::new();
        let held_by_zones = zone_addresses(t).into_iter().map(|at| held_by_zone(t, at)).collect::<Vec<_>>();
        let held_by_nodes = node_addresses(t).into_iter().map(|at| held_by_node(t, at)).collect::<Vec<_>>();
        for (table, of, held) in [
            ("vm_zone_stat", "zone_stat_item", held_by_zones),
            ("vm_node_stat", "node_stat_item", held_by_nodes),
        ] {
            let at = t.need_symbol(table)?;
            for (name, index) in items(t, of)? {
                let value = t.memory().word(at.offset(index * u64::from(t.abi().word)))? as i64;
                let part = |h: &Vec<i64>| h.get(index as usize).copied().unwrap_or(0);
                let held: i64 = held.iter().map(part).sum();
                all.entry(name).or_insert(value.saturating_add(held));
            }
        }
        Ok(Counters(all))
    }

    /// A counter; `a|b` for alternatives. `None`: this kernel has none of them.
    pub fn get(&self, names: &str) -> Option<i64> {
        names.split('|').find_map(|name| self.0.get(name)).copied()
    }

    /// The same as a number of pages: never below zero, and zero where there is none.
    pub fn pages(&self, names: &str) -> u64 {
        self.get(names).unwrap_or(0).max(0) as u64
    }
}

/// Names of an enum that counts things; of several names for one number the one that a user would know.
pub(super) fn items(t: &Target, of: &str) -> Result<Vec<(String, u64)>, LoadError> {
    let types = t.types()?;
    let ty = types.find(Kind::Enum, of).ok_or_else(|| LoadError::NoStruct(of.to_owned()))?;
    let Type::Enum { values, .. } = types.get(ty)? else { return Ok(Vec::new()) };
    let counts = |name: &str| !name.ends_with("_BASE") && !name.ends_with("_ITEMS");
    let wanted = values.iter().filter(|(name, _)| counts(name.as_str()));
    let valid = wanted.filter(|(_, v)| (0..MAX_COUNTERS).contains(&(*v as i64)));
    Ok(valid.map(|(name, v)| (name.as_str().to_owned(), *v as u64)).collect())
}

#[derive(Load)]
#[kernel(name = "zone")]
struct ZoneHeld {
    /// Of their own since 5.14, together with the lists of free pages before.
    #[kernel(any = "per_cpu_zonestats|pageset")]
    base: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "pglist_data")]
struct NodeHeld {
    per_cpu_nodestats: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "per_cpu_zonestat|per_cpu_pageset")]
struct ZoneDiffs {
    vm_stat_diff: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "per_cpu_nodestat")]
struct NodeDiffs {
    vm_node_stat_diff: ArrayAt,
}

fn held_by_zone(t: &Target, at: VirtAddr) -> Vec<i64> {
    let base = t.load::<ZoneHeld>(at).map(|h| h.base);
    held(t, base, |at| Some(t.load::<ZoneDiffs>(at).ok()?.vm_stat_diff))
}

fn held_by_node(t: &Target, at: VirtAddr) -> Vec<i64> {
    let base = t.load::<NodeHeld>(at).map(|h| h.per_cpu_nodestats);
    held(t, base, |at| Some(t.load::<NodeDiffs>(at).ok()?.vm_node_stat_diff))
}

/// What all CPUs together hold back of each counter: bytes with a sign.
fn held(
    t: &Target,
    base: Result<VirtAddr, LoadError>,
    diffs: impl Fn(VirtAddr) -> Option<ArrayAt>,
) -> Vec<i64> {
    let mut sums = Vec::new();
    let Ok(base) = base else { return sums };
    for array in t.cpus().iter().filter_map(|(cpu, _)| diffs(t.percpu(base, *cpu)?)) {
        let len = array.len.min(MAX_COUNTERS as u64) as usize;
        let bytes = t.memory().bytes(array.at, len).unwrap_or_default();
        sums.resize(sums.len().max(bytes.len()), 0);
        sums.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += i64::from(byte as i8));
    }
    sums
}
