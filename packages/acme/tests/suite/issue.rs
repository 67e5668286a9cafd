use async_trait::async_trait;
use imajin_acme::{AcmeError, Answer, CertificateFacts, ChallengeKind, Issued, Solver};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::world::{NAME, World};

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

/// Whether a server can use it: the key fits the certificate.
fn is_usable(issued: &Issued) -> bool {
    use rustls::pki_types::pem::PemObject;
    let chain: Result<Vec<_>, _> =
        rustls::pki_types::CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key_der.to_vec()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    CertifiedKey::new(chain.unwrap(), key).keys_match().is_ok()
}

#[tokio::test]
async fn a_wildcard_is_certified_through_dns_and_the_account_is_kept() {
    let world = World::start().await;
    let wanted = names(&[NAME, "*.alice.nodes.example"]);
    let (account, kept) = world.authority.account_create().await.unwrap();
    let issued = account.issue(&wanted, &world.dns01("password")).await.unwrap();
    assert!(is_usable(&issued), "{}", world.pebble.log());
    let facts = CertificateFacts::read(&issued.chain_pem).unwrap();
    assert!(facts.covers(&wanted));
    assert!(facts.not_before < facts.renew_at() && facts.renew_at() < facts.not_after);

    // After a restart, and again two texts where the former two were.
    let account = world.authority.account_restore(&kept).await.unwrap();
    let again = account.issue(&wanted, &world.dns01("password")).await.unwrap();
    assert_ne!(again.chain_pem, issued.chain_pem);
    assert_ne!(*again.key_der, *issued.key_der);
}

#[tokio::test]
async fn a_name_is_certified_through_its_port_80() {
    let world = World::start().await;
    let (account, _kept) = world.authority.account_create().await.unwrap();
    let issued = account.issue(&names(&[NAME]), &world.http01).await.unwrap();
    assert!(is_usable(&issued));

    let wildcard = account.issue(&names(&["*.alice.nodes.example"]), &world.http01).await;
    let refused = wildcard.err().unwrap().to_string();
    assert!(refused.contains("a wildcard needs dns-01"), "{refused}");
}

/// Publishes nothing.
struct Nothing;

#[async_trait]
impl Solver for Nothing {
    fn kind(&self) -> ChallengeKind {
        ChallengeKind::Http01
    }

    async fn present(&self, _answers: &[Answer]) -> Result<(), AcmeError> {
        Ok(())
    }

    async fn withdraw(&self, _answers: &[Answer]) {}
}

#[tokio::test]
async fn what_went_wrong_is_said() {
    let world = World::start().await;
    let (account, _kept) = world.authority.account_create().await.unwrap();
    let said = |outcome: Result<Issued, AcmeError>| outcome.err().unwrap().to_string();

    let unseen = said(account.issue(&names(&[NAME]), &Nothing).await);
    assert!(unseen.contains("could not check alice.nodes.example"), "{unseen}");
    let locked_out = said(account.issue(&names(&[NAME]), &world.dns01("another")).await);
    assert!(
        locked_out.contains("cannot be published") && locked_out.contains("forbidden"),
        "{locked_out}"
    );
    assert!(!locked_out.contains("another"), "{locked_out}");
    let foreign = said(
        account
            .issue(&names(&["bob.nodes.example"]), &world.dns01("password"))
            .await,
    );
    assert!(
        foreign.contains("for alice.nodes.example, not for bob.nodes.example"),
        "{foreign}"
    );
    let broken = world.authority.account_restore("{}").await.err().unwrap().to_string();
    assert!(broken.contains("stored account"), "{broken}");

    let away = imajin_acme::Authority {
        directory: "https://127.0.0.1:9/dir".parse().unwrap(),
        ..world.authority.clone()
    };
    let away = away.account_create().await.err().unwrap().to_string();
    assert!(away.contains("cannot be reached"), "{away}");
}
