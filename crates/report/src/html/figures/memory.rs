//! Where memory went: one bar of all of it, and a row for each part, with its largest parts under it.

use std::fmt::Write;

use super::{legend, short};
use crate::html::escape;
use crate::text::size;
use crate::{MemoryFigure, MemoryPart};

const COLOURS: [&str; 4] = ["b-blue", "b-violet", "b-green", "b-amber"];
const ROW: usize = 40;
const SMALL: usize = 20;
/// Largest parts of a part that are drawn.
const INNER: usize = 5;

pub fn draw(out: &mut String, f: &MemoryFigure) {
    let total = f.total.max(1);
    let inner = |p: &MemoryPart| p.parts.len().min(INNER) * SMALL;
    let height = 46 + f.parts.iter().map(|p| ROW + inner(p)).sum::<usize>();
    let _ = writeln!(out, "<svg width=\"100%\" height=\"{height}\" role=\"img\">");
    let _ = writeln!(out, "<rect class=\"b-grey\" x=\"0\" y=\"2\" width=\"100%\" height=\"26\" rx=\"3\"/>");
    let mut left = 0.0;
    for (i, part) in f.parts.iter().enumerate() {
        let width = percent(part.bytes, total).min(100.0 - left);
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{left:.2}%\" y=\"2\" width=\"{width:.2}%\" height=\"26\"><title>{}</title></rect>",
            colour(part, i),
            escape(&part.name)
        );
        left += width;
    }
    let mut y = 40;
    for (i, part) in f.parts.iter().enumerate() {
        row(out, y, part, total, colour(part, i));
        y += ROW + inner(part);
    }
    out.push_str("</svg>\n");
    let known: u64 = f.parts.iter().map(|p| p.bytes).sum();
    let rest = format!("not accounted for: {}", size(f.total.saturating_sub(known)));
    legend(out, &[("red", "to be looked at"), ("grey", &rest)]);
}

fn colour(part: &MemoryPart, i: usize) -> &'static str {
    if part.suspect { "b-red" } else { COLOURS[i % COLOURS.len()] }
}

fn percent(bytes: u64, total: u64) -> f64 {
    bytes as f64 * 100.0 / total as f64
}

fn row(out: &mut String, y: usize, part: &MemoryPart, total: u64, colour: &str) {
    let share = percent(part.bytes, total);
    let detail = part.detail.as_ref().map(|d| format!(" · {d}")).unwrap_or_default();
    let text = format!("{}  {} ({share:.1} %){detail}", part.name, size(part.bytes));
    let _ = writeln!(
        out,
        "<text class=\"t-bold\" x=\"0\" y=\"{}\">{}<title>{}</title></text>",
        y + 12,
        escape(&short(&text, 90)),
        escape(&text)
    );
    let _ = writeln!(
        out,
        "<rect class=\"{colour}\" x=\"0\" y=\"{}\" width=\"{:.2}%\" height=\"10\" rx=\"2\"/>",
        y + 18,
        share.clamp(0.2, 100.0)
    );
    for (i, inner) in part.parts.iter().take(INNER).enumerate() {
        let class = if inner.suspect { "t-small t-red" } else { "t-small t-soft" };
        let text = format!("{:>10}  {}", size(inner.bytes), inner.name);
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"12\" y=\"{}\" xml:space=\"preserve\">{}<title>{}</title></text>",
            y + 44 + i * SMALL,
            escape(&short(&text, 60)),
            escape(inner.detail.as_deref().unwrap_or(&inner.name))
        );
    }
}
