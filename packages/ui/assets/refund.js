// The seller, or the operator, sends a payment back: signed with the key in this browser.

import { toHex } from './bytes.js';
import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';

const form = element('refund', HTMLFormElement);
const main = element('main', HTMLElement);
/** The same for every attempt from this page: money goes back once. */
let idempotencyKey = toHex(crypto.getRandomValues(new Uint8Array(16)));

/** @param {string} name */
function text(name) {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value.trim() : '';
}

// What is changed is another refund.
form.addEventListener('input', () => {
  idempotencyKey = toHex(crypto.getRandomValues(new Uint8Array(16)));
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, element('refund-status', HTMLElement), 'Sending it back…', async () => {
    const identity = await identityFetch(main.dataset['did'] ?? '');
    if (identity === undefined) {
      throw new Error('You are signed in, but your key is not in this browser, so it cannot sign this. ' +
        'Use the browser that holds it, or let this one in as a new device first.');
    }
    const amount = { amount: text('amount').replace(',', '.'), currency: form.dataset['currency'] ?? '' };
    const reason = text('reason');
    const body = { receipt: main.dataset['receipt'], amount, ...(reason === '' ? {} : { reason }) };
    await signedFetch(identity, { method: 'POST', path: '/pay/api/refund', body, idempotencyKey });
    location.reload();
  });
});
