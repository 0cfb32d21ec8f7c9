//! `necropsy`: why did the kernel die?

mod analyze;
mod cli;
mod open;
mod shell;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("necropsy: {e:#}");
            ExitCode::FAILURE
        }
    }
}
