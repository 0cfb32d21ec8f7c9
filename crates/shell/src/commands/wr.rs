//! `wr`: refused, for a dump is evidence.

use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Wr;

impl Command for Wr {
    fn name(&self) -> &'static str {
        "wr"
    }
    fn synopsis(&self) -> &'static str {
        "[-u | -k | -p] [-8 | -16 | -32 | -64] address|symbol value"
    }
    fn about(&self) -> &'static str {
        "writing memory: not to a dump"
    }
    fn help(&self) -> &'static str {
        "crash writes to a running kernel with this. A dump is evidence and is never written to; the command is known so that it can say so."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "wr my_debug_flag 1", what: "refused" }]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        Vec::new()
    }

    fn run(&self, _: &Context, _: &Args, _: &mut dyn Sink) -> Result<(), CommandError> {
        Err(CommandError::Failed("not allowed on a dump: it is evidence and is only read".into()))
    }
}
