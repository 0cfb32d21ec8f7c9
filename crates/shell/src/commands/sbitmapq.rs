//! `sbitmapq`: a scalable bitmap, and the objects that its bits stand for.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::sbitmap::{self, Bits, Queue};
use necropsy_report::Hex;
use necropsy_target::LoadError;
use schemars::JsonSchema;
use serde::Serialize;

use super::structs::{self, show_members, show_whole};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Sbitmapq;

impl Command for Sbitmapq {
    fn name(&self) -> &'static str {
        "sbitmapq"
    }
    fn synopsis(&self) -> &'static str {
        "[-s struct[.member[,member]] -a address [-p] [-v]] [-x | -d] address"
    }
    fn about(&self) -> &'static str {
        "the bits of a struct sbitmap_queue that are in use"
    }
    fn help(&self) -> &'static str {
        "Tags of block devices and of SCSI targets are such bits. Without options: what the queue says, and its bits, lowest first.\n\
         -s   the bits are indices into an array of these structs\n\
         -a   where the array is\n\
         -p   it is an array of pointers to them\n\
         -v   shows the structs, not only where they are\n\
         -x   numbers in hexadecimal; -d in decimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "sbitmapq ffff888003f40000", what: "how many tags are in use" },
            Example {
                line: "sbitmapq -s request.cmd_flags,tag -p -a ffff888003f50000 -v ffff888003f40000",
                what: "the requests that have them",
            },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "pvxd", values: "sa", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Element, structs::Object]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let Some(word) = args.rest.first() else {
            return Err(CommandError::Usage("the address of a struct sbitmap_queue is missing".into()));
        };
        let queue: Queue = cx.target.load(cx.address(word)?)?;
        let bits = sbitmap::bits(&cx.target, &queue)?;
        match (args.value('s'), args.value('a')) {
            (Some(of), Some(array)) => elements(cx, &bits, of, cx.address(array)?, args, out),
            (None, None) if !args.has('p') && !args.has('v') => show(cx, &queue, bits, args, out),
            _ => Err(CommandError::Usage("-s and -a go together; -p and -v need both".into())),
        }
    }
}

/// A queue.
#[derive(Serialize, JsonSchema)]
struct Row {
    depth: u32,
    busy: usize,
    cleared: u64,
    bits_per_word: u64,
    words: u32,
    alloc_hint: Vec<u32>,
    wake_batch: u32,
    wake_index: u32,
    waiting: Option<u32>,
    waiters: Vec<Waiter>,
    round_robin: Option<bool>,
    min_shallow_depth: Option<u32>,
    /// Numbers of the bits in use.
    set: Vec<u64>,
}

/// One of a queue's wait queues.
#[derive(Serialize, JsonSchema)]
struct Waiter {
    count: Option<i32>,
    active: bool,
}

/// An element of the array that the bits are indices of.
#[derive(Serialize, JsonSchema)]
struct Element {
    index: u64,
    address: Hex,
}

fn show(
    cx: &Context,
    queue: &Queue,
    bits: Bits,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let t = &cx.target;
    let waiters = sbitmap::waiters(t, queue).unwrap_or_else(|e| {
        out.note(&format!("wait queues: {e}"));
        Vec::new()
    });
    let row = Row {
        depth: bits.depth,
        busy: bits.set.len(),
        cleared: bits.cleared,
        bits_per_word: bits.per_word,
        words: bits.words,
        alloc_hint: sbitmap::hints(t, queue),
        wake_batch: queue.wake_batch,
        wake_index: queue.wake_index,
        waiting: queue.ws_active,
        waiters: waiters.into_iter().map(|(count, active)| Waiter { count, active }).collect(),
        round_robin: queue.round_robin.map(|r| r != 0),
        min_shallow_depth: queue.min_shallow_depth,
        set: bits.set,
    };
    let hex = cx.hex(args);
    Ok(out.row(&row, |r| text(r, hex))?)
}

