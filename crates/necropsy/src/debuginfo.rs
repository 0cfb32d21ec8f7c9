//! `debuginfo`: which files with debugging information a dump needs, which are there, and how to get the rest.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use necropsy_debuginfo::locate::packages::{Advice, Kernel, advice};
use necropsy_debuginfo::locate::{Found, Search, Wanted, hex};
use necropsy_kernel::modules::{self, ModuleInfo};
use necropsy_report::terminal_safe;
use necropsy_target::Target;
use serde::Serialize;

use crate::cli::{DebuginfoArgs, ModeArg};
use crate::open::{open_with_search, refuse_wrong, wanted_kernel, wanted_module};

/// Exit code when a file is missing.
const MISSING: u8 = 3;

/// The answer.
#[derive(Serialize)]
struct Answer {
    release: String,
    build_id: Option<String>,
    distribution: &'static str,
    complete: bool,
    files: Vec<Row>,
    install: Install,
    notes: Vec<String>,
}

/// One file.
#[derive(Serialize)]
struct Row {
    /// `vmlinux`, or the module's name.
    name: String,
    kind: &'static str,
    build_id: Option<String>,
    /// `found`, `stripped` (found, without debugging information), `refused` (only wrong ones), `missing`.
    status: &'static str,
    /// Not from the kernel's own tree: no distribution's package has it.
    out_of_tree: bool,
    path: Option<String>,
    how: Option<&'static str>,
    known_by: Option<&'static str>,
    refused: Vec<Wrong>,
}

#[derive(Serialize)]
struct Wrong {
    path: String,
    reason: String,
}

/// How to get what is missing.
#[derive(Serialize)]
struct Install {
    packages: Vec<String>,
    commands: Vec<String>,
    hints: Vec<String>,
    debuginfod: Option<&'static str>,
}

/// Looks for the files and tells.
pub fn run(args: &DebuginfoArgs) -> Result<ExitCode> {
    let (target, search, _) = open_with_search(&args.input, &args.open)?;
    let answer = answer(&target, &search)?;
    let text = match args.format {
        ModeArg::Json => serde_json::to_string_pretty(&answer)? + "\n",
        ModeArg::Text => terminal_safe(&text(&answer)),
    };
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(if answer.complete { ExitCode::SUCCESS } else { ExitCode::from(MISSING) })
}

fn answer(target: &Target, search: &Search) -> Result<Answer> {
    let kernel = wanted_kernel(target);
    let found = search.find(&kernel);
    refuse_wrong(&found)?;
    let mut notes = Vec::new();
    let mut files = vec![row("vmlinux".into(), "kernel", false, &kernel, found, &mut notes)];
    for module in modules::modules(target).iter().rev() {
        let wanted = wanted_module(module, &kernel);
        let found = search.find(&wanted);
        files.push(row(module.name.clone(), "module", out_of_tree(module), &wanted, found, &mut notes));
    }
    let Advice { distribution, packages, commands, hints, debuginfod } = advise(target, &kernel);
    Ok(Answer {
        complete: files.iter().all(|f| f.status == "found"),
        release: kernel.release,
        build_id: kernel.build_id.as_deref().map(hex),
        distribution: distribution.name(),
        files,
        install: Install { packages, commands, hints, debuginfod },
        notes,
    })
}

/// The taint letter of modules that are not from the kernel's tree.
fn out_of_tree(module: &ModuleInfo) -> bool {
    module.taint.iter().any(|letter| letter == "O")
}

fn advise(target: &Target, kernel: &Wanted) -> Advice {
    let version = || target.meta().uts.as_ref().map(|uts| uts.version.clone());
    let banner = kernel.banner.clone().or_else(version).unwrap_or_default();
    let build_id = kernel.build_id.as_deref();
    advice(&Kernel { release: &kernel.release, banner: &banner, build_id })
}

fn row(
    name: String,
    kind: &'static str,
    out_of_tree: bool,
    wanted: &Wanted,
    found: Found,
    notes: &mut Vec<String>,
) -> Row {
    let status = match &found.file {
        Some(file) if file.has_dwarf => "found",
        Some(_) => "stripped",
        None if found.refused.is_empty() => "missing",
        None => "refused",
    };
    for note in found.notes {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let wrong = |path: &std::path::Path, reason: String| Wrong { path: path.display().to_string(), reason };
    Row {
        name,
        kind,
        build_id: wanted.build_id.as_deref().map(hex),
        status,
        out_of_tree,
        path: found.file.as_ref().map(|f| f.path.display().to_string()),
        how: found.file.as_ref().map(|f| f.how.text()),
        known_by: found.file.as_ref().map(|f| f.known_by.text()),
        refused: found.refused.iter().map(|r| wrong(&r.path, r.why.to_string())).collect(),
    }
}

fn text(a: &Answer) -> String {
    let mut out = String::new();
    let id = a.build_id.as_deref().unwrap_or("not in the dump");
    let _ = writeln!(out, "     KERNEL: {}\n   BUILD ID: {id}\n   BUILT BY: {}\n", a.release, a.distribution);
    let width = a.files.iter().map(|f| f.name.chars().count()).max().unwrap_or(0);
    for file in &a.files {
        let _ = writeln!(
            out,
            "{:<width$}  {:<40}  {}",
            file.name,
            file.build_id.as_deref().unwrap_or("-"),
            state(file)
        );
        for wrong in &file.refused {
            let _ = writeln!(out, "{:<width$}  refused: {}: {}", "", wrong.path, wrong.reason);
        }
    }
    let there = a.files.iter().filter(|f| f.status == "found").count();
    let _ = writeln!(out, "\n{there} of {} files found", a.files.len());
    if !a.complete {
        missing(a, &mut out);
    }
    a.notes.iter().for_each(|note| _ = writeln!(out, "note: {note}"));
    out
}

fn state(file: &Row) -> String {
    let place = || {
        let (how, known_by) = (file.how.unwrap_or_default(), file.known_by.unwrap_or_default());
        format!("{} ({how}; {known_by})", file.path.as_deref().unwrap_or_default())
    };
    match file.status {
        "found" => place(),
        "stripped" => format!("{}, without debugging information", place()),
        _ if file.out_of_tree => "missing; not from the kernel's tree".into(),
        _ => "missing".into(),
    }
}

/// How to get what is missing.
fn missing(a: &Answer, out: &mut String) {
    let lacks = |f: &&Row| f.status != "found";
    if a.files.iter().filter(lacks).any(|f| !f.out_of_tree) {
        list(out, "Packages with the missing files:", &a.install.packages);
        list(out, "To install them:", &a.install.commands);
        a.install.hints.iter().for_each(|hint| _ = writeln!(out, "\n{hint}"));
        if let Some(server) = a.install.debuginfod {
            let _ = writeln!(out, "\nThe distribution's debuginfod may have them: DEBUGINFOD_URLS={server}");
        }
    }
    let foreign: Vec<&str> =
        a.files.iter().filter(lacks).filter(|f| f.out_of_tree).map(|f| f.name.as_str()).collect();
    if !foreign.is_empty() {
        let _ = writeln!(
            out,
            "\nNot from the kernel's tree: {}. Their .ko files, unstripped, are where they were built; --debug-dir \
             DIR says where.",
            foreign.join(", ")
        );
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n{title}");
        lines.iter().for_each(|line| _ = writeln!(out, "    {line}"));
    }
}
