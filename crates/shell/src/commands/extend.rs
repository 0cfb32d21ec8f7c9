//! `extend`: what takes the place of crash's plug-ins.

use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Extend;

/// crash's well-known extensions, and what does their work here.
const REPLACED: &[(&str, &str)] = &[
    ("gcore", "rd -u -r FILE saves a task's memory"),
    ("trace", "the trace buffers are not read yet"),
    (
        "pykdump",
        "--format json gives any command's answer to a program: necropsy VMCORE -c 'ps' --format json | jq",
    ),
    (
        "mpykdump",
        "--format json gives any command's answer to a program: necropsy VMCORE -c 'ps' --format json | jq",
    ),
    ("eppic", "p and struct take C expressions; --format json gives them to a program"),
    ("snap", "a dump is taken by kdump or by the hypervisor"),
];

impl Command for Extend {
    fn name(&self) -> &'static str {
        "extend"
    }
    fn synopsis(&self) -> &'static str {
        "[-u] [shared-object ...]"
    }
    fn about(&self) -> &'static str {
        "crash's plug-ins, and what takes their place"
    }
    fn help(&self) -> &'static str {
        "crash loads shared objects here that were compiled against its own insides. They cannot run in another program; \
         nothing is loaded, and -u has nothing to unload. With a name, this says what does the plug-in's work."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "extend gcore.so", what: "what to use instead" }]
    }
    fn options(&self) -> Spec {
        Spec { flags: "u", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        Vec::new()
    }

    fn run(&self, _: &Context, args: &Args, _: &mut dyn Sink) -> Result<(), CommandError> {
        let [name, ..] = &args.rest[..] else {
            return Err(CommandError::Failed("no plug-ins are loaded, and none can be".into()));
        };
        let base = name.rsplit('/').next().unwrap_or(name);
        let base = base.strip_suffix(".so").unwrap_or(base);
        let instead = REPLACED.iter().find(|(plugin, _)| *plugin == base).map(|(_, instead)| *instead);
        let instead = instead.unwrap_or("see \"help\" for what is built in");
        Err(CommandError::Failed(format!("{name} is built for crash and cannot be loaded; {instead}")))
    }
}
