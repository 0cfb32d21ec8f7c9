//! `usage`: what memory was used for, and who has most of it.

use necropsy_diagnose::{Case, CaseOptions, scenes};
use necropsy_report::{TakerInfo, UseInfo};

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Usage;

impl Command for Usage {
    fn name(&self) -> &'static str {
        "usage"
    }
    fn synopsis(&self) -> &'static str {
        "(no arguments)"
    }
    fn about(&self) -> &'static str {
        "what all memory was used for, and who has most of it"
    }
    fn help(&self) -> &'static str {
        "All memory added up from the kernel's own counters, nothing twice, with what is in none of them. Then the takers: of slab caches, of \
         vmalloc() and of pages in no statistics those that have unusually much, each with the places in the code that ask for it; and the \
         largest process and file system in memory.\n\
         The command is necropsy's own; see kmem -i and kmem -V for crash's figures."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "usage", what: "where the memory went" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![UseInfo, TakerInfo]
    }

    fn run(&self, cx: &Context, _: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let case = Case::open(cx.target.clone(), CaseOptions::default());
        let cannot = || CommandError::Failed("the kernel's counters of memory cannot be read".into());
        let (total, uses, takers) = scenes::memory(&case).ok_or_else(cannot)?;
        out.heading(&format!("{}  all memory", amount(total)))?;
        for u in &uses {
            out.row(u, |u| format!("{}  {:>3.0} %  {}", amount(u.bytes), 100.0 * u.share, u.used_for))?;
        }
        out.heading("\nTAKERS")?;
        for t in &takers {
            out.row(t, taker)?;
        }
        Ok(())
    }
}

fn taker(t: &TakerInfo) -> String {
    let mut lines = vec![format!("{}  {:>3.0} %  {}", amount(t.bytes), 100.0 * t.share, t.taker)];
    lines.extend(t.sites.iter().map(|site| format!("{:26}asked for at {site}", "")));
    lines.join("\n")
}

fn amount(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{:>10} KiB", bytes >> 10),
        _ => format!("{:>10} MiB", bytes >> 20),
    }
}
