//! Why a dump could not be opened.

use necropsy_base::IoError;

/// A dump could not be opened; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No file was given.
    #[error("no dump file given")]
    NoFiles,
    /// The operating system refused.
    #[error("cannot read {name}: {source}")]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No format knows the file.
    #[error("{name} is {looks_like}, not a crash dump; supported are: {}", crate::formats::supported())]
    Unknown {
        /// The file.
        name: String,
        /// What its first bytes look like, with an article.
        looks_like: String,
    },
    /// The file ends before anything useful can be read.
    #[error(
        "{name} is cut short: its {what} would end at {need:#x}, the file ends at {len:#x}; copy it again"
    )]
    Truncated {
        /// The file.
        name: String,
        /// The structure that is cut.
        what: &'static str,
        /// Where that structure ends.
        need: u64,
        /// Where the file ends.
        len: u64,
    },
    /// Headers contradict themselves.
    #[error("{name} is damaged: {what}")]
    Damaged {
        /// The file.
        name: String,
        /// The contradiction.
        what: String,
    },
    /// The files given do not belong together.
    #[error("{name} does not belong to the other files: {what}")]
    Parts {
        /// The file.
        name: String,
        /// What differs.
        what: String,
    },
}

impl OpenError {
    /// A failed read of the structure `what` in the file `name`.
    pub(crate) fn reading(name: &str, what: &'static str, error: IoError, need: u64) -> Self {
        match error {
            IoError::End { len, .. } => OpenError::Truncated { name: name.into(), what, need, len },
            IoError::Os(source) => OpenError::Io { name: name.into(), source },
        }
    }

    /// Headers that contradict themselves.
    pub(crate) fn damaged(name: &str, what: impl Into<String>) -> Self {
        OpenError::Damaged { name: name.into(), what: what.into() }
    }
}
