//! All commands, one file each.

mod bt;
mod log;
mod modules;
mod ps;
mod sys;

pub(crate) mod header;

use crate::Command;

/// The registry: parser, help, manual pages, completion and tests all come from it.
pub static COMMANDS: &[&dyn Command] = &[&bt::Bt, &log::Log, &modules::Mod, &ps::Ps, &sys::Sys];
