//! Finding people by the beginning of a word of their handle or name.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_profile_api::{ProfileCard, ProfilePage, ProfileSearch};
use imajin_store::{Conn, intact_all};
use imajin_web::PublicBase;

use super::terms::{TERM_LENGTH_MAX, fold, range_end, terms_of};
use super::view::avatar_url;
use crate::context::Context;
use crate::rows::ProfileRow;
use crate::schema::{avatars, profiles, search_terms};
use crate::{ProfileError, SMALL_SIDE};

const PAGE_DEFAULT: u32 = 20;
const PAGE_MAX: u32 = 50;
/// A person whose name begins with the same word several times is in the index several times and in the list once; so
/// many rounds may bring nothing but such rows before the page ends early, with a cursor to go on from.
const ROUNDS_MAX: usize = 8;

/// Where a page ended: the key of its last row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    term: String,
    did: Did,
}

impl Cursor {
    fn to_text(&self) -> String {
        format!("{}~{}", self.did, self.term)
    }

    fn parse(text: &str) -> Result<Self, ProfileError> {
        let parse = || {
            let (did, term) = text.split_once('~')?;
            let plain = !term.contains(char::is_control);
            (plain && term.chars().count() <= TERM_LENGTH_MAX).then_some(())?;
            Some(Self {
                did: did.parse().ok()?,
                term: term.to_owned(),
            })
        };
        parse().ok_or_else(|| ProfileError::invalid("cursor", "is not one that this list gave out"))
    }
}

/// A page of profiles, by the term that was found.
pub(crate) fn profile_search(
    conn: &mut Conn,
    context: &Context,
    public: &PublicBase,
    search: &ProfileSearch,
) -> Result<ProfilePage, ProfileError> {
    let limit = search.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ProfileError::invalid("limit", format!("must be 1 to {PAGE_MAX}")));
    }
    if search.text.chars().count() > TERM_LENGTH_MAX {
        let problem = format!("must have at most {TERM_LENGTH_MAX} characters");
        return Err(ProfileError::invalid("q", problem));
    }
    let query = fold(search.text.trim().trim_start_matches('@'));
    if query.is_empty() {
        return Err(ProfileError::invalid("q", "must have at least one character"));
    }
    let mut cursor = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let page_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut profiles = Vec::new();
    for _round in 0..ROUNDS_MAX {
        let wanted = page_length - profiles.len();
        let found = terms_after(conn, &query, cursor.as_ref(), wanted)?;
        let more = found.len() > wanted;
        let found: Vec<Cursor> = found.into_iter().take(wanted).collect();
        profiles.extend(cards(conn, context, public, &query, &found)?);
        cursor = found.into_iter().next_back().filter(|_last| more);
        if cursor.is_none() || profiles.len() >= page_length {
            break;
        }
    }
    Ok(ProfilePage {
        profiles,
        cursor: cursor.map(|cursor| cursor.to_text()),
    })
}

/// The terms that begin with `query`, from behind the cursor on; one more than wanted, to see whether there is more.
fn terms_after(
    conn: &mut Conn,
    query: &str,
    cursor: Option<&Cursor>,
    wanted: usize,
) -> Result<Vec<Cursor>, ProfileError> {
    let mut rows = search_terms::table
        .filter(search_terms::term.ge(query.to_owned()))
        .filter(search_terms::term.lt(range_end(query)))
        .into_boxed();
    if let Some(Cursor { term, did }) = cursor {
        let later = search_terms::term.gt(term.clone());
        let same = search_terms::term
            .eq(term.clone())
            .and(search_terms::did.gt(did.clone()));
        rows = rows.filter(search_terms::term.ge(term.clone())).filter(later.or(same));
    }
    let limit = i64::try_from(wanted).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<(String, Did)> = rows
        .order_by((search_terms::term, search_terms::did))
        .limit(limit)
        .select((search_terms::term, search_terms::did))
        .load(conn)?;
    Ok(rows.into_iter().map(|(term, did)| Cursor { term, did }).collect())
}

/// The profiles of terms, in their order. Somebody who is found by several terms is listed at the first.
fn cards(
    conn: &mut Conn,
    context: &Context,
    public: &PublicBase,
    query: &str,
    found: &[Cursor],
) -> Result<Vec<ProfileCard>, ProfileError> {
    let dids: Vec<Did> = found.iter().map(|found| found.did.clone()).collect();
    let rows: Vec<ProfileRow> = profiles::table
        .filter(profiles::did.eq_any(&dids))
        .filter(profiles::deleted_at.is_null())
        .select(ProfileRow::as_select())
        .load(conn)?;
    let rows = intact_all(rows, &context.sealer)?.into_iter();
    let rows: BTreeMap<Did, ProfileRow> = rows.map(|row| (row.did.clone(), row)).collect();
    let hashes: Vec<(Did, String)> = avatars::table
        .filter(avatars::did.eq_any(&dids))
        .filter(avatars::deleted_at.is_null())
        .select((avatars::did, avatars::hash))
        .load(conn)?;
    let hashes: BTreeMap<Did, String> = hashes.into_iter().collect();
    let card = |found: &Cursor| {
        let row = rows.get(&found.did)?;
        let terms = terms_of(row.handle.as_deref(), &row.display_name);
        let first = terms.iter().find(|term| term.starts_with(query))?;
        (*first == found.term).then(|| ProfileCard {
            did: row.did.clone(),
            handle: row.handle.clone(),
            display_name: row.display_name.clone(),
            display_type: row.display_type.clone(),
            avatar_small: hashes.get(&row.did).map(|hash| avatar_url(public, hash, SMALL_SIDE)),
        })
    };
    Ok(found.iter().filter_map(card).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_nonsense_is_refused() {
        let cursor = Cursor {
            term: "ada ~ lindqvist".to_owned(),
            did: imajin_did::SecretKey::from_seed([3; 32]).did(),
        };
        assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
        let long = format!("{}~{}", cursor.did, "x".repeat(65));
        for wrong in ["", "~", "x~y", "did:mjn:zzz~ada", long.as_str()] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }
}
