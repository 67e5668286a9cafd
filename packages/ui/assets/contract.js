// One's own distribution contract: written here, tried on a sample by the node, and signed with the key in this
// browser.

import { nodeNow } from './clock.js';
import { contractDraft, contractSign, decimal } from './contract-draft.js';
import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element, fromTemplate, part } from './page.js';
import { formRun, jsonGet, jsonPost, problemShow, statusShow } from './problem.js';

const form = element('contract', HTMLFormElement);
const rows = element('rows', HTMLElement);
const status = element('status', HTMLElement);
const signButton = element('sign-button', HTMLButtonElement);
const did = form.dataset['did'] ?? '';

let nextVersion = 1;
/** What the effect was shown for; only that is signed. */
let previewed = '';

/** @param {string} name */
function text(name) {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
}

/** How many rows there were: each field has a name of its own for its label. */
let rowsMade = 0;

/** @param {{ label: string, recipient: string, percentage: string }} values */
function rowAdd({ label, recipient, percentage }) {
  const row = fromTemplate('row-template');
  rowsMade += 1;
  for (const [name, value] of Object.entries({ label, recipient, percentage })) {
    const input = part(row, `input[name=${name}]`, HTMLInputElement);
    part(row, `label[for=part-${name}]`, HTMLLabelElement).htmlFor = `part-${name}-${rowsMade}`;
    input.id = `part-${name}-${rowsMade}`;
    input.value = value;
  }
  part(row, 'button[name=remove]', HTMLButtonElement).addEventListener('click', () => {
    row.remove();
    changed();
  });
  rows.append(row);
}

/** Whatever is changed must be looked at again before it is signed. */
function changed() {
  previewed = '';
  signButton.setAttribute('aria-disabled', 'true');
  element('effect', HTMLTableElement).hidden = true;
}

function fields() {
  const value = (/** @type {Element} */ row, /** @type {string} */ name) =>
    part(row, `input[name=${name}]`, HTMLInputElement).value;
  const effective = Date.parse(text('effective'));
  return {
    parts: [...rows.querySelectorAll('fieldset')].map((row) => (
      { label: value(row, 'label'), recipient: value(row, 'recipient'), percentage: value(row, 'percentage') }
    )),
    overflow: text('overflow'),
    minimum: text('minimum'),
    currency: text('currency'),
    isPublic: element('public', HTMLSelectElement).value === 'everybody',
    ...(Number.isNaN(effective) ? {} : { effective }),
  };
}

/** @param {string} full */
function short(full) {
  return full.length > 30 ? `${full.slice(0, 16)}…${full.slice(-6)}` : full;
}

async function preview() {
  const written = fields();
  const amount = { amount: decimal(text('sample')), currency: text('currency').trim() };
  const contract = contractDraft(did, nextVersion, written, nodeNow());
  const effect = await jsonPost('/pay/api/contract/preview', { contract, amount });
  element('effect-currency', HTMLElement).textContent = amount.currency;
  element('effect-rows', HTMLElement).replaceChildren(...effect.parts.map((/** @type {any} */ line) => {
    const row = fromTemplate('effect-template');
    part(row, '.who-name', HTMLElement).textContent = line.label;
    part(row, '.who-role', HTMLElement).textContent =
      `${line.percentage} %${line.waits ? ' · waits for the smallest payment' : ''}`;
    part(row, '.who-did', HTMLElement).textContent = line.recipient === did ? 'you' : short(line.recipient);
    part(row, '.amount', HTMLElement).textContent = line.amount.amount;
    return row;
  }));
  element('effect', HTMLTableElement).hidden = false;
  previewed = JSON.stringify(written);
  signButton.setAttribute('aria-disabled', 'false');
  statusShow(status, 'This is what it does. Nothing is signed yet.');
}

async function sign() {
  const written = fields();
  if (JSON.stringify(written) !== previewed) {
    throw new Error('Look at the effect first, so that you see what you sign.');
  }
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign your contract. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  const now = nodeNow();
  const contract = await contractSign(identity, contractDraft(did, nextVersion, written, now), now);
  await signedFetch(identity, { method: 'PUT', path: '/pay/api/contract', body: contract });
  await load();
  changed();
  statusShow(status, 'Signed. It is kept with the versions before it.');
}

/** @param {any} version */
function versionLine({ contract }) {
  const line = fromTemplate('version-template');
  part(line, 'strong', HTMLElement).textContent = `Version ${contract.version}`;
  const parts = contract.allocations.map((/** @type {any} */ each) => `${each.percentage} % ${each.label}`).join(', ');
  part(line, '.fine', HTMLElement).textContent =
    `from ${new Date(contract.effective_at).toLocaleString()}: ${parts}`;
  return line;
}

async function load() {
  const { inEffect, versions } = await jsonGet('/pay/api/contract');
  element('in-effect', HTMLElement).textContent = inEffect === null
    ? 'No contract is in effect: everything that comes in stays with you.'
    : `Version ${inEffect} is in effect.`;
  element('history', HTMLElement).replaceChildren(...versions.map(versionLine));
  element('no-history', HTMLElement).hidden = versions.length > 0;
  const last = versions[0]?.contract;
  nextVersion = (last?.version ?? 0) + 1;
  return last;
}

async function begin() {
  const last = await load();
  const start = last?.allocations ?? [{ label: 'myself', recipient: did, percentage: 100 }];
  start.forEach((/** @type {any} */ { label, recipient, percentage }) => (
    rowAdd({ label, recipient, percentage: String(percentage) })
  ));
  element('overflow', HTMLInputElement).value = last?.overflow ?? '';
  element('minimum', HTMLInputElement).value = last?.minimum_transaction ?? '';
  element('currency', HTMLInputElement).value = last?.currency ?? element('currency', HTMLInputElement).value;
  element('public', HTMLSelectElement).value = last?.aggregates_public ? 'everybody' : 'nobody';
}

element('add-button', HTMLButtonElement).addEventListener('click', () => {
  rowAdd({ label: '', recipient: '', percentage: '' });
  changed();
});
form.addEventListener('input', (event) => {
  if (!(event.target instanceof HTMLInputElement) || event.target.name !== 'sample') {
    changed();
  }
});
element('preview-button', HTMLButtonElement).addEventListener('click', () => {
  void formRun(form, status, 'Asking the node…', preview).then(() => {
    signButton.setAttribute('aria-disabled', String(previewed === ''));
  });
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, status, 'Signing your contract…', sign).then(() => {
    signButton.setAttribute('aria-disabled', String(previewed === ''));
  });
});
begin().catch((error) => problemShow(status, error));
