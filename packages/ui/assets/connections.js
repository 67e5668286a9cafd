// Connections, vouches, invitations: signs what the forms of the page ask for.

import { nodeNow } from './clock.js';
import { signedFetch } from './http-signature.js';
import { inviteMake } from './invite.js';
import { element } from './page.js';
import { didNamed } from './people.js';
import { messageSign } from './signed-message.js';
import { hiddenValue, holdsKey, ownIdentity, signedDelete, takeOver, takeOverAll } from './signing.js';

const API = '/connections/api';

/** @type {Record<string, [string, Record<string, unknown>]>} */
const SAYINGS = {
  connection: ['trust.connection', {}],
  vouch: ['trust.vouch', { weightMillionths: 1_000_000 }],
  'vouch-half': ['trust.vouch', { weightMillionths: 500_000 }],
  'flag-yellow': ['trust.flag', { level: 'yellow' }],
  'flag-amber': ['trust.flag', { level: 'amber' }],
  'flag-red': ['trust.flag', { level: 'red' }],
};

/**
 * Signs a document and sends it.
 * @param {string} type
 * @param {string | undefined} to
 * @param {Record<string, unknown>} payload
 */
async function submit(type, to, payload) {
  const identity = await ownIdentity();
  const body = await messageSign(identity, type, to, payload, nodeNow());
  await signedFetch(identity, { method: 'POST', path: `${API}/statements`, body });
  location.reload();
}

/** @param {HTMLFormElement} form @param {string} name */
function about(form, name) {
  return form.closest('li')?.dataset[name] ?? '';
}

async function audienceSave() {
  const body = { audience: element('audience', HTMLSelectElement).value };
  await signedFetch(await ownIdentity(), { method: 'PUT', path: `${API}/audience`, body });
  location.reload();
}

/** @param {HTMLFormElement} form */
async function invite(form) {
  const identity = await ownIdentity();
  const uses = Number.parseInt(hiddenValue(form, 'uses'), 10);
  const { code, document: message } = await inviteMake(identity, uses, nodeNow());
  const body = { document: message, note: hiddenValue(form, 'note') };
  await signedFetch(identity, { method: 'POST', path: `${API}/invites`, body });
  element('invite-link', HTMLElement).textContent = `${location.origin}/invited#${code}`;
  element('invite-made', HTMLElement).hidden = false;
  element('status', HTMLElement).replaceChildren();
}

if (holdsKey()) {
  takeOverAll('form.tie-accept', (form) => submit('trust.accept', undefined, { statement: about(form, 'digest') }));
  takeOverAll('form.tie-revoke', (form) => submit('trust.revoke', undefined, { statement: about(form, 'digest') }));
  takeOverAll('form.invite-end', async (form) => {
    await signedDelete(`${API}/invites/${encodeURIComponent(about(form, 'invite'))}`, null);
    location.reload();
  });
  takeOver(element('say', HTMLFormElement), 'Signing…', async (form) => {
    const [type, payload] = SAYINGS[hiddenValue(form, 'what')] ?? ['', {}];
    await submit(type, await didNamed(hiddenValue(form, 'who')), payload);
  });
  takeOver(element('invite', HTMLFormElement), 'Signing…', invite);
  takeOver(element('audience-form', HTMLFormElement), 'Signing…', audienceSave);
}
