/// What an operation takes that is an amount, or is reckoned with as one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    /// Where it stands in the body, as a JSON pointer.
    pub(super) at: &'static str,
    pub(super) kind: Kind,
    /// Whether nothing at all is refused.
    pub(super) zero: Zero,
    /// What becomes of money that nobody has or takes here.
    pub(super) foreign: Foreign,
}

/// How an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{"amount": "1.00", "currency": "TEST-USD"}`.
    Money,
    /// Decimal text; its currency is named elsewhere, if at all.
    Text,
    /// A currency alone.
    Currency,
    /// A whole number.
    Whole,
    /// A number of at most four places.
    Percent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Refused,
    /// A limit, a price or a fee may be nothing.
    Allowed,
    /// It is refused for another reason before anybody looks at it, or answered without being booked.
    Unreached,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    Refused,
    /// What is only reckoned, or only offered, may be of any money.
    Allowed,
}

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Person,
    Operator,
}

/// What the body is, once everything stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// The payload of a signed message of this type.
    Message(&'static str),
    /// A distribution contract with its signature.
    Contract,
}

/// An operation that changes something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) by: By,
    pub(super) form: Form,
    /// A body with which nothing is wrong. `{me}`, `{other}`, `{node}` and `{hold}` are filled in, and so is
    /// `"{manifest}"`.
    pub(super) body: &'static str,
    /// None where it takes no amount.
    pub(super) amounts: &'static [Amount],
}

const fn amount(at: &'static str, kind: Kind, zero: Zero, foreign: Foreign) -> Amount {
    Amount {
        at,
        kind,
        zero,
        foreign,
    }
}

/// Money that moves: more than nothing, and of a kind that is there.
const fn moved(at: &'static str) -> Amount {
    amount(at, Kind::Money, Zero::Refused, Foreign::Refused)
}

/// Money that is refused for another reason here, if it is well written.
const fn unreached(at: &'static str, kind: Kind) -> Amount {
    amount(at, kind, Zero::Unreached, Foreign::Refused)
}

/// Text or numbers that may be nothing.
const fn reckoned(at: &'static str, kind: Kind) -> Amount {
    amount(at, kind, Zero::Allowed, Foreign::Allowed)
}

const fn takes(method: &'static str, path: &'static str, body: &'static str, amounts: &'static [Amount]) -> Operation {
    Operation {
        method,
        path,
        by: By::Person,
        form: Form::Plain,
        body,
        amounts,
    }
}

const fn by_operator(operation: Operation) -> Operation {
    Operation {
        by: By::Operator,
        ..operation
    }
}

const fn signed(form: Form, operation: Operation) -> Operation {
    Operation { form, ..operation }
}

/// It takes no amount: prices come from those who sell, and what was promised says how much it is.
const fn none(method: &'static str, path: &'static str) -> Operation {
    takes(method, path, "{}", &[])
}

const HOLD: &str = r#"{"amount": {"amount": "0.50", "currency": "TEST-USD"}}"#;
const CAPTURE: &str = r#"{"payee": "{other}", "amount": {"amount": "0.50", "currency": "TEST-USD"}}"#;
const CONTRACT: &str = r#"{
    "profile_did": "{me}", "version": 1, "updated_at": "2026-01-01T00:00:00Z", "effective_at": "2036-01-01T00:00:00Z",
    "allocations": [{"label": "all", "recipient": "{other}", "percentage": 100}],
    "minimum_transaction": "5.00", "currency": "TEST-USD"
}"#;
const PREVIEW: &str = r#"{
    "contract": {
        "profile_did": "{me}", "version": 1, "updated_at": "2026-01-01T00:00:00Z",
        "effective_at": "2036-01-01T00:00:00Z",
        "allocations": [{"label": "all", "recipient": "{other}", "percentage": 100}],
        "minimum_transaction": "5.00", "currency": "TEST-USD"
    },
    "amount": {"amount": "10.00", "currency": "TEST-USD"}
}"#;
const LIMITS: &str = r#"{
    "owner": "{other}", "currency": "TEST-USD",
    "balanceMin": "0.00", "balanceMax": "9.00", "entryMax": "1.00", "dayMax": "2.00"
}"#;
const FEES: &str = r#"{"lines": [{"name": "node", "recipient": "node", "rateMicros": 5000}]}"#;
const REMITTANCE: &str = r#"{
    "id": "rmt_00000000000000000000000000", "broker": "https://broker.example",
    "amount": {"amount": "1.00", "currency": "TEST-USD"}, "legs": [{"did": "{other}", "amount": "1.00"}]
}"#;
const TIP: &str =
    r#"{"goods": {"type": "tip", "id": "{other}"}, "amount": {"amount": "0.50", "currency": "TEST-USD"}}"#;
