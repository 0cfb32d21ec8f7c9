//! The crash-compatible commands.
//!
//! A command computes typed values and hands them to a [`Sink`], which renders them as text in crash's layout or as JSON. One
//! file per command under `commands/`, one line in [`COMMANDS`].

mod aliases;
mod args;
mod command;
pub mod commands;
mod complete;
mod context;
mod ctype;
mod expr;
mod locals;
mod number;
mod output;
mod run;
mod schema;
mod similar;
mod source;
mod values;

pub use aliases::ALIASES;
pub use args::{Args, Spec};
pub use command::{Command, CommandError, Example};
pub use commands::COMMANDS;
pub use complete::complete;
pub use context::Context;
pub use output::{Closed, JsonSink, Shape, Sink, SinkExt, TextSink};
pub use run::{Mode, is_exit, row_types, run_line};
pub use schema::{RowType, schema};
pub use similar::What;
pub use source::Sources;