fn text(r: &Row, hex: bool) -> String {
    let number = |n: u64| if hex { format!("{n:#x}") } else { n.to_string() };
    let hints: Vec<String> = r.alloc_hint.iter().map(|n| number((*n).into())).collect();
    let fields = [
        ("depth", Some(r.depth.into())),
        ("busy", Some(r.busy as u64)),
        ("cleared", Some(r.cleared)),
        ("bits_per_word", Some(r.bits_per_word)),
        ("map_nr", Some(r.words.into())),
    ];
    let behind = [
        ("wake_batch", Some(r.wake_batch.into())),
        ("wake_index", Some(r.wake_index.into())),
        ("ws_active", r.waiting.map(u64::from)),
    ];
    let last = [
        ("round_robin", r.round_robin.map(u64::from)),
        ("min_shallow_depth", r.min_shallow_depth.map(u64::from)),
    ];
    let lines = |fields: &[(&str, Option<u64>)]| -> String {
        let line = |(name, n): &(&str, Option<u64>)| Some(format!("{name} = {}\n", number((*n)?)));
        fields.iter().filter_map(line).collect()
    };
    let waiter = |w: &Waiter| {
        let count = w.count.map(|n| format!(".wait_cnt = {n}, ")).unwrap_or_default();
        format!("\t{{ {count}.wait = {} }},\n", if w.active { "active" } else { "inactive" })
    };
    let waiters: String = r.waiters.iter().map(waiter).collect();
    format!(
        "{}alloc_hint = {{{}}}\n{}ws = {{\n{waiters}}}\n{}\n{}",
        lines(&fields),
        hints.join(", "),
        lines(&behind),
        lines(&last),
        dump(&r.set, r.depth)
    )
}

/// The bits as bytes, the lowest first.
fn dump(set: &[u64], depth: u32) -> String {
    let mut bytes = vec![0u8; (depth as usize).min(1 << 20).div_ceil(8)];
    for bit in set {
        if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
            *byte |= 1 << (bit % 8);
        }
    }
    let pair = |two: &[u8]| two.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let line = |(i, bytes): (usize, &[u8])| {
        let pairs: Vec<String> = bytes.chunks(2).map(pair).collect();
        format!("{:08x}: {}\n", i * 16, pairs.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

/// The elements of an array that the bits in use are the indices of.
fn elements(
    cx: &Context,
    bits: &Bits,
    of: &str,
    array: VirtAddr,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let t = &cx.target;
    let (name, members) = of.split_once('.').unwrap_or((of, ""));
    let members: Vec<&str> = members.split(',').filter(|m| !m.is_empty()).collect();
    let ty = t.type_named(name).ok_or_else(|| CommandError::no_type(name))?;
    let pointers = args.has('p');
    let stride = if pointers { u64::from(t.abi().word) } else { ty.size().map_err(LoadError::from)? };
    for index in &bits.set {
        let place = array.offset(index.wrapping_mul(stride));
        let at = match pointers {
            true => match t.memory().ptr(place) {
                Ok(at) => at,
                Err(e) => {
                    out.note(&format!("{index}: {e}"));
                    continue;
                }
            },
            false => place,
        };
        let whole = args.has('v') || !members.is_empty();
        let row = Element { index: *index, address: Hex(at.0) };
        out.row(&row, |r| match whole {
            true => format!("{} (0x{:016x}):", r.index, r.address.0),
            false => format!("{}: 0x{:016x}", r.index, r.address.0),
        })?;
        let shown = match (whole, members.is_empty()) {
            (false, _) => Ok(()),
            (true, true) => show_whole(cx, &ty, at, cx.hex(args), out),
            (true, false) => show_members(cx, &ty, &members, at, cx.hex(args), out),
        };
        match shown {
            Err(e) if e.ends_all() => return Err(e),
            Err(e) => out.note(&format!("{index}: {e}")),
            Ok(()) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn bits_as_bytes() {
        assert_eq!(
            super::dump(&[0, 9, 130], 136),
            "00000000: 0102 0000 0000 0000 0000 0000 0000 0000\n00000010: 04\n"
        );
        assert_eq!(super::dump(&[], 0), "");
    }
}
