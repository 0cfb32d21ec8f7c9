//! Which packages have the debugging information of a kernel, by what the kernel says of itself.

/// Who built a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Distribution {
    Debian,
    Ubuntu,
    Fedora,
    /// Red Hat and what is built from it.
    EnterpriseLinux,
    OracleUek,
    Amazon,
    Suse,
    Arch,
    Unknown,
}

/// What a kernel says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel<'a> {
    /// `uname -r`.
    pub release: &'a str,
    /// `linux_banner`, or `uname -v` where only that is known; may be empty.
    pub banner: &'a str,
    /// The build ID.
    pub build_id: Option<&'a [u8]>,
}

/// How to get the debugging information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Who built the kernel.
    pub distribution: Distribution,
    /// Packages that have the files.
    pub packages: Vec<String>,
    /// Commands that install them on a machine of that distribution.
    pub commands: Vec<String>,
    /// What else helps.
    pub hints: Vec<String>,
    /// The distribution's debuginfod server.
    pub debuginfod: Option<&'static str>,
}

impl Distribution {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::Debian => "Debian",
            Distribution::Ubuntu => "Ubuntu",
            Distribution::Fedora => "Fedora",
            Distribution::EnterpriseLinux => "Red Hat Enterprise Linux or a rebuild of it",
            Distribution::OracleUek => "Oracle Linux (UEK)",
            Distribution::Amazon => "Amazon Linux",
            Distribution::Suse => "SUSE",
            Distribution::Arch => "Arch Linux",
            Distribution::Unknown => "unknown",
        }
    }

    fn debuginfod(self) -> Option<&'static str> {
        match self {
            Distribution::Debian => Some("https://debuginfod.debian.net"),
            Distribution::Ubuntu => Some("https://debuginfod.ubuntu.com"),
            Distribution::Fedora => Some("https://debuginfod.fedoraproject.org"),
            Distribution::EnterpriseLinux => Some("https://debuginfod.centos.org"),
            Distribution::Suse => Some("https://debuginfod.opensuse.org"),
            Distribution::Arch => Some("https://debuginfod.archlinux.org"),
            _ => None,
        }
    }
}

/// Who built a kernel: by its release, else by its banner.
pub fn distribution(kernel: &Kernel) -> Distribution {
    let (release, banner) = (kernel.release, kernel.banner);
    let part = |begin: &str| release.split(['.', '_', '-']).any(|p| numbered(p, begin));
    if release.contains("uek") {
        Distribution::OracleUek
    } else if release.contains(".amzn") {
        Distribution::Amazon
    } else if part("fc") {
        Distribution::Fedora
    } else if part("el") {
        Distribution::EnterpriseLinux
    } else if banner.contains("-Ubuntu") {
        Distribution::Ubuntu
    } else if build(banner).contains("Debian ") || banner.contains("@lists.debian.org") {
        Distribution::Debian
    } else if ["geeko@", "suse@", "@suse.", "SUSE Linux"].iter().any(|s| banner.contains(s)) {
        Distribution::Suse
    } else if release.contains("-arch") || banner.contains("@archlinux") {
        Distribution::Arch
    } else {
        Distribution::Unknown
    }
}

/// What `uname -v` says; a banner names compilers before it, which may be of another distribution.
fn build(banner: &str) -> &str {
    banner.rsplit_once('#').map_or("", |(_, build)| build)
}

