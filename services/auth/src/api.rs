//! What other services ask of auth.

use async_trait::async_trait;
use imajin_auth_api::{
    AccountExport, AccountRecord, AttestationExport, AttestationExported, AttestationView, AttestationsAbout, AuthApi,
    CallerKeysRequest, CustodialSign, DevelopmentMail, DevelopmentMailList, DeviceListRequest, DeviceListView,
    HoldingsFetch, IdentityFetch, IdentityView, MailboxProofSend, MailboxProofSent, MoveFetch, MoveView, NoticeTaken,
    SessionViewRequest, SetupState, SetupStateRequest,
};
use imajin_did::{Did, Method};
use imajin_kernel::Problem;
use imajin_proof::http_sig::SignedRequest;
use imajin_web::{CallerKeys, Notice, PeerAsked, PeerPolicy as _, SessionView, SignerAsked, SignerKeys};

use crate::auth::Auth;
use crate::identities::{Identity, identity_find};
use crate::names::Name;
use crate::sessions::Living;

#[async_trait]
impl AuthApi for Auth {
    async fn caller_keys(&self, request: CallerKeysRequest) -> Result<CallerKeys, Problem> {
        self.peer_rules.caller_check(&request.did).await?;
        if request.did.method() == Method::Web {
            return Ok(self.foreign_caller(&request.did).await?);
        }
        Ok(self.caller_keys_now(&request.did).await?)
    }

    async fn signer_keys(&self, asked: SignerAsked) -> Result<SignerKeys, Problem> {
        if asked.did.method() == Method::Web {
            let caller = self.foreign_caller(&asked.did).await?;
            return Ok(SignerKeys::of_caller(caller, asked.at));
        }
        Ok(self.signer_keys_then(&asked).await?)
    }

    async fn session_view(&self, request: SessionViewRequest) -> Result<Option<SessionView>, Problem> {
        Ok(self.session_resolve(&request.token).await?.map(Living::into_view))
    }

    async fn identity_fetch(&self, request: IdentityFetch) -> Result<Option<IdentityView>, Problem> {
        let (name, sealer) = (Name::parse(&request.did_or_handle), self.sealer.clone());
        let identity = self.db.read(move |conn| identity_find(conn, &sealer, &name)).await?;
        Ok(identity.filter(|identity| !identity.deactivated).map(Identity::view))
    }

    async fn move_fetch(&self, request: MoveFetch) -> Result<Option<MoveView>, Problem> {
        let moved = self.move_of(&request.did_or_handle).await?;
        Ok(moved.map(|row| MoveView {
            did: row.did,
            to: row.to_did,
            url: row.to_url,
            since: row.created_at,
        }))
    }

    async fn custodial_sign(&self, request: CustodialSign) -> Result<SignedRequest, Problem> {
        Ok(self.request_sign(&request).await?)
    }

    async fn mailbox_proof_send(&self, request: MailboxProofSend) -> Result<MailboxProofSent, Problem> {
        Ok(self.mailbox_link_send(&request.email, request.next).await?)
    }

    async fn notice_send(&self, notice: Notice) -> Result<NoticeTaken, Problem> {
        Ok(self.notice_take(&notice).await?)
    }

    async fn development_mail_list(&self, _request: DevelopmentMailList) -> Result<Vec<DevelopmentMail>, Problem> {
        // With a mail server there is no such mailbox, whatever an earlier start has left behind.
        if self.outbound.is_some() {
            return Ok(Vec::new());
        }
        Ok(self.development_mails().await?)
    }

    async fn device_list(&self, request: DeviceListRequest) -> Result<Option<DeviceListView>, Problem> {
        let Some(living) = self.session_resolve(&request.token).await? else {
            return Ok(None);
        };
        let list = self.device_list_of(living.identity).await?;
        Ok(Some(list.view(living.opened_by.as_deref())))
    }

    async fn peer_check(&self, peer: PeerAsked) -> Result<(), Problem> {
        self.peer_rules.peer_check(&peer).await
    }

    async fn holdings_fetch(&self, request: HoldingsFetch) -> Result<Vec<Did>, Problem> {
        Ok(self.holdings(&request.did).await?)
    }

    async fn attestation_list(&self, request: AttestationsAbout) -> Result<Vec<AttestationView>, Problem> {
        Ok(self.testimonies(request).await?)
    }

    async fn attestation_export(&self, request: AttestationExport) -> Result<AttestationExported, Problem> {
        Ok(self.attestations_exported(request).await?)
    }

    async fn account_export(&self, request: AccountExport) -> Result<AccountRecord, Problem> {
        Ok(self.account_record(request.did).await?)
    }

    async fn setup_state(&self, _request: SetupStateRequest) -> Result<SetupState, Problem> {
        Ok(SetupState {
            operator: self.operator().await?,
        })
    }
}
