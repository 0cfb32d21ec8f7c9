//! What is done with a report once it is known.

use necropsy_klog::{Limits, Live, Report};

use super::limiter::Decision;
use super::scrub::scrubbed;
use super::shared::Inner;
use crate::classes::{class, hardware_kind};

/// The first report would wait for the rules to be built, when a sick machine may have little time left.
pub fn warm_up() {
    let mut live = Live::new(Limits::default());
    live.take(
        b"1,1,1,-;BUG: kernel NULL pointer dereference, address: 0000000000000008\n1,2,2,-;#PF: supervisor read access in kernel mode\n\
          4,3,3,-;Oops: 0000 [#1] SMP\n4,4,4,-;CPU: 1 PID: 7 Comm: a Tainted: G  OE  6.1.0 #1\n4,5,5,-;RIP: 0010:a+0x1/0x2 [b]\n\
          4,6,6,-;Code: 0f 0b 90 <0f> 0b\n4,7,7,-;RAX: 0000000000000000 RBX: 0000000000000000 RCX: 0000000000000000\n\
          4,8,8,-;Call Trace:\n4,9,9,-; c+0x1/0x2 [b]\n4,10,10,-;Modules linked in: b(OE)\n4,11,11,-;---[ end trace 0000000000000000 ]---\n",
    );
    live.settle(None);
    scrubbed("");
}

/// Counts a report; what to do with it.
pub fn count(inner: &mut Inner, report: &Report, now: f64) -> Decision {
    let (class, role) = (class(report.class), report.role.name());
    inner.values.add("necropsy_kernel_events_total", &[class, role], 1);
    *inner.state.events.entry(format!("{class} {role}")).or_default() += 1;
    if let Some(kind) = hardware_kind(report.pattern) {
        inner.values.add("necropsy_hardware_errors_total", &[kind], 1);
        *inner.state.hardware.entry(kind.to_owned()).or_default() += 1;
    }
    let decision = inner.state.limiter.take(&report.fingerprint.strict, now);
    if decision == Decision::Count {
        inner.values.add("necropsy_events_suppressed_total", &[], 1);
    }
    decision
}

/// The running kernel's release: a report that came in the middle of a boot does not say it.
pub fn running_kernel() -> Option<String> {
    Some(rustix::system::uname().release().to_string_lossy().into_owned())
}
