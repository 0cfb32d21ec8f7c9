//! What the JSON of each command looks like, generated from the types of its rows.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::{Command, Shape};

/// The type of some of a command's rows.
#[derive(Clone, Copy)]
pub struct RowType {
    schema: fn(&mut SchemaGenerator) -> Schema,
    /// Its full name.
    pub id: fn() -> Cow<'static, str>,
}

impl RowType {
    /// `T`.
    pub const fn of<T: JsonSchema>() -> RowType {
        RowType { schema: T::json_schema, id: T::schema_id }
    }
}

/// The row types of a command: `rows![Row, Total]`.
macro_rules! rows {
    ($($row:ty),* $(,)?) => {
        vec![$($crate::schema::RowType::of::<$row>()),*]
    };
}
pub(crate) use rows;

/// The schema of the line that a command writes with `--format json` or `-j`.
pub fn schema(command: &dyn Command) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut rows: Vec<Value> = Vec::new();
    for row in command.rows() {
        let schema = (row.schema)(&mut generator).to_value();
        if !rows.contains(&schema) {
            rows.push(schema);
        }
    }
    let one = any_of(rows);
    let results = command.shapes().iter().map(|shape| match shape {
        Shape::List => json!({ "type": "array", "items": one }),
        Shape::One => one.clone(),
        Shape::Named(name) => {
            json!({ "type": "object", "properties": { *name: { "type": "array", "items": one } }, "required": [name] })
        }
    });
    let result = any_of(results.collect());
    let kinds = ["usage", "failed", "partial", "unreadable", "interrupted", "closed"];
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": command.name(),
        "description": command.about(),
        "type": "object",
        "properties": {
            "command": { "type": "string", "description": "The line as it was given." },
            "ok": { "type": "boolean" },
            "result": result,
            "error": {
                "type": "object",
                "description": "Only if ok is false.",
                "properties": { "kind": { "enum": kinds }, "message": { "type": "string" } },
                "required": ["kind", "message"]
            },
            "notes": {
                "type": "array", "items": { "type": "string" },
                "description": "What could not be read, and why."
            }
        },
        "required": ["command", "ok", "notes"]
    });
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".into(), Value::Object(definitions));
    }
    schema.to_value()
}

fn any_of(mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        0 => Value::Bool(true),
        1 => schemas.remove(0),
        _ => json!({ "anyOf": schemas }),
    }
}
