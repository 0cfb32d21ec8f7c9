//! What is special in a virtual machine, and where memory comes and goes.

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "virtual-machine",
    title: "virtual machines and memory that comes and goes",
    why: "a capture kernel that was told of other memory than there is writes a dump with holes",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    if !system.root.exists("/sys/devices/system") {
        return Outcome::unknown("/sys cannot be seen");
    }
    let name = hypervisor(system);
    let mut outcome =
        Outcome::pass(name.clone().map_or_else(|| unnamed(system), |n| format!("a guest of {n}")));
    let removable = system.root.exists("/sys/devices/system/memory/auto_online_blocks")
        && system.root.list("/sys/devices/system/memory").iter().any(|n| n.starts_with("memory"));
    // SUSE's kdump copies its rule to /run when it has loaded the capture kernel.
    let rules = [
        "/lib/udev/rules.d",
        "/usr/lib/udev/rules.d",
        "/etc/udev/rules.d",
        "/run/udev/rules.d",
        "/usr/lib/kdump",
    ];
    let rule =
        rules.iter().any(|d| system.root.list(d).iter().any(|n| n.contains("kdump") || n.contains("kexec")));
    // Kernels since 6.10 update the loaded image themselves.
    let itself = system.root.number("/sys/devices/system/memory/crash_hotplug") == Some(1);
    if name.is_some() && removable && !rule && !itself {
        outcome = outcome
            .problem(
                Status::Warn,
                "memory can be added, and nothing loads the capture kernel again when it is",
            )
            .fix([format!(
                "add a udev rule for SUBSYSTEM==\"memory\" that runs `{}`",
                system.family.reload()
            )]);
    }
    if name.as_deref() == Some("Xen")
        && system.root.word("/sys/hypervisor/guest_type").as_deref() == Some("PV")
    {
        outcome = outcome
            .problem(Status::Fail, "a paravirtualised Xen guest cannot boot a capture kernel")
            .fix(["have the host dump it (xl dump-core), or make it a PVH or HVM guest"]);
    }
    outcome
}

/// Where the firmware names nobody: x86 CPUs say at least that there is one.
fn unnamed(system: &System) -> String {
    let text = system.root.text("/proc/cpuinfo").unwrap_or_default();
    let flags = text.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    match flags.split_ascii_whitespace().any(|w| w == "hypervisor") {
        true => "a guest of an unknown hypervisor".to_owned(),
        false => "no hypervisor is known".to_owned(),
    }
}

/// The hypervisor's name, by what the firmware says of the machine.
pub fn hypervisor(system: &System) -> Option<String> {
    const VENDORS: &[(&str, &str)] = &[
        ("QEMU", "QEMU"),
        ("Amazon EC2", "Amazon EC2"),
        ("Google", "Google Compute Engine"),
        ("Microsoft Corporation", "Hyper-V"),
        ("VMware", "VMware"),
        ("Xen", "Xen"),
        ("innotek", "VirtualBox"),
        ("OpenStack", "OpenStack"),
        ("Red Hat", "KVM"),
    ];
    if let Some(kind) = system.root.word("/sys/hypervisor/type").filter(|k| k == "xen") {
        return Some(if kind == "xen" { "Xen".to_owned() } else { kind });
    }
    let dmi = |what: &str| system.root.word(&format!("/sys/class/dmi/id/{what}"));
    let (vendor, product) = (dmi("sys_vendor")?, dmi("product_name").unwrap_or_default());
    let known = VENDORS.iter().find(|(v, _)| vendor.starts_with(v)).map(|(_, name)| *name)?;
    // Microsoft and Google make real machines, too.
    let real = (known == "Hyper-V" && product != "Virtual Machine")
        || (known.starts_with("Google") && !product.starts_with("Google Compute"));
    (!real).then(|| known.to_owned())
}
