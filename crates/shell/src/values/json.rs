//! Values as JSON.

use necropsy_report::{Hex, bytes_text};
use serde_json::{Map, Value, json as make};

use super::tree::Node;

/// Structs become objects, the members of anonymous ones their outer one's; addresses strings in hexadecimal.
pub fn json(node: &Node) -> Value {
    match node {
        Node::Struct(members) => {
            let mut map = Map::new();
            object(members, &mut map);
            Value::Object(map)
        }
        Node::Flexible(_) => Value::Array(Vec::new()),
        Node::Array(elements, _) => Value::Array(elements.iter().map(json).collect()),
        Node::Text(bytes, _) => {
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            Value::String(bytes_text(&bytes[..end]))
        }
        Node::Int(n, _) | Node::Char(n) => int(*n),
        Node::Bool(b) => Value::Bool(*b),
        Node::Enum(name) => Value::String(name.clone()),
        Node::Pointer(at, symbol, text) => match (symbol, text) {
            (None, None) => make!(Hex(*at)),
            (symbol, text) => {
                make!({ "address": Hex(*at), "symbol": symbol, "text": text.as_deref().map(bytes_text) })
            }
        },
        Node::Unreadable(why) => make!({ "unreadable": why }),
    }
}

fn object(members: &[(Option<String>, Node)], map: &mut Map<String, Value>) {
    for (name, node) in members {
        match (name, node) {
            (Some(name), node) => drop(map.insert(name.clone(), json(node))),
            (None, Node::Struct(inner)) => object(inner, map),
            (None, _) => {}
        }
    }
}

fn int(n: i128) -> Value {
    match (i64::try_from(n), u64::try_from(n)) {
        (Ok(n), _) => make!(n),
        (_, Ok(n)) => make!(n),
        _ => Value::String(n.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_members_join_the_outer_struct() {
        let inner = Node::Struct(vec![(Some("b".into()), Node::Text(b"x\0\0".to_vec(), false))]);
        let outer = Node::Struct(vec![(Some("a".into()), Node::Int(1, 4)), (None, inner)]);
        assert_eq!(json(&outer), make!({ "a": 1, "b": "x" }));
    }
}
