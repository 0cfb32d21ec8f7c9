//! An interrupt that came again and again, and that nobody wanted: the kernel switched it off.

use necropsy_kernel::irq::{self, Irq};
use necropsy_report::Place;
use necropsy_target::Target;

use crate::findings::place;
use crate::suspect::named;
use crate::waiting::Ending;
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const IRQ_STORM: Detective = Detective {
    id: "irq-storm",
    title: "an interrupt that nobody wanted",
    doc: "Where somebody asked for the dump, or nothing moves: an interrupt of whose last 100,000 nearly all were refused by every handler is \
          switched off by the kernel, which its descriptor keeps (kernel/irq/spurious.c). Whatever needs that interrupt hangs from then on. \
          A handler that does not know its own device, or a device that nobody drives, is why.",
    examine,
};

const CLASS: Class = Class::IrqStorm;

fn examine(case: &Case, found: &mut Findings) {
    let t = &case.target;
    if !matches!(Ending::of(case), Ending::Stopped | Ending::Alive | Ending::HungTask) {
        return;
    }
    let all = irq::descriptors(t).unwrap_or_else(|e| {
        t.note(format!("interrupts: {e}"));
        Vec::new()
    });
    let given_up = all.into_iter().filter_map(|(n, at)| irq::irq(t, n, at).ok()).find(|irq| irq.given_up);
    let Some(irq) = given_up else { return };
    let handlers: Vec<Place> = irq.actions.iter().map(|a| place(t, a.handler, None)).collect();
    let names: Vec<String> = handlers.iter().map(named).collect();
    let by = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    let statement = format!(
        "Interrupt {} came again and again and was refused by all who handle it ({by}); the kernel switched it off, and what needs it hangs.",
        irq.number
    );
    let mut h = Hypothesis::new(
        CLASS,
        format!("interrupt {} was switched off: nobody wanted it", irq.number),
        statement,
    );
    h.culprit = match &handlers[..] {
        [one] if one.module.is_some() => Some(Place { confidence: Some(0.5), ..one.clone() }),
        _ => None,
    };
    h.requested = case.crash().is_some_and(|c| c.is_requested());
    h.advice = vec!["look at the device behind it, and whether its driver is bound: irq, dev -p, log".into()];
    found.hypotheses.push(h);
    tell(t, &irq, found);
}

fn tell(t: &Target, irq: &Irq, found: &mut Findings) {
    let names: Vec<&str> = irq.actions.iter().map(|a| a.name.as_str()).collect();
    let claim = format!("interrupt {} (of {}) is there, at {:#x}", irq.number, names.join(", "), irq.at.0);
    found.add(
        CLASS,
        0.1,
        format!("memory:*(struct irq_desc *){:#x}", irq.at.0),
        format!("irq {}", irq.number),
        claim,
    );
    let claim = format!(
        "bit 1 of its state is set in the descriptor at {:#x}: switched off, as nobody wanted it",
        irq.at.0
    );
    let show =
        format!("struct irq_desc.core_internal_state__do_not_mess_with_it,irqs_unhandled {:x}", irq.at.0);
    found.add(CLASS, 3.5, format!("memory:*(struct irq_desc *){:#x}", irq.at.0), show, claim);
    for action in irq.actions.iter().take(4) {
        let claim = format!("{} handles it", named(&place(t, action.handler, None)));
        let source = format!("memory:*(struct irqaction *){:#x}", action.at.0);
        found.add(CLASS, 0.4, source, format!("struct irqaction.handler {:x}", action.at.0), claim);
    }
}
