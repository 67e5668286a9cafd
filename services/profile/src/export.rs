//! Everything that a node keeps about its reader, as one JSON document.
//!
//! It is written page by page while it is sent, so its length costs no memory. What a service does not give is named in
//! `missing`, at the end: a reader sees that the document is incomplete instead of taking it for all there is.

use std::sync::Arc;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::Stream;
use imajin_auth_api::{AccountExport, AttestationExport};
use imajin_connections_api::ConnectionsOwn;
use imajin_did::Did;
use imajin_events_api::{EventList, EventsClient, OrderList, TicketList};
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{BalanceList, PayClient, ReceiptList};
use imajin_publisher_api::{ManifestList, RecordFetch};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Profile;
use crate::domain::find;

/// The name and the version of the document's form.
const FORMAT: &str = "imajin-export";
const FORMAT_VERSION: u32 = 1;
/// So many rows are asked for at once.
const PAGE: u32 = 100;
/// So many rows of a kind are exported, the newest; more is said to be missing.
const ROWS_MAX: usize = 10_000;

/// A member of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Profile,
    Avatar,
    Account,
    AttestationsGiven,
    AttestationsReceived,
    Balances,
    Receipts,
    Events,
    Orders,
    Tickets,
    Manifests,
    Trust,
}

impl Part {
    const ALL: [Self; 12] = [
        Self::Profile,
        Self::Avatar,
        Self::Account,
        Self::AttestationsGiven,
        Self::AttestationsReceived,
        Self::Balances,
        Self::Receipts,
        Self::Events,
        Self::Orders,
        Self::Tickets,
        Self::Manifests,
        Self::Trust,
    ];

    /// Its name, and the service that keeps it.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Profile => ("profile", "profile"),
            Self::Avatar => ("avatar", "profile"),
            Self::Account => ("account", "auth"),
            Self::AttestationsGiven => ("attestationsGiven", "auth"),
            Self::AttestationsReceived => ("attestationsReceived", "auth"),
            Self::Balances => ("balances", "pay"),
            Self::Receipts => ("receipts", "pay"),
            Self::Events => ("events", "events"),
            Self::Orders => ("orders", "events"),
            Self::Tickets => ("tickets", "events"),
            Self::Manifests => ("manifests", "publisher"),
            Self::Trust => ("trust", "connections"),
        }
    }

    /// Whether it is one value; otherwise it is a list.
    const fn is_single(self) -> bool {
        matches!(self, Self::Profile | Self::Avatar | Self::Account | Self::Trust)
    }
}

/// Some of a list, and where it goes on.
struct Page {
    rows: Vec<Value>,
    next: Option<String>,
}

impl Page {
    fn single(value: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self {
            rows: vec![to_value(value)?],
            next: None,
        })
    }

    /// A page that goes on behind its last row, by that row's id, if it is full.
    fn of<T: Serialize>(rows: &[T], id: impl FnOnce(&T) -> String) -> Result<Self, Problem> {
        let full = rows.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
        Ok(Self {
            rows: rows.iter().map(to_value).collect::<Result<_, _>>()?,
            next: rows.last().filter(|_last| full).map(id),
        })
    }
}

/// Something that is not in the document.
#[derive(Serialize)]
struct Missing {
    part: &'static str,
    service: &'static str,
    reason: String,
}

/// Where the writing stands.
enum Step {
    Begin,
    First(usize),
    More { part: usize, rows: usize, next: String },
    End,
    Done,
}

struct Export {
    profile: Arc<Profile>,
    did: Did,
    step: Step,
    members: usize,
    missing: Vec<Missing>,
}

/// The document about `did`, in pieces.
pub(crate) fn export_stream(profile: Arc<Profile>, did: Did) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    let export = Export {
        profile,
        did,
        step: Step::Begin,
        members: 0,
        missing: Vec::new(),
    };
    futures::stream::unfold(export, |mut export| async move {
        let piece = export.piece().await?;
        Some((Ok(Bytes::from(piece)), export))
    })
}

