//! Loaded modules with what `lsmod` and a support engineer want to know.

use necropsy_base::VirtAddr;
use necropsy_target::{Load, Module, Target};

use crate::taint;

/// A loaded module.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// Its name.
    pub name: String,
    /// Address of its `struct module`.
    pub at: VirtAddr,
    /// Where its code begins.
    pub base: VirtAddr,
    /// Bytes of code and data.
    pub size: u64,
    /// How many use it; `None` if that cannot be read.
    pub refcount: Option<i64>,
    /// Taint letters.
    pub taint: Vec<String>,
    /// Build ID, in hex.
    pub build_id: Option<String>,
    /// Its version, if it says one.
    pub version: Option<String>,
    /// `LIVE`, `COMING`, `GOING` or `UNFORMED`.
    pub state: &'static str,
}

#[derive(Load)]
#[kernel(name = "module")]
struct Raw {
    state: u32,
    #[kernel(path = "refcnt.counter")]
    refcount: Option<i32>,
    taints: Option<u64>,
    version: Option<VirtAddr>,
}

const STATES: [&str; 4] = ["LIVE", "COMING", "GOING", "UNFORMED"];

/// The module that was unloaded last: the name that oopses show (`last_unloaded_module`, kernel/module/main.c; a `char[]`, since 5.19 a
/// struct that begins with one).
pub fn last_unloaded(t: &Target) -> Option<String> {
    use necropsy_base::MemoryExt;
    const LONGEST: usize = 56;
    let name = t.memory().cstr(t.symbol("last_unloaded_module")?, LONGEST).ok()?;
    let good = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    good.then(|| String::from_utf8_lossy(&name).into_owned())
}

/// All modules, newest first.
pub fn modules(t: &Target) -> Vec<ModuleInfo> {
    t.modules().list.iter().map(|m| info(t, m)).collect()
}

fn info(t: &Target, m: &Module) -> ModuleInfo {
    use necropsy_base::MemoryExt;
    let untold = |e| t.types().is_ok().then(|| t.note(format!("module {}: {e}", m.name)));
    let raw = t.load::<Raw>(m.at).map_err(untold).ok();
    let raw = raw.as_ref();
    let id = t.module_build_id(m);
    let version = raw.and_then(|r| r.version).filter(|v| !v.is_null());
    let version = version.and_then(|v| t.memory().cstr(v, 64).ok());
    ModuleInfo {
        name: m.name.clone(),
        at: m.at,
        base: m.base(),
        size: m.size(),
        // The count starts at one (`MODULE_REF_BASE`, 3.19 and later).
        refcount: raw.and_then(|r| r.refcount).map(|n| i64::from(n) - 1),
        taint: raw.and_then(|r| r.taints).map(|mask| taint::letters(t, mask)).unwrap_or_default(),
        build_id: id.map(|id| id.iter().map(|b| format!("{b:02x}")).collect()),
        version: version.map(|v| v.escape_ascii().to_string()),
        state: raw.and_then(|r| STATES.get(r.state as usize).copied()).unwrap_or("?"),
    }
}
