//! What a command is.

use necropsy_base::Exhausted;
use necropsy_target::LoadError;

use crate::similar::What;
use crate::{Args, Closed, Context, RowType, Shape, Sink, Spec};

/// An example in a command's help: what to type, and what it shows.
pub struct Example {
    /// The command line.
    pub line: &'static str,
    /// What it is good for.
    pub what: &'static str,
}

/// A command of the shell.
pub trait Command: Sync {
    /// What to type.
    fn name(&self) -> &'static str;
    /// Other names.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }
    /// Its options and arguments in one line: `[-a | -c cpu] [pid | task] ...`.
    fn synopsis(&self) -> &'static str;
    /// One line.
    fn about(&self) -> &'static str;
    /// The whole manual page, without synopsis and examples.
    fn help(&self) -> &'static str;
    /// At least one.
    fn examples(&self) -> &'static [Example];
    /// Which options there are.
    fn options(&self) -> Spec;
    /// What its JSON result looks like; some commands show other things with other options.
    fn shape(&self, _args: &Args) -> Shape {
        Shape::List
    }
    /// The types of its rows, for the schema of its JSON.
    fn rows(&self) -> Vec<RowType>;
    /// All that [`Command::shape`] may answer.
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::List]
    }
    /// Does it.
    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError>;
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Wrong options or arguments.
    #[error("{0}")]
    Usage(String),
    /// It cannot be done.
    #[error("{0}")]
    Failed(String),
    /// Nothing has this name. Names that may have been meant are added where the error is shown.
    #[error("{message}")]
    Unknown {
        /// What to tell.
        message: String,
        /// What was looked for.
        what: What,
        /// Its name.
        name: String,
    },
    /// Part of what was asked for was shown; this is why the rest was not.
    #[error("{0}")]
    Partial(String),
    /// A struct could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Somebody pressed Ctrl-C, or the time is over.
    #[error("{0}: the answer is not complete")]
    Interrupted(#[from] Exhausted),
    /// The reader has gone: not an error of ours.
    #[error("output closed")]
    Closed(#[from] Closed),
}

impl CommandError {
    /// Nothing is called `name`.
    pub(crate) fn unknown(what: What, name: &str, message: impl Into<String>) -> CommandError {
        CommandError::Unknown { message: message.into(), what, name: name.to_owned() }
    }

    /// There is no type of this name.
    pub(crate) fn no_type(name: &str) -> CommandError {
        CommandError::unknown(What::Type, name, format!("no type {name} in this kernel's BTF"))
    }

    /// No module of this name is loaded.
    pub(crate) fn no_module(name: &str) -> CommandError {
        CommandError::unknown(What::Module, name, format!("no module {name} (\"mod\" lists all)"))
    }

    /// Whether the whole line ends here, and not only this part of it.
    pub(crate) fn ends_all(&self) -> bool {
        matches!(self, CommandError::Closed(_) | CommandError::Interrupted(_) | CommandError::Usage(_))
    }

    /// Its kind in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            CommandError::Usage(_) => "usage",
            CommandError::Failed(_) | CommandError::Unknown { .. } => "failed",
            CommandError::Partial(_) => "partial",
            CommandError::Load(_) => "unreadable",
            CommandError::Interrupted(_) => "interrupted",
            CommandError::Closed(_) => "closed",
        }
    }
}
