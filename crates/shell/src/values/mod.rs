//! Values of C types: read into a tree, written as gdb writes them or as JSON; and the declarations of types.

mod declare;
mod gdb;
mod json;
mod tree;

pub use declare::{declaration, definition, members, plain_name};
pub use gdb::{Radix, number, string, text};
pub use json::json;
pub use tree::{Loose, Node, pointer_node, reachable, read, read_in};
