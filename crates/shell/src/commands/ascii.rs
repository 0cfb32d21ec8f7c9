//! `ascii`: numbers as text.

use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, number};

pub struct Ascii;

impl Command for Ascii {
    fn name(&self) -> &'static str {
        "ascii"
    }
    fn synopsis(&self) -> &'static str {
        "[value ...]"
    }
    fn about(&self) -> &'static str {
        "hexadecimal numbers as text; the ASCII table"
    }
    fn help(&self) -> &'static str {
        "The bytes of each value as text, in the order they have in memory. Without a value: the table of characters."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "ascii 62696c2f7273752f", what: "a word of a stack that looks like text" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Character]
    }

    fn run(&self, _: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.rest.is_empty() {
            return table(out);
        }
        for word in &args.rest {
            let value = number::address(word);
            let value =
                value.ok_or_else(|| CommandError::Usage(format!("{word} is no hexadecimal number")))?;
            let text = text(value);
            let row = Row { value: necropsy_report::Hex(value), text };
            out.row(&row, |r| format!("{value:016x}: {}", r.text))?;
        }
        Ok(())
    }
}

/// A number as text.
#[derive(Serialize, JsonSchema)]
struct Row {
    value: necropsy_report::Hex,
    text: String,
}

/// A character of the table.
#[derive(Serialize, JsonSchema)]
struct Character {
    code: u8,
    text: String,
}

/// The bytes of a number, lowest first; `<NUL>` and the like for those that do not print.
fn text(value: u64) -> String {
    let used = (64 - value.leading_zeros()).div_ceil(8).max(1) as usize;
    let one = |b: &u8| match b {
        b' '..=b'~' => char::from(*b).to_string(),
        0 => "<NUL>".into(),
        b => format!("<{b:02x}>"),
    };
    value.to_le_bytes().iter().take(used).map(one).collect()
}

fn table(out: &mut dyn Sink) -> Result<(), CommandError> {
    for row in 0..32u8 {
        let cells = (0..3).map(|column| {
            let code = 32 + column * 32 + row;
            let shown = if code == 127 { "DEL".into() } else { char::from(code).to_string() };
            format!("{code:02x}  {shown:<6}")
        });
        let line: String = cells.collect();
        let one = Character { code: 32 + row, text: char::from(32 + row).to_string() };
        out.row(&one, |_| line.trim_end().to_owned())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn in_memory_order() {
        assert_eq!(super::text(0x6269_6c2f_7273_752f), "/usr/lib");
        assert_eq!(super::text(0x0041), "A");
        assert_eq!(super::text(0x41_0001), "<01><NUL>A");
    }
}
