//! Words and signs of an expression.

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name or a number.
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// No expression anybody types is longer.
const MAX_TOKENS: usize = 512;

/// Longest first.
const SIGNS: [&str; 18] =
    ["->", "<<", ">>", "(", ")", "[", "]", ".", "*", "&", "+", "-", "/", "%", "~", "|", "^", "!"];

/// Takes an expression apart. `whole` says whether a word with dots in it is one name (`bad_write.cold`).
pub fn tokens(text: &str, whole: &dyn Fn(&str) -> bool) -> Result<Vec<Token>, String> {
    let (mut out, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        if out.len() >= MAX_TOKENS {
            return Err("expression too long".into());
        }
        let word = word(rest, whole);
        if word > 0 {
            out.push(Token::Word(rest[..word].to_owned()));
            rest = rest[word..].trim_start();
            continue;
        }
        let sign = SIGNS.iter().find(|s| rest.starts_with(**s));
        let sign = sign.ok_or_else(|| format!("cannot read \"{rest}\""))?;
        out.push(Token::Sign(sign));
        rest = rest[sign.len()..].trim_start();
    }
    Ok(out)
}

/// Length of the word that `text` begins with.
fn word(text: &str, whole: &dyn Fn(&str) -> bool) -> usize {
    let end = |dots: bool| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || dots && c == '.'))
            .unwrap_or(text.len())
    };
    let (short, long) = (end(false), end(true));
    if long > short && short > 0 && whole(&text[..long]) { long } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs() {
        let text = |t: &str| {
            let words = tokens(t, &|w| w == "f.cold").unwrap();
            let text = words.into_iter().map(|t| match t {
                Token::Word(w) => w,
                Token::Sign(s) => s.to_owned(),
            });
            text.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text("((a*)0x10)->b.c[2]"), "( ( a * ) 0x10 ) -> b . c [ 2 ]");
        assert_eq!(text("f.cold+4"), "f.cold + 4");
        assert_eq!(text("a.b<<2"), "a . b << 2");
        assert!(tokens("a \"b\"", &|_| false).is_err());
    }
}
