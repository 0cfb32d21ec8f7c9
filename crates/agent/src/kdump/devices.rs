//! Block devices: their names, what they are made of, and what drives them.

use super::System;

/// Device mapper on RAID on partitions of several disks is as much as it gets.
const DEVICES: usize = 64;

impl System {
    /// The path of a device that is named as in fstab(5): by path, `UUID=`, `LABEL=`, `PARTUUID=` or `PARTLABEL=`.
    pub fn device_path(&self, device: &str) -> String {
        let device = device.trim_matches('"');
        match device.split_once('=') {
            Some((tag @ ("UUID" | "LABEL" | "PARTUUID" | "PARTLABEL"), value)) => {
                // udev writes what cannot be in a file's name so.
                let value = value.trim_matches('"').replace('/', "\\x2f").replace(' ', "\\x20");
                format!("/dev/disk/by-{}/{value}", tag.to_lowercase())
            }
            _ => device.to_owned(),
        }
    }

    /// Whether two names are of one device.
    pub fn same_device(&self, a: &str, b: &str) -> bool {
        let (a, b) = (self.device_path(a), self.device_path(b));
        let real = |path: &str| self.root.canonical(path).unwrap_or_else(|| path.to_owned());
        a == b || real(&a) == real(&b)
    }

    /// A device's size, as sysfs has it.
    pub fn device_bytes(&self, device: &str) -> Option<u64> {
        let name = self.block_name(device)?;
        let sectors = self.root.number(&format!("/sys/class/block/{name}/size"))?;
        u64::try_from(sectors).ok()?.checked_mul(512)
    }

    /// A device's directories in sysfs, and those of all devices that it is made of.
    pub fn layers(&self, device: &str) -> Vec<String> {
        let mut found: Vec<String> = self.block_name(device).into_iter().collect();
        let mut next = 0;
        while let Some(name) = found.get(next) {
            let below = self.root.list(&format!("/sys/class/block/{name}/slaves"));
            next += 1;
            for name in below {
                if found.len() < DEVICES && !found.contains(&name) {
                    found.push(name);
                }
            }
        }
        found.into_iter().map(|name| format!("/sys/class/block/{name}")).collect()
    }

    /// Modules that drive a block device, from the disk up to the bus, as sysfs links them.
    pub fn drivers(&self, device: &str) -> Vec<String> {
        let mut found = Vec::new();
        for path in self.layers(device).iter().filter_map(|class| self.root.canonical(class)) {
            for dir in std::path::Path::new(&path).ancestors().take(32).filter_map(|p| p.to_str()) {
                let module = self.root.canonical(&format!("{dir}/driver/module"));
                let module = module.filter(|m| m.contains("/module/"));
                let name = module.and_then(|m| Some(m.rsplit('/').next()?.to_owned()));
                found.extend(name.filter(|n| !found.contains(n)));
            }
        }
        found
    }

    /// The name that the kernel has for a device: `sda1`, `dm-0`.
    fn block_name(&self, device: &str) -> Option<String> {
        let path = self.device_path(device);
        let real = self.root.canonical(&path).unwrap_or(path);
        let name = real.strip_prefix("/dev/").filter(|n| !n.is_empty() && !n.contains(".."))?;
        Some(name.replace('/', "!"))
    }
}
