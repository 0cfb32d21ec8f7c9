//! What the word before the cursor can be completed to.
//!
//! Nothing is built ahead: names are looked for when Tab is pressed, and never more than a screenful or two is shown.

use std::collections::BTreeSet;

use necropsy_debuginfo::{Btf, Kind, Type};
use necropsy_report::bytes_text;
use necropsy_target::TypeRef;

use crate::ctype::View;
use crate::expr::{self, Mode, Operand};
use crate::{ALIASES, COMMANDS, Context};

/// Completions that are shown.
const MAX_FOUND: usize = 200;
/// Letters that must be there before all symbols or types are searched.
const ENOUGH: usize = 2;
/// Structs within structs.
const MAX_DEPTH: usize = 16;
/// Commands whose arguments are tasks.
const OF_TASKS: &[&str] = &["bt", "files", "foreach", "net", "ps", "set", "sig", "task", "vm"];
/// Commands whose arguments are types.
const OF_TYPES: &[&str] = &["*", "list", "ptype", "size", "struct", "tree", "union", "whatis"];

/// Where the word before the cursor begins, and what it may become.
pub fn complete(cx: &Context, typed: &str) -> (usize, Vec<String>) {
    let word_at = typed.rfind(|c: char| !is_name(c)).map_or(0, |i| i + last_len(typed, i));
    let (before, word) = typed.split_at(word_at);
    let found = match before.trim_start() {
        "" => commands(cx, word),
        _ => arguments(cx, before, word),
    };
    (word_at, found.into_iter().take(MAX_FOUND).collect())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn last_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Commands and short forms; types too, whose names alone are commands.
fn commands(cx: &Context, word: &str) -> BTreeSet<String> {
    let own = cx.aliases().into_iter().filter(|a| a.origin == "user").map(|a| a.alias);
    let all = COMMANDS.iter().map(|c| c.name()).chain(ALIASES.iter().map(|(short, _)| *short));
    let found = begin(all.map(str::to_owned).chain(own), word);
    match found.is_empty() && word.len() > ENOUGH {
        true => begin(type_names(cx), word),
        false => found,
    }
}

fn begin(names: impl Iterator<Item = String>, word: &str) -> BTreeSet<String> {
    names.filter(|n| n.starts_with(word)).collect()
}

fn arguments(cx: &Context, before: &str, word: &str) -> BTreeSet<String> {
    let (earlier, chain) =
        before.split_at(before.rfind(char::is_whitespace).map_or(0, |i| i + last_len(before, i)));
    let option = earlier.split_whitespace().next_back();
    if option == Some("-R") {
        let task = cx.target.type_named("struct task_struct").and_then(|ty| inner(&ty, last_path(chain)));
        return begin(task.iter().flat_map(members), word);
    }
    if let Some(ty) = struct_before(cx, before, chain) {
        return begin(members(&ty).into_iter(), word);
    }
    let mut words = before.split(|c: char| c.is_whitespace() || c == '(').filter(|w| !w.is_empty());
    let (command, last) = (words.next().unwrap_or_default(), before.split_whitespace().next_back());
    if matches!(last.map(|w| w.trim_start_matches('(')), Some("struct" | "union" | "enum")) {
        return begin(type_names(cx), word);
    }
    match command {
        "help" | "man" | "?" => commands(cx, word),
        "mod" => begin(modules(cx), word),
        command if OF_TASKS.contains(&command) => tasks(cx, command, chain, word),
        command if OF_TYPES.contains(&command) && word.len() >= ENOUGH => {
            begin(type_names(cx), word).into_iter().chain(symbols(cx, word)).collect()
        }
        _ if word.len() < ENOUGH => BTreeSet::new(),
        _ => symbols(cx, word),
    }
}

/// Modules and symbols.
fn symbols(cx: &Context, word: &str) -> BTreeSet<String> {
    let table = cx.target.kallsyms();
    let symbols = table.iter().flat_map(|k| k.search(word).into_iter().filter_map(|i| k.name(i)));
    begin(modules(cx), word)
        .into_iter()
        .chain(symbols.filter(|n| n.starts_with(word)).take(MAX_FOUND))
        .collect()
}

fn modules(cx: &Context) -> impl Iterator<Item = String> + '_ {
    cx.target.modules().list.iter().map(|m| m.name.clone())
}

