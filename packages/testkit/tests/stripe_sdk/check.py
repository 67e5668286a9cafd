"""The official library against the peer: every object, refusal and signature that the node relies on.

Arguments: the peer's URL, its key, a restricted key that may do refunds only. The peer's customer is the test itself:
a line on standard output asks for something to happen, a line on standard input says that it has.
"""

import json
import sys

import stripe

base, key, restricted = sys.argv[1:4]
stripe.api_base = base
stripe.max_network_retries = 0
client = stripe.StripeClient(key, base_addresses={"api": base}, max_network_retries=0)


def ask(**what):
    print(json.dumps(what), flush=True)
    return json.loads(sys.stdin.readline())


def refused(kind, call, **members):
    try:
        call()
    except kind as error:
        for name, value in members.items():
            found = getattr(error, name)
            assert found == value, f"{name}: {found!r} instead of {value!r}"
        return error
    raise AssertionError(f"no {kind.__name__}")


def session_params(amount=1000, **more):
    price = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "A ticket"}}
    return {
        "mode": "payment",
        "success_url": "https://node.example/orders/1",
        "cancel_url": "https://node.example/events/1",
        "client_reference_id": "chk_1",
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": {"imajin_checkout": "chk_1"},
        "payment_intent_data": {"capture_method": "automatic", "metadata": {"imajin_checkout": "chk_1"}},
        **more,
    }


def sessions():
    made = client.v1.checkout.sessions.create(session_params(), {"idempotency_key": "one"})
    assert isinstance(made, stripe.checkout.Session)
    assert (made.status, made.payment_status, made.amount_total) == ("open", "unpaid", 1000)
    assert made.metadata["imajin_checkout"] == "chk_1" and made.livemode is False
    again = client.v1.checkout.sessions.create(session_params(), {"idempotency_key": "one"})
    assert again.id == made.id and again.last_response.headers["Idempotent-Replayed"] == "true"
    refused(
        stripe.IdempotencyError,
        lambda: client.v1.checkout.sessions.create(session_params(1001), {"idempotency_key": "one"}),
        http_status=400,
    )
    invalid = stripe.InvalidRequestError
    sessions = client.v1.checkout.sessions
    refused(invalid, lambda: sessions.create(session_params(49)), code="amount_too_small")
    refused(invalid, lambda: sessions.create(session_params(expires_at=1)), param="expires_at")
    refused(invalid, lambda: sessions.create(session_params(success_url="/orders")), code="url_invalid")
    refused(invalid, lambda: sessions.create({**session_params(), "colour": "red"}), code="parameter_unknown")
    refused(invalid, lambda: sessions.retrieve("cs_test_none"), code="resource_missing", http_status=404)
    other = sessions.create(session_params())
    assert sessions.expire(other.id).status == "expired"
    refused(invalid, lambda: sessions.expire(other.id), http_status=400)
    return made


def payment(session):
    ask(do="decline", session=session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    intent_id = ask(do="pay", session=session.id)["intent"]
    session = client.v1.checkout.sessions.retrieve(session.id)
    assert (session.status, session.payment_status, session.payment_intent) == ("complete", "paid", intent_id)
    expand = {"expand": ["latest_charge.balance_transaction"]}
    intent = client.v1.payment_intents.retrieve(intent_id, expand)
    assert isinstance(intent, stripe.PaymentIntent) and intent.status == "succeeded"
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge) and charge.paid and charge.amount == 1000
    balance = charge.balance_transaction
    assert isinstance(balance, stripe.BalanceTransaction)
    assert (balance.amount, balance.fee, balance.net) == (1000, 59, 941)
    return charge


def refunds(charge):
    params = {"payment_intent": charge.payment_intent, "amount": 400, "metadata": {"imajin_refund": "out_1"}}
    part = client.v1.refunds.create(params, {"idempotency_key": "refund"})
    assert isinstance(part, stripe.Refund) and (part.status, part.amount) == ("succeeded", 400)
    too_much = {"payment_intent": charge.payment_intent, "amount": 601}
    refused(stripe.InvalidRequestError, lambda: client.v1.refunds.create(too_much), param="amount")
    client.v1.refunds.create({"payment_intent": charge.payment_intent})
    refused(
        stripe.InvalidRequestError,
        lambda: client.v1.refunds.create({"payment_intent": charge.payment_intent}),
        code="charge_already_refunded",
    )
    listed = client.v1.refunds.list({"payment_intent": charge.payment_intent})
    assert [refund.amount for refund in listed.data] == [600, 400]
    assert listed.data[1].metadata["imajin_refund"] == "out_1"
    assert client.v1.charges.retrieve(charge.id).refunded is True


