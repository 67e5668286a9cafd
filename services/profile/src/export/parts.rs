//! What the exported document is made of, and who is asked for it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imajin_auth_api::{AccountExport, AttestationExport};
use imajin_connections_api::ConnectionsOwn;
use imajin_did::Did;
use imajin_events_api::{EventList, EventsClient, OrderList, TicketList};
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{BalanceList, PayClient, ReceiptList};
use imajin_profile_api::{ExportAsk, ExportPart, Exporter};
use imajin_publisher_api::{ManifestList, RecordFetch};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Profile;
use crate::domain::find;

/// So many rows are asked for at once.
const PAGE: u32 = 100;

/// A member of the document.
#[derive(Clone)]
pub(super) enum Member {
    /// One that profile asks a service for that it knows.
    Known(Part),
    /// One of a service that has named itself.
    Told(Exporter, ExportPart),
}

impl Member {
    /// All of them, in their order.
    pub(super) fn all(profile: &Profile) -> Vec<Self> {
        let told = profile.exporters().into_iter().flat_map(|exporter| {
            let parts = exporter.parts.iter();
            parts.map(move |part| Self::Told(exporter.clone(), *part))
        });
        Part::ALL.into_iter().map(Self::Known).chain(told).collect()
    }

    /// Its name, and the service that keeps it.
    pub(super) const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Known(part) => part.names(),
            Self::Told(exporter, part) => (part.name, exporter.service),
        }
    }

    /// Whether it is one value; otherwise it is a list.
    pub(super) const fn is_single(&self) -> bool {
        match self {
            Self::Known(part) => part.is_single(),
            Self::Told(_, part) => part.is_single,
        }
    }
}

/// What profile asks services for that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
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
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    pub(super) next: Option<String>,
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

/// Asks for what the document is made of.
pub(super) struct Sources {
    pub(super) profile: Arc<Profile>,
    pub(super) did: Did,
}

impl Sources {
    /// Some of a member, from where the last page ended.
    pub(super) async fn page(&self, member: &Member, next: Option<String>) -> Result<Page, Problem> {
        match member {
            Member::Known(part) => self.known(*part, next).await,
            Member::Told(exporter, part) => self.told(exporter, part, next).await,
        }
    }

    async fn told(&self, exporter: &Exporter, part: &ExportPart, cursor: Option<String>) -> Result<Page, Problem> {
        let ask = ExportAsk {
            did: self.did.clone(),
            part: part.name.to_owned(),
            cursor,
            limit: PAGE,
        };
        let mut page = exporter.client.export_page(ask).await?;
        if part.is_single && page.rows.is_empty() {
            page.rows.push(Value::Null);
        }
        Ok(Page {
            // A page without rows is the last: a list ends, whatever a service says.
            next: page.next.filter(|_| !page.rows.is_empty()),
            rows: page.rows,
        })
    }

    async fn known(&self, part: Part, next: Option<String>) -> Result<Page, Problem> {
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
