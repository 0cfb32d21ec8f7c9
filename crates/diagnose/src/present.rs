//! What the kernel crate found, as the values that users see.

use necropsy_arch::Regs;
use necropsy_debuginfo::dwarf::SourceFrame;
use necropsy_kernel::identify::{What, identify};
use necropsy_kernel::tasks::{Task, Tasks, stack};
use necropsy_kernel::{cpus, system, taint};
use necropsy_report::{FrameInfo, Hex, RegisterInfo, StackInfo, SystemInfo, TaskInfo, bytes_text};
use necropsy_target::Target;
use necropsy_target::unwind::{End, Frame, Stack};

/// The machine in a few facts; what cannot be read is left out.
pub fn system_info(t: &Target, tasks: Option<&Tasks>) -> SystemInfo {
    let uts = system::uts(t).ok();
    let text = |bytes: &Vec<u8>| bytes_text(bytes);
    let clock = system::clock(t).ok();
    let info = t.meta().vmcoreinfo.as_ref();
    SystemInfo {
        release: uts
            .as_ref()
            .map(|u| text(&u.release.0))
            .or(info.and_then(|i| i.osrelease().map(str::to_owned))),
        version: uts.as_ref().map(|u| text(&u.version.0)),
        machine: uts.as_ref().map(|u| text(&u.machine.0)),
        nodename: uts.as_ref().map(|u| text(&u.nodename.0)),
        cpus: Some(cpus::present(t).len()).filter(|n| *n > 0),
        memory_bytes: system::memory_bytes(t),
        date: clock.and_then(|c| rfc3339(c.date)),
        uptime_seconds: clock.map(|c| c.uptime),
        load_average: system::load_average(t).ok(),
        tasks: tasks.map(|tasks| tasks.all.len()),
        taint: taint::mask(t).map(|mask| taint::letters(t, mask)).unwrap_or_default(),
        panic: None,
        build_id: info.and_then(|i| i.build_id()).map(str::to_owned),
    }
}

fn rfc3339(seconds: u64) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.to_string())
}

/// A task in one line.
pub fn task_info(task: &Task, cpu: Option<usize>) -> TaskInfo {
    TaskInfo { pid: task.pid, comm: bytes_text(&task.comm.0), cpu }
}

/// The registers of interrupted code, with what each value is; flags and the like are left out.
pub fn identified(t: &Target, tasks: Option<&Tasks>, regs: &Regs) -> Vec<RegisterInfo> {
    let names = t.arch().registers();
    let general = t.arch().argument_registers().iter().copied().chain(t.arch().return_register());
    let preserved = (0..64).filter(|i| t.arch().preserved_registers() >> i & 1 == 1);
    let mut shown: Vec<usize> = general.chain(preserved).chain([t.arch().pc(), t.arch().sp()]).collect();
    shown.extend(
        (0..names.len()).filter(|i| names[*i].starts_with('r') && names[*i][1..].parse::<u8>().is_ok()),
    );
    shown.sort_unstable();
    shown.dedup();
    let of = |i: usize| {
        let value = regs.get(i)?;
        let what = Some(identify(t, tasks, value)).filter(|w| *w != What::Small).map(|w| w.text());
        Some(RegisterInfo { name: names.get(i)?, value: Hex(value), what })
    };
    shown.into_iter().filter_map(of).collect()
}

/// The stack of a task.
pub fn task_stack(t: &Target, tasks: &Tasks, task: &Task) -> StackInfo {
    let running = tasks.running_on(task);
    let found = stack(t, task, running);
    stack_info(t, task, running.unwrap_or_else(|| tasks.cpu_of(task)), &found, false)
}

/// A stack as users see it; with source lines, and the functions that were inlined, if `lines` is wanted and known.
pub fn stack_info(t: &Target, task: &Task, cpu: usize, stack: &Stack, lines: bool) -> StackInfo {
    let mut frames: Vec<FrameInfo> = stack.frames.iter().map(frame_info).collect();
    // The registers belong to the frame that was interrupted: the one after the entry that saved them.
    for (i, frame) in stack.frames.iter().enumerate() {
        if let (Some(regs), Some(next)) = (&frame.trap, frames.get_mut(i + 1)) {
            next.exception = true;
            next.registers = registers(t, regs);
        }
    }
    let (end, user) = match &stack.end {
        End::User(regs) => (None, registers(t, regs)),
        End::Thread => (None, Vec::new()),
        End::Lost(why) => (Some(why.clone()), Vec::new()),
        End::NoStack => (Some("the task has no stack any more".into()), Vec::new()),
    };
    StackInfo {
        pid: task.pid,
        comm: bytes_text(&task.comm.0),
        cpu: Some(cpu),
        task: Some(Hex(task.at.0)),
        why: None,
        complete: stack.end.is_complete(),
        end,
        frames: match lines {
            true => {
                stack.frames.iter().zip(frames).flat_map(|(frame, info)| in_source(t, frame, info)).collect()
            }
            false => frames,
        },
        user_registers: user,
        breaks: stack.breaks.iter().map(|b| b.why.clone()).collect(),
    }
}

fn frame_info(frame: &Frame) -> FrameInfo {
    FrameInfo {
        pc: frame.pc.map(|pc| Hex(pc.0)),
        sp: frame.pc.map(|_| Hex(frame.slot.unwrap_or(frame.sp).0)),
        function: frame.name().map(str::to_owned),
        offset: frame.offset().map(|o| format!("{o:#x}")),
        module: frame.module().map(str::to_owned),
        file: None,
        line: None,
        inlined: false,
        trust: frame.trust.name(),
        exception: false,
        registers: Vec::new(),
        remark: frame.remark.clone(),
    }
}

/// A frame with its line, after the functions that were inlined at its place.
fn in_source(t: &Target, frame: &Frame, info: FrameInfo) -> Vec<FrameInfo> {
    let Some(at) = frame.place() else { return vec![info] };
    let Some(mut sources) = t.place(at).map(|place| place.frames()) else { return vec![info] };
    let own = sources.pop();
    let inlined = |source: SourceFrame| FrameInfo {
        function: source.function,
        module: info.module.clone(),
        file: source.line.as_ref().map(|l| l.file.clone()),
        line: source.line.map(|l| l.line).filter(|n| *n > 0),
        inlined: true,
        pc: info.pc,
        trust: info.trust,
        ..FrameInfo::default()
    };
    let mut out: Vec<FrameInfo> = sources.into_iter().map(inlined).collect();
    let line = own.and_then(|own| own.line);
    out.push(FrameInfo {
        file: line.as_ref().map(|l| l.file.clone()),
        line: line.map(|l| l.line).filter(|n| *n > 0),
        ..info
    });
    out
}

fn registers(t: &Target, regs: &Regs) -> Vec<(&'static str, Hex)> {
    let named = t.arch().registers().iter().enumerate();
    named.filter_map(|(i, name)| Some((*name, Hex(regs.get(i)?)))).collect()
}
