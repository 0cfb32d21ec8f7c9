//! `struct`: types, and memory as a type.

use necropsy_base::VirtAddr;
use necropsy_report::Hex;
use necropsy_target::TypeRef;
use serde_json::json;

use crate::ctype::{CType, Place};
use crate::similar::explained;
use crate::values::{self, Radix};
use crate::{Args, Command, CommandError, Context, Example, Sink, SinkExt, Spec, number};

pub struct Struct;

impl Command for Struct {
    fn name(&self) -> &'static str {
        "struct"
    }
    fn synopsis(&self) -> &'static str {
        "[-o] [-x | -d] [-r] [-l offset | type.member] type[.member[,member]] [address | symbol[:cpus]] [count]"
    }
    fn about(&self) -> &'static str {
        "a type's declaration, or memory as that type"
    }
    fn help(&self) -> &'static str {
        "Without an address: how the type is declared in this kernel, and its size. With one: the values there, all or\n\
         those of the members named; `count` elements in a row. The type's name alone, `union` and `*` do the same.\n\
         -o   with each member's offset, or its address if one is given\n\
         -l   the address is that of a member: the offset, or the member as type.member\n\
         -r   the raw words\n\
         -x   numbers in hexadecimal; -d in decimal\n\n\
         A per-CPU symbol takes CPUs after a colon: `:0`, `:1,3-5`, `:a` for all."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "struct list_head", what: "a declaration" },
            Example { line: "struct -o file", what: "with offsets" },
            Example { line: "struct task_struct.pid,comm init_task", what: "two members' values" },
            Example { line: "struct rq.nr_running,curr runqueues:a", what: "every CPU's" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "oxdr", values: "l", ..Spec::default() }
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let mut words = args.rest.iter().map(String::as_str);
        let mut first = words.next().unwrap_or_default();
        if matches!(first, "struct" | "union" | "enum") {
            first = words.next().unwrap_or_default();
        }
        if first.is_empty() {
            return Err(CommandError::Usage("a type's name is missing".into()));
        }
        let (name, members) = split(first);
        let ty = cx.target.type_named(name).ok_or_else(|| CommandError::no_type(name))?;
        match words.next() {
            None => declare(&ty, name, &members, cx.hex(args), args, out),
            Some(place) => at(cx, &ty, &members, place, words.next(), args, out),
        }
    }
}

/// `task_struct.pid,comm` into the type and its members.
fn split(word: &str) -> (&str, Vec<&str>) {
    match word.split_once('.') {
        Some((name, members)) => (name, members.split(',').filter(|m| !m.is_empty()).collect()),
        None => (word, Vec::new()),
    }
}

/// A type's declaration, or that of some members with their offsets.
pub fn declare(
    ty: &TypeRef,
    name: &str,
    members: &[&str],
    hex: bool,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    if members.is_empty() {
        let base = args.has('o').then_some(0);
        let value = json!({ "type": ty.name(), "size": ty.size().ok(), "members": listing(ty) });
        return Ok(out.row(&value, |_| values::definition(ty, base, hex))?);
    }
    out.heading(&format!("{} {{", ty.name()))?;
    for path in members {
        let m = ty.table.member(ty.id, path).map_err(necropsy_target::LoadError::from)?;
        let inner = ty.other(m.ty);
        let value = json!({ "type": name, "member": path, "offset": m.offset(), "of": inner.name() });
        out.row(&value, |_| {
            let text = values::declaration(&inner, path);
            if hex { format!("  [{:#x}] {text};", m.offset()) } else { format!("  [{}] {text};", m.offset()) }
        })?;
    }
    out.heading("}")?;
    let size = ty.size().unwrap_or(0);
    Ok(out.heading(&if hex { format!("SIZE: {size:#x}") } else { format!("SIZE: {size}") })?)
}

fn listing(ty: &TypeRef) -> serde_json::Value {
    let Some((_, _, members)) = values::members(ty) else {
        return serde_json::Value::Null;
    };
    let one = |m: &necropsy_debuginfo::Member| {
        json!({
            "name": m.name.as_deref(), "offset": m.bit_offset / 8, "bits": m.bit_size,
            "type": values::declaration(&ty.other(m.ty), "")
        })
    };
    members.iter().map(one).collect()
}

