//! `exit`: the end of a session.

use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Exit;

impl Command for Exit {
    fn name(&self) -> &'static str {
        "exit"
    }
    fn aliases(&self) -> &'static [&'static str] {
        &["q"]
    }
    fn synopsis(&self) -> &'static str {
        "(no arguments)"
    }
    fn about(&self) -> &'static str {
        "the end of the session (also q, quit)"
    }
    fn help(&self) -> &'static str {
        "Ends the session; in an input file or among several -c, the lines behind it are not run. So does the end of the input."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "exit", what: "back to where you came from" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }

    /// Whoever reads the lines stops there, see [`crate::is_exit`].
    fn rows(&self) -> Vec<RowType> {
        Vec::new()
    }

    fn run(&self, _: &Context, _: &Args, _: &mut dyn Sink) -> Result<(), CommandError> {
        Ok(())
    }
}
