//! `whatis`: the declaration of a type, a function or a variable.

use std::sync::Arc;

use necropsy_base::VirtAddr;
use necropsy_debuginfo::{Kind, Type, Types};
use necropsy_kernel::globals;
use necropsy_target::TypeRef;
use schemars::JsonSchema;
use serde::Serialize;

use super::structs::declare;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::similar::What;
use crate::values::declaration;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Whatis;

impl Command for Whatis {
    fn name(&self) -> &'static str {
        "whatis"
    }
    fn synopsis(&self) -> &'static str {
        "[struct | union | typedef | symbol] | -r [size | low-high] [-m member]"
    }
    fn about(&self) -> &'static str {
        "the declaration of a type, a function or a variable; types by size"
    }
    fn help(&self) -> &'static str {
        "A type is shown with its members, a function as its prototype (of a module without types of its own by its .ko file with debug\n\
         information), a variable with its type where that is known.\n\
         -r SIZE | LOW-HIGH   the structs and unions of that size in bytes\n\
         -m MEMBER            of these, or of all, those with a member of that type (struct list_head, or list_head *)"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "whatis vfs_write", what: "a prototype" },
            Example { line: "whatis -r 192", what: "structs of 192 bytes: what a slab object may be" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "", values: "rm", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Declared, Sized, super::structs::Declared]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.value('r').is_some() || args.value('m').is_some() {
            return by_size(cx, args, out);
        }
        if args.rest.is_empty() {
            return Err(CommandError::Usage("which type or symbol?".into()));
        }
        let name = args.rest.join(" ");
        if let Some(text) = of_symbol(cx, &name) {
            return Ok(out.row(&Declared { name, declaration: text }, |d| d.declaration.clone())?);
        }
        let ty = cx
            .target
            .type_named(&name)
            .ok_or_else(|| CommandError::unknown(What::Type, &name, format!("no type or symbol {name}")))?;
        declare(&ty, &name, &[], false, args, out)
    }
}

#[derive(Serialize, JsonSchema)]
struct Declared {
    name: String,
    declaration: String,
}

/// A function's prototype or a variable's declaration; types come after these, as gdb has it.
fn of_symbol(cx: &Context, name: &str) -> Option<String> {
    let t = &cx.target;
    let at = cx.symbol(name);
    if let Some(text) = at.and_then(|at| by_file(cx, name, at)) {
        return Some(text);
    }
    let tables = std::iter::once(t.types().ok()?.clone())
        .chain(t.module_types().iter().map(|(_, b)| b.clone() as Arc<dyn Types>));
    for table in tables {
        if let Some(id) = table.find(Kind::Func, name)
            && let Ok(Type::Func { proto, .. }) = table.get(id)
        {
            return Some(format!("{};", declaration(&TypeRef { table, id: proto }, name)));
        }
    }
    let at = at?;
    let ty = t.percpu_type(name).or_else(|| t.global_type(name, at));
    let known = || globals::type_of(name).map(|ty| format!("{ty} {name};"));
    ty.map(|ty| format!("{};", declaration(&ty, name))).or_else(known)
}

/// The prototype of a module's function by the file that describes its code, if the module brought no types along.
fn by_file(cx: &Context, name: &str, at: VirtAddr) -> Option<String> {
    let t = &cx.target;
    let module = t.modules().holding(at)?;
    if t.module_types().iter().any(|(of, _)| *of == module.at) {
        return None;
    }
    let table: Arc<dyn Types> = t.debug_at(at)?.types.clone();
    let Type::Func { proto, .. } = table.get(table.find(Kind::Func, name)?).ok()? else { return None };
    Some(format!("{};", declaration(&TypeRef { table, id: proto }, name)))
}

#[derive(Serialize, JsonSchema)]
struct Sized {
    size: u64,
    name: String,
}

fn by_size(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let range = match args.value('r') {
        None => 0..=u64::MAX,
        Some(text) => {
            let bad = || CommandError::Usage(format!("no size: {text}"));
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            number::count(low).ok_or_else(bad)?..=number::count(high).ok_or_else(bad)?
        }
    };
    let table = cx.target.types()?;
    let mut found = Vec::new();
    for id in (1u32..).map(necropsy_debuginfo::TypeId) {
        let ty = match table.get(id) {
            Ok(ty) => ty,
            Err(necropsy_debuginfo::TypeError::NoType(_)) => break,
            Err(_) => continue,
        };
        let Type::Struct { name: Some(name), size, members, .. } = ty else { continue };
        let has = |wanted: &str| members.iter().any(|m| table.name_of(m.ty).contains(wanted));
        if range.contains(&size) && args.value('m').is_none_or(has) {
            found.push(Sized { size, name: name.to_string() });
        }
    }
    found.sort_by(|a, b| (a.size, &a.name).cmp(&(b.size, &b.name)));
    found.dedup_by(|a, b| a.size == b.size && a.name == b.name);
    let width = found.last().map_or(4, |f| f.size.to_string().len().max(4));
    out.heading(&format!("{:>width$}  TYPE", "SIZE"))?;
    for row in &found {
        out.row(row, |r| format!("{:>width$}  {}", r.size, r.name))?;
    }
    Ok(())
}
