//! Figures as SVG in the page. Positions across are percentages where a picture may be any width, so that nothing shrinks on a phone.

mod memory;
mod stack;
mod timeline;
mod waits;

use std::fmt::Write;

use super::escape;
use crate::Figure;

pub fn figure(out: &mut String, figure: &Figure) {
    let _ = writeln!(out, "<figure>\n<figcaption>{}</figcaption>", escape(figure.title()));
    match figure {
        Figure::Stack(f) => stack::draw(out, f),
        Figure::Waits(f) => waits::draw(out, f),
        Figure::Memory(f) => memory::draw(out, f),
        Figure::Timeline(f) => timeline::draw(out, f),
    }
    out.push_str("</figure>\n");
}

/// What the colours mean.
fn legend(out: &mut String, entries: &[(&str, &str)]) {
    out.push_str("<div class=\"legend\">");
    for (colour, text) in entries {
        let _ = write!(out, "<span><b class=\"{colour}\"></b>{}</span>", escape(text));
    }
    out.push_str("</div>\n");
}

/// A text of at most `max` characters.
fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}