/// The values at one or several places.
fn at(
    cx: &Context,
    ty: &TypeRef,
    members: &[&str],
    place: &str,
    count: Option<&str>,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let show = |at: VirtAddr, out: &mut dyn Sink| {
        let at = VirtAddr(at.0.wrapping_sub(embedded(cx, args)?));
        one(cx, ty, members, at, args, out)
    };
    if let Some((symbol, list)) = place.split_once(':') {
        let base = cx.address(symbol)?;
        for cpu in cx.cpus(list)? {
            let at = cx.target.percpu(base, cpu).unwrap_or(base);
            out.heading(&format!("[{cpu}]: {:x}", at.0))?;
            show(at, out)?;
        }
        return Ok(());
    }
    let base = cx.address(place)?;
    let count = count.map_or(Some(1), number::count);
    let count = count.ok_or_else(|| CommandError::Usage("count is no number".into()))?.min(1 << 16);
    let size = ty.size().map_err(necropsy_target::LoadError::from)?;
    for i in 0..count {
        if i > 0 {
            out.heading("")?;
        }
        show(base.offset(i.wrapping_mul(size)), out)?;
    }
    Ok(())
}

/// Bytes from the struct's start to the member whose address was given.
fn embedded(cx: &Context, args: &Args) -> Result<u64, CommandError> {
    let Some(text) = args.value('l') else { return Ok(0) };
    if let Some(n) = number::count(text) {
        return Ok(n);
    }
    let (of, member) = text.split_once('.').unwrap_or((text, ""));
    Ok(cx.target.offset_of(of, member)?)
}

fn one(
    cx: &Context,
    ty: &TypeRef,
    members: &[&str],
    at: VirtAddr,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    if args.has('o') {
        let value = json!({ "type": ty.name(), "address": Hex(at.0), "members": listing(ty) });
        return Ok(out.row(&value, |_| values::definition(ty, Some(at.0), true))?);
    }
    if args.has('r') {
        return raw(cx, ty, at, out);
    }
    let hex = cx.hex(args);
    if !members.is_empty() {
        return show_members(cx, ty, members, at, hex, out);
    }
    show_whole(cx, ty, at, hex, out)
}

/// All of a struct, as `struct name {` and its members.
pub fn show_whole(
    cx: &Context,
    ty: &TypeRef,
    at: VirtAddr,
    hex: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let place = Place::new(CType::of(ty.clone()), at);
    values::reachable(cx, &place)?;
    let node = values::read(cx, &place);
    let radix = if hex { Radix::Hex } else { Radix::Decimal };
    let value = json!({ "type": ty.name(), "address": Hex(at.0), "value": values::json(&node) });
    let name = values::plain_name(&ty.name());
    Ok(out.row(&value, |_| format!("{name} {}", values::text(&node, radix, 0)))?)
}

/// Some members, one after the other: `  pid = 127,`.
pub fn show_members(
    cx: &Context,
    ty: &TypeRef,
    members: &[&str],
    at: VirtAddr,
    hex: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let whole = Place::new(CType::of(ty.clone()), at);
    let radix = if hex { Radix::Hex } else { Radix::Decimal };
    let mut text = String::new();
    let mut map = serde_json::Map::new();
    let mut failed = None;
    for path in members {
        let place = match whole.member(path) {
            Ok(place) => place,
            Err(e) => {
                failed.get_or_insert_with(|| explained(cx, e.into()).to_string());
                continue;
            }
        };
        let node = values::read(cx, &place);
        if let values::Node::Unreadable(why) = &node {
            failed.get_or_insert_with(|| format!("{path}: {why}"));
        }
        text += &format!("  {path} = {},\n", values::text(&node, radix, 2));
        map.insert((*path).to_owned(), values::json(&node));
    }
    let value = json!({ "type": ty.name(), "address": Hex(at.0), "value": map });
    out.row(&value, |_| text.clone())?;
    failed.map_or(Ok(()), |why| Err(CommandError::Partial(why)))
}

fn raw(cx: &Context, ty: &TypeRef, at: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    let size = ty.size().map_err(necropsy_target::LoadError::from)?.min(1 << 16);
    for line in (0..size).step_by(16) {
        let here = at.offset(line);
        let mut bytes = vec![0; (size - line).min(16) as usize];
        let read = cx.target.memory().read(here, &mut bytes);
        read.map_err(|e| CommandError::Partial(e.to_string()))?;
        let words: Vec<String> =
            bytes.chunks(8).map(|w| format!("{:016x}", cx.target.abi().uint(w))).collect();
        let text: String = bytes.iter().map(|b| super::rd::printable(*b)).collect();
        let value = json!({ "address": Hex(here.0), "values": words });
        out.row(&value, |_| format!("{:016x}:  {:<33}   {text}", here.0, words.join(" ")))?;
    }
    Ok(())
}
