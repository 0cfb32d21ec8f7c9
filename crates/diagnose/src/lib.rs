//! Detectives, evidence and the judge.

mod case;
mod class;
pub mod present;

pub use case::{Case, CaseOptions};
pub use class::Class;
