// A new device asks an identity to let it in: it makes its own key, shows a code, and waits.

import { fromHex } from './bytes.js';
import { deviceCode } from './device-code.js';
import { signedFetch } from './http-signature.js';
import { identityGenerate, identitySave } from './identity.js';
import { keysCheck, multikey } from './keys.js';
import { element, localPath } from './page.js';
import { formRun, jsonGet } from './problem.js';
import { sessionStart } from './session.js';

/** @typedef {import('./identity.js').Identity} Identity */

const LOOK_AGAIN_MILLIS = 2_000;

const form = element('enrol', HTMLFormElement);
const waiting = element('enrol-waiting', HTMLElement);

/** @param {number} millis */
function pause(millis) {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/** What this device is, for a person to know it by: never more than the browser tells every page. */
function deviceName() {
  const known = (/** @type {string} */ name) => navigator.userAgent.includes(name);
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'].find(known);
  const browser = ['Firefox', 'Edg', 'Chrome', 'Safari'].find(known);
  return [browser === 'Edg' ? 'Edge' : browser, system].filter((name) => name !== undefined).join(' on ');
}

/**
 * @param {string} requestId
 * @returns {Promise<string>} the DID that the device belongs to now
 */
async function granted(requestId) {
  for (;;) {
    await pause(LOOK_AGAIN_MILLIS);
    /** @type {{ status: string, did: string | null }} */
    const standing = await jsonGet(`/auth/api/devices/requests/${encodeURIComponent(requestId)}`);
    if (standing.status === 'approved' && standing.did !== null) {
      return standing.did;
    }
    if (standing.status === 'refused') {
      throw new Error('The other device refused. Ask again if that was a mistake.');
    }
  }
}

async function ask() {
  const id = element('enrol-id', HTMLInputElement).value.trim().replace(/^@/, '');
  const name = element('enrol-name', HTMLInputElement).value.trim() || 'New device';
  if (id === '') {
    throw new Error('Type your handle or DID.');
  }
  const device = await identityGenerate();
  /** @type {{ requestId: string }} */
  const asked = await signedFetch(device, { method: 'POST', path: '/auth/api/devices/requests', body: { id, name } });
  element('enrol-code', HTMLElement).textContent = await deviceCode(multikey(fromHex(device.publicKey)));
  waiting.hidden = false;
  waiting.focus();
  try {
    /** @type {Identity} */
    const identity = { ...device, did: await granted(asked.requestId), registered: true };
    // Saved first: if signing in is cut short, the key is not lost.
    await identitySave(identity);
    await sessionStart(identity.did, identity.privateKey);
    location.assign(localPath(form.dataset['next'], '/keys'));
  } finally {
    waiting.hidden = true;
  }
}

async function start() {
  element('enrol-name', HTMLInputElement).value ||= deviceName();
  if (!(await keysCheck())) {
    element('enrol-button', HTMLButtonElement).disabled = true;
    return;
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, element('enrol-status', HTMLElement), 'Waiting for your other device…', ask);
  });
}

void start();
