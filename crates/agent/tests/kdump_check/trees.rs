//! Trees that are not a running machine's: a sosreport, an image, nothing at all.

use necropsy_agent::kdump::Status;

use super::support::{Machine, RELEASE};
use super::{complaints, look, outcome};

/// A sosreport has few of a machine's files: what is not there says nothing.
#[test]
fn a_sosreport_is_told_only_what_it_shows() {
    let m = Machine::red_hat();
    for path in ["/usr", "/lib", "/boot", "/var", "/etc/systemd", "/sys/class", "/sys/devices", "/sys/module"]
    {
        m.remove(path);
    }
    let units = "UNIT FILE STATE PRESET\nkdump.service enabled enabled\n";
    m.put("/sos_commands/systemd/systemctl_list-unit-files", units);
    m.put("/sos_commands/kernel/uname_-a", format!("Linux h {RELEASE} #1 SMP x86_64 GNU/Linux\n"));
    let found = look(&m);
    let text = necropsy_agent::kdump::text(&found);
    assert!(complaints(&found).iter().all(|(_, s)| *s == Status::Unknown), "{text}");
    assert_eq!(found.ready, None);
    m.put("/sos_commands/systemd/systemctl_list-unit-files", units.replace("enabled e", "disabled e"));
    m.put("/sys/kernel/kexec_crash_loaded", "0\n");
    let found = look(&m);
    assert!(complaints(&found).contains(&("service", Status::Fail)) && found.ready == Some(false));
}

/// An image that does not run has no /proc: what its files will set is what counts.
#[test]
fn an_image_is_judged_by_what_it_will_set() {
    let m = Machine::debian();
    m.remove("/proc/sys").remove("/sys");
    m.put("/usr/lib/sysctl.d/10-x.conf", "# kernel.panic = 0\nkernel.panic = 10\nkernel.panic_on_oops=0\n");
    m.put("/etc/sysctl.d/90-y.conf", "-kernel/panic_on_oops = 1\nkernel.panic_on_warn = 1\n");
    let found = look(&m);
    let of = |id: &str| found.checks.iter().find(|c| c.id == id).unwrap();
    assert_eq!(of("panic-policy").status, Status::Pass, "{:?}", of("panic-policy"));
    assert!(of("panic-policy").found.contains("panic_on_oops=1"));
    assert_eq!(of("panic-on-warn").status, Status::Warn);
    assert_eq!((of("kernel-loaded").status, found.ready), (Status::Unknown, None));
}

/// A kernel may bring its configuration itself, and what is junk says nothing.
#[test]
fn a_kernels_own_configuration() {
    let m = Machine::debian();
    let file = format!("/boot/config-{RELEASE}");
    let text = std::fs::read(m.path(&file)).unwrap();
    m.remove(&file).put("/proc/config.gz", text);
    assert_eq!(outcome(&m, "kernel-config").status, Status::Pass);
    m.put("/proc/config.gz", "\x1f\u{8b}junk");
    assert_eq!(outcome(&m, "kernel-config").status, Status::Unknown);
}

#[test]
fn an_empty_tree_is_unknown_and_not_ready() {
    let found = look(&Machine::empty());
    assert_eq!(found.ready, None);
    assert!(found.checks.iter().all(|c| !(c.essential && c.status == Status::Pass)));
}
