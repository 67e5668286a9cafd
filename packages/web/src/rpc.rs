use std::time::Duration;

use imajin_did::Keyring;
use imajin_kernel::{Env, Problem};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::HttpClient;

/// The tag of signatures between services: such a signature is worth nothing anywhere else.
pub(crate) const SERVICE_TAG: &str = "imajin-service";

/// How to reach the services of another process.
#[derive(Clone)]
pub struct RpcConfig {
    /// The internal listener of the other process.
    pub base: Url,
    /// Signs the calls: the other process knows this node's DID.
    pub keyring: Keyring,
    /// Time and randomness.
    pub env: Env,
}

/// Calls the internal routes of another process, signed by this one.
#[derive(Clone)]
pub struct RpcClient {
    config: RpcConfig,
    http: HttpClient,
}

impl RpcClient {
    /// Prepares a client; no connection is made yet.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(config: RpcConfig) -> Result<Self, Problem> {
        Ok(Self {
            config,
            http: HttpClient::new(Duration::from_secs(15), None)?,
        })
    }

    /// Calls `method` of `service`. A problem of the other side arrives as it was; a lost connection is
    /// [`imajin_kernel::Code::Unavailable`].
    pub async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        service: &str,
        method: &str,
        request: &Q,
    ) -> Result<A, Problem> {
        let away = |cause: &dyn std::fmt::Display| {
            tracing::warn!(service, method, %cause, "a call to another process failed");
            Problem::unavailable(&format!("The service `{service}`"))
        };
        let url = self
            .config
            .base
            .join(&format!("/internal/{service}/{method}"))
            .map_err(|error| away(&error))?;
        let body = serde_json::to_vec(request).map_err(|error| away(&error))?;
        let params = SignatureParams {
            keyid: self.config.keyring.node_did().clone(),
            created: self.config.env.now(),
            nonce: hex::encode(self.config.env.random_bytes::<16>()),
            tag: Some(SERVICE_TAG.to_owned()),
        };
        let to_sign = RequestToSign {
            method: "POST",
            target_uri: url.as_str(),
            idempotency_key: None,
            body: &body,
        };
        let signed = sign(self.config.keyring.node_key(), &to_sign, &params).map_err(|error| away(&error))?;
        let answer = self.http.send_signed(signed).await.map_err(|problem| away(&problem))?;
        if !answer.status.is_success() {
            return Err(away(&answer.status));
        }
        serde_json::from_slice::<Result<A, Problem>>(&answer.body).map_err(|error| away(&error))?
    }
}

/// Declares what other services may ask of a service: once.
///
/// From one declaration come the trait that the service implements, a client that wraps either the instance of this
/// process or a connection to another one, and the internal routes that answer such a connection. Callers cannot tell
/// the two clients apart, and get the same typed [`Problem`] from both.
///
/// ```ignore
/// imajin_web::service_api! {
///     /// What other services may ask of the greeter.
///     pub trait GreeterApi, client GreeterClient, service "greeter" {
///         /// Greets somebody.
///         async fn greet(GreetRequest) -> Greeting;
///     }
/// }
/// ```
#[macro_export]
macro_rules! service_api {
    (
        $(#[$trait_doc:meta])*
        pub trait $Trait:ident, client $Client:ident, service $service:literal {
            $( $(#[$method_doc:meta])* async fn $method:ident($Request:ty) -> $Answer:ty; )*
        }
    ) => {
        $(#[$trait_doc])*
        #[$crate::macro_support::async_trait]
        pub trait $Trait: Send + Sync + 'static {
            $(
                $(#[$method_doc])*
                async fn $method(&self, request: $Request) -> Result<$Answer, $crate::macro_support::Problem>;
            )*
        }

        #[doc = concat!("Calls [`", stringify!($Trait), "`], in this process or in another one.")]
        #[derive(Clone)]
        pub struct $Client(std::sync::Arc<dyn $Trait>);

        impl $Client {
            /// A client of the instance in this process.
            pub fn local(service: std::sync::Arc<dyn $Trait>) -> Self {
                Self(service)
            }

            /// A client of an instance in another process.
            pub fn http(rpc: $crate::RpcClient) -> Self {
                struct Remote($crate::RpcClient);

                #[$crate::macro_support::async_trait]
                impl $Trait for Remote {
                    $(
                        async fn $method(
                            &self,
                            request: $Request,
                        ) -> Result<$Answer, $crate::macro_support::Problem> {
                            self.0.call($service, stringify!($method), &request).await
                        }
                    )*
                }

                Self(std::sync::Arc::new(Remote(rpc)))
            }

            /// The routes that answer such clients; for the internal listener only.
            pub fn internal_router(service: std::sync::Arc<dyn $Trait>) -> $crate::macro_support::axum::Router {
                let router = $crate::macro_support::axum::Router::new();
                $(
                    let instance = std::sync::Arc::clone(&service);
                    let router = router.route(
                        concat!("/internal/", $service, "/", stringify!($method)),
                        $crate::internal_route(move |request: $Request| {
                            let instance = std::sync::Arc::clone(&instance);
                            async move { instance.$method(request).await }
                        }),
                    );
                )*
                router
            }
        }

        impl std::ops::Deref for $Client {
            type Target = dyn $Trait;

            fn deref(&self) -> &Self::Target {
                &*self.0
            }
        }
    };
}
