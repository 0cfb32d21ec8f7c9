//! `p`: values of expressions.

use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::ctype::{CType, Place, View};
use crate::expr::{Mode, Operand, evaluate};
use crate::schema::rows;
use crate::values::{self, Node, Radix};
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, SinkExt, Spec};

pub struct P;

impl Command for P {
    fn name(&self) -> &'static str {
        "p"
    }
    fn synopsis(&self) -> &'static str {
        "[-x | -d | -u | -o | -t] [-g] expression | symbol[.member]:cpus"
    }
    fn about(&self) -> &'static str {
        "the value of a variable or an expression"
    }
    fn help(&self) -> &'static str {
        "Variables by name, members (a.b, p->c), elements (a[3]), * and &, casts, sizeof, and arithmetic, as in C.\n\
         A per-CPU variable takes CPUs after a colon: `:0`, `:1,3-5`, `:a` for all; without, the panicked CPU's is shown.\n\
         -x   numbers in hexadecimal (also px); -d in decimal (also pd)\n\
         -u -o -t   unsigned, in octal, in binary\n\
         -g   as gdb alone writes it, `$1 = value` (also print, p/x, p/d, p/u, p/o, p/t)\n\n\
         The types come from the kernel's BTF. It has no types of ordinary variables: those of well-known ones are built\n\
         in, any other must be cast, as in p *(struct list_head *)&name."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "p jiffies", what: "a variable" },
            Example { line: "p init_task.comm", what: "a member of one" },
            Example { line: "p -t init_task.flags", what: "in binary (also p/t)" },
            Example { line: "p runqueues.nr_running:a", what: "every CPU's" },
            Example { line: "p ((struct task_struct *)0xffff888003d18000)->comm", what: "through a cast" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "xduotg", ..Spec::default() }
    }
    fn shape(&self, args: &Args) -> Shape {
        if args.rest.join(" ").contains(':') { Shape::List } else { Shape::One }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::List, Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let text = args.rest.join(" ");
        if text.trim().is_empty() {
            return Err(CommandError::Usage("an expression is missing".into()));
        }
        let radix = radix(cx, args);
        if let Some((expression, list)) = text.split_once(':') {
            return percpu(cx, expression.trim(), list.trim(), radix, out);
        }
        let label = label(cx, &text, args.has('g'));
        match evaluate(cx, &text, Mode::C)? {
            Operand::Place(place) => {
                let place = own_copy(cx, &text, place, out);
                show(cx, &text, &place, radix, &label, out)
            }
            Operand::Number(n, ty) => number(cx, &text, n, ty.as_ref(), (radix, &label), out),
        }
    }
}

fn radix(cx: &Context, args: &Args) -> Radix {
    let letters = [('u', Radix::Unsigned), ('o', Radix::Octal), ('t', Radix::Binary)];
    let default = if cx.hex(args) { Radix::Hex } else { Radix::Decimal };
    letters.iter().find(|(letter, _)| args.has(*letter)).map_or(default, |(_, radix)| *radix)
}

/// What stands before the value: a variable's name, or the number that gdb would give an expression's value.
fn label(cx: &Context, text: &str, gdb: bool) -> String {
    let name = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    if name && !gdb { text.to_owned() } else { format!("${}", cx.next_value()) }
}

/// The name of the variable that the expression starts with.
fn variable(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}

/// A per-CPU variable's place is in the template; the copy of the CPU that died is the one of interest.
fn own_copy(cx: &Context, text: &str, place: Place, out: &mut dyn Sink) -> Place {
    if cx.target.percpu_type(variable(text)).is_none() {
        return place;
    }
    let cpu = cx.panic_cpu().or(cx.target.cpus().first().map(|c| c.0)).unwrap_or(0);
    match cx.target.percpu(place.at, cpu) {
        Some(at) => {
            out.note(&format!("per-CPU variable: this is CPU {cpu}'s; add :a for all"));
            Place { at, ..place }
        }
        None => place,
    }
}

