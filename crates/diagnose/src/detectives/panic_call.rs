//! A module that ends the kernel by its own decision.

use necropsy_arch::{Flow, Regs};
use necropsy_base::MemoryExt;
use necropsy_report::{bytes_text, terminal_safe};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::code::{self, Trace};
use crate::crash::base_name;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const PANIC_CALL: Detective = Detective {
    id: "panic-call",
    title: "a module that calls panic()",
    doc: "Nothing else explains the panic, and the function that called it is a module's: a check of its own failed, and it takes the kernel \
          down. What it says is the constant that it passes; the condition stands before the call.",
    examine,
};

const CLASS: Class = Class::BugAssertion;
/// Messages are not longer.
const MESSAGE: usize = 256;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    if !found.hypotheses.is_empty() || crash.trap(t).is_some_and(|trap| trap.fatal) {
        return;
    }
    let frames = &crash.stack.frames;
    let panic = frames.iter().rposition(|f| matches!(base_name(f), Some("panic" | "nmi_panic")));
    let Some(index) = panic.map(|i| i + 1).filter(|i| frames.get(*i).is_some_and(|f| f.module().is_some()))
    else {
        return;
    };
    let culprit = place_in(t, frames, index, 0.85);
    let who = named(&culprit);
    let message = message(t, &frames[index]);
    let said = message.as_ref().map(|(_, m)| format!(", saying {m:?}")).unwrap_or_default();
    let task = format!("{} ({})", bytes_text(&crash.task.comm.0), crash.task.pid);
    let statement = format!(
        "{who} called panic(){said}, in task {task}: a check of its own failed, and it ended the kernel for that. Whether what it checks was \
         its own doing or that of others is not known."
    );
    let mut h = Hypothesis::new(CLASS, format!("{who} called panic(){said}"), statement);
    h.victim = Some(culprit.clone());
    h.culprit = Some(culprit);
    h.advice = vec![format!(
        "read the condition before the call: dis -l {}",
        frames[index].name().unwrap_or_default()
    )];
    h.separate = Some("what the values in the message were: the log has them".into());
    found.hypotheses.push(h);
    found.add(
        CLASS,
        3.0,
        "stack",
        "bt".to_owned(),
        format!("{who} called panic(), and no exception came before"),
    );
    if let Some((at, text)) = message {
        let claim = format!("what it passes is the text {text:?}");
        found.add(CLASS, 0.5, format!("text:{who}"), format!("rd -a {at:x}"), claim);
    }
}

/// The text that the call of a frame passes, if it is a constant.
fn message(t: &Target, frame: &Frame) -> Option<(u64, String)> {
    let back = frame.pc?;
    let insns = code::function(t, frame.function.as_ref()?);
    let call = insns.iter().position(|i| i.next() == back && matches!(i.flow, Flow::Call(_)))?;
    let regs = Regs::new();
    let trace = Trace::new(t, &insns, insns[call].at, &regs)?;
    let at = trace.value(*t.arch().argument_registers().first()?, call, 0)?;
    let text = t.memory().cstr(necropsy_base::VirtAddr(at), MESSAGE).ok()?;
    let text = terminal_safe(String::from_utf8_lossy(&text).trim());
    (text.len() > 3).then_some((at, text))
}
