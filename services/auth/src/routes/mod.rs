//! The HTTP side: one file per resource, one small handler per endpoint. A handler extracts, calls the domain, answers.

mod access;
mod attestations;
mod browser;
mod challenge;
mod claim;
mod devices;
mod federation;
mod handle;
mod identity;
mod key_log;
mod login;
mod mirror;
mod moves;
mod notices;
mod oidc;
mod onboard;
mod passkeys;
mod peers;
mod register;
mod root;
mod session;
mod setup;
mod tokens;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use imajin_auth_api::{AuthApi, AuthClient};
use imajin_web::{Readiness, ServiceRoutes, Site};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SERVICE;
use crate::auth::Auth;

/// What every handler of auth may ask of its surroundings.
#[derive(Clone)]
struct Surroundings {
    auth: Arc<Auth>,
    site: Site,
}

impl FromRef<Surroundings> for Arc<Auth> {
    fn from_ref(state: &Surroundings) -> Self {
        Self::clone(&state.auth)
    }
}

impl FromRef<Surroundings> for Site {
    fn from_ref(state: &Surroundings) -> Self {
        state.site.clone()
    }
}

impl Auth {
    /// The public routes, as they stand beneath `/auth`.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        let state = self.surroundings();
        let routes = OpenApiRouter::new()
            .routes(routes!(register::register))
            .routes(routes!(challenge::challenge))
            .routes(routes!(challenge::login_challenge))
            .routes(routes!(login::authenticate))
            .routes(routes!(login::login_verify))
            .routes(routes!(session::session))
            .routes(routes!(session::logout))
            .routes(routes!(session::sessions, session::sessions_end))
            .routes(routes!(session::session_delete))
            .routes(routes!(tokens::validate))
            .routes(routes!(tokens::verify))
            .routes(routes!(identity::lookup))
            .routes(routes!(identity::identity))
            .routes(routes!(identity::did_document))
            .routes(routes!(handle::handle_set))
            .routes(routes!(key_log::log, key_log::log_begin))
            .routes(routes!(key_log::rotate))
            .routes(routes!(key_log::recover))
            .routes(routes!(key_log::deactivate))
            .routes(routes!(devices::devices, devices::device_add))
            .routes(routes!(devices::device_name))
            .routes(routes!(devices::device_request))
            .routes(routes!(
                devices::device_request_standing,
                devices::device_request_refuse
            ))
            .routes(routes!(onboard::onboard_send))
            .routes(routes!(onboard::onboard_page, onboard::onboard_confirm))
            .routes(routes!(setup::setup))
            .routes(routes!(attestations::issue, attestations::list))
            .routes(routes!(attestations::fetch))
            .routes(routes!(attestations::revoke))
            .routes(routes!(attestations::verify))
            .routes(routes!(claim::claim))
            .merge(oidc::routes())
            .merge(federation::routes())
            .merge(passkeys::routes())
            .merge(access::routes())
            .merge(peers::routes())
            .merge(moves::routes())
            .merge(notices::routes())
            .merge(mirror::routes(&state))
            .with_state(state);
        ServiceRoutes::new(SERVICE, "Identities, login and sessions", routes, self.readiness())
    }

    /// The routes at the root of the node: what others look for at well-known addresses, and the DID resolver.
    pub fn root_routes(self: &Arc<Self>) -> Router {
        root::router()
            .merge(oidc::root_router())
            .with_state(self.surroundings())
    }

    /// Auth cannot wait for a site to be handed in: it is what every site asks who is who.
    fn surroundings(self: &Arc<Self>) -> Surroundings {
        let service: Arc<dyn AuthApi> = Arc::<Self>::clone(self);
        let identities = Arc::new(AuthClient::local(service));
        let site = Site {
            env: self.env.clone(),
            public: self.public.clone(),
            identities,
        };
        Surroundings {
            auth: Arc::clone(self),
            site,
        }
    }

    /// Whether the database answers.
    fn readiness(self: &Arc<Self>) -> Readiness {
        let auth = Arc::clone(self);
        Arc::new(move || {
            let auth = Arc::clone(&auth);
            Box::pin(async move { Ok(auth.operator().await.map(drop)?) })
        })
    }
}
