//! `gdb`: what people type into crash's gdb, answered by the commands here.

use crate::run::resolve_inner;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, Spec};

pub struct Gdb;

impl Command for Gdb {
    fn name(&self) -> &'static str {
        "gdb"
    }
    fn synopsis(&self) -> &'static str {
        "command ..."
    }
    fn about(&self) -> &'static str {
        "gdb's commands by their own names"
    }
    fn help(&self) -> &'static str {
        "There is no gdb inside. Its commands that ask about a dead kernel are known here, with or without `gdb` before them:\n\
         p, print (p/x, p/d, p/u, p/o, p/t), x, ptype, whatis, list, info line, info locals, info registers, info symbol, frame, up, \
         down, bt. Where crash has a command of the same name, `gdb` in front means gdb's form of the answer, as for p."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "gdb p init_task.comm", what: "a value" },
            Example { line: "gdb x/4xg init_task", what: "memory" },
        ]
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
        let mut words = args.rest.clone();
        match words.first().map(String::as_str) {
            None => return Err(CommandError::Usage("a command is missing".into())),
            // gdb's own way of writing values.
            Some("p") => words[0] = "print".into(),
            Some(_) => {}
        }
        let (command, args) = resolve_inner(cx, &words, &["gdb", "repeat"])?;
        command.run(cx, &args, out)
    }
}
