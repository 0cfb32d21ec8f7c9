//! What the boot loader will give the kernel next time.

use crate::Root;

/// Command lines of the boot entries for a kernel: of GRUB's own configuration, and of Boot Loader Specification entries.
///
/// Entries for rescue are left out. None: there are no entries that can be read.
pub fn command_lines(root: &Root, release: &str) -> Vec<String> {
    let mut found = grub_cfg(root, release);
    found.extend(entries(root, release));
    found.truncate(64);
    found
}

fn grub_cfg(root: &Root, release: &str) -> Vec<String> {
    let files = ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"];
    let Some(text) = files.iter().find_map(|f| root.text(f)) else { return Vec::new() };
    let lines = text.lines().map(str::trim).filter_map(|line| {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let (image, arguments) = rest.trim().split_once(char::is_whitespace)?;
        let boots = word.starts_with("linux") && image.ends_with(release);
        let rescue =
            arguments.split_ascii_whitespace().any(|w| matches!(w, "single" | "recovery" | "nomodeset"));
        (boots && !rescue).then(|| arguments.to_owned())
    });
    lines.take(64).collect()
}

/// `/boot/loader/entries/*.conf`; `$kernelopts` and `$tuned_params` are what grubenv says.
fn entries(root: &Root, release: &str) -> Vec<String> {
    let dir = "/boot/loader/entries";
    let env =
        ["/boot/grub2/grubenv", "/boot/grub/grubenv"].iter().find_map(|f| root.text(f)).unwrap_or_default();
    let kernelopts = env.lines().find_map(|l| l.strip_prefix("kernelopts=")).unwrap_or_default();
    let names = root.list(dir).into_iter().filter(|n| n.ends_with(".conf")).take(256);
    let read = names.filter_map(|name| {
        let text = root.text(&format!("{dir}/{name}"))?;
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|l| l.trim().split_once(char::is_whitespace));
            lines.find(|(k, _)| *k == key).map(|(_, v)| v.trim().to_owned())
        };
        let of_it = value("version").as_deref() == Some(release) || value("linux")?.ends_with(release);
        let options = value("options").unwrap_or_default();
        of_it.then(|| options.replace("$kernelopts", kernelopts))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_entries() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put(
            "boot/grub/grub.cfg",
            "\tlinux\t/boot/vmlinuz-6.1.0 root=/dev/a crashkernel=1M\n linux /boot/vmlinuz-6.1.0 root=/dev/a single\n linux /boot/vmlinuz-5 x\n",
        );
        put("boot/loader/entries/a.conf", "title A\nversion 6.1.0\noptions $kernelopts quiet\n");
        put("boot/grub2/grubenv", "# GRUB\nkernelopts=root=/dev/b\n####");
        let lines = command_lines(&Root::new(dir.path()), "6.1.0");
        assert_eq!(lines, ["root=/dev/a crashkernel=1M", "root=/dev/b quiet"]);
    }
}
