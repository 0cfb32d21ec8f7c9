//! `necropsy`: why did the kernel die?

#[cfg(feature = "agent")]
mod agent;
mod analyze;
mod cli;
mod debuginfo;
mod decode;
mod explain;
mod known_issues;
mod open;
mod progress;
mod reports;
mod session;
mod shell;

use std::process::ExitCode;

/// An error and its causes, without those that say again what was said.
fn told_once(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.contains(&cause) {
            let again = !told.is_empty() && cause.starts_with(&told);
            told = if again || told.is_empty() { cause } else { format!("{told}: {cause}") };
        }
    }
    told
}

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("necropsy: {}", told_once(&e));
            ExitCode::FAILURE
        }
    }
}
