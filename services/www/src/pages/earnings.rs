use axum::extract::State;
use axum::response::Response;
use imajin_ui::{EarningsPage, render};

use crate::AppState;
use crate::person::Person;

/// `/earnings`: what has come to me, by work and by way. What it shows comes from pay, read in the browser.
pub(super) async fn earnings(State(www): State<AppState>, person: Person) -> Response {
    render(&EarningsPage {
        shell: www.frame("What you have earned", "/earnings", Some(&person.0)),
    })
}
