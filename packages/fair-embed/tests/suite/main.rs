//! The containers, tested through the public API: every format, every byte, and other people's programs.
#![cfg(test)]

mod flips;
mod heavy_memory;
mod malformed;
mod round_trip;
mod samples;
mod samples_pdf;
mod support;
mod tools;
mod verdicts;
