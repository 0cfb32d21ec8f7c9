//! `object`: an object of the slab allocator, and who had to do with it.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_diagnose::scenes;
use necropsy_report::{Hex, ObjectInfo, TrackInfo};
use schemars::JsonSchema;
use serde::Serialize;

use super::rd::printable;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Object;

impl Command for Object {
    fn name(&self) -> &'static str {
        "object"
    }
    fn synopsis(&self) -> &'static str {
        "[-m] address ..."
    }
    fn about(&self) -> &'static str {
        "the slab object at an address: cache, state, who allocated and who freed it"
    }
    fn help(&self) -> &'static str {
        "The object that holds the address: its cache, where it begins, whether it is free. Who allocated and who freed it is told where the \
         kernel keeps that: with slub_debug=U behind each object, in KFENCE's records for those that KFENCE guards. With the whole stacks \
         if it keeps those.\n\
         -m   its memory too, with what lies beside it; of large objects what is near the address\n\
         The command is necropsy's own; see kmem for crash's view of the slab."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "object ffff888003f40000", what: "whose memory this is" },
            Example { line: "object -m ffff888003f40000", what: "what it holds" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "m", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![ObjectInfo, Line]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.rest.is_empty() {
            return Err(CommandError::Usage("which object? an address in it".into()));
        }
        for word in &args.rest {
            let at = cx.address(word)?;
            let none = || CommandError::Failed(format!("{:x} is in no object of the slab allocator", at.0));
            let found = scenes::object(&cx.target, at)?.ok_or_else(none)?;
            out.row(&found, |o| text(o, at.0))?;
            if args.has('m') {
                memory(cx, &found, at, out)?;
            }
        }
        Ok(())
    }
}

/// Bytes before and behind an object that are shown with it.
const BEFORE: u64 = 16;
const BEHIND: u64 = 64;
/// Of larger objects only so much on both sides of the address is shown.
const NEAR: u64 = 256;
const LINE: u64 = 16;

/// Some bytes of memory.
#[derive(Serialize, JsonSchema)]
struct Line {
    /// Where they are.
    address: Hex,
    /// The bytes, each two hexadecimal digits.
    bytes: Vec<String>,
}

/// The object's memory; where it lies on two pages, the second may not be in the dump.
fn memory(cx: &Context, o: &ObjectInfo, asked: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    let begin = o.object.0.saturating_sub(BEFORE).max(asked.0.saturating_sub(NEAR)) & !(LINE - 1);
    let end = o.object.0.saturating_add(o.size).saturating_add(BEHIND).min(asked.0.saturating_add(NEAR));
    for at in (begin..end).step_by(LINE as usize) {
        match cx.target.memory().bytes(VirtAddr(at), LINE as usize) {
            Ok(bytes) => {
                let line =
                    Line { address: Hex(at), bytes: bytes.iter().map(|b| format!("{b:02x}")).collect() };
                let ascii: String = bytes.iter().map(|b| printable(*b)).collect();
                out.row(&line, |l| format!("  {:016x}:  {}   {ascii}", l.address.0, l.bytes.join(" ")))?;
            }
            Err(e) => out.note(&format!("{at:x}: {e}")),
        }
    }
    Ok(())
}

fn text(o: &ObjectInfo, asked: u64) -> String {
    let guarded = if o.guarded { "  (guarded by KFENCE)" } else { "" };
    let mut lines = vec![format!(
        "OBJECT: {:016x}  CACHE: {}  SIZE: {}  STATE: {}{guarded}",
        o.object.0, o.cache, o.size, o.state
    )];
    if o.offset != 0 {
        let side = if o.offset > 0 { "behind" } else { "before" };
        lines.push(format!("  {asked:016x} is {} bytes {side} its beginning", o.offset.unsigned_abs()));
    }
    for (did, track) in [("FREED", &o.freed), ("ALLOCATED", &o.allocated)] {
        lines.extend(track.iter().map(|track| who(did, track)));
    }
    lines.join("\n")
}

fn who(did: &str, track: &TrackInfo) -> String {
    let cpu = if track.cpu >= 0 { format!(" on CPU {}", track.cpu) } else { String::new() };
    let mut lines = vec![format!("  {did} by {} in task {}{cpu}", track.by, track.pid)];
    lines.extend(track.stack.iter().map(|place| format!("      {place}")));
    lines.join("\n")
}
