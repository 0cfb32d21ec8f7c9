//! `eval`: arithmetic.

use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::expr::{Mode, number_of};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, SinkExt, Spec};

pub struct Eval;

impl Command for Eval {
    fn name(&self) -> &'static str {
        "eval"
    }
    fn synopsis(&self) -> &'static str {
        "[-b] [-l] expression"
    }
    fn about(&self) -> &'static str {
        "the value of an expression in several bases"
    }
    fn help(&self) -> &'static str {
        "Numbers (decimal, 0x hexadecimal, with K, M or G), symbols, + - * / % & | ^ << >> ~ and brackets.\n\
         -b   also which bits are set\n\
         -l   nothing else: numbers have 64 bits anyway"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "eval 0x1000 * 4", what: "in all bases" },
            Example { line: "eval -b 0xf0f0", what: "which bits are set" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn shape(&self, _: &Args) -> Shape {
        Shape::One
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let options = args.rest.iter().take_while(|w| matches!(w.as_str(), "-b" | "-l" | "-bl" | "-lb"));
        let bits = options.clone().any(|w| w.contains('b'));
        let text = args.rest[options.count()..].join(" ");
        if text.trim().is_empty() {
            return Err(CommandError::Usage("an expression is missing".into()));
        }
        let n = number_of(cx, &text, Mode::Count)?;
        let set: Vec<u32> = (0..64).rev().filter(|b| n >> b & 1 == 1).collect();
        let row = Row { hexadecimal: Hex(n), decimal: n as i64, bits: set };
        Ok(out.row(&row, |r| shown(n, bits.then_some(&r.bits)))?)
    }
}

/// What an expression comes to.
#[derive(Serialize, JsonSchema)]
struct Row {
    hexadecimal: Hex,
    decimal: i64,
    /// Numbers of the bits that are set, highest first.
    bits: Vec<u32>,
}

fn shown(n: u64, bits: Option<&Vec<u32>>) -> String {
    let decimal = match n as i64 {
        negative if negative < 0 => format!("{n}  ({negative})"),
        _ => n.to_string(),
    };
    let size = size(n).map(|s| format!("  ({s})")).unwrap_or_default();
    let mut out = format!(
        "hexadecimal: {n:x}{size}\n    decimal: {decimal}\n      octal: {n:o}\n     binary: {n:064b}\n"
    );
    if let Some(bits) = bits {
        let list: Vec<String> = bits.iter().map(u32::to_string).collect();
        out += &format!("   bits set: {}\n", list.join(" "));
    }
    out
}

/// A whole number of GB, MB or KB.
fn size(n: u64) -> Option<String> {
    let units = [(30, "GB"), (20, "MB"), (10, "KB")];
    let (shift, unit) = units.iter().find(|(shift, _)| n > 0 && n.is_multiple_of(1 << shift))?;
    Some(format!("{}{unit}", n >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_all_bases() {
        let text = shown(0x4000, Some(&vec![14]));
        assert!(text.starts_with("hexadecimal: 4000  (16KB)\n    decimal: 16384\n      octal: 40000\n"));
        assert!(text.ends_with("   bits set: 14\n"));
        assert!(shown(u64::MAX, None).contains("18446744073709551615  (-1)"));
    }
}
