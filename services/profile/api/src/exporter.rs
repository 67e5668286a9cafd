//! What the export of one's own data asks of services that profile does not know.
//!
//! Such a service knows profile already, so profile cannot know it as well. Both know this trait: the service answers
//! it, and the node says which services there are once they run.

use imajin_did::Did;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};
use serde_json::Value;

service_api! {
    /// What the export of one's own data asks of a service. The caller vouches for who reads the answer.
    pub trait ExporterApi, client ExporterClient, service "exporter" {
        /// Some of what the service keeps about somebody, the newest first.
        async fn export_page(ExportAsk) -> ExportPage;
    }
}

/// See [`ExporterApi::export_page`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportAsk {
    /// Whose.
    pub did: Did,
    /// The name of an [`ExportPart`] of the service.
    pub part: String,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most so many rows; a service may give fewer although there are more.
    pub limit: u32,
}

/// Some of what a service keeps about somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportPage {
    /// The rows. Of a part that is one value: the value, or none where there is nothing.
    pub rows: Vec<Value>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// A member of the exported document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportPart {
    /// What it is called in the document.
    pub name: &'static str,
    /// Whether it is one value; otherwise it is a list.
    pub is_single: bool,
}

impl ExportPart {
    /// A list.
    pub const fn list(name: &'static str) -> Self {
        Self { name, is_single: false }
    }

    /// One value.
    pub const fn single(name: &'static str) -> Self {
        Self { name, is_single: true }
    }
}

/// A service that keeps something about people, and what.
#[derive(Clone)]
pub struct Exporter {
    /// The service's name.
    pub service: &'static str,
    /// What it keeps, in the order of the document.
    pub parts: &'static [ExportPart],
    /// The way to it.
    pub client: ExporterClient,
}
