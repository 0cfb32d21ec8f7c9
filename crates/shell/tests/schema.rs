//! The schemas under `docs/schema/` are those of the types.
//!
//! `NECROPSY_BLESS=1 cargo test -p necropsy-shell --test schema` writes them anew.

// The lint's exception for tests does not reach their helpers.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};

use necropsy_shell::{COMMANDS, schema};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
}

/// All files that there should be.
fn all() -> Vec<(String, String)> {
    let commands = COMMANDS.iter().map(|c| (c.name().to_owned(), schema(*c)));
    let others = [
        ("analyze".to_owned(), necropsy_report::schema()),
        ("explain".to_owned(), necropsy_diagnose::explain::schema()),
        ("reports".to_owned(), necropsy_klog::schema()),
    ];
    let text =
        |(name, schema): (String, serde_json::Value)| (format!("{name}.json"), format!("{schema:#}\n"));
    commands.chain(others).map(text).collect()
}

#[test]
fn schemas_are_as_recorded() {
    let bless = std::env::var_os("NECROPSY_BLESS").is_some();
    if bless {
        std::fs::create_dir_all(dir()).expect("can be made");
    }
    let all = all();
    for (name, text) in &all {
        let path = dir().join(name);
        if bless {
            std::fs::write(&path, text).expect("can be written");
        }
        let recorded = std::fs::read_to_string(&path).ok();
        let hint = "a row changed: NECROPSY_BLESS=1 writes its schema anew";
        assert!(recorded.as_deref() == Some(text), "docs/schema/{name}: {hint}");
    }
    let files = std::fs::read_dir(dir()).expect("there are some").flatten();
    for name in files.map(|f| f.file_name().to_string_lossy().into_owned()) {
        assert!(all.iter().any(|(known, _)| *known == name), "docs/schema/{name} is of no command");
    }
}

#[test]
fn schemas_say_something() {
    for c in COMMANDS {
        let schema = schema(*c);
        let result = &schema["properties"]["result"];
        let runs_others = ["exit", "extend", "gdb", "json", "repeat", "wr"].contains(&c.name());
        assert!(result.is_object() || runs_others, "{}: {result}", c.name());
    }
}
