//! A write past a buffer on the stack, noticed by the stack protector.

pub(super) mod buffers;
pub(super) mod canary;
mod damage;

use necropsy_base::Near;
use necropsy_report::{Hex, Place, bytes_text};
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, frame_address};

use self::buffers::Handed;
use self::canary::Canary;
use self::damage::Damage;
use crate::crash::Crash;
use crate::drawing::{Smashed, smashed_stack};
use crate::findings::{InSource, place};
use crate::timeline::first_event;
use crate::{Case, Class, Detective, Findings, Hypothesis, code};

pub const STACK_PROTECTOR: Detective = Detective {
    id: "stack-protector",
    title: "a buffer on the stack written past its end",
    doc: "The panic came from `__stack_chk_fail`. The function that called it is the one whose frame was damaged: its code says \
          where its copy of the task's canary lies; what stands there now, how far the damage goes, and which function was \
          handed a buffer of that frame and writes through it, are read from memory and instructions.",
    examine,
};

const CLASS: Class = Class::StackBufferOverflow;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some((index, _)) = crash.frame(&["__stack_chk_fail"]) else { return };
    // What follows a break was found elsewhere on the stack: it is not the function that made the call.
    let broken = crash.stack.breaks.iter().any(|b| b.frame == index);
    let smashed = crash.stack.frames.get(index + 1).filter(|_| !broken);
    let Some((smashed, function)) = smashed.and_then(|s| Some((s, s.function.as_ref()?))) else {
        return nameless(crash, found);
    };
    let insns = code::function(t, function);
    let canary = canary::find(t, smashed, &insns);
    let handed = buffers::handed(t, smashed, &insns, canary.as_ref().map(|c| c.slot));
    let writer = buffers::writer(&handed, canary.as_ref().map(|c| c.slot));
    let buffer = writer.map(|w| buffers::buffer(&handed, w));
    let damage = canary.as_ref().map(|c| damage::measure(t, c.slot, buffer, crash.task.stack_range(t)));

    let culprit = culprit(t, function, smashed, writer);
    let victim = smashed.pc.map(|pc| victim(t, pc, smashed));
    let mut h = hypothesis(crash, function, &culprit, writer, damage.as_ref());
    (h.culprit, h.victim) = (Some(culprit), victim);
    found.hypotheses.push(h);

    called(function, smashed, found);
    if let Some(c) = &canary {
        compare(crash, function, c, found);
    }
    if let Some(d) = &damage {
        extent(d, function, found);
    }
    lost_callers(crash, found);
    draw(t, crash, smashed, function, canary.as_ref(), damage.as_ref(), found);
    if let Some(w) = writer {
        handed_over(t, function, w, found);
    }
    if let Some((line, text)) = first_event(case.log(), &["panic.protector", "panic.protector.address"]) {
        found.add(CLASS, 0.5, format!("log:{line}"), "log".to_owned(), format!("the log says: {text}"));
    }
}

/// The frame as a figure.
fn draw(
    t: &Target,
    crash: &Crash,
    smashed: &Frame,
    function: &Near,
    canary: Option<&Canary>,
    damage: Option<&Damage>,
    found: &mut Findings,
) {
    let (Some(c), Some(d), Some(end)) = (canary, damage, frame_address(t, smashed)) else { return };
    let frame = Smashed {
        function: function.name.clone(),
        damage: d.begin..d.end,
        canary: c.slot,
        secret: crash.task.stack_canary,
        frame_end: end,
    };
    if let Some(figure) = smashed_stack(t, &frame) {
        found.draw(CLASS, figure);
    }
}

/// Who was given the buffer, and by which instruction.
fn handed_over(t: &Target, function: &Near, w: &Handed, found: &mut Findings) {
    let (at, name) = (t.describe(w.call), &function.name);
    let claim = if w.callee.start == function.start {
        format!("{name} copies to {:#x}, inside of its own frame, at {at}", w.address)
    } else {
        let writes = if w.writes { ", and writes through it" } else { "" };
        let (callee, argument) = (&w.callee.name, w.argument + 1);
        format!(
            "{callee} was handed {:#x}, inside of the frame of {name}, as argument {argument} at {at}{writes}",
            w.address
        )
    };
    found.add(CLASS, 0.7, format!("text:{name}"), format!("dis {name}"), claim);
}

fn victim(t: &Target, pc: necropsy_base::VirtAddr, smashed: &Frame) -> Place {
    // The frame is the whole function's, whatever was inlined where the check failed.
    let p = Place {
        function: smashed.name().map(str::to_owned),
        module: smashed.module().map(str::to_owned),
        offset: smashed.offset().map(|o| format!("{o:#x}")),
        address: Some(Hex(pc.0)),
        ..Place::default()
    };
    let function = p.function.clone();
    Place { function, inlined_into: None, ..p.in_source(t, smashed.place().unwrap_or(pc)) }
}

/// The check failed, but in which function cannot be told: its code belongs to nobody that is known.
fn nameless(crash: &Crash, found: &mut Findings) {
    let who = bytes_text(&crash.task.comm.0);
    let statement = format!(
        "The stack protector found a canary overwritten in task {who} ({}), in a function that this dump does not name.",
        crash.task.pid
    );
    let title = "a buffer on the stack was written past its end, in an unknown function";
    found.hypotheses.push(Hypothesis::new(CLASS, title, statement));
    let claim = "the panic came from __stack_chk_fail; the return address of its caller is in no known code";
    found.add(CLASS, 3.5, "stack", "bt".to_owned(), claim);
}

