// The buy form, for a person whose key is in this browser: the order is signed here and sent as JSON.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { ProblemError, formRun } from './problem.js';

const form = element('buy', HTMLFormElement);
const status = element('status', HTMLElement);
const quantity = element('quantity', HTMLInputElement);

/** The request that the current idempotency key belongs to. Another choice is another order and gets a new key. */
let sent = '';
let idempotencyKey = '';

/** @param {string} order */
function keyFor(order) {
  const offered = form.elements.namedItem('idempotencyKey');
  if (idempotencyKey === '' && offered instanceof HTMLInputElement) {
    idempotencyKey = offered.value;
  } else if (sent !== order) {
    idempotencyKey = '';
  }
  idempotencyKey ||= crypto.randomUUID();
  sent = order;
  return idempotencyKey;
}

async function buy() {
  const did = form.dataset['did'] ?? '';
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign the order. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  const tierId = new FormData(form).get('tierId');
  const order = { eventId: form.dataset['event'], tierId, quantity: quantity.valueAsNumber };
  const answer = await signedFetch(identity, {
    method: 'POST',
    path: '/events/api/checkout',
    body: order,
    idempotencyKey: keyFor(JSON.stringify(order)),
  }).catch((error) => {
    // Refused is settled: the next try is a new one. Without an answer, the same key finds out what became of it.
    sent = error instanceof ProblemError && error.code !== 'idempotency_in_flight' ? '' : sent;
    throw error;
  });
  const target = new URL(answer.checkoutUrl ?? answer.url ?? `/orders/${answer.orderId ?? answer.id}`, location.origin);
  if (!['https:', location.protocol].includes(target.protocol)) {
    throw new Error('The node answered with an address that cannot be opened.');
  }
  location.assign(target);
}

/** The most places of the chosen tier bound the number. */
function limitShow() {
  const chosen = form.querySelector('input[name="tierId"]:checked');
  if (chosen instanceof HTMLInputElement && chosen.dataset['max'] !== undefined) {
    quantity.max = chosen.dataset['max'];
  }
}

form.addEventListener('change', limitShow);
limitShow();
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, status, 'Signing your order…', buy);
});
// Back from the payment page to this very page: what is bought now is another order.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) {
    idempotencyKey = crypto.randomUUID();
    sent = '';
    status.replaceChildren();
  }
});
