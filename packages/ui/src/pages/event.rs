//! `/events/{id}`: one event, its tickets, and who gets what of the price.

use askama::Template;

use crate::{MoneyText, Shell, When};

/// The page of one event.
///
/// The buy form posts `tierId`, `quantity`, `token` and `idempotencyKey` to `/events/{id}/buy`. For a viewer whose
/// key is in the browser, `buy.js` sends a signed `POST /events/api/checkout` instead.
#[derive(Debug, Clone, Template)]
#[template(path = "event.html")]
pub struct EventPage {
    /// The frame.
    pub shell: Shell,
    /// The event.
    pub event: EventDetail,
    /// Whether it can be bought.
    pub state: EventState,
    /// Its kinds of ticket, in the seller's order.
    pub tiers: Vec<TierRow>,
    /// Who gets what of the price.
    pub split: SplitView,
    /// Anti-forgery token of the plain form; may be empty where the server checks the origin instead.
    pub form_token: String,
    /// Makes a form that is sent twice one order; a new one for each rendering.
    pub idempotency_key: String,
}

/// What an event is.
#[derive(Debug, Clone, Default)]
pub struct EventDetail {
    /// Identifier, for links.
    pub id: String,
    /// The event's own DID: signs the tickets.
    pub did: String,
    /// Title.
    pub title: String,
    /// Start.
    pub starts: When,
    /// End, if known.
    pub ends: Option<When>,
    /// Venue, or "Online".
    pub place: String,
    /// Street and town, if any.
    pub address: Option<String>,
    /// Where it happens on the net, if it does.
    pub virtual_url: Option<String>,
    /// Whether only a ticket says where that is.
    pub is_joined_by_ticket: bool,
    /// Plain text; an empty line parts paragraphs.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Name of who puts it on.
    pub host_name: String,
    /// DID of who puts it on.
    pub host_did: String,
    /// What happens when somebody cannot come; plain text.
    pub refund_policy: Option<String>,
}

/// Whether an event can be bought.
#[derive(Debug, Clone, Default)]
pub enum EventState {
    /// Only the host sees it.
    Draft,
    /// At least one tier is on sale.
    #[default]
    OnSale,
    /// Sales start later; when, if it is known.
    NotOpen(Option<When>),
    /// The host has stopped sales for now.
    Paused,
    /// No place is left.
    SoldOut,
    /// It does not take place.
    Cancelled,
    /// It is over.
    Completed,
}

impl EventState {
    /// Whether the buy form is shown.
    pub fn is_on_sale(&self) -> bool {
        matches!(self, Self::OnSale)
    }

    /// The state as a word for tests and scripts: the `data-state` of the page's main part.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::OnSale => "on-sale",
            Self::NotOpen(_) => "not-open",
            Self::Paused => "paused",
            Self::SoldOut => "sold-out",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }

    /// The state in a word or two.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::OnSale => "On sale",
            Self::NotOpen(_) => "Not on sale yet",
            Self::Paused => "Sales paused",
            Self::SoldOut => "Sold out",
            Self::Cancelled => "Cancelled",
            Self::Completed => "Over",
        }
    }

    /// What it means for somebody who wants to come.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Draft => "Only you can see this page until the event is published.",
            Self::OnSale => "Tickets are on sale.",
            Self::NotOpen(_) => "Sales have not started.",
            Self::Paused => "The host has stopped sales for now. Tickets that were sold stay valid.",
            Self::SoldOut => {
                "Every place is taken. Places that are reserved and not paid for come back within minutes."
            }
            Self::Cancelled => "This event does not take place. Everybody who paid gets the money back.",
            Self::Completed => "This event is over.",
        }
    }

    /// Colour of the state: `good`, `warn`, `bad` or `calm`.
    pub fn tone(&self) -> &'static str {
        match self {
            Self::OnSale => "good",
            Self::NotOpen(_) | Self::Paused => "warn",
            Self::Cancelled => "bad",
            Self::SoldOut | Self::Draft | Self::Completed => "calm",
        }
    }

    /// When sales start, if that is what is being waited for.
    pub fn opens(&self) -> Option<&When> {
        match self {
            Self::NotOpen(opens) => opens.as_ref(),
            _ => None,
        }
    }
}

/// A kind of ticket.
#[derive(Debug, Clone, Default)]
pub struct TierRow {
    /// Identifier: what the form posts as `tierId`.
    pub id: String,
    /// Name, such as "Standing".
    pub name: String,
    /// One sentence, if any.
    pub description: Option<String>,
    /// Price of one place.
    pub price: MoneyText,
    /// What comes with it.
    pub perks: Vec<String>,
    /// Places left; `None` when unlimited.
    pub places_left: Option<u32>,
    /// Most places in one order.
    pub order_limit: u32,
    /// Whether it can be bought.
    pub state: TierState,
}

