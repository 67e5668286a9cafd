//! From what a caller sends to what may be stored: every limit on an event is in this file.

use std::collections::BTreeSet;

use imajin_events_api::{EventCreate, TierCreate};
use imajin_fair::Manifest;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Money;
use url::Url;

use super::text::{line, lines, optional_line, paragraphs};
use crate::EventsError;

const TITLE_LENGTH_MAX: usize = 200;
const DESCRIPTION_LENGTH_MAX: usize = 10_000;
const PLACE_LENGTH_MAX: usize = 200;
const ADDRESS_LENGTH_MAX: usize = 400;
const URL_LENGTH_MAX: usize = 500;
const TAGS_MAX: usize = 20;
const TAG_LENGTH_MAX: usize = 40;
const REFUND_POLICY_LENGTH_MAX: usize = 2_000;
const TIERS_MAX: usize = 50;
const TIER_NAME_LENGTH_MAX: usize = 80;
const TIER_DESCRIPTION_LENGTH_MAX: usize = 1_000;
const PERKS_MAX: usize = 20;
const PERK_LENGTH_MAX: usize = 120;
const PLACES_MAX: u32 = 1_000_000;
const PER_ORDER_LIMIT_MAX: u32 = 20;
const PER_ORDER_LIMIT_DEFAULT: u32 = 10;
const CONTRIBUTORS_MAX: usize = 100;
/// The longest event. The list of what is coming relies on it to leave out what is long over.
pub(crate) const DURATION_MAX: Span = Span::days(92);
const AHEAD_MAX: Span = Span::days(3_660);

/// A new event with everything checked and in the form in which it is stored.
#[derive(Debug, Clone)]
pub(crate) struct EventDraft {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) timezone: String,
    pub(crate) venue: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) virtual_url: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) tiers: Vec<TierDraft>,
    pub(crate) manifest: Manifest,
    pub(crate) refund_policy: Option<String>,
}

/// A tier of a new event.
#[derive(Debug, Clone)]
pub(crate) struct TierDraft {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Money,
    pub(crate) quantity: Option<u32>,
    pub(crate) perks: Vec<String>,
    pub(crate) sales_start: Option<Timestamp>,
    pub(crate) sales_end: Option<Timestamp>,
    pub(crate) per_order_limit: u32,
}

impl EventDraft {
    /// Checks everything that does not depend on the time or on keys. The same body always gives the same draft: the
    /// audit compares the stored rows with it.
    pub(crate) fn of(body: EventCreate) -> Result<Self, EventsError> {
        let ends_at = body.ends_at;
        manifest_check(&body.manifest)?;
        Ok(Self {
            title: line("title", &body.title, 1, TITLE_LENGTH_MAX)?,
            description: paragraphs("description", &body.description, DESCRIPTION_LENGTH_MAX)?,
            starts_at: body.starts_at,
            ends_at,
            timezone: timezone(&body.timezone)?,
            venue: optional_line("venue", body.venue.as_deref(), PLACE_LENGTH_MAX)?,
            address: optional_line("address", body.address.as_deref(), ADDRESS_LENGTH_MAX)?,
            virtual_url: virtual_url(body.virtual_url.as_deref())?,
            tags: lines("tags", &body.tags, TAGS_MAX, TAG_LENGTH_MAX)?,
            tiers: tiers(&body.tiers, ends_at)?,
            manifest: body.manifest,
            refund_policy: body
                .refund_policy
                .map(|text| paragraphs("refundPolicy", &text, REFUND_POLICY_LENGTH_MAX))
                .transpose()?
                .filter(|text| !text.is_empty()),
        })
    }

    /// Checks the times against each other and against now.
    pub(crate) fn times_check(&self, now: Timestamp) -> Result<(), EventsError> {
        if self.ends_at <= self.starts_at {
            return Err(EventsError::invalid("endsAt", "must be after startsAt"));
        }
        if self.ends_at.since(self.starts_at) > DURATION_MAX {
            return Err(EventsError::invalid("endsAt", "must be at most 92 days after startsAt"));
        }
        if self.ends_at <= now {
            return Err(EventsError::invalid("endsAt", "is in the past"));
        }
        if self.starts_at.since(now) > AHEAD_MAX {
            return Err(EventsError::invalid("startsAt", "is more than ten years ahead"));
        }
        Ok(())
    }
}

fn timezone(name: &str) -> Result<String, EventsError> {
    let unknown = || EventsError::invalid("timezone", "is not an IANA time zone, for example Europe/Berlin");
    let zone = jiff::tz::db().get(name.trim()).map_err(|_error| unknown())?;
    zone.iana_name().map(str::to_owned).ok_or_else(unknown)
}

