use axum::extract::State;
use axum::response::Response;
use imajin_ui::{ContractPage, render};

use crate::AppState;
use crate::person::Person;

/// The currency of the sandbox, which a new node starts with.
const CURRENCY: &str = "TEST-USD";

/// `/contract`: what becomes of what is paid to me. What it shows and changes goes through pay, signed in the browser.
pub(super) async fn contract(State(www): State<AppState>, person: Person) -> Response {
    render(&ContractPage {
        shell: www.frame("Your distribution contract", "/contract", Some(&person.0)),
        currency: CURRENCY.to_owned(),
    })
}
