//! Short forms that stand for a command with options, as crash has them.

/// Each short form and the words it stands for.
pub static ALIASES: &[(&str, &[&str])] = &[
    ("*", &["struct"]),
    ("?", &["help"]),
    ("dec", &["set", "radix", "10"]),
    ("for", &["foreach"]),
    ("hex", &["set", "radix", "16"]),
    ("last", &["ps", "-l"]),
    ("man", &["help"]),
    ("p/d", &["p", "-gd"]),
    ("p/x", &["p", "-gx"]),
    ("pd", &["p", "-d"]),
    ("px", &["p", "-x"]),
    ("size", &["struct"]),
    ("union", &["struct"]),
];

/// The words with a leading short form replaced.
pub fn expand(words: &[String]) -> Vec<String> {
    let first = words.first().map_or("", String::as_str);
    let Some((_, stands_for)) = ALIASES.iter().find(|(name, _)| *name == first) else {
        return words.to_vec();
    };
    let stands_for = stands_for.iter().map(|w| (*w).to_owned());
    stands_for.chain(words.iter().skip(1).cloned()).collect()
}
