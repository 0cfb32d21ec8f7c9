//! Metrics: one table of all there are, and their values.
//!
//! Names and labels follow Prometheus' conventions. Labels have values out of fixed lists; fingerprints, names of tasks and whatever else
//! a log could choose are never labels.

mod table;
mod values;

pub use table::{Kind, METRICS, Metric};
pub use values::{Sample, Values, exposition};
