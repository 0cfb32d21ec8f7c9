//! All commands, one file each.

mod alias;
mod ascii;
mod bt;
mod dev;
mod dis;
mod eval;
mod files;
mod foreach;
pub(crate) mod frame;
mod help;
mod ipcs;
mod irq;
mod list;
mod log;
mod mach;
mod modules;
mod mount;
mod net;
mod p;
mod pages;
mod ps;
mod rd;
mod runq;
mod search;
mod set;
mod sig;
mod structs;
mod sym;
mod sys;
mod task;
mod timer;
mod tree;
mod vtop;
mod waitq;
mod whatis;

pub(crate) mod header;
pub(crate) mod listing;
pub(crate) mod page_row;
pub(crate) mod patched;

use crate::Command;

/// The registry: parser, help, manual pages, completion and tests all come from it. Alphabetical.
pub static COMMANDS: &[&dyn Command] = &[
    &alias::Alias,
    &ascii::Ascii,
    &bt::Bt,
    &pages::Btop,
    &dev::Dev,
    &dis::Dis,
    &frame::Down,
    &eval::Eval,
    &files::Files,
    &foreach::Foreach,
    &frame::ShowFrame,
    &help::Help,
    &frame::Info,
    &ipcs::Ipcs,
    &irq::Irq,
    &list::List,
    &log::Log,
    &mach::Mach,
    &modules::Mod,
    &mount::Mount,
    &net::Net,
    &p::P,
    &ps::Ps,
    &vtop::Pte,
    &pages::Ptob,
    &pages::Ptov,
    &rd::Rd,
    &runq::Runq,
    &search::Search,
    &set::Set,
    &sig::Sig,
    &structs::Struct,
    &sym::Sym,
    &sys::Sys,
    &task::Task,
    &timer::Timer,
    &tree::Tree,
    &frame::Up,
    &vtop::Vtop,
    &waitq::Waitq,
    &whatis::Whatis,
];
