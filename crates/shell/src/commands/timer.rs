//! `timer`: what is to happen when.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::timers::{self, Clock, Wheel};
use necropsy_kernel::{cpus, system};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Timer;

impl Command for Timer {
    fn name(&self) -> &'static str {
        "timer"
    }
    fn synopsis(&self) -> &'static str {
        "[-r] [-C cpu]"
    }
    fn about(&self) -> &'static str {
        "the timers that are pending"
    }
    fn help(&self) -> &'static str {
        "Without options: the timers of each CPU's wheels, the next first, with the ticks until they expire (TTE).\n\
         -r   the high-resolution timers, in ns of their clock\n\
         -C   only those of these CPUs: 1,3-5"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "timer", what: "all wheels" },
            Example { line: "timer -r -C 0", what: "high-resolution timers of CPU 0" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "r", values: "C", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let cpus = match args.value('C') {
            Some(list) => cx.cpus(list)?,
            None => cpus::present(&cx.target),
        };
        if args.has('r') { clocks(cx, &cpus, out) } else { wheels(cx, &cpus, out) }
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    cpu: usize,
    base: String,
    expires: i128,
    /// Ticks, or ns, until it expires.
    left: i128,
    timer: Hex,
    function: Hex,
    symbol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    soft_expires: Option<i64>,
}

fn symbol(cx: &Context, at: VirtAddr) -> String {
    cx.target.near(at).map_or_else(|| "unknown".into(), |n| n.name)
}

fn wheels(cx: &Context, cpus: &[usize], out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let jiffies = t
        .memory()
        .word(t.need_symbol("jiffies")?)
        .map_err(|e| CommandError::Failed(format!("jiffies: {e}")))?;
    out.heading(&format!("JIFFIES\n{jiffies}"))?;
    for cpu in cpus {
        out.heading("")?;
        match timers::wheels(t, *cpu) {
            Ok(found) => found.iter().try_for_each(|w| wheel(cx, w, jiffies, out))?,
            Err(e) => out.note(&format!("CPU {cpu}: {e}")),
        }
    }
    Ok(())
}

fn wheel(cx: &Context, wheel: &Wheel, jiffies: u64, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading(&format!("TIMER_BASES[{}][{}]: {:x}", wheel.cpu, wheel.name, wheel.at.0))?;
    out.heading("  EXPIRES        TTE        TIMER_LIST     FUNCTION")?;
    if wheel.timers.is_empty() {
        out.heading("  (none)")?;
    }
    for timer in &wheel.timers {
        let row = Row {
            cpu: wheel.cpu,
            base: wheel.name.into(),
            expires: i128::from(timer.expires),
            left: i128::from(timer.expires) - i128::from(jiffies),
            timer: Hex(timer.at.0),
            function: Hex(timer.function.0),
            symbol: symbol(cx, timer.function),
            soft_expires: None,
        };
        out.row(&row, |r| {
            format!(
                "  {:>10}  {:>6}  {:016x}  {:016x}  <{}>",
                r.expires, r.left, r.timer.0, r.function.0, r.symbol
            )
        })?;
    }
    Ok(())
}

fn clocks(cx: &Context, cpus: &[usize], out: &mut dyn Sink) -> Result<(), CommandError> {
    let now = system::clock(&cx.target).ok().map_or(0, |c| i128::from(c.uptime) * 1_000_000_000);
    let now = cpus::run_queue_clock(&cx.target, cx.panic_cpu().unwrap_or(0)).map_or(now, i128::from);
    for cpu in cpus {
        match timers::clocks(&cx.target, *cpu) {
            Ok((at, found)) => {
                out.heading(&format!("CPU: {cpu}  HRTIMER_CPU_BASE: {:x}", at.0))?;
                found.iter().try_for_each(|c| clock(cx, *cpu, c, now, out))?;
            }
            Err(e) => out.note(&format!("CPU {cpu}: {e}")),
        }
    }
    Ok(())
}

/// What each clock's time is counted by, in the order of `enum hrtimer_base_type`; the second four are the same, in softirqs.
const CLOCKS: [&str; 4] = ["ktime_get", "ktime_get_real", "ktime_get_boottime", "ktime_get_clocktai"];

fn clock(cx: &Context, cpu: usize, clock: &Clock, now: i128, out: &mut dyn Sink) -> Result<(), CommandError> {
    let by = match clock.get_time.is_null() {
        true => CLOCKS[clock.number % CLOCKS.len()].to_owned(),
        false => symbol(cx, clock.get_time),
    };
    out.heading(&format!("  CLOCK: {}  HRTIMER_CLOCK_BASE: {:x}  [{by}]", clock.number, clock.at.0))?;
    if clock.timers.is_empty() {
        out.heading("  (empty)\n")?;
        return Ok(());
    }
    out.heading(&format!("      CURRENT\n   {now}\n    SOFTEXPIRES       EXPIRES           TTE           HRTIMER           FUNCTION"))?;
    for timer in &clock.timers {
        let row = Row {
            cpu,
            base: by.clone(),
            expires: i128::from(timer.expires),
            left: i128::from(timer.expires) - now,
            timer: Hex(timer.at.0),
            function: Hex(timer.function.0),
            symbol: symbol(cx, timer.function),
            soft_expires: Some(timer.soft_expires),
        };
        out.row(&row, |r| {
            let soft = r.soft_expires.unwrap_or_default();
            format!(
                "  {soft:>14}  {:>14}  {:>14}  {:016x}  {:016x}  <{}>",
                r.expires, r.left, r.timer.0, r.function.0, r.symbol
            )
        })?;
    }
    Ok(out.heading("")?)
}
