use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use imajin_auth_api::CustodialSign;
use imajin_events_api::{CheckoutRequest, OrderView};
use imajin_kernel::Problem;
use imajin_kernel::id::{EventId, TierId};
use imajin_ui::{Link, MessagePage, render_status};
use imajin_web::{Custody, Failure, PathParams, Viewer};
use serde::Deserialize;

use crate::form::FormBody;
use crate::local_path::LocalPath;
use crate::same_origin::SameOrigin;
use crate::{AppState, Www};

/// The longest idempotency key that is passed on.
const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;

/// The fields of the buy form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BuyForm {
    tier_id: TierId,
    quantity: u32,
    #[serde(default)]
    idempotency_key: String,
}

/// `POST /events/{id}/buy`: the plain form. The node signs the order with the key that it keeps for a mailbox identity;
/// whoever holds their own key must sign in the browser, because a cookie alone authorises nothing.
pub(super) async fn buy(
    State(www): State<AppState>,
    _origin: SameOrigin,
    PathParams(id): PathParams<EventId>,
    viewer: Viewer,
    FormBody(form): FormBody<BuyForm>,
) -> Result<Response, Failure> {
    let (Some(session), Some(token)) = (&viewer.session, &viewer.token) else {
        let back = LocalPath::parse_or_home(Some(&format!("/events/{id}")));
        return Ok(Redirect::to(&back.login_url()).into_response());
    };
    match session.custody {
        Custody::Own => Ok(key_needed(&www, id, &viewer)),
        Custody::Node => {
            let order = www.order_for_soft(id, form, token).await?;
            Ok(Redirect::to(&onward(&order)).into_response())
        }
    }
}

impl Www {
    /// Orders in the name of an identity whose key the node keeps: auth signs, and events checks it as any other.
    async fn order_for_soft(&self, event_id: EventId, form: BuyForm, token: &str) -> Result<OrderView, Problem> {
        let wish = CheckoutRequest {
            event_id,
            tier_id: form.tier_id,
            quantity: form.quantity,
        };
        let body = serde_json::to_string(&wish).map_err(|error| {
            tracing::error!(%error, "an order could not be written as JSON");
            Problem::internal()
        })?;
        let idempotency_key = self.idempotency_key(form.idempotency_key)?;
        let to_sign = CustodialSign {
            token: token.to_owned(),
            method: "POST".to_owned(),
            target_uri: self.deps.site.public.absolute("/events/api/checkout"),
            idempotency_key: Some(idempotency_key),
            body,
        };
        let signed = self.deps.auth.custodial_sign(to_sign).await?;
        self.deps.events.checkout(signed).await
    }

    /// The key of the form, which makes sending it twice harmless; a form without one gets its own.
    fn idempotency_key(&self, given: String) -> Result<String, Problem> {
        if given.is_empty() {
            return Ok(hex::encode(self.deps.site.env.random_bytes::<16>()));
        }
        let plain = given
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if plain && given.len() <= IDEMPOTENCY_KEY_LENGTH_MAX {
            return Ok(given);
        }
        Err(
            Problem::invalid("The form's number is not one that this node gave out.")
                .hint("Open the event's page again and send the form from there."),
        )
    }
}

/// To the payment page while there is something to pay, else to the order.
fn onward(order: &OrderView) -> String {
    order
        .checkout_url
        .clone()
        .unwrap_or_else(|| format!("/orders/{}", order.id))
}

fn key_needed(www: &Www, id: EventId, viewer: &Viewer) -> Response {
    let path = format!("/events/{id}");
    let page = MessagePage {
        shell: www.frame("Your key must sign this order", &path, viewer.session.as_ref()),
        heading: "Your key must sign this order".to_owned(),
        paragraphs: vec![
            "You hold your own key, so nobody can order in your name: not even this node. Your browser signs the order \
             with it, and it needs JavaScript for that. Nothing was ordered."
                .to_owned(),
            format!(
                "Allow JavaScript for this page and try again, or buy with the command line: \
                 imajin ticket buy --node {} --key FILE --event {id}",
                www.deps.site.public.origin()
            ),
        ],
        link: Some(Link {
            href: path,
            text: "Back to the event".to_owned(),
        }),
    };
    render_status(StatusCode::FORBIDDEN, &page)
}
