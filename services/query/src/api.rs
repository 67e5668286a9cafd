//! What other services ask about consent.

use async_trait::async_trait;
use imajin_kernel::Problem;
use imajin_query_api::{ConsentApi, ConsentOwn, OwnConsent};

use crate::Query;

#[async_trait]
impl ConsentApi for Query {
    async fn consent_own(&self, request: ConsentOwn) -> Result<OwnConsent, Problem> {
        Ok(self.own_consent(&request.did).await?)
    }
}
