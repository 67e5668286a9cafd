//! How a new node gets its operator.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow};
use imajin_web::{Authorised, KeyTier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{OPERATOR, operator_find};
use crate::log::{Authority, secret_mutation_record};
use crate::rows::{NodeRoleRow, SetupTokenRow};
use crate::schema::setup_tokens;

/// The action in the mutation log.
pub(crate) const ACTION: &str = "node.claim";
/// The object in the mutation log.
pub(crate) const OBJECT: &str = "node/operator";

/// The token of the link that the node printed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SetupBody {
    /// The token.
    pub(crate) token: String,
}

impl Auth {
    /// A fresh token with which somebody may become the operator, for the link that the node prints; `None` once there
    /// is an operator. An older token that nobody has used stops working: the newest link counts.
    ///
    /// # Errors
    /// What the database says.
    pub async fn setup_token_issue(&self) -> Result<Option<String>, Problem> {
        let token = hex::encode(self.env.random_bytes::<32>());
        let row = SetupTokenRow {
            token_hash: token_hash(&token),
            created_at: self.env.now(),
            used_at: None,
            used_by: None,
            row_seal: Vec::new(),
        };
        let auth = self.writing();
        let issued = self
            .db
            .write(move |conn| {
                if operator_find(conn, &auth.sealer)?.is_some() {
                    return Ok::<_, AuthError>(false);
                }
                diesel::delete(setup_tokens::table.filter(setup_tokens::used_at.is_null())).execute(conn)?;
                row.clone().insert(conn, &auth.sealer)?;
                Ok(true)
            })
            .await?;
        Ok(issued.then_some(token))
    }

    /// Who runs the node, once somebody does.
    pub(crate) async fn operator(&self) -> Result<Option<Did>, AuthError> {
        let sealer = self.sealer.clone();
        self.db.read(move |conn| operator_find(conn, &sealer)).await
    }

    /// Makes the signer the operator: once, with the token that the node printed. A person without a key of their own
    /// could not run a node, because its actions must be signed.
    pub(crate) async fn setup_claim(
        &self,
        verified: &Authorised<KeyTier>,
        body: &SetupBody,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let claim = Claim {
            did: verified.did().clone(),
            authority: Authority::Signed(verified.proof().clone()),
            hash: token_hash(&body.token),
            raw,
        };
        let auth = self.writing();
        self.write_contended(move |conn| claim.run(conn, &auth)).await
    }
}

struct Claim {
    did: Did,
    authority: Authority,
    hash: String,
    raw: Vec<u8>,
}

impl Claim {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<(), AuthError> {
        if operator_find(conn, &auth.sealer)?.is_some() {
            return Err(AuthError::SetupDone);
        }
        let token: Option<SetupTokenRow> = setup_tokens::table
            .find(&self.hash)
            .select(SetupTokenRow::as_select())
            .first(conn)
            .optional()?;
        let token = token
            .filter(|token| token.used_at.is_none())
            .ok_or(AuthError::SetupTokenWrong)?;
        let mut token = token.intact(&auth.sealer)?;
        let (did, now) = (&self.did, auth.env.now());
        let proof = secret_mutation_record(conn, auth, did, ACTION, OBJECT, self.raw.clone(), &self.authority)?;
        token.used_at = Some(now);
        token.used_by = Some(did.clone());
        token.save(conn, &auth.sealer)?;
        let role = NodeRoleRow {
            role: OPERATOR.to_owned(),
            did: did.clone(),
            owner_did: did.clone(),
            proof,
            created_at: now,
            deleted_at: None,
            row_seal: Vec::new(),
        };
        role.insert(conn, &auth.sealer)?;
        Ok(())
    }
}

fn token_hash(token: &str) -> String {
    sha256_hex(token.as_bytes())
}
