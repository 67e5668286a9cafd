//! A deterministic simulation of pay: its real code over a real database, and everything else played from one seed.
#![cfg(test)]

mod abroad;
mod back;
mod bank;
mod beyond;
mod calm;
mod cards;
mod checks;
mod ether;
mod mail;
mod mistakes;
mod node;
mod people;
mod seeds;
mod seller;
mod shoppers;
mod strangers;
mod tally;
mod world;