def disputes():
    session = client.v1.checkout.sessions.create(session_params())
    intent = ask(do="pay", session=session.id)["intent"]
    dispute = client.v1.disputes.retrieve(ask(do="dispute", intent=intent)["dispute"])
    assert isinstance(dispute, stripe.Dispute) and dispute.status == "needs_response"
    assert dispute.balance_transactions[0].net == -2500
    refused(
        stripe.InvalidRequestError,
        lambda: client.v1.refunds.create({"payment_intent": intent}),
        code="charge_disputed",
    )
    ask(do="lose", dispute=dispute.id)
    assert client.v1.disputes.retrieve(dispute.id).status == "lost"


def connect():
    params = {
        "country": "US",
        "controller": {"fees": {"payer": "application"}, "losses": {"payments": "application"}},
        "capabilities": {"transfers": {"requested": True}},
        "metadata": {"imajin_did": "did:mjn:z6Mk"},
    }
    account = client.v1.accounts.create(params)
    assert isinstance(account, stripe.Account) and not account.payouts_enabled
    link = {"account": account.id, "type": "account_onboarding", "refresh_url": base, "return_url": base}
    made = client.v1.account_links.create(link)
    assert isinstance(made, stripe.AccountLink) and made.url.startswith(base)
    session = client.v1.checkout.sessions.create(session_params())
    intent = client.v1.payment_intents.retrieve(ask(do="pay", session=session.id)["intent"])
    transfer = {
        "amount": 700, "currency": "usd", "destination": account.id, "source_transaction": intent.latest_charge,
    }
    invalid = stripe.InvalidRequestError
    refused(invalid, lambda: client.v1.transfers.create(transfer), code="insufficient_capabilities_for_transfer")
    ask(do="onboard", account=account.id)
    assert client.v1.accounts.retrieve(account.id).payouts_enabled
    made = client.v1.transfers.create(transfer, {"idempotency_key": "transfer"})
    assert isinstance(made, stripe.Transfer) and made.amount == 700
    assert client.v1.transfers.create(transfer, {"idempotency_key": "transfer"}).id == made.id
    refused(invalid, lambda: client.v1.transfers.create(transfer))
    without = {name: value for name, value in transfer.items() if name != "source_transaction"}
    refused(invalid, lambda: client.v1.transfers.create(without), code="balance_insufficient")
    reversal = client.v1.transfers.reversals.create(made.id, {"amount": 200})
    assert isinstance(reversal, stripe.TransferReversal) and reversal.amount == 200
    assert client.v1.transfers.retrieve(made.id).amount_reversed == 200
    payout = client.v1.payouts.create({"amount": 500, "currency": "usd"}, {"stripe_account": account.id})
    assert isinstance(payout, stripe.Payout) and payout.status == "pending"


def callers():
    wrong = stripe.StripeClient("sk_test_wrong", base_addresses={"api": base}, max_network_retries=0)
    refused(stripe.AuthenticationError, lambda: wrong.v1.accounts.retrieve_current(), http_status=401)
    part = stripe.StripeClient(restricted, base_addresses={"api": base}, max_network_retries=0)
    refused(stripe.PermissionError, lambda: part.v1.checkout.sessions.create(session_params()), http_status=403)
    assert part.v1.refunds.list().data
    ask(do="fault", kind="rate", path="/v1/account")
    refused(stripe.RateLimitError, lambda: client.v1.accounts.retrieve_current(), http_status=429)
    ask(do="fault", kind="error", path="/v1/account")
    refused(stripe.APIError, lambda: client.v1.accounts.retrieve_current(), http_status=500)
    ask(do="fault", kind="lost", path="/v1/checkout")
    lost = {"idempotency_key": "lost"}
    refused(stripe.APIConnectionError, lambda: client.v1.checkout.sessions.create(session_params(), lost))
    found = client.v1.checkout.sessions.create(session_params(), lost)
    assert found.last_response.headers["Idempotent-Replayed"] == "true"
    assert client.v1.accounts.retrieve_current().object == "account"


def messages():
    told = ask(do="messages")
    kinds = set()
    for message in told["messages"]:
        event = stripe.Webhook.construct_event(message["body"], message["signature"], told["secret"])
        assert isinstance(event, stripe.Event) and event.api_version == stripe.api_version, event.api_version
        kinds.add(event.type)
        refused(
            stripe.SignatureVerificationError,
            lambda: stripe.Webhook.construct_event(message["body"] + " ", message["signature"], told["secret"]),
        )
    expected = {
        "checkout.session.completed", "checkout.session.expired", "payment_intent.payment_failed", "charge.updated",
        "charge.dispute.created", "charge.dispute.closed", "account.updated", "transfer.reversed", "refund.created",
    }
    assert expected <= kinds, expected - kinds


refunds(payment(sessions()))
disputes()
connect()
callers()
messages()
ask(do="done")
