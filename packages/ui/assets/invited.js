// Somebody opens an invitation: the code is behind the #, which browsers do not send.

import { nodeNow } from './clock.js';
import { signedFetch } from './http-signature.js';
import { inviteAccept } from './invite.js';
import { element } from './page.js';
import { jsonGet, problemShow } from './problem.js';
import { holdsKey, ownIdentity, takeOver } from './signing.js';

const code = location.hash.slice(1);
const path = `/connections/api/invites/${encodeURIComponent(code)}`;

async function load() {
  const invited = await jsonGet(path);
  const name = await jsonGet(`/auth/api/lookup/${encodeURIComponent(invited.from)}`).then(
    (identity) => identity.name ?? (identity.handle ? `@${identity.handle}` : invited.from),
    () => invited.from,
  );
  element('invited-by', HTMLElement).textContent = `${name} wants to be connected with you.`;
  element('invited-note', HTMLElement).textContent = invited.note ?? '';
  if (!holdsKey()) {
    return;
  }
  const form = element('take-up', HTMLFormElement);
  form.hidden = false;
  takeOver(form, 'Signing…', async () => {
    const identity = await ownIdentity();
    const body = await inviteAccept(identity, code, invited.digest, nodeNow());
    await signedFetch(identity, { method: 'POST', path: `${path}/accept`, body });
    location.assign('/me/connections');
  });
}

load().catch((error) => {
  problemShow(element('status', HTMLElement), error);
});
