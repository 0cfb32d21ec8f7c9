//! The reports of the logs named on the command line, or of standard input, as lines of JSON.
//!
//! `dmesg | cargo run --example reports`

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let names: Vec<String> = std::env::args().skip(1).filter(|a| a != "reports").collect();
    for name in names {
        let input: Box<dyn Read> =
            if name == "-" { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(name)?) };
        necropsy_klog::read_reports(input, |report| {
            let _ = writeln!(out, "{}", serde_json::to_string(&report).unwrap_or_default());
        })?;
    }
    Ok(())
}
