// Where somebody is paid on Solana: the address in force, and another one, which its wallet proves.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun, jsonGet } from './problem.js';

const PATH = '/pay/api/connect/solana';
const page = element('earnings', HTMLElement);
const did = page.dataset['did'] ?? '';
const status = element('chain-status', HTMLElement);
const askForm = element('chain-ask', HTMLFormElement);
const proveForm = element('chain-prove', HTMLFormElement);
const removeForm = element('chain-remove', HTMLFormElement);
const walletButton = element('chain-wallet', HTMLButtonElement);
const signatureField = element('chain-signature', HTMLInputElement);

/** What the wallet is to sign now. @type {any} */
let challenge;

/** The wallet that runs in this browser, if there is one. @returns {any} */
function browserWallet() {
  return /** @type {any} */ (window)['solana'];
}

/** @param {'PUT' | 'DELETE'} method @param {unknown} body */
async function send(method, body) {
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign for you. ' +
      'Use the browser that holds it, or the command line: imajin payout address set.');
  }
  await signedFetch(identity, { method, path: PATH, body });
  await show();
}

async function show() {
  const { bound } = await jsonGet(PATH);
  element('chain', HTMLElement).hidden = false;
  element('chain-none', HTMLElement).hidden = bound !== undefined;
  element('chain-bound', HTMLElement).hidden = bound === undefined;
  element('chain-address', HTMLElement).textContent = bound?.address ?? '';
  removeForm.hidden = bound === undefined;
  proveForm.hidden = true;
  element('chain-change', HTMLElement).hidden = page.dataset['signer'] !== 'key';
  status.replaceChildren();
}

async function ask() {
  const wanted = element('chain-wanted', HTMLInputElement).value.trim();
  ({ challenge } = await jsonGet(`${PATH}?address=${encodeURIComponent(wanted)}`));
  element('chain-text', HTMLElement).textContent = challenge.message;
  signatureField.value = '';
  walletButton.hidden = typeof browserWallet()?.signMessage !== 'function';
  proveForm.hidden = false;
  status.replaceChildren();
}

async function walletSign() {
  const wallet = browserWallet();
  await wallet.connect();
  const signed = await wallet.signMessage(new TextEncoder().encode(challenge.message), 'utf8');
  const hex = [...signed.signature].map((/** @type {number} */ byte) => byte.toString(16).padStart(2, '0'));
  signatureField.value = hex.join('');
  status.replaceChildren();
}

/** @param {HTMLFormElement} form @param {string} doing @param {() => Promise<void>} act */
function onSubmit(form, doing, act) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, status, doing, act);
  });
}

onSubmit(askForm, 'Asking…', ask);
onSubmit(proveForm, 'Signing…', () => send('PUT', {
  address: challenge.address,
  nonce: challenge.nonce,
  issuedAt: challenge.issuedAt,
  signature: signatureField.value.trim(),
}));
onSubmit(removeForm, 'Signing…', () => send('DELETE', null));
walletButton.addEventListener('click', () => {
  void formRun(proveForm, status, 'Waiting for the wallet…', walletSign);
});

/** A node without Solana shows nothing of this. */
async function showIfThereIsSolana() {
  const { rails } = await jsonGet('/pay/api/rails');
  if (rails.some((/** @type {any} */ rail) => rail.name === 'solana' && rail.open)) {
    await show();
  }
}

showIfThereIsSolana().catch(() => undefined);
