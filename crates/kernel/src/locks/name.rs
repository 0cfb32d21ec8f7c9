//! What a lock is called.

use necropsy_base::VirtAddr;
use necropsy_target::Target;

use crate::slab;
use crate::tasks::Tasks;

/// A variable, or a part of one; a place in a module; a part of a slab object; a place on somebody's stack.
pub(super) fn of(t: &Target, tasks: &Tasks, at: VirtAddr) -> Option<String> {
    variable(t, at)
        .or_else(|| in_module(t, at))
        .or_else(|| in_object(t, at))
        .or_else(|| on_stack(t, tasks, at))
}

/// The largest variable that a lock is named after: behind the end of what symbols cover, they say nothing.
const MAX_OFFSET: u64 = 1 << 16;

fn variable(t: &Target, at: VirtAddr) -> Option<String> {
    let near = t.near(at).filter(|n| !t.is_text(n.start))?;
    let offset =
        at.0.checked_sub(near.start.0).filter(|o| *o < near.size.unwrap_or(MAX_OFFSET).min(MAX_OFFSET))?;
    let module = near.module.map(|m| format!(" [{m}]")).unwrap_or_default();
    Some(match offset {
        0 => format!("{}{module}", near.name),
        _ => format!("{}+{offset:#x}{module}", near.name),
    })
}

/// Where a module's data has no names.
fn in_module(t: &Target, at: VirtAddr) -> Option<String> {
    Some(format!("at {at:#x} [{}]", t.modules().holding(at)?.name))
}

fn in_object(t: &Target, at: VirtAddr) -> Option<String> {
    let object = slab::object(t, at)?;
    let free = if object.free == Some(true) { " (free!)" } else { "" };
    let offset = at.0.saturating_sub(object.start.0);
    Some(format!("in {} object {:#x}+{offset:#x}{free}", object.cache, object.start))
}

fn on_stack(t: &Target, tasks: &Tasks, at: VirtAddr) -> Option<String> {
    let task = tasks.all.iter().find(|task| task.stack_range(t).contains(&at.0))?;
    Some(format!("at {at:#x} on the stack of {} ({})", task.comm_text(), task.pid))
}