/// `el9`, `fc40`: letters and then a digit.
fn numbered(part: &str, begin: &str) -> bool {
    part.strip_prefix(begin).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// How to get the debugging information of a kernel.
///
/// What a dump says may be anything: unless the release looks like one, no command is made of it.
pub fn advice(kernel: &Kernel) -> Advice {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._~".contains(c);
    let sane = !kernel.release.is_empty()
        && kernel.release.chars().all(plain)
        && kernel.release.starts_with(|c: char| c.is_ascii_digit());
    let distribution = if sane { distribution(kernel) } else { Distribution::Unknown };
    let (packages, commands, hints) = match distribution {
        Distribution::Debian => debian(kernel),
        Distribution::Ubuntu => ubuntu(kernel),
        Distribution::Fedora | Distribution::EnterpriseLinux => red_hat(kernel),
        Distribution::OracleUek => oracle(kernel),
        Distribution::Amazon => amazon(kernel),
        Distribution::Suse => suse(kernel),
        Distribution::Arch => arch(),
        Distribution::Unknown => unknown(),
    };
    Advice { distribution, packages, commands, hints, debuginfod: distribution.debuginfod() }
}

/// Packages, commands, hints.
type Told = (Vec<String>, Vec<String>, Vec<String>);

fn debian(kernel: &Kernel) -> Told {
    let package = format!("linux-image-{}-dbg", kernel.release);
    let mut hints = Vec::new();
    let version = build(kernel.banner).split("Debian ").nth(1).and_then(|s| s.split([' ', ')']).next());
    let version = version.filter(|v| is_version(v));
    let exact = version.map(|v| format!("{package}={v}")).unwrap_or_else(|| package.clone());
    if let Some(version) = version {
        let known = format!("https://snapshot.debian.org/package/linux/{version}/");
        hints.push(format!("when the archive no longer has this version: {known}"));
    }
    (vec![package], vec![format!("apt install {exact}")], hints)
}

/// A Debian version, and nothing that a shell takes for something else.
fn is_version(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._~:".contains(c);
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(plain)
}

/// Signed kernels are built from unsigned ones, whose package has the files.
fn ubuntu(kernel: &Kernel) -> Told {
    let release = kernel.release;
    let (package, unsigned) =
        (format!("linux-image-{release}-dbgsym"), format!("linux-image-unsigned-{release}"));
    let mut commands = vec![
        "apt install ubuntu-dbgsym-keyring".into(),
        "echo \"deb http://ddebs.ubuntu.com $(lsb_release -cs) main restricted universe multiverse\" | \
         tee /etc/apt/sources.list.d/ddebs.list"
            .into(),
        "echo \"deb http://ddebs.ubuntu.com $(lsb_release -cs)-updates main restricted universe multiverse\" | \
         tee -a /etc/apt/sources.list.d/ddebs.list"
            .into(),
        format!("apt update && apt install {package}"),
    ];
    let mut hints = Vec::new();
    if let Some(version) = ubuntu_version(kernel) {
        commands.push(format!("pull-lp-ddebs {unsigned} {version}"));
        hints.push(
            "pull-lp-ddebs (package ubuntu-dev-tools) alone is enough, and gets old versions too".into(),
        );
    }
    (vec![package, format!("{unsigned}-dbgsym")], commands, hints)
}

/// `5.15.0-91-generic` and `#101~20.04.1-Ubuntu` make `5.15.0-91.101~20.04.1`.
fn ubuntu_version(kernel: &Kernel) -> Option<String> {
    let build = build(kernel.banner).split_once("-Ubuntu")?.0;
    let abi: Vec<&str> = kernel.release.splitn(3, '-').take(2).collect();
    let version = format!("{}.{build}", abi.join("-"));
    (is_version(&version) && build.starts_with(|c: char| c.is_ascii_digit())).then_some(version)
}

/// `kernel`, `kernel-rt`, `kernel-debug`, … and the release without the `+variant` at its end.
fn variant(release: &str) -> (String, &str) {
    match release.split_once('+') {
        Some((base, variant)) => (format!("kernel-{variant}"), base),
        None if release.contains(".rt") => ("kernel-rt".into(), release),
        None => ("kernel".into(), release),
    }
}

fn red_hat(kernel: &Kernel) -> Told {
    let (name, release) = variant(kernel.release);
    let machine = release.rsplit('.').next().unwrap_or_default();
    let packages =
        vec![format!("{name}-debuginfo-{release}"), format!("kernel-debuginfo-common-{machine}-{release}")];
    // Up to version 7 there is no -core package, and no dnf.
    let old = ["el5", "el6", "el7"].iter().any(|v| release.split(['.', '_']).any(|p| p == *v));
    let mut commands = vec![if old {
        format!("debuginfo-install {name}-{release}")
    } else {
        format!("dnf debuginfo-install {name}-core-{release}")
    }];
    commands.extend(by_path(kernel));
    (packages, commands, vec!["the repositories with debuginfo packages must be enabled".into()])
}

/// Any debuginfo package by what is in it.
fn by_path(kernel: &Kernel) -> Option<String> {
    let (first, rest) = kernel.build_id.filter(|id| id.len() >= 3)?.split_first()?;
    let file = format!("/usr/lib/debug/.build-id/{first:02x}/{}.debug", super::hex(rest));
    Some(format!("dnf --enablerepo='*debug*' install {file}"))
}

fn oracle(kernel: &Kernel) -> Told {
    let package = format!("kernel-uek-debuginfo-{}", kernel.release);
    let hints = vec!["the packages are at https://oss.oracle.com/".into()];
    (vec![package.clone()], vec![format!("dnf install {package}")], hints)
}

fn amazon(kernel: &Kernel) -> Told {
    let release = kernel.release;
    let tool = if release.contains(".amzn2.") || release.contains(".amzn1.") { "" } else { "dnf " };
    (
        vec![format!("kernel-debuginfo-{release}")],
        vec![format!("{tool}debuginfo-install kernel-{release}")],
        Vec::new(),
    )
}

/// The package's version has one more number than the release, so that only the build ID names it exactly.
fn suse(kernel: &Kernel) -> Told {
    let (version, flavour) = kernel.release.rsplit_once('-').unwrap_or((kernel.release, "default"));
    let package = format!("kernel-{flavour}-debuginfo");
    let by_id = |id: &[u8]| format!("zypper install -C 'debuginfo(build-id) = {}'", super::hex(id));
    let command =
        kernel.build_id.map(by_id).unwrap_or_else(|| format!("zypper install '{package} = {version}'"));
    let hints = vec![
        "the Debug repositories (modules) must be enabled".into(),
        format!("the package's version is {version}, with the number of the rebuild added (.1, …)"),
    ];
    (vec![format!("{package}-{version}")], vec![command], hints)
}

fn arch() -> Told {
    let hints =
        vec!["kernels' debugging information comes from debuginfod alone, for recent versions".into()];
    (Vec::new(), vec!["export DEBUGINFOD_URLS=https://debuginfod.archlinux.org".into()], hints)
}

fn unknown() -> Told {
    let hints = vec![
        "it is not known who built this kernel: the vmlinux from the directory it was built in (not vmlinuz), with \
         CONFIG_DEBUG_INFO, is what is needed"
            .into(),
    ];
    (Vec::new(), Vec::new(), hints)
}
