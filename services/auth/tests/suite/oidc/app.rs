//! An application, and the browser of somebody who signs in at it.

use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use imajin_did::SecretKey;
use imajin_proof::digest::sha256;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::world::{ORIGIN, Reply, World};

pub(crate) const REDIRECT: &str = "https://wiki.example.org/callback?at=1";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CLIENTS: &str = "/auth/api/oidc/clients";
pub(crate) const CONSENT: &str = "/auth/api/oidc/consent";

/// Somebody's browser: a session, and the key that is in it.
pub(crate) struct Person {
    pub(crate) key: Option<SecretKey>,
    pub(crate) token: String,
}

/// An application that is registered here.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

pub(crate) async fn operator(world: &World) -> SecretKey {
    let key = world.registered("olga").await;
    let token = world.auth.setup_token_issue().await.unwrap().unwrap();
    let body = json!({"token": token}).to_string();
    let signed = world.signed(&key, "POST", "/auth/api/setup", &body);
    let reply = world.send_signed(&signed, "/auth/api/setup", &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    key
}

pub(crate) async fn signed(world: &World, key: &SecretKey, method: &str, path: &str, body: &Value) -> Reply {
    let text = body.to_string();
    let signed = world.signed(key, method, path, &text);
    world.send_signed(&signed, path, &text).await
}

pub(crate) fn metadata(algorithm: &str, method: &str) -> Value {
    json!({
        "client_name": "The wiki", "redirect_uris": [REDIRECT],
        "post_logout_redirect_uris": ["https://wiki.example.org/bye"],
        "token_endpoint_auth_method": method, "id_token_signed_response_alg": algorithm,
    })
}

pub(crate) async fn app_with(world: &World, operator: &SecretKey, metadata: &Value) -> App {
    let reply = signed(world, operator, "POST", CLIENTS, metadata).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let json = reply.json();
    App {
        id: json["client_id"].as_str().unwrap().to_owned(),
        secret: json["client_secret"].as_str().map(str::to_owned),
    }
}

/// An application with a secret and ES256: quicker to make than RSA.
pub(crate) async fn app(world: &World) -> App {
    let operator = operator(world).await;
    app_with(world, &operator, &metadata("ES256", "client_secret_basic")).await
}

pub(crate) async fn ada(world: &World) -> Person {
    let key = world.registered("ada").await;
    let token = world.login(&key).await;
    Person { key: Some(key), token }
}

pub(crate) async fn mailbox_person(world: &World) -> Person {
    Person {
        key: None,
        token: world.mailbox_login("ada.l@example.org").await,
    }
}

impl Person {
    pub(crate) fn cookie(&self) -> String {
        format!("__Host-imajin_session={}", self.token)
    }

    pub(crate) async fn open(&self, world: &World, path: &str) -> Reply {
        world.get(path, &[("cookie", &self.cookie())]).await
    }

    pub(crate) async fn form(&self, world: &World, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        world
            .post_form(path, &[("cookie", &self.cookie()), ("origin", ORIGIN)], &body)
            .await
    }

    /// What the browser module sends when somebody presses Allow.
    pub(crate) async fn consent_send(&self, world: &World, body: &Value) -> Reply {
        let text = body.to_string();
        let signed = world.signed(self.key.as_ref().unwrap(), "POST", CONSENT, &text);
        let mut headers: Vec<(String, String)> = signed
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), (*value).to_owned()))
            .collect();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        headers.push(("cookie".to_owned(), self.cookie()));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        world.send(Method::POST, CONSENT, &headers, &text).await
    }
}

/// What the page of a question holds.
pub(crate) fn consent_body(app: &App, page: &Reply, asked: &str, scope: &str) -> Value {
    json!({
        "request": hidden(page, "request"), "clientId": app.id, "redirectUri": REDIRECT,
        "asked": asked, "scope": scope,
    })
}

pub(crate) fn hidden(page: &Reply, name: &str) -> String {
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let start = format!("name=\"{name}\" value=\"");
    let (_before, rest) = page
        .text
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {name}: {}", page.text));
    rest.split_once('"').unwrap().0.to_owned()
}

