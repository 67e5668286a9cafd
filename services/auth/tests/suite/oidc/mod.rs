//! The node as an OpenID Provider: through its routes, as an application and a browser use them.

mod app;
mod clients;
mod codes;
mod consents;
mod flow;
mod prompts;
mod tokens;

pub(crate) use app::app as wiki;
pub(crate) use app::{Person, ada, app_with, fill, hidden, mailbox_person, metadata, operator, signed, userinfo};
