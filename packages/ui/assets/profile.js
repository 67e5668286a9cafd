// Writing one's own profile. Whoever holds a key signs here; for a mailbox identity the node signs, and the plain forms
// are sent, with the picture made small first.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { pictureShrink } from './picture.js';
import { formRun, statusShow } from './problem.js';

const form = element('profile', HTMLFormElement);
const avatar = element('avatar', HTMLFormElement);
const avatarRemove = element('avatar-remove', HTMLFormElement);
const status = element('status', HTMLElement);
const holdsKey = form.dataset['signer'] === 'key';

async function signer() {
  const identity = await identityFetch(form.dataset['did'] ?? '');
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign your profile. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  return identity;
}

/**
 * Signs a change and sends it.
 * @param {'PUT' | 'DELETE'} method
 * @param {string} path
 * @param {unknown} body
 */
async function change(method, path, body) {
  return signedFetch(await signer(), { method, path, body, idempotencyKey: crypto.randomUUID() });
}

/** @param {FormData} data @param {string} name */
function text(data, name) {
  const value = data.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** The fields as the node takes them. */
function written() {
  const data = new FormData(form);
  const links = [];
  for (let index = 0; data.has(`linkUrl${index}`); index += 1) {
    const url = text(data, `linkUrl${index}`);
    if (url !== '') {
      links.push({ label: text(data, `linkLabel${index}`), url });
    }
  }
  /** @type {Record<string, { value: string, visibility: string }>} */
  const contact = {};
  for (const name of ['email', 'phone', 'location']) {
    const value = text(data, name);
    if (value !== '') {
      contact[name] = { value, visibility: text(data, `${name}Visibility`) };
    }
  }
  const bio = text(data, 'bio');
  return {
    version: Number(text(data, 'version')),
    displayName: text(data, 'displayName'),
    ...(bio === '' ? {} : { bio }),
    links,
    contact,
  };
}

async function save() {
  const view = await change('PUT', '/profile/api/profile', written());
  const version = form.elements.namedItem('version');
  if (version instanceof HTMLInputElement) {
    version.value = String(view.version);
  }
  statusShow(status, 'Saved.');
}

/** The picture that was chosen, made small. */
async function chosen() {
  const file = element('avatar-file', HTMLInputElement).files?.[0];
  if (file === undefined) {
    throw new Error('Choose a picture first.');
  }
  return pictureShrink(file);
}

/** @param {string | null} address */
function pictureShow(address) {
  const old = avatar.querySelector('.avatar');
  if (address === null) {
    location.reload();
    return;
  }
  const image = document.createElement('img');
  Object.assign(image, { className: 'avatar', alt: '', width: 96, height: 96, src: new URL(address).pathname });
  old?.replaceWith(image);
  avatarRemove.hidden = false;
}

async function pictureSend() {
  const image = await chosen();
  if (!holdsKey) {
    const field = avatar.elements.namedItem('image');
    if (field instanceof HTMLInputElement) {
      field.value = image;
    }
    element('avatar-file', HTMLInputElement).disabled = true; // Only the small picture is sent.
    avatar.submit();
    return;
  }
  const view = await change('PUT', '/profile/api/avatar', { image });
  pictureShow(view.avatar);
  statusShow(element('avatar-status', HTMLElement), 'Your picture is saved.');
}

/**
 * @param {HTMLFormElement} target
 * @param {string} region id of its live region
 * @param {string} doing
 * @param {() => Promise<void>} act
 */
function takeOver(target, region, doing, act) {
  target.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(target, element(region, HTMLElement), doing, act);
  });
}

takeOver(avatar, 'avatar-status', 'Sending your picture…', pictureSend);
if (holdsKey) {
  takeOver(form, 'status', 'Signing your profile…', save);
  takeOver(avatarRemove, 'avatar-remove-status', 'Removing your picture…', async () => {
    await change('DELETE', '/profile/api/avatar', {});
    pictureShow(null);
  });
  takeOver(element('delete', HTMLFormElement), 'delete-status', 'Deleting your profile…', async () => {
    await change('DELETE', '/profile/api/profile', {});
    location.assign('/me');
  });
}
