//! What all checks want to know of a machine, found out once.

use std::cell::OnceCell;
use std::io::Read as _;

use jiff::Timestamp;

use super::meminfo::{MemInfo, Resource};
use super::mounts::{self, Mount};
use super::{DumpConfig, Family, Target, boot, estimate, initramfs, shell};
use crate::Root;

/// A machine, seen through its files.
pub struct System {
    /// Its files.
    pub root: Root,
    /// Now.
    pub now: Timestamp,
    /// `PRETTY_NAME` of os-release.
    pub distribution: Option<String>,
    /// Which tools it has.
    pub family: Family,
    /// The running kernel's release.
    pub release: Option<String>,
    /// `uname -m`.
    pub machine: Option<String>,
    /// The running kernel's command line.
    pub cmdline: Option<String>,
    /// Memory by its use.
    pub memory: Option<MemInfo>,
    /// What kdump is told to do.
    pub config: Option<DumpConfig>,
    /// Mounted file systems.
    pub mounts: Vec<Mount>,
    sysctls: OnceCell<Option<String>>,
    pub(super) iomem: OnceCell<Option<Vec<Resource>>>,
    pub(super) expected: OnceCell<Option<estimate::Estimate>>,
    free: OnceCell<Option<u64>>,
    last: OnceCell<Option<(u64, Timestamp)>>,
    initramfs: OnceCell<Result<initramfs::Contents, String>>,
}

impl System {
    /// Looks at the files of a machine.
    pub fn of(root: Root) -> System {
        let os_release =
            root.text("/etc/os-release").or_else(|| root.text("/usr/lib/os-release")).unwrap_or_default();
        let family = Family::of(&os_release);
        let release = release(&root);
        System {
            now: Timestamp::now(),
            distribution: shell::assignments(&os_release).get("PRETTY_NAME").cloned(),
            family,
            machine: machine(&root),
            cmdline: root.word("/proc/cmdline"),
            memory: root.text("/proc/meminfo").and_then(|t| MemInfo::of(&t)),
            config: DumpConfig::of(&root, family),
            mounts: mounts::mounts(&root),
            sysctls: OnceCell::new(),
            iomem: OnceCell::new(),
            expected: OnceCell::new(),
            free: OnceCell::new(),
            last: OnceCell::new(),
            initramfs: OnceCell::new(),
            release,
            root,
        }
    }

    /// Whether these files were picked out of a machine's (a sosreport, or whatever has no programs): what is not among them may still
    /// be there.
    pub fn is_partial(&self) -> bool {
        let has = |path| self.root.exists(path);
        has("/sos_commands") || has("/sos_reports") || !(has("/usr/bin") || has("/bin"))
    }

    /// The release, or a word for it in a text.
    pub fn release_or_command(&self) -> &str {
        self.release.as_deref().unwrap_or("$(uname -r)")
    }