const VISA: &str =
    r#"{"publisher": "news.example", "max_amount": {"amount": "0.50", "currency": "TEST-USD"}, "ttl": 600, "uses": 1}"#;
const REDEMPTION: &str = r#"{"redemptions": [{
    "jti": "visa_00000000000000000000000000", "receipt": "rcp_1", "claimDigest": "00",
    "amount": {"amount": "0.50", "currency": "TEST-USD"}
}]}"#;
const TRANSFER: &str =
    r#"{"reference": "amounts", "to": "{other}", "amount": {"amount": "0.50", "currency": "TEST-USD"}}"#;
const EVENT: &str = r#"{
    "title": "A concert", "startsAt": "2036-01-01T18:00:00Z", "endsAt": "2036-01-01T20:00:00Z", "timezone": "UTC",
    "tiers": [{"name": "Seat", "price": {"amount": "10.00", "currency": "TEST-USD"}, "quantity": 5}],
    "manifest": "{manifest}"
}"#;
const WORK: &str = r#"{
    "manifest": "fair_000000000000000000000000000000000000000000000000000000", "format": "markdown", "size": 1,
    "sha256": "0000000000000000000000000000000000000000000000000000000000000000",
    "price": {"amount": "0.10", "currency": "TEST-USD"}
}"#;
const TERMS: &str = r#"{
    "node": "{node}", "open": true, "maxHops": 2, "vouchesMin": 0, "uses": ["query"], "engine": "embedded",
    "perAnswer": {"amount": "0.10", "currency": "TEST-USD"},
    "perThousandTokens": {"amount": "0.10", "currency": "TEST-USD"},
    "ceiling": {"amount": "1.00", "currency": "TEST-USD"},
    "worksShareMillionths": 100000, "tokensMax": 100, "askerDailyMax": 5, "dailyMax": 50
}"#;

