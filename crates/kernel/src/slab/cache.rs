//! Caches: `struct kmem_cache`, on the list `slab_caches` (mm/slab_common.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::list::Walk;
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use super::flags::FlagBits;
use super::{Flags, Layout};
use crate::containers;

/// No machine has more NUMA nodes (`MAX_NUMNODES` is 1024 at most).
const MAX_NODES: u64 = 1024;

/// A cache of objects of one size.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Its `struct kmem_cache`.
    pub at: VirtAddr,
    /// Its name, escaped.
    pub name: String,
    /// How its objects are laid out.
    pub layout: Layout,
    /// How many objects a slab has, if there is memory for one of the usual size.
    pub objects_per_slab: u64,
    /// How many pages such a slab has, as a power of two.
    pub order: u32,
    /// How many caches were made one with it, itself included.
    pub users: i64,
    /// Its parts, one on each NUMA node that has memory.
    pub nodes: Vec<Node>,
    pub(super) random: Option<u64>,
    pub(super) cpu_slab: Option<VirtAddr>,
    pub(super) cpu_sheaves: Option<VirtAddr>,
}

/// A cache's part on one NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The node's number.
    pub number: usize,
    /// Its `struct kmem_cache_node`.
    pub at: VirtAddr,
    /// Its `struct node_barn`, where this kernel has sheaves.
    pub barn: Option<VirtAddr>,
}

impl Cache {
    /// Its flags.
    pub fn flags(&self) -> Flags {
        self.layout.flags
    }
}

#[derive(Load)]
#[kernel(name = "kmem_cache")]
struct Raw {
    name: VirtAddr,
    flags: u64,
    size: u32,
    object_size: u32,
    inuse: u32,
    offset: u32,
    red_left_pad: Option<u32>,
    refcount: i32,
    #[kernel(path = "oo.x")]
    oo: u32,
    random: Option<u64>,
    cpu_slab: Option<VirtAddr>,
    cpu_sheaves: Option<VirtAddr>,
}

/// Where a cache has its nodes: plain pointers up to 6.19, pairs of pointers since.
#[derive(Load)]
#[kernel(one_of)]
enum Nodes {
    Pairs(NodePairs),
    Plain(PlainNodes),
}

#[derive(Load)]
#[kernel(name = "kmem_cache")]
struct NodePairs {
    per_node: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "kmem_cache")]
struct PlainNodes {
    node: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "kmem_cache_per_node_ptrs")]
struct NodePair {
    barn: VirtAddr,
    node: VirtAddr,
}

/// What is the same for all caches of a kernel.
pub(super) struct Shape {
    bits: FlagBits,
    track: Option<u64>,
    nodes: u64,
}

impl Shape {
    pub fn of(t: &Target) -> Shape {
        let nodes = t.symbol("nr_node_ids").and_then(|at| t.memory().u32(at).ok());
        Shape {
            bits: FlagBits::of(t),
            track: t.size_of("track").ok(),
            nodes: u64::from(nodes.unwrap_or(1)).clamp(1, MAX_NODES),
        }
    }

    pub fn load(&self, t: &Target, at: VirtAddr) -> Result<Cache, LoadError> {
        let raw: Raw = t.load(at)?;
        let layout = Layout {
            size: raw.size.into(),
            object_size: raw.object_size.into(),
            inuse: raw.inuse.into(),
            offset: raw.offset.into(),
            red_left_pad: raw.red_left_pad.unwrap_or(0).into(),
            flags: self.bits.decode(raw.flags),
            word: t.abi().word.into(),
            track: self.track,
        };
        let name = t.memory().cstr(raw.name, 128)?;
        if name.is_empty() || !layout.is_sane() {
            let found = format!("{} bytes, named {:?}", raw.size, name.escape_ascii().to_string());
            return Err(LoadError::Unfit { of: "kmem_cache", path: "size", at, found, wanted: "a cache" });
        }
        Ok(Cache {
            at,
            name: name.escape_ascii().to_string(),
            layout,
            objects_per_slab: u64::from(raw.oo & 0xffff),
            order: raw.oo >> 16,
            users: raw.refcount.into(),
            nodes: self.nodes(t, at),
            random: raw.random,
            cpu_slab: raw.cpu_slab.filter(|p| !p.is_null()),
            cpu_sheaves: raw.cpu_sheaves.filter(|p| !p.is_null()),
        })
    }

    fn nodes(&self, t: &Target, at: VirtAddr) -> Vec<Node> {
        let Ok(nodes) = t.load::<Nodes>(at) else { return Vec::new() };
        let node = |number: u64| {
            let (at, barn) = match &nodes {
                Nodes::Plain(n) => (t.memory().ptr(n.node.element(number)?).ok()?, None),
                Nodes::Pairs(n) => {
                    let pair: NodePair = t.load(n.per_node.element(number)?).ok()?;
                    (pair.node, Some(pair.barn).filter(|b| !b.is_null()))
                }
            };
            t.arch().is_kernel(at).then_some(Node { number: number as usize, at, barn })
        };
        (0..self.nodes).filter_map(node).collect()
    }
}

/// The cache at an address.
pub fn cache(t: &Target, at: VirtAddr) -> Result<Cache, LoadError> {
    Shape::of(t).load(t, at)
}

/// All caches, those that were made last first; what cannot be read is told by the walk.
pub fn caches(t: &Target) -> Result<Walk<Cache>, LoadError> {
    let (head, link) = (t.need_symbol("slab_caches")?, t.offset_of("kmem_cache", "list")?);
    let shape = Shape::of(t);
    let found = containers::list(t, head, link);
    let mut walk = Walk { items: Vec::new(), problem: found.problem };
    for at in found.items {
        match shape.load(t, at) {
            Ok(cache) => walk.items.push(cache),
            Err(e) => walk.problem = Some(format!("cache at {at:#x}: {e}")),
        }
    }
    Ok(walk)
}

#[derive(Load)]
#[kernel(name = "kmem_cache_node")]
pub(super) struct NodeLists {
    pub nr_partial: u64,
    pub partial: At,
    pub full: Option<At>,
    #[kernel(path = "nr_slabs.counter")]
    pub nr_slabs: Option<u64>,
    #[kernel(path = "total_objects.counter")]
    pub total_objects: Option<u64>,
}
