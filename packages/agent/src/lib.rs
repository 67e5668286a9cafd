#![doc = include_str!("../README.md")]

mod again;
mod agent;
mod begun;
mod broker;
mod crawl;
mod dispute;
mod door;
mod fetch;
mod fetched;
mod files;
mod home;
mod identity;
mod journal;
mod lines;
mod linked;
mod page;
mod provenance;
mod shown;
mod site;
mod told;

pub use agent::Agent;
pub use crawl::{CrawlStep, CrawlWish, Crawled, CrawledPage, Moved, PaidTo, StepOutcome, Unread};
pub use door::Door;
pub use fetched::{FetchWish, Fetched, PaidPart, Payment};
pub use home::{AgentHome, Limits, Settings};
pub use identity::{AgentIdentity, AgentSpent};
pub use journal::{Journal, PaidPage, Purchase, PurchaseState, Purchases, Run};
pub use page::PAGE_BYTES_MAX;
