//! What helps whatever it was: whose code it is, where to report it, and which options would have caught it. Added after judging, in one
//! place, so that detectives need not know.

use necropsy_debuginfo::locate::packages::{Distribution, Kernel, distribution};
use necropsy_kernel::modules::{ModuleInfo, modules};
use necropsy_report::{Analysis, Verdict};
use necropsy_target::Target;

use crate::explain;

/// Options that are named at most.
const OPTIONS: usize = 2;

/// What taint letters say about a module (Documentation/admin-guide/tainted-kernels.rst).
const LETTERS: &[(&str, &str)] = &[
    ("P", "is proprietary: only its maker can correct it"),
    ("O", "is built out of tree: whoever built it is to be asked"),
    ("C", "is from the staging tree: known to be unfinished"),
    ("F", "was loaded by force, against the kernel's own check"),
    ("K", "is a live patch: try without it"),
    ("E", "is not signed"),
];

/// Classes that say nothing about anybody's code.
const NOBODY: &[&str] = &[
    "unknown",
    "requested-crash",
    "machine-check",
    "hardware-error",
    "nmi",
    "bit-flip",
    "no-root-filesystem",
    "no-init",
    "init-killed",
    "fencing",
    "watchdog-reset",
    "out-of-memory",
    "io-error",
    "filesystem-error",
    "page-table-corruption",
    "hidden-module",
    "syscall-table-hook",
    "kernel-text-modified",
];

/// Symbols of kernels that have an option already: then it need not be recommended.
const BUILT_IN: &[(&str, &str)] = &[
    ("CONFIG_KASAN", "kasan_report"),
    ("CONFIG_PROVE_LOCKING", "lockdep_init_task"),
    ("CONFIG_VMAP_STACK", "cached_stacks"),
    ("CONFIG_DEBUG_LIST", "__list_del_entry_valid"),
    ("CONFIG_HARDENED_USERCOPY", "usercopy_abort"),
    ("CONFIG_UBSAN", "__ubsan_handle_shift_out_of_bounds"),
    ("CONFIG_KCSAN", "kcsan_init"),
];

/// Adds advice to the verdict; `t` is the kernel, where there is more than a log.
pub fn add(analysis: &mut Analysis, t: Option<&Target>) {
    let mut more: Vec<String> = provenance(analysis, t).into_iter().collect();
    analysis.verdict.advice.append(&mut more);
    more.extend(reporting(analysis));
    more.extend(options(&analysis.verdict, t));
    for line in more {
        if !analysis.verdict.advice.contains(&line) {
            analysis.verdict.advice.push(line);
        }
    }
}

/// Whose code the culprit's module is.
fn provenance(analysis: &Analysis, t: Option<&Target>) -> Option<String> {
    let name = analysis.verdict.culprit.as_ref()?.module.as_ref()?;
    let foreign = analysis.system.taint.iter().any(|t| t == "O" || t == "P");
    let Some(t) = t else {
        // A log says only that there are such modules.
        let said = "if it is out of tree (modules of that kind were loaded), ask whoever built it";
        return foreign.then(|| format!("find out where the module {name} is from: {said}"));
    };
    let module = modules(t).into_iter().find(|m| m.name == *name)?;
    let told: Vec<&str> = LETTERS.iter().filter(|(l, _)| has(&module, l)).map(|(_, text)| *text).collect();
    (!told.is_empty()).then(|| format!("the module {name} {}", told.join("; it ")))
}

fn has(module: &ModuleInfo, letter: &str) -> bool {
    module.taint.iter().any(|t| t == letter)
}

