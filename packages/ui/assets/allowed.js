// Who may do what with mine: signs what the forms of the page ask for.

import { nodeNow } from './clock.js';
import { signedFetch } from './http-signature.js';
import { element } from './page.js';
import { didNamed } from './people.js';
import { messageSign } from './signed-message.js';
import { hiddenValue, ownIdentity, takeOver, takeOverAll } from './signing.js';

const API = '/query/api/consent';

/**
 * Signs a document about oneself and sends it.
 * @param {'POST' | 'PUT'} method
 * @param {string} path
 * @param {string} type
 * @param {(did: string) => Record<string, unknown> | Promise<Record<string, unknown>>} say
 */
async function submit(method, path, type, say) {
  const identity = await ownIdentity();
  const body = await messageSign(identity, type, undefined, await say(identity.did), nodeNow());
  await signedFetch(identity, { method, path: `${API}/${path}`, body });
  location.reload();
}

/** @param {ParentNode} root @param {string} name */
function ticked(root, name) {
  const boxes = [...root.querySelectorAll(`input[name="${name}"]:checked`)];
  return boxes.map((box) => (box instanceof HTMLInputElement ? box.value : '')).sort();
}

/** @param {HTMLFormElement} form @param {string} subject */
async function grantOf(form, subject) {
  const to = hiddenValue(form, 'to');
  const until = hiddenValue(form, 'until');
  const fields = ticked(form, 'field');
  if (fields.length === 0) {
    throw new Error('Choose at least one thing about you.');
  }
  return {
    subject,
    grantedTo: to === 'did' ? await didNamed(hiddenValue(form, 'who')) : to,
    purpose: hiddenValue(form, 'purpose').trim(),
    fields,
    mode: hiddenValue(form, 'mode'),
    // The end of that day, wherever one is; in whole seconds, as the canonical form of a moment has it.
    ...(until === '' ? {} : { expires: new Date(`${until}T23:59:59`).toISOString().replace('.000Z', 'Z') }),
  };
}

takeOverAll('form.grant-revoke', (form) => {
  const consent = form.closest('li')?.dataset['digest'] ?? '';
  return submit('POST', 'revocations', 'revocation', () => ({ consent }));
});

/** @param {HTMLFormElement} form */
function profileOf(form) {
  /** @type {Record<string, string[]>} */
  const purposes = {};
  for (const set of form.querySelectorAll('fieldset.toggles')) {
    const [name, on] = [set instanceof HTMLElement ? set.dataset['purpose'] ?? '' : '', ticked(set, 'on')];
    if (on.length > 0) {
      purposes[name] = on;
    }
  }
  const added = hiddenValue(form, 'newPurpose').trim();
  if (added !== '') {
    purposes[added] = ticked(element('new-toggles', HTMLFieldSetElement), 'on');
  }
  return { purposes, trustedHops: Number.parseInt(hiddenValue(form, 'hops'), 10) };
}

takeOver(element('profile', HTMLFormElement), 'Signing…', (form) =>
  submit('PUT', 'profile', 'consent-profile', () => profileOf(form)));
takeOverAll('form.log-compare', async (form) => {
  const asker = form.closest('li')?.dataset['asker'] ?? '';
  await signedFetch(await ownIdentity(), { method: 'POST', path: `${API}/compare`, body: { asker } });
  location.reload();
});

takeOver(element('give', HTMLFormElement), 'Signing…', (form) =>
  submit('POST', 'grants', 'consent', (did) => grantOf(form, did)));
