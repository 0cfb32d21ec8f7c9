//! What the detectives of a changed kernel share: whose code an address is, and what the end of the kernel has to do with it.

use std::ops::Range;

use necropsy_base::VirtAddr;
use necropsy_kernel::modules::modules;
use necropsy_kernel::taint;
use necropsy_report::{Hex, Place, terminal_safe};
use necropsy_target::Module;

use crate::{Case, Class, Findings};

/// Whether somebody asked for the dump.
pub fn requested(case: &Case) -> bool {
    case.crash().is_some_and(crate::crash::Crash::is_requested)
}

/// Taint letters of modules that nobody vouches for: proprietary, loaded by force, out of tree, unsigned.
pub const UNVOUCHED: [&str; 4] = ["P", "F", "O", "E"];

/// The code that hooks may lead into: that of modules that hide or that nobody vouches for. If such a module was loaded (the kernel
/// remembers) and none is to be seen, that of all modules; if none ever was, there is none.
pub fn suspects(case: &Case) -> Vec<Range<u64>> {
    let t = &case.target;
    let bad = |taint: &[String]| taint.iter().any(|l| UNVOUCHED.contains(&l.as_str()));
    let known: Vec<_> = modules(t).into_iter().filter(|m| bad(&m.taint)).map(|m| m.at).collect();
    let hidden = case.hidden_modules().iter().map(|h| &h.module);
    let seen = t.modules().list.iter().filter(|m| known.contains(&m.at)).chain(hidden);
    let code: Vec<Range<u64>> = seen.flat_map(|m| m.text.clone()).collect();
    let remembered = taint::mask(t).is_ok_and(|mask| bad(&taint::letters(t, mask)));
    match code.is_empty() && remembered {
        true => t.modules().list.iter().flat_map(|m| m.text.clone()).collect(),
        false => code,
    }
}

fn all_modules(case: &Case) -> impl Iterator<Item = &Module> {
    case.target.modules().list.iter().chain(case.hidden_modules().iter().map(|h| &h.module))
}

/// The module that an address is in, also one that hides.
pub fn module_of(case: &Case, at: VirtAddr) -> Option<&Module> {
    all_modules(case).find(|m| m.contains(at))
}

/// An address as a place, named by the symbols of the module it is in.
pub fn place_in(case: &Case, at: VirtAddr, sure: f64) -> Place {
    let t = &case.target;
    let known = crate::findings::place(t, at, Some(sure));
    let Some(module) = module_of(case, at).filter(|_| known.function.is_none()) else { return known };
    let symbols = module.symbols(t);
    let symbol = symbols[..symbols.partition_point(|s| s.value <= at.0)].last();
    Place {
        confidence: Some(sure),
        function: symbol.map(|s| terminal_safe(&s.name)),
        module: Some(terminal_safe(&module.name)),
        offset: symbol.map(|s| format!("{:#x}", at.0 - s.value)),
        address: Some(Hex(at.0)),
        ..Place::default()
    }
}

/// `function+0x1e [module]`, or the bare address.
pub fn named_place(p: &Place) -> String {
    let module = p.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    let address = || p.address.map_or_else(|| "an unknown place".into(), |a| a.to_string());
    match (&p.function, p.offset.as_deref()) {
        (Some(f), None | Some("0x0")) => format!("{f}{module}"),
        (Some(f), Some(offset)) => format!("{f}+{offset}{module}"),
        (None, _) => format!("{}{module}", address()),
    }
}

/// What was found is true, but a kernel that died of something of its own did not die of it.
pub fn in_doubt(case: &Case, class: Class, open: bool, what: &str, found: &mut Findings) {
    if open {
        return;
    }
    let Some(crash) = case.crash() else { return };
    let claim = format!(
        "the kernel died of something else, in task {}: {what}, but that alone does not kill",
        necropsy_report::bytes_text(&crash.task.comm.0)
    );
    found.add(class, -9.0, "stack", "bt".to_owned(), claim);
    case.target.note(format!("{what} in this kernel: see the evidence for {}", class.slug()));
}
