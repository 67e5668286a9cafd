use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::EventStatus;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_kernel::id::EventId;
use imajin_store::sealed_row;
use serde::Serialize;

use super::json_read;
use crate::EventsError;
use crate::schema::events;

/// An event. Its private key is sealed under the master key with the label [`EventRow::key_label`].
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = events, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct EventRow {
    pub(crate) id: EventId,
    pub(crate) did: Did,
    pub(crate) owner_did: Did,
    pub(crate) status: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) timezone: String,
    pub(crate) venue: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) virtual_url: Option<String>,
    /// A JSON list of strings.
    pub(crate) tags: String,
    pub(crate) refund_policy: Option<String>,
    pub(crate) manifest_id: String,
    /// The manifest as its author signed it.
    pub(crate) manifest: String,
    pub(crate) sealed_key: Vec<u8>,
    /// What authorised the latest change, see [`crate::log::proof_text`].
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(EventRow, events, "events", key = (id));

/// The column's text.
pub(crate) const fn status_text(status: EventStatus) -> &'static str {
    match status {
        EventStatus::Draft => "draft",
        EventStatus::Published => "published",
        EventStatus::Paused => "paused",
        EventStatus::Cancelled => "cancelled",
        EventStatus::Completed => "completed",
    }
}

impl EventRow {
    /// Binds the sealed key to this event.
    pub(crate) fn key_label(id: EventId) -> String {
        format!("event/{id}")
    }

    /// The status as it was set.
    pub(crate) fn status_set(&self) -> Result<EventStatus, EventsError> {
        let all = [
            EventStatus::Draft,
            EventStatus::Published,
            EventStatus::Paused,
            EventStatus::Cancelled,
            EventStatus::Completed,
        ];
        all.into_iter()
            .find(|status| status_text(*status) == self.status)
            .ok_or_else(|| EventsError::damaged("events", &self.id, "its status is unknown"))
    }

    /// The status as it is at `now`: what was on sale is completed once it is over.
    pub(crate) fn status_at(&self, now: Timestamp) -> Result<EventStatus, EventsError> {
        Ok(match self.status_set()? {
            EventStatus::Published | EventStatus::Paused if self.ends_at <= now => EventStatus::Completed,
            status => status,
        })
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> Result<Manifest, EventsError> {
        Manifest::parse(self.manifest.as_bytes())
            .map_err(|_error| EventsError::damaged("events", &self.id, "its manifest cannot be read"))
    }

    /// The tags.
    pub(crate) fn tags(&self) -> Result<Vec<String>, EventsError> {
        json_read("events", &self.id, &self.tags)
    }

    /// Refuses everybody but the owner. A draft does not even exist for the others.
    pub(crate) fn owner_require(&self, caller: &Did) -> Result<(), EventsError> {
        if self.owner_did == *caller {
            return Ok(());
        }
        Err(match self.status_set()? {
            EventStatus::Draft => EventsError::NotFound("event"),
            _ => EventsError::NotOwner,
        })
    }
}
