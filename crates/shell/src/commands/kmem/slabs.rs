//! `kmem -s` and `-S`: slab caches, their slabs and objects.

use std::collections::{HashMap, HashSet};

use necropsy_base::VirtAddr;
use necropsy_kernel::slab::{self, Cache, Found, Free, Holder, Place, Slab, State};
use necropsy_kernel::{memmap, parallel};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::similar::What;
use crate::{Args, CommandError, Context, Sink};

pub const HEADING: &str = "CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME";

#[derive(Serialize, JsonSchema)]
pub struct CacheRow {
    cache: Hex,
    object_size: u64,
    allocated: Option<u64>,
    total: Option<u64>,
    slabs: Option<u64>,
    slab_size: u64,
    name: String,
}

impl CacheRow {
    pub fn of(cx: &Context, cache: &Cache) -> CacheRow {
        let count = slab::count(&cx.target, cache).unwrap_or_default();
        CacheRow {
            cache: Hex(cache.at.0),
            object_size: cache.layout.object_size,
            allocated: count.in_use(),
            total: count.objects,
            slabs: count.slabs,
            slab_size: cx.target.page_size().checked_shl(cache.order).unwrap_or(0),
            name: cache.name.clone(),
        }
    }
    pub fn text(&self) -> String {
        let number = |n: Option<u64>| n.map_or("?".into(), |n| n.to_string());
        format!(
            "{:016x} {:>8} {:>10} {:>9} {:>6} {:>6}  {}",
            self.cache.0,
            self.object_size,
            number(self.allocated),
            number(self.total),
            number(self.slabs),
            format!("{}k", self.slab_size >> 10),
            self.name
        )
    }
}

/// Shows all caches, or those named, or the slabs at addresses.
pub fn show(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let walk = slab::caches(&cx.target)?;
    if let Some(problem) = &walk.problem {
        out.note(&format!("list of caches: {problem}"));
    }
    let left_out: Vec<&str> = args.value('I').into_iter().flat_map(|list| list.split(',')).collect();
    let caches: Vec<&Cache> = walk.items.iter().filter(|c| !left_out.contains(&c.name.as_str())).collect();
    let whole = args.has('S');
    if args.rest.is_empty() {
        return if whole {
            caches.iter().try_for_each(|c| with_slabs(cx, c, out))
        } else {
            all(cx, &caches, out)
        };
    }
    for (i, word) in args.rest.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let named: Vec<&&Cache> = caches.iter().filter(|c| c.name == *word).collect();
        let at = || cx.address(word).ok();
        match (named.is_empty(), at()) {
            (true, None) => {
                let message = format!("no slab cache named {word}");
                return Err(CommandError::unknown(What::Cache, word, message));
            }
            (true, Some(at)) => match caches.iter().find(|c| c.at == at) {
                Some(cache) if whole => with_slabs(cx, cache, out)?,
                Some(cache) => all(cx, &[cache], out)?,
                None => object(cx, at, whole, out)?,
            },
            (false, _) if whole => named.iter().try_for_each(|c| with_slabs(cx, c, out))?,
            (false, _) => named.iter().try_for_each(|c| all(cx, &[c], out))?,
        }
    }
    Ok(())
}

/// Counted on all CPUs, a few at a time, so that the first lines come at once.
fn all(cx: &Context, caches: &[&Cache], out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading(HEADING)?;
    for some in caches.chunks(16) {
        cx.go_on()?;
        for row in parallel::map(some, |c| CacheRow::of(cx, c)) {
            out.row(&row, CacheRow::text)?;
        }
    }
    Ok(())
}

fn object(cx: &Context, at: VirtAddr, whole: bool, out: &mut dyn Sink) -> Result<(), CommandError> {
    let at = super::address::memory(cx, at, false);
    let found = slab::find(&cx.target, at);
    let found = found.ok_or_else(|| CommandError::Failed(format!("{:x} is in no slab", at.0)))?;
    one_slab(cx, &found, whole, out)
}

/// The slab of an object, with that object or all.
pub fn one_slab(cx: &Context, found: &Found, whole: bool, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading(HEADING)?;
    out.row(&CacheRow::of(cx, &found.cache), CacheRow::text)?;
    let Some(free) = Free::of(&cx.target, &found.cache) else { return Ok(()) };
    let owners = owners(&free, &found.cache, std::slice::from_ref(&found.slab));
    slab_rows(cx, &found.cache, &found.slab, &free, &owners, (!whole).then_some(found.start), out)
}

#[derive(Serialize, JsonSchema)]
pub struct SlabRow {
    slab: Hex,
    memory: Hex,
    node: u64,
    total: u32,
    allocated: u64,
    free: u64,
    unknown: u64,
}

#[derive(Serialize, JsonSchema)]
pub struct ObjectRow {
    object: Hex,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_by: Option<String>,
}

impl ObjectRow {
    fn text(&self) -> String {
        let kept = self.kept_by.as_ref().map(|by| format!("  ({by})")).unwrap_or_default();
        match self.state {
            "allocated" => format!("  [{:x}]", self.object.0),
            "unknown" => format!("  ?{:x}?", self.object.0),
            _ => format!("   {:x}{kept}", self.object.0),
        }
    }
}

