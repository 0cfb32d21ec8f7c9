//! The values that users see, and their renderings. Nothing here knows how a value was found.

mod escape;
mod figures;
mod hex;
mod html;
mod markdown;
mod redact;
mod scene;
mod text;
mod values;

pub use escape::{bytes_text, terminal_safe};
pub use figures::*;
pub use hex::Hex;
pub use scene::*;
pub use values::*;

/// The form an analysis is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For a terminal.
    #[default]
    Text,
    /// For programs: the contract.
    Json,
    /// For a ticket.
    Markdown,
    /// For a browser: one file without scripts or links to elsewhere.
    Html,
}

/// What [`Form::Json`] looks like, as a JSON schema.
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Analysis>().to_value()
}

impl Analysis {
    /// The analysis in a form.
    pub fn render(&self, form: Form) -> String {
        match form {
            Form::Text => text::analysis(self),
            Form::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
            Form::Markdown => markdown::analysis(self),
            Form::Html => html::analysis(self),
        }
    }
}
