//! The process ends between any two durable steps, and goes on after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use imajin_kernel::{Problem, Span};
use imajin_pay::{Interrupt, PayConfig, Step};
use imajin_pay_api::CheckoutState;
use imajin_rails::RailOutcome;
use imajin_testkit::{Backend, on_both};

use crate::world::{World, key};

on_both!(
    a_payment_survives_a_crash_at_every_step,
    a_refund_survives_a_crash_at_every_step
);

/// Cuts the power at a step: from then on nothing more is done.
fn cut_at(step: Step) -> (PayConfig, Arc<AtomicBool>) {
    let dead = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dead);
    let interrupt = Interrupt::new(move |now| {
        if now == step {
            flag.store(true, Ordering::SeqCst);
        }
        if flag.load(Ordering::SeqCst) {
            Err(Problem::internal())
        } else {
            Ok(())
        }
    });
    (
        PayConfig {
            interrupt,
            ..PayConfig::default()
        },
        dead,
    )
}

/// Pays, dies at the step, restarts with the message delivered again, and lets everything happen.
async fn crash_and_restart(backend: Backend, step: Step, refuses: bool) -> (World, CheckoutState, bool) {
    let (config, dead) = cut_at(step);
    let world = World::with(backend, config).await;
    world.seller.refuses.store(refuses, Ordering::SeqCst);
    let checkout = world.checkout("buyer").await;
    let event = world.event(&checkout, RailOutcome::Paid);
    world.webhook(&event).await;
    if !dead.load(Ordering::SeqCst) {
        world.pay.drive().await.unwrap();
    }
    world.audit_clean().await;
    let died = dead.load(Ordering::SeqCst);
    // The seller changes its mind meanwhile: what it has decided stays decided.
    let world = world.restart(PayConfig::default()).await;
    world.clock.advance(Span::hours(1));
    world.webhook(&event).await;
    world.pay.drive().await.unwrap();
    world.pay.sweep().await.unwrap();
    world.clock.advance(Span::hours(1));
    world.pay.drive().await.unwrap();
    world.audit_clean().await;
    let state = world.state(checkout.id).await;
    (world, state, died)
}

async fn a_payment_survives_a_crash_at_every_step(backend: Backend) {
    for step in Step::ALL {
        let (world, state, died) = crash_and_restart(backend, step, false).await;
        assert_eq!(state, CheckoutState::Settled, "after a crash at {step:?}");
        assert_eq!(
            died,
            !matches!(step, Step::RefundBooked | Step::RefundAnswered),
            "{step:?} is on the path"
        );
        assert_eq!(world.seller.delivered(), 1);
        assert_eq!(world.available("mira").await, "7.00 TEST-USD");
        assert_eq!(world.balance(&key("buyer").did(), "held").await, "0");
    }
}

async fn a_refund_survives_a_crash_at_every_step(backend: Backend) {
    for step in Step::ALL {
        let (world, state, died) = crash_and_restart(backend, step, true).await;
        assert_eq!(state, CheckoutState::Refunded, "after a crash at {step:?}");
        assert_eq!(died, step != Step::Settled, "{step:?} is on the path");
        assert_eq!(world.seller.delivered(), 0);
        assert_eq!(world.available("mira").await, "0");
        assert_eq!(world.balance(&key("buyer").did(), "held").await, "0");
    }
}
