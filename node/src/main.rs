//! The `imajin` command.

fn main() {}
