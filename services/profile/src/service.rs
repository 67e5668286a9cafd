use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use imajin_auth_api::{AuthClient, IdentityFetch, IdentityView, MoveFetch, MoveView};
use imajin_connections_api::TrustClient;
use imajin_did::{Did, Keyring};
use imajin_events_api::EventsClient;
use imajin_kernel::{Code, Problem};
use imajin_pay_api::PayClient;
use imajin_profile_api::{AvatarSet, ConnectionsClient, Exporter, ProfilePage, ProfileSearch, ProfileSet, ProfileView};
use imajin_proof::http_sig::SignedRequest;
use imajin_publisher_api::PublisherClient;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{Authorised, Custody, ServiceRoutes, Shares, Site, SoftTier};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::{Change, Context, Made};
use crate::domain::avatar::NewAvatar;
use crate::domain::change::{IfMatch, NewProfile};
use crate::domain::draft::ProfileDraft;
use crate::domain::{self, find, view};
use crate::picture::FILE_BYTES_MAX;
use crate::reader::{Relation, contact_for, relation};
use crate::{PictureError, Pictures, ProfileConfig, ProfileError, SERVICE, picture_read, routes};

/// What profile needs.
pub struct ProfileDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// Handles, kinds, and what auth keeps about a person.
    pub auth: AuthClient,
    /// For the export of one's own data; without it, the export says what is missing.
    pub pay: Option<PayClient>,
    /// The same.
    pub events: Option<EventsClient>,
    /// The same; a node without a library of manifests keeps none.
    pub publisher: Option<PublisherClient>,
    /// Who is connected to whom; without it, nobody is.
    pub connections: Option<ConnectionsClient>,
    /// For the export of one's own data; a node without it keeps nothing of the kind.
    pub trust: Option<TrustClient>,
    /// How it behaves.
    pub config: ProfileConfig,
}

/// The running service.
pub struct Profile {
    pub(crate) site: Site,
    pub(crate) db: Db,
    pub(crate) context: Context,
    pub(crate) auth: AuthClient,
    pub(crate) pay: Option<PayClient>,
    pub(crate) events: Option<EventsClient>,
    pub(crate) publisher: Option<PublisherClient>,
    pub(crate) trust: Option<TrustClient>,
    pub(crate) uploads: Arc<Semaphore>,
    /// Pictures that an address is sending.
    pub(crate) uploads_each: Shares<IpAddr>,
    exporters: RwLock<Vec<Exporter>>,
    connections: Option<ConnectionsClient>,
    decodes: Semaphore,
    config: ProfileConfig,
}

impl Profile {
    /// Starts the service.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(deps: ProfileDeps) -> Result<Arc<Self>, Problem> {
        let ProfileDeps {
            site,
            keyring,
            db,
            auth,
            pay,
            events,
            publisher,
            connections,
            trust,
            config,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(config.chain.clone(), keyring, sealer.clone(), site.env.clone());
        let context = Context {
            env: site.env.clone(),
            sealer,
            writer,
        };
        let profile = Self {
            site,
            db,
            context,
            auth,
            pay,
            events,
            publisher,
            trust,
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            uploads_each: Shares::new(1),
            exporters: RwLock::default(),
            connections,
            decodes: Semaphore::new(config.decodes_max),
            config,
        };
        profile.db.read(find::ready_check).await.map_err(Problem::from)?;
        Ok(Arc::new(profile))
    }

    /// Names a service whose part of somebody's data belongs into the export. Such services ask profile, so they start
    /// after it.
    pub fn exporter_connect(&self, exporter: Exporter) {
        let mut exporters = self.exporters.write().unwrap_or_else(PoisonError::into_inner);
        exporters.push(exporter);
    }

