//! Short forms of commands, as crash has them, and those that the user makes.

use crate::Context;

/// What each one stands for.
pub static ALIASES: &[(&str, &[&str])] = &[
    ("*", &["struct"]),
    ("?", &["help"]),
    ("dec", &["set", "radix", "10"]),
    ("for", &["foreach"]),
    ("g", &["gdb"]),
    ("hex", &["set", "radix", "16"]),
    ("last", &["ps", "-l"]),
    ("man", &["help"]),
    ("pd", &["p", "-d"]),
    ("print", &["p", "-g"]),
    ("ptype", &["whatis"]),
    ("px", &["p", "-x"]),
    ("quit", &["q"]),
    ("sf", &["set", "scroll", "off"]),
    ("size", &["struct"]),
    ("sn", &["set", "scroll", "on"]),
    ("union", &["struct"]),
];

/// A short form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// `builtin`, or `user`.
    pub origin: &'static str,
    /// The short form.
    pub alias: String,
    /// What it stands for.
    pub command: String,
}

/// All short forms, the user's first.
pub fn all(own: &[(String, String)]) -> Vec<Alias> {
    let user = own.iter().map(|(alias, command)| ("user", alias.clone(), command.clone()));
    let builtin = ALIASES.iter().map(|(alias, words)| ("builtin", (*alias).to_owned(), words.join(" ")));
    let commands = crate::COMMANDS
        .iter()
        .flat_map(|c| c.aliases().iter().map(|a| ("builtin", (*a).to_owned(), c.name().to_owned())));
    user.chain(builtin)
        .chain(commands)
        .map(|(origin, alias, command)| Alias { origin, alias, command })
        .collect()
}

/// Whether a name is that of a command, which no alias may hide.
pub fn is_command(name: &str) -> bool {
    crate::run::find(name).is_ok()
}

/// The words with a leading short form replaced.
pub fn expand(cx: Option<&Context>, words: &[String]) -> Vec<String> {
    let first = words.first().map_or("", String::as_str);
    if let Some(command) = cx.and_then(|cx| cx.alias(first)) {
        return with_arguments(&command, &words[1..]);
    }
    if let Some(words) = with_format(first, &words[1.min(words.len())..]) {
        return words;
    }
    let Some((_, stands_for)) = ALIASES.iter().find(|(name, _)| *name == first) else {
        return words.to_vec();
    };
    let stands_for = stands_for.iter().map(|w| (*w).to_owned());
    stands_for.chain(words.iter().skip(1).cloned()).collect()
}

/// gdb's `p/x …` and `x/4xw …`: the format is part of the command's word.
fn with_format(first: &str, rest: &[String]) -> Option<Vec<String>> {
    let (command, format) = first.split_once('/')?;
    let words = match (command, format) {
        ("p" | "print", "d" | "x" | "u" | "o" | "t") => vec!["p".to_owned(), format!("-g{format}")],
        ("x", _) => vec!["x".to_owned(), format!("/{format}")],
        _ => return None,
    };
    Some(words.into_iter().chain(rest.iter().cloned()).collect())
}

/// `$1` … in the command stand for the words behind the short form; without any they follow it.
fn with_arguments(command: &str, rest: &[String]) -> Vec<String> {
    let parts = command.split_whitespace().map(|word| {
        match word.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()) {
            Some(n) if n > 0 => (true, rest.get(n - 1).cloned().unwrap_or_default()),
            _ => (false, word.to_owned()),
        }
    });
    let parts: Vec<(bool, String)> = parts.collect();
    let placed = parts.iter().any(|(argument, _)| *argument);
    let mut words: Vec<String> = parts.into_iter().map(|(_, word)| word).filter(|w| !w.is_empty()).collect();
    if !placed {
        words.extend(rest.iter().cloned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{expand, with_arguments};

    #[test]
    fn formats_are_options() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(expand(None, &words("p/x jiffies")), ["p", "-gx", "jiffies"]);
        assert_eq!(expand(None, &words("x/4xw 1000")), ["x", "/4xw", "1000"]);
        assert_eq!(expand(None, &words("p/y 1")), ["p/y", "1"]);
        assert!(expand(None, &[]).is_empty());
    }

    #[test]
    fn arguments_follow_or_take_their_places() {
        let rest = ["1".to_owned(), "2".to_owned()];
        assert_eq!(with_arguments("bt -l", &rest), ["bt", "-l", "1", "2"]);
        assert_eq!(with_arguments("struct task_struct.pid $1", &rest), ["struct", "task_struct.pid", "1"]);
        assert_eq!(with_arguments("rd $2 $3", &rest), ["rd", "2"]);
    }
}
