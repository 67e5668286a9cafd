// Where somebody is signed in: ending sign-ins.

import { hiddenValue, holdsKey, signedDelete, takeOver } from './signing.js';

if (holdsKey()) {
  for (const form of document.querySelectorAll('form.session-end')) {
    if (form instanceof HTMLFormElement) {
      takeOver(form, 'Ending the sign-in…', async () => {
        await signedDelete(`/auth/api/sessions/${encodeURIComponent(hiddenValue(form, 'id'))}`, null);
        location.assign('/auth/sessions?ended=1');
      });
    }
  }
  const others = document.getElementById('end-others');
  if (others instanceof HTMLFormElement) {
    takeOver(others, 'Ending the other sign-ins…', async () => {
      const answer = await signedDelete('/auth/api/sessions', { keep: others.dataset['keep'] ?? null });
      location.assign(`/auth/sessions?ended=${answer.ended}`);
    });
  }
}
