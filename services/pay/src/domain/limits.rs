//! Limits of accounts, set by the operator and kept by the ledger.

use imajin_did::Did;
use imajin_ledger::{AccountKey, LimitedAccount, Limits, Owner, Purpose, account_list, limited_page, limits_fetch};
use imajin_money::{Amount, Asset, Money};
use imajin_store::Conn;
use imajin_web::{Authorised, OperatorTier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lists::PAGE_MAX;
use crate::PayError;
use crate::context::Context;

/// The action in the mutation log.
pub(crate) const LIMITS_SET: &str = "limits.set";

/// How the limits of an account are called in the mutation log.
pub(crate) fn limits_object(account: &str) -> String {
    format!("limits/{account}")
}

/// Limits that are asked for: all of them at once, and what is not said is not limited.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LimitsWish {
    /// A DID, whose `available` account it is, or `rail:<name>`.
    pub(crate) owner: String,
    /// What the account counts.
    pub(crate) currency: String,
    /// What must stay, as a decimal number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) balance_min: Option<String>,
    /// What it may come to. `0` for a rail: no more goes out through it than came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) balance_max: Option<String>,
    /// What may leave at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry_max: Option<String>,
    /// What may leave in a day, counted in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day_max: Option<String>,
}

impl LimitsWish {
    /// The account that is meant.
    pub(crate) fn account(&self) -> Result<AccountKey, PayError> {
        let asset: Asset = self
            .currency
            .parse()
            .map_err(|error: imajin_money::AssetError| PayError::invalid("currency", error.to_string()))?;
        let owner: Owner = self
            .owner
            .parse()
            .map_err(|_unknown| PayError::invalid("owner", "must be a DID, node, or rail:<name>"))?;
        Ok(match owner {
            Owner::Did(did) => AccountKey::of(&did, asset, Purpose::Available),
            Owner::Node => AccountKey::new(owner, asset, Purpose::Available),
            Owner::Rail(_) => AccountKey::new(owner, asset, Purpose::Settlement),
        })
    }

    /// What is asked for, in units of the asset.
    pub(crate) fn limits(&self, asset: Asset) -> Result<Limits, PayError> {
        let units = |member: &str, text: &Option<String>| -> Result<Option<i64>, PayError> {
            let Some(text) = text else { return Ok(None) };
            let money: Result<Money, _> = format!("{text} {asset}").parse();
            let wrong = |_unreadable| {
                PayError::invalid(
                    member,
                    format!("must be an amount of {asset} as a decimal number, like 10.00"),
                )
            };
            Ok(Some(money.map_err(wrong)?.amount.micros()))
        };
        Ok(Limits {
            balance_min: units("balanceMin", &self.balance_min)?,
            balance_max: units("balanceMax", &self.balance_max)?,
            entry_max: units("entryMax", &self.entry_max)?,
            day_max: units("dayMax", &self.day_max)?,
        })
    }
}

/// An account with its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitsView {
    /// The account's identifier: where the next page of a list starts.
    pub(crate) account: String,
    /// Whose it is.
    pub(crate) owner: String,
    /// What its money is for.
    pub(crate) purpose: String,
    /// What it counts.
    pub(crate) currency: String,
    /// What must stay.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) balance_min: Option<String>,
    /// What it may come to.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) balance_max: Option<String>,
    /// What may leave at once.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry_max: Option<String>,
    /// What may leave in a day, counted in UTC.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day_max: Option<String>,
    /// What has left today; only where a day has a limit.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day_out: Option<String>,
}

fn decimal(units: i64, asset: Asset) -> String {
    Money::new(Amount::from_micros(units).unwrap_or(Amount::ZERO), asset).decimal()
}

impl LimitsView {
    pub(crate) fn of(key: &AccountKey, limits: Limits, day_out: Option<i64>) -> Self {
        let text = |units: Option<i64>| units.map(|units| decimal(units, key.asset));
        Self {
            account: key.id().to_string(),
            owner: key.owner.to_string(),
            purpose: key.purpose.to_string(),
            currency: key.asset.to_string(),
            balance_min: text(limits.balance_min),
            balance_max: text(limits.balance_max),
            entry_max: text(limits.entry_max),
            day_max: text(limits.day_max),
            day_out: text(day_out.filter(|_| limits.day_max.is_some())),
        }
    }

    fn of_limited(limited: &LimitedAccount) -> Self {
        let day_out = limited.day_out.amount.micros();
        Self::of(&limited.account.key, limited.account.limits, Some(day_out))
    }

    /// In words, for a page and a terminal; empty without limits.
    pub(crate) fn text(&self) -> String {
        let currency = &self.currency;
        let left = self
            .day_out
            .as_ref()
            .map(|units| format!(", {units} today"))
            .unwrap_or_default();
        let parts = [
            self.balance_min
                .as_ref()
                .map(|units| format!("keeps {units} {currency}")),
            self.balance_max
                .as_ref()
                .map(|units| format!("at most {units} {currency} in it")),
            self.entry_max
                .as_ref()
                .map(|units| format!("at most {units} {currency} out at once")),
            self.day_max
                .as_ref()
                .map(|units| format!("at most {units} {currency} out a day{left}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Sets the limits of an account; the answer says what holds now.
pub(crate) fn limits_set(
    conn: &mut Conn,
    context: &Context,
    verified: &Authorised<OperatorTier>,
    wish: &LimitsWish,
    body: &[u8],
) -> Result<LimitsView, PayError> {
    let key = wish.account()?;
    let limits = wish.limits(key.asset)?;
    context.ledger.limits_set(conn, &key, limits)??;
    context.signed_append(conn, verified, LIMITS_SET, &limits_object(&key.id().to_string()), body)?;
    let set = limits_of(conn, context, &key)?;
    Ok(set.unwrap_or_else(|| LimitsView::of(&key, limits, None)))
}

/// The limits of an account, if it has any.
pub(crate) fn limits_of(conn: &mut Conn, context: &Context, key: &AccountKey) -> Result<Option<LimitsView>, PayError> {
    let limited = limits_fetch(conn, &context.sealer, context.now(), key)?;
    Ok(limited.as_ref().map(LimitsView::of_limited))
}

/// What is limited of somebody's.
pub(crate) fn limits_of_owner(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<LimitsView>, PayError> {
    let accounts = account_list(conn, &context.sealer, &Owner::Did(owner.canonical()))?;
    let mut limited = Vec::new();
    for account in accounts
        .iter()
        .filter(|account| account.key.purpose == Purpose::Available)
    {
        limited.extend(limits_of(conn, context, &account.key)?);
    }
    Ok(limited)
}

/// Accounts that have limits, by identifier.
pub(crate) fn limits_list(conn: &mut Conn, context: &Context, after: &str) -> Result<Vec<LimitsView>, PayError> {
    let limited = limited_page(conn, &context.sealer, context.now(), after, i64::from(PAGE_MAX))?;
    Ok(limited.iter().map(LimitsView::of_limited).collect())
}
