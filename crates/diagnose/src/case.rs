//! What the detectives look at.

use std::sync::Arc;

use necropsy_report::Analysis;
use necropsy_target::Target;

/// How to look at a dump.
#[derive(Clone, Debug, Default)]
pub struct CaseOptions {
    /// Whether the dump's own log counts.
    pub use_log: bool,
    /// Path of the dump, for the report.
    pub path: String,
}

/// An opened dump and its options.
pub struct Case {
    /// The kernel.
    pub target: Arc<Target>,
    /// How to look at it.
    pub options: CaseOptions,
}

impl Case {
    /// A case on a dump.
    pub fn open(target: Arc<Target>, options: CaseOptions) -> Case {
        Case { target, options }
    }
    /// The verdict.
    pub fn analyse(&self) -> Analysis {
        Analysis::default()
    }
}
