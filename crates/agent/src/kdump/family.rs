//! Distributions, by how they set kdump up.

/// A family of distributions with the same kdump tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Debian, Ubuntu and what is made of them: kdump-tools.
    Debian,
    /// Fedora, RHEL, CentOS, Rocky, Alma, Oracle: kdump-utils (kexec-tools before).
    RedHat,
    /// SLES and openSUSE: kdump.
    Suse,
    /// Something else.
    Other,
}

impl Family {
    /// By os-release (`ID`, then `ID_LIKE`).
    pub fn of(os_release: &str) -> Family {
        let vars = super::shell::assignments(os_release);
        let words = [vars.get("ID"), vars.get("ID_LIKE")].into_iter().flatten();
        let found = words.flat_map(|w| w.split_ascii_whitespace()).find_map(|word| match word {
            "debian" | "ubuntu" => Some(Family::Debian),
            "fedora" | "rhel" | "centos" | "ol" => Some(Family::RedHat),
            "suse" | "sles" | "sled" | "opensuse" => Some(Family::Suse),
            w if w.starts_with("opensuse") || w.starts_with("sle-") => Some(Family::Suse),
            _ => None,
        });
        found.unwrap_or(Family::Other)
    }

    /// The service that loads the capture kernel.
    pub fn service(self) -> &'static str {
        match self {
            Family::Debian => "kdump-tools.service",
            _ => "kdump.service",
        }
    }

    /// How the tools are installed.
    pub fn install(self) -> &'static str {
        match self {
            Family::Debian => "apt-get install kdump-tools",
            Family::RedHat => {
                "dnf install kdump-utils makedumpfile  # before Fedora 41 and RHEL 10: kexec-tools"
            }
            Family::Suse => "zypper install kdump kexec-tools makedumpfile",
            Family::Other => "install kexec-tools, makedumpfile and your distribution's kdump package",
        }
    }

    /// How the capture kernel is loaded again after a change.
    pub fn reload(self) -> &'static str {
        match self {
            Family::Debian => "kdump-config unload && kdump-config load",
            Family::RedHat => "kdumpctl restart",
            Family::Suse => "systemctl restart kdump.service",
            Family::Other => "load the capture kernel again with kexec -p",
        }
    }

    /// How the capture kernel's initramfs is made again.
    pub fn rebuild(self, release: &str) -> Vec<String> {
        match self {
            Family::Debian => {
                vec![format!("/etc/kernel/postinst.d/kdump-tools {release}"), self.reload().to_owned()]
            }
            Family::RedHat => vec!["kdumpctl rebuild".to_owned(), "kdumpctl restart".to_owned()],
            Family::Suse => vec!["mkdumprd -f".to_owned(), self.reload().to_owned()],
            Family::Other => vec!["build the capture kernel's initramfs again and load it".to_owned()],
        }
    }

    /// How a parameter gets on the kernel's command line.
    pub fn set_parameter(self, parameter: &str) -> Vec<String> {
        let reboot = "reboot".to_owned();
        match self {
            Family::Debian => vec![
                format!(
                    "echo 'GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT {parameter}\"' > /etc/default/grub.d/kdump-tools.cfg"
                ),
                "update-grub".to_owned(),
                reboot,
            ],
            Family::RedHat => {
                vec![format!("grubby --update-kernel=ALL --args=\"{parameter}\""), reboot]
            }
            Family::Suse => vec![
                format!("add {parameter} to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub"),
                "grub2-mkconfig -o /boot/grub2/grub.cfg".to_owned(),
                reboot,
            ],
            Family::Other => {
                vec![format!("add {parameter} to the kernel's command line in the boot loader"), reboot]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_id_and_by_likeness() {
        for (text, family) in [
            ("ID=debian\n", Family::Debian),
            ("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian", Family::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Family::Debian),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Family::RedHat),
            ("ID=fedora\n", Family::RedHat),
            ("ID=\"sles\"\n", Family::Suse),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"", Family::Suse),
            ("ID=alpine\n", Family::Other),
            ("", Family::Other),
        ] {
            assert_eq!(Family::of(text), family, "{text}");
        }
    }
}