impl TierRow {
    /// Most places that one order can have now; at least 1, for the input's bound.
    pub fn quantity_max(&self) -> u32 {
        self.order_limit.min(self.places_left.unwrap_or(u32::MAX)).max(1)
    }

    /// How many places are left, in words.
    pub fn places_text(&self) -> String {
        match (&self.state, self.places_left) {
            (TierState::SoldOut, _) | (_, Some(0)) => "Sold out".to_owned(),
            (TierState::Closed, _) => "Sales have ended".to_owned(),
            (TierState::NotOpen(_), _) => "Not on sale yet".to_owned(),
            (TierState::OnSale, None) => "Places left".to_owned(),
            (TierState::OnSale, Some(1)) => "Last place".to_owned(),
            (TierState::OnSale, Some(left)) => format!("{left} places left"),
        }
    }

    /// Whether it can be chosen in the form.
    pub fn is_on_sale(&self) -> bool {
        matches!(self.state, TierState::OnSale) && self.places_left != Some(0)
    }

    /// When its sales start, if they have not.
    pub fn opens(&self) -> Option<&When> {
        match &self.state {
            TierState::NotOpen(opens) => Some(opens),
            _ => None,
        }
    }
}

/// Whether a tier can be bought.
#[derive(Debug, Clone, Default)]
pub enum TierState {
    /// Yes.
    #[default]
    OnSale,
    /// From then on.
    NotOpen(When),
    /// Its sales window has passed.
    Closed,
    /// No place is left.
    SoldOut,
}

impl EventPage {
    /// The tier that is chosen when the page opens: the first that can be bought.
    pub fn first_tier(&self) -> &str {
        self.tiers
            .iter()
            .find(|tier| tier.is_on_sale())
            .map_or("", |tier| tier.id.as_str())
    }

    /// Most places that one order of any tier can have; the server checks the chosen tier's own limit.
    pub fn quantity_max(&self) -> u32 {
        self.tiers
            .iter()
            .filter(|tier| tier.is_on_sale())
            .map(TierRow::quantity_max)
            .max()
            .unwrap_or(1)
    }

    /// The description, paragraph by paragraph.
    pub fn paragraphs(&self) -> Vec<&str> {
        self.event
            .description
            .split("\n\n")
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .collect()
    }
}

/// The split of a `.fair` manifest, before anything was paid.
#[derive(Debug, Clone, Default)]
pub struct SplitView {
    /// Identifier of the manifest; empty when the event has none.
    pub manifest_id: String,
    /// Where the signed manifest can be read.
    pub manifest_url: String,
    /// Who signed the manifest.
    pub signed_by: String,
    /// The shares, in the manifest's order.
    pub parts: Vec<SplitPart>,
}

impl SplitView {
    /// Whether every payee has countersigned: nothing will be held.
    pub fn all_accepted(&self) -> bool {
        self.parts.iter().all(|part| part.accepted)
    }

    /// The shares as rectangles of a bar that is 1000 wide, with gaps between them.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let total = self
            .parts
            .iter()
            .map(|part| u64::from(part.share_millionths))
            .sum::<u64>()
            .max(1);
        let mut end = 0_u64;
        let mut bars = Vec::with_capacity(self.parts.len());
        for (index, part) in self.parts.iter().enumerate() {
            let start = end;
            end += u64::from(part.share_millionths);
            let (left, right) = (start * BAR_WIDTH / total, end * BAR_WIDTH / total);
            let gap = if right - left > 2 * BAR_GAP { BAR_GAP } else { 0 };
            bars.push(Bar {
                x: left,
                width: (right - left - gap).max(1),
                color: index % 6,
                held: !part.accepted,
            });
        }
        bars
    }
}

const BAR_WIDTH: u64 = 1000;
const BAR_GAP: u64 = 4;

/// One rectangle of the bar.
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    pub(crate) color: usize,
    pub(crate) held: bool,
}

/// One share of a manifest.
#[derive(Debug, Clone, Default)]
pub struct SplitPart {
    /// Name of the payee, or title of the other manifest that the share goes to.
    pub name: String,
    /// DID of the payee, or identifier of the other manifest, cut in the middle for reading.
    pub short_id: String,
    /// What they did, such as "artist".
    pub role: String,
    /// Such as `70 %`.
    pub percent: String,
    /// The same in millionths, for the picture's proportions.
    pub share_millionths: u32,
    /// Whether the payee has countersigned. If not, the share is held until they do.
    pub accepted: bool,
    /// Whether the share goes to another manifest and follows that one's split.
    pub is_manifest: bool,
}
