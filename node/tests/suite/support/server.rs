use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server of the test, until it is dropped.
pub(crate) struct Server {
    pub(crate) host: String,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(router: Router) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("localhost:{}", socket.local_addr().unwrap().port());
        #[expect(
            clippy::disallowed_methods,
            reason = "the server ends with the test, which owns its handle"
        )]
        let task = tokio::spawn(async move {
            let _ended = axum::serve(socket, router).await;
        });
        Self { host, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
