//! Banners as real kernels have them, and what to install.

use crate::locate::packages::{Advice, Distribution, Kernel, advice};

const ID: [u8; 4] = [0xd8, 0xf2, 1, 2];

fn told(release: &str, banner: &str) -> Advice {
    advice(&Kernel { release, banner, build_id: Some(&ID) })
}

#[test]
fn debian() {
    let banner = "Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) \
                  #1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1 (2026-06-01)";
    let advice = told("6.1.0-50-amd64", banner);
    assert_eq!(advice.distribution, Distribution::Debian);
    assert_eq!(advice.packages, ["linux-image-6.1.0-50-amd64-dbg"]);
    assert_eq!(advice.commands, ["apt install linux-image-6.1.0-50-amd64-dbg=6.1.174-1"]);
    let short = told("6.1.0-50-cloud-amd64", "#1 SMP Debian 6.1.174-1 (2026-06-01)");
    assert_eq!(short.commands, ["apt install linux-image-6.1.0-50-cloud-amd64-dbg=6.1.174-1"]);
}

#[test]
fn ubuntu() {
    let banner = "Linux version 5.15.0-91-generic (buildd@lcy02-amd64-045) (gcc (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0) \
                  #101~20.04.1-Ubuntu SMP Tue Nov 14 13:30:08 UTC 2023";
    let advice = told("5.15.0-91-generic", banner);
    assert_eq!(advice.distribution, Distribution::Ubuntu);
    assert_eq!(
        advice.packages,
        ["linux-image-5.15.0-91-generic-dbgsym", "linux-image-unsigned-5.15.0-91-generic-dbgsym"]
    );
    let last = advice.commands.last().unwrap();
    assert_eq!(last, "pull-lp-ddebs linux-image-unsigned-5.15.0-91-generic 5.15.0-91.101~20.04.1");
    assert!(advice.commands.iter().any(|c| c.contains("ddebs.ubuntu.com")));
}

#[test]
fn red_hat_and_kin() {
    let el9 = told("5.14.0-362.8.1.el9_3.x86_64", "(mockbuild@iad1-prod-build001.bld.equ.rockylinux.org)");
    assert_eq!(el9.distribution, Distribution::EnterpriseLinux);
    assert_eq!(
        el9.packages,
        [
            "kernel-debuginfo-5.14.0-362.8.1.el9_3.x86_64",
            "kernel-debuginfo-common-x86_64-5.14.0-362.8.1.el9_3.x86_64"
        ]
    );
    assert_eq!(
        el9.commands,
        [
            "dnf debuginfo-install kernel-core-5.14.0-362.8.1.el9_3.x86_64",
            "dnf --enablerepo='*debug*' install /usr/lib/debug/.build-id/d8/f20102.debug"
        ]
    );
    let el7 = told("3.10.0-1160.el7.x86_64", "");
    assert_eq!(el7.commands[0], "debuginfo-install kernel-3.10.0-1160.el7.x86_64");
    let debug = told("5.14.0-362.el9.aarch64+debug", "");
    assert_eq!(debug.packages[0], "kernel-debug-debuginfo-5.14.0-362.el9.aarch64");
    let fedora = told("6.8.5-301.fc40.x86_64", "(mockbuild@4e6e8c2cb44947a8a3bc5e7e6d2d6f9e)");
    assert_eq!(fedora.distribution, Distribution::Fedora);
    assert_eq!(fedora.commands[0], "dnf debuginfo-install kernel-core-6.8.5-301.fc40.x86_64");
    assert_eq!(told("5.15.0-200.131.27.el8uek.x86_64", "").distribution, Distribution::OracleUek);
    let amazon = told("5.10.205-195.807.amzn2.x86_64", "");
    assert_eq!(amazon.commands, ["debuginfo-install kernel-5.10.205-195.807.amzn2.x86_64"]);
}

#[test]
fn suse_arch_and_others() {
    let suse =
        told("5.14.21-150500.55.19-default", "Linux version 5.14.21-150500.55.19-default (geeko@buildhost)");
    assert_eq!(suse.distribution, Distribution::Suse);
    assert_eq!(suse.packages, ["kernel-default-debuginfo-5.14.21-150500.55.19"]);
    assert_eq!(suse.commands, ["zypper install -C 'debuginfo(build-id) = d8f20102'"]);
    let arch = told("6.7.4-arch1-1", "(linux@archlinux)");
    assert_eq!(arch.debuginfod, Some("https://debuginfod.archlinux.org"));
    let compiler = "Linux version 6.8.0 (me@box) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP";
    assert_eq!(told("6.8.0", compiler).distribution, Distribution::Unknown);
    let own = told("6.8.0-rc1-dirty", "Linux version 6.8.0-rc1-dirty (me@box)");
    assert_eq!((own.distribution, own.commands.len(), own.hints.len()), (Distribution::Unknown, 0, 1));
}

#[test]
fn a_hostile_dump_makes_no_command() {
    for release in
        ["6.1.0$(reboot).el9.x86_64", "; rm -rf / .fc40", "-oops.el8", "6.1 el9", "6.1.0'.amzn2", ""]
    {
        let advice = told(release, "Debian -Ubuntu geeko@");
        assert!(advice.commands.is_empty() && advice.packages.is_empty(), "{release}: {advice:?}");
    }
    let advice = told("6.1.0-50-amd64", "#1 SMP Debian 6.1;reboot (2026)");
    assert_eq!(advice.commands, ["apt install linux-image-6.1.0-50-amd64-dbg"]);
    let advice = told("5.15.0-91-generic", "#101$(reboot)-Ubuntu");
    assert!(!advice.commands.iter().any(|c| c.contains("reboot")));
}
