//! `hidden`: what lives and is missing where the kernel lists it.

use necropsy_diagnose::{Case, CaseOptions, scenes};
use necropsy_report::HiddenInfo;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Hidden;

impl Command for Hidden {
    fn name(&self) -> &'static str {
        "hidden"
    }
    fn synopsis(&self) -> &'static str {
        "(no arguments)"
    }
    fn about(&self) -> &'static str {
        "modules, tasks and sockets that are missing where the kernel lists them"
    }
    fn help(&self) -> &'static str {
        "Finds modules, tasks and TCP sockets in several independent ways and compares: modules by their list, sysfs, the address tree, the list \
         of bug tables and the memory that modules are loaded into; tasks by their list, the PID table and their parents' lists; sockets by \
         their tables and the open files of all tasks. What one way has and another lacks is shown. All memory of modules is looked \
         through.\n\
         The command is necropsy's own; crash has none like it."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "hidden", what: "whether somebody hides something" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![HiddenInfo]
    }

    fn run(&self, cx: &Context, _: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let case = Case::open(cx.target.clone(), CaseOptions::default());
        let found = scenes::hidden(&case);
        if found.is_empty() {
            out.heading("nothing was found that hides")?;
        }
        for one in &found {
            out.row(one, text)?;
        }
        Ok(())
    }
}

fn text(h: &HiddenInfo) -> String {
    let mut lines = vec![
        format!("{}: {} at {:x}", h.kind.to_uppercase(), h.name, h.at.0),
        format!("  MISSING IN: {}", h.missing_in),
    ];
    lines.extend(h.found_in.iter().map(|way| format!("    FOUND IN: {way}")));
    lines.extend(h.remarks.iter().map(|remark| format!("              {remark}")));
    lines.join("\n")
}