/// Who wants to hear of a bug in the kernel or in one of its own modules.
fn reporting(analysis: &Analysis) -> Option<String> {
    let (v, s) = (&analysis.verdict, &analysis.system);
    let foreign = v.advice.iter().any(|a| a.contains("out of tree") || a.contains("proprietary"));
    if NOBODY.contains(&v.class)
        || foreign
        || analysis.system.taint.iter().any(|t| t == "O") && v.culprit.is_none()
    {
        return None;
    }
    let culprit = v.culprit.as_ref()?;
    let release = s.release.as_deref()?;
    // What uname -v says begins with the number of the build, as in a banner.
    let whose = distribution(&Kernel { release, banner: s.version.as_deref().unwrap_or(""), build_id: None });
    let maintainers = match &culprit.file {
        Some(file) => format!("; upstream: scripts/get_maintainer.pl -f {file}"),
        None => String::new(),
    };
    tracker(whose).map(|to| format!("report it to {to}{maintainers}"))
}

/// Where a distribution takes reports about its kernel.
fn tracker(whose: Distribution) -> Option<&'static str> {
    match whose {
        Distribution::Debian => {
            Some("Debian (reportbug linux-image-$(uname -r), https://bugs.debian.org/src:linux)")
        }
        Distribution::Ubuntu => {
            Some("Ubuntu (ubuntu-bug linux, https://bugs.launchpad.net/ubuntu/+source/linux)")
        }
        Distribution::Fedora => {
            Some("Fedora (https://bugzilla.redhat.com, product Fedora, component kernel)")
        }
        Distribution::EnterpriseLinux => {
            Some("the vendor (Red Hat: https://issues.redhat.com, project RHEL, component kernel)")
        }
        Distribution::OracleUek => {
            Some("Oracle (https://github.com/oracle/linux-uek/issues, or My Oracle Support)")
        }
        Distribution::Amazon => Some("Amazon (https://github.com/amazonlinux/amazon-linux-2023/issues)"),
        Distribution::Suse => Some("SUSE (https://bugzilla.suse.com, component Kernel)"),
        Distribution::Arch => {
            Some("Arch Linux (https://gitlab.archlinux.org/archlinux/packaging/packages/linux/-/issues)")
        }
        Distribution::Unknown => {
            Some("whoever built this kernel, or upstream (Documentation/admin-guide/reporting-issues.rst)")
        }
    }
}

/// Options that would have caught it, and that this kernel has not.
fn options(v: &Verdict, t: Option<&Target>) -> Option<String> {
    let class = v.class;
    let built_in = |option: &str| {
        let symbols = BUILT_IN.iter().filter(|(name, _)| option.starts_with(name));
        symbols.into_iter().any(|(_, symbol)| t.is_some_and(|t| t.symbol(symbol).is_some()))
    };
    if NOBODY.contains(&class) && class != "out-of-memory" {
        return None;
    }
    // A detective may have said it already.
    let said = |option: &str| {
        let name = option.split([' ', ':', ',']).next().unwrap_or(option);
        v.advice.iter().any(|a| a.contains(name))
    };
    let wanted = explain::of(class)?.catch.iter().filter(|o| !built_in(o) && !said(o)).take(OPTIONS);
    let wanted: Vec<&str> = wanted.copied().collect();
    (!wanted.is_empty()).then(|| format!("to catch it earlier next time: {}", wanted.join("; or ")))
}

#[cfg(test)]
mod tests {
    use necropsy_report::Place;

    use super::*;

    #[test]
    fn where_to_report_follows_from_who_built_the_kernel() {
        let mut a = Analysis::default();
        a.verdict.class = "null-pointer-dereference";
        a.verdict.culprit = Some(Place { file: Some("fs/namei.c".into()), ..Place::default() });
        a.system.release = Some("6.1.0-18-amd64".into());
        a.system.version = Some("#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)".into());
        add(&mut a, None);
        assert!(a.verdict.advice[0].starts_with("report it to Debian"), "{:?}", a.verdict.advice);
        assert!(a.verdict.advice[0].ends_with("get_maintainer.pl -f fs/namei.c"));
        assert!(a.verdict.advice[1].contains("CONFIG_KASAN"));
        let mut hardware = Analysis::default();
        hardware.verdict.class = "machine-check";
        add(&mut hardware, None);
        assert!(hardware.verdict.advice.is_empty());
    }
}
