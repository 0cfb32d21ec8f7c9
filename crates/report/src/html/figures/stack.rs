//! A smashed stack: each word a row, the lowest address on top, the way the overflow went.

use std::fmt::Write;

use super::{legend, short};
use crate::html::escape;
use crate::{Part, StackFigure, StackWord};

const ROW: usize = 24;

pub fn draw(out: &mut String, f: &StackFigure) {
    let height = f.words.len() * ROW + 4;
    let _ = writeln!(out, "<svg width=\"100%\" height=\"{height}\" role=\"img\">");
    for (i, word) in f.words.iter().enumerate() {
        row(out, i * ROW + 2, word, i == 0 || f.words[i - 1].part != word.part);
    }
    out.push_str("</svg>\n");
    legend(
        out,
        &[
            ("red", "written over"),
            ("blue", "the buffer"),
            ("green", "intact: canary or return address"),
            ("grey", "other"),
        ],
    );
}

fn colour(word: &StackWord) -> &'static str {
    match word.part {
        _ if word.overwritten => "b-red",
        Part::Buffer => "b-blue",
        Part::Canary | Part::Return => "b-green",
        Part::Saved | Part::Caller => "b-grey",
    }
}

fn row(out: &mut String, y: usize, word: &StackWord, first: bool) {
    let (inside, text_y) = (ROW - 3, y + 15);
    let _ = writeln!(
        out,
        "<rect class=\"{}\" x=\"0.5%\" y=\"{y}\" width=\"99%\" height=\"{inside}\" rx=\"3\"/>",
        colour(word)
    );
    if first {
        let _ = writeln!(
            out,
            "<text class=\"t-small t-bold\" x=\"1.8%\" y=\"{text_y}\">{}</text>",
            word.part.text()
        );
    }
    let address = word.at.to_string();
    let _ = writeln!(out, "<text class=\"wide t-soft\" x=\"20%\" y=\"{text_y}\">{address}</text>");
    let value = word.value.map_or_else(|| "(redacted)".to_owned(), |v| format!("{:016x}", v.0));
    let _ = writeln!(out, "<text class=\"t-value\" x=\"44%\" y=\"{text_y}\">{value}</text>");
    let meaning = match (&word.meaning, word.expected) {
        (Some(text), Some(expected)) => format!("{text}, not {:016x}", expected.0),
        (None, Some(expected)) if word.value != Some(expected) => format!("not {:016x}", expected.0),
        (Some(text), None) => text.clone(),
        _ => String::new(),
    };
    if !meaning.is_empty() {
        let _ = writeln!(
            out,
            "<text class=\"wide t-small t-soft\" x=\"64%\" y=\"{text_y}\">{}<title>{}</title></text>",
            escape(&short(&meaning, 44)),
            escape(&meaning)
        );
    }
}
