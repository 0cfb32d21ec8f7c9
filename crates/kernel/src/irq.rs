//! Interrupts: descriptors, their actions, counts, softirqs (kernel/irq/irqdesc.c, kernel/softirq.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, LoadError, Target};

use crate::containers;

/// More actions than share one line.
const MAX_ACTIONS: usize = 256;
/// No machine has more interrupts.
const MAX_IRQS: u64 = 1 << 20;

/// An interrupt's descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Irq {
    /// Its number.
    pub number: u64,
    /// Its `struct irq_desc`.
    pub at: VirtAddr,
    /// Those who handle it.
    pub actions: Vec<Action>,
    /// How often it came, by CPU.
    pub counts: Vec<(usize, u64)>,
    /// Name of its chip, and how it is handled: `IO-APIC`, `edge`.
    pub chip: Option<String>,
    /// Name of the flow handler.
    pub flow: Option<String>,
    /// The CPUs it may go to.
    pub affinity: Vec<usize>,
    /// Whether it was switched off because it came again and again and nobody wanted it.
    pub given_up: bool,
}

/// `IRQS_SPURIOUS_DISABLED` (kernel/irq/internals.h, since 2.6.39).
const GIVEN_UP: u32 = 0x2;

/// Somebody who handles an interrupt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its `struct irqaction`.
    pub at: VirtAddr,
    /// Its name, escaped.
    pub name: String,
    /// The function.
    pub handler: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "irq_desc")]
struct Desc {
    irq_common_data: At,
    irq_data: At,
    kstat_irqs: VirtAddr,
    action: VirtAddr,
    name: VirtAddr,
    #[kernel(path = "core_internal_state__do_not_mess_with_it")]
    state: Option<u32>,
}

#[derive(Load)]
#[kernel(name = "irq_data")]
struct Data {
    chip: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "irq_chip")]
struct Chip {
    name: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "irq_common_data")]
struct Common {
    /// A mask in place, or a pointer to one (`CONFIG_CPUMASK_OFFSTACK`).
    affinity: Option<At>,
}

#[derive(Load)]
#[kernel(name = "irqaction")]
struct RawAction {
    handler: VirtAddr,
    next: VirtAddr,
    name: VirtAddr,
}

/// How many numbers there are, used or not.
pub fn count(t: &Target) -> Result<u64, LoadError> {
    // `nr_irqs` was renamed when it got an accessor (6.13).
    let at = t.symbol("total_nr_irqs").or_else(|| t.symbol("nr_irqs"));
    let at = at.ok_or_else(|| LoadError::NoSymbol("nr_irqs".into()))?;
    Ok(u64::from(t.memory().u32(at)?).min(MAX_IRQS))
}

/// The addresses of all descriptors by number: a maple tree since 6.5, a radix tree before.
pub fn descriptors(t: &Target) -> Result<Vec<(u64, VirtAddr)>, LoadError> {
    if let Some(at) = t.symbol("sparse_irqs") {
        let found = containers::maple(t, at)?.or_note(t, "interrupts");
        return Ok(found.into_iter().map(|r| (r.first, r.entry)).collect());
    }
    let at = t.need_symbol("irq_desc_tree")?;
    let head = t.offset_of("xarray", "xa_head").or_else(|_| t.offset_of("radix_tree_root", "rnode"))?;
    let root = t.memory().word(at.offset(head))?;
    Ok(containers::xarray(t, root)?.or_note(t, "interrupts"))
}

/// An interrupt by its descriptor.
pub fn irq(t: &Target, number: u64, at: VirtAddr) -> Result<Irq, LoadError> {
    let desc: Desc = t.load(at)?;
    let data: Data = t.load(desc.irq_data.0)?;
    let text = |at: VirtAddr| t.memory().cstr(at, 64).ok().map(|s| s.escape_ascii().to_string());
    let chip = t.load::<Chip>(data.chip).ok().filter(|_| !data.chip.is_null()).and_then(|c| text(c.name));
    Ok(Irq {
        number,
        at,
        actions: actions(t, desc.action)?,
        counts: counts(t, desc.kstat_irqs),
        chip,
        flow: if desc.name.is_null() { None } else { text(desc.name) },
        affinity: affinity(t, desc.irq_common_data.0).unwrap_or_default(),
        given_up: desc.state.is_some_and(|s| s & GIVEN_UP != 0),
    })
}

fn actions(t: &Target, mut at: VirtAddr) -> Result<Vec<Action>, LoadError> {
    let mut found = Vec::new();
    while !at.is_null() && found.len() < MAX_ACTIONS {
        let raw: RawAction = t.load(at)?;
        let name = t.memory().cstr(raw.name, 64).map(|s| s.escape_ascii().to_string()).unwrap_or_default();
        found.push(Action { at, name, handler: raw.handler });
        at = raw.next;
    }
    Ok(found)
}

/// Since 6.10 the per-CPU counter is a struct whose first member is the count.
fn counts(t: &Target, counter: VirtAddr) -> Vec<(usize, u64)> {
    let count = |cpu: usize| t.memory().u32(t.percpu(counter, cpu)?).ok();
    t.cpus().iter().filter_map(|(cpu, _)| Some((*cpu, u64::from(count(*cpu)?)))).collect()
}

fn affinity(t: &Target, common: VirtAddr) -> Option<Vec<usize>> {
    let at = t.load::<Common>(common).ok()?.affinity?.0;
    let pointer = t.member_size("irq_common_data", "affinity") == Some(8) && is_pointer(t);
    let mask = if pointer { t.memory().ptr(at).ok()? } else { at };
    Some(mask_cpus(t, mask))
}

/// Whether `cpumask_var_t` is a pointer: a mask of more than 64 CPUs is, and so may be one of fewer.
fn is_pointer(t: &Target) -> bool {
    t.type_named("cpumask_var_t")
        .is_some_and(|ty| matches!(ty.strip(), Ok(necropsy_debuginfo::Type::Pointer(_))))
}

/// The CPUs of a `struct cpumask`.
pub fn mask_cpus(t: &Target, mask: VirtAddr) -> Vec<usize> {
    let known: Vec<usize> = t.cpus().iter().map(|c| c.0).collect();
    let set = |cpu: &usize| {
        let word = t.memory().word(mask.offset((*cpu / 64 * 8) as u64));
        word.is_ok_and(|w| w >> (cpu % 64) & 1 == 1)
    };
    known.into_iter().filter(set).collect()
}

/// The actions of the softirqs, by number.
pub fn softirqs(t: &Target) -> Result<Vec<VirtAddr>, LoadError> {
    let at = t.need_symbol("softirq_vec")?;
    let size = t.size_of("softirq_action")?;
    let action = |i: u64| t.memory().ptr(at.offset(i * size));
    let count = t.enumerator("", "NR_SOFTIRQS").unwrap_or(10).min(64);
    let found: Result<Vec<VirtAddr>, _> = (0..count).map(action).collect();
    Ok(found?)
}

/// The handlers of the interrupt descriptor table (x86-64: 16 bytes each).
pub fn gates(t: &Target) -> Result<Vec<VirtAddr>, LoadError> {
    let table = t.need_symbol("idt_table")?;
    let gate = |i: u64| -> Result<VirtAddr, LoadError> {
        let at = table.offset(i * 16);
        let low = t.memory().word(at)?;
        let high = u64::from(t.memory().u32(at.offset(8))?);
        Ok(VirtAddr(low & 0xffff | low >> 32 & 0xffff_0000 | high << 32))
    };
    (0..256).map(gate).collect()
}