/// Every operation of the services that keep or price money, except those that only read.
pub(super) const OPERATIONS: &[Operation] = &[
    none("POST", "/pay/api/checkout"),
    none("PUT", "/pay/api/connect/home"),
    none("DELETE", "/pay/api/connect/home"),
    none("POST", "/pay/api/connect/onboard"),
    none("PUT", "/pay/api/connect/solana"),
    none("DELETE", "/pay/api/connect/solana"),
    signed(
        Form::Contract,
        takes(
            "PUT",
            "/pay/api/contract",
            CONTRACT,
            &[
                reckoned("/minimum_transaction", Kind::Text),
                unreached("/currency", Kind::Currency),
                unreached("/allocations/0/percentage", Kind::Percent),
            ],
        ),
    ),
    takes(
        "POST",
        "/pay/api/contract/preview",
        PREVIEW,
        &[
            reckoned("/amount", Kind::Money),
            reckoned("/contract/minimum_transaction", Kind::Text),
            unreached("/contract/currency", Kind::Currency),
            unreached("/contract/allocations/0/percentage", Kind::Percent),
        ],
    ),
    by_operator(takes(
        "POST",
        "/pay/api/fees",
        FEES,
        &[amount(
            "/lines/0/rateMicros",
            Kind::Whole,
            Zero::Refused,
            Foreign::Allowed,
        )],
    )),
    by_operator(takes(
        "POST",
        "/pay/api/limits",
        LIMITS,
        &[
            reckoned("/balanceMin", Kind::Text),
            reckoned("/balanceMax", Kind::Text),
            reckoned("/entryMax", Kind::Text),
            reckoned("/dayMax", Kind::Text),
            unreached("/currency", Kind::Currency),
        ],
    )),
    none("POST", "/pay/api/messages/{id}/retry"),
    none("POST", "/pay/api/reconciliation"),
    takes("POST", "/pay/api/holds", HOLD, &[moved("/amount")]),
    takes("POST", "/pay/api/holds/{id}/capture", CAPTURE, &[moved("/amount")]),
    none("POST", "/pay/api/holds/{id}/void"),
    takes("POST", "/pay/api/payout", HOLD, &[moved("/amount")]),
    signed(
        Form::Message("remittance"),
        takes(
            "POST",
            "/pay/api/remit",
            REMITTANCE,
            &[
                unreached("/amount", Kind::Money),
                unreached("/legs/0/amount", Kind::Text),
            ],
        ),
    ),
    // An offer, which a visa of any money may pay.
    takes(
        "POST",
        "/pay/api/quote",
        TIP,
        &[amount("/amount", Kind::Money, Zero::Refused, Foreign::Allowed)],
    ),
    takes(
        "POST",
        "/pay/api/refund",
        r#"{"receipt": "{receipt}", "amount": {"amount": "0.50", "currency": "TEST-USD"}}"#,
        &[moved("/amount")],
    ),
    none("POST", "/pay/api/refund/by-hand"),
    none("POST", "/pay/api/settle"),
    none("POST", "/pay/api/shares/accept"),
    takes("POST", "/pay/api/topup", HOLD, &[moved("/amount")]),
    none("POST", "/pay/api/webhook/{rail}"),
    none("POST", "/pay/solana/{checkout}"),
    none("POST", "/broker/api/agents"),
    takes("POST", "/broker/api/deposits", HOLD, &[moved("/amount")]),
    none("POST", "/broker/api/disputes"),
    none("POST", "/broker/api/disputes/{id}/answer"),
    none("POST", "/broker/api/disputes/{id}/decide"),
    none("POST", "/broker/api/keys/rotate"),
    takes(
        "POST",
        "/broker/api/redemptions",
        REDEMPTION,
        &[reckoned("/redemptions/0/amount", Kind::Money)],
    ),
    takes("POST", "/broker/api/transfers", TRANSFER, &[moved("/amount")]),
    takes("POST", "/broker/api/visas", VISA, &[moved("/max_amount")]),
    none("POST", "/broker/oauth/introspect"),
    none("POST", "/broker/oauth/token"),
    takes(
        "POST",
        "/events/api/checkout",
        r#"{"eventId": "evt_00000000000000000000000000", "tierId": "tier_00000000000000000000000000", "quantity": 1}"#,
        &[unreached("/quantity", Kind::Whole)],
    ),
    takes(
        "POST",
        "/events/api/events",
        EVENT,
        &[reckoned("/tiers/0/price", Kind::Money)],
    ),
    none("POST", "/events/api/events/{id}/fair/accept"),
    none("POST", "/events/api/events/{id}/pause"),
    none("POST", "/events/api/events/{id}/publish"),
    none("POST", "/events/api/orders/{id}/cancel"),
    takes(
        "POST",
        "/publisher/api/content",
        WORK,
        &[unreached("/price", Kind::Money)],
    ),
    none("PUT", "/publisher/api/content/{id}/bytes"),
    none("POST", "/publisher/api/content/{id}/publish"),
    none("POST", "/publisher/api/content/{id}/token"),
    none("POST", "/publisher/api/content/{id}/use"),
    takes(
        "POST",
        "/publisher/api/content/{id}/versions",
        WORK,
        &[unreached("/price", Kind::Money)],
    ),
    none("POST", "/publisher/api/content/{id}/withdraw"),
    takes(
        "POST",
        "/publisher/api/fair",
        r#"{
            "title": "A poem", "type": "text", "author": "{me}",
            "contributors": [{"did": "{me}", "role": "author", "share": 1}],
            "terms": {"read": {"price": "0.10", "currency": "TEST-USD"}}
        }"#,
        &[
            unreached("/terms/read/price", Kind::Text),
            unreached("/terms/read/currency", Kind::Currency),
        ],
    ),
    none("POST", "/publisher/api/fair/{id}/accept"),
    none("POST", "/publisher/api/fair/{id}/endorse"),
    none("POST", "/publisher/api/gates/{name}/policy"),
    none("POST", "/query/api/consent/compare"),
    none("POST", "/query/api/consent/disclosures"),
    none("POST", "/query/api/consent/grants"),
    none("POST", "/query/api/consent/log"),
    none("PUT", "/query/api/consent/profile"),
    none("POST", "/query/api/consent/records"),
    none("POST", "/query/api/consent/revocations"),
    none("POST", "/query/api/documents"),
    none("DELETE", "/query/api/documents/{id}"),
    none("POST", "/query/api/query"),
    none("POST", "/query/api/query/quote"),
    signed(
        Form::Message("query-terms"),
        takes(
            "PUT",
            "/query/api/query/terms",
            TERMS,
            &[
                unreached("/perAnswer", Kind::Money),
                reckoned("/perThousandTokens", Kind::Money),
                unreached("/ceiling", Kind::Money),
            ],
        ),
    ),
];
