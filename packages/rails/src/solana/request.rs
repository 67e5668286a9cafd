//! Payment requests in the form that wallets read (the Solana Pay specification), and the reference of a checkout.

use imajin_did::{Keyring, SecretKey};
use imajin_kernel::id::CheckoutId;
use serde::{Deserialize, Serialize};

use super::wire::Blockhash;
use super::{Address, Payment, SolanaError};

/// The reference of a checkout: an address that follows from the node's master key and belongs to this checkout alone.
/// Nobody pays to it; payments carry it and are found by it.
pub fn reference(keyring: &Keyring, checkout: CheckoutId) -> Address {
    reference_of(keyring, "checkout", &checkout.to_string())
}

/// The public half of a key that is never used: a reference says nothing about the secret that it is derived from.
pub(crate) fn reference_of(keyring: &Keyring, kind: &str, name: &str) -> Address {
    let seed = keyring.derive(&format!("rail/solana/{kind}/{name}"));
    Address::from(SecretKey::from_seed(seed).public())
}

/// What the wallet shows of the one who is paid.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Who is paid.
    pub label: &'a str,
    /// What for.
    pub message: &'a str,
}

/// A *transfer request*: the wallet itself makes one transfer of the whole price to the node. It cannot split.
///
/// The memo is that of the payment; the text is also what the QR code holds.
pub fn transfer_request_url(payment: &Payment, shown: &Shown<'_>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("amount", &payment.coin.decimal(payment.gross));
    if let Some(mint) = &payment.coin.mint {
        query.append_pair("spl-token", &mint.to_string());
    }
    query
        .append_pair("reference", &payment.reference.to_string())
        .append_pair("label", shown.label)
        .append_pair("message", shown.message)
        .append_pair("memo", &payment.memo());
    // Wallets decode percent signs, and not all of them read a plus as a space.
    let query = query.finish().replace('+', "%20");
    format!("solana:{}?{query}", payment.single.owner)
}

/// A *transaction request*: the wallet asks `endpoint` for the transaction, which may split. `endpoint` must be HTTPS
/// for a wallet to ask it.
pub fn transaction_request_url(endpoint: &str) -> String {
    // An address with a query of its own is encoded as a whole, so that a wallet does not take it for its own.
    let link: String = if endpoint.contains('?') {
        url::form_urlencoded::byte_serialize(endpoint.as_bytes()).collect()
    } else {
        endpoint.to_owned()
    };
    format!("solana:{link}")
}

/// The answer to a wallet's GET.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointInfo {
    /// Who is paid.
    pub label: String,
    /// His picture: an absolute HTTPS address of an SVG, PNG or WebP.
    pub icon: String,
}

/// A wallet's POST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRequest {
    /// Who will pay and sign.
    pub account: Address,
}

/// The answer to a wallet's POST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointAnswer {
    /// The transaction to sign and send, in Base64.
    pub transaction: String,
    /// What the wallet shows beside it.
    pub message: String,
}

/// The transaction for a wallet, at the blockhash of now. Nobody but the payer signs it, and the wallet may renew the
/// blockhash.
///
/// # Errors
/// [`SolanaError::Address`] for a payer that cannot sign; [`SolanaError::Wire`] when it does not fit.
pub fn endpoint_answer(
    payment: &Payment,
    request: &EndpointRequest,
    blockhash: &Blockhash,
    message: &str,
) -> Result<EndpointAnswer, SolanaError> {
    if !request.account.is_on_curve() {
        return Err(SolanaError::Address);
    }
    let transaction = payment.message(&request.account, blockhash)?.unsigned();
    Ok(EndpointAnswer {
        transaction: base64_text(&transaction),
        message: message.to_owned(),
    })
}

pub(crate) fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use imajin_kernel::{Env, ManualClock, Timestamp};
    use imajin_money::{Amount, Asset};

    use super::*;
    use crate::solana::{Network, PlanInput, Priority, Share, Standing};

    #[test]
    fn requests_are_written_as_the_official_library_reads_them() {
        let address = |text: &str| -> Address { text.parse().unwrap() };
        let node = address("9vThEyoZyXHV3ENY7sU58rD6bMtEjFGAJ1ffdUaVWXL3");
        let checkout = Env::fixed(ManualClock::at(Timestamp::from_seconds(0)), 1).new_id();
        let gross = Amount::from_micros(10_500_000).unwrap();
        let share = Share {
            did: SecretKey::from_seed([1; 32]).did(),
            amount: gross,
            address: None,
            held: false,
        };
        let input = PlanInput {
            checkout,
            reference: address("Gzipq5neH6H49vnAxN61CNzELHjENz4z2CGmbRpwJ3U4"),
            coin: Network::Mainnet.coin(Asset::USDC).unwrap(),
            gross,
            shares: &[share],
            node,
            priority: Priority::default(),
            standing: &|_account| Standing::Ready,
        };
        let payment = Payment::plan(&input).unwrap();
        let shown = Shown {
            label: "A & B",
            message: "Two tickets",
        };
        // `parseURL` of @solana/pay 0.2.6 gives back each of the members.
        let wanted = format!(
            "solana:9vThEyoZyXHV3ENY7sU58rD6bMtEjFGAJ1ffdUaVWXL3?amount=10.5&spl-token=\
             EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v&reference=Gzipq5neH6H49vnAxN61CNzELHjENz4z2CGmbRpwJ3U4&\
             label=A%20%26%20B&message=Two%20tickets&memo=imajin%20{checkout}"
        );
        assert_eq!(transfer_request_url(&payment, &shown), wanted);
        for (endpoint, link) in [
            (
                "https://node.example/pay/solana/chk_01jd8x",
                "solana:https://node.example/pay/solana/chk_01jd8x",
            ),
            (
                "https://node.example/pay/solana/chk?a=1",
                "solana:https%3A%2F%2Fnode.example%2Fpay%2Fsolana%2Fchk%3Fa%3D1",
            ),
        ] {
            assert_eq!(transaction_request_url(endpoint), link);
        }
    }

    #[test]
    fn references_are_the_same_again_and_nobody_elses() {
        let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(0)), 1);
        let (keyring, other) = (Keyring::generate(&env), Keyring::generate(&env));
        let (one, two) = (env.new_id(), env.new_id());
        assert_eq!(reference(&keyring, one), reference(&keyring, one));
        assert_ne!(reference(&keyring, one), reference(&keyring, two));
        assert_ne!(reference(&keyring, one), reference(&other, one));
        assert_ne!(
            reference(&keyring, one),
            reference_of(&keyring, "payout", &one.to_string())
        );
    }
}
