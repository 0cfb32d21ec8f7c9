//! A kernel log again, with the source lines of its frames.
//!
//! What is added stands behind each `function+offset/size`, in parentheses: the line in the innermost inlined function first, the
//! function's own last, as `decode_stacktrace.sh` writes them. Below a `Code:` line the instructions follow. Nothing else of the
//! log changes, down to the byte.
//!
//! A return address is the byte behind its call: the line is that of the call. For the program counter itself (`RIP:`, `pc :`) it is
//! that of the instruction.

mod code;
mod facts;
mod files;
mod resolver;

use std::sync::Arc;

use necropsy_debuginfo::locate::Search;
use necropsy_klog::{FrameRole, LogFrame, parse_frames};

pub use facts::Facts;
pub use resolver::Found;

use files::Files;

/// No line of a log is longer; what is behind is passed on as it is.
const MAX_LINE: usize = 1 << 16;

/// Takes the lines of a log one by one.
pub struct Decoder {
    files: Files,
    facts: Facts,
    /// The last program counter: where a trace begins with it again, it is no return address.
    pc: Option<(String, u64)>,
    /// Where the last program counter is in the kernel's file, for comparing code.
    pc_address: Option<u64>,
}

impl Decoder {
    /// Looks for files where `search` says; `facts` is what is known before the first line.
    pub fn new(search: Arc<Search>, facts: Facts) -> Decoder {
        Decoder { files: Files::new(search), facts, pc: None, pc_address: None }
    }

    /// What could not be found or read, for the user.
    pub fn notes(&self) -> &[String] {
        self.files.notes()
    }

    /// Appends a line (without its end) to `out`, with what is known about it, but without a line end.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.facts.learn(line);
        let Some(text) = plain(line) else { return out.extend_from_slice(line) };
        if self.code(line, &text, out) {
            return;
        }
        let mut done = 0;
        for frame in parse_frames(&text) {
            let end = frame.size_at.end;
            if let Some(places) = self.frame(&text, &frame) {
                out.extend_from_slice(&line[done..end]);
                out.extend_from_slice(format!(" ({places})").as_bytes());
                done = end;
            }
        }
        if done == 0
            && let Some((end, places)) = self.raw_address(&text)
        {
            out.extend_from_slice(&line[..end]);
            out.extend_from_slice(format!(" {places}").as_bytes());
            done = end;
        }
        out.extend_from_slice(&line[done..]);
    }

    /// The source lines of a frame, as they are written.
    fn frame(&mut self, line: &str, frame: &LogFrame) -> Option<String> {
        let name = frame.name(line);
        let here = (name.to_owned(), frame.offset);
        let exact = match frame.role {
            FrameRole::Pc => {
                self.pc_address = None;
                self.pc = Some(here);
                true
            }
            // arm64 and others begin the trace with the program counter.
            FrameRole::Call => self.pc.take_if(|pc| *pc == here).is_some(),
            FrameRole::Mention => true,
            FrameRole::Link | FrameRole::Caller => false,
        };
        let file = self.files.of(&self.facts, frame.module(line), frame.build_id(line))?;
        let found = file.symbol(name, frame.offset, frame.size, exact);
        if frame.role == FrameRole::Pc && frame.module(line).is_none() {
            self.pc_address = found.address();
        }
        found.text()
    }

    /// `[<ffffffffc0416012>]` without a name: where it ends, and what stands there.
    fn raw_address(&mut self, line: &str) -> Option<(usize, String)> {
        let open = line.find("[<")?;
        let inner = &line[open + 2..];
        let close = inner.find(">]")?;
        let digits = inner[..close].strip_prefix("0x").unwrap_or(&inner[..close]);
        if !(8..=16).contains(&digits.len()) {
            return None;
        }
        let address = u64::from_str_radix(digits, 16).ok()?;
        let place = self.files.at(&self.facts, address)?;
        Some((open + 2 + close + 2, place))
    }

    fn code(&self, line: &[u8], text: &str, out: &mut Vec<u8>) -> bool {
        let Some(lines) = code::lines(text, &self.files, self.pc_address) else { return false };
        out.extend_from_slice(line);
        out.extend_from_slice(lines.as_bytes());
        true
    }
}

/// A line as text of the same length: what is not ASCII cannot be part of a frame. `None` for lines that need no look.
fn plain(line: &[u8]) -> Option<String> {
    if line.len() > MAX_LINE {
        return None;
    }
    let worth = [&b"+0x"[..], b"Code:", b"[<"].iter().any(|word| memchr::memmem::find(line, word).is_some());
    worth.then(|| line.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\x1a' }).collect())
}
