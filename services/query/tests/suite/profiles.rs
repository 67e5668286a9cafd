//! The service that keeps what people say about themselves, as far as the tests need it: ada has a profile.

use std::sync::Mutex;

use imajin_kernel::Problem;
use imajin_profile_api::{
    Contact, ContactField, ProfileApi, ProfileDeleted, ProfileFetch, ProfileLink, ProfilePage, ProfileSearch,
    ProfileView, Visibility,
};
use imajin_proof::http_sig::SignedRequest;
use imajin_web::macro_support::async_trait;
use tokio::sync::oneshot::{Receiver, Sender, channel};

use crate::world::key;

type Pause = (Sender<()>, Receiver<()>);

/// ada's profile, and where a test holds its reading up.
#[derive(Default)]
pub(crate) struct FakeProfiles(Mutex<Option<Pause>>);

impl FakeProfiles {
    /// The next reading says that it has begun, and then waits.
    pub(crate) fn pause(&self) -> (Receiver<()>, Sender<()>) {
        let ((begun, asked), (go_on, waits)) = (channel(), channel());
        *self.0.lock().unwrap() = Some((begun, waits));
        (asked, go_on)
    }
}

fn contact(value: &str, visibility: Visibility) -> ContactField {
    ContactField {
        value: value.to_owned(),
        visibility,
    }
}

#[async_trait]
impl ProfileApi for FakeProfiles {
    async fn profile_fetch(&self, request: ProfileFetch) -> Result<Option<ProfileView>, Problem> {
        let pause = self.0.lock().unwrap().take();
        if let Some((begun, waits)) = pause {
            begun.send(()).unwrap();
            waits.await.unwrap();
        }
        let did = key("ada").did();
        assert_eq!(
            request.reader.as_ref(),
            Some(&did),
            "what is told is what she sees herself"
        );
        Ok((request.did_or_handle == did.as_str()).then(|| ProfileView {
            did,
            handle: Some("ada".to_owned()),
            display_name: "Ada".to_owned(),
            display_type: "human".to_owned(),
            bio: Some("I count.".to_owned()),
            avatar: None,
            avatar_small: None,
            links: vec![ProfileLink {
                label: String::new(),
                url: "https://ada.example".to_owned(),
            }],
            contact: Contact {
                email: None,
                phone: Some(contact("+44 1", Visibility::Nobody)),
                location: Some(contact("London", Visibility::Connections)),
            },
            version: 1,
            created_at: None,
            updated_at: None,
        }))
    }

    async fn profile_search(&self, _request: ProfileSearch) -> Result<ProfilePage, Problem> {
        Err(Problem::internal())
    }

    async fn profile_set(&self, _request: SignedRequest) -> Result<ProfileView, Problem> {
        Err(Problem::internal())
    }

    async fn profile_delete(&self, _request: SignedRequest) -> Result<ProfileDeleted, Problem> {
        Err(Problem::internal())
    }

    async fn avatar_set(&self, _request: SignedRequest) -> Result<ProfileView, Problem> {
        Err(Problem::internal())
    }

    async fn avatar_remove(&self, _request: SignedRequest) -> Result<ProfileView, Problem> {
        Err(Problem::internal())
    }
}
