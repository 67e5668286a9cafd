//! A question about a person, on its way: trust, consent, values, receipt.

use std::collections::{BTreeMap, BTreeSet};

use imajin_connections_api::{NeighbourhoodFetch, TrustAsk};
use imajin_consent::{FieldPath, Grantee, GranteeClass, Refusal};
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_mjn::{Evidence, VerifiedMjnRequest};
use imajin_profile_api::{ConnectionCheck, ContactField, ProfileFetch, ProfileView, Visibility};
use imajin_query_api::{DISCLOSABLE, Disclosed, DisclosureBody, values_sha256};
use serde_json::{Value, json};

use crate::domain::disclose::{NewUse, Said, UseAsked, permit, said_by, use_make};
use crate::{Query, QueryError};

/// The field that the trust graph answers; profile answers the others.
const STANDING: &str = "trust.standing";

impl Query {
    /// Answers a question about a person with exactly what it asks for, and a receipt.
    pub(crate) async fn disclose(
        &self,
        request: &VerifiedMjnRequest,
        body: DisclosureBody,
    ) -> Result<Disclosed, QueryError> {
        fields_check(&body.fields)?;
        let home = body.home.as_deref().map(home_origin).transpose()?;
        let subject = body.subject.canonical();
        let whom = subject.clone();
        let said = self.read(move |conn, context| said_by(conn, context, &whom)).await?;
        let mut asked = UseAsked {
            subject,
            asker: request.did.clone(),
            purpose: body.purpose,
            fields: body.fields,
            classes: BTreeSet::new(),
            consent: request.consent.clone(),
        };
        asked.classes = self.classes(&said, &asked).await?;
        // Refused before anything about the person is looked up.
        permit(&self.context, &said, &asked)?;
        let values = self.values(&asked.subject, &asked.fields).await?;
        let new = NewUse {
            asked,
            evidence: Evidence::of(request),
            values_sha256: values_sha256(&values)?,
            home,
        };
        let receipt = self.write(move |conn, context| use_make(conn, context, &new)).await?;
        Ok(Disclosed { values, receipt })
    }

    /// What the asker is to the person, as far as a grant for this purpose asks. When it cannot be said, nobody is told
    /// anything.
    async fn classes(&self, said: &Said, asked: &UseAsked) -> Result<BTreeSet<GranteeClass>, QueryError> {
        let now = self.context.now();
        let named: BTreeSet<GranteeClass> = said
            .grants
            .iter()
            .filter(|grant| grant.payload().purpose == asked.purpose && !grant.is_over(now))
            .filter_map(|grant| match grant.payload().granted_to {
                Grantee::Class(class) => Some(class),
                Grantee::Did(_) => None,
            })
            .collect();
        let mut classes = BTreeSet::new();
        for class in named {
            let is_of_it = match class {
                GranteeClass::Anyone => true,
                GranteeClass::Connections => self.is_connected(asked).await?,
                GranteeClass::Trusted => self.is_trusted(said, asked).await?,
            };
            if is_of_it {
                classes.insert(class);
            }
        }
        Ok(classes)
    }

    async fn is_connected(&self, asked: &UseAsked) -> Result<bool, QueryError> {
        let connections = self.connections.as_ref();
        let connections = connections.ok_or_else(|| Problem::unavailable("The trust graph"))?;
        let check = ConnectionCheck {
            owner: asked.subject.clone(),
            reader: asked.asker.clone(),
        };
        Ok(connections.connection_check(check).await?.connected)
    }

    async fn is_trusted(&self, said: &Said, asked: &UseAsked) -> Result<bool, QueryError> {
        let trust = self
            .trust
            .as_ref()
            .ok_or_else(|| Problem::unavailable("The trust graph"))?;
        let hops = said.profile.as_ref().map_or(1, |(profile, _)| profile.trusted_hops);
        let ask = TrustAsk {
            hops,
            ..TrustAsk::near(asked.subject.clone(), asked.asker.clone())
        };
        Ok(trust.trust_check(ask).await?.hops.is_some())
    }

    /// What is known about a person.
    async fn values(
        &self,
        subject: &Did,
        fields: &BTreeSet<FieldPath>,
    ) -> Result<BTreeMap<FieldPath, Value>, QueryError> {
        let wants_profile = fields.iter().any(|field| field.as_str() != STANDING);
        let profile = if wants_profile {
            self.profile_of(subject).await?
        } else {
            None
        };
        let mut values = BTreeMap::new();
        for field in fields {
            let value = if field.as_str() == STANDING {
                self.standing_of(subject).await?
            } else {
                profile.as_ref().map_or(Ok(Value::Null), |view| value_of(view, field))?
            };
            values.insert(field.clone(), value);
        }
        Ok(values)
    }