    /// A parameter of the running kernel's command line; the last one counts.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let words = self.cmdline.as_deref()?.split_ascii_whitespace();
        words.rev().find_map(|w| w.strip_prefix(name)?.strip_prefix('='))
    }

    /// A sysctl: `kernel.panic`.
    pub fn sysctl(&self, name: &str) -> Option<String> {
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        if let Some(value) = self.root.word(&file) {
            return Some(value);
        }
        let text = || self.root.text("/sos_commands/kernel/sysctl_-a").or_else(|| self.configured_sysctls());
        let all = self.sysctls.get_or_init(text).as_deref()?;
        // The last one that is set counts.
        let line = all.lines().rev().find(|l| l.split('=').next().is_some_and(|n| n.trim() == name))?;
        Some(line.split_once('=')?.1.trim().to_owned())
    }

    /// What will be set when an image boots (sysctl.d(5)): a file in /etc hides the one of its name in /usr/lib.
    fn configured_sysctls(&self) -> Option<String> {
        if self.root.is_live() || self.root.exists("/proc/sys/kernel") {
            return None;
        }
        let mut files = std::collections::BTreeMap::new();
        for dir in ["/usr/lib/sysctl.d", "/lib/sysctl.d", "/etc/sysctl.d"] {
            let names = self.root.list(dir).into_iter().filter(|n| n.ends_with(".conf")).take(256);
            files.extend(names.map(|n| (n.clone(), format!("{dir}/{n}"))));
        }
        let paths = files.into_values().chain(["/etc/sysctl.conf".to_owned()]);
        let texts: Vec<String> = paths.filter_map(|p| self.root.text(&p)).collect();
        // Slashes may stand for points, and a minus before the name for "if there is such a thing".
        let plain = |l: &str| l.trim().trim_start_matches('-').replace('/', ".");
        let lines = texts.iter().flat_map(|t| t.lines()).filter(|l| !l.trim_start().starts_with(['#', ';']));
        Some(lines.map(plain).collect::<Vec<_>>().join("\n")).filter(|t| !t.is_empty())
    }

    /// The directory on this machine that dumps go to, if they stay on it.
    pub fn local_directory(&self) -> Option<String> {
        let config = self.config.as_ref()?;
        match &config.target {
            Target::Local => Some(config.directory.clone()),
            Target::Device(_, device) => {
                let mount = self.mounts.iter().find(|m| self.same_device(device, &m.source))?;
                Some(format!("{}{}", mount.point.trim_end_matches('/'), config.directory))
            }
            Target::Raw(_) | Target::Remote(..) => None,
        }
    }

    /// Where an export of another machine is mounted here, and its directory for dumps.
    pub fn remote_directory(&self) -> Option<String> {
        let config = self.config.as_ref()?;
        let Target::Remote(_, address) = &config.target else { return None };
        let (mount, below) = mounts::of_export(&self.mounts, address)?;
        Some(format!("{}{below}", mount.point.trim_end_matches('/')))
    }

    /// Bytes that are free where a dump would go; `None` where that cannot be known from here.
    pub fn free_at_target(&self) -> Option<u64> {
        *self.free.get_or_init(|| self.ask_free())
    }

    /// Whether dumps go to a mounted export of a machine that does not answer: who looks there waits for ever.
    pub fn target_is_silent(&self) -> bool {
        let mount = self.local_directory().and_then(|d| mounts::of_path(&self.mounts, &d).cloned());
        self.root.is_live() && mount.is_some_and(|m| m.is_remote()) && self.free_at_target().is_none()
    }

    fn ask_free(&self) -> Option<u64> {
        if let Some(Target::Raw(device)) = self.config.as_ref().map(|c| &c.target) {
            return self.device_bytes(device);
        }
        let directory = self.local_directory().or_else(|| self.remote_directory())?;
        mounts::free(&self.root, &self.mounts, &directory)
    }

    /// The last whole dump that is kept where dumps go, if they stay on this machine.
    pub fn last_dump(&self) -> Option<(u64, Timestamp)> {
        *self.last.get_or_init(|| self.find_last_dump())
    }

    fn find_last_dump(&self) -> Option<(u64, Timestamp)> {
        if self.target_is_silent() {
            return None;
        }
        let dumps = crate::collect::find_dumps(&self.root.path(&self.local_directory()?));
        dumps.iter().filter(|d| !d.incomplete).map(|d| (d.size, d.time)).max_by_key(|(_, time)| *time)
    }

    /// Command lines that the boot loader has for the running kernel.
    pub fn boot_entries(&self) -> Vec<String> {
        self.release.as_deref().map(|r| boot::command_lines(&self.root, r)).unwrap_or_default()
    }

    /// Where the capture kernel's initramfs may lie, likeliest first.
    pub fn initramfs_candidates(&self) -> Vec<String> {
        let config = self.config.as_ref();
        let Some(release) = config.and_then(|c| c.release.as_deref()).or(self.release.as_deref()) else {
            return Vec::new();
        };
        let named = config.and_then(|c| c.initramfs.clone());
        let usual: &[&str] = match (self.family, &named) {
            // `kdump-config load` makes the link that the configuration names, if this is there.
            (Family::Debian, Some(_)) => &["/var/lib/kdump/initrd.img-{}"],
            (Family::Debian, None) => &["/boot/initrd.img-{}"],
            // The firmware boots what is booted always.
            (Family::RedHat, _) if self.fadump() => &["/boot/initramfs-{}.img"],
            (Family::RedHat, _) => &["/boot/initramfs-{}kdump.img", "/var/lib/kdump/initramfs-{}kdump.img"],
            (Family::Suse, _) => &["/var/lib/kdump/initrd", "/boot/initrd-{}-kdump"],
            (Family::Other, _) => &[],
        };
        // A debug kernel has the one without debugging capture, if that is installed.
        let plain = ["+debug", "-debug"].iter().find_map(|s| release.strip_suffix(s));
        let releases: Vec<&str> = plain.into_iter().chain([release]).collect();
        let usual = usual.iter().flat_map(|p| releases.iter().map(|r| p.replace("{}", r)));
        named.into_iter().chain(usual).collect()
    }

    /// The capture kernel's initramfs, if there is one.
    pub fn initramfs_path(&self) -> Option<String> {
        self.initramfs_candidates().into_iter().find(|p| self.root.exists(p))
    }

    /// What is in it.
    pub fn initramfs(&self) -> Result<&initramfs::Contents, &str> {
        let read = || {
            let path = self.initramfs_path().ok_or("there is none")?;
            let file = self.root.open(&path).map_err(|e| e.to_string())?;
            initramfs::contents(file).map_err(|e| e.to_string())
        };
        self.initramfs.get_or_init(read).as_ref().map_err(String::as_str)
    }

    /// Modules built into the running kernel.
    pub fn is_built_in(&self, module: &str) -> Option<bool> {
        let release = self.release.as_deref()?;
        let dirs = ["/lib/modules", "/usr/lib/modules"];
        let text = dirs.iter().find_map(|d| self.root.text(&format!("{d}/{release}/modules.builtin")))?;
        let name = module.replace('-', "_");
        let file = |l: &str| l.rsplit('/').next().unwrap_or(l).trim_end_matches(".ko").replace('-', "_");
        Some(text.lines().any(|l| file(l) == name))
    }

    /// The running kernel's configuration.
    pub fn kernel_config(&self) -> Option<String> {
        let release = self.release.as_deref()?;
        let files = [
            format!("/boot/config-{release}"),
            format!("/lib/modules/{release}/config"),
            format!("/usr/lib/modules/{release}/config"),
        ];
        files.iter().find_map(|f| self.root.text(f)).or_else(|| self.own_config())
    }

    /// What a kernel says of itself (CONFIG_IKCONFIG_PROC).
    fn own_config(&self) -> Option<String> {
        /// No configuration is larger.
        const LARGEST: u64 = 4 << 20;
        let file = self.root.open("/proc/config.gz").ok()?;
        let mut text = Vec::new();
        necropsy_klog::decompressed(file).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned()).filter(|t| t.contains("CONFIG_"))
    }
}

