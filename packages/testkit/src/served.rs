use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A free port of loopback. It is known before the router is made: what a peer says may name its own address.
pub(crate) struct Port(TcpListener);

/// A router that answers until this value is dropped.
pub(crate) struct Served(JoinHandle<()>);

impl Port {
    /// # Panics
    /// When there is no free port.
    pub(crate) async fn free() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        Self(listener.unwrap_or_else(|error| panic!("no port for the peer: {error}")))
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        let address = self.0.local_addr().map(|address| address.to_string());
        format!("http://{}", address.unwrap_or_default())
    }

    pub(crate) fn serve(self, router: Router) -> Served {
        #[expect(
            clippy::disallowed_methods,
            reason = "the peer ends with the test, which owns its handle"
        )]
        let task = tokio::spawn(async move {
            // A server that ends early shows in the test, which finds nobody.
            let _ended = axum::serve(self.0, router).await;
        });
        Served(task)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abort();
    }
}
