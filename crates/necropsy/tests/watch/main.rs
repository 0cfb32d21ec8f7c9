//! The watcher as a process: a pipe stands in for /dev/kmsg, and a small server for who is told.
#![cfg(feature = "agent")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod around;
mod kill;
mod sources;
mod support;
mod telling;