/// The function that wrote, if one is known to; else the one whose frame it is.
fn culprit(t: &Target, function: &Near, smashed: &Frame, writer: Option<&Handed>) -> Place {
    match writer {
        Some(w) if !w.servant => {
            let sure = Some(if w.alone { 0.92 } else { 0.6 });
            match w.store {
                Some(at) => Place { offset: None, ..place(t, at, sure) },
                None => Place { offset: None, ..place(t, w.callee.start, sure) },
            }
        }
        // A copy function does what it is told: who told it the wrong length is to blame.
        Some(_) => {
            Place { confidence: Some(0.85), ..victim(t, smashed.pc.unwrap_or(function.start), smashed) }
        }
        None => Place { confidence: Some(0.6), ..victim(t, smashed.pc.unwrap_or(function.start), smashed) },
    }
}

fn hypothesis(
    crash: &Crash,
    function: &Near,
    culprit: &Place,
    writer: Option<&Handed>,
    damage: Option<&Damage>,
) -> Hypothesis {
    let module = |m: &Option<String>| m.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    let victim = format!("{}{}", function.name, module(&function.module));
    let who = format!("{}{}", culprit.function.as_deref().unwrap_or("?"), module(&culprit.module));
    let title = match writer {
        Some(w) if !w.servant => format!("{who} wrote past a buffer on the stack of {victim}"),
        Some(w) if w.callee.start == function.start => format!("{who} wrote past a buffer on its own stack"),
        Some(w) => format!("{victim} let {} write past a buffer on its stack", w.callee.name),
        None => format!("a buffer on the stack of {victim} was written past its end"),
    };
    let mut statement = format!(
        "The stack protector found the canary of {victim} overwritten in task {} ({}).",
        bytes_text(&crash.task.comm.0),
        crash.task.pid
    );
    if let Some(d) = damage {
        let shown = d.text.as_ref().map(|s| format!(", the text {s:?}")).unwrap_or_default();
        // Where no buffer is known, what is overwritten begins at the canary itself.
        let room = if d.room > 0 { format!("; the buffer has at most {}", d.room) } else { String::new() };
        statement += &format!(
            " At least {} bytes from {:#x} on were overwritten{shown}{room}.",
            d.end - d.begin,
            d.begin,
        );
    }
    match writer {
        Some(w) if !w.servant => {
            statement += &format!(" {} was given that buffer and wrote more than fits.", w.callee.name);
        }
        Some(w) if w.callee.start == function.start => {
            statement += " Its own copy of data into the buffer was too long."
        }
        Some(w) => {
            statement +=
                &format!(" {} wrote there, with a length that {} gave it.", w.callee.name, function.name);
        }
        None => statement += " Which function wrote there could not be told from its code.",
    }
    let mut h = Hypothesis::new(CLASS, title, statement);
    let name = culprit.function.clone().unwrap_or_default();
    h.advice = vec![
        format!("check what limits the length in {name}: dis {name}"),
        "look where the written data came from: the task's system call, a packet, a file".into(),
    ];
    h.separate = Some("a canary that differs in one bit only would point to hardware; one that equals another task's, to a wrong stack".into());
    h
}

fn called(function: &Near, smashed: &Frame, found: &mut Findings) {
    let offset = smashed.offset().map(|o| format!("+{o:#x}")).unwrap_or_default();
    let claim = format!(
        "{}{offset} called __stack_chk_fail: the check at the end of the function failed",
        function.name
    );
    found.add(CLASS, 2.5, "stack", "bt".to_owned(), claim);
}

fn compare(crash: &Crash, function: &Near, c: &Canary, found: &mut Findings) {
    let expected = crash.task.stack_canary.unwrap_or(c.found);
    let slot = c.slot;
    let differ = (c.found ^ expected).count_ones();
    let (weight, what) = match differ {
        _ if crash.task.stack_canary.is_none() => (0.0, "what it should be is not known".to_owned()),
        0 => (-3.0, "which is the task's canary: it is intact".to_owned()),
        1 => (
            -1.5,
            format!(
                "the task's canary is {expected:#018x}: one bit differs, as a hardware fault would leave it"
            ),
        ),
        n => (3.0, format!("the task's canary is {expected:#018x}: {n} bits differ")),
    };
    let text =
        necropsy_target::unwind::as_text(c.found).map(|s| format!(" (the text {s:?})")).unwrap_or_default();
    found.add(
        CLASS,
        weight,
        format!("memory:*(unsigned long *){slot:#x}"),
        format!("rd {slot:x} 1"),
        format!(
            "the canary of {} lies at {slot:#x} and holds {:#018x}{text}; {what}",
            function.name, c.found
        ),
    );
    if crash.task.stack_canary.is_some() {
        found.add(
            CLASS,
            0.2,
            format!("memory:((struct task_struct *){:#x})->stack_canary", crash.task.at.0),
            format!("task -R stack_canary {}", crash.task.pid),
            format!("the task's canary is {}", Hex(expected)),
        );
    }
}

fn extent(d: &Damage, function: &Near, found: &mut Findings) {
    let words = (d.end - d.begin).div_ceil(8).min(64);
    let what = match &d.text {
        Some(text) => format!("the text {text:?}"),
        None => format!("the bytes {}", d.hex),
    };
    let claim = format!(
        "from {:#x} (the buffer in the frame of {}) to {:#x}, {} bytes, stands {what}",
        d.begin,
        function.name,
        d.end,
        d.end - d.begin
    );
    found.add(CLASS, 1.0, format!("memory:{:#x}", d.begin), format!("rd {:x} {words}", d.begin), claim);
}

/// The return addresses that the overflow took with it.
fn lost_callers(crash: &Crash, found: &mut Findings) {
    if let Some(b) = crash.stack.breaks.first() {
        let slot = b.slot.map(|s| format!("rd {:x} 1", s.0)).unwrap_or_else(|| "bt".into());
        found.add(CLASS, 0.5, "stack", slot, format!("the damage reaches the return address: {}", b.why));
    }
}
