//! Detectives, evidence and the judge.
//!
//! A [`Case`] is an opened dump. Each detective in [`DETECTIVES`] looks for one kind of death and gives a hypothesis with
//! evidence for and against it; the judge weighs them in log-odds. A verdict follows from memory and instructions; the log
//! only adds to it.

mod advice;
mod blame;
mod case;
mod class;
mod code;
mod crash;
pub mod detectives;
mod drawing;
pub mod explain;
mod findings;
mod fingerprint;
mod integrity;
mod judge;
mod known;
mod log_case;
pub mod present;
mod suspect;
mod timeline;
mod waiting;

pub use case::{Case, CaseOptions};
pub use class::Class;
pub use detectives::DETECTIVES;
pub use findings::{Detective, Evidence, Findings, Hypothesis};
pub use known::KnownIssues;
pub use log_case::LogCase;
