//! Who may see how to reach a person.

use imajin_did::Did;
use imajin_profile_api::{ConnectionCheck, ConnectionsClient, Contact, Visibility};

/// What a reader is to the person whose profile it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The person.
    Oneself,
    /// Both have agreed to be connected.
    Connected,
    /// Everybody else.
    Stranger,
}

/// Asks whoever knows. An answer that does not come is a no.
pub(crate) async fn relation(connections: Option<&ConnectionsClient>, owner: &Did, reader: Option<&Did>) -> Relation {
    let Some(reader) = reader.map(Did::canonical) else {
        return Relation::Stranger;
    };
    if reader == *owner {
        return Relation::Oneself;
    }
    let Some(connections) = connections else {
        return Relation::Stranger;
    };
    let check = ConnectionCheck {
        owner: owner.clone(),
        reader,
    };
    match connections.connection_check(check).await {
        Ok(answer) if answer.connected => Relation::Connected,
        Ok(_not_connected) => Relation::Stranger,
        Err(problem) => {
            tracing::warn!(code = %problem.code, "whether two people are connected could not be asked");
            Relation::Stranger
        }
    }
}

/// What a reader gets of the contact fields.
pub(crate) fn contact_for(relation: Relation, mut contact: Contact) -> Contact {
    for (_name, field) in contact.fields_mut() {
        let visible = field.as_ref().is_some_and(|field| match relation {
            Relation::Oneself => true,
            Relation::Connected => field.visibility == Visibility::Connections,
            Relation::Stranger => false,
        });
        if !visible {
            *field = None;
        }
    }
    contact
}
