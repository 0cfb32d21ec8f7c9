//! A pager for what does not fit the terminal: `$PAGER`, else `less` with the options that git gives it (`FRX`).
//!
//! `set scroll off`, `PAGER=cat` and an empty `PAGER` turn it off. It is only used by a session on a terminal.

use std::io::{BufWriter, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// How long lines are held back before they are shown, though they do not fill the screen yet.
const PATIENCE: Duration = Duration::from_millis(300);

/// The pager that the user wants, if any.
pub fn command() -> Option<String> {
    let wanted = match std::env::var("PAGER") {
        Ok(wanted) => wanted.trim().to_owned(),
        Err(_) => {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path).map(|dir| dir.join("less")).find(|p| p.is_file())?;
            "less".into()
        }
    };
    (!wanted.is_empty() && wanted != "cat").then_some(wanted)
}

/// A terminal's size.
#[derive(Clone, Copy)]
pub struct Screen {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// Output that goes to the terminal, or, once it does not fit, into a pager: all of it, but for what was so slow that it was shown before.
pub struct Paged<'o, W: Write> {
    out: &'o mut W,
    screen: Screen,
    pager: String,
    since: Instant,
    held: Vec<u8>,
    /// How much of `held` is on the terminal already.
    shown: usize,
    rows: usize,
    column: usize,
    child: Option<(Child, BufWriter<ChildStdin>)>,
    /// The pager could not be started.
    plain: bool,
}

impl<'o, W: Write> Paged<'o, W> {
    /// Output to `out`, a terminal of that size.
    pub fn new(out: &'o mut W, screen: Screen, pager: String) -> Self {
        let (since, held) = (Instant::now(), Vec::new());
        let (shown, rows, column) = (0, 0, 0);
        Paged { out, screen, pager, since, held, shown, rows, column, child: None, plain: false }
    }

    /// Shows what is held back; waits until the user has left the pager.
    pub fn finish(mut self) -> std::io::Result<()> {
        match self.child.take() {
            Some((mut child, mut stdin)) => {
                let _ = stdin.flush();
                drop(stdin);
                child.wait().map(drop)
            }
            None => self.show_held(),
        }
    }

    fn show_held(&mut self) -> std::io::Result<()> {
        let rest = self.held.get(self.shown..).unwrap_or_default();
        self.out.write_all(rest)?;
        self.shown = self.held.len();
        self.out.flush()
    }

    /// Lines on the screen, long ones counted as often as the terminal breaks them.
    fn count(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.column += 1;
            if *byte == b'\n' || self.column > self.screen.columns.max(1) {
                self.rows += 1;
                self.column = usize::from(*byte != b'\n');
            }
        }
    }

    fn start(&mut self) -> std::io::Result<()> {
        let mut sh = Command::new("sh");
        sh.args(["-c", &self.pager]).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            sh.env("LESS", "FRX");
        }
        let Some((child, stdin)) = sh.spawn().ok().and_then(|mut c| c.stdin.take().map(|i| (c, i))) else {
            self.plain = true;
            return self.show_held();
        };
        let mut stdin = BufWriter::new(stdin);
        // What the screen has already is not shown again.
        let rest = self.held.get(self.shown..).unwrap_or_default();
        let sent = stdin.write_all(rest).and_then(|()| stdin.flush());
        self.child = Some((child, stdin));
        self.held.clear();
        sent
    }
}

impl<W: Write> Write for Paged<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.child {
            Some((_, stdin)) => return stdin.write(bytes),
            None if self.plain => return self.out.write(bytes),
            None => self.held.extend(bytes),
        }
        self.count(bytes);
        // The prompt takes the last line.
        if self.rows >= self.screen.rows.max(2) {
            self.start()?;
        } else if self.since.elapsed() > PATIENCE {
            self.show_held()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.child {
            Some((_, stdin)) => stdin.flush(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: usize, pager: &str) -> String {
        let mut out = Vec::new();
        let screen = Screen { columns: 10, rows: 5 };
        let mut paged = Paged::new(&mut out, screen, pager.into());
        for i in 0..lines {
            writeln!(paged, "line {i}").unwrap();
        }
        paged.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_fits_goes_to_the_terminal_and_what_does_not_into_the_pager() {
        assert_eq!(shown(4, "exit 1"), "line 0\nline 1\nline 2\nline 3\n");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("paged");
        assert_eq!(shown(100, &format!("cat > {}", file.display())), "");
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 100);
    }

    #[test]
    fn slow_output_is_shown_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("paged");
        let mut out = Vec::new();
        let screen = Screen { columns: 10, rows: 5 };
        let mut paged = Paged::new(&mut out, screen, format!("cat > {}", file.display()));
        paged.since = Instant::now() - 2 * PATIENCE;
        for i in 0..20 {
            writeln!(paged, "line {i}").unwrap();
        }
        paged.finish().unwrap();
        let all = String::from_utf8(out).unwrap() + &std::fs::read_to_string(file).unwrap();
        assert_eq!(all, (0..20).map(|i| format!("line {i}\n")).collect::<String>());
    }

    #[test]
    fn long_lines_take_several() {
        let mut out = Vec::new();
        let mut paged = Paged::new(&mut out, Screen { columns: 10, rows: 50 }, String::new());
        write!(paged, "{}\n0123456789\n\n", "x".repeat(25)).unwrap();
        assert_eq!(paged.rows, 5);
    }
}
