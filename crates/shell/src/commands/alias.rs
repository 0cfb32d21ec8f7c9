//! `alias`: other names for commands.

use schemars::JsonSchema;
use serde::Serialize;

use crate::aliases::{self, Alias as Entry};
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Alias;

impl Command for Alias {
    fn name(&self) -> &'static str {
        "alias"
    }
    fn synopsis(&self) -> &'static str {
        "[alias] [command string]"
    }
    fn about(&self) -> &'static str {
        "short names for commands"
    }
    fn help(&self) -> &'static str {
        "Without arguments: all short names. With one: what it stands for. With more: the first becomes a short name of the rest; with \"\" \
         as the rest it is forgotten. `$1`, `$2` … in the rest stand for what is typed behind the name."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "alias", what: "all short names" },
            Example { line: "alias kp kmem -p", what: "a new one" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        match &args.rest[..] {
            [] => show(&cx.aliases(), out),
            [name] => {
                let known = cx.aliases().into_iter().filter(|a| a.alias == *name).collect::<Vec<_>>();
                if known.is_empty() {
                    return Err(CommandError::Failed(format!("no alias {name}")));
                }
                show(&known, out)
            }
            [name, rest @ ..] => {
                if aliases::is_command(name) {
                    return Err(CommandError::Failed(format!(
                        "{name} is a command: it cannot stand for another"
                    )));
                }
                cx.set_alias(name, &rest.join(" "));
                Ok(())
            }
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Row<'a> {
    origin: &'static str,
    alias: &'a str,
    command: &'a str,
}

fn show(all: &[Entry], out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("ORIGIN   ALIAS    COMMAND")?;
    for a in all {
        let row = Row { origin: a.origin, alias: &a.alias, command: &a.command };
        out.row(&row, |r| format!("{:<8} {:<8} {}", r.origin, r.alias, r.command))?;
    }
    Ok(())
}