/// The parameters of the answer, and that it goes where it must.
pub(crate) fn answer(url: &str) -> Vec<(String, String)> {
    assert!(url.starts_with("https://wiki.example.org/callback?at=1&"), "{url}");
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

pub(crate) fn of<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

impl App {
    pub(crate) fn authorize(&self, scope: &str, extra: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(sha256(VERIFIER.as_bytes()));
        let mut pairs = vec![
            ("client_id", self.id.as_str()),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "s/1"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in extra {
            pairs.retain(|(known, _)| known != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("/auth/oidc/authorize?{query}")
    }

    /// Asks a person, who allows all of it: the code.
    pub(crate) async fn code(&self, world: &World, person: &Person, scope: &str) -> String {
        let page = person.open(world, &self.authorize(scope, &[])).await;
        let url = if page.status == StatusCode::SEE_OTHER {
            page.header("location").to_owned()
        } else if person.key.is_none() {
            let request = hidden(&page, "request");
            let mut form = vec![("request", request.as_str()), ("decision", "allow")];
            form.extend(scope.split(' ').map(|scope| ("scope", scope)));
            let reply = person.form(world, "/auth/oidc/consent", &form).await;
            reply.header("location").to_owned()
        } else {
            let body = consent_body(self, &page, scope, scope);
            let reply = person.consent_send(world, &body).await;
            assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
            reply.json()["redirectTo"].as_str().unwrap().to_owned()
        };
        let pairs = answer(&url);
        assert_eq!(of(&pairs, "state"), Some("s/1"));
        assert_eq!(
            of(&pairs, "iss"),
            Some(format!("{}/auth", world.origin).as_str()),
            "RFC 9207"
        );
        of(&pairs, "code").unwrap_or_else(|| panic!("{url}")).to_owned()
    }

    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.id, self.secret.as_deref().unwrap_or_default());
        format!("Basic {}", STANDARD.encode(pair))
    }

    pub(crate) async fn post(&self, world: &World, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let basic = self.basic();
        let headers: &[(&str, &str)] = if self.secret.is_some() {
            &[("authorization", &basic)]
        } else {
            &[]
        };
        world.post_form(path, headers, &body).await
    }

    pub(crate) async fn exchange(&self, world: &World, code: &str) -> Reply {
        self.exchange_with(world, code, &[]).await
    }

    pub(crate) async fn exchange_with(&self, world: &World, code: &str, extra: &[(&str, &str)]) -> Reply {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        if self.secret.is_none() {
            pairs.push(("client_id", &self.id));
        }
        for (name, value) in extra {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name, value));
        }
        self.post(world, "/auth/oidc/token", &pairs).await
    }

    pub(crate) async fn tokens(&self, world: &World, person: &Person, scope: &str) -> Value {
        let reply = self.exchange(world, &self.code(world, person, scope).await).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        assert_eq!(reply.header("cache-control"), "no-store");
        reply.json()
    }

    pub(crate) async fn refresh(&self, world: &World, token: &str) -> Reply {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post(world, "/auth/oidc/token", &pairs).await
    }
}

pub(crate) async fn userinfo(world: &World, token: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    world.get("/auth/oidc/userinfo", &[("authorization", &bearer)]).await
}

/// The refusal in the form of RFC 6749.
#[track_caller]
pub(crate) fn assert_oauth(reply: &Reply, status: u16, error: &str) {
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["error"]),
        (status, &json!(error)),
        "{reply:?}"
    );
}

/// The claims of an ID token, as an application reads them.
pub(crate) async fn id_token(world: &World, app: &App, text: &str) -> Value {
    let set: JwkSet = serde_json::from_value(world.get("/auth/.well-known/jwks.json", &[]).await.json()).unwrap();
    let header = decode_header(text).unwrap();
    let jwk = set.find(header.kid.as_deref().unwrap()).expect("the key is published");
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&["http://localhost:7000/auth"]);
    validation.set_audience(&[&app.id]);
    validation.validate_exp = false;
    let token = decode::<Value>(text, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap();
    token.claims
}

/// A row in every table of the provider.
pub(crate) async fn fill(world: &World, operator: &SecretKey) {
    let app = app_with(world, operator, &metadata("ES256", "client_secret_basic")).await;
    let token = world.login(operator).await;
    let person = Person {
        key: Some(operator.clone()),
        token,
    };
    app.tokens(world, &person, "openid offline_access").await;
}
