//! `foreach`: a command for many tasks.

use necropsy_kernel::parallel;
use necropsy_kernel::tasks::Task;

use super::header::Show;
use super::{bt, files, net, ps, set, sig, task, vm, vtop};
use crate::output::Recorder;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, Spec, run};

pub struct Foreach;

/// The commands that can be run for many tasks. Those without a function show all tasks in one table.
const COMMANDS: &[(&str, Option<Show>)] = &[
    ("bt", Some(bt::show)),
    ("files", Some(files::show)),
    ("net", Some(net::show)),
    ("ps", None),
    ("set", Some(|cx, task, _, out| set::show(cx, task, out))),
    ("sig", Some(sig::show)),
    ("task", Some(task::show)),
    ("vm", Some(vm::show)),
    ("vtop", Some(vtop::show)),
];
/// States as `ps` shows them.
const STATES: [&str; 12] = ["RU", "IN", "UN", "ST", "ZO", "TR", "DE", "ID", "PA", "WA", "NE", "SW"];

impl Command for Foreach {
    fn name(&self) -> &'static str {
        "foreach"
    }
    fn synopsis(&self) -> &'static str {
        "[pid | task | comm | state | kernel | user | gleader | active] ... bt | files | net | ps | set | sig | task | vm | vtop [options]"
    }
    fn about(&self) -> &'static str {
        "a command for many tasks"
    }
    fn help(&self) -> &'static str {
        "Runs a command for every task, or for those that one of the words selects: thread IDs, task addresses, names,\n\
         states (RU IN UN ST ZO TR DE ID PA WA NE); `kernel` threads, `user` tasks, thread group leaders (`gleader`),\n\
         tasks that were running (`active`). Several states or names add up; kernel, user, gleader and active narrow.\n\
         Options after the command are the command's own."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "foreach UN bt", what: "where blocked tasks wait" },
            Example { line: "foreach user task -R tgid,real_parent", what: "members of every user task" },
            Example { line: "foreach bt -f", what: "every stack, word by word" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn shape(&self, args: &Args) -> Shape {
        match parse(args) {
            Ok((_, "bt", _)) => Shape::Named("stacks"),
            _ => Shape::List,
        }
    }
    fn rows(&self) -> Vec<RowType> {
        COMMANDS.iter().filter_map(|(name, _)| run::find(name).ok()).flat_map(|c| c.rows()).collect()
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::Named("stacks"), Shape::List]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let (selection, command, args) = parse(args)?;
        let tasks = cx.tasks()?;
        tasks.notes.iter().for_each(|n| out.note(n));
        let chosen = select(cx, selection)?;
        let show = COMMANDS.iter().find(|(name, _)| *name == command).and_then(|(_, show)| *show);
        let Some(show) = show else {
            return ps::show(cx, chosen, &args, out);
        };
        cx.target.take_recent_notes().iter().for_each(|n| out.note(n));
        let end = each(cx, &chosen, show, &args, out);
        // Threads note things in any order.
        let mut notes = cx.target.take_recent_notes();
        notes.sort();
        notes.iter().for_each(|n| out.note(n));
        end
    }
}

/// Shows the tasks in their order, worked out on all CPUs.
fn each(
    cx: &Context,
    tasks: &[&Task],
    show: Show,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let mode = out.mode();
    let one = |task: &&Task| {
        let mut shown = Recorder::new(mode, cx.target.budget().clone());
        let end = cx.go_on().and_then(|()| show(cx, task, args, &mut shown));
        (task.pid, shown, end)
    };
    let mut first = true;
    parallel::ordered(tasks, one, |(pid, shown, end)| {
        // Of tasks with nothing to show (`net -s -R`) there is no trace.
        if !shown.is_empty() && !std::mem::take(&mut first) {
            out.heading("")?;
        }
        shown.play(out)?;
        match end {
            Err(e) if e.ends_all() => Err(e),
            Err(e) => {
                out.note(&format!("task {pid}: {e}"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    })
}

/// Takes the words apart: which tasks, which command, its arguments.
fn parse(args: &Args) -> Result<(&[String], &'static str, Args), CommandError> {
    let words = &args.rest;
    let named = |word: &String| COMMANDS.iter().map(|(name, _)| *name).find(|name| name == word);
    let found = words.iter().enumerate().find_map(|(i, word)| Some((i, named(word)?)));
    let Some((place, command)) = found else {
        let all: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
        let text = format!("a command is missing: one of {}", all.join(", "));
        return Err(CommandError::Usage(text));
    };
    let parsed = Args::parse(&words[place + 1..], run::find(command)?.options())?;
    // The addresses of `vtop` are its own; all others have tasks as arguments.
    let extra = parsed.rest.first().filter(|_| command != "vtop");
    if command == "vtop" && parsed.rest.is_empty() {
        return Err(CommandError::Usage("vtop: an address is missing".into()));
    }
    if let Some(extra) = extra {
        let text = format!("{extra}: tasks are named before the command");
        return Err(CommandError::Usage(text));
    }
    Ok((&words[..place], command, parsed))
}

/// What a list of words selects.
#[derive(Default)]
struct Selection {
    states: Vec<String>,
    narrow: Vec<&'static str>,
    named: Vec<u64>,
    any: bool,
}

/// Words that narrow.
const NARROW: [&str; 4] = ["kernel", "user", "gleader", "active"];

/// Words that may stand after `foreach`, for completion.
pub fn words() -> Vec<&'static str> {
    COMMANDS.iter().map(|(name, _)| *name).chain(STATES).chain(NARROW).collect()
}

fn select<'c>(cx: &'c Context, words: &[String]) -> Result<Vec<&'c Task>, CommandError> {
    let mut s = Selection::default();
    for word in words {
        if let Some(narrow) = NARROW.iter().find(|n| **n == word) {
            s.narrow.push(narrow);
        } else if STATES.contains(&word.as_str()) {
            s.states.push(word.clone());
        } else {
            s.any = true;
            s.named.extend(cx.find_tasks(word)?.iter().map(|t| t.at.0));
        }
    }
    let tasks = cx.tasks()?;
    let wanted = |t: &&Task| {
        (!s.any || s.named.contains(&t.at.0))
            && (s.states.is_empty() || s.states.iter().any(|x| x == t.state_letters()))
            && s.narrow.iter().all(|n| match *n {
                "kernel" => t.is_kernel_thread(),
                "user" => !t.is_kernel_thread(),
                "gleader" => t.pid == t.tgid,
                _ => tasks.running_on(t).is_some(),
            })
    };
    Ok(tasks.all.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Args {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Args::parse(&words, Foreach.options()).unwrap()
    }

    #[test]
    fn selection_command_options() {
        let args = words("UN 12 bt -sx");
        let (selection, command, inner) = parse(&args).unwrap();
        assert_eq!((selection.len(), command), (2, "bt"));
        assert!(inner.has('s') && inner.has('x'));
        assert_eq!(Foreach.shape(&args), Shape::Named("stacks"));
        assert_eq!(Foreach.shape(&words("ps")), Shape::List);
        assert!(parse(&words("UN")).is_err() && parse(&words("bt 1")).is_err());
        assert!(parse(&words("user vtop 400000")).is_ok());
    }
}
