//! All commands, one file each.

mod alias;
mod ascii;
mod bpf;
mod bt;
mod dev;
mod dis;
mod eval;
mod examine;
mod exit;
mod extend;
mod fault;
mod files;
pub(crate) mod foreach;
pub(crate) mod frame;
mod fuser;
mod gdb;
mod help;
mod hidden;
mod ipcs;
mod irq;
mod json;
mod kmem;
mod list;
mod locks;
mod log;
mod mach;
mod modules;
mod mount;
mod net;
mod object;
mod p;
mod pages;
mod ps;
mod rd;
mod repeat;
mod runq;
mod sbitmapq;
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
mod usage;
mod vm;
mod vtop;
mod waitq;
mod whatis;
mod wr;

pub(crate) mod header;
pub(crate) mod listing;
pub(crate) mod page_row;
pub(crate) mod patched;

use crate::Command;

/// The registry: parser, help, manual pages, completion and tests all come from it. Alphabetical.
pub static COMMANDS: &[&dyn Command] = &[
    &alias::Alias,
    &ascii::Ascii,
    &bpf::Bpf,
    &bt::Bt,
    &pages::Btop,
    &dev::Dev,
    &dis::Dis,
    &frame::Down,
    &eval::Eval,
    &exit::Exit,
    &extend::Extend,
    &fault::Fault,
    &files::Files,
    &foreach::Foreach,
    &frame::ShowFrame,
    &fuser::Fuser,
    &gdb::Gdb,
    &help::Help,
    &hidden::Hidden,
    &frame::Info,
    &ipcs::Ipcs,
    &irq::Irq,
    &json::Json,
    &kmem::Kmem,
    &list::List,
    &locks::Locks,
    &log::Log,
    &mach::Mach,
    &modules::Mod,
    &mount::Mount,
    &net::Net,
    &object::Object,
    &p::P,
    &ps::Ps,
    &vtop::Pte,
    &pages::Ptob,
    &pages::Ptov,
    &rd::Rd,
    &repeat::Repeat,
    &runq::Runq,
    &sbitmapq::Sbitmapq,
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
    &usage::Usage,
    &vm::Vm,
    &vtop::Vtop,
    &waitq::Waitq,
    &whatis::Whatis,
    &wr::Wr,
    &examine::Examine,
];
