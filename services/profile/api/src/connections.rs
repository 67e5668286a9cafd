//! The one question that profile has about who knows whom.
//!
//! Whichever service keeps the connections answers it. While none does, nobody is connected to anybody.

use imajin_did::Did;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

service_api! {
    /// What profile asks of the service that knows who is connected to whom.
    pub trait ConnectionsApi, client ConnectionsClient, service "connections" {
        /// Whether both have agreed to be connected.
        async fn connection_check(ConnectionCheck) -> Connected;
    }
}

/// See [`ConnectionsApi::connection_check`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionCheck {
    /// Whose contact fields they are.
    pub owner: Did,
    /// Who wants to read them.
    pub reader: Did,
}

/// The answer to [`ConnectionsApi::connection_check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// Whether they are connected.
    pub connected: bool,
}
