// The applications that somebody signed in to: taking a consent back.

import { hiddenValue, holdsKey, signedDelete, takeOver } from './signing.js';

if (holdsKey()) {
  for (const form of document.querySelectorAll('form.grant-revoke')) {
    if (form instanceof HTMLFormElement) {
      takeOver(form, 'Taking it back…', async () => {
        await signedDelete(`/auth/api/oidc/grants/${encodeURIComponent(hiddenValue(form, 'id'))}`, null);
        location.assign('/auth/grants?revoked=1');
      });
    }
  }
}
