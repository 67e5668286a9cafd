//! The same tests over both databases.

/// Stamps tests over both databases: `on_both!(a_sentence, another);` where each is an
/// `async fn a_sentence(backend: Backend)` beside it. The crate that uses it has `tokio` with its macros and its
/// multi-threaded runtime.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::Backend::Postgres).await;
            })+
        }
    };
}
