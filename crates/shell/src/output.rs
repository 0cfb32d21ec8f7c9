//! Where a command's values go: rendered one by one, as text or as JSON.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;

use necropsy_base::Budget;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{CommandError, Mode, RowType};

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
    /// What the next value is: a row of this type. Told to whoever compares a command with its schema.
    fn typed(&mut self, _row: RowType) {}
    /// One value and its text. Only the form that is wanted is made.
    fn put(&mut self, value: &dyn Fn() -> Value, text: &dyn Fn() -> String) -> Result<(), Closed>;
    /// Something the user must know.
    fn note(&mut self, text: &str);
    /// Which form is wanted.
    fn mode(&self) -> Mode;
    /// Text that is layout only: headings and blank lines.
    fn heading(&mut self, text: &str) -> Result<(), Closed>;
}

/// Typed rows into any [`Sink`].
pub trait SinkExt: Sink {
    /// One value and how it is written.
    fn row<T: Serialize + JsonSchema>(
        &mut self,
        value: &T,
        text: impl Fn(&T) -> String,
    ) -> Result<(), Closed> {
        self.typed(RowType::of::<T>());
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
    /// Ends the output when it is cancelled.
    pub budget: Budget,
}

impl TextSink<'_> {
    /// Ends between lines, never within one.
    fn go_on(&self) -> Result<(), Closed> {
        if self.budget.is_cancelled() { Err(Closed) } else { Ok(()) }
    }

    /// The last gate before a terminal: names out of a dump's tables pass here too.
    fn write(&mut self, text: &str) -> Result<(), Closed> {
        let plain = text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t'));
        let safe = (!plain).then(|| necropsy_report::terminal_safe(text));
        let text = safe.as_deref().unwrap_or(text);
        self.out.write_all(text.as_bytes()).map_err(|_| Closed)
    }
}

impl Sink for TextSink<'_> {
    fn mode(&self) -> Mode {
        Mode::Text
    }
    fn put(&mut self, _: &dyn Fn() -> Value, text: &dyn Fn() -> String) -> Result<(), Closed> {
        self.go_on()?;
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
        self.go_on()?;
        self.write(text)?;
        self.write("\n")
    }
}

/// Collects rows for one JSON line.
#[derive(Default)]
pub struct JsonSink {
    rows: Vec<Value>,
    notes: Vec<String>,
    budget: Budget,
    /// Full names of the types of its rows.
    pub types: BTreeSet<Cow<'static, str>>,
}

impl Sink for JsonSink {
    fn typed(&mut self, row: RowType) {
        self.types.insert((row.id)());
    }
    fn mode(&self) -> Mode {
        Mode::Json
    }
    fn put(&mut self, value: &dyn Fn() -> Value, _: &dyn Fn() -> String) -> Result<(), Closed> {
        if self.budget.is_cancelled() {
            return Err(Closed);
        }
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

/// Keeps what a part of a command shows until it is that part's turn.
pub struct Recorder {
    mode: Mode,
    kept: Vec<Kept>,
    budget: Budget,
}

enum Kept {
    Type(RowType),
    Row(Value),
    Text(String),
    Note(String),
}

impl Recorder {
    /// One for a sink of that form.
    pub fn new(mode: Mode, budget: Budget) -> Recorder {
        Recorder { mode, kept: Vec::new(), budget }
    }

    /// Whether there is nothing to show but notes.
    pub fn is_empty(&self) -> bool {
        !self.kept.iter().any(|kept| matches!(kept, Kept::Row(_) | Kept::Text(_)))
    }

    /// Keeps whole lines, all that follow each other as one text: lines by the thousand would be as many allocations, made by one thread
    /// and freed by another.
    fn lines(&mut self, text: &str, open: bool) {
        if !matches!(self.kept.last(), Some(Kept::Text(_))) {
            self.kept.push(Kept::Text(String::new()));
        }
        if let Some(Kept::Text(all)) = self.kept.last_mut() {
            all.push_str(text);
            if open {
                all.push('\n');
            }
        }
    }

    /// Shows what was kept.
    pub fn play(self, out: &mut dyn Sink) -> Result<(), Closed> {
        for kept in self.kept {
            match kept {
                Kept::Type(row) => out.typed(row),
                Kept::Row(value) => out.put(&|| value.clone(), &String::new)?,
                Kept::Text(text) => out.put(&|| Value::Null, &|| text.clone())?,
                Kept::Note(text) => out.note(&text),
            }
        }
        Ok(())
    }
}

impl Sink for Recorder {
    fn typed(&mut self, row: RowType) {
        if self.mode == Mode::Json {
            self.kept.push(Kept::Type(row));
        }
    }
    fn mode(&self) -> Mode {
        self.mode
    }
    fn put(&mut self, value: &dyn Fn() -> Value, text: &dyn Fn() -> String) -> Result<(), Closed> {
        if self.budget.is_cancelled() {
            return Err(Closed);
        }
        match self.mode {
            Mode::Json => self.kept.push(Kept::Row(value())),
            Mode::Text => {
                let text = text();
                let open = !text.is_empty() && !text.ends_with('\n');
                self.lines(&text, open);
            }
        }
        Ok(())
    }
    fn note(&mut self, text: &str) {
        self.kept.push(Kept::Note(text.to_owned()));
    }
    fn heading(&mut self, text: &str) -> Result<(), Closed> {
        if self.mode == Mode::Text {
            self.lines(text, true);
        }
        Ok(())
    }
}

impl JsonSink {
    /// One whose rows end when `budget` is cancelled.
    pub fn new(budget: Budget) -> JsonSink {
        JsonSink { budget, ..JsonSink::default() }
    }

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
