use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use imajin_did::Did;
use imajin_events_api::{EventView, OrderState, OrderView, TicketCode, TicketPayload, TicketView};
use imajin_kernel::id::{EventId, ReceiptId, TicketId, TierId};
use imajin_money::Money;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{IdentityClient, LoggedIn, unexpected};
use super::{CommandError, KeyArg, NodeArg, Output};

/// Tickets.
#[derive(Debug, Subcommand)]
pub(super) enum TicketCommand {
    /// Buy tickets and pay for them with test money, where the node's rail is the sandbox.
    Buy(BuyArgs),
    /// Show a ticket of yours.
    Show {
        /// The ticket.
        ticket: TicketId,
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Check a ticket offline: the text of its QR code, or the signed document, and the event's DID are enough.
    Verify {
        /// The QR text, a file with the signed document (JSON), or `-` for standard input.
        ticket: String,
        /// The event's DID.
        #[arg(long, value_name = "DID")]
        event_did: Did,
    },
}

/// Buy tickets.
#[derive(Debug, Args)]
pub(super) struct BuyArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The event.
    #[arg(long)]
    event: EventId,
    /// The tier's name; not needed when there is only one.
    #[arg(long)]
    tier: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 1)]
    quantity: u32,
    /// Makes it safe to run the command again after a lost answer: the same key never buys twice.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bought {
    order: String,
    tickets: Vec<TicketId>,
    receipt: ReceiptId,
    total: Money,
    test_money: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SandboxCheckout {
    state: imajin_pay_api::CheckoutState,
    form_token: Option<String>,
}

/// How often and how long the command looks whether the tickets are there.
const POLL_EVERY: Duration = Duration::from_millis(200);
const POLLS_MAX: u32 = 150;

impl TicketCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Buy(args) => args.run(output).await,
            Self::Show { ticket, node, key } => {
                let client = node.signing(&key)?;
                let session = client.login().await?;
                let ticket: TicketView = client
                    .get_own(&session, &format!("/events/api/tickets/{ticket}"))
                    .await?;
                output.result(&ticket, ticket_text);
                Ok(())
            }
            Self::Verify { ticket, event_did } => verify(&ticket, &event_did, output),
        }
    }
}

