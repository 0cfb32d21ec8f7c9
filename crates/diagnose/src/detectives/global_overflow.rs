//! A variable that was written over from the one before it.

use necropsy_base::VirtAddr;
use necropsy_report::{Place, Related};
use necropsy_target::Target;

use crate::access::BadAccess;
use crate::findings::place;
use crate::runs::{self, Run};
use crate::suspect::named;
use crate::{Case, Class, Detective, Findings, Hypothesis, writers};

pub const GLOBAL_OVERFLOW: Detective = Detective {
    id: "global-overflow",
    title: "a variable written over from the one before it",
    doc: "A pointer that faulted was read from a variable of the kernel or of a module, and the bytes there are part of a run (text, a pattern) \
          that begins before the variable: a buffer in front of it was overrun. The functions of the module whose code names that buffer's \
          address and writes are named.",
    examine,
};

const CLASS: Class = Class::OutOfBoundsAccess;
/// Functions that are shown.
const SHOWN: usize = 4;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(access) = BadAccess::of(t, crash) else { return };
    let variable = access.loads().into_iter().find_map(|(from, at)| Some((from, at, low(t, from)?)));
    let Some((from, loaded, low)) = variable else { return };
    let Some(run) = runs::around(t, from, low).filter(|run| run.start < from && run.end > from) else {
        return;
    };
    let module = t.modules().holding(run.start);
    let writers = module.map(|m| writers::of_static(t, m, run.start..from)).unwrap_or_default();
    let mut h = hypothesis(t, &access, from, &run);
    blame(t, &writers, &mut h);
    found.hypotheses.push(h);
    tell(t, from, loaded, &run, &writers, found);
}

/// The beginning of the static data that a variable is in.
fn low(t: &Target, at: VirtAddr) -> Option<VirtAddr> {
    let data = t.image_data();
    if data.contains(&at.0) {
        return Some(VirtAddr(data.start));
    }
    let module = t.modules().holding(at).filter(|_| !t.is_text(at))?;
    module.regions.iter().find(|r| r.contains(&at.0)).map(|r| VirtAddr(r.start))
}

fn hypothesis(t: &Target, access: &BadAccess<'_>, from: VirtAddr, run: &Run) -> Hypothesis {
    let (variable, before) = (t.describe(from), t.describe(run.start));
    let user = named(&place(t, access.pc, None));
    let statement = format!(
        "{user} used the pointer at {variable}, which is no pointer any more: {}, {} bytes from {before} on, was written over it. A buffer in \
         front of it was overrun.",
        run.what,
        run.end.0 - run.start.0
    );
    let mut h = Hypothesis::new(CLASS, format!("{variable} was written over from {before}"), statement);
    h.victim = Some(place(t, access.pc, None));
    h.advice = vec![
        format!("see what stands there: rd -s {:x} {}", run.start.0, (run.end.0 - run.start.0).div_ceil(8)),
        "look for what limits the length where that buffer is filled".into(),
    ];
    h.separate = Some("the declaration of the buffer, and who fills it".into());
    h
}

/// One function that fills the buffer is to blame; several are named.
fn blame(t: &Target, writers: &[VirtAddr], h: &mut Hypothesis) {
    if let [only] = writers {
        let culprit = place(t, *only, Some(0.75));
        h.statement += &format!(
            " {} takes its address and writes, as no other function of the module does.",
            named(&culprit)
        );
        h.culprit = Some(culprit);
    }
    let related = |at: &VirtAddr| {
        let Place { function, module, .. } = place(t, *at, None);
        Related { role: "other culprit", function, module, task: None }
    };
    h.related = writers.iter().skip(usize::from(writers.len() == 1)).take(SHOWN).map(related).collect();
}

fn tell(t: &Target, from: VirtAddr, loaded: VirtAddr, run: &Run, writers: &[VirtAddr], found: &mut Findings) {
    let words = (run.end.0 - run.start.0).div_ceil(8);
    let claim = format!(
        "{} holds {}, a run that begins {} bytes before it, at {}",
        t.describe(from),
        run.what,
        from.0 - run.start.0,
        t.describe(run.start)
    );
    let bears = [(CLASS, 6.0), (Class::WildPointerDereference, -2.5)];
    found.add_to_all(&bears, format!("memory:{from:#x}"), format!("rd {:x} {words}", run.start.0), claim);
    let claim = format!("{} loads the pointer from there", t.describe(loaded));
    found.add(CLASS, 0.3, "text", format!("dis {:x} 1", loaded.0), claim);
    for writer in writers.iter().take(SHOWN) {
        let claim = format!("{} has the address of the bytes before it", t.describe(*writer));
        found.add(CLASS, 0.3, "text", format!("dis {:x} 1", writer.0), claim);
    }
}
