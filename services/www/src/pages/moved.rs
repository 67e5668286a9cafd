use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use imajin_auth_api::{MoveFetch, MoveView};
use imajin_kernel::Problem;
use imajin_pay_api::BalanceList;
use imajin_ui::{Link, MessagePage, MovePage, render, render_status};
use imajin_web::{Custody, Failure, SessionView, Tier};

use super::me::balance_rows;
use crate::person::Person;
use crate::{AppState, Www};

/// `/me/move`: how I move to another node, or where I went.
pub(super) async fn page(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    let owner = person.0.did.clone();
    let (moved, balances) = tokio::join!(
        www.move_of(owner.as_str()),
        www.deps.pay.balance_list(BalanceList { owner: owner.clone() }),
    );
    Ok(render(&MovePage {
        shell: www.frame("Move to another node", "/me", Some(&person.0)),
        node: www.deps.site.public.origin(),
        moved: moved?.as_ref().map(new_home),
        is_able: person.0.custody == Custody::Own && person.0.tier > Tier::Visitor,
        balances: balance_rows(&balances?),
    }))
}

/// The page about somebody at their new home; the link says where that is.
fn new_home(moved: &MoveView) -> Link {
    Link {
        href: format!("{}/p/{}", moved.url, moved.did),
        text: moved.url.clone(),
    }
}

impl Www {
    /// Where somebody went who was at home here.
    pub(super) async fn move_of(&self, did_or_handle: &str) -> Result<Option<MoveView>, Problem> {
        let did_or_handle = did_or_handle.to_owned();
        self.deps.auth.move_fetch(MoveFetch { did_or_handle }).await
    }

    /// Sends whoever looks for somebody to where they live now. They may come back, so nobody keeps this answer.
    pub(super) fn moved_answer(&self, moved: &MoveView, session: Option<&SessionView>) -> Result<Response, Failure> {
        let link = new_home(moved);
        let location = HeaderValue::from_str(&link.href).map_err(|_error| Problem::internal())?;
        let page = MessagePage {
            shell: self.frame("Moved", "/p", session),
            heading: "They have moved".to_owned(),
            paragraphs: vec![format!("They are at home at {} now.", moved.url)],
            link: Some(Link {
                text: "Go there".to_owned(),
                ..link
            }),
        };
        let mut answer = render_status(StatusCode::PERMANENT_REDIRECT, &page);
        answer.headers_mut().insert(header::LOCATION, location);
        Ok(answer)
    }
}
