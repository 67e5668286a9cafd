//! Everything that a node keeps about its reader, as one JSON document.
//!
//! It is written page by page while it is sent, so its length costs no memory. What a service does not give is named in
//! `missing`, at the end: a reader sees that the document is incomplete instead of taking it for all there is.

mod parts;

use std::sync::Arc;

use axum::body::Bytes;
use futures::Stream;
use imajin_did::Did;
use imajin_kernel::Problem;
use serde::Serialize;
use serde_json::{Value, json};

use self::parts::{Member, Sources};
use crate::Profile;

/// The name and the version of the document's form.
const FORMAT: &str = "imajin-export";
const FORMAT_VERSION: u32 = 1;
/// So many rows of a kind are exported, the newest; more is said to be missing.
const ROWS_MAX: usize = 10_000;

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
    sources: Sources,
    members: Vec<Member>,
    step: Step,
    written: usize,
    missing: Vec<Missing>,
}

/// The document about `did`, in pieces.
pub(crate) fn export_stream(profile: Arc<Profile>, did: Did) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    let export = Export {
        members: Member::all(&profile),
        sources: Sources { profile, did },
        step: Step::Begin,
        written: 0,
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
        let site = &self.sources.profile.site;
        let head = json!({
            "format": FORMAT, "formatVersion": FORMAT_VERSION, "node": site.public.origin(),
            "did": self.sources.did, "exportedAt": site.env.now(),
        });
        // The object stays open: its last members are `data`, `missing` and `complete`.
        let head = head.to_string();
        format!("{},\"data\":{{", head.strip_suffix('}').unwrap_or(&head))
    }

    async fn first(&mut self, index: usize) -> String {
        let Some(part) = self.members.get(index).cloned() else {
            self.step = Step::End;
            return String::new();
        };
        self.step = Step::First(index + 1);
        let page = match self.sources.page(&part, None).await {
            Ok(page) => page,
            Err(problem) => {
                self.miss(&part, &problem.detail);
                return String::new();
            }
        };
        let comma = if self.written > 0 { "," } else { "" };
        self.written += 1;
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
        let Some(part) = self.members.get(index).cloned() else {
            return String::new();
        };
        if rows >= ROWS_MAX {
            self.miss(&part, &format!("Only the newest {rows} are here."));
            return "]".to_owned();
        }
        match self.sources.page(&part, Some(next)).await {
            Ok(page) => {
                let comma = if page.rows.is_empty() { "" } else { "," };
                let text = joined(&page.rows);
                let end = self.go_on(index, rows + page.rows.len(), page.next);
                format!("{comma}{text}{end}")
            }
            Err(problem) => {
                self.miss(&part, &format!("Only the newest {rows} are here. {}", problem.detail));
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

    fn miss(&mut self, part: &Member, reason: &str) {
        let (part, service) = part.names();
        tracing::warn!(part, service, "something is missing from an export");
        self.missing.push(Missing {
            part,
            service,
            reason: reason.to_owned(),
        });
    }
}

fn joined(rows: &[Value]) -> String {
    rows.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}