fn percpu(
    cx: &Context,
    text: &str,
    list: &str,
    radix: Radix,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let Operand::Place(place) = evaluate(cx, text, Mode::C)? else {
        return Err(CommandError::Failed(format!("{text} is no per-CPU variable")));
    };
    if cx.target.percpu_type(variable(text)).is_none() {
        return Err(CommandError::Failed(format!("{text} is no per-CPU variable")));
    }
    for cpu in cx.cpus(list)? {
        let at = cx.target.percpu(place.at, cpu);
        let place = Place { at: at.unwrap_or(place.at), ..place.clone() };
        show(cx, text, &place, radix, &format!("per_cpu({text}, {cpu})"), out)?;
    }
    Ok(())
}

/// The value of an expression.
#[derive(Serialize, JsonSchema)]
struct Row {
    expression: String,
    #[serde(rename = "type")]
    ty: Option<String>,
    /// Where it lies, if it is no mere number.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Hex>,
    /// `$1`, or the CPU's.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// Structs are objects, addresses strings in hexadecimal.
    value: Value,
}

fn show(
    cx: &Context,
    text: &str,
    place: &Place,
    radix: Radix,
    label: &str,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    values::reachable(cx, place)?;
    let node = values::read(cx, place);
    if let Node::Unreadable(why) = &node {
        return Err(CommandError::Failed(format!("{text} at {:x}: {why}", place.at.0)));
    }
    let row = Row {
        expression: text.to_owned(),
        ty: Some(place.ty.name()),
        address: Some(Hex(place.at.0)),
        label: Some(label.to_owned()),
        value: values::json(&node),
    };
    Ok(out.row(&row, |_| format!("{label} = {}{}", cast(place, &node), values::text(&node, radix, 0)))?)
}

/// gdb says what a bare pointer points to, unless the string there says more.
fn cast(place: &Place, node: &Node) -> String {
    match node {
        Node::Pointer(_, _, None) => format!("({}) ", pointer_name(&place.ty)),
        _ => String::new(),
    }
}

fn pointer_name(ty: &CType) -> String {
    match ty.view() {
        Ok(View::Pointer(to)) => {
            let to = to.name();
            let blank = if to.ends_with('*') { "" } else { " " };
            format!("{to}{blank}*")
        }
        _ => ty.name(),
    }
}

fn number(
    cx: &Context,
    text: &str,
    n: u64,
    ty: Option<&CType>,
    (radix, label): (Radix, &str),
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let value = |value: Value, ty: Option<String>| {
        let expression = text.to_owned();
        Row { expression, ty, address: None, label: None, value }
    };
    if let Some(ty) = ty
        && let Ok(View::Pointer(to)) = ty.view()
    {
        let node = crate::values::pointer_node(cx, n, &to);
        let shown = values::text(&node, radix, 0);
        return Ok(out.row(&value(values::json(&node), Some(pointer_name(ty))), |_| {
            format!("{label} = ({}) {shown}", pointer_name(ty))
        })?);
    }
    let node = Node::Int(signed(cx, n, ty), 8);
    let shown = values::text(&node, radix, 0);
    Ok(out.row(&value(values::json(&node), ty.map(CType::name)), |_| format!("{label} = {shown}"))?)
}

/// A number as its type has it: small negative results of arithmetic are meant to be negative.
fn signed(cx: &Context, n: u64, ty: Option<&CType>) -> i128 {
    let bits = ty.and_then(|ty| ty.size(&cx.target).ok()).unwrap_or(8).clamp(1, 8) * 8;
    let unsigned = match ty.map(CType::view) {
        Some(Ok(View::Plain(necropsy_debuginfo::Type::Int { signed, .. }))) => !signed,
        _ => (n as i64) < -(1 << 32),
    };
    let cut = n << (64 - bits);
    if unsigned { i128::from(cut >> (64 - bits)) } else { i128::from(cut as i64 >> (64 - bits)) }
}
