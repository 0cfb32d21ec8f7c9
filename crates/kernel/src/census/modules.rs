//! Modules by other ways than their list.
//!
//! A module that is loaded is in the list `modules` (what `lsmod` shows), in sysfs (`module_kset`), in the tree that finds the module
//! of an address (`mod_tree`, 4.2 and later), in the list of bug tables (`module_bug_list`), and its `struct module` lies in the memory
//! that was allocated for it, with a pointer to itself (`mkobj.mod`, set by `mod_sysfs_init()`). Loading and unloading do not take all
//! of them at once: only modules that are live count (kernel/module/main.c, kernel/params.c, lib/bug.c; 4.2 to 7.x).

use std::collections::BTreeMap;
use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Bytes, Load, Module, Target};

use super::tree;
use crate::containers::list;
use crate::vmalloc;

/// How a module was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Its directory in sysfs.
    Sysfs,
    /// The tree that tells which module an address is in.
    Tree,
    /// The list of modules with tables of `BUG()` places.
    BugList,
    /// Its description in the memory that modules are loaded into.
    Memory,
}

impl Way {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Way::Sysfs => "sysfs (module_kset)",
            Way::Tree => "the tree that addresses are looked up in (mod_tree)",
            Way::BugList => "the list of bug tables (module_bug_list)",
            Way::Memory => "the memory that modules are loaded into",
        }
    }
}

/// A module that is loaded and not in the list.
pub struct HiddenModule {
    /// The module, with its symbols.
    pub module: Module,
    /// Where it was found nevertheless.
    pub ways: Vec<Way>,
    /// Whether its link in the list points to itself or to what `list_del()` leaves: it was taken out.
    pub unlinked: bool,
}

/// `MODULE_STATE_LIVE`.
const LIVE: u32 = 0;

#[derive(Load)]
#[kernel(name = "module")]
struct Raw {
    state: u32,
    name: Bytes<64>,
    #[kernel(path = "list.next")]
    next: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "module_kobject")]
struct Directory {
    #[kernel(path = "mod")]
    of: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "mod_tree_node")]
struct TreeNode {
    #[kernel(path = "mod")]
    of: VirtAddr,
}

/// The live modules that are missing from the list but found by pointers of the kernel; with `search`, also by looking through the
/// memory that modules are loaded into.
pub fn hidden_modules(t: &Target, search: bool) -> Vec<HiddenModule> {
    // A list that cannot be followed says nothing about who is missing.
    if t.types().is_err() || t.modules().problem.is_some() {
        return Vec::new();
    }
    let mut found: BTreeMap<VirtAddr, Vec<Way>> = BTreeMap::new();
    let mut add = |way: Way, all: Vec<VirtAddr>| {
        for at in all.into_iter().filter(|at| !t.modules().list.iter().any(|m| m.at == *at)) {
            found.entry(at).or_default().push(way);
        }
    };
    add(Way::Sysfs, in_sysfs(t));
    add(Way::Tree, in_tree(t));
    add(Way::BugList, in_bug_list(t));
    if search {
        add(Way::Memory, modules_in_memory(t));
    }
    found.into_iter().filter_map(|(at, ways)| hidden(t, at, ways)).collect()
}

fn hidden(t: &Target, at: VirtAddr, mut ways: Vec<Way>) -> Option<HiddenModule> {
    ways.dedup();
    let raw: Raw = t.load(at).ok()?;
    let link = at.offset(t.offset_of("module", "list").ok()?);
    if raw.state != LIVE || !is_name(&raw.name.0) {
        return None;
    }
    let module = t.module_at(at).ok().filter(|m| !m.text.is_empty())?;
    // `list_del()` leaves LIST_POISON1, `list_del_init()` the address of the link itself.
    let unlinked = raw.next == link || !t.arch().is_kernel(raw.next);
    Some(HiddenModule { module, ways, unlinked })
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// `/sys/module`: those of its directories that belong to a module and not to built-in code.
fn in_sysfs(t: &Target) -> Vec<VirtAddr> {
    let offsets = t.offset_of("kset", "list").and_then(|list| {
        Ok((list, t.offset_of("kobject", "entry")?, t.offset_of("module_kobject", "kobj")?))
    });
    let kset = t.symbol("module_kset").and_then(|at| t.memory().ptr(at).ok()).filter(|at| !at.is_null());
    let (Some(kset), Ok((head, entry, kobj))) = (kset, offsets) else { return Vec::new() };
    let directories = list(t, kset.offset(head), kobj.saturating_add(entry)).items;
    let module = |at: VirtAddr| t.load::<Directory>(at).ok().map(|d| d.of);
    directories.into_iter().filter_map(module).filter(|at| !at.is_null()).collect()
}

fn in_tree(t: &Target) -> Vec<VirtAddr> {
    let offsets = t
        .offset_of("mod_tree_root", "root.tree[0]")
        .and_then(|root| Ok((root, t.offset_of("mod_tree_node", "node.node[0]")?)));
    let (Some(tree), Ok((root, node))) = (t.symbol("mod_tree"), offsets) else { return Vec::new() };
    let nodes = tree::nodes(t, tree.offset(root));
    nodes.into_iter().filter_map(|n| t.load::<TreeNode>(n.moved(-(node as i64))).ok()).map(|n| n.of).collect()
}

fn in_bug_list(t: &Target) -> Vec<VirtAddr> {
    match (t.symbol("module_bug_list"), t.offset_of("module", "bug_list")) {
        (Some(head), Ok(link)) => list(t, head, link).items,
        _ => Vec::new(),
    }
}

/// Every `struct module` in the areas that modules are loaded into: each has a pointer to itself.
pub fn modules_in_memory(t: &Target) -> Vec<VirtAddr> {
    let Ok(own) = t.offset_of("module", "mkobj.mod") else { return Vec::new() };
    // Areas of modules that are in the list need no search.
    let claimed = |area: &Range<u64>| {
        t.modules().list.iter().any(|m| area.contains(&m.at.0) || m.contains(VirtAddr(area.start)))
    };
    let unclaimed = vmalloc::areas_near_image(t).into_iter().filter(|area| !claimed(area));
    unclaimed.flat_map(|area| describing_themselves(t, &area, own)).collect()
}

/// Places in `area` from which, `own` bytes further, their own address stands.
fn describing_themselves(t: &Target, area: &Range<u64>, own: u64) -> Vec<VirtAddr> {
    let page = t.page_size();
    let (mut buf, mut found) = (vec![0; page as usize], Vec::new());
    for start in (area.start..area.end).step_by(page as usize) {
        if t.budget().step().is_err() {
            break;
        }
        if t.memory().read(VirtAddr(start), &mut buf).is_err() {
            continue;
        }
        let words = buf.chunks_exact(8).zip((start..).step_by(8));
        let itself = words.filter(|(word, at)| t.abi().uint(word).wrapping_add(own) == *at);
        found.extend(itself.map(|(_, at)| VirtAddr(at - own)).filter(|m| area.contains(&m.0)));
    }
    found
}
