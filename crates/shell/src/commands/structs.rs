//! `struct`: types, and memory as a type.

use necropsy_base::VirtAddr;
use necropsy_report::Hex;
use necropsy_target::TypeRef;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::ctype::{CType, Place};
use crate::schema::rows;
use crate::similar::explained;
use crate::values::{self, Radix};
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, number};

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
    fn rows(&self) -> Vec<RowType> {
        rows![Declared, DeclaredMember, Object, Raw]
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
        let (size, members) = (ty.size().ok(), listing(ty));
        let row = Declared { ty: ty.name(), size, address: None, members };
        return Ok(out.row(&row, |_| values::definition(ty, base, hex))?);
    }
    out.heading(&format!("{} {{", ty.name()))?;
    for path in members {
        let m = ty.table.member(ty.id, path).map_err(necropsy_target::LoadError::from)?;
        let inner = ty.other(m.ty);
        let (ty, member) = (name.to_owned(), (*path).to_owned());
        let row = DeclaredMember { ty, member, offset: m.offset(), of: inner.name() };
        out.row(&row, |_| {
            let text = values::declaration(&inner, path);
            if hex { format!("  [{:#x}] {text};", m.offset()) } else { format!("  [{}] {text};", m.offset()) }
        })?;
    }
    out.heading("}")?;
    let size = ty.size().unwrap_or(0);
    Ok(out.heading(&if hex { format!("SIZE: {size:#x}") } else { format!("SIZE: {size}") })?)
}

/// How a type is declared.
#[derive(Serialize, JsonSchema)]
pub struct Declared {
    #[serde(rename = "type")]
    ty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Of the memory that the offsets are shown for.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Hex>,
    /// Of a struct or union.
    members: Option<Vec<Member>>,
}

/// A member of a struct.
#[derive(Serialize, JsonSchema)]
struct Member {
    name: Option<String>,
    offset: u64,
    /// Width of a bit-field.
    bits: Option<u32>,
    #[serde(rename = "type")]
    ty: String,
}

/// Where a member lies.
#[derive(Serialize, JsonSchema)]
pub struct DeclaredMember {
    #[serde(rename = "type")]
    ty: String,
    member: String,
    offset: u64,
    /// The member's own type.
    of: String,
}

/// Memory as a type: a value, or those of the members asked for.
#[derive(Serialize, JsonSchema)]
pub struct Object {
    #[serde(rename = "type")]
    ty: String,
    address: Hex,
    value: Value,
}

/// Two words of memory.
#[derive(Serialize, JsonSchema)]
struct Raw {
    address: Hex,
    values: Vec<String>,
}

fn listing(ty: &TypeRef) -> Option<Vec<Member>> {
    let (_, _, members) = values::members(ty)?;
    let one = |m: &necropsy_debuginfo::Member| Member {
        name: m.name.as_ref().map(|n| n.to_string()),
        offset: m.bit_offset / 8,
        bits: m.bit_size,
        ty: values::declaration(&ty.other(m.ty), ""),
    };
    Some(members.iter().map(one).collect())
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
        let row = Declared { ty: ty.name(), size: None, address: Some(Hex(at.0)), members: listing(ty) };
        return Ok(out.row(&row, |_| values::definition(ty, Some(at.0), true))?);
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
    let row = Object { ty: ty.name(), address: Hex(at.0), value: values::json(&node) };
    let name = values::plain_name(&ty.name());
    Ok(out.row(&row, |_| format!("{name} {}", values::text(&node, radix, 0)))?)
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
    let row = Object { ty: ty.name(), address: Hex(at.0), value: Value::Object(map) };
    out.row(&row, |_| text.clone())?;
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
        let row = Raw { address: Hex(here.0), values: words };
        out.row(&row, |r| format!("{:016x}:  {:<33}   {text}", here.0, r.values.join(" ")))?;
    }
    Ok(())
}