/// Who keeps which free objects: a CPU those of the slab it allocates from, on that CPU's chain or the slab's own; CPUs and nodes
/// those in their sheaves.
fn owners(free: &Free<'_>, cache: &Cache, slabs: &[Slab]) -> HashMap<VirtAddr, String> {
    let mut out = HashMap::new();
    for slab in slabs {
        let Some(cpu) = free.cpus.iter().find(|c| c.slab == Some(slab.at)) else { continue };
        let objects = free.chains(cache, slab).into_iter().flat_map(|chain| chain.objects);
        out.extend(objects.map(|at| (at, format!("cpu {} cache", cpu.cpu))));
    }
    for sheaf in &free.sheaves {
        let holder = match sheaf.holder {
            Holder::Cpu(cpu) => format!("cpu {cpu} sheaf"),
            Holder::RcuFree(cpu) => format!("cpu {cpu} sheaf, freed after a grace period"),
            Holder::Barn(node) => format!("sheaf of node {node}"),
        };
        out.extend(sheaf.objects.iter().map(|at| (*at, holder.clone())));
    }
    out
}

fn slab_rows(
    cx: &Context,
    cache: &Cache,
    slab: &Slab,
    free: &Free<'_>,
    owners: &HashMap<VirtAddr, String>,
    only: Option<VirtAddr>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let states = free.states(cache, slab);
    let count = |state: State| states.iter().filter(|(_, s)| *s == state).count() as u64;
    let row = SlabRow {
        slab: Hex(slab.at.0),
        memory: Hex(slab.start.0),
        node: node_of(cx, slab),
        total: slab.objects,
        allocated: count(State::Allocated),
        free: count(State::Free) + count(State::InSheaf),
        unknown: count(State::Unknown),
    };
    out.heading("  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE")?;
    out.row(&row, |r| {
        format!(
            "  {:016x}  {:016x}  {:>4} {:>6} {:>10} {:>5}",
            r.slab.0, r.memory.0, r.node, r.total, r.allocated, r.free
        )
    })?;
    if row.unknown > 0 {
        let text = "the chain of free objects is broken: what is behind that cannot be told (?address?)";
        out.note(&format!("slab {:x}: {text}", slab.at.0));
    }
    out.heading("  FREE / [ALLOCATED]")?;
    for (at, state) in states.iter().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
        let state = match state {
            State::Allocated => "allocated",
            State::Free => "free",
            State::InSheaf => "in a sheaf",
            State::Unknown => "unknown",
        };
        let kept_by = owners.get(at).filter(|_| state != "allocated").cloned();
        out.row(&ObjectRow { object: Hex(at.0), state, kept_by }, ObjectRow::text)?;
    }
    Ok(())
}

/// The NUMA node of a slab, by the zone that its memory is in.
fn node_of(cx: &Context, slab: &Slab) -> u64 {
    let Some(phys) = memmap::to_phys(&cx.target, slab.start) else { return 0 };
    let frame = phys.0 / cx.target.page_size();
    let nodes = cx.memory_nodes();
    let found = nodes.iter().find(|(_, pages)| pages.contains(&frame));
    found.map_or(0, |(number, _)| (*number).max(0) as u64)
}

#[derive(Serialize, JsonSchema)]
pub struct NodeRow {
    kmem_cache_node: Hex,
    node: usize,
    slabs: Option<u64>,
    partial: u64,
    per_cpu: u64,
}

/// A cache with all its slabs that are on a list.
fn with_slabs(cx: &Context, cache: &Cache, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading(HEADING)?;
    out.row(&CacheRow::of(cx, cache), CacheRow::text)?;
    let Some(free) = Free::of(&cx.target, cache) else { return Ok(()) };
    let listed = free.listed(cache);
    let slabs: Vec<Slab> = listed.iter().map(|(_, slab)| slab.clone()).collect();
    let owners = owners(&free, cache, &slabs);
    let section = |title: String, place: Place, out: &mut dyn Sink| -> Result<(), CommandError> {
        out.heading(&title)?;
        let here: Vec<&Slab> = listed.iter().filter(|(p, _)| *p == place).map(|(_, s)| s).collect();
        if here.is_empty() {
            out.heading("  (empty)")?;
        }
        here.into_iter().try_for_each(|s| slab_rows(cx, cache, s, &free, &owners, None, out))
    };
    for cpu in &free.cpus {
        out.heading(&format!("CPU {} KMEM_CACHE_CPU:\n  {:x}", cpu.cpu, cpu.at.0))?;
        section(format!("CPU {} SLAB:", cpu.cpu), Place::Cpu(cpu.cpu), out)?;
        section(format!("CPU {} PARTIAL:", cpu.cpu), Place::CpuPartial(cpu.cpu), out)?;
    }
    let counts = slab::count(&cx.target, cache)?.nodes;
    let per_cpu = free.cpus.iter().filter_map(|c| c.slab).collect::<HashSet<_>>().len() as u64;
    for (node, (_, slabs, partial)) in cache.nodes.iter().zip(counts) {
        let row = NodeRow { kmem_cache_node: Hex(node.at.0), node: node.number, slabs, partial, per_cpu };
        out.heading("KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU")?;
        out.row(&row, |r| {
            let slabs = r.slabs.map_or("?".into(), |n| n.to_string());
            format!(
                "{:016x}  {:>4} {slabs:>6} {:>8} {:>8}",
                r.kmem_cache_node.0, r.node, r.partial, r.per_cpu
            )
        })?;
        section(format!("NODE {} PARTIAL:", node.number), Place::NodePartial(node.number), out)?;
        if cache.flags().tracked {
            section(format!("NODE {} FULL:", node.number), Place::NodeFull(node.number), out)?;
        } else {
            out.heading(&format!("NODE {} FULL:\n  (not tracked)", node.number))?;
        }
    }
    Ok(())
}
