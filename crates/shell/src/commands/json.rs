//! `json`: a command's answer as one line of JSON, and what such a line looks like.

use crate::{Args, Command, CommandError, Context, Example, Shape, Sink, Spec};
use crate::{RowType, SinkExt, run, schema};

pub struct Json;

impl Command for Json {
    fn name(&self) -> &'static str {
        "json"
    }
    fn synopsis(&self) -> &'static str {
        "command [options] | -s command"
    }
    fn about(&self) -> &'static str {
        "a command's answer as JSON"
    }
    fn help(&self) -> &'static str {
        "One line, the same that --format json gives. -j as a command's first or last word does the same, unless the command\n\
         has an option -j of its own or takes an expression that could end so.\n\
         -s   what the command's JSON looks like, as a JSON schema"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "json ps -m | jq .result[0].comm", what: "in a session, for a program" },
            Example { line: "json -s ps", what: "the schema of what ps gives" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn shape(&self, _: &Args) -> Shape {
        Shape::One
    }
    fn rows(&self) -> Vec<RowType> {
        Vec::new()
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::One]
    }

    // The rest of a line that begins with `json` is another command: see `run_line`.
    fn run(&self, _: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        match args.rest.as_slice() {
            [option, name] if option == "-s" => {
                let schema = schema::schema(run::find(name)?);
                Ok(out.row(&schema, |s| format!("{s:#}"))?)
            }
            _ => Err(CommandError::Usage("a command, or -s and a command's name".into())),
        }
    }
}
