//! `bpf`: BPF programs and maps.

mod instruction;

use necropsy_base::VirtAddr;
use necropsy_kernel::bpf::{self, Map, Program};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::structs::show_whole;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

/// No program's code is larger.
const MAX_CODE: u64 = 16 << 20;

pub struct Bpf;

impl Command for Bpf {
    fn name(&self) -> &'static str {
        "bpf"
    }
    fn synopsis(&self) -> &'static str {
        "[[-p id | -P] [-tTj]] [-m id | -M] [-s [-x | -d]]"
    }
    fn about(&self) -> &'static str {
        "BPF programs and maps"
    }
    fn help(&self) -> &'static str {
        "Without options: all programs, then all maps.\n\
         -p   one program, with its sizes, when it was loaded, its name\n\
         -P   all programs so\n\
         -t   with -p and -P: its instructions; -T with their bytes\n\
         -j   with -p and -P: the machine code that it was compiled to\n\
         -m   one map, with its sizes and name\n\
         -M   all maps so\n\
         -s   with those four: also the structs\n\
         -x   numbers in hexadecimal; -d in decimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "bpf", what: "all of them" },
            Example { line: "bpf -P", what: "what is known of each program" },
            Example { line: "bpf -p 7 -t", what: "what a program does" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "PMtTjsxd", values: "pm", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![ProgramRow, MapRow, super::structs::Object, super::dis::Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let (program, map) = (wanted(args, 'p')?, wanted(args, 'm')?);
        let some = program.is_some() || map.is_some() || args.has('P') || args.has('M');
        let all = |letter| args.has(letter) || !some;
        if program.is_some() || all('P') {
            programs(cx, args, program.filter(|_| !args.has('P')), some, out)?;
        }
        if map.is_some() || all('M') {
            maps(cx, args, map.filter(|_| !args.has('M')), some, out)?;
        }
        Ok(())
    }
}

fn wanted(args: &Args, letter: char) -> Result<Option<u64>, CommandError> {
    let number = |text| {
        number::count(text)
            .ok_or_else(|| CommandError::Usage(format!("-{letter} takes a number, not {text}")))
    };
    args.value(letter).map(number).transpose()
}

#[derive(Serialize, JsonSchema)]
struct ProgramRow {
    id: u64,
    program: Hex,
    aux: Hex,
    kind: String,
    tag: String,
    maps: Vec<u64>,
    name: String,
    translated_bytes: u64,
    compiled_bytes: u64,
    code: Hex,
    loaded_ns: u64,
    gpl_compatible: bool,
    /// Memory that its instructions take.
    memory_bytes: Option<u64>,
    /// The user who loaded it.
    uid: Option<u32>,
    instructions: Option<Vec<Hex>>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<Vec<Instruction>>,
}

/// An instruction of BPF.
#[derive(Serialize, JsonSchema)]
struct Instruction {
    index: usize,
    bytes: String,
    text: String,
}

/// `maps`: where they are, and their identifiers; a constant that is the address of one is named so.
fn listing(words: &[Hex], maps: &[Map]) -> Vec<Instruction> {
    let words: Vec<u64> = words.iter().map(|w| w.0).collect();
    let (mut index, mut all) = (0, Vec::new());
    while let Some(rest) = words.get(index..).filter(|rest| !rest.is_empty()) {
        let (mut text, len) = instruction::text(rest);
        let constant = text
            .split_once("= 0x")
            .filter(|_| len == 2)
            .and_then(|(_, hex)| u64::from_str_radix(hex, 16).ok());
        if let Some(map) = maps.iter().find(|map| Some(map.at.0) == constant) {
            text = format!("{}= map[id:{}]", text.split('=').next().unwrap_or_default(), map.id);
        }
        let bytes = rest.iter().take(len).flat_map(|w| w.to_le_bytes()).map(|b| format!("{b:02x}"));
        all.push(Instruction { index, bytes: bytes.collect::<Vec<_>>().join(" "), text });
        index += len;
    }
    all
}

/// The one that was asked for, or all.
fn chosen<T>(
    mut found: Vec<T>,
    id: impl Fn(&T) -> u64,
    only: Option<u64>,
    what: &str,
    out: &mut dyn Sink,
) -> Result<Vec<T>, CommandError> {
    found.retain(|one| only.is_none_or(|only| id(one) == only));
    match (only, found.is_empty()) {
        (Some(only), true) => Err(CommandError::Failed(format!("no BPF {what} has the ID {only}"))),
        (None, true) => {
            out.heading(&format!("No BPF {what}s."))?;
            Ok(found)
        }
        _ => Ok(found),
    }
}

fn programs(
    cx: &Context,
    args: &Args,
    only: Option<u64>,
    whole: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let found = chosen(bpf::programs(&cx.target)?, |p| p.id, only, "program", out)?;
    for (i, one) in found.iter().enumerate() {
        if i == 0 || whole {
            out.heading(
                " ID      BPF_PROG       BPF_PROG_AUX    BPF_PROG_TYPE        TAG         USED_MAPS",
            )?;
        }
        let row = program_row(cx, one, args.has('t') || args.has('T'));
        out.row(&row, |r| program_text(r, whole, args.has('T')))?;
        if whole && args.has('j') {
            machine_code(cx, one, args, out)?;
        }
        if whole && args.has('s') {
            structs(cx, args, [("bpf_prog", one.at), ("bpf_prog_aux", one.aux)], out)?;
        }
    }
    Ok(())
}