/// Thread IDs and names of tasks; for `foreach` its commands too.
fn tasks(cx: &Context, command: &str, chain: &str, word: &str) -> BTreeSet<String> {
    let all = cx.tasks().map(|t| t.all.as_slice()).unwrap_or_default();
    let named = |c: &char| !is_name(*c) && !"/:-+.".contains(*c);
    let names = all.iter().map(|t| bytes_text(&t.comm.0)).filter(|n| !n.chars().any(|c| named(&c)));
    let pids = all.iter().map(|t| t.pid.to_string());
    let words = match command {
        "foreach" => crate::commands::foreach::words(),
        _ => Vec::new(),
    };
    // `kworker/0:1` is one word to tasks, and several to the editor.
    let rest = |name: String| name.strip_prefix(chain).map(str::to_owned);
    begin(pids.chain(names).chain(words.into_iter().map(str::to_owned)).filter_map(rest), word)
}

/// The struct one of whose members is typed: `task_struct.`, `task_struct.pid,`, `init_task.se.`, `((struct file *)0x10)->`.
fn struct_before(cx: &Context, before: &str, chain: &str) -> Option<TypeRef> {
    if let Some((name, members)) = chain.split_once('.')
        && let Some(ty) = cx.target.type_named(name)
    {
        return inner(&ty, last_path(members));
    }
    let object = before.strip_suffix("->").or_else(|| before.strip_suffix('.'))?;
    let start = expression_start(object);
    let value = expr::evaluate(cx, object[start..].trim_start_matches(['*', '&']), Mode::C).ok()?;
    let ty = match value {
        Operand::Place(place) => place.ty,
        Operand::Number(_, ty) => ty?,
    };
    match ty.view().ok()? {
        View::Pointer(to) => (to.stars == 0 && to.dims.is_empty()).then_some(to.base),
        View::Plain(_) => Some(ty.base),
        View::Array(..) => None,
    }
}

/// Of `pid,se.` the path that is not complete: `se`.
fn last_path(members: &str) -> &str {
    members.rsplit(',').next().unwrap_or_default().trim_end_matches('.')
}

fn inner(ty: &TypeRef, path: &str) -> Option<TypeRef> {
    match path {
        "" => Some(ty.clone()),
        path => Some(ty.other(ty.table.member(ty.id, path).ok()?.ty)),
    }
}

/// Where the operand that `text` ends with begins: what is in brackets belongs to it.
fn expression_start(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut arrow = false;
    for (i, c) in text.char_indices().rev() {
        match c {
            ')' | ']' => depth += 1,
            '(' | '[' if depth == 0 => return i + 1,
            '(' | '[' => depth -= 1,
            _ if depth > 0 || is_name(c) || matches!(c, '.' | '$') => {}
            '>' => arrow = true,
            '-' if arrow => arrow = false,
            _ => return i + c.len_utf8(),
        }
    }
    0
}

/// Names of all structs, unions, enums and typedefs, of the kernel and its modules.
pub(crate) fn type_names(cx: &Context) -> impl Iterator<Item = String> + '_ {
    let modules = cx.target.module_types().iter().map(|(_, table)| table.as_ref());
    let tables = cx.target.btf().map(AsRef::as_ref).into_iter().chain(modules);
    let kinds = [Kind::Struct, Kind::Union, Kind::Enum, Kind::Typedef];
    let named = |(table, kind): (_, Kind)| Btf::named(table, kind);
    let names = tables.flat_map(move |table| kinds.map(|kind| (table, kind))).flat_map(named);
    names.map(|(_, name)| name.to_string()).filter(|n| !n.is_empty())
}

/// Names of a struct's members, those of nameless structs in it too.
pub(crate) fn members(ty: &TypeRef) -> Vec<String> {
    let mut found = Vec::new();
    collect(ty, 0, &mut found);
    found
}

fn collect(ty: &TypeRef, depth: usize, found: &mut Vec<String>) {
    let Ok(Type::Struct { members, .. }) = ty.strip() else { return };
    for member in members {
        match member.name {
            Some(name) => found.push(name.to_string()),
            None if depth < MAX_DEPTH => collect(&ty.other(member.ty), depth + 1, found),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::expression_start;

    #[test]
    fn the_operand_before_the_cursor() {
        let start = |text: &'static str| &text[expression_start(text)..];
        assert_eq!(start("p init_task.se"), "init_task.se");
        assert_eq!(start("p 1 + ((struct file *)0x10)->f_path"), "((struct file *)0x10)->f_path");
        assert_eq!(start("p (a[1 + b]"), "a[1 + b]");
        assert_eq!(start("p x - y"), "y");
    }
}
