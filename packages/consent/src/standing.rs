use std::collections::BTreeMap;

use imajin_did::Did;

use crate::disclosure::{is_addressed, speaks_of};
use crate::evaluate::declared_check;
use crate::{
    ContentRef, DisclosureAsked, FieldAnswer, FieldPath, IntendedUse, ProfilePayload, Refusal, StandingGrant,
    VerifiedDeclaration, disclose,
};

/// What a person has said about who may know what about them.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Their grants that were not revoked, as they were verified when they arrived.
    pub grants: &'a [StandingGrant],
    /// Those that were: they say why something is refused, and allow nothing.
    pub revoked: &'a [StandingGrant],
    /// What is on; nothing where they have never said.
    pub profile: Option<&'a ProfilePayload>,
}

/// Whether an asker with a declaration may know what is asked. All of it or nothing: whoever may know a part asks for
/// that part. Gives the place of the grant that allows each field.
///
/// # Errors
/// [`Refusal::Unmet`] with the first term that fails, in this order: `content`, `scope` (it is the purpose),
/// `intendedUse` (it is `read`); `grant`, or `revoked`, `expires` or `purpose` where a grant to the asker is there but
/// has ended or is for something else; `fields`, `mode`; `profile`.
pub fn evaluate_disclosure(
    standing: &Standing<'_>,
    node: &Did,
    declared: &VerifiedDeclaration,
    asked: &DisclosureAsked<'_>,
) -> Result<BTreeMap<FieldPath, usize>, Refusal> {
    declaration_check(node, declared, asked)?;
    if !standing.grants.iter().any(|grant| speaks_of(grant, asked)) {
        return Err(no_grant(standing, asked));
    }
    let mut allowed = BTreeMap::new();
    for (field, answer) in disclose(standing.grants, asked).fields {
        let place = match answer {
            FieldAnswer::Allowed(place) => place,
            FieldAnswer::NotGranted => {
                let detail = format!("No grant covers {field}: ask for what is granted, or the person for more.");
                return Err(Refusal::unmet("fields", detail));
            }
            FieldAnswer::Ask(_) => {
                let detail = format!("The person wants to be asked about {field} each time: ask them yourself.");
                return Err(Refusal::unmet("mode", detail));
            }
            FieldAnswer::Denied(_) => {
                let detail = format!("The person does not let you know {field} for this.");
                return Err(Refusal::unmet("mode", detail));
            }
        };
        allowed.insert(field, place);
    }
    let is_on = |field: &&FieldPath| standing.profile.is_some_and(|said| said.permits(asked.purpose, field));
    match asked.fields.iter().find(|field| !is_on(field)) {
        Some(off) => {
            let detail = format!("The person has switched {off} off for this purpose.");
            Err(Refusal::unmet("profile", detail))
        }
        None => Ok(allowed),
    }
}

fn declaration_check(node: &Did, declared: &VerifiedDeclaration, asked: &DisclosureAsked<'_>) -> Result<(), Refusal> {
    let [subject, node] = [asked.subject, node].map(|did| ContentRef::Did(did.clone()));
    declared_check(declared, &[&subject, &node], Some(asked.purpose.as_str()))?;
    if declared.declaration().scope().is_none() {
        let detail = "The consent must name the purpose as its scope.";
        return Err(Refusal::unmet("scope", detail));
    }
    if declared.declaration().intended_use() != IntendedUse::Read {
        let detail = "What is about a person is disclosed to be read: declare that use.";
        return Err(Refusal::unmet("intendedUse", detail));
    }
    Ok(())
}

/// Why there is no grant that counts. What an asker is not addressed by, they do not hear of.
fn no_grant(standing: &Standing<'_>, asked: &DisclosureAsked<'_>) -> Refusal {
    let to_asker = |grant: &&StandingGrant| is_addressed(grant, asked);
    let for_this = |grant: &StandingGrant| grant.payload().purpose == *asked.purpose;
    let mut held = standing.grants.iter().filter(to_asker);
    if held.clone().any(for_this) {
        return Refusal::unmet(
            "expires",
            "The grant for this purpose has ended: ask the person for another.",
        );
    }
    if standing.revoked.iter().filter(to_asker).any(for_this) {
        return Refusal::unmet("revoked", "The person has taken the grant for this purpose back.");
    }
    if held.any(|grant| !grant.is_over(asked.now)) {
        return Refusal::unmet("purpose", "What you may know is granted for another purpose.");
    }
    Refusal::unmet("grant", "The person has granted you nothing: ask them for a grant.")
}
