//! What each CPU ran before the end: time goes to the right.

use std::fmt::Write;

use super::{legend, short};
use crate::html::escape;
use crate::{Span, TimelineFigure};

const LANE: usize = 46;
const TOP: usize = 22;

pub fn draw(out: &mut String, f: &TimelineFigure) {
    let width = (f.to - f.from).max(1e-9);
    let at = |seconds: f64| ((seconds - f.from) / width * 100.0).clamp(0.0, 100.0);
    let height = TOP + f.lanes.len() * LANE + 20;
    let _ = writeln!(out, "<svg width=\"100%\" height=\"{height}\" role=\"img\">");
    for (i, lane) in f.lanes.iter().enumerate() {
        let y = TOP + i * LANE;
        let _ = writeln!(
            out,
            "<text class=\"t-small t-bold\" x=\"0\" y=\"{}\">{}</text>",
            y + 10,
            escape(&lane.name)
        );
        let _ = writeln!(
            out,
            "<rect class=\"b-grey\" x=\"0\" y=\"{}\" width=\"100%\" height=\"22\" rx=\"3\"/>",
            y + 15
        );
        for span in &lane.spans {
            draw_span(out, y + 15, at(span.from), at(span.to), span);
        }
    }
    axis(out, f, height);
    for mark in &f.marks {
        let x = at(mark.at);
        let class = if mark.role == "cause" { "l-red" } else { "l" };
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{}\" y2=\"{}\"><title>{}</title></line>",
            TOP - 6,
            height - 18,
            escape(&mark.label)
        );
    }
    out.push_str("</svg>\n");
    legend(
        out,
        &[
            ("red", "the task that the verdict is about"),
            ("blue", "another task"),
            ("grey", "idle, or not known"),
        ],
    );
}

fn draw_span(out: &mut String, y: usize, from: f64, to: f64, span: &Span) {
    let class = match span.role {
        "culprit" => "b-red",
        "idle" => "b-grey",
        _ => "b-blue",
    };
    let width = (to - from).max(0.35);
    let detail = span.detail.as_ref().map(|d| format!(", in {d}")).unwrap_or_default();
    let told = format!("{}{detail}: {:.6} to {:.6}", span.label, span.from, span.to);
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{from:.2}%\" y=\"{y}\" width=\"{width:.2}%\" height=\"22\" rx=\"2\"><title>{}</title></rect>",
        escape(&told)
    );
    // A character is at most about two percent wide on the narrowest page.
    let room = (width / 2.2) as usize;
    if room >= 4 {
        let text = if span.label.len() + detail.len() <= room {
            format!("{}{detail}", span.label)
        } else {
            short(&span.label, room)
        };
        let _ = writeln!(
            out,
            "<text class=\"t-small\" x=\"{:.2}%\" y=\"{}\">{}</text>",
            from + 0.8,
            y + 15,
            escape(&text)
        );
    }
}

fn axis(out: &mut String, f: &TimelineFigure, height: usize) {
    let y = height - 4;
    let _ = writeln!(out, "<text class=\"t-small t-soft\" x=\"0\" y=\"{y}\">{:.3} s</text>", f.from);
    let _ = writeln!(
        out,
        "<text class=\"t-small t-soft\" x=\"100%\" y=\"{y}\" text-anchor=\"end\">{:.3} s: the end</text>",
        f.to
    );
}
