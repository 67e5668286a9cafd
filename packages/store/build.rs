//! Cargo cannot see which files `embed_migrations!` reads.

use std::io::Write;

fn main() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "cargo::rerun-if-changed=../../migrations/common")
}
