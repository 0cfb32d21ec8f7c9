//! `mod`: loaded modules.

use necropsy_kernel::modules::{ModuleInfo, modules};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Mod;

#[derive(Serialize, JsonSchema)]
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
        "[-t | -s module [file] | -S | -d module | -D]"
    }
    fn about(&self) -> &'static str {
        "loaded modules"
    }
    fn help(&self) -> &'static str {
        "Every module with its struct, where its code lies, its size and the file with its debugging information, if one is\n\
         used. Files are found by themselves where they are installed, beside the dump, or below --debug-dir; names of\n\
         functions and variables come from the dump in any case.\n\
         -t   only tainting modules, with the letters\n\
         -s   opens the debugging information of a module: the file given, or the one that is found\n\
         -S   opens that of all modules\n\
         -d   forgets the file of a module; -D all files"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "mod", what: "what was loaded" },
            Example { line: "mod -t", what: "who tainted the kernel" },
            Example { line: "mod -S", what: "where the debugging information of each module is" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "tSD", values: "sd", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(problem) = &cx.target.modules().problem {
            out.note(problem);
        }
        let chosen = files(cx, args, out)?;
        let mut rows: Vec<Row> = modules(&cx.target).into_iter().map(|m| row(cx, m)).collect();
        rows.retain(|r| chosen.as_ref().is_none_or(|name| r.name == *name));
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
                let file = r.object_file.as_deref().unwrap_or("(not loaded)  [CONFIG_KALLSYMS]");
                format!("{module:016x}  {:<width$}  {base:016x} {:>7}  {file}", r.name, r.size)
            })?;
        }
        Ok(())
    }
}

/// Opens and forgets files as the options say; the module that was meant, if it was one.
fn files(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<Option<String>, CommandError> {
    let t = &cx.target;
    let named = |name: &str| {
        let found = t.modules().named(name);
        found.ok_or_else(|| CommandError::no_module(name))
    };
    if let Some(name) = args.value('s') {
        let module = named(name)?;
        match args.rest.first() {
            Some(file) => t.set_module_debug(module, file.into()).map_err(CommandError::Failed)?,
            None => drop(t.module_debug(module).ok_or_else(|| {
                CommandError::Failed(format!(
                    "no file with debugging information of {name} was found: give it"
                ))
            })?),
        }
        return Ok(Some(name.to_owned()));
    }
    if let Some(name) = args.value('d') {
        t.forget_module_debug(named(name)?);
        return Ok(Some(name.to_owned()));
    }
    if args.has('D') {
        t.modules().list.iter().for_each(|m| t.forget_module_debug(m));
    }
    if args.has('S') {
        let missing = t.modules().list.iter().filter(|m| t.module_debug(m).is_none()).count();
        if missing > 0 {
            out.note(&format!(
                "{missing} modules without debugging information: `necropsy debuginfo` says what to install"
            ));
        }
    }
    Ok(None)
}

fn row(cx: &Context, m: ModuleInfo) -> Row {
    let file = cx.target.module_debug_loaded(&m.name);
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
        object_file: file.map(|d| necropsy_report::terminal_safe(&d.file.path().display().to_string())),
    }
}