fn virtual_url(text: Option<&str>) -> Result<Option<String>, EventsError> {
    let Some(text) = optional_line("virtualUrl", text, URL_LENGTH_MAX)? else {
        return Ok(None);
    };
    let is_web = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_web {
        return Ok(Some(text));
    }
    Err(EventsError::invalid("virtualUrl", "must be an http or https URL"))
}

fn tiers(tiers: &[TierCreate], ends_at: Timestamp) -> Result<Vec<TierDraft>, EventsError> {
    if tiers.is_empty() || tiers.len() > TIERS_MAX {
        return Err(EventsError::invalid(
            "tiers",
            format!("must have 1 to {TIERS_MAX} entries"),
        ));
    }
    let mut names = BTreeSet::new();
    let mut drafts = Vec::with_capacity(tiers.len());
    for (index, tier) in tiers.iter().enumerate() {
        let draft = TierDraft::of(&format!("tiers[{index}]"), tier, ends_at)?;
        if !names.insert(draft.name.to_lowercase()) {
            let member = format!("tiers[{index}].name");
            return Err(EventsError::invalid(
                member,
                "is the name of another tier of this event",
            ));
        }
        drafts.push(draft);
    }
    Ok(drafts)
}

impl TierDraft {
    fn of(path: &str, tier: &TierCreate, ends_at: Timestamp) -> Result<Self, EventsError> {
        let at = |member: &str| format!("{path}.{member}");
        let per_order_limit = tier.per_order_limit.unwrap_or(PER_ORDER_LIMIT_DEFAULT);
        if !(1..=PER_ORDER_LIMIT_MAX).contains(&per_order_limit) {
            return Err(EventsError::invalid(
                at("perOrderLimit"),
                format!("must be 1 to {PER_ORDER_LIMIT_MAX}"),
            ));
        }
        if tier
            .quantity
            .is_some_and(|quantity| !(1..=PLACES_MAX).contains(&quantity))
        {
            let problem = format!("must be 1 to {PLACES_MAX}, or left out for unlimited");
            return Err(EventsError::invalid(at("quantity"), problem));
        }
        price_check(&at("price"), tier.price)?;
        if tier.sales_end.is_some_and(|end| end > ends_at) {
            return Err(EventsError::invalid(
                at("salesEnd"),
                "must not be after the event's end",
            ));
        }
        let end = tier.sales_end.unwrap_or(ends_at);
        if tier.sales_start.is_some_and(|start| start >= end) {
            return Err(EventsError::invalid(
                at("salesStart"),
                "must be before the end of the sale",
            ));
        }
        Ok(Self {
            name: line(&at("name"), &tier.name, 1, TIER_NAME_LENGTH_MAX)?,
            description: paragraphs(&at("description"), &tier.description, TIER_DESCRIPTION_LENGTH_MAX)?,
            price: tier.price,
            quantity: tier.quantity,
            perks: lines(&at("perks"), &tier.perks, PERKS_MAX, PERK_LENGTH_MAX)?,
            sales_start: tier.sales_start,
            sales_end: tier.sales_end,
            per_order_limit,
        })
    }
}

/// A price can be paid by any rail: in whole minor units, and small enough for every sum of it. A ticket that costs
/// nothing is had without a payment.
fn price_check(member: &str, price: Money) -> Result<(), EventsError> {
    let digits = price.asset.scale().saturating_sub(price.asset.minor_digits());
    let unit = 10_i64.checked_pow(digits).unwrap_or(i64::MAX);
    if price.amount.micros() % unit != 0 {
        let problem = format!(
            "must have at most {} decimal places in {}",
            price.asset.minor_digits(),
            price.asset
        );
        return Err(EventsError::invalid(member, problem));
    }
    price
        .checked_mul(PLACES_MAX)
        .map_err(|_error| EventsError::invalid(member, "is too high"))?;
    Ok(())
}

fn manifest_check(manifest: &Manifest) -> Result<(), EventsError> {
    if manifest.kind.as_deref() != Some("event") {
        return Err(EventsError::invalid("manifest.type", "must be event"));
    }
    if manifest.author.is_none() {
        return Err(EventsError::invalid("manifest.author", "must be the caller's DID"));
    }
    if manifest.contributors.len() > CONTRIBUTORS_MAX {
        let problem = format!("must have at most {CONTRIBUTORS_MAX} entries");
        return Err(EventsError::invalid("manifest.contributors", problem));
    }
    if manifest.computed_id()? != manifest.id {
        return Err(EventsError::invalid(
            "manifest.id",
            "must be the id that the manifest's content gives",
        ));
    }
    Ok(())
}
