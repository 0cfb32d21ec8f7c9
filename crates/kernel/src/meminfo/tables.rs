//! The kernel's statistics as tables, in the order of their enums, as /proc/vmstat has them: without what CPUs hold back.

use necropsy_base::MemoryExt;
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use super::counters::items;

/// Something that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name in the kernel's enum.
    pub name: String,
    /// How much.
    pub value: i64,
}

/// Names of an enum that counts things, with their numbers, in their order.
pub fn counter_names(t: &Target, of: &str) -> Result<Vec<(String, u64)>, LoadError> {
    items(t, of)
}

/// The sums over all zones (`vm_zone_stat`).
pub fn zone_table(t: &Target) -> Result<Vec<Counter>, LoadError> {
    global(t, "vm_zone_stat", "zone_stat_item")
}

/// The sums over all nodes (`vm_node_stat`).
pub fn node_table(t: &Target) -> Result<Vec<Counter>, LoadError> {
    global(t, "vm_node_stat", "node_stat_item")
}

/// Where memory was allocated, by NUMA node wanted and had: `vm_numa_stat`, since 5.14 `vm_numa_event`.
pub fn numa_table(t: &Target) -> Result<Vec<Counter>, LoadError> {
    let table = ["vm_numa_stat", "vm_numa_event"].into_iter().find(|name| t.symbol(name).is_some());
    global(t, table.unwrap_or("vm_numa_event"), "numa_stat_item")
}

fn global(t: &Target, table: &str, of: &str) -> Result<Vec<Counter>, LoadError> {
    let (at, word) = (t.need_symbol(table)?, u64::from(t.abi().word));
    let read =
        |(name, i): (String, u64)| Ok(Counter { name, value: t.memory().word(at.offset(i * word))? as i64 });
    items(t, of)?.into_iter().map(read).collect()
}

#[derive(Load)]
#[kernel(name = "vm_event_state")]
struct Events {
    event: ArrayAt,
}

/// What happened so often (`vm_event_states`), over all CPUs; empty without `CONFIG_VM_EVENT_COUNTERS`.
pub fn event_table(t: &Target) -> Result<Vec<Counter>, LoadError> {
    let on_cpu = |cpu: usize| t.load::<Events>(t.percpu_symbol("vm_event_states", cpu)?).ok();
    let cpus: Vec<Events> = t.cpus().iter().filter_map(|(cpu, _)| on_cpu(*cpu)).collect();
    let part = |events: &Events, i: u64| t.memory().word(events.event.element(i)?).ok();
    let sum = |i: u64| cpus.iter().filter_map(|e| part(e, i)).fold(0u64, u64::wrapping_add);
    let names = items(t, "vm_event_item")?;
    Ok(names.into_iter().map(|(name, i)| Counter { name, value: sum(i) as i64 }).collect())
}
