//! Every page, through the router, with services that answer from memory.
#![cfg(test)]

mod buying;
mod fakes;
mod forms;
mod library;
mod mirrors;
mod own_pages;
mod people;
mod public_pages;
mod samples;
mod works;
mod world;
