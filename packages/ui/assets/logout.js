// Signing out.

import { element } from './page.js';
import { formRun, jsonPost } from './problem.js';

const form = element('logout', HTMLFormElement);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, element('status', HTMLElement), 'Signing out…', async () => {
    await jsonPost('/auth/api/logout', {});
    location.assign('/');
  });
});
