//! Files of shell assignments: os-release, /etc/default/*, /etc/sysconfig/*. Read, not run.

use std::collections::BTreeMap;

/// The variables that are set, the last time each is set counts. `$NAME` is replaced by what was set before it in the same file.
pub fn assignments(text: &str) -> BTreeMap<String, String> {
    let mut vars = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("export ").trim_start();
        let Some((name, value)) = line.split_once('=') else { continue };
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let value = unquoted(value, &vars);
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
        // A few assignments that name each other could double a text without end.
        if out.len() > 65_536 {
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
}
