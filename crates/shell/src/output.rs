//! Where a command's values go: rendered one by one, as text or as JSON.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::CommandError;

/// The reader has gone (`| head`).
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("output closed")]
pub struct Closed;

/// What the JSON result of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An array of its rows.
    List,
    /// Its one row.
    One,
    /// An object with its rows under a name.
    Named(&'static str),
}

/// Takes a command's rows and notes.
pub trait Sink {
    /// One value and its text. Only the form that is wanted is made.
    fn put(&mut self, value: &dyn Fn() -> Value, text: &dyn Fn() -> String) -> Result<(), Closed>;
    /// Something the user must know.
    fn note(&mut self, text: &str);
    /// Text that is layout only: headings and blank lines.
    fn heading(&mut self, text: &str) -> Result<(), Closed>;
}

/// Typed rows into any [`Sink`].
pub trait SinkExt: Sink {
    /// One value and how it is written.
    fn row<T: Serialize>(&mut self, value: &T, text: impl Fn(&T) -> String) -> Result<(), Closed> {
        self.put(&|| serde_json::to_value(value).unwrap_or(Value::Null), &|| text(value))
    }
}
impl<S: Sink + ?Sized> SinkExt for S {}

/// Writes text as it comes.
pub struct TextSink<'w> {
    /// Where to.
    pub out: &'w mut dyn Write,
    /// Where notes go.
    pub notes: Vec<String>,
}

impl TextSink<'_> {
    /// The last gate before a terminal: names out of a dump's tables pass here too.
    fn write(&mut self, text: &str) -> Result<(), Closed> {
        let plain = text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t'));
        let safe = (!plain).then(|| necropsy_report::terminal_safe(text));
        let text = safe.as_deref().unwrap_or(text);
        self.out.write_all(text.as_bytes()).map_err(|_| Closed)
    }
}

impl Sink for TextSink<'_> {
    fn put(&mut self, _: &dyn Fn() -> Value, text: &dyn Fn() -> String) -> Result<(), Closed> {
        let text = text();
        self.write(&text)?;
        if text.ends_with('\n') || text.is_empty() { Ok(()) } else { self.write("\n") }
    }
    fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|n| n == text) {
            self.notes.push(text.to_owned());
        }
    }
    fn heading(&mut self, text: &str) -> Result<(), Closed> {
        self.write(text)?;
        self.write("\n")
    }
}

/// Collects rows for one JSON line.
#[derive(Default)]
pub struct JsonSink {
    rows: Vec<Value>,
    notes: Vec<String>,
}

impl Sink for JsonSink {
    fn put(&mut self, value: &dyn Fn() -> Value, _: &dyn Fn() -> String) -> Result<(), Closed> {
        self.rows.push(value());
        Ok(())
    }
    fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|n| n == text) {
            self.notes.push(text.to_owned());
        }
    }
    fn heading(&mut self, _: &str) -> Result<(), Closed> {
        Ok(())
    }
}

impl JsonSink {
    /// The line for a command that ended.
    pub fn finish(self, line: &str, shape: Shape, end: Result<(), CommandError>) -> Value {
        match end {
            Ok(()) => {
                let mut rows = self.rows;
                let result = match shape {
                    Shape::List => Value::Array(rows),
                    Shape::One if rows.len() <= 1 => rows.pop().unwrap_or(Value::Null),
                    Shape::One => Value::Array(rows),
                    Shape::Named(name) => json!({ name: rows }),
                };
                json!({ "command": line, "ok": true, "result": result, "notes": self.notes })
            }
            Err(e @ CommandError::Partial(_)) => {
                let error = json!({ "kind": e.kind(), "message": e.to_string() });
                json!({ "command": line, "ok": false, "result": self.rows, "error": error, "notes": self.notes })
            }
            Err(e) => {
                let error = json!({ "kind": e.kind(), "message": e.to_string() });
                json!({ "command": line, "ok": false, "error": error, "notes": self.notes })
            }
        }
    }
}
