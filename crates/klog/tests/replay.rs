//! The fuzz target's stored inputs, whole and damaged, as ordinary tests.
#![allow(clippy::unwrap_used)]

#[path = "../../../fuzz/bodies/klog.rs"]
mod klog;
#[path = "../../../fuzz/bodies/replay.rs"]
mod replay;

#[test]
fn klog_inputs() {
    replay::replay("klog", klog::run);
}
