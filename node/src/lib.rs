//! The node: the only crate that sees every service. It composes them into one program, and holds the command line.

pub mod acme;
pub mod agent;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod run;
pub mod tls;
pub mod vault;
pub mod verify;
