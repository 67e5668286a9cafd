use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::TestkitError;

/// A loopback address at which nobody listens at this moment.
///
/// # Errors
/// When the system gives none.
pub fn free_address() -> Result<SocketAddr, TestkitError> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(any).map_err(TestkitError::file("a loopback port"))?;
    listener.local_addr().map_err(TestkitError::file("a loopback port"))
}