    /// The profile as the person sees it; nothing when there is none.
    async fn profile_of(&self, subject: &Did) -> Result<Option<ProfileView>, QueryError> {
        let profile = self
            .profile
            .as_ref()
            .ok_or_else(|| Problem::unavailable("The service `profile`"))?;
        let fetch = ProfileFetch {
            did_or_handle: subject.to_string(),
            reader: Some(subject.clone()),
        };
        match profile.profile_fetch(fetch).await {
            Ok(found) => Ok(found),
            Err(problem) if matches!(problem.code, Code::Gone | Code::NotFound) => Ok(None),
            Err(problem) => Err(problem.into()),
        }
    }

    async fn standing_of(&self, subject: &Did) -> Result<Value, QueryError> {
        let trust = self
            .trust
            .as_ref()
            .ok_or_else(|| Problem::unavailable("The trust graph"))?;
        let fetch = NeighbourhoodFetch {
            did: subject.clone(),
            reader: subject.clone(),
        };
        let standing = trust.neighbourhood(fetch).await?.standing;
        serde_json::to_value(standing).map_err(|error| QueryError::Fault(format!("a standing: {error}")))
    }
}

fn fields_check(fields: &BTreeSet<FieldPath>) -> Result<(), QueryError> {
    let names = || DISCLOSABLE.map(|(name, _)| name);
    let unknown = fields.iter().find(|field| !names().contains(&field.as_str()));
    match (fields.is_empty(), unknown) {
        (true, _) => Err(QueryError::invalid("fields", "must name at least one field")),
        (false, Some(field)) => {
            let problem = format!("has {field}, which no node can tell: it knows {}", names().join(", "));
            Err(QueryError::invalid("fields", problem))
        }
        (false, None) => Ok(()),
    }
}

/// The origin of an address that somebody named as their node's.
fn home_origin(named: &str) -> Result<String, QueryError> {
    let url: Option<url::Url> = named.parse().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.path() == "/");
    let problem = "must be the address of a node, https://node.example";
    let url = url.ok_or_else(|| QueryError::invalid("home", problem))?;
    Ok(url.origin().ascii_serialization())
}

/// One field of a profile; `null` where nothing is written. What its owner keeps to themselves stays so.
fn value_of(view: &ProfileView, field: &FieldPath) -> Result<Value, QueryError> {
    let contact = &view.contact;
    match field.as_str() {
        "profile.name" => Ok(json!(view.display_name)),
        "profile.handle" => Ok(json!(view.handle)),
        "profile.bio" => Ok(json!(view.bio)),
        "profile.links" => Ok(json!(view.links)),
        "profile.contact.email" => contact_value(contact.email.as_ref(), field),
        "profile.contact.phone" => contact_value(contact.phone.as_ref(), field),
        "profile.contact.location" => contact_value(contact.location.as_ref(), field),
        other => Err(QueryError::Fault(format!(
            "the field {other} is listed and has no value"
        ))),
    }
}

fn contact_value(contact: Option<&ContactField>, field: &FieldPath) -> Result<Value, QueryError> {
    match contact {
        Some(known) if known.visibility == Visibility::Nobody => Err(QueryError::Refusal(Refusal::Unmet {
            term: "visibility".to_owned(),
            detail: format!("The person keeps {field} to themselves in their profile."),
        })),
        known => Ok(json!(known.map(|known| &known.value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_listed_has_a_value() {
        let view = ProfileView {
            did: "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"
                .parse()
                .unwrap(),
            handle: None,
            display_name: "Ada".to_owned(),
            display_type: "human".to_owned(),
            bio: None,
            avatar: None,
            avatar_small: None,
            links: Vec::new(),
            contact: imajin_profile_api::Contact::default(),
            version: 1,
            created_at: None,
            updated_at: None,
        };
        for (name, _) in DISCLOSABLE.iter().filter(|(name, _)| *name != STANDING) {
            value_of(&view, &name.parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn a_home_is_the_origin_of_a_node() {
        assert_eq!(home_origin("https://node.example/").unwrap(), "https://node.example");
        assert_eq!(home_origin("http://localhost:7000").unwrap(), "http://localhost:7000");
        for wrong in [
            "node.example",
            "ftp://node.example",
            "https://a@node.example",
            "https://node.example/x",
        ] {
            assert!(home_origin(wrong).is_err(), "{wrong}");
        }
    }
}
