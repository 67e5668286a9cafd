//! One page, one file: the handler, and the pure function that turns answers into the page's view model.

pub(crate) mod agent;
mod allowed;
mod ask;
mod buy;
mod contract;
mod credit_note;
pub(crate) mod directory;
mod document;
mod earnings;
mod event;
mod fair;
pub(crate) mod fair_upload;
mod fair_view;
mod identity;
mod keys;
mod landing;
mod login;
mod mailbox;
mod me;
mod mirrors;
mod moved;
mod operator;
mod order;
mod people;
mod plain;
mod pods;
mod profile;
mod profile_edit;
mod read;
mod receipt;
mod registry_console;
mod ticket;
mod trust;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::AppState;

/// A picture that the browser has made small, in base64 and that in a form.
const PICTURE_FORM_BYTES_MAX: usize = 512 * 1024;

/// All pages, at the root.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(landing::landing))
        .route("/events/{id}", get(event::event))
        .route(
            "/fair",
            get(fair::find)
                .post(fair_upload::check)
                .layer(DefaultBodyLimit::max(fair_upload::FORM_BYTES_MAX)),
        )
        .route("/fair/{id}", get(fair::show))
        .route("/events/{id}/buy", post(buy::buy))
        .route("/orders/{id}", get(order::order))
        .route("/read/{id}", get(read::read))
        .route("/publish", get(read::publish))
        .route("/works", get(read::works))
        .route("/me/works", get(read::own_works))
        .route("/me/library", get(read::library))
        .route("/me", get(me::me))
        .route("/me/move", get(moved::page))
        .route("/me/profile", get(profile_edit::edit).post(profile_edit::save))
        .route(
            "/me/profile/avatar",
            post(profile_edit::avatar_save).layer(DefaultBodyLimit::max(PICTURE_FORM_BYTES_MAX)),
        )
        .route("/me/profile/avatar/remove", post(profile_edit::avatar_remove))
        .route("/me/profile/handle", post(profile_edit::handle_save))
        .route("/me/profile/delete", post(profile_edit::delete))
        .route("/p/{id}", get(profile::profile))
        .route("/people", get(people::people))
        .route("/me/allowed", get(allowed::allowed))
        .route("/me/connections", get(trust::connections))
        .route("/me/pods", get(pods::own))
        .route("/pods/{id}", get(pods::pod))
        .route("/trust", get(trust::find))
        .route("/trust/{id}", get(trust::around))
        .route("/invited", get(trust::invited))
        .route("/tickets/{id}", get(ticket::ticket))
        .route("/tickets/{id}/document.json", get(ticket::document))
        .route("/receipts/{id}", get(receipt::receipt))
        .route("/receipts/{id}/document.json", get(receipt::document_json))
        .route("/receipts/{id}/document.jwt", get(receipt::document_jwt))
        .route("/credit-notes/{id}", get(credit_note::note))
        .route("/credit-notes/{id}/document.json", get(credit_note::document_json))
        .route("/credit-notes/{id}/document.jwt", get(credit_note::document_jwt))
        .route("/operator", get(operator::operator))
        .route(agent::PATH, get(agent::agent))
        .route("/operator/registry", get(registry_console::console))
        .route("/login", get(login::login))
        .route("/login/mailbox", post(login::mailbox_link))
        .route("/logout", post(login::logout))
        .route("/join", get(identity::join))
        .route("/contract", get(contract::contract))
        .route("/earnings", get(earnings::earnings))
        .route("/ask/{id}", get(ask::ask))
        .route("/answers", get(ask::answers))
        .route("/keys", get(keys::keys))
        .route("/enrol", get(keys::enrol))
        .route("/recover", get(keys::recover))
        .route("/sessions", get(keys::sessions))
        .route("/grants", get(keys::grants))
        .route("/setup", get(identity::setup))
        .route("/directory", get(directory::directory))
        .route("/directory/{key}", get(directory::node))
        .route("/directory/mirrors", get(mirrors::mirrors))
        .route("/directory/mirrors/{registry}", get(mirrors::mirror))
        .route("/mailbox", get(mailbox::mailbox))
        .route("/mailbox/{id}", get(mailbox::mail))
        .route("/schemas/fair-1.0.json", get(plain::fair_schema))
        .route("/robots.txt", get(plain::robots))
        .route("/favicon.ico", get(plain::favicon))
}
