//! Detectives, evidence and the judge.
//!
//! A [`Case`] is an opened dump. Each detective in [`DETECTIVES`] looks for one kind of death and gives a hypothesis with
//! evidence for and against it; the judge weighs them in log-odds. A verdict follows from memory and instructions; the log
//! only adds to it.

mod access;
mod advice;
mod allocators;
mod below_null;
mod blame;
mod busy_wait;
mod calls;
mod case;
mod class;
mod code;
mod condition;
mod consumers;
mod crash;
pub mod detectives;
mod device_reads;
mod drawing;
mod endless_list;
pub mod explain;
mod expression;
mod findings;
mod fingerprint;
mod firmware_code;
mod holders;
mod integrity;
mod judge;
mod known;
mod log_case;
mod log_reading;
mod lost_lock;
#[cfg(test)]
mod made;
mod no_code;
mod objects;
mod poison;
pub mod present;
mod queued;
mod registers_of;
mod reported;
mod runs;
pub mod scenes;
mod spinning;
mod spoilt;
mod suspect;
mod term;
mod timeline;
mod waiting;
mod writers;

pub use case::{Case, CaseOptions};
pub use class::Class;
pub use detectives::DETECTIVES;
pub use findings::{Detective, Evidence, Findings, Hypothesis};
pub use known::KnownIssues;
pub use log_case::LogCase;
