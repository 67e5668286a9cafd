//! Auth through its routes and its client, on SQLite and on Postgres.
#![cfg(test)]

mod audits;
mod clients;
mod documents;
mod login;
mod mailbox;
mod mailing;
mod register;
mod sessions;
mod setup;
mod world;

/// Stamps each test over both databases.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(imajin_testkit::Backend::Sqlite).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(imajin_testkit::Backend::Postgres).await;
            })+
        }
    };
}
