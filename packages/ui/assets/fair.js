// A work in which one has a share, or that the node vouches for: signing for it with the key in this browser.

import { nodeNow } from './clock.js';
import { signedFetch } from './http-signature.js';
import { messageSign } from './signed-message.js';
import { hiddenValue, ownIdentity, takeOver } from './signing.js';

const accept = document.getElementById('fair-accept');
if (accept instanceof HTMLFormElement) {
  takeOver(accept, 'Signing for the split…', async () => {
    const [identity, manifest] = [await ownIdentity(), hiddenValue(accept, 'id')];
    const body = await messageSign(identity, 'acceptance', undefined, { manifest }, nodeNow());
    await signedFetch(identity, { method: 'POST', path: `/publisher/api/fair/${manifest}/accept`, body });
    location.reload();
  });
}

const endorse = document.getElementById('fair-endorse');
if (endorse instanceof HTMLFormElement) {
  takeOver(endorse, 'Endorsing…', async () => {
    const path = `/publisher/api/fair/${hiddenValue(endorse, 'id')}/endorse`;
    await signedFetch(await ownIdentity(), { method: 'POST', path, body: null });
    location.reload();
  });
}