    /// The services that were named so.
    pub(crate) fn exporters(&self) -> Vec<Exporter> {
        self.exporters.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests: forgetting used nonces and old answers, until `stop`.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (profile, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                profile.sweep().await;
                let pause = tokio::time::sleep(profile.config.sweep_every.to_std());
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = pause => {}
                }
            }
            mutation::head_sign(&profile.db, &profile.context.writer).await;
        });
    }

    async fn sweep(&self) {
        imajin_store::purge(&self.db, self.context.env.now()).await;
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, ProfileError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, ProfileError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, ProfileError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, ProfileError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }

    /// The public facts that auth has about an identity.
    pub(crate) async fn identity(&self, did_or_handle: &str) -> Result<Option<IdentityView>, Problem> {
        let request = IdentityFetch {
            did_or_handle: did_or_handle.to_owned(),
        };
        self.auth.identity_fetch(request).await
    }

    async fn identity_of(&self, did: &Did) -> Result<IdentityView, Problem> {
        self.identity(did.as_str())
            .await?
            .ok_or_else(|| Problem::not_found("identity"))
    }

    /// A profile as `reader` may see it.
    pub(crate) async fn view(&self, did_or_handle: &str, reader: Option<&Did>) -> Result<Option<ProfileView>, Problem> {
        let Some(identity) = self.identity(did_or_handle).await? else {
            return Ok(None);
        };
        let did = identity.did.clone();
        let (row, avatar) = self
            .read(move |conn, context| {
                let row = find::profile_find(conn, context, &did)?;
                Ok((row, find::avatar_hash(conn, &did)?))
            })
            .await?;
        let is_self = reader.is_some_and(|reader| reader.canonical() == identity.did);
        let deleted = row.as_ref().is_some_and(|row| row.deleted_at.is_some());
        if deleted && !is_self {
            return Err(ProfileError::Gone.into());
        }
        // A mailbox identity that has written nothing about itself is a pseudonym, and nobody needs to know that it is.
        if row.is_none() && avatar.is_none() && identity.custody == Custody::Node && !is_self {
            return Ok(None);
        }
        let is_stale = row
            .as_ref()
            .is_some_and(|row| !deleted && row.handle != identity.handle);
        if is_stale && let Err(error) = self.copy_refresh(identity.clone()).await {
            tracing::warn!(%error, "the copy of a handle could not be made anew");
        }
        let mut view = view::profile_view(&self.site.public, identity, row.as_ref(), avatar.as_deref())?;
        let relation = if view.contact.is_empty() {
            Relation::Stranger
        } else {
            relation(self.connections.as_ref(), &view.did, reader).await
        };
        view.contact = contact_for(relation, view.contact);
        Ok(Some(view))
    }

    /// Where somebody has moved who was at home here; themselves see what is left here.
    pub(crate) async fn moved(&self, did_or_handle: &str, reader: Option<&Did>) -> Result<Option<MoveView>, Problem> {
        let did_or_handle = did_or_handle.to_owned();
        let moved = self.auth.move_fetch(MoveFetch { did_or_handle }).await?;
        Ok(moved.filter(|moved| reader.is_none_or(|reader| reader.canonical() != moved.did)))
    }

    /// Somebody's own profile, all of it.
    pub(crate) async fn own(&self, did: &Did) -> Result<ProfileView, Problem> {
        let view = self.view(did.as_str(), Some(did)).await?;
        view.ok_or_else(|| Problem::not_found("identity"))
    }

    pub(crate) async fn search(&self, search: ProfileSearch) -> Result<ProfilePage, Problem> {
        let public = self.site.public.clone();
        Ok(self
            .read(move |conn, context| domain::search::profile_search(conn, context, &public, &search))
            .await?)
    }

    /// Makes or changes the signer's profile.
    pub(crate) async fn set(
        &self,
        verified: Authorised<SoftTier>,
        set: ProfileSet,
        request: &SignedRequest,
        if_match: Option<IfMatch>,
    ) -> Result<(ProfileView, Made), Problem> {
        let did = verified.did().clone();
        let new = NewProfile {
            draft: ProfileDraft::of(set)?,
            identity: self.identity_of(&did).await?,
            change: Change::of(verified, request)?,
            if_match,
        };
        let made = self
            .write(move |conn, context| domain::change::profile_set(conn, context, &new))
            .await?;
        Ok((self.own(&did).await?, made))
    }

    /// Deletes the signer's profile and picture.
    pub(crate) async fn delete(
        &self,
        verified: Authorised<SoftTier>,
        request: &SignedRequest,
    ) -> Result<Made, Problem> {
        let change = Change::of(verified, request)?;
        Ok(self
            .write(move |conn, context| domain::change::profile_delete(conn, context, &change))
            .await?)
    }

    /// Sets the signer's picture.
    pub(crate) async fn avatar_set(
        &self,
        verified: Authorised<SoftTier>,
        set: AvatarSet,
        request: &SignedRequest,
    ) -> Result<(ProfileView, Made), Problem> {
        let did = verified.did().clone();
        let new = NewAvatar {
            identity: self.identity_of(&did).await?,
            pictures: self.decode(set).await?,
            change: Change::of(verified, request)?,
        };
        let made = self
            .write(move |conn, context| domain::avatar::avatar_set(conn, context, &new))
            .await?;
        Ok((self.own(&did).await?, made))
    }

    /// Removes the signer's picture.
    pub(crate) async fn avatar_remove(
        &self,
        verified: Authorised<SoftTier>,
        request: &SignedRequest,
    ) -> Result<(ProfileView, Made), Problem> {
        let did = verified.did().clone();
        let change = Change::of(verified, request)?;
        let made = self
            .write(move |conn, context| domain::avatar::avatar_remove(conn, context, &change))
            .await?;
        Ok((self.own(&did).await?, made))
    }

    /// Decodes a picture on a thread that may block, few at a time.
    async fn decode(&self, set: AvatarSet) -> Result<Pictures, Problem> {
        use base64::Engine as _;
        if set.image.len() / 4 * 3 > FILE_BYTES_MAX.saturating_add(3) {
            return Err(ProfileError::from(PictureError::FileTooLarge(set.image.len() / 4 * 3)).into());
        }
        let turn = self.decodes.acquire().await;
        let _turn = turn.map_err(|_closed| Problem::unavailable("The service `profile`"))?;
        let decoded = tokio::task::spawn_blocking(move || {
            let file = base64::engine::general_purpose::STANDARD
                .decode(set.image.as_bytes())
                .map_err(|_error| {
                    ProfileError::invalid("image", "must be base64 with padding (RFC 4648, section 4)")
                })?;
            drop(set);
            Ok::<_, ProfileError>(picture_read(&file)?)
        });
        match decoded.await {
            Ok(pictures) => Ok(pictures?),
            Err(error) => {
                tracing::error!(%error, "a picture broke its decoder");
                Err(Problem::new(Code::InvalidRequest, PictureError::Damaged.to_string()))
            }
        }
    }
}