impl Export {
    /// The next piece of text; `None` after the last.
    async fn piece(&mut self) -> Option<String> {
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::Begin => {
                self.step = Step::First(0);
                Some(self.head())
            }
            Step::First(index) => Some(self.first(index).await),
            Step::More { part, rows, next } => Some(self.more(part, rows, next).await),
            Step::End => {
                let missing = serde_json::to_string(&self.missing).unwrap_or_else(|_error| "[]".to_owned());
                Some(format!(
                    "}},\"missing\":{missing},\"complete\":{}}}\n",
                    self.missing.is_empty()
                ))
            }
            Step::Done => None,
        }
    }

    fn head(&self) -> String {
        let head = json!({
            "format": FORMAT, "formatVersion": FORMAT_VERSION, "node": self.profile.site.public.origin(),
            "did": self.did, "exportedAt": self.profile.site.env.now(),
        });
        // The object stays open: its last members are `data`, `missing` and `complete`.
        let head = head.to_string();
        format!("{},\"data\":{{", head.strip_suffix('}').unwrap_or(&head))
    }

    async fn first(&mut self, index: usize) -> String {
        let Some(part) = Part::ALL.get(index).copied() else {
            self.step = Step::End;
            return String::new();
        };
        self.step = Step::First(index + 1);
        let page = match self.page(part, None).await {
            Ok(page) => page,
            Err(problem) => {
                self.miss(part, &problem.detail);
                return String::new();
            }
        };
        let comma = if self.members > 0 { "," } else { "" };
        self.members += 1;
        let rows = joined(&page.rows);
        let (name, _service) = part.names();
        if part.is_single() {
            return format!("{comma}\"{name}\":{rows}");
        }
        let end = self.go_on(index, page.rows.len(), page.next);
        format!("{comma}\"{name}\":[{rows}{end}")
    }

    async fn more(&mut self, index: usize, rows: usize, next: String) -> String {
        self.step = Step::First(index + 1);
        let Some(part) = Part::ALL.get(index).copied() else {
            return String::new();
        };
        if rows >= ROWS_MAX {
            self.miss(part, &format!("Only the newest {rows} are here."));
            return "]".to_owned();
        }
        match self.page(part, Some(next)).await {
            Ok(page) => {
                let comma = if page.rows.is_empty() { "" } else { "," };
                let text = joined(&page.rows);
                let end = self.go_on(index, rows + page.rows.len(), page.next);
                format!("{comma}{text}{end}")
            }
            Err(problem) => {
                self.miss(part, &format!("Only the newest {rows} are here. {}", problem.detail));
                "]".to_owned()
            }
        }
    }

    /// Ends a list, or says where it goes on.
    fn go_on(&mut self, part: usize, rows: usize, next: Option<String>) -> &'static str {
        match next {
            Some(next) => {
                self.step = Step::More { part, rows, next };
                ""
            }
            None => "]",
        }
    }

    fn miss(&mut self, part: Part, reason: &str) {
        let (part, service) = part.names();
        tracing::warn!(part, service, "something is missing from an export");
        self.missing.push(Missing {
            part,
            service,
            reason: reason.to_owned(),
        });
    }

    async fn page(&self, part: Part, next: Option<String>) -> Result<Page, Problem> {
        let owner = self.did.clone();
        match part {
            Part::Profile => Page::single(&self.profile.own(&self.did).await?),
            Part::Avatar => self.avatar().await,
            Part::Account => Page::single(&self.profile.auth.account_export(AccountExport { did: owner }).await?),
            Part::AttestationsGiven | Part::AttestationsReceived => {
                let given = part == Part::AttestationsGiven;
                self.attestations(owner, given, next).await
            }
            Part::Balances => {
                let balances = self.pay()?.balance_list(BalanceList { owner }).await?;
                Ok(Page {
                    next: None,
                    ..Page::of(&balances, |_| String::new())?
                })
            }
            Part::Receipts => {
                let list = ReceiptList {
                    owner: Some(owner),
                    before: id_of(next)?,
                    limit: PAGE,
                };
                let receipts = self.pay()?.receipt_list(list).await?;
                Page::of(&receipts, |receipt| receipt.message.payload.id.to_string())
            }
            Part::Events => {
                let list = EventList {
                    owner: Some(owner),
                    limit: Some(PAGE),
                    cursor: next,
                };
                let page = self.events()?.event_list(list).await?;
                Ok(Page {
                    next: page.cursor.clone(),
                    ..Page::of(&page.events, |_| String::new())?
                })
            }
            Part::Orders => {
                let list = OrderList {
                    owner,
                    before: id_of(next)?,
                    limit: PAGE,
                };
                let orders = self.events()?.order_list(list).await?;
                Page::of(&orders, |order| order.id.to_string())
            }
            Part::Tickets => {
                let list = TicketList {
                    owner,
                    event: None,
                    before: id_of(next)?,
                    limit: PAGE,
                };
                let tickets = self.events()?.ticket_list(list).await?;
                Page::of(&tickets, |ticket| ticket.id.to_string())
            }
            Part::Manifests => self.manifests(owner, next).await,
            Part::Trust => match &self.profile.trust {
                Some(trust) => Page::single(&trust.trust_export(ConnectionsOwn { did: owner }).await?),
                None => Page::single(&Value::Null),
            },
        }
    }

    /// What somebody has published, with what others signed about it.
    async fn manifests(&self, author: Did, cursor: Option<String>) -> Result<Page, Problem> {
        let (mut rows, mut next) = (Vec::new(), None);
        if let Some(publisher) = &self.profile.publisher {
            let list = ManifestList {
                author,
                limit: Some(PAGE),
                cursor,
            };
            let page = publisher.manifest_list(list).await?;
            for card in page.manifests {
                let record = publisher.record_fetch(RecordFetch { id: card.id }).await?;
                rows.push(to_value(&record)?);
            }
            next = page.cursor;
        }
        Ok(Page { rows, next })
    }

    async fn attestations(&self, did: Did, given: bool, cursor: Option<String>) -> Result<Page, Problem> {
        let export = AttestationExport {
            did,
            given,
            cursor,
            limit: PAGE,
        };
        let page = self.profile.auth.attestation_export(export).await?;
        Ok(Page {
            next: page.cursor.clone(),
            ..Page::of(&page.attestations, |_| String::new())?
        })
    }

    async fn avatar(&self) -> Result<Page, Problem> {
        let did = self.did.clone();
        let row = self
            .profile
            .read(move |conn, context| find::avatar_of(conn, context, &did))
            .await?;
        let picture = row.map(|row| {
            json!({
                "mediaType": "image/jpeg", "sha256": row.hash, "createdAt": row.created_at,
                "image": STANDARD.encode(&row.large),
            })
        });
        Page::single(&picture)
    }

    fn pay(&self) -> Result<&PayClient, Problem> {
        self.profile.pay.as_ref().ok_or_else(|| unknown("pay"))
    }

    fn events(&self) -> Result<&EventsClient, Problem> {
        self.profile.events.as_ref().ok_or_else(|| unknown("events"))
    }
}

fn unknown(service: &str) -> Problem {
    Problem::new(Code::Unavailable, format!("This node knows no service `{service}`."))
}

fn id_of<T: std::str::FromStr>(next: Option<String>) -> Result<Option<T>, Problem> {
    let parsed = next.map(|next| next.parse()).transpose();
    parsed.map_err(|_error| Problem::internal())
}

fn to_value(value: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| {
        tracing::error!(%error, "a part of an export could not be written");
        Problem::internal()
    })
}

fn joined(rows: &[Value]) -> String {
    rows.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}
