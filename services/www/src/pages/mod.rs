//! One page, one file: the handler, and the pure function that turns answers into the page's view model.

mod buy;
pub(crate) mod directory;
mod document;
mod event;
mod identity;
mod keys;
mod landing;
mod login;
mod mailbox;
mod me;
mod operator;
mod order;
mod plain;
mod receipt;
mod ticket;

use axum::Router;
use axum::routing::{get, post};

use crate::AppState;

/// All pages, at the root.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(landing::landing))
        .route("/events/{id}", get(event::event))
        .route("/events/{id}/buy", post(buy::buy))
        .route("/orders/{id}", get(order::order))
        .route("/me", get(me::me))
        .route("/tickets/{id}", get(ticket::ticket))
        .route("/tickets/{id}/document.json", get(ticket::document))
        .route("/receipts/{id}", get(receipt::receipt))
        .route("/receipts/{id}/document.json", get(receipt::document_json))
        .route("/receipts/{id}/document.jwt", get(receipt::document_jwt))
        .route("/operator", get(operator::operator))
        .route("/login", get(login::login))
        .route("/login/mailbox", post(login::mailbox_link))
        .route("/logout", post(login::logout))
        .route("/join", get(identity::join))
        .route("/keys", get(keys::keys))
        .route("/enrol", get(keys::enrol))
        .route("/recover", get(keys::recover))
        .route("/setup", get(identity::setup))
        .route("/directory", get(directory::directory))
        .route("/directory/{key}", get(directory::node))
        .route("/mailbox", get(mailbox::mailbox))
        .route("/mailbox/{id}", get(mailbox::mail))
        .route("/robots.txt", get(plain::robots))
        .route("/favicon.ico", get(plain::favicon))
}
