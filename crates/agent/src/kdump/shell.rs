//! Files of shell assignments: os-release, /etc/default/*, /etc/sysconfig/*. Read, not run.

use std::collections::BTreeMap;

/// No value is longer.
const LONGEST: usize = 65_536;
/// Nor all of a file's together.
const ALL: usize = 4 << 20;

/// The variables that are set, the last time each is set counts. `$NAME` is replaced by what was set before it in the same file.
pub fn assignments(text: &str) -> BTreeMap<String, String> {
    let (mut vars, mut size) = (BTreeMap::new(), 0);
    for line in text.lines() {
        let line = line.trim().trim_start_matches("export ").trim_start();
        let Some((name, value)) = line.split_once('=') else { continue };
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let value = unquoted(value, &vars);
            // A few assignments that name each other could double a text without end.
            size += value.len();
            if size > ALL {
                break;
            }
            vars.insert(name.to_owned(), value);
        }
    }
    vars
}

/// A word as the shell would read it, up to an unquoted blank or comment.
fn unquoted(value: &str, vars: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            ('\\', None | Some('"')) => out.extend(chars.next()),
            ('$', None | Some('"')) => {
                let braced = chars.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                if braced {
                    chars.by_ref().find(|c| *c == '}');
                }
                out.push_str(vars.get(&name).map_or("", String::as_str));
            }
            (c, None) if c.is_whitespace() || c == ';' => break,
            (c, _) => out.push(c),
        }
        if out.len() > LONGEST {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_shell_reads_them() {
        let vars = assignments(
            "# A=1\nA=1\nB=\"two words\" # comment\nC='x $A'\nD=\"$B ${A}!\"\n export E=\\\"q\n=x\nF G=1\nA=3",
        );
        let get = |n: &str| vars.get(n).map(String::as_str);
        assert_eq!(get("A"), Some("3"));
        assert_eq!(get("B"), Some("two words"));
        assert_eq!(get("C"), Some("x $A"));
        assert_eq!(get("D"), Some("two words 1!"));
        assert_eq!(get("E"), Some("\"q"));
        assert_eq!(vars.len(), 5);
    }

    #[test]
    fn what_grows_without_end_is_cut() {
        let lines = (1..20_000).map(|i| format!("A{i}=\"$A{0}$A{0}\"\n", i - 1));
        let vars = assignments(&format!("A0={}\n{}", "x".repeat(60_000), lines.collect::<String>()));
        assert!(vars.values().map(String::len).sum::<usize>() <= ALL);
    }
}
