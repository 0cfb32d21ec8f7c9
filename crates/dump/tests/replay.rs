//! The stored inputs of the fuzz targets, as ordinary tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../fuzz/bodies/dump.rs"]
mod dump;

#[path = "../../../fuzz/bodies/replay.rs"]
mod replay;
use replay::replay;

#[test]
fn dump_inputs() {
    replay("dump", dump::run);
}
