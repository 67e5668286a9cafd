//! Certificates from a real authority, for names in a real DNS server.
#![cfg(test)]

mod issue;
mod world;
