/// Whom an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody.
    Public,
    /// Anybody who brings a proof in the body, the address or a header: a challenge's answer, an attestation, a link's
    /// token, a client's secret, the origin of one of our own pages.
    Proof,
    /// A living session, which only reads.
    Session,
    /// A signed request, by any DID.
    Signed,
    /// A signed request by somebody who is registered.
    Soft,
    /// A signed request by somebody who is registered with a key of their own.
    Key,
    /// A signed request by the operator.
    Operator,
    /// A living session of the operator, which only reads.
    OperatorSession,
}

/// One operation, and what it is asked with.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) access: Access,
    /// A body that gets past the parser.
    pub(super) body: &'static str,
}

const fn operation(method: &'static str, path: &'static str, access: Access) -> Operation {
    operation_with(method, path, access, "{}")
}

const fn operation_with(method: &'static str, path: &'static str, access: Access, body: &'static str) -> Operation {
    Operation {
        method,
        path,
        access,
        body,
    }
}

use Access::{Key, Operator, OperatorSession, Proof, Public, Session, Signed, Soft};

/// Every operation that the services describe.
pub(super) const OPERATIONS: &[Operation] = &[
    operation("GET", "/auth/api/attestations", Public),
    operation("POST", "/auth/api/attestations", Key),
    operation_with("POST", "/auth/api/attestations/verify", Public, r#"{"attestation":{}}"#),
    operation("GET", "/auth/api/attestations/{id}", Public),
    operation("POST", "/auth/api/attestations/{id}/revoke", Key),
    operation("POST", "/auth/api/authenticate", Proof),
    operation_with("POST", "/auth/api/challenge", Public, r#"{"id":"nobody_here"}"#),
    operation("GET", "/auth/api/devices", Session),
    operation_with("POST", "/auth/api/devices", Signed, r#"{"entry":{},"name":"a phone"}"#),
    operation_with("POST", "/auth/api/devices/{key}/name", Signed, r#"{"name":"a phone"}"#),
    operation_with(
        "POST",
        "/auth/api/devices/requests",
        Signed,
        r#"{"handle":"nobody_here","name":"a phone"}"#,
    ),
    operation("GET", "/auth/api/devices/requests/{id}", Proof),
    operation_with("DELETE", "/auth/api/devices/requests/{id}", Signed, "null"),
    operation_with("POST", "/auth/api/claim", Key, r#"{"token":"wrong"}"#),
    operation("GET", "/auth/api/identity/{did}", Public),
    operation("POST", "/auth/api/identity/{did}/deactivate", Proof),
    operation("GET", "/auth/api/identity/{did}/did.json", Public),
    operation_with(
        "POST",
        "/auth/api/login/challenge",
        Public,
        r#"{"handle":"nobody_here"}"#,
    ),
    operation("GET", "/auth/api/identity/{did}/log", Public),
    operation("POST", "/auth/api/identity/{did}/log", Proof),
    operation("POST", "/auth/api/identity/{did}/recover", Proof),
    operation("POST", "/auth/api/identity/{did}/rotate", Proof),
    operation("POST", "/auth/api/login/verify", Proof),
    operation("POST", "/auth/api/logout", Public),
    operation("GET", "/auth/api/lookup/{did_or_handle}", Public),
    operation_with(
        "POST",
        "/auth/api/onboard",
        Public,
        r#"{"email":"somebody@example.org"}"#,
    ),
    operation("POST", "/auth/api/register", Proof),
    operation("GET", "/auth/api/session", Session),
    operation("GET", "/auth/api/sessions", Session),
    operation_with("DELETE", "/auth/api/sessions/{id}", Signed, "null"),
    operation_with("POST", "/auth/api/setup", Key, r#"{"token":"wrong"}"#),
    operation_with("POST", "/auth/api/validate", Public, r#"{"token":"wrong"}"#),
    operation_with("POST", "/auth/api/verify", Public, r#"{"message":{}}"#),
    operation("GET", "/auth/onboard", Proof),
    operation("POST", "/auth/onboard", Proof),
    operation("GET", "/auth/.well-known/jwks.json", Public),
    operation("GET", "/auth/.well-known/openid-configuration", Public),
    operation("POST", "/auth/api/federation/allow", Signed),
    operation("GET", "/auth/api/oidc/clients", OperatorSession),
    operation_with(
        "POST",
        "/auth/api/oidc/clients",
        Operator,
        r#"{"client_name":"A","redirect_uris":["https://a.example/"]}"#,
    ),
    operation_with("DELETE", "/auth/api/oidc/clients/{id}", Operator, "null"),
    operation("POST", "/auth/api/oidc/consent", Signed),
    operation("GET", "/auth/api/oidc/grants", Session),
    operation_with("DELETE", "/auth/api/oidc/grants/{client_id}", Signed, "null"),
    operation_with("POST", "/auth/api/oidc/keys/rotate", Operator, "null"),
    operation("GET", "/auth/api/passkeys", Session),
    operation("POST", "/auth/api/passkeys", Signed),
    operation_with("DELETE", "/auth/api/passkeys/{id}", Signed, "null"),
    operation("POST", "/auth/api/passkeys/login", Proof),
    operation("POST", "/auth/api/passkeys/login/options", Public),
    operation("GET", "/auth/api/passkeys/options", Session),
    operation("GET", "/auth/federation/authorize", Proof),
    operation("GET", "/auth/federation/callback", Proof),
    operation("POST", "/auth/federation/consent", Proof),
    operation("GET", "/auth/federation/login", Public),
    operation("POST", "/auth/federation/login", Proof),
    operation("GET", "/auth/oidc/authorize", Public),
    operation("POST", "/auth/oidc/authorize", Public),
    operation("POST", "/auth/oidc/consent", Proof),
    operation("POST", "/auth/oidc/introspect", Proof),
    operation("GET", "/auth/oidc/logout", Public),
    operation("POST", "/auth/oidc/logout", Proof),
    operation("POST", "/auth/oidc/register", Proof),
    operation("POST", "/auth/oidc/revoke", Proof),
    operation("OPTIONS", "/auth/oidc/token", Public),
    operation("POST", "/auth/oidc/token", Proof),
    operation("GET", "/auth/oidc/userinfo", Session),
    operation("OPTIONS", "/auth/oidc/userinfo", Public),
    operation("POST", "/auth/oidc/userinfo", Session),
    operation("GET", "/auth/passkeys", Public),
    operation("POST", "/auth/passkeys/add", Proof),
    operation("POST", "/auth/passkeys/remove", Proof),
    operation_with("PUT", "/profile/api/avatar", Soft, r#"{"image":""}"#),
    operation("DELETE", "/profile/api/avatar", Soft),
    operation("GET", "/profile/api/avatars/{hash}/{file}", Public),
    operation("GET", "/profile/api/export", Session),
    operation("GET", "/profile/api/profile", Session),
    operation_with("PUT", "/profile/api/profile", Soft, r#"{"version":0}"#),
    operation("DELETE", "/profile/api/profile", Soft),
    operation("GET", "/profile/api/profile/{id}", Public),
    operation("GET", "/profile/api/search", Public),
    operation("GET", "/pay/api/balance", Session),
    operation("POST", "/pay/api/checkout", Signed),
    operation("GET", "/pay/api/checkout/{id}", Session),
    operation_with("POST", "/pay/api/connect/onboard", Signed, r#"{"country":"US"}"#),
    operation("GET", "/pay/api/entries", Session),
    operation("GET", "/pay/api/fees", Public),
    operation("POST", "/pay/api/holds", Signed),
    operation("POST", "/pay/api/holds/{id}/capture", Signed),
    operation("POST", "/pay/api/holds/{id}/void", Signed),
    operation_with("POST", "/pay/api/payout", Signed, r#"{"currency":"TEST-USD"}"#),
    operation("GET", "/pay/api/payouts", Session),
    operation("GET", "/pay/api/rails", Public),
    operation("GET", "/pay/api/receipts/{id}", Session),
    operation("POST", "/pay/api/webhook/{rail}", Proof),
    operation("POST", "/events/api/checkout", Soft),
    operation("GET", "/events/api/events", Public),
    operation("POST", "/events/api/events", Key),
    operation("GET", "/events/api/events/{id}", Public),
    operation("GET", "/events/api/events/{id}/fair", Public),
    operation("POST", "/events/api/events/{id}/fair/accept", Soft),
    operation("GET", "/events/api/events/{id}/ics", Public),
    operation("GET", "/events/api/events/{id}/my-ticket", Session),
    operation("POST", "/events/api/events/{id}/pause", Key),
    operation("POST", "/events/api/events/{id}/publish", Key),
    operation("GET", "/events/api/orders/{id}", Session),
    operation("POST", "/events/api/orders/{id}/cancel", Signed),
    operation("GET", "/events/api/tickets/{id}", Session),
    operation("GET", "/registry/api/builds", Public),
    operation_with(
        "POST",
        "/registry/api/builds/verify",
        Public,
        r#"{"hash":"44575cf5b28512d75644bf54a517dcef304ff809fd511747621b4d64f19aac66"}"#,
    ),
    operation("POST", "/registry/api/node/heartbeat", Proof),
    operation("GET", "/registry/api/node/list", Public),
    operation("HEAD", "/registry/api/node/list", Public),
    operation("GET", "/registry/api/node/lookup/{key}", Public),
    operation("POST", "/registry/api/node/register", Proof),
    operation("GET", "/registry/api/stats", Public),
];
