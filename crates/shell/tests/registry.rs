//! The registry of commands is complete and consistent: help, manual pages and completion come from it.

use std::collections::HashSet;

use necropsy_shell::{ALIASES, Args, COMMANDS, Command};

fn named(word: &str) -> Option<&'static dyn Command> {
    let direct =
        |name: &str| COMMANDS.iter().copied().find(|c| c.name() == name || c.aliases().contains(&name));
    let expanded = ALIASES.iter().find(|(short, _)| *short == word);
    direct(word).or_else(|| direct(expanded?.1[0]))
}

#[test]
fn every_command_is_documented() {
    for c in COMMANDS {
        let name = c.name();
        assert!(!c.about().is_empty() && !c.about().contains('\n'), "{name}: about");
        assert!(c.help().len() > 20, "{name}: help");
        assert!(!c.synopsis().is_empty(), "{name}: synopsis");
        assert!(!c.examples().is_empty(), "{name}: examples");
    }
}

#[test]
fn names_are_unique_and_in_order() {
    let mut seen = HashSet::new();
    for c in COMMANDS {
        assert!(seen.insert(c.name()), "{} twice", c.name());
        for alias in c.aliases() {
            assert!(seen.insert(alias), "{alias} twice");
        }
    }
    for (short, stands_for) in ALIASES {
        assert!(seen.insert(short), "{short} twice");
        assert!(named(stands_for[0]).is_some(), "{short} stands for nothing");
    }
    assert!(COMMANDS.is_sorted_by_key(|c| c.name()), "COMMANDS is not alphabetical");
    assert!(ALIASES.is_sorted_by_key(|a| a.0), "ALIASES is not alphabetical");
}

#[test]
fn examples_name_their_command_and_parse() {
    for c in COMMANDS {
        for e in c.examples() {
            let words: Vec<String> = e.line.split(' ').map(str::to_owned).collect();
            let found = named(&words[0]).unwrap_or_else(|| panic!("no command for {:?}", e.line));
            assert_eq!(found.name(), c.name(), "{:?} is another command's", e.line);
            assert!(!e.what.is_empty(), "{:?} is not explained", e.line);
            Args::parse(&words[1..], c.options()).unwrap_or_else(|err| panic!("{:?}: {err}", e.line));
        }
    }
}

/// Every option letter is in the help, and the help's letters are options.
#[test]
fn options_are_documented() {
    for c in COMMANDS.iter().filter(|c| !c.options().raw) {
        let spec = c.options();
        let help = format!("{} {}", c.synopsis(), c.help());
        for letter in spec.flags.chars().chain(spec.values.chars()) {
            let found = help.contains(&format!("-{letter}"))
                || help.split("-").skip(1).any(|w| {
                    let word: String = w.chars().take_while(char::is_ascii_alphanumeric).collect();
                    word.contains(letter)
                });
            assert!(found, "{} -{letter} is not in its help", c.name());
        }
    }
}
