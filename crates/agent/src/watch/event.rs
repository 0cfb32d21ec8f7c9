//! What is told: one value, whatever way it is told.

use necropsy_klog::Report;
use serde::{Deserialize, Serialize};

/// No event quotes more of the log.
const LINES: usize = 400;
const BYTES: usize = 64 << 10;

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this form.
    pub schema: u32,
    /// The same for the same event, however often it is sent.
    pub id: String,
    /// `report`, `again`, `decoded`.
    pub kind: String,
    /// When it was noticed, RFC 3339.
    pub time: String,
    /// The boot it is of.
    pub boot_id: Option<String>,
    /// The machine.
    pub node: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// Seconds since boot, as the kernel says.
    pub seconds: Option<f64>,
    /// Kind of failure.
    pub class: String,
    /// Its part.
    pub role: String,
    /// What the kernel's public fuzzing reports would call it.
    pub title: String,
    /// The line that says so.
    pub message: String,
    /// The function to blame, and its module.
    pub function: Option<String>,
    /// Its module.
    pub module: Option<String>,
    /// The task.
    pub pid: Option<i64>,
    /// Its name.
    pub comm: Option<String>,
    /// Taint letters.
    #[serde(default)]
    pub taint: Vec<String>,
    /// Whether the kernel panicked.
    pub panicked: bool,
    /// What makes reports of the same bug look the same.
    pub fingerprint: String,
    /// The same, by kind and function only.
    pub fingerprint_loose: String,
    /// How often it has come in this boot.
    pub count: u64,
    /// How often since it was last told.
    pub suppressed: u64,
    /// The kernel's own lines.
    #[serde(default)]
    pub log: Vec<String>,
    /// Lines that came before.
    #[serde(default)]
    pub before: Vec<String>,
}

impl Event {
    /// An event of a report.
    pub fn of(report: &Report) -> Event {
        Event {
            schema: 1,
            kind: "report".to_owned(),
            time: jiff::Timestamp::now().to_string(),
            kernel: report.release.clone(),
            seconds: report.time,
            class: report.class.to_owned(),
            role: report.role.name().to_owned(),
            title: report.title.clone(),
            message: report.message.clone(),
            function: report.function.clone(),
            module: report.module.clone(),
            pid: report.pid,
            comm: report.comm.clone(),
            taint: report.taint.clone(),
            panicked: report.panicked,
            fingerprint: report.fingerprint.strict.clone(),
            fingerprint_loose: report.fingerprint.loose.clone(),
            count: 1,
            ..Event::default()
        }
    }

    /// One line for a journal.
    pub fn line(&self) -> String {
        let blame = match (&self.function, &self.module) {
            (Some(f), Some(m)) => format!(" ({f} [{m}])"),
            (Some(f), None) => format!(" ({f})"),
            _ => String::new(),
        };
        let more =
            if self.suppressed > 0 { format!(", {} more since", self.suppressed) } else { String::new() };
        format!("{} {}: {}{blame}; fingerprint {}{more}", self.role, self.class, self.title, self.fingerprint)
    }
}

/// As many lines as an event may quote: the last ones.
pub fn quoted_end(mut lines: Vec<String>) -> Vec<String> {
    lines.reverse();
    let mut kept = quoted(lines);
    kept.reverse();
    kept
}

/// As many lines as an event may quote: the first ones.
pub fn quoted(lines: Vec<String>) -> Vec<String> {
    let mut bytes = 0;
    let fits = |l: &String| {
        bytes += l.len() + 1;
        bytes <= BYTES
    };
    lines.into_iter().take(LINES).take_while(fits).collect()
}
