//! The store on SQLite and on Postgres: every test runs on both.

mod audits;
mod faults;
mod logs;
mod migrations;
mod queues;
mod reads;
mod rows;
mod world;
mod writes;
