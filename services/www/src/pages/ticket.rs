use axum::extract::State;
use axum::response::Response;
use imajin_events_api::{TicketFetch, TicketView};
use imajin_kernel::id::TicketId;
use imajin_kernel::{Problem, Timestamp};
use imajin_ui::{Shell, TicketCard, TicketPage, TicketState, render};
use imajin_web::{Failure, PathParams};

use super::document::signed_document;
use crate::person::Person;
use crate::show::{event_time, moment, money_text, place_text};
use crate::{AppState, Www};

/// `/tickets/{id}`: a ticket to show at the door.
pub(super) async fn ticket(
    State(www): State<AppState>,
    PathParams(id): PathParams<TicketId>,
    person: Person,
) -> Result<Response, Failure> {
    let ticket = www.ticket_of(id, &person).await?;
    let holder_name = www.names([&ticket.holder]).await.of(&ticket.holder);
    let shell = www.frame(&ticket.event_title, &format!("/tickets/{id}"), Some(&person.0));
    Ok(render(&page(&ticket, holder_name, shell)))
}

/// `/tickets/{id}/document.json`: the signed ticket.
pub(super) async fn document(
    State(www): State<AppState>,
    PathParams(id): PathParams<TicketId>,
    person: Person,
) -> Result<Response, Failure> {
    let ticket = www.ticket_of(id, &person).await?;
    signed_document(id.as_str(), &ticket.document)
}

impl Www {
    async fn ticket_of(&self, id: TicketId, person: &Person) -> Result<TicketView, Problem> {
        let ticket = self
            .deps
            .events
            .ticket_fetch(TicketFetch {
                id,
                reader: person.events_reader(),
            })
            .await?;
        ticket.ok_or_else(|| Problem::not_found("ticket"))
    }
}

/// A ticket in a list, and the head of its page.
pub(super) fn ticket_card(ticket: &TicketView) -> TicketCard {
    TicketCard {
        id: ticket.id.to_string(),
        event_title: ticket.event_title.clone(),
        event_id: ticket.event_id.to_string(),
        when: event_time(ticket.starts_at, &ticket.timezone),
        place: place_text(ticket.venue.as_deref(), ticket.is_online),
        tier_name: ticket.tier_name.clone(),
        state: match ticket.status.as_str() {
            "valid" => TicketState::Valid,
            "used" => TicketState::Used,
            _ => TicketState::Revoked,
        },
    }
}

fn page(ticket: &TicketView, holder_name: String, shell: Shell) -> TicketPage {
    let payload = &ticket.document.payload;
    TicketPage {
        shell,
        ticket: ticket_card(ticket),
        virtual_url: ticket.virtual_url.clone(),
        event_did: ticket.event_did.to_string(),
        holder_name,
        holder_did: ticket.holder.to_string(),
        price: money_text(&payload.price),
        purchased: moment(Timestamp::from_millis(payload.purchased_at)),
        receipt_id: Some(ticket.receipt.to_string()),
        qr_text: ticket.qr.clone(),
        verify_command: format!("imajin ticket verify {} --event-did {}", ticket.qr, ticket.event_did),
        json_url: format!("/tickets/{}/document.json", ticket.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::ticket_sample;

    #[test]
    fn the_page_says_how_to_check_the_ticket() {
        let ticket = ticket_sample();
        let page = page(&ticket, "Mira".to_owned(), Shell::default());
        let command = format!("imajin ticket verify {} --event-did {}", ticket.qr, ticket.event_did);
        assert_eq!(page.verify_command, command);
        assert_eq!(page.price.plain(), "10.00 TEST-USD");
        assert!(page.ticket.state.is_valid());
        let revoked = TicketView {
            status: "revoked".to_owned(),
            ..ticket
        };
        assert_eq!(ticket_card(&revoked).state, TicketState::Revoked);
    }
}
