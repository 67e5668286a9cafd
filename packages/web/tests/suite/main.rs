//! The shell from outside: what a client gets, and what it is refused.

#![cfg(test)]

mod doors;
mod internal;
mod key_logs;
mod resolve;
mod shell;
mod signed;
mod support;
