//! The payment page for wallets of Solana.

use imajin_ui::{SolanaPayPage, SolanaPayState, StrayPayment};

use super::{Ink, Sample, Who, sample};

const SIGNATURE: &str = "2JsgYKm8YayUt8oYTWMzg6RCJTb4UoUmkcFQFrBPNjgJfqhKZhmBvqZYvedL1BvFS9umBhUTNjKbCR4X5h3NbPgt";
const TRANSFER: &str = "solana:9vThEyoZyXHV3ENY7sU58rD6bMtEjFGAJ1ffdUaVWXL3?amount=20&spl-token=\
EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v&reference=Gzipq5neH6H49vnAxN61CNzELHjENz4z2CGmbRpwJ3U4&label=Linden&\
memo=imajin%20chk_01jd8x";

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    let page = |state| SolanaPayPage {
        shell: ink.shell("Pay", "/pay/checkout/chk_1", Who::Nobody),
        checkout_id: ink.text("chk_01jd8x"),
        title: ink.text("Two voices and a tape machine"),
        seller_name: ink.text("Kulturhaus Linden"),
        amount: ink.money("20.00"),
        expires: ink.now(),
        state,
        reason: ink.text(""),
        transaction_url: ink.text("solana:https://node.example/pay/solana/chk_01jd8x"),
        transfer_url: ink.text(TRANSFER),
        form: ink.text("Your payment goes to the 3 payees directly, in one transaction."),
        strays: ink.list(vec![StrayPayment {
            problem: ink.text("19.00 USDC arrived instead of 20.00 USDC; it goes back to where it came from."),
            signature: ink.text(SIGNATURE),
            when: ink.now(),
        }]),
        return_url: "/orders/ord_1".to_owned(),
    };
    vec![
        sample("pay-solana", &page(SolanaPayState::Open)),
        sample("pay-solana-settling", &page(SolanaPayState::Settling)),
        sample("pay-solana-paid", &page(SolanaPayState::Paid)),
        sample("pay-solana-expired", &page(SolanaPayState::Expired)),
        sample("pay-solana-refunded", &page(SolanaPayState::Refunded)),
    ]
}
