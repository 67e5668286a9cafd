use imajin_store::sealed_column;
use imajin_store::vault::SealedColumn;

use crate::rows::EventRow;
use crate::schema::events;

/// Where events keeps secrets under the node's seal.
pub const SEALED_COLUMNS: [SealedColumn; 1] = [sealed_column!(
    EventRow,
    events,
    "events",
    sealed_key,
    order = id,
    holds = "the keys of events",
    label = |row| EventRow::key_label(row.id),
)];
