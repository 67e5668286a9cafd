//! `/pay/checkout/{id}` of a checkout that is paid with a wallet of Solana.

use askama::Template;

use crate::{MoneyText, Shell, When};

/// Where a buyer pays with a wallet: by a link on the same device, or a code for another one.
#[derive(Debug, Clone, Template)]
#[template(path = "pay_solana.html")]
pub struct SolanaPayPage {
    /// The frame.
    pub shell: Shell,
    /// Identifier of the checkout.
    pub checkout_id: String,
    /// What is being paid for.
    pub title: String,
    /// Whom it goes to.
    pub seller_name: String,
    /// What is to be paid.
    pub amount: MoneyText,
    /// Until when it can be paid.
    pub expires: When,
    /// Whether it can still be paid.
    pub state: SolanaPayState,
    /// What became of it, when something is to be said beside the state; may be empty.
    pub reason: String,
    /// The transaction request: `solana:https://…`.
    pub transaction_url: String,
    /// The transfer request: `solana:<address>?…`, for wallets that know nothing else.
    pub transfer_url: String,
    /// Who is paid on the chain, in one sentence: the payees themselves, or the node and why.
    pub form: String,
    /// Payments that arrived and did not pay, the newest first.
    pub strays: Vec<StrayPayment>,
    /// Where to go back to: a path of this node.
    pub return_url: String,
}

/// A payment that arrived and did not pay.
#[derive(Debug, Clone)]
pub struct StrayPayment {
    /// What is wrong with it and what becomes of it.
    pub problem: String,
    /// The transaction.
    pub signature: String,
    /// When it arrived.
    pub when: When,
}

/// How far a payment on the chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SolanaPayState {
    /// Nothing has arrived.
    #[default]
    Open,
    /// Something is on the chain and not final.
    Settling,
    /// It was paid.
    Paid,
    /// The time has passed.
    Expired,
    /// It was paid and the money went back.
    Refunded,
}

impl SolanaPayState {
    /// Whether the codes are shown.
    pub fn is_open(self) -> bool {
        self == Self::Open
    }

    /// After how many seconds the page looks again by itself; 0: never. Not so often that nobody can scan the code.
    pub fn refresh_seconds(self) -> u8 {
        match self {
            Self::Open => 10,
            Self::Settling => 3,
            Self::Paid | Self::Expired | Self::Refunded => 0,
        }
    }

    /// For the attribute that tests and style sheets read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settling => "settling",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }

    /// What is to be done, or what became of it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Open => "Scan the code with your wallet, or open the wallet on this device.",
            Self::Settling => "Your payment is on the chain. It takes about fifteen seconds until it is final.",
            Self::Paid => "This was paid. There is nothing more to do here.",
            Self::Expired => "This payment is no longer open. What arrives now is sent back.",
            Self::Refunded => "This was paid, and the money went back.",
        }
    }

    /// Colour of the state.
    pub fn tone(self) -> &'static str {
        match self {
            Self::Open | Self::Expired | Self::Refunded => "calm",
            Self::Settling => "warn",
            Self::Paid => "good",
        }
    }
}

impl SolanaPayPage {
    pub(crate) fn transaction_qr(&self) -> Option<String> {
        crate::qr_svg(&self.transaction_url).ok()
    }

    pub(crate) fn transfer_qr(&self) -> Option<String> {
        crate::qr_svg(&self.transfer_url).ok()
    }
}

/// A payment request as a link; anything else leads nowhere.
pub(crate) fn wallet_href(url: &str) -> &str {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ":/?&=%._~-+*".contains(letter);
    match url.strip_prefix("solana:") {
        Some(rest) if !rest.is_empty() && rest.chars().all(plain) => url,
        _ => "#",
    }
}

#[cfg(test)]
mod tests {
    use super::wallet_href;

    #[test]
    fn only_payment_requests_are_linked() {
        for good in [
            "solana:https://node.example/pay/solana/chk_1",
            "solana:9WzD?amount=1.5&label=A%20node",
        ] {
            assert_eq!(wallet_href(good), good);
        }
        for bad in [
            "",
            "solana:",
            "javascript:alert(1)",
            "solana:\" onclick=",
            "solana:a b",
            "https://example.org",
        ] {
            assert_eq!(wallet_href(bad), "#", "{bad}");
        }
    }
}
