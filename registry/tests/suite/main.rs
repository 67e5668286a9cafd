//! The registry over its public routes, on both databases.
#![cfg(test)]

mod arrivals;
mod audits;
mod builds;
mod clients;
mod comebacks;
mod credentials;
mod directory;
mod dns;
mod dns_failures;
mod dns_sweeps;
mod heartbeats;
mod keys;
mod mirrors;
mod names;
mod operator;
mod plans;
mod registrations;
mod remote;
mod restores;
mod signed_directory;
mod starving;
mod statuses;
mod two_processes;
mod vectors;
mod world;

/// Stamps scenarios, `async fn(World)`, over both databases.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $scenario() {
                super::$scenario(crate::world::World::new(imajin_testkit::Backend::Sqlite).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $scenario() {
                super::$scenario(crate::world::World::new(imajin_testkit::Backend::Postgres).await).await;
            })*
        }
    };
}
pub(crate) use on_both;
