//! From lines to events.

use schemars::JsonSchema;
use serde::Serialize;

use crate::patterns::{Kind, MATCHER};

/// The part an event plays in a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A sign of trouble before it.
    Precursor,
    /// The first thing that went wrong.
    #[default]
    Cause,
    /// What followed from it.
    Consequence,
    /// Worth knowing.
    Context,
    /// What the kernel did about it.
    Response,
}

impl Role {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Role::Precursor => "precursor",
            Role::Cause => "cause",
            Role::Consequence => "consequence",
            Role::Context => "context",
            Role::Response => "response",
        }
    }
}

/// A line that means something.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Number of the line, from 1.
    pub line: usize,
    /// Seconds since boot.
    pub seconds: Option<f64>,
    /// Which pattern it is.
    pub id: &'static str,
    /// Its role; of several causes only the first stays one.
    pub role: Role,
    /// The line's text without its prefix.
    pub text: String,
}

/// The events in lines of text, each with its time.
pub fn events<'a>(lines: impl IntoIterator<Item = (Option<f64>, &'a str)>) -> Vec<Event> {
    let mut found: Vec<Event> = Vec::new();
    let mut cause = false;
    for (i, (seconds, text)) in lines.into_iter().enumerate() {
        let Some((pattern, _)) = MATCHER.find_within(text).filter(|(p, _)| p.id != "boot") else { continue };
        let role = match pattern.kind {
            Kind::Cause | Kind::Weak if !cause => Role::Cause,
            Kind::Cause | Kind::Weak => Role::Consequence,
            Kind::Link if pattern.id.starts_with("panic") => Role::Response,
            Kind::Link => Role::Consequence,
            Kind::Precursor => Role::Precursor,
            Kind::Context => Role::Context,
            Kind::Response => Role::Response,
            Kind::Detail => continue,
        };
        cause |= role == Role::Cause;
        found.push(Event { line: i + 1, seconds, id: pattern.id, role, text: text.to_owned() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_cause_is_one() {
        let lines = [
            (Some(1.0), "BUG: kernel NULL pointer dereference, address: 0000000000000000"),
            (Some(1.1), "Kernel panic - not syncing: Fatal exception"),
            (Some(2.0), "BUG: soft lockup - CPU#1 stuck for 22s! [x:1]"),
            (None, "nothing"),
        ];
        let roles: Vec<_> = events(lines).iter().map(|e| e.role).collect();
        assert_eq!(roles, [Role::Cause, Role::Response, Role::Consequence]);
    }
}
