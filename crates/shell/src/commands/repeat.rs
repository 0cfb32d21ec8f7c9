//! `repeat`: a command again and again, which on a dump once is enough for.

use crate::run::resolve_inner;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, Spec};

pub struct Repeat;

impl Command for Repeat {
    fn name(&self) -> &'static str {
        "repeat"
    }
    fn synopsis(&self) -> &'static str {
        "[-seconds] command"
    }
    fn about(&self) -> &'static str {
        "a command again and again: on a dump, once"
    }
    fn help(&self) -> &'static str {
        "crash runs the command until Ctrl-C, to watch a running kernel. A dump does not change: the command runs once, and a note says so."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "repeat -1 p jiffies", what: "its value" }]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn shape(&self, _: &Args) -> Shape {
        Shape::List
    }
    fn rows(&self) -> Vec<RowType> {
        Vec::new()
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let seconds = |w: &String| w.strip_prefix('-').is_some_and(|n| n.parse::<u32>().is_ok());
        let words = match args.rest.split_first() {
            Some((first, rest)) if seconds(first) => rest,
            _ => &args.rest,
        };
        if words.is_empty() {
            return Err(CommandError::Usage("a command is missing".into()));
        }
        let (command, args) = resolve_inner(cx, words, &["repeat"])?;
        out.note("a dump does not change: run once");
        command.run(cx, &args, out)
    }
}
