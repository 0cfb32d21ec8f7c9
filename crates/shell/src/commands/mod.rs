//! All commands, one file each.

mod alias;
mod ascii;
mod bt;
mod dis;
mod eval;
mod foreach;
pub(crate) mod frame;
mod help;
mod irq;
mod kmem;
mod list;
mod log;
mod mach;
mod modules;
mod p;
mod pages;
mod ps;
mod rd;
mod runq;
mod search;
mod set;
mod sig;
mod structs;
mod swap;
mod sym;
mod sys;
mod task;
mod timer;
mod tree;
mod vm;
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
    &dis::Dis,
    &frame::Down,
    &eval::Eval,
    &foreach::Foreach,
    &frame::ShowFrame,
    &help::Help,
    &frame::Info,
    &irq::Irq,
    &kmem::Kmem,
    &list::List,
    &log::Log,
    &mach::Mach,
    &modules::Mod,
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
    &swap::Swap,
    &sym::Sym,
    &sys::Sys,
    &task::Task,
    &timer::Timer,
    &tree::Tree,
    &frame::Up,
    &vm::Vm,
    &vtop::Vtop,
    &waitq::Waitq,
    &whatis::Whatis,
];
