//! Arguments and local variables of a frame, with their values.

use std::sync::Arc;

use necropsy_base::VirtAddr;
use necropsy_debuginfo::DwarfTypes;
use necropsy_debuginfo::dwarf::{Held, Variable, Why};
use necropsy_report::{Hex, terminal_safe};
use necropsy_target::TypeRef;
use necropsy_target::unwind::{self, Stack};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;
use crate::ctype::{CType, Place};
use crate::values::{self, Loose, Node, Radix};

/// A variable of a frame.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Local {
    /// Its name.
    pub name: String,
    /// Whether it is an argument.
    pub argument: bool,
    /// Its type, as C writes it.
    #[serde(rename = "type")]
    pub ty: Option<String>,
    /// Where it is, if in memory.
    pub address: Option<Hex>,
    /// Its value.
    pub value: Option<serde_json::Value>,
    /// Why it has none.
    pub missing: Option<String>,
    #[serde(skip)]
    text: String,
}

/// The variables of one function of a frame.
#[derive(Serialize, JsonSchema)]
pub struct Scope {
    /// The function.
    pub function: Option<String>,
    /// Its arguments and variables, as declared.
    pub variables: Vec<Local>,
}

impl Local {
    /// `name = value`, as gdb writes it.
    pub fn text(&self) -> String {
        format!("{} = {}", terminal_safe(&self.name), self.text)
    }

    /// The same, the lines after the first further to the right.
    pub fn text_indented(&self, by: usize) -> String {
        self.text().replace('\n', &format!("\n{:by$}", ""))
    }
}

/// The variables of a frame: of what was inlined there first, then its own. `None` if nothing describes its code.
pub fn of_frame(cx: &Context, stack: &Stack, index: usize, radix: Radix) -> Option<Vec<Scope>> {
    let found = unwind::variables(&cx.target, stack, index)?;
    let types = Arc::new(DwarfTypes::new(found.file));
    let local = |v: &Variable| local(cx, &types, v, radix);
    let scope = |(function, own): &(Option<String>, Vec<Variable>)| Scope {
        function: function.clone(),
        variables: own.iter().map(local).collect(),
    };
    Some(found.scopes.iter().map(scope).collect())
}

fn local(cx: &Context, types: &Arc<DwarfTypes>, v: &Variable, radix: Radix) -> Local {
    let ty = v.ty.map(|id| TypeRef { table: types.clone(), id });
    let node = v.place.clone().and_then(|held| node(cx, ty.as_ref(), &held));
    let (value, missing, text) = match node {
        Ok(Node::Unreadable(why)) => (None, Some(why.clone()), format!("<{why}>")),
        Ok(node) => (Some(values::json(&node)), None, values::text(&node, radix, 0)),
        Err(why) => (None, Some(readable(cx, &why)), format!("<{}>", readable(cx, &why))),
    };
    let address = match v.place {
        Ok(Held::Memory(at)) => Some(Hex(at)),
        _ => None,
    };
    let ty = ty.map(|ty| values::declaration(&ty, ""));
    Local { name: v.name.clone(), argument: v.argument, ty, address, value, missing, text }
}

/// The value that is held somewhere.
fn node(cx: &Context, ty: Option<&TypeRef>, held: &Held) -> Result<Node, Why> {
    let ty = ty.ok_or(Why::Unsupported("a variable without type"))?;
    let size = ty.size().unwrap_or(0) as usize;
    let ty = CType::of(ty.clone());
    let loose = |bytes: &[u8]| {
        let memory = Loose { bytes, rest: cx.target.memory() };
        values::read_in(cx, &memory, &Place::new(ty.clone(), Loose::AT))
    };
    match held {
        Held::Memory(at) => Ok(values::read(cx, &Place::new(ty, VirtAddr(*at)))),
        Held::Number(_) if size > 8 => Err(Why::Unsupported("a value larger than its register")),
        Held::Number(n) => Ok(loose(&cx.target.abi().bytes(*n, size))),
        Held::Bytes(bytes) if bytes.len() < size => Err(Why::PartlyOptimisedOut),
        Held::Bytes(bytes) => Ok(loose(bytes)),
    }
}

/// The reason, with registers by their names.
fn readable(cx: &Context, why: &Why) -> String {
    let name = |n: u16| {
        let index = cx.target.arch().dwarf_register(n);
        let found = index.and_then(|i| cx.target.arch().registers().get(i));
        found.map_or_else(|| format!("register {n}"), |name| (*name).to_owned())
    };
    match why {
        Why::Register(n) => format!("in {}, which is not known in this frame", name(*n)),
        Why::EntryValue(n) => format!("optimised out; it was in {} when the function was entered", name(*n)),
        other => other.to_string(),
    }
}