/// What a program was compiled to, if it was.
fn machine_code(cx: &Context, one: &Program, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    if one.compiled == 0 {
        return Ok(out.heading("(not compiled)\n")?);
    }
    let end = one.code.0.saturating_add(one.compiled.min(MAX_CODE));
    match super::dis::code_in(cx, one.code.0..end, args, out) {
        Err(e) if e.ends_all() => Err(e),
        Err(e) => {
            out.note(&format!("code of program {}: {e}", one.id));
            Ok(())
        }
        Ok(()) => Ok(out.heading("")?),
    }
}

fn program_row(cx: &Context, one: &Program, instructions: bool) -> ProgramRow {
    let words = || bpf::instructions(&cx.target, one).into_iter().map(Hex).collect::<Vec<_>>();
    let instructions = instructions.then(words);
    ProgramRow {
        id: one.id,
        program: Hex(one.at.0),
        aux: Hex(one.aux.0),
        kind: one.kind.clone(),
        tag: one.tag.clone(),
        maps: one.maps.clone(),
        name: one.name.clone(),
        translated_bytes: one.instructions.saturating_mul(8),
        compiled_bytes: one.compiled,
        code: Hex(one.code.0),
        loaded_ns: one.loaded,
        gpl_compatible: one.gpl,
        memory_bytes: one.pages.map(|n| n * cx.target.page_size()),
        uid: one.uid,
        listing: instructions
            .as_deref()
            .map(|words| listing(words, &bpf::maps(&cx.target).unwrap_or_default())),
        instructions,
    }
}

fn program_text(r: &ProgramRow, whole: bool, bytes: bool) -> String {
    let maps: Vec<String> = r.maps.iter().map(u64::to_string).collect();
    let mut text = format!(
        "{:>3}  {:016x}  {:016x}  {:<16}  {}  {}",
        r.id,
        r.program.0,
        r.aux.0,
        r.kind,
        r.tag,
        maps.join(",")
    );
    if whole {
        let gpl = if r.gpl_compatible { "yes" } else { "no" };
        let (seconds, rest) = (r.loaded_ns / 1_000_000_000, r.loaded_ns / 1000 % 1_000_000);
        let memory = r.memory_bytes.map(|n| format!("  MEMLOCK: {n}")).unwrap_or_default();
        let uid = r.uid.map(|n| format!("  UID: {n}")).unwrap_or_default();
        text = format!(
            "{}\n     XLATED: {}  JITED: {} at {:x}{memory}\n     LOAD_TIME: {seconds}.{rest:06} s after boot\n     GPL_COMPATIBLE: {gpl}  NAME: \"{}\"{uid}\n",
            text.trim_end(),
            r.translated_bytes,
            r.compiled_bytes,
            r.code.0,
            r.name
        );
    }
    for i in r.listing.iter().flatten() {
        // The code byte in brackets, as the verifier's log has it.
        text += &format!("{:>6}: ({}) {}\n", i.index, i.bytes.get(..2).unwrap_or("??"), i.text);
        if bytes {
            text += &format!("        {}\n", i.bytes);
        }
    }
    text.trim_end_matches(' ').to_owned()
}

#[derive(Serialize, JsonSchema)]
struct MapRow {
    id: u64,
    map: Hex,
    kind: String,
    flags: Hex,
    name: String,
    key_bytes: u64,
    value_bytes: u64,
    max_entries: u64,
}

fn maps(
    cx: &Context,
    args: &Args,
    only: Option<u64>,
    whole: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let found = chosen(bpf::maps(&cx.target)?, |m| m.id, only, "map", out)?;
    for (i, one) in found.iter().enumerate() {
        if i == 0 || whole {
            out.heading(" ID      BPF_MAP          BPF_MAP_TYPE      MAP_FLAGS")?;
        }
        out.row(&map_row(one), |r| map_text(r, whole))?;
        if whole && args.has('s') {
            structs(cx, args, [("bpf_map", one.at)], out)?;
        }
    }
    Ok(())
}

fn map_row(one: &Map) -> MapRow {
    MapRow {
        id: one.id,
        map: Hex(one.at.0),
        kind: one.kind.clone(),
        flags: Hex(one.flags),
        name: one.name.clone(),
        key_bytes: one.key,
        value_bytes: one.value,
        max_entries: one.entries,
    }
}

fn map_text(r: &MapRow, whole: bool) -> String {
    let line = format!("{:>3}  {:016x}  {:<20}  {:08x}", r.id, r.map.0, r.kind, r.flags.0);
    if !whole {
        return line;
    }
    format!(
        "{line}\n     KEY_SIZE: {}  VALUE_SIZE: {}  MAX_ENTRIES: {}\n     NAME: \"{}\"\n",
        r.key_bytes, r.value_bytes, r.max_entries, r.name
    )
}

/// The structs of an object; one that cannot be read costs a note.
fn structs<const N: usize>(
    cx: &Context,
    args: &Args,
    all: [(&str, VirtAddr); N],
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    for (name, at) in all {
        let Some(ty) = cx.target.type_named(name) else { continue };
        match show_whole(cx, &ty, at, cx.hex(args), out) {
            Err(e) if e.ends_all() => return Err(e),
            Err(e) => out.note(&format!("{name} {:#x}: {e}", at.0)),
            Ok(()) => {}
        }
    }
    Ok(())
}
