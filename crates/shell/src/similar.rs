//! "Did you mean": names that look like one that is not there.

use necropsy_debuginfo::TypeError;
use necropsy_target::LoadError;

use crate::complete::type_names;
use crate::{COMMANDS, CommandError, Context, aliases};

/// What a name was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A command or a short form.
    Command,
    /// A symbol of the kernel or of a module.
    Symbol,
    /// A struct, union, enum or typedef.
    Type,
    /// A loaded module.
    Module,
    /// A slab cache.
    Cache,
}

/// Names that are shown.
const SHOWN: usize = 3;

/// The error with the names that may have been meant, if it is about a name.
pub fn explained(cx: &Context, error: CommandError) -> CommandError {
    let found = match &error {
        CommandError::Unknown { what, name, .. } => candidates(cx, *what, name),
        CommandError::Load(LoadError::Type(TypeError::NoMember { of, member })) => {
            similar(member, members(cx, of).iter().map(String::as_str))
        }
        _ => Vec::new(),
    };
    match found.as_slice() {
        [] => error,
        names => CommandError::Failed(format!("{error}; did you mean {}?", either(names))),
    }
}

/// `a`, `a or b`, `a, b or c`.
fn either(names: &[String]) -> String {
    match names {
        [front @ .., last] if !front.is_empty() => format!("{} or {last}", front.join(", ")),
        names => names.concat(),
    }
}

fn candidates(cx: &Context, what: What, name: &str) -> Vec<String> {
    let t = &cx.target;
    match what {
        What::Command => {
            let own = aliases::all(&[]).into_iter().chain(cx.aliases()).map(|a| a.alias);
            let all: Vec<String> = COMMANDS.iter().map(|c| c.name().to_owned()).chain(own).collect();
            let found = similar(name, all.iter().map(String::as_str));
            // A type's name is a command too.
            let (name, members) = name.split_at(name.find('.').unwrap_or(name.len()));
            let types = || best(name, type_names(cx)).into_iter().map(|n| n + members).collect();
            if found.is_empty() { types() } else { found }
        }
        What::Symbol => {
            let kernel = t.kallsyms().into_iter().flat_map(|k| (0..k.len()).filter_map(|i| k.name(i)));
            let modules = t.modules().list.iter();
            let modules = modules.flat_map(|m| m.symbols(t).iter().map(|s| s.name.to_string()));
            let found = best(name, kernel.chain(modules));
            if found.is_empty() { best(name, type_names(cx)) } else { found }
        }
        What::Type => best(name, type_names(cx)),
        What::Module => best(name, t.modules().list.iter().map(|m| m.name.clone())),
        What::Cache => {
            let caches = necropsy_kernel::slab::caches(t).unwrap_or_default();
            best(name, caches.items.into_iter().map(|c| c.name))
        }
    }
}

/// All members of a type, those of its anonymous structs too.
fn members(cx: &Context, of: &str) -> Vec<String> {
    cx.target.type_named(of).map(|ty| crate::complete::members(&ty)).unwrap_or_default()
}

fn best(word: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found = Best::new(word);
    names.for_each(|name| found.look(&name));
    found.names()
}

/// The names that differ least from `word`, if few letters differ.
fn similar<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut found = Best::new(word);
    names.for_each(|name| found.look(name));
    found.names()
}

/// The nearest names so far.
struct Best<'w> {
    word: &'w str,
    limit: usize,
    names: Vec<String>,
}

impl<'w> Best<'w> {
    fn new(word: &'w str) -> Self {
        let limit = match word.len() {
            0..=2 => 0,
            3..=4 => 1,
            5..=128 => 2,
            _ => 0,
        };
        Best { word, limit, names: Vec::new() }
    }

    fn look(&mut self, name: &str) {
        if self.limit == 0 || name == self.word {
            return;
        }
        let Some(distance) = distance(self.word.as_bytes(), name.as_bytes(), self.limit) else { return };
        if distance < self.limit {
            self.limit = distance;
            self.names.clear();
        }
        if self.names.iter().all(|n| n != name) {
            self.names.push(name.to_owned());
        }
    }

    /// Those with the same beginning as the word first.
    fn names(mut self) -> Vec<String> {
        let same = |name: &str| name.bytes().zip(self.word.bytes()).take_while(|(a, b)| a == b).count();
        self.names.sort_by_key(|name| (std::cmp::Reverse(same(name)), name.clone()));
        self.names.truncate(SHOWN);
        self.names
    }
}

/// Letters to change, insert, leave out or swap with their neighbour; `None` if more than `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let change = above[j] + usize::from(x != y);
            let mut least = change.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        if row.iter().all(|n| *n > limit) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|n| *n <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_letters() {
        let all = ["kmem", "mem", "help", "vfs_read", "vfs_readv", "vfs_write"];
        let meant = |word: &str| similar(word, all.into_iter());
        assert_eq!(meant("kmme"), ["kmem"]);
        assert_eq!(meant("vfs_raed"), ["vfs_read"]);
        assert_eq!(meant("vfs_rea"), ["vfs_read"]);
        assert!(meant("xy").is_empty() && meant("nothing_like_it").is_empty() && meant("").is_empty());
        assert_eq!(either(&["a".into(), "b".into(), "c".into()]), "a, b or c");
    }

    #[test]
    fn distances() {
        assert_eq!(distance(b"abc", b"abc", 2), Some(0));
        assert_eq!(distance(b"abcd", b"acbd", 2), Some(1));
        assert_eq!(distance(b"abc", b"xyz", 2), None);
        assert_eq!(distance(b"", b"ab", 2), Some(2));
    }
}
