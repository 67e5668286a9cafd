// Keys and devices: which keys speak for me, who asks to be let in, what to take away.

import { deviceCode } from './device-code.js';
import {
  additionMake, deactivationPost, headEnsure, headFetch, recoveryPost, recoverySeed, signerOf,
} from './device-keys.js';
import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { keysCheck } from './keys.js';
import { element, part } from './page.js';
import { formRun, jsonGet, problemShow } from './problem.js';

/** @typedef {import('./identity.js').Identity} Identity */

/**
 * @typedef {object} Device
 * @property {string} key multikey
 * @property {string | null} name
 * @property {string} addedAt
 * @property {string | null} lastUsedAt
 * @property {boolean} current whether it opened this session
 */

/** @typedef {{ id: string, key: string, name: string, createdAt: string, expiresAt: string }} Waiting */

/**
 * @typedef {object} DeviceList
 * @property {string} did
 * @property {string | null} head
 * @property {'active' | 'contested'} status
 * @property {string | null} recovery
 * @property {Device[]} devices
 * @property {Waiting[]} requests
 */

/** How often somebody who waits is looked for. */
const LOOK_AGAIN_MILLIS = 10_000;

const status = element('status', HTMLElement);
const did = element('main', HTMLElement).dataset['did'] ?? '';

/** @param {string} text RFC 3339 */
function momentText(text) {
  return new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** The key of this browser, or an error that says where else to go. */
async function ownIdentity() {
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('The key of this identity is not in this browser, so it cannot sign. ' +
      'Use the device that has it, or let this browser in as a new device first.');
  }
  return identity;
}

let copies = 0;

/** @param {string} id @returns {HTMLElement} a copy of a template's element, with ids of its own */
function copyOf(id) {
  const copy = element(id, HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) {
    throw new Error(`The page's #${id} is empty.`);
  }
  copies += 1;
  for (const named of copy.querySelectorAll('[id]')) {
    copy.querySelector(`label[for="${named.id}"]`)?.setAttribute('for', `${named.id}-${copies}`);
    named.id += `-${copies}`;
  }
  return copy;
}

/**
 * @param {HTMLElement} card
 * @param {string} name of the form
 * @param {string} doing
 * @param {(form: HTMLFormElement, button: string) => Promise<void>} act gets the value of the button that was pressed
 */
function formBind(card, name, doing, act) {
  const form = part(card, `form.${name}`, HTMLFormElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = event.submitter?.getAttribute('value') ?? '';
    void formRun(form, part(form, '.status', HTMLElement), doing, () => act(form, button));
  });
}

/** @param {DeviceList} list @param {Waiting} request */
async function waitingCard(list, request) {
  const card = copyOf('waiting-card');
  card.dataset['request'] = request.id;
  part(card, '.device-name', HTMLElement).textContent = request.name;
  part(card, '.device-code', HTMLElement).textContent = await deviceCode(request.key);
  part(card, '.device-time', HTMLElement).textContent = `Asked ${momentText(request.createdAt)}`;
  formBind(card, 'let-in', 'Signing the new device in…', async (_form, button) => {
    const identity = await ownIdentity();
    if (button === 'refuse') {
      const path = `/auth/api/devices/requests/${encodeURIComponent(request.id)}`;
      await signedFetch(identity, { method: 'DELETE', path, body: null });
    } else {
      const entry = await additionMake(identity, await headEnsure(identity, list.recovery), request.key);
      const body = { entry, name: request.name, request: request.id };
      await signedFetch(identity, { method: 'POST', path: '/auth/api/devices', body });
    }
    await listShow();
  });
  return card;
}

/** @param {DeviceList} list @param {Device} device @param {string} own multikey of this browser, or empty */
function deviceCard(list, device, own) {
  const card = copyOf('device-card');
  card.dataset['key'] = device.key;
  part(card, '.device-name', HTMLElement).textContent = device.name ?? 'Without a name';
  part(card, '.device-key', HTMLElement).textContent = `${device.key.slice(0, 10)}…${device.key.slice(-6)}`;
  part(card, '.device-own', HTMLElement).hidden = device.key !== own;
  const last = device.lastUsedAt;
  const used = last === null ? 'not used to sign in yet' : `last signed in ${momentText(last)}`;
  part(card, '.device-time', HTMLElement).textContent = `Added ${momentText(device.addedAt)}, ${used}`;
  part(card, 'input[name=name]', HTMLInputElement).value = device.name ?? '';
  formBind(card, 'rename', 'Saving the name…', async (form) => {
    const path = `/auth/api/devices/${encodeURIComponent(device.key)}/name`;
    const body = { name: part(form, 'input[name=name]', HTMLInputElement).value.trim() };
    await signedFetch(await ownIdentity(), { method: 'POST', path, body });
    await listShow();
  });
  part(card, '.device-remove', HTMLElement).hidden = list.devices.length < 2 || list.recovery === null;
  formBind(card, 'remove', 'Taking the key away…', async (form) => {
    const file = part(form, 'input[type=file]', HTMLInputElement);
    const seed = await recoverySeed(file, part(form, 'textarea', HTMLTextAreaElement));
    const head = await headFetch(did);
    if (head === undefined) {
      throw new Error('The key log has no entry yet: let a device in first.');
    }
    await recoveryPost(head, head.keys.filter((key) => key !== device.key), seed);
    location.assign('/login?next=/keys');
  });
  return card;
}

async function listShow() {
  /** @type {DeviceList} */
  const list = await jsonGet('/auth/api/devices');
  const identity = await identityFetch(did);
  const own = identity === undefined ? '' : signerOf(identity).multikey;
  const waiting = await Promise.all(list.requests.map((request) => waitingCard(list, request)));
  element('contested', HTMLElement).hidden = list.status !== 'contested';
  element('no-recovery', HTMLElement).hidden = list.recovery !== null;
  element('not-here', HTMLElement).hidden = list.devices.some((device) => device.key === own);
  element('waiting', HTMLElement).hidden = list.requests.length === 0;
  element('waiting-list', HTMLElement).replaceChildren(...waiting);
  element('device-list', HTMLElement).replaceChildren(...list.devices.map((device) => deviceCard(list, device, own)));
  status.replaceChildren();
}

/** Looks for new requests while nobody is in the middle of something. */
async function waitingLook() {
  const busy = document.hidden || document.querySelector('form[aria-busy=true], details[open]') !== null;
  if (!busy) {
    await listShow().catch((error) => problemShow(status, error));
  }
}

function endBind() {
  const form = element('end', HTMLFormElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, part(form, '.status', HTMLElement), 'Ending this identity…', async () => {
      if (!part(form, 'input[type=checkbox]', HTMLInputElement).checked) {
        throw new Error('Tick the box first: this cannot be undone after 72 hours.');
      }
      const file = part(form, 'input[type=file]', HTMLInputElement);
      const seed = await recoverySeed(file, part(form, 'textarea', HTMLTextAreaElement));
      const head = await headFetch(did);
      if (head === undefined) {
        throw new Error('The key log has no entry yet: let a device in first.');
      }
      await deactivationPost(head, seed);
      location.assign('/');
    });
  });
}

async function start() {
  if (!(await keysCheck())) {
    return;
  }
  endBind();
  await listShow().catch((error) => problemShow(status, error));
  setInterval(() => void waitingLook(), LOOK_AGAIN_MILLIS);
}

void start();
