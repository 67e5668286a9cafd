//! A node of pages, and somebody who looks at it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use imajin_auth_api::AuthClient;
use imajin_events_api::EventsClient;
use imajin_kernel::{Env, ManualClock};
use imajin_pay_api::PayClient;
use imajin_profile_api::ProfileClient;
use imajin_registry_api::RegistryClient;
use imajin_web::{PeerAddress, PublicBase, Site};
use imajin_www::{Www, WwwDeps};
use tower::ServiceExt;

use crate::fakes::Fakes;
use crate::samples::{did, now};

pub(crate) const ORIGIN: &str = "http://127.0.0.1:7000";

pub(crate) struct World {
    pub(crate) fakes: Arc<Fakes>,
    router: Router,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Asserts the status and every text.
    #[track_caller]
    pub(crate) fn shows(&self, status: StatusCode, texts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.body);
        for text in texts {
            assert!(self.body.contains(text), "{text:?} is not in {}", self.body);
        }
    }
}

/// A request in the making: by default a browser of a stranger.
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    peer: SocketAddr,
    body: String,
}

pub(crate) fn get(path: impl Into<String>) -> Ask {
    Ask {
        method: "GET",
        path: path.into(),
        headers: vec![
            ("accept", "text/html,*/*;q=0.8".to_owned()),
            ("host", "127.0.0.1:7000".to_owned()),
        ],
        peer: "203.0.113.9:4711".parse().unwrap(),
        body: String::new(),
    }
}

/// A form of one of our own pages.
pub(crate) fn post(path: impl Into<String>, body: &str) -> Ask {
    let form = ("content-type", "application/x-www-form-urlencoded".to_owned());
    let ask = get(path).with(form.0, &form.1).with("sec-fetch-site", "same-origin");
    Ask {
        method: "POST",
        body: body.to_owned(),
        ..ask
    }
}

impl Ask {
    /// With this person's cookie: `buyer`, `soft` or `operator`, or a name that is no session.
    pub(crate) fn as_(self, who: &str) -> Self {
        self.with("cookie", &format!("__Host-imajin_session={who}"))
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Fakes::default(), ORIGIN)
    }

    pub(crate) fn with(fakes: Fakes, origin: &str) -> Self {
        let fakes = Arc::new(fakes);
        let auth = AuthClient::local(fakes.clone());
        let site = Site {
            env: Env::fixed(ManualClock::at(now()), 7),
            public: PublicBase(format!("{origin}/").parse().unwrap()),
            identities: Arc::new(auth.clone()),
        };
        let deps = WwwDeps {
            certificate: Arc::new(|| None),
            own_agent: fakes.own_agent.clone(),
            site,
            node_name: "Kulturhaus Linden".to_owned(),
            node_did: did(8),
            test_money: true,
            auth,
            pay: PayClient::local(fakes.clone()),
            events: EventsClient::local(fakes.clone()),
            connections: None,
            consent: None,
            profile: fakes.profile.is_some().then(|| ProfileClient::local(fakes.clone())),
            publisher: fakes.library.clone(),
            has_broker: false,
            has_gates: false,
            registry: fakes.has_registry.then(|| RegistryClient::local(fakes.clone())),
            registrations: fakes.clone(),
        };
        Self {
            router: Www::start(deps).unwrap().routes(),
            fakes,
        }
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let mut request = Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(ask.body)).unwrap();
        request.extensions_mut().insert(PeerAddress(ask.peer));
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}
