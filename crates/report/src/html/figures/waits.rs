//! A wait-for graph: tasks on the left, what they wait for on the right. Red arrows wait, blue ones say who holds.

use std::fmt::Write;

use super::{legend, short};
use crate::html::escape;
use crate::{WaitEdge, WaitFigure, WaitNode};

/// The picture's own width; it is never shown much smaller.
const WIDTH: usize = 420;
const BOX_WIDTH: usize = 168;
const BOX: usize = 42;
const ROW: usize = 70;
/// Characters that fit into a box.
const FITS: usize = 23;

pub fn draw(out: &mut String, f: &WaitFigure) {
    let rows = rows(f);
    let height = rows.iter().max().copied().unwrap_or(0) * ROW + BOX + 6;
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" style=\"max-width:620px\" role=\"img\">\n\
         <defs><marker id=\"w\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"f-red\" d=\"M0,0L8,4L0,8z\"/></marker>\
         <marker id=\"h\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"f-blue\" d=\"M0,0L8,4L0,8z\"/></marker></defs>"
    );
    f.edges.iter().for_each(|e| edge(out, f, &rows, e));
    f.nodes.iter().zip(&rows).for_each(|(n, row)| node(out, n, *row));
    out.push_str("</svg>\n");
    legend(
        out,
        &[
            ("red", "a task of the circle; red arrow: waits for"),
            ("blue", "blue arrow: is held by"),
            ("grey", "queues behind"),
        ],
    );
}

fn is_task(n: &WaitNode) -> bool {
    n.kind == "task"
}

/// The row of each node: tasks in their order; a lock beside the first that waits for it, or where there is room.
fn rows(f: &WaitFigure) -> Vec<usize> {
    let mut rows = vec![0; f.nodes.len()];
    let (mut next, mut taken) = (0, Vec::new());
    for (i, _) in f.nodes.iter().enumerate().filter(|(_, n)| is_task(n)) {
        rows[i] = next;
        next += 1;
    }
    for (i, _) in f.nodes.iter().enumerate().filter(|(_, n)| !is_task(n)) {
        let waiter = f.edges.iter().find(|e| e.waits && e.to == i).and_then(|e| rows.get(e.from).copied());
        let mut row = waiter.unwrap_or(0);
        while taken.contains(&row) {
            row += 1;
        }
        taken.push(row);
        rows[i] = row;
    }
    rows
}

fn edge(out: &mut String, f: &WaitFigure, rows: &[usize], e: &WaitEdge) {
    let (Some(from), Some(to)) = (rows.get(e.from), rows.get(e.to)) else { return };
    if f.nodes.get(e.from).map(is_task) == f.nodes.get(e.to).map(is_task) {
        return;
    }
    // Arrows of the two kinds leave and arrive at different heights, so that they do not cover each other.
    let y = |row: usize, shift: usize| row * ROW + shift;
    let (left, right) = (BOX_WIDTH + 2, WIDTH - BOX_WIDTH - 2);
    let guess = if e.certain { "" } else { " l-guess" };
    let (class, marker, x1, y1, x2, y2) = match e.waits {
        true => ("l-red", "w", left, y(*from, 14), right, y(*to, 14)),
        false => ("l-blue", "h", right, y(*from, 32), left, y(*to, 32)),
    };
    let middle = (x1 + x2) / 2;
    let _ = writeln!(
        out,
        "<path class=\"{class}{guess}\" d=\"M{x1},{y1}C{middle},{y1} {middle},{y2} {x2},{y2}\" marker-end=\"url(#{marker})\"/>"
    );
}

fn node(out: &mut String, n: &WaitNode, row: usize) {
    let class = match (n.in_cycle, is_task(n)) {
        (true, true) => "b-red",
        (_, false) => "b-blue",
        (false, true) => "b-grey",
    };
    let (x, y) = (if is_task(n) { 1 } else { WIDTH - BOX_WIDTH - 1 }, row * ROW + 2);
    let _ = writeln!(
        out,
        "<g><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX}\" rx=\"5\"/>\
         <text class=\"t-small t-bold\" x=\"{}\" y=\"{}\">{}</text>",
        x + 8,
        y + 17,
        escape(&short(&n.label, FITS))
    );
    if let Some(detail) = &n.detail {
        let _ = writeln!(
            out,
            "<text class=\"t-small t-soft\" x=\"{}\" y=\"{}\">{}<title>{}</title></text>",
            x + 8,
            y + 33,
            escape(&short(detail, FITS)),
            escape(detail)
        );
    }
    out.push_str("</g>\n");
}