impl BuyArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let event: EventView = client.node().get(&format!("/events/api/events/{}", self.event)).await?;
        let tier = self.tier_of(&event)?;
        let fresh = hex::encode(client.node().env().random_bytes::<16>());
        let key = self.idempotency_key.as_deref().unwrap_or(&fresh);
        let body = json!({"eventId": event.id, "tierId": tier, "quantity": self.quantity});
        let order: OrderView = client.send("POST", "/events/api/checkout", &body, Some(key)).await?;
        output.note(&format!(
            "Reserved {} × {} for {}.",
            order.quantity, order.tier_name, order.total
        ));
        let session = client.login().await?;
        pay_with_sandbox(&client, &session, &order).await?;
        let order = order_wait(&client, &session, &order).await?;
        let receipt = order.receipt.ok_or_else(|| unexpected("The receipt"))?;
        let bought = Bought {
            order: order.id.to_string(),
            tickets: order.tickets,
            receipt,
            test_money: order.total.asset.is_test(),
            total: order.total,
        };
        output.result(&bought, |bought| {
            let tickets = bought
                .tickets
                .iter()
                .fold(String::new(), |text, id| text + &format!("\nticket {id}"));
            let test = if bought.test_money { " (test money)" } else { "" };
            format!("Paid {}{test}.{tickets}\nreceipt {}", bought.total, bought.receipt)
        });
        Ok(())
    }

    fn tier_of(&self, event: &EventView) -> Result<TierId, CommandError> {
        let names = || {
            event
                .tiers
                .iter()
                .map(|tier| tier.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let found = match (&self.tier, event.tiers.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => {
                return Err(CommandError::Local(format!("say which with --tier: {}", names())));
            }
            (Some(name), tiers) => tiers.iter().find(|tier| &tier.name == name),
        };
        found
            .map(|tier| tier.id)
            .ok_or_else(|| CommandError::Local(format!("there is no such tier; there are {}", names())))
    }
}

/// Presses "pay" on the sandbox's page, unless the order is paid already.
async fn pay_with_sandbox(client: &IdentityClient, session: &LoggedIn, order: &OrderView) -> Result<(), CommandError> {
    if order.state == OrderState::Fulfilled {
        return Ok(());
    }
    let checkout = order.checkout_id.ok_or_else(|| unexpected("The checkout"))?;
    let state: SandboxCheckout = client
        .get_own(session, &format!("/pay/api/checkout/{checkout}"))
        .await?;
    if state.state != imajin_pay_api::CheckoutState::Open {
        return Ok(());
    }
    let token = state.form_token.ok_or_else(|| {
        CommandError::Local(format!(
            "this order is not paid with test money: pay at {}",
            order.checkout_url.as_deref().unwrap_or("the node")
        ))
    })?;
    let url = client.node().url(&format!("/pay/checkout/{checkout}/pay"))?;
    client.node().form_post(url, &[("token", &token)]).await?;
    Ok(())
}

async fn order_wait(client: &IdentityClient, session: &LoggedIn, order: &OrderView) -> Result<OrderView, CommandError> {
    let path = format!("/events/api/orders/{}", order.id);
    for _ in 0..POLLS_MAX {
        let order: OrderView = client.get_own(session, &path).await?;
        match order.state {
            OrderState::Fulfilled => return receipt_wait(client, session, order).await,
            OrderState::Held => tokio::time::sleep(POLL_EVERY).await,
            OrderState::Expired | OrderState::Cancelled => {
                return Err(CommandError::Local(
                    "the reservation ended before it was paid".to_owned(),
                ));
            }
            OrderState::Refunded => return Err(CommandError::Local("the money of this order went back".to_owned())),
            OrderState::Refused => {
                return Err(CommandError::Local(
                    "no places were left when the money came; it goes back".to_owned(),
                ));
            }
        }
    }
    Err(CommandError::Local(format!(
        "order {} is still being processed; look again later",
        order.id
    )))
}

/// The tickets are there first; the receipt follows within moments, when the split is booked.
async fn receipt_wait(
    client: &IdentityClient,
    session: &LoggedIn,
    order: OrderView,
) -> Result<OrderView, CommandError> {
    let receipt = order.receipt.ok_or_else(|| unexpected("The receipt"))?;
    for _ in 0..POLLS_MAX {
        let found: Result<serde_json::Value, _> =
            client.get_own(session, &format!("/pay/api/receipts/{receipt}")).await;
        match found {
            Ok(_) => return Ok(order),
            Err(CommandError::Problem(problem)) if problem.code == imajin_kernel::Code::NotFound => {
                tokio::time::sleep(POLL_EVERY).await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(CommandError::Local(format!(
        "receipt {receipt} is not booked yet; look again later"
    )))
}

fn ticket_text(ticket: &TicketView) -> String {
    format!(
        "{}\n{} — {}\nholder {}\nstatus {}\nevent {}\nreceipt {}\n{}",
        ticket.id,
        ticket.event_title,
        ticket.tier_name,
        ticket.holder,
        ticket.status,
        ticket.event_did,
        ticket.receipt,
        ticket.qr
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    valid: bool,
    ticket_id: Option<TicketId>,
    purchased_at: Option<imajin_kernel::Timestamp>,
    reason: Option<String>,
}

fn verify(ticket: &str, event_did: &Did, output: Output) -> Result<(), CommandError> {
    let text = ticket_text_read(ticket)?;
    let verdict = if text.trim_start().starts_with('{') {
        document_check(&text, event_did)
    } else {
        code_check(&text, event_did)
    };
    let valid = verdict.valid;
    output.result(&verdict, |verdict| {
        match (&verdict.ticket_id, &verdict.purchased_at, &verdict.reason) {
            (Some(id), Some(at), _) => format!("valid: {id}, bought {at}"),
            (_, _, reason) => format!("not valid: {}", reason.as_deref().unwrap_or("unknown")),
        }
    });
    if valid { Ok(()) } else { Err(CommandError::Negative) }
}

fn ticket_text_read(ticket: &str) -> Result<String, CommandError> {
    let unreadable = |error: std::io::Error| CommandError::Local(format!("the ticket cannot be read: {error}"));
    if ticket == "-" {
        let mut text = String::new();
        std::io::stdin()
            .take(64 * 1024)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        return Ok(text);
    }
    let path = PathBuf::from(ticket);
    if path.is_file() {
        std::fs::read_to_string(path).map_err(unreadable)
    } else {
        Ok(ticket.to_owned())
    }
}

fn code_check(text: &str, event_did: &Did) -> Verdict {
    match TicketCode::verify(text, event_did) {
        Ok(code) => Verdict {
            valid: true,
            ticket_id: Some(code.ticket_id),
            purchased_at: Some(code.purchased_at),
            reason: None,
        },
        Err(error) => refused(error.to_string()),
    }
}

fn document_check(text: &str, event_did: &Did) -> Verdict {
    let message: SignedMessage<TicketPayload> = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return refused(format!("this is no ticket document: {error}")),
    };
    let Some(key) = event_did.public_key() else {
        return refused("the event's DID does not contain a public key".to_owned());
    };
    if message.from.canonical() != event_did.canonical() {
        return refused("the ticket is from another event".to_owned());
    }
    match message.verify("ticket", &key) {
        Ok(()) => Verdict {
            valid: true,
            ticket_id: Some(message.payload.ticket_id),
            purchased_at: Some(imajin_kernel::Timestamp::from_millis(message.payload.purchased_at)),
            reason: None,
        },
        Err(error) => refused(error.to_string()),
    }
}

fn refused(reason: String) -> Verdict {
    Verdict {
        valid: false,
        ticket_id: None,
        purchased_at: None,
        reason: Some(reason),
    }
}
