//! `mod`: loaded modules.

use necropsy_kernel::modules::{ModuleInfo, modules};
use necropsy_report::Hex;
use serde::Serialize;

use crate::{Args, Command, CommandError, Context, Example, Sink, SinkExt, Spec};

pub struct Mod;

#[derive(Serialize)]
struct Row {
    name: String,
    module: Hex,
    base: Hex,
    size: u64,
    refcount: Option<i64>,
    taint: String,
    build_id: Option<String>,
    version: Option<String>,
    state: &'static str,
    object_file: Option<String>,
}

impl Command for Mod {
    fn name(&self) -> &'static str {
        "mod"
    }
    fn aliases(&self) -> &'static [&'static str] {
        &["lsmod"]
    }
    fn synopsis(&self) -> &'static str {
        "[-t]"
    }
    fn about(&self) -> &'static str {
        "loaded modules"
    }
    fn help(&self) -> &'static str {
        "Every module with its struct, where its code lies, its size and where its symbols are from: the dump itself.\n\
         -t   only tainting modules, with the letters"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "mod", what: "what was loaded" },
            Example { line: "mod -t", what: "who tainted the kernel" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "t", ..Spec::default() }
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(problem) = &cx.target.modules().problem {
            out.note(problem);
        }
        let mut rows: Vec<Row> = modules(&cx.target).into_iter().map(row).collect();
        rows.sort_by_key(|r| r.base);
        if args.has('t') {
            rows.retain(|r| !r.taint.is_empty());
            let width = rows.iter().map(|r| r.name.len()).max().unwrap_or(0).max(4);
            out.heading(&format!("{:<width$}  TAINTS", "NAME"))?;
            return rows
                .iter()
                .try_for_each(|r| Ok(out.row(r, |r| format!("{:<width$}  {}", r.name, r.taint))?));
        }
        let width = rows.iter().map(|r| r.name.len()).max().unwrap_or(0).max(4);
        out.heading(&format!(
            "     MODULE       {:<width$}        BASE           SIZE  OBJECT FILE",
            "NAME"
        ))?;
        for r in &rows {
            out.row(r, |r| {
                let (module, base) = (r.module.0, r.base.0);
                format!(
                    "{module:016x}  {:<width$}  {base:016x} {:>7}  (not loaded)  [CONFIG_KALLSYMS]",
                    r.name, r.size
                )
            })?;
        }
        Ok(())
    }
}

fn row(m: ModuleInfo) -> Row {
    Row {
        name: necropsy_report::terminal_safe(&m.name),
        module: Hex(m.at.0),
        base: Hex(m.base.0),
        size: m.size,
        refcount: m.refcount,
        taint: m.taint.concat(),
        build_id: m.build_id,
        version: m.version,
        state: m.state,
        object_file: None,
    }
}
