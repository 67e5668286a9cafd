// Paying for a work, for a person whose key is in this browser: from the balance, or by a checkout.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';

const form = element('pay', HTMLFormElement);
const status = element('status', HTMLElement);

async function identityRequire() {
  const identity = await identityFetch(form.dataset['did'] ?? '');
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign the payment. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  return identity;
}

const goods = { type: 'content', id: form.dataset['work'] };

async function payFromBalance() {
  const identity = await identityRequire();
  const quote = await signedFetch(identity, { method: 'POST', path: '/pay/api/quote', body: { goods } });
  // A quote is paid once, so its own name makes the payment safe to repeat.
  const settled = await signedFetch(identity, {
    method: 'POST',
    path: '/pay/api/settle',
    body: { quoteId: quote.id, means: 'balance' },
    idempotencyKey: quote.id,
  });
  if (settled.state === 'refunded') {
    throw new Error(`The money is back in your balance: ${settled.reason}`);
  }
  location.reload();
}

async function payByCheckout() {
  const identity = await identityRequire();
  const back = location.pathname;
  const checkout = await signedFetch(identity, {
    method: 'POST',
    path: '/pay/api/checkout',
    body: { goods, successUrl: back, cancelUrl: back },
  });
  const target = new URL(checkout.url, location.origin);
  if (!['https:', location.protocol].includes(target.protocol)) {
    throw new Error('The node answered with an address that cannot be opened.');
  }
  location.assign(target);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const chosen = event.submitter instanceof HTMLButtonElement ? event.submitter.value : 'checkout';
  void formRun(form, status, 'Signing your payment…', chosen === 'balance' ? payFromBalance : payByCheckout);
});
window.addEventListener('pageshow', (event) => {
  if (event.persisted) {
    location.reload();
  }
});
