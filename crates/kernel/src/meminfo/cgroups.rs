//! Memory control groups: what each uses, and how much it may (`struct mem_cgroup`, mm/memcontrol.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, LoadError, Target};

use crate::containers;

/// More groups than any machine has.
const MAX_GROUPS: usize = 1 << 16;

/// A memory control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Its `struct mem_cgroup`.
    pub at: VirtAddr,
    /// Its path, escaped; `/` is the root.
    pub path: String,
    /// Pages that it and those below it use. (The root does not count its own.)
    pub pages: u64,
    /// Pages that it may use; `None`: as many as there are.
    pub limit: Option<u64>,
}

#[derive(Load)]
#[kernel(name = "mem_cgroup")]
struct Raw {
    #[kernel(path = "css.cgroup")]
    cgroup: VirtAddr,
    #[kernel(path = "css.children")]
    children: At,
    #[kernel(path = "memory.usage.counter")]
    usage: u64,
    #[kernel(any = "memory.max|memory.limit")]
    max: u64,
}

#[derive(Load)]
#[kernel(name = "cgroup")]
struct Group {
    kn: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "kernfs_node")]
struct Name {
    name: VirtAddr,
}

/// All groups, parents before their children.
pub fn cgroups(t: &Target) -> Result<Vec<Cgroup>, LoadError> {
    let root = t.memory().ptr(t.need_symbol("root_mem_cgroup")?)?;
    let (css, sibling) = (t.offset_of("mem_cgroup", "css")?, t.offset_of("mem_cgroup", "css.sibling")?);
    let mut out = Vec::new();
    let mut todo = vec![(root, String::new())];
    while let Some((at, above)) = todo.pop() {
        let Ok(raw) = t.load::<Raw>(at) else { continue };
        if out.len() >= MAX_GROUPS || t.budget().step().is_err() {
            break;
        }
        let path = if at == root { String::new() } else { format!("{above}/{}", name(t, raw.cgroup)) };
        // PAGE_COUNTER_MAX: LONG_MAX / PAGE_SIZE.
        let limit = Some(raw.max).filter(|max| *max < (i64::MAX as u64) / t.page_size());
        let children = containers::list(t, raw.children.0, sibling - css).items;
        todo.extend(children.into_iter().map(|child| (child.moved(-(css as i64)), path.clone())));
        let path = if path.is_empty() { "/".to_owned() } else { path };
        out.push(Cgroup { at, path, pages: raw.usage, limit });
    }
    Ok(out)
}

fn name(t: &Target, cgroup: VirtAddr) -> String {
    let name = || {
        let node: Name = t.load(t.load::<Group>(cgroup).ok()?.kn).ok()?;
        t.memory().cstr(node.name, 256).ok()
    };
    name().unwrap_or_default().escape_ascii().to_string()
}