fn release(root: &Root) -> Option<String> {
    let version = || root.text("/proc/version")?.split_ascii_whitespace().nth(2).map(str::to_owned);
    let uname =
        || root.text("/sos_commands/kernel/uname_-a")?.split_ascii_whitespace().nth(2).map(str::to_owned);
    // An image that is not running boots the only kernel it has.
    let only = || {
        let mut names = root.list("/lib/modules");
        (names.len() == 1).then(|| names.pop()).flatten()
    };
    let found = root.word("/proc/sys/kernel/osrelease").or_else(version).or_else(uname).or_else(only)?;
    // It becomes part of paths.
    let plain = !found.is_empty() && !found.contains(['/', '\0']) && found != "..";
    plain.then_some(found)
}

fn machine(root: &Root) -> Option<String> {
    if root.is_live() {
        return Some(rustix::system::uname().machine().to_string_lossy().into_owned());
    }
    const LOADERS: &[(&str, &str)] = &[
        ("/lib64/ld-linux-x86-64.so.2", "x86_64"),
        ("/lib/ld-linux-aarch64.so.1", "aarch64"),
        ("/lib64/ld64.so.2", "ppc64le"),
        ("/lib/ld64.so.1", "s390x"),
    ];
    let uname = root.text("/sos_commands/kernel/uname_-a");
    let said = uname.and_then(|t| {
        t.split_ascii_whitespace().find(|w| LOADERS.iter().any(|(_, m)| m == w)).map(str::to_owned)
    });
    said.or_else(|| LOADERS.iter().find(|(file, _)| root.exists(file)).map(|(_, m)| (*m).to_owned()))
}
