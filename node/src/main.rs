//! The `imajin` command. Everything it does is in the library; here is only the start.

use std::process::ExitCode;

use clap::Parser;
use imajin_node::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
